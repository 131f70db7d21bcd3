"""The environment in which templates run: a closed list of what they can reach, all of it counted.

``check_tree`` refuses what can be seen in a tree without running it, ``Counting`` rewrites the tree
so that what Jinja does by itself is counted, and ``Sandbox`` decides while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from jinja2 import nodes, pass_context
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from kpilayer.errors import did_you_mean
from kpilayer.load.filters import FILTERS, LOOP, METHODS, TESTS, Missing, as_text, iterate, kind_of
from kpilayer.load.macros import (
    Adapter,
    Fault,
    Function,
    GroupByName,
    MacroName,
    Package,
    Returned,
    TargetInfo,
)
from kpilayer.load.meter import MAX_BITS, Forbidden, Limit, Meter, room_for, weigh

MAX_DEPTH: Final = 50  # macros calling macros
STAMP: Final = "\ue000"  # around line numbers in a stamped text
PACKAGE: Final = " package"  # of the macro that a context is for; no template can write this name
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
        assert isinstance(self.environment, Sandbox)
        return self.environment.names(key, self.parent.get(PACKAGE, ""))


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja with lists of what is allowed in the place of rules of what is not."""

    intercepted_binops = _OPERATORS
    context_class = _Context
    meter: Meter
    names: Callable[[str, str], Any]
    macro: Callable[[MacroName], Macro]

    def __init__(self) -> None:
        # `finalize` takes the context: that keeps Jinja from folding output while it compiles,
        # before any meter runs.
        super().__init__(
            undefined=Missing,
            optimized=False,
            autoescape=False,
            keep_trailing_newline=True,
            finalize=_finalize,
            cache_size=0,
            extensions=["jinja2.ext.do"],
        )
        self.meter = Meter()
        self.globals.clear()
        self.filters = {name: self._counted(run) for name, run in FILTERS.items()}
        self.filters |= {"_loop": self._loop, "_made": self._made, "_concat": self._concat}
        self.tests = dict(TESTS)

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
        for item in iterate(items):
            self.meter.tick()
            yield item

    def _made(self, value: object) -> Any:
        return self.meter.keep(value)

    def _concat(self, parts: Iterable[object]) -> str:
        pieces = [as_text(part) for part in parts]
        room_for(sum(map(len, pieces)))
        return str(self.meter.keep("".join(pieces)))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An attribute on the list for the kind of value; of a mapping, the item."""
        if isinstance(obj, Undefined):
            return str(obj)
        if attribute.startswith("_"):
            raise Forbidden(f"`{attribute}` is not for templates", attribute)
        if isinstance(obj, TargetInfo) and attribute in ("name", "schema", "type", "database"):
            return getattr(obj, attribute)
        if isinstance(obj, Package):
            return obj.find(attribute) or self.undefined(obj=obj, name=attribute)
        if isinstance(obj, Adapter) and attribute == "dispatch":
            return Function("dispatch", obj.dispatch)
        if isinstance(obj, LoopContext) and attribute in LOOP:
            return getattr(obj, attribute)
        if isinstance(obj, Namespace):
            values = object.__getattribute__(obj, "_Namespace__attrs")
            return values.get(attribute, self.undefined(obj=obj, name=attribute))
        method = METHODS.get(type(obj), {}).get(attribute)
        if method is not None and (
            not isinstance(obj, GroupByName) or obj.is_dimension or attribute == "descending"
        ):
            return Function(attribute, _bound(method, obj))
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        if hasattr(type(obj), attribute):
            raise Forbidden(f"`{attribute}` of {kind_of(obj)} is not for templates", attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An item; never an attribute, which Jinja would try next."""
        if isinstance(argument, str) and argument.startswith("__"):
            raise Forbidden(f"`{argument}` is not for templates", argument)
        if isinstance(obj, Undefined):
            return str(obj)
        if isinstance(obj, str | list | tuple | dict | range):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                return self.undefined(obj=obj, name=argument)
        raise Fault(f"{kind_of(obj)} has no items")

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call one of our functions or a macro; nothing else can be called."""
        self, function, meter = __self, __obj, __self.meter
        meter.tick()
        if isinstance(function, Undefined):
            str(function)
        if isinstance(function, Function):  # Jinja tells a call about the loop it stands in
            kwargs = {k: v for k, v in kwargs.items() if k not in ("_loop_vars", "_block_vars")}
        weigh((args, list(kwargs.values())))
        if isinstance(function, Function):
            return meter.keep(function.call(args, kwargs))
        if isinstance(function, MacroName):
            function = self.macro(function)
        if not isinstance(function, Macro):
            raise Forbidden(f"{kind_of(function)} cannot be called")
        meter.depth += 1
        try:
            if meter.depth > MAX_DEPTH:
                raise Limit(f"macros call each other more than {MAX_DEPTH} deep")
            return str(meter.keep(__context.call(function, *args, **kwargs)))
        except Returned as done:
            return meter.keep(done.value)
        finally:
            meter.depth -= 1

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An arithmetic operator, if its result has bounds."""
        for value in (left, right):
            if isinstance(value, Undefined):
                str(value)
        if operator == "%" and isinstance(left, str):
            raise Forbidden("formatting text with `%` is not for templates", "%")
        if operator == "*":
            for one, other in ((left, right), (right, left)):
                if isinstance(one, str | list | tuple) and isinstance(other, int):
                    room_for(len(one) * max(0, other))
        if operator == "+" and isinstance(left, str | list | tuple) and type(left) is type(right):
            room_for(len(left) + len(right))
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            if left.bit_length() * abs(right) > MAX_BITS:
                raise Limit(f"a number of more than {MAX_BITS:,} bits")
        try:
            return self.meter.keep(super().call_binop(context, operator, left, right))
        except TypeError:
            what = f"`{operator}` does not take {kind_of(left)} and {kind_of(right)}"
            raise Fault(what, word=operator) from None


