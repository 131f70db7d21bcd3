"""Commands over a project: what they print where, their exit codes, their JSON envelopes."""

from __future__ import annotations

import csv
import io
import json
import sys
import types
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

import kpilayer.cli
from kpilayer.cli.main import cli
from kpilayer.errors import Issue, Location, QueryError

SCHEMA = json.loads(Path(kpilayer.cli.__file__).with_name("envelope.schema.json").read_text())
F1 = "f1:0123456789abcdef"
HERE = Location("metrics/finance.yml", 8, 5, 10, "    denominatr: orders")
ERROR = Issue("unknown-field", "unknown field `denominatr`", HERE, "did you mean `denominator`?")
WARNING = Issue("unlocked-relation", "100%, sure: `x`", None, severity="warning")
NOTICE = Issue("truncated-literal", "moved to 2026-01-01", severity="notice")


def named(**values: Any) -> types.SimpleNamespace:
    return types.SimpleNamespace(**values)


def metric(name: str, **values: Any) -> types.SimpleNamespace:
    plain: dict[str, Any] = {
        "label": None,
        "type": "simple",
        "description": None,
        "unit": None,
        "format": None,
        "status": "draft",
        "group": None,
        "tags": (),
        "hidden": False,
        "fingerprint": F1,
        "location": Location("metrics/finance.yml", 3, 5),
        "inputs": (),
    }
    return named(name=name, **(plain | values))


@dataclass
class Answer:
    columns: tuple[str, ...] = ("metric_time__month", "revenue")
    sql: str = "SELECT 1 AS revenue"
    fingerprints: dict[str, str] = field(default_factory=lambda: {"revenue": F1})
    notices: tuple[Issue, ...] = ()
    plan: str = "Scan orders"
    ast: str = "Select(...)"

    def rows(self) -> list[tuple[Any, ...]]:
        return [(date(2026, 1, 1), Decimal("10.50")), (date(2026, 2, 1), None)]

    def to_arrow(self) -> pa.Table:
        return pa.table(dict(zip(self.columns, zip(*self.rows(), strict=True), strict=True)))


@dataclass
class Fake:
    """A project in memory, with the surface of `kpilayer.project.Project`."""

    root: Path = field(default_factory=Path.cwd)
    issues: tuple[Issue, ...] = ()
    answer: Answer = field(default_factory=Answer)
    checks: tuple[Any, ...] = (named(name="driver", ok=True, detail="duckdb 1.4"),)
    report: Any = None
    target: Any = field(default_factory=lambda: named(dialect="duckdb"))
    metrics: tuple[Any, ...] = (
        metric("revenue", label="Revenue", unit="USD", tags=("board",)),
        metric("aov", type="ratio", inputs=("revenue", "orders")),
        metric("orders", hidden=True),
    )
    models: tuple[Any, ...] = (
        named(
            name="orders",
            description="One row per order.",
            relation="shop.orders",
            entities=("order", "customer"),
            dimensions=("ordered_at",),
            metrics=("revenue",),
            location=Location("models/orders.yml", 2, 5),
        ),
    )

    def load(self, *_path: Any, **_values: Any) -> Fake:
        return self

    @property
    def catalog(self) -> Any:
        return named(metrics=self.metrics, models=self.models)

    def check(self) -> tuple[Issue, ...]:
        return self.issues

    def dimensions(self, metrics: Any = ()) -> tuple[Any, ...]:
        name = "customer__region" if metrics else "order__status"
        return (
            named(
                name=name,
                type="categorical",
                grain=None,
                description=None,
                label=None,
                fingerprint=F1,
                model="customers",
            ),
        )

    def entities(self, metrics: Any = ()) -> tuple[Any, ...]:
        return (named(name="order", type="primary", model="orders"),)

    def describe(self, name: str) -> dict[str, Any]:
        if name != "revenue":
            raise QueryError(Issue("unknown-metric", f"there is no metric `{name}`"))
        return {
            "kind": "metric",
            "name": "revenue",
            "label": "Revenue",
            "description": "Money in.",
            "unit": "USD",
            "format": None,
            "tags": ["board", "finance"],
            "hidden": False,
            "location": {"path": "metrics/finance.yml", "line": 3, "column": 5},
            "sql": "SELECT\n  SUM(amount)",
            "group_by": [{"name": "order__status", "type": "categorical", "label": None}],
            "config": {"group": "finance"},
        }

    def prepare(self, **_query: Any) -> Answer:
        return self.answer

    query = prepare

    def compile_all(self, dialects: Any = None, unverified: bool = False) -> tuple[Any, ...]:
        return (named(path=Path("target/kpilayer/revenue.sql")),)

    def write_compiled(
        self, dialects: Any = None, unverified: bool = False, files: Any = None
    ) -> Path:
        return Path("target/kpilayer/manifest.json")

    def debug(self) -> list[Any]:
        return list(self.checks)

    def lock(self, check: bool = False) -> Any:
        return self.report


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    module = types.ModuleType("kpilayer.project")
    module.Project = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kpilayer.project", module)
    monkeypatch.delenv("KPILAYER_FORMAT", raising=False)
    return fake


