"""Questions about the rows of relations, of which the answers are counts.

Is a key unique, does a foreign key find its row, do versions of one key overlap, has a time spine
gaps? Each is one SELECT over `SELECT * FROM relation`, made as a tree, for any dialect. Only
:func:`repeated_examples` gives values of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final, NamedTuple

from sqlglot import exp

from kpilayer import expr
from kpilayer.catalog import Catalog
from kpilayer.plan.build import subqueries
from kpilayer.plan.rows import qualified
from kpilayer.relation import Relation
from kpilayer.sql.dialects.spellings import TYPE
from kpilayer.sql.names import quoted
from kpilayer.sql.printing import to_sql
from kpilayer.sql.select import in_words, read_all

_ROWS: Final = "rows_read"
_OTHER: Final = "other_rows"
_FOUND: Final = "keys_found"
_REPEATED: Final = "occurrences_by_key"
_VERSIONS: Final = "versions"


class Part(NamedTuple):
    """A part of a key: a snippet over the columns of its relation, perhaps cut to a grain."""

    text: str
    grain: str | None = None


Key = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where relations are: the catalog that names them, and the target's dialect and schema.

    Paths of files are taken from ``folder``.
    """

    catalog: Catalog
    dialect: str
    schema: str
    folder: str

    def rows(self, relation: Relation) -> exp.Select:
        """Every row of a relation."""
        needed = subqueries((relation,), self.catalog)
        return read_all(relation, needed, self.dialect, self.schema, self.folder)

    def values(self, key: Key, table: str) -> list[exp.Expr]:
        """The parts of a key over a table's columns, in the dialect's words."""
        found = []
        for text, grain in key:
            tree = qualified(self.catalog.snippet(text).tree, table)
            if grain is not None:
                unit = exp.Literal.string(grain)
                tree = exp.Anonymous(this=expr.TRUNC, expressions=[unit, tree])
            found.append(in_words(tree, self.dialect))
        return found

    def text(self, select: exp.Select, **tables: exp.Select) -> str:
        """The SQL of a SELECT over named others."""
        ctes = [
            exp.CTE(this=tree, alias=exp.TableAlias(this=exp.to_identifier(name)))
            for name, tree in tables.items()
        ]
        select.set("with_", exp.With(expressions=ctes))
        return to_sql(quoted(select), self.dialect)


# --------------------------------------------------------------------------------------------- keys


def counts(place: Place, relation: Relation, keys: Sequence[Key]) -> str:
    """One row: the number of rows, then for each key how many rows have one, and how many it has.

    The latter is NULL for a composite key, whose values :func:`repeated` counts.
    """
    columns = [_named(exp.Count(this=exp.Star()), "row_count")]
    for number, key in enumerate(keys, 1):
        values = place.values(key, _ROWS)
        columns.append(_named(_count_if(_known(values)), f"known_{number}"))
        distinct: exp.Expr = exp.cast(exp.null(), TYPE.BIGINT)
        if len(values) == 1:
            distinct = exp.Count(this=exp.Distinct(expressions=values))
        columns.append(_named(distinct, f"distinct_{number}"))
    return place.text(_select(columns, _ROWS), **{_ROWS: place.rows(relation)})


def repeated(place: Place, relation: Relation, key: Key) -> str:
    """One row: how many values a key has, and how many of them stand in more than one row.

    Rows in which a part of the key is NULL are left out.
    """
    columns = [
        _named(exp.Count(this=exp.Star()), "value_count"),
        _named(_count_if(_stands_twice()), "repeated_values"),
    ]
    tables = {_ROWS: place.rows(relation), _REPEATED: _occurrences(place, key)}
    return place.text(_select(columns, _REPEATED), **tables)


def repeated_examples(place: Place, relation: Relation, key: Key, most: int) -> str:
    """A row for each of the values that stand in most rows, ``most`` at the most."""
    columns: list[exp.Expr] = [_column(f"part_{n}", _REPEATED) for n, _ in enumerate(key, 1)]
    select = _select(columns, _REPEATED)
    select.set("where", exp.Where(this=_stands_twice()))
    order = [exp.Ordered(this=_column("occurrences", _REPEATED), desc=True)]
    order += [exp.Ordered(this=column.copy()) for column in columns]
    select.set("order", exp.Order(expressions=order))
    select.set("limit", exp.Limit(expression=exp.Literal.number(most)))
    tables = {_ROWS: place.rows(relation), _REPEATED: _occurrences(place, key)}
    return place.text(select, **tables)


def _occurrences(place: Place, key: Key) -> exp.Select:
    values = place.values(key, _ROWS)
    columns = [_named(value, f"part_{number}") for number, value in enumerate(values, 1)]
    columns.append(_named(exp.Count(this=exp.Star()), "occurrences"))
    select = _select(columns, _ROWS)
    select.set("where", exp.Where(this=_known(values)))
    select.set("group", exp.Group(expressions=[value.copy() for value in values]))
    return select


