"""What ClickHouse writes to Arrow, with types as other warehouses have them.

============================  =========================================================
Int8 .. Int64                 int8 .. int64
UInt8, UInt16, UInt32         int16, int32, int64; UInt64 int64, or decimal128(20, 0)
Int128, Int256, UInt128 ..    decimal128(38, 0), decimal256(76, 0) where digits are too few
Decimal                       decimal128; decimal256(76, s) where 38 digits are too few
Bool, String, Date, Date32    bool, string, date32
DateTime, DateTime64          timestamp[us]; timestamp[us, tz=UTC] where the type names a zone
============================  =========================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

_OUTER: Final = re.compile(r"^(?:Nullable|LowCardinality)\((.*)\)$")
_INTEGER: Final = re.compile(r"^(U?)Int(128|256)$")


def bare(kind: str) -> str:
    """A type without what says that it may be NULL or how it is stored.

    >>> bare("LowCardinality(Nullable(String))")
    'String'
    """
    while found := _OUTER.match(kind):
        kind = found.group(1)
    return kind


def needs_types(table: pa.Table) -> bool:
    """Whether Arrow's types leave open what ClickHouse's were."""
    import pyarrow as pa

    return any(
        pa.types.is_timestamp(t) or pa.types.is_uint32(t) or pa.types.is_fixed_size_binary(t)
        for t in table.schema.types
    )


def plain(table: pa.Table, types: Mapping[str, str]) -> pa.Table:
    """The table with each column in the type that it means; ``types`` by name, where needed."""
    import pyarrow as pa

    columns = [
        _column(column, bare(types.get(name, "")))
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    schema = pa.schema(
        [pa.field(n, c.type) for n, c in zip(table.column_names, columns, strict=True)]
    )
    return pa.Table.from_arrays(columns, schema=schema)


def _column(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    import pyarrow as pa

    old = column.type
    if kind.startswith("DateTime"):
        return _moments(column, "'" in kind)
    if _INTEGER.match(kind):
        return _fewer_digits(_from_bytes(column, kind))
    if pa.types.is_fixed_size_binary(old):
        return column.cast(pa.binary()).cast(pa.string())
    if pa.types.is_decimal256(old):
        return _fewer_digits(column)
    if pa.types.is_uint64(old):
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:
            return column.cast(pa.decimal128(20, 0))
    signed = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64()}
    if old in signed:
        return column.cast(signed[old])
    if isinstance(old, pa.BaseExtensionType):
        return _uuids(column)
    return column


def _moments(column: pa.ChunkedArray, is_instant: bool) -> pa.ChunkedArray:
    """DateTime comes as seconds in an integer; the zone that Arrow has may be the session's."""
    import pyarrow as pa

    seconds = pa.types.is_uint32(column.type)
    if seconds:
        column = column.cast(pa.int64()).cast(pa.timestamp("s"))
    micros = column.cast(pa.timestamp("us", tz="UTC" if column.type.tz else None), safe=False)
    return micros.cast(pa.timestamp("us", tz="UTC" if is_instant else None))


def _from_bytes(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    """Wide integers, whose bytes are those of a decimal of scale 0."""
    import pyarrow as pa

    unsigned, bits = _INTEGER.match(kind).groups()  # type: ignore[union-attr]
    widest = pa.decimal256(76, 0)
    if unsigned:
        values = (v.as_py() for v in column)
        numbers = [None if v is None else int.from_bytes(v, "little") for v in values]
        return pa.chunked_array([pa.array(map(_decimal, numbers), widest)])
    meant = pa.decimal128(38, 0) if bits == "128" else widest
    chunks = [
        pa.Array.from_buffers(meant, len(c), c.buffers(), offset=c.offset) for c in column.chunks
    ]
    return pa.chunked_array(chunks, meant)


def _decimal(number: int | None) -> object:
    from decimal import Decimal

    return None if number is None else Decimal(number)


def _fewer_digits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A decimal of 38 digits where its values have no more."""
    import pyarrow as pa

    if not pa.types.is_decimal256(column.type) or column.type.scale > 38:
        return column
    try:
        return column.cast(pa.decimal128(38, column.type.scale))
    except pa.ArrowInvalid:
        return column


def _uuids(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array(
        [pa.array([str(v.as_py()) if v.is_valid else None for v in column], pa.string())]
    )
