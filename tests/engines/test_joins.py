"""Joins give the numbers that hand-written SQL gives, on every engine (language.md P1-P6)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kpilayer import DefinitionError, Project, QueryError

# ----------------------------------------------------------------------------------- composite keys

PARCELS = """
models:
  - name: order_lines
    semantic_model: true
    columns:
      - {name: note, dimension: categorical}
      - {name: order_no, dimension: {type: categorical, name: order_number}}
    derived_semantics:
      entities:
        - {name: order_line, type: primary, columns: [order_number, line_no]}
      dimensions:
        - {name: line_no, type: categorical, expr: position + 1}
  - name: parcels
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: parcel}}
    derived_semantics:
      entities:
        - {name: order_line, type: foreign, columns: [ord, "CAST(line AS INTEGER)"]}
        - {name: sent_back_for, type: foreign, to: order_line, columns: [ord, back_line]}
metrics:
  - {name: parcels, model: parcels, agg: count}
  - {name: line_count, model: order_lines, agg: count}
"""
PARCEL_ROWS = {
    "order_lines": """SELECT * FROM (VALUES
        ('A', 0, 'red'), ('A', 1, 'blue'), ('B', 0, 'red'), ('B', NULL, 'lost'), (NULL, 0, 'none')
        ) AS t(order_no, position, note)""",
    "parcels": """SELECT * FROM (VALUES
        (1, 'A', '1', 2), (2, 'A', '2', NULL), (3, 'A', '9', 1), (4, 'B', '1', 1),
        (5, 'B', NULL, 1), (6, NULL, '1', 1), (7, 'A', '1', 1)
        ) AS t(id, ord, line, back_line)""",
}


@pytest.fixture
def parcels(engine: Any) -> Project:
    found: Project = engine.project(PARCELS, tables=PARCEL_ROWS)
    assert [str(i) for i in found.check() if i.severity == "error"] == []
    return found


@pytest.mark.statement("P5")
def test_parts_of_a_key_pair_by_position_and_a_null_part_joins_nothing(
    parcels: Project, engine: Any
) -> None:
    truth = engine.rows(
        """SELECT (SELECT l.note FROM order_lines l
                   WHERE l.order_no = p.ord AND l.position + 1 = CAST(p.line AS INTEGER)) AS note,
               COUNT(*) FROM parcels p GROUP BY 1 ORDER BY 1 NULLS LAST"""
    )
    assert truth == [("blue", 1), ("red", 3), (None, 3)]  # by hand: 2; 1, 4, 7; 3, 5, 6
    assert parcels.query("parcels", "order_line__note").rows() == truth


@pytest.mark.statement("P5")
def test_a_role_of_a_composite_entity_joins_by_its_own_columns(parcels: Project) -> None:
    found = parcels.query("parcels", "sent_back_for__note").rows()
    assert found == [("blue", 1), ("red", 4), (None, 2)]


@pytest.mark.statement("P5")
def test_parts_can_be_dimensions_of_the_end_of_a_path(parcels: Project) -> None:
    found = parcels.query("parcels", "order_line__line_no").rows()
    assert found == [(1, 3), (2, 1), (None, 3)]


@pytest.mark.statement("P5")
def test_a_composite_key_is_no_column(parcels: Project) -> None:
    with pytest.raises(QueryError, match="composite-key") as refused:
        parcels.query("line_count", "order_line")
    [issue] = refused.value.issues
    assert issue.hint == "name the dimensions that are its parts: `order_number`, `line_no`"
    with pytest.raises(QueryError, match="composite-key"):
        parcels.query("parcels", where="order_line IS NULL")


@pytest.mark.statement("P5")
def test_a_type_is_known_by_the_part(engine: Any) -> None:
    wrong = PARCELS.replace("CAST(line AS INTEGER)", "line").replace("ord, back", "back_line, back")
    project = engine.project(wrong, tables=PARCEL_ROWS)
    project.lock()
    found = [i.message for i in Project.load(engine.folder).check() if i.code == "type-mismatch"]
    assert len(found) == 1, found
    assert "`parcels.back_line` is a number, and `order_lines.order_no` is a text" in found[0]


# --------------------------------------------------------------------------------------- partitions

SNAPSHOTS = """
models:
  - name: visits
    semantic_model: true
    agg_time_dimension: visited_at
    columns:
      - {name: id, entity: {type: primary, name: visit}}
      - {name: user_id, entity: {type: foreign, name: user}}
      - {name: visited_at, granularity: second, dimension: {type: time, name: visited_at}}
    derived_semantics:
      dimensions:
        - {name: ds, type: time, granularity: day, expr: visited_at, is_partition: true}
  - name: users
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: user}}
      - {name: city_id, entity: {type: foreign, name: city}}
      - {name: plan, dimension: categorical}
      - {name: ds, granularity: day, dimension: {type: time, is_partition: true}}
  - name: cities
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: city}}
      - {name: planet_id, entity: {type: foreign, name: planet}}
      - {name: title, dimension: categorical}
  - name: planets
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: planet}}
      - {name: colour, dimension: categorical}
      - {name: ds, granularity: month, dimension: {type: time, is_partition: true}}
