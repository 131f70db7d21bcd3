"""GoogleSQL's reference executor as a connection: what BigQuery's SQL means, without a BigQuery.

Google's ZetaSQL as WebAssembly (`pip install zetasql`) analyses a statement under the language
options of BigQuery and computes it from rows in memory. It is the meaning of the language, and not
the service: it knows no limits of BigQuery's planner, and its sketches do not run.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

import pyarrow as pa

from kpilayer.warehouse.connection import Column, Relation, query_failed

#: What BigQuery has of the language, as far as a query may tell (Google's zetasql-toolkit).
FEATURES: Final = """
    ANALYTIC_FUNCTIONS NUMERIC_TYPE BIGNUMERIC_TYPE INTERVAL_TYPE JSON_TYPE PARAMETERIZED_TYPES
    CBRT_FUNCTIONS GROUP_BY_ROLLUP INVERSE_TRIG_FUNCTIONS NAMED_ARGUMENTS ROUND_WITH_ROUNDING_MODE
    TABLESAMPLE TEMPLATE_FUNCTIONS TIME_BUCKET_FUNCTIONS V_1_1_HAVING_IN_AGGREGATE
    V_1_1_LIMIT_IN_AGGREGATE V_1_1_NULL_HANDLING_MODIFIER_IN_AGGREGATE
    V_1_1_NULL_HANDLING_MODIFIER_IN_ANALYTIC V_1_1_ORDER_BY_IN_AGGREGATE
    V_1_1_SELECT_STAR_EXCEPT_REPLACE V_1_1_WITH_ON_SUBQUERY V_1_2_CIVIL_TIME
    V_1_2_SAFE_FUNCTION_CALL V_1_2_WEEK_WITH_WEEKDAY V_1_3_ADDITIONAL_STRING_FUNCTIONS
    V_1_3_ALLOW_DASHES_IN_TABLE_NAME V_1_3_ALLOW_REGEXP_EXTRACT_OPTIONALS V_1_3_CONCAT_MIXED_TYPES
    V_1_3_DATE_ARITHMETICS V_1_3_DATE_TIME_CONSTRUCTORS V_1_3_DECIMAL_ALIAS
    V_1_3_EXTENDED_DATE_TIME_SIGNATURES V_1_3_FORMAT_IN_CAST V_1_3_IS_DISTINCT
    V_1_3_LIKE_ANY_SOME_ALL V_1_3_NULLS_FIRST_LAST_IN_ORDER_BY V_1_3_PIVOT V_1_3_QUALIFY
    V_1_3_REPEAT V_1_3_UNNEST_AND_FLATTEN_ARRAYS V_1_3_UNPIVOT V_1_3_WITH_RECURSIVE
    V_1_4_ARRAY_AGGREGATION_FUNCTIONS V_1_4_DISABLE_FLOAT32 V_1_4_GROUPING_BUILTIN
    V_1_4_GROUPING_SETS V_1_4_GROUP_BY_ALL
