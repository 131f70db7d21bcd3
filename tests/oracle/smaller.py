"""Smaller questions and databases, to show a difference with as little as possible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.oracle.joins import Tables
from tests.oracle.query import Query


def smaller(tables: Tables, query: Query) -> Iterator[tuple[Tables, Query]]:
    """The same with one thing less, each in turn."""
    for part in ("metrics", "group_by", "where", "order_by"):
        items = getattr(query, part)
        for i in range(len(items)):
            if part != "metrics" or (len(items) > 1 and not query.having):
                gone = items[i]
                rest = items[:i] + items[i + 1 :]
                order = tuple(o for o in query.order_by if o.removeprefix("-") != gone)
                levels = tuple(tuple(g for g in kept if g != gone) for kept in query.totals)
                fewer = dict.fromkeys(kept for kept in levels if len(kept) < len(rest))
                totals = tuple(fewer) if part == "group_by" else query.totals
                changes: dict[str, Any] = {"order_by": order, "totals": totals, part: rest}
                top = query.top
                if top is not None and gone in (top.of, top.by.removeprefix("-")):
                    changes["top"] = None
                yield tables, replace(query, **changes)
    if query.compare:
        yield tables, replace(query, compare=(), compare_rows="current")
    if len(query.compare) > 1:
        yield tables, replace(query, compare=query.compare[1:])
        yield tables, replace(query, compare=query.compare[:1])
    plain: dict[str, Any] = {
        "compare_rows": "current",
        "top": None,
        "fill": None,
        "having": (),
        "totals": (),
        "start": None,
        "end": None,
        "limit": None,
        "exact": False,
    }
    for key, value in plain.items():
        if getattr(query, key) != value:
            yield tables, replace(query, **{key: value})
    for table, rows in tables.items():
        if len(rows) > 1:
            yield {**tables, table: []}, query
            yield {**tables, table: rows[len(rows) // 2 :]}, query
            yield {**tables, table: rows[: len(rows) // 2]}, query
        for i in range(len(rows) if table != "calendar" else 0):
            yield {**tables, table: [*rows[:i], *rows[i + 1 :]]}, query
    for table, rows in tables.items():
        for i, row in enumerate(rows if table != "calendar" else []):
            for key, value in row.items():
                if value is not None and not key.endswith("_id"):
                    yield {**tables, table: [*rows[:i], {**row, key: None}, *rows[i + 1 :]]}, query
