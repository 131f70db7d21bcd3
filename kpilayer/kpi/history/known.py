"""What the history knows of a KPI or of a segment of it, as values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Final

from kpilayer.kpi.episodes import Change, End
from kpilayer.kpi.ranges import Bounds, Level, Range, Relative, TargetPath
from kpilayer.kpi.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Seen:
    """The value of a period as it was seen last, under one definition."""

    value: float | None
    numerator: float | None
    denominator: float | None
    revision: int


@dataclass(frozen=True, slots=True)
class Said:
    """The last verdict of a period, and how many were given."""

    verdict: Verdict
    seq: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Opened:
    """An episode as it was written last."""

    seq: int
    level: Level
    opened: date
    began: Change
    closed: date | None
    ended: End | None
    periods: int

    @property
    def state(self) -> tuple[date | None, End | None, int]:
        """What may become another."""
        return (self.closed, self.ended, self.periods)


@dataclass(frozen=True)
class Known:
    """All of it, by period; nothing of what was never judged."""

    seen: Mapping[tuple[str, date], Seen] = field(default_factory=dict)
    """By fingerprint and period."""
    said: Mapping[date, Said] = field(default_factory=dict)
    episodes: Mapping[str, Opened] = field(default_factory=dict)
    """By id."""

    @property
    def since(self) -> date | None:
        """The first period that was judged."""
        return min(self.said, default=None)


NOTHING: Final = Known()


def ranges_of(verdict: Verdict) -> str:
    """The ranges that a verdict was made by, as JSON."""
    held = {"range": verdict.range, "relative": verdict.relative}
    given = {name: asdict(one) for name, one in held.items() if one is not None}
    return json.dumps(given, default=str, sort_keys=True)


def verdict_of(row: Mapping[str, Any]) -> Verdict:
    """The verdict of a row of `kpi_status`."""
    ranges = json.loads(row["ranges_json"])
    return Verdict(
        row["period_start"],
        row["value"],
        row["raw"],
        row["status"],
        tuple(row["reasons"].split()),
        distance=row["distance"],
        range=_range(ranges["range"]) if "range" in ranges else None,
        relative=_relative(ranges["relative"]) if "relative" in ranges else None,
        expected=row["expected"],
        restated_from=row["restated_from"],
        note=row["note"],
        revision=row["revision"],
    )


def _range(held: Mapping[str, Any]) -> Range:
    return Range(Bounds(**held["healthy"]), Bounds(**held["critical"]))


def _relative(held: Mapping[str, Any]) -> Relative:
    path = held["path"]
    if path is not None:
        days = {key: date.fromisoformat(path[key]) for key in ("baseline_on", "by")}
        path = TargetPath(**{**path, **days})
    return Relative(**{**held, "range": _range(held["range"]), "path": path})


def known_of(
    seen: Iterable[Mapping[str, Any]],
    said: Iterable[Mapping[str, Any]],
    opened: Iterable[Mapping[str, Any]],
) -> Known:
    """What rows of the three tables say; the later ones of a period last."""
    return Known(
        {
            (row["fingerprint"], row["period_start"]): Seen(
                row["value"], row["numerator"], row["denominator"], row["revision"]
            )
            for row in seen
        },
        {
            row["period_start"]: Said(verdict_of(row), row["seq"], row["fingerprint"])
            for row in said
        },
        {
            row["id"]: Opened(
                *(row[n] for n in ("seq", "level", "opened", "began", "closed", "ended", "periods"))
            )
            for row in opened
        },
    )
