"""Whether a change set may merge: certificates, deprecations, and approvals by owners of the base.

Who has to agree is read from the base, so that a change cannot give itself another owner. An
approval stands in the base's approvals.yml, or is a review on the code host by somebody whom the
base names as an approver of the group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from kpilayer.change.diff import Change, ChangeSet
from kpilayer.change.edits import is_certified
from kpilayer.change.reach import group_of, owner
from kpilayer.change.rules import Level, at_least
from kpilayer.errors import Issue, listing
from kpilayer.model.approval import Approval
from kpilayer.model.metric import Metric
from kpilayer.selection.versions import Side
from kpilayer.versions import name_of

Answer = Literal["may merge", "needs approval", "may not merge"]
#: What owners have to agree to.
_ASKED_FOR: Final[frozenset[Level]] = frozenset({"governance", "unproven", "value", "interface"})
_MEANING: Final[Level] = "unproven"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a merge is judged by: the day, who has approved, and from which class on it fails."""

    today: date
    side: Side
    """Who owns what, and what is relied on: the newest state of the branch that is merged into."""
    reviewers: AbstractSet[str] = frozenset()
    fail_on: Level | None = None
    outside: Callable[[Sequence[str]], Mapping[str, str | None]] = lambda names: {}
    """How KPIs stood lately that were not healthy: in words, or None where nobody knows."""

    def metric(self, change: Change) -> Metric | None:
        """The metric of a change as it stands where it would be merged."""
        return self.side.catalog.metrics.get(change.was or change.name)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An approval that is needed: of which group, for which changes; whether it is there."""

    group: str
    changes: tuple[Change, ...]
    approvers: tuple[str, ...]
    given_by: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether it may merge, what is wrong, and whose approval is asked for."""

    answer: Answer
    findings: tuple[Issue, ...]
    wanted: tuple[Wanted, ...]
    fails: tuple[Change, ...] = ()
    """Changes that `--fail-on` does not let pass without an approval."""

    @property
    def missing(self) -> tuple[Wanted, ...]:
        """Approvals that are not there."""
        return tuple(one for one in self.wanted if not one.given_by)


def judge(changes: ChangeSet, rules: Rules) -> Judgement:
    """Whether a change set may merge."""
    findings = [
        *_certificates(changes, rules),
        *_removals(changes, rules),
        *_deprecations(changes, rules.today),
        *_approvals(changes, rules),
        *_goalposts(changes, rules),
    ]
    wanted = tuple(_wanted(changes, rules))
    agreed = {change.id for one in wanted if one.given_by for change in one.changes}
    fails = tuple(
        change
        for change in changes.changes
        if rules.fail_on and at_least(change.level, rules.fail_on) and change.id not in agreed
    )
    answer: Answer = "may merge"
    if any(not one.given_by for one in wanted):
        answer = "needs approval"
    if fails or any(issue.severity == "error" for issue in findings):
        answer = "may not merge"
    return Judgement(answer, tuple(findings), wanted, fails)


def _base_metric(changes: ChangeSet, change: Change) -> Metric | None:
    return changes.base.catalog.metrics.get(change.was or change.name)


def _head_metric(changes: ChangeSet, change: Change) -> Metric | None:
    return changes.head.catalog.metrics.get(change.name)


# ------------------------------------------------------------------------------------ certificates


def _certificates(changes: ChangeSet, rules: Rules) -> Iterator[Issue]:
    """Certified metrics of another meaning: only as a new version, the old one kept."""
    for change in (c for c in changes.changes if c.kind == "metric"):
        before, after = _base_metric(changes, change), _head_metric(changes, change)
        if before is None or after is None or not is_certified(rules.metric(change) or before):
            continue
        is_other = change.fingerprints[0] != change.fingerprints[1]
        if at_least(change.level, _MEANING) and is_other and not _is_told(changes, change):
            yield from _as_version(changes, change, before, after)
        certificate = after.certified
        if certificate is not None and certificate.fingerprint != change.fingerprints[1]:
            message = f"the certificate of `{after.name}` is for another meaning"
            hint = f"certify `{change.fingerprints[1]}` anew, or remove `certified`"
            yield Issue("void-certificate", message, change.at, hint, "warning")


