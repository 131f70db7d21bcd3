"""How objectives come along, from rows in a database: each number is worked by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
from click.testing import CliRunner

import kpilayer.cli
from kpilayer import Project, QueryError
from kpilayer.cli.main import cli
from kpilayer.pacing import Paces, objectives
from tests.conftest import PostgresSchema

SCHEMA = json.loads(Path(kpilayer.cli.__file__).with_name("envelope.schema.json").read_text())
MODELS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: ordered_on, granularity: day, dimension: time}
      - {name: channel, dimension: categorical}
metrics:
  - {name: revenue, model: orders, agg: sum, expr: amount}
  - {name: order_count, model: orders, agg: count, expr: order_id}
  - {name: paid, model: orders, agg: sum_boolean, expr: is_paid}
  - {name: paid_share, type: ratio, numerator: paid, denominator: order_count, format: percent}
  - {name: unpaid, type: derived, expr: order_count - paid, input_metrics: [order_count, paid]}
"""
KPI = """
kpis:
  - name: paying
    metric: paid_share
    kind: supporting
    function: sales
    owner: {group: sales, person: lead@example.com}
    direction: higher
    cadence: monthly
    status: proposed
    GRACE
    health: {healthy: {min: 0.5}}
    TARGETS
"""
OKR = """
  - name: NAME
    objective: Sell more, and be paid
    owner: {group: sales}
    starts: STARTS
    ends: ENDS
    key_results:
"""


def okr(
    *results: str, name: str = "q3", starts: str = "2026-07-01", ends: str = "2026-09-30"
) -> str:
    head = OKR.replace("NAME", name).replace("STARTS", starts).replace("ENDS", ends)
    return head + "".join(f"      - {{{one}}}\n" for one in results)


