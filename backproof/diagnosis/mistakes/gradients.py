"""Mistakes in the gradients of W (B1) and of b (B3), given δ and A."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.cases import DrawOptions
from refimpl import Backprop

from .forward import SQUARE
from .model import Mistake


class _BatchMeanTwice(Backprop):
    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        return super().weight_gradient(delta, A_previous) / A_previous.dtype.type(A_previous.shape[1])


class _Transposed(Backprop):
    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        dW = super().weight_gradient(delta, A_previous)
        return dW.T.copy() if dW.shape[0] == dW.shape[1] else dW


class _LastSampleOnly(Backprop):
    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        return delta[:, -1:] @ A_previous[:, -1:].T


class _ProductOfMeans(Backprop):
    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        mean = np.mean(A_previous, axis=1, keepdims=True)
        return np.sum(delta, axis=1, keepdims=True) @ mean.T


class _ElementsClipped(Backprop):
    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        return np.clip(super().weight_gradient(delta, A_previous), -1, 1)


class _NormClipped(Backprop):
    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        dW = super().weight_gradient(delta, A_previous)
        return dW / np.maximum(np.sqrt(np.sum(dW * dW)), 1)


class _InSinglePrecision(Backprop):
    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        product = delta.astype(np.float32) @ A_previous.astype(np.float32).T
        return product.astype(delta.dtype)


class _InHalfPrecision(Backprop):
    def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
        return super().weight_gradient(delta, A_previous).astype(np.float16).astype(delta.dtype)


class _OneColumn(Backprop):
    def bias_gradient(self, delta: Any) -> Any:
        return delta[:, :1].copy()


class _BiasMean(Backprop):
    def bias_gradient(self, delta: Any) -> Any:
        return np.mean(delta, axis=1, keepdims=True)


class _BiasOfAllUnits(Backprop):
    def bias_gradient(self, delta: Any) -> Any:
        return np.full_like(delta[:, :1], np.sum(delta))


class _BiasOverUnits(Backprop):
    def bias_gradient(self, delta: Any) -> Any:
        return np.sum(delta, axis=0 if delta.shape[0] == delta.shape[1] else 1).reshape(-1, 1)


class _BiasInSinglePrecision(Backprop):
    def bias_gradient(self, delta: Any) -> Any:
        return np.sum(delta.astype(np.float32), axis=1, keepdims=True).astype(delta.dtype)


MISTAKES = (
    Mistake(
        "batch-mean-twice",
        "B1",
        "∂L/∂W is divided by the batch size although the loss's mean is in δ already.",
        "Divide once: in the loss's gradient or here, not in both.",
        _BatchMeanTwice,
        "https://github.com/jcjohnson/torch-rnn/issues/129",
        latex=r"\frac{\partial L}{\partial W^{[l]}} = \frac{1}{m} \delta^{[l]} (A^{[l-1]})^T",
    ),
    Mistake(
        "weight-gradient-transposed",
        "B1",
        "∂L/∂W is A δ^T, the transpose of what it should be, which fits if W is square, and only then.",
        "Use δ A^T, of W's own shape (units, inputs).",
        _Transposed,
        "https://github.com/iamtrask/Grokking-Deep-Learning/pull/22",
        draw=SQUARE,
        latex=r"\frac{\partial L}{\partial W^{[l]}} = A^{[l-1]} (\delta^{[l]})^T "
        r"\quad \text{if } n_l = n_{l-1}",
    ),
    Mistake(
        "last-sample-only",
        "B1",
        "∂L/∂W is that of the last sample: the loop over the samples overwrites instead of adding.",
        "Add up the samples, as the product δ A^T does.",
        _LastSampleOnly,
        draw=DrawOptions(min_batch=2),
        latex=r"\frac{\partial L}{\partial W^{[l]}} = \delta^{[l]}_m (A^{[l-1]}_m)^T",
    ),
    Mistake(
        "product-of-means",
        "B1",
        "∂L/∂W is the sum of δ over the batch times the mean of A, instead of the sum of their products.",
        "Multiply sample by sample, then add: δ A^T.",
        _ProductOfMeans,
        "https://github.com/FesianXu/AI_Blog/issues/1",
        draw=DrawOptions(min_batch=2),
        latex=r"\frac{\partial L}{\partial W^{[l]}} = "
        r"\frac{1}{m} \left( \sum_s \delta^{[l]}_s \right) \left( \sum_s A^{[l-1]}_s \right)^T",
    ),
    Mistake(
        "gradient-clipped",
        "B1",
        "The entries of ∂L/∂W are clipped to [-1, 1].",
        "Switch clipping off while gradients are compared.",
        _ElementsClipped,
        draw=DrawOptions(reductions=("sum",)),
        latex=r"\frac{\partial L}{\partial W^{[l]}} = "
        r"\operatorname{clip}(\delta^{[l]} (A^{[l-1]})^T, -1, 1)",
    ),
    Mistake(
        "gradient-norm-clipped",
        "B1",
        "∂L/∂W is scaled down to norm 1 where its norm is larger.",
        "Switch clipping off while gradients are compared.",
        _NormClipped,
        draw=DrawOptions(reductions=("sum",)),
        latex=r"\frac{\partial L}{\partial W^{[l]}} = G / \max(1, \| G \|_F), "
        r"\quad G = \delta^{[l]} (A^{[l-1]})^T",
    ),
    Mistake(
        "gradient-in-single-precision",
        "B1",
        "The products of ∂L/∂W are added up in float32 although everything else is float64.",
        "Accumulate in the dtype of the parameters.",
        _InSinglePrecision,
        effect="rounding",
        latex=r"\frac{\partial L}{\partial W^{[l]}} = \mathrm{fl}_{32}(\delta^{[l]} (A^{[l-1]})^T)",
    ),
    Mistake(
        "gradient-in-half-precision",
        "B1",
        "∂L/∂W is stored as float16.",
        "Keep gradients in the dtype of the parameters, or scale the loss and say so.",
        _InHalfPrecision,
        effect="rounding",
        latex=r"\frac{\partial L}{\partial W^{[l]}} = \mathrm{fl}_{16}(\delta^{[l]} (A^{[l-1]})^T)",
    ),
    Mistake(
        "bias-from-one-column",
        "B3",
        "∂L/∂b is the error of the first sample only.",
        "Sum δ over the samples (columns).",
        _OneColumn,
        "https://github.com/mlpack/mlpack/pull/3679",
        latex=r"\frac{\partial L}{\partial b^{[l]}} = \delta^{[l]}_1",
    ),
    Mistake(
        "bias-gradient-averaged",
        "B3",
        "∂L/∂b is the mean of δ over the samples although the loss's mean is in δ already.",
        "Sum δ over the samples.",
        _BiasMean,
        "https://github.com/kvfrans/notes/issues/5",
        latex=r"\frac{\partial L}{\partial b^{[l]}} = \frac{1}{m} \sum_{s=1}^{m} \delta^{[l]}_s",
    ),
    Mistake(
        "bias-gradient-of-all-units",
        "B3",
        "∂L/∂b is the sum of all of δ, one number for all units of the layer.",
        "Sum along the samples only, and keep the units apart: axis=1.",
        _BiasOfAllUnits,
        "https://github.com/rasbt/stat453-deep-learning-ss21/issues/5",
        latex=r"\frac{\partial L}{\partial b^{[l]}_i} = \sum_{j, s} \delta^{[l]}_{js}",
    ),
    Mistake(
        "bias-gradient-over-units",
        "B3",
        "∂L/∂b sums δ over the units, which fits if a layer has as many units as the batch has samples.",
        "Sum over the samples: axis=1 where they are columns.",
        _BiasOverUnits,
        "https://github.com/deeplearning4j/deeplearning4j/pull/364",
        draw=DrawOptions(min_width=2, max_width=3, min_batch=2, max_batch=3),
        latex=r"\frac{\partial L}{\partial b^{[l]}_i} = \sum_j \delta^{[l]}_{ji} \quad \text{if } n_l = m",
    ),
    Mistake(
        "bias-gradient-in-single-precision",
        "B3",
        "δ is added up in float32 for ∂L/∂b although everything else is float64.",
        "Accumulate in the dtype of the parameters.",
        _BiasInSinglePrecision,
        effect="rounding",
        latex=r"\frac{\partial L}{\partial b^{[l]}} = "
        r"\mathrm{fl}_{32} \left( \sum_{s=1}^{m} \delta^{[l]}_s \right)",
    ),
)
