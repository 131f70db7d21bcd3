"""Relations over other relations: all levels of a view, and all metrics in one long view.

Levels are arms of a UNION ALL with literal names, so that a filter on them leaves one arm to be
read; GROUPING SETS are computed whole before anything is filtered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp, parse_one

from kpilayer import expr
from kpilayer.identity import fingerprint
from kpilayer.model.view import ALL_TIME
from kpilayer.publish.relations import Column, Relation
from kpilayer.sql.names import quoted
from kpilayer.sql.printing import to_sql

TOTAL: Final = "(all)"
NOTHING: Final = "(null)"
VALUES: Final = "kpi_values"
_NUMBER: Final = re.compile(
    r"u?(big|small|tiny|huge|medium)?int(eger)?\d*( unsigned)?"
    r"|decimal|numeric|double( precision)?|float\d*|real"
)
_TEXT: Final = frozenset(
    {
        *("varchar", "text", "character varying", "character", "char", "string", "bpchar"),
        *("citext", "longtext", "mediumtext", "tinytext", "nvarchar", "name"),
    }
)

#: The full name of a relation of the schema, as SQL.
Named = Callable[[str], exp.Table]


def is_number(type_: str) -> bool:
    """Whether a type, as a database spells it, is one of numbers.

    >>> is_number("DECIMAL(18,2)"), is_number("HUGEINT"), is_number("character varying")
    (True, True, False)
    """
    return bool(_NUMBER.fullmatch(_base(type_)))


def is_text(type_: str) -> bool:
    """Whether a type, as a database spells it, is one of texts.

    >>> is_text("character varying(20)"), is_text("STRUCT(a VARCHAR)"), is_text("VARCHAR[]")
    (True, False, False)
    """
    return _base(type_) in _TEXT


def _base(type_: str) -> str:
    """A type without its length; what is nested keeps its brackets."""
    return re.sub(r"\(\d+(,\s*\d+)?\)", "", type_.lower()).strip()


# --------------------------------------------------------------------------------------- all levels


def rollup(view: str, levels: Sequence[Relation], named: Named, dialect: str) -> Relation:
    """All levels of a view, one below the other, told apart by `_grain` and `_level`.

    A text that is not of the level is `(all)`, and one that is NULL `(null)`; of other types both
    are NULL, and `_level` tells.
    """
    first = max(levels, key=lambda one: (one.grain != ALL_TIME, len(one.level)))
    has_time = first.grain != ALL_TIME
    marks = (
        Column("_grain", "varchar", "level", description="`all`, or the period of a row."),
        Column("_level", "varchar", "level", description="The columns that a row is of, or total."),
    )
    keys = [c for c in first.columns if c.role in ("time", "dimension")]
    rest = [c for c in first.columns if c.role not in ("time", "dimension")]
    arms = [_arm(level, keys, rest, named) for level in levels]
    guarded = tuple(_without_roll_up(column) for column in rest)
    told = "Every level is there, one below the other: filter on `_level` and `_grain`."
    return Relation(
        f"{view}__rollup",
        "rollup",
        _stacked(arms, dialect),
        (*marks, *keys, *guarded),
        f"{told} | kpilayer={fingerprint([one.fingerprint for one in levels])}",
        fingerprint(["rollup", *(one.fingerprint for one in levels)]),
        view,
        first.grain if has_time else ALL_TIME,
        first.level,
        first.grants,
        tuple(one.name for one in levels),
        fingerprints=first.fingerprints,
    )


def _without_roll_up(column: Column) -> Column:
    """A column of all levels: what adds up within a level does not over levels."""
    return replace(column, roll_up=None)


def _arm(
    level: Relation, keys: Sequence[Column], rest: Sequence[Column], named: Named
) -> exp.Select:
    there = {column.name for column in level.columns}
    shown: list[exp.Expr] = [
        _as(_text(level.grain), "_grain"),
        _as(_text(",".join(level.level) or "total"), "_level"),
    ]
    for key in keys:
        value: exp.Expr = _name(key.name)
        if key.name not in there:
            value = _text(TOTAL) if is_text(key.type) else _nothing(key.type)
        elif is_text(key.type):
            value = exp.Coalesce(this=value, expressions=[_text(NOTHING)])
        shown.append(_as(value, key.name))
    shown += [_name(column.name) for column in rest]
    return exp.Select(expressions=shown).from_(named(level.name), copy=False)


def reserved_values(relation: Relation) -> Iterator[tuple[str, str]]:
    """Columns of texts with the words that stand for no value and for all, in a relation's data."""
    for column in relation.columns:
        if column.role == "dimension" and is_text(column.type):
            yield column.name, TOTAL
            yield column.name, NOTHING


