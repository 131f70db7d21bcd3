"""Commands to begin with: init and demo."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kpilayer.cli.compute import column_names
from kpilayer.cli.formats import as_table
from kpilayer.cli.options import Command, Session, command, common_flags, pass_session
from kpilayer.cli.output import counted, data_in_colour, data_width, say, show_issues, write
from kpilayer.cli.progress import Progress
from kpilayer.cli.question import Question, query_flags
from kpilayer.cli.starter import starter_files
from kpilayer.errors import ConfigError, Issue, listing

if TYPE_CHECKING:
    from kpilayer.project import Project

# --------------------------------------------------------------------------------------------- init


class _Init(Command):
    """As click has it, but for `init kpi NAME`, a command of its own, and `--from`.

    `--from` takes all that follows it, up to the next flag.
    """

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """That of `init kpi` where these are the first words; a folder is `./kpi` then."""
        if args[:1] == ["kpi"]:
            from kpilayer.cli.promote import kpi

            return kpi.make_context(f"{info_name} kpi", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--from a b` is `--from a --from b`: a shell makes many files of one glob."""
        spread: list[str] = []
        taking = False
        for argument in args:
            if argument.startswith("-") and len(argument) > 1:
                taking = argument == "--from"
                spread += [] if taking else [argument]
            else:
                spread += ["--from", argument] if taking else [argument]
        if "--from" in args and "--from" not in spread:
            spread.append("--from")  # for click to say what is missing
        return super().parse_args(ctx, spread)


@click.command(
    "init",
    cls=_Init,
    examples=(
        "kpilayer init",
        "kpilayer init shop && kpilayer -C shop check",
        "kpilayer init --from-dbt .           # in a dbt project",
        "kpilayer init --from-dbt . --verify  # its metrics beside MetricFlow's",
        "kpilayer init sales --from data/*.parquet",
        "kpilayer init sales --from crm.duckdb:main",
        "kpilayer init sales --profile prod --from 'analytics.*'",
        "kpilayer init kpi mrr                # a metric becomes a KPI: who acts on it?",
    ),
)
@click.argument("folder", metavar="[DIR]", default=None, required=False,
                type=click.Path(path_type=Path))  # fmt: skip
@click.option(
    "--from-dbt",
    "dbt",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Add kpilayer.yml to this dbt project; into DIR, where DIR is named.",
)
@click.option(
    "--from",
    "data",
    metavar="DATA...",
    multiple=True,
    help="Propose drafts for files, a DuckDB file or tables of the profile.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="With --from-dbt: ask MetricFlow for each metric too; exit 1 where one differs.",
)
@click.option(
    "--metricflow-python",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="--verify with the MetricFlow that is installed in this Python.",
)
@common_flags(after=True)
@pass_session
def init(
    session: Session,
    folder: Path | None,
    dbt: Path | None,
    data: tuple[str, ...],
    verify: bool,
    metricflow_python: Path | None,
) -> int:
    """Start a small project that works at once.

    Without a flag, a small one with comments: kpilayer.yml, models, metrics, a macro, and two CSV
    files that DuckDB reads in place. --from-dbt writes only kpilayer.yml, and leaves dbt's files
    alone. --from measures the data (every count is exact, so large tables take a while) and
    proposes a semantic model and draft metrics for each table, with the reason for each guess.

    DATA are Parquet, CSV or JSON files, a quoted glob that is one table, a DuckDB file
    (file.duckdb, file.duckdb:schema, file.duckdb:schema.table), or tables of the profile's
    connection (schema.table, 'schema.*'). Files that are already there are never written over.

    `kpilayer init kpi NAME` is a command of its own: the gate from a metric to a KPI.

    --verify asks kpilayer and MetricFlow for every metric, in total, by time and by dimensions, on
    the target's data, and says where numbers differ. It needs `dbt parse` to have run, and keeps a
    kpilayer.yml that is there.
    """
    if dbt is not None and data:
        raise click.UsageError("`--from-dbt` and `--from` exclude each other.")
    if dbt is None and (verify or metricflow_python is not None):
        raise click.UsageError("`--verify` and `--metricflow-python` need `--from-dbt`.")
    if dbt is not None:
        return _init_from_dbt(session, folder, dbt, verify, metricflow_python)
    if data:
        _init_from_data(session, folder or Path(), data)
    else:
        folder = folder or Path()
        if (folder / "dbt_project.yml").is_file():
            hint = (
                f"kpilayer reads it as it is: `kpilayer init --from-dbt {shlex.quote(str(folder))}`"
            )
            message = f"`{folder}` is a dbt project, whose folders the example would mix with"
            raise ConfigError(Issue("folder-not-empty", message, hint=hint))
        _write_new(session, folder, starter_files(_project_name(folder)))
        _say_next(session, folder, "check", "query -m revenue,orders -g metric_time__month")
    return 0


def _init_from_dbt(
    session: Session, folder: Path | None, path: Path, verify: bool, python: Path | None
) -> int:
    from kpilayer.cli.from_dbt import dbt_project_in, findings, project_file, verified
    from kpilayer.interop.metricflow import find_python

    verify = verify or python is not None
    if verify:
        find_python(python)
    dbt = dbt_project_in(path)
    folder = folder or (path.parent if path.is_file() else path)
    if not (verify and (folder / "kpilayer.yml").is_file()):
        _write_new(session, folder, {"kpilayer.yml": project_file(dbt, folder)})
    project = replace(session, project_dir=str(folder)).load()
    for line in findings(project):
        say(session, line)
    if verify:
        return 0 if verified(session, project, python) else 1
    metrics = sorted(project.catalog.metrics)
    _say_next(session, folder, "check", f"query -m {metrics[0]}" if metrics else "list models")
    return 0


def _init_from_data(session: Session, folder: Path, data: tuple[str, ...]) -> None:
    from kpilayer.cli.from_data import first_question, project_from_data, summary

    _refuse_existing(folder, ["kpilayer.yml", "models"])
    with Progress(session, "Measuring data"):
        made = project_from_data(session, folder, _project_name(folder), data)
    _write_new(session, folder, made.files)
    for line in summary(made):
        say(session, line)
    _say_next(session, folder, "check", f"query {first_question(made)}")


def _refuse_existing(folder: Path, paths: Iterable[str]) -> None:
    in_the_way = [path for path in paths if path != ".gitignore" and os.path.lexists(folder / path)]
    if in_the_way or (folder.exists() and not folder.is_dir()):
        what = f"already has {listing(in_the_way)}" if in_the_way else "is a file"
        raise ConfigError(
            Issue(
                "folder-not-empty",
                f"`{folder}` {what}",
                hint="name a new folder: `kpilayer init DIR`",
            )
        )


def _write_new(session: Session, folder: Path, files: Mapping[str, str]) -> None:
    """Writes files of which none is there; an own .gitignore stays."""
    from kpilayer.load.files import inside, write_inside

    _refuse_existing(folder, files)
    new = [p for p in files if p != ".gitignore" or not os.path.lexists(folder / p)]
    for path in new:
        inside(folder, path)
    for path in new:
        write_inside(folder, path, files[path])
        write(session, f"{(folder / path).as_posix()}\n")


def _say_next(session: Session, folder: Path, *commands: str) -> None:
    inside = "" if folder == Path() else f"-C {shlex.quote(str(folder))} "
    say(session, "\nNext:")
    for line in commands:
        say(session, f"  kpilayer {inside}{line}")


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
    help="Amount of data: 1 is some 870,000 rows, 0.1 a tenth of it.",
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
