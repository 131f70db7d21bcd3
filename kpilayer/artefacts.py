"""target/kpilayer/: the SQL of every metric by dialect, and manifest.json.

The folder is made beside its place and moved in, so a reader sees the old set or the new one, and
the same definitions give the same bytes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kpilayer.address import METRIC_TIME
from kpilayer.columns import time_column
from kpilayer.describe import lineage_rows, metric_info, place
from kpilayer.errors import Issue, QueryError
from kpilayer.formula.build import formula
from kpilayer.formula.tree import atoms
from kpilayer.identity import Identity
from kpilayer.join_graph import Reached
from kpilayer.load.files import inside
from kpilayer.plan.query import Query
from kpilayer.selection.state import (
    FOLDER,
    MANIFEST,
    SCHEMA,
    definition_digest,
    model_fingerprint,
)
from kpilayer.sql.compiled import Compiled, compile_query

_TRIES: Final = 100


@dataclass(frozen=True, slots=True)
class CompiledFile:
    """A file of the folder: its path inside, and its text."""

    path: str
    text: str


#: Why a metric is left out where all are compiled, and the others are not refused for it.
LEAVES_OUT: Final = frozenset({"not-supported-yet", "unsupported-in-dialect"})


def compile_all(
    identity: Identity, name: str, dialects: Sequence[str], schema: str, *, unverified: bool = False
) -> tuple[CompiledFile, ...]:
    """SQL of every metric, by `metric_time` where it has one, in every dialect; the manifest last.

    A metric that a dialect cannot express, or this version cannot compute, has no SQL there; the
    manifest says why.

    Raises:
        QueryError: what else is wrong with any metric, at once.
    """
    files: list[CompiledFile] = []
    entries: dict[str, Any] = {}
    issues: list[Issue] = []
    for metric in sorted(identity.catalog.metrics):
        query = Query((metric,), (METRIC_TIME,) if _has_time(identity, metric) else ())
        texts: dict[str, Compiled] = {}
        reasons: dict[str, list[str]] = {}
        for dialect in dialects:
            try:
                texts[dialect] = compile_query(
                    query, identity, dialect, schema, unverified=unverified
                )
            except QueryError as error:
                wrong = [i for i in error.issues if i.code not in LEAVES_OUT]
                issues += wrong
                reasons |= {} if wrong else {dialect: [i.message for i in error.issues]}
        made = [CompiledFile(f"{d}/{metric}.sql", c.sql + "\n") for d, c in texts.items()]
        files += made
        entries[metric] = _entry(identity, metric, texts, made)
        if reasons:
            entries[metric]["left_out"] = reasons
    if issues:
        raise QueryError(issues)
    models = {
        model: {
            "definition": definition_digest(definition),
            "fingerprint": model_fingerprint(identity, model),
        }
        for model, definition in sorted(identity.catalog.models.items())
    }
    manifest = {"schema": SCHEMA, "project": name, "metrics": entries, "models": models}
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    return (*files, CompiledFile(MANIFEST, text))


def left_out(files: Sequence[CompiledFile]) -> dict[str, list[str]]:
    """By dialect, the metrics that have no SQL there; the manifest says why not."""
    manifest = next((f for f in files if f.path == MANIFEST), None)
    entries = json.loads(manifest.text)["metrics"] if manifest else {}
    found: dict[str, list[str]] = {}
    for name, entry in entries.items():
        for dialect in entry.get("left_out", ()):
            found.setdefault(dialect, []).append(name)
    return found


def _has_time(identity: Identity, metric: str) -> bool:
    tree = formula(identity.graph, metric)
    found = [time_column(identity.graph, a.model, a.time) for a in atoms(tree)]
    return all(isinstance(time, Reached) for time in found)


def _entry(
    identity: Identity, metric: str, texts: dict[str, Compiled], made: list[CompiledFile]
) -> dict[str, Any]:
    info = metric_info(identity, identity.catalog.metrics[metric])
    return {
        "label": info.label,
        "description": info.description,
        "type": info.type,
        "unit": info.unit,
        "format": info.format,
        "status": info.status,
        "group": info.group,
        "tags": list(info.tags),
        "fingerprint": info.fingerprint,
        "definition": definition_digest(identity.catalog.metrics[metric]),
        "source": place(info.location),
        "inputs": list(info.inputs),
        "columns": list(next(iter(texts.values())).columns) if texts else [],
        "lineage": lineage_rows(identity, metric),
        "sql": {
            file.path.split("/", 1)[0]: {"path": file.path, "sha256": _sha(file.text)}
            for file in made
        },
    }


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write(root: Path, files: Sequence[CompiledFile]) -> Path:
    """Replaces the folder by these files; gives the manifest's path.

    Raises:
        ConfigError: a link leads out of the project.
        OSError: nothing was replaced.
    """
    folder = root / FOLDER
    real = inside(root, FOLDER.as_posix())  # a link inside the project stays one
    for part in (folder.parent, folder):
        if _is_in_the_way(part):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(part))
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=".kpilayer-", dir=real.parent))
    try:
        new.chmod(0o755)
        for file in files:
            path = new / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text, encoding="utf-8", newline="\n")
        _swap(new, real)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder / MANIFEST


def _is_in_the_way(part: Path) -> bool:
    """Whether a file, or a link to nowhere, stands where a folder belongs.

    One look at the disk decides: another process may be swapping its own folder in.
    """
    try:
        return not stat.S_ISDIR(part.stat().st_mode)
    except FileNotFoundError:
        return part.is_symlink()


def _swap(new: Path, folder: Path) -> None:
    """Two renames: between them, for an instant, there is no folder, but never half of one.

    Another process may put its folder there in that instant. Each does so once, so that trying
    again ends; the last one stays.
    """
    old = new.with_name(new.name + "-old")
    try:
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):
                folder.replace(old)
            try:
                new.replace(folder)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                shutil.rmtree(old, ignore_errors=True)
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(folder))
    except BaseException:
        with suppress(OSError):
            old.replace(folder)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
