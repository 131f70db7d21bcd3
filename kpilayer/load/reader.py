"""Text of a YAML file to a :class:`Document`: plain data, and a position for every key and value.

PyYAML's own constructors lose positions, keep the last of two equal keys in silence and read
``region: NO`` as False. This reader takes only the *events* of libyaml and builds the data itself,
with an explicit stack (a deeply nested file cannot exhaust Python's) and the scalars of YAML 1.2's
core schema. Aliases share one object in ``Document.data``: treat the data as read-only.

Issues: ``yaml-syntax``, ``duplicate-key``, ``too-large``, ``bad-value``, ``not-supported-yet``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from kpilayer.errors import Issue, Location
from kpilayer.load.document import Document, Mark, Origin, YamlPath, locate

MAX_CHARACTERS: Final = 10_000_000
MAX_NESTING: Final = 64
MAX_NODES: Final = 1_000_000  # counted after aliases are followed
MAX_DIGITS: Final = 1_000  # Python refuses to print an int of more than 4,300

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_FORBIDDEN: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, bool | float | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **{f"{sign}{word}": float("inf") for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_CORE: Final = "tag:yaml.org,2002:"
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*[ \t]+)+(?=\S)")
_TAG: Final = re.compile(r"!\S*")

# words of libyaml's message, what is said instead, help
_FAULTS: Final[tuple[tuple[str, str, str | None], ...]] = (
    ("unexpected end of stream", "a quoted text starts here and is not closed", None),
    ("unexpected document", "a quoted text starts here and is not closed", None),
    ("cannot start any token", "`{character}` cannot start a value", "put the value in quotes"),
    (
        "mapping values are not allowed",
        "a `:` cannot stand here",
        "a text that holds `: ` stands in quotes; keys of one mapping line up",
    ),
    (
        "expected key",
        "expected a key of the mapping that starts on {start}",
        "check indentation, and that nothing follows a closing quote",
    ),
    (
        "expected '-' indicator",
        "expected an item of the list that starts on {start}",
        "items of one list start with `- ` in the same column",
    ),
    ("expected ',' or ']'", "expected `,` or `]` in the list that `[` opens on {start}", None),
    ("expected ',' or '}'", "expected `,` or `}}` in the mapping that opens on {start}", None),
    (
        "block sequence entries are not allowed",
        "an item of a list cannot start here",
        "items start with `- ` on a line of their own; a text that starts so stands in quotes",
    ),
    ("could not find expected ':'", "expected a `:` after the key that starts here", None),
)


def read_yaml(
    path: str, text: str, origin: Origin | None = None
) -> tuple[Document | None, tuple[Issue, ...]]:
    """The first document of a YAML text, and everything that is wrong with the text.

    None where the text is not well-formed or too large. ``origin`` is given for a text rendered
    from a template; locations then point into the template, as well as they can be found there.

    >>> document, issues = read_yaml("m.yml", "region: NO")
    >>> document.data, str(document.at(("region",))), issues
    ({'region': 'NO'}, 'm.yml:1:9', ())
    """
    documents, issues, complete = _read(path, text, origin, several=False)
    return documents[0] if complete else None, issues


def read_yaml_documents(
    path: str, text: str, origin: Origin | None = None
) -> tuple[tuple[Document, ...], tuple[Issue, ...]]:
    r"""All documents of a YAML text, separated by `---`, and everything that is wrong with it.

    Where the text stops being well-formed, the documents that ended before are returned.

    >>> documents, _ = read_yaml_documents("m.yml", "a: 1\n---\na: 2")
    >>> [d.data for d in documents], str(documents[1].at(("a",)))
    ([{'a': 1}, {'a': 2}], 'm.yml:3:4')
    """
    if origin is None:
        return _read_once(path, text)
    documents, issues, _ = _read(path, text, origin, several=True)
    return documents, issues


@lru_cache(maxsize=2_000)
def _read_once(path: str, text: str) -> tuple[tuple[Document, ...], tuple[Issue, ...]]:
    """From memory where two versions of a project have the same file: nobody changes a document."""
    documents, issues, _ = _read(path, text, None, several=True)
    return documents, issues


def _read(
    path: str, text: str, origin: Origin | None, *, several: bool
) -> tuple[tuple[Document, ...], tuple[Issue, ...], bool]:
    """The documents, the issues, and whether reading came to the end."""
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_CHARACTERS:
        message = f"the file has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read"
        return (), (Issue("too-large", message, Location(path, 1, 1, 1, text[:160])),), False
    builder = _Builder(path, text, tuple(_BREAK.split(text)), origin, several)
    try:
        builder.build()
    except _Unreadable as stop:
        known = {i.location.line for i in builder.issues if i.location}
        place = stop.issue.location
        cascade = place is not None and place.line in known  # of `{{ x }} - y`, say
        issues = (*builder.issues, *(() if cascade else (stop.issue,)))
        return tuple(builder.documents), issues, False
    return tuple(builder.documents), tuple(builder.issues), True


class _Unreadable(Exception):
    """Reading cannot go on; ``issue`` says why. Never leaves this module."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(issue.message)
        self.issue = issue


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet. ``key`` is None where a mapping expects a key."""

    path: YamlPath
    data: dict[str, object] | list[object]
    anchor: str | None = None
    key: str | None = None
    key_path: YamlPath = ()  # where the value of ``key`` is recorded
    merging: bool = False  # ``key`` is the merge key
    merged: dict[str, tuple[object, YamlPath]] = field(default_factory=dict)  # what `<<` brings
    size: int = 1
    height: int = 1

    @property
    def expects_key(self) -> bool:
        return self.key is None and type(self.data) is dict


@dataclass(frozen=True, slots=True)
class _Anchored:
    data: object
    path: YamlPath
    size: int
    height: int
    text: str | None  # of a scalar, for an alias that stands as a key


class _Builder:
    """The stack machine from events to data; keeps what was found on the way."""

    def __init__(
        self, path: str, text: str, lines: tuple[str, ...], origin: Origin | None, several: bool
    ) -> None:
        self.path, self.text, self.lines, self.origin = path, text, lines, origin
        self.several = several
        self.documents: list[Document] = []
        self.issues: list[Issue] = []
        self.stack: list[_Open] = []
        self.discarded = 0
        self.size = 0  # of the documents that ended
        self._begin()

    def _begin(self) -> None:
        """Forget the document before: keys, anchors and places belong to one."""
        self.keys: dict[YamlPath, Mark] = {}
        self.values: dict[YamlPath, Mark] = {}
        self.aliases: dict[YamlPath, YamlPath] = {}
        self.anchors: dict[str, _Anchored | None] = {}  # None: still open
        self.root: list[object] = []

    def _end(self) -> None:
        data = self.root[0] if self.root else None
        self.documents.append(
            Document(self.path, self.lines, data, self.keys, self.values, self.aliases, self.origin)
        )

    def build(self) -> None:
        if found := _FORBIDDEN.search(self.text):
            before = _BREAK.split(self.text[: found.start()])
            what = f"the character U+{ord(found[0]):04X} is not allowed in YAML"
            raise _Unreadable(
                Issue("yaml-syntax", what, self.place(len(before) - 1, len(before[-1]), 1))
            )
        try:
            self._consume(_LOADER(self.text))
        except yaml.YAMLError as error:
            raise _Unreadable(self._in_plain_words(error)) from None

    def place(self, line: int, column: int, length: int) -> Location:
        return locate(self.path, self.lines, self.origin, line, column, length)

    def _consume(self, loader: Any) -> None:
        """Follow the events to the end of the last document that is wanted."""
        stack, next_event = self.stack, loader.get_event
        while True:
            event = next_event()
            kind = type(event)
            top = stack[-1] if stack else None
            if kind is ScalarEvent:
                if top is not None and top.expects_key:
                    self._key(top, event.value, event)
                else:
                    self._scalar(top, event)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close(stack.pop())
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._open(top, event)
            elif kind is AliasEvent:
                self._alias(top, event)
            elif kind is DocumentStartEvent and self.root:
                self._end()
                self._begin()
                if self.several:
                    continue
                mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1, 3, None)
                what = "only one YAML document per file is read; a second one starts here"
                self._report("not-supported-yet", what, mark, "put it into a file of its own")
                return
            elif kind is StreamEndEvent:
                self._end()
                return

    def _key(self, top: _Open, text: str, event: Any) -> None:
        mark = self._mark(event)
        path = (*top.path, text)
        top.key, top.key_path, top.merging = text, path, False
        if type(event) is ScalarEvent:
            if event.tag not in (None, "!", _CORE + "str"):
                self._refuse_tag(event)
            if event.anchor is not None:
                self.anchors[event.anchor] = _Anchored(text, path, 1, 0, text)
            top.merging = text == "<<" and mark.style is None and event.tag is None
        if path in self.keys:
            what = f"the key `{_short(text)}` stands twice in one mapping"
            hint = "write `<<: [*first, *second]`" if top.merging else None
            see = (("first defined here", self._place(self.keys[path])),)
            self.issues.append(Issue("duplicate-key", what, self._place(mark), hint, see=see))
            self._discard(top)
        else:
            self.keys[path] = mark

    def _discard(self, top: _Open) -> None:
        """Give the coming value a path that no data has: it is read for its faults only."""
        self.discarded += 1
        top.key, top.key_path, top.merging = "", (*top.path, -self.discarded), False

    def _next_path(self, top: _Open | None) -> YamlPath:
        if top is None:
            return ()
        return top.key_path if type(top.data) is dict else (*top.path, len(top.data))

    def _scalar(self, top: _Open | None, event: ScalarEvent) -> None:
        path = self._next_path(top)
        text, mark = event.value, self._mark(event)
        if "\0" in text:  # by an escape; files and databases have no such character
            self._report("yaml-syntax", "the character U+0000 is not allowed", mark)
        if not text and mark.style is None and path in self.keys:
            mark = self.keys[path]  # a value left out is shown at its key
        self.values[path] = mark
        data: object = text
        if event.tag is not None:
            data = self._tagged(event, mark)
        elif mark.style is None and (text in _WORDS or text[0] in "+-.0123456789"):
            data = self._plain(text, mark)
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(data, path, 1, 0, text)
        self._attach(top, data, path, 1, 0, mark)

    def _plain(self, text: str, mark: Mark) -> object:
        """The value of plain text by YAML 1.2's core schema."""
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text):
            if len(text) > MAX_DIGITS:
                what = f"a number of {len(text):,} digits; at most {MAX_DIGITS:,} are read"
                self._report("bad-value", what, mark)
                return text
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        return float(text) if _FLOAT.fullmatch(text) else text

    def _tagged(self, event: ScalarEvent, mark: Mark) -> object:
        """The value of a scalar with a tag: one of the core schema's, which it must fit."""
        text, tag = event.value, event.tag
        assert tag is not None
        if tag in ("!", _CORE + "str"):
            return text
        kind = tag.removeprefix(_CORE)
        if kind not in ("int", "float", "bool", "null") or kind == tag:
            self._refuse_tag(event)
            return text
        if kind == "float" and _FLOAT.fullmatch(text):
            return float(text)
        data = self._plain(text, mark)
        if ("null" if data is None else type(data).__name__) != kind:
            what = f"`{_short(text)}` is not a value of the tag `!!{kind}`"
            self._report("yaml-syntax", what, mark)
        return data

    def _open(self, top: _Open | None, event: Any) -> None:
        mapping = type(event) is MappingStartEvent
        mark = self._mark(event)
        if top is not None and top.expects_key:
            what = f"a {'mapping' if mapping else 'list'} cannot be a key"
            hint = "text that starts with `{{` stands in quotes" if mapping else None
            self._report("yaml-syntax", what, mark, hint)
            self._discard(top)
            top.key = None  # so that its end is known for the end of a key
            path = top.key_path
        else:
            path = self._next_path(top)
        if len(self.stack) >= MAX_NESTING:
            self._too_large(f"nested deeper than {MAX_NESTING} levels", mark)
        if event.tag not in (None, "!", _CORE + ("map" if mapping else "seq")):
            self._refuse_tag(event)
        self.values[path] = mark
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(path, {} if mapping else [], event.anchor))

    def _close(self, done: _Open) -> None:
        if done.merged and isinstance(done.data, dict):
            self._settle_merges(done, done.data)
        data: object = done.data
        if done.anchor is not None:
            self.anchors[done.anchor] = _Anchored(data, done.path, done.size, done.height, None)
        top = self.stack[-1] if self.stack else None
        if top is not None and top.expects_key:
            self._discard(top)  # it was a key, and reported as such
        else:
            self._attach(top, data, done.path, done.size, done.height, self.values[done.path])

    def _alias(self, top: _Open | None, event: AliasEvent) -> None:
        mark, name = self._mark(event), _short(event.anchor)
        found = self.anchors.get(event.anchor or "")
        as_key = top is not None and top.expects_key
        if found is None and event.anchor in self.anchors:
            self._report("yaml-syntax", f"`*{name}` stands inside the value that it names", mark)
        elif found is None:
            hint = f"write `&{name}` in front of the value it stands for"
            self._report("yaml-syntax", f"`*{name}` names nothing above it", mark, hint)
        elif as_key and found.text is None:
            self._report("yaml-syntax", "a mapping or list cannot be a key", mark)
        if top is not None and as_key:
            if found is None or found.text is None:
                self._discard(top)
            else:
                self._key(top, found.text, event)
            return
        path = self._next_path(top)
        self.values[path] = mark
        if found is None:
            self._attach(top, None, path, 1, 0, mark)
            return
        self.aliases[path] = found.path
        if len(self.stack) + found.height > MAX_NESTING:
            self._too_large(f"nested deeper than {MAX_NESTING} levels, aliases followed", mark)
        self._attach(top, found.data, path, found.size, found.height, mark)

    def _attach(
        self, top: _Open | None, data: object, path: YamlPath, size: int, height: int, mark: Mark
    ) -> None:
        """Hand a finished node to the collection around it."""
        if top is None:
            self.root.append(data)
            self.size += size
            return
        top.size += size
        if top.size + self.size > MAX_NODES:
            self._too_large(f"more than {MAX_NODES:,} values, aliases followed", mark)
        top.height = max(top.height, height + 1)
        if isinstance(top.data, list):
            top.data.append(data)
            return
        key, top.key = top.key, None
        assert key is not None, "a mapping takes a value only after a key"
        if top.merging:
            self._merge(top, data, path, mark)
        elif type(top.key_path[-1]) is str:
            top.data[key] = data

    def _merge(self, top: _Open, data: object, path: YamlPath, mark: Mark) -> None:
        """Collect what `<<` brings; of several mappings the first that has a key wins."""
        several = isinstance(data, list)
        for index, source in enumerate(data if isinstance(data, list) else [data]):
            if not isinstance(source, dict):
                self._report("yaml-syntax", "`<<` takes a mapping or a list of mappings", mark)
                return
            home = (*path, index) if several else path
            for key, value in source.items():
                top.merged.setdefault(key, (value, (*home, key)))

    def _settle_merges(self, done: _Open, own: dict[str, object]) -> None:
        """Put merged keys first, as PyYAML does; keys written out win."""
        for key, (_, home) in done.merged.items():
            if key not in own:
                self.aliases[(*done.path, key)] = home
        done.data = {**{key: value for key, (value, _) in done.merged.items()}, **own}

    # -- places and faults

    def _mark(self, event: Any) -> Mark:
        start, end = event.start_mark, event.end_mark
        line, column = start.line, start.column
        style = None
        if type(event) is ScalarEvent:
            style = event.style or None
            if event.anchor is not None or event.tag is not None:
                if found := _PROPERTIES.match(self.lines[line], column):
                    column = found.end()
        same_line = end.line == line and style not in ("|", ">")
        length = (end.column if same_line else len(self.lines[line])) - column
        return Mark(line + 1, column + 1, max(1, length), style)

    def _place(self, mark: Mark) -> Location:
        line, column = mark.line - 1, mark.column - 1
        return locate(self.path, self.lines, self.origin, line, column, mark.length)

    def _report(self, code: str, message: str, mark: Mark, hint: str | None = None) -> None:
        self.issues.append(Issue(code, message, self._place(mark), hint))

    def _refuse_tag(self, event: Any) -> None:
        start = event.start_mark
        found = _TAG.search(self.lines[start.line], start.column)
        tag = found[0] if found else "!"
        column = found.start() if found else start.column
        what = f"tags are not allowed, and `{_short(tag)}` is one"
        hint = "a text that starts with `!` stands in quotes"
        self._report("yaml-syntax", what, Mark(start.line + 1, column + 1, len(tag), None), hint)

    def _too_large(self, what: str, mark: Mark) -> NoReturn:
        raise _Unreadable(Issue("too-large", what, self._place(mark)))

    def _in_plain_words(self, error: yaml.YAMLError) -> Issue:
        """What libyaml says, in the words of people who write YAML."""
        problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
        context = str(getattr(error, "context", None) or "")
        mark = getattr(error, "problem_mark", None)
        around = getattr(error, "context_mark", None)
        if mark is None:
            return Issue("yaml-syntax", problem, locate(self.path, self.lines, None, 0, 0, 1))
        character = self.text[mark.index : mark.index + 1]
        start = f"line {around.line + 1}" if around is not None else "above"
        message, hint = (f"{problem} {context}".rstrip(), None)
        for words, said, help_ in _FAULTS:
            if words in problem:
                message, hint = said.format(character=character, start=start), help_
                break
        if character == "\t":
            message, hint = "a tab cannot stand in indentation", "indent with spaces"
        at_end = not self.text[mark.index :].strip() or "unexpected" in problem
        if around is not None and (at_end or "could not find expected ':'" in problem):
            mark = around
        return Issue(
            "yaml-syntax",
            message,
            locate(self.path, self.lines, self.origin, mark.line, mark.column, 1),
            hint,
        )


def _short(text: str | None) -> str:
    """A name fit for a message: one line, and not a page of it."""
    line = " ".join((text or "").split())
    return line if len(line) <= 60 else f"{line[:57]}..."
