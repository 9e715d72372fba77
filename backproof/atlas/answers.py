"""Who is asked, and how: each one's own function on whole sweeps, computed in the dtype of the sweep.

torch's and JAX's functions are the lines of the oracles. An answerer offers a function of its own, or plain
operations of the framework as the oracle writes them ("composed"), or does not offer it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from typing import Any, Literal, Protocol

import numpy as np

from refimpl import Activation, ActivationSpec, Loss, LossSpec

from .exact import cotangents
from .sweeps import Entry, Sweep

Offer = Literal["own", "composed", "does not offer"]
Answer = tuple[Any, Any]
"""Value and derivative, shaped as `exact_answers` has them, float64: every number of the dtype is one."""


class Answerer(Protocol):
    """Someone who computes functions."""

    def versions(self) -> Mapping[str, str]:
        """Package → version."""

    def offers(self, entry: Entry) -> Offer:
        """Whether the function is its own, composed for it, or not offered."""

    def answers(self, sweeps: Sequence[Sweep]) -> Iterable[Answer]:
        """One answer a sweep; all sweeps are of one function and dtype."""


class Reference:
    """backproof's own reference in NumPy."""

    def versions(self) -> Mapping[str, str]:
        """NumPy's, and backproof's own."""
        return {"backproof": metadata.version("backproof"), "numpy": np.__version__}

    def offers(self, entry: Entry) -> Offer:
        """All functions are its own."""
        del entry
        return "own"

    def answers(self, sweeps: Sequence[Sweep]) -> Iterable[Answer]:
        """See `Answerer`."""
        for sweep in sweeps:
            spec, Z = sweep.spec, sweep.Z
            with np.errstate(all="ignore"):
                if isinstance(spec, ActivationSpec):
                    value = spec.entry.value(Z, **spec.parameters)
                    G = cotangents(Z.shape[1]) if not spec.entry.elementwise else np.ones_like(Z)
                    yield _wide(value, spec.entry.vjp(Z, value, G.astype(Z.dtype), **spec.parameters))
                else:
                    slope = spec.entry.reduced_gradient(Z, sweep.Y, "sum", **spec.arguments)
                    yield _wide(self._losses(spec, Z, sweep.Y), slope)

    @staticmethod
    def _losses(spec: LossSpec, Z: Any, Y: Any) -> Any:
        """Each sample's loss, (1, m)."""
        entry, arguments = spec.entry, spec.arguments
        if entry.elementwise:  # of one output: its only term
            return entry.terms(Z, Y, **arguments)
        one_each = (slice(j, j + 1) for j in range(Z.shape[1]))
        return np.array([[entry.reduced(Z[:, one], Y[:, one], "sum", **arguments) for one in one_each]])


class Torch:
    """torch's functions, differentiated by its autograd."""

    def __init__(self) -> None:
        import torch

        from oracles.torch_tensors import Tensors

        self._torch: Any = torch
        self._tensors = Tensors(torch)

    def versions(self) -> Mapping[str, str]:
        """torch's."""
        return {"torch": str(self._torch.__version__)}

    def offers(self, entry: Entry) -> Offer:
        """Own where the table names a function of torch's."""
        return "own" if "torch" in entry.aliases else "composed"

    def answers(self, sweeps: Sequence[Sweep]) -> Iterable[Answer]:
        """See `Answerer`."""
        for sweep in sweeps:
            with self._tensors.differentiating():
                yield self._answer(sweep)

    def _answer(self, sweep: Sweep) -> Answer:
        spec, dtype = sweep.spec, sweep.dtype
        leaf = self._tensors.leaf(sweep.Z, dtype)
        if isinstance(spec, ActivationSpec):
            value = self._tensors.activated(spec, leaf)
            G = cotangents(leaf.shape[1]) if not spec.entry.elementwise else np.ones(leaf.shape)
            cotangent = self._tensors.tensor(G, dtype)
        else:
            # One row of predictions: a loss that adds up the outputs of a sample adds up one.
            Y, given = self._tensors.tensor(sweep.Y, dtype), self._tensors.arguments(spec, dtype)
            value = self._tensors.losses[spec.name].function(leaf, Y, reduction="none", **given)
            cotangent = self._torch.ones_like(value)
        (slope,) = self._torch.autograd.grad(value, leaf, cotangent)
        found = value.detach().numpy()
        return _wide(found.reshape(-1, leaf.shape[1]), slope.numpy())


