"""Data of YAML files to :class:`Definitions`. Every problem of every file is reported in one go.

Files come here in the native form; ``dbt/forms.py`` has translated all others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from kpilayer.errors import Issue, Location, did_you_mean, listing
from kpilayer.load.dbt.switches import ByFolder, is_semantic, truth
from kpilayer.load.document import Document, YamlPath
from kpilayer.load.known import FREE, IGNORED, NOT_YET, PLACES
from kpilayer.load.kpi_defaults import default_issues
from kpilayer.load.question import render_items
from kpilayer.load.template import Templates
from kpilayer.load.typed import Page, keys_of, typed
from kpilayer.model.config import ProjectConfig
from kpilayer.model.definitions import Key, Kind, Place
from kpilayer.model.kpi import Kpi, KpiDefaults, Okr
from kpilayer.model.metric import KINDS, Metric
from kpilayer.model.names import Config
from kpilayer.model.semantic_model import ROLE, ConformedDimension, Model
from kpilayer.model.source import Source, SourceTable
from kpilayer.model.time_spine import TimeSpine
from kpilayer.model.usage import Exposure, Group, SavedQuery
from kpilayer.model.view import View

_T = TypeVar("_T", bound=BaseModel)
_TAG: Final = re.compile(r"\{[{%].*?(?:[}%]\}|$)")
#: Keys whose values take no part in meaning.
_PROSE: Final = frozenset({"description", "label", "meta", "url"})
_KIND_OF: Final[dict[str | int, Kind]] = {
    "models": "model",
    "metrics": "metric",
    "saved_queries": "saved_query",
    "views": "view",
    "exposures": "exposure",
    "groups": "group",
    "sources": "source",
    "conformed_dimensions": "conformed_dimension",
    "kpis": "kpi",
    "okrs": "okr",
}
_SWITCH: Final = ("enabled", "name", "group", "config")


@dataclass(slots=True)
class Decoded:
    """What decoding has found so far; files are added to it one by one."""

    models: list[Model] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    time_spines: list[TimeSpine] = field(default_factory=list)
    saved_queries: list[SavedQuery] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    exposures: list[Exposure] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    conformed_dimensions: list[ConformedDimension] = field(default_factory=list)
    kpis: list[Kpi] = field(default_factory=list)
    okrs: list[Okr] = field(default_factory=list)
    places: dict[Key, Place] = field(default_factory=dict)
    broken: set[Key] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)
    all_read: bool = True
    is_enabled: ByFolder = lambda kind, path: True
    """Whether the project has definitions of a kind in a file, where they say nothing."""
    defaults: KpiDefaults = field(default_factory=KpiDefaults)
    """What KPIs do not say."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of a list in a file: what it says, and where."""

    page: Page
    path: YamlPath
    data: dict[str, Any]

    @property
    def name(self) -> str:
        """The name that it gives itself, if it does."""
        name = self.data.get("name")
        return name.lower() if isinstance(name, str) else ""


def decode_config(document: Document) -> tuple[ProjectConfig | None, list[Issue]]:
    """The project file as a value, or None and why not."""
    data, issues = document.data, list[Issue]()
    if not isinstance(data, dict):
        message = "kpilayer.yml is a mapping with at least `name:`"
        return None, [Issue("missing-field", message, document.at(()))]
    kept = _known_keys(document, (), data, "project", issues)
    issues += default_issues(document)
    return typed(ProjectConfig, kept, document, (), "the project", issues), issues


def decode_file(page: Page, templates: Templates, found: Decoded) -> None:
    """Adds the definitions of one file to ``found``."""
    data = page.data
    if data is None:
        return
    if not isinstance(data, dict):
        message = "a file is a mapping with `models:` or `metrics:`"
        found.issues.append(Issue("bad-value", message, page.at(())))
        return
    for key, value in _known_keys(page, (), data, "file", found.issues, deep=False).items():
        decode = _LISTS.get(key)
        if decode is None:
            hint = did_you_mean(key, [*_LISTS, *NOT_YET["file"]])
            message = f"unknown field `{key}`: a file holds {listing(tuple(_LISTS))}"
            found.issues.append(Issue("unknown-field", message, page.at_key((key,)), hint))
            continue
        for entry in _entries(page, (key,), value, found):
            decode(entry, templates, found)


