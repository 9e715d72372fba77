"""Mistakes in the value of the loss (F5), whose gradient is right."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.cases import DrawOptions
from refimpl import LOSSES, Backprop, LossSpec

from .loss_gradients import CLASSES, EPSILON, WEIGHTED, WITH_PARAMETERS
from .model import Mistake, terms_of


class _SumForMean(Backprop):
    def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return super().loss(A, Y, LossSpec(spec.name, "sum", spec.parameters, spec.arrays))


class _MeanOverSamplesOnly(Backprop):
    def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        reduction = "batchmean" if spec.reduction == "mean" else spec.reduction
        return super().loss(A, Y, LossSpec(spec.name, reduction, spec.parameters, spec.arrays))


class _MeanOverEntries(Backprop):
    def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        reduction = "sum" if spec.reduction == "sum" else "entrymean"
        return super().loss(A, Y, LossSpec(spec.name, reduction, spec.parameters, spec.arrays))


class _BaseTwo(Backprop):
    def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        logarithmic = ("bce", "cross_entropy", "bce_with_logits", "cross_entropy_with_logits")
        loss = super().loss(A, Y, spec)
        return loss / np.log(A.dtype.type(2)) if spec.name in logarithmic else loss


class _LabelsOffByOne(Backprop):
    def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return super().loss(A, np.roll(Y, 1, axis=0) if spec.entry.classes else Y, spec)


class _ParametersIgnored(Backprop):
    def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return super().loss(A, Y, LossSpec(spec.name, spec.reduction, arrays=spec.arrays))


class _WeightsIgnored(Backprop):
    def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
        return super().loss(A, Y, LossSpec(spec.name, spec.reduction, spec.parameters))


def _clipped(A: Any, Y: Any) -> Any:
    return LOSSES["cross_entropy"].terms(np.clip(A, EPSILON, 1 - EPSILON), Y)


def _with_epsilon(A: Any, Y: Any) -> Any:
    return -Y * np.log(A + EPSILON)


def _zero_times_infinity(A: Any, Y: Any, weight: Any = 1.0) -> Any:
    return -weight * (Y * np.log(A) + (1 - Y) * np.log(1 - A))


def _smooth_l1(A: Any, Y: Any, beta: float) -> Any:
    R = np.abs(A - Y)
    return np.where(beta > R, R * R / 2, R - beta / 2)


def _of(*names: str, **more: Any) -> DrawOptions:
    return DrawOptions(losses=names, **more)


MISTAKES = (
    Mistake(
        "sum-for-mean",
        "F5",
        "The loss is the sum over the batch although its gradient is that of the mean.",
        "Reduce both in the same way.",
        _SumForMean,
        draw=DrawOptions(reductions=("mean", "batchmean"), min_batch=2),
        latex=r"L(\hat Y, Y) = \sum_{i, s} \ell(\hat y_{is}, y_{is})",
    ),
    Mistake(
        "mean-over-samples-only",
        "F5",
        "The mean loss is divided by the number of samples where its gradient is divided by that of entries.",
        "Divide both by n·m, or both by m: 'mean' and 'batchmean' differ for this loss.",
        _MeanOverSamplesOnly,
        "https://github.com/pytorch/pytorch/issues/2259",
        draw=_of("mse", "bce", "l1", "kl_div", "huber", reductions=("mean",), outputs=(2, 16)),
        latex=r"L(\hat Y, Y) = \frac{1}{m} \sum_{i, s} \ell(\hat y_{is}, y_{is}) "
        r"\quad \text{for } d = n_L m",
    ),
    Mistake(
        "mean-over-entries",
        "F5",
        "The loss of a sample is averaged over its outputs as well, by a mean over all entries.",
        "Sum over the outputs, then take the mean over the samples.",
        _MeanOverEntries,
        "https://github.com/HikariTJU/LD/issues/74",
        draw=_of(*CLASSES, "kl_div"),
        latex=r"L(\hat Y, Y) = \frac{1}{n_L m} \sum_{i, s} \ell(\hat y_{is}, y_{is}) "
        r"\quad \text{for } d = m",
    ),
    Mistake(
        "logarithm-to-base-2",
        "F5",
        "Cross-entropy is computed with logarithms to base 2 and differentiated as with natural ones.",
        "Use the natural logarithm, or divide the gradient by log 2, too.",
        _BaseTwo,
        draw=_of("bce", "cross_entropy", "bce_with_logits", "cross_entropy_with_logits"),
        latex=r"L(\hat Y, Y) = \frac{1}{d \, \log(2)} \sum_{i, s} \ell(\hat y_{is}, y_{is})",
    ),
    Mistake(
        "labels-off-by-one-in-loss",
        "F5",
        "The loss takes each label for the next class, as class numbers that start at 1 do.",
        "Number the classes as the gradient does, from 0.",
        _LabelsOffByOne,
        draw=_of(*CLASSES),
        latex=r"L(\hat Y, Y) = \frac{1}{d} \sum_{i, s} \ell_{\text{classes}}(\hat y_{is}, y_{i-1, s})",
    ),
    Mistake(
        "loss-parameters-ignored-in-value",
        "F5",
        "The loss uses default parameters, and its gradient those that are meant.",
        "Pass the same parameters to the loss and to its gradient.",
        _ParametersIgnored,
        draw=_of(*WITH_PARAMETERS),
        latex=r"L(\hat Y, Y) = \frac{1}{d} \sum_{i, s} \ell(\hat y_{is}, y_{is}; \theta_{\text{default}})",
    ),
    Mistake(
        "loss-weights-ignored-in-value",
        "F5",
        "The loss leaves out the weights that its gradient has.",
        "Multiply the terms by the weights before they are summed.",
        _WeightsIgnored,
        draw=_of(*WEIGHTED),
        latex=r"L(\hat Y, Y) = \frac{1}{d} \sum_{i, s} \ell(\hat y_{is}, y_{is}; w = 1)",
    ),
    Mistake(
        "log-of-clipped-probabilities",
        "F5",
        "The loss takes the logarithm of a probability clipped to [1e-7, 1 - 1e-7]; its gradient does not.",
        "Take the loss of logits, which needs no clipping.",
        terms_of(("cross_entropy",), _clipped),
        "https://github.com/deeplearning4j/nd4j/pull/2121",
        draw=_of("cross_entropy", regimes=("saturated",)),
        latex=r"\ell_{\text{cross-entropy}}(\hat y, y) = "
        r"-y \, \log \operatorname{clip}(\hat y, 10^{-7}, 1 - 10^{-7})",
    ),
    Mistake(
        "epsilon-in-logarithm",
        "F5",
        "An epsilon, 1e-7, is added to the probability inside the logarithm.",
        "Take the loss of logits, which needs no epsilon.",
        terms_of(("cross_entropy",), _with_epsilon),
        "https://github.com/mkocabas/focal-loss-keras/pull/24",
        draw=_of("cross_entropy", output=("softmax", "sigmoid"), regimes=("ordinary", "saturated")),
        latex=r"\ell_{\text{cross-entropy}}(\hat y, y) = -y \, \log(\hat y + 10^{-7})",
    ),
    Mistake(
        "zero-times-log-zero",
        "F5",
        "Binary cross-entropy adds y log ŷ where y is 0 as well, which is 0 · -∞ once ŷ underflows.",
        "Take the loss of logits, or leave out terms whose label is 0.",
        terms_of(("bce",), _zero_times_infinity),
        "https://github.com/tiny-dnn/tiny-dnn/issues/410",
        effect="unstable",
        draw=_of("bce", output=("sigmoid",), regimes=("saturated",), labels="hard"),
        latex=r"\ell_{\text{bce}}(\hat y, y) = "
        r"-w \left( y \, \log(\hat y) + (1 - y) \, \log(1 - \hat y) \right)",
    ),
    Mistake(
        "smooth-l1-without-beta",
        "F5",
        "Smooth L1 is ½(ŷ - y)² near the target, not divided by β, so that it jumps at β.",
        "Divide the square by β.",
        terms_of(("smooth_l1",), _smooth_l1),
        "https://github.com/ml-explore/mlx/pull/1986",
        draw=_of("smooth_l1", regimes=("ordinary",)),
        latex=r"\ell_{\text{smooth L1}}(\hat y, y) = \begin{cases} \tfrac{1}{2} r^2 & r < \beta "
        r"\\ r - \tfrac{1}{2} \beta & r \ge \beta \end{cases}, \quad r = |\hat y - y|",
    ),
    Mistake(
        "log-cosh-overflows",
        "F5",
        "The loss is log(cosh r) as it is written, and cosh overflows for large r.",
        "Compute |r| + log(1 + e^(-2|r|)) - log 2.",
        terms_of(("log_cosh",), lambda A, Y: np.log(np.cosh(A - Y))),
        effect="unstable",
        draw=_of("log_cosh", output=("identity", "softplus", "relu"), regimes=("saturated", "magnitudes")),
        latex=r"\ell_{\text{log-cosh}}(\hat y, y) = \log(\cosh(\hat y - y))",
    ),
)
