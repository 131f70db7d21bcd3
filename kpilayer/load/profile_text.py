"""A string of profiles.yml with Jinja to its value: text, or a number or boolean by a filter.

Only ``env_var`` and ``var`` exist, and dbt's filters ``as_number``, ``as_bool``, ``as_native`` and
``as_text`` beside a few plain ones. Loops, assignments, calls of anything else and all arithmetic
are refused, so that a profile is done in bounded time. No message holds a rendered value: it may
be a password. dbt_project.yml is rendered by the same rules, except that it may name no secret.

Issues: ``missing-env-var``, ``unknown-var``, ``bad-profile``, ``jinja-sandbox``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from kpilayer.errors import Issue, Location, did_you_mean

_ONE_EXPRESSION: Final = re.compile(
    r"\s*\{\{-?(?P<inner>(?:(?!\{\{|\}\}|\{%|\{#).)*?)-?\}\}\s*", re.S
)
#: What Jinja and the Python made from a template raise: it may be too deep, or name an infinity.
_FAILURES: Final = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, NameError, RecursionError),
    *(SyntaxError, TypeError, ValueError),
)
MAX_CHARACTERS: Final = 10_000  # of one template
#: As in dbt, such a variable is for profiles.yml alone: no other file can carry it into SQL.
SECRET: Final = "DBT_ENV_SECRET"
SECRET_HINT: Final = "dbt keeps such variables to profiles.yml: give this one another name"
_PLAIN_FILTERS: Final = ("trim", "lower", "upper", "default", "d")


def has_jinja(text: str) -> bool:
    """Whether ``text`` is a template at all; dbt renders every other string as it stands."""
    return "{{" in text or "{%" in text


def render(
    text: str,
    location: Location,
    *,
    variables: Mapping[str, object],
    environ: Mapping[str, str],
) -> tuple[object, tuple[Issue, ...]]:
    """The value of a template, and its problems, all at ``location``; None when there are any.

    A template that is one ``{{ expression }}`` keeps the expression's type, so
    ``"{{ env_var('PORT') | int }}"`` is a number. Everything else is text.
    """
    names = _Names(variables, environ, location)
    environment = _Environment(names)
    try:
        if len(text) > MAX_CHARACTERS:
            raise _Refused(f"it has more than {MAX_CHARACTERS:,} characters")
        _refuse_statements(environment.parse(text))
        one = _ONE_EXPRESSION.fullmatch(text)
        if one:
            value = environment.compile_expression(one["inner"], undefined_to_none=False)()
        else:
            value = environment.from_string(text).render()
        _plain(value)
    except jinja2.TemplateError as error:
        if (
            not names.issues
        ):  # a filter that chokes on a missing variable's stand-in says nothing new
            names.report(_say(error))
        value = None
    except _FAILURES:
        if not names.issues:
            names.report("the template cannot be rendered; its value is not shown here")
        value = None
    return (None if names.issues else value), tuple(names.issues)


@dataclass(slots=True, repr=False)  # a text made of one would hold the whole environment
class _Names:
    """``env_var`` and ``var``; a name without a value is reported, and rendering goes on."""

    variables: Mapping[str, object]
    environ: Mapping[str, str]
    location: Location
    issues: list[Issue] = field(default_factory=list)

    def env_var(self, name: str, default: object = None) -> object:
        if str(name).startswith(SECRET) and PurePath(self.location.path).name != "profiles.yml":
            message = f"`{name}` is a secret, which only profiles.yml may read"
            self.issues.append(Issue("jinja-sandbox", message, self.location, SECRET_HINT))
            return ""
        value = self.environ.get(str(name), default)
        if value is None:
            message = f"the environment variable `{name}` is not set"
            hint = f"set it, or give a default: `env_var('{name}', '..')`"
            self.issues.append(Issue("missing-env-var", message, self.location, hint))
            return ""
        return value

    def var(self, name: str, default: object = None) -> object:
        value = self.variables.get(str(name), default)
        if value is None:
            message = f"`var('{name}')` has no value"
            hint = did_you_mean(str(name), self.variables)
            self.issues.append(Issue("unknown-var", message, self.location, hint))
            return ""
        return value

    def report(self, message: str) -> None:
        hint = "a profile may use `env_var('NAME')` and `var('name')`, with a default and filters"
        self.issues.append(Issue("bad-profile", message, self.location, hint))


class _Refused(jinja2.TemplateRuntimeError):
    """A problem in our own words, which hold no value."""


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox in which only ``env_var`` and ``var`` can be called, and nothing is computed."""

    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)

    def __init__(self, names: _Names) -> None:
        super().__init__(
            undefined=jinja2.StrictUndefined, keep_trailing_newline=True, finalize=_plain
        )
        plain: dict[str, Callable[..., Any]] = {name: self.filters[name] for name in _PLAIN_FILTERS}
        own: dict[str, Callable[..., Any]] = {
            "as_number": _as_number, "as_bool": _as_bool,
            "as_native": _as_native, "as_text": _as_text, "string": _as_text,
            "int": _as_int, "float": _as_number,
        }  # fmt: skip
        self.filters = plain | own
        self.globals = {"env_var": names.env_var, "var": names.var}

    def is_safe_callable(self, obj: object) -> bool:
        return obj in self.globals.values()

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        raise _Refused(f"`{operator}` is not available in a profile; join texts with `~`")


def _refuse_statements(template: nodes.Template) -> None:
    for statement in template.find_all(nodes.Stmt):
        if not isinstance(statement, (nodes.Output, nodes.If)):
            word = type(statement).__name__.lower()
            raise _Refused(f"`{{% {word} %}}` is not available in a profile")


def _plain(value: object) -> object:
    """The value, if a setting can be one: no function, nor anything else of Jinja's."""
    if isinstance(value, jinja2.Undefined):
        value._fail_with_undefined_error()
    if not (value is None or isinstance(value, str | int | float | list | tuple | dict | set)):
        raise _Refused("a value is text, a number, true, false, a list or a mapping")
    return value


def _as_text(value: object) -> str:
    return str(_plain(value))


def _as_number(value: object) -> int | float:
    number = value if isinstance(value, (int, float)) else _literal(str(value).strip())
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise _Refused("the value given to `as_number` is not a number")
    return number


def _as_int(value: object) -> int:
    """Strict, where Jinja's own filter makes a mistyped port a 0 in silence."""
    number = _as_number(value)
    if number != int(number):
        raise _Refused("the value given to `int` is not a whole number")
    return int(number)


def _as_bool(value: object) -> bool:
    word = str(value).strip().lower()
    if word not in ("true", "false"):
        raise _Refused("the value given to `as_bool` is not true or false")
    return word == "true"


def _as_native(value: object) -> object:
    return _literal(value) if isinstance(value, str) else value


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _say(error: jinja2.TemplateError) -> str:
    """What is wrong, without Jinja's own words where they quote what they found: maybe a secret."""
    match error:
        case _Refused():
            return f"the template cannot be rendered: {error.message}"
        case jinja2.TemplateSyntaxError() if "filter named" in (error.message or ""):
            return "the template uses a filter that a profile does not have"
        case jinja2.TemplateSyntaxError():
            return "the template is not well-formed"
        case jinja2.UndefinedError():
            return "the template uses a name that a profile does not have"
        case _:
            return "the template reaches for something that a profile does not have"
