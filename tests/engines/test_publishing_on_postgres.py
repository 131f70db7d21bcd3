"""Who may read what of published views on PostgreSQL, and what survives when they are made anew."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from kpilayer import PolicyError, Project, QueryError, WarehouseError
from tests.conftest import DEFAULT
from tests.engines.conftest import Engine
from tests.engines.test_publishing import DEFINITIONS, VIEWS, Published

pytestmark = pytest.mark.parametrize("engine", ["postgres"], indirect=True)


class Shop(Published):
    """A shop with readers: roles of the database that are gone after the test."""

    def __init__(self, engine: Engine, schema: str) -> None:
        super().__init__(engine, schema)
        self.made: list[str] = []
        self.tables = engine.connection.execute("SELECT current_schema()").fetchone()[0]

    def role(self, name: str, within: str = "") -> str:
        made = f"{name}_{uuid.uuid4().hex[:8]}"
        self.execute(f"CREATE ROLE {made}" + (f" IN ROLE {within}" if within else ""))
        self.made.append(made)
        return made

    def as_role(self, role: str, sql: str) -> list[tuple[Any, ...]]:
        """What a role reads, by rights of its own."""
        connection = self.engine.connection
        connection.execute(f"SET ROLE {role}")
        try:
            return sorted(connection.execute(sql).fetchall(), key=repr)
        finally:
            connection.execute("RESET ROLE")

    def grantees(self, view: str) -> set[tuple[str, str]]:
        found = self.engine.connection.execute(
            "SELECT grantee, privilege_type FROM information_schema.role_table_grants"
            f" WHERE table_schema = '{self.schema}' AND table_name = '{view}'"
        ).fetchall()
        return {(who, what) for who, what in found if who in self.made}


@pytest.fixture
def shop(engine: Engine) -> Iterator[Shop]:
    shop = Shop(engine, f"kpi_{uuid.uuid4().hex[:10]}")
    yield shop
    shop.execute(f"DROP SCHEMA IF EXISTS {shop.schema} CASCADE")
    shop.execute("DROP TABLE IF EXISTS user_roles CASCADE")
    for role in reversed(shop.made):
        shop.execute(f"DROP OWNED BY {role}")
        shop.execute(f"DROP ROLE {role}")


def test_a_granted_role_reads_views_and_no_table(shop: Shop) -> None:
    reader = shop.role("reader")
    shop.define(f"{VIEWS}    grants: [{reader}]\n").publish(schema=shop.schema)
    assert shop.as_role(reader, f"SELECT SUM(revenue) FROM {shop.schema}.orders_monthly") == [
        (360,)
    ]
    assert shop.as_role(reader, f"SELECT COUNT(*) FROM {shop.schema}.orders_monthly__rollup") != [
        (0,)
    ]
    import psycopg

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop.as_role(reader, f"SELECT * FROM {shop.tables}.orders")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop.as_role(reader, f"SELECT * FROM {shop.schema}.order_count")


def test_a_group_stands_for_its_roles_and_a_right_that_is_taken_back_is_gone(shop: Shop) -> None:
    one, two = shop.role("finance"), shop.role("sales")
    groups = f"groups:\n  - {{name: money, roles: [{one}, {two}]}}\n"
    views = "views:\n  - {name: monthly, metrics: [revenue], grants: [money]}\n"
    shop.define(groups + views).publish(schema=shop.schema)
    assert shop.grantees("monthly") == {(one, "SELECT"), (two, "SELECT")}
    shop.define(groups.replace(f", {two}", "") + views).publish(schema=shop.schema)
    assert shop.grantees("monthly") == {(one, "SELECT")}


def test_rights_that_others_gave_survive_when_a_view_is_made_anew(shop: Shop) -> None:
    mine, theirs = shop.role("mine"), shop.role("theirs")
    views = f"views:\n  - {{name: monthly, metrics: [revenue, order_count], grants: [{mine}]}}\n"
    shop.define(views).publish(schema=shop.schema)
    shop.execute(f"GRANT SELECT ON {shop.schema}.monthly TO {theirs} WITH GRANT OPTION")
    shop.execute(f"GRANT SELECT (revenue) ON {shop.schema}.monthly TO PUBLIC")
    shop.execute("ALTER TABLE orders ADD COLUMN paid numeric(20, 4)")
    shop.execute("UPDATE orders SET paid = amount")
    retyped = DEFINITIONS.replace("expr: amount, unit: USD", "expr: paid, unit: USD")
    project = shop.define(views, retyped)
    action = next(a for a in project.plan(schema=shop.schema).actions if a.name == "monthly")
    assert action.verb == "recreate" and "`revenue` is numeric and was" in action.why
    project.publish(schema=shop.schema)
    assert shop.grantees("monthly") == {(mine, "SELECT"), (theirs, "SELECT")}
    [(may_pass,)] = shop.engine.connection.execute(
        f"SELECT has_table_privilege('{theirs}', '{shop.schema}.monthly', 'SELECT WITH GRANT OPTION')"
    ).fetchall()
    assert may_pass
    assert not project.plan(schema=shop.schema).is_pending


def test_what_others_built_blocks_with_its_name_unless_it_may_go(shop: Shop) -> None:
    shop.define("views:\n  - {name: monthly, metrics: [revenue, order_count]}").publish(
        schema=shop.schema
    )
    shop.execute(f"CREATE VIEW {shop.tables}.report AS SELECT revenue FROM {shop.schema}.monthly")
    project = shop.define("views:\n  - {name: monthly, metrics: [order_count]}")
    with pytest.raises(PolicyError) as refused:
        project.publish(schema=shop.schema)
    assert f"`{shop.tables}.report`" in str(refused.value)
    assert shop.rows("monthly", "SUM(revenue)") == [(360,)]
    project.publish(schema=shop.schema, cascade=True)
    [(left,)] = shop.engine.connection.execute(
        f"SELECT to_regclass('{shop.tables}.report')"
    ).fetchall()
    assert left is None


# ----------------------------------------------------------------------------------------- row access

ACCESS = DEFINITIONS.replace(
    "  - name: customers\n    semantic_model: true\n",
    "  - name: customers\n    semantic_model: true\n"
    "    row_access: {filter: \"customer__region = {{ role.region }}\"}\n",
).replace(
    "    agg_time_dimension: ordered_on\n",
    "    agg_time_dimension: ordered_on\n"
    "    row_access: {filter: \"customer__region IN ({{ role.region }})\"}\n",
)  # fmt: skip
ROLES = """
publish:
  roles: {relation: user_roles, user: who, attributes: {region: region}}
