"""Equal parts in equal places: two trees that differ only inside parts that are proved equal.

Names of WITH are taken one by one. One that reads alike and whose inputs are alike, or that is
proved equal, stands from then on for a table that both sides read; others are opened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from kpilayer.canonical import canonical
from kpilayer.proof.facts import Facts
from kpilayer.proof.given import Given, described
from kpilayer.proof.verdict import Proof

#: Proves two queries that read the given tables, whose columns have the same types.
Prover = Callable[[exp.Expr, exp.Expr, Mapping[str, Given]], Proof | None]
#: Proves two expressions of a row that have the same type, one of those named.
RowProver = Callable[[exp.Expr, exp.Expr, Mapping[str, Given], Collection[str]], Proof | None]
LAW: Final = "equal subqueries in equal places give equal rows"
#: What may choose among rows that tie, or keep an order: equal parts may differ from run to run.
_CHOOSES: Final = (
    exp.Limit, exp.Offset, exp.Fetch, exp.RowNumber, exp.Lag, exp.Lead, exp.Ntile, exp.WindowSpec,
    exp.ArrayAgg, exp.GroupConcat, exp.ArgMax, exp.ArgMin, exp.Mode, exp.ApproxQuantile,
    exp.Anonymous,
    exp.ApproxTopK, exp.AnonymousAggFunc, exp.ArrayUniqueAgg, exp.JSONArrayAgg, exp.JSONObjectAgg,
    exp.AnyValue, exp.First, exp.Last, exp.FirstValue, exp.LastValue, exp.NthValue,
)  # fmt: skip
#: Types of which equal values are alike in every way; 1.5 may be a decimal of any scale.
_PLAIN: Final = ("int", "bool", "text", "date", "timestamp")
_ALL: Final = (*_PLAIN, "real", "number", "any")
#: What asks of numbers nothing but how large they are, and says no more than that.
_EXACT: Final = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.Count)
#: What makes texts of values, and so shows how exact a number is.
_WRITERS: Final = (
    exp.Cast, exp.DPipe, exp.Concat, exp.ConcatWs, exp.ToChar, exp.Format, exp.Typeof, exp.MD5,
    exp.SHA, exp.SHA2, exp.JSONObject, exp.JSONArray, exp.Struct, exp.Array, exp.Hex,
)  # fmt: skip
_INEXACT: Final = (*exp.DataType.FLOAT_TYPES, *exp.DataType.REAL_TYPES)
_LOOSE: Final = (exp.Paren, exp.Alias, exp.Connector, exp.Not)


@dataclass(frozen=True, slots=True)
class _Known:
    """What names of WITH stand for: tables that both sides read, or queries of each that are open.

    ``proved`` ones have the same rows; others are alike to the letter.
    """

    given: Mapping[str, Given] = field(default_factory=dict)
    proved: frozenset[str] = frozenset()
    open: tuple[tuple[exp.Expr, ...], tuple[exp.Expr, ...]] = ((), ())

    @property
    def names(self) -> set[str]:
        """All names that are taken."""
        return {*self.given, *(c.alias.lower() for side in self.open for c in side)}


@dataclass(slots=True)
class _Parts:
    dialect: str
    describe: Callable[[exp.Expr, Mapping[str, Given]], Given]
    prove_query: Prover
    prove_row: RowProver
    laws: dict[str, None] = field(default_factory=lambda: {LAW: None})
    assumed: dict[str, None] = field(default_factory=dict)

    def take(self, proof: Proof | None) -> bool:
        """Notes what a proof rests on; whether there is one."""
        if proof is None:
            return False
        self.laws |= dict.fromkeys(proof.laws)
        self.assumed |= dict.fromkeys(proof.assumptions)
        return True

    # Queries.

    def queries(self, a: exp.Expr, b: exp.Expr, known: _Known, whole: bool = False) -> bool:
        """Whether two queries give the same rows; the ``whole`` was tried as it is before."""
        if self._alike(a, b, known):
            return True
        changed = self._named(a, b, known)
        if changed is None:
            return False
        if changed.given or not whole:
            proof = self.prove_query(_closed(a, changed, 0), _closed(b, changed, 1), changed.given)
            if self.take(proof):
                return True
        if type(a) is not type(b) or any(_bare(q).find(*_CHOOSES) for q in (a, b)):
            return False
        if any(on.args.get("on") for q in (a, b) for on in q.find_all(exp.Distinct)):
            return False
        still = {c.alias.lower() for side in changed.open for c in side}
        if still & (_read(_bare(a)) | _read(_bare(b))):
            return False
        return self._children(_bare(a), _bare(b), changed)

    def _alike(self, a: exp.Expr, b: exp.Expr, known: _Known) -> bool:
        """Whether two trees are one but for spelling, and what they read is."""
        if canonical(a, self.dialect) != canonical(b, self.dialect):
            return False
        read = _read(a) & known.names
        if not read <= set(known.given):
            return False
        return not read & known.proved or a.find(*_CHOOSES) is None

    def _named(self, a: exp.Expr, b: exp.Expr, known: _Known) -> _Known | None:
        """What is known with the names of both queries' WITH; None where a name is unclear."""
        sides = [list(q.args["with_"].expressions) if q.args.get("with_") else [] for q in (a, b)]
        if not any(sides):
            return known
        for query, ctes in zip((a, b), sides, strict=True):
            if ctes and (query.args["with_"].args.get("recursive") or not _is_clear(ctes, known)):
                return None
        others = {c.alias.lower(): c for c in sides[1]}
        given, proved = dict(known.given), set(known.proved)
        open_: tuple[list[exp.Expr], list[exp.Expr]] = (list(known.open[0]), list(known.open[1]))
        for cte in sides[0]:
            name = cte.alias.lower()
            other = others.get(name)
            now = _Known(given, frozenset(proved), (tuple(open_[0]), tuple(open_[1])))
            if other is None or cte.args["alias"] != other.args["alias"]:
                open_[0].append(cte)
                continue
            ready = {c.alias.lower() for c in open_[1]} | set(given)
            for before in _before(sides[1], other):
                if before.alias.lower() not in ready:
                    open_[1].append(before)
            now = _Known(given, frozenset(proved), (tuple(open_[0]), tuple(open_[1])))
            exact = self._alike(cte.this, other.this, now)
            if not cte.args["alias"].columns and (exact or self.queries(cte.this, other.this, now)):
                given[name] = self.describe(_closed(cte.this, now, 0), now.given)
                read = _read(cte.this)
                if not exact or read & proved:
                    proved.add(name)
            else:
                open_[0].append(cte)
                open_[1].append(other)
        ready = {c.alias.lower() for c in open_[1]} | set(given)
        open_[1].extend(c for c in sides[1] if c.alias.lower() not in ready)
        return _Known(given, frozenset(proved), (tuple(open_[0]), tuple(open_[1])))

    # What stands in queries.

    def _children(self, a: exp.Expr, b: exp.Expr, known: _Known) -> bool:
        rows: Mapping[str, Given] = {}
        if isinstance(a, exp.Select):
            if [e.output_name for e in a.expressions] != [e.output_name for e in b.expressions]:
                return False
            rows = described(a, known.given, self.describe)
        return self._arguments(a, b, known, rows, _PLAIN)

    def _arguments(
        self,
        a: exp.Expr,
        b: exp.Expr,
        known: _Known,
        rows: Mapping[str, Given],
        types: Collection[str],
    ) -> bool:
        keys = {k for n in (a, b) for k, v in n.args.items() if v not in (None, False, [])}
        return all(self._same(a.args.get(k), b.args.get(k), known, rows, types) for k in keys)

    def _same(
        self,
        x: object,
        y: object,
        known: _Known,
        rows: Mapping[str, Given],
        types: Collection[str],
    ) -> bool:
        if isinstance(x, list) and isinstance(y, list):
            pairs = zip(x, y, strict=False)
            return len(x) == len(y) and all(self._same(i, j, known, rows, types) for i, j in pairs)
        if not (isinstance(x, exp.Expr) and isinstance(y, exp.Expr)):
            return x == y
        if self._alike(x, y, known):
            return True
        if isinstance(x, exp.Select | exp.SetOperation) and type(x) is type(y):
            return self.queries(x, y, known)
        if isinstance(x, exp.Condition) and isinstance(y, exp.Condition) and _is_of_rows(x, y):
            if self.take(self.prove_row(x, y, rows, types)):
                return True
        if type(x) is not type(y):
            return False
        inside = _ALL if isinstance(x, _EXACT) else types if isinstance(x, _LOOSE) else _PLAIN
        return self._arguments(x, y, known, rows, inside)


