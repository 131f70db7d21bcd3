"""Definitions with their names resolved: what refers to what, where it stands, and its parsed SQL.

``resolve`` reports every unknown name, cycle and unreadable snippet; a catalog is made all the
same, without the definitions that cannot be used, so that later checks still see the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from sqlglot import exp
from sqlglot.errors import SqlglotError

from kpilayer import expr
from kpilayer.errors import Issue, Location, did_you_mean, listing
from kpilayer.model.definitions import Definitions, Kind, SqlModel, Steps
from kpilayer.model.metric import DerivedMetric, InputMetric, Metric, SimpleMetric
from kpilayer.model.semantic_model import Model

REF: Final = "__ref"
SOURCE: Final = "__source"


@dataclass(frozen=True, slots=True)
class Relation:
    """Where a model's rows are: a table, files, or a SQL model.

    ``parts`` of a table are database, schema and name as far as given; the target's schema is
    added when SQL is made. ``key`` names the relation in kpilayer.lock and in fingerprints.
    """

    kind: Literal["table", "file", "query"]
    parts: tuple[str, ...] = ()
    path: str = ""
    query: str = ""

    @property
    def key(self) -> str:
        """The text that names it."""
        match self.kind:
            case "table":
                return ".".join(json.dumps(p) if {'"', "."} & set(p) else p for p in self.parts)
            case "file":
                return self.path
        return f"{self.query} (sql)"


@dataclass(frozen=True)
class Catalog:
    """Resolved definitions. Trees inside are shared: copy before embedding."""

    definitions: Definitions
    models: Mapping[str, Model]
    metrics: Mapping[str, Metric]
    queries: Mapping[str, exp.Query] = field(compare=False)
    """SQL models by name, parsed; `ref` and `source` still stand in them as `__ref.x`."""

    @property
    def dialect(self) -> str:
        """The dialect in which snippets are written."""
        return self.definitions.config.dialect

    def snippet(self, text: str) -> expr.Snippet:
        """A parsed snippet, from memory if it was seen before."""
        return expr.parse(text, self.dialect)

    def relation(self, model: str) -> Relation:
        """Where the rows of a model, or of a name that `ref` uses, are."""
        definition = self.models.get(model)
        if definition is not None and definition.relation:
            return Relation("table", parts=tuple(split_relation(definition.relation, self.dialect)))
        if definition is not None and definition.path:
            return Relation("file", path=definition.path)
        if model in self.queries:
            return Relation("query", query=model)
        return Relation("table", parts=(model,))

    def query_reads(self, query: str) -> dict[str, Relation]:
        """What each `ref` of a SQL model stands for; a ref to itself is the table of that name."""
        names = dict.fromkeys(
            table.name.lower()
            for table in self.queries[query].find_all(exp.Table)
            if table.db == REF
        )
        return {
            name: Relation("table", parts=(name,)) if name == query else self.relation(name)
            for name in names
        }

    @cached_property
    def dependents(self) -> Mapping[str, tuple[str, ...]]:
        """For each metric, those that read it directly."""
        found: dict[str, list[str]] = {name: [] for name in self.metrics}
        for metric in self.metrics.values():
            for used in dict.fromkeys(i.name for i in metric.inputs):
                found[used].append(metric.name)
        return {name: tuple(users) for name, users in found.items()}

    def time_dimension(self, metric: SimpleMetric) -> str | None:
        """The name of the time dimension that is `metric_time` for a simple metric."""
        if metric.agg_time_dimension:
            return metric.agg_time_dimension
        model = self.models.get(metric.model or "")
        return model.agg_time_dimension if model else None


def split_relation(text: str, dialect: str) -> list[str]:
    """The parts of a relation's name, without quotes; none where it is not a name.

    Case counts in quotes only, as in SQL: other parts are in lower case.

    >>> split_relation('Analytics."Order Lines"', "duckdb")
    ['analytics', 'Order Lines']
    """
    try:
        table = exp.maybe_parse(text, into=exp.Table, dialect=dialect)
    except (SqlglotError, RecursionError):
        return []
    is_name = all(isinstance(part, exp.Identifier) for part in table.parts) and not table.alias
    if not is_name:
        return []
    return [part.name if part.args.get("quoted") else part.name.lower() for part in table.parts]


def resolve(definitions: Definitions) -> tuple[Catalog, list[Issue]]:
    """The catalog of a project's definitions, and everything in them that does not resolve."""
    issues: list[Issue] = []
    models = {m.name: m for m in definitions.models}
    metrics = {m.name: m for m in definitions.metrics}
    queries = dict(_queries(definitions, issues))
    for model in definitions.models:
        issues += _model_issues(definitions, model)
    whole = {name for name in metrics if ("metric", name) not in definitions.broken}
    for metric in definitions.metrics:
        problems = _metric_issues(definitions, metric, models, metrics)
        home = metric.model if isinstance(metric, SimpleMetric) else None
        if any(p.severity == "error" for p in problems) or not (home is None or home in models):
            whole.discard(metric.name)
        issues += problems
    issues += _cycles(definitions, metrics, whole)
    issues += _query_cycles(definitions, queries)
    usable = _usable(metrics, whole)
    return Catalog(
        definitions, models, {n: metrics[n] for n in metrics if n in usable}, queries
    ), issues