def _bound(method: Callable[..., object], value: object) -> Callable[..., object]:
    return lambda *args, **kwargs: method(value, *args, **kwargs)


@pass_context
def _finalize(context: Context, value: object) -> str:
    """Every piece of output, the literal text between tags too, on its way out."""
    assert isinstance(context.environment, Sandbox)
    return context.environment.meter.make(as_text(value))


# -- the tree


def check_tree(tree: nodes.Template) -> None:
    """Refuse what can be seen without running it, with the line where it stands."""
    for node in tree.find_all(nodes.Node):
        fault: Fault | None = None
        if type(node) in _NO_FILES:
            tag = _NO_FILES[type(node)]
            fault = Forbidden(f"`{{% {tag} %}}` is not available: templates read no files", tag)
        elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            fault = Forbidden(f"`{node.attr}` is not for templates", node.attr)
        elif isinstance(node, nodes.Name) and node.name in ("self", "super"):
            fault = Forbidden(f"`{node.name}` is not for templates", node.name)
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            fault = _not_listed("filter", node.name, FILTERS, JINJA_FILTERS)
        elif isinstance(node, nodes.Test) and node.name not in TESTS:
            fault = _not_listed("test", node.name, TESTS, JINJA_TESTS)
        elif isinstance(node, nodes.For) and node.recursive:
            fault = Forbidden("recursive loops are not available: use a macro", "recursive")
        if fault is not None:
            raise At(fault, node.lineno)


def _not_listed(kind: str, name: str, ours: Iterable[str], jinjas: Iterable[str]) -> Fault:
    if name in jinjas:
        return Forbidden(f"the {kind} `{name}` is not available", name)
    return Fault(f"unknown {kind} `{name}`", hint=did_you_mean(name, ours), word=name)


class At(Exception):
    """A fault whose line is known from the tree."""

    def __init__(self, fault: Fault, line: int) -> None:
        super().__init__(fault.text)
        self.fault, self.line = fault, line


class Counting(NodeTransformer):
    """Send what Jinja does by itself through functions of the sandbox that count.

    ``{% for x in xs %}`` becomes ``xs|_loop``, ``a ~ b`` becomes ``[a, b]|_concat``, a list or
    mapping ``[..]|_made``, and literal text an expression, which `_finalize` sees.
    """

    def __init__(self, *, stamp: bool = False) -> None:
        self.stamp = stamp

    def visit_For(self, node: nodes.For) -> nodes.Node:
        """The list that a loop goes over, counted."""
        node.iter = _filter(node.iter, "_loop")
        return self.generic_visit(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """Joined text, counted."""
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), "_concat")

    def visit_List(self, node: nodes.List) -> nodes.Node:
        """A list, weighed."""
        return _filter(self.generic_visit(node), "_made")

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        """A mapping, weighed."""
        return _filter(self.generic_visit(node), "_made")

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        """A tuple that is read, weighed."""
        self.generic_visit(node)
        return _filter(node, "_made") if node.ctx == "load" else node

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:
        """Literal text as an expression, stamped with its lines where that is asked."""
        text = node.data
        if self.stamp:
            lines = text.split("\n")
            text = "\n".join(f"{STAMP}{node.lineno + n}{STAMP}{x}" for n, x in enumerate(lines))
        return nodes.Const(text, lineno=node.lineno)


def _filter(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
