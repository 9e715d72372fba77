"""Values and slopes of losses worked by hand, at points where the formula gives a plain number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from refimpl import LOSSES

LOG_2, LOG_3 = math.log(2), math.log(3)
BY_HAND: list[tuple[str, dict[str, Any], float, float, float, float]] = [
    # name, arguments, prediction, target, term, slope
    ("l1", {}, 3.0, 1.0, 2.0, 1.0),
    ("l1", {}, -1.0, 1.0, 2.0, -1.0),
    ("l1", {}, 1.0, 1.0, 0.0, 0.0),
    ("huber", {"delta": 1.0}, 1.5, 1.0, 0.125, 0.5),  # ½ · ¼
    ("huber", {"delta": 2.0}, 5.0, 1.0, 6.0, 2.0),  # 2 (4 - 1)
    ("huber", {"delta": 2.0}, -1.0, 1.0, 2.0, -2.0),  # where both meet: ½ · 4 = 2 (2 - 1)
    ("smooth_l1", {"beta": 2.0}, 2.0, 1.0, 0.25, 0.5),  # 1/(2 · 2)
    ("smooth_l1", {"beta": 2.0}, 5.0, 1.0, 3.0, 1.0),  # 4 - 1
    ("log_cosh", {}, 1.0, 1.0, 0.0, 0.0),
    ("log_cosh", {}, LOG_2, 0.0, math.log(1.25), 0.6),  # cosh log 2 = (2 + ½)/2, sinh log 2 = ¾
    ("log_cosh", {}, 0.0, 1000.0, 1000 - LOG_2, -1.0),
    ("poisson_nll", {}, LOG_2, 3.0, 2 - 3 * LOG_2, -1.0),
    ("poisson_nll", {}, 0.0, 0.0, 1.0, 1.0),
    ("gaussian_nll", {"variance": 4.0}, 3.0, 1.0, LOG_2 + 0.5, 0.5),  # ½ (log 4 + 4/4)
    ("gaussian_nll", {"variance": 1.0}, 0.0, 3.0, 4.5, -3.0),
    ("nll", {}, -2.0, 1.0, 2.0, -1.0),
    ("nll", {}, -2.0, 0.0, 0.0, 0.0),
    ("kl_div", {}, -LOG_2, 0.25, -LOG_2 / 4, -0.25),  # ¼ (log ¼ + log 2)
    ("kl_div", {}, -3.0, 0.0, 0.0, 0.0),
    ("kl_div", {}, -3.0, 1.0, 3.0, -1.0),
    ("hinge", {}, 0.25, 1.0, 0.75, -1.0),
    ("hinge", {}, 0.25, -1.0, 1.25, 1.0),
    ("hinge", {}, 2.0, 1.0, 0.0, 0.0),
    ("squared_hinge", {}, 0.5, 1.0, 0.25, -1.0),
    ("squared_hinge", {}, 1.0, -1.0, 4.0, 4.0),
    ("hinge_embedding", {"margin": 1.0}, 3.0, 1.0, 3.0, 1.0),
    ("hinge_embedding", {"margin": 2.0}, 0.5, -1.0, 1.5, -1.0),
    ("hinge_embedding", {"margin": 2.0}, 3.0, -1.0, 0.0, 0.0),
    ("soft_margin", {}, LOG_3, 1.0, math.log(4 / 3), -0.25),  # 1 + ⅓; -1/(1 + 3)
    ("soft_margin", {}, LOG_3, -1.0, math.log(4), 0.75),
    ("soft_margin", {}, -1000.0, 1.0, 1000.0, -1.0),
    ("multilabel_soft_margin", {"weight": 1.0}, LOG_3, 1.0, math.log(4 / 3), -0.25),  # σ(log 3) = ¾
    ("multilabel_soft_margin", {"weight": 2.0}, LOG_3, 0.0, 2 * math.log(4), 1.5),
    ("sigmoid_focal", {"alpha": 0.5, "gamma": 0.0}, LOG_3, 1.0, math.log(4 / 3) / 2, -0.125),
    # 1 - p_t = ¾: (1 - α) ¾² log 4, and (1 - α) ¾² (¾ + 2 · ¼ log 4)
    ("sigmoid_focal", {"gamma": 2.0, "alpha": 0.25}, LOG_3, 0.0, 27 / 32 * LOG_2, 27 / 64 * (0.75 + LOG_2)),
    # 1 - p_t = ¾ again, of the label 1: α ¾² log 4, and -α ¾² (¾ + 2 · ¼ log 4)
    ("sigmoid_focal", {"gamma": 2.0, "alpha": 0.25}, -LOG_3, 1.0, 9 / 32 * LOG_2, -9 / 64 * (0.75 + LOG_2)),
    ("sigmoid_focal", {"alpha": 0.25, "gamma": 0.5}, 1000.0, 1.0, 0.0, 0.0),
    ("perceptron", {}, 2.0, 1.0, 0.0, 0.0),
    ("perceptron", {}, -2.0, 1.0, 2.0, -1.0),
    ("perceptron", {}, 0.5, -1.0, 0.5, 1.0),
    ("bce", {"weight": 3.0}, 0.5, 1.0, 3 * LOG_2, -6.0),
    ("bce", {"weight": 0.0}, 0.0, 1.0, 0.0, 0.0),  # what does not count may be infinitely wrong
    ("bce_with_logits", {"weight": 2.0, "pos_weight": 3.0}, LOG_3, 1.0, 6 * math.log(4 / 3), -1.5),
    ("bce_with_logits", {"weight": 2.0, "pos_weight": 3.0}, LOG_3, 0.0, 2 * math.log(4), 1.5),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "prediction", "target", "term", "slope"), BY_HAND)
def test_a_loss_and_its_slope_are_what_is_worked_out_by_hand(
    name: str, arguments: dict[str, Any], prediction: float, target: float, term: float, slope: float
) -> None:
    A, Y = np.full((1, 1), prediction), np.full((1, 1), target)
    assert LOSSES[name].terms(A, Y, **arguments).item() == pytest.approx(term, rel=4e-16, abs=0)
    assert LOSSES[name].gradient(A, Y, **arguments).item() == pytest.approx(slope, rel=4e-16, abs=0)


def numbers(dtype: str) -> tuple[float, float]:
    """The largest number and the smallest."""
    return float(np.finfo(dtype).max), float(np.finfo(dtype).smallest_subnormal)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_finite_is_finite_also_where_the_residual_is_not(dtype: str) -> None:
    largest, _ = numbers(dtype)
    A, Y = np.array([[largest]], dtype), np.array([[-largest]], dtype)

    def value(name: str, **arguments: float) -> float:
        return float(LOSSES[name].terms(A, Y, **arguments).item())

    assert value("huber", delta=0.125) == largest / 4  # δ · 2M
    assert LOSSES["huber"].gradient(A, Y, delta=0.125).item() == 0.125
    assert LOSSES["smooth_l1"].gradient(A, Y, beta=0.125).item() == 1
    assert value("smooth_l1", beta=largest) == math.inf  # 2M - M/2
    assert value("huber", delta=largest) == math.inf  # M (2M - M/2)
    quarter = np.array([[-largest / 4]], dtype)  # 1.25 M - M/2
    assert LOSSES["smooth_l1"].terms(A, quarter, beta=largest).item() == pytest.approx(
        0.75 * largest, rel=1e-6, abs=0
    )
    assert LOSSES["gaussian_nll"].gradient(A, Y, variance=np.full_like(A, 4)).item() == largest / 2


@pytest.mark.parametrize(("dtype", "rel"), [("float32", 1e-5), ("float64", 1e-12)])
def test_a_count_near_the_largest_number_has_a_likelihood(dtype: str, rel: float) -> None:
    # e^a and y a both overflow; y a - e^a does not where they are as near to each other as this.
    largest, _ = numbers(dtype)
    a = np.log(largest) + 1
    A, Y = np.array([[a]], dtype), np.array([[math.e / a * largest]], dtype)
    slope = LOSSES["poisson_nll"].gradient(A, Y).item()
    assert slope == math.inf  # e M - …
    assert math.isfinite(LOSSES["poisson_nll"].terms(A, Y).item())
    # e^a = √e M, and y a is as much less M/2.
    a = np.log(largest) + 0.5
    A, Y = np.array([[a]], dtype), np.array([[(math.exp(0.5) - 0.5) / a * largest]], dtype)
    assert LOSSES["poisson_nll"].terms(A, Y).item() == pytest.approx(largest / 2, rel=1000 * rel, abs=0)
    near = np.array([[np.log(largest) + 0.5]], dtype)
    expected = (math.exp(0.5) - 1) * largest
    assert LOSSES["poisson_nll"].gradient(near, np.array([[largest]], dtype)).item() == pytest.approx(
        expected, rel=1000 * rel, abs=0
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_with_the_largest_parameter_there_is_no_warning_where_a_branch_that_is_not_taken_overflows(
    dtype: str,
) -> None:
    largest, _ = numbers(dtype)
    zero, least = np.zeros((1, 1), dtype), np.array([[-largest]], dtype)
    assert LOSSES["huber"].terms(zero, zero, delta=largest).item() == 0
    assert LOSSES["hinge_embedding"].terms(least, np.full_like(zero, -1), margin=largest).item() == math.inf


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_large_power_of_nearly_1_has_no_more_error_than_a_small_one(dtype: str) -> None:
    # 1 - p_t = 1/(1 + e^-12) of the label 1, raised to 1024: ½ e^(-1024 log(1 + e^-12)) log(1 + e^12).
    arguments = {"alpha": 0.5, "gamma": 1024.0}
    Z, Y = np.array([[-12.0]], dtype), np.ones((1, 1), dtype)
    p, power = 1 / (1 + math.exp(12)), math.exp(-1024 * math.log1p(math.exp(-12)))
    cost = math.log1p(math.exp(12))
    near = 8 * float(np.finfo(dtype).eps)
    assert LOSSES["sigmoid_focal"].terms(Z, Y, **arguments).item() == pytest.approx(
        power * cost / 2, rel=near, abs=0
    )
    assert LOSSES["sigmoid_focal"].gradient(Z, Y, **arguments).item() == pytest.approx(
        -power * (1 - p + 1024 * p * cost) / 2, rel=near, abs=0
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_near_its_least_a_loss_and_its_slope_have_their_digits(dtype: str) -> None:
    # log cosh r = r²/2 - r⁴/12 + r⁶/45 - …; e^a - y for y = 1: a + a²/2 + a³/6 + …
    r, near = 2.0**-9, 4 * float(np.finfo(dtype).eps)
    A, zero = np.array([[r, -r]], dtype), np.zeros((1, 2), dtype)
    exact = r**2 / 2 * (1 - r**2 / 6 + 2 * r**4 / 45)
    assert LOSSES["log_cosh"].terms(A, zero)[0] == pytest.approx([exact, exact], rel=near, abs=0)
    a = 2.0**-30
    A, one = np.array([[a, -a]], dtype), np.ones((1, 2), dtype)
    slopes = [a * (1 + a / 2), -a * (1 - a / 2)]
    assert LOSSES["poisson_nll"].gradient(A, one)[0] == pytest.approx(slopes, rel=near, abs=0)
