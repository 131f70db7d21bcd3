"""The rows of one model for a plan: its scan, the joins that its columns need, and conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlglot import exp

from kpilayer import expr
from kpilayer.columns import resolver, time_column
from kpilayer.conditions import all_of, between, bind_condition, moment
from kpilayer.formula import Atom, Home
from kpilayer.join_graph import JoinGraph, Reached, Step
from kpilayer.plan.naming import scan_alias
from kpilayer.plan.nodes import Filter, Join, Scan, Source
from kpilayer.plan.ranges import Range

Change = Callable[[exp.Expr], exp.Expr]


@dataclass(slots=True)
class Reader:
    """Collects the joins that the columns of one scan need."""

    model: str
    graph: JoinGraph
    paths: dict[tuple[Step, ...], None] = field(default_factory=dict)

    def value(self, reached: Reached) -> exp.Expr:
        """The SQL of a column, qualified by the alias of its scan."""
        for length in range(1, len(reached.path) + 1):
            self.paths.setdefault(reached.path[:length])
        return self.at(reached.element.sql, reached.path)

    def value_of(self, atom: Atom) -> exp.Expr:
        """The value of an atom's row; names of other models in it are joined."""
        if not atom.reaches:
            return self.sql(atom.value, ())
        resolve = resolver(self.graph, atom.model, atom.time)
        tree = self.graph.catalog.snippet(atom.value).tree

        def column(name: str) -> exp.Expr:
            if name not in atom.reaches:
                return exp.column(exp.to_identifier(name, quoted=True), table=self.alias(()))
            return self.value(resolve(name).reached)

        return expr.replace_names(tree, column)

    def at(self, text: str, path: tuple[Step, ...]) -> exp.Expr:
        """A snippet over the model at the end of a path; NULL where the path leads to no row.

        A constant or `COALESCE(country, '?')` belongs to a row: it is no value of a missing one.
        """
        value = self.sql(text, path)
        if not path or expr.is_null_of_nulls(value):
            return value
        step = path[-1]
        key = self.sql(step.key.sql, path)
        found: exp.Expr = exp.Not(this=exp.Is(this=key, expression=exp.Null()))
        if not expr.is_null_of_nulls(key):
            found = exp.EQ(this=self.at(step.entity.sql, path[:-1]), expression=key)
        return exp.Case(ifs=[exp.If(this=found, true=value)])

    def sql(self, text: str, path: tuple[Step, ...]) -> exp.Expr:
        """A snippet over the model at the end of a path."""
        return qualified(self.graph.catalog.snippet(text).tree, self.alias(path))

    def alias(self, path: tuple[Step, ...]) -> str:
        """The name of the scan at the end of a path."""
        return scan_alias(self.graph, self.model, path)


def groupable(tree: exp.Expr) -> exp.Expr:
    """A constant as a key must not read as the position of a column."""
    if tree.find(exp.Column) is not None:
        return tree
    return exp.Case(ifs=[exp.If(this=exp.true(), true=tree)])


def bound_to(
    tree: exp.Expr, home: Home, reader: Reader, change: Change = lambda value: value
) -> exp.Expr:
    """A condition over the columns of a scan, each column changed."""
    resolve = resolver(reader.graph, *home)
    return bind_condition(tree, resolve, lambda column: change(reader.value(column.reached)))


def in_range(
    span: Range, home: Home, reader: Reader, change: Change = lambda value: value
) -> list[exp.Expr]:
    """The conditions that a range of time is, on the raw time column, changed."""
    return within(span, change(time_of(reader, home)))


def time_of(reader: Reader, home: Home) -> exp.Expr:
    """The raw time column of an atom's rows."""
    reached = time_column(reader.graph, *home)
    assert isinstance(reached, Reached), "checked when the query was bound"
    return reader.value(reached)


def within(span: Range, value: exp.Expr) -> list[exp.Expr]:
    """The conditions that a range of time is on a value."""
    lower = moment(span.lower, True) if span.lower else None
    upper = moment(span.upper, True) if span.upper else None
    if span.upper_is_inclusive and upper is not None:
        parts = [between(value, lower, None), exp.LTE(this=value.copy(), expression=upper)]
        return [p for p in parts if p is not None]
    condition = between(value, lower, upper)
    return list(expr.conjuncts(condition)) if condition is not None else []


def joined(reader: Reader) -> Source:
    """The scan of the model with every join that its columns need, the nearest first."""
    catalog = reader.graph.catalog
    source: Source = Scan(catalog.relation(reader.model), reader.alias(()))
    for path in sorted(reader.paths, key=lambda p: (len(p), reader.alias(p))):
        step = path[-1]
        source = Join(
            source,
            Scan(catalog.relation(step.right), reader.alias(path)),
            left_key=reader.at(step.entity.sql, path[:-1]),
            right_key=reader.sql(step.key.sql, path),
            right_key_is_unique=step.key.is_unique,
        )
    return source


def filtered(source: Source, conditions: list[exp.Expr]) -> Source:
    """The rows that meet every condition, each condition once."""
    unique = list(dict.fromkeys(c for whole in conditions for c in expr.conjuncts(whole)))
    condition = all_of(unique)
    return Filter(source, condition) if condition is not None else source


def qualified(tree: exp.Expr, table: str) -> exp.Expr:
    """A copy of a snippet whose columns carry the alias of their scan."""
    copy = tree.unnest().copy()
    for column in expr.columns(copy):
        column.set("table", exp.to_identifier(table, quoted=False))
    return copy
