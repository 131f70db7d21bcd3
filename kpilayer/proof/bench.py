"""Two queries made ready to be run over made-up rows: in DuckDB, with the tables that they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from kpilayer.proof import emulated
from kpilayer.proof.emulated import BY_ZERO
from kpilayer.proof.facts import Facts
from kpilayer.proof.inferred import completed
from kpilayer.proof.kinds import kind_of
from kpilayer.proof.making import Untestable, has_star, tables_for
from kpilayer.proof.reads import qualify_others, reads, tables_of
from kpilayer.proof.tables import Made, Rows
from kpilayer.warehouse.scratch import Refused, Scratch, Stopped

#: What sqlglot raises where it meets a query that it does not understand.
_NOT_UNDERSTOOD: Final = (
    *(SqlglotError, AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError),
)
_SECONDS: Final = 1.0
_MANY: Final = 100
_MANY_SCANS: Final = 8
#: What may depend on the order of rows; a function that sqlglot does not know may, too.
_BY_ORDER: Final = (
    *(exp.Limit, exp.Fetch, exp.Offset, exp.Window, exp.ArrayAgg, exp.GroupConcat, exp.First),
    *(exp.Last, exp.AnyValue, exp.ArgMax, exp.ArgMin, exp.Anonymous, exp.Mode),
    *(exp.FirstValue, exp.LastValue, exp.NthValue),
)
_NAMES: Final = ("before", "after")
_NUDGES: Final = {" more": "1.000000000001", " less": "0.999999999999"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query answered: rows, or the first line of an error.

    ``is_void`` where it says nothing, as the query was stopped or DuckDB stands for another engine.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    error: str = ""
    stopped: bool = False
    is_void: bool = False


@dataclass(frozen=True, slots=True)
class Bench:
    """Both queries, prepared; ``notes`` say what their answers rest on besides the facts."""

    scratch: Scratch
    tables: tuple[Made, ...]
    columns: tuple[tuple[str, ...], tuple[str, ...]]
    notes: tuple[str, ...]
    is_emulated: bool
    by_order: bool
    """Whether the order of rows may decide an answer: windows, LIMIT, first values."""
    may_be_long: bool
    """Whether few rows may make many."""
    rounds: bool
    """Whether a query rounds numbers."""

    def run(self, rows: Rows) -> tuple[Answer, Answer]:
        """What both answer over rows."""
        self.scratch.fill(rows)
        return self._both(rows, "")

    def nudged(self, rows: Rows) -> Iterator[tuple[Answer, Answer]]:
        """What both answer where all that they round is a little larger, and a little smaller."""
        self.scratch.fill(rows)
        for suffix in _NUDGES:
            yield self._both(rows, suffix)

    def _both(self, rows: Rows, suffix: str) -> tuple[Answer, Answer]:
        is_long = self.may_be_long or any(len(of_table) >= _MANY for of_table in rows.values())
        # Watching the time takes a thread, which costs as much as a small query.
        seconds = _SECONDS if is_long else None
        before, after = (self._answer(f"{name}{suffix}", seconds) for name in _NAMES)
        return before, after

    def _answer(self, name: str, seconds: float | None) -> Answer:
        try:
            columns, rows = self.scratch.answer(name, seconds)
        except Refused as error:
            # Other engines may give a value where DuckDB fails, unless the error was put there.
            is_theirs = not self.is_emulated or BY_ZERO in str(error)
            stopped = isinstance(error, Stopped)
            return Answer((), (), str(error), stopped, stopped or not is_theirs)
        return Answer(columns, tuple(rows))


def bench(
    before: exp.Query, after: exp.Query, facts: Facts, dialect: str, scratch: Scratch
) -> Bench:
    """The two queries, ready to run.

    Raises:
        Untestable: they cannot be run.
    """
    for name, tree in zip(_NAMES, (before, after), strict=True):
        reason = emulated.untestable(tree, dialect)
        if not reason and dialect == "clickhouse":
            reason = emulated.defaults_of_clickhouse(tree, partial(_is_nullable, facts))
        if reason:
            raise Untestable(f"`{name}` cannot be run over made-up rows: {reason}")
    flat = [emulated.flattened(tree, dialect) for tree in (before, after)]
    keys = tables_of(flat)
    schema = _schema(facts, keys, dialect)
    is_known = all(key in schema for key in keys)
    try:
        qualified = _qualified(flat, schema, aliases=is_known)
        found = reads(qualified, schema, partial(_values, scratch))
    except _NOT_UNDERSTOOD as error:
        raise Untestable(f"the columns of the queries cannot be told: {_line(error)}") from None
    facts, inferred, reason = completed(facts, keys, found, any(map(has_star, qualified)))
    if reason:
        raise Untestable(reason)
    tables = tables_for(flat, facts, keys, found, dialect)
    for table in tables:
        scratch.make(table.key, {field.name: field.kind.sql for field in table.fields})
    schema = _schema(facts, keys, dialect)
    if inferred and dialect != "duckdb":
        qualified = _qualified(flat, schema, aliases=True)
    ready = flat if dialect == "duckdb" else qualified
    for name, tree in zip(_NAMES, ready, strict=True):
        try:
            scratch.prepare(name, emulated.in_duckdb(tree, schema, dialect))
        except (Refused, *_NOT_UNDERSTOOD) as error:
            raise Untestable(f"`{name}` does not run in DuckDB: {_line(error)}") from None
    rounds = any(map(emulated.rounds, flat)) and _prepare_nudged(scratch, ready, schema, dialect)
    notes = inferred
    if dialect != "duckdb":
        notes = (f"semantics of {dialect} emulated in DuckDB", *notes)
    return Bench(
        scratch,
        tables,
        (_columns(before), _columns(after)),
        notes,
        is_emulated=dialect != "duckdb",
        by_order=any(map(_is_by_order, flat)),
        rounds=rounds,
        may_be_long=any(map(_makes_rows, flat)) or sum(map(_scans, flat)) > _MANY_SCANS,
    )


def _prepare_nudged(
    scratch: Scratch, ready: Sequence[exp.Query], schema: Mapping[str, object], dialect: str
) -> bool:
    """Whether what is rounded could be made a little larger and smaller: it may be no number."""
    try:
        for suffix, factor in _NUDGES.items():
            for name, tree in zip(_NAMES, ready, strict=True):
                sql = emulated.in_duckdb(emulated.nudged(tree, factor), schema, dialect)
                scratch.prepare(f"{name}{suffix}", sql)
    except (Refused, *_NOT_UNDERSTOOD):
        return False
    return True


def _is_by_order(tree: exp.Query) -> bool:
    picks = any(distinct.args.get("on") for distinct in tree.find_all(exp.Distinct))
    return picks or tree.find(*_BY_ORDER) is not None


def _makes_rows(tree: exp.Query) -> bool:
    has_maker = tree.find(exp.GenerateSeries, exp.Unnest, exp.Explode) is not None
    return has_maker or any(w.args.get("recursive") for w in tree.find_all(exp.With))


def _scans(tree: exp.Query) -> int:
    return sum(1 for _ in tree.find_all(exp.Table))


def _is_nullable(facts: Facts, name: str) -> bool:
    columns = [table.column(name) for table in facts.tables.values()]
    found = [column.nullable for column in columns if column is not None]
    return bool(found) and all(found)


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _schema(facts: Facts, keys: Sequence[str], dialect: str) -> dict[str, dict[str, str]]:
    """Types by table and column, in DuckDB's words, for sqlglot."""
    found: dict[str, dict[str, str]] = {}
    for key in keys:
        table = facts.tables.get(key)
        if table is not None:
            kinds = ((c.name.lower(), kind_of(c.type, dialect)) for c in table.columns)
            found[key] = {name: kind.sql if kind else "UNKNOWN" for name, kind in kinds}
    return found


