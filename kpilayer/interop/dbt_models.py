"""Models of dbt as files: the SQL of each, one file of properties, and tests of our own.

The tests need no package of dbt. `arguments` of a test are those of dbt 1.11 and later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Any, Final

import yaml

from kpilayer.publish.catalogue import CATALOG, FRESHNESS, OF_COLUMNS
from kpilayer.publish.contracts import RANGES, TARGETS
from kpilayer.publish.dbt import DbtModel, column_text, escaped
from kpilayer.publish.relations import Column, Relation
from kpilayer.publish.stacked import NOTHING, TOTAL, is_text

#: In the first line of each file: what has it is ours to replace and to remove.
MARK: Final = "Made by `kpilayer export dbt`, which makes it anew: edits are lost."
#: A folder of its own below `models`, by which dbt_project.yml configures them.
MODELS: Final = "models/kpilayer"
PROPERTIES: Final = f"{MODELS}/schema.yml"
TESTS: Final = "tests/generic/kpilayer.sql"

#: What tells rows apart where no role of columns says so, by kind or name.
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "values": ("metric", "metric_time", "grain", "dimension", "dimension_value"),
    CATALOG: ("metric",),
    OF_COLUMNS: ("view_name", "column_name"),
    FRESHNESS: ("source",),
    RANGES: ("kpi", "position"),
    TARGETS: ("kpi", "name"),
}
#: Columns that are literals in every row.
_NEVER_NULL: Final[Mapping[str, tuple[str, ...]]] = {
    "rollup": ("_grain", "_level"),
    "values": ("metric", "grain", "dimension"),
    CATALOG: ("metric", "view_name"),
    OF_COLUMNS: ("view_name", "column_name"),
    FRESHNESS: ("source",),
    RANGES: ("kpi", "metric", "position"),
    TARGETS: ("kpi", "metric", "name"),
}
_ONE_ROW: Final = "kpilayer_one_row_for_each"
_NO_WORD: Final = "kpilayer_no_reserved_word"
_TEST_TEXT: Final = f"""\
{{# {MARK} #}}

{{#- A view has a row for each group: columns are those that tell groups apart. #}}
{{% test {_ONE_ROW}(model, columns) %}}
{{%- if columns %}}
SELECT {{{{ columns | join(', ') }}}}, COUNT(*) AS number_of_rows
FROM {{{{ model }}}}
GROUP BY {{{{ columns | join(', ') }}}}
HAVING COUNT(*) > 1
{{%- else %}}
SELECT number_of_rows
FROM (SELECT COUNT(*) AS number_of_rows FROM {{{{ model }}}}) AS counted
WHERE number_of_rows <> 1
{{%- endif %}}
{{% endtest %}}

{{#- In a view of all levels, these words stand for all groups, and for no value. #}}
{{% test {_NO_WORD}(model, column_name) %}}
SELECT {{{{ column_name }}}}
FROM {{{{ model }}}}
WHERE {{{{ column_name }}}} IN ('{TOTAL}', '{NOTHING}')
{{% endtest %}}
"""


@dataclass(frozen=True, slots=True)
class DbtFile:
    """A file of the export: its path inside of the folder, and its text."""

    path: str
    text: str


def dbt_files(
    models: Sequence[DbtModel], dialect: str, kpis: Mapping[str, Any] = MappingProxyType({})
) -> tuple[DbtFile, ...]:
    """The files of models; equal models give equal bytes.

    ``kpis`` has the contracts on each metric: they are `meta` of its columns.
    """
    found = [DbtFile(f"{MODELS}/{one.relation.name}.sql", _sql(one)) for one in models]
    relations = {one.relation.name: one.relation for one in models}
    entries = [_entry(one, relations, dialect, kpis) for one in relations.values()]
    text = yaml.safe_dump(
        {"version": 2, "models": entries}, sort_keys=False, allow_unicode=True, width=inf
    )
    found += [DbtFile(PROPERTIES, f"# {MARK}\n{text}"), DbtFile(TESTS, _TEST_TEXT)]
    return tuple(found)


def _sql(model: DbtModel) -> str:
    settings: dict[str, Any] = {"materialized": model.materialized, "tags": list(model.tags)}
    if model.relation.grants:
        settings["grants"] = {"select": list(model.relation.grants)}
    told = ", ".join(f"{key}={json.dumps(value)}" for key, value in settings.items())
    return f"{{# {MARK} #}}\n{{{{ config({told}) }}}}\n\n{model.relation.sql}\n"


# -------------------------------------------------------------------------------------- properties


def _entry(
    relation: Relation, known: Mapping[str, Relation], dialect: str, kpis: Mapping[str, Any]
) -> dict[str, Any]:
    told: dict[str, Any] = {"fingerprint": relation.fingerprint, "kind": relation.kind}
    if relation.grain:
        told |= {"view": relation.view, "grain": relation.grain, "level": list(relation.level)}
    reserved = _reserved(relation, known.values())
    values = dict(_accepted(relation, known))
    return {
        "name": relation.name,
        "description": escaped(relation.comment),
        "config": {"meta": {"kpilayer": told}},
        "data_tests": list(_of_groups(relation, known.values(), dialect)),
        "columns": [
            _with_kpis(
                _column(one, relation, dialect, one.name in reserved, values.get(one.name)),
                kpis.get(one.metric) if one.role == "metric" else None,
            )
            for one in relation.columns
        ],
    }


def _with_kpis(column: dict[str, Any], kpis: object) -> dict[str, Any]:
    """The column of a metric with its contracts; texts stay as they are when dbt renders them."""
    if kpis:
        column["config"]["meta"]["kpi"] = _plain(kpis)
    return column


def _plain(value: Any) -> Any:
    match value:
        case str():
            return escaped(value)
        case dict():
            return {escaped(str(key)): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
    return value


def _column(
    column: Column,
    relation: Relation,
    dialect: str,
    is_reserved: bool,
    values: Sequence[str] | None,
) -> dict[str, Any]:
    written = column_text(column.name, dialect)
    found: dict[str, Any] = {"name": written.strip('"`[]')}
    if written != column.name:
        found["quote"] = True
    if column.description:
        found["description"] = escaped(column.description)
    meta = {key: value for key, value in _meta(column) if value or key == "roll_up"}
    if meta:
        found["config"] = {"meta": {"kpilayer": meta}}
    tests: list[Any] = []
    if column.name in _of(_NEVER_NULL, relation):
        tests.append("not_null")
    if _of(_KEYS, relation) == (column.name,):
        tests.append("unique")
    if values is not None:
        tests.append({"accepted_values": {"arguments": {"values": list(values)}}})
    if is_reserved:
        tests.append(_NO_WORD)
    if tests:
        found["data_tests"] = tests
    return found


def _meta(column: Column) -> Iterator[tuple[str, str | None]]:
    """What a column is, for tools that read meta; texts are rendered by dbt."""
    if column.role == "text":
        return
    yield "role", column.role
    yield "metric", column.metric
    yield "group_by", column.group_by
    yield "additivity", column.additivity
    if column.role == "metric":
        yield "roll_up", None if column.roll_up is None else escaped(column.roll_up)
    yield "unit", escaped(column.unit)
    yield "fingerprint", column.fingerprint


# ------------------------------------------------------------------------------------------- tests


def _of_groups(
    relation: Relation, known: Iterable[Relation], dialect: str
) -> Iterator[dict[str, Any]]:
    """That groups have a row each; NULL is a group like another one."""
    if relation.kind == "values" and _is_ambiguous(known):
        return
    keys = _of(_KEYS, relation)
    if len(keys) == 1:
        return  # a column that is unique and never NULL
    of_groups = ("level", "time", "dimension")
    keys = keys or tuple(c.name for c in relation.columns if c.role in of_groups)
    columns = [column_text(name, dialect) for name in keys]
    yield {_ONE_ROW: {"arguments": {"columns": columns}}}


def _of(columns: Mapping[str, tuple[str, ...]], relation: Relation) -> tuple[str, ...]:
    """What is told of a relation by its kind, or of one of the catalogue by its name."""
    return columns.get(relation.name if relation.kind == "catalog" else relation.kind, ())


def _is_ambiguous(known: Iterable[Relation]) -> bool:
    """Whether a metric has group-bys of one name: by the long view, they are one."""
    named: dict[tuple[str, str], set[str]] = {}
    for relation in known:
        metrics = [c.metric for c in relation.columns if c.role == "metric"]
        keys = [c for c in relation.columns if c.role == "dimension"]
        for metric in metrics:
            for key in keys:
                named.setdefault((metric, key.name), set()).add(key.group_by)
    return any(len(found) > 1 for found in named.values())


def _reserved(relation: Relation, known: Iterable[Relation]) -> frozenset[str]:
    """Columns of texts in which a roll-up that stands on them has words of its own."""
    if not any(one.kind == "rollup" and relation.name in one.stands_on for one in known):
        return frozenset()
    return frozenset(c.name for c in relation.columns if c.role == "dimension" and is_text(c.type))


def _accepted(
    relation: Relation, known: Mapping[str, Relation]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The words that columns of literals have."""
    below = [known[name] for name in relation.stands_on if name in known]
    grains = tuple(dict.fromkeys(one.grain for one in below))
    if relation.kind == "rollup":
        yield "_grain", grains
        yield "_level", tuple(dict.fromkeys(",".join(one.level) or "total" for one in below))
    if relation.kind == "values":
        yield "grain", grains
