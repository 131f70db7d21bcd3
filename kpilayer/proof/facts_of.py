"""Facts from what people have: CREATE TABLE statements, or a mapping of column definitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlglot import exp

from kpilayer.errors import Issue, Problem, QueryError, did_you_mean
from kpilayer.proof.facts import Column, Facts, Reference, Table
from kpilayer.proof.texts import issue_of
from kpilayer.snippets import parse_statements

_ARGUMENT: Final = "schema"
#: Dialects whose PRIMARY KEY is an index in which values may be repeated.
_KEYS_REPEAT: Final = frozenset({"clickhouse"})
#: Dialects in which a PRIMARY KEY may hold NULL, unless it is the number of the row.
_KEYS_MAY_BE_NULL: Final = frozenset({"sqlite"})


def facts_of(schema: Any, dialect: str) -> Facts:
    """What a schema says of tables; nothing where there is none.

    A schema is CREATE TABLE statements, or for each table's name the definition of each column as
    it stands there, or Facts. References to tables that are not in it say nothing.

    >>> facts = facts_of({"orders": {"id": "BIGINT PRIMARY KEY", "amount": "REAL"}}, "duckdb")
    >>> facts.tables["orders"].keys
    (('id',),)

    Raises:
        QueryError: ``bad-sql``, ``bad-value``, ``duplicate-name`` or ``unknown-column``, every
            problem at once.
    """
    match schema:
        case None:
            return Facts()
        case Facts():
            return schema
        case str():
            read = _of_statements(schema, dialect)
        case Mapping():
            read = _of_mapping(schema, dialect)
        case _:
            kind = type(schema).__name__
            message = f"a schema is CREATE TABLE statements or a mapping, and this is a `{kind}`"
            raise QueryError(Issue("bad-value", message))
    issues = [*read.issues, *_wrong_names(read.drafts)]
    if issues:
        raise QueryError(issues)
    tables = (_table(draft, read.drafts, dialect) for draft in read.drafts)
    return Facts({table.name.lower(): table for table in tables})


@dataclass(slots=True)
class _Draft:
    """A table as it was read; a reference without columns is one to the other table's key."""

    name: str
    columns: list[Column] = field(default_factory=list)
    primary: tuple[str, ...] = ()
    unique: list[tuple[str, ...]] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)


@dataclass(slots=True)
class _Read:
    drafts: list[_Draft] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    def wrong(self, code: str, message: str, hint: str | None = None) -> None:
        """Notes a problem that has no place in a text."""
        self.issues.append(Issue(code, message, hint=hint))


# ------------------------------------------------------------------------------------------ reading


def _of_statements(text: str, dialect: str) -> _Read:
    read = _Read()
    trees, problems = parse_statements(text, dialect)
    read.issues += [issue_of(problem, text, _ARGUMENT) for problem in problems]
    for tree in trees:
        if not (isinstance(tree, exp.Create) and isinstance(tree.this, exp.Schema)):
            message = f"a schema is CREATE TABLE statements with columns; this is `{tree.key}`"
            read.wrong("bad-value", message)
            continue
        draft = _Draft(_name(tree.this.this))
        for part in tree.this.expressions:
            _add(part, draft, read, dialect)
        read.drafts.append(draft)
    if not trees and not problems:
        problem = Problem("bad-sql", "there is no CREATE TABLE statement")
        read.issues.append(issue_of(problem, text, _ARGUMENT))
    return read


def _of_mapping(schema: Mapping[Any, Any], dialect: str) -> _Read:
    read = _Read()
    for name, columns in schema.items():
        if not isinstance(name, str) or not isinstance(columns, Mapping) or not columns:
            message = f"`{name}` needs a mapping of its columns, such as {{'id': 'BIGINT'}}"
            read.wrong("bad-value", message)
            continue
        draft = _Draft(name)
        for column, text in columns.items():
            definition = _definition(str(column), text, name, read, dialect)
            if definition is not None:
                _add(definition, draft, read, dialect)
        read.drafts.append(draft)
    return read


def _definition(
    column: str, text: Any, table: str, read: _Read, dialect: str
) -> exp.ColumnDef | None:
    """A column's definition, such as `BIGINT NOT NULL`."""
    head = "CREATE TABLE t (c "
    trees, problems = parse_statements(f"{head}{text})", dialect) if text else ((), ())
    for problem in problems:
        moved = Problem(problem.code, problem.message, problem.offset - len(head), problem.length)
        read.issues.append(issue_of(moved, str(text), f"{_ARGUMENT}.{table}.{column}"))
    tree = trees[0] if len(trees) == 1 else None
    parts = tree.this.expressions if isinstance(tree, exp.Create) else []
    if len(parts) == 1 and isinstance(parts[0], exp.ColumnDef):
        definition: exp.ColumnDef = parts[0]
        definition.set("this", exp.to_identifier(column))
        return definition
    if not problems:
        message = f"`{table}.{column}` needs a definition such as `BIGINT NOT NULL`, not `{text}`"
        read.wrong("bad-value", message)
    return None


