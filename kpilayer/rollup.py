"""How the values of several groups become that of all of them together, where they do.

A sum of sums is a sum; a ratio is computed again from its two sums, and a distinct count from
nothing but the rows (Gray et al., "Data Cube", 1997: distributive, algebraic, holistic).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from sqlglot import exp

from kpilayer import expr
from kpilayer.catalog import Catalog
from kpilayer.formula.stitched import ADDED, GREATEST, LEAST
from kpilayer.formula.tree import Atom, Compute, Formula, Shaped

Kind = Literal[
    "additive", "semi_additive", "minimum", "maximum", "average", "ratio", "derived",
    "distinct", "percentile", "not_additive",
]  # fmt: skip
_SUMMED: Final = frozenset({"sum", "count", "sum_boolean"})
_RATIO: Final = "numerator / denominator"
#: How the numbers of two versions become one, and so those of groups.
_STITCHED: Final = {ADDED: "SUM", LEAST: "MIN", GREATEST: "MAX"}


@dataclass(frozen=True, slots=True)
class RollUp:
    """How a metric is rolled up: from which columns, over which group-bys.

    ``value`` is an expression over aggregates of columns, the metric's own or ``components``, which
    have formulas; None where there is none. Unless ``over_time``, it holds for groups of one period
    only. Groups that overlap, by a dimension of which a row has many, are never rolled up.
    """

    kind: Kind
    value: exp.Expr | None = None
    over_time: bool = False
    components: tuple[tuple[str, Formula], ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    value: exp.Expr
    over_time: bool
    components: tuple[tuple[str, Formula], ...]


def roll_up(catalog: Catalog, name: str, tree: Formula) -> RollUp:
    """How a metric is rolled up, whose column has this name."""
    own = _aggregate(tree)
    if own is not None:
        function, over_time = own
        kinds: dict[str, Kind] = {"SUM": "additive", "MIN": "minimum", "MAX": "maximum"}
        kind = kinds[function] if over_time or function != "SUM" else "semi_additive"
        return RollUp(kind, _of_column(function, name), over_time)
    found = _parts(catalog, name, tree)
    if found is None:
        return RollUp(_kind_of_none(tree))
    return RollUp(_kind_of_parts(tree), found.value, found.over_time, found.components)


# ------------------------------------------------------------------------------- the column itself


def _aggregate(tree: Formula) -> tuple[str, bool] | None:
    """The aggregate that rolls a formula's own values up, and whether it does so over time."""
    match tree:
        case Atom():
            function = "SUM" if tree.agg in _SUMMED else {"min": "MIN", "max": "MAX"}.get(tree.agg)
            return None if function is None else (function, True)
        case Compute():
            return _stitched(tree) if tree.until is not None else None
        case Shaped(rule="conversion"):
            return _of_conversions(tree)
        case Shaped(rule="filled" | "spined" | "semi_additive" | "active" | "offset"):
            inner = _aggregate(tree.inputs[0][1])
        case Shaped(rule="cumulative"):
            settings = dict(tree.settings)
            is_last = settings["period_agg"] == "last" and "rows" not in settings
            inner = _aggregate(tree.inputs[0][1]) if is_last else None
        case _:
            return None
    if inner is None:
        return None
    function, over_time = inner
    if tree.rule == "filled":
        return (function, over_time) if _is_zero(tree) and function == "SUM" else None
    return function, False  # a spine leaves out rows without a date, the others move in time


def _is_zero(filling: Shaped) -> bool:
    return float(dict(filling.settings)["value"]) == 0


def _stitched(tree: Compute) -> tuple[str, bool] | None:
    function = _STITCHED.get(tree.text)
    sides = {_aggregate(inner) for _, inner in tree.inputs}
    return (function, True) if function is not None and sides == {(function, True)} else None


def _of_conversions(tree: Shaped) -> tuple[str, bool] | None:
    """Conversions are each in the group of one base event; base events with any are in theirs."""
    settings, sides = dict(tree.settings), dict(tree.inputs)
    if settings["calculation"] != "conversions":
        return None
    counted = sides["base" if settings["base_event"] == "any" else "conversion"]
    if _aggregate(counted) != ("SUM", True) or _aggregate(sides["conversion"]) is None:
        return None
    return "SUM", True


# -------------------------------------------------------------------------------------- components


