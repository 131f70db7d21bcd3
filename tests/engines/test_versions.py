"""Former versions of metrics (decision 3): asked for by number, or standing for their days."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from kpilayer import Compiled, DefinitionError, Project, QueryError
from tests.engines.conftest import Engine

MODELS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: ordered_at, granularity: second, dimension: {type: time}}
      - {name: status, dimension: categorical}
      - {name: buyer, dimension: categorical}
  - name: ledger
    semantic_model: true
    agg_time_dimension: booked_on
    columns:
      - {name: id, entity: {type: primary, name: booking}}
      - {name: booked_on, granularity: day, dimension: {type: time}}
metrics:
"""
TABLES = {
    # Of version 1: orders of January. Of version 2: those of February and March, up to midnight of
    # the 31st. Of version 3: all from April on, and those without a date.
    "orders": """
        SELECT id, CAST(moment AS TIMESTAMP) AS ordered_at, status, buyer, amount, discount
        FROM (VALUES
            (1, '2026-01-15 08:00:00', 'paid', 'ann', 10, 1),
            (2, '2026-01-20 08:00:00', 'open', 'ben', 20, 2),
            (3, '2026-02-10 08:00:00', 'paid', 'ann', 30, 3),
            (4, '2026-03-31 23:59:59', 'void', 'ann', 40, 4),
            (5, '2026-03-31 23:59:59', 'open', 'ben', 50, 5),
            (6, '2026-04-01 00:00:00', 'paid', 'ben', 60, 6),
            (7, NULL, 'paid', 'cem', 70, 7)
        ) AS t(id, moment, status, buyer, amount, discount)""",
    "ledger": """
        SELECT id, CAST(d AS DATE) AS booked_on, total
        FROM (VALUES (1, '2026-01-31', 1000), (2, '2026-04-02', 5000)) AS t(id, d, total)""",
}
REVENUE = """
  - name: revenue
    model: orders
    agg: sum
    expr: amount
    filter: "{{ Dimension('order__status') }} <> 'void'"
    version: 3
    previous:
      - {version: 2, until: 2026-03-31, expr: amount - discount, reason: without discounts%(two)s}
      - version: 1
        until: 2026-01-31
        filter: "{{ Dimension('order__status') }} = 'paid'"
        %(one)s
"""
RESTATED = REVENUE % {"two": "", "one": "reason: open orders count"}
STANDING = REVENUE % {"two": ", restate: false", "one": "restate: false"}
JANUARY, FEBRUARY, MARCH, APRIL = (dt.date(2026, month, 1) for month in (1, 2, 3, 4))


def shop(engine: Engine, metrics: str) -> Project:
    project = engine.project(MODELS + metrics, tables=TABLES)
    assert [str(i) for i in project.check() if i.severity == "error"] == []
    return project


def rows(project: Project, *metrics: str, **question: Any) -> list[tuple[Any, ...]]:
    return [
        tuple(int(v) if hasattr(v, "as_tuple") else v for v in row)
        for row in project.query(metrics, **question).rows()
    ]


def test_each_version_is_a_number_of_its_own_for_all_dates(engine: Engine) -> None:
    """Decision 3: `revenue` is the newest version for all dates, older ones `revenue@1`."""
    project = shop(engine, RESTATED)
    # 10+20+30+50+60+70; paid: 10+30+60+70; amounts less 1+2+3+5+6+7; the newest again.
    assert rows(project, "revenue", "revenue@1", "revenue@2", "revenue@3") == [(240, 170, 216, 240)]


def test_a_version_is_a_column_that_needs_no_quotes(engine: Engine) -> None:
    """Decision 3 and Q2: `revenue@1` is the column `revenue_v1`, sorted by under either name."""
    project = shop(engine, RESTATED)
    by = {"group_by": "order__buyer", "order_by": "-revenue@1"}
    found = project.query("revenue@1", **by)
    assert found.columns == ("order__buyer", "revenue_v1")
    expected = [("cem", 70), ("ben", 60), ("ann", 40)]
    assert rows(project, "revenue@1", **by) == expected
    assert rows(project, "revenue@1", **{**by, "order_by": "-revenue_v1"}) == expected


