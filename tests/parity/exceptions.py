"""Where kpilayer differs from MetricFlow: on purpose, or since that fails; as predicates.

Each looks at a question and at the definitions, never at an answer. ``exception`` names the first
that holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from kpilayer.interop.question import Question
from tests.parity.asked import (
    ORDER,
    custom_times,
    everything,
    grains_asked,
    homes,
    is_by_time,
    makes_up,
    measures,
    names,
    of_a_start,
    own_times,
    params_of,
)
from tests.parity.definitions import CUSTOM_GRAINS, METRICS, facts


def exception(question: Question) -> str | None:
    """The number of the first exception that a question shows, or None."""
    known = (*EXCEPTIONS, *FAILURES)
    return next((number for number, _, holds in known if holds(question)), None)


def _coarser_offset(question: Question) -> bool:
    ranks = [ORDER.index(g) for g in grains_asked(question)]
    if "metric_time" in question.group_by:  # by its own grain
        ranks.append(ORDER.index("day"))
    times = [g for g in question.group_by if g.startswith("metric_time__")]
    if not ranks and not any(g.endswith(CUSTOM_GRAINS) for g in times):
        return False
    finest = min(ranks, default=len(ORDER))
    for name in everything(question):
        for unit, depth in facts(name).offsets:
            # Days of a longer period have no place in a shorter one: MetricFlow shows them at NULL.
            others = [*own_times(question), *custom_times(question)]
            if unit == "retail_month" and set(others) != {"retail_month"}:
                return True
            if unit in ("month", "quarter", "year") and finest > ORDER.index(unit):
                return True
            if depth and finest > (ORDER.index(unit) if unit in ORDER else 1):
                return True
    return False


def _filtered_input(question: Question) -> bool:
    # MetricFlow fills an input of a cumulative metric before others are joined, and not after.
    if "orders_7_days_filled" in everything(question) and len(question.metrics) > 1:
        return True
    for params in params_of(question):
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
    grains = "|".join(ORDER)
    return any(re.search(rf"Dimension\('\w+__({grains})'", w) for w in question.where)


def _in_a_range(question: Question) -> bool:
    """Old or far dates, or a conversion that belongs to a base event after the range."""
    return _before_2000(question) or (
        question.end is not None
        and any("conversion_type_params" in params for params in params_of(question))
    )


def _before_2000(question: Question) -> bool:
    old = "archive" in set().union(*(facts(m).homes for m in question.metrics))
    late = question.end is not None and question.end > "2040-12-31"
    return late or (old and (question.start is not None or question.end is not None))


def _bare_division(question: Question) -> bool:
    return any(
        re.search(r"/(?!\s*(NULLIF|\d))", str(p.get("expr", ""))) for p in params_of(question)
    )


def _many_hops(question: Question) -> bool:
    return any(len(g.split("__")) > 4 for g in question.group_by) or any(
        g.startswith("customer__region__continent__") for g in question.group_by
    )


def _null_groupings(question: Question) -> bool:
    return "last_balance_by_branch" in everything(question)


def _end_within_a_day(question: Question) -> bool:
    return question.end is not None and "visits" in homes(question)


def _spine_without_a_grain(question: Question) -> bool:
    """A metric on the spine, over a range, by time, but not by `metric_time` at a standard grain."""
    ranged = question.start is not None or question.end is not None
    spined = any("spined" in facts(name).kinds for name in question.metrics)
    by_time = own_times(question) or any(g.startswith("metric_time") for g in question.group_by)
    return ranged and spined and bool(by_time) and not grains_asked(question)


def _conversion_in_total(question: Question) -> bool:
    """Only the conversions are wanted, so that no column of the base side is left to select."""
    sides = [
        p["conversion_type_params"] for p in params_of(question) if "conversion_type_params" in p
    ]
    counted = [
        s
        for s in sides
        if s.get("calculation") == "conversions"
        and "fill_nulls_with" not in s["conversion_measure"]
    ]
    return bool(counted) and not question.group_by


def _offset_beside_a_custom_grain(question: Question) -> bool:
    nested = any(depth for name in everything(question) for _, depth in facts(name).offsets)
    others = [g for g in question.group_by if not g.startswith("metric_time")]
    return nested and any(g.rpartition("__")[2] in CUSTOM_GRAINS for g in others)


def _start_of_a_grain_over_a_range(question: Question) -> bool:
    ranged = question.start is not None or question.end is not None
    return ranged and bool(of_a_start(question))


def _start_of_a_grain_in_hours(question: Question) -> bool:
    return any("visits" in facts(name).homes for name in of_a_start(question))


def _all_time_without_time(question: Question) -> bool:
    ranged = question.start is not None or question.end is not None
    running = any(METRICS[name]["type"] == "cumulative" for name in everything(question))
    return running and ranged and not any(g.startswith("metric_time") for g in question.group_by)


def _offset_with_a_metric_filter(question: Question) -> bool:
    nested = any(depth for name in everything(question) for _, depth in facts(name).offsets)
    return nested and any("Metric(" in where for where in question.where)


def _all_time_filtered_in_total(question: Question) -> bool:
    running = any(METRICS[name]["type"] == "cumulative" for name in everything(question))
    return (
        running
        and is_by_time(question)
        and not any(g.startswith("metric_time") for g in question.group_by)
    )


def _nested_offset_filtered_by_time(question: Question) -> bool:
    nested = any(depth for name in everything(question) for _, depth in facts(name).offsets)
    return nested and is_by_time(question)


def _month_of_a_week(question: Question) -> bool:
    """Weeks asked, months moved."""
    asked = set(grains_asked(question))
    units = {unit for name in everything(question) for unit, _ in facts(name).offsets}
    return (
        "week" in asked
        and not asked & {"day", "hour"}
        and bool(units & {"month", "quarter", "year"})
    )


def _periods_by_one_of_several(question: Question) -> bool:
    """A spine by several times of which the finest does not tell the others."""
    spined = [name for name in question.metrics if "spined" in facts(name).kinds]
    asked = own_times(question, spined) if spined else []
    custom = custom_times(question, spined) if spined else []
    if custom and len([*asked, *custom]) > 1 and not set(asked) & {"hour", "day"}:
        return True
    grains = [g for g in asked if g in ORDER]
    finest = min(grains, key=ORDER.index, default=None)
    if finest is None:
        return len(asked) > 1
    return not all(makes_up(finest, other) for other in asked)


def _versions_of_a_shown_date(question: Question) -> bool:
    """Rows that count at another date than their own, by what has versions."""
    asked = own_times(question)
    named = " ".join((*question.group_by, *question.where))
    if "customer__tier" not in named:
        return False
    offsets = [unit for name in everything(question) for unit, _ in facts(name).offsets]
    if set(offsets) & set(CUSTOM_GRAINS) or (offsets and _by_custom_alone(question)):
        return True
    if not asked and not _by_custom_alone(question):
        return False
    finest = min((ORDER.index(g) for g in asked if g in ORDER), default=0)
    for name in everything(question):
        units = [unit for unit, _ in facts(name).offsets if unit in ORDER]
        if METRICS[name]["type"] == "cumulative" or any(finest > ORDER.index(u) for u in units):
            return True
    return bool(of_a_start(question))


def _nested_offset_filtered_by_another_dimension(question: Question) -> bool:
    nested = any(depth for name in everything(question) for _, depth in facts(name).offsets)
    named = {name for where in question.where for name in names(where)}
    return nested and bool(named - set(question.group_by))


def _several_times_of_a_balance(question: Question) -> bool:
    semi = any("semi_additive" in facts(name).kinds for name in question.metrics)
    return (
        semi
        and sum(g.startswith(("metric_time", "snapshot__snapshot_on")) for g in question.group_by)
        > 1
    )


def _by_custom_alone(question: Question) -> bool:
    """By custom periods of the time, and by no day that tells them."""
    return bool(custom_times(question)) and not set(own_times(question)) & {"hour", "day"}


def _start_by_custom(question: Question) -> bool:
    starts = [
        i
        for name in everything(question)
        for i in METRICS[name]["type_params"].get("metrics", ())
        if "offset_to_grain" in i
    ]
    return bool(starts) and _by_custom_alone(question)


def _custom_offset_in_a_time(question: Question) -> bool:
    """By exactly the granularity of the offset, in a range, or with a condition on the time."""
    ranged = question.start is not None or question.end is not None or is_by_time(question)
    asked = {*own_times(question), *custom_times(question)}
    units = {unit for name in everything(question) for unit, _ in facts(name).offsets}
    return ranged and len(asked) == 1 and bool(asked & units & set(CUSTOM_GRAINS))


def _start_by_days_of_hours(question: Question) -> bool:
    """By days and custom periods of one time, with a condition on its hours."""
    asked = {g for g in question.group_by if g.startswith("metric_time__")}
    by_both = "metric_time__day" in asked and any(g.endswith(CUSTOM_GRAINS) for g in asked)
    hours = any(re.search(r"TimeDimension\('\w+', 'hour'\)", where) for where in question.where)
    starts = [
        i
        for name in everything(question)
        for i in METRICS[name]["type_params"].get("metrics", ())
        if "offset_to_grain" in i
    ]
    return by_both and hours and bool(starts)


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
        "MetricFlow knows no time before 2000 or after 2040 once a range is given, and no base "
        "events after it",
        _in_a_range,
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
        "R2",
        "MetricFlow takes the version of the date shown, kpilayer that of the row's own time",
        _versions_of_a_shown_date,
    ),
    (
        "R3",
        "`offset_to_grain` by weeks or more: the first day's value, and not the first hour's",
        _start_of_a_grain_in_hours,
    ),
    (
        "R4",
        "`offset_to_grain` by custom periods: refused, MetricFlow adds the first day for each day",
        _start_by_custom,
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
    (
        "F10",
        "the greatest of a filter's groups: nested offsets, filtered by what is not grouped by",
        _nested_offset_filtered_by_another_dimension,
    ),
    (
        "F11",
        "several rows of one group: a spine by several times, joined by the finest alone",
        _periods_by_one_of_several,
    ),
    (
        "F12",
        "a custom period taken for its days, in a range or condition: offsets by their own",
        _custom_offset_in_a_time,
    ),
    (
        "F13",
        "two columns for one day: `offset_to_grain` by days and custom periods, filtered by hours",
        _start_by_days_of_hours,
    ),
)
