"""How an answer of an oracle, or of the reference, is measured against the exact one and the error facts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import numpy as np
import torch
from exact_values import distance, exact_activation, exact_terms, rounded

from backproof.judging.allowance import Allowance
from backproof.judging.deviations import deviations_of
from backproof.judging.rounding import precision
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, LossSpec

SOURCES = ("refimpl", "torch", "jax")


def variants(entry: Any, dtype: str) -> list[dict[str, float]]:
    """The default parameters, and the ends and the middle of where random cases take them from."""
    ends = [
        {p.name: value} for p in entry.parameters for value in (p.drawn.low, p.drawn.high, p.drawn.high / 3)
    ]
    return [entry.complete(given, np.dtype(dtype)) for given in ({}, *ends)]


@cache
def points_of(dtype: str) -> Any:
    """Numbers of the dtype, both signs."""
    info, rng = np.finfo(dtype), np.random.Generator(np.random.Philox(5))
    magnitudes = [
        10 ** rng.uniform(np.log10(float(info.tiny)) + 1, 3, 40),
        10 ** rng.uniform(-4, 2, 60),
        rng.uniform(0, 25, 40),
        rng.uniform(80, 110, 20),
        rng.uniform(600, 760, 20),
        [float(info.tiny), float(info.eps), 1.0, 2.0],
    ]
    z = np.concatenate(magnitudes)
    return np.concatenate([z, -z]).astype(dtype)


@cache
def probabilities(dtype: str) -> Any:
    """Predictions in (0, 1), close to either end as well, and targets, both ends among them."""
    info, rng = np.finfo(dtype), np.random.Generator(np.random.Philox(6))
    a = np.concatenate(
        [
            10 ** rng.uniform(np.log10(float(info.tiny)) + 1, 0, 40),
            1 - 2.0 ** -rng.integers(2, info.nmant + 1, 30),
            rng.uniform(0, 1, 40),
            np.linspace(0.38, 0.4142, 10),  # 1 - a around 2 - √2, where JAX's log1p is at its worst
        ]
    )
    y = np.repeat([0, 1, 0.3, 0.999, 2.0**-20], len(a))
    return np.tile(a, 5).astype(dtype), y.astype(dtype)


@cache
def numbers_and_targets(dtype: str) -> tuple[Any, Any]:
    """Predictions, beside and far from their targets in [0, 1]."""
    z = points_of(dtype)[::2]
    y = np.repeat([0, 1, 0.3, 0.999], len(z)).astype(dtype)
    near = y[:40] + np.array([1e-3, -1e-6], dtype).repeat(20)
    return np.concatenate([np.tile(z, 4), near.astype(dtype)]), np.concatenate([y, y[:40]])


# ---------------------------------------------------------------- who answers


@cache
def oracle_of(source: str) -> Any:
    return {"torch": TorchOracle, "jax": JaxOracle}[source]()


def by_torch(function: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
    """function(x) and the slope of each entry, by autograd."""
    points = torch.from_numpy(np.array(x)).requires_grad_()
    value = function(points)
    (slope,) = torch.autograd.grad(value, points, torch.ones_like(value))
    return value.detach().numpy(), slope.numpy()


def by_jax(function: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
    """The same from one compiled program, as all of JAX's answers are."""

    @jax.jit
    def program(x: Any) -> tuple[Any, Any]:
        value, pull_back = jax.vjp(function, x)
        return value, pull_back(jax.numpy.ones_like(value))[0]

    with jax.enable_x64(True):
        value, slope = program(x)
        return np.asarray(value), np.asarray(slope)


def of_activation(source: str, spec: ActivationSpec, z: Any) -> tuple[Any, Any]:
    """(σ, σ') as `source` has them, in the dtype of z."""
    p = spec.parameters
    if source == "refimpl":
        assert spec.entry.derivative is not None
        return spec.entry.value(z[None], **p)[0], spec.entry.derivative(z[None], **p)[0]
    line = oracle_of(source).activations[spec.name]
    if source == "torch":
        return by_torch(partial(line, **p), z)
    return by_jax(lambda x: line(x, None, **p), z)


