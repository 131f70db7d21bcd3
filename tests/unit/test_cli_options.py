"""Flags: where they may stand, which one wins, and what they become."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kpilayer.cli.main import cli
from kpilayer.cli.question import Question, split_names

FLAGS = {
    "--project-dir": ("path", "KPILAYER_PROJECT_DIR"),
    "--profiles-dir": ("profiles_dir", "KPILAYER_PROFILES_DIR"),
    "--profile": ("profile", "KPILAYER_PROFILE"),
    "--target": ("target", "KPILAYER_TARGET"),
}


class Asked(Exception):
    """Not an error: it ends the command where its work would begin."""


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `Project.load` and `Project.prepare` were called with."""
    found: dict[str, Any] = {}

    class Project:
        @classmethod
        def load(cls, path: str, **values: Any) -> Project:
            found["load"] = {"path": path, **values}
            return cls()

        def prepare(self, **values: Any) -> None:
            found["prepare"] = values
            raise Asked

    module = types.ModuleType("kpilayer.project")
    module.Project = Project  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kpilayer.project", module)
    for _, variable in FLAGS.values():
        monkeypatch.delenv(variable, raising=False)
    return found


def run(*args: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, args, env=env)


QUERY = ("compile", "-m", "revenue")

# ------------------------------------------------------------------------------------ common flags


def test_without_flags_the_project_is_here(heard: dict[str, Any]) -> None:
    run(*QUERY)
    assert heard["load"] == {
        "path": ".",
        "target": None,
        "profile": None,
        "profiles_dir": None,
        "vars": None,
    }


@pytest.mark.parametrize("flag", FLAGS)
def test_flag_may_stand_before_the_command(flag: str, heard: dict[str, Any]) -> None:
    run(flag, "one", *QUERY)
    assert heard["load"][FLAGS[flag][0]] == "one"


@pytest.mark.parametrize("flag", FLAGS)
def test_flag_may_stand_after_the_command(flag: str, heard: dict[str, Any]) -> None:
    run(*QUERY, flag, "one")
    assert heard["load"][FLAGS[flag][0]] == "one"


@pytest.mark.parametrize("flag", FLAGS)
def test_later_flag_wins(flag: str, heard: dict[str, Any]) -> None:
    run(flag, "one", flag, "two", *QUERY, flag, "three")
    assert heard["load"][FLAGS[flag][0]] == "three"


@pytest.mark.parametrize("flag", FLAGS)
def test_environment_stands_for_the_flag(flag: str, heard: dict[str, Any]) -> None:
    keyword, variable = FLAGS[flag]
    run(*QUERY, env={variable: "one"})
    assert heard["load"][keyword] == "one"


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("place", ["before", "after"])
def test_flag_wins_over_the_environment(flag: str, place: str, heard: dict[str, Any]) -> None:
    keyword, variable = FLAGS[flag]
    args = (flag, "one", *QUERY) if place == "before" else (*QUERY, flag, "one")
    run(*args, env={variable: "two"})
    assert heard["load"][keyword] == "one"


@pytest.mark.parametrize(("short", "long"), [("-C", "path"), ("-t", "target")])
def test_short_flags_are_the_long_ones(short: str, long: str, heard: dict[str, Any]) -> None:
    run(short, "one", *QUERY)
    assert heard["load"][long] == "one"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("currency: USD", {"currency": "USD"}),
        ("{currency: USD, tax: 0.2}", {"currency": "USD", "tax": 0.2}),
        ("country: NO", {"country": "NO"}),
        ("", {}),
    ],
)
def test_vars_are_a_yaml_mapping(text, values, heard) -> None:
    run(*QUERY, "--vars", text)
    assert heard["load"]["vars"] == values


@pytest.mark.parametrize("text", ["USD", "[1, 2]", "{a: 1, a: 2}", "{a: "])
def test_vars_that_are_no_mapping_exit_2(text, heard) -> None:
    result = run(*QUERY, "--vars", text)
    assert result.exit_code == 2
    assert "error[bad-vars]" in result.stderr


def test_vars_may_come_from_the_environment(heard: dict[str, Any]) -> None:
    run(*QUERY, env={"KPILAYER_VARS": "currency: EUR"})
    assert heard["load"]["vars"] == {"currency": "EUR"}


# ------------------------------------------------------------------------------------- query flags


def asked(heard: dict[str, Any], *args: str) -> dict[str, Any]:
    run("compile", *args)
    return dict(heard["prepare"])


def test_flags_left_out_are_the_defaults_of_prepare(heard: dict[str, Any]) -> None:
    assert asked(heard, "-m", "revenue") == {
        "metrics": ["revenue"],
        "group_by": [],
        "where": None,
        "start": None,
        "end": None,
        "exact": False,
        "order_by": [],
        "limit": None,
        "timezone": None,
        "dialect": None,
        "unverified": False,
    }


