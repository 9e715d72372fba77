"""JAX's compiled path: one program for every architecture, so that nothing is compiled for a single case.

Arrays are padded to a bucket (layers, units, samples), the program scans over the layers, switches over
activations and losses, and maps over a stack of cases. `lax.map`, not `vmap`: under vmap a switch runs
every branch. Invariants that keep padding out of the results:

- whatever stands in the padding of an input is replaced by 0 before anything is computed;
- each function is guarded on both sides, `where(mask, f(where(mask, x, 0)), 0)`, so that neither value
  nor derivative comes from an absent entry, not even as 0 · inf;
- so absent entries of A and δ are exactly 0, and contribute 0 to the sums of matrix products.

Layers beyond the last have no units, and hand A on as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from refimpl import ACTIVATIONS, LOSSES

from .jax_activations import ACTIVATION_LINES
from .jax_losses import LOSS_LINES
from .jax_packing import ACTIVATION_INDEX, LOSS_INDEX, argument_names

Arrays = Mapping[str, Any]


# Branch number k of a switch is the function that packed cases call number k.
def _line(lines: Mapping[str, Any], name: str, place: str) -> Any:
    if name not in lines:
        raise LookupError(f"{name!r} has no line: add one to {place}")
    return lines[name]


_ACTIVATIONS = [
    (ACTIVATIONS[name], _line(ACTIVATION_LINES, name, "ACTIVATION_LINES in oracles/jax_activations.py"))
    for name in ACTIVATION_INDEX
]
_LOSSES = [
    (LOSSES[name], _line(LOSS_LINES, name, "LOSS_LINES in oracles/jax_losses.py")) for name in LOSS_INDEX
]


def _named(entry: Any, arguments: Any) -> dict[str, Any]:
    """The entry's parameters, and a loss's arrays, by name, out of the padded vectors or arrays."""
    return {name: arguments[k] for k, name in enumerate(argument_names(entry))}


def _present(rows: Any, columns: Any, shape: tuple[int, ...]) -> Any:
    """The mask of the first `rows` rows and `columns` columns."""
    return (jnp.arange(shape[0]) < rows)[:, None] & (jnp.arange(shape[1]) < columns)


def _clean(mask: Any, array: Any) -> Any:
    return jnp.where(mask, array, 0)


def _switch(branches: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    """A function (index, x, *others) → what that branch gives, differentiable by x.

    Each branch is differentiated by jax.vjp on its own. Differentiated as a whole, a `lax.switch` would hand
    on what any branch needs for its derivative, zeros for the others, and a scan would keep all.
    """

    @jax.custom_vjp
    def value(index: Any, x: Any, *others: Any) -> Any:
        return lax.switch(index, branches, x, *others)

    def forward(index: Any, x: Any, *others: Any) -> tuple[Any, Any]:
        return value(index, x, *others), (index, x, others)

    def backward(kept: Any, cotangent: Any) -> tuple[Any, ...]:
        index, x, others = kept

        def pulled_back(branch: Callable[..., Any]) -> Callable[..., Any]:
            return lambda x, g, *others: jax.vjp(lambda x: branch(x, *others), x)[1](g)[0]

        gradient = lax.switch(index, [pulled_back(branch) for branch in branches], x, cotangent, *others)
        return (None, gradient, *(None for _ in others))

    value.defvjp(forward, backward)
    return value


_ACTIVATION = _switch(
    [
        lambda Z, units, parameters, entry=entry, line=line: line(Z, units, **_named(entry, parameters))
        for entry, line in _ACTIVATIONS
    ]
)


def _activation(index: Any, parameters: Any, Z: Any, mask: Any) -> Any:
    """σ(Z), 0 where absent.

    A function that mixes units is given the same rows in every column: in an absent sample with no unit
    present, softmax would be 0/0. Such a sample passes through σ as a column of zeros.
    """
    units = jnp.broadcast_to(mask[:, :1], mask.shape)
    return _clean(mask, _ACTIVATION(index, _clean(mask, Z), units, parameters))


def _summed_terms(entry: Any, line: Any) -> Callable[..., Any]:
    def total(A: Any, Y: Any, mask: Any, units: Any, parameters: Any, arrays: Any) -> Any:
        arguments = _named(entry, [*[*parameters][: len(entry.parameters)], *arrays])
        terms = line.terms(A, Y, units, **arguments)
        # One term a sample, or one an entry: absent ones do not count.
        return jnp.sum(_clean(mask if line.separable else mask[0], terms))

    return total


_LOSS = _switch([_summed_terms(entry, line) for entry, line in _LOSSES])


def _loss(case: Arrays, A: Any, mask: Any) -> Any:
    """The reduced loss, a scalar."""
    units = jnp.broadcast_to(mask[:, :1], mask.shape)
    # Weights and variances that stand for nothing are 1: none of them divides by 0.
    arrays = jnp.where(mask, case["loss_arrays"], 1)
    given = _clean(mask, A), _clean(mask, case["Y"]), mask, units, case["loss_parameters"], arrays
    return _LOSS(case["loss"], *given) / case["divisor"]


def _masks(case: Arrays, batch: int) -> tuple[Any, Any]:
    """Which entries of A[0 … D] are there, (D + 1, width, batch), and which of A[L], (width, batch)."""
    width = case["Y"].shape[0]
    masks = jax.vmap(lambda rows: _present(rows, case["samples"], (width, batch)))(case["widths"])
    return masks, masks[case["depth"]]


def _trace(case: Arrays) -> dict[str, Any]:
    """The full trace of one padded case."""
    masks, output_mask = _masks(case, case["X"].shape[1])
    inputs, outputs = case["widths"][:-1], case["widths"][1:]
    W_mask = jax.vmap(lambda rows, columns: _present(rows, columns, case["W"].shape[1:]))(outputs, inputs)
    W = _clean(W_mask, case["W"])
    b = _clean(masks[1:, :, :1], case["b"])
    X = _clean(masks[0], case["X"])
    active = outputs > 0

    def forward(differentiated: Arrays) -> tuple[Any, dict[str, Any]]:
        def layer(A: Any, given: Arrays) -> tuple[Any, tuple[Any, Any]]:
            # δ is the derivative by a tap: zeros added to Z.
            Z = given["W"] @ A + given["b"] + given["tap"]
            A_next = _activation(given["activation"], given["parameters"], Z, given["mask"])
            return jnp.where(given["active"], A_next, A), (Z, A_next)

        layers = {
            "W": differentiated["W"],
            "b": differentiated["b"],
            "tap": differentiated["tap"],
            "activation": case["activations"],
            "parameters": case["parameters"],
            "mask": masks[1:],
            "active": active,
        }
        A_last, (Z, A) = lax.scan(layer, differentiated["X"], layers)
        return _loss(case, A_last, output_mask), {"Z": Z, "A": A}

    differentiated = {"W": W, "b": b, "X": X, "tap": jnp.zeros_like(masks[1:], W.dtype)}
    (loss, values), gradients = jax.value_and_grad(forward, has_aux=True)(differentiated)
    updated = _gradient_step({"W": W, "b": b}, gradients, case["rate"])
    return {
        "loss": loss,
        **values,
        "delta": gradients["tap"],
        "dW": gradients["W"],
        "db": gradients["b"],
        "dX": gradients["X"],
        "W_updated": updated["W"],
        "b_updated": updated["b"],
    }


def _gradient_step(parameters: dict[str, Any], gradients: Arrays, rate: Any) -> Any:
    """One step of optax.sgd."""
    sgd = optax.sgd(rate)
    updates, _ = sgd.update({name: gradients[name] for name in parameters}, sgd.init(parameters))
    return optax.apply_updates(parameters, updates)


def _mapped(program: Callable[[Arrays], dict[str, Any]]) -> Callable[[Arrays], dict[str, Any]]:
    """The program over a stack of cases. Empty places (depth 0) are skipped and give zeros."""

    def over_stack(stack: Arrays) -> dict[str, Any]:
        inner = jax.jit(program)  # so that its shapes and its branch are traced once
        shapes = jax.eval_shape(inner, jax.tree.map(lambda array: array[0], stack))

        def nothing(case: Arrays) -> dict[str, Any]:
            del case
            return jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)

        return lax.map(lambda case: lax.cond(case["depth"] > 0, inner, nothing, case), stack)

    return jax.jit(over_stack)


trace_stack = _mapped(_trace)
