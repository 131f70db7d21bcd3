"""SQL snippets in definitions: parsed once, validated, and positioned.

A snippet is one scalar expression over columns (or over inputs, in a derived metric), written in
the project's authoring dialect. What it may contain is a closed list of node types, so a query,
DDL, DML or a second statement cannot hide in one.

Semantic functions are what the compiler says in every dialect in its own words: anonymous functions
``KPI_TRUNC('month', x)``, ``KPI_PART('dow', x)`` and ``KPI_LOCAL('UTC', 'Europe/Berlin', x)``,
spelled by ``sql/dialects.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, TypeVar

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect, Dialects
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from kpilayer.errors import Severity
from kpilayer.grain import split

MAX_CHARACTERS: Final = 200_000  # of one snippet
MAX_QUERY_CHARACTERS: Final = 1_000_000  # of one SQL model
MAX_DEPTH: Final = 100  # of its tree; a chain of one associative operator counts once
MAX_OPEN_JOINS: Final = 8
MAX_PROBLEMS: Final = 100  # told of one snippet

TRUNC: Final = "KPI_TRUNC"
PART: Final = "KPI_PART"
MOVE: Final = "KPI_MOVE"
LOCAL: Final = "KPI_LOCAL"

#: Every dialect that sqlglot reads and writes.
DIALECTS: Final = tuple(d.value for d in Dialects if d.value)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong inside a snippet: ``offset`` and ``length`` are in characters of its text."""

    code: str
    message: str
    offset: int = 0
    length: int = 1
    word: str | None = None
    hint: str | None = None
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class Name:
    """A column-like name in a snippet, where it stands."""

    name: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Snippet:
    """A parsed expression. ``tree`` is shared: copy before embedding."""

    text: str
    tree: exp.Expr
    names: tuple[Name, ...]
    problems: tuple[Problem, ...] = ()


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


#: Cannot stand in a YAML text, so no snippet that somebody wrote begins with it.
_COLUMN_MARK: Final = "\0"


def column_text(name: str) -> str:
    """A snippet that is the column of this name, whatever the name means in a dialect (`order`)."""
    return _COLUMN_MARK + name


def shown(text: str) -> str:
    """A snippet as people read it."""
    return text.removeprefix(_COLUMN_MARK)


def parse(text: str, dialect: str) -> Snippet:
    """One scalar expression. The tree of a snippet with problems is NULL and must not be used.

    Divisions are true divisions and yield NULL by zero in every dialect (language.md X6).
    """
    return _parse(text, dialect)


@lru_cache(maxsize=50_000)
def _parse(text: str, dialect: str) -> Snippet:
    if text.startswith(_COLUMN_MARK):
        name = shown(text)
        column = exp.Column(this=exp.to_identifier(name, quoted=True))
        return Snippet(name, column, (Name(name, 0, len(name)),))
    if len(text) > MAX_CHARACTERS:
        what = f"the expression has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read"
        return Snippet(text, exp.Null(), (), (Problem("bad-sql", what),))
    tree, problems = _parse_one(text, dialect)
    if tree is None:
        return Snippet(text, exp.Null(), (), problems)
    try:
        if _is_too_deep(tree):
            return Snippet(text, exp.Null(), (), (_too_deep(text),))
        problems += _quoted_conditions(tree, text, dialect)
        problems += tuple(_refusals(tree, text))
        if any(p.severity == "error" for p in problems):
            return Snippet(text, exp.Null(), (), problems)
        names = tuple(Name(c.name, *_span(c.this)) for c in columns(tree))
        return Snippet(text, true_division(_without_notes(tree)), names, problems)
    except RecursionError:
        return Snippet(text, exp.Null(), (), (_too_deep(text),))


def _quoted_conditions(tree: exp.Expr, text: str, dialect: str) -> tuple[Problem, ...]:
    """Reads the condition of each `none('..')`, in place; what is wrong with one that cannot be."""
    if "none" not in text.lower():
        return ()
    for node in [n for n in nodes(tree) if is_none(n)]:
        quoted = node.expressions[0]
        if not (isinstance(quoted, exp.Literal) and quoted.is_string):
            continue
        inner, problems = _parse_one(quoted.name, dialect)
        start = max(text.find(quoted.name), 0)
        if inner is None or _is_too_deep(inner):
            return problems or (_too_deep(text),)
        for name in inner.find_all(exp.Identifier):
            offset, length = _span(name)
            name.update_positions(start=start + offset, end=start + offset + length - 1)
        quoted.replace(inner)
    return ()


def is_none(node: exp.Expr) -> bool:
    """Whether a condition is `none(..)`: that no row of the many side meets another (P6)."""
    is_call = isinstance(node, exp.Anonymous) and len(node.expressions) == 1
    return is_call and str(node.name).lower() == "none"


