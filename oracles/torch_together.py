"""Many cases in one torch graph: a layer of all cases costs as many calls of torch as it has functions.

Matrix products are batched products of padded matrices (`padding.py`). Every function gets its own entries
only, those of all cases that use it side by side. One backward pass gives all gradients: the cases have
nothing in common, and padding is read by nobody.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from refimpl import ActivationSpec, Case, LossSpec

from .grouping import Groups
from .padding import Padding
from .shapes import Blocks, Shapes, compact, segments
from .step_batch import StepBatch, StepBatchValues
from .torch_tensors import Tensors
from .trace_batch import TraceBatch, joined, padded_traces

# About how many numbers the padded weights of the cases of one graph have, and so its memory.
_NUMBERS = 1 << 23


def traces_together(tensors: Tensors, cases: Sequence[Case], dtype: str | None) -> TraceBatch:
    """The full traces of the cases, computed in `dtype` or in each one's own; autograd must be on."""
    shapes = Shapes(cases)
    sizes = shapes.depths * np.maximum(shapes.widths.max(axis=1, initial=1), shapes.samples) ** 2
    parts, positions = [], []
    names = [dtype or case.dtype.name for case in cases]
    for computed_in in sorted(set(names)):
        own = np.array([k for k, name in enumerate(names) if name == computed_in])
        graphs = (np.cumsum(sizes[own]) - 1) // _NUMBERS
        for graph in np.unique(graphs).tolist():
            chosen = own[graphs == graph].tolist()
            some = [cases[k] for k in chosen]
            parts.append(_one_graph(tensors, some, shapes.of(chosen), np.dtype(computed_in)))
            positions.append(chosen)
    return joined(cases, parts, positions)


def _one_graph(tensors: Tensors, cases: Sequence[Case], shapes: Shapes, dtype: np.dtype[Any]) -> TraceBatch:
    torch, padding = tensors.torch, Padding(shapes)
    parameters = _Parameters(cases, padding, dtype)
    X = np.zeros(sum(padding.lengths("Z")[0]), dtype)
    X[padding.blocks("dX", 0, np.arange(len(cases))).positions] = flat((case.X for case in cases), dtype)
    leaves = [torch.from_numpy(array).requires_grad_() for array in (parameters.W, parameters.b, X)]
    Z, A = _forward(tensors, cases, padding, *leaves)
    loss = _losses(tensors, cases, padding, torch.cat(A), dtype)
    gradients = torch.autograd.grad(loss, [*Z, *leaves], torch.ones_like(loss))
    delta, (dW, db, dX) = gradients[:-3], (each.numpy() for each in gradients[-3:])
    W_updated, b_updated = parameters.updated(torch, dW, db)
    padded = {"loss": loss, "Z": torch.cat(Z), "A": torch.cat(A), "delta": torch.cat(delta)}
    padded = {name: tensor.detach().numpy() for name, tensor in padded.items()}
    padded |= {"dW": dW, "db": db, "dX": dX, "W_updated": W_updated, "b_updated": b_updated}

    def where(quantity: str, l: int, members: Any) -> Blocks:
        if quantity in ("W_updated", "b_updated"):
            return parameters.blocks(quantity, l, members)
        blocks = padding.blocks(quantity, l, members)
        return _from_layer_1(padding, blocks) if quantity in ("Z", "A", "delta") else blocks

    return padded_traces(cases, shapes, padded, where)


def flat(matrices: Iterable[Any], dtype: Any) -> Any:
    """The matrices end to end."""
    return np.concatenate(list(matrices), axis=None, dtype=dtype)


def _from_layer_1(padding: Padding, blocks: Blocks) -> Blocks:
    """Where the blocks are in what begins with layer 1."""
    return blocks._replace(start=blocks.start - padding.begin("Z", 1))


