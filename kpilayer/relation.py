"""Where the rows of a model are: a table, files, or a SQL model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp
from sqlglot.errors import SqlglotError


@dataclass(frozen=True, slots=True)
class Relation:
    """Where a model's rows are: a table, files, or a SQL model.

    ``parts`` of a table are database, schema and name as far as given; the target's schema is
    added when SQL is made. ``key`` names the relation in kpilayer.lock and in fingerprints; where
    dbt decides where a model is built, fingerprints name the model, ``ref``, instead.
    """

    kind: Literal["table", "file", "query"]
    parts: tuple[str, ...] = ()
    path: str = ""
    query: str = ""
    ref: str = ""

    @property
    def key(self) -> str:
        """The text that names it."""
        match self.kind:
            case "table":
                return ".".join(json.dumps(p) if {'"', "."} & set(p) else p for p in self.parts)
            case "file":
                return self.path
        return f"{self.query} (sql)"


def split_relation(text: str, dialect: str) -> list[str]:
    """The parts of a relation's name, without quotes; none where it is not a name.

    Case counts in quotes only, as in SQL: other parts are in lower case.

    >>> split_relation('Analytics."Order Lines"', "duckdb")
    ['analytics', 'Order Lines']
    """
    try:
        table = exp.maybe_parse(text, into=exp.Table, dialect=dialect)
    except (SqlglotError, RecursionError):
        return []
    if not isinstance(table, exp.Table):
        return []  # a text with `;` is a block of statements
    is_name = all(isinstance(part, exp.Identifier) for part in table.parts) and not table.alias
    if not is_name:
        return []
    return [part.name if part.args.get("quoted") else part.name.lower() for part in table.parts]
