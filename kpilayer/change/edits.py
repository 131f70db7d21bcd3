"""Two projects, field by field: every edit with its rule, both places, and what wrote it.

Definitions are compared as typed values, so that the order of keys, quotes, comments and files
make no edit. What a definition holds by name (dimensions, entities) is compared by name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from kpilayer import snippets
from kpilayer.canonical import canonical
from kpilayer.catalog import Catalog
from kpilayer.change.fields import rule_of
from kpilayer.change.origins import Origins
from kpilayer.change.rules import RULES, Level
from kpilayer.errors import Location
from kpilayer.model.definitions import Definitions, Key, Kind, Steps
from kpilayer.model.metric import Metric
from kpilayer.model.names import Definition
from kpilayer.model.semantic_model import Model

#: Kind and address of what was edited: ("dimension", "orders.status").
Subject = tuple[str, str]
_INSIDE: Final = ("columns", "derived_semantics")  # seen as dimensions and entities


@dataclass(frozen=True, slots=True)
class Edit:
    """An edited field, or with ``field`` empty a definition that came, went or was renamed.

    ``before`` and ``after`` are plain values, ``meant`` the same without regard to how SQL is
    spelled. ``origin`` names the macro or variable that made the difference, where the text of the
    definition itself is the same.
    """

    subject: Subject
    field: str
    rule: str
    before: Any
    after: Any
    at_before: Location | None = None
    at: Location | None = None
    origin: str = ""
    meant: str = ""
    note: str = ""
    """What is known of it besides: `loosened`, `tightened`."""

    @property
    def level(self) -> Level:
        """The class of the rule; proofs may lower that of what is provable."""
        return RULES[self.rule].level

    @property
    def id(self) -> str:
        """The change id: of what changed to what, whoever wrote it in which words, and where."""
        told = [self.rule, *self.subject, self.field, self.meant]
        text = json.dumps(told, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def edits(base: Catalog, head: Catalog) -> tuple[Edit, ...]:
    """Every edit between two projects, in order of kind and name."""
    found = [
        *_named(base, head, "metric", "metrics"),
        *_models(base, head),
        *_queries(base, head),
        *_named(base, head, "conformed_dimension", "conformed_dimensions"),
        *_named(base, head, "time_spine", "time_spines"),
        *_named(base, head, "view", "views"),
        *_named(base, head, "saved_query", "saved_queries"),
        *_named(base, head, "exposure", "exposures"),
        *_named(base, head, "group", "groups"),
        *_named(base, head, "kpi", "kpis"),
        *_named(base, head, "okr", "okrs"),
        *_versions(base, head),
        *_sources(base.definitions, head.definitions),
        *_config(base.definitions, head.definitions),
    ]
    told = _with_origins(found, base.definitions, head.definitions)
    return tuple(replace(edit, meant=_meant(edit, base, head)) for edit in told)


def _meant(edit: Edit, base: Catalog, head: Catalog) -> str:
    """What changed to what, as one text for all spellings of its SQL."""
    values = [_spelled(edit.before, base.dialect), _spelled(edit.after, head.dialect)]
    return json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)


def _spelled(value: Any, dialect: str) -> Any:
    if isinstance(value, dict):
        return {key: _spelled(inner, dialect) for key, inner in value.items()}
    if isinstance(value, list):
        return [_spelled(inner, dialect) for inner in value]
    if not isinstance(value, str):
        return value
    parsed = snippets.parse(value, dialect)
    return value if parsed.problems else canonical(parsed.tree, dialect)


def _named(base: Catalog, head: Catalog, kind: Kind, holder: str) -> Iterator[Edit]:
    """Edits of the definitions of a kind, by name."""
    old = {d.name: d for d in getattr(base.definitions, holder)}
    new = {d.name: d for d in getattr(head.definitions, holder)}
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        yield from _of_definition((kind, name), before, after, base, head)


def metric_edits(base: Catalog, head: Catalog, was: str, name: str) -> Iterator[Edit]:
    """The edits of a metric that has another name, this first."""
    subject = ("metric", name)
    old = base.definitions.at("metric", was, "name")
    new = head.definitions.at("metric", name, "name")
    yield Edit(subject, "name", "renamed", was, name, old, new, "", f"{was} {name}")
    before, after = base.metrics[was], head.metrics[name]
    for field, old_value, new_value in _fields(_plain(before), _plain(after)):
        rule = rule_of("metric", field, old_value, new_value, certified=is_certified(before))
        old = _place(base.definitions, ("metric", was), field)
        new = _place(head.definitions, subject, field)
        edit = Edit(subject, field, rule, old_value, new_value, old, new)
        yield replace(edit, meant=_meant(edit, base, head))


def _of_definition(
    subject: Subject,
    before: Definition | None,
    after: Definition | None,
    base: Catalog,
    head: Catalog,
) -> Iterator[Edit]:
    kind: Kind = subject[0]  # type: ignore[assignment]
    name = subject[1]
    old, new = base.definitions.at(kind, name, "name"), head.definitions.at(kind, name, "name")
    if before is None or after is None:
        rule = "new" if before is None else "removed"
        yield Edit(
            subject,
            "",
            rule,
            None if before is None else name,
            None if after is None else name,
            old,
            new,
        )
        return
    certified = isinstance(before, Metric) and is_certified(before)
    for field, was, now in _fields(_plain(before), _plain(after)):
        rule = rule_of(kind, field, was, now, certified=certified)
        old, new = (_place(side.definitions, subject, field) for side in (base, head))
        yield Edit(subject, field, rule, was, now, old, new)


def _place(definitions: Definitions, subject: Subject, field: str) -> Location | None:
    """Where a field stands; where it does not, the name of its definition."""
    key: Key = subject  # type: ignore[assignment]
    place = definitions.places.get(key)
    if place is None:
        return None
    steps = (*place.steps, *_steps(field))
    return place.text.at(steps if place.text.written(steps) is not None else (*place.steps, "name"))


def is_certified(metric: Metric) -> bool:
    """Whether somebody vouches for a metric."""
    return metric.status == "certified" or metric.certified is not None


def _plain(definition: Definition) -> dict[str, Any]:
    left = set(_INSIDE) if isinstance(definition, Model) else set()
    found = definition.model_dump(mode="json", exclude=left, by_alias=False)
    config = found.pop("config", None) or {}
    for key in ("name", "renamed_from"):
        found.pop(key, None)
    return found | {f"config.{key}": value for key, value in config.items()}


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Fields that differ; what one kind does not have is None."""
    for field in dict.fromkeys((*before, *after)):
        was, now = before.get(field), after.get(field)
        if was != now:
            yield field, was, now


