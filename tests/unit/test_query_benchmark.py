"""The questions of benchmarks/query.py have the rows of the hand-written SQL, on small data."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCALES = {"tpch": 0.01, "company": 0.1}
NAMES = [
    (data.name, text.stem)
    for data in sorted((BENCHMARKS / "sql").iterdir())
    for text in sorted(data.glob("*.sql"))
]


@pytest.fixture(scope="module")
def query() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("query")
    sys.path.remove(str(BENCHMARKS))
    for name in ("query", "questions", "compile", "generate"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def databases(
    query: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, duckdb.DuckDBPyConnection]]:
    folder = tmp_path_factory.mktemp("benchmark")
    found = {}
    for data, scale in SCALES.items():
        if data != "tpch" or query.tpch_generator() is not None:
            found[data] = duckdb.connect(str(query.made(data, folder, scale)), read_only=True)
    yield found
    for connection in found.values():
        connection.close()


def test_every_question_has_a_text_by_hand_and_every_text_its_question(query: ModuleType) -> None:
    asked = [(data, q.name) for data, questions in query.QUESTIONS.items() for q in questions]
    assert sorted(asked) == NAMES


@pytest.mark.parametrize(("data", "name"), NAMES, ids=[name for _, name in NAMES])
def test_a_question_has_the_rows_of_the_hand_written_sql(
    data: str, name: str, query: ModuleType, databases: dict[str, duckdb.DuckDBPyConnection]
) -> None:
    if data not in databases:
        pytest.skip("needs TPC-H's data: pip install 'kpilayer[bench]'")
    question = next(q for q in query.QUESTIONS[data] if q.name == name)
    compiled = query.ours(data)(question)
    if compiled == query.NOT_YET:
        pytest.skip("kpilayer cannot compute it yet")
    run = query.Run(data, question)
    texts = {"hand": query.by_hand(data, question), "kpilayer": compiled}
    query.measure(databases[data], run, texts, times=1)
    assert run.rows["hand"]
    assert run.verdict == "equal"
    assert run.seconds.keys() == texts.keys()


def test_rows_are_the_same_in_any_order_and_with_other_types_of_the_same_value(
    query: ModuleType,
) -> None:
    one = {("a", date(2026, 1, 1)): (1.0, None), ("b", None): (2.0, 3.0)}
    other = {
        ("b", query.plain(None)): (query.plain(2), query.plain(Decimal("3.00"))),
        ("a", query.plain(datetime(2026, 1, 1))): (query.plain(1 + 1e-12), None),
    }
    assert query.same_rows(one, other)


@pytest.mark.parametrize(
    "other",
    [
        {("a",): (1.001,)},
        {("a",): (None,)},
        {("b",): (1.0,)},
        {("a",): (1.0,), ("b",): (1.0,)},
        {},
    ],
)
def test_another_value_or_group_is_a_difference(
    other: dict[tuple[str], tuple[float]], query: ModuleType
) -> None:
    assert not query.same_rows({("a",): (1.0,)}, other)


def test_a_wrong_answer_is_told_and_not_hidden_by_its_speed(query: ModuleType) -> None:
    question = query.Question("two", ("total",))
    run = query.Run("tpch", question)
    texts = {"hand": "SELECT 2 AS total", "kpilayer": "SELECT 3 AS total"}
    with duckdb.connect() as connection:
        query.measure(connection, run, texts, times=2)
    assert run.verdict == "DIFFERENT: kpilayer"
    assert run.ratio("kpilayer", "hand") is None


def test_a_text_that_takes_too_long_is_cut_and_its_ratio_is_the_least_that_it_is(
    query: ModuleType,
) -> None:
    slow = "SELECT SUM(a.i * b.i) AS total FROM range(10000000) a(i), range(10000000) b(i)"
    run = query.Run("tpch", query.Question("two", ("total",)))
    texts = {"kpilayer": "SELECT 2 AS total", "metricflow": slow}
    with duckdb.connect() as connection:
        query.measure(connection, run, texts, times=2, patience=0.2)
    assert run.remarks == {"metricflow": "more than 0.2 s"}
    assert run.ratio("metricflow", "kpilayer") > 1
    assert run.ratio("kpilayer", "metricflow") is None


def test_goals_compare_geometric_means_and_the_worst_question(query: ModuleType) -> None:
    def run(kind: str, ours: float, theirs: float) -> object:
        return query.Run(
            "tpch",
            query.Question("q", ("total",), kind=kind),
            {"hand": 1.0, "kpilayer": ours, "metricflow": theirs},
        )

    goals = query.goals([run("shared", 0.5, 1.0), run("trailing", 2.0, 18.0)])
    assert [goal.value for goal in goals] == pytest.approx([1.0, 2.0, 9.0, 0.5])
    assert [goal.verdict for goal in goals] == ["met", "met", "MISSED", "met"]
