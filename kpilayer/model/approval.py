"""`approvals.yml`: who has agreed to which change of definitions, and why."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from kpilayer.model.names import Definition


class Approval(Definition):
    """One change that one group has agreed to."""

    change: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    """The change id that `kpilayer diff` prints."""
    by: str = Field(min_length=1)
    """The group that owns the definition."""
    reason: str = Field(min_length=1)
    """Why it may change."""
    until: date | None = None
    """The last day on which it counts."""


class Approvals(Definition):
    """The file."""

    approvals: tuple[Approval, ...] = ()
    """Changes that may be made, by change id."""
