"""How every relation of a schema stands to its definition, for whoever looks after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from kpilayer.publish.plan import Action, Plan
from kpilayer.publish.world import OWN_TABLES, World

State = Literal["published", "stale", "new", "missing", "edited", "foreign"]

#: What each state means.
STATES: Final[dict[State, str]] = {
    "published": "as it was published, and as the definitions say",
    "stale": "as it was published; the definitions say something else now",
    "new": "defined, and not published yet",
    "missing": "published, and somebody dropped it",
    "edited": "changed by hand since it was published",
    "foreign": "there, and not published by kpilayer",
}


@dataclass(frozen=True, slots=True)
class Published:
    """A relation of the schema: its state and why, and when it was last published, in UTC."""

    name: str
    kind: str
    view: str
    state: State
    why: str
    fingerprint: str | None
    published_at: str | None


def states(plan: Plan, world: World) -> tuple[Published, ...]:
    """Every relation that is defined or there, in order of name."""
    return tuple(sorted(_states(plan, world), key=lambda one: one.name))


def _states(plan: Plan, world: World) -> Iterator[Published]:
    for action in plan.actions:
        state = _of(action)
        record = world.records.get(action.name)
        prints = record.fingerprint if record else None
        at = record.published_at if record else None
        yield Published(action.name, action.kind, action.view, state, action.why, prints, at)
    known = {action.name for action in plan.actions} | set(OWN_TABLES)
    for name, standing in world.relations.items():
        if name not in known:
            why = f"a {standing.kind} that no definition has"
            yield Published(name, standing.kind, "", "foreign", why, None, None)


def _of(action: Action) -> State:
    if action.blocked == "edited":
        return "edited"
    if action.blocked == "foreign":
        return "foreign"
    if action.verb == "create":
        return "missing" if action.why else "new"
    return "published" if action.verb in ("unchanged", "refresh") else "stale"
