"""dbt_project.yml: what of it kpilayer needs to read a dbt project where it lies.

The rest of the file is dbt's and is passed over. Strings may hold Jinja, as in a profile:
``env_var`` and ``var``. Issues: those of reading YAML and of ``profile_text``, ``bad-value`` and
``missing-field``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kpilayer.errors import ConfigError, Issue
from kpilayer.load import profile_text
from kpilayer.load.dbt.switches import truth
from kpilayer.load.document import Document
from kpilayer.load.files import DBT_FILE, read_text, shown_from
from kpilayer.load.reader import read_yaml

#: What a dbt project can switch off by folder.
SWITCHED: Final = ("metrics", "semantic-models", "saved-queries", "exposures")


@dataclass(frozen=True, slots=True)
class DbtProject:
    """A dbt project; paths are relative to ``folder``."""

    folder: Path
    name: str
    profile: str | None
    model_paths: tuple[str, ...]
    macro_paths: tuple[str, ...]
    target_path: str
    packages_path: str
    variables: Mapping[str, Any]
    """Values for `var()`: global ones, and over them those under the project's own name."""
    search_order: Mapping[str, tuple[str, ...]]
    """Packages to look in for `adapter.dispatch`, by the package that it names (`dispatch:`)."""
    switches: Mapping[str, Mapping[str, Any]]
    """`+enabled` by kind of definition, nested as the folders are: `{project: {folder: ..}}`."""

    def is_enabled(self, kind: str, path: Path) -> bool:
        """Whether definitions of a kind (`metrics`, `saved-queries`) in a file are switched on.

        The innermost folder that says something decides, as in dbt.
        """
        found = True
        for home in self.model_paths:
            folder = (self.folder / home).resolve()
            if not path.resolve().is_relative_to(folder):
                continue
            level: Any = self.switches.get(kind, {})
            for step in ("", self.name, *path.resolve().relative_to(folder).parts):
                level = level.get(step) if step else level
                if not isinstance(level, Mapping):
                    break
                said = level.get("+enabled", level.get("enabled"))
                found = said if isinstance(said, bool) else found
        return found

    @property
    def legal_name(self) -> str:
        """The name as a name of the definition language."""
        return legal_name(self.name, "project")

    def packages(self) -> Mapping[str, Path]:
        """The folder of each installed package by the package's name."""
        found: dict[str, Path] = {}
        folder = self.folder / self.packages_path
        for inner in sorted(folder.iterdir()) if folder.is_dir() else ():
            if (inner / DBT_FILE).is_file():
                found[inner.name] = inner  # dbt installs a package under its name
        return found


def legal_name(text: str, otherwise: str) -> str:
    """A text as a name of the definition language.

    >>> legal_name("My-Shop 2", "project"), legal_name("InvoiceNo", "x"), legal_name("7", "seven")
    ('my_shop_2', 'invoice_no', 'seven')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    words = re.findall(r"[a-z0-9]+", spaced.lower())
    name = "_".join(words).lstrip("0123456789_")
    return name if len(name) >= 2 else otherwise


def read_dbt_project(folder: Path, root: Path, environ: Mapping[str, str]) -> DbtProject:
    """The dbt project in a folder; paths in messages are relative to ``root``.

    Raises:
        ConfigError: everything that is wrong with what is read of dbt_project.yml.
    """
    shown = shown_from(root, folder / DBT_FILE)
    text, problem = read_text(folder / DBT_FILE, shown)
    if text is None or problem is not None:
        assert problem is not None, "a file is read or there is an issue"
        raise ConfigError(problem)
    document, issues = read_yaml(shown, text)
    if document is None or any(i.severity == "error" for i in issues):
        raise ConfigError(issues)
    reading = _Reading(document, environ)
    project = reading.project(folder)
    if reading.issues:
        raise ConfigError(reading.issues)
    return project


class _Reading:
    """One dbt_project.yml; problems are collected in ``issues``."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self.document, self.environ = document, environ
        self.issues: list[Issue] = []
        self.data: dict[Any, Any] = {}
        self.variables: dict[str, Any] = {}

    def project(self, folder: Path) -> DbtProject:
        if isinstance(self.document.data, dict):
            self.data = self.document.data
        name = self.text("name", "") or ""
        if not name:
            message = "dbt_project.yml is a mapping with at least `name:`"
            self.issues.append(Issue("missing-field", message, self.document.at(())))
        self.variables = self.own_variables(name)
        target = self.text("target-path", None) or os.fspath(
            self.environ.get("DBT_TARGET_PATH") or "target"
        )
        packages = self.text("packages-install-path", None) or self.text("modules-path", None)
        return DbtProject(
            folder,
            name,
            self.text("profile", None),
            self.texts("model-paths", self.texts("source-paths", ("models",))),
            self.texts("macro-paths", ("macros",)),
            target,
            packages or "dbt_packages",
            self.variables,
            dict(self.search_orders()),
            {kind: self.switched(self.data.get(kind), kind) for kind in SWITCHED},
        )

    def switched(self, tree: object, *steps: str) -> dict[str, Any]:
        """The parts of a configuration tree that switch on or off."""
        found: dict[str, Any] = {}
        for key, value in tree.items() if isinstance(tree, dict) else ():
            if isinstance(value, dict):
                found[key] = self.switched(value, *steps, key)
            elif key in ("enabled", "+enabled"):
                found[key] = self.flag(value, *steps, key)
        return found

    def flag(self, value: object, *steps: str) -> bool | None:
        """True, false, a word or Jinja for these; None where it is absent or wrong."""
        before = len(self.issues)
        given = self.rendered(value, *steps).strip() if isinstance(value, str) else value
        found = truth(given)
        if found is None and given is not None and len(self.issues) == before:
            message = f"`{steps[-1]}` takes true or false"
            self.issues.append(Issue("bad-value", message, self.document.at(steps)))
        return found

    def own_variables(self, name: str) -> dict[str, Any]:
        given = self.data.get("vars") or {}
        if not isinstance(given, dict):
            self.wrong("vars", "a mapping")
            return {}
        own = given.get(name)
        return {**given, **(own if isinstance(own, dict) else {})}

    def search_orders(self) -> list[tuple[str, tuple[str, ...]]]:
        entries = self.data.get("dispatch") or ()
        return [
            (str(e.get("macro_namespace")), tuple(str(p) for p in e.get("search_order") or ()))
            for e in (entries if isinstance(entries, list) else ())
            if isinstance(e, dict)
        ]

    def text(self, key: str, default: str | None) -> str | None:
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self.wrong(key, "text")
            return default
        return self.rendered(value, key)

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self.data.get(key)
        if value is None:
            return default
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.wrong(key, "a list of folders")
            return default
        return tuple(self.rendered(v, key, i) for i, v in enumerate(value))

    def rendered(self, text: str, *steps: str | int) -> str:
        if not profile_text.has_jinja(text):
            return text
        place = self.document.at(steps)
        value, issues = profile_text.render(
            text, place, variables=self.variables, environ=self.environ
        )
        self.issues += issues
        return str(value)

    def wrong(self, key: str, what: str) -> None:
        self.issues.append(Issue("bad-value", f"`{key}` takes {what}", self.document.at((key,))))
