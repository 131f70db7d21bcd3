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
"""

from __future__ import annotations

import math
from collections.abc import Callable
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
)
"""The tables in the order in which they are made: each reads only earlier ones."""


def build(
    connection: duckdb.DuckDBPyConnection,
    scale: float = 1.0,
    progress: Callable[[str], None] | None = None,
) -> dict[str, int]:
    """Rows per table, after making every table anew in the current database and schema.

    `scale` multiplies the number of accounts, projects, consultants and postings, and with them the
    facts; averages and rates stay about the same. 1 makes some 310,000 rows. `progress` hears the
    name of each table before it is made. Raises `ValueError` unless `scale` is a finite number
    above zero.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"`scale` must be a finite number above zero, not {scale}")
    for macro, body in _macros(scale).items():
        connection.execute(f"CREATE OR REPLACE TEMP MACRO {macro} AS {body}")
    try:
        return {name: _make(connection, name, progress) for name in TABLES}
    finally:
        for macro, body in _macros(scale).items():
            kind = "MACRO TABLE" if body.startswith("TABLE") else "MACRO"
            connection.execute(f"DROP {kind} temp.main.{macro.partition('(')[0]}")


def _make(
    connection: duckdb.DuckDBPyConnection, name: str, progress: Callable[[str], None] | None
) -> int:
    if progress is not None:
        progress(name)
    query = resources.files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    connection.execute(f"CREATE OR REPLACE TABLE {name} AS {query}")
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
    }
