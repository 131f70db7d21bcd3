"""A question bound to definitions: every name at its column, for every metric it is asked of.

What a caller passes is never SQL text that runs: conditions are parsed, checked against a list of
safe functions, bound to dimensions and printed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from kpilayer import address, expr, grain, not_yet
from kpilayer.address import filter_metric
from kpilayer.catalog import Catalog
from kpilayer.columns import TimedColumn, own_grain, resolve_name, resolver, time_column
from kpilayer.conditions import literal_problems
from kpilayer.errors import Issue, Location, did_you_mean, listing
from kpilayer.formula import Atom, Formula, atoms, default_grain, formula, grained
from kpilayer.join_graph import JoinGraph, Reached, Unreached
from kpilayer.plan.query import Condition, Query

#: What decides how names resolve: an atom's model and its time dimension.
Home = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Key:
    """A group-by: its result column, how it was asked, and the column that it is for each home."""

    name: str
    asked: str
    at: tuple[tuple[Home, TimedColumn], ...]

    def column(self, home: Home) -> TimedColumn:
        """The column for a home."""
        return dict(self.at)[home]


@dataclass(frozen=True, slots=True)
class Range:
    """A half-open span of time; ``upper_is_inclusive`` where an exact instant ends it."""

    lower: datetime | None
    upper: datetime | None
    upper_is_inclusive: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no instant is in it."""
        if self.lower is None or self.upper is None:
            return False
        return self.upper < self.lower or (self.upper == self.lower and not self.upper_is_inclusive)


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A question whose every name is known to resolve."""

    metrics: tuple[tuple[str, Formula], ...]
    keys: tuple[Key, ...]
    where: tuple[exp.Expr, ...]
    ranges: tuple[tuple[Home, Range], ...]
    order: tuple[tuple[str, bool], ...]
    limit: int | None

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """Every atom once, in order of first use."""
        return tuple(dict.fromkeys(a for _, tree in self.metrics for a in atoms(tree)))

    @property
    def uses_metric_time(self) -> bool:
        """Whether the time dimension of a metric decides which rows stand together."""
        grouped = any(c.asked.is_metric_time for key in self.keys for _, c in key.at)
        named = (address.parse(c.name) for w in self.where for c in w.find_all(exp.Column))
        return grouped or bool(self.ranges) or any(a.is_metric_time for a in named)


def bind(query: Query, graph: JoinGraph) -> tuple[BoundQuery | None, list[Issue]]:
    """The question with every name resolved, or None; notices come with an answer too."""
    issues: list[Issue] = []
    metrics = list(_metrics(query, graph, issues))
    homes = _homes(metrics)
    unit = _default_grain(graph, metrics)
    keys = [k for text in query.group_by if (k := _key(text, graph, homes, unit, issues))]
    where = tuple(_conditions(query, graph, homes, unit, issues))
    spans = tuple(_ranges(query, graph, homes, keys, issues))
    if not any(i.severity == "error" for i in issues):
        issues += _not_yet(graph, metrics, keys, where)
    names = [k.name for k in keys] + [name for name, _ in metrics]
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        issues.append(Issue("duplicate-column", f"`{name}` is asked for twice"))
    order = tuple(_order(query, keys, names, issues))
    if query.limit is not None and query.limit < 0:
        issues.append(Issue("bad-limit", f"`limit` is {query.limit}: it counts rows, from 0 up"))
    if any(i.severity == "error" for i in issues):
        return None, issues
    bound = BoundQuery(tuple(metrics), tuple(keys), where, spans, order, query.limit)
    return bound, list(dict.fromkeys(issues))


def _asked(argument: str, text: str) -> Location:
    """What the caller wrote: the argument's name stands for the file."""
    return Location(argument, 1, 1, max(1, len(text)), text)


def _within(condition: Condition, word: str, offset: int | None = None) -> Location:
    """A word of a condition, in the text that was asked; the whole text where it is not there."""
    text = condition.asked
    if offset is not None and condition.sql == text:
        return Location("where", 1, offset + 1, max(1, len(word)), text)
    while word and word not in text and "__" in word:  # a grain may be an argument of its own
        word = word.rpartition("__")[0]
    start = text.find(word) if word else -1
    length = len(word) if start >= 0 else max(1, len(text))
    return Location("where", 1, max(start, 0) + 1, length, text)


# ------------------------------------------------------------------------------------------ metrics


def _metrics(query: Query, graph: JoinGraph, issues: list[Issue]) -> Iterator[tuple[str, Formula]]:
    catalog = graph.catalog
    if not query.metrics:
        issues.append(Issue("no-metrics", "a query needs at least one metric"))
    for text in query.metrics:
        name = text.strip().lower()
        if name in catalog.metrics:
            yield name, formula(graph, name)
            continue
        hint = did_you_mean(name, catalog.metrics) or _by_synonym(name, catalog)
        if hint is None and catalog.metrics:
            hint = f"metrics: {listing(list(catalog.metrics))}"
        message = f"there is no metric `{text}`"
        issues.append(Issue("unknown-metric", message, _asked("metrics", text), hint))