metrics:
  - {name: visits, model: visits, agg: count}
"""
SNAPSHOT_ROWS = {
    "visits": """SELECT * FROM (VALUES
        (1, 1, TIMESTAMP '2024-01-31 08:00:00'), (2, 1, TIMESTAMP '2024-02-01 23:59:59'),
        (3, 1, TIMESTAMP '2024-02-02 00:00:00'), (4, 2, TIMESTAMP '2024-02-01 12:00:00'),
        (5, 3, TIMESTAMP '2024-01-31 12:00:00'), (6, 1, NULL)
        ) AS t(id, user_id, visited_at)""",
    "users": """SELECT * FROM (VALUES
        (1, 10, 'free', DATE '2024-01-31'), (1, 10, 'paid', DATE '2024-02-01'),
        (2, 10, 'paid', DATE '2024-02-01'), (2, 10, 'gone', DATE '2024-02-02'),
        (3, 20, 'late', NULL)
        ) AS t(id, city_id, plan, ds)""",
    "cities": "SELECT * FROM (VALUES (10, 100, 'Ulm'), (20, 100, 'Rom')) AS t(id, planet_id, title)",
    "planets": """SELECT * FROM (VALUES
        (100, 'blue', DATE '2024-01-01'), (100, 'green', DATE '2024-02-01')
        ) AS t(id, colour, ds)""",
}


def test_partitions_of_one_name_must_be_equal_at_their_common_grain(engine: Any) -> None:
    project = engine.project(SNAPSHOTS, tables=SNAPSHOT_ROWS)
    truth = engine.rows(
        """SELECT (SELECT u.plan FROM users u WHERE u.id = v.user_id
                   AND DATE_TRUNC('day', u.ds) = DATE_TRUNC('day', v.visited_at)) AS plan, COUNT(*)
           FROM visits v GROUP BY 1 ORDER BY 1 NULLS LAST"""
    )
    assert truth == [("free", 1), ("paid", 2), (None, 3)]
    assert project.query("visits", "user__plan").rows() == truth


def test_a_partition_is_paired_with_the_nearest_model_before_it_that_has_one(engine: Any) -> None:
    """Cities have no partition: a planet's month is that of the user's day, and not of the visit's.

    Visits 1, 2, 4 find their user; the users' days are in January once and in February twice.
    """
    project = engine.project(SNAPSHOTS, tables=SNAPSHOT_ROWS)
    found = project.query("visits", "user__city__planet__colour").rows()
    assert found == [("blue", 1), ("green", 2), (None, 3)]
    sql = project.compile("visits", "user__city__planet__colour")
    truncated = {
        "bigquery": "date_trunc(cast(user.ds as date), month)",
        "clickhouse": "tostartofmonth(todate32(user.ds))",
        "mariadb": "",
        "mysql": "",
        "sqlite": "date(user.ds, 'start of month')",
    }
    expected = truncated.get(engine.name, "date_trunc('month', user.ds)")
    assert expected in re.sub('["`]', "", sql).lower()


def test_a_change_of_a_partition_is_a_change_of_the_dimension(define: Any) -> None:
    def fingerprint(text: str) -> str:
        query = define(text).prepare("visits", "user__plan")
        return str(query.fingerprints["user__plan"])

    before = fingerprint(SNAPSHOTS)
    assert before != fingerprint(
        SNAPSHOTS.replace("expr: visited_at, is_partition: true", "expr: visited_at")
    )
    assert before == fingerprint(SNAPSHOTS.replace("title", "name"))


# ------------------------------------------------------------------- slowly changing dimensions (2)

VERSIONS = """
models:
  - name: sales
    semantic_model: true
    agg_time_dimension: sold_at
    columns:
      - {name: id, entity: {type: primary, name: sale}}
      - {name: seller_id, entity: {type: foreign, name: seller}}
      - {name: buyer_id, entity: {type: foreign, name: buyer, to: seller}}
      - {name: sold_at, granularity: day, dimension: time}
      - {name: paid_at, granularity: second, dimension: time}
  - name: seller_versions
    semantic_model: true
    columns:
      - {name: seller_id, entity: {type: natural, name: seller}}
      - {name: team_id, entity: {type: foreign, name: team}}
      - {name: tier, dimension: categorical}
      - name: since
        granularity: second
        dimension: {type: time, validity_params: {is_start: true}}
      - name: until
        granularity: second
        dimension: {type: time, validity_params: {is_end: true}}
  - name: teams
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: team}}
      - {name: title, dimension: categorical}
  - name: sale_items
    semantic_model: true
    agg_time_dimension: sale__sold_at
    columns:
      - {name: id, entity: {type: primary, name: item}}
      - {name: sale_id, entity: {type: foreign, name: sale}}
  - name: leads
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: lead}}
      - {name: seller_id, entity: {type: foreign, name: seller}}
