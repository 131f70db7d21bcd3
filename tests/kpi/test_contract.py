"""What a KPI says: nine lines are enough, the rest stands once, and every edit of it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpilayer import DefinitionError, Project
from kpilayer.reviewing import Diff

PROJECT = "name: shop\n"
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
"""
MINIMAL = """
kpis:
  - name: revenue_health
    metric: revenue
    kind: north_star
    function: finance
    owner: {group: finance}
    direction: higher
    cadence: monthly
    health: {healthy: {min: 100}, critical: {min: 50}}
    consequence: {breach: {action: Stop hiring, within: 5d}}
"""


def _project(folder: Path, kpis: str = MINIMAL, project: str = PROJECT) -> Path:
    for name, text in {
        "kpilayer.yml": project,
        "models/orders.yml": MODELS,
        "metrics/kpis.yml": kpis,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _diff(folder: Path, old: str, new: str) -> Diff:
    assert old in MINIMAL
    before = _project(folder / "before")
    after = _project(folder / "after", MINIMAL.replace(old, new))
    return Project.load(after).diff(str(before), str(after))


def test_nine_lines_are_enough(tmp_path: Path) -> None:
    (kpi,) = Project.load(_project(tmp_path)).kpis
    assert (kpi.metric, kpi.healthy, kpi.status, kpi.owner) == (
        "revenue", ">= 100", "draft", "finance",
    )  # fmt: skip


def test_what_is_the_same_for_many_stands_once(tmp_path: Path) -> None:
    defaults = """name: shop
kpi_defaults:
  every: {grace: 3d, review: {every: quarter}}
  kinds: {north_star: {grace: 5d}}
  functions: {finance: {owner: {steward: data@example.com}}}
"""
    folder = _project(tmp_path, project=defaults)
    (kpi,) = Project.load(folder)._identity.catalog.definitions.kpis
    assert (kpi.grace, kpi.review.every) == ("5d", "quarter")  # the narrower goes first
    assert (kpi.owner.group, kpi.owner.steward) == ("finance", "data@example.com")


def test_what_a_kpi_says_itself_goes_before_the_defaults(tmp_path: Path) -> None:
    folder = _project(
        tmp_path,
        MINIMAL.replace("cadence: monthly", "cadence: monthly\n    grace: 1d"),
        "name: shop\nkpi_defaults: {every: {grace: 9d}}\n",
    )
    (kpi,) = Project.load(folder)._identity.catalog.definitions.kpis
    assert kpi.grace == "1d"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("min: 100", "minimum: 100", "unknown field `minimum`"),
        ("within: 5d", "within: soon", "`soon` is not a length of time"),
        ("direction: higher", "direction: up", "`direction` cannot be `up`"),
        ("    kind: north_star\n", "", "needs `kind`"),
        ("critical: {min: 50}", "confirm: {breach: 3 of 2}", "`3 of 2` does not say how often"),
        ("metric: revenue", "metric: turnover", "there is no metric `turnover`"),
        (
            "cadence: monthly",
            "cadence: monthly\n    drivers: {expr: revenue - costs}",
            "there is no KPI or metric `costs`",
        ),
    ],
)
def test_a_contract_that_cannot_be_is_told(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(DefinitionError) as error:
        Project.load(_project(tmp_path, MINIMAL.replace(old, new))).kpis  # noqa: B018
    assert message in str(error.value)


def test_two_kpis_of_one_name_are_told(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="revenue_health"):
        Project.load(_project(tmp_path, MINIMAL + MINIMAL.replace("\nkpis:\n", ""))).kpis  # noqa: B018


@pytest.mark.parametrize(
    ("old", "new", "level", "rule"),
    [
        ("min: 100", "min: 90", "governance", "range-loosened"),
        ("min: 100", "min: 110", "governance", "range"),
        ("critical: {min: 50}", "critical: {min: 40}", "governance", "range-loosened"),
        ("group: finance", "group: sales", "governance", "ownership"),
        ("within: 5d", "within: 9d", "governance", "consequence"),
        ("cadence: monthly", "cadence: weekly", "governance", "contract"),
        ("cadence: monthly", "cadence: monthly\n    status: proposed", "governance", "status"),
        ("metric: revenue", "metric: order_count", "value", "measured"),
        ("cadence: monthly", "cadence: monthly\n    label: Sales", "cosmetic", "wording"),
    ],
)
def test_each_edit_of_a_contract_has_its_class(
    tmp_path: Path, old: str, new: str, level: str, rule: str
) -> None:
    (change,) = _diff(tmp_path, old, new).changes
    assert (change.kind, change.level, change.rules) == ("kpi", level, (rule,))


def test_a_new_kpi_is_added_and_one_that_is_gone_breaks(tmp_path: Path) -> None:
    (gone,) = _diff(tmp_path / "one", MINIMAL, "").changes
    assert (gone.kind, gone.level) == ("kpi", "interface")


def test_a_metric_reaches_its_kpis_and_who_answers_for_them(tmp_path: Path) -> None:
    text = MINIMAL.replace("group: finance", "group: finance, person: lead@example.com")
    found = Project.load(_project(tmp_path, text)).impact("revenue")
    assert found.reach.kpis == ("revenue_health",)
    assert found.reach.people == ("lead@example.com",)
