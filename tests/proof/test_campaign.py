"""Edits of the example project by chance: a proof is never contradicted, and few stay open.

The nights make a thousand (`make nightly`); here are enough to see that nothing is broken.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest


def _campaign() -> ModuleType:
    spec = importlib.util.spec_from_file_location("campaign", Path(__file__).parent / "campaign.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", [7, 8])
def test_no_edit_is_both_proved_and_refuted(seed: int) -> None:
    start = seed * 1_000_000
    found = list(_campaign().outcomes(range(start, start + 30), 200))
    assert len(found) > 20
    assert [outcome for outcome in found if outcome.contradiction] == []
    answers = Counter(outcome.answer for outcome in found)
    assert answers["unproven"] <= 0.2 * len(found), answers
    assert answers["equivalent"] and answers["different"]
