"""A project's calendar in Python, in SQL and by counting days: the three must agree."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from kpilayer.calendar import Calendar
from kpilayer.grain import MONTHS, WEEKDAYS, is_date, next_period, truncate
from kpilayer.sql.dialects import capabilities

calendars = st.builds(
    Calendar,
    week_start=st.sampled_from(WEEKDAYS),
    week_starts=st.sampled_from(WEEKDAYS).map(lambda day: (("other_week", day),)),
    fiscal_year_start=st.sampled_from(MONTHS),
    fiscal_year_named_by=st.sampled_from(["end", "start"]),
)
moments = st.datetimes(dt.datetime(1800, 1, 1), dt.datetime(2200, 12, 31))


@pytest.fixture(scope="module")
def local() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def in_sql(local: duckdb.DuckDBPyConnection, tree: exp.Expr) -> object:
    return local.execute(f"SELECT {tree.sql('duckdb')}").fetchall()[0][0]


def stored(moment: dt.datetime, kind: str) -> exp.Expr:
    return exp.cast(exp.Literal.string(moment.isoformat(sep=" ")), kind)


def first_day(day: dt.date, begins: Callable[[dt.date], bool]) -> dt.date:
    """The period's first day, found by going back day by day."""
    while not begins(day):
        day -= dt.timedelta(days=1)
    return day


def begins(calendar: Calendar, name: str) -> Callable[[dt.date], bool]:
    """Whether a period of a grain begins on a day, said of each grain in words of its own."""
    weeks = {"week": calendar.week_start, **dict(calendar.week_starts)}
    if name in weeks:
        return lambda day: day.strftime("%A").lower() == weeks[name]
    first = calendar.fiscal_year_start if name.startswith("fiscal_") else "january"
    starts = [MONTHS[(MONTHS.index(first) + i) % 12] for i in range(12)]
    kind = name.removeprefix("fiscal_")
    if kind == "day":
        return lambda day: True
    chosen = {"month": starts, "quarter": starts[::3], "year": starts[:1]}[kind]
    return lambda day: day.day == 1 and day.strftime("%B").lower() in chosen


@pytest.mark.statement("T2")
@pytest.mark.statement("T3")
@settings(max_examples=150, deadline=None)
@given(calendar=calendars, moment=moments)
def test_periods_are_the_same_in_python_in_sql_and_by_counting_days(
    local: duckdb.DuckDBPyConnection, calendar: Calendar, moment: dt.datetime
) -> None:
    trunc = capabilities("duckdb").trunc
    for name in calendar.grains:
        unit = calendar.unit(name)
        assert unit is not None
        start, after = truncate(moment, unit), next_period(moment, unit)
        assert start <= moment < after
        assert truncate(start, unit) == start
        assert truncate(after, unit) == after  # the next period begins where this one ends
        if not is_date(unit):
            assert in_sql(local, trunc(unit, stored(moment, "TIMESTAMP"))) == start
            continue
        day = first_day(moment.date(), begins(calendar, name))
        assert start == dt.datetime.combine(day, dt.time()), name
        for kind in ("TIMESTAMP", "DATE"):
            assert in_sql(local, trunc(unit, stored(moment, kind))) == start.date(), (name, kind)


@pytest.mark.statement("T3")
@settings(max_examples=150, deadline=None)
@given(calendar=calendars, moment=moments)
def test_fiscal_parts_are_the_same_in_sql_and_by_counting_months(
    local: duckdb.DuckDBPyConnection, calendar: Calendar, moment: dt.datetime
) -> None:
    part = capabilities("duckdb").part
    start = first_day(moment.date(), begins(calendar, "fiscal_year"))
    months = (moment.year - start.year) * 12 + moment.month - start.month
    last = start.year if start.month == 1 else start.year + 1
    expected = {
        "fiscal_year": last if calendar.fiscal_year_named_by == "end" else start.year,
        "fiscal_quarter": months // 3 + 1,
        "fiscal_month": months + 1,
    }
    for kind in ("TIMESTAMP", "DATE"):
        for name, value in expected.items():
            assert in_sql(local, part(calendar.part(name), stored(moment, kind))) == value, name


def test_the_ends_of_the_calendar_are_no_errors() -> None:
    for name in Calendar(week_start="sunday", fiscal_year_start="april").grains:
        unit = Calendar(week_start="sunday", fiscal_year_start="april").unit(name) or ""
        assert truncate(dt.datetime.min, unit) == dt.datetime.min
        assert next_period(dt.datetime.max, unit) == dt.datetime.max
