"""Templates that are rendered without Jinja give what Jinja gives."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kpilayer.errors import Location
from kpilayer.load.template import TargetInfo, Templates

_PIECES = (
    *("{{ Dimension('order__status') }}", '{{Dimension("a")}}', "{{ Entity('customer') }}"),
    *("{{ TimeDimension('metric_time', 'month') }}", "{{ TimeDimension( 'a' ,\n'day') }}"),
    *("{{ Dimension('a', 'b') }}", "{{ Dimension('') }}", "{{ Entity('a', 'b') }}"),
    *("{{ Dimension('a-b') }}", "{{ Dimension('é') }}", "{{ Dimension('a' 'b') }}"),
    *("{{ Dimension('a\") }}", "{{ Dimension('a\\n') }}", "{{- Dimension('a') }}"),
    *("{{ Dimension('a') }", "{", "}", "{{", "}}", "{%", "{#", "#}", "{{ 1 }}"),
    *("{{ Dimension('a').grain('month') }}", "{{ Dimension(name='a') }}", "{% raw %}"),
    *("{% endraw %}", " = 'x'", "\n", "\r\n", "\r", " ", "ü", "\u2028", "\x1c", "'", '"'),
)


def _templates() -> Templates:
    return Templates(macros={}, variables={}, target=TargetInfo("dev", "main", "duckdb"))


def _at(line: int, word: str) -> Location:
    return Location("m.yml", line, 1, max(1, len(word)), word)


@given(st.lists(st.sampled_from(_PIECES), max_size=5).map("".join))
def test_a_text_is_rendered_as_jinja_would(text: str) -> None:
    assume(any(tag in text for tag in ("{{", "{%", "{#")))  # other texts stay as they are
    templates = _templates()
    rendered, issues = templates.render(text, _at)
    truth, complaints = templates._run(text, _at, stamp=False)
    assert (rendered, issues) == (text if truth is None else truth, complaints)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{ Dimension('Order__Status') }} = 'x'", "\"order__status\" = 'x'"),
        ("{{ TimeDimension('metric_time', 'month') }}", '"metric_time__month"'),
        ("a {{ Entity('customer') }} b", 'a "customer" b'),
    ],
)
def test_plain_calls_need_no_jinja(
    text: str, rendered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = _templates()
    monkeypatch.delattr(Templates, "_run")
    assert templates.render(text, _at) == (rendered, ())
