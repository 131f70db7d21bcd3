"""Time zones where times decide which rows belong together (T1, T5): numbers by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from kpilayer import Project, QueryError

#: Stored in UTC; Berlin is an hour ahead in winter.
VISITS = """
models:
  - name: visits
    semantic_model: true
    agg_time_dimension: seen_at
    columns:
      - {name: id, entity: {type: primary, name: visit}}
      - {name: plan_id, entity: {type: foreign, name: plan}}
      - {name: seen_at, granularity: second, dimension: {type: time, timezone: UTC}}
  - name: plans
    semantic_model: true
    columns:
      - {name: plan_id, entity: {type: natural, name: plan}}
      - {name: title, dimension: categorical}
      - {name: since, granularity: GRAIN, dimension: {type: time, validity_params: {is_start: true}ZONE}}
      - {name: until, granularity: GRAIN, dimension: {type: time, validity_params: {is_end: true}ZONE}}
metrics:
  - {name: visit_count, model: visits, agg: count}
"""
#: 23:15 and 23:45 UTC on January 1 are 00:15 and 00:45 in Berlin on the second.
ROWS = """SELECT * FROM (VALUES (1, 7, TIMESTAMP '2026-01-01 22:30:00'),
    (2, 7, TIMESTAMP '2026-01-01 23:15:00'), (3, 7, TIMESTAMP '2026-01-01 23:45:00')
    ) AS t(id, plan_id, seen_at)"""


def ask(project: Project, metric: str, *by: str, **asked: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in project.query(metric, list(by), **asked).rows()]


def project(engine: Any, text: str, tables: dict[str, str], settings: str = "") -> Project:
    """A project whose types are locked."""
    files = {"kpilayer.yml": f"name: shop\n{settings}\n"}
    engine.project(text, tables=tables, files=files).lock()
    return Project.load(engine.folder, connection=engine.connection)


def visits(engine: Any, versions: str, grain: str, zone: str = "", settings: str = "") -> Project:
    text = VISITS.replace("GRAIN", grain).replace("ZONE", f", timezone: {zone}" if zone else "")
    return project(engine, text, {"visits": ROWS, "plans": versions}, settings)


IN_BERLIN = """SELECT * FROM (VALUES
    (7, 'old', TIMESTAMP '2025-12-01 00:00:00', TIMESTAMP '2026-01-02 00:30:00'),
    (7, 'new', TIMESTAMP '2026-01-02 00:30:00', NULL)) AS t(plan_id, title, since, until)"""


@pytest.mark.statement("T1")
@pytest.mark.parametrize("settings", ["", "timezone: Asia/Tokyo"])
def test_versions_are_chosen_by_instants_in_whatever_zone_they_are_stored(
    engine: Any, settings: str
) -> None:
    """The new plan began at 00:30 in Berlin, which is 23:30 UTC: only the third visit is later."""
    found = visits(engine, IN_BERLIN, "second", "Europe/Berlin", settings)
    zone = {} if settings else {"timezone": "UTC"}
    assert ask(found, "visit_count", "plan__title", **zone) == [("new", 1), ("old", 2)]


IN_DAYS = """SELECT * FROM (VALUES (7, 'old', DATE '2025-12-01', DATE '2026-01-02'),
    (7, 'new', DATE '2026-01-02', NULL)) AS t(plan_id, title, since, until)"""


@pytest.mark.statement("T1")
def test_versions_of_days_are_chosen_by_the_day_of_the_reporting_zone(engine: Any) -> None:
    """In Berlin, the second and third visit are of January 2; in UTC, none is."""
    found = visits(engine, IN_DAYS, "day", settings="timezone: Europe/Berlin")
    assert ask(found, "visit_count", "plan__title") == [("new", 2), ("old", 1)]
    assert ask(found, "visit_count", "plan__title", timezone="UTC") == [("old", 3)]


@pytest.mark.statement("T1")
def test_a_time_of_day_without_a_zone_is_not_compared_with_an_instant(engine: Any) -> None:
    found = visits(engine, IN_BERLIN, "second")
    with pytest.raises(QueryError, match="unknown-zone"):
        found.compile("visit_count", "plan__title")


@pytest.mark.statement("T1")
def test_the_zone_of_a_version_is_part_of_what_is_grouped_by(engine: Any) -> None:
    berlin = visits(engine, IN_BERLIN, "second", "Europe/Berlin")
    title = berlin.prepare("visit_count", "plan__title").fingerprints["plan__title"]
    text = engine.folder / "models" / "definitions.yml"
    text.write_text(text.read_text().replace("timezone: Europe/Berlin", "timezone: Asia/Tokyo"))
    tokyo = Project.load(engine.folder, connection=engine.connection)
    assert tokyo.prepare("visit_count", "plan__title").fingerprints["plan__title"] != title


LOADS = """
models:
  - name: loads
    semantic_model: true
    agg_time_dimension: on_day
    columns:
      - {name: id, entity: {type: primary, name: load}}
      - {name: item, entity: {type: foreign, name: item}}
      - {name: on_day, granularity: second,
         dimension: {type: time, is_partition: true, timezone: UTC}}
  - name: items
    semantic_model: true
    columns:
      - {name: item, entity: {type: primary, name: item}}
      - {name: state, dimension: categorical}
      - {name: on_day, granularity: day, dimension: {type: time, is_partition: true}}
