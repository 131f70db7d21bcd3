"""kpilayer.lock from a warehouse: every relation of a project as the warehouse describes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kpilayer.errors import Issue, WarehouseError
from kpilayer.model.lock import Lock, LockedColumn, LockedRelation
from kpilayer.relation import Relation
from kpilayer.warehouse.connection import Column, Connection


@dataclass(frozen=True, slots=True)
class Described:
    """A relation and the query that reads all of it, for engines that describe queries."""

    relation: Relation
    parts: tuple[str, ...]
    select: str


def take_lock(connection: Connection, wanted: Mapping[str, Described]) -> Lock:
    """The lock of these relations, by key.

    Raises:
        WarehouseError: every relation that is not there or cannot be described, at once.
    """
    found: dict[str, LockedRelation] = {}
    issues: list[Issue] = []
    for key, described in wanted.items():
        try:
            found[key] = _described(connection, described)
        except WarehouseError as error:
            issues += error.issues
    if issues:
        raise WarehouseError(issues)
    return Lock(connection.dialect, found)


def lock_of_catalog(
    described: Mapping[tuple[str, ...], LockedRelation],
    wanted: Iterable[Relation],
    schema: str,
    dialect: str,
) -> tuple[Lock, tuple[str, ...]]:
    """The lock of relations that dbt's catalog describes, and the keys of those that it does not.

    ``described`` is by database, schema and name in lower case. Parts that a relation leaves out
    match anything but the schema, which is then the target's.
    """
    found: dict[str, LockedRelation] = {}
    missing: list[str] = []
    for relation in wanted:
        parts = relation.parts if len(relation.parts) != 1 else (schema, *relation.parts)
        lowered = tuple(part.lower() for part in parts if part)
        fits = [r for key, r in described.items() if lowered and key[-len(lowered) :] == lowered]
        if relation.kind == "table" and len(fits) == 1:
            found[relation.key] = fits[0]
        else:
            missing.append(relation.key)
    return Lock(dialect, found), tuple(dict.fromkeys(missing))


def _described(connection: Connection, wanted: Described) -> LockedRelation:
    if wanted.relation.kind != "table":
        return LockedRelation(_columns(connection.describe(wanted.select)))
    relation = connection.describe_relation(wanted.parts)
    if relation is None:
        message = f"there is no table or view `{'.'.join(wanted.parts)}`"
        raise WarehouseError(Issue("query-failed", message))
    return LockedRelation(_columns(relation.columns), relation.keys)


def _columns(columns: tuple[Column, ...]) -> tuple[LockedColumn, ...]:
    return tuple(LockedColumn(c.name, c.type, c.nullable) for c in columns)
