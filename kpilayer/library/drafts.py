"""KPIs of the library to files of a project: drafts of contracts, metrics and semantic models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kpilayer.calendar import Calendar
from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, did_you_mean
from kpilayer.library.entries import PLACE, Library, LibraryKpi
from kpilayer.library.mapping import Placed, Places, model_text
from kpilayer.library.text import block, flow, items
from kpilayer.model.config import ProjectConfig
from kpilayer.model.definitions import Definitions

#: How many KPIs of one function somebody can watch; `kpi-sprawl` is the rule.
MOST: Final = 5
FOLDER: Final = "library"
_ADDRESS: Final = re.compile(r"(?<=Dimension\(')<([a-z0-9_]+)\.([a-z0-9_]+)>(?='\))")
_WORD: Final = re.compile(r'[A-Za-z_][A-Za-z0-9_]*|"[^"]+"')
_NAMES: Final = ("agg_time_dimension", "non_additive_dimension")
_ENTITIES: Final = ("entity", "per")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is taken: KPIs, and metrics that come without a contract; in the order of the names."""

    kpis: tuple[str, ...]
    metrics: tuple[str, ...]


def choose(library: Library, names: Sequence[str], catalog: Catalog) -> tuple[Chosen, list[Issue]]:
    """What may be taken of ``names``, and why not the rest: vanity, duplicates, too many.

    Live and draft KPIs of the project count towards the most of a function.
    """
    issues: list[Issue] = []
    there = {kpi.name: kpi for kpi in catalog.definitions.kpis}
    kpis: list[str] = []
    metrics: list[str] = []
    for name in dict.fromkeys(names):
        refused = _refused(library, name, [*there, *kpis])
        if refused is not None:
            issues.append(refused)
        elif name in there:
            place = catalog.definitions.at("kpi", name)
            issues.append(Issue("kpi-duplicate", f"the project has a KPI `{name}`", place))
        elif name in library.kpis:
            kpis.append(name)
        elif name not in library.metrics or not library.metrics[name].is_helper:
            hint = did_you_mean(name, library.names) or "`kpilayer library list` shows them all"
            issues.append(Issue("unknown-kpi", f"the library has no KPI `{name}`", hint=hint))
        elif name in catalog.metrics:
            place = catalog.definitions.at("metric", name)
            issues.append(Issue("duplicate-name", f"the project has a metric `{name}`", place))
        else:
            metrics.append(name)
    held = held_by_function(catalog)
    for function in dict.fromkeys(library.kpis[name].function for name in kpis):
        more = sum(library.kpis[name].function == function for name in kpis)
        if held.get(function, 0) + more > MOST:
            issues.append(_sprawl(function, held.get(function, 0), more))
    return Chosen(tuple(kpis), tuple(metrics)), issues


def held_by_function(catalog: Catalog) -> dict[str, int]:
    """How many live and draft KPIs a project has, by function."""
    found: dict[str, int] = {}
    for kpi in catalog.definitions.kpis:
        if kpi.status not in ("deprecated", "retired"):
            found[kpi.function] = found.get(kpi.function, 0) + 1
    return found


def _sprawl(function: str, held: int, more: int) -> Issue:
    message = f"{held + more} KPIs in `{function}`: keep three to five"
    has = f"the project has {held}, " if held else ""
    room = f"take {MOST - held} at most" if held < MOST else "take none before one of them goes"
    hint = f"{has}{room}; others can stay metrics: 20 KPIs watch nothing"
    return Issue("kpi-sprawl", message, hint=hint)


def _refused(library: Library, name: str, there: Sequence[str]) -> Issue | None:
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    for vanity in library.vanity:
        if plain in vanity.names:
            hint = f"take {' or '.join(f'`{one}`' for one in vanity.instead)}"
            return Issue("kpi-vanity", f"{vanity.label}: {vanity.because}", hint=hint)
    for alias in library.aliases:
        if plain in alias.names and (alias.always or alias.same_as in there):
            message = f"`{name}` is `{alias.same_as}`: {alias.because}"
            return Issue("kpi-duplicate", message, hint="one number has one name: keep one of them")
    return None


