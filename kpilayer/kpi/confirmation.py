"""How often a value must be outside before its status says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kpilayer.kpi.ranges import Level

_TIMES: Final = re.compile(r"\s*([0-9]+)(?:\s+of\s+([0-9]+))?\s*")


@dataclass(frozen=True, slots=True)
class Times:
    """``count`` of the last ``of`` judged periods, the current one among them."""

    count: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= self.of:
            raise ValueError(f"`{self.count} of {self.of}`: write 1 of 1 or more, as `2 of 3`")


@dataclass(frozen=True, slots=True)
class Confirm:
    """How often a warning and a breach must be seen.

    The default is governance.md's: a warning in 2 of 3 periods, a breach at once.
    """

    warning: Times = Times(2, 3)
    breach: Times = Times(1, 1)


def times(text: str | int) -> Times:
    """What a definition writes: `2 of 3`, or `2` for two periods in a row.

    Raises:
        ValueError: It says neither.

    >>> times("2 of 3"), times(1)
    (Times(count=2, of=3), Times(count=1, of=1))
    """
    found = _TIMES.fullmatch(str(text))
    if found is None:
        raise ValueError(f"`{text}` does not say how often: write `2 of 3`, or `1`")
    return Times(int(found[1]), int(found[2] or found[1]))


def confirmed(rule: Confirm, earlier: Sequence[Level], raw: Level) -> Level:
    """The status of a period, from its own level and those of judged periods before it.

    Gaps are no levels, so they are skipped. Recovery is immediate: a healthy value is healthy. A
    breach that is not confirmed may be a confirmed warning, since it was outside of the healthy
    range, too.

    >>> confirmed(Confirm(), ["warning", "healthy"], "warning")
    'warning'
    >>> confirmed(Confirm(), ["warning", "healthy", "healthy"], "warning")
    'healthy'
    """
    if raw == "healthy":
        return "healthy"
    levels = (*earlier[-max(rule.warning.of, rule.breach.of) :], raw)
    breaches = sum(level == "breach" for level in levels[-rule.breach.of :])
    if raw == "breach" and breaches >= rule.breach.count:
        return "breach"
    outside = sum(level != "healthy" for level in levels[-rule.warning.of :])
    return "warning" if outside >= rule.warning.count else "healthy"
