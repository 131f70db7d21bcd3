"""Row access: which rows of a semantic model a caller's role sees (decision 12).

The filter of a definition is trusted text; a role's attributes are data. `{{ role.region }}` stands
in a filter as a name, `"role.region"`, and is replaced in the parsed tree by a literal: no value is
ever read as SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Final

from sqlglot import exp

from kpilayer import expr
from kpilayer.errors import Issue, Location, QueryError
from kpilayer.model.semantic_model import ROLE, Model

Value = str | bool | int | float | Decimal | date
MAX_LENGTH: Final = 10_000  # characters of a text
MAX_VALUES: Final = 10_000  # of a list


@dataclass(frozen=True, slots=True)
class Role:
    """Who asks: attributes by name, each a value or several. ``sees_all`` asks for no access.

    ``is_reader``: whoever reads a view, of whom the database knows more when it is read.
    """

    attributes: Mapping[str, Value | tuple[Value, ...]] = field(default_factory=dict)
    sees_all: bool = False
    is_reader: bool = False


NO_ROLE: Final = Role()
#: For what is run on behalf of the project and not of a caller: tests of its definitions and data.
EVERYTHING: Final = Role(sees_all=True)
#: For views: attributes stay functions, `KPI_ROLE('region')`, for whoever publishes to spell.
READER: Final = Role(is_reader=True)
ATTRIBUTE: Final = "KPI_ROLE"
HAS_ATTRIBUTE: Final = "KPI_HAS_ROLE"


def role_of(given: Mapping[str, object] | None) -> Role:
    """The role with these attributes; one that is None is not there.

    Raises:
        QueryError: `bad-role`, for a value that no literal can be.
    """
    found: dict[str, Value | tuple[Value, ...]] = {}
    for name, value in (given or {}).items():
        if isinstance(value, list | tuple | set | frozenset):
            if len(value) > MAX_VALUES:
                raise _bad(name, f"is a list of more than {MAX_VALUES:,} values")
            items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
            found[name.lower()] = tuple(_value(name, item) for item in items)
        elif value is not None:
            found[name.lower()] = _value(name, value)
    return Role(found)


def _value(name: str, value: object) -> Value:
    if isinstance(value, str):
        if "\0" in value or not _is_encodable(value):
            raise _bad(name, "holds a character that no text in a warehouse has")
        if len(value) > MAX_LENGTH:
            raise _bad(name, f"is longer than {MAX_LENGTH:,} characters")
        return value
    if isinstance(value, float | Decimal) and not isfinite(value):
        raise _bad(name, "is not a number")
    if isinstance(value, datetime) and value.tzinfo is not None:
        raise _bad(name, "is a time with a zone")
    if isinstance(value, bool | int | float | Decimal | date):
        return value
    raise _bad(name, f"is a {type(value).__name__}: it must be text, a number, a date or a list")


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bad(name: str, what: str) -> QueryError:
    place = Location("role", 1, 1, max(1, len(name)), name)
    return QueryError(Issue("bad-role", f"`{name}` {what}", place))


def attributes(tree: exp.Expr) -> tuple[str, ...]:
    """The attributes of a role that a filter names, each once, in order."""
    return tuple(dict.fromkeys(name for c in expr.columns(tree) if (name := _attribute(c))))


def missing(tree: exp.Expr, role: Role) -> tuple[str, ...]:
    """The attributes that a filter needs and a role does not have, or has no value of."""
    if role.is_reader:
        return ()
    return tuple(name for name in attributes(tree) if role.attributes.get(name, ()) == ())


def bound(tree: exp.Expr, model: Model, role: Role) -> exp.Expr:
    """A copy of a filter with the values of a role; false where an attribute is missing.

    Raises:
        QueryError: `bad-role`, where a list stands for one value.
    """
    if role.is_reader:
        return _of_reader(tree)
    if missing(tree, role):
        return exp.false()
    holder = exp.Paren(this=tree.copy())
    for column in [c for c in expr.columns(holder) if _attribute(c)]:
        name = _attribute(column) or ""
        value, parent = role.attributes[name], column.parent
        values = value if isinstance(value, tuple) else (value,)
        is_list = isinstance(parent, exp.In) and column is not parent.this
        if not is_list and isinstance(value, tuple):
            what = f"is a list, and the row access of `{model.name}` compares it as one value"
            raise _bad(name, what)
        literals = [_literal(v) for v in values]
        if is_list and isinstance(parent, exp.In):
            others = [e for e in parent.expressions if e is not column]
            parent.set("field", None)
            parent.set("expressions", [*others, *literals])
        else:
            column.replace(literals[0])
    result: exp.Expr = holder.this
    return result


def _of_reader(tree: exp.Expr) -> exp.Expr:
    """A copy of a filter that asks for attributes when it is read: without one, there is no row."""
    holder = exp.Paren(this=tree.copy())
    for column in [c for c in expr.columns(holder) if _attribute(c)]:
        column.replace(_asked(ATTRIBUTE, _attribute(column) or ""))
    parts = [_asked(HAS_ATTRIBUTE, name) for name in attributes(tree)]
    condition: exp.Expr = holder
    for part in reversed(parts):
        condition = exp.And(this=part, expression=condition)
    return condition


def _asked(function: str, attribute: str) -> exp.Expr:
    return exp.Anonymous(this=function, expressions=[exp.Literal.string(attribute)])


def without_role(tree: exp.Expr) -> exp.Expr:
    """A copy of a filter in which nothing is known of the role."""
    holder = exp.Paren(this=tree.copy())
    for column in [c for c in expr.columns(holder) if _attribute(c)]:
        column.replace(exp.null())
    result: exp.Expr = holder.this
    return result


def _attribute(column: exp.Column) -> str | None:
    name = str(column.name)
    return name.removeprefix(ROLE) if name.startswith(ROLE) and not column.table else None


def _literal(value: Value) -> exp.Expr:
    match value:
        case bool():
            return exp.true() if value else exp.false()
        case str():
            return exp.Literal.string(value)
        case datetime():
            return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "TIMESTAMP")
        case date():
            return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
    number = exp.Literal.number(format(abs(Decimal(str(value))), "f"))
    return exp.Neg(this=number) if value < 0 else number


def quoted(tree: exp.Expr) -> Iterator[str]:
    """The attributes that stand in quotes, where they would be read as text."""
    for node in expr.nodes(tree):
        if isinstance(node, exp.Literal) and node.is_string and ROLE in node.name:
            rest = node.name.partition(ROLE)[2]
            yield "".join(c for c in rest if c.isalnum() or c == "_") or rest
