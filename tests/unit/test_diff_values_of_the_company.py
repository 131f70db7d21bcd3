"""Every kind of metric that the example company has, changed below: what is told of both sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

import kpilayer.change.measure as measuring
from kpilayer import Project
from kpilayer.access import EVERYTHING
from kpilayer.change.diff import Change, ChangeSet
from kpilayer.change.numbers import Pair
from kpilayer.change.periods import closed
from kpilayer.change.values import MetricValues, ValuesAsked
from kpilayer.demo.data import build
from kpilayer.identity import Identity
from kpilayer.join_graph import JoinGraph
from kpilayer.model.metric import SimpleMetric
from kpilayer.plan.query import Query
from kpilayer.selection.versions import Side
from kpilayer.sql.compiled import compile_query

ROOT = Path(__file__).parents[2]
ASKED = ValuesAsked(as_of=date(2026, 4, 10), periods=5)
WINDOW = closed(date(2026, 4, 10), 5, "month")


@dataclass(frozen=True)
class Company:
    """The example before and after a condition was added to each metric over rows."""

    base: Identity
    head: Identity
    connection: duckdb.DuckDBPyConnection

    @property
    def changes(self) -> ChangeSet:
        found = []
        for name in self.base.catalog.metrics:
            prints = (self.base.metric(name), self.head.metric(name))
            if prints[0] != prints[1]:
                found.append(Change(("metric", name), "value", fingerprints=prints))
        return ChangeSet(Side("base", self.base), Side("head", self.head), tuple(found))

    def some(self, number: int, of: int) -> ChangeSet:
        """Every so many of the changes, beginning with one."""
        return replace(self.changes, changes=self.changes.changes[number::of])

    def values(self, changes: ChangeSet) -> dict[str, MetricValues]:
        target = measuring.Target(
            lambda compiled: self.connection.sql(compiled.sql).to_arrow_table(), "duckdb", ""
        )
        return dict(measuring.measure(changes, ASKED, target).metrics)

    def rows(self, identity: Identity, query: Query) -> list[tuple[Any, ...]]:
        compiled = compile_query(query, identity, "duckdb", "", role=EVERYTHING)
        return self.connection.execute(compiled.sql).fetchall()


@pytest.fixture(scope="module")
def company() -> Iterator[Company]:
    with duckdb.connect() as connection:
        build(connection, 0.3)
        project = Project.load(ROOT, connection=connection)
        base = project._identity
        metrics = dict(base.catalog.metrics)
        conditions = {name: _condition(base, connection, name) for name in base.catalog.models}
        for name, metric in metrics.items():
            if isinstance(metric, SimpleMetric) and metric.model:
                more = conditions[metric.model]
                metrics[name] = metric.model_copy(update={"filter": (*metric.filter, *more)})
        head = Identity(JoinGraph(replace(base.catalog, metrics=metrics)))
        yield Company(base, head, connection)


def _condition(
    identity: Identity, connection: duckdb.DuckDBPyConnection, name: str
) -> tuple[str, ...]:
    """A condition that leaves out one of the values of a model's first dimension."""
    model = identity.catalog.models[name]
    found = [d for d in model.dimensions if d.type == "categorical"]
    if not found or not model.own_names:
        return ()
    address = f"{model.own_names[0]}__{found[0].name}"
    sql = compile_query(Query((), (address,)), identity, "duckdb", "", role=EVERYTHING).sql
    texts = [row[0] for row in connection.execute(sql).fetchall() if isinstance(row[0], str)]
    return (f"\"{address}\" <> '{texts[0]}'",) if len(texts) > 1 else ()


def test_one_scan_tells_what_two_questions_tell(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = company.some(0, 4)
    assert len(changes.changes) > 40
    together = company.values(changes)
    monkeypatch.setattr(measuring, "taken_over", lambda *_: None)
    apart = company.values(changes)
    assert {found.scans for found in apart.values()} == {2}
    assert [name for name, found in together.items() if found.scans != 1] == []
    for name, found in together.items():
        other = apart[name]
        assert not found.problem and not other.problem, name
        assert (found.total is None) == (other.total is None), name
        assert _parts(found.periods) == pytest.approx(_parts(other.periods)), name
        assert _parts(found.slices) == pytest.approx(_parts(other.slices)), name


def test_totals_and_slices_are_what_a_question_gives(company: Company) -> None:
    checked = 0
    for name, found in company.values(company.some(1, 4)).items():
        assert not found.problem, name
        if found.total is None or found.grain != "month" or found.notes:
            continue
        for at, identity in enumerate((company.base, company.head)):
            window = {"start": WINDOW.start, "end": WINDOW.end}
            ((truth,),) = company.rows(identity, Query((name,), **window))
            checked += _agrees(found.total, at, truth)
            if not found.slice:
                continue
            rows = company.rows(identity, Query((name,), found.slice, **window))
            by_slice = {f"= '{row[0]}'": row[1] for row in rows if len(row) == 2}
            for part in found.slices:
                known = next((v for k, v in by_slice.items() if part.label.endswith(k)), None)
                if known is not None and part.pair is not None and not part.is_rest:
                    checked += _agrees(part.pair, at, known)
    assert checked > 80


def _agrees(pair: Pair, at: int, truth: Any) -> int:
    told = Pair((pair.before, pair.after)[at], truth)
    assert told.same or told.is_fill, told
    return 1


def _parts(parts: Sequence[Any]) -> dict[str, Any]:
    """Numbers by label and side; a fill is no number, whichever way it is asked for."""
    return {
        f"{part.label} {side}": float(value or 0)
        for part in parts
        if part.pair is not None
        for side, value in (("before", part.pair.before), ("after", part.pair.after))
        if value is None or isinstance(value, int | float) or hasattr(value, "as_tuple")
    }
