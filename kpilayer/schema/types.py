"""Types of definitions to JSON Schema: fields, their docstrings, and the spellings they accept.

What a field accepts besides its type (a word for a mapping, a text for a list) is written as a
function that runs before validation. Such a function is asked: what it makes of a word, a number
and nothing tells which other spellings there are.

Strings are rendered before they are typed. Where a value is no text, a text with Jinja may stand
for it; where kpilayer reads `"7"` as 7, the schema lets it.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal, get_args, get_origin

from kpilayer.grain import FISCAL, GRAINS
from kpilayer.model import kpi_parts, names, periods
from kpilayer.model.field_docs import field_docs
from kpilayer.model.names import Definition

Schema = dict[str, Any]

JINJA: Final = r"\{[{%]"
_JINJA_TEXT: Final[Schema] = {"type": "string", "pattern": JINJA}
_PROBES: Final[dict[str, Any]] = {"string": "word", "boolean": True, "integer": 1, "number": 0.5}
_FLAG_WORDS: Final = ("true", "false", "yes", "no", "on", "off")
_ANY_SPACE: Final = r"\s*"
_NOT_ANY_TYPE: Final = frozenset({"anyOf", "allOf", "not", "if", "enum", "const", "$ref"})


def any_case(words: Iterable[str]) -> str:
    """A pattern of these words in any case; JSON Schema has no flag for that.

    >>> any_case(["min", "max"])
    '[Mm][Ii][Nn]|[Mm][Aa][Xx]'
    """
    return "|".join(
        "".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in word) for word in words
    )


def nullable(schema: Schema) -> Schema:
    """The schema, and nothing."""
    return either(schema, {"type": "null"}) if schema else schema


def either(*schemas: Schema) -> Schema:
    """Any of the schemas; as one where their types are apart, since that reads and reports best.

    >>> either({"type": "string", "minLength": 1}, {"type": "null"})
    {'type': ['string', 'null'], 'minLength': 1}
    """
    found: list[Schema] = []
    for schema in schemas:
        for one in schema["anyOf"] if schema.keys() == {"anyOf"} else (schema,):
            if one in found:
                continue
            apart = next((n for n, other in enumerate(found) if _are_apart(other, one)), None)
            if apart is None:
                found.append(one)
            else:
                other = found[apart]
                found[apart] = {**other, **one, "type": [*_types(other), *_types(one)]}
    return found[0] if len(found) == 1 else {"anyOf": found}


def _types(schema: Schema) -> list[str]:
    given = schema.get("type", [])
    return [given] if isinstance(given, str) else list(given)


def _kinds(schema: Schema) -> set[str]:
    kinds = set(_types(schema))
    return kinds | ({"integer"} if "number" in kinds else set())


def _are_apart(one: Schema, other: Schema) -> bool:
    if not (_types(one) and _types(other)) or (one.keys() | other.keys()) & _NOT_ANY_TYPE:
        return False
    return not _kinds(one) & _kinds(other) and one.keys() & other.keys() == {"type"}


def given(key: str) -> Schema:
    """A mapping in which a key has a value."""
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


def not_both(one: str, other: str) -> Schema:
    """A mapping with one of two keys at most."""
    nothing = {"type": "null", "errorMessage": f"`{one}` or `{other}`, not both"}
    return {"if": given(one), "then": {"properties": {other: nothing}}}


def title_of(name: str) -> str:
    """A short title from the name of a class.

    >>> title_of("SimpleMetric")
    'simple metric'
    """
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()


@dataclass(frozen=True, slots=True)
class Shapes:
    """Schemas of types, each type once; ``defs`` holds them by name.

    ``templated``: strings may hold Jinja. ``rules``: what the types say in code, by name.
    """

    rules: Mapping[str, tuple[Schema, ...]] = field(default_factory=dict)
    templated: bool = True
    defs: dict[str, Schema] = field(default_factory=dict)

    def ref(self, kind: type[Definition]) -> Schema:
        """A reference to the schema of a type."""
        name = kind.__name__
        if name not in self.defs:
            self.defs[name] = {}  # a type may hold itself
            self.defs[name] |= self.mapping(kind)
        return {"$ref": f"#/$defs/{name}"}

    def mapping(self, kind: type[Definition]) -> Schema:
        """A mapping with the fields of a type."""
        name = kind.__name__
        schema: Schema = {
            "title": title_of(name),
            "description": (kind.__doc__ or "").strip(),
            "type": "object",
            "properties": {
                info.alias or key: self._property(info, field_docs(kind).get(key))
                for key, info in kind.model_fields.items()
            },
        }
        required = [i.alias or k for k, i in kind.model_fields.items() if i.is_required()]
        if required:
            schema["required"] = required
        if kind.model_config.get("extra") == "forbid":
            schema["additionalProperties"] = False
        if name in self.rules:
            schema["allOf"] = list(self.rules[name])
        return schema

    def _property(self, info: Any, text: str | None) -> Schema:
        schema = self._narrowed(self.of(info.annotation), info.annotation, info.metadata)
        about: Schema = {"description": text} if text else {}
        if isinstance(info.default, (bool, int, float, str)):
            about["default"] = info.default
        return {**about, **schema}

    def of(self, annotation: Any) -> Schema:
        """The schema of an annotation."""
        origin, args = get_origin(annotation), get_args(annotation)
        if origin is typing.Annotated:
            metadata = [
                inner for outer in args[1:] for inner in getattr(outer, "metadata", (outer,))
            ]
            return self._narrowed(self.of(args[0]), args[0], metadata)
        if origin is Literal:
            return self.choice(args)
        if origin in (typing.Union, types.UnionType):
            return either(*(self.of(a) for a in args))
        if origin is tuple:
            return self._tuple(args)
        if origin is dict:
            return self._dict(*args)
        if isinstance(annotation, type) and issubclass(annotation, Definition):
            return self.ref(annotation)
        return self._scalar(annotation)

    def choice(self, words: Iterable[Any], *, in_any_case: bool = False) -> Schema:
        """One of these words."""
        words = list(words)
        others = [rf"^(?:{any_case(words)})$"] if in_any_case else []
        others += [JINJA] if self.templated else []
        if not others:
            return {"enum": words}
        return either({"enum": words}, {"type": "string", "pattern": "|".join(others)})

    def text(self, pattern: str, rule: str) -> Schema:
        """Text of a form that can be told by a pattern."""
        return {
            "type": "string",
            "pattern": rf"{pattern}|{JINJA}" if self.templated else pattern,
            "patternErrorMessage": f"expected {rule}",
        }

    def _scalar(self, annotation: Any) -> Schema:
        if annotation is Any:
            return {}
        if annotation is type(None):
            return {"type": "null"}
        if annotation is str:
            return {"type": "string"}
        if annotation is date:
            return self.text("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "a date, as 2026-01-31")
        if annotation is bool:
            return self._or_text("boolean", rf"^(?:{any_case(_FLAG_WORDS)})$", "true or false")
        if annotation is int:
            return self._or_text("integer", "^[-+]?[0-9]+$", "a whole number")
        assert annotation is float, f"{annotation} has no schema"
        return self._or_text("number", "^[-+]?[0-9]*[.]?[0-9]+$", "a number")

    def _or_text(self, kind: str, pattern: str, rule: str) -> Schema:
        return {**self.text(pattern, rule), "type": [kind, "string"]}

    def _tuple(self, args: tuple[Any, ...]) -> Schema:
        if args[-1] is Ellipsis:
            return {"type": "array", "items": self.of(args[0])}
        items = [self.of(a) for a in args]
        return {
            "type": "array",
            "prefixItems": items,
            "minItems": len(items),
            "maxItems": len(items),
        }

    def _dict(self, key: Any, value: Any) -> Schema:
        inner = self.of(value)
        if get_origin(key) is Literal:
            properties = dict.fromkeys(get_args(key), inner)
            return {"type": "object", "properties": properties, "additionalProperties": False}
        return {"type": "object", "additionalProperties": inner} if inner else {"type": "object"}

    def _narrowed(self, schema: Schema, annotation: Any, metadata: Iterable[Any]) -> Schema:
        for one in metadata:
            function = getattr(one, "func", None)
            if function is not None:
                schema = self._respelled(schema, annotation, function)
            else:
                schema = schema | _bounds(one, _types(schema))
        return schema

    def _respelled(self, schema: Schema, annotation: Any, function: Callable[[Any], Any]) -> Schema:
        """With the other spellings of which a function makes what the type takes."""
        if function is names.lowered_grain:  # words to choose from; a project may have others
            return {"anyOf": [{"enum": [*GRAINS, *FISCAL]}, schema]}
        rule = _TEXTS.get(function)
        if rule is not None:
            text = self.text(*rule)
            return {**text, "type": ["number", "string"]} if function in _OR_NUMBERS else text
        word, number = function("word"), function(1)
        if function(None) is not None:
            schema = nullable(schema)
        if isinstance(word, tuple):
            items = next(s["items"] for s in schema.get("anyOf", [schema]) if "items" in s)
            alone = [k for k, one in _PROBES.items() if isinstance(function(one), tuple)]
            return either({**items, "type": [k for k in alone if k in _kinds(items)]}, schema)
        if isinstance(word, dict):
            (key,) = word
            kind = next(a for a in (annotation, *get_args(annotation)) if _is_definition(a))
            return either(self.of(kind.model_fields[key].annotation), schema)
        assert word == "word", f"{function} makes something new of a word"
        return either(schema, {"type": ["number", "boolean"]}) if number == "1" else schema


def _is_definition(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Definition)


def _bounds(one: Any, kinds: list[str]) -> Schema:
    """A limit of a field in the words of JSON Schema."""
    spelled = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
    found = {spelled[key]: getattr(one, key) for key in spelled if hasattr(one, key)}
    if hasattr(one, "min_length"):
        found["minItems" if "array" in kinds else "minLength"] = one.min_length
    return found


def _name_pattern() -> str:
    """The rule for names, and the words that are taken; names may be written in capitals."""
    rule = names._NAME.pattern.removeprefix(r"\A").removesuffix(r"\Z").replace("a-z", "A-Za-z")
    return rf"^(?!(?:{'|'.join(sorted(names._TAKEN))})$){rule}$"


_NUMBER: Final = rf"^{_ANY_SPACE}(?!0+\s)[0-9]{{1,6}}\s+"
_NAME_RULE: Final = "a name: letters, digits and single underscores, a letter first, two at least"
_HANDLE_RULE: Final = "a name on a code host, such as @example/finance, or a mail address"
_ZONE_RULE: Final = "a time zone of the IANA database: `UTC`, `Europe/Berlin`"
_LENGTH_RULE: Final = "a number from 1 up, a space and a grain: `28 days`, `1 month`"

_SPAN_RULE: Final = "hours, days or weeks: `24h`, `3d`, `2w`"
_TIMES_RULE: Final = "how often: `1`, or `2 of 3`"
_SHARE_RULE: Final = "a fraction or a percentage: `0.005`, `0.5%`"
#: Texts for which a number may stand as well.
_OR_NUMBERS: Final = frozenset({kpi_parts.checked_times, kpi_parts.checked_fraction})

#: Texts of a form of their own, by the function that checks them.
_TEXTS: Final[dict[Callable[[Any], Any], tuple[str, str]]] = {
    names.checked_name: (_name_pattern(), _NAME_RULE),
    names.checked_handle: (r"^@?[A-Za-z0-9_.+-]+([/@][A-Za-z0-9_.-]+)?$", _HANDLE_RULE),
    names.checked_zone: (r"^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", _ZONE_RULE),
    kpi_parts.checked_span: (
        rf"^{_ANY_SPACE}[0-9]{{1,5}}{_ANY_SPACE}[hdw]{_ANY_SPACE}$",
        _SPAN_RULE,
    ),
    kpi_parts.checked_times: (
        rf"^{_ANY_SPACE}[0-9]{{1,2}}( +of +[0-9]{{1,2}})?{_ANY_SPACE}$",
        _TIMES_RULE,
    ),
    kpi_parts.checked_fraction: (rf"^{_ANY_SPACE}[0-9.]+%?{_ANY_SPACE}$", _SHARE_RULE),
    periods.checked_length: (rf"{_NUMBER}[A-Za-z][A-Za-z0-9_]*{_ANY_SPACE}$", _LENGTH_RULE),
    periods.checked_standard_length: (
        rf"{_NUMBER}(?:{any_case(GRAINS)})[Ss]?{_ANY_SPACE}$",
        _LENGTH_RULE,
    ),
}
