"""The command ``export dbt``: views as models that dbt makes."""

from __future__ import annotations

from pathlib import Path

import click

from kpilayer.cli.options import OutputFlag, Session, command, format_flag, pass_session
from kpilayer.cli.output import counted, issue_values, nearby, say, show_issues, write_envelope
from kpilayer.cli.progress import Progress


@command(
    "dbt",
    examples=(
        "kpilayer export dbt",
        "kpilayer export dbt -o kpis                 # a folder to commit",
        "kpilayer export dbt --dialect snowflake --unverified",
    ),
)
@click.option("--dialect", metavar="NAME", help="The SQL dialect, instead of the target's.")
@click.option("--unverified", is_flag=True, help="Allow a dialect that no test executes.")
@click.option(
    "-o",
    "--output",
    cls=OutputFlag,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder: `target/kpilayer_dbt` if not said.",
)
@format_flag("table", "json")
@pass_session
def dbt(session: Session, dialect: str | None, unverified: bool, output: Path | None) -> None:
    """Write views as models that dbt makes.

    Each view of the project becomes a model of dbt, with its properties and tests: fixed views,
    levels, roll-ups, those of single metrics, kpi_values and the catalogue. Tables that dbt builds
    or knows as sources are named by `ref` and `source`. The folder gets `models` and `tests`, for
    `model-paths` and `test-paths` of dbt_project.yml; files of others in it are left alone. No
    connection is needed where kpilayer.lock tells the types of columns.
    """
    project = session.load()
    with Progress(session, "Exporting") as progress:
        made = project.export_dbt(
            output,
            dialect=dialect,
            unverified=unverified,
            on_step=lambda name, *_: progress(f"Exporting: {name}"),
        )
    if session.format == "json":
        results = [{"path": path} for path in made.files]
        summary = {
            "folder": str(made.folder),
            "removed": list(made.removed),
            "notices": [issue_values(issue) for issue in made.notices],
        }
        write_envelope(session, results, summary)
    removed = f", {len(made.removed)} removed" if made.removed else ""
    say(session, f"{counted(len(made.files), 'file')} in {nearby(made.folder)}{removed}")
    if not session.quiet:
        show_issues(made.notices)
