"""Macro files to macros by name, each block by itself.

Macro files are dbt's: any number of ``{% macro %}`` blocks, and blocks of dbt's own that mean
nothing here. They are cut apart with Jinja's lexer, so that one broken or foreign block does not
take the others with it; each macro is compiled when it is first called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from jinja2 import Environment, TemplateSyntaxError

from kpilayer.errors import Issue, Location
from kpilayer.load.macros import Fault

# dbt's dispatch: `postgres__name` is the version of `name` for one warehouse.
DIALECTS: Final = frozenset(
    (
        *("athena", "bigquery", "clickhouse", "databricks", "doris", "dremio", "drill", "duckdb"),
        *("exasol", "fabric", "firebolt", "glue", "greenplum", "hive", "impala", "materialize"),
        *("mysql", "oracle", "postgres", "presto", "redshift", "risingwave", "singlestore"),
        *("snowflake", "spark", "sqlite", "sqlserver", "starrocks", "synapse", "teradata"),
        *("trino", "vertica"),
    )
)
#: Adapters whose macros serve another one too, as in dbt.
_PARENTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "databricks": ("spark",),
        "fabric": ("sqlserver",),
        "greenplum": ("postgres",),
        "materialize": ("postgres",),
        "redshift": ("postgres",),
        "synapse": ("fabric", "sqlserver"),
    }
)
_SKIPPED: Final = frozenset(("test", "data_test", "materialization", "docs", "snapshot"))


@dataclass(frozen=True, slots=True)
class MacroSource:
    """One macro block of a macro file; ``source`` starts on the line where it stands."""

    name: str
    path: str
    line: int
    source: str
    place: Location


def index_macros(
    files: Mapping[str, str], lexer: Environment, taken: Iterable[str]
) -> tuple[dict[str, MacroSource], tuple[Issue, ...]]:
    """Every macro by name, from all files in the order of their paths; the first one stays."""
    found: dict[str, MacroSource] = {}
    issues: list[Issue] = []
    reserved = frozenset(taken)
    for path in sorted(files):
        for entry in _blocks(path, files[path], lexer):
            if isinstance(entry, Issue):
                issues.append(entry)
            elif entry.name in reserved:
                what = f"`{entry.name}` is a name that kpilayer gives to templates itself"
                issues.append(Issue("duplicate-name", what, entry.place, "rename the macro"))
            elif entry.name in found:
                see = (("first defined here", found[entry.name].place),)
                what = f"two macros are named `{entry.name}`"
                issues.append(Issue("duplicate-name", what, entry.place, see=see))
            else:
                found[entry.name] = entry
    return found, tuple(issues)


@dataclass(frozen=True, slots=True)
class Macros:
    """The macros of the project or of a package, and every name that they can be called by."""

    found: Mapping[str, MacroSource]
    names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        versions = {"default", *DIALECTS}
        short = {
            rest
            for name in self.found
            for first, _, rest in [name.partition("__")]
            if first in versions
        }
        object.__setattr__(self, "names", frozenset(self.found) | short - {""})


def versions_for(adapter: str) -> tuple[str, ...]:
    """The prefixes of macro versions that serve a dbt adapter, the nearest first.

    >>> versions_for("redshift")
    ('redshift', 'postgres')
    """
    return (adapter, *_PARENTS.get(adapter, ()))


def find_macro(name: str, macros: Mapping[str, MacroSource]) -> MacroSource | None:
    """The macro that serves a name: itself, or dbt's `default__name`.

    A name that has only versions, some of them for a warehouse, is refused: nothing says which
    text is meant. A macro of the name itself chooses, with `adapter.dispatch`.
    """
    if name in macros:
        return macros[name]
    for dialect in sorted(DIALECTS):
        version = macros.get(f"{dialect}__{name}")
        if version is not None:
            what = f"macros with a version per dialect are not supported yet: `{version.name}`"
            raise Fault(what, "not-supported-yet", word=name)
    return macros.get(f"default__{name}")


def _blocks(path: str, text: str, lexer: Environment) -> Iterator[MacroSource | Issue]:
    """The macro blocks of a file in order; issues for what stops Jinja's lexer."""
    text = re.sub(r"\r\n|\r", "\n", text)  # as the lexer does
    lines = text.split("\n")
    tokens = _statements(text, lexer)
    opened: tuple[str, str, int, int] | None = None  # word, name, start, line
    depth = 0
    try:
        for word, name, line, start, end in tokens:
            if opened is None:
                if word == "macro" or word in _SKIPPED:
                    opened, depth = (word, name, start, line), 1
            elif word == opened[0]:
                depth += 1
            elif word == f"end{opened[0]}":
                depth -= 1
                if depth == 0:
                    kind, name, begin, first = opened
                    opened = None
                    if kind == "macro" and not name:
                        yield Issue(
                            "jinja-error",
                            "a macro without a name",
                            _at_word(path, first, lines, "macro"),
                        )
                    elif kind == "macro":
                        place = _at_word(path, first, lines, name)
                        block = "\n" * (first - 1) + text[begin:end]
                        yield MacroSource(name, path, first, block, place)
    except TemplateSyntaxError as error:
        line = error.lineno
        yield Issue("jinja-error", str(error.message), _at_word(path, line, lines, ""))
        return
    if opened is not None and opened[0] == "macro":
        what = f"the macro `{opened[1]}` is not closed by `{{% endmacro %}}`"
        yield Issue("jinja-error", what, _at_word(path, opened[3], lines, opened[1]))


def _statements(text: str, lexer: Environment) -> Iterator[tuple[str, str, int, int, int]]:
    """Each ``{% word name ..%}``: word, name, line, and the offsets where it starts and ends."""
    offset = start = line = 0
    words: list[str] = []
    inside = False
    for number, kind, value in lexer.lex(text):
        # The lexer leaves out white space that `{%-` strips; all else follows in order.
        offset = text.index(value, offset) if value else offset
        if kind == "block_begin":
            inside, words, start, line = True, [], offset, number
        elif inside and kind == "name":
            words.append(value)
        offset += len(value)
        if kind == "block_end":
            inside = False
            first, second, *_ = [*words, "", ""]
            yield first, second, line, start, offset


def _at_word(path: str, line: int, lines: list[str], word: str) -> Location:
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    return at_word(Location(path, line, 1, max(1, len(text)), text), word)


def at_word(place: Location, word: str) -> Location:
    """The location narrowed to a word of its line, where the word is there."""
    if not word or place.text is None:
        return place
    rule = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    found = rule.search(place.text, place.column - 1) or rule.search(place.text)
    if found is None:
        return place
    return replace(place, column=found.start() + 1, length=len(word))
