"""The type of each column of a plan, as far as its expressions and declared columns tell.

For engines whose results have no types (SQLite), and whose words depend on those of their operands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from sqlglot import exp

from kpilayer import expr
from kpilayer.grain import is_date
from kpilayer.plan.nodes import (
    Aggregate,
    Combine,
    Derived,
    Distinct,
    Filter,
    Group,
    Join,
    Levels,
    Match,
    Measure,
    Plan,
    Read,
    Scan,
    SemiJoin,
    Source,
    Spine,
    columns_of,
)
from kpilayer.relation import Relation

Name = Literal["boolean", "integer", "decimal", "double", "text", "date", "timestamp"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of values, the same on every engine; ``scale`` counts digits of decimals."""

    name: Name
    scale: int = 0


BOOLEAN: Final = Kind("boolean")
INTEGER: Final = Kind("integer")
DOUBLE: Final = Kind("double")
TEXT: Final = Kind("text")
DATE: Final = Kind("date")
TIMESTAMP: Final = Kind("timestamp")

#: A relation's column to the type that it is declared with; None where nobody knows.
Declared = Callable[[Relation, str], str | None]


def kind_of_type(declared: str) -> Kind | None:
    """A type as a warehouse spells it; None for one that says nothing of its values.

    >>> kind_of_type("DECIMAL(12, 2)"), kind_of_type("varchar(20)"), kind_of_type("BLOB")
    (Kind(name='decimal', scale=2), Kind(name='text', scale=0), None)
    """
    word = declared.strip().upper()
    sized = re.fullmatch(r"(?:DECIMAL|NUMERIC)\s*\(\s*\d+\s*(?:,\s*(\d+)\s*)?\)", word)
    if sized:
        return Kind("decimal", int(sized[1] or 0))
    starts: tuple[tuple[str, Kind], ...] = (
        ("BOOL", BOOLEAN),
        ("DATETIME", TIMESTAMP),
        ("TIMESTAMP", TIMESTAMP),
        ("DATE", DATE),
    )
    for start, kind in starts:
        if word.startswith(start):
            return kind
    if any(part in word for part in ("CHAR", "CLOB", "TEXT", "STRING")):
        return TEXT
    if "INT" in word and "INTERVAL" not in word:
        return INTEGER
    return DOUBLE if any(part in word for part in ("REAL", "FLOA", "DOUB")) else None


def unknown(relation: Relation, column: str) -> str | None:
    """Nothing is known of any column."""
    return None


