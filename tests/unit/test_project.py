"""The facade: artefacts, lock, descriptions, and which error leaves when."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from kpilayer import ConfigError, DefinitionError, Project, QueryError, WarehouseError

SHOP = """
models:
  - name: orders
    description: One row per order.
    semantic_model: true
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: ordered_at, granularity: day, dimension: {type: time}}
      - {name: status, dimension: categorical}
    metrics:
      - name: revenue
        description: Money from orders that were not cancelled.
        agg: sum
        expr: amount
        filter: "{{ Dimension('order__status') }} <> 'cancelled'"
        unit: EUR
      - {name: orders, agg: count}
metrics:
  - {name: aov, type: ratio, numerator: revenue, denominator: orders, label: Average order}
"""
TABLES = {
    "orders": """SELECT * FROM (VALUES
        (1, DATE '2026-01-05', 'paid', 10.50::DECIMAL(10,2)),
        (2, DATE '2026-01-20', 'cancelled', 99.00),
        (3, DATE '2026-02-01', 'paid', 4.25)) t(order_id, ordered_at, status, amount)"""
}
Define = Callable[..., Project]


def test_a_query_gives_rows_sql_and_fingerprints(define: Define) -> None:
    result = define(SHOP, tables=TABLES).query(["revenue", "aov"], "metric_time__month")
    assert [tuple(map(str, row)) for row in result] == [
        ("2026-01-01", "10.50", "5.25"),
        ("2026-02-01", "4.25", "4.25"),
    ]
    assert result.columns == ("metric_time__month", "revenue", "aov")
    assert set(result.fingerprints) == {"revenue", "aov"}
    assert all(print_.startswith("f1:") for print_ in result.fingerprints.values())
    assert result.fingerprints["revenue"] in result.sql.splitlines()[0]


def test_compiling_everything_writes_sql_and_a_manifest(define: Define) -> None:
    project = define(SHOP, tables=TABLES)
    path = project.write_compiled(["duckdb", "postgres"])
    assert path == project.root / "target" / "kpilayer" / "manifest.json"
    manifest = json.loads(path.read_text())
    revenue = manifest["metrics"]["revenue"]
    assert revenue["source"] == {"path": "models/definitions.yml", "line": 12, "column": 15}
    assert revenue["fingerprint"].startswith("f1:")
    assert {(u["column"], u["role"]) for u in revenue["lineage"]} == {
        ("amount", "value"),
        ("ordered_at", "time"),
        ("status", "filter"),
    }
    for dialect in ("duckdb", "postgres"):
        sql = (path.parent / revenue["sql"][dialect]["path"]).read_text()
        assert "FROM" in sql
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE orders AS {TABLES['orders']}")
    sql = (path.parent / revenue["sql"]["duckdb"]["path"]).read_text()
    assert len(connection.execute(sql).fetchall()) == 2


def test_compiling_everything_twice_gives_the_same_bytes(define: Define) -> None:
    project = define(SHOP, tables=TABLES)

    def contents() -> dict[str, bytes]:
        folder = project.write_compiled().parent
        return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    assert contents() == contents()


def test_compiling_everything_removes_what_is_gone_and_leaves_no_litter(define: Define) -> None:
    project = define(SHOP, tables=TABLES)
    folder = project.write_compiled().parent
    (folder / "duckdb" / "old_metric.sql").write_text("SELECT 1")
    project.write_compiled()
    assert not (folder / "duckdb" / "old_metric.sql").exists()
    assert [p.name for p in folder.parent.iterdir()] == ["kpilayer"]


def test_a_failed_write_leaves_the_old_files(
    define: Define, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = define(SHOP, tables=TABLES)
    folder = project.write_compiled().parent
    before = (folder / "manifest.json").read_bytes()

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        project.write_compiled()
    monkeypatch.undo()
    assert (folder / "manifest.json").read_bytes() == before
    assert [p.name for p in folder.parent.iterdir()] == ["kpilayer"]


def test_lock_writes_types_and_finds_unknown_columns_without_a_connection(define: Define) -> None:
    project = define(SHOP, tables=TABLES)
    report = project.lock()
    assert report.added == ("orders",)
    assert "amount: {type: 'DECIMAL(10,2)'}" in report.text
    typo = define(SHOP.replace("expr: amount", "expr: amuont"))
    assert [(i.code, i.hint) for i in typo.check()] == [
        ("unknown-column", "did you mean `amount`?")
    ]
    with pytest.raises(DefinitionError):
        typo.compile("revenue")


def test_an_unknown_end_of_validity_is_found_too(define: Define) -> None:
    define(SHOP, tables=TABLES).lock()
    model = "agg_time_dimension: ordered_at"
    typo = define(SHOP.replace(model, f"{model}\n    active: {{from: ordered_at, to: ended_at}}"))
    (issue,) = typo.check()
    assert (issue.code, issue.hint) == ("unknown-column", "did you mean `ordered_at`?")


def test_lock_check_tells_a_stale_lock_and_writes_nothing(define: Define) -> None:
    project = define(SHOP, tables=TABLES)
    project.lock()
    changed = {"orders": TABLES["orders"].replace("DECIMAL(10,2)", "DECIMAL(12,2)")}
    later = define(SHOP, tables=changed)
    before = (project.root / "kpilayer.lock").read_text()
    report = later.lock(check=True)
    assert report.changed
    assert report.modified == ("orders",)
    assert (project.root / "kpilayer.lock").read_text() == before


def test_lock_names_every_relation_that_is_missing(define: Define) -> None:
    with pytest.raises(WarehouseError, match="there is no table or view `orders`"):
        define(SHOP).lock()


@pytest.mark.parametrize(
    ("column", "agg", "message"),
    [("status", "sum", "`sum` needs a number"), ("amount", "sum_boolean", "needs a boolean")],
)
def test_lock_finds_aggregations_of_the_wrong_type(
    define: Define, column: str, agg: str, message: str
) -> None:
    define(SHOP, tables=TABLES).lock()
    text = SHOP.replace("agg: sum\n        expr: amount", f"agg: {agg}\n        expr: {column}")
    issues = define(text).check()
    assert [i.code for i in issues] == ["type-mismatch"]
    assert message in issues[0].message


def test_definition_errors_stop_queries_but_not_loading(define: Define) -> None:
    project = define(SHOP.replace("denominator: orders", "denominator: ordres"))
    assert [i.code for i in project.check() if i.severity == "error"] == ["unknown-metric"]
    with pytest.raises(DefinitionError) as caught:
        project.query("revenue")
    assert [i.code for i in caught.value.issues] == ["unknown-metric"]


def test_a_query_reports_everything_that_is_wrong_with_it(define: Define) -> None:
    with pytest.raises(QueryError) as caught:
        define(SHOP, tables=TABLES).query(
            ["revenue", "revnue"],
            ["order__statsu", "metric_time__moth"],
            "order__status = ",
            start="yesterday",
            order_by="nothing",
            limit=-1,
        )
    assert {i.code for i in caught.value.issues} == {
        "unknown-metric",
        "unknown-dimension",
        "unknown-grain",
        "bad-sql",
        "bad-time-range",
        "bad-order-by",
        "bad-limit",
    }


def test_a_callers_template_sees_no_variables_environment_or_macros(define: Define) -> None:
    files = {
        "kpilayer.yml": "name: shop\nvars: {secret: x}\n",
        "macros/text.sql": "{% macro secret() %}'x'{% endmacro %}",
    }
    project = define(SHOP, tables=TABLES, files=files)
    for name in ("env_var('HOME')", "var('secret')", "target.name", "secret()"):
        where = f"{{{{ {name} }}}} = 'x'"
        with pytest.raises(QueryError):
            project.query("revenue", where=where)


def test_metrics_and_dimensions_are_described(define: Define) -> None:
    project = define(SHOP, tables=TABLES)
    assert [m.name for m in project.metrics] == ["aov", "orders", "revenue"]
    assert [d.name for d in project.dimensions(["aov"])] == [
        "metric_time",
        "order",
        "order__ordered_at",
        "order__status",
    ]
    card = project.describe("aov")
    assert card["label"] == "Average order"
    assert card["inputs"] == ["revenue", "orders"]
    assert project.describe("revenue")["used by"] == ["aov"]
    assert project.describe("order__status")["kind"] == "dimension"
    assert project.describe("orders")["kind"] == "metric"
    with pytest.raises(QueryError, match="did you mean `revenue`"):
        project.describe("revenu")


def test_a_folder_without_a_project_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no kpilayer\.yml"):
        Project.load(tmp_path)


def test_what_is_public_is_importable_and_documented() -> None:
    import kpilayer

    assert list(kpilayer.__all__) == sorted(kpilayer.__all__)
    for name in kpilayer.__all__:
        assert getattr(kpilayer, name) is not None


@pytest.mark.parametrize(
    ("argument", "value", "takes"),
    [
        ("metrics", 5, "a text or a list of texts"),
        ("group_by", {"order__status": 1}, "a text or a list of texts"),
        ("where", [None], "a text or a list of texts"),
        ("having", b"revenue > 1", "a text or a list of texts"),
        ("compare", 5, "a text or a list of texts"),
        ("order_by", [5], "a text or a list of texts"),
        ("totals", 5, "a list of levels"),
        ("totals", "order__status", "a list of levels"),
        ("top", {"n": 1, "by": 5}, "a whole number, or a mapping"),
        ("top", True, "a whole number, or a mapping"),
        ("limit", "10", "a whole number"),
        ("limit", 1.5, "a whole number"),
        ("limit", True, "a whole number"),
        ("fill", "0", "a whole number"),
        ("exact", "no", "True or False"),
        ("distinct", None, "True or False"),
        ("min_max", 1, "True or False"),
        ("compare_rows", None, "`current` or `all`"),
        ("saved_query", 5, "the name of a saved query"),
        ("timezone", 5, "the name of a zone"),
        ("dialect", 5, "the name of a dialect"),
        ("role", "region=EU", "a mapping of attributes to values"),
    ],
)
def test_an_argument_of_another_kind_is_refused_with_what_it_takes(
    define: Define, argument: str, value: object, takes: str
) -> None:
    asked = {"metrics": "revenue", argument: value}
    with pytest.raises(QueryError) as refused:
        define(SHOP, tables=TABLES).compile(**asked)
    (issue,) = refused.value.issues
    assert issue.code == "bad-value" and f"`{argument}` takes {takes}" in issue.message
    assert issue.hint is not None and issue.hint.startswith(f"write {argument}=")


@pytest.mark.parametrize("start", [object(), 5, []])
def test_a_start_that_is_no_date_is_refused(define: Define, start: object) -> None:
    with pytest.raises(QueryError, match="is not a date or time"):
        define(SHOP, tables=TABLES).compile("revenue", start=start)


def test_every_argument_of_another_kind_is_told_at_once(define: Define) -> None:
    with pytest.raises(QueryError) as refused:
        define(SHOP, tables=TABLES).compile("revenue", where=5, limit="10")
    assert [i.message.split()[0] for i in refused.value.issues] == ["`where`", "`limit`"]


def test_texts_may_come_from_anything_that_gives_them(define: Define) -> None:
    shop = define(SHOP, tables=TABLES)
    groups = (name for name in ["order__status"])
    found = shop.query(("revenue",), groups, order_by=dict.fromkeys(["-revenue"]).keys(), limit=1)
    assert list(found) == [("paid", Decimal("14.75"))]


@pytest.mark.parametrize("argument", ["select", "exclude"])
def test_a_selection_of_another_kind_is_refused(define: Define, argument: str) -> None:
    with pytest.raises(QueryError, match=f"`{argument}` takes a text or a list of texts"):
        define(SHOP, tables=TABLES).select(**{argument: 5})
