"""A change set with what is said of it: who has to agree, whether it may merge, what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kpilayer.change.diff import Change, ChangeSet
from kpilayer.change.policy import Judgement
from kpilayer.change.reach import NOBODY, Reach
from kpilayer.change.rules import RULES, Level
from kpilayer.change.values import Values

#: Classes in which a metric has, or may have, another number.
_NUMBERS: Final[frozenset[Level]] = frozenset({"value", "unproven"})


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer is told.

    ``folder`` is that of the project in its repository; ``seconds`` is how long it took.
    """

    changes: ChangeSet
    judgement: Judgement
    project: str
    folder: str = ""
    seconds: float = 0.0
    values: Values | None = None

    @property
    def fails(self) -> bool:
        """Whether it may not merge as it is."""
        return self.judgement.answer != "may merge"

    @property
    def numbers(self) -> tuple[Change, ...]:
        """Metrics that give other numbers: rows were found that tell, or the unit is another."""
        return tuple(c for c in self._metrics if has_other_numbers(c))

    @property
    def doubtful(self) -> tuple[Change, ...]:
        """Metrics of which nobody knows: neither proved to be the same, nor seen to differ."""
        return tuple(c for c in self._metrics if is_doubtful(c))

    @property
    def others(self) -> tuple[Change, ...]:
        """What else gives other numbers, or may: group-bys, joins, rows, what a query asks for."""
        return tuple(
            change
            for change in self.changes.changes
            if change.kind != "metric"
            and (change.level in _NUMBERS or any(e.rule == "usage" for e in change.edits))
        )

    @property
    def broken(self) -> tuple[Change, ...]:
        """Definitions that are gone, renamed, or answer less."""
        return tuple(c for c in self.changes.changes if c.level == "interface")

    @property
    def reach(self) -> Reach:
        """What shows anything that changes numbers, or breaks."""
        found = NOBODY
        for change in (*self.numbers, *self.doubtful, *self.others, *self.broken):
            found = found.merged(change.reach)
        return found

    @property
    def owners(self) -> tuple[str, ...]:
        """The groups that own what changes numbers, or breaks."""
        changed = (*self.numbers, *self.doubtful, *self.others, *self.broken)
        return tuple(sorted({c.owner for c in changed if c.owner}))

    @property
    def _metrics(self) -> Iterator[Change]:
        return (c for c in self.changes.changes if c.kind == "metric")


def has_other_numbers(change: Change) -> bool:
    """Whether the same question gives another answer than before, as far as is known."""
    if change.evidence is not None and change.evidence.answer == "different":
        return True
    return any(RULES[e.rule].level == "value" and not RULES[e.rule].provable for e in change.edits)


def is_doubtful(change: Change) -> bool:
    """Whether it is open if the same question gives the same answer."""
    found = change.evidence is not None and change.evidence.answer == "unproven"
    return found and not has_other_numbers(change)
