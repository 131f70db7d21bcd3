"""Row access (decision 12): a caller sees the rows that a definition lets its role see."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from kpilayer import Project, QueryError
from tests.engines.conftest import Engine

TABLES = {
    "orders": """
        SELECT id, CAST(d AS DATE) AS ordered_on, region, customer_id, amount
        FROM (VALUES
            (1, '2026-01-15', 'EU', 1, 10), (2, '2026-02-10', 'EU', 2, 20),
            (3, '2026-02-11', 'US', 2, 40), (4, '2026-06-01', 'Cote d''Ivoire', 3, 80),
            (5, '2026-07-01', NULL, 1, 160)
        ) AS t(id, d, region, customer_id, amount)""",
    "customers": """
        SELECT id, country, tier FROM (VALUES (1, 'DE', 1), (2, 'FR', 2), (3, 'CI', 3))
        AS t(id, country, tier)""",
}
DEFINITIONS = """
models:
  - name: orders
    semantic_model: true
    agg_time_dimension: ordered_on
    columns:
      - {name: id, entity: {type: primary, name: order}}
      - {name: customer_id, entity: {type: foreign, name: customer}}
      - {name: ordered_on, granularity: day, dimension: {type: time}}
      - {name: region, dimension: categorical}
    %(orders)s
  - name: customers
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: customer}}
      - {name: country, dimension: categorical}
      - {name: tier, dimension: categorical}
    %(customers)s
metrics:
  - {name: revenue, model: orders, agg: sum, expr: amount}
  - {name: order_count, model: orders, agg: count}
  - {name: customer_count, model: customers, agg: count}
  - {name: so_far, type: cumulative, input_metric: revenue}
  - {name: each_month, input_metric: revenue, join_to_timespine: true, fill_nulls_with: 0}
