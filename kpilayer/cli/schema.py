"""The command ``schema``: JSON Schemas for editors, and their settings."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from kpilayer.cli.jsonc import CannotMerge, merged, value_of
from kpilayer.cli.options import Session, command, pass_session
from kpilayer.cli.output import nearby, say, talk, write
from kpilayer.errors import ConfigError

KINDS: Final = ("kpilayer", "project", "definitions", "lock", "profiles")
FOLDER: Final = ".kpilayer/schema"
_FILES: Final = {"kpilayer.yml": "project", "kpilayer.lock": "lock", "profiles.yml": "profiles"}
_EDITOR_FILES: Final = (".vscode/settings.json", ".vscode/extensions.json")
_EXTENSION: Final = "redhat.vscode-yaml"


@command(
    "schema",
    examples=(
        "kpilayer schema --install                      complete and check in VS Code",
        "kpilayer schema definitions > definitions.json",
        "kpilayer schema --modeline models/orders.yml   the line for other editors",
    ),
)
@click.argument("kind", metavar="[KIND]", type=click.Choice(KINDS), default="kpilayer")
@click.option("--install", is_flag=True, help="Write all schemas, and settings of the editor.")
@click.option(
    "--editor",
    type=click.Choice(("vscode", "none")),
    default="vscode",
    help="Whose settings --install writes: vscode if not said.",
)
@click.option(
    "--modeline",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Print the comment that leads an editor from this file to its schema.",
)
@pass_session
def schema(session: Session, kind: str, install: bool, editor: str, modeline: Path | None) -> int:
    """Let an editor complete and check definitions.

    An editor that has the JSON Schemas of a project's files completes keys, explains them and
    underlines what is wrong. With --install, the schemas go to .kpilayer/schema and the settings
    of VS Code to .vscode, where everything that stands in them stays as it is.

    Otherwise a schema is printed. KIND is project (kpilayer.yml), definitions, lock, profiles, or
    kpilayer: any of these, the default.
    """
    if install and modeline is not None:
        raise click.UsageError("Either `--install` or `--modeline`.")
    if install:
        return _install(session, editor)
    if modeline is not None:
        _modeline(session, modeline)
    else:
        from kpilayer.schema import schema_of

        write(session, as_text(schema_of(kind)))
    return 0


def as_text(schema: Mapping[str, Any]) -> str:
    """A schema as a file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _install(session: Session, editor: str) -> int:
    """Writes what is not there yet; 1 where settings are left to people."""
    from kpilayer.load.files import inside
    from kpilayer.load.layout import read_layout
    from kpilayer.schema import schema_of

    layout = read_layout(Path(session.project_dir), os.environ)
    root, config = layout.root, layout.config
    texts = {f"{FOLDER}/{k}.json": schema_of(k) for k in ("definitions", *_FILES.values())}
    for name in (*texts, *(() if editor == "none" else _EDITOR_FILES)):
        inside(root, name)
    changed = [_put(session, root, name, as_text(text)) for name, text in texts.items()]
    if editor == "none":
        _tell(session, changed)
        return 0
    folders = (*config.model_paths, *config.metric_paths)
    patterns = list(dict.fromkeys(_patterns(folders)))
    schemas = {"definitions": patterns, **{kind: [name] for name, kind in _FILES.items()}}
    settings = {f"./{FOLDER}/{kind}.json": files for kind, files in schemas.items()}
    additions: tuple[dict[str, Any], ...] = (
        {"yaml.schemas": settings},
        {"recommendations": [_EXTENSION]},
    )
    left = [
        not _extend(session, root, name, added, changed)
        for name, added in zip(_EDITOR_FILES, additions, strict=True)
    ]
    _tell(session, changed)
    return 1 if any(left) else 0


def _patterns(folders: tuple[str, ...]) -> Iterator[str]:
    """Files below these folders as an editor matches them: by the end of their path."""
    for folder in folders:
        inside = "/".join(part for part in Path(folder).parts if part != "..")
        for suffix in ("yml", "yaml"):
            yield f"{inside}/**/*.{suffix}" if inside else f"**/*.{suffix}"


def _extend(
    session: Session, root: Path, name: str, additions: Mapping[str, Any], changed: list[bool]
) -> bool:
    """Adds to a file of settings; says what to add where that cannot be done safely."""
    path = root / name
    try:
        # Newlines as they are: they are the file's own.
        old = path.read_bytes().decode("utf-8") if path.exists() else ""
        said = value_of(old)
        declined = said.get("unwantedRecommendations") if isinstance(said, dict) else None
        if "recommendations" in additions and _EXTENSION in (declined or ()):
            return True
        new = merged(old, additions)
    except (CannotMerge, UnicodeDecodeError) as problem:
        why = problem if isinstance(problem, CannotMerge) else "it is not UTF-8 text"
        talk(f"{nearby(path)} is left as it is: {why}. Add this to it:")
        write(session, json.dumps(additions, indent=4) + "\n")
        return False
    changed.append(_put(session, root, name, new))
    return True


def _put(session: Session, root: Path, name: str, text: str) -> bool:
    """Writes a file of the project unless it holds this text already; whether it did."""
    from kpilayer.load.files import write_inside

    path = root / name
    if path.is_file() and path.read_bytes() == text.encode("utf-8"):
        return False
    write_inside(root, name, text)
    write(session, f"{nearby(path)}\n")
    return True


def _tell(session: Session, changed: list[bool]) -> None:
    if not any(changed):
        say(session, "Everything is up to date.")
        return
    say(session, "Written. After an update of kpilayer, run this again.")


def _modeline(session: Session, file: Path) -> None:
    from kpilayer.load.files import find_root

    folder = (Path.cwd() / file).parent
    try:
        root = find_root(folder if folder.is_dir() else Path(session.project_dir))
    except ConfigError:
        root = find_root(Path(session.project_dir))
    place = root / FOLDER / f"{_FILES.get(file.name, 'definitions')}.json"
    if not place.is_file():
        say(session, f"There is no {nearby(place)} yet: `kpilayer schema --install` writes it.")
    shown = Path(os.path.relpath(place, folder.resolve())).as_posix()
    write(session, f"# yaml-language-server: $schema={shown}\n")
