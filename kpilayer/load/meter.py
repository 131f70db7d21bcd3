"""What a template may use up: steps, time, characters and the size of every value."""

from __future__ import annotations

import time
from typing import Any, Final

from kpilayer.load.macros import Fault

MAX_STEPS: Final = 100_000  # loop iterations, calls, filters and pieces of text of a render
MAX_SECONDS: Final = 2.0
MAX_MADE: Final = 4_000_000  # characters of all pieces, inside macros and blocks too
MAX_WEIGHT: Final = 1_000_000  # characters and items of one value, nested ones counted each time
MAX_KEPT: Final = 50_000_000  # the same of all values that were made
MAX_BITS: Final = 4_096  # of one whole number


class Limit(Fault):
    """A bound was reached."""

    def __init__(self, what: str) -> None:
        super().__init__(what, "jinja-limit")


class Forbidden(Fault):
    """Something outside the sandbox was reached for."""

    def __init__(self, what: str, word: str = "") -> None:
        super().__init__(what, "jinja-sandbox", word=word)


class Unknown(Fault):
    """A name or attribute that is not there; the known names are filled in where it is caught."""


class Meter:
    """What one render has used up."""

    def __init__(self) -> None:
        self.steps = self.made = self.kept = self.depth = 0
        self.until = time.monotonic() + MAX_SECONDS

    def tick(self) -> None:
        """One more step."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Limit(f"more than {MAX_STEPS:,} loops and calls")
        if time.monotonic() > self.until:
            raise Limit(f"the template ran longer than {MAX_SECONDS:g} seconds")

    def keep(self, value: object) -> Any:
        """A value made by an operator, filter or call, once it is counted."""
        self.tick()
        self.kept += _weight(value)
        if self.kept > MAX_KEPT:
            raise Limit(f"values of more than {MAX_KEPT:,} characters and items in all")
        return value

    def make(self, text: str) -> str:
        """A piece of output, once it is counted."""
        self.tick()
        self.made += len(text)
        if self.made > MAX_MADE:
            raise Limit(f"the template made more than {MAX_MADE:,} characters")
        return text


def weigh(value: object) -> Any:
    """The value itself, if it is not too large."""
    _weight(value)
    return value


def _weight(value: object) -> int:
    """The characters and items of a value, refused where there are too many.

    Items are counted as often as they are reached: thirty lists that hold the one before twice
    are small in memory, but printing or comparing them takes as long as a billion items.
    """
    weight, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        weight += 1
        if isinstance(item, str):
            weight += len(item)
        elif isinstance(item, int):
            if item.bit_length() > MAX_BITS:
                raise Limit(f"a number of more than {MAX_BITS:,} bits")
        elif isinstance(item, list | tuple | dict):
            if weight + len(item) <= MAX_WEIGHT:
                waiting += item
                if isinstance(item, dict):
                    waiting += item.values()
            weight += len(item)
        if weight + len(waiting) > MAX_WEIGHT:
            raise Limit(f"a value of more than {MAX_WEIGHT:,} characters or items")
    return weight


def room_for(size: int) -> None:
    """Refuse a result before it is made."""
    if size > MAX_WEIGHT:
        raise Limit(f"a value of more than {MAX_WEIGHT:,} characters or items")
