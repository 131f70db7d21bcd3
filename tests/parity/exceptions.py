"""Where kpilayer differs from MetricFlow on purpose: X1 to X10 of the language, as predicates.

Each looks at a question and at the definitions, never at an answer. ``exception`` names the first
that holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from kpilayer.interop.question import Question
from tests.parity.definitions import CUSTOM_GRAINS, METRICS, facts, reads

_PREFIX: Final = {
    "orders": "order",
    "visits": "visit",
    "customers": "customer",
    "balances": "snapshot",
    "archive": "event",
}
_ORDER: Final = ("hour", "day", "week", "month", "quarter", "year")


def exception(question: Question) -> str | None:
    """The number of the first exception that a question shows, or None."""
    known = [(number, holds) for number, _, holds in (*EXCEPTIONS, *FAILURES)]
    known += [(number, holds) for number, _, holds, _ in DIFFERENCES]
    return next((number for number, holds in known if holds(question)), None)


def _homes(question: Question) -> set[str]:
    return set().union(*(facts(name).homes for name in question.metrics))


def measures(question: Question) -> set[str]:
    """The measures under a question's metrics."""
    return set().union(*(facts(name).measures for name in question.metrics))


def _everything(question: Question) -> set[str]:
    return set().union(*(reads(name) for name in question.metrics))


def _params(question: Question) -> Iterator[dict[str, Any]]:
    for name in sorted(_everything(question)):
        yield METRICS[name]["type_params"]


def _coarser_offset(question: Question) -> bool:
    grains = [g.rpartition("__")[2] for g in question.group_by if g.startswith("metric_time__")]
    ranks = [_ORDER.index(g) for g in grains if g in _ORDER]
    if not ranks and not any(g in CUSTOM_GRAINS for g in grains):
        return False
    finest = min(ranks, default=len(_ORDER))
    for name in _everything(question):
        for unit, depth in facts(name).offsets:
            if unit in ("month", "quarter", "year") and finest > _ORDER.index(unit):
                return True
            if depth and finest > (_ORDER.index(unit) if unit in _ORDER else 1):
                return True
    return False


def _filtered_input(question: Question) -> bool:
    # MetricFlow fills an input of a cumulative metric before others are joined, and not after.
    if "orders_7_days_filled" in _everything(question) and len(question.metrics) > 1:
        return True
    for params in _params(question):
        if "cumulative_type_params" in params or "conversion_type_params" in params:
            sides = params.get("conversion_type_params", {})
            for given in (params.get("measure"), sides.get("conversion_measure")):
                if isinstance(given, dict) and "filter" in given:
                    return True
        if "numerator" in params:
            pair = [params["numerator"], params["denominator"]]
            if pair[0]["name"] == pair[1]["name"] and not any("alias" in p for p in pair):
                return True
    return False


def _continuous_decimal(question: Question) -> bool:
    return bool(measures(question) & {"median_amount", "p90_amount"})


def _grain_in_name(question: Question) -> bool:
    grains = "|".join(_ORDER)
    return any(re.search(rf"Dimension\('\w+__({grains})'", w) for w in question.where)


def _before_2000(question: Question) -> bool:
    old = "archive" in set().union(*(facts(m).homes for m in question.metrics))
    late = question.end is not None and question.end > "2040-12-31"
    return late or (old and (question.start is not None or question.end is not None))


def _bare_division(question: Question) -> bool:
    return any(re.search(r"/(?!\s*(NULLIF|\d))", str(p.get("expr", ""))) for p in _params(question))


def _many_hops(question: Question) -> bool:
    return any(len(g.split("__")) > 4 for g in question.group_by) or any(
        g.startswith("customer__region__continent__") for g in question.group_by
    )


def _null_groupings(question: Question) -> bool:
    return "last_balance_by_branch" in _everything(question)


def _end_within_a_day(question: Question) -> bool:
    return question.end is not None and "visits" in _homes(question)


def _spine_without_a_grain(question: Question) -> bool:
    """A metric on the spine, over a range, by time, but not by `metric_time` at a standard grain."""
    ranged = question.start is not None or question.end is not None
    spined = any("spined" in facts(name).kinds for name in question.metrics)
    times = {
        f"{_PREFIX[home]}__{t}"
        for n in question.metrics
        for home in facts(n).homes
        for t in facts(n).times
    }
    by_time = [g for g in question.group_by if g.startswith(("metric_time", *times))]
    standard = [g for g in by_time if g.startswith("metric_time") and g.split("__")[1] in _ORDER]
    return ranged and spined and bool(by_time) and not standard


