"""Groups beside each other and beside rows: which are the same, and how often each counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlglot import exp

from kpilayer.drift.levels import period_of
from kpilayer.drift.rows import LAST, Aggregate, Relation, aggregate_number, numbers_in
from kpilayer.drift.scope import Scope
from kpilayer.drift.spelling import is_literal, key, plain, unnumbered
from kpilayer.drift.windows import APART, IN_TOTAL, ago, both, moved_from, span, step_of


class Groups(Scope):
    """The groups that one SELECT reads, beside its rows."""

    def keys(self) -> tuple[exp.Expr, ...] | None:
        """What the SELECT groups by, or None."""
        raise NotImplementedError

    def one(self, value: exp.Expr) -> str:
        """A text of a value that is the same for all values that are equal in each row."""
        pairs = [(text_of_key(one), text_of_key(other)) for one, other in self.same]
        bare = value.unnest()
        found = [text_of_key(bare.this if isinstance(bare, exp.Coalesce) else bare)]
        for text in found:
            found += [o for pair in pairs if text in pair for o in pair if o not in found]
        return min(found)

    def equate(self, conditions: Iterable[exp.Expr]) -> None:
        """Keep which values conditions make equal."""
        for condition in conditions:
            if isinstance(condition, exp.EQ) and not numbers_in(condition):
                self.same.append((condition.this, condition.expression))

    def is_earlier(self, condition: exp.Expr) -> bool:
        """Whether groups are joined with those of an earlier period: then they are told so.

        `b.month = a.month - INTERVAL 1 YEAR` makes all values of `b` those of a year before.
        """
        sides = [condition.this, condition.expression] if isinstance(condition, exp.EQ) else []
        for one, other in (sides, sides[::-1]) if sides else ():
            base, count, unit = moved_from(other)
            if not count or unnumbered(key(one)) != unnumbered(key(base)) or not step_of(one):
                continue
            late, early = (base, one) if count < 0 else (one, base)
            of = [self._groups_by(k) for k in (early, late)]
            if of[0] is None or of[1] is None or of[0] is of[1] or not span(abs(count), unit):
                continue
            for number in {n for v in of[0].outputs.values() for n in numbers_in(v)}:
                made = self.reader.aggregates[number]
                rule = both(made.rule, ago(span(abs(count), unit)))
                self.reader.aggregates[number] = replace(made, rule=rule)
            self.same.append((early, late))
            return True
        return False

    def _groups_by(self, value: exp.Expr) -> Relation | None:
        """The groups that have a value as a key."""
        found = [g for g in self.grouped if key(value) in map(key, g.keys or ())]
        return found[0] if len(found) == 1 else None

    def is_one(self, relation: Relation) -> bool:
        """Whether a row has one of some groups at most: their keys equal something of the rows."""
        names = {source.name for source in self.sources}
        conditions = [*self.where, *self.beside.get(id(relation), ())]
        pairs = [(c.this, c.expression) for c in conditions if isinstance(c, exp.EQ)]
        found = {
            key(one)
            for pair in pairs
            for one, other in (pair, pair[::-1])
            if (of := {c.table for c in other.find_all(exp.Column)}) and of <= names
        }
        return all(key(k) in found for k in relation.keys or ())

    def of_one_group(self, value: exp.Expr) -> exp.Expr:
        """A value with a rule at aggregates that are of other groups than the first of them."""
        numbers = numbers_in(value)
        groups = [self._groups_of(self.reader.aggregates[n]) for n in numbers]
        most = max(groups, key=len, default=frozenset())

        def step(node: exp.Expr) -> exp.Expr:
            number = aggregate_number(node)
            if number is None or groups[numbers.index(number)] == most:
                return node
            made = self.reader.aggregates[number]
            return self.reader.add(
                replace(made, rule=both(made.rule, IN_TOTAL if not made.by else APART))
            )

        return value if len(set(groups)) < 2 else value.copy().transform(step)

    def _groups_of(self, made: Aggregate) -> frozenset[str]:
        """The keys of an aggregate's groups, but for those of which one value is asked for."""
        asked = {
            key(w.this) for w in made.where if isinstance(w, exp.EQ) and is_literal(w.expression)
        }
        groups = [k for k in made.by if not numbers_in(k) and not is_literal(k)]
        return frozenset(self.one(k) for k in groups if key(k) not in asked)

    def narrow(self, relation: Relation, condition: exp.Expr) -> None:
        """A condition on keys of groups, pushed into their aggregates."""
        tables = {column.table for column in condition.find_all(exp.Column)}
        for number in {n for v in relation.outputs.values() for n in numbers_in(v)}:
            made = self.reader.aggregates[number]
            if tables <= {s.name for s in made.sources}:
                where = (*made.where, condition)
                self.reader.aggregates[number] = replace(made, where=where)
        if relation.keys is not None and tables <= {s.name for s in relation.sources}:
            relation.where.append(condition)

    def narrow_outer(self, relation: Relation, on: Iterable[exp.Expr]) -> None:
        """Conditions of an outer join, but for equal keys: what does not meet them has no group."""
        numbers = {n for v in relation.outputs.values() for n in numbers_in(v)}
        own = {s.name for n in numbers for s in self.reader.aggregates[n].sources}
        rows = {s.name for s in self.sources}
        for condition in on:
            tables = {column.table for column in condition.find_all(exp.Column)}
            is_told = bool(numbers_in(condition))
            if not is_told and tables <= own:
                self.narrow(relation, condition)
            elif is_told or not (isinstance(condition, exp.EQ) or tables <= rows):
                for number in numbers:
                    made = self.reader.aggregates[number]
                    self.reader.aggregates[number] = replace(made, rule=both(made.rule, APART))

    def is_kept(self, number: int) -> bool:
        """Whether joins lose none of the groups of an aggregate, as far as anybody can say.

        Groups of one time are presumed to have others of that time.
        """
        of = [g for g in self.grouped if any(number in numbers_in(v) for v in g.outputs.values())]
        others = [g for g in self.grouped if g not in of and g.keys]
        losing = [
            o for o in others if of and (id(of[0]) in self.beside or id(o) not in self.beside)
        ]
        is_whole = bool(self.whole) and len(self.grouped) == len(self.whole) + 1
        return is_whole or all(any(map(step_of, o.keys or ())) for o in losing)

    def is_counted_once(self, made: Aggregate) -> bool:
        """Whether each group of an aggregate stands once among what is read."""
        asked = {
            key(w.this)
            for g in self.grouped
            for w in g.where
            if isinstance(w, exp.EQ) and is_literal(w.expression)
        }
        keys = [k for g in self.grouped for k in g.keys or () if key(k) not in asked]
        by = {self.one(k) for k in made.by}
        return not made.is_beside and all(self.one(k) in by for k in keys)

    def beside_of(self, made: Aggregate) -> list[exp.Expr]:
        """The conditions of an outer join with the groups of an aggregate."""
        for relation in self.grouped:
            numbers = {n for v in relation.outputs.values() for n in numbers_in(v)}
            if any(self.reader.aggregates[n] is made for n in numbers):
                return [c for c in self.beside.get(id(relation), ()) if self.sources]
        return []

    def in_terms_of(self, made: Aggregate, more: Iterable[exp.Expr]) -> Iterator[exp.Expr]:
        """Conditions with the keys of an aggregate's own groups in the place of their equals."""
        own = {self.one(k): k for k in made.by}
        names = {s.name for s in (*made.sources, *self.sources)}

        def step(node: exp.Expr) -> exp.Expr:
            of = {c.table for c in node.find_all(exp.Column)}
            found = own.get(self.one(node)) if of and not of <= names else None
            return node if found is None else found.copy()

        for condition in more:
            moved = condition.copy().transform(step)
            if not (isinstance(moved, exp.EQ) and key(moved.left) == key(moved.right)):
                yield moved

    def by_own(self, made: Aggregate) -> tuple[exp.Expr, ...]:
        """The keys of the SELECT's groups, where they equal those of an aggregate as its own."""
        own = {self.one(k): k for k in made.by}
        return tuple(own.get(self.one(k), k) for k in self.keys() or ())

    def of_last(self, condition: exp.Expr) -> exp.Expr | None:
        """`day = max(day)` of groups by a period of the same column: that it is the last day of it.

        The groups stand for nothing else then, and their keys are those of the rows.
        """
        sides = [condition.this, condition.expression] if isinstance(condition, exp.EQ) else []
        for time, other in (sides, sides[::-1]) if sides else ():
            number, tables = aggregate_number(other), {s.name: s.table for s in self.sources}
            if number is None or not isinstance(time, exp.Column) or time.table not in tables:
                continue
            made = self.reader.aggregates[number]
            value = exp.Null() if made.value is None else made.value
            period = period_of(made.by, value)
            of = [
                g for g in self.grouped if any(number in numbers_in(v) for v in g.outputs.values())
            ]
            is_plain = made.function == "max" and not (made.where or made.per or made.rule)
            is_own = [s.table for s in made.sources] == [tables[time.table]]
            if period is None or not (is_plain and is_own and of and value.name == time.name):
                continue
            self.grouped.remove(of[0])

            def step(node: exp.Expr, time: exp.Column = time, number: int = number) -> exp.Expr:
                is_time = isinstance(node, exp.Column) or aggregate_number(node) == number
                return time.copy() if is_time else node

            for name, value in of[0].outputs.items():
                of[0].outputs[name] = value.copy().transform(step)
            return exp.Anonymous(this=LAST, expressions=[time.copy(), exp.Literal.string(period)])
        return None


def text_of_key(value: exp.Expr) -> str:
    """The text of a key, without casts of what is cut to periods already."""
    bare = plain(value)
    while isinstance(bare, exp.Cast) and bare.this.find(exp.TimestampTrunc, exp.DateTrunc):
        bare = bare.this
    return key(bare)
