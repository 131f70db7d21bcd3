"""SQL that stands elsewhere: files, models of dbt, logs of queries, exports of BI tools.

What is given are paths: files, folders with all that is known in them, or globs. Every text
becomes ``Text`` values, one for each query as it was written.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from kpilayer.errors import ConfigError, Issue, Location

_SQL_KEYS: Final = ("query", "query_text", "sql", "statement", "sql_text", "query_string")
_RUNS_KEYS: Final = ("runs", "count", "executions", "calls", "query_count")
_USER_KEYS: Final = ("user", "user_name", "username", "user_email", "usename")
_LAST_KEYS: Final = ("last_run", "last_seen", "start_time", "started_at", "executed_at", "last")
_NAME_KEYS: Final = ("name", "slice_name", "table_name", "label", "title", "verbose_name")
_IS_QUERY: Final = re.compile(
    r"^\s*(--[^\n]*\n|/\*.*?\*/|\s)*(select|with|create|insert)\b", re.I | re.S
)
_KINDS: Final = (".sql", ".csv", ".jsonl", ".ndjson", ".json", ".parquet")
_LEFT_OUT: Final = frozenset({"node_modules", "target", "dbt_packages", ".git", ".venv"})
#: Folders and names of checks, which count rows and are about no KPI.
_CHECKS: Final = re.compile(
    r"(^|[/_.\-])(tests?|checks?|assert(ion)?s?|dq|data_quality)([/_.\-]|$)"
)


@dataclass(frozen=True, slots=True)
class Text:
    """A query as it was written; ``line`` is where it begins, ``column_of`` in which record.

    ``runs``, ``users`` and ``last`` are of a log. ``is_file`` says that the text is the whole
    file, whose places are places in it.
    """

    path: str
    sql: str
    line: int = 1
    shown: str = ""
    is_file: bool = False
    dialect: str | None = None
    runs: int = 0
    users: tuple[str, ...] = ()
    last: str = ""
    inside: str = ""
    """The path below the folder that was given."""

    @property
    def is_of_a_check(self) -> bool:
        """Whether its path says that it checks data."""
        return bool(_CHECKS.search(self.inside.lower()))


#: Rows of a Parquet file as mappings.
ReadParquet = Callable[[Path], Sequence[Mapping[str, Any]]]


def texts(
    paths: Sequence[str], root: Path, dialects: Sequence[str], read_parquet: ReadParquet
) -> tuple[list[Text], list[Issue]]:
    """Every query in some paths, `dialect:path` where its dialect is another one.

    Raises:
        ConfigError: a path leads nowhere.
    """
    found: list[Text] = []
    issues: list[Issue] = []
    for word in paths:
        dialect, _, rest = word.partition(":")
        own = dialect if rest and dialect in dialects else None
        start = Path(rest if own else word)
        for file in _files(str(start)):
            shown = _shown(file, root)
            inside = file.relative_to(start).as_posix() if start.is_dir() else file.name
            try:
                for read in _read(file, shown, read_parquet):
                    if isinstance(read, Issue):
                        issues.append(read)
                    else:
                        found.append(replace(read, dialect=own, inside=inside))
            except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
                issues.append(
                    _unread(shown, f"it cannot be read: {str(error).partition(chr(10))[0]}")
                )
    return found, issues


def _unread(shown: str, message: str, line: int = 1) -> Issue:
    return Issue("drift-unread", message, Location(shown, line), severity="warning")


def _files(word: str) -> Iterator[Path]:
    path = Path(word)
    if path.is_file():
        yield path
        return
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            inside = file.relative_to(path).parts
            if file.suffix.lower() in _KINDS and file.is_file() and not _LEFT_OUT & set(inside):
                yield file
        return
    pattern = Path(word)
    start = Path(pattern.anchor) if pattern.is_absolute() else Path()
    relative = str(pattern.relative_to(start)) if pattern.is_absolute() else word
    matched = sorted(start.glob(relative)) if any(c in word for c in "*?[") else []
    if not matched:
        raise ConfigError(Issue("unreadable-file", f"`{word}` is neither a file nor a folder"))
    for file in matched:
        if file.is_file():
            yield file


def _shown(file: Path, root: Path) -> str:
    whole = file.resolve()
    return (whole.relative_to(root) if whole.is_relative_to(root) else file).as_posix()


def _read(file: Path, shown: str, read_parquet: ReadParquet) -> Iterator[Text | Issue]:
    match file.suffix.lower():
        case ".parquet":
            yield from _of_log(enumerate(read_parquet(file), 1), shown)
        case ".csv":
            text = file.read_text(encoding="utf-8-sig")
            rows = csv.DictReader(io.StringIO(text), strict=True)
            yield from _of_log(((rows.line_num, row) for row in rows), shown)
        case ".jsonl" | ".ndjson":
            lines = file.read_text(encoding="utf-8-sig").splitlines()
            numbered = ((n, _json(line)) for n, line in enumerate(lines, 1) if line.strip())
            yield from _of_log(numbered, shown)
        case ".json":
            yield from _of_export(json.loads(file.read_text(encoding="utf-8")), shown)
        case _:
            yield Text(shown, file.read_text(encoding="utf-8-sig"), is_file=True)


# --------------------------------------------------------------------------------------------- logs


def _json(line: str) -> Any:
    """The value of a line; None where it is no JSON."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _of_log(rows: Iterable[tuple[int, Any]], shown: str) -> Iterator[Text | Issue]:
    line, has_queries = 0, False
    for line, row in rows:
        if not isinstance(row, Mapping):
            yield _unread(shown, f"line {line} is no JSON object", line)
            continue
        has_queries |= bool({str(k).lower() for k in row} & set(_SQL_KEYS))
        by_name = {str(k).lower(): v for k, v in row.items() if k is not None}
        sql = _first(by_name, _SQL_KEYS)
        if isinstance(sql, str) and _IS_QUERY.match(sql):
            runs, user = _first(by_name, _RUNS_KEYS), _first(by_name, _USER_KEYS)
            yield Text(
                shown,
                sql,
                line,
                f"query {line}",
                runs=int(runs) if str(runs or "").isdigit() else 1,
                users=(str(user),) if user else (),
                last=str(_first(by_name, _LAST_KEYS) or ""),
            )

    if not has_queries:
        columns = ", ".join(f"`{name}`" for name in _SQL_KEYS)
        told = f"no row has a column of a query, which is called one of {columns}"
        yield _unread(shown, told if line else "there are no rows in it")


