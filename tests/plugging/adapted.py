"""Right implementations for any declaration, written apart from what is tested: NumPy in the declared layout.

They insist on their layout as NumPy does: what does not fit raises, or is broadcast to nonsense, and there is
no check of shapes before that. `strict` ones check first. What is not declared is an unknown name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from backproof.cases.options import choices
from backproof.plugging.declaration import Declaration, Scale
from backproof.plugging.proposing.universe import pairs_of
from refimpl import ACTIVATIONS, LOSSES


class Adapted:
    """A function of the case; `backproof` is what it says of itself: nothing, unless told."""

    def __init__(
        self, declared: Mapping[str, Any], *, strict: bool = False, says: Any = None, offers: str = "few"
    ) -> None:
        self.declaration = Declaration.read(declared, "a test")
        self.strict, self.offers, self.backproof = strict, offers, says or {}
        self.__name__ = "adapted"
        options = self.declaration.draw_options()
        self.pairs = set(pairs_of(options))
        self.hidden = {entry.name for entry in choices(options).hidden}
        self.options = options

    # ------------------------------------------------------------ what is refused

    def _refuse(self, c: Any) -> None:
        *hidden, last = c.activations
        for name in hidden:
            if name not in self.hidden:
                raise KeyError(name)
        if (last, c.loss) not in self.pairs:
            raise KeyError(f"{last} with {c.loss}")
        if self.declaration.loss_scale is None and c.reduction not in self.declaration.reductions:
            raise NotImplementedError(f"reduction {c.reduction}")
        if c.dtype not in self.declaration.dtypes:
            raise TypeError(c.dtype)
        if not self.declaration.parameters:
            given = [*zip(c.activations, c.activation_parameters, strict=True)]
            for name, parameters in given:
                if parameters and parameters != ACTIVATIONS[name].complete({}, np.dtype(c.dtype)):
                    raise ValueError(f"{name} takes no parameters")
            if c.loss_parameters and dict(c.loss_parameters) != LOSSES[c.loss].complete(
                {}, np.dtype(c.dtype)
            ):
                raise ValueError(f"{c.loss} takes no parameters")
        if c.loss_arrays and not self.declaration.arrays:
            raise ValueError("no weights, please")
        o = self.options
        width = (o.min_width, o.max_width)
        sizes = [(c.depth, (o.min_depth, o.max_depth)), (c.samples, (o.min_batch, o.max_batch))]
        sizes += [(n, width) for n in c.widths[1:-1]]
        sizes += [(c.widths[0], o.inputs or width), (c.widths[-1], o.outputs or width)]
        for size, (low, high) in sizes:
            if not low <= size <= high:
                raise ValueError(f"{size} is not from {low} to {high}")

    def _check_shapes(self, c: Any) -> None:
        n, m, d = c.widths, c.samples, self.declaration
        shapes = {"X": (n[0], m), "Y": (n[-1], m)}
        for key, shape in shapes.items():
            wanted = shape[::-1] if d.samples == "rows" else shape
            if key == "Y" and d.labels == "indices":
                wanted = (m,)
            if np.shape(getattr(c, key)) != wanted:
                raise ValueError(f"{key} is {np.shape(getattr(c, key))}, not {wanted}")
        for l in range(c.depth):
            W = (n[l + 1], n[l]) if d.weights == "outputs x inputs" else (n[l], n[l + 1])
            b = {"column": (n[l + 1], 1), "row": (1, n[l + 1]), "flat": (n[l + 1],)}[d.bias]
            if c.W[l].shape != W or c.b[l].shape != b:
                raise ValueError(f"layer {l + 1} has {c.W[l].shape} and {c.b[l].shape}, not {W} and {b}")

    def _check_labels(self, c: Any, Y: Any) -> None:
        entry, form = LOSSES[c.loss], self.declaration.labels
        bounded = hasattr(entry.target_domain, "low") and np.isfinite(entry.target_domain.high)
        if form in {"hard", "one-hot"} and (entry.classes or bounded):
            if not np.isin(Y, (0, 1)).all():
                raise ValueError("soft labels")
            if (form == "one-hot" or entry.classes) and len(Y) > 1 and not (Y.sum(axis=0) == 1).all():
                raise ValueError("labels that are not one-hot")

    # ------------------------------------------------------------ the passes

    def __call__(self, c: Any) -> dict[str, Any]:
        """The answer, in the layout declared."""
        if self.strict:
            self._check_shapes(c)
        d = self.declaration
        rows, turned = d.samples == "rows", d.weights == "inputs x outputs"
        self._refuse(c)

        def ours(A: Any) -> Any:
            return A.T if rows else A

        A, Z = [c.X], []
        for W, b in zip(c.W, c.b, strict=True):
            Z.append(self._affine(A[-1], W, b))
            spec = ACTIVATIONS[c.activations[len(Z) - 1]]
            parameters = spec.complete(c.activation_parameters[len(Z) - 1], np.dtype(c.dtype))
            A.append(ours(spec.value(np.ascontiguousarray(ours(Z[-1])), **parameters)))
        Y = ours(c.Y)
        if d.labels == "indices":
            Y = np.eye(c.widths[-1], dtype=c.dtype)[c.Y].T
        self._check_labels(c, Y)
        prediction = np.ascontiguousarray(ours(A[-1]))
        Y = np.ascontiguousarray(Y)
        loss = LOSSES[c.loss]
        arguments = {**c.loss_parameters, **{a.name: a.default for a in loss.arrays}}
        arguments |= {name: ours(array) for name, array in c.loss_arrays.items()}
        total = np.sum(loss.terms(prediction, Y, **arguments))
        n, m = prediction.shape
        value = self._scaled(total, d.loss_scale, c, n, m)
        dA = self._scaled(loss.gradient(prediction, Y, **arguments), d.gradient_scale, c, n, m)

        delta, dW, db = [], [], []
        for l in reversed(range(c.depth)):
            spec = ACTIVATIONS[c.activations[l]]
            parameters = spec.complete(c.activation_parameters[l], np.dtype(c.dtype))
            D = spec.vjp(
                np.ascontiguousarray(ours(Z[l])), np.ascontiguousarray(ours(A[l + 1])), dA, **parameters
            )
            gradient = D @ ours(A[l]).T
            delta.insert(0, ours(D))
            dW.insert(0, gradient.T if turned else gradient)
            db.insert(0, np.reshape(D.sum(axis=1), {"column": (-1, 1), "row": (1, -1), "flat": -1}[d.bias]))
            dA = (c.W[l] if turned else c.W[l].T) @ D
        answer: dict[str, Any] = {"loss": value, "dW": dW, "db": db}
        if self.offers == "all":
            answer |= {"Z": Z, "A": A[1:], "delta": delta, "dX": ours(dA)}
        if self.offers in {"all", "step"}:
            rate = np.dtype(c.dtype).type(c.learning_rate)
            answer["W_updated"] = [W - rate * g for W, g in zip(c.W, dW, strict=True)]
            answer["b_updated"] = [b - rate * g for b, g in zip(c.b, db, strict=True)]
        if self.offers == "step":
            return {key: answer[key] for key in ("W_updated", "b_updated")}
        return answer

    def _affine(self, A: Any, W: Any, b: Any) -> Any:
        """Z, as one writes it in that layout; b is turned where it must be, and NumPy does the rest."""
        d = self.declaration
        if d.samples == "rows":
            Z = A @ (W if d.weights == "inputs x outputs" else W.T)
            return Z + (b.T if d.bias == "column" else b)
        Z = (W.T if d.weights == "inputs x outputs" else W) @ A
        if d.bias == "flat":
            return Z + b[:, None]
        return Z + (b if d.bias == "column" else b.T)

    def _scaled(self, value: Any, scale: Scale | None, c: Any, n: int, m: int) -> Any:
        reduction = c.reduction if scale is None else scale.reduction
        value = value / value.dtype.type(LOSSES[c.loss].divisor(reduction, n, m))
        return value / value.dtype.type(2) if scale is not None and scale.half else value
