"""What is fed to kpilayer, as functions of bytes: each may raise only what is documented.

A target raises nothing but an AssertionError or a fault of kpilayer; errors that a person is told
(KpilayerError, click's usage errors) are answers and are swallowed after they were printed.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import click
import duckdb
import sqlglot
from sqlglot import exp

from kpilayer import Project, address, expr, snippets, vocabulary
from kpilayer.canonical import canonical
from kpilayer.catalog import split_relation
from kpilayer.check import RULES, Context
from kpilayer.cli.main import main
from kpilayer.cli.options import parse_vars
from kpilayer.cli.question import split_names
from kpilayer.errors import Issue, KpilayerError, Location
from kpilayer.join_graph import JoinGraph
from kpilayer.load.document import Document
from kpilayer.load.lock_file import read_lock, write_lock
from kpilayer.load.question import render_group_by, render_where
from kpilayer.load.reader import read_yaml
from kpilayer.load.template import TargetInfo, Templates
from kpilayer.warehouse.profiles import find_target

Target = Callable[[bytes], None]

#: Dialects that people write definitions in; the first byte of an input chooses one.
AUTHORING = (
    *("duckdb", "postgres", "bigquery", "snowflake", "mysql", "tsql", "clickhouse", "spark"),
    *("redshift", "trino", "sqlite", "oracle"),
)

SHOP = """\
models:
  - name: orders
    semantic_model: {enabled: true}
    relation: orders
    agg_time_dimension: ordered_at
    columns:
      - name: id
        entity: {type: primary, name: order}
      - name: shop_id
        entity: {type: foreign, name: shop}
      - name: ordered_at
        granularity: day
        dimension: {type: time}
      - name: status
        dimension: {type: categorical}
      - name: paid
        dimension: {type: categorical}
    derived_semantics:
      dimensions:
        - {name: is_large, type: categorical, expr: amount > 100}
  - name: shops
    semantic_model: {enabled: true}
    relation: shops
    columns:
      - name: id
        entity: {type: primary, name: shop}
      - name: region
        dimension: {type: categorical}
metrics:
  - {name: revenue, model: orders, agg: sum, expr: amount}
  - {name: order_count, model: orders, agg: count}
  - name: paid_revenue
    type: simple
    input_metric: {name: revenue, filter: "{{ Dimension('order__paid') }} = 'yes'"}
  - {name: average_order, type: ratio, numerator: revenue, denominator: order_count}
  - {name: double_revenue, type: derived, expr: revenue * 2, input_metrics: [revenue]}