def without_tags(sql: str) -> str:
    """SQL of Metabase as it runs where no filter is set.

    Optional clauses `[[AND ..]]` go, a field's filter `WHERE {{tag}}` holds for all rows, and a
    variable `= {{tag}}` is a value of which nothing is known.
    """
    bare = re.sub(r"\[\[.*?\]\]", " ", sql, flags=re.S)
    bare = re.sub(r"\{\{\s*#(\d+)[^}]*\}\}", r"card_\1", bare)
    bare = re.sub(
        r"(\b(?:where|and|or|not|on|when)\s+|\()\{\{[^}]*\}\}", r"\1TRUE", bare, flags=re.I
    )
    return re.sub(r"\{\{\s*([^}]*?)\s*\}\}", r"'\1'", bare)


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


# --------------------------------------------------------------------------------------- BI exports


def _of_export(value: Any, shown: str, name: str = "") -> Iterator[Text]:
    """SQL in an export of Metabase, Superset or another tool, wherever in the JSON it stands."""
    if isinstance(value, list):
        for item in value:
            yield from _of_export(item, shown, name)
    if not isinstance(value, Mapping):
        return
    name = str(_first(value, _NAME_KEYS) or name)
    for key, inner in value.items():
        if isinstance(inner, str) and key in _SQL_KEYS and _IS_QUERY.match(inner):
            yield Text(shown, inner, 1, name)
        elif isinstance(inner, list | Mapping):
            yield from _of_export(inner, shown, name)
    yield from _of_dataset(value, shown, name)


def _of_dataset(value: Mapping[str, Any], shown: str, name: str) -> Iterator[Text]:
    """Metrics of a dataset of Superset, each as a query of the dataset's rows."""
    metrics, table = value.get("metrics"), value.get("table_name")
    if not (isinstance(metrics, list) and isinstance(table, str)):
        return
    sql = value.get("sql")
    rows = (
        f"({sql.strip().rstrip(';')}) AS dataset" if isinstance(sql, str) and sql.strip() else table
    )
    for metric in metrics:
        if isinstance(metric, Mapping) and isinstance(metric.get("expression"), str):
            column = str(metric.get("metric_name") or "value").replace('"', "")
            yield Text(shown, f'SELECT {metric["expression"]} AS "{column}" FROM {rows}', 1, name)
