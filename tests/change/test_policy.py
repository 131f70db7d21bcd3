"""Whether a change may merge: certificates, deprecations, and owners of the base who agree."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from kpilayer import Project
from tests.change.conftest import Shop

LOOSER = ("= 'paid'\"", "IN ('paid', 'sent')\"")


def codes(shop: Shop, **rest: object) -> list[str]:
    return [issue.code for issue in shop.diff(**rest).findings]


def status(shop: Shop, text: str) -> None:
    for side in ("before", "after"):
        shop.edit("unit: EUR", f"unit: EUR\n    status: {text}", side=side)


def test_a_draft_may_change_as_its_author_likes(shop: Shop) -> None:
    shop.edit(*LOOSER)
    assert shop.diff().answer == "may merge"


def test_what_others_rely_on_waits_for_the_owner_of_the_base(shop: Shop) -> None:
    status(shop, "proposed")
    shop.edit(*LOOSER)
    found = shop.diff()
    assert found.answer == "needs approval"
    [wanted] = found.review.judgement.missing
    assert (wanted.group, wanted.approvers) == ("finance", ("lead",))


def test_a_change_cannot_give_itself_another_owner(shop: Shop) -> None:
    status(shop, "proposed")
    shop.edit(*LOOSER)
    shop.edit("group: finance", "group: sales")
    shop.edit("approvers: [lead]", "approvers: [author]", "models/shop.yml")
    [wanted] = [w for w in shop.diff().review.judgement.missing if w.group == "finance"]
    assert wanted.approvers == ("lead",)


def test_a_proved_rewrite_needs_nobody(shop: Shop) -> None:
    status(shop, "proposed")
    shop.edit("= 'paid'\"", "IN ('paid')\"")
    assert shop.diff().answer == "may merge"


def approve(shop: Shop, side: str, change: str, by: str = "finance", until: str = "") -> None:
    more = f", until: {until}" if until else ""
    text = f"approvals:\n  - {{change: {change}, by: {by}, reason: agreed{more}}}\n"
    shop.write(side, {"approvals.yml": text})


def test_an_approval_in_the_base_lets_a_change_pass(shop: Shop) -> None:
    status(shop, "proposed")
    shop.edit(*LOOSER)
    change = shop.diff()["revenue"].id
    approve(shop, "before", change)
    approve(shop, "after", change)
    assert shop.diff().answer == "may merge"


def test_an_approval_that_comes_with_the_change_does_not_count(shop: Shop) -> None:
    status(shop, "proposed")
    shop.edit(*LOOSER)
    approve(shop, "after", shop.diff()["revenue"].id)
    assert shop.diff().answer == "needs approval"


def test_an_approval_by_who_does_not_own_it_is_refused(shop: Shop) -> None:
    status(shop, "proposed")
    shop.edit(*LOOSER)
    approve(shop, "after", shop.diff()["revenue"].id, by="sales")
    assert "bad-approval" in codes(shop)


def test_an_approval_ends(shop: Shop) -> None:
    status(shop, "proposed")
    shop.edit(*LOOSER)
    change = shop.diff()["revenue"].id
    for side in ("before", "after"):
        approve(shop, side, change, until="2026-05-31")
    assert shop.diff(today=date(2026, 5, 31)).answer == "may merge"
    assert shop.diff(today=date(2026, 6, 1)).answer == "needs approval"


def test_a_review_counts_for_the_commit_that_is_compared(shop: Shop, tmp_path: Path) -> None:
    import subprocess

    status(shop, "proposed")
    shop.edit(*LOOSER)
    for words in (["init", "-q"], ["add", "-A"],
                  ["-c", "user.name=Team", "-c", "user.email=team@example.com", "commit", "-qm", "x"]):  # fmt: skip
        subprocess.run(["git", *words], cwd=shop.root / "after", check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=shop.root / "after",
                            capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    file = tmp_path / "reviews.json"

    def answer(*reviews: tuple[str, str, str]) -> str:
        told = [{"user": {"login": w}, "state": s, "commit_id": c} for w, s, c in reviews]
        file.write_text(json.dumps(told), encoding="utf-8")
        return shop.diff(reviews=file).answer

    assert answer(("Lead", "APPROVED", commit)) == "may merge"
    assert answer(("author", "APPROVED", commit)) == "needs approval"
    assert answer(("lead", "APPROVED", "0" * 40)) == "needs approval"
    last = ("lead", "CHANGES_REQUESTED", commit)
    assert answer(("lead", "APPROVED", commit), last) == "needs approval"


# ------------------------------------------------------------------------------------ certificates


def test_a_certified_metric_changes_only_as_a_new_version(shop: Shop) -> None:
    status(shop, "certified")
    shop.edit(*LOOSER)
    assert codes(shop) == ["certified-changed"]
    former = "version: 2\n    previous:\n      - version: 1\n        reason: sent counts, too\n"
    former += "        filter: \"{{ Dimension('order__status') }} = 'paid'\"\n"
    shop.edit("    unit: EUR\n", f"    unit: EUR\n    {former}")
    found = shop.diff()
    assert [issue.code for issue in found.findings] == []
    assert found.answer == "needs approval"
    project = Project.load(shop.root / "after")
    assert "'sent'" not in project.compile("revenue@1")


def test_what_reads_a_certified_metric_of_a_new_version_needs_none_itself(shop: Shop) -> None:
    for side in ("before", "after"):
        shop.edit(
            "{name: aov, type: ratio,", "{name: aov, type: ratio, status: certified,", side=side
        )
    status(shop, "certified")
    shop.edit(*LOOSER)
    shop.edit("    unit: EUR\n", "    unit: EUR\n    version: 2\n    previous:\n      - {version: 1, reason: more, filter: \"{{ Dimension('order__status') }} = 'paid'\"}\n")  # fmt: skip
    assert codes(shop) == []


def test_a_certificate_of_another_fingerprint_is_void(shop: Shop) -> None:
    fingerprint = Project.load(shop.root / "before")._identity.metric("revenue")
    line = (
        f"unit: EUR\n    certified: {{by: finance, date: 2026-01-02, fingerprint: '{fingerprint}'}}"
    )
    for side in ("before", "after"):
        shop.edit("unit: EUR", line, side=side)
    shop.edit("label: Revenue", "label: Sales")
    assert codes(shop) == []
    shop.edit("expr: amount\n", "expr: amount * 1\n")
    assert codes(shop) == ["void-certificate"]


# ----------------------------------------------------------------------------------- deprecations


def test_what_is_gone_before_its_time_is_refused_and_after_it_is_not(shop: Shop) -> None:
    status(shop, "deprecated\n    sunset: 2026-06-30")
    for text in ("{name: aov, type: ratio, numerator: revenue, denominator: order_count}",
                 "{name: share_of_itself, type: ratio, numerator: revenue, denominator: revenue}",
                 "{name: revenue_of_28_days, type: cumulative, input_metric: revenue, window: 28 days}"):  # fmt: skip
        for side in ("before", "after"):
            shop.edit(f"  - {text}\n", "", side=side)
    shop.write("before", {"models/uses.yml": "models: []\n"})
    path = shop.root / "after" / "metrics" / "shop.yml"
    text = path.read_text(encoding="utf-8")
    start, end = text.index("  - name: revenue\n"), text.index("  - {name: order_count")
    shop.write("after", {"metrics/shop.yml": text[:start] + text[end:], "models/uses.yml": "models: []\n"})  # fmt: skip
    assert codes(shop, today=date(2026, 6, 30)) == ["removed-too-early"]
    assert codes(shop, today=date(2026, 7, 1)) == []


def test_fail_on_stops_what_nobody_approved(shop: Shop) -> None:
    shop.edit(*LOOSER)
    assert shop.diff(fail_on="interface").answer == "may merge"
    assert shop.diff(fail_on="value").answer == "may not merge"


# ------------------------------------------------------------------------- what would vouch for itself


def test_a_change_cannot_bring_the_lock_that_proves_it(shop: Shop) -> None:
    status(shop, "proposed")
    shop.edit("agg: sum", "agg: count", side="before")
    shop.edit("agg: sum\n    expr: amount", "agg: count\n    expr: '1'")
    shop.edit("amount: {type: 'DECIMAL(12,2)'}", "amount: {type: 'DECIMAL(12,2)', nullable: false}", "kpilayer.lock")  # fmt: skip
    assert shop.diff().answer == "needs approval"


def test_an_approval_of_a_label_is_none_of_a_macro(shop: Shop) -> None:
    macro = "{% macro paid() %}{{ Dimension('order__status') }} = 'paid'{% endmacro %}"
    for side in ("before", "after"):
        shop.edit("\"{{ Dimension('order__status') }} = 'paid'\"", '"{{ paid() }}"', side=side)
        shop.write(side, {"macros/m.sql": macro})
    status(shop, "proposed")
    shop.edit("label: Revenue", "label: Sales")
    label = shop.diff()["revenue"].id
    shop.write("after", {"macros/m.sql": macro.replace("'paid'", "'open'")})
    assert shop.diff()["revenue"].id != label
    approve(shop, "before", label)
    approve(shop, "after", label)
    assert shop.diff().answer == "needs approval"


def test_a_unit_by_a_variable_is_still_a_unit(shop: Shop) -> None:
    for side, currency in (("before", "EUR"), ("after", "USD")):
        shop.edit("unit: EUR", "unit: \"{{ var('currency') }}\"\n    status: proposed", side=side)
        shop.write(side, {"kpilayer.yml": f"name: shop\nvars: {{currency: {currency}}}\n"})
    found = shop.diff()
    assert "unit" in found["revenue"].rules and found["revenue"].level == "value"
    assert found.answer == "needs approval"


def test_approvers_by_a_variable_are_those_of_the_base(shop: Shop) -> None:
    for side, who in (("before", "lead"), ("after", "author")):
        shop.edit("approvers: [lead]", "approvers: [\"{{ var('who') }}\"]", "models/shop.yml", side)
        shop.write(side, {"kpilayer.yml": f"name: shop\nvars: {{who: {who}}}\n"})
    found = shop.diff()
    assert found["group finance"].rules == ("ownership",)
    assert found.answer == "needs approval"


def test_a_view_of_a_group_that_changes_through_a_macro_waits_for_it(shop: Shop) -> None:
    macro = "{% macro open(name) %}{{ Dimension(name) }} = 'open'{% endmacro %}"
    view = "  - {name: fin, metrics: [order_count], where: [\"{{ open('order__status') }}\"], config: {group: finance}}\n"
    for side in ("before", "after"):
        shop.edit("views:\n", f"views:\n{view}", "models/uses.yml", side)
        shop.write(side, {"macros/m.sql": macro})
    shop.write("after", {"macros/m.sql": macro.replace("'open'", "'paid'")})
    assert shop.diff().answer == "needs approval"


def test_a_renamed_metric_has_the_owner_of_its_former_name(shop: Shop) -> None:
    status(shop, "deprecated\n    sunset: 2026-01-01")
    shop.edit("  - name: revenue\n", "  - name: takings\n    renamed_from: revenue\n")
    shop.edit("    config: {group: finance}\n", "")
    shop.edit("expr: amount\n", "expr: amount * 2\n")
    path = shop.root / "after" / "metrics" / "shop.yml"
    text = path.read_text(encoding="utf-8").replace("numerator: revenue", "numerator: takings")
    text = text.replace("denominator: revenue}", "denominator: takings}")
    path.write_text(
        text.replace("input_metric: revenue", "input_metric: takings"), encoding="utf-8"
    )
    shop.write("after", {"models/uses.yml": "models: []\n"})
    found = shop.diff()
    assert found["takings"].owner == "finance" and found.answer != "may merge"


def test_a_branch_from_before_the_certificate_is_judged_by_the_newest_state(shop: Shop) -> None:
    import subprocess

    root = shop.root / "after"

    def git(*words: str) -> None:
        who = ["-c", "user.name=Team", "-c", "user.email=team@example.com"]
        subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "one")
    git("switch", "-qc", "mine")
    shop.edit("expr: amount\n", "expr: amount * 2\n")
    git("commit", "-qam", "mine")
    git("switch", "-q", "main")
    shop.edit("unit: EUR", "unit: EUR\n    status: certified")
    git("commit", "-qam", "certified")
    git("switch", "-q", "mine")
    found = Project.load(root).diff("main...", today=date(2026, 6, 1))
    assert found.answer == "may not merge"
    assert [issue.code for issue in found.findings] == ["certified-changed"]


def test_a_handle_is_one_team_and_no_line_of_its_own(shop: Shop) -> None:
    shop.edit("{name: finance, ", '{name: finance, handle: "@example/finance\\n* @evil", ', "models/shop.yml")  # fmt: skip
    assert any(i.severity == "error" for i in Project.load(shop.root / "after").check())
