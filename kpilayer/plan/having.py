"""Conditions on the rows of an answer (Q4): over its columns, and metrics that it does not show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from kpilayer import expr
from kpilayer.address import filter_metric
from kpilayer.catalog import Catalog
from kpilayer.conditions import with_moved_literals
from kpilayer.errors import Issue, Problem, did_you_mean, listing
from kpilayer.plan.keys import Key
from kpilayer.plan.levels import LEVEL
from kpilayer.plan.nodes import Column, Derived, Group, Read, columns_of, keys_of
from kpilayer.plan.query import Condition
from kpilayer.plan.rows import filtered
from kpilayer.plan.scope import Builder
from kpilayer.plan.wheres import allowed, literal_issue, within


@dataclass(frozen=True, slots=True)
class Having:
    """A condition over columns of the answer; ``columns`` tells which one each name is."""

    tree: exp.Expr
    columns: tuple[tuple[str, str], ...]


def unshown(metric: str) -> str:
    """The column of a metric that is computed and not shown; no metric or group-by is called so."""
    return f"{metric}___unshown"  # no name has two underscores, no path has three


def metrics_in(conditions: Sequence[Condition], catalog: Catalog) -> tuple[str, ...]:
    """The metrics that conditions name, `{{ Metric('x') }}` being rendered to the bare name."""
    names = (n.name.lower() for c in conditions for n in catalog.snippet(c.sql).names)
    return tuple(dict.fromkeys(name for name in names if name in catalog.metrics))


def havings(
    conditions: Sequence[Condition],
    catalog: Catalog,
    known: Mapping[str, str],
    keys: Sequence[Key],
    issues: list[Issue],
) -> tuple[Having, ...]:
    """The conditions over columns; ``known`` tells which column each word is.

    Literals beside a time of the answer, one of ``keys``, are moved as in conditions on rows (Q3).
    """
    times = {word: key.at[0][1] for key in keys for word in (key.asked, key.name)}
    found = []
    for condition in conditions:
        snippet = allowed(condition, catalog, issues)
        columns: dict[str, str] = {}
        for name in snippet.names if snippet is not None else ():
            word = name.name.lower()
            if word in known:
                columns[name.name] = known[word]
                continue
            place = within(condition, name.name, name.offset)
            message, hint = f"`{name.name}` is not in the result", did_you_mean(word, known)
            if filter_metric(name.name) is not None:
                message = "a metric in `having` has the group-bys of the question"
                hint = "write `{{ Metric('name') }}`, or filter rows by it with `where`"
            shown = [w for w in known if known[w] == w]
            issues.append(Issue("bad-having", message, place, hint or f"columns: {listing(shown)}"))
        if snippet is not None:
            problems: list[Problem] = []
            tree = with_moved_literals(
                snippet.tree, lambda name: times.get(name.lower()), problems.append
            )
            issues += (literal_issue(problem, condition) for problem in dict.fromkeys(problems))
            found.append(Having(tree, tuple(columns.items())))
    return tuple(found)


def kept(
    builder: Builder, group: Group, conditions: Sequence[Having], level: str | None = None
) -> Group:
    """The rows of a group that meet every condition; a group-by that it has not is NULL there."""
    own = columns_of(group)

    def held(one: Having) -> exp.Expr:
        names = dict(one.columns)
        return expr.replace_names(one.tree, lambda n: value(names[n]))

    def value(name: str) -> exp.Expr:
        if name == LEVEL:
            return exp.Literal.string(level or "")
        return exp.column(name, table=group.name) if name in own else exp.null()

    source = filtered(Read(group), [held(one) for one in conditions])
    columns = tuple(Column(n, exp.column(n, table=group.name)) for n in own)
    return Derived(builder.name(f"{group.name}_having"), source, columns, keys_of(group))
