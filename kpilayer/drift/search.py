"""All texts beside the layer: what each column is, and what of it somebody has to look at."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect, Dialects
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from kpilayer.catalog import REF
from kpilayer.drift.compare import Match, Verdict, match
from kpilayer.drift.evidence import Evidence, weighed
from kpilayer.drift.guards import unguarded
from kpilayer.drift.layer import Layer
from kpilayer.drift.names import likeness, words_of
from kpilayer.drift.rendered import as_written, unwrapped
from kpilayer.drift.rows import NotRead, Output, is_unread
from kpilayer.drift.site import site_of
from kpilayer.drift.spelling import text_of
from kpilayer.drift.texts import Text, without_tags
from kpilayer.errors import ConfigError, Issue, Location, Severity
from kpilayer.proof.verdict import Example

State = Literal["new", "known", "ignored"]
SEVERITIES: Final[dict[Verdict, Severity]] = {
    "conflicting": "error", "exact": "warning", "equivalent": "warning", "possible": "notice",
}  # fmt: skip
CODES: Final[dict[Verdict, str]] = {
    "conflicting": "drift-conflict", "exact": "drift-same", "equivalent": "drift-same",
    "possible": "drift-possible",
}  # fmt: skip
#: The dialects that SQL may be in.
#: A date or a moment, by which queries of a log differ from day to day.
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}([ T].*)?\Z")
DIALECTS: Final = tuple(d.value for d in Dialects if d.value)
#: What trees of other people's SQL may run into: the column is reported, and the next one read.
_FAILURES: Final = (
    NotRead, RecursionError, ValueError, TypeError, KeyError, IndexError, AttributeError,
    ArithmeticError, AssertionError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """A column elsewhere that computes a metric, well or not.

    ``id`` stays the same when lines move. ``why`` are the differences in words, ``example`` rows
    for which both differ.
    """

    id: str
    location: Location
    column: str
    metric: str
    verdict: Verdict
    why: tuple[str, ...] = ()
    note: str = ""
    hint: str = ""
    example: Example | None = None
    method: str = ""
    of: str = ""
    runs: int = 0
    users: tuple[str, ...] = ()
    state: State = "new"
    reason: str = ""

    @property
    def code(self) -> str:
        """The code of the issue that it is."""
        return CODES[self.verdict]

    @property
    def severity(self) -> Severity:
        """How loudly it is told: what is known or ignored is a notice."""
        return SEVERITIES[self.verdict] if self.state == "new" else "notice"

    @property
    def message(self) -> str:
        """What it is, in a sentence."""
        where = f" of {self.of}" if self.of else ""
        match self.verdict:
            case "conflicting":
                return f"`{self.column}`{where} is not `{self.metric}`: {'; '.join(self.why)}"
            case "possible":
                told = f": {'; '.join(self.why)}" if self.why else ""
                return f"`{self.column}`{where} may be `{self.metric}`{told}"
        note = f" ({self.note})" if self.note else ""
        return f"`{self.column}`{where} computes `{self.metric}` once more{note}"

    def issue(self) -> Issue:
        """The finding as an issue."""
        return Issue(self.code, self.message, self.location, self.hint or None, self.severity)


@dataclass(frozen=True, slots=True)
class Scanned:
    """What was found, what could not be read, and how much was looked at."""

    findings: tuple[Finding, ...]
    issues: tuple[Issue, ...]
    queries: int
    columns: int


@dataclass(frozen=True)
class Search:
    """A run over texts: the layer, the dialect of what names none, and how hard to try."""

    layer: Layer
    dialect: str
    trials: int = 60
    seed: int = 0
    prove: bool = True
    views: Mapping[str, str] = field(default_factory=dict)
    render: Callable[[str, str, str], tuple[str, tuple[int, ...]]] | None = None
    _seen: dict[str, Evidence] = field(default_factory=dict, compare=False)

    def run(
        self, texts: Sequence[Text], on_step: Callable[[str, int, int], None] | None = None
    ) -> Scanned:
        """Every finding of some texts, the worst first in the order of their places."""
        read: list[tuple[Text, list[exp.Expr], tuple[int, ...]]] = []
        issues: list[Issue] = []
        for text in _once(texts, self.dialect):
            if text.is_of_a_check:
                continue
            try:
                trees, lines, broken = self._parsed(text)
            except (*_FAILURES, SqlglotError) as error:
                issues.append(_unread(text, _told(error)))
                continue
            read.append((text, trees, lines))
            issues += broken
        models = self._models(read)
        findings: list[Finding] = []
        queries = columns = 0
        for number, (text, trees, lines) in enumerate(read, 1):
            if on_step is not None:
                on_step(text.path, number, len(read))
            for tree in trees:
                queries += 1
                try:
                    found = list(self._of_query(text, tree, lines, models))
                except _FAILURES as error:
                    issues.append(_unread(text, _told(error), "notice"))
                    continue
                columns += len(found)
                findings += [f for f in found if isinstance(f, Finding)]
                issues += [i for i in found if isinstance(i, Issue)]
        findings.sort(key=lambda f: (f.location.path, f.location.line, f.location.column))
        return Scanned(tuple(findings), tuple(issues), queries, columns)

    def _parsed(self, text: Text) -> tuple[list[exp.Expr], tuple[int, ...], list[Issue]]:
        sql = text.sql
        lines: tuple[int, ...] = ()
        dialect = text.dialect or self.dialect
        if not text.is_file:
            sql = without_tags(sql)
        elif self.render is not None and ("{{" in sql or "{%" in sql or "{#" in sql):
            sql, lines = self.render(text.path, sql, dialect)
        broken: list[Issue] = []
        parsed: list[exp.Expr | None] = []
        for statement in _statements(sql, dialect):
            try:
                parsed += Dialect.get_or_raise(dialect).parser().parse(statement, sql)
            except (*_FAILURES, SqlglotError) as error:
                line = statement[0].line
                at = lines[line - 1] if 0 < line <= len(lines) else line
                broken.append(_unread(text, _told(error), at=at))
        parsed = [tree and unguarded(unwrapped(tree)) for tree in parsed]
        if dialect == "postgres":
            parsed = [tree and as_written(tree) for tree in parsed]
        trees: list[exp.Expr] = [
            q for tree in parsed if tree is not None and (q := _query(tree)) is not None
        ]
        return trees, lines, broken

    def _models(
        self, read: Sequence[tuple[Text, list[exp.Expr], tuple[int, ...]]]
    ) -> dict[str, exp.Query]:
        """Models of dbt that are given, by the names that `ref` gives them."""
        found: dict[str, exp.Query] = {}
        for text, trees, _ in read:
            name = text.path.rpartition("/")[2].partition(".")[0].lower()
            if text.is_file and len(trees) == 1 and name not in self.layer.tables:
                tree = trees[0]
                if "{{" in text.sql and isinstance(tree, exp.Query):
                    found[name] = _without_refs(tree)
        return found

    def _of_query(
        self, text: Text, tree: exp.Expr, lines: tuple[int, ...], models: dict[str, exp.Query]
    ) -> Iterator[Finding | Issue | None]:
        reader = self.layer.reader()
        reader.named = {**models, **reader.named}
        own = text.path.rpartition("/")[2].partition(".")[0].lower()
        reader.named = {k: v for k, v in reader.named.items() if k != own}
        assert isinstance(tree, exp.Query), "only queries are kept"
        for output in reader.outputs(_without_refs(tree)):
            if is_unread(output.value):
                yield self._unjudged(text, output)
                continue
            try:
                found = match(site_of(output, self.layer), self.layer)
            except NotRead:
                found = None
            except _FAILURES as error:
                yield _unread(text, f"`{output.name}`: {_told(error)}", "notice")
                continue
            yield None if found is None else self._finding(text, found, lines)

    def _unjudged(self, text: Text, output: Output) -> Issue | None:
        """A column that is not understood, where its name is a metric's."""
        words = words_of(output.name)
        named = [m.name for m in self.layer.metrics if likeness(words, m.words) >= 1]
        why = f"`{output.name}`, called like `{named[0]}`" if named else ""
        told = output.value.expressions[0].name
        return _unread(text, told, "notice", output.line, why) if named else None

    def _finding(self, text: Text, found: Match, lines: tuple[int, ...]) -> Finding:
        output, metric = found.site.output, found.found.metric
        same = (
            f"{metric.name} {text_of(found.site.measure.above)} {text_of(found.site.measure.below)}"
        )
        asked = f"{same} {found.verdict} {found.found.why} {sorted(found.site.slices)}"
        evidence = self._seen.get(asked)
        if evidence is None:
            evidence = self._seen[asked] = weighed(found, self.layer, self)
        parts = (text.path, text.shown, output.name, metric.name, evidence.verdict, same)
        digest = hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]
        view = self.views.get(metric.name)
        use = f"use the view `{view}`" if view else f"ask for `{metric.name}` instead"
        return Finding(
            digest,
            _place(text, output.line, output.column, lines, output.name),
            output.name,
            metric.name,
            evidence.verdict,
            evidence.why,
            found.found.note,
            use if evidence.verdict != "possible" else "",
            evidence.example,
            evidence.method,
            text.shown,
            text.runs,
            text.users,
        )


