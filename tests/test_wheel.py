"""The package as users install it: the example project is inside, and `kpilayer demo` runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contents of the wheel, as pip would lay them out."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(folder)}
    command = [sys.executable, "-P", "-m", "kpilayer", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    )


def test_types_schema_and_sql_are_inside(installed: Path) -> None:
    inside = {p.relative_to(installed).as_posix() for p in installed.rglob("*")}
    assert {
        "kpilayer/py.typed",
        "kpilayer/cli/envelope.schema.json",
        "kpilayer/demo/sql/invoices.sql",
        "kpilayer/library/facts.yml",
        "kpilayer/library/finance.yml",
        "kpilayer/library/refused.yml",
        "kpilayer/demo/project/kpilayer.yml",
        "kpilayer/demo/project/kpilayer.lock",
    } <= inside
    assert not [p for p in inside if p.startswith(("tests", "models", "docs"))]


def test_metricflows_worker_is_inside_and_is_found(installed: Path, tmp_path: Path) -> None:
    """It runs in another Python, as a file: `init --from-dbt --verify` passes its path."""
    assert (installed / "kpilayer" / "interop" / "metricflow_worker.py").is_file()
    code = "from kpilayer.interop import metricflow; print(metricflow.WORKER)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", "-c", code]
    found = subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert Path(found.stdout.strip()) == installed / "kpilayer" / "interop" / "metricflow_worker.py"


def test_demo_works_from_the_package(installed: Path, tmp_path: Path) -> None:
    output = run(installed, tmp_path, "demo", "company", "--scale", "0.05").stdout
    assert "kpilayer query" in output
    assert (tmp_path / "company" / "models" / "finance.yml").is_file()
    checked = run(installed, tmp_path, "check", "-C", "company")
    assert "no problems" in checked.stderr


def test_the_kpi_library_works_from_the_package(installed: Path, tmp_path: Path) -> None:
    assert "trap: " in run(installed, tmp_path, "library", "show", "nrr").stdout
    assert run(installed, tmp_path, "library", "list").stdout.count("\n") > 73
