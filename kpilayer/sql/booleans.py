"""Which columns of a query are booleans, where the engine says only that they are numbers.

MySQL and SQLite have no booleans: a comparison is 1 or 0. A query still tells: what compares is
one, what picks among booleans is one, and a table says which of its columns were declared so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp, parse_one

#: The columns of a table, in order, and whether each is a boolean; empty where there is no table.
Columns = Mapping[str, bool]
Describe = Callable[[tuple[str, ...]], Columns]
#: True, False, or None of what is always NULL.
_Answer = bool | None

_PICKS: Final = (exp.Min, exp.Max, exp.AnyValue, exp.Paren, exp.Nullif, exp.Alias, exp.Window)
_PICKS_ROWS: Final = (exp.FirstValue, exp.LastValue, exp.Lag, exp.Lead)


def boolean_columns(sql: str, dialect: str, describe: Describe) -> tuple[bool, ...]:
    """For each column of a query in order, whether it is a boolean.

    >>> boolean_columns("SELECT a > 1, MAX(b), a + 1 FROM t", "mysql", lambda _: {"b": True})
    (True, True, False)
    """
    tree = parse_one(sql, read=dialect)
    if not isinstance(tree, exp.Query):
        return ()
    return tuple(answer is True for answer in _Scope({}, describe).of_query(tree).values())


@dataclass(frozen=True)
class _Scope:
    """What names of tables mean at one place: queries by name, all others are the warehouse's."""

    known: Mapping[str, Mapping[str, _Answer]]
    describe: Describe

    def of_query(self, query: exp.Expr) -> dict[str, _Answer]:
        """The columns of a query by name; those without one are numbered."""
        scope = self
        with_ = query.args.get("with_") or exp.With()
        for cte in with_.expressions:
            own = scope
            if with_.args.get("recursive") and isinstance(cte.this, exp.SetOperation):
                own = scope.beside(cte.alias, scope.of_query(cte.this.this))
            scope = scope.beside(cte.alias, own.of_query(cte.this))
        match query:
            case exp.Subquery():
                return scope.of_query(query.this)
            case exp.SetOperation():
                arms = [scope.of_query(arm) for arm in (query.this, query.expression)]
                each = zip(*(arm.values() for arm in arms), strict=True)
                return dict(zip(arms[0], (_all(pair) for pair in each), strict=True))
            case exp.Select():
                return scope.of_select(query)
        return {}

    def beside(self, name: str, columns: Mapping[str, _Answer]) -> _Scope:
        return _Scope({**self.known, name.lower(): columns}, self.describe)

    def of_select(self, select: exp.Select) -> dict[str, _Answer]:
        tables = {name.lower(): columns for name, columns in self._read(select)}
        found: dict[str, _Answer] = {}
        for number, value in enumerate(select.expressions):
            if value.is_star:
                wanted = [value.table.lower()] if isinstance(value, exp.Column) else list(tables)
                for table in wanted:
                    found |= tables.get(table, {})
                continue
            name = value.alias_or_name or f"column {number}"
            found[name.lower()] = self.of_value(value, tables)
        return found

    def _read(self, select: exp.Select) -> Iterator[tuple[str, Mapping[str, _Answer]]]:
        first = select.args.get("from_")
        joins = select.args.get("joins") or ()
        for table in ([first.this] if first is not None else []) + [join.this for join in joins]:
            if isinstance(table, exp.Subquery):
                yield table.alias, self.of_query(table.this)
            elif isinstance(table, exp.Table):
                own = None if table.db else self.known.get(table.name.lower())
                parts = tuple(part.name for part in table.parts)
                yield (
                    table.alias_or_name,
                    own if own is not None else _lowered(self.describe(parts)),
                )

    def of_value(self, value: exp.Expr, tables: Mapping[str, Mapping[str, _Answer]]) -> _Answer:
        match value:
            case exp.Null():
                return None
            case exp.Boolean() | exp.Not() | exp.Connector() | exp.Predicate() | exp.Escape():
                return True
            case exp.Column():
                columns = [tables.get(value.table.lower(), {})] if value.table else tables.values()
                name = value.name.lower()
                return next((found[name] for found in columns if name in found), False)
            case exp.Case():
                last = value.args.get("default") or exp.Null()
                return self._of_all([*(i.args["true"] for i in value.args["ifs"]), last], tables)
            case exp.If():
                last = value.args.get("false") or exp.Null()
                return self._of_all([value.args["true"], last], tables)
            case exp.Coalesce():
                return self._of_all([value.this, *value.expressions], tables)
            case exp.Subquery():
                return next(iter(self.of_query(value.this).values()), False)
        if isinstance(value, _PICKS + _PICKS_ROWS):
            return self.of_value(value.this, tables)
        return False

    def _of_all(
        self, values: Iterable[exp.Expr], tables: Mapping[str, Mapping[str, _Answer]]
    ) -> _Answer:
        return _all(self.of_value(value, tables) for value in values)


def _all(answers: Iterable[_Answer]) -> _Answer:
    """Booleans together are one; what is always NULL takes the type of the others."""
    told = [answer for answer in answers if answer is not None]
    return all(told) if told else None


def _lowered(columns: Columns) -> dict[str, _Answer]:
    return {name.lower(): is_boolean for name, is_boolean in columns.items()}
