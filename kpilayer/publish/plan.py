"""What is to be done so that a schema holds what the definitions say: an action for each relation.

Nothing that somebody else made or changed is overwritten, and nothing that others stand on is
dropped: such an action is `blocked`, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from kpilayer.errors import Issue
from kpilayer.publish.desired import Desired
from kpilayer.publish.relations import Column, Relation
from kpilayer.publish.statements import Writer
from kpilayer.publish.world import Record, Standing, World, digest

Verb = Literal["create", "replace", "recreate", "refresh", "drop", "unchanged"]
#: In which order verbs are told.
VERBS: Final[tuple[Verb, ...]] = (
    *("create", "replace", "recreate", "refresh", "drop", "unchanged"),
)


@dataclass(frozen=True, slots=True)
class Action:
    """What is done with one relation, why, and by which statements.

    ``drops`` come first, for all relations, those that stand on others before these.
    ``blocked`` says why it cannot be done: `edited` by hand, `foreign` (nobody published it), or
    the names of relations that stand on it.
    """

    name: str
    verb: Verb
    why: str = ""
    drops: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    kind: str = ""
    view: str = ""
    blocked: str = ""
    dependents: tuple[str, ...] = ()
    before: str = ""
    """The digest of what stands there."""

    @property
    def is_pending(self) -> bool:
        """Whether anything is to be done but new rows, or somebody has to decide."""
        return self.verb not in ("unchanged", "refresh") or bool(self.blocked)


@dataclass(frozen=True, slots=True)
class Plan:
    """The actions on a schema of a target, and what else is worth knowing."""

    target: str
    dialect: str
    schema: str
    actions: tuple[Action, ...]
    catalogue: str
    """The digest of the catalogue's rows, which are written where it changes."""
    is_catalogue_new: bool
    notices: tuple[Issue, ...] = ()

    @property
    def is_pending(self) -> bool:
        """Whether publishing would do anything, or is blocked."""
        return self.is_catalogue_new or any(action.is_pending for action in self.actions)

    @property
    def has_work(self) -> bool:
        """Whether publishing would execute anything."""
        return self.is_pending or any(action.verb == "refresh" for action in self.actions)

    @property
    def blocked(self) -> tuple[Action, ...]:
        """The actions that cannot be done."""
        return tuple(action for action in self.actions if action.blocked)

    def counts(self) -> dict[str, int]:
        """How many relations each verb is about, and how many are blocked."""
        found = {verb: sum(a.verb == verb for a in self.actions) for verb in VERBS}
        return found | {"blocked": len(self.blocked)}

    def as_json(self) -> dict[str, Any]:
        """The plan as plain values, to be saved and applied later."""
        actions = [asdict(action) for action in self.actions]
        told = {"target": self.target, "dialect": self.dialect, "schema": self.schema}
        return {**told, "digest": self.digest, "catalogue": self.catalogue, "actions": actions}

    @property
    def digest(self) -> str:
        """What the plan does, and on what: equal where applying it means the same."""
        parts = [(a.name, a.verb, a.drops, a.statements, a.before, a.blocked) for a in self.actions]
        return digest([self.target, self.dialect, self.schema, self.catalogue, parts])


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a caller allows: to overwrite views, and to drop what others stand on."""

    overwrite: frozenset[str] = frozenset()
    cascade: bool = False
    full_refresh: bool = False
    """Whether all rows that are kept are computed again."""


def plan(wanted: Desired, world: World, writer: Writer, target: str, allowed: Allowed) -> Plan:
    """Compares what is wanted with what is there."""
    actions = list(_actions(wanted, world, writer, allowed))
    new = digest(asdict(wanted.rows))
    notices = list(wanted.notices)
    return Plan(
        target,
        writer.engine.dialect,
        writer.schema,
        tuple(actions),
        new,
        new != world.catalogue,
        tuple(notices),
    )


def _actions(wanted: Desired, world: World, writer: Writer, allowed: Allowed) -> Iterator[Action]:
    known = {one.name: one for one in wanted.relations}
    found = {name: _action(one, world, writer, allowed) for name, one in known.items()}
    for name, record in sorted(world.records.items()):
        if name not in known:
            found[name] = _dropped(record, world, writer, allowed)
    pending = [name for name, action in found.items() if _unsettles(action, known, world)]
    while pending:
        below = pending.pop()
        for name in _own_dependents(below, world, writer, found):
            action = found[name]
            if name in known and not (action.drops or action.blocked):
                standing, known_as = world.relations[name], world.records.get(name)
                why = f"stands on `{below}`"
                told = replace(action, before=standing.digest)
                found[name] = _anew(told, known[name], standing, writer, why, known_as)
                pending.append(name)
    for action in found.values():
        if _unsettles(action, known, world):
            action = _with_dependents(action, world, writer, found, allowed)
        yield action


def _unsettles(action: Action, known: Mapping[str, Relation], world: World) -> bool:
    """Whether what stands on a relation has to be made anew, since it goes or changes columns."""
    standing = world.relations.get(action.name)
    if standing is None or action.blocked or action.verb in ("unchanged", "refresh"):
        return False
    return action.verb in ("drop", "recreate") or not appends(known[action.name], standing)


def _own_dependents(
    below: str, world: World, writer: Writer, found: Mapping[str, Action]
) -> list[str]:
    standing = world.relations.get(below)
    told = set(standing.dependents) if standing is not None else set()
    return [name for name in found if ".".join(writer.engine.place(writer.schema, name)) in told]


def _action(relation: Relation, world: World, writer: Writer, allowed: Allowed) -> Action:
    standing, record = world.relations.get(relation.name), world.records.get(relation.name)
    told = Action(relation.name, "unchanged", kind=relation.kind, view=relation.view)
    new = published(relation, writer)
    if standing is None:
        why = "" if record is None else "missing: somebody dropped it"
        return replace(told, verb="create", why=why, statements=created(relation, writer))
    told = replace(told, before=standing.digest)
    if record is None:
        if relation.name not in allowed.overwrite or standing.kind != "view":
            message = f"a {standing.kind} of this name is there that this project did not publish"
            return replace(told, verb="replace", blocked="foreign", why=message)
        return _anew(told, relation, standing, writer, "taken over", record)
    if edited(standing, record, world):
        if relation.name not in allowed.overwrite:
            return replace(told, verb="replace", blocked="edited", why=_EDITED)
        return _changed(told, relation, standing, writer, "overwrites an edit by hand", record)
    if relation.is_table:
        return _of_table(
            told,
            relation,
            standing,
            writer,
            record,
            is_same=new == record.statements,
            whole=allowed.full_refresh,
        )
    has_types = not writer.engine.keeps_types or _has_types(relation, standing)
    if new == record.statements and has_types and record.standing:
        return told
    why = "definition" if relation.fingerprint != record.fingerprint else "columns, words or rights"
    why = why if record.standing else "its publication was interrupted"
    return _changed(told, relation, standing, writer, why, record)


def _of_table(
    told: Action,
    relation: Relation,
    standing: Standing,
    writer: Writer,
    record: Record,
    *,
    is_same: bool,
    whole: bool,
) -> Action:
    """A table filled as far as its definition tells; made anew where its columns are others."""
    same_columns = [n for n, _ in standing.columns] == [c.name for c in relation.columns]
    same_types = not writer.engine.keeps_types or _has_types(relation, standing)
    if standing.kind != "table" or not (same_columns and same_types):
        return _anew(told, relation, standing, writer, "columns", record)
    if is_same:
        filled = writer.filled(relation, whole=whole or not record.standing)
        return replace(told, verb="refresh", statements=(filled,))
    taken = _taken(relation.name, relation.grants, standing, record, writer)
    statements = (writer.filled(relation, whole=True), *writer.granted(relation), *taken)
    return replace(told, verb="replace", why="definition or rights", statements=statements)


_EDITED: Final = "changed by hand since it was published"


def edited(standing: Standing, record: Record, world: World) -> bool:
    """Whether a relation is not what was made of it; another version of the engine may spell so."""
    if not record.standing:  # whoever published was interrupted
        return False
    return standing.digest != record.standing and record.server == world.server


def published(relation: Relation, writer: Writer) -> str:
    """The digest of all that is said of a relation."""
    made = writer.stored(relation) if relation.is_table else writer.made(relation, replaces=False)
    said = [made, writer.told(relation), relation.comment]
    return digest([*said, [c.description for c in relation.columns], writer.granted(relation)])


def _has_types(relation: Relation, standing: Standing) -> bool:
    """Whether a view has the types that its query has now, as far as those are known exactly."""
    if relation.kind not in _EXACT or not any(kind for _, kind in standing.columns):
        return True
    there = dict(standing.columns)
    return all(not there.get(c.name) or there[c.name] == c.type for c in relation.columns)


#: Kinds whose types are known as the database spells them.
_EXACT: Final = ("fixed", "level", "stored")


def _changed(
    told: Action, relation: Relation, standing: Standing, writer: Writer, why: str, record: Record
) -> Action:
    """The view replaced where the engine can, else made anew."""
    engine = writer.engine
    if standing.kind != "view" or (
        engine.replaces == "appended" and not appends(relation, standing)
    ):
        return _anew(told, relation, standing, writer, _of_columns(relation, standing, why), record)
    statements = created(relation, writer, replaces=engine.replaces != "none")
    drops = (writer.dropped(relation.name),) if engine.replaces == "none" else ()
    taken = _taken(relation.name, relation.grants, standing, record, writer)
    statements = (*statements, *taken)
    return replace(told, verb="replace", why=why, drops=drops, statements=statements)


def appends(relation: Relation, standing: Standing) -> bool:
    """Whether a view keeps the columns that stand there, with new ones behind them."""
    before = standing.columns
    now = [(c.name, c.type if _is_exact(relation, c) else "") for c in relation.columns]
    kept = [(n, k if m else "") for (n, k), (_, m) in zip(before, now, strict=False)]
    return len(before) <= len(now) and kept == now[: len(before)]


def _is_exact(relation: Relation, column: Column) -> bool:
    """Whether a column's type is known as the database spells it."""
    if relation.kind == "rollup":
        return column.role != "level"
    return relation.kind in _EXACT or (relation.kind == "values" and column.name == "metric_time")


