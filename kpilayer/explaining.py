"""What `Project.drivers` gives: what moved a KPI, asked from the warehouse, in every format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any, Final, get_args

from kpilayer import describe
from kpilayer.calendar import Calendar
from kpilayer.errors import Issue, QueryError, did_you_mean
from kpilayer.identity import Identity
from kpilayer.kpi.attribution import Attribution, Method
from kpilayer.kpi.bridge import Bridge, Period
from kpilayer.kpi.by_segment import BySegment, by_segment
from kpilayer.kpi.drawing.bridge_mermaid import as_mermaid
from kpilayer.kpi.drawing.bridge_text import as_markdown, as_text
from kpilayer.kpi.drawing.waterfall import as_waterfall
from kpilayer.kpi.driver_tree import DriverTree, Node, driver_tree, kind_of
from kpilayer.kpi.finding import Found, found_in
from kpilayer.kpi.influence import InfluenceRow, lag_of, lagged
from kpilayer.kpi.measuring import Values, last_day, measured, steps_back
from kpilayer.kpi.moved import attributed, is_normal, rows_of
from kpilayer.kpi.observing import Ask
from kpilayer.kpi.period_names import name_of, period_named
from kpilayer.kpi.periods import Periods, periods_of
from kpilayer.kpi.watermark import Newest, watermark
from kpilayer.model.kpi import Kpi

#: Periods before the earlier one that tell what is normal, and how influences move.
HISTORY: Final = 26


class DriverReport(Bridge):
    """What moved a KPI between two periods, driver by driver.

    ``rows`` are the tree from the root down, each with `name`, `depth`, `before`, `after`,
    `contribution` in units of the KPI, and `share` of the change. Contributions of ``leaves`` and
    ``residual``, what the tree does not explain, add up to ``change``; ``adds_up`` is False where
    some formula misses the measured values by more than its tolerance. ``offset`` is the sum of all
    contributions without their signs as a multiple of the change; ``warning`` says where that is
    above 3. ``is_normal`` is True where the change is smaller than one MAD of the usual changes,
    None where nobody knows. ``segments`` has a table for each dimension asked for, ``found`` what
    the segment finder says, ``influences`` what may move the KPI without being a part of it.

    Where ``status`` is ``undefined`` there are no contributions; ``reason`` is why, in a word,
    ``detail`` a sentence. ``notes`` are what else people should know. ``formats`` has the format of
    each metric that has one.
    """

    __slots__ = ()

    def to_text(self) -> str:
        """For a terminal: the tree with values, contributions and shares; segments, influences."""
        return as_text(self)

    def to_markdown(self) -> str:
        """As tables for a comment."""
        return as_markdown(self)

    def to_mermaid(self) -> str:
        """The tree as a Mermaid chart."""
        return as_mermaid(self)

    def to_svg(self) -> str:
        """A waterfall from the value before to the value after."""
        return as_waterfall(self)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def as_json(self) -> dict[str, Any]:
        """As JSON values: `drivers`, the rows of the tree, and a `summary` of all the rest."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        rows = told.pop("rows")
        formats = told.pop("formats")
        summary = {
            **told,
            "period": _period_values(self.period),
            "against": _period_values(self.against),
            "before": self.root.before,
            "after": self.root.after,
            "format": formats.get(self.metric) or None,
            "segments": [_segment_values(one) for one in self.segments],
            "found": None if self.found is None else _found_values(self.found),
            "influences": [asdict(one) for one in self.influences],
            "notes": list(self.notes),
        }
        return {"drivers": [asdict(row) for row in rows], "summary": summary}


def _period_values(period: Period) -> dict[str, str]:
    return {
        "name": period.name, "start": period.start.isoformat(), "end": period.end.isoformat(),
    }  # fmt: skip


def _segment_values(table: BySegment) -> dict[str, Any]:
    return {**asdict(table), "rows": [asdict(row) for row in table.rows]}


