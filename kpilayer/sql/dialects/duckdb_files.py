"""Files on DuckDB: a function for each kind."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.relation import Option
from kpilayer.sql.dialects.capabilities import Files
from kpilayer.sql.dialects.spellings import call

READERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "parquet": "READ_PARQUET",
        "csv": "READ_CSV",
        "tsv": "READ_CSV",
        "json": "READ_JSON",
        "jsonl": "READ_JSON",
        "ndjson": "READ_JSON",
    }
)


def read(files: Files) -> exp.Expr:
    """The function over the files."""
    place = posixpath.join(_literally(files.folder), files.path)
    options = (
        exp.EQ(this=exp.column(name), expression=_value(value)) for name, value in files.options
    )
    return call(READERS[files.kind], exp.Literal.string(place), *options)


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
