from __future__ import annotations

import json
from math import isinf, isnan

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kpilayer.errors import Issue, Location
from kpilayer.load import reader
from kpilayer.load.document import Document, Origin
from kpilayer.load.reader import read_yaml


@pytest.fixture(params=["libyaml", "pure"], autouse=True)
def each_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pure":
        monkeypatch.setattr(reader, "_LOADER", yaml.SafeLoader)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML without libyaml")


def read(text: str) -> Document:
    document, issues = read_yaml("m.yml", text)
    assert document is not None and issues == ()
    return document


def only_issue(text: str) -> Issue:
    _, issues = read_yaml("m.yml", text)
    assert len(issues) == 1
    return issues[0]


def span(place: Location) -> tuple[int, int, int]:
    return place.line, place.column, place.length


# -- scalars


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("14", 14),
        ("-3", -3),
        ("014", 14),
        ("0o14", 12),
        ("0x1F", 31),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("'14'", "14"),
        ('"true"', "true"),
        ("!!str 14", "14"),
        ("!!int 14", 14),
        ("!!float 14", 14.0),
        ("! 14", "14"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    data = read(f"a: {text}\n").data
    assert data == {"a": value}
    assert isinstance(data, dict) and type(data["a"]) is type(value)


def test_infinity_and_nan_are_floats() -> None:
    data = read("[.inf, -.Inf, .NaN]").data
    assert isinstance(data, list)
    assert data[0] > 0 and isinf(data[0]) and data[1] < 0 and isinf(data[1]) and isnan(data[2])


def test_keys_are_taken_as_their_text() -> None:
    assert read("1: a\ntrue: b\n~: c\n").data == {"1": "a", "true": "b", "~": "c"}


def test_empty_files_have_no_data_and_no_issue() -> None:
    assert read("").data is None
    assert read("# a comment\n").data is None
    assert read("---\n").data is None


# -- positions

SHOP = """\
metrics:
  - name: revenue
    expr: amount - "fee"
    tags: [a, 'b c']
    label:
"""


def test_every_key_and_value_has_its_place() -> None:
    document = read(SHOP)
    entry = ("metrics", 0)
    assert span(document.at_key(("metrics",))) == (1, 1, 7)
    assert span(document.at(entry)) == (2, 5, 1)
    assert span(document.at_key((*entry, "expr"))) == (3, 5, 4)
    assert span(document.at((*entry, "expr"))) == (3, 11, 14)
    assert span(document.at((*entry, "tags"))) == (4, 11, 1)
    assert span(document.at((*entry, "tags", 1))) == (4, 15, 5)
    assert document.at((*entry, "name")).text == "  - name: revenue"


def test_a_value_left_out_is_shown_at_its_key() -> None:
    assert span(read(SHOP).at(("metrics", 0, "label"))) == (5, 5, 5)


def test_what_has_no_place_is_shown_at_what_is_around_it() -> None:
    document = read(SHOP)
    assert span(document.at_key(("metrics", 0, "owner"))) == (2, 5, 1)
    assert span(document.at(("metrics", 7, "x"))) == (2, 3, 1)
    assert span(document.at(("nothing",))) == (1, 1, 1)
    assert span(read("").at(("a",))) == (1, 1, 1)


def test_a_byte_order_mark_takes_no_column() -> None:
    assert span(read("\ufeffa: b").at(("a",))) == (1, 4, 1)


def test_anchors_and_tags_are_not_part_of_a_value() -> None:
    document = read("a: &x !!str word\n")
    assert span(document.at(("a",))) == (1, 13, 4)
    assert span(document.within(("a",), 1, 2)) == (1, 14, 2)


@pytest.mark.parametrize(
    ("text", "value", "needle", "place"),
    [
        ("a: sum of x\n", "sum of x", "of", (1, 8, 2)),
        ("a: one\n  two # no\n", "one two", "two", (2, 3, 3)),
        ("a: 'it''s x'\n", "it's x", "x", (1, 11, 1)),
        ("a: 'one\n\n  two'\n", "one\ntwo", "two", (3, 3, 3)),
        ('a: "q\\"\\u0041 x"\n', 'q"A x', "A", (1, 8, 6)),
        ('a: "q\\"\\u0041 x"\n', 'q"A x', "x", (1, 15, 1)),
        ('a: "on\\\n    e x"\n', "one x", "x", (2, 7, 1)),
        ("a: |\n  one\n\n  two x\n", "one\n\ntwo x\n", "x", (4, 7, 1)),
        ("a: |2-\n    one\n   two\n", "  one\n two", "two", (3, 4, 3)),
        ("a: >\n  one\n  two\n\n  three\n", "one two\nthree\n", "two", (3, 3, 3)),
        ("a: >\n  one\n  two\n\n  three\n", "one two\nthree\n", "three", (5, 3, 5)),
        ("a: >-\n  one\n    deep\n  end", "one\n  deep\nend", "deep", (3, 5, 4)),
        ("a: |+\n\n  x\n\nb: 1\n", "\nx\n\n", "x", (3, 3, 1)),
    ],
)
def test_a_word_inside_any_kind_of_scalar_is_found(
    text: str, value: str, needle: str, place: tuple[int, int, int]
) -> None:
    document = read(text)
    assert isinstance(document.data, dict) and document.data["a"] == value
    assert span(document.within(("a",), value.index(needle), len(needle))) == place


def test_a_span_over_two_lines_ends_with_the_first() -> None:
    assert span(read("a: one two\n  three\n").within(("a",), 4, 9)) == (1, 8, 3)


def test_after_rendering_the_word_is_searched_in_the_source() -> None:
    document = read("""a: "{{ cents('amount') }} + fees + fee"\n""")
    rendered = "(amount / 100) + fees + fee"
    assert span(document.within(("a",), rendered.index("fee"), 3, "fee")) == (1, 36, 3)
    assert document.within(("a",), 3, 5, "gone") == document.at(("a",))


def test_an_offset_outside_the_value_is_the_whole_value() -> None:
    document = read("a: one\nb: 12\n")
    assert document.within(("a",), 9, 1) == document.at(("a",))
    assert document.within(("a",), -1, 1) == document.at(("a",))
    assert document.within(("b",), 0, 1) == document.at(("b",))
    assert document.within(("c", 1), 0, 1) == document.at(())


@given(
    st.text("ab \n'\"\\:#-é", min_size=1, max_size=30),
    st.sampled_from([None, "'", '"', "|", ">"]),
    st.sampled_from([5, 20, 80]),
)
def test_every_letter_of_a_dumped_scalar_is_found(text: str, style: str | None, width: int) -> None:
    source = yaml.dump({"a": [text]}, default_style=style, width=width, allow_unicode=True)
    document = read(source)
    assert isinstance(document.data, dict)
    value = document.data["a"][0]
    for offset, letter in enumerate(value):
        if letter.isalpha():
            place = document.within(("a", 0), offset, 1)
            assert place.text is not None and place.text[place.column - 1] == letter


# -- aliases and merges


def test_aliases_share_data_and_point_to_where_the_text_stands() -> None:
    document = read("a: &x\n  k: one two\nb: *x\n")
    assert document.data == {"a": {"k": "one two"}, "b": {"k": "one two"}}
    assert span(document.at(("b",))) == (3, 4, 2)
    assert span(document.at(("b", "k"))) == (2, 6, 7)
    assert span(document.within(("b", "k"), 4, 3)) == (2, 10, 3)
    assert span(document.at(("b", "missing"))) == (3, 4, 2)


def test_merged_keys_come_first_and_explicit_ones_win() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  y: 5\n  <<: [*a, *b]\nd: {<<: *b}\n"
    document = read(text)
    assert isinstance(document.data, dict)
    assert document.data["c"] == {"x": 1, "y": 5, "z": 4}
    assert list(document.data["c"]) == ["x", "y", "z"]
    assert document.data["d"] == {"y": 3, "z": 4}
    assert span(document.at(("c", "z"))) == (2, 17, 1)
    assert span(document.at(("c", "y"))) == (4, 6, 1)
    assert document.data == yaml.safe_load(text)


def test_a_quoted_merge_sign_is_a_key() -> None:
    assert read("'<<': 1\n").data == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: *x\n", (1, 4, 2), "`*x` names nothing above it"),
        ("a: &x [*x]\n", (1, 8, 2), "`*x` stands inside the value that it names"),
        ("a: {<<: 1}\n", (1, 9, 1), "`<<` takes a mapping or a list of mappings"),
        ("? [a]\n: 1\nb: 2\n", (1, 3, 1), "a list cannot be a key"),
        ("a: {{ x }}\n", (1, 5, 1), "a mapping cannot be a key"),
        ("a: !foo 1\n", (1, 4, 4), "tags are not allowed, and `!foo` is one"),
        ("a: !!python/name:os.system 1\n", (1, 4, 23), None),
        ("a: !!int x\n", (1, 10, 1), "`x` is not a value of the tag `!!int`"),
        ('a: "abc\nb: 1\n', (1, 4, 1), "a quoted text starts here and is not closed"),
        ("a:\n\tb: 1\n", (2, 1, 1), "a tab cannot stand in indentation"),
        ("a: @b\n", (1, 4, 1), "`@` cannot start a value"),
        ("a: b: c\n", (1, 5, 1), "a `:` cannot stand here"),
        ("a: [1, 2\n", (1, 4, 1), "expected `,` or `]` in the list that `[` opens on line 1"),
        ("a: 1\n  b\nc: 2\n- d\n", (4, 1, 1), None),
        ("a: x\0y\n", (1, 5, 1), "the character U+0000 is not allowed in YAML"),
        ("a: b\n\x07\n", (2, 1, 1), "the character U+0007 is not allowed in YAML"),
        ("\ud800", (1, 1, 1), "the character U+D800 is not allowed in YAML"),
    ],
)
def test_faults_are_told_in_plain_words_at_their_place(
    text: str, place: tuple[int, int, int], message: str | None
) -> None:
    issue = only_issue(text)
    assert issue.code == "yaml-syntax"
    assert issue.location is not None and span(issue.location) == place
    assert issue.location.text == text.split("\n")[place[0] - 1]
    assert message is None or issue.message == message


