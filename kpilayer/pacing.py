"""What `Project.pace` gives: how objectives and targets come along, and no part of health."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from statistics import fmean
from typing import Any, Final, Literal

from kpilayer.errors import Issue, QueryError, did_you_mean
from kpilayer.identity import Identity
from kpilayer.kpi.aims import aims_of, target_aim
from kpilayer.kpi.observing import Ask
from kpilayer.kpi.pace import PaceStatus
from kpilayer.kpi.progress import Reached, reached
from kpilayer.kpi.watermark import Newest
from kpilayer.model.kpi import Kpi, KpiOwner, Okr

#: Statuses from what needs somebody now to what needs nobody.
ORDER: Final[tuple[PaceStatus, ...]] = (
    "missed", "off_track", "at_risk", "no_data", "not_started", "on_track", "achieved",
)  # fmt: skip
_MARKS: Final[Mapping[PaceStatus, str]] = {
    "missed": "■", "off_track": "■", "at_risk": "▲", "on_track": "●", "achieved": "●",
}  # fmt: skip
_OTHER: Final = "○"
#: So many objectives in a row that reached all of it aimed too low.
_IN_A_ROW: Final = 3
#: Objectives follow each other with no more than a week between them.
_GAP: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Scored:
    """An objective with its key results, or a KPI with its targets."""

    kind: Literal["okr", "targets"]
    name: str
    words: str
    owner: str
    group: str
    starts: date
    ends: date
    results: tuple[Reached, ...]
    hint: str = ""

    @property
    def measured(self) -> tuple[float, ...]:
        """The scores that are known."""
        return tuple(one.pace.score for one in self.results if one.pace.score is not None)

    @property
    def score(self) -> float | None:
        """The mean of the scores that are known; None without any."""
        return fmean(self.measured) if self.measured else None

    @property
    def is_full(self) -> bool:
        """Whether all of it was reached, every part measured."""
        return len(self.measured) == len(self.results) and min(self.measured, default=0) >= 1


@dataclass(frozen=True, slots=True)
class Paces:
    """How objectives come along, or targets of KPIs, in the order of the definitions."""

    found: tuple[Scored, ...]
    as_of: date
    formats: Mapping[str, str]

    def to_text(self) -> str:
        """For a terminal: an objective, and a line for each key result below it."""
        blocks = [self._block(one) for one in self.found]
        return "".join(f"{block}\n\n" for block in blocks) + self.summary_line + "\n"

    @property
    def summary_line(self) -> str:
        """How many come along how."""
        told = [f"{n} {status.replace('_', ' ')}" for status, n in self._counts().items() if n]
        return f"as of {self.as_of}: {', '.join(told) or 'nothing is to be reached'}"

    def _counts(self) -> dict[str, int]:
        every = [one.pace.status for found in self.found for one in found.results]
        return {status: every.count(status) for status in reversed(ORDER)}

    def _block(self, found: Scored) -> str:
        told = [found.words, f"{found.starts} to {found.ends}", found.owner]
        if found.kind == "okr":
            told.append(_score(found))
        width = max((len(one.aim.name) for one in found.results), default=0)
        lines = [f"{found.name}: {'   '.join(filter(None, told))}"]
        lines += [f"  {self._line(one, width)}" for one in found.results]
        return "\n".join([*lines, *([f"  {found.hint}"] if found.hint else [])])

    def _line(self, one: Reached, width: int) -> str:
        pace, aim = one.pace, one.aim
        told = [f"{self._of(one, aim.baseline)} to {self._of(one, aim.target)}"]
        if pace.value is not None:
            over = "since" if aim.adds_up else "from"
            told.append(f"{self._of(one, pace.value)} {over} {one.since}")
            told.append(f"progress {_share(pace.progress)}")
        if pace.projected is not None and pace.status not in ("achieved", "missed"):
            leads = f"{self._of(one, pace.projected)}, {_share(pace.projected_progress)}"
            told.append(f"leads to {leads} (needs {_share(pace.need)})")
        told.append(pace.status.replace("_", " ") + (f": {one.problem}" if one.problem else ""))
        return f"{_MARKS.get(pace.status, _OTHER)} {aim.name.ljust(width)}  {'   '.join(told)}"

    def _of(self, one: Reached, value: float | None) -> str:
        if value is None:
            return "?"
        is_percent = self.formats.get(one.aim.metric) == "percent"
        return f"{value:.1%}" if is_percent else f"{value:,.6g}"

    def to_markdown(self) -> str:
        """As a table for a comment."""
        rows = [
            "| | | measured by | from | to | value | progress | leads to | status | owner |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        for found in self.found:
            for one in found.results:
                cells = (
                    _MARKS.get(one.pace.status, _OTHER), f"`{found.name}`", f"`{one.aim.name}`",
                    self._of(one, one.aim.baseline), self._of(one, one.aim.target),
                    "" if one.pace.value is None else self._of(one, one.pace.value),
                    _share(one.pace.progress), _share(one.pace.projected_progress),
                    one.pace.status.replace("_", " "), found.owner,
                )  # fmt: skip
                rows.append(f"| {' | '.join(cells)} |")
        scores = [f"{one.name}: {_score(one)}" for one in self.found if one.kind == "okr"]
        hints = [f"{one.name}: {one.hint}" for one in self.found if one.hint]
        return "\n\n".join(["\n".join(rows), *scores, *hints, self.summary_line]) + "\n"

    def as_json(self) -> dict[str, Any]:
        """As JSON values: `okrs`, which are objectives or KPIs with targets, and a `summary`."""
        summary = {"as_of": self.as_of.isoformat(), **self._counts()}
        return {"okrs": [_values(one) for one in self.found], "summary": summary}


def _score(found: Scored) -> str:
    if found.score is None:
        return "no score"
    known, every = len(found.measured), len(found.results)
    unsure = f" ({known} of {every} measured)" if known < every else ""
    return f"score {found.score:.2f}{unsure}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _values(found: Scored) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "name": found.name,
        "objective": found.words,
        "owner": found.owner or None,
        "starts": found.starts.isoformat(),
        "ends": found.ends.isoformat(),
        "score": found.score if found.kind == "okr" else None,
        "measured": len(found.measured),
        "hint": found.hint or None,
        "key_results": [_of_result(one) for one in found.results],
    }


def _of_result(one: Reached) -> dict[str, Any]:
    aim, pace = one.aim, one.pace
    return {
        "name": aim.name,
        "kpi": aim.kpi,
        "metric": aim.metric or None,
        "measure": "total" if aim.adds_up else "period",
        "ambition": aim.ambition,
        "starts": aim.starts.isoformat(),
        "ends": aim.ends.isoformat(),
        "baseline": aim.baseline,
        "target": aim.target,
        "value": pace.value,
        "value_from": None if one.since is None else one.since.isoformat(),
        "value_to": None if one.until is None else one.until.isoformat(),
        "progress": pace.progress,
        "score": pace.score,
        "need": pace.need,
        "expected_share": pace.expected_share,
        "is_linear": pace.is_linear,
        "projected": pace.projected,
        "low": pace.low,
        "high": pace.high,
        "projected_progress": pace.projected_progress,
        "status": pace.status,
        "problem": one.problem or None,
    }


# ----------------------------------------------------------------------------------- objectives


def objectives(
    identity: Identity,
    names: Sequence[str],
    today: date,
    ask: Ask,
    newest: Newest,
    *,
    ended: bool = False,
) -> Paces:
    """How objectives come along at the end of a day: those of ``names``, or that have not ended.

    Raises:
        QueryError: there is no objective of a name.
    """
    definitions = identity.catalog.definitions
    kpis = {kpi.name: kpi for kpi in definitions.kpis}
    okrs = {okr.name: okr for okr in definitions.okrs}
    _known(names, okrs, "objective")
    shown = [o for o in okrs.values() if (o.name in names if names else ended or o.ends >= today)]
    groups = {_group(okr.owner) for okr in shown}
    before = [o for o in okrs.values() if _group(o.owner) in groups and o.ends <= today]
    both = {okr.name: okr for okr in (*shown, *before)}
    scored = _scored(tuple(both.values()), identity, kpis, today, ask, newest)
    found = []
    for one in (scored[okr.name] for okr in shown):
        over = [o for o in scored.values() if o.group == one.group and o.ends <= today]
        found.append(replace(one, hint=_hint(one, over)))
    return Paces(tuple(found), today, _formats(identity, found))


def _scored(
    okrs: Sequence[Okr],
    identity: Identity,
    kpis: Mapping[str, Kpi],
    today: date,
    ask: Ask,
    newest: Newest,
) -> dict[str, Scored]:
    aims = {okr.name: tuple(aims_of(okr, identity, kpis)) for okr in okrs}
    every = [aim for each in aims.values() for aim in each]
    known = iter(reached(every, identity.catalog, today, ask, newest))
    return {
        okr.name: Scored(
            "okr", okr.name, okr.objective, okr.owner.person or okr.owner.group or "",
            _group(okr.owner), okr.starts, okr.ends,
            tuple(next(known) for _ in aims[okr.name]),
        )
        for okr in okrs
    }  # fmt: skip


def _group(owner: KpiOwner) -> str:
    return owner.group or owner.person or ""


def _hint(okr: Scored, over: Iterable[Scored]) -> str:
    """Whether the last three objectives of an owner, one after the other, reached everything.

    Who does so quarter after quarter aims at what happens anyway. ``over`` are the owner's
    objectives that have ended; those at one time count as one.
    """
    times: dict[tuple[date, date], list[Scored]] = defaultdict(list)
    for one in over:
        if one.ends <= okr.ends:
            times[one.starts, one.ends].append(one)
    last = sorted(times, reverse=True)[:_IN_A_ROW]
    at = (okr.starts, okr.ends)
    chain = last if at in last else [at, *last]
    follow = all(timedelta() < later[0] - sooner[1] <= _GAP for later, sooner in pairwise(chain))
    if len(last) < _IN_A_ROW or not follow:
        return ""
    if not all(one.is_full for time in last for one in times[time]):
        return ""
    return f"the last {_IN_A_ROW} objectives of `{okr.group}` scored 1.0: were they aimed too low?"


# -------------------------------------------------------------------------------------- targets


def targets(
    identity: Identity, names: Sequence[str], today: date, ask: Ask, newest: Newest
) -> Paces:
    """How targets of KPIs come along that are not past: of live ones, or those of ``names``.

    Raises:
        QueryError: there is no KPI of a name.
    """
    kpis = {kpi.name: kpi for kpi in identity.catalog.definitions.kpis}
    _known(names, kpis, "KPI")
    shown = [k for k in kpis.values() if (k.name in names if names else k.is_live)]
    aims = {k.name: [target_aim(k, t) for t in k.targets if t.by >= today] for k in shown}
    known = iter(
        reached([a for each in aims.values() for a in each], identity.catalog, today, ask, newest)
    )
    each = {kpi.name: tuple(next(known) for _ in aims[kpi.name]) for kpi in shown}
    found = tuple(_planned(kpi, each[kpi.name]) for kpi in shown if each[kpi.name])
    return Paces(found, today, _formats(identity, found))


def _planned(kpi: Kpi, results: tuple[Reached, ...]) -> Scored:
    starts, ends = (one.aim.starts for one in results), (one.aim.ends for one in results)
    group, words = _group(kpi.owner), kpi.label or ""
    owner = kpi.owner.person or group
    return Scored("targets", kpi.name, words, owner, group, min(starts), max(ends), results)


def _known(names: Sequence[str], known: Iterable[str], what: str) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        issues = [
            Issue("unknown-kpi", f"there is no {what} `{name}`", hint=did_you_mean(name, known))
            for name in unknown
        ]
        raise QueryError(*issues)


def _formats(identity: Identity, found: Iterable[Scored]) -> dict[str, str]:
    metrics = identity.catalog.metrics
    names = {one.aim.metric for each in found for one in each.results}
    return {name: str(metrics[name].format or "") for name in names if name in metrics}
