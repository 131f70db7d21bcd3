"""The relations of a project as the warehouse describes them, and kpilayer.lock made from that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kpilayer.catalog import Catalog
from kpilayer.errors import ConfigError, Issue, Location
from kpilayer.load.dbt.manifest import read_catalog
from kpilayer.load.files import inside, read_text, write_inside
from kpilayer.load.lock_file import LOCK_FILE, write_lock
from kpilayer.model.lock import Lock
from kpilayer.plan.build import subqueries
from kpilayer.running import Warehouse
from kpilayer.sql.printing import to_sql
from kpilayer.sql.select import read_all
from kpilayer.warehouse.lock import Described, lock_of_catalog, take_lock


@dataclass(frozen=True, slots=True)
class LockReport:
    """What `lock` found: the new text, and which relations differ from the old one."""

    path: Path
    text: str
    changed: bool
    added: tuple[str, ...]
    removed: tuple[str, ...]
    modified: tuple[str, ...]
    missing: tuple[str, ...] = ()


def described(catalog: Catalog, dialect: str, schema: str, root: Path) -> dict[str, Described]:
    """Every relation of the semantic models, with the statement that reads all of its columns."""
    found: dict[str, Described] = {}
    for model in catalog.models:
        relation = catalog.relation(model)
        parts = relation.parts
        if len(parts) == 1 and schema:
            parts = (schema, *parts)
        models = subqueries((relation,), catalog)
        tree = read_all(relation, models, dialect, schema, root.as_posix())
        found[relation.key] = Described(relation, parts, to_sql(tree, dialect))
    return found


def lock_of_warehouse(catalog: Catalog, warehouse: Warehouse) -> Lock:
    """The lock that the warehouse's own descriptions give.

    Raises:
        WarehouseError: a relation is not there, or the warehouse cannot be reached.
    """
    with warehouse.connected() as connection:
        relations = described(catalog, connection.dialect, warehouse.schema, warehouse.root)
        return take_lock(connection, relations)


def lock_of_dbt(
    catalog: Catalog, file: Path, shown: str, schema: str, dialect: str
) -> tuple[Lock, tuple[str, ...]]:
    """The lock that dbt's catalog.json gives, and the relations that it does not describe.

    Raises:
        ConfigError: the file is not there, or describes none of the project's tables.
    """
    found, issues = read_catalog(file, shown)
    if issues:
        raise ConfigError(issues)
    wanted = [catalog.relation(name) for name in catalog.models]
    new, missing = lock_of_catalog(found, wanted, schema, dialect)
    if not new.relations:
        message = "it describes none of the project's tables"
        hint = "run `dbt docs generate` on the target of the manifest"
        raise ConfigError(Issue("bad-manifest", message, Location(str(file)), hint))
    return new, missing


def keep(
    root: Path, old: Lock | None, new: Lock, check: bool, missing: tuple[str, ...] = ()
) -> LockReport:
    """Writes a lock unless ``check``, and says how it differs from the old one."""
    path = root / LOCK_FILE
    inside(root, LOCK_FILE)
    text = write_lock(new)
    written = (read_text(path, LOCK_FILE)[0] or "") if path.is_file() else ""
    before = dict(old.relations) if old else {}
    after = new.relations
    if not check and text != written:
        write_inside(root, LOCK_FILE, text)
    return LockReport(
        path,
        text,
        text != written,
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(before.keys() - after.keys())),
        tuple(sorted(k for k in after.keys() & before.keys() if after[k] != before[k])),
        missing,
    )
