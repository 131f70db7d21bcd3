"""What every kind of leaf offers to a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from kpilayer.formula.tree import Formula
from kpilayer.plan.nodes import Group
from kpilayer.plan.scope import Builder, Scope


class Kind(Protocol):
    """Builds the group that has every key of the scope and a column for each leaf."""

    def __call__(
        self,
        builder: Builder,
        leaves: Sequence[Formula],
        columns: Mapping[Formula, str],
        scope: Scope,
        /,
    ) -> Group:
        """The group of leaves that are kin."""
        ...
