"""MetricFlow as it is installed somewhere: questions in, its SQL out.

It lives in another Python (or this one) and is asked through ``metricflow_worker.py``; nothing of
it is imported here, and it opens no connection. Problems: ``no-metricflow``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import dropwhile, takewhile
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from kpilayer.errors import ConfigError, Issue
from kpilayer.interop.question import Question

_AHEAD: Final = 4  # questions that fit into a pipe
WORKER: Final = Path(__file__).with_name("metricflow_worker.py")
_INSTALL: Final = (
    "pip install metricflow, here or elsewhere; `--metricflow-python PATH` names another Python"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why MetricFlow gives no SQL."""

    reason: str

    @property
    def line(self) -> str:
        """The first paragraph of the reason, in a line."""
        words = [line.strip() for line in self.reason.splitlines()]
        after = words[words.index("Message:") + 1 :] if "Message:" in words else words
        paragraph = takewhile(bool, dropwhile(lambda line: not line, after))
        return " ".join(paragraph) or self.reason


def find_python(named: Path | None) -> Path:
    """The Python in which MetricFlow is installed: the one that is named, else this one.

    Raises:
        ConfigError: ``no-metricflow``.
    """
    if named is not None:
        if not named.is_file():
            raise _missing(f"`{named}` is not a Python")
        return named
    if find_spec("metricflow") is None:
        raise _missing("MetricFlow is not installed in this Python")
    return Path(sys.executable)


class MetricFlow:
    """One process that explains questions until it is closed."""

    def __init__(self, python: Path, manifest: Path, dialect: str) -> None:
        """Starts it on a semantic_manifest.json, for SQL of a dialect.

        Raises:
            ConfigError: ``no-metricflow``: it is not installed there, or cannot read the manifest.
        """
        command = [str(python), str(WORKER), str(manifest), dialect]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
            )
        except OSError as error:
            raise _missing(f"`{python}` does not start: {error}") from None
        answer = self._read()
        if "version" not in answer:
            self.close()
            reason = str(answer.get("error", "it ends without a word"))
            if reason.startswith("ModuleNotFoundError: No module named 'metricflow"):
                raise _missing(f"MetricFlow is not installed in `{python}`")
            raise ConfigError(Issue("no-metricflow", f"MetricFlow does not start: {reason}"))
        self.version = str(answer["version"])

    def sql(self, question: Question) -> str | Refusal:
        """MetricFlow's SQL of a question."""
        return next(self.sqls([question]))

    def sqls(self, questions: Iterable[Question]) -> Iterator[str | Refusal]:
        """MetricFlow's SQL of each question, in order; it works ahead of who reads."""
        assert self._process.stdin is not None
        waiting = 0
        for question in questions:
            with suppress(BrokenPipeError):  # it has ended, as reading will tell
                self._process.stdin.write(json.dumps(question.asked()) + "\n")
                self._process.stdin.flush()
            waiting += 1
            if waiting > _AHEAD:
                waiting -= 1
                yield self._answer()
        for _ in range(waiting):
            yield self._answer()

    def _answer(self) -> str | Refusal:
        answer = self._read()
        if "sql" in answer:
            return str(answer["sql"])
        return Refusal(str(answer.get("error", "MetricFlow ended")))

    def close(self) -> None:
        """Ends the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait(timeout=30)

    def __enter__(self) -> MetricFlow:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            found = json.loads(self._process.stdout.readline())
        except ValueError:  # nothing, or nothing that the worker says
            return {}
        return found if isinstance(found, dict) else {}


def _missing(message: str) -> ConfigError:
    return ConfigError(Issue("no-metricflow", message, hint=_INSTALL))
