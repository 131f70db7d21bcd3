"""What random metrics can be grouped and filtered by, and random conditions on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.oracle.databases import EDGES, NEAR, literal
from tests.oracle.joins import Place, Unanswerable
from tests.oracle.kinds import World
from tests.oracle.names import METRIC_TIME, Item, group_by
from tests.oracle.time import GRAINS, coarsest, is_finer
from tests.oracle.world import NAMES

Spec = dict[str, Any]
#: How often names on the many side are among those that are drawn.
MANY = 0.1
#: How often a condition compares the value of a metric for an entity.
METRICS = 0.06
ENTITIES = ("order", "customer", "product", "region", "account", "order__buyer")


@dataclass
class Library:
    """Metrics made so far, with what later ones need to know of them."""

    random: Random
    world: World
    specs: list[Spec] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    many: float = MANY
    _names: dict[tuple[tuple[str, ...], bool], dict[str, str | None]] = field(default_factory=dict)

    def homes(self, name: str) -> tuple[str, ...]:
        """The models below a metric."""
        return tuple(dict.fromkeys(a.model for a in self.world.atoms(name)))

    def of_kinds(self, *kinds: str) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind in kinds]

    def needs_time(self, name: str) -> bool:
        """Whether most questions without time have no answer: for what is moved or accumulated."""
        below = self.world.metrics[name].inputs
        moved = any(i.offset_window or i.offset_to_grain for i in below)
        return (
            moved or self.kinds[name] == "cumulative" or any(self.needs_time(i.name) for i in below)
        )

    # ------------------------------------------------------------------------------ conditions

    def names(self, metrics: Sequence[str]) -> dict[str, str | None]:
        """What all of the metrics can be grouped by, with the grain of times."""
        homes = tuple(dict.fromkeys(home for m in metrics for home in self.homes(m)))
        many = self.random.random() < self.many
        if (homes, many) not in self._names:
            self._names[homes, many] = self._common(homes, many)
        return self._names[homes, many]

    def _common(self, homes: tuple[str, ...], many: bool) -> dict[str, str | None]:
        joins = self.world.joins
        found: dict[str, str | None] = {}
        for name in NAMES:
            places = [place for home in homes if (place := self._place(home, name, many))]
            ends = {(p.model, p.element) for p in places}
            if len(places) == len(homes) and (len(ends) == 1 or all(p.is_entity for p in places)):
                found[name] = joins.grain(places[0])
        return found

    def _place(self, model: str, name: str, many: bool) -> Place | None:
        try:
            item = group_by(name)
            place = self.world.joins.place(model, item.entities, item.name)
        except Unanswerable:
            return None
        return None if place.is_many and not many else place

    def own_grain(self, metrics: Sequence[str]) -> str | None:
        """The grain that `metric_time` has in all of the metrics; None without time."""
        grains = [self.world.own(a) for m in metrics for a in self.world.atoms(m)]
        return None if None in grains else coarsest(*(str(g) for g in grains))

    def time(self, name: str, own: str, *, parts: bool = True) -> str:
        """A time at a grain or part that its data have."""
        random = self.random
        if parts and random.random() < 0.15:
            needs = {"year": "year", "quarter": "quarter", "month": "month", "week": "week"}
            fits = [
                p
                for p in ("year", "quarter", "month", "week", "day", "dow", "doy")
                if not is_finer(needs.get(p, "day"), own)
            ]
            return f"{name}__extract_{random.choice(fits)}"
        fits = [g for g in GRAINS if g != "minute" and not is_finer(g, own)]
        weights = [0.3 if is_finer(g, "day") else 2 if g in ("day", "month") else 1 for g in fits]
        return f"{name}__{random.choices(fits, weights)[0]}"

    def asked(self, metrics: Sequence[str], *, parts: bool = True) -> str | None:
        """Something to group or filter by."""
        names, own = self.names(metrics), self.own_grain(metrics)
        if own is not None and (not names or self.random.random() < 0.45):
            return self.time("metric_time", own, parts=parts)
        if not names:
            return None
        name = self.random.choice(sorted(names))
        grain = names[name]
        return self.time(name, grain, parts=parts) if grain else name

    def condition(self, metrics: Sequence[str], depth: int = 2, *, is_filter: bool = False) -> str:
        """A SQL condition over what the metrics can be grouped by."""
        used: list[str] = []
        found = self._condition(metrics, depth, used, is_filter=is_filter)
        is_many = used and all(self._is_many(metrics, name) for name in used)
        return f"none({found})" if is_many and self.random.random() < 0.5 else found

    def _condition(
        self, metrics: Sequence[str], depth: int, used: list[str], *, is_filter: bool
    ) -> str:
        random = self.random
        kind = random.choice(("leaf", "leaf", "leaf", "not", "and", "or")) if depth else "leaf"
        if kind == "not":
            return f"NOT ({self._condition(metrics, depth - 1, used, is_filter=is_filter)})"
        if kind in ("and", "or"):
            sides = [
                self._condition(metrics, depth - 1, used, is_filter=is_filter) for _ in range(2)
            ]
            return f"({sides[0]} {kind.upper()} {sides[1]})"
        if random.random() < METRICS and (text := self._metric(metrics, is_filter)) is not None:
            used.append(METRIC_TIME)
            return text
        text = self.asked(metrics)
        used.append(text or METRIC_TIME)
        if text is None:
            return "TRUE"
        item = group_by(text)
        shown = _jinja(text) if is_filter else text
        return self._compared(text, item, shown)

    def _is_many(self, metrics: Sequence[str], name: str) -> bool:
        """Whether each row of the metrics can have several values of a name."""
        homes = {home for m in metrics for home in self.homes(m)}
        places = [self._place(home, name, True) for home in homes]
        return all(place is not None and place.is_many for place in places)

    def _compared(self, text: str, item: Item, shown: str) -> str:
        random = self.random
        if random.random() < 0.15:
            return f"{shown} IS {random.choice(('', 'NOT '))}NULL"
        choices: Sequence[Any] = NAMES.get(item.base, ())
        if item.part is not None:
            choices = (1, 2, 12, 53, 366, 2024)
        elif item.grain is not None:
            fine = is_finer(item.grain, "day")
            choices = [m if fine else m.date() for m in (*EDGES, *NEAR[::3])]
        if not choices:
            return shown
        pick = [literal(random.choice(choices)) for _ in range(2)]
        form = random.choice(("=", "<>", "<", "<=", ">", ">=", "IN", "BETWEEN"))
        if form == "IN":
            return f"{shown} IN ({pick[0]}, {pick[1]})"
        if form == "BETWEEN":
            return f"{shown} BETWEEN {pick[0]} AND {pick[1]}"
        return f"{shown} {form} {pick[0]}"

    def _metric(self, metrics: Sequence[str], is_filter: bool) -> str | None:
        """A condition on the value of a metric for an entity that all of the metrics have."""
        random = self.random
        kinds = ("simple", "variant", "ratio", "derived", "sql", "semi_additive")
        inner = random.choice([m for m in self.of_kinds(*kinds) if self.is_number(m)])
        fits = [n for n in ENTITIES if n in self.names(metrics) and n in self.names([inner])]
        if not fits:
            return None
        entity, in_range = random.choice(fits), random.random() < 0.3
        if is_filter:
            more = ", within_query_time=true" if in_range else ""
            shown = f"{{{{ Metric('{inner}', ['{entity}']{more}) }}}}"
        else:
            shown = f'"metric({inner} by {entity}{" in range" if in_range else ""})"'
        if random.random() < 0.2:
            return f"{shown} IS {random.choice(('', 'NOT '))}NULL"
        return (
            f"{shown} {random.choice(('=', '<>', '<', '>', '>='))} {random.choice((0, 1, 2, 5.5))}"
        )

    def is_number(self, name: str) -> bool:
        """Whether arithmetic can be done with a metric, without a float's sum that is no sum."""
        spec = next(s for s in self.specs if s["name"] == name)
        if isinstance(spec.get("input_metric"), str):
            return self.is_number(spec["input_metric"])
        return spec.get("expr") not in ("shipped_on", "status")

    def maybe_filter(self, spec: Spec, metrics: Sequence[str], chance: float = 0.25) -> Spec:
        if self.random.random() < chance:
            spec["filter"] = self.condition(metrics, 1, is_filter=True)
        return spec


def _jinja(text: str) -> str:
    item = group_by(text)
    if item.part is not None:
        return text
    if item.grain is not None:
        return f"{{{{ TimeDimension('{item.base}', '{item.grain}') }}}}"
    words = text.split("__")
    return f"{{{{ Dimension('{text}') }}}}" if len(words) > 1 else f"{{{{ Entity('{text}') }}}}"
