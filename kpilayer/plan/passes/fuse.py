"""Aggregations of the same rows by the same keys become one, which is read several times.

A metric and its earlier value, or windows of several lengths, differ in their range of time only:
rows are then read once for all of it, and who needs less says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, takewhile

from sqlglot import exp

from kpilayer import expr
from kpilayer.conditions import all_of
from kpilayer.expr import conjuncts
from kpilayer.grain import parse_moment, truncate
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Combine,
    Derived,
    Distinct,
    Filter,
    Group,
    Join,
    Levels,
    Match,
    Measure,
    Plan,
    Project,
    Read,
    Scan,
    SemiJoin,
    Source,
    Spine,
    aliases,
    columns_of,
    keys_of,
    walk,
)
from kpilayer.plan.passes.bounds import literal_date

#: The alias of a read before, to the one after and what its columns are called now.
_Renamed = dict[str, tuple[str, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class _Span:
    """ISO dates, half open, None without a bound."""

    lower: str | None = None
    upper: str | None = None

    def meets(self, other: _Span) -> bool:
        """Whether together they are one span, without a gap."""
        before = self.upper is None or other.lower is None or other.lower <= self.upper
        after = other.upper is None or self.lower is None or self.lower <= other.upper
        return before and after

    def with_(self, other: _Span) -> _Span:
        """The span from the first to the last."""
        lower = min(self.lower, other.lower) if self.lower and other.lower else None
        upper = max(self.upper, other.upper) if self.upper and other.upper else None
        return _Span(lower, upper)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What an aggregation reads: rows, conditions, and a span of its key ``key``, if it has one.

    ``is_exact``: a group outside of the span must not be there.
    """

    source: Source
    held: tuple[exp.Expr, ...]
    key: str | None = None
    time: exp.Expr | None = None
    span: _Span = _Span()
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class _Fused:
    """What an aggregate is read from now: a group, its columns there, the condition on its rows."""

    group: Aggregate
    columns: Mapping[str, str]
    condition: exp.Expr | None


def fuse(plan: Plan) -> Plan:
    """Aggregations of the same rows by the same keys are computed once.

    ``a AS (SELECT month, SUM(x) .. WHERE t >= '2025-01-01'), b AS (SELECT month, SUM(x) .. WHERE
    t >= '2024-01-01')`` → ``b``, and of its rows those of 2025
    """
    found = {n.name: n for n in walk(plan.root) if isinstance(n, Aggregate)}
    kin: dict[object, list[tuple[Aggregate, _Rows]]] = {}
    for aggregate in found.values():
        rows = _rows(aggregate)
        like = (rows.source, frozenset(rows.held), aggregate.keys, rows.time)
        kin.setdefault(like, []).append((aggregate, rows))
    fused: dict[str, _Fused] = {}
    for family in kin.values():
        if len(family) > 1:
            _fuse_family(family, fused)
    return _Reader(plan, fused).plan() if fused else plan


def _rows(aggregate: Aggregate) -> _Rows:
    """The rows of an aggregate, apart from a span of time that is whole periods of a key."""
    saving: list[exp.Expr] = []  # of these, and no others, rows beyond would change nothing
    parts: list[exp.Expr] = []
    source = aggregate.input
    while isinstance(source, Filter):
        own = conjuncts(source.condition)
        parts = [*own, *parts]
        saving += own if source.saves_reading else ()
        source = source.input
    whole = _Rows(source, tuple(parts), is_exact=True)
    for key in aggregate.keys:
        value = key.value
        if not (isinstance(value, exp.Anonymous) and value.name == expr.TRUNC):
            continue
        unit, time = value.expressions[0].name, value.expressions[1]
        bounds = [p for p in saving or parts if _is_bound(p, time, unit, bool(saving))]
        if bounds:
            lower = max((_day(p) for p in bounds if isinstance(p, exp.GTE)), default=None)
            upper = min((_day(p) for p in bounds if isinstance(p, exp.LT)), default=None)
            held = tuple(p for p in parts if not any(p is bound for bound in bounds))
            return _Rows(source, held, key.name, time, _Span(lower, upper), not saving)
    return whole


def _is_bound(part: exp.Expr, time: exp.Expr, unit: str, saves: bool) -> bool:
    """Whether a condition says from or until which period rows count."""
    if not isinstance(part, (exp.GTE, exp.LT)) or part.this != time:
        return False
    date = literal_date(part.expression)
    moment = parse_moment(date) if date is not None else None
    return moment is not None and (saves or truncate(moment[0], unit) == moment[0])


def _day(part: exp.Expr) -> str:
    return literal_date(part.expression) or ""


