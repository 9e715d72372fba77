"""What `throughput.py` measures of others, each in a process of its own, on the cases that ours judges.

A judged case costs all that a test with that tool does for it: the case is drawn, the reference, which is
the implementation under test, gives its gradients, and the tool says whether they are right. Imports, and one
case of each dtype that is judged before, do not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.cases import draw_case
from benchmarks.peers import Problem, fast_gradcheck, gradcheck, jax_check_grads
from benchmarks.throughput_networks import TorchNetworks, arrays_of, jax_loss
from benchmarks.throughput_ours import SIZES
from oracles.jax_oracle import JaxOracle
from refimpl import DTYPES, Backprop, Case

Json = dict[str, Any]
Test = Callable[[Case], bool]
"""Judges the reference on a case: whether it found it right."""


def obvious_test(*, jitted: bool) -> Test:
    """The test as one writes it: NumPy's gradients against torch's and JAX's under the default tolerances."""
    import jax
    import torch

    networks, oracle = TorchNetworks(), JaxOracle()

    def judges(case: Case) -> bool:
        trace = Backprop().run(case)
        assert trace.dW is not None
        assert trace.db is not None
        mine = [*trace.dW, *trace.db]
        torchs = networks.gradients(case)
        with jax.enable_x64(True):  # as jax.config.update does it for a whole program
            differentiate = jax.value_and_grad(jax_loss(oracle, case), argnums=(0, 1))
            _, (dW, db) = (jax.jit(differentiate) if jitted else differentiate)(*arrays_of(case))
        try:
            for own, other in zip(mine, torchs, strict=True):
                torch.testing.assert_close(torch.from_numpy(own), other)
            for own, other in zip(mine, [*dW, *db], strict=True):
                torch.testing.assert_close(torch.from_numpy(own), torch.from_numpy(np.array(other)))
        except AssertionError:
            return False
        return True

    return judges


def of_problem(passes: Callable[[Problem], bool]) -> Test:
    """A tool of `peers.py`, which is given the reference's loss and gradients."""

    def judges(case: Case) -> bool:
        return passes(Problem(case, Backprop().run(case)))

    return judges


def check_grads_of_jax() -> Test:
    """jax.test_util.check_grads as in its documentation: of a function written in JAX, eagerly.

    It holds JAX's gradients, not the reference's, against differences.
    """
    import jax
    from jax.test_util import check_grads

    oracle = JaxOracle()

    def judges(case: Case) -> bool:
        W, b, X, Y = arrays_of(case)
        with jax.enable_x64(True):
            loss = jax_loss(oracle, case)
            try:
                check_grads(lambda W, b: loss(W, b, X, Y), (W, b), order=1, modes=("rev",))
            except AssertionError:
                return False
        return True

    return judges


TOOLS: dict[str, tuple[Callable[[], Test], tuple[str, ...]]] = {
    "obvious test, jax.jit": (lambda: obvious_test(jitted=True), DTYPES),
    "obvious test, eager jax.grad": (lambda: obvious_test(jitted=False), DTYPES),
    "gradcheck": (lambda: of_problem(gradcheck), ("float64",)),
    "gradcheck, fast mode": (lambda: of_problem(fast_gradcheck), ("float64",)),
    "check_grads": (lambda: of_problem(jax_check_grads), DTYPES),
    "check_grads of JAX's own network": (check_grads_of_jax, DTYPES),
}
"""What the tables call it → how its test is made, and the dtypes that its documentation allows."""


def measured(tool: str, sizes: str, first: int, cases: int, budget: float, seed: int) -> Json:
    """The cases that a tool judged, the seconds and the processor time; and how many it called wrong.

    They are the cases number `first` and on, of one dtype after the other in turn. Once `budget` seconds are
    over, there are no more.
    """
    make, dtypes = TOOLS[tool]
    test, chosen = make(), SIZES[sizes]

    def case_of(number: int, seed: int = seed) -> Case:
        return draw_case(seed, number // len(dtypes), dtypes[number % len(dtypes)], chosen).case

    for number in range(len(dtypes)):
        test(case_of(number, seed + 1))
    answers: list[bool] = []
    began, busy = time.perf_counter(), time.process_time()
    ends = [(began, busy)]

    def judge(number: int) -> None:
        if ends[-1][0] - began < budget:
            answers.append(test(case_of(number)))
            ends.append((time.perf_counter(), time.process_time()))

    if tool.startswith("obvious test"):
        by_hypothesis(judge, first, cases)
    else:
        for number in range(first, first + cases):
            judge(number)
    return {
        "cases": len(answers),
        "seconds": ends[-1][0] - began,
        "processor": ends[-1][1] - busy,
        "called wrong": answers.count(False),
    }


def by_hypothesis(judge: Callable[[int], None], first: int, cases: int) -> None:
    """Hypothesis draws each of the cases once, in an order of its own.

    The strategy is one over their numbers: where it can give each only once, it gives all. A case that is
    called wrong is counted, not shrunk.
    """
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(first, first + cases - 1))
    def test(number: int) -> None:
        judge(number)

    test()