class _Parameters:
    """All weights and biases, padded, and end to end, case by case, as the optimizer is given them."""

    def __init__(self, cases: Sequence[Case], padding: Padding, dtype: np.dtype[Any]) -> None:
        shapes, layers = padding.shapes, [layer for case in cases for layer in case.network.layers]
        self._cases = cases
        owners, numbers = shapes.layers()
        self._own, self._at, self._sizes, padded = {}, {}, {}, []
        self._compact: dict[str, Blocks] = {}
        self._first = np.cumsum(shapes.depths) - shapes.depths
        for name, quantity in (("W", "dW"), ("b", "db")):
            blocks = padding.blocks(quantity, numbers, owners)
            self._compact[name] = compact(blocks.rows, blocks.columns)
            self._own[name] = flat((getattr(layer, name) for layer in layers), dtype)
            self._at[name] = blocks.positions
            sizes = np.bincount(owners, blocks.rows * blocks.columns, len(cases))
            self._sizes[name] = sizes.astype(np.int64).tolist()
            padded.append(np.zeros(sum(map(sum, padding.lengths(name))), dtype))
            padded[-1][self._at[name]] = self._own[name]
        self.W, self.b = padded

    def blocks(self, quantity: str, l: int, cases: Any) -> Blocks:
        """Where the updated ones of layer l are, case by case."""
        return self._compact[quantity[0]].of(self._first[cases] + l - 1)

    def updated(self, torch: Any, dW: Any, db: Any) -> list[Any]:
        """W and b after one step of torch's SGD, end to end, case by case."""
        from torch.optim.sgd import sgd

        own = {name: torch.from_numpy(array) for name, array in self._own.items()}
        gradients = {
            name: torch.from_numpy(padded[self._at[name]]) for name, padded in (("W", dW), ("b", db))
        }
        W, b, gW, gb = (
            part[name].split(self._sizes[name]) for part in (own, gradients) for name in ("W", "b")
        )
        for case, *each in zip(self._cases, W, b, gW, gb, strict=True):
            # SGD refuses a negative rate; going up at -η is the same step, and exactly so.
            rate = case.learning_rate
            sgd(
                each[:2],
                each[2:],
                [None, None],
                foreach=False,
                fused=False,
                weight_decay=0.0,
                momentum=0.0,
                lr=abs(rate),
                dampening=0.0,
                nesterov=False,
                maximize=rate < 0,
            )
        return [own[name].numpy() for name in ("W", "b")]


def _forward(
    tensors: Tensors, cases: Sequence[Case], padding: Padding, W: Any, b: Any, X: Any
) -> tuple[list[Any], list[Any]]:
    """Z and A of the layers 1 … depth, padded and flat."""
    torch, shapes = tensors.torch, padding.shapes
    weights = iter(W.split([n for layer in padding.lengths("W")[1:] for n in layer]))
    biases = iter(b.split([n for layer in padding.lengths("b")[1:] for n in layer]))
    Z: list[Any] = []
    A = [X]
    for l in range(1, shapes.depth + 1):
        below = A[-1].split(padding.lengths("Z")[l - 1])
        products = []
        for stack, before, A_below in zip(padding.stacks[l], padding.stacks[l - 1], below, strict=True):
            W_l = next(weights).view(stack.cases, stack.width, stack.width)
            b_l = next(biases).view(stack.cases, stack.width, 1)
            if stack.cases:
                inputs = A_below.view(before.cases, stack.width, stack.samples)
                products.append((W_l @ inputs[: stack.cases] + b_l).view(-1))
        Z.append(torch.cat(products))
        members = shapes.members(l)
        blocks = padding.blocks("Z", l, members)
        blocks = blocks._replace(start=blocks.start - padding.begin("Z", l))
        groups = activation_groups(
            [cases[k].network.layers[l - 1].activation for k in members.tolist()], blocks
        )
        A.append(activated(tensors, groups, Z[-1]))
    return Z, A[1:]


def activation_groups(specs: Sequence[ActivationSpec], blocks: Blocks) -> Groups:
    """The cases of each activation with equal parameters; if it mixes units, with equally many."""
    beside = [not spec.entry.elementwise for spec in specs]
    keys = [
        (spec.name, units)
        if mixes
        else (spec.name, *(float(value).hex() for value in spec.parameters.values()))
        for spec, mixes, units in zip(specs, beside, blocks.rows.tolist(), strict=False)
    ]
    return Groups(specs, keys, beside, blocks)


def activated(tensors: Tensors, groups: Groups, Z: Any) -> Any:
    """Each function at its own entries of Z; elsewhere 0."""
    torch = tensors.torch
    positions = torch.from_numpy(groups.positions)
    values = function_values(tensors, groups, Z.index_select(0, positions))
    return torch.zeros_like(Z).index_copy(0, positions, values)


def function_values(tensors: Tensors, groups: Groups, Z: Any) -> Any:
    """σ of Z, whose entries come group after group."""
    values = [
        _flattened(tensors.activations[spec.name](_in_rows(part, shape), **spec.parameters))
        for spec, shape, part in zip(groups.specs, groups.shapes, Z.split(groups.sizes), strict=True)
    ]
    return tensors.torch.cat(values)


def _in_rows(part: Any, shape: tuple[int, ...]) -> Any:
    return part if len(shape) == 1 else part.view(shape)


def _flattened(tensor: Any) -> Any:
    return tensor if tensor.dim() == 1 else tensor.view(-1)


def loss_groups(tensors: Tensors, specs: Sequence[LossSpec], blocks: Blocks) -> Groups:
    """The cases of each loss with the same parameters; if terms are sums over units, with as many of them."""
    keys, beside = [], []
    for spec, units in zip(specs, blocks.rows.tolist(), strict=False):
        line = tensors.losses[spec.name]
        key: tuple[Hashable, ...] = (spec.name, *(float(v).hex() for v in spec.parameters.values()))
        if spec.arrays:
            key += tuple(
                array.tobytes() if line.weighs_classes else name for name, array in spec.arrays.items()
            )
        beside.append(not line.entrywise)
        keys.append((key, 1 if line.entrywise else units))
    return Groups(specs, keys, beside, blocks)


