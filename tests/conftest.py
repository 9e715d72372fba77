"""Hypothesis profiles for all tests: quick (default), thorough, ci; choose with --hypothesis-profile."""

import os

from hypothesis import HealthCheck, settings

# A case costs what its network costs, and the first one compiles JAX's programs: time says nothing here.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("quick", max_examples=60, **_COMMON)
settings.register_profile("thorough", max_examples=2000, **_COMMON)
settings.register_profile("ci", max_examples=150, derandomize=True, print_blob=True, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
