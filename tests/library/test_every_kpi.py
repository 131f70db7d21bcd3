"""Every KPI of the library, taken into empty projects over the example company's raw tables.

Five for each function at most, so there are three projects. They are written by the command, pass
`check` at once, and each number of each month is that of SQL by hand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from kpilayer import Project
from kpilayer.cli.main import cli
from kpilayer.demo.data import build
from kpilayer.library.entries import library
from tests.library.acme import PLACES, TABLES
from tests.library.by_hand import MONTHS, STATEMENTS, wanted

LIBRARY = library()
#: What a draft of which nobody has spoken yet is told.
OF_A_DRAFT = {
    *("kpi-no-owner", "kpi-no-consequence", "kpi-no-range", "kpi-no-guardrail", "kpi-orphan"),
    *("kpi-no-lever", "kpi-no-tree", "kpi-north-stars"),
}


def batches() -> list[list[str]]:
    """The first, second and third five of each function; guardrails with the last."""
    functions: dict[str, list[str]] = {}
    for kpi in LIBRARY.kpis.values():
        functions.setdefault(kpi.function, []).append(kpi.name)
    helpers = [m.name for m in LIBRARY.metrics.values() if m.is_helper]
    split = [[n for of in functions.values() for n in of[at : at + 5]] for at in (0, 5, 10)]
    return [split[0], split[1], [*split[2], *helpers]]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("company") / "acme.duckdb"
    with duckdb.connect(str(path)) as connection:
        build(connection, 0.3)
        connection.execute(MONTHS)
    return path


@pytest.fixture(scope="module")
def company(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(database), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def projects(database: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The project that each KPI was added to, by name."""
    found: dict[str, Path] = {}
    for number, names in enumerate(batches()):
        folder = tmp_path_factory.mktemp(f"batch_{number}")
        (folder / "kpilayer.yml").write_text("name: batch\nprofile: batch\n")
        (folder / "profiles.yml").write_text(
            "batch:\n  target: here\n  outputs:\n"
            f"    here: {{type: duckdb, path: '{database}', read_only: true}}\n"
        )
        there = Project.load(folder, profiles_dir=folder)
        assert there.metrics == ()
        arguments = ["-C", str(folder), "--profiles-dir", str(folder), "library", "add", *names]
        for place, name in PLACES.items():
            arguments += ["--map", f"{place}={name}"]
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
        found |= dict.fromkeys(names, folder)
    return found


@pytest.fixture(scope="module")
def by_month(projects: dict[str, Path]) -> dict[str, dict[date, Any]]:
    """Each KPI by month, asked alone; months without a value left out."""
    found: dict[str, dict[date, Any]] = {}
    loaded: dict[Path, Project] = {}
    for name, folder in projects.items():
        if folder not in loaded:
            loaded[folder] = Project.load(folder, profiles_dir=folder)
        rows = loaded[folder].query([name], group_by=["metric_time__month"]).rows()
        found[name] = {month: value for month, value in rows if value is not None}
        assert None not in found[name], f"{name} has a value at no time"
    return found


def test_there_are_73_kpis_and_the_guardrails() -> None:
    assert len(LIBRARY.kpis) == 73
    assert set(LIBRARY.names) - set(LIBRARY.kpis) == {
        *("discount_rate", "return_rate", "reopen_rate", "survey_response_rate"),
        *("payback_months", "new_customers", "net_burn", "cac_fully_loaded", "ltv_gross_margin"),
    }


def test_every_fact_is_mapped() -> None:
    assert set(TABLES) == set(LIBRARY.facts)


@pytest.mark.parametrize("name", LIBRARY.names)
def test_each_month_is_what_sql_by_hand_says(
    name: str, by_month: dict[str, dict[date, Any]], company: duckdb.DuckDBPyConnection
) -> None:
    assert name in STATEMENTS
    expected, found = wanted(company, name), by_month[name]
    assert len(expected) >= 3
    assert set(found) == set(expected)
    for month, value in found.items():
        assert math.isclose(value, expected[month], rel_tol=1e-9, abs_tol=1e-9), (
            f"{month}: {value!r} is not {expected[month]!r}"
        )


def test_the_projects_pass_check_and_lint_tells_what_drafts_are_told(
    projects: dict[str, Path],
) -> None:
    for folder in dict.fromkeys(projects.values()):
        project = Project.load(folder, profiles_dir=folder)
        assert [i.code for i in project.check()] == ["unlocked-relation"]
        told = project.lint(today=date(2026, 7, 1)).new
        assert {f.code for f in told} <= OF_A_DRAFT, [str(f.issue) for f in told]
        assert {f.advice.severity for f in told} == {"warning"}


def test_drafts_pass_with_the_types_of_their_columns(projects: dict[str, Path]) -> None:
    for folder in dict.fromkeys(projects.values()):
        project = Project.load(folder, profiles_dir=folder)
        project.lock()
        again = Project.load(folder, profiles_dir=folder)
        assert [str(i) for i in again.check()] == []


def test_every_kpi_is_a_draft_with_its_own_file(projects: dict[str, Path]) -> None:
    for name, folder in projects.items():
        text = (folder / "metrics" / "library" / f"{name}.yml").read_text()
        contract = text.partition("kpis:")[2]
        assert bool(contract) == (name in LIBRARY.kpis)
        assert not re.search(r"status: (?!draft)", text)
