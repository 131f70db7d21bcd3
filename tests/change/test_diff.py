"""What `kpilayer diff` says of an edit: its class, its cause, and how far it goes."""

from __future__ import annotations

import pytest

from kpilayer import DefinitionError
from kpilayer.change.evidence import Effort
from kpilayer.change.rules import LEVELS, RULES
from kpilayer.codes import CODES
from tests.change.conftest import METRICS, Shop


def levels(shop: Shop) -> dict[str, str]:
    """The class of each definition that has changed."""
    return {
        change.name if change.kind == "metric" else f"{change.kind} {change.name}": change.level
        for change in shop.diff().changes
    }


def test_nothing_changes_where_nothing_was_edited(shop: Shop) -> None:
    found = shop.diff()
    assert (found.changes, found.level, found.answer) == ((), "none", "may merge")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    label: Revenue\n    description: What was paid.\n",
         "    description: What was paid.\n    label: 'Revenue'  # a comment\n"),
        ("{name: order_count, model: orders, agg: count, expr: order_id}",
         "{agg: count, model: orders, name: order_count, expr: order_id}"),
    ],
)  # fmt: skip
def test_order_quotes_and_comments_are_no_change(shop: Shop, old: str, new: str) -> None:
    shop.edit(old, new)
    assert shop.diff().changes == ()


def test_a_definition_that_moves_to_another_file_is_no_change(shop: Shop) -> None:
    line = "  - {name: order_count, model: orders, agg: count, expr: order_id}\n"
    shop.edit(line, "")
    shop.write("after", {"metrics/counts.yml": f"metrics:\n{line}"})
    assert shop.diff().changes == ()


#: An edit of the shop's metrics, and the class and rule that it has.
EDITS = [
    ("label: Revenue", "label: Sales", "cosmetic", "wording"),
    ("expr: amount\n", "expr: (amount)\n", "cosmetic", "spelling"),
    ("= 'paid'\"", "IN ('paid')\"", "equivalent", "condition"),
    ("= 'paid'\"", "IN ('paid', 'sent')\"", "value", "condition"),
    ("= 'paid'\"", "= 'Paid'\"", "value", "condition"),
    ("agg: sum", "agg: max", "value", "aggregation"),
    ("expr: amount\n", "expr: amount * 1\n", "equivalent", "formula"),
    ("expr: amount\n", "expr: COALESCE(amount, 0)\n", "value", "formula"),
    ("unit: EUR", "unit: USD", "value", "unit"),
    ("unit: EUR", "unit: EUR\n    agg_time_dimension: paid_at", "value", "time"),
    ("unit: EUR", "unit: EUR\n    time_granularity: month", "value", "default-grain"),
    ("group: finance", "group: sales", "governance", "ownership"),
    ("unit: EUR", "unit: EUR\n    status: proposed", "governance", "status"),
    ("unit: EUR", "unit: EUR\n    contracts: {never_negative: true}", "governance", "promise"),
    ("unit: EUR", "unit: EUR\n    overlapping: true", "added", "wider"),
    ("unit: EUR", "unit: EUR\n    mask: {unless: [finance]}", "interface", "masked"),
    ("unit: EUR", "unit: EUR\n    metric_tests: []", None, ""),
]


@pytest.mark.parametrize(("old", "new", "level", "rule"), EDITS, ids=lambda value: str(value))
def test_each_edit_has_its_class(
    shop: Shop, old: str, new: str, level: str | None, rule: str
) -> None:
    shop.edit(old, new)
    changes = [change for change in shop.diff().changes if change.name == "revenue"]
    if level is None:
        assert changes == []
        return
    [change] = changes
    assert (change.level, change.rules) == (level, (rule,))
    assert change.at is not None and change.at.path == "metrics/shop.yml"


@pytest.mark.parametrize("value", [0, 5])
def test_a_fill_is_never_taken_for_the_same(shop: Shop, value: int) -> None:
    """Alone, the metric gives the same rows: only beside others its gaps show."""
    shop.edit("unit: EUR", f"unit: EUR\n    fill_nulls_with: {value}")
    assert levels(shop)["revenue"] in ("value", "unproven")


def test_a_window_is_another_number(shop: Shop) -> None:
    shop.edit("window: 28 days", "window: 4 weeks")
    assert levels(shop)["revenue_of_28_days"] == "value"


def test_the_description_of_a_certified_metric_is_governance(shop: Shop) -> None:
    for side in ("before", "after"):
        shop.edit("unit: EUR", "unit: EUR\n    status: certified", side=side)
    shop.edit("What was paid.", "What was paid, refunds included.")
    assert shop.diff()["revenue"].rules == ("certified-wording",)


