"""Several YAML documents in one text."""

from __future__ import annotations

import pytest

from kpilayer.load import reader
from kpilayer.load.reader import read_yaml, read_yaml_documents

TWO = "name: a\n---\n# of its own\nname: b\nlist: [1, 2]\n"


def test_each_document_has_its_own_data_and_places() -> None:
    (first, second), issues = read_yaml_documents("m.yml", TWO)
    assert issues == ()
    assert (first.data, second.data) == ({"name": "a"}, {"name": "b", "list": [1, 2]})
    assert str(first.at(("name",))) == "m.yml:1:7"
    assert str(second.at(("name",))) == "m.yml:4:7"
    assert str(second.at(("list", 1))) == "m.yml:5:11"


def test_a_text_without_separators_is_one_document() -> None:
    (only,), _ = read_yaml_documents("m.yml", "a: 1")
    assert only.data == read_yaml("m.yml", "a: 1")[0].data  # type: ignore[union-attr]


def test_an_empty_text_is_one_empty_document() -> None:
    (only,), issues = read_yaml_documents("m.yml", "")
    assert (only.data, issues) == (None, ())


def test_a_second_document_is_still_refused_where_one_is_read() -> None:
    document, (issue,) = read_yaml("m.yml", TWO)
    assert document is not None and document.data == {"name": "a"}
    assert (issue.code, str(issue.location)) == ("not-supported-yet", "m.yml:2:1")


def test_a_fault_in_the_second_document_leaves_the_first() -> None:
    documents, (issue,) = read_yaml_documents("m.yml", "a: 1\n---\nb: 'x\n")
    assert [d.data for d in documents] == [{"a": 1}]
    assert (issue.code, str(issue.location)) == ("yaml-syntax", "m.yml:3:4")


def test_a_fault_after_the_first_document_is_nobodys_where_one_is_read() -> None:
    assert read_yaml("m.yml", "a: 1\n---\nb: 'x\n")[0] is not None


def test_anchors_end_with_their_document() -> None:
    _, (issue,) = read_yaml_documents("m.yml", "a: &x 1\n---\nb: *x\n")
    assert issue.message == "`*x` names nothing above it"


def test_the_same_key_may_stand_in_two_documents_but_not_twice_in_one() -> None:
    _, (issue,) = read_yaml_documents("m.yml", "a: 1\n---\na: 2\na: 3\n")
    assert (issue.code, str(issue.location)) == ("duplicate-key", "m.yml:4:1")


def test_values_are_counted_over_all_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_NODES", 10)
    one = "[1, 2, 3, 4]"
    assert read_yaml_documents("m.yml", f"{one}\n---\n{one}")[1] == ()
    (issue,) = read_yaml_documents("m.yml", f"{one}\n---\n{one}\n---\n{one}")[1]
    assert issue.code == "too-large"


def test_a_place_in_a_file_without_lines_is_that_of_the_file() -> None:
    document = reader.Document("m.json", (), {"a": 1}, {}, {})
    assert str(document.at(("a",))) == "m.json:1:1"
    assert not document.has(("a",))
