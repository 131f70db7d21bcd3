"""Group-bys of a question: which column each is for every metric that it groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from kpilayer import address, expr
from kpilayer.columns import TimedColumn, resolve_name, time_column
from kpilayer.errors import Issue, Location
from kpilayer.formula.tree import Atom, Formula, Home, Shaped
from kpilayer.join_graph import JoinGraph, Reached, Unreached


@dataclass(frozen=True, slots=True)
class Key:
    """A group-by: its result column, how it was asked, and the column that it is for each home."""

    name: str
    asked: str
    at: tuple[tuple[Home, TimedColumn], ...]

    @property
    def is_metric_time(self) -> bool:
        """Whether it is the time axis that all metrics share."""
        return any(column.asked.is_metric_time for _, column in self.at)

    def column(self, home: Home) -> TimedColumn:
        """The column for a home."""
        return dict(self.at)[home]


def is_of_home_time(graph: JoinGraph, key: Key, home: Home) -> bool:
    """Whether a group-by is the time dimension of an atom's rows, under whatever name."""
    return is_home_time(graph, key.column(home), home)


def is_home_time(graph: JoinGraph, column: TimedColumn, home: Home) -> bool:
    """Whether a column is the time dimension of an atom's rows, under whatever name."""
    if column.asked.is_metric_time:
        return True
    if graph.catalog.models[home[0]].active is not None:
        return False  # `metric_time` is a date at which rows hold, their own dates are others (T5)
    own = time_column(graph, *home)
    return isinstance(own, Reached) and (own.path, own.element) == (
        column.reached.path,
        column.reached.element,
    )


def period(column: TimedColumn, at: exp.Expr, unit: str) -> exp.Expr:
    """What a group-by on the time is at a date, the first instant of a period of ``unit``."""
    if column.part is not None:
        return expr.part(column.part, at)
    return at if column.unit in (unit, None) else expr.trunc(column.unit or unit, at)


def keyed(
    tree: Formula, text: str | None = None, own_grains: Collection[str] = ()
) -> Iterator[Home]:
    """The homes whose rows a group-by groups; those of every group-by where none is named.

    Conversions are counted by their base event, funnels by their first step, and an input with
    fewer group-bys only by those that it keeps.
    """
    if isinstance(tree, Atom):
        yield tree.model, tree.time
        return
    rule = tree.rule if isinstance(tree, Shaped) else ""
    inputs = tree.inputs[:1] if rule in ("conversion", "funnel") else tree.inputs
    if rule == "regrouped" and isinstance(tree, Shaped):
        if text is None or not keeps(tree, text, own_grains):
            return
    for _, inner in inputs:
        yield from keyed(inner, text, own_grains)


def conditioned(tree: Formula) -> Iterator[Home]:
    """The homes whose rows the conditions of a question are on."""
    if isinstance(tree, Atom):
        yield tree.model, tree.time
        return
    is_led = isinstance(tree, Shaped) and tree.rule in ("conversion", "funnel")
    for _, inner in tree.inputs[:1] if is_led else tree.inputs:
        yield from conditioned(inner)


def keeps(leaf: Shaped, text: str, own_grains: Collection[str]) -> bool:
    """Whether an input with fewer group-bys keeps one: by its name, or that without its grain."""
    asked = address.parse(text, own_grains)
    names = {asked.base, text.strip().lower(), asked.column(asked.grain)}
    return bool(names & set(dict(leaf.settings)["group_by"].split()))


def group_by(graph: JoinGraph, text: str, homes: Iterable[Home], unit: str | None = None) -> Key:
    """A group-by that is known to resolve, as a definition names it."""
    found: list[tuple[Home, TimedColumn]] = []
    for home in homes:
        column = resolve_name(graph, *home, text, unit)
        assert isinstance(column, TimedColumn), f"`{text}` was checked to resolve"
        found.append((home, column))
    first = found[0][1]
    return Key(first.asked.column(first.grain), text.strip().lower(), tuple(found))


def find_key(
    text: str, graph: JoinGraph, homes: dict[Home, str], unit: str | None, issues: list[Issue]
) -> Key | None:
    """The group-by that a text is for every home, each known by a metric; or issues."""
    found: list[tuple[Home, TimedColumn]] = []
    for home, metric in homes.items():
        column = resolve_name(graph, *home, text, unit)
        if isinstance(column, Unreached):
            issues.append(unreached(column, asked_place("group_by", text), metric, len(homes)))
        else:
            found.append((home, column))
    if not found or len(found) < len(homes):
        return None
    first = found[0][1]
    issue = disagreement(text, found, homes, asked_place("group_by", text))
    if issue is not None:
        issues.append(issue)
        return None
    return Key(first.asked.column(first.grain), text.strip().lower(), tuple(found))


def disagreement(
    text: str, found: list[tuple[Home, TimedColumn]], homes: dict[Home, str], place: Location
) -> Issue | None:
    """A name that leads metrics to different columns, which would not be one answer."""
    for home, column in found[1:]:
        first_home, first = found[0]
        if column.meaning != first.meaning:
            message = f"`{text}` is `{first.reached.model}.{first.reached.element.name}` for "
            message += f"`{homes[first_home]}`, and `{column.reached.model}."
            message += f"{column.reached.element.name}` for `{homes[home]}`"
            hint = "name the dimension by the primary entity of the model that is meant"
            return Issue("ambiguous-join", message, place, hint)
    return None


def unreached(why: Unreached, place: Location, metric: str, count: int) -> Issue:
    """Why a name means nothing, for one of ``count`` metrics."""
    message = f"{why.message} (for metric `{metric}`)" if count > 1 else why.message
    return Issue(why.code, message, place, why.hint)


def asked_place(argument: str, text: str) -> Location:
    """What the caller wrote: the argument's name stands for the file."""
    return Location(argument, 1, 1, max(1, len(text)), text)
