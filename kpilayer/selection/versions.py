"""What a project is compared with: a manifest, a project in another folder, or one in git."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kpilayer.catalog import Catalog, resolve
from kpilayer.check import RULES, Context
from kpilayer.errors import ConfigError, DefinitionError, Issue
from kpilayer.identity import Identity
from kpilayer.join_graph import JoinGraph
from kpilayer.load.approvals import approvals_in
from kpilayer.load.files import DBT_FILE, PROJECT_FILE
from kpilayer.load.layout import Layout, read_layout
from kpilayer.load.lock_file import lock_in
from kpilayer.load.project import load_definitions
from kpilayer.load.snapshot import SNAPSHOT, restored
from kpilayer.load.template import TargetInfo
from kpilayer.model.approval import Approval
from kpilayer.model.config import ProjectConfig
from kpilayer.selection.git import Extracted, project_at
from kpilayer.selection.state import MANIFEST, State, manifest_in, read_manifest, state_of


@dataclass(frozen=True, slots=True)
class Side:
    """A project read whole, somewhere and at some time; ``commit`` where it stands in git.

    ``doubts`` are sentences on what could not be read of it.
    """

    shown: str
    identity: Identity
    doubts: tuple[str, ...] = ()
    commit: str = ""
    approvals: tuple[Approval, ...] = ()

    @property
    def catalog(self) -> Catalog:
        """Its definitions, resolved."""
        return self.identity.catalog


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
        folder = Path(where)
        if not where.startswith("git:") and not _is_project(folder):
            path = manifest_in(folder)
            if path is None:
                message = f"there is neither {PROJECT_FILE} nor a manifest of kpilayer in `{where}`"
                hint = "`kpilayer compile` writes target/kpilayer/; `git:REF` is a commit"
                raise ConfigError(Issue("no-project", message, None, hint))
            return read_manifest(path, where)
        side = self.whole(where)
        state = state_of(side.catalog, side.identity, where)
        return replace(state, doubts=side.doubts)

    def whole(self, where: str, shown: str | None = None) -> Side:
        """The project in a folder, or this one at `git:REF`, read with the same.

        ``shown`` is what it is called in messages.

        Raises:
            ConfigError: there is none, or it cannot be read.
            DefinitionError: its definitions have errors.
        """
        if not where.startswith("git:"):
            return self._of_folder(Path(where), shown or where)
        ref = where.removeprefix("git:")
        dbt, manifest = self.config.dbt_project, self.config.dbt_manifest
        around = self.root if dbt is None else (self.root / dbt).resolve()
        generated = () if manifest is None else (manifest,)  # commits seldom hold it
        with project_at(self.root, ref, around=around, generated=generated) as made:
            if not _is_project(made.folder):
                message = f"there is no {PROJECT_FILE} at `{where}`"
                raise ConfigError(Issue("no-project", message))
            return self._load(made.folder, shown or where, made)

    def _of_folder(self, folder: Path, shown: str) -> Side:
        """A project in a folder, or what `kpilayer compile` has kept of one."""
        if _is_project(folder):
            return self._load(folder, shown)
        manifest = folder if folder.name == MANIFEST else manifest_in(folder)
        if manifest is None:
            message = f"there is neither {PROJECT_FILE} nor a manifest of kpilayer in `{shown}`"
            hint = "`kpilayer compile` writes target/kpilayer/; a reference of git compares with it"
            raise ConfigError(Issue("no-project", message, None, hint))
        with restored(manifest.parent / SNAPSHOT) as made:
            return self._load(made, shown)

    def _load(self, folder: Path, shown: str, made: Extracted | None = None) -> Side:
        try:
            layout = read_layout(folder, os.environ)
        except ConfigError as error:
            raise ConfigError(_of_state(error.issues, shown)) from error
        doubts: tuple[str, ...] = ()
        if made is not None:
            layout = _with_packages(layout, self.root)
            doubts = tuple(_left_out(layout, made, shown))
        variables = {**layout.variables, **self.variables}
        definitions, issues = load_definitions(layout, self.target, variables, os.environ)
        lock, unread = lock_in(layout.root)  # types say which times are instants
        approvals, unapproved = approvals_in(layout.root)
        catalog, unresolved = resolve(definitions, lock)
        graph = JoinGraph(catalog)
        found = [
            *issues,
            *unread,
            *unapproved,
            *unresolved,
            *(i for rule in RULES for i in rule(Context(graph, None))),
        ]
        errors = [issue for issue in found if issue.severity == "error"]
        if errors:
            raise DefinitionError(_of_state(errors, shown, doubts))
        return Side(shown, Identity(graph), doubts, made.commit if made else "", approvals)


def _is_project(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (PROJECT_FILE, DBT_FILE))


def _with_packages(layout: Layout, root: Path) -> Layout:
    """With the packages installed in ``root`` where a commit holds none, as few do."""
    dbt = layout.dbt
    if dbt is None or (dbt.folder / dbt.packages_path).exists():
        return layout
    installed = root / os.path.relpath(dbt.folder / dbt.packages_path, layout.root)
    return replace(layout, dbt=replace(dbt, packages_path=str(installed.resolve())))


def _left_out(layout: Layout, made: Extracted, shown: str) -> Iterator[str]:
    """A sentence on each git submodule in which definitions or macros may be."""
    config = layout.config
    folders = [Path(p) for p in (*config.model_paths, *config.metric_paths, *config.macro_paths)]
    for name in made.submodules:
        path = Path(name)
        if any(path.is_relative_to(f) or f.is_relative_to(path) for f in folders):
            yield f"the git submodule `{name}` is left out of `{shown}`"


def _of_state(issues: Sequence[Issue], shown: str, doubts: Sequence[str] = ()) -> list[Issue]:
    """Issues at places that cannot be taken for those of the project that is compared."""
    name = shown.removeprefix("git:")
    there = [
        replace(issue, location=replace(issue.location, path=f"{name}:{issue.location.path}"))
        if issue.location
        else issue
        for issue in issues
    ]
    message = f"the state `{shown}` does not compile"
    return [Issue("bad-value", message, None, "; ".join(doubts) or None), *there]
