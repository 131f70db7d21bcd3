"""What is published, for whoever has SQL alone: metrics, columns, and how new the data are.

Comments reach some tools and not others (psqlODBC reads none of views), so a catalogue of plain
views says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from kpilayer.columns import time_column
from kpilayer.errors import QueryError
from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms
from kpilayer.identity import Identity, fingerprint
from kpilayer.join_graph import JoinGraph, Reached
from kpilayer.model.metric import SimpleMetric
from kpilayer.plan.query import Query
from kpilayer.publish.relations import Column, Relation
from kpilayer.publish.stored import SUFFIX
from kpilayer.publish.world import COLUMNS, METRICS, OBJECTS, SOURCES
from kpilayer.sql.compiled import Compiled, compile_query

CATALOG: Final = "kpi_catalog"
OF_COLUMNS: Final = "kpi_columns"
FRESHNESS: Final = "kpi_freshness"
NAMES: Final = (CATALOG, OF_COLUMNS, FRESHNESS)

METRIC_COLUMNS: Final[Mapping[str, str]] = {
    "metric": "The metric's name.",
    "label": "Its name for people.",
    "type": "Its kind: simple, ratio, derived, ..",
    "description": "What the number means.",
    "owner": "The group that answers for it.",
    "status": "Where it stands between draft and retired.",
    "version": "The version of its definition.",
    "definition_hash": "The fingerprint of its definition: equal where the meaning is.",
    "unit": "What one stands for.",
    "format": "How to show it.",
    "additivity": "How values of groups become one: additive, ratio, distinct, ..",
    "rollup_expression": "What rolls it up from columns of `view_name`; NULL: do not aggregate.",
    "grain": "The length of the periods of `view_name`.",
    "dimensions": "The group-bys of its views, separated by commas.",
    "view_name": "A view that shows it.",
    "stored_in": "The table that keeps the rows of `view_name`; NULL: computed when it is read.",
    "visible_to": "The groups that see its values; NULL: whoever may read the view.",
    "defined_in": "The file and line of its definition.",
}
COLUMN_COLUMNS: Final[Mapping[str, str]] = {
    "view_name": "The view.",
    "column_name": "The column.",
    "position": "Its place in the view, from 1.",
    "type": "Its type, as the database spells it.",
    "role": "What it is: time, dimension, metric, component, level or text.",
    "metric": "The metric that it shows or is part of.",
    "group_by": "The group-by that it holds, as questions name it.",
    "additivity": "How values of groups become one.",
    "rollup_expression": "What rolls it up within the view; NULL for a metric: do not aggregate.",
    "unit": "What one stands for.",
    "description": "What the column says.",
    "definition_hash": "The fingerprint of what it shows.",
}
_BESIDE: Final[Mapping[str, str]] = {
    "refreshed_at": "When the rows that are kept were last computed, in UTC.",
    "data_as_of": "The newest time in the data that it is computed from.",
    "published_at": "When its view was last changed, in UTC.",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows about metrics, columns, and the times that metrics are computed from."""

    metrics: tuple[tuple[object, ...], ...]
    columns: tuple[tuple[object, ...], ...]
    sources: tuple[tuple[str, str], ...]


def rows(
    identity: Identity, relations: Sequence[Relation], sources: Mapping[str, set[str]]
) -> Rows:
    """What the catalogue says of relations; ``sources`` are the times of each metric."""
    columns = [
        (one.name, c.name, n, c.type, c.role, *_told(c))
        for one in relations
        for n, c in enumerate(one.columns, start=1)
    ]
    metrics = list(_metrics(identity, relations))
    of = sorted((metric, source) for metric, found in sources.items() for source in found)
    return Rows(tuple(metrics), tuple(columns), tuple(of))


def _told(column: Column) -> tuple[str | None, ...]:
    of = (column.metric or None, column.group_by or None, column.additivity or None)
    said = (column.unit or None, column.description, column.fingerprint or None)
    return (*of, column.roll_up, *said)


def _metrics(identity: Identity, relations: Sequence[Relation]) -> Iterator[tuple[object, ...]]:
    catalog = identity.catalog
    shown: dict[str, list[tuple[Relation, Column]]] = {}
    for relation in relations:
        for column in relation.columns:
            if column.role == "metric" and relation.kind in ("fixed", "level"):
                shown.setdefault(column.metric, []).append((relation, column))
    for name, places in sorted(shown.items()):
        relation, column = min(places, key=_preferred)
        metric = catalog.metric(name)
        keys = (c.group_by for r, _ in places for c in r.columns if c.role == "dimension")
        at = catalog.definitions.at("metric", metric.name, "name")
        yield (
            name,
            metric.label or name,
            metric.type,
            metric.description,
            metric.config.group,
            metric.status,
            metric.version,
            column.fingerprint,
            metric.unit,
            metric.format,
            column.additivity,
            column.roll_up,
            relation.grain,
            ", ".join(dict.fromkeys(keys)) or None,
            relation.name,
            next((n for n in relation.stands_on if n.endswith(SUFFIX)), None),
            column.visible_to or None,
            f"{at.path}:{at.line}" if at else None,
        )


def _preferred(place: tuple[Relation, Column]) -> tuple[object, ...]:
    relation, column = place
    return (column.roll_up is None, -len(relation.level), relation.name)


# -------------------------------------------------------------------------------------------- views


