"""Rows of a PyMySQL cursor, left as the server's text, to Arrow with the types that it declares.

===========================  ==========================================================
integers, YEAR               int64, uint64 where 63 bits are too few; booleans see below
DECIMAL                      decimal128(38, s), decimal256(76, s) where 38 digits are too few
FLOAT, DOUBLE                float32, float64
DATE                         date32
DATETIME, TIMESTAMP          timestamp[us]; an instant is shown in UTC
BINARY, BLOB, BIT            binary
all others                   string, as the server prints them: TIME, JSON, ENUM, SET
===========================  ==========================================================

SUM of integers is a decimal of scale 0. The server has no booleans: those that a query tells to be
some (:mod:`kpilayer.sql.booleans`) become bool here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from kpilayer.warehouse.connection import query_failed

if TYPE_CHECKING:
    import pyarrow as pa

_BINARY: Final = 63  # the number of the character set that is none
_UNSIGNED: Final = 32  # a flag of a column
_SMALL_DIGITS: Final = 38


def fetch(fields: Sequence[Any], rows: Sequence[Sequence[Any]], sql: str) -> pa.Table:
    """The table of rows, each a text, bytes or None.

    Raises:
        WarehouseError: ``query-failed`` for a value that has no place in Arrow, as the date
            `0000-00-00`.
    """
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
    arrays = [_array(f, values, sql) for f, values in zip(fields, columns, strict=True)]
    return pa.Table.from_arrays(arrays, names=[field.name for field in fields])


def may_be_boolean(array: pa.Array) -> bool:
    """Whether a column is of whole numbers that are all 0, 1 or NULL."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_int64(array.type):
        return bool(pa.types.is_null(array.type))
    ends = pc.min_max(array).as_py()
    return bool(ends["min"] is None or (ends["min"] >= 0 and ends["max"] <= 1))


def type_name(field: Any) -> str:
    """The type of a result's column, as the server would spell it in a table."""
    from pymysql.constants import FIELD_TYPE

    kind, length = field.type_code, field.length
    unsigned = " unsigned" if field.flags & _UNSIGNED else ""
    match kind:
        case FIELD_TYPE.NEWDECIMAL | FIELD_TYPE.DECIMAL:
            digits = length - (field.scale > 0) - (not unsigned)
            return f"decimal({digits},{field.scale}){unsigned}"
        case FIELD_TYPE.DATETIME | FIELD_TYPE.TIMESTAMP:
            name = "datetime" if kind == FIELD_TYPE.DATETIME else "timestamp"
            return f"{name}({field.scale})" if field.scale else name
    names = {
        FIELD_TYPE.TINY: "tinyint",
        FIELD_TYPE.SHORT: "smallint",
        FIELD_TYPE.INT24: "mediumint",
        FIELD_TYPE.LONG: "int",
        FIELD_TYPE.LONGLONG: "bigint",
        FIELD_TYPE.FLOAT: "float",
        FIELD_TYPE.DOUBLE: "double",
        FIELD_TYPE.DATE: "date",
        FIELD_TYPE.TIME: "time",
        FIELD_TYPE.YEAR: "year",
        FIELD_TYPE.JSON: "json",
    }
    if kind in names:
        return names[kind] + (unsigned if "int" in names[kind] else "")
    return "blob" if field.charsetnr == _BINARY else "text"


def _array(field: Any, values: Sequence[Any], sql: str) -> pa.Array:
    import pyarrow as pa

    kind = _arrow_type(field, values)
    if pa.types.is_binary(kind) or pa.types.is_string(kind) or pa.types.is_null(kind):
        return pa.array(values, kind)
    try:
        return pa.array(values, pa.string()).cast(kind)
    except pa.ArrowInvalid:
        first = next(v for v in values if v is not None and not _fits(v, kind))
        raise query_failed(
            f"the column `{field.name}` holds `{first}`, which is no {kind}",
            sql,
            hint="filter such rows out, or make NULL of them: `NULLIF(..)`",
        ) from None


def _fits(value: str, kind: pa.DataType) -> bool:
    import pyarrow as pa

    try:
        pa.array([value], pa.string()).cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _arrow_type(field: Any, values: Sequence[Any]) -> pa.DataType:
    import pyarrow as pa
    from pymysql.constants import FIELD_TYPE

    match field.type_code:
        case FIELD_TYPE.LONGLONG if field.flags & _UNSIGNED:
            return pa.uint64()
        case (
            FIELD_TYPE.TINY
            | FIELD_TYPE.SHORT
            | FIELD_TYPE.INT24
            | FIELD_TYPE.LONG
            | FIELD_TYPE.LONGLONG
            | FIELD_TYPE.YEAR
        ):
            return pa.int64()
        case FIELD_TYPE.NEWDECIMAL | FIELD_TYPE.DECIMAL:
            digits = max((sum(map(str.isdigit, v)) for v in values if v is not None), default=1)
            small = digits <= _SMALL_DIGITS
            return pa.decimal128(38, field.scale) if small else pa.decimal256(76, field.scale)
        case FIELD_TYPE.FLOAT:
            return pa.float32()
        case FIELD_TYPE.DOUBLE:
            return pa.float64()
        case FIELD_TYPE.DATE | FIELD_TYPE.NEWDATE:
            return pa.date32()
        case FIELD_TYPE.DATETIME | FIELD_TYPE.TIMESTAMP:
            return pa.timestamp("us")
        case FIELD_TYPE.NULL:
            return pa.null()
        case FIELD_TYPE.TIME | FIELD_TYPE.JSON:
            return pa.string()
    return pa.binary() if field.charsetnr == _BINARY else pa.string()