def _stands_twice() -> exp.Expr:
    return exp.GT(this=_column("occurrences", _REPEATED), expression=exp.Literal.number(1))


def matches(place: Place, relation: Relation, key: Key, other: Relation, onto: Key) -> str:
    """One row: how many rows have a key, and how many of these find a row of ``other`` by it."""
    names = [f"part_{number}" for number, _ in enumerate(onto, 1)]
    own, theirs = place.values(key, _ROWS), place.values(onto, _OTHER)
    found = _select([_named(v, n) for v, n in zip(theirs, names, strict=True)], _OTHER)
    found.set("distinct", exp.Distinct())
    equal = [
        exp.EQ(this=value.copy(), expression=_column(name, _FOUND))
        for value, name in zip(own, names, strict=True)
    ]
    columns = [
        _named(exp.Count(this=exp.Star()), "known"),
        _named(exp.Count(this=_column(names[0], _FOUND)), "matched"),
    ]
    select = _select(columns, _ROWS)
    table = exp.Table(this=exp.to_identifier(_FOUND))
    select.append("joins", exp.Join(this=table, side="LEFT", on=_all(equal)))
    select.set("where", exp.Where(this=_known(own)))
    tables = {_ROWS: place.rows(relation), _OTHER: place.rows(other), _FOUND: found}
    return place.text(select, **tables)


# --------------------------------------------------------------------------------------------- time


def versions(place: Place, relation: Relation, key: Key, start: Part, end: Part) -> str:
    """One row about versions that hold from ``start`` until before ``end``; NULL is still.

    How many there are; how many have no start; how many end before they begin, or as they do; and
    how many still hold when the next one of their key begins.
    """
    begins, ends = place.values((start, end), _ROWS)
    following = exp.Window(
        this=exp.Anonymous(this="LEAD", expressions=[begins.copy()]),
        partition_by=place.values(key, _ROWS),
        order=exp.Order(expressions=[exp.Ordered(this=begins.copy())]),
    )
    columns = [_named(begins, "begins"), _named(ends, "ends"), _named(following, "next_begins")]
    each = _select(columns, _ROWS)
    each.set("where", exp.Where(this=_known(place.values(key, _ROWS))))

    def column(name: str) -> exp.Expr:
        return _column(name, _VERSIONS)

    lasts = exp.Or(
        this=exp.Is(this=column("ends"), expression=exp.Null()),
        expression=exp.GT(this=column("ends"), expression=column("next_begins")),
    )
    overlaps = _all([_known([column("begins"), column("next_begins")]), exp.Paren(this=lasts)])
    columns = [
        _named(exp.Count(this=exp.Star()), "version_count"),
        _named(_count_if(exp.Is(this=column("begins"), expression=exp.Null())), "without_start"),
        _named(
            _count_if(exp.LTE(this=column("ends"), expression=column("begins"))), "without_time"
        ),
        _named(_count_if(overlaps), "overlapping"),
    ]
    tables = {_ROWS: place.rows(relation), _VERSIONS: each}
    return place.text(_select(columns, _VERSIONS), **tables)


def periods(place: Place, relation: Relation, column: Part) -> str:
    """One row about the periods of a time spine: rows, known, different, the first and the last."""
    (value,) = place.values((column,), _ROWS)
    columns = [
        _named(exp.Count(this=exp.Star()), "row_count"),
        _named(exp.Count(this=value), "known"),
        _named(exp.Count(this=exp.Distinct(expressions=[value.copy()])), "period_count"),
        _named(exp.Min(this=value.copy()), "first_period"),
        _named(exp.Max(this=value.copy()), "last_period"),
    ]
    return place.text(_select(columns, _ROWS), **{_ROWS: place.rows(relation)})


# -------------------------------------------------------------------------------------------- trees


def _select(columns: list[exp.Expr], table: str) -> exp.Select:
    read = exp.From(this=exp.Table(this=exp.to_identifier(table)))
    return exp.Select(expressions=columns, from_=read)


def _column(name: str, table: str) -> exp.Column:
    return exp.column(name, table=table)


def _named(value: exp.Expr, name: str) -> exp.Expr:
    return exp.alias_(value, name, copy=False)


def _known(values: Sequence[exp.Expr]) -> exp.Expr:
    """Whether none of the values is NULL."""
    return _all(
        [exp.Not(this=exp.Is(this=_operand(value), expression=exp.Null())) for value in values]
    )


def _operand(value: exp.Expr) -> exp.Expr:
    plain = value.copy()
    return plain if isinstance(plain, (exp.Column, exp.Func)) else exp.Paren(this=plain)


def _all(conditions: Sequence[exp.Expr]) -> exp.Expr:
    return reduce(lambda one, other: exp.And(this=one, expression=other), conditions)


def _count_if(condition: exp.Expr) -> exp.Expr:
    one = exp.If(this=condition, true=exp.Literal.number(1))
    return exp.Count(this=exp.Case(ifs=[one]))