metrics:
  - {name: sales, model: sales, agg: count}
  - {name: paid_sales, model: sales, agg: count, agg_time_dimension: paid_at}
  - {name: gold_sales, input_metric: sales, filter: "{{ Dimension('seller__tier') }} = 'gold'"}
  - {name: items, model: sale_items, agg: count}
  - {name: leads, model: leads, agg: count}
"""
VERSION_ROWS = {
    "sales": """SELECT * FROM (VALUES
        (1, 1, 2, TIMESTAMP '2024-01-15 18:00:00', TIMESTAMP '2024-03-01 00:00:00'),
        (2, 1, 2, TIMESTAMP '2024-02-01 00:00:00', TIMESTAMP '2024-02-01 09:00:00'),
        (3, 1, NULL, TIMESTAMP '2024-02-01 12:00:00', NULL),
        (4, 2, 1, TIMESTAMP '2023-12-31 12:00:00', TIMESTAMP '2024-01-01 00:00:00'),
        (5, 2, 1, TIMESTAMP '2024-06-01 12:00:00', TIMESTAMP '2024-06-01 12:00:00'),
        (6, 3, 1, TIMESTAMP '2024-06-01 12:00:00', TIMESTAMP '2024-06-01 12:00:00'),
        (7, 1, 1, NULL, TIMESTAMP '2024-02-20 12:00:00')
        ) AS t(id, seller_id, buyer_id, sold_at, paid_at)""",
    "seller_versions": """SELECT * FROM (VALUES
        (1, 10, 'new', TIMESTAMP '2024-01-01 00:00:00', TIMESTAMP '2024-02-01 09:00:00'),
        (1, 20, 'gold', TIMESTAMP '2024-02-01 09:00:00', NULL),
        (2, 10, 'gold', TIMESTAMP '2024-01-01 00:00:00', TIMESTAMP '2024-05-01 00:00:00')
        ) AS t(seller_id, team_id, tier, since, until)""",
    "teams": "SELECT * FROM (VALUES (10, 'north'), (20, 'south')) AS t(id, title)",
    "sale_items": "SELECT * FROM (VALUES (1, 1), (2, 1), (3, 2), (4, 9)) AS t(id, sale_id)",
    "leads": "SELECT * FROM (VALUES (1, 1), (2, 2)) AS t(id, seller_id)",
}


@pytest.fixture
def versions(engine: Any) -> Project:
    found: Project = engine.project(VERSIONS, tables=VERSION_ROWS)
    assert [str(i) for i in found.check() if i.severity == "error"] == []
    return found


def _by_version(column: str, key: str, time: str) -> str:
    """The truth: a correlated subquery finds the version that held."""
    return f"""SELECT (SELECT v.{column} FROM seller_versions v WHERE v.seller_id = s.{key}
                AND {time} >= v.since AND ({time} < v.until OR v.until IS NULL)) AS value, COUNT(*)
               FROM sales s GROUP BY 1 ORDER BY 1 NULLS LAST"""


def test_a_row_meets_the_version_that_held_at_its_time(versions: Project, engine: Any) -> None:
    truth = engine.rows(_by_version("tier", "seller_id", "DATE_TRUNC('day', s.sold_at)"))
    # Sale 3 is on the day on which the tier changed: a day begins at midnight, when it was new.
    assert truth == [("new", 3), (None, 4)]
    assert versions.query("sales", "seller__tier").rows() == truth


def test_another_time_of_the_fact_finds_another_version(versions: Project, engine: Any) -> None:
    truth = engine.rows(_by_version("tier", "seller_id", "s.paid_at"))
    assert truth == [("gold", 4), (None, 3)]
    assert versions.query("paid_sales", "seller__tier").rows() == truth
    both = versions.query(["sales", "paid_sales"], "seller__tier").rows()
    assert both == [("gold", None, 4), ("new", 3, None), (None, 4, 3)]


def test_a_role_meets_its_own_version(versions: Project, engine: Any) -> None:
    truth = engine.rows(_by_version("tier", "buyer_id", "DATE_TRUNC('day', s.sold_at)"))
    assert versions.query("sales", "buyer__tier").rows() == truth


def test_a_path_goes_on_from_the_version_that_held(versions: Project, engine: Any) -> None:
    truth = engine.rows(_by_version("team_id", "seller_id", "s.paid_at"))
    names = {10: "north", 20: "south", None: None}
    expected = [(names[team], count) for team, count in truth]
    assert versions.query("paid_sales", "seller__team__title").rows() == expected


def test_a_version_is_chosen_by_a_time_that_is_reached_by_a_path(versions: Project) -> None:
    # Items 1, 2 of sale 1 (15 Jan, new); 3 of sale 2 (1 Feb, new); 4 of no sale.
    assert versions.query("items", "sale__seller__tier").rows() == [("new", 3), (None, 1)]


def test_a_filter_by_a_version(versions: Project) -> None:
    assert versions.query("sales", where="seller__tier = 'new'").rows() == [(3,)]
    assert versions.query("gold_sales").rows() == [(None,)]
    assert versions.query(["sales", "gold_sales"]).rows() == [(7, None)]


def test_without_a_time_no_version_holds(versions: Project) -> None:
    with pytest.raises(QueryError, match="changes over time"):
        versions.query("leads", "seller__tier")


def test_two_models_with_versions_are_never_joined(define: Any) -> None:
    text = VERSIONS.replace(
        "  - name: teams\n    semantic_model: true\n    columns:\n      - {name: id, entity: {type: primary, name: team}}",
        """  - name: teams
    semantic_model: true
    columns:
      - {name: id, entity: {type: natural, name: team}}
      - {name: begins, granularity: day, dimension: {type: time, validity_params: {is_start: true}}}
      - {name: ends, granularity: day, dimension: {type: time, validity_params: {is_end: true}}}""",
    )
    with pytest.raises(QueryError, match="no-join-path"):
        define(text).compile("sales", "seller__team__title")


def test_the_time_of_a_metric_cannot_itself_have_versions(define: Any) -> None:
    text = VERSIONS.replace(
        "agg_time_dimension: sale__sold_at", "agg_time_dimension: sale__seller__since"
    )
    assert "bad-value" in {i.code for i in define(text).check()}


def test_a_change_of_the_validity_is_a_change_of_the_dimension(define: Any) -> None:
    def fingerprint(text: str) -> str:
        return str(define(text).prepare("sales", "seller__tier").fingerprints["seller__tier"])

    other = VERSIONS.replace("name: until", "name: until_then").replace(
        "{type: time, validity_params: {is_end",
        "{type: time, name: until, validity_params: {is_end",
    )
    assert fingerprint(VERSIONS) != fingerprint(other)


# ------------------------------------------------------------------------ which entities may be joined


@pytest.mark.parametrize("right", ["primary", "unique", "natural", "foreign"])
@pytest.mark.parametrize("left", ["primary", "unique", "natural", "foreign"])
def test_the_join_rule(define: Any, left: str, right: str) -> None:
    """Right primary or unique: from any left; right natural: from what has no versions itself."""
    ends = """
      - {name: since, granularity: day, dimension: {type: time, validity_params: {is_start: true}}}
      - {name: until, granularity: day, dimension: {type: time, validity_params: {is_end: true}}}"""
    own = "" if left == "primary" or left == "natural" else "\n    primary_entity: fact"
    other = "\n    primary_entity: lookup" if right in ("unique", "foreign") else ""
    text = f"""