#: Each quarter has 100; 20 of them in its first month, and 40 in that of the last quarter of 2025.
EARLIER = {
    "2025-06-15": 1,
    "2025-07-10": 20, "2025-09-10": 80, "2025-10-10": 40, "2025-12-10": 60,
    "2026-01-10": 20, "2026-03-10": 80, "2026-04-10": 20, "2026-06-10": 80,
}  # fmt: skip
CREATE = (
    "CREATE TABLE orders (order_id INT, ordered_on DATE, channel VARCHAR(9), amount INT,"
    " is_paid BOOLEAN)"
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as opened:
        opened.execute(CREATE)
        yield opened


def fill(connection: Any, rows: dict[str, int], paid: bool = True) -> None:
    for day, amount in rows.items():
        connection.execute(f"INSERT INTO orders VALUES (1, DATE '{day}', 'web', {amount}, {paid})")


def write(folder: Path, okrs: str, grace: str = "", targets: str = "") -> Path:
    kpis = KPI.replace("GRACE", grace).replace("TARGETS", targets)
    files = {
        "kpilayer.yml": "name: shop\n",
        "models/orders.yml": MODELS,
        "metrics/kpis.yml": kpis + ("okrs:" + okrs if okrs else ""),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def pace(
    folder: Path, connection: Any, as_of: str, okrs: str, grace: str = "", **asked: Any
) -> Paces:
    project = Project.load(write(folder, okrs, grace), connection=connection)
    return project.pace(as_of=date.fromisoformat(as_of), **asked)


SUM = "metric: revenue, baseline: 0, target: 120"


def test_a_sum_leads_where_the_last_four_quarters_led(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    """After July, earlier quarters had 20, 40, 20 and 20 %: a quarter of 120."""
    fill(connection, {**EARLIER, "2026-07-10": 30})
    (found,) = pace(tmp_path, connection, "2026-07-31", okr(SUM)).found
    (one,) = found.results
    assert one.pace.expected_share == pytest.approx(0.25)
    assert one.pace.projected == pytest.approx(120)
    assert (one.pace.value, one.pace.progress, one.pace.status) == (30, 0.25, "on_track")
    assert (one.since, one.until, found.score) == (date(2026, 7, 1), date(2026, 7, 31), 0.25)


@pytest.mark.parametrize(
    ("more", "status"),
    [("target: 150", "at_risk"), ("target: 150, ambition: stretch", "on_track"), ("target: 172", "off_track")],
)  # fmt: skip
def test_the_projected_progress_is_held_against_what_is_needed(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, more: str, status: str
) -> None:
    """120 are 80 % of 150 and 69.8 % of 172; a stretch goal needs 70 %, and 70 % of 1 is at risk."""
    fill(connection, {**EARLIER, "2026-07-10": 30})
    asked = okr(f"metric: revenue, baseline: 0, {more}")
    (found,) = pace(tmp_path, connection, "2026-07-31", asked).found
    assert found.results[0].pace.status == status


def test_a_quarter_in_which_data_begin_says_nothing_of_how_sums_grow(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    """Without the row before July 2025 that quarter does not count: (0.4 + 0.2 + 0.2) / 3."""
    known = {day: amount for day, amount in EARLIER.items() if day != "2025-06-15"}
    fill(connection, {**known, "2026-07-10": 30})
    (found,) = pace(tmp_path, connection, "2026-07-31", okr(SUM)).found
    assert found.results[0].pace.expected_share == pytest.approx(0.8 / 3)


def test_rows_outside_of_the_objective_are_in_no_sum(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    fill(connection, {"2026-06-30": 7, "2026-07-01": 30, "2026-09-30": 50, "2026-10-01": 99})
    (found,) = pace(tmp_path, connection, "2026-10-20", okr(SUM), names=["q3"]).found
    assert (found.results[0].pace.value, found.results[0].pace.status) == (80, "missed")


def _share(connection: Any, month: str, paid: int, unpaid: int) -> None:
    for n in range(paid + unpaid):
        fill(connection, {f"{month}-{n + 1:02}": 0}, paid=n < paid)


LEVEL = "kpi: paying, baseline: 0.5, target: 0.8"


def test_a_ratio_follows_the_line_of_the_months_that_are_over(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    """0.5 on 1 July and 0.6 on the 31st: 0.5 + 0.1 x 91 / 30 on 30 September."""
    _share(connection, "2026-06", 0, 4)
    _share(connection, "2026-07", 3, 2)
    _share(connection, "2026-08", 0, 8)
    (found,) = pace(tmp_path, connection, "2026-08-20", okr(LEVEL)).found
    (one,) = found.results
    assert (one.pace.value, one.since) == (pytest.approx(0.6), date(2026, 7, 1))
    assert one.pace.progress == pytest.approx(1 / 3)
    assert one.pace.projected == pytest.approx(0.5 + 0.1 * 91 / 30)
    assert one.pace.status == "on_track"


def test_a_month_whose_data_are_not_all_there_is_no_value_yet(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    """Data end on 5 August: that is no August to compare with, although it is over."""
    _share(connection, "2026-07", 3, 2)
    _share(connection, "2026-08", 0, 5)
    (found,) = pace(tmp_path, connection, "2026-09-10", okr(LEVEL)).found
    assert (found.results[0].pace.value, found.results[0].since) == (0.6, date(2026, 7, 1))


def test_an_objective_that_is_over_is_not_missed_by_data_that_are_missing(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _share(connection, "2026-07", 3, 2)
    _share(connection, "2026-08", 4, 1)
    fill(connection, {"2026-09-01": 0})
    (found,) = pace(tmp_path, connection, "2026-09-30", okr(LEVEL)).found
    (one,) = found.results
    assert (one.pace.status, one.problem) == (
        "no_data", "its last period ends on 2026-09-30, and data end on 2026-09-01",
    )  # fmt: skip
    fill(connection, {"2026-09-02": 0, "2026-09-03": 0, "2026-10-01": 0})
    (found,) = pace(tmp_path, connection, "2026-09-30", okr(LEVEL)).found
    assert (found.results[0].pace.value, found.results[0].pace.status) == (1.0, "achieved")


def test_within_its_grace_a_sum_stands_where_its_data_end(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    """2 in 90 of 92 days lead to 2.04, 82 % of 2.5; five days later nobody waits for the rest."""
    fill(connection, {"2026-07-01": 60, "2026-09-28": 59})
    kpi = "kpi: paying, baseline: 0, target: 2.5"
    status = {}
    for day in ("2026-09-30", "2026-10-05"):
        project = Project.load(write(tmp_path, okr(kpi), "grace: 3d"), connection=connection)
        text = (
            (tmp_path / "metrics/kpis.yml")
            .read_text()
            .replace("metric: paid_share", "metric: paid")
        )
        (tmp_path / "metrics/kpis.yml").write_text(text)
        project = Project.load(tmp_path, connection=connection)
        (found,) = project.pace(["q3"], as_of=date.fromisoformat(day)).found
        status[day] = (found.results[0].pace.status, found.results[0].until)
    assert status == {
        "2026-09-30": ("at_risk", date(2026, 9, 28)),
        "2026-10-05": ("missed", date(2026, 9, 30)),
    }


def test_the_score_of_an_objective_is_the_mean_of_those_that_are_known(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    """30 of 120 is 0.25, and 0.6 on the way from 0.5 to 0.8 a third; the third one has no rows."""
    fill(connection, {"2026-07-10": 30}, paid=True)
    fill(connection, {"2026-07-11": 0, "2026-07-12": 0}, paid=False)
    fill(connection, {"2026-07-13": 0, "2026-07-14": 0}, paid=True)
    fill(connection, {"2026-08-01": 0})
    asked = okr(SUM, LEVEL, "metric: paid_share, cadence: yearly, baseline: 0, target: 1")
    found = pace(tmp_path, connection, "2026-08-01", asked)
    (one,) = found.found
    assert one.score == pytest.approx((0.25 + 1 / 3) / 2)
    assert "score 0.29 (2 of 3 measured)" in found.to_text()
    assert one.results[2].problem == ("no whole period of `yearly` lies in its time: say `cadence`")


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ("metric: unpaid, measure: total, baseline: 1, target: 2", "do not add up"),
        ("metric: paid_share, measure: total, baseline: 1, target: 2", "do not add up"),
        ("metric: revenue, baseline: 2, target: 2", "its target is its baseline"),
        ("baseline: 1, target: 2", "a task is no result"),
    ],
)
def test_what_leads_nowhere_is_told_and_not_measured(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, result: str, problem: str
) -> None:
    fill(connection, {"2026-07-10": 30})
    (found,) = pace(tmp_path, connection, "2026-07-31", okr(result)).found
    assert problem in found.results[0].problem
    assert (found.results[0].pace.status, found.score) == ("no_data", None)


def test_a_sum_is_of_the_last_month_where_that_is_asked_for(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    fill(connection, {"2026-07-10": 30, "2026-08-10": 50, "2026-09-01": 7})
    asked = okr("metric: revenue, measure: period, baseline: 20, target: 60")
    (found,) = pace(tmp_path, connection, "2026-09-05", asked).found
    assert (found.results[0].pace.value, found.results[0].pace.progress) == (50, 0.75)


def test_arithmetic_over_sums_is_of_a_month(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    """By day, a day without an order that is not paid would have no value: the month has one."""
    fill(connection, {"2026-07-10": 1, "2026-07-11": 1, "2026-08-01": 1}, paid=False)
    (found,) = pace(
        tmp_path, connection, "2026-08-02", okr("metric: unpaid, baseline: 0, target: 4")
    ).found
    assert (found.results[0].aim.adds_up, found.results[0].pace.value) == (False, 2)


def test_one_question_is_asked_for_each_grain(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    results = (SUM, "metric: order_count, baseline: 0, target: 9", LEVEL, "metric: unpaid, baseline: 3, target: 1")  # fmt: skip
    project = Project.load(write(tmp_path, okr(*results)), connection=connection)
    questions: list[tuple[Any, ...]] = []

    def ask(metrics: Any, by: Any, where: Any, start: date, end: date) -> list[dict[str, Any]]:
        questions.append((metrics, by, start))
        return []

    objectives(project._identity, (), date(2026, 8, 15), ask, lambda source: None)
    assert questions == [
        (("revenue", "order_count"), ("metric_time__day",), date(2025, 5, 31)),
        (("paid_share", "unpaid"), ("metric_time__month",), date(2026, 7, 1)),
    ]


QUARTERS = [
    ("q4", "2025-10-01", "2025-12-31"), ("q1", "2026-01-01", "2026-03-31"),
    ("q2", "2026-04-01", "2026-06-30"), ("q3", "2026-07-01", "2026-09-30"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("aimed", "is_told"), [((100, 100, 100), True), ((100, 101, 100), False), ((40, 100, 90), True)]
)
def test_three_quarters_in_a_row_that_reached_everything_aimed_too_low(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, aimed: tuple[int, ...], is_told: bool
) -> None:
    """Each of them had 100."""
    fill(connection, {**EARLIER, "2026-07-01": 1})
    okrs = "".join(
        okr(f"metric: revenue, baseline: 0, target: {target}", name=name, starts=starts, ends=ends)
        for target, (name, starts, ends) in zip((*aimed, 300), QUARTERS, strict=True)
    )
    found = pace(tmp_path, connection, "2026-07-31", okrs)
    assert [one.name for one in found.found] == ["q3"]
    told = "the last 3 objectives of `sales` scored 1.0: were they aimed too low?"
    assert (found.found[0].hint == told) is is_told
    every = pace(tmp_path, connection, "2026-07-31", okrs, ended=True).found
    assert [bool(one.hint) for one in every] == [False, False, is_told, is_told]


def test_targets_are_values_of_a_period_as_the_range_is(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    """0.4 at the end of 2025, 0.6 in January: a third of the way to 1 in July."""
    _share(connection, "2026-01", 3, 2)
    fill(connection, {"2026-02-01": 0})
    targets = (
        "targets: [{name: plan, value: 1, by: 2026-07-31, baseline: {value: 0.4, date: 2025-12-31}},"
        " {name: past, value: 1, by: 2026-01-31}, {name: bare, value: 1, by: 2026-07-31}]"
    )
    project = Project.load(write(tmp_path, "", targets=targets), connection=connection)
    found = project.pace(targets=True, as_of=date(2026, 2, 10))
    (one,) = found.found
    plan, bare = one.results
    assert (plan.aim.name, plan.pace.value) == ("plan", 0.6)
    assert plan.pace.progress == pytest.approx(1 / 3)
    assert "no baseline" in bare.problem
    assert found.as_json()["okrs"][0]["kind"] == "targets"


def test_objectives_are_asked_by_name_when_they_have_ended(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    assert pace(tmp_path, connection, "2026-10-01", okr(SUM)).found == ()
    assert len(pace(tmp_path, connection, "2026-10-01", okr(SUM), names=["q3"]).found) == 1
    (found,) = pace(tmp_path, connection, "2026-06-30", okr(SUM)).found
    assert found.results[0].pace.status == "not_started"
    with pytest.raises(QueryError, match="did you mean `q3`"):
        pace(tmp_path, connection, "2026-10-01", okr(SUM), names=["q33"])


def test_a_time_that_cannot_be_asked_by_day_keeps_no_other_from_being_measured(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    fill(connection, {"2026-07-10": 30})
    write(tmp_path, okr(SUM, "metric: booked, baseline: 0, target: 9"))
    more = """
  - name: ledger
    semantic_model: true
    agg_time_dimension: booked_on
    columns:
      - {name: line_id, entity: {type: primary, name: line}}
      - {name: booked_on, granularity: month, dimension: time}
"""
    models, metrics = MODELS.split("metrics:", 1)
    booked = "  - {name: booked, model: ledger, agg: sum, expr: amount}\n"
    (tmp_path / "models/orders.yml").write_text(f"{models}{more[1:]}metrics:{metrics}{booked}")
    connection.execute("CREATE TABLE ledger AS SELECT 1 AS line_id, DATE '2026-07-01' AS booked_on, 5 AS amount")  # fmt: skip
    found = Project.load(tmp_path, connection=connection).pace(as_of=date(2026, 7, 31)).found[0]
    assert found.results[0].pace.value == 30
    assert (found.results[1].pace.status, "month" in found.results[1].problem) == ("no_data", True)


def test_the_command_says_it_as_text_markdown_and_json(tmp_path: Path) -> None:
    """30 of 120 after a third of the quarter's days lead to 90: 30 x 92 / 31 = 89.0323."""
    write(tmp_path, okr(SUM, LEVEL))
    (tmp_path / ".kpilayer").mkdir()
    with duckdb.connect(str(tmp_path / ".kpilayer/shop.duckdb")) as opened:
        opened.execute(CREATE)
        fill(opened, {"2026-07-10": 30})

    def run(*words: str) -> str:
        asked = ("-C", str(tmp_path), "okr", "--as-of", "2026-07-31", *words)
        result = CliRunner().invoke(cli, asked)
        assert result.exit_code == 0, result.output
        return result.stdout

    assert run() == (
        "q3: Sell more, and be paid   2026-07-01 to 2026-09-30   sales   "
        "score 0.25 (1 of 2 measured)\n"
        "  ▲ revenue  0 to 120   30 since 2026-07-01   progress 25%   "
        "leads to 89.0323, 74% (needs 100%)   at risk: data end on 2026-07-10\n"
        "  ○ paying   50.0% to 80.0%   no data: data end on 2026-07-10\n\n"
        "as of 2026-07-31: 1 no data, 1 at risk\n"
    )
    assert "| ▲ | `q3` | `revenue` | 0 | 120 | 30 | 25% | 74% | at risk | sales |" in run(
        "-f", "markdown"
    )
    found = json.loads(run("-f", "json"))
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    assert (found["schema"], found["ok"]) == ("kpilayer/okr@1", True)
    assert found["results"][0]["key_results"][0]["projected"] == pytest.approx(30 * 92 / 31)


def test_it_is_the_same_on_postgresql(tmp_path: Path, postgres_schema: PostgresSchema) -> None:
    """The quarter of 120 and the line through 0.6, as above."""
    connection = postgres_schema.connection
    connection.execute(CREATE)
    fill(connection, {**EARLIER, "2026-07-10": 30})
    fill(connection, {"2026-07-11": 0, "2026-07-12": 0}, paid=False)
    fill(connection, {"2026-07-13": 0, "2026-07-14": 0, "2026-08-01": 0})
    asked = okr(SUM, LEVEL)
    first = pace(tmp_path, connection, "2026-07-31", asked).found[0].results[0].pace
    assert (first.value, first.projected) == (30, pytest.approx(120))
    second = pace(tmp_path, connection, "2026-08-20", asked).found[0].results[1].pace
    assert second.projected == pytest.approx(0.5 + 0.1 * 91 / 30)
