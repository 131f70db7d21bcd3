"""Data of YAML files to :class:`Definitions`. Every problem of every file is reported in one go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kpilayer.codes import CODES
from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.load.document import Document, YamlPath
from kpilayer.load.known import IGNORED, INSTEAD, METRIC_TYPES_NOT_YET, NOT_YET, PLACES
from kpilayer.load.template import Templates
from kpilayer.model.config import ProjectConfig
from kpilayer.model.definitions import Key, Kind, Place
from kpilayer.model.metric import DerivedMetric, InputMetric, Metric, RatioMetric, SimpleMetric
from kpilayer.model.names import Config
from kpilayer.model.semantic_model import (
    Column,
    ColumnDimension,
    ColumnEntity,
    DerivedSemantics,
    Dimension,
    Entity,
    Model,
)

_TAG: Final = re.compile(r"\{[{%].*?(?:[}%]\}|$)")

_T = TypeVar("_T", bound=BaseModel)

_METRICS: Final[dict[str, type[SimpleMetric] | type[RatioMetric] | type[DerivedMetric]]] = {
    "simple": SimpleMetric,
    "ratio": RatioMetric,
    "derived": DerivedMetric,
}
#: Which type stands under a key, to suggest fields of it.
_TYPE_UNDER: Final[dict[str, type[BaseModel]]] = {
    "columns": Column,
    "entity": ColumnEntity,
    "dimension": ColumnDimension,
    "entities": Entity,
    "dimensions": Dimension,
    "derived_semantics": DerivedSemantics,
    "config": Config,
    "numerator": InputMetric,
    "denominator": InputMetric,
    "input_metric": InputMetric,
    "input_metrics": InputMetric,
}


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
    "less_than": "a number below {lt:g}",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number from {ge} up",
    "too_short": "a list of at least {min_length}",
    "string_too_short": "a text of at least {min_length}",
}


@dataclass(slots=True)
class Decoded:
    """What decoding has found so far; files are added to it one by one."""

    models: list[Model] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    places: dict[Key, Place] = field(default_factory=dict)
    broken: set[Key] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)
    all_read: bool = True


def decode_config(document: Document) -> tuple[ProjectConfig | None, list[Issue]]:
    """The project file as a value, or None and why not."""
    found = Decoded()
    data = document.data
    if not isinstance(data, dict):
        message = "kpilayer.yml is a mapping with at least `name:`"
        return None, [Issue("missing-field", message, document.at(()))]
    kept = _known_keys(document, (), data, "project", found)
    return _decoded(ProjectConfig, kept, document, (), found, "the project"), found.issues


def decode_file(document: Document, templates: Templates, found: Decoded) -> None:
    """Adds the definitions of one file to ``found``."""
    data = document.data
    if data is None:
        return
    if not isinstance(data, dict):
        message = "a file is a mapping with `models:` or `metrics:`"
        found.issues.append(Issue("bad-value", message, document.at(())))
        return
    known = ("models", "metrics")
    for key, value in _known_keys(document, (), data, "file", found).items():
        if key not in known:
            hint = did_you_mean(key, [*known, *NOT_YET["file"]])
            message = f"unknown field `{key}`: a file holds {listing(known)}"
            found.issues.append(Issue("unknown-field", message, document.at_key((key,)), hint))
            continue
        for index, entry in _entries(document, (key,), value, found):
            if key == "models":
                _decode_model(document, (key, index), entry, templates, found)
            else:
                _decode_metric(document, (key, index), entry, templates, found)


def _entries(
    document: Document, path: YamlPath, value: object, found: Decoded
) -> Iterable[tuple[int, dict[str, Any]]]:
    if value is None:
        return
    if not isinstance(value, list):
        message = f"`{path[-1]}` is a list; each entry begins with `- name:`"
        found.issues.append(Issue("bad-value", message, document.at_key(path)))
        return
    for index, entry in enumerate(value):
        if isinstance(entry, dict):
            yield index, entry
        else:
            message = f"an entry of `{path[-1]}` is a mapping that begins with `name:`"
            found.issues.append(Issue("bad-value", message, document.at((*path, index))))


def _decode_model(
    document: Document, path: YamlPath, entry: dict[str, Any], templates: Templates, found: Decoded
) -> None:
    metrics = entry.get("metrics")
    switch = entry.get("semantic_model")
    if switch is None and not _looks_semantic(entry):
        return  # an ordinary dbt model: described, but not part of the semantic layer
    if switch is None:
        message = f"model `{entry.get('name')}` has entities, dimensions or metrics, but not "
        message += "`semantic_model: true`"
        found.issues.append(Issue("missing-field", message, document.at(path)))
        switch = True
    kept = {k: v for k, v in entry.items() if k not in ("metrics", "semantic_model")}
    if isinstance(switch, dict):
        kept = _semantic_switch(document, path, switch, kept, found)
        switch = switch.get("enabled", True)
    if switch is False:
        return
    if switch is not True:
        message = "`semantic_model` is true, false or a mapping with `enabled:`"
        place = document.at((*path, "semantic_model"))
        found.issues.append(Issue("bad-value", message, place))
    before = len(found.issues)
    kept = _rendered(document, path, kept, templates, found)
    kept = _known_keys(document, path, kept, "model", found)
    label = f"model `{entry['name']}`" if _name_of(entry) else "a model"
    model = _decoded(Model, kept, document, path, found, label, before)
    _keep("model", found.models, model, entry, document, path, found, before)
    for index, metric in _entries(document, (*path, "metrics"), metrics, found):
        own = {"type": "simple", **metric}
        if own["type"] == "simple" and "input_metric" not in own and isinstance(model, Model):
            own.setdefault("model", model.name)
        _decode_metric(document, (*path, "metrics", index), own, templates, found)


def _looks_semantic(entry: dict[str, Any]) -> bool:
    columns = entry.get("columns")
    semantic = any(
        isinstance(c, dict) and (c.get("entity") or c.get("dimension"))
        for c in (columns if isinstance(columns, list) else ())
    )
    return semantic or bool(entry.get("metrics") or entry.get("derived_semantics"))


def _semantic_switch(
    document: Document, path: YamlPath, switch: dict[str, Any], kept: dict[str, Any], found: Decoded
) -> dict[str, Any]:
    for key in switch:
        if key not in ("enabled", "name", "group", "config"):
            hint = did_you_mean(key, ("enabled", "name", "group", "config"))
            place = document.at_key((*path, "semantic_model", key))
            found.issues.append(Issue("unknown-field", f"unknown field `{key}`", place, hint))
    return kept | ({"name": switch["name"]} if "name" in switch else {})


def _decode_metric(
    document: Document, path: YamlPath, entry: dict[str, Any], templates: Templates, found: Decoded
) -> None:
    before = len(found.issues)
    kind = entry.get("type", "simple")
    name = _name_of(entry)
    if isinstance(kind, str) and kind in METRIC_TYPES_NOT_YET:
        message = f"metrics of type `{kind}` are not supported yet"
        hint = f"supported types: {listing(tuple(_METRICS))}"
        place = document.at((*path, "type"))
        found.issues.append(Issue("not-supported-yet", message, place, hint))
        found.broken.add(("metric", name))
        return
    metric_type = _METRICS.get(kind) if isinstance(kind, str) else None
    if metric_type is None:
        message = f"`{kind}` is not a type of metric"
        near = did_you_mean(str(kind), [*_METRICS, *METRIC_TYPES_NOT_YET])
        hint = near or f"types: {listing(tuple(_METRICS))}"
        found.issues.append(Issue("bad-value", message, document.at((*path, "type")), hint))
        found.broken.add(("metric", name))
        return
    kept = _rendered(document, path, entry, templates, found)
    kept = _known_keys(document, path, kept, "metric", found)
    metric = _decoded(
        metric_type,
        {**kept, "type": kind},
        document,
        path,
        found,
        f"metric `{name}`" if name else "a metric",
        before,
    )
    _keep("metric", found.metrics, metric, entry, document, path, found, before)


def _keep(
    kind: Kind,
    kept: list[Any],
    value: Any,
    entry: dict[str, Any],
    document: Document,
    path: YamlPath,
    found: Decoded,
    before: int,
) -> None:
    """Files a definition under its name, unless broken, disabled or the second of its name."""
    name = value.name if value is not None else _name_of(entry)
    key: Key = (kind, name)
    if not name:
        found.broken.add(key)
        return
    first = found.places.get(key)
    if first is not None:
        see = (("first defined here", first.text.at((*first.steps, "name"))),)
        message = f"there are two {kind}s named `{name}`"
        place = document.at((*path, "name"))
        found.issues.append(Issue("duplicate-name", message, place, see=see))
        return
    if value is not None and not value.config.enabled:
        return
    found.places[key] = Place(document, path)
    if value is None or any(i.severity == "error" for i in found.issues[before:]):
        found.broken.add(key)
    else:
        kept.append(value)


def _name_of(entry: dict[str, Any]) -> str:
    """The name that an entry gives itself, if it does."""
    name = entry.get("name")
    return name.lower() if isinstance(name, str) else ""


def _rendered(
    document: Document, path: YamlPath, entry: dict[str, Any], templates: Templates, found: Decoded
) -> dict[str, Any]:
    """The entry with each string that holds a Jinja tag rendered by itself."""

    def render(value: Any, here: YamlPath) -> Any:
        if isinstance(value, str):
            text, issues = templates.render(
                value, lambda line, word: _line(document, here, value, line, word)
            )
            found.issues.extend(issues)
            return text
        if isinstance(value, dict):
            return {key: render(inner, (*here, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [render(inner, (*here, index)) for index, inner in enumerate(value)]
        return value

    return {key: render(value, (*path, key)) for key, value in entry.items()}


def _line(document: Document, path: YamlPath, text: str, line: int, word: str) -> Any:
    """A word of a template's line, or the first tag on it, in the file."""
    lines = text.split("\n")
    line = min(max(line, 1), len(lines))
    offset = sum(len(row) + 1 for row in lines[: line - 1])
    row = lines[line - 1]
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", row) if word else _TAG.search(row)
    start, end = found.span() if found else (0, len(row))
    return document.within(path, offset + start, end - start)