def test_a_field_that_no_rule_knows_counts_as_a_value() -> None:
    from kpilayer.change.fields import rule_of

    assert RULES[rule_of("metric", "some_new_key", 1, 2)].level == "value"


# ------------------------------------------------------------------------------------- propagation


def test_what_reads_a_change_inherits_it_and_names_the_cause(shop: Shop) -> None:
    shop.edit("= 'paid'\"", "IN ('paid', 'sent')\"")
    change = shop.diff()["aov"]
    assert (change.level, change.is_inherited) == ("value", True)
    assert change.causes == (("metric", "revenue"),)


def test_a_change_stops_where_it_cancels_out(shop: Shop) -> None:
    """Every amount is a hundred times as much, and so is what it is divided by."""
    shop.edit("expr: amount\n", "expr: amount * 100\n")
    found = levels(shop)
    assert found["revenue"] == found["aov"] == "value"
    assert found["share_of_itself"] in ("equivalent", "unproven")


def test_what_does_not_read_a_change_is_not_named(shop: Shop) -> None:
    shop.edit("agg: sum", "agg: max")
    assert "order_count" not in levels(shop)


def test_the_macro_is_the_cause_of_what_it_makes(shop: Shop) -> None:
    for side in ("before", "after"):
        shop.edit("expr: amount\n", "expr: \"{{ net('amount') }}\"\n", side=side)
    macro = (
        "{% macro rate() %}0.81{% endmacro %}{% macro net(x) %}{{ x }} * {{ rate() }}{% endmacro %}"
    )
    shop.write("before", {"macros/money.sql": macro})
    shop.write("after", {"macros/money.sql": macro.replace("0.81", "0.79")})
    found = shop.diff()
    assert found["macro rate"].level == "value"
    assert found["macro rate"].at.path == "macros/money.sql"
    assert found["revenue"].is_inherited and found["revenue"].causes == (("macro", "rate"),)
    assert found["aov"].causes == (("macro", "rate"),)


def test_a_variable_is_the_cause_of_what_it_makes(shop: Shop) -> None:
    for side, paid in (("before", "paid"), ("after", "settled")):
        shop.edit("= 'paid'\"", "= '{{ var('paid') }}'\"", side=side)
        shop.write(side, {"kpilayer.yml": f"name: shop\nvars: {{paid: {paid}}}\n"})
    found = shop.diff()
    assert found["var paid"].level == "value"
    assert ("var", "paid") in found["revenue"].causes


def test_a_dimension_reaches_the_metrics_that_filter_by_it(shop: Shop) -> None:
    shop.edit("expr: amount >= 100", "expr: amount >= 200", "models/shop.yml")
    found = shop.diff()
    assert found["dimension orders.is_large"].level == "value"
    assert found["large_orders"].causes == (("dimension", "orders.is_large"),)
    assert "revenue" not in {change.name for change in found.changes}


def test_a_dimension_that_is_written_otherwise_is_equivalent(shop: Shop) -> None:
    shop.edit("expr: amount >= 100", "expr: NOT amount < 100", "models/shop.yml")
    assert levels(shop)["dimension orders.is_large"] == "equivalent"


def test_another_table_is_another_number(shop: Shop) -> None:
    shop.edit("relation: orders", "relation: orders_of_today", "models/shop.yml")
    found = levels(shop)
    assert found["model orders"] in ("value", "unproven")
    assert found["order_count"] in ("value", "unproven")


def test_a_sql_model_that_is_written_otherwise_stays_equivalent(shop: Shop) -> None:
    for side, sql in (
        ("before", "SELECT * FROM (SELECT * FROM raw_orders WHERE amount > 0) AS kept"),
        ("after", "SELECT * FROM raw_orders WHERE NOT amount <= 0"),
    ):
        shop.edit("    relation: orders\n", "", "models/shop.yml", side)
        shop.write(side, {"models/orders.sql": sql})
    assert set(levels(shop).values()) <= {"equivalent", "unproven"}


def test_a_dimension_that_is_gone_breaks_questions(shop: Shop) -> None:
    shop.edit("      - {name: channel, dimension: categorical}\n", "", "models/shop.yml")
    assert shop.diff()["dimension orders.channel"].rules == ("removed",)


# ------------------------------------------------------------------------------------------ renames


def test_a_metric_of_the_same_meaning_is_renamed(shop: Shop) -> None:
    shop.edit("name: share_of_itself", "name: always_one")
    [change] = shop.diff().changes
    assert (change.name, change.was, change.rules) == (
        "always_one",
        "share_of_itself",
        ("renamed",),
    )
    assert change.level == "interface"


