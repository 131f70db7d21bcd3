"""dbt's profiles.yml to a :class:`Target`: which warehouse, and with which settings.

The first folder that has a profiles.yml counts, in this order: ``--profiles-dir``,
``KPILAYER_PROFILES_DIR``, ``DBT_PROFILES_DIR``, the project's folder, ``~/.kpilayer``, ``~/.dbt``.
A project that names no profile runs on DuckDB at ``.kpilayer/<project>.duckdb``.

Nothing here shows a secret: settings hide them in ``repr``, and the locations of issues come
without the source line, which may hold a password.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from kpilayer.errors import ConfigError, Issue, Location, did_you_mean, listing
from kpilayer.load import profile_text
from kpilayer.load.document import Document, YamlPath
from kpilayer.load.files import MAX_BYTES
from kpilayer.load.reader import read_yaml
from kpilayer.warehouse.redact import Settings

DIALECTS: Final[Mapping[str, str]] = MappingProxyType(
    {"chdb": "clickhouse", "mariadb": "mysql", "motherduck": "duckdb", "sqlserver": "tsql"}
)
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """One output of a profile, rendered.

    ``type`` is dbt's word (``sqlserver``), ``dialect`` sqlglot's (``tsql``); a type that is not
    known is its own dialect. ``settings`` holds every key of the output except ``type``. ``path``
    is the profiles.yml that was read; None for the default target, and then ``profile`` is empty.
    """

    profile: str
    name: str
    type: str
    dialect: str
    schema: str | None
    settings: Mapping[str, object]
    path: Path | None
    missing: tuple[Issue, ...] = ()
    """Why there is nothing to connect to, where definitions can be compiled all the same."""
    beside: tuple[tuple[str, str], ...] = ()
    """The profile's other targets with their schemas, where these stand there in plain words."""

    def __post_init__(self) -> None:
        if not isinstance(self.settings, Settings):
            object.__setattr__(self, "settings", Settings(self.settings))

    @property
    def is_default(self) -> bool:
        """Whether no profile was named, so that a missing database file is no mistake."""
        return self.path is None and not self.profile

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={getattr(self, name)!r}"
            for name in ("profile", "name", "type", "dialect", "schema", "settings")
        )
        return f"Target({shown}, path={str(self.path) if self.path else None!r})"


class NoProfiles(ConfigError):
    """A profile is named, and there is no profiles.yml."""


def unconnected(error: ConfigError, profile: str, dialect: str) -> Target:
    """A target that compiles and cannot be connected to, for a project without its profiles.yml."""
    return Target(profile, "", dialect, dialect, None, {}, None, tuple(error.issues))


def find_target(
    *,
    project_dir: Path,
    project_name: str,
    profile: str | None,
    profile_flag: str | None = None,
    target_flag: str | None = None,
    profiles_dir: Path | None = None,
    variables: Mapping[str, object] = _NOTHING,
    environ: Mapping[str, str] = os.environ,
) -> Target:
    """The target that a command runs against; ``profile`` is the one named in the project file.

    Only the chosen output is rendered, so that another one's environment need not be set.

    Raises:
        NoProfiles: no profiles.yml was found.
        ConfigError: ``bad-profile``, ``missing-env-var``, ``unknown-var``, ``unreadable-file``,
            ``yaml-syntax``, ``duplicate-key``; every problem of the chosen output at once.
    """
    wanted = profile_flag or profile
    if wanted is None:
        if target_flag is not None:
            message = f"the target `{target_flag}` needs a profile, and the project names none"
            raise _failure(message, hint="add `profile:` to kpilayer.yml, or pass `--profile`")
        return default_target(project_dir, project_name)
    path = _find_file(wanted, project_dir, profiles_dir, environ)
    document = _read(path, project_dir)
    reading = _Reading(document, path, variables, environ, [])
    target = reading.target(wanted, target_flag)
    if reading.issues or target is None:
        raise ConfigError(reading.issues)
    return target


