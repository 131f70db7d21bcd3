"""A plan as an indented text, one line a node, for `compile --stage plan`."""

from __future__ import annotations

from collections.abc import Iterator

from kpilayer.plan.nodes import (
    Aggregate,
    Combine,
    Filter,
    Join,
    Measure,
    Node,
    Plan,
    Project,
    Scan,
    Sort,
)


def to_text(plan: Plan) -> str:
    """The plan, outermost node first, with SQL models at the end."""
    lines = list(_lines(plan.root, 0))
    for subquery in plan.subqueries:
        lines.append(f"SQL model {subquery.query} as {subquery.name}")
    return "\n".join(lines)


def _lines(node: Node, depth: int) -> Iterator[str]:
    yield "  " * depth + _line(node)
    for inner in _inputs(node):
        yield from _lines(inner, depth + 1)


def _line(node: Node) -> str:
    match node:
        case Scan():
            return f"Scan {node.relation.key} as {node.alias}"
        case Join():
            keys = f"{node.left_key.sql()} = {node.right_key.sql()}"
            return f"Join {node.right.relation.key} as {node.right.alias} on unique {keys}"
        case Filter():
            return f"Filter {node.condition.sql()}"
        case Aggregate():
            keys = ", ".join(f"{k.name} = {k.value.sql()}" for k in node.keys) or "nothing"
            measures = "; ".join(_measure(m) for m in node.measures)
            return f"Aggregate {node.name} by {keys}: {measures}"
        case Combine():
            return f"Combine {len(node.branches)} branches as {node.name}"
        case Project():
            return "Project " + ", ".join(f"{c.name} = {c.value.sql()}" for c in node.columns)
        case Sort():
            by = ", ".join(f"{name} desc" if down else name for name, down in node.by) or "nothing"
            return f"Sort by {by}" + ("" if node.limit is None else f", first {node.limit}")


def _measure(measure: Measure) -> str:
    where = f" where {measure.condition.sql()}" if measure.condition is not None else ""
    return f"{measure.name} = {measure.agg}({measure.value.sql()}){where}"


def _inputs(node: Node) -> tuple[Node, ...]:
    match node:
        case Scan():
            return ()
        case Join():
            return (node.left,)
        case Combine():
            return node.branches
        case _:
            return (node.input,)
