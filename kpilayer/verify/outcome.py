"""What came of a test: a value for people, for JSON and for JUnit alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kpilayer.errors import Issue, Location

Status = Literal["passed", "failed", "error", "skipped"]
Kind = Literal["metric_test", "contract"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not as expected.

    ``row`` counts from 1 in the expected rows, or in the answer where ``expected`` is None: a row
    that nobody expected. ``actual`` is None for a row that is missing. ``cells`` are the positions
    of the columns that differ, where there are both.
    """

    row: int
    expected: tuple[object, ...] | None
    actual: tuple[object, ...] | None
    cells: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """One metric test or contract, and what came of it.

    ``name`` is the sentence of a metric test, or the key of a contract (`never_negative`).
    ``message`` says why it did not pass; ``columns`` and ``differences`` are those of rows that
    differ; ``issues`` are those of a test that could not be run.
    """

    kind: Kind
    metric: str
    name: str
    status: Status
    message: str = ""
    location: Location | None = None
    columns: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    issues: tuple[Issue, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against it: it passed, or this version cannot run it."""
        return self.status in ("passed", "skipped")


def of_issues(kind: Kind, metric: str, name: str, issues: tuple[Issue, ...]) -> Outcome:
    """The outcome of a test that could not be run.

    One that needs what this version cannot compute is skipped; everything else is an error.
    """
    later = all(issue.code == "not-supported-yet" for issue in issues)
    message = "; ".join(dict.fromkeys(issue.message for issue in issues))
    return Outcome(kind, metric, name, "skipped" if later else "error", message, issues=issues)
