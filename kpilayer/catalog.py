"""Definitions with their names resolved: what refers to what, where it stands, and its parsed SQL.

``resolve`` reports every unknown name, cycle and unreadable snippet; a catalog is made all the
same, without the definitions that cannot be used, so that later checks still see the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Final

from sqlglot import exp

from kpilayer import snippets
from kpilayer.address import metric_column
from kpilayer.calendar import Calendar
from kpilayer.errors import Issue, Location, Problem, listing
from kpilayer.model.definitions import Definitions, Key, Place, SqlModel
from kpilayer.model.lock import Lock
from kpilayer.model.metric import Metric, SimpleMetric, SqlMetric
from kpilayer.model.semantic_model import ConformedDimension, Model
from kpilayer.model.time_spine import TimeSpine
from kpilayer.references import calendar_of, circles, metric_issues, metrics_read, model_issues
from kpilayer.relation import READERS, Relation, file_relation, split_relation
from kpilayer.versions import base, versions

MAX_LEVELS: Final = 50  # of metrics computed from metrics
MAX_PARTS: Final = 5_000  # of one metric's formula, written out down to aggregations

REF: Final = "__ref"
SOURCE: Final = "__source"
#: Under which a table of a SQL model keeps the source that it was.
SOURCE_META: Final = "source"
#: Under which a table of generated SQL keeps the relation that it is.
RELATION_META: Final = "relation"


@dataclass(frozen=True)
class Catalog:
    """Resolved definitions. Trees inside are shared: copy before embedding."""

    definitions: Definitions
    models: Mapping[str, Model]
    metrics: Mapping[str, Metric]
    queries: Mapping[str, exp.Query] = field(compare=False)
    """SQL models by name, parsed; `ref` and `source` still stand in them as `__ref.x`."""
    calendar: Calendar
    lock: Lock | None = field(default=None, compare=False)
    """The types of columns, where they are known."""
    timezone: str | None = None
    """The zone in which a question asks for instants."""
    versions: Mapping[str, Metric] = field(default_factory=dict)
    """Metrics by version, `revenue@1`, where a metric has former ones."""

    @property
    def dialect(self) -> str:
        """The dialect in which snippets are written."""
        return self.definitions.config.dialect

    @cached_property
    def conformed(self) -> Mapping[str, ConformedDimension]:
        """Conformed dimensions by name."""
        return {found.name: found for found in self.definitions.conformed_dimensions}

    def metric(self, name: str) -> Metric:
        """A metric, or a version of one, also by its column in results.

        Raises:
            KeyError: there is no usable one of this name.
        """
        return self.metrics.get(name) or self.versions.get(name) or self._by_column[name]

    def has_metric(self, name: str) -> bool:
        """Whether there is a usable metric, or version of one, of this name."""
        return name in self.metrics or name in self.versions or name in self._by_column

    @cached_property
    def _by_column(self) -> Mapping[str, Metric]:
        """Versions by their column in results, where no metric is called so."""
        columns = {metric_column(name): metric for name, metric in self.versions.items()}
        return {name: m for name, m in columns.items() if name not in self.metrics}

    @cached_property
    def definable(self) -> tuple[Metric, ...]:
        """Every metric, and every former version: what has a definition of its own."""
        former = (
            v for v in self.versions.values() if v.version != self.metrics[base(v.name)].version
        )
        return (*self.metrics.values(), *former)

    def snippet(self, text: str) -> snippets.Snippet:
        """A parsed snippet, from memory if it was seen before."""
        return snippets.parse(text, self.dialect)

    def relation(self, model: str) -> Relation:
        """Where the rows of a model, or of a name that `ref` uses, are."""
        definition = self.models.get(model)
        return self._ref(model) if definition is None else self._of(definition)

    def spine(self, name: str) -> TimeSpine:
        """The declared time spine of this name."""
        return next(spine for spine in self.definitions.time_spines if spine.name == name)

    def spine_relation(self, spine: TimeSpine) -> Relation:
        """Where the rows of a time spine are."""
        return self._of(spine)

    def _of(self, definition: Model | TimeSpine) -> Relation:
        """What a definition says of where its rows are; else what `ref` means by its name."""
        if definition.relation:
            return self._named(definition.relation, definition.ref or "")
        if definition.path:
            return Relation("file", path=definition.path, options=_options(definition))
        return self._ref(definition.ref or definition.name)

    def _named(self, text: str, ref: str) -> Relation:
        """What a relation's name says; `ref` and `source` in it stand for what they mean."""
        match split_relation(text, self.dialect):
            case [first, *names] if first == REF and names:
                return self._read(".".join(names).lower())
            case [first, source, table] if first == SOURCE:
                return self._source(source, table)
            case parts:
                return Relation("table", parts=tuple(parts), ref=ref)

    def _source(self, source: str, table: str) -> Relation:
        """Where `source` leads: files, where its definition says, or the table of that name."""
        files = self.files.get(_file_name(source, table))
        if files is not None:
            return files
        known = self.definitions.sources.get((source, table))
        parts = split_relation(known, self.dialect) if known else (source, table)
        return Relation("table", parts=tuple(parts), source=f"{source}.{table}")

    def _ref(self, name: str) -> Relation:
        """Where `ref` leads: a SQL model, where dbt's manifest says, or the target's schema."""
        if name in self.queries:
            return Relation("query", query=name)
        known = self.definitions.relations.get(name)
        if known is not None:
            return Relation("table", parts=tuple(split_relation(known, self.dialect)), ref=name)
        return Relation("table", parts=(name,))

    def query_reads(self, query: str) -> dict[str, Relation]:
        """What each `ref` of a SQL model stands for; a ref to itself is the table of that name."""
        names = dict.fromkeys(
            table.name.lower()
            for table in self.queries[query].find_all(exp.Table)
            if table.db == REF
        )
        itself = Relation("table", parts=(query,))
        return {name: itself if name == query else self._read(name) for name in names}

    def _read(self, name: str) -> Relation:
        """What a SQL model means by a `ref`: a model of SQL or of dbt, never a semantic model.

        A semantic model of that name counts where it only says where that model's rows are.
        """
        definition = self.models.get(name)
        if name in self.files:
            return self.files[name]
        if name in self.queries or definition is None or definition.ref is not None:
            return self._ref(name)
        return self.relation(name)

    @cached_property
    def files(self) -> Mapping[str, Relation]:
        """Sources that are files, by the names that they have in parsed SQL models."""
        return {
            _file_name(*key): replace(relation, source=".".join(key))
            for key, text in self.definitions.files.items()
            if (relation := file_relation(text)) is not None
        }

    @cached_property
    def shared_refs(self) -> frozenset[str]:
        """Names for `ref` under which definitions name several relations, whoever wrote that."""
        places: dict[str, set[tuple[str, ...]]] = {}
        for name in self.models:
            relation = self.relation(name)
            if relation.ref:
                places.setdefault(relation.ref, set()).add(relation.parts)
        return frozenset(ref for ref, found in places.items() if len(found) > 1)

    @cached_property
    def table_names(self) -> frozenset[str]:
        """The names of the tables that models and SQL models read, in lower case."""
        spines = map(self._of, self.definitions.time_spines)
        relations = (*map(self.relation, self.models), *spines)
        tables = {r.parts[-1].lower() for r in relations if r.kind == "table"}
        read = (t for query in self.queries.values() for t in query.find_all(exp.Table))
        return frozenset(tables.union(table.name.lower() for table in read))

    @cached_property
    def dependents(self) -> Mapping[str, tuple[str, ...]]:
        """For each metric, those that read it directly."""
        found: dict[str, list[str]] = {name: [] for name in self.metrics}
        for metric in self.metrics.values():
            read = (base(n) for n in metrics_read(self.definitions, metric))
            for used in dict.fromkeys(read):
                found[used].append(metric.name)
        return {name: tuple(users) for name, users in found.items()}

    def time_dimension(self, metric: SimpleMetric | SqlMetric) -> str | None:
        """The name of the time dimension that is `metric_time` for a metric over rows."""
        if metric.agg_time_dimension:
            return metric.agg_time_dimension
        model = self.models.get(metric.model or "")
        return model.agg_time_dimension if model else None


