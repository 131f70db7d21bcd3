"""The benchmark measures what it says: equal definitions, every stage, every metric."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import generate

    yield generate
    del sys.modules["generate"]


def test_the_quick_run_measures_kpilayer_on_fifty_metrics(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, BENCHMARKS / "compile.py", "--quick", "--json", report]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())
    figures = found["figures"]["kpilayer 50"]
    assert figures["failed"] == 0
    for stage in ("import", "load", "check", "first", "again", "all", "each", "p95"):
        assert figures[stage] > 0, stage
    assert figures["again"] < figures["import"]
    assert figures["each"] <= figures["all"]
    assert figures["import MB"] <= figures["all MB"]
    assert figures["click cpu"] < figures["one cpu"]
    assert found["agreement"] == {
        "kpilayer": {"equal": 50, "padded": 0, "different": 0, "failed": 0}
    }
    assert "compile all, one by one" in done.stdout


@pytest.mark.parametrize("size", [50, 500, 2000])
def test_the_metrics_of_a_world_are_in_the_proportions_of_the_mix(
    size: int, generate: ModuleType
) -> None:
    world = generate.world(size)
    assert len({metric.name for metric in world.metrics}) == size
    assert len(world.facts) == generate.FACTS[size]
    found = Counter(metric.kind for metric in world.metrics)
    for kind, percent in generate.MIX.items():
        assert abs(found[kind] - size * percent / 100) <= 1, kind


def test_what_a_metric_is_computed_from_comes_before_it(generate: ModuleType) -> None:
    seen: set[str] = set()
    for metric in generate.world(500).metrics:
        assert seen.issuperset(metric.inputs), metric.name
        seen.add(metric.name)


def test_every_system_gets_every_metric(generate: ModuleType, tmp_path: Path) -> None:
    world = generate.world(50)
    generate.kpilayer(world, tmp_path / "kpilayer", tmp_path / "x.duckdb")
    generate.dbt(world, tmp_path / "dbt", tmp_path / "x.duckdb")
    generate.metricflow(world, tmp_path / "metricflow")
    generate.sidemantic(world, tmp_path / "sidemantic")
    for system in ("kpilayer", "dbt", "metricflow", "sidemantic"):
        texts = [path.read_text() for path in (tmp_path / system).rglob("*.yml")]
        for metric in world.metrics:
            named = sum(text.count(f"name: {metric.name}\n") for text in texts)
            assert named == 1, (system, metric.name)


def test_the_benchmark_of_health_judges_kpis_in_every_month(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import health

    monkeypatch.setattr(health, "KPIS", 12)
    monkeypatch.setattr(health, "_SAMPLE", 2)
    times = health.measured(0.01)
    assert 6 * 30 <= times.verdicts <= 12 * 30  # the company began in 2024, some numbers later
    assert times.unanswered == 0
    assert times.scans["revenue_lines"] >= 1
