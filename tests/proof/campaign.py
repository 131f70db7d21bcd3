"""Edits of the example project by chance: what `diff` says of each, and whether it contradicts itself.

    python -m tests.proof.campaign --count 1000 --seed 1 --workers 2

An edit changes an operator, a constant, a filter, a join, a grain, a window or a fill of a metric or of
what it reads, one to three at a time. Evidence is `equivalent`, `different` or `unproven`; a proof that
rows refute is a *contradiction*, and ends the campaign with exit code 1. Exit code 1 as well where
more than `--most` of the edits that change the meaning are unproven.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp

from kpilayer import Project
from kpilayer.catalog import Catalog, resolve
from kpilayer.change.bench import Bench
from kpilayer.change.evidence import Effort, compare_metrics
from kpilayer.check import RULES, Context
from kpilayer.identity import Identity
from kpilayer.join_graph import JoinGraph
from kpilayer.model.definitions import Definitions
from kpilayer.selection.versions import Side

ROOT = Path(__file__).parent.parent.parent

Random = random.Random


@dataclass(frozen=True)
class Outcome:
    """An edited metric: what was edited, and what is said of it."""

    seed: int
    metric: str
    edits: tuple[str, ...]
    answer: str
    why: str
    contradiction: bool
    seconds: float


# ------------------------------------------------------------------------------ edits of expressions


def _swap(tree: exp.Expr, rng: Random) -> exp.Expr | None:
    """A comparison by another operator."""
    found = [
        n for n in tree.walk() if isinstance(n, (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE))
    ]
    if not found:
        return None
    node = rng.choice(found)
    other = rng.choice(
        [k for k in (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE) if not isinstance(node, k)]
    )
    node.replace(other(this=node.this.copy(), expression=node.expression.copy()))
    return tree


def _constant(tree: exp.Expr, rng: Random) -> exp.Expr | None:
    """A literal of another value."""
    found = [
        n
        for n in tree.find_all(exp.Literal)
        if not isinstance(n.parent, (exp.Cast, exp.Interval, exp.DataTypeParam))
    ]
    if not found:
        return None
    node = rng.choice(found)
    if node.is_string:
        node.replace(exp.Literal.string(node.name + rng.choice(["x", "_", " "])))
    else:
        node.replace(
            exp.Literal.number(str(float(node.name) + rng.choice([1, -1, 0.5])).removesuffix(".0"))
        )
    return tree


def _arithmetic(tree: exp.Expr, rng: Random) -> exp.Expr | None:
    """Plus for minus, times for plus."""
    kinds = (exp.Add, exp.Sub, exp.Mul)
    found = [n for n in tree.walk() if isinstance(n, kinds) and n.find(exp.Interval) is None]
    if not found:
        return None
    node = rng.choice(found)
    other = rng.choice([k for k in kinds if not isinstance(node, k)])
    node.replace(other(this=node.this.copy(), expression=node.expression.copy()))
    return tree


def _connective(tree: exp.Expr, rng: Random) -> exp.Expr | None:
    """OR for AND, and the other way."""
    found = [n for n in tree.walk() if isinstance(n, (exp.And, exp.Or))]
    if not found:
        return None
    node = rng.choice(found)
    other = exp.Or if isinstance(node, exp.And) else exp.And
    node.replace(other(this=node.this.copy(), expression=node.expression.copy()))
    return tree


def _not_null(tree: exp.Expr, rng: Random) -> exp.Expr | None:
    """A value that is 0 where it is NULL, a condition that is false."""
    if isinstance(tree, (exp.Predicate, exp.Connector, exp.Not)):
        return exp.Coalesce(this=exp.Paren(this=tree.copy()), expressions=[exp.false()])
    found = list(tree.find_all(exp.Sum, exp.Avg, exp.Max, exp.Min))
    target = rng.choice(found).this if found else tree
    if isinstance(target, exp.Star):
        return None
    target.replace(exp.Coalesce(this=target.copy(), expressions=[exp.Literal.number("0")]))
    return (
        tree
        if target is not tree
        else exp.Coalesce(this=tree.copy(), expressions=[exp.Literal.number("0")])
    )


# ------------------------------------------------------------------- edits that change nothing at all


def _turned(tree: exp.Expr, rng: Random) -> exp.Expr | None:
    """The same comparison, said otherwise."""
    found = [n for n in tree.walk() if isinstance(n, (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE))]
    if not found:
        return None
    node = rng.choice(found)
    left, right = node.this.copy(), node.expression.copy()
    negated = {exp.GT: exp.LTE, exp.GTE: exp.LT, exp.LT: exp.GTE, exp.LTE: exp.GT, exp.EQ: exp.NEQ}
    made = negated[type(node)](this=left, expression=right)
    node.replace(exp.Paren(this=exp.Not(this=exp.Paren(this=made))))
    return tree


def _as_list(tree: exp.Expr, rng: Random) -> exp.Expr | None:
    """An equation as a list of one, or a list as equations."""
    lists = [n for n in tree.find_all(exp.In) if n.expressions and not n.args.get("query")]
    if lists:
        node = rng.choice(lists)
        parts = [exp.EQ(this=node.this.copy(), expression=e.copy()) for e in node.expressions]
        node.replace(exp.Paren(this=exp.or_(*parts, copy=False)) if len(parts) > 1 else parts[0])
        return tree
    equal = [n for n in tree.find_all(exp.EQ) if isinstance(n.expression, exp.Literal)]
    if not equal:
        return None
    node = rng.choice(equal)
    node.replace(exp.In(this=node.this.copy(), expressions=[node.expression.copy()]))
    return tree


def _as_case(tree: exp.Expr, rng: Random) -> exp.Expr | None:
    """COALESCE as CASE."""
    found = [n for n in tree.find_all(exp.Coalesce) if len(n.expressions) == 1]
    if not found:
        return None
    node = rng.choice(found)
    there = exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.null()))
    node.replace(
        exp.Case(
            ifs=[exp.If(this=there, true=node.this.copy())], default=node.expressions[0].copy()
        )
    )
    return tree


def _times_one(tree: exp.Expr, rng: Random) -> exp.Expr | None:
    """A sum of as much and nothing."""
    found = list(tree.find_all(exp.Sum))
    if not found:
        return None
    node = rng.choice(found)
    node.set(
        "this", exp.Add(this=exp.Paren(this=node.this.copy()), expression=exp.Literal.number("0"))
    )
    return tree


CHANGING: tuple[Callable[[exp.Expr, Random], exp.Expr | None], ...] = (
    _swap, _constant, _arithmetic, _connective, _not_null,
)  # fmt: skip
KEEPING: tuple[Callable[[exp.Expr, Random], exp.Expr | None], ...] = (
    _turned, _as_list, _as_case, _times_one,
)  # fmt: skip


def _rewritten(text: str, rng: Random, keep: bool) -> tuple[str, str] | None:
    tree = sqlglot.parse_one(text, read="duckdb")
    edits = list(KEEPING if keep else CHANGING)
    rng.shuffle(edits)
    for edit in edits:
        made = edit(tree.copy(), rng)
        if made is not None and made.sql("duckdb") != tree.sql("duckdb"):
            return edit.__name__.strip("_"), made.sql("duckdb")
    return None


# ----------------------------------------------------------------------------- edits of definitions


def _edited(value: Any, rng: Random, keep: bool) -> tuple[str, Any] | None:
    """A metric, dimension or input with one edit, and what it is."""
    choices: list[Callable[[], tuple[str, Any] | None]] = []
    for field in ("expr", "sql"):
        text = getattr(value, field, None)
        if text:
            choices.append(lambda field=field, text=text: _set_text(value, field, text, rng, keep))
    conditions = getattr(value, "filter", ())
    if conditions:
        choices.append(lambda: _set_condition(value, conditions, rng, keep))
        if not keep:
            choices.append(
                lambda: ("filter dropped", value.model_copy(update={"filter": conditions[1:]}))
            )
    if not keep:
        choices += _other_settings(value, rng)
    rng.shuffle(choices)
    for choice in choices:
        found = choice()
        if found is not None:
            return found
    return None


def _set_text(value: Any, field: str, text: str, rng: Random, keep: bool) -> tuple[str, Any] | None:
    if text.startswith("\0"):
        return None
    made = _rewritten(text, rng, keep)
    return (
        None if made is None else (f"{field} {made[0]}", value.model_copy(update={field: made[1]}))
    )


def _set_condition(
    value: Any, texts: tuple[str, ...], rng: Random, keep: bool
) -> tuple[str, Any] | None:
    place = rng.randrange(len(texts))
    made = _rewritten(texts[place], rng, keep)
    if made is None:
        return None
    new = (*texts[:place], made[1], *texts[place + 1 :])
    return f"filter {made[0]}", value.model_copy(update={"filter": new})


def _other_settings(value: Any, rng: Random) -> list[Callable[[], tuple[str, Any] | None]]:
    """Aggregations, windows, fills and grains."""
    found: list[Callable[[], tuple[str, Any] | None]] = []
    if getattr(value, "agg", None) in ("sum", "average", "min", "max"):
        other = rng.choice([a for a in ("sum", "average", "min", "max") if a != value.agg])
        found.append(
            lambda: (f"agg {value.agg} to {other}", value.model_copy(update={"agg": other}))
        )
    if getattr(value, "agg", None) in ("count", "count_distinct"):
        other = "count" if value.agg == "count_distinct" else "count_distinct"
        found.append(
            lambda: (f"agg {value.agg} to {other}", value.model_copy(update={"agg": other}))
        )
    if getattr(value, "fill_nulls_with", None) is not None:
        found.append(lambda: ("fill", value.model_copy(update={"fill_nulls_with": None})))
    if getattr(value, "window", None) and not isinstance(value.window, str):
        found.append(lambda: None)
    if isinstance(getattr(value, "window", None), str):
        count, _, unit = value.window.partition(" ")
        found.append(
            lambda: ("window", value.model_copy(update={"window": f"{int(count) + 1} {unit}"}))
        )
    if getattr(value, "grain_to_date", None):
        other = rng.choice(
            [g for g in ("week", "month", "quarter", "year") if g != value.grain_to_date]
        )
        found.append(lambda: ("grain", value.model_copy(update={"grain_to_date": other})))
    if getattr(value, "type", "") == "ratio":
        swapped = {"numerator": value.denominator, "denominator": value.numerator}
        found.append(lambda: ("ratio turned", value.model_copy(update=swapped)))
    return found


def _edited_model(metric: Any, model: Any, rng: Random, keep: bool) -> tuple[str, Any, Any] | None:
    """A metric by another time, or its model with another join key, dimension or table."""
    times = [d.name for d in model.dimensions if d.type == "time"]
    derived = model.derived_semantics
    kinds = ["dimension", "join"] if keep else ["time", "dimension", "join", "table"]
    match rng.choice(kinds):
        case "time" if len(times) > 1:
            other = rng.choice([t for t in times if t != metric.agg_time_dimension])
            return "time", metric.model_copy(update={"agg_time_dimension": other}), model
        case "dimension" if derived.dimensions:
            place = rng.randrange(len(derived.dimensions))
            found = _edited(derived.dimensions[place], rng, keep)
            if found is None:
                return None
            new = (*derived.dimensions[:place], found[1], *derived.dimensions[place + 1 :])
            there = derived.model_copy(update={"dimensions": new})
            return f"dimension {found[0]}", metric, _remade(model, {"derived_semantics": there})
        case "join":
            foreign = [e for e in model.entities if e.type == "foreign" and not e.columns]
            if not foreign:
                return None
            entity = rng.choice(foreign)
            text = f"({entity.name})" if keep else f"COALESCE({entity.name}, 0)"
            columns = tuple(
                c.model_copy(update={"entity": None})
                if c.entity and (c.entity.name or c.name) == entity.name
                else c
                for c in model.columns
            )
            if columns == model.columns:
                return None
            moved = entity.model_copy(update={"expr": text})
            there = derived.model_copy(update={"entities": (*derived.entities, moved)})
            return "join", metric, _remade(model, {"columns": columns, "derived_semantics": there})
        case "table" if model.relation:
            return "table", metric, _remade(model, {"relation": f"{model.relation}_2"})
    return None


def _remade(model: Any, values: dict[str, Any]) -> Any:
    """The model anew: what it has worked out of its columns is not copied."""
    told = {name: getattr(model, name) for name in type(model).model_fields}
    return type(model).model_construct(**{**told, **values})


def mutated(
    definitions: Definitions, rng: Random, names: list[str]
) -> tuple[str, Definitions, tuple[str, ...]]:
    """The definitions with one to three edits of one metric or of what it reads."""
    metrics = {m.name: m for m in definitions.metrics}
    models = {m.name: m for m in definitions.models}
    name = rng.choice(names)
    told: list[str] = []
    keep = rng.random() < 0.45
    for _ in range(rng.choice([1, 1, 2, 3])):
        target = name
        inputs = [i.name for i in metrics[name].inputs if i.name in metrics]
        if inputs and rng.random() < 0.5:
            target = rng.choice(inputs)
        home = getattr(metrics[target], "model", None)
        if home in models and rng.random() < 0.25:
            about = _edited_model(metrics[target], models[home], rng, keep)
            if about is not None:
                told.append(f"{target}: {about[0]}")
                metrics[target], models[home] = about[1], about[2]
                continue
        found = _edited(metrics[target], rng, keep)
        if found is not None:
            told.append(f"{target}: {found[0]}")
            metrics[target] = found[1]
    made = replace(definitions, metrics=tuple(metrics.values()), models=tuple(models.values()))
    return name, made, tuple(told)


# ------------------------------------------------------------------------------------------ campaign


def _side(definitions: Definitions, lock: Any, shown: str) -> Side | None:
    catalog: Catalog
    catalog, issues = resolve(definitions, lock)
    graph = JoinGraph(catalog)
    found = [*issues, *(i for rule in RULES for i in rule(Context(graph, lock)))]
    if any(issue.severity == "error" for issue in found):
        return None
    return Side(shown, Identity(graph))


def outcomes(seeds: range, trials: int) -> Iterator[Outcome]:
    """What is said of one edit for each seed; edits that do not compile, or mean the same by text, are
    left out."""
    project = Project.load(ROOT)
    base = Side("base", project._identity)
    names = sorted(project.catalog.metrics)
    for seed in seeds:
        rng = Random(seed)
        for _ in range(50):
            name, definitions, told = mutated(project.catalog.definitions, rng, names)
            if not told:
                continue
            head = _side(definitions, project.lock_file, "head")
            if head is None or name not in head.catalog.metrics:
                continue
            if base.identity.metric(name) != head.identity.metric(name):
                break
        else:
            continue
        began = time.perf_counter()
        found = compare_metrics(Bench(base, head), name, name, Effort(trials=trials, seed=seed))
        if "does not run" in found.why:
            continue  # an edit that no engine would take, such as 0 for a text
        yield Outcome(
            seed,
            name,
            told,
            found.answer,
            found.why,
            found.contradiction,
            time.perf_counter() - began,
        )


def _run(job: tuple[range, int]) -> list[Outcome]:
    return list(outcomes(*job))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--most", type=float, default=0.08, help="the largest share of unproven ones"
    )
    parser.add_argument("--show", default="unproven", help="print edits with this answer")
    asked = parser.parse_args()
    first = asked.seed * 1_000_000
    jobs = [(range(first + n, first + asked.count, 20), asked.trials) for n in range(20)]
    with multiprocessing.Pool(asked.workers) as pool:
        found = [outcome for part in pool.imap_unordered(_run, jobs) for outcome in part]
    counts = Counter(outcome.answer for outcome in found)
    for outcome in sorted(found, key=lambda o: o.seed):
        if outcome.contradiction or outcome.answer == asked.show:
            print(
                f"{outcome.seed} {outcome.metric}: {'; '.join(outcome.edits)}: {outcome.answer}: {outcome.why}"
            )
    bad = [outcome for outcome in found if outcome.contradiction]
    unproven = counts["unproven"] / max(1, len(found))
    seconds = sorted(outcome.seconds for outcome in found)
    print(
        f"{len(found):,} edits: {counts['equivalent']} equivalent, {counts['different']} different, "
        f"{counts['unproven']} unproven ({unproven:.1%}), {len(bad)} contradictions; "
        f"median {seconds[len(seconds) // 2]:.2f} s"
    )
    return 1 if bad or unproven > asked.most else 0


if __name__ == "__main__":
    sys.exit(main())