def test_every_query_flag_arrives(heard: dict[str, Any]) -> None:
    args = (
        "-m revenue,orders -m aov -g metric_time__month,region -w a=1 -w b=2 --start 2026-01-01 "
        "--end 2026-02-01 --exact --order-by -revenue,region --limit 5 --dialect postgres "
        "--unverified --timezone Asia/Tokyo"
    )
    assert asked(heard, *args.split()) == {
        "metrics": ["revenue", "orders", "aov"],
        "group_by": ["metric_time__month", "region"],
        "where": ["a=1", "b=2"],
        "start": "2026-01-01",
        "end": "2026-02-01",
        "exact": True,
        "order_by": ["-revenue", "region"],
        "limit": 5,
        "timezone": "Asia/Tokyo",
        "dialect": "postgres",
        "unverified": True,
    }


def test_what_is_done_with_the_answer_arrives_where_it_is_asked(heard: dict[str, Any]) -> None:
    args = "--saved-query board --having a>1 --having b>2 --compare prior_period,prior_year"
    found = asked(heard, *args.split(), "--compare-rows", "all")
    assert found["saved_query"] == "board"
    assert found["having"] == ["a>1", "b>2"]
    assert found["compare"] == ["prior_period", "prior_year"]
    assert found["compare_rows"] == "all"
    more = "--totals a,b --top 3 --top-by -revenue --top-of a --other rest --fill 0"
    found = asked(heard, "-m", "revenue", "-g", "a,b,c", *more.split(), "--totals", "")
    assert found["totals"] == [["a", "b"], []]
    assert found["top"] == {"n": 3, "by": "-revenue", "of": "a", "other": "rest"}
    assert found["fill"] == 0


def test_long_and_short_query_flags_are_the_same(heard: dict[str, Any]) -> None:
    short = asked(heard, "-m", "a", "-g", "b", "-w", "c")
    assert asked(heard, "--metrics", "a", "--group-by", "b", "--where", "c") == short


def test_condition_is_never_split(heard: dict[str, Any]) -> None:
    assert asked(heard, "-m", "a", "-w", "x IN (1, 2), y")["where"] == ["x IN (1, 2), y"]


def test_query_takes_the_flags_of_compile(heard: dict[str, Any]) -> None:
    compiled = asked(heard, "-m", "a", "-g", "b", "--limit", "3")
    run("query", "--dry-run", "-m", "a", "-g", "b", "--limit", "3")
    assert heard["prepare"] == compiled


def test_group_by_alone_is_a_query_without_metrics(heard: dict[str, Any]) -> None:
    assert asked(heard, "-g", "region")["metrics"] == []


@pytest.mark.parametrize("args", ["--limit many", "--stage parse"])
def test_impossible_value_of_a_flag_exits_2(args: str) -> None:
    assert run("compile", "-m", "a", *args.split()).exit_code == 2


def test_stage_without_dry_run_exits_2() -> None:
    result = run("query", "-m", "revenue", "--stage", "plan")
    assert result.exit_code == 2
    assert "add `--dry-run`" in result.stderr


def test_spelling_flags_alone_ask_for_no_numbers() -> None:
    assert Question(dialect="postgres", unverified=True).is_empty
    assert not Question(metrics=("revenue",)).is_empty
    assert not Question(limit=0).is_empty


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b", ["a", "b"]),
        (" a , b ,", ["a", "b"]),
        ("", []),
        (
            "TimeDimension('metric_time', 'month'),region",
            ["TimeDimension('metric_time', 'month')", "region"],
        ),
        ("Metric('orders', ['customer', 'x']),b", ["Metric('orders', ['customer', 'x'])", "b"]),
        ('Dimension("odd,)name"),b', ['Dimension("odd,)name")', "b"]),
        ("a),b", ["a)", "b"]),
    ],
)
def test_commas_split_names_but_not_what_brackets_or_quotes_hold(text, names) -> None:
    assert split_names(text) == names


def test_roles_are_attributes_and_a_repeated_one_is_a_list() -> None:
    """Decision 12: the value is the text after the first `=`, commas and all."""
    asked = Question(role=(("region", "EU"), ("names", "a,b"), ("names", "c=d")))
    assert asked.arguments()["role"] == {"region": "EU", "names": ["a,b", "c=d"]}
    assert not asked.is_empty
    assert "role" not in Question().arguments()


def test_a_role_without_a_name_is_a_usage_error() -> None:
    for text in ("EU", "=EU"):
        result = CliRunner().invoke(cli, ["query", "-m", "x", "--role", text])
        assert result.exit_code == 2
        assert "write NAME=VALUE" in result.stderr
