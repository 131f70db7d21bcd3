"""Made-up rows of tables: values that tell queries apart, within keys, NOT NULL and references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from kpilayer.proof.kinds import Kind
from kpilayer.proof.pools import fresh
from kpilayer.proof.reads import Place

Row = tuple[Any, ...]
#: Rows of tables, by the table's key.
Rows = Mapping[str, Sequence[Row]]

_NULLS: Final = 0.15
_MANY_NULLS: Final = 0.8
_COPIES: Final = 0.25
_EMPTY: Final = 0.06
_FRESH: Final = 0.7
#: In some trials columns have their first values only, so that rows meet that have to.
_FIRST_ONLY: Final = 0.25
_FIRST: Final = 4
_EVERY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Field:
    """A column that rows are made for, with the values that it is given most.

    ``group`` is the same for columns that queries compare with each other.
    """

    name: str
    kind: Kind
    nullable: bool
    values: tuple[Any, ...]
    group: Place


@dataclass(frozen=True, slots=True)
class Link:
    """A reference: positions of its columns, the table, and positions of the columns there."""

    columns: tuple[int, ...]
    table: str
    target: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A table that rows are made for, and what its rows have to satisfy; keys are positions."""

    key: str
    name: str
    fields: tuple[Field, ...]
    keys: tuple[tuple[int, ...], ...] = ()
    links: tuple[Link, ...] = ()


def in_order(tables: Sequence[Made]) -> tuple[Made, ...]:
    """Tables, each after those that it refers to, as far as they do not refer to each other."""
    by_key = {table.key: table for table in tables}
    done: dict[str, Made] = {}

    def visit(table: Made, trail: tuple[str, ...]) -> None:
        for link in table.links:
            if link.table not in done and link.table not in (*trail, table.key):
                visit(by_key[link.table], (*trail, table.key))
        done.setdefault(table.key, table)

    for table in tables:
        visit(table, ())
    return tuple(done.values())


def rows(tables: Sequence[Made], random: Random, size: int, *, wide: bool = False) -> Rows:
    """Rows of each table, about ``size`` of them; the tables come as ``in_order`` has them.

    In ``wide`` rows, most columns never repeat a value.
    """
    shown: dict[Place, tuple[Any, ...]] = {}
    first = _FIRST if random.random() < _FIRST_ONLY else _EVERY
    made: dict[str, list[Row]] = {}
    for table in tables:
        count = size
        if size and not wide:
            few = random.random() < _EMPTY and len(tables) > 1
            count = 0 if few else max(1, random.choice((size, size, random.randint(1, size))))
        columns = [_Column.of(field, random, shown, first, wide=wide) for field in table.fields]
        made[table.key] = _filled(table, columns, count, made, random)
    return made


@dataclass(frozen=True, slots=True)
class _Column:
    """How one trial fills a column: from these values, with so many NULLs, or never twice."""

    field: Field
    values: tuple[Any, ...]
    nulls: float
    fresh: bool

    @classmethod
    def of(
        cls,
        field: Field,
        random: Random,
        shown: dict[Place, tuple[Any, ...]],
        first: int,
        *,
        wide: bool,
    ) -> _Column:
        most = field.values[:first]
        if first < _EVERY:
            shown.setdefault(field.group, most)
        elif field.group not in shown:
            count = random.choice((1, 2, 2, 3, 4, 6, 12, 24))
            shown[field.group] = tuple(_early(most, random) for _ in range(count))
        # Columns that are compared show the same values, besides some that only one of them has.
        own = {*map(repr, field.values)}
        values = tuple(v for v in shown[field.group] if repr(v) in own)
        if not values or random.random() < 0.2:
            values += (_early(most, random),)
        mode = random.choice(("mixed", "mixed", "mixed", "constant", "two", "nulls"))
        values = {"constant": values[:1], "two": values[:2]}.get(mode, values)
        nulls = (_MANY_NULLS if mode == "nulls" else _NULLS) if field.nullable else 0.0
        if mode == "constant" and random.random() < 0.5:
            nulls = 0.0
        return cls(field, values, nulls, fresh=wide and random.random() < _FRESH)

    def cell(self, random: Random, number: int) -> Any:
        if random.random() < self.nulls:
            return None
        return fresh(self.field.kind, number) if self.fresh else random.choice(self.values)


def _early(values: Sequence[Any], random: Random) -> Any:
    """One of the values, those at the beginning more often."""
    return values[int(len(values) * random.random() ** 2)]


