"""A project's files to :class:`Definitions`: read, parse, render and decode every one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from kpilayer.errors import Issue, Location, did_you_mean
from kpilayer.load.dbt.artefacts import read_artefact
from kpilayer.load.dbt.docs import doc_blocks
from kpilayer.load.dbt.forms import native_documents
from kpilayer.load.dbt.manifest import PARSE, quoted, with_ref_names
from kpilayer.load.decode import Decoded, decode_file
from kpilayer.load.document import Document, Origin
from kpilayer.load.files import DBT_FILE, MAX_JSON_BYTES, Texts, read_text, read_texts, shown_from
from kpilayer.load.layout import DIALECT, Layout
from kpilayer.load.reader import read_yaml_documents
from kpilayer.load.template import TargetInfo, Templates
from kpilayer.model.definitions import Definitions, Key, SqlModel
from kpilayer.snippets import quote_of

_VERSION: Final = re.compile(r"\.v([^.]+)$")


def load_definitions(
    layout: Layout,
    target: TargetInfo,
    variables: Mapping[str, object],
    environ: Mapping[str, str],
    more: Mapping[str, str] | None = None,
) -> tuple[Definitions, list[Issue]]:
    """Everything that the project's files define, and everything that is wrong with them.

    ``more`` are texts by path that count as if they were there: YAML, and SQL models.
    """
    texts, issues = read_texts(layout.folders)
    for path, text in (more or {}).items():
        (texts.sql if path.endswith(".sql") else texts.yaml)[path] = text
    config = layout.config
    templates = Templates(
        macros=texts.macros,
        variables=variables,
        target=target,
        quote=quote_of(config.dialect),
        environ=environ,
        dbt=layout.for_templates(doc_blocks(texts.notes)),
    )
    found = Decoded(
        issues=issues,
        all_read=not issues,
        is_enabled=layout.is_enabled,
        defaults=config.kpi_defaults,
    )
    issues += [*layout.issues, *templates.issues]
    documents: list[Document] = []
    for path, text in sorted((texts.yaml | texts.templates).items()):
        documents += _documents(path, text, path in texts.templates, templates, found)
    documents += _artefacts(layout, texts, found)
    for page in native_documents(documents, issues, layout.is_enabled, layout.dbt, layout.manifest):
        decode_file(page, templates, found)
    queries = _sql_models(texts, templates, found)
    if layout.manifest is not None:
        issues += _unknown_refs(layout, texts, queries, found)
    elif layout.dbt is not None:
        issues += _guessed_places(layout, documents, found)
    manifest = layout.manifest
    definitions = Definitions(
        config,
        tuple(found.models),
        tuple(found.metrics),
        queries,
        tuple(found.time_spines),
        tuple(found.saved_queries),
        tuple(found.views),
        tuple(found.exposures),
        tuple(found.groups),
        tuple(found.conformed_dimensions),
        tuple(found.kpis),
        tuple(found.okrs),
        manifest.refs if manifest else _guessed_relations(layout, found),
        {**_described_sources(layout, found), **(manifest.sources if manifest else {})},
        {**_described_files(found), **(manifest.files if manifest else {})},
        macros=texts.macros,
        places=found.places,
        broken=frozenset(found.broken),
        all_read=found.all_read,
    )
    return definitions, found.issues


def _documents(
    path: str, text: str, is_template: bool, templates: Templates, found: Decoded
) -> tuple[Document, ...]:
    origin: Origin | None = None
    if is_template:
        rendered, line_of, problems = templates.render_file(path, text)
        found.issues.extend(problems)
        if rendered is None:
            found.all_read = False
            return ()
        origin = Origin(tuple(text.split("\n")), line_of)
        text = rendered
    documents, issues = read_yaml_documents(path, text, origin)
    found.issues.extend(issues)
    if any(i.code in ("yaml-syntax", "too-large") for i in issues):
        found.all_read = False  # what an unknown alias or tag stands for is anybody's guess
        return ()
    return documents


def _artefacts(layout: Layout, texts: Texts, found: Decoded) -> Iterator[Document]:
    """JSON files of dbt's target folder."""
    for path in texts.artefacts:
        text, issue = read_text(layout.root / path, path, MAX_JSON_BYTES)
        document, issues = read_artefact(path, text) if text is not None else (None, ())
        found.issues += [*([issue] if issue else ()), *issues]
        if document is None:
            found.all_read = False
        elif layout.manifest is not None:
            yield replace(document, data=with_ref_names(document.data, layout.manifest.named))
        else:
            yield document


