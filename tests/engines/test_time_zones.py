"""Instants shown in a reporting zone, on every engine (T1).

What is expected comes from Python's own time zones, instant by instant: rows stand every ten
minutes around days on which clocks are changed, and far from them.
"""

from __future__ import annotations

import datetime as dt
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kpilayer import Project, QueryError

UTC = ZoneInfo("UTC")
STEP = dt.timedelta(minutes=10)


def days(start: str, count: int) -> list[dt.datetime]:
    first = dt.datetime.fromisoformat(start).replace(tzinfo=UTC)
    return [first + STEP * i for i in range(count * 24 * 6)]


#: Around both changes of clocks in Berlin, one in Havana (at midnight), the turn of a year, and
#: a day in summer; 23:30 UTC is another day in Berlin.
INSTANTS = [
    *days("2026-03-28", 3),
    *days("2026-10-24", 3),
    *days("2024-11-02", 3),
    *days("2025-12-31", 1),
    *days("2026-07-01", 1),
]
MODEL = """
models:
  - name: visits
    semantic_model: true
    primary_entity: visit
    agg_time_dimension: {time}
    columns:
      - {{name: in_utc, granularity: second, dimension: {{type: time, timezone: UTC}}}}
      - {{name: in_berlin, granularity: second, dimension: {{type: time, timezone: Europe/Berlin}}}}
      - {{name: instant, granularity: second, dimension: {{type: time, timezone: UTC}}}}
      - {{name: on_day, granularity: day, dimension: {{type: time, timezone: UTC}}}}
      - {{name: plain, granularity: second, dimension: time}}
      - name: in_tokyo
        granularity: second
        dimension: {{type: time, timezone: UTC, report_timezone: Asia/Tokyo}}
metrics:
  - {{name: visit_count, model: visits, agg: count}}
"""
Make = Callable[..., Project]


@pytest.fixture
def visits(engine: Any) -> Make:
    def in_berlin(at: dt.datetime) -> str:
        return str(at.astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None))

    rows = ", ".join(
        f"('{at:%Y-%m-%d %H:%M:%S}', '{in_berlin(at)}', '{at:%Y-%m-%d %H:%M:%S}+00')"
        for at in INSTANTS
    )
    table = f"""
    SELECT CAST(utc AS TIMESTAMP) AS in_utc, CAST(berlin AS TIMESTAMP) AS in_berlin,
        CAST(utc AS TIMESTAMP) AS in_tokyo, CAST(utc AS TIMESTAMP) AS plain,
        CAST(utc AS DATE) AS on_day, CAST(instant AS TIMESTAMP WITH TIME ZONE) AS instant
    FROM (VALUES {rows}) AS t(utc, berlin, instant)
    """
    engine.tables({"visits": table})

    def make(settings: str = "", time: str = "in_utc", lock: bool = True) -> Project:
        files = {"kpilayer.yml": f"name: shop\n{settings}\n"}
        project = engine.project(MODEL.format(time=time), files=files)
        if lock:
            project.lock()
        else:
            (Path(project.root) / "kpilayer.lock").unlink(missing_ok=True)
        return Project.load(project.root, connection=engine.connection)

    return make


def local(zone: str) -> list[dt.datetime]:
    return [at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in INSTANTS]


def counted(keys: list[Any]) -> list[tuple[Any, int]]:
    return sorted(Counter(keys).items())


def hour(at: dt.datetime) -> dt.datetime:
    return at.replace(minute=0, second=0)


ZONES = ["Europe/Berlin", "America/Havana", "Asia/Kolkata", "UTC"]


@pytest.mark.statement("T1")
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("column", ["in_utc", "instant"])
def test_buckets_are_those_of_the_reporting_zone(visits: Make, zone: str, column: str) -> None:
    project = visits(f"timezone: {zone}", column)
    moments = local(zone)
    for name in ("metric_time", f"visit__{column}"):
        by_day = project.query("visit_count", f"{name}__day").rows()
        assert by_day == counted([m.date() for m in moments])
        by_hour = project.query("visit_count", f"{name}__hour").rows()
        assert by_hour == counted([hour(m) for m in moments])
        by_part = project.query("visit_count", f"{name}__extract_dow").rows()
        assert by_part == counted([m.isoweekday() for m in moments])


@pytest.mark.statement("T1")
def test_two_instants_in_the_repeated_hour_are_in_one_bucket(visits: Make) -> None:
    project = visits("timezone: Europe/Berlin")
    found = dict(project.query("visit_count", "metric_time__hour").rows())
    assert found[dt.datetime(2026, 10, 25, 2)] == 12  # six before the clocks go back, six after
    assert dt.datetime(2026, 3, 29, 2) not in found  # which no clock shows


