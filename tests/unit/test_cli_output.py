"""How answers are printed: formats, files, colours, progress."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import sys
import time
from contextlib import redirect_stderr
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import click
import pytest

from kpilayer.cli import output, progress
from kpilayer.cli.formats import (
    FAR_TOO_WIDE,
    as_csv,
    as_envelope,
    as_jsonl,
    as_markdown,
    as_table,
    dumps,
)
from kpilayer.cli.options import Session, choose_format
from kpilayer.errors import Issue, Location

COLUMNS = ("month", "region", "revenue")
ROWS = [
    (date(2026, 1, 1), "EU", Decimal("1234567890123456789.10")),
    (date(2026, 2, 1), None, Decimal("0.00")),
]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "KPILAYER_FORMAT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


# ---------------------------------------------------------------------------------------- formats


def test_csv_keeps_decimals_and_shows_null_as_nothing() -> None:
    assert "".join(as_csv(COLUMNS, ROWS)) == (
        "month,region,revenue\n2026-01-01,EU,1234567890123456789.10\n2026-02-01,,0.00\n"
    )


def test_csv_quotes_what_needs_it() -> None:
    values = ["a,b", 'say "x"', "two\nlines", "plain"]
    text = "".join(as_csv(("value",), [[v] for v in values]))
    assert [row[0] for row in csv.reader(io.StringIO(text))] == ["value", *values]


def test_csv_of_many_rows_is_whole() -> None:
    text = "".join(as_csv(("n",), ([n] for n in range(50_000))))
    assert text.splitlines() == ["n", *map(str, range(50_000))]


def test_json_writes_the_digits_of_decimals_verbatim() -> None:
    text = dumps({"revenue": Decimal("1234567890123456789.10")})
    assert text == '{"revenue": 1234567890123456789.10}'
    assert json.loads(text, parse_float=Decimal)["revenue"] == ROWS[0][2]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-10"), "0.0000000001"),
        (Decimal("NaN"), "null"),
        (float("nan"), "null"),
        (float("-inf"), "null"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (2**70, "1180591620717411303424"),
        (True, "true"),
        (None, "null"),
        ("ü|\n", '"ü|\\n"'),
        (date(2026, 1, 31), '"2026-01-31"'),
        (datetime(2026, 1, 31, 18, 30), '"2026-01-31T18:30:00"'),
        ([1, (2, None)], "[1, [2, null]]"),
        ({"a": {"b": []}}, '{"a": {"b": []}}'),
        (Path("a/b"), '"a/b"'),
        (Location("m.yml", 2, 3), '{"path": "m.yml", "line": 2, "column": 3, "length": 1, '
         '"text": null}'),
    ],
)  # fmt: skip
def test_json_of_every_kind_of_value(value: object, text: str) -> None:
    assert dumps(value) == text
    json.loads(text)


def test_jsonl_has_an_object_a_line() -> None:
    lines = "".join(as_jsonl(COLUMNS, ROWS)).splitlines()
    assert [json.loads(line)["region"] for line in lines] == ["EU", None]


@pytest.mark.parametrize("results", [[], [{"a": 1}], [{"a": 1}, {"a": 2}]])
def test_envelope_is_json_with_a_result_a_line(results: list[dict[str, int]]) -> None:
    text = "".join(as_envelope("query", results, {"rows": len(results)}))
    assert json.loads(text) == {
        "schema": "kpilayer/query@1",
        "ok": True,
        "results": results,
        "summary": {"rows": len(results)},
    }
    assert len(text.splitlines()) == (len(results) + 2 if results else 1)


def test_markdown_escapes_pipes_tags_and_line_breaks() -> None:
    text = "".join(as_markdown(("name", "n"), [("a|b\nc <i> \\", 1), (None, 2)]))
    assert text.splitlines() == [
        "| name | n |",
        "|---|---:|",
        r"| a\|b<br>c \<i> \\ | 1 |",
        "|  | 2 |",
    ]


def test_table_shows_null_and_aligns_numbers_to_the_right() -> None:
    lines = as_table(COLUMNS, ROWS, width=FAR_TOO_WIDE, colour=False).splitlines()
    assert [line.split() for line in lines if "2026" in line] == [
        ["2026-01-01", "EU", "1234567890123456789.10"],
        ["2026-02-01", "NULL", "0.00"],
    ]
    assert lines[-1].endswith(" 0.00")
    assert len(lines[-1]) == len(lines[-2])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1 / 3, "0.3333"),
        (-1234567.5, "-1234567.5000"),
        (0.0, "0.0000"),
        (1.23456e-7, "1.235e-07"),
        (2.5e20, "2.5e+20"),
        (float("nan"), "nan"),
        (Decimal("0.123456789"), "0.123456789"),
        (12345678901234567890, "12345678901234567890"),
        (datetime(2026, 1, 31, 18, 30), "2026-01-31 18:30:00"),
    ],
)
def test_table_rounds_floating_point_numbers_only(value: object, shown: str) -> None:
    assert shown in as_table(("v",), [(value,)], width=80, colour=False)


def test_piped_table_is_never_cut() -> None:
    long = "x" * 5_000
    text = as_table(("a", "b"), [(long, long)], width=FAR_TOO_WIDE, colour=False)
    assert text.count(long) == 2


def test_table_on_a_narrow_terminal_loses_no_text() -> None:
    text = as_table(("name",), [("abcdefghij" * 5,)], width=20, colour=False)
    assert "".join(text.split()[2:]).replace("─", "") == "abcdefghij" * 5 or text.count("abc") >= 4


def test_table_cannot_steer_the_terminal_or_the_markup() -> None:
    text = as_table(("v",), [("\x1b[31mred",), ("[bold]x[/bold]",), (":smile:",)], width=80,
                    colour=False)  # fmt: skip
    assert "\\x1b[31mred" in text
    assert "[bold]x[/bold]" in text
    assert ":smile:" in text


def test_table_without_colour_has_no_escape_codes() -> None:
    assert "\x1b" not in as_table(COLUMNS, ROWS, width=80, colour=False)
    assert "\x1b[" in as_table(COLUMNS, ROWS, width=80, colour=True)


# ------------------------------------------------------------------------------ choice of a format


def test_flag_wins_over_file_name_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPILAYER_FORMAT", "markdown")
    known = ("table", "csv", "json", "markdown")
    assert choose_format("json", known, "csv", Path("x.csv")) == "json"
    assert choose_format(None, known, "csv", Path("x.csv")) == "csv"
    assert choose_format(None, known, "csv", None) == "markdown"


def test_format_of_the_environment_is_for_commands_that_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KPILAYER_FORMAT", "parquet")
    assert choose_format(None, ("table", "json"), None, None) == "table"


def test_default_is_a_table_on_a_terminal_and_csv_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = ("table", "csv")
    assert choose_format(None, known, "csv", None) == "csv"
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert choose_format(None, known, "csv", None) == "table"
    assert choose_format(None, known, "csv", Path("answer.txt")) == "csv"


@pytest.mark.parametrize("name", ["answer.parquet", "answer.MD", "answer.xlsx"])
def test_file_name_of_a_format_that_the_command_lacks_is_a_usage_error(name: str) -> None:
    with pytest.raises(click.UsageError, match="this command prints table, csv"):
        choose_format(None, ("table", "csv"), "csv", Path(name))
    assert choose_format("csv", ("table", "csv"), "csv", Path(name)) == "csv"


# ------------------------------------------------------------------------------------------ colour


@pytest.mark.parametrize(
    ("variables", "terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False, True),
    ],
)
def test_colour_follows_the_usual_variables(variables, terminal, coloured, monkeypatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert output.in_colour(Terminal() if terminal else io.StringIO()) is coloured


def test_severity_is_coloured_and_the_text_unchanged() -> None:
    issue = Issue("cycle", "a circle", Location("m.yml", 1, 3, 2, "a: b"), hint="break it")
    assert click.unstyle(output.styled(issue)) == str(issue)
    assert output.styled(issue) != str(issue)


# ------------------------------------------------------------------------------------------- files


def test_file_takes_its_place_only_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "answer.csv"
    target.write_text("old")

    def pieces():
        yield "new"
        raise RuntimeError("the connection broke")

    with pytest.raises(RuntimeError):
        output.write(Session(output=target), pieces())
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_file_keeps_its_mode_and_stays_behind_its_link(tmp_path: Path) -> None:
    target, link = tmp_path / "answer.csv", tmp_path / "link.csv"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    output.write(Session(output=link), "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_device_is_written_directly() -> None:
    output.write(Session(output=Path(os.devnull)), "gone")


def test_missing_folder_of_the_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="cannot be written"):
        output.write(Session(output=tmp_path / "no" / "x.csv"), "text")


def test_parquet_is_not_written_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    with pytest.raises(click.UsageError, match="Parquet is binary"):
        output.write_parquet(Session(), object())


# ---------------------------------------------------------------------------------------- progress


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    monkeypatch.setattr(progress, "BEAT", 0.01)
    return Terminal()


def test_progress_appears_after_a_while_and_leaves_no_trace(screen: Terminal) -> None:
    with redirect_stderr(screen), progress.Progress(Session(), "Running") as line:
        time.sleep(0.3)
        line("Still running", 0.5)
        time.sleep(0.2)
    text = screen.getvalue()
    assert "Running" in text
    assert "Still running  50%" in text
    assert text.endswith("\r\x1b[2K")


def test_progress_is_silent_when_work_is_quick(screen: Terminal) -> None:
    with redirect_stderr(screen), progress.Progress(Session(), "Running"):
        pass
    assert screen.getvalue() == ""


@pytest.mark.parametrize("session", [Session(quiet=True), Session(no_progress=True)])
def test_progress_is_silent_on_request(session: Session, screen: Terminal) -> None:
    with redirect_stderr(screen):
        assert progress.is_wanted(Session())
        assert not progress.is_wanted(session)


@pytest.mark.parametrize("variable", [("CI", "true"), ("TERM", "dumb")])
def test_progress_is_silent_in_ci_and_on_dumb_terminals(variable, screen, monkeypatch) -> None:
    monkeypatch.setenv(*variable)
    with redirect_stderr(screen):
        assert not progress.is_wanted(Session())


def test_progress_is_silent_where_nobody_sees_it() -> None:
    with redirect_stderr(io.StringIO()):
        assert not progress.is_wanted(Session())


def test_progress_ends_with_the_error(screen: Terminal) -> None:
    with (
        pytest.raises(RuntimeError),
        redirect_stderr(screen),
        progress.Progress(Session(), "Running"),
    ):
        time.sleep(0.15)
        raise RuntimeError
    assert screen.getvalue().endswith("\r\x1b[2K")


# ----------------------------------------------------------------------------------------- wording


@pytest.mark.parametrize(
    ("number", "one", "said"),
    [(1, "metric", "1 metric"), (2, "metric", "2 metrics"), (0, "query", "0 queries"),
     (1200, "row", "1,200 rows"), (2, "day", "2 days")],
)  # fmt: skip
def test_numbers_agree_with_their_nouns(number: int, one: str, said: str) -> None:
    assert output.counted(number, one) == said
