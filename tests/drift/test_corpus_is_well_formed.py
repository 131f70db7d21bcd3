"""The corpus of SQL outside the layer says what it should: files parse and labels name what is there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from sqlglot import exp

from kpilayer import Project

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
#: There may be no frozen part at a time: what has been looked into is open from then on.
PARTS = tuple(part for part in ("open", "frozen") if (CORPUS / part).exists())
#: What dbt would put into a model's text, and what it would take out.
JINJA = (
    (r"\{#.*?#\}", ""),
    (r"\{%\s*if.*?%\}.*?\{%\s*endif\s*%\}", ""),
    (r"\{\{\s*config\(.*?\)\s*\}\}", ""),
    (r"\{\{\s*ref\('(\w+)'\)\s*\}\}", r"\1"),
    (r"\{\{\s*source\('\w+',\s*'(\w+)'\)\s*\}\}", r"\1"),
)


def _labels(part: str) -> list[dict[str, Any]]:
    text = (CORPUS / part / "labels.yml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text)["files"])


FILES = [
    pytest.param(part, file, id=f"{part}/{file['file']}")
    for part in PARTS
    for file in _labels(part)
]


def _query(part: str, file: dict[str, Any]) -> exp.Query:
    text = (CORPUS / part / file["file"]).read_text(encoding="utf-8")
    for pattern, plain in JINJA:
        text = re.sub(pattern, plain, text, flags=re.DOTALL)
    query = sqlglot.parse_one(text, dialect=file["dialect"]).find(exp.Query)
    assert query is not None
    return query


@pytest.mark.parametrize(("part", "file"), FILES)
def test_columns_of_labels_are_columns_of_the_query(part: str, file: dict[str, Any]) -> None:
    columns = _query(part, file).named_selects
    assert [s["column"] for s in file["sites"] if s["column"] not in columns] == []


def test_metrics_of_labels_are_metrics_of_the_company() -> None:
    metrics = {metric.name for metric in Project.load(ROOT).metrics}
    sites = [site for part in PARTS for file in _labels(part) for site in file["sites"]]
    named = {name for site in sites for name in (site["metric"], *site.get("also", ()))}
    assert named - metrics == set()


def test_each_conflict_says_what_is_different() -> None:
    sites = [site for part in PARTS for file in _labels(part) for site in file["sites"]]
    assert {site["verdict"] for site in sites} == {"same", "conflicting"}
    assert [s for s in sites if s["verdict"] == "conflicting" and not s.get("note")] == []


@pytest.mark.parametrize("part", PARTS)
def test_each_file_has_its_labels(part: str) -> None:
    files = {path.name for path in (CORPUS / part).glob("*.sql")}
    named = Counter(file["file"] for file in _labels(part))
    assert named == Counter(files)


@pytest.mark.parametrize("part", PARTS)
def test_no_dialect_is_a_small_part(part: str) -> None:
    shares = Counter(file["dialect"] for file in _labels(part))
    assert set(shares) == {"duckdb", "postgres", "snowflake", "bigquery"}
    assert min(shares.values()) >= 0.35 * max(shares.values())