def _qualified(
    flat: Sequence[exp.Query], schema: Mapping[str, Mapping[str, str]], *, aliases: bool
) -> list[exp.Query]:
    """Copies with each column at its table; ``aliases`` are expanded where all tables are known."""
    copies = [tree.copy() for tree in flat]
    for copy in copies if not aliases else ():
        qualify_others(copy, schema)
    return [
        qualify(
            copy,
            schema=dict(schema),
            dialect="duckdb",
            validate_qualify_columns=False,
            expand_alias_refs=aliases,
            allow_partial_qualification=not aliases,
            quote_identifiers=True,
        )
        for copy in copies
    ]


def _values(scratch: Scratch, constants: Sequence[exp.Expr]) -> list[Any]:
    """The value of each constant; None for one that DuckDB has none for."""
    texts = [constant.sql("duckdb") for constant in constants]
    if not texts:
        return []
    try:
        return scratch.values(texts)
    except Refused:
        return [_value(scratch, text) for text in texts]


def _value(scratch: Scratch, text: str) -> Any:
    try:
        return scratch.values([text])[0]
    except Refused:
        return None


def _columns(query: exp.Query) -> tuple[str, ...]:
    """The names that a query gives its columns, empty for one that it leaves to the database."""
    return tuple(select.output_name.lower() for select in query.selects)
