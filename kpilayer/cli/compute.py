"""Commands that compute: compile, query, debug."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from kpilayer.cli.options import Session, command, output_flags, pass_session
from kpilayer.cli.output import (
    counted,
    issue_values,
    nearby,
    say,
    show_issues,
    write,
    write_each,
    write_envelope,
    write_parquet,
    write_rows,
)
from kpilayer.cli.progress import Progress
from kpilayer.cli.question import Question, query_flags
from kpilayer.cli.select import Wanted, select_flags
from kpilayer.errors import Issue, QueryError

if TYPE_CHECKING:
    from kpilayer.project import Project
    from kpilayer.sql.compiled import Compiled

# ------------------------------------------------------------------------------------------ compile


@command(
    "compile",
    examples=(
        "kpilayer compile -m revenue -g metric_time__month,account__segment",
        "kpilayer compile -m revenue --stage plan",
        "kpilayer compile -m revenue --dialect postgres -o revenue.sql",
        "kpilayer compile tag:board -g metric_time__month -o sql   # a file each, in sql/",
        "kpilayer compile                               # every metric, to target/kpilayer/",
    ),
)
@select_flags()
@query_flags
@output_flags("sql", "json")
@pass_session
def compile_(session: Session, question: Question, wanted: Wanted) -> None:
    """Print the SQL of a query, or write that of every metric.

    With query flags the SQL goes to stdout. With SELECT, each selected metric is compiled by
    itself, with the same flags; -o then names a folder that gets one file per metric, or a file if
    it has a suffix. Without either, each metric is compiled into target/kpilayer/, beside a
    manifest.json that lists them. Nothing is run.
    """
    if wanted.is_given and question.metrics:
        raise click.UsageError("Name metrics by SELECT, each by itself, or with `-m`, together.")
    from kpilayer.artefacts import left_out

    project = session.load()
    if wanted.is_given:
        _print_each(session, project, wanted, question)
        return
    if not question.is_empty:
        print_compiled(session, project, question)
        return
    if session.output is not None or question.stage is not None:
        raise click.UsageError("`-o` and `--stage` need a query: name metrics with `-m`.")
    dialects = [question.dialect] if question.dialect else None
    with Progress(session, "Compiling"):
        files = project.compile_all(dialects=dialects, unverified=question.unverified)
        manifest = project.write_compiled(files=files)
    if session.format == "json":
        results = [{"path": str(file.path)} for file in files]
        write_envelope(session, results, {"files": len(files), "manifest": str(manifest)})
    say(session, f"{counted(len(files), 'file')} written, listed in {nearby(manifest)}")
    for dialect, names in left_out(files).items():
        what = f"{counted(len(names), 'metric')} that cannot be computed on {dialect}"
        say(session, f"Left out {what}, for the reasons in the manifest: {', '.join(names)}")


def _print_each(session: Session, project: Project, wanted: Wanted, question: Question) -> None:
    """The selected metrics one by one: all of them, or none and why not."""
    names = wanted.find(session, project, ("metric",)).metrics
    with Progress(session, "Compiling"):
        compiled, notices = _compiled_each(project, names, question)
    stage = question.stage or "sql"
    for each in compiled.values():
        notices += each.notices
    notices = list(dict.fromkeys(notices))
    if session.format == "json":
        results = [{"metric": name, **_values(c, stage)} for name, c in compiled.items()]
        write_envelope(session, results, {"notices": list(map(issue_values, notices))})
    elif session.output is not None and not session.output.suffix:
        texts = {f"{name}.{stage}": _text(c, stage) + "\n" for name, c in compiled.items()}
        write_each(session, session.output, texts)
    else:
        end = ";\n" if stage == "sql" else "\n"  # a script is statements with ends
        write(session, (f"-- {name}\n{_text(c, stage)}{end}" for name, c in compiled.items()))
    _say_notices(session, notices)


def _compiled_each(
    project: Project, names: Iterable[str], question: Question
) -> tuple[dict[str, Compiled], list[Issue]]:
    """Each metric compiled by itself, and what cannot be computed.

    Raises:
        QueryError: everything that is wrong with the question, for any of the metrics; nothing of
            what was selected can be computed.
    """
    from kpilayer.artefacts import LEAVES_OUT

    found: dict[str, Compiled] = {}
    later: list[Issue] = []
    wrong: list[Issue] = []
    for name in names:
        try:
            found[name] = project.prepare(**{**question.arguments(), "metrics": [name]})
        except QueryError as error:
            for issue in error.issues:
                (later if issue.code in LEAVES_OUT else wrong).append(issue)
    if wrong or (later and not found):
        raise QueryError([*wrong, *later])
    return found, [replace(issue, severity="warning") for issue in later]


def _text(compiled: Compiled, stage: str) -> str:
    """What is printed at a stage, without the last line's end."""
    texts = {
        "sql": lambda: compiled.sql,
        "plan": lambda: compiled.plan,
        "ast": lambda: compiled.ast,
    }
    return texts[stage]().rstrip("\n")


