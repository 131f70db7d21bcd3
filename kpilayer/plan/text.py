"""A plan as an indented text, one line a node, for `compile --stage plan`."""

from __future__ import annotations

from collections.abc import Iterator

from kpilayer.plan.nodes import (
    Aggregate,
    Combine,
    Derived,
    Distinct,
    Filter,
    Join,
    Levels,
    Match,
    Measure,
    Node,
    Plan,
    Project,
    Read,
    Scan,
    SemiJoin,
    Sort,
    Spine,
    inputs,
)


def to_text(plan: Plan) -> str:
    """The plan, outermost node first, with SQL models at the end."""
    lines = list(_lines(plan.root, 0))
    for shown in plan.visible or ():
        lines.append(f"Visible {shown.name}: what the role sees of {shown.model}")
        lines += _lines(shown.source, 1)
    for subquery in plan.subqueries:
        lines.append(f"SQL model {subquery.query} as {subquery.name}")
    return "\n".join(lines)


def _lines(node: Node, depth: int) -> Iterator[str]:
    yield "  " * depth + _line(node)
    for inner in _inputs(node):
        yield from _lines(inner, depth + 1)


def _line(node: Node) -> str:
    match node:
        case Read():
            return f"Read {node.group.name}"
        case Match():
            kind = "every row, matched" if node.keeps_left else "matches"
            on = "any" if node.on is None else node.on.sql()
            return f"Match {node.right.alias}, {kind} on {on}"
        case Derived():
            columns = ", ".join(f"{c.name} = {c.value.sql()}" for c in node.columns)
            return f"Derived {node.name}: {columns}"
        case Spine():
            return (
                f"Spine {node.name}: each {node.grain} from {node.first.sql()} to {node.last.sql()}"
            )
        case Scan():
            return f"Scan {node.relation.key} as {node.alias}"
        case Join():
            keys = " AND ".join(f"{left.sql()} = {right.sql()}" for left, right in node.on)
            valid = "" if node.valid is None else f", valid where {node.valid.sql()}"
            how = "many" if node.repeats else "unique"
            return f"Join {node.right.relation.key} as {node.right.alias} on {how} {keys}{valid}"
        case SemiJoin():
            how = "none" if node.none else "some"
            how += " or nothing" if node.keeps_unmatched else ""
            on, condition = node.on.sql(), node.condition.sql()
            return f"SemiJoin {how} where {on}: {condition}"
        case Distinct():
            each = ", ".join(f"{c.name} = {c.value.sql()}" for c in node.columns)
            return f"Distinct {node.alias}: {each}"
        case Filter():
            return f"Filter {node.condition.sql()}"
        case Aggregate():
            keys = ", ".join(f"{k.name} = {k.value.sql()}" for k in node.keys) or "nothing"
            measures = "; ".join(_measure(m) for m in node.measures)
            return f"Aggregate {node.name} by {keys}: {measures}"
        case Combine():
            return f"Combine {len(node.branches)} branches as {node.name}"
        case Levels():
            return f"Levels {node.name}: {len(node.arms)} under each other"
        case Project():
            return "Project " + ", ".join(f"{c.name} = {c.value.sql()}" for c in node.columns)
        case Sort():
            by = ", ".join(f"{name} desc" if down else name for name, down in node.by) or "nothing"
            return f"Sort by {by}" + ("" if node.limit is None else f", first {node.limit}")


def _measure(measure: Measure) -> str:
    where = f" where {measure.condition.sql()}" if measure.condition is not None else ""
    return f"{measure.name} = {measure.agg}({measure.value.sql()}){where}"


def _inputs(node: Node) -> tuple[Node, ...]:
    return (node.left,) if isinstance(node, Join) else inputs(node)
