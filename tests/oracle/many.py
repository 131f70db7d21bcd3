"""Names on the many side of a metric's rows (P1 to P3, P6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Any

from tests.oracle.joins import Place, Step, Unanswerable
from tests.oracle.names import Condition, Item

if TYPE_CHECKING:
    from tests.oracle.atoms import Counted, Joined, Rows

Path = tuple[Step, ...]
Timed = tuple[Condition, datetime | None]


def _downs(rows: Rows, items: Any) -> dict[Path, None]:
    """The ways down that names take."""
    found: dict[Path, None] = {}
    for item in items:
        if isinstance(item, Item) and not item.is_time:
            place = rows.world.joins.place_of(rows.atom.model, item)
            if place.is_many:
                found[place.down] = None
    return found


def is_many(rows: Rows, condition: Condition) -> bool:
    """Whether a condition speaks of the many side."""
    return bool(_downs(rows, condition.items()))


def refuse(rows: Rows) -> None:
    """A row counts once in each group of the many side: it has to be told from others (P3).

    A condition tests rows of one model there, since rows of two have nothing to do with each other.
    """
    model = rows.world.joins.models[rows.atom.model]
    if _downs(rows, rows.scope.keys) and not any(e.is_unique for e in model.entities):
        raise Unanswerable("the many side of rows without a key")
    for condition in (*rows.atom.conditions, *rows.scope.shown, *rows.scope.moved):
        if len(_downs(rows, condition.items())) > 1:
            raise Unanswerable("rows of two models of the many side in one condition")


def read(rows: Rows, place: Place) -> Any:
    """What stands at a place on the many side, in the joined row that is looked at."""
    if place.down not in rows.joined:
        raise Unanswerable("the many side, where rows are not plain")
    row = rows.joined[place.down]
    if row is None:
        return None
    up = Place(place.path[len(place.down) :], place.model, place.element, place.is_entity)
    return rows.world.joins.read(row, up, None)


def counted(rows: Rows, one: Counted) -> Iterator[Counted]:
    """A row with the joined rows in which it counts; nothing where no joined row passes.

    What the groups name is joined, and conditions on it choose among the joined rows. Conditions on
    another model of the many side are all tested on the same row of it: some row must pass. Under
    `none(..)`, no row may.
    """
    scope, when = rows.scope, rows.own_time(one.row)
    dated = [(rows.atom.conditions, when), (scope.shown, one.shown), (scope.moved, one.date)]
    many = [(c, at) for held, at in dated for c in held if is_many(rows, c)]
    conditions = [(c, at) for c, at in many if c.node.kind != "none"]
    nones = [(replace(c, node=c.node.parts[0]), at) for c, at in many if c.node.kind == "none"]
    grouped = _downs(rows, scope.keys)
    if not grouped and not many:
        yield one
        return
    if rows.atom.balance is not None:
        raise Unanswerable("the many side of what is no plain event")
    for condition, at in nones:
        below = list(_downs(rows, condition.items()))
        if list(_passing(rows, one, below, [(condition, at)])):
            return
    paths = list({**grouped, **_downs(rows, (i for c, _ in conditions for i in c.items()))})
    passing = list(_passing(rows, one, paths, conditions, missing=True))
    rows.joined = {}
    if passing:
        yield replace(one, joined=tuple(passing))


def _passing(
    rows: Rows, one: Counted, paths: list[Path], conditions: list[Timed], *, missing: bool = False
) -> Iterator[Joined]:
    """The joined rows that meet all conditions; ``missing``: one of NULLs where there is none."""
    if any(a != b and a[0] == b[0] for a in paths for b in paths):
        raise Unanswerable("several ways down that begin alike")
    when = rows.own_time(one.row)
    choices = [rows.world.joins.joined(one.row, path, when) for path in paths]
    for chosen in product(*choices):
        rows.joined = dict(zip(paths, chosen, strict=True))
        if (missing or None not in chosen) and all(
            rows.holds(c, one.row, at) for c, at in conditions
        ):
            yield rows.joined
    rows.joined = {}
