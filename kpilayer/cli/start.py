"""Commands to begin with: init and demo."""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kpilayer.cli.compute import column_names
from kpilayer.cli.formats import as_table
from kpilayer.cli.options import Session, command, pass_session
from kpilayer.cli.output import counted, data_in_colour, data_width, say, show_issues, write
from kpilayer.cli.progress import Progress
from kpilayer.cli.question import Question, query_flags
from kpilayer.cli.starter import starter_files
from kpilayer.errors import ConfigError, Issue, listing

if TYPE_CHECKING:
    from kpilayer.project import Project

# --------------------------------------------------------------------------------------------- init


@command("init", examples=("kpilayer init", "kpilayer init shop && kpilayer -C shop check"))
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@pass_session
def init(session: Session, folder: Path) -> None:
    """Start a small project that works at once.

    Writes kpilayer.yml, models, metrics and a macro, with comments, and two small CSV files that
    DuckDB reads in place. Files that are already there are never written over.
    """
    files = starter_files(_project_name(folder))
    in_the_way = [path for path in files if path != ".gitignore" and (folder / path).exists()]
    if in_the_way or (folder.exists() and not folder.is_dir()):
        what = f"already has {listing(in_the_way)}" if in_the_way else "is a file"
        raise ConfigError(
            Issue(
                "folder-not-empty",
                f"`{folder}` {what}",
                hint="name a new folder: `kpilayer init DIR`",
            )
        )
    for path, text in files.items():
        if path == ".gitignore" and (folder / path).exists():
            continue
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", newline="\n")
        write(session, f"{(folder / path).as_posix()}\n")
    inside = "" if folder == Path() else f"-C {shlex.quote(str(folder))} "
    say(session, "\nNext:")
    say(session, f"  kpilayer {inside}check")
    say(session, f"  kpilayer {inside}query -m revenue,orders -g metric_time__month")


def _project_name(folder: Path) -> str:
    """The folder's name as a name of the definition language."""
    words = re.findall(r"[a-z0-9]+", folder.resolve().name.lower())
    name = "_".join(words).lstrip("0123456789_")
    return name if len(name) >= 2 else "shop"


# --------------------------------------------------------------------------------------------- demo


def _finite(_ctx: click.Context, _flag: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is no amount.")
    return value


@command("demo", examples=("kpilayer demo", "kpilayer demo acme --scale 0.1"))
@click.argument("folder", metavar="[DIR]", default="kpilayer-demo", type=click.Path(path_type=Path))
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    callback=_finite,
    metavar="N",
    help="Amount of data: 1 is some 310,000 rows, 0.1 a tenth of it.",
)
@pass_session
def demo(session: Session, folder: Path, scale: float) -> None:
    """Copy the example company, build its data, show KPIs.

    The project is copied into DIR (./kpilayer-demo if not said), its data are built in a DuckDB
    file under DIR/.kpilayer, and some of its KPIs are computed, with the command and the SQL of
    each. Running it again in the same folder builds the data anew.
    """
    from kpilayer.demo import project_files

    new = project_files.copy(folder)
    if new:
        say(session, f"{counted(len(new), 'file')} of the example project copied to {folder}")
    with Progress(session, "Building data") as progress:
        made = project_files.build_database(
            folder, scale, lambda table: progress(f"Building data: {table}")
        )
    total = counted(sum(made.values()), "row")
    say(session, f"{total} in {counted(len(made), 'table')} built in {folder}/.kpilayer")
    # The example runs on its own database, wherever the environment may point.
    here = replace(session, project_dir=str(folder), profile=None, target=None, profiles_dir=None)
    project = here.load()
    for title, arguments in project_files.TOUR:
        _show_stop(session, project, title, arguments)
    inside = "" if folder == Path() else f"-C {shlex.quote(str(folder))} "
    say(session, "\nNext:")
    say(session, f"  kpilayer {inside}list")
    say(session, f"  kpilayer {inside}show {project.metrics[0].name}")


def _show_stop(session: Session, project: Project, title: str, arguments: tuple[str, ...]) -> None:
    """One question of the tour: the command, its SQL, its answer."""
    question = _asked(arguments)
    result = project.query(**question.arguments())
    colour = data_in_colour(session)
    command_line = "$ kpilayer query " + shlex.join(arguments)
    heading = click.style(title, bold=True) if colour else title
    rows = list(result.rows())
    table = as_table(column_names(result.columns), rows, width=data_width(session), colour=colour)
    write(session, f"\n{heading}\n\n{command_line}\n\n{result.sql.strip()}\n\n{table}")
    if not session.quiet:
        show_issues(result.notices)


@click.command()
@query_flags
def _reader(question: Question) -> Question:
    return question


def _asked(arguments: tuple[str, ...]) -> Question:
    """The question that these arguments of ``kpilayer query`` ask."""
    question = _reader.main(args=list(arguments), standalone_mode=False)
    assert isinstance(question, Question), "the tour asks for numbers"
    return question
