"""MetricFlow's SQL for questions: `python metricflow_worker.py MANIFEST DIALECT`.

Runs in the environment in which MetricFlow is installed, and imports nothing of kpilayer. MANIFEST
is dbt's semantic_manifest.json. All talk is one JSON object a line. The first that it says is
`{"version": ..}`, or `{"error": ..}` and the end. A question has the keys of ``QUESTION``, all
optional, with names as `metric_time__month` and `customer__region__country`; its answer is
`{"sql": ..}` or `{"error": ..}`. No connection is opened: whoever asks runs the SQL.
"""

from __future__ import annotations

import json
import os
import re
import sys
import warnings
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

QUESTION = (
    "metrics",
    "group_by",
    "where",
    "start",
    "end",
    "order_by",
    "limit",
    "saved_query",
)

#: Dialect to MetricFlow's name for the engine, the module of its renderer, and the class.
RENDERERS = {
    "athena": ("ATHENA", "athena", "AthenaSqlPlanRenderer"),
    "bigquery": ("BIGQUERY", "big_query", "BigQuerySqlPlanRenderer"),
    "databricks": ("DATABRICKS", "databricks", "DatabricksSqlPlanRenderer"),
    "duckdb": ("DUCKDB", "duckdb_renderer", "DuckDbSqlPlanRenderer"),
    "postgres": ("POSTGRES", "postgres", "PostgresSQLSqlPlanRenderer"),
    "redshift": ("REDSHIFT", "redshift", "RedshiftSqlPlanRenderer"),
    "snowflake": ("SNOWFLAKE", "snowflake", "SnowflakeSqlPlanRenderer"),
    "trino": ("TRINO", "trino", "TrinoSqlPlanRenderer"),
}


def engine(manifest: Path, dialect: str) -> Any:
    """MetricFlow's engine over a manifest, without a connection."""
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow.protocols.sql_client import SqlEngine
    from metricflow_semantics.model.dbt_manifest_parser import (
        parse_manifest_from_dbt_generated_manifest,
    )
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    if dialect not in RENDERERS:
        raise ValueError(f"MetricFlow writes no SQL for {dialect}")
    name, module, renderer = RENDERERS[dialect]

    class Client:
        """As much of a warehouse as explaining needs."""

        sql_engine_type = SqlEngine[name]
        sql_plan_renderer = getattr(import_module(f"metricflow.sql.render.{module}"), renderer)()

    parsed = parse_manifest_from_dbt_generated_manifest(manifest.read_text(encoding="utf-8"))
    return MetricFlowEngine(SemanticManifestLookup(parsed), Client())


def explain(engine: Any, question: dict[str, Any]) -> str:
    """The SQL of a question."""
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

    unknown = question.keys() - set(QUESTION)
    if unknown:
        raise ValueError(f"a question has no {sorted(unknown)}")
    request = MetricFlowQueryRequest.create(
        saved_query_name=question.get("saved_query"),
        metric_names=question.get("metrics"),
        group_by_names=[as_object(name) for name in question.get("group_by") or ()] or None,
        where_constraints=question.get("where"),
        time_constraint_start=_moment(question.get("start")),
        time_constraint_end=_moment(question.get("end")),
        order_by_names=question.get("order_by"),
        limit=question.get("limit"),
    )
    return str(engine.explain(request).sql_statement.sql)


def as_object(name: str) -> str:
    """A name as MetricFlow takes it: only its objects can ask for a part of a date.

    >>> as_object("customer__region__opened_on__extract_year")
    "Dimension('region__opened_on', entity_path=['customer']).date_part('year')"
    """
    found = re.fullmatch(r"(?P<path>.+)__extract_(?P<part>[a-z]+)", name)
    if found is None:
        return name
    *path, last = found["path"].split("__")
    inner = "__".join((*path[-1:], last))
    entities = f", entity_path={path[:-1]}" if path[:-1] else ""
    return f"Dimension('{inner}'{entities}).date_part('{found['part']}')"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _tried(action: Callable[[], dict[str, str]]) -> dict[str, str]:
    try:
        return action()
    except Exception as error:  # noqa: BLE001 - another system's failure is an answer
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Answers questions until there are no more."""
    manifest, dialect = sys.argv[1:]
    # Python puts the script's folder first, where `metricflow` is kpilayer's module of that name.
    sys.path[:] = [path for path in sys.path if path != str(Path(__file__).parent)]
    # Whatever MetricFlow prints must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    made: list[Any] = []

    def start() -> dict[str, str]:
        made.append(engine(Path(manifest), dialect))
        return {"version": version("metricflow")}

    def say(answer: dict[str, str]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    say(_tried(start))
    if not made:
        return
    for line in sys.stdin:
        say(_tried(partial(_explained, made[0], line)))


def _explained(engine: Any, line: str) -> dict[str, str]:
    return {"sql": explain(engine, json.loads(line))}


if __name__ == "__main__":
    main()
