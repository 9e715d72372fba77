"""Vectors have the judge's bounds, rounded up to four digits; the document shows what is made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.judging.batch import Batch, Sides
from backproof.judging.end_to_end import EndToEnd
from backproof.judging.local import LocalSteps
from backproof.vectors import VectorOptions, vectors
from backproof.vectors.exact import _four_digits
from backproof.vectors.files import line_of
from backproof.vectors.model import KINDS, LINE
from oracles.ball_oracle import BallOracle
from refimpl import QUANTITIES, ActivationSpec, Case, Layer, LossSpec, Network, Trace

from .answering import arrays_of, case_of
from .files import few_values

ORACLE = BallOracle()


def _few(kind: str) -> list[Any]:
    """Those of that kind that are on no kink, of which the bound would have half the hull besides."""
    found = [LINE.validate_python(values) for values in few_values()[1:-1]]
    return [vector for vector in found if vector.kind == kind and not vector.on_a_kink]


def _same(answer: Any, bound: Any) -> None:
    """Equal but for the rounding of the value to double, and to four digits."""
    judged, value = np.asarray(bound).reshape(-1), np.abs(np.array(answer.value))
    written = np.array(answer.bound)
    assert np.all(written >= judged)
    assert np.all(written <= (judged + np.finfo(float).eps * value) * 1.0011)


def _whole(case: Case) -> Any:
    sides = Sides(Batch([case]), {"truth": ORACLE.traces([case])})
    return sides, EndToEnd(sides, ORACLE, {}, exact=True).bounds_on()


@pytest.mark.long
def test_a_networks_bounds_are_the_end_to_end_ones():
    networks = _few("network")
    assert len(networks) > 4
    for vector in networks:
        _, bounds = _whole(case_of(vector))
        for quantity, per_layer in QUANTITIES.items():
            for l, bound in enumerate(bounds[quantity] if per_layer else [bounds[quantity]], start=1):
                _same(vector.answers[f"{quantity}{l}" if per_layer else quantity], bound)


def test_a_layers_bounds_are_the_end_to_end_ones_forwards():
    for vector in _few("layer"):
        x = arrays_of(vector)
        spec = ActivationSpec(vector.activation.name, vector.activation.parameters)
        network = Network((Layer(x["W"], x["b"], spec),), LossSpec("mse"))
        _, bounds = _whole(Case(network, x["X"], np.zeros_like(x["dA"])))
        for quantity in ("Z", "A"):
            _same(vector.answers[quantity], bounds[quantity][0])


def _local(case: Case, trace: Trace) -> Any:
    sides = Sides(Batch([case]), {"given": [trace]})
    return LocalSteps(sides, ORACLE, {}, exact=True).nonlinear_bounds()


def test_an_activations_bounds_are_the_local_ones():
    for vector in _few("activation"):
        x = arrays_of(vector)
        Z, g, eye = x["Z"], x["dA"], np.eye(len(x["Z"]), dtype=vector.dtype)
        spec = ActivationSpec(vector.activation.name, vector.activation.parameters)
        layers = (Layer(eye, eye[:, :1] * 0, spec), Layer(eye, eye[:, :1] * 0, ActivationSpec("identity")))
        case = Case(Network(layers, LossSpec("mse")), Z, np.zeros_like(Z))
        bounds = _local(case, Trace(Z=(Z, Z), A=(Z, Z), delta=(g, g)))
        _same(vector.answers["A"], bounds["A", 1][0])
        # The judge adds the rounding of W[2]^T δ[2], which is given here.
        assert np.all(np.array(vector.answers["delta"].bound) <= bounds["delta", 1].reshape(-1) * 1.0011)


def test_a_losses_bound_is_the_local_one():
    losses = [vector for vector in _few("loss") if vector.loss.name != "bce"]
    assert len(losses) > 20
    for vector in losses:
        x = arrays_of(vector)
        A, one = x["A"], np.zeros((len(x["A"]), 1), vector.dtype)
        spec = LossSpec(vector.loss.name, vector.loss.reduction)
        case = Case(Network((Layer(one, one, ActivationSpec("identity")),), spec), A[:1] * 0, x["Y"])
        bounds = _local(case, Trace(Z=(A,), A=(A,), delta=(A,), loss=0.0))
        _same(vector.answers["loss"], bounds["loss", None])


@pytest.mark.parametrize("bound", [0.0, 5e-324, 2.3e-308, 0.1, 0.12345, 1.0, 99995.0, 1.7e308, 2.0**-60])
def test_four_digits_are_never_less_and_at_most_a_thousandth_more(bound):
    written = _four_digits(bound)
    assert bound <= written <= bound * 1.001
    assert float(f"{written:.3e}") == written or bound < 1e-300


def test_a_sloppier_bound_is_noticed():
    """What compares bounds here would see one that is a hundredth too wide, or too narrow."""
    (answer, *_) = _few("network")[0].answers.values()
    for factor in (0.99, 1.01):
        with pytest.raises(AssertionError):
            _same(answer, np.array(answer.bound) * factor)


# ---------------------------------------------------------------- the document

DOCUMENT = (Path(__file__).parents[2] / "docs" / "vectors.md").read_text(encoding="utf-8")


def test_the_line_of_the_document_is_one_that_is_made():
    (line,) = re.findall(r"^```json\n(.*\n)```$", DOCUMENT, re.MULTILINE)
    options = VectorOptions(("activation",), ("float64",), activations=("relu",))
    assert line in map(line_of, vectors(options))


def test_the_document_names_every_kind_input_and_answer():
    for values in few_values()[1:-1]:
        for name in (*values["inputs"], *values["answers"]):
            assert re.search(rf"`{name}`|`{name.rstrip('0123456789')}1`", DOCUMENT), name
    assert all(f"`{kind}`" in DOCUMENT for kind in KINDS)
