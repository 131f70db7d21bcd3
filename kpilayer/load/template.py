"""Strings and files with Jinja to plain text, in a sandbox.

Templates come with pull requests, so nothing they do may reach past the text they make, take long
or take much memory. Three layers see to it, each enough for the known escapes on its own account:

1. The *tree* is checked before it is compiled: no tag that reads files, no ``_private`` attribute,
   no filter or test off the list. Then it is rewritten, so that every loop, list, ``~`` and piece
   of text passes through a function that counts.
2. The *environment* reads an attribute, calls a value or applies an operator only if it is on a
   list; everything else is refused, whatever Python would allow.
3. The *meter* of a render bounds loops and calls, sizes, depth and time.

Issues: ``jinja-error``, ``jinja-limit``, ``jinja-sandbox``, ``unknown-var``, ``missing-env-var``,
``not-supported-yet``, ``duplicate-name`` (macros) and the warning ``env-var-in-definition``.
"""

from __future__ import annotations

import re
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FrameType, TracebackType
from typing import Any, Final

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext, Macro, StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import Namespace, missing
from jinja2.visitor import NodeTransformer

from kpilayer.errors import Issue, Location, did_you_mean
from kpilayer.load.macros import (
    Fault,
    Function,
    GroupByName,
    MacroName,
    MacroSource,
    TargetInfo,
    at_word,
    builtin_functions,
    find_macro,
    index_macros,
    macro_names,
)

__all__ = ["TargetInfo", "Templates"]

MAX_STEPS: Final = 100_000  # loop iterations, calls, filters and pieces of text of a render
MAX_SECONDS: Final = 2.0
MAX_OUTPUT: Final = 1_000_000  # characters of one rendered text
MAX_MADE: Final = 4_000_000  # characters of all pieces, inside macros and blocks too
MAX_WEIGHT: Final = 1_000_000  # characters and items of one value, nested ones counted each time
MAX_KEPT: Final = 50_000_000  # the same of all values that were made
MAX_ITEMS: Final = 100_000  # of one range
MAX_BITS: Final = 4_096  # of one whole number
MAX_DEPTH: Final = 50  # macros calling macros
MAX_SOURCE: Final = 1_000_000  # characters of one template
MAX_TOKENS: Final = 50_000

_TAGS: Final = re.compile(r"\{\{|\{%|\{#")
_BREAK: Final = re.compile(r"\r\n|\r|\n")


class _Limit(Fault):
    """A bound was reached."""

    def __init__(self, what: str) -> None:
        super().__init__(what, "jinja-limit")


class _Forbidden(Fault):
    """Something outside the sandbox was reached for."""

    def __init__(self, what: str, word: str = "") -> None:
        super().__init__(what, "jinja-sandbox", word=word)


class _Unknown(Fault):
    """A name or attribute that is not there; the known names are filled in where it is caught."""


