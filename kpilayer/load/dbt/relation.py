"""Where the rows of a legacy semantic model are: `relation`, `ref`, or neither.

Issues: ``missing-field``, ``bad-value``.
"""

from __future__ import annotations

import re
from typing import Final

from kpilayer.load.dbt.manifest import DbtManifest
from kpilayer.load.dbt.project import DbtProject
from kpilayer.load.dbt.reading import Fields, Parts, Reading
from kpilayer.load.moved import Part

NODE: Final = frozenset({"alias", "schema_name", "database", "relation_name"})

_QUOTED: Final = r"""\s*(?:'([^']+)'|"([^"]+)")\s*"""
_REF: Final = re.compile(
    rf"""\s*(?:\{{\{{-?)?\s*(ref|source)\({_QUOTED}(?:,{_QUOTED})?"""
    r"""(?:,\s*v(?:ersion)?\s*=\s*['"]?([^'")\s]+)['"]?\s*)?,?\s*\)\s*(?:-?\}\})?\s*"""
)
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RELATION_PART: Final = re.compile(r'"((?:[^"]|"")+)"|`([^`]+)`|\[([^\]]+)\]|([^."`\[\]]+)')
_WORDS: Final = frozenset(
    [
        "all",
        "and",
        "as",
        "asc",
        "between",
        "by",
        "case",
        "cast",
        "create",
        "cross",
        "desc",
        "distinct",
        "else",
        "end",
        "except",
        "exists",
        "false",
        "for",
        "from",
        "full",
        "grant",
        "group",
        "having",
        "in",
        "inner",
        "intersect",
        "into",
        "is",
        "join",
        "left",
        "like",
        "limit",
        "natural",
        "not",
        "null",
        "offset",
        "on",
        "or",
        "order",
        "outer",
        "right",
        "select",
        "set",
        "table",
        "then",
        "to",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "values",
        "when",
        "where",
        "window",
        "with",
    ]
)


def source_parts(found: Fields, reading: Reading, part: Part, name: str | None) -> Parts:
    """Where the rows are: `relation`, `ref` or neither."""
    if "node_relation" in found:
        return node_relation(found["node_relation"], reading)
    model = found.get("model")
    if model is None:
        if not found.keys() & {"relation", "path", "ref"}:
            message = f"semantic model `{name}` needs `model`" if name else "needs `model`"
            hint = "write `model: ref('name')`"
            reading.report("missing-field", message, part, hint)
        return {}
    text = model.value
    match = _REF.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        if isinstance(text, str) and ("{{" in text or "{%" in text):
            return {"relation": model}
        word = isinstance(text, str) and _PLAIN.fullmatch(text)
        hint = f"write `ref('{text}')`" if word else "write `ref('name')`"
        reading.report("bad-value", "`model` of a semantic model is `ref('name')`", model, hint)
        return {}
    function, *names, version = match.groups()
    first, second = names[0] or names[1], names[2] or names[3]
    if function == "source":
        return {"relation": model if "{{" in text else model.made(f"{{{{ {text.strip()} }}}}")}
    # The first of two names is the package.
    wanted = f"{first}.{second}" if second else first
    wanted = reading.short((wanted + (f".v{version}" if version else "")).lower())
    return {"ref": model.made(wanted)} if wanted != name else {}


def short_name(name: str, dbt: DbtProject | None, manifest: DbtManifest | None) -> str:
    """The name of a dbt model for `ref` without its package, where that is the same model.

    >>> short_name("finance.orders", None, None)
    'finance.orders'
    """
    package, _, rest = name.partition(".")
    if dbt is not None and package == dbt.name.lower() and rest:
        return rest
    refs = manifest.refs if manifest is not None else {}
    return rest if name in refs and refs.get(rest) == refs[name] else name


def node_relation(part: Part, reading: Reading) -> Parts:
    """A table as MetricFlow names it: its `relation`, and the dbt model as `ref`."""
    found = reading.fields(part, NODE, "`node_relation`")
    if found is None:
        return {}
    texts = {k: v.value for k, v in found.items() if isinstance(v.value, str) and v.value}
    for key in found.keys() - texts.keys():
        reading.report("bad-value", f"`{key}` takes text", found[key])
    alias = texts.get("alias")
    if alias is None:
        if "alias" not in found:
            reading.report("missing-field", "`node_relation` needs `alias`", part)
        return {}
    if "relation_name" in texts:
        return relation_parts(found["relation_name"], reading) | {"ref": found["alias"]}
    names = [texts[k] for k in ("database", "schema_name", "alias") if k in texts]
    relation = ".".join(_quoted(name, False) for name in names)
    return {"relation": part.made(relation), "ref": found["alias"]}


def relation_parts(part: Part, reading: Reading) -> Parts:
    """A table as an adapter writes it: its `relation`, and its last part as `ref`."""
    found = _RELATION_PART.findall(part.value) if isinstance(part.value, str) else []
    if not found:
        reading.report("bad-value", f"`{part.path[-1]}` takes a table, as `schema.table`", part)
        return {}
    names = [a.replace('""', '"') or b or c or d.strip() for a, b, c, d in found]
    quoted = [not d for *_, d in found]
    relation = ".".join(_quoted(n, q) for n, q in zip(names, quoted, strict=True))
    return {"relation": part.made(relation), "ref": part.made(names[-1])}


def _quoted(name: str, in_quotes: bool) -> str:
    """A part of a relation, in double quotes where it would not be read as it is otherwise."""
    plain = _PLAIN.fullmatch(name) and name.lower() not in _WORDS
    if plain and (not in_quotes or name == name.lower()):
        return name
    return '"' + name.replace('"', '""') + '"'
