"""What names say: the words of a column, without those that say nothing, beside a metric's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: Words of functions, of tools that name columns, and of nothing in particular.
_EMPTY: Final = frozenset(
    {
        "a",
        "agg",
        "all",
        "any",
        "as",
        "avg",
        "by",
        "cnt",
        "col",
        "column",
        "count",
        "distinct",
        "expr",
    }
    | {"f", "field", "for", "in", "ok", "max", "measure", "metric", "median", "min", "n"}
    | {"no", "num", "number", "nb", "of", "per", "pct", "percent", "percentage", "result", "sum"}
    | {
        "the",
        "total",
        "unique",
        "usd",
        "eur",
        "val",
        "value",
        "x",
        "y",
        "overall",
        "qty",
        "expression",
    }
)
#: Words that mean the same in names.
_SAME: Final = {
    "share": "rate", "ratio": "rate", "ppl": "people", "rev": "revenue", "cust": "customer",
    "resolution": "resolve", "conversion": "convert", "retention": "retain",
    "mean": "average", "avg": "average", "amt": "amount", "turnover": "revenue",
}  # fmt: skip
#: Names of checks of data: the sizes of tables, and rows that should not be there.
_OF_CHECKS: Final = frozenset(
    {"failure", "duplicate", "orphan", "invalid", "missing", "violation", "null", "bad"}
    | {"mismatch", "error", "anomaly", "unexpected"}
)
_PERIODS: Final = frozenset(
    {"day", "week", "month", "quarter", "year", "period", "date", "time", "timestamp", "dt", "ds"}
    | {"hour", "yearmonth", "mon", "mth", "qtr", "ts"}
)
#: Endings of the same word as a noun and as a participle.
_ENDINGS: Final = ("isation", "ization", "ation", "ated", "ised", "ized", "ment", "ion")
_SHORTEST: Final = 4
_UNIT: Final = re.compile(
    r"(.*?[a-z])(?:[_ ]in)?[_ ]"
    r"(?:seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|months?|years?)",
    re.I,
)
_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CALL: Final = re.compile(r"^\s*(sum|avg|count|min|max|median|count_distinct)\s*\(.*\)\s*$", re.I)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a name: all of them, and those that say something."""

    all: frozenset[str]
    telling: frozenset[str]
    initials: str = ""
    """The first letters of three words or more: "dso" of "Days sales outstanding"."""


def words_of(name: str, known: Iterable[str] = ()) -> Words:
    """The words of a name; words that are ``known`` from its expression tell nothing."""
    if "." in name:
        name = name.rpartition(".")[2]
    parts = [part.lower() for part in _PARTS.findall(name) if not part.isdigit()]
    words = frozenset(map(_one, parts))
    telling = frozenset(_one(p) for p in parts if not {p, _single(p)} & _EMPTY)
    told = frozenset() if _CALL.match(name) else telling - frozenset(known)
    letters = "".join(part[0] for part in parts) if len(parts) > 2 else ""
    return Words(words, told, letters)


def _one(word: str) -> str:
    return _SAME.get(single := _single(word), single)


def _single(word: str) -> str:
    if len(word) > 3 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith("ss") and word != "rows":
        word = word[:-1]
    return word


def _stem(word: str) -> str:
    """A word without the ending that makes a noun or a participle of a verb: escalat(ed|ion)."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            word = word.removesuffix(ending)
            break
    return word.removesuffix("e") if len(word) > _SHORTEST else word


def without_unit(name: str) -> str:
    """A name without the unit of time at its end: `runway_months`; one that counts them stays."""
    found = _UNIT.fullmatch(name)
    return found[1] if found is not None else name


def is_of_a_check(name: str) -> bool:
    """Whether a column says that rows are checked: `row_count`, `failures`."""
    words = {_single(part.lower()) for part in _PARTS.findall(name)}
    is_size = bool({"row", "rows"} & words) and bool({"count", "cnt", "n", "num"} & words)
    return is_size or bool(words & _OF_CHECKS)


def is_period(name: str) -> bool:
    """Whether a name says a time, and not of what: `month`, `__timestamp`, `week_start`."""
    words = {_single(part.lower()) for part in _PARTS.findall(name)}
    return bool(words & _PERIODS) and words <= _PERIODS | {"of", "the", "start", "end", "key"}


def likeness(name: Words, others: Iterable[Words], of: Iterable[str] = ()) -> float:
    """How much a column's name is one of a metric: 1 the same, above 0.5 part of it, else less.

    ``of`` are the tables that it is of, which may say the rest: `abandonment` of `carts`.
    """
    beside = frozenset(word for table in of for word in words_of(table).all)
    return max((_like(name, other, beside) for other in others), default=0.0)


def _like(one: Words, other: Words, beside: frozenset[str]) -> float:
    mine, theirs = one.telling, other.telling or other.all
    if one.all == other.all and len(one.all) > 1:
        return 1.0
    if not mine or not theirs:
        return 0.0
    if mine == theirs or one.all == other.all or mine == {other.initials}:
        return 1.0
    if mine < theirs and theirs - mine <= beside:
        return 1.0
    stems = _shared(frozenset(map(_stem, mine)), frozenset(map(_stem, theirs)))
    return max(_shared(mine, theirs), stems)


def _shared(mine: frozenset[str], theirs: frozenset[str]) -> float:
    """How many words are in both: 0.9 for all of them."""
    both = len(mine & theirs)
    if mine <= theirs or theirs <= mine:
        return 0.6 + 0.3 * both / len(mine | theirs)
    return 0.5 * both / len(mine | theirs)
