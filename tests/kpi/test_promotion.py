"""The gate from a metric to a KPI: what is asked, what is suggested, and what is written."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import click
import duckdb
import pytest
from click.testing import CliRunner, Result

from kpilayer import Project
from kpilayer.cli import promote
from kpilayer.cli.main import cli
from kpilayer.kpi.promotion import usual_range
from kpilayer.model.kpi import Bounds

PROJECT = """
models:
  - name: orders
    semantic_model: true
    relation: main.orders
    primary_entity: order
    agg_time_dimension: ordered_on
    columns:
      - {name: ordered_on, granularity: day, dimension: time}
metrics:
  - {name: revenue, label: Revenue, model: orders, agg: sum, expr: amount}
groups:
  - {name: finance, owner: {name: Lead, email: lead@example.com}}
"""
OPTIONS = (
    *("--owner", "finance", "--person", "lead@example.com", "--direction", "higher"),
    *("--cadence", "monthly", "--function", "finance", "--min", "100"),
    *("--action", "No new spending until two healthy months", "--within", "5d"),
)
LAST = date(2026, 6, 14)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Thirty months of revenue, of which the last one is not over in the data."""
    (tmp_path / "kpilayer.yml").write_text("name: shop\n")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "shop.yml").write_text(PROJECT)
    (tmp_path / ".kpilayer").mkdir()
    with duckdb.connect(tmp_path / ".kpilayer" / "shop.duckdb") as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT CAST(day AS DATE) AS ordered_on,"
            " 1.0 * (1 + (31 * year(day) + 7 * month(day)) % 13) AS amount"
            f" FROM range(TIMESTAMP '2024-01-01', TIMESTAMP '{LAST + timedelta(days=1)}',"
            " INTERVAL 1 DAY) AS t(day)"
        )
    return tmp_path


def run(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["-C", str(project), "init", "kpi", *arguments])


def without(*names: str) -> list[str]:
    pairs = zip(OPTIONS[::2], OPTIONS[1::2], strict=True)
    return [one for flag, value in pairs if flag not in names for one in (flag, value)]


# -------------------------------------------------------------------------------- what is written


def test_the_smallest_kpi_has_nine_lines_and_passes_check(project: Path) -> None:
    result = run(project, "revenue", *OPTIONS)
    assert result.exit_code == 0, result.output
    text = (project / "metrics" / "kpis" / "revenue.yml").read_text()
    head, *lines = text.splitlines()
    assert head == "kpis:" and len(lines) == 9
    assert text == (
        "kpis:\n"
        "  - name: revenue\n"
        "    metric: revenue\n"
        "    kind: supporting\n"
        "    function: finance\n"
        "    owner: {group: finance, person: lead@example.com}\n"
        "    direction: higher\n"
        "    cadence: monthly\n"
        "    health: {healthy: {min: 100}}\n"
        "    consequence: {breach: {action: No new spending until two healthy months, within: 5d}}\n"
    )
    assert [i for i in Project.load(project).check() if i.severity == "error"] == []


def test_what_people_write_comes_back_as_they_wrote_it(project: Path) -> None:
    action = 'Stop: "all" of it, {now} # and # here\'s why'
    result = run(project, "revenue", *without("--action"), "--action", action)
    assert result.exit_code == 0, result.output
    (kpi,) = Project.load(project).catalog.definitions.kpis
    assert kpi.consequence.breach is not None
    assert kpi.consequence.breach.action == action


def test_a_draft_is_filled_in_where_it_stands_and_nothing_else_changes(project: Path) -> None:
    draft = """# my KPIs
kpis:
  - name: revenue # the one that matters
    metric: revenue
    kind: north_star
    function: finance
    owner: {} # nobody yet
    status: draft
    direction: higher
    cadence: monthly
    health: {} # calibrate
    tags: [board]   # comments stay
"""
    path = project / "models" / "kpis.yml"
    path.write_text(draft)
    result = run(project, "revenue", *without("--direction", "--cadence", "--function"))
    assert result.exit_code == 0, result.output
    assert path.read_text() == draft.replace(
        "    owner: {} # nobody yet\n", "    owner: {group: finance, person: lead@example.com}\n"
    ).replace(
        "    health: {} # calibrate\n",
        "    health: {healthy: {min: 100}}\n"
        "    consequence: {breach: {action: No new spending until two healthy months, within: 5d}}\n",
    )


def test_an_option_does_not_contradict_a_draft(project: Path) -> None:
    assert run(project, "revenue", *OPTIONS).exit_code == 0
    result = run(project, "revenue", *without("--direction"), "--direction", "lower")
    assert result.exit_code == 2
    assert "The draft says `direction: higher`" in result.stderr


def test_a_draft_in_a_layout_of_its_own_is_left_alone(project: Path) -> None:
    path = project / "models" / "kpis.yml"
    path.write_text(
        "kpis:\n  - name: revenue\n    metric: revenue\n    kind: supporting\n"
        "    function: finance\n    owner:\n      group: finance\n    direction: higher\n"
        "    cadence: monthly\n    health: {}\n"
    )
    before = path.read_text()
    result = run(project, "revenue", *without("--direction", "--cadence", "--function"))
    assert result.exit_code == 2
    assert "is laid out in a way of its own" in result.stderr
    assert path.read_text() == before


