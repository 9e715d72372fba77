"""Draws narrowed to what an implementation supports: by place, pair, reduction, label form and size."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from backproof.cases import REGIMES, DrawOptions, draw_case
from backproof.cases.options import LABELS
from backproof.cases.regimes import Span
from backproof.cases.source import SeedSource, size
from backproof.cases.targets import takes_labels
from backproof.errors import UsageError
from refimpl import ACTIVATIONS, LOSSES, Case
from refimpl.functions import ALL_REDUCTIONS, REDUCTIONS


def _drawn(count: int = 200, dtype: str = "float64", **options: Any) -> list[Case]:
    options = {"max_depth": 4, "max_width": 16, "max_batch": 8} | options
    return [draw_case(7, index, dtype, DrawOptions(**options)).case for index in range(count)]


def _refused(message: str, **options: Any) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        DrawOptions(**options)


# ---------------------------------------------------------------- functions


def test_hidden_and_last_activations_are_those_of_their_place() -> None:
    networks = [case.network for case in _drawn(hidden=("relu", "tanh"), output=("identity", "softmax"))]
    assert {layer.activation.name for n in networks for layer in n.layers[:-1]} == {"relu", "tanh"}
    assert {n.layers[-1].activation.name for n in networks} == {"identity", "softmax"}


def test_a_place_narrows_the_activations_and_a_place_that_is_not_named_has_them_all() -> None:
    cases = _drawn(activations=("relu", "tanh", "identity"), hidden=("relu", "gelu"))
    hidden = {layer.activation.name for case in cases for layer in case.network.layers[:-1]}
    last = {case.network.layers[-1].activation.name for case in cases}
    assert hidden == {"relu"}
    assert last == {"relu", "tanh", "identity"}


def test_only_the_pairs_named_are_drawn() -> None:
    pairs = (("softmax", "cross_entropy"), ("sigmoid", "bce"), ("tanh", "mse"))
    networks = [case.network for case in _drawn(pairs=pairs)]
    assert {(n.layers[-1].activation.name, n.loss.name) for n in networks} == set(pairs)


def test_only_the_reductions_named_are_drawn_and_by_default_torchs() -> None:
    for named in (("sum",), ("batchmean", "entrymean"), None):
        found = {case.network.loss.reduction for case in _drawn(reductions=named)}
        assert found == set(named or REDUCTIONS)


def test_without_parameters_and_arrays_everything_is_at_its_default() -> None:
    for case in _drawn(parameters=False, arrays=False):
        assert not case.network.loss.arrays
        for spec in (case.network.loss, *(layer.activation for layer in case.network.layers)):
            assert spec.parameters == spec.entry.complete({}, case.dtype)


def test_parameters_and_arrays_are_drawn_independently_of_each_other() -> None:
    drawn = _drawn(losses=("cross_entropy_with_logits",), parameters=False)
    assert any(case.network.loss.arrays for case in drawn)
    assert all(case.network.loss.parameters["label_smoothing"] == 0 for case in drawn)
    drawn = _drawn(losses=("cross_entropy_with_logits",), arrays=False)
    assert any(case.network.loss.parameters["label_smoothing"] != 0 for case in drawn)


# ---------------------------------------------------------------- labels


def _is_one_hot(Y: Any) -> bool:
    return bool(np.all((Y == 0) | (Y == 1)) and np.all(Y.sum(axis=0) == 1))


@pytest.mark.parametrize("labels", ["hard", "one-hot", "indices"])
@pytest.mark.parametrize("regime", REGIMES)
def test_targets_of_losses_of_classes_are_one_hot_columns(regime: str, labels: str) -> None:
    classes = tuple(name for name, loss in LOSSES.items() if loss.classes)
    for case in _drawn(40, losses=classes, labels=labels, regimes=(regime,)):
        assert _is_one_hot(case.Y)


@pytest.mark.parametrize("regime", REGIMES)
def test_hard_labels_are_0_and_1_or_minus_1_and_1(regime: str) -> None:
    names = tuple(name for name, loss in LOSSES.items() if takes_labels(loss) and not loss.classes)
    found: dict[float, set[float]] = {0.0: set(), -1.0: set()}
    for case in _drawn(40, losses=names, labels="hard", regimes=(regime,)):
        low = -1.0 if case.network.loss.entry.target_domain.contains(-1.0) else 0.0
        found[low] |= set(case.Y.flat)
    assert found == {0.0: {0.0, 1.0}, -1.0: {-1.0, 1.0}}


def test_one_hot_columns_come_wherever_they_fit_and_single_outputs_are_0_or_1() -> None:
    cases = _drawn(losses=("bce_with_logits", "hinge"), labels="one-hot")
    wide = [c for c in cases if c.network.loss.name == "bce_with_logits" and len(c.Y) > 1]
    assert wide
    assert all(_is_one_hot(case.Y) for case in wide)
    assert {y for c in cases if c.network.loss.name == "hinge" for y in c.Y.flat} == {-1.0, 1.0}
    single = _drawn(losses=("bce_with_logits",), labels="one-hot", outputs=(1, 1))
    assert {y for case in single for y in case.Y.flat} == {0.0, 1.0}


@pytest.mark.parametrize("labels", ["hard", "one-hot"])
def test_targets_of_a_regression_are_free(labels: str) -> None:
    free, narrowed = (_drawn(20, losses=("mse",), labels=form) for form in ("any", labels))
    assert free == narrowed


def test_under_indices_only_losses_of_classes_are_drawn() -> None:
    names = {case.network.loss.name for case in _drawn(300, labels="indices")}
    assert names == {name for name, loss in LOSSES.items() if loss.classes}


def test_soft_labels_are_drawn_where_they_are_not_ruled_out() -> None:
    """The tests above could fail."""
    assert not all(_is_one_hot(case.Y) for case in _drawn(40, losses=("cross_entropy_with_logits",)))
    soft = _drawn(40, losses=("bce",))
    assert any(0 < y < 1 for case in soft for y in case.Y.flat)


# ---------------------------------------------------------------- sizes


@pytest.mark.long
@pytest.mark.parametrize("regime", REGIMES)
def test_sizes_lie_within_their_limits_and_reach_them(regime: str) -> None:
    limits = {"min_depth": 2, "max_depth": 4, "min_width": 3, "max_width": 9, "min_batch": 5, "max_batch": 7}
    cases = _drawn(300, regimes=(regime,), inputs=(4, 6), outputs=(1, 11), **limits)
    depths, batches = {case.network.depth for case in cases}, {case.samples for case in cases}
    inputs, outputs = ({case.network.widths[at] for case in cases} for at in (0, -1))
    hidden = {width for case in cases for width in case.network.widths[1:-1]}
    assert (min(depths), max(depths)) == (2, 4)
    assert (min(batches), max(batches)) == (5, 7)
    assert (min(hidden), max(hidden)) == (3, 9)
    assert (min(inputs), max(inputs)) == (4, 6)
    assert (min(outputs), max(outputs)) == (1, 11)


def test_a_number_of_outputs_may_be_fixed_whatever_the_other_widths_are() -> None:
    for case in _drawn(100, inputs=(784, 784), outputs=(10, 10), max_width=4):
        assert (case.network.widths[0], case.network.widths[-1]) == (784, 10)
        assert all(width <= 4 for width in case.network.widths[1:-1])


@pytest.mark.long
def test_samples_and_outputs_vary_independently() -> None:
    """With n_out = 2 throughout, or with n_out = m, ½ and 1/n_out or 1/m could not be told apart."""
    cases = _drawn(1000, outputs=(1, 8))
    m, n = (np.log([size_of(case) for case in cases]) for size_of in (_samples, _outputs))
    assert {(_samples(case), _outputs(case)) for case in cases} >= {(1, 5), (5, 1), (3, 4), (4, 3), (8, 8)}
    assert abs(np.corrcoef(m, n)[0, 1]) < 0.2


def _samples(case: Case) -> int:
    return case.samples


def _outputs(case: Case) -> int:
    return case.network.widths[-1]


@pytest.mark.parametrize(("least", "most"), [(1, 32), (3, 40), (5, 5), (10, 19), (784, 1000)])
def test_a_size_is_log_uniform_from_the_least_to_the_most(least: int, most: int) -> None:
    drawn = [size(SeedSource(0, index), most, least) for index in range(2000)]
    assert min(drawn) == least
    assert max(drawn) >= most - (most - least) // 100
    octaves = (most // least).bit_length()
    below = sum(value < 2 * least for value in drawn)
    assert below / 2000 == pytest.approx(1 / octaves, abs=0.05)


def test_the_limit_of_a_span_is_its_nearer_end_by_the_logarithm() -> None:
    assert [Span(2, 32).limit(size) for size in (2, 8, 9, 32)] == [2, 2, 32, 32]
    assert [Span(1, 64).limit(size) for size in (1, 8, 9)] == [1, 1, 64]
    assert Span(4, 6).nearest(1) == Span(4, 4)
    assert Span(4, 6).nearest(9) == Span(6, 6)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(("field", "known"), [("hidden", ACTIVATIONS), ("output", ACTIVATIONS)])
def test_unknown_names_by_place_are_refused(field: str, known: Any) -> None:
    _refused(f"unknown name 'sofmax' in {field}; known: {', '.join(sorted(known))}", **{field: ("sofmax",)})
    _refused(f"{field} must be a tuple of at least one name, not ()", **{field: ()})


def test_unknown_reductions_and_labels_are_refused() -> None:
    known = ", ".join(sorted(ALL_REDUCTIONS))
    _refused(f"unknown name 'average' in reductions; known: {known}", reductions=("average",))
    _refused(f"unknown labels 'soft'; known: {', '.join(LABELS)}", labels="soft")
    _refused("unknown labels ['hard']; known: ", labels=["hard"])


def test_a_place_without_any_allowed_activation_is_refused() -> None:
    _refused(
        "none of the activations relu is among output: softmax; add one to either",
        activations=("relu",),
        output=("softmax",),
    )


def test_pairs_that_cannot_be_are_refused() -> None:
    _refused(
        "pair relu, bce cannot be: bce takes predictions in [0, 1], relu gives values in [0, inf); "
        "it takes sigmoid",
        pairs=(("relu", "bce"),),
    )
    _refused("unknown name 'mae' in pairs, second; known: ", pairs=(("relu", "mae"),))
    _refused("unknown name 'lin' in pairs, first; known: ", pairs=(("lin", "mse"),))
    _refused("each of pairs must be (last activation, loss), not 'relu'", pairs=("relu",))
    _refused("pairs must be a tuple of at least one pair, not []; leave it out for all", pairs=[])


def test_a_loss_that_is_in_no_pair_is_refused() -> None:
    _refused(
        "loss mse is in none of the pairs with an activation that is allowed; add such a pair",
        losses=("mse", "bce"),
        pairs=(("sigmoid", "bce"),),
    )


def test_indices_for_losses_that_take_no_classes_are_refused() -> None:
    of_classes = ", ".join(name for name, loss in LOSSES.items() if loss.classes)
    _refused(
        f"loss mse takes no classes, which labels 'indices' means; losses of classes are {of_classes}",
        losses=("cross_entropy", "mse"),
        labels="indices",
    )
    _refused(
        f"labels 'indices' leave no loss in pairs to draw; losses of classes are {of_classes}",
        pairs=(("tanh", "mse"),),
        labels="indices",
    )


@pytest.mark.parametrize("kind", ["depth", "width", "batch"])
def test_limits_the_wrong_way_round_are_refused(kind: str) -> None:
    _refused(
        f"min_{kind} is 5 and max_{kind} is 4; the least must not be more than the most",
        **{f"min_{kind}": 5, f"max_{kind}": 4},
    )
    _refused(f"min_{kind} must be an integer of at least 1, not 0", **{f"min_{kind}": 0})


@pytest.mark.parametrize("field", ["inputs", "outputs"])
def test_limits_of_inputs_and_outputs_are_pairs_of_integers(field: str) -> None:
    _refused(f"{field} must be a pair of integers (least, most), not 3", **{field: 3})
    _refused(f"{field} must be a pair of integers (least, most), not (1,)", **{field: (1,)})
    _refused(f"the least of {field} must be an integer of at least 1, not 0", **{field: (0, 2)})
    _refused(f"the most of {field} must be an integer of at least 1, not '2'", **{field: (1, "2")})
    _refused(
        f"the least of {field} is 3 and the most of {field} is 2; the least must not be more",
        **{field: (3, 2)},
    )


@pytest.mark.parametrize("field", ["parameters", "arrays"])
def test_whether_parameters_and_arrays_vary_is_true_or_false(field: str) -> None:
    _refused(f"{field} must be True or False, not 'no'", **{field: "no"})