def _steps(field: str) -> tuple[str, ...]:
    return tuple(part.removesuffix("_") for part in field.split("."))


# ------------------------------------------------------------------------------------------- models


def _models(base: Catalog, head: Catalog) -> Iterator[Edit]:
    for name in sorted({*base.models, *head.models}):
        before, after = base.models.get(name), head.models.get(name)
        if before == after:
            continue
        yield from _of_definition(("model", name), before, after, base, head)
        if before is None or after is None:
            continue
        for kind, holder in (("dimension", "dimensions"), ("entity", "entities")):
            old = {part.name: part for part in getattr(before, holder)}
            new = {part.name: part for part in getattr(after, holder)}
            for part in sorted({*old, *new}):
                subject = (kind, f"{name}.{part}")
                yield from _of_part(subject, old.get(part), new.get(part), base, head)


def _of_part(
    subject: Subject,
    before: Definition | None,
    after: Definition | None,
    base: Catalog,
    head: Catalog,
) -> Iterator[Edit]:
    if before == after:
        return
    old, new = _part_place(base.definitions, subject), _part_place(head.definitions, subject)
    if before is None or after is None:
        rule = "new" if before is None else "removed"
        name = subject[1].partition(".")[2]
        yield Edit(
            subject,
            "",
            rule,
            None if before is None else name,
            None if after is None else name,
            old,
            new,
        )
        return
    for field, was, now in _fields(_plain(before), _plain(after)):
        rule = rule_of(subject[0], field, was, now)
        yield Edit(subject, field, rule, was, now, old, new)


