"""How KPIs stand, from rows in a database: each number is worked by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import DefinitionError, Project, QueryError
from kpilayer.kpi.report import Health

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
"""
KPI = """
kpis:
  - name: sales
    metric: {metric}
    kind: north_star
    function: sales
    owner: {{group: sales, person: lead@example.com}}
    direction: higher
    cadence: monthly
    status: proposed
    health: {{healthy: {{min: 100}}, critical: {{min: 50}}, confirm: {{warning: 1}}{more}}}
    consequence: {{breach: {{action: Stop hiring, within: 5d}}}}
{rest}
"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as opened:
        opened.execute(
            "CREATE TABLE orders (order_id INT, ordered_on DATE, channel VARCHAR, amount INT, is_paid BOOLEAN)"
        )
        yield opened


def _fill(connection: duckdb.DuckDBPyConnection, amounts: dict[str, int]) -> None:
    """An order on the first day of each month, and one of nothing on its last."""
    for number, (month, amount) in enumerate(amounts.items()):
        connection.execute(
            f"INSERT INTO orders VALUES ({number}, DATE '{month}-01', 'web', {amount}, true), "
            f"({number + 1000}, last_day(DATE '{month}-01'), 'shop', 0, false)"
        )


def _health(
    folder: Path,
    connection: duckdb.DuckDBPyConnection,
    as_of: str,
    more: str = "",
    rest: str = "",
    metric: str = "revenue",
    **asked: Any,
) -> Health:
    files = {
        "kpilayer.yml": "name: shop\n",
        "models/orders.yml": MODELS,
        "metrics/kpis.yml": KPI.format(more=more, rest=rest, metric=metric),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    project = Project.load(folder, connection=connection)
    return project.health(as_of=date.fromisoformat(as_of), **asked)


@pytest.mark.parametrize(
    ("amount", "status"), [(120, "healthy"), (100, "healthy"), (99, "warning"), (50, "warning"), (49, "breach")]
)  # fmt: skip
def test_the_last_month_that_has_ended_is_judged_and_bounds_are_inside(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, amount: int, status: str
) -> None:
    _fill(connection, {"2026-04": 200, "2026-05": amount, "2026-06": 1})
    (one,) = _health(tmp_path, connection, "2026-06-10").standings
    assert (one.status, one.current and one.current.period_start) == (status, date(2026, 5, 1))


def test_what_is_due_is_told_with_its_day(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _fill(connection, {"2026-05": 10})
    found = _health(tmp_path, connection, "2026-06-10")
    (one,) = found.standings
    assert one.due is not None
    assert (one.due.action, one.due.by, one.due.owner) == (
        "Stop hiring", date(2026, 6, 6), "lead@example.com",
    )  # fmt: skip
    assert found.fails and "action: Stop hiring by 2026-06-06, lead@example.com" in found.to_text()


def test_rows_after_the_day_asked_for_are_not_seen(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _fill(connection, {"2026-04": 200, "2026-05": 10})
    (one,) = _health(tmp_path, connection, "2026-05-20").standings
    assert (one.status, one.current and one.current.value) == ("healthy", 200.0)


def test_a_month_whose_data_are_not_all_there_waits_for_its_grace_and_is_stale_then(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute("INSERT INTO orders VALUES (1, DATE '2026-05-20', 'web', 500, true)")
    status = {
        day: _health(tmp_path, connection, day, rest="    grace: 3d").standings[0].status
        for day in ("2026-06-02", "2026-06-10")
    }
    assert status == {"2026-06-02": "pending", "2026-06-10": "stale"}


def test_a_month_without_any_row_is_no_healthy_one(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _fill(connection, {"2026-04": 200, "2026-06": 200})
    (one,) = _health(tmp_path, connection, "2026-06-10").standings
    assert one.status == "no_data"
    assert _health(tmp_path, connection, "2026-06-10", fail_on_missing=True).fails
    assert not _health(tmp_path, connection, "2026-06-10").fails


def test_conditions_leave_a_part_of_the_metric(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _fill(connection, {"2026-05": 200})
    where = "    where: \"{{ Dimension('order__channel') }} = 'shop'\""
    (one,) = _health(tmp_path, connection, "2026-06-10", rest=where).standings
    assert (one.status, one.current and one.current.value) == ("breach", 0.0)


def test_a_ratio_of_too_few_says_nothing(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _fill(connection, {"2026-05": 200})  # two orders, one of them paid
    few = _health(tmp_path, connection, "2026-06-10", ", min_denominator: 3", metric="paid_share")
    enough = _health(
        tmp_path, connection, "2026-06-10", ", min_denominator: 2", metric="paid_share"
    )
    assert (few.standings[0].status, few.standings[0].current and few.standings[0].current.reasons) == (
        "no_data", ("low_volume",),
    )  # fmt: skip
    assert enough.standings[0].current and enough.standings[0].current.value == 0.5
    assert "50.00%" in enough.to_text()


def test_attainment_counts_the_months_that_were_healthy(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _fill(connection, {"2026-02": 100, "2026-03": 10, "2026-04": 100, "2026-05": 100})
    more = ", attainment: {objective: 0.9, window: 4}"
    (one,) = _health(tmp_path, connection, "2026-06-10", more).standings
    assert one.attainment is not None
    assert (one.attainment.healthy, one.attainment.judged, one.attainment.share) == (3, 4, 0.75)


def test_a_guardrail_that_is_not_healthy_is_told(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _fill(connection, {"2026-05": 200})
    rail = """    guardrails: [{kpi: volume}]
  - name: volume
    metric: order_count
    kind: operational
    function: sales
    owner: {group: sales}
    direction: higher
    cadence: monthly
    status: proposed
    health: {healthy: {min: 5}, critical: {min: 4}}