class _Meter:
    """What one render has used up."""

    def __init__(self) -> None:
        self.steps = self.made = self.kept = self.depth = 0
        self.until = time.monotonic() + MAX_SECONDS

    def tick(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise _Limit(f"more than {MAX_STEPS:,} loops and calls")
        if time.monotonic() > self.until:
            raise _Limit(f"the template ran longer than {MAX_SECONDS:g} seconds")

    def keep(self, value: object) -> Any:
        """A value made by an operator, filter or call, once it is counted."""
        self.tick()
        self.kept += _weight(value)
        if self.kept > MAX_KEPT:
            raise _Limit(f"values of more than {MAX_KEPT:,} characters and items in all")
        return value

    def make(self, text: str) -> str:
        """A piece of output, once it is counted."""
        self.tick()
        self.made += len(text)
        if self.made > MAX_MADE:
            raise _Limit(f"the template made more than {MAX_MADE:,} characters")
        return text


def _weigh(value: object) -> Any:
    """The value itself, if it is not too large."""
    _weight(value)
    return value


def _weight(value: object) -> int:
    """The characters and items of a value, refused where there are too many.

    Items are counted as often as they are reached: thirty lists that hold the one before twice
    are small in memory, but printing or comparing them takes as long as a billion items.
    """
    weight, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        weight += 1
        if isinstance(item, str):
            weight += len(item)
        elif isinstance(item, int):
            if item.bit_length() > MAX_BITS:
                raise _Limit(f"a number of more than {MAX_BITS:,} bits")
        elif isinstance(item, list | tuple | dict):
            if weight + len(item) <= MAX_WEIGHT:
                waiting += item
                if isinstance(item, dict):
                    waiting += item.values()
            weight += len(item)
        if weight + len(waiting) > MAX_WEIGHT:
            raise _Limit(f"a value of more than {MAX_WEIGHT:,} characters or items")
    return weight


def _room_for(size: int) -> None:
    """Refuse a result before it is made."""
    if size > MAX_WEIGHT:
        raise _Limit(f"a value of more than {MAX_WEIGHT:,} characters or items")


def _text(value: object) -> str:
    """How a value is written: text, numbers and lists of them; objects have no text."""
    if type(value) is str:
        return value
    if isinstance(value, Undefined):
        return str(value)  # raises, and names what is undefined
    if value is None or isinstance(value, str | int | float | GroupByName | list | tuple | dict):
        _weigh(value)
        return str(_weigh(str(value)))
    raise Fault(f"{_kind(value)} cannot be written as text")


def _kind(value: object) -> str:
    known = {
        str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list",
        tuple: "a list", dict: "a mapping", type(None): "none", Namespace: "a namespace",
        LoopContext: "`loop`", range: "a range", TargetInfo: "`target`",
    }  # fmt: skip
    if isinstance(value, Function | MacroName):
        return f"`{value.name}` without `(..)`"
    if isinstance(value, GroupByName):
        return "a dimension" if value.is_dimension else "a group-by name"
    return known.get(type(value), "a value of this kind")


class _Missing(StrictUndefined):
    """An undefined value that says in our words what it is that is not there."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: type[Any] = Fault,
    ) -> None:
        def fault(_: str) -> Fault:
            if hint is not None:  # an argument left out, the first item of nothing
                return Fault(hint.rstrip("."), word=str(name or ""))
            if obj is missing:
                return _Unknown(f"unknown name `{name}`", word=str(name))
            return Fault(f"{_kind(obj)} has no `{name}`", word=str(name))

        super().__init__(hint, obj, name, fault)  # type: ignore[arg-type]


# -- what values can do

_TEXT_METHODS: Final = (
    *("upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip", "split", "rsplit"),
    *("removeprefix", "removesuffix", "splitlines", "startswith", "endswith", "find", "count"),
    *("isdigit", "isalpha", "isalnum"),
)
_METHODS: Final[dict[type, dict[str, Callable[..., object]]]] = {
    str: {name: getattr(str, name) for name in _TEXT_METHODS}
    | {
        "replace": lambda text, old, new, count=-1: _replace(text, old, new, count),
        "join": lambda glue, items: _join(items, glue),
    },
    list: {"index": list.index, "count": list.count},
    tuple: {"index": tuple.index, "count": tuple.count},
    dict: {
        "items": lambda d: list(d.items()),
        "keys": lambda d: list(d),
        "values": lambda d: list(d.values()),
        "get": dict.get,
    },
    GroupByName: {"grain": GroupByName.grain, "date_part": GroupByName.date_part},
    LoopContext: {"cycle": LoopContext.cycle, "changed": LoopContext.changed},
}
_LOOP: Final = (
    *("index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0"),
    *("previtem", "nextitem"),
)


def _replace(text: object, old: object, new: object, count: object = -1) -> str:
    text, old, new = _text(text), _text(old), _text(new)
    most = count if isinstance(count, int) and count >= 0 else -1
    _room_for(len(text) + (text.count(old) if most < 0 else most) * max(0, len(new) - len(old)))
    return text.replace(old, new, most)


def _join(items: object, glue: object = "", attribute: object = None) -> str:
    pieces: list[str] = []
    between, size = _text(glue), 0
    for item in _iterate(items):
        if attribute is not None:
            if not isinstance(item, dict):
                raise Fault("`join` by attribute takes a list of mappings", word="join")
            item = item.get(attribute)
        pieces.append(_text(item))
        size += len(pieces[-1]) + len(between)
        _room_for(size)
    return between.join(pieces)


def _iterate(value: object) -> Iterator[object]:
    if isinstance(value, Undefined):
        str(value)
    if not isinstance(value, Iterable):
        raise Fault(f"{_kind(value)} cannot be looped over")
    return iter(value)


def _sum(items: object, start: object = 0) -> object:
    total = start
    for item in _iterate([start]):
        if not isinstance(item, int | float):
            raise Fault("`sum` adds numbers", word="sum")
    for item in _iterate(items):
        if not isinstance(item, int | float):
            raise Fault("`sum` adds numbers", word="sum")
        total = _weigh(total + item)  # type: ignore[operator]
    return total


def _list(value: object) -> list[object]:
    made: list[object] = []
    for item in _iterate(value):
        _room_for(len(made))
        made.append(item)
    return made


def _indent(value: object, width: object = 4, first: bool = False, blank: bool = False) -> str:
    text = _text(value)
    by = width if isinstance(width, str) else " " * _small(width, 1_000)
    lines = text.split("\n")
    _room_for(len(text) + len(lines) * len(by))
    kept = [f"{by}{line}" if line or blank else line for line in lines[1:]]
    return "\n".join([(by if first else "") + lines[0], *kept])


def _center(value: object, width: object = 80) -> str:
    return _text(value).center(_small(width, 10_000))


def _small(value: object, most: int) -> int:
    if not isinstance(value, int) or abs(value) > most:
        raise _Limit(f"the argument is a whole number of at most {most:,}")
    return value


def _round(value: object, precision: object = 0, method: str = "common") -> object:
    return FILTERS["round"](value, _small(precision, 20), method)


def _batch(value: object, linecount: object, fill_with: object = None) -> list[object]:
    return list(FILTERS["batch"](_list(value), _small(linecount, 10_000), fill_with))


def _range(*bounds: object) -> range:
    made = range(*(_small(bound, 10**12) for bound in bounds))
    if len(made) > MAX_ITEMS:
        raise _Limit(f"a range of more than {MAX_ITEMS:,} numbers")
    return made


_FILTERS: Final[dict[str, Callable[..., object]]] = {
    name: FILTERS[name]
    for name in (
        *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int"),
        *("items", "last", "length", "lower", "map", "max", "min", "reject", "rejectattr"),
        *("reverse", "select", "selectattr", "sort", "title", "trim", "truncate", "unique"),
        *("upper", "wordcount"),
    )
} | {
    "batch": _batch,
    "center": _center,
    "indent": _indent,
    "join": lambda value, d="", attribute=None: _join(value, d, attribute),
    "list": _list,
    "replace": _replace,
    "round": _round,
    "string": _text,
    "sum": _sum,
}
_TESTS: Final = {
    n: t for n, t in TESTS.items() if n not in ("callable", "escaped", "filter", "test")
}
_OPERATORS: Final = frozenset(("+", "-", "*", "/", "//", "**", "%"))
_NO_FILES: Final[dict[type[nodes.Node], str]] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.Extends: "extends",
    nodes.Block: "block",
}


class _Context(Context):
    """Names that a template does not define itself come from kpilayer and the macro files."""

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return self.vars[key]
        assert isinstance(self.environment, _Sandbox)
        return self.environment.names(key)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja with lists of what is allowed in the place of rules of what is not."""

    intercepted_binops = _OPERATORS
    context_class = _Context
    meter: _Meter
    names: Callable[[str], Any]
    macro: Callable[[str], Macro]

    def __init__(self) -> None:
        # `finalize` takes the context: that keeps Jinja from folding output while it compiles,
        # before any meter runs.
        super().__init__(
            undefined=_Missing,
            optimized=False,
            autoescape=False,
            keep_trailing_newline=True,
            finalize=_finalize,
            cache_size=0,
            extensions=["jinja2.ext.do"],
        )
        self.meter = _Meter()
        self.globals.clear()
        self.filters = {name: self._counted(run) for name, run in _FILTERS.items()}
        self.filters |= {"_loop": self._loop, "_made": self._made, "_concat": self._concat}
        self.tests = dict(_TESTS)

    def _counted(self, run: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **kwargs: object) -> object:
            try:
                return self.meter.keep(run(*args, **kwargs))
            except AssertionError as error:  # how Jinja checks the arguments of `truncate`
                raise Fault(str(error)) from None

        if hasattr(run, "jinja_pass_arg"):
            counted.jinja_pass_arg = run.jinja_pass_arg  # type: ignore[attr-defined]
        return counted

    def _loop(self, items: object) -> Iterator[object]:
        for item in _iterate(items):
            self.meter.tick()
            yield item

    def _made(self, value: object) -> Any:
        return self.meter.keep(value)

    def _concat(self, parts: Iterable[object]) -> str:
        pieces = [_text(part) for part in parts]
        _room_for(sum(map(len, pieces)))
        return str(self.meter.keep("".join(pieces)))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An attribute on the list for the kind of value; of a mapping, the item."""
        if isinstance(obj, Undefined):
            return str(obj)
        if attribute.startswith("_"):
            raise _Forbidden(f"`{attribute}` is not for templates", attribute)
        if isinstance(obj, TargetInfo) and attribute in ("name", "schema", "type"):
            return getattr(obj, attribute)
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        if isinstance(obj, Namespace):
            values = object.__getattribute__(obj, "_Namespace__attrs")
            return values.get(attribute, self.undefined(obj=obj, name=attribute))
        method = _METHODS.get(type(obj), {}).get(attribute)
        if method is not None and (not isinstance(obj, GroupByName) or obj.is_dimension):
            return Function(attribute, _bound(method, obj))
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        if hasattr(type(obj), attribute):
            raise _Forbidden(f"`{attribute}` of {_kind(obj)} is not for templates", attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An item; never an attribute, which Jinja would try next."""
        if isinstance(argument, str) and argument.startswith("__"):
            raise _Forbidden(f"`{argument}` is not for templates", argument)
        if isinstance(obj, Undefined):
            return str(obj)
        if isinstance(obj, str | list | tuple | dict | range):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                return self.undefined(obj=obj, name=argument)
        raise Fault(f"{_kind(obj)} has no items")

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call one of our functions or a macro; nothing else can be called."""
        self, function, meter = __self, __obj, __self.meter
        meter.tick()
        if isinstance(function, Undefined):
            str(function)
        if isinstance(function, Function):  # Jinja tells a call about the loop it stands in
            kwargs = {k: v for k, v in kwargs.items() if k not in ("_loop_vars", "_block_vars")}
        _weigh((args, list(kwargs.values())))
        if isinstance(function, Function):
            return meter.keep(function.call(args, kwargs))
        if isinstance(function, MacroName):
            function = self.macro(function.name)
        if not isinstance(function, Macro):
            raise _Forbidden(f"{_kind(function)} cannot be called")
        meter.depth += 1
        try:
            if meter.depth > MAX_DEPTH:
                raise _Limit(f"macros call each other more than {MAX_DEPTH} deep")
            return str(meter.keep(__context.call(function, *args, **kwargs)))
        finally:
            meter.depth -= 1

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An arithmetic operator, if its result has bounds."""
        for value in (left, right):
            if isinstance(value, Undefined):
                str(value)
        if operator == "%" and isinstance(left, str):
            raise _Forbidden("formatting text with `%` is not for templates", "%")
        if operator == "*":
            for one, other in ((left, right), (right, left)):
                if isinstance(one, str | list | tuple) and isinstance(other, int):
                    _room_for(len(one) * max(0, other))
        if operator == "+" and isinstance(left, str | list | tuple) and type(left) is type(right):
            _room_for(len(left) + len(right))
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            if left.bit_length() * abs(right) > MAX_BITS:
                raise _Limit(f"a number of more than {MAX_BITS:,} bits")
        try:
            return self.meter.keep(super().call_binop(context, operator, left, right))
        except TypeError:
            what = f"`{operator}` does not take {_kind(left)} and {_kind(right)}"
            raise Fault(what, word=operator) from None


def _bound(method: Callable[..., object], value: object) -> Callable[..., object]:
    return lambda *args, **kwargs: method(value, *args, **kwargs)


@pass_context
def _finalize(context: Context, value: object) -> str:
    """Every piece of output, the literal text between tags too, on its way out."""
    assert isinstance(context.environment, _Sandbox)
    return context.environment.meter.make(_text(value))


# -- the tree


def _check(tree: nodes.Template) -> None:
    """Refuse what can be seen without running it, with the line where it stands."""
    for node in tree.find_all(nodes.Node):
        fault: Fault | None = None
        if type(node) in _NO_FILES:
            tag = _NO_FILES[type(node)]
            fault = _Forbidden(f"`{{% {tag} %}}` is not available: templates read no files", tag)
        elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            fault = _Forbidden(f"`{node.attr}` is not for templates", node.attr)
        elif isinstance(node, nodes.Name) and node.name in ("self", "super"):
            fault = _Forbidden(f"`{node.name}` is not for templates", node.name)
        elif isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            fault = _not_listed("filter", node.name, _FILTERS, FILTERS)
        elif isinstance(node, nodes.Test) and node.name not in _TESTS:
            fault = _not_listed("test", node.name, _TESTS, TESTS)
        elif isinstance(node, nodes.For) and node.recursive:
            fault = _Forbidden("recursive loops are not available: use a macro", "recursive")
        if fault is not None:
            raise _At(fault, node.lineno)


def _not_listed(kind: str, name: str, ours: Iterable[str], jinjas: Iterable[str]) -> Fault:
    if name in jinjas:
        return _Forbidden(f"the {kind} `{name}` is not available", name)
    return Fault(f"unknown {kind} `{name}`", hint=did_you_mean(name, ours), word=name)


class _At(Exception):
    """A fault whose line is known from the tree."""

    def __init__(self, fault: Fault, line: int) -> None:
        super().__init__(fault.text)
        self.fault, self.line = fault, line


class _Counting(NodeTransformer):
    """Send what Jinja does by itself through functions of the sandbox that count.

    ``{% for x in xs %}`` becomes ``xs|_loop``, ``a ~ b`` becomes ``[a, b]|_concat``, a list or
    mapping ``[..]|_made``, and literal text an expression, which `_finalize` sees.
    """

    def __init__(self, *, stamp: bool = False) -> None:
        self.stamp = stamp

    def visit_For(self, node: nodes.For) -> nodes.Node:
        node.iter = _filter(node.iter, "_loop")
        return self.generic_visit(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), "_concat")

    def visit_List(self, node: nodes.List) -> nodes.Node:
        return _filter(self.generic_visit(node), "_made")

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        return _filter(self.generic_visit(node), "_made")

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return _filter(node, "_made") if node.ctx == "load" else node

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:
        text = node.data
        if self.stamp:
            lines = text.split("\n")
            text = "\n".join(f"{_STAMP}{node.lineno + n}{_STAMP}{x}" for n, x in enumerate(lines))
        return nodes.Const(text, lineno=node.lineno)


