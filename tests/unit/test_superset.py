"""Pushing to Superset, against answers as Superset 6.1.0 gives them; `tests/superset` has the real one."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import httpx
import pytest

from kpilayer.errors import Issue, KpilayerError
from kpilayer.interop.superset.dataset import Column, Dataset, Metric, Pushed, Server
from kpilayer.interop.superset.push import push
from tests.superset.fake import FakeSuperset

REVENUE = Metric(
    "revenue",
    'SUM("revenue")',
    label="Revenue",
    description="What customers paid.",
    d3format=",.2f",
    certified_by="Finance",
    certification_details="revenue@2",
)
BUYERS = Metric(
    "active_customers",
    'CASE WHEN COUNT(*) = 1 THEN MAX("active_customers") END',
    warning="Has a value only in the rows of the view.",
)
ORDERS = Dataset(
    "kpi",
    "orders_daily",
    (
        Column("metric_time", is_time=True),
        Column("region", "Region", "Where the customer lives."),
        Column("revenue"),
        Column("active_customers"),
    ),
    (REVENUE, BUYERS),
    description="Orders by day and region.",
    main_time="metric_time",
)
NAMES = [column.name for column in ORDERS.columns]
SERVER = Server("https://bi.example.com", "shop", "publisher", "s3cret-of-publisher")


@pytest.fixture
def superset() -> FakeSuperset:
    return FakeSuperset({"kpi.orders_daily": NAMES, "kpi.visits_daily": NAMES})


def pushed(superset: FakeSuperset, *datasets: Dataset, **options: Any) -> tuple[Pushed, ...]:
    return push(datasets or [ORDERS], SERVER, transport=superset.transport, **options)


def failure(one: Pushed) -> Issue:
    assert one.action == "failed"
    (issue,) = one.issues
    return issue


# ------------------------------------------------------------------------------------- what is made


def test_a_dataset_that_is_not_there_is_made_with_its_metrics(superset: FakeSuperset) -> None:
    (made,) = pushed(superset)
    assert (made.dataset, made.action) == ("kpi.orders_daily", "created")
    assert made.link == "https://bi.example.com/explore/?datasource_type=table&datasource_id=1"
    found = superset.only()
    assert (found["database"], found["schema"], found["table_name"]) == (1, "kpi", "orders_daily")
    assert found["description"] == "Orders by day and region."
    assert found["main_dttm_col"] == "metric_time"
    assert superset.column("region")["verbose_name"] == "Region"
    assert superset.column("region")["description"] == "Where the customer lives."
    revenue = superset.metric("revenue")
    assert revenue["expression"] == 'SUM("revenue")'
    assert (revenue["verbose_name"], revenue["d3format"]) == ("Revenue", ",.2f")
    assert json.loads(revenue["extra"]) == {
        "certification": {"certified_by": "Finance", "details": "revenue@2"}
    }
    assert json.loads(superset.metric("active_customers")["extra"]) == {
        "warning_markdown": "Has a value only in the rows of the view."
    }


def test_a_second_push_changes_nothing(superset: FakeSuperset) -> None:
    pushed(superset)
    superset.written.clear()
    (again,) = pushed(superset)
    assert (again.action, again.changes, superset.written) == ("unchanged", (), [])


def test_only_what_differs_is_written(superset: FakeSuperset) -> None:
    pushed(superset)
    superset.written.clear()
    (again,) = pushed(superset, replace(ORDERS, description="Orders of each day."))
    assert (again.action, again.changes) == ("updated", ("description changed",))
    body = {"always_filter_main_dttm": False, "description": "Orders of each day."}
    assert superset.written == [("PUT", "dataset/1", body)]


def test_a_metric_keeps_its_id_when_its_definition_changes(superset: FakeSuperset) -> None:
    pushed(superset)
    before = superset.metric("revenue")["id"]
    changed = replace(REVENUE, expression='SUM("net")', certified_by="", certification_details="")
    (again,) = pushed(superset, replace(ORDERS, metrics=(changed, BUYERS)))
    assert again.changes == ("metric `revenue` changed: expression, certification or warning",)
    after = superset.metric("revenue")
    assert (after["id"], after["expression"], after["extra"]) == (before, 'SUM("net")', "{}")


def test_a_metric_that_is_no_longer_published_goes(superset: FakeSuperset) -> None:
    pushed(superset)
    (again,) = pushed(superset, replace(ORDERS, metrics=(REVENUE,)))
    assert again.changes == ("metric `active_customers` is gone",)
    assert [m["metric_name"] for m in superset.only()["metrics"]] == ["count", "revenue"]
    assert pushed(superset, replace(ORDERS, metrics=(REVENUE,)))[0].action == "unchanged"


def test_a_new_column_of_the_view_is_read(superset: FakeSuperset) -> None:
    pushed(superset)
    superset.column("region")["filterable"] = False
    superset.views["kpi.orders_daily"] = [*NAMES[:3], "orders"]
    columns = (*ORDERS.columns[:3], Column("orders", "Orders"))
    (again,) = pushed(superset, replace(ORDERS, columns=columns))
    told = ["column `orders` is new", "column `active_customers` is gone"]
    assert list(again.changes) == [*told, "column `orders` changed: label"]
    assert superset.column("orders")["verbose_name"] == "Orders"
    assert superset.column("region")["filterable"] is False


def test_what_would_be_done_is_told_without_a_write(superset: FakeSuperset) -> None:
    (would,) = pushed(superset, dry_run=True)
    told = ("metric `revenue` is new", "metric `active_customers` is new")
    assert (would.action, would.changes, superset.written) == ("created", told, [])
    pushed(superset)
    superset.written.clear()
    changed = replace(
        ORDERS,
        columns=(*ORDERS.columns, Column("orders")),
        metrics=(replace(REVENUE, d3format=".3s"), BUYERS),
    )
    (would,) = pushed(superset, changed, dry_run=True)
    told = ("column `orders` is new", "metric `revenue` changed: format")
    assert (would.action, would.changes, superset.written) == ("updated", told, [])


def test_a_new_dataset_may_have_a_metric_called_count(superset: FakeSuperset) -> None:
    counted = Metric("count", 'SUM("orders")')
    assert pushed(superset, replace(ORDERS, metrics=(counted,)))[0].action == "created"
    assert superset.metric("count")["expression"] == 'SUM("orders")'


# -------------------------------------------------------------------------- what people made stays


def test_metrics_calculated_columns_and_settings_of_people_stay(superset: FakeSuperset) -> None:
    pushed(superset)
    found = superset.only()
    theirs = {"id": 901, "metric_name": "by_hand", "expression": "MAX(1)", "d3format": "d"}
    theirs |= {"extra": '{"certification": {"certified_by": "Sales"}}'}
    calculated = superset.column("region") | {"id": 902, "column_name": "land", "expression": "1"}
    found["metrics"].append(theirs)
    found["columns"].append(calculated)
    found["extra"] = json.dumps({**json.loads(found["extra"]), "warning_markdown": "Mind the gap."})
    found["always_filter_main_dttm"] = True
    changed = replace(
        ORDERS,
        metrics=(replace(REVENUE, label="Turnover"),),
        columns=(replace(ORDERS.columns[0], label="Day"), *ORDERS.columns[1:]),
    )
    (again,) = pushed(superset, changed)
    assert again.action == "updated"
    assert superset.metric("by_hand") == theirs
    assert superset.column("land") == calculated
    assert json.loads(found["extra"])["warning_markdown"] == "Mind the gap."
    assert found["always_filter_main_dttm"] is True
    superset.written.clear()
    assert pushed(superset, changed)[0].action == "unchanged"
    assert superset.written == []


def test_what_others_keep_beside_the_badge_of_a_metric_stays(superset: FakeSuperset) -> None:
    pushed(superset)
    superset.metric("revenue")["extra"] = '{"glossary": "R-12"}'
    assert pushed(superset)[0].action == "updated"
    assert json.loads(superset.metric("revenue")["extra"]) == {
        "glossary": "R-12",
        "certification": {"certified_by": "Finance", "details": "revenue@2"},
    }


def test_a_dataset_that_people_made_of_the_view_is_used(superset: FakeSuperset) -> None:
    pushed(superset, replace(ORDERS, metrics=(), description="", main_time=None))
    superset.only()["extra"] = None
    (found,) = pushed(superset)
    assert found.action == "updated"
    assert len(superset.datasets) == 1


def test_a_metric_of_people_with_the_same_name_is_left(superset: FakeSuperset) -> None:
    pushed(superset, replace(ORDERS, metrics=()))
    theirs = {"id": 901, "metric_name": "revenue", "expression": "SUM(1)", "extra": None}
    superset.only()["metrics"].append(dict(theirs))
    superset.written.clear()
    first, second = pushed(superset, ORDERS, replace(ORDERS, table="visits_daily"))
    issue = failure(first)
    assert issue.code == "bi-refused"
    assert (
        issue.message == "metrics of `kpi.orders_daily` in Superset were made by people: `revenue`"
    )
    assert second.action == "created"
    assert superset.datasets[1]["metrics"][-1] == theirs
    assert ("PUT", "dataset/1") not in {(method, path) for method, path, _ in superset.written}


def test_saving_in_the_editor_of_superset_takes_no_metric_away(superset: FakeSuperset) -> None:
    # It sends each metric's `extra` anew, and empty texts for nothing.
    pushed(superset)
    for metric in superset.only()["metrics"]:
        extra = json.loads(metric["extra"] or "{}")
        kept = {"certification": extra.get("certification")} if "certification" in extra else {}
        warning = extra.get("warning_markdown", "")
        metric |= {"extra": json.dumps({**kept, "warning_markdown": warning})}
        metric |= {"warning_text": warning, "description": metric["description"] or ""}
    assert pushed(superset)[0].action == "unchanged"
    assert pushed(superset, replace(ORDERS, metrics=(BUYERS,)))[0].changes == (
        "metric `revenue` is gone",
    )


def test_metrics_as_they_should_be_are_known_again_where_the_mark_is_lost(
    superset: FakeSuperset,
) -> None:
    pushed(superset)
    superset.only()["extra"] = ""
    assert [one.action for one in (*pushed(superset), *pushed(superset))] == [
        "updated",
        "unchanged",
    ]


@pytest.mark.parametrize("extra", ["no json", "[1]", '"text"'])
def test_settings_that_cannot_be_read_are_not_overwritten(
    superset: FakeSuperset, extra: str
) -> None:
    pushed(superset)
    superset.only()["extra"] = extra
    assert "is no JSON object" in failure(pushed(superset)[0]).message
    assert superset.only()["extra"] == extra


@pytest.mark.parametrize("mark", ["1", '{"metrics": 3}', '{"metrics": [[], null]}', "null"])
def test_a_mark_that_people_spoilt_marks_nothing(superset: FakeSuperset, mark: str) -> None:
    pushed(superset)
    superset.only()["extra"] = f'{{"kpilayer": {mark}}}'
    assert pushed(superset)[0].action == "updated"


def test_a_dataset_made_of_sql_is_not_taken_for_the_view(superset: FakeSuperset) -> None:
    pushed(superset)
    superset.only()["kind"] = "virtual"
    assert "is made of SQL" in failure(pushed(superset)[0]).message


def test_of_several_catalogs_one_has_to_be_said(superset: FakeSuperset) -> None:
    pushed(superset)
    superset.datasets[2] = {**superset.only(), "id": 2, "catalog": "archive"}
    assert "in the catalogs `archive`, `postgres`" in failure(pushed(superset)[0]).message
    assert pushed(superset, replace(ORDERS, catalog="postgres"))[0].action == "unchanged"


# --------------------------------------------------------------------------------- what goes wrong


def test_a_view_that_superset_does_not_see_fails_alone(superset: FakeSuperset) -> None:
    first, second = pushed(superset, replace(ORDERS, table="gone"), ORDERS)
    issue = failure(first)
    assert "to make a dataset (422): table: Table [postgres.kpi.gone] could not be" in issue.message
    assert issue.hint is not None and issue.hint.startswith("publish the view first")
    assert second.action == "created"


def test_a_column_that_the_view_has_not_fails_the_dataset(superset: FakeSuperset) -> None:
    wanted = replace(ORDERS, columns=(*ORDERS.columns, Column("margin")))
    issue = failure(pushed(superset, wanted)[0])
    assert issue.message == "`kpi.orders_daily` has no column `margin`, as Superset reads it"


def test_a_user_without_rights_is_told_which(superset: FakeSuperset) -> None:
    superset.writes_allowed = False
    issue = failure(pushed(superset)[0])
    assert issue.message == "Superset refuses to make a dataset (403): Forbidden"
    assert issue.hint is not None and "Alpha" in issue.hint


def test_a_database_that_superset_does_not_show_names_the_nearest(superset: FakeSuperset) -> None:
    superset.databases = ("shop", "ledger")
    for name, hint in {"shp": "did you mean `shop`?", "x": "databases that this user sees"}.items():
        with pytest.raises(KpilayerError) as raised:
            push([ORDERS], replace(SERVER, database=name), transport=superset.transport)
        (issue,) = raised.value.issues
        assert issue.code == "bi-refused"
        assert issue.hint is not None and issue.hint.startswith(hint)
    superset.databases = ()
    with pytest.raises(KpilayerError, match="Database Connections"):
        pushed(superset)


ANSWERS: dict[str, tuple[httpx.Response | Exception, str, str]] = {
    "nothing listens": (
        httpx.ConnectError("[Errno 111] Connection refused"),
        "does not answer: [Errno 111] Connection refused",
        "check the address",
    ),
    "it takes too long": (httpx.ReadTimeout(""), "does not answer: ReadTimeout", "check the"),
    "nobody vouches for it": (
        httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
        "CERTIFICATE_VERIFY_FAILED",
        "SSL_CERT_FILE",
    ),
    "the password is wrong": (
        httpx.Response(401, json={"message": "Not authorized"}),
        "does not let `publisher` in: Not authorized",
        "check SUPERSET_USERNAME",
    ),
    "the provider is not allowed": (
        httpx.Response(400, json={"message": {"provider": ["Must be one of: db, ldap."]}}),
        "provider: Must be one of: db, ldap.",
        "check SUPERSET_USERNAME",
    ),
    "it is a page": (
        httpx.Response(200, html="<html>Welcome</html>"),
        "does not answer as Superset does: 200 with text/html",
        "give the address",
    ),
    "it is another service": (
        httpx.Response(200, json={"hello": "world"}),
        "does not answer as Superset does: 200 with application/json",
        "give the address",
    ),
    "it is a list": (httpx.Response(200, json=[1]), "200 with application/json", "give the"),
    "a proxy is broken": (
        httpx.Response(502, text="Bad Gateway"),
        "502 with text/plain",
        "give the",
    ),
    "a login page is before it": (
        httpx.Response(302, headers={"location": "https://login.example.com/in?ticket=t1cket"}),
        "it leads on to `https://login.example.com/in`",
        "give the address",
    ),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_server_that_cannot_be_used_is_an_issue_with_a_way_out(answer: str) -> None:
    given, message, hint = ANSWERS[answer]

    def handler(request: httpx.Request) -> httpx.Response:
        if isinstance(given, Exception):
            raise given
        return given

    with pytest.raises(KpilayerError) as raised:
        push([ORDERS], SERVER, transport=httpx.MockTransport(handler))
    (issue,) = raised.value.issues
    assert issue.code == "bi-unreachable"
    assert issue.message.startswith("`https://bi.example.com` ") and message in issue.message
    assert issue.hint is not None and issue.hint.startswith(hint)
    assert "t1cket" not in str(issue)


@pytest.mark.parametrize(
    "server, message",
    [
        (replace(SERVER, url="bi.example.com"), "the address of Superset is none"),
        (replace(SERVER, url="ftp://bi.example.com"), "the address of Superset is none"),
        (replace(SERVER, url="http://[::1"), "the address of Superset is none"),
        (replace(SERVER, url="http://bi.example.com:x"), "the address of Superset is none"),
        (replace(SERVER, url=""), "the address of Superset is none"),
        (replace(SERVER, url="https://u:p4ss@bi.example.com"), "holds a user"),
        (replace(SERVER, password=None), "nothing says who asks"),
        (replace(SERVER, token="p4ss\u2026"), "the access token holds what no token does"),
        (replace(SERVER, token="p4ss\n"), "the access token holds what no token does"),
    ],
)
def test_an_address_or_a_user_that_cannot_be_meant_is_refused(server: Server, message: str) -> None:
    with pytest.raises(KpilayerError) as raised:
        push([ORDERS], server, transport=FakeSuperset().transport)
    (issue,) = raised.value.issues
    assert issue.code == "bi-unreachable" and message in issue.message
    assert issue.hint and "p4ss" not in str(issue)


def test_a_token_stands_for_a_password(superset: FakeSuperset) -> None:
    token = replace(SERVER, username=None, password=None, token="header.claims.signature")
    (made,) = push([ORDERS], token, transport=superset.transport)
    assert made.action == "created"
    with pytest.raises(KpilayerError) as raised:
        push([ORDERS], replace(token, token="gone.stale.s1gned"), transport=superset.transport)
    (issue,) = raised.value.issues
    assert "does not take the access token: Signature verification failed" in issue.message
    assert issue.hint is not None and "SUPERSET_TOKEN" in issue.hint
    assert "s1gned" not in str(issue)


@pytest.mark.parametrize(
    "answer, reason",
    [
        (httpx.Response(500, text="boom"), "(500): Internal Server Error"),
        (httpx.Response(422, json={"message": {"metrics": ["exist", "twice"]}}), "metrics: exist; metrics: twice"),
        (httpx.Response(422, json={"errors": [{"message": "no"}]}), "(422): no"),
        (
            httpx.Response(422, json={"errors": [{"message": "no", "extra": {"messages": {"x": {"0": {"name": ["Length"]}}}}}]}),
            "(422): name: Length",
        ),
        (httpx.Response(422, json={}), "(422): no reason given"),
        (httpx.Response(422, json={"message": "header.claims.signature is no"}), "(422): *** is no"),
        (httpx.Response(422, json={"message": "s3cret-of-publisher " * 30}), "(422): *** ***"),
        (httpx.Response(201, text="made"), "does not answer as Superset does: 201"),
        (httpx.Response(201, json={"id": "one"}), "a new dataset without an id"),
    ],
)  # fmt: skip
def test_what_superset_says_is_told_in_a_line_without_secrets(
    superset: FakeSuperset, answer: httpx.Response, reason: str
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return (
            answer
            if request.method == "POST" and "login" not in str(request.url)
            else superset(request)
        )

    (one,) = push([ORDERS], SERVER, transport=httpx.MockTransport(handler))
    message = failure(one).message
    assert reason in message and "\n" not in message
    assert len(message) < 400 and "s3cret" not in message


@pytest.mark.parametrize(
    "path, answer",
    [
        ("database", {"result": [{"name": "shop"}]}),
        ("database", {}),
        ("dataset/1", {"result": {}}),
        ("dataset/1", {"result": None}),
        ("csrf", {"result": 1}),
    ],
)
def test_answers_of_another_shape_are_no_tracebacks(
    superset: FakeSuperset, path: str, answer: dict[str, Any]
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        asked = request.method == "GET" and path in str(request.url)
        return httpx.Response(200, json=answer) if asked else superset(request)

    try:
        (one,) = push([ORDERS], SERVER, transport=httpx.MockTransport(handler))
        issue = failure(one)
    except KpilayerError as error:
        (issue,) = error.issues
    assert issue.code == "bi-unreachable"


def test_a_server_that_is_lost_on_the_way_is_not_asked_for_every_dataset(
    superset: FakeSuperset,
) -> None:
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        if "/api/v1/dataset/" in str(request.url):
            asked.append(request)
            raise httpx.ReadTimeout("timed out")
        return superset(request)

    many = [replace(ORDERS, table=f"orders_{number}") for number in range(5)]
    done = push(many, SERVER, transport=httpx.MockTransport(handler))
    assert [failure(one).code for one in done] == ["bi-unreachable"] * 5
    assert len(asked) == 1


def test_a_server_under_a_path_is_asked_there(superset: FakeSuperset) -> None:
    under = replace(SERVER, url="https://bi.example.com/superset/")
    (made,) = push([ORDERS], under, transport=superset.transport)
    assert (
        made.link
        == "https://bi.example.com/superset/explore/?datasource_type=table&datasource_id=1"
    )
    assert {str(r.url).partition("/api/v1/")[0] for r in superset.seen} == {
        "https://bi.example.com/superset"
    }
    assert superset.seen[-1].headers["Referer"] == "https://bi.example.com/superset/"


def test_a_server_shows_no_secret() -> None:
    assert "s3cret" not in repr(SERVER) + repr(replace(SERVER, token="s3cret"))


def test_a_proxy_that_cannot_be_used_is_an_issue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nothing://ann:p4ss@proxy.example.com")
    with pytest.raises(KpilayerError) as raised:
        push([ORDERS], SERVER)
    assert "through the proxy" in str(raised.value) and "p4ss" not in str(raised.value)


def test_without_httpx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(KpilayerError, match=r"pip install 'kpilayer\[superset\]'"):
        push([ORDERS], SERVER)