def default_target(project_dir: Path, project_name: str) -> Target:
    """DuckDB at ``<project_dir>/.kpilayer/<project_name>.duckdb``, schema ``main``."""
    path = project_dir / ".kpilayer" / f"{project_name}.duckdb"
    return Target("", "default", "duckdb", "duckdb", "main", {"path": str(path)}, None)


def folders(
    project_dir: Path, profiles_dir: Path | None, environ: Mapping[str, str]
) -> Iterator[Path]:
    """The folders searched for profiles.yml, first one first."""
    if profiles_dir is not None:
        yield profiles_dir
        return  # a folder asked for by flag is meant: another one could lead to another warehouse
    for name in ("KPILAYER_PROFILES_DIR", "DBT_PROFILES_DIR"):
        if environ.get(name):
            yield Path(environ[name]).expanduser()
    yield project_dir
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    yield home / ".kpilayer"
    yield home / ".dbt"


def _find_file(
    wanted: str, project_dir: Path, profiles_dir: Path | None, environ: Mapping[str, str]
) -> Path:
    searched = list(dict.fromkeys(folders(project_dir, profiles_dir, environ)))
    for folder in searched:
        path = folder / "profiles.yml"
        if path.is_file():
            return path
    places = ", ".join(f"`{folder}`" for folder in searched)
    message = f"the profile `{wanted}` is named, but there is no profiles.yml in {places}"
    raise NoProfiles(Issue("bad-profile", message, None, "write one, or pass `--profiles-dir DIR`"))


def _read(path: Path, project_dir: Path) -> Document:
    shown = str(path)
    if path.is_relative_to(project_dir):
        shown = path.relative_to(project_dir).as_posix()
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            what = f"the file has more than {MAX_BYTES:,} bytes"
            raise ConfigError(Issue("too-large", what, Location(shown)))
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        place = Location(shown)
        raise ConfigError(Issue("unreadable-file", f"it cannot be read: {why}", place)) from None
    document, issues = read_yaml(shown, text)
    problems = [_without_text(issue) for issue in issues if issue.severity == "error"]
    if document is None or problems:
        raise ConfigError(problems or Issue("bad-profile", "it is empty", Location(shown)))
    return document


def _without_text(issue: Issue) -> Issue:
    """A reader's issue without what it quotes: the line, or a word of it, may be a secret."""
    message, hint = issue.message, issue.hint
    if issue.code not in ("duplicate-key", "too-large"):
        message = "the text is not well-formed YAML here"
        hint = "check indentation, quotes and colons; put a value with special characters in quotes"
    place = _bare(issue.location) if issue.location else None
    see = tuple((label, _bare(other)) for label, other in issue.see)
    return replace(issue, message=message, hint=hint, location=place, see=see)


def _bare(location: Location) -> Location:
    return replace(location, text=None)


