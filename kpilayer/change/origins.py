"""Which macro or variable made a difference, where the definition itself reads as it did."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from kpilayer.errors import Location
from kpilayer.model.definitions import Definitions, Kind, Steps

_MACRO: Final = re.compile(r"{%-?\s*macro\s+(\w+)")
_END: Final = re.compile(r"{%-?\s*endmacro\b")


@dataclass(frozen=True)
class Origins:
    """Macros and variables that differ between two projects, and who uses them."""

    base: Definitions
    head: Definitions

    def of(self, subject: tuple[str, str], steps: Steps | None) -> str:
        """What made a field another one: `macro net`, `var currency`; empty: its own text."""
        before, after = (self._written(d, subject, steps) for d in (self.base, self.head))
        if before is None or before != after:
            return ""
        text = repr(after)
        roots = {
            root for name, behind in self._macros.items() if _says(name, text) for root in behind
        }
        found = [f"macro {name}" for name in sorted(roots)]
        found += [f"var {name}" for name in self._vars if re.search(rf"\bvar\b.*\b{name}\b", text)]
        return ", ".join(found)

    def texts(self, kind: str, name: str) -> tuple[object, object]:
        """A macro's text, or a variable's value, before and after."""
        if kind == "var":
            return self.base.config.vars.get(name), self.head.config.vars.get(name)
        return self._blocks[0].get(name), self._blocks[1].get(name)

    def places(self, kind: str, name: str) -> tuple[Location | None, Location | None]:
        """Where a macro or variable stands, before and after."""
        if kind == "var":
            return Location("kpilayer.yml"), Location("kpilayer.yml")
        return _place(self.base, name), _place(self.head, name)

    def _written(
        self, definitions: Definitions, subject: tuple[str, str], steps: Steps | None
    ) -> object:
        kind, address = subject
        if kind == "query":
            query = definitions.queries.get(address)
            return query.written.strip() if query else None
        if kind in ("dimension", "entity"):
            address, kind = address.partition(".")[0], "model"
        key: Kind = kind  # type: ignore[assignment]
        place = definitions.places.get((key, address))
        if place is None or steps is None:
            return None
        return place.text.written((*place.steps, *steps))

    @cached_property
    def _macros(self) -> dict[str, set[str]]:
        """Macros that mean something else, each with those of them whose own text has changed."""
        old, new = self._blocks
        behind = {name: {name} for name in {*old, *new} if old.get(name) != new.get(name)}
        waiting = set(behind)
        while waiting:
            one = waiting.pop()
            for user, text in new.items():
                if user != one and _says(one, text) and not behind[one] <= behind.get(user, set()):
                    behind[user] = behind.get(user, set()) | behind[one]
                    waiting.add(user)
        return behind

    @cached_property
    def _blocks(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return _blocks(self.base), _blocks(self.head)

    @cached_property
    def _vars(self) -> tuple[str, ...]:
        old, new = self.base.config.vars, self.head.config.vars
        return tuple(sorted(name for name in {*old, *new} if old.get(name) != new.get(name)))


def _says(name: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def _blocks(definitions: Definitions) -> dict[str, str]:
    """The macros of a project by name, each with its text."""
    found: dict[str, str] = {}
    for text in definitions.macros.values():
        for start in _MACRO.finditer(text):
            end = _END.search(text, start.end())
            found[start.group(1)] = text[start.start() : end.end() if end else len(text)].strip()
    return found


def _place(definitions: Definitions, macro: str) -> Location | None:
    """The line on which a macro begins."""
    for path, text in definitions.macros.items():
        for start in _MACRO.finditer(text):
            if start.group(1) == macro:
                line = text.count("\n", 0, start.start()) + 1
                shown = text.split("\n")[line - 1]
                return Location(path, line, 1, max(1, len(shown)), shown)
    return None
