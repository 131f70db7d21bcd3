"""The data of the example company, made by SQL alone: the same bytes on every machine.

The company sells *Acme Cloud*, a subscription software, and keeps a services arm that rolls it out.
The tables cover 2024-01-01 to 2026-06-30, amounts are US dollars, timestamps UTC without a zone.
Per table, what one row is, and what is worth knowing:

- `regions`: a sales region; eight of them in three currency zones.
- `plans`: a plan of the price list; five recurring, two paid once.
- `accounts`: a company that signed up. Growing, slow in summer and December. Some never buy; about
  1 % have no region and country, 7 % no industry.
- `mrr_movements`: a change of the monthly price of an account on a plan: `new` once per customer,
  then `expansion`, `contraction`, `churn`. Small customers churn most.
- `subscriptions`: an account on a plan. `mrr` is the latest monthly price; of one-time plans it is
  the fee, so `fee_type` tells what recurs.
- `users`: a person of an account; the first one is its admin.
- `product_events`: a thing done in the product. Quiet weekends and summers; 0.3 % without a user,
  as many by users deleted since; 0.5 % arrive days late, so `event_id` is not in time order.
- `marketing_spend`: a posting of spend. A seventh without a campaign; a few refunds below zero.
- `consultants`: a consultant; `hourly_cost` is what an hour costs the company.
- `projects`: a project sold to an account, at a fixed price or for time and materials.
- `timesheets`: a consultant's hours of a day on one kind of work. Internal work has no project and
  no rate; about 1 % is handed in late.
- `invoices`: an invoice or credit note. `amount` includes `tax`; credit notes are negative, void
  invoices stay, a few belong to no account or to one that `accounts` does not have.

Software is billed on the first of a month at the price that holds then, projects on the last day of
the month worked, one-time plans when they start.

Around these stand the tables of the departments. Where a row can arrive after it happened,
`loaded_at` says when it did; 1 % come days late.

- `channels`, `products`, `calendar_days`, `ledger_accounts`, `sprints`: short lists. Working days
  are Monday to Friday without the holidays.
- `employees`, `headcount_snapshots`: who works here, and who did at each month's end. Whoever
  leaves is replaced weeks later; consultants are employees too.
- `web_sessions`, `search_console`: a visit of the website; what a search term brought on a day.
- `leads`, `lead_stages`: somebody who asked, and each stage reached (lead, mql, sql). The same
  person may ask twice, and write the address in another way.
- `opportunities`, `opportunity_snapshots`, `quotas`, `activities`: a sale attempted, the open ones
  on each Sunday, a salesperson's target of a month, a contact. Won ones are those of
  `mrr_movements`.
- `trials`, `carts`, `orders`: a trial of a lead; the shop on the website.
- `attribution`: a touch before a first purchase, with its part of the first year's revenue.
- `payments`, `receivable_snapshots`: money received for an invoice, and what is owed at month's
  end.
- `revenue_lines`, `cogs_lines`: recognised revenue and its cost, by product.
- `cash_movements`, `cash_balances`, `gl_entries`: money in and out of two bank accounts, their
  balances per day, and the double-entry ledger of it all (debits above zero).
- `subscription_snapshots`, `account_health_snapshots`: subscriptions at each month's end,
  customers' health on each Sunday; it sinks before most churns.
- `initiatives`, `market_size`: cost and gain of an undertaking; what the market spends in a month.
- `feature_events`, `value_events`: use of a feature within an event; when the product pays off.
- `tickets`, `ticket_contacts`: a request for support, and each message about it.
- `surveys`, `survey_answers`: a survey sent (nps, csat, engagement), and the answer, where one
  came.
- `capacity`, `training`: hours a consultant is there; a course that an employee took.
- `deployments`, `incidents`, `sprint_members`, `work_items`, `defects`: the work of engineering.

Control totals, exact at every scale:

- The entries of a journal in `gl_entries` add up to zero; those of the cash account up to any day
  are the closing `cash_balances` of that day.
- A closing balance is the opening one plus `cash_movements` of the day, and opens the next day.
- Invoices less payments, void ones left out, are the `receivable_snapshots` of a month's end, and
  the receivables of the ledger.
- MRR at a month's end is that of the month before plus `mrr_movements`, account by account.
- `revenue_lines` of an invoice are the invoice without tax, so a month's revenue is what was
  invoiced in it, and the ledger's revenue. `cogs_lines` are the ledger's cost of sales.
- `attribution` of a new customer is twelve times the new MRR.
- `opportunity_snapshots` of a Sunday are the opportunities created by then and not yet closed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb

TABLES: Final[tuple[str, ...]] = (
    "regions",
    "plans",
    "accounts",
    "mrr_movements",
    "subscriptions",
    "users",
    "product_events",
    "marketing_spend",
    "consultants",
    "projects",
    "timesheets",
    "invoices",
    "channels",
    "products",
    "calendar_days",
    "employees",
    "headcount_snapshots",
    "search_console",
    "web_sessions",
    "leads",
    "lead_stages",
    "opportunities",
    "opportunity_snapshots",
    "quotas",
    "activities",
    "trials",
    "attribution",
    "carts",
    "orders",
    "payments",
    "receivable_snapshots",
    "revenue_lines",
    "cogs_lines",
    "cash_movements",
    "cash_balances",
    "ledger_accounts",
    "gl_entries",
    "initiatives",
    "market_size",
    "subscription_snapshots",
    "account_health_snapshots",
    "feature_events",
    "value_events",
    "tickets",
    "ticket_contacts",
    "surveys",
    "survey_answers",
    "capacity",
    "training",
    "deployments",
    "incidents",
    "sprints",
    "sprint_members",
    "work_items",
    "defects",
)
"""The tables in the order in which they are made: each reads only earlier ones."""

_READ = re.compile(r"\b(?:FROM|JOIN)\s+(?:\w+\(')?(\w+)")  # a table may be handed to a macro


def build(
    connection: duckdb.DuckDBPyConnection,
    scale: float = 1.0,
    progress: Callable[[str], None] | None = None,
    tables: Iterable[str] = TABLES,
) -> dict[str, int]:
    """Rows per table, after making every table anew in the current database and schema.

    `scale` multiplies the number of accounts, projects, consultants and postings, and with them the
    facts; averages and rates stay about the same. 1 makes some 870,000 rows. `progress` hears the
    name of each table before it is made. `tables` makes only these and what they are made from.
    Raises `ValueError` unless `scale` is a finite number above zero and the tables exist.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"`scale` must be a finite number above zero, not {scale}")
    wanted = _with_sources(tables)
    macros = _macros(scale)
    for macro, body in macros.items():
        connection.execute(f"CREATE OR REPLACE TEMP MACRO {macro} AS {body}")
    try:
        return {name: _make(connection, name, progress) for name in wanted}
    finally:
        for macro, body in reversed(macros.items()):
            kind = "MACRO TABLE" if body.startswith("TABLE") else "MACRO"
            connection.execute(f"DROP {kind} temp.main.{macro.partition('(')[0]}")


