"""The traces of many cases at once: what is flat is what each case's trace has, end to end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from oracle_cases import drawn_case, flat

from oracles import Oracle, TraceBatch, as_batch
from oracles.ball_oracle import BallOracle
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import QUANTITIES, Case, LossSpec, Trace

ORACLES: dict[str, Oracle] = {"torch": TorchOracle(), "jax": JaxOracle(), "truth": BallOracle()}
EACH = pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES)
SIZES = ((1, 3, 2), (3, 2, 1), (2, 9, 3), (1, 1, 9), (3, 1, 2))
"""(depth, width, samples): not sorted, and of several sizes that cases are padded to."""


def _cases(dtypes: tuple[str, ...] = ("float32",)) -> list[Case]:
    return [
        drawn_case(
            ["tanh", "softmax", "relu"][:depth],
            LossSpec("mse"),
            width,
            samples,
            dtypes[seed % len(dtypes)],
            seed,
            learning_rate=0.1 * seed - 0.15,
        )
        for seed, (depth, width, samples) in enumerate(SIZES)
    ]


def _end_to_end(traces: list[Trace], quantity: str) -> Any:
    values = [getattr(trace, quantity) for trace in traces]
    if not QUANTITIES[quantity]:
        return np.concatenate([np.ravel(value) for value in values])
    return [
        np.concatenate([value[l].reshape(-1) for value in values if len(value) > l])
        for l in range(max(map(len, values)))
    ]


def _assert_flat_is_end_to_end(batch: TraceBatch, dtype: str) -> None:
    traces = list(batch)
    for quantity, per_layer in QUANTITIES.items():
        expected, found = _end_to_end(traces, quantity), batch.flat(quantity)
        pairs = zip(found, expected, strict=True) if per_layer else [(found, expected)]
        for got, together in pairs:
            assert got.dtype == dtype
            assert got.shape == together.shape
            assert got.tobytes() == together.astype(dtype).tobytes(), quantity


@EACH
@pytest.mark.parametrize("dtype", [None, "float64"])
def test_what_is_flat_is_each_trace_end_to_end(oracle: Oracle, dtype: str | None) -> None:
    batch = oracle.traces(_cases(), dtype)
    _assert_flat_is_end_to_end(batch, dtype or "float32")
    assert batch.cases == tuple(_cases())
    for case, trace in zip(batch.cases, batch, strict=True):
        (alone,) = oracle.traces([case], dtype)
        for name, array in flat(alone).items():
            got = flat(trace)[name]
            assert got.shape == array.shape
            assert got.dtype == array.dtype
            np.testing.assert_allclose(got, array, rtol=1e-5, atol=1e-6)


@EACH
def test_cases_of_two_dtypes_are_flat_in_the_wider_one(oracle: Oracle) -> None:
    batch = oracle.traces(_cases(("float64", "float32")))
    _assert_flat_is_end_to_end(batch, "float64")
    assert [trace.loss.dtype.name for trace in batch] == [case.dtype.name for case in batch.cases]


@EACH
def test_a_batch_is_a_sequence_of_traces(oracle: Oracle) -> None:
    batch = oracle.traces(_cases()[:3])
    assert len(batch) == len(list(batch)) == 3
    assert batch[-1].loss == batch[2].loss
    assert [trace.loss for trace in batch[1:]] == [batch[1].loss, batch[2].loss]
    with pytest.raises(IndexError):
        batch[3]
    nobody = oracle.traces([])
    assert list(nobody) == []
    assert nobody.flat("dW") == ()
    assert nobody.flat("loss").shape == nobody.flat("dX").shape == (0,)


@EACH
def test_a_trace_has_arrays_of_its_own(oracle: Oracle) -> None:
    batch = oracle.traces([drawn_case(["identity"], LossSpec("mse"), 2, 1)])
    trace = batch[0]
    before = {name: array.copy() for name, array in flat(trace).items()}
    for name, array in flat(trace).items():
        if array.ndim:
            array[...] = 7.0
            untouched = [other for other in flat(trace) if other != name]
            assert all(np.array_equal(flat(trace)[other], before[other]) for other in untouched)
            array[...] = before[name]


def test_a_list_of_traces_becomes_a_batch_and_a_batch_stays_one() -> None:
    cases, oracle = _cases(), ORACLES["torch"]
    given = oracle.traces(cases)
    assert as_batch(cases, given) is given
    batch = as_batch(cases, list(given))
    _assert_flat_is_end_to_end(batch, "float32")
    assert batch.flat("dW")[0].tobytes() == given.flat("dW")[0].tobytes()
    without = as_batch(cases, [replace(trace, dX=None, A=None) for trace in given])
    assert without.flat("dX") is None
    assert without.flat("A") is None
