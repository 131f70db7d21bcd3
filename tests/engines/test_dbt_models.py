"""What dbt is given to make is, on every engine, what publishing makes."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
import sqlglot

from kpilayer import Project
from kpilayer.publish.catalogue import METRIC_COLUMNS
from tests.engines.conftest import ENGINES, Engine
from tests.engines.test_publishing import PUBLISHED_ON, Published, _plain_row
from tests.engines.test_publishing import shop as shop  # a fixture

CATALOGUE = ", ".join([*(name for name in METRIC_COLUMNS if name != "stored_in"), "data_as_of"])


def rendered(path: Path) -> tuple[str, list[str]]:
    """A model as dbt gives it to the database, its reads being views `made_..`; and these."""
    reads: list[str] = []

    def ref(name: str) -> str:
        reads.append(name)
        return f"made_{name}"

    template = jinja2.Template(path.read_text(encoding="utf-8"))
    return template.render(ref=ref, config=lambda **_: ""), reads


def make(shop: Published, folder: Path) -> list[str]:
    """Makes a view `made_..` of each model, and gives their names."""
    made: list[str] = []

    def view(path: Path) -> None:
        if path.stem in made:
            return
        sql, reads = rendered(path)
        for name in reads:
            view(path.with_stem(name))
        shop.execute(f"CREATE VIEW made_{path.stem} AS {sql}")
        made.append(path.stem)

    for path in sorted((folder / "models/kpilayer").glob("*.sql")):
        view(path)
    return made


def whole(folder: Path, name: str) -> str:
    """A model with the text of all that it reads."""

    def ref(name: str) -> str:
        return f"(\n{whole(folder, name)}\n)"

    template = jinja2.Template((folder / f"{name}.sql").read_text(encoding="utf-8"))
    return template.render(ref=ref, config=lambda **_: "")


@pytest.mark.parametrize(
    "engine", [name for name in ENGINES if name in PUBLISHED_ON], indirect=True
)
def test_models_have_the_rows_of_published_views(shop: Published, tmp_path: Path) -> None:
    project = shop.define()
    project.lock()
    project = Project.load(project.root, connection=project.connection)
    project.publish(schema=shop.schema)
    made = make(shop, project.export_dbt(tmp_path / "dbt").folder)
    assert "orders_monthly__rollup" in made and "kpi_values" in made
    for name in made:
        if name == "kpi_columns":  # without the types of columns, which publishing knows
            continue
        # Where and when rows are kept, dbt knows.
        columns = CATALOGUE if name == "kpi_catalog" else "*"
        asked = shop.engine.answer(f"SELECT {columns} FROM made_{name}")
        assert sorted(map(_plain_row, asked), key=repr) == shop.rows(name, columns), name


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@pytest.mark.parametrize(
    "dialect",
    ["bigquery", "clickhouse", "mysql", "postgres", "redshift", "snowflake", "spark", "sqlite"],
)
def test_models_can_be_read_in_every_dialect(shop: Published, tmp_path: Path, dialect: str) -> None:
    project = shop.define()
    project.lock()
    project = Project.load(project.root, connection=project.connection)
    found = project.export_dbt(tmp_path / "dbt", dialect=dialect, unverified=True)
    for path in sorted((found.folder / "models/kpilayer").glob("*.sql")):
        sql, reads = rendered(path)
        tree = sqlglot.parse_one(sql, read=dialect)
        tables = {table.name for table in tree.find_all(sqlglot.exp.Table)}
        assert {f"made_{name}" for name in reads} <= tables, path.stem


@pytest.mark.parametrize(
    "engine", [name for name in ENGINES if name not in PUBLISHED_ON], indirect=True
)
def test_models_have_their_numbers_where_only_dbt_makes_views(
    engine: Engine, tmp_path: Path
) -> None:
    shop = Published(engine, "")
    project = shop.define()
    project.lock()
    project = Project.load(project.root, connection=project.connection)
    folder = project.export_dbt(tmp_path / "dbt").folder / "models/kpilayer"
    columns = "metric_time, region, channel, active_customers"
    where = "_level = 'region' AND _grain = 'month' AND metric_time = DATE '2026-02-01'"
    asked = f"SELECT {columns} FROM ({whole(folder, 'orders_monthly__rollup')}) AS r WHERE {where}"
    assert sorted(map(_plain_row, shop.engine.answer(asked)), key=repr) == [
        ("2026-02-01", "(null)", "(all)", 1),
        ("2026-02-01", "EU", "(all)", 1),
        ("2026-02-01", "US", "(all)", 1),
    ]
    columns = "metric_time, value, numerator, denominator"
    where = "metric = 'refund_rate' AND dimension = 'total' AND grain = 'month'"
    asked = f"SELECT {columns} FROM ({whole(folder, 'kpi_values')}) AS v WHERE {where}"
    assert sorted(map(_plain_row, shop.engine.answer(asked)), key=repr) == [
        ("2026-01-01", 0.5, 2, 4),
        ("2026-02-01", 0.333333, 1, 3),
        ("2026-03-01", 0, 0, 1),
    ]
    asked = f"SELECT metric, data_as_of FROM ({whole(folder, 'kpi_catalog')}) AS c"
    assert ("revenue", "2026-03-03") in map(_plain_row, shop.engine.answer(asked))