"""
_EPOCH: Final = date(1970, 1, 1)


class GoogleSQL:
    """A :class:`~kpilayer.warehouse.connection.Connection` whose tables are Arrow's."""

    dialect: Final = "bigquery"

    def __init__(self) -> None:
        self._tables: dict[str, pa.Table] = {}
        self._content: dict[str, Any] = {}

    def table(self, name: str, rows: pa.Table) -> None:
        """A table of these rows, in the place of what was there."""
        self._tables[name] = rows
        self._content[name] = _content(rows)

    def run(self, sql: str) -> pa.Table:
        """The whole result of one query."""
        columns, rows = self._evaluated(sql)
        kinds = [c.type.type_kind for c in columns]
        values = [
            [_value(row.cell[place], kind) for row in rows] for place, kind in enumerate(kinds)
        ]
        arrays = [pa.array(v, _arrow(kind)) for v, kind in zip(values, kinds, strict=True)]
        return pa.Table.from_arrays(arrays, names=[c.name for c in columns])

    def describe(self, select_sql: str) -> tuple[Column, ...]:
        """The columns that a query would give: their types are known when it is analysed."""
        sql = select_sql.strip().rstrip(";")
        columns, _ = self._evaluated(f"SELECT * FROM (\n{sql}\n) LIMIT 0")
        return tuple(Column(c.name, _spelled(c.type.type_kind), True) for c in columns)

    def describe_relation(self, parts: tuple[str, ...]) -> Relation | None:
        """The columns of a table."""
        rows = self._tables.get(parts[-1])
        if rows is None:
            return None
        return Relation(tuple(Column(f.name, _spelled(_kind(f.type)), True) for f in rows.schema))

    def execute(self, sql: str) -> None:
        """Refuses: tables come from Arrow."""
        raise query_failed("the reference executor makes no tables", sql)

    def progress(self) -> float | None:
        """None: it does not tell."""
        return None

    def cancel(self) -> None:
        """Nothing: a statement runs to its end."""

    def close(self) -> None:
        """Nothing is open."""

    def _evaluated(self, sql: str) -> tuple[list[Any], list[Any]]:
        from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service

        sql = re.sub(r"\bAPPROX_COUNT_DISTINCT\(", "COUNT(DISTINCT ", sql)  # an exact sketch
        words = set(re.findall(r"\w+", sql))
        read = [name for name in self._tables if set(re.findall(r"\w+", name)) <= words]
        request = service.PrepareQueryRequest(sql=sql, options=_options())
        catalog = request.simple_catalog
        catalog.name = "kpilayer"
        catalog.builtin_function_options.language_options.CopyFrom(_options().language_options)
        for number, name in enumerate(read, 1):
            table = catalog.table.add(name=name, serialization_id=number)
            for column in self._tables[name].schema:
                table.column.add(name=column.name).type.type_kind = _kind(column.type)
            request.table_content[name].CopyFrom(self._content[name])
        try:
            prepared = _call("PrepareQuery", request, service.PrepareQueryResponse).prepared
            own = service.EvaluateQueryRequest(prepared_query_id=prepared.prepared_query_id)
            try:
                found = _call("EvaluateQuery", own, service.EvaluateQueryResponse)
            finally:
                done = service.UnprepareQueryRequest(prepared_query_id=prepared.prepared_query_id)
                _call("UnprepareQuery", done, None)
        except ExecutorError as error:
            raise query_failed(str(error), sql) from None
        return list(prepared.columns), list(found.content.table_data.row)


# ------------------------------------------------------------------------------------- WebAssembly


class ExecutorError(Exception):
    """What the executor says of a statement that it refuses."""


@cache
def _instance() -> tuple[Any, Any]:
    """The executor of this process. The first use on a machine compiles it (half a minute)."""
    import tzdata
    from wasmtime import Config, Engine, Linker, Module, Store, WasiConfig
    from zetasql.wasi import get_wasm_path

    settings = Config()
    settings.shared_memory = True
    settings.cache = True  # what is compiled is kept in the user's cache
    engine = Engine(settings)
    module = Module.from_file(engine, str(get_wasm_path()))
    system = WasiConfig()
    system.inherit_stderr()
    system.preopen_dir(f"{tzdata.__path__[0]}/zoneinfo", "/usr/share/zoneinfo")
    store = Store(engine)
    store.set_wasi(system)
    linker = Linker(engine)
    linker.define_wasi()
    exports = linker.instantiate(store, module).exports(store)
    exports["_initialize"](store)
    return store, exports


def _call(method: str, request: Any, answer: Any) -> Any:
    store, exports = _instance()
    sent = request.SerializeToString()
    place, size = exports["wasm_malloc"](store, len(sent) or 1), exports["wasm_malloc"](store, 4)
    try:
        _write(place, sent)
        found = exports[f"ZetaSqlLocalService_{method}"](store, place, len(sent), size)
        if not found:
            length = exports["wasm_get_last_error_size"](store)
            said = _read(exports["wasm_get_last_error"](store), length)
            raise ExecutorError(re.sub(r"^Code: \d+, Message: ", "", said.decode()))
        length = int.from_bytes(_read(size, 4), "little")
        bytes_ = _read(found, length)
        exports["wasm_free"](store, found)
        return answer.FromString(bytes_) if answer else None
    finally:
        exports["wasm_free"](store, place)
        exports["wasm_free"](store, size)


def _address() -> int:
    _, exports = _instance()
    return ctypes.addressof(exports["memory"].data_ptr().contents)


def _write(place: int, sent: bytes) -> None:
    ctypes.memmove(_address() + place, sent, len(sent))


def _read(place: int, length: int) -> bytes:
    return ctypes.string_at(_address() + place, length)


@cache
def _options() -> Any:
    from zetasql.wasi._pb2.zetasql.proto import options_pb2
    from zetasql.wasi._pb2.zetasql.public import options_pb2 as language

    options = options_pb2.AnalyzerOptionsProto(default_timezone="UTC", prune_unused_columns=True)
    own = options.language_options
    own.product_mode = language.ProductMode.Value("PRODUCT_EXTERNAL")
    own.enabled_language_features.extend(
        language.LanguageFeature.Value(f"FEATURE_{name}") for name in FEATURES.split()
    )
    own.reserved_keywords.append("QUALIFY")
    return options


