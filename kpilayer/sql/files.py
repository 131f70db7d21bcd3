"""Files in the place of a table: the function that reads them, where a dialect has one."""

from __future__ import annotations

import posixpath
import re

from sqlglot import exp

from kpilayer.errors import Issue, QueryError, listing
from kpilayer.relation import Option, Relation
from kpilayer.sql.dialects.capabilities import Capabilities
from kpilayer.sql.dialects.spellings import call


def read_files(relation: Relation, dialect: Capabilities, folder: str) -> exp.Expr:
    """The function over the files of a relation, whose path starts at ``folder``.

    Raises:
        QueryError: ``unsupported-in-dialect``, where the dialect does not read such files.
    """
    path, readers = relation.path, dialect.file_readers
    ending = relation.format or path.removesuffix(".gz").rsplit(".", 1)[-1].lower()
    if not readers:
        message = f"{dialect.name} does not read files: `path: {path}`"
        hint = "load the file into a table and use `relation:`, or query on DuckDB"
        raise QueryError(Issue("unsupported-in-dialect", message, hint=hint))
    if ending not in readers:
        message = f"`{path}`: files are read by their ending: {listing(list(readers))}"
        raise QueryError(Issue("unsupported-in-dialect", message))
    place = path if "://" in path else posixpath.join(_literally(folder), path)
    options = (
        exp.EQ(this=exp.column(name), expression=_value(value)) for name, value in relation.options
    )
    return call(readers[ending], exp.Literal.string(place), *options)


def _literally(folder: str) -> str:
    """A folder as a pattern that only it matches: its name may have a bracket or a star.

    >>> _literally("/work/[draft]")
    '/work/[[]draft]'
    """
    return re.sub(r"[\[*?]", r"[\g<0>]", folder)


def _value(value: Option) -> exp.Expr:
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, str):
        return exp.Literal.string(value)
    return exp.Literal.number(value)
