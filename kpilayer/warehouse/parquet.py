"""Rows of a Parquet file, for what is read of logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def parquet_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, by names of columns.

    Raises:
        ValueError: it is no Parquet file.
    """
    try:
        return list(pq.read_table(path).to_pylist())
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
