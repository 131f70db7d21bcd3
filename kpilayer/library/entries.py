"""The library as it is shipped: KPIs, the metrics below them, and the facts that those stand on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any, Final, Literal

from kpilayer.load.reader import read_yaml
from kpilayer.model.kpi import Bounds, Cadence, Direction, Perspective

Role = Literal["key", "entity", "time", "attribute", "measure"]
FUNCTIONS: Final = (
    "finance", "product", "marketing", "sales", "success", "support", "consulting", "engineering",
    "operations", "company", "people",
)  # fmt: skip
#: A fact, or a column of one, in a definition of the library: `<orders>`, `<orders.cart_id>`.
PLACE: Final = re.compile(r"<([a-z][a-z0-9_]*)(?:\.([a-z][a-z0-9_]*))?>")
_INPUTS: Final = (
    "input_metric", "numerator", "denominator", "base_metric", "conversion_metric",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FactColumn:
    """A column that KPIs need of a fact; ``default`` is SQL that makes it of others of the fact."""

    name: str
    role: Role
    type: str
    meaning: str
    grain: str | None = None
    default: str | None = None

    @property
    def entity(self) -> str:
        """The entity that a key or a reference is: `user` for `user_id`."""
        return self.name.removesuffix("_id")


@dataclass(frozen=True, slots=True)
class Fact:
    """The shape of some data: what one row is, and its columns."""

    name: str
    row: str
    grain: str
    columns: Mapping[str, FactColumn]


@dataclass(frozen=True, slots=True)
class LibraryMetric:
    """A metric of the library: native YAML as data, with facts and columns in ``<>``.

    ``is_helper`` marks those that are taken by name without being KPIs: guardrails and variants.
    """

    name: str
    function: str
    data: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    is_helper: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The metrics that it is computed from."""
        found = [self.data[key] for key in _INPUTS if key in self.data]
        found += self.data.get("input_metrics", ())
        names = [one["name"] if isinstance(one, Mapping) else one for one in found]
        return tuple(dict.fromkeys(names))

    @property
    def places(self) -> tuple[tuple[str, str | None], ...]:
        """The facts and columns that its own text names, without those of its inputs."""
        texts = [*_texts(self.data), *self.needs]
        found = [(m[1], m[2]) for text in texts for m in PLACE.finditer(text)]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class LibraryKpi:
    """A KPI of the library: what a contract on the metric of its name says before anybody owns it.

    ``healthy`` and ``critical`` are there only where a source gives a number, which ``source``
    tells. ``traps`` are sentences on what goes wrong with its formula.
    """

    name: str
    label: str
    function: str
    formula: str
    kind: Literal["north_star", "supporting", "operational"]
    perspective: Perspective
    direction: Direction
    cadence: Cadence
    healthy: Bounds | None = None
    critical: Bounds | None = None
    source: str | None = None
    guardrails: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    drivers: Mapping[str, Any] | None = None
    traps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alias:
    """Names of what is a KPI under another name; ``always``, or where that one is there."""

    names: tuple[str, ...]
    same_as: str
    because: str
    always: bool = False


@dataclass(frozen=True, slots=True)
class Vanity:
    """Names of what is never a KPI, why not, and what to take instead."""

    names: tuple[str, ...]
    label: str
    because: str
    instead: tuple[str, ...]


@dataclass(frozen=True)
class Library:
    """Everything that is shipped, by name."""

    kpis: Mapping[str, LibraryKpi]
    metrics: Mapping[str, LibraryMetric]
    facts: Mapping[str, Fact]
    aliases: tuple[Alias, ...]
    vanity: tuple[Vanity, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What can be taken by name: KPIs, then metrics that are guardrails or variants."""
        helpers = [m.name for m in self.metrics.values() if m.is_helper]
        return (*self.kpis, *helpers)

    def below(self, name: str) -> tuple[str, ...]:
        """A metric and all that it is computed from, inputs first."""
        found: dict[str, None] = {}

        def visit(one: str) -> None:
            if one not in found:
                for each in self.metrics[one].inputs:
                    visit(each)
                found[one] = None

        visit(name)
        return tuple(found)

    def columns_of(self, names: Iterator[str] | tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """The facts that metrics stand on, with the columns that they use, in the facts' order."""
        used: dict[str, set[str]] = {}
        for name in names:
            for fact, column in self.metrics[name].places:
                used.setdefault(fact, set()).update([column] if column else [])
        return {
            fact: tuple(
                c for c in self.facts[fact].columns if c in used[fact] or self._time(fact) == c
            )
            for fact in self.facts
            if fact in used
        }

    def _time(self, fact: str) -> str | None:
        """The column that is the `metric_time` of a fact."""
        columns = self.facts[fact].columns.values()
        return next((c.name for c in columns if c.role == "time"), None)


@cache
def library() -> Library:
    """The library of this version."""
    refused = _read("refused.yml")
    kpis: dict[str, LibraryKpi] = {}
    metrics: dict[str, LibraryMetric] = {}
    for function in FUNCTIONS:
        found = _read(f"{function}.yml")
        kpis |= {name: _kpi(name, function, data) for name, data in found["kpis"].items()}
        metrics |= {name: _metric(name, function, data) for name, data in found["metrics"].items()}
    return Library(
        kpis,
        metrics,
        {name: _fact(name, data) for name, data in _read("facts.yml").items()},
        tuple(Alias(**_tuples(one)) for one in refused["aliases"]),
        tuple(Vanity(**_tuples(one)) for one in refused["vanity"]),
    )


def _read(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    document, issues = read_yaml(f"library/{name}", text)
    assert not issues and document is not None, f"the library's {name} cannot be read: {issues}"
    assert isinstance(document.data, dict), f"the library's {name} is no mapping"
    return document.data


def _kpi(name: str, function: str, data: Mapping[str, Any]) -> LibraryKpi:
    bounds = {key: Bounds(**data[key]) for key in ("healthy", "critical") if key in data}
    return LibraryKpi(name=name, function=function, **{**_tuples(data), **bounds})


def _metric(name: str, function: str, data: Mapping[str, Any]) -> LibraryMetric:
    own = {key: value for key, value in data.items() if key not in ("helper", "needs")}
    needs, is_helper = tuple(data.get("needs", ())), bool(data.get("helper", False))
    return LibraryMetric(name, function, own, needs, is_helper)


def _fact(name: str, data: Mapping[str, Any]) -> Fact:
    columns = {one: FactColumn(one, **says) for one, says in data["columns"].items()}
    return Fact(name, data["row"], data["grain"], columns)


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for one in value.values():
                yield from _texts(one)
        case list():
            for one in value:
                yield from _texts(one)