def _add(part: exp.Expr, draft: _Draft, read: _Read, dialect: str) -> None:
    """What one part of a CREATE TABLE says: a column or a constraint."""
    match part:
        case exp.ColumnDef():
            _add_column(part, draft, read, dialect)
        case exp.Constraint():
            for inner in part.expressions:
                _add(inner, draft, read, dialect)
        case exp.PrimaryKey():
            draft.primary = _names(part.expressions)
        case exp.UniqueColumnConstraint() if isinstance(part.this, exp.Schema):
            draft.unique.append(_names(part.this.expressions))
        case exp.ForeignKey():
            reference = part.args.get("reference")
            if isinstance(reference, exp.Reference):
                draft.references.append(_reference(_names(part.expressions), reference))


def _add_column(column: exp.ColumnDef, draft: _Draft, read: _Read, dialect: str) -> None:
    name, type_ = column.name, column.args.get("kind")
    if not isinstance(type_, exp.DataType) or type_.this == exp.DataType.Type.USERDEFINED:
        shown = type_.sql(dialect) if isinstance(type_, exp.DataType) else "nothing"
        message = f"`{draft.name}.{name}` needs a type of {dialect}, and has `{shown}`"
        read.wrong("bad-value", message)
        return
    nullable = type_.args.get("nullable") is not False
    for constraint in column.args.get("constraints") or ():
        match constraint.args.get("kind"):
            case exp.NotNullColumnConstraint() as rule:
                nullable = bool(rule.args.get("allow_null"))
            case exp.PrimaryKeyColumnConstraint():
                draft.primary = (name,)
            case exp.UniqueColumnConstraint():
                draft.unique.append((name,))
            case exp.Reference() as rule:
                draft.references.append(_reference((name,), rule))
    draft.columns.append(Column(name, type_, nullable))


def _reference(columns: tuple[str, ...], reference: exp.Reference) -> Reference:
    target = reference.this
    if isinstance(target, exp.Schema):
        return Reference(columns, _name(target.this), _names(target.expressions))
    return Reference(columns, _name(target), ())


def _names(parts: Iterable[exp.Expr]) -> tuple[str, ...]:
    return tuple(part.this.name if isinstance(part, exp.Ordered) else part.name for part in parts)


def _name(table: exp.Expr) -> str:
    return (
        ".".join(part.name for part in table.parts) if isinstance(table, exp.Table) else table.name
    )


# ----------------------------------------------------------------------------------------- checking


def _wrong_names(drafts: list[_Draft]) -> Iterator[Issue]:
    """Names that stand twice, and columns that are not there."""
    names = [draft.name.lower() for draft in drafts]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Issue("duplicate-name", f"`{name}` has two definitions in the schema")
    for draft in drafts:
        columns = [column.name.lower() for column in draft.columns]
        for name in sorted({name for name in columns if columns.count(name) > 1}):
            yield Issue("duplicate-name", f"`{draft.name}` has two columns `{name}`")
        for key in (draft.primary, *draft.unique):
            yield from _missing(key, draft)
        for reference in draft.references:
            yield from _missing(reference.columns, draft)
            there = _target(reference, draft, drafts)
            if there is not None:
                yield from _missing(reference.target, there)
                yield from _uneven(reference, draft, there)


def _missing(names: Iterable[str], draft: _Draft) -> Iterator[Issue]:
    known = [column.name for column in draft.columns]
    for name in names:
        if name.lower() not in map(str.lower, known):
            message = f"`{draft.name}` has no column `{name}`"
            yield Issue("unknown-column", message, hint=did_you_mean(name, known))


def _uneven(reference: Reference, draft: _Draft, there: _Draft) -> Iterator[Issue]:
    target = reference.target or there.primary
    if len(target) != len(reference.columns):
        message = (
            f"the reference of `{draft.name}` to `{there.name}` has {len(reference.columns)} "
            f"columns here and {len(target)} there"
        )
        yield Issue("bad-value", message)


def _target(reference: Reference, draft: _Draft, drafts: list[_Draft]) -> _Draft | None:
    """The table that a reference leads to; one without a schema is in that of the table itself."""
    home = draft.name.lower().rpartition(".")[0]
    wanted = reference.table.lower()
    by_name = {other.name.lower(): other for other in drafts}
    return by_name.get(f"{home}.{wanted}" if home else wanted) or by_name.get(wanted)


def _table(draft: _Draft, drafts: list[_Draft], dialect: str) -> Table:
    """The table, its primary key first; columns of it are not NULL."""
    filled = {name.lower() for name in draft.primary}
    if dialect in _KEYS_MAY_BE_NULL and not _is_row_number(draft):
        filled = set()
    columns = tuple(
        replace(column, nullable=column.nullable and column.name.lower() not in filled)
        for column in draft.columns
    )
    keys = [key for key in (draft.primary, *draft.unique) if key and dialect not in _KEYS_REPEAT]
    references = []
    for reference in draft.references:
        there = _target(reference, draft, drafts)
        if there is not None:
            target = reference.target or there.primary
            references.append(Reference(reference.columns, there.name.lower(), target))
    return Table(draft.name, columns, tuple(dict.fromkeys(keys)), tuple(references))


def _is_row_number(draft: _Draft) -> bool:
    """Whether the key is SQLite's own number of a row, INTEGER PRIMARY KEY."""
    kinds = [c.type.this for c in draft.columns if c.name in draft.primary]
    return kinds == [exp.DataType.Type.INT]
