"""Facts to guesses: what each column is for, and why it is thought so.

Nothing is claimed that the data contradict: a key has been counted, a join has been tried. Words
in names decide only among what is true (which key) and what may be added up (no rates, no codes).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from kpilayer.load.dbt.project import legal_name
from kpilayer.model.names import checked_name
from kpilayer.propose.measure import ColumnFacts, TableFacts

Role = Literal["primary", "unique", "foreign", "time", "categorical", "sum", "left"]
#: Rows with a value, and those of them whose value is a key of the other table.
Coverage = Callable[[TableFacts, ColumnFacts, TableFacts, ColumnFacts], tuple[int, int]]

FEW: Final = 20  # values that are few whatever the table's size
MANY: Final = 200  # values that no list of groups should exceed
LEAST_COVERAGE: Final = 0.9
_KEY: Final = re.compile(r"(?:^|_)(?:id|key|sk|uuid|guid|code|no|nr|number|num)$")
_KEY_END: Final = re.compile(r"_(?:id|key|sk|uuid|guid|code|no|nr|number|num)$")
#: A number of this name is a label, or loses its meaning when it is added up.
_NOT_ADDITIVE: Final = frozenset(
    (
        *("age", "average", "avg", "balance", "code", "day", "discount", "factor", "fraction"),
        *("grade", "height", "hour", "id", "index", "key", "lat", "latitude", "level", "lng"),
        *("lon", "longitude", "max", "mean", "median", "min", "month", "no", "nr", "num"),
        *("number", "pct", "percent", "percentage", "percentile", "phone", "postal"),
        *("postcode", "price", "quarter", "rank", "rate", "rating", "ratio", "score"),
        *("sequence", "share", "sk", "status", "stock", "temperature", "type", "version"),
        *("week", "weight", "year", "zip", "zipcode"),
    )
)
_BEGINNINGS: Final = ("created", "ordered", "invoiced", "occurred", "event", "started", "date")


@dataclass(frozen=True, slots=True)
class Guess:
    """A column, the role that it is given, its name in the definition language, and the reason."""

    column: ColumnFacts
    role: Role
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A table as a semantic model; ``time`` names the dimension that is its `metric_time`."""

    facts: TableFacts
    name: str
    guesses: tuple[Guess, ...]
    time: str | None
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> Guess | None:
        """The column that names one row."""
        return next((g for g in self.guesses if g.role == "primary"), None)


@dataclass(slots=True)
class _Names:
    """Names given so far; each is legal and given once."""

    taken: set[str] = field(default_factory=set)

    def give(self, text: str, otherwise: str) -> str:
        name = legal_name(text, "")
        if not _is_legal(name):
            name = legal_name(f"{otherwise}_{text}", otherwise)
        unique, number = name, 2
        while unique in self.taken:
            unique, number = f"{name}_{number}", number + 1
        self.taken.add(unique)
        return unique


def _is_legal(name: str) -> bool:
    try:
        return bool(name) and checked_name(name) == name
    except ValueError:  # how pydantic's errors are made
        return False


def draft(tables: Sequence[TableFacts], coverage: Coverage) -> list[Draft]:
    """One draft for each table, in their order. ``coverage`` tries a join on the data."""
    names = _Names()
    named = [(facts, names.give(facts.table.title, "table")) for facts in tables]
    keys = {name: _key_of(facts, name) for facts, name in named}
    owners = _owners(named, keys)
    return [_drafted(facts, name, keys, owners, named, coverage) for facts, name in named]


# --------------------------------------------------------------------------------------------- keys


def _key_of(facts: TableFacts, table: str) -> ColumnFacts | None:
    """The column that names one row: unique without gaps, and called like a key where several are.

    A column that is unique by accident (amounts of ten rows) is no key: it needs a key's name, or
    to stand first.
    """
    able = [
        (index, c)
        for index, c in enumerate(facts.columns)
        if c.kind in ("integer", "text", "date") and facts.is_unique(c)
    ]
    singular = _singular(table)
    own = {"id", "key", table, singular} | {
        f"{word}_{end}" for word in (table, singular) for end in ("id", "key", "no", "code", "sk")
    }

    def rank(found: tuple[int, ColumnFacts]) -> tuple[int, int]:
        index, column = found
        name = legal_name(column.name, column.name.lower())
        by_name = 0 if name in own else 1 if _KEY.search(name) else 2
        return by_name, index

    ranked = sorted(able, key=rank)
    best = ranked[0] if ranked else None
    if best is None or (rank(best)[0] == 2 and best[0] != 0):
        return None
    return best[1]


def _owners(
    named: Sequence[tuple[TableFacts, str]], keys: Mapping[str, ColumnFacts | None]
) -> dict[str, str]:
    """The table in which each entity is at home: the one called like it, else the first."""
    found: dict[str, str] = {}
    for _, table in named:
        key = keys[table]
        if key is not None:
            entity = _entity_name(key.name, table)
            if entity not in found or table in (entity, f"{entity}s", f"{entity}es"):
                found[entity] = table
    return found


def _entity_name(column: str, table: str) -> str:
    name = legal_name(column, "")
    short = _KEY_END.sub("", name)
    if name in ("", "id", "key", "uuid", "guid", "code", "no") or not _is_legal(short):
        short = _singular(table)
    return short if _is_legal(short) else f"{table}_key"


def _singular(name: str) -> str:
    """English enough for names of tables.

    >>> [_singular(n) for n in ("orders", "categories", "address", "online_retail")]
    ['order', 'category', 'address', 'online_retail']
    """
    if name.endswith("ies") and len(name) > 4:
        return f"{name[:-3]}y"
    if name.endswith("s") and not name.endswith(("ss", "us", "is")) and len(name) > 2:
        return name[:-1]
    return name