def _by_synonym(name: str, catalog: Catalog) -> str | None:
    for metric in catalog.metrics.values():
        known = [s.lower() for s in (*metric.synonyms, metric.label or "")]
        if name in known or name.replace("_", " ") in known:
            return f"`{name}` is another name of `{metric.name}`"
    return None


def _homes(metrics: list[tuple[str, Formula]]) -> dict[Home, str]:
    """Each home with a metric that has it, for messages."""
    found: dict[Home, str] = {}
    for name, tree in metrics:
        for atom in atoms(tree):
            found.setdefault((atom.model, atom.time), name)
    return found


def _default_grain(graph: JoinGraph, metrics: list[tuple[str, Formula]]) -> str | None:
    """The grain of `metric_time` where a query names none: the largest of the metrics' own."""
    grains = [unit for name, _ in metrics if (unit := default_grain(graph, name)) is not None]
    return grain.coarsest(grains) if grains else None


def _not_yet(
    graph: JoinGraph,
    metrics: list[tuple[str, Formula]],
    keys: list[Key],
    where: tuple[exp.Expr, ...],
) -> Iterator[Issue]:
    """What the question needs that cannot be computed yet, by metric."""
    for name, tree in metrics:
        reasons = list(not_yet.in_formula(tree))
        for atom in atoms(tree):
            home = (atom.model, atom.time)
            texts = [graph.catalog.snippet(c).tree for c in atom.conditions]
            named = [c.name for t in (*texts, *where) for c in t.find_all(exp.Column)]
            found = [resolve_name(graph, *home, n) for n in named]
            used = [c.reached for c in found if isinstance(c, TimedColumn)]
            used += [k.column(home).reached for k in keys]
            time = time_column(graph, *home)
            used += [time] if isinstance(time, Reached) else []
            reasons += not_yet.in_model(graph.catalog.models[atom.model])
            reasons += not_yet.in_columns(graph.catalog, used)
            reasons += ["metrics in filters" for n in named if filter_metric(n)]
        for reason in dict.fromkeys(reasons):
            message = f"`{name}` needs {reason}, which this version cannot compute"
            yield Issue("not-supported-yet", message, _asked("metrics", name))


# -------------------------------------------------------------------------------------------- names


def _key(
    text: str, graph: JoinGraph, homes: dict[Home, str], unit: str | None, issues: list[Issue]
) -> Key | None:
    found: list[tuple[Home, TimedColumn]] = []
    for home, metric in homes.items():
        column = resolve_name(graph, *home, text, unit)
        if isinstance(column, Unreached):
            issues.append(_unreached(column, _asked("group_by", text), metric, len(homes)))
        else:
            found.append((home, column))
    if not found or len(found) < len(homes):
        return None
    first = found[0][1]
    issue = _disagreement(text, found, homes, _asked("group_by", text))
    if issue is not None:
        issues.append(issue)
        return None
    return Key(first.asked.column(first.grain), text.strip().lower(), tuple(found))


