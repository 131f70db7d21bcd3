"""kpilayer's answers to random questions on random databases equal those of the oracle.

What kpilayer refuses as `not-supported-yet` is skipped and counted, so that a kind of metric is
compared as soon as it can be computed. `python -m tests.oracle.run` asks as many as wanted, and
`make nightly` many.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.oracle.bench import Bench, Tally, session
from tests.oracle.databases import database
from tests.oracle.query import Query
from tests.oracle.run import report
from tests.oracle.world import TABLES

#: A session is one project with random metrics; sessions are spread over processes by `-n`.
SESSIONS, QUESTIONS = 20, 250
TOTAL = Tally()


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """At the end, how many questions of each kind were compared (shown with `-s`)."""
    yield
    print(report(TOTAL, 0))  # noqa: T201


@pytest.mark.parametrize("seed", range(SESSIONS))
def test_answers_equal_those_of_the_oracle(seed: int) -> None:
    tally = session(Random(f"fixed/{seed}"), QUESTIONS)
    TOTAL.add(tally)
    assert not tally.cases, "\n\n".join(map(str, tally.cases))
    assert tally.counts["compared"] > QUESTIONS / 2


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(Path(tmp_path_factory.mktemp("oracle")), Random("one project"))


@given(random=st.randoms(use_true_random=False))
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
def test_answers_on_databases_that_hypothesis_makes_small(bench: Bench, random: Random) -> None:
    tables = database(random)
    bench.random = bench.library.random = random
    query = bench.question()
    bench.fill(tables)
    tally = Tally()
    case = bench.run(tables, query, tally)
    TOTAL.add(tally)
    if case is not None:
        note(str(case))
    assert case is None


def test_a_formula_is_null_in_a_group_where_none_of_its_inputs_has_a_row(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Random(0), size=None)
    spec = {"name": "at_least_0", "type": "derived", "expr": "COALESCE(fees, 0)"}
    bench.define([{**spec, "input_metrics": ["fees"]}])
    empty = {table: [] for table in TABLES}
    tables = {**empty, "visits": [{"customer_id": 4, "visited_at": None, "page": None}]}
    bench.fill(tables)
    query = Query(("at_least_0", "visit_count"), ("customer",))
    assert bench.run(tables, query, Tally()) is None
