"""Files in the place of a table: what reads them, where a dialect has something that does."""

from __future__ import annotations

from sqlglot import exp

from kpilayer.errors import Issue, QueryError, listing
from kpilayer.relation import Relation
from kpilayer.sql.dialects.capabilities import Capabilities, Files


def read_files(relation: Relation, dialect: Capabilities, folder: str) -> exp.Expr:
    """What reads the files of a relation, whose path starts at ``folder``.

    Raises:
        QueryError: ``unsupported-in-dialect``, where the dialect does not read such files.
    """
    path, kinds = relation.path, dialect.file_kinds
    kind = relation.format or path.removesuffix(".gz").rsplit(".", 1)[-1].lower()
    if dialect.files is None:
        message = f"{dialect.name} does not read files: `path: {path}`"
        hint = "load the file into a table and use `relation:`, or query on DuckDB"
        raise QueryError(Issue("unsupported-in-dialect", message, hint=hint))
    if kind not in kinds:
        message = f"`{path}`: {dialect.name} reads files of these kinds: {listing(list(kinds))}"
        raise QueryError(Issue("unsupported-in-dialect", message))
    return dialect.files(Files("" if "://" in path else folder, path, kind, relation.options))
