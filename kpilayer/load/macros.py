"""What a template can name: kpilayer's objects, and the macros of the project's macro files.

Macro files are dbt's: any number of ``{% macro %}`` blocks, and blocks of dbt's own that mean
nothing here. They are cut apart with Jinja's lexer, so that one broken or foreign block does not
take the others with it; each macro is compiled when it is first called.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from jinja2 import Environment, TemplateRuntimeError, TemplateSyntaxError
from jinja2.runtime import Undefined

from kpilayer.errors import Issue, Location, did_you_mean

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
_SKIPPED: Final = frozenset(("test", "data_test", "materialization", "docs", "snapshot"))
_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
_RELATION: Final = re.compile(r"[A-Za-z0-9_$ .-]+")


class Fault(TemplateRuntimeError):
    """A problem met while rendering. ``word`` is where in the line the caret belongs."""

    def __init__(
        self, message: str, code: str = "jinja-error", hint: str | None = None, word: str = ""
    ) -> None:
        super().__init__(message)
        self.text, self.code, self.hint, self.word = message, code, hint, word


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """What ``{{ target.name }}``, ``target.schema`` and ``target.type`` give."""

    name: str
    schema: str
    type: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function that templates may call: the sandbox calls these and macros, nothing else."""

    name: str
    run: Callable[..., object]

    def call(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
        """The function's result; arguments that do not fit are a fault in its name."""
        for value in (*args, *kwargs.values()):
            if isinstance(value, Undefined):
                str(value)  # raises, and names what is undefined
        try:
            return self.run(*args, **kwargs)
        except TypeError:
            try:
                inspect.signature(self.run).bind(*args, **kwargs)
            except TypeError as error:
                raise Fault(f"`{self.name}`: {error}", word=self.name) from None
            except ValueError:  # a builtin without a signature
                pass
            raise


@dataclass(frozen=True, slots=True)
class MacroName:
    """A macro as templates see it. It is compiled when called: macros may name each other."""

    name: str


@dataclass(frozen=True, slots=True)
class GroupByName:
    """``Dimension``, ``TimeDimension`` or ``Entity``: renders to one quoted group-by name."""

    name: str
    path: tuple[str, ...]
    quote: str
    suffix: str = ""
    is_dimension: bool = False

    def __str__(self) -> str:
        steps = (*self.path, f"{self.name}{self.suffix}")
        return f"{self.quote}{'__'.join(steps).lower()}{self.quote}"

    __repr__ = __str__

    def grain(self, name: object) -> GroupByName:
        """The time dimension truncated to a grain: `order__ordered_at__month`."""
        return replace(self, suffix=f"__{_checked('grain', name)}")

    def date_part(self, name: object) -> GroupByName:
        """A part of the time dimension: `order__ordered_at__extract_dow`."""
        return replace(self, suffix=f"__extract_{_checked('date_part', name)}")


def builtin_functions(
    quote: str,
    variables: Mapping[str, object],
    environ: Mapping[str, str],
    on_env: Callable[[str], None],
) -> dict[str, Function]:
    """The functions of templates by name. ``on_env`` hears of each environment variable read."""

    def dimension(name: object, entity_path: object = ()) -> GroupByName:
        where = _path("Dimension", entity_path)
        return GroupByName(_checked("Dimension", name), where, quote, is_dimension=True)

    def time_dimension(
        name: object,
        time_granularity_name: object = None,
        entity_path: object = (),
        descending: object = None,
        date_part_name: object = None,
    ) -> GroupByName:
        if descending is not None:
            raise Fault("`descending` sorts, and a template has nothing to sort", word="descending")
        where = _path("TimeDimension", entity_path)
        made = GroupByName(_checked("TimeDimension", name), where, quote)
        if date_part_name is not None:  # decides the name even where a grain is given, as in dbt
            return made.date_part(date_part_name)
        return made if time_granularity_name is None else made.grain(time_granularity_name)

    def entity(name: object, entity_path: object = ()) -> GroupByName:
        return GroupByName(_checked("Entity", name), _path("Entity", entity_path), quote)

    def metric(*_: object, **__: object) -> str:
        raise Fault("metrics in filters are not supported yet", "not-supported-yet", word="Metric")

    def relation(kind: str, *names: object) -> str:
        parts = (f"__{kind}", *(_checked(kind, name, _RELATION) for name in names))
        return ".".join(f"{quote}{part}{quote}" for part in parts)

    def ref(*names: object) -> str:
        if not 1 <= len(names) <= 2:
            raise Fault("`ref` takes a model, or a package and a model", word="ref")
        return relation("ref", *names)

    def source(source_name: object, table_name: object) -> str:
        return relation("source", source_name, table_name)

    def read_var(*args: object, **kwargs: object) -> object:
        name, fallback = _with_default("var", args, kwargs)
        if name in variables:
            return variables[name]
        if fallback:
            return fallback[0]
        hint = did_you_mean(name, variables) or "add it under `vars:` in kpilayer.yml"
        raise Fault(f"the variable `{name}` has no value", "unknown-var", hint, word=name)

    def read_env(*args: object, **kwargs: object) -> object:
        name, fallback = _with_default("env_var", args, kwargs)
        on_env(name)
        if name in environ:
            return environ[name]
        if fallback:
            return fallback[0]
        what = f"the environment variable `{name}` is not set"
        raise Fault(what, "missing-env-var", "set it, or give `env_var` a default", word=name)

    functions: dict[str, Callable[..., object]] = {
        "Dimension": dimension,
        "TimeDimension": time_dimension,
        "Entity": entity,
        "Metric": metric,
        "ref": ref,
        "source": source,
        "var": read_var,
        "env_var": read_env,
    }
    return {name: Function(name, run) for name, run in functions.items()}


def _with_default(
    function: str, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> tuple[str, tuple[object, ...]]:
    """The name and, where one is given, the default: None is a default like any other."""
    values = (*args, *([kwargs["default"]] if "default" in kwargs else []))
    if not 1 <= len(values) <= 2 or set(kwargs) - {"default"} or not isinstance(values[0], str):
        raise Fault(f"`{function}` takes a name and perhaps a default", word=function)
    return values[0], values[1:]


def _checked(function: str, name: object, rule: re.Pattern[str] = _NAME) -> str:
    """A name that cannot leave its quotes."""
    if isinstance(name, str) and rule.fullmatch(name):
        return name
    shown = f"`{' '.join(name.split())[:60]}`" if isinstance(name, str) else "a value"
    more = "" if rule is _NAME else ", and `$`, `.`, `-`, space"
    raise Fault(
        f"`{function}` takes a name of letters, digits and underscores{more}; {shown} is not one",
        word=function if function in ("ref", "source", "Dimension", "TimeDimension") else "",
    )


def _path(function: str, entity_path: object) -> tuple[str, ...]:
    if not isinstance(entity_path, list | tuple):
        raise Fault(f"`entity_path` of `{function}` is a list of entities", word="entity_path")
    return tuple(_checked(function, step) for step in entity_path)


# -- macro files


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


def find_macro(name: str, macros: Mapping[str, MacroSource]) -> MacroSource | None:
    """The macro that serves a name: itself, or dbt's `default__name`.

    A name with a version for some warehouse is refused: which text is meant would depend on the
    target, and a definition means the same everywhere.
    """
    found = macros.get(name) or macros.get(f"default__{name}")
    for dialect in sorted(DIALECTS):
        version = macros.get(f"{dialect}__{name}")
        if version is not None:
            what = f"macros with a version per dialect are not supported yet: `{version.name}`"
            raise Fault(what, "not-supported-yet", word=name)
    return found


def macro_names(macros: Mapping[str, MacroSource]) -> frozenset[str]:
    """Every name that a template can call a macro by, or that has only dialect versions."""
    versions = {"default", *DIALECTS}
    short = {
        rest for name in macros for first, _, rest in [name.partition("__")] if first in versions
    }
    return frozenset(macros) | short - {""}


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
