"""Proofs that two queries give the same rows: the same tree, laws of a normal form, the solver.

What is not understood is not proved. Nothing here says that queries differ: rows do that.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from kpilayer.canonical import canonical
from kpilayer.proof.aligned import selects
from kpilayer.proof.congruence import by_parts
from kpilayer.proof.doubles import ASSUMED, are_read, decided_alike
from kpilayer.proof.facts import Facts
from kpilayer.proof.given import GIVEN, Given
from kpilayer.proof.laws import normal
from kpilayer.proof.laws_of_joins import Context
from kpilayer.proof.match import Matcher
from kpilayer.proof.normal import source_of
from kpilayer.proof.query import Query, Unreadable
from kpilayer.proof.read import read_query, reader_of
from kpilayer.proof.row import Row, same_value_in, solver_for
from kpilayer.proof.solver import SECONDS, Unsolvable
from kpilayer.proof.term import subterms, terms_of
from kpilayer.proof.verdict import Proof

#: What hostile or exotic trees may run into; each means that nothing was proved.
FAILURES = (
    Unreadable, Unsolvable, RecursionError, ValueError, TypeError, KeyError, IndexError,
    AttributeError, ArithmeticError, AssertionError,
)  # fmt: skip
_VOLATILE = frozenset({
    "random", "rand", "randn", "uuid", "gen_random_uuid", "generate_uuid", "uuid_string", "newid",
    "nextval", "setseed", "random_normal", "randstr", "uniform", "normal", "zipf", "seq4", "seq8",
    "clock_timestamp",
})  # fmt: skip
_CLOCKS = frozenset({
    "now", "today", "getdate", "sysdate", "systimestamp", "current_date", "current_time",
    "current_timestamp", "current_datetime", "localtime", "localtimestamp",
    "transaction_timestamp", "statement_timestamp", "currentdate", "currenttime",
    "currenttimestamp", "currentdatetime", "current_timestamp_ltz", "utc_date", "utc_time",
    "utc_timestamp", "unix_timestamp", "get_current_timestamp", "current_user", "session_user",
})  # fmt: skip
_ANY_ROW = (exp.AnyValue, exp.First, exp.Last, exp.FirstValue, exp.LastValue, exp.NthValue)


def prove(before: exp.Query, after: exp.Query, facts: Facts, dialect: str) -> Proof | None:
    """Why two queries give the same rows in every database that satisfies the facts, or None.

    >>> import sqlglot
    >>> one = sqlglot.parse_one("SELECT a FROM t WHERE a > 1 AND b = 2", read="duckdb")
    >>> two = sqlglot.parse_one("SELECT a FROM t WHERE 2 = b AND 1 < a", read="duckdb")
    >>> prove(one, two, Facts(), "duckdb").method
    'same'
    """
    try:
        kinds = unrepeatable(before) | unrepeatable(after)
        if "random" in kinds:
            return None
        if _same_tree(_unordered(before), _unordered(after), dialect):
            return Proof("same")
        if kinds or not decided_alike(before, after, facts, dialect):
            return None
        attempts = Attempts(facts, dialect, time.monotonic() + SECONDS)
        proof = attempts.query(before, after, {}, typed=False)
        proof = proof or by_parts(
            before, after, facts, dialect, attempts.describe, attempts.query, attempts.row
        )
        if proof is not None and any(are_read(query, facts) for query in (before, after)):
            return replace(proof, assumptions=(*proof.assumptions, ASSUMED))
        return proof
    except FAILURES:
        return None


@dataclass(frozen=True, slots=True)
class Attempts:
    """Proofs of two queries and of their parts, in the time that there is for all of them."""

    facts: Facts
    dialect: str
    end: float

    def query(
        self, a: exp.Expr, b: exp.Expr, given: Mapping[str, Given], typed: bool = True
    ) -> Proof | None:
        """Why two queries over tables, and others that are given, give the same rows.

        ``typed`` ones have the same types of columns, as parts of others have to.
        """
        try:
            return _by_normal_form(a, b, self.facts, self.dialect, given, self._left(), typed)
        except FAILURES:
            return None

    def row(
        self, a: exp.Expr, b: exp.Expr, rows: Mapping[str, Given], types: Collection[str]
    ) -> Proof | None:
        """Why two expressions of a type have one value in each row of a FROM, columns by alias."""
        columns = {
            (f"{alias}.{name}" if alias else name): (type_, nullable)
            for alias, given in rows.items()
            for name, type_, nullable in given.columns or ()
        }
        try:
            return same_value_in(Row(columns, self.dialect), a, b, self._left(), types=types)
        except FAILURES:
            return None

    def describe(self, node: exp.Expr, given: Mapping[str, Given]) -> Given:
        """What is known of a query's rows, or of a table's, by itself."""
        star = exp.Select(expressions=[exp.Star()]).from_(node.copy(), copy=False)
        try:
            reader = reader_of(self.facts, self.dialect, given)
            read = read_query(star if isinstance(node, exp.Table) else node, reader, {})
            source = source_of(read, reader.number())
        except FAILURES:
            return _named_only(node)
        return Given(source.columns, source.keys, _rests_on(read, given), source.groups)

    def _left(self) -> float:
        return self.end - time.monotonic()


def _named_only(node: exp.Expr) -> Given:
    """The columns of a query that cannot be read, where all of them have names."""
    query = node.unnest() if isinstance(node, exp.Subquery) else node
    if not isinstance(query, exp.Query):
        return Given()
    names = query.named_selects
    if not names or any(not n or n == "*" for n in names) or len(names) != len(query.selects):
        return Given()
    return Given(tuple((name.lower(), "any", True) for name in names))


def _rests_on(query: Query, given: Mapping[str, Given]) -> tuple[str, ...]:
    """What facts the columns and keys of a query may rest on."""
    found: dict[str, None] = {}
    for select in selects(query):
        names = {s.number: s.table for s in select.sources if s.table}
        for term in (t for outer in terms_of(select) for t in subterms(outer)):
            if term.op == "col" and not term.data[2] and term.data[0] in names:
                found[f"{names[term.data[0]]}.{term.data[1]} is not NULL"] = None
        found |= {f"keys of {s.table} are unique": None for s in select.sources if s.keys}
    return tuple(_of_tables(found, given))


def _of_tables(assumed: Iterable[str], given: Mapping[str, Given]) -> Iterator[str]:
    """Facts of tables; what is taken of a given table rests on those that it is made of."""
    for fact in assumed:
        name = fact.removeprefix("keys of ").removeprefix(GIVEN)
        if GIVEN not in fact:
            yield fact
            continue
        own = next((g for n, g in given.items() if name.startswith((f"{n}.", f"{n} "))), Given())
        yield from own.rests_on


def _same_tree(before: exp.Query, after: exp.Query, dialect: str) -> bool:
    """Whether two trees are one but for spelling; + is no sum where it joins texts."""
    if dialect in ("tsql", "fabric"):
        return before == after
    return canonical(before, dialect) == canonical(after, dialect)


def unrepeatable(query: exp.Expr) -> set[str]:
    """Which things in a query may differ from run to run: "random", "clock", "any row"."""
    found: set[str] = set()
    for node in query.walk():
        name = node.name.lower() if isinstance(node, exp.Anonymous) else node.key
        if isinstance(node, exp.Rand | exp.Randn | exp.Uuid | exp.TableSample) or name in _VOLATILE:
            found.add("random")
        elif name in _CLOCKS:
            found.add("clock")
        elif isinstance(node, _ANY_ROW):
            found.add("any row")
    return found


def _unordered(query: exp.Query) -> exp.Query:
    """The query without an order of its answer, where no LIMIT needs one."""
    if query.args.get("order") is None or any(query.args.get(k) for k in ("limit", "offset")):
        return query
    if isinstance(query, exp.Select) and (query.args.get("sort") or query.args.get("with_fill")):
        return query
    copied = query.copy()
    copied.set("order", None)
    return copied


def _by_normal_form(
    before: exp.Expr,
    after: exp.Expr,
    facts: Facts,
    dialect: str,
    given: Mapping[str, Given],
    seconds: float,
    typed: bool,
) -> Proof | None:
    reader = reader_of(facts, dialect, given)
    read = [read_query(query, reader, {}) for query in (before, after)]
    if not _same_names(read[0], read[1]):
        return None
    types = [[term.type for _, term in query.outputs] for query in read]
    if typed and types[0] != types[1]:
        return None
    solver = solver_for(dialect, reader.optional, seconds)
    context = Context(solver, reader.number, reader.optional)
    matcher = Matcher(solver)
    a, b = (normal(query, context, matcher.laws) for query in read)
    if not matcher.equal(a, b):
        return None
    names = {n: table for query in (*read, a, b) for n, table in _tables(query).items()}
    taken = () if solver is None else solver.assumed
    present = sorted(f"{names[n]}.{c} is not NULL" for n, c in taken if n in names)
    assumptions = tuple(dict.fromkeys(_of_tables((*context.assumed, *present), given)))
    asked = solver is not None and solver.used
    return Proof("solver" if asked else "laws", tuple(matcher.laws), assumptions)


def _same_names(a: Query, b: Query) -> bool:
    """Whether both answers' columns have the same names, where the queries name them."""
    pairs = zip(a.outputs, b.outputs, strict=True)
    return len(a.outputs) == len(b.outputs) and all(
        x == y or x.startswith("?") or y.startswith("?") for (x, _), (y, _) in pairs
    )


def _tables(query: Query) -> dict[int, str]:
    return {s.number: s.table for select in selects(query) for s in select.sources if s.table}
