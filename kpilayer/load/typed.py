"""Plain data to a typed definition; what pydantic says against it as issues in our words."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kpilayer.codes import CODES
from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.load.document import Document, YamlPath
from kpilayer.load.moved import Moved

Page = Document | Moved
_T = TypeVar("_T", bound=BaseModel)

#: What a value is, by the kind of pydantic's complaint.
_RULES: Final[dict[str, str]] = {
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "date_type": "a date, as 2026-01-31",
    "date_parsing": "a date, as 2026-01-31",
    "date_from_datetime_parsing": "a date, as 2026-01-31",
    "less_than": "a number below {lt:g}",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number from {ge} up",
    "too_short": "a list of at least {min_length}",
    "string_too_short": "a text of at least {min_length}",
}


def typed(
    kind: type[_T],
    data: dict[str, Any],
    page: Page,
    path: YamlPath,
    label: str,
    issues: list[Issue],
) -> _T | None:
    """The value, or None and one issue for each thing that is wrong with it."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        issues += dict.fromkeys(_issue(d, kind, page, path, label) for d in _relevant(details))
        return None


def _relevant(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Where a value fits none of several shapes, only what the first shape says against it."""
    seen: set[YamlPath] = set()
    kept = []
    for detail in details:
        steps = _steps(detail)
        if steps not in seen:
            kept.append(detail)
        seen.add(steps)
    return kept


def _steps(detail: ErrorDetails) -> YamlPath:
    """The path of keys, without the names that pydantic gives to the arms of a union."""
    return tuple(s for s in detail["loc"] if isinstance(s, int) or not _is_arm(s))


def _is_arm(step: str) -> bool:
    return step in ("bool", "str", "int") or step.startswith(("literal[", "function-", "tuple["))


def _issue(
    detail: ErrorDetails, kind: type[BaseModel], page: Page, path: YamlPath, label: str
) -> Issue:
    """A pydantic error as an issue at its place, with the nearest known word."""
    steps = _steps(detail)
    here = (*path, *steps)
    key = str(steps[-1]) if steps else ""
    owner = _type_at(kind, steps[:-1])
    if detail["type"] == "extra_forbidden":
        hint = did_you_mean(key, keys_of(owner))
        return Issue("unknown-field", f"unknown field `{key}`", page.at_key(here), hint)
    if detail["type"] == "missing":
        return Issue("missing-field", f"{label} needs `{key}`", page.at(here[:-1]))
    message = detail["msg"]
    if detail["type"] in CODES:
        context = detail.get("ctx", {})
        if "key" in context:
            here = (*here, context["key"])
        return Issue(detail["type"], f"{label}: {message}", page.at(here), context.get("hint"))
    given = detail["input"]
    choices = choices_of(owner, key)
    if choices and isinstance(given, str):
        if key == "type" and not page.has(here) and len(steps) > 1:
            key = str(steps[-2])  # `entity: primary` is short for `entity: {type: primary}`
        hint = did_you_mean(given, choices) or f"choices: {listing(choices, most=20)}"
        if len(choices) == 1:
            hint = f"only `{choices[0]}` is supported so far"
        return Issue("bad-value", f"`{key}` cannot be `{given}`", page.at(here), hint)
    if steps and isinstance(steps[-1], int):
        key = f"an entry of `{steps[-2]}`" if len(steps) > 1 else "an entry"
    else:
        key = f"`{key}`" if key else label
    rule = _RULES.get(detail["type"])
    if rule is not None:
        verb = "is" if steps and isinstance(steps[-1], int) else "takes"
        message = f"{key} {verb} {rule.format(**detail.get('ctx', {}))}"
    elif choices:
        message = f"{key} takes {listing(choices, most=20)}"
    else:
        message = f"{key}: {message[:1].lower()}{message[1:]}"
    return Issue("bad-value", message, page.at(here))


def _type_at(kind: type[BaseModel], steps: YamlPath) -> type[BaseModel]:
    """The type that stands at the end of a path of keys, as far as it is one."""
    for step in steps:
        if not isinstance(step, str):
            continue
        inner = _model_in(_annotation(kind, step))
        if inner is None:
            return kind
        kind = inner
    return kind


def _annotation(kind: type[BaseModel], key: str) -> Any:
    fields = kind.model_fields.items()
    return next((f.annotation for name, f in fields if key in (name, f.alias)), None)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    pending = [annotation]
    while pending:
        part = pending.pop(0)
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
        pending += get_args(part)
    return None


def keys_of(kind: type[BaseModel]) -> list[str]:
    """The keys that a type has, as they are written."""
    return [info.alias or name for name, info in kind.model_fields.items()]


def choices_of(kind: type[BaseModel], key: str) -> tuple[str, ...]:
    """The words that a field may take, where it is a choice of words."""
    found: list[str] = []
    pending: list[Any] = [_annotation(kind, key)]
    while pending:
        part = pending.pop()
        if get_origin(part) is Literal:
            found += [str(a) for a in get_args(part)]
        else:
            pending += get_args(part)
    return tuple(found)
