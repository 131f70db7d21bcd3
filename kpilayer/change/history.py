"""What a metric has meant since it is there: each commit at which its fingerprint changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from kpilayer.change.diff import Change, diff
from kpilayer.change.evidence import Effort
from kpilayer.change.renames import renames
from kpilayer.change.rules import Level
from kpilayer.errors import KpilayerError
from kpilayer.identity import Identity
from kpilayer.join_graph import JoinGraph
from kpilayer.selection.git import Commit
from kpilayer.selection.versions import Side

#: A commit to the project as it was then.
Read = Callable[[Commit], Side]
_UNTOLD: Final[frozenset[Level]] = frozenset({"none", "cosmetic"})


@dataclass(frozen=True, slots=True)
class Event:
    """What a commit did to a definition.

    ``change`` is None where the commit cannot be read; ``problem`` says why. ``approved_by`` are
    those whom the commit's message or approvals.yml name.
    """

    commit: Commit
    change: Change | None
    approved_by: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Step:
    """A commit, the last one before it that could be read, and what metrics meant after it."""

    commit: Commit
    before: Commit | None
    fingerprints: Mapping[str, str]
    renamed: Mapping[str, str]
    problem: str = ""


def changelog(
    read: Read, commits: Iterable[Commit], start: Side | None, effort: Effort
) -> Iterator[Event]:
    """What each commit did to every definition, oldest first; wording and spelling are left out.

    ``start`` is what was there before the first of them: nothing, where it is not given.
    A commit that does not compile is told, and the next one is compared with the last that did.
    """
    before = start
    for commit in commits:
        after, problem = _read(read, commit)
        if after is None:
            yield Event(commit, None, problem=problem)
            continue
        for change in diff(before or nothing_of(after), after, effort).changes:
            if change.level not in _UNTOLD and not change.is_inherited:
                yield Event(commit, change, _approvals(commit, after, change))
        before = after


def history(
    read: Read, commits: Iterable[Commit], start: Side | None, metric: str, effort: Effort
) -> Iterator[Event]:
    """Each commit that gave a metric another fingerprint or name, newest first.

    The metric is followed through other names backwards from the newest commit. ``start`` is what
    was there before the first one: nothing, where it is not given.
    """
    name = metric
    unread: list[Event] = []  # told only where the metric was there before
    steps = list(_steps(read, commits, start))
    known = {step.commit.id: step.fingerprints for step in steps}
    first = {} if start is None else _fingerprints(start)
    for step in reversed(steps):
        if step.problem:
            unread.append(Event(step.commit, None, problem=step.problem))
        if name not in step.fingerprints:
            continue
        was = next((old for old, new in step.renamed.items() if new == name), name)
        earlier = (known[step.before.id] if step.before is not None else first).get(was)
        if earlier == step.fingerprints[name] and was == name:
            continue
        after = read(step.commit)
        before = read(step.before) if step.before is not None else start or nothing_of(after)
        change = diff(before, after, effort, only=name).of("metric", name)
        if change is not None:
            yield from unread
            unread.clear()
            yield Event(step.commit, change, _approvals(step.commit, after, change))
        name = was


def _steps(read: Read, commits: Iterable[Commit], start: Side | None) -> Iterator[_Step]:
    before, last = start, None
    for commit in commits:
        after, problem = _read(read, commit)
        if after is None:
            yield _Step(commit, last, {}, {}, problem)
            continue
        renamed = renames(before, after) if before is not None else {}
        yield _Step(commit, last, _fingerprints(after), renamed)
        before, last = after, commit


def _fingerprints(side: Side) -> dict[str, str]:
    return {name: side.identity.metric(name) for name in side.catalog.metrics}


def _read(read: Read, commit: Commit) -> tuple[Side | None, str]:
    """The project at a commit, or why it cannot be read."""
    try:
        return read(commit), ""
    except KpilayerError as error:
        told = error.issues[1:] or error.issues  # the first says that it does not compile
        return None, told[0].message


def _approvals(commit: Commit, after: Side, change: Change) -> tuple[str, ...]:
    named = (a.by for a in after.approvals if a.change == change.id)
    return tuple(dict.fromkeys((*commit.approved_by, *named)))


def nothing_of(side: Side) -> Side:
    """The same project without any definition: what there was before it."""
    definitions = side.catalog.definitions
    empty = replace(
        definitions,
        models=(),
        metrics=(),
        queries={},
        time_spines=(),
        saved_queries=(),
        views=(),
        exposures=(),
        groups=(),
        conformed_dimensions=(),
        places={},
    )
    catalog = replace(
        side.catalog, definitions=empty, models={}, metrics={}, queries={}, versions={}
    )
    return Side("nothing", Identity(JoinGraph(catalog)))
