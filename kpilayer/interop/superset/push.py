"""Datasets and metrics in Superset as they should be: what differs is written, the rest is left.

Which metrics are kpilayer's stands in the ``extra`` of their dataset, as
``{"kpilayer": {"metrics": [..]}}``. The ``extra`` of a metric would not do: Superset's editor of
datasets writes it anew from certification and warning (``buildExtraJsonObject``).

A write of metrics or of columns replaces all of them, so those of people are sent along by id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from kpilayer.errors import WarehouseError, did_you_mean, listing
from kpilayer.interop.superset.client import Superset
from kpilayer.interop.superset.dataset import Action, Column, Dataset, Metric, Pushed, Server

if TYPE_CHECKING:
    import httpx

_MARK: Final = "kpilayer"
#: What reading the columns of a view again sets anew, whatever people had set.
_RESET: Final = ("description", "filterable", "groupby")
#: Fields of Superset, as they are told.
_TOLD: Final = {
    "d3format": "format",
    "extra": "certification or warning",
    "is_dttm": "time",
    "verbose_name": "label",
}
_TO_BE_MADE: Final = (
    "publish the view first; Superset's connection must be able to read it, and this user to see "
    "a dataset of it that is already there"
)


def push(
    datasets: Iterable[Dataset],
    server: Server,
    *,
    dry_run: bool = False,
    transport: httpx.BaseTransport | None = None,
) -> tuple[Pushed, ...]:
    """Makes each dataset in Superset what it should be; one that is refused does not stop others.

    What people made stays: their metrics, calculated columns, charts and settings. A metric of
    theirs with a name that is to be pushed fails the dataset, and nothing of it is written. Metrics
    of an earlier push that are no longer among the dataset's are removed. With ``dry_run``
    everything is read and nothing written. Once Superset no longer answers, the rest fails unasked.

    Raises:
        ConfigError: ``bi-unreachable``: the address is none, or nobody is named to log in.
        WarehouseError: ``bi-unreachable``; ``bi-refused``: Superset has no such database, or does
            not show it to this user; ``missing-driver``: httpx is not installed.
    """
    with Superset(server, transport=transport) as superset:
        database = _database(superset)
        done: list[Pushed] = []
        for dataset in datasets:
            lost = done[-1].issues if done else ()
            if any(issue.code == "bi-unreachable" for issue in lost):
                done.append(Pushed(dataset.name, "failed", issues=lost))
            else:
                done.append(_push(superset, database, dataset, dry_run))
        return tuple(done)


def _database(superset: Superset) -> int:
    """The id of the database in Superset."""
    name, columns = superset.server.database, ["id", "database_name"]
    for row in superset.find("database/", columns, database_name=name):
        if row.get("database_name") == name:  # a MySQL below Superset takes `Shop` for `shop`
            return int(row["id"])
    known = [str(row.get("database_name")) for row in superset.find("database/", columns)]
    hint = did_you_mean(name, known) or (
        f"databases that this user sees: {listing(known)}"
        if known
        else "connect it in Superset (Settings, Database Connections), or let this user see it"
    )
    raise superset.refused(f"Superset shows no database `{name}`", hint)


def _push(superset: Superset, database: int, wanted: Dataset, dry_run: bool) -> Pushed:
    try:
        number = _find(superset, database, wanted)
        created = number is None
        if number is None:
            if dry_run:
                told = tuple(f"metric `{metric.name}` is new" for metric in wanted.metrics)
                return Pushed(wanted.name, "created", told)
            number = _create(superset, database, wanted)
        before = found = _get(superset, number)
        changes: list[str] = []
        if _names(found) != {column.name for column in wanted.columns}:
            found = _refreshed(superset, found, wanted, dry_run, changes)
        body = _columns(found, before, wanted, changes)
        body |= _metrics(superset, found, wanted, created, changes)
        body |= _settings(found, wanted, changes)
        if body and not dry_run:
            # Superset sets this to false where it is not said.
            kept = {"always_filter_main_dttm": bool(found.get("always_filter_main_dttm"))}
            superset.ask("PUT", f"dataset/{number}", {**kept, **body})
    except WarehouseError as error:
        return Pushed(wanted.name, "failed", issues=error.issues)
    action: Action = "created" if created else "updated" if changes or body else "unchanged"
    link = f"/explore/?datasource_type=table&datasource_id={number}"
    return Pushed(wanted.name, action, tuple(changes), superset.server.url.rstrip("/") + link)


# ------------------------------------------------------------------------------------------ dataset


def _find(superset: Superset, database: int, wanted: Dataset) -> int | None:
    """The id of the dataset of this view, if there is one."""
    columns = ["id", "catalog", "schema", "table_name", "kind"]
    asked: dict[str, str | int] = {"schema": wanted.schema, "table_name": wanted.table}
    rows = [
        row
        for row in superset.find("dataset/", columns, **asked, database=database)
        if (row.get("schema"), row.get("table_name")) == (wanted.schema, wanted.table)
        if wanted.catalog in (None, row.get("catalog"))
    ]
    if len(rows) > 1:
        catalogs = listing([str(row.get("catalog")) for row in rows])
        message = f"Superset has several datasets `{wanted.name}`, in the catalogs {catalogs}"
        raise superset.refused(message, "say in which catalog the view is")
    if rows and rows[0].get("kind") == "virtual":
        message = f"the dataset `{wanted.name}` in Superset is made of SQL, not of the view"
        raise superset.refused(message, "rename that dataset in Superset")
    return int(rows[0]["id"]) if rows else None


def _create(superset: Superset, database: int, wanted: Dataset) -> int:
    """The id of a new dataset; Superset reads its columns, and adds a metric `count`."""
    body = {"database": database, "schema": wanted.schema, "table_name": wanted.table}
    if wanted.catalog is not None:
        body["catalog"] = wanted.catalog
    number = superset.ask("POST", "dataset/", body, hint=_TO_BE_MADE).get("id")
    if not isinstance(number, int):
        raise superset.stranger("a new dataset without an id")
    return number


def _get(superset: Superset, number: int) -> dict[str, Any]:
    found = superset.ask("GET", f"dataset/{number}").get("result")
    if not isinstance(found, dict) or not found.keys() >= {"id", "columns", "metrics"}:
        raise superset.stranger("a dataset without columns and metrics")
    return found


def _settings(found: Mapping[str, Any], wanted: Dataset, changes: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if wanted.description and wanted.description != found.get("description"):
        body["description"] = wanted.description
        changes.append("description changed")
    if wanted.main_time and wanted.main_time != found.get("main_dttm_col"):
        body["main_dttm_col"] = wanted.main_time
        changes.append(f"main time is `{wanted.main_time}`")
    return body


# ------------------------------------------------------------------------------------------ columns


def _refreshed(
    superset: Superset, found: dict[str, Any], wanted: Dataset, dry_run: bool, changes: list[str]
) -> dict[str, Any]:
    """The dataset after Superset has read the columns of the view again."""
    before = _names(found)
    if dry_run:
        changes += [f"column `{c.name}` is new" for c in wanted.columns if c.name not in before]
        return found
    superset.ask("PUT", f"dataset/{found['id']}/refresh")
    found = _get(superset, found["id"])
    after = _names(found)
    changes += [f"column `{name}` is new" for name in sorted(after - before)]
    changes += [f"column `{name}` is gone" for name in sorted(before - after)]
    absent = [column.name for column in wanted.columns if column.name not in after]
    if absent:
        message = f"`{wanted.name}` has no column {listing(absent)}, as Superset reads it"
        raise superset.refused(message, "publish the view again")
    return found


def _names(found: Mapping[str, Any]) -> set[str]:
    """The columns that the view itself has; people may have added calculated ones."""
    return {column["column_name"] for column in found["columns"] if not column.get("expression")}


def _columns(
    found: Mapping[str, Any], before: Mapping[str, Any], wanted: Dataset, changes: list[str]
) -> dict[str, Any]:
    """``columns``, all of them, where one differs."""
    said = {column.name: column for column in wanted.columns}
    was = {column["column_name"]: column for column in before["columns"]}
    sent = []
    for column in found["columns"]:
        name = column["column_name"]
        old = was.get(name, column)
        edit = _column(column, said.get(name))
        differ = [key for key, value in edit.items() if value != old.get(key)]
        if differ:
            changes.append(f"column `{name}` changed: {_told(differ)}")
        kept = {key: old.get(key) for key in _RESET if old.get(key) != column.get(key)}
        sent.append({"id": column["id"], "column_name": name, **kept, **edit})
    return {"columns": sent} if any(len(column) > 2 for column in sent) else {}


def _column(found: Mapping[str, Any], wanted: Column | None) -> dict[str, Any]:
    """The fields of a column that differ."""
    if wanted is None:
        return {}
    fields = {"verbose_name": wanted.label, "description": wanted.description}
    edit: dict[str, Any] = {k: v for k, v in fields.items() if v and v != found.get(k)}
    if wanted.is_time and not found.get("is_dttm"):
        edit["is_dttm"] = True
    return edit


# ------------------------------------------------------------------------------------------ metrics


def _metrics(
    superset: Superset,
    found: Mapping[str, Any],
    wanted: Dataset,
    created: bool,
    changes: list[str],
) -> dict[str, Any]:
    """``metrics``, all of them, where one differs, and ``extra`` where kpilayer's are others."""
    extra = _object(found.get("extra"))
    if extra is None:
        message = f"`extra` of the dataset `{wanted.name}` in Superset is no JSON object"
        raise superset.refused(message, "correct it in the dataset's settings there")
    ours = _ours(extra)
    there = {metric["metric_name"]: metric for metric in found["metrics"]}
    edits = {metric.name: _metric(metric, there.get(metric.name, {})) for metric in wanted.metrics}
    # One that is as it should be is taken for kpilayer's: people may have emptied `extra`.
    taken = [name for name, edit in edits.items() if edit and name in there and name not in ours]
    if taken and not created:  # a new dataset has a metric `count` that nobody made
        message = f"metrics of `{wanted.name}` in Superset were made by people: {listing(taken)}"
        raise superset.refused(message, "rename or delete them there, or give yours other names")
    gone = [name for name in there if name in ours and name not in edits]
    sent = [
        {key: metric[key] for key in ("id", "metric_name", "expression")} | edits.get(name, {})
        for name, metric in there.items()
        if name not in gone
    ]
    told = []
    for name, edit in edits.items():
        if name not in there:
            sent.append({"metric_name": name, **edit})
            told.append(f"metric `{name}` is new")
        elif edit:
            told.append(f"metric `{name}` changed: {_told(edit)}")
    told += [f"metric `{name}` is gone" for name in gone]
    changes += told
    body: dict[str, Any] = {"metrics": sent} if told else {}
    if ours != edits.keys():
        body["extra"] = json.dumps({**extra, _MARK: {"metrics": sorted(edits)}})
    return body


