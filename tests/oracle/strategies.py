"""Random metrics of every kind, and random questions.

Everything is drawn from one ``random.Random``: a seeded one on the command line, one that
Hypothesis makes and shrinks in tests. Metrics are plain data, written as YAML for kpilayer.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.oracle import library
from tests.oracle.library import Spec

_VALUES = {
    "orders": (
        *(("sum", v) for v in ("amount", "qty", "amount * 2", "amount - qty / 4", "1")),
        *(("average", v) for v in ("amount", "qty")),
        *((agg, v) for agg in ("min", "max") for v in ("amount", "qty", "shipped_on", "status")),
        *(("count", v) for v in ("1", "status", "buyer_id")),
        *(("count_distinct", v) for v in ("buyer_id", "status", "amount")),
        *(("sum_boolean", v) for v in ("is_gift", "is_gift OR qty > 2", "amount > 1")),
        *((agg, v) for agg in ("median", "stddev", "variance") for v in ("qty", "amount")),
    ),
    "payments": (
        *((agg, v) for agg in ("sum", "average", "min", "max", "median") for v in ("fee", "value")),
        ("count", "1"),
        ("count_distinct", "customer_id"),
        ("sum", "CASE WHEN method = 'card' THEN fee ELSE 0 END"),
    ),
    "customers": (("count", "1"), ("sum_boolean", "is_vip"), ("count_distinct", "region_id")),
    "visits": (("count", "1"), ("count_distinct", "customer_id")),
    "signups": (("count", "1"), ("count_distinct", "customer_id")),
    "balances": (("sum", "amount"), ("average", "amount"), ("count", "1")),
    "contracts": (("count", "1"), ("sum", "fee")),
}
_SQL = {
    "orders": (
        "SUM(amount) / COUNT(DISTINCT buyer_id)",
        "SUM(amount) - SUM(qty)",
        "COUNT(*)",
        "SUM(CASE WHEN is_gift THEN amount ELSE 0 END) / SUM(amount)",
        "COUNT(*) FILTER (WHERE status = 'done') / COUNT(*)",
        "COALESCE(MAX(qty), 0) - MIN(qty)",
        "CASE WHEN COUNT(*) > 1 THEN AVG(amount) ELSE NULL END",
    ),
    "payments": ("SUM(value) / SUM(fee)", "MAX(fee) - MIN(fee)"),
}
_TIMES = {
    "orders": ("shipped_on",),
    "payments": ("order__ordered_at", "order__shipped_on"),
}
KINDS = (
    *("simple", "variant", "ratio", "derived", "cumulative", "offset", "semi_additive"),
    *("active", "conversion", "funnel", "nested", "share", "regrouped", "sql", "metric_filter"),
)


class Library(library.Library):
    """Metrics made so far, and how to make more."""

    def make(self, kind: str, name: str) -> Spec | None:
        """A metric of a kind; None where there is nothing to make it of."""
        made: Spec | None = getattr(self, f"_{kind}")(name)
        return made

    def _simple(self, name: str, models: Sequence[str] = ()) -> Spec:
        random = self.random
        model = random.choice(models or [m for m in _VALUES if m != "contracts"])
        agg, value = random.choice(_VALUES[model])
        spec: Spec = {"name": name, "model": model, "agg": agg, "expr": value}
        if agg == "median" and random.random() < 0.6:
            share = random.choice((0.1, 0.25, 0.5, 0.9))
            kind = random.choice(("continuous", "discrete"))
            spec |= {"agg": "percentile", "percentile": share, "percentile_type": kind}
        if random.random() < 0.15 and model in _TIMES:
            spec["agg_time_dimension"] = random.choice(_TIMES[model])
        if agg in ("sum", "count", "sum_boolean") and random.random() < 0.2:
            spec["fill_nulls_with"] = random.choice((0, -1, 7))
        if random.random() < 0.12:
            spec["join_to_timespine"] = random.choice((True, "grid"))
        sample = {"orders": "revenue", "payments": "fees", "customers": "customer_count",
                  "visits": "visit_count", "signups": "signup_count"}  # fmt: skip
        return self.maybe_filter(spec, [sample.get(model, "balance")])

    def _variant(self, name: str) -> Spec | None:
        below = self.random.choice(self.of_kinds("simple", "variant"))
        spec: Spec = {"name": name, "input_metric": below}
        if self.random.random() < 0.25 and self.is_number(below):
            spec["fill_nulls_with"] = self.random.choice((0, 5))
        if self.random.random() < 0.15:
            spec["join_to_timespine"] = self.random.choice((True, "grid"))
        return self.maybe_filter(spec, [below], 0.8)

    def _input(self, name: str, alias: str, *, offset: float = 0.0) -> Spec:
        random = self.random
        spec: Spec = {"name": name, "alias": alias}
        if random.random() < offset:
            if random.random() < 0.7:
                text = random.choice(
                    (
                        "1 day",
                        "2 days",
                        "7 days",
                        "1 week",
                        "1 month",
                        "2 months",
                        "1 quarter",
                        "1 year",
                    )
                )
                spec["offset_window"] = text
            else:
                spec["offset_to_grain"] = random.choice(("week", "month", "quarter", "year"))
        return self.maybe_filter(spec, [name], 0.2)

    def _ratio(self, name: str) -> Spec | None:
        pool = self.of_kinds("simple", "variant", "sql", "derived", "ratio")
        pool = [m for m in pool if self.is_number(m)]
        one, other = (self.random.choice(pool) for _ in range(2))
        sides = (self._input(one, f"{name}_up"), self._input(other, f"{name}_down"))
        spec: Spec = {"name": name, "type": "ratio", "numerator": sides[0], "denominator": sides[1]}
        return self.maybe_filter(spec, [one, other], 0.15)

    def _derived(self, name: str, offset: float = 0.0) -> Spec | None:
        kinds = ["simple", "variant", "sql", "ratio", "derived"]
        if offset:
            kinds += ["offset", "cumulative", "conversion", "semi_additive"]
        pool = [m for m in self.of_kinds(*kinds) if self.is_number(m)]
        names = [self.random.choice(pool) for _ in range(self.random.choice((1, 2, 2, 3)))]
        inputs = [self._input(m, f"in_{i}", offset=offset) for i, m in enumerate(names)]
        forms = {
            1: ("in_0", "in_0 * 2", "COALESCE(in_0, 0)", "in_0 / 3"),
            2: ("in_0 - in_1", "in_0 / in_1", "in_0 + 2 * in_1", "COALESCE(in_0, 0) - in_1",
                "CASE WHEN in_0 > in_1 THEN in_0 ELSE in_1 END"),
            3: ("in_0 - in_1 + in_2", "(in_0 - in_1) / in_2", "COALESCE(in_0, in_1, in_2, 0)"),
        }  # fmt: skip
        form = self.random.choice(forms[len(names)])
        spec: Spec = {"name": name, "type": "derived", "expr": form, "input_metrics": inputs}
        return self.maybe_filter(spec, names, 0.15)

    def _offset(self, name: str) -> Spec | None:
        return self._derived(name, offset=0.7)

    def _cumulative(self, name: str) -> Spec | None:
        random = self.random
        below = random.choice([m for m in self.of_kinds("simple", "variant") if self.is_number(m)])
        used: Spec = {"name": below}
        spec: Spec = {
            "name": name,
            "type": "cumulative",
            "input_metric": self.maybe_filter(used, [below], 0.15),
        }
        kind = random.choice(("all", "window", "to_date"))
        if kind == "window":
            lengths = ("1 day", "2 days", "7 days", "1 week", "1 month", "2 months", "1 year")
            spec["window"] = random.choice(lengths)
        if kind == "to_date":
            spec["grain_to_date"] = random.choice(("week", "month", "quarter", "year"))
        if random.random() < 0.6:
            spec["period_agg"] = random.choice(("first", "last", "average"))
        if random.random() < 0.3:
            spec["rows"] = "data"
        return self.maybe_filter(spec, [below], 0.2)

    def _semi_additive(self, name: str) -> Spec:
        random = self.random
        model = random.choice(("balances", "balances", "orders"))
        agg, value = ("sum", "amount")
        over = "taken_on" if model == "balances" else random.choice(("ordered_at", "shipped_on"))
        balance: Spec = {"name": over, "window_agg": random.choice(("min", "max"))}
        entities = ["account", "region"] if model == "balances" else ["buyer", "product"]
        chosen = random.sample(entities, random.choice((0, 1, 2)))
        if chosen:
            balance["group_by"] = chosen
        spec: Spec = {"name": name, "model": model, "agg": agg, "expr": value,
                      "non_additive_dimension": balance}  # fmt: skip
        if over == "shipped_on":
            spec["agg_time_dimension"] = over
        return self.maybe_filter(spec, ["balance" if model == "balances" else "revenue"], 0.2)

    def _active(self, name: str) -> Spec:
        agg, value = self.random.choice(_VALUES["contracts"])
        as_of = self.random.choice(("period_end", "period_start", "every_day"))
        return {"name": name, "model": "contracts", "agg": agg, "expr": value, "as_of": as_of}

    def _counts(self, *models: str) -> list[str]:
        """Metrics that count events."""
        counting = ("count", "count_distinct")
        found = []
        for m in self.of_kinds("simple", "variant"):
            atom = self.world.atom(m)
            plain = atom.spine is None and atom.agg in counting
            if plain and atom.model in models and atom.time and "__" not in atom.time:
                found.append(m)
        return found

    def _conversion(self, name: str) -> Spec | None:
        random = self.random
        spec: Spec = {
            "name": name,
            "type": "conversion",
            "entity": "customer",
            "base_metric": {"name": random.choice(self._counts("visits", "payments"))},
            "conversion_metric": {
                "name": random.choice(self._counts("signups", "visits", "payments"))
            },
            "calculation": random.choice(("conversion_rate", "conversions")),
            "base_event": random.choice(("latest", "latest", "first", "any")),
            "window_end": random.choice(("exclusive", "inclusive")),
        }
        if random.random() < 0.7:
            spec["window"] = random.choice(("1 day", "2 days", "7 days", "1 month"))
        if random.random() < 0.3:
            spec["after"] = random.choice(("1 day", "1 hour"))
        if random.random() < 0.3:
            spec["unit"] = "calendar_day"
        homes = [self.homes(spec[f"{side}_metric"]["name"])[0] for side in ("base", "conversion")]
        pages = {"visits": "visit__page", "signups": "signup__page"}
        if random.random() < 0.3 and all(h in pages for h in homes):
            pair = {"base_property": pages[homes[0]], "conversion_property": pages[homes[1]]}
            spec["constant_properties"] = [pair]
        for side in ("base_metric", "conversion_metric"):
            self.maybe_filter(spec[side], [spec[side]["name"]], 0.2)
        return self.maybe_filter(spec, [spec["base_metric"]["name"]], 0.15)

    def _funnel(self, name: str) -> Spec | None:
        random = self.random
        counts = self._counts("visits", "signups", "payments")
        kinds = ("conversions", "rate_from_first", "rate_from_previous")
        spec: Spec = {
            "name": name,
            "type": "funnel",
            "entity": "customer",
            "steps": [{"name": random.choice(counts)} for _ in range(random.choice((2, 3)))],
            "calculation": random.choice(kinds),
        }
        if random.random() < 0.5:
            spec["window"] = random.choice(("1 day", "3 days", "1 month"))
        return spec

    def _nested(self, name: str) -> Spec | None:
        random = self.random
        pool = self.of_kinds("simple", "variant", "ratio", "derived", "sql", "cumulative")
        below = random.choice([m for m in pool if self.is_number(m)])
        names, own = self.names([below]), self.own_grain([below])
        entities = [n for n in names if names[n] is None and n in
                    ("order", "customer", "product", "region", "account", "order__buyer")]  # fmt: skip
        if own is not None and random.random() < 0.4:
            entities.append(self.time("metric_time", own, parts=False))
        if not entities:
            return None
        agg = random.choice(("sum", "average", "median", "max", "count", "count_distinct"))
        per = random.sample(entities, min(len(entities), random.choice((1, 1, 2))))
        return {"name": name, "type": "nested", "agg": agg, "input_metric": below, "per": per}

    def _share(self, name: str) -> Spec | None:
        pool = self.of_kinds("simple", "variant", "derived", "sql")
        below = self.random.choice([m for m in pool if self.is_number(m)])
        spec: Spec = {"name": name, "type": "share", "input_metric": below}
        within = [t for t in (self.asked([below], parts=False), "metric_time") if t]
        if self.random.random() < 0.6 and self.own_grain([below]):
            spec["within"] = [self.random.choice(within)]
        return spec

    def _regrouped(self, name: str) -> Spec | None:
        spec = self._derived(name)
        assert spec is not None
        chosen = self.random.choice(spec["input_metrics"])
        chosen["group_by"] = []
        if self.own_grain([chosen["name"]]) and self.random.random() < 0.6:
            chosen["group_by"] = ["metric_time"]
        return spec

    def _sql(self, name: str) -> Spec:
        model = self.random.choice(sorted(_SQL))
        spec: Spec = {"name": name, "model": model, "sql": self.random.choice(_SQL[model])}
        return self.maybe_filter(spec, ["revenue" if model == "orders" else "fees"])

    def _metric_filter(self, name: str) -> Spec | None:
        below = self.random.choice(("revenue", "fees", "visit_count", "signup_count"))
        entity, pool = {"revenue": ("buyer", ("revenue", "order_count"))}.get(
            below, ("customer", ("fees", "visit_count", "signup_count"))
        )
        mark, bound = self.random.choice(("<", ">", ">=", "=")), self.random.choice((0, 1, 2))
        inner = self.random.choice(pool)
        text = f"{{{{ Metric('{inner}', ['{entity}']) }}}} {mark} {bound}"
        return {"name": name, "input_metric": below, "filter": text}


__all__ = ["KINDS", "Library"]