def of_loss(source: str, spec: LossSpec, a: Any, y: Any) -> tuple[Any, Any]:
    """(ℓ, ∂ℓ/∂a) as `source` has them, in the dtype of a."""
    p = spec.parameters
    if source == "refimpl":
        entry = spec.entry
        return entry.terms(a[None], y[None], **p)[0], entry.gradient(a[None], y[None], **p)[0]
    line = oracle_of(source).losses[spec.name]
    if source == "torch":
        target = torch.from_numpy(np.array(y))
        return by_torch(lambda x: line.function(x, target, reduction="none", **p), a)
    return by_jax(lambda x: line.terms(x, y, None, **p), a)


# ---------------------------------------------------------------- the measurement


@cache
def _activation_truth(spec: ActivationSpec, dtype: str) -> tuple[Any, Any]:
    return exact_activation(spec, points_of(dtype))


@cache
def _loss_truth(spec: LossSpec, dtype: str) -> tuple[Any, Any]:
    return exact_terms(spec, *_loss_points(spec, dtype))


def _loss_points(spec: LossSpec, dtype: str) -> tuple[Any, Any]:
    bounded = np.isfinite(spec.entry.prediction_domain.high)
    return probabilities(dtype) if bounded else numbers_and_targets(dtype)


def allowance_of(source: str, dtype: str) -> Allowance:
    own = precision(dtype)
    return Allowance(own.u, own.tiny, deviations=deviations_of(source))


def require_within(
    what: str,
    answers: Any,
    truths: Any,
    limits: Any,
    points: Any,
    floor: int = 300,
    names: tuple[str, ...] = ("value", "derivative"),
) -> None:
    """|answer - truth| ≤ limit wherever the truth can be represented and the limit is finite."""
    for quantity, answer, truth, limit in zip(names, answers, truths, limits, strict=True):
        dtype = answer.dtype
        assert dtype == points.dtype
        meant = np.isfinite(rounded(truth, dtype)) & np.isfinite(limit)
        assert meant.sum() >= floor, f"only {meant.sum()} points of {what} were measured"
        error = distance(answer, truth)
        with np.errstate(all="ignore"):
            ratio = np.where(meant & (error > 0), error / limit, 0.0)
        worst = int(np.argmax(ratio))
        assert ratio.flat[worst] <= 1, (
            f"{what}: the {quantity} at {points.flat[worst]!r} is {answer.flat[worst]!r}, exactly "
            f"{float(rounded(truth.flat[worst]))!r}: {ratio.flat[worst]:.3g} times what the facts allow"
        )


def on_kink(spec: ActivationSpec, z: Any, *, jumps: bool = False) -> Any:
    """Where z lies on a kink, so that the derivative is a choice; or on one at which the value jumps too."""
    kinks = spec.entry.kinks(spec.parameters)
    return np.isin(z, [kink.at for kink in kinks if kink.jump is not None or not jumps])


def measure_activation(source: str, name: str, dtype: str) -> None:
    for parameters in variants(ACTIVATIONS[name], dtype):
        spec, z = ActivationSpec(name, parameters), points_of(dtype)
        truths = _activation_truth(spec, dtype)
        value, slope = (rounded(truth)[None] for truth in truths)
        with np.errstate(all="ignore"):
            limits = allowance_of(source, dtype).activation(spec, z[None].astype(np.float64), value, slope)
            choices = (on_kink(spec, z, jumps=True), on_kink(spec, z))
            limits = [np.where(at, np.inf, limit) for at, limit in zip(choices, limits, strict=True)]
            answers = of_activation(source, spec, z)
        require_within(f"{source}'s {name} {parameters or ''} in {dtype}", answers, truths, limits, z)


def measure_loss(source: str, name: str, dtype: str) -> None:
    for parameters in variants(LOSSES[name], dtype):
        spec = LossSpec(name, "sum", parameters)
        a, y = _loss_points(spec, dtype)
        truths = _loss_truth(spec, dtype)
        value, slope = (rounded(truth)[None] for truth in truths)
        with np.errstate(all="ignore"):
            a64, y64 = a[None].astype(np.float64), y[None].astype(np.float64)
            limits = allowance_of(source, dtype).loss(spec, a64, value, slope, y64[0])
            limits = [np.broadcast_to(limit, a.shape) for limit in limits]
            answers = of_loss(source, spec, a, y)
        require_within(f"{source}'s {name} {parameters or ''} in {dtype}", answers, truths, limits, a)