BOUNDS = [
    *("2026-03-29", "2026-03-30", "2026-10-25", "2026-10-26", "2024-11-03", "2026-01-01"),
    *("2026-03-29 02:00:00", "2026-03-29 03:00:00", "2026-10-25 01:50:00", "2026-10-25 02:00:00"),
    *("2026-10-25 02:30:00", "2026-10-25 03:00:00", "2024-11-03 00:00:00", "2024-11-03 00:30:00"),
    *("2024-11-03 01:00:00", "2026-07-01 12:20:00"),
]


@pytest.mark.statement("T1")
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana"])
@pytest.mark.parametrize("column", ["in_utc", "instant"])
def test_literals_are_local_times(visits: Make, zone: str, column: str) -> None:
    project, moments = visits(f"timezone: {zone}", column), local(zone)
    for text in BOUNDS:
        bound = dt.datetime.fromisoformat(text)
        for sign, test in (
            (">=", lambda m, b: m >= b),
            (">", lambda m, b: m > b),
            ("<", lambda m, b: m < b),
            ("<=", lambda m, b: m <= b),
            ("=", lambda m, b: m == b),
            ("<>", lambda m, b: m != b),
        ):
            where = f"visit__{column}__second {sign} '{text}'"
            found = project.query("visit_count", where=where).rows()
            expected = sum(test(m, bound) for m in moments)
            assert found == [(expected or None,)], where
        where = f"visit__{column}__hour = '{text}'"
        expected = sum(hour(m) == hour(bound) for m in moments)
        assert project.query("visit_count", where=where).rows() == [(expected or None,)], where


@pytest.mark.statement("T1")
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana"])
@pytest.mark.parametrize("column", ["in_utc", "instant"])
def test_start_and_end_are_local_days(visits: Make, zone: str, column: str) -> None:
    project, moments = visits(f"timezone: {zone}", column), local(zone)
    for text in ("2026-03-28", "2026-03-29", "2026-10-25", "2024-11-03", "2026-07-01"):
        day = dt.date.fromisoformat(text)
        expected = sum(m.date() == day for m in moments)
        found = project.query("visit_count", start=text, end=text).rows()
        assert found == [(expected,)], text
        month = project.query("visit_count", "metric_time__month", start=text, end=text).rows()
        assert month == [
            (day.replace(day=1), sum((m.year, m.month) == (day.year, day.month) for m in moments))
        ]
    exact = {"start": "2026-10-25 02:00:00", "end": "2026-10-25 02:30:00", "exact": True}
    first, last = (dt.datetime.fromisoformat(str(exact[k])) for k in ("start", "end"))
    expected = sum(first <= m <= last for m in moments)
    assert project.query("visit_count", **exact).rows() == [(expected,)]


#: A bound in summer, far from changes of clocks, and one near them, as each dialect says them.
SPELLED = {
    "clickhouse": (
        "visits.in_utc >= toDateTime64(toString(toDateTime64(toString(",
        "fromUTCTimestamp(toDateTime64(visits.in_utc, 6), 'Europe/Berlin') >=",
    ),
    "duckdb": (
        "visits.in_utc >= CAST('2026-07-01 00:00:00' AS TIMESTAMP) AT TIME ZONE",
        "visits.in_utc AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' >=",
    ),
}


@pytest.mark.statement("T1")
def test_far_from_changes_of_clocks_a_bound_is_compared_as_it_is_stored(
    visits: Make, engine: Any
) -> None:
    project = visits("timezone: Europe/Berlin")
    for text, start in zip(
        SPELLED.get(engine.name, SPELLED["duckdb"]), ("2026-07-01", "2026-03-29"), strict=True
    ):
        found = project.compile("visit_count", start=start)
        assert "".join(text.split()) in "".join(found.split())


@pytest.mark.statement("T1")
def test_a_dimension_may_have_a_zone_of_its_own(visits: Make) -> None:
    project = visits("timezone: Europe/Berlin")
    found = project.query("visit_count", "visit__in_tokyo__day").rows()
    assert found == counted([m.date() for m in local("Asia/Tokyo")])


@pytest.mark.statement("T1")
def test_a_zone_without_a_reporting_zone_is_shown_as_stored(visits: Make) -> None:
    project = visits()
    for name, zone in (("in_utc", "UTC"), ("in_berlin", "Europe/Berlin"), ("instant", "UTC")):
        found = project.query("visit_count", f"visit__{name}__hour").rows()
        assert found == counted([hour(m) for m in local(zone)])