"""
TABLES = {
    "orders": """SELECT * FROM (VALUES
        (1, 1, DATE '2026-01-01', 'open', 'yes', 10),
        (2, 1, DATE '2026-01-02', 'it''s', 'no', 200),
        (3, 2, DATE '2026-02-01', 'a\\b', 'yes', 3)
      ) AS t(id, shop_id, ordered_at, status, paid, amount)""",
    "shops": "SELECT * FROM (VALUES (1, 'north'), (2, 'south')) AS t(id, region)",
}


def text_of(data: bytes) -> str:
    """Any bytes as text: what is not UTF-8 becomes lone surrogates, which are hostile too."""
    return data.decode("utf-8", "surrogateescape")


def parts_of(data: bytes, count: int) -> list[str]:
    """An input of several texts; U+001E stands between them."""
    parts = text_of(data).split("\x1e", count - 1)
    return [*parts, *[""] * (count - len(parts))]


def _inside(place: Location) -> None:
    assert place.line >= 1 and place.column >= 1 and place.length >= 1, place
    if place.text is not None:
        last = max(len(place.text), place.column)
        assert place.column - 1 <= len(place.text), (place, place.text)
        assert place.column - 1 + place.length <= last, (place, place.length, place.text)


def _told(issues: Any) -> None:
    """Everything that a person is told can be printed, and points into its text."""
    for issue in issues:
        assert isinstance(issue, Issue)
        assert "Traceback" not in str(issue) and " object at 0x" not in str(issue)
        assert len(str(issue)) < 300_000
        if issue.location is not None:
            _inside(issue.location)


# -------------------------------------------------------------------------------------- load


def yaml_text(data: bytes) -> None:
    """The reader, and the place of everything that it read."""
    document, issues = read_yaml("m.yml", text_of(data))
    assert document is not None or issues
    _told(issues)
    if document is not None:
        _places(document)


def _places(document: Document) -> None:
    for path in list(document.values)[:200]:
        _in_document(document, document.at(path))
        value = document.data
        for step in path:
            value = value[step] if _has(value, step) else None  # type: ignore[index]
        size = len(value) if isinstance(value, str) else 1
        for offset in {0, 1, size // 2, max(0, size - 1), size, size + 7}:
            _in_document(document, document.within(path, offset, 3))
        _in_document(document, document.within(path, 0, 1, "a"))
    for path in list(document.keys)[:200]:
        _in_document(document, document.at_key(path))


def _has(value: object, step: object) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)


def _in_document(document: Document, place: Location) -> None:
    assert place.line <= len(document.lines)
    assert place.text == document.lines[place.line - 1]
    _inside(place)


def template(data: bytes) -> None:
    """A text with Jinja, beside a macro file; the same as a file, and as a caller's."""
    text, macros = parts_of(data, 2)
    templates = Templates(
        macros={"macros/m.sql": macros},
        variables={"currency": "USD", "tiers": [1, 2], "deep": {"a": [{"b": None}]}},
        target=TargetInfo("dev", "main", "duckdb"),
        environ={"REGION": "EU"},
    )
    _told(templates.issues)
    lines = text.split("\n")

    def at(line: int, word: str) -> Location:
        shown = lines[line - 1] if 0 < line <= len(lines) else ""
        return Location("m.yml", line, 1, 1, shown)

    rendered, issues = templates.render(text, at)
    _told(issues)
    assert rendered == text or not any(i.severity == "error" for i in issues)
    whole, line_of, issues = templates.render_file("m.yml.jinja", text)
    _told(issues)
    if whole is not None:
        assert len(line_of) == whole.count("\n") + 1 or "{" not in text
        assert all(1 <= n <= text.count("\n") + text.count("\r") + 1 for n in line_of)
    for found in (render_where((text,), '"')[1], render_group_by((text,), '"')[1]):
        _told(found)


def profiles(data: bytes) -> None:
    """profiles.yml; U+001E may divide it from names of a profile and a target."""
    text, profile, target = parts_of(data, 3)
    folder = _folder("profiles")
    (folder / "profiles.yml").write_bytes(text.encode("utf-8", "surrogateescape"))
    try:
        find_target(
            project_dir=folder,
            project_name="shop",
            profile=profile or "shop",
            target_flag=target or None,
            profiles_dir=folder,
            variables={"region": "EU"},
            environ={"PASSWORD": "s3cret-s3cret", "PORT": "5432", "HOME": str(folder)},
        )
    except KpilayerError as error:
        _told(error.issues)
        assert "s3cret-s3cret" not in str(error)


def lock(data: bytes) -> None:
    """kpilayer.lock, and every rule that reads it."""
    found, issues = read_lock(text_of(data))
    _told(issues)
    if found is not None:
        write_lock(found)
        _told(issue for rule in RULES for issue in rule(Context(_graph(), found)))


def project(data: bytes) -> None:
    """A folder of files, each after a line `=== path`: load, check, list and compile."""
    root = _folder("project")
    for inner in list(root.iterdir()):
        shutil.rmtree(inner) if inner.is_dir() else inner.unlink()
    for part in ("\n" + text_of(data)).split("\n=== ")[1:]:
        name, _, text = part.partition("\n")
        path = root / name
        if ".." in name or name.startswith("/") or not name.strip("./"):
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
        except (OSError, ValueError):
            continue
    try:
        loaded = Project.load(root, connection=_connection())
        _told(loaded.check())
        for name in list(loaded.catalog.metrics)[:3]:
            for groups in ([], ["metric_time__month"]):
                try:
                    loaded.compile(name, groups, dialect="postgres")
                except KpilayerError as error:
                    _told(error.issues)
        for metric in loaded.metrics[:3]:
            loaded.describe(metric.name)
    except KpilayerError as error:
        _told(error.issues)


# --------------------------------------------------------------------------------------- SQL


