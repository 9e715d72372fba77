"""How an answer of an oracle, or of the reference, is measured against the exact one and the error facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
import torch
from exact_values import distance, exact_activation, exact_terms, rounded

from backproof.judging.allowance import Allowance
from backproof.judging.deviations import deviations_of
from backproof.judging.error_facts import ACCURACY
from backproof.judging.rounding import precision
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Loss, LossSpec
from refimpl.domains import UNIT, Interval, OneHot, OneOf

SOURCES = ("refimpl", "torch", "jax")


def variants(entry: Any, dtype: str) -> list[dict[str, float]]:
    """The default parameters, and the ends and the middle of where random cases take them from."""
    ends = [{p.name: value} for p in entry.parameters for value in ends_of(p.drawn)]
    return [entry.complete(given, np.dtype(dtype)) for given in ({}, *ends)]


def ends_of(drawn: Any) -> tuple[float, ...]:
    """The numbers of a set; the ends of an interval and a third of the upper one."""
    return drawn.values if isinstance(drawn, OneOf) else (drawn.low, drawn.high, drawn.high / 3)


def loss_specs(name: str, dtype: str, samples: int) -> list[LossSpec]:
    """The loss with each of its variants, and once with arrays, for one output and so many samples."""
    entry, rng = LOSSES[name], np.random.Generator(np.random.Philox(7))
    specs = [LossSpec(name, "sum", parameters) for parameters in variants(entry, dtype)]
    if entry.arrays:
        arrays = {
            array.name: rng.uniform(array.drawn.low, array.drawn.high, array.shape(1, samples)).astype(dtype)
            for array in entry.arrays
        }
        specs.append(LossSpec(name, "sum", specs[0].parameters, arrays))
    return specs


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


TARGETS = (0, 1, 0.3, 0.999, -1, 2.0**-20)
"""Of these, each loss is given those that are entries of its targets."""


def targets_in(domain: Any, targets: tuple[float, ...] = TARGETS) -> list[float]:
    """Those that lie in the domain; entries of one-hot columns are 0 and 1."""
    if isinstance(domain, OneHot):
        return [0.0, 1.0]
    return [target for target in targets if domain.contains(target)]


def _numbers_and_targets(domain: Interval, targets: list[float], dtype: str) -> tuple[Any, Any]:
    """Predictions in the domain, beside and far from their targets."""
    z = np.unique(np.clip(points_of(dtype), domain.low, domain.high))
    z = z[:: max(1, len(targets) // 2)]
    y = np.repeat(targets, len(z)).astype(dtype)
    near = np.repeat(targets, 20).astype(dtype) + np.array([1e-3, -1e-6], dtype).repeat(10 * len(targets))
    inside = np.array([domain.contains(a) for a in near])
    beside = np.repeat(targets, 20).astype(dtype)
    return np.concatenate([np.tile(z, len(targets)), near[inside]]), np.concatenate([y, beside[inside]])


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
    """(ℓ, ∂ℓ/∂a) as `source` has them, in the dtype of a; a and y are matrices."""
    p = spec.arguments
    if source == "refimpl":
        return spec.entry.terms(a, y, **p), spec.entry.gradient(a, y, **p)
    line = oracle_of(source).losses[spec.name]
    if source == "torch":
        target = torch.from_numpy(np.array(y))
        p |= {name: torch.from_numpy(np.array(array)) for name, array in spec.arrays.items()}
        if line.terms is not None:
            return by_torch(lambda x: line.terms(x, target, **p), a)
        return by_torch(lambda x: line.function(x, target, reduction="none", **p), a)
    return by_jax(lambda x: line.terms(x, y, None, **p), a)


# ---------------------------------------------------------------- the measurement


@cache
def _activation_truth(spec: ActivationSpec, dtype: str) -> tuple[Any, Any]:
    return exact_activation(spec, points_of(dtype))


@cache
def _loss_truth(spec: LossSpec, dtype: str) -> tuple[Any, Any]:
    return exact_terms(spec, *_loss_points(spec.entry, dtype))


def _loss_points(entry: Loss, dtype: str) -> tuple[Any, Any]:
    """Predictions and targets in the loss's domains, each one row."""
    domain = entry.prediction_domain
    targets = targets_in(entry.target_domain)
    a, y = probabilities(dtype) if domain == UNIT else _numbers_and_targets(domain, targets, dtype)
    return a[None], y[None]


