"""`kpilayer init --from DATA`: a project of drafts over files and tables that are already there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from kpilayer.cli.options import Session, parse_vars
from kpilayer.cli.output import counted
from kpilayer.errors import ConfigError, Issue, did_you_mean, listing
from kpilayer.propose.guess import Draft, draft, metrics_of
from kpilayer.propose.measure import Table, contained, measure, quoted, relations
from kpilayer.propose.text import model_file, scalar
from kpilayer.relation import split_relation
from kpilayer.sql.dialects.duckdb_files import READERS
from kpilayer.warehouse.connect import connect
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.profiles import Target, default_target, find_target

_DATABASE: Final = re.compile(r"(?P<file>.+\.(?:duckdb|ddb|db))(?::(?P<part>.+))?", re.I)
_RELATION: Final = re.compile(r"(?:(?P<schema>[^.\s/\\]+)\.)?(?P<name>[^.\s/\\]+)")


@dataclass(frozen=True, slots=True)
class Sources:
    """DATA by kind: files and globs, one DuckDB file, and names of tables in a connection."""

    files: tuple[str, ...] = ()
    database: Path | None = None
    wanted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """The files of a new project by path, and the drafts that they hold."""

    files: Mapping[str, str]
    drafts: tuple[Draft, ...] = field(default=())


def project_from_data(session: Session, folder: Path, name: str, data: Sequence[str]) -> Made:
    """A project over these data, measured now.

    Raises:
        ConfigError: something of DATA is not there, or is no data.
        WarehouseError: it cannot be read.
    """
    sources = classified(data)
    target = _target(session, folder, name, sources)
    with closing(connect(target, project_dir=folder)) as connection:
        tables = [_file(folder, text) for text in sources.files]
        if sources.database is not None or sources.wanted:
            tables += _tables(connection, target, sources)
        if not tables:
            raise _refused("there are no tables in DATA")
        facts = [measure(connection, table) for table in tables]
        drafts = draft(
            facts, lambda f, c, o, k: contained(connection, f.table, c.name, o.table, k.name)
        )
    files = dict(_settings(session, folder, name, sources))
    for each in drafts:
        files[f"models/{each.name}.yml"] = model_file(each, drafts)
    return Made(files, tuple(drafts))


# --------------------------------------------------------------------------------------- what it is


def classified(data: Sequence[str]) -> Sources:
    """DATA as given on the command line, by kind."""
    files: list[str] = []
    wanted: list[str] = []
    databases: set[Path] = set()
    for text in data:
        found = _DATABASE.fullmatch(text)
        if found is not None and Path(found["file"]).is_file():
            databases.add(Path(found["file"]).resolve())
            wanted.append(found["part"] or "*")
        elif _ending(text) in READERS:
            if not (_is_glob(text) or Path(text).is_file()):
                raise _refused(f"there is no file `{text}`")
            files.append(text)
        elif found is not None:
            raise _refused(f"there is no file `{found['file']}`")
        elif Path(text).exists() or not _RELATION.fullmatch(text):
            raise _refused(
                f"`{text}` is no data that can be read",
                f"files end in {listing(list(READERS))} or `duckdb`; tables are `schema.table`; "
                "the new project's folder stands before `--from`",
            )
        else:
            wanted.append(text)
    if len(databases) > 1 or (databases and len(wanted) > sum(map(_is_database, data))):
        raise _refused("a project runs on one database", "name tables of one, and files beside it")
    return Sources(
        tuple(dict.fromkeys(files)), next(iter(databases), None), tuple(dict.fromkeys(wanted))
    )


def _is_database(text: str) -> bool:
    found = _DATABASE.fullmatch(text)
    return found is not None and Path(found["file"]).is_file()


def _ending(text: str) -> str:
    return text.removesuffix(".gz").rsplit(".", 1)[-1].lower() if "." in text else ""


def _is_glob(text: str) -> bool:
    return bool(re.search(r"[*?\[]", text)) and not Path(text).is_file()


def _refused(message: str, hint: str | None = None) -> ConfigError:
    return ConfigError(Issue("bad-value", message, hint=hint))


# ----------------------------------------------------------------------------------- where it runs


def _target(session: Session, folder: Path, name: str, sources: Sources) -> Target:
    if sources.database is not None:
        settings = {"path": str(sources.database)}
        return Target(name, "dev", "duckdb", "duckdb", "main", settings, None)
    if not sources.wanted:
        return default_target(folder, name)
    if session.profile is None:
        tables = listing(list(sources.wanted))
        hint = "name a profile of profiles.yml: `--profile NAME`, and perhaps `--target NAME`"
        raise _refused(f"{tables} would be tables, and nothing says of which connection", hint)
    return find_target(
        project_dir=folder,
        project_name=name,
        profile=session.profile,
        target_flag=session.target,
        profiles_dir=Path(session.profiles_dir) if session.profiles_dir else None,
        variables=parse_vars(session.vars) if session.vars is not None else {},
    )


def _settings(
    session: Session, folder: Path, name: str, sources: Sources
) -> Iterator[tuple[str, str]]:
    head = f"# Drafts made by `kpilayer init --from`.\nname: {name}\n"
    if sources.database is not None:
        path = Path(os.path.relpath(sources.database, folder.resolve())).as_posix()
        yield "kpilayer.yml", f"{head}profile: {name}\n"
        yield (
            "profiles.yml",
            f"{name}:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n"
            f"      path: {scalar(path)}\n",
        )
    elif sources.wanted:
        yield "kpilayer.yml", f"{head}profile: {scalar(str(session.profile))}\n"
    else:
        yield "kpilayer.yml", head


# ------------------------------------------------------------------------------------------- tables


def _file(folder: Path, text: str) -> Table:
    reader = READERS[_ending(text)]
    place = (Path.cwd() / text).as_posix()
    literal = place.replace("'", "''")
    shown = Path(os.path.relpath(place, folder.resolve())).as_posix()
    if shown.startswith("../../../"):
        shown = place  # too far away to move together
    return Table(_title(text), ("path", shown), f"{reader}('{literal}')")


def _title(text: str) -> str:
    """What a file or glob is called: its name up to the first wildcard, else its folder's."""
    path = PurePosixPath(Path(text).as_posix())
    stem = path.name.removesuffix(".gz").rsplit(".", 1)[0]
    if _is_glob(text):
        stem = re.split(r"[*?\[]", stem)[0].strip("_-. ")
        plain = [p for p in path.parts[:-1] if not re.search(r"[*?\[]", p)]
        stem = stem or (plain[-1] if plain else "data")
    return stem


