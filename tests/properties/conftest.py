"""How long the property tests search: KPILAYER_HYPOTHESIS=nightly for many examples."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

COMMON = {
    "deadline": None,  # the first query of a session is slow
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    "print_blob": True,
}

settings.register_profile("default", settings(max_examples=300, **COMMON))
settings.register_profile("nightly", settings(max_examples=20_000, **COMMON))
settings.load_profile(os.environ.get("KPILAYER_HYPOTHESIS", "default"))
