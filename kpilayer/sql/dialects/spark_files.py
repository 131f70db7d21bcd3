"""Parquet files on Spark: a path in the place of a table.

Only Parquet, whose files say the types of their columns: what Spark and DuckDB guess from texts
differs. Spark's patterns (Hadoop's, `org.apache.hadoop.fs.FileSystem.globStatus`) have no `**`, and
their braces and backslashes mean something. The path of each folder up to `basePath` is no column.
"""

from __future__ import annotations

import posixpath
import re
from typing import Final

from sqlglot import exp

from kpilayer.errors import Issue, QueryError
from kpilayer.relation import Option
from kpilayer.sql.dialects.capabilities import Files
from kpilayer.sql.dialects.spellings import call

KINDS: Final = ("parquet",)
_OPTIONS: Final = ("hive_partitioning", "union_by_name")
#: Names that Spark leaves out, and patterns that ask for some (`InMemoryFileIndex`).
_SKIPPED: Final = re.compile(r"_(?!.*=)|\.(?!\.?$)|\[[^]]*[_.]")


def read(files: Files) -> exp.Expr:
    """The path as a table, with how it is read.

    Raises:
        QueryError: ``unsupported-in-dialect``, for a pattern or an option that Spark has not.
    """
    given = dict(files.options)
    if unknown := [name for name in given if name not in _OPTIONS]:
        raise _refused(files.path, f"the option `{unknown[0]}` is DuckDB's alone")
    is_hive = bool(given["hive_partitioning"]) if "hive_partitioning" in given else None
    base, rest = _parted(files.path)
    root = f"file://{files.folder}" if files.folder else ""
    if any(_SKIPPED.match(part) for part in files.path.split("/")):
        raise _refused(files.path, "names that start with `_` or `.` are skipped there")
    path = posixpath.join(_literally(root), _braced(files.path))
    told: dict[str, Option] = {}
    if "**" in rest:
        path = _literally(posixpath.join(root, base)) or "."
        told = {"pathGlobFilter": _braced(rest[-1])}
        if rest[0] != "**" or len(rest) != 2:
            raise _refused(files.path, "`**` stands before the name of the file there")
        if is_hive is None:
            message = "there, `**` needs to know whether folders such as `year=2026` are columns"
            raise _refused(files.path, message, "write `hive_partitioning: true`, or `false`")
        if not is_hive:
            told["recursiveFileLookup"] = True
    elif is_hive is not False and len(rest) > 1:
        told = {"basePath": posixpath.join(root, base) or "."}
    if given.get("union_by_name"):
        told["mergeSchema"] = True
    table = exp.Dot(this=exp.to_identifier(files.kind), expression=_quoted(path))
    if not told:
        return table
    options = (exp.EQ(this=exp.var(name), expression=_value(v)) for name, v in told.items())
    # sqlglot has no node for options; they stand where a version of the table would.
    return exp.Table(this=table, version=call("WITH", *options))


def _parted(path: str) -> tuple[str, list[str]]:
    """The folder that a path starts in, and the parts that are patterns or partitions.

    >>> _parted("data/visits/year=2026/*/*.parquet")
    ('data/visits', ['year=2026', '*', '*.parquet'])
    """
    *folders, name = path.split("/")
    fixed = next((i for i, f in enumerate(folders) if re.search(r"[*?\[=]", f)), len(folders))
    return "/".join(folders[:fixed]), [*folders[fixed:], name]


def _literally(path: str) -> str:
    r"""A path as a pattern that only it matches.

    >>> _literally("/work/[draft]")
    '/work/\\[draft\\]'
    """
    return re.sub(r"[\[\]{}*?\\]", r"\\\g<0>", path)


def _braced(pattern: str) -> str:
    """One of our patterns, where a brace is a letter, as one of Spark's."""
    return re.sub(r"[{}\\]", r"\\\g<0>", pattern)


def _quoted(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _value(value: Option) -> exp.Expr:
    return exp.Boolean(this=value) if isinstance(value, bool) else exp.Literal.string(str(value))


def _refused(path: str, why: str, hint: str | None = None) -> QueryError:
    message = f"`{path}` is not read on spark: {why}"
    return QueryError(Issue("unsupported-in-dialect", message, hint=hint))
