"""Values that tell queries apart: those that queries name, their neighbours, and edges of types."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from kpilayer.proof.kinds import Kind, Name, fitted

_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
#: A leap day, the edges of a month, a quarter and a year, a Sunday and the Monday after it, days
#: of an ISO year that is not the calendar's, and the date that a frozen clock shows.
_DATES: Final = tuple(
    date.fromisoformat(text)
    for text in (
        *("2024-01-31", "2024-02-01", "2024-02-29", "2024-03-31", "2024-04-01", "2023-12-31"),
        *("2024-01-01", "2024-12-30", "2021-01-03", "2024-01-07", "2024-01-08", "2024-05-17"),
    )
)
_TEXTS: Final = (
    *("a", "b", "A", "", "a ", "ab", "ba", "bb", "abb", "1", "11", "a_b", "aXb", "-", "a-b"),
    *("abcdefghij", "abcdefghik"),
)
_KEYS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12)
_PREFIX: Final = "abcdefghijklmnopqrstuvwxyz" * 3


def pool(
    kind: Kind,
    named: Iterable[Any],
    *,
    is_key: bool = False,
    glued: bool = False,
    folds_case: bool = False,
) -> tuple[Any, ...]:
    """Values of a kind, none of them NULL, those that queries name and their neighbours first.

    Where they are ``glued`` to others, the first are such that different values make one text.
    Numbers of a key are those that people expect in one.

    ``named`` are constants that queries set beside a column: also lengths beside texts, and numbers
    of days beside dates. Where ``folds_case``, no two texts differ in case or trailing blanks only.
    """
    values = tuple(named)
    first = _sticky(values) if glued else ()
    others = _KEYS if is_key and kind.is_number else _MAKERS[kind.name](values)
    made = (fitted(value, kind) for value in (*first, *values, *others))
    found = list(dict.fromkeys(value for value in made if value is not None))
    if folds_case and kind.name == "text":
        found = list({value.lower().rstrip(): value for value in reversed(found)}.values())[::-1]
    return tuple(found)


def fresh(kind: Kind, number: int) -> Any:
    """A value of its own for each number, as far as the kind has so many."""
    match kind.name:
        case "boolean":
            return bool(number % 2)
        case "integer":
            return number if kind.size > 15 else number % 100
        case "decimal":
            return Decimal(number % 10 ** min(kind.size - kind.scale, 9))
        case "double":
            return float(number)
        case "text":
            text = f"v{number}"
            return text if not kind.size else text[-kind.size :]
        case "time":
            return (datetime.min + timedelta(seconds=number % 86_400)).time()
    return fitted(date(2020, 1, 1) + timedelta(days=number % 20_000), kind)


def plain(kind: Kind) -> Any:
    """The value that says least in an example."""
    return {"text": "a", "boolean": True}.get(kind.name, fresh(kind, 1))


def _sticky(named: tuple[Any, ...]) -> Iterator[Any]:
    """Values of which different ones make the same text: `a-` and 1 as `a` and -1."""
    separator = min((v for v in named if isinstance(v, str) and v), key=len, default="b")
    yield from ("a", f"a{separator}", "", separator, 1, -1, 11)


def _booleans(_: tuple[Any, ...]) -> Iterator[bool]:
    yield from (True, False)


def _numbers(named: tuple[Any, ...]) -> Iterator[Any]:
    numbers = [v for v in named if isinstance(v, int | float | Decimal)]
    numbers = [v for v in numbers if not isinstance(v, bool)]
    for value in numbers:
        yield value
        yield from (value + 1, value - 1)
        exact = Decimal(str(value))
        yield from (exact + Decimal("0.01"), exact - Decimal("0.01"), -value)
    yield from (1, 2, 0, -1, 3, 10, 11, 7, 100)
    yield from map(Decimal, ("0.5", "2.5", "0.15", "-2.5", "0.125", "1.005", "0.375", "12.34"))
    yield Decimal("0.3333")


def _texts(named: tuple[Any, ...]) -> Iterator[str]:
    texts = [v for v in named if isinstance(v, str)]
    lengths = [v for v in named if isinstance(v, int) and 0 < v < len(_PREFIX)]
    for text in texts:
        if "%" in text or "_" in text:
            yield from _matching(text)
        else:
            yield text
    for text in texts:
        yield from (text.upper(), text.lower(), f"{text} ", f" {text}", text.title())
        yield from ("", f"{text}x", f"x{text}", f"a{text}", f"a{text}b", f"b{text}b")
        yield from (text[:-1], text[1:])
    for length in lengths:
        shared = _PREFIX[: length - 1]
        yield from (f"{shared}a", f"{shared}b", f"{shared}ax", f"{shared}ay", f"{shared}axx")
    yield from _TEXTS


def _matching(pattern: str) -> Iterator[str]:
    """Texts that a LIKE pattern finds, and some beside it, where `_` and `%` are themselves too."""
    yield pattern
    for one, many in itertools.product(("X", "_", ""), ("", "x", "yz", "%")):
        yield re.sub("[_%]", lambda m, one=one, many=many: one if m[0] == "_" else many, pattern)  # type: ignore[misc]
    core = pattern.strip("%")
    yield from (core, core.upper(), f"x{core}", f"{core}x")


def _dates(named: tuple[Any, ...]) -> Iterator[date]:
    for anchor in _anchors(named):
        yield from (anchor, anchor - _DAY, anchor + _DAY)
    yield from _DATES


def _moments(named: tuple[Any, ...]) -> Iterator[datetime]:
    for anchor in _anchors(named):
        yield anchor
        midnight = datetime.combine(anchor.date(), time(), anchor.tzinfo)
        yield from (anchor + _MICROSECOND, anchor - _MICROSECOND)
        yield from (midnight + _DAY - _MICROSECOND, midnight + _DAY, midnight + timedelta(hours=12))
        yield from (anchor - _DAY, anchor + _DAY, midnight + timedelta(hours=23, minutes=30))
    for day in _DATES:
        yield datetime.combine(day, time())
        yield datetime.combine(day, time(23, 59, 59, 999_999))
        yield datetime.combine(day, time(13, 30))
    yield datetime(2024, 3, 31, 1, 30)


def _anchors(named: tuple[Any, ...]) -> list[datetime]:
    """The points in time that queries name, and those as far from them as queries name lengths."""
    points: list[datetime] = []
    lengths: list[timedelta] = []
    for value in named:
        if isinstance(value, timedelta):
            lengths.append(value)
        elif isinstance(value, int) and not isinstance(value, bool) and 1 < abs(value) < 4000:
            lengths.append(timedelta(days=value))
        elif isinstance(value, str | date):
            moment = fitted(value, _ANY_MOMENT)
            points += [moment] if moment is not None and _has_room(moment) else []
    starts = points or [datetime.combine(_DATES[0], time())]
    near = [
        start + sign * length
        for start, length, sign in itertools.product(starts[:3], lengths[:4], (1, -1))
        if abs(length) < timedelta(days=5000)
    ]
    near = [moment for moment in near if _has_room(moment)]
    return points + ([*starts, *near] if near and not points else near)


def _has_room(moment: datetime) -> bool:
    """Whether there are some years before and after it: calendars end."""
    return 50 < moment.year < 9950


_ANY_MOMENT: Final = Kind("timestamp", "TIMESTAMP")


def _times(_: tuple[Any, ...]) -> Iterator[time]:
    yield from (time(), time(12), time(23, 59, 59, 999_999), time(8, 30), time(17))


_MAKERS: Final[dict[Name, Callable[[tuple[Any, ...]], Iterator[Any]]]] = {
    "boolean": _booleans,
    "integer": _numbers,
    "decimal": _numbers,
    "double": _numbers,
    "text": _texts,
    "date": _dates,
    "timestamp": _moments,
    "instant": _moments,
    "time": _times,
}