def test_every_version_has_a_fingerprint_and_the_newest_that_of_the_metric(
    engine: Engine,
) -> None:
    """Decisions 1 and 3."""
    project = shop(engine, RESTATED)
    asked = ("revenue", "revenue@1", "revenue@2", "revenue@3")
    prints = project.prepare(asked).fingerprints
    assert list(prints) == ["revenue", "revenue_v1", "revenue_v2", "revenue_v3"]
    assert prints["revenue"] == prints["revenue_v3"]
    assert len(set(prints.values())) == 3
    card = project.describe("revenue")
    assert [(v["name"], v["fingerprint"]) for v in card["versions"]] == [
        ("revenue@2", prints["revenue_v2"]),
        ("revenue@1", prints["revenue_v1"]),
    ]
    assert card["versions"][0]["reason"] == "without discounts"
    assert project.describe("revenue@1")["filter"] == ["\"order__status\" = 'paid'"]


def test_former_versions_change_no_fingerprint_unless_they_stand(engine: Engine) -> None:
    """Decisions 1 and 3: what `revenue` is depends on versions that are part of its number."""
    project = shop(engine, RESTATED + STANDING.replace("name: revenue", "name: stitched"))
    prints = {m.name: m.fingerprint for m in project.metrics}
    assert prints["stitched"] != prints["revenue"]
    stitched = project.prepare(["stitched@1", "stitched@2", "stitched@3"]).fingerprints
    plain = project.prepare(["revenue@1", "revenue@2", "revenue@3"]).fingerprints
    assert list(stitched.values()) == list(plain.values())


def test_a_version_can_be_an_input(engine: Engine) -> None:
    """Decision 3: what a change of definition did to the number."""
    project = shop(
        engine,
        RESTATED
        + """
  - name: restated_by
    type: derived
    expr: revenue - before
    input_metrics: [revenue, {name: revenue@2, alias: before}]
""",
    )
    assert rows(project, "restated_by") == [(24,)]  # the discounts of all but the void order


def test_versions_that_stand_count_for_the_rows_of_their_days(engine: Engine) -> None:
    """Decision 3: `until` is the last day of the former version, as a whole."""
    project = shop(engine, STANDING)
    # January: paid, 10. To March 31: 27 + 45 net, not void. From April and undated: 60 + 70.
    assert rows(project, "revenue") == [(212,)]
    assert rows(project, "revenue", group_by="metric_time__month") == [
        (JANUARY, 10),
        (FEBRUARY, 27),
        (MARCH, 45),
        (APRIL, 60),
        (None, 70),
    ]
    assert rows(project, "revenue", group_by="metric_time__year") == [
        (JANUARY, 142),
        (None, 70),
    ]
    assert rows(project, "revenue", group_by="order__buyer") == [
        ("ann", 10 + 27),
        ("ben", 45 + 60),
        ("cem", 70),
    ]


def test_a_stitched_metric_agrees_with_sql_that_says_the_same(engine: Engine) -> None:
    """Decision 3, beside other metrics: the rows of one do not change those of the other."""
    project = shop(engine, STANDING)
    found = rows(project, "revenue", "revenue@1", "revenue@3", group_by="metric_time__month")
    expected = engine.rows("""
        SELECT CAST(DATE_TRUNC('month', ordered_at) AS DATE) AS m,
            SUM(CASE WHEN ordered_at < '2026-02-01' THEN CASE WHEN status = 'paid' THEN amount END
                WHEN status = 'void' THEN NULL
                WHEN ordered_at < '2026-04-01' THEN amount - discount ELSE amount END),
            SUM(CASE WHEN status = 'paid' THEN amount END),
            SUM(CASE WHEN status <> 'void' THEN amount END)
        FROM orders GROUP BY 1 ORDER BY 1 NULLS LAST""")
    assert found == expected


