"""The composite action for GitHub: its shell steps run here, with a `gh` that keeps what it is told."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
)
_EXPRESSION = re.compile(r"\${{\s*(.*?)\s*}}")

MODELS = """
models:
  - name: orders
    semantic_model: true
    relation: orders
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, entity: {type: primary, name: order}}
      - {name: ordered_at, granularity: day, dimension: time}
      - {name: status, dimension: categorical}
"""
METRICS = """
metrics:
  - name: revenue
    model: orders
    agg: sum
    expr: amount
    filter: "{{ Dimension('order__status') }} = 'paid'"
    status: proposed
    config: {group: finance}
"""
GROUPS = "groups:\n  - {name: finance, handle: '@example/finance', approvers: [lead]}\n"

#: Answers what it has in `$GH/answers`, and writes down how it was called.
GH = """#!/usr/bin/env python3
import json, os, pathlib, sys
home = pathlib.Path(os.environ["FAKE_GH"])
arguments = sys.argv[1:]
given = None
if "--input" in arguments:
    given = json.loads(pathlib.Path(arguments[arguments.index("--input") + 1]).read_text())
with (home / "calls.jsonl").open("a") as file:
    file.write(json.dumps([arguments, given]) + "\\n")
path = next(a for a in arguments if a.startswith("repos/"))
if "-X" in arguments:
    sys.exit(int(os.environ.get("FAKE_GH_WRITES", "0")))
answer = home / (path.split("/")[-1] + ".txt")
if answer.exists():
    print(answer.read_text(), end="")
elif path.endswith("reviews"):
    print("[[]]")