def resolve(definitions: Definitions, lock: Lock | None = None) -> tuple[Catalog, list[Issue]]:
    """The catalog of a project's definitions, and everything in them that does not resolve."""
    calendar, issues = calendar_of(definitions)
    models = {m.name: m for m in definitions.models}
    metrics = {m.name: m for m in definitions.metrics}
    metrics |= {name: v for m in definitions.metrics for name, v in versions(m)}
    definitions = _with_versions(definitions)
    queries = dict(_queries(definitions, issues))
    issues += _unread_sources(definitions)
    for model in definitions.models:
        issues += model_issues(definitions, model)
    whole = {name for name in metrics if ("metric", name) not in definitions.broken}
    for name, metric in metrics.items():
        problems = metric_issues(definitions, metric, models, metrics, calendar)
        if ("metric", base(name)) in definitions.broken:
            whole.discard(name)
        home = metric.model if isinstance(metric, SimpleMetric | SqlMetric) else None
        if any(p.severity == "error" for p in problems) or not (home is None or home in models):
            whole.discard(name)
        if "@" not in name or metric.version != metrics[base(name)].version:
            issues += problems
    reads = {name: metrics_read(definitions, metric) for name, metric in metrics.items()}
    for name, metric in metrics.items():  # a metric is whole where its versions are
        reads[name] = (*reads[name], *(version for version, _ in versions(metric)))
    issues += _cycles(definitions, reads, whole)
    issues += _oversized(definitions, metrics, reads, whole)
    issues += _query_cycles(definitions, queries)
    usable = _usable(reads, whole)
    known = {n: metrics[n] for n in metrics if n in usable}
    now = {n: m for n, m in known.items() if "@" not in n}
    numbered = {n: m for n, m in known.items() if "@" in n and base(n) in now}
    found = Catalog(definitions, models, now, queries, calendar, lock, versions=numbered)
    return found, issues