def test_the_answer_says_which_version_holds_when(engine: Engine) -> None:
    """Decision 3: in metadata, comments and `describe`."""
    project = shop(engine, STANDING)
    said = "version 1 up to 2026-01-31, version 2 up to 2026-03-31, version 3 after it"
    prepared = project.prepare("revenue")
    assert stitched(prepared) == [f"`revenue` is {said}"]
    assert f"\n-- revenue: {said}\n" in prepared.sql
    assert project.describe("revenue")["stitched"] == said
    assert stitched(project.prepare("revenue@3")) == []


def stitched(prepared: Compiled) -> list[str]:
    """What it says of versions; of types that are not known, some engines say more."""
    return [i.message for i in prepared.notices if i.code == "stitched-versions"]


def test_a_version_that_was_restated_covers_all_dates_before_it(engine: Engine) -> None:
    """Decision 3: version 3 restated version 2, so version 1 does not stand either."""
    project = shop(engine, REVENUE % {"two": "", "one": "restate: false"})
    assert rows(project, "revenue") == [(240,)]
    project = engine.project(MODELS + REVENUE % {"two": ", restate: false", "one": ""})
    # Version 2 restated version 1: 9 + 18 + 27 + 45, then 60 + 70.
    assert rows(project, "revenue") == [(229,)]


def test_a_former_version_of_another_model_counts_its_rows(engine: Engine) -> None:
    """Decision 3: a former version had its own model."""
    project = shop(
        engine,
        """
  - name: revenue
    model: orders
    agg: sum
    expr: amount
    version: 2
    previous: [{version: 1, until: 2026-03-31, model: ledger, expr: total, restate: false}]
""",
    )
    assert rows(project, "revenue", "revenue@1") == [(1000 + 60 + 70, 6000)]
    assert rows(project, "revenue", group_by="metric_time__month") == [
        (JANUARY, 1000),
        (APRIL, 60),
        (None, 70),
    ]


BUYERS = """
  - name: buyers
    model: orders
    agg: count_distinct
    expr: buyer
    version: 2
    previous: [{version: 1, until: 2026-03-31, expr: status, restate: false}]
  - name: paid_share
    type: derived
    expr: paid / orders_all
    input_metrics: [paid, orders_all]
    version: 2
    previous: [{version: 1, until: 2026-03-31, expr: paid, restate: false}]
  - {name: paid, input_metric: orders_all, filter: "{{ Dimension('order__status') }} = 'paid'"}
  - {name: orders_all, model: orders, agg: count}
"""


def test_what_does_not_add_up_is_answered_by_periods_of_one_version(engine: Engine) -> None:
    """Decision 3: statuses up to March, buyers from April on."""
    project = shop(engine, BUYERS)
    assert rows(project, "buyers", "paid_share", group_by="metric_time__month") == [
        (JANUARY, 2, 1),
        (FEBRUARY, 1, 1),
        (MARCH, 2, None),
        (APRIL, 1, 1),
        (None, 1, 1),
    ]
    assert rows(project, "buyers", group_by="metric_time__quarter") == [
        (JANUARY, 3),
        (APRIL, 1),
        (None, 1),
    ]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"start": "2026-01-01", "end": "2026-03-31"}, [(3, 2)]),
        ({"start": "2026-04-01", "end": "2026-12-31"}, [(1, 1)]),
        ({"start": "2027-01-01"}, [(0, None)]),
    ],
)
def test_what_does_not_add_up_is_answered_for_a_range_of_one_version(
    engine: Engine, question: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    """Decision 3: a distinct count of no rows is 0, of either version."""
    assert rows(shop(engine, BUYERS), "buyers", "paid_share", **question) == expected


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"group_by": "metric_time__year"},
        {"group_by": "order__status"},
        {"group_by": "metric_time__extract_month"},
        {"start": "2026-03-31", "end": "2026-04-01"},
    ],
)
def test_what_does_not_add_up_over_two_versions_is_refused(
    engine: Engine, question: dict[str, Any]
) -> None:
    """Decision 3: no number is better than one that means nothing."""
    project = shop(engine, BUYERS)
    for metric in ("buyers", "paid_share"):
        with pytest.raises(QueryError) as caught:
            project.compile(metric, **question)
        assert [i.code for i in caught.value.issues] == ["mixed-versions"]


