"""approvals.yml to :class:`Approvals`, and reviews of a code host to those who approve."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kpilayer.errors import ConfigError, Issue
from kpilayer.load.files import inside, read_text
from kpilayer.load.reader import read_yaml
from kpilayer.load.typed import typed
from kpilayer.model.approval import Approval, Approvals

APPROVALS_FILE: Final = "approvals.yml"


def approvals_in(root: Path) -> tuple[tuple[Approval, ...], list[Issue]]:
    """The approvals of a project, if it has any, and what is wrong with the file."""
    if not inside(root, APPROVALS_FILE).exists():
        return (), []
    text, issue = read_text(root / APPROVALS_FILE, APPROVALS_FILE)
    if text is None:
        return (), [issue] if issue else []
    document, issues = read_yaml(APPROVALS_FILE, text)
    found = list(issues)
    data = document.data if document else None
    if document is None or data is None or found:
        return (), found
    if not isinstance(data, dict):
        message = f"{APPROVALS_FILE} holds a list under `approvals`"
        return (), [Issue("bad-value", message, document.at(()))]
    known = typed(Approvals, data, document, (), APPROVALS_FILE, found)
    return (known.approvals if known else ()), found


def reviewers(path: Path, commit: str) -> frozenset[str]:
    """Who approves by their last review, as the code host lists reviews of a pull request.

    The file holds GitHub's answer (`GET /repos/{owner}/{repo}/pulls/{number}/reviews`): a JSON
    array of reviews, oldest first. One that is about another commit than ``commit`` does not count.

    Raises:
        ConfigError: the file cannot be read, or holds something else.
    """
    try:
        reviews = json.loads(path.read_text(encoding="utf-8"))
        last: dict[str, Mapping[str, object]] = {}
        for review in reviews:
            if review["user"] is not None and review["state"] in (
                "APPROVED",
                "CHANGES_REQUESTED",
                "DISMISSED",
            ):
                last[str(review["user"]["login"]).lower()] = review
    except OSError as error:
        message = f"`{path}` cannot be read: {error.strerror or error}"
        raise ConfigError(Issue("unreadable-file", message)) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"`{path}` is not a list of reviews as GitHub gives it"
        hint = "write it with `gh api repos/{owner}/{repo}/pulls/{number}/reviews`"
        raise ConfigError(Issue("bad-value", message, None, hint)) from error
    return frozenset(
        name
        for name, review in last.items()
        if review["state"] == "APPROVED" and review.get("commit_id") == commit
    )
