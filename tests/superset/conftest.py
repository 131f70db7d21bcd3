"""A real Superset, started for the tests of a session and ended after them.

It comes from an environment of its own (`make superset`), or from KPILAYER_TEST_SUPERSET, the path
of a Python that has Superset 6.1. Without one these tests are skipped, everywhere: they
are not part of the usual run.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from kpilayer.interop.superset.dataset import Server

ROOT: Final = Path(__file__).parent.parent.parent
SERVE: Final = Path(__file__).parent / "serve.py"
#: Name to role and password. An author owns what they make; a reader may write nothing.
PEOPLE: Final = {
    "admin": ("Admin", "s3cret-of-admin"),
    "author": ("Alpha", "s3cret-of-author"),
    "reader": ("Gamma", "s3cret-of-reader"),
}
_SECONDS: Final = 300  # until it answers, on a slow machine; some 15 are usual


@dataclass(frozen=True)
class Running:
    """A Superset that answers, and a browser in which the admin is signed in."""

    url: str
    browser: httpx.Client = field(repr=False)

    def server(self, database: str, user: str = "admin") -> Server:
        return Server(self.url, database, user, PEOPLE[user][1])

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """What it answers to the admin."""
        answer = self.browser.request(method, f"/api/v1/{path}", **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        found: dict[str, Any] = answer.json()
        return found

    def connect(self, name: str, address: str) -> str:
        """A database in it, by the address that SQLAlchemy has for it; the name."""
        body = {"database_name": name, "sqlalchemy_uri": address, "expose_in_sqllab": True}
        self.call("POST", "database/", json=body)
        return name

    def dataset(self, table: str) -> dict[str, Any]:
        """The one dataset of a table of this name, with all that Superset tells of it."""
        asked = json.dumps({"filters": [{"col": "table_name", "opr": "eq", "value": table}]})
        (number,) = self.call("GET", "dataset/", params={"q": asked})["ids"]
        found: dict[str, Any] = self.call("GET", f"dataset/{number}")["result"]
        return found

    def chart(
        self, table: str, columns: Sequence[str], metrics: Sequence[str], by: str | None = None
    ) -> list[dict[str, Any]]:
        """The rows of a chart; ``by`` is a grain of Superset (`P1M`) for the column `metric_time`."""
        time_axis = {"columnType": "BASE_AXIS", "expressionType": "SQL", "timeGrain": by}
        time_axis |= {"sqlExpression": "metric_time", "label": "metric_time"}
        shown = [time_axis if by and c == "metric_time" else c for c in columns]
        query = {"columns": shown, "metrics": list(metrics), "row_limit": 10_000}
        body = {
            "datasource": {"id": self.dataset(table)["id"], "type": "table"},
            "queries": [query],
            "result_format": "json",
            "force": True,  # from no cache
        }
        (answer,) = self.call("POST", "chart/data", json=body)["result"]
        rows: list[dict[str, Any]] = answer["data"]
        return rows


@pytest.fixture(scope="session")
def superset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The one Superset of a session."""
    with (
        _running(_python(), tmp_path_factory.mktemp("superset")) as url,
        _signed_in(url) as browser,
    ):
        yield Running(url, browser)


def _python() -> Path:
    named = os.environ.get("KPILAYER_TEST_SUPERSET")
    python = Path(named) if named else ROOT / ".venv-superset" / "bin" / "python"
    if python.is_file():
        return python
    if named:
        pytest.fail(f"KPILAYER_TEST_SUPERSET is not a file: {named}")
    reason = "no Superset: `make superset`, or set KPILAYER_TEST_SUPERSET to a Python that has it"
    pytest.skip(reason)


@contextmanager
def _running(python: Path, folder: Path) -> Iterator[str]:
    others = ("SUPERSET_", "FLASK_", "PYTHON", "COVERAGE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    log, address = folder / "log", folder / "address"
    with (
        log.open("wb") as said,
        subprocess.Popen(
            [python, SERVE, folder],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=kept | {"SUPERSET_TEST_PEOPLE": json.dumps(PEOPLE)},
        ) as process,
    ):
        try:
            until = time.monotonic() + _SECONDS
            while not address.is_file():
                if process.poll() is not None or time.monotonic() > until:
                    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
                    pytest.fail("Superset does not start:\n" + "\n".join(lines[-40:]))
                time.sleep(0.1)
            url = address.read_text(encoding="utf-8")
            assert httpx.get(f"{url}/health", timeout=30).text == "OK"
            yield url
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def _signed_in(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=120) as browser:
        who = {"username": "admin", "password": PEOPLE["admin"][1], "provider": "db"}
        token = browser.post("/api/v1/security/login", json=who).json()["access_token"]
        browser.headers["Authorization"] = f"Bearer {token}"
        proof = browser.get("/api/v1/security/csrf_token/").json()["result"]
        browser.headers["X-CSRFToken"] = proof
        yield browser