@pytest.mark.statement("T1")
def test_without_a_zone_and_for_dates_nothing_is_converted(visits: Make) -> None:
    project = visits("timezone: Pacific/Auckland")
    days_in_utc = counted([m.date() for m in local("UTC")])
    for name in ("plain", "on_day"):
        for question in ({}, {"timezone": "America/Havana"}):
            found = project.query("visit_count", f"visit__{name}__day", **question).rows()
            assert found == days_in_utc
    assert "AT TIME ZONE" not in project.compile("visit_count", "visit__on_day__day")


@pytest.mark.statement("T1")
def test_a_question_may_ask_for_another_zone(visits: Make) -> None:
    project = visits("timezone: Europe/Berlin")
    in_kolkata = local("Asia/Kolkata")
    for name in ("metric_time__day", "visit__in_tokyo__day"):
        found = project.query("visit_count", name, timezone="Asia/Kolkata").rows()
        assert found == counted([m.date() for m in in_kolkata])
    expected = sum(m.date() == dt.date(2026, 3, 29) for m in in_kolkata)
    where = "metric_time__day = '2026-03-29'"
    for question in ({"where": where}, {"start": "2026-03-29", "end": "2026-03-29"}):
        found = project.query("visit_count", timezone="Asia/Kolkata", **question).rows()
        assert found == [(expected,)]
    as_stored = project.query("visit_count", "metric_time__day", timezone="UTC").rows()
    assert as_stored == counted([m.date() for m in local("UTC")])


@pytest.mark.statement("T1")
def test_a_time_stored_in_a_zone_with_summer_time_is_moved(visits: Make) -> None:
    """A stored hour that stands twice is one of two: the rows of that night are left out."""
    project = visits("timezone: America/Havana", "in_berlin")
    found = dict(project.query("visit_count", "metric_time__hour").rows())
    expected = dict(counted([hour(m) for m in local("America/Havana")]))
    twice = {dt.datetime(2026, 10, 24, h) for h in (19, 20, 21)}
    assert {k: v for k, v in found.items() if k not in twice} == {
        k: v for k, v in expected.items() if k not in twice
    }
    for text in ("2026-03-29", "2026-07-01", "2024-11-03"):
        day = dt.date.fromisoformat(text)
        total = sum(m.date() == day for m in local("America/Havana"))
        assert project.query("visit_count", start=text, end=text).rows() == [(total,)]


@pytest.mark.statement("T1")
def test_the_session_of_the_warehouse_takes_no_part(visits: Make, engine: Any) -> None:
    project = visits("timezone: Europe/Berlin", "instant")
    expected = counted([m.date() for m in local("Europe/Berlin")])
    sql = project.compile("visit_count", "metric_time__day")
    if engine.name == "clickhouse":
        engine.connection.query("SET session_timezone = 'America/Los_Angeles'")
    else:
        engine.run("SET TimeZone = 'America/Los_Angeles'")
    assert engine.answer(sql) == expected


@pytest.mark.statement("T1")
def test_how_a_time_is_stored_must_be_known(visits: Make) -> None:
    project = visits("timezone: Europe/Berlin", lock=False)
    with pytest.raises(QueryError) as caught:
        project.compile("visit_count", "metric_time__day")
    assert [i.code for i in caught.value.issues] == ["unknown-type"]
    with pytest.raises(QueryError) as caught:
        project.compile(group_by="visit__in_utc__day")
    assert [i.code for i in caught.value.issues] == ["unknown-type"]
    with pytest.raises(QueryError, match="its type is not known"):
        project.compile("visit_count", start="2026-01-01")
    assert project.query("visit_count", "visit__plain__month").rows()


@pytest.mark.statement("T1")
def test_a_cast_tells_how_a_time_is_stored(engine: Any) -> None:
    definitions = """
    models:
      - name: visits
        semantic_model: true
        primary_entity: visit
        derived_semantics:
          dimensions:
            - {name: started, type: time, granularity: second, timezone: UTC,
               expr: CAST(started_at AS TIMESTAMP)}
            - {name: started_on, type: time, granularity: day, timezone: UTC,
               expr: CAST(started_at AS DATE)}
    metrics:
      - {name: visit_count, model: visits, agg: count}
    """
    tables = {"visits": "SELECT '2026-07-01 22:30:00' AS started_at"}
    files = {"kpilayer.yml": "name: shop\ntimezone: Europe/Berlin\n"}
    project = engine.project(definitions, tables=tables, files=files)
    found = project.query("visit_count", ["visit__started__day", "visit__started_on__day"])
    assert found.rows() == [(dt.date(2026, 7, 2), dt.date(2026, 7, 1), 1)]


