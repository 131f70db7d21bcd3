"""The differential test: both queries over made-up rows, until they answer differently.

Rows are few and chosen to tell queries apart (``pools.py``); a difference is shrunk to the rows
that make it. What is not found is not proved: a verdict needs ``prove`` for that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from sqlglot import exp

from kpilayer.proof import answers
from kpilayer.proof.bench import Answer, Bench, bench
from kpilayer.proof.facts import Facts
from kpilayer.proof.making import Untestable
from kpilayer.proof.shrink import shrunk
from kpilayer.proof.tables import Rows, rows
from kpilayer.proof.verdict import Example, Trials
from kpilayer.warehouse.scratch import Refused, scratch

#: Rows of a table in each trial, again and again; the first trial has none.
_SIZES: Final = (1, 2, 3, 2, 5, 3, 8, 2, 13, 5, 3, 30, 8)
_WIDE: Final = 2_000
#: Trials with many rows, for what shows only there.
_WIDE_TRIALS: Final = frozenset({25, 45, 110})
_AFTER_AN_ERROR: Final = 30
_MOST_STOPPED: Final = 2
#: Differences that the order of rows may have made are looked into so often, with so many rows at
#: most; they count where no order of the shrunk rows, which are few, makes the answers the same.
_UNSTABLE_TRIED: Final = 12
_MOST_ORDERED: Final = 8
_ALL_ORDERS: Final = 4
_MOST_STARTS: Final = 15
_ORDER: Final = "the answer depends on the order of rows, which no definition says"


def refute(
    before: exp.Query, after: exp.Query, facts: Facts, dialect: str, *, trials: int, seed: int
) -> Trials:
    """Rows for which two queries answer differently, or how many trials found none.

    The same seed makes the same rows. Answers are compared as bags: ORDER BY without LIMIT means
    nothing. Names of columns and their order count.
    """
    try:
        made = bench(before, after, facts, dialect, scratch())
        return _Search(made, seed).run(trials)
    except (Untestable, Refused) as reason:
        return Trials(0, seed, untested=str(reason))


@dataclass
class _Search:
    """The trials so far: a difference in errors, and how often the order of rows decided."""

    bench: Bench
    seed: int
    failing: tuple[int, Rows] | None = None
    unstable: int = 0
    stopped: int = 0

    def run(self, trials: int) -> Trials:
        last, count = trials, 0
        for number in range(max(1, trials)):
            if number >= last or self.stopped > _MOST_STOPPED:
                break
            given = self._rows(number)
            if given is None:
                continue
            count = number + 1
            one, other = self.bench.run(given)
            if number == 0 and (example := self._in_columns(one, other)):
                return self._trials(1, example)
            self.stopped += one.stopped or other.stopped
            if not _differ(one, other) or self._is_noise(given):
                continue
            if not self._is_stable(given):
                self.unstable += 1
                if self.unstable <= _UNSTABLE_TRIED and (found := self._apart(given)):
                    return self._trials(count, found)
            elif not one.error and not other.error:
                return self._trials(count, self._example(given))
            elif self.failing is None:  # a difference in values says more
                self.failing = (count, given)
                last = min(trials, number + _AFTER_AN_ERROR)
        if self.failing:
            return self._trials(self.failing[0], self._example(self.failing[1]))
        reason = _ORDER if self.unstable else ""
        if self.stopped > _MOST_STOPPED:
            reason = "the queries run too long over made-up rows"
        return Trials(count, self.seed, untested=reason, notes=self.bench.notes)

    def _rows(self, number: int) -> Rows | None:
        """The rows of a trial; None where a trial of many would take too long."""
        random = Random(f"{self.seed} {number}")
        if number in _WIDE_TRIALS:
            if self.stopped:
                return None
            return rows(self.bench.tables, random, _WIDE, wide=True)
        size = _SIZES[(number - 1) % len(_SIZES)] if number else 0
        return rows(self.bench.tables, random, size)

    def _trials(self, count: int, example: Example) -> Trials:
        return Trials(count, self.seed, example, notes=self.bench.notes)

    def _is_stable(self, given: Rows) -> bool:
        """Whether each query agrees with itself when rows come in other orders."""
        if not self.bench.by_order or all(len(of_table) < 2 for of_table in given.values()):
            return True
        first = self.bench.run(given)
        for order in _orders(given):
            again = self.bench.run(order)
            if any(_differ(a, b) for a, b in zip(first, again, strict=True)):
                return False
        return True

    def _is_noise(self, given: Rows) -> bool:
        """Whether the last bits of doubles decide, at half of a digit that both queries round."""
        if not self.bench.rounds:
            return False
        return not any(_differ(one, other) for one, other in self.bench.nudged(given))

    def _apart(self, given: Rows) -> Example | None:
        """An example in which no order of rows makes the answers of both queries the same."""
        if _count(given) > _MOST_ORDERED:
            return None
        found = shrunk(self.bench.tables, given, self._is_apart)
        if _count(found) > _ALL_ORDERS or not self._is_apart(found):
            return None
        return self._shown(found)

    def _is_apart(self, given: Rows) -> bool:
        seen: list[tuple[Answer, Answer]] = []
        for order in _orders(given):
            seen.append(self.bench.run(order))
            if any(answer.error for answer in seen[-1]):
                return False
            one, other = seen[-1]
            if not all(_differ(one, b) and _differ(a, other) for a, b in seen):
                return False
        return True

    def _example(self, given: Rows) -> Example:
        """The fewest rows that show the difference, with both answers."""
        one, other = self.bench.run(given)
        is_error = bool(one.error or other.error)

        def differs(candidate: Rows) -> bool:
            left, right = self.bench.run(candidate)
            if not _differ(left, right) or bool(left.error or right.error) != is_error:
                return False
            return self._is_stable(candidate) and not self._is_noise(candidate)

        return self._shown(shrunk(self.bench.tables, given, differs))

    def _shown(self, found: Rows) -> Example:
        one, other = self.bench.run(found)
        tables = {
            table.name: (tuple(field.name for field in table.fields), tuple(found[table.key]))
            for table in self.bench.tables
        }
        columns = one.columns or other.columns
        return Example(tables, columns, _told(one), _told(other))

    def _in_columns(self, one: Answer, other: Answer) -> Example | None:
        """The difference where answers have other columns, whatever the rows are."""
        names = self.bench.columns
        if one.error or other.error:
            return None
        left, right = (
            tuple(own or "" for own in named)
            if len(named) == len(answer.columns) and "*" not in named
            else tuple(c.lower() for c in answer.columns)
            for named, answer in zip(names, (one, other), strict=True)
        )
        if left == right:
            return None
        before, after = (f"columns: {', '.join(a.columns)}" for a in (one, other))
        return Example({}, (), before, after)


def _differ(one: Answer, other: Answer) -> bool:
    if one.is_void or other.is_void or (one.error and other.error):
        return False
    if one.error or other.error:
        return True
    return not answers.same(one.rows, other.rows)


def _count(given: Rows) -> int:
    return sum(len(of_table) for of_table in given.values())


def _orders(given: Rows) -> Iterator[Rows]:
    """The rows in every order where they are few; else from the last, and from several in turn."""
    if _count(given) <= _ALL_ORDERS:
        orders = (itertools.permutations(of_table) for of_table in given.values())
        for chosen in itertools.product(*orders):
            yield dict(zip(given, chosen, strict=True))
        return
    yield {key: list(reversed(of_table)) for key, of_table in given.items()}
    longest = max(map(len, given.values()))
    for start in range(0, longest, max(1, longest // _MOST_STARTS)):
        yield {key: [*of_table[start:], *of_table[:start]] for key, of_table in given.items()}


def _told(answer: Answer) -> tuple[tuple[object, ...], ...] | str:
    return answer.error or answers.ordered(answer.rows)
