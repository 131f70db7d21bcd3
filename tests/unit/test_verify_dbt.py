"""`kpilayer init --from-dbt --verify`: every metric beside MetricFlow's, here one that is made up."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from kpilayer.cli.main import cli

MODELS = """\
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: ordered_at, granularity: day, dimension: {type: time}}
      - {name: status, dimension: categorical}
metrics:
  - {name: revenue, type: simple, model: orders, agg: sum, expr: amount}
"""
PROFILE = """\
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, schema: main}
"""
RIGHT = {
    "revenue": "SELECT SUM(amount) AS revenue FROM orders",
    "revenue metric_time": "SELECT ordered_at AS metric_time__day, SUM(amount) AS revenue FROM orders GROUP BY 1",
    "revenue metric_time order__status": "SELECT ordered_at AS metric_time__day, status AS order__status, SUM(amount) AS revenue FROM orders GROUP BY ALL",
}
#: What stands in for the Python that has MetricFlow: it answers from a list.
FAKE = """\
#!{python}
import json, sys
answers = json.loads({answers!r})
print(json.dumps({first}), flush=True)
for line in sys.stdin:
    question = json.loads(line)
    name = " ".join([*question["metrics"], *question.get("group_by", [])])
    sql = answers.get(name)
    print(json.dumps({{"sql": sql}} if sql else {{"error": "X:\\n\\n  Message:\\n\\n    no {{}}.\\n".format(name)}}), flush=True)
