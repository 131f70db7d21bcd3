"""The tables that rows are made for: the columns that matter to two queries, with their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlglot import exp

from kpilayer.expr import nodes
from kpilayer.proof import emulated
from kpilayer.proof.facts import Facts, Table
from kpilayer.proof.kinds import Kind, kind_of
from kpilayer.proof.pools import pool
from kpilayer.proof.reads import Place, Reads
from kpilayer.proof.tables import Field, Link, Made, in_order

_MOST_VALUES: Final = 80
_MOST_OF_OTHERS: Final = 6

_Groups = dict[Place, tuple[Place, ...]]


class Untestable(Exception):
    """Queries cannot be run over made-up rows; the text says why."""


def tables_for(
    flat: Sequence[exp.Query], facts: Facts, keys: Sequence[str], found: Reads, dialect: str
) -> tuple[Made, ...]:
    """The tables, parents first, with the columns that queries name and those of constraints.

    Raises:
        Untestable: values of a column's type are not made up.
    """
    tables = {key: facts.tables[key] for key in keys}
    used = _used(flat, tables)
    kinds = {
        (key, name): _kind(tables[key], name, dialect)
        for key, names in used.items()
        for name in names
    }
    groups = _groups(kinds, found, tables)
    folds_case = dialect in emulated.FOLDS_CASE
    pools = _pools(kinds, groups, found, _keyed(tables), folds_case=folds_case)
    return in_order([_made(key, tables[key], used[key], kinds, pools, groups) for key in keys])


def has_star(tree: exp.Query) -> bool:
    """Whether a query reads columns that it does not name; what EXISTS reads is no column."""
    return any(
        isinstance(node, exp.Columns) or (isinstance(node, exp.Star) and not _reads_nothing(node))
        for node in nodes(tree)
    )


def _reads_nothing(star: exp.Star) -> bool:
    around = star.parent
    in_exists = isinstance(around, exp.Select) and isinstance(around.parent, exp.Exists)
    return in_exists or isinstance(around, exp.Count)


def _used(flat: Sequence[exp.Query], tables: Mapping[str, Table]) -> dict[str, tuple[str, ...]]:
    """The columns of each table that matter, in lower case and in order."""
    joins = [join for tree in flat for join in tree.find_all(exp.Join)]
    every = any(map(has_star, flat)) or any(join.method for join in joins)
    words = {i.name.lower() for tree in flat for i in tree.find_all(exp.Identifier)}
    bound = {(key, c.lower()) for key, t in tables.items() for k in t.keys for c in k}
    for key, table in tables.items():
        for reference in table.references:
            there = reference.table.lower()
            if there in tables:
                bound |= {(key, c.lower()) for c in reference.columns}
                bound |= {(there, c.lower()) for c in reference.target}
    found = {}
    for key, table in tables.items():
        names = tuple(c.name.lower() for c in table.columns)
        used = tuple(n for n in names if every or n in words or (key, n) in bound)
        found[key] = used or names[:1]
    return found


def _keyed(tables: Mapping[str, Table]) -> set[Place]:
    """The columns of keys and references."""
    return {
        (key, column.lower())
        for key, table in tables.items()
        for columns in (*table.keys, *(r.columns for r in table.references))
        for column in columns
    }


def _pools(
    kinds: Mapping[Place, Kind],
    groups: _Groups,
    found: Reads,
    keyed: set[Place],
    *,
    folds_case: bool,
) -> dict[Place, tuple[Any, ...]]:
    """The values that each column is given: those set beside it or what it is compared with."""
    pools = {}
    others = [value for values in found.named.values() for value in values][:_MOST_OF_OTHERS]
    for place, kind in kinds.items():
        alike = groups.get(place, (place,))
        named = [value for member in alike for value in found.named.get(member, ())]
        is_key = any(member in keyed for member in alike)
        made = pool(
            kind,
            # Constants that stand beside other columns of this kind may matter here, too.
            dict.fromkeys(named or (() if is_key else others)),
            is_key=is_key,
            glued=place in found.glued,
            folds_case=folds_case,
        )
        pools[place] = made[:_MOST_VALUES]
    return pools


def _kind(table: Table, name: str, dialect: str) -> Kind:
    column = table.column(name)
    assert column is not None, "a table has the columns that it lists"
    kind = kind_of(column.type, dialect)
    if kind is None:
        shown = f"`{table.name}.{column.name}` is {column.type.sql(dialect)}"
        raise Untestable(f"values of this type are not made up: {shown}")
    return kind


def _groups(kinds: Mapping[Place, Kind], found: Reads, tables: Mapping[str, Table]) -> _Groups:
    """Columns that are compared with each other, or refer to each other, by each of them."""
    pairs = [tuple(p for p in group if p in kinds) for group in found.compared]
    for key, table in tables.items():
        for reference in table.references:
            there = reference.table.lower()
            for column, target in zip(reference.columns, reference.target, strict=True):
                ends = ((key, column.lower()), (there, target.lower()))
                pairs += [ends] if all(place in kinds for place in ends) else []
    groups: _Groups = {}
    for pair in pairs:
        members = dict.fromkeys(m for place in sorted(pair) for m in groups.get(place, (place,)))
        groups |= dict.fromkeys(members, tuple(members))
    return groups


def _made(
    key: str,
    table: Table,
    used: Sequence[str],
    kinds: Mapping[Place, Kind],
    pools: Mapping[Place, tuple[Any, ...]],
    groups: _Groups,
) -> Made:
    place_of = {name: index for index, name in enumerate(used)}
    fields = []
    for name in used:
        column = table.column(name)
        assert column is not None, "a table has the columns that it lists"
        place = (key, name)
        group = min(groups.get(place, (place,)))
        fields.append(Field(column.name, kinds[place], column.nullable, pools[place], group))
    unique = [tuple(place_of[c.lower()] for c in k) for k in table.keys]
    links = []
    for reference in table.references:
        there = reference.table.lower()
        if all((there, t.lower()) in kinds for t in reference.target):
            links.append((reference, there))
    return Made(
        key,
        table.name,
        tuple(fields),
        tuple(unique),
        tuple(
            Link(
                tuple(place_of[c.lower()] for c in reference.columns),
                there,
                _positions(kinds, there, reference.target),
            )
            for reference, there in links
        ),
    )


def _positions(kinds: Mapping[Place, Kind], key: str, names: Sequence[str]) -> tuple[int, ...]:
    order = [name for table, name in kinds if table == key]
    return tuple(order.index(name.lower()) for name in names)