"""
    found = _health(tmp_path, connection, "2026-06-10", rest=rail)
    assert [(one.kpi.name, one.status, one.guardrails) for one in found.standings] == [
        ("volume", "breach", ()),
        ("sales", "healthy", ("volume",)),
    ]


def test_drafts_are_judged_only_by_name(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _fill(connection, {"2026-05": 200})
    _health(tmp_path, connection, "2026-06-10")
    kpis = tmp_path / "metrics/kpis.yml"
    kpis.write_text(kpis.read_text().replace("status: proposed", "status: draft"))
    project = Project.load(tmp_path, connection=connection)
    assert project.health(as_of=date(2026, 6, 10)).standings == ()
    assert len(project.health(["sales"], as_of=date(2026, 6, 10)).standings) == 1
    with pytest.raises(QueryError, match="did you mean `sales`"):
        project.health(["sale"])


def test_one_question_is_asked_for_all_kpis_of_a_cadence(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    from kpilayer.kpi.observing import Asking, observed

    _fill(connection, {"2026-05": 200})
    more = KPI.partition("kpis:\n")[2].format(more="", rest="", metric="order_count")
    _health(
        tmp_path,
        connection,
        "2026-06-10",
        rest=more.replace("sales\n    metric", "volume\n    metric", 1),
    )
    definitions = Project.load(tmp_path, connection=connection)._identity.catalog
    questions: list[tuple[str, ...]] = []

    def ask(metrics: Any, *rest: Any) -> list[dict[str, Any]]:
        questions.append(tuple(metrics))
        return []

    asking = Asking(definitions, date(2026, 6, 10), ask, lambda source: None)
    observed(definitions.definitions.kpis, asking)
    assert questions == [("revenue", "order_count")]


def test_a_kpi_is_judged_from_its_own_first_value_on_whatever_is_asked_beside(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _fill(connection, {"2026-02": 200, "2026-03": 200, "2026-04": 200})
    connection.execute("CREATE TABLE visits (visit_id INT, visited_on DATE)")
    connection.execute("INSERT INTO visits VALUES (1, DATE '2024-01-31'), (2, DATE '2026-04-30')")
    visits = """
models:
  - name: visits
    semantic_model: true
    agg_time_dimension: visited_on
    columns:
      - {name: visit_id, entity: {type: primary, name: visit}}
      - {name: visited_on, granularity: day, dimension: time}
