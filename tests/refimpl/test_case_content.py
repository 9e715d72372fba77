"""Cases and traces as values: immutable, compared and hashed by content, each quantity of a stated shape."""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from typing import Any

import numpy as np
import pytest
from network_samples import case, layer, network

from refimpl import (
    DTYPES,
    QUANTITIES,
    ActivationSpec,
    Backprop,
    Case,
    Layer,
    LossSpec,
    Network,
    Trace,
    quantity_shape,
)

IDENTITY = ActivationSpec("identity")

# ---------------------------------------------------------------- immutability


def arrays(made: Case) -> dict[str, Any]:
    parameters = {f"{p}[{l}]": getattr(k, p) for l, k in enumerate(made.network.layers, 1) for p in "Wb"}
    return {"X": made.X, "Y": made.Y} | parameters


@pytest.mark.parametrize("name", arrays(case()))
def test_an_array_of_a_case_cannot_be_written_to(name: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        arrays(case())[name][0, 0] = 7.0


def test_a_case_keeps_copies_of_the_arrays_it_is_given() -> None:
    given = {"W": np.ones((2, 2)), "b": np.ones((2, 1)), "X": np.ones((2, 3)), "Y": np.ones((2, 3))}
    made = Case(network(Layer(given["W"], given["b"], IDENTITY)), given["X"], given["Y"])
    before = made.content_hash
    for array in given.values():
        array[...] = 7.0
    assert all(np.all(array == 1) for array in arrays(made).values())
    assert dataclasses.replace(made).content_hash == before  # worked out anew from the arrays there are


def test_a_layer_of_a_transposed_array_is_the_layer_of_its_copy() -> None:
    W = np.arange(6.0).reshape(2, 3).T
    made = Layer(W, np.zeros((3, 1)), IDENTITY)
    assert made.W.flags.c_contiguous
    assert np.array_equal(made.W, W)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (case(), "X"),
        (network(), "loss"),
        (layer(1, 1), "W"),
        (IDENTITY, "name"),
        (LossSpec("mse"), "reduction"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_fields_cannot_be_assigned(value: Any, field: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{field}'"):
        setattr(value, field, getattr(value, field))


# ---------------------------------------------------------------- equality by content


@pytest.mark.parametrize("dtype", DTYPES)
def test_cases_of_the_same_content_are_equal_and_hash_alike(dtype: str) -> None:
    assert case(dtype=dtype) == case(dtype=dtype)
    assert hash(case(dtype=dtype)) == hash(case(dtype=dtype))
    assert len({case(dtype=dtype), case(dtype=dtype)}) == 1


def changed(array: Any, value: float | None = None) -> Any:
    """One entry moved to the next number, or to `value`."""
    copy = np.array(array)
    copy[-1, -1] = np.nextafter(copy[-1, -1], np.inf) if value is None else value
    return copy


FIRST, SECOND = case().network.layers
CHANGES: dict[str, dict[str, Any]] = {
    "X": {"X": changed(case().X)},
    "Y": {"Y": changed(case().Y)},
    "the learning rate": {"learning_rate": np.nextafter(0.5, 1)},
    "the sign of a learning rate of 0": {"learning_rate": -0.0},
    "W": {"network": network(FIRST, dataclasses.replace(SECOND, W=changed(SECOND.W)))},
    "b": {"network": network(dataclasses.replace(FIRST, b=changed(FIRST.b)), SECOND)},
    "an activation": {"network": network(FIRST, dataclasses.replace(SECOND, activation=IDENTITY))},
    "a parameter": {"network": network(layer(3, 2, "leaky_relu", negative_slope=0.5), SECOND)},
    "the reduction": {"network": network(FIRST, SECOND, reduction="sum")},
    "the loss": {"network": network(FIRST, SECOND, loss="half_squared_error")},
    "the number of samples": {"X": case().X[:, :1], "Y": case().Y[:, :1]},
    "one layer more": {"network": network(FIRST, SECOND, layer(2, 2))},
}


@pytest.mark.parametrize("what", CHANGES)
def test_cases_that_differ_in_one_thing_are_not_equal(what: str) -> None:
    reference = case({"learning_rate": 0.0}) if "of 0" in what else case()
    other = case(CHANGES[what])
    assert other != reference
    assert other.content_hash != reference.content_hash


@pytest.mark.parametrize("place", ["X", "Y", "W", "b"])
def test_minus_zero_is_not_zero(place: str) -> None:
    def with_zero(zero: float) -> Case:
        if place in ("X", "Y"):
            return case({place: changed(getattr(case(), place), zero)})
        second = dataclasses.replace(SECOND, **{place: changed(getattr(SECOND, place), zero)})
        return case({"network": network(FIRST, second)})

    assert with_zero(0.0) == with_zero(0.0)
    assert with_zero(-0.0) == with_zero(-0.0)
    assert with_zero(0.0) != with_zero(-0.0)


def test_a_case_of_float32_is_not_the_one_of_the_same_numbers_in_float64() -> None:
    assert case(dtype="float32") != case()


def test_the_same_numbers_in_another_shape_are_another_case() -> None:
    wide, high = np.ones((1, 4)), np.ones((2, 2))
    made = [
        Case(network(Layer(np.ones((rows, rows)), np.ones((rows, 1)), IDENTITY)), X, X)
        for rows, X in ((1, wide), (2, high))
    ]
    assert made[0] != made[1]


def test_a_case_is_not_equal_to_anything_else() -> None:
    assert case() != case().content_hash
    assert case() != None  # noqa: E711  the comparison is what is tested


def test_the_content_hash_is_sha256_over_every_part_in_a_stated_order_little_endian() -> None:
    made = Case(
        Network(
            (Layer(np.array([[2.0, -0.0]]), np.array([[0.5]]), ActivationSpec("leaky_relu")),),
            LossSpec("mse", "sum"),
        ),
        np.array([[1.0], [3.0]]),
        np.array([[-4.0]]),
        0.25,
    )
    content = b"".join(
        (
            b"backproof case 1 float64 0x1.0000000000000p-2\0",  # 1/4
            b"mse sum\0",
            b"leaky_relu\0",
            b"negative_slope=0x1.47ae147ae147bp-7\0",  # 0.01
            b"(1, 2)\0" + struct.pack("<2d", 2.0, -0.0),
            b"(1, 1)\0" + struct.pack("<d", 0.5),
            b"(2, 1)\0" + struct.pack("<2d", 1.0, 3.0),
            b"(1, 1)\0" + struct.pack("<d", -4.0),
        )
    )
    assert made.content_hash == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("dtype", "golden"),
    [
        ("float32", "9be8185f498a3ff8a6c8162d30f63c64ca05c41717d550eb9a6901fd5ea6a29d"),
        ("float64", "6f2603f364a2d51a5666b55f759a21ccc10625dd6b8e4479cc43a861eb67ade8"),
    ],
)
def test_the_content_hash_of_the_sample_case_is_the_one_it_has_had_since_version_1(
    dtype: str, golden: str
) -> None:
    # A file written by one version names its cases by these. If this fails, the format needs a new version.
    assert case(dtype=dtype).content_hash == golden


# ---------------------------------------------------------------- traces


def test_a_trace_may_lack_any_part_and_is_not_checked() -> None:
    assert all(value is None for value in vars(Trace()).values())
    odd = Trace(loss="not a number", Z=(np.zeros(3), None))
    assert odd.loss == "not a number"


def test_the_quantities_are_the_fields_of_a_trace_and_those_with_layers_are_tuples() -> None:
    assert set(QUANTITIES) == {field.name for field in dataclasses.fields(Trace)}
    trace = Backprop().run(case())
    for quantity, per_layer in QUANTITIES.items():
        assert isinstance(getattr(trace, quantity), tuple) == per_layer
    with pytest.raises(TypeError, match="does not support item assignment"):
        QUANTITIES["momentum"] = True  # type: ignore[index]


# A network of 2 inputs, 3 hidden units, 2 outputs; two samples.
@pytest.mark.parametrize(
    ("quantity", "shapes"),
    [
        ("Z", [(3, 2), (2, 2)]),
        ("A", [(3, 2), (2, 2)]),
        ("delta", [(3, 2), (2, 2)]),
        ("dW", [(3, 2), (2, 3)]),
        ("W_updated", [(3, 2), (2, 3)]),
        ("db", [(3, 1), (2, 1)]),
        ("b_updated", [(3, 1), (2, 1)]),
        ("loss", [()]),
        ("dX", [(2, 2)]),
    ],
)
def test_the_shape_of_a_quantity_is_the_one_of_the_conventions_and_a_run_has_it(
    quantity: str, shapes: list[tuple[int, ...]]
) -> None:
    made = case()
    layers = range(1, 3) if QUANTITIES[quantity] else [None]
    assert [quantity_shape(made, quantity, l) for l in layers] == shapes
    value = getattr(Backprop().run(made), quantity)
    assert [np.shape(v) for v in (value if QUANTITIES[quantity] else [value])] == shapes
