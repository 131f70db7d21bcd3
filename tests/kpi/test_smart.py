"""KPIs by the letters of SMART and by level: a letter stands only if all of it was checked."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

import kpilayer.cli
from kpilayer import Project
from kpilayer.cli.main import cli
from kpilayer.codes import CODES
from kpilayer.kpi.lint import RULES, smart
from kpilayer.kpi.lint.ground import Advice, Ground
from kpilayer.kpi.lint.smart import CRITERIA, LETTERS, LEVELS, Grade, graded

TODAY = date(2026, 7, 1)
SCHEMA = json.loads(Path(kpilayer.cli.__file__).with_name("envelope.schema.json").read_text())
MODELS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: ordered_at, granularity: day, dimension: time}
metrics:
  - {name: revenue, model: orders, agg: sum, expr: amount}
  - {name: order_count, model: orders, agg: count, expr: order_id}
  - {name: order_value, type: ratio, numerator: revenue, denominator: order_count}
groups:
  - {name: finance, owner: {name: Finance lead}}
kpis:
"""
WHOLE = """
  - name: sales
    label: Booked revenue
    description: What customers ordered in a month, without what they sent back later on.
    metric: revenue
    kind: north_star
    function: finance
    owner: {group: finance, person: lead@example.com}
    direction: higher
    cadence: monthly
    status: proposed
    health: {healthy: {min: 100}, critical: {min: 50}}
    consequence: {breach: {action: Stop hiring, within: 5d}}
    drivers: {op: product, factors: [order_count, order_value]}
    guardrails: [{metric: order_count, healthy: {min: 10}}]
    freshness: {error_after: {count: 20, period: day}}
    review: {every: quarter, by: 2026-12-31}
    access: {editors: [finance]}
"""
#: Rules of the table that nobody has written so far.
COMING = {one.code for one in CRITERIA.values() if one.code and one.code not in RULES}


def _silent(ground: Ground) -> list[Advice]:
    return []


@pytest.fixture
def with_every_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if each rule of the table were there, and had nothing to say."""
    rules = MappingProxyType({**RULES, **dict.fromkeys(COMING, _silent)})
    monkeypatch.setattr(smart, "RULES", rules)


def _ground(folder: Path, kpi: str) -> Ground:
    (folder / "models").mkdir(exist_ok=True)
    (folder / "kpilayer.yml").write_text("name: shop\n")
    (folder / "models/orders.yml").write_text(MODELS + kpi)
    return Ground(Project.load(folder)._identity, TODAY)


def _grade(folder: Path, old: str = "", new: str = "", **asked: Any) -> Grade:
    assert old in WHOLE
    (found,) = graded(_ground(folder, WHOLE.replace(old, new) if old else WHOLE), **asked)
    return found


def test_labels_of_letters_and_levels_are_in_the_table() -> None:
    named = {label for labels in (*LETTERS.values(), *LEVELS.values()) for label in labels}
    assert named == set(CRITERIA)
    assert {one.code for one in CRITERIA.values() if one.code} - COMING <= set(CODES)


def test_a_rule_that_is_not_there_yet_is_not_checked(tmp_path: Path) -> None:
    found = _grade(tmp_path)
    waiting = {
        x for x, labels in LETTERS.items() if any(CRITERIA[y].code in COMING for y in labels)
    }
    assert {x for x, state in found.letters.items() if state == "not_checked"} == waiting
    assert "fail" not in found.letters.values()


def test_with_all_rules_and_all_of_a_contract_every_letter_stands(
    tmp_path: Path, with_every_rule: None
) -> None:
    found = _grade(tmp_path)
    assert set(found.letters.values()) == {"pass"}
    assert (found.level, found.next, found.missing) == ("gold", None, ())


@pytest.mark.parametrize(
    ("old", "new", "letter", "state", "level"),
    [
        ("What customers ordered in a month, without what they sent back later on.", "Sales.", "S", "fail", "none"),
        ("Booked revenue", "Growth", "S", "fail", "gold"),
        ("    drivers: {op: product, factors: [order_count, order_value]}\n", "", "A", "fail", "silver"),
        ("action: Stop hiring", "action: Monitor", "A", "fail", "bronze"),
        (", within: 5d", "", "A", "fail", "bronze"),
        ("north_star", "supporting", "R", "fail", "gold"),
        ("Booked revenue", "Total registered users", "R", "fail", "gold"),
        ("count: 20", "count: 60", "T", "fail", "bronze"),
        ("    freshness: {error_after: {count: 20, period: day}}\n", "", "T", "not_checked", "bronze"),
        ("by: 2026-12-31", "by: 2026-06-30", "T", "fail", "silver"),
        (", by: 2026-12-31", "", "T", "not_checked", "silver"),
    ],
)  # fmt: skip
def test_what_is_missing_shows_in_its_letter_and_level(
    tmp_path: Path, with_every_rule: None, old: str, new: str, letter: str, state: str, level: str
) -> None:
    found = _grade(tmp_path, old, new)
    assert (found.letters[letter], found.level) == (state, level)


def test_without_drivers_nobody_has_checked_that_they_add_up(
    tmp_path: Path, with_every_rule: None
) -> None:
    found = _grade(tmp_path, "    drivers: {op: product, factors: [order_count, order_value]}\n")
    assert found.letters["M"] == "not_checked"
    assert [(one.label, state) for one, state in found.missing] == [("K193", "not_checked")]


def test_a_rule_that_had_too_little_to_judge_by_is_not_checked(
    tmp_path: Path, with_every_rule: None
) -> None:
    code = CRITERIA["K103"].code
    assert _grade(tmp_path, unchecked={(code, "sales")}).letters["M"] == "not_checked"
    assert _grade(tmp_path, unchecked={(code, "other")}).letters["M"] == "pass"


def test_what_a_kpi_ignores_with_a_reason_is_nothing_against_it(
    tmp_path: Path, with_every_rule: None
) -> None:
    ignore = "    lint_ignore: [{rule: kpi-vague-label, reason: everybody knows}]\n    access:"
    ground = _ground(
        tmp_path, WHOLE.replace("Booked revenue", "Growth").replace("    access:", ignore)
    )
    assert graded(ground)[0].letters["S"] == "pass"


def test_the_command_shows_letters_and_what_the_next_level_needs(tmp_path: Path) -> None:
    _ground(tmp_path, WHOLE.replace("    freshness: {error_after: {count: 20, period: day}}\n", ""))

    def run(*words: str, exit_code: int = 0) -> str:
        asked = ("-C", str(tmp_path), "lint", "--smart", "--today", "2026-07-01", *words)
        result = CliRunner().invoke(cli, asked)
        assert result.exit_code == exit_code, result.output
        return result.stdout

    assert "| sales | ● | ○ | ● | ○ | ○ | bronze | silver: fresh sources (not checked) |" in run(
        "-f", "markdown"
    )
    found = json.loads(run("-f", "json"))
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    assert found["summary"] == {"none": 0, "bronze": 1, "silver": 0, "gold": 0}
    assert found["results"][0]["missing"] == [
        {"rule": "kpi-stale-source", "label": "K106", "words": "fresh sources", "state": "not_checked"}
    ]  # fmt: skip
    run("-f", "sarif", exit_code=2)
    run("--select", "kpi-orphan", exit_code=2)
