"""Which files make a project: kpilayer.yml, a dbt project, both, or one JSON file that dbt wrote.

Where there is no kpilayer.yml, the nearest dbt_project.yml makes the project. With both,
kpilayer.yml wins key by key; it may lie in the dbt project's folder or name it (`dbt_project:`).
A path to a `semantic_manifest.json` or `manifest.json` is a project by itself.

Issues: ``no-project``, ``bad-manifest``, those of the two files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from kpilayer.errors import ConfigError, Issue, Location, did_you_mean
from kpilayer.load.dbt.manifest import PARSE, DbtManifest, dialect_of, read_manifest
from kpilayer.load.dbt.project import DbtProject, read_dbt_project
from kpilayer.load.decode import decode_config
from kpilayer.load.document import Document
from kpilayer.load.files import (
    DBT_FILE,
    PROJECT_FILE,
    Folders,
    find_above,
    find_root,
    read_text,
    read_texts,
    shown_from,
)
from kpilayer.load.reader import read_yaml
from kpilayer.load.template import Dbt
from kpilayer.model.config import ProjectConfig
from kpilayer.model.definitions import Kind
from kpilayer.snippets import DIALECTS

DIALECT: Final = "duckdb"  # of definitions, where nothing says another
_SWITCHED: Final[dict[Kind, str]] = {
    "metric": "metrics",
    "model": "semantic-models",
    "saved_query": "saved-queries",
    "exposure": "exposures",
}
_ADAPTERS: Final = {"tsql": "sqlserver"}  # dbt's word, where it differs


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a project's definitions are. ``issues`` break nothing by themselves."""

    root: Path
    config: ProjectConfig
    dbt: DbtProject | None = None
    manifest: DbtManifest | None = None
    issues: tuple[Issue, ...] = ()
    is_dialect_given: bool = True
    """Whether anything says in which dialect the definitions are written."""
    places: Mapping[str, Location] = field(default_factory=dict)
    """Where each folder to look into is named."""

    @property
    def variables(self) -> dict[str, Any]:
        """Values for `var()`: kpilayer.yml's over dbt's."""
        return {**(self.dbt.variables if self.dbt else {}), **self.config.vars}

    @property
    def profile_folder(self) -> Path:
        """Where profiles.yml is looked for and its relative paths start: beside what names it."""
        profile = self.config.profile
        ours = self.dbt is None or profile is None or profile != self.dbt.profile
        return self.root if ours or self.dbt is None else self.dbt.folder

    @property
    def dbt_target(self) -> Path:
        """Where dbt writes what it makes."""
        return self.dbt.folder / self.dbt.target_path if self.dbt else self.root / "target"

    def is_enabled(self, kind: Kind, path: str) -> bool:
        """Whether dbt_project.yml leaves definitions of a kind in a file switched on."""
        word = _SWITCHED.get(kind)
        return self.dbt is None or word is None or self.dbt.is_enabled(word, self.root / path)

    @property
    def folders(self) -> Folders:
        """Where its files are."""
        dbt, config = self.dbt, self.config
        apart = (dbt.folder / dbt.packages_path, dbt.folder / dbt.target_path) if dbt else ()
        return Folders(
            self.root,
            config.model_paths,
            config.metric_paths,
            config.macro_paths,
            inside=(dbt.folder,) if dbt else (),
            apart=apart,
            rendered_elsewhere=tuple(dbt.folder / p for p in dbt.model_paths) if dbt else (),
            places=self.places,
        )

    def for_templates(self, docs: Mapping[str, str]) -> Dbt:
        """What templates get of the dbt project."""
        adapter = _ADAPTERS.get(self.config.dialect, self.config.dialect)
        if self.dbt is None:
            return Dbt(adapter=adapter, docs=docs)
        if self.manifest and dialect_of(self.manifest.adapter_type) == self.config.dialect:
            adapter = self.manifest.adapter_type
        packages = {
            name: partial(_macros_of, folder, self.root)
            for name, folder in self.dbt.packages().items()
        }
        return Dbt(self.dbt.name, adapter, docs, packages, self.dbt.search_order)


def read_layout(path: Path, environ: Mapping[str, str]) -> Layout:
    """The project in a folder or one above it, or that a JSON file is.

    Raises:
        ConfigError: there is none, or its files cannot be used.
    """
    if path.suffix == ".json" and not path.is_dir():
        if not path.is_file():
            raise ConfigError(Issue("no-project", f"there is no file `{path}`", hint=PARSE))
        return _artefact(path.resolve(), environ)
    root = find_root(path)
    if not (root / PROJECT_FILE).is_file():
        dbt = read_dbt_project(root, root, environ)
        alone = {**_defaults(dbt, root), "metric-paths": []}
        return _with_manifest(root, _document(DBT_FILE, alone), dbt)
    document = _project_file(root)
    data: dict[str, Any] = document.data if isinstance(document.data, dict) else {}
    folder, named = root, data.get("dbt_project")
    if isinstance(named, str):
        folder = (root / named).resolve()
        if not (folder / DBT_FILE).is_file():
            message = f"there is no {DBT_FILE} in `{named}`"
            raise ConfigError(Issue("no-project", message, document.at(("dbt_project",))))
    if not (folder / DBT_FILE).is_file() or not data:
        return _with_manifest(root, document, None)
    dbt = read_dbt_project(folder, root, environ)
    whole = {**_defaults(dbt, root), **data}
    return _with_manifest(root, replace(document, data=whole), dbt)