def _part_place(definitions: Definitions, subject: Subject) -> Location | None:
    """Where a dimension or entity of a model stands."""
    steps = part_steps(definitions, subject)
    model = subject[1].partition(".")[0]
    return definitions.at("model", model, *steps) if steps is not None else None


def part_steps(definitions: Definitions, subject: Subject) -> Steps | None:
    """The path of keys from a model to one of its dimensions or entities."""
    kind, address = subject
    model_name, _, name = address.partition(".")
    model = next((m for m in definitions.models if m.name == model_name), None)
    if model is None:
        return None
    for index, column in enumerate(model.columns):
        role = column.dimension if kind == "dimension" else column.entity
        if role is not None and (role.name or column.name) == name:
            return ("columns", index)
    holder = "dimensions" if kind == "dimension" else "entities"
    for index, part in enumerate(getattr(model.derived_semantics, holder)):
        if part.name == name:
            return ("derived_semantics", holder, index)
    return None


def _queries(base: Catalog, head: Catalog) -> Iterator[Edit]:
    """Edits of SQL models: their text as it is rendered."""
    old, new = base.definitions.queries, head.definitions.queries
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        was, now = (query.sql.strip() if query else None for query in (before, after))
        if was == now:
            continue
        rule = "source" if before and after else "removed" if before else "new"
        old_place, place = (Location(q.path) if q else None for q in (before, after))
        field = "sql" if before and after else ""
        yield Edit(("query", name), field, rule, was, now, old_place, place)


def _versions(base: Catalog, head: Catalog) -> Iterator[Edit]:
    """Former versions that can no longer be asked for, of metrics that are still there."""
    for name in sorted(set(base.versions) - set(head.versions)):
        metric = name.partition("@")[0]
        if metric in head.metrics and f"@{head.metrics[metric].version}" not in name:
            place = head.definitions.at("metric", metric, "name")
            yield Edit(("metric", name), "", "removed", name, None, place, place)


def _sources(base: Definitions, head: Definitions) -> Iterator[Edit]:
    """Where `source` and `ref` lead: tables and files by another name."""
    for holder in ("sources", "files", "relations"):
        old, new = getattr(base, holder), getattr(head, holder)
        for key in sorted({*old, *new}, key=str):
            if old.get(key) != new.get(key) and key in old and key in new:
                name = ".".join(key) if isinstance(key, tuple) else key
                yield Edit(("source", name), "relation", "source", old[key], new[key])


def _config(base: Definitions, head: Definitions) -> Iterator[Edit]:
    if base.config == head.config:
        return
    old, new = base.config.model_dump(mode="json"), head.config.model_dump(mode="json")
    for field, was, now in _fields(old, new):
        place = Location("kpilayer.yml")
        rule = rule_of("config", field, was, now)
        yield Edit(("config", head.config.name), field, rule, was, now, place, place)


# ------------------------------------------------------------------------------------------ origins


def _with_origins(found: list[Edit], base: Definitions, head: Definitions) -> Iterator[Edit]:
    """Edits with the macro or variable behind them, where the definition's own text is the same."""
    origins = Origins(base, head)
    for edit in found:
        origin = origins.of(edit.subject, _written_steps(head, edit)) if edit.field else ""
        yield replace(edit, origin=origin) if origin else edit


def _written_steps(head: Definitions, edit: Edit) -> Steps | None:
    if edit.subject[0] in ("dimension", "entity"):
        return part_steps(head, edit.subject)
    return _steps(edit.field)


def origin_edits(origins: Origins, origin: str) -> Iterator[Edit]:
    """The macros and variables that an edit's ``origin`` names, as edits of their own."""
    for told in filter(None, origin.split(", ")):
        kind, _, name = told.partition(" ")
        before, after = origins.texts(kind, name)
        meant = json.dumps([before, after], sort_keys=True, default=str)
        places = origins.places(kind, name)
        yield Edit((kind, name), "text", "macro", before, after, *places, "", meant)
