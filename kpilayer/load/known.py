"""Which keys exist at each place of a file beside those of the types: dbt's, and those to come.

A key that is known but belongs to a later version is refused by name: ignoring it would give
another number than the definition says. dbt's ordinary properties describe tables, not meaning, and
are passed over (decisions 6); the list is closed, so that a typing error is still found.
"""

from __future__ import annotations

from typing import Final

_ORDINARY: Final = frozenset({"constraints", "data_tests", "docs", "meta", "tags", "tests"})

#: dbt's properties of models and columns, and top-level keys, that say nothing about metrics.
IGNORED: Final[dict[str, frozenset[str]]] = {
    "file": frozenset(
        {"analyses", "anchors", "data_tests", "functions", "macros", "seeds", "snapshots", "tests"}
        | {"unit_tests", "version"}
    ),
    "model": _ORDINARY
    | {"access", "alias", "contract", "database", "deprecation_date", "freshness", "group"}
    | {"latest_version", "schema", "versions"},
    "column": _ORDINARY
    | {"config", "data_type", "label", "masking_policy", "policy_tags", "quote"},
    "dimension": frozenset({"datatype"}),
    "metric": frozenset(),
}

#: Keys of the language that this version does not know what to do with.
NOT_YET: Final[dict[str, frozenset[str]]] = {
    "file": frozenset({"scorecards"}),
    "project": frozenset(),
}

#: Which place a key of a definition opens, for the tables above.
PLACES: Final[dict[str, str]] = {
    "columns": "column",
    "dimension": "dimension",
    "dimensions": "dimension",
}
#: Keys whose values are anybody's own.
FREE: Final = frozenset({"meta", "vars", "given", "expect"})
