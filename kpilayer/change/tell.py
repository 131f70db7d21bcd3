"""What is told of both sides: totals, periods and slices, small ones only together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from kpilayer.address import metric_column
from kpilayer.change.levels import Cells, Key, Level, roll_up_of
from kpilayer.change.numbers import Bound, Pair, crossed
from kpilayer.change.values import MetricValues, Part, ValuesAsked
from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms
from kpilayer.identity import Identity
from kpilayer.model.metric import Metric

SMALL: Final = "other (small groups)"


@dataclass(frozen=True, slots=True)
class Asked:
    """Metrics of one project in a question, and the counts of the rows of each."""

    identity: Identity
    metrics: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Sides:
    """What is asked of both sides; with ``one_scan``, in one question."""

    before: Asked
    after: Asked
    one_scan: bool = False

    @property
    def questions(self) -> tuple[tuple[Identity, tuple[str, ...]], ...]:
        """Each question: of which project, and which metrics."""
        if self.one_scan:
            rows = _once((*self.before.rows, *self.after.rows))
            metrics = (*self.before.metrics, *self.after.metrics, *rows)
            return ((self.after.identity, metrics),)
        both = (self.before, self.after)
        return tuple((one.identity, (*one.metrics, *_once(one.rows))) for one in both)

    @property
    def counts(self) -> frozenset[str]:
        """The names of counts."""
        return frozenset(_once((*self.before.rows, *self.after.rows)))


@dataclass(frozen=True, slots=True)
class Told:
    """A metric before and after, in which projects, and what has to be known of its numbers."""

    before: Metric
    after: Metric
    sides: tuple[Identity, Identity]
    notes: tuple[str, ...]
    asked: ValuesAsked


@dataclass(frozen=True, slots=True)
class _Answers:
    """The answers about one metric: of each side, its column and those of its counts."""

    cells: tuple[Cells, Cells]
    metrics: tuple[str, str]
    rows: tuple[tuple[str, ...], tuple[str, ...]]
    estimated: bool

    def pairs(self, level: Level) -> dict[Key, Pair]:
        """Both values by key; a group that one side has not, is NULL there."""
        both = [
            {key: row[0] for key, row in cells.values(level, (metric,)).items()}
            for cells, metric in zip(self.cells, self.metrics, strict=True)
        ]
        keys = [key for side in both for key, value in side.items() if value is not None]
        return {key: self.pair(*(side.get(key) for side in both)) for key in dict.fromkeys(keys)}

    def pair(self, before: Any = None, after: Any = None) -> Pair:
        """A value of both sides."""
        return Pair(before, after, self.estimated)

    def counts(self) -> dict[Key, tuple[int, ...]]:
        """How many rows each slice has, by count: first those before, then those after."""
        both = [
            {key: tuple(int(v or 0) for v in row) for key, row in c.values("slices", rows).items()}
            for c, rows in zip(self.cells, self.rows, strict=True)
        ]
        empty = [(0,) * len(rows) for rows in self.rows]
        keys = dict.fromkeys((*both[0], *both[1]))
        return {
            key: tuple(
                v for side, none in zip(both, empty, strict=True) for v in side.get(key, none)
            )
            for key in keys
        }

    def pooled(self, keys: Sequence[Key]) -> Pair | None:
        """Several slices together; None where that is not known."""
        found = [c.pooled(keys, (m,)) for c, m in zip(self.cells, self.metrics, strict=True)]
        if found[0] is None or found[1] is None:
            return None
        return self.pair(found[0][0], found[1][0])

    def has(self, level: Level) -> bool:
        """Whether there is an answer at a level."""
        return all(one.has(level) for one in self.cells)


def tell(told: Told, cells: Sequence[Cells], sides: Sides, n: int) -> MetricValues:
    """What is told of the metric that stands at a place of each side."""
    before, after = sides.before.metrics[n], sides.after.metrics[n]
    trees = [
        formula(identity.graph, metric.name)
        for identity, metric in zip(told.sides, (told.before, told.after), strict=True)
    ]
    estimated = any(a.agg.startswith("approx") for tree in trees for a in atoms(tree))
    answers = _Answers(
        (cells[0], cells[-1]),
        (metric_column(before), metric_column(after)),
        (sides.before.rows[n], sides.after.rows[n]),
        estimated,
    )
    shape = cells[0].shape
    total = answers.pairs("total").get((), answers.pair()) if answers.has("total") else None
    periods = _periods(answers, shape.grain) if shape.grain is not None else ()
    bounds = tuple(bounds_of(told.after)) or tuple(bounds_of(told.before))
    shown = [p.pair for p in periods if p.pair is not None] or ([total] if total else [])
    found = MetricValues(
        total,
        shape.grain or "",
        periods,
        shape.slices,
        adds_up=_adds_up(told),
        crossed=crossed(bounds, shown),
        scans=1 if sides.one_scan else 2,
        sample=told.asked.sample,
        notes=(*told.notes, *_notes(told, total, periods)),
    )
    if not shape.slices or not answers.has("slices"):
        return replace(found, slice=())
    return replace(found, slices=tuple(_slices(answers, shape.slices, told.asked)))


def bounds_of(metric: Metric) -> Iterator[Bound]:
    """What a metric's contracts say of the size of its values."""
    agreed = metric.contracts
    if agreed is None:
        return
    if agreed.never_negative:
        yield Bound("never negative", low=0)
    if agreed.between is not None:
        low, high = agreed.between
        yield Bound(f"between {low:g} and {high:g}", low, high)


