"""What DuckDB says when it refuses, as issues with a place in the SQL.

The relation API, the one way to Arrow without a copy, drops the positions of errors and in versions
1.x reports on SQL of its own making. So the place is asked for again, by EXPLAIN with errors as
JSON; errors of single rows, which only a run meets, keep the excerpt that the message shows.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from kpilayer.errors import WarehouseError
from kpilayer.warehouse.connection import connection_failed, no_such_file, query_failed
from kpilayer.warehouse.redact import scrub

_EXPLAIN: Final = "EXPLAIN "
_EXCERPT: Final = re.compile(r"\n+LINE (\d+): (.*)\n( *)(\^+)\s*\Z", re.S)
_LOCKED: Final = re.compile(r"could not set lock on file|conflicting lock", re.I)
_DAMAGED: Final = re.compile(r"corrupt|checksum|could not read enough bytes", re.I)
_NO_FILES: Final = re.compile(r'No files found that match the pattern "([^"\n]*)"')
_LABEL: Final = "LINE {}: "
_Excerpt = tuple[int, str, int, int]


def refusal(error: Exception, sql: str, raw: Any) -> WarehouseError:
    """The error for a ``duckdb.Error`` raised by ``sql``; ``raw`` is the connection it ran on."""
    import duckdb

    if isinstance(error, duckdb.InterruptException):
        return query_failed("the query was cancelled", sql)
    missing = _NO_FILES.search(str(error))
    if missing is not None:
        return no_such_file(re.sub(r"\[([\[*?])\]", r"\1", missing[1]))
    message, hint, shown = _parted(str(error))
    position, length = _asked_again(sql, message, raw) or _find(shown, sql) or (None, 1)
    return query_failed(message, sql, position=position, length=length, hint=hint)


def not_opened(path: str, message: str, settings: Mapping[str, object]) -> WarehouseError:
    """The error for a database that DuckDB could not open; locks and damage by their names."""
    said = sentence(message).removeprefix("IO Error: ")
    words = said.replace(path, "")  # a path may have any word in it
    path, message = scrub(path, settings), scrub(said, settings)
    if _LOCKED.search(words):
        holder = re.search(r"held in (.+? \(PID \d+\))", message)
        who = f" by {holder[1]}" if holder else ""
        return connection_failed(
            f"the DuckDB file `{path}` is locked{who}",
            hint="end the other process, or open the file there with `read_only=True`",
        )
    if "not a valid DuckDB database file" in words:
        return connection_failed(
            f"the file `{path}` is not a DuckDB database file",
            hint="check `path` of the target; data files are read with `path:` of a model",
        )
    if _DAMAGED.search(words):
        return connection_failed(
            f"the DuckDB file `{path}` is damaged: {message}",
            hint="restore it from a copy, or make it anew",
        )
    if "different configuration" in words:
        return connection_failed(
            f"the DuckDB file `{path}` is open for writing in this very process",
            hint="close that connection, or hand it in as `connection`",
        )
    return connection_failed(f"the DuckDB file `{path}` cannot be opened: {message}")


def sentence(message: str) -> str:
    """The first line of a message, which says what is wrong."""
    return message.strip().partition("\n")[0]


def _asked_again(sql: str, message: str, raw: Any) -> tuple[int, int] | None:
    """Position and length of the same error when the statement is only explained."""
    with contextlib.suppress(Exception), raw.cursor() as cursor:  # a place is an extra
        try:
            if len(cursor.extract_statements(sql)) != 1:
                return None  # EXPLAIN covers the first; the others would run again
        except Exception as error:  # noqa: BLE001 - not well-formed: this excerpt is of the text itself
            return _find(_parted(str(error))[2], sql)
        cursor.execute("SET errors_as_json = true")
        try:
            cursor.execute(_EXPLAIN + sql)
        except Exception as error:  # noqa: BLE001 - whatever it says is parsed
            told = json.loads(str(error)[str(error).index("{") :])
            if sentence(told["exception_message"]) in message:
                return _characters(_EXPLAIN + sql, told, len(_EXPLAIN))
    return None


def _parted(message: str) -> tuple[str, str | None, _Excerpt | None]:
    """A message's sentence, its further lines as a hint, and the excerpt it shows.

    The excerpt is (line from 1, text of the line, caret's column in it from 0, caret's length).
    """
    found = _EXCERPT.search(message)
    shown = None
    if found:
        number, text, indent, caret = found.groups()
        column = len(indent) - len(_LABEL.format(number))
        shown = (int(number), text, column, len(caret))
        message = message[: found.start()]
    first, _, rest = message.strip().partition("\n")
    hint = " ".join(rest.split())
    if len(hint) > 300:
        hint = hint[:300].rstrip() + " [..]"
    return first, hint or None, shown


def _find(shown: _Excerpt | None, sql: str) -> tuple[int, int] | None:
    """Position and length in ``sql`` of an excerpt, if it was taken from this very text."""
    if shown is None:
        return None
    number, text, column, length = shown
    lines = sql.split("\n")
    head = 3 if text.startswith("...") else 0
    body = text[head : len(text) - 3 if text.endswith("...") else None]
    if number > len(lines) or body not in lines[number - 1]:
        return None
    before = sum(len(line) + 1 for line in lines[: number - 1])
    return before + lines[number - 1].index(body) + column - head, length


def _characters(text: str, told: Mapping[str, str], skip: int) -> tuple[int, int] | None:
    """Position and length in characters, after the first ``skip``; from bytes."""
    start, length = int(told["position"]), 0
    if "location" in told:  # DuckDB 2.0: [first byte, bytes]
        start, length = json.loads(told["location"])
    data = text.encode()
    position = len(data[:start].decode(errors="replace")) - skip
    word = told.get("name", "")
    length = len(data[start : start + length].decode(errors="replace")) or len(word)
    return (position, max(1, length)) if position >= 0 else None
