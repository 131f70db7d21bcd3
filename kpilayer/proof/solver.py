"""Terms under z3: each as a value and whether it is NULL, conditions as true, false or neither.

Numbers are reals (sums of floats are not told apart by order), dates days and instants
microseconds, so that ranges are arithmetic. What has no meaning here is an uninterpreted function:
equal arguments, NULL or not, give equal values, and nothing else is known. z3 comes with the extra
`prove`; it is imported when the first solver is made.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any, Final

from kpilayer.proof.polynomials import is_of_constants, is_wild
from kpilayer.proof.polynomials import polynomial as products_of
from kpilayer.proof.term import FALSE, NULL, NUMBERS, TIMES, TRUE, WRITTEN, Term
from kpilayer.proof.times import as_number

_DAY: Final = 86_400_000_000
#: Dialects whose instants are whole microseconds.
MICROSECONDS: Final = frozenset(
    {"duckdb", "postgres", "redshift", "bigquery", "spark", "databricks", "mysql"}
)
#: How long to think about one pair of queries, in all.
SECONDS: Final = 2.0
_MOST_MILLISECONDS: Final = 400
#: NULL exactly where an argument is, among functions of which nothing else is known.
_STRICT: Final = (
    *("upper", "lower", "length", "abs", "floor", "ceil", "round", "trim"),
    *("startswith", "like"),
)


def _is_chosen(case: Term) -> bool:
    """Whether a CASE gives one of a few numbers, of which products are those of each."""
    values = (*case.args[1::2], case.args[-1])
    return is_of_constants(case) or (
        len(values) == 2 and not any(is_wild(v) or v.type not in (*NUMBERS, "null") for v in values)
    )


class Unsolvable(Exception):
    """A term has no translation."""


def load() -> Any:
    """z3, or None where the extra `prove` is not installed."""
    try:
        return importlib.import_module("z3")
    except ImportError:
        return None


@dataclass(slots=True)
class Solver:
    """Asks whether something holds in every row; one for a proof, as what is translated is kept.

    ``optional`` holds the sources that may not match, ``known`` what terms of groups stand for,
    ``assumed`` the columns that were taken to be never NULL.
    """

    z3: Any
    seconds: float = 2.0
    ticks: int = 1
    optional: set[int] = field(default_factory=set)
    known: dict[Term, tuple[Any, Any]] = field(default_factory=dict)
    assumed: set[tuple[int, str]] = field(default_factory=set)
    used: bool = False
    _values: dict[Term, tuple[Any, Any]] = field(default_factory=dict)
    _truths: dict[Term, tuple[Any, Any]] = field(default_factory=dict)
    _sorts: dict[str, Any] = field(default_factory=dict)
    _texts: dict[str, Any] = field(default_factory=dict)
    _days: dict[int, Any] = field(default_factory=dict)
    _dates: dict[date, None] = field(default_factory=dict)
    _day_length: int = _DAY
    _engine: Any = None
    _end: float = 0.0

    def __post_init__(self) -> None:
        z3 = self.z3
        self._engine = z3.Solver()
        self._day_length = _DAY * self.ticks
        self._end = time.monotonic() + self.seconds
        self._sorts = {
            **dict.fromkeys(("int", "date", "timestamp"), z3.IntSort()),
            **dict.fromkeys(("real", "number"), z3.RealSort()),
            "bool": z3.BoolSort(),
            "text": z3.DeclareSort("text"),
        }

    def valid(self, formula: Any, assuming: Iterable[Any] = ()) -> bool:
        """Whether a formula follows from others; False also where time runs out."""
        left = int((self._end - time.monotonic()) * 1000)
        if left <= 0:
            return False
        z3 = self.z3
        self.used = True
        self._engine.push()
        try:
            self._engine.set("timeout", min(left, _MOST_MILLISECONDS))
            self._engine.add(*assuming, z3.Not(formula))
            self._engine.add(*self._calendar())
            if len(self._texts) > 1:
                self._engine.add(z3.Distinct(*self._texts.values()))
            return bool(self._engine.check() == z3.unsat)
        finally:
            self._engine.pop()

    def possible(self, formula: Any, assuming: Iterable[Any] = ()) -> bool:
        """Whether some row satisfies all formulas; False also where time runs out."""
        self._engine.push()
        try:
            self._engine.set("timeout", _MOST_MILLISECONDS)
            self._engine.add(*assuming, formula, *self._calendar())
            if len(self._texts) > 1:
                self._engine.add(self.z3.Distinct(*self._texts.values()))
            return bool(self._engine.check() == self.z3.sat)
        finally:
            self._engine.pop()

    def ratio(self, f: Any, g: Any, assuming: Iterable[Any] = ()) -> Fraction | None:
        """The constant that ``f`` is of ``g`` in every row, where there is one but 0."""
        z3 = self.z3
        if time.monotonic() > self._end:
            return None
        self._engine.push()
        try:
            self._engine.set("timeout", _MOST_MILLISECONDS)
            self._engine.add(*assuming, g != 0)
            if self._engine.check() != z3.sat:
                return None
            model = self._engine.model()
            top, bottom = (model.eval(x, model_completion=True) for x in (f, g))
        finally:
            self._engine.pop()
        if not (z3.is_rational_value(top) and z3.is_rational_value(bottom)):
            return None
        found: Fraction = top.as_fraction() / bottom.as_fraction()
        times = z3.RealVal(str(found))
        return found if found and self.valid(f == times * g, assuming) else None

    def learn(self, known: Mapping[Term, tuple[Any, Any]]) -> None:
        """Takes terms for values from now on."""
        self.known |= known
        self._values.clear()
        self._truths.clear()

    # Conditions.

    def holds(self, term: Term) -> Any:
        """Whether a condition is true."""
        return self.truth(term)[0]

    def truth(self, term: Term) -> tuple[Any, Any]:
        """Whether a condition is true, and whether it is false."""
        if term not in self._truths:
            self._truths[term] = self._truth(term)
        return self._truths[term]

    def _truth(self, term: Term) -> tuple[Any, Any]:
        z3 = self.z3
        yes, no = z3.BoolVal(True), z3.BoolVal(False)
        if term in self.known:
            value, null = self.known[term]
            return z3.And(z3.Not(null), value), z3.And(z3.Not(null), z3.Not(value))
        match term.op:
            case "lit" if term in (TRUE, FALSE, NULL):
                return {TRUE: (yes, no), FALSE: (no, yes), NULL: (no, no)}[term]
            case "and" | "or":
                pairs = [self.truth(a) for a in term.args]
                both, either = z3.And(*(p[0] for p in pairs)), z3.Or(*(p[1] for p in pairs))
                if term.op == "and":
                    return both, either
                return z3.Or(*(p[0] for p in pairs)), z3.And(*(p[1] for p in pairs))
            case "not":
                true, false = self.truth(term.args[0])
                return false, true
            case "truth":
                true, _ = self.truth(term.args[0])
                return true, z3.Not(true)
            case "null":
                null = self._is_null(term.args[0])
                return null, z3.Not(null)
            case "same":
                same = self.same(*term.args)
                return same, z3.Not(same)
            case "matched":
                source = term.data[0]
                matched = z3.Bool(f"matched {source}") if source in self.optional else yes
                return matched, z3.Not(matched)
            case "exists":
                found = z3.Bool(term.text)
                return found, z3.Not(found)
            case "eq" | "lt" | "le":
                return self._compared(term)
            case "lit" | "col" if term.type == "int":
                value, null = self.value(term)
                present = z3.Not(null)
                return z3.And(present, value != 0), z3.And(present, value == 0)
            case "case":
                true, false = self.truth(term.args[-1])
                for at in range(len(term.args) - 3, -1, -2):
                    chosen, (t, f) = self.holds(term.args[at]), self.truth(term.args[at + 1])
                    true, false = z3.If(chosen, t, true), z3.If(chosen, f, false)
                return true, false
        value, null = self.value(term)
        if value.sort() != z3.BoolSort():
            value = self._apply("is true", [(value, null)], z3.BoolSort())
        return z3.And(z3.Not(null), value), z3.And(z3.Not(null), z3.Not(value))

    def _compared(self, term: Term) -> tuple[Any, Any]:
        z3 = self.z3
        a, b = term.args
        (left, left_null), (right, right_null) = self.value(a), self.value(b)
        present = z3.Not(z3.Or(left_null, right_null))
        both = self._alike(a, left, b, right)
        ordered = {a.type, b.type} <= {*NUMBERS, *TIMES}
        if both is not None and (term.op == "eq" or ordered):
            x, y = both
            holds = {"eq": lambda: x == y, "lt": lambda: x < y, "le": lambda: x <= y}[term.op]()
        elif term.op == "le" and a.type == b.type == "text":
            less = self._apply("lt", [(right, right_null), (left, left_null)], z3.BoolSort())
            holds = z3.Not(less)
        else:
            args = [(left, left_null), (right, right_null)]
            holds = self._apply(term.op, args, z3.BoolSort())
        return z3.And(present, holds), z3.And(present, z3.Not(holds))

    def _alike(self, a: Term, left: Any, b: Term, right: Any) -> tuple[Any, Any] | None:
        """Two values as ones of one sort; None where equality of theirs is not known."""
        if a.type in TIMES and b.type in TIMES and a.type != b.type:
            return (
                (left * self._day_length, right)
                if a.type == "date"
                else (left, right * self._day_length)
            )
        if (a.type in NUMBERS and b.type in NUMBERS) or (a.type == b.type != "any"):
            return left, right
        return None

    def same(self, a: Term, b: Term) -> Any:
        """Whether two terms are both NULL, or have one value."""
        z3 = self.z3
        (left, left_null), (right, right_null) = self.value(a), self.value(b)
        both_null = z3.And(left_null, right_null)
        both = self._alike(a, left, b, right)
        if both is None and left.sort() == right.sort() and a.type == b.type:
            both = (left, right)
        if both is None:
            return both_null
        return z3.Or(both_null, z3.And(z3.Not(left_null), z3.Not(right_null), both[0] == both[1]))

    # Values.

    def value(self, term: Term) -> tuple[Any, Any]:
        """A term's value, and whether it is NULL; the value means nothing then."""
        if term in self.known:
            return self.known[term]
        if term not in self._values:
            self._values[term] = self._value(term)
        return self._values[term]

    def _is_null(self, term: Term) -> Any:
        if term.op != "case" or term in self.known:
            return self.value(term)[1]
        null = self._is_null(term.args[-1])
        for at in range(len(term.args) - 3, -1, -2):
            chosen = self.holds(term.args[at])
            null = self.z3.If(chosen, self._is_null(term.args[at + 1]), null)
        return null

    def _value(self, term: Term) -> tuple[Any, Any]:
        z3 = self.z3
        if term.op in ("and", "or", "not", "truth", "null", "same", "matched", "exists") or (
            term.op in ("eq", "lt", "le") or term in (TRUE, FALSE)
        ):
            true, false = self.truth(term)
            return true, z3.Not(z3.Or(true, false))
        match term.op:
            case "lit":
                return self._literal(term)
            case "col":
                return self._column(term)
            case "case":
                return self._case(term)
            case "add" | "mul":
                return self._arithmetic(term)
            case "cast":
                value, null = self.value(term.args[0])
                if term.type == "timestamp":
                    return value * self._day_length, null
                if term.type == "int":
                    return z3.ToInt(value) if value.sort() == z3.RealSort() else value, null
                return z3.ToReal(value) if value.sort() == z3.IntSort() else value, null
            case "trunc" | "part":
                value, null = self._day(term.args[0])
                if term.data == "day" and term.op == "trunc":
                    return value, null
                return self._of_day(term.op, str(term.data), value), null
            case "shift":
                value, null = self.value(term.args[0])
                days = int(term.data)
                return value + (days if term.type == "date" else days * self._day_length), null
            case "div":
                return self._quotient(term)
        if term.op == "fn" and str(term.data).startswith(WRITTEN):
            return z3.Const(term.text, self._sort(term.type)), z3.Bool(f"null {term.text}")
        if term.op in ("fn", "scalar", "in"):
            args = [self.value(a) for a in term.args]
            name = f"{term.op} {term.data!r}"
            sort = self._sort(term.type)
            value = self._apply(name, args, sort)
            if term.op == "fn" and str(term.data).split(":")[0] in _STRICT:
                return value, z3.Or(*(n for _, n in args))
            return value, self._apply(f"null {name} {sort}", args, z3.BoolSort())
        raise Unsolvable(term.op)

    def _day(self, term: Term) -> tuple[Any, Any]:
        """The day of a date or instant: z3 rounds down where the divisor is positive."""
        value, null = self.value(term)
        return (value / self._day_length if term.type == "timestamp" else value), null

    def _of_day(self, op: str, name: str, day: Any) -> Any:
        """A part of a date, or the first day of its period, by its year, month and day."""
        z3 = self.z3
        whole = z3.IntSort()
        self._days[day.get_id()] = day
        year, month, date_ = (z3.Function(n, whole, whole)(day) for n in ("year", "month", "date"))
        quarter = (month + 2) / 3
        if op == "part":
            return {"year": year, "quarter": quarter, "month": month, "day": date_}[name]
        within = {"year": z3.IntVal(0), "quarter": quarter, "month": month}[name]
        return z3.Function(f"first of {name}", whole, whole, whole)(year, within)

    def _calendar(self) -> list[Any]:
        """How dates lie to the constants that queries name, by year, month and day."""
        z3 = self.z3
        whole = z3.IntSort()
        found: list[Any] = []
        for day in self._days.values():
            year, month, date_ = (
                z3.Function(n, whole, whole)(day) for n in ("year", "month", "date")
            )
            found += [month >= 1, month <= 12, date_ >= 1, date_ <= 31]
            for at in self._dates:
                later = z3.Or(
                    year > at.year,
                    z3.And(year == at.year, month > at.month),
                    z3.And(year == at.year, month == at.month, date_ >= at.day),
                )
                found.append((day >= as_number(at)) == later)
        return found

    def _literal(self, term: Term) -> tuple[Any, Any]:
        z3 = self.z3
        null = z3.BoolVal(False)
        match term.type:
            case "null":
                return z3.IntVal(0), z3.BoolVal(True)
            case "int":
                return z3.IntVal(int(term.data)), null
            case "real" | "number":
                return z3.RealVal(str(term.data)), null
            case "date" | "timestamp":
                self._dates[date(term.data.year, term.data.month, term.data.day)] = None
                ticks = self.ticks if term.type == "timestamp" else 1
                return z3.IntVal(as_number(term.data) * ticks), null
            case "text":
                return self._text(str(term.data)), null
        raise Unsolvable(term.text)

    def _text(self, value: str) -> Any:
        if value not in self._texts:
            self._texts[value] = self.z3.Const(f"text {value!r}", self._sort("text"))
        return self._texts[value]

    def _column(self, term: Term) -> tuple[Any, Any]:
        z3 = self.z3
        source, name, nullable = term.data
        value = z3.Const(f"{source}.{name}:{term.type}", self._sort(term.type))
        null = z3.Bool(f"{source}.{name} null") if nullable else z3.BoolVal(False)
        if not nullable:
            self.assumed.add((source, name))
        if source in self.optional:
            null = z3.Or(z3.Not(z3.Bool(f"matched {source}")), null)
        return value, null

    def _sort(self, type_: str) -> Any:
        if type_ not in self._sorts:
            self._sorts[type_] = self.z3.DeclareSort(type_)
        return self._sorts[type_]

    def _case(self, term: Term) -> tuple[Any, Any]:
        z3 = self.z3
        if term.type == "bool":
            true, false = self.truth(term)
            return true, z3.Not(z3.Or(true, false))
        value, null = self._as(term.args[-1], term.type)
        for at in range(len(term.args) - 3, -1, -2):
            chosen = self.holds(term.args[at])
            v, n = self._as(term.args[at + 1], term.type)
            value, null = z3.If(chosen, v, value), z3.If(chosen, n, null)
        return value, null

    def _as(self, term: Term, type_: str) -> tuple[Any, Any]:
        """A branch as a value of the type that all branches have."""
        z3 = self.z3
        value, null = self.value(term)
        if term == NULL:
            return z3.Const(f"nothing {type_}", self._sort(type_)), null
        if type_ == "timestamp" and term.type == "date":
            return value * self._day_length, null
        if value.sort() == self._sort(type_):
            return value, null
        if type_ in ("real", "number") and value.sort() == z3.IntSort():
            return z3.ToReal(value), null
        if type_ == "int" and value.sort() == z3.RealSort():
            return z3.ToInt(value), null
        raise Unsolvable("branches of different types")

    def _apply(self, name: str, args: list[tuple[Any, Any]], sort: Any) -> Any:
        """An unknown function: what stands where an argument is NULL makes no difference."""
        z3 = self.z3
        flat: list[Any] = []
        for value, null in args:
            nothing = z3.Const(f"nothing of {value.sort()}", value.sort())
            flat += [z3.If(null, nothing, value), null]
        if not flat:
            return z3.Const(name, sort)
        sorts = [f.sort() for f in flat]
        return z3.Function(f"{name} {sorts} {sort}", *sorts, sort)(*flat)

    # Arithmetic.

    def _arithmetic(self, term: Term) -> tuple[Any, Any]:
        z3 = self.z3
        null = z3.Or(*(self._is_null(a) for a in term.args))
        if any(is_wild(a) for a in term.args):
            constants = [a for a in term.args if a.op == "lit"]
            rest = [a for a in term.args if a.op != "lit"]
            if term.op == "mul" and len(constants) == len(rest) == 1 and constants[0].data:
                return self._real(constants[0]) * self._real(rest[0]), null
            args = [(self._real(a), self._is_null(a)) for a in term.args]
            return self._apply(f"wild {term.op}", args, z3.RealSort()), null
        return self._sum(products_of(term)), null

    def _real(self, term: Term) -> Any:
        value, _ = self.value(term)
        if not self.z3.is_arith(value):
            raise Unsolvable("arithmetic")
        return self.z3.ToReal(value) if value.sort() == self.z3.IntSort() else value

    def _sum(self, polynomial: dict[tuple[Any, ...], Fraction]) -> Any:
        z3 = self.z3
        parts = [self._monomial(c, list(m)) for m, c in polynomial.items() if c]
        if not parts:
            return z3.IntVal(0)
        return z3.Sum(*parts) if len(parts) > 1 else parts[0]

    def _monomial(self, coefficient: Fraction, factors: list[Term]) -> Any:
        """A product; a CASE of constants in it is a case for each, others are unknown."""
        z3 = self.z3
        chosen = next((f for f in factors if f.op == "case" and _is_chosen(f)), None)
        if chosen is not None:
            rest = list(factors)
            rest.remove(chosen)
            values = [chosen.args[-1], *chosen.args[1::2][::-1]]
            products = [self._as_real(self._product(coefficient, rest, v)) for v in values]
            found = products[0]
            conditions = chosen.args[:-1:2][::-1]
            for condition, product in zip(conditions, products[1:], strict=True):
                found = z3.If(self.holds(condition), product, found)
            return found
        if coefficient == 0:
            return z3.RealVal(0)
        if not factors:
            whole = coefficient.denominator == 1
            return z3.IntVal(int(coefficient)) if whole else z3.RealVal(str(coefficient))
        if len(factors) == 1:
            value = self.value(factors[0])[0]
            if coefficient.denominator == 1 and value.sort() == z3.IntSort():
                return value * int(coefficient)
            return self._as_real(value) * z3.RealVal(str(coefficient))
        numbers = [self._real(f) for f in factors]
        numbers.sort(key=lambda v: int(v.get_id()))
        product = numbers[0]
        times = z3.Function("times", z3.RealSort(), z3.RealSort(), z3.RealSort())
        for value in numbers[1:]:
            product = times(product, value)
        return product * z3.RealVal(str(coefficient))

    def _product(self, coefficient: Fraction, factors: list[Term], value: Term) -> Any:
        """A product with one more factor, which may be a sum."""
        parts = products_of(value).items()
        found = [self._monomial(coefficient * c, [*factors, *m]) for m, c in parts if c]
        return self.z3.Sum(*found) if len(found) > 1 else found[0] if found else self.z3.RealVal(0)

    def _as_real(self, value: Any) -> Any:
        return self.z3.ToReal(value) if value.sort() == self.z3.IntSort() else value

    def _quotient(self, term: Term) -> tuple[Any, Any]:
        """``a / b``: unknown where b is 0; a factor of a's is one of the quotient's."""
        z3 = self.z3
        above, below = term.args
        null = z3.Or(self._is_null(above), self._is_null(below))
        divisor = self._real(below)
        is_zero = divisor == 0
        if term.data:  # NULL by zero
            null = z3.Or(null, is_zero)
        else:
            by_zero = self._apply("null by zero", [(self._real(above), null)], z3.BoolSort())
            null = z3.Or(null, z3.And(is_zero, by_zero))
        coefficient, numerator = Fraction(1), self._real(above)
        if not is_wild(above):
            polynomial = products_of(above)
            if len(polynomial) == 1:
                ((monomial, coefficient),) = polynomial.items()
                if coefficient:
                    numerator = self._as_real(self._monomial(Fraction(1), list(monomial)))
                else:
                    coefficient = Fraction(1)
        real = z3.RealSort()
        quotient = z3.Function("quotient", real, real, real)(numerator, divisor)
        return quotient * z3.RealVal(str(coefficient)), null
