"""A change set: what happened to each definition, in what it means and whom it reaches.

Edits are found on typed definitions (``edits.py``). What stands downstream of an edited definition
is compared by fingerprint; where that differs, it is proved or refuted that it means the same
(``evidence.py``), so a change stops where its effect does. Only this closure is compiled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from kpilayer.change.bench import Bench
from kpilayer.change.edits import Edit, Subject, edits, metric_edits, origin_edits
from kpilayer.change.evidence import USUAL, Effort, Evidence, compare_metrics, compare_parts
from kpilayer.change.origins import Origins
from kpilayer.change.paths import rerouted
from kpilayer.change.reach import NOBODY, Reach, Users, owner
from kpilayer.change.renames import possible_renames, renames
from kpilayer.change.rules import LEVELS, RULES, Level, worst
from kpilayer.change.strictness import strictness
from kpilayer.errors import Location
from kpilayer.lineage import elements
from kpilayer.model.definitions import Key
from kpilayer.model.semantic_model import Model
from kpilayer.selection.dependencies import Dependencies, reachable
from kpilayer.selection.versions import Side
from kpilayer.versions import base as base_name

OnStep = Callable[[str, int, int], object]
#: Edits that every metric may feel, whatever reads what.
_EVERYWHERE: Final = frozenset({"config", "time_spine"})
#: What is as severe as what it does to others.
_FELT: Final = frozenset({"model", "query", "macro", "var"})
_VERDICT: Final[Mapping[str, Level]] = {
    "equivalent": "equivalent",
    "different": "value",
    "unproven": "unproven",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one definition.

    ``edits`` are its own; ``causes`` the edited definitions that it reads, where its meaning is
    another one through them. ``was`` is a former name. ``owner`` is the group in the base, else in
    the head. ``fingerprints`` are those of before and after.
    """

    subject: Subject
    level: Level
    edits: tuple[Edit, ...] = ()
    causes: tuple[Subject, ...] = ()
    was: str = ""
    evidence: Evidence | None = None
    fingerprints: tuple[str | None, str | None] = (None, None)
    reach: Reach = NOBODY
    owner: str | None = None
    at: Location | None = None
    at_before: Location | None = None

    @property
    def kind(self) -> str:
        """The kind of the definition."""
        return self.subject[0]

    @property
    def name(self) -> str:
        """Its address: `revenue`, `orders.status`."""
        return self.subject[1]

    @property
    def is_inherited(self) -> bool:
        """Whether it only reads what has changed."""
        return not self.edits

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules of its edits, the most severe first."""
        if not self.edits:
            return ("upstream",)
        ordered = sorted(self.edits, key=lambda e: -LEVELS.index(e.level))
        return tuple(dict.fromkeys(e.rule for e in ordered))

    @property
    def id(self) -> str:
        """The change id: the same for the same change, in whatever commit and wording."""
        told = [*self.subject, *(e.id for e in self.edits)]
        if self.fingerprints[0] != self.fingerprints[1]:  # what it inherits is part of it
            told += [str(f) for f in self.fingerprints]
        elif not self.edits and self.evidence is not None:
            told.append(self.evidence.answer)
        return "c" + hashlib.sha256(json.dumps(told).encode()).hexdigest()[:11]  # never a number


@dataclass(frozen=True)
class ChangeSet:
    """Everything that differs between two projects, the most severe first."""

    base: Side
    head: Side
    changes: tuple[Change, ...]
    possible_renames: tuple[tuple[str, str], ...] = ()
    effort: Effort = USUAL
    compared: int = 0
    """How many metrics were compared by what they mean."""

    @property
    def level(self) -> Level:
        """The class of the whole."""
        return worst(change.level for change in self.changes)

    @cached_property
    def counts(self) -> dict[Level, int]:
        """How many definitions have changed, by class; none that has no change."""
        found = dict.fromkeys(reversed(LEVELS), 0)
        for change in self.changes:
            found[change.level] += 1
        return {level: count for level, count in found.items() if count}

    @property
    def id(self) -> str:
        """One word for the whole set: what was reviewed is what is merged."""
        text = json.dumps(sorted(change.id for change in self.changes))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def of(self, kind: str, name: str) -> Change | None:
        """What happened to a definition; None: nothing."""
        return next((c for c in self.changes if c.subject == (kind, name)), None)


def diff(
    base: Side,
    head: Side,
    effort: Effort = USUAL,
    on_step: OnStep | None = None,
    *,
    only: str | None = None,
) -> ChangeSet:
    """Everything that differs between two projects that compile; ``only`` of one metric."""
    work = _Work(base, head, effort, on_step or (lambda *_: None), only)
    changes = sorted(work.changes(), key=_order)
    return ChangeSet(
        base,
        head,
        tuple(changes),
        tuple(possible_renames(base, head, work.renamed)),
        effort,
        len(head.catalog.metrics),
    )


def _order(change: Change) -> tuple[Any, ...]:
    kinds = ("metric", "dimension", "entity", "model", "query", "config")
    kind = kinds.index(change.kind) if change.kind in kinds else len(kinds)
    return (-LEVELS.index(change.level), change.is_inherited, kind, change.subject)


@dataclass(frozen=True)
class _Work:
    """The comparison of two projects; what is found once is kept."""

    base: Side
    head: Side
    effort: Effort
    on_step: OnStep
    only: str | None = None

    def changes(self) -> Iterator[Change]:
        """A change for each definition with edits, and for each that inherits another meaning."""
        own = self._edits
        reached = [("metric", name) for name in self._reached if ("metric", name) not in own]
        made = [
            subject for subject in self._made if subject[0] == "dimension" and subject not in own
        ]
        subjects: list[Subject] = [*own, *reached, *made]
        if self.only is not None:
            subjects = [subject for subject in subjects if subject == ("metric", self.only)]
        found: list[Change] = []
        for number, subject in enumerate(subjects, start=1):
            self.on_step(subject[1], number, len(subjects))
            change = self._change(subject, own.get(subject, ()))
            if change is not None:
                found.append(change)
        yield from (self._as_felt(change, found) for change in found)

    # ----------------------------------------------------------------------------- what was edited

    @cached_property
    def renamed(self) -> dict[str, str]:
        """Metrics by their old name, with the new one."""
        return renames(self.base, self.head)

    @cached_property
    def bench(self) -> Bench:
        """Both sides over the same tables."""
        return Bench(self.base, self.head)

    @cached_property
    def _all_edits(self) -> tuple[Edit, ...]:
        """Edits, those of a renamed metric as of one definition."""
        gone = {("metric", was) for was in self.renamed}
        came = {("metric", name) for name in self.renamed.values()}
        found = edits(self.base.catalog, self.head.catalog)
        kept = [edit for edit in found if edit.subject not in gone | came]
        for was, name in self.renamed.items():
            kept += metric_edits(self.base.catalog, self.head.catalog, was, name)
        if any(edit.subject[0] in ("model", "entity") for edit in kept):
            kept += rerouted(self.base, self.head)
        return tuple(kept)

    @cached_property
    def _edits(self) -> dict[Subject, tuple[Edit, ...]]:
        """What somebody wrote otherwise, by what it is about; macros and variables last."""
        found: dict[Subject, list[Edit]] = {}
        behind: list[Edit] = []
        for edit in self._all_edits:
            if not edit.origin or not _is_felt(edit):
                found.setdefault(edit.subject, []).append(edit)
            behind += origin_edits(self._origins, edit.origin)
        for edit in dict.fromkeys(behind):
            found.setdefault(edit.subject, []).append(edit)
        return {subject: tuple(each) for subject, each in found.items()}

    @cached_property
    def _made(self) -> dict[Subject, tuple[Subject, ...]]:
        """What macros and variables made another definition, by that, with them."""
        found: dict[Subject, list[Subject]] = {}
        for edit in self._all_edits:
            if edit.origin and _is_felt(edit):
                causes = [e.subject for e in origin_edits(self._origins, edit.origin)]
                found.setdefault(edit.subject, []).extend(causes)
        return {subject: tuple(dict.fromkeys(causes)) for subject, causes in found.items()}

    @cached_property
    def _origins(self) -> Origins:
        return Origins(self.base.catalog.definitions, self.head.catalog.definitions)

    @cached_property
    def _edges(self) -> tuple[Dependencies, Dependencies]:
        return Dependencies(self.base.identity.graph), Dependencies(self.head.identity.graph)

    @cached_property
    def _reached(self) -> tuple[str, ...]:
        """Metrics of the head, also in the base, that read something edited."""
        edited = {*self._edits, *self._made}
        here = self.head.catalog.metrics
        if any(kind in _EVERYWHERE for kind, _ in edited):
            known = [name for name in here if self._before(name) is not None]
            return (*known, *self._former(known))
        touched = {_key(subject) for subject in edited}
        found: set[Key] = set()
        for side in self._edges:
            found |= reachable(side.downstream, [k for k in touched if k in side.downstream])
        names = {self.renamed.get(name, name) for kind, name in found if kind == "metric"}
        kept = {n for n in names if n in here and self._before(n) is not None}
        return tuple(sorted((*kept, *self._former(kept))))

    def _former(self, names: Iterable[str]) -> Iterator[str]:
        """Former versions that both sides know, `revenue@1`, of metrics."""
        for version in self.head.catalog.versions:
            if base_name(version) in names and version in self.base.catalog.versions:
                yield version

    def _before(self, metric: str) -> str | None:
        """The name in the base of a metric of the head, or of a former version of one."""
        was = next((old for old, new in self.renamed.items() if new == metric), metric)
        return was if self.base.catalog.has_metric(was) else None

    # ------------------------------------------------------------------------------ one definition

    def _change(self, subject: Subject, own: tuple[Edit, ...]) -> Change | None:
        reach = self._users[0].of(subject).merged(self._users[1].of(subject))
        change = Change(
            subject,
            worst(e.level for e in own),
            own,
            owner=self._owner(subject),
            reach=reach,
            at=next((e.at for e in own if e.at), None),
            at_before=next((e.at_before for e in own if e.at_before), None),
        )
        is_whole = all(edit.field for edit in own)  # neither new nor removed
        match subject[0]:
            case "metric":
                return self._metric(change)
            case "dimension" | "entity" if is_whole:
                return self._part(change)
        return change

    def _owner(self, subject: Subject) -> str | None:
        """The group that owns a definition in the base, by its name there; else in the head."""
        kind, name = subject
        before = (kind, self._before(name) or name) if kind == "metric" else subject
        return owner(self.base.catalog, before) or owner(self.head.catalog, subject)

    def _metric(self, change: Change) -> Change | None:
        name = change.name
        before = self._before(name)
        if before is None or not self.head.catalog.has_metric(name):
            sides = (self.base, self.head)
            known = [s.identity.metric(name) if name in s.catalog.metrics else None for s in sides]
            return replace(change, fingerprints=(known[0], known[1])) if change.edits else None
        was = before if before != name else ""
        prints = self.base.identity.metric(before), self.head.identity.metric(name)
        at = change.at or self.head.catalog.definitions.at("metric", name, "name")
        old = change.at_before or self.base.catalog.definitions.at("metric", before, "name")
        change = replace(change, was=was, fingerprints=prints, at=at, at_before=old)
        if was:
            change = replace(change, reach=change.reach.merged(self._users[0].of(("metric", was))))
        if prints[0] == prints[1]:
            if not change.edits:
                return None
            spelled = tuple(map(_spelled, change.edits))
            return replace(change, edits=spelled, level=worst(e.level for e in spelled))
        evidence = compare_metrics(self.bench, before, name, self.effort)
        change = replace(change, edits=tuple(map(self._noted, change.edits)))
        rest = [e.level for e in change.edits if not RULES[e.rule].provable]
        level = worst([_VERDICT[evidence.answer], *rest])
        return replace(change, level=level, evidence=evidence, causes=tuple(self._causes(name)))

    def _noted(self, edit: Edit) -> Edit:
        if edit.rule != "condition" or not self.effort.prove:
            return edit
        return replace(edit, note=strictness(edit, self.base, self.head, edit.subject[1]))

    def _causes(self, metric: str) -> Iterator[Subject]:
        """The edited definitions, of another meaning, that a metric reads."""
        names: set[Key] = set()
        for side, name in zip(self._edges, (self._before(metric), metric), strict=True):
            read = reachable(side.upstream, [("metric", name or metric)])
            names |= {
                ("metric", self.renamed.get(n, n)) if k == "metric" else (k, n) for k, n in read
            }
        parts = self._parts(metric)
        for subject, own in self._edits.items():
            is_read = subject[0] in _EVERYWHERE or _key(subject) in names
            if subject[0] in ("dimension", "entity"):
                is_read = subject[1] in parts
            if is_read and subject != ("metric", metric) and any(_matters(e) for e in own):
                yield subject
        made = (
            c for subject, causes in self._made.items() if _key(subject) in names for c in causes
        )
        yield from dict.fromkeys(made)

    def _parts(self, metric: str) -> set[str]:
        """Dimensions and entities below a metric on either side: `orders.status`."""
        sides = ((self.base, self._before(metric) or metric), (self.head, metric))
        found = (elements(side.identity.graph, name) for side, name in sides)
        return {f"{model}.{name}" for each in found for model, name in each}

    def _part(self, change: Change) -> Change | None:
        """A group-by or a key: whether its values are what they were, row by row."""
        provable = [e for e in change.edits if RULES[e.rule].provable]
        made = self._made.get(change.subject, ())
        if not provable and not made:
            return change
        if any(e.field != "expr" for e in provable):
            return change  # how rows are joined, or at which grain they are shown
        model, _, name = change.name.partition(".")
        evidence = compare_parts(self.bench, model, (name,), self.effort)
        rest = [e.level for e in change.edits if e not in provable]
        level = worst([_VERDICT[evidence.answer], *rest])
        return replace(change, evidence=evidence, level=level, causes=made)

    def _as_felt(self, change: Change, found: list[Change]) -> Change:
        """A model, SQL model, join or macro: as severe as what it does to what reads it."""
        if change.kind not in _FELT or not all(RULES[e.rule].provable for e in change.edits):
            return change
        if any(not edit.field for edit in change.edits):
            return change
        felt = [c.level for c in found if change.subject in c.causes]
        if change.kind in ("query", "model"):
            felt += list(self._felt_by_rows(change))
        return replace(change, level=worst(felt)) if felt else change

    def _felt_by_rows(self, change: Change) -> Iterator[Level]:
        """What becomes of the keys and group-bys of models whose rows come from a changed one.

        All of a model's at once: which keys stand with which values decides every join.
        """
        for name, model in self.head.catalog.models.items():
            reads = reachable(self._edges[1].upstream, [("model", name)])
            before = self.base.catalog.models.get(name)
            if _key(change.subject) not in reads or before is None:
                continue
            names = _parts_of(before)
            both = tuple(part for part in _parts_of(model) if part in names)
            found = compare_parts(self.bench, name, both, self.effort)
            yield _VERDICT[found.answer]

    @cached_property
    def _users(self) -> tuple[Users, Users]:
        return Users(self.base.catalog), Users(self.head.catalog)


def _is_felt(edit: Edit) -> bool:
    """Whether a comparison of what it means tells what a macro or variable did to a definition."""
    return RULES[edit.rule].provable and edit.subject[0] in (
        "metric",
        "dimension",
        "entity",
        "query",
    )


def _parts_of(model: Model) -> dict[str, None]:
    """The names of a model's entities and dimensions."""
    names = (*(e.name for e in model.entities), *(d.name for d in model.dimensions))
    return dict.fromkeys(names)


def _key(subject: Subject) -> Key:
    """The definition, as dependencies name it, that holds what was edited."""
    kind, name = subject
    if kind in ("dimension", "entity", "query"):
        return "model", name.partition(".")[0]
    return kind, base_name(name)  # type: ignore[return-value]


def _matters(edit: Edit) -> bool:
    """Whether an edit may give metrics another meaning."""
    rule = RULES[edit.rule]
    return rule.provable or rule.level in ("value", "interface")


def _spelled(edit: Edit) -> Edit:
    """An edit under which the meaning stayed: another spelling, where it is one of the meaning."""
    return replace(edit, rule="spelling") if RULES[edit.rule].provable else edit


def is_felt(change: Change) -> bool:
    """Whether a change is judged by what it does to what reads it: it has no numbers of its own."""
    return change.kind in _FELT and change.evidence is None


def as_names(subjects: Iterable[Subject]) -> Sequence[str]:
    """Subjects as people name them: `revenue`, `dimension orders.status`.

    >>> as_names([("metric", "revenue"), ("dimension", "orders.status")])
    ['revenue', 'dimension orders.status']
    """
    return [
        name if kind == "metric" else f"{kind.replace('_', ' ')} {name}" for kind, name in subjects
    ]
