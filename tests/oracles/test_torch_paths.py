"""Many cases in one graph of torch against one graph a case: the same numbers, whoever is beside them.

Not bit by bit: products of padded matrices, and sums of terms with zeros among them, are summed in another
order, and torch computes the last few entries of an array otherwise than the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from oracle_cases import drawn_arrays, drawn_case, fitting_output, flat

from oracles import torch_together
from oracles.torch_oracle import TorchOracle
from refimpl import ACTIVATIONS, LOSSES, Case, Layer, LossSpec, Network
from refimpl.functions import ALL_REDUCTIONS

SIZES = ((1, 1, 1), (2, 8, 8), (3, 9, 2), (1, 2, 17), (4, 33, 3), (2, 65, 1))
"""(depth, width, samples): at the edges of what is padded to, one beyond, and larger than all."""
PLACES = 64
"""Units in the last place of the largest entry or term; the most seen is 12."""

ORACLE = TorchOracle()
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def _places_apart(cases: Sequence[Case], dtype: str | None = None) -> float:
    """How far the one graph is from single ones: of what is computed backwards, in the largest gradient's."""
    most = 0.0
    pairs = zip(ORACLE.traces(cases, dtype), ORACLE.plain().traces(cases, dtype), strict=True)
    for together, alone in pairs:
        got, expected = flat(together), flat(alone)
        assert got.keys() == expected.keys()
        backwards = max(np.max(np.abs(a)) for name, a in expected.items() if name.startswith("d"))
        for name, array in expected.items():
            assert got[name].dtype == array.dtype
            assert got[name].shape == array.shape
            size = backwards if name.startswith("d") else max(1.0, float(np.max(np.abs(array))))
            difference = float(np.max(np.abs(got[name] - array)))
            place = float(size * np.finfo(array.dtype).eps)
            most = max(most, 0.0 if difference == 0 else difference / place if place else math.inf)
    return most


@DTYPES
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_cases_together_are_as_each_alone_for_an_activation(name: str, dtype: str) -> None:
    cases = [
        drawn_case([name] * depth, LossSpec("mse"), width, samples, dtype, seed=seed)
        for seed, (depth, width, samples) in enumerate(SIZES)
    ]
    assert _places_apart(cases) <= PLACES


@DTYPES
@pytest.mark.parametrize("name", LOSSES)
def test_cases_together_are_as_each_alone_for_a_loss(name: str, dtype: str) -> None:
    """All reductions, with arrays and without, all sizes: one batch."""
    cases = []
    for seed, (_, width, samples) in enumerate(SIZES):
        for reduction in ALL_REDUCTIONS:
            for arrays in {}, drawn_arrays(name, (width, samples), dtype):
                loss = LossSpec(name, reduction, arrays=arrays)
                layers = ["tanh", fitting_output(loss)]
                cases.append(drawn_case(layers, loss, width, samples, dtype, seed=seed))
    assert _places_apart(cases) <= PLACES


def test_float32_cases_are_computed_in_float64_together() -> None:
    cases = [drawn_case(["gelu", "softmax"], LossSpec("mse"), 3, m, "float32", m) for m in (1, 2, 9)]
    assert _places_apart(cases, "float64") <= PLACES


@pytest.mark.parametrize("activation", ["softmax", "tanh"])
@pytest.mark.parametrize("size", [(2, 1), (9, 3)], ids=str)
def test_what_overflows_in_one_case_reaches_no_other(activation: str, size: tuple[int, int]) -> None:
    def case(factor: float, seed: int) -> Case:
        drawn = drawn_case([activation, "identity"], LossSpec("mse"), *size, "float32", seed=seed)
        first, second = drawn.network.layers
        huge = Layer(first.W * np.float32(factor), first.b, first.activation)
        large = Layer(second.W * np.float32(factor), second.b, second.activation)
        return Case(Network((huge, large), drawn.network.loss), drawn.X * np.float32(factor), drawn.Y)

    cases = [case(1, 1), case(1e25, 2), case(1, 3)]
    first, broken, last = ORACLE.traces(cases)
    assert not all(np.all(np.isfinite(array)) for array in flat(broken).values())
    for trace, alone in zip((first, last), ORACLE.plain().traces([cases[0], cases[2]]), strict=True):
        for name, array in flat(alone).items():
            np.testing.assert_allclose(flat(trace)[name], array, rtol=1e-4, atol=1e-5)


def test_more_cases_than_one_graph_takes_are_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [drawn_case(["tanh"] * (1 + k % 3), LossSpec("mse"), 3, 2, seed=k) for k in range(6)]
    graphs: list[int] = []
    one_graph = torch_together._one_graph

    def counted(tensors: Any, some: Sequence[Case], *rest: Any) -> Any:
        graphs.append(len(some))
        return one_graph(tensors, some, *rest)

    monkeypatch.setattr(torch_together, "_one_graph", counted)
    monkeypatch.setattr(torch_together, "_NUMBERS", 40)
    assert _places_apart(cases) <= PLACES
    assert len(graphs) > 1
    assert sum(graphs) == len(cases)


def test_a_difference_between_the_paths_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison itself: a rate that is off by a thousandth."""
    cases = [drawn_case(["tanh", "identity"], LossSpec("mse"))]
    plain = ORACLE.plain().traces(cases)

    class Wrong:
        def traces(self, cases: Sequence[Case], dtype: str | None = None) -> Any:
            del cases, dtype
            trace = plain[0]
            assert trace.dW is not None
            trace.dW[0][0, 0] *= 1.001
            return [trace]

    monkeypatch.setattr(ORACLE, "plain", Wrong)
    assert _places_apart(cases) > PLACES
