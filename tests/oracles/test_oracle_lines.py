"""Every oracle has a line for every entry, says what is missing, and leaves the process as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from oracle_cases import drawn_case, fitting_output, flat, own_steps

from oracles import Oracle, OracleMissingError
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, LossSpec

BOTH = pytest.mark.parametrize("make", [TorchOracle, JaxOracle], ids=["torch", "jax"])


def _difference(table: Any, lines: Any, oracle: str, kind: str) -> str:
    """What a table of lines lacks or has too much, in words; empty if nothing."""
    missing = "".join(
        f"\n  {kind} {name!r} has no line in the {oracle} oracle" for name in table if name not in lines
    )
    extra = "".join(
        f"\n  the {oracle} oracle's {kind} {name!r} is no entry of refimpl"
        for name in lines
        if name not in table
    )
    return missing + extra


@BOTH
def test_an_oracle_has_one_line_for_each_entry_and_no_other(make: Callable[[], Any]) -> None:
    oracle = make()
    wrong = _difference(ACTIVATIONS, oracle.activations, oracle.name, "activation")
    wrong += _difference(LOSSES, oracle.losses, oracle.name, "loss")
    assert not wrong, f"add or remove these lines:{wrong}"


def test_a_missing_and_an_extra_line_are_both_named() -> None:
    lines = {name: None for name in ACTIVATIONS if name != "tanh"} | {"tangent": None}
    message = _difference(ACTIVATIONS, lines, "torch", "activation")
    assert "activation 'tanh' has no line in the torch oracle" in message
    assert "the torch oracle's activation 'tangent' is no entry of refimpl" in message


def test_torch_and_jax_agree_on_which_losses_have_terms_of_single_entries() -> None:
    torch_lines, jax_lines = TorchOracle().losses, JaxOracle().losses
    assert {n: line.separable for n, line in torch_lines.items()} == {
        n: line.separable for n, line in jax_lines.items()
    }


@BOTH
@pytest.mark.parametrize("name", [name for name, entry in ACTIVATIONS.items() if entry.elementwise])
def test_every_elementwise_activation_can_be_asked_at_points(make: Callable[[], Oracle], name: str) -> None:
    value, derivative = make().activation(ActivationSpec(name), [0.25, 0.5])
    # Around 3/8 no elementwise activation bends so much that a difference quotient is out by a fifth.
    assert np.mean(derivative) == pytest.approx((value[1] - value[0]) / 0.25, rel=0.2)


@pytest.mark.parametrize(
    ("make", "module", "message"),
    [
        (TorchOracle, "torch", r"needs PyTorch; install it with: pip install 'backproof\[torch\]'"),
        (JaxOracle, "jax", r"needs JAX and optax; install them with: pip install 'backproof\[jax\]'"),
        (JaxOracle, "optax", r"needs JAX and optax; install them with: pip install 'backproof\[jax\]'"),
    ],
)
def test_without_its_framework_an_oracle_names_the_extra_to_install(
    make: Callable[[], Oracle], module: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OracleMissingError, match=message):
        make()


def test_versions_are_those_of_the_imported_packages() -> None:
    assert TorchOracle().versions() == {"torch": torch.__version__}
    versions = JaxOracle().versions()
    assert versions["jax"] == jax.__version__
    assert set(versions) == {"jax", "jaxlib", "optax"}


def _use(oracle: Oracle) -> None:
    """Every method once."""
    loss = LossSpec("mse")
    case = drawn_case(["tanh", fitting_output(loss)], loss, dtype="float32")
    trace = oracle.traces([case])[0]
    oracle.steps([own_steps(case, trace)])
    oracle.activation(ActivationSpec("sigmoid"), 0.5)
    oracle.loss_terms(loss, 0.5, 1.0)


def _state() -> dict[str, Any]:
    """The process-wide settings of torch, jax and the random generators."""
    return {
        "torch": (
            torch.get_default_dtype(),
            torch.get_default_device(),
            torch.get_num_threads(),
            torch.get_num_interop_threads(),
            torch.is_grad_enabled(),
            torch.are_deterministic_algorithms_enabled(),
            torch.get_float32_matmul_precision(),
            torch.get_rng_state().tolist(),
        ),
        "jax": {name: repr(value) for name, value in jax.config.values.items()},
        "jax dtype": jnp.asarray(np.float64(1)).dtype.name,
        "numpy random": repr(np.random.get_state()),  # noqa: NPY002  the global one is meant
        "numpy": np.geterr(),
    }


@BOTH
def test_an_oracle_leaves_flags_threads_and_seeds_as_they_were(make: Callable[[], Oracle]) -> None:
    # A number of threads that no oracle would choose: whoever sets another must put it back.
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        before = _state()
        _use(make())
        assert _state() == before
    finally:
        torch.set_num_threads(threads)
    assert before["jax dtype"] == "float32"


_DRAWN_FROM = """
import random
import test_oracle_lines as lines
for make in (lines.TorchOracle, lines.JaxOracle):
    before = random.getstate()
    lines._use(make())
    print(make.name, "as it was" if random.getstate() == before else "drawn from")
"""


@pytest.mark.long
def test_an_oracle_draws_nothing_from_the_global_random_generator() -> None:
    # In a process of its own: here beartype, which checks refimpl's shapes, draws from it.
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", _DRAWN_FROM],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.stdout.splitlines() == ["torch as it was", "jax as it was"]


def test_the_jax_flag_is_as_it_was_after_an_error_too() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        JaxOracle().loss_terms(LossSpec("mse"), np.zeros(3), np.zeros(2))
    assert jnp.asarray(np.float64(1)).dtype.name == "float32"


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode], ids=["no_grad", "inference_mode"])
def test_torch_differentiates_even_where_the_caller_has_autograd_off(mode: Callable[[], Any]) -> None:
    oracle, case = TorchOracle(), drawn_case(["tanh", "identity"], LossSpec("mse"))
    expected = flat(oracle.traces([case])[0])
    with mode():
        answer = flat(oracle.traces([case])[0])
    for name, array in expected.items():
        assert np.array_equal(answer[name], array), name


def test_torch_does_not_rely_on_the_callers_default_dtype_or_device() -> None:
    oracle, case = TorchOracle(), drawn_case(["softplus", "sigmoid"], LossSpec("bce"))
    expected = flat(oracle.traces([case])[0])
    torch.set_default_dtype(torch.bfloat16)
    torch.set_default_device("meta")
    try:
        answer = flat(oracle.traces([case])[0])
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
    for name, array in expected.items():
        assert np.array_equal(answer[name], array), name
