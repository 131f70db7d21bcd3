"""The governed metrics in the same normal form as SQL elsewhere, and what they may be cut by.

Each aggregation of a metric is compiled as a question would be, and read as other SQL is; the
formula over them is arithmetic. What is not read so (conversions, running totals) has no measure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from sqlglot import exp

from kpilayer.catalog import REF, Catalog
from kpilayer.change.bench import Bench, Question
from kpilayer.drift.arithmetic import quotient
from kpilayer.drift.measure import Known, Measure, Total
from kpilayer.drift.names import Words, words_of
from kpilayer.drift.reader import Reader
from kpilayer.drift.rows import NotRead, numbers_in
from kpilayer.drift.spelling import conjuncts, key, negated, plain
from kpilayer.drift.totals import measure
from kpilayer.errors import QueryError
from kpilayer.formula.build import formula
from kpilayer.formula.tree import Atom, Compute, Formula, atoms
from kpilayer.identity import Identity
from kpilayer.model.metric import Metric, SimpleMetric
from kpilayer.model.semantic_model import Model
from kpilayer.proof.facts import Facts
from kpilayer.selection.versions import Side
from kpilayer.sql.given import source_of

_ATOM: Final = "kpilayer_atom_"
_BUILT: Final = frozenset({"approx_percentile"})
#: Rules that only say where there is no row, or what stands for it.
_SEEN_THROUGH: Final = frozenset({"spined", "filled"})
LEVEL: Final = "level"
ACTIVE: Final = "active"
_PER: Final = re.compile(r"per (?:calendar )?(month|week|day|quarter|year|sunday|monday)\b", re.I)


@dataclass(frozen=True, slots=True)
class Governed:
    """A metric: what it computes, the columns that are its time, and the words for it."""

    name: str
    measure: Measure | None
    times: frozenset[str]
    bases: frozenset[str]
    words: tuple[Words, ...]
    family: str
    definition: Metric
    parts: tuple[Measure, ...] = ()

    @property
    def is_active(self) -> bool:
        """Whether rows count at dates at which they hold."""
        return self.measure is not None and any(
            t.rule == ACTIVE for t in self.measure.totals.values()
        )

    @property
    def is_hidden(self) -> bool:
        """Whether it only serves other metrics."""
        return bool(self.definition.hidden)


@dataclass(frozen=True)
class Layer:
    """What SQL elsewhere is compared with."""

    side: Side
    _atoms: dict[Atom, Measure | None] = field(default_factory=dict, compare=False)

    @property
    def catalog(self) -> Catalog:
        """The definitions."""
        return self.side.catalog

    @cached_property
    def metrics(self) -> tuple[Governed, ...]:
        """Every metric."""
        return tuple(map(self._governed, self.catalog.metrics.values()))

    @cached_property
    def tables(self) -> Mapping[str, tuple[str, ...]]:
        """The columns of each table, as far as they are known."""
        return {
            name: tuple(c.name.lower() for c in table.columns)
            for name, table in self._bench.facts.tables.items()
            if table.columns
        }

    @property
    def facts(self) -> Facts:
        """What is known of the tables."""
        return self._bench.facts

    @cached_property
    def known(self) -> Known:
        """What normal forms rest on."""
        tables = self._bench.facts.tables
        types = {
            f"{name}.{c.name.lower()}": c.type for name, t in tables.items() for c in t.columns
        }
        booleans = {n for n, t in types.items() if t.this == exp.DataType.Type.BOOLEAN}
        dates = {n for n, t in types.items() if t.this == exp.DataType.Type.DATE}
        whole = frozenset(n for n, t in types.items() if t.this in exp.DataType.INTEGER_TYPES)
        full = {
            f"{name}.{c.name.lower()}"
            for name, t in tables.items()
            for c in t.columns
            if not c.nullable
        }
        filled = frozenset(full | (self._counted - self._missing))
        return Known(
            self._keys,
            self._domains,
            filled,
            frozenset(booleans),
            frozenset(dates),
            self._missing,
            whole,
        )

    @cached_property
    def _keys(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        facts = self._bench.facts
        return {**facts.keys, **{name: table.keys for name, table in facts.tables.items()}}

    @cached_property
    def _domains(self) -> Mapping[str, frozenset[str]]:
        """All values of a column, where the description of its dimension lists them."""
        found: dict[str, frozenset[str]] = {}
        for name, model in self.catalog.models.items():
            for dimension in model.dimensions:
                told = [c.description for c in model.columns if c.name == dimension.name]
                values = values_in(next((t for t in (dimension.description, *told) if t), ""))
                if values and dimension.type == "categorical":
                    for column in self._columns(name, dimension.sql):
                        found[column] = frozenset(repr(v) for v in values)
        return found

    @cached_property
    def steps(self) -> Mapping[str, str]:
        """How far rows of a time are apart, where a description says "one row per month"."""
        found: dict[str, str] = {}
        for name, model in self.catalog.models.items():
            told = _PER.search(model.description or "")
            time = model.dimension(model.agg_time_dimension or "")
            if told is not None and time is not None:
                unit = told[1].lower()
                for column in self._columns(name, time.sql):
                    found[column] = "week" if unit.endswith("day") and unit != "day" else unit
        return found

    @cached_property
    def times(self) -> frozenset[str]:
        """Every column that is a date or an instant."""
        found = {
            f"{name}.{c.name.lower()}"
            for name, t in self._bench.facts.tables.items()
            for c in t.columns
            if c.type.this in exp.DataType.TEMPORAL_TYPES
        }
        for name, model in self.catalog.models.items():
            for dimension in model.dimensions:
                if dimension.type == "time":
                    found |= self._columns(name, dimension.sql)
        return frozenset(found)

    @cached_property
    def dimensions(self) -> frozenset[str]:
        """The texts of what metrics may be cut by, and of the opposite of what is true or false."""
        found: set[str] = set()
        for name, model in self.catalog.models.items():
            sqls = [d.sql for d in model.dimensions]
            sqls += [part for e in model.entities for part in model.key(e)]
            for sql in sqls:
                tree = self._in_tables(name, sql)
                if tree is None or numbers_in(tree):
                    continue
                for shown in (plain(tree), negated(plain(tree))):
                    found.add(key(shown))
                    found |= {key(c) for c in conjuncts(shown)}
        return frozenset(found)

    def reader(self) -> Reader:
        """A reader of one statement that knows the tables and SQL models of the project."""
        return Reader(self.tables, self._named, self._keys)

    # ---------------------------------------------------------------------------------- metrics

    def _governed(self, metric: Metric) -> Governed:
        graph = self.side.identity.graph
        tree = formula(graph, metric.name)
        try:
            found = self._measure(tree, metric.name)
        except NotRead:
            found = None
        below = atoms(tree)
        times: set[str] = set()
        bases: set[str] = set()
        for atom in below:
            if atom.time is not None:
                dimension = self.catalog.models[atom.model].dimension(atom.time)
                if dimension is not None:
                    times |= self._columns(atom.model, dimension.sql)
            one = self._of_atom(atom)
            bases |= {t.base for t in one.totals.values()} if one is not None else set()
        families = {_family(a.agg) for a in below}
        names = [metric.name, metric.label or "", *(metric.synonyms or ())]
        return Governed(
            metric.name,
            found,
            frozenset(times),
            frozenset(bases),
            tuple(dict.fromkeys(w for n in names if (w := words_of(n)).all)),
            families.pop() if len(below) == 1 and len(families) == 1 else "",
            metric,
            tuple(one for a in below if (one := self._of_atom(a)) is not None),
        )

    def _measure(self, tree: Formula, name: str) -> Measure | None:
        if isinstance(tree, Atom):
            return self._of_atom(tree)
        inputs = {role: self._measure(inner, "") for role, inner in tree.inputs}
        if isinstance(tree, Compute):
            if any(found is None for found in inputs.values()):
                return None
            text = self.catalog.snippet(tree.text).tree

            def symbol(node: exp.Expr) -> Measure | None:
                return inputs.get(node.name) if isinstance(node, exp.Column) else None

            return quotient(text, symbol)
        inner = next(iter(inputs.values()))
        if inner is None:
            return None
        match tree.rule:
            case "semi_additive":
                return inner.changed(lambda total: replace(total, rule=LEVEL))
            case "active":
                return inner.changed(lambda total: replace(total, rule=ACTIVE))
            case rule if rule in _SEEN_THROUGH:
                return inner
            case "nested" if name:
                return self._compiled(self._bench, name)
        return None

    def _of_atom(self, atom: Atom) -> Measure | None:
        if atom not in self._atoms:
            name = self._atom_names.get(atom)
            try:
                found = None if name is None else self._compiled(self._bench, name)
            except NotRead:
                found = None
            self._atoms[atom] = found
        return self._atoms[atom]

    def _compiled(self, bench: Bench, name: str) -> Measure | None:
        try:
            tree = bench.sql(bench.base, name, Question("in total"))
        except QueryError:
            return None
        reader = self.reader()
        outputs = list(reader.outputs(tree))
        if len(outputs) != 1:
            return None
        return measure(outputs[0].value, outputs[0].aggregates, self.known)

    @cached_property
    def _atom_names(self) -> Mapping[Atom, str]:
        graph = self.side.identity.graph
        found = (a for name in self.catalog.metrics for a in atoms(formula(graph, name)))
        used = [a for a in dict.fromkeys(found) if a.agg not in _BUILT]
        return {atom: f"{_ATOM}{number}" for number, atom in enumerate(used)}

    @cached_property
    def _bench(self) -> Bench:
        graph = self.side.identity.graph
        made = {
            name: SimpleMetric(
                name=name,
                model=atom.model,
                agg=atom.agg,
                expr=atom.value,
                filter=atom.conditions,
                percentile=atom.percentile,
                percentile_type="discrete" if atom.discrete else None,
                agg_time_dimension=atom.time,
            )
            for atom, name in self._atom_names.items()
        }
        catalog = replace(self.catalog, metrics={**self.catalog.metrics, **made})
        side = replace(self.side, identity=Identity(replace(graph, catalog=catalog)))
        return Bench(side, side)

    # ----------------------------------------------------------------------------------- tables

    @cached_property
    def _named(self) -> Mapping[str, exp.Query]:
        """SQL models of the project, over tables by the names that they have here."""
        found: dict[str, exp.Query] = {}
        for name, tree in self.catalog.queries.items():
            copied = tree.copy()
            reads = self.catalog.query_reads(name)
            for table in list(copied.find_all(exp.Table)):
                if table.db == REF:
                    relation = reads[table.name.lower()]
                    is_query = relation.kind == "query"
                    own = (
                        relation.query
                        if is_query
                        else self._bench.tables.get(source_of(relation, ""))
                    )
                    if not table.alias:
                        table.set("alias", exp.TableAlias(this=table.this.copy()))
                    table.set("db", None)
                    table.set("this", exp.to_identifier(own or table.name))
            found[name] = copied
        return found

    def _in_tables(self, model: str, sql: str) -> exp.Expr | None:
        """An expression over a model's rows, over columns of tables."""
        relation = self.catalog.relation(model)
        own = (
            relation.query
            if relation.kind == "query"
            else self._bench.tables.get(source_of(relation, ""))
        )
        if own is None:
            return None
        value = exp.alias_(self.catalog.snippet(sql).tree.copy(), "value")
        query = exp.Select(expressions=[value]).from_(exp.Table(this=exp.to_identifier(own)))
        reader = Reader(self.tables, self._named, {})
        try:
            found = reader.relation(query, {}).outputs["value"]
        except NotRead:
            return None
        for column in [found] if isinstance(found, exp.Column) else found.find_all(exp.Column):
            column.set("table", exp.to_identifier(column.table.split("#")[0]))
        return found

    def _columns(self, model: str, sql: str) -> set[str]:
        tree = self._in_tables(model, sql)
        return set() if tree is None else {key(c) for c in tree.find_all(exp.Column)}

    @cached_property
    def _counted(self) -> set[str]:
        """Columns that name things: a count of them is one of rows."""
        return {c for n, m in self.catalog.models.items() for c in self._named_by(n, m)}

    @cached_property
    def _missing(self) -> frozenset[str]:
        """Columns of which a description says that values are missing."""
        return frozenset(
            column
            for name, model in self.catalog.models.items()
            for c in model.columns
            if re.search(r"\b[Mm]issing\b", c.description or "")
            for column in self._columns(name, f'"{c.name}"')
        )

    def _named_by(self, name: str, model: Model) -> Iterator[str]:
        for entity in model.entities:
            for part in model.key(entity):
                yield from self._columns(name, part)


def values_in(description: str) -> tuple[str, ...]:
    """The values that a description lists: "paid, open or void."; none for other sentences."""
    text = re.sub(r"\([^)]*\)", "", description).strip()
    text = re.split(r"[.;]", text, maxsplit=1)[0].rpartition(":")[2]
    parts = [part.strip() for part in re.split(r",|\bor\b|\band\b", text)]
    if len(parts) > 1 and all(re.fullmatch(r"\w+", part) for part in parts):
        return tuple(parts)
    clauses = [clause.split() for clause in text.split(",")]
    firsts = [words[0] for words in clauses if words]
    is_listed = len(firsts) > 1 and any("_" in first for first in firsts)
    return tuple(firsts) if is_listed and all(w.islower() for w in firsts) else ()


def _family(aggregation: str) -> str:
    """Functions that people take for each other."""
    if aggregation in ("average", "avg", "median") or aggregation.endswith("percentile 0.5"):
        return "middle"
    if aggregation.startswith(("count", "approx_count", "sum_boolean")):
        return "count"
    return aggregation


def family_of(total: Total) -> str:
    """Which functions an aggregation may be taken for."""
    return _family(total.function)
