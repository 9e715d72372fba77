"""torch as one would write it: each case a graph of its own, torch.optim.SGD.

What the many cases of one graph (`torch_together.py`) are tested against, and what a finding is confirmed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from refimpl import Case, LossSpec, Trace

from .step_batch import StepByStep
from .steps import StepInputs, StepValues
from .torch_tensors import Tensors
from .trace_batch import GivenTraces, TraceBatch

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


class PlainTorch(StepByStep):
    """torch case by case; see `Oracle` for the methods. `oracle` is the TorchOracle whose torch it is."""

    name = "torch"

    def __init__(self, oracle: Any, tensors: Tensors) -> None:
        self._tensors, torch = tensors, tensors.torch
        self._optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.0)
        # Single functions are torch's own, with nothing around them.
        self.versions, self.activation, self.loss_terms = (
            oracle.versions,
            oracle.activation,
            oracle.loss_terms,
        )
        self.activation_pieces, self.loss_pieces = oracle.activation_pieces, oracle.loss_pieces

    def traces(self, cases: Sequence[Case], dtype: str | None = None) -> TraceBatch:
        """The full trace of each case; one backward pass gives all gradients of several of them."""
        traces = []
        with self._tensors.differentiating():
            for start in range(0, len(cases), _TOGETHER):
                some = cases[start : start + _TOGETHER]
                graphs = [self._graph(case, np.dtype(dtype or case.dtype)) for case in some]
                leaves = [graph.leaves for graph in graphs]
                gradients = self._gradients([graph.loss for graph in graphs], leaves)
                traces += [self._trace(*each) for each in zip(some, graphs, gradients, strict=True)]
        return GivenTraces(cases, traces)

    def steps(self, inputs: Sequence[StepInputs]) -> list[StepValues]:
        """Each nonlinear step applied to the given inputs, in float64."""
        with self._tensors.differentiating():
            A_last = [self._tensors.leaf(step.A_last) for step in inputs]
            losses = [
                self._loss(step.case.network.loss, A, self._tensors.tensor(step.case.Y))
                for step, A in zip(inputs, A_last, strict=True)
            ]
            dA_last = [gradient for (gradient,) in self._gradients(losses, [[A] for A in A_last])]
            Z = [[self._tensors.leaf(z) for z in step.Z] for step in inputs]
            A = [
                [
                    self._tensors.activated(k.activation, z)
                    for k, z in zip(step.case.network.layers, own, strict=True)
                ]
                for step, own in zip(inputs, Z, strict=True)
            ]
            dA = [
                tensor
                for step, last in zip(inputs, dA_last, strict=True)
                for tensor in (*map(self._tensors.tensor, step.dA), last)
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
        flat = iter(self._tensors.torch.autograd.grad(outputs, [leaf for own in leaves for leaf in own], dA))
        return [[next(flat) for _ in own] for own in leaves]

    def plain(self) -> None:
        """None: this is it."""

    def _graph(self, case: Case, dtype: np.dtype[Any]) -> _Graph:
        """The forward pass."""
        layers = case.network.layers
        W = [self._tensors.leaf(layer.W, dtype) for layer in layers]
        b = [self._tensors.leaf(layer.b, dtype) for layer in layers]
        X, Y = self._tensors.leaf(case.X, dtype), self._tensors.tensor(case.Y, dtype)
        Z: list[Any] = []
        A = [X]
        for W_l, b_l, layer in zip(W, b, layers, strict=True):
            Z.append(W_l @ A[-1] + b_l)
            A.append(self._tensors.activated(layer.activation, Z[-1]))
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

    def _loss(self, spec: LossSpec, A: Any, Y: Any) -> Any:
        function = self._tensors.losses[spec.name].function
        arguments = self._tensors.arguments(spec, Y.numpy().dtype)
        if spec.reduction == "batchmean":
            return function(A, Y, reduction="sum", **arguments) / A.shape[1]
        if spec.reduction == "entrymean":
            return function(A, Y, reduction="sum", **arguments) / A.numel()
        return function(A, Y, reduction=spec.reduction, **arguments)


def _array(tensor: Any) -> Any:
    """A NumPy copy: autograd may hand out one tensor twice, e.g. δ and db for a single sample."""
    return tensor.detach().numpy().copy()


def _arrays(tensors: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(_array(tensor) for tensor in tensors)
