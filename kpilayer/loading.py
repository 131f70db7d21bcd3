"""What `Project.load` reads besides definitions: the target, what templates are told, the lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kpilayer.catalog import Catalog, resolve
from kpilayer.errors import ConfigError, Issue, Location, did_you_mean, sorted_issues
from kpilayer.load.dbt.manifest import made_for
from kpilayer.load.layout import Layout
from kpilayer.load.lock_file import lock_in
from kpilayer.load.project import load_definitions
from kpilayer.load.template import TargetInfo
from kpilayer.model.lock import Lock
from kpilayer.snippets import DIALECTS
from kpilayer.warehouse.connect import wrap
from kpilayer.warehouse.profiles import NoProfiles, Target, find_target, unconnected


@dataclass(frozen=True, slots=True)
class Loaded:
    """A project as it was read: definitions, what is wrong with them, and where they run."""

    target: Target
    dialect: str
    catalog: Catalog
    lock: Lock | None
    issues: tuple[Issue, ...]


def read(
    layout: Layout,
    given: Mapping[str, Any],
    asked: tuple[str | None, str | None, str | Path | None],
    connection: object | None,
    dialect: str | None,
    environ: Mapping[str, str],
) -> Loaded:
    """The definitions of a project, rendered and resolved for a target.

    ``given`` are values for `var()`; ``asked`` names profile, target and the folder of profiles.

    Raises:
        ConfigError: the profile or the dialect cannot be used.
    """
    variables = {**layout.variables, **given}
    if connection is not None:
        target = target_of_connection(connection)
    else:
        target = target_of(layout, variables, *asked)
    spoken = dialect_of(dialect, target)
    definitions, issues = load_definitions(layout, told(target), variables, environ)
    lock, lock_issues = lock_in(layout.root)
    catalog, unresolved = resolve(definitions, lock)
    away = [replace(issue, severity="warning") for issue in target.missing]
    away += places_of_another(layout, target)
    found = tuple(sorted_issues([*away, *issues, *unresolved, *lock_issues]))
    return Loaded(target, spoken, catalog, lock, found)


def target_of(
    layout: Layout,
    variables: Mapping[str, Any],
    profile: str | None,
    target: str | None,
    profiles_dir: str | Path | None,
) -> Target:
    """The target that was asked for; one without a connection where only dbt names a profile.

    Without its profiles.yml, a dbt project can still be checked and compiled.

    Raises:
        ConfigError: the profile cannot be used.
    """
    config = layout.config
    try:
        return find_target(
            project_dir=layout.profile_folder,
            project_name=config.name,
            profile=config.profile,
            profile_flag=profile,
            target_flag=target,
            profiles_dir=Path(profiles_dir) if profiles_dir is not None else None,
            variables=variables,
        )
    except NoProfiles as error:
        is_dbts = layout.dbt is not None and config.profile == layout.dbt.profile
        if profile or target or profiles_dir or not is_dbts:
            raise
        return unconnected(error, config.profile or "", config.dialect)


def target_of_connection(connection: object) -> Target:
    """The target that an open connection is."""
    dialect = wrap(connection).dialect
    return Target("", "connection", dialect, dialect, None, {}, None)


def dialect_of(asked: str | None, target: Target) -> str:
    """The dialect of compiled SQL: the one asked for, else the target's.

    Raises:
        ConfigError: no dialect has this name.
    """
    spoken = (asked or target.dialect).lower()
    if asked is not None and spoken not in DIALECTS:
        hint = did_you_mean(spoken, DIALECTS)
        raise ConfigError(Issue("bad-value", f"`{spoken}` is not a dialect", None, hint))
    return spoken


def told(target: Target) -> TargetInfo:
    """What templates are told of the target: names, and nothing that connects."""
    known = (target.settings.get(key) for key in ("database", "dbname", "project", "catalog"))
    database = next((str(value) for value in known if value), "")
    if not database and target.dialect == "duckdb":
        database = Path(str(target.settings.get("path") or "memory")).stem  # as DuckDB names it
    return TargetInfo(target.name, target.schema or "", target.type, database)


def places_of_another(layout: Layout, target: Target) -> list[Issue]:
    """Whether dbt's manifest was made for another target than the one that is asked."""
    manifest = layout.manifest
    other = made_for(manifest, target.schema or "", target.beside) if manifest else None
    if manifest is None or other is None:
        return []
    message = f"the manifest was made for target `{other[0]}` (schema `{other[1]}`): rows are read "
    message += f"there, and not from `{target.name}` (schema `{target.schema}`)"
    hint = f"run `dbt parse --target {target.name}`"
    return [Issue("bad-manifest", message, Location(manifest.path), hint, "warning")]
