"""A question to its SQL: bind, plan, rewrite, generate, print."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import dropwhile, takewhile
from types import MappingProxyType
from typing import Final

from sqlglot import exp

from kpilayer.access import NO_ROLE, Role
from kpilayer.catalog import Catalog
from kpilayer.errors import Issue, QueryError, did_you_mean
from kpilayer.identity import Identity, fingerprint
from kpilayer.model.lock import Lock
from kpilayer.plan.access import lines as access_lines
from kpilayer.plan.access import notices
from kpilayer.plan.bind import bind
from kpilayer.plan.bound import BoundQuery
from kpilayer.plan.build import build
from kpilayer.plan.keys import Key
from kpilayer.plan.nodes import Plan, Sort
from kpilayer.plan.passes import rewrite
from kpilayer.plan.query import Query
from kpilayer.plan.text import to_text
from kpilayer.relation import Relation
from kpilayer.snippets import DIALECTS
from kpilayer.sql.printing import to_sql
from kpilayer.sql.select import check_verified, generate
from kpilayer.sql.types import Declared, Types, unknown
from kpilayer.versions import spans


@dataclass(frozen=True, slots=True)
class Compiled:
    """The SQL of a question, and what it stands for.

    ``columns`` are in output order, group-bys first. ``fingerprints`` name every metric and
    dimension that the answer depends on.
    """

    sql: str
    dialect: str
    columns: tuple[str, ...]
    fingerprints: Mapping[str, str]
    notices: tuple[Issue, ...]
    planned: Plan = field(repr=False)
    schema: str = field(repr=False)
    declared: Declared = field(default=unknown, repr=False)
    """The types of columns that kpilayer.lock knows."""
    overlapping: bool = False
    """Whether rows stand in several groups, which then do not add up to the total."""

    def running_in(self, folder: str, declared: Declared | None = None) -> str:
        """The SQL with paths of files taken from a folder, wherever it is run.

        ``declared`` tells the types of more columns than kpilayer.lock does.
        """
        known = declared or self.declared
        heading = takewhile(lambda line: line.startswith("--"), self.sql.splitlines(keepends=True))
        tree = generate(self.planned, self.dialect, self.schema, folder, Types(known))
        return "".join(heading) + to_sql(tree, self.dialect)

    def as_view(
        self,
        columns: Sequence[tuple[str, str]],
        folder: str,
        declared: Declared | None = None,
        finish: Callable[[exp.Select, Plan], None] | None = None,
    ) -> str:
        """The SQL of a view: these columns of the answer under other names, in no order.

        ``columns`` holds the name in the answer and the name in the view. Paths of files and types
        of columns are as in ``running_in``. ``finish`` changes the tree before it is printed.
        """
        root = self.planned.root
        values = {column.name: column for column in root.input.columns}
        shown = tuple(replace(values[asked], name=name) for asked, name in columns)
        bare = Sort(replace(root.input, columns=shown), (), None)
        types = Types(declared or self.declared)
        planned = replace(self.planned, root=bare)
        tree = generate(planned, self.dialect, self.schema, folder, types)
        if finish is not None:
            finish(tree, planned)
        return to_sql(tree, self.dialect)

    @property
    def plan(self) -> str:
        """The plan after rewriting, a line a node, for people."""
        return to_text(self.planned)

    @property
    def ast(self) -> str:
        """The syntax tree that was printed, for people."""
        types = Types(self.declared)
        return repr(generate(self.planned, self.dialect, self.schema, types=types))


def compile_query(
    query: Query,
    identity: Identity,
    dialect: str,
    schema: str,
    *,
    unverified: bool = False,
    role: Role = NO_ROLE,
) -> Compiled:
    """The question in a dialect's SQL; models without a relation are in ``schema``.

    Of models with row access, the answer is over the rows that ``role`` sees.

    Raises:
        QueryError: everything that is wrong with the question.
    """
    if dialect not in DIALECTS:
        hint = did_you_mean(dialect, DIALECTS) or "name one that is, with `--dialect`"
        raise QueryError(Issue("bad-value", f"`{dialect}` is not a dialect of SQL", None, hint))
    refused = () if unverified else tuple(check_verified(dialect))
    bound, issues = bind(query, identity.graph)
    if bound is None or refused:
        raise QueryError([*(i for i in issues if i.severity == "error"), *refused])
    try:
        prints = _fingerprints(bound, identity)
        plan = rewrite(build(bound, identity.graph, role))
        types = Types(locked(identity.catalog.lock))
        sql = to_sql(generate(plan, dialect, schema, types=types), dialect)
    except RecursionError:
        message = "the question is too long or too deeply nested"
        raise QueryError(Issue("bad-sql", message, hint="ask it in parts")) from None
    return Compiled(
        _heading(bound, prints, dialect, identity.catalog, plan) + sql,
        dialect,
        bound.columns,
        MappingProxyType(prints),
        tuple(dict.fromkeys([*issues, *notices(plan.visible or ()), *untyped(types, dialect)])),
        plan,
        schema,
        types.declared,
        bound.overlapping,
    )


#: Notices on what a connection tells: it describes the tables that it reads.
OF_TYPES: Final = frozenset({"unknown-type"})


def untyped(types: Types, dialect: str) -> Iterator[Issue]:
    """A warning for each sum or difference of which nothing says whether it is of times."""
    for text in types.untyped:
        message = f"`{text}` is computed as numbers are: nothing says whether these are times, "
        message += f"which {dialect} computes with in other words"
        hint = "run `kpilayer lock`, which writes down the types of columns, or write a CAST"
        yield Issue("unknown-type", message, severity="warning", hint=hint)


def without_heading(sql: str) -> str:
    r"""The SQL of a question without the comment that names its metrics.

    >>> without_heading("-- kpilayer: revenue f1:c674b358fc24037f\nSELECT 1\n-- end")
    'SELECT 1\n-- end'
    """
    lines = sql.splitlines(keepends=True)
    return "".join(dropwhile(lambda line: line.startswith("--"), lines))


def locked(lock: Lock | None) -> Declared:
    """The types of columns as a lock has them."""
    if lock is None:
        return unknown

    def declared(relation: Relation, name: str) -> str | None:
        found = lock.relations.get(relation.key)
        column = found.column(name) if found is not None else None
        return column.type if column is not None else None

    return declared


def _fingerprints(bound: BoundQuery, identity: Identity) -> dict[str, str]:
    """Of metrics and group-bys by output column; most of `metric_time` is part of the metrics."""
    found = {name: identity.metric(name) for name in bound.read}
    for key in bound.keys:
        if (of_key := _of_key(key, identity)) is not None:
            found[key.name] = of_key
    return found


def _of_key(key: Key, identity: Identity) -> str | None:
    """One fingerprint per group-by; metrics that reach it by different joins add up to one."""
    each = sorted({f for _, column in key.at if (f := identity.grouped(column)) is not None})
    if not each:
        return None
    return each[0] if len(each) == 1 else fingerprint(each)


def _heading(
    bound: BoundQuery, prints: Mapping[str, str], dialect: str, catalog: Catalog, plan: Plan
) -> str:
    metrics = ", ".join(f"{name} {prints[name]}" for name in bound.read)
    lines = [f"-- kpilayer: {metrics or 'values'}"]
    told = ((name, spans(catalog.metric(name))) for name in bound.read)
    lines += [f"-- {name}: {text}" for name, text in told if text]
    keys = [f"{k.name} {prints.get(k.name, '')}".strip() for k in bound.keys]
    if keys:
        lines.append(f"-- by {', '.join(keys)}")
    lines += access_lines(plan.visible or ())
    lines += [f"-- unverified: {issue.message}" for issue in check_verified(dialect)]
    return "\n".join(lines) + "\n"
