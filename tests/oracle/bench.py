"""One project for many databases and questions: kpilayer's answer beside the oracle's."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa

from kpilayer import Project
from kpilayer.errors import Issue, KpilayerError, QueryError
from kpilayer.warehouse.result import Result
from tests.oracle import questions, strategies
from tests.oracle.aggregate import Undetermined
from tests.oracle.databases import database, literal
from tests.oracle.joins import Row, Tables, Unanswerable
from tests.oracle.kinds import World
from tests.oracle.library import Spec
from tests.oracle.query import Line, Query, answer, columns
from tests.oracle.same import same_rows
from tests.oracle.smaller import smaller
from tests.oracle.strategies import Library
from tests.oracle.world import METRICS, MODELS, SPINE, TABLES

#: Definitions in which whole numbers meet doubles: an average over days, say, beside a count.
_MIXING = ("fill_nulls_with", "COALESCE", "CASE", "sql", '"period_agg": "average"')
#: What kpilayer may refuse although the oracle has an answer.
_MAY_REFUSE = {"mixed-condition", "no-grouped-metric", "uneven-offset"}
#: How kpilayer says that it cannot compute something yet.
_MISSING = ("not-supported-yet", "unsupported-in-dialect")
#: Failures of the database that nobody takes for an answer: numbers too large for their type, and
#: ClickHouse's decimals beside doubles in one CASE.
_LOUD = ("Overflow in", "Out of Range Error", "integer overflow", "There is no supertype",
         "overflow. Use", "cannot be represented as Decimal")  # fmt: skip
#: Engines whose decimals are doubles where they have more digits.
FIFTEEN_DIGITS = ("sqlite",)
_ROUNDED = ("average", "median", "percentile", "stddev", "variance")


@dataclass
class Case:
    """Where the two answers differ."""

    metrics: str
    tables: Tables
    query: Query
    found: object
    expected: object
    sql: str = ""
    settings: str = ""

    def __str__(self) -> str:
        rows = "\n".join(
            f"  {table}: {row}"
            for table, rows in self.tables.items()
            for row in (rows if table != "calendar" else (rows[0], rows[-1]))
        )
        return (
            f"{self.settings}\nmetrics:\n{self.metrics}\nrows:\n{rows}\nquery: {self.query}\n"
            f"kpilayer: {self.found}\noracle:   {self.expected}\n{self.sql}"
        )


@dataclass
class Tally:
    """What became of all questions."""

    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    compared_by_kind: Counter[str] = field(default_factory=Counter)
    cases: list[Case] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for mine, theirs in zip(self._counters(), other._counters(), strict=True):
            mine.update(theirs)
        self.cases += other.cases

    def _counters(self) -> tuple[Counter[str], ...]:
        return self.counts, self.skipped, self.by_kind, self.compared_by_kind


@dataclass(frozen=True)
class Elsewhere:
    """An engine that answers in DuckDB's place, and what copies a table to it."""

    connection: Any
    load: Callable[[Any, str, pa.Table], None]
    has_fifteen_digits: bool = False


