"""refimpl needs NumPy and jaxtyping, and nothing else: checked where nothing else can be imported."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path
from typing import NamedTuple

import pytest

import refimpl

ROOT = Path(refimpl.__file__).resolve().parent.parent

# Of what is installed, only the packages named can be found. What is looked for in vain is told at the end:
# a package that is only tried for does not go unseen either.
FINDER = """
import json, sys
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder

ALLOWED = set({allowed!r})
refused = []

class Only(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in ALLOWED:
            return super().find_spec(name, path, target)
        refused.append(name)
        return None

sys.meta_path[:] = [BuiltinImporter, FrozenImporter, Only]
sys.path.insert(0, {root!r})
"""

END = """
tops = sorted({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names))
print(json.dumps({"modules": tops, "refused": refused}))
"""

# One forward, backward and update pass, and a derivative: with refimpl's every module imported.
USE = """
import pkgutil
import refimpl
for module in pkgutil.iter_modules(refimpl.__path__):
    __import__("refimpl." + module.name)
import numpy as np
from refimpl.chain_rule import ChainRule, Unary, Variable

def layer(name):
    return refimpl.Layer(np.ones((2, 2)), np.zeros((2, 1)), refimpl.ActivationSpec(name))

layers = tuple(map(layer, refimpl.ACTIVATIONS))
for loss in ("mse", "half_squared_error", "cross_entropy_with_logits"):
    case = refimpl.Case(refimpl.Network(layers, refimpl.LossSpec(loss)), np.ones((2, 3)), np.ones((2, 3)))
    trace = refimpl.Backprop().run(case)
    assert np.isfinite(trace.loss) and len(trace.dW) == len(trace.W_updated) == len(layers)
    assert refimpl.case_from_json(refimpl.case_to_json(case)) == case
assert ChainRule().value_and_derivative(Unary("square", Variable()), np.float64(3)) == (9.0, 6.0)
"""


class Outcome(NamedTuple):
    """How a program ended, what was imported and what it looked for in vain."""

    status: int
    error: str
    modules: set[str]
    refused: set[str]


def needed_by_jaxtyping() -> set[str]:
    """The modules of what jaxtyping requires, extras aside."""
    names = [
        re.split(r"[\s;<>=!~\[]", line)[0] for line in requires("jaxtyping") or () if "extra ==" not in line
    ]
    return {name.replace("-", "_") for name in names}


def run_with_only(allowed: set[str], program: str) -> Outcome:
    """A program in a process of its own, where only the standard library and these can be imported."""
    script = FINDER.format(allowed=sorted(allowed), root=str(ROOT)) + program + END
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    told = json.loads(done.stdout) if done.returncode == 0 else {"modules": [], "refused": []}
    return Outcome(done.returncode, done.stderr, set(told["modules"]), set(told["refused"]))


NEEDED = {"refimpl", "numpy", "jaxtyping"} | needed_by_jaxtyping()


def test_refimpl_runs_where_only_numpy_and_jaxtyping_can_be_imported() -> None:
    outcome = run_with_only(NEEDED, USE)
    assert outcome.status == 0, outcome.error
    assert outcome.modules & {"torch", "jax", "jaxlib", "beartype", "scipy", "backproof", "oracles"} == set()
    assert {"refimpl", "numpy", "jaxtyping"} <= outcome.modules


def test_refimpl_looks_for_nothing_else_of_its_own_accord() -> None:
    # Whatever is tried for with only NumPy and jaxtyping imported is theirs; refimpl must add nothing to it.
    theirs = run_with_only(NEEDED, "import numpy, jaxtyping\n")
    assert theirs.status == 0, theirs.error
    assert run_with_only(NEEDED, USE).refused == theirs.refused


@pytest.mark.parametrize("other", ["torch", "jax", "mpmath", "backproof", "oracles"])
def test_this_check_fails_for_a_program_that_imports_something_else(other: str) -> None:
    outcome = run_with_only(NEEDED, f"{USE}\nimport {other}\n")
    assert outcome.status == 1
    assert f"ModuleNotFoundError: No module named '{other}'" in outcome.error


def test_this_check_sees_an_import_that_is_only_tried() -> None:
    outcome = run_with_only(NEEDED, "try:\n    import torch\nexcept ImportError:\n    pass\n")
    assert outcome.status == 0, outcome.error
    assert outcome.refused == {"torch"}


def test_refimpl_cannot_do_without_either_of_the_two() -> None:
    for needed in ("numpy", "jaxtyping"):
        outcome = run_with_only(NEEDED - {needed}, "import refimpl\n")
        assert f"No module named '{needed}'" in outcome.error