def test_every_duplicate_key_is_reported_and_reading_goes_on() -> None:
    document, issues = read_yaml("m.yml", "a: 1\nb: {c: 1, c: {d: 2, d: 3}}\na: 4\ne: 5\n")
    assert document is not None and document.data == {"a": 1, "b": {"c": 1}, "e": 5}
    assert [i.code for i in issues] == ["duplicate-key"] * 3
    assert [str(i.location) for i in issues] == ["m.yml:2:11", "m.yml:2:21", "m.yml:3:1"]
    assert [str(i.see[0][1]) for i in issues] == ["m.yml:2:5", "m.yml:2:15", "m.yml:1:1"]
    assert issues[0].see[0][0] == "first defined here"


def test_a_second_document_is_reported_at_its_dashes() -> None:
    document, issues = read_yaml("m.yml", "a: 1\n---\nb: 2\n")
    assert document is not None and document.data == {"a": 1}
    assert [(i.code, str(i.location)) for i in issues] == [("not-supported-yet", "m.yml:2:1")]


# -- bounds


def test_nesting_has_a_bound() -> None:
    assert read("[" * 64 + "]" * 64).data
    issue = only_issue("[" * 65 + "]" * 65)
    assert (issue.code, str(issue.location)) == ("too-large", "m.yml:1:65")


