"""JAX's compiled path against its plain one: they are the same graph, and padding makes no difference.

They are not bitwise equal: XLA sums longer rows (with zeros in them) in another order, contracts a
multiplication and an addition into one operation, and vectorises functions by other polynomials where
it compiles a whole program than where it compiles one operation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from oracle_cases import drawn_case, fitting_output, flat, own_steps

from oracles import StepValues, jax_packing, jax_points
from oracles.jax_oracle import JaxOracle
from oracles.shapes import Shapes
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Case, Layer, LossSpec, Network, Trace
from refimpl.functions import REDUCTIONS
from tests.long_tests import long_but_for

SMALL = jax_packing.BUCKETS[0]
# (layers, units, samples): mostly padding, one short of the bucket, and no padding. For each of them JAX
# compiles the plain path anew; that padding has no say is seen below at all widths.
SIZES = [
    pytest.param((1, 1, 2), marks=pytest.mark.long),
    (SMALL.depth - 1, SMALL.width - 1, SMALL.batch - 1),
    pytest.param((SMALL.depth, SMALL.width, SMALL.batch), marks=pytest.mark.long),
]
# Units in the last place of the magnitude that `_magnitudes` gives; the most seen is 9.
PLACES = 32


@pytest.fixture(scope="module")
def oracle() -> JaxOracle:
    return JaxOracle()


def _magnitudes(trace: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The size of the terms whose roundings reach each array, normwise.

    Data, weights and predictions are of order 1 in these cases, so what is computed forwards, and the updated
    parameters, are sums of terms of order 1 or of their own size. What is computed backwards is linear in the
    errors: its terms are as large as the largest error or gradient.
    """
    backwards = max(
        np.max(np.abs(a)) for name, a in trace.items() if name.startswith(("delta", "dW", "db", "dX"))
    )
    for name, array in trace.items():
        largest = max(1.0, float(np.max(np.abs(array))))
        yield name, float(backwards) if name.startswith(("d",)) else largest


def _places_apart(compiled: Trace | StepValues, plain: Trace | StepValues) -> dict[str, float]:
    """How far the traces or steps are apart, in units in the last place of each array's magnitude."""
    expected, got = flat(plain), flat(compiled)
    assert got.keys() == expected.keys()
    apart = {}
    for name, magnitude in _magnitudes(expected):
        assert got[name].dtype == expected[name].dtype
        assert got[name].shape == expected[name].shape
        difference = float(np.max(np.abs(got[name] - expected[name])))
        place = magnitude * float(np.finfo(expected[name].dtype).eps)
        # All gradients may be exactly 0, e.g. behind a softmax of one unit; then both paths must say so.
        apart[name] = 0.0 if difference == 0 else difference / place if place else math.inf
    return apart