def _without_refs(tree: exp.Query) -> exp.Query:
    copied = tree.copy()
    for table in copied.find_all(exp.Table):
        if table.db == REF:
            table.set("db", None)
    return copied


def _query(tree: exp.Expr) -> exp.Query | None:
    if isinstance(tree, exp.Query):
        return tree
    inner = tree.args.get("expression")
    if isinstance(inner, exp.Query):
        with_ = tree.args.get("with_")
        if with_ is not None and not inner.args.get("with_"):
            inner.set("with_", with_.copy())
        return inner
    return None


def _once(texts: Sequence[Text], dialect: str) -> Iterator[Text]:
    """Queries of logs once for each shape, whatever the dates and moments in them are."""
    shapes: dict[str, Text] = {}
    for text in texts:
        if text.is_file or not text.runs:
            yield text
            continue
        shape = _shape(text, dialect)
        other = shapes.get(shape)
        if other is None:
            shapes[shape] = text
        else:
            users = tuple(dict.fromkeys((*other.users, *text.users)))
            last = max(other.last, text.last)
            shapes[shape] = replace(other, runs=other.runs + text.runs, users=users, last=last)
    yield from shapes.values()


def _shape(text: Text, dialect: str) -> str:
    try:
        tokens = sqlglot.tokenize(text.sql, read=text.dialect or dialect)
    except SqlglotError:
        return text.sql
    words = ("?" if _MOMENT.match(t.text) else f"{t.token_type.name} {t.text}" for t in tokens)
    return f"{text.path} {' '.join(words)}"