def by_parts(
    before: exp.Query,
    after: exp.Query,
    facts: Facts,
    dialect: str,
    describe: Callable[[exp.Expr, Mapping[str, Given]], Given],
    prove_query: Prover,
    prove_row: RowProver,
) -> Proof | None:
    """A proof that two trees differ only in parts that are shown to be equal."""
    if any(_writes(query, facts) for query in (before, after)):
        return None
    parts = _Parts(dialect, describe, prove_query, prove_row)
    if not parts.queries(before, after, _Known(), whole=True):
        return None
    return Proof("laws", tuple(parts.laws), tuple(parts.assumed))


def _writes(query: exp.Expr, facts: Facts) -> bool:
    """Whether a query may show how exact a number is: equal parts may be 1.5 and 1.50."""
    made = {a.alias.lower() for a in query.find_all(exp.Alias) if a.this.name != a.alias}
    tables = facts.tables.values()
    known = {c.name.lower(): c.type for table in tables for c in table.columns}
    exact = {
        name
        for name in known
        if name not in made
        and not any(
            c is not None and c.type.is_type(*_INEXACT) for c in (t.column(name) for t in tables)
        )
    }
    writers = (n for n in query.find_all(*_WRITERS) if not isinstance(n, exp.Cast) or _is_text(n))
    return any(c.name.lower() not in exact for node in writers for c in node.find_all(exp.Column))


