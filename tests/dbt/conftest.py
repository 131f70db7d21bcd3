"""dbt projects as teams write them, what they hold, and what dbt itself makes of them.

dbt comes from an environment of its own (`make dbt`), or from KPILAYER_TEST_DBT, the path of a
dbt executable. Without one these tests are skipped; where KPILAYER_REQUIRE_ENGINES is 1, they fail.
A second dbt, 1.12 or later, which reads the latest spec, is optional: KPILAYER_TEST_DBT_LATEST.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parent.parent.parent
PROJECTS: Final = Path(__file__).parent / "projects"
PROJECT_NAMES: Final = ("marketplace", "shop", "subscriptions")
OURS: Final = ("expected.yml", "target", "logs")  # not part of a project


@dataclass(frozen=True)
class Dbt:
    """A dbt executable and its version, as 1.11."""

    executable: Path
    version: str

    @property
    def spec(self) -> str:
        """The key in `dbt:` of expected.yml: later versions read what 1.12 reads."""
        return "1.11" if self.version == "1.11" else "1.12"


@dataclass(frozen=True)
class Outcome:
    """A project on which dbt ran: its folder, the exit code and what dbt said."""

    folder: Path
    code: int
    said: str

    @property
    def semantic_manifest(self) -> dict[str, Any]:
        """What dbt understood of metrics."""
        return self._artefact("semantic_manifest.json")

    @property
    def manifest(self) -> dict[str, Any]:
        """All that dbt knows of the project."""
        return self._artefact("manifest.json")

    def _artefact(self, name: str) -> dict[str, Any]:
        text = (self.folder / "target" / name).read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        return found


Run = Callable[[Dbt, str, str], Outcome]


@pytest.fixture(params=PROJECT_NAMES)
def project(request: pytest.FixtureRequest) -> str:
    """The name of a project."""
    return str(request.param)


@pytest.fixture
def expected(project: str) -> dict[str, Any]:
    """What the project holds, written by hand."""
    return holds(project)


@pytest.fixture
def folder(project: str, tmp_path: Path) -> Path:
    """A copy of the project, as it is checked out."""
    return copied(project, tmp_path / project)


@pytest.fixture(scope="session")
def dbt() -> Dbt:
    """dbt 1.11, the version whose files teams have today."""
    found = _find("KPILAYER_TEST_DBT", ROOT / ".venv-dbt")
    if found is not None:
        return found
    reason = "no dbt: `make dbt`, or set KPILAYER_TEST_DBT to the path of a dbt executable"
    if os.environ.get("KPILAYER_REQUIRE_ENGINES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def latest_dbt() -> Dbt:
    """A dbt that reads the latest spec; optional everywhere."""
    found = _find("KPILAYER_TEST_DBT_LATEST", ROOT / ".venv-dbt-latest")
    if found is None or found.spec == "1.11":
        pytest.skip(
            "no dbt 1.12 or later: set KPILAYER_TEST_DBT_LATEST to the path of its executable"
        )
    return found


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a dbt command on a copy of a project, once in a session."""

    @cache
    def outcome(dbt: Dbt, project: str, command: str) -> Outcome:
        copy = copied(project, tmp_path_factory.mktemp(command) / project)
        refused = _of(dbt, project).get("refuses", ())
        (copy / ".dbtignore").write_text("\n".join(refused), encoding="utf-8")
        done = subprocess.run(
            [dbt.executable, "--no-use-colors", command, "--no-version-check"],
            cwd=copy,
            env=environment(DBT_PROFILES_DIR=str(copy), DBT_SEND_ANONYMOUS_USAGE_STATS="false"),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Outcome(copy, done.returncode, done.stdout + done.stderr)

    return outcome


def visible(dbt: Dbt, project: str, kind: str, names: Iterable[str]) -> set[str]:
    """Those of the expected names that this version of dbt sees."""
    ignored = _of(dbt, project).get("ignores", {}).get(kind, ())
    return set() if ignored == "all" else set(names) - set(ignored)


def _of(dbt: Dbt, project: str) -> dict[str, Any]:
    by_version: dict[str, dict[str, Any]] = holds(project)["dbt"]
    return by_version[dbt.spec]


def holds(project: str) -> dict[str, Any]:
    """What a project holds, written by hand: its expected.yml."""
    text = (PROJECTS / project / "expected.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def copied(project: str, to: Path) -> Path:
    """A project as it is checked out, in a folder of its own."""
    return shutil.copytree(PROJECTS / project, to, ignore=shutil.ignore_patterns(*OURS))


def _find(variable: str, venv: Path) -> Dbt | None:
    named = os.environ.get(variable)
    executable = Path(named) if named else venv / "bin" / "dbt"
    if not executable.is_file():
        if named:
            pytest.fail(f"{variable} is not a file: {named}")
        return None
    said = subprocess.run(
        [executable, "--version"], env=environment(), capture_output=True, text=True, check=False
    )
    version = re.search(r"installed:\s*(\d+\.\d+)", said.stdout + said.stderr)
    if version is None:
        pytest.fail(
            f"`{executable} --version` does not tell a version:\n{said.stdout}{said.stderr}"
        )
    return Dbt(executable, version[1])


def environment(**more: str) -> dict[str, str]:
    """Ours without what would lead dbt elsewhere."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("DBT_", "SHOP_", "MARKETPLACE_"))
    }
    return kept | more
