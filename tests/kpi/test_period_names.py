"""Periods as people write them, in every calendar that a project can have."""

from __future__ import annotations

from datetime import date
from itertools import product

import pytest

from kpilayer import QueryError
from kpilayer.calendar import Calendar
from kpilayer.grain import MONTHS, WEEKDAYS
from kpilayer.kpi.period_names import name_of, period_named
from kpilayer.kpi.periods import Cadence, periods_of

CALENDARS = [
    Calendar(week_start=week, fiscal_year_start=month, fiscal_year_named_by=by)
    for week, month, by in product(WEEKDAYS, MONTHS[::3] + MONTHS[1::5], ("start", "end"))
]


@pytest.mark.parametrize("cadence", ["daily", "weekly", "monthly", "quarterly", "yearly"])
def test_every_period_has_a_name_of_its_own_by_which_it_is_found(cadence: Cadence) -> None:
    for calendar in CALENDARS:
        periods, seen = periods_of(cadence, calendar), set()
        start = periods.holding(date(2023, 12, 20))
        assert start is not None
        while start < date(2027, 2, 1):
            name = name_of(start, cadence, calendar)
            assert name not in seen and period_named(name, cadence, calendar) == start
            assert period_named(start.isoformat(), cadence, calendar) == start
            seen.add(name)
            start = periods.end(start)


@pytest.mark.parametrize(
    ("text", "cadence", "calendar", "start"),
    [
        ("2026-05", "monthly", Calendar(), "2026-05-01"),
        ("2026-5", "monthly", Calendar(), "2026-05-01"),
        ("2026-05-17", "monthly", Calendar(), "2026-05-01"),
        ("2026-W01", "weekly", Calendar(), "2025-12-29"),
        ("2026-w53", "weekly", Calendar(), "2026-12-28"),
        ("2026-W01", "weekly", Calendar(week_start="sunday"), "2025-12-28"),
        ("2026-Q2", "quarterly", Calendar(), "2026-04-01"),
        ("2026-Q1", "quarterly", Calendar(fiscal_year_start="february"), "2025-02-01"),
        (
            "2026-Q1", "quarterly",
            Calendar(fiscal_year_start="february", fiscal_year_named_by="start"), "2026-02-01",
        ),
        ("2026-Q4", "quarterly", Calendar(fiscal_year_start="july"), "2026-04-01"),
        ("2026", "yearly", Calendar(fiscal_year_start="july"), "2025-07-01"),
        ("2026-05-17", "daily", Calendar(), "2026-05-17"),
    ],
)  # fmt: skip
def test_a_name_means_a_first_day(
    text: str, cadence: Cadence, calendar: Calendar, start: str
) -> None:
    assert period_named(text, cadence, calendar) == date.fromisoformat(start)


@pytest.mark.parametrize(
    ("text", "cadence"),
    [
        ("2026-13", "monthly"), ("2026-05", "weekly"), ("2026-W54", "weekly"), ("2025-W53", "weekly"),
        ("2026-Q5", "quarterly"), ("2026", "monthly"), ("2026-05", "daily"), ("20260517", "monthly"),
        ("last month", "monthly"), ("2026-02-30", "daily"), ("", "yearly"), ("0000", "yearly"),
    ],
)  # fmt: skip
def test_what_is_no_period_of_a_cadence_is_told_with_an_example(
    text: str, cadence: Cadence
) -> None:
    with pytest.raises(QueryError, match=f"is no period of a {cadence} KPI") as raised:
        period_named(text, cadence, Calendar())
    assert "write it as `2026" in str(raised.value)
