"""The entry point: finds the command, runs it, and turns every outcome into an exit code.

    0    done
    1    done, and problems were found
    2    could not be done: usage, configuration, definitions that do not compile, unknown names
    3    the warehouse, the connection to it, or its SQL failed
    4    refused by policy
    70   a fault in kpilayer itself
    130  interrupted

Commands are a table of names. Their modules load when a command is used, and the heavy libraries
(sqlglot, pydantic, duckdb, Jinja, rich) only inside the functions that need them, so that `--help`
and completion answer at once.
"""

from __future__ import annotations

import sys

try:
    import contextlib
    import gc
    import importlib
    import io
    import os
    from collections.abc import Sequence
    from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

    import click

    from kpilayer import __version__
    from kpilayer.cli.options import HELP_SETTINGS, CommonFlag, Session, common_flags
    from kpilayer.cli.output import talk
    from kpilayer.errors import (
        ConfigError,
        Issue,
        KpilayerError,
        PolicyError,
        WarehouseError,
        did_you_mean,
    )
except KeyboardInterrupt:  # before there is a `main` that could take it
    sys.exit(130)

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

DONE: Final = 0
PROBLEMS_FOUND: Final = 1
COULD_NOT: Final = 2
WAREHOUSE_FAILED: Final = 3
REFUSED: Final = 4
OUR_FAULT: Final = 70
INTERRUPTED: Final = 130


class Entry(NamedTuple):
    """Where a command lives (``module:function``), and its line in ``kpilayer --help``."""

    family: str
    place: str
    summary: str


COMMANDS: Final[dict[str, Entry]] = {
    "init": Entry("Author", "start:init", "Start a small project that works at once."),
    "demo": Entry("Author", "start:demo", "Copy the example company, build its data, show KPIs."),
    "check": Entry("Author", "author:check", "Report every problem of the definitions."),
    "test": Entry("Author", "test:test", "Run the metric tests and check the contracts."),
    "list": Entry(
        "Author",
        "author:list_",
        "List definitions of one kind.",
    ),
    "show": Entry("Author", "author:show", "Show one metric, model or dimension."),
    "library": Entry("Author", "library:library", "Take KPIs that are defined already."),
    "explain": Entry("Author", "author:explain", "Explain the code of a problem."),
    "schema": Entry("Author", "schema:schema", "Let an editor complete and check definitions."),
    "compile": Entry(
        "Compute", "compute:compile_", "Print the SQL of a query, or write that of every metric."
    ),
    "query": Entry("Compute", "compute:query", "Compute metrics in the warehouse."),
    "export-query": Entry(
        "Compute", "export:export_query", "Make the tables and views of a saved query."
    ),
    "export": Entry("Compute", "export_to:export", "Write definitions in other tools' own forms."),
    "debug": Entry("Compute", "compute:debug", "Test configuration, driver and connection."),
    "plan": Entry("Publish", "publish:plan", "Show what `publish` would do in the database."),
    "publish": Entry(
        "Publish", "publish:publish", "Put the views of the project into the database."
    ),
    "views": Entry(
        "Publish", "publish:views", "List views with their state: published, edited, ..."
    ),
    "bi": Entry("Publish", "bi:bi", "Push published views to a BI tool."),
    "diff": Entry(
        "Review", "review:diff", "Show what a change of definitions does, before it merges."
    ),
    "impact": Entry("Review", "review:impact", "Show whom a definition reaches, and whom to ask."),
    "history": Entry(
        "Review", "review:history", "Show every meaning that a metric ever had, from git."
    ),
    "drift": Entry("Review", "drift:drift", "Find the same KPI calculated elsewhere."),
    "health": Entry(
        "Review", "health:health", "Show how KPIs stand: status, attainment, what is due."
    ),
    "drivers": Entry("Review", "drivers:drivers", "Show what moved a KPI, driver by driver."),
    "tree": Entry("Review", "tree:tree", "Show the hierarchy of KPIs, from the north star down."),
    "okr": Entry("Review", "okr:okr", "Show how objectives come along, beside health."),
    "lint": Entry("Review", "lint:lint", "Advise on KPIs: owners, ranges, guardrails."),
    "lock": Entry("Review", "lock:lock", "Write down column types for checks to use."),
}


