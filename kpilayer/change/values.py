"""How much numbers change: both definitions on the data, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from kpilayer.change.numbers import Crossed, Pair, amount, percent, plain_value, signed

SHOWN_PERIODS: Final = 40  # in Markdown; text and JSON show all


@dataclass(frozen=True, slots=True)
class ValuesAsked:
    """What is asked of the data: the last closed periods, and what may be seen of them.

    ``as_of`` is the day on which the open period is; today by default. Slices with fewer than
    ``min_rows`` rows on a side are shown together. ``sample`` is the share of keys that is looked
    at, all by default, taken by the key of the entity ``sample_by``, else by the primary one.
    """

    periods: int = 13
    grain: str = "month"
    as_of: date | None = None
    min_rows: int = 10
    sample: float | None = None
    sample_by: str | None = None
    shown_slices: int = 5


@dataclass(frozen=True, slots=True)
class Part:
    """A period or a slice, and what it was and is. ``pair`` is None where it cannot be told.

    ``is_rest``: several slices together.
    """

    label: str
    pair: Pair | None
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class MetricValues:
    """How much the numbers of one metric change.

    ``total`` is over all ``periods``; None where there is none. ``slices`` are by ``slice``, the
    largest difference first, and what is left together at the end; they ``add_up`` to the total
    where the metric is a sum. ``notes`` are sentences on what is to be known of them.
    """

    total: Pair | None = None
    grain: str = ""
    periods: tuple[Part, ...] = ()
    slice: tuple[str, ...] = ()
    slices: tuple[Part, ...] = ()
    adds_up: bool = False
    crossed: tuple[Crossed, ...] = ()
    scans: int = 1
    sample: float | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""
    refused: bool = False
    """Whether the problem is in the words of the warehouse, which may quote values of rows."""

    @property
    def changed(self) -> int:
        """In how many periods the number is another one."""
        return sum(1 for part in self.periods if part.pair is not None and not part.pair.same)

    @property
    def effect(self) -> str:
        """The change in a few words: `+14.3 %`."""
        if self.problem:
            return ""
        sign = "≈ " if self.sample is not None else ""
        return sign + self._plain_effect

    @property
    def _plain_effect(self) -> str:
        pairs = [part.pair for part in self.periods if part.pair is not None]
        if self.total is None:
            if not pairs:
                return ""
            last = self.periods[-1]
            assert last.pair is not None, "periods always have values"
            return f"{last.pair.shown} in {last.label}"
        if not self.total.same and not self.total.is_fill:
            return self.total.shown
        differing = [pair for pair in pairs if not pair.same]
        if not differing:
            return self.total.shown
        if all(pair.is_fill for pair in differing):
            return f"fill only, in {self.changed_periods}"
        return f"same total, {self.changed_periods} differ"

    @property
    def changed_periods(self) -> str:
        """In how many of the periods: `5 of 13 months`."""
        return f"{self.changed} of {_counted(len(self.periods), self.grain)}"

    @property
    def largest(self) -> Part | None:
        """The slice that changes most, of those that are told."""
        told = [p for p in self.slices if p.pair is not None and not p.pair.same and not p.is_rest]
        return told[0] if told else None

    @property
    def attribution(self) -> str:
        """Where the change comes from: `status = 'shipped' +13.4 M of +13.4 M`."""
        largest = self.largest
        if self.total is not None and self.total.same and not self.changed:
            return ""
        if largest is None or largest.pair is None or largest.pair.delta is None:
            return ""
        if largest.pair.is_fill:
            return f"{largest.label} {largest.pair.shown}"
        if not self.adds_up or self.total is None:
            return f"most in {largest.label}: {largest.pair.shown}"
        return f"{largest.label} {signed(largest.pair.delta)} of {signed(self.total.delta)}"

    @property
    def sentence(self) -> str:
        """The effect, and where it comes from."""
        return ": ".join(filter(None, (self.effect, self.attribution)))


@dataclass(frozen=True, slots=True)
class Values:
    """By metric, how much its numbers change, and what it cost to find out."""

    metrics: Mapping[str, MetricValues] = field(default_factory=dict)
    cost: Mapping[str, Any] = field(default_factory=dict)
    warehouse_failed: bool = False
    """Whether the warehouse refused anything."""

    def effect(self, metric: str) -> str:
        """The change of a metric's total, in words: `+14.3 %`; empty where nobody looked."""
        found = self.metrics.get(metric)
        return found.effect if found is not None else ""

    @property
    def cost_words(self) -> str:
        """What it cost: `values: 1 query in 0.9 s, one scan for both sides`."""
        queries = _counted(self.cost["queries"], "query")
        scans = self.cost["scans"]
        told = [f"{scans[kind]} in {words}" for kind, words in _SCANS.items() if scans.get(kind)]
        only = len(told) == 1
        how = told[0].partition(" in ")[2] if only else "; ".join(told)
        failed = self.cost["failed"]
        more = f"; {_counted(failed, 'metric')} failed" if failed else ""
        return f"values: {queries} in {self.cost['seconds']:.1f} s" + (
            f", {how}{more}" if how else more
        )

    def as_markdown(self, metric: str) -> Iterator[str]:
        """The changes of a metric by period and slice, as lines of Markdown."""
        found = self.metrics.get(metric)
        if found is None:
            return
        yield ""
        if found.problem:
            why = "the warehouse refuses the question" if found.refused else found.problem
            yield f"Values were not found: {_safe(why)}."
            return
        yield f"**How much:** {_safe(_summary(found))}."
        yield from (f"{_safe(one.shown)}." for one in found.crossed)
        if found.periods:
            yield ""
            yield f"| {found.grain} | before | after | change |"
            yield "|---|---|---|---|"
            yield from (_row(part) for part in found.periods[-SHOWN_PERIODS:])
        if found.slices:
            yield ""
            yield f"| {_safe(' · '.join(found.slice))} | before | after | change |"
            yield "|---|---|---|---|"
            yield from (_row(part) for part in found.slices)
        if found.notes:
            yield ""
            yield from (f"{_safe(note)}<br>" for note in found.notes)

    def as_text(self, metric: str) -> Iterator[str]:
        """The changes of a metric by period and slice, as lines for a terminal."""
        found = self.metrics.get(metric)
        if found is None:
            return
        if found.problem:
            yield f"values were not found: {found.problem}"
            return
        yield f"values    {_summary(found)}"
        yield from (f"          {one.shown}" for one in found.crossed)
        parts = (*found.periods, *found.slices)
        width = max((len(part.label) for part in parts), default=0)
        for part in parts:
            if part.pair is None:
                yield f"          {part.label:{width}}  not shown"
            elif not part.pair.same:
                yield f"          {part.label:{width}}  {part.pair.values}  {_change(part.pair)}"
        yield from (f"          {note}" for note in found.notes)

    def as_json(self, metric: str) -> dict[str, Any] | None:
        """The changes of a metric as JSON values."""
        found = self.metrics.get(metric)
        if found is None:
            return None
        if found.problem:
            return {"problem": found.problem}
        return {
            "effect": found.effect,
            "attribution": found.attribution or None,
            "estimated": found.sample is not None,
            "sample": found.sample,
            "total": _pair_json(found.total),
            "grain": found.grain or None,
            "periods": [{"period": p.label, **(_pair_json(p.pair) or {})} for p in found.periods],
            "periods_changed": found.changed,
            "slice": list(found.slice),
            "slices": [
                {"slice": p.label, "rest": p.is_rest, **(_pair_json(p.pair) or {})}
                for p in found.slices
            ],
            "bounds": [
                {"bound": one.bound.name, "left": one.left, "returned": one.returned}
                for one in found.crossed
            ],
            "scans": found.scans,
            "notes": list(found.notes),
            "problem": None,
        }


