"""What queries read: of which table each column is, and which constants they set beside it.

Trees are flat and qualified: every column says its table's alias, every table has one name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from kpilayer.proof.emulated import key_of

#: A column of a table, both in lower case.
Place = tuple[str, str]

_COMPARING: Final = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In)
_COMPARING_NULLS: Final = (exp.NullSafeEQ, exp.NullSafeNEQ)
_GLUING: Final = (exp.DPipe, exp.Concat, exp.ConcatWs)
#: Where the search for what a constant is set beside ends.
_EDGES: Final = (exp.Query, exp.Connector, exp.Join, exp.Where, exp.Having, exp.Limit, exp.Offset)
_DEPTH: Final = 20


@dataclass(frozen=True, slots=True)
class Use:
    """A column where a query names it, and the columns of tables that it is made of.

    ``is_plain`` where it is the table's column itself, and nothing computed from it.
    """

    column: exp.Column
    places: frozenset[Place]
    is_plain: bool


@dataclass(frozen=True, slots=True)
class Reads:
    """The uses of columns, constants beside them, and columns that are compared with each other.

    ``glued`` are those that are put together to one text. ``lost`` are columns of which nobody can
    tell the table.
    """

    uses: tuple[Use, ...]
    lost: tuple[str, ...]
    named: dict[Place, tuple[Any, ...]] = field(default_factory=dict)
    compared: tuple[frozenset[Place], ...] = ()
    glued: frozenset[Place] = frozenset()


def tables_of(trees: Iterable[exp.Query]) -> tuple[str, ...]:
    """The tables of the warehouse that queries read, in the order of the text."""
    found = (key_of(table) for tree in trees for table in tree.find_all(exp.Table))
    return tuple(dict.fromkeys(key for key in found if key))


def reads(
    trees: Sequence[exp.Query],
    known: Mapping[str, Collection[str]],
    evaluate: Callable[[Sequence[exp.Expr]], Sequence[Any]],
) -> Reads:
    """What the queries read; ``evaluate`` gives the value of each constant, None for an unknown.

    ``known`` has the columns of tables: what is none of them is the only other table's.
    """
    uses: list[Use] = []
    lost: list[str] = []
    beside: list[tuple[exp.Expr, frozenset[Place]]] = []
    compared: list[frozenset[Place]] = []
    glued: set[Place] = set()
    for tree in trees:
        qualify_others(tree, known)
        owners = _owners(tree)
        of: dict[int, Use] = {}
        for column, scope in owners.values():
            places, is_plain = _places(scope, column, owners, _DEPTH)
            of[id(column)] = Use(column, places, is_plain)
            if not column.table and not _is_alias(column, scope):
                lost.append(column.name)
        uses += of.values()
        for constant in _constants(tree):
            beside.append((constant, _beside(constant, of)))
        for comparison in tree.find_all(*_COMPARING, *_COMPARING_NULLS):
            compared.append(_all_places(comparison, of))
        for node in tree.find_all(*_GLUING):
            glued |= _all_places(node, of)
    wanted = [(constant, places) for constant, places in beside if places]
    named: dict[Place, tuple[Any, ...]] = {}
    for (_, places), value in zip(wanted, evaluate([c for c, _ in wanted]), strict=True):
        for place in places if value is not None else ():
            values = value if isinstance(value, list) else (value,)  # `ALL (ARRAY[1, 2])`
            named[place] = (*named.get(place, ()), *values)
    named = {place: tuple(dict.fromkeys(values)) for place, values in named.items()}
    return Reads(
        tuple(uses), tuple(dict.fromkeys(lost)), named, _merged(compared), frozenset(glued)
    )


def qualify_others(tree: exp.Query, known: Mapping[str, Collection[str]]) -> None:
    """Puts columns without a table at the one that is not known, where there is one only.

    ``known`` has the columns of tables; one of these, or of a subquery, is left as it is. sqlglot
    gives no column to a table that it does not know.
    """
    for column, scope in _owners(tree).values():
        around: Scope | None = scope
        while around is not None and not column.table and not _is_alias(column, scope):
            sources = {name: source for name, (_, source) in around.selected_sources.items()}
            if any(_offers(source, column.name.lower(), known) for source in sources.values()):
                break
            others = [
                name
                for name, source in sources.items()
                if isinstance(source, exp.Table) and (key_of(source) or "") not in known
            ]
            if len(others) == 1:
                column.set("table", exp.to_identifier(others[0], quoted=True))
            around = None if others else around.parent


def _offers(source: exp.Expr | Scope, name: str, known: Mapping[str, Collection[str]]) -> bool:
    """Whether a table or a subquery is known to have a column."""
    if isinstance(source, exp.Table):
        return name in known.get(key_of(source) or "", ())
    inner = source.expression if isinstance(source, Scope) else None
    if isinstance(inner, exp.Query):
        return inner.is_star or name in map(str.lower, inner.named_selects)
    return True


def _is_alias(column: exp.Column, scope: Scope) -> bool:
    """Whether it names a column of the answer, as ORDER BY may."""
    place = column.find_ancestor(exp.Order, exp.Group, exp.Having, exp.Qualify, exp.Select)
    if isinstance(place, exp.Select) or not isinstance(scope.expression, exp.Query):
        return False
    return column.name in scope.expression.named_selects


_Owners = dict[int, tuple[exp.Column, Scope]]


def _owners(tree: exp.Query) -> _Owners:
    """Each column with the innermost SELECT around it."""
    owners: _Owners = {}
    for scope in traverse_scope(tree):  # what is inside comes first
        for column in scope.columns:
            owners.setdefault(id(column), (column, scope))
    return owners


def _source(scope: Scope, column: exp.Column) -> exp.Expr | Scope | None:
    around: Scope | None = scope
    while around is not None:
        if column.table in around.sources:
            found: exp.Expr | Scope = around.sources[column.table]
            return found
        around = around.parent
    return None


def _places(
    scope: Scope, column: exp.Column, owners: _Owners, depth: int
) -> tuple[frozenset[Place], bool]:
    source = _source(scope, column)
    if isinstance(source, exp.Table):
        key = key_of(source)
        return (frozenset({(key, column.name.lower())}), True) if key else (frozenset(), False)
    if not isinstance(source, Scope) or not depth:
        return frozenset(), False
    found: set[Place] = set()
    is_plain = True
    for made, inner in _made(source, column.name.lower(), depth):
        bare = made.unalias()
        is_plain &= isinstance(bare, exp.Column)
        for part in bare.find_all(exp.Column):
            where = owners.get(id(part), (part, inner))[1]
            places, is_itself = _places(where, part, owners, depth - 1)
            found |= places
            is_plain &= is_itself
    return frozenset(found), is_plain


def _made(source: Scope, name: str, depth: int) -> Iterator[tuple[exp.Expr, Scope]]:
    """The expressions that a column of a subquery or CTE stands for: one in each arm of a UNION."""
    selects = source.expression.selects if isinstance(source.expression, exp.Query) else []
    index = next((i for i, s in enumerate(selects) if s.alias_or_name.lower() == name), None)
    if index is None:
        return
    pending, left = [source], depth
    while pending and left:
        arm, left = pending.pop(), left - 1
        if arm.set_operation_scopes:
            pending += arm.set_operation_scopes
        elif isinstance(arm.expression, exp.Select) and index < len(arm.expression.selects):
            yield arm.expression.selects[index], arm


def _constants(tree: exp.Query) -> Iterator[exp.Expr]:
    """The largest expressions without columns in them, where they stand beside something."""
    seen: set[int] = set()
    for leaf in tree.find_all(exp.Literal, exp.Interval):
        node: exp.Expr = leaf
        while node.parent is not None and _is_constant(node.parent):
            node = node.parent
        if isinstance(node.parent, exp.DataType | exp.DataTypeParam) or id(node) in seen:
            continue
        seen.add(id(node))
        yield node


def _is_constant(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Condition | exp.Interval | exp.Paren) or isinstance(node, exp.If):
        return False
    varying = (exp.Column, exp.Query, exp.Star, exp.AggFunc, exp.Window, exp.Connector)
    return node.find(*varying) is None and not isinstance(node, exp.Tuple | exp.Case)


def _beside(constant: exp.Expr, of: dict[int, Use]) -> frozenset[Place]:
    """The columns of the nearest expression around a constant that has any."""
    around = constant.parent
    while around is not None and not isinstance(around, _EDGES):
        found = _all_places(around, of)
        if found:
            return found
        around = around.parent
    return frozenset()


def _all_places(node: exp.Expr, of: dict[int, Use]) -> frozenset[Place]:
    uses = (of.get(id(column)) for column in node.find_all(exp.Column))
    return frozenset(place for use in uses if use is not None for place in use.places)


def _merged(groups: Iterable[frozenset[Place]]) -> tuple[frozenset[Place], ...]:
    """Groups without common members; those that share one become one."""
    merged: list[frozenset[Place]] = []
    for group in groups:
        apart = [other for other in merged if not other & group]
        merged = [*apart, group.union(*(other for other in merged if other & group))]
    return tuple(group for group in merged if len(group) > 1)