def _artefact(file: Path, environ: Mapping[str, str]) -> Layout:
    """A project whose definitions are one file of dbt's target folder."""
    folder = find_above(file.parent, DBT_FILE)
    root = folder or file.parent
    dbt = read_dbt_project(folder, root, environ) if folder else None
    beside = file.parent / "manifest.json"
    data: dict[str, object] = {
        **(_defaults(dbt, root) if dbt else {"name": "project", "macro-paths": []}),
        "model-paths": [shown_from(root, file)],
        "metric-paths": [],
    }
    if beside.is_file():
        data["dbt_manifest"] = shown_from(root, beside)
    return _with_manifest(root, _document(shown_from(root, file), data), dbt)


def _defaults(dbt: DbtProject, root: Path) -> dict[str, object]:
    """What dbt_project.yml says, in the words of kpilayer.yml."""

    def seen(path: str) -> str:
        return shown_from(root, dbt.folder / path)

    found: dict[str, object] = {
        "name": dbt.legal_name,
        "model-paths": [seen(p) for p in dbt.model_paths],
        "macro-paths": [seen(p) for p in dbt.macro_paths],
    }
    if dbt.profile is not None:
        found["profile"] = dbt.profile
    if (dbt.folder / dbt.target_path / "manifest.json").is_file():
        found["dbt_manifest"] = seen(f"{dbt.target_path}/manifest.json")
    return found


def _document(path: str, data: Mapping[str, object]) -> Document:
    """Data that stands in no file as such; all of it is shown at the start of this one."""
    return Document(path, ("",), dict(data), {}, {})


def _project_file(root: Path) -> Document:
    text, issue = read_text(root / PROJECT_FILE, PROJECT_FILE)
    if text is None or issue is not None:
        assert issue is not None, "a file is read or there is an issue"
        raise ConfigError(issue)
    document, issues = read_yaml(PROJECT_FILE, text)
    if document is None or issues:
        raise ConfigError(issues)
    return document


def _with_manifest(root: Path, document: Document, dbt: DbtProject | None) -> Layout:
    """The layout of a decoded project file, its dialect that of dbt's adapter where it has none."""
    config, problems = decode_config(document)
    data = document.data if isinstance(document.data, dict) else {}
    dialect = data.get("dialect")
    if isinstance(dialect, str) and dialect not in DIALECTS:
        hint = did_you_mean(dialect, DIALECTS)
        message = f"`{dialect}` is not a dialect"
        problems.append(Issue("bad-value", message, document.at(("dialect",)), hint))
    if config is None or problems:
        raise ConfigError(problems)
    layout = Layout(
        root,
        config,
        dbt,
        is_dialect_given="dialect" in data,
        places=dict(_folder_places(root, document, config, dbt)),
    )
    if config.dbt_manifest is None:
        return layout
    manifest, issues = read_manifest(
        root / config.dbt_manifest,
        config.dbt_manifest,
        config.dialect if "dialect" in data else None,
    )
    if manifest is None or "dialect" in data:
        return replace(layout, manifest=manifest, issues=tuple(issues))
    spoken = dialect_of(manifest.adapter_type)
    if spoken is None:
        message = f"the SQL dialect of the dbt adapter `{manifest.adapter_type}` is not known: "
        message += f"expressions are read as {DIALECT}"
        place = Location(config.dbt_manifest)
        hint = "name one in kpilayer.yml: `dialect: ..`"
        issues.append(Issue("bad-manifest", message, place, hint, "warning"))
    config = config.model_copy(update={"dialect": spoken or DIALECT})
    return replace(
        layout, config=config, manifest=manifest, issues=tuple(issues), is_dialect_given=True
    )


def _folder_places(
    root: Path, document: Document, config: ProjectConfig, dbt: DbtProject | None
) -> Iterator[tuple[str, Location]]:
    """Each folder with the place that names it; of dbt_project.yml, only which file it is."""
    data = document.data if isinstance(document.data, dict) else {}
    for key, names in (
        ("model-paths", config.model_paths),
        ("metric-paths", config.metric_paths),
        ("macro-paths", config.macro_paths),
    ):
        is_of_dbt = dbt is not None and key in data and not document.has((key,))
        for number, name in enumerate(names):
            if dbt is not None and is_of_dbt:
                yield name, Location(shown_from(root, dbt.folder / DBT_FILE))
            else:
                yield name, document.at((key, number))


def _macros_of(folder: Path, root: Path) -> Mapping[str, str]:
    """The macro files of an installed package; what is wrong with others is not for here."""
    try:
        paths = read_dbt_project(folder, root, {}).macro_paths
    except ConfigError:
        paths = ("macros",)
    places = tuple(shown_from(root, folder / p) for p in paths)
    texts, _ = read_texts(Folders(root, (), (), places, inside=(folder,)))
    return texts.macros
