"""The fewest rows that still tell two queries apart, by removing halves, quarters and so on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from kpilayer.proof.pools import plain
from kpilayer.proof.tables import Made, Row, Rows, holds, without_dangling

#: Rows with the table that each is of.
_Flat = list[tuple[str, Row]]
_RUNS: Final = 150


def shrunk(tables: Sequence[Made], rows: Rows, differs: Callable[[Rows], bool]) -> Rows:
    """Rows for which ``differs`` still holds, as few as were found; NULLs only where they matter.

    What is left satisfies all that is known of the tables.
    """
    budget = [_RUNS]

    def still(candidate: Rows) -> bool:
        if budget[0] <= 0 or not holds(tables, candidate):
            return False
        budget[0] -= 1
        return differs(candidate)

    found = _fewest(tables, rows, still)
    return _filled(tables, found, still)


def _fewest(tables: Sequence[Made], rows: Rows, still: Callable[[Rows], bool]) -> Rows:
    """Delta debugging: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input."""
    flat: _Flat = [(table.key, row) for table in tables for row in rows.get(table.key, ())]
    parts = 2
    while flat:
        size = max(1, len(flat) // parts)
        for start in range(0, len(flat), size):
            fewer = _with_parents(tables, flat[:start] + flat[start + size :])
            if len(fewer) < len(flat) and still(_by_table(tables, fewer)):
                flat, parts = fewer, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(len(flat), parts * 2)
    return _by_table(tables, flat)


def _with_parents(tables: Sequence[Made], flat: _Flat) -> _Flat:
    kept = without_dangling(tables, _by_table(tables, flat))
    return [(table.key, row) for table in tables for row in kept[table.key]]


def _by_table(tables: Sequence[Made], flat: _Flat) -> Rows:
    return {table.key: [row for key, row in flat if key == table.key] for table in tables}


def _filled(tables: Sequence[Made], rows: Rows, still: Callable[[Rows], bool]) -> Rows:
    """The rows with plain values for NULLs: all of them, or those of each column by itself."""
    places = [
        (table.key, index)
        for table in tables
        for index, field in enumerate(table.fields)
        if any(row[index] is None for row in rows.get(table.key, ()))
    ]
    if not places:
        return rows
    candidate = rows
    for key, index in places:
        candidate = _plainly(tables, candidate, key, index)
    if still(candidate):
        return candidate
    for key, index in places if len(places) > 1 else ():
        candidate = _plainly(tables, rows, key, index)
        if still(candidate):
            rows = candidate
    return rows


def _plainly(tables: Sequence[Made], rows: Rows, key: str, index: int) -> Rows:
    table = next(table for table in tables if table.key == key)
    value = plain(table.fields[index].kind)
    changed = [
        (*row[:index], value, *row[index + 1 :]) if row[index] is None else row for row in rows[key]
    ]
    return {**rows, key: changed}
