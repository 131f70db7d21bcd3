"""The tables of the history and the views on them, in words that DuckDB and PostgreSQL share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

#: Raised where the tables change, so that an older kpilayer leaves those of a newer one alone.
VERSION: Final = 1

_TEXT, _NUMBER, _COUNT, _DAY, _TIME = (
    *("VARCHAR", "DOUBLE PRECISION", "INTEGER", "DATE", "TIMESTAMP"),
)
_WHOSE: Final = {"kpi": _TEXT, "slice": _TEXT, "grain": _TEXT, "period_start": _DAY}
_RUN: Final = {"run_id": _TEXT, "evaluated_at": _TIME}

#: Columns of each table with their types; those of its key come first.
TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "kpi_history": {"version": _COUNT, "project": _TEXT},
    "kpi_observation": {
        **_WHOSE, "fingerprint": _TEXT, "revision": _COUNT,
        "value": _NUMBER, "numerator": _NUMBER, "denominator": _NUMBER,
        "watermark": _TIME, "complete": "BOOLEAN", **_RUN,
    },
    "kpi_status": {
        **_WHOSE, "seq": _COUNT,
        "fingerprint": _TEXT, "revision": _COUNT, "value": _NUMBER, "raw": _TEXT, "status": _TEXT,
        "reasons": _TEXT, "expected": _NUMBER, "distance": _NUMBER, "ranges_json": _TEXT,
        "note": _TEXT, "restated_from": _TEXT, "config_hash": _TEXT, **_RUN,
    },
    "kpi_episode": {
        "id": _TEXT, "seq": _COUNT,
        "kpi": _TEXT, "slice": _TEXT, "grain": _TEXT,
        "level": _TEXT, "opened": _DAY, "closed": _DAY,
        "began": _TEXT, "ended": _TEXT, "periods": _COUNT,
        "action": _TEXT, "action_due": _DAY, "owner": _TEXT, **_RUN,
    },
    "kpi_alert": {
        "id": _TEXT, "channel": _TEXT, "attempt": _COUNT,
        "kpi": _TEXT, "slice": _TEXT, "event": _TEXT, "message": _TEXT, "outcome": _TEXT, **_RUN,
    },
    "kpi_run": {"run_id": _TEXT, "judged": _COUNT, "missing": _COUNT, "evaluated_at": _TIME},
}  # fmt: skip
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "kpi_history": ("version",),
    "kpi_observation": ("kpi", "slice", "grain", "period_start", "fingerprint", "revision"),
    "kpi_status": ("kpi", "slice", "grain", "period_start", "seq"),
    "kpi_episode": ("id", "seq"),
    "kpi_alert": ("id", "channel", "attempt"),
    "kpi_run": ("run_id",),
}
#: What BI tools read: of each period, observation and episode what was said last; of each KPI and
#: slice the last period.
_CURRENT: Final = {"kpi_observation": "revision", "kpi_status": "seq", "kpi_episode": "seq"}
_HEALTH: Final = (
    "kpi", "slice", "grain", "period_start", "value", "raw", "status", "reasons", "expected",
    "distance", "ranges_json", "note", "evaluated_at",
)  # fmt: skip
_ROWS: Final = 5000  # of one INSERT
Value = str | float | int | bool | date | datetime | None


def made(schema: str) -> Iterator[str]:
    """What makes tables and views that are not there."""
    if schema:
        yield f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}"
    for table, columns in TABLES.items():
        body = ", ".join(
            f"{n} {k}{' NOT NULL' if n in KEYS[table] else ''}" for n, k in columns.items()
        )
        key = ", ".join(KEYS[table])
        yield f"CREATE TABLE IF NOT EXISTS {named(schema, table)} ({body}, PRIMARY KEY ({key}))"


def views(schema: str) -> Iterator[str]:
    """What makes the views, in the place of those that are there."""
    for table, newest in _CURRENT.items():
        of = ", ".join(name for name in KEYS[table] if name != newest)
        source = named(schema, table)
        yield _last_of(schema, f"{table}_current", tuple(TABLES[table]), source, of, newest)
    latest = "kpi_status_current"
    of_grain = "MAX(evaluated_at) OVER (PARTITION BY kpi, slice, grain)"
    source = f"(SELECT *, {of_grain} AS judged_at FROM {named(schema, latest)}) AS of_grains"
    newest = "judged_at DESC, period_start"  # of the cadence that is judged now
    yield _last_of(schema, "kpi_health", _HEALTH, source, "kpi, slice", newest)


def _last_of(
    schema: str, view: str, columns: Sequence[str], source: str, of: str, newest: str
) -> str:
    shown = ", ".join(columns)
    rank = f"ROW_NUMBER() OVER (PARTITION BY {of} ORDER BY {newest} DESC) AS place"
    return (
        f"CREATE OR REPLACE VIEW {named(schema, view)} AS SELECT {shown} FROM "
        f"(SELECT *, {rank} FROM {source}) AS ranked WHERE place = 1"
    )


def inserted(
    schema: str, table: str, rows: Iterable[Sequence[Value]], dialect: str
) -> Iterator[str]:
    """Statements that append rows, whose values are in the order of the table's columns.

    Rows travel as one text of JSON: engines read it many times faster than as many literals.
    """
    columns = TABLES[table]
    every = list(rows)
    for at in range(0, len(every), _ROWS):
        texts = [dict(zip(columns, row, strict=True)) for row in every[at : at + _ROWS]]
        text = literal(json.dumps(texts, default=_text, allow_nan=False))
        names = ", ".join(columns)
        if dialect == "duckdb":
            types = literal(json.dumps([dict(columns)]))
            read = f"SELECT UNNEST(FROM_JSON({text}, {types}), max_depth := 2)"
        else:
            types = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            read = f"SELECT * FROM JSON_TO_RECORDSET({text}) AS given ({types})"
        yield f"INSERT INTO {named(schema, table)} ({names}) {read}"


def _text(value: object) -> str:
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def named(schema: str, table: str) -> str:
    """A table's name as SQL."""
    return f"{quoted(schema)}.{table}" if schema else table


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'
