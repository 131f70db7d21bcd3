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
    | {"f", "field", "for", "in", "ok", "max", "mean", "measure", "metric", "median", "min", "n"}
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
    "mean": "average", "amt": "amount", "turnover": "revenue",
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
_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CALL: Final = re.compile(r"^\s*(sum|avg|count|min|max|median|count_distinct)\s*\(.*\)\s*$", re.I)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a name: all of them, and those that say something."""

    all: frozenset[str]
    telling: frozenset[str]


def words_of(name: str, known: Iterable[str] = ()) -> Words:
    """The words of a name; words that are ``known`` from its expression tell nothing."""
    if "." in name:
        name = name.rpartition(".")[2]
    found = [_one(part.lower()) for part in _PARTS.findall(name)]
    words = frozenset(w for w in found if w and not w.isdigit())
    told = frozenset() if _CALL.match(name) else words - _EMPTY - frozenset(known)
    return Words(words, told)


def _one(word: str) -> str:
    if len(word) > 3 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith("ss") and word != "rows":
        word = word[:-1]
    return _SAME.get(word, word)


def is_of_a_check(name: str) -> bool:
    """Whether a column says that rows are checked: `row_count`, `failures`."""
    words = {_one(part.lower()) for part in _PARTS.findall(name)}
    is_size = bool({"row", "rows"} & words) and bool({"count", "cnt", "n", "num"} & words)
    return is_size or bool(words & _OF_CHECKS)


def is_period(name: str) -> bool:
    """Whether a name says a time, and not of what: `month`, `__timestamp`, `week_start`."""
    words = {_one(part.lower()) for part in _PARTS.findall(name)}
    return bool(words & _PERIODS) and words <= _PERIODS | {"of", "the", "start", "end", "key"}


def likeness(name: Words, others: Iterable[Words]) -> float:
    """How much a column's name is one of a metric: 1 the same, above 0.5 part of it, else less."""
    return max((_like(name, other) for other in others), default=0.0)


def _like(one: Words, other: Words) -> float:
    mine, theirs = one.telling, other.telling or other.all
    if not mine or not theirs:
        return 0.0
    if mine == theirs or one.all == other.all:
        return 1.0
    both = len(mine & theirs)
    if mine < theirs or theirs < mine:
        return 0.6 + 0.3 * both / len(mine | theirs)
    return 0.5 * both / len(mine | theirs)
