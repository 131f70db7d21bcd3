"""The command ``drivers``: what moved a KPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import data_in_colour, write, write_envelope

if TYPE_CHECKING:
    from kpilayer.kpi.attribution import Method

_BAD: Final = "does not add up"


@command(
    "drivers",
    examples=(
        "kpilayer drivers mrr                       # the last month against the one before",
        "kpilayer drivers mrr --period 2026-05 --against year_ago",
        "kpilayer drivers gross_margin --by revenue_line__type",
        "kpilayer drivers revenue --find            # which segments moved more than others",
        "kpilayer drivers mrr -o mrr.svg            # a waterfall; or -f mermaid, markdown, json",
    ),
)
@click.argument("kpi")
@click.option("--period", metavar="PERIOD",
              help="As 2026-05, 2026-W21, 2026-Q2; the last that ended by default.")  # fmt: skip
@click.option("--against", metavar="PERIOD", default="previous", show_default=True,
              help="Another period, or previous, year_ago.")  # fmt: skip
@click.option("--method", type=click.Choice(["shapley", "lmdi"]), default="shapley",
              show_default=True, help="How a change is shared out.")  # fmt: skip
@click.option("--by", multiple=True, metavar="DIMENSION",
              help="Also by segments; several of them are searched.")  # fmt: skip
@click.option("--find", is_flag=True, help="Search all dimensions for segments that moved.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The day at whose end the last period has ended; today by default.")  # fmt: skip
@output_flags("table", "markdown", "json", "mermaid", "svg")
@pass_session
def drivers(
    session: Session,
    kpi: str,
    period: str | None,
    against: str,
    method: str,
    by: tuple[str, ...],
    find: bool,
    as_of: object,
) -> int:
    """Show what moved a KPI, driver by driver.

    The tree of `drivers`, down to numbers that are made of nothing else, with the values of two
    periods. Contributions of its leaves and what is not explained add up to the change. Flows of a
    stock are their own contributions; `carried` is what an earlier period left behind. With
    segments, the change of a quotient is told apart into rates and mixture. Exit 1 where numbers do
    not add up or nothing can be computed.
    """
    found = session.load().drivers(
        kpi,
        period,
        against,
        cast("Method", method),
        by=[name.strip() for text in by for name in text.split(",") if name.strip()],
        find=find,
        as_of=as_of.date() if as_of is not None else None,  # type: ignore[attr-defined]
    )
    match session.format:
        case "json":
            values = found.as_json()
            write_envelope(session, values["drivers"], values["summary"], ok=not found.fails)
        case "markdown":
            write(session, found.to_markdown())
        case "mermaid":
            write(session, found.to_mermaid())
        case "svg":
            write(session, found.to_svg())
        case _:
            write(session, _coloured(found.to_text(), data_in_colour(session)))
    return 1 if found.fails else 0


def _coloured(text: str, colour: bool) -> str:
    """What does not add up is red."""
    lines = text.splitlines(keepends=True)
    marked = (click.style(line, fg="red") if colour and _BAD in line else line for line in lines)
    return "".join(marked)
