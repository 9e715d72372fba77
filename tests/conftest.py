"""Hypothesis profiles for all tests (quick by default, thorough, ci), and which tests a plain run leaves out.

A test marked `long` runs with --long (all tests), with -m long (the long ones only), and when a node id
names it: `pytest tests/x/test_y.py::test_z` runs what it says. One marked `exhaustive` goes through all that
there is of something, which takes an hour in all: it runs with -m exhaustive, or named, and not in CI.
"""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Workers and subprocesses share JAX's compiled programs: each would take half a minute to compile them.
# Set before any test imports jax.
_COMPILED = Path(__file__).parents[1] / ".pytest_cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_COMPILED))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

# Collecting cyclic garbage was a fifth of the time in which tests are found, and a twentieth of that in which
# they run: by default all that torch, jax and 23,000 tests keep for ever is looked through time and again.
gc.set_threshold(50_000, 20, 100)

# A case costs what its network costs, and the first one compiles JAX's programs: time says nothing here.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("quick", max_examples=60, **_COMMON)
settings.register_profile("thorough", max_examples=2000, **_COMMON)
settings.register_profile("ci", max_examples=150, derandomize=True, print_blob=True, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run also the tests that are marked long")


def pytest_collection_finish() -> None:
    """What is there when the tests start stays to their end: nothing of it is looked at again as garbage."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is long or exhaustive, unless the command line asks for it or chooses itself."""
    for item in items:
        if item.get_closest_marker("long") and item.get_closest_marker("exhaustive"):
            raise pytest.UsageError(f"{item.nodeid} is marked long and exhaustive: -m long would run it")
    named = any("::" in word for word in config.args)
    if named or config.getoption("markexpr"):
        return
    left_out = ("exhaustive",) if config.getoption("--long") else ("exhaustive", "long")
    later = {item for item in items if any(map(item.get_closest_marker, left_out))}
    if later:
        config.hook.pytest_deselected(items=list(later))
        items[:] = [item for item in items if item not in later]
