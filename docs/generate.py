"""Writes the parts of the documentation that the code already says: keys, flags, codes, functions.

    python docs/generate.py            rewrite what is stale
    python docs/generate.py --check    report it, and change nothing

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; the text around it is written
by people.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sqlglot import exp

from kpilayer.model import (
    config,
    kpi,
    kpi_parts,
    metric,
    metric_parts,
    names,
    periods,
    semantic_model,
    source,
    time_spine,
    usage,
    view,
)
from kpilayer.model.field_docs import field_docs

DOCS: Final = Path(__file__).parent
_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> list[Path]:
    """Every page that has a generated part."""
    found = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [page for page in found if "<!-- generated: " in page.read_text(encoding="utf-8")]


def refreshed(text: str) -> str:
    """A page with its generated parts as the code has them now."""
    return _PART.sub(lambda m: f"{m[1]}\n{PARTS[m[2]]().strip()}\n\n{m[3]}", text)


def fresh() -> Iterator[tuple[Path, str]]:
    """Every generated file as it has to be: pages, and the JSON Schemas in `schema/`."""
    from kpilayer.cli.schema import as_text
    from kpilayer.schema import FILES, schema_of

    for page in pages():
        yield page, refreshed(page.read_text(encoding="utf-8"))
    for kind in FILES:
        if kind != "kpilayer":  # all the others in one
            yield DOCS / "schema" / f"{kind}.json", as_text(schema_of(kind))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Text for a cell: pipes escaped, and `<` where it would begin a tag."""
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def words(names: Iterable[str]) -> str:
    """Names in backticks, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


# ---------------------------------------------------------------------------------- definition keys


def _kind(annotation: Any) -> str:
    """What a key takes, in words."""
    if annotation is type(None):
        return ""
    origin = get_origin(annotation)
    named = _named(annotation)
    if named:
        return named
    if origin is typing.Annotated:
        return _kind(get_args(annotation)[0])
    if origin is Literal:
        return " | ".join(f"`{value}`" for value in get_args(annotation))
    if origin in (typing.Union, types.UnionType):
        kinds = [_kind(a) for a in get_args(annotation)]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
    if origin is tuple:
        return f"list of {_plural(_kind(get_args(annotation)[0]))}"
    if origin is dict:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{_TITLES[annotation.__name__]}](#{_anchor(_TITLES[annotation.__name__])})"
    plain = {str: "text", bool: "true or false", int: "whole number", float: "number"}
    return {**plain, date: "date", Any: "anything"}[annotation]


def _plural(kind: str) -> str:
    plurals = {"text": "texts", "name": "names", "name, or [input](#inputs)": "[inputs](#inputs)"}
    return plurals.get(kind, kind)


def _named(annotation: Any) -> str | None:
    """The kinds of text that have a name of their own in ``model.names``."""
    known = [
        (semantic_model.Grain, "[grain](dialects.md#grains-and-date-parts)"),
        (names.Name, "name"),
        (names.Reference, "name of another definition"),
        (names.Sql, "SQL expression"),
        (names.Conditions, "SQL condition, or a list of them"),
        (metric_parts.Input, "name, or [input](#inputs)"),
        (metric_parts.GroupBys, "group-by name, or a list of them"),
        (periods.Length, "length of time"),
        (periods.StandardLength, "length of time"),
        (kpi_parts.Span, "hours, days or weeks: `3d`"),
        (kpi_parts.Times, "how often: `1`, or `2 of 3`"),
        (kpi_parts.Fraction, "fraction or percentage"),
    ]
    return next((text for kind, text in known if annotation == kind), None)


def _field_kind(info: FieldInfo) -> str:
    """As ``_kind``; pydantic keeps what stood around the outermost type apart."""
    annotation: Any = info.annotation
    if info.metadata:
        return _kind(typing.Annotated[annotation, *info.metadata])
    return _kind(annotation)


def _default(info: FieldInfo, about: str) -> str:
    if info.is_required() or about == _SWITCH:
        return "**required**"
    value = info.get_default(call_default_factory=True)
    if value is None or value == () or value == {} or isinstance(value, BaseModel):
        return ""
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


#: The decoder asks for this key: a model without it is an ordinary model of dbt.
_SWITCH: Final = "Whether the model takes part in metrics."

_TITLES: Final = {
    "ProjectConfig": "kpilayer.yml",
    "HistoryPlace": "History of KPIs",
    "Alert": "Alerts",
    "Model": "Semantic models",
    "Column": "Columns",
    "ColumnEntity": "Entity of a column",
    "ColumnDimension": "Dimension of a column",
    "DerivedSemantics": "Derived semantics",
    "Entity": "Derived entities",
    "Dimension": "Derived dimensions",
    "SimpleMetric": "Simple metrics",
    "RatioMetric": "Ratio metrics",
    "DerivedMetric": "Derived metrics",
    "SqlMetric": "SQL metrics",
    "CumulativeMetric": "Cumulative metrics",
    "ConversionMetric": "Conversion metrics",
    "ConstantProperty": "Constant properties",
    "NestedMetric": "Nested metrics",
    "ShareMetric": "Share metrics",
    "FunnelMetric": "Funnel metrics",
    "InputMetric": "Inputs",
    "NonAdditiveDimension": "Non-additive dimension",
    "Former": "Previous versions",
    "Certificate": "Certificates",
    "Contracts": "Contracts",
    "Reconciliation": "Reconciliation",
    "Mask": "Masks",
    "MetricTest": "Metric tests",
    "TestedQuery": "Question of a metric test",
    "Config": "Config",
    "ValidityParams": "Validity",
    "Active": "Active",
    "RowAccess": "Row access",
    "TimeSpine": "Time spines",
    "SpineColumns": "Columns of a spine",
    "CustomGranularity": "Custom granularities",
    "SavedQuery": "Saved queries",
    "QueryParams": "Question of a saved query",
    "Export": "Exports",
    "ExportConfig": "Config of an export",
    "View": "Views",
    "ViewDimension": "Dimensions of a view",
    "Renamed": "Renamed columns",
    "Publishing": "Publishing",
    "RoleTable": "Table of roles",
    "Kpi": "KPIs",
    "KpiOwner": "Owner of a KPI",
    "Health": "Health",
    "Bounds": "Bounds",
    "Relative": "Relative ranges",
    "RangeOverride": "Overrides of a range",
    "Segments": "Health by segment",
    "SegmentBounds": "Range of a segment",
    "Confirm": "Confirmation",
    "AttainmentRule": "Attainment",
    "Exclusion": "Exclusions",
    "KpiTarget": "Targets",
    "Baseline": "Baseline of a target",
    "Consequence": "Consequence",
    "Action": "Actions",
    "Drivers": "Drivers",
    "Influence": "Influences",
    "Guardrail": "Guardrails",
    "Freshness": "Freshness of a KPI",
    "Age": "Age of data",
    "Review": "Review",
    "KpiAccess": "Access to a KPI",
    "KpiMask": "Mask of a KPI",
    "Benchmark": "Benchmarks",
    "KpiNote": "Note on a KPI",
    "LintIgnore": "Ignored rules",
    "Okr": "OKRs",
    "KeyResult": "Key results",
    "Trigger": "Trigger of an objective",
    "KpiDefaults": "Defaults of KPIs",
    "Exposure": "Exposures",
    "Group": "Groups",
    "Owner": "Owners",
    "Source": "Sources",
    "SourceTable": "Tables of a source",
    "SourceConfig": "Config of a source",
    "External": "Metadata of a source",
}


def _keys(kind: type[BaseModel], leave_out: Iterable[str] = ()) -> str:
    rows = []
    for name, info in kind.model_fields.items():
        if name in leave_out:
            continue
        about = field_docs(kind).get(name, "")
        rows.append((f"`{info.alias or name}`", _field_kind(info), _default(info, about), about))
    return table(("key", "takes", "default", "meaning"), rows)


def _definition(name: str) -> str:
    kind = _kind_of(name)
    base = metric_parts.MetricBase
    own = set(base.model_fields) - {"type"} if issubclass(kind, base) else set()
    return f"{inspect.getdoc(kind)}\n\n{_keys(kind, own | _HIDDEN.get(name, set()))}"


#: Keys that a type has for itself.
_HIDDEN: Final = {"TimeSpine": {"columns", "granularity"}, "SqlMetric": {"type"}}


def _kind_of(name: str) -> type[BaseModel]:
    """The type of a name, in whichever file of ``model`` it stands."""
    homes = (config, names, metric_parts, metric, semantic_model, time_spine, usage, kpi, source)
    homes += (view,)
    return next(vars(home)[name] for home in homes if name in vars(home))


def _metric_keys() -> str:
    return _keys(metric_parts.MetricBase)


def _not_yet() -> str:
    from kpilayer.load.known import NOT_YET

    rows = [(_PLACES[place], words(sorted(keys))) for place, keys in NOT_YET.items() if keys]
    keys = table(("place", "refused when the project is read"), rows)
    return f"{keys}\n\nRefused when a question needs them: {_LATER}."


#: What can be said that questions cannot use yet (``plan/answerable``).
_LATER: Final = "custom granularities in `offset_window`, and of what is computed over time"


def _ignored() -> str:
    from kpilayer.load.known import IGNORED

    rows = [(_PLACES[place], words(sorted(keys))) for place, keys in IGNORED.items() if keys]
    return table(("place", "accepted and ignored"), rows)


_PLACES: Final = {
    "file": "top level of a file",
    "project": "kpilayer.yml",
    "model": "semantic model",
    "column": "column",
    "entity": "entity",
    "dimension": "dimension",
    "metric": "metric",
    "input": "input of a metric",
}


# -------------------------------------------------------------------------------------- expressions


#: Dialects whose SQL is executed, as people call them.
ENGINES: Final = {
    "duckdb": "DuckDB",
    "postgres": "PostgreSQL",
    "mysql": "MySQL and MariaDB",
    "sqlite": "SQLite",
    "clickhouse": "ClickHouse",
    "spark": "Spark",
}


def _aggregations() -> str:
    """Each aggregation with its SQL on the engines that are tested."""
    from kpilayer.model.metric_parts import Aggregation
    from kpilayer.sql.dialects import capabilities
    from kpilayer.sql.dialects.spellings import AGGREGATES

    rows = []
    for agg in get_args(Aggregation):
        cells = []
        for dialect in ENGINES:
            spoken, value = capabilities(dialect), exp.column("x")
            if agg not in ("median", "percentile"):
                tree = {**AGGREGATES, **spoken.aggregates}[agg](value)
            elif spoken.percentile is not None:
                tree = spoken.percentile(value, 0.5 if agg == "median" else 0.9, False)
            else:
                cells.append("by rank")
                continue
            cells.append(f"`{tree.sql(dialect)}`")
        rows.append((f"`{agg}`", *cells))
    return table(("`agg`", *ENGINES.values()), rows)


def _functions() -> str:
    from kpilayer.vocabulary import SAFE_FUNCTIONS

    spelled = {exp.DPipe: "||", exp.If: "IF", exp.Extract: "EXTRACT(part FROM x)"}
    names = {
        spelled.get(kind) or ("CASE" if kind is exp.Case else kind.sql_name())
        for kind in SAFE_FUNCTIONS
        if kind is not exp.TimestampTrunc
    }
    return words([*sorted(names), "DATE_DIFF('day', a, b)"])


def _dialects() -> str:
    from kpilayer.snippets import DIALECTS
    from kpilayer.sql.dialects import VERIFIED

    parsed = ("redshift", "snowflake", "trino", "tsql")
    engines = [name for name in VERIFIED if name != "bigquery"]
    rest = sorted(set(DIALECTS) - set(VERIFIED) - {*parsed, "databricks"})
    return (
        f"Executed on the engine: {words(engines)}.\n\n"
        "Executed on GoogleSQL's reference executor, not on the service: "
        f"{words(['bigquery'])}.\n\n"
        "Printed with `--unverified` in words of its own, and parsed by an independent grammar "
        f"(sqlparser-rs), never executed: {words(parsed)}.\n\n"
        "Printed with `--unverified` in Spark's words, and not executed on it: "
        f"{words(['databricks'])}.\n\n"
        f"Printed with `--unverified` as sqlglot writes it: {words(rest)}."
    )


def _grains() -> str:
    from kpilayer.grain import GRAINS, PARTS

    parts = words(f"extract_{part}" for part in PARTS)
    return f"Grains: {words(GRAINS)}.\n\nDate parts: {parts}."


# ------------------------------------------------------------------------------------- command line


def _commands() -> str:
    from kpilayer.cli.main import COMMANDS

    rows = [
        (f"[`kpilayer {name}`](#kpilayer-{name})", entry.summary)
        for name, entry in COMMANDS.items()
    ]
    return table(("command", "what it does"), rows)


def _command_pages() -> str:
    from kpilayer.cli.main import COMMANDS, cli
    from kpilayer.cli.promote import kpi

    context = click.Context(cli, info_name="kpilayer")
    pages = [_command_page(cli, name, context) for name in COMMANDS]
    gate = click.Group("init", {"kpi": kpi})
    inner = click.Context(gate, info_name="init", parent=context)
    after = list(COMMANDS).index("init") + 1
    return "\n\n".join([*pages[:after], _command_page(gate, "kpi", inner), *pages[after:]])


def _command_page(group: click.Group, name: str, parent: click.Context) -> str:
    command = group.get_command(parent, name)
    assert command is not None, f"{name} is a command"
    settings = command.context_settings
    context = click.Context(command, info_name=name, parent=parent, **settings)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    rows = [
        row
        for parameter in command.get_params(context)
        if getattr(parameter, "section", "") != "Common options"
        for row in _flags(parameter, context)
    ]
    examples = "\n".join(getattr(command, "examples", ()))
    below, listed = [], []
    if isinstance(command, click.Group):
        below = [_command_page(command, one, context) for one in command.commands]
        listed = [
            (f"`{context.command_path} {one}`", inner.get_short_help_str(100))
            for one, inner in command.commands.items()
        ]
    parts = [
        f"## {context.command_path}",
        f"```text\n{usage}\n```",
        inspect.cleandoc(command.help or ""),
        table(("command", "what it does"), listed) if listed else "",
        table(("flag", "meaning"), rows),
        f"```text\n{examples}\n```",
        *below,
    ]
    return "\n\n".join(part for part in parts if part)


def _common_flags() -> str:
    from kpilayer.cli.main import cli

    context = click.Context(cli, info_name="kpilayer", **cli.context_settings)
    rows = [row for p in cli.get_params(context) for row in _flags(p, context)]
    return table(("flag", "meaning"), rows)


def _flags(parameter: click.Parameter, context: click.Context) -> Iterator[tuple[str, str]]:
    record = parameter.get_help_record(context)
    if record is None or record[0] in ("NAME", "[CODE]", "[DIR]"):
        return
    if record[1] or parameter.param_type_name != "argument":
        yield f"`{record[0]}`", re.sub(r"\[(KPILAYER_\w+)\]", r"`\1`", record[1])


# -------------------------------------------------------------------------------------------- codes


def _codes() -> str:
    from kpilayer.codes import CODES

    return "\n\n".join(
        f"## {code}\n\n{text.title}\n\n*Why:* {text.why}\n\n*Instead:* {text.instead}"
        for code, text in CODES.items()
    )


# --------------------------------------------------------------------------------------- Python API


def _python() -> str:
    import kpilayer

    public = {name: getattr(kpilayer, name) for name in kpilayer.__all__}
    return "\n\n".join(
        _class(name, value) if inspect.isclass(value) else _function(name, value)
        for name, value in public.items()
        if inspect.isclass(value) or inspect.isfunction(value)
    )


def _function(name: str, function: Callable[..., Any]) -> str:
    text = _prose(inspect.getdoc(function) or "")
    doctests = re.compile(r"^>>>(?:.+\n?)+", re.MULTILINE)
    shown = doctests.sub(lambda m: f"```python\n{m[0].rstrip()}\n```\n", text)
    return "\n\n".join([f"## {name}", _signature(name, function), shown])


def _class(name: str, kind: type) -> str:
    parts = [f"## {name}", _prose(inspect.getdoc(kind) or "")]
    if dataclasses.is_dataclass(kind) and name != "Project":  # one is loaded, not made
        parts.append(f"Fields: {words(f.name for f in dataclasses.fields(kind))}.")
    for member, value in vars(kind).items():
        if member.startswith("_") or not inspect.getdoc(value):
            continue
        if isinstance(value, property) or type(value).__name__ == "cached_property":
            parts += [f"### {name}.{member}", _prose(inspect.getdoc(value) or "")]
        elif inspect.isroutine(value) or isinstance(value, classmethod):
            function = getattr(value, "__func__", value)
            parts += [f"### {name}.{member}()", _signature(member, function)]
            parts += [_prose(inspect.getdoc(value) or "")]
    return "\n\n".join(parts)


def _signature(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    kept = [p for n, p in signature.parameters.items() if n not in ("self", "cls")]
    inside = ""
    for index, one in enumerate(kept):
        if one.kind is one.KEYWORD_ONLY and (index == 0 or kept[index - 1].kind is not one.kind):
            inside += "*, "
        star = "**" if one.kind is one.VAR_KEYWORD else ""
        default = "" if one.default is one.empty else f" = {one.default!r}"
        inside += f"{star}{one.name}: {one.annotation}{default}, "
    line = f"{name}({inside.removesuffix(', ')}) -> {signature.return_annotation}"
    return "```text\n" + "\n".join(textwrap.wrap(line, 96, subsequent_indent="    ")) + "\n```"


def _prose(text: str) -> str:
    """A docstring as Markdown."""
    text = re.sub(r"``(.+?)``", r"`\1`", text)
    text = re.sub(r":\w+:`~?([\w.]+\.)?(\w+)`", r"`\2`", text)
    raises = re.search(r"^Raises:\n((?: {4}.*\n?)+)", text, re.MULTILINE)
    if raises:
        inside = textwrap.dedent(raises[1])
        entries = [" ".join(e.split()) for e in re.split(r"\n(?=\S)", inside.strip())]
        listed = "\n".join("- " + re.sub(r"^([\w, ]+):", r"`\1`:", entry) for entry in entries)
        text = text[: raises.start()] + f"Raises:\n\n{listed}\n" + text[raises.end() :]
    return text.strip()


def _anchor(title: str) -> str:
    """The anchor that GitHub gives to a heading.

    >>> _anchor("Entity of a column"), _anchor("kpilayer.yml")
    ('entity-of-a-column', 'kpilayeryml')
    """
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


anchor = _anchor


def _changes() -> str:
    """Every rule of changes by class, the most severe first, and the fields that it is about."""
    from kpilayer.change.fields import FIELDS
    from kpilayer.change.rules import LEVELS, RULES

    fields: dict[str, list[str]] = {}
    for kind, known in FIELDS.items():
        for field, rule in known.items():
            fields.setdefault(rule, []).append(f"{kind.replace('_', ' ')}: `{field.rstrip('_')}`")
    rows = [
        (
            rule.level,
            f"`{name}`",
            rule.title,
            "by proof or rows" if rule.provable else "",
            ", ".join(dict.fromkeys(fields.get(name, ()))),
        )
        for level in reversed(LEVELS)
        for name, rule in RULES.items()
        if rule.level == level
    ]
    return table(("class", "rule", "what it is", "lowered", "fields"), rows)


# -------------------------------------------------------------------------------------- the library

_ARROWS: Final = {"higher": "↑", "lower": "↓", "range": "↔"}


def _library_kpis() -> str:
    from kpilayer.library.entries import FUNCTIONS, library

    shipped = library()
    parts: list[str] = []
    for function in FUNCTIONS:
        rows = [
            (
                f"`{kpi.name}` {_ARROWS[kpi.direction]}",
                kpi.label,
                kpi.formula,
                ", ".join(
                    f"[{fact}](#{_anchor(fact)})"
                    for fact in shipped.columns_of(shipped.below(kpi.name))
                ),
                _library_range(kpi),
                f"{kpi.cadence}, {kpi.kind.replace('_', ' ')}",
                words(kpi.guardrails),
            )
            for kpi in shipped.kpis.values()
            if kpi.function == function
        ]
        head = ("KPI", "label", "formula", "facts", "range in sources", "judged", "guardrails")
        parts.append(f"### {function.capitalize()}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def _library_range(kpi: Any) -> str:
    if kpi.healthy is None:
        return f"none; {kpi.source}" if kpi.source else "none"
    critical = f", critical {kpi.critical.in_words}" if kpi.critical else ""
    return f"{kpi.healthy.in_words}{critical}: {kpi.source}"


def _library_traps() -> str:
    from kpilayer.library.entries import library

    rows = [(f"`{kpi.name}`", " ".join(kpi.traps)) for kpi in library().kpis.values() if kpi.traps]
    return table(("KPI", "what goes wrong"), rows)


def _library_metrics() -> str:
    from kpilayer.library.entries import library

    rows = [
        (f"`{metric.name}`", str(metric.data["label"]), str(metric.data["description"]))
        for metric in library().metrics.values()
        if metric.is_helper
    ]
    return table(("metric", "label", "what it is"), rows)


def _library_facts() -> str:
    from kpilayer.library.entries import library

    parts: list[str] = []
    for fact in library().facts.values():
        rows = [(f"`{c.name}`", c.role, c.type, c.meaning) for c in fact.columns.values()]
        head = ("column", "role", "type", "meaning")
        parts.append(
            f"### {fact.name}\n\n{fact.grain[0].upper()}{fact.grain[1:]}.\n\n{table(head, rows)}"
        )
    return "\n\n".join(parts)


def _library_refused() -> str:
    from kpilayer.library.entries import library

    shipped = library()
    rows = [(words(v.names), v.because, f"take {words(v.instead)}") for v in shipped.vanity]
    for alias in shipped.aliases:
        when = "" if alias.always else f", where `{alias.same_as}` is there"
        rows.append((words(alias.names), f"{alias.because}{when}", f"keep `{alias.same_as}`"))
    return table(("asked for", "why not", "instead"), rows)


PARTS: Final[dict[str, Callable[[], str]]] = {
    **{
        f"keys-{name}": (lambda name=name: _definition(name))  # type: ignore[misc]
        for name in _TITLES
    },
    "keys-metric": _metric_keys,
    "not-yet": _not_yet,
    "ignored": _ignored,
    "aggregations": _aggregations,
    "functions": _functions,
    "dialects": _dialects,
    "grains": _grains,
    "commands": _commands,
    "command-pages": _command_pages,
    "common-flags": _common_flags,
    "codes": _codes,
    "changes": _changes,
    "python": _python,
    "library-kpis": _library_kpis,
    "library-traps": _library_traps,
    "library-metrics": _library_metrics,
    "library-facts": _library_facts,
    "library-refused": _library_refused,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrites or checks all pages."""
    parser = argparse.ArgumentParser(description="Write the generated parts of the documentation.")
    parser.add_argument("--check", action="store_true", help="report, and change nothing")
    only_check = parser.parse_args(arguments).check
    stale = 0
    for page, new in fresh():
        old = page.read_text(encoding="utf-8") if page.exists() else ""
        if new != old:
            stale += 1
            sys.stdout.write(f"{page.relative_to(DOCS.parent)}\n")
            if not only_check:
                page.write_text(new, encoding="utf-8")
    return 1 if stale and only_check else 0


if __name__ == "__main__":
    sys.exit(main())