@dataclass(frozen=True, slots=True)
class Types:
    """The kinds of columns and expressions of a plan; ``declared`` tells those of relations."""

    declared: Declared = unknown
    untyped: dict[str, None] = field(default_factory=dict)
    """What is added or subtracted of a kind that is not known, as text: numbers, or times?"""
    _known: dict[tuple[int, str], Kind | None] = field(default_factory=dict)

    def answer(self, plan: Plan) -> dict[str, Kind]:
        """The kinds of the columns of a plan's answer, where they are known."""
        project = plan.root.input
        found = {
            column.name: self.of(column.value, lambda c: self.column(project.input, c.name))
            for column in project.columns
        }
        return {name: kind for name, kind in found.items() if kind is not None}

    def column(self, group: Group, name: str) -> Kind | None:
        """The kind of a group's column."""
        at = (id(group), name)
        if at not in self._known:
            self._known[at] = self._column(group, name)
        return self._known[at]

    def _column(self, group: Group, name: str) -> Kind | None:
        match group:
            case Aggregate():
                for key in group.keys:
                    if key.name == name:
                        return self.inside(key.value, group.input)
                for measure in group.measures:
                    if measure.name == name:
                        return self._measured(measure, group.input)
            case Derived():
                for column in group.columns:
                    if column.name == name:
                        return self.inside(column.value, group.input)
            case Spine():
                return DATE if is_date(group.grain) else TIMESTAMP
            case Combine():
                having = (b for b in group.branches if name in columns_of(b))
                return _common(self.column(branch, name) for branch in having)
            case Levels():
                return self.column(group.arms[0], name)
        return None

    def _measured(self, measure: Measure, source: Source) -> Kind | None:
        value = self.inside(measure.value, source)
        match measure.agg:
            case "sum":
                return INTEGER if value == BOOLEAN else value
            case "min" | "max" | "any_value":
                return value
            case "median" | "percentile" | "approx_percentile":
                return value if measure.discrete else DOUBLE
            case "average" | "stddev" | "variance":
                return DOUBLE
        return INTEGER

    def inside(self, tree: exp.Expr, *sources: Source) -> Kind | None:
        """The kind of an expression over the rows of sources."""
        return self.of(tree, lambda column: self._at(column, sources))

    def note(self, tree: exp.Expr, *sources: Source, are_times: bool) -> None:
        """Notes the kind of every node on it (``kind_of``), for the words of a dialect.

        ``are_times``: what is compared as earlier or later is a time, whether its kind is known.
        """
        for node in reversed(expr.nodes(tree)):  # what is inside comes first
            node.meta[_NOTE] = _of(node, kind_of, lambda column: self._at(column, sources))
            if are_times and isinstance(node, (exp.GT, exp.GTE, exp.LT, exp.LTE)):
                node.meta[_OF_TIMES] = True
            if isinstance(node, _ARITHMETIC) and not isinstance(_around(node), _ARITHMETIC):
                node.meta[_WHOLE] = True
                if any(map(_is_unsure, node.find_all(exp.Add, exp.Sub))):
                    self.untyped[node.sql("duckdb")] = None

    def _at(self, column: exp.Column, sources: tuple[Source, ...]) -> Kind | None:
        found = (self._of_source(column, source) for source in sources)
        return next((kind for kind in found if kind is not None), None)

    def _of_source(self, column: exp.Column, source: Source) -> Kind | None:
        match source:
            case Scan():
                if source.alias != column.table:
                    return None
                declared = self.declared(source.relation, column.name)
                return kind_of_type(declared) if declared else None
            case Read():
                is_its = source.alias == column.table
                return self.column(source.group, column.name) if is_its else None
            case Join() | Match():
                left = self._of_source(column, source.left)
                return left or self._of_source(column, source.right)
            case Filter() | SemiJoin():
                return self._of_source(column, source.input)
            case Distinct():
                for one in source.columns:
                    if one.name == column.name and source.alias == column.table:
                        return self.inside(one.value, source.input)
        return None

    def of(self, tree: exp.Expr, column: Callable[[exp.Column], Kind | None]) -> Kind | None:
        """The kind of an expression, told the kinds of its columns."""
        return _of(tree, lambda node: self.of(node, column), column)


# -------------------------------------------------------------------------------------- expressions

_NOTE: Final = "kpilayer_kind"
_OF_TIMES: Final = "kpilayer_of_times"
_WHOLE: Final = "kpilayer_whole"
_ARITHMETIC: Final = (exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.Div)


def kind_of(tree: exp.Expr) -> Kind | None:
    """The kind that was noted on an expression."""
    inner = kind_of(tree.this) if isinstance(tree, exp.Paren) else None
    kind: Kind | None = inner or tree.meta.get(_NOTE)
    return kind


def compares_times(tree: exp.Expr) -> bool:
    """Whether both sides of a comparison are known to be times, of whatever kind."""
    return bool(tree.meta.get(_OF_TIMES))


def is_outermost(tree: exp.Expr) -> bool:
    """Whether arithmetic is not part of other arithmetic."""
    return bool(tree.meta.get(_WHOLE))


def _around(node: exp.Expr) -> exp.Expr | None:
    parent = node.parent
    while isinstance(parent, (exp.Paren, exp.Neg, exp.Abs)):
        parent = parent.parent
    return parent


def _is_unsure(node: exp.Binary) -> bool:
    """Whether it may be times or numbers that are added; an interval is added to times."""
    parts = (node.this.unnest(), node.expression.unnest())
    return None in map(kind_of, parts) and not any(isinstance(p, exp.Interval) for p in parts)


def keeping(written: exp.Expr, node: exp.Expr) -> exp.Expr:
    """What was written for a node, of its kind unless it was noted to be of another."""
    if _NOTE not in written.meta:
        written.meta[_NOTE] = kind_of(node)
    return written


def noted(tree: exp.Expr, kind: Kind | None) -> exp.Expr:
    """The expression, noted to be of a kind."""
    tree.meta[_NOTE] = kind
    return tree


