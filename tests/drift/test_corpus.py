"""How much drift is found, and how often what is found is right: over SQL that others labelled.

Of the frozen part, figures alone are looked at: no rule is made from its files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from kpilayer import Project
from kpilayer.drift.search import Finding

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Score:
    """Counts of findings that are right, findings that are not, and labels that were missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)


def _files(part: str) -> list[dict[str, Any]]:
    text = (CORPUS / part / "labels.yml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text)["files"])


def _judged(part: str) -> Iterator[tuple[dict[str, Any] | None, Finding | None]]:
    """Each label beside what was found of its column; either may be missing."""
    files = _files(part)
    paths = [f"{file['dialect']}:{CORPUS / part / file['file']}" for file in files]
    found = Project.load(ROOT).drift(paths)
    by_column: dict[tuple[str, str], list[Finding]] = {}
    for finding in found.findings:
        if finding.verdict != "possible":
            name = finding.location.path.rpartition("/")[2]
            by_column.setdefault((name, finding.column), []).append(finding)
    for file in files:
        for site in file["sites"]:
            ours = by_column.pop((file["file"], site["column"]), [])
            if not site.get("optional"):
                yield site, ours[0] if ours else None
    for rest in by_column.values():
        yield from ((None, finding) for finding in rest)


def _is_right(site: dict[str, Any], finding: Finding) -> bool:
    names = (site["metric"], *site.get("also", ()))
    conflicts = finding.verdict == "conflicting"
    return finding.metric in names and conflicts == (site["verdict"] == "conflicting")


def _score(judged: list[tuple[dict[str, Any] | None, Finding | None]]) -> Score:
    right = sum(bool(s and f and _is_right(s, f)) for s, f in judged)
    return Score(
        right,
        sum(f is not None for _, f in judged) - right,
        sum(s is not None for s, _ in judged) - right,
    )


@pytest.fixture(scope="module")
def open_part() -> Score:
    return _score(list(_judged("open")))


@pytest.fixture(scope="module")
def frozen_part() -> Score:
    if not (CORPUS / "frozen").exists():
        pytest.skip("no files are frozen at the moment")
    return _score(list(_judged("frozen")))


def test_most_of_the_open_part_is_found_and_nearly_all_of_that_is_right(open_part: Score) -> None:
    assert open_part.precision >= 0.95 and open_part.recall >= 0.8


LEAST_PRECISION, LEAST_RECALL = 0.9, 0.8


def test_what_is_found_in_the_frozen_part_is_mostly_right(frozen_part: Score) -> None:
    assert frozen_part.precision >= LEAST_PRECISION


def test_most_of_the_frozen_part_is_found(frozen_part: Score) -> None:
    assert frozen_part.recall >= LEAST_RECALL
