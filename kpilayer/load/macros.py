"""What a template can name: kpilayer's objects and functions, and those of dbt that it has."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from jinja2 import TemplateRuntimeError
from jinja2.runtime import Undefined

from kpilayer.address import filter_metric_text
from kpilayer.errors import did_you_mean
from kpilayer.load.profile_text import SECRET, SECRET_HINT

_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
_RELATION: Final = re.compile(r"[A-Za-z0-9_$ .-]+")


class Fault(TemplateRuntimeError):
    """A problem met while rendering. ``word`` is where in the line the caret belongs."""

    def __init__(
        self, message: str, code: str = "jinja-error", hint: str | None = None, word: str = ""
    ) -> None:
        super().__init__(message)
        self.text, self.code, self.hint, self.word = message, code, hint, word


class Returned(Fault):
    """`{{ return(value) }}` in a macro: the call gives this value, whatever was written before."""

    def __init__(self, value: object) -> None:
        super().__init__("`return` stands inside a macro", word="return")
        self.value = value


@dataclass(frozen=True, slots=True)
class Dbt:
    """What a dbt project adds to templates.

    ``packages`` gives the macro files of an installed package, read when it is first named.
    """

    project: str = ""
    adapter: str = "duckdb"
    """dbt's word for the dialect in which definitions are written; picks a macro's version."""
    docs: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, Callable[[], Mapping[str, str]]] = field(default_factory=dict)
    search_order: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """What ``{{ target.name }}``, ``.schema``, ``.type`` and ``.database`` give."""

    name: str
    schema: str
    type: str
    database: str = ""


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
    package: str = ""
    """The dbt package that it comes from; empty for the project's own."""


@dataclass(frozen=True, slots=True)
class Package:
    """A dbt package as templates see it: its macros are attributes, `dbt_utils.star(..)`."""

    name: str
    find: Callable[[str], MacroName | None]


@dataclass(frozen=True, slots=True)
class Adapter:
    """dbt's `adapter`, of which only `dispatch` exists."""

    dispatch: Callable[..., MacroName]


#: Ends a name that sorts the largest first.
DESCENDING: Final = " descending"


def _sorting(is_descending: bool) -> str:
    return DESCENDING if is_descending else ""


@dataclass(frozen=True, slots=True)
class GroupByName:
    """``Dimension``, ``TimeDimension`` or ``Entity``: renders to one quoted group-by name."""

    name: str
    path: tuple[str, ...]
    quote: str
    suffix: str = ""
    is_dimension: bool = False
    is_descending: bool = False

    def __str__(self) -> str:
        steps = (*self.path, f"{self.name}{self.suffix}")
        return f"{self.quote}{'__'.join(steps).lower()}{_sorting(self.is_descending)}{self.quote}"

    __repr__ = __str__

    def grain(self, name: object) -> GroupByName:
        """The time dimension truncated to a grain: `order__ordered_at__month`."""
        return replace(self, suffix=f"__{_checked('grain', name)}")

    def date_part(self, name: object) -> GroupByName:
        """A part of the time dimension: `order__ordered_at__extract_dow`."""
        return replace(self, suffix=f"__extract_{_checked('date_part', name)}")

    def descending(self, is_descending: object = True) -> GroupByName:
        """The largest first, where the name sorts; no name that a condition could use."""
        return replace(self, is_descending=bool(is_descending))


@dataclass(frozen=True, slots=True)
class MetricName:
    """``Metric('orders', ['customer'])``: a metric per entity in a filter; alone, to sort by."""

    name: str
    group_by: tuple[str, ...]
    quote: str
    within_query_time: bool = False
    is_descending: bool = False

    def __str__(self) -> str:
        text = self.name.lower()
        if self.group_by:
            text = filter_metric_text(text, self.group_by, self.within_query_time)
        return f"{self.quote}{text}{_sorting(self.is_descending)}{self.quote}"

    __repr__ = __str__

    def descending(self, is_descending: object = True) -> MetricName:
        """The largest first, where the name sorts."""
        return replace(self, is_descending=bool(is_descending))


def builtin_functions(
    quote: str,
    variables: Mapping[str, object],
    environ: Mapping[str, str],
    dbt: Dbt,
    note: Callable[[str, str, str, str | None], None],
) -> dict[str, Function]:
    """The functions of templates by name; ``note`` takes a warning's code, text, word and hint."""

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
        where = _path("TimeDimension", entity_path)
        made = GroupByName(_checked("TimeDimension", name), where, quote)
        made = made.descending(descending) if descending is not None else made
        if date_part_name is not None:  # decides the name even where a grain is given, as in dbt
            return made.date_part(date_part_name)
        return made if time_granularity_name is None else made.grain(time_granularity_name)

    def entity(name: object, entity_path: object = ()) -> GroupByName:
        return GroupByName(_checked("Entity", name), _path("Entity", entity_path), quote)

    def metric(
        name: object, group_by: object = (), within_query_time: object = False
    ) -> MetricName:
        groups = (group_by,) if isinstance(group_by, str) else group_by
        if not isinstance(groups, (list, tuple)):
            raise Fault("`group_by` of `Metric` is a list of entities", word="Metric")
        per = tuple(str(_plain_name(g)) for g in groups)
        return MetricName(_checked("Metric", name), per, quote, bool(within_query_time))

    def relation(kind: str, *names: object) -> str:
        parts = (f"__{kind}", *(_checked(kind, name, _RELATION) for name in names))
        return ".".join(f"{quote}{part}{quote}" for part in parts)

    def ref(*names: object, v: object = None, version: object = None) -> str:
        if not 1 <= len(names) <= 2:
            raise Fault("`ref` takes a model, or a package and a model", word="ref")
        number = v if version is None else version
        last = names[-1] if number is None else f"{names[-1]}.v{number}"
        return relation("ref", *names[:-1], last)

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
        if name.startswith(SECRET):
            what = f"`{name}` is a secret, which only profiles.yml may read"
            raise Fault(what, "jinja-sandbox", SECRET_HINT, word=name)
        said = f"a definition reads the environment variable `{name}`"
        note("env-var-in-definition", said, name, None)
        if name in environ:
            return environ[name]
        if fallback:
            return fallback[0]
        what = f"the environment variable `{name}` is not set"
        raise Fault(what, "missing-env-var", "set it, or give `env_var` a default", word=name)

    def doc(*names: object) -> str:
        if not 1 <= len(names) <= 2 or not all(isinstance(n, str) for n in names):
            raise Fault("`doc` takes a name, or a package and a name", word="doc")
        name = str(names[-1])
        if name in dbt.docs and names[:-1] in ((), (dbt.project,)):
            return dbt.docs[name]
        said = ", ".join(f"'{n}'" for n in names)
        message = f"there is no block `{{% docs {name} %}}`"
        note("unknown-doc", message, name, did_you_mean(name, dbt.docs))
        return f"[doc({said})]"

    def give(value: object = None) -> str:
        raise Returned(value)

    functions: dict[str, Callable[..., object]] = {
        "config": lambda *_, **__: "",
        "doc": doc,
        "return": give,
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


def _plain_name(item: object) -> str:
    """A group-by as text: an object's name, or the checked word itself."""
    if isinstance(item, GroupByName):
        return str(item).strip(item.quote)
    return _checked("Metric", item).lower()


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
