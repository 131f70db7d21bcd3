"""`kpilayer init --from-dbt`: a kpilayer.yml for a dbt project, which stays as it is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kpilayer.cli.formats import as_table
from kpilayer.cli.options import Session
from kpilayer.cli.output import counted, data_in_colour, data_width, say, write
from kpilayer.cli.progress import Progress
from kpilayer.errors import ConfigError, Issue
from kpilayer.interop.verify import Verdict
from kpilayer.load.dbt.project import DbtProject, read_dbt_project
from kpilayer.load.files import DBT_FILE
from kpilayer.project import Project
from kpilayer.propose.text import scalar


def project_file(dbt: DbtProject, folder: Path) -> str:
    """The text of kpilayer.yml: what dbt_project.yml says already is not said again."""
    lines = [
        "# kpilayer reads the dbt project where it lies: its model and macro folders, `vars`, the",
        "# profile, and target/manifest.json, which says where `ref` and `source` lead.",
        "# A key that stands here wins over dbt_project.yml.",
        f"name: {dbt.legal_name}",
    ]
    if folder.resolve() != dbt.folder.resolve():
        path = Path(os.path.relpath(dbt.folder.resolve(), folder.resolve())).as_posix()
        lines.append(f"dbt_project: {scalar(path)}")
    lines += [
        "",
        "# The dialect of expressions is that of dbt's adapter; without a manifest it is duckdb.",
        "# dialect: duckdb",
        "# Metrics of kpilayer's own may stand in this folder, beside dbt's.",
        "# metric-paths: [metrics]",
    ]
    return "\n".join(lines) + "\n"


def dbt_project_in(path: Path) -> DbtProject:
    """The dbt project in a folder, or whose dbt_project.yml this is.

    Raises:
        ConfigError: there is none.
    """
    folder = path.parent if path.name == DBT_FILE else path
    if not (folder / DBT_FILE).is_file():
        message = f"there is no {DBT_FILE} in `{folder}`"
        raise ConfigError(Issue("no-project", message, hint="name the folder of a dbt project"))
    return read_dbt_project(folder.resolve(), folder.resolve(), os.environ)


def findings(project: Project) -> Iterator[str]:
    """What was found, and what of it cannot be used; never more than a few lines."""
    definitions = project.catalog.definitions
    found = {
        "semantic model": len(definitions.models),
        "metric": len(definitions.metrics),
        "time spine": len(definitions.time_spines),
        "saved query": len(definitions.saved_queries),
        "exposure": len(definitions.exposures),
    }
    plural = {"saved query": "saved queries"}
    said = [f"{n} {k if n == 1 else plural.get(k, f'{k}s')}" for k, n in found.items() if n]
    yield "found " + (", ".join(said) or "no semantic models or metrics")
    issues = project.check()
    errors = [i for i in issues if i.severity == "error"]
    warnings = [i for i in issues if i.severity == "warning"]
    if errors:
        by_code = dict.fromkeys(i.code for i in errors)
        counts = (f"{sum(i.code == c for i in errors)} {c}" for c in by_code)
        yield f"not covered: {', '.join(counts)}; `kpilayer check` shows where"
    yield from dict.fromkeys(f"warning: {i.message}" for i in warnings[:5])


def verified(session: Session, project: Project, python: Path | None) -> bool:
    """Whether no metric differs from MetricFlow's; prints what became of each question."""
    done: list[Verdict] = []
    with Progress(session, "Asking MetricFlow") as progress:

        def note(verdict: Verdict) -> None:
            done.append(verdict)
            progress(f"Asking MetricFlow: {verdict.metric}")

        project.verify_with_metricflow(python, note)
    rows = [(v.metric, _about(v), v.outcome, v.why.replace("\n", "; ")) for v in done]
    columns = ("metric", "question", "outcome", "why")
    width, colour = data_width(session), data_in_colour(session)
    write(session, as_table(columns, rows, width=width, colour=colour))
    names = {"differs": "different"}
    counts = Counter(names.get(v.outcome, v.outcome) for v in done)
    said = (f"{number} {outcome}" for outcome, number in counts.items())
    say(session, f"{counted(len(done), 'question')}: {', '.join(said) or 'no metrics'}")
    if any(v.outcome == "differs" for v in done):
        say(session, "Where a number differs on purpose, docs/semantics.md tells why.")
        return False
    return True


def _about(verdict: Verdict) -> str:
    """A question without the metric, which stands beside it."""
    return str(verdict.question).removeprefix(verdict.metric).strip()
