"""Every output of a review: answers first, worst first, in budget, and safe to show."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from click.testing import CliRunner

from kpilayer.change.markdown import BUDGET, code, safe
from kpilayer.change.text import text
from kpilayer.cli.main import cli
from tests.change.conftest import Shop

SCHEMA = Path(__file__).parent.parent.parent / "kpilayer" / "cli" / "envelope.schema.json"


def head(shop: Shop) -> str:
    """The first ten lines of the comment."""
    return "\n".join(shop.diff().to_markdown().splitlines()[:10])


def test_the_first_ten_lines_say_that_numbers_change_for_whom_and_that_it_waits(shop: Shop) -> None:
    for side in ("before", "after"):
        shop.edit("unit: EUR", "unit: EUR\n    status: proposed", side=side)
    shop.edit("= 'paid'\"", "IN ('paid', 'sent')\"")
    lines = head(shop)
    assert "**Numbers change:** `revenue` and 3 metrics through what they read" in lines
    assert "**For whom:**" in lines
    assert "1 saved query (`board`)" in lines and "1 exposure (`weekly`)" in lines
    assert "owned by `finance`" in lines and "ask `Sales`" in lines
    assert "**May it merge?** Not before `finance` (`lead`) approves 1 change." in lines


def test_the_first_ten_lines_say_that_no_number_changes(shop: Shop) -> None:
    line = (
        "  - {name: revenue_of_28_days, type: cumulative, input_metric: revenue, window: 28 days}\n"
    )
    for side in ("before", "after"):
        shop.edit(line, "", side=side)
    shop.edit("= 'paid'\"", "IN ('paid')\"")
    lines = head(shop)
    assert "**No number changes**" in lines and "proved to mean the same" in lines
    assert "**For whom:** nobody" in lines
    assert "**May it merge?** Yes." in lines


def test_the_first_ten_lines_say_that_group_bys_change(shop: Shop) -> None:
    for side in ("before", "after"):
        shop.edit("  - {name: large_orders, input_metric: order_count, filter: \"{{ Dimension('order__is_large') }}\"}\n", "", side=side)  # fmt: skip
    shop.edit("expr: amount >= 100", "expr: amount >= 200", "models/shop.yml")
    lines = head(shop)
    assert "**Group-bys, joins or rows change, or may:** `dimension orders.is_large`." in lines
    assert "No number changes" not in lines


def test_the_first_ten_lines_say_what_breaks(shop: Shop) -> None:
    shop.edit("      - {name: channel, dimension: categorical}\n", "", "models/shop.yml")
    assert "**Breaks:** `orders.channel`." in head(shop)


def test_the_first_ten_lines_say_why_it_may_not_merge(shop: Shop) -> None:
    for side in ("before", "after"):
        shop.edit("unit: EUR", "unit: EUR\n    status: certified", side=side)
    shop.edit("agg: sum", "agg: max")
    assert "**May it merge?** No: `revenue` is certified, and means something else" in head(shop)


def test_a_review_of_nothing_is_short(shop: Shop) -> None:
    found = shop.diff().to_markdown()
    assert "**No number changes**" in found and len(found.splitlines()) < 10


def many(count: int) -> str:
    lines = [
        f"  - {{name: metric_{n:03}, model: orders, agg: sum, expr: amount + {n}, label: 'x'}}\n"
        for n in range(count)
    ]
    return "metrics:\n" + "".join(lines)


def test_two_hundred_changed_metrics_fit_into_one_comment_and_what_is_cut_is_said(
    shop: Shop,
) -> None:
    shop.write("before", {"metrics/many.yml": many(200)})
    shop.write("after", {"metrics/many.yml": many(200).replace("agg: sum", "agg: max")})
    from kpilayer.change.evidence import Effort

    found = shop.diff(effort=Effort(trials=6, prove=False))
    comment = found.to_markdown()
    assert len(comment) <= BUDGET
    assert comment.count("```") % 2 == 0 and comment.count("<details>") == comment.count(
        "</details>"
    )
    assert "left out here" in comment
    small = found.to_markdown(budget=4_000)
    assert len(small) <= 4_000 and "not shown here" in small
    assert "**Numbers" in "\n".join(small.splitlines()[:10])


def test_the_worst_comes_first(shop: Shop) -> None:
    shop.edit("      - {name: channel, dimension: categorical}\n", "", "models/shop.yml")
    shop.edit("= 'paid'\"", "IN ('paid', 'sent')\"")
    shop.edit("name: large_orders, ", "name: large_orders, status: proposed, ")
    found = shop.diff().to_markdown()
    places = [found.index(f"\n| {sign}") for sign in ("🟥 interface", "🟧 value", "🟪 governance")]
    assert places == sorted(places)


HOSTILE = "x` | <script>alert(1)</script> @finance <!-- ``` [a](http://example.com)"


def test_text_of_definitions_cannot_break_out_of_the_comment(shop: Shop) -> None:
    shop.edit("description: What was paid.", f"description: {json.dumps(HOSTILE)}")
    shop.edit("unit: EUR", f"unit: {json.dumps(HOSTILE)}")
    found = shop.diff().to_markdown()
    outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", found, flags=re.DOTALL | re.MULTILINE)
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)
    assert "<script" not in outside and "@finance" not in outside and "](http" not in outside
    assert outside.count("<!--") == 1
    table = [line for line in found.splitlines() if line.startswith("| 🟧")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 7 for line in table)


def test_code_spans_hold_whatever_is_in_them() -> None:
    assert code("a|b") == "`a\\|b`"
    assert code("a`b") == "``a`b``"
    assert safe("see @team <b>") == "see @\u200bteam &lt;b&gt;"


def test_the_terminal_tells_class_place_rows_and_owner(shop: Shop) -> None:
    shop.edit("= 'paid'\"", "IN ('paid', 'sent')\"")
    found = text(shop.diff().review)
    assert "VALUE      revenue" in found
    assert "metrics/shop.yml:" in found and "before: value=NULL" in found
    assert "owner finance" in found and "through revenue" in found


# ------------------------------------------------------------------------------------ for machines


@pytest.fixture
def changed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    shop.edit("= 'paid'\"", "IN ('paid', 'sent')\"")
    shop.edit("label: Revenue", "label: Sales")
    shop.edit("      - {name: channel, dimension: categorical}\n", "", "models/shop.yml")
    monkeypatch.chdir(shop.root / "after")
    return shop


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["diff", "../before", "--trials", "60", *arguments])
    return done.exit_code, done.stdout


def test_json_fits_its_schema(changed: Shop) -> None:
    code_, out = run("-f", "json")
    envelope = json.loads(out)
    jsonschema.validate(envelope, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert (code_, envelope["ok"], envelope["schema"]) == (0, True, "kpilayer/diff@1")
    revenue = next(r for r in envelope["results"] if r["name"] == "revenue")
    assert revenue["class"] == "value"
    assert revenue["evidence"]["example"]["head"] != revenue["evidence"]["example"]["base"]
    assert envelope["summary"]["numbers_change"][0] == "revenue"


def test_annotations_of_github_stand_at_lines_and_are_escaped(changed: Shop) -> None:
    _, out = run("-f", "github")
    lines = out.splitlines()
    assert all(re.match(r"::(error|warning|notice) title=", line) for line in lines)
    assert any("file=metrics/shop.yml,line=" in line for line in lines)
    assert "orders.channel" in out


def test_github_gets_ten_warnings_and_a_word_about_the_rest(shop: Shop) -> None:
    from kpilayer.change.evidence import Effort

    shop.write("before", {"metrics/many.yml": many(30)})
    shop.write("after", {"metrics/many.yml": many(30).replace("agg: sum", "agg: max")})
    found = shop.diff(effort=Effort(trials=6, prove=False)).to_annotations()
    assert found.count("::warning") == 10 and "20 more in the report" in found


def test_sarif_names_rules_places_and_change_ids(changed: Shop) -> None:
    _, out = run("-f", "sarif")
    [log] = json.loads(out)["runs"]
    rules = {rule["id"] for rule in log["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in log["results"]} == rules
    gone = next(r for r in log["results"] if r["ruleId"] == "removed")
    assert gone["partialFingerprints"]["change/v1"]
    assert gone["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "models/shop.yml"


def test_junit_fails_what_does_not_pass(changed: Shop) -> None:
    code_, out = run("-f", "junit", "--fail-on", "interface")
    suite = ElementTree.fromstring(out.encode())[0]
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert code_ == 1 and failed == ["dimension orders.channel"]
    assert suite.get("failures") == "1"


def test_one_run_writes_all_that_a_pipeline_needs(changed: Shop, tmp_path: Path) -> None:
    files = {kind: tmp_path / f"report.{kind}" for kind in ("markdown", "json", "sarif")}
    flags = [f for kind, path in files.items() for f in ("--write", f"{kind}={path}")]
    assert run("-q", *flags)[0] == 0
    assert all(path.stat().st_size > 100 for path in files.values())


def test_a_format_that_there_is_not_is_a_question_of_usage(changed: Shop) -> None:
    assert run("--write", "pdf=report.pdf")[0] == 2


def test_a_base_that_is_not_there_is_said(changed: Shop) -> None:
    done = CliRunner().invoke(cli, ["diff", "no-such-branch"])
    assert done.exit_code == 2 and "not in a git repository" in done.stderr