def _fuse_family(family: Sequence[tuple[Aggregate, _Rows]], fused: dict[str, _Fused]) -> None:
    """Fuses aggregates that differ in measures and spans only, as far as these meet."""
    left = list(family)
    while left:
        (first, rows), *rest = left
        together, span, left = [(first, rows)], rows.span, []
        measures = {m.name: m for m in first.measures}
        for other, its in rest:
            clash = any(measures.get(m.name, m) != m for m in other.measures)
            if clash or not span.meets(its.span):
                left.append((other, its))
                continue
            together.append((other, its))
            span = span.with_(its.span)
            measures |= {m.name: m for m in other.measures}
        if len(together) > 1:
            _fuse_all(together, span, fused)


def _fuse_all(
    together: Sequence[tuple[Aggregate, _Rows]], span: _Span, fused: dict[str, _Fused]
) -> None:
    first, rows = together[0]
    names: dict[Measure, list[str]] = {}
    for aggregate, _ in together:
        for measure in aggregate.measures:
            names.setdefault(replace(measure, name=""), []).append(measure.name)
    kept = _called(names, keys_of(first))
    parts = [*rows.held, *_within(rows.time, span)] if rows.time is not None else [*rows.held]
    condition = all_of(parts)
    source = rows.source if condition is None else Filter(rows.source, condition)
    measures = tuple(replace(m, name=name) for m, name in kept.items())
    whole = Aggregate(first.name, source, first.keys, measures)
    for aggregate, its in together:
        columns = {k: k for k in keys_of(aggregate)}
        columns |= {m.name: kept[replace(m, name="")] for m in aggregate.measures}
        own: list[exp.Expr] = []
        if its.is_exact and its.key is not None:
            beyond = _Span(
                its.span.lower if its.span.lower != span.lower else None,
                its.span.upper if its.span.upper != span.upper else None,
            )
            own = _within(exp.column(its.key, table=whole.name), beyond)
        fused[aggregate.name] = _Fused(whole, columns, all_of(own))


def _called(names: Mapping[Measure, list[str]], taken: Iterable[str]) -> dict[Measure, str]:
    """One name for each measure: what its names begin with, or the first of them."""
    used = {*taken, *(name for its in names.values() for name in its)}
    kept = {}
    for measure, its in names.items():
        words = zip(*(name.split("_") for name in its), strict=False)
        begin = "_".join(same[0] for same in takewhile(lambda w: len({*w}) == 1, words))
        kept[measure] = begin if begin and begin not in used else its[0]
        used.add(kept[measure])
    return kept


def _within(time: exp.Expr, span: _Span) -> list[exp.Expr]:
    def date(text: str) -> exp.Expr:
        return exp.cast(exp.Literal.string(text), exp.DataType.Type.DATE, copy=False)

    found: list[exp.Expr] = []
    if span.lower is not None:
        found.append(exp.GTE(this=time.copy(), expression=date(span.lower)))
    if span.upper is not None:
        found.append(exp.LT(this=time.copy(), expression=date(span.upper)))
    return found


