"""Every other form of dbt's semantic layer to the native form, as plain data with its places.

Read are dbt's legacy lists (`semantic_models:`, `metrics:` with `type_params`), MetricFlow's
stand-alone documents (`semantic_model:`, `metric:`, `saved_query:`, `project_configuration:`),
dbt's artefacts, and `measures:` of native models; one file may mix them, and one project too.
Strings are passed on as they are: those that hold Jinja are rendered when they are decoded.

Issues: those of ``metric``, ``model`` and ``time_spines``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Final

from kpilayer.errors import Issue
from kpilayer.load.dbt.artefacts import (
    TOO_DEEP,
    contents,
    is_manifest,
    is_semantic_manifest,
    is_too_deep,
)
from kpilayer.load.dbt.manifest import DbtManifest
from kpilayer.load.dbt.measure import Measure, model_measures
from kpilayer.load.dbt.measures import Measures, collected, create_metrics
from kpilayer.load.dbt.metric import kind_of, metric
from kpilayer.load.dbt.model import semantic_model
from kpilayer.load.dbt.project import DbtProject
from kpilayer.load.dbt.reading import Parts, Reading
from kpilayer.load.dbt.relation import short_name
from kpilayer.load.dbt.switches import ByFolder, is_on, is_semantic
from kpilayer.load.dbt.time_spines import time_spine, time_spines
from kpilayer.load.document import Document
from kpilayer.load.moved import Built, Moved, Part, moved_document

_DOCUMENT_KEYS: Final = ("semantic_model", "metric", "saved_query", "project_configuration")
_LEGACY_KEYS: Final = frozenset({"semantic_models", "mf_config_schema", *_DOCUMENT_KEYS})
_LISTS: Final = ("models", "metrics", "saved_queries", "exposures")
#: Metrics that may need another metric made for them: translated when all others are known.
_OVER_MEASURES: Final = frozenset({"cumulative", "conversion"})


@dataclass(slots=True)
class _Page:
    """A document that is being translated: the native lists it will have."""

    document: Document
    reading: Reading
    semantic_models: list[Part] = field(default_factory=list)
    lists: dict[str, list[Part | Built]] = field(default_factory=dict)
    homes: dict[str, Part] = field(default_factory=dict)
    rest: dict[str, Part] = field(default_factory=dict)
    nested: list[list[Part | Built]] = field(default_factory=list)
    """Lists of metrics inside models."""

    def listed(self, key: str) -> list[Part | Built]:
        """The native list under a key; it may still grow."""
        return self.lists.setdefault(key, [])


def native_documents(
    documents: Sequence[Document],
    issues: list[Issue],
    is_enabled: ByFolder = lambda kind, path: True,
    dbt: DbtProject | None = None,
    manifest: DbtManifest | None = None,
) -> list[Document | Moved]:
    """All documents of a project in the native form; what is wrong is added to ``issues``.

    A document that is native already is returned itself. Definitions that are switched off, by
    themselves or by their folder (``is_enabled``), are left out and make nothing.

    >>> from kpilayer.load.reader import read_yaml
    >>> document, _ = read_yaml("m.yml", "semantic_model: {name: orders, model: ref('fct')}")
    >>> native_documents([document], [])[0].data
    {'models': [{'name': 'orders', 'semantic_model': True, 'ref': 'fct'}]}
    """
    short = partial(short_name, dbt=dbt, manifest=manifest)
    pages = {n: _page(d, issues, short) for n, d in enumerate(documents) if not _is_native(d.data)}
    if not pages:
        return list(documents)
    is_enabled = cache(is_enabled)
    measures = _models(list(pages.values()), is_enabled)
    reading = Reading(issues)
    known = collected(measures, reading, dict(_metric_names(documents, is_enabled)))
    for page in pages.values():
        for metrics in (page.listed("metrics"), *page.nested):
            metrics[:] = [m for m in metrics if _is_there(m, is_enabled)]
    for over_measures in (False, True):
        for page in pages.values():
            for metrics in (page.listed("metrics"), *page.nested):
                _translate(metrics, known, page.reading, over_measures)
        if not over_measures:
            create_metrics(known, reading)
    by_document = {id(page.document): page for page in pages.values()}
    for measure, created in known.created:
        page = by_document[id(measure.part.document)]
        is_off = not is_enabled("metric", page.document.path)
        page.listed("metrics").append(_switched_on(created) if is_off else created)
    return [_finished(pages[n]) if n in pages else d for n, d in enumerate(documents)]


def _is_native(data: object) -> bool:
    if not isinstance(data, dict):
        return True
    if data.keys() & _LEGACY_KEYS or is_manifest(data):
        return False
    if any("type_params" in m for m in _mappings(data.get("metrics"))):
        return False
    return not any(_is_mixed(m) for m in _mappings(data.get("models")))


def _is_mixed(model: dict[str, Any]) -> bool:
    """Whether a native model holds measures, or metrics in the legacy form."""
    return "measures" in model or any("type_params" in m for m in _mappings(model.get("metrics")))


def _mappings(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))


def _is_there(entry: Part | Built, is_enabled: ByFolder) -> bool:
    """Whether a metric is switched on, or nothing that could say so."""
    if isinstance(entry, Built) or not isinstance(entry.value, dict):
        return True
    return is_on(entry.value, "metric", entry.document.path, is_enabled)


def _switched_on(created: Built) -> Built:
    """A metric made of a measure: in dbt it is there with its model, whatever its folder says."""
    assert isinstance(created.parts, dict), "a metric is a mapping"
    config = created.parts.get("config")
    inner: Parts = {"enabled": created.home.made(True, "config")}
    if isinstance(config, Built) and isinstance(config.parts, dict):
        inner |= config.parts
    elif isinstance(config, Part) and isinstance(config.value, dict):
        inner |= {key: config.part(key) for key in config.value}
    home = config.home if isinstance(config, Built) else config or created.home
    return created._replace(parts={**created.parts, "config": Built(home, inner)})


def _page(document: Document, issues: list[Issue], short: Callable[[str], str]) -> _Page:
    data = document.data
    assert isinstance(data, dict), "what is no mapping counts as native"
    root = Part(data, document, ())
    if is_semantic_manifest(data) or is_manifest(data):
        return _artefact(root, issues)
    page = _Page(document, Reading(issues, short=short))
    for key, value in data.items():
        part = root.part(key)
        if key == "mf_config_schema" or (key in _LEGACY_KEYS and value is None):
            continue
        if key == "semantic_models":
            page.semantic_models += page.reading.entries(part, "semantic models")
            page.homes.setdefault("models", part)
        elif key in _LISTS and (isinstance(value, list) or value is None):
            given: list[Part | Built] = [*page.reading.entries(part, key)]
            page.lists[key] = given + page.listed(key)
            page.homes[key] = part
        elif key not in _DOCUMENT_KEYS:
            page.rest[key] = part
        elif not isinstance(value, dict):
            page.reading.report("bad-value", f"`{key}` is a mapping", part)
        elif key == "project_configuration":
            page.listed("models").extend(time_spines(part, page.reading))
        elif key == "semantic_model":
            page.semantic_models.append(part)
        else:
            page.listed("metrics" if key == "metric" else "saved_queries").append(part)
    for key in _LISTS:
        if key in page.rest and page.lists.get(key):
            # Two forms in one file, and the native list is no list.
            page.reading.entries(page.rest.pop(key), key)
    return page


def _artefact(root: Part, issues: list[Issue]) -> _Page:
    page = _Page(root.document, Reading(issues, artefact=True))
    if is_too_deep(root.value):
        page.reading.report("too-large", TOO_DEEP, root)
        return page
    found = contents(root.document, page.reading)
    page.semantic_models += found.semantic_models
    page.lists["metrics"] = list(found.metrics)
    page.lists["saved_queries"] = found.saved_queries
    page.lists["exposures"] = found.exposures
    page.lists["models"] = [time_spine(p, page.reading) for p in found.time_spines]
    if isinstance(root.value.get("project_configuration"), dict):
        page.lists["models"] += time_spines(root.part("project_configuration"), page.reading)
    return page


def _models(pages: Sequence[_Page], is_enabled: ByFolder) -> list[Measure]:
    """All measures; the pages get their native models."""
    measures: list[Measure] = []
    for page in pages:
        models, path = page.listed("models"), page.document.path
        for index, entry in enumerate(models):
            if isinstance(entry, Part) and isinstance(entry.value, dict) and _is_mixed(entry.value):
                if not is_semantic(entry.value, path, is_enabled):
                    continue  # decoding leaves it out
                if "measures" in entry.value:
                    measures += model_measures(entry, page.reading)
                models[index] = _mixed(entry, page)
        for part in page.semantic_models:
            if not isinstance(part.value, dict):
                page.reading.report("bad-value", "a semantic model is a mapping", part)
                continue
            if not is_on(part.value, "model", path, is_enabled):
                continue
            built, found = semantic_model(part, page.reading)
            measures += found
            models.append(_with_metrics(built, page))
    return measures


def _mixed(entry: Part, page: _Page) -> Built:
    """A native model without its measures, and with its metrics ready to be translated."""
    parts: Parts = {key: entry.part(key) for key in entry.value if key != "measures"}
    return _with_metrics(Built(entry, parts), page)


def _with_metrics(model: Built, page: _Page) -> Built:
    """A model whose own metrics can be replaced one by one."""
    parts = model.parts if isinstance(model.parts, dict) else {}
    own = parts.get("metrics")
    if not (isinstance(own, Part) and isinstance(own.value, list)):
        return model
    entries: list[Part | Built] = [own.part(n) for n in range(len(own.value))]
    page.nested.append(entries)
    return model._replace(parts={**parts, "metrics": Built(own, entries)})


def _metric_names(documents: Sequence[Document], is_enabled: ByFolder) -> Iterator[tuple[str, str]]:
    """Every metric that somebody wrote and that is switched on, with its type."""
    for document in documents:
        data = document.data
        if not isinstance(data, dict):
            continue
        given, path = data.get("metrics"), document.path
        lists = [given, [data.get("metric")], list(given.values()) if type(given) is dict else ()]
        for model in _mappings(data.get("models")):
            if is_semantic(model, path, is_enabled):
                lists.append(model.get("metrics"))
        for model in _mappings(data.get("semantic_models")):
            if is_on(model, "model", path, is_enabled):
                lists.append(model.get("metrics"))
        for metrics in lists:
            for entry in _mappings(metrics):
                is_there = is_on(entry, "metric", path, is_enabled)
                if is_there and isinstance(entry.get("name"), str):
                    yield entry["name"].lower(), kind_of(entry)


def _translate(
    metrics: list[Part | Built], known: Measures, reading: Reading, over_measures: bool
) -> None:
    """Puts native metrics in the place of legacy ones, of those types that are due."""
    for index, entry in enumerate(metrics):
        if isinstance(entry, Part) and isinstance(entry.value, dict):
            is_legacy = "type_params" in entry.value or reading.artefact
            if is_legacy and (kind_of(entry.value) in _OVER_MEASURES) == over_measures:
                metrics[index] = metric(entry, known, reading)


def _finished(page: _Page) -> Moved:
    root = Part(page.document.data, page.document, ())
    parts: Parts = dict(page.rest)
    for key in _LISTS:
        if entries := page.lists.get(key):
            parts[key] = Built(page.homes.get(key, root.made([], key)), entries)
    return moved_document(page.document, parts)
