"""The answer to a query: rows, the SQL that gave them, and what the numbers mean.

A result speaks Arrow's PyCapsule protocol, so polars, pandas, pyarrow and DuckDB read it directly:
``polars.DataFrame(result)``, ``pyarrow.table(result)``, ``FROM result``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from kpilayer.errors import Issue, KpilayerError
from kpilayer.warehouse.connection import query_failed

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Row = tuple[Any, ...]
_SHOWN: Final = 50  # rows in a notebook


class MissingLibrary(KpilayerError, ImportError):
    """A result was asked for as a data frame of a library that is not installed."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Result:
    """Rows in the order asked for; ``len`` counts them and iterating gives them.

    ``fingerprints`` are those of the metrics and dimensions used, by name. ``overlapping`` says
    that groups share rows, so that their values do not add up to the total.
    """

    table: pa.Table
    sql: str
    fingerprints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    notices: tuple[Issue, ...] = ()
    overlapping: bool = False

    @classmethod
    def from_table(
        cls,
        table: pa.Table,
        *,
        sql: str,
        fingerprints: Mapping[str, str] | None = None,
        notices: Iterable[Issue] = (),
        overlapping: bool = False,
    ) -> Result:
        """A result over an Arrow table; mappings and lists are copied, the table is not."""
        copied = MappingProxyType(dict(fingerprints or {}))
        return cls(table, sql, copied, tuple(notices), overlapping)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the output columns, in order."""
        return tuple(self.table.column_names)

    def rows(self) -> list[Row]:
        """All rows as plain Python values.

        Whole numbers are ``int``, also where the warehouse has a decimal of scale 0 (the sum of
        integers); other decimals are exact ``Decimal``; times are ``datetime`` to the microsecond.

        Raises:
            WarehouseError: ``query-failed`` for a date outside years 1 to 9999, which Python has
                no value for; iterating raises it too, and ``to_arrow`` keeps the date.
        """
        return list(self)

    def to_arrow(self) -> pa.Table:
        """The result as a ``pyarrow.Table``, with the warehouse's own types."""
        return self.table

    def to_pandas(self) -> pd.DataFrame:
        """The result as a pandas data frame; decimals stay exact, as objects.

        Raises:
            MissingLibrary: pandas is not installed.
        """
        try:
            import pandas  # noqa: F401 - pyarrow's own message names no extra
        except ImportError:
            raise _missing("pandas") from None
        return self.table.to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """The result as a polars data frame; decimals of more than 38 digits as text.

        Raises:
            MissingLibrary: polars is not installed.
        """
        try:
            import polars
        except ImportError:
            raise _missing("polars") from None
        return polars.DataFrame(polars.from_arrow(_without_wide_decimals(self.table)))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[Row]:
        for batch in self.table.to_batches():
            columns = [
                self._values(name, column)
                for name, column in zip(self.columns, batch.columns, strict=True)
            ]
            if columns:
                yield from zip(*columns, strict=True)
            else:
                yield from (() for _ in range(batch.num_rows))

    def _values(self, name: str, column: Any) -> list[Any]:
        try:
            return _plain(column)
        except OverflowError:  # numbers all have a Python value; dates and times may not
            raise query_failed(
                f"the column `{name}` holds a date or time outside years 1 to 9999, which Python "
                "has no value for",
                self.sql,
                hint="cast it to text, filter such rows out, or take the result as Arrow",
            ) from None

    def __repr__(self) -> str:
        names = ", ".join(self.columns)
        return f"<Result: {_counted(len(self))} of {names}>"

    def _repr_html_(self) -> str:
        """A table of the first rows for notebooks, with row count and fingerprints below."""
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(
            f"<tr>{''.join(_cell(value) for value in row)}</tr>"
            for row in Result(self.table.slice(0, _SHOWN), self.sql)
        )
        foot = "".join(f"<div>{line}</div>" for line in self._footer())
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f'<div class="kpilayer-footer">{foot}</div>'
        )

    def _footer(self) -> Iterator[str]:
        count = _counted(len(self))
        yield f"{count}, the first {_SHOWN} shown" if len(self) > _SHOWN else count
        if self.overlapping:
            yield "groups overlap: values do not add up to the total"
        if self.fingerprints:
            yield " · ".join(
                f"{escape(name)} <code>{escape(mark)}</code>"
                for name, mark in self.fingerprints.items()
            )
        for notice in self.notices:
            yield f"{escape(notice.severity)}: {escape(notice.message)}"


def _plain(column: Any) -> list[Any]:
    """The values of an Arrow array as Python's own types."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_time64(kind) and kind.unit == "ns":
        column = column.cast(pa.time64("us"), safe=False)
    elif pa.types.is_duration(kind) and kind.unit == "ns":
        column = column.cast(pa.duration("us"), safe=False)
    values: list[Any] = column.to_pylist()
    if pa.types.is_decimal(kind) and kind.scale <= 0:
        return [None if value is None else int(value) for value in values]
    return values


def _without_wide_decimals(table: pa.Table) -> pa.Table:
    """The same table with decimal256 columns as text, which polars cannot read (it panics)."""
    import pyarrow as pa

    fields = [
        field.with_type(pa.string()) if pa.types.is_decimal256(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _cell(value: object) -> str:
    if value is None:
        return "<td></td>"
    numeric = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    side = ' style="text-align: right"' if numeric else ""
    return f"<td{side}>{escape(_shown(value))}</td>"


def _shown(value: object) -> str:
    show: Callable[[Any], str] = "{:f}".format if isinstance(value, Decimal) else str
    return show(value)


def _counted(rows: int) -> str:
    return f"{rows:,} row" + ("" if rows == 1 else "s")


def _missing(library: str) -> MissingLibrary:
    message = f"the Python package `{library}` is not installed"
    hint = f"pip install 'kpilayer[{library}]'"
    return MissingLibrary(Issue("missing-driver", message, hint=hint))