"""
REGION = "{{ Dimension('order__region') }} = {{ role.region }}"
REGIONS = "{{ Dimension('order__region') }} IN {{ role.regions }}"


def shop(engine: Engine, orders: str = "", customers: str = "") -> Project:
    project = engine.project(text(orders, customers), tables=TABLES)
    assert [str(i) for i in project.check() if i.severity == "error"] == []
    return project


def text(orders: str = "", customers: str = "") -> str:
    access = {
        "orders": f'row_access: {{filter: "{orders}"}}' if orders else "",
        "customers": f'row_access: {{filter: "{customers}"}}' if customers else "",
    }
    return DEFINITIONS % access


def rows(project: Project, *metrics: str, **question: Any) -> list[tuple[Any, ...]]:
    found = project.query(metrics, **question).rows()
    return [tuple(int(v) if isinstance(v, Decimal) else v for v in row) for row in found]


def test_a_role_sees_its_own_rows(engine: Engine) -> None:
    """Decision 12: `{{ role.region }}` renders to a literal."""
    project = shop(engine, REGION)
    assert rows(project, "revenue", "order_count", role={"region": "EU"}) == [(30, 2)]
    assert rows(project, "revenue", role={"region": "US"}) == [(40,)]
    assert rows(project, "revenue", group_by="order__region", role={"region": "EU"}) == [("EU", 30)]


def test_a_list_is_one_of_several_values(engine: Engine) -> None:
    """Decision 12: a list renders to an IN list, a single value to a list of one."""
    project = shop(engine, REGIONS)
    assert rows(project, "revenue", role={"regions": ["EU", "US"]}) == [(70,)]
    assert rows(project, "revenue", role={"regions": ("EU",)}) == [(30,)]
    assert rows(project, "revenue", role={"regions": {"EU", "US"}}) == [(70,)]
    assert rows(project, "revenue", role={"Regions": "US"}) == [(40,)]


@pytest.mark.parametrize(
    "role", [None, {}, {"regions": "EU"}, {"region": None}, {"region": []}, {"region": ()}]
)
def test_without_the_attribute_there_are_no_rows(
    engine: Engine, role: dict[str, Any] | None
) -> None:
    """Decision 12: a missing attribute or no role means no rows, and a notice says why."""
    project = shop(engine, REGION)
    assert rows(project, "revenue", "order_count", role=role) == [(None, None)]
    assert rows(project, "revenue", group_by="order__region", role=role) == []
    notices = project.prepare("revenue", role=role).notices
    said = "`orders` shows no rows: its row access needs `role.region`"
    assert [(i.code, i.message) for i in notices] == [("no-role", said)]


def test_one_missing_attribute_of_several_hides_every_row(engine: Engine) -> None:
    """Decision 12: also where another part of the filter would be true."""
    project = shop(engine, f"{{{{ role.sees_all }}}} OR {REGION}")
    assert rows(project, "revenue", role={"region": "EU"}) == [(None,)]
    assert rows(project, "revenue", role={"region": "EU", "sees_all": False}) == [(30,)]
    assert rows(project, "revenue", role={"region": "EU", "sees_all": True}) == [(310,)]


def test_a_filter_without_a_role_holds_for_everybody(engine: Engine) -> None:
    """Decision 12: nothing is missing."""
    project = shop(engine, "{{ Dimension('order__region') }} IS NOT NULL")
    assert rows(project, "revenue") == rows(project, "revenue", role={"x": 1}) == [(150,)]
    assert project.prepare("revenue").notices == ()


def test_facts_of_a_hidden_lookup_row_stay_without_its_attributes(engine: Engine) -> None:
    """Decision 12: facts whose lookup row is hidden stay, with NULL attributes."""
    project = shop(engine, customers="{{ Dimension('customer__country') }} = {{ role.country }}")
    assert rows(project, "revenue", group_by="customer__country", role={"country": "DE"}) == [
        ("DE", 170),
        (None, 140),
    ]
    assert rows(project, "revenue", group_by="customer__country") == [(None, 310)]
    assert rows(project, "revenue", "customer_count", role={"country": "DE"}) == [(310, 1)]
    # A condition cannot find out what is hidden, nor can a group-by whose value is never NULL.
    where = {"where": "{{ Dimension('customer__country') }} = 'FR'"}
    assert rows(project, "revenue", **where, role={"country": "DE"}) == [(None,)]
    assert rows(project, "revenue", where="customer__tier >= 2", role={"country": "DE"}) == [
        (None,)
    ]


def test_facts_can_be_seen_by_a_dimension_of_a_lookup(engine: Engine) -> None:
    """Decision 12: decided on all rows of the lookup, also on those that are hidden."""
    country = "{{ Dimension('customer__country') }} = {{ role.country }}"
    project = shop(engine, country, "{{ Dimension('customer__tier') }} < 2")
    assert rows(project, "revenue", role={"country": "FR"}) == [(60,)]
    by = {"group_by": "customer__country", "role": {"country": "FR"}}
    assert rows(project, "revenue", **by) == [(None, 60)]


def test_the_many_side_is_tested_on_rows_that_are_seen(engine: Engine) -> None:
    """Decision 12 and P6: customers with an order of the role's region above 30."""
    project = shop(engine, REGION)
    where = {"where": "{{ Dimension('order__ordered_on') }} > '2026-01-31'"}
    assert rows(project, "customer_count", **where, role={"region": "EU"}) == [(1,)]
    assert rows(project, "customer_count", **where, role={"region": "US"}) == [(1,)]
    assert rows(project, "customer_count", **where) == [(None,)]
    by = {"group_by": "order__region", "role": {"region": "US"}}
    assert rows(project, "customer_count", **by) == [("US", 1), (None, 2)]


def test_periods_of_hidden_rows_do_not_show(engine: Engine) -> None:
    """Decision 12: the spine of a metric reaches from its first visible row to its last."""
    project = shop(engine, REGION)
    months = [dt.date(2026, 1, 1), dt.date(2026, 2, 1)]
    question = {"group_by": "metric_time__month", "role": {"region": "EU"}}
    assert rows(project, "each_month", **question) == [(months[0], 10), (months[1], 20)]
    found = rows(project, "so_far", group_by="metric_time__day", role={"region": "US"})
    assert found == [(dt.date(2026, 2, 11), 40)]
    assert rows(project, "each_month", group_by="metric_time__month") == []


def test_a_metric_of_an_entity_in_a_filter_counts_rows_that_are_seen(engine: Engine) -> None:
    """Decision 12: customers whose orders of the role's region are worth more than 15."""
    project = shop(engine, REGION)
    where = {"where": "{{ Metric('revenue', ['customer']) }} > 15"}
    assert rows(project, "customer_count", **where, role={"region": "EU"}) == [(1,)]
    assert rows(project, "customer_count", **where) == [(None,)]


