"""The table whose rows are aggregated, and what joins make of them: looked up, or repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from kpilayer.drift.rows import GENERATED, Aggregate, Source
from kpilayer.drift.spelling import conjuncts, key

#: The columns that name one row, of each table.
Keys = Mapping[str, Sequence[tuple[str, ...]]]
#: Words of a column that names each day of a list of dates, and of one that many days share.
_DAYS: Final = frozenset({"day", "date", "dt", "ds", "d", "datum", "on"})
_PARTS: Final = frozenset(
    {"is", "week", "month", "quarter", "year", "of", "name", "type", "weekday"}
)


@dataclass(frozen=True, slots=True)
class Join:
    """A table beside the rows, as SQL joins it; columns are named by their tables."""

    table: str
    on: tuple[exp.Expr, ...]
    is_outer: bool


@dataclass(frozen=True)
class Rows:
    """The rows of a table: columns are named by it, and by tables that are looked up."""

    base: str
    value: exp.Expr | None
    where: list[exp.Expr]
    lookups: tuple[str, ...]
    repeats: tuple[str, ...]
    unique: frozenset[str]
    joins: tuple[Join, ...] = ()
    tables: frozenset[str] = frozenset()
    inner: tuple[tuple[str, str], ...] = ()
    """Tables that are looked up by inner joins, each with a column that leads there."""
    presumes: frozenset[str] = frozenset()
    adds: frozenset[str] = frozenset()
    by: frozenset[str] = frozenset()
    rule: str = ""


def rows_of(
    value: exp.Expr | None,
    where: list[exp.Expr],
    made: Aggregate,
    keys: Keys,
    *,
    insensitive: bool = False,
) -> Rows:
    """The rows that an aggregate counts, each once where joins lead to one row."""
    sources = {s.name: s for s in made.sources}
    if insensitive:
        sources = _without_unread(sources, value, where)
    if not sources:
        return Rows("", value, list(where), (), (), frozenset())
    base, reached = _base(value, where, made, sources, keys, insensitive)
    same = {left: right for steps in reached.values() for left, right in steps.items()}
    own = [c for c in sources[base].on if {x.table for x in c.find_all(exp.Column)} <= {base}]
    kept = [w for w in (*where, *own) if not _joins(w, reached)]
    found = [_moved(w, same) for w in kept]
    shown = None if value is None else _moved(value, same)
    looked = _lookups(base, reached, sources, [*found, *([shown] if shown is not None else [])])
    names = {name: source.table for name, source in sources.items()}
    repeats = _repeats(base, reached, where, sources, keys)
    unique = frozenset(f"{names[base]}.{k[0]}" for k in keys.get(names[base], ()) if len(k) == 1)
    table = names[base]
    renamed = [_named(w, names) for w in found]
    result = None if shown is None else _named(shown, names)
    inner = tuple(
        (names[name], key(_named(value, names)))
        for name, steps in reached.items()
        if not sources[name].is_outer
        for value in steps.values()
    )
    read = {t.partition(" ")[0] for t in looked}
    while (
        more := {
            names[c.table]
            for name, steps in reached.items()
            if names[name] in read
            for value in steps.values()
            for c in value.find_all(exp.Column)
            if c.table != base
        }
        - read
    ):
        read |= more
    joins = tuple(_joined(base, reached, sources, names, read))
    return Rows(
        table, result, renamed, looked, repeats, unique, joins, frozenset(names.values()), inner
    )


def _joined(
    base: str,
    reached: dict[str, dict[str, exp.Expr]],
    sources: dict[str, Source],
    names: dict[str, str],
    read: set[str],
) -> Iterator[Join]:
    """The joins of tables that are read, or that repeat rows."""
    for name, source in sources.items():
        if name == base or (name in reached and source.table not in read):
            continue
        if name in reached:
            on = [
                exp.EQ(this=exp.column(c.split(".")[1], table=source.table, quoted=True),
                       expression=_named(value, names))
                for c, value in reached[name].items()
            ]  # fmt: skip
            more = [_named(c, names) for c in source.on if not _joins(c, {name: reached[name]})]
            yield Join(source.table, (*on, *more), True)
        else:
            yield Join(source.table, tuple(_named(c, names) for c in source.on), source.is_outer)


def _without_unread(
    sources: dict[str, Source], value: exp.Expr | None, where: list[exp.Expr]
) -> dict[str, Source]:
    """Without outer joins of which nothing is read: they repeat rows, and take none away."""
    kept = dict(sources)
    for name in reversed(list(sources)):
        others = [c for n, s in kept.items() if n != name for c in s.on]
        trees = [*where, *others, *([value] if value is not None else [])]
        read = {c.table for tree in trees for c in tree.find_all(exp.Column)}
        if kept[name].is_outer and name not in read:
            del kept[name]
    return kept


def _base(
    value: exp.Expr | None,
    where: list[exp.Expr],
    made: Aggregate,
    sources: dict[str, Source],
    keys: Keys,
    insensitive: bool,
) -> tuple[str, dict[str, dict[str, exp.Expr]]]:
    """The source whose rows count, and those that it looks up, with the columns that are equal."""
    of_value = list(dict.fromkeys(c.table for c in value.find_all(exp.Column))) if value else []
    of_value = [name for name in of_value if name in sources]
    if not of_value and made.rows_of in sources:
        of_value = [made.rows_of]
    paths = {name: lookups_of(name, where, sources, keys) for name in sources}
    whole = [name for name in sources if len(paths[name]) == len(sources) - 1]
    wanted = [n for n in of_value if all(o == n or o in paths[n] for o in of_value)]
    named = value if isinstance(value, exp.Column) and value.table in sources else None
    if insensitive and named is not None:
        if any(k == (named.name,) for k in keys.get(sources[named.table].table, ())):
            return named.table, paths[named.table]
    if insensitive or not of_value:
        chosen = next((n for n in wanted if n in whole), None) or next(iter(whole), None)
        if chosen is not None:
            return chosen, paths[chosen]
    chosen = next((n for n in wanted if n in whole), None) or next(iter(wanted), None)
    if chosen is None:
        reaches = [n for n in sources if all(o == n or o in paths[n] for o in of_value)]
        inner = [n for n, s in sources.items() if not s.is_outer]
        chosen = next(iter(reaches), None) if of_value else None
        chosen = chosen or next(iter(inner), next(iter(sources)))
    return chosen, paths[chosen]


def lookups_of(
    base: str, where: list[exp.Expr], sources: dict[str, Source], keys: Keys
) -> dict[str, dict[str, exp.Expr]]:
    """The sources of which a row of the base has one at most, with the columns that lead there."""
    found: dict[str, dict[str, exp.Expr]] = {}
    again = True
    while again:
        again = False
        for name, source in sources.items():
            if name == base or name in found:
                continue
            ons = (c for s in sources.values() for c in s.on)
            pairs = dict(_pairs(name, (*where, *ons), {base, *found}))
            if pairs and _is_calendar(source.table, set(pairs)):
                found[name] = {f"{name}.{column}": value for column, value in pairs.items()}
                again = True
                continue
            for unique in keys.get(source.table, ()):
                if set(unique) <= set(pairs):
                    found[name] = {f"{name}.{column}": pairs[column] for column in unique}
                    again = True
                    break
    return found


def _is_calendar(table: str, columns: set[str]) -> bool:
    """Whether a table has one row for each value of its columns, as lists of dates have."""
    if table == GENERATED:
        return True
    is_day = all(words & _DAYS and not words & _PARTS for words in map(_words, columns))
    return is_calendar(table) and len(columns) == 1 and is_day


def _words(column: str) -> set[str]:
    return set(column.lower().split("_"))


def is_calendar(table: str) -> bool:
    """Whether a table's name says that it is a list of dates."""
    return bool(set(table.split("_")) & {"calendar", "date", "dates", "spine", "timespine"})


