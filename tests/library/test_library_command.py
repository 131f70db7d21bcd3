"""`kpilayer library`: what is listed and shown, what is written, and what is refused untouched."""

from __future__ import annotations

import json
from pathlib import Path

import click
import duckdb
import pytest
from click.testing import CliRunner, Result

from kpilayer import Project
from kpilayer.cli import library as commands
from kpilayer.cli.main import cli
from kpilayer.library.entries import library

FACT = """
models:
  - name: fct_subs
    semantic_model: true
    relation: main.subs
    primary_entity: sub
    agg_time_dimension: valid_on
    columns:
      - name: customer
        entity: {type: foreign, name: account}
      - name: valid_on
        granularity: day
        dimension: time
      - name: kind
        dimension: {type: categorical, name: fee_type}
"""
MAPPED = (
    *("--map", "subscriptions=fct_subs", "--map", "subscriptions.mrr=amount / 100"),
    *(
        "--map",
        "subscriptions.snapshot_date=valid_on",
        "--map",
        "subscriptions.account_id=customer",
    ),
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "kpilayer.yml").write_text("name: shop\n")
    (tmp_path / ".kpilayer").mkdir()
    with duckdb.connect(tmp_path / ".kpilayer" / "shop.duckdb") as connection:
        connection.execute(
            "CREATE TABLE subs AS SELECT * FROM (VALUES"
            " (1, DATE '2026-01-31', 10000, 'plan'), (2, DATE '2026-01-31', 5000, 'one_time'),"
            " (1, DATE '2026-02-28', 12000, 'plan'), (3, DATE '2026-02-28', 3000, 'plan')"
            ") AS t(customer, valid_on, amount, kind)"
        )
        connection.execute(
            "CREATE TABLE cash_movements AS SELECT DATE '2026-01-05' AS date, 'out' AS direction,"
            " 7.5 AS amount"
        )
    return tmp_path


def run(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["-C", str(project), "library", *arguments])


def files(project: Path) -> dict[str, str]:
    texts = {p for p in project.rglob("*") if p.suffix in (".yml", ".sql")}
    return {p.relative_to(project).as_posix(): p.read_text() for p in texts}


def number(project: Path, metric: str) -> object:
    rows = Project.load(project).query([metric], group_by=["metric_time__month"]).rows()
    return [value for _, value in rows]


# ------------------------------------------------------------------------------------------- what is written


def test_a_fact_is_mapped_to_a_model_of_the_project(project: Path) -> None:
    (project / "models").mkdir()
    (project / "models" / "subs.yml").write_text(FACT)
    result = run(project, "add", "mrr", *MAPPED)
    assert result.exit_code == 0, result.output
    assert result.stdout == "metrics/library/mrr.yml\n"
    assert "subscriptions is the model `fct_subs`; taken by their names: fee_type" in result.stderr
    text = files(project)["metrics/library/mrr.yml"]
    assert "expr: amount / 100\n" in text
    assert """filter: "{{ Dimension('sub__fee_type') }} <> 'one_time'"\n""" in text
    assert number(project, "mrr") == [100.0, 150.0]


def test_a_time_that_is_not_the_one_of_the_model_is_named_in_the_metric(project: Path) -> None:
    other = FACT.replace("agg_time_dimension: valid_on", "agg_time_dimension: signed_on")
    other += "      - {name: signed_on, granularity: day, dimension: time}\n"
    (project / "models").mkdir()
    (project / "models" / "subs.yml").write_text(other)
    assert run(project, "add", "mrr", *MAPPED).exit_code == 0
    assert "agg_time_dimension: valid_on" in files(project)["metrics/library/mrr.yml"]


@pytest.mark.parametrize("said", ["person", "user"])
def test_an_entity_is_mapped_by_its_name_or_its_column(said: str, project: Path) -> None:
    """The column is called as a word that would mean who is logged in."""
    with duckdb.connect(project / ".kpilayer" / "shop.duckdb") as connection:
        connection.execute(
            'CREATE TABLE people AS SELECT CASE WHEN n > 1 THEN n END AS "user",'
            " DATE '2026-01-05' AS joined FROM range(5) AS t(n)"
        )
    (project / "models").mkdir()
    (project / "models" / "people.yml").write_text(
        "models:\n  - name: people\n    semantic_model: true\n    relation: main.people\n"
        "    agg_time_dimension: joined\n    columns:\n"
        "      - {name: user, entity: {type: primary, name: person}}\n"
        "      - {name: joined, granularity: day, dimension: time}\n"
    )
    mapped = ["users=people", f"users.user_id={said}", "users.signed_up_at=joined"]
    result = run(project, "add", "new_signups", *(x for m in mapped for x in ("--map", m)))
    assert result.exit_code == 0, result.output
    assert number(project, "new_signups") == [3]


