"""Names in generated SQL: quoted where needed, short enough, and not hiding each other."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, TypeVar

from sqlglot import exp

from kpilayer.errors import Issue, QueryError
from kpilayer.expr import nodes
from kpilayer.sql.dialects.capabilities import Capabilities
from kpilayer.sql.reserved import RESERVED

_T = TypeVar("_T", bound=exp.Expr)

_PLAIN: Final = re.compile(r"\A[a-z_][a-z0-9_]*\Z")


def keep_apart(tree: exp.Query, names: set[str]) -> None:
    """Renames the CTEs of a SQL model that would hide what its refs read.

    `WITH orders AS (SELECT * FROM {{ ref('orders') }} ..), all AS (SELECT .. {{ ref('orders') }})`
    means the table twice; a bare `orders` in the second would be the first.
    """
    taken = names | {table.name.lower() for table in tree.find_all(exp.Table)}
    readers = [(table, cte) for table in tree.find_all(exp.Table) if (cte := cte_read(table))]
    for cte in list(tree.find_all(exp.CTE)):
        old = cte.alias
        if old.lower() not in names:
            continue
        new = f"{old}_"
        while new.lower() in taken:
            new = f"{new}_"
        taken.add(new.lower())
        cte.args["alias"].set("this", exp.to_identifier(new))
        for table, owner in readers:
            if owner is cte:
                if not table.alias:
                    table.set("alias", exp.TableAlias(this=table.this.copy()))
                table.set("this", exp.to_identifier(new))


def cte_read(table: exp.Table) -> exp.CTE | None:
    """The CTE that a table's name means where it stands; None for a table of the warehouse."""
    if table.db:
        return None
    inside: exp.Expr = table
    while inside.parent is not None:
        outer, within = inside.parent, inside
        inside = outer
        with_ = outer if isinstance(outer, exp.With) else outer.args.get("with_")
        if not isinstance(with_, exp.With) or with_ is within:
            continue
        visible: list[exp.CTE] = list(with_.expressions)
        if isinstance(outer, exp.With):  # a CTE sees those before it, and itself if it may recurse
            place = next(i for i, cte in enumerate(visible) if cte is within)
            visible = visible[: place + bool(with_.args.get("recursive"))]
        for cte in reversed(visible):
            if cte.alias.lower() == table.name.lower():
                return cte
    return None


def exactly(name: str) -> exp.Identifier:
    """A name whose case counts: quoted unless it is plain."""
    return exp.to_identifier(name, quoted=name in RESERVED or not _PLAIN.match(name))


def quoted(tree: _T) -> _T:
    """Names that a dialect would misread are quoted; what an author quoted stays so."""
    for identifier in nodes(tree):
        if not isinstance(identifier, exp.Identifier):
            continue
        is_quoted = _is_quoted(identifier.name)
        if is_quoted is not None and identifier.args.get("quoted") is not is_quoted:
            identifier.set("quoted", is_quoted)
    return tree


@lru_cache(maxsize=10_000)
def _is_quoted(name: str) -> bool | None:
    """Whether a name stands in quotes; None where that is its author's choice."""
    if name.lower() in RESERVED or not _PLAIN.match(name.lower()):
        return True
    return False if _PLAIN.match(name) else None


def check_length(name: str, dialect: Capabilities) -> None:
    """Nothing, where one name is short enough for the dialect.

    Raises:
        QueryError: `identifier-too-long`.
    """
    limit = dialect.max_identifier
    if limit is not None and len(name.encode()) > limit:
        message = f"`{name}` is longer than {limit} bytes on {dialect.name}"
        raise QueryError(Issue("identifier-too-long", message))


def check_lengths(tree: exp.Select, dialect: Capabilities) -> None:
    """Nothing, where every name is short enough for the dialect.

    Raises:
        QueryError: `identifier-too-long`, for every name that would be cut.
    """
    limit = dialect.max_identifier
    if limit is None:
        return
    names = {i.name: None for i in tree.find_all(exp.Identifier) if len(i.name.encode()) > limit}
    issues = [
        Issue("identifier-too-long", f"`{name}` is longer than {limit} bytes on {dialect.name}")
        for name in names
    ]
    if issues:
        raise QueryError(issues)
