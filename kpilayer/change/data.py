"""A review as plain values, for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kpilayer.change.diff import Change
from kpilayer.change.edits import Edit
from kpilayer.change.evidence import Evidence
from kpilayer.change.review import Review
from kpilayer.errors import Location


def changes_values(review: Review) -> list[dict[str, Any]]:
    """Each change as JSON values, the most severe first."""
    return [change_values(change, review) for change in review.changes.changes]


def change_values(change: Change, review: Review) -> dict[str, Any]:
    """A change as JSON values."""
    return {
        "id": change.id,
        "kind": change.kind,
        "name": change.name,
        "was": change.was or None,
        "class": change.level,
        "rules": list(change.rules),
        "inherited": change.is_inherited,
        "causes": [{"kind": kind, "name": name} for kind, name in change.causes],
        "fingerprints": {"base": change.fingerprints[0], "head": change.fingerprints[1]},
        "edits": [_edit(edit) for edit in change.edits],
        "evidence": _evidence(change.evidence),
        "reach": {
            "views": list(change.reach.views),
            "saved_queries": list(change.reach.saved_queries),
            "exposures": list(change.reach.exposures),
            "people": list(change.reach.people),
            "kpis": list(change.reach.kpis),
        },
        "owner": change.owner,
        "source": {"base": _place(change.at_before), "head": _place(change.at)},
        "values": _values(change, review),
    }


def summary_values(review: Review) -> dict[str, Any]:
    """What is said of the whole, as JSON values."""
    changes, judgement = review.changes, review.judgement
    return {
        "base": {"shown": changes.base.shown, "commit": changes.base.commit or None},
        "head": {"shown": changes.head.shown, "commit": changes.head.commit or None},
        "id": changes.id,
        "class": changes.level,
        "counts": dict(changes.counts),
        "compared": changes.compared,
        "answer": judgement.answer,
        "numbers_change": [c.name for c in review.numbers],
        "numbers_may_change": [c.name for c in review.doubtful],
        "breaks": [c.was or c.name for c in review.broken],
        "findings": [
            {
                "code": issue.code,
                "severity": issue.severity,
                "message": issue.message,
                "hint": issue.hint,
                "location": _place(issue.location),
            }
            for issue in judgement.findings
        ],
        "approvals": [
            {
                "group": one.group,
                "changes": [change.id for change in one.changes],
                "approvers": list(one.approvers),
                "given_by": one.given_by or None,
            }
            for one in judgement.wanted
        ],
        "possible_renames": [{"was": was, "name": name} for was, name in changes.possible_renames],
        "doubts": [*changes.base.doubts, *changes.head.doubts],
        "trials": changes.effort.trials,
        "seed": changes.effort.seed,
        "cost": dict(review.values.cost) if review.values is not None else None,
    }


def _values(change: Change, review: Review) -> dict[str, Any] | None:
    if review.values is None or change.kind != "metric":
        return None
    return review.values.as_json(change.name)


def _edit(edit: Edit) -> dict[str, Any]:
    return {
        "id": edit.id,
        "field": edit.field or None,
        "rule": edit.rule,
        "class": edit.level,
        "note": edit.note or None,
        "before": edit.before,
        "after": edit.after,
        "source": {"base": _place(edit.at_before), "head": _place(edit.at)},
    }


def _evidence(evidence: Evidence | None) -> dict[str, Any] | None:
    if evidence is None:
        return None
    return {
        "answer": evidence.answer,
        "method": evidence.method,
        "laws": list(evidence.laws),
        "assumptions": list(evidence.assumptions),
        "questions": list(evidence.questions),
        "question": evidence.question or None,
        "dialects": dict(evidence.dialects),
        "trials": evidence.trials,
        "seed": evidence.seed,
        "contradiction": evidence.contradiction,
        "why": evidence.why or None,
        "example": _example(evidence),
    }


def _example(evidence: Evidence) -> dict[str, Any] | None:
    example = evidence.example
    if example is None:
        return None
    return {
        "tables": {
            name: _records(columns, rows) for name, (columns, rows) in example.tables.items()
        },
        "base": _records(example.columns, example.before),
        "head": _records(example.columns, example.after),
    }


def _records(columns: tuple[str, ...], rows: Any) -> Any:
    if isinstance(rows, str):
        return {"error": rows}
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _place(place: Location | None) -> Mapping[str, Any] | None:
    if place is None:
        return None
    return {"path": place.path, "line": place.line, "column": place.column}
