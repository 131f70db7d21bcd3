"""Texts on SQLite: what values look like as text, LIKE by GLOB, and `||`."""

from __future__ import annotations

from typing import Final, NoReturn

from sqlglot import exp

from kpilayer.errors import Issue, QueryError
from kpilayer.sql import types
from kpilayer.sql.dialects.spellings import TYPE, call
from kpilayer.sql.types import kind_of

_text = exp.Literal.string
_TRUTHS: Final = (exp.Predicate, exp.Boolean, exp.Not, exp.And, exp.Or)


def refuse(what: str, instead: str) -> NoReturn:
    """What SQLite has no word for, by name, with what would do."""
    message = f"{what} has no equal on sqlite"
    raise QueryError(Issue("unsupported-in-dialect", message, hint=instead))


def as_text(value: exp.Expr) -> exp.Expr:
    """A value as a cast to text shows it elsewhere."""
    kind = kind_of(value)
    if kind is not None and kind.name == "decimal":
        return call("PRINTF", _text(f"%.{kind.scale}f"), value)
    if kind == types.TIMESTAMP:
        return _shown(value)
    if is_truth(value):
        words = [
            exp.If(this=value, true=_text("true")),
            exp.If(this=exp.Not(this=exp.paren(value.copy())), true=_text("false")),
        ]
        return exp.Case(ifs=words)
    return exp.cast(value, TYPE.TEXT, copy=False)


def _shown(value: exp.Expr) -> exp.Expr:
    """A timestamp without zeros at the end of its fraction."""
    has_fraction = call("INSTR", value.copy(), _text("."))
    short = call("RTRIM", value.copy(), _text("0"))
    return exp.Case(ifs=[exp.If(this=has_fraction, true=short)], default=value)


def is_truth(value: exp.Expr) -> bool:
    """Whether a value is true or false, and not just a number."""
    return kind_of(value) == types.BOOLEAN or isinstance(value.unnest(), _TRUTHS)


def concatenated(tree: exp.Expr) -> exp.Expr:
    """CONCAT passes NULLs over; SQLite knows it since 3.44."""
    parts = []
    for part in tree.expressions:
        inner = as_text(part) if _is_written_out(part) else part
        known = isinstance(part, exp.Literal)
        parts.append(
            part if known else exp.Coalesce(this=inner, expressions=[exp.Literal.string("")])
        )
    if len(parts) == 1:
        return exp.cast(parts[0], TYPE.TEXT, copy=False)
    joined = parts[0]
    for part in parts[1:]:
        joined = exp.DPipe(this=joined, expression=part)
    return exp.paren(joined, copy=False)


def joined(tree: exp.Expr) -> exp.Expr:
    """`||` binds more tightly than anything else there."""
    for name in ("this", "expression"):
        side = tree.args[name]
        if _is_written_out(side):
            side = as_text(side)
        if isinstance(side, (exp.Binary, exp.Unary)) and not isinstance(
            side, (exp.DPipe, exp.Paren)
        ):
            side = exp.paren(side, copy=False)
        tree.set(name, side)
    return tree


def _is_written_out(value: exp.Expr) -> bool:
    """Whether SQLite would show a value in another form than others do."""
    kind = kind_of(value)
    return is_truth(value) or (kind is not None and kind.name in ("decimal", "timestamp"))


def like(tree: exp.Expr) -> exp.Expr:
    """LIKE is blind to case there, and GLOB is not."""
    found = exp.Glob(this=tree.this, expression=_glob(tree.expression, None))
    return _negated(found) if tree.args.get("negate") else found


def _negated(condition: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.paren(condition, copy=False))


def like_in_any_case(tree: exp.Expr) -> exp.Expr:
    """ILIKE: what LIKE is there, for the letters A to Z."""
    found = exp.Like(this=tree.this, expression=tree.expression)
    return _negated(found) if tree.args.get("negate") else found


def escaped(tree: exp.Expr) -> exp.Expr:
    """LIKE with ESCAPE."""
    like, escape = tree.this, tree.expression
    if not isinstance(like, exp.Like):
        return tree
    if not (isinstance(like.expression, exp.Literal) and isinstance(escape, exp.Literal)):
        refuse("LIKE with ESCAPE and a pattern that is computed", "write the pattern")
    found = exp.Glob(this=like.this, expression=_glob(like.expression, str(escape.name)))
    return _negated(found) if like.args.get("negate") else found


_GLOBS: Final = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}


def _glob(pattern: exp.Expr, escape: str | None) -> exp.Expr:
    if not isinstance(pattern, exp.Literal):
        for sign in ("[", "*", "?", "%", "_"):  # what is put in brackets has none of the later ones
            pattern = call("REPLACE", pattern, _text(sign), _text(_GLOBS[sign]))
        return pattern
    found, letters = "", iter(str(pattern.name))
    for letter in letters:
        if letter == escape:
            letter = next(letters, "")
            found += _GLOBS[letter] if letter in "*?[" else letter
        else:
            found += _GLOBS.get(letter, letter)
    return _text(found)
