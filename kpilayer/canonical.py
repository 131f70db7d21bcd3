"""The canonical form of an expression: one text for all spellings of one meaning."""

from __future__ import annotations

import json
from typing import Final

from sqlglot import exp

_ASSOCIATIVE: Final = (exp.And, exp.Or, exp.Add, exp.Mul)
_COMMUTATIVE: Final = (*_ASSOCIATIVE, exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ)
_MIRRORED: Final[dict[type[exp.Expr], str]] = {exp.GT: "lt", exp.GTE: "lte"}
#: Dialects in which quoting keeps the case of a name apart.
_CASE_SENSITIVE: Final = frozenset({"postgres", "redshift", "snowflake", "oracle", "clickhouse"})


def canonical(tree: exp.Expr, dialect: str) -> str:
    """One form for expressions that differ only in writing.

    Spaces, case, redundant parentheses, the order of commutative operands and ``a > b`` or
    ``b < a`` make no difference. Prefix notation, so that no rule of precedence can make two
    meanings look alike.

    >>> import sqlglot
    >>> canonical(sqlglot.parse_one("(B > 1) AND a = 'x'", read="duckdb"), "duckdb")
    "(and (eq 'x' a) (lt 1 b))"
    """
    match tree:
        case exp.Paren():
            return canonical(tree.this, dialect)
        case exp.Identifier():
            return _canonical_name(tree, dialect)
        case exp.Column() if not tree.table:
            return canonical(tree.this, dialect)
        case exp.Literal():
            return exp.Literal.string(tree.name).sql() if tree.is_string else str(tree.name)
        case exp.RawString() | exp.ByteString() | exp.UnicodeString() | exp.National():
            return f"({tree.key} {exp.Literal.string(tree.name).sql()})"
        case exp.DataType():
            text = str(tree.sql(dialect))
            return text if "'" in text else text.lower()  # the values of an ENUM keep their case
    if isinstance(tree, exp.Add) and tree.find(exp.Interval) is not None:
        # A month and then a day is not a day and then a month: from the left, one by one.
        return f"(add {canonical(tree.this, dialect)} {canonical(tree.expression, dialect)})"
    if isinstance(tree, _ASSOCIATIVE):
        operands = sorted({canonical(o, dialect): None for o in _operands(tree, type(tree))})
        if isinstance(tree, (exp.Add, exp.Mul)):  # a + a is not a
            operands = sorted(canonical(o, dialect) for o in _operands(tree, type(tree)))
        return f"({tree.key} {' '.join(operands)})" if len(operands) > 1 else operands[0]
    if isinstance(tree, _COMMUTATIVE):
        sides = sorted((canonical(tree.this, dialect), canonical(tree.expression, dialect)))
        return f"({tree.key} {' '.join(sides)})"
    if type(tree) in _MIRRORED:
        left, right = canonical(tree.this, dialect), canonical(tree.expression, dialect)
        return f"({_MIRRORED[type(tree)]} {right} {left})"
    arguments = [
        f"{'' if key in ('this', 'expression') else key + '='}{_canonical_argument(value, dialect)}"
        for key, value in sorted(tree.args.items(), key=lambda item: (item[0] != "this", item[0]))
        if value is not None and value is not False and value != []
    ]
    return f"({' '.join([tree.key, *arguments])})"


def _canonical_name(name: exp.Identifier, dialect: str) -> str:
    text = str(name.name)
    if name.args.get("quoted") and dialect in _CASE_SENSITIVE and text != text.lower():
        return json.dumps(text)
    return text.lower() if text.isidentifier() else json.dumps(text.lower())


def _canonical_argument(value: object, dialect: str) -> str:
    if isinstance(value, exp.Expr):
        return canonical(value, dialect)
    if isinstance(value, list):
        return f"[{' '.join(_canonical_argument(v, dialect) for v in value)}]"
    return str(value).lower() if isinstance(value, str) else repr(value)


def _operands(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    found: list[exp.Expr] = []
    pending = [node]
    while pending:
        bare = pending.pop().unnest()
        if type(bare) is kind:
            pending += [bare.expression, bare.this]
        else:
            found.append(bare)
    return found