def _of_columns(relation: Relation, standing: Standing, why: str) -> str:
    before, now = dict(standing.columns), {c.name: c.type for c in relation.columns}
    told = [f"`{n}` is gone" for n in before if n not in now]
    exact = relation.kind in _EXACT
    told += [
        f"`{n}` is {now[n]} and was {kind}"
        for n, kind in before.items()
        if exact and n in now and now[n] != kind
    ]
    return "; ".join([why, *told])


def _anew(
    told: Action,
    relation: Relation,
    standing: Standing,
    writer: Writer,
    why: str,
    record: Record | None,
) -> Action:
    """A view dropped and created with the rights that it had, but those that are taken back."""
    drop = f"DROP TABLE {writer.engine.named(writer.schema, relation.name)}"
    if standing.kind == "view":
        drop = writer.dropped(relation.name)
    taken = _taken(relation.name, relation.grants, standing, record, writer)
    lost = {text.replace("REVOKE", "GRANT").replace(" FROM ", " TO ") for text in taken}
    there = {"", *(column.name for column in relation.columns)}
    kept = [grant for grant, column in standing.grants if column in there and grant not in lost]
    statements = created(relation, writer)
    again = tuple(grant for grant in kept if grant not in statements)
    if writer.engine.dialect == "mysql":  # whose rights stay with the name
        statements, again = (*statements, *taken), ()
    return replace(told, verb="recreate", why=why, drops=(drop,), statements=(*statements, *again))


