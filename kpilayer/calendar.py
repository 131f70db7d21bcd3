"""A project's calendar: the names that it has for units of time, and what each of them is.

Standard grains, further weeks (language.md T2), the fiscal grains (T3), and the custom
granularities of declared time spines (reference A.13), whose periods only the spine knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

from kpilayer.errors import did_you_mean
from kpilayer.grain import FISCAL, GRAINS, MONTHS, PARTS, WEEKDAYS, rank, tells

#: How fine data must be for a part to be known.
_PART_NEEDS: Final[dict[str, str]] = {"dow": "day", "doy": "day"}


@dataclass(frozen=True, slots=True)
class Custom:
    """A custom granularity: a column of a time spine that has one row per ``grain``."""

    name: str
    spine: str
    grain: str
    key: str
    """The spine's own dates, as SQL."""
    column: str
    """The column with the periods, as SQL."""


@dataclass(frozen=True)
class Calendar:
    """How a project names units of time; the default is ISO weeks, and years from January."""

    week_start: str = "monday"
    week_starts: tuple[tuple[str, str], ...] = ()
    fiscal_year_start: str = "january"
    fiscal_year_named_by: str = "end"
    customs: tuple[Custom, ...] = ()

    @cached_property
    def _units(self) -> Mapping[str, str]:
        units = {name: name for name in GRAINS} | {"week": _week(self.week_start)}
        units |= {name: _week(day) for name, day in self.week_starts}
        first = MONTHS.index(self.fiscal_year_start)
        units["fiscal_month"] = "month"
        units["fiscal_quarter"] = _from_month("quarter", first % 3)
        units["fiscal_year"] = _from_month("year", first)
        return units

    @cached_property
    def _customs(self) -> Mapping[str, Custom]:
        return {custom.name: custom for custom in self.customs}

    @cached_property
    def grains(self) -> tuple[str, ...]:
        """Every name of a grain, the standard ones first."""
        return (*self._units, *(c for c in self._customs if c not in self._units))

    @cached_property
    def own_grains(self) -> frozenset[str]:
        """Names of grains that other things may have, too: all but the standard ones."""
        return frozenset(self.grains) - frozenset(GRAINS)

    @property
    def parts(self) -> tuple[str, ...]:
        """Every name of a date part."""
        return (*PARTS, *FISCAL)

    def custom(self, name: str) -> Custom | None:
        """The custom granularity of this name."""
        return self._customs.get(name)

    def based(self, custom: Custom) -> str:
        """The unit of the dates that a time spine has custom periods of."""
        return self._units[custom.grain]

    def unit(self, name: str) -> str | None:
        """The unit that a name stands for; None where only a time spine knows its periods.

        >>> Calendar(week_start="sunday").unit("week")
        'week_sunday'
        >>> Calendar(fiscal_year_start="april").unit("fiscal_quarter")
        'quarter'
        """
        return None if name in self._customs else self._units.get(name)

    def part(self, name: str) -> str:
        """A date part with all that it depends on.

        >>> Calendar(fiscal_year_start="april").part("fiscal_year")
        'year_april_end'
        """
        if name not in FISCAL:
            return name
        base = name.removeprefix("fiscal_")
        if self.fiscal_year_start == "january":
            return base
        is_end = base == "year" and self.fiscal_year_named_by == "end"
        return f"{base}_{self.fiscal_year_start}{'_end' if is_end else ''}"

    def tells(self, own: str, name: str) -> bool:
        """Whether data with one value per ``own``, a standard grain, tell periods of a grain.

        >>> Calendar().tells("day", "month"), Calendar().tells("month", "day")
        (True, False)
        >>> Calendar(fiscal_year_start="april").tells("year", "fiscal_year")
        False
        """
        custom = self._customs.get(name)
        unit = self._units[name] if custom is None else self.based(custom)
        return tells(self._units[own], unit)

    def tells_part(self, own: str, part: str) -> bool:
        """Whether data with one value per ``own``, a standard grain, tell a date part."""
        return tells(self._units[own], self.unit_of_part(part))

    def unit_of_part(self, part: str) -> str:
        """The longest periods whose dates have one value of a date part.

        >>> Calendar().unit_of_part("dow"), Calendar().unit_of_part("quarter")
        ('day', 'quarter')
        """
        return self._units[part] if part in FISCAL else _PART_NEEDS.get(part, part)

    def is_finer(self, name: str, other: str) -> bool:
        """Whether a grain cuts time finer than another one.

        A week is finer than a month here, although weeks do not nest in months. A custom
        granularity is as fine as its spine.
        """
        return self._rank(name) < self._rank(other)

    def coarsest(self, names: Iterable[str]) -> str:
        """The coarsest of the grains."""
        return max(names, key=self._rank)

    def finest(self, names: Iterable[str]) -> str:
        """The finest of the grains."""
        return min(names, key=self._rank)

    def _rank(self, name: str) -> int:
        unit = self.unit(name)
        return rank(unit) if unit is not None else GRAINS.index(self._customs[name].grain)


def zone_problem(name: str) -> tuple[str, str | None] | None:
    """What is wrong with the name of a time zone, and a hint; None where it is one.

    Names are those of the IANA time zone database.

    >>> zone_problem("Europe/Berlin")
    >>> zone_problem("Europe/Berln")
    ('there is no time zone `Europe/Berln`', 'did you mean `Europe/Berlin`?')
    """
    if name == "UTC" or name in (known := _zones()):
        return None
    same = next((zone for zone in known if zone.lower() == name.lower()), None)
    hint = f"did you mean `{same}`?" if same else did_you_mean(name, sorted(known))
    hint = hint or "names are those of the IANA database: `UTC`, `Europe/Berlin`"
    return f"there is no time zone `{name}`", hint


@cache
def _zones() -> frozenset[str]:
    from zoneinfo import available_timezones  # a tenth of the time to start, and rarely needed

    return frozenset(available_timezones()) - {"Factory", "localtime", "posixrules"}


def _week(first: str) -> str:
    return "week" if first == WEEKDAYS[0] else f"week_{first}"


def _from_month(base: str, first: int) -> str:
    return f"{base}_{MONTHS[first]}" if first else base
