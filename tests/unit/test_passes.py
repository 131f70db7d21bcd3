"""Each rewrite as a plan before and after, with the rows of both."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from kpilayer.expr import trunc
from kpilayer.plan.nodes import (
    Aggregate,
    Column,
    Combine,
    Derived,
    Filter,
    Group,
    Join,
    Match,
    Measure,
    Plan,
    Project,
    Read,
    Scan,
    Sort,
    values_of,
)
from kpilayer.plan.passes import (
    PASSES,
    drop_implied_conditions,
    drop_unused_joins,
    fuse,
    join_after_grouping,
    merge_bounds,
    rewrite,
)
from kpilayer.plan.passes.implied import implies
from kpilayer.relation import Relation
from kpilayer.sql.printing import to_sql
from kpilayer.sql.select import generate
from tests.conftest import Define

ORDERS = Scan(Relation("table", ("orders",)), "o")
CUSTOMERS = Scan(Relation("table", ("customers",)), "c")
REGIONS = Scan(Relation("table", ("regions",)), "r")
BY_CUSTOMER = Join(ORDERS, CUSTOMERS, ((exp.column("cid", "o"), exp.column("id", "c")),), True)
BY_REGION = Join(BY_CUSTOMER, REGIONS, ((exp.column("rid", "c"), exp.column("id", "r")),), True)


def condition(text: str) -> exp.Expr:
    return sqlglot.parse_one(text, read="duckdb")


def plan(source: Scan | Join | Filter, key: exp.Expr | None = None) -> Plan:
    keys = (Column("k", key),) if key is not None else ()
    total = Aggregate("total", source, keys, (Measure("v", "sum", exp.column("v", "o")),))
    return Plan(Sort(Project(total, (Column("v", exp.column("v", "total")),)), ()))


def source_of(done: Plan) -> object:
    top = done.root.input.input
    assert isinstance(top, Aggregate)
    return top.input


def test_a_bound_that_another_implies_is_dropped() -> None:
    wide = "o.t >= CAST('2026-01-01' AS DATE) AND o.t < CAST('2026-04-01' AS DATE)"
    both = f"{wide} AND o.t >= CAST('2026-02-01' AS DATE)"
    kept = "o.t < CAST('2026-04-01' AS DATE) AND o.t >= CAST('2026-02-01' AS DATE)"
    assert merge_bounds(plan(Filter(ORDERS, condition(both)))) == plan(
        Filter(ORDERS, condition(kept))
    )


def test_bounds_on_other_columns_and_other_conditions_stay() -> None:
    text = "o.t >= CAST('2026-01-01' AS DATE) AND o.u >= CAST('2026-02-01' AS DATE) AND o.a > 1"
    before = plan(Filter(ORDERS, condition(text)))
    assert merge_bounds(before) == before


def test_a_bound_inside_an_or_stays() -> None:
    text = "(o.t >= CAST('2026-02-01' AS DATE) OR o.a = 1) AND o.t >= CAST('2026-01-01' AS DATE)"
    before = plan(Filter(ORDERS, condition(text)))
    assert merge_bounds(before) == before


def test_a_join_that_nothing_uses_is_dropped() -> None:
    assert drop_unused_joins(plan(BY_REGION)) == plan(ORDERS)


def test_a_join_that_leads_to_a_used_one_stays() -> None:
    before = plan(BY_REGION, exp.column("name", "r"))
    assert drop_unused_joins(before) == before


def test_a_join_that_only_a_filter_uses_stays() -> None:
    before = plan(Filter(BY_REGION, condition("c.tier = 'gold'")))
    assert source_of(drop_unused_joins(before)) == Filter(BY_CUSTOMER, condition("c.tier = 'gold'"))


def test_every_pass_is_idempotent() -> None:
    text = "o.t >= CAST('2026-01-01' AS DATE) AND o.t >= CAST('2026-02-01' AS DATE)"
    once = rewrite(plan(Filter(BY_REGION, condition(text))))
    assert rewrite(once) == once
    assert all(change(once) == once for change in PASSES)


# ---------------------------------------------------------------- fuse: plans and rows, before and after

SALES = Scan(Relation("table", ("sales",)), "s")
MONTH = Column("month", trunc("month", exp.column("t", "s")))
ROWS = """
    CREATE TABLE sales AS SELECT * FROM (VALUES
        (DATE '2024-12-31', 1, 'a'), (DATE '2025-01-01', 2, NULL), (DATE '2025-01-31', 4, 'b'),
        (DATE '2025-02-01', 8, 'a'), (DATE '2025-06-30', 16, 'a'), (DATE '2025-07-01', 32, 'a'),
        (NULL, 64, 'a')) AS rows(t, v, shop);
    CREATE TABLE shops AS SELECT 'a' AS shop, 'Ulm' AS city