#: Whose operands stand beside each other in a canonical form, however many there are.
_CHAINS: Final = (exp.And, exp.Or, exp.Add, exp.Mul)


def _is_too_deep(tree: exp.Expr) -> bool:
    """Whether functions that recurse over the tree could run out of stack, wherever they start."""
    pending = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            return True
        for inner in node.iter_expressions():
            in_chain = isinstance(node, _CHAINS) and type(inner) is type(node)
            pending.append((inner, depth if in_chain else depth + 1))
    return False


def _too_deep(text: str) -> Problem:
    return Problem("bad-sql", "the expression is nested too deeply", 0, len(text))


def syntax_problems(text: str, dialect: str) -> tuple[Problem, ...]:
    """What is wrong with a text as SQL at all: it is one expression or query, whatever is in it."""
    return _parse_one(text, dialect)[1]


def parse_aggregates(text: str, dialect: str) -> exp.Expr:
    """An aggregate expression that ``syntax_problems`` found sound; the tree is the caller's."""
    tree, _ = _parse_one(text, dialect)
    assert tree is not None, "an expression without problems has a tree"
    return _without_notes(tree)


def _parse_one(text: str, dialect: str) -> tuple[exp.Expr | None, tuple[Problem, ...]]:
    spoken = Dialect.get_or_raise(dialect)
    try:
        tokens = spoken.tokenize(text)
        if _open_joins(tokens) > MAX_OPEN_JOINS:
            message = f"more than {MAX_OPEN_JOINS} joins have no ON or USING"
            return None, (Problem("bad-sql", message, 0, len(text)),)
        trees = spoken.parser().parse(tokens, text)
    except TokenError:
        quote = next((q for q in "'\"`" if text.count(q) % 2), None)
        message = f"a quote (`{quote}`) is not closed" if quote else "the SQL cannot be read"
        return None, (Problem("bad-sql", message, text.find(quote) if quote else 0),)
    except ParseError as error:
        return None, (_syntax_problem(text, error),)
    except RecursionError:
        return None, (_too_deep(text),)
    except SqlglotError:
        return None, (Problem("bad-sql", "the SQL cannot be read", 0, len(text)),)
    found = [tree for tree in trees if tree is not None]
    if not found:
        return None, (Problem("bad-sql", "the expression is empty", 0, max(len(text), 1)),)
    if len(found) > 1 or len(trees) > 1:
        offset = max(text.find(";"), 0)
        message = "one expression belongs here, and there is a second statement"
        return None, (Problem("several-statements", message, offset),)
    return found[0], ()


def _open_joins(tokens: Sequence[Token]) -> int:
    """Joins without their ON or USING. The parser tries each in two ways, and so on after it."""
    closed, levels, before = 0, [0], None
    for kind in (token.token_type for token in tokens):
        if kind is TokenType.L_PAREN:
            levels.append(0)
        elif kind is TokenType.R_PAREN and len(levels) > 1:
            closed += levels.pop()
        elif kind in (TokenType.JOIN, TokenType.STRAIGHT_JOIN):
            levels[-1] += before not in (TokenType.CROSS, TokenType.NATURAL)
        elif kind in (TokenType.ON, TokenType.USING):
            levels[-1] = max(0, levels[-1] - 1)
        before = kind
    return closed + sum(levels)


def parse_query(text: str, dialect: str) -> tuple[exp.Query | None, Problem | None]:
    """A SQL model: exactly one query that only reads."""
    if len(text) > MAX_QUERY_CHARACTERS:
        what = f"the query has {len(text):,} characters; at most {MAX_QUERY_CHARACTERS:,} are read"
        return None, Problem("bad-sql", what)
    tree, problems = _parse_one(text, dialect)
    if tree is None:
        first = problems[0]
        if first.code == "several-statements":
            first = replace(
                first, message="a SQL model is one query, and a second statement follows"
            )
        return None, first
    if not isinstance(tree, exp.Query):
        message = f"a SQL model is one query (SELECT); this is `{tree.key}`"
        return None, Problem("not-an-expression", message, 0, 1)
    for node in tree.walk():
        if isinstance(node, (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock)) and not isinstance(
            node, exp.Query
        ):
            message = f"a SQL model only reads; `{node.key}` does not"
            return None, Problem("not-an-expression", message, *_span(node))
        if isinstance(node, (exp.Placeholder, exp.Parameter)):
            message = "a SQL model has no parameters; use `var()`"
            return None, Problem("not-an-expression", message, *_aim(node, tree, text))
    return _without_notes(tree), None


