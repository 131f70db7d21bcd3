"""One literate test for each code: a small broken project, and exactly what is said about it.

Every case starts from the project in ``shop/``. Blocks of a file, between two headings, are a case:

    ```yaml metrics/finance.yml     a file; it replaces the one of that name. `latin-1 ..` writes it
                                    in that encoding, `removed ..` takes it away
    ```uninstalled psycopg          a Python package that is not there
    ```before metrics/finance.yml    the same in a project beside it, `../before`, for `diff`
    ```query                        keyword arguments of `Project.prepare`, as YAML
    ```console                      `$ kpilayer ..`: a command, its talk on stderr is compared;
                                    `$ duckdb ..`: SQL in the project's own database
    ```writing shop.sqlite          a file of SQLite or DuckDB into which somebody else is writing
    ```live                         SQL that makes tables; the project is checked on them
    ```drift                        keyword arguments of `Project.drift`, as YAML: what it finds
    ```lint                         keyword arguments of `Project.lint`, as YAML: what it advises;
                                    `past` has values by KPI, of the months up to May 2026, `late`
                                    the KPIs whose data were late, `misses` what drivers miss
    ```attribute                    arguments of `attribute`, as YAML; of `chained` where there is a `tree`
    ```superset                     what a Superset has, as YAML (`_pushed`), and a view is pushed to it
    ```text                         the issues, all of them, in reading order

Without a query or command the project is checked. `pytest --update` rewrites the text blocks.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from unittest.mock import patch

import duckdb
import pytest
import yaml
from click.testing import CliRunner

from kpilayer import Project, attribute, chained
from kpilayer.cli.main import cli
from kpilayer.codes import CODES
from kpilayer.errors import Issue, KpilayerError
from kpilayer.interop.superset.dataset import Column, Dataset, Metric, Server
from kpilayer.interop.superset.push import push
from kpilayer.kpi.lint.evidence import Past, with_misses
from tests.superset.fake import FakeSuperset

HERE = Path(__file__).parent
PACKAGE = HERE.parent.parent / "kpilayer"
FILES = sorted(p for p in HERE.glob("*.md") if p.stem != "to_improve")
_BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$|^## [^\n]*$", re.M | re.S)


@dataclass
class Case:
    """Files that differ from the shop's, what is asked, and where the answer stands in the text."""

    files: dict[str, tuple[str, str]] = field(default_factory=dict)  # path: kind, text
    action: str = "check"
    asked: str = ""
    span: tuple[int, int] = (0, 0)
    expected: str = ""


def cases(text: str) -> Iterator[Case]:
    files: dict[str, tuple[str, str]] = {}
    action, asked = "check", ""
    for block in _BLOCK.finditer(text):
        if block["info"] is None:  # a heading
            files, action, asked = {}, "check", ""
            continue
        kind, _, path = block["info"].partition(" ")
        if kind == "text":
            yield Case(dict(files), action, asked, block.span("body"), block["body"].rstrip("\n"))
            action, asked = "check", ""
        elif kind in ("query", "console", "live", "drift", "lint", "superset", "attribute"):
            action, asked = kind, block["body"]
        else:
            assert path, f"a block says which file it is: `{block['info']}`"
            path = f"before {path}" if kind == "before" else path
            files[path] = (kind, block["body"])


def outcome(case: Case, root: Path, code: str) -> str:
    """What is said, with the folder of the test shown as `/shop`."""
    shutil.copytree(HERE / "shop", root)
    shutil.copytree(HERE / "shop", root.parent / "before")
    for path, (kind, text) in case.files.items():
        if path.startswith("before "):
            other = root.parent / "before" / path.removeprefix("before ")
            other.write_text(text, encoding="utf-8", newline="\n")
            continue
        if kind == "removed":
            (root / path).unlink()
        if kind in ("removed", "uninstalled", "writing"):
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        encoding = "latin-1" if kind == "latin-1" else "utf-8"
        (root / path).write_text(text, encoding=encoding, newline="\n")
    said = _said(case, root, code)
    said = said.replace(str(root.resolve()), "/shop").replace(str(root), "/shop")
    return said.replace(os.environ["HOME"], "~").rstrip("\n")


def _said(case: Case, root: Path, code: str) -> str:
    match case.action:
        case "console":
            with _written_into(case, root):
                return "".join(_run(line, root) for line in case.asked.splitlines())
        case "query":
            try:
                issues = Project.load(root).prepare(**yaml.safe_load(case.asked)).notices
            except KpilayerError as error:
                issues = error.issues
        case "live":
            with duckdb.connect(":memory:") as connection:
                connection.execute(case.asked)
                issues = Project.load(root, connection=connection).check_live()
        case "drift":
            with chdir(root):
                found = Project.load(root).drift(**yaml.safe_load(case.asked))
            issues = [*(finding.issue() for finding in found.findings), *found.issues]
        case "lint":
            asked = yaml.safe_load(case.asked)
            late = asked.pop("late", ())
            past = {n: _past(values, n in late) for n, values in asked.pop("past", {}).items()}
            past = dict(with_misses(past, asked.pop("misses", {})))
            issues = Project.load(root).lint(**asked, evidence=past).issues
        case "attribute":
            arguments = yaml.safe_load(case.asked)
            try:
                (chained if "tree" in arguments else attribute)(**arguments)
                issues = ()
            except KpilayerError as error:
                issues = error.issues
        case "superset":
            issues = _pushed(**yaml.safe_load(case.asked))
        case _:
            try:
                issues = Project.load(root).check()
            except KpilayerError as error:
                issues = error.issues
    return "\n\n".join(str(issue) for issue in issues if not _says_there_is_no_lock(issue, code))


