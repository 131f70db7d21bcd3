"""Whether a metric means what it meant: proved for every question asked, refuted by rows, or open.

"Equivalent" needs a proof of every question and no rows that contradict it. Where the rules about
time, gaps and groups differ (windows, fills), questions asked here cannot speak for all others, and
only rows that tell the two apart decide.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from sqlglot import exp

from kpilayer.address import metric_column
from kpilayer.change.bench import DIALECT, Bench, Question, questions
from kpilayer.errors import QueryError
from kpilayer.formula.times import homes
from kpilayer.proof.prove import prove
from kpilayer.proof.refute import refute
from kpilayer.proof.verdict import Answer, Example, Method, Proof

#: Trials that a proof has to survive, of each question.
CROSS_CHECKS: Final = 20


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look: trials of all questions together, and for which dialects."""

    trials: int = 300
    seed: int = 0
    dialects: tuple[str, ...] = (DIALECT,)
    prove: bool = True


USUAL: Final = Effort()


@dataclass(frozen=True, slots=True)
class Evidence:
    """An answer, what it rests on, and what was asked.

    ``question`` is the one that decided, where one did; ``dialects`` the answer of each dialect.
    """

    answer: Answer
    method: Method = "none"
    laws: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    question: str = ""
    questions: tuple[str, ...] = ()
    example: Example | None = None
    trials: int = 0
    seed: int = 0
    why: str = ""
    contradiction: bool = False
    dialects: Mapping[str, Answer] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question in SQL of both sides."""

    question: Question
    before: exp.Query
    after: exp.Query


def compare_metrics(bench: Bench, before: str, after: str, effort: Effort) -> Evidence:
    """Whether a metric of the base and one of the head give the same numbers."""
    verdicts = {d: _in_dialect(bench, before, after, effort, d) for d in effort.dialects}
    order = ("different", "unproven", "equivalent")
    worst = min(verdicts.values(), key=lambda found: order.index(found.answer))
    return replace(worst, dialects={name: found.answer for name, found in verdicts.items()})


def compare_parts(bench: Bench, model: str, names: Sequence[str], effort: Effort) -> Evidence:
    """Whether dimensions and entities of a model have the values that they had, row by row.

    Asked by how many rows have each combination: what holds in every database holds in one of one
    row.
    """
    trees: list[exp.Query] = []
    for side in (bench.base, bench.head):
        try:
            trees.append(bench.values(side, model, names))
        except QueryError as error:
            return Evidence("unproven", why=error.issues[0].message)
    asked = [_Asked(Question("by its values"), trees[0], trees[1])]
    proof = prove(trees[0], trees[1], bench.facts, DIALECT) if effort.prove else None
    return _trials(bench, asked, [proof], effort, DIALECT)


def _in_dialect(bench: Bench, before: str, after: str, effort: Effort, dialect: str) -> Evidence:
    asked: list[_Asked] = []
    for question in questions(bench.base, before):
        old, new = _ask(bench, before, after, question, dialect)
        if old is None:
            continue  # what could not be asked before is no change of an answer
        if new is None:
            why = f"{question.shown}, it was answered, and is refused now"
            return Evidence("different", "none", question=question.shown, why=why)
        asked.append(_Asked(question, old, new))
    if not asked:
        return Evidence("unproven", why="no question about it could be asked of both")
    told = tuple(one.question.shown for one in asked)
    proofs = list(_proofs(bench, before, after, asked, effort, dialect))
    found = _trials(bench, asked, proofs, effort, dialect)
    return replace(found, questions=told)


def _ask(
    bench: Bench, before: str, after: str, question: Question, dialect: str
) -> tuple[exp.Query | None, exp.Query | None]:
    trees: list[exp.Query | None] = []
    for side, metric in ((bench.base, before), (bench.head, after)):
        try:
            tree = bench.sql(side, metric, question, dialect)
        except QueryError:
            trees.append(None)
        else:
            trees.append(_renamed(tree, metric))
    return trees[0], trees[1]


def _renamed(tree: exp.Query, metric: str) -> exp.Query:
    """The answer's column of the metric under one name, so that a rename is no difference."""
    for projection in tree.selects:
        if projection.alias_or_name == metric_column(metric):
            if isinstance(projection, exp.Alias):
                projection.set("alias", exp.to_identifier("value"))
            else:
                projection.replace(exp.alias_(projection.copy(), "value"))
    order = tree.args.get("order")
    if order is not None and not tree.args.get("limit"):
        tree.set("order", None)
    return tree


def _proofs(
    bench: Bench, before: str, after: str, asked: list[_Asked], effort: Effort, dialect: str
) -> Iterator[Proof | None]:
    """A proof of each question, as far as the first that has none."""
    if not effort.prove or _rules(bench, before, 0) != _rules(bench, after, 1):
        yield None
        return
    for one in asked:
        found = prove(one.before, one.after, bench.facts, dialect)
        yield found
        if found is None:
            return


def _trials(
    bench: Bench,
    asked: list[_Asked],
    proofs: list[Proof | None],
    effort: Effort,
    dialect: str,
) -> Evidence:
    proved = all(proof is not None for proof in proofs)
    each = CROSS_CHECKS if proved else max(1, effort.trials // len(asked))
    ran = 0
    untested = ""
    for number, one in enumerate(asked):
        seed = effort.seed + number  # other rows for each question
        tried = refute(one.before, one.after, bench.facts, dialect, trials=each, seed=seed)
        ran += tried.count
        untested = untested or tried.untested
        if tried.example is None:
            continue
        shown = one.question.shown
        if proved:
            why = "proved, and refuted by rows: this is a fault of kpilayer, please report it"
            return Evidence(
                "unproven", question=shown, example=tried.example, trials=ran, why=why, seed=seed,
                contradiction=True,
            )  # fmt: skip
        return Evidence(
            "different", "rows", question=shown, example=tried.example, trials=ran, seed=seed
        )
    if not proved:
        why = untested or f"not proved, and no difference in {ran:,} trials"
        return Evidence("unproven", trials=ran, why=why)
    held = [proof for proof in proofs if proof is not None]
    if untested and any(proof.method != "same" for proof in held):
        return Evidence("unproven", trials=ran, why=f"proved, but not tested: {untested}")
    methods: tuple[Method, ...] = ("solver", "laws", "same")
    return Evidence(
        "equivalent",
        next(m for m in methods if any(proof.method == m for proof in held)),
        tuple(dict.fromkeys(law for proof in held for law in proof.laws)),
        tuple(dict.fromkeys(a for proof in held for a in proof.assumptions)),
        trials=ran,
    )


def _rules(bench: Bench, metric: str, side: int) -> frozenset[str]:
    """What a few questions cannot speak for: models, times, rules about time, groups and gaps."""
    identity = (bench.base, bench.head)[side].identity
    where = (f"{model} by {time}" for model, time in homes(identity.catalog, metric))
    return frozenset((*where, *_rules_of(identity.metric_form(metric)["formula"], ())))


def _rules_of(form: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[str]:
    inputs = form.get("inputs", {})
    if "rule" in form:
        own = {key: value for key, value in form.items() if key != "inputs"}
        above = (*above, json.dumps(own, sort_keys=True, default=str))
        yield " / ".join(above)
    for inner in inputs.values():
        yield from _rules_of(inner, above)
