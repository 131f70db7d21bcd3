"""Facts of the library to what a project has: semantic models, or tables that get one.

A name counts where somebody said it or where it is the same on both sides; nothing else is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kpilayer.catalog import Catalog
from kpilayer.errors import Issue
from kpilayer.library.entries import PLACE, Fact, FactColumn, Library
from kpilayer.library.text import scalar
from kpilayer.model.semantic_model import Model
from kpilayer.relation import split_relation
from kpilayer.snippets import shown

#: Columns of a table or view by its name; None where it is not there, none where nobody can tell.
Columns = Callable[[str], Sequence[str] | None]
#: What stands for a fact, or for a column of one; None where nobody says it.
Ask = Callable[[Fact, FactColumn | None, str], str | None]
CODE: Final = "unmapped-fact"
_PATH: Final = re.compile(r"[a-z][a-z0-9_]*__[a-z0-9_]+")
#: Column names that mean something else without quotes.
_RESERVED: Final = frozenset(
    ("user", "order", "group", "end", "from", "to", "select", "table", "case", "when", "limit")
)
_CALLED: Final = "source"  # how a table is called in the SQL of a column


@dataclass(frozen=True, slots=True)
class Placed:
    """A fact as a project has it: a semantic model of the project, or a table that gets one.

    ``columns`` are the names or SQL that stand for its columns, and ``taken`` says which of them,
    or of the place itself, nobody said: they are called the same on both sides.
    """

    fact: Fact
    model: str
    table: str | None
    columns: Mapping[str, str]
    taken: tuple[str, ...] = ()

    @property
    def is_renamed(self) -> bool:
        """Whether a table has columns under other names, or made of others."""
        return any(text != name for name, text in self.columns.items())


@dataclass(frozen=True)
class Places:
    """All facts that are needed, and how their columns are spelled in each part of a metric."""

    placed: Mapping[str, Placed]
    catalog: Catalog
    problems: list[Issue] = field(default_factory=list)

    def model(self, fact: str) -> str:
        """The semantic model of a fact."""
        return self.placed[fact].model

    def sql(self, fact: str, column: str) -> str:
        """A column as SQL over the rows of its model."""
        place = self.placed[fact]
        if place.table is not None:
            return column
        text, model = place.columns[column], self.catalog.models[place.model]
        named = model.dimension(text) or model.entity(text)
        if named is None and _PATH.fullmatch(text):
            self._wants(place, column, f"`{text}` is no column of `{place.model}`")
        return _sql_of(named.sql) if named is not None else text

    def dimension(self, fact: str, column: str) -> str:
        """A column as a dimension of its own model."""
        place = self.placed[fact]
        if place.table is not None:
            return column
        text, model = place.columns[column], self.catalog.models[place.model]
        found = model.dimension(text)
        is_time = place.fact.columns[column].role == "time"
        if found is None or (is_time and found.type != "time"):
            kind = "time dimension" if is_time else "dimension"
            self._wants(place, column, f"`{place.model}` has no {kind} `{text}`")
        elif found.granularity is not None and place.fact.columns[column].grain == "month":
            if found.granularity != "month":
                self._wants(place, column, f"`{text}` of `{place.model}` knows more than months")
        return text

    def address(self, fact: str, column: str) -> str:
        """A column as a group-by name that works from every metric."""
        place = self.placed[fact]
        if place.table is None and "__" in place.columns[column]:
            return place.columns[column]
        return f"{self._row(place)}__{self.dimension(fact, column)}"

    def entity(self, fact: str, column: str) -> str:
        """A column as an entity of its model."""
        place = self.placed[fact]
        if place.table is not None:
            return place.fact.columns[column].entity
        text, model = place.columns[column], self.catalog.models[place.model]
        for entity in model.entities:
            if text in (entity.name, shown(entity.sql)):
                return entity.name
        self._wants(place, column, f"`{place.model}` has no entity `{text}`")
        return text

    def time(self, fact: str) -> str | None:
        """The dimension that a metric over a fact has to name, where its model has another time."""
        place = self.placed[fact]
        first = next((c.name for c in place.fact.columns.values() if c.role == "time"), None)
        if place.table is not None or first is None or first not in place.columns:
            return None
        wanted = self.dimension(fact, first)
        return None if self.catalog.models[place.model].agg_time_dimension == wanted else wanted

    def _row(self, place: Placed) -> str:
        if place.table is not None:
            return row_of(place)
        model = self.catalog.models[place.model]
        own = next((e.name for e in model.entities if e.type == "primary"), model.primary_entity)
        return own or place.model

    def _wants(self, place: Placed, column: str, message: str) -> None:
        meaning = place.fact.columns[column].meaning
        hint = f"declare it, or say which one it is: `--map {place.fact.name}.{column}=NAME`"
        self.problems.append(Issue(CODE, f"{message} ({meaning})", hint=hint))


def _sql_of(text: str) -> str:
    """What a model says of a column, as SQL that people read; quoted where it is a word of SQL."""
    name = shown(text)
    return f'"{name}"' if name != text and name in _RESERVED else name


def row_of(place: Placed) -> str:
    """The primary entity of a model that is written for a fact."""
    keys = [c.entity for c in place.fact.columns.values() if c.role == "key"]
    return next((k for k in keys if f"{k}_id" in place.columns), place.fact.row)


def mapped(
    library: Library,
    needed: Mapping[str, tuple[str, ...]],
    said: Mapping[str, str],
    catalog: Catalog,
    tables: Columns,
    ask: Ask,
) -> tuple[Places, list[Issue]]:
    """The facts that are needed at their places, and what is missing.

    ``needed`` are columns by fact; ``said`` are names or SQL by `fact` and `fact.column`.
    """
    placed: dict[str, Placed] = {}
    issues: list[Issue] = []
    for name, columns in needed.items():
        found = _place(library.facts[name], columns, said, catalog, tables, ask, issues)
        if found is not None:
            placed[name] = found
    return Places(placed, catalog), issues


def _place(
    fact: Fact,
    needed: tuple[str, ...],
    said: Mapping[str, str],
    catalog: Catalog,
    tables: Columns,
    ask: Ask,
    issues: list[Issue],
) -> Placed | None:
    name, taken = said.get(fact.name), []
    if name is None and (fact.name in catalog.models or tables(fact.name)):
        name = fact.name
        taken.append(fact.name)
    if name is None:
        name = ask(fact, None, "")
    if name is None:
        hint = f"`--map {fact.name}=MODEL` names a semantic model, or a table that gets one"
        issues.append(Issue(CODE, f"nothing here is `{fact.name}`: {fact.grain}", hint=hint))
        return None
    model = catalog.models.get(name)
    if model is None and (wrong := _unfit(fact, name, catalog)) is not None:
        issues.append(wrong)
        return None
    known = _known(model, catalog, tables) if model is not None else tables(name)
    if model is None and known is None and name not in catalog.queries:
        message = f"there is neither a semantic model nor a table `{name}` to be `{fact.name}`"
        issues.append(Issue(CODE, message, hint="the table is looked for in the target"))
        return None
    wanted = dict.fromkeys(needed)
    if model is None:  # what is there beside is written down at once, for KPIs to come
        wanted |= dict.fromkeys(fact.columns)
    columns: dict[str, str] = {}
    for column in fact.columns:
        if column not in wanted:
            continue
        text = _column(fact, column, said, known or (), columns, model is None, taken)
        if text is None and column not in needed:
            continue
        if text is None:
            text = ask(fact, fact.columns[column], name)
        if text is None:
            issues.append(_missing(fact, column, name))
        else:
            is_word = text in _RESERVED and text in (known or ())
            columns[column] = f'"{text}"' if is_word and model is None else text
    return Placed(fact, name if model is not None else fact.name, None if model else name,
                  columns, tuple(taken))  # fmt: skip


def _column(
    fact: Fact,
    column: str,
    said: Mapping[str, str],
    known: Iterable[str],
    before: Mapping[str, str],
    is_table: bool,
    taken: list[str],
) -> str | None:
    """The name or SQL of a column: as somebody said, else the same name, else made of others."""
    if (text := said.get(f"{fact.name}.{column}")) is not None:
        return text
    if _same(column, known):
        taken.append(f"{fact.name}.{column}")
        return column
    default = fact.columns[column].default
    if not is_table or default is None:
        return None
    used = [match[1] for match in PLACE.finditer(default)]
    if any(one not in before for one in used):
        return None
    return PLACE.sub(lambda match: before[match[1]], default)


def _missing(fact: Fact, column: str, name: str) -> Issue:
    meaning = fact.columns[column].meaning
    message = f"`{name}` has no `{column}` to be that of `{fact.name}`: {meaning}"
    hint = f"`--map {fact.name}.{column}=COLUMN`, or SQL over its columns"
    return Issue(CODE, message, hint=hint)


def _unfit(fact: Fact, name: str, catalog: Catalog) -> Issue | None:
    """Why a table cannot get a semantic model of the fact's name."""
    if not split_relation(name, catalog.dialect):
        hint = f"`--map {fact.name}=schema.table`"
        return Issue(CODE, f"`{name}` is no name of a model or table", hint=hint)
    if fact.name in catalog.models:
        message = f"there is a semantic model `{fact.name}`, so that `{name}` cannot become it"
        return Issue(CODE, message, hint=f"`--map {fact.name}={fact.name}` uses the one there is")
    return None


