"""Views of a project as models of dbt: what is known of their columns, and the folder of files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kpilayer.errors import ConfigError, Issue, WarehouseError, listing
from kpilayer.identity import Identity
from kpilayer.interop.dbt_models import MARK, MODELS, DbtFile, dbt_files
from kpilayer.load.files import write_inside
from kpilayer.model.config import ProjectConfig
from kpilayer.publish import clocks, contracts
from kpilayer.publish.build import Builder, Finish
from kpilayer.publish.dbt import Calls, dbt_models
from kpilayer.publish.desired import OnStep
from kpilayer.publish.engines import ENGINES
from kpilayer.publish.readers import Readers
from kpilayer.relation import Relation
from kpilayer.running import Warehouse
from kpilayer.sql.compiled import Compiled
from kpilayer.sql.dialects import capabilities
from kpilayer.sql.types import Declared, Kind, Types, kind_of_type
from kpilayer.warehouse.connection import Connection

#: Beside `target/kpilayer`, which `kpilayer compile` makes anew as a whole.
FOLDER: Final = "kpilayer_dbt"
#: What dbt builds is the same for everybody.
_READERS: Final = Readers(replace(ENGINES["duckdb"], dialect="dbt", user=""), None, {})


@dataclass(frozen=True, slots=True)
class _Export:
    """Models of dbt as files, and what is worth knowing of them."""

    files: tuple[DbtFile, ...]
    notices: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class WrittenModels:
    """A folder of models, its files, those that an earlier export left there, and notices."""

    folder: Path
    files: tuple[str, ...]
    removed: tuple[str, ...]
    notices: tuple[Issue, ...]


def export(
    identity: Identity,
    warehouse: Warehouse,
    dialect: str,
    folder: Path,
    on_step: OnStep,
    *,
    unverified: bool = False,
) -> WrittenModels:
    """Writes the views of a project as models of dbt into a folder.

    Types of columns are those of kpilayer.lock. Where it does not tell, the warehouse is asked, if
    it can be reached and speaks the dialect.

    Raises:
        QueryError: what is wrong with views.
        ConfigError, OSError: as ``_write``.
    """
    return _write(folder, _made(identity, warehouse, dialect, on_step, unverified))


def _made(
    identity: Identity, warehouse: Warehouse, dialect: str, on_step: OnStep, unverified: bool
) -> _Export:
    calls = Calls(identity.catalog)
    way = _from_dbt(warehouse.root, identity.catalog.definitions.config)
    today = datetime.now(UTC).date().isoformat()
    with ExitStack() as opened:
        columns = _Columns(identity, warehouse, dialect, way, calls, opened)
        builder = Builder(
            identity,
            dialect,
            columns.written,
            columns.typed,
            {},
            today,
            _READERS,
            calls.named,
            lambda table, column: (None, None),
        )
        models, notices = dbt_models(
            identity, builder, calls, warehouse.schema, on_step, unverified=unverified
        )
        notices += tuple(columns.notices())
    return _Export(dbt_files(models, dialect, contracts.meta(identity)), notices)


# ----------------------------------------------------------------------------------------- columns

#: Columns of an answer under the names of a view's.
Shown = Sequence[tuple[str, str]]


@dataclass(slots=True)
class _Columns:
    """The types of columns. ``told`` and ``untold`` hold relations that the lock does not have."""

    identity: Identity
    warehouse: Warehouse
    dialect: str
    folder: str
    calls: Calls
    opened: ExitStack
    told: dict[str, Mapping[str, str]] = field(default_factory=dict)
    untold: dict[str, None] = field(default_factory=dict)
    connection: Connection | None = None
    is_tried: bool = False

    def declared(self, compiled: Compiled) -> Declared:
        """The types of the columns that a question reads."""
        lock = self.identity.catalog.lock

        def declared(relation: Relation, column: str) -> str | None:
            if lock is not None and relation.key in lock.relations:
                return compiled.declared(relation, column)
            if relation.key not in self.told:
                self._look(compiled, relation)
            return self.told[relation.key].get(column.lower())

        return declared

    def _look(self, compiled: Compiled, relation: Relation) -> None:
        """Keeps what the warehouse tells of a relation."""
        connection = self._connected()
        if connection is not None:
            try:
                self.warehouse.described(compiled, connection, self.told)(relation, "")
            except WarehouseError as error:
                self._give_up(error)
        if not self.told.setdefault(relation.key, {}):
            self.untold[relation.key] = None

    def _connected(self) -> Connection | None:
        """A connection, if there can be one; what cannot be known without it is told later."""
        if not self.is_tried and self.dialect == self.warehouse.target.dialect:
            with suppress(ConfigError, WarehouseError):
                self.connection = self.opened.enter_context(self.warehouse.connected())
        self.is_tried = True
        return self.connection

    def _give_up(self, error: WarehouseError) -> None:
        """Asks a warehouse no longer that is not there."""
        if any(issue.code == "connection-failed" for issue in error.issues):
            self.connection = None

    # -------------------------------------------------------------------------------- for a builder

    def written(self, compiled: Compiled, shown: Shown, finish: Finish) -> str:
        """The SQL of a view, in which calls of dbt stand for tables."""
        return self._view(compiled, shown, self.calls.after(finish), self.folder)

    def typed(self, compiled: Compiled, sql: str, shown: Shown) -> Mapping[str, str]:
        """The types of a view's columns, empty where nothing tells."""
        kinds = Types(self.declared(compiled)).answer(compiled.planned)
        found = {name: _word(kinds.get(asked)) for asked, name in shown}
        if all(found.values()):
            return found
        described = self._described(compiled, shown)
        return {name: word or described.get(name, "") for name, word in found.items()}

    def _described(self, compiled: Compiled, shown: Shown) -> Mapping[str, str]:
        """The types of a view's columns as the warehouse describes them, if it has such."""
        connection = self._connected()
        if connection is None or not capabilities(self.dialect).has_types:
            return {}
        sql = self._view(compiled, shown, lambda _: None, self.warehouse.root.as_posix())
        try:
            columns = connection.describe(sql)
        except WarehouseError as error:
            self._give_up(error)
            return {}
        return {one.name: _word(kind_of_type(one.type)) or one.type for one in columns}

    def _view(self, compiled: Compiled, shown: Shown, finish: Finish, folder: str) -> str:
        there = self.declared(compiled)
        clocks.check(compiled, there)
        declared = there if capabilities(self.dialect).asks_types else None
        in_utc = clocks.in_utc(there, self.dialect, finish)
        return compiled.as_view(shown, folder, declared, in_utc)

    def notices(self) -> Iterator[Issue]:
        """What may be wrong because nobody told the types of columns."""
        if self.untold:
            message = f"nothing says of which types the columns of {listing([*self.untold])} are: "
            message += "times with a zone would be cut into days by the session that reads a view"
            hint = "run `kpilayer lock`, or export where the warehouse can be reached"
            yield Issue("unlocked-relation", message, hint=hint, severity="warning")