def _is_told(changes: ChangeSet, change: Change) -> bool:
    """Whether a metric only reads others that have new versions: these say what has changed."""
    metrics = changes.base.catalog.metrics, changes.head.catalog.metrics

    def has_new_version(kind: str, name: str) -> bool:
        if kind != "metric" or name not in metrics[0] or name not in metrics[1]:
            return False
        return metrics[1][name].version > metrics[0][name].version

    return change.is_inherited and all(has_new_version(*cause) for cause in change.causes)


def _as_version(
    changes: ChangeSet, change: Change, before: Metric, after: Metric
) -> Iterator[Issue]:
    kept = name_of(after.name, before.version)
    former = next((f for f in after.previous if f.version == before.version), None)
    hint = f"raise `version` to {before.version + 1}, and keep the former definition under "
    hint += f"`previous` as version {before.version}, with a `reason`"
    if after.version <= before.version or former is None:
        message = f"`{after.name}` is certified, and means something else under the same version"
        yield Issue("certified-changed", message, change.at, hint)
        return
    if former.reason is None:
        message = f"`{after.name}` has a new version, and no `reason` for it"
        yield Issue("certified-changed", message, change.at, hint)
    known = changes.head.catalog.versions.get(kept)
    if known is not None and changes.head.identity.metric(kept) != change.fingerprints[0]:
        message = f"`{kept}` is not what `{after.name}` meant: the certified meaning is lost"
        yield Issue("certified-changed", message, change.at, hint)


# ----------------------------------------------------------------------------------------- ranges


def _goalposts(changes: ChangeSet, rules: Rules) -> Iterator[Issue]:
    """Ranges that let more pass while their KPIs are outside of them."""
    loosened = {c.name: c for c in changes.changes if "range-loosened" in c.rules}
    for name, stood in (rules.outside(tuple(loosened)) if loosened else {}).items():
        at = loosened[name].at
        if stood is None:
            message = f"the range of `{name}` lets more pass; how it stood is not known"
            hint = "`kpilayer health` records it: without a history nobody can tell"
            yield Issue("moved-goalposts", message, at, hint, "notice")
        else:
            message = f"the range of `{name}` lets more pass, and it was {stood}"
            hint = "change the range when it is healthy, or say why the old one was wrong"
            yield Issue("moved-goalposts", message, at, hint, "warning")


# ----------------------------------------------------------------------------------- deprecations


def _removals(changes: ChangeSet, rules: Rules) -> Iterator[Issue]:
    """Metrics that others rely on and that went before their time."""
    for change in (c for c in changes.changes if c.kind == "metric"):
        before = _base_metric(changes, change)
        is_gone = before is not None and (change.was or _head_metric(changes, change) is None)
        before = rules.metric(change) or before
        if before is None or not is_gone or before.status in ("draft", "retired"):
            continue
        has_ended = before.sunset is not None and before.sunset < rules.today
        if before.status == "deprecated" and has_ended and not change.was:
            continue
        name = change.was or change.name
        message = f"`{name}` is {before.status}, and is gone without a deprecation that has ended"
        if before.sunset is not None:
            message = f"`{name}` is promised until {before.sunset}, and is gone"
        hint = "keep it with `status: deprecated`, a `sunset` date and `replaced_by`"
        yield Issue("removed-too-early", message, change.at or change.at_before, hint)


def _deprecations(changes: ChangeSet, today: date) -> Iterator[Issue]:
    """Deprecated metrics that stay too long, say no date, or are newly used."""
    catalog = changes.head.catalog
    for name, metric in catalog.metrics.items():
        if metric.status != "deprecated":
            continue
        place = catalog.definitions.at("metric", name, "status")
        if metric.sunset is None:
            message = f"`{name}` is deprecated, and nothing says until when it is there"
            yield Issue("past-sunset", message, place, "add `sunset: <date>`", "warning")
        elif metric.sunset < today:
            message = f"`{name}` was to be gone after {metric.sunset}"
            hint = "remove it, or move its `sunset`"
            yield Issue("past-sunset", message, place, hint, "warning")
        users = tuple(_new_users(changes, name))
        if users:
            message = f"`{name}` is deprecated, and newly used by {listing(users)}"
            other = f"use `{metric.replaced_by}`" if metric.replaced_by else None
            yield Issue("uses-deprecated", message, place, other, "warning")