"""


@dataclass
class Run:
    """A repository with a pull request, and what the steps of the action made of it."""

    folder: Path
    inputs: dict[str, str] = field(default_factory=dict)
    fork: bool = False
    writes_fail: bool = False
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    code: int = 0

    @property
    def summary(self) -> str:
        return self._text("summary.md")

    @property
    def calls(self) -> list[tuple[list[str], Any]]:
        return [tuple(json.loads(line)) for line in self._text("calls.jsonl").splitlines()]

    def _text(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.email=team@example.com", "-c", "user.name=Team"]
        done = subprocess.run(
            ["git", *who, *arguments],
            cwd=self.folder / "repo",
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def value(self, expression: str) -> str:
        """What an expression of the workflow stands for."""
        known = {
            "github.event.pull_request.number": "7",
            "github.event.pull_request.base.sha": self.git("rev-parse", "main"),
            "github.repository": "example/shop",
            "github.event.pull_request.head.repo.full_name": "else/shop"
            if self.fork
            else "example/shop",
            "github.token": "token",
        }
        for name, about in ACTION["inputs"].items():
            default = _EXPRESSION.sub(lambda m: known[m[1]], str(about["default"]))
            known[f"inputs.{name}"] = self.inputs.get(name, default)
        for step, outputs in self.outputs.items():
            known |= {f"steps.{step}.outputs.{name}": value for name, value in outputs.items()}
        for part in expression.split("||"):
            if found := known.get(part.strip(), ""):
                return found
        return ""

    def condition(self, text: str) -> bool:
        """Whether a step runs: `==` and `&&` are all that the action uses."""

        def holds(part: str) -> bool:
            left, _, right = part.strip().partition(" == ")
            wanted = right.strip("'") if right.startswith("'") else self.value(right)
            return self.value(left) == wanted if right else bool(self.value(left))

        return all(holds(part) for part in text.split("&&"))

    def run(self) -> Run:
        for number, step in enumerate(ACTION["runs"]["steps"]):
            if "if" in step and not self.condition(step["if"]):
                continue
            given = {
                name: _EXPRESSION.sub(lambda m: self.value(m[1]), value)
                for name, value in step["env"].items()
            }
            told = self.folder / f"output{number}"
            told.touch()
            path = f"{self.folder / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}"
            environ = {
                "PATH": path + os.environ["PATH"],
                "HOME": str(self.folder),
                "RUNNER_TEMP": str(self.folder / "temp"),
                "GITHUB_OUTPUT": str(told),
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
                "FAKE_GH": str(self.folder),
                "FAKE_GH_WRITES": "1" if self.writes_fail else "0",
                "PYTHONPATH": str(ROOT),
                **given,
            }
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.folder / "repo",
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            self.said[step["name"]] = done.stdout + done.stderr
            self.code = done.returncode
            pairs = (line.partition("=") for line in told.read_text().splitlines())
            self.outputs[step.get("id", "")] = {name: value for name, _, value in pairs}
            if done.returncode != 0:
                break
        return self


@pytest.fixture
def pull_request(tmp_path: Path) -> Run:
    run = Run(tmp_path, {"package": "none", "arguments": "--trials 40"})
    for name in ("bin", "temp", "repo", "repo/models", "repo/metrics"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin" / "gh").write_text(GH, encoding="utf-8")
    (tmp_path / "bin" / "gh").chmod(0o755)
    command = f'#!/bin/sh\nexec {sys.executable} -m kpilayer "$@"\n'
    (tmp_path / "bin" / "kpilayer").write_text(command, encoding="utf-8")
    (tmp_path / "bin" / "kpilayer").chmod(0o755)
    repo = tmp_path / "repo"
    (repo / "kpilayer.yml").write_text("name: shop\n")
    (repo / "models" / "orders.yml").write_text(MODELS)
    (repo / "metrics" / "finance.yml").write_text(METRICS)
    (repo / "models" / "groups.yml").write_text(GROUPS)
    run.git("init", "-q", "-b", "main")
    run.git("add", "-A")
    run.git("commit", "-qm", "The shop")
    run.git("switch", "-qc", "change")
    return run


def _edit(run: Run, text: str) -> None:
    (run.folder / "repo" / "metrics" / "finance.yml").write_text(text)
    run.git("commit", "-qam", "A change of revenue")


def test_a_change_of_values_waits_for_its_owner_and_is_told_in_one_comment(
    pull_request: Run,
) -> None:
    _edit(pull_request, METRICS.replace("= 'paid'", "IN ('paid', 'sent')"))
    run = pull_request.run()
    assert run.code == 1
    assert run.outputs["diff"]["answer"] == "needs approval"
    assert "::warning title=" in run.said["Compare"]
    [(arguments, body)] = [call for call in run.calls if "-X" in call[0]]
    assert arguments[:3] == ["api", "-X", "POST"] and "issues/7/comments" in arguments[3]
    assert body["body"].startswith("<!-- kpilayer:diff project=shop plan=")
    assert "`revenue`" in body["body"] and body["body"] == run.summary


def test_a_review_by_an_approver_of_the_base_lets_it_pass(pull_request: Run) -> None:
    _edit(pull_request, METRICS.replace("= 'paid'", "IN ('paid', 'sent')"))
    review = {
        "user": {"login": "Lead"},
        "state": "APPROVED",
        "commit_id": pull_request.git("rev-parse", "HEAD"),
    }
    (pull_request.folder / "reviews.txt").write_text(json.dumps([[review]]))
    run = pull_request.run()
    assert (run.code, run.outputs["diff"]["answer"]) == (0, "may merge")


def test_a_review_of_an_older_commit_does_not(pull_request: Run) -> None:
    _edit(pull_request, METRICS.replace("= 'paid'", "IN ('paid', 'sent')"))
    commit = pull_request.git("rev-parse", "main")
    review = {"user": {"login": "lead"}, "state": "APPROVED", "commit_id": commit}
    (pull_request.folder / "reviews.txt").write_text(json.dumps([[review]]))
    assert pull_request.run().code == 1


def test_a_comment_that_is_there_is_kept_up_to_date(pull_request: Run) -> None:
    _edit(pull_request, METRICS.replace("agg: sum", "agg: max"))
    (pull_request.folder / "comments.txt").write_text("4711\n")
    run = pull_request.run()
    [(arguments, _)] = [call for call in run.calls if "-X" in call[0]]
    assert arguments[2:4] == ["PATCH", "repos/example/shop/issues/comments/4711"]


def test_a_fork_gets_the_summary_and_no_comment(pull_request: Run) -> None:
    _edit(pull_request, METRICS.replace("agg: sum", "agg: max"))
    pull_request.fork = True
    run = pull_request.run()
    assert run.code == 1 and "revenue" in run.summary
    assert not [call for call in run.calls if "-X" in call[0]]


def test_a_token_that_may_not_write_is_no_failure(pull_request: Run) -> None:
    _edit(pull_request, METRICS.replace("label: x", "label: y") + "    label: Sales\n")
    pull_request.writes_fail = True
    run = pull_request.run()
    assert run.code == 0 and "could not be written" in run.said["Comment"]


def test_definitions_with_errors_fail_with_their_own_code(pull_request: Run) -> None:
    _edit(pull_request, METRICS.replace("model: orders", "model: orderz"))
    run = pull_request.run()
    assert (run.code, run.outputs["diff"]["answer"]) == (2, "not compared")
    assert "unknown-model" in run.said["Compare"]
    assert not [call for call in run.calls if "-X" in call[0]]


def test_names_of_branches_and_files_are_never_run(pull_request: Run) -> None:
    hostile = "x; touch pwned; $(touch pwned) `touch pwned`"
    pull_request.inputs |= {"fail-on": hostile}
    run = pull_request.run()
    assert run.code == 2
    assert not list(run.folder.rglob("pwned"))


def test_no_step_puts_an_expression_into_its_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"], step["name"]


def test_hooks_of_pre_commit_run_commands_that_there_are(pull_request: Run) -> None:
    for hook in HOOKS:
        done = subprocess.run(
            [sys.executable, "-m", *hook["entry"].split()],
            cwd=pull_request.folder / "repo",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert re.search(hook["files"], "metrics/finance.yml")
