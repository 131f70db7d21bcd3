"""Random metrics as measures of views: aggregated by hand, they are what questions answer."""

from __future__ import annotations

from pathlib import Path
from random import Random

import duckdb
import pytest

from kpilayer.interop.metric_view import MetricView
from tests.engines.conftest import NIGHTLY
from tests.oracle.bench import Bench
from tests.oracle.databases import database
from tests.unit.test_model_view import aggregated, equal

PROJECTS = 40 if NIGHTLY else 3
TOO_LARGE = "Overflow in subtraction"  # of a metric, and so of its measure


@pytest.mark.parametrize("seed", range(PROJECTS))
def test_measures_by_random_columns_are_answers(seed: int, tmp_path: Path) -> None:
    random = Random(f"views/{seed}")
    bench = Bench(tmp_path, random, size=60)
    views = bench.project.export_spark(joins=5).views
    assert sum(len(view.measures) for view in views) > 10
    for _ in range(3):
        bench.fill(database(random))
        for view in views:
            _compare(bench, view, random)


def _compare(bench: Bench, view: MetricView, random: Random) -> None:
    """The measures of a view by one or two of its columns."""
    named = {asked: column for column, asked in view.dimensions}
    metrics = [measure.name for measure in view.measures]
    some = random.sample(list(named), min(len(named), random.choice((1, 1, 2))))
    try:
        found = aggregated(bench.project, metrics, named, [named[asked] for asked in some])
    except duckdb.Error as error:
        assert TOO_LARGE in str(error)
        return
    equal(found, bench.project.query(metrics, some).rows(), len(some))
