"""The text of a metric view: its YAML, the statements that make it, and a script of them.

Spark knows version 0.1 of the YAML alone, which has no joins, labels and comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import yaml

from kpilayer.sql.creation import relation_text
from kpilayer.warehouse.spark import SETTINGS


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric as an expression over the rows, and the columns that are its `metric_time`."""

    name: str
    expr: str
    fingerprint: str
    times: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetricView:
    """A metric view, and the view of the rows that it aggregates; both names are SQL.

    ``dimensions`` are columns, each with the group-by that it is. ``statements`` make both views,
    in the place of those that were there.
    """

    model: str
    name: str
    rows: str
    dimensions: tuple[tuple[str, str], ...]
    measures: tuple[Measure, ...]
    statements: tuple[str, ...]
    heading: str

    @property
    def text(self) -> str:
        """A script of the statements, with the settings of a session that decide numbers.

        Spark keeps them with the views, whatever the session is set to that reads them.
        """
        settings = (f"SET {name} = {value}" for name, value in SETTINGS.items())
        return self.heading + "".join(f"{one};\n" for one in (*settings, *self.statements))


def written(
    model: str,
    places: tuple[Sequence[str], Sequence[str]],
    named: Mapping[str, str],
    measures: Iterable[Measure],
    select: str,
    gone: Iterable[str],
) -> MetricView:
    """The metric view of a model, and that of its rows, at two ``places``.

    ``named`` are its columns by group-by, ``select`` gives its rows, ``gone`` says what it lacks.
    """
    name, rows = (relation_text(parts, "spark") for parts in places)
    every = tuple(measures)
    dimensions = [{"name": n, "expr": relation_text([n], "spark")} for n in named.values()]
    definition = {
        "version": "0.1",
        "source": rows,
        **({"dimensions": dimensions} if dimensions else {}),
        "measures": [{"name": one.name, "expr": one.expr} for one in every],
    }
    statements = (
        f"DROP VIEW IF EXISTS {name}",  # Spark refuses OR REPLACE for a metric view
        f"CREATE OR REPLACE VIEW {rows} AS\n{select}",
        f"CREATE VIEW {name} WITH METRICS LANGUAGE YAML AS\n$$\n{_yaml(definition)}$$",
    )
    columns = tuple((column, asked) for asked, column in named.items())
    return MetricView(model, name, rows, columns, every, statements, _heading(model, every, gone))


def _heading(model: str, measures: Iterable[Measure], gone: Iterable[str]) -> str:
    lines = [f"-- kpilayer: metrics of `{model}` as a metric view, for Spark 4.2 and later"]
    for one in measures:
        time = f", over time by {' and '.join(one.times)}" if one.times else ""
        lines.append(f"-- {one.name} {one.fingerprint}{time}")
    lines += [f"-- left out: {' '.join(text.split())}" for text in gone]  # a comment ends its line
    return "".join(f"{line}\n" for line in lines)


class _Dumper(yaml.SafeDumper):
    """YAML that stands between two `$$`."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if "$$" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _yaml(definition: Mapping[str, object]) -> str:
    """A definition as YAML; `$$`, which would end it, is said by the numbers of its letters."""
    text = yaml.dump(dict(definition), Dumper=_Dumper, sort_keys=False, allow_unicode=True,
                     width=inf)  # fmt: skip
    return text.replace("$$", r"\x24\x24")
