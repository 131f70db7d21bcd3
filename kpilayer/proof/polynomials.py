"""Numbers as polynomials of what is no sum or product, and which numbers may be infinite."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from kpilayer.proof.term import NULL, NUMBERS, Term

_MOST_MONOMIALS: Final = 64


class TooLarge(ArithmeticError):
    """A product of sums has too many terms."""


def polynomial(term: Term) -> dict[tuple[Any, ...], Fraction]:
    """A number as products of what is no sum or product, with their coefficients."""
    if term.op == "lit" and term.type in NUMBERS:
        return {(): Fraction(term.data)}
    if term.op == "cast" and term.type == "real":
        return polynomial(term.args[0])
    if term.op == "add":
        found: dict[tuple[Any, ...], Fraction] = {}
        for part in term.args:
            for monomial, c in polynomial(part).items():
                found[monomial] = found.get(monomial, Fraction(0)) + c
        return found
    if term.op == "mul":
        found = {(): Fraction(1)}
        for part in term.args:
            other = polynomial(part)
            if len(found) * len(other) > _MOST_MONOMIALS:
                raise TooLarge("a large product")
            product: dict[tuple[Any, ...], Fraction] = {}
            for one, c in found.items():
                for two, d in other.items():
                    both = tuple(sorted((*one, *two), key=lambda t: str(t.text)))
                    product[both] = product.get(both, Fraction(0)) + c * d
            found = product
        return found
    if term == NULL:
        return {(): Fraction(0)}
    return {(term,): Fraction(1)}


def is_wild(term: Term) -> bool:
    """Whether a number may be infinite or not a number: a quotient by what may be zero."""
    if term.op == "div":
        return not _is_guarded(term.args[1]) or any(is_wild(a) for a in term.args)
    if term.op == "fn" and str(term.data).startswith("div"):
        return True
    return any(is_wild(a) for a in term.args)


def _is_guarded(divisor: Term) -> bool:
    """Whether a divisor is never zero: NULLIF(x, 0), in its canonical form."""
    while divisor.op == "cast":
        divisor = divisor.args[0]
    if divisor.op == "lit":
        return bool(divisor.data)
    if divisor.op != "case" or len(divisor.args) != 3 or divisor.args[1] != NULL:
        return False
    condition, _, value = divisor.args
    zero = [a for a in condition.args if a.op == "lit" and a.data == 0]
    return condition.op == "eq" and bool(zero) and value in condition.args


def is_of_constants(term: Term) -> bool:
    """Whether a CASE gives one of several constants."""
    values = (*term.args[1::2], term.args[-1])
    return all(v.op == "lit" and (v == NULL or v.type in NUMBERS) for v in values)