def _tables(connection: Connection, target: Target, sources: Sources) -> Iterator[Table]:
    """The tables that DATA names, in their order: `schema.table`, `schema.*`, `schema`, `table`."""
    known = relations(connection)
    if not known:
        raise _refused("the database has no tables")
    chosen: dict[tuple[str, str], None] = {}
    for text in sources.wanted:
        found = list(_matching(text, known, target.schema or "main"))
        if not found:
            names = [f"{schema}.{name}" for schema, name in known]
            hint = did_you_mean(text, names) or f"there is {listing(names)}"
            raise _refused(f"there is no table `{text}`", hint)
        chosen.update(dict.fromkeys(found))
    for schema, name in chosen:
        sql = f"{quoted(schema)}.{quoted(name)}"
        yield Table(name, ("relation", _relation_text(schema, name)), sql)


def _matching(
    text: str, known: Iterable[tuple[str, str]], default: str
) -> Iterator[tuple[str, str]]:
    parts = text.lower().split(".", 1)
    for schema, name in known:
        own = (schema.lower(), name.lower())
        alone = len(parts) == 1 and (parts[0] in ("*", own[0]) or (default.lower(), *parts) == own)
        if alone or (len(parts) == 2 and parts[0] == own[0] and parts[1] in ("*", own[1])):
            yield schema, name


def _relation_text(schema: str, name: str) -> str:
    """The name of a relation as short as it can be read: quotes only where they are needed."""
    plain = f"{schema}.{name}"
    if re.fullmatch(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*", plain):
        if split_relation(plain, "duckdb") == [schema, name]:
            return plain
    return f"{quoted(schema)}.{quoted(name)}"


# ------------------------------------------------------------------------------------------ summary


def summary(made: Made) -> Iterator[str]:
    """What was found, a line a table."""
    counts = {d.name: 0 for d in made.drafts}
    for each, _, _ in metrics_of(made.drafts):
        counts[each.name] += 1
    for each in made.drafts:
        keys = [g for g in each.guesses if g.role in ("primary", "unique")]
        joins = [g.name for g in each.guesses if g.role == "foreign"]
        parts = [
            counted(each.facts.rows, "row"),
            f"key {keys[0].column.name}" if keys else "no key",
            *([f"joins to {', '.join(joins)}"] if joins else []),
            counted(sum(g.role in ("time", "categorical") for g in each.guesses), "dimension"),
            counted(counts[each.name], "draft metric"),
        ]
        yield f"{each.name}: {', '.join(parts)}"


def first_question(made: Made) -> str:
    """Flags of a query that shows something at once."""
    with_time = [d for d in made.drafts if d.time is not None]
    chosen = max(with_time or made.drafts, key=lambda d: d.facts.rows)
    metric = next(name for d, g, name in metrics_of(made.drafts) if d is chosen and g is None)
    return f"-m {metric}" + (" -g metric_time__month" if chosen.time is not None else "")
