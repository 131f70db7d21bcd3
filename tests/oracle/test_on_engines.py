"""Random questions on engines beside DuckDB; the oracle's answers are the same ones."""

from __future__ import annotations

import importlib
from pathlib import Path
from random import Random

import pytest

from tests.engines.conftest import COPIES, NIGHTLY
from tests.oracle.bench import FIFTEEN_DIGITS, Elsewhere, session

QUESTIONS = 100
#: Of engines that take their time, unless KPILAYER_NIGHTLY is 1.
FEWER = {} if NIGHTLY else {"bigquery": 20, "spark": 20}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", COPIES)
def test_answers_on_an_engine_equal_those_of_the_oracle(
    name: str, seed: int, tmp_path: Path
) -> None:
    engine = importlib.import_module(f"tests.engines.on_{name}")
    count = FEWER.get(name, QUESTIONS)
    with engine.opened(tmp_path) as connection:
        elsewhere = Elsewhere(connection, engine.load, name in FIFTEEN_DIGITS)
        tally = session(Random(f"{name}/{seed}"), count, elsewhere=elsewhere)
    assert not tally.cases, "\n\n".join(map(str, tally.cases))
    assert tally.counts["compared"] > count / 2
