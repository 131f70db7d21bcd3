"""What `Project.diff` compares and gives: a caller's words to two projects, and their review."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from kpilayer import __version__
from kpilayer.change.data import changes_values, summary_values
from kpilayer.change.diff import Change, ChangeSet
from kpilayer.change.machines import junit, sarif, workflow_commands
from kpilayer.change.markdown import BUDGET, markdown
from kpilayer.change.measure import OnStep, Target, measure, wanted
from kpilayer.change.policy import Answer
from kpilayer.change.review import Review
from kpilayer.change.rules import Level
from kpilayer.change.text import text
from kpilayer.change.values import Values, ValuesAsked
from kpilayer.errors import DefinitionError, Issue
from kpilayer.identity import Identity
from kpilayer.load.approvals import approvals_in
from kpilayer.running import Warehouse
from kpilayer.selection.git import default_branch, head_commit, is_reference, merge_base
from kpilayer.selection.versions import Side, Version

WORKING_TREE: Final = "working tree"
_SHORT: Final = 7


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two versions of the definitions, what it does, and if it may merge."""

    review: Review

    @property
    def changes(self) -> tuple[Change, ...]:
        """What happened to each definition, the most severe first."""
        return self.review.changes.changes

    @property
    def level(self) -> Level:
        """The class of the whole: that of the most severe change."""
        return self.review.changes.level

    @property
    def counts(self) -> Mapping[Level, int]:
        """How many definitions have changed, by class."""
        return self.review.changes.counts

    @property
    def answer(self) -> Answer:
        """`may merge`, `needs approval` or `may not merge`."""
        return self.review.judgement.answer

    @property
    def findings(self) -> tuple[Issue, ...]:
        """What policy says against it."""
        return self.review.judgement.findings

    def __getitem__(self, name: str) -> Change:
        """What happened to a metric, or another definition by kind: `dimension orders.status`.

        Raises:
            KeyError: nothing has.
        """
        kind, _, rest = name.rpartition(" ")
        found = self.review.changes.of(kind.replace(" ", "_") or "metric", rest)
        if found is None:
            raise KeyError(name)
        return found

    def __str__(self) -> str:
        return text(self.review)

    def to_markdown(self, budget: int = BUDGET) -> str:
        """As Markdown for one comment, of at most so many characters."""
        return markdown(self.review, budget)

    def to_sarif(self) -> str:
        """As SARIF 2.1.0."""
        return sarif(self.review, __version__)

    def to_junit(self) -> str:
        """As JUnit XML."""
        return junit(self.review)

    def to_annotations(self) -> str:
        """As workflow commands of GitHub, which it shows beside the lines."""
        return workflow_commands(self.review)

    def as_json(self) -> dict[str, Any]:
        """As JSON values: `changes`, and a `summary`."""
        return {"changes": changes_values(self.review), "summary": summary_values(self.review)}


def measured(
    changes: ChangeSet, asked: ValuesAsked, warehouse: Warehouse, on_step: OnStep | None = None
) -> Values:
    """How much numbers change on the data of the target, which is only reached if any may have.

    Raises:
        QueryError: nothing can be asked so.
        WarehouseError: the target cannot be reached.
    """
    if not wanted(changes):
        return Values(cost={"queries": 0, "seconds": 0.0, "scans": {}, "failed": 0})
    with warehouse.connected() as connection:
        target = Target(
            lambda compiled: warehouse.table(compiled, connection),
            connection.dialect,
            warehouse.schema,
        )
        return measure(changes, asked, target, on_step)


def sides(
    version: Version, base: str | None, head: str | None, here: Callable[[], Identity]
) -> tuple[Side, Side, Side]:
    """The two projects, and what a merge is judged by: the newest state of the base.

    Each is a git reference, `REF...` (where it was left), or a folder.

    Without ``base``: where this line of work left the main branch. Without ``head``: the project
    as its files are now, which ``here`` gives.

    Raises:
        ConfigError: one of them is not there.
        DefinitionError: one of them has errors.
    """
    newer = _here(version, here()) if head is None else _side(version, head, "HEAD")
    if base is None:
        base = f"{default_branch(version.root)}..."
    older = _side(version, base, head or "HEAD")
    if not base.endswith("..."):
        return older, newer, older
    tip = _side(version, base.removesuffix("..."), "HEAD")
    return older, newer, older if tip.commit == older.commit else tip


def _here(version: Version, identity: Identity) -> Side:
    """The project as its files are now."""
    approvals, issues = approvals_in(version.root)
    if issues:
        raise DefinitionError(issues)
    commit = head_commit(version.root)
    return Side(WORKING_TREE, identity, (), commit, approvals)


def _side(version: Version, word: str, other: str) -> Side:
    named = word.removeprefix("git:")
    if named.endswith("..."):
        start = merge_base(version.root, named[:-3], other.removeprefix("git:"))
        shown = f"{named[:-3]}@{start[:_SHORT]}" if named[:-3] != start else start[:_SHORT]
        return version.whole(f"git:{start}", shown)
    if word.startswith("git:") or _is_git(version.root, word):
        found = version.whole(f"git:{named}", named)
        return replace(found, shown=f"{named}@{found.commit[:_SHORT]}")
    return version.whole(word, word)


def _is_git(root: Path, word: str) -> bool:
    """Whether a word is a reference of git; a folder of the same name is written `./name`."""
    is_path = "/" in word and Path(word).exists()
    return not is_path and (is_reference(root, word) or not Path(word).exists())