# ------------------------------------------------------------------------------------------- values


def _content(rows: pa.Table) -> Any:
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service

    content = service.TableContent()
    content.table_data.SetInParent()  # a table without rows has them, too
    kinds = [_kind(field.type) for field in rows.schema]
    columns = (column.to_pylist() for column in rows.columns)
    for values in zip(*columns, strict=True):
        row = content.table_data.row.add()
        for value, kind in zip(values, kinds, strict=True):
            _put(row.cell.add(), value, kind)
    return content


def _names() -> dict[int, str]:
    from zetasql.wasi._pb2.zetasql.public import type_pb2

    return {number: name.removeprefix("TYPE_") for name, number in type_pb2.TypeKind.items()}


def _number(name: str) -> int:
    return next(number for number, known in _names().items() if known == name)


@cache
def _kind(kind: pa.DataType) -> int:
    if pa.types.is_decimal(kind):
        fits = kind.scale <= 9 and kind.precision - kind.scale <= 29
        return _number("NUMERIC" if fits else "BIGNUMERIC")
    if pa.types.is_timestamp(kind):
        return _number("TIMESTAMP" if kind.tz else "DATETIME")
    tests: Iterable[tuple[Any, str]] = (
        (pa.types.is_boolean, "BOOL"),
        (pa.types.is_integer, "INT64"),
        (pa.types.is_floating, "DOUBLE"),
        (pa.types.is_date, "DATE"),
        (pa.types.is_null, "INT64"),
    )
    return _number(next((name for test, name in tests if test(kind)), "STRING"))


def _spelled(kind: int) -> str:
    name = _names()[kind]
    return {"DOUBLE": "FLOAT64"}.get(name, name)


@cache
def _arrow(kind: int) -> pa.DataType:
    name = _names()[kind]
    if name == "TIMESTAMP":
        return pa.timestamp("us", "UTC")
    known = {
        "BOOL": pa.bool_(),
        "INT64": pa.int64(),
        "DOUBLE": pa.float64(),
        "DATE": pa.date32(),
        "DATETIME": pa.timestamp("us"),
        "NUMERIC": pa.decimal128(38, 9),
        "BIGNUMERIC": pa.decimal256(76, 38),
    }
    return known.get(name, pa.string())


def _put(cell: Any, value: Any, kind: int) -> None:
    if value is None:
        return
    match _names()[kind]:
        case "BOOL":
            cell.bool_value = value
        case "INT64":
            cell.int64_value = value
        case "DOUBLE":
            cell.double_value = value
        case "DATE":
            cell.date_value = (value - _EPOCH).days
        case "DATETIME":
            moment = (
                *((value.year, 26), (value.month, 22), (value.day, 17)),
                *((value.hour, 12), (value.minute, 6), (value.second, 0)),
            )
            cell.datetime_value.bit_field_datetime_seconds = sum(n << bits for n, bits in moment)
            cell.datetime_value.nanos = value.microsecond * 1000
        case "TIMESTAMP":
            cell.timestamp_value.FromDatetime(value.astimezone(UTC))
        case "NUMERIC":
            cell.numeric_value = _scaled(value, 9)
        case "BIGNUMERIC":
            cell.bignumeric_value = _scaled(value, 38)
        case _:
            cell.string_value = str(value)


def _scaled(value: Any, digits: int) -> bytes:
    number = int(Decimal(value).scaleb(digits))
    return number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)


def _value(cell: Any, kind: int) -> Any:
    field = cell.WhichOneof("value")
    if field is None:
        return None
    value = getattr(cell, field)
    match _names()[kind]:
        case "DATE":
            return _EPOCH + timedelta(days=value)
        case "DATETIME":
            bits = value.bit_field_datetime_seconds
            parts = (bits >> 26, bits >> 22 & 15, bits >> 17 & 31, bits >> 12 & 31, bits >> 6 & 63)
            return datetime(*parts, bits & 63, value.nanos // 1000)
        case "TIMESTAMP":
            return value.ToDatetime(UTC)
        case "NUMERIC":
            return Decimal(int.from_bytes(value, "little", signed=True)).scaleb(-9)
        case "BIGNUMERIC":
            return _exact(int.from_bytes(value, "little", signed=True), 38)
    return value


def _exact(number: int, digits: int) -> Decimal:
    """A decimal of more digits than Python's context keeps."""
    sign, text = int(number < 0), str(abs(number))
    return Decimal((sign, tuple(map(int, text)), -digits))
