"""Rows filtered and grouped by what a metric has in their period; every number by hand."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from kpilayer import Project
from tests.engines.surface import DEFINITIONS, TABLES


@pytest.fixture
def shop(engine: Any) -> Project:
    project: Project = engine.project(DEFINITIONS, tables=TABLES)
    return project


@pytest.mark.statement("Q1")
def test_a_row_meets_the_value_of_its_whole_period(shop: Project) -> None:
    # revenue: January 35, February 47, March 80, April 101
    where = "{{ Metric('revenue', ['metric_time__month']) }} > 40"
    assert shop.query("revenue", where=where).rows() == [(D("228.00"),)]
    # ann 10, bob 20, cat 5 in January; ann 40, dan 7; cat 80; bob 100, eve 1
    where = "{{ Metric('revenue', ['customer', 'metric_time__month']) }} >= 20"
    assert shop.query("revenue", where=where).rows() == [(D("240.00"),)]


@pytest.mark.statement("Q1")
def test_rows_are_grouped_by_the_value_of_their_period(shop: Project) -> None:
    rows = shop.query("revenue", "Metric('sold', ['metric_time__year'])").rows()
    assert [row[1] for row in rows] == [D("263.00")]
