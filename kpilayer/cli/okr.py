"""The command ``okr``: how objectives come along, and targets of KPIs."""

from __future__ import annotations

from datetime import date, datetime

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import write, write_envelope


@command(
    "okr",
    examples=(
        "kpilayer okr",
        "kpilayer okr retention_2026_q3 --as-of 2026-08-15",
        "kpilayer okr --ended                    # scores of objectives that are over, too",
        "kpilayer okr --targets -f markdown      # plans of KPIs in place of objectives",
    ),
)
@click.argument("names", nargs=-1)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The day at whose end it is told; today by default.")  # fmt: skip
@click.option("--targets", is_flag=True, help="Targets of KPIs, in place of objectives.")
@click.option("--ended", is_flag=True, help="Objectives that have ended, too.")
@output_flags("table", "markdown", "json")
@pass_session
def okr(
    session: Session, names: tuple[str, ...], as_of: datetime | None, targets: bool, ended: bool
) -> int:
    """Show how objectives come along, beside health.

    Of each key result: how far it is, where it leads by its last day, and whether that is enough.
    A sum leads where earlier times of the same length led; any other number follows the line of
    its values. NAMES are objectives, or KPIs with `--targets`; by default all that have not ended.
    """
    day: date | None = None if as_of is None else as_of.date()
    found = session.load().pace(names, as_of=day, targets=targets, ended=ended)
    match session.format:
        case "json":
            values = found.as_json()
            write_envelope(session, values["okrs"], values["summary"])
        case "markdown":
            write(session, found.to_markdown())
        case _:
            write(session, found.to_text())
    return 0