def _disagreement(
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


def _unreached(why: Unreached, place: Location, metric: str, count: int) -> Issue:
    message = f"{why.message} (for metric `{metric}`)" if count > 1 else why.message
    return Issue(why.code, message, place, why.hint)


def _conditions(
    query: Query,
    graph: JoinGraph,
    homes: dict[Home, str],
    unit: str | None,
    issues: list[Issue],
) -> Iterator[exp.Expr]:
    for condition in query.where:
        snippet = expr.parse(condition.sql, graph.catalog.dialect)
        sound = True
        for problem in snippet.problems:
            sound = False
            issues.append(_caller_problem(problem, condition))
        for word in expr.not_for_callers(snippet.tree) if sound else ():
            sound = False
            problem = expr.Problem("unproven-function", "", word=word)
            issues.append(_caller_problem(problem, condition))
        for name in snippet.names if sound else ():
            found: list[tuple[Home, TimedColumn]] = []
            place = _within(condition, name.name, name.offset)
            for home, metric in homes.items():
                column = resolve_name(graph, *home, name.name, unit)
                if isinstance(column, Unreached):
                    sound = False
                    column = _bare(column, name.name, graph, home)
                    issues.append(_unreached(column, place, metric, len(homes)))
                else:
                    found.append((home, column))
            if (issue := _disagreement(name.name, found, homes, place)) is not None:
                sound = False
                issues.append(issue)
        if sound:
            text = grained(graph.catalog, condition.sql, unit)
            tree = graph.catalog.snippet(text).tree
            issues += _literals(tree, condition, graph, homes)
            yield tree


def _literals(
    tree: exp.Expr, condition: Condition, graph: JoinGraph, homes: dict[Home, str]
) -> Iterator[Issue]:
    """Dates in a condition that are none, and notices on those that are moved."""
    for home in homes:
        for problem in literal_problems(tree, resolver(graph, *home)):
            place = _within(condition, problem.word or "")
            yield Issue(problem.code, problem.message, place, problem.hint, problem.severity)


def _caller_problem(problem: expr.Problem, condition: Condition) -> Issue:
    """A caller's functions are a closed list: what is a warning in a definition is refused here."""
    code, message, hint = problem.code, problem.message, problem.hint
    if code == "unproven-function":
        code, message = "function-not-allowed", f"`{problem.word}` cannot be used in a filter here"
        hint = "filter by a dimension; one can have the function in its `expr`"
    word = condition.sql[problem.offset : problem.offset + problem.length]
    return Issue(code, message, _within(condition, word, problem.offset), hint)


def _bare(why: Unreached, name: str, graph: JoinGraph, home: Home) -> Unreached:
    """A name without an entity that some dimension has: a column, as SQL would have it."""
    if "__" in name or why.code != "unknown-dimension":
        return why
    places = graph.names(home[0]).get(name.lower(), ())
    if not places:
        return why
    message = f"`{name}` is a bare column; a filter names dimensions"
    return Unreached("bare-column", message, f"write `{places[0].address}`")


# --------------------------------------------------------------------------------------------- time


def _ranges(
    query: Query,
    graph: JoinGraph,
    homes: dict[Home, str],
    keys: list[Key],
    issues: list[Issue],
) -> Iterator[tuple[Home, Range]]:
    """For each home, `start` to `end` in whole periods of the asked grain, else of its own.

    Another metric in the question, of finer data, changes nothing for the first.
    """
    if query.start is None and query.end is None:
        return
    lower, upper = _moment("start", query.start, issues), _moment("end", query.end, issues)
    asked = [c.grain for k in keys for _, c in k.at if c.asked.is_metric_time and c.grain]
    is_empty = False
    for home, metric in homes.items():
        reached = time_column(graph, *home)
        if isinstance(reached, Unreached):
            argument = "start" if query.start is not None else "end"
            asked_for = str(query.start if query.start is not None else query.end)
            issues.append(_unreached(reached, _asked(argument, asked_for), metric, len(homes)))
            continue
        unit = grain.finest(asked) if asked else own_grain(graph, *home) or "day"
        span = _exact(lower, upper) if query.exact else _widened(lower, upper, unit)
        is_empty = is_empty or span.is_empty
        yield home, span
    if is_empty:
        message = f"the range is empty: `{query.start}` is after `{query.end}`"
        issues.append(Issue("bad-time-range", message, _asked("start", str(query.start))))
    elif query.exact and asked:
        issues += _partial_periods(_exact(lower, upper), grain.finest(asked))


def _moment(argument: str, text: str | None, issues: list[Issue]) -> tuple[datetime, bool] | None:
    if text is None:
        return None
    parsed = grain.parse_moment(text)
    if parsed is None:
        message = f"`{text}` is not a date or time without zone"
        hint = "write 2026-01-31 or 2026-01-31T18:00:00"
        issues.append(Issue("bad-time-range", message, _asked(argument, text), hint))
    return parsed


def _exact(lower: tuple[datetime, bool] | None, upper: tuple[datetime, bool] | None) -> Range:
    if upper is None or not upper[1]:
        return Range(lower and lower[0], upper and upper[0], upper is not None)
    return Range(lower and lower[0], grain.next_period(upper[0], "day"))


def _widened(
    lower: tuple[datetime, bool] | None, upper: tuple[datetime, bool] | None, unit: str
) -> Range:
    """Whole periods; a date as `end` is at least the whole day."""
    last = grain.coarsest(["day", unit]) if upper and upper[1] else unit
    return Range(
        grain.truncate(lower[0], unit) if lower else None,
        grain.next_period(upper[0], last) if upper else None,
    )


def _partial_periods(span: Range, unit: str) -> Iterator[Issue]:
    """The first and last period hold only a part of their rows: say which."""
    for end, inside in (("start", span.lower), ("end", span.upper)):
        if inside is not None and grain.truncate(inside, unit) != inside:
            first = grain.truncate(inside, unit).date()
            message = f"the {unit} of {first} is partial: `{end}` cuts it (exact range)"
            yield Issue("partial-period", message, severity="notice")


# -------------------------------------------------------------------------------------------- order


def _order(
    query: Query, keys: list[Key], names: list[str], issues: list[Issue]
) -> Iterator[tuple[str, bool]]:
    """What was asked, then the remaining group-bys, so that a limit cuts at the same place."""
    asked_as = {key.asked: key.name for key in keys}
    seen: set[str] = set()
    for text in query.order_by:
        word = text.strip().lower()
        descending = word.startswith("-")
        word = word.removeprefix("-")
        name = word if word in names else asked_as.get(word)
        if name is None:
            hint = did_you_mean(word, names) or f"columns: {listing(names)}"
            message = f"`{word}` is not in the result"
            issues.append(Issue("bad-order-by", message, _asked("order_by", text), hint))
        elif name not in seen:
            seen.add(name)
            yield name, descending
    for key in keys:
        if key.name not in seen:
            seen.add(key.name)
            yield key.name, False
