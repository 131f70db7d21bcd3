"""Conditions together: what one says already is left out of others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sqlglot import exp

from kpilayer.drift.spelling import conjuncts, key, list_of, negated

_STRICT: Final = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ, exp.Like, exp.ILike)


def pruned(
    conditions: Iterable[exp.Expr],
    domains: Mapping[str, frozenset[str]],
    whole: frozenset[str] = frozenset(),
) -> list[exp.Expr]:
    """The conditions in fewer words: lists of values met, what is implied left out.

    ``domains`` are all values of columns, ``whole`` columns of whole numbers.
    """
    conditions = [part for c in conditions for part in _of_label(c)]
    lists: dict[str, tuple[exp.Expr, dict[str, exp.Expr]]] = {}
    without: dict[str, tuple[exp.Expr, dict[str, exp.Expr]]] = {}
    rest: dict[str, exp.Expr] = {}
    for condition in conditions:
        condition = _of_whole(_in_case(condition, domains), whole)
        found = list_of(condition)
        if found is None:
            rest[key(condition)] = condition
            continue
        value, given = found
        of, named = key(value), {key(literal): literal for literal in given}
        if _is_without(condition):
            without.setdefault(of, (value, {}))[1].update(named)
        elif of in lists:
            both = {k: v for k, v in lists[of][1].items() if k in named}
            lists[of] = (value, both)
        else:
            lists[of] = (value, named)
    for of, (value, literals) in without.items():
        domain = domains.get(of)
        if of not in lists and domain is not None and set(literals) <= domain:
            left = sorted(domain - set(literals))
            lists[of] = (value, {k: exp.Literal.string(k.strip("'")) for k in left})
        elif of in lists:
            kept = {k: v for k, v in lists[of][1].items() if k not in literals}
            lists[of] = (lists[of][0], kept)
        else:
            for literal in literals.values():
                made = exp.NEQ(this=value.copy(), expression=literal.copy())
                rest[key(made)] = made
    listed = {of: values for of, (_, values) in lists.items()}
    for of in [o for o, (_, values) in lists.items() if domains.get(o) == frozenset(values)]:
        del lists[of]  # every value that there is
    compared = {key(_uncast(c.this)) for c in rest.values() if isinstance(c, _STRICT)}
    listed |= {of: {} for of in compared if of not in listed}
    kept_rest = [c for c in rest.values() if not _follows(c, listed)]
    return [*kept_rest, *(_listed(value, values) for value, values in lists.values())]


def _of_label(condition: exp.Expr) -> Iterator[exp.Expr]:
    """`CASE WHEN a THEN 'x' .. END = 'x'` as `a`, without what stands before and excludes it."""
    case = condition.this.unnest() if isinstance(condition, exp.EQ) else None
    wanted = condition.expression if isinstance(condition, exp.EQ) else None
    if (
        not isinstance(case, exp.Case)
        or case.this is not None
        or not isinstance(wanted, exp.Literal)
    ):
        yield condition
        return
    branches = [(list(conjuncts(b.this)), b.args["true"].unnest()) for b in case.args["ifs"]]
    default = case.args.get("default")
    results = [result for _, result in branches] + ([default.unnest()] if default else [])
    at = [number for number, result in enumerate(results) if result == wanted]
    is_plain = all(isinstance(result, exp.Literal | exp.Null) for result in results)
    if not is_plain or len(at) != 1 or at[0] == len(branches):
        yield condition
        return
    meant = branches[at[0]][0]
    yield from meant
    for before, _ in branches[: at[0]]:
        if not any(_exclude(one, other) for one in meant for other in before):
            either = exp.and_(*(part.copy() for part in before))
            yield from conjuncts(negated(either))


def _uncast(node: exp.Expr) -> exp.Expr:
    node = node.unnest()
    return _uncast(node.this) if isinstance(node, exp.Cast | exp.Date | exp.TsOrDsToDate) else node


def _of_whole(condition: exp.Expr, whole: frozenset[str]) -> exp.Expr:
    """`x > 8` as `x >= 9` for whole numbers."""
    steps: dict[type[exp.Expr], tuple[type[exp.Expr], int]] = {
        exp.GT: (exp.GTE, 1),
        exp.LT: (exp.LTE, -1),
    }
    step = steps.get(type(condition))
    if step is None or key(condition.this) not in whole:
        return condition
    value = condition.expression
    if not isinstance(value, exp.Literal) or value.is_string or not value.is_int:
        return condition
    kind, by = step
    return kind(this=condition.this.copy(), expression=exp.Literal.number(int(value.name) + by))


def _in_case(condition: exp.Expr, domains: Mapping[str, frozenset[str]]) -> exp.Expr:
    """`lower(status) = 'void'` as `status = 'void'`, where all values are lower case."""
    if isinstance(condition, exp.Or):
        parts = [p.unnest() for p in condition.flatten()]
        kept = [p for p in parts if not _asks_for_null(p, domains)]
        return kept[0] if len(kept) == 1 and len(parts) > 1 else condition
    condition = _without_null(condition, domains)
    value = condition.this.unnest() if isinstance(condition, exp.EQ | exp.NEQ | exp.In) else None
    if not isinstance(value, exp.Lower | exp.Upper | exp.Trim):
        return condition
    domain = domains.get(key(value.this))
    if domain is None or any(v != v.lower() for v in domain):
        return condition
    made = condition.copy()
    made.set("this", value.this.copy())
    for literal in made.find_all(exp.Literal):
        literal.set("this", literal.name.lower())
    return made


def _without_null(condition: exp.Expr, domains: Mapping[str, frozenset[str]]) -> exp.Expr:
    """`IS DISTINCT FROM` and COALESCE as what they are of columns whose values are all known."""
    kinds: dict[type[exp.Expr], type[exp.Expr]] = {
        exp.NullSafeEQ: exp.EQ,
        exp.NullSafeNEQ: exp.NEQ,
    }
    kind = kinds.get(type(condition))
    if kind is not None and key(condition.this) in domains:
        return kind(this=condition.this.copy(), expression=condition.expression.copy())
    value = condition.this.unnest() if isinstance(condition, exp.EQ | exp.NEQ | exp.In) else None
    if isinstance(value, exp.Coalesce) and key(value.this) in domains:
        made = condition.copy()
        made.set("this", value.this.copy())
        return made
    return condition


def _asks_for_null(node: exp.Expr, domains: Mapping[str, frozenset[str]]) -> bool:
    """Whether it asks for NULL of a column whose values are all known."""
    is_null = isinstance(node, exp.Is) and isinstance(node.expression, exp.Null)
    return is_null and key(node.this) in domains


def _is_without(condition: exp.Expr) -> bool:
    return isinstance(condition, exp.NEQ | exp.Not)


def is_number(node: exp.Expr) -> bool:
    """Whether it is a number as it is written."""
    return isinstance(node, exp.Literal) and not node.is_string


def _listed(value: exp.Expr, literals: Mapping[str, exp.Expr]) -> exp.Expr:
    found = [literals[k].copy() for k in sorted(literals)]
    if len(found) == 1:
        return exp.EQ(this=value.copy(), expression=found[0])
    return exp.In(this=value.copy(), expressions=found)


def _follows(condition: exp.Expr, lists: Mapping[str, Mapping[str, exp.Expr]]) -> bool:
    """Whether a condition holds for every value of a list: `x IS NOT NULL` beside `x = 1`."""
    inner = condition.this.unnest() if isinstance(condition, exp.Not) else None
    if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
        return key(inner.this) in lists
    return False


def disjoint(a: Mapping[str, exp.Expr], b: Mapping[str, exp.Expr]) -> bool:
    """Whether no row can meet both: they ask for different values of one column."""
    for one in a.values():
        for other in b.values():
            if _exclude(one, other):
                return True
    return False


def _exclude(one: exp.Expr, other: exp.Expr) -> bool:
    left, right = list_of(one), list_of(other)
    if left is not None and right is not None and key(left[0]) == key(right[0]):
        mine, theirs = {key(v) for v in left[1]}, {key(v) for v in right[1]}
        if _is_without(one) != _is_without(other):
            return (theirs <= mine) if _is_without(one) else (mine <= theirs)
        return not _is_without(one) and not (mine & theirs)
    opposite: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {
        exp.LT: (exp.GT, exp.GTE), exp.GT: (exp.LT, exp.LTE),
        exp.LTE: (exp.GT,), exp.GTE: (exp.LT,),
    }  # fmt: skip
    if type(one) in opposite and type(other) in opposite and key(one.this) == key(other.this):
        a, b = one.expression, other.expression
        if is_number(a) and is_number(b) and float(a.name) != float(b.name):
            least = one if float(a.name) < float(b.name) else other
            most = other if least is one else one
            return isinstance(least, exp.LT | exp.LTE) and isinstance(most, exp.GT | exp.GTE)
    if type(other) in opposite.get(type(one), ()):
        same = key(one.this) == key(other.this)
        return same and key(one.expression) == key(other.expression)
    if isinstance(one, exp.Not) or isinstance(other, exp.Not):
        plain_, negative = (other, one) if isinstance(one, exp.Not) else (one, other)
        return key(plain_) == key(negative.this)
    return False