def _with_versions(definitions: Definitions) -> Definitions:
    """Definitions that know where former versions stand: below `previous` of their metric."""
    places: dict[Key, Place] = {}
    for metric in definitions.metrics:
        whole = definitions.places.get(("metric", metric.name))
        for index, (name, _) in enumerate(versions(metric)):
            if whole is not None:
                inside = ("previous", index) if index < len(metric.previous) else ()
                places["metric", name] = Place(whole.text, (*whole.steps, *inside))
    return replace(definitions, places={**definitions.places, **places}) if places else definitions


def _cycles(
    definitions: Definitions, reads: Mapping[str, tuple[str, ...]], whole: set[str]
) -> Iterator[Issue]:
    """One issue for each circle of metrics; its members stop being usable."""
    for circle in circles({n: [r for r in used if r in reads] for n, used in reads.items()}):
        whole -= set(circle)
        path = " → ".join(f"`{n}`" for n in (*circle, circle[0]))
        place = definitions.at("metric", circle[0], "name")
        yield Issue("cycle", f"metrics are computed from each other: {path}", place)


def _usable(reads: Mapping[str, tuple[str, ...]], whole: set[str]) -> set[str]:
    """Metrics that are whole, and so is everything below them."""
    usable: set[str] = set()
    for name in _inputs_first(reads, whole):
        if all(used in usable for used in reads[name]):
            usable.add(name)
    return usable


def _inputs_first(reads: Mapping[str, tuple[str, ...]], whole: set[str]) -> Iterator[str]:
    """The whole metrics, which no longer stand in circles, each after those that it reads."""
    edges = {n: [used for used in reads[n] if used in whole] for n in reads if n in whole}
    yield from TopologicalSorter(edges).static_order()


