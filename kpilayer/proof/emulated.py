"""Queries of any dialect as DuckDB runs them over made-up rows: tables by one name, clocks stopped.

Another dialect's words are sqlglot's to translate; what it leaves to chance is done here: division
of whole numbers, and by zero. What has no equal in DuckDB is named by ``untestable``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types

from kpilayer.expr import function_name, nodes
from kpilayer.sql.names import cte_read

_T = exp.DataType.Type
#: What every clock shows: a Friday afternoon in May.
_TODAY: Final = "2024-05-17"
_NOW: Final = "2024-05-17 13:30:00"
_CLOCKS: Final[dict[str, tuple[str, Any]]] = {
    **dict.fromkeys(("current_date", "today", "curdate"), (_TODAY, _T.DATE)),
    **dict.fromkeys(
        ("now", "current_timestamp", "get_current_timestamp", "current_timestamp_l_t_z"),
        (_NOW, _T.TIMESTAMPTZ),
    ),
    **dict.fromkeys(
        ("transaction_timestamp", "statement_timestamp", "clock_timestamp"), (_NOW, _T.TIMESTAMPTZ)
    ),
    **dict.fromkeys(
        ("current_datetime", "localtimestamp", "current_localtimestamp", "getdate", "sysdate"),
        (_NOW, _T.TIMESTAMP),
    ),
    **dict.fromkeys(("current_time", "localtime", "current_localtime"), ("13:30:00", _T.TIME)),
}
#: Dialects in which the present is a time without zone.
_NO_ZONE: Final = frozenset({"clickhouse", "mysql", "sqlite", "tsql"})
#: Functions that give something else on each call, or what no made-up row decides.
_BY_CHANCE: Final = frozenset(
    {
        *("rand", "random", "randn", "uuid", "gen_random_uuid", "uuidv4", "uuidv7", "newid"),
        *("generate_uuid", "generate_u_u_i_d", "generateuuidv4", "rand64", "randcanonical"),
        *("nextval", "currval", "setseed", "txid_current", "version", "current_user", "user"),
        *("current_database", "current_schema", "session_user", "getenv", "current_setting"),
    }
)
#: Functions whose meaning depends on what DuckDB has no equal of: collations, locales, sketches.
_NO_EQUAL: Final[dict[str, frozenset[str]]] = {
    "bigquery": frozenset({"farm_fingerprint", "hll_count_extract", "net_host", "normalize"}),
    "clickhouse": frozenset({"sumwithoverflow", "quantiletdigest", "runningdifference"}),
    "mysql": frozenset({"soundex", "weight_string", "found_rows"}),
    "postgres": frozenset({"to_tsvector", "to_tsquery", "similarity", "ts_rank", "tsmatch"}),
    "snowflake": frozenset({"hash_agg", "seq4", "seq8", "object_construct"}),
    "spark": frozenset({"monotonically_increasing_id", "input_file_name", "spark_partition_id"}),
}
#: Table functions that make rows out of their arguments alone.
_ROW_MAKERS: Final = frozenset(
    {"generate_series", "range", "unnest", "generate_date_array", "explode", "values"}
)
#: Dialects in which `a / b` by zero is NULL; in the others it is an error, or infinity.
_NULL_BY_ZERO: Final = frozenset({"mysql", "sqlite", "hive"})
#: What the error says in the others. It is the one error that DuckDB makes as other dialects do.
BY_ZERO: Final = "division by zero"
_INFINITE_BY_ZERO: Final = frozenset({"duckdb", "clickhouse"})
_ROUNDING: Final = (exp.Round, exp.Floor, exp.Ceil, exp.Trunc)
#: Dialects whose texts are equal where they differ in case, or in trailing blanks.
FOLDS_CASE: Final = frozenset({"mysql", "tsql"})


def untestable(tree: exp.Query, dialect: str) -> str:
    """Why a query cannot be run over made-up rows; nothing where it may be possible."""
    return next(_obstacles(tree, dialect), "")


def _obstacles(tree: exp.Query, dialect: str) -> Iterator[str]:
    no_equal = _NO_EQUAL.get(dialect, frozenset())
    for node in nodes(tree):
        match node:
            case exp.Table() if isinstance(node.this, exp.Func):
                name = function_name(node.this)
                if name not in _ROW_MAKERS:
                    yield f"`{name}` is a table function"
            case exp.Table() if _is_file(node):
                yield f"`{node.name}` is a file"
            case exp.Func():
                name = function_name(node)
                if name in _BY_CHANCE:
                    yield f"`{name}` gives something else on each call"
                if name in no_equal:
                    yield f"`{name}` of {dialect} has no equal in DuckDB"
            case exp.Placeholder() | exp.Parameter():
                yield "it has parameters"
            case exp.TableSample():
                yield "it takes a sample"


def defaults_of_clickhouse(tree: exp.Query, nullable: Callable[[str], bool]) -> str:
    """Why a query of ClickHouse cannot be run: it has values where others have NULL.

    ``nullable`` says of the name of a column whether it is Nullable wherever it stands.
    """
    if any(join.side in ("LEFT", "RIGHT", "FULL") for join in tree.find_all(exp.Join)):
        return "an outer join of ClickHouse makes default values, and no NULL"
    for aggregate in tree.find_all(exp.Sum, exp.Avg, exp.Min, exp.Max, exp.CombinedAggFunc):
        names = [column.name.lower() for column in aggregate.find_all(exp.Column)]
        if function_name(aggregate) != "countif" and not all(map(nullable, names)):
            return "ClickHouse makes 0 of no rows, where a column is not Nullable"
    return ""


def _is_file(table: exp.Table) -> bool:
    ending = table.name.rpartition(".")[2].lower()
    is_path = "/" in table.name or ending in ("csv", "json", "parquet", "tsv", "xlsx", "gz")
    return isinstance(table.this, exp.Identifier) and bool(table.this.quoted) and is_path


def key_of(table: exp.Table) -> str | None:
    """The name of a table of the warehouse, in lower case; None for a CTE or a function."""
    if not all(isinstance(part, exp.Identifier) for part in table.parts) or cte_read(table):
        return None
    return ".".join(part.name for part in table.parts).lower()


def flattened(tree: exp.Query, dialect: str) -> exp.Query:
    """A copy that reads each table by one name in lower case, its dots inside, with clocks stopped.

    >>> import sqlglot
    >>> flattened(sqlglot.parse_one("SELECT shop.orders.id FROM shop.Orders"), "duckdb").sql()
    'SELECT orders.id FROM "shop.orders" AS Orders'
    """
    copy = tree.copy()
    keys = [(table, key) for table in copy.find_all(exp.Table) if (key := key_of(table))]
    for table, key in keys:
        if not table.alias:
            table.set("alias", exp.TableAlias(this=table.this.copy()))
        table.set("catalog", None)
        table.set("db", None)
        table.set("this", exp.to_identifier(key, quoted=not key.isidentifier()))
    for column in copy.find_all(exp.Column):
        column.set("catalog", None)
        column.set("db", None)
    for node in [n for n in copy.find_all(exp.Func) if function_name(n) in _CLOCKS]:
        text, kind = _CLOCKS[function_name(node)]
        if kind is _T.TIMESTAMPTZ and dialect in _NO_ZONE:
            kind = _T.TIMESTAMP
        node.replace(exp.Cast(this=exp.Literal.string(text), to=exp.DataType(this=kind)))
    return copy


def in_duckdb(tree: exp.Query, schema: Mapping[str, object], dialect: str) -> str:
    """The text that DuckDB runs, of a flat tree; of another dialect it is qualified, too.

    Raises:
        SqlglotError: there are no words for it in DuckDB.
    """
    if dialect == "duckdb":
        return str(tree.sql("duckdb"))
    typed = annotate_types(tree.copy(), schema=dict(schema), dialect=dialect)
    for division in reversed(list(typed.find_all(exp.Div))):
        division.replace(_divided(division, dialect))
    for count in list(typed.find_all(exp.CountIf)):  # DuckDB's is NULL where there are no rows
        is_true = exp.If(this=count.this, true=exp.Literal.number(1))
        count.replace(exp.Count(this=exp.Case(ifs=[is_true])))
    return str(typed.sql("duckdb"))


def rounds(tree: exp.Query) -> bool:
    """Whether a query rounds numbers, so that the last bit of a double may decide a digit."""
    return tree.find(*_ROUNDING) is not None


def nudged(tree: exp.Query, factor: str) -> exp.Query:
    """A copy in which all that is rounded is first multiplied by a factor next to 1.

    Where doubles meet half of a digit, both of two queries then take the same side.
    """
    copy = tree.copy()
    for node in list(copy.find_all(*_ROUNDING)):
        if node.this.find(exp.Column) is None:
            continue
        operand = exp.Paren(this=node.this)
        number = exp.Cast(this=exp.Literal.number(factor), to=exp.DataType(this=_T.DOUBLE))
        node.set("this", exp.Mul(this=operand, expression=number))
    return copy


def _divided(division: exp.Div, dialect: str) -> exp.Expr:
    """A division as the dialect means it, said so that DuckDB means the same."""
    sides = (division.this, division.expression)
    is_whole = bool(division.args.get("typed")) and all(
        side.type is not None and side.type.this in exp.DataType.INTEGER_TYPES for side in sides
    )
    left, right = (exp.Paren(this=side) if isinstance(side, exp.Binary) else side for side in sides)
    if not _never_zero(right) and dialect not in _INFINITE_BY_ZERO:
        right = _guarded(right, dialect)
    kind = exp.IntDiv if is_whole else exp.Div
    return exp.Paren(this=kind(this=left, expression=right, typed=False, safe=True))


def _guarded(divisor: exp.Expr, dialect: str) -> exp.Expr:
    zero = exp.Literal.number(0)
    if dialect in _NULL_BY_ZERO:
        return exp.Nullif(this=divisor, expression=zero)
    error = exp.Anonymous(this="error", expressions=[exp.Literal.string(BY_ZERO)])
    is_zero = exp.EQ(this=divisor.copy(), expression=zero)
    return exp.Case(ifs=[exp.If(this=is_zero, true=error)], default=divisor)


def _never_zero(divisor: exp.Expr) -> bool:
    bare = divisor.unnest()
    if isinstance(bare, exp.Literal):
        return not bare.is_string and float(bare.name) != 0
    return isinstance(bare, exp.Nullif) and bare.expression.name in ("0", "0.0")