"""


def test_each_reader_sees_the_rows_of_their_role(shop: Shop) -> None:
    eu, us, both, none = (shop.role(name) for name in ("eu", "us", "both", "none"))
    shop.execute("CREATE TABLE user_roles (who text, region text)")
    rows = f"('{eu}', 'EU'), ('{us}', 'US'), ('{none}', NULL)"
    shop.execute(f"INSERT INTO user_roles VALUES {rows}")
    readers = ", ".join(shop.made)
    views = f"""
        views:
          - name: monthly
            metrics: [revenue, active_customers]
            dimensions: [customer__region]
            grants: [{readers}]
        """
    project = shop.define(views, ACCESS, ROLES)
    project.publish(schema=shop.schema)
    revenue = f"SELECT SUM(revenue) FROM {shop.schema}.monthly"
    assert shop.as_role(eu, revenue) == [(190,)]  # 10 + 20 + 30 + 50 + 80
    assert shop.as_role(us, revenue) == [(100,)]  # 40 + 60
    assert shop.as_role(none, revenue) == [(None,)]
    assert shop.as_role(both, revenue) == [(None,)]
    by_region = f"SELECT DISTINCT region FROM {shop.schema}.monthly__by_region"
    assert shop.as_role(us, by_region) == [("US",)]
    asked = project.query("revenue", role={"region": "EU"}).rows()
    assert [int(value) for (value,) in asked] == [190]


def test_a_function_of_a_reader_sees_no_hidden_row(shop: Shop) -> None:
    eu = shop.role("eu")
    shop.execute("CREATE TABLE user_roles (who text, region text)")
    shop.execute(f"INSERT INTO user_roles VALUES ('{eu}', 'EU')")
    shop.define(f"views:\n  - {{name: monthly, metrics: [revenue], dimensions: [customer__region], grants: [{eu}]}}\n", ACCESS, ROLES).publish(schema=shop.schema)  # fmt: skip
    shop.execute(f"GRANT CREATE ON SCHEMA {shop.schema} TO {eu}")
    seen: list[str] = []
    connection = shop.engine.connection
    connection.add_notice_handler(lambda notice: seen.append(notice.message_primary))
    connection.execute(f"SET ROLE {eu}")
    connection.execute(
        f"CREATE FUNCTION {shop.schema}.spy(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS"
        " $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$"
    )
    connection.execute(f"SELECT * FROM {shop.schema}.monthly WHERE {shop.schema}.spy(region)")
    connection.execute("RESET ROLE")
    assert set(seen) == {"saw EU"}


def test_row_access_that_nothing_can_tell_is_refused(shop: Shop) -> None:
    project = shop.define("views:\n  - {name: monthly, metrics: [revenue]}", ACCESS)
    with pytest.raises(QueryError) as refused:
        project.publish(schema=shop.schema)
    assert {issue.code for issue in refused.value.issues} == {"bad-view"}
    plan = shop.define("views: []", ACCESS).plan(schema=shop.schema)
    assert "revenue" not in {action.name for action in plan.actions}
    assert any("`revenue` has no view" in notice.message for notice in plan.notices)


# ---------------------------------------------------------------------------------------------- masks


def masked(metric: str, mask: str) -> str:
    return DEFINITIONS.replace(f"{{name: {metric}, ", f"{{name: {metric}, mask: {mask}, ")


def test_masked_values_are_seen_by_their_group_alone(shop: Shop) -> None:
    finance = shop.role("finance")
    insider, other = shop.role("insider", within=finance), shop.role("other")
    groups = f"groups:\n  - {{name: money, roles: [{finance}]}}\n"
    definitions = masked("revenue", "{unless: [money]}").replace(
        "metrics:\n      - {name: revenue",
        "metrics:\n      - {name: again, label: Revenue under another name, agg: sum, expr: amount}\n"
        "      - {name: per_order, type: ratio, numerator: revenue, denominator: order_count}\n"
        "      - {name: revenue",
    )
    config = f"publish: {{grants: [{insider}, {other}]}}\n"
    views = "views:\n  - {name: monthly, metrics: [revenue, per_order, order_count]}\n"
    shop.define(groups + views, definitions, config).publish(schema=shop.schema)
    totals = f"SELECT SUM(revenue), SUM(per_order__numerator), SUM(order_count) FROM {shop.schema}.monthly"
    assert shop.as_role(insider, totals) == [(360, 360, 8)]
    assert shop.as_role(other, totals) == [(None, None, 8)]
    for hidden in ("SELECT SUM(again) FROM {}.again", "SELECT MAX(per_order) FROM {}.monthly",
                   "SELECT MAX(value) FROM {}.kpi_values WHERE metric IN ('revenue', 'again', 'per_order')",
                   "SELECT MAX(numerator) FROM {}.kpi_values WHERE metric = 'per_order'"):  # fmt: skip
        assert shop.as_role(other, hidden.format(shop.schema)) == [(None,)]
        assert shop.as_role(insider, hidden.format(shop.schema)) != [(None,)]
    told = f"SELECT metric FROM {shop.schema}.kpi_catalog WHERE visible_to = 'money' ORDER BY 1"
    assert shop.as_role(other, told) == [("again",), ("per_order",), ("revenue",)]


def test_a_mask_may_leave_rounded_values(shop: Shop) -> None:
    finance, other = shop.role("finance"), shop.role("other")
    definitions = masked("revenue", f"{{unless: [{finance}], round_to: 100}}")
    config = f"publish: {{grants: [{finance}, {other}]}}\n"
    shop.define("views: []", definitions, config).publish(schema=shop.schema)
    values = f"SELECT revenue FROM {shop.schema}.revenue"
    assert shop.as_role(finance, values) == [(100,), (180,), (80,)]
    assert shop.as_role(other, values) == [(100,), (100,), (200,)]


# ------------------------------------------------------------------------------------ sessions, faults


def test_a_reader_in_another_time_zone_sees_the_same_months(shop: Shop) -> None:
    shop.execute(
        "CREATE TABLE instants AS SELECT TIMESTAMPTZ '2026-01-31 23:30:00+00' AS at, 5 AS amount, 1 AS id"
    )
    definitions = """