def _repeats(
    base: str,
    reached: dict[str, dict[str, exp.Expr]],
    where: list[exp.Expr],
    sources: dict[str, Source],
    keys: Keys,
) -> tuple[str, ...]:
    """The tables whose rows multiply those of the base, without those that these look up."""
    left = [n for n in sources if n != base and n not in reached]
    looked_up = {o for n in left for o in lookups_of(n, where, sources, keys)}
    many = [n for n in left if n not in looked_up] or left
    return tuple(sorted(sources[n].table for n in many))


def _pairs(
    name: str, conditions: Sequence[exp.Expr], known: set[str]
) -> Iterator[tuple[str, exp.Expr]]:
    """Columns of a source that equal what is known, with that."""
    for condition in conditions:
        if not isinstance(condition, exp.EQ):
            continue
        for one, other in (
            (condition.this, condition.expression),
            (condition.expression, condition.this),
        ):
            if isinstance(one, exp.Column) and one.table == name:
                of = {c.table for c in other.find_all(exp.Column)}
                if of and of <= known:
                    yield one.name, other


def _joins(condition: exp.Expr, reached: dict[str, dict[str, exp.Expr]]) -> bool:
    """Whether a condition only says which row is looked up."""
    if not isinstance(condition, exp.EQ):
        return False
    for steps in reached.values():
        for column, value in steps.items():
            sides = {key(condition.this), key(condition.expression)}
            if sides == {column.lower(), key(value)}:
                return True
    return False


def _moved(tree: exp.Expr, same: dict[str, exp.Expr]) -> exp.Expr:
    """With columns of the base in the place of keys that equal them."""

    def step(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column):
            found = same.get(f"{node.table}.{node.name}")
            return node if found is None else _moved(found, same)
        return node

    return tree.transform(step)


def _lookups(
    base: str,
    reached: dict[str, dict[str, exp.Expr]],
    sources: dict[str, Source],
    trees: list[exp.Expr],
) -> tuple[str, ...]:
    """How tables whose columns are read are looked up, where that says more than their keys."""
    read = {c.table for tree in trees for c in tree.find_all(exp.Column)}
    names = {name: source.table for name, source in sources.items()}
    found = []
    for name in read & set(reached):
        steps = {f"{c.split('.')[1]} = {key(_named(v, names))}" for c, v in reached[name].items()}
        more = [c for c in sources[name].on if not _joins(c, {name: reached[name]})]
        held = [key(_named(m, names)) for w in more for m in conjuncts(w)]
        found.append(f"{names[name]} on {', '.join(sorted(steps))}{' and '.join(['', *held])}")
    return tuple(sorted(found))


def _named(tree: exp.Expr, names: dict[str, str]) -> exp.Expr:
    """With columns named by their tables."""

    def step(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.table in names:
            return exp.Column(
                this=node.this.copy(), table=exp.Identifier(this=names[node.table], quoted=True)
            )
        return node

    return tree.transform(step)
