"""One system, one project, one process: stages run once each and are timed on the way.

    python workers.py SYSTEM FOLDER [--one | all]
    python workers.py metricflow FOLDER requests < requests.json

Runs under the Python in which the system is installed, and imports nothing of the others. Prints
one JSON object: stages with CPU and wall seconds and the peak memory after them, and either each
metric's compile time, nothing more with `--one`, with `all` their SQL, or with `requests` that of
the questions that `query.py` asks.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

Compile = Callable[[str], str]


@dataclass
class Clock:
    """Stages by name: CPU and wall seconds, and peak memory of the process so far in MB."""

    stages: dict[str, dict[str, float]] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.stages[stage] = {
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def kpilayer(folder: Path, clock: Clock) -> tuple[list[str], Compile]:
    with clock("import"):
        from kpilayer.project import Project
    with clock("load"):
        project = Project.load(folder)
    with clock("check"):
        issues = project.check()
    assert not [i for i in issues if i.severity == "error"], issues
    names = sorted(project.catalog.metrics)
    return names, lambda m: project.compile([m], ["metric_time__month", "customer__country"])


def metricflow(folder: Path, clock: Clock) -> tuple[list[str], Compile]:
    names, explain = _metricflow(folder, clock)
    groups = ["metric_time__month", "customer__country"]
    return names, lambda m: explain({"metric_names": [m], "group_by_names": groups})


def _metricflow(folder: Path, clock: Clock) -> tuple[list[str], Callable[[dict[str, Any]], str]]:
    """The metrics' names, and the SQL of a request by the names of MetricFlow's arguments."""
    with clock("import"):
        from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
        from metricflow.protocols.sql_client import SqlEngine
        from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
        from metricflow_semantic_interfaces.parsing.dir_to_model import (
            parse_directory_of_yaml_files_to_semantic_manifest,
        )
        from metricflow_semantic_interfaces.validations.semantic_manifest_validator import (
            SemanticManifestValidator,
        )
        from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    class Client:
        """As much of a warehouse as explaining needs."""

        sql_engine_type = SqlEngine.DUCKDB
        sql_plan_renderer = DuckDbSqlPlanRenderer()

    with clock("load"):
        manifest = parse_directory_of_yaml_files_to_semantic_manifest(str(folder)).semantic_manifest
    with clock("check"):
        SemanticManifestValidator().checked_validations(manifest)
    with clock("prepare"):
        engine = MetricFlowEngine(SemanticManifestLookup(manifest), Client())  # type: ignore[arg-type]

    def explain(request: dict[str, Any]) -> str:
        asked = MetricFlowQueryRequest.create(**request)
        return engine.explain(asked).sql_statement.sql

    return sorted(m.name for m in manifest.metrics), explain


def answer_requests(folder: Path) -> dict[str, str]:
    """MetricFlow's SQL for each of the requests on standard input, by name."""
    _, explain = _metricflow(folder, Clock())
    found = {}
    for name, request in json.load(sys.stdin).items():
        for moment in ("time_constraint_start", "time_constraint_end"):
            if request.get(moment):
                request[moment] = datetime.fromisoformat(request[moment])
        try:
            found[name] = explain(request)
        except Exception as error:  # noqa: BLE001 - another system's failure is a result
            found[name] = f"error: {' '.join(str(error).split())}"
    return found


def sidemantic(folder: Path, clock: Clock, engine: str = "python") -> tuple[list[str], Compile]:
    with clock("import"):
        from sidemantic import SemanticLayer
        from sidemantic.loaders import load_from_directory
        from sidemantic.validation import validate_metric, validate_model
    with clock("load"):
        layer = SemanticLayer(engine=engine)
        load_from_directory(layer, folder)
    graph = layer.graph
    with clock("check"):
        for model in graph.models.values():
            validate_model(model)
        for metric in graph.metrics.values():
            validate_metric(metric, graph)
    facts = {m.name: model.name for model in graph.models.values() for m in model.metrics or ()}

    def compile_(metric: str) -> str:
        fact = metric.rpartition("_")[0]
        name = f"{fact}.{metric}" if metric in facts else metric
        groups = [f"{fact}.ordered_on__month", "customers.country"]
        return layer.compile(metrics=[name], dimensions=groups)

    return sorted({*facts, *graph.metrics}), compile_


def sidemantic_rust(folder: Path, clock: Clock) -> tuple[list[str], Compile]:
    return sidemantic(folder, clock, "rust")


SYSTEMS = {
    "kpilayer": kpilayer,
    "metricflow": metricflow,
    "sidemantic": sidemantic,
    "sidemantic-rust": sidemantic_rust,
}


def _texts(names: list[str], compile_: Compile) -> dict[str, str]:
    """The SQL of each metric, or its first line of complaint."""
    found = {}
    for name in names:
        try:
            found[name] = compile_(name)
        except Exception as error:  # noqa: BLE001 - another system's failure is a result
            found[name] = f"error: {str(error).splitlines()[0]}"
    return found


def main() -> None:
    system, folder, *rest = sys.argv[1:]
    if rest == ["requests"]:
        print(json.dumps({"sql": answer_requests(Path(folder))}))
        return
    clock = Clock()
    names, compile_ = SYSTEMS[system](Path(folder), clock)
    if rest == ["all"]:
        print(json.dumps({"sql": _texts(names, compile_)}))
        return
    middle = names[len(names) // 2]
    with clock("first"):
        compile_(middle)
    with clock("again"):
        compile_(middle)
    if rest == ["--one"]:
        print(json.dumps({"stages": clock.stages}))
        return
    each, failed = [], 0
    with clock("all"):
        for name in names:
            before = time.process_time()
            try:
                compile_(name)
            except Exception:  # noqa: BLE001 - another system's failure is a result
                failed += 1
            each.append(time.process_time() - before)
    print(json.dumps({"stages": clock.stages, "each": each, "failed": failed}))


if __name__ == "__main__":
    main()
