"""Aggregates of a group as linear sums over its rows, which two sides have in common.

`S(f)` is the sum over rows of a number that each row has. COUNT is the sum of an indicator, SUM
that of values where NULL is 0, and NULL where nothing is counted. Sums of equal numbers are equal;
sums are linear. MIN, MAX and others are equal where they are over equal values of equal rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from kpilayer.proof.polynomials import is_wild
from kpilayer.proof.solver import Solver, Unsolvable
from kpilayer.proof.term import Term

_MOST_SUMS: Final = 14
_LINEAR: Final = ("sum", "count", "mean")


@dataclass(slots=True)
class Groups:
    """The aggregates of a group of rows, as numbers for the solver.

    ``assuming`` holds in every row; ``facts`` is what is known of the group. With ``keyed``, the
    solver's row is one of the group's rows.
    """

    solver: Solver
    assuming: list[Any]
    keyed: bool
    facts: list[Any] = field(default_factory=list)
    _sums: list[tuple[Any, Any]] = field(default_factory=list)
    _counts: list[tuple[Any, Any]] = field(default_factory=list)
    _others: list[tuple[str, Any, Any, tuple[Any, Any]]] = field(default_factory=list)

    def count(self, counted: Any) -> Any:
        """How many rows of the group are counted."""
        z3, solver = self.solver.z3, self.solver
        for other, number in self._counts:
            if counted.eq(other) or solver.valid(counted == other, self.assuming):
                return number
        total = self._sum(z3.If(counted, z3.RealVal(1), z3.RealVal(0)))
        whole = z3.FreshInt("count")
        self.facts += [z3.ToReal(whole) == total, whole >= 0]
        if self.keyed:
            self.facts.append(z3.Implies(counted, whole >= 1))
        for other, number in self._counts:
            if solver.valid(z3.Implies(counted, other), self.assuming):
                self.facts.append(whole <= number)
            if solver.valid(z3.Implies(other, counted), self.assuming):
                self.facts.append(number <= whole)
        self._counts.append((counted, whole))
        return whole

    def _sum(self, f: Any) -> Any:
        """The sum of a number over the rows, as what is known of other sums where it can be."""
        z3, solver = self.solver.z3, self.solver
        for g, total in self._sums:
            if f.eq(g) or solver.valid(f == g, self.assuming):
                return total
        if len(self._sums) > _MOST_SUMS:
            raise Unsolvable("too many sums")
        for g, total in self._sums:
            times = solver.ratio(f, g, self.assuming)
            if times is not None:
                return total * z3.RealVal(str(times))
        for at, (g, one) in enumerate(self._sums):
            for h, two in self._sums[at + 1 :]:
                for a, b in ((1, 1), (1, -1), (-1, 1)):
                    if solver.valid(f == a * g + b * h, self.assuming):
                        return a * one + b * two
        fresh = z3.FreshReal("sum")
        self._sums.append((f, fresh))
        return fresh

    def aggregate(self, term: Term, where: Any) -> tuple[Any, Any]:
        """An aggregate's value over the rows for which ``where`` holds, and whether it is NULL."""
        z3, solver = self.solver.z3, self.solver
        kind = str(term.data)
        (argument,) = term.args
        value, null = solver.value(argument)
        counted = z3.And(where, z3.Not(null))
        number = self.count(counted)
        if kind == "count":
            return number, z3.BoolVal(False)
        if kind in _LINEAR and z3.is_arith(value):
            real = z3.ToReal(value) if value.sort() == z3.IntSort() else value
            total = self._linear(argument, z3.If(counted, real, z3.RealVal(0)), counted)
            self.facts.append(z3.Implies(number == 0, total == 0))
            for other, count in self._counts:
                zero = z3.Implies(z3.And(counted, z3.Not(other)), real == 0)
                if count is not number and solver.valid(zero, self.assuming):
                    self.facts.append(z3.Implies(count == 0, total == 0))
            if kind == "sum":
                return total, number == 0
            real_sort = z3.RealSort()
            quotient = z3.Function("quotient", real_sort, real_sort, real_sort)
            return quotient(total, z3.ToReal(number)), number == 0
        if kind in ("min", "max") and argument.op == "case" and z3.is_arith(value):
            flag = self._flag(kind, counted, value, number)
            if flag is not None:
                return flag, number == 0
        return self._other(kind, term.type, counted, value, number)

    def _linear(self, argument: Term, f: Any, counted: Any) -> Any:
        """The sum of a row's number; of a sum of terms, the sum of their sums."""
        z3, solver = self.solver.z3, self.solver
        parts = argument.args if argument.op == "add" and not is_wild(argument) else ()
        if not parts:
            return self._sum(f)
        totals = []
        for part in parts:
            value, _ = solver.value(part)
            real = z3.ToReal(value) if value.sort() == z3.IntSort() else value
            totals.append(self._sum(z3.If(counted, real, z3.RealVal(0))))
        return z3.Sum(*totals)

    def _flag(self, kind: str, counted: Any, value: Any, number: Any) -> Any:
        """The greatest or least of numbers that are all 0 or 1, as counts; None of others."""
        z3 = self.solver.z3
        among = z3.Implies(counted, z3.Or(value == 0, value == 1))
        if not self.solver.valid(among, self.assuming):
            return None
        ones = self.count(z3.And(counted, value == 1))
        many = ones >= 1 if kind == "max" else ones == number
        return z3.If(many, z3.RealVal(1), z3.RealVal(0))

    def _other(
        self, kind: str, type_: str, counted: Any, value: Any, number: Any
    ) -> tuple[Any, Any]:
        z3, solver = self.solver.z3, self.solver
        for known, rows, other, found in self._others:
            alike = known == kind and value.sort() == other.sort()
            if alike and solver.valid(
                z3.And(counted == rows, z3.Implies(counted, value == other)), self.assuming
            ):
                return found
        if kind == "count_distinct":
            whole = z3.FreshInt(kind)
            found = (whole, z3.BoolVal(False))
            self.facts += [whole >= 0, whole <= number, z3.Implies(number > 0, whole >= 1)]
        elif kind in ("min", "max"):
            found = (z3.FreshConst(value.sort(), kind), number == 0)
        else:
            sort = z3.RealSort() if type_ in ("real", "number") else z3.DeclareSort(f"{kind} value")
            found = (z3.FreshConst(sort, kind), z3.FreshBool(f"{kind} null"))
        self._others.append((kind, counted, value, found))
        return found
