"""Metric tests: given rows, a question, and the rows that must come out.

They run on a DuckDB in memory, whatever the target is, so they need no connection. Each relation
that definitions read is replaced by a view of given rows, or of none (``sql/given.py``); from there
on a test is compiled as any question is.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from kpilayer.access import EVERYTHING
from kpilayer.errors import Issue, KpilayerError, QueryError, did_you_mean, listing
from kpilayer.identity import Identity
from kpilayer.load.question import render_group_by, render_where
from kpilayer.model.lock import Lock
from kpilayer.model.metric_parts import MetricTest
from kpilayer.plan.query import Condition, Query
from kpilayer.snippets import quote_of
from kpilayer.sql.compiled import Compiled, compile_query
from kpilayer.sql.given import SCHEMA, Replaced, Source, givable, replaced, view_sql
from kpilayer.verify import given_rows
from kpilayer.verify.compare import Row, differences
from kpilayer.verify.outcome import Outcome, of_issues
from kpilayer.warehouse.connect import connect
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.profiles import Target
from kpilayer.warehouse.result import Result

_DIALECT: Final = "duckdb"
#: Rows come from the test and from nowhere else: no file, no extension from the network.
_MEMORY: Final = Target(
    "",
    "metric tests",
    "duckdb",
    _DIALECT,
    None,
    {"path": ":memory:", "settings": {"enable_external_access": "false", "threads": 1}},
    None,
)


def run(
    identity: Identity, metrics: Iterable[str], lock: Lock | None, schema: str
) -> Iterator[Outcome]:
    """The outcome of every test of these metrics, in order.

    ``schema`` is where tables without one are: it decides which names are the same table.
    """
    tested = [(name, identity.catalog.metrics[name].metric_tests) for name in metrics]
    if not any(tests for _, tests in tested):
        return
    connection = connect(_MEMORY, project_dir=Path())
    bench = _Bench(identity, lock, schema, connection, givable(identity.catalog, schema))
    try:
        for metric, tests in tested:
            for index, test in enumerate(tests):
                began = time.perf_counter()
                try:
                    outcome = bench.outcome(metric, test)
                except KpilayerError as error:
                    outcome = of_issues("metric_test", metric, test.name, error.issues)
                definitions = identity.catalog.definitions
                place = definitions.at("metric", metric, "metric_tests", index, "name")
                yield replace(outcome, location=place, seconds=time.perf_counter() - began)
    finally:
        connection.close()


@dataclass(frozen=True)
class _Bench:
    """The database, and catalogs over it by what is given."""

    identity: Identity
    lock: Lock | None
    schema: str
    connection: Connection
    known: Mapping[str, Source]
    """What rows can be given for, by name."""
    _made: dict[frozenset[Source], tuple[Replaced, Identity]] = field(default_factory=dict)

    def outcome(self, metric: str, test: MetricTest) -> Outcome:
        given = self._given(test)
        found, identity = self._replaced(self._own(given))
        query = _query(metric, test, quote_of(self.identity.catalog.dialect))
        compiled = compile_query(query, identity, _DIALECT, "", role=EVERYTHING)
        wanted = _columns(test, compiled, query)
        self._fill(found, given, compiled.sql)
        table = self.connection.run(compiled.sql)
        rows = Result.from_table(table, sql=compiled.sql).rows()
        positions = list(wanted.values())
        actual: list[Row] = [tuple(row[i] for i in positions) for row in rows]
        expected = [tuple(_lowered(row)[name] for name in wanted) for row in test.expect]
        differing = differences(expected, actual, in_order=bool(test.query.order_by))
        if not differing:
            return Outcome("metric_test", metric, test.name, "passed")
        message = _summary(len(differing), len(expected), len(actual))
        return Outcome(
            "metric_test",
            metric,
            test.name,
            "failed",
            message,
            columns=tuple(wanted),
            differences=differing,
        )

    def _given(
        self, test: MetricTest
    ) -> dict[Source, tuple[str, tuple[Mapping[str, object], ...]]]:
        """Rows by what they stand for, each with the name that the test has for it.

        Raises:
            QueryError: a name that nothing reads, or two names of one relation.
        """
        found: dict[Source, tuple[str, tuple[Mapping[str, object], ...]]] = {}
        issues = []
        for name, rows in test.given.items():
            source = self.known.get(name.lower())
            if source is None:
                names = list(self.known)
                hint = did_you_mean(name, names) or f"rows can be given for {listing(names)}"
                message = f"no definition reads `{name}`, which has rows in `given`"
                issues.append(Issue("unknown-model", message, hint=hint))
            elif source in found:
                message = f"`{found[source][0]}` and `{name}` are the same rows: give one of them"
                issues.append(Issue("bad-value", message))
            else:
                found[source] = (name, rows)
        if issues:
            raise QueryError(issues)
        return found

    def _own(self, given: Iterable[Source]) -> frozenset[Source]:
        """Of what is given, what would otherwise be made: SQL models and time spines."""
        spines = {self.known[s.name] for s in self.identity.catalog.definitions.time_spines}
        return frozenset(source for source in given if source[0] == "query" or source in spines)

    def _replaced(self, own: frozenset[Source]) -> tuple[Replaced, Identity]:
        if own not in self._made:
            found = replaced(self.identity.catalog, own, self.schema)
            # Paths between models are what they were: the graph keeps those that it has found.
            graph = replace(self.identity.graph, catalog=found.catalog)
            self._made[own] = (found, Identity(graph))
        return self._made[own]

    def _fill(
        self,
        found: Replaced,
        given: Mapping[Source, tuple[str, tuple[Mapping[str, object], ...]]],
        sql: str,
    ) -> None:
        """Makes the views that the question reads; those of the test before are gone.

        Raises:
            QueryError: a row has a column that its relation does not have.
        """
        catalog = self.identity.catalog
        statements = [f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE", f"CREATE SCHEMA {SCHEMA}"]
        issues = []
        for source, view in found.views.items():
            name, rows = given.get(source, ("", ()))
            if f"{SCHEMA}.{view}" not in sql and not rows:
                continue
            models = [m for m in catalog.models if self.known[m] == source]
            columns = given_rows.columns_of(
                catalog, models, rows, self.lock, found.columns.get(source, ())
            )
            for column, hint in given_rows.unknown_columns(rows, columns):
                message = f"`{name}` has no column `{column}`, which a row of `given` has"
                issues.append(Issue("unknown-column", message, hint=hint))
            if not issues:
                statements.append(view_sql(view, columns, given_rows.as_texts(rows, columns)))
        if issues:
            raise QueryError(issues)
        self.connection.execute(";\n".join(statements))


def _query(metric: str, test: MetricTest, quote: str) -> Query:
    """What a test asks: of its metric, and of others that it names."""
    asked = test.query
    groups, bad_groups = render_group_by(asked.group_by, quote)
    conditions, bad_conditions = render_where(asked.where, quote)
    if bad_groups or bad_conditions:
        raise QueryError([*bad_groups, *bad_conditions])
    return Query(
        (metric, *(m for m in asked.metrics if m != metric)),
        groups,
        tuple(Condition(sql, sql) for sql in conditions),
        asked.start,
        asked.end,
        asked.exact,
        asked.order_by,
        asked.limit,
    )


def _columns(test: MetricTest, compiled: Compiled, query: Query) -> dict[str, int]:
    """The columns that `expect` names, with their position in the answer.

    A group-by may be named as the question names it: `metric_time` for `metric_time__day`.

    Raises:
        QueryError: a column that the answer does not have, or that not every row names.
    """
    places = {name: i for i, name in enumerate(compiled.columns)}
    for i, asked in enumerate(query.group_by):
        places.setdefault(asked.strip().lower(), i)
    rows = [_lowered(row) for row in test.expect]
    named = list(dict.fromkeys(name for row in rows for name in row))
    issues = []
    for name in named:
        if name not in places:
            hint = did_you_mean(name, places) or f"columns: {listing(compiled.columns)}"
            message = f"`expect` names `{name}`, which is not in the answer"
            issues.append(Issue("unknown-column", message, hint=hint))
        elif any(name not in row for row in rows):
            number = next(i for i, row in enumerate(rows, 1) if name not in row)
            message = f"row {number} of `expect` does not name `{name}`, which others do"
            hint = "name the same columns in each row; no value is `null`"
            issues.append(Issue("missing-field", message, hint=hint))
    if rows and not named:
        issues.append(Issue("missing-field", "the rows of `expect` name no column"))
    if issues:
        raise QueryError(issues)
    return {name: places[name] for name in named or compiled.columns}


def _lowered(row: Mapping[str, object]) -> dict[str, object]:
    return {name.lower(): value for name, value in row.items()}


def _summary(differing: int, expected: int, actual: int) -> str:
    most = max(expected, actual)
    said = f"{differing:,} of {most:,} row{'s'[: most != 1]} differ{'s'[: differing == 1]}"
    if expected != actual:
        said += f": {expected:,} expected, {actual:,} in the answer"
    return said
