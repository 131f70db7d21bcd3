"""All definitions of a project, and where each one stands.

Positions live beside definitions, not inside: a moved or reformatted metric equals itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from kpilayer.errors import Location
from kpilayer.model.config import ProjectConfig
from kpilayer.model.kpi import Kpi, Okr
from kpilayer.model.metric import Metric
from kpilayer.model.semantic_model import ConformedDimension, Model
from kpilayer.model.time_spine import TimeSpine
from kpilayer.model.usage import Exposure, Group, SavedQuery
from kpilayer.model.view import View

Kind = Literal[
    "model",
    "metric",
    "query",
    "time_spine",
    "saved_query",
    "view",
    "exposure",
    "group",
    "source",
    "conformed_dimension",
    "kpi",
    "okr",
]
Key = tuple[Kind, str]
Steps = tuple[str | int, ...]


class Text(Protocol):
    """A file that can tell where its parts stand (a ``load.document.Document``)."""

    def at_key(self, path: Steps) -> Location:
        """The place of a key."""
        ...

    def at(self, path: Steps) -> Location:
        """The place of a value."""
        ...

    def within(self, path: Steps, offset: int, length: int, needle: str | None) -> Location:
        """A place inside a string value."""
        ...

    def written(self, path: Steps) -> object:
        """The value as it is written, before Jinja; None where nothing is."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a definition stands: a file, and the path of keys inside it."""

    text: Text
    steps: Steps


@dataclass(frozen=True, slots=True)
class SqlModel:
    """A SQL model, ``models/<name>.sql``, rendered; ``at`` leads from it to the template."""

    name: str
    path: str
    sql: str
    at: Callable[[int, int, int], Location] = field(compare=False)
    written: str = field(default="", compare=False)
    """Its text before Jinja."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """A decoded project. ``broken`` names what stands in the files but could not be decoded."""

    config: ProjectConfig
    models: tuple[Model, ...] = ()
    metrics: tuple[Metric, ...] = ()
    queries: Mapping[str, SqlModel] = field(default_factory=dict)
    time_spines: tuple[TimeSpine, ...] = ()
    saved_queries: tuple[SavedQuery, ...] = ()
    views: tuple[View, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    groups: tuple[Group, ...] = ()
    conformed_dimensions: tuple[ConformedDimension, ...] = ()
    kpis: tuple[Kpi, ...] = ()
    okrs: tuple[Okr, ...] = ()
    relations: Mapping[str, str] = field(default_factory=dict)
    """Where `ref` leads, by name, as the text of a relation: what dbt's manifest says."""
    sources: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Where `source` leads, by source and table."""
    files: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """The files of sources that are files, as dbt-duckdb writes them, by source and table."""
    macros: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The files of macros by path, as they are written."""
    places: Mapping[Key, Place] = field(default_factory=dict, compare=False)
    broken: frozenset[Key] = frozenset()
    all_read: bool = True
    """Whether every file could be parsed; a name may stand in one that could not."""

    def may_exist(self, kind: Kind, name: str) -> bool:
        """Whether a name that is not among the definitions may still be that of a broken one."""
        broken = {(kind, name), (kind, "")} & self.broken
        return bool(broken) or not self.all_read

    def at(self, kind: Kind, name: str, *steps: str | int) -> Location | None:
        """Where a definition, or a value inside it, stands."""
        place = self.places.get((kind, name))
        return place.text.at((*place.steps, *steps)) if place else None

    def at_key(self, kind: Kind, name: str, *steps: str | int) -> Location | None:
        """Where a key of a definition stands."""
        place = self.places.get((kind, name))
        return place.text.at_key((*place.steps, *steps)) if place else None

    def within(
        self, kind: Kind, name: str, steps: Steps, offset: int, length: int, word: str | None
    ) -> Location | None:
        """A place inside a string of a definition."""
        place = self.places.get((kind, name))
        if place is None:
            return None
        return place.text.within((*place.steps, *steps), offset, length, word)
