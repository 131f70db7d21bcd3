"""Commands for people who write definitions: check, list, show, explain."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import (
    counted,
    data_in_colour,
    data_width,
    issue_values,
    place_values,
    say,
    styled,
    write,
    write_envelope,
    write_rows,
)
from kpilayer.cli.progress import Progress
from kpilayer.cli.question import split_names
from kpilayer.cli.select import Wanted, select_flags
from kpilayer.codes import CODES, Code
from kpilayer.errors import Issue, did_you_mean, sorted_issues

if TYPE_CHECKING:
    from kpilayer.model.definitions import Kind
    from kpilayer.project import Project

# -------------------------------------------------------------------------------------------- check


@command(
    "check",
    examples=(
        "kpilayer check",
        "kpilayer check +revenue         # one metric and what it reads",
        "kpilayer check --live           # keys, joins and types on the data of the target",
        "kpilayer check -f github        # annotations on a pull request",
        "kpilayer check -f json -o problems.json",
    ),
)
@select_flags()
@click.option("--live", is_flag=True, help="Look at the data of the target, too.")
@click.option("--show-values", is_flag=True, help="With --live: name values that are repeated.")
@output_flags("table", "json", "github")
@pass_session
def check(session: Session, wanted: Wanted, live: bool, show_values: bool) -> int:
    """Report every problem of the definitions.

    All files are read, and everything known about them is reported in one run, without a
    connection. Types are checked where kpilayer.lock describes the tables.

    With SELECT, problems of the selected metrics and models and of what they read, and those that
    belong to no definition.

    With --live, the data of the target are looked at as well: whether declared keys are unique and
    foreign keys find their rows, whether versions overlap and time spines have gaps, and whether
    columns and types are still those of kpilayer.lock. Problems are told with counts; values of the
    data are shown only with --show-values.

    The exit code is 1 where there are errors, 0 where there are only warnings.
    """
    if show_values and not live:
        raise click.UsageError("`--show-values` belongs to `--live`.")
    project = session.load()
    # The catalog holds what could be read, also where the rest is wrong.
    sizes = {"metrics": len(project.catalog.metrics), "models": len(project.catalog.models)}
    about, selection = "", None
    if wanted.is_given:
        selection = wanted.find(session, project, ("metric", "model"))
        issues = project.check(selection)
        reads = selection.reads
        sizes = {
            "metrics": sum(("metric", name) in reads for name in project.catalog.metrics),
            "models": sum(("model", name) in reads for name in project.catalog.models),
        }
        about = ", selected or read by what is selected"
    else:
        issues = project.check()
    if live and any(issue.severity == "error" for issue in project.check()):
        say(session, "The data were not looked at: the definitions have errors.")
    elif live:
        with Progress(session, "Looking at the data"):
            data = project.check_live(selection, show_values=show_values)
        issues = tuple(sorted_issues([*issues, *data]))
    found = {level: sum(i.severity == level for i in issues) for level in _LEVELS}
    ok = not found["error"]
    match session.format:
        case "json":
            summary = {**sizes, **{f"{level}s": number for level, number in found.items()}}
            write_envelope(session, map(issue_values, issues), summary, ok=ok)
        case "github":
            write(session, (_annotation(issue, project.root) + "\n" for issue in issues))
        case _:
            texts = [styled(issue) + "\n" for issue in issues]
            if not data_in_colour(session):
                texts = list(map(click.unstyle, texts))
            write(session, texts)
    counts = ", ".join(counted(n, level) for level, n in found.items() if n) or "no problems"
    say(session, f"{_sizes(sizes)}{about}: {counts}")
    return 0 if ok else 1


_LEVELS: Final = ("error", "warning", "notice")


def _sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(counted(number, name.removesuffix("s")) for name, number in sizes.items())


def _annotation(issue: Issue, root: Path) -> str:
    """A GitHub workflow command; its file is relative to the repository, as GitHub wants it."""
    values = {"title": issue.code}
    if issue.location is not None:
        repository = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()
        path = (root / issue.location.path).resolve()
        if path.is_relative_to(repository):
            path = path.relative_to(repository)
        values |= {
            "file": path.as_posix(),
            "line": str(issue.location.line),
            "col": str(issue.location.column),
        }
    text = issue.message + (f"\nhelp: {issue.hint}" if issue.hint else "")
    properties = ",".join(
        f"{name}={_escaped(value, ':,')}" for name, value in sorted(values.items())
    )
    return f"::{issue.severity} {properties}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    for special in "%\r\n" + more:
        text = text.replace(special, f"%{ord(special):02X}")
    return text


# --------------------------------------------------------------------------------------------- list

_COLUMNS: Final = {
    "metrics": ("name", "label", "type", "unit", "status", "group", "description"),
    "models": ("name", "relation", "entities", "dimensions", "metrics", "description"),
    "dimensions": ("name", "type", "grain", "model", "label", "description"),
    "entities": ("name", "type", "model"),
    "saved-queries": ("name", "label", "metrics", "group_by", "exports", "description"),
    "exposures": ("name", "type", "label", "owner", "depends_on", "url"),
    "kpis": ("name", "metric", "kind", "function", "owner", "cadence", "healthy", "status"),
}
_ALL_VALUES: Final = {
    "metrics": (*_COLUMNS["metrics"], "format", "tags", "hidden", "fingerprint", "inputs"),
    "models": _COLUMNS["models"],
    "dimensions": (*_COLUMNS["dimensions"], "fingerprint"),
    "entities": _COLUMNS["entities"],
    "saved-queries": _COLUMNS["saved-queries"],
    "exposures": _COLUMNS["exposures"],
    "kpis": (*_COLUMNS["kpis"], "label", "direction", "supports"),
}
_NARROWED: Final = ("dimensions", "entities")  # by -m


@command(
    "list",
    examples=(
        "kpilayer list",
        "kpilayer list dimensions -m revenue,orders     # what both can be grouped by",
        "kpilayer list -s 'tag:board,type:ratio' --exclude status:draft",
        "kpilayer list -s state:modified+ --state git:main",
        "kpilayer list metrics -f json",
    ),
)
@click.argument("kind", type=click.Choice(list(_COLUMNS)), default="metrics")
@click.option(
    "-m", "--metrics", multiple=True, metavar="A,B", help="What these metrics have in common."
)
@click.option("--all", "everything", is_flag=True, help="Hidden metrics too.")
@select_flags(as_flag=True)
@output_flags("table", "csv", "json", "jsonl", "markdown", piped="csv")
@pass_session
def list_(
    session: Session, kind: str, metrics: Sequence[str], everything: bool, wanted: Wanted
) -> None:
    """List definitions of one kind.

    With -m, dimensions and entities are those that all the given metrics can be grouped by. With
    -s, metrics and models are those of the selection.
    """
    asked = [name for text in metrics for name in split_names(text)]
    if asked and kind not in _NARROWED:
        instead = ": use `-s`." if kind in ("metrics", "models") else "."
        raise click.UsageError(f"`-m` narrows dimensions and entities, not {kind}{instead}")
    if wanted.is_given and kind not in ("metrics", "models"):
        instead = ": use `-m`." if kind in _NARROWED else "."
        raise click.UsageError(f"`-s` selects metrics and models, not {kind}{instead}")
    project = session.load()
    found: Sequence[Any]
    match kind:
        case "metrics":
            found = _selected(session, project, wanted, "metric")
            shown = [metric for metric in found if everything or not metric.hidden]
            if found and not shown:
                say(session, "All of these metrics are hidden: show them with `--all`.")
            found = shown
        case "models":
            found = _selected(session, project, wanted, "model")
        case "dimensions":
            found = project.dimensions(asked)
        case "entities":
            found = project.entities(asked)
        case "saved-queries":
            found = project.saved_queries
        case "kpis":
            found = project.kpis
        case _:
            found = project.exposures
    columns = _COLUMNS[kind]
    write_rows(
        session,
        columns,
        [[_cell(getattr(one, name)) for name in columns] for one in found],
        results=[_values(one, _ALL_VALUES[kind]) for one in found],
        summary={"kind": kind, "count": len(found)},
    )
    if not found and not wanted.is_given:
        say(session, f"There are no {kind.replace('-', ' ')}.")


def _selected(session: Session, project: Project, wanted: Wanted, kind: Kind) -> Sequence[Any]:
    """Metrics or models of the selection, or all of them."""
    known = project.metrics if kind == "metric" else project.models
    if not wanted.is_given:
        return known
    selection = wanted.find(session, project, (kind,))
    names = {*selection.metrics, *selection.models}
    return [one for one in known if one.name in names]


def _cell(value: object) -> object:
    """Several names share a cell, separated as ``-m`` and ``-g`` take them."""
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else value


def _values(one: Any, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(one, name) for name in names}
    if hasattr(one, "location"):
        values["location"] = place_values(one.location)
    return values


# --------------------------------------------------------------------------------------------- show


@command("show", examples=("kpilayer show revenue", "kpilayer show account__segment -f json"))
@click.argument("name")
@output_flags("table", "json")
@pass_session
def show(session: Session, name: str) -> None:
    """Show one metric, model or dimension.

    Its definition, where it stands, what it is computed from and what it can be grouped by.
    """
    found = session.load().describe(name)
    if session.format == "json":
        write_envelope(session, [found], {"kind": found.get("kind"), "name": name})
        return
    from kpilayer.cli.card import card

    write(session, card(found, width=data_width(session), colour=data_in_colour(session)))


# ------------------------------------------------------------------------------------------ explain


@command("explain", examples=("kpilayer explain fan-out-join", "kpilayer explain"))
@click.argument("code", required=False)
@output_flags("table", "json")
@pass_session
def explain(session: Session, code: str | None) -> None:
    """Explain the code of a problem.

    What it means, why it matters, and the way out. Without a code, all of them are listed.
    """
    known = {**CODES, **_rules()}
    if code is not None and code not in known:
        hint = did_you_mean(code, known) or "`kpilayer explain` lists all codes"
        raise click.UsageError(f"There is no code `{code}`; {hint}")
    chosen = known if code is None else {code: known[code]}
    if session.format == "json":
        results = [
            {"code": name, "title": text.title, "why": text.why, "instead": text.instead}
            for name, text in chosen.items()
        ]
        write_envelope(session, results, {"count": len(results)})
    elif code is None:
        write_rows(session, ("code", "meaning"), [(n, t.title) for n, t in known.items()])
    else:
        text = known[code]
        parts = (f"{code}: {text.title}", f"Why: {text.why}", f"Instead: {text.instead}")
        write(session, "\n\n".join(click.wrap_text(part, 96) for part in parts) + "\n")


def _rules() -> dict[str, Code]:
    """The rules by which `diff` tells what an edit is, as codes are told."""
    from kpilayer.change.rules import RULES

    advice = {
        "cosmetic": "Nothing: it is counted, and not asked about.",
        "governance": "Have the group that owns it agree.",
        "added": "Nothing: what was asked before gives what it gave.",
        "value": "Look at the rows that tell the two apart, at `diff --values`, and ask its owner.",
        "interface": "Keep the old name or column for a while, with a `sunset`.",
    }
    return {
        name: Code(f"{rule.title} Class of the change: {rule.level}.", rule.why, advice[rule.level])
        for name, rule in RULES.items()
    }
