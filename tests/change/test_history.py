"""What git remembers of metrics; whom definitions reach; who is asked by CODEOWNERS."""

from __future__ import annotations

import subprocess

import pytest

from kpilayer import ConfigError, Project, QueryError
from kpilayer.change.codeowners import BEGIN, END, merged
from kpilayer.change.evidence import Effort
from kpilayer.change.history import Event
from tests.change.conftest import Shop


class Repository:
    """The folder ``after`` as a repository."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=Team", "-c", "user.email=team@example.com"]
        done = subprocess.run(["git", *who, *arguments], cwd=self.shop.root / "after",
                              capture_output=True, text=True, check=True)  # fmt: skip
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD")

    def history(self, metric: str | None = None, **rest: str) -> tuple[Event, ...]:
        project = Project.load(self.shop.root / "after")
        return project.history(metric, effort=Effort(trials=60), **rest)


@pytest.fixture
def repository(shop: Shop) -> Repository:
    made = Repository(shop)
    made.commit("The shop")
    return made


def test_every_meaning_of_a_metric_is_told_newest_first(repository: Repository) -> None:
    shop = repository.shop
    shop.edit("label: Revenue", "label: Sales")
    repository.commit("Another label")
    shop.edit("= 'paid'\"", "IN ('paid', 'sent')\"")
    newest = repository.commit("Sent orders count\n\nReviewed-by: lead\nApproved-by: Finance")
    found = repository.history("revenue")
    assert [event.commit.subject for event in found] == ["Sent orders count", "The shop"]
    assert found[0].commit.id == newest and found[0].approved_by == ("lead", "Finance")
    assert found[0].change is not None and found[0].change.level == "value"
    prints = Project.load(shop.root / "after")._identity.metric("revenue")
    assert found[0].change.fingerprints[1] == prints


def test_a_metric_is_followed_through_its_other_name(repository: Repository) -> None:
    shop = repository.shop
    shop.edit("name: share_of_itself", "name: always_one")
    repository.commit("A better name")
    found = repository.history("always_one")
    assert [e.change.rules for e in found if e.change] == [("renamed",), ("new",)]


def test_a_shallow_clone_says_that_its_history_is_cut(repository: Repository) -> None:
    repository.shop.edit("agg: sum", "agg: max")
    repository.commit("The largest order")
    origin = (repository.shop.root / "after").as_uri()
    repository.git("clone", "-q", "--depth", "1", origin, str(repository.shop.root / "shallow"))
    found = Project.load(repository.shop.root / "shallow").history("revenue")
    assert "git fetch --unshallow" in found[-1].problem
    assert [event.problem for event in repository.history("revenue")] == ["", ""]


def test_what_a_metric_reads_is_part_of_its_history(repository: Repository) -> None:
    repository.shop.edit("agg: sum", "agg: max")
    repository.commit("The largest order")
    [event, _] = repository.history("aov")
    assert event.change is not None and event.change.causes == (("metric", "revenue"),)


def test_a_commit_that_does_not_compile_is_told_and_passed_over(repository: Repository) -> None:
    shop = repository.shop
    shop.edit("model: orders, agg: count", "model: orderz, agg: count")
    repository.commit("A slip")
    shop.edit("model: orderz, agg: count", "model: orders, agg: count")
    shop.edit("agg: sum", "agg: max")
    repository.commit("Mended, and the largest order")
    found = repository.history("revenue")
    assert [bool(event.problem) for event in found] == [False, True, False]
    assert found[1].problem.startswith("there is no")


def test_a_changelog_tells_what_each_commit_did(repository: Repository) -> None:
    start = repository.git("rev-parse", "HEAD")
    shop = repository.shop
    shop.edit("= 'paid'\"", "IN ('paid')\"")
    repository.commit("A rewrite")
    shop.edit("      - {name: channel, dimension: categorical}\n", "", "models/shop.yml")
    repository.commit("No channel")
    told = [(e.commit.subject, e.change.name, e.change.level) for e in repository.history(since=start) if e.change]  # fmt: skip
    assert told == [("A rewrite", "revenue", "equivalent"), ("No channel", "orders.channel", "interface")]  # fmt: skip


def test_a_metric_that_there_is_not_has_no_history(repository: Repository) -> None:
    with pytest.raises(QueryError, match="did you mean `revenue`"):
        repository.history("revenu")


def test_without_git_there_is_no_history(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="not in a git repository"):
        Project.load(shop.root / "after").history("revenue")


def test_a_branch_is_compared_with_where_it_left_the_main_one(repository: Repository) -> None:
    shop = repository.shop
    repository.git("switch", "-qc", "mine")
    shop.edit("agg: sum", "agg: max")
    repository.commit("Mine")
    repository.git("switch", "-q", "main")
    shop.edit("unit: EUR", "unit: USD")
    repository.commit("Theirs")
    repository.git("switch", "-q", "mine")
    project = Project.load(shop.root / "after")
    rules = {rule for change in project.diff(effort=Effort(20)).changes for rule in change.rules}
    assert "aggregation" in rules and "unit" not in rules
    both = {
        rule for change in project.diff("main", effort=Effort(20)).changes for rule in change.rules
    }
    assert {"aggregation", "unit"} <= both
    assert not repository.git("status", "--porcelain")


# ------------------------------------------------------------------------------ impact, CODEOWNERS


def test_whom_a_dimension_reaches(shop: Shop) -> None:
    found = Project.load(shop.root / "after").impact("orders.is_large")
    assert [(r.name, r.direct) for r in found.readers] == [("large_orders", True)]
    reached = Project.load(shop.root / "after").impact("revenue")
    assert {r.name for r in reached.readers} == {"aov", "share_of_itself", "revenue_of_28_days"}
    assert reached.reach.exposures == ("weekly",) and "finance" in reached.owners


def test_a_model_of_a_metrics_name_is_asked_for_by_its_kind(shop: Shop) -> None:
    line = "  - {name: orders, model: orders, agg: count, expr: order_id}\n"
    shop.write("after", {"metrics/orders.yml": f"metrics:\n{line}"})
    project = Project.load(shop.root / "after")
    assert project.impact("orders").subject == ("metric", "orders")
    assert "revenue" in {r.name for r in project.impact("model:orders").readers}
    with pytest.raises(QueryError, match="there is no metric, model or dimension"):
        project.impact("model:revenue")


def test_whom_nothing_reaches_is_an_error(shop: Shop) -> None:
    with pytest.raises(QueryError, match="did you mean `revenue`"):
        Project.load(shop.root / "after").impact("revenu")


def test_codeowners_sends_files_to_the_teams_whose_definitions_they_hold(shop: Shop) -> None:
    shop.edit("{name: finance, ", "{name: finance, handle: '@example/finance', ", "models/shop.yml")
    shop.edit("{name: sales, ", "{name: sales, handle: '@example/sales', ", "models/shop.yml")
    lines = Project.load(shop.root / "after").codeowners().splitlines()
    assert lines == [
        BEGIN,
        "/approvals.yml @example/finance @example/sales",
        "/metrics/shop.yml @example/finance",
        "/models/shop.yml @example/sales",
        END,
    ]


def test_lines_of_others_in_codeowners_stay() -> None:
    first = merged("* @example/all\n", f"{BEGIN}\n/a @x\n{END}\n")
    assert first == f"* @example/all\n\n{BEGIN}\n/a @x\n{END}\n"
    assert merged(first + "/b @y\n", f"{BEGIN}\n/c @z\n{END}\n") == (
        f"* @example/all\n\n{BEGIN}\n/c @z\n{END}\n/b @y\n"
    )
