"""Seeded mutations of valid inputs: by bytes, by words, by lines and by nodes of their YAML."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.fuzz.seeds import HOSTILE

_WORD = re.compile(r"\w+|\s+|[^\w\s]+")
_YAML = frozenset(("yaml", "profiles", "lock", "project"))
MAX_BYTES = 200_000


def inputs(target: str, seeds: list[bytes], seed: int) -> Iterator[bytes]:
    """Inputs without end, the same for the same seed; the seeds themselves come first."""
    yield from seeds
    rng = random.Random(f"{target} {seed}")
    while True:
        yield mutated(target, rng.choice(seeds), seeds, rng)[:MAX_BYTES]


def mutated(target: str, data: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    """One input, changed in one to eight places."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        kind = rng.random()
        if kind < 0.15:
            data = _bytes(data, rng)
        elif kind < 0.55 or (target in _YAML and kind < 0.4):
            data = _words(data, rng)
        elif kind < 0.7:
            data = _lines(data, rng)
        elif kind < 0.75:
            data = _spliced(data, rng.choice(seeds), rng)
        elif target in _YAML:
            data = _nodes(target, data, rng)
        else:
            data = _words(data, rng)
    return data


def _bytes(data: bytes, rng: random.Random) -> bytes:
    if not data:
        return bytes([rng.randrange(256)])
    at = rng.randrange(len(data))
    match rng.randrange(5):
        case 0:
            return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        case 1:
            return data[:at] + bytes([rng.randrange(256)]) + data[at:]
        case 2:
            return data[:at] + data[at + rng.randrange(1, 9) :]
        case 3:
            return data[:at]
    return data[:at] + data[at : at + rng.randrange(1, 30)] * rng.choice((2, 3, 40)) + data[at:]


def _words(data: bytes, rng: random.Random) -> bytes:
    words = _WORD.findall(data.decode("utf-8", "surrogateescape")) or [""]
    at = rng.randrange(len(words))
    match rng.randrange(5):
        case 0:
            words[at] = rng.choice(HOSTILE)
        case 1:
            words.insert(at, rng.choice(HOSTILE))
        case 2:
            del words[at]
        case 3:
            words[at] = rng.choice(words)
        case _:
            words.insert(at, rng.choice(words))
    return "".join(words).encode("utf-8", "surrogateescape")


def _lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[rng.randrange(len(lines))])
        case 2:
            lines[at] = b"  " + lines[at]
        case 3:
            lines[at] = lines[at].lstrip()
        case _:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)


def _spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


_ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        float("nan"),
        float("inf"),
        10**40,
        "",
        [],
        {},
        [[]],
        [None],
        {"a": {}},
    ),
    *({"name": "x"}, ["x", "x"], {1: 2}, {"type": []}, "{{ x }}", "a b", "a.b.c", "*", "1 +"),
)


def _nodes(target: str, data: bytes, rng: random.Random) -> bytes:
    """A node of one YAML file replaced, dropped, renamed, repeated or put elsewhere."""
    text = data.decode("utf-8", "surrogateescape")
    head, tail = "", ""
    if target == "project":
        files = re.split(r"(?m)(?=^=== )", text)
        index = rng.randrange(len(files))
        line, _, body = files[index].partition("\n")
        head = "".join(files[:index]) + line + "\n"
        tail = "".join(files[index + 1 :])
        text = body
    try:
        value = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except Exception:  # noqa: BLE001 - whatever PyYAML makes of a broken text
        return _words(data, rng)
    found = list(_walk(value))
    if len(found) > 1:
        inner, parent, step = rng.choice(found[1:])
        other, _, _ = rng.choice(found)
        match rng.randrange(6):
            case 0:
                parent[step] = copy.deepcopy(rng.choice(_ODD))
            case 1:
                del parent[step]
            case 2 if isinstance(parent, dict):
                parent[rng.choice(HOSTILE)] = parent.pop(step)
            case 3 if isinstance(parent, list):
                parent.insert(step, copy.deepcopy(inner))
            case 4:
                parent[step] = rng.choice(HOSTILE)
            case _:
                parent[step] = copy.deepcopy(other)
    try:
        if head.rstrip().endswith(".json"):
            return f"{head}{json.dumps(value)}\n{tail}".encode()
        made = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None)
    except Exception:  # noqa: BLE001 - surrogates cannot be dumped
        return _words(data, rng)
    return f"{head}{made}{tail}".encode("utf-8", "surrogateescape")


def _walk(value: Any, parent: Any = None, step: Any = None) -> Iterator[tuple[Any, Any, Any]]:
    yield value, parent, step
    if isinstance(value, dict):
        for key, inner in list(value.items()):
            yield from _walk(inner, value, key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, value, index)