def _assert_paths_agree(oracle: JaxOracle, case: Case) -> None:
    apart = _places_apart(oracle.traces([case])[0], oracle.plain_trace(case))
    outside = {name: round(places, 1) for name, places in apart.items() if not places <= PLACES}
    assert not outside, f"the compiled path is this many units in the last place off the plain one: {outside}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_both_paths_agree_on_an_activation_hidden_and_at_the_output(
    oracle: JaxOracle, name: str, size: tuple[int, int, int], dtype: str
) -> None:
    depth, width, samples = size
    _assert_paths_agree(oracle, drawn_case([name] * depth, LossSpec("mse"), width, samples, dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_both_paths_agree_on_a_loss_and_its_reduction(
    oracle: JaxOracle, name: str, reduction: str, size: tuple[int, int, int], dtype: str
) -> None:
    depth, width, samples = size
    loss = LossSpec(name, reduction)
    activations = ["tanh"] * (depth - 1) + [fitting_output(loss)]
    _assert_paths_agree(oracle, drawn_case(activations, loss, width, samples, dtype))


@pytest.mark.long
@pytest.mark.parametrize(
    "name", long_but_for({"mse", "bce", "cross_entropy", "cross_entropy_with_logits"}, LOSSES)
)
def test_both_paths_agree_on_the_single_steps(oracle: JaxOracle, name: str) -> None:
    loss = LossSpec(name, "batchmean")
    case = drawn_case([*ACTIVATIONS, fitting_output(loss)], loss)
    (trace,) = oracle.traces([case])
    steps = own_steps(case, trace)
    compiled, plain = (
        replace(values, loss=np.float64(values.loss))
        for oracle_of_path in (oracle, oracle.plain())
        for values in oracle_of_path.steps([steps])
    )
    apart = _places_apart(compiled, plain)
    assert set(apart) > {"loss", "dA_last", "A[1]", "delta[1]"}
    assert max(apart.values()) <= PLACES


def test_a_difference_between_the_paths_is_seen(oracle: JaxOracle) -> None:
    """The comparison itself: a thousandth of one weight's gradient is far outside."""
    case = drawn_case(["tanh", "identity"], LossSpec("mse"))
    plain, other = oracle.plain_trace(case), oracle.plain_trace(case)
    assert other.dW is not None
    other.dW[0][0, 0] *= 1.001
    assert _places_apart(other, plain)["dW[1]"] > PLACES


def test_both_paths_compute_a_float32_case_in_float64(oracle: JaxOracle) -> None:
    case = drawn_case(["sigmoid", "softmax"], LossSpec("cross_entropy"), dtype="float32")
    apart = _places_apart(oracle.traces([case], "float64")[0], oracle.plain_trace(case, "float64"))
    assert max(apart.values()) <= PLACES


@pytest.mark.parametrize("loss", ["cross_entropy_with_logits", "mse"])
def test_logits_beyond_any_stand_in_for_minus_infinity_are_masked_rightly(
    oracle: JaxOracle, loss: str
) -> None:
    """All logits at -1e31: a padded logit of -1e30 would take the whole of the softmax."""
    output = ActivationSpec("identity" if loss != "mse" else "softmax")
    layer = Layer(np.full((3, 1), -1e31, "float32"), np.zeros((3, 1), "float32"), output)
    X, Y = np.ones((1, 2), "float32"), np.full((3, 2), 1 / 3, "float32")
    case = Case(Network((layer,), LossSpec(loss)), X, Y)
    compiled, plain = flat(oracle.traces([case])[0]), flat(oracle.plain_trace(case))
    for name in ("A[1]", "loss", "delta[1]"):
        assert np.array_equal(compiled[name], plain[name]), name
    softmax = plain["A[1]"] if loss == "mse" else plain["delta[1]"] * 2 + Y
    assert softmax == pytest.approx(np.full((3, 2), 1 / 3), rel=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_what_overflows_is_infinite_or_nan_in_the_same_places(oracle: JaxOracle, name: str) -> None:
    case = drawn_case([name, "identity"], LossSpec("mse", "sum"), dtype="float32")
    first = case.network.layers[0]
    # All products of a row have one sign: their sum is infinite in any order, never inf - inf.
    signs = np.array([[1], [-1], [1]], "float32")
    huge = Layer(signs * np.abs(first.W) * np.float32(1e30), first.b, first.activation)
    X = np.abs(case.X) * np.float32(1e20)
    case = Case(Network((huge, case.network.layers[1]), case.network.loss), X, case.Y)
    compiled, plain = flat(oracle.traces([case])[0]), flat(oracle.plain_trace(case))
    assert not np.all(np.isfinite(plain["Z[1]"]))
    for quantity, array in plain.items():
        assert np.array_equal(np.isnan(compiled[quantity]), np.isnan(array)), quantity
        assert np.array_equal(np.isinf(compiled[quantity]), np.isinf(array)), quantity


# ---------------------------------------------------------------- padding


def _filled(packed: dict[str, Any], case: Case, poison: float) -> dict[str, Any]:
    """The stack with `poison` wherever its first case has no number of its own."""
    layers = case.network.layers
    own: dict[str, Sequence[tuple[tuple[int, ...], Any]]] = {
        "W": [((l,), layer.W) for l, layer in enumerate(layers)],
        "b": [((l,), layer.b) for l, layer in enumerate(layers)],
        "X": [((), case.X)],
        "Y": [((), case.Y)],
        "loss_arrays": [
            ((k,), np.broadcast_to(case.network.loss.arguments[array.name], case.Y.shape))
            for k, array in enumerate(case.network.loss.entry.arrays)
        ],
    }
    filled = dict(packed)
    for name in own.keys() & packed.keys():
        filled[name] = np.full_like(packed[name], poison)
        for index, array in own[name]:
            filled[name][(0, *index)][tuple(slice(n) for n in array.shape)] = array
    depth = case.network.depth
    filled["parameters"] = packed["parameters"].copy()
    filled["parameters"][0, depth:] = poison
    filled["activations"] = packed["activations"].copy()
    filled["activations"][0, depth:] = np.arange(SMALL.depth - depth) % len(ACTIVATIONS) + 1
    return filled


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e30, -1e31], ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_poison_in_the_padding_changes_no_bit(oracle: JaxOracle, loss: str, poison: float) -> None:
    spec = LossSpec(loss)
    _assert_padding_is_ignored(
        oracle, drawn_case(["softmax", fitting_output(spec)], spec, width=5, samples=3), poison
    )


@pytest.mark.parametrize("width", [1, SMALL.width - 1, SMALL.width])
@pytest.mark.parametrize("name", [*ACTIVATIONS, *LOSSES])
def test_poison_beside_any_function_changes_no_bit_up_to_the_buckets_edge(
    oracle: JaxOracle, name: str, width: int
) -> None:
    spec = LossSpec(name if name in LOSSES else "mse")
    layers = [fitting_output(spec)] if name in LOSSES else [name, name]
    case = drawn_case(layers, spec, width=width, samples=SMALL.batch - 1)
    for poison in (np.nan, -1e31):
        _assert_padding_is_ignored(oracle, case, poison)


def _assert_padding_is_ignored(oracle: JaxOracle, case: Case, poison: float) -> None:
    shapes = Shapes([case])
    with oracle._scope():
        packed = jax_packing.pack_cases([case], shapes, SMALL, np.dtype("float64"), oracle._divisor)
        before, after = (
            flat(jax_packing.unpacked([case], shapes, [(SMALL, [0])], [results])[0])
            for results in (
                oracle._fetched(oracle._compiled.trace_stack(stack))
                for stack in (packed, _filled(packed, case, poison))
            )
        )
    assert {n: np.asarray(a).tobytes() for n, a in after.items()} == {
        n: np.asarray(a).tobytes() for n, a in before.items()
    }


MIXING = [
    *(name for name, entry in ACTIVATIONS.items() if not entry.elementwise),
    *(name for name, line in JaxOracle().losses.items() if not line.separable),
]


@pytest.mark.parametrize("width", [1, 7, 8, 9])
@pytest.mark.parametrize("name", MIXING)
def test_poison_beside_columns_changes_no_bit_of_a_step(oracle: JaxOracle, name: str, width: int) -> None:
    entry: Any = ACTIVATIONS.get(name) or LOSSES[name]
    rng = np.random.Generator(np.random.Philox(4))
    with oracle._scope():
        mask = (np.arange(8 if width <= 8 else 64) < width)[:, None] & np.ones(3, bool)
        if name in ACTIVATIONS:
            program, arrays = jax_points.mixing_program(name), [rng.standard_normal(mask.shape) for _ in "ZG"]
        else:
            program = jax_points.mixing_loss_program(name)
            targets = np.where(np.arange(len(mask))[:, None] == 0, 1.0, 0.0) * np.ones(3)
            parameters = [np.full(3, p.default) for p in entry.parameters]
            weights = [np.ones(mask.shape) for _ in entry.arrays]
            arrays = [rng.standard_normal(mask.shape), np.ones(3), targets, *parameters, *weights]
        expected = jax_points.by_columns(program, mask, arrays)
        for poison in (np.nan, np.inf, -1e31):
            filled = [np.where(mask, a, poison) if a.ndim == 2 else a for a in arrays]
            for before, after in zip(expected, jax_points.by_columns(program, mask, filled), strict=True):
                own = mask if before.ndim == 2 else mask[0]
                assert after[own].tobytes() == before[own].tobytes()


@pytest.fixture
def tiny_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    buckets = (jax_packing.Bucket(1, 2, 2, stack=2), jax_packing.Bucket(2, 3, 2, stack=2))
    monkeypatch.setattr(jax_packing, "BUCKETS", buckets)


@pytest.mark.long  # it compiles fourteen programs
@pytest.mark.usefixtures("tiny_buckets")
def test_cases_of_all_sizes_and_dtypes_come_back_in_their_order(oracle: JaxOracle) -> None:
    shapes = [(1, 2, 1), (2, 3, 2), (1, 1, 2), (1, 2, 2), (2, 2, 1), (1, 1, 1), (2, 1, 2)]
    cases = [
        drawn_case(["tanh"] * depth, LossSpec("mse"), width, samples, dtype, seed=seed)
        for seed, ((depth, width, samples), dtype) in enumerate(
            zip(shapes, ["float32", "float64"] * 4, strict=False)
        )
    ]
    together = oracle.traces(cases)
    for case, trace in zip(cases, together, strict=True):
        assert max(_places_apart(trace, oracle.plain_trace(case)).values()) <= PLACES
    steps = [own_steps(case, trace) for case, trace in zip(cases, together, strict=True)]
    for step, values in zip(steps, oracle.steps(steps), strict=True):
        assert values.A[-1] == pytest.approx(np.tanh(np.float64(step.Z[-1])), rel=1e-14, abs=0)


@pytest.mark.usefixtures("tiny_buckets")
def test_a_case_beyond_every_bucket_is_padded_to_powers_of_two(oracle: JaxOracle) -> None:
    case = drawn_case(["tanh"] * 3, LossSpec("mse"), width=5, samples=3)
    assert jax_packing.bucket_of(3, 5, 3) == jax_packing.Bucket(4, 8, 4, stack=1)
    _assert_paths_agree(oracle, case)


def test_a_case_goes_into_the_first_bucket_that_holds_it() -> None:
    small, middle, _ = jax_packing.BUCKETS
    for size in ((small.depth, small.width, small.batch), (1, 1, 1)):
        assert jax_packing.bucket_of(*size) == small
    for over in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        size = tuple(a + b for a, b in zip(small[:3], over, strict=True))
        assert jax_packing.bucket_of(*size) == middle
