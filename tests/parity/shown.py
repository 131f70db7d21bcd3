"""One question for each difference: MetricFlow's number and the right one, both in SQL by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kpilayer.interop.question import Question


@dataclass(frozen=True)
class Shown:
    """A statement's number, a question, the SQL of the right answer, and MetricFlow's instead."""

    number: str
    question: Question
    columns: tuple[str, ...]
    right: str
    theirs: str = ""
    refusal: str | None = None
    """What MetricFlow says where it gives no answer."""


_KEPT_BY_MONTH: Final = """
    by_status AS (
        SELECT DATE_TRUNC('month', ordered_on) AS month, status, SUM(amount) AS revenue
        FROM orders WHERE status <> 'cancelled' GROUP BY 1, 2),
    kept AS (SELECT month, SUM(revenue) AS revenue FROM by_status GROUP BY 1),
    months AS (SELECT DISTINCT DATE_TRUNC('month', ds) AS month FROM days)"""

#: Orders with their place in the retail month, from 0, and the days of the next one.
_NEXT_RETAIL_MONTH: Final = """
    dated AS (
        SELECT amount, ordered_on - retail_month_start AS place,
            CAST(retail_month_start + INTERVAL 1 MONTH AS DATE) AS next
        FROM orders JOIN days ON ds = ordered_on),
    placed AS (SELECT *, CAST(next + INTERVAL 1 MONTH AS DATE) - next AS days FROM dated)"""

SHOWN: Final = (
    Shown(
        "X1",
        Question(("revenue_last_month",), ("metric_time__quarter",)),
        ("metric_time__quarter", "revenue_last_month"),
        right="""
            SELECT DATE_TRUNC('quarter', DATE_TRUNC('month', ordered_on) + INTERVAL 1 MONTH), SUM(amount)
            FROM orders GROUP BY 1""",
        theirs="""
            SELECT DATE_TRUNC('quarter', ds), SUM(amount)
            FROM days JOIN orders ON ds - INTERVAL 1 MONTH = ordered_on GROUP BY 1""",
    ),
    Shown(
        "X1",
        Question(("revenue_last_retail_month",), ("metric_time__month",)),
        ("metric_time__month", "revenue_last_retail_month"),
        right=f"""
            WITH {_NEXT_RETAIL_MONTH}
            SELECT DATE_TRUNC('month', next + CAST(LEAST(place, days - 1) AS INTEGER)), SUM(amount) FROM placed GROUP BY 1""",
        theirs=f"""
            WITH {_NEXT_RETAIL_MONTH}
            SELECT CASE WHEN place < days THEN DATE_TRUNC('month', next + CAST(place AS INTEGER)) END, SUM(amount)
            FROM placed GROUP BY 1""",
    ),
    Shown(
        "X2",
        Question(("completed_share",), ("order__promo",)),
        ("order__promo", "completed_share"),
        right="""
            SELECT promo, COUNT(*) FILTER (WHERE status = 'completed') / COUNT(*) FILTER (WHERE status IS NOT NULL)
            FROM orders GROUP BY 1""",
        theirs="SELECT promo, 1.0 FROM orders GROUP BY 1",
    ),
    Shown(
        "X2",
        Question(("revenue_7_days_completed_input",), ("metric_time__day",)),
        ("metric_time__day", "revenue_7_days_completed_input"),
        right="""
            SELECT ds, SUM(amount)
            FROM days JOIN orders ON ordered_on <= ds AND ordered_on > ds - INTERVAL 7 DAY
            WHERE status = 'completed' GROUP BY 1""",
        theirs="""
            SELECT ds, SUM(amount)
            FROM days JOIN orders ON ordered_on <= ds AND ordered_on > ds - INTERVAL 7 DAY
            GROUP BY 1""",
    ),
    Shown(
        "X2",
        Question(("visits_to_large_orders",), ("customer",)),
        ("customer", "visits_to_large_orders"),
        right="""
            WITH converted AS (
                SELECT customer_id, COUNT(*) AS conversions FROM orders AS o WHERE amount > 50 AND EXISTS (
                    SELECT * FROM visits AS v WHERE v.customer_id = o.customer_id
                    AND DATE_TRUNC('day', visited_at) <= ordered_on
                    AND DATE_TRUNC('day', visited_at) > ordered_on - INTERVAL 7 DAY)
                GROUP BY 1)
            SELECT customer_id, conversions
            FROM (SELECT DISTINCT customer_id FROM visits) LEFT JOIN converted USING (customer_id)""",
        theirs="""
            WITH converted AS (
                SELECT customer_id, COUNT(*) AS conversions FROM orders AS o WHERE EXISTS (
                    SELECT * FROM visits AS v WHERE v.customer_id = o.customer_id
                    AND DATE_TRUNC('day', visited_at) <= ordered_on
                    AND DATE_TRUNC('day', visited_at) > ordered_on - INTERVAL 7 DAY)
                GROUP BY 1)
            SELECT customer_id, conversions
            FROM (SELECT DISTINCT customer_id FROM visits) LEFT JOIN converted USING (customer_id)""",
    ),
    Shown(
        "X3",
        Question(("median_amount",), ("order__status",)),
        ("order__status", "median_amount"),
        right="SELECT status, QUANTILE_CONT(amount::DOUBLE, 0.5) FROM orders GROUP BY 1",
        theirs="SELECT status, QUANTILE_CONT(amount, 0.5) FROM orders GROUP BY 1",
    ),
    Shown(
        "X4",
        Question(
            ("order_count",), where=("{{ Dimension('order__ordered_on__month') }} = '2024-02-01'",)
        ),
        ("order_count",),
        right="SELECT COUNT(*) FROM orders WHERE DATE_TRUNC('month', ordered_on) = '2024-02-01'",
        theirs="SELECT COUNT(*) FROM orders WHERE ordered_on = '2024-02-01'",
    ),
    Shown(
        "X5",
        Question(("archived",), end="2024-12-31"),
        ("archived",),
        right="SELECT SUM(amount) FROM archive",
        theirs="SELECT SUM(amount) FROM archive WHERE happened_on >= '2000-01-01'",
    ),
    Shown(
        "X5",
        Question(
            ("archived_all_time",), ("metric_time__day",), start="2024-01-31", end="2024-02-01"
        ),
        ("metric_time__day", "archived_all_time"),
        right="""
            SELECT ds, SUM(amount) FROM days JOIN archive ON happened_on <= ds
            WHERE ds BETWEEN '2024-01-31' AND '2024-02-01' GROUP BY 1""",
        theirs="""
            SELECT ds, SUM(amount) FROM days JOIN archive ON happened_on <= ds
            WHERE ds BETWEEN '2024-01-31' AND '2024-02-01' AND happened_on >= '2000-01-01' GROUP BY 1""",
    ),
    Shown(
        "X5",
        Question(("revenue",), end="2041-01-01"),
        ("revenue",),
        right="SELECT SUM(amount) FROM orders",
        refusal="2040",
    ),
    Shown(
        "X5",
        Question(("orders_after_visits",), ("customer",), end="2024-02-15"),
        ("customer", "orders_after_visits"),
        right="""
            WITH converted AS (
                SELECT v.customer_id, visited_at, ROW_NUMBER() OVER (
                    PARTITION BY order_id ORDER BY DATE_TRUNC('day', visited_at) DESC) AS place
                FROM orders AS o JOIN visits AS v ON v.customer_id = o.customer_id
                AND DATE_TRUNC('day', visited_at) <= ordered_on),
            counted AS (
                SELECT customer_id, COUNT(*) AS conversions FROM converted
                WHERE place = 1 AND visited_at < '2024-02-16' GROUP BY 1)
            SELECT customer_id, conversions
            FROM (SELECT DISTINCT customer_id FROM visits WHERE visited_at < '2024-02-16')
            LEFT JOIN counted USING (customer_id)""",
        theirs="""
            WITH counted AS (
                SELECT customer_id, COUNT(*) AS conversions FROM orders AS o WHERE EXISTS (
                    SELECT * FROM visits AS v WHERE v.customer_id = o.customer_id
                    AND DATE_TRUNC('day', visited_at) <= ordered_on AND visited_at <= '2024-02-15')
                GROUP BY 1)
            SELECT customer_id, conversions
            FROM (SELECT DISTINCT customer_id FROM visits WHERE visited_at <= '2024-02-15')
            LEFT JOIN counted USING (customer_id)""",
    ),
    Shown(
        "X6",
        Question(("items_per_gift",), ("metric_time__day",)),
        ("metric_time__day", "items_per_gift"),
        right="""
            SELECT ordered_on, SUM(quantity) / NULLIF(SUM(CASE WHEN is_gift THEN 1 ELSE 0 END), 0)
            FROM orders GROUP BY 1""",
        theirs="""
            SELECT ordered_on, SUM(quantity) / SUM(CASE WHEN is_gift THEN 1 ELSE 0 END)
            FROM orders GROUP BY 1""",
    ),
    Shown(
        "X7",
        Question(("revenue",), ("customer__region__continent__title",)),
        ("customer__region__continent__title", "revenue"),
        right="""
            SELECT title, SUM(amount) FROM orders LEFT JOIN customers USING (customer_id)
            LEFT JOIN regions USING (region_id) LEFT JOIN continents USING (continent_id) GROUP BY 1""",
        refusal="does not match any of the available",
    ),
    Shown(
        "X8",
        Question(("last_balance_by_branch",)),
        ("last_balance_by_branch",),
        right="""
            SELECT AVG(balance) FROM balances JOIN (
                SELECT branch_id, MAX(snapshot_on) AS snapshot_on FROM balances GROUP BY 1) AS latest
            ON balances.branch_id IS NOT DISTINCT FROM latest.branch_id
            AND balances.snapshot_on = latest.snapshot_on""",
        theirs="""
            SELECT AVG(balance) FROM balances JOIN (
                SELECT branch_id, MAX(snapshot_on) AS snapshot_on FROM balances GROUP BY 1) AS latest
            USING (branch_id, snapshot_on)""",
    ),
    Shown(
        "R2",
        Question(("revenue_7_days",), ("metric_time__day", "customer__tier")),
        ("metric_time__day", "customer__tier", "revenue_7_days"),
        right="""
            SELECT ds, tier, SUM(amount) FROM days
            JOIN orders AS o ON ordered_on <= ds AND ordered_on > ds - INTERVAL 7 DAY
            LEFT JOIN customer_tiers AS t ON t.customer_id = o.customer_id
                AND ordered_on >= valid_from AND (ordered_on < valid_to OR valid_to IS NULL)
            GROUP BY 1, 2""",
        theirs="""
            SELECT ds, tier, SUM(amount) FROM days
            JOIN orders AS o ON ordered_on <= ds AND ordered_on > ds - INTERVAL 7 DAY
            LEFT JOIN customer_tiers AS t ON t.customer_id = o.customer_id
                AND ds >= valid_from AND (ds < valid_to OR valid_to IS NULL)
            GROUP BY 1, 2""",
    ),
    Shown(
        "R2",
        Question(("orders_last_week",), ("metric_time__week", "customer__tier")),
        ("metric_time__week", "customer__tier", "orders_last_week"),
        right="""
            SELECT DATE_TRUNC('week', ordered_on + INTERVAL 7 DAY), tier, COUNT(*) FROM orders AS o
            LEFT JOIN customer_tiers AS t ON t.customer_id = o.customer_id
                AND ordered_on >= valid_from AND (ordered_on < valid_to OR valid_to IS NULL)
            GROUP BY 1, 2""",
        theirs="""
            SELECT DATE_TRUNC('week', ordered_on + INTERVAL 7 DAY), tier, COUNT(*) FROM orders AS o
            LEFT JOIN customer_tiers AS t ON t.customer_id = o.customer_id
                AND ordered_on + INTERVAL 7 DAY >= valid_from
                AND (ordered_on + INTERVAL 7 DAY < valid_to OR valid_to IS NULL)
            GROUP BY 1, 2""",
    ),
    Shown(
        "R3",
        Question(("visits_as_the_week_began",), ("metric_time__week",)),
        ("metric_time__week", "visits_as_the_week_began"),
        right="""
            SELECT DATE_TRUNC('week', visited_at), COUNT(*) FROM visits
            WHERE DATE_TRUNC('day', visited_at) = DATE_TRUNC('week', visited_at) GROUP BY 1""",
        theirs="""
            SELECT DATE_TRUNC('week', visited_at), COUNT(*) FROM visits
            WHERE DATE_TRUNC('hour', visited_at) = DATE_TRUNC('week', visited_at) GROUP BY 1""",
    ),
    Shown(
        "Q5",
        Question(("visits",), end="2024-02-29"),
        ("visits",),
        right="SELECT COUNT(*) FROM visits WHERE visited_at < '2024-03-01'",
        theirs="SELECT COUNT(*) FROM visits WHERE DATE_TRUNC('hour', visited_at) <= '2024-02-29'",
    ),
    Shown(
        "Q3",
        Question(
            ("order_count",), where=("{{ TimeDimension('metric_time', 'month') }} = '2024-02-15'",)
        ),
        ("order_count",),
        right="SELECT COUNT(*) FROM orders WHERE DATE_TRUNC('month', ordered_on) = '2024-02-01'",
        theirs="SELECT NULL",
    ),
    Shown(
        "F1",
        Question(("buyers_on_spine",), ("order__ordered_on__month",), start="2024-02-01"),
        ("order__ordered_on__month", "buyers_on_spine"),
        right="""
            SELECT DATE_TRUNC('month', ds), COUNT(DISTINCT customer_id) FILTER (WHERE customer_id IS NOT NULL)
            FROM days LEFT JOIN orders ON ordered_on = ds WHERE ds >= '2024-02-01'
            GROUP BY 1 HAVING COUNT(order_id) > 0
            UNION ALL SELECT DATE '2024-05-01', NULL""",
        refusal="No metric time dimensions with standard granularities",
    ),
    Shown(
        "F2",
        Question(("orders_after_visits",)),
        ("orders_after_visits",),
        right="""
            SELECT COUNT(*) FROM orders AS o WHERE EXISTS (
                SELECT * FROM visits AS v WHERE v.customer_id = o.customer_id
                AND DATE_TRUNC('day', visited_at) <= ordered_on)""",
        refusal="syntax error",
    ),
    Shown(
        "F3",
        Question(
            ("growth_of_growth",),
            ("metric_time__day", "order__shipped_on__sprint"),
            end="2024-01-31",
        ),
        ("metric_time__day", "order__shipped_on__sprint", "growth_of_growth"),
        right="""
            WITH daily AS (
                SELECT ordered_on, sprint, SUM(amount) AS revenue
                FROM orders LEFT JOIN days ON shipped_on = ds GROUP BY ALL),
            grid AS (
                SELECT days.ds, sprints.sprint FROM days, (SELECT DISTINCT sprint FROM daily) AS sprints
                WHERE ds <= '2024-01-31')
            SELECT grid.ds, grid.sprint, n.revenue - o.revenue - (o.revenue - p.revenue)
            FROM grid
            LEFT JOIN daily AS n ON n.ordered_on = ds AND n.sprint IS NOT DISTINCT FROM grid.sprint
            LEFT JOIN daily AS o ON o.ordered_on = ds - INTERVAL 1 MONTH AND o.sprint IS NOT DISTINCT FROM grid.sprint
            LEFT JOIN daily AS p ON p.ordered_on = ds - INTERVAL 1 MONTH - INTERVAL 1 MONTH AND p.sprint IS NOT DISTINCT FROM grid.sprint
            WHERE n.ordered_on IS NOT NULL OR o.ordered_on IS NOT NULL OR p.ordered_on IS NOT NULL""",
        refusal="All join data sets should have the same set of linkable instances",
    ),
    Shown(
        "F4",
        Question(("buyers_since_month_start",), ("metric_time__week",), start="2024-01-01"),
        ("metric_time__week", "buyers_since_month_start"),
        right="""
            SELECT w.week, w.buyers - f.buyers FROM (
                SELECT DATE_TRUNC('week', ordered_on) AS week, COUNT(DISTINCT customer_id) AS buyers
                FROM orders GROUP BY 1) AS w
            LEFT JOIN (
                SELECT ordered_on, COUNT(DISTINCT customer_id) AS buyers FROM orders GROUP BY 1) AS f
            ON f.ordered_on = DATE_TRUNC('month', w.week)""",
        refusal="not found",
    ),
    Shown(
        "F5",
        Question(("revenue_all_time",), end="2024-02-29"),
        ("revenue_all_time",),
        right="SELECT SUM(amount) FROM orders WHERE ordered_on <= '2024-02-29'",
        refusal="not found in FROM clause",
    ),
    Shown(
        "F6",
        Question(
            ("growth_of_growth",),
            ("metric_time__month",),
            ("{{ Metric('order_count', group_by=['customer']) }} > 8",),
        ),
        ("metric_time__month", "growth_of_growth"),
        right="""
            WITH monthly AS (
                SELECT DATE_TRUNC('month', ordered_on) AS month, SUM(amount) AS revenue FROM orders
                WHERE customer_id IN (SELECT customer_id FROM orders GROUP BY 1 HAVING COUNT(*) > 8)
                GROUP BY 1),
            months AS (SELECT DISTINCT DATE_TRUNC('month', ds) AS month FROM days)
            SELECT month, n.revenue - o.revenue - (o.revenue - p.revenue) FROM months
            LEFT JOIN monthly AS n USING (month)
            LEFT JOIN monthly AS o ON o.month = months.month - INTERVAL 1 MONTH
            LEFT JOIN monthly AS p ON p.month = months.month - INTERVAL 2 MONTH
            WHERE n.month IS NOT NULL OR o.month IS NOT NULL OR p.month IS NOT NULL""",
        refusal="not found in FROM clause",
    ),
    Shown(
        "F7",
        Question(
            ("revenue_all_time",),
            where=("{{ TimeDimension('metric_time', 'day') }} >= '2024-01-31'",),
        ),
        ("revenue_all_time",),
        right="SELECT SUM(amount) FROM orders WHERE ordered_on >= '2024-01-31'",
        theirs="""
            SELECT SUM(amount) FROM days JOIN orders ON ordered_on <= ds
            WHERE ds >= '2024-01-31'""",
    ),
    Shown(
        "F8",
        Question(
            ("growth_of_growth",),
            ("metric_time__month",),
            ("{{ TimeDimension('order__ordered_on', 'month') }} = '2024-02-01'",),
        ),
        ("metric_time__month", "growth_of_growth"),
        right="SELECT DATE '2024-02-01', NULL",
        theirs="SELECT * FROM (VALUES (DATE '2024-02-01', NULL), (DATE '2024-03-01', NULL))",
    ),
    Shown(
        "F9",
        Question(("last_balance",), ("metric_time__quarter", "metric_time__month")),
        ("metric_time__quarter", "metric_time__month", "last_balance"),
        right="""
            SELECT DATE_TRUNC('quarter', snapshot_on), DATE_TRUNC('month', snapshot_on), SUM(balance)
            FROM balances WHERE snapshot_on IN (
                SELECT MAX(snapshot_on) FROM balances GROUP BY DATE_TRUNC('month', snapshot_on))
            GROUP BY 1, 2""",
        theirs="""
            SELECT DATE_TRUNC('quarter', snapshot_on), DATE_TRUNC('month', snapshot_on), SUM(balance)
            FROM balances WHERE snapshot_on IN (
                SELECT MAX(snapshot_on) FROM balances GROUP BY DATE_TRUNC('quarter', snapshot_on))
            GROUP BY 1, 2""",
    ),
    Shown(
        "F10",
        Question(
            ("growth_of_growth",),
            ("metric_time__month",),
            ("{{ Dimension('order__status') }} <> 'cancelled'",),
        ),
        ("metric_time__month", "growth_of_growth"),
        right=f"""
            WITH {_KEPT_BY_MONTH}
            SELECT month, n.revenue - o.revenue - (o.revenue - p.revenue) FROM months
            LEFT JOIN kept AS n USING (month)
            LEFT JOIN kept AS o ON o.month = months.month - INTERVAL 1 MONTH
            LEFT JOIN kept AS p ON p.month = months.month - INTERVAL 2 MONTH
            WHERE n.month IS NOT NULL OR o.month IS NOT NULL OR p.month IS NOT NULL""",
        theirs=f"""
            WITH {_KEPT_BY_MONTH},
            growths AS (
                SELECT n.month, MAX(n.revenue - o.revenue) AS greatest
                FROM by_status AS n JOIN by_status AS o
                ON o.status = n.status AND o.month = n.month - INTERVAL 1 MONTH GROUP BY 1)
            SELECT month, n.revenue - o.revenue - greatest FROM months
            LEFT JOIN kept AS n USING (month)
            LEFT JOIN kept AS o ON o.month = months.month - INTERVAL 1 MONTH
            LEFT JOIN kept AS p ON p.month = months.month - INTERVAL 2 MONTH
            LEFT JOIN growths AS g ON g.month = months.month - INTERVAL 1 MONTH
            WHERE n.month IS NOT NULL OR o.month IS NOT NULL OR p.month IS NOT NULL""",
    ),
    Shown(
        "F11",
        Question(("orders_every_day",), ("metric_time__extract_month", "metric_time__quarter")),
        ("metric_time__extract_month", "metric_time__quarter", "orders_every_day"),
        right="""
            SELECT MONTH(ds), DATE_TRUNC('quarter', ds), COUNT(order_id)
            FROM days LEFT JOIN orders ON ordered_on = ds GROUP BY 1, 2""",
        theirs="""
            SELECT part, quarter, COALESCE(number, 0) FROM (
                SELECT DISTINCT MONTH(ds) AS part, DATE_TRUNC('quarter', ds) AS quarter FROM days)
            LEFT JOIN (
                SELECT DATE_TRUNC('quarter', ordered_on) AS quarter, COUNT(*) AS number
                FROM orders GROUP BY MONTH(ordered_on), 1) USING (quarter)""",
    ),
    Shown(
        "F11",
        Question(("filled_last_week",), ("metric_time__week", "metric_time__month")),
        ("metric_time__week", "metric_time__month", "filled_last_week"),
        right="""
            SELECT DATE_TRUNC('week', ds), DATE_TRUNC('month', ds), SUM(orders) - SUM(before) FROM (
                SELECT ds, (SELECT COUNT(*) FROM orders WHERE ordered_on = ds) AS orders,
                    (SELECT COUNT(*) FROM orders WHERE ordered_on = ds - INTERVAL 7 DAY) AS before
                FROM days)
            GROUP BY 1, 2""",
        theirs="""
            WITH pieces AS (
                SELECT DISTINCT DATE_TRUNC('week', ds) AS week, DATE_TRUNC('month', ds) AS month
                FROM days),
            counted AS (
                SELECT DATE_TRUNC('week', ordered_on) AS week, COUNT(*) AS number
                FROM orders GROUP BY 1, DATE_TRUNC('month', ordered_on))
            SELECT week, month, COALESCE(MAX(n.number), 0) - COALESCE(MAX(o.number), 0) FROM pieces
            LEFT JOIN counted AS n USING (week)
            LEFT JOIN counted AS o ON o.week = pieces.week - INTERVAL 7 DAY
            GROUP BY 1, 2""",
    ),
    Shown(
        "F12",
        Question(("orders_last_sprint",), ("metric_time__sprint",), end="2024-02-29"),
        ("metric_time__sprint", "orders_last_sprint"),
        right="""
            SELECT sprint, COUNT(order_id) FROM orders JOIN days ON ds = ordered_on + 14
            WHERE ds <= '2024-02-29' GROUP BY 1""",
        theirs="""
            SELECT sprint, COUNT(order_id) FROM orders JOIN days ON ds = ordered_on + 14
            WHERE sprint <= '2024-02-29' GROUP BY 1""",
    ),
    Shown(
        "F13",
        Question(
            ("visits_as_the_week_began",),
            ("metric_time__day", "metric_time__retail_month"),
            where=("{{ TimeDimension('metric_time', 'hour') }} >= '2024-02-29 12:00:00'",),
        ),
        ("metric_time__day", "metric_time__retail_month", "visits_as_the_week_began"),
        right="""
            SELECT ds, retail_month_start, COUNT(*) FROM visits
            JOIN days ON DATE_TRUNC('week', ds) = DATE_TRUNC('day', visited_at)
            WHERE ds >= '2024-02-29' GROUP BY ALL""",
        refusal="Unexpected number of time dimension instances",
    ),
)