def _oversized(
    definitions: Definitions,
    metrics: Mapping[str, Metric],
    reads: Mapping[str, tuple[str, ...]],
    whole: set[str],
) -> Iterator[Issue]:
    """Metrics whose formula, written out, is too long: each level may double the one below."""
    parts: dict[str, int] = {}
    large: set[str] = set()
    levels: dict[str, int] = {}
    for name in list(_inputs_first(reads, whole)):
        inputs = [i.name for i in metrics[name].inputs]  # one may stand there twice
        used = [n for n in (*inputs, *(r for r in reads[name] if r not in inputs)) if n in whole]
        if any(n not in parts for n in used):
            continue  # what it reads was told, and it is unusable for this reason already
        parts[name] = 1 + sum(parts[n] for n in used)
        levels[name] = 1 + max((levels[n] for n in used), default=0)
        if parts[name] > MAX_PARTS:
            message = f"`{name}`, written out, is a formula of more than {MAX_PARTS:,} parts"
        elif levels[name] > MAX_LEVELS:
            message = f"`{name}` stands on more than {MAX_LEVELS} levels of other metrics"
        else:
            continue
        del parts[name], levels[name]
        large.add(name)
        yield Issue("too-large", message, definitions.at("metric", name, "name"))
    whole -= large


# --------------------------------------------------------------------------------------- SQL models


def _queries(definitions: Definitions, issues: list[Issue]) -> Iterator[tuple[str, exp.Query]]:
    for name, model in definitions.queries.items():
        tree, problem = snippets.parse_query(model.sql, definitions.config.dialect)
        if tree is not None:
            tree = _sources_as_tables(tree, definitions)
            yield name, tree
        if problem is not None:
            issues.append(_query_issue(model, problem))


def _query_issue(model: SqlModel, problem: Problem) -> Issue:
    before = model.sql[: problem.offset]
    line = before.count("\n") + 1
    column = problem.offset - (before.rfind("\n") + 1) + 1
    return Issue(
        problem.code, problem.message, model.at(line, column, problem.length), problem.hint
    )


def _unread_sources(definitions: Definitions) -> Iterator[Issue]:
    """Sources whose files are named in a way that is not understood."""
    for (source, table), text in definitions.files.items():
        if file_relation(text) is None:
            message = (
                f"`external_location` of `{source}.{table}` is no path and no function over one"
            )
            hint = f"write a path or glob, or one in {listing(list(READERS))} with literal options"
            yield Issue("bad-value", message, definitions.at("source", source), hint)


def _options(definition: Model | TimeSpine) -> tuple[tuple[str, bool], ...]:
    """How the files of a definition are read, as far as it says so."""
    if not isinstance(definition, Model):
        return ()
    told = {key: getattr(definition, key) for key in ("hive_partitioning", "union_by_name")}
    return tuple((key, value) for key, value in told.items() if value is not None)


def _file_name(source: str, table: str) -> str:
    """The name for `ref` of a source that is files; no model is called so."""
    return f"source {source}.{table}".lower()


def _sources_as_tables(tree: exp.Query, definitions: Definitions) -> exp.Query:
    """`source('raw', 'orders')` is what its definition names, else the table `raw.orders`."""
    for table in list(tree.find_all(exp.Table)):
        if table.catalog != SOURCE:
            continue
        table.meta[SOURCE_META] = f"{table.db}.{table.name}"
        table.set("catalog", None)
        if (table.db, table.name) in definitions.files:
            if not table.alias:
                table.set("alias", exp.TableAlias(this=table.this.copy()))
            table.set("this", exp.to_identifier(_file_name(table.db, table.name), quoted=True))
            table.set("db", exp.to_identifier(REF))
            continue
        known = definitions.sources.get((table.db, table.name))
        if known is not None:
            parts = split_relation(known, definitions.config.dialect)
            for key, part in zip(("this", "db", "catalog"), reversed(parts), strict=False):
                table.set(key, exp.to_identifier(part, quoted=True))
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
