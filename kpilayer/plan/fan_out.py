"""Rows of the many side in a plan: tested by a SemiJoin, or counted once per group (P3, P6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from kpilayer import expr
from kpilayer.conditions import all_of
from kpilayer.formula import Atom, Home
from kpilayer.join_graph import Step
from kpilayer.plan.nodes import Column, Distinct, Join, Measure, Scan, SemiJoin, Source
from kpilayer.plan.overlap import Joined, roots
from kpilayer.plan.rows import Reader, bound_to, join, scan

Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """Conditions that one row at ``root``, or at the end of joins from there, meets together."""

    root: Path
    condition: exp.Expr
    inner: Reader
    none: bool


def tested(
    root: Path, trees: list[exp.Expr], home: Home, reader: Reader, *, none: bool = False
) -> Test:
    """Conditions over the many side, bound; what they need of the row itself goes to ``reader``."""
    inner = Reader(reader.model, reader.graph, reader.time, reader.metric_values)
    condition = all_of([bound_to(tree, home, inner) for tree in trees])
    assert condition is not None, "a test has a condition"
    inner.read(root)
    for path in (root[:-1], *inner.paths):
        if path[: len(root)] != root:
            reader.read(path)
    return Test(root, condition, inner, none)


def beside_tests(
    atom: Atom, conditions: Sequence[exp.Expr], grouped: Joined, reader: Reader
) -> tuple[list[exp.Expr], list[Test]]:
    """Conditions on the many side: over joined rows, and those tested by EXISTS, together."""
    home = (atom.model, atom.time)
    plain: list[exp.Expr] = []
    tests: list[Test] = []
    beyond: dict[Path, list[exp.Expr]] = {}
    for tree in conditions:
        root = next(iter(roots(reader.graph, atom, tree, grouped)), None)
        if root is None:
            plain += expr.conjuncts(bound_to(tree, home, reader))
        elif expr.is_none(tree):
            tests.append(tested(root, [tree.expressions[0]], home, reader, none=True))
        else:
            beyond.setdefault(root, []).append(tree)
    tests += [tested(root, trees, home, reader) for root, trees in beyond.items()]
    return plain, tests


def semi_joined(source: Source, test: Test) -> Source:
    """The rows of ``source`` that pass a test."""
    inner, root = test.inner, test.root
    match: Scan | Join = scan(inner.graph, root[-1].right, inner.alias(root))
    below = [p for p in inner.paths if len(p) > len(root) and p[: len(root)] == root]
    for path in sorted(below, key=len):
        match = join(match, path, inner)
    pairs: list[exp.Expr] = [exp.EQ(this=a, expression=b) for a, b in inner.on(root)]
    valid = inner.valid(root)
    on = all_of([*pairs, *([valid] if valid is not None else [])])
    assert on is not None, "a join has at least one pair"
    own = {inner.alias(path) for path in (root, *below)}
    rejects = test.none or any(
        _is_never_true_of_nulls(part, own) for part in expr.conjuncts(test.condition)
    )
    return SemiJoin(source, match, on, test.condition, keeps_unmatched=not rejects, none=test.none)


def _is_never_true_of_nulls(condition: exp.Expr, own: set[str]) -> bool:
    """Whether a condition is surely NULL where the row that it tests is all NULL."""
    holder = exp.Paren(this=condition.copy())
    for column in expr.columns(holder):
        if column.table not in own:
            column.replace(exp.Literal.number(1))
    return expr.is_null_of_nulls(holder.this)


def once_per_group(
    source: Source, keys: tuple[Column, ...], measures: tuple[Measure, ...], reader: Reader
) -> tuple[Distinct, tuple[Column, ...], tuple[Measure, ...]]:
    """Each row of the measures' model once per group, with what the measures need (P3).

    Everything else about a row is decided by its primary key, so the different rows of groups and
    key are the rows to be counted.
    """
    model = reader.graph.catalog.models[reader.model]
    primary = next(entity for entity in model.entities if entity.type == "primary")
    taken = {key.name for key in keys} | {measure.name for measure in measures}
    alias = f"{reader.model}_once"

    def free(name: str) -> str:
        while name in taken:
            name = f"{name}_"
        taken.add(name)
        return name

    columns = list(keys)
    for number, part in enumerate(model.key(primary), start=1):
        name = f"{primary.name}_key" if number == 1 else f"{primary.name}_key_{number}"
        columns.append(Column(free(name), reader.sql(part, ())))
    moved: list[Measure] = []
    for measure in measures:
        value, condition = measure.value, measure.condition
        if expr.columns(value):
            columns.append(Column(measure.name, value))
            value = exp.column(measure.name, table=alias)
        if condition is not None:
            name = free(f"{measure.name}_applies")
            columns.append(Column(name, condition))
            condition = exp.column(name, table=alias)
        moved.append(replace(measure, value=value, condition=condition))
    outer = tuple(Column(key.name, exp.column(key.name, table=alias)) for key in keys)
    return Distinct(source, alias, tuple(columns)), outer, tuple(moved)
