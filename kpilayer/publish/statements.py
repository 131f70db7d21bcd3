"""The statements of publishing, in the words of a database; the same text a reviewer reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kpilayer.publish.catalogue import COLUMN_COLUMNS, METRIC_COLUMNS, Rows
from kpilayer.publish.engines import Engine
from kpilayer.publish.relations import Relation
from kpilayer.publish.world import COLUMNS, METRICS, OBJECTS, SOURCES, Record, literal, name

_BATCH = 200  # rows of one INSERT


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the statements for one schema. ``is_invoker``: readers need rights on tables."""

    engine: Engine
    schema: str
    is_invoker: bool = False
    project: str = ""

    # ------------------------------------------------------------------------------------ relations

    def made(self, relation: Relation, *, replaces: bool) -> str:
        """What makes a view, in the place of an earlier one of the same columns."""
        start = "CREATE OR REPLACE VIEW" if replaces else "CREATE VIEW"
        is_invoker = self.is_invoker and relation.kind != "catalog"  # whose tables nobody reads
        options = ["security_invoker = true"] if is_invoker else []
        if relation.is_guarded and self.engine.dialect == "postgres":
            options.append("security_barrier = true")  # no function of a reader sees hidden rows
        option = f" WITH ({', '.join(options)})" if options else ""
        said = " ".join(relation.comment.split())  # a line of its own, whatever is said
        heading = f"-- {said}\n" if not self.engine.has_comments else ""
        return f"{start} {self._named(relation.name)}{option} AS\n{heading}{relation.sql}"

    def stored(self, relation: Relation) -> str:
        """What makes a table with its rows. SQLite gives a table of a query no types."""
        place = self._named(relation.name)
        if self.engine.keeps_types or self.engine.dialect == "mysql":
            return f"CREATE TABLE {place} AS\n{relation.sql}"
        columns = ", ".join(f"{self._quoted(c.name)} {c.type}" for c in relation.columns)
        return f"CREATE TABLE {place} ({columns});\nINSERT INTO {place}\n{relation.sql}"

    def filled(self, relation: Relation, *, whole: bool) -> str:
        """What puts new rows in the place of those that are there, all at once."""
        assert relation.filling is not None, "views have no rows"
        place, how = self._named(relation.name), relation.filling
        since = ""
        if how.since and not whole:
            time = self._quoted(how.time)
            since = f" WHERE {time} >= {how.since} OR {time} IS NULL"
        sql = relation.sql if whole else how.sql
        names = ", ".join(self._quoted(c.name) for c in relation.columns)
        lines = [f"DELETE FROM {place}{since}", f"INSERT INTO {place} ({names})\n{sql}"]
        if self.engine.dialect == "mysql":  # whose statements stand for themselves otherwise
            lines = ["START TRANSACTION", *lines, "COMMIT"]
        return ";\n".join(lines)

    def told(self, relation: Relation) -> str:
        """The comments of a view and its columns, a line each; empty where there are none."""
        if not self.engine.has_comments:
            return ""
        place = self._named(relation.name)
        if relation.is_table:
            return f"COMMENT ON TABLE {place} IS {self._text(relation.comment)}"
        lines = [f"COMMENT ON VIEW {place} IS {self._text(relation.comment)}"]
        lines += [
            f"COMMENT ON COLUMN {place}.{self._quoted(c.name)} IS {self._text(c.description)}"
            for c in relation.columns
            if c.description
        ]
        return ";\n".join(lines)

    def granted(self, relation: Relation) -> tuple[str, ...]:
        """The rights that a definition gives."""
        if not self.engine.has_grants:
            return ()
        return tuple(self.right(relation.name, role)[0] for role in relation.grants)

    def right(self, relation: str, role: str) -> tuple[str, str]:
        """What gives a right, and what takes it back."""
        of = f"SELECT ON {self._named(relation)}"
        who = self._quoted_role(role)
        return f"GRANT {of} TO {who}", f"REVOKE {of} FROM {who}"

    def entered(self, roles: Iterable[str]) -> Iterator[str]:
        """What lets roles look into the schema."""
        if self.engine.dialect == "postgres":
            for role in dict.fromkeys(roles):
                schema = self._quoted(self.schema)
                yield f"GRANT USAGE ON SCHEMA {schema} TO {self._quoted_role(role)}"

    def dropped(self, relation: str, *, cascade: bool = False) -> str:
        """What drops a view; of others that stand on it, nothing is dropped unless asked."""
        return f"DROP VIEW {self._named(relation)}" + (" CASCADE" if cascade else "")

    # ---------------------------------------------------------------------------------------- state

    def prepared(self, *, has_schema: bool, tables: Iterable[str]) -> Iterator[str]:
        """What makes the schema and the tables of the state, as far as they are not there."""
        there = set(tables)
        if self.engine.has_schemas and not has_schema:
            words = " CHARACTER SET utf8mb4" if self.engine.dialect == "mysql" else ""
            yield f"CREATE SCHEMA IF NOT EXISTS {self._quoted(self.schema)}{words}"
        for table, columns in self._state().items():
            if table not in there:
                body = ",\n  ".join(f"{self._quoted(n)} {kind}" for n, kind in columns)
                words = " CHARACTER SET utf8mb4" if self.engine.dialect == "mysql" else ""
                yield f"CREATE TABLE {self._named(table)} (\n  {body}\n){words}"

    def _state(self) -> dict[str, list[tuple[str, str]]]:
        short, long = self.engine.text, self.engine.long_text
        objects = [("name", f"{short} PRIMARY KEY")]
        words = ("kind", "view_name", "fingerprint", "statements", "standing", "server", "project")
        objects += [(n, short) for n in words]
        objects += [("grants", long), ("published_at", self.engine.time)]
        keys = {"metric", "view_name", "column_name"}
        metrics = [(n, _kind(n, short if n in keys else long)) for n in METRIC_COLUMNS]
        columns = [(n, _kind(n, short if n in keys else long)) for n in COLUMN_COLUMNS]
        sources = [("metric", short), ("source", short)]
        return {OBJECTS: objects, METRICS: metrics, COLUMNS: columns, SOURCES: sources}

    def forgotten(self, names: Iterable[str]) -> Iterator[str]:
        """What deletes records."""
        found = ", ".join(self._text(n) for n in names)
        if found:
            yield f"DELETE FROM {self._named(OBJECTS)} WHERE {self._quoted('name')} IN ({found})"

    def recorded(self, records: Sequence[Record]) -> Iterator[str]:
        """What writes records down; times are the engine's own."""
        rows = []
        for one in records:
            told = [one.name, one.kind, one.view, one.fingerprint, one.statements]
            told += [one.standing, one.server, self.project, _json(one.grants)]
            rows.append([*map(self._text, told), self.engine.now])
        yield from self._inserted(OBJECTS, rows)

    def catalogued(self, rows: Rows) -> Iterator[str]:
        """What puts rows of the catalogue in the place of those that are there."""
        every = ((METRICS, rows.metrics), (COLUMNS, rows.columns), (SOURCES, rows.sources))
        for table, values in every:
            yield f"DELETE FROM {self._named(table)}"
            dialect = self.engine.dialect
            yield from self._inserted(table, [[literal(v, dialect) for v in row] for row in values])

    def _inserted(self, table: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        for start in range(0, len(rows), _BATCH):
            some = ",\n  ".join(f"({', '.join(row)})" for row in rows[start : start + _BATCH])
            yield f"INSERT INTO {self._named(table)} VALUES\n  {some}"

    # ---------------------------------------------------------------------------------------- words

    def column(self, name: str) -> str:
        """A column as SQL."""
        return self._quoted(name)

    def word(self, text: str) -> str:
        """A text as SQL."""
        return self._text(text)

    def _named(self, relation: str) -> str:
        return self.engine.named(self.schema, relation)

    def _quoted(self, word: str) -> str:
        return name(word, dialect=self.engine.dialect)

    def _quoted_role(self, role: str) -> str:
        if role.upper() == "PUBLIC":
            return "PUBLIC"
        if self.engine.dialect != "mysql":
            return self._quoted(role)
        user, at, host = role.partition("@")
        return "@".join(self._text(part) for part in (user, *([host] if at else [])))

    def _text(self, value: str) -> str:
        return literal(value, self.engine.dialect)


def _kind(column: str, kind: str) -> str:
    return "INTEGER" if column in ("position", "version") else kind


def _json(values: Sequence[str]) -> str:
    import json

    return json.dumps(list(values))
