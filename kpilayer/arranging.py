"""What `Project.tree` gives: the hierarchy of KPIs, with how each stands, in every format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kpilayer.errors import Issue, QueryError, WarehouseError, did_you_mean
from kpilayer.identity import Identity
from kpilayer.kpi.drawing.hierarchy_forms import State, as_mermaid, as_svg, as_text, problems
from kpilayer.kpi.hierarchy import Branch, Hierarchy, hierarchy
from kpilayer.kpi.report import Health
from kpilayer.kpi.shown import value_in_words


@dataclass(frozen=True, slots=True)
class KpiTree:
    """The hierarchy of KPIs, from north stars down: what supports them, and what they are made of.

    ``hierarchy`` has `branches`, each with `name`, `kpi`, `depth` and `parent`; `orphans`, which
    lead to no north star; and `cycles`. ``states`` says how each KPI stands, ``values`` are their
    last values; both are empty where nothing was asked. ``notes`` say why.
    """

    hierarchy: Hierarchy
    states: Mapping[str, State] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether a KPI leads back to itself."""
        return bool(self.hierarchy.cycles)

    def to_text(self) -> str:
        """For a terminal: a tree with status, value, kind and guardrails."""
        return as_text(self.hierarchy, self.states, self.notes)

    def to_mermaid(self) -> str:
        """As a Mermaid chart."""
        return as_mermaid(self.hierarchy, self.states)

    def to_svg(self) -> str:
        """As a picture."""
        return as_svg(self.hierarchy, self.states)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def as_json(self) -> dict[str, Any]:
        """As JSON values: `branches`, from the roots down, and a `summary`."""
        summary = {
            "orphans": list(self.hierarchy.orphans),
            "cycles": [list(cycle) for cycle in self.hierarchy.cycles],
            "problems": problems(self.hierarchy),
            "notes": list(self.notes),
        }
        return {"branches": [self._values(b) for b in self.hierarchy.branches], "summary": summary}

    def _values(self, branch: Branch) -> dict[str, Any]:
        kpi, state = branch.kpi, self.states.get(branch.name)
        return {
            "name": branch.name,
            "depth": branch.depth,
            "parent": branch.parent,
            "edge": branch.edge or None,
            "repeated": branch.repeated,
            "kind": None if kpi is None else kpi.kind,
            "metric": branch.name if kpi is None else kpi.metric,
            "status": None if state is None else state.status,
            "value": self.values.get(branch.name),
            "guardrails": [] if kpi is None else [r.kpi or r.metric for r in kpi.guardrails],
        }


#: How the KPIs of these names stand, all that are live where there are none.
Judge = Callable[[], Health]


def arranged(identity: Identity, root: str | None, judge: Judge | None) -> KpiTree:
    """The hierarchy of all KPIs, or of one; without ``judge``, nothing is said of how they stand.

    A warehouse that cannot be reached is noted, and the tree is there all the same.

    Raises:
        QueryError: there is no KPI of the name.
    """
    kpis = identity.catalog.definitions.kpis
    known = {kpi.name for kpi in kpis}
    if root is not None and root not in known:
        message = f"there is no KPI `{root}`"
        raise QueryError(Issue("unknown-kpi", message, hint=did_you_mean(root, known)))
    found = hierarchy(kpis, root)
    if judge is None:
        return KpiTree(found)
    try:
        health = judge()
    except WarehouseError as error:
        return KpiTree(found, notes=(f"without status: {error.issues[0].message}",))
    states: dict[str, State] = {
        kpi.name: State(kpi.status) for kpi in kpis if kpi.status in ("draft", "deprecated")
    }
    values: dict[str, float] = {}
    for one in health.standings:
        if one.segment:
            continue
        value = one.current.value if one.current is not None else None
        form = health.formats.get(one.kpi.metric, "")
        states[one.kpi.name] = State(
            one.status, "" if value is None else value_in_words(value, form)
        )
        if value is not None:
            values[one.kpi.name] = value
    return KpiTree(found, states, values)