def _entries(page: Page, path: YamlPath, value: object, found: Decoded) -> Iterable[_Entry]:
    if value is None:
        return
    if not isinstance(value, list):
        message = f"`{path[-1]}` is a list; each entry begins with `- name:`"
        found.issues.append(Issue("bad-value", message, page.at_key(path)))
        return
    for index, entry in enumerate(value):
        if isinstance(entry, dict) and page.is_broken((*path, index)):
            found.broken.add((_KIND_OF[path[-1]], _Entry(page, path, entry).name))
        elif isinstance(entry, dict):
            yield _Entry(page, (*path, index), entry)
        else:
            message = f"an entry of `{path[-1]}` is a mapping that begins with `name:`"
            found.issues.append(Issue("bad-value", message, page.at((*path, index))))


# ------------------------------------------------------------------------------------------- models


def _decode_model(entry: _Entry, templates: Templates, found: Decoded) -> None:
    data = entry.data
    if data.get("time_spine") is not None:
        _decode_spine(entry, templates, found)
        data = {k: v for k, v in data.items() if k != "time_spine"}
        data["columns"] = _without_grains(data.get("columns"))
    before = len(found.issues)
    switch = data.get("semantic_model")
    if isinstance(switch, dict) and "enabled" in switch:
        said = {"semantic_model": {"enabled": switch["enabled"]}}
        said = _rendered(entry, said, templates, found)
        data = {**data, "semantic_model": {**switch, **said["semantic_model"]}}
    kept = _semantic(entry, data, found)
    if kept is None:
        return  # an ordinary dbt model: described, but not part of the semantic layer
    metrics = kept.pop("metrics", None)
    kept = _known_keys(entry.page, entry.path, kept, "model", found.issues)
    if "row_access" in kept:
        kept["row_access"] = _with_role_names(kept["row_access"], templates.quote)
    kept = _rendered(entry, kept, templates, found)
    label = f"model `{data['name']}`" if entry.name else "a model"
    model = _typed(Model, kept, entry, label, found)
    _keep("model", found.models, model, entry, found, before)
    if model is not None and not _is_there("model", model, entry, found):
        return
    for metric in _entries(entry.page, (*entry.path, "metrics"), metrics, found):
        own = metric.data
        if model is not None and own.get("type", "simple") in ("simple", "sql"):
            if "input_metric" not in own:
                own = {"model": model.name, **own}
        _decode_metric(_Entry(metric.page, metric.path, own), templates, found)


_ROLE: Final = re.compile(r"\{\{-?\s*role\.(\w+)\s*-?\}\}")


def _with_role_names(access: object, quote: str) -> object:
    """Row access in which `{{ role.region }}` is a name: its value comes with each question."""
    if not isinstance(access, dict) or not isinstance(access.get("filter"), str):
        return access
    named = _ROLE.sub(lambda m: f"{quote}{ROLE}{m[1].lower()}{quote}", access["filter"])
    return {**access, "filter": named}


def _semantic(entry: _Entry, data: dict[str, Any], found: Decoded) -> dict[str, Any] | None:
    """A model's keys with its `semantic_model:` switch worked in; None where that is off."""
    switch = data.get("semantic_model")
    if switch is None and not _looks_semantic(data):
        return None
    if not is_semantic(data, entry.page.path, found.is_enabled):
        return None
    kept = {k: v for k, v in data.items() if k != "semantic_model"}
    kept["config"] = _own_config(entry.page, (*entry.path, "config"), kept.get("config"), found)
    if switch is None:
        message = f"model `{data.get('name')}` has entities, dimensions or metrics, but not "
        message += "`semantic_model: true`"
        found.issues.append(Issue("missing-field", message, entry.page.at(entry.path)))
    elif isinstance(switch, dict):
        return _switched(entry, switch, kept, found)
    elif truth(switch) is not True:
        message = "`semantic_model` is true, false or a mapping with `enabled:`"
        place = entry.page.at((*entry.path, "semantic_model"))
        found.issues.append(Issue("bad-value", message, place))
    return kept


