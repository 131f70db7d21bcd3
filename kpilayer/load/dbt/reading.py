"""Reading another form of a definition: known keys, required ones, shapes; problems as issues.

Nothing of a text vanishes in silence: a key is translated, passed on, known to say nothing, or
reported. In an artefact that dbt wrote, a later dbt may have added keys: those are warnings.

Issues: ``unknown-field``, ``missing-field``, ``bad-value``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from kpilayer.errors import Issue, did_you_mean, listing
from kpilayer.load.dbt.switches import truth
from kpilayer.load.moved import Built, Part

Fields = dict[str, Part]
Parts = dict[str, Part | Built]

#: What dbt keeps beside its definitions in artefacts, for itself.
BOOKKEEPING: Final = frozenset(
    {"checksum", "created_at", "datatype", "depends_on", "doc_blocks", "docs", "file_key_name"}
    | {"fqn", "input_measures", "metadata", "metrics", "original_file_path", "package_name"}
    | {"patch_path", "path", "refs", "resource_type", "source_file", "sources", "unique_id"}
    | {"unrendered_config"}
)


@dataclass(slots=True)
class Reading:
    """What has been found so far. ``artefact``: the text was written by dbt, not by people.

    ``short`` gives the name of a dbt model without its package, where that says the same.
    """

    issues: list[Issue]
    artefact: bool = False
    short: Callable[[str], str] = str
    errors: int = field(default=0, init=False)

    def report(self, code: str, message: str, part: Part, hint: str | None = None) -> None:
        """An error at a value."""
        self.errors += 1
        self.issues.append(Issue(code, message, part.at(), hint))

    def fields(
        self, part: Part, known: frozenset[str], what: str, passed: frozenset[str] = frozenset()
    ) -> Fields | None:
        """The entries of a mapping that have a value; None where it is none.

        Keys in ``known`` and ``passed`` are returned, others reported.
        """
        if not isinstance(part.value, dict):
            self.report("bad-value", f"{what} is a mapping", part)
            return None
        found: Fields = {}
        _, document, path = part
        for key, value in part.value.items():
            if key in known or key in passed:
                if value is not None:
                    found[key] = Part(value, document, (*path, key))
            else:
                self.unknown(part.part(key), what, known | passed)
        return found

    def unknown(self, part: Part, what: str, known: Iterable[str]) -> None:
        """A key that nobody knows."""
        key = str(part.path[-1])
        if self.artefact and (key in BOOKKEEPING or part.value in (None, "", [], {})):
            return
        hint = did_you_mean(key, known)
        message = f"unknown field `{key}`: {what} holds {listing(tuple(known), most=20)}"
        message = message if hint is None else f"unknown field `{key}`"
        if not self.artefact:
            self.errors += 1
        severity: Any = "warning" if self.artefact else "error"
        self.issues.append(Issue("unknown-field", message, part.at_key(), hint, severity))

    def needs(self, found: Fields, keys: tuple[str, ...], what: str, part: Part) -> bool:
        """Whether all keys are there; what is missing is reported."""
        missing = [key for key in keys if key not in found]
        for key in missing:
            self.report("missing-field", f"{what} needs `{key}`", part)
        return not missing

    def entries(self, part: Part | None, what: str) -> list[Part]:
        """The entries of a list; none where the list is absent or something else."""
        if part is None or part.value is None:
            return []
        if not isinstance(part.value, list):
            self.report("bad-value", f"`{part.path[-1]}` is a list of {what}", part)
            return []
        return [Part(v, part.document, (*part.path, n)) for n, v in enumerate(part.value)]

    def flag(self, part: Part | None) -> bool:
        """A value that is true or false, in the words of YAML 1.1; false where it is absent."""
        found = truth(part.value) if part is not None else False
        if part is not None and found is None:
            self.report("bad-value", f"`{part.path[-1]}` takes true or false", part)
        return found is True

    def name(self, part: Part | None) -> str | None:
        """A name in lower case."""
        if part is None:
            return None
        if isinstance(part.value, str) and part.value:
            return part.value.lower()
        self.report("bad-value", f"`{part.path[-1]}` takes a name", part)
        return None


def lowered(part: Part) -> Part:
    """A word of dbt's, which may stand in capitals, in lower case."""
    value = part.value
    if isinstance(value, str) and "{" not in value and value != value.lower():
        return part.made(value.lower())
    return part


def conditions(part: Part | None) -> list[Part]:
    """A filter as a list of conditions: text, a list of them, or the shape of artefacts."""
    if part is None or part.value is None:
        return []
    value = part.value
    if isinstance(value, dict) and isinstance(value.get("where_filters"), list):
        filters = part.part("where_filters")
        found = [filters.part(n) for n in range(len(filters.value))]
        return [_template(f) for f in found]
    if isinstance(value, list):
        return [part.part(n) for n in range(len(value))]
    return [part]


def _template(part: Part) -> Part:
    is_one = isinstance(part.value, dict) and "where_sql_template" in part.value
    return part.part("where_sql_template") if is_one else part


def joined(home: Part, *filters: Part | None) -> Part | Built | None:
    """Filters that must all hold, in this order, as one; None where there is none."""
    given = [f for f in filters if f is not None and f.value not in (None, [], {})]
    if not given:
        return None
    if len(given) == 1 and not isinstance(given[0].value, dict):
        return given[0]
    found = [c for f in given for c in conditions(f)]
    return Built(home, list(found)) if found else None


def window(part: Part) -> Part:
    """A length of time as text: artefacts hold count and grain apart."""
    value = part.value
    if isinstance(value, dict) and {"count", "granularity"} <= value.keys():
        return part.made(f"{value['count']} {value['granularity']}")
    return lowered(part)


def config(home: Part, found: Fields, inherited: object = None) -> Part | Built | None:
    """`config:` with what stands beside it: meta, tags and group, and meta of the whole model."""
    own = found.get("config")
    if not inherited and found.keys().isdisjoint(("meta", "tags", "group")):
        return own
    if own is not None and not isinstance(own.value, dict):
        return own  # said when it is decoded
    parts: Parts = {} if own is None else {k: own.part(k) for k in own.value}
    for key in ("group", "tags"):
        if key in found and not _given(parts.get(key)):
            parts[key] = found[key]
    metas = [m for m in (found.get("meta"), parts.get("meta")) if isinstance(m, Part) and m.value]
    wrong = [m for m in metas if not isinstance(m.value, dict)]
    shared = inherited if isinstance(inherited, dict) else {}
    if wrong:
        parts["meta"] = wrong[0]
    elif shared or "meta" in found:
        merged = dict(shared)
        for meta in metas:
            merged |= meta.value
        parts["meta"] = metas[-1].made(merged) if metas else home.made(merged, "meta")
    if own is not None and parts.keys() == own.value.keys() and "meta" not in parts:
        return own
    return Built(own or home, parts) if parts else own


def _given(part: Part | Built | None) -> bool:
    return isinstance(part, Built) or (part is not None and bool(part.value))