def _new_users(changes: ChangeSet, deprecated: str) -> Iterator[str]:
    catalog = changes.head.catalog
    for name, metric in catalog.metrics.items():
        before = changes.base.catalog.metrics.get(name)
        reads = deprecated in {used.name for used in metric.inputs}
        if reads and (before is None or deprecated not in {used.name for used in before.inputs}):
            yield name


# -------------------------------------------------------------------------------------- approvals


def _wanted(changes: ChangeSet, rules: Rules) -> Iterator[Wanted]:
    """By group of the base: what it owns that changes in a way that it has to agree to."""
    by_group: dict[str, list[Change]] = {}
    for change in changes.changes:
        if change.level not in _ASKED_FOR or not _is_relied_on(changes, change, rules):
            continue
        for name in _asked(changes, change, rules):
            by_group.setdefault(name, []).append(change)
    approved = {(a.change, a.by) for a in rules.side.approvals if _holds(a, rules.today)}
    for name, each in sorted(by_group.items()):
        group = group_of(rules.side.catalog, name)
        people = tuple(group.approvers) if group is not None else ()
        agreed = [
            c for c in each if (c.id, name) in approved or _caused_by(c, approved, name, each)
        ]
        rest = [c for c in each if c not in agreed]
        if agreed:
            yield Wanted(name, tuple(agreed), people, "approvals.yml")
        if rest:
            who = next((p for p in people if p.lower() in rules.reviewers), "")
            yield Wanted(name, tuple(rest), people, who)


def _caused_by(
    change: Change, approved: AbstractSet[tuple[str, str]], group: str, each: Sequence[Change]
) -> bool:
    """Whether all of what a change is inherited from is agreed to by the group."""
    causes = [c for c in each if c.subject in change.causes]
    whole = change.is_inherited and len(causes) == len(change.causes) > 0
    return whole and all((c.id, group) in approved for c in causes)


def _is_relied_on(changes: ChangeSet, change: Change, rules: Rules) -> bool:
    """Whether somebody relies on it: drafts may change as their authors like."""
    if change.kind != "metric":
        return True
    before = rules.metric(change) or _base_metric(changes, change)
    return before is not None and before.status not in ("draft", "retired")


def _asked(changes: ChangeSet, change: Change, rules: Rules) -> Iterator[str]:
    """The groups that have to agree: those of the base, as far as it says who may approve."""
    former = (change.kind, change.was or change.name)
    name = owner(rules.side.catalog, former) or change.owner
    if name is None:
        return
    group = group_of(rules.side.catalog, name)
    before = (
        (rules.metric(change) or _base_metric(changes, change)) if change.kind == "metric" else None
    )
    if (group is not None and group.approvers) or (before is not None and is_certified(before)):
        yield name


def _holds(approval: Approval, today: date) -> bool:
    return approval.until is None or approval.until >= today


def _approvals(changes: ChangeSet, rules: Rules) -> Iterator[Issue]:
    """Entries of approvals.yml that have ended, or that this change set does not need."""
    known = {(c.id, c.owner or "") for c in changes.changes}
    ids = {c.id for c in changes.changes}
    kept, today = {*rules.side.approvals, *changes.base.approvals}, rules.today
    for approval in changes.head.approvals:
        if not _holds(approval, today):
            message = f"the approval of `{approval.change}` ended on {approval.until}"
            yield Issue("bad-approval", message, hint="remove it", severity="warning")
        elif approval.change in ids and (approval.change, approval.by) not in known:
            message = f"`{approval.by}` does not own what `{approval.change}` changes"
            yield Issue("bad-approval", message, hint="the owner in the base has to agree")
        elif approval.change not in ids and approval not in kept:
            message = f"there is no change `{approval.change}` to approve"
            hint = "change ids are those that `kpilayer diff` prints; remove the entry"
            yield Issue("bad-approval", message, hint=hint)
