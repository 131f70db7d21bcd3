"""Live checks: whether the data of the target are what definitions say of them.

Declared keys, joins, versions, partitions and time spines are counted in the warehouse, and columns
and types compared with kpilayer.lock. Findings hold counts, and values of the data only where
somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from kpilayer import grain
from kpilayer.errors import Issue, Location, Severity, WarehouseError
from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms
from kpilayer.join_graph import JoinGraph, Step
from kpilayer.model.lock import Lock, LockedRelation
from kpilayer.model.semantic_model import Dimension, Entity, Model
from kpilayer.model.time_spine import TimeSpine
from kpilayer.relation import Relation
from kpilayer.snippets import column_text, shown
from kpilayer.sql import keys
from kpilayer.sql.keys import Key, Part, Place
from kpilayer.verify.given_rows import columns_read
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.lock import Described, take_lock
from kpilayer.warehouse.result import Result
from kpilayer.warehouse.run import run_with_progress
from kpilayer.warehouse.typed import moment

_EXAMPLES: Final = 3


@dataclass(frozen=True)
class Live:
    """A project's data: its definitions, where the data are, and what describes them.

    ``models`` are the semantic models to check. ``show_values`` allows values of the data in
    messages.
    """

    graph: JoinGraph
    models: tuple[str, ...]
    place: Place
    connection: Connection
    described: Mapping[str, Described]
    lock: Lock | None
    show_values: bool = False

    def row(self, sql: str) -> tuple[object, ...]:
        """The one row of an answer."""
        return self.rows(sql)[0]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """The rows of an answer."""
        return Result.from_table(run_with_progress(self.connection, sql), sql=sql).rows()

    def numbers(self, sql: str) -> list[int]:
        """The one row of an answer of counts; 0 where there is none."""
        return [value if isinstance(value, int) else 0 for value in self.row(sql)]

    def relation(self, model: str) -> Relation:
        """Where the rows of a model are."""
        return self.graph.catalog.relation(model)

    def at(self, model: str, element: Entity | Dimension | None = None) -> Location | None:
        """Where a model, or an entity or dimension of it, stands in the files."""
        definitions = self.graph.catalog.definitions
        found = self.graph.catalog.models[model]
        kind = "entity" if isinstance(element, Entity) else "dimension"
        for index, column in enumerate(found.columns if element else ()):
            role = column.entity if kind == "entity" else column.dimension
            if element and role is not None and (role.name or column.name) == element.name:
                return definitions.at("model", model, "columns", index, kind)
        plural = "entities" if kind == "entity" else "dimensions"
        derived = getattr(found.derived_semantics, plural)
        for index, other in enumerate(derived if element else ()):
            if other == element:
                return definitions.at("model", model, "derived_semantics", plural, index)
        return definitions.at("model", model, "name")


def check(live: Live) -> Iterator[Issue]:
    """Everything that is found, model by model; what the warehouse refuses is a finding, too.

    Raises:
        WarehouseError: the connection is lost.
    """
    for model in live.models:
        refused = False
        for rule in (_columns_are_there, _keys_hold, _versions_hold):
            for issue in () if refused else _told(rule(live, model), live.at(model)):
                refused = issue.code == "query-failed"
                yield issue
    for step in joins_used(live.graph, live.models):
        yield from _told(_join_finds_rows(live, step), live.at(step.left, step.entity))
    definitions = live.graph.catalog.definitions
    for spine in definitions.time_spines:
        where = definitions.at("time_spine", spine.name, "name")
        yield from _told(_spine_is_even(live, spine, where), where)


def _told(found: Iterator[Issue], place: Location | None) -> Iterator[Issue]:
    """What is found, up to where the warehouse refuses its SQL, and then that it does."""
    try:
        yield from found
    except WarehouseError as error:
        for issue in error.issues:
            if issue.code != "query-failed":
                raise
            yield Issue(issue.code, issue.message, place, issue.hint)


# --------------------------------------------------------------------------------------------- keys


def _key(model: Model, entity: Entity) -> Key:
    """The parts of an entity; a part of a composite key may be a dimension (language.md P5)."""
    if not entity.columns:
        return (Part(entity.sql),)
    found = ((text, model.dimension(text.strip().lower())) for text in entity.columns)
    return tuple(Part(text if dimension is None else dimension.sql) for text, dimension in found)


def _in_words(key: Key, model: str) -> str:
    parts = ", ".join(f"`{shown(part.text)}`" for part in key)
    return f"{parts if len(key) == 1 else f'({parts})'} of `{model}`"


def _keys_hold(live: Live, name: str) -> Iterator[Issue]:
    """Primary and unique entities are unique and known, and partitions are known."""
    model = live.graph.catalog.models[name]
    unique = [(entity, _key(model, entity)) for entity in model.entities if entity.is_unique]
    partitions = [d for d in model.dimensions if d.is_partition]
    wanted = [key for _, key in unique] + [(Part(d.sql),) for d in partitions]
    if not wanted:
        return
    relation = live.relation(name)
    all_rows, *rest = live.numbers(keys.counts(live.place, relation, wanted))
    found = list(zip(rest[::2], rest[1::2], strict=True))
    for (entity, key), (known, distinct) in zip(unique, found, strict=False):
        what = f"{_in_words(key, name)} is declared {entity.type}"
        if len(key) > 1 or distinct < known:
            yield from _repeats(live, relation, key, what, live.at(name, entity))
        if known < all_rows:
            message = f"{what}: {_without(all_rows - known, all_rows)}"
            severity: Severity = "error" if entity.type == "primary" else "warning"
            yield Issue("key-is-null", message, live.at(name, entity), None, severity)
    for dimension, (known, _) in zip(partitions, found[len(unique) :], strict=True):
        if known < all_rows:
            what = f"`{shown(dimension.sql)}` of `{name}` is a partition"
            message = f"{what}: {_without(all_rows - known, all_rows)}"
            place = live.at(name, dimension)
            yield Issue("partition-is-null", message, place, severity="warning")


def _repeats(
    live: Live, relation: Relation, key: Key, what: str, place: Location | None
) -> Iterator[Issue]:
    values, repeated = live.numbers(keys.repeated(live.place, relation, key))
    if not repeated:
        return
    verb = "stands" if repeated == 1 else "stand"
    message = f"{what}: {_share(repeated, values, 'value')} {verb} in more than one row"
    hint = None
    if live.show_values:
        rows = live.rows(keys.repeated_examples(live.place, relation, key, _EXAMPLES))
        examples = (", ".join(map(str, row)) for row in rows)
        message += ", as " + ", ".join(f"`{e}`" if len(key) == 1 else f"`({e})`" for e in examples)
    else:
        hint = "`--show-values` names some"
    yield Issue("key-not-unique", message, place, hint)


# -------------------------------------------------------------------------------------------- joins


def joins_used(graph: JoinGraph, models: Iterable[str]) -> tuple[Step, ...]:
    """The joins by a foreign key that a metric can take, those that leave ``models``."""
    catalog = graph.catalog
    homes = {a.model for name in catalog.metrics for a in atoms(formula(graph, name))}
    steps = {step: None for home in sorted(homes) for path in graph.paths(home) for step in path}
    wanted = set(models)
    return tuple(s for s in steps if s.entity.type == "foreign" and s.left in wanted)


def _join_finds_rows(live: Live, step: Step) -> Iterator[Issue]:
    """Foreign keys that find no row: facts of the group NULL.

    They are nothing wrong by themselves (late data, rows that were deleted), so they are a notice;
    where no key at all finds a row, two things are joined that do not belong together.
    """
    left, right = (live.graph.catalog.models[name] for name in (step.left, step.right))
    key, onto = _key(left, step.entity), _key(right, step.key)
    for name in (d.name for d in left.dimensions if d.is_partition):
        here, there = left.dimension(name), right.dimension(name)
        if here is not None and there is not None and there.is_partition:
            grains = [d.granularity for d in (here, there) if d.granularity is not None]
            unit = grain.finest(list(grains)) if len(grains) == 2 else None
            key, onto = (*key, Part(here.sql, unit)), (*onto, Part(there.sql, unit))
    sql = keys.matches(live.place, live.relation(left.name), key, live.relation(right.name), onto)
    known, matched = live.numbers(sql)
    lost = known - matched
    if not lost:
        return
    words = _in_words(_key(left, step.entity), left.name)
    find = "finds" if lost == 1 else "find"
    message = f"{words} joins `{right.name}`: {_share(lost, known, 'key')} {find} no row"
    message += f" ({100 * matched / known:.4g} % do)" if matched else ""
    severity: Severity = "notice" if matched else "warning"
    yield Issue("unmatched-keys", message, live.at(left.name, step.entity), None, severity)


# ----------------------------------------------------------------------------------------- versions


def _versions_hold(live: Live, name: str) -> Iterator[Issue]:
    """Versions of one natural key follow each other: none begins while another holds."""
    model = live.graph.catalog.models[name]
    ends = [d for d in model.dimensions if d.validity_params is not None]
    start = next((d for d in ends if d.validity_params and d.validity_params.is_start), None)
    end = next((d for d in ends if d.validity_params and d.validity_params.is_end), None)
    entity = next((e for e in model.entities if e.type == "natural"), None)
    if start is None or end is None or entity is None:
        return
    key = _key(model, entity)
    sql = keys.versions(live.place, live.relation(name), key, Part(start.sql), Part(end.sql))
    all_of_them, startless, timeless, overlapping = live.numbers(sql)
    what = f"versions of {_in_words(key, name)}"
    if overlapping:
        message = f"{what} overlap: {_share(overlapping, all_of_them, 'version')} "
        message += f"{'holds' if overlapping == 1 else 'hold'} when the next one begins"
        yield Issue("overlapping-versions", message, live.at(name, entity))
    for number, why in (
        (startless, f"`{start.name}` is NULL"),
        (timeless, f"`{end.name}` is not after `{start.name}`"),
    ):
        if number:
            message = f"{what}: {_share(number, all_of_them, 'version')} never "
            message += f"{'holds' if number == 1 else 'hold'}, as {why}"
            place = live.at(name, start)
            yield Issue("empty-version", message, place, severity="warning")


# ----------------------------------------------------------------------------------- columns, types


def _columns_are_there(live: Live, name: str) -> Iterator[Issue]:
    """What the warehouse says of a relation is what kpilayer.lock says."""
    key = live.relation(name).key
    now = take_lock(live.connection, {key: live.described[key]}).relations[key]
    before = live.lock.relations.get(key) if live.lock else None
    if live.lock is None or before is None:
        return
    read = {column.lower() for column in columns_read(live.graph.catalog, name)}
    same_words = live.lock.dialect == live.connection.dialect
    for column, gone, kind in _changes(before, now):
        if gone:
            message = f"`{key}` has no column `{column}` any more"
            severity: Severity = "error" if column.lower() in read else "warning"
        elif same_words:
            message = f"`{column}` of `{key}` has the type {kind}"
            severity = "warning"
        else:
            continue
        hint = "run `kpilayer lock` and review the difference"
        yield Issue("relation-changed", message, live.at(name), hint, severity)


def _changes(before: LockedRelation, now: LockedRelation) -> Iterator[tuple[str, bool, str]]:
    """Columns that are gone or have another type: name, whether it is gone, both types."""
    for column in before.columns:
        found = now.column(column.name)
        if found is None:
            yield column.name, True, ""
        elif found.type != column.type:
            yield column.name, False, f"{found.type} now; kpilayer.lock says {column.type}"


# -------------------------------------------------------------------------------------- time spines


def _spine_is_even(live: Live, spine: TimeSpine, place: Location | None) -> Iterator[Issue]:
    """A time spine has one row for each period from its first to its last."""
    relation = live.graph.catalog.spine_relation(spine)
    unit = spine.granularity
    cut = live.graph.catalog.calendar.unit(unit)
    part = Part(column_text(spine.time_spine.standard_granularity_column), cut)
    rows, known, periods, *ends = live.row(keys.periods(live.place, relation, part))
    first, last = map(moment, ends)
    assert isinstance(rows, int) and isinstance(known, int) and isinstance(periods, int)
    if not periods or first is None or last is None:
        yield Issue("uneven-spine", f"the time spine `{spine.name}` has no dates", place)
        return
    problems = []
    if rows > known:
        problems.append(f"{_share(rows - known, rows, 'row')} {_have(rows - known)} no date")
    if known > periods:
        more = known - periods
        problems.append(f"{more:,} row{'s'[: more != 1]} too many for {periods:,} {unit}s")
    missing = periods_between(first, last, unit) - periods
    if missing:
        span = f"from {_day(first, unit)} to {_day(last, unit)}"
        verb = "is" if missing == 1 else "are"
        problems.append(f"{_share(missing, missing + periods, unit)} {span} {verb} missing")
    if problems:
        message = f"the time spine `{spine.name}` is not one row per {unit}: {'; '.join(problems)}"
        yield Issue("uneven-spine", message, place)


def periods_between(first: date, last: date, unit: str) -> int:
    """How many periods there are from the one that begins at ``first`` to that at ``last``.

    >>> periods_between(date(2024, 1, 1), date(2024, 12, 1), "month")
    12
    """
    months = {"month": 1, "quarter": 3, "year": 12}.get(unit)
    if months is not None:
        return ((last.year - first.year) * 12 + last.month - first.month) // months + 1
    begin, end = _moment(first), _moment(last)
    length = timedelta(days=7) if unit == "week" else timedelta(**{f"{unit}s": 1})
    return (end - begin) // length + 1


def _moment(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())


def _day(value: date, unit: str) -> str:
    return str(_moment(value).date()) if grain.is_date(unit) else _moment(value).isoformat()


# ------------------------------------------------------------------------------------------ wording


def _share(number: int, of: int, noun: str) -> str:
    return f"{number:,} of {of:,} {noun}{'s'[: of != 1]}"


def _without(number: int, of: int) -> str:
    return f"{_share(number, of, 'row')} {_have(number)} none (NULL)"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