metrics:
  - {name: load_count, model: loads, agg: count}
"""


@pytest.mark.statement("T1")
def test_a_partition_of_days_meets_the_day_of_the_reporting_zone(engine: Any) -> None:
    """In Berlin, the first load is of January 1 and the second of January 2."""
    tables = {
        "loads": """SELECT * FROM (VALUES (1, 5, TIMESTAMP '2026-01-01 22:30:00'),
            (2, 5, TIMESTAMP '2026-01-01 23:30:00')) AS t(id, item, on_day)""",
        "items": """SELECT * FROM (VALUES (5, 'first', DATE '2026-01-01'),
            (5, 'second', DATE '2026-01-02')) AS t(item, state, on_day)""",
    }
    found = project(engine, LOADS, tables, "timezone: Europe/Berlin")
    assert ask(found, "load_count", "item__state") == [("first", 1), ("second", 1)]
    assert ask(found, "load_count", "item__state", timezone="UTC") == [("first", 2)]


HELD = """
models:
  - name: rentals
    semantic_model: true
    agg_time_dimension: begun
    active: {from: begun, to: ended}
    columns:
      - {name: id, entity: {type: primary, name: rental}}
      - {name: begun, granularity: second, dimension: {type: time, timezone: UTC}}
      - {name: ended, granularity: second, dimension: {type: time, timezone: UTC}}
metrics:
  - {name: held, model: rentals, agg: count, as_of: every_day}
"""


@pytest.mark.statement("T5")
def test_rows_hold_at_days_of_the_reporting_zone(engine: Any) -> None:
    """In Berlin the second rental begins on January 2, and the first ends on the third."""
    tables = {
        "rentals": """SELECT * FROM (VALUES
            (1, TIMESTAMP '2026-01-01 12:00:00', TIMESTAMP '2026-01-02 23:30:00'),
            (2, TIMESTAMP '2026-01-01 23:30:00', NULL)) AS t(id, begun, ended)"""
    }
    settings = "timezone: Europe/Berlin"
    files = {"kpilayer.yml": f"name: shop\n{settings}\n"}
    with pytest.raises(QueryError, match="unknown-type"):
        engine.project(HELD, files=files).compile("held", "metric_time__day")
    found = project(engine, HELD, tables, settings)
    days = [dt.date(2026, 1, number) for number in (1, 2, 3)]
    berlin = ask(found, "held", "metric_time__day")
    assert berlin == list(zip(days, (1, 2, 1), strict=True))
    # In UTC both begin on January 1, and the first is over on the second.
    assert ask(found, "held", "metric_time__day", timezone="UTC") == [(days[0], 2), (days[1], 1)]
    text = HELD.replace("{from: begun,", "{from: 'COALESCE(begun, ended)',")
    unclear = project(engine, text, {}, settings)
    with pytest.raises(QueryError, match="unknown-zone"):
        unclear.compile("held", "metric_time__day")
