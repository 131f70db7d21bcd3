"""Advice on KPIs: what a rule says stands in the registry, and a good contract hears nothing.

What each rule finds, and what it leaves alone, stands in tests/messages, a page for each.
"""

from __future__ import annotations

import inspect
import json
import re
from datetime import date
from pathlib import Path

import pytest

from kpilayer import Project, QueryError
from kpilayer.codes import CODES
from kpilayer.kpi.lint import RULES

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 7, 1)


def _words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("code", RULES)
def test_each_rule_says_what_it_checks_why_and_what_instead(code: str) -> None:
    text = inspect.getdoc(RULES[code]) or ""
    parts = dict(re.findall(r"^(Checks|Why|Instead):\n((?:    .*\n?)+)", text, re.M))
    assert set(parts) == {"Checks", "Why", "Instead"}
    told = (text.partition("\n")[0], _words(parts["Why"]), _words(parts["Instead"]))
    assert told == (CODES[code].title, CODES[code].why, CODES[code].instead)
    assert RULES[code].__name__ == code.replace("-", "_")


def test_the_example_company_hears_nothing() -> None:
    found = Project.load(ROOT).lint(today=TODAY)
    assert [f"{f.code}: {f.advice.message}" for f in found.new] == []
    assert not found.fails


def test_rules_that_are_not_there_are_told_with_the_nearest() -> None:
    with pytest.raises(QueryError, match="did you mean `kpi-orphan`"):
        Project.load(ROOT).lint(["kpi-orphans"])


BROKEN = """
kpis:
  - name: revenue_health
    metric: revenue
    kind: north_star
    function: finance
    owner: {}
    direction: higher
    cadence: monthly
    status: STATUS
    health: {attainment: {objective: 0.9, window: 12}}
"""


def _lint(folder: Path, text: str, **asked: object):  # type: ignore[no-untyped-def]
    files = {
        "kpilayer.yml": "name: shop\n",
        "models/orders.yml": "models:\n  - name: orders\n    semantic_model: true\n"
        "    columns:\n      - {name: order_id, entity: {type: primary, name: order}}\n"
        "metrics:\n  - {name: revenue, model: orders, agg: sum, expr: amount}\n",
        "metrics/kpis.yml": text,
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return Project.load(folder).lint(today=TODAY, **asked)  # type: ignore[arg-type]


def test_what_is_an_error_is_a_warning_for_a_draft(tmp_path: Path) -> None:
    draft = _lint(tmp_path, BROKEN.replace("STATUS", "draft"))
    live = _lint(tmp_path, BROKEN.replace("STATUS", "proposed"))
    assert {f.advice.severity for f in draft.new} == {"warning"} and not draft.fails
    assert live.fails
    assert {f.code for f in live.new if f.advice.severity == "error"} == {
        "kpi-no-owner", "kpi-no-range", "kpi-unspecific",
    }  # fmt: skip


def test_it_fails_from_a_severity_on(tmp_path: Path) -> None:
    draft = BROKEN.replace("STATUS", "draft")
    assert not _lint(tmp_path, draft).fails
    assert _lint(tmp_path, draft, fail_on="warning").fails


def test_retired_kpis_are_left_alone(tmp_path: Path) -> None:
    assert _lint(tmp_path, BROKEN.replace("STATUS", "retired")).findings == ()


def test_all_formats_tell_each_finding(tmp_path: Path) -> None:
    found = _lint(tmp_path, BROKEN.replace("STATUS", "proposed"))
    codes = {f.code for f in found.new}
    assert {f["code"] for f in found.as_json()["findings"]} == codes
    results = json.loads(found.to_sarif())["runs"][0]["results"]
    assert {r["ruleId"] for r in results} == codes
    for shown in (found.to_markdown(), found.to_junit(), found.to_annotations()):
        assert all(code in shown for code in codes)
