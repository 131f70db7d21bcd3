"""The hierarchy of KPIs: who is below whom, how each stands, and what leads nowhere."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import jsonschema
import pytest
from click.testing import CliRunner

import kpilayer.cli
from kpilayer import DefinitionError, Project, QueryError
from kpilayer.arranging import KpiTree
from kpilayer.cli.main import cli
from kpilayer.demo.data import build
from tests.conftest import ROOT
from tests.kpi.moving import fill, kpi, project, rows_of, summed, written

SCHEMA = json.loads(Path(kpilayer.cli.__file__).with_name("envelope.schema.json").read_text())
METRICS = summed("top", "left", "right", "low", "bare")


def _tree(
    folder: Path, kpis: str, name: str | None = None, rows: Any = (), **asked: Any
) -> KpiTree:
    asked.setdefault("data", bool(rows))
    return project(folder, METRICS, kpis, rows).tree(name, **asked)


def _places(tree: KpiTree) -> list[tuple[str, int, str, bool]]:
    return [(b.name, b.depth, b.edge, b.repeated) for b in tree.hierarchy.branches]


def _below(name: str, upper: str, rest: str = "", kind: str = "supporting") -> str:
    return kpi(name, f"supports: {upper}\n{rest}", kind=kind)


def test_what_supports_and_what_is_a_driver_is_below(tmp_path: Path) -> None:
    kpis = kpi("top", "drivers: {op: sum, terms: {left: 1, bare: 1}}")
    kpis += kpi("left", kind="supporting") + _below("right", "top") + _below("low", "right")
    assert _places(_tree(tmp_path, kpis)) == [
        ("top", 0, "", False), ("left", 1, "driver", False), ("right", 1, "supports", False),
        ("low", 2, "supports", False),
    ]  # fmt: skip


def test_one_kpi_is_shown_with_the_metrics_that_it_is_made_of(tmp_path: Path) -> None:
    kpis = kpi("top", "drivers: {op: sum, terms: {left: 1}}\nnodes: {left: {expr: bare + low}}")
    kpis += _below("right", "top")
    tree = _tree(tmp_path, kpis, "top")
    assert _places(tree) == [
        ("top", 0, "", False), ("left", 1, "driver", False), ("bare", 2, "driver", False),
        ("low", 2, "driver", False), ("right", 1, "supports", False),
    ]  # fmt: skip
    assert "└─ right" in tree.to_text() and tree.to_text().count("metric") == 3


def test_an_edge_that_is_said_twice_is_one(tmp_path: Path) -> None:
    kpis = kpi("top", "drivers: {op: sum, terms: {left: 1}}") + _below("left", "top")
    assert _places(_tree(tmp_path, kpis))[1] == ("left", 1, "driver, supports", False)


def test_a_kpi_with_two_places_stands_there_once_in_full(tmp_path: Path) -> None:
    kpis = kpi("top") + _below("left", "top", "drivers: {op: sum, terms: {low: 1}}")
    kpis += _below("right", "top", "drivers: {op: sum, terms: {low: 2}}")
    kpis += kpi("low", kind="operational") + _below("bare", "low", kind="operational")
    tree = _tree(tmp_path, kpis)
    assert [(n, d, r) for n, d, _, r in _places(tree)] == [
        ("top", 0, False), ("left", 1, False), ("low", 2, False), ("bare", 3, False),
        ("right", 1, False), ("low", 2, True),
    ]  # fmt: skip
    assert tree.to_text().count("as above") == 1 and tree.to_text().count("bare") == 1


def test_what_leads_to_no_north_star_is_told_and_shown(tmp_path: Path) -> None:
    kpis = kpi("top") + kpi("left", kind="supporting") + _below("low", "left")
    kpis += kpi("right", kind="supporting").replace("status: proposed", "status: deprecated")
    tree = _tree(tmp_path, kpis)
    assert tree.hierarchy.orphans == ("left", "low") and not tree.fails
    assert [(n, d) for n, d, _, _ in _places(tree)] == [
        ("top", 0),
        ("left", 0),
        ("low", 1),
        ("right", 0),
    ]
    assert "left leads to no north star" in tree.to_text()


def test_circles_over_drivers_and_support_are_told_once(tmp_path: Path) -> None:
    """`left` is made of `right`, and supports it: each is below the other."""
    kpis = kpi("top") + _below("left", "right", "drivers: {op: sum, terms: {right: 1}}")
    kpis += kpi("right", kind="supporting")
    tree = _tree(tmp_path, kpis)
    assert tree.hierarchy.cycles == (("left", "right", "left"),) and tree.fails
    assert tree.hierarchy.orphans == ("left", "right")
    assert {b.name for b in tree.hierarchy.branches} == {"top", "left", "right"}
    assert "a circle: left > right > left" in tree.to_text()


def test_circles_of_support_are_errors_of_definitions(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="KPIs support each other"):
        _tree(tmp_path, _below("left", "right") + _below("right", "left"))


def test_an_unknown_kpi_is_told(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="there is no KPI `topp`"):
        _tree(tmp_path, kpi("top"), "topp")


ROWS = [
    *rows_of({"2026-05": {"top": 5, "left": -1}}),
    (90, "2026-06-02", "x", "", "", 0, None),
]


def test_each_stands_with_its_status_and_guardrails(tmp_path: Path) -> None:
    """Healthy is 0 and above."""
    kpis = kpi("top", "guardrails: [{kpi: left}, {metric: bare}]")
    kpis += _below("left", "top").replace("{min: 0}}", "{min: 0}, critical: {min: 0}}")
    kpis += _below("right", "top").replace("status: proposed", "status: draft")
    tree = _tree(tmp_path, kpis, rows=ROWS, as_of=date(2026, 6, 10))
    assert {name: (s.status, s.mark) for name, s in tree.states.items()} == {
        "top": ("healthy", "●"), "left": ("breach", "■"), "right": ("draft", "○"),
    }  # fmt: skip
    first, second, third = tree.to_text().splitlines()
    assert re.fullmatch(r"● top +5 +healthy +north star +guarded by ■ left, bare", first)
    assert re.fullmatch(r"├─ ■ left +-1 +breach +supporting", second)
    assert re.fullmatch(r"└─ ○ right +draft +supporting", third)


def test_without_a_warehouse_the_tree_is_there_and_says_so(tmp_path: Path) -> None:
    folder = written(tmp_path, METRICS, kpi("top"))
    (folder / "profiles.yml").write_text(
        "moving: {target: dev, outputs: {dev: {type: duckdb, path: /nowhere/at/all.duckdb}}}\n"
    )
    text = Project.load(folder).tree().to_text()
    assert text.startswith("top") and "without status: " in text


def test_pictures_and_charts_hold_every_kpi_and_hostile_names_are_inert(tmp_path: Path) -> None:
    hostile = "'<b onload=x()>\"]; --> ` & \\u001b'".replace("'", '"').replace('x()>"', 'x()>\\"')
    kpis = kpi("top", f"label: {hostile}\nguardrails: [{{kpi: left}}]") + _below("left", "top")
    tree = _tree(tmp_path, kpis, rows=ROWS, as_of=date(2026, 6, 10))
    names = {e.tag.rpartition("}")[2] for e in ElementTree.fromstring(tree.to_svg()).iter()}
    assert names <= {"svg", "title", "style", "text", "rect", "path"}
    mermaid = tree.to_mermaid()
    assert "#60;b onload=x()#62;#34;#93;#59;" in mermaid and "guarded by" in mermaid
    node, edge = (
        r'  n\d+\["[^"<>`\[\]]*(<br/>[^"<>`\[\]]*)*"\](:::\w+)?',
        r'  n\d+ -\.?->(\|"[^"<>]*"\|)? n\d+',
    )
    for line in mermaid.splitlines()[1:]:
        assert re.fullmatch(f"{node}|{edge}|  classDef .*", line), line


def test_the_company_leads_to_its_north_star() -> None:
    with duckdb.connect(":memory:") as connection:
        build(connection, 0.01)
        tree = Project.load(ROOT, connection=connection).tree(as_of=date(2026, 6, 10))
    assert tree.hierarchy.branches[0].name == "mrr" and not tree.fails
    assert tree.hierarchy.orphans == ()
    assert {b.name for b in tree.hierarchy.branches} == set(tree.states)


@pytest.mark.parametrize("words", [[], ["top"], ["--no-data"], ["topp"]])
def test_the_command_keeps_to_its_envelope(tmp_path: Path, words: list[str]) -> None:
    kpis = kpi("top", "drivers: {op: sum, terms: {bare: 1}}") + _below("left", "top")
    folder = written(tmp_path, METRICS, kpis)
    (folder / ".kpilayer").mkdir()
    with duckdb.connect(str(folder / ".kpilayer" / "moving.duckdb")) as connection:
        fill(connection.execute, ROWS)
    run = ["-C", str(folder), "tree", *words, "-f", "json"]
    result = CliRunner().invoke(cli, run)
    values = json.loads(result.stdout)
    jsonschema.validate(values, SCHEMA)
    assert (result.exit_code, values["ok"]) == ((2, False) if words == ["topp"] else (0, True))