def _syntax_problem(text: str, error: ParseError) -> Problem:
    detail = error.errors[0]
    highlight = detail.get("highlight") or ""
    offset = _offset(text, detail.get("line") or 1, (detail.get("col") or 1)) - len(highlight)
    description = str(detail.get("description", ""))
    if "Required keyword" in description or "missing" in description:
        message = f"something is missing after `{highlight}`"
    elif "Expecting )" in description:
        message = "a parenthesis is not closed"
    else:
        message = f"unexpected `{highlight}`"
    offset = max(0, min(offset, len(text) - 1))  # sqlglot counts a lone CR as a line, too
    return Problem("bad-sql", message, offset, max(len(highlight), 1))


def _offset(text: str, line: int, column: int) -> int:
    return sum(len(row) + 1 for row in text.split("\n")[: line - 1]) + column


def _refusals(tree: exp.Expr, text: str) -> list[Problem]:
    """Every node that a scalar expression over rows cannot hold; outermost only."""
    problems: list[Problem] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        problem = _refusal(node)
        if problem is not None:
            # A place is looked up for what is refused only: each look walks down the tree.
            offset, length = _aim(node, tree, text)
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


def function_name(node: exp.Expr) -> str:
    """A function's name in lower case, as a person would write it."""
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else node.key


def _span(node: exp.Expr) -> tuple[int, int]:
    """Offset and length of a node in its text, from the first positioned token inside it."""
    for inner in node.walk(bfs=False):
        start, end = inner.meta_get("start"), inner.meta_get("end")
        if start is not None and end is not None:
            return int(start), int(end) - int(start) + 1
    return 0, 1


def _aim(node: exp.Expr, tree: exp.Expr, text: str) -> tuple[int, int]:
    """The word of a refused node that a caret belongs under: what makes it what it is."""
    table = node.args.get("table") if isinstance(node, exp.Column) else None
    offset, length = _span(table or node)
    pattern = None
    if isinstance(node, (exp.Placeholder, exp.Parameter, exp.SessionParameter)):
        pattern = r"[$@:?][\w@]*"
    elif isinstance(node, (exp.Query, exp.SubqueryPredicate, exp.Values)):
        pattern, text = r"(?i)\b(?:SELECT|VALUES|WITH|EXISTS|ANY|ALL)\b", text[:offset] or text
    elif node is tree and not isinstance(node, (exp.Condition, exp.Alias)):
        pattern = r"\w+"
    found = re.search(pattern, text) if pattern else None
    return (found.start(), len(found[0])) if found else (offset, length)


_Tree = TypeVar("_Tree", bound=exp.Expr)


def nodes(tree: exp.Expr) -> list[exp.Expr]:
    """A tree's nodes, each before what is inside it; `walk` of sqlglot takes three times as long.

    >>> import sqlglot
    >>> [node.key for node in nodes(sqlglot.parse_one("a + 1"))]
    ['add', 'column', 'literal', 'identifier']
    """
    found = [tree]
    for node in found:  # grows on the way
        for value in node.args.values():
            if isinstance(value, exp.Expr):
                found.append(value)
            elif type(value) is list:
                found += [inner for inner in value if isinstance(inner, exp.Expr)]
    return found


def columns(tree: exp.Expr) -> list[exp.Column]:
    """The columns of a tree."""
    return [node for node in nodes(tree) if isinstance(node, exp.Column)]


def _without_notes(tree: _Tree) -> _Tree:
    """The tree without comments and positions: both would double the cost of each copy."""
    for node in nodes(tree):
        node.comments = None
        for note in ("line", "col", "start", "end"):
            if node.meta_get(note) is not None:
                del node.meta[note]
    return tree


def true_division(tree: exp.Expr) -> exp.Expr:
    """Divisions as doubles, NULL by zero.

    >>> import sqlglot
    >>> true_division(sqlglot.parse_one("a / b", read="duckdb")).sql("postgres")
    'CAST(a AS DOUBLE PRECISION) / NULLIF(b, 0)'
    """
    for division in reversed(list(tree.find_all(exp.Div))):  # innermost first
        divided = ratio(division.this, division.expression)
        if division is tree:
            return divided
        division.replace(divided)
    return tree


def ratio(numerator: exp.Expr, denominator: exp.Expr) -> exp.Expr:
    """``numerator / denominator`` as a double; NULL where the denominator is 0 or NULL."""
    literal = denominator.unnest()
    if not (isinstance(literal, exp.Literal) and not literal.is_string and float(literal.name)):
        denominator = exp.Nullif(this=_bare(denominator), expression=exp.Literal.number(0))
    double = exp.Cast(this=_bare(numerator), to=exp.DataType(this=_KINDS.DOUBLE))
    return exp.Div(this=double, expression=denominator, typed=False, safe=False)


def _bare(tree: exp.Expr) -> exp.Expr:
    return tree.unnest() if isinstance(tree, exp.Paren) else tree


