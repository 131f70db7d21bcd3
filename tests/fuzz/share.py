"""How much of a corpus a commit waits for: a fixed share, and all of it by night."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, TypeVar

NIGHTLY: Final = os.environ.get("KPILAYER_HYPOTHESIS") == "nightly"
T = TypeVar("T")


def some(items: Iterable[T], every: int) -> list[T]:
    """Every so-manieth item, or all of them by night."""
    return list(items)[:: 1 if NIGHTLY else every]
