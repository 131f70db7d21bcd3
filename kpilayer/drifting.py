"""What `Project.drift` looks at and gives: SQL elsewhere, and duplicates inside the layer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from kpilayer import __version__
from kpilayer.catalog import Catalog
from kpilayer.change.machines import issue_commands, issues_junit, issues_sarif
from kpilayer.drift import report
from kpilayer.drift.accepted import Known, accept, ignores
from kpilayer.drift.duplicates import duplicates
from kpilayer.drift.layer import Layer
from kpilayer.drift.search import DIALECTS, Finding, Search
from kpilayer.drift.texts import texts
from kpilayer.drift.views import views as views_of
from kpilayer.errors import Issue
from kpilayer.load.drift_baseline import read_baseline, write_baseline
from kpilayer.load.sql_template import rendered_sql
from kpilayer.running import Warehouse
from kpilayer.selection.versions import Version
from kpilayer.warehouse.parquet import parquet_rows

OnStep = Callable[[str, int, int], None]
_BACKTICKS: Final = frozenset({"bigquery", "mysql", "spark", "databricks", "hive", "clickhouse"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What to look at, and what is accepted."""

    paths: tuple[str, ...] = ()
    dialect: str = ""
    views: str | None = None
    layer: bool = False
    baseline: str | None = None
    trials: int = 60
    seed: int = 0
    prove: bool = True
    today: date | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """Columns elsewhere that compute metrics, and what else somebody has to look at."""

    findings: tuple[Finding, ...]
    issues: tuple[Issue, ...]
    queries: int
    seconds: float

    @property
    def fails(self) -> bool:
        """Whether there is a conflict that nobody has accepted, or an acceptance that is void."""
        conflicts = any(f.verdict == "conflicting" and f.state == "new" for f in self.findings)
        return conflicts or any(issue.severity == "error" for issue in self.issues)

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, *, verbose: bool = False) -> str:
        """For a terminal."""
        return report.text(self.findings, self.issues, verbose=verbose)

    def to_markdown(self) -> str:
        """As Markdown for a comment."""
        return report.markdown(self.findings, self.issues)

    def to_annotations(self) -> str:
        """As workflow commands of GitHub, which it shows beside the lines."""
        return issue_commands([*(f.issue() for f in self._told), *self.issues])

    def to_sarif(self) -> str:
        """As SARIF 2.1.0."""
        named = [(f.issue(), f.id) for f in self._told]
        return issues_sarif([*named, *((issue, "") for issue in self.issues)], __version__)

    def to_junit(self) -> str:
        """As JUnit XML."""
        issues = [*(f.issue() for f in self._told), *self.issues]
        return issues_junit("kpilayer drift", issues, self.seconds)

    def as_json(self) -> dict[str, Any]:
        """As JSON values: `findings`, and a `summary`."""
        verdicts = ("conflicting", "possible", "equivalent", "exact")
        counts = {
            v: sum(f.verdict == v and f.state == "new" for f in self.findings) for v in verdicts
        }
        states = {s: sum(f.state == s for f in self.findings) for s in ("known", "ignored")}
        summary = {
            **counts, **states, "queries": self.queries,
            "issues": report.issue_values(self.issues),
        }  # fmt: skip
        return {"findings": report.values(self.findings), "summary": summary}

    def write_baseline(self, path: str | Path) -> None:
        """A file with all that is found now, so that only what is new fails."""
        kept = [f for f in self.findings if f.state != "ignored"]
        entries = [
            {"id": f.id, "path": f.location.path, "column": f.column, "metric": f.metric}
            for f in kept
        ]
        write_baseline(Path(path), entries)

    @property
    def _told(self) -> list[Finding]:
        return [f for f in self.findings if f.state == "new"]


def drift(
    version: Version,
    layer: Layer,
    warehouse: Warehouse,
    asked: Asked,
    on_step: OnStep | None,
) -> Drift:
    """Everything that computes a metric of the project elsewhere.

    Raises:
        ConfigError: a path leads nowhere, or the baseline is none.
        WarehouseError: views are asked for, and the warehouse cannot be reached.
    """
    began = time.perf_counter()
    found, unread = texts(asked.paths, version.root, DIALECTS, parquet_rows)
    if asked.views is not None:
        with warehouse.connected() as connection:
            found += views_of(connection, asked.views)

    def render(path: str, sql: str, dialect: str) -> tuple[str, tuple[int, ...]]:
        quote = "`" if dialect in _BACKTICKS else '"'
        return rendered_sql(path, sql, version.target, version.variables, quote)

    search = Search(
        layer, asked.dialect, asked.trials, asked.seed, asked.prove, _views(layer.catalog), render
    )  # fmt: skip
    scanned = search.run(found, on_step)
    known = () if asked.baseline is None else _known(asked.baseline)
    findings, void = accept(
        scanned.findings, known, list(ignores(found)), asked.today or date.today(),
        asked.baseline or "",
    )  # fmt: skip
    doubles = tuple(duplicates(layer)) if asked.layer or not (found or unread) else ()
    issues = (*unread, *scanned.issues, *void, *doubles)
    return Drift(findings, issues, scanned.queries, time.perf_counter() - began)


def _known(path: str) -> Sequence[Known]:
    return [Known(**entry) for entry in read_baseline(Path(path))]


def _views(catalog: Catalog) -> dict[str, str]:
    """The declared view of each metric that has one."""
    return {name: view.name for view in catalog.definitions.views for name in view.metrics}
