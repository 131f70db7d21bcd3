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
``not-supported-yet``, ``duplicate-name`` (macros) and the warnings ``env-var-in-definition`` and
``unknown-doc``.
"""

from __future__ import annotations

import re
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Any, Final

from jinja2 import Template, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.runtime import Macro
from jinja2.utils import Namespace, missing

from kpilayer.errors import Issue, Location, did_you_mean, listing
from kpilayer.load.filters import bounded_range
from kpilayer.load.macro_files import (
    Macros,
    MacroSource,
    at_word,
    find_macro,
    index_macros,
    versions_for,
)
from kpilayer.load.macros import (
    Adapter,
    Dbt,
    Fault,
    Function,
    MacroName,
    Package,
    TargetInfo,
    builtin_functions,
)
from kpilayer.load.meter import MAX_MADE, Forbidden, Limit, Meter, Unknown
from kpilayer.load.sandbox import PACKAGE, STAMP, At, Counting, Sandbox, check_tree

__all__ = ["Dbt", "TargetInfo", "Templates"]

MAX_OUTPUT: Final = 1_000_000  # characters of one rendered text
MAX_SOURCE: Final = 1_000_000  # characters of one template
MAX_TOKENS: Final = 50_000

#: Gives the location of a 1-based line of a template, or of a word on it.
Placed = Callable[[int, str], Location]

_TAGS: Final = re.compile(r"\{\{|\{%|\{#")
_BREAK: Final = re.compile(r"\r\n|\r|\n")
_SHORT: Final = 10_000  # characters, below every limit
#: ``{{ Dimension('x') }}`` or ``{{ TimeDimension('x', 'month') }}``: names only, no escapes.
_CALL: Final = re.compile(
    r"\{\{\s*(Dimension|TimeDimension|Entity)"
    r"\(\s*(['\"])(\w+)\2(?:\s*,\s*(['\"])(\w+)\4)?\s*\)\s*\}\}",
    re.ASCII,
)
_NOT_PLAIN: Final = re.compile(r"[{}\r]")  # other tags, and line ends that Jinja changes


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
        dbt: Dbt = Dbt(),  # noqa: B008 - a frozen value
    ) -> None:
        self.quote = quote
        self._sandbox = Sandbox()
        self._sandbox.names = self._resolve
        self._sandbox.macro = self._macro
        functions = builtin_functions(quote, variables, environ or {}, dbt, self._note)
        self._names: dict[str, object] = {
            **functions,
            "target": target,
            "range": Function("range", bounded_range),
            "dict": Function("dict", dict),
            "namespace": Function("namespace", lambda **values: Namespace(values)),
        }
        self._files = {path: _BREAK.split(text) for path, text in macros.items()}
        self._dbt = dbt
        # A dbt project may have its own `ref`; what dbt makes of it, its manifest says.
        taken = () if dbt.project else self._names
        own, self.issues = index_macros(macros, self._sandbox, taken)
        self._homes = {"": Macros(own)}
        self._made: dict[MacroName, Macro] = {}
        self._compiled: dict[tuple[str, bool], Template] = {}
        self._at: Placed = _nowhere
        self._warnings: list[Issue] = []

    def render(self, text: str, at: Placed) -> tuple[str, tuple[Issue, ...]]:
        """A text with its tags replaced, or the text as it was and what is wrong with it.

        ``at`` gives the location of a 1-based line of the template, or of a word on it.
        """
        if not _TAGS.search(text):
            return text, ()
        plain = self._plainly(text)
        if plain is not None:
            return plain, ()
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

        def at(line: int, word: str) -> Location:
            shown = lines[line - 1] if 0 < line <= len(lines) else ""
            column = len(shown) - len(shown.lstrip()) + 1
            return Location(path, line, column, max(1, len(shown.strip())), shown)

        rendered, issues = self._run(text, at, stamp=False)
        if rendered is None:
            return None, (), issues
        counted = tuple(min(n, len(lines)) for n in range(1, rendered.count("\n") + 2))
        if STAMP in text or STAMP in rendered:
            return rendered, counted, issues
        stamped, _ = self._run(text, at, stamp=True)
        if stamped is None or _STAMPED.sub("", stamped) != rendered:
            return rendered, counted, issues
        return rendered, _lines_of(stamped), issues

    def _plainly(self, text: str) -> str | None:
        """A text whose only tags are calls like ``{{ Dimension('x') }}``, rendered without Jinja.

        Nearly all filters are such, and compiling a template takes Jinja a hundred times as long.
        None for any other text, and for one in which something is wrong: Jinja knows what.
        """
        if len(text) > _SHORT or _NOT_PLAIN.search(_CALL.sub("", text)):
            return None

        def call(tag: re.Match[str]) -> str:
            function = self._names[tag[1]]
            assert isinstance(function, Function)
            return str(function.run(*(a for a in tag.group(3, 5) if a is not None)))

        try:
            return _CALL.sub(call, text)
        except Fault:
            return None

    def _run(self, text: str, at: Placed, *, stamp: bool) -> tuple[str | None, tuple[Issue, ...]]:
        self._sandbox.meter = Meter()
        self._at, self._warnings = at, []
        try:
            template = self._compile(text, _HERE, stamp=stamp)
            pieces, size = [], 0
            for piece in template.root_render_func(template.new_context()):
                pieces.append(piece)
                size += len(piece)
                if size > (MAX_MADE if stamp else MAX_OUTPUT):
                    raise Limit(f"the rendered text has more than {MAX_OUTPUT:,} characters")
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
            raise At(Limit(f"the template has more than {MAX_SOURCE:,} characters"), 1)
        sandbox = self._sandbox
        with warnings.catch_warnings():
            # Python warns of `\d` in text, of `1 is 1`: nothing that a template's author can see.
            warnings.simplefilter("ignore")
            words = sandbox.lex(source) if len(source) > MAX_TOKENS else ()
            for count, token in enumerate(words):
                if count > MAX_TOKENS:
                    raise At(Limit(f"the template has more than {MAX_TOKENS:,} words"), token[0])
            tree = sandbox.parse(source)
            check_tree(tree)
            tree = Counting(stamp=stamp).visit(tree)
            code = sandbox.compile(tree, filename=path)
        template = Template.from_code(sandbox, code, {})
        self._compiled[source, stamp] = template
        return template

    def _resolve(self, name: str, package: str) -> Any:
        """What a name means in a macro of a package that the macro does not define itself."""
        if name == "adapter":
            return Adapter(lambda *a, **k: self._dispatch(package, *a, **k))
        if name in self._names:
            return self._names[name]
        for home in dict.fromkeys((package, "")):
            if name in self._home(home).names:
                return MacroName(name, home)
        if name in self._dbt.packages or (name and name == self._dbt.project):
            home = "" if name == self._dbt.project else name
            return Package(name, lambda macro: self._in_package(macro, home))
        return missing

    def _home(self, package: str) -> Macros:
        """The macros of a package, read when it is first named."""
        if package not in self._homes:
            began = time.monotonic()
            files = self._dbt.packages[package]()
            self._files |= {path: _BREAK.split(text) for path, text in files.items()}
            found, _ = index_macros(files, self._sandbox, ())
            self._homes[package] = Macros(found)
            # Reading is not the template's doing: only its own time counts.
            self._sandbox.meter.until += time.monotonic() - began
        return self._homes[package]

    def _in_package(self, macro: str, package: str) -> MacroName | None:
        return MacroName(macro, package) if macro in self._home(package).names else None

    def _dispatch(
        self, package: str, macro_name: object, macro_namespace: object = None
    ) -> MacroName:
        """The version of a macro for the dialect in which definitions are written, as dbt picks."""
        if not isinstance(macro_name, str) or not isinstance(macro_namespace, str | None):
            raise Fault("`dispatch` takes a macro's name and a package", word="dispatch")
        own = self._dbt.project
        order = self._dbt.search_order.get(macro_namespace or "") or (own, macro_namespace or "")
        homes = [package] if macro_namespace is None else []
        homes += ["" if name == own else name for name in order]
        prefixes = [*versions_for(self._dbt.adapter), "default"]
        for home in dict.fromkeys(homes):
            if home and home not in self._dbt.packages:
                continue
            for prefix in prefixes:
                if f"{prefix}__{macro_name}" in self._home(home).found:
                    return MacroName(f"{prefix}__{macro_name}", home)
        tried = listing([f"{prefix}__{macro_name}" for prefix in prefixes])
        raise Fault(f"there is no version of `{macro_name}`: {tried}", word=macro_name)

    def _macro(self, name: MacroName) -> Macro:
        """The macro of a name, compiled when it is first called."""
        if name in self._made:
            return self._made[name]
        source = find_macro(name.name, self._home(name.package).found)
        assert source is not None, "a known macro name leads to a macro"
        try:
            template = self._compile(source.source, source.path)
        except (At, TemplateSyntaxError, *_TOO_DEEP) as error:
            raise _InMacro(source, error) from error
        context = template.new_context({PACKAGE: name.package})
        for _ in template.root_render_func(context):
            pass
        made = context.vars[source.name]
        assert isinstance(made, Macro)
        self._made[name] = made
        return made

    def _note(self, code: str, what: str, word: str, hint: str | None) -> None:
        frame: FrameType | None = sys._getframe()
        place = None
        while frame is not None and place is None:
            place = self._place(frame.f_globals, frame.f_lineno, word)
            frame = frame.f_back
        place = at_word(place, word) if place else None
        self._warnings.append(Issue(code, what, place, hint, "warning"))

    # -- what went wrong, and where

    def _explain(self, error: BaseException) -> Issue:
        cause = error.cause if isinstance(error, _InMacro) else error
        fault = cause.fault if isinstance(cause, At) else self._fault(cause)
        places = self._places(error.__traceback__, fault.word)
        place = places[-1] if places else self._at(1, fault.word)
        used = (("used here", places[0]),) if len(places) > 1 and places[0] != place else ()
        if isinstance(error, _InMacro):
            source, error = error.source, error.cause
            used = (("used here", places[-1]),) if places else ()
            line = error.line if isinstance(error, At) else getattr(error, "lineno", None)
            place = self._in_file(source.path, line or source.line)
        elif isinstance(error, At):
            place = self._at(error.line, fault.word)
        elif isinstance(error, TemplateSyntaxError):
            place = self._at(error.lineno, "")
        hint = fault.hint
        if isinstance(fault, Unknown) and fault.word == "dbt":
            hint = "the macros of dbt itself are not available: write the SQL function"
        elif isinstance(fault, Unknown):
            hint = hint or did_you_mean(fault.word, {*self._names, *self._homes[""].names})
        return Issue(fault.code, fault.text, at_word(place, fault.word), hint, see=used)

    def _fault(self, error: BaseException) -> Fault:
        """An exception of Jinja or Python in a sentence."""
        if isinstance(error, Fault):
            return error
        if isinstance(error, SyntaxError) and "nested" not in error.msg:
            return Fault(error.msg)  # Python's word on `f(a=1, a=2)`, say
        if isinstance(error, _TOO_DEEP):
            return Limit("the template is nested too deeply")
        if isinstance(error, SecurityError):
            return Forbidden(str(error))
        if isinstance(error, ZeroDivisionError):
            return Fault("a division by zero")
        if isinstance(error, OverflowError | NameError):  # Python has no name for `1e999`
            return Limit("a number is too large")
        said = error.message if isinstance(error, TemplateError) else str(error)
        said = re.sub(r"'([^' ]+)'", r"`\1`", said or type(error).__name__)
        return Fault(" ".join(said.split()))

    def _places(self, trace: TracebackType | None, word: str) -> list[Location]:
        """The template lines on the way to an error, outermost first."""
        found = []
        while trace is not None:
            place = self._place(trace.tb_frame.f_globals, trace.tb_lineno, word)
            if place is not None:
                found.append(place)
            trace = trace.tb_next
        return found

    def _place(self, scope: Mapping[str, Any], line: int, word: str) -> Location | None:
        """The template's line for a line of the Python code that Jinja made of it."""
        template = scope.get("__jinja_template__")
        if not isinstance(template, Template):
            return None
        number = template.get_corresponding_lineno(line)
        path = template.filename
        return self._at(number, word) if path == _HERE else self._in_file(str(path), number)

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
_STAMPED: Final = re.compile(f"{STAMP}([0-9]+){STAMP}")
_TOO_DEEP: Final = (RecursionError, MemoryError, SyntaxError)
_FAILURES: Final = (
    TemplateError,
    At,
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


def _nowhere(line: int, word: str) -> Location:
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
