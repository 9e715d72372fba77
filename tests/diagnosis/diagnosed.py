"""Small networks with numbers that one can follow by hand, and what is asked of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.cases import DrawOptions, draw_case
from backproof.diagnosis.agreement import Observation, Place
from backproof.diagnosis.diagnose import Diagnostician
from refimpl import ActivationSpec, Backprop, Case, Layer, LossSpec, Network, Trace

SMALL = DrawOptions(max_depth=4, max_width=4, max_batch=4, regimes=("ordinary",))
GRADIENTS = ("loss", "dW", "db")


def array(*rows: Sequence[float], dtype: str = "float64") -> Any:
    return np.array(rows, dtype=dtype)


def chain(
    *weights: float, biases: Sequence[float] = (), activation: str = "identity", x: float = 2.0
) -> Case:
    """One unit in each layer, one sample, ½(ŷ - y)² with y = 1, η = 1/2; the last layer is the identity."""
    biases = biases or [0.0] * len(weights)
    names = [activation] * (len(weights) - 1) + ["identity"]
    layers = tuple(
        Layer(array([w]), array([b]), ActivationSpec(name))
        for w, b, name in zip(weights, biases, names, strict=True)
    )
    return Case(Network(layers, LossSpec("half_squared_error", "sum")), array([x]), array([1.0]), 0.5)


def network(*, activation: str = "tanh", dtype: str = "float64", samples: int = 3, seed: int = 4) -> Case:
    """Widths 2, 3, 3, 2: enough entries to tell things apart."""
    random = np.random.Generator(np.random.Philox(key=seed))
    widths, names = (2, 3, 3, 2), (activation, activation, "identity")

    def numbers(rows: int, columns: int) -> Any:
        return random.standard_normal((rows, columns)).astype(dtype)

    layers = tuple(
        Layer(numbers(n, k), numbers(n, 1), ActivationSpec(name))
        for k, n, name in zip(widths, widths[1:], names, strict=False)
    )
    loss = LossSpec("half_squared_error", "batchmean")
    return Case(Network(layers, loss), numbers(2, samples), numbers(2, samples), 0.125)


def answer(case: Case, make: Callable[[], Backprop] = Backprop, quantities: Sequence[str] = ()) -> Trace:
    """What it answers, or those quantities of it."""
    with np.errstate(all="ignore"):
        trace = make().run(case)
    return Trace(**{name: getattr(trace, name) for name in quantities}) if quantities else trace


def drawn(seed: int, index: int, dtype: str = "float64", options: DrawOptions = SMALL) -> Case:
    return draw_case(seed, index, dtype, options).case


def seen(case: Case, make: Callable[[], Backprop], quantities: Sequence[str] = ()) -> Observation:
    """Nobody has judged it: what is off the reference counts as wrong."""
    return Observation(case, answer(case, make, quantities))


def changed(case: Case, place: Place, change: Callable[[Any], Any]) -> Observation:
    """The right answer, but for one array."""
    trace, (quantity, layer) = answer(case), place
    values = getattr(trace, quantity)
    if layer:
        values = (*values[: layer - 1], change(values[layer - 1]), *values[layer:])
    return Observation(case, replace(trace, **{quantity: values if layer else change(values)}))


def asking(
    make: Callable[[], Backprop], quantities: Sequence[str] = (), catalogue: Any = None
) -> Diagnostician:
    def ask(cases: Sequence[Case]) -> list[tuple[Case, Trace]]:
        return [(case, answer(case, make, quantities)) for case in cases]

    return Diagnostician(ask, DrawOptions(), catalogue)
