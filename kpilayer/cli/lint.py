"""The command ``lint``: advice on KPIs."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import (
    counted,
    data_in_colour,
    say,
    styled,
    write,
    write_report,
    write_rows,
)
from kpilayer.errors import Severity


@command(
    "lint",
    examples=(
        "kpilayer lint",
        "kpilayer lint --fail-on warning",
        "kpilayer lint --select kpi-no-guardrail,kpi-orphan",
        "kpilayer lint -f github         # annotations on a pull request",
        "kpilayer lint --data            # ask the warehouse whether driver trees add up",
        "kpilayer lint --smart           # KPIs by letter, and what the next level needs",
    ),
)
@click.option("--select", "codes", multiple=True, metavar="RULE,..", help="Only these rules.")
@click.option("--fail-on", type=click.Choice(["notice", "warning", "error"]), default="error",
              show_default=True, help="The severity from which on it fails.")  # fmt: skip
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The day by which dates are judged.")  # fmt: skip
@click.option("--data", is_flag=True, help="Ask the warehouse whether driver trees add up.")
@click.option("--smart", is_flag=True,
              help="KPIs by the letters of SMART and by level, in place of advice.")  # fmt: skip
@output_flags("table", "markdown", "json", "github", "sarif", "junit")
@pass_session
def lint(
    session: Session,
    codes: tuple[str, ...],
    fail_on: Severity,
    today: datetime | None,
    data: bool,
    smart: bool,
) -> int:
    """Advise on KPIs: owners, ranges, guardrails.

    Each rule says what it found and what to do instead; `kpilayer explain RULE` says why. A KPI
    ignores one by `lint_ignore`, with a reason. Rules about what KPIs did look at the history that
    `kpilayer health` records; where that is too short, they are told as not checked. With
    `--smart`, the same rules by letter: ● stands, ■ does not, ○ was not checked as a whole; it
    never fails.
    """
    asked = [code.strip() for text in codes for code in text.split(",") if code.strip()]
    day = None if today is None else today.date()
    if smart:
        return _smart(session, day, bool(codes), data)
    found = session.load().lint(asked, today=day, fail_on=fail_on, data=data)
    if not write_report(session, found, "findings", ok=not found.fails):
        shown = styled if data_in_colour(session) else str
        write(session, "".join(f"{shown(issue)}\n" for issue in found.issues))
        told = counted(len(found.new), "finding") if found.new else "nothing to say"
        ignored = len(found.findings) - len(found.new)
        more = f", {ignored} ignored" if ignored else ""
        say(session, f"{counted(found.kpis, 'KPI')}, {counted(found.rules, 'rule')}: {told}{more}")
        if found.unchecked:
            say(session, found.unchecked_line)
    return 1 if found.fails else 0


def _smart(session: Session, day: date | None, has_rules: bool, data: bool) -> int:
    """Prints KPIs by letter; every rule takes part."""
    if has_rules:
        raise click.UsageError("`--smart` asks every rule: leave out `--select`")
    if session.format in ("github", "sarif", "junit"):
        raise click.UsageError(f"`--smart` has no form for {session.format}")
    found = session.load().grades(today=day, data=data)
    levels = Counter(one.level for one in found.found)
    summary = {level: levels[level] for level in ("none", "bronze", "silver", "gold")}
    write_rows(session, found.columns, found.rows, summary=summary, results=found.as_json())
    return 0