def metrics_of(
    library: Library, chosen: Chosen, catalog: Catalog
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The metrics to write for what is taken, inputs first, and those of the project it stands on.

    A metric of the project is the one that is meant, and so is all that it is computed from.
    """
    new: dict[str, None] = {}
    kept: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in catalog.metrics:
            kept[name] = None
        elif name not in new:
            for one in library.metrics[name].inputs:
                visit(one)
            new[name] = None

    for name in (*chosen.kpis, *chosen.metrics):
        visit(name)
    return tuple(new), tuple(kept)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a project keeps its semantic models and its metrics."""

    models: str
    metrics: str


def files(
    library: Library, chosen: Chosen, places: Places, catalog: Catalog, folders: Folders
) -> dict[str, str]:
    """The new files, by path: one for each KPI with its metrics, and one for each new model.

    A metric that several of them need stands with the first. What cannot be placed is noted in
    ``places.problems``.
    """
    found: dict[str, str] = {}
    for place in places.placed.values():
        if place.table is not None:
            text, sql = model_text(place)
            found[f"{folders.models}/{FOLDER}/{place.fact.name}.yml"] = text
            if sql is not None:
                found[f"{folders.models}/{FOLDER}/{place.fact.name}.sql"] = sql
    names, _ = metrics_of(library, chosen, catalog)
    known = {*catalog.metrics, *names}
    contracts = {*(kpi.name for kpi in catalog.definitions.kpis), *chosen.kpis}
    waiting = list(names)
    for name in (*chosen.kpis, *chosen.metrics):
        below = {*library.below(name)}
        own = [one for one in waiting if one in below]
        waiting = [one for one in waiting if one not in below]
        lines = [
            f"# From the KPI library: `kpilayer library show {name}`. A draft until it is agreed."
        ]
        if own:
            lines += ["metrics:", *items([metric_data(library, one, places) for one in own], 2)]
        if name in library.kpis:
            lines += [""] if own else []
            lines += ["kpis:", *contract(library.kpis[name], contracts, known)]
        found[f"{folders.metrics}/{FOLDER}/{name}.yml"] = "\n".join(lines) + "\n"
    return found


def metric_data(library: Library, name: str, places: Places) -> dict[str, Any]:
    """A metric as native YAML, its facts and columns spelled as the project has them."""
    metric = library.metrics[name]
    data = {key: _placed(value, key, places) for key, value in metric.data.items()}
    fact = PLACE.fullmatch(str(metric.data.get("model", "")))
    if fact is not None and "agg_time_dimension" not in data:
        time = places.time(fact[1])
        if time is not None:
            data["agg_time_dimension"] = time
    return {"name": name, "status": "draft", **data}


def _placed(value: Any, key: str, places: Places) -> Any:
    """A value with every `<fact.column>` as its key wants it: a name, an address or SQL."""
    match value:
        case Mapping():
            of = key if key in _NAMES else ""
            return {one: _placed(v, of or str(one), places) for one, v in value.items()}
        case list():
            return [_placed(one, key, places) for one in value]
        case str():
            text = _ADDRESS.sub(lambda match: places.address(match[1], match[2]), value)
            return PLACE.sub(lambda match: _spelled(match, key, places), text)
    return value


def _spelled(match: re.Match[str], key: str, places: Places) -> str:
    fact, column = match[1], match[2]
    if column is None:
        return places.model(fact)
    if key in _NAMES:
        return places.dimension(fact, column)
    if key in _ENTITIES:
        return places.entity(fact, column)
    sql = places.sql(fact, column)
    is_whole = match.span() == (0, len(match.string))
    return sql if is_whole or _WORD.fullmatch(sql) else f"({sql})"


def contract(kpi: LibraryKpi, contracts: set[str], metrics: set[str]) -> Iterator[str]:
    """The lines of a draft contract; guardrails and drivers as far as they are there."""
    data: dict[str, Any] = {
        "name": kpi.name,
        "label": kpi.label,
        "description": kpi.formula,
        "metric": kpi.name,
        "kind": kpi.kind,
        "function": kpi.function,
        "perspective": kpi.perspective,
    }
    yield from items([data], 2)
    yield f"    owner: {{}} # nobody yet: `kpilayer init kpi {kpi.name}` asks who acts on it"
    yield "    status: draft"
    yield f"    direction: {kpi.direction}"
    yield f"    cadence: {kpi.cadence}"
    yield from _health(kpi)
    drivers = kpi.drivers
    if drivers is not None and {*_driven_by(drivers)} <= metrics:
        yield from block({"drivers": drivers}, 4)
    there = [one for one in kpi.guardrails if one in contracts]
    if there:
        yield f"    guardrails: {flow([{'kpi': one} for one in there])}"
    absent = [one for one in kpi.guardrails if one not in contracts]
    if absent:
        yield f"    # guardrails to have beside it: {', '.join(absent)}"
    if kpi.source is not None:
        says = {"healthy": kpi.healthy} if kpi.healthy is not None else {}
        bounds = {key: one.model_dump(exclude_none=True) for key, one in says.items()}
        note = {"note": kpi.source, "source": "what others reach, from the KPI library"}
        yield from block({"benchmark": {**bounds, **note}}, 4)


def _health(kpi: LibraryKpi) -> Iterator[str]:
    if kpi.healthy is None:
        yield "    health: {} # no source gives a number: calibrate it from your own history"
        return
    ranges = {"healthy": kpi.healthy, "critical": kpi.critical}
    data = {key: one.model_dump(exclude_none=True) for key, one in ranges.items() if one}
    yield f"    health: {flow(data)} # what others reach: calibrate it from your own history"


def _driven_by(drivers: Mapping[str, Any]) -> Iterator[str]:
    yield from drivers.get("terms", ())
    for key in ("numerator", "denominator"):
        if key in drivers:
            yield drivers[key]
    if "expr" in drivers:
        yield from re.findall(r"[a-z][a-z0-9_]*", drivers["expr"])


def sample(library: Library, name: str) -> str:
    """What is written for a KPI or metric where models and columns are called as the facts are."""
    facts = library.columns_of(library.below(name))
    placed = {
        fact: Placed(library.facts[fact], fact, fact, {column: column for column in columns})
        for fact, columns in facts.items()
    }
    nothing = Catalog(Definitions(ProjectConfig(name="sample")), {}, {}, {}, Calendar())
    chosen = Chosen((name,), ()) if name in library.kpis else Chosen((), (name,))
    made = files(library, chosen, Places(placed, nothing), nothing, Folders("models", "metrics"))
    return made[f"metrics/{FOLDER}/{name}.yml"]
