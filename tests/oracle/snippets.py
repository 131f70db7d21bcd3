"""A small reader of SQL expressions: enough for the definitions that the oracle is asked about.

It knows literals, names, arithmetic, comparisons, three-valued logic, CASE, a few functions, and
aggregates with DISTINCT and FILTER. Whatever else it meets is `Unreadable`, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from tests.oracle.time import parse as parse_time

Value = Any
Read = Callable[[str], Value]
#: What a literal becomes beside a name: the start of its period, where the name is a time (Q3).
Move = Callable[[str, Value], Value]


class Unreadable(Exception):
    """The snippet holds what this reader does not know."""


@dataclass(frozen=True)
class Node:
    """A part of an expression: what it is, its text where it has one, and its parts."""

    kind: str
    text: Value = None
    parts: tuple[Node, ...] = ()

    def names(self) -> Iterator[str]:
        if self.kind == "name":
            yield self.text
        for inner in self.parts:
            yield from inner.names()


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>\d+\.\d+|\d+)
    | (?P<string>'(?:[^']|'')*')
    | "(?P<quoted>[^"]+)"
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark><=|>=|<>|!=|\|\||[-+*/%=<>(),.])
    )""",
    re.VERBOSE,
)
AGGREGATES = {"SUM", "MIN", "MAX", "AVG", "COUNT", "MEDIAN"}
_FUNCTIONS = {"COALESCE", "NULLIF", "ABS", "UPPER", "LOWER", "GREATEST", "LEAST"}


@cache
def parse(text: str) -> Node:
    """The expression that a snippet is."""
    tokens: list[tuple[str, str]] = []
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise Unreadable(text)
        kind = str(found.lastgroup)
        tokens.append((kind, found[kind]))
        at = found.end()
    reader = _Reader(tokens, text)
    node = reader.either()
    if reader.at != len(tokens):
        raise Unreadable(text)
    return node