def _with_sources(tables: Iterable[str]) -> tuple[str, ...]:
    """The tables and all that they are made from, in the order of `TABLES`."""
    wanted, found = list(tables), set[str]()
    unknown = set(wanted) - set(TABLES)
    if unknown:
        raise ValueError(f"there is no table {', '.join(sorted(unknown))}")
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            wanted += [read for read in _READ.findall(_query(name)) if read in TABLES]
    return tuple(name for name in TABLES if name in found)


def _query(name: str) -> str:
    return resources.files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def _make(
    connection: duckdb.DuckDBPyConnection, name: str, progress: Callable[[str], None] | None
) -> int:
    if progress is not None:
        progress(name)
    connection.execute(f"CREATE OR REPLACE TABLE {name} AS {_query(name)}")
    row = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
    assert row is not None, "a count has one row"
    return int(row[0])


def _macros(scale: float) -> dict[str, str]:
    """The words that the table queries share, as signature and body.

    `dice(label, id)` is a number from 0 to 999,999 that depends on nothing but its arguments. It is
    drawn from md5, which RFC 1321 fixes; DuckDB may change `hash()` in any release.
    """
    return {
        "dice(label, id)": "('0x' || left(md5(label || ':' || id), 8))::BIGINT % 1000000",
        "scaled(n)": f"greatest(1, round(n * {float(scale)!r}::DOUBLE))::BIGINT",
        "first_day()": "DATE '2024-01-01'",
        "last_day_of_data()": "DATE '2026-06-30'",
        # One row per day: `age` is the day's number from 0, `weekday` 1 is Monday.
        "calendar()": """TABLE
            SELECT
              DATE '2024-01-01' + n::INTEGER AS on_day,
              n AS age,
              isodow(DATE '2024-01-01' + n::INTEGER) AS weekday,
              month(DATE '2024-01-01' + n::INTEGER) AS month_number
            FROM range(912) AS days(n)""",
        "end_of_data()": "TIMESTAMP '2026-07-01'",
        "month_ends()": """TABLE
            SELECT on_day AS month_end FROM calendar() WHERE on_day = last_day(on_day)""",
        # An `amount` of things dealt to the days in whole numbers, as a growing business with quiet
        # summers, weekends and Decembers has them: `number` counts from 1.
        "spread(amount)": """TABLE
            WITH weighted AS (
              SELECT
                on_day,
                (300 + age)
                  * [104, 105, 112, 104, 100, 97, 82, 78, 110, 112, 108, 80][month_number]
                  * CASE WHEN weekday <= 5 THEN 10 ELSE 2 END AS weight
              FROM calendar()
            ),
            cumulated AS (
              SELECT
                on_day,
                weight,
                (sum(weight) OVER (ORDER BY on_day))::BIGINT AS upto,
                (sum(weight) OVER ())::BIGINT AS total
              FROM weighted
            )
            SELECT
              on_day,
              unnest(range(amount * (upto - weight) // total, amount * upto // total)) + 1 AS number
            FROM cumulated""",
        # From 0 to below `most`, small numbers far more often: the square of a dice.
        "skewed(label, id, most)": "dice(label, id) * dice(label, id) // 1000000 * most // 1000000",
        # An hour later, for one in a hundred some days; never after the end of the data.
        "loaded(label, id, happened)": """least(
            happened + to_minutes(
              CASE WHEN dice(label, id) < 10000 THEN 1440 + dice(label, id) % 5800 ELSE 60 END
            ),
            greatest(happened, end_of_data() - to_minutes(1))
          )""",
        # Business minutes since the first day, a Monday: 600 on each working day, from 8 to 18 h.
        "business_minutes(moment)": """600 * (
              5 * ((moment::DATE - first_day()) // 7)
              + least((moment::DATE - first_day()) % 7, 5)
            )
            + CASE
              WHEN (moment::DATE - first_day()) % 7 < 5
                THEN greatest(0, least(600, hour(moment) * 60 + minute(moment) - 480))
              ELSE 0
            END""",
        "business_time(minutes)": """first_day()
            + (minutes // 3000 * 7 + minutes // 600 % 5)::INTEGER
            + to_minutes(480 + minutes % 600)""",
        # Who is in a department for the whole of a month, numbered from 0. A macro may not name a
        # table that is still to be made, so it is handed `headcount_snapshots`.
        "staff(snapshots, team)": """TABLE
            SELECT
              date_trunc('month', snapshot_on)::DATE AS month_on,
              employee_id,
              row_number() OVER (PARTITION BY snapshot_on ORDER BY employee_id) - 1 AS nth
            FROM query_table(snapshots)
            WHERE department = team AND hired_on <= date_trunc('month', snapshot_on)""",
        "staff_sizes(snapshots, team)": """TABLE
            SELECT date_trunc('month', snapshot_on)::DATE AS month_on, count(*) AS people
            FROM query_table(snapshots)
            WHERE department = team AND hired_on <= date_trunc('month', snapshot_on)
            GROUP BY snapshot_on""",
    }
