"""kpilayer answers as MetricFlow does, on random questions over every kind of metric that dbt has.

MetricFlow is asked for SQL by a process in an environment of its own (`make metricflow`), over the
manifest that dbt makes of project/ (`make dbt`); both answers come from one DuckDB file. Where
kpilayer differs on purpose, exceptions.py says so, and each such statement is shown here with both
numbers. `python -m tests.parity.run --count 5000 --only cumulative` asks more of one kind.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NoReturn

import duckdb
import pytest

from kpilayer import DefinitionError, Project
from kpilayer.interop.compare import Answer, difference
from kpilayer.interop.metricflow import MetricFlow
from kpilayer.interop.question import Question
from tests.parity.exceptions import EXCEPTIONS, FAILURES, exception
from tests.parity.harness import Both, Missing, Report, metricflow_python, prepared
from tests.parity.questions import kinds, random_questions
from tests.parity.shown import SHOWN, Shown


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """kpilayer and MetricFlow on one file of rows."""
    try:
        found = Both(prepared(tmp_path_factory.mktemp("parity") / "project"))
    except Missing as error:
        _missing(str(error))
    yield found
    found.close()


def _missing(reason: str) -> NoReturn:
    if os.environ.get("KPILAYER_REQUIRE_ENGINES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def test_the_project_has_no_problem(both: Both) -> None:
    assert [i for i in both.project.check() if i.severity == "error"] == []


def test_random_questions_have_the_same_answers(
    both: Both, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = (q for q in random_questions(1) if exception(q) is None)
    report = Report()
    report.ask(both, islice(questions, 400))
    with capsys.disabled():
        print("\n" + "\n".join(report.lines(0)))
    assert not report.different and not report.failed, "\n".join(report.lines())
    every = set().union(*(kinds(q) for q in islice(random_questions(1), 5000)))
    assert report.answered.keys() == every


def test_every_exception_is_shown() -> None:
    shown = {case.number for case in SHOWN} | {"X9", "X10", "R1", "R4"}
    assert shown == {number for number, *_ in (*EXCEPTIONS, *FAILURES)}


def _marked(case: Shown) -> object:
    marks = [pytest.mark.statement.with_args(case.number)] if case.number[0] in "QX" else []
    return pytest.param(case, id=f"{case.number} {case.question}", marks=marks)


@pytest.mark.parametrize("case", [_marked(case) for case in SHOWN])
def test_an_exception_gives_the_right_number(case: Shown, both: Both) -> None:
    assert exception(case.question) == case.number
    theirs = both.theirs(case.question)
    keys = [c for c in case.columns if c not in case.question.metrics]
    right = Answer.of(case.columns, both.connection.sql(case.right).fetchall())
    assert right.rows
    if case.refusal is not None:
        assert isinstance(theirs, str)
        assert case.refusal in theirs
    else:
        expected = Answer.of(case.columns, both.connection.sql(case.theirs).fetchall())
        assert isinstance(theirs, Answer), theirs
        assert difference(theirs, expected, keys) is None
        assert difference(theirs, right, keys) is not None
    ours = both.ours(case.question)
    assert isinstance(ours, Answer), ours
    assert difference(ours, right, keys) is None


@pytest.mark.statement("X9")
def test_x9_an_expression_that_is_none_does_not_load(both: Both, tmp_path: Path) -> None:
    """MetricFlow pastes it into its SQL, and the database runs what stands there."""
    folder = shutil.copytree(
        both.folder, tmp_path / "x9", ignore=shutil.ignore_patterns("*.duckdb")
    )
    manifest = folder / "target" / "semantic_manifest.json"
    for path, old, new in (
        (folder / "models" / "orders.yml", "expr: quantity,", "expr: quantity) + (1,"),
        (manifest, '"expr": "quantity"', '"expr": "quantity) + (1"'),
    ):
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
    question = Question(("quantity",))
    with MetricFlow(metricflow_python(), manifest, "duckdb") as metricflow:
        assert "SUM(quantity) + (1)" in str(metricflow.sql(question))
    with pytest.raises(DefinitionError) as refused:
        Project.load(folder, connection=both.connection).compile(**question.asked())
    assert {issue.code for issue in refused.value.issues} == {"bad-sql"}


@pytest.mark.statement("X10")
def test_x10_nulls_are_last_also_where_the_engine_puts_them_first(both: Both) -> None:
    question = Question(("order_count",), ("order__status",), order_by=("order__status",), limit=1)
    both.connection.execute("SET default_null_order = 'nulls_first'")
    try:
        ours, theirs = both.ours(question), both.theirs(question)
    finally:
        both.connection.execute("RESET default_null_order")
    assert isinstance(ours, Answer)
    assert isinstance(theirs, Answer)
    assert [row[0] for row in theirs.rows] == [None]
    assert [row[0] for row in ours.rows] == ["cancelled"]


def test_r1_weeks_cannot_be_moved_by_months(both: Both) -> None:
    question = Question(("revenue_last_month",), ("metric_time__week",))
    assert exception(question) == "R1"
    assert both.theirs(question) == Answer(("metric_time__week", "revenue_last_month"), ())
    ours = both.ours(question)
    assert not isinstance(ours, Answer)
    assert ours.issues[0].code == "uneven-offset"


def test_r4_the_value_as_a_quarter_began_is_none_of_a_sprint(both: Both) -> None:
    question = Question(("revenue_since_quarter_start",), ("metric_time__sprint",))
    assert exception(question) == "R4"
    assert isinstance(both.theirs(question), Answer)
    ours = both.ours(question)
    assert not isinstance(ours, Answer)
    assert ours.issues[0].code == "uneven-offset"


def test_verify_finds_the_differences_on_purpose_and_no_others(both: Both) -> None:
    verdicts = both.project.verify_with_metricflow(metricflow_python())
    assert {v.metric for v in verdicts} == {m.name for m in both.project.metrics if not m.hidden}
    different = [v for v in verdicts if v.outcome == "differs"]
    assert different
    assert [v for v in different if exception(v.question) is None] == []
    assert sum(v.outcome == "equal" for v in verdicts) > 100


def test_the_same_seed_asks_the_same() -> None:
    assert list(islice(random_questions(7), 50)) == list(islice(random_questions(7), 50))


def test_rows_are_the_same_on_every_run() -> None:
    from tests.parity.rows import TABLES, build

    with duckdb.connect() as one, duckdb.connect() as other:
        build(one)
        build(other)
        for table in TABLES:
            assert one.table(table).fetchall() == other.table(table).fetchall()
