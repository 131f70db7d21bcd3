"""Of which kind a column's values are, in DuckDB, and which values fit into it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal

from sqlglot import exp

from kpilayer.grain import parse_moment
from kpilayer.sql.given import type_in_duckdb

Name = Literal[
    "boolean", "integer", "decimal", "double", "text", "date", "timestamp", "instant", "time"
]
_T = exp.DataType.Type
_SIGNED: Final = {_T.TINYINT: 8, _T.SMALLINT: 16, _T.INT: 32, _T.BIGINT: 64, _T.INT128: 128}
_UNSIGNED: Final = {_T.UTINYINT: 8, _T.USMALLINT: 16, _T.UINT: 32, _T.UBIGINT: 64}
_NAMES: Final[dict[Any, Name]] = {
    _T.BOOLEAN: "boolean",
    _T.DECIMAL: "decimal",
    _T.DOUBLE: "double",
    _T.FLOAT: "double",
    _T.TEXT: "text",
    _T.VARCHAR: "text",
    _T.CHAR: "text",
    _T.NCHAR: "text",
    _T.NVARCHAR: "text",
    _T.DATE: "date",
    _T.TIMESTAMP: "timestamp",
    _T.TIMESTAMPNTZ: "timestamp",
    _T.DATETIME: "timestamp",
    _T.TIMESTAMPTZ: "instant",
    _T.TIMESTAMPLTZ: "instant",
    _T.TIME: "time",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of values; ``sql`` is DuckDB's type.

    ``size`` is the number of bits of whole numbers, of digits of decimals, of letters of texts (0
    for any number); ``scale`` counts digits after the point.
    """

    name: Name
    sql: str
    size: int = 0
    scale: int = 0
    signed: bool = True

    @property
    def is_number(self) -> bool:
        """Whether values add up."""
        return self.name in ("integer", "decimal", "double")

    @property
    def is_time(self) -> bool:
        """Whether values are days or points in time."""
        return self.name in ("date", "timestamp", "instant")


def kind_of(type_: exp.DataType, dialect: str) -> Kind | None:
    """The kind of a type's values; None for one whose values are not made (nested types, ..)."""
    return _kind_of(type_.sql(dialect), dialect)


@lru_cache(maxsize=1_000)
def _kind_of(type_: str, dialect: str) -> Kind | None:
    sql = type_in_duckdb(type_, dialect)
    if sql is None:
        return None
    built = exp.DataType.build(sql, dialect="duckdb")
    if built.this in exp.DataType.REAL_TYPES and not built.is_type("decimal"):
        built.set("expressions", None)  # SQLite's DECIMAL(12, 2) is a REAL(12, 2)
        sql = built.sql("duckdb")
    sizes = [int(p.name) for p in built.expressions if p.name.isdigit()]
    if built.this in _SIGNED:
        return Kind("integer", sql, _SIGNED[built.this])
    if built.this in _UNSIGNED:
        return Kind("integer", sql, _UNSIGNED[built.this], signed=False)
    name = _NAMES.get(built.this)
    if name is None or (built.expressions and not sizes):
        return None
    match name:
        case "decimal":
            size, scale = (*sizes, 0)[:2] if sizes else (18, 3)
            return Kind(name, sql, size, scale)
        case "text":
            # DuckDB does not hold values to a length, so that those made here have to be.
            length = re.search(r"\((\d+)\)", type_)
            return Kind(name, sql, int(length[1]) if length else 0)
    return Kind(name, sql)


def fitted(value: Any, kind: Kind) -> Any:
    """The value as one of this kind; None where it is none.

    >>> fitted("2024-01-31", Kind("date", "DATE")), fitted(300, Kind("integer", "TINYINT", 8))
    (datetime.date(2024, 1, 31), None)
    """
    match kind.name:
        case "boolean":
            return value if isinstance(value, bool) else None
        case "integer":
            return _whole(value, kind)
        case "decimal":
            return _decimal(value, kind)
        case "double":
            return float(value) if _is_number(value) else None
        case "text":
            return _text(value, kind)
        case "time":
            return value if isinstance(value, time) else None
    return _moment(value, kind)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _whole(value: Any, kind: Kind) -> int | None:
    if not _is_number(value) or value != int(value):
        return None
    low, high = (
        (-(2 ** (kind.size - 1)), 2 ** (kind.size - 1) - 1)
        if kind.signed
        else (0, 2**kind.size - 1)
    )
    return int(value) if low <= value <= high else None


def _decimal(value: Any, kind: Kind) -> Decimal | None:
    if not _is_number(value):
        return None
    exact = Decimal(str(value))
    if abs(exact) >= Decimal(10) ** (kind.size - kind.scale):
        return None
    rounded = exact.quantize(Decimal(1).scaleb(-kind.scale))
    return rounded if rounded == exact else None


def _text(value: Any, kind: Kind) -> str | None:
    if not isinstance(value, str):
        return None
    return value if not kind.size or len(value) <= kind.size else None


def _moment(value: Any, kind: Kind) -> date | datetime | None:
    if isinstance(value, str):
        parsed = parse_moment(value)
        value = parsed[0] if parsed else None
    if not isinstance(value, date):
        return None
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if kind.name == "date":
        return value.date() if value.time() == time() else None
    moment: datetime = value.astimezone(UTC) if value.tzinfo is not None else value
    return moment.replace(tzinfo=UTC if kind.name == "instant" else None)