def _values(compiled: Compiled, stage: str) -> dict[str, Any]:
    return {
        "stage": stage,
        "text": _text(compiled, stage),
        "columns": column_names(compiled.columns),
        "fingerprints": dict(compiled.fingerprints),
    }


def print_compiled(session: Session, project: Project, question: Question) -> None:
    """One compiled query, at the stage that was asked for, with its notices."""
    compiled = project.prepare(**question.arguments())
    stage = question.stage or "sql"
    if session.format == "json":
        notices = list(map(issue_values, compiled.notices))
        write_envelope(session, [_values(compiled, stage)], {"notices": notices})
    else:
        write(session, _text(compiled, stage) + "\n")
    _say_notices(session, compiled.notices)


# -------------------------------------------------------------------------------------------- query


@command(
    "query",
    examples=(
        "kpilayer query -m revenue,orders -g metric_time__month",
        "kpilayer query -m revenue -g account__segment -w \"account__region = 'EU'\"",
        "kpilayer query -m revenue --start 2026-01-01 --order-by -revenue --limit 10",
        "kpilayer query -m revenue -g metric_time__day -o revenue.parquet",
    ),
)
@query_flags
@click.option("--dry-run", is_flag=True, help="Print the SQL and run nothing, as `compile` does.")
@output_flags("table", "csv", "json", "jsonl", "markdown", "parquet", piped="csv")
@pass_session
def query(session: Session, question: Question, dry_run: bool) -> None:
    """Compute metrics in the warehouse.

    The answer is a table on a terminal and CSV where it is piped or written to a file, unless
    -f or the suffix of -o names another format. With -v the SQL goes to stderr.
    """
    if question.stage is not None and not dry_run:
        raise click.UsageError("`--stage` prints and runs nothing: add `--dry-run`.")
    project = session.load()
    if dry_run:
        print_compiled(session, project, question)
        return
    if question.dialect is not None and question.dialect.lower() != project.target.dialect:
        raise click.UsageError(
            f"`--dialect {question.dialect}` is for `compile`; "
            f"the target speaks {project.target.dialect}."
        )
    with Progress(session, "Running") as progress:
        result = project.query(
            **question.arguments(), on_progress=lambda done, _seconds: progress("Running", done)
        )
    if session.verbose:
        say(session, result.sql.rstrip("\n") + "\n")
    write_result(session, result)
    _say_notices(session, result.notices)


def write_result(session: Session, result: Any) -> None:
    """The rows of a result; json adds what they mean and where they come from."""
    if session.format == "parquet":
        write_parquet(session, result.to_arrow())
        return
    columns, rows = column_names(result.columns), list(result.rows())
    summary = {
        "rows": len(rows),
        "columns": columns,
        "fingerprints": dict(result.fingerprints),
        "sql": result.sql,
        "notices": list(map(issue_values, result.notices)),
    }
    write_rows(session, columns, rows, summary=summary)


def column_names(columns: Iterable[Any]) -> list[str]:
    """Names of output columns."""
    return [str(getattr(column, "name", column)) for column in columns]


def _say_notices(session: Session, notices: Iterable[Issue]) -> None:
    if not session.quiet:
        show_issues(notices)


# -------------------------------------------------------------------------------------------- debug


@command("debug", examples=("kpilayer debug", "kpilayer debug -t prod"))
@output_flags("table", "json")
@pass_session
def debug(session: Session) -> int:
    """Test configuration, driver and connection.

    What was read and what works, one by one. The exit code is 1 where one of them fails.
    """
    project = session.load()
    with Progress(session, "Connecting"):
        checks = list(project.debug())
    failed = [check for check in checks if not check.ok]
    if session.format == "json":
        results = [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in checks]
        summary = {"checks": len(checks), "failed": len(failed)}
        write_envelope(session, results, summary, ok=not failed)
    else:
        rows = [("ok" if c.ok else "failed", c.name, c.detail) for c in checks]
        write_rows(session, ("state", "what", "detail"), rows)
    verdict = f"{counted(len(failed), 'check')} failed" if failed else "everything works"
    say(session, verdict)
    return 1 if failed else 0
