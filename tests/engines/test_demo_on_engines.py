"""Every metric of the example company is the same number on other engines as on DuckDB."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

import duckdb
import pytest

from kpilayer import Project, QueryError
from kpilayer.demo.data import TABLES, build
from tests.engines.conftest import COPIES, NIGHTLY
from tests.engines.table import PAGE, page, unsupported
from tests.engines.test_demo_metrics import ROOT, same
from tests.unit.test_demo_over_time import OF_A_TIME

GRAINS = ("month", "quarter", "year")
#: So many metrics in one question, as a report has them.
TOGETHER = 16


@pytest.fixture(scope="module")
def company() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        build(connection, 0.01)
        yield connection


@pytest.fixture(scope="module")
def here(company: duckdb.DuckDBPyConnection) -> Project:
    return Project.load(ROOT, connection=company)


#: The answers of some take minutes: for the nights.
QUICK = COPIES if NIGHTLY else tuple(n for n in COPIES if n not in ("bigquery", "spark"))


@pytest.fixture(scope="module", params=QUICK)
def there(
    request: pytest.FixtureRequest,
    company: duckdb.DuckDBPyConnection,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    engine = importlib.import_module(f"tests.engines.on_{request.param}")
    with engine.opened(tmp_path_factory.mktemp(request.param)) as connection:
        for table in TABLES:
            rows = company.sql(f"SELECT * FROM {table}").to_arrow_table()
            engine.load(connection, table, rows)
        yield Project.load(ROOT, connection=connection)


def refused(there: Project) -> Mapping[str, str]:
    """What `UNSUPPORTED` says that an engine cannot compute."""
    names = {"mysql": "mariadb"}
    dialect = there.target.dialect
    return unsupported(names.get(dialect, dialect))


def compared(here: Project, there: Project, names: list[str], group_by: list[str]) -> None:
    names = [name for name in names if name not in refused(there)]
    for start in range(0, len(names), TOGETHER):
        some = names[start : start + TOGETHER]
        expected = here.query(some, group_by=group_by).rows()
        found = there.query(some, group_by=group_by).rows()
        assert len(found) == len(expected) > 0
        for row, wanted in zip(found, expected, strict=True):
            for name, value, one in zip([*group_by, *some], row, wanted, strict=True):
                assert same(value, one), f"{name}: {value!r} is not {one!r}, in {row}"


def test_every_metric_in_total(here: Project, there: Project) -> None:
    compared(here, there, [m.name for m in here.metrics if m.name not in OF_A_TIME], [])


@pytest.mark.parametrize("grain", GRAINS)
def test_every_metric_by_time(here: Project, there: Project, grain: str) -> None:
    compared(here, there, [m.name for m in here.metrics], [f"metric_time__{grain}"])


def test_every_metric_by_month_and_two_of_its_dimensions(here: Project, there: Project) -> None:
    """The first two dimensions of words that each metric has; those with the same ones together."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for metric in here.metrics:
        known = [d.name for d in here.dimensions([metric.name]) if d.type == "categorical"]
        alike.setdefault(tuple(known[:2]), []).append(metric.name)
    assert max(map(len, alike)) == 2
    for names, metrics in alike.items():
        for name in names:
            compared(here, there, metrics, ["metric_time__month", name])


def test_what_is_said_to_be_unsupported_is_refused(there: Project) -> None:
    for name in refused(there):
        with pytest.raises(QueryError) as error:
            there.compile([name], group_by=["metric_time__month"])
        assert {issue.code for issue in error.value.issues} == {"unsupported-in-dialect"}


def test_the_table_of_engines_is_the_one_in_the_documentation() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.engines.table`"
