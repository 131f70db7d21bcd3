"""What a target allows its statements: how long they run, and how often what failed is tried again.

The keys of a profile's output are ``timeout_seconds`` (none by default), ``retries`` (2 by default)
and ``query_tag``.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from kpilayer.errors import ConfigError, Issue, Location
from kpilayer.warehouse.connection import TransientError

if TYPE_CHECKING:
    from kpilayer.warehouse.profiles import Target

_T = TypeVar("_T")
_FIRST_PAUSE: Final = 0.25  # seconds; each further one is twice as long
_LONGEST_PAUSE: Final = 5.0  # seconds
_AGAIN: Final = 0.1  # seconds between two tries to stop a statement


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a target's statements."""

    timeout_seconds: float | None = None
    """After how many seconds a statement is stopped."""
    retries: int = 2
    """How many times a connection or a read that failed in passing is tried again."""
    query_tag: bool = True
    """Whether questions begin with a comment that names their metrics."""


def limits_of(target: Target) -> Limits:
    """The limits that a target's settings ask for.

    Raises:
        ConfigError: ``bad-profile``, where a value is none; all of them at once.
    """
    settings, issues = target.settings, []
    timeout = _number(settings, "timeout_seconds")
    if timeout is not None and not 0.001 <= timeout <= 2_000_000:
        issues.append(_bad(target, "timeout_seconds", "a number of seconds above 0"))
    retries = _number(settings, "retries", 2.0)
    if retries is None or not (0 <= retries <= 100 and retries.is_integer()):
        issues.append(_bad(target, "retries", "a whole number from 0 to 100"))
    tag = str(settings.get("query_tag", True)).lower()
    if tag not in ("true", "false"):
        issues.append(_bad(target, "query_tag", "true or false"))
    if issues or retries is None:
        raise ConfigError(issues)
    return Limits(timeout, int(retries), tag == "true")


def _number(settings: Mapping[str, object], key: str, default: float | None = None) -> float | None:
    value = settings.get(key)
    if value is None:
        return default
    try:
        return math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        return math.nan


def _bad(target: Target, key: str, wanted: str) -> Issue:
    message = f"`{key}` of the target `{target.name}` is {wanted}"
    return Issue("bad-profile", message, Location(str(target.path)) if target.path else None)


@contextmanager
def stopped_after(
    seconds: float | None, stop: Callable[[], object]
) -> Iterator[Callable[[], bool]]:
    """Calls ``stop`` when the block has run for so long, and again until it ends.

    For engines that run in this process and know no time limit themselves. What it yields says
    whether the time was over.
    """
    if seconds is None:
        yield lambda: False
        return
    ended, stopped = threading.Event(), threading.Event()

    def watch() -> None:
        if ended.wait(seconds):
            return
        stopped.set()
        while True:  # a stop before the statement has begun is lost
            stop()
            if ended.wait(_AGAIN):
                return

    watcher = threading.Thread(target=watch, name="kpilayer-timeout", daemon=True)
    watcher.start()
    try:
        yield stopped.is_set
    finally:
        ended.set()
        watcher.join()


def tried_again(action: Callable[[], _T], retries: int, pause: Callable[[float], object]) -> _T:
    """What ``action`` gives, after as many as ``retries`` failures that may pass.

    ``pause`` waits for seconds, twice as long each time; true from it means to give up.

    Raises:
        WarehouseError: as ``action``.
    """
    for done in range(retries):
        try:
            return action()
        except TransientError:
            if pause(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**done)):
                raise
    return action()