def test_running_totals_and_earlier_values_take_each_row_by_the_version_of_its_day(
    engine: Engine,
) -> None:
    """Decision 3: 10, then 27 and 45 net, then 60."""
    project = shop(
        engine,
        STANDING
        + """
  - {name: so_far, type: cumulative, input_metric: revenue, period_agg: last}
  - name: before
    type: derived
    expr: earlier
    input_metrics: [{name: revenue, alias: earlier, offset_window: 1 month}]
""",
    )
    question = {"group_by": "metric_time__month", "start": "2026-02-01", "end": "2026-04-30"}
    assert rows(project, "so_far", **question) == [(FEBRUARY, 37), (MARCH, 82), (APRIL, 142)]
    assert rows(project, "before", **question) == [(FEBRUARY, 10), (MARCH, 27), (APRIL, 45)]


def test_gaps_are_filled_once_for_all_versions(engine: Engine) -> None:
    """Decision 3: a fill stands outside of what is stitched."""
    gaps = STANDING.replace(
        "version: 3", "fill_nulls_with: 0\n    join_to_timespine: true\n    version: 3"
    )
    project = shop(engine, gaps)
    question = {"group_by": "metric_time__month", "start": "2026-01-01", "end": "2026-06-30"}
    assert rows(project, "revenue", **question) == [
        (JANUARY, 10),
        (FEBRUARY, 27),
        (MARCH, 45),
        (APRIL, 60),
        (dt.date(2026, 5, 1), 0),
        (dt.date(2026, 6, 1), 0),
    ]


def test_least_and_greatest_values_are_those_of_both_versions(engine: Engine) -> None:
    """Decision 3: the extremes of rows up to March less discounts, and of later ones."""
    text = "\n".join(
        f"""  - name: {agg}_amount
    model: orders
    agg: {agg}
    expr: amount
    version: 2
    previous: [{{version: 1, until: 2026-03-31, expr: amount - discount, restate: false}}]"""
        for agg in ("min", "max")
    )
    project = shop(engine, "\n" + text + "\n")
    assert rows(project, "min_amount", "max_amount") == [(9, 70)]
    assert rows(project, "min_amount", "max_amount", end="2026-03-31") == [(9, 45)]


def test_versions_of_an_aggregate_expression_have_their_own_sql(engine: Engine) -> None:
    """Decision 3: `sql` of a former version."""
    project = shop(
        engine,
        """
  - name: per_buyer
    model: orders
    sql: SUM(amount) / COUNT(DISTINCT buyer)
    version: 2
    previous: [{version: 1, until: 2026-03-31, sql: SUM(amount) / COUNT(*), restate: false}]
""",
    )
    assert rows(project, "per_buyer@1", "per_buyer@2") == [(40.0, 280 / 3)]
    assert rows(project, "per_buyer", group_by="metric_time__month", end="2026-04-30") == [
        (JANUARY, 15.0),
        (FEBRUARY, 30.0),
        (MARCH, 45.0),
        (APRIL, 60.0),
    ]


