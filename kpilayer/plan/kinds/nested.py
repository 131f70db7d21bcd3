"""Metrics of metrics: values per entity, then over them; and inputs with fewer group-bys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from kpilayer.formula.tree import Formula, Shaped
from kpilayer.model.semantic_model import Entity
from kpilayer.plan.keys import group_by, keeps, keyed
from kpilayer.plan.nodes import Aggregate, Column, Derived, Group, Measure, Read
from kpilayer.plan.rows import filtered
from kpilayer.plan.scope import Builder, Scope, named


def build(
    builder: Builder, leaves: Sequence[Formula], columns: Mapping[Formula, str], scope: Scope
) -> Aggregate:
    """One row per group of the values that the inputs have per entity, period or dimension.

    A value without an entity drops out.
    """
    shaped = [leaf for leaf in leaves if isinstance(leaf, Shaped)]
    rule = shaped[0]
    homes = tuple(dict.fromkeys(h for leaf in shaped for h in keyed(leaf.inputs[0][1])))
    named_here = {k.name: k for k in (group_by(builder.graph, n, homes) for _, _, n in rule.names)}
    per = [k for name, k in named_here.items() if name not in [g.name for g in scope.keys]]
    inner = replace(scope, keys=(*scope.keys, *per))
    trees = [(inner.apart(f"{columns[leaf]}_value"), leaf.inputs[0][1]) for leaf in shaped]
    framed = builder.frame(builder, trees, inner)
    values = Derived(
        builder.name(f"{framed.group.name}_values"),
        Read(framed.group),
        (
            *(Column(k.name, exp.column(k.name, table=framed.group.name)) for k in inner.keys),
            *(Column(name, framed.values[tree]) for name, tree in trees),
        ),
        tuple(k.name for k in inner.keys),
    )

    def column(name: str) -> exp.Expr:
        return exp.column(name, table=values.name)

    entities: list[exp.Expr] = [
        exp.Not(this=exp.Is(this=column(k.name), expression=exp.Null()))
        for k in inner.keys
        if k.name in named_here and isinstance(k.at[0][1].reached.element, Entity)
    ]
    settings = dict(rule.settings)
    measures = tuple(
        Measure(
            columns[leaf],
            settings["agg"],
            column(name),
            percentile=float(settings["percentile"]) if "percentile" in settings else None,
            discrete=settings.get("percentile_type", "").endswith("discrete"),
            needs_rows=not scope.keys and settings["agg"] in ("count", "sum_boolean"),
        )
        for leaf, (name, _) in zip(shaped, trees, strict=True)
    )
    keys = tuple(Column(k.name, column(k.name)) for k in scope.keys)
    name = builder.name(f"{values.name}_overall")
    return Aggregate(name, filtered(Read(values), entities), keys, measures)


def regrouped(builder: Builder, leaf: Formula, column: str, scope: Scope) -> Group:
    """An input by those of the question's group-bys that it keeps."""
    assert isinstance(leaf, Shaped), "only a rule keeps group-bys"
    own_grains = builder.graph.catalog.calendar.own_grains
    kept = tuple(k for k in scope.keys if keeps(leaf, k.asked, own_grains))
    tree = leaf.inputs[0][1]
    without = scope.without
    if without is not None and not keeps(leaf, without[0].asked, own_grains):
        without = None  # the whole holds every member
    inner = replace(scope, keys=kept, without=without)
    framed = builder.frame(builder, [(column, tree)], inner)
    return named(builder, framed.group, inner, [(column, tree)], framed.values)