# ---------------------------------------------------------------------- where dbt builds its models


def _refs(found: Decoded) -> Iterator[tuple[Key, str]]:
    """Each definition whose rows are those of a dbt model, and the name of that model."""
    for model in found.models:
        if not (model.relation or model.path):
            yield ("model", model.name), model.ref or model.name
    for spine in found.time_spines:
        if not spine.relation:
            yield ("time_spine", spine.name), spine.ref or spine.name


def _place(found: Decoded, key: Key) -> Location | None:
    place = found.places.get(key)
    return place.text.at((*place.steps, "name")) if place else None


def _unknown_refs(
    layout: Layout, texts: Texts, queries: Mapping[str, SqlModel], found: Decoded
) -> Iterator[Issue]:
    """Every model that dbt should build and, by its manifest, does not."""
    manifest = layout.manifest
    assert manifest is not None, "there is a manifest to look into"
    files = {PurePosixPath(path).stem.lower(): path for path in texts.unread}
    for key, name in _refs(found):
        if name in manifest.refs or name in queries:
            continue
        why = manifest.unbuilt.get(name, f"is not in {manifest.path}")
        hint = did_you_mean(name, manifest.refs)
        if name in files and name not in manifest.unbuilt:
            hint = f"{files[name]} is newer than the manifest: {PARSE}"
        message = f"the dbt model `{name}` {why}"
        hint = hint or f"{PARSE} if it is new, or say where its rows are: `relation: ..`"
        yield Issue("unknown-ref", message, _place(found, key), hint)


def _guessed_places(layout: Layout, documents: list[Document], found: Decoded) -> Iterator[Issue]:
    """What is not known without dbt's manifest: where models are built, in which dialect."""
    dbt = layout.dbt
    assert dbt is not None, "there is a dbt project"
    needed = dict(_refs(found))
    if not needed:
        return
    shown = shown_from(layout.root, dbt.folder / dbt.target_path / "manifest.json")
    message = f"there is no {shown}: dbt's models are looked for in the target's schema"
    if not layout.is_dialect_given:
        message += f", and expressions are read as {DIALECT}"
    place = Location(shown_from(layout.root, dbt.folder / DBT_FILE))
    yield Issue("no-manifest", message, place, PARSE, "warning")
    moved = {name: key for document in documents for name, key in _moved_by_config(document)}
    for name in dict.fromkeys(needed.values()):
        if name in moved:
            location, key = moved[name]
            message = (
                f"dbt builds `{name}` somewhere else, by its `{key}`, and only dbt knows where"
            )
            yield Issue("no-manifest", message, location, PARSE, "warning")


def _guessed_relations(layout: Layout, found: Decoded) -> dict[str, str]:
    """Tables of dbt's models as it names them by default, without a version and a package."""
    quote = quote_of(layout.config.dialect)
    refs = {name for _, name in _refs(found) if "." in name or layout.dbt is not None}
    return {name: quoted(_VERSION.sub(r"_v\1", name).split(".")[-1], quote) for name in refs}


def _moved_by_config(document: Document) -> Iterator[tuple[str, tuple[Location, str]]]:
    """Models whose properties name another schema, database or alias."""
    data = document.data if isinstance(document.data, dict) else {}
    models = data.get("models")
    for index, entry in enumerate(models if isinstance(models, list) else ()):
        name = entry.get("name") if isinstance(entry, dict) else None
        config = entry.get("config") if isinstance(entry, dict) else None
        for key in ("database", "schema", "alias"):
            if isinstance(name, str) and isinstance(config, dict) and config.get(key):
                place = document.at_key(("models", index, "config", key))
                yield name.lower(), (place, key)


def _described_sources(layout: Layout, found: Decoded) -> dict[tuple[str, str], str]:
    """Relations of the tables under `sources:`, quoted as the definitions' dialect does."""
    quote = quote_of(layout.config.dialect)
    return {
        (source.name, table.name): ".".join(quoted(p, quote) for p in source.parts(table))
        for source in found.sources
        for table in source.tables
        if source.config.enabled and table.config.enabled
    }


def _described_files(found: Decoded) -> dict[tuple[str, str], str]:
    """The files of those tables under `sources:` that are files."""
    return {
        (source.name, table.name): files
        for source in found.sources
        for table in source.tables
        if source.config.enabled and table.config.enabled and (files := source.files(table))
    }


# --------------------------------------------------------------------------------------- SQL models


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
        models[name] = SqlModel(name, path, rendered, at, text)
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
