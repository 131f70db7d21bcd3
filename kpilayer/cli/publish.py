"""The commands ``plan``, ``publish`` and ``views``: metrics as views that other tools read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kpilayer.cli.options import F, Session, command, output_flags, pass_session
from kpilayer.cli.output import counted, say, show_issues, write, write_envelope, write_rows
from kpilayer.cli.progress import Progress
from kpilayer.errors import ConfigError, Issue

if TYPE_CHECKING:
    from kpilayer.publish.plan import Action, Plan

_SIGNS: Final = {"create": "+", "replace": "~", "recreate": "±", "refresh": "*", "drop": "-"}
_DONE: Final = {
    "create": "created",
    "replace": "replaced",
    "recreate": "made anew",
    "refresh": "refreshed",
    "drop": "dropped",
}
_SCHEMA: Final = "kpilayer/plan@1"


def _place_flags(*, may_overwrite: bool) -> Callable[[F], F]:
    """Where views go, and what may be undone for it."""

    def decorate(function: F) -> F:
        if may_overwrite:
            function = click.option(
                "--cascade",
                is_flag=True,
                help="Drop what stands on a view that is dropped or made anew.",
            )(function)
            function = click.option(
                "--overwrite",
                multiple=True,
                metavar="VIEW",
                help="Overwrite this view, edited by hand or made by others; may repeat.",
            )(function)
        return click.option(
            "--schema",
            metavar="NAME",
            help="The schema: that of the target and `_kpi` if not said.",
        )(function)

    return decorate


@command(
    "plan",
    examples=(
        "kpilayer plan",
        "kpilayer plan --sql                 # with the statements",
        "kpilayer plan --save views.json     # then: kpilayer publish views.json",
        "kpilayer plan --check               # in CI: exit 1 where anything is pending",
    ),
)
@_place_flags(may_overwrite=True)
@click.option("--sql", "with_sql", is_flag=True, help="Print the statements too.")
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the plan to this file, for `publish FILE`.")  # fmt: skip
@click.option("--check", "only_check", is_flag=True, help="Exit 1 where anything is pending.")
@output_flags("table", "json")
@pass_session
def plan(
    session: Session,
    schema: str | None,
    overwrite: tuple[str, ...],
    cascade: bool,
    with_sql: bool,
    save: Path | None,
    only_check: bool,
) -> int:
    """Show what `publish` would do in the database.

    Compares the views that the definitions ask for with those that are there: what is created,
    replaced, made anew, dropped, and what somebody changed by hand. Nothing is changed.
    """
    project = session.load()
    with Progress(session, "Planning") as progress:
        found = project.plan(
            schema=schema, overwrite=overwrite, cascade=cascade, on_step=_told(progress, "Planning")
        )
    if save is not None:
        text = json.dumps({"$schema": _SCHEMA, **found.as_json()}, indent=2, ensure_ascii=False)
        save.write_text(text + "\n", encoding="utf-8")
    show_issues(found.notices)
    _write_plan(session, found, with_sql=with_sql)
    if save is not None:
        say(session, f"saved as {save}: `kpilayer publish {save}` does it, or refuses")
    return 1 if only_check and found.is_pending else 0


@command(
    "publish",
    examples=(
        "kpilayer publish",
        "kpilayer publish views.json         # a saved plan, exactly",
        "kpilayer publish --check            # changed by hand, missing or stale? exit 1",
        "kpilayer publish --overwrite mrr    # over an edit by hand",
    ),
)
@click.argument("saved", required=False, metavar="[PLAN]", type=click.Path(path_type=Path))
@_place_flags(may_overwrite=True)
@click.option("--check", "only_check", is_flag=True,
              help="Change nothing; exit 1 where a view is not as it should be.")  # fmt: skip
@click.option(
    "--full-refresh", is_flag=True, help="Compute all rows again that are kept in tables."
)
@output_flags("table", "json")
@pass_session
def publish(
    session: Session,
    saved: Path | None,
    schema: str | None,
    overwrite: tuple[str, ...],
    cascade: bool,
    only_check: bool,
    full_refresh: bool,
) -> int:
    """Put the views of the project into the database.

    On PostgreSQL, DuckDB and SQLite all of it is done or none; elsewhere in order, and what was
    interrupted goes on with the next call. Rights stay. What was changed by hand is not
    overwritten, and what others stand on is not dropped, unless asked. PLAN is a file of
    `kpilayer plan --save`: it is done as it says, or refused where it would do something else now.
    """
    if only_check:
        return _check(session, schema)
    project = session.load()
    given = _read(saved) if saved is not None else None
    with Progress(session, "Publishing") as progress:
        done = project.publish(
            given,
            schema=schema,
            overwrite=overwrite,
            cascade=cascade,
            full_refresh=full_refresh,
            on_step=_told(progress, "Publishing"),
        )
    show_issues(done.notices)
    _write_plan(session, done, with_sql=False, is_done=True)
    return 0


@command("views", examples=("kpilayer views list", "kpilayer views list -f json"))
@click.argument("what", type=click.Choice(["list"]), default="list")
@_place_flags(may_overwrite=False)
@output_flags("table", "csv", "markdown", "json")
@pass_session
def views(session: Session, what: str, schema: str | None) -> int:
    """List views with their state: published, edited, ...

    A view is `published`, or `stale`: the definitions say something else now; `new`: not
    published yet; `missing`: somebody dropped it; `edited` by hand; or `foreign`: not published by
    kpilayer.
    """
    _write_states(session, schema, every=True)
    return 0


def _check(session: Session, schema: str | None) -> int:
    """Whether anything is not as it should be; only that is printed."""
    return 1 if _write_states(session, schema, every=False) else 0


_COLUMNS: Final = ("name", "kind", "state", "why", "published_at", "fingerprint")


def _write_states(session: Session, schema: str | None, *, every: bool) -> int:
    """Prints views with their states; how many are not as they should be."""
    project = session.load()
    with Progress(session, "Looking"):
        found = project.views(schema=schema)
    wrong = [one for one in found if one.state != "published"]
    shown = found if every else wrong
    counts = {state: sum(one.state == state for one in found) for state in _states(found)}
    results = [
        {**{c: getattr(one, c) or None for c in _COLUMNS}, "view": one.view or None}
        for one in shown
    ]
    if session.format == "json":
        write_envelope(session, results, counts, ok=every or not wrong)
    elif shown:
        rows = [[getattr(one, column) or "" for column in _COLUMNS] for one in shown]
        write_rows(session, _COLUMNS, rows)
    told = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    say(session, f"{counted(len(found), 'view')}: {told or 'none'}")
    return len(wrong)


def _states(found: Iterable[Any]) -> list[str]:
    from kpilayer.publish.states import STATES

    return list(STATES)


def _told(progress: Progress, doing: str) -> Callable[[str, int, int], None]:
    def on_step(name: str, number: int, count: int) -> None:
        progress(f"{doing}: {name}", number / count if count else None)

    return on_step


def _read(path: Path) -> dict[str, Any]:
    """A saved plan.

    Raises:
        ConfigError: `unreadable-file`, where it is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(_no_plan(path, str(error))) from None
    if not isinstance(found, dict) or found.get("$schema") != _SCHEMA:
        raise ConfigError(_no_plan(path, f"it is not of the schema `{_SCHEMA}`"))
    return found