def _conversion_in_total(question: Question) -> bool:
    """Only the conversions are wanted, so that no column of the base side is left to select."""
    sides = [
        p["conversion_type_params"] for p in _params(question) if "conversion_type_params" in p
    ]
    counted = [
        s
        for s in sides
        if s.get("calculation") == "conversions"
        and "fill_nulls_with" not in s["conversion_measure"]
    ]
    return bool(counted) and not question.group_by


def _offset_beside_a_custom_grain(question: Question) -> bool:
    nested = any(depth for name in _everything(question) for _, depth in facts(name).offsets)
    others = [g for g in question.group_by if not g.startswith("metric_time")]
    return nested and any(g.rpartition("__")[2] in CUSTOM_GRAINS for g in others)


def _start_of_a_grain_over_a_range(question: Question) -> bool:
    """``offset_to_grain`` by weeks, or by more than its grain, where a range is given."""
    ranged = question.start is not None or question.end is not None
    grains = [
        given["offset_to_grain"]
        for p in _params(question)
        for given in p.get("metrics", ())
        if "offset_to_grain" in given
    ]
    asked = [g.split("__")[1] for g in question.group_by if g.startswith("metric_time__")]
    ranks = [_ORDER.index(g) for g in asked if g in _ORDER]
    finest = min(ranks, default=len(_ORDER))
    return ranged and any(
        finest == _ORDER.index("week") or finest > _ORDER.index(g) for g in grains
    )


def _all_time_without_time(question: Question) -> bool:
    ranged = question.start is not None or question.end is not None
    running = any(METRICS[name]["type"] == "cumulative" for name in _everything(question))
    return running and ranged and not any(g.startswith("metric_time") for g in question.group_by)


def _offset_with_a_metric_filter(question: Question) -> bool:
    nested = any(depth for name in _everything(question) for _, depth in facts(name).offsets)
    return nested and any("Metric(" in where for where in question.where)


def _by_time(question: Question) -> bool:
    """Whether a condition is about the time of the metrics, by whichever name."""
    times = "metric_time|order__ordered_on|visit__visited_at|customer__signed_up_on|snapshot__snapshot_on"
    return any(re.search(rf"TimeDimension\('({times})'", where) for where in question.where)


def _all_time_filtered_in_total(question: Question) -> bool:
    running = any(METRICS[name]["type"] == "cumulative" for name in _everything(question))
    return (
        running
        and _by_time(question)
        and not any(g.startswith("metric_time") for g in question.group_by)
    )


def _nested_offset_filtered_by_time(question: Question) -> bool:
    nested = any(depth for name in _everything(question) for _, depth in facts(name).offsets)
    return nested and _by_time(question)


def _month_of_a_week(question: Question) -> bool:
    """Weeks asked, months moved."""
    asked = {g.split("__")[1] for g in question.group_by if g.startswith("metric_time__")}
    units = {unit for name in _everything(question) for unit, _ in facts(name).offsets}
    return (
        "week" in asked
        and not asked & {"day", "hour"}
        and bool(units & {"month", "quarter", "year"})
    )


def _filter_within_a_moved_period(question: Question) -> bool:
    shaped = any(facts(name).kinds & {"offset", "spined"} for name in question.metrics)
    return shaped and _by_time(question)


def _filled_sums_by_periods(question: Question) -> bool:
    asked = {g.split("__")[1] for g in question.group_by if g.startswith("metric_time__")}
    return "orders_7_days_filled" in _everything(question) and "day" not in asked


def _several_times_of_a_balance(question: Question) -> bool:
    semi = any("semi_additive" in facts(name).kinds for name in question.metrics)
    return (
        semi
        and sum(g.startswith(("metric_time", "snapshot__snapshot_on")) for g in question.group_by)
        > 1
    )


def _two_sources_on_the_spine(question: Question) -> bool:
    """A ratio of two metrics on the spine beside another metric, without time."""
    by_time = any(g.startswith("metric_time") for g in question.group_by)
    return (
        "filled_per_order" in _everything(question)
        and len(question.metrics) > 1
        and not by_time
        and bool(question.group_by)
    )


def _moved_by_weeks_and_months(question: Question) -> bool:
    asked = {g.split("__")[1] for g in question.group_by if g.startswith("metric_time__")}
    moved = any("offset" in facts(name).kinds for name in question.metrics)
    return moved and "week" in asked and bool(asked & {"month", "quarter", "year"})


def _literal_within_a_period(question: Question) -> bool:
    compared = r"TimeDimension\('\w+', 'month'\) \}\} [<>=]+ '\d{4}-\d\d-(?!01)"
    return any(re.search(compared, where) for where in question.where)


def _never(_: Question) -> bool:
    return False


