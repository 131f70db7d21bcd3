"""Names on the many side of a metric's rows (P1 to P3, P6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from tests.oracle.joins import Place, Step, Unanswerable
from tests.oracle.names import Condition, Item

if TYPE_CHECKING:
    from tests.oracle.atoms import Counted, Joined, Rows

Path = tuple[Step, ...]


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
    another model of the many side are all tested on the same row of it: some row must pass.
    """
    own = [c for c in rows.atom.conditions if is_many(rows, c)]
    scope = rows.scope
    shown = [c for c in scope.shown if is_many(rows, c)]
    moved = [c for c in scope.moved if is_many(rows, c)]
    grouped = _downs(rows, scope.keys)
    conditions = [*own, *shown, *moved]
    if not grouped and not conditions:
        yield one
        return
    model = rows.world.joins.models[rows.atom.model]
    if not any(e.is_unique for e in model.entities):
        raise Unanswerable("the many side of rows without a key")
    if rows.atom.balance is not None:
        raise Unanswerable("the many side of what is no plain event")
    paths = list({**grouped, **_downs(rows, (i for c in conditions for i in c.items()))})
    if any(a != b and a[0] == b[0] for a in paths for b in paths):
        raise Unanswerable("several ways down that begin alike")
    when = rows.own_time(one.row)
    choices = [rows.world.joins.joined(one.row, path, when) for path in paths]
    passing: list[Joined] = []
    for chosen in product(*choices):
        rows.joined = dict(zip(paths, chosen, strict=True))
        if (
            all(rows.holds(c, one.row, when) for c in own)
            and all(rows.holds(c, one.row, one.shown) for c in shown)
            and all(rows.holds(c, one.row, one.date) for c in moved)
        ):
            passing.append(rows.joined)
    rows.joined = {}
    if passing:
        yield replace(one, joined=tuple(passing))