class _Reader:
    """Recursive descent over the tokens, weakest operator first."""

    def __init__(self, tokens: list[tuple[str, str]], text: str) -> None:
        self.tokens, self.text, self.at = tokens, text, 0

    def peek(self, ahead: int = 0) -> str:
        if self.at + ahead >= len(self.tokens):
            return ""
        kind, text = self.tokens[self.at + ahead]
        return text.upper() if kind in ("word", "mark") else f"<{kind}>"

    def take(self, *words: str) -> bool:
        if all(self.peek(i) == w for i, w in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def need(self, *words: str) -> None:
        if not self.take(*words):
            raise Unreadable(f"{self.text}: no {' '.join(words)} at {self.at}")

    def either(self) -> Node:
        node = self.both()
        while self.take("OR"):
            node = Node("or", None, (node, self.both()))
        return node

    def both(self) -> Node:
        node = self.negation()
        while self.take("AND"):
            node = Node("and", None, (node, self.negation()))
        return node

    def negation(self) -> Node:
        return Node("not", None, (self.negation(),)) if self.take("NOT") else self.comparison()

    def comparison(self) -> Node:
        node = self.sum()
        while True:
            if self.take("IS", "NOT", "NULL"):
                node = Node("not", None, (Node("null", None, (node,)),))
            elif self.take("IS", "NULL"):
                node = Node("null", None, (node,))
            elif self.peek() in ("NOT", "IN", "BETWEEN"):
                negated = self.take("NOT")
                node = self.membership(node)
                node = Node("not", None, (node,)) if negated else node
            elif self.peek() in ("=", "<>", "!=", "<", "<=", ">", ">="):
                mark = self.peek().replace("!=", "<>")
                self.at += 1
                node = Node("compare", mark, (node, self.sum()))
            else:
                return node

    def membership(self, node: Node) -> Node:
        if self.take("BETWEEN"):
            low = self.sum()
            self.need("AND")
            pair = (("<=", low, node), ("<=", node, self.sum()))
            return Node("and", None, tuple(Node("compare", m, (a, b)) for m, a, b in pair))
        self.need("IN", "(")
        return Node("in", None, (node, *self.arguments()))

    def arguments(self) -> tuple[Node, ...]:
        """What stands before the closing parenthesis, separated by commas."""
        found: list[Node] = []
        while not self.take(")"):
            if found:
                self.need(",")
            found.append(self.either())
        return tuple(found)

    def sum(self) -> Node:
        node = self.product()
        while self.peek() in ("+", "-", "||"):
            mark = self.peek()
            self.at += 1
            node = Node("arithmetic", mark, (node, self.product()))
        return node

    def product(self) -> Node:
        node = self.sign()
        while self.peek() in ("*", "/", "%"):
            mark = self.peek()
            self.at += 1
            node = Node("arithmetic", mark, (node, self.sign()))
        return node

    def sign(self) -> Node:
        return Node("minus", None, (self.sign(),)) if self.take("-") else self.leaf()

    def leaf(self) -> Node:
        if self.take("("):
            node = self.either()
            self.need(")")
            return node
        if self.at >= len(self.tokens):
            raise Unreadable(self.text)
        kind, text = self.tokens[self.at]
        self.at += 1
        match kind:
            case "number":
                return Node("literal", Decimal(text) if "." in text else int(text))
            case "string":
                return Node("literal", text[1:-1].replace("''", "'"))
            case "quoted":
                return Node("name", text)
            case "word":
                return self.word(text)
        raise Unreadable(self.text)

    def word(self, text: str) -> Node:
        upper = text.upper()
        known = {"TRUE": True, "FALSE": False, "NULL": None}
        if upper in known:
            return Node("literal", known[upper])
        if upper in ("DATE", "TIMESTAMP") and self.peek() == "<string>":
            return self.leaf()
        if upper == "CASE":
            return self.case()
        if not self.take("("):
            return Node("name", text.lower())
        if upper in AGGREGATES:
            return self.aggregate(upper)
        if upper == "NONE":
            return Node("none", None, self.arguments())
        if upper not in _FUNCTIONS:
            raise Unreadable(f"{self.text}: {text}")
        return Node("call", upper, self.arguments())

    def case(self) -> Node:
        parts: list[Node] = []
        while self.take("WHEN"):
            parts.append(self.either())
            self.need("THEN")
            parts.append(self.either())
        parts.append(self.either() if self.take("ELSE") else Node("literal"))
        self.need("END")
        return Node("case", None, tuple(parts))

    def aggregate(self, name: str) -> Node:
        if self.take("DISTINCT"):
            name = f"{name} DISTINCT"
        inner = (Node("literal", 1),) if self.take("*", ")") else self.arguments()
        if self.take("FILTER", "("):
            self.need("WHERE")
            inner = (*inner, self.either())
            self.need(")")
        return Node("aggregate", name, inner)


def evaluate(node: Node, read: Read, move: Move | None = None) -> Value:
    """The value of an expression over what ``read`` gives for names; unknown is None."""
    match node.kind:
        case "literal":
            return node.text
        case "name":
            return read(node.text)
        case "not":
            value = evaluate(node.parts[0], read, move)
            return None if value is None else not value
        case "null":
            return evaluate(node.parts[0], read, move) is None
        case "and" | "or":
            ends = node.kind == "or"
            sides = [evaluate(p, read, move) for p in node.parts]
            known = [bool(s) for s in sides if s is not None]
            return ends if ends in known else None if None in sides else not ends
        case "compare":
            return _compare(str(node.text), *_operands(node.parts, read, move))
        case "in":
            first, *rest = _operands(node.parts, read, move)
            found = [_compare("=", first, other) for other in rest]
            return True if True in found else None if None in found else False
        case "arithmetic":
            left, right = (evaluate(p, read, move) for p in node.parts)
            return _arithmetic(str(node.text), left, right)
        case "minus":
            value = evaluate(node.parts[0], read, move)
            return None if value is None else -value
        case "case":
            *pairs, other = node.parts
            for condition, result in zip(pairs[::2], pairs[1::2], strict=True):
                if evaluate(condition, read, move) is True:
                    return evaluate(result, read, move)
            return evaluate(other, read, move)
        case "call":
            return _call(str(node.text), [evaluate(p, read, move) for p in node.parts])
    raise Unreadable(node.kind)


def _operands(parts: tuple[Node, ...], read: Read, move: Move | None) -> list[Value]:
    values = [evaluate(p, read, move) for p in parts]
    named = next((p.text for p in parts if p.kind == "name"), None)
    if move is None or named is None:
        return values
    return [
        move(named, value) if part.kind == "literal" else value
        for part, value in zip(parts, values, strict=True)
    ]


def _compare(mark: str, left: Value, right: Value) -> bool | None:
    if left is None or right is None:
        return None
    left, right = _alike(left, right)
    return bool(
        {
            "=": lambda: left == right,
            "<>": lambda: left != right,
            "<": lambda: left < right,
            "<=": lambda: left <= right,
            ">": lambda: left > right,
            ">=": lambda: left >= right,
        }[mark]()
    )


def _alike(left: Value, right: Value) -> tuple[Value, Value]:
    if isinstance(left, date) and isinstance(right, str):
        right = parse_time(right)
    if isinstance(right, date) and isinstance(left, str):
        left = parse_time(left)
    if isinstance(left, date) and isinstance(right, date):
        pair = (datetime(*v.timetuple()[:6], getattr(v, "microsecond", 0)) for v in (left, right))
        left, right = pair
    return left, right


def _arithmetic(mark: str, left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    if mark == "||":
        return f"{left}{right}"
    if mark == "/":
        return None if right == 0 else float(left) / float(right)
    if isinstance(left, float) or isinstance(right, float):
        left, right = float(left), float(right)
    match mark:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    raise Unreadable(mark)


def _call(name: str, values: list[Value]) -> Value:
    known = [v for v in values if v is not None]
    match name:
        case "COALESCE":
            return known[0] if known else None
        case "NULLIF":
            return None if _compare("=", *values) is True else values[0]
        case "GREATEST":
            return max(known, default=None)
        case "LEAST":
            return min(known, default=None)
    if values[0] is None:
        return None
    functions: Mapping[str, Callable[[Value], Value]] = {
        "ABS": abs,
        "UPPER": str.upper,
        "LOWER": str.lower,
    }
    return functions[name](values[0])