def test_a_column_of_a_table_is_not_taken_for_a_word_of_sql(project: Path) -> None:
    with duckdb.connect(project / ".kpilayer" / "shop.duckdb") as connection:
        connection.execute(
            'CREATE TABLE people AS SELECT CASE WHEN n > 1 THEN n END AS "user",'
            " TIMESTAMP '2026-01-05' AS signed_up_at FROM range(5) AS t(n)"
        )
    result = run(
        project, "add", "new_signups", "--map", "users=people", "--map", "users.user_id=user"
    )
    assert result.exit_code == 0, result.output
    assert '"user" AS user_id' in files(project)["models/library/users.sql"]
    assert number(project, "new_signups") == [3]


def test_a_table_that_is_called_as_the_fact_gets_a_model(project: Path) -> None:
    result = run(project, "add", "burn_rate")
    assert result.exit_code == 0, result.output
    assert "cash_movements is the table `cash_movements`, which is called so" in result.stderr
    assert "taken by their names: date, direction, amount" in result.stderr
    assert sorted(files(project)) == [
        "kpilayer.yml",
        "metrics/library/burn_rate.yml",
        "models/library/cash_movements.sql",
        "models/library/cash_movements.yml",
    ]
    assert [float(v) for v in number(project, "burn_rate")] == [7.5]  # type: ignore[attr-defined]


def test_a_second_kpi_finds_the_model_that_the_first_one_wrote(project: Path) -> None:
    assert run(project, "add", "burn_rate").exit_code == 0
    before = files(project)
    result = run(project, "add", "net_burn")
    assert result.exit_code == 0, result.output
    assert result.stdout == "metrics/library/net_burn.yml\n"
    assert "the project's own metrics are used: burn_rate" in result.stderr
    assert {path: text for path, text in files(project).items() if path in before} == before


def test_a_metric_of_the_project_gets_the_contract_alone(project: Path) -> None:
    (project / "metrics").mkdir()
    own = "metrics:\n  - {name: churn_rate, type: ratio, numerator: mrr, denominator: mrr}\n"
    (project / "models").mkdir()
    (project / "models" / "subs.yml").write_text(FACT)
    assert run(project, "add", "mrr", *MAPPED).exit_code == 0
    (project / "metrics" / "own.yml").write_text(own)
    result = run(project, "add", "churn_rate")
    assert result.exit_code == 0, result.output
    text = files(project)["metrics/library/churn_rate.yml"]
    assert "metrics:" not in text and "healthy: {max: 0.02}" in text


def test_dry_run_prints_every_file_and_writes_none(project: Path) -> None:
    before = files(project)
    result = run(project, "add", "burn_rate", "--dry-run")
    assert result.exit_code == 0
    assert "# metrics/library/burn_rate.yml\n" in result.stdout
    assert "# models/library/cash_movements.sql\n" in result.stdout
    assert files(project) == before


def test_json_has_the_files(project: Path) -> None:
    found = json.loads(run(project, "add", "burn_rate", "--dry-run", "-f", "json").stdout)
    assert found["summary"]["kpis"] == ["burn_rate"] and not found["summary"]["written"]
    assert [one["path"] for one in found["results"]][-1] == "metrics/library/burn_rate.yml"


def test_at_a_terminal_what_is_missing_is_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answers = iter(["subs", "customer", "valid_on", "amount", "kind"])

    def prompt(question: str, **_: object) -> str:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr(commands, "is_terminal", lambda: True)
    monkeypatch.setattr(click, "prompt", prompt)
    result = run(project, "add", "mrr")
    assert result.exit_code == 0, result.output
    assert asked[0].startswith("Which model or table is `subscriptions` (one row per subscription")
    assert asked[1] == "Which column of `subs` is `subscriptions.account_id` (who pays)?" or (
        asked[1].startswith("Which column of `subs` is `subscriptions.snapshot_date`")
    )


