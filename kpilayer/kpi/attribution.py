"""What moved a number: the change between two periods, shared out to the drivers of a formula."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, TypeAlias, get_args

from kpilayer.errors import Issue, QueryError, did_you_mean
from kpilayer.kpi.effect import TOO_LARGE, Effect, Unknown
from kpilayer.kpi.exact import Number, Reason, Value, exact, is_close, rounded, share, told, total
from kpilayer.kpi.formulas import Formula, read_formula, value_of
from kpilayer.kpi.lmdi import lmdi
from kpilayer.kpi.shapley import MOST_DRIVERS, shapley

Method: TypeAlias = Literal["shapley", "lmdi"]
Status: TypeAlias = Literal["ok", "undefined"]

#: How many times the change contributions may be, taken without their signs.
MOST_OFFSET: Final = 3.0
#: How far a measured value may be from what its formula gives: 0.5 % of the larger one.
TOLERANCE: Final = 0.005


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one driver added to a change.

    ``before`` and ``after`` are the driver's own values, None where it had none;
    ``contribution`` is in units of what changed, ``share`` is the contribution as a fraction of the
    change, None where that is 0. ``carried`` marks what the last period left behind (`customers at
    the start`): true, and no lever.
    """

    name: str
    before: float | None
    after: float | None
    contribution: float
    share: float | None
    carried: bool = False


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A node of a tree, and what it did to the root.

    ``multiplier`` is how much the root moves for a unit of this node, over all paths;
    ``contribution`` is that for its whole change, in units of the root, which of an inner node is
    what its children and its ``residual`` add up to. ``residual`` is the part of that which the
    node's formula leaves open, ``adds_up`` whether the formula gives the node's measured values.
    """

    name: str
    children: tuple[str, ...]
    before: float | None
    after: float | None
    change: float
    multiplier: float
    contribution: float
    share: float | None
    residual: float = 0.0
    adds_up: bool = True


@dataclass(frozen=True, slots=True)
class Attribution:
    """A change between two periods, and what each driver contributed to it.

    Of each driver, ``contributions`` have `name`, its own `before` and `after`, its `contribution`
    in units of what changed, and its `share` of the change; `carried` ones come last.
    ``before + sum of contributions + residual = after``. The residual is what the formula does not
    explain of measured values, and 0 where none were given; ``adds_up`` is False where it misses
    them by more than the tolerance. ``offset`` is the sum of all contributions without their signs
    as a multiple of the change (None where that is 0): far above 1, they cancel out, which
    ``warning`` says. ``nodes`` are those of a tree, parents first; a formula alone has none.

    Where ``status`` is ``undefined`` there are no numbers: ``reason`` is why, in a word
    (`no_value`, `zero_denominator`, `not_finite`, `method_not_applicable`), ``detail`` a sentence.
    """

    method: Method
    status: Status = "ok"
    before: float | None = None
    after: float | None = None
    change: float | None = None
    contributions: tuple[Contribution, ...] = ()
    residual: float | None = None
    adds_up: bool | None = None
    offset: float | None = None
    warning: str | None = None
    reason: Reason | None = None
    detail: str = ""
    nodes: tuple[TreeNode, ...] = ()


def attribute(
    formula: str,
    before: Mapping[str, Number | None],
    after: Mapping[str, Number | None],
    method: Method = "shapley",
    *,
    measured: tuple[Number | None, Number | None] | None = None,
    tolerance: float = TOLERANCE,
) -> Attribution:
    """What each driver of a formula contributed to its change from ``before`` to ``after``.

    Both mappings hold a value for each name in the formula, None where there is none, and may hold
    others. ``shapley`` is the mean over all orders in which the drivers could have moved: for two
    factors the midpoint rule. ``lmdi`` is for products and ratios of values above 0, where it makes
    smaller terms that cancel out. A method is never exchanged for the other one. ``measured`` are
    both values of what the formula is said to give; what it misses is the residual.

    >>> bridge = attribute("customers * arpc", {"customers": 1000, "arpc": 50},
    ...                    {"customers": 1100, "arpc": 48})
    >>> bridge.change, [(c.name, c.contribution) for c in bridge.contributions]
    (2800.0, [('customers', 4900.0), ('arpc', -2100.0)])

    Raises:
        QueryError: ``bad-drivers`` for a formula that is more than arithmetic, has more than 10
            drivers (`shapley`) or names what has no value; ``bad-sql`` and its like for a text that
            is no expression; ``bad-value`` for a method that is none.
    """
    read = read_formula(formula)
    issues = unknown_method(method) + too_many(read, method, "the formula")
    issues += missing_values(read.drivers, before, after)
    if issues:
        raise QueryError(issues)
    first = {name: exact(before[name]) for name in read.drivers}
    second = {name: exact(after[name]) for name in read.drivers}
    ends = computed_ends(read, first, second)
    if isinstance(ends, Unknown):
        return undefined(method, ends)
    effects = effects_of(read, first, second, method)
    if isinstance(effects, Unknown):
        return undefined(method, effects)
    shown = ends
    if measured is not None:
        values = [exact(value) for value in measured]
        numbers = [value for value in values if isinstance(value, Fraction)]
        if len(numbers) < len(values):
            missing = next(v for v in values if not isinstance(v, Fraction))
            return undefined(method, Unknown(missing, "a measured value is missing"))
        shown = (numbers[0], numbers[1])
    amounts = {name: (first[name], second[name], effect.amount) for name, effect in effects.items()}
    adds_up = all(is_close(m, c, tolerance) for m, c in zip(shown, ends, strict=True))
    residual = (shown[1] - shown[0]) - (ends[1] - ends[0])
    steadier = method == "shapley" and isinstance(lmdi(read, first, second), dict)
    return bridge(method, shown, amounts, residual, adds_up, steadier=steadier)


def too_many(formula: Formula, method: Method, what: str) -> list[Issue]:
    """An issue where a formula has more drivers than the method can put into all orders."""
    count = len(formula.drivers)
    if method != "shapley" or count <= MOST_DRIVERS:
        return []
    message = f"{what} has {count} drivers; `shapley` takes at most {MOST_DRIVERS} apart"
    return [Issue("bad-drivers", message, hint="make inner nodes of parts of it")]


def unknown_method(method: str) -> list[Issue]:
    """An issue where this is not the name of a method."""
    known = get_args(Method)
    if method in known:
        return []
    message = f"`{method}` is not a method of attribution: `shapley` or `lmdi`"
    return [Issue("bad-value", message, hint=did_you_mean(str(method), known))]


def missing_values(
    names: Sequence[str],
    before: Mapping[str, Number | None],
    after: Mapping[str, Number | None],
) -> list[Issue]:
    """An issue for each name that one of the periods says nothing of."""
    return [
        Issue(
            "bad-drivers",
            f"`{name}` has no value in `{period}`: where there is none, it is None",
            hint=did_you_mean(name, values),
        )
        for period, values in (("before", before), ("after", after))
        for name in names
        if name not in values
    ]


def computed_ends(
    formula: Formula, before: Mapping[str, Value], after: Mapping[str, Value]
) -> tuple[Fraction, Fraction] | Unknown:
    """What the formula gives before and after, or why it gives nothing."""
    first, second = value_of(formula.tree, before), value_of(formula.tree, after)
    for word, value, values in (("before", first, before), ("after", second, after)):
        if not isinstance(value, Fraction):
            return Unknown(value, _why(formula, value, word, values))
    assert isinstance(first, Fraction) and isinstance(second, Fraction), "both are numbers now"
    return first, second


def _why(formula: Formula, reason: Reason, word: str, values: Mapping[str, Value]) -> str:
    if reason == "zero_denominator":
        return f"`{formula.text}` divides by 0 {word}"
    at = next((name for name in formula.drivers if values[name] == reason), formula.text)
    what = "no value" if reason == "no_value" else "no finite value"
    return f"`{at}` has {what} {word}"


def effects_of(
    formula: Formula, before: Mapping[str, Value], after: Mapping[str, Value], method: Method
) -> dict[str, Effect] | Unknown:
    """The effect of each driver by the method asked for, and by no other."""
    return (shapley if method == "shapley" else lmdi)(formula, before, after)


def undefined(method: Method, why: Unknown) -> Attribution:
    """An attribution without numbers, and why."""
    return Attribution(method, "undefined", reason=why.reason, detail=why.detail)


def bridge(
    method: Method,
    ends: tuple[Fraction, Fraction],
    amounts: Mapping[str, tuple[Value, Value, Fraction]],
    residual: Fraction,
    adds_up: bool,
    *,
    steadier: bool = False,
    carried: frozenset[str] = frozenset(),
    nodes: tuple[TreeNode, ...] = (),
) -> Attribution:
    """The attribution that is told: ``amounts`` are before, after and contribution by driver.

    What is ``carried`` comes last. ``steadier`` says that `lmdi` could be used instead.
    """
    change = ends[1] - ends[0]
    size = total(abs(amount) for _, _, amount in amounts.values())
    numbers = [rounded(n) for n in (*ends, change, size, residual)]
    if not all(map(math.isfinite, numbers)):
        return undefined(method, TOO_LARGE)
    rows = [
        Contribution(
            name, told(first), told(second), rounded(amount), share(amount, change), name in carried
        )
        for name, (first, second, amount) in amounts.items()
    ]
    offset = share(size, abs(change))
    return Attribution(
        method,
        before=numbers[0],
        after=numbers[1],
        change=numbers[2],
        contributions=tuple(sorted(rows, key=lambda row: row.carried)),
        residual=numbers[4],
        adds_up=adds_up,
        offset=offset,
        warning=_warning(offset, size, steadier),
        nodes=nodes,
    )


def _warning(offset: float | None, size: Fraction, steadier: bool) -> str | None:
    if not size or (offset is not None and offset <= MOST_OFFSET):
        return None
    times = "there is no change" if offset is None else f"they are {offset:.1f} times the change"
    way_out = "; `lmdi` makes smaller terms" if steadier else ""
    return f"contributions cancel out: without their signs {times}{way_out}"
