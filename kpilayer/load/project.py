"""A folder to :class:`Definitions`: read, parse, render and decode every file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from kpilayer.errors import ConfigError, Issue, Location, did_you_mean
from kpilayer.expr import DIALECTS, quote_of
from kpilayer.load.decode import Decoded, decode_config, decode_file
from kpilayer.load.document import Origin
from kpilayer.load.files import PROJECT_FILE, Texts, read_text, read_texts
from kpilayer.load.reader import read_yaml
from kpilayer.load.template import TargetInfo, Templates
from kpilayer.model.config import ProjectConfig
from kpilayer.model.definitions import Definitions, SqlModel


def read_config(root: Path) -> ProjectConfig:
    """The project file of a folder.

    Raises:
        ConfigError: everything that is wrong with the file.
    """
    text, issue = read_text(root / PROJECT_FILE, PROJECT_FILE)
    if text is None or issue is not None:
        assert issue is not None, "a file is read or there is an issue"
        raise ConfigError(issue)
    document, issues = read_yaml(PROJECT_FILE, text)
    if document is None or issues:
        raise ConfigError(issues)
    config, problems = decode_config(document)
    dialect = document.data.get("dialect") if isinstance(document.data, dict) else None
    if isinstance(dialect, str) and dialect not in DIALECTS:
        hint = did_you_mean(dialect, DIALECTS)
        message = f"`{dialect}` is not a dialect"
        problems.append(Issue("bad-value", message, document.at(("dialect",)), hint))
    if config is None or problems:
        raise ConfigError(problems)
    return config


def load_definitions(
    root: Path,
    config: ProjectConfig,
    target: TargetInfo,
    variables: Mapping[str, object],
    environ: Mapping[str, str],
) -> tuple[Definitions, list[Issue]]:
    """Everything that the project's files define, and everything that is wrong with them."""
    texts, issues = read_texts(root, config.model_paths, config.metric_paths, config.macro_paths)
    templates = Templates(
        macros=texts.macros,
        variables=variables,
        target=target,
        quote=quote_of(config.dialect),
        environ=environ,
    )
    found = Decoded(issues=issues, all_read=not issues)
    issues += templates.issues
    for path, text in sorted((texts.yaml | texts.templates).items()):
        _decode_text(path, text, path in texts.templates, templates, found)
    queries = _sql_models(texts, templates, found)
    definitions = Definitions(
        config,
        tuple(found.models),
        tuple(found.metrics),
        queries,
        found.places,
        frozenset(found.broken),
        found.all_read,
    )
    return definitions, found.issues


def _decode_text(
    path: str, text: str, is_template: bool, templates: Templates, found: Decoded
) -> None:
    origin: Origin | None = None
    if is_template:
        rendered, line_of, problems = templates.render_file(path, text)
        found.issues.extend(problems)
        if rendered is None:
            found.all_read = False
            return
        origin = Origin(tuple(text.split("\n")), line_of)
        text = rendered
    document, issues = read_yaml(path, text, origin)
    found.issues.extend(issues)
    if document is None or any(i.code == "yaml-syntax" for i in issues):
        found.all_read = False  # what an unknown alias or tag stands for is anybody's guess
    else:
        decode_file(document, templates, found)


def _sql_models(texts: Texts, templates: Templates, found: Decoded) -> dict[str, SqlModel]:
    models: dict[str, SqlModel] = {}
    for path, text in texts.sql.items():
        name = PurePosixPath(path).stem.lower()
        if name in models:
            see = (("first defined here", Location(models[name].path)),)
            message = f"there are two SQL models named `{name}`"
            found.issues.append(Issue("duplicate-name", message, Location(path), see=see))
            continue
        rendered, line_of, problems = templates.render_file(path, text)
        found.issues.extend(problems)
        if rendered is None:
            found.broken.add(("query", name))
            continue
        lines = tuple(text.split("\n"))
        at = _place_in(path, lines, tuple(rendered.split("\n")), line_of)
        models[name] = SqlModel(name, path, rendered, at)
    return models


def _place_in(
    path: str, lines: tuple[str, ...], rendered: tuple[str, ...], line_of: tuple[int, ...]
) -> Callable[[int, int, int], Location]:
    def at(line: int, column: int, length: int) -> Location:
        """A place of the rendered text, in the template; the whole line where it is not there."""
        original = line_of[line - 1] if 0 < line <= len(line_of) else min(line, len(lines))
        text = lines[original - 1] if 0 < original <= len(lines) else ""
        made = rendered[line - 1] if 0 < line <= len(rendered) else ""
        token = made[column - 1 : column - 1 + length]
        if made == text and column > 0:
            return Location(path, original, column, length, text)
        if token and text.count(token) == 1:
            return Location(path, original, text.index(token) + 1, len(token), text)
        start = len(text) - len(text.lstrip())
        return Location(path, original, start + 1, max(1, len(text.strip())), text)

    return at
