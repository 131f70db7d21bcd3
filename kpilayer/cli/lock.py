"""The command ``lock``: types of columns, written down for checks to use."""

from __future__ import annotations

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import counted, say, write, write_envelope
from kpilayer.cli.progress import Progress


@command(
    "lock",
    examples=(
        "kpilayer lock",
        "kpilayer lock --check      # in CI",
        "kpilayer lock --from-dbt   # no connection: what `dbt docs generate` has written",
    ),
)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 where stale.")
@click.option(
    "--from-dbt",
    "catalog",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    help="Take columns from dbt's catalog.json, not from the warehouse.",
)
@output_flags("table", "json")
@pass_session
def lock(session: Session, only_check: bool, catalog: str | None) -> int:
    """Write down column types for checks to use.

    Reads columns, types and keys of every relation from the warehouse into kpilayer.lock. With
    that file committed, `kpilayer check` finds unknown columns and wrong types without a
    connection. dbt's catalog.json has columns and types, but neither keys nor what may be NULL.
    """
    project = session.load()
    with Progress(session, "Reading columns"):
        if catalog is None:
            report = project.lock(check=only_check)
        else:
            report = project.lock_from_dbt(catalog or None, check=only_check)
    changes = {"added": report.added, "removed": report.removed, "modified": report.modified}
    stale = only_check and report.changed
    if session.format == "json":
        results = [
            {"relation": relation, "change": change}
            for change, relations in changes.items()
            for relation in relations
        ]
        summary = {
            "path": str(report.path),
            "changed": report.changed,
            **{change: len(relations) for change, relations in changes.items()},
        }
        write_envelope(session, results, summary, ok=not stale)
    else:
        signs = {"added": "+", "removed": "-", "modified": "~"}
        write(session, (f"{signs[c]} {name}\n" for c, names in changes.items() for name in names))
    if report.missing:
        number = counted(len(report.missing), "relation")
        say(session, f"{number} not in dbt's catalog: {', '.join(report.missing)}")
    said = ", ".join(f"{len(names)} {change}" for change, names in changes.items() if names)
    if not report.changed:
        say(session, f"{report.path.name} is up to date")
    elif only_check:
        say(session, f"{report.path.name} is stale: {said or 'its text differs'}")
        say(session, "Run `kpilayer lock`, review the difference and commit it.")
    else:
        number = counted(sum(map(len, changes.values())), "relation")
        say(session, f"{report.path.name} written: {said or number}")
    return 1 if stale else 0