def quote_of(dialect: str) -> str:
    """The character on both sides of a quoted identifier in a dialect.

    >>> quote_of("duckdb"), quote_of("bigquery"), quote_of("tsql")
    ('"', '`', '"')
    """
    spoken = Dialect.get_or_raise(dialect)
    sides = {str(spoken.IDENTIFIER_START), str(spoken.IDENTIFIER_END)}
    return sides.pop() if len(sides) == 1 else '"'  # T-SQL's `[a]` may be written `"a"`


def trunc(unit: str, tree: exp.Expr) -> exp.Expr:
    """The semantic function that gives the first instant of a period (units: ``grain.py``)."""
    return exp.Anonymous(this=TRUNC, expressions=[exp.Literal.string(unit), tree])


def part(name: str, tree: exp.Expr) -> exp.Expr:
    """The semantic function that gives a date part as an integer."""
    return exp.Anonymous(this=PART, expressions=[exp.Literal.string(name), tree])


#: Units whose length is always the same.
FIXED_UNITS: Final = frozenset(
    {"microsecond", "millisecond", "second", "minute", "hour", "day", "week"}
)
#: Units that every dialect can add, and how many of them a length has.
_MOVES: Final = {"week": ("day", 7), "quarter": ("month", 3), "year": ("month", 12)}


def move(tree: exp.Expr, count: int, unit: str) -> exp.Expr:
    """The semantic function that gives a time so many units later, or earlier where negative.

    A day that the month does not have becomes its last one.
    """
    base, _ = split(unit)
    unit, times = _MOVES.get(base, (base, 1))
    number: exp.Expr = exp.Literal.number(abs(count) * times)
    number = exp.Neg(this=number) if count < 0 else number
    return exp.Anonymous(this=MOVE, expressions=[exp.Literal.string(unit), number, tree])


def local(stored: str | None, shown: str | None, tree: exp.Expr) -> exp.Expr:
    """The semantic function that moves a time from one zone to another; None is an instant."""
    zones = [exp.Literal.string(zone or "") for zone in (stored, shown)]
    return exp.Anonymous(this=LOCAL, expressions=[*zones, tree])


def replace_names(tree: exp.Expr, replacement: Callable[[str], exp.Expr]) -> exp.Expr:
    """A copy of the tree with every column replaced; parenthesised where binding needs it."""

    def swap(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Column):
            return node
        new = replacement(node.name)
        simple = isinstance(new, (exp.Column, exp.Func, exp.Literal, exp.Paren))
        simple = simple and not isinstance(new, (exp.Connector, exp.Binary))
        return new if simple or node.parent is None else exp.Paren(this=new)

    return tree.copy().transform(swap, copy=False)


#: NULL where their first argument is.
_STRICT_FIRST: Final = (
    *(exp.Paren, exp.Neg, exp.Not, exp.Cast, exp.In, exp.Between, exp.Nullif, exp.Abs, exp.Round),
    *(exp.Floor, exp.Ceil, exp.Upper, exp.Lower, exp.Length, exp.Trim, exp.Substring),
    *(exp.TimestampTrunc, exp.DateTrunc),
)
#: NULL where one of their two sides is.
_STRICT: Final = (
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.DPipe, exp.Like, exp.ILike),
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE),
)


def is_null_of_nulls(tree: exp.Expr) -> bool:
    """Whether an expression is surely NULL where all of its columns are.

    >>> import sqlglot
    >>> known = ("a + 1", "COALESCE(a, b)", "COALESCE(a, 0)", "1")
    >>> [is_null_of_nulls(sqlglot.parse_one(t)) for t in known]
    [True, True, False, False]
    """
    if isinstance(tree, exp.Column):
        return True
    if isinstance(tree, _STRICT_FIRST):
        return is_null_of_nulls(tree.this)
    if isinstance(tree, exp.Extract):
        return is_null_of_nulls(tree.expression)
    if isinstance(tree, exp.Coalesce):
        return all(is_null_of_nulls(part) for part in (tree.this, *tree.expressions))
    for kind, decides in ((_STRICT, True), ((exp.And, exp.Or), False)):
        if isinstance(tree, kind):
            while isinstance(tree, kind):  # a long chain leans to the left
                if is_null_of_nulls(tree.expression) is decides:
                    return decides
                tree = tree.this
            return is_null_of_nulls(tree)
    return False


def conjuncts(tree: exp.Expr) -> tuple[exp.Expr, ...]:
    """The conditions that a condition is the AND of."""
    tree = _bare(tree)
    found: list[exp.Expr] = []
    pending = [tree]
    while pending:
        part = _bare(pending.pop())
        if isinstance(part, exp.And):
            pending += [part.expression, part.this]
        else:
            found.append(part)
    return tuple(found)
