"""What a report says of where it ran is what the oracles really compute under."""

from __future__ import annotations

import jax

from backproof.environment import environment
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle


def test_the_matmul_precision_of_jax_is_the_one_in_the_oracles_scope_not_the_processs() -> None:
    oracle = JaxOracle()
    told = environment([TorchOracle(), oracle]).matmul_precision["jax"]
    with oracle._scope():
        assert told == jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
    assert told != jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
