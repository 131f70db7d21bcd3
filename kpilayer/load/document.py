"""A parsed YAML file: plain data, and where in the text every key, value and character stands.

A position inside a string is found by walking its source again as YAML reads it: folding, escapes
and indentation, compared with the parsed value, so that a caret is never under the wrong word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kpilayer.errors import Location

YamlPath = tuple[str | int, ...]
Places = list[tuple[int, int]]  # 0-based line and column of each character, and of the end


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a token starts: 1-based line and column, its length on that line, and its quoting.

    ``style`` is None for plain text and collections, else one of ``'``, ``"``, ``|``, ``>``.
    """

    line: int
    column: int
    length: int
    style: str | None


@dataclass(frozen=True, slots=True)
class Origin:
    """The template of a rendered text: its lines, and per rendered line its 1-based line there."""

    lines: Sequence[str]
    line_of: Sequence[int]


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document. ``data`` holds dict, list, str, int, float, bool and None only.

    ``aliases`` leads from the path of an alias or merged key to the place where its text stands.
    Without ``lines``, every place is that of the file.
    """

    path: str
    lines: tuple[str, ...]
    data: object
    keys: Mapping[YamlPath, Mark]
    values: Mapping[YamlPath, Mark]
    aliases: Mapping[YamlPath, YamlPath] = field(default_factory=dict)
    origin: Origin | None = None
    walked: dict[YamlPath, Places | None] = field(default_factory=dict, compare=False, repr=False)
    """The scalar that was last looked into, and where its characters stand."""

    def at_key(self, path: YamlPath) -> Location:
        """The place of a key, or of the nearest thing around it that has one."""
        return self._nearest(path, (self.keys, self.values))

    def at(self, path: YamlPath) -> Location:
        """The place of a value, or of the nearest thing around it that has one."""
        return self._nearest(path, (self.values, self.keys))

    def has(self, path: YamlPath) -> bool:
        """Whether a value stands there in the text."""
        return self._standing(path, self.values) is not None

    def written(self, path: YamlPath) -> object:
        """The value as it is written, before Jinja; None where nothing is."""
        real = self._standing(path, self.values)
        return None if real is None else self._value(real)

    def is_broken(self, path: YamlPath) -> bool:
        """Whether the entry there was reported as broken already: never, as it was written."""
        return False

    def within(
        self, path: YamlPath, offset: int, length: int, needle: str | None = None
    ) -> Location:
        """A place inside a string: ``offset`` counts the characters of the parsed value.

        A value changed since (by Jinja) no longer fits its source. ``needle`` is the text expected
        at the offset; where the parsed value does not hold it there, the first occurrence of it as
        a word in the scalar's source is meant. What cannot be found is at the whole value.
        """
        real = self._standing(path, self.values)
        if real is None and path and path[-1] == 0:  # one condition stands for a list of one
            real = self._standing(path[:-1], self.values)
        while real is not None and real in self.aliases:
            real = self._standing(self.aliases[real], self.values)
        value = self._value(real) if real is not None else None
        if real is None or not isinstance(value, str) or offset < 0:
            return self.at(path)
        mark = self.values[real]
        if real not in self.walked:
            self.walked.clear()  # problems of one text come one after the other
            self.walked[real] = _places_in_scalar(self.lines, mark, value)
        places = self.walked[real]
        if places is None:
            return self.at(path)
        if needle is not None and value[offset : offset + len(needle)] != needle:
            found = _find_word(self.lines, (mark.line - 1, mark.column - 1), places[-1], needle)
            return self._location(*found, len(needle)) if found else self.at(path)
        if offset >= len(places):
            return self.at(path)
        line, column = places[offset]
        end_line, end = places[min(offset + max(length, 1), len(value))]
        width = (end if end_line == line else len(self.lines[line])) - column
        return self._location(line, column, max(1, width))

    def _nearest(self, path: YamlPath, tables: tuple[Mapping[YamlPath, Mark], ...]) -> Location:
        for end in range(len(path), -1, -1):
            for table in tables:
                real = self._standing(path[:end], table)
                if real is not None:
                    mark = table[real]
                    return self._location(mark.line - 1, mark.column - 1, mark.length)
        return self._location(0, 0, 1)

    def _standing(self, path: YamlPath, table: Mapping[YamlPath, Mark]) -> YamlPath | None:
        """The path under which the table knows ``path``, following aliases (they lead upwards)."""
        while path not in table:
            for end in range(len(path), 0, -1):
                target = self.aliases.get(path[:end])
                if target is not None:
                    path = target + path[end:]
                    break
            else:
                return None
        return path

    def _value(self, path: YamlPath) -> object:
        value = self.data
        for step in path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int):
                value = value[step] if 0 <= step < len(value) else None
            else:
                return None  # the second of two equal keys
        return value

    def _location(self, line: int, column: int, length: int) -> Location:
        return locate(self.path, self.lines, self.origin, line, column, length)


def locate(
    path: str, lines: Sequence[str], origin: Origin | None, line: int, column: int, length: int
) -> Location:
    """The location of a 0-based line and column; in a template, where the same text stands."""
    if not lines:
        return Location(path)
    line = min(line, len(lines) - 1)
    if origin is None:
        return Location(path, line + 1, column + 1, max(1, length), lines[line])
    token = lines[line][column : column + length]
    number = origin.line_of[min(line, len(origin.line_of) - 1)] if origin.line_of else 1
    text = origin.lines[number - 1] if 0 < number <= len(origin.lines) else ""
    found = _word_in(text, token)
    if found < 0:
        return Location(path, number, 1, 1, text)
    return Location(path, number, found + 1, len(token), text)


def _word_in(text: str, word: str, start: int = 0) -> int:
    """Where the word begins in a text, not inside a longer word; -1 where it is not."""
    if not word:
        return -1
    before = r"(?<!\w)" if re.match(r"\w", word) else ""
    after = r"(?!\w)" if re.match(r"\w", word[-1]) else ""
    found = re.compile(f"{before}{re.escape(word)}{after}").search(text, start)
    return found.start() if found else -1


def _find_word(
    lines: Sequence[str], start: tuple[int, int], end: tuple[int, int], word: str
) -> tuple[int, int] | None:
    for line in range(start[0], end[0] + 1):
        text = lines[line][: end[1]] if line == end[0] else lines[line]
        column = _word_in(text, word, start[1] if line == start[0] else 0)
        if column >= 0:
            return line, column
    return None


def _places_in_scalar(lines: Sequence[str], mark: Mark, value: str) -> Places | None:
    """Where each character of a parsed value stands in its source; None where they disagree.

    The walk repeats what YAML does to a scalar (folding, escapes, indentation) and compares the
    outcome with the value, so that a wrong place is never given.
    """
    if mark.style in ("|", ">"):
        walked = _in_block(lines, mark.line, value, folded=mark.style == ">")
    else:
        walked = _in_flow(lines, mark.line - 1, mark.column - 1, value, mark.style)
    if walked is None or walked[0] != value:
        return None
    return walked[1]


def _in_flow(
    lines: Sequence[str], line: int, column: int, value: str, style: str | None
) -> tuple[str, Places] | None:
    """Walk a plain or quoted scalar until as many characters have come as the value has."""
    text, places = "", Places()
    characters: list[str] = []
    column += 1 if style else 0
    row = lines[line]
    end = len(row.rstrip(" \t"))
    while len(characters) < len(value):
        here = (line, column)
        joined = style == '"' and column == len(row) - 1 and row[column] == "\\"
        if column >= end or joined:
            breaks = 0
            while breaks == 0 or not row.strip(" \t"):
                line, breaks = line + 1, breaks + 1
                if line == len(lines):
                    return None
                row = lines[line]
            column, end = len(row) - len(row.lstrip(" \t")), len(row.rstrip(" \t"))
            folded = "\n" * (breaks - 1) or ("" if joined else " ")
            characters += folded
            places += [here] * len(folded)
            continue
        character, width = row[column], 1
        if style == "'" and character == "'":
            width = 2
        elif style == '"' and character == "\\":
            width = 2 + {"x": 2, "u": 4, "U": 8}.get(row[column + 1], 0)
            character = value[len(characters)]
        characters.append(character)
        places.append(here)
        column += width
    text = "".join(characters)[: len(value)]
    return text, [*places[: len(value)], (line, column)]


def _in_block(
    lines: Sequence[str], line: int, value: str, *, folded: bool
) -> tuple[str, Places] | None:
    """Walk a block scalar from the line below its `|` or `>`; after libyaml's scanner."""
    content = value.rstrip("\n")
    first = next((n for n in range(line, len(lines)) if lines[n].strip(" ")), None)
    if not content or first is None:
        return None
    leading = content.lstrip("\n")
    indent = len(lines[first]) - len(lines[first].lstrip(" "))
    indent -= len(leading) - len(leading.lstrip(" "))  # an indentation indicator left some in
    characters: list[str] = []
    places: Places = []
    empty: Places = []
    last: tuple[int, int] | None = None  # the end of the last line that was not empty
    deeper = False  # that line was indented further, which keeps its break
    while len(characters) < len(content):
        if line == len(lines) or indent < 0:
            return None
        row = lines[line]
        if len(row) <= indent:
            empty.append((line, len(row)))
            line += 1
            continue
        starts_deeper = row[indent] in " \t"
        if last is not None:
            joins = folded and not deeper and not starts_deeper
            if not (joins and empty):
                characters.append(" " if joins else "\n")
                places.append(last)
        characters += "\n" * len(empty)
        places += empty
        characters += row[indent:]
        places += [(line, column) for column in range(indent, len(row))]
        last, deeper, empty = (line, len(row)), starts_deeper, []
        line += 1
    end = last or (line, 0)
    text = "".join(characters)[: len(content)]
    rest = len(value) - len(content)
    return text + "\n" * rest, [*places[: len(content)], *[end] * (rest + 1)]