# ------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("add", "mrr"), "unmapped-fact"),
        (("add", "burn_rate", "--map", "cash_movements.amount=no_such_column"), "unmapped-fact"),
        (("add", "burn_rate", "--map", "cash_movements.amount=SUM("), "bad-sql"),
        (("add", "burn_rats"), "unknown-kpi"),
        (("add", "page_views"), "kpi-vanity"),
        (("add", "burn_rate", "net_retention"), "kpi-duplicate"),
        (("add", "churn_rate", "retention_rate"), "kpi-duplicate"),
    ],
)
def test_nothing_is_written_where_something_is_refused(
    arguments: tuple[str, ...], code: str, project: Path
) -> None:
    before = files(project)
    result = run(project, *arguments)
    assert result.exit_code in (2, 4)
    assert f"[{code}]" in result.stderr, result.stderr
    assert files(project) == before


def test_a_file_that_is_there_is_never_written_over(project: Path) -> None:
    (project / "metrics" / "library").mkdir(parents=True)
    mine = project / "metrics" / "library" / "burn_rate.yml"
    mine.write_text("# mine\n")
    result = run(project, "add", "burn_rate")
    assert result.exit_code == 2 and "[folder-not-empty]" in result.stderr
    assert mine.read_text() == "# mine\n"
    assert not (project / "models").exists()


def test_the_sixth_kpi_of_a_function_is_refused(project: Path) -> None:
    assert run(project, "add", "burn_rate").exit_code == 0
    four = ["mrr", "new_mrr", "revenue", "roi"]
    more = ["runway"]
    result = run(project, "add", *four, *more)
    assert result.exit_code == 4
    assert "6 KPIs in `finance`: keep three to five" in result.stderr
    assert "20 KPIs watch nothing" in result.stderr


def test_pick_takes_first_what_the_data_serve(project: Path) -> None:
    result = run(project, "add", "finance", "--pick", "1")
    assert result.exit_code == 0, result.output
    assert [kpi.name for kpi in Project.load(project).kpis] == ["burn_rate"]


def test_a_function_without_a_number_and_a_wrong_map_are_usage_errors(project: Path) -> None:
    for arguments, told in (
        (("add", "finance"), "say how many with `--pick N`"),
        (("add", "mrr", "--pick", "2"), "`--pick` takes one function"),
        (("add", "mrr", "--map", "subscription=x"), "did you mean `subscriptions`?"),
        (("add", "mrr", "--map", "subscriptions"), "is not FACT=NAME"),
        (("list", "finanse"), "did you mean `finance`?"),
        (("show", "mrrr"), "did you mean `mrr`?"),
    ):
        result = run(project, *arguments)
        assert result.exit_code == 2 and told in result.stderr, result.stderr


# ------------------------------------------------------------------------------ what is shown


def test_the_list_says_what_is_here_and_which_facts_are_missing(project: Path) -> None:
    assert run(project, "add", "burn_rate", "net_burn").exit_code == 0
    rows = json.loads(run(project, "list", "finance", "-f", "json").stdout)["results"]
    found = {row["name"]: row for row in rows}
    assert found["burn_rate"]["here"] == "draft" and found["net_burn"]["here"] == "metric"
    assert found["mrr"]["here"] is None and found["mrr"]["missing"] == ["subscriptions"]
    assert found["runway"]["missing"] == ["cash_balances"]
    assert found["gross_margin"]["facts"]["cogs_lines"] == ["date", "amount"]


def test_the_list_needs_no_project(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "list", "-f", "json").stdout)
    assert found["summary"] == {"count": len(library().names), "here": 0}


def test_the_list_shows_the_example_as_having_nearly_all_of_them() -> None:
    root = Path(__file__).parents[2]
    rows = json.loads(run(root, "list", "-f", "json").stdout)["results"]
    absent = {row["name"] for row in rows if row["here"] is None}
    assert absent == {"new_signups", "ltv_gross_margin"}


@pytest.mark.parametrize("name", library().names)
def test_what_is_shown_can_be_read(name: str, tmp_path: Path) -> None:
    text = run(tmp_path, "show", name).stdout
    kpi = library().kpis.get(name)
    for trap in kpi.traps if kpi is not None else ():
        assert f"trap: {trap}\n" in text
    found = json.loads(run(tmp_path, "show", name, "-f", "json").stdout)["results"][0]
    assert found["yaml"] in text and f"- name: {name}\n" in found["yaml"]
