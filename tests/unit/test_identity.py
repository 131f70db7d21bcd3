"""Fingerprints of the example company, so that nothing changes them unnoticed.

Certificates name fingerprints: where this test fails after an upgrade of a dependency, its new way
of reading SQL would void them. Where an example's meaning was changed on purpose, pin the new one.
"""

from __future__ import annotations

import pytest

from kpilayer import Project
from tests.conftest import ROOT

PINNED = {
    "invoiced_revenue": "f1:ad03cb9eaec37f2a",  # a sum with a filter
    "enterprise_share": "f1:a357ea318a50276c",  # a ratio, filtered by a joined dimension
    "payback_months": "f1:2c66e67c6542de44",  # a derived metric over derived ones
    "time_to_value": "f1:ccece0922cd1adb2",  # over a SQL model, with macros and a variable
    "days_to_pay": "f1:5cc3d0497aab7239",  # days between two dates
}


@pytest.mark.parametrize("metric", PINNED)
def test_fingerprints_of_the_example_stay(metric: str) -> None:
    found = {m.name: m.fingerprint for m in Project.load(ROOT).metrics}
    assert found[metric] == PINNED[metric]
