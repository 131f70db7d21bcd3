"""The public names of the package are what they claim to be."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import kpilayer


def test_public_names_are_sorted_and_listed_once() -> None:
    assert kpilayer.__all__ == sorted(kpilayer.__all__)
    assert len(set(kpilayer.__all__)) == len(kpilayer.__all__)


def test_every_public_name_can_be_imported() -> None:
    for name in kpilayer.__all__:
        assert getattr(kpilayer, name) is not None


def test_what_can_be_imported_is_listed() -> None:
    """Besides modules and names of `typing` and the like, nothing is left in the package."""
    offered = {
        name
        for name, value in vars(importlib.import_module("kpilayer")).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "").startswith("kpilayer")
    }
    lazy = set(kpilayer._HOMES)
    assert offered | lazy | {"__version__"} == set(kpilayer.__all__)


def test_unknown_names_are_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Projekt"):
        _ = kpilayer.Projekt


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert version("kpilayer") == kpilayer.__version__


def _public() -> Iterator[tuple[str, Any]]:
    for name in kpilayer.__all__:
        value = getattr(kpilayer, name)
        if not inspect.isclass(value):
            continue
        yield name, value
        for member, inside in vars(value).items():
            documented = isinstance(inside, property | classmethod | staticmethod)
            documented |= inspect.isfunction(inside) or type(inside).__name__ == "cached_property"
            if not member.startswith("_") and documented:
                yield f"{name}.{member}", inside


@pytest.mark.parametrize(
    ("name", "value"), list(_public()), ids=lambda v: v if type(v) is str else ""
)
def test_every_public_function_and_class_has_a_docstring(name: str, value: Any) -> None:
    text = inspect.getdoc(value) or ""
    assert text.strip(), f"{name} has no docstring"
    assert not text.startswith(f"{name}("), f"{name} has the docstring that a dataclass makes"


def test_importing_the_package_loads_no_heavy_library() -> None:
    heavy = ("sqlglot", "pydantic", "duckdb", "pyarrow", "jinja2", "pandas")
    code = f"import sys, kpilayer; sys.exit(' '.join(set({heavy!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
