"""Checks that need data: metric tests and contracts, and what models say of their rows."""

from __future__ import annotations

from collections.abc import Sequence

from kpilayer.access import EVERYTHING
from kpilayer.errors import Issue, sorted_issues
from kpilayer.identity import Identity
from kpilayer.join_graph import JoinGraph
from kpilayer.locking import described
from kpilayer.model.lock import Lock
from kpilayer.plan.query import Query
from kpilayer.running import Warehouse
from kpilayer.sql.compiled import compile_query
from kpilayer.sql.keys import Place
from kpilayer.verify import contracts, metric_tests
from kpilayer.verify.live import Live
from kpilayer.verify.live import check as check_data
from kpilayer.verify.outcome import Kind, Outcome
from kpilayer.warehouse.connection import Connection
from kpilayer.warehouse.result import Row


def look_at_data(
    graph: JoinGraph,
    models: Sequence[str],
    lock: Lock | None,
    warehouse: Warehouse,
    *,
    show_values: bool = False,
) -> tuple[Issue, ...]:
    """Where the data of models are not what their definitions say, in reading order.

    Raises:
        WarehouseError: the warehouse cannot be reached.
    """
    catalog, schema, root = graph.catalog, warehouse.schema, warehouse.root
    with warehouse.connected() as connection:
        place = Place(catalog, connection.dialect, schema, root.as_posix())
        relations = described(catalog, connection.dialect, schema, root)
        live = Live(graph, tuple(models), place, connection, relations, lock, show_values)
        return tuple(sorted_issues(check_data(live)))


def tested(
    identity: Identity,
    names: Sequence[str],
    lock: Lock | None,
    warehouse: Warehouse,
    kinds: Sequence[Kind],
) -> tuple[Outcome, ...]:
    """The outcome of each metric test, and of each contract, in the order of the metrics.

    Raises:
        WarehouseError: there are contracts to check, and the warehouse cannot be reached.
    """
    found: list[Outcome] = []
    if "metric_test" in kinds:
        found += metric_tests.run(identity, names, lock, warehouse.schema)
    if "contract" in kinds and any(identity.catalog.metrics[n].contracts for n in names):
        with warehouse.connected() as connection:
            found += contracts.run(
                identity, names, lambda query: _rows(identity, query, warehouse, connection)
            )
    order = {name: i for i, name in enumerate(names)}
    return tuple(sorted(found, key=lambda outcome: order[outcome.metric]))


def _rows(
    identity: Identity, query: Query, warehouse: Warehouse, connection: Connection
) -> list[Row]:
    compiled = compile_query(query, identity, connection.dialect, warehouse.schema, role=EVERYTHING)
    return warehouse.rows(compiled, connection)