_SCANS: Final = {1: "one scan for both sides", 2: "a query for each side"}


def _summary(found: MetricValues) -> str:
    told = [found.sentence or "no number"]
    if found.total is not None and not found.total.same:
        told.append(f"in total {found.total.values}")
    if found.periods:
        last = found.periods[-1]
        if last.pair is not None:
            told.append(f"{last.label} {last.pair.values} ({last.pair.shown})")
        told.append(f"{found.changed_periods} changed")
    return ", ".join(told)


def _row(part: Part) -> str:
    if part.pair is None:
        return f"| {_safe(part.label)} | | | not shown |"
    before, after = amount(part.pair.before), amount(part.pair.after)
    cells = (part.label, before, after, _change(part.pair))
    return "| " + " | ".join(_safe(cell) for cell in cells) + " |"


def _change(pair: Pair) -> str:
    if pair.same:
        return ""
    if pair.is_fill:
        return "fill only"
    if pair.share is not None:
        return percent(pair.share)
    return "" if pair.delta is None else signed(pair.delta)


def _pair_json(pair: Pair | None) -> dict[str, Any] | None:
    if pair is None:
        return None
    return {
        "before": plain_value(pair.before),
        "after": plain_value(pair.after),
        "delta": plain_value(pair.delta),
        "share": pair.share,
        "same": pair.same,
        "fill_only": pair.is_fill and not pair.same,
    }


def _counted(number: int, one: str) -> str:
    many = f"{one[:-1]}ies" if one.endswith("y") and one != "day" else f"{one}s"
    return f"{number:,} {one if number == 1 else many}"


def _safe(text: str) -> str:
    """Text that no value of the data can turn into Markdown or HTML."""
    text = " ".join(text.split())
    for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "@\u200b")):
        text = text.replace(sign, written)
    for sign in "\\`|[]*_":
        text = text.replace(sign, "\\" + sign)
    return text
