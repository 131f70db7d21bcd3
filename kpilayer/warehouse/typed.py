"""An answer with the types that its question tells, from an engine whose results have none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from kpilayer.sql.types import Kind

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT: Final = 2**53  # doubles beyond it have not every whole number


def typed(table: pa.Table, kinds: Mapping[str, Kind]) -> pa.Table:
    """The table with its columns as these kinds, whose values are texts, numbers and 0 and 1.

    A column with a value that its kind cannot hold exactly stays as it is: a decimal of more than
    15 digits that came as a double remains one.
    """
    import pyarrow as pa

    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = kinds.get(name)
        columns.append(column if kind is None else _typed(column, kind))
    return pa.Table.from_arrays(columns, names=table.column_names)


def moment(value: object) -> date | None:
    """A date or time, also as a text; None for what is neither."""
    if isinstance(value, date) or not isinstance(value, str):
        return value if isinstance(value, date) else None
    try:
        return _date(value) if len(value) == 10 else _timestamp(value)
    except ValueError:
        return None


def _typed(column: Any, kind: Kind) -> Any:
    import pyarrow as pa

    types: dict[str, tuple[pa.DataType, Callable[[Any], Any]]] = {
        "boolean": (pa.bool_(), _truth),
        "integer": (pa.int64(), _whole),
        "decimal": (pa.decimal128(38, kind.scale), lambda value: _decimal(value, kind.scale)),
        "double": (pa.float64(), float),
        "text": (pa.string(), _text),
        "date": (pa.date32(), _date),
        "timestamp": (pa.timestamp("us"), _timestamp),
    }
    arrow, make = types[kind.name]
    try:
        values = [None if value is None else make(value) for value in column.to_pylist()]
        return pa.array(values, arrow)
    except (ValueError, TypeError, OverflowError):  # pyarrow's errors are ValueErrors
        return column


def _truth(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError
    return bool(value)


def _whole(value: Any) -> int:
    if isinstance(value, str) or value != int(value) or abs(value) > 2**63:
        raise ValueError
    return int(value)


def _decimal(value: Any, scale: int) -> Decimal:
    if isinstance(value, int):
        return Decimal(value)
    if not isinstance(value, float) or abs(value) * 10**scale > _EXACT:
        raise ValueError
    return Decimal(repr(round(value, scale)))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(value[:10])


def _timestamp(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    day, _, fraction = value.partition(".")
    moment = datetime.fromisoformat(day)
    return moment.replace(microsecond=int(f"{fraction:0<6}"[:6])) if fraction else moment