def _switched(
    entry: _Entry, switch: dict[str, Any], kept: dict[str, Any], found: Decoded
) -> dict[str, Any]:
    """A `semantic_model:` that is a mapping; another name leaves the rows where they are."""
    for key in switch:
        if key not in _SWITCH:
            place = entry.page.at_key((*entry.path, "semantic_model", key))
            hint = did_you_mean(key, _SWITCH)
            found.issues.append(Issue("unknown-field", f"unknown field `{key}`", place, hint))
    if truth(switch.get("enabled", True)) is None:
        place = entry.page.at((*entry.path, "semantic_model", "enabled"))
        found.issues.append(Issue("bad-value", "`enabled` takes true or false", place))
    if switch.get("name") is not None:
        kept = {"ref": kept.get("name"), **kept, "name": switch["name"]}
    config = switch.get("config")
    own = {**kept["config"], **(config if isinstance(config, dict) else {})}
    if switch.get("group") is not None:
        own["group"] = switch["group"]
    return {**kept, "config": own}


def _own_config(page: Page, path: YamlPath, config: object, found: Decoded) -> dict[str, Any]:
    """What is ours of a model's `config:`; the rest is dbt's and its adapters', without an end."""
    if config is None:
        return {}
    if not isinstance(config, dict):
        found.issues.append(Issue("bad-value", "`config` takes a mapping", page.at(path)))
        return {}
    ours = keys_of(Config)
    for key in config:
        hint = did_you_mean(key, ours) if key not in ours else None
        if hint is not None:
            message, place = f"unknown field `{key}`", page.at_key((*path, key))
            found.issues.append(Issue("unknown-field", message, place, hint))
    return {key: value for key, value in config.items() if key in ours}


def _looks_semantic(data: dict[str, Any]) -> bool:
    columns = data.get("columns")
    semantic = any(
        isinstance(c, dict) and (c.get("entity") or c.get("dimension"))
        for c in (columns if isinstance(columns, list) else ())
    )
    return semantic or bool(data.get("metrics") or data.get("derived_semantics"))


def _decode_spine(entry: _Entry, templates: Templates, found: Decoded) -> None:
    before = len(found.issues)
    fields = keys_of(TimeSpine)
    kept = {k: v for k, v in entry.data.items() if k in fields and k != "granularity"}
    kept = _rendered(entry, kept, templates, found)
    label = f"time spine `{entry.name}`" if entry.name else "a time spine"
    spine = typed(TimeSpine, kept, entry.page, entry.path, label, found.issues)
    _keep("time_spine", found.time_spines, spine, entry, found, before)


def _without_grains(columns: object) -> object:
    """The grain of a spine's column is the spine's, unless it is a dimension as well."""
    if not isinstance(columns, list):
        return columns
    return [
        {k: v for k, v in c.items() if k != "granularity"}
        if isinstance(c, dict) and not c.get("dimension")
        else c
        for c in columns
    ]


# ------------------------------------------------------------------------------------ other entries


def _decode_metric(entry: _Entry, templates: Templates, found: Decoded) -> None:
    before, data = len(found.issues), entry.data
    kind = data.get("type", "simple")
    if kind == "simple" and "sql" in data:
        kind = "sql"
    metric_type = KINDS.get(kind) if isinstance(kind, str) else None
    if metric_type is None:
        message = f"`{kind}` is not a type of metric"
        hint = did_you_mean(str(kind), KINDS) or f"types: {listing(tuple(KINDS), most=20)}"
        place = entry.page.at((*entry.path, "type"))
        found.issues.append(Issue("bad-value", message, place, hint))
        found.broken.add(("metric", entry.name))
        return
    loose = {key: data[key] for key in ("group", "meta", "tags") if key in data}
    if loose:  # dbt lets these stand beside `config:` as well
        config = data.get("config") or {}
        data = {k: v for k, v in data.items() if k not in loose}
        data["config"] = {**loose, **config} if isinstance(config, dict) else config
    kept = _known_keys(entry.page, entry.path, data, "metric", found.issues)
    kept = _rendered(entry, kept, templates, found)
    label = f"metric `{entry.name}`" if entry.name else "a metric"
    kept["type"] = kind
    metric = _typed(metric_type, kept, entry, label, found)
    _keep("metric", found.metrics, metric, entry, found, before)


def _decode_saved_query(entry: _Entry, templates: Templates, found: Decoded) -> None:
    before = len(found.issues)
    data = _rendered(entry, _loose_exports(entry.data), templates, found)
    params = data.get("query_params")
    if isinstance(params, dict):
        for key in ("group_by", "order_by"):
            items = params.get(key)
            items = [items] if isinstance(items, str) else items
            if isinstance(items, list) and all(isinstance(i, str) for i in items):
                place = entry.page.at((*entry.path, "query_params", key))
                names, issues = render_items(items, templates.quote, place)
                params = {**params, key: list(names)}
                found.issues += issues
        data["query_params"] = params
    label = f"saved query `{entry.name}`" if entry.name else "a saved query"
    query = _typed(SavedQuery, data, entry, label, found)
    _keep("saved_query", found.saved_queries, query, entry, found, before)


