"""What is done with an answer: gaps filled, earlier values added, the best members kept (Q6 to Q9).

Each is said in terms of the question itself: in an earlier time, for every period, without members.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from tests.oracle.atoms import Answer, Atom, Group, Rows
from tests.oracle.joins import Unanswerable
from tests.oracle.names import Condition, Item, keeps
from tests.oracle.scope import Scope, Shift
from tests.oracle.spine import dates_of
from tests.oracle.time import finest, is_finer

if TYPE_CHECKING:
    from tests.oracle.kinds import World

Value = Any


@dataclass(frozen=True)
class Top:
    """The first ``n`` members of a group-by by a metric, `-` the largest; ``other``: the rest."""

    n: int
    by: str
    of: str
    other: str | None = None


def label(compared: str) -> str:
    """What is added to a metric's name: `7 days` is `prior_7_days`."""
    return compared if compared.startswith("prior") else f"prior_{compared.replace(' ', '_')}"


# ------------------------------------------------------------------------------- earlier values


def earlier(
    world: World, name: str, scope: Scope, where: tuple[Condition, ...], compared: str
) -> Answer:
    """A metric so much earlier: at the question's grain of time as an offset, else of a range."""
    led = next(_led(world, name), None)
    if led is None:
        raise Unanswerable("earlier values of what only repeats")
    times = [k for k in Rows(world, led, scope).scope.keys if k.is_time]
    if any(k.part for k in times):
        raise Unanswerable("earlier values by date parts")
    if times:
        asked = finest(*(str(k.grain) for k in times))
        for condition in where:
            _refuse_cuts(world, name, condition, asked)
        ago = {"prior_period": f"1 {asked}", "prior_year": "1 year"}.get(compared, compared)
        ago = "52 weeks" if asked == "week" and compared == "prior_year" else ago
        return world.answer(name, world.moved(name, scope, Shift(window=ago), where))
    if any(k.grain for k in scope.keys):
        raise Unanswerable("earlier values by another time")
    if scope.bounds.start is None or scope.bounds.end is None:
        raise Unanswerable("earlier values of no range")
    if any(world.is_timed(name, condition) for condition in where):
        raise Unanswerable("earlier values under a condition on time")
    ago = {"prior_year": "1 year"}.get(compared, compared)
    before = replace(scope, bounds=replace(scope.bounds, ago=ago))
    return world.answer(name, before.narrowed(where))


def _refuse_cuts(world: World, name: str, condition: Condition, asked: str) -> None:
    """No part of a period is compared with a whole one."""
    rows = Rows(world, next(_led(world, name)), Scope())
    for item in condition.items():
        if isinstance(item, Item) and (time := rows.as_time(item)).is_time:
            grain = {"dow": "day", "doy": "day"}.get(str(time.part), time.part or time.grain)
            nests = asked == "week" and grain not in ("week", "day")
            if nests or (grain is not None and is_finer(grain, asked)):
                raise Unanswerable("a condition that cuts the periods that are compared")


def change(now: Value, before: Value) -> Value:
    """How much more there is now."""
    return None if now is None or before is None else now - before


def growth(now: Value, before: Value) -> Value:
    """How much more there is now, as a fraction: nothing where there was 0 or nothing."""
    return None if now is None or not before else float(now) / float(before) - 1


# --------------------------------------------------------------------------------------- gaps


def periods(
    world: World, metrics: Sequence[str], scope: Scope, where: tuple[Condition, ...]
) -> list[tuple[tuple[int, Value], ...]]:
    """Every period that an answer can have: the position of each time in its groups, its value."""
    found: dict[tuple[tuple[int, Value], ...], None] = {}
    positions: set[tuple[int, ...]] = set()
    for name in metrics:
        for atom in _led(world, name, scope):
            rows = Rows(world, atom, scope)
            at = tuple(i for i, k in enumerate(rows.scope.keys) if k.is_time)
            positions.add(at)
            if len(positions) > 1:
                raise Unanswerable("gaps of a time that is not that of every metric")
            if not at:
                continue
            timed = [c for c in where if rows.is_only_time(c)]
            base = rows.dated_by(rows.scope, timed)
            for day in dates_of(rows, base):
                if all(rows.holds(c, {}, day) for c in timed):
                    found[tuple((i, rows.read({}, day, rows.scope.keys[i])) for i in at)] = None
    return list(found)


def _led(world: World, name: str, scope: Scope | None = None) -> Iterator[Atom]:
    """The rows that a question groups: of what follows events, those of the first ones.

    What only repeats on groups makes none; with a scope, unless all of its group-bys are kept.
    """
    used = world.metrics[name].inputs
    if world.metrics[name].type in ("conversion", "funnel"):
        used = used[:1]
    if not used or world.metrics[name].type == "simple":
        yield from world.atoms(name)
    for one in used if world.metrics[name].type != "simple" else ():
        kept = one.group_by
        keys = scope.keys if scope is not None else ()
        is_whole = scope is not None and all(any(keeps(k, key) for k in kept or ()) for key in keys)
        if kept is None or is_whole:
            yield from _led(world, one.name, scope)


def gaps(
    groups: Sequence[Group], found: Sequence[tuple[tuple[int, Value], ...]], count: int
) -> Iterator[Group]:
    """A group for each period, with what each group seen has beside the time."""
    at = [i for i, _ in found[0]] if found else []
    seen = {tuple(v for i, v in enumerate(group) if i not in at) for group in groups}
    for period in found:
        for rest in seen if len(at) < count else {()}:
            others, own = iter(rest), dict(period)
            yield tuple(own[i] if i in own else next(others) for i in range(count))


# ---------------------------------------------------------------------------- the best members


def ranked(world: World, top: Top, of: Item, scope: Scope, seen: Sequence[Value]) -> list[Value]:
    """All members that an answer has, in order of a metric in total; NULLs last, ties by name."""
    total = world.answer(top.by.removeprefix("-"), replace(scope, keys=(of,)))
    known = sorted((m for m in seen if m is not None), key=lambda m: m)
    members = [*known, *(m for m in seen if m is None)]
    values = {m: total.at((m,)) for m in members}
    some = [m for m in members if values[m] is not None]
    some.sort(key=lambda m: values[m], reverse=top.by.startswith("-"))
    return [*some, *(m for m in members if values[m] is None)]


def as_text(value: Value) -> str | None:
    """A member as a text, as beside the name of what is left over."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if type(value) is date else str(value)
