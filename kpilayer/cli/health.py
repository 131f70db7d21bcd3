"""The command ``health``: how KPIs stand."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import write, write_envelope

if TYPE_CHECKING:
    from kpilayer.kpi.report import FailOn


@command(
    "health",
    examples=(
        "kpilayer health",
        "kpilayer health --as-of 2026-06-05      # as it stood at the end of a day",
        "kpilayer health --backfill --from 2024-01-01",
        "kpilayer health mrr nrr --fail-on warning",
        "kpilayer health --alert                  # tell channels of kpilayer.yml what is new",
        "kpilayer health -f markdown -o health.md",
    ),
)
@click.argument("names", nargs=-1)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The day at whose end they stand; today by default.")  # fmt: skip
@click.option("--backfill", is_flag=True, help="Record earlier periods, too.")
@click.option("--from", "since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The first day to backfill; all that data tell by default.")  # fmt: skip
@click.option("--rejudge", is_flag=True,
              help="Give verdicts anew by today's ranges; the old ones are kept.")  # fmt: skip
@click.option("--no-record", is_flag=True, help="Write nothing to the history.")
@click.option("--alert", is_flag=True, help="Tell channels of kpilayer.yml what is new.")
@click.option("--mute", multiple=True, metavar="KPI", help="Tell nobody of this KPI.")
@click.option("--fail-on", type=click.Choice(["warning", "breach", "never"]), default="breach",
              show_default=True, help="The status from which on it fails.")  # fmt: skip
@click.option("--fail-on-missing", is_flag=True, help="Fail without data, or with stale ones, too.")
@output_flags("table", "markdown", "json", "junit")
@pass_session
def health(
    session: Session,
    names: tuple[str, ...],
    as_of: datetime | None,
    backfill: bool,
    since: datetime | None,
    rejudge: bool,
    no_record: bool,
    alert: bool,
    mute: tuple[str, ...],
    fail_on: FailOn,
    fail_on_missing: bool,
) -> int:
    """Show how KPIs stand: status, attainment, what is due.

    The last period that has ended is judged, once its grace is over or its data are there. Data
    that are missing are never healthy. NAMES are KPIs; by default all that are proposed or
    certified.

    Verdicts are appended to the history, .kpilayer/history.duckdb or the schema that kpilayer.yml
    names: a later change of a range changes none of them. With --as-of, nothing is recorded unless
    --backfill asks for it. With --alert, each change is told once: a warning or breach that begins
    or gets worse, an action that is overdue, a recovery. What cannot be sent changes no exit code.
    """
    if since is not None and not backfill:
        raise click.UsageError("--from says where --backfill begins")
    if no_record and (backfill or rejudge or alert):
        raise click.UsageError("--backfill, --rejudge and --alert record what --no-record does not")
    found = session.load().health(
        names,
        as_of=None if as_of is None else as_of.date(),
        record=as_of is None and not no_record,
        backfill=since.date() if since is not None else backfill,
        rejudge=rejudge,
        alert=alert,
        mute=mute,
        fail_on=fail_on,
        fail_on_missing=fail_on_missing,
    )
    match session.format:
        case "json":
            values = found.as_json()
            write_envelope(session, values["kpis"], values["summary"], ok=not found.fails)
        case "markdown":
            write(session, found.to_markdown())
        case "junit":
            write(session, found.to_junit())
        case _:
            write(session, found.to_text())
    return 1 if found.fails else 0
