"""The command ``tree``: the hierarchy of KPIs."""

from __future__ import annotations

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import write, write_envelope


@command(
    "tree",
    examples=(
        "kpilayer tree                   # from the north star down, with how each one stands",
        "kpilayer tree ltv_cac           # one KPI, with the metrics that it is made of",
        "kpilayer tree --no-data -f mermaid",
        "kpilayer tree -o kpis.svg",
    ),
)
@click.argument("kpi", required=False)
@click.option("--no-data", is_flag=True, help="Ask nothing: no status, no values.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The day at whose end they stand; today by default.")  # fmt: skip
@output_flags("table", "json", "mermaid", "svg")
@pass_session
def tree(session: Session, kpi: str | None, no_data: bool, as_of: object) -> int:
    """Show the hierarchy of KPIs, from the north star down.

    Below a KPI stands what supports it and what it is made of, each with its status and what guards
    it. One that has several places is told once in full. With a KPI, its own tree, with metrics.
    KPIs that lead to no north star are told, and so are circles, with exit 1.
    """
    found = session.load().tree(
        kpi,
        data=not no_data,
        as_of=as_of.date() if as_of is not None else None,  # type: ignore[attr-defined]
    )
    match session.format:
        case "json":
            values = found.as_json()
            write_envelope(session, values["branches"], values["summary"], ok=not found.fails)
        case "mermaid":
            write(session, found.to_mermaid())
        case "svg":
            write(session, found.to_svg())
        case _:
            write(session, found.to_text())
    return 1 if found.fails else 0