def _of(
    tree: exp.Expr,
    kind: Callable[[exp.Expr], Kind | None],
    column: Callable[[exp.Column], Kind | None],
) -> Kind | None:
    match tree:
        case exp.Column():
            return column(tree)
        case exp.Paren() | exp.Alias() | exp.Neg() | exp.Abs() | exp.Nullif():
            return kind(tree.this)
        case exp.Window() | exp.Lag() | exp.Lead() | exp.FirstValue() | exp.LastValue():
            return kind(tree.this)
        case exp.Min() | exp.Max() | exp.IgnoreNulls():
            return kind(tree.this)
        case exp.Sum():
            value = kind(tree.this)
            return INTEGER if value == BOOLEAN else value
        case exp.Anonymous():
            return _of_semantic(tree)
        case exp.Cast():
            return kind_of_type(tree.to.sql("duckdb"))
        case exp.Literal():
            return _of_literal(tree)
        case exp.Case():
            branches = [i.args["true"] for i in tree.args["ifs"]]
            return _common(map(kind, _told([*branches, tree.args.get("default")])))
        case exp.If():
            return _common(map(kind, _told([tree.args["true"], tree.args.get("false")])))
        case exp.Coalesce() | exp.Greatest() | exp.Least():
            return _common(map(kind, _told([tree.this, *tree.expressions])))
        case exp.Round() | exp.Floor() | exp.Ceil():
            return _rounded(tree, kind(tree.this))
        case exp.Add() | exp.Sub() | exp.Mul() | exp.Mod() | exp.IntDiv() | exp.Div():
            return _computed(tree, kind)
        case exp.Extract():
            return DOUBLE if str(tree.this.name).lower() == "epoch" else INTEGER
        case exp.TimestampTrunc() | exp.DateTrunc():
            return TIMESTAMP
        case exp.Avg():
            return DOUBLE
    return next((known for types, known in _ALWAYS if isinstance(tree, types)), None)


_TRUTHS: Final = (exp.Predicate, exp.Boolean, exp.Not, exp.And, exp.Or)
_ALWAYS: Final[tuple[tuple[tuple[type[exp.Expr], ...], Kind], ...]] = (
    ((*_TRUTHS, exp.Escape), BOOLEAN),
    ((exp.Count, exp.RowNumber, exp.Length, exp.DateDiff), INTEGER),
    ((exp.Lower, exp.Upper, exp.Substring, exp.Trim, exp.Concat, exp.DPipe), TEXT),
)
_ORDER: Final = ("integer", "decimal", "double")


def _told(trees: Iterable[exp.Expr | None]) -> list[exp.Expr]:
    return [tree for tree in trees if tree is not None and not isinstance(tree, exp.Null)]


def _of_semantic(tree: exp.Anonymous) -> Kind | None:
    if tree.name == expr.TRUNC:
        return DATE if is_date(tree.expressions[0].name) else TIMESTAMP
    return {expr.PART: INTEGER, expr.MOVE: TIMESTAMP, expr.LOCAL: TIMESTAMP}.get(tree.name)


def _of_literal(tree: exp.Literal) -> Kind:
    if tree.is_string:
        return TEXT
    word = str(tree.name).lower()
    if "e" in word:
        return DOUBLE
    return Kind("decimal", len(word.partition(".")[2])) if "." in word else INTEGER


def _common(kinds: Iterable[Kind | None]) -> Kind | None:
    """The kind that values of all of these have together."""
    found = list(dict.fromkeys(kinds))
    if None in found or not found:
        return None
    if len(found) == 1:
        return found[0]
    names = {kind.name for kind in found if kind is not None}
    if names <= {"date", "timestamp"}:
        return TIMESTAMP
    if not names <= set(_ORDER):
        return None
    widest = max(names, key=_ORDER.index)
    return Kind(widest, max(k.scale for k in found if k) if widest == "decimal" else 0)


def _rounded(tree: exp.Expr, kind: Kind | None) -> Kind | None:
    if kind is None or kind.name != "decimal":
        return DOUBLE if kind == INTEGER and not isinstance(tree, exp.Round) else kind
    digits = tree.args.get("decimals")
    if isinstance(digits, exp.Literal):
        return Kind("decimal", min(kind.scale, int(digits.name)))
    return Kind("decimal", 0)


def _computed(tree: exp.Expr, kind: Callable[[exp.Expr], Kind | None]) -> Kind | None:
    sides = [tree.this, tree.expression]
    if isinstance(tree, exp.Div):
        return DOUBLE
    if any(isinstance(side, exp.Interval) for side in sides):
        return TIMESTAMP
    left, right = map(kind, sides)
    if left is None or right is None:
        return DOUBLE if DOUBLE in (left, right) else None
    if left == DATE or right == DATE:
        return INTEGER if left == right else DATE
    numbers = [INTEGER if k == BOOLEAN else k for k in (left, right)]
    found = _common(numbers)
    if found is None or found.name not in _ORDER:
        return None
    if found.name == "decimal" and isinstance(tree, exp.Mul):
        return Kind("decimal", sum(k.scale for k in numbers))
    return INTEGER if isinstance(tree, exp.IntDiv) and found.name == "decimal" else found
