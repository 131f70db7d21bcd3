"""`kpi_defaults:` of the project file, checked where they stand: each is a part of a KPI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.load.document import Document, YamlPath
from kpilayer.load.typed import choices_of, typed
from kpilayer.model.kpi import Kpi

#: What a KPI says for itself.
_OWN: Final = ("name", "metric")
#: A KPI that says no more than it has to; what is written goes before it.
_LEAST: Final[Mapping[str, Any]] = {
    "name": "any", "metric": "any", "kind": "supporting", "function": "any", "owner": {},
    "direction": "higher", "cadence": "monthly", "health": {},
}  # fmt: skip


def default_issues(document: Document) -> Iterator[Issue]:
    """What is wrong with the defaults of KPIs, at their places in the project file."""
    data = document.data if isinstance(document.data, dict) else {}
    defaults = data.get("kpi_defaults")
    if not isinstance(defaults, dict):
        return
    path: YamlPath = ("kpi_defaults",)
    yield from _part(document, (*path, "every"), defaults.get("every"))
    for group in ("kinds", "functions"):
        parts = defaults.get(group)
        for word, part in parts.items() if isinstance(parts, dict) else ():
            here = (*path, group, str(word))
            kinds = choices_of(Kpi, "kind")
            if group == "kinds" and word not in kinds:
                hint = did_you_mean(str(word), kinds) or f"choices: {listing(kinds)}"
                message = f"there is no kind `{word}` of KPIs"
                yield Issue("unknown-field", message, document.at_key(here), hint)
            yield from _part(document, here, part)


def _part(document: Document, path: YamlPath, part: object) -> Iterator[Issue]:
    if not isinstance(part, dict):
        return
    for key in _OWN:
        if key in part:
            message = f"a KPI says its `{key}` itself"
            yield Issue("unknown-field", message, document.at_key((*path, key)))
    found: list[Issue] = []
    typed(Kpi, {**_LEAST, **_without_templates(part)}, document, path, "the default", found)
    yield from (issue for issue in found if issue.code != "missing-field")  # a KPI says the rest


def _without_templates(value: dict[Any, Any]) -> dict[Any, Any]:
    """The values that are what they will be when they are rendered."""
    kept = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            kept[key] = _without_templates(inner)
        elif not _has_template(inner):
            kept[key] = inner
    return kept


def _has_template(value: object) -> bool:
    return "{{" in str(value) or "{%" in str(value)