def test_nesting_through_aliases_has_the_same_bound() -> None:
    deep = "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40
    assert only_issue(deep).code == "too-large"


def test_aliases_of_aliases_have_a_bound() -> None:
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert only_issue("\n".join(lines)).code == "too-large"


def test_file_size_and_digits_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert only_issue("a: " + "1" * 1001).code == "bad-value"
    monkeypatch.setattr(reader, "MAX_CHARACTERS", 10)
    assert read("a: 1234567").data == {"a": 1234567}
    assert only_issue("a: 12345678").code == "too-large"


# -- templates


def test_places_in_a_rendered_file_are_the_templates() -> None:
    template = ["{% for x in 'ab' %}", "- name: m_{{ x }}", "  agg: sum", "{% endfor %}"]
    rendered = "\n- name: m_a\n  agg: sum\n\n- name: m_b\n  agg: sum\n"
    document, _ = read_yaml("m.yml.jinja", rendered, Origin(template, (1, 2, 3, 1, 2, 3, 4)))
    assert document is not None
    assert span(document.at((1, "agg"))) == (3, 8, 3)
    assert span(document.at_key((1, "name"))) == (2, 3, 4)
    assert span(document.at((1, "name"))) == (2, 1, 1)
    assert document.at((1, "name")).text == "- name: m_{{ x }}"


# -- anything at all


@given(st.text() | st.text("ab:-[]{}&*!|>'\"%@`#\n \t?,<~01\\\x85\u2028\r"))
def test_any_text_gives_a_document_or_issues(text: str) -> None:
    document, issues = read_yaml("m.yml", text)
    assert document is not None or issues
    for issue in issues:
        assert issue.location is not None and issue.location.text is not None
        assert str(issue)
    if document is not None:
        for path in document.values:
            assert document.at(path).line <= len(document.lines)
            assert document.within(path, 1, 2).line <= len(document.lines)
            assert document.within(path, 0, 1, "a").line <= len(document.lines)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("ab: #-'\"\n\\{}[]|>1.e~", max_size=12),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text("abc 1", min_size=1, max_size=3), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_json_reads_as_itself(data: object) -> None:
    assert read(json.dumps(data)).data == data
