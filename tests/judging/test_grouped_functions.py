"""Functions of many cases asked at once: which entries are whose, and bounds as if each case were alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judge_cases import drawn_case, fitting_output
from measuring import ends_of, oracle_of, targets_in

from backproof.judging import spread as spread_module
from backproof.judging.activation_facts import ACTIVATION_FACTS
from backproof.judging.batch import Batch
from backproof.judging.deviations import deviations_of
from backproof.judging.levels import Levels, levels_of
from backproof.judging.loss_facts import LOSS_FACTS
from backproof.judging.nonlinear import activated, backward_activation, loss_errors
from backproof.judging.pieces import ActivationPieces, Activations, Losses, LossPieces, members_of
from backproof.judging.spread import activation_spread, loss_spread
from oracles.layout import Layout
from refimpl import ACTIVATIONS, DTYPES, LOSSES, ActivationSpec, LossSpec

ELEMENTWISE = [name for name, entry in ACTIVATIONS.items() if entry.elementwise]
OF_SAMPLES = [name for name, facts in LOSS_FACTS.items() if facts.rule is not None]
SEPARABLE = [name for name, facts in LOSS_FACTS.items() if facts.rule is None]
BOUNDING = oracle_of("jax")
"""Gives one number the same value whatever stands beside it, to the last digit, as torch does not."""
INF = np.inf


def _elu(*alphas: float) -> list[ActivationSpec]:
    return [ActivationSpec("elu", {"alpha": alpha}) for alpha in alphas]


def _huber(*deltas: float, reduction: str = "sum") -> list[LossSpec]:
    return [LossSpec("huber", reduction, {"delta": delta}) for delta in deltas]


def _numbers(values: Any) -> list[Any]:
    return [np.asarray(value).tolist() for value in values]


# ---------------------------------------------------------------- activations, by hand


def test_members_are_told_by_their_keys_in_the_order_of_the_first() -> None:
    assert members_of(["b", "a", "b", "c", "a"]) == {"b": [0, 2], "a": [1, 4], "c": [3]}


def test_a_parameter_is_a_number_where_all_have_the_same_and_else_one_for_each_entry() -> None:
    assert ActivationPieces(_elu(2.0, 2.0), [1, 3]).parameters == {"alpha": 2.0}
    parameters = ActivationPieces(_elu(1.0, 2.0, 0.5), [2, 3, 1]).parameters
    assert parameters["alpha"].tolist() == [1, 1, 2, 2, 2, 0.5]
    hardtanh = [ActivationSpec("hardtanh", {"min_val": -1.0, "max_val": high}) for high in (1.0, 2.0)]
    parameters = ActivationPieces(hardtanh, [1, 2]).parameters
    assert parameters["min_val"] == -1
    assert parameters["max_val"].tolist() == [1, 2, 2]


def test_a_member_without_a_kink_has_it_infinitely_far_away() -> None:
    (kink,) = ActivationPieces(_elu(1.0, 2.0, 0.5), [2, 3, 1]).kinks()
    assert _numbers([kink.at, kink.left, kink.right, kink.chosen]) == [
        [INF, INF, 0, 0, 0, 0],
        [0, 0, 2, 2, 2, 0.5],
        [0, 0, 1, 1, 1, 1],
        [0, 0, 2, 2, 2, 0.5],
    ]
    assert ActivationPieces(_elu(1.0, 1.0), [2, 3]).kinks() == ()
    first, second = ActivationPieces([ActivationSpec("relu6")] * 2, [1, 1]).kinks()
    assert (first.at, second.at) == (0, 6)


def test_a_part_has_the_members_of_the_chosen_entries() -> None:
    pieces = ActivationPieces(_elu(1.0, 2.0, 0.5), [2, 3, 1])
    part = pieces.part(np.array([False, False, True, False, True, True]))
    assert part.parameters["alpha"].tolist() == [2, 2, 0.5]
    assert part.sizes.tolist() == [2, 1]
    alone = ActivationPieces.of(ActivationSpec("tanh"))
    assert alone.part(np.array([True, False])) is alone
    assert ActivationPieces.of(pieces) is pieces


def test_activations_are_grouped_by_name_and_those_that_mix_units_by_their_number_too() -> None:
    layout = Layout([(2, 1), (1, 2), (2, 2), (1, 3), (2, 1), (3, 1)])
    softmax = ActivationSpec("softmax")
    specs = [*_elu(2.0), *_elu(1.0), softmax, *_elu(2.0), softmax, softmax]
    found = Activations(specs, layout)
    (group,) = found.elementwise
    assert [dict(spec.parameters) for spec in group.pieces.specs] == [{"alpha": 1.0}, {"alpha": 2.0}]
    assert group.pieces.sizes.tolist() == [2, 5]
    assert group.at.tolist() == [2, 3, 0, 1, 8, 9, 10]
    assert _numbers(group.at for group in found.mixing) == [[[4, 5, 11], [6, 7, 12]], [[13], [14], [15]]]
    assert [*found] == specs
    assert (len(found), found[2], found[:2]) == (6, softmax, tuple(specs[:2]))
    assert Activations.of(found, layout) is found


def test_what_mixes_units_has_no_parameters_that_could_differ_within_a_group() -> None:
    assert not [name for name, entry in ACTIVATIONS.items() if not entry.elementwise and entry.parameters]


# ---------------------------------------------------------------- losses, by hand


def test_losses_are_grouped_by_name_and_arrays_and_have_targets_and_divisors() -> None:
    layout = Layout([(2, 1), (1, 2), (1, 1), (1, 3)])
    weight = {"weight": np.array([[2.0, 3.0, 4.0]])}
    plain, weighed = LossSpec("bce_with_logits", "mean"), LossSpec("bce_with_logits", "sum", arrays=weight)
    specs = [*_huber(2.0, reduction="mean"), plain, *_huber(0.5), weighed]
    targets = [np.full(shape, k + 1.0) for k, shape in enumerate(layout.shapes)]
    losses = Losses(specs, targets, layout)
    assert losses.Y.tolist() == [1, 1, 2, 2, 3, 4, 4, 4]
    divisors = [specs[k].entry.divisor(specs[k].reduction, *layout.shapes[k]) for k in range(4)]
    assert losses.divisors.tolist() == divisors
    assert losses.each.tolist() == np.repeat(divisors, [2, 2, 1, 3]).tolist()
    huber, alone, others = losses.terms
    assert (huber.cases, huber.at.tolist(), huber.layout.shapes) == ([2, 0], [4, 0, 1], ((1, 1), (2, 1)))
    assert huber.pieces.arguments["delta"].tolist() == [0.5, 2, 2]
    assert (alone.cases, alone.pieces.arguments["weight"]) == ([1], 1.0)
    assert (others.cases, others.pieces.arguments["weight"].tolist()) == ([3], [2, 3, 4])


def test_arrays_are_spread_over_the_entries_of_their_member() -> None:
    """A weight of each output, and one of each sample."""
    shapes = ((2, 2), (1, 3))
    arrays = [{"pos_weight": np.array([[2.0], [3.0]])}, {"pos_weight": np.array([[5.0]])}]
    specs = [LossSpec("bce_with_logits", "sum", arrays=each) for each in arrays]
    found = LossPieces(specs, [4, 3], shapes).arguments
    assert found["pos_weight"].tolist() == [2, 2, 3, 3, 5, 5, 5]
    assert found["weight"] == 1.0


def test_losses_of_samples_are_grouped_by_number_of_outputs_and_summed_by_case() -> None:
    layout = Layout([(2, 2), (3, 1), (2, 1), (2, 1)])
    specs = [LossSpec("poly_loss", "sum", {"epsilon": epsilon}) for epsilon in (1.0, 1.0, 1.0, 2.0)]
    losses = Losses(specs, [np.ones(shape) for shape in layout.shapes], layout)
    assert [group.cases for group in losses.samples] == [[0, 2, 3], [1]]
    first = losses.samples[0]
    assert (first.at.tolist(), first.counts.tolist()) == ([[0, 1, 7, 9], [2, 3, 8, 10]], [2, 1, 1])
    assert first.sums(np.array([[1.0, 2, 4, 8], [10, 20, 40, 80]])).tolist() == [33, 44, 88]
    of_sample, of_all = (group.arguments["epsilon"] for group in losses.samples)
    assert (of_sample.tolist(), of_all) == ([1, 1, 1, 2], 1)


def test_losses_of_samples_with_another_exponent_have_another_formula_and_group() -> None:
    layout = Layout([(2, 1)] * 3)
    specs = [LossSpec("multi_margin", "sum", {"p": p, "margin": p + 1}) for p in (1.0, 2.0, 1.0)]
    losses = Losses(specs, [np.ones(shape) for shape in layout.shapes], layout)
    assert [(group.cases, group.arguments["p"]) for group in losses.samples] == [([0, 2], 1), ([1], 2)]


def test_arrays_of_losses_of_samples_stand_beside_the_samples() -> None:
    layout = Layout([(2, 2), (2, 1)])
    weights = [np.array([[2.0], [3.0]]), np.array([[5.0], [7.0]])]
    specs = [LossSpec("cross_entropy_with_logits", "sum", arrays={"weight": weight}) for weight in weights]
    (group,) = Losses(specs, [np.ones(shape) for shape in layout.shapes], layout).samples
    assert group.arguments["weight"].tolist() == [[2, 2, 5], [3, 3, 7]]


# ---------------------------------------------------------------- bounds, as if each were alone

SIZES = (7, 4, 9, 1, 5)


def _drawn(name: str, table: Any, rng: np.random.Generator) -> list[dict[str, float]]:
    """Parameters of five members: the defaults, both ends and the middle of what is drawn, and equal ones."""
    ends = [{p.name: ends_of(p.drawn)[side] for p in table[name].parameters} for side in (0, 1)]
    between = {p.name: float(rng.choice(ends_of(p.drawn))) for p in table[name].parameters}
    return [{}, ends[0], ends[1], between, ends[1]]


def _errors(rng: np.random.Generator, total: int, moved: str) -> Any:
    """(levels, sides, entries): none are off, all are, or some."""
    errors = 2.0 ** rng.integers(-60, 2, (2, 3, total))
    if moved == "some":
        errors *= rng.uniform(0, 1, errors.shape) < 0.2
    return errors if moved != "none" else 0 * errors


def _levels(dtype: str, moved: str) -> list[Levels]:
    """Accurate; and once with what naive formulas and declared deviations may err by."""
    wide = levels_of(dtype, 2, naive=True, deviations=deviations_of("torch", "jax"))
    return [levels_of(dtype, 2), *([wide] if moved == "some" else [])]


def _require_same(together: Sequence[Any], alone: Sequence[Sequence[Any]]) -> None:
    """But for last digits of NumPy's functions."""
    for found, parts in zip(together, zip(*alone, strict=True), strict=True):
        expected = np.concatenate(parts, axis=-1)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("moved", ["none", "some", "all"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_activation_moves_as_if_its_case_were_alone(name: str, dtype: str, moved: str) -> None:
    rng = np.random.Generator(np.random.Philox(1))
    specs = [ActivationSpec(name, parameters) for parameters in _drawn(name, ACTIVATIONS, rng)]
    total = sum(SIZES)
    z, E = 2 * rng.standard_normal((3, total)), _errors(rng, total, moved)
    # On, beside and near kinks, of the same member or of another, and at zero.
    kinks = [kink.at for spec in specs for kink in spec.entry.kinks(spec.parameters)]
    z[0] = rng.choice([0.0, 2.0**-30, *kinks], total)
    z[1] = np.nextafter(rng.choice([0.0, *kinks], total), rng.choice([-INF, INF], total))
    ends = np.cumsum(SIZES)
    for levels in _levels(dtype, moved):
        off, pieces = E[: len(levels.precisions)], ActivationPieces(specs, SIZES)
        with np.errstate(all="ignore"):
            together, alone = activation_spread(BOUNDING, pieces, z, off, levels.allowance), []
            for spec, size, end in zip(specs, SIZES, ends.tolist(), strict=True):
                own = slice(end - size, end)
                given = (spec, z[:, own], off[..., own], levels.allowance)
                alone.append(activation_spread(BOUNDING, *given))
        _require_same(together, alone)


def _loss_members(name: str, rng: np.random.Generator, *, arrays: bool) -> list[LossSpec]:
    """One row of predictions each; arrays of one number, or of one for each sample."""
    specs = []
    for k, (parameters, size) in enumerate(zip(_drawn(name, LOSSES, rng), SIZES, strict=True)):
        own = {
            array.name: rng.uniform(array.drawn.low, array.drawn.high, array.shape(1, size))
            for array in LOSSES[name].arrays
            if arrays
        }
        if arrays and k == 1:
            own = {key: np.ones_like(value) for key, value in own.items()}
        specs.append(LossSpec(name, "sum", parameters, own))
    return specs


@pytest.mark.parametrize("moved", ["none", "some", "all"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "arrays"),
    [(name, arrays) for name in SEPARABLE for arrays in (False, True) if not arrays or LOSSES[name].arrays],
)
def test_a_loss_moves_as_if_its_case_were_alone(name: str, dtype: str, moved: str, *, arrays: bool) -> None:
    rng, entry = np.random.Generator(np.random.Philox(2)), LOSSES[name]
    specs = _loss_members(name, rng, arrays=arrays)
    total, ends, domain = sum(SIZES), np.cumsum(SIZES), entry.prediction_domain
    y = rng.choice(targets_in(entry.target_domain), total)
    a, E = 2 * rng.standard_normal((3, total)), _errors(rng, total, moved)
    a[0] = y + rng.choice([0.0, 2.0**-30], total)
    a = np.clip(a, domain.low, domain.high)
    pieces = LossPieces(specs, SIZES, [(1, size) for size in SIZES] if arrays else ())
    for levels in _levels(dtype, moved):
        off, alone = E[: len(levels.precisions)], []
        with np.errstate(all="ignore"):
            together = loss_spread(BOUNDING, pieces, a, off, y, levels.allowance)
            for spec, size, end in zip(specs, SIZES, ends.tolist(), strict=True):
                own = slice(end - size, end)
                given = (spec, a[:, own], off[..., own], y[own], levels.allowance)
                alone.append(loss_spread(BOUNDING, *given))
        _require_same(together, alone)


# Entries, most of which are far from turns and kinks.
FEW_REACH = np.concatenate([np.linspace(-9, 9, 23), [0.5, 1.0, 3.0]])


def _by_either_way(monkeypatch: pytest.MonkeyPatch, spread: Any) -> None:
    """With points inside for all entries, and for those only whose interval reaches one."""
    with np.errstate(all="ignore"):
        monkeypatch.setattr(spread_module, "_FEW", 10**9)
        for_all = spread()
        monkeypatch.setattr(spread_module, "_FEW", 0)
        _require_same(spread(), [for_all])


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_activation_moves_as_far_if_points_inside_are_evaluated_only_where_reached(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, levels = np.random.Generator(np.random.Philox(11)), levels_of("float32", 2)
    specs = [ActivationSpec(name, parameters) for parameters in _drawn(name, ACTIVATIONS, rng)]
    z, E = np.stack([FEW_REACH, FEW_REACH[::-1]]), np.full((2, 2, sum(SIZES)), 2.0**-10)
    pieces = ActivationPieces(specs, SIZES)
    _by_either_way(monkeypatch, lambda: activation_spread(BOUNDING, pieces, z, E, levels.allowance))


@pytest.mark.parametrize("name", SEPARABLE)
def test_a_loss_moves_as_far_if_points_inside_are_evaluated_only_where_reached(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, levels, entry = np.random.Generator(np.random.Philox(12)), levels_of("float32", 2), LOSSES[name]
    pieces = LossPieces(_loss_members(name, rng, arrays=False), SIZES)
    y = rng.choice(targets_in(entry.target_domain), sum(SIZES))
    a = np.clip(np.stack([FEW_REACH, y]), entry.prediction_domain.low, entry.prediction_domain.high)
    E = np.full((2, 2, sum(SIZES)), 2.0**-10) * rng.choice([0.0, 1.0], sum(SIZES), p=[0.7, 0.3])
    _by_either_way(monkeypatch, lambda: loss_spread(BOUNDING, pieces, a, E, y, levels.allowance))


@pytest.mark.parametrize("wide", [False, True], ids=["accurate", "naive"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_activations_of_many_cases_move_as_if_each_were_alone(dtype: str, *, wide: bool) -> None:
    """All there are, in a drawn order, of one to three units: some of one name have as many, and some not."""
    rng = np.random.Generator(np.random.Philox(6))
    drawn = [(name, each) for name in ACTIVATIONS for each in _drawn(name, ACTIVATIONS, rng)]
    specs = [ActivationSpec(*drawn[k]) for k in rng.permutation(len(drawn))]
    layout = Layout([(int(rng.integers(1, 4)), int(rng.integers(1, 4))) for _ in specs])
    levels = levels_of(dtype, naive=wide, about_centre=True)
    Z, g = 3 * rng.standard_normal((2, layout.total))
    E_Z, E_g = (_errors(rng, layout.total, "some")[: len(levels.precisions), k] for k in (0, 1))
    with np.errstate(all="ignore"):
        found, alone = activated(levels, BOUNDING, specs, layout, Z, E_Z), []
        together = (found.A, found.E_A, found.E_slope, backward_activation(levels, found, g, E_g))
        for k, spec in enumerate(specs):
            at = layout.entries([k])
            own = activated(levels, BOUNDING, [spec], Layout([layout.shapes[k]]), Z[at], E_Z[:, at])
            E_delta = backward_activation(levels, own, g[at], E_g[:, at])
            alone.append((own.A, own.E_A, own.E_slope, E_delta))
    _require_same(together, alone)


def _samples_of(name: str) -> list[LossSpec]:
    """Each parameter at its default and its ends; arrays of ones, of numbers, and none."""
    entry, rng = LOSSES[name], np.random.Generator(np.random.Philox(3))
    specs = [LossSpec(name, "sum", {p.name: e}) for p in entry.parameters for e in ends_of(p.drawn)]
    for array in entry.arrays:
        shape = array.shape(3, 1)
        numbers = rng.uniform(array.drawn.low, array.drawn.high, shape)
        specs += [LossSpec(name, "sum", arrays={array.name: each}) for each in (np.ones(shape), numbers)]
    return [LossSpec(name, "sum"), *specs, LossSpec(name, "mean")]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OF_SAMPLES)
def test_a_loss_of_samples_moves_as_if_its_case_were_alone(name: str, dtype: str) -> None:
    rng, output = np.random.Generator(np.random.Philox(5)), fitting_output("identity", name)
    specs = [replace(spec, arrays=_as(dtype, spec.arrays)) for spec in _samples_of(name)]
    cases = [drawn_case([output], spec, dtype, 3, 1 + k % 3, seed=k) for k, spec in enumerate(specs)]
    cases.append(drawn_case([output], name, dtype, 2, 4))
    levels, batch = levels_of(dtype), Batch(cases)
    A, E = 2 * rng.standard_normal(batch.outputs.total), _errors(rng, batch.outputs.total, "some")[:, 0]
    E = E[: len(levels.precisions)]
    with np.errstate(all="ignore"):
        found = loss_errors(levels, BOUNDING, batch, A, E)
        for k, case in enumerate(cases):
            own = batch.outputs.entries([k])
            alone = loss_errors(levels, BOUNDING, Batch([case]), A[own], E[:, own])
            for one, other in (
                (found.E_loss[:, k], alone.E_loss[:, 0]),
                (found.g[own], alone.g),
                (found.E_g[:, own], alone.E_g),
            ):
                np.testing.assert_allclose(one, other, rtol=1e-12, atol=0, err_msg=str(specs[k : k + 1]))


def _as(dtype: str, arrays: Any) -> dict[str, Any]:
    return {name: array.astype(dtype) for name, array in arrays.items()}


def test_each_line_of_facts_is_asked_for_many_members() -> None:
    assert set(ELEMENTWISE) == {name for name, facts in ACTIVATION_FACTS.items() if facts.rule is None}
