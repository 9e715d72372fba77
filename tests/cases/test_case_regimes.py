"""Regimes: each holds what its description promises, looked up in the reference's forward pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from backproof.cases import REGIMES, DrawOptions, draw_case
from backproof.cases.targets import takes_labels
from refimpl import ACTIVATIONS, DTYPES, LOSSES, Activation, Backprop, Case, Loss
from refimpl.domains import Interval
from refimpl.functions import Kink

DRAWS = 150


def _cases(regime: str, dtype: str = "float32", **options: Any) -> list[Case]:
    allowed = DrawOptions(regimes=(regime,), **options)
    return [draw_case(20, index, dtype, allowed).case for index in range(DRAWS)]


def _pre_activations(case: Case) -> list[Any]:
    with np.errstate(all="ignore"):
        return Backprop().forward(case)[0]


def _kinks(layer: Any) -> list[float]:
    return [kink.at for kink in layer.activation.entry.kinks(layer.activation.parameters)]


def _weights(cases: list[Case]) -> list[Any]:
    return [layer.W for case in cases for layer in case.network.layers]


def _share(found: list[bool]) -> float:
    assert len(found) > 30, "too few to speak of a share"
    return sum(found) / len(found)


@pytest.mark.parametrize("name", REGIMES)
def test_a_regime_describes_itself_in_one_line(name: str) -> None:
    regime = REGIMES[name]
    assert regime.name == name
    assert "\n" not in regime.description
    assert len(regime.description) > 20
    assert regime.weight > 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REGIMES)
def test_probabilities_stay_representable_except_where_saturation_is_meant(name: str, dtype: str) -> None:
    losses = tuple(n for n, loss in LOSSES.items() if math.isfinite(loss.prediction_domain.high))
    largest = [float(np.abs(_pre_activations(case)[-1]).max()) for case in _cases(name, dtype, losses=losses)]
    if name == "saturated":
        assert np.median(largest) > 32
    else:
        assert max(largest) < 12


def test_ordinary_cases_do_not_explode_with_depth() -> None:
    for case in _cases("ordinary"):
        assert all(np.abs(Z).max() < 2**8 + 1 for Z in _pre_activations(case))


def test_ordinary_layers_of_equal_shape_differ_in_the_scale_of_their_weights() -> None:
    allowed = DrawOptions(regimes=("ordinary",))
    wide = [
        W for W in _weights([draw_case(21, i, "float64", allowed).case for i in range(300)]) if W.size > 400
    ]
    unit = _share([bool(W.std() > 0.9) for W in wide])
    assert 0.15 < unit < 0.55


def test_saturated_layers_have_large_pre_activations() -> None:
    assert (
        _share([np.abs(Z).max() > 30 for case in _cases("saturated") for Z in _pre_activations(case)]) > 0.8
    )


def test_most_kink_cases_have_a_pre_activation_exactly_on_a_kink() -> None:
    hits = [
        any(
            at in Z
            for Z, layer in zip(_pre_activations(case), case.network.layers, strict=True)
            for at in _kinks(layer)
        )
        for case in _cases("kinks")
    ]
    assert _share(hits) > 0.6


@pytest.mark.parametrize("dtype", DTYPES)
def test_kinks_are_hit_wherever_the_entry_says_they_are(monkeypatch, dtype: str) -> None:
    at = (-2.5, 3.0)
    clip = Activation(
        "clip",
        "",
        "",
        value=lambda Z: np.clip(Z, *at),
        derivative=lambda Z: (np.clip(Z, *at) == Z).astype(Z.dtype),
        range=Interval(*at),
        kinks=lambda *_: (Kink(at[0], 0.0, 1.0, 0.0), Kink(at[1], 1.0, 0.0, 0.0)),
    )
    monkeypatch.setitem(ACTIVATIONS, "clip", clip)
    cases = _cases("kinks", dtype, activations=("clip",), losses=("mse",))
    for place in at:
        assert _share([any(place in Z for Z in _pre_activations(case)) for case in cases]) > 0.5


def test_half_of_the_residuals_of_kink_cases_lie_on_the_kinks_of_the_loss(monkeypatch) -> None:
    loss = LOSSES["mse"]
    kinked = type(loss)(
        "kinked",
        "",
        "",
        terms=loss.terms,
        gradient=loss.gradient,
        kinks=lambda *_: (Kink(-1.0, 0.0, 1.0, 0.0), Kink(1.0, 0.0, 1.0, 0.0)),
    )
    monkeypatch.setitem(LOSSES, "kinked", kinked)
    hits: dict[float, list[bool]] = {-1.0: [], 1.0: []}
    for case in _cases("kinks", losses=("kinked",), activations=("identity",), max_depth=2, max_width=8):
        residuals = Backprop().forward(case)[1][-1] - case.Y
        for at, found in hits.items():
            found.append(bool(np.any(residuals == at)))
    assert all(_share(found) > 0.6 for found in hits.values())


def test_near_kink_cases_come_close_without_hitting() -> None:
    near, hit = [], []
    for case in _cases("near_kinks", "float64"):
        layers = case.network.layers
        distances = np.concatenate(
            [
                np.abs(Z - at).ravel()
                for Z, k in zip(_pre_activations(case), layers, strict=True)
                for at in _kinks(k)
            ]
            or [np.array([1.0])]
        )
        near.append(bool(np.any((distances > 0) & (distances < 2.0**-16))))
        hit.append(bool(np.any(distances == 0)))
    assert _share(near) > 0.4
    assert _share(hit) < 0.2


def test_every_weight_matrix_of_ties_has_equal_rows_or_equal_columns() -> None:
    for W in _weights(_cases("ties")):
        if min(W.shape) >= 2:
            rows, columns = np.unique(W, axis=0).shape[0], np.unique(W, axis=1).shape[1]
            assert rows < W.shape[0] or columns < W.shape[1]


def test_ties_include_equal_logits_equal_samples_and_constant_weights() -> None:
    cases = [case for case in _cases("ties") if case.samples > 1 and case.network.widths[-1] > 1]
    logits = [_pre_activations(case)[-1] for case in cases]
    assert _share([bool(np.any(np.diff(np.sort(Z, axis=0), axis=0) == 0)) for Z in logits]) > 0.4
    assert _share([len(np.unique(case.X, axis=1)[0]) < case.samples for case in cases]) > 0.3
    assert _share([len(np.unique(W)) == 1 for W in _weights(cases) if W.size > 3]) > 0.2


def test_sparse_weights_are_zero_the_identity_or_mostly_zeros() -> None:
    weights = [W for W in _weights(_cases("sparse")) if min(W.shape) >= 4]
    zero = [bool(np.all(W == 0)) for W in weights]
    identity = [np.array_equal(W, np.eye(*W.shape)) for W in weights]
    assert _share(zero) == pytest.approx(1 / 8, abs=0.06)
    assert _share(identity) == pytest.approx(1 / 4, abs=0.08)
    assert _share([bool(np.mean(W == 0) > 0.5) for W in weights]) > 0.95
    others = [W for W, *known in zip(weights, zero, identity, strict=True) if not any(known)]
    assert all(np.any(W != 0, axis=1).all() for W in others), "a unit that hears nothing"


@pytest.mark.parametrize("dtype", DTYPES)
def test_magnitudes_spread_over_many_powers_of_two(dtype: str) -> None:
    weights = [np.abs(W) for W in _weights(_cases("magnitudes", dtype)) if W.size >= 16]
    assert _share([bool(W.max() / W[W > 0].min() > 2**10) for W in weights]) > 0.8


def test_limit_cases_lie_at_a_limit() -> None:
    ends = []
    for case in _cases("limits", max_depth=5, max_width=7, max_batch=9):
        depth, widths, batch = case.network.depth, set(case.network.widths), case.samples
        at_end = (depth in (1, 5), widths in ({1}, {7}), batch in (1, 9))
        assert any(at_end)
        ends.append(all(at_end))
    assert _share(ends) > 0.15


def test_label_cases_are_one_hot_hard_or_soft() -> None:
    binary = [case.Y for case in _cases("labels", losses=("bce",)) if case.Y.shape[0] > 1 and case.Y.size > 8]
    assert _share([bool(np.all(Y.sum(axis=0) == 1) and set(np.unique(Y)) == {0, 1}) for Y in binary]) > 0.15
    assert _share([set(np.unique(Y)) == {0, 1} for Y in binary]) > 0.4
    assert _share([bool(np.all((Y > 0) & (Y < 1))) for Y in binary]) > 0.1
    classes = [case.Y for case in _cases("labels", losses=("cross_entropy",)) if case.Y.shape[0] > 1]
    assert _share([bool(np.all(Y.sum(axis=0) == 1)) for Y in classes]) > 0.7


def test_label_cases_prefer_losses_with_labels_and_give_labels_to_any_other() -> None:
    assert all(takes_labels(case.network.loss.entry) for case in _cases("labels"))
    assert all(np.all((case.Y >= 0) & (case.Y <= 1)) for case in _cases("labels", losses=("mse",)))


def _mixing_widths(case: Case) -> list[int]:
    """The widths of the layers whose activation or, in the last, whose loss mixes the units of a sample."""
    network = case.network
    mixes = [not layer.activation.entry.elementwise for layer in network.layers]
    mixes[-1] |= not network.loss.entry.elementwise
    return [width for width, mixed in zip(network.widths[1:], mixes, strict=True) if mixed]


@pytest.mark.parametrize("name", REGIMES)
def test_what_mixes_units_has_more_than_one_except_at_the_limits(name: str) -> None:
    # The gradient of a softmax of one unit is exactly 0: nothing about it can be right or wrong.
    widths = [width for case in _cases(name) for width in _mixing_widths(case)]
    assert len(widths) > 30
    assert (min(widths) == 1) == (name == "limits")


def test_what_mixes_units_has_one_where_no_more_is_allowed() -> None:
    for case in _cases("ordinary", activations=("softmax",), max_width=1):
        assert set(case.network.widths) == {1}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_loss_says_rightly_whether_a_term_depends_on_its_own_prediction_only(loss: Loss) -> None:
    A, Y = np.array([[0.25], [0.5], [0.125]]), np.array([[0.5], [0.25], [0.25]])
    if not loss.target_domain.contains(Y):  # labels that none of the losses is content with
        Y = np.array([[0.0], [1.0], [0.0]]) if loss.classes else np.full((3, 1), -1.0)
    moved = A.copy()
    moved[1] = 0.375
    parameters = loss.complete({}, A.dtype)
    changed = loss.terms(A, Y, **parameters) != loss.terms(moved, Y, **parameters)
    if len(changed) == 1:  # a sample's loss that is no sum over its outputs
        assert not loss.elementwise
        return
    assert changed.any()
    assert loss.elementwise == (not changed[0] and not changed[2])


@pytest.mark.parametrize(
    ("name", "largest"), [("ordinary", 0.01), ("labels", 0.01), ("magnitudes", 0.08), ("sparse", 0.45)]
)
def test_few_networks_are_dead(name: str, largest: float) -> None:
    """One without a gradient cannot tell a right equation from a wrong one."""
    dead = [not np.any(Backprop().run(case).dX) for case in [*_cases(name), *_cases(name, "float64")]]
    assert _share(dead) <= largest


def test_layers_that_let_nothing_pass_change_sign_without_negative_zeros() -> None:
    for case in _cases("ordinary", activations=("relu",), losses=("mse",), max_width=1):
        for Z, layer in zip(_pre_activations(case), case.network.layers, strict=True):
            assert np.any(Z > 0) or np.all(Z == 0)
            for array in (layer.W, layer.b):
                assert not np.any(np.signbit(array[array == 0]))