# ----------------------------------------------------------------------------------- all metrics


@dataclass(frozen=True, slots=True)
class _Source:
    """Where values of a metric by one group-by, or none, come from: a column of a relation."""

    relation: Relation
    metric: Column
    key: Column | None
    is_rolled_up: bool


VALUE_COLUMNS: Final = (
    ("metric", "The metric's name."),
    ("metric_time", "The period, by its first day; NULL for all time."),
    ("grain", "The length of the period, or `all`."),
    ("dimension", "The group-by of the row, as questions name it, or `total`."),
    ("dimension_value", "The group of the row, as text."),
    ("value", "The value, as a double."),
    ("numerator", "What is divided, where the metric is a ratio of two sums."),
    ("denominator", "What it is divided by."),
    ("unit", "What one stands for."),
    ("definition_hash", "The fingerprint of the metric's definition."),
)


def values(relations: Sequence[Relation], named: Named, dialect: str) -> Relation | None:
    """Every number of every metric by at most one group-by: a row for each period and group."""
    sources = list(_sources(relations))
    if not sources:
        return None
    is_fine = any(one.relation.grain in _FINE for one in sources)
    arms = [_long(one, named, dialect, is_fine=is_fine) for one in sources]
    types = {"metric_time": "timestamp" if is_fine else "date"}
    types |= dict.fromkeys(("value", "numerator", "denominator"), "double")
    columns = tuple(
        Column(name, types.get(name, "varchar"), "text", description=about)
        for name, about in VALUE_COLUMNS
    )
    prints = fingerprint(["values", *(_described(one) for one in sources)])
    told = (
        "Every metric by period, in total and by each group-by of its views: a row for each value."
    )
    return Relation(
        VALUES,
        "values",
        _stacked(arms, dialect),
        columns,
        f"{told} | kpilayer={prints}",
        prints,
        stands_on=tuple(dict.fromkeys(one.relation.name for one in sources)),
    )


_FINE: Final = frozenset({"millisecond", "second", "minute", "hour"})


def _described(source: _Source) -> list[str]:
    key = source.key.group_by if source.key else ""
    return [source.relation.name, source.metric.name, source.metric.fingerprint, key]


def _sources(relations: Sequence[Relation]) -> Iterator[_Source]:
    """Each metric in total and by each group-by, once for each grain, from a plain relation."""
    seen: set[tuple[str, str, str]] = set()
    for source in sorted(_candidates(relations), key=_preferred):
        key = (
            source.metric.metric,
            source.relation.grain,
            source.key.group_by if source.key else "",
        )
        if key not in seen:
            seen.add(key)
            yield source


def _preferred(source: _Source) -> tuple[object, ...]:
    key = source.key.name if source.key else ""
    return (source.metric.metric, key, source.is_rolled_up, source.relation.name)


def _candidates(relations: Sequence[Relation]) -> Iterator[_Source]:
    for relation in relations:
        keys = [c for c in relation.columns if c.role == "dimension"]
        keys = [k for n, k in enumerate(keys) if k.group_by not in {o.group_by for o in keys[:n]}]
        for metric in _metrics(relation):
            if len(keys) <= 1:
                yield _Source(relation, metric, keys[0] if keys else None, False)
            if keys and metric.roll_up is not None:
                yield _Source(relation, metric, None, True)
                if len(keys) > 1:
                    yield from (_Source(relation, metric, key, True) for key in keys)


def _metrics(relation: Relation) -> Iterable[Column]:
    found = (c for c in relation.columns if c.role == "metric" and is_number(c.type))
    return {column.metric: column for column in reversed(list(found))}.values()


def _long(source: _Source, named: Named, dialect: str, *, is_fine: bool) -> exp.Select:
    relation, metric, key = source.relation, source.metric, source.key
    time = next((c for c in relation.columns if c.role == "time"), None)
    value: exp.Expr = _name(metric.name)
    above: exp.Expr | None = None
    below: exp.Expr | None = None
    parts = {c.name for c in relation.columns if c.role == "component"}
    if {f"{metric.name}__numerator", f"{metric.name}__denominator"} <= parts:
        above, below = (_name(f"{metric.name}__{part}") for part in ("numerator", "denominator"))
    if source.is_rolled_up:
        assert metric.roll_up is not None, "only what can be rolled up is"
        value = parse_one(metric.roll_up, dialect=dialect)
        above = above and exp.Sum(this=above)
        below = below and exp.Sum(this=below)
    moment = "TIMESTAMP" if is_fine else "DATE"
    text = _words(dialect)
    shown = [
        _as(_text(metric.metric), "metric"),
        _as(_moment(time, moment, dialect), "metric_time"),
        _as(_text(relation.grain), "grain"),
        _as(_text(key.group_by if key else "total"), "dimension"),
        _as(_as_text(key, text, dialect) if key else _nothing(text), "dimension_value"),
        _as(_double(value), "value"),
        _as(_double(above), "numerator"),
        _as(_double(below), "denominator"),
        _as(_text(metric.unit), "unit"),
        _as(_text(metric.fingerprint), "definition_hash"),
    ]
    select = exp.Select(expressions=shown).from_(named(relation.name), copy=False)
    # Rows of other metrics of the view are none of this one.
    has_value = exp.Not(this=exp.Is(this=expr.operand(value.copy()), expression=exp.Null()))
    if not source.is_rolled_up:
        select.set("where", exp.Where(this=has_value))
        return select
    groups = [_name(c.name) for c in (time, key) if c is not None]
    if groups:
        select.set("group", exp.Group(expressions=groups))
    select.set("having", exp.Having(this=has_value))
    return select


