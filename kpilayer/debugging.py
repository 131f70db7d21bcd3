"""What a connection needs, tried step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kpilayer.catalog import Catalog
from kpilayer.errors import WarehouseError
from kpilayer.locking import described
from kpilayer.running import Warehouse
from kpilayer.warehouse.connection import Connection


@dataclass(frozen=True, slots=True)
class Check:
    """One step of `debug`: its name, whether it worked, and what it found."""

    name: str
    ok: bool
    detail: str


def steps(name: str, catalog: Catalog, warehouse: Warehouse) -> Iterator[Check]:
    """The project, its profile, the connection, and each relation of its models."""
    target = warehouse.target
    yield Check("project", True, f"{name} in {warehouse.root}")
    profile = f"{target.profile or 'no profile'}, target {target.name}"
    source = f" from {target.path}" if target.path else ""
    yield Check("profile", True, f"{profile} ({target.type}){source}")
    try:
        with warehouse.connected() as connection:
            connection.run("SELECT 1 AS one")
            yield Check("connection", True, f"{connection.dialect} answers")
            yield from _relations(catalog, warehouse, connection)
    except WarehouseError as error:
        yield Check("connection", False, error.issues[0].message)


def _relations(catalog: Catalog, warehouse: Warehouse, connection: Connection) -> Iterator[Check]:
    found = described(catalog, connection.dialect, warehouse.schema, warehouse.root)
    for key, relation in found.items():
        try:
            columns = connection.describe(relation.select)
            yield Check(key, True, f"{len(columns)} columns")
        except WarehouseError as error:
            yield Check(key, False, error.issues[0].message)