models:
  - name: facts
    semantic_model: true
    agg_time_dimension: happened_on{own}
    columns:
      - {{name: key_id, entity: {{type: {left}, name: key}}}}
      - {{name: happened_on, granularity: day, dimension: time}}{ends if left == "natural" else ""}
  - name: lookups
    semantic_model: true{other}
    columns:
      - {{name: the_key, entity: {{type: {right}, name: key}}}}
      - {{name: colour, dimension: categorical}}{ends if right == "natural" else ""}
metrics:
  - {{name: facts, model: facts, agg: count}}
"""
    rows = {
        "facts": """SELECT * FROM (VALUES
            (1, DATE '2024-01-10', DATE '2024-01-01', DATE '2024-02-01'),
            (2, DATE '2024-01-10', DATE '2024-01-01', NULL),
            (3, DATE '2024-01-10', DATE '2024-01-01', NULL)
            ) AS t(key_id, happened_on, since, until)""",
        "lookups": """SELECT * FROM (VALUES
            (1, 'red', DATE '2024-01-01', CAST(NULL AS DATE)),
            (2, 'blue', DATE '2024-02-01', CAST(NULL AS DATE))
            ) AS t(the_key, colour, since, until)""",
    }
    project = define(text, tables=rows)
    assert [str(i) for i in project.check() if i.severity == "error"] == []
    address = "key__colour" if right != "foreign" else "lookup__colour"
    if (left, right) == ("primary", "foreign"):  # down: each fact once per group
        found = project.query("facts", address)
        assert found.rows() == [("blue", 1), ("red", 1), (None, 1)]
        assert found.overlapping
        return
    if right == "foreign" or (left, right) == ("natural", "natural"):
        with pytest.raises(QueryError):
            project.query("facts", address)
        return
    late = (None, 2) if right == "natural" else None
    expected = [("red", 1), late] if late else [("blue", 1), ("red", 1), (None, 1)]
    assert project.query("facts", address).rows() == expected


def test_different_numbers_of_parts_are_an_error(define: Any) -> None:
    with pytest.raises(DefinitionError, match="composite-key"):
        define(PARCELS.replace("[ord, back_line]", "[ord, back_line, id]")).query("parcels")