def _found_values(found: Found) -> dict[str, Any]:
    values = asdict(found.moved)
    for dimension in values["dimensions"]:
        dimension["elements"] = [
            {**element, "element": None if element["element"] is None else str(element["element"])}
            for element in dimension["elements"]
        ]
    values["dimensions"] = list(values["dimensions"])
    return {**values, "left_out": dict(found.left_out)}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about a KPI; ``today`` is the day at whose end the last period has ended."""

    today: date
    period: str | date | None = None
    against: str | date = "previous"
    method: Method = "shapley"
    by: tuple[str, ...] = ()
    find: bool = False


def explained(
    identity: Identity, name: str, asked: Asked, ask: Ask, newest: Newest
) -> DriverReport:
    """What moved a KPI between two periods.

    Raises:
        QueryError: there is no KPI of the name, no such period, method or dimension; a tree that
            cannot be read; a metric in it that cannot be asked by the KPI's cadence.
    """
    kpi = _kpi_of(identity, name)
    if asked.method not in get_args(Method):
        message = f"`{asked.method}` is not a method of attribution: `shapley` or `lmdi`"
        raise QueryError(Issue("bad-value", message))
    calendar = identity.catalog.calendar
    periods = periods_of(kpi.cadence, calendar)
    ends = _ends(kpi, asked, periods, calendar)
    tree = driver_tree(kpi, identity)
    influences = _influences(kpi, identity)
    values = _values(tree, influences, identity, periods, ends, ask)
    found = attributed(tree, values, ends, periods, asked.method) if tree.root.children else None
    segments, moved = _segments(tree, values, asked, identity, periods, ends, ask)
    if len(tree.nodes) == 1 and not segments and moved is None and not influences:
        raise QueryError(
            Issue(
                "bad-drivers",
                f"`{name}` says nothing of what it is made of",
                identity.catalog.definitions.at("kpi", name, "name"),
                hint="give it `drivers`, or look at it by a dimension: `--by DIMENSION`",
            )
        )
    first, last = (_period(end, kpi, periods, calendar) for end in ends)
    return DriverReport(
        kpi.name,
        kpi.label or kpi.name,
        kpi.metric,
        last,
        first,
        asked.method,
        rows_of(tree, values, ends, periods, found),
        **_told(found, values[kpi.name], ends),
        is_normal=is_normal(values[kpi.name], ends, periods),
        segments=segments,
        found=moved,
        influences=_influence_rows(kpi, influences, values, ends, periods),
        notes=_notes(kpi, identity, last, asked.today, newest),
        formats=_formats(tree, identity),
    )


def _kpi_of(identity: Identity, name: str) -> Kpi:
    known = {kpi.name: kpi for kpi in identity.catalog.definitions.kpis}
    if name not in known:
        message = f"there is no KPI `{name}`"
        raise QueryError(Issue("unknown-kpi", message, hint=did_you_mean(name, known)))
    return known[name]


def _ends(kpi: Kpi, asked: Asked, periods: Periods, calendar: Calendar) -> tuple[date, date]:
    """The first days of the earlier and the later period that are compared."""
    if asked.period is None:
        running = periods.holding(asked.today + timedelta(days=1))
        last = None if running is None else periods.before(running)
        assert last is not None, "periods of cadences have no first one"
    else:
        last = period_named(asked.period, kpi.cadence, calendar)
    match asked.against:
        case "previous":
            first = periods.before(last)
        case "year_ago":
            first = periods.year_before(last)
        case _:
            first = period_named(asked.against, kpi.cadence, calendar)
    if first is None or first == last:
        message = f"`{asked.against}` is not another period than the one that is told"
        raise QueryError(Issue("bad-value", message, hint="`previous`, `year_ago`, or a period"))
    return first, last


def _period(start: date, kpi: Kpi, periods: Periods, calendar: Calendar) -> Period:
    return Period(name_of(start, kpi.cadence, calendar), start, last_day(periods, start))


def _influences(kpi: Kpi, identity: Identity) -> dict[str, Node]:
    """What influences stand for, by name; KPIs with their own conditions."""
    known = {one.name: one for one in identity.catalog.definitions.kpis}
    found = {}
    for one in kpi.influences:
        if one.kpi is not None:
            found[one.kpi] = Node(
                f"influence {one.kpi}", known[one.kpi].metric, known[one.kpi].where
            )
        elif one.metric is not None:
            found[one.metric] = Node(f"influence {one.metric}", one.metric)
    return found


def _values(
    tree: DriverTree,
    influences: Mapping[str, Node],
    identity: Identity,
    periods: Periods,
    ends: tuple[date, date],
    ask: Ask,
) -> dict[str, Values]:
    """Values of the tree and of influences, which are left out where they cannot be asked."""
    cadence, calendar = tree.kpi.cadence, identity.catalog.calendar
    first, last = steps_back(periods, min(ends), HISTORY), last_day(periods, max(ends))

    def asked(nodes: Sequence[Node]) -> dict[str, Values]:
        return measured(nodes, cadence, calendar, first, last, ask)

    own = list(tree.nodes.values())
    if not influences:
        return asked(own)
    try:
        return asked([*own, *influences.values()])
    except QueryError:
        found = asked(own)
        for node in influences.values():
            try:
                found |= asked([node])
            except QueryError:
                continue
        return found


def _influence_rows(
    kpi: Kpi,
    influences: Mapping[str, Node],
    values: Mapping[str, Values],
    ends: tuple[date, date],
    periods: Periods,
) -> tuple[InfluenceRow, ...]:
    rows = []
    for one in kpi.influences:
        name, lag = one.kpi or one.metric or "", lag_of(one, kpi.cadence)
        if name not in influences:
            continue
        seen = values.get(influences[name].name)
        if seen is None:
            problem = f"its metric cannot be asked by {kpi.cadence} periods"
            rows.append(InfluenceRow(name, lag, one.sign, problem=problem))
            continue
        correlation, n = lagged(seen, values[kpi.name], lag, max(ends), periods)
        rows.append(InfluenceRow(name, lag, one.sign, correlation, n))
    return tuple(rows)


def _segments(
    tree: DriverTree,
    values: Mapping[str, Values],
    asked: Asked,
    identity: Identity,
    periods: Periods,
    ends: tuple[date, date],
    ask: Ask,
) -> tuple[tuple[BySegment, ...], Found | None]:
    """Tables of the dimensions asked for, or of `mix_by`; of several sums, the segment finder."""
    own, metric = values[tree.root.name], tree.root.metric
    by = asked.by or ((tree.mix_by,) if tree.mix_by is not None and not asked.find else ())
    can_be_found = kind_of(metric, identity) in ("additive", "semi_additive")
    if asked.find or (len(by) > 1 and can_be_found):
        listed = describe.dimensions(identity, [metric])
        names = by or tuple(one.name for one in listed if one.type == "categorical")
        return (), found_in(tree, own, names, identity, periods, ends, ask)
    tables = (by_segment(tree, values, name, identity, periods, ends, ask) for name in by)
    return tuple(tables), None


def _told(found: Attribution | None, values: Values, ends: tuple[date, date]) -> dict[str, Any]:
    if found is not None:
        told = ("status", "change", "residual", "adds_up", "offset", "warning", "reason", "detail")
        return {name: getattr(found, name) for name in told}
    first, second = values.get(ends[0]), values.get(ends[1])
    if first is None or second is None:
        missing = "before" if first is None else "after"
        return {"status": "undefined", "reason": "no_value", "detail": f"it has no value {missing}"}
    return {"change": float(second) - float(first)}


def _notes(
    kpi: Kpi, identity: Identity, period: Period, today: date, newest: Newest
) -> tuple[str, ...]:
    """Why the later period may not be all there."""
    if period.end > today:
        return (f"{period.name} has not ended",)
    reached = watermark(kpi.metric, identity.catalog, newest, {})
    if reached is not None and reached < datetime.combine(period.end, time()):
        last = reached - timedelta(microseconds=1)  # data of a day reach to its end
        return (f"{period.name} may not be complete: data reach to {last:%Y-%m-%d}",)
    return ()


def _formats(tree: DriverTree, identity: Identity) -> dict[str, str]:
    metrics = {node.metric for node in tree.nodes.values()}
    found = {name: identity.catalog.metric(name).format for name in sorted(metrics)}
    return {name: form for name, form in found.items() if form}
