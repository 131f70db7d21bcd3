"""What is different between a column and a metric, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from sqlglot import exp

from kpilayer.drift.layer import LEVEL, Governed
from kpilayer.drift.measure import Measure, Total
from kpilayer.drift.rows import SAMPLE
from kpilayer.drift.site import Site, is_middle, leaves, other_time, wheres
from kpilayer.drift.spelling import key, list_of
from kpilayer.drift.windows import ACTIVE, APART, IN_TOTAL, over

#: Units in each other: parts of an hour or a day, thousands and millions.
_FACTORS: Final = tuple(
    part
    for n in (-1, 24, 60, 100, 1000, 1440, 3600, 86400, 1000000)
    for part in (Fraction(n), Fraction(1, n))
)


def reasons(site: Site, metric: Governed, sliced: Measure) -> tuple[str, ...]:
    """What is different, in words."""
    found: list[str] = []
    mine, theirs = site.measure, sliced
    if any(t.rule == LEVEL for t in theirs.totals.values()):
        stripped = theirs.changed(lambda t: replace(t, rule="" if t.rule == LEVEL else t.rule))
        if mine.equals(stripped):
            found.append("adds up a level over time instead of taking its last value")
        theirs = stripped
    found += _of_rules(mine, theirs)
    late = other_time(site, metric)
    if late:
        found.append(late)
    for total in leaves(mine):
        for table in total.repeats:
            found.append(f"a row of `{total.base}` counts once for each row of `{table}`")
    for total in mine.totals.values():
        if total.per:
            found.append(f"{function_of(total)} of values by {', '.join(total.per)}")
    functions = {function_of(t) for t in leaves(mine)}
    wanted = {function_of(t) for t in leaves(theirs)}
    if is_middle(site, metric):
        functions = {_raw(site)}
    if functions != wanted:
        found.append(f"{_listed(functions)} instead of {_listed(wanted)}")
    columns = {c for t in mine.totals.values() for c in t.columns}
    others = {c for t in theirs.totals.values() for c in t.columns}
    if others - columns:
        found.append(f"without {_listed(others - columns)}")
    if columns - others:
        found.append(f"with {_listed(columns - others)}")
    found += _conditions(mine, theirs)
    if not found:
        times = next((f for f in _FACTORS if mine.is_times(theirs, f)), Fraction(0))
        told = f"times {times}" if times else "another formula over the same totals"
        found.append(told)
    return tuple(dict.fromkeys(found))


def _of_rules(mine: Measure, theirs: Measure) -> Iterator[str]:
    """How rules about time differ, where both have one or one has one."""
    own, wanted = ({t.rule for t in leaves(m)} for m in (mine, theirs))
    more, less = ({_period(r) for r in rules} - {""} for rules in (own - wanted, wanted - own))
    if more or less:
        told, meant = (" and ".join(sorted(rules)) or "one period" for rules in (more, less))
        yield f"{told} instead of {meant}"


def _period(rule: str) -> str:
    """A rule about time in words."""
    if rule == ACTIVE:
        return "what holds at the date"
    if rule in ("", LEVEL):
        return ""
    if rule == over("all"):
        return "all time so far"
    if IN_TOTAL in rule or APART in rule:
        return "totals of other groups"
    count, _, unit = rule.removeprefix("over ").removesuffix(" ago").partition(" ")
    shown = f"{count} {unit}s" if count.isdigit() and int(count) > 1 else f"{count} {unit}".strip()
    return f"{shown} ago" if rule.endswith(" ago") else f"over {shown}"


def _raw(site: Site) -> str:
    """The function of a column of one aggregate, as it is written."""
    return ", ".join(sorted(map(_named, site.functions)))


def function_of(total: Total) -> str:
    """The function of a total, as people say it."""
    return _named(total.function)


def _named(function: str) -> str:
    """A function, as people say it."""
    if function.endswith("_distinct") and not function.startswith("count"):
        return f"{_named(function.removesuffix('_distinct'))} of different values"
    disc = function.replace("percentile_disc", "discrete percentile").replace("_", " ")
    return disc.replace("percentile 0.5", "median").replace("avg", "mean")


def _listed(values: set[str]) -> str:
    return ", ".join(f"`{v}`" for v in sorted(values))


def _conditions(mine: Measure, theirs: Measure) -> list[str]:
    own, wanted = wheres(mine), wheres(theirs)
    more = {k: c for k, c in own.items() if k not in wanted}
    less = {k: c for k, c in wanted.items() if k not in own}
    found: list[str] = []
    if len(more) == len(less) == 1:
        found = list(_of_lists(*more.values(), *less.values()))
    if found:
        return found
    found += [f"no filter on {shown(c)}" for c in less.values()]
    bases = {t.base for t in leaves(mine)}
    return found + [_only(c, bases) for c in more.values()]


def _only(condition: exp.Expr, bases: set[str]) -> str:
    """What a condition leaves: a join's, rows that have one of the other table."""
    if isinstance(condition, exp.Anonymous) and condition.name == SAMPLE:
        return "only a sample of the rows"
    sides = (condition.left, condition.right) if isinstance(condition, exp.EQ) else ()
    tables = [side.table for side in sides if isinstance(side, exp.Column)]
    joined = [table for table in tables if table not in bases]
    if len(tables) == 2 and len(joined) == 1:
        return f"only rows that `{joined[0]}` has one for"
    return f"only where {shown(condition)}"


def _of_lists(mine: exp.Expr, theirs: exp.Expr) -> Iterator[str]:
    """How two lists of values of one column differ: what also counts, and what does not."""
    one, other = list_of(mine), list_of(theirs)
    is_plain = isinstance(mine, exp.EQ | exp.In) and isinstance(theirs, exp.EQ | exp.In)
    if one is None or other is None or not is_plain or key(one[0]) != key(other[0]):
        return
    here, there = ({key(v): v for v in values} for _, values in (one, other))
    for told, values in (
        ("also counts", [v for k, v in here.items() if k not in there]),
        ("leaves out", [v for k, v in there.items() if k not in here]),
    ):
        if values:
            yield f"{told} {shown(_list(one[0], values))}"


def _list(column: exp.Expr, values: list[exp.Expr]) -> exp.Expr:
    if len(values) == 1:
        return exp.EQ(this=column.copy(), expression=values[0].copy())
    return exp.In(this=column.copy(), expressions=[v.copy() for v in values])


def shown(condition: exp.Expr) -> str:
    """A condition as people write it."""

    def bare(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column):
            return exp.Column(this=exp.to_identifier(node.name))
        if isinstance(node, exp.Anonymous) and node.name.startswith("KPI_") and node.expressions:
            return exp.Var(this=node.expressions[0].name)
        return node

    return f"`{condition.copy().transform(bare).sql('duckdb')}`"
