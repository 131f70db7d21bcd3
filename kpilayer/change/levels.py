"""Answers by period and slice, and what they are of coarser groups, where that is exact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from kpilayer.address import metric_column
from kpilayer.formula.build import formula
from kpilayer.identity import Identity
from kpilayer.rollup import RollUp, roll_up
from kpilayer.sql.compiled import Compiled
from kpilayer.sql.select import in_words
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.local import database_of
from kpilayer.warehouse.result import Result

#: By period and slice, by one of them, or in total.
Level = Literal["cells", "periods", "slices", "total"]
#: What of an answer by period and slice can be rolled up: to everything, over slices, nothing.
Kind = Literal["all", "slices", "none"]
#: A period and the values of a slice, as far as the level has them.
Key = tuple[Any, ...]
_DIALECT: Final = "duckdb"
_SLICE: Final = "kpilayer_slice"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a question is grouped by: a grain of time and dimensions, or less."""

    grain: str | None = None
    slices: tuple[str, ...] = ()

    @property
    def time(self) -> tuple[str, ...]:
        """The group-by of time, if there is one."""
        return () if self.grain is None else (f"metric_time__{self.grain}",)

    def groups(self, level: Level) -> tuple[str, ...]:
        """The group-bys of a level."""
        match level:
            case "cells":
                return (*self.time, *self.slices)
            case "periods":
                return self.time
            case "slices":
                return self.slices
        return ()

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels that are shown."""
        found: list[Level] = ["total"]
        if self.grain is not None:
            found.insert(0, "periods")
        if self.slices:
            found.insert(0, "slices")
        return tuple(found)

    def asked(self, kind: Kind) -> tuple[Level, ...]:
        """The levels to ask for, the rest being rolled up from the first."""
        if kind == "none" or not (self.time or self.slices):
            return self.levels
        if kind == "all" or not self.time:
            return ("cells",)
        return ("cells", *(level for level in self.levels if level != "periods"))


def roll_up_of(identity: Identity, metric: str) -> RollUp:
    """How a metric is rolled up from its column in an answer."""
    return roll_up(identity.catalog, metric_column(metric), formula(identity.graph, metric))


def kind_of(found: RollUp) -> Kind:
    """What of an answer by period and slice a roll-up gives."""
    if found.value is None:
        return "none"
    return "all" if found.over_time else "slices"


@dataclass
class Cells:
    """The answers of one side by level: asked for, or rolled up from those by period and slice."""

    shape: Shape
    roll_ups: Mapping[str, RollUp]
    """By column; those of counts are sums."""
    answers: Mapping[Level, tuple[Compiled, Any]]
    """The question and its answer, an Arrow table, of each level that was asked for."""
    _local: dict[str, Connection] = field(default_factory=dict)

    def values(self, level: Level, columns: Sequence[str]) -> dict[Key, tuple[Any, ...]]:
        """The values of columns by key: of the groups of a level."""
        if level in self.answers:
            return self._asked(level, columns)
        groups = [self._position(name) for name in self.shape.groups(level)]
        return self._rolled([f"k{n}" for n in groups], columns, "TRUE")

    def has(self, level: Level) -> bool:
        """Whether a level was asked for, or can be rolled up from what was."""
        if level in self.answers:
            return True
        if "cells" not in self.answers:
            return False
        over_time = level == "periods" or self.shape.grain is None
        return all(
            found.value is not None and (over_time or found.over_time)
            for found in self.roll_ups.values()
        )

    def pooled(self, keys: Iterable[Key], columns: Sequence[str]) -> tuple[Any, ...] | None:
        """The values of columns over several slices together; None where they do not roll up."""
        if "cells" not in self.answers or any(
            self.roll_ups[column].value is None
            or (self.shape.grain is not None and not self.roll_ups[column].over_time)
            for column in columns
        ):
            return None
        wanted = set(keys)
        numbers = {
            number
            for *key, number in self._rows(
                f"SELECT DISTINCT {', '.join([*self._slice_columns, _SLICE])} FROM cells"
            )
            if tuple(key) in wanted
        }
        inside = ", ".join(str(n) for n in sorted(numbers)) or "0"
        found = self._rolled([], columns, f"{_SLICE} IN ({inside})")
        return found[()]

    def close(self) -> None:
        """Frees what was computed with."""
        for connection in self._local.values():
            connection.close()

    # --------------------------------------------------------------------------------- computing

    def _asked(self, level: Level, columns: Sequence[str]) -> dict[Key, tuple[Any, ...]]:
        compiled, table = self.answers[level]
        width = len(self.shape.groups(level))
        places = [compiled.columns.index(column) for column in columns]
        rows = Result.from_table(table, sql=compiled.sql).rows()
        return {row[:width]: tuple(row[i] for i in places) for row in rows}

    def _rolled(
        self, keys: Sequence[str], columns: Sequence[str], condition: str
    ) -> dict[Key, tuple[Any, ...]]:
        values = []
        for column in columns:
            value = self.roll_ups[column].value
            assert value is not None, "only what rolls up is not asked for"
            values.append(in_words(value, _DIALECT).sql(dialect=_DIALECT))
        shown = ", ".join([*keys, *values])
        grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
        rows = self._rows(f"SELECT {shown} FROM cells WHERE {condition}{grouped}")
        return {row[: len(keys)]: row[len(keys) :] for row in rows}

    def _position(self, group: str) -> int:
        return self.shape.groups("cells").index(group)

    @property
    def _slice_columns(self) -> list[str]:
        return [f"k{self._position(name)}" for name in self.shape.slices]

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        table = self._connection().run(sql)
        return Result.from_table(table, sql=sql).rows()

    def _connection(self) -> Connection:
        if "cells" not in self._local:
            compiled, table = self.answers["cells"]
            keys = [f"k{n}" for n in range(len(self.shape.groups("cells")))]
            names = (*keys, *compiled.columns[len(keys) :])
            numbered = database_of({"given_cells": table.rename_columns(list(names))})
            order = ", ".join(self._slice_columns) or "1"
            numbered.execute(
                f"CREATE TABLE cells AS SELECT *, DENSE_RANK() OVER (ORDER BY {order}) AS {_SLICE} "
                "FROM given_cells"
            )
            self._local["cells"] = numbered
        return self._local["cells"]


#: What sends a question to the warehouse: an Arrow table.
Run = Callable[[Compiled], Any]
