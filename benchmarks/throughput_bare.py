"""The bare cost of the three gradients that a case is judged by: what no differential test can do without.

Each from the case's arrays in the case's dtype to the gradients of the loss by all W and b, and no more.

- The reference: forward, backward (which ends with ∂L/∂X), dW and db. No update, no trace.
- torch: tensors of the arrays without copying, forward, one autograd.grad by all W and b a case.
- jax: the oracle's compiled program for all shapes, of which only loss, dW and db are asked, so that XLA
  leaves the rest out: a call for a stack of cases, with its arrays handed over, until the answers are there.
  Padding the cases to stacks is left out, and so is compiling. (A program written for loss, dW and db alone
  took 5 to 9 % less than what XLA leaves of the oracle's: that is 2 to 3 % of the three together.)

Left out of all are drawing, δ, the values of a trace, updates, and copies of the results. The best of a few
rounds is taken, so that the ratio to it is not too good.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np

from backproof.cases import DrawOptions, draw_case
from benchmarks.throughput_networks import TorchNetworks
from oracles import jax_compiled
from oracles.jax_oracle import JaxOracle
from refimpl import DTYPES, Backprop, Case

ROUNDS = 3
_TOGETHER = 1024
"""So many cases of one dtype are put into stacks together, which are the fuller the more they are."""


def bare(cases: int, seed: int, sizes: DrawOptions) -> dict[str, dict[str, float]]:
    """Whose gradient → milliseconds and processor time a case, on so many cases in each dtype.

    The best of `ROUNDS`, for each of the three and for both clocks.
    """
    drawn = [draw_case(seed, index, dtype, sizes).case for dtype in DTYPES for index in range(cases)]
    works = {"reference": _reference(drawn), "torch": _torch(drawn), "jax": _jax(drawn)}
    for work in works.values():
        work()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            began, busy = time.perf_counter(), time.process_time()
            work()
            taken[name].append((time.perf_counter() - began, time.process_time() - busy))
    return {
        name: {
            clock: 1e3 * min(each) / len(drawn)
            for clock, each in zip(("ms", "processor ms"), zip(*rounds, strict=True), strict=True)
        }
        for name, rounds in taken.items()
    }


def _reference(cases: Sequence[Case]) -> Callable[[], None]:
    own = Backprop()

    def work() -> None:
        with np.errstate(all="ignore"):
            for case in cases:
                Z, A, _ = own.forward(case)
                deltas, _ = own.backward(case, Z, A)
                for delta, A_previous in zip(deltas, A[:-1], strict=True):
                    own.weight_gradient(delta, A_previous)
                    own.bias_gradient(delta)

    return work


def _torch(cases: Sequence[Case]) -> Callable[[], None]:
    networks = TorchNetworks()

    def work() -> None:
        for case in cases:
            networks.gradients(case)

    return work


@cache
def _without_the_rest(whole: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The program with loss, dW and db as its only results; one for all, as it takes long to compile."""
    import jax

    @jax.jit
    def gradients(stack: Any) -> Any:
        traces = whole(stack)
        return [traces[quantity] for quantity in ("loss", "dW", "db")]

    return gradients


def _jax(cases: Sequence[Case]) -> Callable[[], None]:
    import jax

    oracle = JaxOracle()
    packed: list[Any] = []
    whole = jax_compiled.trace_stack

    def recorded(stack: Any) -> Any:
        packed.append(jax.tree.map(np.array, stack))
        return whole(stack)

    with patch.object(jax_compiled, "trace_stack", recorded):
        for dtype in DTYPES:
            own = [case for case in cases if case.dtype == dtype]
            for first in range(0, len(own), _TOGETHER):
                oracle.traces(own[first : first + _TOGETHER])
    if not packed:
        raise LookupError("the JAX oracle has not called jax_compiled.trace_stack")

    gradients = _without_the_rest(whole)

    def work() -> None:
        with oracle._scope():
            for stack in packed:
                jax.block_until_ready(gradients(stack))

    return work
