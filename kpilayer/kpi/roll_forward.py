"""A stock from its flows: opening + flows in - flows out = closing, or by how much not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from kpilayer.errors import Issue, QueryError, did_you_mean
from kpilayer.kpi.attribution import TOLERANCE, Status
from kpilayer.kpi.effect import TOO_LARGE, Unknown
from kpilayer.kpi.exact import Number, Reason, exact, is_close, rounded, share, total


@dataclass(frozen=True, slots=True)
class Flow:
    """What a flow did to the stock: itself, with its sign, in units of the stock.

    ``share`` is that as a fraction of the stock's change, None where that is 0.
    """

    name: str
    value: float
    sign: int
    contribution: float
    share: float | None


@dataclass(frozen=True, slots=True)
class RollForward:
    """A stock before and after: ``before + sum of contributions + residual = after``.

    ``computed`` is where opening and flows lead, ``residual`` what is missing to the closing stock.
    ``adds_up`` is False where that is more than the tolerance, as a fraction of the larger of the
    two. Where ``status`` is ``undefined`` there are no numbers; ``reason`` and ``detail`` say why.
    """

    status: Status = "ok"
    before: float | None = None
    after: float | None = None
    change: float | None = None
    flows: tuple[Flow, ...] = ()
    computed: float | None = None
    residual: float | None = None
    adds_up: bool | None = None
    reason: Reason | None = None
    detail: str = ""


def roll_forward(
    opening: Number | None,
    flows: Mapping[str, Number | None],
    signs: Mapping[str, int],
    closing: Number | None,
    tolerance: float = TOLERANCE,
) -> RollForward:
    """What each flow did to a stock between two periods: a flow's contribution is the flow.

    ``signs`` holds 1 for each flow that adds to the stock and -1 for each that takes from it.

    >>> mrr = roll_forward(1000, {"new": 120, "churned": 50}, {"new": 1, "churned": -1}, 1075)
    >>> [(f.name, f.contribution) for f in mrr.flows], mrr.residual, mrr.adds_up
    ([('new', 120.0), ('churned', -50.0)], 5.0, True)

    Raises:
        QueryError: ``bad-drivers`` for a flow without a sign, a sign without a flow, or a sign that
            is not 1 or -1.
    """
    issues = _wrong_signs(flows, signs)
    if issues:
        raise QueryError(issues)
    given = {"the opening stock": opening, "the closing stock": closing}
    given |= {f"flow `{name}`": flows[name] for name in signs}
    numbers: list[Fraction] = []
    for what, value in given.items():
        number = exact(value)
        if not isinstance(number, Fraction):
            what_it_has = "no value" if number == "no_value" else "no finite value"
            return _undefined(Unknown(number, f"{what} has {what_it_has}"))
        numbers.append(number)
    first, second, *moved = numbers
    change = second - first
    signed = [(n, v, s, s * v) for (n, s), v in zip(signs.items(), moved, strict=True)]
    computed = first + total(amount for *_, amount in signed)
    told = RollForward(
        "ok",
        rounded(first),
        rounded(second),
        rounded(change),
        tuple(Flow(n, rounded(v), s, rounded(c), share(c, change)) for n, v, s, c in signed),
        rounded(computed),
        rounded(second - computed),
        is_close(second, computed, tolerance),
    )
    if math.isinf(told.computed or 0) or math.isinf(told.change or 0):
        return _undefined(TOO_LARGE)
    return told


def _undefined(why: Unknown) -> RollForward:
    return RollForward("undefined", reason=why.reason, detail=why.detail)


def _wrong_signs(flows: Mapping[str, object], signs: Mapping[str, int]) -> list[Issue]:
    wrong = [name for name, sign in signs.items() if sign not in (1, -1)]
    lonely = [name for name in flows if name not in signs]
    lost = [name for name in signs if name not in flows]
    return [
        *(Issue("bad-drivers", f"the sign of `{n}` is {signs[n]}: 1 or -1") for n in wrong),
        *(
            Issue("bad-drivers", f"flow `{n}` has no sign: 1 or -1", hint=did_you_mean(n, signs))
            for n in lonely
        ),
        *(
            Issue("bad-drivers", f"`{n}` has a sign and no value", hint=did_you_mean(n, flows))
            for n in lost
        ),
    ]