def test_a_metric_that_says_so_is_renamed_and_its_other_edits_are_told(shop: Shop) -> None:
    shop.edit("{name: aov, type: ratio, numerator: revenue, denominator: order_count}",
              "{name: basket, renamed_from: aov, type: ratio, numerator: revenue, denominator: large_orders}")  # fmt: skip
    shop.edit("metrics: [aov]", "metrics: [basket]", "models/uses.yml")
    shop.edit("metric('aov')", "metric('basket')", "models/uses.yml")
    change = shop.diff()["basket"]
    assert change.was == "aov" and set(change.rules) == {"renamed", "inputs"}
    assert change.evidence is not None and change.evidence.answer == "different"


def test_two_metrics_of_one_meaning_are_not_guessed(shop: Shop) -> None:
    twin = "  - {name: orders_too, model: orders, agg: count, expr: order_id}\n"
    line = "  - {name: counted, model: orders, agg: count, expr: order_id}\n"
    for side in ("before", "after"):
        shop.write(side, {"metrics/twins.yml": f"metrics:\n{twin}" if side == "before" else f"metrics:\n{line}{line.replace('counted', 'counted_too')}"})  # fmt: skip
    found = {change.name: change.rules for change in shop.diff().changes}
    assert found == {"counted": ("new",), "counted_too": ("new",), "orders_too": ("removed",)}


def test_a_metric_that_went_and_one_like_it_that_came_may_be_one(shop: Shop) -> None:
    shop.edit("{name: large_orders, input_metric: order_count, filter: \"{{ Dimension('order__is_large') }}\"}",
              "{name: big_orders, input_metric: order_count, filter: \"NOT {{ Dimension('order__is_large') }}\"}")  # fmt: skip
    assert shop.diff().review.changes.possible_renames == (("large_orders", "big_orders"),)


# ------------------------------------------------------------------------------------------- reach


def test_who_shows_a_change_is_told(shop: Shop) -> None:
    shop.edit("= 'paid'\"", "IN ('paid', 'sent')\"")
    reach = shop.diff()["aov"].reach
    assert reach.saved_queries == ("board",)
    assert reach.exposures == ("weekly",) and reach.people == ("Sales",)
    assert shop.diff()["revenue"].reach.views == ("monthly",)


def test_who_groups_by_a_dimension_is_told(shop: Shop) -> None:
    shop.edit("{name: status, dimension: categorical}",
              "{name: status, dimension: {type: categorical, label: State}}", "models/shop.yml")  # fmt: skip
    assert shop.diff()["dimension orders.status"].reach.views == ("monthly",)


# ------------------------------------------------------------------------------------------- errors


def test_a_base_that_does_not_compile_is_said_and_not_guessed(shop: Shop) -> None:
    shop.edit("model: orders, agg: count", "model: orderz, agg: count", side="before")
    with pytest.raises(DefinitionError) as caught:
        shop.diff()
    assert "does not compile" in str(caught.value) and "unknown-model" in str(caught.value)


# ------------------------------------------------------------------------------------------ examples


def test_an_example_tells_two_filters_apart_in_a_row_or_two(shop: Shop) -> None:
    shop.edit("= 'paid'\"", "IN ('paid', 'sent')\"")
    evidence = shop.diff()["revenue"].evidence
    assert evidence is not None and evidence.example is not None
    rows = [row for _, rows in evidence.example.tables.values() for row in rows]
    assert len(rows) <= 2
    assert any("sent" in map(str, row) for row in rows)


def test_the_same_seed_gives_the_same_example(shop: Shop) -> None:
    shop.edit("agg: sum", "agg: min")
    found = [shop.diff(effort=Effort(80, 7))["revenue"].evidence for _ in range(2)]
    assert found[0] == found[1]


def test_change_ids_do_not_depend_on_where_and_how_a_change_is_written(shop: Shop) -> None:
    shop.edit("= 'paid'\"", "IN ('paid', 'sent')\"")
    first = shop.diff()["revenue"].id
    shop.write("after", {"metrics/shop.yml": "# moved by a line\n" + METRICS})
    shop.edit("= 'paid'\"", "IN ('paid',  'sent')\"")
    assert shop.diff()["revenue"].id == first