models:
  - name: instants
    semantic_model: true
    agg_time_dimension: at_time
    columns:
      - {name: id, entity: {type: primary, name: event}}
    derived_semantics:
      dimensions: [{name: at_time, type: time, granularity: second, expr: at}]
    metrics:
      - {name: total, agg: sum, expr: amount}
      - {name: latest, agg: max, expr: at}
"""
    shop.define("views: []", definitions).publish(schema=shop.schema)
    rows = []
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        shop.execute(f"SET TimeZone = '{zone}'")
        rows.append(
            shop.engine.connection.execute(
                f"SELECT metric_time, total FROM {shop.schema}.total"
            ).fetchall()
        )
    shop.execute("SET TimeZone = 'UTC'")
    assert rows[0] == rows[1] == rows[2]
    assert [(str(day)[:10], value) for day, value in rows[0]] == [("2026-01-01", 5)]


def target(shop: Shop) -> tuple[Project, str]:
    """The same project over a target of its own, which opens connections itself."""
    import psycopg.conninfo

    parts = psycopg.conninfo.conninfo_to_dict(os.environ.get("KPILAYER_TEST_POSTGRES", DEFAULT))
    named = {"type": "postgres", "schema": shop.tables, **parts}
    lines = "".join(f"      {key}: {str(value)!r}\n" for key, value in named.items())
    text = f"shop:\n  target: dev\n  outputs:\n    dev:\n{lines}"
    (shop.engine.folder / "profiles.yml").write_text(text)
    (shop.engine.folder / "kpilayer.yml").write_text("name: shop\nprofile: shop\n")
    return Project.load(shop.engine.folder), shop.schema


def there(shop: Shop) -> list[tuple[str, str]]:
    return shop.engine.connection.execute(
        "SELECT c.relname::text, CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) ELSE '' END"
        f" FROM pg_class AS c WHERE c.relnamespace = to_regnamespace('{shop.schema}')::oid"
        " AND c.relkind IN ('v', 'r') ORDER BY 1"
    ).fetchall()


def test_a_connection_that_dies_at_any_statement_leaves_the_old_views(shop: Shop) -> None:
    shop.define(VIEWS).publish(schema=shop.schema)
    old = there(shop)
    shop.define(VIEWS.replace("active_customers, ", "order_count, "))
    project, schema = target(shop)
    steps = _killed_at(shop, project, schema, None)
    shop.execute(f"DROP SCHEMA {shop.schema} CASCADE")
    shop.define(VIEWS).publish(schema=shop.schema)
    assert there(shop) == old
    shop.define(VIEWS.replace("active_customers, ", "order_count, "))
    project, schema = target(shop)
    assert steps > 20
    for step in range(steps):
        assert _killed_at(shop, project, schema, step) == step
        assert there(shop) == old, f"killed at statement {step}"
    project.publish(schema=schema)
    assert there(shop) != old


KILL = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND (classid::bigint << 32) | objid::bigint
    = hashtextextended('kpilayer publishes ' || %s, 0)"""


