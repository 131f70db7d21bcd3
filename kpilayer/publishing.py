"""Views of a project in its target's database: planned, published, looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from kpilayer.errors import Issue, PolicyError, QueryError, did_you_mean
from kpilayer.identity import Identity
from kpilayer.plan.keys import asked_place
from kpilayer.publish import apply as applying
from kpilayer.publish import clocks
from kpilayer.publish.apply import OnStep
from kpilayer.publish.build import Builder, Finish, Typed, Written
from kpilayer.publish.desired import Desired, desired, tables
from kpilayer.publish.engines import Engine, engine_of
from kpilayer.publish.plan import Allowed, Plan, plan
from kpilayer.publish.readers import Readers
from kpilayer.publish.relations import Relation
from kpilayer.publish.statements import Writer
from kpilayer.publish.states import Published, states
from kpilayer.publish.world import World, name, rows
from kpilayer.running import Warehouse
from kpilayer.sql.compiled import Compiled
from kpilayer.sql.dialects import capabilities
from kpilayer.sql.types import Types
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.transaction import transaction


@dataclass(frozen=True, slots=True)
class Place:
    """Where views go."""

    target: str
    engine: Engine
    schema: str
    read_from: str
    """The schema of models without a relation of their own, where the database has schemas."""


def place(identity: Identity, warehouse: Warehouse, schema: str | None) -> Place:
    """The schema of views: as asked, as declared for the target, else beside the target's own.

    Raises:
        QueryError: `unsupported-in-dialect`.
        WarehouseError: the warehouse cannot be reached, where it has to tell.
    """
    target = warehouse.target
    engine = engine_of(target.dialect)
    if not engine.has_schemas:
        return Place(target.name, engine, "", "")
    read_from = warehouse.schema
    if not read_from:
        with warehouse.connected() as connection:
            read_from = applying.current_schema(connection, engine)
    declared = identity.catalog.definitions.config.publish.schemas
    chosen = schema or declared.get(target.name) or f"{read_from}_kpi"
    return Place(target.name, engine, chosen, read_from)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Plans and publishes; ``on_step`` hears what is being done."""

    identity: Identity
    warehouse: Warehouse
    where: Place
    allowed: Allowed
    on_step: OnStep

    def plan(self) -> Plan:
        """What publishing would do.

        Raises:
            QueryError, WarehouseError: as ``publish``.
        """
        with self.warehouse.connected() as connection:
            found, _, _ = self._planned(connection)
        return found

    def publish(self, saved: Mapping[str, object] | None = None) -> Plan:
        """Does what a plan says: the saved one, or that of now.

        Raises:
            PolicyError: `edited-by-hand`, `not-ours`, `has-dependents`, `publish-busy`; and
                `stale-plan`, where the saved plan is not what would be done now.
            QueryError: what is wrong with views.
            WarehouseError: the warehouse cannot be reached, or refuses a statement.
        """
        engine, schema = self.where.engine, self.where.schema
        with (
            self.warehouse.connected(read_only=False) as connection,
            applying.told_if_busy(engine, schema),
            transaction(connection),
        ):
            applying.lock(connection, engine, schema)
            try:
                found, wanted, world = self._planned(connection)
                if saved is not None:
                    refuse_stale(found, saved)
                applying.refuse_blocked(found)
                if found.has_work:
                    applying.apply(connection, found, wanted, world, self._writer, self.on_step)
            finally:
                engine.unlock(connection, schema)
        return found

    def relations(self, views: Sequence[str]) -> tuple[Relation, ...]:
        """The views that tools read: those named, or declared; of nothing declared, all.

        Raises:
            QueryError: `unknown-view`; and as ``publish``.
            WarehouseError: as ``publish``.
        """
        with self.warehouse.connected() as connection:
            _, wanted, _ = self._planned(connection)
        every = [one for one in wanted.relations if one.kind in ("fixed", "level", "rollup")]
        declared = {view.name for view in self.identity.catalog.definitions.views}
        known = {one.name for one in every} | {one.view for one in every}
        unknown = [view for view in views if view not in known]
        if unknown:
            raise QueryError([_unknown(view, known) for view in unknown])
        asked = set(views) or declared or known
        return tuple(one for one in every if one.view in asked or one.name in asked)

    def states(self) -> tuple[Published, ...]:
        """How every relation of the schema stands to its definition.

        Raises:
            QueryError, WarehouseError: as ``publish``.
        """
        with self.warehouse.connected() as connection:
            found, _, world = self._planned(connection)
        return states(found, world)

    @property
    def _writer(self) -> Writer:
        publish = self.identity.catalog.definitions.config.publish
        is_invoker = publish.security == "invoker" and self.where.engine.dialect == "postgres"
        return Writer(self.where.engine, self.where.schema, is_invoker, self._project)

    @property
    def _project(self) -> str:
        return self.identity.catalog.definitions.config.name

    @property
    def _readers(self) -> Readers:
        definitions = self.identity.catalog.definitions
        groups = {group.name.lower(): group.roles for group in definitions.groups}
        return Readers(self.where.engine, definitions.config.publish.roles, groups)

    def _check_roles(self, connection: Connection) -> None:
        """Nothing, where the database has every role that a mask names.

        Raises:
            QueryError: `bad-view`.
        """
        masks = [m.mask for m in self.identity.catalog.metrics.values() if m.mask is not None]
        wanted = set(self._readers.roles_named(masks))
        if not wanted:
            return
        there = {
            row["name"] for row in rows(connection, "SELECT rolname::text AS name FROM pg_roles")
        }
        hint = "create it, or name `roles` of the group"
        issues = [
            Issue("bad-view", f"a mask names the role `{role}`, which is not there", hint=hint)
            for role in sorted(wanted - there)
        ]
        if issues:
            raise QueryError(issues)

    def _newest(
        self, connection: Connection, world: World, table: str, column: str
    ) -> tuple[object, object]:
        """The newest value of a column of a table that was published, and when it was filled."""
        there = world.relations.get(table)
        if there is None or table not in world.records or column not in dict(there.columns):
            return None, None
        place = self.where.engine.named(self.where.schema, table)
        named = name(column, dialect=self.where.engine.dialect)
        (row,) = connection.run(f"SELECT MAX({named}) AS newest FROM {place}").to_pylist()
        return row["newest"], world.records[table].published_at

    def _planned(self, connection: Connection) -> tuple[Plan, Desired, World]:
        engine, schema = self.where.engine, self.where.schema
        world = applying.look(connection, engine, schema, self._project)
        before = {n: tuple(c for c, _ in one.columns) for n, one in world.relations.items()}
        builder = Builder(
            self.identity,
            engine.dialect,
            _written(self.warehouse, connection),
            _typed(self.warehouse, connection),
            before,
            datetime.now(UTC).date().isoformat(),
            self._readers,
            tables(engine, schema),
            lambda table, column: self._newest(connection, world, table, column),
        )
        self._check_roles(connection)
        read_from = self.where.read_from
        wanted = desired(self.identity, builder, engine, schema, read_from, self.on_step)
        found = plan(wanted, world, self._writer, self.where.target, self.allowed)
        known = [action.name for action in found.actions]
        issues = [_unknown(one, known) for one in sorted(self.allowed.overwrite - {*known})]
        if issues:
            raise QueryError(issues)
        return found, wanted, world