def snippet(data: bytes) -> None:
    """A SQL snippet, SQL model and relation's name in an authoring dialect."""
    dialect = AUTHORING[data[0] % len(AUTHORING)] if data else "duckdb"
    text = text_of(data[1:])
    parsed = snippets.parse(text, dialect)
    assert parsed.problems or parsed.tree is not None
    for problem in parsed.problems:
        assert problem.message and 0 <= problem.offset <= len(text), problem
    if not any(p.severity == "error" for p in parsed.problems):
        canonical(parsed.tree, dialect)
        expr.is_null_of_nulls(parsed.tree)
        expr.conjuncts(parsed.tree)
        vocabulary.not_for_callers(parsed.tree)
        expr.replace_names(parsed.tree, lambda name: exp.column(name, table="t"))
        for name in parsed.names:
            assert 0 <= name.offset <= len(text)
    tree, problem = snippets.parse_query(text, dialect)
    assert (tree is None) == (problem is not None)
    split_relation(text, dialect)


def group_by(data: bytes) -> None:
    """Group-by addresses."""
    text = text_of(data)
    parsed = address.parse(text)
    parsed.column("day")
    _compiled(_shop("duckdb"), "revenue", split_names(text)[:20] or [text])


def where(data: bytes) -> None:
    """A caller's condition in an authoring dialect."""
    dialect = AUTHORING[data[0] % len(AUTHORING)] if data else "duckdb"
    text = text_of(data[1:])
    for spoken in ("duckdb", "postgres"):
        _compiled(_shop(dialect), "revenue", ["order__status"], text, dialect=spoken)


def question(data: bytes) -> None:
    """Every argument of a question, as the command line splits them."""
    texts = parts_of(data, 8)
    metrics, groups, condition, start, end, order, limit, variables = texts
    try:
        parse_vars(variables)
    except KpilayerError as error:
        _told(error.issues)
    _compiled(
        _shop("duckdb"),
        split_names(metrics)[:50],
        split_names(groups)[:50],
        [condition] if condition else [],
        start=start or None,
        end=end or None,
        order_by=split_names(order)[:50],
        limit=int(limit) if _NUMBER.fullmatch(limit) else None,  # click takes numbers only
        exact="x" in limit,
    )


_NUMBER = re.compile(r"-?[0-9]{1,100}")


def cli(data: bytes) -> None:
    """The command line itself: arguments between U+001E."""
    arguments = [part for part in parts_of(data, 12) if part]
    arguments = [a.replace("\0", "") for a in arguments]  # no process can be given one
    root = _shop("duckdb").root
    try:
        code = main(["compile", "-C", str(root), "-q", *_harmless(arguments)])
    except SystemExit as left:
        code = left.code
    except (click.ClickException, click.exceptions.Exit, KpilayerError):
        return
    assert code in (0, 1, 2, 3, None), code


def _harmless(arguments: list[str]) -> list[str]:
    """Without flags that write files or read other folders."""
    kept = []
    for text in arguments:
        if text.startswith("-") and not text.startswith(_FLAGS):
            text = text.lstrip("-")
        kept.append(text)
    return kept


_FLAGS = (
    *("--metrics", "--group-by", "--where", "--start", "--end", "--order-by", "--limit", "--vars"),
    *("--exact", "--dialect", "--stage", "-m", "-g", "-w"),
)


def _compiled(loaded: Project, *asked: Any, **rest: Any) -> str | None:
    try:
        sql = loaded.compile(*asked, **rest)
    except KpilayerError as error:
        _told(error.issues)
        return None
    statements = sqlglot.parse(sql, read=rest.get("dialect") or "duckdb")
    assert len(statements) == 1 and isinstance(statements[0], exp.Select), sql
    return sql


# --------------------------------------------------------------------------------- fixtures


@cache
def _folder(name: str) -> Path:
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() else None
    made = Path(tempfile.mkdtemp(prefix=f"kpilayer-fuzz-{name}-", dir=place))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:")


@cache
def _shop(dialect: str) -> Project:
    root = _folder(f"shop-{dialect}")
    (root / "models").mkdir(exist_ok=True)
    (root / "kpilayer.yml").write_text(f"name: shop\ndialect: {dialect}\n", encoding="utf-8")
    (root / "models" / "shop.yml").write_text(SHOP, encoding="utf-8")
    loaded = Project.load(root, connection=_connection())
    assert not [i for i in loaded.check() if i.severity == "error"], loaded.check()
    return loaded


@cache
def _graph() -> JoinGraph:
    return JoinGraph(_shop("duckdb").catalog)


TARGETS: dict[str, Target] = {
    "yaml": yaml_text,
    "template": template,
    "profiles": profiles,
    "lock": lock,
    "project": project,
    "snippet": snippet,
    "group_by": group_by,
    "where": where,
    "question": question,
    "cli": cli,
}
