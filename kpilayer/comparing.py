"""A project's metrics asked of MetricFlow too, and the answers compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from kpilayer.describe import DimensionInfo, MetricInfo
from kpilayer.errors import ConfigError, Issue, QueryError, WarehouseError
from kpilayer.interop.compare import Answer
from kpilayer.interop.metricflow import MetricFlow, Refusal
from kpilayer.interop.question import Question
from kpilayer.interop.verify import Verdict, questions, verdicts
from kpilayer.load.files import shown_from
from kpilayer.running import Warehouse
from kpilayer.sql.compiled import Compiled
from kpilayer.warehouse.result import Result


def manifest_for_metricflow(root: Path, dbt_target: Path) -> Path:
    """The semantic manifest that MetricFlow reads.

    Raises:
        ConfigError: ``no-manifest``: dbt has not parsed the project.
    """
    manifest = dbt_target / "semantic_manifest.json"
    if not manifest.is_file():
        message = f"there is no `{shown_from(root, manifest)}`, which MetricFlow reads"
        raise ConfigError(Issue("no-manifest", message, hint="run `dbt parse`"))
    return manifest


def questions_about(
    metrics: Sequence[MetricInfo],
    dimensions: Callable[[Sequence[str]], Sequence[DimensionInfo]],
) -> list[Question]:
    """What is asked of each metric that lists show, by what it can be grouped by."""
    return [
        question
        for metric in metrics
        if not metric.hidden
        for question in questions(
            metric.name, [(d.name, d.type) for d in dimensions([metric.name])]
        )
    ]


def compare(
    asked: Sequence[Question],
    prepare: Callable[..., Compiled],
    warehouse: Warehouse,
    python: Path,
    manifest: Path,
    on_verdict: Callable[[Verdict], None] | None = None,
) -> tuple[Verdict, ...]:
    """The verdict on each question, which ``prepare`` compiles, both sides run on the warehouse.

    Raises:
        ConfigError: ``no-metricflow``.
        WarehouseError: the warehouse cannot be reached.
    """
    with warehouse.connected() as connection:

        def run(sql: str) -> Answer | Refusal:
            try:
                result = Result.from_table(connection.run(sql), sql=sql)
                return Answer.of(result.columns, result.rows())
            except WarehouseError as error:
                return Refusal(error.issues[0].message)

        def ours(question: Question) -> Answer | Refusal:
            try:
                compiled = prepare(**question.asked(), dialect=warehouse.target.dialect)
            except QueryError as error:
                return Refusal(error.issues[0].message)
            return run(warehouse.sql(compiled, connection))

        with MetricFlow(python, manifest, warehouse.target.dialect) as metricflow:
            given = []
            for verdict in verdicts(asked, ours, run, metricflow):
                given.append(verdict)
                if on_verdict is not None:
                    on_verdict(verdict)
    return tuple(given)
