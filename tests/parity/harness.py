"""Both systems on one DuckDB file: a question in, two answers out, and what to make of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from kpilayer import Project
from kpilayer.errors import KpilayerError
from kpilayer.interop.compare import Answer, difference
from kpilayer.interop.metricflow import MetricFlow, Refusal
from kpilayer.interop.question import Question
from tests.parity.definitions import PROJECT
from tests.parity.exceptions import exception
from tests.parity.questions import kinds
from tests.parity.rows import build

ROOT: Final = Path(__file__).parent.parent.parent


class Missing(Exception):
    """An environment is not there; says how to get it."""


def metricflow_python() -> Path:
    """The Python of `make metricflow`, or the one that KPILAYER_TEST_METRICFLOW names."""
    named = os.environ.get("KPILAYER_TEST_METRICFLOW")
    python = Path(named) if named else ROOT / ".venv-metricflow" / "bin" / "python"
    if not python.is_file():
        raise Missing(
            "no MetricFlow: `make metricflow`, or set KPILAYER_TEST_METRICFLOW to a Python"
        )
    return python


def prepared(folder: Path) -> Path:
    """The project in a folder, parsed by dbt, and its rows in parity.duckdb."""
    named = os.environ.get("KPILAYER_TEST_DBT")
    dbt = Path(named) if named else ROOT / ".venv-dbt" / "bin" / "dbt"
    if not dbt.is_file():
        raise Missing(
            "no dbt: `make dbt`, or set KPILAYER_TEST_DBT to the path of a dbt executable"
        )
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs"))
    done = subprocess.run(
        [dbt, "--no-use-colors", "parse", "--no-version-check"],
        cwd=folder,
        env={**os.environ, "DBT_PROFILES_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    with duckdb.connect(str(folder / "parity.duckdb")) as connection:
        build(connection)
    return folder


class Both:
    """kpilayer and MetricFlow on the rows of a prepared project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = duckdb.connect(str(folder / "parity.duckdb"), read_only=True)
        self.metricflow = MetricFlow(
            metricflow_python(), folder / "target" / "semantic_manifest.json", "duckdb"
        )
        self.project = Project.load(folder, connection=self.connection)

    def close(self) -> None:
        self.metricflow.close()
        self.connection.close()

    def ours(self, question: Question) -> Answer | KpilayerError:
        """kpilayer's answer, or what it refuses the question for."""
        try:
            result = self.project.query(**question.asked())
        except KpilayerError as error:
            return error
        return Answer.of(result.columns, result.rows())

    def theirs(self, question: Question) -> Answer | str:
        """MetricFlow's answer, or why there is none."""
        return self.run(self.metricflow.sql(question))

    def run(self, sql: str | Refusal) -> Answer | str:
        """The answer that MetricFlow's SQL gives, or why there is none."""
        if isinstance(sql, Refusal):
            return sql.reason
        try:
            found = self.connection.execute(sql)
        except duckdb.Error as error:
            return f"the database refuses its SQL: {error}"
        return Answer.of([column[0] for column in found.description], found.fetchall())


@dataclass
class Report:
    """Of many questions: what became of them."""

    equal: int = 0
    exceptions: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    """By kind, questions that were compared and equal."""
    different: list[tuple[Question, str]] = field(default_factory=list)
    failed: list[tuple[Question, str]] = field(default_factory=list)
    """Questions that one of the two refuses for another reason."""

    def ask(self, both: Both, questions: Iterable[Question]) -> None:
        """Asks both and notes the outcomes."""
        wanted = []
        for question in questions:
            excepted = exception(question)
            if excepted is None:
                wanted.append(question)
            else:
                self.exceptions[excepted] += 1
        for question, sql in zip(wanted, both.metricflow.sqls(wanted), strict=True):
            self._note(question, both.ours(question), both.run(sql))

    def _note(self, question: Question, ours: Answer | KpilayerError, theirs: Answer | str) -> None:
        if isinstance(theirs, str):
            mine = (
                "kpilayer answers"
                if isinstance(ours, Answer)
                else f"kpilayer: {ours.issues[0].message}"
            )
            self.failed.append((question, f"MetricFlow: {theirs}\n{mine}"))
        elif isinstance(ours, Answer):
            found = difference(ours, theirs, _keys(ours, question))
            if found is None:
                self.equal += 1
                self.answered.update(kinds(question))
            else:
                self.different.append((question, found))
        else:
            issue = ours.issues[0]
            self.failed.append((question, f"kpilayer: {issue.code}: {issue.message}"))

    def lines(self, most: int = 10) -> list[str]:
        """The report, with the first ``most`` questions of each trouble."""
        said = [f"{self.equal} equal, {self.exceptions.total()} excepted {dict(self.exceptions)}"]
        said.append(f"compared: {dict(self.answered.most_common())}")
        for title, troubles in (
            ("different", self.different),
            ("failed", self.failed),
        ):
            if troubles:
                said.append(f"{len(troubles)} {title}:")
                said += [f"- {question!r}\n  {why}" for question, why in troubles[:most]]
        return said


def _keys(answer: Answer, question: Question) -> list[str]:
    return [column for column in answer.columns if column not in question.metrics]