def _moment(time: Column | None, kind: str, dialect: str) -> exp.Expr:
    if time is None:
        return _nothing("TEXT" if dialect == "sqlite" else kind)
    # SQLite's dates are texts, of which a cast would keep the year.
    return _name(time.name) if dialect == "sqlite" else exp.cast(_name(time.name), kind)


def _as_text(key: Column, text: str, dialect: str) -> exp.Expr:
    """A group as text, the same in every session."""
    if dialect == "postgres" and key.type.startswith(("date", "timestamp")):
        form = "YYYY-MM-DD" if key.type == "date" else "YYYY-MM-DD HH24:MI:SS"
        return exp.Anonymous(this="TO_CHAR", expressions=[_name(key.name), _text(form)])
    return exp.cast(_name(key.name), text)


def _words(dialect: str) -> str:
    return "CHAR" if dialect == "mysql" else "VARCHAR"


def _double(value: exp.Expr | None) -> exp.Expr:
    return _nothing("DOUBLE") if value is None else exp.cast(value, "DOUBLE")


# --------------------------------------------------------------------------------------- known rows


def rows(
    columns: Sequence[str],
    values: Sequence[Sequence[object]],
    dialect: str,
    types: Sequence[str] = (),
) -> str:
    """Texts, numbers, dates and NULLs that are known now, as a query; typed without rows, too.

    ``types`` are those of the columns; without them, whole numbers and texts are told apart.
    """
    numbers = {n for row in values for n, value in enumerate(row) if isinstance(value, int)}
    kinds = ["INTEGER" if n in numbers else _words(dialect) for n in range(len(columns))]
    if types:
        own = {"VARCHAR": _words(dialect), "DATE": "TEXT" if dialect == "sqlite" else "DATE"}
        kinds = [own.get(kind, kind) for kind in types]

    def arm(row: Sequence[object]) -> exp.Select:
        told = zip(columns, row, kinds, strict=True)
        return exp.Select(
            expressions=[_as(_known(value, kind), name) for name, value, kind in told]
        )

    if values:
        return _stacked([arm(row) for row in values], dialect)
    one = exp.Select(expressions=[_as(exp.Literal.number(1), "one")])
    nothing = arm([None] * len(columns)).from_(one.subquery("nothing"), copy=False)
    false = exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
    return _stacked([nothing.where(false, copy=False)], dialect)


def _known(value: object, kind: str) -> exp.Expr:
    if value is None:
        return _nothing(kind)
    if isinstance(value, int):
        return exp.Literal.number(value)
    if isinstance(value, float):
        return exp.cast(exp.Literal.number(value), kind)
    return exp.cast(_text(str(value)), kind) if kind == "DATE" else _text(str(value))


# -------------------------------------------------------------------------------------------- trees


def _stacked(arms: Sequence[exp.Select], dialect: str) -> str:
    """The arms below each other; SQLite takes 500 at once, so that many stand in parts."""
    if len(arms) > _MOST:
        parts = [arms[n : n + _MOST] for n in range(0, len(arms), _MOST)]
        texts = [
            f"SELECT * FROM (\n{_stacked(part, dialect)}\n) AS part_{n}"
            for n, part in enumerate(parts)
        ]
    else:
        texts = [to_sql(quoted(arm), dialect) for arm in arms]
    return "\nUNION ALL\n".join(texts)


_MOST: Final = 400


def _name(name: str) -> exp.Column:
    return exp.column(name)


def _text(value: str) -> exp.Expr:
    return exp.Literal.string(value)


def _nothing(type_: str) -> exp.Expr:
    if not type_:
        return exp.null()
    return exp.Cast(this=exp.null(), to=exp.DataType.build(type_, udt=True))


def _as(value: exp.Expr, name: str) -> exp.Expr:
    return exp.alias_(value, name)
