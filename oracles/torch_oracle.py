"""The torch oracle: PyTorch's own functions, its autograd, its SGD.

Nothing global is set in torch (dtype, device, threads, seeds), and what the caller has set is not relied on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from refimpl import ActivationSpec, Case, LossSpec

from .oracle import OracleMissingError
from .pieces import Run, runs
from .step_batch import StepBatch, StepBatchValues, one_by_one
from .steps import StepInputs, StepValues
from .torch_plain import PlainTorch
from .torch_tensors import Tensors
from .torch_together import steps_together, traces_together
from .trace_batch import TraceBatch


class TorchOracle:
    """Traces by `torch.autograd` and torch's SGD; see `Oracle` for the methods.

    Infinite and NaN results are returned as torch gives them. Raises OracleMissingError without torch.
    """

    name = "torch"

    def __init__(self) -> None:
        try:
            import torch
        except ImportError as error:
            raise OracleMissingError(
                "the torch oracle needs PyTorch; install it with: pip install 'backproof[torch]'"
            ) from error
        self._torch: Any = torch
        self._tensors = Tensors(torch)
        self.activations, self.losses = self._tensors.activations, self._tensors.losses

    def versions(self) -> Mapping[str, str]:
        """What answers: package → version."""
        return {"torch": str(self._torch.__version__)}

    def traces(self, cases: Sequence[Case], dtype: str | None = None) -> TraceBatch:
        """The full trace of each case; one graph and one backward pass for many of them."""
        with self._tensors.differentiating():
            return traces_together(self._tensors, cases, dtype)

    def steps(self, inputs: Sequence[StepInputs]) -> list[StepValues]:
        """Each nonlinear step applied to the given inputs, in float64."""
        return one_by_one(self.step_batch, inputs)

    def step_batch(self, batch: StepBatch) -> StepBatchValues:
        """As `steps`, for many cases and sides at once."""
        with self._tensors.differentiating():
            return steps_together(self._tensors, batch)

    def activation(self, spec: ActivationSpec, points: Any) -> tuple[Any, Any]:
        """(σ, σ') at float64 `points`; ValueError if σ is not elementwise."""
        with self._tensors.differentiating():
            z = self._tensors.shared_leaf(np.asarray(points, dtype="float64"))
            return self._with_derivative(self._elementwise(spec, z), z)

    def activation_pieces(
        self, specs: Sequence[ActivationSpec], sizes: Sequence[int], points: Any
    ) -> tuple[Any, Any]:
        """As `activation` for specs of one function: sizes[i] entries of the last axis belong to specs[i]."""
        points = np.asarray(points, dtype="float64")
        with self._tensors.differentiating():
            return self._by_runs(
                runs(specs, sizes, points), points, lambda run, z: self._elementwise(run.spec, z)
            )

    def loss_terms(self, spec: LossSpec, points: Any, targets: Any) -> tuple[Any, Any]:
        """(ℓ, ∂ℓ/∂a) at float64 `points`; ValueError if the loss has no terms of single entries."""
        points = np.asarray(points, dtype="float64")
        with self._tensors.differentiating():
            a = self._tensors.shared_leaf(points)
            y = self._tensors.tensor(targets).expand(points.shape)
            return self._with_derivative(self._terms(spec, a, y, self._tensors.arguments(spec, "float64")), a)

    def loss_pieces(
        self, specs: Sequence[LossSpec], sizes: Sequence[int], points: Any, targets: Any
    ) -> tuple[Any, Any]:
        """As `loss_terms` for specs of one loss: sizes[i] entries of the last axis belong to specs[i]."""
        points, targets = np.asarray(points, dtype="float64"), self._tensors.tensor(targets)

        def terms(run: Run, a: Any) -> Any:
            arrays = {name: self._tensors.tensor(array) for name, array in run.arrays.items()}
            return self._terms(run.spec, a, targets[run.at].expand(a.shape), {**run.spec.arguments, **arrays})

        with self._tensors.differentiating():
            return self._by_runs(runs(specs, sizes, points), points, terms)

    def _by_runs(
        self, found: Iterable[Run], points: Any, function: Callable[[Run, Any], Any]
    ) -> tuple[Any, Any]:
        """(f, f') at the points, one call of f a run and one backward pass for all."""
        first, *others = found
        if not others:
            leaf = self._tensors.shared_leaf(points)
            return self._with_derivative(function(first, leaf), leaf)
        each = [first, *others]
        # Copies without gaps: across gaps torch computes otherwise, in the last bit.
        leaves = [self._tensors.shared_leaf(np.ascontiguousarray(points[..., run.at])) for run in each]
        outputs = [function(*pair) for pair in zip(each, leaves, strict=True)]
        gradients = self._torch.autograd.grad(outputs, leaves, [self._torch.ones_like(a) for a in outputs])
        values, slopes = np.empty(points.shape), np.empty(points.shape)
        for run, value, slope in zip(each, outputs, gradients, strict=True):
            values[..., run.at], slopes[..., run.at] = value.detach().numpy(), slope.numpy()
        return values, slopes

    def _elementwise(self, spec: ActivationSpec, z: Any) -> Any:
        if not spec.entry.elementwise:
            raise ValueError(f"{spec.name} is not elementwise: it has no derivative at single points")
        return self._tensors.activated(spec, z)

    def _terms(self, spec: LossSpec, a: Any, y: Any, arguments: Mapping[str, Any]) -> Any:
        """The terms of single entries; ValueError if the loss has none."""
        line = self.losses[spec.name]
        if not line.separable:
            raise ValueError(f"{spec.name} is not a sum of terms of single entries")
        if line.terms is not None:
            return line.terms(a, y, **arguments)
        return line.function(a, y, reduction="none", **arguments)

    def _with_derivative(self, values: Any, points: Any) -> tuple[Any, Any]:
        # The entries do not depend on each other, so a cotangent of ones gives each its own derivative.
        (derivative,) = self._torch.autograd.grad(values, points, self._torch.ones_like(values))
        return values.detach().numpy(), derivative.numpy()

    def plain(self) -> PlainTorch:
        """The same answers case by case, as an oracle of its own."""
        return PlainTorch(self, self._tensors)