def snippet_issues(
    definitions: Definitions, kind: Kind, name: str, steps: Steps, text: str
) -> Iterator[Issue]:
    """What is wrong with a snippet of a definition, at its place in the file."""
    for problem in expr.parse(text, definitions.config.dialect).problems:
        word = text[problem.offset : problem.offset + problem.length]
        place = definitions.within(kind, name, steps, problem.offset, problem.length, word)
        yield Issue(problem.code, problem.message, place, problem.hint, problem.severity)


# ------------------------------------------------------------------------------------------- models


def _model_issues(definitions: Definitions, model: Model) -> Iterator[Issue]:
    def issue(code: str, message: str, *steps: str | int, hint: str | None = None) -> Issue:
        return Issue(code, message, definitions.at("model", model.name, *steps), hint)

    yield from _source_issues(definitions, model)
    yield from _repeated_names(definitions, model)
    primary = [e for e in model.entities if e.type == "primary"]
    if len(primary) > 1:
        names = listing([e.name for e in primary])
        message = f"model `{model.name}` has several primary entities: {names}"
        yield issue("bad-value", message, hint="declare all but one as `unique`")
    if primary and model.primary_entity:
        message = f"model `{model.name}` has both `primary_entity` and primary entity "
        message += f"`{primary[0].name}`"
        yield issue("bad-value", message, "primary_entity", hint="keep one of them")
    if model.dimensions and not model.own_names:
        message = f"model `{model.name}` has dimensions, but no primary or unique entity to name "
        message += "them by"
        hint = "declare its key as an entity, or set `primary_entity`"
        yield issue("missing-field", message, "name", hint=hint)
    natural = next((e for e in model.entities if e.type == "natural"), None)
    if natural is not None:
        message = f"entity `{natural.name}`: natural entities are not supported yet"
        yield issue("not-supported-yet", message)
    yield from _time_issues(definitions, model, model.agg_time_dimension, "model", model.name)
    for index, entity in enumerate(model.derived_semantics.entities):
        if entity.expr:
            steps = ("derived_semantics", "entities", index, "expr")
            yield from snippet_issues(definitions, "model", model.name, steps, entity.expr)
    for index, dimension in enumerate(model.derived_semantics.dimensions):
        if dimension.expr:
            steps = ("derived_semantics", "dimensions", index, "expr")
            yield from snippet_issues(definitions, "model", model.name, steps, dimension.expr)


def _source_issues(definitions: Definitions, model: Model) -> Iterator[Issue]:
    """A relation is a name of at most three parts, and the only thing that says where rows are."""
    place = definitions.at("model", model.name, "relation" if model.relation else "path")
    if model.relation is not None:
        parts = split_relation(model.relation, definitions.config.dialect)
        if not 1 <= len(parts) <= 3 or not all(parts):
            message = f"`{model.relation}` is not the name of a table: `schema.table` is expected"
            yield Issue("bad-value", message, place)
    query = definitions.queries.get(model.name)
    if query is not None and (model.relation or model.path):
        message = f"model `{model.name}` has a `{'relation' if model.relation else 'path'}`, and "
        message += f"there is a SQL model of its name, {query.path}"
        yield Issue("bad-value", message, place, "keep one of the two")