#: Number, the reason in a line, and whether a question shows it.
EXCEPTIONS: Final[tuple[tuple[str, str, Callable[[Question], bool]], ...]] = (
    (
        "X1",
        "MetricFlow shifts days, not periods, when an offset is finer than the grain",
        _coarser_offset,
    ),
    (
        "X2",
        "MetricFlow drops filters of cumulative and conversion inputs, and merges a ratio's two",
        _filtered_input,
    ),
    (
        "X3",
        "continuous percentiles are exact; DuckDB's of a DECIMAL are cut to its scale",
        _continuous_decimal,
    ),
    ("X4", "MetricFlow reads `Dimension('x__y__month')` as a day", _grain_in_name),
    (
        "X5",
        "MetricFlow knows no time before 2000 or after 2040 once a range is given",
        _before_2000,
    ),
    ("X6", "x / 0 is NULL here; DuckDB's own division gives infinity", _bare_division),
    ("X7", "MetricFlow joins two hops at most", _many_hops),
    ("X8", "MetricFlow drops rows whose window grouping is NULL; `branch` may be", _null_groupings),
    ("X9", "expressions are parsed when loaded: shown by a project that does not load", _never),
    (
        "R1",
        "weeks are no months: kpilayer refuses `uneven-offset`, MetricFlow finds next to nothing",
        _month_of_a_week,
    ),
    (
        "Q3",
        "a literal within a month is compared with a month as that month",
        _literal_within_a_period,
    ),
    (
        "Q5",
        "the last day is a whole day; MetricFlow ends at its midnight where time has hours",
        _end_within_a_day,
    ),
    ("X10", "NULLs are last in every order: shown on an engine that puts them first", _never),
)

#: Where MetricFlow fails at a question that it could answer.
FAILURES: Final[tuple[tuple[str, str, Callable[[Question], bool]], ...]] = (
    (
        "F1",
        "an assertion: a spine over a range, by time but not by a standard grain of `metric_time`",
        _spine_without_a_grain,
    ),
    ("F2", "SQL with a syntax error: conversions in total", _conversion_in_total),
    (
        "F3",
        "an assertion: nested offsets, and another time dimension by a custom grain",
        _offset_beside_a_custom_grain,
    ),
    (
        "F4",
        "SQL with an unknown alias: `offset_to_grain` by weeks or more, over a range",
        _start_of_a_grain_over_a_range,
    ),
    (
        "F5",
        "SQL with an unknown column: all time without `metric_time`, over a range",
        _all_time_without_time,
    ),
    (
        "F6",
        "SQL with an unknown column: nested offsets, and `Metric(..)` in a filter",
        _offset_with_a_metric_filter,
    ),
    (
        "F7",
        "a sum for each day of the spine: all time without `metric_time`, filtered by time",
        _all_time_filtered_in_total,
    ),
    (
        "F8",
        "periods outside of a filter: nested offsets, filtered by time",
        _nested_offset_filtered_by_time,
    ),
    (
        "F9",
        "a balance by the first of several time group-bys, whichever it is",
        _several_times_of_a_balance,
    ),
)

#: Differences that nobody wants: number, what is wrong, whether a question shows it, and one that
#: does. Each leaves the list when it is corrected; a test fails until it does.
DIFFERENCES: Final[tuple[tuple[str, str, Callable[[Question], bool], Question], ...]] = (
    (
        "D1",
        "kpilayer tests a filter on days against the first day of a period, where values are moved or on the spine",
        _filter_within_a_moved_period,
        Question(
            ("orders_last_week",),
            ("metric_time__week",),
            ("{{ TimeDimension('metric_time', 'day') }} >= '2024-01-31'",),
        ),
    ),
    (
        "D3",
        "kpilayer joins a cumulative input to the spine of periods, MetricFlow to that of days",
        _filled_sums_by_periods,
        Question(
            ("orders_7_days_filled",),
            ("metric_time__month", "order__promo"),
            ("{{ Dimension('order__is_large') }}", "NOT {{ Dimension('customer__is_vip') }}"),
            start="2024-01-31",
        ),
    ),
    (
        "D4",
        "kpilayer's SQL names a column that is not there: a ratio of metrics on the spine, and another metric",
        _two_sources_on_the_spine,
        Question(("filled_per_order", "visitors"), ("customer__is_vip",)),
    ),
    (
        "D5",
        "undecided: values moved, by weeks and by months at once, where a week lies in two months",
        _moved_by_weeks_and_months,
        Question(
            ("filled_last_week",),
            ("metric_time__month", "customer__segment", "metric_time__week"),
            ("{{ Dimension('order__status') }} <> 'cancelled'",),
            start="2024-01-01",
        ),
    ),
)
