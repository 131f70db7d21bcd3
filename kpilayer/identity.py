"""Fingerprints: a hash of what a definition means, not of its text or its SQL (decisions.md 1).

The *resolved normal form* of a metric, dimension or join is JSON made of strings: expressions in
canonical form (``canonical.py``), conditions as a sorted set of conjuncts, names replaced by the
digest of what they stand for. Names, descriptions, formats, positions, target dialects and versions
of software take no part, so renaming, moving or reformatting changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlglot import exp

from kpilayer import expr
from kpilayer.address import filter_metric
from kpilayer.calendar import Custom
from kpilayer.canonical import canonical
from kpilayer.catalog import REF, SOURCE_META, Catalog
from kpilayer.columns import TimedColumn, resolve_property, time_column
from kpilayer.formula.build import formula
from kpilayer.formula.tree import Atom, Compute, Formula, Shaped, atoms
from kpilayer.grain import GRAINS, PARTS
from kpilayer.join_graph import JoinGraph, Reached, Step
from kpilayer.model.semantic_model import ROLE, Dimension
from kpilayer.relation import Relation
from kpilayer.zones import interval, reporting_zone

PREFIX: Final = "f1:"
#: The relation of a model without one stands in the target's schema, whatever its name.
TARGET_SCHEMA: Final = "{target.schema}"


@dataclass(frozen=True)
class Identity:
    """Normal forms and fingerprints over a catalog without errors."""

    graph: JoinGraph
    _known: dict[tuple[str, str], str] = field(default_factory=dict, compare=False)
    _atoms: dict[Atom, dict[str, Any]] = field(default_factory=dict, compare=False)

    @property
    def catalog(self) -> Catalog:
        """The catalog whose definitions are identified."""
        return self.graph.catalog

    def metric(self, name: str) -> str:
        """The fingerprint of a metric."""
        key = ("metric", name)
        if key not in self._known:
            self._known[key] = fingerprint(self.metric_form(name))
        return self._known[key]

    def metric_form(self, name: str) -> dict[str, Any]:
        """The resolved normal form of a metric."""
        unit = self.catalog.metric(name).unit
        return {
            "formula": self._formula(formula(self.graph, name)),
            **({"unit": unit} if unit else {}),
        }

    def shown_in(self, zone: str) -> Identity:
        """The same definitions with instants in another reporting zone."""
        return Identity(JoinGraph(replace(self.catalog, timezone=zone)))

    def column(self, reached: Reached) -> str:
        """The fingerprint of a dimension or entity at the end of its path."""
        return fingerprint(self.column_form(reached))

    def column_form(self, reached: Reached) -> dict[str, Any]:
        """The resolved normal form of a dimension or entity, with the joins to it."""
        element = reached.element
        metric = filter_metric(element.name)
        if metric is not None:
            per = [[name, reached.model] for name in metric.per]
            return {"metric": self.metric_form(metric.name), "per": per}
        form: dict[str, Any] = {
            "value": self._sql(element.sql),
            "of": self._relation_of(reached.model),
        }
        if isinstance(element, Dimension):
            if element.granularity is not None:
                form["granularity"] = element.granularity
            if element.timezone is not None:
                form["timezone"] = element.timezone
                form["report_timezone"] = reporting_zone(self.catalog, element)
        if reached.path:
            lengths = range(1, len(reached.path) + 1)
            form["joins"] = [self.join_form(reached.path[:length]) for length in lengths]
        return form

    def grouped(self, column: TimedColumn) -> str | None:
        """The fingerprint of a group-by: what it is, and whatever the calendar says of its grain.

        None for `metric_time` by a standard grain: it is part of the metrics' own.
        """
        own = None if column.asked.is_metric_time else self.column(column.reached)
        form: dict[str, Any] = {}
        if column.custom is not None:
            form["grain"] = self._custom(column.custom)
        elif (column.unit or "day") not in GRAINS or (column.part or "day") not in PARTS:
            form["grain"] = column.unit or column.part
        return fingerprint({"column": own, **form}) if form else own

    def join(self, step: Step) -> str:
        """The fingerprint of a join."""
        return fingerprint(self.join_form((step,)))

    def join_form(self, path: tuple[Step, ...]) -> dict[str, Any]:
        """The resolved normal form of the last join of a path: whose key meets whose unique key."""
        step = path[-1]
        pairs = sorted((self._sql(left), self._sql(right)) for left, right in step.on)
        form: dict[str, Any] = {
            "from": self._relation_of(step.left),
            "key": pairs[0][0] if len(pairs) == 1 else [left for left, _ in pairs],
            "to": self._relation_of(step.right),
            "unique_key": pairs[0][1] if len(pairs) == 1 else [right for _, right in pairs],
        }
        if partitions := [
            [
                self._relation_of(path[pair.at].left),
                self._sql(pair.left.sql),
                self._sql(pair.right.sql),
                pair.grain,
            ]
            for pair in self.graph.partitions(path)
        ]:
            form["partitions"] = sorted(partitions, key=str)
        if step.kind != "up":
            form["kind"] = "many"
        ends = self.catalog.models[step.right].validity
        if ends is not None:
            form["valid_from"], form["valid_to"] = (self._sql(end.sql) for end in ends)
        parts = self.graph.partitions(path)
        compared = [*(ends or ()), *(d for p in parts for d in (p.left, p.right))]
        if zones := self._zones(compared):
            form["timezones"] = zones
        return form

    def _zones(self, times: Iterable[Dimension | None]) -> list[list[str | None]]:
        """The zones of times that are compared with others, none where no time has one."""
        zoned = [d for d in times if d is not None and d.timezone is not None]
        return [[self._sql(d.sql), d.timezone, reporting_zone(self.catalog, d)] for d in zoned]

    # ------------------------------------------------------------------------------- parts of forms

    def _sql(self, text: str) -> str:
        return canonical(self.catalog.snippet(text).tree, self.catalog.dialect)

    def _formula(self, tree: Formula) -> dict[str, Any]:
        match tree:
            case Atom():
                if tree not in self._atoms:
                    self._atoms[tree] = self._atom(tree)
                return self._atoms[tree]
            case Shaped():
                return self._shaped(tree)
            case Compute():
                return self._compute(tree)

    def _shaped(self, tree: Shaped) -> dict[str, Any]:
        """A rule with its settings; the names in it as what they mean for the inputs' rows."""
        names = []
        for purpose, role, name in tree.names:
            below = [a for r, inner in tree.inputs if role in ("", r) for a in atoms(inner)]
            homes = dict.fromkeys((a.model, a.time) for a in below)
            found = [self._name_form(home, name, purpose) for home in homes]
            names.append([purpose, role, *dict.fromkeys(found)])
        inputs = {role: self._formula(inner) for role, inner in tree.inputs}
        settings = {key: self._period(key, text) for key, text in tree.settings}
        form = {"rule": tree.rule, **settings, "names": names, "inputs": inputs}
        shown = {c for a in atoms(tree) for t in tree.conditions for c in self._conditions(a, t)}
        return {**form, "shown": sorted(shown)} if shown else form

    def _name_form(self, home: tuple[str, str | None], name: str, purpose: str = "") -> str:
        wanted = filter_metric(name)
        if wanted is not None:
            per = [self._name_form(home, n) for n in wanted.per]
            return _digest([self.metric_form(wanted.name), per, wanted.within_query_time])
        found = resolve_property(self.graph, *home, purpose, name)
        if not isinstance(found, TimedColumn):
            return name  # a conformed name, or one that a check reports
        grain = found.unit if found.custom is None else self._custom(found.custom)
        form = {"column": self.column_form(found.reached), "grain": grain, "part": found.part}
        return _digest(form)

    def _custom(self, custom: Custom) -> dict[str, str]:
        """A custom granularity: which column of which table has its periods, by which dates."""
        spine = self._relation(self.catalog.spine_relation(self.catalog.spine(custom.spine)))
        sides = {"key": self._sql(custom.key), "value": self._sql(custom.column)}
        return {"of": spine, "per": self.catalog.calendar.unit(custom.grain) or "", **sides}

    def _period(self, key: str, text: str) -> str:
        """A setting of a rule; a length in custom periods with what they are."""
        count, _, name = text.rpartition(" ")
        custom = self.catalog.calendar.custom(name) if key == "offset_window" else None
        return text if custom is None else f"{count} {_digest(self._custom(custom))}"

    def _atom(self, atom: Atom) -> dict[str, Any]:
        agg, tree = _plain_aggregation(atom.agg, self._value(atom))
        percentile = 0.5 if atom.agg == "median" else atom.percentile
        value = "*" if tree is None else canonical(tree, self.catalog.dialect)
        form: dict[str, Any] = {"agg": agg, "value": value, "of": self._relation_of(atom.model)}
        if percentile is not None:
            form["percentile"] = repr(percentile)
            form["kind"] = "discrete" if atom.discrete else "continuous"
        if atom.time is not None:
            time = time_column(self.graph, atom.model, atom.time)
            assert isinstance(time, Reached), f"`{atom.time}` was checked to be reachable"
            form["time"] = self.column_form(time)
        conditions = {c for text in atom.conditions for c in self._conditions(atom, text)}
        if conditions:
            form["conditions"] = sorted(conditions)
        return form

    def _value(self, atom: Atom) -> exp.Expr:
        tree = self.catalog.snippet(atom.value).tree
        if not atom.reaches:
            return tree

        def column(name: str) -> exp.Expr:
            if name not in atom.reaches:
                return exp.column(exp.to_identifier(name, quoted=True))
            form = self._name_form((atom.model, atom.time), name)
            return exp.column(exp.to_identifier(form, quoted=False))

        return expr.replace_names(tree, column)

    def _conditions(self, atom: Atom, text: str) -> list[str]:
        def digest(name: str) -> exp.Expr:
            form = self._name_form((atom.model, atom.time), name)
            return exp.column(exp.to_identifier(form, quoted=False))

        bound = expr.replace_names(self.catalog.snippet(text).tree, digest)
        return [canonical(c, self.catalog.dialect) for c in expr.conjuncts(bound)]

    def _compute(self, tree: Compute) -> dict[str, Any]:
        forms = {name: self._formula(inner) for name, inner in tree.inputs}
        digests = {name: _digest(form) for name, form in forms.items()}
        bound = expr.replace_names(
            self.catalog.snippet(tree.text).tree,
            lambda name: exp.column(exp.to_identifier(digests[name.lower()])),
        )
        used = {digests[name]: form for name, form in forms.items()}
        return {"expr": canonical(bound, self.catalog.dialect), "inputs": used}

    def _relation_of(self, model: str) -> str:
        key = ("relation", model)
        if key not in self._known:
            self._known[key] = self._relation(self.catalog.relation(model)) + self._rows(model)
        return self._known[key]

    def _rows(self, model: str) -> str:
        """Which of a relation's rows there are for whom and when; nothing where all always are."""
        definition = self.catalog.models[model]
        form: dict[str, Any] = {}
        if definition.active is not None:
            ends = (definition.active.from_, definition.active.to)
            form["active"] = [*map(self._sql, ends), definition.active.to_inclusive]
            if zones := self._zones(interval(self.catalog, model)):
                form["timezones"] = zones
        if definition.row_access is not None:
            form["row_access"] = self._access(model, definition.row_access.filter)
        return f" rows {_digest(form)}" if form else ""

    def _access(self, model: str, text: str) -> list[str]:
        """The conditions of row access, names as what they mean for the model's rows."""

        def digest(name: str) -> exp.Expr:
            found = name if name.startswith(ROLE) else self._meant(model, name)
            return exp.column(exp.to_identifier(found, quoted=False))

        tree = expr.replace_names(self.catalog.snippet(text).tree, digest)
        return sorted(canonical(c, self.catalog.dialect) for c in expr.conjuncts(tree))

    def _meant(self, model: str, name: str) -> str:
        """A dimension's value and where it is; which rows there are seen plays no part."""
        found = resolve_property(self.graph, model, None, "", name)
        if not isinstance(found, TimedColumn):
            return name
        reached = found.reached
        steps = [[self._relation(self.catalog.relation(s.right)), *s.on] for s in reached.path]
        return _digest([self._sql(reached.element.sql), found.grain, found.part, steps])

    def _relation(self, relation: Relation) -> str:
        if relation.source:
            return f"source {relation.source}"
        match relation.kind:
            case "file":
                return f"file {relation.key}"
            case "table":
                if relation.ref and relation.ref not in self.catalog.shared_refs:
                    # dbt builds it where the environment says.
                    return f"table {TARGET_SCHEMA}.{Relation('table', (relation.ref,)).key}"
                schema = TARGET_SCHEMA if len(relation.parts) == 1 else ""
                return "table " + ".".join(p for p in (schema, relation.key) if p)
        key = ("query", relation.query)
        if key not in self._known:
            self._known[key] = f"query {_digest(self._query_form(relation.query))}"
        return self._known[key]

    def _query_form(self, name: str) -> str:
        tree = self.catalog.queries[name].copy()
        reads = self.catalog.query_reads(name)
        for table in list(tree.find_all(exp.Table)):
            if table.db == REF and SOURCE_META not in table.meta:
                relation = self._relation(reads[table.name.lower()])
                table.set("db", None)
                table.set("this", exp.to_identifier(relation, quoted=True))
            elif SOURCE_META in table.meta:
                table.set("catalog", None)
                table.set("db", None)
                table.set(
                    "this", exp.to_identifier(f"source {table.meta[SOURCE_META]}", quoted=True)
                )
        return str(tree.sql(self.catalog.dialect, comments=False))