def _killed_at(shop: Shop, project: Project, schema: str, fatal: int | None) -> int:
    """Publishes; the server ends the session before a statement. How many came before that."""
    begun, done = [0], [0]

    def on_step(name: str, number: int, of: int) -> None:
        begun[0] += number == 0
        if begun[0] < 2:
            return  # views are planned, and nothing is changed
        if done[0] == fatal:
            shop.engine.connection.execute(KILL, [schema])
        done[0] += 1

    if fatal is None:
        project.publish(schema=schema, on_step=on_step)
        return done[0]
    with pytest.raises(WarehouseError):
        project.publish(schema=schema, on_step=on_step)
    return done[0] - 1


def test_of_two_that_publish_at_once_one_does_and_the_other_says_why(shop: Shop) -> None:
    shop.define(VIEWS)
    project, schema = target(shop)
    held, free = threading.Event(), threading.Event()

    def waits(name: str, number: int, of: int) -> None:
        held.set()
        free.wait(20)

    first = threading.Thread(target=lambda: project.publish(schema=schema, on_step=waits))
    first.start()
    assert held.wait(20)
    with pytest.raises(PolicyError) as refused:
        Project.load(shop.engine.folder).publish(schema=schema)
    assert [issue.code for issue in refused.value.issues] == ["publish-busy"]
    free.set()
    first.join()
    assert not project.plan(schema=schema).is_pending


