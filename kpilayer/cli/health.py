"""The command ``health``: how KPIs stand."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, cast

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import write, write_envelope

if TYPE_CHECKING:
    from kpilayer.judging import FailOn


@command(
    "health",
    examples=(
        "kpilayer health",
        "kpilayer health --as-of 2026-06-05      # as it stood at the end of a day",
        "kpilayer health mrr nrr --fail-on warning",
        "kpilayer health -f markdown -o health.md",
    ),
)
@click.argument("names", nargs=-1)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The day at whose end they stand; today by default.")  # fmt: skip
@click.option("--fail-on", type=click.Choice(["warning", "breach", "never"]), default="breach",
              show_default=True, help="The status from which on it fails.")  # fmt: skip
@click.option("--fail-on-missing", is_flag=True, help="Fail without data, or with stale ones, too.")
@output_flags("table", "markdown", "json")
@pass_session
def health(
    session: Session, names: tuple[str, ...], as_of: object, fail_on: str, fail_on_missing: bool
) -> int:
    """Show how KPIs stand: status, attainment, what is due.

    The last period that has ended is judged, once its grace is over or its data are there. Data
    that are missing are never healthy. NAMES are KPIs; by default all that are proposed or
    certified.
    """
    day = cast("date", as_of.date()) if as_of is not None else None  # type: ignore[attr-defined]
    found = session.load().health(
        names, as_of=day, fail_on=cast("FailOn", fail_on), fail_on_missing=fail_on_missing
    )
    match session.format:
        case "json":
            values = found.as_json()
            write_envelope(session, values["kpis"], values["summary"], ok=not found.fails)
        case "markdown":
            write(session, found.to_markdown())
        case _:
            write(session, found.to_text())
    return 1 if found.fails else 0
