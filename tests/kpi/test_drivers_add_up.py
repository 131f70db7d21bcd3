"""Laws of every bridge: what is shown adds up, and turns around with the periods."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpilayer.calendar import Calendar
from kpilayer.explaining import DriverReport
from kpilayer.kpi.attribution import Attribution
from kpilayer.kpi.bridge import UNEXPLAINED, Period
from kpilayer.kpi.by_segment import BySegment, SegmentRow
from kpilayer.kpi.driver_tree import DriverTree, Node
from kpilayer.kpi.moved import attributed, rows_of
from kpilayer.kpi.periods import periods_of
from kpilayer.kpi.shown import scale_of
from kpilayer.model.kpi import Health, Kpi, KpiOwner
from tests.kpi.test_drivers import MAY, MIX, _margin

ENDS = (date(2026, 4, 1), date(2026, 5, 1))
MONTHS = periods_of("monthly", Calendar())
CONTRACT = Kpi(
    name="total", metric="total", kind="north_star", function="sales", owner=KpiOwner(),
    direction="higher", cadence="monthly", health=Health(),
)  # fmt: skip
#: total = kept + stock / days, where the stock flows and `kept` is a product.
NODES = {
    "total": Node("total", "total", op="formula", formula="kept + stock / days", children=("kept", "stock", "days")),
    "kept": Node("kept", "kept", op="product", formula='"count" * "price"', children=("count", "price")),
    "stock": Node(
        "stock", "stock", op="rollforward",
        formula='"opening of stock" + 1.0 * coalesce("came", 0) + -1.0 * "went"', children=("came", "went"),
    ),
    "days": Node("days", "days"),
    "count": Node("count", "count"),
    "price": Node("price", "price"),
    "came": Node("came", "came", is_flow=True, is_sum=True),
    "went": Node("went", "went", is_flow=True),
}  # fmt: skip
TREE = DriverTree(CONTRACT, NODES)

_numbers = st.decimals(-10_000, 10_000, places=2) | st.integers(-1_000_000, 1_000_000)
_days = st.integers(1, 31)
_values = st.fixed_dictionaries(
    {
        name: st.tuples(
            _days if name == "days" else _numbers, _days if name == "days" else _numbers
        )
        for name in NODES
    }
)


def _told(values: Mapping[str, Any], ends: tuple[date, date]) -> tuple[Attribution, DriverReport]:
    series = {name: dict(zip(ENDS, pair, strict=True)) for name, pair in values.items()}
    found = attributed(TREE, series, ends, MONTHS, "shapley")
    rows = rows_of(TREE, series, ends, MONTHS, found)
    first, last = (Period(f"{end:%Y-%m}", end, end) for end in ends)
    kept = ("status", "change", "residual", "adds_up", "offset", "warning", "reason", "detail")
    told = {name: getattr(found, name) for name in kept}
    return found, DriverReport("total", "Total", "total", last, first, "shapley", rows, **told)


@given(_values)
def test_contributions_and_what_is_left_add_up_to_the_change_as_shown(values: Any) -> None:
    _, report = _told(values, ENDS)
    assert report.status == "ok"
    parts = [amount for _, amount in report.parts]
    size = math.fsum(map(abs, parts))
    assert report.change == pytest.approx(math.fsum(parts), rel=1e-9, abs=size * 1e-12)
    scale = report.scale
    before, after = (
        Decimal(scale.value(end).replace(",", ""))
        for end in (report.root.before, report.root.after)
    )
    shown = [
        Decimal(scale.difference(amount).replace(",", "")) for amount in report.footed().values()
    ]
    assert sum(shown) == after - before
    unit = Decimal(1).scaleb(-scale.digits)
    for (_, exact), rounded in zip(report.parts, shown, strict=True):
        assert abs(Decimal(repr(exact)) - rounded) < unit * Decimal("1.000001")


@given(_values)
def test_swapped_periods_swap_the_signs(values: Any) -> None:
    _, there = _told(values, ENDS)
    _, back = _told(values, (ENDS[1], ENDS[0]))
    assert [(name, -amount) for name, amount in back.parts] == [
        (name, amount) for name, amount in there.parts
    ]
    assert back.change == -(there.change or 0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.floats(-1e6, 1e6))
def test_shown_parts_stay_next_to_what_they_are(parts: list[float], before: float) -> None:
    after = before + sum(parts)
    scale = scale_of("percent", [before, after])
    shown = scale.footed(parts, (before, after))
    unit = Decimal("0.0001")
    assert all(abs(s - Decimal(repr(p))) < unit for s, p in zip(shown, parts, strict=True))
    assert all(s == 0 for s, p in zip(shown, parts, strict=True) if p == 0)


# ----------------------------------------------------------------------------------------- formats

HOSTILE = '<script>alert("x")</script>]\n--> end; `[a](javascript:1)` &amp; \x1b[31m'


def _hostile(tmp_path: Path) -> DriverReport:
    """A report in which every text that people or data give is hostile."""
    found = _margin(tmp_path, rest=", mix_by: fact__segment").drivers("margin", MAY)
    (table,) = found.segments
    rows = tuple(replace(row, segment=HOSTILE) for row in table.rows)
    return replace(
        found,
        label=HOSTILE,
        notes=(HOSTILE,),
        segments=(replace(table, rows=rows),),
        rows=(found.rows[0], *(replace(row, name=HOSTILE) for row in found.rows[1:])),
    )


def test_a_waterfall_is_well_formed_and_runs_nothing(tmp_path: Path) -> None:
    svg = _hostile(tmp_path).to_svg()
    root = ElementTree.fromstring(svg)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names <= {"svg", "title", "style", "text", "rect", "path"}
    assert root.get("viewBox") and root.find("{http://www.w3.org/2000/svg}title") is not None
    assert not re.search(r"\son\w+=|href|url\(|\x1b", svg)
    assert 'alert("x")' in "".join(root.itertext())  # told, as text
    assert "prefers-color-scheme" in svg


def test_without_contributions_the_picture_says_why(tmp_path: Path) -> None:
    found = _margin(tmp_path).drivers("margin", "2026-06")
    assert "no contributions" in "".join(ElementTree.fromstring(found.to_svg()).itertext())
    of_segments = _margin(tmp_path).drivers("margin", MAY, by="fact__segment")
    bare = replace(of_segments, rows=of_segments.rows[:1])
    assert "services" in "".join(ElementTree.fromstring(bare.to_svg()).itertext())


def test_names_are_inert_in_mermaid(tmp_path: Path) -> None:
    lines = _hostile(tmp_path).to_mermaid().splitlines()
    node, edge = (
        r'  n\d+\["[^"<>`\[\]]*(<br/>[^"<>`\[\]]*)*"\](:::\w+)?',
        r'  n\d+ -\.?->(\|"[^"<>]*"\|)? n\d+',
    )
    for line in lines[1:]:
        assert re.fullmatch(f"{node}|{edge}|  classDef .*", line), line
    assert "#60;script#62;" in lines[1]


def test_names_are_inert_in_text_and_markdown(tmp_path: Path) -> None:
    found = _hostile(tmp_path)
    assert "\x1b" not in found.to_text() and "\x1b" not in found.to_markdown()
    markdown = found.to_markdown()
    assert not re.search(r"(?<!\\)<", markdown) and not re.search(r"(?<!\\)\[a", markdown)
    assert all(line.count("|") - line.count("\\|") in (0, 7, 9) for line in markdown.splitlines())


def test_json_holds_every_row_and_no_text_of_people_is_lost(tmp_path: Path) -> None:
    values = json.loads(json.dumps(_hostile(tmp_path).as_json()))
    assert [row["name"] for row in values["drivers"]] == ["margin", HOSTILE, HOSTILE]
    assert values["summary"]["label"] == HOSTILE
    assert values["summary"]["segments"][0]["rows"][0]["segment"] == HOSTILE


def test_many_segments_are_told_together_and_still_add_up(tmp_path: Path) -> None:
    rows = [
        (n, f"2026-0{month}-01", "sales", f"s{n % 30:02}", "x", n * month, None)
        for month in (4, 5) for n in range(30)
    ]  # fmt: skip
    found = _margin(tmp_path, [*MIX[:0], *rows]).drivers("margin", MAY)
    assert found.status == "undefined"  # no cost: nothing to take apart
    table = BySegment("d", "sum", rows=tuple(SegmentRow(f"s{n}", "both", 0.0, float(n), float(n), None) for n in range(20, 0, -1)))  # fmt: skip
    text = replace(found, segments=(table,)).to_text()
    assert "8 others" in text and re.search(r"8 others +\+36", text)


def test_the_residual_is_always_its_own_row(tmp_path: Path) -> None:
    found = _margin(tmp_path).drivers("margin", MAY)
    assert found.parts[-1] == (UNEXPLAINED, 0.0)
    assert f"\n{UNEXPLAINED}" in found.to_text() and UNEXPLAINED in found.to_svg()