def _known_keys(
    document: Document, path: YamlPath, value: Mapping[str, Any], place: str, found: Decoded
) -> dict[str, Any]:
    """The mapping without ignored keys, and without those that cannot be computed yet."""
    kept: dict[str, Any] = {}
    for key, inner in value.items():
        here = (*path, key)
        if key in IGNORED.get(place, ()):
            continue
        if key in NOT_YET.get(place, ()):
            message = f"`{key}` is not supported yet"
            where = document.at_key(here)
            found.issues.append(Issue("not-supported-yet", message, where, INSTEAD.get(key)))
            continue
        if key in ("meta", "vars"):
            kept[key] = inner
        elif isinstance(inner, dict):
            kept[key] = _known_keys(document, here, inner, PLACES.get(key, ""), found)
        elif isinstance(inner, list):
            kept[key] = [
                _known_keys(document, (*here, i), item, PLACES.get(key, ""), found)
                if isinstance(item, dict)
                else item
                for i, item in enumerate(inner)
            ]
        else:
            kept[key] = inner
    return kept


def _decoded(
    kind: type[_T],
    data: dict[str, Any],
    document: Document,
    path: YamlPath,
    found: Decoded,
    label: str,
    before: int = 0,
) -> _T | None:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        # What a key of the language would have said, had it been read, is not missing.
        left_out = any(i.code == "not-supported-yet" for i in found.issues[before:])
        for detail in error.errors(include_url=False):
            issue = _issue(detail, kind, document, path, label)
            if not (left_out and issue.code == "missing-field"):
                found.issues.append(issue)
        return None