def _adds_up(told: Told) -> bool:
    pairs = zip(told.sides, (told.before, told.after), strict=True)
    return all(roll_up_of(identity, metric.name).kind == "additive" for identity, metric in pairs)


def _notes(told: Told, total: Pair | None, periods: Sequence[Part]) -> Iterator[str]:
    if total is None and periods:
        yield "no total: it has a value for each period only"
    if told.asked.sample is not None:
        by = f"keys of {told.asked.sample_by}" if told.asked.sample_by else "primary keys"
        share = f"{told.asked.sample * 100:g} %"
        yield f"of a sample, {share} of the {by}; it proves nothing"
    if told.before.unit != told.after.unit:
        units = [metric.unit or "not said" for metric in (told.before, told.after)]
        yield f"the unit was {units[0]}, and is {units[1]}"


# ------------------------------------------------------------------------------------------ periods


def _periods(answers: _Answers, grain: str) -> tuple[Part, ...]:
    pairs = answers.pairs("periods")
    known = sorted(key for key in pairs if key[0] is not None)
    return tuple(Part(_period(key[0], grain), pairs[key]) for key in known)


def _period(start: date, grain: str) -> str:
    """A period by its name: `2026-10`, `2026-Q4`, `2026`, else its first day."""
    day = start.date() if isinstance(start, datetime) else start
    match grain:
        case "month":
            return f"{day:%Y-%m}"
        case "quarter":
            return f"{day.year}-Q{(day.month + 2) // 3}"
        case "year":
            return f"{day.year}"
    return day.isoformat()


# ------------------------------------------------------------------------------------------- slices


def _slices(answers: _Answers, names: Sequence[str], asked: ValuesAsked) -> Iterator[Part]:
    """The slices that change most; those with few rows, and the rest, each together."""
    pairs = answers.pairs("slices")
    counts = {key: rows for key, rows in answers.counts().items() if key in pairs}
    small = small_groups(counts, asked.min_rows)
    told = [key for key in pairs if key not in small and not pairs[key].same]
    told.sort(key=lambda key: (-_size(pairs[key]), _label(names, key)))
    shown = told[: asked.shown_slices]
    for key in shown:
        yield Part(_label(names, key), pairs[key])
    rest = [key for key in pairs if key not in small and key not in shown]
    if not shown and not any(not pairs[key].same for key in small):
        return
    if small:
        yield Part(SMALL, answers.pooled(small), is_rest=True)
    if len(rest) == 1:
        yield Part(_label(names, rest[0]), pairs[rest[0]])
    elif rest:
        yield Part(f"other ({len(rest):,} more)", answers.pooled(rest), is_rest=True)


def small_groups(counts: dict[Key, tuple[int, ...]], least: int) -> tuple[Key, ...]:
    """The groups that are only told together: of any count, each has none or enough rows.

    Together they have enough, too: else the next smallest group joins them.
    """
    order = sorted(counts, key=lambda key: (max(counts[key], default=0), repr(key)))
    small = [key for key in order if _is_few(counts[key], least)]
    left = [key for key in order if key not in small]
    while small and left and _is_few(_summed(counts[key] for key in small), least):
        small.append(left.pop(0))
    return tuple(small)


def _is_few(counted: Iterable[int], least: int) -> bool:
    return any(0 < count < least for count in counted)


def _summed(several: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*several, strict=True)))


def _size(pair: Pair) -> float:
    return abs(float(pair.delta)) if pair.delta is not None else 0.0


def _label(names: Sequence[str], key: Key) -> str:
    """A slice as a condition: `status = 'shipped'`."""
    pairs = zip(names, key, strict=True)
    return ", ".join(f"{name.rpartition('__')[2]} {_is(value)}" for name, value in pairs)


def _is(value: Any) -> str:
    match value:
        case None:
            return "is NULL"
        case bool():
            return f"= {str(value).lower()}"
        case str():
            return f"= '{value}'"
    return f"= {value}"


def _once(several: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in several for name in names))