def _loose_exports(data: dict[str, Any]) -> dict[str, Any]:
    """Dbt's `config:` of a saved query also holds what its exports default to, and a cache."""
    config = data.get("config")
    if not isinstance(config, dict):
        return data
    defaults = {k: v for k, v in config.items() if k in ("export_as", "schema")}
    own = {k: v for k, v in config.items() if k not in ("cache", *defaults)}
    exports = data.get("exports")
    if defaults and isinstance(exports, list):
        data = {**data, "exports": [_with_defaults(one, defaults) for one in exports]}
    return {**data, "config": own}


def _with_defaults(export: Any, defaults: dict[str, Any]) -> Any:
    if not isinstance(export, dict) or not isinstance(export.get("config", {}), dict):
        return export
    return {**export, "config": {**defaults, **export.get("config", {})}}


def _plain(
    kind: Kind, key: str, shape: type[BaseModel]
) -> Callable[[_Entry, Templates, Decoded], None]:
    """Decodes entries that are only typed and kept."""

    def decode(entry: _Entry, templates: Templates, found: Decoded) -> None:
        before = len(found.issues)
        data = _rendered(entry, entry.data, templates, found)
        name = kind.replace("_", " ")
        article = "an" if name[0] in "aeiou" else "a"
        label = f"{name} `{entry.name}`" if entry.name else f"{article} {name}"
        value = _typed(shape, data, entry, label, found)
        _keep(kind, getattr(found, key), value, entry, found, before)

    return decode


