"""Tables to facts: how many rows, values and gaps each column has, counted and never sampled.

The SQL is plain enough for DuckDB and PostgreSQL. Names of columns come from data, so all of them
stand in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from kpilayer.warehouse.connection import Column, Connection

Kind = Literal["text", "integer", "decimal", "boolean", "date", "timestamp", "other"]

_KINDS: Final[tuple[tuple[str, Kind], ...]] = (
    (r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|INT[0-9]+|(DECIMAL|NUMERIC)\([0-9]+, ?0\)", "integer"),
    (r"(DECIMAL|NUMERIC)(\(.*\))?|FLOAT[0-9]*|REAL|DOUBLE( PRECISION)?|MONEY", "decimal"),
    (r"(VARCHAR|CHARACTER( VARYING)?|CHAR|BPCHAR)(\(.*\))?|TEXT|STRING|UUID|ENUM\(.*\)", "text"),
    (r"BOOL(EAN)?", "boolean"),
    (r"DATE", "date"),
    (r"TIMESTAMP.*|DATETIME", "timestamp"),
)
#: Numbers asked for at a time. A scan of a wide file costs much, and so does a query of thousands.
MOST_COUNTS: Final = 200
#: Values that are told apart at a time, which an engine holds in memory.
MOST_VALUES: Final = 20_000_000
#: From coarse to fine; what is not whole at the last one is measured in microseconds.
_UNITS: Final = ("day", "hour", "minute", "second", "millisecond")


@dataclass(frozen=True, slots=True)
class Table:
    """Where rows are: ``place`` is a key of a semantic model, `path` or `relation`, and its value.

    ``sql`` stands after FROM. ``title`` is the name that people know it by.
    """

    title: str
    place: tuple[Literal["path", "relation"], str]
    sql: str


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column: ``filled`` rows are not NULL, ``distinct`` values are not either.

    ``granularity`` is the finest unit that its times use; None where it holds no times.
    """

    name: str
    type: str
    kind: Kind
    filled: int
    distinct: int
    granularity: str | None = None


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table with its number of rows and its columns in order."""

    table: Table
    rows: int
    columns: tuple[ColumnFacts, ...]

    def is_unique(self, column: ColumnFacts) -> bool:
        """Whether every row has a value of its own here."""
        return 0 < self.rows == column.filled == column.distinct


def measure(connection: Connection, table: Table) -> TableFacts:
    """What a table holds; one query for its rows, and one for many columns at a time.

    Raises:
        WarehouseError: the table cannot be read.
    """
    columns = connection.describe(f"SELECT * FROM {table.sql}")
    rows = _numbers(connection, f"SELECT COUNT(*) FROM {table.sql}")[0]
    facts: list[ColumnFacts] = []
    for some in _batches(columns, rows):
        counts = [count for column in some for count in _counts(column)]
        numbers = iter(_numbers(connection, f"SELECT {', '.join(counts)} FROM {table.sql}"))
        facts += [_facts(column, list(islice(numbers, len(_counts(column))))) for column in some]
    return TableFacts(table, rows, tuple(facts))


def _batches(columns: Sequence[Column], rows: int) -> Iterator[list[Column]]:
    """Columns that are counted in one scan of a table: a scan of a wide file is slow."""
    batch: list[Column] = []
    counts = 0
    for column in columns:
        more = len(_counts(column))
        if batch and (counts + more > MOST_COUNTS or (len(batch) + 1) * rows > MOST_VALUES):
            yield batch
            batch, counts = [], 0
        batch.append(column)
        counts += more
    if batch:
        yield batch


def _counts(column: Column) -> list[str]:
    """What is counted of a column: rows with a value, values, and times that are finer than units.

    What is no value to group by, a list for example, has no values to count.
    """
    name, kind = quoted(column.name), kind_of(column.type)
    counts = [f"COUNT({name})", f"COUNT(DISTINCT {name})" if kind != "other" else "0"]
    if kind == "timestamp":
        counts += [f"COUNT(CASE WHEN {name} <> DATE_TRUNC('{u}', {name}) THEN 1 END)"
                   for u in _UNITS]  # fmt: skip
    return counts


def _facts(column: Column, counted: list[int]) -> ColumnFacts:
    kind = kind_of(column.type)
    filled, distinct, *uneven = counted
    grain = "day" if kind == "date" else None
    if kind == "timestamp":
        whole = (unit for unit, rows in zip(_UNITS, uneven, strict=True) if rows == 0)
        grain = next(whole, "microsecond")
    return ColumnFacts(column.name, column.type, kind, filled, distinct, grain)


def contained(
    connection: Connection, table: Table, column: str, other: Table, key: str
) -> tuple[int, int]:
    """How many rows have a value here, and how many of them find it as the other's key."""
    ours, theirs = f"l.{quoted(column)}", quoted(key)
    found = _numbers(
        connection,
        f"SELECT COUNT({ours}), COUNT(r.k) FROM {table.sql} AS l "
        f"LEFT JOIN (SELECT DISTINCT {theirs} AS k FROM {other.sql} AS o) AS r ON {ours} = r.k",
    )
    return found[0], found[1]


def relations(connection: Connection) -> list[tuple[str, str]]:
    """Schema and name of every table and view that a session sees, system ones left out."""
    found = connection.run(
        "SELECT CAST(table_schema AS VARCHAR) AS s, CAST(table_name AS VARCHAR) AS t "
        "FROM information_schema.tables "
        "WHERE table_catalog = current_database() "
        "AND table_schema NOT IN ('information_schema', 'pg_catalog') ORDER BY 1, 2"
    )
    return [(row["s"], row["t"]) for row in found.to_pylist()]


def kind_of(type_: str) -> Kind:
    """What a type of DuckDB or PostgreSQL is for.

    >>> kind_of("DECIMAL(12,3)"), kind_of("timestamp without time zone"), kind_of("BIGINT[]")
    ('decimal', 'timestamp', 'other')
    """
    wanted = type_.upper()
    if wanted.endswith("[]"):
        return "other"
    return next((kind for rule, kind in _KINDS if re.fullmatch(rule, wanted)), "other")


def quoted(name: str) -> str:
    """A name in quotes, whatever it holds."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _numbers(connection: Connection, sql: str) -> list[int]:
    table = connection.run(sql)
    return [int(column[0].as_py()) for column in table.columns]