@pytest.mark.statement("T1")
def test_filters_in_definitions_follow_the_zone_that_a_question_asks_for(engine: Any) -> None:
    definitions = """
    models:
      - name: visits
        semantic_model: true
        primary_entity: visit
        agg_time_dimension: started
        derived_semantics:
          dimensions:
            - {name: started, type: time, granularity: second, timezone: UTC,
               expr: CAST(started_at AS TIMESTAMP)}
    metrics:
      - {name: in_july, model: visits, agg: count,
         filter: "{{ TimeDimension('visit__started', 'month') }} = '2026-07-01'"}
    """
    tables = {"visits": "SELECT '2026-06-30 22:30:00' AS started_at"}  # in Berlin, July began
    files = {"kpilayer.yml": "name: shop\ntimezone: Europe/Berlin\n"}
    project = engine.project(definitions, tables=tables, files=files)
    here = project.query("in_july", "metric_time__day")
    there = project.query("in_july", "metric_time__day", timezone="UTC")
    assert (here.rows(), there.rows()) == ([(dt.date(2026, 7, 1), 1)], [])
    assert here.fingerprints["in_july"] != there.fingerprints["in_july"]


@pytest.mark.statement("T1")
def test_weeks_and_fiscal_years_are_those_of_the_reporting_zone(visits: Make) -> None:
    settings = "timezone: Europe/Berlin\nweek_start: sunday\nfiscal_year_start: april"
    project, moments = visits(settings), local("Europe/Berlin")
    sundays = [m.date() - dt.timedelta(days=m.isoweekday() % 7) for m in moments]
    assert project.query("visit_count", "metric_time__week").rows() == counted(sundays)
    years = [m.year + (m.month >= 4) for m in moments]
    found = project.query("visit_count", "metric_time__extract_fiscal_year").rows()
    assert found == counted(years)


@pytest.mark.statement("T1")
def test_rules_about_time_follow_the_reporting_zone(visits: Make, engine: Any) -> None:
    more = """
    metrics:
      - {name: so_far, type: cumulative, input_metric: visit_count, rows: data}
      - {name: day_before, type: derived, expr: earlier,
         input_metrics: [{name: visit_count, alias: earlier, offset_window: 1 day}]}
      - {name: month_before, type: derived, expr: earlier,
         input_metrics: [{name: visit_count, alias: earlier, offset_window: 1 month}]}
      - {name: every_day, model: visits, agg: count, join_to_timespine: true, fill_nulls_with: 0}
    """
    project = visits("timezone: Europe/Berlin")
    (Path(project.root) / "models" / "more.yml").write_text(textwrap.dedent(more))
    project = Project.load(project.root, connection=engine.connection)
    by_day = Counter(m.date() for m in local("Europe/Berlin"))
    first, last = min(by_day), max(by_day)
    everyday = [first + dt.timedelta(days=i) for i in range((last - first).days + 1)]

    found = project.query("so_far", "metric_time__day").rows()
    assert found == [(d, sum(n for o, n in by_day.items() if o <= d)) for d in sorted(by_day)]
    found = project.query("every_day", "metric_time__day").rows()
    assert found == [(d, by_day.get(d, 0)) for d in everyday]
    found = project.query("day_before", "metric_time__day").rows()
    day = dt.timedelta(days=1)
    assert found == [(d, by_day[d - day]) for d in everyday if d - day in by_day]
    by_quarter: Counter[dt.date] = Counter()
    for d, n in by_day.items():
        later = (d.replace(day=1) + dt.timedelta(days=31)).replace(day=1)
        by_quarter[later.replace(month=(later.month - 1) // 3 * 3 + 1)] += n
    found = project.query("month_before", "metric_time__quarter").rows()
    assert found == sorted((q, n) for q, n in by_quarter.items() if q <= last)


@pytest.mark.statement("T1")
def test_rows_given_to_a_test_have_the_types_of_the_lock(visits: Make, engine: Any) -> None:
    more = """
    metrics:
      - name: tested
        model: visits
        agg: count
        metric_tests:
          - name: by day in Berlin
            given: {visits: [{in_utc: '2026-07-01 22:30:00'}]}
            query: {group_by: [metric_time__day]}
            expect: [{metric_time__day: '2026-07-02', tested: 1}]
    """
    project = visits("timezone: Europe/Berlin")
    (Path(project.root) / "models" / "more.yml").write_text(textwrap.dedent(more))
    project = Project.load(project.root, connection=engine.connection)
    assert [outcome.status for outcome in project.test()] == ["passed"]