def _known_of_source(data: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The keys of a source or table that are read; of what anybody may write, one alone."""
    kept = {key: value for key, value in data.items() if key in known}
    if isinstance(kept.get("config"), dict):
        kept["config"] = _with_location(kept["config"])
    return _with_location(kept)


def _with_location(data: dict[str, Any]) -> dict[str, Any]:
    meta = data.get("meta")
    if not isinstance(meta, dict):
        return data
    return {**data, "meta": {k: v for k, v in meta.items() if k == "external_location"}}


def _decode_source(entry: _Entry, templates: Templates, found: Decoded) -> None:
    """Of a source, only where its tables are: what its tests hold may not even render."""
    data = _known_of_source(entry.data, keys_of(Source))
    tables = data.get("tables")
    if isinstance(tables, list):
        known = keys_of(SourceTable)
        data["tables"] = [
            _known_of_source(table, known) if isinstance(table, dict) else table for table in tables
        ]
    _plain("source", "sources", Source)(_Entry(entry.page, entry.path, data), templates, found)


def _decode_kpi(entry: _Entry, templates: Templates, found: Decoded) -> None:
    """A KPI, over what the project says of those of its kind and function."""
    defaults = found.defaults
    kind, function = (str(entry.data.get(key) or "") for key in ("kind", "function"))
    data: dict[str, Any] = {}
    for over in (
        defaults.every, defaults.kinds.get(kind, {}), defaults.functions.get(function, {}),
        entry.data,
    ):  # fmt: skip
        data = _merged(data, over)
    _plain("kpi", "kpis", Kpi)(_Entry(entry.page, entry.path, data), templates, found)


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Both mappings, the second before the first, those inside of them too."""
    found = dict(under)
    for key, value in over.items():
        below = under.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            found[key] = _merged(below, value)
        else:
            found[key] = value
    return found


#: What a file may hold: lists of entries by key.
_LISTS: Final[dict[str, Callable[[_Entry, Templates, Decoded], None]]] = {
    "models": _decode_model,
    "metrics": _decode_metric,
    "saved_queries": _decode_saved_query,
    "views": _plain("view", "views", View),
    "exposures": _plain("exposure", "exposures", Exposure),
    "groups": _plain("group", "groups", Group),
    "sources": _decode_source,
    "conformed_dimensions": _plain(
        "conformed_dimension", "conformed_dimensions", ConformedDimension
    ),
    "kpis": _decode_kpi,
    "okrs": _plain("okr", "okrs", Okr),
}


def _typed(
    shape: type[_T], data: dict[str, Any], entry: _Entry, label: str, found: Decoded
) -> _T | None:
    """The entry as a definition; its `enabled` may be a word of YAML 1.1, and nothing else."""
    config, wrong = data.get("config"), False
    if isinstance(config, dict) and "enabled" in config:
        flag = truth(config["enabled"])
        wrong = flag is None
        data = {**data, "config": {**config, "enabled": flag is not False}}
    value = typed(shape, data, entry.page, entry.path, label, found.issues)
    if wrong:
        place = entry.page.at((*entry.path, "config", "enabled"))
        found.issues.append(Issue("bad-value", "`enabled` takes true or false", place))
    return None if wrong else value


def _is_there(kind: Kind, value: BaseModel, entry: _Entry, found: Decoded) -> bool:
    """Whether a definition is switched on, by itself or by its folder."""
    config = getattr(value, "config", None)
    if not isinstance(config, Config):
        return True
    says = "enabled" in config.model_fields_set
    return config.enabled if says else found.is_enabled(kind, entry.page.path)


def _keep(
    kind: Kind, kept: list[Any], value: Any, entry: _Entry, found: Decoded, before: int
) -> None:
    """Files a definition under its name, unless broken, disabled or the second of its name."""
    name = value.name.lower() if value is not None else entry.name
    key: Key = (kind, name)
    if not name:
        found.broken.add(key)
        return
    if value is not None and not _is_there(kind, value, entry, found):
        return
    first = found.places.get(key)
    if first is not None and kind != "source":  # a source may be described in parts
        see = (("first defined here", first.text.at((*first.steps, "name"))),)
        message = f"there are two {_plural(kind)} named `{name}`"
        place = entry.page.at((*entry.path, "name"))
        found.issues.append(Issue("duplicate-name", message, place, see=see))
        return
    found.places[key] = Place(entry.page, entry.path)
    if value is None or any(i.severity == "error" for i in found.issues[before:]):
        found.broken.add(key)
    else:
        kept.append(value)


def _plural(kind: Kind) -> str:
    words = kind.replace("_", " ")
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


# --------------------------------------------------------------------------------- strings and keys


def _rendered(
    entry: _Entry, data: dict[str, Any], templates: Templates, found: Decoded
) -> dict[str, Any]:
    """The entry with each string that holds a Jinja tag rendered by itself."""

    def render(value: Any, here: YamlPath) -> Any:
        if isinstance(value, str):
            if "{" not in value:
                return value
            text, issues = templates.render(
                value, lambda line, word: _line(entry.page, here, value, line, word)
            )
            is_prose = not _PROSE.isdisjoint(here)
            found.issues.extend(
                i for i in issues if not (is_prose and i.code == "env-var-in-definition")
            )
            return text
        if isinstance(value, dict):
            return {key: render(inner, (*here, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [render(inner, (*here, index)) for index, inner in enumerate(value)]
        return value

    return {key: render(value, (*entry.path, key)) for key, value in data.items()}


def _line(page: Page, path: YamlPath, text: str, line: int, word: str) -> Location:
    """A word of a template's line, or the first tag on it, in the file."""
    lines = text.split("\n")
    line = min(max(line, 1), len(lines))
    offset = sum(len(row) + 1 for row in lines[: line - 1])
    row = lines[line - 1]
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", row) if word else _TAG.search(row)
    start, end = found.span() if found else (0, len(row))
    return page.within(path, offset + start, end - start, None)


def _known_keys(
    page: Page,
    path: YamlPath,
    value: Mapping[str, Any],
    place: str,
    issues: list[Issue],
    *,
    deep: bool = True,
) -> dict[str, Any]:
    """The mapping without ignored keys, and without those of later versions."""
    kept: dict[str, Any] = {}
    for key, inner in value.items():
        here = (*path, key)
        if key in IGNORED.get(place, ()):
            continue
        if key in NOT_YET.get(place, ()):
            message = f"`{key}` is not supported yet"
            issues.append(Issue("not-supported-yet", message, page.at_key(here)))
        elif not deep or key in FREE:
            kept[key] = inner
        elif isinstance(inner, dict):
            kept[key] = _known_keys(page, here, inner, PLACES.get(key, ""), issues)
        elif isinstance(inner, list):
            kept[key] = [
                _known_keys(page, (*here, i), item, PLACES.get(key, ""), issues)
                if isinstance(item, dict)
                else item
                for i, item in enumerate(inner)
            ]
        else:
            kept[key] = inner
    return kept