def _repeated_names(definitions: Definitions, model: Model) -> Iterator[Issue]:
    for kind, names in (
        ("entities", [e.name for e in model.entities]),
        ("dimensions", [d.name for d in model.dimensions]),
    ):
        for name in dict.fromkeys(n for n in names if names.count(n) > 1):
            message = f"model `{model.name}` has two {kind} named `{name}`"
            place = definitions.at("model", model.name, "name")
            yield Issue("duplicate-name", message, place)


def _time_issues(
    definitions: Definitions, model: Model, time: str | None, kind: Kind, name: str
) -> Iterator[Issue]:
    """A time dimension must exist and be one; a path to another model is checked when bound."""
    if time is None or "__" in time:
        return
    dimension = model.dimension(time)
    place = definitions.at(kind, name, "agg_time_dimension")
    times = [d.name for d in model.dimensions if d.type == "time"]
    if dimension is None:
        hint = did_you_mean(time, times) or (
            f"time dimensions: {listing(times)}" if times else None
        )
        message = f"model `{model.name}` has no dimension `{time}`"
        yield Issue("unknown-dimension", message, place, hint)
    elif dimension.type != "time":
        message = f"dimension `{time}` of model `{model.name}` is not a time dimension"
        yield Issue("bad-value", message, place, did_you_mean(time, times))


# ------------------------------------------------------------------------------------------ metrics


def _metric_issues(
    definitions: Definitions,
    metric: Metric,
    models: Mapping[str, Model],
    metrics: Mapping[str, Metric],
) -> list[Issue]:
    issues: list[Issue] = []

    def check(text: str, *steps: str | int) -> None:
        issues.extend(snippet_issues(definitions, "metric", metric.name, steps, text))

    for index, condition in enumerate(metric.filter):
        check(condition, "filter", index)
    for place, used in input_places(metric):
        for index, condition in enumerate(used.filter):
            check(condition, *place, "filter", index)
        if used.name not in metrics and not definitions.may_exist("metric", used.name):
            where = definitions.at("metric", metric.name, *place, "name")
            message = f"there is no metric `{used.name}`"
            issues.append(Issue("unknown-metric", message, where, did_you_mean(used.name, metrics)))
    issues += _input_clashes(definitions, metric)
    if isinstance(metric, DerivedMetric):
        check(metric.expr, "expr")
        issues += _unknown_inputs(definitions, metric)
    if isinstance(metric, SimpleMetric) and metric.model is not None:
        if metric.expr is not None:
            check(metric.expr, "expr")
        issues += _home_issues(definitions, metric, models)
    return issues


def input_places(metric: Metric) -> Iterator[tuple[Steps, InputMetric]]:
    """Each input of a metric with the path of keys to it."""
    match metric.type:
        case "simple":
            keys: list[Steps] = [("input_metric",)] if metric.inputs else []
        case "ratio":
            keys = [("numerator",), ("denominator",)]
        case "derived":
            keys = [("input_metrics", index) for index in range(len(metric.inputs))]
    yield from zip(keys, metric.inputs, strict=True)


def _input_clashes(definitions: Definitions, metric: Metric) -> Iterator[Issue]:
    """Two inputs known by one name would be one column in the expression."""
    if not isinstance(metric, DerivedMetric):
        return
    seen: set[str] = set()
    for place, used in input_places(metric):
        if used.known_as in seen:
            message = f"two inputs of `{metric.name}` are known as `{used.known_as}`"
            where = definitions.at("metric", metric.name, *place)
            yield Issue("duplicate-name", message, where, "give one of them an `alias`")
        seen.add(used.known_as)


