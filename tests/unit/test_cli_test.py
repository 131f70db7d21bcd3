"""What `kpilayer test` prints, writes and exits with."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import jsonschema
import pytest
from click.testing import CliRunner, Result

import kpilayer.cli
from kpilayer.cli.main import cli
from kpilayer.plan import answerable

ENVELOPE = json.loads(Path(kpilayer.cli.__file__).with_name("envelope.schema.json").read_text())

DEFINITIONS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: ordered_at, granularity: day, dimension: time}
      - {name: status, dimension: categorical}
    metrics:
      - name: revenue
        agg: sum
        expr: amount
        config: {tags: [board]}
        contracts: {never_negative: true, between: [0, 4]}
        metric_tests:
          - name: amounts are added up
            given: {orders: [{amount: 1}, {amount: 2}]}
            expect: [{revenue: 3}]
          - name: states stand apart
            given: {orders: [{amount: 1, status: a}, {amount: 2, status: "<&>"}]}
            query: {group_by: order__status}
            expect: [{order__status: a, revenue: 2}, {order__status: "<&>", revenue: 2}]
          - name: a name with a mistake
            given: {order: []}
            expect: []
      - name: typical
        input_metric: revenue
        metric_tests: [{name: later, expect: []}]
      - {name: plain, agg: count}
"""


