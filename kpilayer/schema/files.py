"""The schemas of the files beside definitions, and of any file at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kpilayer.load.typed import choices_of
from kpilayer.model.config import ProjectConfig
from kpilayer.model.kpi import Kpi
from kpilayer.model.lock import LockedColumn, LockedRelation
from kpilayer.schema.definitions import definitions
from kpilayer.schema.types import Schema, Shapes
from kpilayer.snippets import DIALECTS


def project() -> Schema:
    """The schema of kpilayer.yml. Beside a dbt project, that one's name is its name."""
    shapes = Shapes(templated=False)
    schema = shapes.mapping(ProjectConfig)
    fields = schema["properties"]
    fields["dialect"] = {
        "description": fields["dialect"]["description"],
        "default": fields["dialect"]["default"],
        "enum": list(DIALECTS),
    }
    parts = _kpi_parts()
    shapes.defs["KpiDefaults"]["properties"] = _defaults(shapes.defs["KpiDefaults"]["properties"])
    defs = {**parts, **shapes.defs}
    kept = {key: value for key, value in schema.items() if key != "required"}
    return {**kept, "title": "kpilayer.yml", "$defs": dict(sorted(defs.items()))}


def _defaults(fields: Schema) -> Schema:
    """Defaults of KPIs: for all of them, by kind and by function."""
    part: Schema = {"$ref": "#/$defs/KpiPart"}
    by: dict[str, Schema] = {
        "every": part,
        "kinds": {
            "type": "object",
            "properties": dict.fromkeys(choices_of(Kpi, "kind"), part),
            "additionalProperties": False,
        },
        "functions": {"type": "object", "additionalProperties": part},
    }
    return {key: {"description": fields[key]["description"], **by[key]} for key in by}


def _kpi_parts() -> dict[str, Schema]:
    """The schema of a part of a KPI, in which nothing has to be said, and of what it names."""
    shapes = Shapes()
    part = shapes.mapping(Kpi)
    part["title"], part["description"] = "part of a KPI", "What KPIs have that do not say it."
    part["properties"] = {
        key: inner for key, inner in part["properties"].items() if key not in ("name", "metric")
    }
    found = {**shapes.defs, "KpiPart": part}
    return {
        name: {key: value for key, value in schema.items() if key != "required"}
        for name, schema in found.items()
    }


def lock() -> Schema:
    """The schema of kpilayer.lock, which people read and do not write."""
    column = {
        "title": "column",
        "description": LockedColumn.__doc__,
        "type": "object",
        "properties": {
            "type": {"description": "Its type, as the warehouse spells it.", "type": "string"},
            "nullable": {"description": "Whether it may be NULL.", "type": "boolean"},
        },
        "required": ["type"],
    }
    relation = {
        "title": "relation",
        "description": LockedRelation.__doc__,
        "type": "object",
        "properties": {
            "columns": {
                "description": "Columns in order, by name.",
                "type": "object",
                "additionalProperties": column,
            },
            "keys": {
                "description": "Columns that the warehouse keeps unique together.",
                "type": "array",
                "items": {"type": "array", "items": {"type": "string"}},
            },
        },
        "required": ["columns"],
    }
    return {
        "title": "kpilayer.lock",
        "description": "Columns, types and keys of every relation, written by `kpilayer lock`.",
        "type": "object",
        "properties": {
            "dialect": {"description": "The warehouse's SQL dialect.", "type": "string"},
            "relations": {
                "description": "Tables, files and SQL models by the text that names them.",
                "type": ["object", "null"],
                "additionalProperties": relation,
            },
        },
        "required": ["dialect", "relations"],
    }


