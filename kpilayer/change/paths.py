"""Group-bys that lead elsewhere, though nobody wrote so: a new entity makes another path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kpilayer.change.edits import Edit
from kpilayer.errors import Location
from kpilayer.join_graph import JoinGraph
from kpilayer.plan.bind import bind
from kpilayer.plan.query import Query
from kpilayer.selection.versions import Side

_Asked = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]


def rerouted(base: Side, head: Side) -> Iterator[Edit]:
    """Of saved queries and views on both sides: group-bys of both, by another path than before."""
    for kind, field in (("saved_query", "query_params.group_by"), ("view", "dimensions")):
        before, after = _asked(base, kind), _asked(head, kind)
        for name in sorted(before.keys() & after.keys()):
            metrics, group_by = (
                tuple(one for one in old if one in new)
                for old, new in zip(before[name], after[name], strict=True)
            )
            was = _routes(base.identity.graph, metrics, group_by)
            now = _routes(head.identity.graph, metrics, group_by)
            for key in was.keys() & now.keys():
                if was[key] != now[key]:
                    old, new = (_place(side, kind, name) for side in (base, head))
                    yield Edit(
                        (kind, name),
                        f"{field}.{key}",
                        "path",
                        was[key],
                        now[key],
                        old,
                        new,
                        meant=f"{was[key]} {now[key]}",
                    )


def _asked(side: Side, kind: str) -> _Asked:
    """The metrics and group-bys of each, by name."""
    definitions = side.catalog.definitions
    if kind == "view":
        return {v.name: (v.metrics, tuple(d.name for d in v.dimensions)) for v in definitions.views}
    each = ((q.name, q.query_params) for q in definitions.saved_queries)
    return {name: (asked.metrics, asked.group_by) for name, asked in each}


def _routes(graph: JoinGraph, metrics: Iterable[str], group_by: tuple[str, ...]) -> dict[str, str]:
    """The models that each group-by passes, for each model where it begins: `orders, customers`."""
    known = tuple(name for name in metrics if graph.catalog.has_metric(name))
    bound, _ = bind(Query(known, group_by), graph) if known and group_by else (None, ())
    found: dict[str, str] = {}
    for key in bound.keys if bound is not None else ():
        for (model, _), column in key.at:
            steps = (f"{step.right} (by {step.via})" for step in column.reached.path)
            found[f"{key.asked} of {model}"] = ", ".join(steps) or model
    return found


def _place(side: Side, kind: str, name: str) -> Location | None:
    return side.catalog.definitions.at(kind, name, "name")  # type: ignore[arg-type]
