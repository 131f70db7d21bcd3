"""The arguments that say which definitions a command is about, shared by all that select."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kpilayer.cli.options import Session
from kpilayer.cli.output import say

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from kpilayer.model.definitions import Kind
    from kpilayer.project import Project
    from kpilayer.selection.choose import Selection

#: Where `kpilayer compile` leaves what completion reads; no module that knows it loads quickly.
_MANIFEST: Final = Path("target", "kpilayer", "manifest.json")
_GRAMMAR: Final = "Names, globs, tag:, group:, path:, +m, m+, .. (see the guide)."


class SelectFlag(click.Option):
    """A flag that says which definitions a command is about."""

    section = "Selection"


class SelectArgument(click.Argument):
    """The same as an argument; its help says what may stand in a selection."""

    section = "Selection"

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Its line in the help of a command."""
        return self.make_metavar(ctx), _GRAMMAR


@dataclass(frozen=True)
class Wanted:
    """The definitions that were asked for, as text."""

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    state: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether some were asked for, and not simply everything."""
        return bool(self.select or self.exclude)

    def find(self, session: Session, project: Project, kinds: Sequence[Kind]) -> Selection:
        """What is selected; says what in the selection matches nothing."""
        found = project.select(
            self.select or None, self.exclude, state=self.state, kinds=tuple(kinds)
        )
        for doubt in found.doubts:
            say(session, f"{click.style('warning', fg='yellow', bold=True)}: {doubt}")
        return found


def select_flags(*, as_flag: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`SELECT` (or ``-s``), ``--exclude`` and ``--state``; the command receives ``wanted``."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def ask(*args: Any, **values: Any) -> Any:
            wanted = Wanted(values.pop("select"), values.pop("exclude"), values.pop("state"))
            if wanted.state is not None and not wanted.is_given:
                raise click.UsageError("`--state` is what `state:modified` compares with: select.")
            return function(*args, wanted=wanted, **values)

        decorated: Callable[..., Any] = update_wrapper(ask, function)
        for add in (_state, _exclude, _select_flag if as_flag else _select_argument):
            decorated = add(decorated)
        return decorated

    return decorate


def complete_names(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Metrics of the last `kpilayer compile`; reading its manifest imports nothing heavy."""
    from click.shell_completion import CompletionItem

    start = max(incomplete.rfind(sign) for sign in "+@, ") + 1
    before, begun = incomplete[:start], incomplete[start:]
    session = ctx.find_object(Session) or Session()
    return [
        CompletionItem(before + name)
        for name in _compiled_names(Path(session.project_dir))
        if name.startswith(begun.lower())
    ]


def _compiled_names(folder: Path) -> Iterable[str]:
    try:
        here = folder.resolve()
        root = next(f for f in (here, *here.parents) if (f / "kpilayer.yml").is_file())
        return sorted(json.loads((root / _MANIFEST).read_text(encoding="utf-8"))["metrics"])
    except (OSError, ValueError, LookupError, TypeError, StopIteration, RecursionError):
        return ()


_select_argument = click.argument(
    "select", cls=SelectArgument, nargs=-1, metavar="[SELECT]...", shell_complete=complete_names
)
_select_flag = click.option(
    "-s",
    "--select",
    cls=SelectFlag,
    multiple=True,
    metavar="SELECT",
    help=f"{_GRAMMAR} May repeat.",
    shell_complete=complete_names,
)
_exclude = click.option(
    "--exclude",
    cls=SelectFlag,
    multiple=True,
    metavar="SELECT",
    help="All but these.",
    shell_complete=complete_names,
)
_state = click.option(
    "--state",
    cls=SelectFlag,
    metavar="DIR|git:REF",
    help="What state:new and state:modified compare with.",
)
