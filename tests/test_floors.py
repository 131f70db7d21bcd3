"""The house holds: files import only from lower floors, or from earlier files of their own."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "kpilayer"

#: Bottom up. A name is a module, or a folder with everything in it; within a floor, earlier first.
FLOORS: dict[str, tuple[str, ...]] = {
    "words": (
        "codes",
        "errors",
        "grain",
        "calendar",
        "expr",
        "vocabulary",
        "snippets",
        "canonical",
        "address",
        "aggregates",
    ),
    "definitions": ("model", "load"),
    "meaning": (
        "relation",
        "references",
        "versions",
        "catalog",
        "zones",
        "join_graph",
        "many_side",
        "columns",
        "formula",
        "rollup",
        "conditions",
        "access",
        "lineage",
        "identity",
        "check",
        "selection",
    ),
    "compiler": ("plan", "sql"),
    "warehouse": ("warehouse",),
    "products": (
        "proof",
        "demo",
        "propose",
        "library",
        "verify",
        "publish",
        "change",
        "drift",
        "kpi",
        "interop",
    ),
    "doors": (
        "describe",
        "artefacts",
        "loading",
        "arguments",
        "asking",
        "running",
        "locking",
        "debugging",
        "checking",
        "comparing",
        "exporting",
        "publishing",
        "modelling",
        "reviewing",
        "remembering",
        "drifting",
        "governing",
        "alerting",
        "judging",
        "adopting",
        "promoting",
        "explaining",
        "arranging",
        "pacing",
        "project",
        "schema",
        "cli",
        "__init__",
        "__main__",
    ),
}
ORDER = [name for floor in FLOORS.values() for name in floor]

#: Library to the parts of the package that may know it.
MAY_KNOW: dict[str, set[str]] = {
    "sqlglot": {
        "access",
        "aggregates",
        "expr",
        "vocabulary",
        "snippets",
        "canonical",
        "relation",
        "catalog",
        "zones",
        "rollup",
        "conditions",
        "identity",
        "check",
        "plan",
        "sql",
        "proof",
        "publish",
        "change",
        "drift",
        "kpi",
    },
    "pydantic": {"model", "load"},
    "pydantic_core": {"model", "load"},
    "jinja2": {"load"},
    "yaml": {"load", "interop"},
    "click": {"cli"},
    "rich": {"cli"},
    "duckdb": {"warehouse", "demo"},
    "httpx": {"interop"},
    "urllib3": {"kpi"},
    "psycopg": {"warehouse"},
    "pyarrow": {"warehouse", "cli"},
    "pandas": {"warehouse"},
    "polars": {"warehouse"},
    "z3": {"proof"},
}


def _files() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__"), path


FILES = dict(_files())
#: Loaded when a connection needs them: an adapter, and what turns its rows into Arrow.
LATE = ("warehouse.connect", "warehouse.postgres")


def _part(module: str) -> str:
    return module.split(".")[0]


def _imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Each imported module, its line, and whether the import stands inside a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(outer)
    }
    typing_only = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.If) and ast.unparse(outer.test) == "TYPE_CHECKING"
        for node in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) in inside
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                known = full.removeprefix("kpilayer.") in FILES
                yield (full if known else node.module), node.lineno, id(node) in inside


def _own(name: str) -> str | None:
    """The module's name inside the package, or None for others."""
    if name == "kpilayer":
        return "__init__"
    return name.removeprefix("kpilayer.") if name.startswith("kpilayer.") else None


def test_every_part_of_the_package_stands_on_a_floor() -> None:
    assert {_part(m) for m in FILES} == set(ORDER)


@pytest.mark.parametrize("module", FILES)
def test_no_import_goes_up(module: str) -> None:
    here = ORDER.index(_part(module))
    for name, line, _ in _imports(FILES[module]):
        own = _own(name)
        if own is None or _part(own) == "__init__":
            continue
        assert ORDER.index(_part(own)) <= here, f"{module}:{line} imports {name} from above"


def test_there_is_no_import_cycle() -> None:
    edges = {
        module: {o for name, _, _ in _imports(path) if (o := _own(name)) in FILES and o != module}
        for module, path in FILES.items()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join((*trail, module))
        if module not in done:
            for other in sorted(edges[module]):
                visit(other, (*trail, module))
            done.add(module)

    for module in edges:
        visit(module, ())


@pytest.mark.parametrize("module", FILES)
def test_libraries_are_known_only_where_they_belong(module: str) -> None:
    for name, line, _ in _imports(FILES[module]):
        allowed = MAY_KNOW.get(name.split(".")[0])
        assert allowed is None or _part(module) in allowed, f"{module}:{line} knows {name}"


@pytest.mark.parametrize("module", FILES)
def test_only_commands_import_the_package_inside_functions(module: str) -> None:
    if _part(module) in ("cli", "__init__", "__main__") or module.startswith(LATE):
        return
    late = [
        f"{module}:{line} imports {name}"
        for name, line, inside in _imports(FILES[module])
        if inside and _own(name) is not None
    ]
    assert late == []


#: What decides for each scan whether a role sees all of its rows.
BUILD_SCANS = ("plan.rows", "plan.spines")


@pytest.mark.parametrize("module", [module for module in FILES if module not in BUILD_SCANS])
def test_rows_are_scanned_only_where_row_access_is_decided(module: str) -> None:
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    built = [f.lineno for f in called if ast.unparse(f).split(".")[-1] == "Scan"]
    renamed = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and any(alias.name == "Scan" and alias.asname for alias in node.names)
    ]
    assert not built, f"{module}:{built[0]} builds a scan of its own"
    assert not renamed, f"{module}:{renamed[0]} hides a scan under another name"


def test_the_places_that_build_scans_are_there() -> None:
    for module in BUILD_SCANS:
        assert "Scan(" in FILES[module].read_text(encoding="utf-8")


def test_the_median_file_is_short() -> None:
    lengths = [len(p.read_text(encoding="utf-8").splitlines()) for p in FILES.values()]
    assert statistics.median(lengths) < 250


def test_architecture_names_every_part() -> None:
    text = (PACKAGE.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    missing = [part for part in ORDER if not part.startswith("__") and f"`{part}" not in text]
    assert missing == []
