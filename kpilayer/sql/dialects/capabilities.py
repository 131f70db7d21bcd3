"""What differs between warehouses: a value of tables and small functions for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from kpilayer.relation import Option

#: Unit and value to an expression: the first instant of a period, or a date part.
Spell = Callable[[str, exp.Expr], exp.Expr]
#: Unit, how many of them (negative: earlier) and the time to the time so much later.
SpellMoved = Callable[[str, int, exp.Expr], exp.Expr]
#: The zone stored in, the zone shown in (empty for an instant) and the time.
SpellLocal = Callable[[str, str, exp.Expr], exp.Expr]
#: An expression to what stands for it: a value to its aggregate, a word to the dialect's.
SpellOne = Callable[[exp.Expr], exp.Expr]
#: Value, fraction and whether it is a value of the data, to the aggregate.
SpellPercentile = Callable[[exp.Expr, float, bool], exp.Expr]


@dataclass(frozen=True, slots=True)
class Periods:
    """Every period from ``first`` to ``last``, both first instants, as a column.

    ``bounds`` is the table of one row that the two are columns of, None where they are literals.
    """

    first: exp.Expr
    last: exp.Expr
    unit: str
    column: str
    bounds: exp.Table | None = None


SpellPeriods = Callable[[Periods], exp.Select]


@dataclass(frozen=True, slots=True)
class Files:
    """Files of one kind: a pattern, which starts in ``folder`` unless that is empty."""

    folder: str
    path: str
    kind: str
    options: tuple[tuple[str, Option], ...] = ()


#: Files to what stands for them in FROM.
SpellFiles = Callable[[Files], exp.Expr]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """How a dialect spells what differs. ``max_identifier`` is in bytes, None without a limit.

    ``words`` rewrite what a caller, an author or the plan wrote, where the dialect's word of that
    name gives another value. Without ``percentile``, exact ones are ranked (``sql/lower.py``);
    without ``picks_percentiles``, those that are values of the data.
    ``centres_deviations``: its variance is of deviations from the mean, computed before.
    ``has_types``: an answer says of which type its columns are (else ``sql/types.py`` does).
    ``asks_types``: words depend on the types of their operands (``sql/types.py`` knows them).
    ``orders_by_columns``: ORDER BY finds a column of the result that has no alias.
    ``nests_joins``: chains of left joins are faster from their far end on.
    ``order_is_a_setting``: of the session is what ORDER BY means that does not say all in words.
    ``correlates_joins``: ON inside EXISTS may name the row outside of it.
    ``settings`` decide numbers, and are said by the statement. ``finished``: the last rewrite of a
    whole statement.
    ``orders_by_tables``: in an expression of ORDER BY, a name is a column of the tables that are
    read rather than of the answer.
    ``reserved``: words that are no names without quotes, beyond those of every dialect.
    ``folds_up``: a name without quotes is one in upper case.
    """

    name: str
    is_verified: bool
    trunc: Spell
    part: Spell
    moved: SpellMoved
    periods: SpellPeriods
    local: SpellLocal
    aggregates: Mapping[str, SpellOne] = field(default_factory=dict)
    words: Mapping[type[exp.Expr], SpellOne] = field(default_factory=dict)
    percentile: SpellPercentile | None = None
    picks_percentiles: bool = True
    approx_percentile: SpellPercentile | None = None
    files: SpellFiles | None = None
    file_kinds: tuple[str, ...] = ()
    max_identifier: int | None = None
    centres_deviations: bool = False
    has_types: bool = True
    asks_types: bool = False
    orders_by_columns: bool = True
    nests_joins: bool = False
    order_is_a_setting: bool = False
    correlates_joins: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
    finished: SpellOne | None = None
    orders_by_tables: bool = False
    reserved: frozenset[str] = frozenset()
    folds_up: bool = False
