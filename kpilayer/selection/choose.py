"""A parsed selection over a project: which metrics and semantic models it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from kpilayer.errors import Issue, QueryError, did_you_mean, listing
from kpilayer.model.definitions import Definitions, Key, Kind
from kpilayer.model.metric import Metric
from kpilayer.model.semantic_model import Model
from kpilayer.selection.dependencies import Dependencies, reachable
from kpilayer.selection.grammar import NAME, Part, Union, globbed, parse
from kpilayer.selection.state import Changes

_MOST: Final = 20
"""Names that are told as unknown, each with a search for what was meant."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was selected, names in order; ``reads`` adds everything that it is computed from.

    ``doubts`` are sentences on parts that match nothing, and on what a state lacks.
    """

    metrics: tuple[str, ...]
    models: tuple[str, ...]
    reads: frozenset[Key]
    doubts: tuple[str, ...]


def choose(
    dependencies: Dependencies,
    select: Sequence[str] | None,
    exclude: Sequence[str],
    kinds: Sequence[Kind],
    changes: Changes | None,
) -> Selection:
    """What ``select`` holds (None: everything) and ``exclude`` does not, of these kinds.

    Raises:
        QueryError: every fault of the grammar, and every unknown name.
        ConfigError: what `state:` compares with does not say enough.
    """
    wanted, issues = parse(select or (), "select")
    unwanted, more = parse(exclude, "exclude")
    reader = _Reader(dependencies, tuple(kinds), changes)
    issues += [*more, *reader.unknown(wanted, unwanted)]
    if issues:
        raise QueryError(issues)
    everything = {key for key in reader.nodes if key[0] in kinds}
    found = everything if select is None else reader.union(wanted)
    found = found - reader.union(unwanted)
    kept = found & everything
    doubts = list(reader.doubts((*wanted, *unwanted)))
    if not kept:
        doubts.append(_nothing(kinds, found))
    return Selection(
        _names(kept, "metric"),
        _names(kept, "model"),
        frozenset(reachable(dependencies.upstream, kept)),
        tuple(doubts),
    )


def _names(keys: Iterable[Key], kind: Kind) -> tuple[str, ...]:
    """In the order of every list of definitions: by name."""
    return tuple(sorted(name for of, name in keys if of == kind))


def _nothing(kinds: Sequence[Kind], found: set[Key]) -> str:
    words = " and ".join(f"{kind}s" for kind in kinds)
    other = [name for kind, name in sorted(found) if kind not in kinds]
    if not other:
        return f"the selection holds no {words}"
    side = "what is computed from it: `m+`" if kinds == ("metric",) else "what it reads: `+m`"
    return f"the selection holds no {words}, only {listing(other)}; a sign selects {side}"


@dataclass(frozen=True)
class _Reader:
    """What parts stand for, each looked up once."""

    dependencies: Dependencies
    kinds: tuple[Kind, ...]
    changes: Changes | None
    _known: dict[Part, frozenset[Key]] = field(default_factory=dict)
    _matched: dict[tuple[str, str], set[Key]] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> Mapping[Key, Metric | Model | None]:
        """Everything that can be selected; None stands for what could not be decoded."""
        definitions = self.dependencies.catalog.definitions
        found: dict[Key, Metric | Model | None] = {
            (kind, name): None
            for kind, name in sorted(definitions.broken)
            if kind in ("metric", "model") and name
        }
        found |= {("metric", metric.name): metric for metric in definitions.metrics}
        return found | {("model", model.name): model for model in definitions.models}

    @cached_property
    def index(self) -> Mapping[str, Mapping[str, Sequence[Key]]]:
        """By method and value, what has it."""
        found: dict[str, dict[str, list[Key]]] = {}
        definitions = self.dependencies.catalog.definitions
        owners = {group.name: _texts(group.owner.model_dump()) for group in definitions.groups}
        for key, node in self.nodes.items():
            for method, value in dict.fromkeys(_values(definitions, owners, key, node)):
                found.setdefault(method, {}).setdefault(value, []).append(key)
        for name, metric in self.dependencies.catalog.metrics.items():
            home = self._home(metric)
            if home is not None:
                found.setdefault("model", {}).setdefault(home, []).append(("metric", name))
        return found

    def _home(self, metric: Metric) -> str | None:
        """The model whose rows it aggregates; a variant's is that of the metric it narrows."""
        metrics = self.dependencies.catalog.metrics
        while metric.type == "simple" and metric.inputs:
            metric = metrics[metric.inputs[0].name]
        home = getattr(metric, "model", None)
        return home if isinstance(home, str) else None

    def union(self, parts: Union) -> set[Key]:
        """What any of the intersections holds."""
        found: set[Key] = set()
        for together in parts:
            first, *rest = together
            kept = self.part(first)
            for part in rest:
                kept = kept & self.part(part)
            found |= kept
        return found

    def part(self, part: Part) -> frozenset[Key]:
        """What a part matches, and what is up and down from there."""
        known = self._known.get(part)
        if known is not None:
            return known
        start, links = self.matched(part), self.dependencies
        found = start | reachable(links.upstream, start, part.up)
        found |= reachable(links.downstream, start, part.down)
        if part.around:
            found = reachable(links.upstream, reachable(links.downstream, start))
        self._known[part] = frozenset(found)
        return self._known[part]

    def matched(self, part: Part) -> set[Key]:
        """What a part matches by itself."""
        key = (part.method, part.value)
        if key not in self._matched:
            self._matched[key] = self._look_up(part)
        return self._matched[key]

    def _look_up(self, part: Part) -> set[Key]:
        match part.method:
            case "name":
                return self._by_name(part)
            case "metric":
                return self._of_kinds(part, ("metric",))
            case "path":
                return self._by_path(part)
            case "state":
                return self._by_state(part)
        return self._by_value(part, self.index.get(part.method, {}))

    def _by_name(self, part: Part) -> set[Key]:
        """A name is that of the kind that is wanted; of the other where there is none."""
        found = self._of_kinds(part, self.kinds)
        return found or self._of_kinds(part, ("metric", "model"))

    def _of_kinds(self, part: Part, kinds: Sequence[Kind]) -> set[Key]:
        name = part.value.lower()
        if not part.is_glob:
            return {(kind, name) for kind in kinds if (kind, name) in self.nodes}
        fits = globbed(name).fullmatch
        return {key for key in self.nodes if key[0] in kinds and fits(key[1])}

    def _by_value(self, part: Part, by_value: Mapping[str, Sequence[Key]]) -> set[Key]:
        value = part.value
        if part.method in ("model", "type", "status"):  # words that definitions write in any case
            value = value.lower()
        if not part.is_glob:
            return set(by_value.get(value, ()))
        fits = globbed(value).fullmatch
        return {key for known, keys in by_value.items() if fits(known) for key in keys}

    def _by_path(self, part: Part) -> set[Key]:
        """The file, everything in the folder, or whatever a glob fits; `*` crosses folders."""
        value = part.value.replace("\\", "/").removeprefix("./").rstrip("/")
        by_path = self.index.get("path", {})
        if value in ("", "."):
            return {key for keys in by_path.values() for key in keys}
        fits = globbed(value).fullmatch
        folder = value + "/"
        return {
            key
            for path, keys in by_path.items()
            if path == value or path.startswith(folder) or (part.is_glob and fits(path))
            for key in keys
        }

    def _by_state(self, part: Part) -> set[Key]:
        assert self.changes is not None, "a selection by state without one is refused"
        return {key for key in self.nodes if self.changes.holds(part.value, key)}

    def unknown(self, *unions: Union) -> Iterator[Issue]:
        """Names that nothing has, and states with nothing to compare to."""
        parts = [part for union in unions for together in union for part in together]
        missing = [part for part in parts if self._is_unknown(part)]
        for part in missing[:_MOST]:
            yield self._unknown(part)
        if len(missing) > _MOST:
            yield Issue("unknown-metric", f"{len(missing) - _MOST} more names are unknown")
        for part in parts:
            if part.method == "state" and self.changes is None:
                message = f"`{part.named}` compares with another version of the project"
                hint = "name it: `--state git:main`, or a folder with definitions or a manifest"
                yield Issue("missing-field", message, part.place, hint)
                return

    def _is_unknown(self, part: Part) -> bool:
        if part.method not in (NAME, "metric", "model") or part.is_glob:
            return False
        kinds = _kinds_of(part)
        may_exist = self.dependencies.catalog.definitions.may_exist
        return not any(
            (kind, part.value.lower()) in self.nodes or may_exist(kind, part.value.lower())
            for kind in kinds
        )

    def _unknown(self, part: Part) -> Issue:
        kinds = _kinds_of(part)
        known = [name for kind, name in self.nodes if kind in kinds]
        what = " or ".join("semantic model" if kind == "model" else kind for kind in kinds)
        code = "unknown-model" if kinds == ("model",) else "unknown-metric"
        hint = did_you_mean(part.value, known)
        message = f"there is no {what} `{part.value}`"
        return Issue(code, message, part.place, hint or "globs have stars: `*revenue*`")

    def doubts(self, parts: Union) -> Iterator[str]:
        """A sentence for each part that matches nothing, and for what a state lacks."""
        by_state = any(part.method == "state" for together in parts for part in together)
        if by_state and self.changes is not None:
            yield from self.changes.before.doubts
        if by_state and self.changes is not None and self.kinds == ("model",):
            if not self.changes.knows_models:
                yield f"`{self.changes.before.shown}` holds no semantic models to compare with"
        empty = [
            part
            for together in parts
            for part in together
            if part.method != "state" and not self.matched(part)
        ]
        for part in list(dict.fromkeys(empty))[:_MOST]:
            known = self.index.get(part.method, {})
            hint = None if part.is_glob else did_you_mean(part.value, known)
            yield f"`{part.named}` matches nothing" + (f"; {hint}" if hint else "")