class Jax:
    """JAX's functions, differentiated by `jax.vjp` and compiled: one program a function and dtype."""

    alias = "jax"

    def __init__(self) -> None:
        import jax

        from oracles import jax_activations, jax_losses

        self._jax: Any = jax
        self._activations: Any = jax_activations.ACTIVATION_LINES
        self._losses: Any = jax_losses.LOSS_LINES

    def versions(self) -> Mapping[str, str]:
        """Those of jax and jaxlib."""
        return {name: metadata.version(name) for name in ("jax", "jaxlib")}

    def offers(self, entry: Entry) -> Offer:
        """Own where the table names a function of JAX's; a loss that is optax's is not asked of JAX."""
        if "jax" in entry.aliases:
            return "own"
        return "does not offer" if "optax" in entry.aliases else "composed"

    def answers(self, sweeps: Sequence[Sweep]) -> Iterable[Answer]:
        """See `Answerer`."""
        jax, dtype, entry = self._jax, sweeps[0].dtype, sweeps[0].spec.entry
        Z = np.concatenate([sweep.Z for sweep in sweeps], axis=1)
        rows = [_row(name, sweeps) for name in _argument_names(entry)]
        if isinstance(entry, Loss):
            Y = np.concatenate([sweep.Y for sweep in sweeps], axis=1)
            function = partial(self._loss, entry)
            more, G = [Y], None
        else:
            function = partial(self._activation, entry)
            more = []
            G = cotangents(Z.shape[1]) if not entry.elementwise else np.ones(Z.shape)

        def program(Z: Any, G: Any, *given: Any) -> tuple[Any, Any]:
            value, pull_back = jax.vjp(lambda Z: function(Z, *given), Z)
            return value, pull_back(jax.numpy.ones_like(value) if G is None else G)[0]

        with jax.enable_x64(dtype == np.float64), jax.default_device(jax.devices("cpu")[0]):
            cotangent = None if G is None else G.astype(dtype)
            value, slope = (np.asarray(each) for each in jax.jit(program)(Z, cotangent, *more, *rows))
        ends = np.cumsum([sweep.at.size for sweep in sweeps])[:-1]
        values = np.split(value.reshape(-1, Z.shape[1]), ends, axis=1)
        for one, other in zip(values, np.split(slope, ends, axis=1), strict=True):
            yield _wide(one, other)

    def _activation(self, entry: Activation, Z: Any, *rows: Any) -> Any:
        return self._activations[entry.name](Z, None, **self._named(entry, rows))

    def _loss(self, entry: Loss, Z: Any, Y: Any, *rows: Any) -> Any:
        line = self._losses[entry.name]
        terms = line.terms(Z, Y, None, **self._named(entry, rows))
        return terms / line.divisor("sum", Z.shape[0], 1)

    def _named(self, entry: Entry, rows: Sequence[Any]) -> dict[str, Any]:
        return dict(zip(_argument_names(entry), rows, strict=True))


class Optax(Jax):
    """optax's losses, computed by JAX as its own functions are."""

    def __init__(self) -> None:
        super().__init__()
        import optax

        self._optax = optax

    def versions(self) -> Mapping[str, str]:
        """Those of jax, jaxlib and optax."""
        return {**super().versions(), "optax": metadata.version("optax")}

    def offers(self, entry: Entry) -> Offer:
        """Own where the table names a function of optax's; optax has no activations."""
        return "own" if isinstance(entry, Loss) and "optax" in entry.aliases else "does not offer"


ANSWERERS: Mapping[str, Callable[[], Answerer]] = {
    "reference": Reference,
    "torch": Torch,
    "jax": Jax,
    "optax": Optax,
}
_NEEDS = {"reference": (), "torch": ("torch",), "jax": ("jax", "optax"), "optax": ("jax", "optax")}
"""What each needs to be importable: JAX's lines for losses import optax."""


def is_installed(name: str) -> bool:
    """Whether all that this answerer needs is there; looking for a module does not import it."""
    return all(find_spec(module) is not None for module in _NEEDS[name])


def _argument_names(entry: Entry) -> list[str]:
    return [each.name for each in (*entry.parameters, *getattr(entry, "arrays", ()))]


def _row(name: str, sweeps: Sequence[Sweep]) -> Any:
    """The number of that name at each point of all sweeps end to end, (points,)."""
    numbers = []
    for sweep in sweeps:
        defaults = {array.name: array.default for array in getattr(sweep.spec.entry, "arrays", ())}
        numbers.append(np.full(sweep.at.size, (defaults | sweep.parameters)[name], sweep.dtype))
    return np.concatenate(numbers)


def _wide(value: Any, slope: Any) -> Answer:
    return np.float64(value), np.float64(slope)