metrics:
  - {name: visit_count, model: visits, agg: count, expr: visit_id}
"""
    more = KPI.partition("kpis:\n")[2].format(more="", rest=visits, metric="visit_count")
    found = _health(
        tmp_path, connection, "2026-05-10", rest=more.replace("name: sales", "name: traffic", 1)
    )
    firsts = {one.name: one.verdicts[0].period_start for one in found.standings}
    assert firsts == {"sales": date(2026, 2, 1), "traffic": date(2024, 1, 1)}


def test_every_format_tells_the_status(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _fill(connection, {"2026-05": 99})
    found = _health(tmp_path, connection, "2026-06-10")
    assert found.as_json()["kpis"][0]["status"] == "warning"
    assert found.as_json()["summary"]["warning"] == 1
    assert "| ▲ | `sales` | 99 | >= 100 | warning | lead@example.com |" in found.to_markdown()
    assert found.to_text().startswith("▲ sales  99   healthy >= 100   warning for 1 period")


@pytest.mark.parametrize(
    "health",
    [
        "{attainment: {objective: 0.9, window: 4}}",
        "{relative: {to: target_path, healthy: {min: 0}}}",
    ],
)
def test_a_kpi_without_a_range_keeps_none_from_being_judged(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, health: str
) -> None:
    _fill(connection, {"2026-05": 200})
    rest = f"""  - name: unclear
    metric: order_count
    kind: operational
    function: sales
    owner: {{group: sales}}
    direction: higher
    cadence: monthly
    status: proposed
    health: {health}
"""
    found = _health(tmp_path, connection, "2026-06-10", rest=rest)
    assert {one.kpi.name: one.issue is None for one in found.standings} == {
        "sales": True, "unclear": False,
    }  # fmt: skip
    assert "unclear" in found.to_text() and "not asked" in found.to_text()


def test_segments_are_judged_by_ranges_of_their_own(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute(
        "INSERT INTO orders VALUES (1, DATE '2026-05-01', 'web', 200, true), "
        "(2, DATE '2026-05-31', 'shop', 60, true), (3, DATE '2026-05-31', NULL, 1, true), "
        "(4, DATE '2026-06-01', 'web', 1, true)"
    )
    by = ", by: {dimension: order__channel, overrides: {shop: {healthy: {min: 60}, critical: {min: 9}}}}"
    found = _health(tmp_path, connection, "2026-06-10", by)
    assert {
        one.name: (one.status, one.current and one.current.value) for one in found.standings
    } == {
        "sales": ("healthy", 261.0),
        "sales [shop]": ("healthy", 60.0),
        "sales [web]": ("healthy", 200.0),
    }
    found = _health(tmp_path, connection, "2026-06-10", ", by: {dimension: order__channel}")
    assert found.standings[0].name == "sales [shop]" and found.standings[0].status == "warning"


def test_segments_that_cannot_be_asked_are_told(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    _fill(connection, {"2026-05": 200})
    found = _health(tmp_path, connection, "2026-06-10", ", by: {dimension: metric_time__month}")
    told = {one.name: one.issue.message if one.issue else "" for one in found.standings}
    assert told["sales"] == "" and "metric_time__month" in told["sales [metric_time__month]"]
    with pytest.raises(DefinitionError, match="did you mean `order__channel`"):
        _health(tmp_path, connection, "2026-06-10", ", by: {dimension: order__chanel}")


@pytest.mark.parametrize(("count", "status"), [(9, "stale"), (11, "healthy")])
def test_sources_that_are_older_than_they_may_be_keep_a_period_from_being_judged(
    tmp_path: Path, connection: duckdb.DuckDBPyConnection, count: int, status: str
) -> None:
    _fill(connection, {"2026-04": 200, "2026-05": 200})  # data to the end of May, ten days before
    rest = f"    freshness: {{error_after: {{count: {count}, period: day}}}}"
    (one,) = _health(tmp_path, connection, "2026-06-10", rest=rest).standings
    assert one.status == status
    assert one.verdicts[0].status == "healthy"  # what was closed before stays as it was