def _parts(catalog: Catalog, name: str, tree: Formula) -> _Part | None:
    """What a formula is computed from again, each as a column of its own."""
    own = _aggregate(tree)
    if own is not None:
        function, over_time = own
        return _Part(_of_column(function, name), over_time, ((name, tree),))
    match tree:
        case Atom(agg="average"):
            return _of_average(name, tree)
        case Compute(until=None):
            return _of_arithmetic(catalog, name, tree)
        case Shaped(rule="filled"):
            inner = tree.inputs[0][1]
            if isinstance(inner, Shaped) and inner.rule == "spined" and not _is_zero(tree):
                return None  # what fills empty dates would be a group
            known = f"{name}__found" if _aggregate(inner) else name
            found = _parts(catalog, known, inner)
            return found and replace(found, value=_filled(tree, found.value))
        case Shaped(rule="conversion"):
            return _of_rate(catalog, name, tree)
        case Shaped(rule="spined" | "semi_additive" | "active" | "offset"):
            return _around(tree, _parts(catalog, name, tree.inputs[0][1]))
    return None


def _of_average(name: str, atom: Atom) -> _Part:
    above, below = f"{name}__sum", f"{name}__count"
    value = expr.ratio(_of_column("SUM", above), _of_column("SUM", below))
    columns = (
        (above, replace(atom, agg="sum", label=above)),
        (below, replace(atom, agg="count", label=below)),
    )
    return _Part(value, True, columns)


def _of_arithmetic(catalog: Catalog, name: str, tree: Compute) -> _Part | None:
    inputs = {}
    for role, inner in tree.inputs:
        found = _parts(catalog, f"{name}__{role.lower()}", inner)
        if found is None:
            return None
        inputs[role.lower()] = found
    whole = catalog.snippet(tree.text).tree
    value = expr.replace_names(whole, lambda role: inputs[role.lower()].value.copy())
    return _joined(value, *inputs.values())


def _of_rate(catalog: Catalog, name: str, tree: Shaped) -> _Part | None:
    """A conversion rate from its conversions and base events."""
    if dict(tree.settings)["calculation"] == "conversions":
        return None
    settings = tuple((k, "conversions" if k == "calculation" else v) for k, v in tree.settings)
    done = _parts(catalog, f"{name}__conversions", replace(tree, settings=settings))
    base = _parts(catalog, f"{name}__base", dict(tree.inputs)["base"])
    if done is None or base is None:
        return None
    return _joined(expr.ratio(done.value, base.value), done, base)


def _joined(value: exp.Expr, *parts: _Part) -> _Part:
    columns = dict(column for part in parts for column in part.components)
    return _Part(value, all(part.over_time for part in parts), tuple(columns.items()))


def _around(shape: Shaped, found: _Part | None) -> _Part | None:
    """The same rule around each component."""
    if found is None:
        return None
    ((role, _),) = shape.inputs
    columns = tuple((n, replace(shape, inputs=((role, inner),))) for n, inner in found.components)
    return _Part(found.value, False, columns)


def _filled(shape: Shaped, value: exp.Expr) -> exp.Expr:
    text = dict(shape.settings)["value"]
    return exp.Coalesce(this=value, expressions=[exp.Literal.number(text)])


def _of_column(function: str, name: str) -> exp.Expr:
    kinds: dict[str, Callable[..., exp.Expr]] = {"SUM": exp.Sum, "MIN": exp.Min, "MAX": exp.Max}
    return kinds[function](this=exp.column(exp.to_identifier(name, quoted=True)))


# ------------------------------------------------------------------------------------------- kinds


def _kind_of_parts(tree: Formula) -> Kind:
    inner = _bare(tree)
    if isinstance(inner, Atom):
        return "average" if inner.agg == "average" else "derived"
    return "ratio" if isinstance(inner, Shaped) or inner.text == _RATIO else "derived"


def _kind_of_none(tree: Formula) -> Kind:
    inner = _bare(tree)
    if isinstance(inner, Atom):
        if inner.agg in ("count_distinct", "approx_count_distinct"):
            return "distinct"
        if inner.agg in ("median", "percentile", "approx_percentile"):
            return "percentile"
    return "not_additive"


def _bare(tree: Formula) -> Formula:
    while isinstance(tree, Shaped) and tree.rule in ("filled", "spined", "offset", "semi_additive"):
        tree = tree.inputs[0][1]
    return tree
