"""One set of definitions, written as a project of kpilayer, MetricFlow, dbt and sidemantic.

A *world* has facts (`orders_001`, ..) and three dimensions that all of them share. Each metric
is a value of this module, and each system has one function that writes it in the system's own
words, so that the projects can only mean the same. MIX says how many metrics are of which kind.

    python generate.py SIZE DATABASE        the tables of a world, as a new DuckDB file
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Final

#: Metrics by kind, in percent. Kinds that every system computes; see `_KINDS` to add one.
MIX: Final = {"simple": 50, "ratio": 15, "derived": 20, "filtered": 10, "filtered_by_join": 5}
#: Facts by number of metrics.
FACTS: Final = {50: 2, 500: 25, 2000: 100}
GROUP_BY: Final = ("metric_time__month", "customer__country")

#: Dimension, and its columns besides the key.
DIMENSIONS: Final = {
    "customer": ("country", "segment"),
    "product": ("category", "brand"),
    "store": ("city", "size"),
}
_VALUES: Final = (
    ("sum", "amount"),
    ("sum", "amount - discount"),
    ("count", "1"),
    ("sum", "quantity"),
    ("count_distinct", "customer_id"),
    ("average", "amount"),
    ("sum", "amount * quantity"),
    ("max", "amount"),
    ("sum", "CASE WHEN quantity > 1 THEN amount ELSE 0 END"),
    ("min", "amount"),
    ("sum", "cost"),
    ("count_distinct", "product_id"),
    ("sum", "amount - discount - cost"),
    ("average", "quantity"),
)
#: Sidemantic filters by a joined dimension where the value is a qualified column.
_OF_ONE_COLUMN: Final = tuple(v for v in _VALUES if v[1] in ("amount", "quantity", "cost"))
_STATUSES: Final = ("open", "shipped", "returned", "cancelled")
_COUNTRIES: Final = ("DE", "FR", "US", "JP")
#: Over a fact's simple metrics a, b and c, the derived metric before it (d), and a filtered (f).
_FORMULAS: Final = ("{a} - {b}", "({a} - {b}) / {c}", "{d} * 100", "{a} - {f}")


@dataclass(frozen=True)
class Metric:
    """A metric of one fact: an aggregation, a ratio of two inputs, or a formula over inputs.

    ``where`` is (None or dimension, column, value).
    """

    name: str
    kind: str
    fact: str
    agg: str = ""
    expr: str = ""
    inputs: tuple[str, ...] = ()
    where: tuple[str | None, str, str] | None = None


@dataclass(frozen=True)
class World:
    """The names of the facts, and all metrics."""

    facts: tuple[str, ...]
    metrics: tuple[Metric, ...]

    def of(self, fact: str) -> tuple[Metric, ...]:
        """The metrics of one fact."""
        return tuple(m for m in self.metrics if m.fact == fact)


def world(count: int, mix: dict[str, int] | None = None) -> World:
    """``count`` metrics over their facts, in the proportions of the mix."""
    number = FACTS.get(count) or max(1, count // 20)
    facts = tuple(f"orders_{n:03}" for n in range(1, number + 1))
    shares = [count // number + (n < count % number) for n in range(number)]
    kinds = islice(cycle(_spread(mix or MIX)), count)
    return World(
        facts,
        tuple(
            metric
            for fact, share in zip(facts, shares, strict=True)
            for metric in _metrics(fact, list(islice(kinds, share)))
        ),
    )


def _spread(mix: dict[str, int]) -> list[str]:
    """Twenty kinds in the mix's proportions, evenly spread: each fact has some of each."""
    places = [((n + 0.5) / (p / 5), kind) for kind, p in mix.items() for n in range(p // 5)]
    return [kind for _, kind in sorted(places)]


def _metrics(fact: str, kinds: list[str]) -> Iterator[Metric]:
    # What others are computed from comes first.
    made: list[Metric] = []
    for kind in sorted(kinds, key=list(_KINDS).index):
        made.append(_KINDS[kind](fact, f"{fact}_m{len(made) + 1:02}", made))
        yield made[-1]


def _simple(fact: str, name: str, made: list[Metric]) -> Metric:
    agg, value = _VALUES[len(made) % len(_VALUES)]
    return Metric(name, "simple", fact, agg, value)


def _filtered(fact: str, name: str, made: list[Metric]) -> Metric:
    agg, value = _VALUES[(len(made) - 1) % 4]
    status = _STATUSES[len(made) % len(_STATUSES)]
    return Metric(name, "filtered", fact, agg, value, where=(None, "status", status))


def _filtered_by_join(fact: str, name: str, made: list[Metric]) -> Metric:
    agg, value = _OF_ONE_COLUMN[len(made) % len(_OF_ONE_COLUMN)]
    country = _COUNTRIES[int(fact[-3:]) % len(_COUNTRIES)]
    where = ("customer", "country", country)
    return Metric(name, "filtered_by_join", fact, agg, value, where=where)


def _ratio(fact: str, name: str, made: list[Metric]) -> Metric:
    simple = _named(made, "simple")
    at = len(made) % (len(simple) - 1)
    return Metric(name, "ratio", fact, inputs=(simple[at + 1], simple[at]))


def _derived(fact: str, name: str, made: list[Metric]) -> Metric:
    simple, filtered = _named(made, "simple"), _named(made, "filtered")
    before = _named(made, "derived")
    formula = _FORMULAS[len(before) % len(_FORMULAS)]
    at = len(made) % (len(simple) - 2)
    known = {
        "a": simple[at],
        "b": simple[at + 1],
        "c": simple[at + 2],
        "d": (before or simple)[-1],
        "f": (filtered or simple)[0],
    }
    inputs = tuple(known[letter] for letter in "abcdf" if f"{{{letter}}}" in formula)
    return Metric(name, "derived", fact, expr=formula.format(**known), inputs=inputs)


def _named(made: list[Metric], kind: str) -> list[str]:
    return [m.name for m in made if m.kind == kind]


#: How a metric of a kind is made from those before it; in an order in which inputs come first.
_KINDS: Final[dict[str, Callable[[str, str, list[Metric]], Metric]]] = {
    "simple": _simple,
    "filtered": _filtered,
    "filtered_by_join": _filtered_by_join,
    "ratio": _ratio,
    "derived": _derived,
}


def _entity(fact: str) -> str:
    return fact.replace("orders", "order")


# ----------------------------------------------------------------------------------------- kpilayer


def kpilayer(world: World, folder: Path, database: Path) -> None:
    """A project with a file of metrics per fact, on a DuckDB file."""
    _write(folder / "kpilayer.yml", "name: bench\nprofile: bench\n")
    _write(
        folder / "profiles.yml",
        "bench:\n  target: dev\n  outputs:\n"
        f"    dev: {{type: duckdb, path: {database}, schema: main}}\n",
    )
    models = "models:\n"
    for name, columns in DIMENSIONS.items():
        models += f"  - name: {name}s\n    semantic_model: true\n    columns:\n"
        models += f"      - name: {name}_id\n        entity: {{type: primary, name: {name}}}\n"
        models += "".join(f"      - {{name: {c}, dimension: categorical}}\n" for c in columns)
    _write(folder / "models" / "dimensions.yml", models)
    for fact in world.facts:
        text = f"models:\n  - name: {fact}\n    semantic_model: true\n"
        text += "    agg_time_dimension: ordered_on\n    columns:\n"
        text += (
            f"      - name: order_id\n        entity: {{type: primary, name: {_entity(fact)}}}\n"
        )
        for name in DIMENSIONS:
            text += f"      - name: {name}_id\n        entity: {{type: foreign, name: {name}}}\n"
        text += "      - {name: ordered_on, granularity: day, dimension: {type: time}}\n"
        text += "      - {name: status, dimension: categorical}\n"
        _write(folder / "models" / f"{fact}.yml", text)
        metrics = "".join(map(_kpilayer_metric, world.of(fact)))
        _write(folder / "metrics" / f"{fact}.yml", f"metrics:\n{metrics}")


def _kpilayer_metric(metric: Metric) -> str:
    text = f"  - name: {metric.name}\n    description: {_description(metric)}\n"
    if metric.agg:
        text += f"    model: {metric.fact}\n    agg: {metric.agg}\n    expr: {metric.expr}\n"
        return text + (f"    filter: {_jinja(metric)}\n" if metric.where else "")
    if metric.kind == "ratio":
        top, bottom = metric.inputs
        return text + f"    type: ratio\n    numerator: {top}\n    denominator: {bottom}\n"
    inputs = ", ".join(metric.inputs)
    return text + f"    type: derived\n    expr: {metric.expr}\n    input_metrics: [{inputs}]\n"


def _description(metric: Metric) -> str:
    return f"A {metric.kind.replace('_', ' ')} metric of {metric.fact}."


def _jinja(metric: Metric) -> str:
    assert metric.where is not None
    dimension, column, value = metric.where
    return f"\"{{{{ Dimension('{dimension or _entity(metric.fact)}__{column}') }}}} = '{value}'\""


# ------------------------------------------------------------------------------- MetricFlow and dbt


def metricflow(world: World, folder: Path) -> None:
    """YAML documents, as MetricFlow's own parser reads them."""
    _write(
        folder / "project.yml",
        "---\nproject_configuration:\n  time_spines:\n    - node_relation:\n"
        "        schema_name: main\n        alias: days\n      primary_column:\n"
        "        name: date_day\n        time_granularity: day\n",
    )
    for name in DIMENSIONS:
        text = _semantic_model(f"{name}s", _dimension_elements(name), "")
        _write(folder / f"{name}s.yml", f"---\nsemantic_model:\n{_indented(text, 2)}")
    for fact in world.facts:
        text = _semantic_model(fact, _fact_elements(world, fact), "ordered_on")
        documents = [f"---\nsemantic_model:\n{_indented(text, 2)}"]
        documents += [f"---\nmetric:\n{_indented(_dbt_metric(m), 2)}" for m in world.of(fact)]
        _write(folder / f"{fact}.yml", "".join(documents))


def dbt(world: World, folder: Path, database: Path) -> None:
    """A dbt project with legacy semantic models, for `dbt parse` and `mf query`."""
    _write(
        folder / "dbt_project.yml",
        "name: bench\nprofile: bench\nversion: '1.0'\nconfig-version: 2\nmodel-paths: [models]\n"
        "flags: {send_anonymous_usage_stats: false}\n",
    )
    _write(
        folder / "profiles.yml",
        "bench:\n  target: dev\n  outputs:\n"
        f"    dev: {{type: duckdb, path: {database}, schema: main, threads: 1}}\n",
    )
    _write(
        folder / "models" / "days.yml",
        "models:\n  - name: days\n    time_spine: {standard_granularity_column: date_day}\n"
        "    columns:\n      - {name: date_day, granularity: day}\n",
    )
    tables = ("days", *(f"{name}s" for name in DIMENSIONS), *world.facts)
    for table in tables:
        _write(folder / "models" / f"{table}.sql", f"select * from main.{table}\n")
    for name in DIMENSIONS:
        text = _semantic_model(f"{name}s", _dimension_elements(name), "", ref=True)
        _write(folder / "models" / f"{name}s.yml", f"semantic_models:\n{_item(text)}")
    for fact in world.facts:
        text = _semantic_model(fact, _fact_elements(world, fact), "ordered_on", ref=True)
        metrics = "".join(_item(_dbt_metric(m)) for m in world.of(fact))
        _write(
            folder / "models" / f"{fact}.yml",
            f"semantic_models:\n{_item(text)}\nmetrics:\n{metrics}",
        )


def _semantic_model(name: str, elements: str, time: str, *, ref: bool = False) -> str:
    text = f"name: {name}\n"
    if ref:
        text += f"model: ref('{name}')\n"
    else:
        text += f"node_relation: {{schema_name: main, alias: {name}}}\n"
    return text + (f"defaults: {{agg_time_dimension: {time}}}\n" if time else "") + elements


def _dimension_elements(name: str) -> str:
    columns = "".join(f"  - {{name: {c}, type: categorical}}\n" for c in DIMENSIONS[name])
    entity = f"  - {{name: {name}, type: primary, expr: {name}_id}}\n"
    return f"entities:\n{entity}dimensions:\n{columns}"


def _fact_elements(world: World, fact: str) -> str:
    text = f"entities:\n  - {{name: {_entity(fact)}, type: primary, expr: order_id}}\n"
    for name in DIMENSIONS:
        text += f"  - {{name: {name}, type: foreign, expr: {name}_id}}\n"
    text += "dimensions:\n  - name: ordered_on\n    type: time\n"
    text += "    type_params: {time_granularity: day}\n"
    text += "  - {name: status, type: categorical}\nmeasures:\n"
    for metric in world.of(fact):
        if metric.agg:
            text += f"  - name: {metric.name}_measure\n    agg: {metric.agg}\n"
            text += f'    expr: "{metric.expr}"\n'
    return text


def _dbt_metric(metric: Metric) -> str:
    text = f"name: {metric.name}\nlabel: {metric.name}\ndescription: {_description(metric)}\n"
    if metric.agg:
        text += f"type: simple\ntype_params:\n  measure: {{name: {metric.name}_measure}}\n"
        return text + (f"filter: {_jinja(metric)}\n" if metric.where else "")
    if metric.kind == "ratio":
        top, bottom = metric.inputs
        text += f"type: ratio\ntype_params:\n  numerator: {{name: {top}}}\n"
        return text + f"  denominator: {{name: {bottom}}}\n"
    text += f'type: derived\ntype_params:\n  expr: "{metric.expr}"\n  metrics:\n'
    return text + "".join(f"    - {{name: {name}}}\n" for name in metric.inputs)


# --------------------------------------------------------------------------------------- sidemantic

_AGGREGATIONS: Final = {"average": "avg"}


def sidemantic(world: World, folder: Path) -> None:
    """Native models with their measures, and a file of ratios and derived metrics per fact."""
    for name, columns in DIMENSIONS.items():
        text = f"models:\n  - name: {name}s\n    table: main.{name}s\n    primary_key: {name}_id\n"
        text += "    dimensions:\n"
        text += "".join(f"      - {{name: {c}, type: categorical, sql: {c}}}\n" for c in columns)
        _write(folder / f"{name}s.yml", text)
    for fact in world.facts:
        text = f"models:\n  - name: {fact}\n    table: main.{fact}\n    primary_key: order_id\n"
        text += "    default_time_dimension: ordered_on\n    relationships:\n"
        for name in DIMENSIONS:
            text += f"      - {{name: {name}s, type: many_to_one, foreign_key: {name}_id}}\n"
        text += "    dimensions:\n"
        text += "      - {name: ordered_on, type: time, granularity: day, sql: ordered_on}\n"
        text += "      - {name: status, type: categorical, sql: status}\n    metrics:\n"
        above = ""
        for metric in world.of(fact):
            if metric.agg and metric.kind != "filtered_by_join":
                text += _indented(_sidemantic_measure(metric, ""), 4, item=True)
            elif metric.agg:
                above += _item(_sidemantic_measure(metric, f"{fact}."))
            else:
                above += _item(_sidemantic_metric(metric))
        _write(folder / f"{fact}.yml", f"{text}metrics:\n{above}" if above else text)


def _sidemantic_measure(metric: Metric, owner_of_value: str) -> str:
    agg = _AGGREGATIONS.get(metric.agg, metric.agg)
    text = f"name: {metric.name}\ndescription: {_description(metric)}\nagg: {agg}\n"
    text += "" if metric.expr == "1" else f'sql: "{owner_of_value}{metric.expr}"\n'
    if metric.where is None:
        return text
    dimension, column, value = metric.where
    owner = f"{dimension}s" if dimension else metric.fact
    return text + f"filters: [\"{owner}.{column} = '{value}'\"]\n"


def _sidemantic_metric(metric: Metric) -> str:
    text = f"name: {metric.name}\ndescription: {_description(metric)}\ntype: {metric.kind}\n"
    if metric.kind == "ratio":
        top, bottom = metric.inputs
        return text + f"numerator: {metric.fact}.{top}\ndenominator: {metric.fact}.{bottom}\n"
    return text + f'sql: "{metric.expr}"\n'


# --------------------------------------------------------------------------------------------- data


def statements(world: World, rows: int = 2_000) -> Iterator[str]:
    """DuckDB's SQL for the tables of a world; some facts have no customer, or an unknown one."""
    yield """CREATE TABLE days AS
        SELECT CAST(d AS DATE) AS date_day FROM range(DATE '2025-01-01', DATE '2027-01-01',
        INTERVAL 1 DAY) AS t(d)"""
    countries = ", ".join(f"'{c}'" for c in (*_COUNTRIES, "BR"))
    yield f"""CREATE TABLE customers AS SELECT i AS customer_id,
        [{countries}][1 + i % 5] AS country, ['smb', 'mid', 'large'][1 + i % 3] AS segment
        FROM range(200) AS t(i)"""
    yield """CREATE TABLE products AS SELECT i AS product_id, 'c' || i % 7 AS category,
        'b' || i % 11 AS brand FROM range(100) AS t(i)"""
    yield """CREATE TABLE stores AS SELECT i AS store_id, 'town ' || i AS city,
        ['s', 'm', 'l'][1 + i % 3] AS size FROM range(20) AS t(i)"""
    statuses = ", ".join(f"'{s}'" for s in (*_STATUSES, "paid"))
    for number, fact in enumerate(world.facts, 1):
        yield f"""CREATE TABLE {fact} AS SELECT i AS order_id,
            CASE WHEN h % 17 = 0 THEN NULL ELSE h % 205 END AS customer_id,
            (h // 7) % 100 AS product_id, (h // 11) % 20 AS store_id,
            DATE '2025-01-01' + CAST(h % 600 AS INTEGER) AS ordered_on,
            [{statuses}][1 + h // 13 % 5] AS status,
            CAST(h % 90000 AS DECIMAL(12, 2)) / 100 AS amount,
            CAST(h % 700 AS DECIMAL(12, 2)) / 100 AS discount,
            CAST(1 + h // 3 % 4 AS INTEGER) AS quantity,
            CAST(h % 50000 AS DECIMAL(12, 2)) / 100 AS cost
            FROM (SELECT i, CAST(hash(i * 1000 + {number}) % 1000000007 AS BIGINT) AS h
            FROM range({rows}) AS t(i))"""


# -------------------------------------------------------------------------------------------- files


def _indented(text: str, by: int, *, item: bool = False) -> str:
    lines = text.splitlines(keepends=True)
    first = " " * (by + 2) + "- " if item else " " * by
    rest = " " * (by + 4) if item else " " * by
    return "".join((rest if n else first) + line for n, line in enumerate(lines))


def _item(text: str) -> str:
    return _indented(text, 0, item=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    import duckdb

    size, database = sys.argv[1:]
    Path(database).unlink(missing_ok=True)
    with duckdb.connect(database) as connection:
        for statement in statements(world(int(size))):
            connection.execute(statement)


if __name__ == "__main__":
    main()