def _issue(
    detail: ErrorDetails, kind: type[BaseModel], document: Document, path: YamlPath, label: str
) -> Issue:
    """A pydantic error as an issue at its place, with the nearest known word."""
    steps = detail["loc"]
    here = (*path, *steps)
    key = str(steps[-1]) if steps else ""
    owner = _type_at(kind, steps[:-1])
    if detail["type"] == "extra_forbidden":
        hint = did_you_mean(key, _keys(owner))
        return Issue("unknown-field", f"unknown field `{key}`", document.at_key(here), hint)
    if detail["type"] == "missing":
        message = f"{label} needs `{key}`"
        return Issue("missing-field", message, document.at(here[:-1]))
    message = detail["msg"]
    if detail["type"] in CODES:
        context = detail.get("ctx", {})
        if "key" in context:
            here = (*here, context["key"])
        return Issue(detail["type"], f"{label}: {message}", document.at(here), context.get("hint"))
    given = detail["input"]
    choices = _choices(owner, key)
    if detail["type"] == "literal_error" and choices:
        if key == "type" and here not in document.values and len(steps) > 1:
            key = str(steps[-2])  # `entity: primary` is short for `entity: {type: primary}`
        hint = did_you_mean(str(given), choices) or f"choices: {listing(choices, most=20)}"
        if len(choices) == 1:
            hint = f"only `{choices[0]}` is supported so far"
        message = f"`{key}` cannot be `{given}`"
        return Issue("bad-value", message, document.at(here), hint)
    if isinstance(steps[-1], int):
        key = f"an entry of `{steps[-2]}`" if len(steps) > 1 else "an entry"
    else:
        key = f"`{key}`"
    rule = _RULES.get(detail["type"])
    if rule is not None:
        verb = "is" if isinstance(steps[-1], int) else "takes"
        message = f"{key} {verb} {rule.format(**detail.get('ctx', {}))}"
    else:
        message = f"{key}: {message[:1].lower()}{message[1:]}"
    return Issue("bad-value", message, document.at(here))


def _type_at(kind: type[BaseModel], steps: tuple[str | int, ...]) -> type[BaseModel]:
    for step in reversed(steps):
        if isinstance(step, str) and step in _TYPE_UNDER:
            return _TYPE_UNDER[step]
    return kind


def _keys(kind: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in kind.model_fields.items()]


def _choices(kind: type[BaseModel], key: str) -> tuple[str, ...]:
    """The words that a field may take, where it is a choice of words."""
    info = kind.model_fields.get(key)
    if info is None:
        return ()
    found: list[str] = []
    pending: list[Any] = [info.annotation]
    while pending:
        annotation = pending.pop()
        if get_origin(annotation) is Literal:
            found += [str(a) for a in get_args(annotation)]
        else:
            pending += list(get_args(annotation))
    return tuple(found)