def _place(text: Text, line: int, column: int, lines: tuple[int, ...], name: str) -> Location:
    if not text.is_file:
        return Location(text.path, text.line, 1)
    at = lines[line - 1] if lines and 0 < line <= len(lines) else max(1, line)
    source = text.sql.splitlines()
    shown = source[at - 1] if at <= len(source) else ""
    if lines and name and name in shown:
        column = shown.index(name) + 1
    return Location(text.path, at, max(1, min(column, len(shown) + 1)), max(1, len(name)), shown)


def _statements(sql: str, dialect: str) -> Iterator[list[Token]]:
    """The tokens of each statement: a broken one leaves the others as they are."""
    found: list[Token] = []
    for token in sqlglot.tokenize(sql, read=dialect):
        if token.token_type == TokenType.SEMICOLON:
            if found:
                yield found
            found = []
        else:
            found.append(token)
    if found:
        yield found


def _unread(
    text: Text, why: str, severity: Severity = "warning", at: int = 1, what: str = ""
) -> Issue:
    what = " of ".join(filter(None, (what, text.shown))) or "a query"
    line = at if text.is_file else text.line
    return Issue(
        "drift-unread", f"{what} is not read: {why}", Location(text.path, line), severity=severity
    )


def _told(error: Exception) -> str:
    """Why something is not read, in words: of errors in programs, only that it is so."""
    found = getattr(error, "errors", None)
    if found:
        return f"{found[0]['description'].rstrip('.')} (line {found[0]['line']})"
    is_told = isinstance(error, NotRead | SqlglotError | ConfigError)
    return str(error).partition("\n")[0] if is_told else "it is not understood"
