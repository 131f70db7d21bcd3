"""Flags that all commands share, the flags of output, and the session that they fill.

The common flags stand before or after the name of the command; the later one wins. Each is also
read from the environment as ``KPILAYER_<FLAG>``, below any flag.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from kpilayer.errors import ConfigError, Issue, did_you_mean, listing

if TYPE_CHECKING:
    from kpilayer.project import Project

HELP_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Session:
    """What the common flags said, and how the running command prints."""

    project_dir: str = "."
    profiles_dir: str | None = None
    profile: str | None = None
    target: str | None = None
    vars: str | None = None
    quiet: bool = False
    verbose: int = 0
    no_progress: bool = False
    command: str = "kpilayer"
    format: str | None = None
    output: Path | None = None

    def load(self) -> Project:
        """The project that the flags point at; raises ConfigError."""
        from kpilayer.project import Project

        return Project.load(
            self.project_dir,
            target=self.target,
            profile=self.profile,
            profiles_dir=self.profiles_dir,
            vars=parse_vars(self.vars) if self.vars is not None else None,
        )


pass_session = click.make_pass_decorator(Session, ensure=True)


class Helped(click.Command):
    """What has sections of flags in its help, and examples at the end."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **attributes: Any) -> None:
        attributes["context_settings"] = dict(HELP_SETTINGS)
        super().__init__(*args, **attributes)
        self.examples = tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Flags of this command first, the common ones last."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        for title in sorted(sections, key=_SECTIONS.index):
            if sections[title]:
                with formatter.section(title):
                    formatter.write_dl(sections[title])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, one line each."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


class Command(Helped):
    """A command that does something."""

    def invoke(self, ctx: click.Context) -> Any:
        """Notes in the session which command runs (`export-spark`), then runs it."""
        ctx.ensure_object(Session).command = "-".join(ctx.command_path.split()[1:])
        return super().invoke(ctx)


