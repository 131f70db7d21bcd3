"""What is known of the tables below a layer: keys, all values of columns, what may be missing.

It is told by the schema and by the descriptions of models and columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sqlglot import exp

from kpilayer.catalog import REF, Catalog
from kpilayer.change.bench import Bench
from kpilayer.drift.measure import Known
from kpilayer.drift.reader import Reader
from kpilayer.drift.rows import NotRead, numbers_in
from kpilayer.drift.spelling import conjuncts, key, negated, plain
from kpilayer.model.semantic_model import Model
from kpilayer.proof.facts import Facts
from kpilayer.selection.versions import Side
from kpilayer.sql.given import source_of

_PER: Final = re.compile(r"per (?:calendar )?(month|week|day|quarter|year|sunday|monday)\b", re.I)
_GRAIN: Final = re.compile(r"one row per ([\w', -]+? and [\w' -]+)", re.I)
_CLAUSE: Final = re.compile(r"\b(?:that|with|who|which|in|by|for|when|where)\b")
_DAYS: Final = re.compile(r"(calendar |week)?(day|date|month|week|quarter|year)('s end)?|sunday")
_LISTED: Final = re.compile(r"\w+(?:, \w+)*,? (?:or|and) \w+")


@dataclass(frozen=True)
class Tables:
    """The tables that models are made of."""

    side: Side

    @property
    def catalog(self) -> Catalog:
        """The definitions."""
        return self.side.catalog

    @cached_property
    def _bench(self) -> Bench:
        """Tables, and what is compiled over them."""
        return Bench(self.side, self.side)

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
        filled = frozenset(full | (self._of_rows - self._missing))
        return Known(
            self._keys,
            {c: v for c, v in self._domains.items() if c not in self._missing},
            filled,
            frozenset(booleans),
            frozenset(dates),
            self._missing,
            whole=whole,
            presumed=self._presumed(types),
            names=frozenset(self._of_grain - self._missing),
            spans=frozenset(self._spans()),
        )

    def _spans(self) -> Iterator[tuple[str, str, bool]]:
        """The columns of the first and last day on which rows of models hold."""
        for name, model in self.catalog.models.items():
            if model.active is not None:
                for begin in self._columns(name, model.active.from_):
                    for end in self._columns(name, model.active.to):
                        yield begin, end, model.active.to_inclusive

    def _presumed(self, types: Mapping[str, exp.DataType]) -> frozenset[str]:
        """Numbers, and times that rows are told by, of which nothing says that they are missing."""
        kinds = {*exp.DataType.NUMERIC_TYPES, exp.DataType.Type.BOOLEAN}
        numbers = {n for n, t in types.items() if t.this in kinds}
        for name, model in self.catalog.models.items():
            time = model.dimension(model.agg_time_dimension or "")
            numbers |= self._columns(name, time.sql) if time is not None else set()
        return frozenset(numbers - self._missing - self._of_entities)

    @cached_property
    def _asked_for(self) -> set[str]:
        """Columns that some dimension asks to be NULL, or not to be."""
        found: set[str] = set()
        for name, model in self.catalog.models.items():
            for dimension in model.dimensions:
                tree = self._in_tables(name, dimension.sql)
                for node in tree.find_all(exp.Is) if tree is not None else ():
                    if isinstance(node.expression, exp.Null):
                        found |= {key(c) for c in node.find_all(exp.Column)}
        return found

    @cached_property
    def _keys(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        facts = self._bench.facts
        found = {**facts.keys, **{name: table.keys for name, table in facts.tables.items()}}
        for name, model in self.catalog.models.items():
            table, named = self._grain(name, model)
            if table and named not in found.get(table, ()):
                found[table] = (*found.get(table, ()), named)
        return found

    def _grain(self, name: str, model: Model) -> tuple[str, tuple[str, ...]]:
        """The table and columns that "one row per consultant and day" tells of, or nothing."""
        is_table = self.catalog.relation(name).kind != "query"
        told = _GRAIN.match(model.description or "") if is_table else None
        listed = _CLAUSE.split(told[1])[0].lower() if told else ""
        parts = [part.strip() for part in re.split(r",|\band\b", listed)]
        if len(parts) < 2:
            return "", ()
        entities = {e.name.lower().replace("_", " "): model.key(e) for e in model.entities}
        columns = {c.name.lower().replace("_", " "): (f'"{c.name}"',) for c in model.columns}
        time = model.dimension(model.agg_time_dimension or "")
        found: set[str] = set()
        others = [model.key(e) for e in model.entities if e.type == "foreign"]
        for part in sorted(parts, key=lambda p: p not in entities):
            sqls = entities.get(part) or columns.get(part)
            if sqls is None and time is not None and _DAYS.fullmatch(part):
                sqls = (time.sql,)
            if sqls is None and len(others) == 1:
                sqls = others[0]
            of = {c for sql in sqls or () for c in self._columns(name, sql)}
            if not of or of & found:
                return "", ()
            found |= of
        tables = {c.partition(".")[0] for c in found}
        of_table = tuple(sorted(c.partition(".")[2] for c in found))
        return (tables.pop(), of_table) if len(tables) == 1 else ("", ())

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
    def grids(self) -> frozenset[str]:
        """Times at each of which things have rows: "one row per day and bank account", no more."""
        found: set[str] = set()
        for name, model in self.catalog.models.items():
            told = _GRAIN.match(model.description or "")
            time = model.dimension(model.agg_time_dimension or "")
            if told is not None and time is not None and len(_CLAUSE.split(told[1])) == 1:
                found |= self._columns(name, time.sql)
        return frozenset(found)

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
    def _of_rows(self) -> set[str]:
        """Columns that name the rows of their own table."""
        return {
            c
            for n, m in self.catalog.models.items()
            for e in m.entities
            if e.type in ("primary", "unique")
            for part in m.key(e)
            for c in self._columns(n, part)
        }

    @cached_property
    def _of_entities(self) -> set[str]:
        """Columns that name things."""
        return {c for n, m in self.catalog.models.items() for c in self._named_by(n, m)}

    @cached_property
    def _of_grain(self) -> set[str]:
        """Columns that name things of which "one row per .." tells: each row has one."""
        found: set[str] = set()
        for name, model in self.catalog.models.items():
            told, _, said = (model.description or "").partition("per ")
            words = set(re.findall(r"\w+", said.partition(".")[0].partition(",")[0].lower()))
            for entity in model.entities:
                if told.lower().startswith("one row") and entity.name.lower() in words:
                    for part in model.key(entity):
                        found |= self._columns(name, part)
        return found

    @cached_property
    def _missing(self) -> frozenset[str]:
        """Columns of which a description says that values are missing, or a dimension asks it."""
        told = {
            column
            for name, model in self.catalog.models.items()
            for c in model.columns
            if re.search(r"\b[Mm]issing\b", c.description or "")
            for column in self._columns(name, f'"{c.name}"')
        }
        return frozenset(told | self._asked_for)

    def _named_by(self, name: str, model: Model) -> Iterator[str]:
        for entity in model.entities:
            for part in model.key(entity):
                yield from self._columns(name, part)


def values_in(description: str) -> tuple[str, ...]:
    """The values that a description lists: "paid, open or void."; none for other sentences."""
    sentence = re.sub(r"\([^)]*\)", "", description).strip().partition(".")[0]
    first, *later = sentence.split(";")
    found = _listed(first)
    more = [w for clause in later for told in _LISTED.findall(clause) for w in _words(told)]
    return (*found, *(w for w in more if w not in found)) if found else ()


def _words(text: str) -> list[str]:
    return [part.strip() for part in re.split(r",|\bor\b|\band\b", text)]


def _listed(clause: str) -> tuple[str, ...]:
    text = clause.rpartition(":")[2]
    parts = _words(text)
    if len(parts) > 1 and all(re.fullmatch(r"\w+", part) for part in parts):
        return tuple(parts)
    clauses = [clause.split() for clause in text.split(",")]
    firsts = [words[0] for words in clauses if words]
    is_listed = len(firsts) > 1 and any("_" in first for first in firsts)
    return tuple(firsts) if is_listed and all(w.islower() for w in firsts) else ()