def allowance_of(source: str, dtype: str) -> Allowance:
    own = precision(dtype)
    return Allowance(own.u, own.tiny, deviations=deviations_of(source))


class Parts(NamedTuple):
    """What an allowance consists of: roundings, underflow, declared deviations."""

    roundings: Any
    underflow: Any
    deviations: Any


def _parts_of(source: str, dtype: str, kind: str, *arguments: Any) -> list[Parts]:
    """The parts of `allowance_of` for values and for slopes."""
    own = precision(dtype)
    allowances = (
        Allowance(own.u, 0.0), Allowance(0.0, own.tiny), Allowance(0.0, 0.0, deviations=deviations_of(source))
    )  # fmt: skip
    return [Parts(*each) for each in zip(*(getattr(a, kind)(*arguments) for a in allowances), strict=True)]


class Measured(NamedTuple):
    """The largest error of one quantity of a function."""

    function: str
    quantity: str
    source: str
    dtype: str
    times: float
    """In u · scale, so that ACCURACY is what E1 allows; what underflow may lose is taken off before."""
    beside: float
    """Likewise, with the declared deviations taken off too."""
    ulps: float
    """The error there in units of the last place of the exact result; NaN if that is 0 or subnormal."""
    at: str
    points: int


def measured(
    key: tuple[str, str, str, str], error: Any, meant: Any, truth: Any, parts: Parts, at: Callable[[int], str]
) -> Measured:
    """The largest of the errors at the points that are meant; `at` names the point of an index."""
    dtype = np.dtype(key[3])

    def times(allowed: Any) -> Any:
        excess = np.where(meant, np.maximum(error - allowed, 0.0), 0.0)
        with np.errstate(all="ignore"):
            return np.where(excess > 0, ACCURACY * excess / parts.roundings, 0.0)

    all_times = times(parts.underflow)
    worst = int(np.argmax(all_times))
    exact = abs(float(rounded(truth.flat[worst])))
    ulps = float(error.flat[worst]) / float(np.spacing(dtype.type(exact)))
    return Measured(
        *key,
        float(all_times.flat[worst]),
        float(np.max(times(parts.underflow + parts.deviations))),
        ulps if exact >= np.finfo(dtype).tiny else float("nan"),
        at(worst),
        int(np.sum(meant)),
    )


def worst_of(found: list[Measured]) -> list[Measured]:
    """One for each quantity: the largest of all variants."""
    quantities = dict.fromkeys(each.quantity for each in found)
    groups = [[each for each in found if each.quantity == quantity] for quantity in quantities]
    return [
        max(group, key=lambda each: each.times)._replace(
            beside=max(each.beside for each in group), points=sum(each.points for each in group)
        )
        for group in groups
    ]


def in_words(names: str, numbers: tuple[Any, ...], given: Mapping[str, Any]) -> str:
    """Arguments and the parameters that are given, such as z = 0.3, beta = 2.0."""
    named = [*zip(names, numbers, strict=True), *given.items()]
    return ", ".join(f"{name} = {number!s}" for name, number in named)


def require_within(
    what: str,
    answers: Any,
    truths: Any,
    limits: Any,
    points: Any,
    floor: int = 300,
    names: tuple[str, ...] = ("value", "derivative"),
) -> list[tuple[Any, Any]]:
    """|answer - truth| ≤ limit wherever the truth can be represented and the limit is finite.

    Returns the errors, and where they are meant, of each quantity.
    """
    found = []
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
        found.append((error, meant))
    return found


