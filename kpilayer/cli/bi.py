"""The command ``bi``: published views as datasets of a BI tool."""

from __future__ import annotations

import os

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import counted, issue_values, say, show_issues, write_envelope, write_rows
from kpilayer.cli.progress import Progress
from kpilayer.errors import ConfigError, Issue

_SIGNS = {"created": "+", "updated": "~", "unchanged": "=", "failed": "!"}


@command(
    "bi",
    examples=(
        "kpilayer bi push superset --url https://bi.example.com --database warehouse",
        "kpilayer bi push superset --dry-run      # address and database from the environment",
        "kpilayer bi push superset orders_monthly",
    ),
)
@click.argument("what", type=click.Choice(["push"]))
@click.argument("tool", type=click.Choice(["superset"]))
@click.argument("views", nargs=-1, metavar="[VIEW]...")
@click.option("--url", envvar="SUPERSET_URL", metavar="URL", help="Its address.  [SUPERSET_URL]")
@click.option(
    "--database",
    envvar="SUPERSET_DATABASE",
    metavar="NAME",
    help="The warehouse, as it is called there.  [SUPERSET_DATABASE]",
)
@click.option("--schema", metavar="NAME", help="The schema of the views, as of `publish`.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@output_flags("table", "json")
@pass_session
def bi(
    session: Session,
    what: str,
    tool: str,
    views: tuple[str, ...],
    url: str | None,
    database: str | None,
    schema: str | None,
    dry_run: bool,
) -> int:
    """Push published views to a BI tool.

    Each view becomes a dataset of Superset, with a metric for each metric: the expression that
    rolls it up, or a guard that gives NULL where rows would be put together that cannot be.
    Descriptions, formats and certificates come along. What people made there stays; a second push
    changes nothing.

    Without names, the views that are declared are pushed. Who pushes is told by SUPERSET_USERNAME
    and SUPERSET_PASSWORD, or by an access token in SUPERSET_TOKEN.
    """
    from kpilayer.interop.superset.dataset import Server

    missing = [flag for flag, value in (("--url", url), ("--database", database)) if not value]
    if missing or url is None or database is None:
        message = f"Superset is not named: {' and '.join(missing)} missing"
        hint = "pass them, or set SUPERSET_URL and SUPERSET_DATABASE"
        raise ConfigError(Issue("bi-unreachable", message, hint=hint))
    told = {key: os.environ.get(f"SUPERSET_{key.upper()}") for key in _LOGIN}
    server = Server(url, database, told["username"], told["password"], told["token"])
    project = session.load()
    with Progress(session, "Pushing"):
        done = project.push_to_superset(server, views, schema=schema, dry_run=dry_run)
    failed = [one for one in done if one.action == "failed"]
    show_issues(issue for one in failed for issue in one.issues)
    counts = {action: sum(one.action == action for one in done) for action in _SIGNS}
    results = [
        {
            "dataset": one.dataset,
            "action": one.action,
            "changes": list(one.changes),
            "link": one.link,
            "issues": [issue_values(issue) for issue in one.issues],
        }
        for one in done
    ]
    if session.format == "json":
        write_envelope(session, results, {**counts, "dry_run": dry_run}, ok=not failed)
    else:
        rows = [(one.dataset, one.action, "; ".join(one.changes), one.link or "") for one in done]
        write_rows(session, ("dataset", "action", "changes", "link"), rows)
    words = ", ".join(f"{number} {action}" for action, number in counts.items() if number)
    say(session, f"{counted(len(done), 'dataset')}: {words or 'none'}")
    return 1 if failed else 0


_LOGIN = ("username", "password", "token")
