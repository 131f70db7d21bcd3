"""What `compare_sql` says of the labelled pairs: never the opposite of a label, nor less than before.

A commit tries each pair a few times; with KPILAYER_NIGHTLY=1 (`make nightly`) as often as people do.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from kpilayer import compare_sql
from kpilayer.proof.verdict import Verdict

pytest.importorskip("z3")

NIGHTLY = os.environ.get("KPILAYER_NIGHTLY") == "1"
TRIALS = 300 if NIGHTLY else 40
#: How many are proved of all that are equivalent, and refuted of all that are different, at least.
PROVED = {
    "kpis_of_a_product": 2, "kpis_of_a_shop": 7, "kpis_of_operations": 6,
    "kpis_of_other_dialects": 20, "kpis_of_subscriptions": 2, "kpis_that_are_hard": 2,
    "laws_of_aggregates": 18, "laws_of_filters": 7, "laws_of_joins": 12, "laws_of_windows": 7,
}  # fmt: skip
REFUTED = {
    "kpis_of_a_product": 9, "kpis_of_a_shop": 18, "kpis_of_operations": 11,
    "kpis_of_other_dialects": 23, "kpis_of_subscriptions": 9, "kpis_that_are_hard": 4,
    "laws_of_aggregates": 19, "laws_of_filters": 6, "laws_of_joins": 11, "laws_of_windows": 9,
}  # fmt: skip

LABELLED = Path(__file__).parent / "labelled"
Pair = dict[str, Any]


def _pairs(file: Path) -> list[Pair]:
    return list(yaml.safe_load(file.read_text(encoding="utf-8")).get("pairs", ()))


FILES = {file.stem: _pairs(file) for file in sorted(LABELLED.glob("*.yml")) if _pairs(file)}
ALL = {pair["name"]: pair for pairs in FILES.values() for pair in pairs}


@cache
def _verdict(name: str) -> Verdict:
    pair = ALL[name]
    return compare_sql(
        pair["before"],
        pair["after"],
        schema=pair["schema"],
        dialect=pair["dialect"],
        trials=TRIALS,
    )


@pytest.mark.parametrize("file", FILES)
def test_no_label_is_contradicted_and_as_many_are_found_as_before(file: str) -> None:
    answers = {pair["name"]: _verdict(pair["name"]) for pair in FILES[file]}
    wrong = [
        name for name, v in answers.items() if v.answer not in (ALL[name]["label"], "unproven")
    ]
    assert wrong == []
    assert [name for name, v in answers.items() if v.contradiction] == []
    found = [v.answer for v in answers.values()]
    assert found.count("equivalent") >= PROVED[file]
    assert found.count("different") >= REFUTED[file]
