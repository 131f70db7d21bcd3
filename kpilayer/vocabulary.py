"""What a snippet may hold: a closed list of nodes, units and types, and functions that are proven.

So a query, DDL, DML or a second statement cannot hide in one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from sqlglot import exp

from kpilayer.errors import Problem
from kpilayer.expr import function_name, is_none, nodes, span

MAX_PROBLEMS: Final = 100  # told of one snippet
#: Executed on every verified engine by tests/engines; a caller's filter may use no other.
SAFE_FUNCTIONS: Final[tuple[type[exp.Expr], ...]] = (
    exp.Abs,
    exp.Case,
    exp.Cast,
    exp.Ceil,
    exp.Coalesce,
    exp.Concat,
    exp.DPipe,
    exp.Extract,
    exp.Floor,
    exp.Greatest,
    exp.If,
    exp.Least,
    exp.Length,
    exp.Lower,
    exp.Nullif,
    exp.Round,
    exp.Substring,
    exp.TimestampTrunc,
    exp.DateTrunc,
    exp.Trim,
    exp.Upper,
)
#: What time may be truncated to, cut out of or measured in: printed bare, so a closed list.
UNITS: Final = frozenset(
    {
        *("microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month"),
        *("quarter", "year", "isoyear", "dow", "isodow", "dayofweek", "dayofweekiso", "weekday"),
        *("doy", "dayofyear", "weekofyear", "epoch"),
    }
)
_KINDS: Final = exp.DataType.Type
#: Types that a CAST may name; others are unproven, and a type of somebody's own is refused.
TYPES: Final = frozenset(
    {
        *(_KINDS.TINYINT, _KINDS.SMALLINT, _KINDS.INT, _KINDS.BIGINT, _KINDS.INT128),
        *(_KINDS.DECIMAL, _KINDS.FLOAT, _KINDS.DOUBLE, _KINDS.BOOLEAN),
        *(_KINDS.CHAR, _KINDS.VARCHAR, _KINDS.TEXT, _KINDS.DATE, _KINDS.TIME),
        *(_KINDS.TIMESTAMP, _KINDS.TIMESTAMPNTZ, _KINDS.TIMESTAMPTZ, _KINDS.DATETIME),
        *(_KINDS.INTERVAL, _KINDS.UUID),
    }
)
#: Nodes of which a caller's condition may be made; everything else is refused.
_CALLERS: Final = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Tuple),
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE),
    *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is, exp.In, exp.Between, exp.Like, exp.ILike),
    *(exp.Escape, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg),
    *(exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var, exp.DateDiff),
)
#: Operators that sqlglot models as functions; they are not calls.
_OPERATORS: Final = (exp.And, exp.Or, exp.Xor)
_CONNECTING: Final = (
    exp.Identifier,
    exp.DataType,
    exp.DataTypeParam,
    exp.Var,
    exp.Tuple,
    exp.IntervalSpan,
    exp.TimeUnit,
)
_WORDING: Final[tuple[tuple[tuple[type[exp.Expr], ...], str], ...]] = (
    ((exp.Query, exp.SubqueryPredicate, exp.Values), "a query"),
    ((exp.Window, exp.WindowSpec), "a window function"),
    ((exp.Placeholder, exp.Parameter, exp.SessionParameter), "a parameter"),
    ((exp.Star,), "`*`"),
    ((exp.UDTF, exp.Explode), "a table function"),
    ((exp.DDL, exp.DML, exp.Command, exp.Drop, exp.Alter, exp.Set), "a statement"),
    ((exp.Alias, exp.Aliases), "an alias (`AS`)"),
)
_FORBIDDEN: Final = (
    *(kind for kinds, _ in _WORDING for kind in kinds),
    exp.Lambda,
    exp.Kwarg,
    exp.PropertyEQ,
    exp.Ordered,
    exp.WithinGroup,
    exp.Filter,
)


def refusals(tree: exp.Expr, text: str) -> list[Problem]:
    """Every node that a scalar expression over rows cannot hold; outermost only."""
    problems: list[Problem] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        problem = _refusal(node)
        if problem is not None:
            # A place is looked up for what is refused only: each look walks down the tree.
            offset, length = aim(node, tree, text)
            problems.append(replace(problem, offset=offset, length=length))
            if len(problems) == MAX_PROBLEMS:
                break
            if problem.severity == "error":
                continue
        stack.extend(reversed(list(node.iter_expressions())))
    return problems


def _refusal(node: exp.Expr) -> Problem | None:
    """What is wrong with one node; its place is filled in where it is known."""
    if isinstance(node, exp.AggFunc):
        name = function_name(node)
        message = f"`{name}` is an aggregate; `expr` is a value of one row"
        return Problem("aggregate-in-expression", message, word=name)
    for kinds, wording in _WORDING:
        if isinstance(node, kinds):
            message = f"{wording} cannot stand here: one expression over columns is expected"
            return Problem("not-an-expression", message)
    if isinstance(node, exp.Column) and node.table:
        message = f"`{node.sql()}`: columns are named without their table"
        return Problem("not-an-expression", message, word=node.table)
    if isinstance(node, _FORBIDDEN) or not isinstance(node, (exp.Condition, *_CONNECTING)):
        message = f"`{node.key}` is not part of a scalar expression"
        return Problem("not-an-expression", message)
    if isinstance(node, exp.Anonymous) and not str(node.this).isidentifier():
        message = "a function has a plain name"
        return Problem("not-an-expression", message)
    unit = _unit_of(node)
    if unit is not None and unit.lower().removesuffix("s") not in UNITS:
        message = f"`{unit}` is not a unit or part of time"
        return Problem("not-an-expression", message)
    if isinstance(node, exp.DataType) and not _is_proven_type(node):
        if node.this == _KINDS.USERDEFINED or node.args.get("kind"):
            message = "a CAST names a type of the list in the guide"
            return Problem("not-an-expression", message)
        name = str(node.sql()).lower()
        message = f"type `{name}` has not been executed on every supported dialect"
        return Problem("unproven-function", message, word=name, severity="warning")
    if is_none(node):
        return None
    if _is_call(node) and not (isinstance(node, SAFE_FUNCTIONS) or _is_day_difference(node)):
        name = function_name(node)
        message = f"`{name}` has not been executed on every supported dialect"
        return Problem("unproven-function", message, word=name, severity="warning")
    return None


def not_for_callers(tree: exp.Expr) -> tuple[str, ...]:
    """What a condition of a caller holds that is on no list; nothing where it is safe."""
    allowed = (*_CALLERS, *SAFE_FUNCTIONS)
    unknown = (n for n in nodes(tree) if type(n) not in allowed and not is_none(n))
    return tuple(dict.fromkeys(map(function_name, unknown)))


def _is_call(node: exp.Expr) -> bool:
    return isinstance(node, exp.Func) and not isinstance(node, _OPERATORS)


def _unit_of(node: exp.Expr) -> str | None:
    """The unit or part of time that a node is or names; it is printed as it stands."""
    if isinstance(node, exp.Var):
        return str(node.name)
    if isinstance(node, exp.Extract):
        return str(node.name)
    unit = node.args.get("unit")
    return None if unit is None or isinstance(unit, exp.IntervalSpan) else str(unit.name)


def _is_proven_type(node: exp.DataType) -> bool:
    sizes = all(
        isinstance(p, exp.DataTypeParam)
        and isinstance(p.this, exp.Literal)
        and not p.this.is_string
        for p in node.expressions
    )
    return node.this in TYPES and sizes and not node.args.get("kind")


def _is_day_difference(node: exp.Expr) -> bool:
    """Days between two dates count midnights in every dialect; other units differ between them."""
    return isinstance(node, exp.DateDiff) and str(node.args.get("unit")).lower() == "day"


def aim(node: exp.Expr, tree: exp.Expr, text: str) -> tuple[int, int]:
    """The word of a refused node that a caret belongs under: what makes it what it is."""
    table = node.args.get("table") if isinstance(node, exp.Column) else None
    offset, length = span(table or node)
    pattern = None
    if isinstance(node, (exp.Placeholder, exp.Parameter, exp.SessionParameter)):
        pattern = r"[$@:?][\w@]*"
    elif isinstance(node, (exp.Query, exp.SubqueryPredicate, exp.Values)):
        pattern, text = r"(?i)\b(?:SELECT|VALUES|WITH|EXISTS|ANY|ALL)\b", text[:offset] or text
    elif node is tree and not isinstance(node, (exp.Condition, exp.Alias)):
        pattern = r"\w+"
    found = re.search(pattern, text) if pattern else None
    return (found.start(), len(found[0])) if found else (offset, length)
