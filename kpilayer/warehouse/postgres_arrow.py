"""Rows of a psycopg cursor to Arrow, with the types that the server declares.

===========================  ==========================================================
smallint, integer, bigint    int16, int32, int64; COUNT and SUM of integers are bigint
real, double precision       float32, float64
numeric                      decimal128(38, s), decimal256(76, s) where 38 digits are too few
boolean                      bool
date, timestamp, timestamptz date32, timestamp[us], timestamp[us, tz=UTC]
time without time zone       time64[us]
bytea                        binary
all others                   string, as PostgreSQL prints them: json, uuid, interval, arrays
===========================  ==========================================================

The scale ``s`` is the declared one; where there is none (SUM, AVG, a bare ``numeric``), the largest
of the data, 0 without data. SUM of bigint is such a numeric of scale 0. A numeric NaN or infinity
has no decimal, and NULL would be another number: it is an error that names the column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from kpilayer.warehouse.connection import query_failed

if TYPE_CHECKING:
    import pyarrow as pa

BATCH: Final = 20_000  # rows
_NUMERIC: Final = 1700
_SMALL_DIGITS: Final = 38
_MOST_DIGITS: Final = 76


def choose_loaders(cursor: Any) -> None:
    """Make the cursor give the Python values expected here, whatever its connection was told."""
    from psycopg.types.string import TextLoader

    loaders = _loaders()
    for kind in tuple(cursor.adapters.types):
        for oid in (kind.oid, kind.array_oid):
            if oid:
                cursor.adapters.register_loader(oid, loaders.get(oid, TextLoader))


def fetch(cursor: Any, sql: str) -> pa.Table:
    """All rows of an executed cursor.

    Raises:
        WarehouseError: ``query-failed`` for a numeric that no decimal holds.
    """
    import pyarrow as pa

    names = [column.name for column in cursor.description]
    builders = [
        _Numbers(column.name, column.scale, sql)
        if column.type_code == _NUMERIC
        else _Values(_arrow_type(column.type_code))
        for column in cursor.description
    ]
    while rows := cursor.fetchmany(BATCH):
        for builder, values in zip(builders, zip(*rows, strict=True), strict=True):
            builder.add(values)
    columns = [builder.finish() for builder in builders]
    schema = pa.schema([pa.field(n, c.type) for n, c in zip(names, columns, strict=True)])
    return pa.Table.from_arrays(columns, schema=schema)


def builder(
    description: Sequence[Any], sql: str
) -> Callable[[Sequence[Sequence[Any]]], pa.RecordBatch]:
    """What makes batches of rows, all of one schema.

    A numeric without a declared scale (SUM, AVG) has 38 digits on either side of the point, as the
    largest scale of the data is not known before its end.
    """
    import pyarrow as pa

    kinds = [
        _number_in_stream(column.scale) if column.type_code == _NUMERIC
        else _arrow_type(column.type_code)
        for column in description
    ]  # fmt: skip
    names = [column.name for column in description]
    schema = pa.schema([pa.field(n, k) for n, k in zip(names, kinds, strict=True)])

    def build(rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        arrays = [_in_stream(*each, sql) for each in zip(names, columns, kinds, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    return build


def _number_in_stream(scale: int | None) -> pa.DataType:
    import pyarrow as pa

    if scale is None or scale < 0:
        return pa.decimal256(_MOST_DIGITS, _SMALL_DIGITS)
    return pa.decimal128(_SMALL_DIGITS, scale)


def _in_stream(name: str, values: Sequence[Any], kind: pa.DataType, sql: str) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values, kind)
    except pa.ArrowInvalid as error:
        raise query_failed(
            f"the column `{name}` holds a value that does not fit into {kind}: {error}",
            sql,
            hint="cast it to `double precision` or round it, or ask for the answer as a whole",
        ) from None


class _Values:
    """A column whose Arrow type is known from the start."""

    def __init__(self, kind: pa.DataType) -> None:
        self._type = kind
        self._chunks: list[pa.Array] = []

    def add(self, values: Sequence[Any]) -> None:
        import pyarrow as pa

        self._chunks.append(pa.array(values, self._type))

    def finish(self) -> pa.ChunkedArray:
        import pyarrow as pa

        return pa.chunked_array(self._chunks, self._type)


class _Numbers:
    """A numeric column: exact digits, the scale declared or found."""

    def __init__(self, name: str, scale: int | None, sql: str) -> None:
        self._name = name
        self._sql = sql
        self._declared = scale is not None
        self._scale = max(0, scale or 0)
        self._whole = 1  # digits before the point
        self._batches: list[Sequence[Decimal | None]] = []

    def add(self, values: Sequence[Decimal | None]) -> None:
        for value in values:
            if value is None:
                continue
            if not value.is_finite():
                raise query_failed(
                    f"the column `{self._name}` holds {value}, which no decimal number is",
                    self._sql,
                    hint="cast it to `double precision`, or filter such rows out",
                )
            exponent = value.as_tuple().exponent
            assert isinstance(exponent, int), "a finite number has a number as exponent"
            if not self._declared and -exponent > self._scale:
                self._scale = -exponent
            self._whole = max(self._whole, value.adjusted() + 1)
        self._batches.append(values)

    def finish(self) -> pa.ChunkedArray:
        import pyarrow as pa

        digits = self._whole + self._scale
        if digits > _MOST_DIGITS:
            raise query_failed(
                f"the column `{self._name}` needs {digits} digits, and a decimal has "
                f"{_MOST_DIGITS} at most",
                self._sql,
                hint="round it, or cast it to `double precision`",
            )
        kind = (
            pa.decimal128(_SMALL_DIGITS, self._scale)
            if digits <= _SMALL_DIGITS
            else pa.decimal256(_MOST_DIGITS, self._scale)
        )
        return pa.chunked_array([pa.array(batch, kind) for batch in self._batches], kind)


def _arrow_type(oid: int) -> pa.DataType:
    import pyarrow as pa

    make = _TYPES.get(oid)
    return make(pa) if make else pa.string()


_TYPES: Final[dict[int, Callable[[Any], Any]]] = {
    16: lambda pa: pa.bool_(),
    17: lambda pa: pa.binary(),
    20: lambda pa: pa.int64(),
    21: lambda pa: pa.int16(),
    23: lambda pa: pa.int32(),
    26: lambda pa: pa.int64(),  # oid: 32 bits without a sign
    700: lambda pa: pa.float32(),
    701: lambda pa: pa.float64(),
    1082: lambda pa: pa.date32(),
    1083: lambda pa: pa.time64("us"),
    1114: lambda pa: pa.timestamp("us"),
    1184: lambda pa: pa.timestamp("us", tz="UTC"),
}


def _loaders() -> dict[int, Any]:
    """Psycopg's own loaders by type, for the types that are not read as text."""
    from psycopg.types import bool as booleans
    from psycopg.types import datetime as times
    from psycopg.types import numeric as numbers
    from psycopg.types import string as strings

    return {
        16: booleans.BoolLoader,
        17: strings.ByteaLoader,
        20: numbers.IntLoader,
        21: numbers.IntLoader,
        23: numbers.IntLoader,
        26: numbers.IntLoader,
        700: numbers.FloatLoader,
        701: numbers.FloatLoader,
        _NUMERIC: numbers.NumericLoader,
        1082: times.DateLoader,
        1083: times.TimeLoader,
        1114: times.TimestampLoader,
        1184: times.TimestamptzLoader,
    }