def _losses(tensors: Tensors, cases: Sequence[Case], padding: Padding, A: Any, dtype: Any) -> Any:
    """The reduced loss of each case."""
    depths = padding.shapes.depths
    blocks = _from_layer_1(padding, padding.blocks("A", depths, np.arange(len(cases))))
    groups = loss_groups(tensors, [case.network.loss for case in cases], blocks)
    predictions = A.index_select(0, tensors.torch.from_numpy(groups.positions))
    return reduced_losses(tensors, cases, groups, blocks, predictions, dtype)


def reduced_losses(
    tensors: Tensors, cases: Sequence[Case], groups: Groups, blocks: Blocks, predictions: Any, dtype: Any
) -> Any:
    """The loss of each block, by torch's meaning of its reduction; predictions come group after group.

    There may be several times as many blocks as cases: other predictions for the same.
    """
    torch = tensors.torch
    Y, times = flat((case.Y for case in cases), dtype), len(blocks.rows) // len(cases)
    own = compact(blocks.rows[: len(cases)], blocks.columns[: len(cases)])
    targets = Y[groups.of(Blocks(*(np.tile(each, times) for each in own)))]
    terms = []
    for spec, shape, members, a, y in zip(
        groups.specs,
        groups.shapes,
        groups.members(),
        predictions.split(groups.sizes),
        torch.from_numpy(targets).split(groups.sizes),
        strict=True,
    ):
        arguments = dict(spec.arguments)
        if spec.arrays:
            arguments |= _arrays(tensors, spec, [cases[k % len(cases)] for k in members], dtype)
        line = tensors.losses[spec.name]
        given = _in_rows(a, shape), _in_rows(y, shape)
        terms.append(_flattened(line.function(*given, reduction="none", **arguments)))
    counts = np.where(groups.beside, 1, blocks.rows) * blocks.columns
    return _reduced(torch, cases, groups.order, counts, torch.cat(terms))


def _arrays(tensors: Tensors, spec: LossSpec, cases: Sequence[Case], dtype: Any) -> dict[str, Any]:
    """The arrays of the losses of a group, side by side."""
    line, found = tensors.losses[spec.name], {}
    for name, first in spec.arrays.items():
        if line.weighs_classes:
            array = np.array(first, dtype)
        else:
            each = [np.broadcast_to(case.network.loss.arrays[name], case.Y.shape) for case in cases]
            array = flat(each, dtype) if line.entrywise else np.concatenate(each, axis=1, dtype=dtype)
        found[name] = tensors.torch.from_numpy(array)
    return found


def _reduced(torch: Any, cases: Sequence[Case], order: Any, counts: Any, terms: Any) -> Any:
    """The terms, which come block by block in that order, summed and divided."""
    most, total = int(counts.max()), len(counts)
    places = torch.from_numpy(segments(order * most, counts[order]))
    rows = terms.new_zeros(total * most).index_copy(0, places, terms)
    divisors = [
        {"sum": 1, "mean": count, "batchmean": case.Y.shape[1], "entrymean": case.Y.size}[
            case.network.loss.reduction
        ]
        for case, count in zip(cases, counts.tolist(), strict=False)
    ]
    divided_by = torch.from_numpy(np.tile(np.array(divisors, dtype=np.float64), total // len(cases)))
    return rows.view(total, most).sum(dim=1) / divided_by.to(terms.dtype)


def steps_together(tensors: Tensors, batch: StepBatch) -> StepBatchValues:
    """Each nonlinear step on the given numbers, in float64; autograd must be on."""
    torch = tensors.torch
    outputs, layers = batch.in_rows(batch.outputs), batch.in_rows(batch.layers)
    groups = loss_groups(tensors, [case.network.loss for case in batch.cases], outputs)
    predictions = tensors.leaf(batch.A_last.reshape(-1)[groups.positions])
    loss = reduced_losses(tensors, batch.cases, groups, outputs, predictions, "float64")
    (gradient,) = torch.autograd.grad(loss, predictions, torch.ones_like(loss))
    dA_last = np.empty((batch.rows, batch.outputs.size))
    dA_last.reshape(-1)[groups.positions] = gradient.numpy()

    groups = activation_groups(batch.activations(), layers)
    at = groups.positions
    Z = tensors.leaf(np.concatenate(batch.Z, axis=1).reshape(-1)[at])
    values = function_values(tensors, groups, Z)
    dA = torch.from_numpy(batch.all_dA(dA_last).reshape(-1)[at])
    (gradient,) = torch.autograd.grad(values, Z, dA)
    A, delta = np.empty(at.size), np.empty(at.size)
    A[at], delta[at] = values.detach().numpy(), gradient.numpy()
    return StepBatchValues(
        batch.by_layer(A),
        loss.detach().numpy().reshape(batch.rows, -1),
        dA_last,
        batch.by_layer(delta),
    )