def views(
    named: Mapping[str, str], newest: Sequence[tuple[str, str]], time: str
) -> tuple[Relation, ...]:
    """The catalogue's own views. ``named`` has the SQL of tables and views of the schema.

    ``newest`` has the SQL of the newest time of each source, as a column `newest`. Without a table
    of what was published (`OBJECTS`), what only publishing knows has no columns.
    """
    is_published = OBJECTS in named
    unknown = () if is_published else ("stored_in", "refreshed_at", "published_at")
    metrics = [one for one in METRIC_COLUMNS.items() if one[0] not in unknown]
    columns = [one for one in COLUMN_COLUMNS.items() if is_published or one[0] != "type"]
    beside = [one for one in _BESIDE.items() if one[0] not in unknown]
    values = {
        "refreshed_at": "s.published_at AS refreshed_at",
        "data_as_of": "f.data_as_of",
        "published_at": "p.published_at",
    }
    shown = [*(f"m.{name}" for name, _ in metrics), *(values[name] for name, _ in beside)]
    catalog = f"SELECT\n  {_list(shown)}\nFROM {named[METRICS]} AS m\n"
    if is_published:
        catalog += f"LEFT JOIN {named[OBJECTS]} AS p ON p.name = m.view_name\n"
        catalog += f"LEFT JOIN {named[OBJECTS]} AS s ON s.name = m.stored_in\n"
    catalog += (
        "LEFT JOIN (\n  SELECT s.metric, MIN(n.newest) AS data_as_of\n"
        f"  FROM {named[SOURCES]} AS s\n  JOIN {named[FRESHNESS]} AS n ON n.source = s.source\n"
        "  GROUP BY s.metric\n) AS f ON f.metric = m.metric"
    )
    of_columns = f"SELECT\n  {_list([f'c.{n}' for n, _ in columns])}\nFROM {named[COLUMNS]} AS c"
    text = [(name, "varchar", words) for name, words in metrics]
    times = [(name, time, words) for name, words in beside]
    about = [("source", "varchar", "A model and its time."), ("newest", time, "Its newest value.")]
    return (
        _view(FRESHNESS, _fresh(newest, time), about, ()),
        _view(CATALOG, catalog, [*text, *times], (FRESHNESS,)),
        _view(OF_COLUMNS, of_columns, [(name, "varchar", words) for name, words in columns], ()),
    )


def _list(shown: Sequence[str]) -> str:
    return ",\n  ".join(shown)


_ABOUT: Final = {
    FRESHNESS: "How new the data are that metrics are computed from.",
    CATALOG: "Every published metric: what it means, who owns it, and how it is rolled up.",
    OF_COLUMNS: "Every column of every published view: what it holds, and how it is rolled up.",
}


def _view(
    name: str, sql: str, columns: Iterable[tuple[str, str, str]], stands_on: tuple[str, ...]
) -> Relation:
    made = tuple(Column(n, t, "text", description=words) for n, t, words in columns)
    printed = fingerprint([name, [c.name for c in made], sql])
    comment = f"{_ABOUT[name]} | kpilayer={printed}"
    return Relation(name, "catalog", sql, made, comment, printed, stands_on=stands_on)


def _fresh(newest: Sequence[tuple[str, str]], time: str) -> str:
    if not newest:
        nothing = f"'' AS source, CAST(NULL AS {time}) AS newest"
        return f"SELECT {nothing} FROM (SELECT 1 AS one) AS n WHERE 1 = 0"
    shown = _cast("newest", time)
    arms = [
        f"SELECT {source} AS source, {shown} AS newest FROM (\n{sql}\n) AS n{number}"
        for number, (source, sql) in enumerate(newest)
    ]
    return "\nUNION ALL\n".join(arms)


def _cast(column: str, time: str) -> str:
    return column if time == "TEXT" else f"CAST({column} AS {time})"


# ----------------------------------------------------------------------------------- how new it is


def time_sources(identity: Identity, metrics: Iterable[str]) -> dict[str, set[str]]:
    """The times that each metric is dated by, as `model.dimension`."""
    graph = identity.graph
    found: dict[str, set[str]] = {}
    for name in metrics:
        for atom in atoms(formula(graph, name)):
            reached = time_column(graph, atom.model, atom.time) if atom.time else None
            if isinstance(reached, Reached):
                found.setdefault(name, set()).add(f"{reached.model}.{reached.element.name}")
    return found


def newest_of(
    identity: Identity,
    source: str,
    dialect: str,
    schema: str,
    *,
    before: date | None = None,
    unverified: bool = False,
) -> Compiled | None:
    """The question for the newest value of a time; None where rows of it are not for everybody.

    The answer has one row and the column `newest_value`; with ``before``, of times before that day.
    """
    model, _, dimension = source.partition(".")
    catalog = identity.catalog
    definition = catalog.models[model]
    element = definition.dimension(dimension)
    if definition.row_access is not None or element is None:
        return None
    text = element.sql
    if before is not None:
        written = catalog.definitions.config.dialect
        text = catalog.snippet(text).tree.sql(dialect=written, identify=True)
        text = f"CASE WHEN ({text}) < CAST('{before}' AS DATE) THEN ({text}) END"
    newest = SimpleMetric(name=NEWEST, model=model, agg="max", expr=text)
    asked = Identity(JoinGraph(replace(catalog, metrics={NEWEST: newest})))
    try:
        return compile_query(Query((NEWEST,)), asked, dialect, schema, unverified=unverified)
    except QueryError:
        return None  # a time that is computed in words that the engine has not


NEWEST: Final = "newest_value"
