"""The text of a statement."""

from __future__ import annotations

from functools import cache

from sqlglot import ErrorLevel, exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import UnsupportedError

from kpilayer import expr
from kpilayer.errors import Issue, QueryError
from kpilayer.sql.dialects import capabilities
from kpilayer.sql.dialects.capabilities import Capabilities
from kpilayer.sql.reserved import RESERVED


def to_sql(tree: exp.Select, dialect: str) -> str:
    """The text of a SELECT, laid out for reading. Printing uses the tree up: it is rewritten.

    Raises:
        QueryError: `unsupported-in-dialect`, where sqlglot knows that it is.
    """
    spoken = capabilities(dialect)
    if spoken.order_is_a_setting:
        _order_in_words(tree)
    if spoken.finished is not None:
        spoken.finished(tree)
    if spoken.reserved:
        _quote(tree, spoken)
    if spoken.settings:
        tree.set("settings", [_setting(*pair) for pair in spoken.settings.items()])
    try:
        writer = _writer(dialect)
        return writer.generate(tree, copy=False, pretty=True, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        message = f"{dialect} cannot express this query: {error}"
        raise QueryError(Issue("unsupported-in-dialect", message)) from error


def expression_text(tree: exp.Expr, dialect: str) -> str:
    """The text of an expression in a dialect's words, in one line.

    Raises:
        QueryError: `unsupported-in-dialect`, where sqlglot knows that it is.
    """
    try:
        writer = _writer(dialect)
        return writer.generate(tree, copy=False, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        message = f"{dialect} cannot express this: {error}"
        raise QueryError(Issue("unsupported-in-dialect", message)) from error


def _order_in_words(tree: exp.Select) -> None:
    """Every ORDER BY with its direction and place of NULLs, also in windows and percentiles.

    sqlglot leaves out what is DuckDB's default, but `default_order` and `default_null_order` of a
    session change that. It writes `with_fill`, ClickHouse's, behind a key as it is.
    """
    for key in expr.nodes(tree):
        if isinstance(key, exp.Ordered):
            key.set("desc", bool(key.args.get("desc")))
            if not key.args.get("nulls_first"):
                key.set("with_fill", exp.var("NULLS LAST"))


def _quote(tree: exp.Select, spoken: Capabilities) -> None:
    """Quotes around what the dialect reserves; a name in them means what it would without them."""
    for name in expr.nodes(tree):
        if not isinstance(name, exp.Identifier):
            continue
        if name.name.lower() in spoken.reserved:
            name.set("quoted", True)
        if spoken.folds_up and name.args.get("quoted") and name.name in RESERVED | spoken.reserved:
            name.set("this", name.name.upper())


def _setting(name: str, value: str) -> exp.Expr:
    return exp.EQ(this=exp.var(name), expression=exp.var(value))


@cache
def _writer(dialect: str) -> Dialect:
    return Dialect.get_or_raise(dialect)
