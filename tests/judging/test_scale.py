"""The statistical scale: about the size of what roundings come to, and a reason to ask, never a verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from judge_cases import changed

from backproof.cases import DrawOptions, draw_case
from backproof.judging.adjudication import Truth
from backproof.judging.end_to_end import EndToEnd
from backproof.judging.judge import Table, Tables
from backproof.judging.panel import Panel
from backproof.judging.scale import REMARKABLE, statistical_scale
from oracles.ball_oracle import BallOracle
from oracles.torch_oracle import TorchOracle
from refimpl import QUANTITIES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network, Trace

TORCH, TRUTH = TorchOracle(), BallOracle()
SMOOTH = DrawOptions(
    ("identity", "sigmoid", "tanh", "softplus", "softmax", "gelu", "silu", "mish", "log_softmax"),
    ("mse", "half_squared_error", "bce", "bce_with_logits", "cross_entropy_with_logits", "log_cosh"),
)


def _scales(case: Case, trace: Trace) -> dict[str, Any]:
    (sides,) = Tables([Table(case, {"reference": trace})]).sides
    whole = EndToEnd(sides, TORCH, {})
    whole.bounds_on()
    return statistical_scale(whole.batch, *whole._accurate)


def _shares(case: Case) -> list[float]:
    """error/S of every entry of the loss and the gradients of the reference, held against the truth."""
    trace = Backprop().run(case)
    truth, found = TRUTH.enclosed(case).quantities, []
    for quantity, scale in _scales(case, trace).items():
        answers = getattr(trace, quantity)
        per_layer = QUANTITIES[quantity]
        rows = zip(answers if per_layer else [answers], scale if per_layer else [scale], strict=True)
        for (answer, S), exact in zip(rows, truth[quantity], strict=True):
            error = exact.least_distance(np.atleast_2d(answer)).ravel()
            found += np.where(error > 0, error / np.ravel(S), 0.0).tolist()
    return found


def _ordinary(count: int) -> list[Case]:
    found: list[Case] = []
    index = 0
    while len(found) < count:
        drawn = draw_case(11, index, "float32", SMOOTH)
        size = sum(layer.W.size for layer in drawn.case.network.layers) * drawn.case.samples
        if drawn.regime == "ordinary" and size < 3000:
            found.append(drawn.case)
        index += 1
    return found


@pytest.mark.long
def test_on_ordinary_networks_errors_are_about_one_scale() -> None:
    """Measured on 300: the largest error/S of a network is 0.25 in the median, and 1.5 at most."""
    largest = [max(_shares(case)) for case in _ordinary(150)]
    assert 0.05 <= np.median(largest) <= 3
    assert np.mean(np.array(largest) <= REMARKABLE) >= 0.99
    assert np.percentile(largest, 90) < 1.5


def _coherent(width: int, samples: int, depth: int) -> Case:
    """Constant weights and repeated columns: the same roundings again and again, in the same direction."""

    def layer(name: str) -> Layer:
        W = np.full((width, width), 0.7 / width, "float32")
        return Layer(W, np.full((width, 1), 0.1, "float32"), ActivationSpec(name))

    layers = (*(layer("tanh") for _ in range(depth - 1)), layer("identity"))
    X, Y = np.full((width, samples), 0.3, "float32"), np.full((width, samples), 0.9, "float32")
    return Case(Network(layers, LossSpec("mse", "sum")), X, Y, 0.25)


def test_coherent_roundings_may_come_to_many_scales_and_still_conform() -> None:
    """Measured: 46 S here, 65 S with three layers of 20 units and 3,000 samples."""
    case = _coherent(4, 4000, 1)
    assert max(_shares(case)) > REMARKABLE
    judgement = Panel(Backprop(), [TORCH], truth=Truth("disputed", TRUTH)).judge([case])[0]
    assert judgement.verdict == "conforms"
    assert judgement.ruling is not None
    assert judgement.ruling.why in ("remarkable", "near its bound")
    assert judgement.ruling.outside == ()


def _planted(case: Case, scales: float) -> Any:
    """Gradients only, with one entry of the first dW so many scales off."""
    dW = Backprop().run(case).dW
    assert dW is not None
    S = _scales(case, Backprop().run(case))["dW"][0].reshape(dW[0].shape)
    off = dW[0].astype(float)
    off[0, 0] += scales * S[0, 0]
    kept = ("loss", "dW", "db")
    gone = {quantity: (lambda _: None) for quantity in QUANTITIES if quantity not in kept}
    return changed(dW=lambda dW: (off.astype("float32"), *dW[1:]), **gone)


@pytest.mark.parametrize(("scales", "why"), [(0.0, None), (20.0, "remarkable")])
def test_an_error_inside_the_bound_but_of_many_scales_is_remarkable(scales: float, why: str | None) -> None:
    # The bound of a sum of 400 terms is far above its scale; beside tanh and few terms it is only some four.
    rng, shapes = np.random.Generator(np.random.Philox(5)), ((4, 4), (4, 1), (4, 400), (4, 400))
    W, b, X, Y = (rng.standard_normal(shape).astype("float32") for shape in shapes)
    case = Case(Network((Layer(W, b, ActivationSpec("identity")),), LossSpec("mse", "sum")), X, Y, 0.25)
    judgement = Panel(_planted(case, scales), [TORCH], truth=Truth("disputed", TRUTH)).judge([case])[0]
    assert judgement.verdict == "conforms"
    assert (None if judgement.ruling is None else judgement.ruling.why) == why
