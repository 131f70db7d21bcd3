"""Data of the library to YAML as people write it: keys in order, short things on one line."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_ ()%'/*.;+@-]|:(?! )|,(?= ))*|[0-9]+[dhw]")
_WORDS: Final = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"))
_WIDTH: Final = 100


def block(value: Mapping[str, Any], indent: int) -> Iterator[str]:
    """The lines of a mapping, each at ``indent``; nested ones in flow where they fit a line."""
    pad = " " * indent
    for key, one in value.items():
        short = f"{pad}{key}: {flow(one) if not isinstance(one, str) else scalar(one)}"
        if len(short) <= _WIDTH or not one:
            yield short
        elif isinstance(one, str) and _is_prose(one):
            yield f"{pad}{key}: >-"
            yield from textwrap.wrap(one, _WIDTH - indent - 2, initial_indent=pad + "  ",
                                     subsequent_indent=pad + "  ", break_long_words=False,
                                     break_on_hyphens=False)  # fmt: skip
        elif isinstance(one, Mapping):
            yield f"{pad}{key}:"
            yield from block(one, indent + 2)
        elif isinstance(one, list | tuple):
            yield f"{pad}{key}:"
            yield from (f"{pad}  - {flow(each)}" for each in one)
        else:
            yield short


def items(values: Sequence[Mapping[str, Any]], indent: int) -> Iterator[str]:
    """The lines of a list of mappings, with a blank line between them."""
    for number, value in enumerate(values):
        first, *rest = block(value, indent + 2)
        yield from ([""] if number else [])
        yield f"{' ' * indent}- {first.strip()}"
        yield from rest


def flow(value: Any) -> str:
    """A value on one line.

    >>> flow({"min": 0.75, "of": ["a b", "c: d"]})
    '{min: 0.75, of: [a b, "c: d"]}'
    """
    match value:
        case Mapping():
            return f"{{{', '.join(f'{key}: {flow(one)}' for key, one in value.items())}}}"
        case list() | tuple():
            return f"[{', '.join(map(flow, value))}]"
        case str():
            return scalar(value, inside=True)
        case float():
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return json.dumps(value)


def scalar(text: str, *, inside: bool = False) -> str:
    """A text as a YAML value that is this text again; ``inside`` a list or mapping on one line.

    >>> scalar("Sum of a, b"), scalar("a: b"), scalar("no"), scalar("SUM(x)", inside=True)
    ('Sum of a, b', '"a: b"', '"no"', 'SUM(x)')
    """
    is_plain = _PLAIN.fullmatch(text) and text == text.strip() and not text.endswith(":")
    if is_plain and text.lower() not in _WORDS and not (inside and "," in text):
        return text
    return json.dumps(text, ensure_ascii=False)


def _is_prose(text: str) -> bool:
    """Whether a text means the same when it is folded: single spaces, no tag that is cut."""
    return text == " ".join(text.split()) and "\n" not in text
