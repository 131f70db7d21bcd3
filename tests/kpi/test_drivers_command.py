"""The command `drivers`: its formats, its exit codes, its envelope."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import jsonschema
import pytest
from click.testing import CliRunner, Result

import kpilayer.cli
from kpilayer.cli.main import cli
from tests.kpi.moving import fill, kpi, level, rows_of, summed, written
from tests.kpi.test_drivers import FLOWS, STOCK, VISITS

SCHEMA = json.loads(Path(kpilayer.cli.__file__).with_name("envelope.schema.json").read_text())


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    kpis = kpi("mrr", STOCK) + kpi("new", "", kind="supporting") + kpi("people", kind="supporting")
    folder = written(tmp_path, level("mrr") + summed("new", "expanded", "churned"), kpis)
    (folder / ".kpilayer").mkdir()
    with duckdb.connect(str(folder / ".kpilayer" / "moving.duckdb")) as connection:
        fill(connection.execute, [*rows_of(FLOWS), *((100 + n, *row) for n, *row in VISITS)])
    return folder


def _run(shop: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["-C", str(shop), "drivers", *words])


def test_a_month_is_told_as_a_tree(shop: Path) -> None:
    assert _run(shop, "mrr", "--period", "2026-05").output == (
        "mrr: 2026-05 against 2026-04, by shapley\n"
        "\n"
        "               2026-04  2026-05  contribution  share\n"
        "mrr              1,070    1,130           +60   100%\n"
        "├─ new                       30           +30    50%  flow\n"
        "├─ expanded                  40           +40    67%  flow\n"
        "└─ churned                   10           -10   -17%  flow\n"
        "not explained                               0     0%\n"
        "\n"
        "2026-05 may not be complete: data reach to 2026-05-28\n"
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["mrr", "--period", "2026-05"], 0),
        (["mrr", "--period", "2026-05", "--by", "fact__segment"], 0),
        (["new", "--period", "2026-05", "--find"], 0),
        (["new", "--period", "2026-05", "--by", "fact__segment,fact__place"], 0),
        (["people", "--period", "2026-05", "--by", "fact__segment"], 0),
        (["mrr", "--period", "2026-03"], 1),
        (["mrr", "--period", "2026-05", "--method", "lmdi"], 1),
        (["mrr", "--period", "last"], 2),
    ],
)
def test_every_answer_keeps_to_its_envelope(shop: Path, words: list[str], code: int) -> None:
    result = _run(shop, *words, "-f", "json")
    values = json.loads(result.stdout)
    jsonschema.validate(values, SCHEMA)
    assert (values["ok"], result.exit_code) == (code == 0, code)


@pytest.mark.parametrize("name", ["mrr.svg", "mrr.mmd", "mrr.md", "mrr.json"])
def test_the_suffix_of_a_file_says_the_format(shop: Path, name: str) -> None:
    _run(shop, "mrr", "--period", "2026-05", "-o", str(shop / name))
    text = (shop / name).read_text(encoding="utf-8")
    match name.rpartition(".")[2]:
        case "svg":
            assert ElementTree.fromstring(text).tag.endswith("svg")
        case "mmd":
            assert text.startswith("flowchart TD\n")
        case "md":
            assert "| mrr | 1,070 | 1,130 | +60 | 100% |  |" in text
        case "json":
            assert json.loads(text)["schema"] == "kpilayer/drivers@1"


def test_what_does_not_add_up_is_red(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with duckdb.connect(str(shop / ".kpilayer" / "moving.duckdb")) as connection:
        connection.execute("DELETE FROM facts WHERE name = 'expanded'")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    result = _run(shop, "mrr", "--period", "2026-05")
    assert "\x1b[31mdoes not add up: mrr" in result.output and result.exit_code == 1
