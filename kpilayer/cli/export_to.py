"""The commands of ``export``: definitions in the forms of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kpilayer.cli.export_dbt import dbt
from kpilayer.cli.options import Session, command, group, output_flags, pass_session
from kpilayer.cli.output import (
    counted,
    issue_values,
    replacing,
    say,
    show_issues,
    write,
    write_each,
    write_envelope,
)
from kpilayer.cli.progress import Progress
from kpilayer.cli.select import Wanted, select_flags

if TYPE_CHECKING:
    from kpilayer.interop.metric_view import LeftOut, MetricViews


@group(
    "export",
    examples=(
        "kpilayer export dbt                     # views as models of dbt",
        "kpilayer export spark -o metric_views   # a script for each semantic model",
    ),
)
def export() -> None:
    """Write definitions in other tools' own forms.

    What a tool cannot express is left out there, and told with the reason. Nothing is run.
    """


@command(
    "spark",
    examples=(
        "kpilayer export spark",
        "kpilayer export spark -o metric_views   # a script for each semantic model",
        "kpilayer export spark -s tag:board --joins 1",
    ),
)
@select_flags(as_flag=True)
@click.option(
    "--joins",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    metavar="N",
    help="Dimensions that are at most so many joins away.",
)
@output_flags("sql", "json")
@pass_session
def spark(session: Session, wanted: Wanted, joins: int) -> None:
    """Write metric views of Spark 4.2 and later.

    Each semantic model gets a metric view, `<model>_metrics`, with its metrics as measures, and an
    ordinary view of its rows, `<model>_rows`. The script of a model drops the first, replaces the
    second and makes both. Metrics that are more than an aggregate over the rows of one model are
    left out, each with the reason. -o names a folder that gets one file for each model, or a file
    if it has a suffix.
    """
    project = session.load()
    names = wanted.find(session, project, ("metric",)).metrics if wanted.is_given else None
    with Progress(session, "Exporting"):
        made = project.export_spark(names, joins=joins)
    if session.format == "json":
        summary = {
            "views": len(made.views),
            "left_out": [
                {"kind": o.kind, "name": o.name, "models": list(o.models), "reason": o.reason}
                for o in made.left_out
            ],
            "notices": [issue_values(issue) for issue in made.notices],
        }
        write_envelope(session, _values(made), summary)
    elif session.output is not None and not session.output.suffix:
        write_each(session, session.output, {f"{one.model}.sql": one.text for one in made.views})
    else:
        write(session, "\n".join(one.text for one in made.views))
    measures = sum(len(one.measures) for one in made.views)
    say(session, f"{counted(measures, 'metric')} in {counted(len(made.views), 'metric view')}")
    _say_left_out(session, made.left_out)
    if not session.quiet:
        show_issues(made.notices)


def _values(made: MetricViews) -> list[dict[str, object]]:
    return [
        {
            "model": one.model,
            "name": one.name,
            "rows": one.rows,
            "dimensions": [{"name": name, "group_by": asked} for name, asked in one.dimensions],
            "measures": [
                {
                    "name": measure.name,
                    "expr": measure.expr,
                    "fingerprint": measure.fingerprint,
                    "times": list(measure.times),
                }
                for measure in one.measures
            ],
            "statements": list(one.statements),
        }
        for one in made.views
    ]


def _say_left_out(session: Session, left_out: tuple[LeftOut, ...]) -> None:
    """What is in no view, those with one reason together."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for one in left_out:
        by_reason.setdefault((one.kind, one.reason), []).append(one.name)
    for (kind, reason), names in by_reason.items():
        say(session, f"Left out {counted(len(names), kind)}, since {reason}: {', '.join(names)}")


@command(
    "codeowners",
    examples=(
        "kpilayer export codeowners -o .github/CODEOWNERS    # other lines stay",
        "kpilayer export codeowners --check -o .github/CODEOWNERS   # in CI",
    ),
)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 where stale.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="The CODEOWNERS file; the lines between our marks are replaced.")  # fmt: skip
@pass_session
def codeowners(session: Session, only_check: bool, output: Path | None) -> int:
    """Write CODEOWNERS: files of definitions with the teams that own them.

    A group's `handle` is its team on the code host. The file only asks for reviews; who has to
    agree to a change is judged by `kpilayer diff`, from the base.
    """
    from kpilayer.change.codeowners import merged

    block = session.load().codeowners()
    if output is None:
        write(session, block)
        return 0
    known = output.read_text(encoding="utf-8") if output.exists() else ""
    wanted = merged(known, block)
    if only_check and wanted != known:
        say(session, f"{output} is stale: run `kpilayer export codeowners -o {output}`")
        return 1
    if wanted != known:
        with replacing(output) as file:
            file.write(wanted.encode())
    say(session, f"{output} {'is up to date' if wanted == known else 'written'}")
    return 0


export.add_command(codeowners)
export.add_command(dbt)
export.add_command(spark)
