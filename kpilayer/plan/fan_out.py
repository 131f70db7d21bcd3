"""Rows of the many side in a plan: tested by a SemiJoin, or counted once per group (P3, P6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from kpilayer import expr
from kpilayer.conditions import all_of
from kpilayer.formula.tree import Atom, Home
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
    pairs: list[exp.Expr] = [
        exp.EQ(this=expr.operand(a), expression=expr.operand(b)) for a, b in inner.on(root)
    ]
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
    source: Source, keys: tuple[Column, ...], values: Sequence[Column], reader: Reader
) -> tuple[Distinct, tuple[Column, ...], tuple[Column, ...]]:
    """Each row of the reader's model once per group, with ``values`` of the row (P3).

    Everything else about a row is decided by its primary key, so the different rows of groups and
    key are the rows to be counted. Keys and values come back as they are read from these.
    """
    alias = f"{reader.model}_once"
    own = {column: column.name for column in values if expr.columns(column.value)}
    taken = {column.name for column in keys}
    own = {column: _free(name, taken) for column, name in own.items()}
    known = {column.value for column in own}
    identity = [
        Column(_free(name, taken), part)
        for name, part in primary_key(reader).items()
        if part not in known
    ]
    needed = (Column(name, column.value) for column, name in own.items())

    def read(column: Column) -> Column:
        name = own.get(column, column.name)
        return Column(column.name, exp.column(name, table=alias))

    rows = Distinct(source, alias, (*keys, *identity, *needed))
    return rows, tuple(map(read, keys)), tuple(read(c) if c in own else c for c in values)


def primary_key(reader: Reader) -> dict[str, exp.Expr]:
    """What tells the rows of the reader's model apart, each part by a name."""
    model = reader.graph.catalog.models[reader.model]
    primary = next(entity for entity in model.entities if entity.type == "primary")
    parts = enumerate(model.key(primary), start=1)
    name = f"{primary.name}_key"
    return {name if n == 1 else f"{name}_{n}": reader.sql(part, ()) for n, part in parts}


def measured_once(
    source: Source, keys: tuple[Column, ...], measures: tuple[Measure, ...], reader: Reader
) -> tuple[Distinct, tuple[Column, ...], tuple[Measure, ...]]:
    """Each row once per group, with what the measures need: their values and conditions."""
    needed: list[Column] = []
    for measure in measures:
        needed.append(Column(measure.name, measure.value))
        if measure.condition is not None:
            needed.append(Column(f"{measure.name}_applies", measure.condition))
    rows, keys, values = once_per_group(source, keys, needed, reader)
    found = iter(values)
    moved = (
        replace(
            measure,
            value=next(found).value,
            condition=None if measure.condition is None else next(found).value,
        )
        for measure in measures
    )
    return rows, keys, tuple(moved)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"{name}_"
    taken.add(name)
    return name