def _filter(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


# -- the door


class Templates:
    """The templates of one project load; compiles each text once.

    ``issues`` are the problems of the macro files. Not for several threads at once.
    """

    def __init__(
        self,
        *,
        macros: Mapping[str, str],
        variables: Mapping[str, object],
        target: TargetInfo,
        quote: str = '"',
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._sandbox = _Sandbox()
        self._sandbox.names = self._resolve
        self._sandbox.macro = self._macro
        functions = builtin_functions(quote, variables, environ or {}, self._note_env)
        self._names: dict[str, object] = {
            **functions,
            "target": target,
            "range": Function("range", _range),
            "dict": Function("dict", dict),
            "namespace": Function("namespace", lambda **values: Namespace(values)),
        }
        self._files = {path: _BREAK.split(text) for path, text in macros.items()}
        self._macros, self.issues = index_macros(macros, self._sandbox, self._names)
        self._macro_names = macro_names(self._macros)
        self._made: dict[str, Macro] = {}
        self._compiled: dict[tuple[str, bool], Template] = {}
        self._at: Callable[[int], Location] = _nowhere
        self._warnings: list[Issue] = []

    def render(self, text: str, at: Callable[[int], Location]) -> tuple[str, tuple[Issue, ...]]:
        """A text with its tags replaced, or the text as it was and what is wrong with it.

        ``at`` gives the location of a 1-based line of the template.
        """
        if not _TAGS.search(text):
            return text, ()
        rendered, issues = self._run(text, at, stamp=False)
        return (text if rendered is None else rendered), issues

    def render_file(
        self, path: str, text: str
    ) -> tuple[str | None, tuple[int, ...], tuple[Issue, ...]]:
        """A whole file rendered, the template's line of each rendered line, and issues.

        The lines come from a second render in which literal text carries its line number. Where
        that changes the outcome (a template that counts characters), lines are counted instead.
        """
        lines = _BREAK.split(text)
        if not _TAGS.search(text):
            return text, tuple(range(1, len(lines) + 1)), ()

        def at(line: int) -> Location:
            shown = lines[line - 1] if 0 < line <= len(lines) else ""
            column = len(shown) - len(shown.lstrip()) + 1
            return Location(path, line, column, max(1, len(shown.strip())), shown)

        rendered, issues = self._run(text, at, stamp=False)
        if rendered is None:
            return None, (), issues
        counted = tuple(min(n, len(lines)) for n in range(1, rendered.count("\n") + 2))
        if _STAMP in text or _STAMP in rendered:
            return rendered, counted, issues
        stamped, _ = self._run(text, at, stamp=True)
        if stamped is None or _STAMPED.sub("", stamped) != rendered:
            return rendered, counted, issues
        return rendered, _lines_of(stamped), issues

    def render_query(
        self, path: str, text: str
    ) -> tuple[str | None, tuple[int, ...], tuple[Issue, ...]]:
        """The file of a SQL model rendered; `ref` and `source` give names for the resolver."""
        return self.render_file(path, text)

    # -- one render

    def _run(
        self, text: str, at: Callable[[int], Location], *, stamp: bool
    ) -> tuple[str | None, tuple[Issue, ...]]:
        self._sandbox.meter = _Meter()
        self._at, self._warnings = at, []
        try:
            template = self._compile(text, _HERE, stamp=stamp)
            pieces, size = [], 0
            for piece in template.root_render_func(template.new_context()):
                pieces.append(piece)
                size += len(piece)
                if size > (MAX_MADE if stamp else MAX_OUTPUT):
                    raise _Limit(f"the rendered text has more than {MAX_OUTPUT:,} characters")
            return "".join(pieces), tuple(dict.fromkeys(self._warnings))
        except _FAILURES as error:
            issue = self._explain(error)
            return None, (*dict.fromkeys(self._warnings), issue)
        finally:
            self._at = _nowhere

    def _compile(self, source: str, path: str, *, stamp: bool = False) -> Template:
        known = self._compiled.get((source, stamp))
        if known is not None:
            return known
        if len(source) > MAX_SOURCE:
            raise _At(_Limit(f"the template has more than {MAX_SOURCE:,} characters"), 1)
        sandbox = self._sandbox
        with warnings.catch_warnings():
            # Python warns of `\d` in text, of `1 is 1`: nothing that a template's author can see.
            warnings.simplefilter("ignore")
            words = sandbox.lex(source) if len(source) > MAX_TOKENS else ()
            for count, token in enumerate(words):
                if count > MAX_TOKENS:
                    raise _At(_Limit(f"the template has more than {MAX_TOKENS:,} words"), token[0])
            tree = sandbox.parse(source)
            _check(tree)
            tree = _Counting(stamp=stamp).visit(tree)
            code = sandbox.compile(tree, filename=path)
        template = Template.from_code(sandbox, code, {})
        self._compiled[source, stamp] = template
        return template

    def _resolve(self, name: str) -> Any:
        """What a name means that the template does not define itself."""
        if name in self._names:
            return self._names[name]
        return MacroName(name) if name in self._macro_names else missing

    def _macro(self, name: str) -> Macro:
        """The macro of a name, compiled when it is first called."""
        if name in self._made:
            return self._made[name]
        source = find_macro(name, self._macros)
        assert source is not None, "a known macro name leads to a macro"
        try:
            template = self._compile(source.source, source.path)
        except (_At, TemplateSyntaxError, *_TOO_DEEP) as error:
            raise _InMacro(source, error) from error
        context = template.new_context()
        for _ in template.root_render_func(context):
            pass
        made = context.vars[source.name]
        assert isinstance(made, Macro)
        self._made[name] = made
        return made

    def _note_env(self, name: str) -> None:
        frame: FrameType | None = sys._getframe()
        place = None
        while frame is not None and place is None:
            place = self._place(frame.f_globals, frame.f_lineno)
            frame = frame.f_back
        what = f"a definition reads the environment variable `{name}`"
        place = at_word(place, name) if place else None
        self._warnings.append(Issue("env-var-in-definition", what, place, severity="warning"))

    # -- what went wrong, and where

    def _explain(self, error: BaseException) -> Issue:
        places = self._places(error.__traceback__)
        place = places[-1] if places else self._at(1)
        used = (("used here", places[0]),) if len(places) > 1 and places[0] != place else ()
        if isinstance(error, _InMacro):
            source, error = error.source, error.cause
            used = (("used here", places[-1]),) if places else ()
            line = error.line if isinstance(error, _At) else getattr(error, "lineno", None)
            place = self._in_file(source.path, line or source.line)
        elif isinstance(error, _At):
            place = self._at(error.line)
        elif isinstance(error, TemplateSyntaxError):
            place = self._at(error.lineno)
        fault = error.fault if isinstance(error, _At) else self._fault(error)
        hint = fault.hint
        if isinstance(fault, _Unknown):
            hint = hint or did_you_mean(fault.word, {*self._names, *self._macro_names})
        return Issue(fault.code, fault.text, at_word(place, fault.word), hint, see=used)

    def _fault(self, error: BaseException) -> Fault:
        """An exception of Jinja or Python in a sentence."""
        if isinstance(error, Fault):
            return error
        if isinstance(error, SyntaxError) and "nested" not in error.msg:
            return Fault(error.msg)  # Python's word on `f(a=1, a=2)`, say
        if isinstance(error, _TOO_DEEP):
            return _Limit("the template is nested too deeply")
        if isinstance(error, SecurityError):
            return _Forbidden(str(error))
        if isinstance(error, ZeroDivisionError):
            return Fault("a division by zero")
        if isinstance(error, OverflowError | NameError):  # Python has no name for `1e999`
            return _Limit("a number is too large")
        said = error.message if isinstance(error, TemplateError) else str(error)
        return Fault(" ".join((said or type(error).__name__).split()))

    def _places(self, trace: TracebackType | None) -> list[Location]:
        """The template lines on the way to an error, outermost first."""
        found = []
        while trace is not None:
            place = self._place(trace.tb_frame.f_globals, trace.tb_lineno)
            if place is not None:
                found.append(place)
            trace = trace.tb_next
        return found

    def _place(self, scope: Mapping[str, Any], line: int) -> Location | None:
        """The template's line for a line of the Python code that Jinja made of it."""
        template = scope.get("__jinja_template__")
        if not isinstance(template, Template):
            return None
        number = template.get_corresponding_lineno(line)
        path = template.filename
        return self._at(number) if path == _HERE else self._in_file(str(path), number)

    def _in_file(self, path: str, line: int) -> Location:
        lines = self._files.get(path, [])
        text = lines[line - 1] if 0 < line <= len(lines) else ""
        column = len(text) - len(text.lstrip()) + 1
        return Location(path, line, column, max(1, len(text.strip())), text)


class _InMacro(Exception):
    """A macro that cannot be compiled."""

    def __init__(self, source: MacroSource, cause: Exception) -> None:
        super().__init__(str(cause))
        self.source, self.cause = source, cause


_HERE: Final = "<template>"
_STAMP: Final = "\ue000"
_STAMPED: Final = re.compile(f"{_STAMP}([0-9]+){_STAMP}")
_TOO_DEEP: Final = (RecursionError, MemoryError, SyntaxError)
_FAILURES: Final = (
    TemplateError,
    _At,
    _InMacro,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


def _nowhere(line: int) -> Location:
    return Location("", line)


def _lines_of(stamped: str) -> tuple[int, ...]:
    """The template's line of each line of a stamped text: that of its first visible text."""
    found, current = [], 1
    for line in stamped.split("\n"):
        last, shown = 0, 0
        for stamp in _STAMPED.finditer(line):
            if shown and line[last : stamp.start()].strip():
                break
            shown, last = int(stamp[1]), stamp.end()
        current_line = shown or current
        found.append(current_line)
        stamps = _STAMPED.findall(line)
        current = int(stamps[-1]) if stamps else current
    return tuple(found)