def test_a_function_that_nothing_has_proven_elsewhere_is_not_published(shop: Shop) -> None:
    unproven = """expr: "levenshtein('a', 'b')", unit"""
    definitions = DEFINITIONS.replace("expr: amount, unit", unproven)
    with pytest.raises(QueryError) as refused:
        shop.define("views: []", definitions).publish(schema=shop.schema)
    assert {issue.code for issue in refused.value.issues} == {"unproven-function"}


def test_a_right_on_a_column_that_is_gone_is_gone_with_it(shop: Shop) -> None:
    shop.define("views:\n  - {name: monthly, metrics: [revenue, order_count]}").publish(
        schema=shop.schema
    )
    shop.execute(f"GRANT SELECT (order_count), SELECT (revenue) ON {shop.schema}.monthly TO PUBLIC")
    shop.define("views:\n  - {name: monthly, metrics: [revenue]}").publish(schema=shop.schema)
    [(may_read,)] = shop.engine.connection.execute(
        f"SELECT count(*) FROM information_schema.column_privileges WHERE grantee = 'PUBLIC'"
        f" AND table_schema = '{shop.schema}' AND column_name = 'revenue'"
    ).fetchall()
    assert may_read == 1


def test_everybody_is_a_role(shop: Shop) -> None:
    reader = shop.role("reader")
    shop.define("views: []", config="publish: {grants: [PUBLIC]}\n").publish(schema=shop.schema)
    assert shop.as_role(reader, f"SELECT SUM(revenue) FROM {shop.schema}.revenue") == [(360,)]


def test_the_part_of_an_average_that_is_a_masked_metric_is_masked(shop: Shop) -> None:
    finance, other = shop.role("finance"), shop.role("other")
    definitions = masked("revenue", f"{{unless: [{finance}]}}").replace(
        "metrics:\n      - {name: revenue",
        "metrics:\n      - {name: mean_order, agg: average, expr: amount}\n      - {name: revenue",
    )
    config = f"publish: {{grants: [{finance}, {other}]}}\n"
    shop.define("views: []", definitions, config).publish(schema=shop.schema)
    parts = f"SELECT SUM(mean_order__sum), SUM(mean_order__count) FROM {shop.schema}.mean_order"
    assert shop.as_role(other, parts) == [(None, 8)]
    assert shop.as_role(finance, parts) == [(360, 8)]


def test_a_mask_that_names_no_role_is_refused(shop: Shop) -> None:
    with pytest.raises(QueryError) as refused:
        shop.define("views: []", masked("revenue", "{unless: [nobody_at_all]}")).publish(
            schema=shop.schema
        )
    assert {issue.code for issue in refused.value.issues} == {"bad-view"}


def test_where_readers_need_rights_of_their_own_they_read_the_catalogue_all_the_same(
    shop: Shop,
) -> None:
    reader = shop.role("reader")
    views = "views:\n  - {name: monthly, metrics: [revenue], materialized: table}\n"
    config = f"publish: {{security: invoker, grants: [{reader}]}}\n"
    shop.define(views, config=config).publish(schema=shop.schema)
    assert shop.as_role(reader, f"SELECT SUM(revenue) FROM {shop.schema}.monthly") == [(360,)]
    assert shop.as_role(reader, f"SELECT COUNT(*) > 3 FROM {shop.schema}.kpi_catalog") == [(True,)]
    import psycopg

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop.as_role(reader, f"SELECT * FROM {shop.schema}.order_count")


def test_groups_of_any_type_stand_in_a_view_of_all_levels(shop: Shop) -> None:
    shop.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
    shop.execute("ALTER TABLE customers ADD COLUMN mood mood DEFAULT 'good'")
    definitions = DEFINITIONS + "      - {name: mood, dimension: {type: categorical}}\n"
    views = "views:\n  - {name: monthly, metrics: [revenue], dimensions: [customer__mood], rollup: true}\n"
    shop.define(views, definitions).publish(schema=shop.schema)
    where = "WHERE _level = 'total' AND mood IS NULL"
    assert shop.rows("monthly__rollup", "SUM(revenue)", where) == [(360,)]


