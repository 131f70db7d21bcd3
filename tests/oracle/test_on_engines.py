"""Random questions on engines beside DuckDB; the oracle's answers are the same ones."""

from __future__ import annotations

import importlib
from pathlib import Path
from random import Random

import pytest

from tests.engines.conftest import COPIES
from tests.oracle.bench import FIFTEEN_DIGITS, Elsewhere, session

QUESTIONS = 100


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", COPIES)
def test_answers_on_an_engine_equal_those_of_the_oracle(
    name: str, seed: int, tmp_path: Path
) -> None:
    engine = importlib.import_module(f"tests.engines.on_{name}")
    with engine.opened(tmp_path) as connection:
        elsewhere = Elsewhere(connection, engine.load, name in FIFTEEN_DIGITS)
        tally = session(Random(f"{name}/{seed}"), QUESTIONS, elsewhere=elsewhere)
    assert not tally.cases, "\n\n".join(map(str, tally.cases))
    assert tally.counts["compared"] > QUESTIONS / 2