class Group(Helped, click.Group):
    """A command that is a family of commands, as `kpilayer export` is."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Its commands first, then the flags."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, except that the nearest commands come from our one suggester."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            hint = did_you_mean(args[0], self.commands) or f"there is {listing([*self.commands])}"
            ctx.fail(f"there is no command `{ctx.command_path} {args[0]}`; {hint}")
        return super().resolve_command(ctx, args)


_SECTIONS: Final = ("Selection", "Query", "Output", "Options", "Common options")


class CommonFlag(click.Option):
    """A flag of every command; its help shows the environment variable that stands for it."""

    section = "Common options"


class QueryFlag(click.Option):
    """A flag that says what to compute."""

    section = "Query"


class OutputFlag(click.Option):
    """A flag that says how to print."""

    section = "Output"


def common_flags(*, after: bool = False) -> Callable[[F], F]:
    """The common flags for the group, or for a command (``after``).

    Only the group reads the environment: a variable must not win over a flag before the command.
    """

    def keep(ctx: click.Context, flag: click.Parameter, value: Any) -> None:
        session, name = ctx.ensure_object(Session), str(flag.name)
        given = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
        if ctx.get_parameter_source(name) in given:
            before = session.verbose if name == "verbose" else 0  # -v adds up, the rest replaces
            setattr(session, name, before + value if name == "verbose" else value)

    def flag(*names: str, help: str, **attributes: Any) -> Callable[[F], F]:
        variable = "KPILAYER_" + names[-1].lstrip("-").replace("-", "_").upper()
        return click.option(
            *names,
            cls=CommonFlag,
            expose_value=False,
            callback=keep,
            help=f"{help}  [{variable}]",
            envvar=None if after else variable,
            **attributes,
        )

    flags = [
        flag("-C", "--project-dir", metavar="DIR", help="Folder of the project, or one inside it."),
        flag("--profiles-dir", metavar="DIR", help="Folder of profiles.yml."),
        flag("--profile", metavar="NAME", help="Profile of profiles.yml to use."),
        flag("-t", "--target", metavar="NAME", help="Target of the profile to use."),
        flag("--vars", metavar="YAML", help="Values for `var()`, as a YAML mapping."),
        flag("-q", "--quiet", is_flag=True, help="No talk on stderr except errors."),
        flag("-v", "--verbose", count=True, help="More talk; twice for tracebacks."),
        flag("--no-progress", is_flag=True, help="No progress line."),
    ]

    def decorate(function: F) -> F:
        for one in reversed(flags):
            function = one(function)
        return function

    return decorate


def command(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., Any]], Command]:
    """A command with the common flags and its examples."""

    def decorate(function: Callable[..., Any]) -> Command:
        flagged = common_flags(after=True)(function)
        return click.command(name, cls=Command, examples=examples)(flagged)

    return decorate


def group(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., Any]], Group]:
    """A family of commands with the common flags and its examples."""

    def decorate(function: Callable[..., Any]) -> Group:
        flagged = common_flags(after=True)(function)
        return click.group(name, cls=Group, examples=examples)(flagged)

    return decorate


def output_flags(*formats: str, piped: str | None = None) -> Callable[[F], F]:
    """``-f`` with these formats and ``-o``; the first format is the default.

    ``piped`` is the default where stdout is no terminal. ``KPILAYER_FORMAT`` comes before both, in
    commands that have the format it names, and so does the suffix of ``-o``.
    """

    def keep_output(ctx: click.Context, _flag: click.Parameter, value: str | None) -> None:
        ctx.ensure_object(Session).output = Path(value) if value not in (None, "-") else None

    def decorate(function: F) -> F:
        function = format_flag(*formats, piped=piped)(function)
        return click.option(
            "-o",
            "--output",
            cls=OutputFlag,
            metavar="FILE",
            is_eager=True,  # its suffix takes part in choosing the format
            expose_value=False,
            callback=keep_output,
            help="Write to this file; its suffix names the format where -f does not.",
        )(function)

    return decorate


def format_flag(*formats: str, piped: str | None = None) -> Callable[[F], F]:
    """``-f`` with these formats; see ``output_flags``."""

    def keep_format(ctx: click.Context, _flag: click.Parameter, value: str | None) -> None:
        session = ctx.ensure_object(Session)
        session.format = choose_format(value, formats, piped, session.output)

    default = formats[0] if piped is None else f"{formats[0]}, or {piped} where piped"
    return click.option(
        "-f",
        "--format",
        cls=OutputFlag,
        type=click.Choice(formats),
        expose_value=False,
        callback=keep_format,
        help=f"How to print: {default} if not said.  [KPILAYER_FORMAT]",
    )


_SUFFIXES: Final = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".md": "markdown",
    ".mmd": "mermaid",
    ".parquet": "parquet",
    ".svg": "svg",
}
#: Files that other programs would open as something that no command writes.
_FOREIGN: Final = frozenset(
    (".arrow", ".feather", ".html", ".pdf", ".tsv", ".xls", ".xlsx", ".xml", ".yaml", ".yml")
)


def choose_format(
    asked: str | None, known: Sequence[str], piped: str | None, output: Path | None
) -> str:
    """The format of a command: by flag, file name, ``KPILAYER_FORMAT``, then the default."""
    if asked is not None:
        return asked
    ending = output.suffix.lower() if output else ""
    suffix = ending.removeprefix(".") if ending in _FOREIGN else _SUFFIXES.get(ending)
    if suffix is not None and suffix not in known:
        raise click.UsageError(
            f"`{output}` would be {suffix}, but this command prints {', '.join(known)}; "
            "name one of them with `-f`, or another file."
        )
    for wish in (suffix, os.environ.get("KPILAYER_FORMAT")):
        if wish is not None and wish in known:
            return wish
    seen_by_people = output is None and sys.stdout.isatty()
    return piped if piped and not seen_by_people else known[0]


def parse_vars(text: str) -> dict[str, Any]:
    """The mapping that ``--vars`` holds, read as the project's own YAML; raises ConfigError."""
    from kpilayer.load.reader import read_yaml

    document, issues = read_yaml("--vars", text)
    wrong = [replace(issue, code="bad-vars") for issue in issues if issue.severity == "error"]
    if wrong:
        raise ConfigError(wrong)
    found = document.data if document else None
    if found is None:
        return {}
    if not isinstance(found, dict):
        message = f"`--vars` is not a mapping of names to values: `{text}`"
        raise ConfigError(Issue("bad-vars", message, hint="write `--vars 'currency: USD'`"))
    return found
