"""What each argument of a question or selection takes; any other value is refused in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import index
from typing import Any, Final, NamedTuple

from kpilayer.errors import Issue, QueryError

#: One word, several, or none.
Words = str | Sequence[str] | None


class _Kind(NamedTuple):
    """A kind of argument: what reads a value, or raises TypeError; what it takes, for messages."""

    read: Callable[[Any], Any]
    takes: str
    example: str


def words(value: Any) -> tuple[str, ...]:
    """One text or several as a tuple.

    Raises:
        TypeError: it is something else.
    """
    if value is None:
        return ()
    texts = (value,) if isinstance(value, str) else _several(value)
    return tuple(_text(text) for text in texts)


def _several(value: Any) -> tuple[Any, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise TypeError
    return tuple(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return index(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _levels(value: Any) -> tuple[tuple[str, ...], ...]:
    return tuple(words(level) for level in _several(value))


def _top(value: Any) -> int | dict[str, Any]:
    if not isinstance(value, Mapping):
        return _number(value)
    parts = {_text(key): part for key, part in value.items() if part is not None}
    return {key: _MEMBERS[key](part) if key in _MEMBERS else part for key, part in parts.items()}


_MEMBERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "n": _number,
    "by": _text,
    "of": _text,
    "other": _text,
}


def _attributes(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return {_text(name): attribute for name, attribute in value.items()}


def _or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _words(example: str) -> _Kind:
    return _Kind(words, "a text or a list of texts", example)


_WHOLE: Final = "a whole number"
_SWITCH: Final = _Kind(_truth, "True or False", "True")
#: ``start`` and ``end`` take what reads as a date, which their range says.
_ARGUMENTS: Final[Mapping[str, _Kind]] = {
    "metrics": _words("['revenue', 'order_count']"),
    "group_by": _words("'customer__country'"),
    "where": _words("\"customer__country = 'DE'\""),
    "having": _words("'revenue > 100'"),
    "compare": _words("'prior_year'"),
    "order_by": _words("'-revenue'"),
    "select": _words("'tag:board'"),
    "exclude": _words("'tag:draft'"),
    "exports": _words("'monthly_revenue'"),
    "views": _words("'revenue_monthly'"),
    "overwrite": _words("'revenue_monthly'"),
    "totals": _Kind(
        _or_none(_levels),
        "a list of levels, each a list of the group-bys that it keeps",
        "[['customer__country'], []]",
    ),
    "top": _Kind(
        _or_none(_top),
        f"{_WHOLE}, or a mapping of `n`, `by`, `of` and `other`",
        "{'n': 3, 'by': '-revenue', 'of': 'customer__name', 'other': 'other'}",
    ),
    "limit": _Kind(_or_none(_number), _WHOLE, "10"),
    "joins": _Kind(_number, _WHOLE, "2"),
    "fill": _Kind(_or_none(_number), _WHOLE, "0"),
    "exact": _SWITCH,
    "components": _SWITCH,
    "min_max": _SWITCH,
    "distinct": _SWITCH,
    "compare_rows": _Kind(_text, "`current` or `all`", "'all'"),
    "saved_query": _Kind(_or_none(_text), "the name of a saved query", "'monthly_revenue'"),
    "timezone": _Kind(_or_none(_text), "the name of a zone", "'Europe/Berlin'"),
    "dialect": _Kind(_or_none(_text), "the name of a dialect", "'postgres'"),
    "role": _Kind(
        _or_none(_attributes), "a mapping of attributes to values", "{'region': ['EU', 'US']}"
    ),
}


def read(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a question as it takes them: texts and lists of them as tuples.

    Raises:
        QueryError: `bad-value`, for every one of another kind.
    """
    found, issues = dict(given), []
    for name, value in given.items():
        if (kind := _ARGUMENTS.get(name)) is None:
            continue
        try:
            found[name] = kind.read(value)
        except TypeError:
            shown = repr(value)
            shown = shown if len(shown) <= 40 else f"{shown[:37]}..."
            message = f"`{name}` takes {kind.takes}, and not `{shown}`"
            issues.append(Issue("bad-value", message, hint=f"write {name}={kind.example}"))
    if issues:
        raise QueryError(issues)
    return found