def test_a_group_by_that_a_new_entity_sends_another_way_is_told(shop: Shop) -> None:
    regions = """
        models:
          - name: regions
            semantic_model: true
            relation: regions
            columns:
              - {name: region_id, entity: {type: primary, name: area}}
              - {name: country, dimension: categorical}
        """
    query = "query_params: {metrics: [aov], group_by: [metric_time__month, customer__region]}"
    for side in ("before", "after"):
        shop.write(side, {"models/regions.yml": regions, "kpilayer.lock": ""})
        (shop.root / side / "kpilayer.lock").unlink()
        shop.edit("- {name: region, dim", "- {name: region_id, entity: {type: foreign, name: area}}\n"
                  "      - {name: region, dim", "models/shop.yml", side)  # fmt: skip
        shop.edit(
            query, query.replace("customer__region", "area__country"), "models/uses.yml", side
        )
    shop.edit("- {name: status, dim", "- {name: area_id, entity: {type: foreign, name: area}}\n"
              "      - {name: status, dim", "models/shop.yml")  # fmt: skip
    change = shop.diff()["saved_query board"]
    assert (change.level, change.rules) == ("value", ("path",))
    (edit,) = change.edits
    assert edit.before == "customers (by customer), regions (by area)"
    assert edit.after == "regions (by area)"


# ------------------------------------------------------------------------------------------- rules


def test_every_rule_has_a_class_and_no_name_of_a_problem() -> None:
    assert {rule.level for rule in RULES.values()} <= set(LEVELS)
    assert not set(RULES) & set(CODES)


def test_every_field_of_a_definition_has_a_rule() -> None:
    from kpilayer.change.fields import FIELDS
    from kpilayer.model.config import ProjectConfig
    from kpilayer.model.metric import KINDS
    from kpilayer.model.semantic_model import Dimension, Entity, Model
    from kpilayer.model.view import View

    inside = {"name", "config", "columns", "derived_semantics", "renamed_from"}
    kinds = [("metric", kind) for kind in KINDS.values()]
    kinds += [("model", Model), ("dimension", Dimension), ("entity", Entity), ("view", View)]
    for kind, definition in kinds:
        known = {field.split(".")[0] for field in FIELDS[kind]} | inside
        assert set(definition.model_fields) <= known, definition
    assert set(ProjectConfig.model_fields) <= set(FIELDS["config"])


# ------------------------------------------------------------------------------------------- sides


def test_a_manifest_of_what_was_compiled_is_a_base(shop: Shop) -> None:
    from kpilayer import Project

    manifest = Project.load(shop.root / "before").write_compiled()
    shop.edit("agg: sum", "agg: max")
    project = Project.load(shop.root / "after")
    for base in (manifest, manifest.parent, shop.root / "before"):
        changes = project.diff(str(base), effort=Effort(40)).changes
        assert changes[0].name == "revenue" and changes[0].level == "value"


def test_a_manifest_without_definitions_is_said(shop: Shop) -> None:
    from kpilayer import ConfigError, Project

    manifest = Project.load(shop.root / "before").write_compiled()
    (manifest.parent / "project.json").unlink()
    with pytest.raises(ConfigError, match="compile it again"):
        Project.load(shop.root / "after").diff(str(manifest))


def test_a_snapshot_cannot_write_outside_of_its_folder(shop: Shop) -> None:
    import json

    from kpilayer import ConfigError, Project

    manifest = Project.load(shop.root / "before").write_compiled()
    hostile = {"schema": "kpilayer/project@1", "files": {"../../stolen.yml": "x"}}
    (manifest.parent / "project.json").write_text(json.dumps(hostile), encoding="utf-8")
    with pytest.raises(ConfigError, match="not what this version"):
        Project.load(shop.root / "after").diff(str(manifest))


def test_without_a_lock_rows_still_tell_two_definitions_apart(shop: Shop) -> None:
    for side in ("before", "after"):
        (shop.root / side / "kpilayer.lock").unlink()
    shop.edit("= 'paid'\"", "IN ('paid', 'sent')\"")
    assert levels(shop)["revenue"] == "value"
    shop.edit("IN ('paid', 'sent')\"", "IN ('paid')\"")
    assert levels(shop)["revenue"] == "equivalent"


@pytest.mark.parametrize(
    ("new", "note"),
    [
        ("IN ('paid', 'sent')\"", "loosened"),
        ("= 'paid' AND {{ Dimension('order__channel') }} = 'web'\"", "tightened"),
        ("= 'sent'\"", ""),
        ("<> 'paid'\"", ""),
        ("LIKE 'paid%'\"", ""),
    ],
)
def test_a_filter_is_told_to_be_loosened_or_tightened(shop: Shop, new: str, note: str) -> None:
    shop.edit("= 'paid'\"", new)
    [edit] = shop.diff()["revenue"].edits
    assert edit.note == note


