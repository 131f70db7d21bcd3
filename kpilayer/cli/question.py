"""The flags that say what to compute, shared by every command that asks for numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import update_wrapper
from typing import Any, Final

import click

from kpilayer.cli.options import QueryFlag

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True)
class Question:
    """What the query flags ask for, with the words of ``Project.prepare``."""

    saved_query: str | None = None
    metrics: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    exact: bool = False
    having: tuple[str, ...] = ()
    compare: tuple[str, ...] = ()
    compare_rows: str | None = None
    totals: tuple[tuple[str, ...], ...] = ()
    top: int | None = None
    top_by: str | None = None
    top_of: str | None = None
    other: str | None = None
    fill: int | None = None
    components: bool = False
    min_max: bool = False
    all_rows: bool = False
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    timezone: str | None = None
    dialect: str | None = None
    unverified: bool = False
    stage: str | None = None
    role: tuple[tuple[str, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether no flag asks for particular numbers, only perhaps how to spell them."""
        return replace(self, dialect=None, unverified=False, stage=None) == Question()

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of ``Project.prepare`` and ``Project.query``."""
        rest: dict[str, Any] = {
            "saved_query": self.saved_query,
            "having": list(self.having),
            "compare": list(self.compare),
            "compare_rows": self.compare_rows,
            "totals": [list(level) for level in self.totals],
        }
        if self.top is not None:
            best = {"n": self.top, "by": self.top_by, "of": self.top_of, "other": self.other}
            rest["top"] = {name: value for name, value in best.items() if value is not None}
        elif self.top_by or self.top_of or self.other:
            raise click.UsageError("`--top-by`, `--top-of` and `--other` need `--top N`.")
        if self.min_max:
            rest["min_max"] = True
        if self.all_rows:
            rest["distinct"] = False
        if self.fill is not None:
            rest["fill"] = self.fill
        if self.components:
            rest["components"] = True
        if self.role:
            rest["role"] = self.attributes()
        return {
            **{name: value for name, value in rest.items() if value not in (None, [])},
            "metrics": list(self.metrics),
            "group_by": list(self.group_by),
            "where": list(self.where) or None,
            "start": self.start,
            "end": self.end,
            "exact": self.exact,
            "order_by": list(self.order_by),
            "limit": self.limit,
            "timezone": self.timezone,
            "dialect": self.dialect,
            "unverified": self.unverified,
        }

    def attributes(self) -> dict[str, str | list[str]]:
        """The role's attributes; one that is given several times is a list."""
        found: dict[str, list[str]] = {}
        for name, value in self.role:
            found.setdefault(name, []).append(value)
        return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


_FIELDS: Final = tuple(field.name for field in fields(Question))


def query_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """The query flags; the command receives them as one ``question``."""

    def ask(*args: Any, **values: Any) -> Any:
        found = {name: values.pop(name) for name in _FIELDS}
        return function(*args, question=Question(**found), **values)

    def flag(*names: str, **attributes: Any) -> Decorator:
        return click.option(*names, cls=QueryFlag, **attributes)

    def listed(*names: str, **attributes: Any) -> Decorator:
        return flag(*names, multiple=True, callback=_split_all, **attributes)

    flags = [
        flag("--saved-query", metavar="NAME", help="Ask a saved query; other flags narrow it."),
        listed("-m", "--metrics", metavar="A,B", help="Metrics to compute."),
        listed("-g", "--group-by", metavar="X,Y", help="Dimensions, entities or time to group by."),
        flag("-w", "--where", multiple=True, metavar="SQL", help="Condition on rows; may repeat."),
        flag("--start", metavar="DATE", help="First day, widened to its whole period."),
        flag("--end", metavar="DATE", help="Last day, included, widened likewise."),
        flag("--exact", is_flag=True, help="Keep --start and --end as they are."),
        flag(
            "--having",
            multiple=True,
            metavar="SQL",
            help="Condition on the answer's rows; may repeat.",
        ),
        listed(
            "--compare",
            metavar="A,B",
            help="Add earlier values: prior_period, prior_year, `7 days`.",
        ),
        flag(
            "--compare-rows",
            type=click.Choice(["current", "all"]),
            help="Also rows that only the earlier time has; current if not said.",
        ),
        flag(
            "--totals",
            multiple=True,
            callback=_split_each,
            metavar="X,Y",
            help="Add totals of a level that keeps these group-bys, '' for none; may repeat.",
        ),
        flag("--top", type=int, metavar="N", help="Only the best members of a group-by."),
        flag("--top-by", metavar="-A", help="Metric to rank by; the first, largest, if not said."),
        flag("--top-of", metavar="X", help="Group-by whose members are ranked."),
        flag("--other", metavar="NAME", help="Also one group of all other members."),
        flag("--fill", type=int, metavar="0", help="A row for every period, with 0 for nothing."),
        flag("--components", is_flag=True, help="Add the columns that metrics are rolled up from."),
        flag("--min-max", is_flag=True, help="The first and last value of one group-by."),
        flag("--all-rows", is_flag=True, help="Without metrics: every row's values."),
        listed("--order-by", metavar="A,-B", help="Columns to sort by; `-` for descending."),
        flag("--limit", type=int, metavar="N", help="At most this many rows."),
        flag("--timezone", metavar="ZONE", help="Show instants in this zone: Europe/Berlin."),
        flag(
            "--role",
            multiple=True,
            metavar="NAME=VALUE",
            callback=_attributes,
            help="Attribute of who asks, for row access; several times for a list.",
        ),
        flag("--dialect", metavar="NAME", help="Dialect of the SQL, if not the target's own."),
        flag("--unverified", is_flag=True, help="Allow dialects that no test has executed."),
        flag(
            "--stage",
            type=click.Choice(["plan", "ast", "sql"]),
            help="Which stage of compiling to print; sql if not said.",
        ),
    ]
    decorated: Callable[..., Any] = update_wrapper(ask, function)
    for one in reversed(flags):
        decorated = one(decorated)
    return decorated


def _attributes(
    _ctx: click.Context, _flag: click.Parameter, texts: Iterable[str]
) -> tuple[tuple[str, str], ...]:
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter("write NAME=VALUE, as `--role region=EU`")
        found.append((name.strip().lower(), value))
    return tuple(found)


def _split_all(
    _ctx: click.Context, _flag: click.Parameter, texts: Iterable[str]
) -> tuple[str, ...]:
    return tuple(part for text in texts for part in split_names(text))


def _split_each(
    _ctx: click.Context, _flag: click.Parameter, texts: Iterable[str]
) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(split_names(text)) for text in texts)


def split_names(text: str) -> list[str]:
    """Names between commas; commas inside brackets or quotes belong to the name.

    >>> split_names("order__status, TimeDimension('metric_time', 'month')")
    ['order__status', "TimeDimension('metric_time', 'month')"]
    """
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth <= 0:
            parts.append("")
            continue
        parts[-1] += character
    return [part.strip() for part in parts if part.strip()]