def test_an_unknown_version_is_told_with_those_that_there_are(engine: Engine) -> None:
    """Decision 3."""
    project = shop(engine, RESTATED + BUYERS)
    known = {
        "revenue@4": "versions: `revenue@1`, `revenue@2`, `revenue@3`",
        "paid@2": "versions: `paid@1`",
        "revenu@1": "did you mean `revenue@1`?",
    }
    for asked, hint in known.items():
        with pytest.raises(QueryError) as caught:
            project.compile(asked)
        (issue,) = caught.value.issues
        assert (issue.code, issue.message) == ("unknown-metric", f"there is no metric `{asked}`")
        assert issue.hint == hint
    assert rows(project, "paid@1") == rows(project, "paid")


@pytest.mark.parametrize(
    ("previous", "said"),
    [
        ("[{version: 2}]", "version 2 of `many` comes after version 2"),
        ("[{version: 1, until: 2026-01-31}, {version: 1}]", "comes after version 1"),
        ("[{version: 1, restate: false}]", "nothing says until when"),
        ("[{version: 1, sql: COUNT(*)}]", "a former version of a simple metric has no `sql`"),
        ("[{version: 1, expr: SUM(amount)}]", "`sum` is an aggregate"),
        ("[{version: 1, model: nowhere}]", "there is no semantic model `nowhere`"),
        ("[{version: 1, filter: \"{{ Dimension('order__stat') }} = 1\"}]", "order__stat"),
        ("[{version: 1, agg: percentile}]", "needs a `percentile`"),
    ],
)
def test_former_versions_are_checked_like_metrics(engine: Engine, previous: str, said: str) -> None:
    """Decision 3."""
    project = engine.project(
        MODELS
        + f"  - {{name: many, model: orders, agg: sum, expr: amount, version: 2, previous: {previous}}}\n",
        tables=TABLES,
    )
    errors = [i for i in project.check() if i.severity == "error"]
    assert any(said in i.message for i in errors), errors
    assert all(i.location is not None for i in errors)
    with pytest.raises(DefinitionError):
        project.compile("many")


def test_no_metric_is_called_as_the_column_of_a_version(engine: Engine) -> None:
    """Decision 3: `revenue_v1` is one number."""
    same = "  - {name: revenue_v1, model: orders, agg: count}\n"
    project = engine.project(MODELS + RESTATED + same, tables=TABLES)
    assert "duplicate-name" in [i.code for i in project.check()]


@pytest.mark.parametrize(
    "question",
    [
        {"totals": [[]]},
        {"compare": "prior_period"},
        {"top": {"n": 1, "by": "-buyers", "of": "order__status"}},
    ],
)
def test_totals_and_comparisons_do_not_mix_versions(
    engine: Engine, question: dict[str, Any]
) -> None:
    """Decision 3: they are of rows of both versions, and say so for what does not add up."""
    by = {"group_by": ["metric_time__month", "order__status"]}
    with pytest.raises(QueryError) as caught:
        shop(engine, BUYERS).compile("buyers", **by, **question)
    assert "mixed-versions" in [i.code for i in caught.value.issues]


def test_totals_of_what_adds_up_are_of_all_versions(engine: Engine) -> None:
    """Decision 3: 212 in all."""
    project = shop(engine, STANDING)
    found = rows(project, "revenue", group_by="metric_time__month", totals=[[]])
    assert found[-1][-1] == 212 or (None, "total", 212) in found or 212 in [r[-1] for r in found]


def test_versions_that_stand_end_one_after_another(engine: Engine) -> None:
    """Decision 3: each day belongs to one version."""
    swapped = STANDING.replace("until: 2026-01-31", "until: 2026-04-30")
    project = engine.project(MODELS + swapped, tables=TABLES)
    said = "version 1 of `revenue` ends on 2026-04-30, and the newer version 2 on 2026-03-31"
    assert said in [i.message for i in project.check()]


def test_a_metric_without_time_cannot_be_stitched(engine: Engine) -> None:
    """Decision 3: stitching needs a time dimension."""
    project = engine.project(
        MODELS.replace("    agg_time_dimension: ordered_at\n", "") + STANDING, tables=TABLES
    )
    assert "no-time-dimension" in [i.code for i in project.check()]