def _word(kind: Kind | None) -> str:
    if kind is None:
        return ""
    return "numeric" if kind.name == "decimal" else kind.name


# ------------------------------------------------------------------------------------------ files


def place(root: Path, config: ProjectConfig, target: Path, asked: str | Path | None) -> Path:
    """The folder of models: as asked, else below the folder into which dbt writes.

    Raises:
        ConfigError: ``bad-value``, where its files would be read as definitions.
    """
    folder = target / FOLDER if asked is None else Path(asked)
    paths = (*config.model_paths, *config.metric_paths, *config.macro_paths)
    for path in paths:
        if folder.resolve().is_relative_to((root / path).resolve()):
            message = f"`{folder}` lies in `{path}`, whose files are read as definitions"
            hint = "name a folder beside it; its `models` and `tests` go into dbt_project.yml"
            raise ConfigError(Issue("bad-value", message, hint=hint))
    return folder


def _from_dbt(root: Path, config: ProjectConfig) -> str:
    """The way from the folder in which dbt runs to that of the project; empty where it is one."""
    way = os.path.relpath(root, root / (config.dbt_project or "."))
    return "" if way == "." else Path(way).as_posix()


def _write(folder: Path, export: _Export) -> WrittenModels:
    """Writes the files of an export, and removes those of an earlier one that are no longer there.

    A file whose first line does not say that it is ours stays as it is.

    Raises:
        ConfigError: ``folder-not-empty``, where such a file is in the way, and nothing is written;
            ``unreadable-file``, where a link leads out of the folder.
        OSError: a file cannot be written.
    """
    foreign = [
        path
        for file in export.files
        if (path := folder / file.path).exists() and not _is_ours(path)
    ]
    if foreign:
        message = f"{listing([str(path) for path in foreign])} would be written over"
        hint = "it is not one of an earlier export: move it away, or name another folder"
        raise ConfigError(Issue("folder-not-empty", message, hint=hint))
    for file in export.files:
        path = folder / file.path
        if not path.exists() or path.read_bytes() != file.text.encode():
            folder.mkdir(parents=True, exist_ok=True)
            write_inside(folder, file.path, file.text)
    kept = {folder / file.path for file in export.files}
    stale = [
        path
        for pattern in (f"{MODELS}/*.sql", f"{MODELS}/*.yml", "tests/generic/*.sql")
        for path in sorted(folder.glob(pattern))
        if path not in kept and _is_ours(path)
    ]
    for path in stale:
        path.unlink()
    removed = tuple(path.relative_to(folder).as_posix() for path in stale)
    return WrittenModels(folder, tuple(f.path for f in export.files), removed, export.notices)


def _is_ours(path: Path) -> bool:
    """Whether a file's first line says that an export has written it."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return MARK.encode() in file.readline(1_000)
