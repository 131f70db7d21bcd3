"""The parsers as programs of their own: a question as JSON in, the answer as JSON out."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
FETCHED: Final = ROOT / ".vendor"
#: Name and number of arguments of a function, to be found in a list of fewest and most.
Call = tuple[str, int]


def fetched(place: str) -> Path:
    """A file or folder of what `make vendor-parsers` fetches; without it, the test is skipped."""
    path = FETCHED / place
    if not path.exists():
        reason = f"no .vendor/{place}: `make vendor-parsers`"
        if os.environ.get("KPILAYER_REQUIRE_VENDOR_PARSERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def answer(command: list[str | Path], question: object) -> Any:
    """What the program says to a question."""
    done = subprocess.run(
        command,
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def unknown(calls: list[Call], functions: dict[str, list[tuple[int, int | None]]]) -> set[Call]:
    """Calls of functions that are not known, or not with this number of arguments."""
    return {
        (name, count)
        for name, count in map(tuple, calls)
        if not any(
            fewest <= count and (most is None or count <= most)
            for fewest, most in functions.get(name, ())
        )
    }
