"""Where the rows of a model are: a table, files, or a SQL model."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, Literal

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

Option = str | int | float | bool

#: How files are read, by the functions of DuckDB that read them.
READERS: Final = {
    "read_parquet": "parquet",
    "parquet_scan": "parquet",
    "read_csv": "csv",
    "read_csv_auto": "csv",
    "read_json": "json",
    "read_json_auto": "json",
    "read_ndjson": "json",
    "read_ndjson_auto": "json",
}


@dataclass(frozen=True, slots=True)
class Relation:
    """Where a model's rows are: a table, files, or a SQL model.

    ``parts`` of a table are database, schema and name as far as given; the target's schema is
    added when SQL is made. ``key`` names the relation in kpilayer.lock and in fingerprints; where
    dbt decides where a model is built, fingerprints name the model, ``ref``, instead. Files are
    read as their ending says, unless ``format`` does (``parquet``, ``csv``, ``json``), and with
    ``options`` such as ``hive_partitioning``. ``source`` is dbt's name of what others load, as
    `raw.orders`; fingerprints name that.
    """

    kind: Literal["table", "file", "query"]
    parts: tuple[str, ...] = ()
    path: str = ""
    query: str = ""
    ref: str = ""
    format: str = ""
    options: tuple[tuple[str, Option], ...] = ()
    source: str = ""

    @property
    def key(self) -> str:
        """The text that names it."""
        match self.kind:
            case "table":
                return ".".join(json.dumps(p) if {'"', "."} & set(p) else p for p in self.parts)
            case "file":
                told = [self.format] if self.format else []
                told += [f"{name}: {json.dumps(value)}" for name, value in self.options]
                return self.path + (f" ({', '.join(told)})" if told else "")
        return f"{self.query} (sql)"


def split_relation(text: str, dialect: str) -> list[str]:
    """The parts of a relation's name, without quotes; none where it is not a name.

    Case counts in quotes only, as in SQL: other parts are in lower case.

    >>> split_relation('Analytics."Order Lines"', "duckdb")
    ['analytics', 'Order Lines']
    """
    try:
        table = exp.maybe_parse(text, into=exp.Table, dialect=dialect)
    except (SqlglotError, RecursionError):
        return []
    if not isinstance(table, exp.Table):
        return []  # a text with `;` is a block of statements
    is_name = all(isinstance(part, exp.Identifier) for part in table.parts) and not table.alias
    if not is_name:
        return []
    return [part.name if part.args.get("quoted") else part.name.lower() for part in table.parts]


def file_relation(text: str) -> Relation | None:
    """The files that dbt-duckdb's `external_location` names: a path, or a function over one.

    None for anything else: several paths, another function, an option that is no literal.

    >>> file_relation("read_csv('raw/*.txt', delim = ';')")
    Relation(kind='file', parts=(), path='raw/*.txt', query='', ref='', format='csv', \
options=(('delim', ';'),), source='')
    """
    text = text.strip()
    if "(" not in text:
        path = text[1:-1].replace("''", "'") if re.fullmatch(r"'.*'", text, re.S) else text
        return Relation("file", path=path) if path else None
    name, _, rest = text.partition("(")
    kind = READERS.get(name.strip().lower())
    try:
        tree = parse_one(f"files({rest}", read="duckdb")  # as no function that sqlglot knows
    except (SqlglotError, RecursionError):
        return None
    if kind is None or not isinstance(tree, exp.Anonymous) or not tree.expressions:
        return None
    path, *given = tree.expressions
    options: list[tuple[str, Option]] = []
    for option in given:
        value = _literal(option.expression) if isinstance(option, exp.EQ | exp.Kwarg) else None
        if value is None or not isinstance(option.this, exp.Column | exp.Var | exp.Identifier):
            return None
        options.append((option.this.name.lower(), value))
    if not isinstance(path, exp.Literal) or not path.is_string:
        return None
    return Relation("file", path=path.this, format=kind, options=tuple(options))


def _literal(tree: exp.Expr) -> Option | None:
    match tree:
        case exp.Boolean():
            return bool(tree.this)
        case exp.Literal() if tree.is_string:
            return str(tree.this)
        case exp.Literal():
            return int(tree.this) if tree.is_int else float(tree.this)
    return None
