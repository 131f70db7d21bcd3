"""How people write a period of a cadence: 2026-05, 2026-W21, 2026-Q2, 2026-05-17, 2026.

Quarters and years are those of the project's fiscal year, which is named by the year in which it
ends or begins, as the project says. A week has the number of the ISO week in which its fourth day
lies, so that weeks from Sunday have numbers, too.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

from kpilayer.calendar import Calendar
from kpilayer.errors import Issue, QueryError
from kpilayer.grain import MONTHS
from kpilayer.kpi.periods import Cadence, periods_of

_EXAMPLES: Final[dict[Cadence, str]] = {
    "daily": "2026-05-17", "weekly": "2026-W21", "monthly": "2026-05", "quarterly": "2026-Q2",
    "yearly": "2026",
}  # fmt: skip
_SPELLED: Final[dict[Cadence, re.Pattern[str]]] = {
    "daily": re.compile(r"(?!)"),  # a day is a date, which every cadence reads
    "weekly": re.compile(r"(\d{4})-?W(\d{1,2})"),
    "monthly": re.compile(r"(\d{4})-(\d{1,2})"),
    "quarterly": re.compile(r"(\d{4})-?Q([1-4])"),
    "yearly": re.compile(r"(\d{4})()"),
}


def name_of(start: date, cadence: Cadence, calendar: Calendar) -> str:
    """The name of a period by its first day.

    >>> name_of(date(2026, 5, 18), "weekly", Calendar())
    '2026-W21'
    >>> name_of(date(2026, 4, 1), "quarterly", Calendar(fiscal_year_start="february"))
    '2027-Q1'
    """
    match cadence:
        case "daily":
            return start.isoformat()
        case "weekly":
            week = (start + timedelta(days=3)).isocalendar()
            return f"{week.year}-W{week.week:02}"
        case "monthly":
            return f"{start:%Y-%m}"
    first, later = _fiscal(calendar)
    year = start.year - (start.month <= first) + later
    quarter = (start.month - 1 - first) % 12 // 3 + 1
    return f"{year}-Q{quarter}" if cadence == "quarterly" else f"{year}"


def period_named(text: str | date, cadence: Cadence, calendar: Calendar) -> date:
    """The first day of a period, by its name or by any day in it.

    >>> period_named("2026-W21", "weekly", Calendar())
    datetime.date(2026, 5, 18)

    Raises:
        QueryError: ``bad-value``, where this is no period of the cadence.
    """
    periods = periods_of(cadence, calendar)
    try:
        day = text if isinstance(text, date) else date.fromisoformat(text.strip())
        if len(str(text).strip()) >= len("2026-05-17"):  # `20260517` may be a slip
            found = periods.holding(day)
            assert found is not None, "periods of cadences have no first one"
            return found
    except ValueError:
        pass
    spelled = _SPELLED[cadence].fullmatch(str(text).strip().upper())
    start = None if spelled is None else _start(spelled[1], spelled[2], cadence, calendar)
    if start is None:
        raise QueryError(
            Issue(
                "bad-value",
                f"`{text}` is no period of a {cadence} KPI",
                hint=f"write it as `{_EXAMPLES[cadence]}`, or as a day in it",
            )
        )
    return start


def _start(year: str, number: str, cadence: Cadence, calendar: Calendar) -> date | None:
    first, later = _fiscal(calendar)
    try:
        match cadence:
            case "monthly":
                return date(int(year), int(number), 1)
            case "weekly":
                return _week(int(year), int(number), calendar)
        month = first + 3 * (int(number or 1) - 1)
        return date(int(year) - later + month // 12, month % 12 + 1, 1)
    except ValueError:
        return None


def _week(year: int, number: int, calendar: Calendar) -> date | None:
    """The week of the project whose fourth day lies in an ISO week."""
    monday, periods = date.fromisocalendar(year, number, 1), periods_of("weekly", calendar)
    for days in (0, 6):
        start = periods.holding(monday + timedelta(days=days))
        if start is not None and (start + timedelta(days=3)).isocalendar()[:2] == (year, number):
            return start
    return None


def _fiscal(calendar: Calendar) -> tuple[int, int]:
    """The first month of a fiscal year, from 0, and how much later it is named than it begins."""
    first = MONTHS.index(calendar.fiscal_year_start)
    return first, int(first > 0 and calendar.fiscal_year_named_by == "end")
