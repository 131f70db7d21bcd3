"""The commands ``diff``, ``impact`` and ``history``: what changes do, would reach, have done."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import (
    data_in_colour,
    say,
    show_issues,
    write,
    write_report,
    write_rows,
)
from kpilayer.cli.progress import Progress

if TYPE_CHECKING:
    from kpilayer.change.history import Event
    from kpilayer.change.reach import Reach
    from kpilayer.reviewing import Diff

#: `kpilayer.change.rules.LEVELS`, which `--help` must not import.
_LEVELS: Final = ("cosmetic", "equivalent", "governance", "added", "unproven", "value", "interface")
_FORMATS: Final = ("table", "markdown", "json", "github", "sarif", "junit")
_COLOURS: Final = {
    "INTERFACE": "red",
    "VALUE": "yellow",
    "UNPROVEN": "yellow",
    "ADDED": "blue",
    "GOVERNANCE": "magenta",
    "EQUIVALENT": "green",
    "COSMETIC": "bright_black",
}


def _share(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    from kpilayer.change.sample import read_share

    try:
        return None if value is None else read_share(value)
    except ValueError:
        message = f"`{value}` is no share: write `1%`, or `0.01`; 0.002% at least"
        raise click.BadParameter(message, ctx, param) from None


@command(
    "diff",
    examples=(
        "kpilayer diff                       # since this branch left main, uncommitted work too",
        "kpilayer diff main... HEAD          # between commits, the checkout stays as it is",
        "kpilayer diff -f markdown -o c.md   # one comment for a pull request",
        "kpilayer diff --fail-on value       # in CI",
        "kpilayer diff --values              # and by how much, on the target's data",
    ),
)
@click.argument("base", required=False)
@click.argument("head", required=False)
@click.option("--fail-on", type=click.Choice(_LEVELS), metavar="CLASS",
              help="Exit 1 where a change of this class, or worse, is not approved.")  # fmt: skip
@click.option("--trials", type=click.IntRange(0, 100_000), default=300, show_default=True,
              help="How many made-up databases a changed metric is tried on.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Where trials begin.")
@click.option("--no-prove", is_flag=True, help="Leave out proofs: faster, and more is unproven.")
@click.option("--dialect", "dialects", multiple=True, metavar="NAME",
              help="Prove for the SQL of this dialect as well; may repeat.")  # fmt: skip
@click.option("--reviews", type=click.Path(path_type=Path), metavar="FILE",
              help="Reviews of the pull request, as GitHub's API lists them (JSON).")  # fmt: skip
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The day by which deprecations and approvals are judged.")  # fmt: skip
@click.option("--write", "also", multiple=True, metavar="FORMAT=FILE",
              help="Write the same in this format too; may repeat.")  # fmt: skip
@click.option("--values", "with_values", is_flag=True,
              help="Ask the target's data how much numbers change.")  # fmt: skip
@click.option("--periods", type=click.IntRange(1, 1_000), default=13, show_default=True,
              help="With --values: how many closed periods, the last ones.")  # fmt: skip
@click.option("--grain", default="month", show_default=True, metavar="GRAIN",
              help="With --values: which periods.")  # fmt: skip
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="With --values: the day in the open period; today if not said.")  # fmt: skip
@click.option("--min-rows", type=click.IntRange(1), default=10, show_default=True,
              help="With --values: slices of fewer rows are shown together.")  # fmt: skip
@click.option("--sample", callback=_share, metavar="SHARE",
              help="With --values: look at a share of all keys, `1%`: estimates.")  # fmt: skip
@click.option("--sample-by", metavar="ENTITY",
              help="With --sample: whose keys; the primary entity if not said.")  # fmt: skip
@output_flags(*_FORMATS)
@pass_session
def diff(
    session: Session,
    base: str | None,
    head: str | None,
    fail_on: str | None,
    trials: int,
    seed: int,
    no_prove: bool,
    dialects: tuple[str, ...],
    reviews: Path | None,
    today: object,
    also: tuple[str, ...],
    with_values: bool,
    periods: int,
    grain: str,
    as_of: object,
    min_rows: int,
    sample: float | None,
    sample_by: str | None,
) -> int:
    """Show what a change of definitions does, before it merges.

    BASE and HEAD are git references, `REF...` (where HEAD left it), or folders; without them, this
    branch since it left the main one. Every change gets a class, from cosmetic to interface: a
    rewrite is equivalent only if it is proved, and rows that tell two definitions apart are shown.
    With --values, both definitions are asked of the target's data, for the last closed periods and
    the values of what a changed condition names. Exit 1 where it may not merge: approvals are
    missing, or policy says no; 3 where the warehouse refuses a question of --values.
    """
    from kpilayer.change.evidence import Effort
    from kpilayer.change.values import ValuesAsked

    files = dict(_file(one) for one in also)
    project = session.load()
    effort = Effort(trials, seed, ("duckdb", *dialects), not no_prove)
    values = ValuesAsked(periods, grain, _day(as_of), min_rows, sample, sample_by)
    with Progress(session, "Comparing") as progress:
        found = project.diff(
            base,
            head,
            effort=effort,
            fail_on=fail_on,  # type: ignore[arg-type]
            reviews=reviews,
            today=_day(today),
            values=values if with_values else None,
            on_step=lambda name, number, count: progress(f"Comparing {name}", number / count),
        )
    _write(session, found)
    for path, format in files.items():
        _write(replace(session, output=path, format=format), found)
    for doubt in (*found.review.changes.base.doubts, *found.review.changes.head.doubts):
        say(session, f"warning: {doubt}")
    if found.review.values is not None and found.review.values.warehouse_failed:
        return 3
    return 1 if found.review.fails else 0


def _file(text: str) -> tuple[Path, str]:
    """The file and format of `--write`."""
    format, _, path = text.partition("=")
    if format not in _FORMATS or not path:
        raise click.UsageError(
            f"`--write {text}`: write FORMAT=FILE; formats: {', '.join(_FORMATS)}"
        )
    return Path(path), format


def _day(moment: object) -> date | None:
    return moment.date() if isinstance(moment, datetime) else None


def _write(session: Session, found: Diff) -> None:
    if write_report(session, found, "changes", ok=not found.review.fails):
        return
    from kpilayer.change.text import text

    shown = text(found.review, verbose=session.verbose > 0)
    write(session, _coloured(shown) if data_in_colour(session) else shown)
    if session.output is None:
        show_issues(found.findings)


def _coloured(text: str) -> str:
    """The class at the start of a line in its colour."""
    pattern = re.compile(rf"^({'|'.join(_COLOURS)})\b", re.MULTILINE)
    return pattern.sub(lambda m: click.style(m[1], fg=_COLOURS[m[1]], bold=True), text)


@command(
    "impact",
    examples=("kpilayer impact revenue", "kpilayer impact orders.status -f json"),
)
@click.argument("name")
@output_flags("table", "json", "markdown", "csv")
@pass_session
def impact(session: Session, name: str) -> None:
    """Show whom a definition reaches, and whom to ask.

    NAME is a metric, a model or a dimension (`orders.status`): every metric that reads it, directly
    or through others, with the views, saved queries and exposures that show them. Where a metric
    and a model have one name, `model:NAME` is the model.
    """
    found = session.load().impact(name)
    columns = ("name", "kind", "direct", "owner", "KPIs", "views", "saved queries", "exposures")
    rows: list[tuple[object, ...]] = [
        (found.subject[1], found.subject[0], "", found.owner or "", *_shown_in(found.own)),
        *(
            (one.name, one.kind, one.direct, one.owner or "", *_shown_in(one.reach))
            for one in found.readers
        ),
    ]
    summary = {"owners": list(found.owners), "people": list(found.reach.people)}
    results = [
        dict(zip((c.replace(" ", "_").lower() for c in columns), row, strict=True)) for row in rows
    ]
    write_rows(session, columns, rows, results=results, summary=summary)
    if found.owners:
        say(session, f"Ask {', '.join(found.owners)}")


def _shown_in(reach: Reach) -> tuple[str, ...]:
    shown = (reach.kpis, reach.views, reach.saved_queries, reach.exposures)
    return tuple(map(", ".join, shown))


@command(
    "history",
    examples=(
        "kpilayer history revenue            # every meaning that it ever had",
        "kpilayer history --since v1.2 -f markdown   # a changelog",
    ),
)
@click.argument("metric", required=False)
@click.option("--since", metavar="REF", help="Only what came after this reference of git.")
@click.option("--until", metavar="REF", default="HEAD", help="The last commit: HEAD if not said.")
@click.option("--trials", type=click.IntRange(0, 100_000), default=60, show_default=True,
              help="How many made-up databases a changed metric is tried on.")  # fmt: skip
@output_flags("table", "markdown", "json", "csv", "jsonl")
@pass_session
def history(
    session: Session, metric: str | None, since: str | None, until: str, trials: int
) -> int:
    """Show every meaning that a metric ever had, from git.

    When it changed, by which commit, from which fingerprint to which, in what, and who approved:
    by a line `Approved-by:` or `Reviewed-by:` of the commit, or in approvals.yml. Without METRIC,
    a changelog of all definitions.
    """
    from kpilayer.change.evidence import Effort

    project = session.load()
    name = metric.lower() if metric is not None else None
    with Progress(session, "Reading commits"):
        events = project.history(name, since=since, until=until, effort=Effort(trials))
    columns = ("date", "commit", "author", "definition", "class", "changed", "fingerprint",
               "approved by")  # fmt: skip
    rows = [_event_row(event) for event in events]
    results = [dict(zip((c.replace(" ", "_") for c in columns), row, strict=True)) for row in rows]
    write_rows(session, columns, rows, results=results, summary={"count": len(rows)})
    return 0


def _event_row(event: Event) -> tuple[str, ...]:
    from kpilayer.change.text import plain
    from kpilayer.change.words import what_changed

    commit, change = event.commit, event.change
    told = (commit.at.date().isoformat(), commit.id[:7], commit.author)
    if change is None:
        return (*told, "", "", f"not read: {event.problem}", "", "")
    changed = plain(what_changed(change))
    return (
        *told,
        change.name if change.kind == "metric" else f"{change.kind} {change.name}",
        change.level,
        changed,
        change.fingerprints[1] or "",
        ", ".join(event.approved_by),
    )