"""

Fake = Callable[..., Path]


@pytest.fixture
def dbt(tmp_path: Path) -> Path:
    folder = tmp_path / "dbt"
    (folder / "models").mkdir(parents=True)
    (folder / "target").mkdir()
    (folder / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (folder / "profiles.yml").write_text(PROFILE)
    (folder / "models/orders.yml").write_text(MODELS)
    (folder / "target/semantic_manifest.json").write_text("{}")
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE orders AS FROM (VALUES (1, DATE '2024-01-31', 'open', 10.5), "
            "(2, DATE '2024-01-31', NULL, 1), (3, NULL, 'open', NULL)) AS t(order_id, ordered_at, status, amount)"
        )
    return folder


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    def make(answers: dict[str, str], first: dict[str, str] | None = None) -> Path:
        path = tmp_path / "python"
        start = first or {"version": "0"}
        text = FAKE.format(python=sys.executable, answers=json.dumps(answers), first=start)
        path.write_text(text)
        path.chmod(0o755)
        return path

    return make


def verify(folder: Path, python: Path, exit_code: int = 0) -> Result:
    arguments = ["init", "--from-dbt", folder, "--verify", "--metricflow-python", python]
    result = CliRunner().invoke(cli, [str(a) for a in arguments])
    assert result.exit_code == exit_code, result.output
    return result


def outcomes(result: Result) -> list[tuple[str, ...]]:
    """The cells of the table without its head."""
    lines = [line for line in result.stdout.splitlines() if line.startswith("revenue")]
    return [tuple(cell.strip() for cell in line.split("  ") if cell.strip()) for line in lines]


def test_metrics_are_asked_in_total_by_time_and_by_a_dimension(dbt: Path, fake: Fake) -> None:
    result = verify(dbt, fake(RIGHT))
    assert outcomes(result) == [
        ("revenue", "in total", "equal"),
        ("revenue", "by metric_time", "equal"),
        ("revenue", "by metric_time, order__status", "equal"),
    ]
    assert "3 questions: 3 equal" in result.stderr


def test_a_number_that_differs_is_shown_and_fails(dbt: Path, fake: Fake) -> None:
    wrong = RIGHT | {"revenue": "SELECT 11 AS revenue"}
    result = verify(dbt, fake(wrong), exit_code=1)
    assert outcomes(result)[0] == (
        "revenue",
        "in total",
        "differs",
        "1 of 1 rows; in total: 11.5 and 11",
    )
    assert "3 questions: 1 different, 2 equal" in result.stderr
    assert "docs/semantics.md" in result.stderr


def test_a_row_that_only_one_has_is_a_difference(dbt: Path, fake: Fake) -> None:
    wrong = RIGHT | {
        "revenue metric_time": RIGHT["revenue metric_time"] + " HAVING SUM(amount) > 0"
    }
    result = verify(dbt, fake(wrong), exit_code=1)
    assert outcomes(result)[1][2:] == (
        "differs",
        "1 of 2 rows; metric_time__day NULL: NULL and no row",
    )


def test_a_refusal_says_whose_and_why_and_is_no_difference(dbt: Path, fake: Fake) -> None:
    some = {k: v for k, v in RIGHT.items() if k != "revenue metric_time"}
    result = verify(dbt, fake(some))
    assert outcomes(result)[1][2:] == ("refused by MetricFlow", "no revenue metric_time.")


def test_sql_that_the_database_refuses_is_metricflows_refusal(dbt: Path, fake: Fake) -> None:
    result = verify(dbt, fake(RIGHT | {"revenue": "SELECT nothing FROM nowhere"}))
    assert outcomes(result)[0][2] == "refused by MetricFlow"


def test_what_kpilayer_cannot_compute_is_told_with_the_reason(dbt: Path, fake: Fake) -> None:
    trailing = "  - {name: revenue_two, type: cumulative, input_metric: revenue, window: 7 days}\n"
    (dbt / "models/orders.yml").write_text(MODELS + trailing)
    result = verify(dbt, fake(RIGHT | {"revenue_two": "SELECT 1 AS revenue_two"}))
    found = {row[:3]: row[3] for row in outcomes(result) if row[0] == "revenue_two"}
    reason = found[("revenue_two", "in total", "refused by kpilayer")]
    assert "needs the time that the window ends at" in reason


def test_metricflow_that_does_not_start_says_why(dbt: Path, fake: Fake) -> None:
    first = {"error": "ValueError: the manifest is of another version"}
    result = verify(dbt, fake({}, first), exit_code=2)
    assert "error[no-metricflow]: MetricFlow does not start: ValueError" in result.stderr


def test_a_python_without_metricflow_says_how_to_get_it(dbt: Path, fake: Fake) -> None:
    first = {"error": "ModuleNotFoundError: No module named 'metricflow'"}
    result = verify(dbt, fake({}, first), exit_code=2)
    assert "MetricFlow is not installed in" in result.stderr
    assert "pip install metricflow" in result.stderr


def test_metricflow_that_ends_on_the_way_is_a_refusal(dbt: Path, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!{sys.executable}\nprint(\'{{"version": "0"}}\', flush=True)\n')
    python.chmod(0o755)
    assert {row[2] for row in outcomes(verify(dbt, python))} == {"refused by MetricFlow"}


def test_without_dbts_manifest_it_says_to_parse(dbt: Path, fake: Fake) -> None:
    (dbt / "target/semantic_manifest.json").unlink()
    result = verify(dbt, fake({}), exit_code=2)
    assert "error[no-manifest]" in result.stderr
    assert "dbt parse" in result.stderr


def test_verifying_again_keeps_the_project_file(dbt: Path, fake: Fake) -> None:
    (dbt / "kpilayer.yml").write_text("name: mine\n")
    verify(dbt, fake(RIGHT))
    assert (dbt / "kpilayer.yml").read_text() == "name: mine\n"


def test_nothing_is_written_where_metricflow_is_not(dbt: Path) -> None:
    verify(dbt, dbt / "nowhere", exit_code=2)
    assert not (dbt / "kpilayer.yml").exists()


@pytest.mark.parametrize("flags", [["--verify"], ["--metricflow-python", "x"]])
def test_it_needs_a_dbt_project(flags: list[str]) -> None:
    result = CliRunner().invoke(cli, ["init", *flags])
    assert result.exit_code == 2
    assert "need `--from-dbt`" in result.stderr
