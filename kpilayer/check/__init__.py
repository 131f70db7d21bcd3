"""Rules over a resolved project. A rule is one function; this tuple is the list of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from kpilayer.check.access import row_access_resolves
from kpilayer.check.conformed import conformed_dimensions_agree
from kpilayer.check.context import Context
from kpilayer.check.contracts import contracts_resolve
from kpilayer.check.joins import composite_keys_pair
from kpilayer.check.kinds import balances_have_dates, inputs_can_convert, names_of_kinds_resolve
from kpilayer.check.kpis import (
    kpi_ranges_hold,
    kpis_can_be_asked,
    kpis_form_a_tree,
    kpis_resolve,
)
from kpilayer.check.names import default_grains_fit, filters_resolve, time_paths_resolve
from kpilayer.check.types import columns_exist, relations_are_locked, types_fit
from kpilayer.check.usage import exposures_resolve, saved_queries_resolve
from kpilayer.check.versions import numbers_can_stand, versions_are_in_order
from kpilayer.check.views import views_resolve
from kpilayer.errors import Issue

Rule = Callable[[Context], Iterator[Issue]]

RULES: Final[tuple[Rule, ...]] = (
    filters_resolve,
    time_paths_resolve,
    composite_keys_pair,
    conformed_dimensions_agree,
    default_grains_fit,
    inputs_can_convert,
    names_of_kinds_resolve,
    balances_have_dates,
    saved_queries_resolve,
    views_resolve,
    exposures_resolve,
    kpis_resolve,
    kpis_can_be_asked,
    kpi_ranges_hold,
    kpis_form_a_tree,
    contracts_resolve,
    row_access_resolves,
    versions_are_in_order,
    numbers_can_stand,
    relations_are_locked,
    columns_exist,
    types_fit,
)

__all__ = ["RULES", "Context", "Rule"]