NASTY = [
    "EU' OR '1'='1",
    "EU'; DROP TABLE orders; --",
    "' UNION SELECT 1 --",
    "\\' OR 1=1 --",
    "EU\\",
    "\\",
    "'",
    "''",
    '"',
    "{{ 7 * 7 }}",
    "{% raw %}",
    "$$ OR TRUE $$",
    "E'\\x27'",
    "EU -- ",
    "/* */ OR 1=1",
    "%",
    "?",
    ":region",
    "%s",
    "\uff25\uff35",
    "EU\nOR 1=1",
    "",
    " ",
    "x" * 10_000,
]


@pytest.mark.parametrize("value", NASTY, ids=range(len(NASTY)))
def test_no_value_of_a_role_is_read_as_sql(engine: Engine, value: str) -> None:
    """Decision 12: a value is a literal; the text itself is found, and nothing else."""
    project = shop(engine, REGION)
    assert rows(project, "order_count", role={"region": value}) == [(None,)]
    engine.run("INSERT INTO orders VALUES (9, '2026-01-01', ?, 1, 7)", [value])
    assert rows(project, "revenue", role={"region": value}) == [(7,)]
    project = engine.project(text(REGIONS))
    assert rows(project, "revenue", role={"regions": [value, "US"]}) == [(47,)]
    assert rows(project, "revenue") == [(None,)]


def test_a_quote_in_a_value_is_part_of_it(engine: Engine) -> None:
    """Decision 12."""
    assert rows(shop(engine, REGION), "revenue", role={"region": "Cote d'Ivoire"}) == [(80,)]


def test_numbers_dates_and_truth_values_are_literals_of_their_kind(engine: Engine) -> None:
    """Decision 12: also a number from a text, as on the command line."""
    tier = shop(engine, customers="{{ Dimension('customer__tier') }} >= {{ role.tier }}")
    for value, count in [(2, 2), (2.5, 1), (Decimal("2.5"), 1), (-1, 3), (1e-7, 3), ("2", 2)]:
        assert rows(tier, "customer_count", role={"tier": value}) == [(count,)]
    day = "{{ TimeDimension('order__ordered_on', 'month') }} >= {{ role.since }}"
    project = engine.project(text(day))
    for value in (dt.date(2026, 2, 1), dt.datetime(2026, 2, 1), "2026-02-01"):
        assert rows(project, "revenue", role={"since": value}) == [(300,)]
    truth = engine.project(text(f"{{{{ role.all }}}} OR {REGION}"))
    assert rows(truth, "revenue", role={"all": True, "region": "US"}) == [(310,)]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\0b", "`region` holds a character that no text in a warehouse has"),
        ("\ud800", "`region` holds a character that no text in a warehouse has"),
        ("x" * 10_001, "`region` is longer than 10,000 characters"),
        (["x"] * 10_001, "`region` is a list of more than 10,000 values"),
        (float("nan"), "`region` is not a number"),
        (float("inf"), "`region` is not a number"),
        ({"a": 1}, "`region` is a dict: it must be text, a number, a date or a list"),
        ([["a"]], "`region` is a list: it must be text, a number, a date or a list"),
        (["a", None], "`region` is a NoneType: it must be text, a number, a date or a list"),
        (["a"], "`region` is a list, and the row access of `orders` compares it as one value"),
    ],
    ids=range(10),
)
def test_what_can_be_no_literal_is_refused(engine: Engine, value: Any, said: str) -> None:
    """Decision 12: refused, and never left out."""
    project = shop(engine, REGION)
    with pytest.raises(QueryError) as caught:
        project.query("revenue", role={"region": value})
    assert [(i.code, i.message) for i in caught.value.issues] == [("bad-role", said)]


def test_the_sql_says_which_attributes_decide_and_not_their_values_in_words(
    engine: Engine,
) -> None:
    """Decision 12: the heading names attributes; values stand in the condition alone."""
    project = shop(engine, REGION)
    compiled = project.prepare("revenue", role={"region": "EU"})
    heading = [line for line in compiled.sql.splitlines() if line.startswith("--")]
    assert heading[1:] == ["-- row access of orders: role.region"]
    assert compiled.sql.count("EU") == 1
    compiled = project.prepare("revenue")
    assert "-- row access of orders: no rows, its row access needs `role.region`" in compiled.sql


def test_fingerprints_hold_the_filter_and_no_value(engine: Engine) -> None:
    """Decision 12: whose rows are seen is part of what a number means."""
    project = shop(engine, REGION)
    one, other = (project.prepare("revenue", role={"region": r}) for r in ("EU", "US"))
    assert one.fingerprints == other.fingerprints
    spelled = "({{ role.region }} = {{ Dimension('order__region') }})"
    assert engine.project(text(spelled)).prepare("revenue").fingerprints == one.fingerprints
    assert engine.project(text()).prepare("revenue").fingerprints != one.fingerprints
    assert engine.project(text(REGIONS)).prepare("revenue").fingerprints != one.fingerprints


