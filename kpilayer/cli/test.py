"""The command ``test``: metric tests on given rows, contracts on the target's data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kpilayer.cli.formats import FAR_TOO_WIDE, plain, rendered, visible
from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import (
    counted,
    data_in_colour,
    issue_values,
    place_values,
    replacing,
    say,
    write,
    write_envelope,
)
from kpilayer.cli.progress import Progress
from kpilayer.cli.select import Wanted, select_flags

if TYPE_CHECKING:
    from kpilayer.verify.outcome import Difference, Kind, Outcome, Status

_KINDS: Final[dict[str, Kind]] = {"metric-tests": "metric_test", "contracts": "contract"}
_COLOURS: Final[dict[Status, str]] = {
    "passed": "green",
    "failed": "red",
    "error": "red",
    "skipped": "yellow",
}
_WORDS: Final[dict[Status, str]] = {
    "passed": "pass",
    "failed": "FAIL",
    "error": "ERROR",
    "skipped": "skip",
}


@command(
    "test",
    examples=(
        "kpilayer test",
        "kpilayer test tag:board                 # of some metrics",
        "kpilayer test --only metric-tests       # no warehouse is needed",
        "kpilayer test -t prod --only contracts --junit contracts.xml",
    ),
)
@select_flags()
@click.option(
    "--only", type=click.Choice(list(_KINDS)), help="Metric tests or contracts, not both."
)
@click.option(
    "--junit",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the outcomes as JUnit XML, too.",
)
@output_flags("table", "json")
@pass_session
def test(session: Session, wanted: Wanted, only: str | None, junit: Path | None) -> int:
    """Run the metric tests and check the contracts.

    Metric tests give rows, ask for the metric, and compare the answer with the rows they expect.
    They run on a DuckDB in memory. Contracts are checked on the data of the target. With SELECT,
    those of the selected metrics.

    What this version cannot compute is skipped. The exit code is 1 where a test failed or could
    not be run.
    """
    project = session.load()
    if wanted.is_given:
        wanted.find(session, project, ("metric",))  # says what matches nothing
    kinds = list(_KINDS.values()) if only is None else [_KINDS[only]]
    with Progress(session, "Testing"):
        found = project.test(wanted.select or None, wanted.exclude, state=wanted.state, kinds=kinds)
    if junit is not None:
        with replacing(junit) as file:
            file.write(as_junit(found, project.name))
    numbers = Counter(outcome.status for outcome in found)
    ok = all(outcome.ok for outcome in found)
    if session.format == "json":
        counts: dict[str, int] = {status: numbers[status] for status in _WORDS}
        summary = {"tests": len(found), **counts}
        write_envelope(session, map(_values, found), summary, ok=ok)
    else:
        colour = data_in_colour(session)
        lines = (line for outcome in found for line in _lines(outcome, colour))
        write(session, lines)
    said = ", ".join(f"{numbers[status]:,} {status}" for status in _WORDS if numbers[status])
    what = "" if only is None else f" ({only.replace('-', ' ')} only)"
    say(session, f"{counted(len(found), 'test')}{what}: {said}" if found else _none(wanted, only))
    return 0 if ok else 1


def _none(wanted: Wanted, only: str | None) -> str:
    what = only.replace("-", " ") if only else "metric tests or contracts"
    return f"The selected metrics have no {what}." if wanted.is_given else f"There are no {what}."


# --------------------------------------------------------------------------------------- for people


def _lines(outcome: Outcome, colour: bool) -> Iterator[str]:
    word = _WORDS[outcome.status].ljust(5)
    if colour:
        word = click.style(word, fg=_COLOURS[outcome.status], bold=not outcome.ok)
    yield f"{word} {visible(f'{outcome.metric}: {outcome.name}')}\n"
    if outcome.status == "passed":
        return
    if outcome.issues:
        for issue in outcome.issues:
            hint = [f"= help: {issue.hint}"] if issue.hint else []
            for line in (issue.message, *hint):
                yield f"      {visible(line)}\n"
    else:
        yield f"      {visible(outcome.message)}\n"
    if outcome.differences:
        for line in _table(outcome.columns, outcome.differences, colour).splitlines():
            yield f"      {line}\n".rstrip() + "\n"
    if outcome.location is not None and not outcome.ok:
        yield f"      {outcome.location}\n"


def _table(columns: Sequence[str], differences: Sequence[Difference], colour: bool) -> str:
    """Rows that differ, expected and actual in one cell where these are two values.

    `~` marks a row with cells that differ, `-` one that is missing, `+` one that nobody expected.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for name in ("", *columns):
        table.add_column(Text(visible(name)), overflow="fold")
    for difference in differences:
        wanted, got = difference.expected, difference.actual
        style = "red" if got is None else "green" if wanted is None else ""
        sign = "-" if got is None else "+" if wanted is None else "~"
        cells = [Text(sign, style=style)]
        for i in range(len(columns)):
            if wanted is not None and got is not None and i in difference.cells:
                cell = Text.assemble((_cell(wanted[i]), "red"), " → ", (_cell(got[i]), "green"))
            else:
                cell = Text(_cell((wanted or got or ())[i]), style=style)
            cells.append(cell)
        table.add_row(*cells)
    note = "~ expected → actual   - expected, missing   + not expected\n"
    return rendered(table, width=FAR_TOO_WIDE, colour=colour) + note


def _cell(value: object) -> str:
    return "NULL" if value is None else visible(plain(value))


# ------------------------------------------------------------------------------------- for programs


def _values(outcome: Outcome) -> dict[str, Any]:
    return {
        "kind": outcome.kind,
        "metric": outcome.metric,
        "name": outcome.name,
        "status": outcome.status,
        "message": outcome.message,
        "location": place_values(outcome.location),
        "columns": outcome.columns,
        "differences": outcome.differences,
        "issues": list(map(issue_values, outcome.issues)),
        "seconds": round(outcome.seconds, 6),
    }


def as_junit(outcomes: Sequence[Outcome], project: str) -> bytes:
    """JUnit's XML, as build servers read it: a suite for each kind, a case for each outcome."""
    from xml.etree import ElementTree as xml

    root = xml.Element("testsuites", {"name": project, **_counts(outcomes)})
    for kind in dict.fromkeys(outcome.kind for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.kind == kind]
        suite = xml.SubElement(root, "testsuite", {"name": kind, **_counts(own)})
        for outcome in own:
            attributes = {
                "classname": outcome.metric,
                "name": _clean(outcome.name),
                "time": f"{outcome.seconds:.3f}",
            }
            if outcome.location is not None:
                attributes |= {"file": outcome.location.path, "line": str(outcome.location.line)}
            case = xml.SubElement(suite, "testcase", attributes)
            if outcome.status == "passed":
                continue
            tag = {"failed": "failure"}.get(outcome.status, outcome.status)
            entry = xml.SubElement(case, tag, {"message": _clean(outcome.message)})
            lines = list(_lines(outcome, colour=False))[1:]
            entry.text = _clean("".join(lines))
    xml.indent(root)
    whole: bytes = xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return whole + b"\n"


def _counts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    numbers = Counter(outcome.status for outcome in outcomes)
    return {
        "tests": str(len(outcomes)),
        "failures": str(numbers["failed"]),
        "errors": str(numbers["error"]),
        "skipped": str(numbers["skipped"]),
        "time": f"{sum(outcome.seconds for outcome in outcomes):.3f}",
    }


def _clean(text: str) -> str:
    """Text without what XML has no character for."""
    return "".join(
        c if c in "\t\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