def _unknown_inputs(definitions: Definitions, metric: DerivedMetric) -> Iterator[Issue]:
    known = {i.known_as for i in metric.inputs}
    for name in expr.parse(metric.expr, definitions.config.dialect).names:
        if name.name.lower() not in known:
            place = definitions.within(
                "metric", metric.name, ("expr",), name.offset, name.length, name.name
            )
            hint = did_you_mean(name.name, known) or f"inputs: {listing(list(known))}"
            message = f"`{name.name}` is not an input of `{metric.name}`"
            yield Issue("unknown-input", message, place, hint)


def _home_issues(
    definitions: Definitions, metric: SimpleMetric, models: Mapping[str, Model]
) -> Iterator[Issue]:
    assert metric.model is not None, "a simple metric that is no variant has a model"
    model = models.get(metric.model)
    if model is not None:
        yield from _time_issues(
            definitions, model, metric.agg_time_dimension, "metric", metric.name
        )
    elif not definitions.may_exist("model", metric.model):
        message = f"there is no semantic model `{metric.model}`"
        place = definitions.at("metric", metric.name, "model")
        yield Issue("unknown-model", message, place, did_you_mean(metric.model, models))


def _cycles(
    definitions: Definitions, metrics: Mapping[str, Metric], whole: set[str]
) -> Iterator[Issue]:
    """One issue for each circle of metrics; its members stop being usable."""
    edges = {name: [i.name for i in m.inputs if i.name in metrics] for name, m in metrics.items()}
    for circle in circles(edges):
        whole -= set(circle)
        path = " → ".join(f"`{n}`" for n in (*circle, circle[0]))
        place = definitions.at("metric", circle[0], "name")
        yield Issue("cycle", f"metrics are computed from each other: {path}", place)


def circles(edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Each circle of a graph once, in the order in which a walk from the first name meets them."""
    done: set[str] = set()
    found: list[list[str]] = []
    for start in edges:
        trail: list[str] = []
        stack: list[Iterator[str]] = [iter((start,))]
        while stack:
            name = next(stack[-1], None)
            if name is None:
                stack.pop()
                if trail:
                    done.add(trail.pop())
            elif name in trail:
                found.append(trail[trail.index(name) :])
            elif name not in done:
                trail.append(name)
                stack.append(iter(edges.get(name, ())))
    return found


def _usable(metrics: Mapping[str, Metric], whole: set[str]) -> set[str]:
    """Metrics that are whole, and so is everything below them."""
    usable = set(whole)
    changed = True
    while changed:
        lost = {n for n in usable if any(i.name not in usable for i in metrics[n].inputs)}
        usable -= lost
        changed = bool(lost)
    return usable


# --------------------------------------------------------------------------------------- SQL models


def _queries(definitions: Definitions, issues: list[Issue]) -> Iterator[tuple[str, exp.Query]]:
    for name, model in definitions.queries.items():
        tree, problem = expr.parse_query(model.sql, definitions.config.dialect)
        if tree is not None:
            tree = _sources_as_tables(tree)
            yield name, tree
        if problem is not None:
            issues.append(_query_issue(model, problem))


def _query_issue(model: SqlModel, problem: expr.Problem) -> Issue:
    before = model.sql[: problem.offset]
    line = before.count("\n") + 1
    column = problem.offset - (before.rfind("\n") + 1) + 1
    return Issue(
        problem.code, problem.message, model.at(line, column, problem.length), problem.hint
    )


def _sources_as_tables(tree: exp.Query) -> exp.Query:
    """`source('raw', 'orders')` is the table `raw.orders`."""
    for table in list(tree.find_all(exp.Table)):
        if table.catalog == SOURCE:
            table.set("catalog", None)
    return tree


def _query_cycles(definitions: Definitions, queries: dict[str, exp.Query]) -> Iterator[Issue]:
    edges = {
        name: [
            t.name.lower()
            for t in tree.find_all(exp.Table)
            if t.db == REF and t.name.lower() in queries and t.name.lower() != name
        ]
        for name, tree in queries.items()
    }
    for circle in circles(edges):
        path = " → ".join(f"`{n}`" for n in (*circle, circle[0]))
        place = Location(definitions.queries[circle[0]].path)
        yield Issue("cycle", f"SQL models read each other: {path}", place)