def _known(model: Model, catalog: Catalog, tables: Columns) -> tuple[str, ...]:
    """Every name that means something over the rows of a model."""
    found = [c.name for c in model.columns]
    found += [d.name for d in model.dimensions]
    found += [name for e in model.entities for name in (e.name, shown(e.sql))]
    relation = catalog.relation(model.name)
    locked = catalog.lock.relations.get(relation.key) if catalog.lock else None
    if locked is not None:
        return (*found, *(column.name for column in locked.columns))
    return (*found, *(tables(relation.key) or ())) if relation.kind == "table" else tuple(found)


def _same(column: str, known: Iterable[str]) -> bool:
    return column in (name.lower() for name in known)


def model_text(place: Placed) -> tuple[str, str | None]:
    """The YAML of a semantic model for a table, and its SQL where columns are renamed."""
    assert place.table is not None, "a model that is there is not written"
    fact, row = place.fact, row_of(place)
    held = [fact.columns[name] for name in place.columns]
    is_keyed = any(c.role == "key" for c in held)
    first = next((c.name for c in held if c.role == "time"), None)
    lines = [
        "# From the KPI library: a draft. Check above all what one row is.",
        "models:",
        f"  - name: {fact.name}",
        f"    description: {scalar(_sentence(fact.grain))}",
        "    semantic_model: true",
        *([] if place.is_renamed else [f"    relation: {_quoted(place.table)}"]),
        *([] if is_keyed else [f"    primary_entity: {row}"]),
        *([f"    agg_time_dimension: {first}"] if first is not None else []),
    ]
    columns = [line for column in held for line in _column_lines(column)]
    lines += ["    columns:", *columns] if columns else []
    return "\n".join(lines) + "\n", _select(place) if place.is_renamed else None


def _column_lines(column: FactColumn) -> Iterator[str]:
    yield f"      - name: {column.name}"
    yield f"        description: {scalar(_sentence(column.meaning))}"
    match column.role:
        case "key":
            yield f"        entity: {{type: primary, name: {column.entity}}}"
        case "entity":
            yield f"        entity: {{type: foreign, name: {column.entity}}}"
        case "time":
            yield f"        granularity: {column.grain}"
            yield "        dimension: time"
        case "attribute":
            yield "        dimension: categorical"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _select(place: Placed) -> str:
    columns = [
        name if text == name else f"{text} AS {name}" for name, text in place.columns.items()
    ]
    listed = ",\n".join(f"  {one}" for one in columns)
    name = str(place.table)
    table = f"{{{{ ref('{name}') }}}}" if re.fullmatch(r"[a-z][a-z0-9_]*", name) else name
    return (
        f"-- {place.fact.name} of the KPI library: {place.fact.grain}\n"
        f"SELECT\n{listed}\nFROM {table} AS {_CALLED}\n"
    )


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_.]*", name) else "'" + name.replace("'", "''") + "'"
