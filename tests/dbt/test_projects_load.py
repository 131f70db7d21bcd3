"""dbt projects load unchanged, hold what dbt understands of them, and answer with its numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import Project
from tests.dbt.conftest import PROJECT_NAMES, Dbt, Run, copied, holds

QUESTIONS = [(name, q) for name in PROJECT_NAMES for q in holds(name).get("questions", ())]


@pytest.fixture
def loaded(folder: Path) -> Project:
    """The project without any artefact of dbt."""
    return Project.load(folder, connection=duckdb.connect(":memory:"))


def test_a_dbt_project_loads_without_a_problem(loaded: Project) -> None:
    assert [issue for issue in loaded.check() if issue.severity == "error"] == []


def test_semantic_models_are_those_of_dbt(loaded: Project, expected: dict[str, Any]) -> None:
    found = {
        model.name: {
            "entities": {e.name: e.type for e in model.entities},
            "dimensions": {d.name: d.granularity or d.type for d in model.dimensions},
        }
        for model in loaded.catalog.definitions.models
    }
    assert found == {
        name: {"entities": model["entities"], "dimensions": model["dimensions"]}
        for name, model in expected["semantic_models"].items()
    }


def test_metrics_are_those_of_dbt(loaded: Project, expected: dict[str, Any]) -> None:
    """Disabled metrics are none; of measures that only other metrics use, dbt lists none either."""
    types = {name: kind for kind, names in expected["metrics"].items() for name in names}
    by_project = expected.get("disabled_by_project", ())
    listed = {m.name: m for m in loaded.metrics if m.name not in by_project}
    assert {name: m.type for name, m in listed.items() if not m.hidden} == {
        name: kind for name, kind in types.items() if name not in expected.get("hidden", ())
    }
    hidden = {name for name, m in listed.items() if m.hidden}
    assert set(expected.get("hidden", ())) <= hidden
    assert not set(expected.get("disabled", ())) & set(listed)


def test_metrics_that_dbt_project_yml_disables_are_none(tmp_path: Path) -> None:
    """A folder of metrics, switched off by `metrics: marketplace: traffic: experiments:`."""
    loaded = Project.load(
        copied("marketplace", tmp_path / "marketplace"), connection=duckdb.connect()
    )
    disabled = holds("marketplace")["disabled_by_project"]
    assert not set(disabled) & {m.name for m in loaded.metrics}


def test_time_spines_are_those_of_dbt(loaded: Project, expected: dict[str, Any]) -> None:
    assert {
        spine.name: {
            "granularity": spine.granularity,
            "column": spine.time_spine.standard_granularity_column,
            "custom": {
                c.name: c.column_name or c.name for c in spine.time_spine.custom_granularities
            },
        }
        for spine in loaded.catalog.definitions.time_spines
    } == expected["time_spines"]


def test_saved_queries_are_those_of_dbt(loaded: Project, expected: dict[str, Any]) -> None:
    assert {
        query.name: {
            "metrics": list(query.query_params.metrics),
            "exports": [export.name for export in query.exports],
        }
        for query in loaded.catalog.definitions.saved_queries
    } == expected["saved_queries"]


def test_exposures_and_groups_are_those_of_dbt(loaded: Project, expected: dict[str, Any]) -> None:
    definitions = loaded.catalog.definitions
    assert sorted(e.name for e in definitions.exposures) == expected["exposures"]
    assert sorted(g.name for g in definitions.groups) == expected["groups"]


@pytest.mark.parametrize(
    ("name", "question"), QUESTIONS, ids=[f"{name}: {q['name']}" for name, q in QUESTIONS]
)
def test_a_built_project_answers_as_sql_over_its_raw_tables(
    name: str, question: dict[str, Any], dbt: Dbt, run: Run
) -> None:
    """On the tables that dbt built, found through dbt's manifest."""
    built = run(dbt, name, "build")
    assert built.code == 0, built.said
    database = built.folder / "target" / f"{name}.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        project = Project.load(built.folder, connection=connection)
        answer = project.query(**question["ask"])
        truth = connection.sql(question["sql"]).fetchall()
    assert len(truth) > 0
    assert _sorted(answer.rows()) == [
        tuple(pytest.approx(v, rel=1e-9) if isinstance(v, float) else v for v in row)
        for row in _sorted(truth)
    ]


def _sorted(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows as plain values in a stable order: numbers as floats, midnights as dates."""
    return sorted((tuple(map(_plain, row)) for row in rows), key=lambda row: repr(row[:1]))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date()
    return value
