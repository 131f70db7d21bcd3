"""The command ``export-query``: a saved query as tables and views in the warehouse."""

from __future__ import annotations

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import counted, say, write, write_envelope
from kpilayer.cli.progress import Progress


@command(
    "export-query",
    examples=(
        "kpilayer export-query board",
        "kpilayer export-query board --export board_by_month",
        "kpilayer export-query board --dry-run   # print the statements, run nothing",
    ),
)
@click.argument("saved_query", metavar="SAVED_QUERY")
@click.option("--export", "exports", multiple=True, metavar="NAME", help="Only this; may repeat.")
@click.option("--dry-run", is_flag=True, help="Print the statements and run nothing.")
@output_flags("table", "json")
@pass_session
def export_query(
    session: Session, saved_query: str, exports: tuple[str, ...], dry_run: bool
) -> None:
    """Make the tables and views of a saved query.

    Each export that the saved query declares replaces the table or view of its name in the target's
    database: a table holds today's answer, a view computes it when it is read. A table that the
    project reads is never replaced.
    """
    project = session.load()
    with Progress(session, "Exporting"):
        made = project.export(saved_query, exports, dry_run=dry_run)
    if session.format == "json":
        results = [
            {
                "name": one.name,
                "kind": one.kind,
                "relation": one.relation,
                "statements": list(one.statements),
            }
            for one in made
        ]
        write_envelope(session, results, {"exports": len(made), "dry_run": dry_run})
    elif dry_run:
        write(session, (f"{statement};\n" for one in made for statement in one.statements))
    else:
        write(session, (f"{one.kind} {one.relation}\n" for one in made))
    if not dry_run:
        say(session, f"{counted(len(made), 'export')} made")
