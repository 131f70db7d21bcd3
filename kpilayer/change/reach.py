"""Whom a change reaches: saved queries, views and exposures that show what has changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

from kpilayer.catalog import Catalog
from kpilayer.change.edits import Subject
from kpilayer.model.names import Config
from kpilayer.model.usage import Group

_SHOWN: Final = re.compile(r"""\s*(metric|ref)\(\s*['"](\w+)['"]\s*\)\s*""")


class Owned(Protocol):
    """A definition that a group may own."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def config(self) -> Config:
        """What says so."""
        ...


@dataclass(frozen=True, slots=True)
class Reach:
    """What shows a definition, by name; ``people`` are those who answer for it."""

    saved_queries: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    exposures: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    kpis: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.saved_queries or self.views or self.exposures or self.kpis)

    def merged(self, other: Reach) -> Reach:
        """Both, each name once."""
        pairs = (
            (self.saved_queries, other.saved_queries),
            (self.views, other.views),
            (self.exposures, other.exposures),
            (self.people, other.people),
            (self.kpis, other.kpis),
        )
        return Reach(*(tuple(sorted({*mine, *theirs})) for mine, theirs in pairs))


NOBODY: Final = Reach()


@dataclass(frozen=True)
class Users:
    """Who shows what in a project."""

    catalog: Catalog

    def of(self, subject: Subject) -> Reach:
        """What shows a metric, or a dimension, or rests on a model."""
        kind, name = subject
        if kind in ("saved_query", "view", "exposure"):
            own = {"saved_query": "saved_queries", "view": "views", "exposure": "exposures"}[kind]
            return Reach(**{own: (name,)})
        if kind == "dimension":
            return self._of_dimension(*name.split(".", 1))
        return self._by_name.get((kind, name), NOBODY)

    @cached_property
    def _by_name(self) -> Mapping[Subject, Reach]:
        found: dict[Subject, Reach] = {}

        def add(subject: Subject, reach: Reach) -> None:
            found[subject] = found.get(subject, NOBODY).merged(reach)

        definitions = self.catalog.definitions
        for query in definitions.saved_queries:
            for metric in query.query_params.metrics:
                add(("metric", metric), Reach(saved_queries=(query.name,)))
        for view in definitions.views:
            for metric in view.metrics:
                add(("metric", metric), Reach(views=(view.name,)))
        if definitions.config.publish.default_views:
            for metric in self._with_own_views(found):
                add(("metric", metric), Reach(views=(metric,)))
        for kpi in definitions.kpis:
            person = kpi.owner.person
            add(
                ("metric", kpi.metric),
                Reach(kpis=(kpi.name,), people=(person,) if person else ()),
            )
        for exposure in definitions.exposures:
            who = exposure.owner.name or next(iter(exposure.owner.email), "")
            reach = Reach(exposures=(exposure.name,), people=(who,) if who else ())
            for subject in _subjects(exposure.depends_on):
                add(subject, reach)
        return found

    def _with_own_views(self, found: Mapping[Subject, Reach]) -> Iterator[str]:
        """Metrics that no declared view shows: each has a view of its own."""
        for name, metric in self.catalog.metrics.items():
            has_view = found.get(("metric", name), NOBODY).views
            if not has_view and not metric.hidden:
                yield name

    def _of_dimension(self, model: str, name: str) -> Reach:
        """Saved queries and views that group or filter by a dimension."""
        definition = self.catalog.models.get(model)
        if definition is None:
            return NOBODY
        names = "|".join(re.escape(own) for own in definition.own_names)
        word = re.compile(rf"(?:^|__|\W)(?:{names})__{re.escape(name)}(?:__\w+)?(?:\W|$)")

        def names_it(texts: Iterable[str]) -> bool:
            return any(word.search(text) for text in texts)

        asked = self.catalog.definitions
        return Reach(
            tuple(
                q.name
                for q in asked.saved_queries
                if names_it((*q.query_params.group_by, *q.query_params.where))
            ),
            tuple(
                v.name for v in asked.views if names_it((*(d.name for d in v.dimensions), *v.where))
            ),
        )


def _subjects(depends_on: Iterable[str]) -> Iterator[Subject]:
    for item in depends_on:
        found = _SHOWN.fullmatch(item)
        if found is not None:
            kind = "metric" if found[1] == "metric" else "model"
            yield kind, found[2].lower()


def owner(catalog: Catalog, subject: Subject) -> str | None:
    """The group that owns a definition; of a dimension or entity, the one of its model."""
    kind, name = subject
    definitions = catalog.definitions
    if kind in ("dimension", "entity"):
        kind, name = "model", name.partition(".")[0]
    if kind == "group":
        return name
    held: Mapping[str, Iterable[Owned]] = {
        "metric": definitions.metrics,
        "model": definitions.models,
        "query": definitions.models,
        "view": definitions.views,
        "saved_query": definitions.saved_queries,
        "exposure": definitions.exposures,
    }
    wanted = name.partition("@")[0]
    if kind == "kpi":
        return next((k.owner.group for k in definitions.kpis if k.name == wanted), None)
    if kind == "okr":
        return next((o.owner.group for o in definitions.okrs if o.name == wanted), None)
    return next((one.config.group for one in held.get(kind, ()) if one.name == wanted), None)


def group_of(catalog: Catalog, name: str) -> Group | None:
    """The declared group of a name."""
    return next((g for g in catalog.definitions.groups if g.name == name), None)
