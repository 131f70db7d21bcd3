"""Expressions of queries as terms: columns resolved, one form for many spellings.

A term's text says all of it, so equal texts are equal terms. Functions of this file keep SQL's
three truth values: what they give is NULL exactly where the spelling that they replace is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from fractions import Fraction
from typing import Any, Final

#: Types as far as they decide what an operator means; "number" may be an integer or not.
NUMBERS: Final = ("int", "number", "real")
TIMES: Final = ("date", "timestamp")
#: What the names of functions begin with that show how a number is written.
WRITTEN: Final = "written:"


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """An expression: what it does, to what, and of which type its value is."""

    op: str
    args: tuple[Term, ...] = ()
    data: Any = None
    type: str = "any"
    text: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        inside = ",".join(a.text for a in self.args)
        data = "" if self.data is None else f"[{self.data!r}]"
        object.__setattr__(self, "text", f"{self.op}{data}({inside})")

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and self.text == other.text

    def __repr__(self) -> str:
        return self.text


NULL: Final = Term("lit", data=None, type="null")
TRUE: Final = Term("lit", data=True, type="bool")
FALSE: Final = Term("lit", data=False, type="bool")


def number(value: Fraction | int, type_: str = "int") -> Term:
    """A number; its type decides what a division by it means."""
    return Term("lit", data=Fraction(value), type=type_)


def text(value: str) -> Term:
    """A text."""
    return Term("lit", data=value, type="text")


def column(source: int, name: str, type_: str = "any", nullable: bool = True) -> Term:
    """A column of a source, which is known by its number."""
    return Term("col", data=(source, name, nullable), type=type_)


def function(name: str, *args: Term, type_: str = "any") -> Term:
    """A function of which nothing is known, but that equal arguments give equal values."""
    return Term("fn", args, name, type_)


def subterms(term: Term) -> Iterator[Term]:
    """A term and all terms in it, those of its subqueries too."""
    pending = [term]
    while pending:
        node = pending.pop()
        yield node
        pending += node.args
        if is_dataclass(node.data):
            pending += terms_of(node.data)


def terms_of(value: Any) -> list[Term]:
    """The outermost terms that stand in a query."""
    if isinstance(value, Term):
        return [value]
    if isinstance(value, tuple):
        return [t for part in value for t in terms_of(part)]
    if is_dataclass(value) and not isinstance(value, type):
        return [t for f in fields(value) for t in terms_of(getattr(value, f.name))]
    return []


def rewrite(value: Any, change: Callable[[Term], Term | None]) -> Any:
    """The same with each term replaced that ``change`` gives another for, outermost first."""
    if isinstance(value, Term):
        changed = change(value)
        if changed is not None:
            return changed
        args = tuple(rewrite(a, change) for a in value.args)
        data = rewrite(value.data, change) if is_dataclass(value.data) else value.data
        if data is value.data and all(a is b for a, b in zip(args, value.args, strict=True)):
            return value
        return rebuild(replace_parts(value, args, data))
    if isinstance(value, tuple):
        parts = tuple(rewrite(part, change) for part in value)
        return value if all(a is b for a, b in zip(parts, value, strict=True)) else parts
    if is_dataclass(value) and not isinstance(value, type):
        old = {f.name: getattr(value, f.name) for f in fields(value)}
        new = {name: rewrite(part, change) for name, part in old.items()}
        return value if all(new[n] is old[n] for n in old) else replace(value, **new)
    return value


def replace_parts(term: Term, args: tuple[Term, ...], data: Any) -> Term:
    """The term with other arguments, not yet in its canonical form."""
    return Term(term.op, args, data, term.type)


def sources(value: Any) -> set[int]:
    """The sources whose columns a term or query reads, or asks whether they matched."""
    return {
        node.data[0]
        for term in terms_of(value)
        for node in subterms(term)
        if node.op in ("col", "matched")
    }


# Truth.


def conjunction(*parts: Term) -> Term:
    """AND, flat, sorted, without repetition; absorbs ORs that another part implies."""
    return _joined("and", parts, zero=FALSE, one=TRUE)


def disjunction(*parts: Term) -> Term:
    """OR, flat, sorted, without repetition; absorbs ANDs that imply another part."""
    return _joined("or", parts, zero=TRUE, one=FALSE)


def _joined(op: str, parts: tuple[Term, ...], zero: Term, one: Term) -> Term:
    flat: dict[str, Term] = {}
    pending = list(reversed(parts))
    while pending:
        part = pending.pop()
        if part.op == op:
            pending += reversed(part.args)
        elif part == zero:
            return zero
        elif part != one:
            flat[part.text] = part
    other = "or" if op == "and" else "and"
    kept = [p for p in flat.values() if not (p.op == other and any(a.text in flat for a in p.args))]
    if len(kept) < 2:
        return kept[0] if kept else one
    return Term(op, tuple(sorted(kept, key=lambda t: t.text)), type="bool")


def conjuncts(term: Term) -> tuple[Term, ...]:
    """The conditions that a condition is the AND of."""
    if term == TRUE:
        return ()
    return term.args if term.op == "and" else (term,)


def negation(term: Term) -> Term:
    """NOT, moved inwards; NULL stays NULL.

    >>> a, b = column(1, "a", "int"), column(1, "b", "int")
    >>> negation(conjunction(less(a, b), equal(a, b))).op
    'or'
    """
    match term.op:
        case "not":
            return term.args[0]
        case "and":
            return disjunction(*(negation(a) for a in term.args))
        case "or":
            return conjunction(*(negation(a) for a in term.args))
        case "lt" if _is_ordered(term):
            return at_most(term.args[1], term.args[0])
        case "le" if _is_ordered(term):
            return less(term.args[1], term.args[0])
        case "lit" if term.type == "bool":
            return FALSE if term == TRUE else TRUE
        case "lit":
            return NULL
    return Term("not", (term,), type="bool")


def _is_ordered(term: Term) -> bool:
    """Whether one of two values that are not NULL is the greater one or both are equal."""
    known = (*NUMBERS, *TIMES, "text")
    return all(a.type in known for a in term.args)


# Comparisons.


def equal(a: Term, b: Term) -> Term:
    """``a = b``, sides sorted."""
    if is_literal(a) and is_literal(b) and a.type == b.type == "int":
        return TRUE if a == b else FALSE
    if NULL in (a, b):
        return NULL
    a, b = sorted((a, b), key=lambda t: t.text)
    return Term("eq", (a, b), type="bool")


def same_value(a: Term, b: Term) -> Term:
    """``a IS NOT DISTINCT FROM b``: never NULL."""
    if NULL in (a, b):
        return is_null(b if a == NULL else a)
    a, b = sorted((a, b), key=lambda t: t.text)
    return Term("same", (a, b), type="bool")


def less(a: Term, b: Term) -> Term:
    """``a < b``, and ``b > a``."""
    return NULL if NULL in (a, b) else Term("lt", (a, b), type="bool")


def at_most(a: Term, b: Term) -> Term:
    """``a <= b``, and ``b >= a``."""
    return NULL if NULL in (a, b) else Term("le", (a, b), type="bool")


def is_null(a: Term) -> Term:
    """``a IS NULL``."""
    if is_literal(a):
        return TRUE if a == NULL else FALSE
    if a.op == "cast" and a.type == "real":
        return is_null(a.args[0])
    if a.op in ("matched", "null", "exists", "same", "truth"):
        return FALSE
    if a.op == "col" and not a.data[2]:
        return negation(Term("matched", (), (a.data[0],), "bool"))
    return Term("null", (a,), type="bool")


def is_true(a: Term) -> Term:
    """``a IS TRUE``: never NULL."""
    if a.op in ("matched", "null", "exists", "same", "truth") or a in (TRUE, FALSE):
        return a
    return FALSE if a == NULL else Term("truth", (a,), type="bool")


def is_literal(term: Term) -> bool:
    """Whether a term is a constant."""
    return term.op == "lit"


# Values.


def case(*parts: Term) -> Term:
    """CASE: condition, value, condition, value, .., and the value where none is true."""
    pairs, last = list(zip(parts[:-1:2], parts[1:-1:2], strict=True)), parts[-1]
    kept: list[Term] = []
    for condition, value in pairs:
        if condition in (FALSE, NULL):
            continue
        if condition == TRUE:
            last = value
            break
        kept += [condition, value]
    while kept and kept[-1] == last:
        del kept[-2:]
    if not kept:
        return last
    return Term("case", (*kept, last), type=common_type(*kept[1::2], last))


def common_type(*terms: Term) -> str:
    """The type that holds the values of all terms; "any" where that is not known."""
    types = {t.type for t in terms} - {"null"}
    if not types:
        return "null"
    if len(types) == 1:
        return types.pop()
    if types <= set(NUMBERS):
        return "real" if "real" in types else "number"
    return "timestamp" if types <= set(TIMES) else "any"


def coalesce(*parts: Term) -> Term:
    """COALESCE, as a CASE."""
    pairs = [p for part in parts[:-1] for p in (negation(is_null(part)), part)]
    return case(*pairs, parts[-1])


def add(*parts: Term) -> Term:
    """A sum of numbers, flat and sorted."""
    flat = [a for p in parts for a in (p.args if p.op == "add" else (p,))]
    if all(is_literal(p) and p != NULL for p in flat):
        return number(sum((Fraction(p.data) for p in flat), Fraction(0)), common_type(*flat))
    return Term("add", tuple(sorted(flat, key=lambda t: t.text)), type=common_type(*flat))


def multiply(*parts: Term) -> Term:
    """A product of numbers, flat and sorted."""
    flat = [a for p in parts for a in (p.args if p.op == "mul" else (p,))]
    if all(is_literal(p) and p != NULL for p in flat):
        product = Fraction(1)
        for p in flat:
            product *= Fraction(p.data)
        return number(product, common_type(*flat))
    return Term("mul", tuple(sorted(flat, key=lambda t: t.text)), type=common_type(*flat))


def as_real(term: Term) -> Term:
    """The number as one that is divided without loss."""
    if term.type == "real" or term == NULL:
        return term
    return replace(term, type="real") if is_literal(term) else Term("cast", (term,), type="real")


_REBUILD: Final[dict[str, Callable[..., Term]]] = {
    "and": conjunction,
    "or": disjunction,
    "not": negation,
    "eq": equal,
    "lt": less,
    "le": at_most,
    "same": same_value,
    "null": is_null,
    "truth": is_true,
    "case": case,
    "add": add,
    "mul": multiply,
}


def rebuild(term: Term) -> Term:
    """The term in its canonical form, after its arguments have changed."""
    builder = _REBUILD.get(term.op)
    return term if builder is None else builder(*term.args)
