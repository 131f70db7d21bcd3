"""What a project is compared with: a manifest, a project in another folder, or one in git."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kpilayer.catalog import resolve
from kpilayer.check import RULES, Context
from kpilayer.errors import ConfigError, DefinitionError, Issue
from kpilayer.identity import Identity
from kpilayer.join_graph import JoinGraph
from kpilayer.load.files import DBT_FILE, PROJECT_FILE
from kpilayer.load.layout import read_layout
from kpilayer.load.project import load_definitions
from kpilayer.load.template import TargetInfo
from kpilayer.model.config import ProjectConfig
from kpilayer.selection.git import project_at
from kpilayer.selection.state import State, manifest_in, read_manifest, state_of


@dataclass(frozen=True, slots=True)
class Version:
    """A project on disk, and what its definitions are read with: the target, given variables."""

    root: Path
    config: ProjectConfig
    target: TargetInfo
    variables: Mapping[str, Any]

    def before(self, where: str) -> State:
        """The state in a folder, or of this project at `git:REF`, read with the same.

        Raises:
            ConfigError: there is nothing to compare with, or it cannot be read.
            DefinitionError: its definitions have errors.
        """
        if where.startswith("git:"):
            ref = where.removeprefix("git:")
            dbt, manifest = self.config.dbt_project, self.config.dbt_manifest
            around = self.root if dbt is None else (self.root / dbt).resolve()
            generated = () if manifest is None else (manifest,)  # commits seldom hold it
            with project_at(self.root, ref, around=around, generated=generated) as folder:
                if not _is_project(folder):
                    message = f"there is no {PROJECT_FILE} at `{where}`"
                    raise ConfigError(Issue("no-project", message))
                return self._load(folder, where)
        folder = Path(where)
        if _is_project(folder):
            return self._load(folder, where)
        path = manifest_in(folder)
        if path is None:
            message = f"there is neither {PROJECT_FILE} nor a manifest of kpilayer in `{where}`"
            hint = "`kpilayer compile` writes target/kpilayer/; `git:REF` compares with a commit"
            raise ConfigError(Issue("no-project", message, None, hint))
        return read_manifest(path, where)

    def _load(self, folder: Path, shown: str) -> State:
        try:
            layout = read_layout(folder, os.environ)
        except ConfigError as error:
            raise ConfigError(_of_state(error.issues, shown)) from error
        variables = {**layout.variables, **self.variables}
        definitions, issues = load_definitions(layout, self.target, variables, os.environ)
        catalog, unresolved = resolve(definitions)
        graph = JoinGraph(catalog)
        found = [*issues, *unresolved, *(i for rule in RULES for i in rule(Context(graph, None)))]
        errors = [issue for issue in found if issue.severity == "error"]
        if errors:
            raise DefinitionError(_of_state(errors, shown))
        return state_of(catalog, Identity(graph), shown)


def _is_project(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (PROJECT_FILE, DBT_FILE))


def _of_state(issues: Sequence[Issue], shown: str) -> list[Issue]:
    """Issues at places that cannot be taken for those of the project that is compared."""
    name = shown.removeprefix("git:")
    there = [
        replace(issue, location=replace(issue.location, path=f"{name}:{issue.location.path}"))
        if issue.location
        else issue
        for issue in issues
    ]
    return [Issue("bad-value", f"the state `{shown}` does not compile"), *there]