"""


def by_month(name: str, measure: str, condition: str | None, *, saves: bool = False) -> Aggregate:
    rows = Filter(SALES, bounds(condition), saves) if condition else SALES
    return Aggregate(name, rows, (MONTH,), (Measure(measure, "sum", exp.column("v", "s")),))


def bounds(text: str) -> exp.Expr:
    return condition(
        text.replace("DATE ", "").replace("'2", "CAST('2").replace("1'", "1' AS DATE)")
    )


def beside(*branches: Group) -> Plan:
    both = Combine("both", branches)
    names = ["month", *(name for branch in branches for name in values_of(branch))]
    columns = tuple(Column(name, exp.column(name, "both")) for name in names)
    return Plan(Sort(Project(both, columns), ()))


def rows_of(done: Plan) -> list[tuple[object, ...]]:
    with duckdb.connect(":memory:") as connection:
        connection.execute(ROWS)
        text = to_sql(generate(done, "duckdb", ""), "duckdb")
        return sorted(connection.execute(text).fetchall(), key=repr)


def scans(done: Plan) -> int:
    text = to_sql(generate(done, "duckdb", ""), "duckdb")
    return text.count("sales AS s")


YEAR = "s.t >= DATE '2025-01-01' AND s.t < DATE '2026-01-01'"
JUNE_ON = "s.t >= DATE '2025-06-01' AND s.t < DATE '2026-01-01'"
EARLIER = "s.t >= DATE '2024-06-01' AND s.t < DATE '2025-02-01'"


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        (YEAR, YEAR, 1),
        (YEAR, JUNE_ON, 1),
        (YEAR, EARLIER, 1),
        (JUNE_ON, EARLIER, 2),
        (YEAR, None, 2),
        (YEAR, f"{YEAR} AND s.shop = 'a'", 2),
        (None, None, 1),
        ("s.t >= DATE '2025-01-01'", "s.t < DATE '2025-02-01'", 1),
        ("s.t >= DATE '2025-01-31'", "s.t >= DATE '2024-12-01'", 2),
    ],
)
def test_ranges_that_meet_are_read_once_and_keep_their_groups(
    one: str | None, other: str | None, left: int
) -> None:
    before = beside(by_month("a", "x", one), by_month("b", "y", other))
    after = fuse(before)
    assert (scans(before), scans(after)) == (2, left)
    assert rows_of(before) == rows_of(after)
    assert fuse(after) == after


def test_a_range_that_only_saves_reading_is_widened_without_a_condition() -> None:
    wide, narrow = by_month("a", "x", YEAR), by_month("b", "y", JUNE_ON, saves=True)
    month = exp.EQ(this=exp.column("month", "b"), expression=exp.column("month", "a"))
    late = exp.GTE(
        this=exp.column("month", "a"), expression=condition("CAST('2025-06-01' AS DATE)")
    )
    source = Filter(Match(Read(wide), Read(narrow), month), late)
    columns = (
        Column("month", exp.column("month", "a")),
        Column("x", exp.column("x", "a")),
        Column("y", exp.column("y", "b")),
    )
    before = Plan(
        Sort(
            Project(
                Derived("met", source, columns, ("month",)),
                tuple(Column(c.name, exp.column(c.name, "met")) for c in columns),
            ),
            (),
        )
    )
    after = fuse(before)
    assert (scans(before), scans(after)) == (2, 1)
    assert rows_of(before) == rows_of(after)


def test_aggregates_of_other_groups_are_not_fused() -> None:
    months = by_month("a", "x", None)
    shops = replace(by_month("b", "y", None), keys=(Column("month", exp.column("shop", "s")),))
    assert scans(fuse(beside(months, replace(shops, name="b")))) == 2


# -------------------------------------------------------------------------- joins after the groups

SHOP = exp.column("shop", "s")
SHOPS = Scan(Relation("table", ("shops",)), "p")
IN_SHOP = Join(SALES, SHOPS, ((SHOP, exp.column("shop", "p")),), True)
CITY = Column("city", exp.column("city", "p"))


def by_shop(source: Join | Filter, *keys: Column) -> Plan:
    total = Aggregate("a", source, keys, (Measure("x", "sum", exp.column("v", "s")),))
    names = [*(key.name for key in keys), "x"]
    return Plan(Sort(Project(total, tuple(Column(n, exp.column(n, "a")) for n in names)), ()))


def text_of(done: Plan) -> str:
    return to_sql(generate(done, "duckdb", ""), "duckdb")


def test_a_table_whose_key_is_a_group_by_is_joined_to_the_groups() -> None:
    before = by_shop(IN_SHOP, CITY, Column("shop", SHOP))
    after = join_after_grouping(before)
    assert "FROM a_grouped\nLEFT JOIN shops AS p" in text_of(after)
    assert rows_of(before) == rows_of(after)
    assert len(rows_of(after)) == 3  # a has a city, b has none, and NULL is a group
    assert join_after_grouping(after) == after


@pytest.mark.parametrize(
    "before",
    [
        by_shop(IN_SHOP, CITY),
        by_shop(Filter(IN_SHOP, condition("p.city = 'Ulm'")), CITY, Column("shop", SHOP)),
        by_shop(IN_SHOP, Column("both", condition("p.city || s.shop")), Column("shop", SHOP)),
        by_shop(replace(IN_SHOP, valid=condition("p.city > 'A'")), CITY, Column("shop", SHOP)),
    ],
)
def test_a_table_that_rows_need_is_joined_to_rows(before: Plan) -> None:
    assert join_after_grouping(before) == before


# ------------------------------------------------------------------------------ implied conditions


def counted(rows: str | None, *conditions: str | None, by: Column | None = MONTH) -> Plan:
    """Counts of rows and sums under conditions, by month or over all."""
    source = SALES if rows is None else Filter(SALES, condition(rows))
    measures = [
        Measure(f"{name}{place}", agg, value, None if c is None else condition(c), needs_rows=null)
        for place, c in enumerate(conditions)
        for name, agg, value, null in (
            ("n", "count", exp.Literal.number(1), c is not None or by is None),
            ("c", "count", exp.column("shop", "s"), c is not None or by is None),
            ("d", "count_distinct", exp.column("shop", "s"), c is not None and by is not None),
            ("x", "sum", exp.column("v", "s"), False),
        )
    ]
    keys = () if by is None else (by,)
    total = Aggregate("a", source, keys, tuple(measures))
    names = [*(key.name for key in keys), *(m.name for m in measures)]
    return Plan(Sort(Project(total, tuple(Column(n, exp.column(n, "a")) for n in names)), ()))


@pytest.mark.parametrize("by", [MONTH, None])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("s.shop = 'a'", "s.shop IN ('a', 'b')"), ("s.shop = 'a'", None)),
        (("s.v < 9 AND s.shop = 'z'", "s.v < 9"), ("s.v < 9 AND s.shop = 'z'", None)),
        (
            ("s.shop = 'b' OR s.shop IN ('a', 'b')", "s.shop = 'b' AND s.shop IN ('b', 'c')"),
            ("s.shop IN ('a', 'b')", "s.shop = 'b'"),
        ),
        (("s.v < 9 OR (s.v < 9 AND s.v > 1)", None), ("s.v < 9", None)),
        (("s.v IN (1, 2) OR s.v IN (2, 1)", None), ("s.v IN (1, 2)", None)),
        ((None, "s.shop IN ('a', 'b') AND s.shop = 'a'"), (None, "s.shop = 'a'")),
        (
            ("s.v < 9 AND s.shop = 'a'", "s.v > 4 OR s.shop = 'a'"),
            ("s.v < 9 AND s.shop = 'a'", None),
        ),
    ],
)
def test_what_another_condition_implies_is_not_asked_again(
    before: tuple[str | None, str | None], after: tuple[str | None, str | None], by: Column | None
) -> None:
    done = drop_implied_conditions(counted(*before, by=by))
    top, wanted = done.root.input.input, counted(*after, by=by).root.input.input
    assert isinstance(top, Aggregate)
    assert isinstance(wanted, Aggregate)
    assert top.input == wanted.input
    assert [m.condition for m in top.measures] == [m.condition for m in wanted.measures]
    assert rows_of(done) == rows_of(counted(*before, by=by))
    assert drop_implied_conditions(done) == done


@pytest.mark.parametrize(
    ("rows", "own"),
    [
        ("s.shop IN ('a', 'b')", "s.shop = 'a'"),
        ("s.v < 9 OR s.shop = 'a'", "s.shop = 'a'"),
        ("s.shop IN ('a', NULL)", "s.shop IN ('a', 'b')"),
        ("s.v = 1", "s.v IN (1, 2.5)"),
        ("NOT s.shop = 'b'", "s.shop IN ('a', 'z')"),
        ("s.shop = 'a'", "s.shop IN (s.shop, 'a')"),
    ],
)
def test_what_is_not_surely_implied_is_asked(rows: str, own: str) -> None:
    before = counted(rows, own)
    assert drop_implied_conditions(before) == before


def test_a_filter_that_only_saves_reading_implies_nothing() -> None:
    rows = Filter(SALES, condition("s.v < 9"), saves_reading=True)
    measure = Measure("x", "sum", exp.column("v", "s"), condition("s.v < 9"))
    before = beside(Aggregate("a", rows, (MONTH,), (measure,)))
    assert drop_implied_conditions(before) == before


def test_what_implies_is_true_of_no_row_of_which_the_implied_is_not() -> None:
    atoms = [
        "s.shop = 'a'",
        "s.shop IN ('a', 'b')",
        "s.shop IN ('b', 'a', 'c')",
        "NOT s.shop = 'a'",
    ]
    atoms += ["s.v = 1", "s.v IN (1, 2)", "s.v > 1", "s.shop IS NULL"]
    pairs = [(a, b) for place, a in enumerate(atoms) for b in atoms[place + 1 :]]
    texts = [*atoms, *(f"{a} {word} {b}" for a, b in pairs for word in ("AND", "OR"))]
    texts += [f"({a} OR {b}) AND {c}" for (a, b), c in zip(pairs, atoms * 4, strict=False)]
    rows = """FROM (VALUES (NULL), ('a'), ('b'), ('c'), ('d')) AS x(shop),
        (VALUES (NULL), (1), (2), (3)) AS y(v)"""
    with duckdb.connect(":memory:") as connection:
        asked = ", ".join(texts)
        true = connection.execute(f"SELECT {asked} FROM (SELECT shop, v {rows}) AS s").fetchall()
    holds = [{at for at, row in enumerate(true) if row[column]} for column in range(len(texts))]
    trees = [condition(text) for text in texts]
    said = [
        (a, b) for a in range(len(texts)) for b in range(len(texts)) if implies(trees[a], trees[b])
    ]
    wrong = [(texts[a], texts[b]) for a, b in said if not holds[a] <= holds[b]]
    assert wrong == []
    assert len(said) > 3 * len(texts)  # of each itself, and many more


def test_a_count_of_values_under_a_condition_is_null_without_a_row_and_0_without_a_value() -> None:
    # December: one row, of shop a. January: two rows, one without a shop. Later ones do not pass.
    names = {"2024-12-01": 1, "2025-01-01": 0}
    shown = rows_of(counted(None, "s.v < 3"))
    assert {str(month): c for month, _, c, *_ in shown if str(month) in names} == names
    assert [c for month, _, c, *_ in shown if str(month) not in names] == [None, None, None, None]


def test_two_filters_by_metrics_of_one_model_read_one_scan_of_it(define: Define) -> None:
    """Fused, the second join takes a name that the first one has not."""
    text = """
models:
  - name: people
    semantic_model: true
    columns: [{name: id, entity: {name: person, type: primary}}]
  - name: visits
    semantic_model: true
    primary_entity: visit
    columns: [{name: person, entity: foreign}]
metrics:
  - {name: people_count, model: people, agg: count}
  - {name: visit_count, model: visits, agg: count}
  - {name: all_visits, model: visits, agg: count}
  - name: often
    input_metric: visit_count
    filter: "{{ Metric('all_visits', ['person']) }} > 1"
"""
    tables = {
        "people": "SELECT * FROM (VALUES (1), (2), (3)) AS t(id)",
        "visits": "SELECT * FROM (VALUES (1), (1), (2)) AS t(person)",
    }
    asked = "{{ Metric('visit_count', ['person']) }} IS NOT NULL"
    shop = define(text, tables=tables)
    assert shop.query(["people_count", "often"], where=asked).rows() == [(2, 2)]