def _no_plan(path: Path, why: str) -> Issue:
    message = f"`{path}` is not a saved plan: {why}"
    return Issue("unreadable-file", message, hint="`kpilayer plan --save FILE` writes one")


# ----------------------------------------------------------------------------------------- printing


def _write_plan(session: Session, found: Plan, *, with_sql: bool, is_done: bool = False) -> None:
    counts = found.counts()
    pending = [one for one in found.actions if one.is_pending or one.verb == "refresh"]
    if session.format == "json":
        results = [_as_result(action) for action in found.actions]
        summary: dict[str, Any] = {
            "schema": found.schema,
            "dialect": found.dialect,
            "target": found.target,
        }
        summary |= {**counts, "catalogue": "written" if found.is_catalogue_new else "unchanged"}
        write_envelope(session, results, summary, ok=not found.blocked)
        return
    write(session, (line for action in pending for line in _lines(found, action, with_sql)))
    words = _DONE if is_done else {verb: f"to {verb}" for verb in _SIGNS}
    told = [f"{counts[verb]:,} {word}" for verb, word in words.items() if counts[verb]]
    told += [f"{counts['unchanged']:,} unchanged"] if counts["unchanged"] else []
    told += [f"{counts['blocked']:,} blocked"] if counts["blocked"] else []
    where = f"{found.schema} ({found.dialect})" if found.schema else found.dialect
    say(session, f"{where}: {', '.join(told) or 'no views'}")


def _lines(found: Plan, action: Action, with_sql: bool) -> Iterator[str]:
    sign = "!" if action.blocked else _SIGNS[action.verb]
    where = f"{found.schema}." if found.schema else ""
    why = f"  ({action.why})" if action.why else ""
    word = f"blocked: {action.blocked}" if action.blocked else action.verb
    others = f"  on it stand {', '.join(action.dependents)}" if action.dependents else ""
    yield f"{sign} {word:<9} {where}{action.name}{why}{others}\n"
    if with_sql:
        for statement in (*action.drops, *action.statements):
            yield from (f"    {line}\n" if line else "\n" for line in f"{statement};".split("\n"))


def _as_result(action: Action) -> dict[str, Any]:
    return {
        "name": action.name,
        "action": action.verb,
        "blocked": action.blocked or None,
        "why": action.why or None,
        "kind": action.kind,
        "view": action.view or None,
        "dependents": list(action.dependents),
        "statements": [*action.drops, *action.statements],
    }