class Bench:
    """A loaded project on one connection; ``kinds`` of metrics that it has, by name."""

    def __init__(
        self,
        root: Path,
        random: Random,
        only: str | None = None,
        size: int | None = 40,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.root, self.random, self.only, self.elsewhere = root, random, only, elsewhere
        self.has_spine = random.random() < 0.4
        self.connection = duckdb.connect(":memory:", config={"threads": 1})
        for table, shape in TABLES.items():
            lines = ", ".join(map(" ".join, shape.items()))
            self.connection.execute(f"CREATE TABLE {table} ({lines})")
        self.week_start = random.choice(("monday", "monday", "sunday", "saturday"))
        (root / "kpilayer.yml").write_text(f"name: oracle\nweek_start: {self.week_start}\n")
        (root / "models").mkdir(exist_ok=True)
        (root / "models" / "all.yml").write_text(MODELS + (SPINE if self.has_spine else ""))
        self.specs: list[Spec] = []
        self.library = Library(random, self._load([]))
        self._invent(size)  # none at all where there is no size
        self.types: dict[str, tuple[str, Query]] = {}
        self.asked = 0
        self.exact = {name: self._is_exact(name) for name in self.library.kinds}

    # ------------------------------------------------------------------------------- definitions

    def _load(self, specs: Sequence[Spec]) -> World:
        (self.root / "models" / "metrics.yml").write_text(written(specs))
        asked = self.elsewhere.connection if self.elsewhere else self.connection
        self.project = Project.load(self.root, connection=asked)
        return World.of(self.project.catalog.definitions, {table: [] for table in TABLES})

    def _invent(self, size: int | None) -> None:
        """Metrics of all kinds, each from those before; what is refused by `check` is left out."""
        library = self.library
        for metric in self.project.catalog.definitions.metrics:
            kind = metric.type if metric.type != "simple" else "simple"
            library.kinds[metric.name] = kind
            library.specs.append(json.loads(metric.model_dump_json(exclude_unset=True)))
        if size is None:
            return
        wanted = [k for k in strategies.KINDS if self.only is None or k == self.only]
        plain = ("simple", "simple", "variant", "derived", "sql")
        for stage in (plain * 2, tuple(self.random.choice(wanted) for _ in range(size))):
            made: list[tuple[str, Spec]] = []
            for number, kind in enumerate(stage):
                name = f"{kind}_{len(self.specs) + number}"
                spec = library.make(kind, name)
                if spec is not None:
                    made.append((kind, spec))
            self._keep(made)

    def define(self, specs: list[Spec]) -> None:
        """Adds metrics to the project.

        Raises:
            AssertionError: `check` refuses one of them.
        """
        self._keep([(spec.get("type", "simple"), spec) for spec in specs])
        assert all(spec["name"] in self.library.kinds for spec in specs), self.refused

    def _keep(self, made: list[tuple[str, Spec]]) -> None:
        specs = [*self.specs, *(spec for _, spec in made)]
        world = self._load(specs)
        refused = {
            line.split('"name": "')[1].split('"')[0]
            for issue in self.project.check()
            if issue.severity == "error" and issue.location is not None
            for line in [written(specs).splitlines()[issue.location.line - 1]]
            if '"name": "' in line
        }
        if refused:
            self.refused = [i for i in self.project.check() if i.severity == "error"]
            return self._keep([(k, s) for k, s in made if s["name"] not in refused])
        self.specs = specs
        self.library.world = world
        for kind, spec in made:
            self.library.kinds[spec["name"]] = kind
            self.library.specs.append(spec)
        return None

    def kinds_of(self, name: str) -> set[str]:
        """The kinds of a metric and of what it is computed from."""
        below = self.library.world.metrics[name].inputs
        return {self.library.kinds[name], *(k for i in below for k in self.kinds_of(i.name))}

    def _is_exact(self, name: str) -> bool:
        """Whether its values are the same to the last digit, however they are added up."""
        world = self.library.world
        kinds = self.kinds_of(name)
        if not kinds <= {"simple", "variant"}:
            return False
        atoms = list(world.atoms(name))
        return all(a.agg not in _ROUNDED and "/" not in a.value for a in atoms)

    def is_loose(self, name: str) -> bool:
        """Whether a whole number of a definition may be shown as the metric's own type."""
        spec = next((s for s in self.specs if s["name"] == name), {})
        text = json.dumps(spec)
        below = self.library.world.metrics[name].inputs
        return any(w in text for w in _MIXING) or any(self.is_loose(i.name) for i in below)

    # ------------------------------------------------------------------------------------ cases

    def fill(self, tables: Tables) -> None:
        statements = []
        for table, rows in tables.items():
            statements.append(f"DELETE FROM {table}")
            if rows:
                lines = ", ".join(f"({', '.join(map(literal, row.values()))})" for row in rows)
                statements.append(f"INSERT INTO {table} VALUES {lines}")
        self.connection.execute("; ".join(statements))
        for table in tables if self.elsewhere is not None else ():
            rows_of_it = self.connection.sql(f"SELECT * FROM {table}").to_arrow_table()
            self.elsewhere.load(self.elsewhere.connection, table, rows_of_it)

    def question(self) -> Query:
        names = self.library.kinds
        pool = [n for n in names if self.only in (None, names[n])] or list(names)
        first = self.random.choice(pool)
        metrics = [first]
        while self.random.random() < 0.35 and len(metrics) < 4:
            other = self.random.choice(list(names))
            if other not in metrics:
                metrics.append(other)
        return questions.query(self.library, metrics, self.exact)

    def kpilayer(
        self, query: Query, *, run: bool = True
    ) -> tuple[list[Line] | KpilayerError, str, dict[str, str]]:
        """Rows, SQL and types; or why there are none.

        Some are asked as people ask; of the others, the SQL is run here, which takes half the time.
        """
        asked = {f.name: getattr(query, f.name) for f in fields(query)}
        asked["top"] = None if query.top is None else asdict(query.top)
        self.asked += 1
        sql = ""
        try:
            if not run:
                return [], self.project.compile(**asked), {}
            if self.elsewhere or self.asked % 10 == 0:
                result = self.project.query(**asked)
            else:
                sql = self.project.compile(**asked)
                table = self.connection.sql(sql).to_arrow_table()
                result = Result.from_table(table, sql=sql)
        except KpilayerError as error:
            return error, sql, {}
        except duckdb.Error as error:
            return QueryError(Issue("query-failed", str(error))), sql, {}
        except Exception as error:  # noqa: BLE001 - a traceback is a mistake, to be shown
            return QueryError(Issue("query-failed", f"a traceback: {error!r}")), sql, {}
        types = {f.name: str(f.type) for f in result.to_arrow().schema}
        return result.rows(), result.sql, types

    def run(self, tables: Tables, query: Query, tally: Tally) -> Case | None:
        """Compares the two answers to one question; the database is filled."""
        kinds = sorted({k for m in query.metrics for k in self.kinds_of(m)})
        tally.counts["asked"] += 1
        tally.by_kind.update(kinds)
        expected: list[Line] | Unanswerable | Undetermined
        try:
            expected = answer(self.library.world.over(tables), query)
        except (Unanswerable, Undetermined) as reason:
            expected = reason
            if "too fine" in str(reason):
                tally.counts["too large"] += 1
                return None
        found, sql, types = self.kpilayer(query, run=isinstance(expected, list))
        if isinstance(found, KpilayerError):
            missing = [i for i in found.issues if i.code in _MISSING]
            if missing:
                tally.counts["skipped"] += 1
                word = missing[0].message
                tally.skipped[word.partition(" needs ")[2] or word] += 1
                return None
            if any(text in str(found) for text in _LOUD):
                tally.counts["failed loudly"] += 1
                tally.skipped[next(f"fails: {text}" for text in _LOUD if text in str(found))] += 1
                return None
        if not isinstance(expected, list):
            what = "undetermined"
            if isinstance(expected, Unanswerable):
                refused = isinstance(found, KpilayerError)
                what = "refused by both" if refused else "refused by the oracle alone"
            tally.counts[what] += 1
            tally.skipped[f"{what}: {expected}"] += 1
            return None
        if isinstance(found, KpilayerError):
            codes = {i.code for i in found.issues}
            may = {*_MAY_REFUSE, *_of_extras(query)}
            if any(self.kinds_of(m) & {"share", "regrouped"} for m in query.metrics):
                may.add("unsound-question")  # of groups that overlap
            if codes & may and codes <= {*may, "bad-order-by"}:
                tally.counts["refused by kpilayer alone"] += 1
                tally.skipped[f"refused by kpilayer alone: {', '.join(sorted(codes))}"] += 1
                return None
            return self._case(tables, query, str(found), expected, sql)
        tally.counts["compared"] += 1
        tally.compared_by_kind.update(kinds)
        if tuple(types) != columns(self.library.world, query):
            return self._case(tables, query, tuple(types), columns(self.library.world, query), sql)
        count = len(query.group_by) + bool(query.totals)
        each = 1 + 3 * len(query.compare)
        loose = [query.fill is not None or self.is_loose(m) for m in query.metrics]
        loose = [False] * count + [free for free in loose for _ in range(each)]
        if self.elsewhere is not None and self.elsewhere.has_fifteen_digits:
            wide = [any(_is_wide(row[at]) for row in expected) for at in range(len(loose))]
            loose = [free or rounded for free, rounded in zip(loose, wide, strict=True)]
        if not same_rows(found, expected, loose):
            return self._case(tables, query, found, expected, sql)
        if "cumulative" in kinds or query.fill is not None:
            return None
        for name, shown in types.items():
            if query.top is not None and query.top.other is not None:
                name = f"{name} beside {query.top.of}"  # a text, as what is left over is called
            first, other = self.types.setdefault(name, (shown, query))
            if first != shown:
                what = f"`{name}` is {shown}"
                return self._case(tables, query, what, f"{first} in {other}", sql)
        return None

    def _case(self, tables: Tables, query: Query, found: Any, expected: Any, sql: str) -> Case:
        needed = set(query.metrics)
        for spec in reversed(self.specs):
            if spec["name"] in needed:
                text = json.dumps(spec)
                needed |= {s["name"] for s in self.specs if f'"{s["name"]}"' in text}
        specs = [s for s in self.specs if s["name"] in needed]
        text = "\n".join(f"  - {json.dumps(s)}" for s in specs)
        return Case(
            text,
            {t: r for t, r in tables.items() if r},
            query,
            found,
            expected,
            sql,
            f"week_start: {self.week_start}",
        )

    # ------------------------------------------------------------------------------- shrinking

    def shrunk(self, tables: Tables, query: Query) -> Case:
        """A case that still differs, with as few rows, metrics and words as found."""
        self.fill(tables)
        best = self.run(tables, query, Tally())
        assert best is not None
        changed = True
        while changed:
            changed = False
            for fewer, less in smaller(tables, query):
                self.fill(fewer)
                case = self.run(fewer, less, Tally())
                if case is not None and isinstance(case.found, str) == isinstance(best.found, str):
                    tables, query, best, changed = fewer, less, case, True
                    break
        return best


def _is_wide(value: Any) -> bool:
    """Whether a number has more than 15 digits, as the decimals of these tables are written."""
    return isinstance(value, (int, Decimal)) and abs(value) > 10**9


def _of_extras(query: Query) -> Iterator[str]:
    """What may be refused of what is done with an answer."""
    if query.totals or query.top or query.compare:
        yield "unsound-question"
    if query.top and query.top.other:  # whether there are members beyond the best or not
        yield "needs-time"
    if query.compare:
        yield from ("bad-compare", "no-rows-to-move", "needs-time")


def written(specs: Sequence[Spec]) -> str:
    """Metrics as YAML, one a line, after those that stay the same."""
    return METRICS + "".join(f"  - {json.dumps(spec)}\n" for spec in specs)


def session(
    random: Random,
    count: int,
    *,
    only: str | None = None,
    per_database: int = 12,
    shrink: bool = True,
    elsewhere: Elsewhere | None = None,
) -> Tally:
    """Asks ``count`` questions over one project with random metrics."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), random, only, elsewhere=elsewhere)
        tables: dict[str, list[Row]] = {}
        for number in range(count):
            if number % per_database == 0:
                tables = database(random)
                bench.fill(tables)
            query = bench.question()
            case = bench.run(tables, query, tally)
            if case is not None:
                tally.counts["mismatches"] += 1
                if len(tally.cases) < 3:
                    tally.cases.append(bench.shrunk(tables, query) if shrink else case)
                    bench.fill(tables)
    return tally
