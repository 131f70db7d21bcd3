"""A review for code hosts and their tools: annotations of GitHub, SARIF 2.1.0, JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree

from kpilayer import codes
from kpilayer.change import words
from kpilayer.change.diff import Change
from kpilayer.change.review import Review
from kpilayer.change.rules import RULES, at_least
from kpilayer.errors import Issue, Location

#: GitHub shows ten of each severity for a step, and loses the rest.
_MOST: Final = 10
_LEVELS: Final = {"error": "error", "warning": "warning", "notice": "note"}


def severity(review: Review, change: Change) -> str:
    """How loudly a change is told: an error where it does not let the review pass."""
    if change in review.judgement.fails:
        return "error"
    return "warning" if at_least(change.level, "unproven") else "notice"


# ------------------------------------------------------------------------------------------- GitHub


def issue_commands(issues: Iterable[Issue]) -> str:
    """Workflow commands for issues, at most ten errors, ten warnings and ten notices."""
    return _commands([(i.severity, i.location, i.code, i.message) for i in issues])


def workflow_commands(review: Review) -> str:
    """Workflow commands that GitHub shows beside the lines of a pull request.

    At most ten errors and ten warnings, and a notice of how many more there are (GitHub:
    "Workflow commands for GitHub Actions", and its limits of annotations for a step).
    """
    found = [
        *((i.severity, i.location, i.code, i.message) for i in review.judgement.findings),
        *(
            (severity(review, c), c.at or c.at_before, f"{c.level}: {c.name}", words.title(c))
            for c in review.changes.changes
            if not c.is_inherited and c.level != "cosmetic"
        ),
    ]
    return _commands(found, review.folder)


def _commands(found: Sequence[tuple[str, Location | None, str, str]], folder: str = "") -> str:
    lines, left = [], 0
    for kind in ("error", "warning", "notice"):
        each = [_command(folder, *one) for one in found if one[0] == kind]
        lines += each[:_MOST]
        left += max(0, len(each) - _MOST)
    if left:
        lines.append(f"::notice title=kpilayer::{left} more in the report")
    return "".join(line + "\n" for line in lines)


def _command(folder: str, kind: str, place: Location | None, title: str, message: str) -> str:
    properties = {"title": title}
    if place is not None:
        properties |= {
            "file": folder + place.path,
            "line": str(place.line),
            "col": str(place.column),
        }
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{kind} {told}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


# -------------------------------------------------------------------------------------------- SARIF


def sarif(review: Review, version: str) -> str:
    """Findings and changes in the Static Analysis Results Interchange Format (OASIS, 2.1.0)."""
    results = [
        _result(i.code, _LEVELS[i.severity], i.message, i.location, "", review.folder)
        for i in review.judgement.findings
    ]
    results += [
        _result(
            change.rules[0],
            _LEVELS[severity(review, change)],
            words.title(change),
            change.at or change.at_before,
            change.id,
            review.folder,
        )
        for change in review.changes.changes
    ]
    return _sarif(results, version)


def issues_sarif(issues: Iterable[tuple[Issue, str]], version: str) -> str:
    """Issues in SARIF 2.1.0, each with what names it when lines move ("" for nothing)."""
    results = [
        _result(i.code, _LEVELS[i.severity], i.message, i.location, name, "") for i, name in issues
    ]
    return _sarif(results, version)


def _sarif(results: list[dict[str, Any]], version: str) -> str:
    used = sorted({result["ruleId"] for result in results})
    run = {
        "tool": {
            "driver": {"name": "kpilayer", "version": version, "rules": [_rule(r) for r in used]}
        },
        "results": results,
        "columnKind": "unicodeCodePoints",
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(
    rule: str, level: str, message: str, place: Location | None, change: str, folder: str
) -> dict[str, Any]:
    found: dict[str, Any] = {"ruleId": rule, "level": level, "message": {"text": message}}
    if place is not None:
        region = {"startLine": place.line, "startColumn": place.column}
        file = {"uri": folder + place.path, "uriBaseId": "%SRCROOT%"}
        found["locations"] = [{"physicalLocation": {"artifactLocation": file, "region": region}}]
    if change:
        found["partialFingerprints"] = {"change/v1": change}
    return found


def _rule(name: str) -> dict[str, Any]:
    rule = RULES.get(name)
    title, why = (rule.title, rule.why) if rule else _code(name)
    return {"id": name, "shortDescription": {"text": title}, "fullDescription": {"text": why}}


def _code(name: str) -> tuple[str, str]:
    return codes.CODES[name].title, codes.CODES[name].why


# -------------------------------------------------------------------------------------------- JUnit


def junit(review: Review) -> str:
    """A test case for each change and finding; one that does not let the review pass has failed."""
    return _suite("kpilayer diff", [*_cases(review)], review.seconds)


def issues_junit(name: str, issues: Iterable[Issue], seconds: float) -> str:
    """A test case for each issue; an error has failed."""
    return _suite(
        name, [_of_an_issue(issue, f"kpilayer.{issue.code}") for issue in issues], seconds
    )


@dataclass(frozen=True, slots=True)
class Case:
    """A test case: passed, unless it ``failed`` or was ``skipped``, each with why."""

    group: str
    name: str
    failed: str = ""
    text: str = ""
    skipped: str = ""


def cases_junit(name: str, cases: Iterable[Case], seconds: float) -> str:
    """Test cases in JUnit XML."""
    return _suite(name, [_element(case) for case in cases], seconds)


def _element(case: Case) -> ElementTree.Element:
    element = ElementTree.Element("testcase", classname=_xml(case.group), name=_xml(case.name))
    if case.failed:
        failure = ElementTree.SubElement(element, "failure", message=_xml(case.failed))
        failure.text = _xml(case.text)
    elif case.skipped:
        ElementTree.SubElement(element, "skipped", message=_xml(case.skipped))
    return element


def _suite(name: str, cases: list[ElementTree.Element], seconds: float) -> str:
    failed = sum(case.find("failure") is not None for case in cases)
    suite = ElementTree.Element(
        "testsuite",
        name=name,
        tests=str(len(cases)),
        failures=str(failed),
        errors="0",
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time=f"{seconds:.3f}",
    )
    suite.extend(cases)
    whole = ElementTree.Element("testsuites")
    whole.append(suite)
    ElementTree.indent(whole)
    text = ElementTree.tostring(whole, encoding="unicode", xml_declaration=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _cases(review: Review) -> Iterator[ElementTree.Element]:
    missing = {c.id: one for one in review.judgement.missing for c in one.changes}
    for change in review.changes.changes:
        name = f"{change.kind} {change.name}"
        case = ElementTree.Element(
            "testcase", classname=f"kpilayer.{change.level}", name=_xml(name)
        )
        if change in review.judgement.fails or change.id in missing:
            why = f"`{missing[change.id].group}` has to approve" if change.id in missing else ""
            told = why or f"a change of class {change.level}"
            failure = ElementTree.SubElement(case, "failure", message=_xml(told))
            failure.text = _xml(words.title(change))
        yield case
    for issue in review.judgement.findings:
        yield _of_an_issue(issue, "kpilayer.policy")


def _of_an_issue(issue: Issue, group: str) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=group, name=_xml(issue.message))
    if issue.severity == "error":
        failure = ElementTree.SubElement(case, "failure", message=issue.code)
        failure.text = _xml(str(issue))
    return case


def _xml(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold (section 2.2)."""
    return "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))
