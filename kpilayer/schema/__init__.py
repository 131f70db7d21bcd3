"""JSON Schema (2020-12) of every kind of file, made from the types that read them.

An editor completes, explains and checks a file with it while it is written. A schema accepts every
file that kpilayer accepts, and refuses what can be refused without looking at another file: unknown
keys, values of the wrong kind, required keys that are missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from kpilayer.schema.definitions import definitions
from kpilayer.schema.files import lock, profiles, project, union
from kpilayer.schema.types import Schema

__all__ = ["FILES", "Schema", "SchemaFile", "schema_of"]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


class SchemaFile(NamedTuple):
    """A kind of file: what it is, and what makes its schema."""

    about: str
    make: Callable[[], Schema]


#: Every kind of file by its word; `kpilayer` is any of them.
FILES: Final[dict[str, SchemaFile]] = {
    "kpilayer": SchemaFile("any file of a project", union),
    "project": SchemaFile("kpilayer.yml", project),
    "definitions": SchemaFile("models, metrics, saved queries, exposures, groups", definitions),
    "lock": SchemaFile("kpilayer.lock", lock),
    "profiles": SchemaFile("profiles.yml", profiles),
}


def schema_of(kind: str) -> Schema:
    """The JSON Schema of a kind of file.

    >>> schema_of("project")["title"]
    'kpilayer.yml'
    """
    return {"$schema": DRAFT, **FILES[kind].make()}