def _ours(extra: Mapping[str, Any]) -> set[str]:
    """The names of metrics that an earlier push made."""
    mark = extra.get(_MARK)
    names = mark.get("metrics") if isinstance(mark, dict) else None
    return {str(name) for name in names} if isinstance(names, list) else set()


def _metric(wanted: Metric, found: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a metric that differ. For nothing, Superset has NULL, its editor an empty text.

    Other keys of ``extra`` stay.
    """
    fields = {
        "expression": wanted.expression,
        "verbose_name": wanted.label,
        "description": wanted.description,
        "d3format": wanted.d3format,
    }
    edit: dict[str, Any] = {k: v or None for k, v in fields.items() if v != (found.get(k) or "")}
    extra = _object(found.get("extra")) or {}
    badge = {"certified_by": wanted.certified_by, "details": wanted.certification_details}
    said = {"certification": _filled(badge), "warning_markdown": wanted.warning}
    was = extra.get("certification")
    has = {
        "certification": _filled(was) if isinstance(was, dict) else {},
        "warning_markdown": extra.get("warning_markdown") or "",
    }
    if said != has:
        edit["extra"] = json.dumps(_filled({**extra, **said}))
    return edit


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}


def _object(text: str | None) -> dict[str, Any] | None:
    """The JSON object that a text holds; {} for no text or null, None for anything else."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {} if text and not text.strip() else None
    return {} if found is None else found if isinstance(found, dict) else None


def _told(fields: Iterable[str]) -> str:
    return ", ".join(_TOLD.get(field, field) for field in fields)
