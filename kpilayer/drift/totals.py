"""Aggregates as totals: what joins, CASE and averages are, of rows of one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from sqlglot import exp

from kpilayer.drift.arithmetic import over, plus, quotient, second
from kpilayer.drift.conditions import pruned
from kpilayer.drift.guards import is_zero
from kpilayer.drift.joins import Rows, rows_of
from kpilayer.drift.levels import of_groups
from kpilayer.drift.measure import Known, Measure, Total, is_never, needed
from kpilayer.drift.nulls import not_null, strict_parts
from kpilayer.drift.rows import COUNT_GROUPS, Aggregate, aggregate_number
from kpilayer.drift.spelling import (
    NUMBERS,
    conjuncts,
    is_literal,
    key,
    negated,
    plain,
    scaled,
    sum_of,
    text_of,
    unnumbered,
)
from kpilayer.drift.windows import beside_dates, both

_WHOLE: Final = (exp.DateDiff, exp.TimestampDiff, exp.DatetimeDiff, exp.Floor, exp.Length)
_LINEAR: Final = frozenset({"sum"})
_PREDICATES: Final = (exp.Predicate, exp.Not, exp.And, exp.Or, exp.Boolean)
_INSENSITIVE: Final = frozenset({"count_distinct", "min", "max", "approx_count_distinct"})


def measure(value: exp.Expr, aggregates: Sequence[Aggregate], known: Known) -> Measure:
    """The normal form of an expression over aggregates."""

    def symbol(node: exp.Expr) -> Measure | None:
        number = aggregate_number(node)
        return None if number is None else of_aggregate(aggregates[number], known)

    return quotient(value, symbol)


def of_aggregate(made: Aggregate, known: Known) -> Measure:
    """The normal form of one aggregation."""
    if made.per or made.inner:
        return _nested(made, known)
    value = None if made.value is None else _as_case(plain(_uncast(made.value, known)), known)
    insensitive = made.function in _INSENSITIVE
    where = [of_groups(_uncast(w, known), made.by) for w in made.where]
    return _cases(made.function, value, where, made, known, insensitive)


def _uncast(tree: exp.Expr, known: Known) -> exp.Expr:
    """Without casts to whole numbers of what is whole, and to dates of what is one.

    A difference of days that counts midnights is one of dates.
    """

    def is_date(node: exp.Expr) -> bool:
        return isinstance(node, exp.Column) and unnumbered(key(node)) in known.dates

    def step(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.DATE:
            return node.this if is_date(node.this) else node
        if isinstance(node, exp.DateDiff) and node.args.get("date_part_boundary"):
            if node.text("unit").lower().strip("'") == "day":
                for side in ("this", "expression"):
                    if isinstance(node.args[side], exp.Column | exp.Anonymous):
                        dated = exp.Cast(this=node.args[side], to=exp.DataType.build("date"))
                        node.set(side, step(dated))
            return node
        if isinstance(node, exp.Cast) and node.to.this in exp.DataType.INTEGER_TYPES:
            inner: exp.Expr = node.this.unnest()
            is_column = isinstance(inner, exp.Column) and unnumbered(key(inner)) in known.whole
            if is_column or isinstance(inner, _WHOLE):
                return inner
        return node

    found: exp.Expr = tree.transform(step)
    return found


def _nested(made: Aggregate, known: Known) -> Measure:
    if made.value is not None:
        made = replace(made, value=_uncast(made.value, known))
    counted = _counted_case(made)
    if counted is not None:
        above = _nested(counted, known)
        if made.function != "avg":
            return above
        counts = replace(made, function="count", value=None, inner=(), per=())
        return over(above, of_aggregate(counts, known)) if made.sources else above
    inner: dict[str, Total] = {}
    text = "rows"
    tree = made.value
    if made.value is not None:
        below = measure(made.value, _Within(made, known), known) if made.inner else None
        if below is not None:
            inner, text = dict(below.totals), f"{text_of(below.above)}/{text_of(below.below)}"
            tree = None
        else:
            text = key(plain(made.value))
    per = tuple(sorted({day(k, known) for k in made.per}))
    where = {key(w): w for w in made.where}
    base = next((t.base for t in inner.values()), made.sources[0].table if made.sources else "")
    rows = _rows_of(per, known)
    if rows:  # an attribute of rows: of the first report of each user
        base, per = rows.partition(".")[0], (rows,)
        where = needed(made.function, None, made.where, known, base)
    by = frozenset(unnumbered(key(c)) for k in made.by for c in k.find_all(exp.Column))
    total = Total(made.function, text, tree, where, base, (), (), per, tuple(inner.values()), by=by)
    return Measure({(total.key,): Fraction(1)}, totals={total.key: total})


def _rows_of(per: tuple[str, ...], known: Known) -> str:
    """The column among those of groups that names rows of its table, where there is one."""
    for column in per:
        table, _, name = column.partition(".")
        if any(names == (name,) for names in known.keys.get(table, ())):
            return column
    return ""


def _counted_case(made: Aggregate) -> Aggregate | None:
    """`SUM(CASE WHEN .. THEN 1 ELSE 0 END)`, or its average, as the count that it is."""
    case = made.value
    if made.function not in ("sum", "avg") or not isinstance(case, exp.Case):
        return None
    default, branches = case.args.get("default"), case.args["ifs"]
    is_nothing = default is None or isinstance(default, exp.Null) or is_zero(default)
    if made.function == "avg":
        is_nothing = is_zero(default)
    one = branches[0].args["true"]
    is_one = isinstance(one, exp.Literal) and not one.is_string and float(one.name) == 1
    if case.this is not None or len(branches) != 1 or not (is_nothing and is_one):
        return None
    branch = exp.If(this=branches[0].this.copy(), true=exp.Literal.number(1))
    return replace(made, function="count", value=exp.Case(ifs=[branch]))


class _Within(Sequence[Aggregate]):
    """The inner aggregates of a nested one, by the numbers that stand in its value."""

    def __init__(self, made: Aggregate, known: Known) -> None:
        numbers = [aggregate_number(n) for n in made.value.find_all(exp.Anonymous)]  # type: ignore[union-attr]
        found = list(dict.fromkeys(n for n in numbers if n is not None))
        self._by_number = dict(zip(found, made.inner, strict=True))

    def __getitem__(self, number):  # type: ignore[no-untyped-def]
        return self._by_number[number]

    def __len__(self) -> int:
        return len(self._by_number)


def day(node: exp.Expr, known: Known) -> str:
    """A key of groups as text; all ways to say the day of a time are one."""
    bare = plain(node)
    match bare:
        case exp.Cast() if bare.to.this == exp.DataType.Type.DATE:
            inner = bare.this
            if isinstance(inner, exp.TimestampTrunc | exp.DateTrunc):
                return day(inner, known)
            return f"day {unnumbered(key(inner))}"
        case exp.TimestampTrunc() | exp.DateTrunc():
            unit = bare.text("unit").lower()
            return f"{unit} {unnumbered(key(_undated(bare.this)))}"
        case exp.Column() if unnumbered(key(bare)) in known.dates:
            return f"day {unnumbered(key(bare))}"
    return unnumbered(key(bare))


def _undated(node: exp.Expr) -> exp.Expr:
    is_date = isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.DATE
    return node.this if is_date else node


def _as_case(value: exp.Expr, known: Known) -> exp.Expr:
    """Truth that is taken for 1 and 0, as a CASE."""

    def step(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Cast) and node.to.this in NUMBERS:
            inner = node.this.unnest()
            is_flag = isinstance(inner, exp.Column) and unnumbered(key(inner)) in known.booleans
            if isinstance(inner, _PREDICATES) or is_flag:
                zero = exp.If(this=negated(inner.copy()), true=exp.Literal.number(0))
                return exp.Case(ifs=[exp.If(this=inner, true=exp.Literal.number(1)), zero])
        return node

    def spread(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Mul):
            return node
        for case, other in ((node.this, node.expression), (node.expression, node.this)):
            case = case.unnest()
            if isinstance(case, exp.Case) and not isinstance(other.unnest(), exp.Case):
                made = case.copy()
                for result in [
                    *(i.args["true"] for i in made.args["ifs"]),
                    made.args.get("default"),
                ]:
                    if result is not None and is_literal(result) and not is_zero(result):
                        result.replace(exp.Mul(this=result.copy(), expression=other.copy()))
                return made
        return node

    return value.transform(step).transform(spread)


def _cases(
    function: str,
    value: exp.Expr | None,
    where: list[exp.Expr],
    made: Aggregate,
    known: Known,
    insensitive: bool,
) -> Measure:
    if function == "avg":
        assert value is not None, "an average is of something"
        above = _cases("sum", value, where, made, known, False)
        return over(above, _cases("count", value, where, made, known.presuming, False))
    if function == "count" and isinstance(value, exp.Or):
        parts = [part.unnest() for part in value.flatten()]
        if any(isinstance(part, exp.Null) for part in parts):
            kept = [part for part in parts if not isinstance(part, exp.Null)]
            held = [c for part in kept for c in conjuncts(part)]
            return _total(function, None, [*where, *held], made, known, insensitive)
    if not isinstance(value, exp.Case):
        return _total(function, value, where, made, known, insensitive)
    branches = _branches(value)
    if branches is None:
        return _total(function, value, where, made, known, insensitive)
    live = [(c, v) for c, v in branches if not isinstance(v, exp.Null)]
    if function == "sum":
        live = [(c, v) for c, v in live if not is_zero(v)]
    elif function == "count" and len(live) == len(branches):
        return _total(function, None, where, made, known, insensitive)  # always a value
    elif len(live) > 1:
        return _total(function, value, where, made, known, insensitive)
    found = Measure({})
    for conditions, result in live:
        inner = _cases(function, result, [*where, *conditions], made, known, insensitive)
        found = plus(found, inner, Fraction(1))
    return found


def _branches(case: exp.Case) -> list[tuple[list[exp.Expr], exp.Expr]] | None:
    """The results of a CASE, each with all that holds where it is given."""
    before: list[exp.Expr] = []
    found = []
    for branch in case.args["ifs"]:
        condition = branch.this
        if case.this is not None:
            condition = exp.EQ(this=case.this.copy(), expression=condition.copy())
        own = list(conjuncts(condition))
        found.append(([*before, *own], branch.args["true"].unnest()))
        before += list(conjuncts(negated(condition.copy())))
    default = case.args.get("default")
    found.append((before, exp.Null() if default is None else default.unnest()))
    return found


def _total(
    function: str,
    value: exp.Expr | None,
    where: list[exp.Expr],
    made: Aggregate,
    known: Known,
    insensitive: bool,
) -> Measure:
    where, made, rule = beside_dates(value, where, made, known.dates, known.spans)
    rows = rows_of(value, where, made, known.keys, insensitive=insensitive)
    columns_ = (c for k in made.by for c in k.find_all(exp.Column))
    by = frozenset(unnumbered(key(c)) for c in columns_)
    rows = replace(rows, by=by, rule=both(rule, made.rule))
    value, held = rows.value, rows.where
    if function == "count" and value is not None:
        parts = [p for p in strict_parts(value) if key(p) not in rows.unique]
        presumed = (known.presumed & known.filled) | known.names
        presumes = presumed & {key(p) for p in parts}
        parts = [p for p in parts if key(p) not in known.filled | presumes]
        held = [*held, *(exp.Not(this=exp.Is(this=p.copy(), expression=exp.Null())) for p in parts)]
        rows = replace(rows, presumes=presumes)
        value = None
    if function == COUNT_GROUPS and value is not None:
        tested = {key(t) for w in held if (t := not_null(w)) is not None}
        full = known.filled | known.names | rows.unique | tested
        open_ = {key(p) for p in strict_parts(value)} - full
        if not open_ & known.missing:
            function, rows = "count_distinct", replace(rows, presumes=frozenset(open_))
    if function in ("count_distinct", "sum_distinct") and value is not None:
        is_key = key(value) in rows.unique or _is_rest_of_key(value, held, rows, known)
        if is_key and function == "count_distinct":
            function, value = "count", None
            told = [exp.Literal.string(table) for table in rows.repeats]
            held = [*held, *(exp.Anonymous(this="KPI_HAS", expressions=[t]) for t in told)]
            rows = replace(rows, repeats=())
    if function == "sum" and value is not None:
        bare = value.transform(_unfilled)
        if len(sum_of(bare)) > 1:  # a NULL in one part takes the others along
            columns = {key(c) for c in strict_parts(value) if isinstance(c, exp.Column)}
            rows = replace(rows, adds=frozenset(columns - known.filled - rows.unique))
        value = bare
    if value is None or not (function in _LINEAR or function.startswith("percentile")):
        return _made(function, value, held, rows, known, Fraction(1))
    terms = sum_of(value)
    if function in _LINEAR:
        found = Measure({})
        for factors, count in terms.items():
            if not factors:
                one = _made("count", None, held, rows, known, count)
            else:
                tree, scale = _only(value, factors)
                text = "*".join(factors)
                one = _made(function, tree, held, rows, known, count, text, scale, value)
            found = plus(found, one, Fraction(1))
        return found
    first = terms[min(terms)] if terms else Fraction(1)
    if first < 0:
        first = -first
    shown = text_of(scaled(terms, 1 / first))
    return _made(function, value, held, rows, known, first, shown, first)


def _is_rest_of_key(value: exp.Expr, where: list[exp.Expr], rows: Rows, known: Known) -> bool:
    """Whether a column names rows beside others of a key, of which each has one value here."""
    pinned = {key(c.this) for c in where if isinstance(c, exp.EQ) and is_literal(c.expression)}
    for names in known.keys.get(rows.base, ()):
        columns = {f"{rows.base}.{name}" for name in names}
        if len(columns) > 1 and key(value) in columns and not rows.repeats:
            if columns - {key(value)} <= pinned:
                return True
    return False


def _unfilled(node: exp.Expr) -> exp.Expr:
    """Without zeros in the place of NULL, which add nothing to a sum."""
    filled = isinstance(node, exp.Coalesce) and is_zero(second(node))
    return node.this.unnest() if filled else node


def _only(value: exp.Expr, factors: tuple[str, ...]) -> tuple[exp.Expr, Fraction]:
    """The part of a sum that is a product, and how many times the product it is."""
    for node in value.walk():
        terms = sum_of(node)
        if terms.keys() == {factors}:
            return node, terms[factors]
    return value, Fraction(0)


def _made(
    function: str,
    value: exp.Expr | None,
    where: list[exp.Expr],
    rows: Rows,
    known: Known,
    factor: Fraction,
    text: str | None = None,
    scale: Fraction = Fraction(1),
    whole: exp.Expr | None = None,
) -> Measure:
    narrowed = pruned(where, known.domains, known.whole)
    if any(map(is_never, narrowed)):
        return Measure({})  # of no row
    strict = (
        frozenset(key(c) for c in whole.find_all(exp.Column)) if whole is not None else frozenset()
    )
    held = needed(function, value, narrowed, known, rows.base, strict)
    shown = text if text is not None else key(value)
    tested = {key(c) for w in held.values() for c in w.find_all(exp.Column)}
    unread = tuple(
        (t, c) for t, c in rows.inner
        if c not in tested and not any(x.startswith(f"{t}.") for x in tested)
    )  # fmt: skip
    total = Total(
        function,
        shown,
        value,
        held,
        rows.base,
        rows.lookups,
        rows.repeats,
        joins=rows.joins,
        tables=rows.tables,
        scale=scale,
        strict=strict,
        loses=tuple((t, c) for t, c in unread if c in known.missing),
        finds=tuple((t, c) for t, c in unread if c not in known.missing),
        presumes=rows.presumes,
        adds=rows.adds,
        by=rows.by,
        rule=rows.rule,
    )
    return Measure({(total.key,): factor} if factor else {}, totals={total.key: total})
