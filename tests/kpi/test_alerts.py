"""Alerts: each change once, to whoever listens, and never in the way of a verdict."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kpilayer import ConfigError, QueryError
from kpilayer.kpi.alerts import sending
from tests.kpi.test_history import kept, run, warehouse, write

__all__ = ["warehouse"]  # the fixture

SECRET = "/services/T000/B000/secret"


class Hook(ThreadingHTTPServer):
    """A webhook that answers as it is told, 200 otherwise, and keeps what it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.answers: list[int] = []
        self.got: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.slow = 0.0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{SECRET}"


class Answering(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(json.loads(body))
        self.server.times.append(time.monotonic())
        time.sleep(self.server.slow)
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("OPS_WEBHOOK", server.address)
        monkeypatch.setattr(sending, "_BACKOFF", 0.05)
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def channel(shape: str = "json", more: str = "") -> str:
    return f"alerts:\n  - {{name: ops, shape: {shape}, url_env: OPS_WEBHOOK{more}}}\n"


def told(hook: Hook) -> list[tuple[str, str]]:
    return [(one["event"], one.get("since") or "") for one in hook.got]


def alert(folder: Path, warehouse: Any, as_of: str, **how: Any) -> Any:
    return run(folder, warehouse, as_of, alert=True, **how)


# --------------------------------------------------------------------------------- what is told


def test_an_episode_is_told_when_it_begins_and_gets_worse_is_overdue_and_ends_each_once(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    write(tmp_path, config=channel())
    for day in ("2026-02-10", "2026-03-10", "2026-03-11", "2026-04-03", "2026-04-05"):
        alert(tmp_path, warehouse, day)
    assert told(hook) == [("open", "2026-02-01"), ("escalation", "2026-03-01")]
    for day in ("2026-04-10", "2026-04-11", "2026-05-10", "2026-05-11", "2026-06-10"):
        alert(tmp_path, warehouse, day)
    assert told(hook)[2:] == [("overdue", "2026-03-01"), ("recovery", "2026-04-01")]
    assert hook.got[1]["text"].splitlines() == [
        "■ sales got worse: it is in breach",
        "49 in the period from 2026-03-01; healthy is >= 100",
        "in breach since 2026-03-01, 1 period",
        "action: Stop hiring by 2026-04-06, lead@example.com",
    ]


def test_what_was_over_before_anybody_listened_is_not_told(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    write(tmp_path, config=channel())
    alert(tmp_path, warehouse, "2026-06-10", backfill=True)
    assert hook.got == []


def test_who_wrote_a_note_is_not_told_that_it_is_overdue(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    note = "notes: [{date: 2026-04-08, by: lead@example.com, text: Hiring is stopped}]\n    consequence"
    write(tmp_path, ("consequence", note), config=channel())
    alert(tmp_path, warehouse, "2026-04-10")
    assert told(hook) == [("escalation", "2026-03-01")] or told(hook) == [("open", "2026-03-01")]
    assert hook.got[0]["text"].splitlines()[-1] == "note: Hiring is stopped"


def test_a_muted_kpi_is_told_neither_now_nor_later(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    write(tmp_path, config=channel())
    alert(tmp_path, warehouse, "2026-04-03", mute=["sales"])
    alert(tmp_path, warehouse, "2026-04-04")
    assert hook.got == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (", at_least: breach", ["escalation", "recovery"]),
        (", groups: [sales]", ["open", "escalation", "recovery"]),
        (", groups: [finance]", []),
        (", kpis: [sales]", ["open", "escalation", "recovery"]),
    ],
)
def test_a_channel_hears_what_it_asked_for(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook, more: str, expected: list[str]
) -> None:
    write(tmp_path, ("within: 5d", "within: 30d"), config=channel(more=more))
    for day in ("2026-02-10", "2026-03-10", "2026-04-03", "2026-05-10"):
        alert(tmp_path, warehouse, day)
    assert [what for what, _ in told(hook)] == expected


def test_a_heartbeat_comes_once_a_day(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    write(tmp_path, config=channel(more=", heartbeat: true"))
    for day in ("2026-06-10", "2026-06-10", "2026-06-11"):
        alert(tmp_path, warehouse, day)
    assert [one["text"] for one in hook.got] == [
        "1 judged, 0 not, on 2026-06-10", "1 judged, 0 not, on 2026-06-11",
    ]  # fmt: skip


def test_a_masked_kpi_is_told_without_its_number(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    access = "access: {viewers: [all], mask: {roles: [all], show: status_only}}\n    consequence"
    write(tmp_path, ("consequence", access), config=channel())
    alert(tmp_path, warehouse, "2026-04-03")
    (one,) = hook.got
    assert (one["status"], one["value"], one["healthy"]) == ("breach", None, None)
    assert "49" not in json.dumps(one) and "100" not in one["text"]


def test_what_was_told_and_is_taken_back_by_a_revision_is_told_to_be_healthy(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    write(tmp_path, config=channel())
    alert(tmp_path, warehouse, "2026-04-03")
    warehouse.execute("UPDATE orders SET amount = 300 WHERE amount < 100 AND order_id < 10")
    alert(tmp_path, warehouse, "2026-04-04")
    alert(tmp_path, warehouse, "2026-04-05")
    assert [what for what, _ in told(hook)] == ["open", "recovery"]


def test_a_breach_that_a_backfill_finds_to_be_older_is_not_told_again(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    warehouse.execute("UPDATE orders SET amount = 10 WHERE order_id < 10")
    write(tmp_path, ("within: 5d", "within: 300d"), config=channel())
    alert(tmp_path, warehouse, "2026-06-05")
    alert(tmp_path, warehouse, "2026-06-06", backfill=True)
    assert [what for what, _ in told(hook)] == ["open"]


def test_an_action_that_may_take_longer_than_a_period_is_overdue_once(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    warehouse.execute("UPDATE orders SET amount = 10 WHERE order_id < 10")
    write(tmp_path, ("within: 5d", "within: 40d"), config=channel())
    for day in ("2026-02-05", "2026-03-05", "2026-03-20", "2026-04-05", "2026-05-05"):
        alert(tmp_path, warehouse, day)
    assert [what for what, _ in told(hook)] == ["open", "overdue"]


def test_nobody_hears_what_moved_a_number_where_some_kpi_is_masked(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    part = "  - {name: web, model: orders, agg: sum, expr: amount}\nkpis:\n"
    drivers = "drivers: {op: sum, terms: {web: 1}}\n    consequence"
    secret = """  - name: secret
    metric: web
    kind: supporting
    function: sales
    owner: {group: sales}
    direction: higher
    cadence: monthly
    status: proposed
    access: {viewers: [all], mask: {roles: [all], show: none}}
    health: {healthy: {min: 0}}
"""
    write(tmp_path, ("kpis:\n", part), ("consequence", drivers), config=channel())
    alert(tmp_path, warehouse, "2026-04-03")
    assert "drivers vs 2026-02: web -50" in hook.got[0]["text"]
    hidden = tmp_path / "hidden"
    write(hidden, ("kpis:\n", part), ("consequence", drivers), config=channel())
    with (hidden / "models/orders.yml").open("a", encoding="utf-8") as file:
        file.write(secret)
    alert(hidden, warehouse, "2026-04-03")
    assert "drivers" not in hook.got[1]["text"]


def test_a_heartbeat_that_fails_is_sent_by_a_later_run(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    write(tmp_path, config=channel(more=", heartbeat: true"))
    hook.answers = [404]
    assert alert(tmp_path, warehouse, "2026-06-10").sent.sent == 0
    assert alert(tmp_path, warehouse, "2026-06-10").sent.sent == 1


@pytest.mark.parametrize(("how", "more"), [({"mute": ["sale"]}, ""), ({}, ", kpis: [sale]")])
def test_kpis_that_are_not_there_are_told(
    tmp_path: Path,
    warehouse: duckdb.DuckDBPyConnection,
    hook: Hook,
    how: dict[str, Any],
    more: str,
) -> None:
    write(tmp_path, config=channel(more=more))
    with pytest.raises(QueryError, match="did you mean `sales`"):
        alert(tmp_path, warehouse, "2026-06-10", **how)


# --------------------------------------------------------------------------------------- shapes


def test_slack_and_teams_read_names_as_text(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    label = "label: '<!channel> *free* [click](https://evil.example.com) & more'\n    metric"
    for shape in ("slack", "teams"):
        folder = tmp_path / shape
        write(
            folder,
            ("metric: revenue\n    kind", f"{label}: revenue\n    kind"),
            config=channel(shape),
        )
        alert(folder, warehouse, "2026-04-03")
    slack, teams = hook.got
    assert slack["text"].startswith(
        "■ &lt;!channel&gt; *free* [click](https://evil.example.com) &amp; more"
    )
    assert [block["text"]["type"] for block in slack["blocks"]] == ["plain_text"]
    (attachment,) = teams["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert "<!channel> *free*" in card["body"][0]["inlines"][0]["text"]


# ------------------------------------------------------------------------------------- failures


def test_a_server_that_is_busy_is_tried_again(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    write(tmp_path, config=channel())
    hook.answers = [500, 429, 503]
    found = alert(tmp_path, warehouse, "2026-04-03")
    assert (found.sent.sent, found.sent.failed, len(hook.got)) == (1, (), 4)
    assert hook.times[2] - hook.times[1] >= 1.0  # as `Retry-After` asked


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([404], "the answer was 404"),
        ([302], "the answer was 302"),
        ([500] * 4, "the answer was 500"),
    ],
)
def test_what_cannot_be_sent_is_told_changes_no_verdict_and_is_sent_by_a_later_run(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook, answers: list[int], said: str
) -> None:
    write(tmp_path, config=channel())
    hook.answers = list(answers)
    found = alert(tmp_path, warehouse, "2026-04-03")
    assert (found.sent.failed, found.fails) == ((f"ops: {said}",), True)
    assert found.to_text().endswith(f"0 alerts sent\nnot sent to ops: {said}\n")
    hook.got.clear()
    assert alert(tmp_path, warehouse, "2026-04-03").sent.sent == 1
    assert alert(tmp_path, warehouse, "2026-04-03").sent.sent == 0
    outcomes = kept(tmp_path, "SELECT outcome FROM kpi_alert ORDER BY attempt")
    assert outcomes == [("claimed",), ("failed",), ("claimed",), ("sent",)]


def test_a_server_that_does_not_answer_is_waited_for_only_a_while(
    tmp_path: Path,
    warehouse: duckdb.DuckDBPyConnection,
    hook: Hook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "_READ", 0.1)
    hook.slow = 1.0
    write(tmp_path, config=channel())
    began = time.monotonic()
    found = alert(tmp_path, warehouse, "2026-04-03")
    assert found.sent.failed == ("ops: no answer came in time",)
    assert time.monotonic() - began < 10


def test_nobody_there_is_told_without_the_address(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_WEBHOOK", f"http://127.0.0.1:9{SECRET}")
    monkeypatch.setattr(sending, "_BACKOFF", 0.01)
    write(tmp_path, config=channel())
    found = alert(tmp_path, warehouse, "2026-04-03")
    assert found.sent.failed == ("ops: the server cannot be reached",)
    assert SECRET not in found.to_text() + json.dumps(found.as_json())
    assert SECRET not in str(kept(tmp_path, "SELECT * FROM kpi_alert"))


@pytest.mark.parametrize("address", ["", "ftp://example.com/x", "secret-without-scheme"])
def test_an_address_that_is_none_is_refused_before_anything_is_asked(
    tmp_path: Path, warehouse: Any, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("OPS_WEBHOOK", address)
    write(tmp_path, config=channel())
    with pytest.raises(ConfigError, match="OPS_WEBHOOK") as error:
        alert(tmp_path, warehouse, "2026-04-03")
    assert not address or address not in str(error.value)
    assert not (tmp_path / ".kpilayer").exists()


def test_what_a_killed_run_had_claimed_is_sent_when_it_is_surely_dead(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection, hook: Hook
) -> None:
    write(tmp_path, config=channel())
    alert(tmp_path, warehouse, "2026-04-03")
    hook.got.clear()
    file = str(tmp_path / ".kpilayer/history.duckdb")
    with duckdb.connect(file) as history:
        history.execute("DELETE FROM kpi_alert WHERE outcome = 'sent'")
    assert alert(tmp_path, warehouse, "2026-04-03").sent.sent == 0
    with duckdb.connect(file) as history:
        history.execute("UPDATE kpi_alert SET evaluated_at = evaluated_at - INTERVAL 20 MINUTE")
    assert alert(tmp_path, warehouse, "2026-04-03").sent.sent == 1


# ---------------------------------------------------------------------------------------- JUnit


def test_junit_has_a_case_for_each_kpi_by_function(
    tmp_path: Path, warehouse: duckdb.DuckDBPyConnection
) -> None:
    from xml.etree import ElementTree

    write(tmp_path)

    def case(as_of: str, **how: Any) -> ElementTree.Element:
        found = run(tmp_path, warehouse, as_of, record=False, **how)
        suite = ElementTree.fromstring(found.to_junit().encode()).find("testsuite")
        assert suite is not None and suite.get("tests") == "1"
        return suite

    breach = case("2026-04-10")
    assert (breach.get("failures"), breach.get("skipped")) == ("1", "0")
    one = breach.find("testcase")
    assert one is not None and (one.get("classname"), one.get("name")) == ("sales", "sales")
    failure = one.find("failure")
    assert failure is not None
    assert failure.get("message") == (
        "breach for 1 period, the last from 2026-03-01; healthy is >= 100"
    )
    assert failure.text == "action: Stop hiring"
    assert case("2026-04-10", fail_on="never").get("failures") == "0"
    assert case("2026-03-10").get("failures") == "0"
    assert case("2026-03-10", fail_on="warning").get("failures") == "1"
    late = case("2026-07-10")
    assert (late.get("failures"), late.get("skipped")) == ("0", "1")