class _Reader:
    """Rebuilds a plan over fused aggregates: who reads one is told its new name and columns."""

    def __init__(self, plan: Plan, fused: Mapping[str, _Fused]) -> None:
        self._plan, self._fused = plan, fused
        self._known: dict[int, tuple[Group, Mapping[str, str]]] = {}
        self._wholes: dict[str, Aggregate] = {}
        self._taken = _names(plan)

    def plan(self) -> Plan:
        project = self._plan.root.input
        top, columns = self._group(project.input)
        renamed: _Renamed = {project.input.name: (top.name, columns)}
        made = Project(top, _columns(project.columns, renamed))
        return replace(self._plan, root=replace(self._plan.root, input=made))

    def _group(self, node: Group) -> tuple[Group, Mapping[str, str]]:
        """A group over fused ones, and what its columns are called now."""
        if id(node) not in self._known:
            self._known[id(node)] = self._rebuilt(node)
        return self._known[id(node)]

    def _rebuilt(self, node: Group) -> tuple[Group, Mapping[str, str]]:
        same = {name: name for name in columns_of(node)}
        match node:
            case Aggregate() if node.name in self._fused:
                return self._shown(node, self._fused[node.name])
            case Aggregate():
                return self._aggregate(node), same
            case Combine():
                branches = tuple(self._named_as_before(b) for b in node.branches)
                return replace(node, branches=branches), same
            case Derived():
                return self._derived(node), same
            case Levels():
                return replace(node, arms=tuple(self._derived(arm) for arm in node.arms)), same
            case Spine():
                if node.bounds is None:
                    return node, same
                bounds, columns = self._group(node.bounds)
                assert isinstance(bounds, Aggregate), "bounds have no key, and so no span"
                renamed = {node.bounds.name: (bounds.name, columns)}
                first, last = (_tree(tree, renamed) for tree in (node.first, node.last))
                return replace(node, bounds=bounds, first=first, last=last), same

    def _derived(self, node: Derived) -> Derived:
        source, renamed = self._source(node.input)
        return replace(node, input=source, columns=_columns(node.columns, renamed))

    def _aggregate(self, node: Aggregate) -> Aggregate:
        source, renamed = self._source(node.input)
        measures = tuple(
            replace(
                m,
                value=_tree(m.value, renamed),
                condition=None if m.condition is None else _tree(m.condition, renamed),
            )
            for m in node.measures
        )
        return replace(node, input=source, keys=_columns(node.keys, renamed), measures=measures)

    def _whole(self, node: Aggregate) -> Aggregate:
        if node.name not in self._wholes:
            self._wholes[node.name] = self._aggregate(node)
        return self._wholes[node.name]

    def _shown(self, node: Aggregate, by: _Fused) -> tuple[Group, Mapping[str, str]]:
        whole = self._whole(by.group)
        if by.condition is None:
            return whole, by.columns
        columns = tuple(Column(n, exp.column(of, whole.name)) for n, of in by.columns.items())
        source = Filter(Read(whole), by.condition)
        shown = Derived(self._name(f"{whole.name}_shown"), source, columns, keys_of(node))
        return shown, {name: name for name in by.columns}

    def _named_as_before(self, node: Group) -> Group:
        """A branch of a combination, whose columns are known by their names alone."""
        group, columns = self._group(node)
        if tuple(columns.values()) == columns_of(group) == tuple(columns):
            return group
        kept = tuple(Column(n, exp.column(of, group.name)) for n, of in columns.items())
        return Derived(self._name(f"{group.name}_values"), Read(group), kept, keys_of(node))

    def _name(self, wanted: str) -> str:
        while wanted in self._taken:
            wanted = f"{wanted}_"
        self._taken.add(wanted)
        return wanted

    def _source(self, node: Source) -> tuple[Source, _Renamed]:
        match node:
            case Scan():
                return node, {}
            case Read():
                return self._read(node, ())
            case Filter():
                source, renamed = self._source(node.input)
                condition = _tree(node.condition, renamed)
                return replace(node, input=source, condition=condition), renamed
            case SemiJoin():
                source, renamed = self._source(node.input)
                on, condition = (_tree(t, renamed) for t in (node.on, node.condition))
                return replace(node, input=source, on=on, condition=condition), renamed
            case Distinct():
                source, renamed = self._source(node.input)
                return replace(node, input=source, columns=_columns(node.columns, renamed)), {}
            case Join():
                source, renamed = self._source(node.left)
                pairs = tuple((_tree(left, renamed), right) for left, right in node.on)
                valid = None if node.valid is None else _tree(node.valid, renamed)
                return replace(node, left=source, on=pairs, valid=valid), renamed
            case Match():
                left, renamed = self._source(node.left)
                right, more = self._read(node.right, aliases(left))
                renamed = renamed | more
                matched = None if node.on is None else _tree(node.on, renamed)
                return replace(node, left=left, right=right, on=matched), renamed

    def _read(self, node: Read, beside: Iterable[str]) -> tuple[Read, _Renamed]:
        group, columns = self._group(node.group)
        name = node.known_as
        if name is None and group.name in beside:
            name = node.alias if node.alias not in beside else self._name(node.alias)
        read = Read(group, name)
        return read, {node.alias: (read.alias, columns)}


def _names(plan: Plan) -> set[str]:
    """Every name that a group of a plan must not have."""
    visible = plan.visible or ()
    found = {s.name for s in plan.subqueries} | {v.name for v in visible}
    found |= {t.name.lower() for s in plan.subqueries for t in s.tree.find_all(exp.Table)}
    for node in chain(walk(plan.root), *(walk(v.source) for v in visible)):
        match node:
            case Scan():
                found |= {node.alias, *(part.lower() for part in node.relation.parts[-1:])}
            case Combine():
                found |= {node.name, node.stacked}
            case Aggregate() | Derived() | Spine() | Levels():
                found.add(node.name)
            case _:
                pass
    return found


def _columns(columns: Iterable[Column], renamed: _Renamed) -> tuple[Column, ...]:
    return tuple(replace(c, value=_tree(c.value, renamed)) for c in columns)


def _tree(tree: exp.Expr, renamed: _Renamed) -> exp.Expr:
    """A copy of an expression with the new names of the columns that it reads."""
    holder = exp.Paren(this=tree.copy())
    for column in expr.columns(holder):
        if column.table in renamed:
            table, names = renamed[column.table]
            column.replace(exp.column(names[column.name], table=table))
    result: exp.Expr = holder.this
    return result