def _is_text(cast: exp.Expr) -> bool:
    known = (*exp.DataType.NUMERIC_TYPES, *exp.DataType.TEMPORAL_TYPES, "boolean")
    return not cast.args["to"].is_type(*known)


def _is_of_rows(x: exp.Expr, y: exp.Expr) -> bool:
    """Whether both are expressions of columns; a mere constant may be the number of an output."""
    inside = (exp.AggFunc, exp.Query, exp.Window, exp.Alias, exp.Ordered, exp.Star, exp.Subquery)
    return all(n.find(*inside) is None and n.find(exp.Column) is not None for n in (x, y))


def _bare(query: exp.Expr) -> exp.Expr:
    """The query without its WITH."""
    if query.args.get("with_") is None:
        return query
    copied = query.copy()
    copied.set("with_", None)
    return copied


def _closed(query: exp.Expr, known: _Known, side: int) -> exp.Expr:
    """The query with the names that are still open as its own WITH."""
    copied = _bare(query).copy()
    read = _read(copied)
    wanted: list[exp.Expr] = []
    for cte in reversed(known.open[side]):
        if cte.alias.lower() in read:
            wanted.insert(0, cte.copy())
            read |= _read(cte)
    if wanted:
        copied.set("with_", exp.With(expressions=wanted))
    return copied


def _read(tree: exp.Expr) -> set[str]:
    """The names of tables that a tree reads."""
    return {table.name.lower() for table in tree.find_all(exp.Table)}


def _before(ctes: list[exp.Expr], one: exp.Expr) -> Iterator[exp.Expr]:
    for cte in ctes:
        if cte is one:
            return
        yield cte


def _is_clear(ctes: list[exp.Expr], known: _Known) -> bool:
    """Whether each name of a WITH means one thing wherever it stands."""
    names = [cte.alias.lower() for cte in ctes]
    if len(set(names)) < len(names) or set(names) & known.names:
        return False
    for at, cte in enumerate(ctes):
        if _read(cte.this) & set(names[at:]):
            return False
        if any(c.alias.lower() in (*names, *known.names) for c in cte.this.find_all(exp.CTE)):
            return False
    return True
