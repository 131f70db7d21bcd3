"""Totals (Q7): further rows for fewer group-bys, each computed anew from the rows of its level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.plan.keys import Key, asked_place
from kpilayer.plan.nodes import Column, Derived, Group, Levels, Read, keys_of
from kpilayer.plan.query import Query
from kpilayer.plan.scope import Builder

#: Tells the rows of one level from those of another: the group-bys kept, with commas; none: ``""``.
LEVEL: Final = "_level"


@dataclass(frozen=True, slots=True)
class Level:
    """The rows of some of the question's group-bys.

    ``instead`` stands for group-bys that the rows have no value of: the name of what is left over.
    """

    group: Group
    instead: tuple[tuple[str, str], ...] = ()

    def name(self, keys: Iterable[str]) -> str:
        """What tells its rows from those of other levels."""
        own = {*keys_of(self.group), *dict(self.instead)}
        return ",".join(key for key in keys if key in own)


def levels(query: Query, keys: Sequence[Key], issues: list[Issue]) -> Iterator[tuple[Key, ...]]:
    """The group-bys that each level of `totals` keeps, in the question's order, each level once."""
    seen: set[frozenset[str]] = set()
    words = {word: key for key in keys for word in (key.asked, key.name)}
    for items in query.totals:
        unknown = [item for item in items if item.strip().lower() not in words]
        for item in unknown:
            message = f"`{item}` is no group-by of the question, so no level can keep it"
            hint = did_you_mean(item, words) or f"group-bys: {listing([k.name for k in keys])}"
            issues.append(Issue("bad-totals", message, asked_place("totals", item), hint))
        kept = frozenset(words[i.strip().lower()].name for i in items if i not in unknown)
        if not unknown and len(kept) == len(keys):
            message = "a level of `totals` keeps every group-by: these are the rows themselves"
            hint = "leave out at least one; an empty list is the grand total"
            issues.append(Issue("bad-totals", message, hint=hint))
        elif not unknown and kept not in seen:
            seen.add(kept)
            yield tuple(key for key in keys if key.name in kept)


def stacked(
    builder: Builder,
    found: Sequence[Level],
    keys: Sequence[str],
    values: Sequence[str],
    *,
    named: bool,
    as_text: frozenset[str],
) -> Group:
    """The rows of all levels under each other, with the level's name where that is wanted."""
    arms = []
    for level in found:
        columns = [Column(key, _key(level, key, as_text)) for key in keys]
        if named:
            columns.append(Column(LEVEL, _text(level.name(keys))))
        columns += [Column(n, exp.column(n, table=level.group.name)) for n in values]
        own = (*keys, *([LEVEL] if named else ()))
        arms.append(Derived(level.group.name, Read(level.group), tuple(columns), own))
    return Levels(builder.name("levels"), tuple(arms))


def _key(level: Level, key: str, as_text: frozenset[str]) -> exp.Expr:
    instead = dict(level.instead)
    if key in instead:
        return _text(instead[key])
    if key not in keys_of(level.group):
        return exp.null()
    column = exp.column(key, table=level.group.name)
    return _cast(column) if key in as_text else column


def _text(value: str) -> exp.Expr:
    return _cast(exp.Literal.string(value))


def _cast(value: exp.Expr) -> exp.Expr:
    return exp.cast(value, exp.DataType.Type.VARCHAR, copy=False)