def test_a_filter_that_goes_is_loosened(shop: Shop) -> None:
    shop.edit("    filter: \"{{ Dimension('order__status') }} = 'paid'\"\n", "")
    [edit] = shop.diff()["revenue"].edits
    assert edit.note == "loosened"


def test_another_dialect_is_compared_as_well(shop: Shop) -> None:
    from kpilayer import ConfigError

    shop.edit("= 'paid'\"", "IN ('paid')\"")
    evidence = shop.diff(effort=Effort(40, dialects=("duckdb", "postgres")))["revenue"].evidence
    assert evidence is not None
    assert dict(evidence.dialects) == {"duckdb": "equivalent", "postgres": "equivalent"}
    with pytest.raises(ConfigError, match="not a dialect"):
        shop.diff(effort=Effort(dialects=("duckbd",)))


# ------------------------------------------------------------------- what only group-bys can feel


def test_a_join_key_that_is_another_one_is_a_value_though_no_metric_feels_it(shop: Shop) -> None:
    shop.edit("{name: customer_id, entity: {type: foreign, name: customer}}",
              "{name: customer_id}", "models/shop.yml")  # fmt: skip
    path = shop.root / "after" / "models" / "shop.yml"
    text = path.read_text(encoding="utf-8").replace(
        "    derived_semantics:\n",
        "    derived_semantics:\n      entities:\n"
        "        - {name: customer, type: foreign, expr: 'COALESCE(customer_id, 0)'}\n", 1)  # fmt: skip
    path.write_text(text, encoding="utf-8")
    assert levels(shop)["entity orders.customer"] == "value"


def test_rows_of_a_lookup_under_other_keys_are_another_value(shop: Shop) -> None:
    """Every dimension has the values that it had, but at other customers."""
    for side, key in (("before", "customer_id"), ("after", "customer_id + 1")):
        shop.edit("    relation: customers\n", "", "models/shop.yml", side)
        sql = f"SELECT {key} AS customer_id, region FROM raw_customers"
        shop.write(side, {"models/customers.sql": sql})
    assert levels(shop)["query customers"] == "value"


def test_rows_of_a_lookup_that_are_written_otherwise_are_equivalent(shop: Shop) -> None:
    for side, sql in (
        ("before", "SELECT customer_id, region FROM raw_customers WHERE region IS NOT NULL"),
        ("after", "SELECT region, customer_id FROM raw_customers WHERE NOT region IS NULL"),
    ):
        shop.edit("    relation: customers\n", "", "models/shop.yml", side)
        shop.write(side, {"models/customers.sql": sql})
    assert levels(shop) == {"query customers": "equivalent"}


def test_a_former_version_that_means_something_else_is_told(shop: Shop) -> None:
    former = "version: 2\n    previous:\n      - {version: 1, reason: more, expr: amount - 1}"
    for side in ("before", "after"):
        shop.edit("unit: EUR", f"unit: EUR\n    {former}", side=side)
    shop.edit("expr: amount - 1}", "expr: amount - 2}")
    assert levels(shop)["revenue@1"] == "value"
    shop.edit("      - {version: 1, reason: more, expr: amount - 2}", "      []")
    assert levels(shop)["revenue@1"] == "interface"


def test_a_source_that_leads_elsewhere_is_told(shop: Shop) -> None:
    for side, schema in (("before", "raw"), ("after", "raw_2")):
        shop.write(side, {"models/sources.yml": f"sources:\n  - {{name: shop, schema: {schema}, tables: [{{name: orders}}]}}\n"})  # fmt: skip
    assert levels(shop)["source shop.orders"] == "value"


def test_rows_of_which_nobody_reads_what_changed_are_the_same_to_all_that_read_them(
    shop: Shop,
) -> None:
    from kpilayer.change.text import text

    for side, factor in (("before", 2), ("after", 3)):
        sql = f"SELECT order_id, amount, amount * {factor} AS unread FROM {{{{ ref('orders') }}}}"
        model = (
            "models:\n  - name: sold\n    semantic_model: true\n    columns:\n"
            "      - {name: order_id, entity: {type: primary, name: sale}}\n"
        )
        metric = "metrics:\n  - {name: sold_amount, model: sold, agg: sum, expr: amount}\n"
        shop.write(
            side,
            {"models/sold.sql": sql, "models/sold.yml": model, "metrics/sold.yml": metric},
        )
    found = shop.diff()
    shown = text(found.review, verbose=False)
    assert "EQUIVALENT query sold  the same to all that reads it" in shown
    assert "No number changes: 1 definition proved to mean the same." in shown
