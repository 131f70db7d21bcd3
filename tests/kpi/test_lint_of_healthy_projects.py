"""A project in which all is well hears nothing, whatever healthy histories it has."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from kpilayer import Project
from kpilayer.kpi.lint.evidence import Past
from kpilayer.kpi.periods import Cadence, periods_of

TODAY = date(2026, 6, 20)


@dataclass(frozen=True)
class Well:
    """A KPI that moves around a middle; its range is three usual moves away from it."""

    name: str
    middle: float
    spread: float
    cadence: Cadence = "monthly"
    direction: str = "range"
    trend: float = 0.0

    @property
    def metric(self) -> str:
        return f"  - {{name: {self.name}, model: orders, agg: sum, expr: {self.name}, description: The {self.name} of all orders but those that were sent back by customers}}\n"

    @property
    def contract(self) -> str:
        low, high = self.middle - 3.5 * self.spread, self.middle + 3.5 * self.spread
        lowest, highest = low - 3 * self.spread, high + 3 * self.spread
        bounds = {
            "range": (f"{{min: {low}, max: {high}}}", f"{{min: {lowest}, max: {highest}}}"),
            "higher": (f"{{min: {low}}}", f"{{min: {lowest}}}"),
            "lower": (f"{{max: {high}}}", f"{{max: {highest}}}"),
        }[self.direction]
        kind = "north_star" if self.name == "margin" else "supporting"
        above = "" if kind == "north_star" else "    supports: margin\n"
        tree = (
            "    drivers: {op: difference, terms: {income: 1, spend: -1}}\n"
            if kind == "north_star"
            else "    influences: [{kpi: margin, lag: 4w}]\n"
        )
        return (
            f"  - name: {self.name}\n    metric: {self.name}\n    kind: {kind}\n{above}{tree}"
            f"    function: {self.name}\n    perspective: financial\n"
            "    owner: {group: finance_%s, person: lead@example.com, steward: data@example.com}\n"
            % self.name
            + f"    rationale: It decides what is done next\n    status: proposed\n"
            f"    direction: {self.direction}\n    cadence: {self.cadence}\n    grace: 3d\n"
            f"    health: {{healthy: {bounds[0]}, critical: {bounds[1]}, confirm: {{warning: 2 of 3, breach: 2 of 2}}}}\n"
            "    consequence:\n      warning: {action: The bridge is read in the Monday review, within: 3d}\n"
            "      breach: {action: No new spending until two healthy periods, within: 5d}\n"
            "    guardrail_exempt: the others guard it\n"
            "    review: {every: quarter, by: 2026-09-15}\n"
            f"    access: {{viewers: [all], editors: [finance_{self.name}]}}\n"
        )

    def past(self, chance: random.Random) -> Past:
        """Up to 60 values of three years, autocorrelated; within the range as of a healthy KPI."""
        periods = periods_of(self.cadence)
        start = periods.holding(TODAY - timedelta(days=1100))
        assert start is not None
        starts, values, moved = [], [], 0.0
        while periods.end(start) <= TODAY:
            moved = 0.4 * moved + chance.gauss(0, self.spread)
            starts.append(start)
            values.append(self.middle + max(-3.4 * self.spread, min(3.4 * self.spread, moved)))
            start = periods.end(start)
        return Past(tuple(starts[-60:]), tuple(values[-60:]), miss=0.0)


WELL = (
    Well("margin", 100, 4, direction="higher"),
    Well("income", 900, 40, direction="higher"),
    Well("spend", 400, 20, direction="lower"),
    Well("visits", 52_000, 2_500, "weekly", "higher"),
    Well("active_users", 9_100, 400, "weekly"),
    Well("conversion", 0.031, 0.0015, "weekly"),
    Well("tickets", 310, 15, "weekly", "lower"),
    Well("csat_share", 0.86, 0.02, direction="higher"),
    Well("utilisation", 0.8, 0.02),
    Well("lead_time", 6.4, 0.3, "daily", "lower"),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("well")
    columns = "models:\n  - name: orders\n    semantic_model: true\n    columns:\n      - {name: order_id, entity: {type: primary, name: order}}\n"
    groups = "groups:\n" + "".join(
        f"  - {{name: finance_{one.name}, owner: {{name: Lead, email: lead@example.com}}}}\n"
        for one in WELL
    )
    (folder / "models").mkdir()
    (folder / "kpilayer.yml").write_text("name: well\n", encoding="utf-8")
    text = columns + "metrics:\n" + "".join(one.metric for one in WELL)
    text += groups + "kpis:\n" + "".join(one.contract for one in WELL)
    (folder / "models/all.yml").write_text(text, encoding="utf-8")
    return Project.load(folder)


@pytest.mark.parametrize("seed", range(300))
def test_a_healthy_project_hears_nothing_whatever_its_history(project: Project, seed: int) -> None:
    chance = random.Random(seed)
    past = {one.name: one.past(chance) for one in WELL}
    found = project.lint(today=TODAY, evidence=past)
    assert [f"{f.advice.subject}: {f.code}: {f.advice.message}" for f in found.new] == []
    assert found.unchecked == ()


def test_the_same_project_is_told_where_one_of_its_numbers_is_ill(project: Project) -> None:
    past = {one.name: one.past(random.Random(1)) for one in WELL}
    ill = past["conversion"]
    past["conversion"] = Past(ill.starts, (*ill.values[:-3], 0.001, 0.001, 0.001), miss=0.0)
    found = project.lint(today=TODAY, evidence=past)
    assert {(f.advice.subject, f.code) for f in found.new} == {("conversion", "kpi-ignored")}


def test_rules_without_a_history_are_told_as_not_checked(project: Project) -> None:
    found = project.lint(today=TODAY)
    assert found.new == ()
    assert len({one.kpi for one in found.unchecked}) == len(WELL)
    assert found.unchecked_line == (
        "10 rules not checked: the history of 10 KPIs is too short; "
        "`kpilayer health --backfill` records it; "
        "driver trees of 1 KPI not checked: `--data` asks the warehouse"
    )
    assert found.as_json()["summary"]["unchecked"][0] == {
        "code": "kpi-unmeasured", "kpi": "margin", "needs": 3, "has": 0,
    }  # fmt: skip