def test_tables_behind_views_are_read_by_nobody_else(shop: Shop) -> None:
    reader = shop.role("reader")
    views = "views:\n  - {name: monthly, metrics: [revenue], materialized: table}\n"
    config = f"publish: {{grants: [{reader}]}}\n"
    shop.define(views, masked("revenue", f"{{unless: [{shop.role('finance')}]}}"), config).publish(
        schema=shop.schema
    )
    assert shop.as_role(reader, f"SELECT MAX(revenue) FROM {shop.schema}.monthly") == [(None,)]
    assert shop.grantees("monthly__stored") == set()


def test_a_role_that_is_gone_stops_nothing(shop: Shop) -> None:
    gone = shop.role("gone")
    shop.define(f"views:\n  - {{name: monthly, metrics: [revenue], grants: [{gone}]}}").publish(
        schema=shop.schema
    )
    shop.execute(f"DROP OWNED BY {gone}")
    shop.execute(f"DROP ROLE {gone}")
    shop.made.remove(gone)
    project = shop.define("views:\n  - {name: monthly, metrics: [revenue]}")
    project.publish(schema=shop.schema)
    assert not project.plan(schema=shop.schema).is_pending


def test_whoever_looks_with_another_search_path_sees_the_same_views(shop: Shop) -> None:
    definitions = DEFINITIONS.replace(
        "  - name: orders\n", f"  - name: orders\n    relation: {shop.tables}.orders\n"
    )
    definitions = definitions.replace(
        "  - name: customers\n", f"  - name: customers\n    relation: {shop.tables}.customers\n"
    )
    project = shop.define(VIEWS, definitions)
    project.publish(schema=shop.schema)
    shop.execute("SET search_path = pg_catalog")
    states = {
        one.state
        for one in Project.load(shop.engine.folder, connection=shop.engine.connection).views(
            schema=shop.schema
        )
    }
    shop.execute(f"SET search_path = {shop.tables}, public")
    assert states == {"published"}


@pytest.mark.parametrize(
    "word",
    ["CAST('2026-02-01 02:00:00' AS TIMESTAMPTZ)", "CURRENT_DATE"],
)
def test_what_depends_on_the_readers_clock_is_refused(shop: Shop, word: str) -> None:
    views = f'views:\n  - {{name: monthly, metrics: [revenue], where: "purchase__ordered_on >= {word}"}}\n'
    with pytest.raises(QueryError):
        shop.define(views).publish(schema=shop.schema)


def test_all_metrics_may_go(shop: Shop) -> None:
    shop.define(VIEWS).publish(schema=shop.schema)
    no_metrics = (
        DEFINITIONS[: DEFINITIONS.index("    metrics:")]
        + DEFINITIONS[DEFINITIONS.index("  - name: customers") :]
    )
    shop.define("views: []", no_metrics).publish(schema=shop.schema)
    assert shop.rows("kpi_catalog", "COUNT(*)") == [(0,)]


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
def test_days_of_a_declared_zone_are_the_same_for_every_reader(shop: Shop, kind: str) -> None:
    shop.execute(
        f"CREATE TABLE instants AS SELECT CAST('2026-01-31 23:30:00+00' AS {kind}) AS happened, 5 AS amount, 1 AS id"
    )
    definitions = """
models:
  - name: instants
    semantic_model: true
    agg_time_dimension: happened
    columns:
      - {name: id, entity: {type: primary, name: event}}
      - {name: happened, granularity: second, dimension: {type: time, timezone: UTC, report_timezone: Europe/Berlin}}
    metrics:
      - {name: total, agg: sum, expr: amount}
"""
    project = shop.define("views: []", definitions)
    [left_out] = [n for n in project.plan(schema=shop.schema).notices if n.severity == "warning"]
    assert "`total` has no view" in left_out.message and "type is not known" in left_out.message
    project.lock()
    Project.load(shop.engine.folder, connection=shop.engine.connection).publish(schema=shop.schema)
    months = set()
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        shop.execute(f"SET TimeZone = '{zone}'")
        found = shop.engine.connection.execute(
            f"SELECT metric_time, total FROM {shop.schema}.total"
        )
        months |= {(str(month)[:10], total) for month, total in found.fetchall()}
    shop.execute("SET TimeZone = 'UTC'")
    assert months == {("2026-02-01", 5)}
