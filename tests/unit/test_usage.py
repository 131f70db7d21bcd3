"""Saved queries, exposures and groups: who uses metrics."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources

import jsonschema
import pytest
from click.testing import CliRunner

from kpilayer import Project
from kpilayer.cli.main import cli
from tests.unit.test_every_kind import COMPANY

Define = Callable[..., Project]


@pytest.fixture
def company(define: Define) -> Project:
    return define(COMPANY)


def test_a_saved_query_holds_names_where_dbt_has_objects(company: Project) -> None:
    (board,) = company.saved_queries
    assert (board.name, board.label, board.exports) == ("board", "Board", ("board_table",))
    assert board.metrics == ("revenue", "visit_count")
    assert board.group_by == ("metric_time__month", "user__country")
    (definition,) = company._graph.catalog.definitions.saved_queries
    assert definition.query_params.order_by == ("-metric_time__month", "revenue")
    assert definition.query_params.where == ("\"user__country\" <> 'XX'",)


def test_an_exposure_says_who_answers_for_it(company: Project) -> None:
    (weekly,) = company.exposures
    assert (weekly.type, weekly.owner) == ("dashboard", "finance team")
    assert weekly.depends_on == ("metric('revenue')", "ref('orders')")


@pytest.mark.parametrize("kind", ["saved-queries", "exposures"])
def test_they_are_listed_in_the_envelope(company: Project, kind: str) -> None:
    result = CliRunner().invoke(cli, ["-C", str(company.root), "list", kind, "-f", "json"])
    assert result.exit_code == 0, result.output
    text = resources.files("kpilayer.cli").joinpath("envelope.schema.json").read_text()
    envelope = json.loads(result.stdout)
    jsonschema.validate(envelope, json.loads(text))
    assert envelope["summary"] == {"kind": kind, "count": 1}


def test_they_are_not_narrowed_by_metrics(company: Project) -> None:
    result = CliRunner().invoke(
        cli, ["-C", str(company.root), "list", "exposures", "-m", "revenue"]
    )
    assert result.exit_code == 2
    assert "`-m` narrows dimensions and entities, not exposures." in result.output
