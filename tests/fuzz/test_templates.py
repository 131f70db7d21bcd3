"""No template leaves the sandbox, and none goes on without end."""

from __future__ import annotations

import time

import pytest

from kpilayer.errors import Location
from kpilayer.load import profile_text
from kpilayer.load.question import render_group_by, render_where
from kpilayer.load.template import TargetInfo, Templates
from tests.fuzz.corpus_templates import BOMBS, ESCAPES
from tests.fuzz.share import some

VARIABLES = {"currency": "__class__", "tiers": [1, 2]}
#: What must never be made by a template: the first step of each escape prints one of them.
TRACES = (
    "<class",
    "<function",
    "<built-in",
    "<module",
    "object at 0x",
    "root:",
    "<Template",
    "<bound",
)


def make(macros: str = "") -> Templates:
    target = TargetInfo("dev", "main", "duckdb")
    return Templates(
        macros={"macros/m.sql": macros}, variables=VARIABLES, target=target, environ={}
    )


def at(line: int, word: str) -> Location:
    return Location("m.yml", line, 1, 1, "")


def shown(text: str) -> str:
    return text[:60].encode("ascii", "backslashreplace").decode()


@pytest.mark.parametrize("text", ESCAPES, ids=shown)
def test_no_template_leaves_the_sandbox(text: str) -> None:
    for templates, asked in (
        (make(), text),
        (make(f"{{% macro m9() %}}{text}{{% endmacro %}}"), "{{ m9() }}"),
    ):
        rendered, issues = templates.render(asked, at)
        assert any(i.severity == "error" for i in (*issues, *templates.issues)), rendered
        assert all(i.code.startswith("jinja-") or i.code == "not-supported-yet" for i in issues)
        assert not any(trace in str(issue) for issue in issues for trace in TRACES), issues
    assert VARIABLES == {"currency": "__class__", "tiers": [1, 2]}


@pytest.mark.parametrize("text", some(ESCAPES, 6), ids=shown)
def test_nor_does_a_callers_or_a_profiles(text: str) -> None:
    assert render_where((text,), '"')[1]
    assert render_group_by((text,), '"')[1]
    place = Location("profiles.yml", 1)
    value, issues = profile_text.render(text, place, variables=VARIABLES, environ={"A": "s3cret"})
    assert issues or not any(trace in str(value) for trace in TRACES), value
    assert "s3cret" not in f"{value} {issues}"


@pytest.mark.parametrize("text", some(BOMBS, 16), ids=shown)
def test_a_template_ends(text: str) -> None:
    """In bounded time and with bounded output, as a definition, a file, a macro and a profile."""
    began = time.process_time()
    rendered, issues = make().render(text, at)
    assert time.process_time() - began < 4, "the clock of a render stops it after two seconds"
    assert issues or len(rendered) <= 1_000_000
    began = time.process_time()
    whole, _, issues = make().render_file("m.yml.jinja", text)
    assert time.process_time() - began < 8
    assert issues or len(whole or "") <= 1_000_000
    began = time.process_time()
    place = Location("profiles.yml", 1)
    value, _ = profile_text.render(text, place, variables=VARIABLES, environ={})
    assert time.process_time() - began < 4
    assert len(str(value)) <= 1_000_000
