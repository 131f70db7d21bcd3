"""Tables that are known by their columns alone: queries whose rows two sides have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

#: What the names of such tables begin with, so that no other table has them.
GIVEN: Final = "with "


@dataclass(frozen=True, slots=True)
class Given:
    """Columns (name, type, whether NULL may stand there) and keys; ``rests_on`` says why so.

    ``groups`` are keys of which NULL is a value, too. ``columns`` is None where not all are known.
    """

    columns: tuple[tuple[str, str, bool], ...] | None = None
    keys: tuple[tuple[str, ...], ...] = ()
    rests_on: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()


def described(
    select: exp.Select,
    given: Mapping[str, Given],
    describe: Callable[[exp.Expr, Mapping[str, Given]], Given],
) -> dict[str, Given]:
    """The rows of each table and subquery in FROM, by its alias; a join may leave any out.

    Columns that need no alias are those of "".
    """
    found: dict[str, Given] = {}
    from_ = select.args.get("from_")
    items = [n.this for n in (from_, *(select.args.get("joins") or ())) if n is not None]
    for item in items:
        if isinstance(item, exp.Table | exp.Subquery) and item.alias_or_name:
            inside = describe(item, given)
            columns = tuple((n, t, True) for n, t, _ in inside.columns or ())
            found[item.alias_or_name.lower()] = Given(columns or None)
    if len(found) == len(items) and all(of.columns for of in found.values()):
        every = [c for of in found.values() for c in of.columns or ()]
        names = [c[0] for c in every]
        hidden = {e.alias.lower() for e in select.expressions if isinstance(e, exp.Alias)}
        bare = (c for c in every if names.count(c[0]) == 1 and c[0] not in hidden)
        found[""] = Given(tuple(bare))
    return found