def _plain_aggregation(agg: str, value: exp.Expr) -> tuple[str, exp.Expr | None]:
    """One form for the ways in which a count is written; None is every row.

    dbt's artefacts hold counts and sums of booleans as sums of CASE (reference A.5); they mean the
    same, NULL over no rows included.
    """
    if agg == "median":
        return "percentile", value
    if agg == "sum" and isinstance(value.unnest(), exp.Case):
        case = value.unnest()
        branches = case.args["ifs"]
        ones = len(branches) == 1 and branches[0].args["true"] == exp.Literal.number(1)
        zeros = case.args.get("default") == exp.Literal.number(0)
        if ones and zeros and case.this is None:
            agg, value = "sum_boolean", branches[0].this
    if agg == "sum_boolean":
        held = value.unnest()
        if isinstance(held, exp.Not) and isinstance(held.this.unnest(), exp.Is):
            test = held.this.unnest()
            if isinstance(test.expression, exp.Null):
                agg, value = "count", test.this
    if agg == "sum" and value.unnest() == exp.Literal.number(1):
        agg = "count"
    if agg == "count" and isinstance(value.unnest(), exp.Literal):
        return agg, None  # every row counts, whatever the literal
    return agg, value


def fingerprint(form: object) -> str:
    """``f1:`` and the first 16 hex digits of the SHA-256 of a normal form."""
    return PREFIX + _hash(form)[:16]


def _digest(form: object) -> str:
    return "d" + _hash(form)[:32]


def _hash(form: object) -> str:
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
