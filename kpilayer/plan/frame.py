"""Formulas to frames: aggregations that read the same rows share a scan, and branches meet once.

A *leaf* of a formula is what a branch of the plan computes: an atom, or a rule about time or rows.
What stands above leaves, arithmetic and `fill_nulls_with`, is computed where branches have met.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp

from kpilayer import expr
from kpilayer.conditions import all_of, any_of
from kpilayer.formula.tree import Atom, Compute, Formula, Shaped, atoms
from kpilayer.plan.keys import keeps
from kpilayer.plan.kinds import (
    active,
    aggregated,
    balance,
    conversion,
    cumulative,
    funnel,
    gaps,
    nested,
    offset,
    rolling,
)
from kpilayer.plan.kinds.kind import Kind
from kpilayer.plan.naming import apart, column_names, is_leaf
from kpilayer.plan.nodes import Column, Combine, Derived, Group, Match, Read, columns_of, keys_of
from kpilayer.plan.overlap import conditions_on_many
from kpilayer.plan.rows import depends_on_time
from kpilayer.plan.scope import Builder, Frame, Scope, filled

KINDS: Final[Mapping[str, Kind]] = {
    "rows": aggregated.build,
    "rolling": rolling.build,
    "cumulative": cumulative.build,
    "offset": offset.build,
    "semi_additive": balance.build,
    "spined": gaps.build,
    "nested": nested.build,
    "conversion": conversion.build,
    "funnel": funnel.build,
    "active": active.build,
}


def frame(builder: Builder, trees: Sequence[tuple[str, Formula]], scope: Scope) -> Frame:
    """The group in which every formula has a value for each group that any of them has."""
    plain = [(name, _plain(builder, tree, scope)) for name, tree in trees]
    counted = _needing_presence(builder, plain, scope)
    named = (*plain, *_apart(plain, counted.values(), scope))
    columns = column_names([k.name for k in scope.keys], named)
    together: dict[object, list[Formula]] = {}
    everything = dict.fromkeys(leaf for _, tree in named for leaf in leaves(tree))
    for leaf in everything:
        if not _is_regrouped(leaf):
            together.setdefault(_kin(builder, leaf, scope), []).append(leaf)
    branches = [_branch(builder, leaves, columns, scope) for leaves in together.values()]
    spread = [leaf for leaf in everything if _is_regrouped(leaf)]
    top = _met(builder, branches, spread, columns, scope)
    present = {leaf: columns[count] for leaf, (_, count) in counted.items()}
    reader = _Values(builder, columns, present, top.name)
    asked = zip(trees, plain, strict=True)
    return Frame(top, {tree: reader.value(simple) for (_, tree), (_, simple) in asked})


def _apart(
    trees: Sequence[tuple[str, Formula]], counts: Iterable[tuple[str, Formula]], scope: Scope
) -> Iterator[tuple[str, Formula]]:
    """Counts of rows with names of their own."""
    taken = {*(name for name, _ in trees), *(key.name for key in scope.keys)}
    for label, count in counts:
        name = apart(f"{label}_rows", taken)
        taken.add(name)
        yield name, count


def _plain(builder: Builder, tree: Formula, scope: Scope) -> Formula:
    """A formula without the rules that say nothing in a scope: all group-bys are kept."""
    if isinstance(tree, Atom):
        return tree
    if isinstance(tree, Shaped) and tree.rule == "regrouped":
        own_grains = builder.graph.catalog.calendar.own_grains
        if all(keeps(tree, key.asked, own_grains) for key in scope.told):
            return _plain(builder, tree.inputs[0][1], scope)
    if isinstance(tree, Shaped) and tree.rule != "filled":
        return tree
    return replace(
        tree, inputs=tuple((n, _plain(builder, inner, scope)) for n, inner in tree.inputs)
    )


def _is_regrouped(leaf: Formula) -> bool:
    return isinstance(leaf, Shaped) and leaf.rule == "regrouped"


# ------------------------------------------------------------------------------------- branches


def _kin(builder: Builder, leaf: Formula, scope: Scope) -> object:
    """What leaves must have in common to be computed in one branch."""
    if isinstance(leaf, Atom):
        if scope.rolling is not None:
            return ("rolling", rolling.reading(leaf), *_rows_of(leaf))
        # Without time in the question, metrics over different dates of a row can share its scan.
        home, graph = (leaf.model, leaf.time), builder.graph
        paths = [k.column(home).reached.path for k in scope.told]
        uses_time = bool(scope.spans or scope.moved or scope.shown)
        uses_time = uses_time or any(k.is_metric_time for k in scope.told)
        uses_time = uses_time or depends_on_time(graph, leaf, paths)
        many = conditions_on_many(graph, leaf)
        return ("rows", leaf.model, leaf.time if uses_time else None, many)
    assert isinstance(leaf, Shaped), "arithmetic is no leaf"
    shape = (leaf.rule, leaf.settings, leaf.names, leaf.conditions)
    return (*shape, *((role, *_shape(inner)) for role, inner in leaf.inputs))


def _shape(tree: Formula) -> tuple[object, ...]:
    if isinstance(tree, Atom):
        return _rows_of(tree)
    own = (tree.text,) if isinstance(tree, Compute) else (tree.rule, tree.settings, tree.conditions)
    return (*own, *(_shape(inner) for _, inner in tree.inputs))


def _rows_of(atom: Atom) -> tuple[object, ...]:
    return (atom.model, atom.time, frozenset(atom.conditions))


def _branch(
    builder: Builder, leaves: list[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Group:
    first = leaves[0]
    rule = first.rule if isinstance(first, Shaped) else "rows"
    if rule == "rows" and scope.rolling is not None:
        rule = "rolling"
    return KINDS[rule](builder, leaves, columns, scope)


def _met(
    builder: Builder,
    branches: list[Group],
    spread: list[Formula],
    columns: Mapping[Formula, str],
    scope: Scope,
) -> Group:
    """The branches side by side, then what repeats on groups that it does not know."""
    groups = [nested.regrouped(builder, leaf, columns[leaf], scope) for leaf in spread]
    assert branches, "checked when the question was bound"
    top = branches[0]
    if len(branches) > 1:
        stacked = builder.name("stacked") if scope.keys else ""
        top = Combine(builder.name("combined"), tuple(branches), stacked)
    return beside(builder, top, groups) if groups else top


def beside(builder: Builder, top: Group, groups: list[Group]) -> Derived:
    """Each row of a group with the row of every other one that has its keys, as far as they go."""
    source: Read | Match = Read(top)
    columns = [Column(name, exp.column(name, table=top.name)) for name in columns_of(top)]
    for group in groups:
        same: list[exp.Expr] = [
            exp.NullSafeEQ(
                this=exp.column(name, table=group.name), expression=exp.column(name, table=top.name)
            )
            for name in keys_of(group)
        ]
        source = Match(source, Read(group), all_of(same), keeps_left=bool(same))
        columns += [
            Column(name, exp.column(name, table=group.name))
            for name in columns_of(group)
            if name not in keys_of(group)
        ]
    return Derived(builder.name(f"{top.name}_spread"), source, tuple(columns), keys_of(top))


# --------------------------------------------------------------------------------------- values


@dataclass(frozen=True, slots=True)
class _Values:
    builder: Builder
    columns: Mapping[Formula, str]
    present: Mapping[Formula, str]
    table: str

    def value(self, tree: Formula) -> exp.Expr:
        """A formula over the columns of the group that holds its leaves."""
        if tree in self.columns:
            return exp.column(self.columns[tree], table=self.table)
        if isinstance(tree, Shaped):
            assert tree.rule == "filled", "every other rule is a leaf"
            ((_, inner),) = tree.inputs
            return filled(tree, self.value(inner))
        assert isinstance(tree, Compute), "an atom is a leaf"
        inputs = {name: self.value(inner) for name, inner in tree.inputs}
        snippet = self.builder.graph.catalog.snippet(tree.text)
        result = expr.replace_names(snippet.tree, lambda name: inputs[name.lower()].copy())
        counted = dict.fromkeys(leaf for leaf in leaves(tree) if not _is_regrouped(leaf))
        known = [self.present[leaf] for leaf in counted if leaf in self.present]
        if not known or len(known) < len(counted):  # each row is one of its inputs
            return result
        some = [exp.Not(this=exp.Is(this=self._column(n), expression=exp.Null())) for n in known]
        return exp.Case(ifs=[exp.If(this=any_of([*some]), true=result)])

    def _column(self, name: str) -> exp.Expr:
        return exp.column(name, table=self.table)


def leaves(tree: Formula) -> Iterator[Formula]:
    """What a plan computes for a formula before any arithmetic, in order; repeated where used."""
    if is_leaf(tree):
        yield tree
    else:
        assert not isinstance(tree, Atom), "an atom is a leaf"
        for _, inner in tree.inputs:
            yield from leaves(inner)


def _needing_presence(
    builder: Builder, trees: Sequence[tuple[str, Formula]], scope: Scope
) -> dict[Formula, tuple[str, Formula]]:
    """For each leaf whose rows must be counted, the count.

    A computed metric has a value where one of its inputs has a row (reference A.8): arithmetic that
    would make a value of nothing must know where there is nothing.
    """
    found: dict[Formula, tuple[str, Formula]] = {}
    everything = {leaf for _, tree in trees for leaf in leaves(tree)}
    if not scope.keys or len(everything) == 1:
        return found
    pending = [tree for _, tree in trees]
    while pending:
        tree = pending.pop()
        if isinstance(tree, Atom):
            continue
        if isinstance(tree, Compute) and set(leaves(tree)) != everything:
            if not _is_null_of_nothing(builder, tree):
                for leaf in leaves(tree):
                    if not _is_regrouped(leaf):
                        found[leaf] = (next(iter(atoms(leaf))).label, _count_of(leaf))
        if not isinstance(tree, Shaped) or tree.rule == "filled":
            pending += [inner for _, inner in tree.inputs]
    return found


def _is_null_of_nothing(builder: Builder, tree: Compute) -> bool:
    """Whether it is NULL where its inputs have no rows; one that only repeats may have a value."""
    repeated = {name for name, inner in tree.inputs if _is_regrouped(inner)}

    def known(name: str) -> exp.Expr:
        one = name.lower() in repeated
        return exp.Literal.number(1) if one else exp.column(exp.to_identifier(name, quoted=True))

    whole = expr.replace_names(builder.graph.catalog.snippet(tree.text).tree, known)
    return expr.is_null_of_nulls(whole) and all(
        isinstance(inner, Atom)
        or (isinstance(inner, Shaped) and inner.rule != "filled")
        or (isinstance(inner, Compute) and _is_null_of_nothing(builder, inner))
        for _, inner in tree.inputs
    )


def _count_of(leaf: Formula) -> Formula:
    """A leaf of the same rows that counts them: NULL where there are none."""
    if isinstance(leaf, Atom):
        label = f"{leaf.label}_rows"
        return replace(
            leaf, agg="count", value="1", percentile=None, discrete=False, label=label, metric=label
        )
    if isinstance(leaf, Shaped) and leaf.rule == "conversion":
        return _count_of(_unfilled(dict(leaf.inputs)["base"]))  # a row without a conversion is one
    counted = tuple((role, _count_of(inner)) for role, inner in leaf.inputs)
    if isinstance(leaf, Shaped) and leaf.rule == "funnel":
        return replace(leaf, settings=_with(leaf.settings, "calculation", "conversions"))
    if isinstance(leaf, Shaped) and leaf.rule == "nested":
        return replace(leaf, settings=_with(leaf.settings, "agg", "count"), inputs=counted)
    if isinstance(leaf, Shaped) and leaf.rule == "spined":
        return replace(leaf, settings=(*leaf.settings, ("counted", "yes")), inputs=counted)
    if isinstance(leaf, Compute):
        return counted[0][1]
    return replace(leaf, inputs=counted)


def _unfilled(tree: Formula) -> Formula:
    while isinstance(tree, Shaped) and tree.rule == "filled":
        tree = tree.inputs[0][1]
    return tree


def _with(
    settings: tuple[tuple[str, str], ...], name: str, value: str
) -> tuple[tuple[str, str], ...]:
    return tuple((key, value if key == name else known) for key, known in settings)
