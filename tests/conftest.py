"""Hypothesis profiles for all tests: quick (default), thorough, ci; choose with --hypothesis-profile."""

import os
from pathlib import Path

from hypothesis import HealthCheck, settings

# Workers and subprocesses share JAX's compiled programs: each would take half a minute to compile them.
# Set before any test imports jax.
_COMPILED = Path(__file__).parents[1] / ".pytest_cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_COMPILED))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

# A case costs what its network costs, and the first one compiles JAX's programs: time says nothing here.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("quick", max_examples=60, **_COMMON)
settings.register_profile("thorough", max_examples=2000, **_COMMON)
settings.register_profile("ci", max_examples=150, derandomize=True, print_blob=True, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
