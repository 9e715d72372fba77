"""Values of the activations at points where they can be worked out by hand."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest

from refimpl import ActivationSpec

E = math.e
PHI = 0.8413447460685429
"""Φ(1), the share of a normal distribution below one standard deviation."""

SELU = 1.0507009873554805 * 1.6732632423543772


@pytest.mark.parametrize(
    ("name", "parameters", "z", "value", "slope"),
    [
        ("relu6", {}, [-1, 2, 7], [0, 2, 6], [0, 1, 0]),
        ("elu", {"alpha": 2.0}, [-1, 3], [2 / E - 2, 3], [2 / E, 1]),
        ("celu", {"alpha": 2.0}, [-2, 3], [2 / E - 2, 3], [1 / E, 1]),
        (
            "selu",
            {},
            [-1, 1],
            [SELU * (1 / E - 1), 1.0507009873554805],
            [SELU / E, 1.0507009873554805],
        ),
        ("gelu", {}, [-1, 0, 1], [PHI - 1, 0, PHI], [-0.0833154705876, 0.5, 1.0833154705876]),
        (
            "gelu_tanh",
            {},
            [-1, 0, 1],
            [-0.158808009392, 0, 0.841191990608],
            [-0.0829640838457, 0.5, 1.0829640838457],
        ),
        ("silu", {}, [0, math.log(3)], [0, 0.75 * math.log(3)], [0.5, 0.75 + math.log(3) * 3 / 16]),
        ("mish", {}, [0, math.log(2)], [0, 0.8 * math.log(2)], [0.6, 0.8 + math.log(2) * 0.24]),
        ("softsign", {}, [-1, 3], [-0.5, 0.75], [0.25, 1 / 16]),
        ("hardtanh", {"min_val": -2.0}, [-3, -1.5, 4], [-2, -1.5, 1], [0, 1, 0]),
        ("hardsigmoid", {}, [-4, 0, 1.5], [0, 0.5, 0.75], [0, 1 / 6, 1 / 6]),
        ("hardswish", {}, [-4, -1.5, 0, 4], [0, -0.375, 0, 4], [0, 0, 0.5, 1]),
        ("logsigmoid", {}, [0, -math.log(3)], [-math.log(2), -math.log(4)], [0.5, 0.75]),
        ("tanhshrink", {}, [0, math.log(3)], [0, math.log(3) - 0.8], [0, 0.64]),
        ("softshrink", {"lambd": 1.0}, [-3, 0.5, 2], [-2, 0, 1], [1, 0, 1]),
        ("hardshrink", {"lambd": 1.0}, [-3, 0.5, 2], [-3, 0, 2], [1, 0, 1]),
        ("threshold", {"threshold": 1.0, "value": -2.0}, [0.5, 1, 2], [-2, -2, 2], [0, 0, 1]),
        ("squareplus", {}, [-1.5, 0, 1.5], [0.5, 1, 2], [0.2, 0.5, 0.8]),
        ("sparse_plus", {}, [-2, 0, 2], [0, 0.25, 2], [0, 0.5, 1]),
        ("sparse_sigmoid", {}, [-2, 0, 0.5, 2], [0, 0.5, 0.75, 1], [0, 0.5, 0.5, 0]),
    ],
)
def test_an_activation_has_the_values_and_slopes_worked_out_by_hand(
    name: str, parameters: dict[str, float], z: list[float], value: list[float], slope: list[float]
) -> None:
    spec = ActivationSpec(name, parameters)
    assert spec.entry.derivative is not None
    Z = np.array([z], dtype=np.float64)
    assert spec.entry.value(Z, **spec.parameters)[0] == pytest.approx(value, rel=1e-11, abs=1e-15)
    assert spec.entry.derivative(Z, **spec.parameters)[0] == pytest.approx(slope, rel=1e-11, abs=1e-15)


def test_softmin_and_log_softmax_of_logarithms_are_shares_of_a_whole() -> None:
    Z = np.log(np.array([[1.0], [2.0], [4.0]]))
    softmin = ActivationSpec("softmin").entry.value(Z)
    assert softmin.ravel() == pytest.approx([4 / 7, 2 / 7, 1 / 7], rel=1e-14, abs=0)
    log_softmax = ActivationSpec("log_softmax").entry.value(Z)
    assert np.exp(log_softmax).ravel() == pytest.approx([1 / 7, 2 / 7, 4 / 7], rel=1e-14, abs=0)


@pytest.mark.parametrize("name", ["celu", "elu"])
@pytest.mark.parametrize("alpha", [1e-300, 1e300])
def test_beside_0_an_exponential_unit_is_as_steep_as_its_slope_says_whatever_alpha(
    name: str, alpha: float
) -> None:
    # With α = 1e300, z/α underflows for z = -1e-30; with α = 1e-300, it overflows for z = -1e10.
    spec, Z = ActivationSpec(name, {"alpha": alpha}), np.array([[-1e-30, -1e10]])
    near, far = spec.entry.value(Z, **spec.parameters)[0]
    if alpha > 1:
        assert near == pytest.approx(-1e-30 if name == "celu" else -1e-30 * alpha, rel=1e-14, abs=0)
    assert far == pytest.approx(max(-alpha, -1e10) if name == "celu" else -alpha, rel=1e-14, abs=0)


@pytest.mark.parametrize(("name", "alpha"), [("elu", 1.7e308), ("celu", 1.7e308), ("celu", 1e-3)])
def test_right_of_0_an_exponential_unit_is_the_identity_and_warns_of_nothing_whatever_alpha(
    name: str, alpha: float
) -> None:
    # α (e^z - 1) overflows for the large α, e^(z/α) for the small one.
    spec, Z = ActivationSpec(name, {"alpha": alpha}), np.array([[1.0, 100.0]])
    assert spec.entry.derivative is not None
    assert spec.entry.value(Z, **spec.parameters).tolist() == [[1.0, 100.0]]
    assert spec.entry.derivative(Z, **spec.parameters).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("b", [1e-290, 1e300])
def test_squareplus_is_accurate_for_every_b(b: float) -> None:
    spec, Z = ActivationSpec("squareplus", {"b": b}), np.array([[-1e10, 0.0, 1e10]])
    left, middle, right = spec.entry.value(Z, **spec.parameters)[0]
    root = math.sqrt(b)
    assert middle == pytest.approx(root / 2, rel=1e-14, abs=0)
    if b < 1:
        assert (left, right) == (pytest.approx(b / 4 / 1e10, rel=1e-14, abs=0), 1e10)
    else:
        assert (left, right) == (
            pytest.approx(root / 2, rel=1e-14, abs=0),
            pytest.approx(root / 2, rel=1e-14, abs=0),
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_units_further_apart_than_the_largest_number_are_told_apart_without_a_warning(dtype: str) -> None:
    M = np.finfo(dtype).max
    Z = np.array([[M], [-M]], dtype)
    assert ActivationSpec("softmax").entry.value(Z).tolist() == [[1], [0]]
    assert ActivationSpec("softmin").entry.value(Z).tolist() == [[0], [1]]
    assert ActivationSpec("log_softmax").entry.value(Z).tolist() == [[0], [-math.inf]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "sign"), [("softmax", 1), ("softmin", -1)])
def test_what_moves_a_sure_unit_has_its_digits(name: str, sign: int, dtype: str) -> None:
    # e^-40 of each sample goes to the other unit: a_i Σ_j a_j (g_i - g_j) is ± e^-40 (3 - 5) and (7 - 4).
    Z, G = np.array([[0, 0], [-40, -40]], dtype), np.array([[3, 7], [5, 4]], dtype)
    spec = ActivationSpec(name)
    found = spec.entry.vjp(sign * Z, spec.entry.value(sign * Z), G)
    moved = sign * math.exp(-40) * np.array([[-2, 3], [2, -3]])
    assert found == pytest.approx(moved, rel=8 * float(np.finfo(dtype).eps), abs=0)


FAR_LEFT = {"float32": -91.5, "float64": -713.0}
"""Where e^z is a subnormal number, which has lost digits, and z e^z is none."""


@pytest.mark.parametrize("dtype", FAR_LEFT)
@pytest.mark.parametrize("name", ["silu", "mish"])
def test_far_left_z_times_a_subnormal_number_has_its_digits(name: str, dtype: str) -> None:
    z = FAR_LEFT[dtype]
    exact = float(Decimal(z) * Decimal(z).exp())  # and 1 + e^z is 1 there
    assert abs(exact) > np.finfo(dtype).smallest_normal > math.exp(z)
    near = 8 * float(np.finfo(dtype).eps)
    found = ActivationSpec(name).entry.value(np.array([[z]], dtype)).item()
    assert found == pytest.approx(exact, rel=near, abs=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_tanh_takes_off_a_small_number_has_its_digits(dtype: str) -> None:
    # z - tanh z = z³/3 - 2z⁵/15 + 17z⁷/315 - …
    z = 2.0**-9
    exact = z**3 / 3 * (1 - 2 * z**2 / 5 + 17 * z**4 / 105)
    found = ActivationSpec("tanhshrink").entry.value(np.array([[z, -z]], dtype))
    assert found[0] == pytest.approx([exact, -exact], rel=4 * float(np.finfo(dtype).eps), abs=0)