@dataclass(slots=True)
class _Reading:
    """One profiles.yml being read; problems are collected in ``issues``."""

    document: Document
    path: Path
    variables: Mapping[str, object]
    environ: Mapping[str, str]
    issues: list[Issue]

    def target(self, profile: str, target_flag: str | None) -> Target | None:
        profiles = self._mapping((), "profiles.yml", "profiles")
        known = [name for name in profiles if name != "config"]
        if profile not in profiles or profile == "config":
            self._report(f"there is no profile `{profile}`{_known(known)}", (),
                         did_you_mean(profile, known))  # fmt: skip
            return None
        body = self._mapping((profile,), f"the profile `{profile}`", "`target` and `outputs`")
        if "outputs" not in body:
            self._report(f"the profile `{profile}` has no `outputs`", (profile,), key=True)
            return None
        place: YamlPath = (profile, "outputs")
        outputs = self._mapping(place, f"`outputs` of `{profile}`", "targets by name")
        name = target_flag or self._named_target(profile, body, outputs)
        if name is None:
            return None
        if name not in outputs:
            shown = name
            if target_flag is None and "target" in body:
                place = (profile, "target")
                shown = str(body["target"])  # not rendered: it may have become a secret
            self._report(f"the profile `{profile}` has no target `{shown}`{_known(list(outputs))}",
                         place, did_you_mean(name, outputs), key=True)  # fmt: skip
            return None
        return self._output(profile, name)

    def _named_target(
        self, profile: str, body: Mapping[str, object], outputs: Mapping[str, object]
    ) -> str | None:
        """As the profile says, else ``default`` as dbt has it, else the only one there is."""
        if body.get("target") is not None:
            if isinstance(body["target"], dict | list):
                self._report("`target` is the name of one of the `outputs`", (profile, "target"))
                return None
            named = self._rendered(body["target"], (profile, "target"))
            return None if self.issues else str(named)
        if "default" in outputs or len(outputs) != 1:
            return "default"
        return next(iter(outputs))

    def _output(self, profile: str, name: str) -> Target | None:
        place: YamlPath = (profile, "outputs", name)
        body = self._mapping(place, f"the target `{name}`", "settings, `type` among them")
        values = {str(k): self._rendered(v, (*place, k)) for k, v in body.items()}
        if self.issues:
            return None
        kind = values.pop("type", None)
        if not isinstance(kind, str) or not kind:
            what = f"the target `{name}` has no `type`"
            self._report(what, place, "for example `type: duckdb`", key=True)
            return None
        kind = kind.lower()
        schema = values.get("schema", values.get("dataset"))
        if schema is not None and not isinstance(schema, str):
            self._report("`schema` is text; put it in quotes", (*place, "schema"))
            return None
        if schema is None and kind in ("duckdb", "motherduck"):
            schema = "main"
        dialect = DIALECTS.get(kind, kind)
        beside = tuple(self._beside(profile, name))
        return Target(profile, name, kind, dialect, schema, values, self.path, beside=beside)

    def _beside(self, profile: str, name: str) -> Iterator[tuple[str, str]]:
        outputs = self._mapping((profile, "outputs"), "`outputs`", "targets by name")
        for other, body in outputs.items():
            if other == name or not isinstance(body, dict):
                continue
            schema = body.get("schema", body.get("dataset"))
            if schema is None and body.get("type") in ("duckdb", "motherduck"):
                schema = "main"
            if isinstance(schema, str) and not profile_text.has_jinja(schema):
                yield str(other), schema

    def _rendered(self, value: object, place: YamlPath) -> object:
        match value:
            case str() if profile_text.has_jinja(value):
                rendered, issues = profile_text.render(
                    value,
                    _bare(self.document.at(place)),
                    variables=self.variables,
                    environ=self.environ,
                )
                self.issues += issues
                return rendered
            case dict():
                return {k: self._rendered(v, (*place, k)) for k, v in value.items()}
            case list():
                return [self._rendered(v, (*place, i)) for i, v in enumerate(value)]
            case _:
                return value

    def _mapping(self, place: YamlPath, what: str, of: str) -> Mapping[str, object]:
        value = self.document.data
        for step in place:
            assert isinstance(value, dict)
            value = value[step]
        if not isinstance(value, dict):
            self._report(f"{what} is not a mapping of {of}", place, key=bool(place))
            raise ConfigError(self.issues)
        return value

    def _report(
        self, message: str, place: YamlPath, hint: str | None = None, *, key: bool = False
    ) -> None:
        location = self.document.at_key(place) if key else self.document.at(place)
        self.issues.append(Issue("bad-profile", message, _bare(location), hint))


def _known(names: list[str]) -> str:
    return f"; there is {listing(names)}" if names else ""


def _failure(message: str, *, hint: str) -> ConfigError:
    return ConfigError(Issue("bad-profile", message, hint=hint))
