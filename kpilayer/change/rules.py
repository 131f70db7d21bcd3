"""Classes of changes, and the table that says of each edited field which class it has.

The table is the only one: a rule is named in every report, and `kpilayer explain RULE` tells what
stands here. A field that the table does not know counts as one that changes values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Level = Literal[
    "none",
    "cosmetic",
    "equivalent",
    "governance",
    "added",
    "unproven",
    "value",
    "interface",
]
#: From what nobody notices to what breaks somebody's query.
LEVELS: Final[tuple[Level, ...]] = (
    "none",
    "cosmetic",
    "equivalent",
    "governance",
    "added",
    "unproven",
    "value",
    "interface",
)


def worst(levels: Iterable[Level]) -> Level:
    """The class of a set of changes: that of its most severe member.

    >>> worst(["cosmetic", "value", "added"])
    'value'
    """
    return max(levels, key=LEVELS.index, default="none")


def at_least(level: Level, bound: Level) -> bool:
    """Whether a class is as severe as another."""
    return LEVELS.index(level) >= LEVELS.index(bound)


@dataclass(frozen=True, slots=True)
class Rule:
    """What an edit is: its class, a sentence, and why it has this class.

    ``provable``: a proof that the meaning is what it was makes it *equivalent*; rows that tell the
    two apart make it *value*; neither, *unproven*.
    """

    level: Level
    title: str
    why: str
    provable: bool = False


_READ = "Numbers stay as they are; people read the definition otherwise."
_ASK = "The meaning of the number changes for everyone who reads it, unless it is proved not to."

RULES: Final[dict[str, Rule]] = {
    # ------------------------------------------------------------------------------------- cosmetic
    "spelling": Rule("cosmetic", "Another spelling of the same meaning.", "The fingerprint stays."),
    "wording": Rule("cosmetic", "A label, description, synonym or format.", _READ),
    "metric-test": Rule("cosmetic", "The examples that test a metric.", "They decide no number."),
    "making": Rule(
        "cosmetic", "How rows of a view are kept.", "A view and a table of it hold the same rows."
    ),
    # ----------------------------------------------------------------------------------- governance
    "certified-wording": Rule(
        "governance",
        "The description of a certified metric.",
        "Who vouches for a number vouches for what is said of it, too.",
    ),
    "ownership": Rule(
        "governance",
        "The group that owns a definition, or who is in it.",
        "Whoever owns it decides what it may become.",
    ),
    "tagging": Rule("governance", "Tags and metadata.", "Pipelines select by them."),
    "status": Rule(
        "governance", "Where a metric stands between draft and retired.", "Others rely on it."
    ),
    "certificate": Rule("governance", "Who vouches for a metric.", "It is a promise to others."),
    "promise": Rule(
        "governance", "What must hold for the numbers of a metric.", "Its checks find other faults."
    ),
    "version": Rule(
        "governance",
        "The number of a version, or what is kept of former ones.",
        "People ask for `metric@1` by it.",
    ),
    "usage": Rule(
        "governance", "A saved query, exposure or view shows other things.", "Readers see others."
    ),
    "rights": Rule("governance", "Who may read a view.", "Rights decide who sees a number."),
    "range": Rule(
        "governance", "Where a KPI is healthy.", "The same number has another status from then on."
    ),
    "range-loosened": Rule(
        "governance",
        "A range of a KPI lets more pass than before.",
        "What was a warning or a breach may be healthy now, though nothing got better.",
    ),
    "target": Rule("governance", "What a KPI or an objective is to reach.", "Plans rest on it."),
    "consequence": Rule(
        "governance", "Who does what where a KPI is not healthy.", "Somebody else has to act."
    ),
    "tree": Rule(
        "governance", "What a KPI supports, or is made of.", "Its change is explained otherwise."
    ),
    "contract": Rule(
        "governance", "When and how a KPI is judged.", "Its verdicts come at other times."
    ),
    # ---------------------------------------------------------------------------------------- added
    "new": Rule("added", "A definition that was not there.", "Nobody uses it yet."),
    "wider": Rule("added", "More can be asked than before.", "What was asked gives what it gave."),
    # ---------------------------------------------------------------------------------------- value
    "kind": Rule("value", "Another kind of metric.", _ASK, provable=True),
    "aggregation": Rule("value", "How rows become one number.", _ASK, provable=True),
    "formula": Rule("value", "The value of a row, or a formula.", _ASK, provable=True),
    "condition": Rule("value", "Which rows count.", _ASK, provable=True),
    "source": Rule("value", "Where rows come from.", _ASK, provable=True),
    "join": Rule("value", "How rows find those of other models.", _ASK, provable=True),
    "path": Rule(
        "value",
        "A group-by is found by another path of joins, though nobody wrote so.",
        "Rows find other rows, so groups have other numbers.",
    ),
    "inputs": Rule("value", "What a metric is computed from.", _ASK, provable=True),
    "measured": Rule(
        "value", "The number that a KPI is a contract on.", "Its history is one of another number."
    ),
    "dimension": Rule("value", "What a group-by means.", _ASK, provable=True),
    "macro": Rule("value", "A macro or variable that definitions use.", _ASK, provable=True),
    "upstream": Rule("value", "Something that the metric is computed from.", _ASK, provable=True),
    "window": Rule("value", "Over which time values are gathered or compared.", _ASK),
    "time": Rule("value", "Which time is that of a row.", "Totals stay, series do not.", True),
    "gaps": Rule("value", "What stands where there is no value.", _ASK, provable=True),
    "balance": Rule("value", "Over which time a number does not add up.", _ASK),
    "former-version": Rule(
        "value", "A former version means something else.", "What was once reported changes.", True
    ),
    "unit": Rule("value", "What one stands for.", "The same digits are read as another amount."),
    "default-grain": Rule(
        "value", "The grain of time when a question names none.", "The same question gives others."
    ),
    "calendar": Rule(
        "value",
        "Weeks, fiscal years, zones or periods of the project.",
        "Every number by such a period changes.",
    ),
    "dialect": Rule(
        "value",
        "The dialect in which expressions are written.",
        "The same text means something else.",
    ),
    "row-access": Rule(
        "value", "Which rows a role sees.", "The same question gives readers other numbers."
    ),
    "unknown-key": Rule(
        "value", "A field that no rule knows.", "What is not understood is taken seriously."
    ),
    # ------------------------------------------------------------------------------------ interface
    "removed": Rule("interface", "A definition is gone.", "Whoever asks for it gets an error."),
    "renamed": Rule("interface", "A definition has another name.", "The old name is an error."),
    "narrower": Rule(
        "interface", "Less can be asked than before.", "Questions that were answered are refused."
    ),
    "column": Rule(
        "interface", "A column of a published view is gone or renamed.", "Tools ask for columns."
    ),
    "masked": Rule(
        "interface",
        "Who sees values of a metric.",
        "Readers lose values, or see what they may not.",
    ),
}