# ---------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("flag", ["--owner", "--person", "--action", "--within", "--min"])
def test_without_an_answer_it_stays_a_metric_of_a_dashboard(flag: str, project: Path) -> None:
    result = run(project, "revenue", *without(flag), "--as-of", "2026-06-20")
    assert result.exit_code == 1
    assert "`revenue` stays a metric of a dashboard: free to query, no status, no alert." in (
        result.stderr
    )
    assert f"No answer to: {flag}\n" in result.stderr
    assert not (project / "metrics").exists()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (("--action", "monitor it closely"), "that is no action"),
        (("--action", "Stop {{ 1 }}"), "write it without"),
        (("--within", "soon"), "write hours, days or weeks"),
        (("--owner", "finanse"), "did you mean `finance`?"),
        (("--metric", "revenu"), "did you mean `revenue`?"),
    ],
)
def test_an_answer_that_is_none_is_refused(
    changed: tuple[str, str], told: str, project: Path
) -> None:
    result = run(project, "revenue", *without(changed[0]), *changed)
    assert result.exit_code == 2 and told in result.stderr
    assert not (project / "metrics").exists()


def test_a_range_that_says_the_opposite_of_the_direction_is_refused(project: Path) -> None:
    result = run(project, "revenue", *without("--min"), "--max", "100")
    assert result.exit_code == 2 and "[bad-range]" in result.stderr
    assert not (project / "metrics").exists()


def test_a_kpi_that_is_live_is_not_written_again(project: Path) -> None:
    assert run(project, "revenue", *OPTIONS).exit_code == 0
    path = project / "metrics" / "kpis" / "revenue.yml"
    path.write_text(path.read_text() + "    status: proposed\n")
    result = run(project, "revenue", *OPTIONS)
    assert result.exit_code == 2 and "[duplicate-name]" in result.stderr


# ---------------------------------------------------------------------------------- what is suggested


def test_a_range_is_suggested_from_closed_periods_and_says_how(project: Path) -> None:
    """Data end in the middle of June 2026, so May is the last closed month of 24."""
    with duckdb.connect(project / ".kpilayer" / "shop.duckdb", read_only=True) as connection:
        (wanted,) = connection.execute(
            "SELECT quantile_cont(total, 0.1) FROM (SELECT sum(amount) AS total FROM orders"
            " WHERE ordered_on >= '2024-06-01' AND ordered_on < '2026-06-01'"
            " GROUP BY year(ordered_on), month(ordered_on))"
        ).fetchall()[0]
    usual = Project.load(project).usual("revenue", "monthly", "higher", as_of=date(2026, 6, 20))
    assert usual.healthy is not None and usual.healthy.max is None
    assert usual.healthy.min == pytest.approx(float(wanted), rel=5e-4)
    assert usual.how == (
        "10th to 90th percentile of the last 24 closed periods with a value,"
        " 2024-06-01 to 2026-05-01"
    )


def test_a_range_of_few_periods_is_not_made_up(project: Path) -> None:
    found = Project.load(project).usual("revenue", "quarterly", "range", as_of=date(2026, 6, 20))
    assert found.healthy is None
    assert found.how == "9 closed periods have a value, too few to suggest a range"


@pytest.mark.parametrize(
    ("direction", "wanted"),
    [("higher", Bounds(min=3)), ("lower", Bounds(max=19)), ("range", Bounds(min=3, max=19))],
)
def test_a_suggestion_bounds_the_side_that_matters(direction: str, wanted: Bounds) -> None:
    values = [float(n) for n in range(1, 22)]
    assert usual_range(values, direction) == wanted  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------ at a terminal


def asked(
    project: Path, monkeypatch: pytest.MonkeyPatch, answers: list[str], *arguments: str
) -> tuple[Result, list[str]]:
    questions: list[str] = []
    left = iter(answers)

    def prompt(question: str, default: str = "", **_: object) -> str:
        questions.append(f"{question} [{default}]" if default else question)
        return next(left) or default

    monkeypatch.setattr(promote, "is_terminal", lambda: True)
    monkeypatch.setattr(click, "prompt", prompt)
    return run(project, "revenue", "--as-of", "2026-06-20", *arguments), questions


def test_a_terminal_is_asked_one_question_at_a_time(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["nobody", "finance", "lead@example.com", "", "", "", "", "", "100"]
    answers += ["monitor it", "Stop spending", "5d"]
    result, questions = asked(project, monkeypatch, answers)
    assert result.exit_code == 0, result.output
    assert (
        "If `revenue` drifted, who would act, doing what, within which window?\n" in result.stderr
    )
    # the library knows a KPI of this name, so its words are what Enter means
    assert questions[:2] == ["Who would act: which group owns it?"] * 2
    assert questions[3:8] == [
        "Which metric is it about? [revenue]",
        "Is more better (higher), less (lower), or a range? [higher]",
        "How often is it judged? [monthly]",
        "Is it a north_star, supporting or operational? [supporting]",
        "Which function of the company is it of? [finance]",
    ]
    assert questions[8].startswith("What is the smallest healthy value? [")
    assert questions[9:] == ["Doing what, at a breach?"] * 2 + [
        "Within which window (24h, 5d, 2w)?"
    ]
    assert "health: {healthy: {min: 100}}" in result_text(project)


def test_the_first_question_that_is_left_open_ends_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, questions = asked(project, monkeypatch, [""])
    assert result.exit_code == 1
    assert questions == ["Who would act: which group owns it?"]
    assert "stays a metric of a dashboard" in result.stderr
    assert not (project / "metrics").exists()


def result_text(project: Path) -> str:
    return (project / "metrics" / "kpis" / "revenue.yml").read_text()


def test_a_folder_called_kpi_is_made_with_a_path(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["init", str(tmp_path / "kpi")])
    assert result.exit_code == 0 and (tmp_path / "kpi" / "kpilayer.yml").is_file()