def without_tides(graph: object, name: str, tree: object, keys: object) -> list[object]:
    """A kind that this version cannot compute, whichever these are."""
    message = f"`{name}` needs tides, which this version cannot compute"
    return [("not-supported-yet", message, None)] if name == "typical" else []


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    (tmp_path / "kpilayer.yml").write_text("name: shop\n", encoding="utf-8")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "orders.yml").write_text(DEFINITIONS, encoding="utf-8")
    (tmp_path / ".kpilayer").mkdir()
    with duckdb.connect(str(tmp_path / ".kpilayer" / "shop.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT 1 AS id, DATE '2026-01-01' AS ordered_at, "
            "'a' AS status, 5 AS amount"
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(answerable, "_reasons", without_tides)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["test", *arguments])

    return invoke


def test_a_line_for_each_test_and_what_is_wrong_below_it(run) -> None:  # type: ignore[no-untyped-def]
    result = run()
    assert (
        result.stdout
        == """\
pass  revenue: amounts are added up
FAIL  revenue: states stand apart
      1 of 2 rows differs
          order__status   revenue
      ───────────────────────────
      ~   a               2 → 1
      ~ expected → actual   - expected, missing   + not expected
      models/orders.yml:20:19
ERROR revenue: a name with a mistake
      no definition reads `order`, which has rows in `given`
      = help: did you mean `orders`?
      models/orders.yml:24:19
pass  revenue: never_negative
FAIL  revenue: between
      `revenue` is outside 0 to 4: 5 in total; in 1 of 1 days, as 2026-01-01 (5)
      models/orders.yml:15:52
skip  typical: later
      `typical` needs tides, which this version cannot compute
"""
    )
    assert result.stderr == "6 tests: 2 passed, 2 failed, 1 error, 1 skipped\n"
    assert result.exit_code == 1


def test_a_selection_and_a_kind_narrow_what_runs(run) -> None:  # type: ignore[no-untyped-def]
    result = run("tag:board", "--only", "contracts")
    assert result.stderr == "2 tests (contracts only): 1 passed, 1 failed\n"
    result = run("typical")
    assert (result.stderr, result.exit_code) == ("1 test: 1 skipped\n", 0)
    result = run("plain")
    assert result.stderr == "The selected metrics have no metric tests or contracts.\n"
    assert (result.stdout, result.exit_code) == ("", 0)


def test_json_has_every_outcome_in_the_usual_envelope(run) -> None:  # type: ignore[no-untyped-def]
    result = run("-f", "json")
    found = json.loads(result.stdout)
    jsonschema.validate(found, ENVELOPE)
    assert (found["schema"], found["ok"]) == ("kpilayer/test@1", False)
    assert found["summary"] == {"tests": 6, "passed": 2, "failed": 2, "error": 1, "skipped": 1}
    first, second, third, *_ = found["results"]
    assert first["status"] == "passed"
    assert second["kind"] == "metric_test"
    assert second["differences"] == [
        {"row": 1, "expected": ["a", 2], "actual": ["a", 1], "cells": [1]}
    ]
    assert third["issues"][0]["code"] == "unknown-model"
    assert third["location"]["path"] == "models/orders.yml"


def test_junit_xml_is_what_build_servers_read(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = run("--junit", "outcomes.xml")
    assert result.exit_code == 1
    root = ElementTree.parse(tmp_path / "outcomes.xml").getroot()
    assert root.tag == "testsuites"
    assert {k: root.get(k) for k in ("name", "tests", "failures", "errors", "skipped")} == {
        "name": "shop",
        "tests": "6",
        "failures": "2",
        "errors": "1",
        "skipped": "1",
    }
    assert [suite.get("name") for suite in root] == ["metric_test", "contract"]
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert cases["amounts are added up"].get("classname") == "revenue"
    assert len(cases["amounts are added up"]) == 0
    failure = cases["states stand apart"].find("failure")
    assert failure is not None
    assert failure.get("message") == "1 of 2 rows differs"
    assert "2 → 1" in (failure.text or "")
    assert cases["a name with a mistake"].find("error") is not None
    assert cases["later"].find("skipped") is not None


def test_a_target_that_is_not_there_ends_with_3_and_metric_tests_run_without_it(
    run, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "kpilayer.yml").write_text("name: shop\nprofile: shop\n", encoding="utf-8")
    (tmp_path / "profiles.yml").write_text(
        "shop: {target: dev, outputs: {dev: {type: duckdb, path: gone.duckdb}}}\n",
        encoding="utf-8",
    )
    result = run()
    assert (result.exit_code, "connection-failed" in result.stderr) == (3, True)
    result = run("--only", "metric-tests")
    assert result.stderr == "4 tests (metric tests only): 1 passed, 1 failed, 1 error, 1 skipped\n"


# ------------------------------------------------------------------------------------- check --live


def test_check_live_adds_what_the_data_say(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with duckdb.connect(str(tmp_path / ".kpilayer" / "shop.duckdb")) as connection:
        connection.execute("INSERT INTO orders VALUES (1, '2026-01-02', 'b', 6)")
    plain = CliRunner().invoke(cli, ["check", "-q"])
    assert (plain.exit_code, "key-not-unique" in plain.stdout) == (0, False)
    live = CliRunner().invoke(cli, ["check", "--live"])
    assert live.exit_code == 1
    assert "models/orders.yml:7:28: error[key-not-unique]" in live.stdout
    assert "1 of 1 value stands in more than one row\n" in live.stdout
    shown = CliRunner().invoke(cli, ["check", "--live", "--show-values", "-f", "json"])
    found = json.loads(shown.stdout)
    jsonschema.validate(found, ENVELOPE)
    assert found["results"][-1]["message"].endswith("in more than one row, as `1`")


def test_check_live_needs_definitions_without_errors(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "models" / "more.yml").write_text("models: [{name: x, colour: red}]\n")
    text = DEFINITIONS.replace("agg: sum", "agg: summ")
    (tmp_path / "models" / "orders.yml").write_text(text)
    result = CliRunner().invoke(cli, ["check", "--live"])
    assert "The data were not looked at: the definitions have errors." in result.stderr
    assert result.exit_code == 1


def test_values_are_shown_only_of_live_data(run) -> None:  # type: ignore[no-untyped-def]
    result = CliRunner().invoke(cli, ["check", "--show-values"])
    assert result.exit_code == 2
    assert "`--show-values` belongs to `--live`." in result.stderr