def _taken(
    name: str,
    given: Sequence[str],
    standing: Standing,
    record: Record | None,
    writer: Writer,
) -> tuple[str, ...]:
    """What takes back the rights that a definition gave and gives no more, as far as they stand."""
    there = {grant for grant, _ in standing.grants}
    gone = [role for role in (record.grants if record else ()) if role not in given]
    return tuple(
        revoke for role in gone for grant, revoke in [writer.right(name, role)] if grant in there
    )


def created(relation: Relation, writer: Writer, *, replaces: bool = False) -> tuple[str, ...]:
    """The statements that make a view with its comments and rights."""
    words = writer.told(relation)
    made = (
        writer.stored(relation) if relation.is_table else writer.made(relation, replaces=replaces)
    )
    return (made, *([words] if words else []), *writer.granted(relation))


def _dropped(record: Record, world: World, writer: Writer, allowed: Allowed) -> Action:
    told = Action(
        record.name, "drop", "no definition has it any more", kind=record.kind, view=record.view
    )
    standing = world.relations.get(record.name)
    if standing is None:
        return told  # it is gone already: only its record is
    told = replace(told, before=standing.digest)
    if edited(standing, record, world) and record.name not in allowed.overwrite:
        return replace(told, blocked="edited", why=_EDITED)
    drop = writer.dropped(record.name)
    if standing.kind == "table":
        drop = f"DROP TABLE {writer.engine.named(writer.schema, record.name)}"
    taken = _taken(record.name, (), standing, record, writer)
    return replace(told, drops=(*taken, drop))


def _with_dependents(
    action: Action, world: World, writer: Writer, found: Mapping[str, Action], allowed: Allowed
) -> Action:
    """The action blocked by what others have made over a relation that is dropped."""
    standing = world.relations.get(action.name)
    assert standing is not None, "what is not there unsettles nothing"
    is_dropped = writer.engine.keeps_dependents
    gone = [name for name, other in found.items() if other.drops or not is_dropped]
    own = {".".join(writer.engine.place(writer.schema, name)) for name in gone}
    others = tuple(name for name in standing.dependents if name not in own)
    if not others:
        return action
    if allowed.cascade and writer.engine.keeps_dependents:
        drops = tuple(f"{d} CASCADE" if d.startswith("DROP") else d for d in action.drops)
        return replace(action, dependents=others, drops=drops)
    if allowed.cascade:
        return replace(action, dependents=others)
    return replace(action, dependents=others, blocked="dependents")


def dropping_order(plan: Plan, world: World, writer: Writer) -> list[Action]:
    """The actions that drop, those on which nothing that is dropped stands first."""
    waiting = {action.name: action for action in plan.actions if action.drops}
    found: list[Action] = []
    while waiting:
        free = [
            name
            for name in waiting
            if not set(_own_dependents(name, world, writer, waiting)) - {name}
        ]
        for name in free or list(waiting):  # what stands on itself is nobody's first
            found.append(waiting.pop(name))
    return found
