"""What values in templates can do: their text, methods, filters and tests, all bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Final

from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import LoopContext, StrictUndefined, Undefined
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import Namespace, missing

from kpilayer.load.macros import (
    Adapter,
    Fault,
    Function,
    GroupByName,
    MacroName,
    MetricName,
    Package,
    TargetInfo,
)
from kpilayer.load.meter import Limit, Unknown, room_for, weigh

MAX_ITEMS: Final = 100_000  # of one range
_NAMES: Final = GroupByName | MetricName


def as_text(value: object) -> str:
    """How a value is written: text, numbers and lists of them; objects have no text."""
    if type(value) is str:
        return value
    weigh(value)
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list | tuple):
            waiting += item
        elif isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, Undefined):
            str(item)  # raises, and names what is undefined
        elif not (item is None or isinstance(item, str | int | float | _NAMES)):
            raise Fault(f"{kind_of(item)} cannot be written as text")
    return str(weigh(str(value)))


def kind_of(value: object) -> str:
    """What a message calls a value."""
    known = {
        str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list",
        tuple: "a list", dict: "a mapping", type(None): "none", Namespace: "a namespace",
        LoopContext: "`loop`", range: "a range", TargetInfo: "`target`", Adapter: "`adapter`",
    }  # fmt: skip
    if isinstance(value, Package):
        return f"the package `{value.name}`"
    if isinstance(value, Function | MacroName):
        return f"`{value.name}` without `(..)`"
    if isinstance(value, MetricName):
        return "a metric"
    if isinstance(value, GroupByName):
        return "a dimension" if value.is_dimension else "a group-by name"
    return known.get(type(value), "a value of this kind")


class Missing(StrictUndefined):
    """An undefined value that says in our words what it is that is not there."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: type[Any] = Fault,
    ) -> None:
        def fault(_: str) -> Fault:
            if hint is not None:  # an argument left out, the first item of nothing
                said = f"the argument `{name}` is not given" if "parameter" in hint else hint
                return Fault(said.rstrip("."), word=str(name or ""))
            if obj is missing:
                return Unknown(f"unknown name `{name}`", word=str(name))
            return Fault(f"{kind_of(obj)} has no `{name}`", word=str(name))

        super().__init__(hint, obj, name, fault)  # type: ignore[arg-type]


# -- what values can do

_TEXT_METHODS: Final = (
    *("upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip", "split", "rsplit"),
    *("removeprefix", "removesuffix", "splitlines", "startswith", "endswith", "find", "count"),
    *("isdigit", "isalpha", "isalnum"),
)
METHODS: Final[dict[type, dict[str, Callable[..., object]]]] = {
    str: {name: getattr(str, name) for name in _TEXT_METHODS}
    | {
        "replace": lambda text, old, new, count=-1: _replace(text, old, new, count),
        "join": lambda glue, items: _join(items, glue),
    },
    list: {"index": list.index, "count": list.count},
    tuple: {"index": tuple.index, "count": tuple.count},
    dict: {
        "items": lambda d: list(d.items()),
        "keys": lambda d: list(d),
        "values": lambda d: list(d.values()),
        "get": dict.get,
    },
    GroupByName: {
        "grain": GroupByName.grain,
        "date_part": GroupByName.date_part,
        "descending": GroupByName.descending,
    },
    MetricName: {"descending": MetricName.descending},
    LoopContext: {"cycle": LoopContext.cycle, "changed": LoopContext.changed},
}
LOOP: Final = (
    *("index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0"),
    *("previtem", "nextitem"),
)


def _replace(text: object, old: object, new: object, count: object = -1) -> str:
    text, old, new = as_text(text), as_text(old), as_text(new)
    most = count if isinstance(count, int) and count >= 0 else -1
    room_for(len(text) + (text.count(old) if most < 0 else most) * max(0, len(new) - len(old)))
    return text.replace(old, new, most)


def _join(items: object, glue: object = "", attribute: object = None) -> str:
    pieces: list[str] = []
    between, size = as_text(glue), 0
    for item in iterate(items):
        if attribute is not None:
            if not isinstance(item, dict):
                raise Fault("`join` by attribute takes a list of mappings", word="join")
            item = item.get(attribute)
        pieces.append(as_text(item))
        size += len(pieces[-1]) + len(between)
        room_for(size)
    return between.join(pieces)


def iterate(value: object) -> Iterator[object]:
    """The items of a value that has some."""
    if isinstance(value, Undefined):
        str(value)
    if not isinstance(value, Iterable):
        raise Fault(f"{kind_of(value)} cannot be looped over")
    return iter(value)


def _sum(items: object, start: object = 0) -> object:
    total: int | float = 0
    for item in chain([start], iterate(items)):
        if not isinstance(item, int | float):
            raise Fault("`sum` adds numbers", word="sum")
        total = weigh(total + item)
    return total


def _list(value: object) -> list[object]:
    made: list[object] = []
    for item in iterate(value):
        room_for(len(made))
        made.append(item)
    return made


def _indent(value: object, width: object = 4, first: bool = False, blank: bool = False) -> str:
    text = as_text(value)
    by = width if isinstance(width, str) else " " * _small(width, 1_000)
    lines = text.split("\n")
    room_for(len(text) + len(lines) * len(by))
    kept = [f"{by}{line}" if line or blank else line for line in lines[1:]]
    return "\n".join([(by if first else "") + lines[0], *kept])


def _center(value: object, width: object = 80) -> str:
    return as_text(value).center(_small(width, 10_000))


def _small(value: object, most: int) -> int:
    if not isinstance(value, int) or abs(value) > most:
        raise Limit(f"the argument is a whole number of at most {most:,}")
    return value


def _round(value: object, precision: object = 0, method: str = "common") -> object:
    return JINJA_FILTERS["round"](value, _small(precision, 20), method)


def _batch(value: object, linecount: object, fill_with: object = None) -> list[object]:
    return list(JINJA_FILTERS["batch"](_list(value), _small(linecount, 10_000), fill_with))


def bounded_range(*bounds: object) -> range:
    """Jinja's `range`, not too long."""
    made = range(*(_small(bound, 10**12) for bound in bounds))
    if len(made) > MAX_ITEMS:
        raise Limit(f"a range of more than {MAX_ITEMS:,} numbers")
    return made


FILTERS: Final[dict[str, Callable[..., object]]] = {
    name: JINJA_FILTERS[name]
    for name in (
        *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int"),
        *("items", "last", "length", "lower", "map", "max", "min", "reject", "rejectattr"),
        *("reverse", "select", "selectattr", "sort", "title", "trim", "truncate", "unique"),
        *("upper", "wordcount"),
    )
} | {
    "batch": _batch,
    "center": _center,
    "indent": _indent,
    "join": lambda value, d="", attribute=None: _join(value, d, attribute),
    "list": _list,
    "replace": _replace,
    "round": _round,
    "string": as_text,
    "sum": _sum,
}
TESTS: Final = {
    n: t for n, t in JINJA_TESTS.items() if n not in ("callable", "escaped", "filter", "test")
}
