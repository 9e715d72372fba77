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

from .padding import Padding
from .shapes import Blocks, Shapes, compact, segments
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


class Groups:
    """Cases parted by function: what the cases of each have in common, and where its entries are."""

    def __init__(self, specs: Sequence[Any], keys: Sequence[Hashable], beside: Any, blocks: Blocks) -> None:
        """Cases of equal keys are one group; `beside`: whose samples must stand side by side."""
        numbers: dict[Hashable, int] = {}
        self.numbers = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)
        """Each case's group."""
        self.order = np.argsort(self.numbers, kind="stable")
        """The cases, group after group."""
        self.counts = np.bincount(self.numbers)
        firsts = self.order[np.cumsum(self.counts) - self.counts]
        self.specs = [specs[k] for k in firsts.tolist()]
        self.beside = np.asarray(beside)
        self.shapes: list[tuple[int, ...]] = [
            (rows, -1) if mixes else (-1,)
            for rows, mixes in zip(blocks.rows[firsts].tolist(), self.beside[firsts].tolist(), strict=True)
        ]
        """What a group's entries are given in: their rows, or if no entry depends on another, no rows."""
        sizes = np.bincount(self.numbers, blocks.rows * blocks.columns)
        self.sizes: list[int] = sizes.astype(np.int64).tolist()
        self.positions = self.of(blocks)

    def of(self, blocks: Blocks) -> Any:
        """The positions of all entries, group after group."""
        return blocks.grouped(self.numbers, self.beside)

    def members(self) -> list[list[int]]:
        """The cases of each group."""
        return [part.tolist() for part in np.split(self.order, np.cumsum(self.counts)[:-1])]


def activation_groups(specs: Sequence[ActivationSpec], blocks: Blocks) -> Groups:
    """The cases of each activation with equal parameters; if it mixes units, with equally many."""
    beside = [not spec.entry.elementwise for spec in specs]
    keys = [
        (spec.name, units)
        if mixes
        else (spec.name, *(float(value).hex() for value in spec.parameters.values()))
        for spec, mixes, units in zip(specs, beside, blocks.rows.tolist(), strict=True)
    ]
    return Groups(specs, keys, beside, blocks)


def activated(tensors: Tensors, groups: Groups, Z: Any) -> Any:
    """Each function at its own entries of Z; elsewhere 0."""
    torch = tensors.torch
    positions = torch.from_numpy(groups.positions)
    parts = Z.index_select(0, positions).split(groups.sizes)
    values = [
        _flattened(tensors.activations[spec.name](_in_rows(part, shape), **spec.parameters))
        for spec, shape, part in zip(groups.specs, groups.shapes, parts, strict=True)
    ]
    return torch.zeros_like(Z).index_copy(0, positions, torch.cat(values))


def _in_rows(part: Any, shape: tuple[int, ...]) -> Any:
    return part if len(shape) == 1 else part.view(shape)


def _flattened(tensor: Any) -> Any:
    return tensor if tensor.dim() == 1 else tensor.view(-1)


def loss_groups(tensors: Tensors, specs: Sequence[LossSpec], blocks: Blocks) -> Groups:
    """The cases of each loss with the same parameters; if terms are sums over units, with as many of them."""
    keys, beside = [], []
    for spec, units in zip(specs, blocks.rows.tolist(), strict=True):
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
    shapes = padding.shapes
    blocks = padding.blocks("A", shapes.depths, np.arange(len(cases)))
    return reduced_losses(tensors, cases, _from_layer_1(padding, blocks), A, dtype)


def reduced_losses(tensors: Tensors, cases: Sequence[Case], blocks: Blocks, A: Any, dtype: Any) -> Any:
    """The loss of each case, whose predictions are a block of A, by torch's meaning of its reduction."""
    torch = tensors.torch
    groups = loss_groups(tensors, [case.network.loss for case in cases], blocks)
    predictions = A.index_select(0, torch.from_numpy(groups.positions)).split(groups.sizes)
    targets = flat((case.Y for case in cases), dtype)[groups.of(compact(blocks.rows, blocks.columns))]
    terms = []
    for spec, shape, members, a, y in zip(
        groups.specs,
        groups.shapes,
        groups.members(),
        predictions,
        torch.from_numpy(targets).split(groups.sizes),
        strict=True,
    ):
        arguments = dict(spec.arguments)
        if spec.arrays:
            arguments |= _arrays(tensors, spec, [cases[k] for k in members], dtype)
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
    """The terms, which come case by case in that order, summed and divided."""
    most = int(counts.max())
    places = torch.from_numpy(segments(order * most, counts[order]))
    rows = terms.new_zeros(len(cases) * most).index_copy(0, places, terms)
    divisors = [
        {"sum": 1, "mean": count, "batchmean": case.Y.shape[1], "entrymean": case.Y.size}[
            case.network.loss.reduction
        ]
        for case, count in zip(cases, counts.tolist(), strict=True)
    ]
    return rows.view(len(cases), most).sum(dim=1) / torch.tensor(divisors, dtype=terms.dtype)
