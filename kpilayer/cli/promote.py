"""The command ``init kpi``: the gate that a metric goes through to become a KPI."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final, cast

import click

from kpilayer.cli.library import is_terminal
from kpilayer.cli.options import Session, command, pass_session
from kpilayer.cli.output import say, show_issues, write
from kpilayer.errors import KpilayerError, did_you_mean, listing

if TYPE_CHECKING:
    from kpilayer.kpi.promotion import Contract
    from kpilayer.model.kpi import Bounds, Kpi
    from kpilayer.project import Project

DIRECTIONS: Final = ("higher", "lower", "range")
CADENCES: Final = ("daily", "weekly", "monthly", "quarterly", "yearly")
KINDS: Final = ("north_star", "supporting", "operational")
_SAID: Final = ("kind", "function", "direction", "cadence")
#: What is asked of a KPI that has no draft, and what can be answered; a metric is one there is.
_QUESTIONS: Final[dict[str, tuple[str, Sequence[str]]]] = {
    "metric": ("Which metric is it about?", ()),
    "direction": ("Is more better (higher), less (lower), or a range?", DIRECTIONS),
    "cadence": ("How often is it judged?", CADENCES),
    "kind": ("Is it a north_star, supporting or operational?", KINDS),
    "function": ("Which function of the company is it of?", ("",)),
}


@dataclass
class _Gate:
    """What is asked, of options first and then of whoever sits at the terminal.

    ``open`` are the questions without an answer.
    """

    session: Session
    given: dict[str, Any]
    open: list[str] = field(default_factory=list)

    def answer(
        self,
        key: str,
        question: str,
        default: str | None = None,
        why_not: Callable[[str], str | None] = lambda _: None,
    ) -> str | None:
        """The answer to one question; None where nobody gives any."""
        said = self.given.get(key)
        if said is not None:
            if (wrong := why_not(str(said))) is not None:
                raise click.UsageError(f"`--{key} {said}`: {wrong}.")
            return str(said)
        if not is_terminal():
            if default is None:
                self.open.append(f"--{key}")
            return default
        while not self.open:  # one that is left open ends the questions
            text: str = click.prompt(
                question, default=default or "", show_default=default is not None, err=True
            ).strip()
            if not text:
                self.open.append(f"--{key}")
            elif (wrong := why_not(text)) is not None:
                say(self.session, f"{wrong}.")
            else:
                return text
        return None

    def agreed(self, key: str, text: str) -> str:
        """What a draft says already, which an option may repeat and not change."""
        said = self.given.get(key)
        if said not in (None, text):
            raise click.UsageError(f"The draft says `{key}: {text}`: change it where it stands.")
        return text


@command(
    "kpi",
    examples=(
        "kpilayer init kpi mrr",
        "kpilayer init kpi fcr --owner support --person support-lead@example.com --min 0.8 \\",
        "  --action 'Lead fixes the top three macros' --within 5d --cadence weekly",
    ),
)
@click.argument("name")
@click.option("--owner", metavar="GROUP", help="The group that owns it.")
@click.option("--person", metavar="WHO", help="Who is accountable now: a role or an address.")
@click.option("--metric", metavar="METRIC", help="The metric, where it is called otherwise.")
@click.option("--direction", type=click.Choice(DIRECTIONS), help="Which way is better.")
@click.option("--cadence", type=click.Choice(CADENCES), help="How often it is judged.")
@click.option("--min", "least", type=float, metavar="N", help="The smallest healthy value.")
@click.option("--max", "most", type=float, metavar="N", help="The largest healthy value.")
@click.option("--action", metavar="TEXT", help="What is done at a breach.")
@click.option("--within", metavar="SPAN", help="Within which time: 24h, 5d, 2w.")
@click.option("--kind", type=click.Choice(KINDS), help="What it is in the hierarchy.")
@click.option("--function", metavar="NAME", help="The function of the company.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The day before which periods are closed.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print what would be written.")
@pass_session
def kpi(
    session: Session, /, name: str, least: float | None, most: float | None, as_of: Any,
    dry_run: bool, **said: str | None,
) -> int:  # fmt: skip
    """Make a KPI of a metric: who acts on it, doing what, when.

    Asks "If this number drifted, who would act, doing what, within which window?", one question at
    a time, of those that no option answers. A healthy range is suggested from the metric's own
    closed periods, where they can be asked; it is never made up. Without an answer nothing is
    written: it stays a metric of a dashboard, free to query, without a status or an alert, and the
    exit code is 1.

    A KPI of nine lines is written to a file of its own. A draft of that name, as `library add`
    makes them, is filled in where it stands.
    """
    from kpilayer.kpi.promotion import QUESTION, STAYS

    project = session.load()
    draft = project.draft_of(name)
    gate = _Gate(session, said)
    if is_terminal():
        say(session, QUESTION.format(name=name))
    contract = _contract(gate, project, name, draft, (least, most), as_of and as_of.date())
    if contract is None:
        say(session, f"{STAYS.format(name=name)}.")
        say(session, f"No answer to: {', '.join(gate.open)}")
        return 1
    path, text = project.promote(contract, write=not dry_run)
    write(session, f"# {path}\n{text}" if dry_run else f"{path}\n")
    if contract.group not in {one.name for one in project.catalog.definitions.groups}:
        say(session, f"There is no group `{contract.group}` yet: it belongs under `groups:`")
    if not dry_run:
        say(session, f"`{name}` is a draft: `status: proposed` has it judged by `kpilayer health`")
    return 0


def _contract(
    gate: _Gate,
    project: Project,
    name: str,
    draft: Kpi | None,
    bounds: tuple[float | None, float | None],
    today: date | None,
) -> Contract | None:
    from kpilayer.kpi.promotion import Contract
    from kpilayer.library.entries import library

    metrics = project.catalog.metrics
    shipped = library().kpis.get(name)
    usual: dict[str, str | None] = {"kind": "supporting"}
    if shipped is not None:
        usual = {key: getattr(shipped, key) for key in _SAID}
    usual["metric"] = name if name in metrics else None
    groups = [group.name for group in project.catalog.definitions.groups]
    group = gate.answer("owner", "Who would act: which group owns it?", None, _one_of(groups))
    person = gate.answer("person", "Who is accountable now?")
    told: dict[str, str | None] = {}
    for key, (question, known) in _QUESTIONS.items():
        if draft is not None:
            told[key] = gate.agreed(key, str(getattr(draft, key)))
            continue
        if key == "function" and usual.get("function") is None and told["metric"] is not None:
            usual["function"] = metrics[told["metric"]].config.group
        told[key] = gate.answer(key, question, usual.get(key), _one_of(known or [*metrics]))
    needed = (told["metric"], told["cadence"], told["direction"])
    if None in needed or (gate.open and is_terminal()):
        return None
    said = {key: str(text) for key, text in told.items()}
    known_range = draft.health.healthy if draft is not None else None
    healthy = _healthy(gate, project, said, bounds, today, known_range)
    action = gate.answer("action", "Doing what, at a breach?", None, _no_action)
    within = gate.answer("within", "Within which window (24h, 5d, 2w)?", None, _no_span)
    if gate.open or healthy is None:
        return None
    return Contract(
        name=name, metric=said["metric"], kind=said["kind"], function=said["function"],
        group=str(group), person=str(person), direction=cast(Any, said["direction"]),
        cadence=cast(Any, said["cadence"]), healthy=healthy, action=str(action),
        within=str(within),
    )  # fmt: skip


def _healthy(
    gate: _Gate,
    project: Project,
    said: dict[str, str],
    bounds: tuple[float | None, float | None],
    today: date | None,
    known: Bounds | None,
) -> Bounds | None:
    """The healthy range: as options or answers give it; suggested, and never taken unasked."""
    from kpilayer.model.kpi import Bounds

    metric, cadence, direction = said["metric"], said["cadence"], said["direction"]
    least, most = bounds
    if least is not None or most is not None:
        return Bounds(min=least, max=most)
    suggested = known
    try:
        usual = project.usual(metric, cast(Any, cadence), cast(Any, direction), as_of=today)
        suggested = usual.healthy or known
        where = f"{usual.healthy.in_words}, the {usual.how}" if usual.healthy else usual.how
        say(gate.session, f"Where `{metric}` was: {where}")
    except KpilayerError as error:
        say(gate.session, f"No range can be suggested, since `{metric}` cannot be asked here:")
        show_issues(error.issues)
    found: dict[str, float] = {}
    for key, side in (("min", "smallest"), ("max", "largest")):
        if direction == {"min": "lower", "max": "higher"}[key]:
            continue
        default = getattr(suggested, key) if suggested is not None and is_terminal() else None
        text = gate.answer(
            key,
            f"What is the {side} healthy value?",
            None if default is None else f"{default:g}",
            _no_number,
        )
        if text is not None:
            found[key] = float(text)
    return Bounds(**found) if found else None


def _one_of(known: Sequence[str]) -> Callable[[str], str | None]:
    def why_not(text: str) -> str | None:
        if not known or text in known or "" in known:
            return None
        return f"there is no `{text}`; {did_you_mean(text, known) or f'there is {listing(known)}'}"

    return why_not


def _no_action(text: str) -> str | None:
    from kpilayer.kpi.lint.contract import is_no_action

    if is_no_action(text):
        return "that is no action: what is done that would not be done anyway?"
    return "write it without `{{`, `{%` and `{#`" if re.search(r"\{[{%#]", text) else None


def _no_span(text: str) -> str | None:
    from kpilayer.model.kpi_parts import is_span

    return None if is_span(text) else "write hours, days or weeks: `24h`, `3d`, `2w`"


def _no_number(text: str) -> str | None:
    try:
        return None if abs(float(text)) < float("inf") else "that is no amount"
    except ValueError:
        return "that is no number"
