"""The text of a selection to values: dbt's grammar, every fault at its place.

selection     := intersection { space intersection }     any of them
intersection  := part { "," part }                       all of them
part          := ["@"] [[depth] "+"] [method ":"] value ["+" [depth]]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from kpilayer.errors import Issue, Location, did_you_mean, listing

#: A depth that no chain of definitions has.
ALL: Final = 1_000_000_000
MAX_LENGTH: Final = 100_000
MAX_PART: Final = 1_000
MAX_GLOBS: Final = 1_000
NAME: Final = "name"
METHODS: Final = (
    "metric",
    "model",
    "tag",
    "group",
    "owner",
    "path",
    "type",
    "status",
    "state",
    "kpi",
)
STATES: Final = ("new", "modified", "modified.meaning")
_PART: Final = re.compile(
    r"(?P<around>@)?(?:(?P<up>\d*)\+)?(?:(?P<method>[\w.]+):)?(?P<value>.*?)(?:\+(?P<down>\d*))?"
)


@dataclass(frozen=True, slots=True)
class Part:
    """What a part names, and how many steps up and down it goes from there.

    ``method`` is ``name`` where none is written. ``around`` is `@`: everything downstream, and
    everything that those read.
    """

    method: str
    value: str
    up: int = 0
    down: int = 0
    around: bool = False
    place: Location | None = field(default=None, compare=False)

    @property
    def is_glob(self) -> bool:
        """Whether the value stands for several."""
        return "*" in self.value or "?" in self.value

    @property
    def named(self) -> str:
        """Method and value as people write them."""
        return self.value if self.method == NAME else f"{self.method}:{self.value}"


Union = tuple[tuple[Part, ...], ...]


def parse(texts: Sequence[str], label: str) -> tuple[Union, list[Issue]]:
    """The union of intersections that texts stand for; ``label`` is where they were given."""
    text = re.sub(r"\s", " ", " ".join(texts))
    if len(text) > MAX_LENGTH:
        message = f"`{label}` has {len(text):,} characters; {MAX_LENGTH:,} are allowed"
        return (), [Issue("too-large", message, hint="select by tag, path or glob")]
    issues: list[Issue] = []

    def at(start: int, end: int) -> Location:
        return Location(label, 1, start + 1, end - start, text)

    found: list[tuple[Part, ...]] = []
    for word in re.finditer(r"[^ ]+", text):
        parts = list(_intersection(word[0], word.start(), at, issues))
        found.append(tuple(parts))
    globs = sum(part.is_glob for parts in found for part in parts)
    if globs > MAX_GLOBS:  # each is held against every name
        message = f"`{label}` has {globs:,} globs; {MAX_GLOBS:,} are allowed"
        issues.append(Issue("too-large", message, hint="select by tag or path"))
    return tuple(found), issues


def _intersection(
    word: str, start: int, at: Callable[[int, int], Location], issues: list[Issue]
) -> Iterator[Part]:
    pieces = word.split(",")
    for number, piece in enumerate(pieces):
        end = start + len(piece)
        if piece:
            part = _part(piece, at(start, end))
            if isinstance(part, Issue):
                issues.append(part)
            else:
                yield part
        else:
            comma = start if number + 1 < len(pieces) else start - 1
            message = "nothing stands beside this comma"
            hint = "an intersection is written without spaces: `tag:board,type:ratio`"
            issues.append(Issue("bad-value", message, at(comma, comma + 1), hint))
            return
        start = end + 1


def _part(text: str, place: Location) -> Part | Issue:
    if len(text) > MAX_PART:
        message = f"this part has {len(text):,} characters; {MAX_PART:,} are allowed"
        return Issue("too-large", message, place)
    found = _PART.fullmatch(text)
    if found is None:
        return Issue("bad-value", f"`{text}` is not part of a selection", place)
    method, value = found["method"], found["value"]
    if method is not None and method.lower() not in METHODS:
        hint = did_you_mean(method, METHODS) or f"methods: {listing(METHODS, most=12)}"
        return Issue("bad-value", f"`{method}:` is not a way to select", place, hint)
    if not value:
        what = f"`{method}:` has no value" if method else f"`{text}` names nothing"
        hint = f"write `{method}:..` with a value" if method else "write a name: `+revenue`"
        return Issue("bad-value", what, place, hint)
    if value[0] in "+@" or value[-1] == "+":
        message = f"`{text}` has a sign too many: one before and one after the name are allowed"
        return Issue("bad-value", message, place, "`2+revenue+1` limits how far they reach")
    if found["around"] and (found["up"] is not None or found["down"] is not None):
        message = "`@` takes everything up and down already: no `+` goes with it"
        return Issue("bad-value", message, place)
    part = Part(
        (method or NAME).lower(),
        value,
        _depth(found["up"]),
        _depth(found["down"]),
        bool(found["around"]),
        place,
    )
    return _forbidden(part) or part


def _forbidden(part: Part) -> Issue | None:
    """What can be written, but not selected by."""
    if part.method == "kpi":
        message = "`kpi:` selects what a KPI is made of, and this version has no KPIs yet"
        return Issue("not-supported-yet", message, part.place, "select by name, tag or group")
    if part.method == "state" and part.value not in STATES:
        hint = did_you_mean(part.value, STATES) or f"states: {listing(STATES)}"
        return Issue("bad-value", f"`{part.value}` is not a state", part.place, hint)
    return None


def _depth(digits: str | None) -> int:
    if digits is None:
        return 0
    return int(digits) if 0 < len(digits) < 9 else ALL


def globbed(pattern: str) -> re.Pattern[str]:
    """A pattern with `*` and `?`, as a regular expression to ``fullmatch`` with.

    Each stretch between stars is found once and not given up again, so that no pattern, however
    many stars it has, takes more than a walk over the text per stretch.
    """
    first, *rest = [
        "".join("." if c == "?" else re.escape(c) for c in stretch)
        for stretch in re.split(r"\*+", pattern)
    ]
    if not rest:
        return re.compile(first, re.S)
    inner = "".join(f"(?>.*?{stretch})" for stretch in rest[:-1])
    return re.compile(f"{first}{inner}.*{rest[-1]}", re.S)