_VALUE: Final[Schema] = {"type": ["string", "number", "boolean", "null"]}
_LIST: Final[Schema] = {"type": ["array", "string", "null"]}
_WORD: Final[Schema] = {"type": ["string", "null"]}
#: What kpilayer reads of a target. Other keys are dbt's and its adapters'.
_SETTINGS: Final[Mapping[str, tuple[str, Schema]]] = {
    "schema": ("The schema of relations that name none.", _WORD),
    "dataset": ("BigQuery's word for schema.", _WORD),
    "path": ("DuckDB's file; relative to the folder of profiles.yml.", _WORD),
    "extensions": ("DuckDB extensions to load; they are never installed.", _LIST),
    "attach": ("Further DuckDB databases.", _LIST),
    "settings": ("DuckDB settings by name.", {"type": ["object", "null"]}),
    "host": ("The server.", _VALUE),
    "server": ("As `host`, for MySQL.", _VALUE),
    "unix_socket": ("The file by which a MySQL server on this machine is reached.", _VALUE),
    "port": ("The server's port.", _VALUE),
    "user": ("Who connects.", _VALUE),
    "username": ("As `user`.", _VALUE),
    "password": ("A secret: `{{ env_var('..') }}` keeps it out of the file.", _VALUE),
    "pass": ("As `password`.", _VALUE),
    "dbname": ("The database.", _VALUE),
    "database": ("As `dbname`.", _VALUE),
    "role": ("The role to take on.", _VALUE),
    "search_path": ("Schemas to look in.", _VALUE),
    "sslmode": ("Whether and how the connection is encrypted.", _VALUE),
    "sslcert": ("The client's certificate.", _VALUE),
    "sslkey": ("The client's key.", _VALUE),
    "sslrootcert": ("The certificates that the server's is checked against.", _VALUE),
    "ssl_ca": ("As `sslrootcert`, for MySQL.", _VALUE),
    "ssl_cert": ("As `sslcert`, for MySQL.", _VALUE),
    "ssl_key": ("As `sslkey`, for MySQL.", _VALUE),
    "ssl_disabled": ("Whether a MySQL connection is never encrypted.", _VALUE),
    "ssl_verify_cert": ("Whether a MySQL server's certificate is checked.", _VALUE),
    "ssl_verify_identity": ("Whether a MySQL server's name is checked.", _VALUE),
    "method": ("How Spark is reached: session (in this process) or connect.", _WORD),
    "master": ("Of a Spark session in this process: local[2], say.", _WORD),
    "catalog": ("Spark's catalog of relations that name none.", _WORD),
    "token": ("A secret of Spark Connect.", _VALUE),
    "use_ssl": ("Whether Spark Connect is encrypted.", _VALUE),
    "server_side_parameters": ("Spark settings by name.", {"type": ["object", "null"]}),
    "connect_timeout": ("Seconds to wait for the server.", _VALUE),
    "keepalives_idle": ("Seconds of silence before a sign of life.", _VALUE),
    "timeout_seconds": ("Seconds after which a statement is stopped; never by default.", _VALUE),
    "retries": (
        "How often a connection or a read that failed in passing is tried again; 2 by default.",
        _VALUE,
    ),
    "query_tag": (
        "Whether questions begin with a comment that names their metrics; true by default.",
        _VALUE,
    ),
}


def profiles() -> Schema:
    """The schema of profiles.yml: what kpilayer reads of it, as strict as that."""
    plain = ["clickhouse", "duckdb", "mysql", "postgres", "spark", "sqlite"]
    types = [*plain, *sorted(set(DIALECTS) - set(plain))]
    output = {
        "title": "target",
        "description": "A warehouse, and how to connect to it.",
        "type": "object",
        "properties": {
            "type": {
                "description": "The kind of warehouse, in dbt's words.",
                "anyOf": [{"enum": types}, {"type": "string", "minLength": 1}],
            },
            **{key: {"description": about, **takes} for key, (about, takes) in _SETTINGS.items()},
        },
        "required": ["type"],
    }
    profile = {
        "title": "profile",
        "description": "Targets, and which of them is meant where none is named.",
        "type": "object",
        "properties": {
            "target": {
                "description": "The target that is used where none is named.",
                "type": ["string", "null"],
            },
            "outputs": {
                "description": "Targets by name.",
                "type": "object",
                "additionalProperties": {"$ref": "#/$defs/Target"},
            },
        },
        "required": ["outputs"],
    }
    return {
        "title": "profiles.yml",
        "description": "Profiles by name, in dbt's format.",
        "type": "object",
        "properties": {"config": {"description": "dbt's; passed over."}},
        "additionalProperties": {"$ref": "#/$defs/Profile"},
        "$defs": {"Profile": profile, "Target": output},
    }


def union() -> Schema:
    """The schema of any file, told by its keys: a lock, profiles, the project, or definitions."""
    parts = {
        "Definitions": definitions(),
        "Lock": lock(),
        "Profiles": profiles(),
        "Project": project(),
    }
    defs: dict[str, Any] = {}
    for name, part in parts.items():
        defs |= part.pop("$defs", {})
        defs[name] = part
    has_outputs = {"type": "object", "required": ["outputs"]}
    is_profiles = {
        "minProperties": 1,
        "properties": {"config": True},
        "additionalProperties": has_outputs,
    }
    return {
        "title": "kpilayer",
        "description": "Any file of a project.",
        **_if({"required": ["relations"]}, "Lock")
        | {
            "else": _if(is_profiles, "Profiles")
            | {"else": _if({"required": ["name"]}, "Project") | {"else": _ref("Definitions")}}
        },
        "$defs": dict(sorted(defs.items())),
    }


def _if(condition: Schema, then: str) -> Schema:
    return {"if": {"type": "object", **condition}, "then": _ref(then)}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