class Kpilayer(click.Group):
    """The group of all commands, imported one at a time, with one guard around them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in reading order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, its module imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].place.partition(":")
        command = getattr(importlib.import_module(f"kpilayer.cli.{module}"), function)
        assert isinstance(command, click.Command), f"{cmd_name} is not a command"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, except that the nearest commands come from our one suggester."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = did_you_mean(args[0], COMMANDS)
            ctx.fail(f"there is no command `{args[0]}`" + (f"; {hint}" if hint else "."))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names and summaries from the table, without importing any command."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=entry.summary)
            for name, entry in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands by family first, then the flags that all of them take."""
        width = max(map(len, COMMANDS))  # one column for all families
        for family in dict.fromkeys(entry.family for entry in COMMANDS.values()):
            rows = [
                (name.ljust(width), entry.summary)
                for name, entry in COMMANDS.items()
                if entry.family == family
            ]
            with formatter.section(family):
                formatter.write_dl(rows)
        click.Command.format_options(self, ctx, formatter)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """As click does it, except that nobody reading `--help` to its end is no failure."""
        try:
            return super().make_context(*args, **extra)
        except BrokenPipeError as error:
            raise click.exceptions.Exit(_refused_by_system(error)) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; problems are rendered here and become an exit code."""
        try:
            return super().invoke(ctx)
        except KpilayerError as error:
            ctx.exit(_report(error, ctx.ensure_object(Session)))
        except OSError as error:
            ctx.exit(_refused_by_system(error, ctx.ensure_object(Session)))
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 - the edge: any other error is a fault of ours
            ctx.exit(_own_fault(error, ctx.ensure_object(Session)))

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Runs the command line and ends the process with one of the exit codes above."""
        extra |= {"standalone_mode": False, "prog_name": "kpilayer"}
        try:
            _replace_closed_streams()
            _speak_utf8()
            outcome = super().main(*args, **extra)
            code = outcome if isinstance(outcome, int) else DONE
            sys.stdout.flush()
        except click.ClickException as error:
            with contextlib.suppress(OSError):
                error.show()
            code = COULD_NOT
        except (click.Abort, KeyboardInterrupt):
            talk("interrupted")
            code = INTERRUPTED
        except OSError as error:  # of `--help`, or of telling what was wrong
            code = _refused_by_system(error)
        try:
            sys.stderr.flush()
        except OSError:
            _let_go_of(sys.stderr)
        sys.exit(code)


def _version(ctx: click.Context, _flag: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    click.echo(f"kpilayer {__version__}")
    ctx.exit()


@click.group(
    cls=Kpilayer,
    context_settings=dict(HELP_SETTINGS),
    epilog="""\b
Examples:
  kpilayer demo                                    see it work
  kpilayer check                                   in a project: is everything right?
  kpilayer query -m revenue -g metric_time__month

Each flag is also read from the environment: KPILAYER_TARGET stands for --target. The flag wins.
KPILAYER_DEBUG=1 adds the traceback to an internal error.""",
)
@common_flags()
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    cls=CommonFlag,
    help="Print the version and leave.",
)
def cli() -> None:
    """Write each KPI once, get the same number everywhere."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Runs ``kpilayer`` with the arguments of the process, and ends the process."""
    gc.set_threshold(50_000)  # what is loaded stays: looking it through costs a tenth of the time
    cli.main(args=None if args is None else list(args))


def _report(error: KpilayerError, session: Session) -> int:
    from kpilayer.cli.output import show_issues, write_failure

    code = COULD_NOT
    if isinstance(error, WarehouseError):
        code = WAREHOUSE_FAILED
    elif isinstance(error, PolicyError):
        code = REFUSED
    show_issues(error.issues)
    if session.format == "json":
        try:
            write_failure(session, code, error.issues)
        except BrokenPipeError:
            _let_go_of(sys.stdout)
    return code


def _refused_by_system(error: OSError, session: Session | None = None) -> int:
    """A file, a folder or a stream that cannot be read or written."""
    if isinstance(error, BrokenPipeError):
        _let_go_of(sys.stdout)
        return DONE  # whoever reads has seen enough, as in `kpilayer query .. | head`
    reason = error.strerror or str(error)
    if error.filename is not None:
        message = f"`{os.fsdecode(error.filename)}` cannot be read or written: {reason}"
    elif isinstance(error, FileNotFoundError):
        message = f"the current folder is gone: {reason}"
    else:
        _let_go_of(sys.stdout)
        talk(f"Error: the output cannot be written: {reason}")
        return COULD_NOT
    return _report(ConfigError(Issue("unreadable-file", message)), session or Session())


def _own_fault(error: Exception, session: Session) -> int:
    wants_traceback = session.verbose >= 2 or os.environ.get("KPILAYER_DEBUG", "") not in ("", "0")
    if wants_traceback:
        import traceback

        talk("".join(traceback.format_exception(error)).rstrip("\n"))
    first_line = (str(error).splitlines() or [""])[0]
    talk(f"internal error: {type(error).__name__}: {first_line}")
    talk(
        "This is a fault in kpilayer, not in the project. Please report it with the command, the\n"
        f"version ({__version__}) and what it prints "
        f"{'above' if wants_traceback else 'with KPILAYER_DEBUG=1 set'}{_where_to_report()}."
    )
    return OUR_FAULT


def _where_to_report() -> str:
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        links = metadata("kpilayer").get_all("Project-URL") or []
    except PackageNotFoundError:
        links = []
    named = dict(link.split(", ", 1) for link in links if ", " in link)
    return f", at {named['Issues']}" if "Issues" in named else ""


def _speak_utf8() -> None:
    """Data are UTF-8 in every locale; a terminal that has less shows `?` for what it lacks."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding.lower() != "utf-8":
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="replace")
        else:
            sys.stdout.reconfigure(encoding="utf-8")


def _replace_closed_streams() -> None:
    """Where a stream was closed (`>&-`), talk is lost, and writing data fails as it should.

    The numbers 0 to 2 are taken, lest a database is opened as one of them and hears our talk.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if getattr(sys, "stdout", None) is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if getattr(sys, "stderr", None) is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _let_go_of(stream: IO[str]) -> None:
    # Python flushes its streams once more when it ends, and would complain about this one.
    with contextlib.suppress(OSError, ValueError):  # not a real file, as under a test runner
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
