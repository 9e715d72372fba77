"""Mistakes in the gradient of the loss by Ŷ, which show in the error at the output (B4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.cases import DrawOptions
from refimpl import LOSSES, Backprop, LossSpec

from .model import Mistake, gradient_of

CLASSES = ("cross_entropy_with_logits", "cross_entropy", "nll", "poly_loss")
WEIGHTED = ("bce", "bce_with_logits", "cross_entropy_with_logits", "multilabel_soft_margin", "gaussian_nll")
WITH_PARAMETERS = ("huber", "smooth_l1", "hinge_embedding", "sigmoid_focal", "poly_loss", "multi_margin")
EPSILON = 1e-7
"""The one that Keras adds and clips with."""


class _BatchMeanForgotten(Backprop):
    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        samples = 1 if spec.reduction == "sum" else A.shape[1]
        return super().loss_gradient(A, Y, spec) * samples


class _BatchMeanOfSum(Backprop):
    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        samples = A.shape[1] if spec.reduction == "sum" else 1
        return super().loss_gradient(A, Y, spec) / A.dtype.type(samples)


class _MeanOverOutputs(Backprop):
    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return spec.entry.gradient(A, Y, **spec.arguments) / A.dtype.type(A.shape[0])


class _MeanOverOutputsToo(Backprop):
    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        outputs = A.shape[0] if spec.entry.classes and spec.reduction != "sum" else 1
        return super().loss_gradient(A, Y, spec) / A.dtype.type(outputs)


class _LabelsOffByOne(Backprop):
    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return super().loss_gradient(A, np.roll(Y, 1, axis=0) if spec.entry.classes else Y, spec)


class _ParametersIgnored(Backprop):
    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return super().loss_gradient(A, Y, LossSpec(spec.name, spec.reduction, arrays=spec.arrays))


class _WeightsIgnored(Backprop):
    def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return super().loss_gradient(A, Y, LossSpec(spec.name, spec.reduction, spec.parameters))


def _clipped(name: str) -> Any:
    return lambda A, Y, **more: LOSSES[name].gradient(np.clip(A, EPSILON, 1 - EPSILON), Y, **more)


def _multi_margin(A: Any, Y: Any, p: float, margin: float, weight: Any = 1.0) -> Any:
    # The right class loses 1, not the number of classes that come too near.
    gradient = LOSSES["multi_margin"].gradient(A, Y, p=p, margin=margin, weight=weight)
    return np.where(Y == 1, -np.max(gradient, axis=0, keepdims=True), gradient)


def _focal(Z: Any, Y: Any, alpha: float, gamma: float) -> Any:
    s = LOSSES["bce_with_logits"].gradient(Z, 0 * Y)
    wrong = s * (1 - Y) + (1 - s) * Y
    return (alpha * Y + (1 - alpha) * (1 - Y)) * wrong**gamma * (s - Y)


def _softmax_minus_labels(Z: Any, Y: Any, label_smoothing: float, weight: Any = 1.0) -> Any:
    e = np.exp(Z - np.max(Z, axis=0, keepdims=True))
    return e / np.sum(e, axis=0, keepdims=True) - weight * (
        Y * (1 - label_smoothing) + label_smoothing / len(Y)
    )


def _of(*names: str, **more: Any) -> DrawOptions:
    return DrawOptions(losses=names, **more)


MISTAKES = (
    # ------------------------------------------------------------ means and factors
    Mistake(
        "batch-mean-forgotten",
        "B4",
        "∂L/∂Ŷ is that of the sum over the samples although the loss is their mean.",
        "Divide by the batch size what the loss divides by it.",
        _BatchMeanForgotten,
        "https://github.com/borgwang/tinynn/issues/12",
        draw=DrawOptions(min_batch=2),
        latex=r"\frac{\partial L}{\partial A^{[L]}} = \frac{m}{d} \ell'(\hat Y, Y) \quad \text{for a mean}",
    ),
    Mistake(
        "batch-mean-of-sum",
        "B4",
        "∂L/∂Ŷ is divided by the batch size although the loss is the sum over the samples.",
        "Divide by what the loss divides by: nothing, for a sum.",
        _BatchMeanOfSum,
        "https://github.com/paiml/aprender/pull/2182",
        draw=DrawOptions(reductions=("sum",), min_batch=2),
        latex=r"\frac{\partial L}{\partial A^{[L]}} = \frac{1}{m} \ell'(\hat Y, Y) \quad \text{for a sum}",
    ),
    Mistake(
        "mean-over-outputs",
        "B4",
        "∂L/∂Ŷ is divided by the number of outputs, whatever the loss is divided by.",
        "Divide by what the loss divides by: with samples as columns, shape[1].",
        _MeanOverOutputs,
        latex=r"\frac{\partial L}{\partial A^{[L]}} = \frac{1}{n_L} \ell'(\hat Y, Y)",
    ),
    Mistake(
        "mean-over-outputs-too",
        "B4",
        "∂L/∂Ŷ of a loss of classes is divided by the number of classes besides that of the samples.",
        "The sum over the classes is one sample's loss: divide by the samples only.",
        _MeanOverOutputsToo,
        "https://github.com/facebookresearch/deit/issues/61",
        draw=_of(*CLASSES),
        latex=r"\frac{\partial L}{\partial A^{[L]}} = \frac{1}{n_L d} \ell_{\text{classes}}'(\hat Y, Y) "
        r"\quad \text{for a mean}",
    ),
    Mistake(
        "squared-error-without-2",
        "B4",
        "The gradient of (ŷ - y)² is ŷ - y.",
        "It is 2(ŷ - y); or put ½ in front of the loss.",
        gradient_of(("mse",), lambda A, Y: A - Y),
        "https://github.com/davisking/dlib/issues/1169",
        draw=_of("mse"),
        latex=r"\ell(\hat y, y) = (\hat y - y)^2, \quad \ell'(\hat y, y) = \hat y - y",
    ),
    Mistake(
        "half-squared-error-with-2",
        "B4",
        "The gradient of ½(ŷ - y)² is 2(ŷ - y).",
        "The ½ cancels the 2: it is ŷ - y.",
        gradient_of(("half_squared_error",), lambda A, Y: 2 * (A - Y)),
        "https://github.com/42-AI/bootcamp_machine-learning/issues/116",
        draw=_of("half_squared_error"),
        latex=r"\ell(\hat y, y) = \tfrac{1}{2} (\hat y - y)^2, \quad \ell'(\hat y, y) = 2 (\hat y - y)",
    ),
    # ------------------------------------------------------------ labels, parameters, weights
    Mistake(
        "labels-off-by-one",
        "B4",
        "The gradient takes each label for the next class, as class numbers that start at 1 do.",
        "Number the classes as the loss does, from 0.",
        _LabelsOffByOne,
        draw=_of(*CLASSES),
        latex=r"\frac{\partial L}{\partial \hat y_{is}} = "
        r"\frac{1}{d} \ell_{\text{classes}}'(\hat y_{is}, y_{i-1, s})",
    ),
    Mistake(
        "labels-assumed-to-sum-to-one",
        "B4",
        "The gradient of softmax cross-entropy is p - y, although the labels of a sample do not sum to 1.",
        "In general it is p Σy - y.",
        gradient_of(("cross_entropy_with_logits",), _softmax_minus_labels),
        "https://github.com/kvark/meganeura/pull/102",
        draw=_of("cross_entropy_with_logits"),
        latex=r"\frac{\partial \ell}{\partial z_i} = \operatorname{softmax}(z)_i - t_i, "
        r"\quad t_i = w_i ((1 - \epsilon) y_i + \epsilon / n)",
    ),
    Mistake(
        "loss-parameters-ignored",
        "B4",
        "The gradient of the loss uses default parameters, not those of the loss.",
        "Pass the same parameters to the loss and to its gradient.",
        _ParametersIgnored,
        draw=_of(*WITH_PARAMETERS),
        latex=r"\frac{\partial L}{\partial A^{[L]}} = \frac{1}{d} \ell'(\hat Y, Y; \theta_{\text{default}})",
    ),
    Mistake(
        "loss-weights-ignored",
        "B4",
        "The gradient of a weighted loss leaves the weights out.",
        "Multiply by the weights of the loss.",
        _WeightsIgnored,
        draw=_of(*WEIGHTED),
        latex=r"\frac{\partial L}{\partial A^{[L]}} = \frac{1}{d} \ell'(\hat Y, Y; w = 1)",
    ),
    # ------------------------------------------------------------ one loss
    Mistake(
        "bce-of-label-one",
        "B4",
        "The gradient of binary cross-entropy is -y/ŷ, which is its part for the label 1.",
        "Add (1 - y)/(1 - ŷ).",
        gradient_of(("bce",), lambda A, Y, weight=1.0: -weight * Y / A),
        draw=_of("bce", output=("sigmoid",)),
        latex=r"\ell_{\text{bce}}'(\hat y, y) = -w \frac{y}{\hat y}",
    ),
    Mistake(
        "bce-second-sign",
        "B4",
        "The two parts of binary cross-entropy's gradient have one sign: -y/ŷ - (1 - y)/(1 - ŷ).",
        "The derivative of log(1 - ŷ) is -1/(1 - ŷ): the second part is positive.",
        gradient_of(("bce",), lambda A, Y, weight=1.0: -weight * (Y / A + (1 - Y) / (1 - A))),
        draw=_of("bce", output=("sigmoid",)),
        latex=r"\ell_{\text{bce}}'(\hat y, y) = "
        r"-w \left( \frac{y}{\hat y} + \frac{1 - y}{1 - \hat y} \right)",
    ),
    Mistake(
        "epsilon-in-denominator",
        "B4",
        "An epsilon, 1e-7, is added to the denominator of (ŷ - y)/(ŷ(1 - ŷ)).",
        "Use the form σ(z) - y of the pair, which divides by nothing.",
        gradient_of(("bce",), lambda A, Y, weight=1.0: weight * (A - Y) / (A * (1 - A) + EPSILON)),
        "https://github.com/tiny-dnn/tiny-dnn/issues/1030",
        draw=_of("bce", output=("sigmoid",), regimes=("ordinary", "saturated")),
        latex=r"\ell_{\text{bce}}'(\hat y, y) = w \frac{\hat y - y}{\hat y (1 - \hat y) + 10^{-7}}",
    ),
    Mistake(
        "gradient-of-clipped-probabilities",
        "B4",
        "The gradient divides by a probability clipped to [1e-7, 1 - 1e-7], and the loss does not clip it.",
        "Take the loss of logits; where a loss is clipped, its gradient is 0.",
        gradient_of(("cross_entropy",), _clipped("cross_entropy")),
        "https://github.com/ayrna/skordinal/pull/122",
        draw=_of("cross_entropy", regimes=("saturated",)),
        latex=r"\ell_{\text{cross-entropy}}'(\hat y, y) = "
        r"-\frac{y}{\operatorname{clip}(\hat y, 10^{-7}, 1 - 10^{-7})}",
    ),
    Mistake(
        "huber-slope-without-delta",
        "B4",
        "Huber's gradient far from the target is ±1 instead of ±δ.",
        "Clip the error to [-δ, δ].",
        gradient_of(("huber",), lambda A, Y, delta: np.where(np.abs(A - Y) <= delta, A - Y, np.sign(A - Y))),
        draw=_of("huber"),
        latex=r"\ell_{\text{Huber}}'(\hat y, y) = \begin{cases} r & |r| \le \delta \\ "
        r"\operatorname{sign}(r) & |r| > \delta \end{cases}, \quad r = \hat y - y",
    ),
    Mistake(
        "huber-gradient-cut-off",
        "B4",
        "Huber's gradient is 0 beyond δ: the error was clipped, and a constant has no slope.",
        "Beyond δ the slope is ±δ: clip the gradient, not the error.",
        gradient_of(("huber",), lambda A, Y, delta: np.where(np.abs(A - Y) <= delta, A - Y, 0 * A)),
        "https://github.com/spragunr/deep_q_rl/issues/46",
        draw=_of("huber"),
        latex=r"\ell_{\text{Huber}}'(\hat y, y) = r \, [|r| \le \delta], \quad r = \hat y - y",
    ),
    Mistake(
        "smooth-l1-gradient-without-beta",
        "B4",
        "The gradient of smooth L1 near the target is ŷ - y, not divided by β.",
        "Divide by β, as the square in the loss is.",
        gradient_of(("smooth_l1",), lambda A, Y, beta: np.where(np.abs(A - Y) < beta, A - Y, np.sign(A - Y))),
        "https://github.com/pytorch/pytorch/pull/17447",
        draw=_of("smooth_l1"),
        latex=r"\ell_{\text{smooth L1}}'(\hat y, y) = \begin{cases} r & |r| < \beta \\ "
        r"\operatorname{sign}(r) & |r| \ge \beta \end{cases}, \quad r = \hat y - y",
    ),
    Mistake(
        "l1-sign-by-division",
        "B4",
        "The gradient of |ŷ - y| is (ŷ - y)/|ŷ - y|, which is 0/0 where the prediction is exact.",
        "Use sign.",
        gradient_of(("l1",), lambda A, Y: (A - Y) / np.abs(A - Y)),
        draw=_of("l1", regimes=("kinks",)),
        latex=r"\ell_{\text{L1}}'(\hat y, y) = \frac{\hat y - y}{|\hat y - y|}",
    ),
    Mistake(
        "multi-margin-counts-one",
        "B4",
        "The right class of a multi-class hinge gets the slope of one class, however many come too near.",
        "Its slope is minus the sum of all the others'.",
        gradient_of(("multi_margin",), _multi_margin),
        draw=_of("multi_margin"),
        latex=r"\frac{\partial \ell}{\partial \hat y_c} = "
        r"-\max_{j \ne c} \frac{\partial \ell}{\partial \hat y_j} \quad \text{where } y_c = 1",
    ),
    Mistake(
        "focal-of-cross-entropy",
        "B4",
        "The gradient of the focal loss is that of cross-entropy times (1 - p)^γ, taken for a constant.",
        "Differentiate (1 - p)^γ as well.",
        gradient_of(("sigmoid_focal",), _focal),
        draw=_of("sigmoid_focal"),
        latex=r"\ell_{\text{focal}}'(z, y) = \alpha_y \, q^\gamma (\sigma(z) - y), "
        r"\quad q = y \sigma(-z) + (1 - y) \sigma(z)",
    ),
    Mistake(
        "hinge-with-labels-0-and-1",
        "B4",
        "The gradient of a hinge takes the labels -1 and 1 for 0 and 1.",
        "Use one form of labels: 2y - 1 of 0 and 1.",
        gradient_of(("hinge",), lambda A, Y: LOSSES["hinge"].gradient(A, (Y + 1) / 2)),
        draw=_of("hinge"),
        latex=r"\ell_{\text{hinge}}'(\hat y, y) = -t \, [t \hat y < 1], \quad t = \tfrac{1}{2} (y + 1)",
    ),
)
