"""A Superset in the process, for tests of the client: `httpx.MockTransport(FakeSuperset(..))`.

Its answers have the shape of those that Superset 6.1.0 gave, and it takes writes as that one does:
metrics and columns replace all that were there, what a write does not say about the filter on time
becomes false, and reading columns again sets anew what people had set. `test_superset.py` holds the
client to the real one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

Row = dict[str, Any]
DATASET: Row = dict.fromkeys(("description", "main_dttm_col", "extra"))
DATASET |= {"always_filter_main_dttm": False}
COLUMN: Row = dict.fromkeys(("expression", "description", "verbose_name", "extra"))
COLUMN |= {"filterable": True, "groupby": True}
METRIC: Row = dict.fromkeys(("description", "verbose_name", "extra", "d3format", "warning_text"))
TOKEN, PROOF = "header.claims.signature", "proof-of-origin"


@dataclass
class FakeSuperset:
    """One database, the views in it (by `schema.name`, with columns), and one user."""

    views: dict[str, Sequence[str]] = field(default_factory=dict)
    databases: Sequence[str] = ("shop",)
    user: str = "publisher"
    password: str = "s3cret-of-publisher"
    writes_allowed: bool = True
    datasets: dict[int, Row] = field(default_factory=dict)
    written: list[tuple[str, str, Row]] = field(default_factory=list)
    seen: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        _, found, path = urlsplit(str(request.url)).path.partition("/api/v1/")
        if not found:
            return httpx.Response(404, html="<!doctype html>")
        if path == "security/login":
            return self._login(json.loads(request.content))
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return httpx.Response(422, json={"msg": "Signature verification failed"})
        if path == "security/csrf_token/":
            return httpx.Response(
                200, json={"result": PROOF}, headers={"Set-Cookie": "session=s1; Path=/"}
            )
        if request.method == "GET":
            return self._read(path, request)
        if (
            request.headers.get("X-CSRFToken") != PROOF
            or "session=s1" not in request.headers["Cookie"]
        ):
            message = "400 Bad Request: The CSRF token is missing."
            return httpx.Response(400, json={"errors": [{"message": message, "extra": {}}]})
        if not self.writes_allowed:
            return httpx.Response(403, json={"message": "Forbidden"})
        body = json.loads(request.content or b"{}")
        self.written.append((request.method, path, body))
        if request.method == "POST":
            return self._create(body)
        dataset = self.datasets[int(path.split("/")[1])]
        if path.endswith("/refresh"):
            self._read_columns(dataset)
            return httpx.Response(200, json={"message": "OK"})
        return self._put(dataset, body)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)

    def only(self) -> Row:
        """The one dataset that there is."""
        (dataset,) = self.datasets.values()
        return dataset

    def metric(self, name: str) -> Row:
        """A metric of the one dataset."""
        return next(m for m in self.only()["metrics"] if m["metric_name"] == name)

    def column(self, name: str) -> Row:
        """A column of the one dataset."""
        return next(c for c in self.only()["columns"] if c["column_name"] == name)

    # ------------------------------------------------------------------------------------- private

    def _login(self, asked: Mapping[str, Any]) -> httpx.Response:
        if (asked["username"], asked["password"]) != (self.user, self.password):
            return httpx.Response(401, json={"message": "Not authorized"})
        return httpx.Response(200, json={"access_token": TOKEN})

    def _read(self, path: str, request: httpx.Request) -> httpx.Response:
        kind, _, number = path.partition("/")
        if number:
            dataset = self.datasets.get(int(number))
            if dataset is None:
                return httpx.Response(404, json={"message": "Not found"})
            return httpx.Response(200, json={"id": int(number), "result": dataset})
        asked = json.loads(parse_qs(urlsplit(str(request.url)).query)["q"][0])
        rows: list[Row] = [{"id": i, "database_name": n} for i, n in enumerate(self.databases, 1)]
        if kind == "dataset":
            rows = [*self.datasets.values()]
        for one in asked["filters"]:
            rows = [row for row in rows if row[one["col"]] == one["value"]]
        shown = [{key: row[key] for key in asked["columns"]} for row in rows]
        return httpx.Response(200, json={"count": len(shown), "result": shown})

    def _create(self, body: Row) -> httpx.Response:
        name = f"{body['schema']}.{body['table_name']}"
        if name not in self.views:
            said = f"Table [postgres.{name}] could not be found, please double check your database connection, schema, and table name"
            return httpx.Response(422, json={"message": {"table": [said]}})
        number = len(self.datasets) + 1
        dataset = {"id": number, "kind": "physical", "catalog": "postgres"} | dict(DATASET) | body
        dataset |= {"columns": [], "metrics": []}
        self.datasets[number] = dataset
        self._read_columns(dataset)
        return httpx.Response(201, json={"id": number, "result": body})

    def _read_columns(self, dataset: Row) -> None:
        """Also adds the metric `count` where it is not there."""
        there = {column["column_name"]: column for column in dataset["columns"]}
        view = f"{dataset['schema']}.{dataset['table_name']}"
        columns = [
            {**self._column(name), **there.pop(name, {}), "filterable": True, "groupby": True}
            for name in self.views[view]
        ]
        dataset["columns"] = columns + [c for c in there.values() if c["expression"]]
        if "count" not in {metric["metric_name"] for metric in dataset["metrics"]}:
            count = {"metric_name": "count", "verbose_name": "COUNT(*)", "expression": "COUNT(*)"}
            dataset["metrics"].append(self._metric() | count)

    def _put(self, dataset: Row, body: Row) -> httpx.Response:
        for key, made in (("columns", self._column), ("metrics", self._metric)):
            if key in body:
                body[key] = list(self._all_of(dataset[key], body[key], made))
        dataset.update({"always_filter_main_dttm": False, **body})
        return httpx.Response(200, json={"id": dataset["id"], "result": body})

    @staticmethod
    def _all_of(there: list[Row], sent: list[Row], made: Any) -> Iterator[Row]:
        by_id = {row["id"]: row for row in there}
        for row in sent:
            yield {**(by_id[row["id"]] if "id" in row else made()), **row}

    def _column(self, name: str = "") -> Row:
        number = {"id": self._number(), "column_name": name}
        return number | dict(COLUMN) | {"is_dttm": name == "metric_time"}

    def _metric(self) -> Row:
        return {"id": self._number()} | dict(METRIC)

    def _number(self) -> int:
        self._last = getattr(self, "_last", 0) + 1
        return self._last
