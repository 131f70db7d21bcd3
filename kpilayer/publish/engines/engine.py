"""What publishing asks of a database, and what it can do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from kpilayer.publish.world import OWN_TABLES, Standing, name
from kpilayer.warehouse.connection import Connection

#: What has its own name where there are no schemas.
OWN = frozenset(
    {*OWN_TABLES, "kpi_values", "kpi_catalog", "kpi_columns", "kpi_freshness"}
    | {"kpi_targets", "kpi_ranges"}
)
_DOT = r"[\"`]?\s*\.\s*[\"`]?"
Look = Callable[[Connection, str], tuple[str, bool, Mapping[str, Standing]]]


@dataclass(frozen=True, slots=True)
class Engine:
    """A kind of database.

    ``look`` gives the engine's version, whether a schema is there, and its relations. ``lock`` says
    who publishes into the schema already, or None, and then nobody else can until the transaction
    ends, or ``unlock``. ``replaces`` says which views CREATE OR REPLACE can replace: any, those to
    which columns are only appended, or none.
    """

    dialect: str
    look: Look
    lock: Callable[[Connection, str], str | None]
    unlock: Callable[[Connection, str], None]
    busy: str
    """What its errors say, as a pattern, where somebody else holds what is to be changed."""
    replaces: Literal["any", "appended", "none"]
    keeps_dependents: bool
    """Whether it refuses to drop what other views stand on."""
    keeps_types: bool
    """Whether a view has types of its own, which do not follow those of the tables."""
    current: str
    """The schema in which tables are looked for, as `name`."""
    has_schemas: bool
    has_comments: bool
    has_grants: bool
    has_roles: bool
    """Whether `pg_has_role` tells which roles a reader has."""
    user: str
    """Who reads a view, as SQL; empty where the engine knows no users."""
    text: str
    """The type of the state's texts, which can be a key."""
    long_text: str
    time: str
    """The type of times without a zone."""
    now: str
    """The time of the statement, in UTC."""

    def place(self, schema: str, relation: str) -> tuple[str, ...]:
        """The parts of a relation's name; without schemas, its name says what it is."""
        if self.has_schemas:
            return (schema, relation)
        return (relation if relation in OWN else f"kpi__{relation}",)

    def named(self, schema: str, relation: str) -> str:
        """A relation's name as SQL."""
        return name(*self.place(schema, relation), dialect=self.dialect)


def not_locked(connection: Connection, schema: str) -> None:
    """Nothing: the engine itself lets one write at a time, and says so to the other."""


def mentions(
    texts: Iterable[tuple[str, str, str]], schema: str, names: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Which views name which relations of a schema, by their texts: schema, name and text of each.

    For engines that keep no record of what stands on what: a view that only looks so is told too.
    """
    found: dict[str, tuple[str, ...]] = {}
    every = list(texts)
    for one in names:
        parts = [re.escape(part) for part in (schema, one) if part]
        place = _DOT.join(parts)
        pattern = re.compile(rf"(?<![\w.]){place}(?!\w)", re.I)
        found[one] = tuple(
            f"{of}.{view}" if of else view
            for of, view, text in every
            if (of, view) != (schema, one) and pattern.search(text)
        )
    return found