def _unknown(view: str, known: Iterable[str]) -> Issue:
    hint = did_you_mean(view, known)
    return Issue("unknown-view", f"there is no view `{view}`", asked_place("view", view), hint)


def refuse_unproven(issues: Iterable[Issue]) -> None:
    """Nothing, where no definition has a function of which nobody knows what it is elsewhere.

    Raises:
        QueryError: `unproven-function`, each at its place.
    """
    hint = "write it in other words, or with a macro that has a version for each dialect"
    found = [
        replace(issue, severity="error", hint=hint)
        for issue in issues
        if issue.code == "unproven-function"
    ]
    if found:
        raise QueryError(found)


def refuse_stale(found: Plan, saved: Mapping[str, object]) -> None:
    """Nothing, where a saved plan is still what would be done.

    Raises:
        PolicyError: `stale-plan`, naming what differs.
    """
    now = found.as_json()
    if saved.get("digest") == now["digest"]:
        return
    told = [
        f"{key} was `{saved.get(key)}` and is `{now[key]}`"
        for key in ("target", "dialect", "schema")
        if saved.get(key) != now[key]
    ]
    old, new = _by_name(saved.get("actions")), _by_name(now["actions"])
    differ = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    told += [f"`{name}`" for name in sorted(differ)[:8]]
    message = f"the plan is not what would be done now: {', '.join(told) or 'the catalogue'} differ"
    hint = "somebody changed definitions or the database since: make the plan anew"
    raise PolicyError(Issue("stale-plan", message, hint=hint))


def _by_name(actions: object) -> dict[str, object]:
    found = {}
    for action in actions if isinstance(actions, Sequence) else ():
        if isinstance(action, Mapping):
            kept = {k: list(v) if isinstance(v, tuple) else v for k, v in action.items()}
            found[str(action.get("name"))] = kept
    return dict(found)


def _written(warehouse: Warehouse, connection: Connection) -> Written:
    known: dict[str, Mapping[str, str]] = {}

    def written(
        compiled: Compiled,
        columns: Sequence[tuple[str, str]],
        finish: Finish,
    ) -> str:
        declared = warehouse.declared(compiled, connection)
        there = warehouse.described(compiled, connection, known)
        clocks.check(compiled, there)

        finished = clocks.in_utc(there, compiled.dialect, finish)
        return compiled.as_view(columns, warehouse.root.as_posix(), declared, finished)

    return written


#: The names of kinds, where an engine has none of its own.
_WORDS: Final = {
    "boolean": "BOOLEAN",
    "integer": "INTEGER",
    "decimal": "NUMERIC",
    "double": "REAL",
    "text": "TEXT",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


def _typed(warehouse: Warehouse, connection: Connection) -> Typed:
    has_types = capabilities(connection.dialect).has_types

    def typed(
        compiled: Compiled, sql: str, columns: Sequence[tuple[str, str]]
    ) -> Mapping[str, str]:
        if has_types:
            return {column.name: column.type for column in connection.describe(sql)}
        declared = warehouse.declared(compiled, connection) or compiled.declared
        kinds = Types(declared).answer(compiled.planned)
        known = {name: kinds.get(asked) for asked, name in columns}
        return {name: _WORDS[kind.name] if kind else "" for name, kind in known.items()}

    return typed


__all__ = ["Place", "Publisher", "place"]
