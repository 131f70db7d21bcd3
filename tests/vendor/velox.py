"""Prints the functions that Velox has for Presto and Trino: by name, pairs of fewest and most arguments.

The most is null where there is no limit. It runs once, when the parsers are fetched: the library
is half a gigabyte, its list some kilobytes.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    import pyvelox.legacy as velox

    velox.register_presto_signatures()
    velox.register_presto_aggregate_signatures()
    found: dict[str, list[list[int | None]]] = {}
    for functions in (
        velox.get_function_signatures(),
        velox.get_aggregate_function_signatures(),
    ):
        for name, signatures in functions.items():
            pairs = {_arguments(str(signature)) for signature in signatures}
            found[name] = sorted([*found.get(name, []), *map(list, pairs)], key=str)
    json.dump(found, sys.stdout, sort_keys=True)


def _arguments(signature: str) -> tuple[int, int | None]:
    """How many arguments `(varchar,row(date,date)...) -> bigint` takes: 1 or more."""
    depth, count = 0, 0
    for place, letter in enumerate(signature):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        count += letter == "," and depth == 1
        if depth == 0:
            inside = signature[1:place]
            break
    count += bool(inside)
    return (count - 1, None) if inside.endswith("...") else (count, count)


if __name__ == "__main__":
    main()