def run(*args: str, exit_code: int = 0, env: dict[str, str] | None = None) -> Result:
    result = CliRunner().invoke(cli, args, env=env)
    assert result.exit_code == exit_code, result.output
    return result


def envelope(*args: str, exit_code: int = 0) -> dict[str, Any]:
    """The JSON that a command prints, valid by the published schema."""
    found = json.loads(run(*args, "-f", "json", exit_code=exit_code).stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    assert found["schema"] == f"kpilayer/{args[0]}@1"
    return dict(found)


def test_schema_of_envelopes_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


# ------------------------------------------------------------------------------------------- check


def test_check_without_problems_says_so_and_exits_0(project: Fake) -> None:
    result = run("check")
    assert (result.stdout, result.stderr) == ("", "3 metrics, 1 model: no problems\n")


def test_check_prints_problems_as_data_and_exits_1(project: Fake) -> None:
    project.issues = (ERROR, WARNING)
    result = run("check", exit_code=1)
    assert result.stdout == f"{ERROR}\n{WARNING}\n"
    assert result.stderr == "3 metrics, 1 model: 1 error, 1 warning\n"


def test_check_with_warnings_only_exits_0(project: Fake) -> None:
    project.issues = (WARNING, replace(WARNING, message="another"))
    assert run("check").stderr == "3 metrics, 1 model: 2 warnings\n"


def test_check_is_quiet_on_request(project: Fake) -> None:
    assert run("check", "-q").output == ""
    assert run("-q", "check").output == ""
    assert run("check", env={"KPILAYER_QUIET": "1"}).output == ""


def test_check_colours_only_where_wanted(project: Fake) -> None:
    project.issues = (ERROR,)
    assert "\x1b" not in run("check", exit_code=1).stdout
    coloured = run("check", exit_code=1, env={"FORCE_COLOR": "1", "NO_COLOR": ""}).stdout
    assert "\x1b[31m" in coloured


def test_check_as_json_counts_by_severity(project: Fake) -> None:
    project.issues = (ERROR, replace(WARNING, see=(("first defined here", HERE),)), NOTICE)
    found = envelope("check", exit_code=1)
    assert found["ok"] is False
    assert found["results"][0]["location"] == {
        "path": "metrics/finance.yml",
        "line": 8,
        "column": 5,
        "length": 10,
    }
    assert found["summary"] == {
        "metrics": 3,
        "models": 1,
        "errors": 1,
        "warnings": 1,
        "notices": 1,
    }


def test_check_without_problems_as_json_is_ok(project: Fake) -> None:
    assert envelope("check")["ok"] is True


def test_check_for_github_annotates_lines_of_the_repository(project: Fake, tmp_path: Path) -> None:
    project.root = tmp_path / "analytics"
    project.issues = (ERROR, WARNING)
    env = {"GITHUB_WORKSPACE": str(tmp_path)}
    assert run("check", "-f", "github", exit_code=1, env=env).stdout.splitlines() == [
        "::error col=5,file=analytics/metrics/finance.yml,line=8,title=unknown-field"
        "::unknown field `denominatr`%0Ahelp: did you mean `denominator`?",
        "::warning title=unlocked-relation::100%25, sure: `x`",
    ]


def test_check_writes_to_a_file(project: Fake, tmp_path: Path) -> None:
    project.issues = (ERROR,)
    target = tmp_path / "problems.json"
    assert run("check", "-o", str(target), exit_code=1).stdout == ""
    assert json.loads(target.read_text())["schema"] == "kpilayer/check@1"


# -------------------------------------------------------------------------------------------- list


def test_list_shows_metrics_that_are_not_hidden(project: Fake) -> None:
    text = run("list", "-f", "table").stdout
    assert "revenue" in text
    assert "orders" not in text
    assert "orders" in run("list", "--all", "-f", "table").stdout


def test_list_is_csv_where_piped(project: Fake) -> None:
    rows = list(csv.DictReader(io.StringIO(run("list").stdout)))
    assert [row["name"] for row in rows] == ["revenue", "aov"]
    assert rows[0]["unit"] == "USD"


@pytest.mark.parametrize("kind", ["metrics", "models", "dimensions", "entities"])
def test_list_of_every_kind_has_an_envelope(kind: str, project: Fake) -> None:
    found = envelope("list", kind)
    assert found["summary"]["kind"] == kind
    assert found["summary"]["count"] == len(found["results"]) > 0


@pytest.mark.parametrize("kind", ["metrics", "models", "dimensions", "entities"])
@pytest.mark.parametrize("form", ["table", "csv", "jsonl", "markdown"])
def test_list_prints_every_kind_in_every_format(kind: str, form: str, project: Fake) -> None:
    assert run("list", kind, "-f", form).stdout


def test_list_narrows_dimensions_by_metrics(project: Fake) -> None:
    assert "customer__region" in run("list", "dimensions", "-m", "revenue,aov").stdout


def test_list_of_metrics_cannot_be_narrowed_by_metrics(project: Fake) -> None:
    assert "narrows dimensions" in run("list", "-m", "revenue", exit_code=2).stderr


def test_list_of_unknown_kind_exits_2(project: Fake) -> None:
    run("list", "measures", exit_code=2)


def test_list_says_when_there_is_nothing(project: Fake) -> None:
    project.metrics = ()
    assert run("list").stderr == "There are no metrics.\n"


# -------------------------------------------------------------------------------------------- show


def test_show_prints_a_card(project: Fake) -> None:
    text = run("show", "revenue").stdout
    assert text.startswith("revenue  metric, Revenue\n")
    for part in ("Money in.", "metrics/finance.yml:3:5", "board, finance", "SUM(amount)"):
        assert part in text
    assert "hidden" not in text
    assert "\x1b" not in text


def test_show_as_json_is_the_description(project: Fake) -> None:
    assert envelope("show", "revenue")["results"] == [project.describe("revenue")]


def test_show_of_an_unknown_name_exits_2(project: Fake) -> None:
    assert "error[unknown-metric]" in run("show", "nothing", exit_code=2).stderr


def test_failure_fits_the_schema(project: Fake) -> None:
    found = envelope("show", "nothing", exit_code=2)
    assert found["summary"]["issues"][0]["code"] == "unknown-metric"


def test_explain_fits_the_schema() -> None:
    assert envelope("explain", "cycle")["results"][0]["code"] == "cycle"
    assert envelope("explain")["summary"]["count"] > 50


# ----------------------------------------------------------------------------------------- compile


def test_compile_prints_sql_and_nothing_else(project: Fake) -> None:
    assert run("compile", "-m", "revenue").output == "SELECT 1 AS revenue\n"


@pytest.mark.parametrize(
    ("stage", "text"),
    [("sql", "SELECT 1 AS revenue\n"), ("plan", "Scan orders\n"), ("ast", "Select(...)\n")],
)
def test_compile_prints_the_stage(stage: str, text: str, project: Fake) -> None:
    assert run("compile", "-m", "revenue", "--stage", stage).stdout == text
    assert run("query", "--dry-run", "-m", "revenue", "--stage", stage).stdout == text


def test_compile_writes_sql_to_a_file(project: Fake, tmp_path: Path) -> None:
    target = tmp_path / "revenue.sql"
    assert run("compile", "-m", "revenue", "-o", str(target)).output == ""
    assert target.read_text() == "SELECT 1 AS revenue\n"


def test_compile_says_notices_on_stderr(project: Fake) -> None:
    project.answer.notices = (NOTICE,)
    result = run("compile", "-m", "revenue")
    assert result.stdout == "SELECT 1 AS revenue\n"
    assert result.stderr == f"{NOTICE}\n"
    assert run("compile", "-m", "revenue", "-q").stderr == ""


def test_compile_without_a_query_writes_every_metric(project: Fake) -> None:
    result = run("compile")
    assert result.stdout == ""
    assert result.stderr == "1 file written, listed in target/kpilayer/manifest.json\n"


@pytest.mark.parametrize("flag", [("--stage", "plan"), ("-o", "x.sql")])
def test_compile_of_everything_has_no_stage_and_no_file(flag, project: Fake) -> None:
    assert "need a query" in run("compile", *flag, exit_code=2).stderr


@pytest.mark.parametrize("args", [(), ("-m", "revenue"), ("-m", "revenue", "--stage", "plan")])
def test_compile_as_json_fits_the_schema(args: tuple[str, ...], project: Fake) -> None:
    project.answer.notices = (NOTICE,)
    assert envelope("compile", *args)["results"]


# ------------------------------------------------------------------------------------------- query


def test_query_is_csv_where_piped(project: Fake) -> None:
    assert run("query", "-m", "revenue").stdout == (
        "metric_time__month,revenue\n2026-01-01,10.50\n2026-02-01,\n"
    )


def test_query_as_a_table_shows_null(project: Fake) -> None:
    lines = run("query", "-m", "revenue", "-f", "table").stdout.splitlines()
    assert lines[-1].split() == ["2026-02-01", "NULL"]


def test_query_as_jsonl_and_markdown(project: Fake) -> None:
    line = run("query", "-m", "revenue", "-f", "jsonl").stdout.splitlines()[0]
    assert line == '{"metric_time__month": "2026-01-01", "revenue": 10.50}'
    assert "| 2026-01-01 | 10.50 |" in run("query", "-m", "revenue", "-f", "markdown").stdout


def test_query_as_json_carries_sql_and_fingerprints(project: Fake) -> None:
    project.answer.notices = (NOTICE,)
    found = envelope("query", "-m", "revenue")
    assert found["results"][1] == {"metric_time__month": "2026-02-01", "revenue": None}
    assert found["summary"]["fingerprints"] == {"revenue": F1}
    assert found["summary"]["sql"] == "SELECT 1 AS revenue"
    assert found["summary"]["rows"] == 2


def test_query_format_follows_the_file(project: Fake, tmp_path: Path) -> None:
    for name, start in {"a.csv": "metric_time", "a.json": '{"schema"', "a.md": "| metric"}.items():
        run("query", "-m", "revenue", "-o", str(tmp_path / name))
        assert (tmp_path / name).read_text().startswith(start)


def test_query_writes_parquet(project: Fake, tmp_path: Path) -> None:
    target = tmp_path / "answer.parquet"
    run("query", "-m", "revenue", "-o", str(target))
    assert parquet.read_table(target).column("revenue").to_pylist() == [Decimal("10.50"), None]


def test_query_pipes_parquet(project: Fake) -> None:
    data = run("query", "-m", "revenue", "-f", "parquet").stdout_bytes
    assert parquet.read_table(io.BytesIO(data)).num_rows == 2


@pytest.mark.parametrize("into", ["file", "pipe"])
def test_type_that_parquet_lacks_is_named(into, project: Fake, tmp_path: Path, monkeypatch) -> None:
    span = pa.array([(1, 2, 3)], pa.month_day_nano_interval())
    table = pa.table({"revenue": [1], "span": span})
    monkeypatch.setattr(Answer, "to_arrow", lambda _self: table)
    target = ("-o", str(tmp_path / "a.parquet")) if into == "file" else ()
    result = run("query", "-m", "revenue", "-f", "parquet", *target, exit_code=2)
    assert "`span` (month_day_nano_interval)" in result.stderr
    assert "`revenue`" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_query_in_another_dialect_than_the_targets_exits_2(project: Fake) -> None:
    result = run("query", "-m", "revenue", "--dialect", "sqlite", exit_code=2)
    assert "`--dialect sqlite` is for `compile`; the target speaks duckdb." in result.stderr
    assert result.stdout == ""
    assert run("query", "-m", "revenue", "--dialect", "DuckDB").stdout
    assert run("query", "-m", "revenue", "--dialect", "sqlite", "--dry-run").stdout


def test_query_shows_its_sql_with_v(project: Fake) -> None:
    assert "SELECT 1 AS revenue" in run("query", "-m", "revenue", "-v").stderr
    assert run("query", "-m", "revenue").stderr == ""


def test_dry_run_prints_what_compile_prints(project: Fake) -> None:
    compiled = run("compile", "-m", "revenue").output
    assert run("query", "--dry-run", "-m", "revenue").output == compiled
    assert envelope("query", "--dry-run", "-m", "revenue")["results"][0]["stage"] == "sql"


# ---------------------------------------------------------------------------------- debug and lock


def test_debug_exits_0_when_everything_works(project: Fake) -> None:
    result = run("debug")
    assert "duckdb 1.4" in result.stdout
    assert result.stderr == "everything works\n"
    assert envelope("debug")["ok"] is True


def test_debug_exits_1_when_a_check_fails(project: Fake) -> None:
    project.checks += (named(name="connection", ok=False, detail="no route"),)
    assert run("debug", exit_code=1).stderr == "1 check failed\n"
    found = envelope("debug", exit_code=1)
    assert (found["ok"], found["summary"]) == (False, {"checks": 2, "failed": 1})


def report(*, changed: bool = True) -> Any:
    return named(
        text="",
        changed=changed,
        added=("shop.orders",) if changed else (),
        removed=(),
        modified=("shop.users",) if changed else (),
        missing=(),
        path=Path("kpilayer.lock"),
    )


def test_lock_names_what_changed(project: Fake) -> None:
    project.report = report()
    result = run("lock")
    assert result.stdout == "+ shop.orders\n~ shop.users\n"
    assert result.stderr == "kpilayer.lock written: 1 added, 1 modified\n"
    assert envelope("lock")["ok"] is True


def test_lock_check_exits_1_when_stale(project: Fake) -> None:
    project.report = report()
    assert "kpilayer.lock is stale" in run("lock", "--check", exit_code=1).stderr
    assert envelope("lock", "--check", exit_code=1)["ok"] is False


def test_lock_check_exits_0_when_fresh(project: Fake) -> None:
    project.report = report(changed=False)
    assert run("lock", "--check").stderr == "kpilayer.lock is up to date\n"
