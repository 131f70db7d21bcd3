"""Problems as values: what is wrong, where, and the way out.

Any function over project files returns :class:`Issue` values and goes on, so that one run reports
everything. Exceptions leave only through ``Project`` and the command line:

    KpilayerError            holds ``issues``, at least one
    ├── DefinitionError      the project's files are wrong                  (exit 2)
    ├── QueryError           the question asked of the project is wrong     (exit 2)
    ├── ConfigError          kpilayer.yml, profiles.yml, a flag             (exit 2)
    ├── WarehouseError       connection, driver or SQL; a BI tool's refusal (exit 3)
    └── PolicyError          it would undo what others did or stand on      (exit 4)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kpilayer.codes import CODES

Severity = Literal["error", "warning", "notice"]


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a text: 1-based line and column, and how many characters the caret spans.

    ``text`` is the source line, kept so that an issue can show it; it takes no part in equality.
    """

    path: str
    line: int = 1
    column: int = 1
    length: int = field(default=1, compare=False)
    text: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem. ``code`` is a word of ``kpilayer.codes``; ``see`` names other places."""

    code: str
    message: str
    location: Location | None = None
    hint: str | None = None
    severity: Severity = "error"
    see: tuple[tuple[str, Location], ...] = ()

    def __post_init__(self) -> None:
        assert self.code in CODES, f"`{self.code}` is not a registered code"

    def __str__(self) -> str:
        """The issue as people read it: place, code, source line with a caret, help."""
        where = f"{self.location}: " if self.location else ""
        lines = [f"{where}{self.severity}[{self.code}]: {self.message}"]
        if self.location and self.location.text is not None:
            lines += _excerpt(self.location)
        for label, place in self.see:
            lines.append(f"  = {label}: {place}")
        if self.hint:
            lines.append(f"  = help: {self.hint}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong inside a text: ``offset`` and ``length`` are in characters of it.

    Whoever knows where the text stands makes an issue of it.
    """

    code: str
    message: str
    offset: int = 0
    length: int = 1
    word: str | None = None
    hint: str | None = None
    severity: Severity = "error"


def _excerpt(place: Location) -> list[str]:
    number = str(place.line)
    text = place.text or ""
    start = max(place.column - 1, 0)
    if len(text) > 160:  # keep the caret in sight on very long lines
        cut = max(0, start - 60)
        text, start = text[cut : cut + 160], start - cut
    text = text.replace("\t", " ")
    width = max(1, min(place.length, len(text) - start))
    return [f"{number} | {text.rstrip()}", f"{' ' * len(number)} | {' ' * start}{'^' * width}"]


class KpilayerError(Exception):
    """Something could not be done; ``issues`` says why, every reason at once."""

    def __init__(self, issues: Issue | Iterable[Issue]) -> None:
        self.issues: tuple[Issue, ...] = (
            (issues,) if isinstance(issues, Issue) else tuple(sorted_issues(issues))
        )
        super().__init__("\n".join(str(issue) for issue in self.issues))


class DefinitionError(KpilayerError):
    """The project's definitions cannot be compiled."""


class QueryError(KpilayerError):
    """The question cannot be answered by these definitions."""


class ConfigError(KpilayerError):
    """The configuration cannot be used: project file, profile or flag."""


class WarehouseError(KpilayerError):
    """The warehouse or a BI tool could not be reached, or refused what was asked."""


class PolicyError(KpilayerError):
    """What was asked would undo what somebody else did, or what others stand on."""


def sorted_issues(issues: Iterable[Issue]) -> list[Issue]:
    """Issues by file and line, those without a place first, else as they came; duplicates once."""
    unique = dict.fromkeys(issues)
    nowhere = Location("", 0, 0)
    return sorted(unique, key=lambda i: i.location or nowhere)


def did_you_mean(word: str, known: Iterable[str], *, most: int = 3) -> str | None:
    """A hint that names the nearest known words, or None when nothing is near.

    >>> did_you_mean("revnue", ["revenue", "orders"])
    'did you mean `revenue`?'
    """
    near = nearest(word, known, most=most)
    if not near:
        return None
    return f"did you mean {_either([f'`{n}`' for n in near])}?"


def nearest(word: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Known words close to ``word``, best first; a much closer first one stands alone."""
    candidates = sorted(set(known))
    lowered = {name.lower(): name for name in candidates}
    if word.lower() in lowered:
        return [lowered[word.lower()]]
    scores = {name: _likeness(word.lower(), name) for name in lowered}
    best = max(scores.values(), default=0.0)
    kept = [n for n, s in scores.items() if s >= max(0.65, best - 0.1)]
    kept.sort(key=lambda n: (-scores[n], n))
    return [lowered[n] for n in kept[:most]]


def _likeness(word: str, name: str) -> float:
    """0 to 1: of the whole name, or a little less of one of its parts (`revenu`, `net_revenue`)."""
    parts = [p for p in name.split("_") if len(p) > 3] if "_" in name else []
    ratios = [0.9 * _ratio(word, part) for part in parts]
    return max([_ratio(word, name), *ratios])


def _ratio(word: str, name: str) -> float:
    """difflib's, or 0 where it is at most 0.6: many words are far from all that is known."""
    length = len(word) + len(name)
    if length > 200 or 2 * min(len(word), len(name)) <= 0.6 * length:
        return 0.0
    shared = sum(min(word.count(letter), name.count(letter)) for letter in set(word))
    if 2 * shared <= 0.6 * length:
        return 0.0
    return difflib.SequenceMatcher(None, word, name).ratio()


def listing(names: Sequence[str], *, most: int = 8) -> str:
    """Names as a phrase, in backticks, cut after ``most``.

    >>> listing(["b", "a"])
    '`a`, `b`'
    """
    ordered = sorted(names)
    shown = ", ".join(f"`{n}`" for n in ordered[:most])
    return shown + (f" and {len(ordered) - most} more" if len(ordered) > most else "")


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" or {words[-1]}"