def _pushed(
    url: str = "https://bi.example.com",
    password: str = "s3cret-of-publisher",
    views: Sequence[str] = ("kpi.orders_daily",),
    metrics_of_people: Sequence[str] = (),
    writes_allowed: bool = True,
) -> tuple[Issue, ...]:
    """What is said when the view `kpi.orders_daily` is pushed to a Superset in the process."""
    superset = FakeSuperset(dict.fromkeys(views, ("revenue",)), writes_allowed=writes_allowed)
    server = Server(url, "shop", "publisher", password)
    empty = Dataset("kpi", "orders_daily", (Column("revenue"),), ())
    wanted = replace(empty, metrics=(Metric("revenue", 'SUM("revenue")'),))
    if metrics_of_people:
        push([empty], server, transport=superset.transport)
        for number, name in enumerate(metrics_of_people, 900):
            theirs = {"id": number, "metric_name": name, "expression": "COUNT(1)"}
            superset.only()["metrics"].append(theirs)
    try:
        return tuple(
            issue
            for one in push([wanted], server, transport=superset.transport)
            for issue in one.issues
        )
    except KpilayerError as error:
        return error.issues


def _past(values: list[float | None], is_stale: bool) -> Past:
    """Values of the months up to May 2026."""
    last = 2026 * 12 + 4
    months = [divmod(last - back, 12) for back in reversed(range(len(values)))]
    return Past(tuple(date(year, month + 1, 1) for year, month in months), tuple(values), is_stale)


def _says_there_is_no_lock(issue: Issue, code: str) -> bool:
    return issue.code == "unlocked-relation" and issue.location is None and code != issue.code


@contextmanager
def _written_into(case: Case, root: Path) -> Iterator[None]:
    """The files of a case into which somebody writes, until all commands have run."""
    with ExitStack() as opened:
        for path, (kind, _) in case.files.items():
            if kind == "writing" and path.endswith(".duckdb"):
                (root / path).parent.mkdir(exist_ok=True)
                opened.enter_context(duckdb.connect(root / path))
                opened.enter_context(patch("kpilayer.kpi.history.store._PATIENCE", 0.0))
            elif kind == "writing":
                connection = sqlite3.connect(root / path, isolation_level=None)
                opened.callback(connection.close)
                connection.execute("BEGIN IMMEDIATE")
        yield


def _run(line: str, root: Path) -> str:
    if line.startswith("$ duckdb "):
        (root / ".kpilayer").mkdir(exist_ok=True)
        with duckdb.connect(root / ".kpilayer" / "shop.duckdb") as connection:
            connection.execute(line.removeprefix("$ duckdb "))
        return ""
    assert line.startswith("$ kpilayer "), f"a command begins with `$ kpilayer`: {line}"
    with chdir(root):
        arguments = shlex.split(line.removeprefix("$ kpilayer "))
        return CliRunner().invoke(cli, [*arguments, "--no-progress"]).stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_said_of_a_broken_project(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for variable in list(os.environ):
        if variable.startswith(("KPILAYER_", "DBT_", "PG")) or variable == "FORCE_COLOR":
            monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    text = path.read_text(encoding="utf-8")
    found = []
    for number, case in enumerate(cases(text)):
        with monkeypatch.context() as without:
            for package, (kind, _) in case.files.items():
                if kind == "uninstalled":
                    without.setitem(sys.modules, package, None)
            root = tmp_path / f"case{number}" / "shop"
            found.append((case, outcome(case, root, path.stem)))
    if request.config.getoption("update"):
        for case, said in reversed(found):
            start, end = case.span
            text = text[:start] + (said + "\n" if said else "") + text[end:]
        path.write_text(text, encoding="utf-8")
    for case, said in found:
        assert f"[{path.stem}]" in said or case is not found[0][0], "the first case has the code"
        if not request.config.getoption("update"):
            assert said == case.expected


def test_every_code_has_a_file_and_every_file_a_code() -> None:
    assert [path.stem for path in FILES] == sorted(CODES)


def test_every_code_is_produced_and_every_code_produced_is_registered() -> None:
    sources = [p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.py")]
    named = {
        word
        for text in sources
        for word in re.findall(
            r'(?:Issue|Problem|Unreached|Fault|_fail|PydanticCustomError)\(\s*"([a-z-]+)"', text
        )
    }
    assert sorted(named - CODES.keys()) == []
    elsewhere = "\n".join(
        p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.py") if p.name != "codes.py"
    )
    assert [code for code in CODES if f'"{code}"' not in elsewhere] == []
