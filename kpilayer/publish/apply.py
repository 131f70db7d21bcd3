"""A plan into a database: all of it or, where the engine undoes DDL, none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from kpilayer.errors import Issue, PolicyError, QueryError, WarehouseError
from kpilayer.publish import stacked
from kpilayer.publish.desired import Desired
from kpilayer.publish.engines import Engine
from kpilayer.publish.plan import Action, Plan, dropping_order, published
from kpilayer.publish.statements import Writer
from kpilayer.publish.world import OBJECTS, OWN_TABLES, Record, World, records
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.run import execute
from kpilayer.warehouse.transaction import is_transactional

#: Called before each statement: what it is about, how many were done, and how many there are.
OnStep = Callable[[str, int, int], None]


def look(connection: Connection, engine: Engine, schema: str, project: str) -> World:
    """What the schema holds now, and what of it a project published."""
    server, has_schema, relations = engine.look(connection, schema)
    if OBJECTS not in relations:
        return World(server, has_schema, relations)
    if relations[OBJECTS].kind != "table" or "project" not in dict(relations[OBJECTS].columns):
        message = f"`{OBJECTS}` is there, and kpilayer did not make it"
        hint = "publish into a schema of its own: `--schema`, or `publish: {schemas: ..}`"
        raise PolicyError(Issue("not-ours", message, hint=hint))
    found, catalogue = records(connection, engine.named(schema, OBJECTS), project)
    return World(server, has_schema, relations, found, catalogue)


def current_schema(connection: Connection, engine: Engine) -> str:
    """The schema in which tables without one are looked for."""
    (row,) = connection.run(engine.current).to_pylist()
    return str(row["name"] or "")


def lock(connection: Connection, engine: Engine, schema: str) -> None:
    """Lets nobody else publish into the schema until this is done.

    Raises:
        PolicyError: `publish-busy`, where somebody else does.
    """
    busy = engine.lock(connection, schema)
    if busy is not None:
        message = f"somebody else publishes into `{schema}` now: {busy}"
        raise PolicyError(Issue("publish-busy", message, hint="try again when that is done"))


@contextmanager
def told_if_busy(engine: Engine, schema: str) -> Iterator[None]:
    """Says so where a statement fails because somebody else holds what it changes.

    Raises:
        PolicyError: `publish-busy`.
    """
    try:
        yield
    except WarehouseError as error:
        said = error.issues[0].message
        if not re.search(engine.busy, said):
            raise
        where = f"`{schema}`" if schema else "the file"
        message = f"somebody else writes to {where} now, or reads it for long: {said}"
        hint = "nothing was changed; try again when that is done"
        raise PolicyError(Issue("publish-busy", message, hint=hint)) from None


def refuse_blocked(plan: Plan) -> None:
    """Nothing, where every action can be done.

    Raises:
        PolicyError: `edited-by-hand`, `not-ours`, `has-dependents`; all at once.
    """
    issues = [_issue(action, plan.schema) for action in plan.blocked]
    if issues:
        raise PolicyError(issues)


def _issue(action: Action, schema: str) -> Issue:
    name = f"`{schema}.{action.name}`"
    if action.blocked == "edited":
        message = f"{name}: {action.why}"
        hint = f"take the change into the definition, or pass `--overwrite {action.name}`"
        return Issue("edited-by-hand", message, hint=hint)
    if action.blocked == "foreign":
        hint = f"rename the view or what is there, or pass `--overwrite {action.name}`"
        return Issue("not-ours", f"{name}: {action.why}", hint=hint)
    others = ", ".join(f"`{one}`" for one in action.dependents)
    verb = "dropped" if action.verb == "drop" else "made anew"
    message = f"{name} must be {verb} ({action.why}), and {others} stand on it"
    hint = "drop what stands on it, or pass `--cascade`, which drops it too"
    return Issue("has-dependents", message, hint=hint)


def apply(
    connection: Connection,
    plan: Plan,
    wanted: Desired,
    world: World,
    writer: Writer,
    on_step: OnStep,
) -> None:
    """Does what a plan says, on a connection whose transaction the caller begins and ends.

    Where statements cannot be undone, each relation is written down as soon as it stands, so that
    what was interrupted goes on where it ended.

    Raises:
        QueryError: `reserved-value`, where data hold a word that means something else here.
        WarehouseError: a statement failed.
    """
    steps = list(_steps(plan, wanted, world, writer, is_whole=is_transactional(connection)))
    for number, (about, statement) in enumerate(steps):
        on_step(about, number, len(steps))
        execute(connection, statement)
    _check_words(connection, plan, wanted, writer)
    now = look(connection, writer.engine, plan.schema, writer.project)
    remembered = list(_remembered(plan, wanted, now, writer))
    if remembered and not is_transactional(connection):
        remembered = [";\n".join(["START TRANSACTION", *remembered, "COMMIT"])]
    for statement in remembered:
        on_step(OBJECTS, len(steps), len(steps))
        execute(connection, statement)


def _steps(
    plan: Plan, wanted: Desired, world: World, writer: Writer, *, is_whole: bool
) -> Iterator[tuple[str, str]]:
    known = {one.name: one for one in wanted.relations}
    there = [name for name in OWN_TABLES if name in world.relations]
    for statement in writer.prepared(has_schema=world.has_schema, tables=there):
        yield plan.schema, statement
    if plan.is_catalogue_new:  # what the catalogue says of a view is there before the view is
        for statement in writer.catalogued(wanted.rows):
            yield "the catalogue", statement
    roles = [role for one in wanted.relations for role in one.grants]
    if roles and any(action.verb != "unchanged" for action in plan.actions):
        for statement in writer.entered(roles):
            yield plan.schema, statement
    first = dropping_order(plan, world, writer) if is_whole else []
    for action in first:
        yield from ((action.name, statement) for statement in action.drops)
    gone = {action.name for action in first}
    for action in plan.actions:
        if action.verb == "unchanged":
            continue
        if not is_whole and action.name in known:  # that it is ours is known before it is there
            blank = _record(action.name, wanted, writer, "", "")
            for statement in (*writer.forgotten([action.name]), *writer.recorded([blank])):
                yield action.name, statement
        if action.name not in gone:
            yield from ((action.name, statement) for statement in action.drops)
        yield from ((action.name, statement) for statement in action.statements)
        if not is_whole and action.name not in known:
            yield from ((action.name, s) for s in writer.forgotten([action.name]))


def _record(name: str, wanted: Desired, writer: Writer, standing: str, server: str) -> Record:
    relation = next(one for one in wanted.relations if one.name == name)
    said = published(relation, writer)
    told = (relation.kind, relation.view, relation.fingerprint, said, standing, server)
    return Record(name, *told, relation.grants, "")


def _remembered(plan: Plan, wanted: Desired, now: World, writer: Writer) -> Iterator[str]:
    """What writes down how the database itself tells what was made."""
    known = {one.name for one in wanted.relations}
    changed = [action.name for action in plan.actions if action.verb != "unchanged"]
    made = [
        _record(name, wanted, writer, now.relations[name].digest, now.server)
        for name in changed
        if name in known
    ]
    made += [_at(now, record) for record in _of_other_versions(plan, now)]
    forgotten = [*changed, *(one.name for one in made if one.name not in changed)]
    if plan.is_catalogue_new:
        blank = Record("", "catalogue", "", "", plan.catalogue, "", now.server, (), "")
        made.append(blank)
        forgotten.append("")
    yield from writer.forgotten(forgotten)
    yield from writer.recorded(made)


def _of_other_versions(plan: Plan, now: World) -> Iterator[Record]:
    """Records made by another version of the engine, which may have told a view otherwise."""
    unchanged = {action.name for action in plan.actions if action.verb == "unchanged"}
    for record in now.records.values():
        if record.name in unchanged and record.server != now.server:
            yield record


def _at(now: World, record: Record) -> Record:
    return replace(record, standing=now.relations[record.name].digest, server=now.server)


def _check_words(connection: Connection, plan: Plan, wanted: Desired, writer: Writer) -> None:
    """Nothing, where no value of the data reads as a word of roll-ups."""
    known = {one.name: one for one in wanted.relations}
    stacks = [one for one in wanted.relations if one.kind == "rollup"]
    issues: list[Issue] = []
    for stack in stacks:
        for level in (known[name] for name in stack.stands_on):
            issues += _reserved(connection, level.name, stacked.reserved_values(level), writer)
    if issues:
        raise QueryError(list(dict.fromkeys(issues)))


def _reserved(
    connection: Connection, relation: str, pairs: Iterator[tuple[str, str]], writer: Writer
) -> Iterator[Issue]:
    place = writer.engine.named(writer.schema, relation)
    for column, word in pairs:
        asked = (
            f"SELECT 1 AS found FROM {place} WHERE {writer.column(column)} = {writer.word(word)}"
        )
        if connection.run(f"{asked} LIMIT 1").num_rows:
            message = f"`{column}` of `{relation}` holds the value `{word}`, which means "
            message += "every group" if word == stacked.TOTAL else "no value"
            hint = "leave out `rollup`, or give the value another name in the dimension's `expr`"
            yield Issue("reserved-value", message, hint=hint)
