"""Makes the lines of a file of vectors, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from backproof import __version__
from backproof.cases import DrawOptions, draw_case
from backproof.cases.options import output_activations
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Case, LossSpec
from refimpl.functions import REDUCTIONS

from .exact import (
    Answers,
    activation_answers,
    layer_answers,
    loss_answers,
    network_answers,
    usable,
    usable_samples,
    written,
)
from .model import FORMAT, VERSION
from .options import VectorOptions
from .points import (
    LossPoint,
    activation_groups,
    cotangents,
    drawn_activation,
    drawn_layer,
    drawn_loss,
    index_of,
    loss_groups,
    numbers_of,
)

FIELDS = {
    "id": "kind/functions/dtype/which: the same numbers for the same seed",
    "kind": "activation, loss, layer or network",
    "dtype": "what the inputs are numbers of, and what the bounds are for",
    "activation": "name and parameters; of a network, activations: those of its layers, the first first",
    "loss": "name, parameters, reduction, and the divisor of the sum of all terms",
    "inputs": "name -> matrix; each number is exactly a number of the dtype",
    "answers": "name -> matrix of exact values, each rounded to double, with a bound for each entry",
    "shape": "rows and columns; samples are columns; the loss is 1 by 1",
    "value": "the entries, row by row",
    "bound": "entry by entry: an answer x is right if |x - value| <= bound",
    "on_a_kink": "true: value is the middle of all right answers, and bound reaches to the ends",
}
_TRIES = 32
"""How many are drawn for each that is wanted, while some bound is infinite or too wide, as on a kink."""
_SMALL = (3, 4, 4)
"""The largest depth, width and batch of networks."""


def vectors(options: VectorOptions) -> Iterator[dict[str, Any]]:
    """The lines of a file as JSON values: a header, the vectors, a footer."""
    making = _Making(options)
    yield {
        "kind": "header",
        "format": FORMAT,
        "version": VERSION,
        "backproof": __version__,
        "kinds": list(options.kinds),
        "dtypes": list(options.dtypes),
        "seed": options.seed,
        "cases": options.cases,
        "activations": options.chosen(list(ACTIVATIONS), options.activations),
        "losses": options.chosen(list(LOSSES), options.losses),
        "fields": FIELDS,
    }
    makers: dict[str, Callable[[str], Iterator[dict[str, Any]]]] = {
        "activation": making.activations,
        "loss": making.losses,
        "layer": making.layers,
        "network": making.networks,
    }
    counts: Counter[str] = Counter()
    for kind, maker in makers.items():
        if kind in options.kinds:
            for dtype in options.dtypes:
                for vector in maker(dtype):
                    counts[kind] += 1
                    yield vector
    yield {
        "kind": "footer",
        "vectors": counts.total(),
        "counts": {kind: counts[kind] for kind in makers if kind in options.kinds},
        "skipped": {kind: making.skipped[kind] for kind in makers if kind in options.kinds},
        "samples_left_out": making.samples_left_out,
    }


class _Making:
    """Makes vectors, and counts what is left out because a bound is infinite or says nothing."""

    def __init__(self, options: VectorOptions) -> None:
        self.options = options
        self.skipped: Counter[str] = Counter()
        self.samples_left_out = 0

    def activations(self, dtype: str) -> Iterator[dict[str, Any]]:
        """Of each activation: the fixed groups of points, then those with drawn parameters."""
        for name in self.options.chosen(list(ACTIVATIONS), self.options.activations):
            spec = _default(name, dtype)
            place = f"activation/{name}/{dtype}"
            numbers = numbers_of(self.options.seed, place, dtype)
            for group, Z in activation_groups(spec, numbers):
                yield from self._activation(f"{place}/{group}", spec, Z, cotangents(numbers, Z.shape), dtype)
            for i in range(1, self.options.cases + 1):
                numbers = numbers_of(self.options.seed, f"{place}/drawn-{i}", dtype)
                drawn = drawn_activation(spec, numbers)
                shape = (1, 12) if spec.entry.elementwise else (3, 4)
                Z = numbers.normal(*shape, 2.0 ** numbers.source.integer(-1, 3))
                yield from self._activation(f"{place}/drawn-{i}", drawn, Z, cotangents(numbers, shape), dtype)

    def _activation(
        self, place: str, spec: ActivationSpec, Z: Any, dA: Any, dtype: str
    ) -> Iterator[dict[str, Any]]:
        Z, dA = Z.astype(dtype), dA.astype(dtype)
        answers = activation_answers(spec, Z, dA)
        kept = np.flatnonzero(usable_samples(answers, kinks=_on_kinks(place)))
        self.samples_left_out += Z.shape[1] - len(kept)
        if 0 < len(kept) < Z.shape[1]:
            Z, dA = Z[:, kept], dA[:, kept]
            answers = activation_answers(spec, Z, dA)
        about = {"activation": _function(spec)}
        yield from self._vector("activation", place, dtype, about, {"Z": Z, "dA": dA}, answers)

    def losses(self, dtype: str) -> Iterator[dict[str, Any]]:
        """Of each loss, with each reduction: the fixed groups, then those with drawn arguments."""
        for name in self.options.chosen(list(LOSSES), self.options.losses):
            for reduction in REDUCTIONS:
                place = f"loss/{name}/{reduction}/{dtype}"
                entry, parameters = LOSSES[name], LOSSES[name].complete({}, np.dtype(dtype))
                numbers = numbers_of(self.options.seed, place, dtype)
                for group, point in loss_groups(LossSpec(name, reduction, parameters), numbers):
                    yield from self._loss(f"{place}/{group}", point, dtype)
                for i in range(1, self.options.cases + 1):
                    numbers = numbers_of(self.options.seed, f"{place}/drawn-{i}", dtype)
                    yield from self._loss(f"{place}/drawn-{i}", drawn_loss(entry, reduction, numbers), dtype)

    def _loss(self, place: str, point: LossPoint, dtype: str) -> Iterator[dict[str, Any]]:
        point = LossPoint(point.spec, point.A.astype(dtype), point.Y.astype(dtype))
        output = ActivationSpec(output_activations(point.spec.entry, None)[0].name)
        answers = loss_answers(point.spec, point.A, point.Y, output)
        kept = np.flatnonzero(usable_samples(answers, kinks=_on_kinks(place)))
        samples = point.A.shape[1]
        self.samples_left_out += samples - len(kept)
        if 0 < len(kept) < samples:
            point = point.part(kept)
            answers = loss_answers(point.spec, point.A, point.Y, output)
        about = {"loss": _loss_function(point.spec, point.A.shape)}
        inputs = {"A": point.A, "Y": point.Y, **point.spec.arrays}
        yield from self._vector("loss", place, dtype, about, inputs, answers)

    def layers(self, dtype: str) -> Iterator[dict[str, Any]]:
        """Random layers for each activation, with drawn parameters every second time."""
        for name in self.options.chosen(list(ACTIVATIONS), self.options.activations):
            for i in range(1, self.options.cases + 1):
                place = f"layer/{name}/{dtype}/drawn-{i}"
                yield from _first(self._layer(place, t, dtype, drawn=i % 2 == 0) for t in range(_TRIES))

    def _layer(self, place: str, attempt: int, dtype: str, *, drawn: bool) -> Iterator[dict[str, Any]]:
        numbers = numbers_of(self.options.seed, f"{place}/{attempt}", dtype)
        spec = _default(place.split("/")[1], dtype)
        spec = drawn_activation(spec, numbers) if drawn else spec
        layer, X, basis, signs = drawn_layer(spec, numbers)
        dA, answers = layer_answers(layer, X, basis, signs)
        inputs = {"W": layer.W, "b": layer.b, "X": X, "dA": dA}
        yield from self._vector("layer", place, dtype, {"activation": _function(spec)}, inputs, answers)

    def networks(self, dtype: str) -> Iterator[dict[str, Any]]:
        """Small random networks for each loss, of all regimes."""
        for name in self.options.network_losses:
            draw = DrawOptions(self.options.activations, (name,), None, *_SMALL)
            for i in range(1, self.options.cases + 1):
                place = f"network/{name}/{dtype}/drawn-{i}"
                cases = (
                    draw_case(self.options.seed, index_of(f"{place}/{attempt}"), dtype, draw).case
                    for attempt in range(_TRIES)
                )
                yield from _first(self._network(place, case, dtype) for case in cases)

    def _network(self, place: str, case: Case, dtype: str) -> Iterator[dict[str, Any]]:
        loss = case.network.loss
        about = {
            "activations": [_function(layer.activation) for layer in case.network.layers],
            "loss": _loss_function(loss, case.Y.shape),
            "learning_rate": case.learning_rate,
        }
        inputs = {"X": case.X, "Y": case.Y, **loss.arrays}
        for l, layer in enumerate(case.network.layers, start=1):
            inputs |= {f"W{l}": layer.W, f"b{l}": layer.b}
        yield from self._vector("network", place, dtype, about, inputs, network_answers(case))

    def _vector(
        self, kind: str, place: str, dtype: str, about: dict[str, Any], inputs: dict[str, Any], found: Answers
    ) -> Iterator[dict[str, Any]]:
        if not usable(found, kinks=_on_kinks(place)):
            self.skipped[kind] += 1
            return
        yield {
            "id": place,
            "kind": kind,
            "dtype": dtype,
            **about,
            "on_a_kink": found.on_a_kink,
            "inputs": {name: _matrix(array) for name, array in inputs.items()},
            "answers": {name: written(*answer) for name, answer in found.quantities.items()},
        }


def _first(attempts: Iterable[Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """The vector of the first attempt that gives one."""
    for attempt in attempts:
        for vector in attempt:
            yield vector
            return


def _on_kinks(place: str) -> bool:
    """Whether a vector of that id lies on kinks on purpose."""
    return place.rsplit("/", 1)[1].startswith("kinks")


def _default(name: str, dtype: str) -> ActivationSpec:
    return ActivationSpec(name, ACTIVATIONS[name].complete({}, np.dtype(dtype)))


def _function(spec: ActivationSpec | LossSpec) -> dict[str, Any]:
    return {"name": spec.name, "parameters": dict(spec.parameters)}


def _loss_function(spec: LossSpec, shape: tuple[int, int]) -> dict[str, Any]:
    divisor = spec.entry.divisor(spec.reduction, *shape)
    return {**_function(spec), "reduction": spec.reduction, "divisor": divisor}


def _matrix(array: Any) -> dict[str, Any]:
    return {"shape": list(array.shape), "value": array.astype(np.float64).reshape(-1).tolist()}