@pytest.mark.parametrize(
    ("access", "said"),
    [
        (
            "{{ Dimension('order__region') }} = '{{ role.region }}'",
            "`role.region` stands in quotes",
        ),
        ("{{ Dimension('order__area') }} = {{ role.region }}", "order__area"),
        ("region = {{ role.region }}", "region"),
        ("{{ Metric('revenue', ['order']) }} > {{ role.least }}", "decided row by row"),
        ("{{ Dimension('order__region') }} = {{ role }}", "role"),
        ("SUM(amount) > {{ role.least }}", "aggregate"),
        ("EXISTS (SELECT 1)", ""),
    ],
)
def test_a_filter_that_cannot_decide_is_an_error(engine: Engine, access: str, said: str) -> None:
    """Decision 12: quoting is an error, and so is what is no dimension of a row."""
    project = engine.project(text(access), tables=TABLES)
    errors = [i for i in project.check() if i.severity == "error"]
    assert errors
    assert any(said in i.message for i in errors), errors
    assert all(i.location is not None for i in errors)


def test_a_customers_filter_cannot_look_at_orders(engine: Engine) -> None:
    """Decision 12: a row of the many side would decide for several rows at once."""
    project = engine.project(
        text(customers="{{ Dimension('order__region') }} = {{ role.region }}"), tables=TABLES
    )
    assert any("many-to-one" in i.message for i in project.check())


def test_metric_tests_and_contracts_see_every_row(engine: Engine) -> None:
    """Decision 12: they are run on behalf of the project, not of a caller."""
    tested = text(REGION).replace(
        "expr: amount}",
        "expr: amount, contracts: {between: [0, 400]}, metric_tests: [{name: all, given: "
        "{orders: [{id: 1, amount: 2, region: EU}, {id: 2, amount: 3}]}, expect: [{revenue: 5}]}]}",
        1,
    )
    found = engine.project(tested, tables=TABLES).test()
    assert [(o.kind, o.status) for o in found] == [
        ("metric_test", "passed"),
        ("contract", "passed"),
    ]
    low = tested.replace("between: [0, 400]", "between: [0, 100]")
    assert [o.status for o in engine.project(low).test(kinds=["contract"])] == ["failed"]


def test_compiling_everything_shows_nobody_anything(engine: Engine) -> None:
    """Decision 12: files in target/ are of no role."""
    project = shop(engine, REGION)
    texts = [file.text for file in project.compile_all() if str(file.path).endswith(".sql")]
    assert texts
    of_orders = [t for t in texts if "FROM orders" in t]
    assert of_orders
    assert all("FALSE" in t for t in of_orders)


def test_values_of_a_dimension_are_those_of_rows_that_are_seen(engine: Engine) -> None:
    """Decision 12: also where no metric is asked for."""
    project = shop(engine, REGION)
    asked = {"group_by": "order__region"}
    assert project.query(role={"region": "EU"}, **asked).rows() == [("EU",)]
    assert project.query(**asked).rows() == []
    ends = project.query(group_by="order__ordered_on", min_max=True, role={"region": "EU"}).rows()
    assert ends == [(dt.date(2026, 1, 15), dt.date(2026, 2, 10))]
    pairs = {"group_by": ["order__region", "customer__country"]}
    assert project.query(role={"region": "US"}, **pairs).rows()[0] == ("US", "FR")
    seen = {region for region, _ in project.query(role={"region": "US"}, **pairs).rows()}
    assert seen <= {"US", None}


def test_totals_comparisons_and_the_best_are_of_rows_that_are_seen(engine: Engine) -> None:
    """Decision 12: whatever else a question asks for."""
    project = shop(engine, REGION)
    by = {"group_by": "metric_time__month", "role": {"region": "EU"}}
    found = rows(project, "revenue", totals=[[]], **by)
    assert {row[-1] for row in found} == {10, 20, 30}
    compared = rows(project, "revenue", compare="prior_period", **by)
    assert [row[1:3] for row in compared] == [(10, None), (20, 10)]
    best = {"n": 1, "by": "-revenue", "of": "customer__country", "other": "other"}
    found = rows(project, "revenue", group_by="customer__country", top=best, role=by["role"])
    assert found == [("FR", 20), ("other", 10)]
