"""BigQuery's SQL on GoogleSQL's reference executor: tables in memory, and what it cannot do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from tests.conftest import _missing
from tests.engines import on_spark
from tests.engines.googlesql import GoogleSQL

_LAST: Final = "Adding 4 DAY to datetime 9999-12-31 causes overflow: the last date of GoogleSQL"
_WIDE: Final = "int64 overflow: a sum of more than 64 bits is an error"
_EXPORTS: Final = "the executor makes no tables"
_COMBINED: Final = "test_models_combined_equal_each_alone"
GAPS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "test_every_aggregation_alone",
            "test_every_aggregation_in_one_scan",
            "test_filtered_variant_alone_is_the_group",
            "test_filtered_variants_share_a_scan",
            "test_filtered_variant_beside_groups_without_its_rows_is_null",
            f"{_COMBINED}[hugeness sales]",
            f"{_COMBINED}[sales hugeness digits]",
            f"{_COMBINED}[visits hugeness sales]",
            f"{_COMBINED}[sold sales visits visitors shop_count hugeness digits]",
        ),
        _WIDE,
    ),
    "test_a_window_holds_the_rows_counted_one_by_one[last_4-span0]": _LAST,
    "test_a_window_holds_the_rows_counted_one_by_one[last_4-span1]": _LAST,
    "test_no_date_is_a_hidden_bound": "the executor generates no arrays of more than 16000 elements",
    "test_quoted_relation_is_not_its_lower_case_namesake": "names of the executor's tables are one "
    "in upper and lower case",
    "test_columns_that_are_gone_or_changed_since_the_lock_are_told": "whole numbers have one type, "
    "and the test changes it",
    "test_far_from_changes_of_clocks_a_bound_is_compared_as_it_is_stored": "the test reads the SQL "
    "of AT TIME ZONE",
}
#: Its answers take tenths of a second: the rest with KPILAYER_NIGHTLY=1.
SUBSET: frozenset[str] = on_spark.SUBSET
DIFFERS: Mapping[str, str] = {
    "CAST(t AS VARCHAR)": "a DATETIME shows three or six digits of seconds",
}


@contextmanager
def opened(folder: Path) -> Iterator[Any]:
    try:
        import zetasql  # noqa: F401
    except ImportError:
        _missing("GoogleSQL's reference executor is not installed: pip install zetasql")
    yield GoogleSQL()


def load(connection: Any, name: str, rows: pa.Table) -> None:
    connection.table(name, rows)
