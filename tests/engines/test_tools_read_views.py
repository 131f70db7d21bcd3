"""What tools ask of a database lists every published view, with types and comments."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import psycopg.conninfo
import pytest

from tests.conftest import DEFAULT, PostgresSchema
from tests.engines.test_publishing import DEFINITIONS, TABLES, VIEWS

pytestmark = pytest.mark.xdist_group("tools")

JARS = (Path("/usr/share/java/postgresql.jar"),)
#: What JDBC, and with it Metabase, Tableau and DBeaver, asks of a database.
JAVA = """
import java.sql.*;

public class Listed {
  public static void main(String[] given) throws SQLException {
    try (Connection c = DriverManager.getConnection(given[0], given[1], given[2])) {
      DatabaseMetaData about = c.getMetaData();
      ResultSet views = about.getTables(null, given[3], "%", new String[] {"VIEW"});
      while (views.next()) System.out.println(String.join("|", "view", views.getString("TABLE_NAME"), views.getString("REMARKS")));
      ResultSet columns = about.getColumns(null, given[3], "orders_monthly", "%");
      while (columns.next()) System.out.println(String.join("|", "column", columns.getString("COLUMN_NAME"), columns.getString("TYPE_NAME"), columns.getString("REMARKS")));
      ResultSet sum = c.createStatement().executeQuery("SELECT SUM(revenue) FROM " + given[3] + ".orders_monthly");
      while (sum.next()) System.out.println("sum|" + sum.getBigDecimal(1).stripTrailingZeros().toPlainString());
    }
  }
}
"""


def _missing(reason: str) -> NoReturn:
    if os.environ.get("KPILAYER_REQUIRE_ENGINES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def published(postgres_schema: PostgresSchema, tmp_path: Path) -> Iterator[str]:
    """A schema with the views of a shop."""
    from kpilayer import Project

    connection = postgres_schema.connection
    for name, select in TABLES.items():
        connection.execute(f"CREATE TABLE {name} AS {select}")
    (tmp_path / "models").mkdir()
    (tmp_path / "kpilayer.yml").write_text("name: shop\n")
    (tmp_path / "models" / "shop.yml").write_text(DEFINITIONS)
    (tmp_path / "models" / "views.yml").write_text(VIEWS)
    project = Project.load(tmp_path, connection=connection)
    schema = f"{postgres_schema.schema}_kpi"
    project.publish(schema=schema)
    yield schema
    connection.execute(f"DROP SCHEMA {schema} CASCADE")


def names(schema: str, connection: Any) -> set[str]:
    rows = connection.execute(
        "SELECT c.relname::text FROM pg_class AS c WHERE c.relkind = 'v'"
        f" AND c.relnamespace = '{schema}'::regnamespace"
    ).fetchall()
    return {name for (name,) in rows}


def server() -> dict[str, str]:
    said = psycopg.conninfo.conninfo_to_dict(os.environ.get("KPILAYER_TEST_POSTGRES", DEFAULT))
    return {key: str(value) for key, value in said.items()}


def test_psql_shows_types_and_comments(published: str) -> None:
    psql = shutil.which("psql")
    if psql is None:
        _missing("no psql: apt-get install postgresql-client")
    dsn = os.environ.get("KPILAYER_TEST_POSTGRES", DEFAULT)
    told = subprocess.run(
        [psql, "-X", dsn, "-c", f"\\d+ {published}.orders_monthly", "-c", f"\\dv+ {published}.*"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "numeric" in told or "bigint" in told
    assert '[ratio] Roll up with CAST(SUM("refund_rate__numerator")' in told
    assert "Orders by month." in told and "One row for each month, region, channel." in told


def test_sqlalchemy_lists_views_with_types_and_comments(
    published: str, postgres_schema: PostgresSchema
) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(**server()))
    with engine.connect() as connection:
        about = sa.inspect(connection)
        assert set(about.get_view_names(published)) == names(published, postgres_schema.connection)
        columns = {c["name"]: c for c in about.get_columns("orders_monthly", published)}
        assert isinstance(columns["metric_time"]["type"], sa.Date)
        assert columns["revenue"]["comment"] == (
            'Revenue. What customers paid. In USD. [additive] Roll up with SUM("revenue")'
        )
        comment = about.get_table_comment("orders_monthly", published)["text"]
        assert comment is not None and comment.startswith("Orders by month.")
        total = connection.execute(sa.text(f"SELECT SUM(revenue) FROM {published}.orders_monthly"))
        assert total.scalar() == 360
    engine.dispose()


def test_jdbc_lists_views_with_types_and_comments(
    published: str, postgres_schema: PostgresSchema, tmp_path: Path
) -> None:
    jar = next((path for path in JARS if path.is_file()), None)
    java = shutil.which("java")
    if jar is None or java is None:
        _missing("no JDBC: apt-get install libpostgresql-jdbc-java openjdk-17-jdk-headless")
    source = tmp_path / "Listed.java"
    source.write_text(JAVA)
    said = server()
    where = f"jdbc:postgresql://{said['host']}:{said.get('port', '5432')}/{said['dbname']}"
    done = subprocess.run(
        [java, "-cp", str(jar), str(source), where, said["user"], said.get("password", ""), published],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "jdk.compiler" in done.stderr or "ModuleNotFound" in done.stderr:
        _missing("this Java compiles nothing: apt-get install openjdk-17-jdk-headless")
    assert done.returncode == 0, done.stderr
    rows = [line.split("|") for line in done.stdout.splitlines()]
    views = {row[1]: "|".join(row[2:]) for row in rows if row[0] == "view"}
    assert set(views) == names(published, postgres_schema.connection)
    assert all(remark not in ("", "null") for remark in views.values())
    columns = {row[1]: (row[2], row[3]) for row in rows if row[0] == "column"}
    assert columns["metric_time"] == ("date", "The month, by its first day.")
    assert columns["refund_rate"][0] == "float8" and "[ratio]" in columns["refund_rate"][1]
    assert ["sum", "360"] in rows


def test_odbc_lists_views_with_types(published: str, postgres_schema: PostgresSchema) -> None:
    try:
        import pyodbc
    except ImportError as error:
        _missing(f"no ODBC: apt-get install unixodbc odbc-postgresql; pip install pyodbc ({error})")
    driver = next((one for one in pyodbc.drivers() if one.startswith("PostgreSQL Uni")), None)
    if driver is None:
        _missing("no ODBC driver: apt-get install odbc-postgresql")
    said = server()
    parts = {"DRIVER": driver, "SERVER": said["host"], "PORT": said.get("port", "5432")}
    parts |= {"DATABASE": said["dbname"], "UID": said["user"], "PWD": said.get("password", "")}
    with pyodbc.connect(";".join(f"{k}={v}" for k, v in parts.items())) as connection:
        cursor = connection.cursor()
        found = {row.table_name for row in cursor.tables(schema=published, tableType="VIEW")}
        assert found == names(published, postgres_schema.connection)
        columns = cursor.columns(schema=published, table="orders_monthly").fetchall()
        types = {row.column_name: row.type_name for row in columns}
        assert types["metric_time"] == "date" and types["refund_rate"] == "float8"
        # psqlODBC gives no comments of views: the catalogue says the same.
        sql = f"SELECT rollup_expression FROM {published}.kpi_columns WHERE column_name = ?"
        roll_up = cursor.execute(f"{sql} AND view_name = 'orders_monthly'", "revenue").fetchone()
        assert roll_up[0] == 'SUM("revenue")'
    connection.close()