# ------------------------------------------------------------------------------------------- tables


def _drafted(
    facts: TableFacts,
    name: str,
    keys: Mapping[str, ColumnFacts | None],
    owners: Mapping[str, str],
    named: Sequence[tuple[TableFacts, str]],
    coverage: Coverage,
) -> Draft:
    names = _Names()  # of entities first: an attribute of the same name could not be addressed
    found: dict[str, Guess] = {}
    for column in facts.columns:
        if column is keys[name]:
            entity = _entity_name(column.name, name)
            role: Role = "primary" if owners[entity] == name else "unique"
            why = f"{facts.rows:,} rows, {column.distinct:,} values, no gaps"
            found[column.name] = Guess(column, role, names.give(entity, name), why)
            continue
        joined = _joined(facts, column, keys, named, coverage)
        if joined is not None and joined[0] is not None:
            entity = names.give(joined[0], name)
            found[column.name] = Guess(column, "foreign", entity, joined[1])
        elif joined is not None:
            found[column.name] = Guess(column, "left", column.name, joined[1])
    for column in facts.columns:
        if column.name not in found:
            found[column.name] = _attribute(facts, column, name, names)
    guesses = [found[column.name] for column in facts.columns]
    notes: list[str] = []
    if keys[name] is None:
        notes.append("No single column is unique and without gaps: rows have no key of their own.")
    times = [g for g in guesses if g.role == "time"]
    times.sort(key=lambda g: (facts.rows - g.column.filled, _time_rank(g.name)))
    return Draft(facts, name, tuple(guesses), times[0].name if times else None, tuple(notes))


def _time_rank(name: str) -> int:
    return next((n for n, word in enumerate(_BEGINNINGS) if word in name), len(_BEGINNINGS))


def _joined(
    facts: TableFacts,
    column: ColumnFacts,
    keys: Mapping[str, ColumnFacts | None],
    named: Sequence[tuple[TableFacts, str]],
    coverage: Coverage,
) -> tuple[str | None, str] | None:
    """The entity that a column leads to, and the measured share; no entity where too few match."""
    own = legal_name(column.name, "")
    failed: tuple[None, str] | None = None
    for other, table in named:
        key = keys[table]
        if key is None or other is facts or key.kind != column.kind or not column.filled:
            continue
        entity = _entity_name(key.name, table)
        same = {legal_name(key.name, ""), f"{entity}_id", f"{_singular(table)}_id", f"{table}_id"}
        if own not in same - {"id", "key", "code", "no"}:
            continue
        rows, matched = coverage(facts, column, other, key)
        share = matched / rows if rows else 0.0
        said = f"{_share(matched, rows)} of the rows with a value find it in {table}.{key.name}"
        if share >= LEAST_COVERAGE:
            return entity, said
        failed = None, f"no join: only {said}"
    return failed


def _share(part: int, whole: int) -> str:
    """A percentage that says 100 only of all.

    >>> _share(3, 3), _share(99_999, 100_000), _share(1, 3)
    ('100%', '99.9%', '33.3%')
    """
    return "100%" if part == whole else f"{int(1000 * part / whole) / 10:.1f}%"


# ------------------------------------------------------------------------------------------ columns


def _attribute(facts: TableFacts, column: ColumnFacts, table: str, names: _Names) -> Guess:
    role, why = _role(facts, column)
    gaps = facts.rows - column.filled
    if gaps and role != "left":
        why += f"; NULL in {gaps:,} of {facts.rows:,} rows"
    return Guess(column, role, names.give(column.name, table), why)


def _role(facts: TableFacts, column: ColumnFacts) -> tuple[Role, str]:
    name = legal_name(column.name, "")
    words = set(name.split("_"))
    values = f"{column.distinct:,} {'value' if column.distinct == 1 else 'values'}"
    few = column.distinct <= FEW or (column.distinct <= MANY and column.distinct * 2 <= facts.rows)
    if column.kind == "other":
        return "left", f"{_line(column.type)} is no type to group or add up by"
    if not column.filled:
        return "left", "no row has a value"
    if column.granularity is not None:
        fine = "a date" if column.kind == "date" else f"its times are whole {column.granularity}s"
        return "time", fine
    if column.kind == "boolean":
        return "categorical", "true or false"
    if column.kind == "text":
        if few:
            return "categorical", values
        return "left", f"{values}: too many to group by, as it stands"
    if _KEY.search(name):
        if few and column.kind == "integer":
            return "categorical", f"called like a code; {values}"
        return "left", f"called like a key or code, and no key of the tables here; {values}"
    if words & _NOT_ADDITIVE:
        if few and column.kind == "integer":
            return "categorical", f"a number that names something; {values}"
        word = min(words & _NOT_ADDITIVE)
        return "left", f"a sum of `{word}` would mean nothing; try `agg: average`, or a ratio"
    if column.kind == "integer" and column.distinct <= 2:
        return "categorical", f"a flag; {values}"
    return "sum", "a number whose name is not that of a rate, price, code or date"


def metrics_of(drafts: Sequence[Draft]) -> Iterator[tuple[Draft, Guess | None, str]]:
    """Each draft metric: its table, the column that it adds up (None: rows are counted), a name.

    Names are those of columns where no two tables share one.
    """
    names = _Names()
    sums = [(d, g) for d in drafts for g in d.guesses if g.role == "sum"]
    for each in drafts:
        yield each, None, names.give(f"{each.name}_count", each.name)
    shared = Counter(g.name for _, g in sums)
    for each, guess in sums:
        own = guess.name if shared[guess.name] == 1 else f"{each.name}_{guess.name}"
        yield each, guess, names.give(own, each.name)


def _line(text: str) -> str:
    return " ".join(text.split())[:60]
