"""What git remembers of definitions: the history of a metric, and a changelog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from kpilayer.change.evidence import Effort
from kpilayer.change.history import Event, changelog, history
from kpilayer.errors import Issue, QueryError, did_you_mean
from kpilayer.selection.git import Commit, commits, is_shallow
from kpilayer.selection.versions import Side, Version


def remembered(
    version: Version,
    metric: str | None,
    names: list[str],
    *,
    since: str | None,
    until: str,
    effort: Effort,
) -> Iterator[Event]:
    """The events of a metric, newest first; without one, those of all definitions, oldest first.

    ``names`` are the metrics that there are now.

    Raises:
        ConfigError: there is no git, no repository or no such reference.
        QueryError: no metric has this name now.
    """
    if metric is not None and metric not in names and until == "HEAD":
        hint = did_you_mean(metric, names)
        raise QueryError(Issue("unknown-metric", f"there is no metric `{metric}`", None, hint))
    each = commits(version.root, until, since)

    def read(commit: Commit) -> Side:
        return version.whole(f"git:{commit.id}", commit.id[:7])

    start = None if since is None else version.whole(f"git:{since}", since)
    cut = _cut(each) if since is None and is_shallow(version.root) else ()
    if metric is None:
        return chain(cut, changelog(read, each, start, effort))
    return chain(history(read, each, start, metric, effort), cut)


def _cut(each: Sequence[Commit]) -> tuple[Event, ...]:
    problem = "older commits are not in this shallow clone: `git fetch --unshallow`"
    return tuple(Event(commit, None, problem=problem) for commit in each[:1])
