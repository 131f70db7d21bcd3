"""Whether each metric of a dbt project is the same number in both systems, on its own data.

Every metric is asked for in total, by its default time grain, and by up to two of its dimensions:
one of its own model, one of another. Where both answer, the answers are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kpilayer.address import METRIC_TIME, parse
from kpilayer.interop.compare import Answer, difference
from kpilayer.interop.metricflow import MetricFlow, Refusal
from kpilayer.interop.question import Question

Outcome = Literal[
    "equal", "differs", "refused by kpilayer", "refused by MetricFlow", "refused by both"
]

_HOPS: Final = 2  # MetricFlow joins no further
_REFUSED: Final[dict[str, Outcome]] = {
    "kpilayer": "refused by kpilayer",
    "MetricFlow": "refused by MetricFlow",
    "both": "refused by both",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one question; ``why`` tells a difference or a refusal, else it is empty."""

    metric: str
    question: Question
    outcome: Outcome
    why: str = ""


def questions(metric: str, groups: Sequence[tuple[str, str]]) -> tuple[Question, ...]:
    """What a metric is asked for; ``groups`` are its group-bys, each with its type."""
    names = [name for name, kind in groups if kind == "categorical"]
    hops = {name: len(parse(name).entities) for name in names}
    own = [name for name in names if hops[name] <= 1][:1]
    reached = [name for name in names if name not in own and hops[name] <= _HOPS]
    others = sorted(reached, key=lambda name: -hops[name])[:1]
    has_time = any(name == METRIC_TIME for name, _ in groups)
    found = [Question((metric,))]
    found += [Question((metric,), (METRIC_TIME,))] if has_time else []
    # With time: some metrics have no meaning without it.
    with_time = (METRIC_TIME,) if has_time else ()
    found += [Question((metric,), (*with_time, name)) for name in own + others]
    return tuple(found)


def verdicts(
    asked: Sequence[Question],
    ours: Callable[[Question], Answer | Refusal],
    theirs: Callable[[str], Answer | Refusal],
    metricflow: MetricFlow,
) -> Iterator[Verdict]:
    """What becomes of each question; ``theirs`` runs the SQL that MetricFlow gives."""
    for question, sql in zip(asked, metricflow.sqls(asked), strict=True):
        other = sql if isinstance(sql, Refusal) else theirs(sql)
        yield _verdict(question, ours(question), other)


def _verdict(question: Question, ours: Answer | Refusal, theirs: Answer | Refusal) -> Verdict:
    refusals = [a for a in (ours, theirs) if isinstance(a, Refusal)]
    if isinstance(ours, Answer) and isinstance(theirs, Answer):
        why = difference(ours, theirs, keys_of(ours.columns, question))
        outcome: Outcome = "equal" if why is None else "differs"
    else:
        whose = (
            "both"
            if len(refusals) > 1
            else "kpilayer"
            if isinstance(ours, Refusal)
            else "MetricFlow"
        )
        why = "; ".join(refusal.line for refusal in refusals)
        outcome = _REFUSED[whose]
    return Verdict(question.metrics[0], question, outcome, why or "")


def keys_of(columns: Iterable[str], question: Question) -> list[str]:
    """The columns of an answer that are group-bys."""
    return [column for column in columns if column not in question.metrics]
