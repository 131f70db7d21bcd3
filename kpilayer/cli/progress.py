"""A line on stderr that shows that work goes on, for people who wait.

It appears after a second, only on a terminal, and leaves no trace. It never appears with
``--no-progress``, ``-q`` or where ``CI`` is set.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from types import TracebackType
from typing import Final

import click

from kpilayer.cli.options import Session

PATIENCE: Final = 1.0
"""Seconds of silence before the line appears."""

BEAT: Final = 0.1
_FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_FRAMES: Final = "|/-\\"


def is_wanted(session: Session) -> bool:
    """Whether anybody would see the line and has not asked for silence."""
    silenced = session.no_progress or session.quiet or os.environ.get("CI") not in (None, "")
    return not silenced and os.environ.get("TERM") != "dumb" and sys.stderr.isatty()


class Progress:
    """The line, while a ``with`` block runs; calling it says what is being done.

    A call is ``progress(text)`` or ``progress(text, fraction)``, with a fraction from 0 to 1.
    """

    def __init__(self, session: Session, text: str) -> None:
        self.text = text
        self.fraction: float | None = None
        self.is_wanted = is_wanted(session)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, text: str, fraction: float | None = None) -> None:
        """Says what is being done now."""
        self.text, self.fraction = text, fraction

    def __enter__(self) -> Progress:
        if self.is_wanted:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        started = time.monotonic()
        if self._over.wait(PATIENCE):
            return
        frames = _FRAMES if (sys.stderr.encoding or "").lower().startswith("utf") else _PLAIN_FRAMES
        beat = 0
        while not self._over.wait(BEAT):
            self._draw(frames[beat % len(frames)], time.monotonic() - started)
            beat += 1
        click.echo("\r\x1b[2K", err=True, nl=False, color=True)

    def _draw(self, frame: str, seconds: float) -> None:
        share = "" if self.fraction is None else f" {self.fraction:4.0%}"
        line = f"{frame} {self.text}{share}  {seconds:.0f} s"
        width = shutil.get_terminal_size().columns - 1
        click.echo(f"\r\x1b[2K{line[:width]}", err=True, nl=False, color=True)