def _filled(
    table: Made,
    columns: Sequence[_Column],
    count: int,
    made: Mapping[str, list[Row]],
    random: Random,
) -> list[Row]:
    found: list[Row] = []
    taken: list[set[Row]] = [set() for _ in table.keys]
    there = {link: {_at(r, link.target) for r in made.get(link.table, ())} for link in table.links}
    for number in range(1, count + 1):
        cells = [column.cell(random, number) for column in columns]
        if found and random.random() < _COPIES:  # a row like another one, but for a cell or two
            cells = _alike(random.choice(found), cells, table, random)
        for link in table.links:
            _link(cells, link, table, [*made.get(link.table, ())], found, random)
        row = _unique(cells, table, taken, number, random)
        if row is None or not all(
            _leads(row, link, table, there[link], found) for link in table.links
        ):
            continue
        for key, values in zip(table.keys, taken, strict=True):
            values.add(_at(row, key))
        found.append(row)
    return found


def _alike(like: Row, other: Row | list[Any], table: Made, random: Random) -> list[Any]:
    """A row like another one, but for some cells, or for two that are exchanged."""
    if random.random() < 0.3:
        one, two = (random.randrange(len(like)) for _ in range(2))
        fields = table.fields
        cells = list(like)
        cells[one], cells[two] = like[two], like[one]
        fits = all(fields[i].nullable or cells[i] is not None for i in (one, two))
        if fields[one].kind.name == fields[two].kind.name and fits:
            return cells
    return [old if random.random() < 0.7 else new for old, new in zip(like, other, strict=True)]


def _link(
    cells: list[Any], link: Link, table: Made, parents: list[Row], found: list[Row], random: Random
) -> None:
    """Sets the columns of a reference to those of a row that is there, or one of them to NULL."""
    targets = found if link.table == table.key else parents
    optional = [c for c in link.columns if table.fields[c].nullable]
    if optional and (not targets or any(cells[c] is None for c in link.columns)):
        cells[random.choice(optional)] = None
    elif targets:
        chosen = random.choice(targets)
        for column, target in zip(link.columns, link.target, strict=True):
            cells[column] = chosen[target]
    elif link.table == table.key:  # the first row of a tree is its own parent
        for column, target in zip(link.columns, link.target, strict=True):
            cells[column] = cells[target]


def _unique(
    cells: list[Any], table: Made, taken: Sequence[set[Row]], number: int, random: Random
) -> Row | None:
    """The row with other values in its keys where they are taken; None where none was found."""
    if not any(_at(cells, key) in values for key, values in zip(table.keys, taken, strict=True)):
        return tuple(cells)
    linked = {column for link in table.links for column in link.columns}
    for key, values in zip(table.keys, taken, strict=True):
        free = [column for column in key if column not in linked]
        for attempt in range(8):
            if _at(cells, key) not in values or None in _at(cells, key):
                break
            if not free:
                return None
            column = random.choice(free)
            field = table.fields[column]
            pooled = attempt < 3 and len(values) < len(field.values)
            cells[column] = (
                random.choice(field.values) if pooled else fresh(field.kind, number + attempt)
            )
    clash = any(
        _at(cells, key) in values and None not in _at(cells, key)
        for key, values in zip(table.keys, taken, strict=True)
    )
    return None if clash else tuple(cells)


def _leads(row: Row, link: Link, table: Made, there: set[Row], found: list[Row]) -> bool:
    value = _at(row, link.columns)
    if None in value:
        return True
    if link.table == table.key:
        return value == _at(row, link.target) or any(_at(f, link.target) == value for f in found)
    return value in there


def _at(row: Sequence[Any], columns: Sequence[int]) -> Row:
    return tuple(row[column] for column in columns)


# -------------------------------------------------------------------------------------- constraints


def holds(tables: Sequence[Made], given: Rows) -> bool:
    """Whether rows satisfy all that is known of their tables."""
    return all(
        _is_filled(table, given) and _has_keys(table, given) and not _dangling(table, given)
        for table in tables
    )


def without_dangling(tables: Sequence[Made], given: Rows) -> Rows:
    """The rows whose references lead somewhere."""
    kept = {table.key: list(given.get(table.key, ())) for table in tables}
    changed = True
    while changed:
        changed = False
        for table in tables:
            lost = _dangling(table, kept)
            if lost:
                kept[table.key] = [r for i, r in enumerate(kept[table.key]) if i not in lost]
                changed = True
    return kept


def _is_filled(table: Made, given: Rows) -> bool:
    needed = [i for i, field in enumerate(table.fields) if not field.nullable]
    return all(row[i] is not None for row in given.get(table.key, ()) for i in needed)


def _has_keys(table: Made, given: Rows) -> bool:
    for key in table.keys:
        values = [v for row in given.get(table.key, ()) if None not in (v := _at(row, key))]
        if len(set(values)) < len(values):
            return False
    return True


def _dangling(table: Made, given: Rows) -> set[int]:
    """The places of rows that refer to a row that is not there."""
    lost: set[int] = set()
    for link in table.links:
        there = {_at(row, link.target) for row in given.get(link.table, ())}
        for index, row in enumerate(given.get(table.key, ())):
            value = _at(row, link.columns)
            if None not in value and value not in there:
                lost.add(index)
    return lost