def _kinds_of(part: Part) -> tuple[Kind, ...]:
    match part.method:
        case "metric":
            return ("metric",)
        case "model":
            return ("model",)
    return ("metric", "model")


def _values(
    definitions: Definitions,
    owners: Mapping[str, Sequence[str]],
    key: Key,
    node: Metric | Model | None,
) -> Iterator[tuple[str, str]]:
    """What a definition can be selected by: method and value."""
    place = definitions.at(*key)
    if place is not None:
        yield "path", place.path
    if key[0] == "model":
        yield "model", key[1]
        if key[1] in definitions.queries:
            yield "path", definitions.queries[key[1]].path
    if node is None:
        return
    config = node.config
    yield from (("tag", tag) for tag in config.tags)
    yield from (("owner", owner) for owner in _texts(config.meta.get("owner")))
    if config.group is not None:
        yield "group", config.group
        yield "owner", config.group
        yield from (("owner", owner) for owner in owners.get(config.group, ()))
    if not isinstance(node, Model):
        yield "type", node.type
        yield "status", node.status


def _texts(value: Any) -> tuple[str, ...]:
    """The names that an owner is written by: a text, several, or a mapping of them."""
    match value:
        case str():
            return (value,)
        case Mapping():
            return tuple(text for inner in value.values() for text in _texts(inner))
        case list() | tuple():
            return tuple(text for inner in value for text in _texts(inner))
    return ()
