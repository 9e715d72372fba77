"""The torch oracle: PyTorch's own functions, its autograd, its SGD.

Nothing global is set in torch (dtype, device, threads, seeds), and what the caller has set is not relied on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from refimpl import ActivationSpec, Case, LossSpec, Trace

from .oracle import OracleMissingError, StepInputs, StepValues
from .pieces import Run, runs
from .torch_activations import Function, activation_lines
from .torch_losses import LossLine, loss_lines

# How many cases one backward pass differentiates: more would cost no less a case.
_TOGETHER = 16


class _Graph(NamedTuple):
    """The tensors of one case's forward pass."""

    W: list[Any]
    b: list[Any]
    Z: list[Any]
    A: list[Any]
    """A[0 … L]."""
    loss: Any

    @property
    def leaves(self) -> list[Any]:
        """What the loss is differentiated by."""
        return [*self.Z, *self.W, *self.b, self.A[0]]


class TorchOracle:
    """Traces by `torch.autograd` and `torch.optim.SGD`; see `Oracle` for the methods.

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
        self._optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.0)
        self.activations: Mapping[str, Function] = activation_lines(torch)
        self.losses: Mapping[str, LossLine] = loss_lines(torch)

    def versions(self) -> Mapping[str, str]:
        """What answers: package → version."""
        return {"torch": str(self._torch.__version__)}

    def traces(self, cases: Sequence[Case], dtype: str | None = None) -> list[Trace]:
        """The full trace of each case; one backward pass gives all gradients of several of them."""
        traces = []
        with self._differentiating():
            for start in range(0, len(cases), _TOGETHER):
                some = cases[start : start + _TOGETHER]
                graphs = [self._graph(case, np.dtype(dtype or case.dtype)) for case in some]
                leaves = [graph.leaves for graph in graphs]
                gradients = self._gradients([graph.loss for graph in graphs], leaves)
                traces += [self._trace(*each) for each in zip(some, graphs, gradients, strict=True)]
        return traces

    def steps(self, inputs: Sequence[StepInputs]) -> list[StepValues]:
        """Each nonlinear step applied to the given inputs, in float64."""
        with self._differentiating():
            A_last = [self._leaf(step.A_last) for step in inputs]
            losses = [
                self._loss(step.case.network.loss, A, self._tensor(step.case.Y))
                for step, A in zip(inputs, A_last, strict=True)
            ]
            dA_last = [gradient for (gradient,) in self._gradients(losses, [[A] for A in A_last])]
            Z = [[self._leaf(z) for z in step.Z] for step in inputs]
            A = [
                [self._activated(k.activation, z) for k, z in zip(step.case.network.layers, own, strict=True)]
                for step, own in zip(inputs, Z, strict=True)
            ]
            dA = [
                tensor
                for step, last in zip(inputs, dA_last, strict=True)
                for tensor in (*map(self._tensor, step.dA), last)
            ]
            delta = self._gradients([a for own in A for a in own], Z, dA)
            return [
                StepValues(A=_arrays(a), loss=loss.item(), dA_last=_array(last), delta=_arrays(d))
                for a, loss, last, d in zip(A, losses, dA_last, delta, strict=True)
            ]

    def _gradients(self, outputs: list[Any], leaves: list[list[Any]], dA: Any = None) -> list[list[Any]]:
        """The gradients by each case's leaves, of graphs that have nothing in common: one pass for all."""
        if not outputs:
            return []
        flat = iter(self._torch.autograd.grad(outputs, [leaf for own in leaves for leaf in own], dA))
        return [[next(flat) for _ in own] for own in leaves]

    def activation(self, spec: ActivationSpec, points: Any) -> tuple[Any, Any]:
        """(σ, σ') at float64 `points`; ValueError if σ is not elementwise."""
        with self._differentiating():
            z = self._shared_leaf(np.asarray(points, dtype="float64"))
            return self._with_derivative(self._elementwise(spec, z), z)

    def activation_pieces(
        self, specs: Sequence[ActivationSpec], sizes: Sequence[int], points: Any
    ) -> tuple[Any, Any]:
        """As `activation` for specs of one function: sizes[i] entries of the last axis belong to specs[i]."""
        points = np.asarray(points, dtype="float64")
        with self._differentiating():
            return self._by_runs(
                runs(specs, sizes, points), points, lambda run, z: self._elementwise(run.spec, z)
            )

    def loss_terms(self, spec: LossSpec, points: Any, targets: Any) -> tuple[Any, Any]:
        """(ℓ, ∂ℓ/∂a) at float64 `points`; ValueError if the loss has no terms of single entries."""
        points = np.asarray(points, dtype="float64")
        with self._differentiating():
            a = self._shared_leaf(points)
            y = self._tensor(targets).expand(points.shape)
            return self._with_derivative(self._terms(spec, a, y, self._arguments(spec, "float64")), a)

    def loss_pieces(
        self, specs: Sequence[LossSpec], sizes: Sequence[int], points: Any, targets: Any
    ) -> tuple[Any, Any]:
        """As `loss_terms` for specs of one loss: sizes[i] entries of the last axis belong to specs[i]."""
        points, targets = np.asarray(points, dtype="float64"), self._tensor(targets)

        def terms(run: Run, a: Any) -> Any:
            arrays = {name: self._tensor(array) for name, array in run.arrays.items()}
            return self._terms(run.spec, a, targets[run.at].expand(a.shape), {**run.spec.arguments, **arrays})

        with self._differentiating():
            return self._by_runs(runs(specs, sizes, points), points, terms)

    def _by_runs(
        self, found: Iterable[Run], points: Any, function: Callable[[Run, Any], Any]
    ) -> tuple[Any, Any]:
        """(f, f') at the points, one call of f a run and one backward pass for all."""
        first, *others = found
        if not others:
            leaf = self._shared_leaf(points)
            return self._with_derivative(function(first, leaf), leaf)
        each = [first, *others]
        # Copies without gaps: across gaps torch computes otherwise, in the last bit.
        leaves = [self._shared_leaf(np.ascontiguousarray(points[..., run.at])) for run in each]
        outputs = [function(*pair) for pair in zip(each, leaves, strict=True)]
        gradients = self._torch.autograd.grad(outputs, leaves, [self._torch.ones_like(a) for a in outputs])
        values, slopes = np.empty(points.shape), np.empty(points.shape)
        for run, value, slope in zip(each, outputs, gradients, strict=True):
            values[..., run.at], slopes[..., run.at] = value.detach().numpy(), slope.numpy()
        return values, slopes

    def _elementwise(self, spec: ActivationSpec, z: Any) -> Any:
        if not spec.entry.elementwise:
            raise ValueError(f"{spec.name} is not elementwise: it has no derivative at single points")
        return self._activated(spec, z)

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

    def plain(self) -> None:
        """None: this is torch as one would write it."""

    def _graph(self, case: Case, dtype: np.dtype[Any]) -> _Graph:
        """The forward pass."""
        layers = case.network.layers
        W = [self._leaf(layer.W, dtype) for layer in layers]
        b = [self._leaf(layer.b, dtype) for layer in layers]
        X, Y = self._leaf(case.X, dtype), self._tensor(case.Y, dtype)
        Z: list[Any] = []
        A = [X]
        for W_l, b_l, layer in zip(W, b, layers, strict=True):
            Z.append(W_l @ A[-1] + b_l)
            A.append(self._activated(layer.activation, Z[-1]))
        return _Graph(W, b, Z, A, self._loss(case.network.loss, A[-1], Y))

    def _trace(self, case: Case, graph: _Graph, gradients: list[Any]) -> Trace:
        L = case.network.depth
        delta, dW, db, dX = gradients[:L], gradients[L : 2 * L], gradients[2 * L : 3 * L], gradients[-1]
        return Trace(
            loss=_array(graph.loss)[()],
            Z=_arrays(graph.Z),
            A=_arrays(graph.A[1:]),
            delta=_arrays(delta),
            dW=_arrays(dW),
            db=_arrays(db),
            dX=_array(dX),
            **self._updated(graph.W, graph.b, [*dW, *db], case.learning_rate),
        )

    def _updated(self, W: list[Any], b: list[Any], gradients: list[Any], rate: float) -> dict[str, Any]:
        """W and b after one step of torch.optim.SGD."""
        parameters = [*W, *b]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        # One optimizer for all cases: to make one costs more than the rest of a small case. SGD refuses a
        # negative rate; going up at -η is the same step, and exactly so.
        (group,) = self._optimizer.param_groups
        group |= {"params": parameters, "lr": abs(rate), "maximize": rate < 0}
        self._optimizer.step()
        group["params"] = []
        return {"W_updated": _arrays(W), "b_updated": _arrays(b)}

    def _activated(self, spec: ActivationSpec, Z: Any) -> Any:
        return self.activations[spec.name](Z, **spec.parameters)

    def _loss(self, spec: LossSpec, A: Any, Y: Any) -> Any:
        function = self.losses[spec.name].function
        arguments = self._arguments(spec, Y.numpy().dtype)
        if spec.reduction == "batchmean":
            return function(A, Y, reduction="sum", **arguments) / A.shape[1]
        if spec.reduction == "entrymean":
            return function(A, Y, reduction="sum", **arguments) / A.numel()
        return function(A, Y, reduction=spec.reduction, **arguments)

    def _arguments(self, spec: LossSpec, dtype: Any) -> dict[str, Any]:
        """Parameters, and arrays as tensors; an array that is not given is the number that stands for it."""
        arrays = {name: self._tensor(array, dtype) for name, array in spec.arrays.items()}
        return {**spec.arguments, **arrays}

    @contextmanager
    def _differentiating(self) -> Iterator[None]:
        """Autograd on, even if the caller has it off; one thread, since small arrays gain nothing by more."""
        threads = self._torch.get_num_threads()
        self._torch.set_num_threads(1)
        try:
            with self._torch.inference_mode(False), self._torch.enable_grad():
                yield
        finally:
            self._torch.set_num_threads(threads)

    def _tensor(self, array: Any, dtype: Any = "float64") -> Any:
        # A copy: cases are read-only, SGD writes in place, and from_numpy shares memory.
        return self._torch.from_numpy(np.array(array, dtype=dtype, order="C"))

    def _shared_leaf(self, array: Any) -> Any:
        """A leaf that shares memory with a float64 array, which nothing writes into."""
        if not array.flags.writeable or not array.flags.c_contiguous:
            array = array.copy(order="C")
        return self._torch.from_numpy(array).requires_grad_()

    def _leaf(self, array: Any, dtype: Any = "float64") -> Any:
        return self._tensor(array, dtype).requires_grad_()


def _array(tensor: Any) -> Any:
    """A NumPy copy: autograd may hand out one tensor twice, e.g. δ and db for a single sample."""
    return tensor.detach().numpy().copy()


def _arrays(tensors: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(_array(tensor) for tensor in tensors)
