"""Whether two normal forms give the same rows: sources matched, the rest asked row by row.

Subqueries that give equal rows in equal places are equal parts (congruence), so what a FROM reads
is compared before what is done with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any, Final

from kpilayer.proof.aligned import (
    depends_on_group,
    in_order_of,
    in_sources_of,
    is_determined,
    orders,
    selects,
)
from kpilayer.proof.groups import Groups
from kpilayer.proof.normal import optional_sources
from kpilayer.proof.polynomials import TooLarge
from kpilayer.proof.query import Limited, Query, Select, Source, Union
from kpilayer.proof.solver import Solver, Unsolvable
from kpilayer.proof.term import Term, conjunction, rewrite, sources, subterms, terms_of

_MOST_MATCHES: Final = 24
_MOST_COLUMNS: Final = 4


@dataclass(frozen=True, slots=True)
class _Groupings:
    """Two queries with the same groups: what their columns are, as values of either group.

    ``names`` are those of the second's columns beside the first's.
    """

    known: Mapping[Term, tuple[Any, Any]]
    facts: tuple[Any, ...]
    source: Source
    names: Mapping[str, str]


@dataclass(slots=True)
class Matcher:
    """Compares queries; ``laws`` collects what it took to find them alike."""

    solver: Solver | None
    laws: dict[str, None] = field(default_factory=dict)
    _known: int = 0
    _sources: dict[tuple[int, int], dict[str, str] | None] = field(default_factory=dict)
    _groupings: dict[tuple[int, int], _Groupings | None] = field(default_factory=dict)
    _facts: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    def equal(self, a: Query, b: Query) -> bool:
        """Whether two queries give the same rows, columns by position; False where unproved."""
        if len(a.outputs) != len(b.outputs):
            return False
        match a, b:
            case Select(), Select():
                return self._selects(a, b)
            case Union(), Union():
                return self._unions(a, b)
            case Limited(), Limited():
                alike = (a.order, a.limit, a.offset) == (b.order, b.limit, b.offset)
                total = len({position for position, _, _ in a.order}) == len(a.outputs)
                return alike and total and self.equal(a.query, b.query)
        return False

    def _unions(self, a: Union, b: Union) -> bool:
        if len(a.arms) != len(b.arms):
            return False
        left = list(b.arms)
        for arm in a.arms:
            found = next((other for other in left if self.equal(arm, other)), None)
            if found is None:
                return False
            left = [other for other in left if other is not found]
        self.laws["the order of the arms of a UNION ALL is free"] = None
        return True

    def _selects(self, a: Select, b: Select) -> bool:
        if (a.keys is None, a.keys == ()) != (b.keys is None, b.keys == ()):
            return False
        if not (is_determined(a) and is_determined(b)):
            return False
        for renamed in self._matches(a, b):
            try:
                if self._same_rows(a, self._unified(a, renamed)):
                    return True
            except (Unsolvable, TooLarge):
                continue
        return False

    # FROM.

    def _matches(self, a: Select, b: Select) -> Iterator[Select]:
        """The second query in the sources of the first, in every way that they may correspond."""
        if len(a.inner) != len(b.inner) or len(a.left) != len(b.left):
            return
        tried = 0
        lefts = [tuple(j.source for j in q.left) for q in (a, b)]
        for inner in self._pairings(a.inner, b.inner):
            for left in self._pairings(lefts[0], lefts[1], optional=True):
                tried += 1
                if tried > _MOST_MATCHES:
                    return
                pairs = dict(
                    zip(
                        (s.number for s in (*inner, *left)),
                        (*a.inner, *(j.source for j in a.left)),
                        strict=True,
                    )
                )
                columns: dict[int, Mapping[str, str]] = {
                    n: self._sources.get((s.number, n)) or {} for n, s in pairs.items()
                }
                if not self._are_apart(pairs):
                    continue
                for number, source in list(pairs.items()):
                    both = self._groupings.get((source.number, number))
                    self._facts[source.number] = () if both is None else both.facts
                    if both is not None and self.solver is not None:
                        pairs[number], columns[number] = both.source, both.names
                        self.solver.learn(both.known)
                yield in_sources_of(b, pairs, a, columns)

    def _are_apart(self, pairs: Mapping[int, Source]) -> bool:
        """Whether groupings read different sources, so that a row of one is no row of another."""
        seen = {source.number for source in pairs.values()}
        for number, source in pairs.items():
            if self._groupings.get((source.number, number)) is None or source.query is None:
                continue
            own = {s.number for query in selects(source.query) for s in query.sources}
            if own & seen:
                return False
            seen |= own
        return True

    def _pairings(
        self, a: tuple[Source, ...], b: tuple[Source, ...], optional: bool = False
    ) -> Iterator[tuple[Source, ...]]:
        for order in orders(a, b):
            if all(self._alike(x, y, optional) for x, y in zip(a, order, strict=True)):
                yield order

    def _alike(self, a: Source, b: Source, optional: bool) -> bool:
        """Whether two sources have the same rows, or rows for the same groups."""
        if a.query is None or b.query is None:
            return a.query is b.query and a.table == b.table
        pair = (a.number, b.number)
        if pair not in self._sources:
            self._sources[pair] = None
            self._sources[pair] = self._columns(a.query, b.query)
            if self._sources[pair] is None:
                self._groupings[pair] = self._same_grouping(a, b, optional)
        return self._sources[pair] is not None or self._groupings[pair] is not None

    def _same_grouping(self, a: Source, b: Source, optional: bool) -> _Groupings | None:
        """Two queries that have one row for each of the same groups, whatever they say of it."""
        one, two, solver = a.query, b.query, self.solver
        if solver is None or not isinstance(one, Select) or not isinstance(two, Select):
            return None
        if a.columns is None or b.columns is None or any(map(_asked, (one, two))):
            return None
        if (one.keys is None, one.keys == ()) != (two.keys is None, two.keys == ()):
            return None
        if not (is_determined(one) and is_determined(two)):
            return None
        for renamed in self._matches(one, two):
            facts = self._joined_alike(one, renamed)
            if facts is None:
                continue
            ours, theirs = self._holds(*one.where), self._holds(*renamed.where)
            if not solver.valid(ours == theirs, facts):
                continue
            solver.optional |= optional_sources(one)
            of = self._side_by_side if one.keys is None else self._grouped
            found = of(one, renamed, [*facts, ours])
            if found is None:
                continue
            sides, shown, known = found
            if not solver.valid(shown[0] == shown[1], known):
                continue
            absent = solver.z3.Not(solver.holds(_matched(a))) if optional else None
            names = {c[0]: f"{c[0]} of {b.number}" for c in b.columns}
            both = replace(a, columns=(*a.columns, *((names[n], t, o) for n, t, o in b.columns)))
            values: dict[Term, tuple[Any, Any]] = {}
            for query, called in ((sides[0], {}), (sides[1], names)):
                for name, term in query.outputs:
                    shown_as = both.column(called.get(name, name))
                    if shown_as is None or (shown_as.type != term.type and term.op != "known"):
                        return None
                    value, null = solver.value(term)
                    null = null if absent is None else solver.z3.Or(absent, null)
                    values[shown_as] = (value, null)
            rows = "rows" if one.keys is None else "groups of the same rows"
            self.laws[f"{rows} are compared by what is made of them"] = None
            told = [*known, shown[0]]
            if absent is not None:  # what holds of a row holds where there is one
                told = [solver.z3.Or(absent, fact) for fact in told]
            return _Groupings(values, tuple(told), both, names)
        return None

    def _columns(self, a: Query, b: Query) -> dict[str, str] | None:
        """Which column of the first each column of the second is, where their rows are the same."""
        names, others = ([name for name, _ in q.outputs] for q in (a, b))
        if len(names) != len(others):
            return None
        orders = [names] if sorted(names) == sorted(others) else []
        if not orders and len(names) <= _MOST_COLUMNS:
            orders = [list(order) for order in permutations(others)]
        for order in orders:
            ordered = in_order_of(b, order)
            if ordered is not None and self.equal(a, ordered):
                self.laws["equal subqueries in equal places give equal rows"] = None
                return dict(zip(order, names, strict=True))
        return None

    def _unified(self, a: Select, b: Select) -> Select:
        """The second query with its subqueries named as those of the first that equal them."""
        own = _subqueries(a)
        same: dict[Term, Term] = {}
        for term in _subqueries(b):
            for other in own:
                if term != other and term.op == other.op and self._same_subquery(other, term):
                    same[term] = other
                    break
        return b if not same else rewrite(b, same.get)

    def _same_subquery(self, a: Term, b: Term) -> bool:
        if a.op in ("scalar", "in") and a.args == b.args:
            assert isinstance(a.data, Select | Union | Limited)
            assert isinstance(b.data, Select | Union | Limited)
            return self.equal(a.data, b.data)
        if a.op != "exists" or not (isinstance(a.data, Select) and isinstance(b.data, Select)):
            return False
        one, two = (replace(q.data, outputs=()) for q in (a, b))
        if one.keys is not None or two.keys is not None or one.qualify or two.qualify:
            return False
        return self._selects(one, two)

    # Rows.

    def _holds(self, *conditions: Term) -> Any:
        assert self.solver is not None
        return self.solver.holds(conjunction(*conditions))

    def _same_rows(self, a: Select, b: Select) -> bool:
        """Whether two queries over the same sources give the same rows."""
        if replace(a, outputs=()) == replace(b, outputs=()):
            if tuple(t for _, t in a.outputs) == tuple(t for _, t in b.outputs):
                return True
        if self.solver is None:
            return _same_text(a, b)
        solver, z3 = self.solver, self.solver.z3
        solver.optional |= optional_sources(a)
        facts = self._joined_alike(a, b)
        if facts is None:
            return False
        ours, theirs = self._holds(*a.where), self._holds(*b.where)
        alike = solver.valid(ours == theirs, facts)
        if a.keys is not None:
            return self._same_groups(a, b, [*facts, ours] if alike else facts)
        if not alike:
            return False
        facts = [*facts, ours]
        named = self._named_windows(a, b, facts)
        if named is None:
            return False
        a, b = named
        ours, theirs = self._holds(*a.qualify), self._holds(*b.qualify)
        if not solver.valid(ours == theirs, facts):
            return False
        pairs = [(x, y) for (_, x), (_, y) in zip(a.outputs, b.outputs, strict=True)]
        same = [solver.same(x, y) for x, y in pairs if x != y]
        return not same or solver.valid(z3.And(*same), [*facts, ours])

    def _joined_alike(self, a: Select, b: Select) -> list[Any] | None:
        """What is known of the rows of both FROMs; None where their left joins may differ.

        Conditions on inner sources alone choose rows before anything is joined to them.
        """
        assert self.solver is not None
        solver, z3 = self.solver, self.solver.z3
        lefts = optional_sources(a)
        early = [
            self._holds(*(c for c in q.where if not sources(c) & lefts and not _asks(c)))
            for q in (a, b)
        ]
        groups = [fact for s in a.sources for fact in self._facts.get(s.number, ())]
        facts = [*groups, early[0]] if solver.valid(early[0] == early[1], groups) else groups
        joins = {join.source.number: join.on for join in b.left}
        found = list(facts)
        for join in a.left:
            matched = solver.holds(Term("matched", (), (join.source.number,), "bool"))
            on, other = solver.holds(join.on), solver.holds(joins[join.source.number])
            if not on.eq(other) and not solver.valid(on == other, [*facts, matched]):
                return None
            found.append(z3.Implies(matched, on))
        return found

    def _same_groups(self, a: Select, b: Select, facts: list[Any]) -> bool:
        assert self.solver is not None
        found = self._grouped(a, b, facts)
        if found is None:
            return False
        sides, shown, known = found
        if not self.solver.valid(shown[0] == shown[1], known):
            return False
        same = [
            self.solver.same(x, y)
            for (_, x), (_, y) in zip(sides[0].outputs, sides[1].outputs, strict=True)
            if x != y
        ]
        if same and not self.solver.valid(self.solver.z3.And(*same), [*known, shown[0]]):
            return False
        self.laws["aggregates are sums over rows, and sums are linear"] = None
        return True

    def _grouped(
        self, a: Select, b: Select, facts: list[Any]
    ) -> tuple[list[Select], list[Any], list[Any]] | None:
        """Two queries with the same keys, as values of one group.

        Their outputs are values then; whether either shows the group, and what is known of it.
        """
        assert self.solver is not None and a.keys is not None and b.keys is not None
        solver, z3 = self.solver, self.solver.z3
        ours, theirs = self._holds(*a.where), self._holds(*b.where)
        any_row = z3.Or(ours, theirs)
        for keys, others in ((a.keys, b.keys), (b.keys, a.keys)):
            for key in keys:
                if key not in others and not any(
                    solver.valid(solver.same(key, other), [*facts, any_row]) for other in others
                ):
                    return None
        if not all(depends_on_group(q) for q in (a, b)):
            return None
        groups = Groups(solver, facts, keyed=bool(a.keys))
        present = [
            groups.count(where) >= 1 if a.keys else z3.BoolVal(True) for where in (ours, theirs)
        ]
        sides = [self._valued(q, where, groups) for q, where in ((a, ours), (b, theirs))]
        known = [*groups.facts, *(facts if a.keys else ()), *([any_row] if a.keys else ())]
        shown = [z3.And(p, self._holds(*q.having)) for p, q in zip(present, sides, strict=True)]
        return sides, shown, known

    def _side_by_side(
        self, a: Select, b: Select, facts: list[Any]
    ) -> tuple[list[Select], list[Any], list[Any]] | None:
        """Two queries over the same rows, windows named; whether either shows a row."""
        named = self._named_windows(a, b, facts)
        if named is None:
            return None
        return list(named), [self._holds(*q.qualify) for q in named], facts

    def _valued(self, query: Select, where: Any, groups: Groups) -> Select:
        """The query's outputs and conditions with the solver's numbers for its aggregates."""
        assert self.solver is not None
        names: dict[Term, Term] = {}
        for term in (*terms_of(query.outputs), *terms_of(query.having)):
            for inner in subterms(term):
                if inner.op == "agg" and inner not in names:
                    names[inner] = self._name(inner.type, groups.aggregate(inner, where))
        outputs, having = rewrite((query.outputs, query.having), names.get)
        return replace(query, outputs=outputs, having=having)

    def _name(self, type_: str, value: tuple[Any, Any]) -> Term:
        assert self.solver is not None
        self._known += 1
        name = Term("known", (), self._known, type_)
        self.solver.known[name] = value
        return name

    def _named_windows(
        self, a: Select, b: Select, facts: list[Any]
    ) -> tuple[Select, Select] | None:
        """Both queries with one name for each window that both compute over the same rows."""
        assert self.solver is not None
        solver, z3 = self.solver, self.solver.z3
        found: list[tuple[Term, Term]] = []

        def named(window: Term) -> Term:
            for other, name in found:
                if other.data == window.data and len(other.args) == len(window.args):
                    same = [solver.same(x, y) for x, y in zip(other.args, window.args, strict=True)]
                    if not same or solver.valid(z3.And(*same), facts):
                        return name
            sort = solver._sort(window.type)
            counts = window.type == "int"
            value = z3.FreshConst(sort, "window")
            null = z3.BoolVal(False) if counts else z3.FreshBool("window null")
            if counts and window.data[0] != "agg:count":
                facts.append(value >= 1)
            found.append((window, self._name(window.type, (value, null))))
            return found[-1][1]

        def change(term: Term) -> Term | None:
            return named(term) if term.op == "window" else None

        sides = [rewrite((q.outputs, q.qualify), change) for q in (a, b)]
        a, b = (
            replace(q, outputs=outputs, qualify=qualify)
            for q, (outputs, qualify) in zip((a, b), sides, strict=True)
        )
        return a, b


def _same_text(a: Select, b: Select) -> bool:
    """Equality that needs no solver: the same parts, conditions and keys in any order."""
    sets = all(
        set(getattr(a, part)) == set(getattr(b, part))
        for part in ("where", "having", "qualify", "left")
    )
    keys = a.keys is b.keys is None or set(a.keys or ()) == set(b.keys or ())
    outputs = tuple(t for _, t in a.outputs) == tuple(t for _, t in b.outputs)
    return sets and keys and outputs


def _subqueries(query: Select) -> list[Term]:
    parts = (query.where, query.outputs, query.having, query.qualify, [j.on for j in query.left])
    return [
        t
        for part in parts
        for term in terms_of(tuple(part))
        for t in subterms(term)
        if t.op in ("exists", "scalar", "in")
    ]


def _matched(source: Source) -> Term:
    return Term("matched", (), (source.number,), "bool")


def _asked(query: Select) -> bool:
    """Whether a query holds subqueries."""
    return any(t.op in ("exists", "scalar", "in") for o in terms_of(query) for t in subterms(o))


def _asks(condition: Term) -> bool:
    """Whether a condition holds a subquery."""
    return any(t.op in ("exists", "scalar", "in") for t in subterms(condition))