def off_kinks(spec: ActivationSpec, z: Any) -> Any:
    """Where z lies on no kink: on one, the derivative is a choice, and so is the value where it jumps."""
    return ~np.isin(z, [kink.at for kink in spec.entry.kinks(spec.parameters)])


def measure_activation(source: str, name: str, dtype: str) -> list[Measured]:
    """The largest errors of σ and σ', both of which must lie within the facts."""
    found = []
    for parameters in variants(ACTIVATIONS[name], dtype):
        spec, z = ActivationSpec(name, parameters), points_of(dtype)
        truths = _activation_truth(spec, dtype)
        value, slope = (rounded(truth)[None] for truth in truths)
        given = (spec, z[None].astype(np.float64), value, slope)
        with np.errstate(all="ignore"):
            limits = allowance_of(source, dtype).activation(*given)
            limits = [np.where(off_kinks(spec, z), limit, np.inf) for limit in limits]
            parts = _parts_of(source, dtype, "activation", *given)
            answers = of_activation(source, spec, z)
        what = f"{source}'s {name} {parameters or ''} in {dtype}"
        errors = require_within(what, answers, truths, limits, z)
        for quantity, pair, truth, part in zip(("value", "derivative"), errors, truths, parts, strict=True):
            key = (name, quantity, source, dtype)
            found.append(
                measured(key, *pair, truth, part, lambda i, z=z, p=parameters: in_words("z", (z[i],), p))
            )
    return worst_of(found)


def measure_loss(source: str, name: str, dtype: str) -> list[Measured]:
    """The largest errors of a term and of its slope, both of which must lie within the facts."""
    a, y = _loss_points(LOSSES[name], dtype)
    found = []
    for spec in loss_specs(name, dtype, a.shape[1]):
        truths = _loss_truth(spec, dtype)
        value, slope = (rounded(truth)[None] for truth in truths)
        a64, y64 = a[None].astype(np.float64), y.astype(np.float64)
        with np.errstate(all="ignore"):
            limits = allowance_of(source, dtype).loss(spec, a64, value, slope, y64)
            limits = [np.broadcast_to(limit, a.shape) for limit in limits]
            parts = _parts_of(source, dtype, "loss", spec, a64, value, slope, y64)
            answers = of_loss(source, spec, a, y)
        given = {**spec.parameters, **dict.fromkeys(spec.arrays, "drawn")}
        what = f"{source}'s {name} {given or ''} in {dtype}"
        overflown = _overflown(source, spec, dtype, a64[0], y64)
        assert not np.isfinite(np.array(answers)[:, overflown]).any(), f"{what}: no overflow where declared"
        # On a kink there is no derivative: what is answered there is a convention.
        chosen = ~overflown & ~_on_a_kink(spec, a64[0], y64)
        answers, truths, limits = ([array[chosen] for array in each] for each in (answers, truths, limits))
        errors = require_within(what, answers, truths, limits, a[chosen])
        pairs = list(zip(a[chosen], y[chosen], strict=True))
        for quantity, pair, truth, part in zip(("value", "gradient"), errors, truths, parts, strict=True):
            part = Parts(*(np.broadcast_to(each, a.shape)[chosen] for each in part))  # noqa: PLW2901
            key = (name, quantity, source, dtype)
            found.append(
                measured(key, *pair, truth, part, lambda i, at=pairs, p=given: in_words("ay", at[i], p))
            )
    return worst_of(found)


def _overflown(source: str, spec: LossSpec, dtype: str, a: Any, y: Any) -> Any:
    """Where a declared deviation of the source says that it overflows."""
    overflown = np.zeros(a.shape, bool)
    for deviation in deviations_of(source):
        if deviation.function == spec.name and deviation.overflow is not None:
            overflown |= deviation.overflow(a, y, spec.arguments) > np.log(float(np.finfo(dtype).max))
    return overflown


def _on_a_kink(spec: LossSpec, a: Any, y: Any) -> Any:
    kinks = [a == kink.at for kink in spec.entry.kinks(y, spec.arguments)]
    return np.any([*kinks, np.zeros(a.shape, bool)], axis=0)
