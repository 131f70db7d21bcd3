"""Additions to JSON files that people write, with their comments and trailing commas.

Editors keep settings in such files. Nothing in them is removed, replaced or moved: text is only
inserted, and what comes out is read again before it counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_BLANK: Final = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_WORD: Final = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null")
_INDENT: Final = "    "


class CannotMerge(Exception):
    """The text cannot be extended without losing something; the message says why."""


@dataclass(slots=True)
class _Node:
    """A value in the text, from ``start`` to ``end``.

    ``last`` is where its last entry ends, and ``comma`` whether one stands after that.
    """

    start: int
    value: Any = None
    end: int = 0
    entries: dict[str, _Node] = field(default_factory=dict)
    last: int | None = None
    comma: bool = False


def merged(text: str, additions: Mapping[str, Any]) -> str:
    r"""The text with everything in ``additions`` that it does not say yet.

    Mappings are merged key by key, and lists get the entries that they lack. An empty text is an
    empty mapping.

    >>> print(merged('{"a": [1], // one\n}', {"a": [1, 2], "b": True}))
    {"a": [1,
        2
    ], // one
        "b": true
    }

    Raises:
        CannotMerge: the text is no such JSON, or says something else at the same place.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    if _BLANK.fullmatch(text.removeprefix("\ufeff")):
        head = text if not text or text.endswith("\n") else text + newline
        return head + _dumped(additions, "", _INDENT, newline) + newline
    root = _read(text)
    edits: list[tuple[int, str]] = []
    wanted = _add(text, root, additions, edits, newline, "")
    made = text
    for place, inserted in reversed(edits):
        made = made[:place] + inserted + made[place:]
    if _read(made).value != wanted:
        raise CannotMerge("its text is laid out in a way that is not understood")
    return made


def value_of(text: str) -> Any:
    """What the text says; nothing where it is empty.

    >>> value_of('["a", /* and */ "b",]')
    ['a', 'b']

    Raises:
        CannotMerge: the text is no such JSON.
    """
    return None if _BLANK.fullmatch(text.removeprefix("\ufeff")) else _read(text).value


# ------------------------------------------------------------------------------------------- adding


def _add(
    text: str, node: _Node, additions: Any, edits: list[tuple[int, str]], newline: str, where: str
) -> Any:
    """What the value becomes; the insertions that make it so are put into ``edits``, in order."""
    if isinstance(node.value, dict) and isinstance(additions, Mapping):
        result = dict(node.value)
        for key, inner in node.entries.items():
            if key in additions:
                result[key] = _add(text, inner, additions[key], edits, newline, f"`{key}`")
        new = {key: value for key, value in additions.items() if key not in result}
        heads = [f"{json.dumps(key)}: " for key in new]
        _insert(text, node, heads, list(new.values()), edits, newline)
        return result | new
    if isinstance(node.value, list) and isinstance(additions, list):
        lacking = [one for one in additions if one not in node.value]
        _insert(text, node, [""] * len(lacking), lacking, edits, newline)
        return [*node.value, *lacking]
    if node.value == additions or additions == [node.value]:
        return node.value
    raise CannotMerge(f"{where or 'it'} has another value already")


def _insert(
    text: str,
    node: _Node,
    heads: list[str],
    values: list[Any],
    edits: list[tuple[int, str]],
    newline: str,
) -> None:
    """Entries before the closing bracket of a mapping or list."""
    if not values:
        return
    outer = _indent_at(text, node.start)
    inner = outer + _INDENT
    if node.last is not None:
        first = _BLANK.match(text, node.start + 1)
        assert first is not None, "there may be nothing between two things"
        own = _indent_at(text, first.end())
        inner = own if text[: first.end()].endswith(f"\n{own}") and own > outer else inner
        if not node.comma:
            edits.append((node.last, ","))
    entries = f",{newline}{inner}".join(
        head + _dumped(value, inner, inner.removeprefix(outer), newline)
        for head, value in zip(heads, values, strict=True)
    )
    gap = len(text[: node.end - 1]) - len(text[: node.end - 1].rstrip())
    closing = "" if "\n" in text[node.end - 1 - gap : node.end - 1] else newline + outer
    edits.append((node.end - 1 - gap, f"{newline}{inner}{entries}{closing}"))


def _indent_at(text: str, place: int) -> str:
    """The white space at the start of the line."""
    line = text[text.rfind("\n", 0, place) + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _dumped(value: Any, indent: str, step: str, newline: str) -> str:
    lines = json.dumps(value, indent=step, ensure_ascii=False).split("\n")
    return f"{newline}{indent}".join(lines)


# ------------------------------------------------------------------------------------------ reading


def _read(text: str) -> _Node:
    place = _after_blank(text, 1 if text.startswith("\ufeff") else 0)
    try:
        node = _value(text, place)
    except RecursionError:
        raise CannotMerge("it is nested too deep") from None
    if _after_blank(text, node.end) != len(text):
        raise _broken(text, _after_blank(text, node.end))
    return node


def _value(text: str, place: int) -> _Node:
    node = _Node(place)
    opening = text[place : place + 1]
    if opening in ("{", "["):
        _entries(text, node, is_mapping=opening == "{")
    elif opening == '"':
        node.value, node.end = _string(text, place)
    else:
        word = _WORD.match(text, place)
        if word is None:
            raise _broken(text, place)
        try:
            node.value, node.end = json.loads(word[0]), word.end()
        except ValueError:
            raise _broken(text, place) from None
    return node


def _entries(text: str, node: _Node, *, is_mapping: bool) -> None:
    closing, values = ("}" if is_mapping else "]"), list[Any]()
    place = _after_blank(text, node.start + 1)
    while text[place : place + 1] != closing:
        if node.last is not None and not node.comma:
            raise _broken(text, place)
        key = str(len(values))
        if is_mapping:
            if text[place : place + 1] != '"':
                raise _broken(text, place)
            key, place = _string(text, place)
            place = _after_blank(text, place)
            if text[place : place + 1] != ":":
                raise _broken(text, place)
            place = _after_blank(text, place + 1)
            if key in node.entries:
                raise CannotMerge(f"it has `{key}` twice")
        entry = node.entries[key] = _value(text, place)
        values.append(entry.value)
        node.last = entry.end
        place = _after_blank(text, entry.end)
        node.comma = text[place : place + 1] == ","
        if node.comma:
            place = _after_blank(text, place + 1)
    node.value = dict(zip(node.entries, values, strict=True)) if is_mapping else values
    node.end = place + 1


def _string(text: str, place: int) -> tuple[str, int]:
    try:
        value, end = json.JSONDecoder().raw_decode(text, place)
    except ValueError:
        raise _broken(text, place) from None
    return str(value), end


def _after_blank(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    assert found is not None, "there may be nothing between two things"
    return found.end()


def _broken(text: str, place: int) -> CannotMerge:
    return CannotMerge(f"it is not JSON with comments, in line {text.count(chr(10), 0, place) + 1}")
