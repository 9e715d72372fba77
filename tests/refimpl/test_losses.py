"""Every loss of the table against torch and mpmath; these tests find a new entry by themselves."""

from __future__ import annotations

import math
from typing import Any

import exact_formulas as exact
import numpy as np
import pytest
import torch
from mpmath import mpf
from refimpl_points import Given, drawn, inside, label, losses_given, sweep

from backproof.judging.deviations import deviations_of
from oracles.torch_oracle import TorchOracle
from refimpl import DTYPES, LOSSES, Loss, LossSpec
from refimpl.domains import REALS, OneHot
from refimpl.functions import REDUCTIONS, no_kinks

F = torch.nn.functional
EPS = float(np.finfo("float64").eps)
TORCH = TorchOracle()

ROWS = losses_given(LOSSES)
ALL = pytest.mark.parametrize("given", ROWS, ids=label)
IN_BOTH_DTYPES = pytest.mark.parametrize("dtype", DTYPES)


def tensor(array: Any, requires_grad: bool = False) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float64, requires_grad=requires_grad)


def predictions_and_targets(entry: Loss, seed: int, shape: tuple[int, int] = (4, 5)) -> tuple[Any, Any]:
    return drawn(entry.prediction_domain, shape, seed), drawn(entry.target_domain, shape, seed + 50)


def assert_near(answer: Any, expected: Any, smallest: float = 0.0) -> None:
    """Equal but for some units in the last place of the largest entry, or of `smallest`."""
    assert np.shape(answer) == np.shape(expected)
    assert np.max(np.abs(answer - expected)) <= 32 * EPS * max(smallest, np.max(np.abs(expected)))


# ---------------------------------------------------------------- torch


def torch_loss(name: str, arguments: Any, A: Any, Y: Any, reduction: str) -> tuple[Any, Any]:
    """The loss and ∂L/∂A by torch: its own "mean" and "sum"; "batchmean" is its sum by the samples."""
    a = tensor(A, requires_grad=True)
    own = "sum" if reduction == "batchmean" else reduction
    arguments = {n: tensor(v) if isinstance(v, np.ndarray) else v for n, v in arguments.items()}
    loss = TORCH.losses[name].function(a, tensor(Y), reduction=own, **arguments)
    if reduction == "batchmean":
        loss = loss / A.shape[1]
    (gradient,) = torch.autograd.grad(loss, a)
    return loss.item(), gradient.numpy()


@ALL
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4, 5), (1, 3), (3, 1)], ids=str)
def test_the_loss_and_its_gradient_are_torchs_under_every_reduction(
    given: Given, reduction: str, shape: tuple[int, int]
) -> None:
    entry = given.loss
    A, Y = predictions_and_targets(entry, seed=sum(shape), shape=shape)
    ours = given.arguments(shape)
    # An array that is not given is a number to torch's line, as the oracle has it.
    defaults = {array.name: array.default for array in entry.arrays}
    loss, gradient = torch_loss(entry.name, defaults | ours, A, Y, reduction)
    # What mixes outputs is made of parts of about 1, which may cancel: 1 - cos 0 does.
    smallest = 0.0 if entry.elementwise else 1.0
    assert_near(entry.reduced(A, Y, reduction, **ours), loss, smallest)
    assert_near(entry.reduced_gradient(A, Y, reduction, **ours), gradient, smallest)


@pytest.mark.parametrize("given", [row for row in ROWS if TORCH.losses[row.loss.name].separable], ids=label)
def test_the_terms_and_their_slopes_are_torchs_with_no_reduction(given: Given) -> None:
    A, Y = predictions_and_targets(given.loss, seed=6)
    arrays = given.arrays_for(A.shape) if given.arrays else {}
    terms, slopes = TORCH.loss_terms(LossSpec(given.loss.name, "sum", given.parameters, arrays), A, Y)
    assert_near(given.loss.terms(A, Y, **given.arguments(A.shape)), terms)
    assert_near(given.loss.gradient(A, Y, **given.arguments(A.shape)), slopes)


def test_batchmean_divides_by_the_samples_as_the_one_loss_of_torchs_that_has_it() -> None:
    rows = torch.rand(5, 4, generator=torch.Generator().manual_seed(1))
    batchmean, total = (F.kl_div(rows.log(), rows.flip(0), reduction=r) for r in ("batchmean", "sum"))
    assert (total / batchmean).item() == pytest.approx(5, rel=1e-5)
    for entry in LOSSES.values():
        assert entry.divisor("batchmean", 4, 5) == 5 * entry.divisor("sum", 4, 5)


def test_cross_entropy_of_probabilities_is_torchs_cross_entropy_of_their_logarithms() -> None:
    # torch's function takes logits; log p are logits of p where p sums to 1. "mean" divides by 5, not 20.
    A = drawn(LOSSES["cross_entropy"].prediction_domain, (4, 5), seed=3)
    A /= A.sum(axis=0)
    Y = drawn(LOSSES["cross_entropy"].target_domain, (4, 5), seed=4)
    for reduction in ("mean", "sum"):
        expected = F.cross_entropy(tensor(A).log().T, tensor(Y).T, reduction=reduction).item()
        assert LOSSES["cross_entropy"].reduced(A, Y, reduction) == pytest.approx(
            expected, rel=32 * EPS, abs=0
        )


def test_half_squared_error_is_half_of_torchs_mse_loss() -> None:
    A, Y = predictions_and_targets(LOSSES["mse"], seed=5)
    for reduction in ("mean", "sum"):
        expected = F.mse_loss(tensor(A), tensor(Y), reduction=reduction).item() / 2
        assert LOSSES["half_squared_error"].reduced(A, Y, reduction) == pytest.approx(
            expected, rel=32 * EPS, abs=0
        )


# Two outputs, three samples, and a sum of 12 as numbers worked by hand: (2² + 0² + 2²) + (1² + 1² + (√2)²).
@pytest.mark.parametrize(("reduction", "loss"), [("sum", 12.0), ("batchmean", 4.0), ("mean", 2.0)])
def test_the_reductions_of_squared_error_worked_by_hand(reduction: str, loss: float) -> None:
    A = np.array([[2.0, 0.0, -2.0], [1.0, -1.0, math.sqrt(2.0)]])
    assert LOSSES["mse"].reduced(A, np.zeros((2, 3)), reduction) == pytest.approx(loss, rel=2 * EPS, abs=0)


# ---------------------------------------------------------------- mpmath, over all numbers of a dtype


def pairs(entry: Loss, dtype: str) -> tuple[Any, Any]:
    """Every prediction of the sweep with every target, inside both domains, as two rows."""
    points = sweep(dtype)
    near_one = 1 - points[(points > 0) & (points < 0.5)]
    points = np.concatenate([points, near_one[near_one < 1]])
    predictions = inside(points, entry.prediction_domain)
    # A sum of several of the very largest labels overflows, and is nobody's label.
    largest = np.finfo(dtype).max if entry.elementwise else np.finfo(dtype).max / 8
    targets = inside(points[np.abs(points) <= largest], entry.target_domain)
    if isinstance(entry.target_domain, OneHot):  # of one output
        targets = targets[targets == 1]
    A, Y = (np.ravel(grid)[None, :] for grid in np.meshgrid(predictions, targets))
    return A, Y


def columns_of(entry: Loss, dtype: str) -> tuple[Any, Any]:
    """For a loss that mixes outputs: those pairs, each in one column with two others."""
    A, Y = pairs(entry, dtype)
    A = np.vstack([A, np.roll(A, 7), np.roll(A, 1234)])
    if isinstance(entry.target_domain, OneHot):
        return A, np.eye(3, dtype=dtype)[:, np.arange(A.shape[1]) % 3]
    return A, np.vstack([Y, np.roll(Y, 100), np.roll(Y, 1)])


@ALL
@IN_BOTH_DTYPES
def test_nothing_warns_or_is_nan_or_changes_dtype_from_the_smallest_to_the_largest_number(
    dtype: str, given: Given
) -> None:
    # That nothing warns is checked by running at all: warnings are errors here.
    entry = given.loss
    for A, Y in (pairs(entry, dtype), columns_of(entry, dtype)):
        for function in (entry.terms, entry.gradient):
            answer = function(A, Y, **given.arguments(A.shape, dtype))
            assert answer.dtype == dtype
            rows = {len(A)} if entry.elementwise or function is entry.gradient else {1, len(A)}
            assert answer.shape in {(n, A.shape[1]) for n in rows}
            assert not np.any(np.isnan(answer))


DEVIATING = {d.function for d in deviations_of("torch")}
TRUSTED = [row for row in ROWS if TORCH.losses[row.loss.name].separable and row.loss.name not in DEVIATING]


@pytest.mark.parametrize("given", TRUSTED, ids=label)
@IN_BOTH_DTYPES
def test_nothing_is_infinite_where_torch_in_float64_is_finite_and_representable(
    dtype: str, given: Given
) -> None:
    entry = given.loss
    A, Y = pairs(entry, dtype)
    arrays = given.arrays_for(A.shape, dtype) if given.arrays else {}
    theirs = TORCH.loss_terms(LossSpec(entry.name, "sum", given.parameters, arrays), A, Y)
    for ours, expected in zip((entry.terms, entry.gradient), theirs, strict=True):
        representable = np.abs(expected) < float(np.finfo(dtype).max)
        assert np.all(np.isfinite(ours(A, Y, **given.arguments(A.shape, dtype))[representable]))


@ALL
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_a_loss_of_float32_is_a_float32_scalar_and_so_is_its_gradient(given: Given, reduction: str) -> None:
    A, Y = (array.astype("float32") for array in predictions_and_targets(given.loss, seed=7))
    arguments = given.arguments(A.shape, "float32")
    assert type(given.loss.reduced(A, Y, reduction, **arguments)) is np.float32
    assert given.loss.reduced_gradient(A, Y, reduction, **arguments).dtype == "float32"


EXACT_SEPARABLE = pytest.mark.parametrize(
    "given",
    [r for r in ROWS if r.loss.name in exact.LOSSES and TORCH.losses[r.loss.name].separable and not r.arrays],
    ids=label,
)


def thinned(A: Any, Y: Any, entries: int) -> tuple[Any, Any]:
    """Some of the columns, drawn with a fixed seed."""
    kept = np.random.default_rng(1).permutation(A.shape[1])[:entries]
    return A[:, kept], Y[:, kept]


@pytest.mark.long
@EXACT_SEPARABLE
@IN_BOTH_DTYPES
def test_terms_and_slopes_are_exact_but_for_the_roundings_of_an_accurate_evaluation(
    dtype: str, given: Given
) -> None:
    entry, name, parameters = given.loss, given.loss.name, given.parameters
    A, Y = pairs(entry, dtype)
    hard = (Y == 0) | (Y == 1)
    A, Y = (
        np.hstack([part, array[hard][None, :]]) for part, array in zip(thinned(A, Y, 80), (A, Y), strict=True)
    )
    terms, slopes = (function(A, Y, **parameters)[0] for function in (entry.terms, entry.gradient))
    kinks = [kink.at for kink in entry.kinks(Y, parameters)]
    on_a_kink = np.any([kink == A for kink in [*kinks, np.full(A.shape, np.inf)]], axis=0)[0]
    with exact.working(dtype):
        term = exact.loss_term(name, **parameters)
        slope = exact.differentiated(term, 0)
        for a, y, loss, gradient, kinked in zip(A[0], Y[0], terms, slopes, on_a_kink, strict=True):
            arguments = exact.column([a, y])
            if not exact.representable(term(*arguments), dtype):
                continue  # at a pole, which has no slope
            # A hard label is exact: what would be right for a label next to it does not do.
            free = 1 if y in (0, 1) else 2
            exact.assert_accurate(term, arguments, loss, dtype, free)
            if not kinked:
                exact.assert_accurate(slope, arguments, gradient, dtype, free)


@pytest.mark.parametrize("name", [n for n in exact.LOSSES if n in LOSSES and not TORCH.losses[n].separable])
@IN_BOTH_DTYPES
def test_a_loss_that_mixes_outputs_is_exact_but_for_roundings_of_its_largest_parts(
    dtype: str, name: str
) -> None:
    # log Σ e^z errs by roundings of 1, and softmax · Σy - y by roundings of Σy: not of themselves.
    entry = LOSSES[name]
    A, Y = thinned(*columns_of(entry, dtype), entries=24)
    defaults = entry.complete({}, np.dtype(dtype))
    terms, gradient = entry.terms(A, Y, **defaults), entry.gradient(A, Y, **defaults)
    u, tiny = float(np.finfo(dtype).eps) / 2, 4 * float(np.finfo(dtype).smallest_subnormal)
    with exact.working(dtype):
        for s in range(A.shape[1]):
            a, y = exact.column(A[:, s]), exact.column(Y[:, s])
            total = sum(y)
            for i, expected in enumerate(exact.LOSSES[name](a, y)):
                if exact.representable(expected, dtype):
                    allowed = exact.ACCURACY * u * (abs(expected) + y[i]) + tiny
                    assert abs(mpf(float(terms[i, s])) - expected) <= allowed
            for i in range(len(a)):
                slope = exact.differentiated(exact.loss_sum(name), i)(*a, *y)
                assert abs(mpf(float(gradient[i, s])) - slope) <= exact.ACCURACY * u * total + tiny


def test_every_exact_formula_belongs_to_an_entry() -> None:
    assert exact.LOSSES.keys() <= LOSSES.keys()


# ---------------------------------------------------------------- ends of the domains, worked by hand


@pytest.mark.parametrize(
    ("name", "prediction", "target", "term", "slope"),
    [
        ("bce", 0.0, 0.0, 0.0, 1.0),  # -log(1 - a), and 1/(1 - a)
        ("bce", 1.0, 1.0, 0.0, -1.0),  # -log a, and -1/a
        ("bce", 1.0, 0.0, math.inf, math.inf),
        ("bce", 0.0, 1.0, math.inf, -math.inf),
        ("bce", 0.5, 0.0, math.log(2), 2.0),
        ("cross_entropy", 0.0, 0.0, 0.0, 0.0),  # a class that does not occur costs nothing
        ("cross_entropy", 0.0, 0.5, math.inf, -math.inf),
        ("cross_entropy", 1.0, 3.0, 0.0, -3.0),  # labels need not sum to 1
        ("bce_with_logits", 0.0, 1.0, math.log(2), -0.5),
        ("bce_with_logits", 1000.0, 0.0, 1000.0, 1.0),
        ("bce_with_logits", -1000.0, 1.0, 1000.0, -1.0),
        ("bce_with_logits", 1000.0, 1.0, 0.0, 0.0),
    ],
)
@IN_BOTH_DTYPES
def test_a_loss_at_an_end_of_its_domain_is_its_limit(
    dtype: str, name: str, prediction: float, target: float, term: float, slope: float
) -> None:
    A, Y = np.full((1, 1), prediction, dtype), np.full((1, 1), target, dtype)
    eps = float(np.finfo(dtype).eps)
    assert LOSSES[name].terms(A, Y).item() == pytest.approx(term, rel=eps, abs=0)
    assert LOSSES[name].gradient(A, Y).item() == pytest.approx(slope, rel=eps, abs=0)


def test_a_distance_between_logits_beyond_the_largest_number_costs_what_its_label_makes_of_it() -> None:
    # The logits are ±M, M the largest number: the term is y · 2M, which for y = 1/4 is M/2.
    M = np.finfo("float64").max
    Z, Y = np.array([[M], [-M]]), np.array([[0.75], [0.25]])
    assert LOSSES["cross_entropy_with_logits"].terms(Z, Y, label_smoothing=0.0).tolist() == [
        [0.0],
        [M / 2],
    ]


def test_half_of_a_squared_error_is_finite_where_the_whole_is_not() -> None:
    # The error is 2^512: its square, 2^1024, is the first power of 2 beyond float64.
    A, Y = np.array([[2.0**512]]), np.zeros((1, 1))
    assert LOSSES["half_squared_error"].terms(A, Y).item() == 2.0**1023
    assert LOSSES["mse"].terms(A, Y).item() == math.inf


# ---------------------------------------------------------------- what an entry says of itself


@ALL
def test_a_loss_says_whether_a_term_depends_on_other_predictions_and_so_does_the_oracle(given: Given) -> None:
    # Some samples: where a loss is flat, its terms do not even depend on their own prediction.
    entry, shape = given.loss, (3, 12)
    A, Y = predictions_and_targets(entry, seed=4, shape=shape)
    moved = A.copy()
    moved[0] += 0.01
    before, after = (entry.terms(each, Y, **given.arguments(shape)) for each in (A, moved))
    assert np.any(after[0] != before[0])
    alone = len(before) > 1 and np.array_equal(after[1:], before[1:])
    assert alone == entry.elementwise == TORCH.losses[entry.name].separable


@ALL
def test_arrays_of_the_callers_are_not_written_to(given: Given) -> None:
    A, Y = predictions_and_targets(given.loss, seed=8)
    arguments = given.arguments(A.shape)
    for array in (A, Y, *arguments.values()):
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    for answer in (given.loss.terms(A, Y, **arguments), given.loss.gradient(A, Y, **arguments)):
        assert not np.shares_memory(answer, A)
        assert not np.shares_memory(answer, Y)


# ---------------------------------------------------------------- kinks

KINKED = [given for given in ROWS if given.loss.kinks is not no_kinks]


def kinks_of(given: Given) -> list[tuple[float, float, float, float]]:
    """(target, left, right and chosen with the kink's place) for some targets, every array as given."""
    found = []
    for y in inside(np.array([-2.0, -0.25, 0.0, 1.0, 3.0]), given.loss.target_domain):
        Y = np.full((1, 1), y)
        for kink in given.loss.kinks(Y, given.arguments(Y.shape)):
            parts = (kink.at, kink.left, kink.right, kink.chosen)
            assert all(np.shape(part) == Y.shape for part in parts)
            found.append((y, *(part.item() for part in parts)))
    return found


@pytest.mark.parametrize("given", KINKED, ids=label)
def test_at_a_kink_of_a_loss_the_stated_slopes_are_those_of_its_sides_and_the_gradient_the_chosen_one(
    given: Given,
) -> None:
    kinks = kinks_of(given)
    assert any(math.isfinite(at) for _, at, *_ in kinks)

    def evaluated(function: Any, a: float, y: float) -> float:
        return float(function(np.full((1, 1), a), np.full((1, 1), y), **given.arguments((1, 1))).item())

    for y, at, left, right, chosen in kinks:
        if not math.isfinite(at):
            continue
        h = 2.0**-20  # exact beside any of these numbers, and the loss is a straight line on either side
        value = evaluated(given.loss.terms, at, y)
        assert (value - evaluated(given.loss.terms, at - h, y)) / h == pytest.approx(left, rel=1e-9, abs=0)
        assert (evaluated(given.loss.terms, at + h, y) - value) / h == pytest.approx(right, rel=1e-9, abs=0)
        assert evaluated(given.loss.gradient, np.nextafter(at, -9), y) == left
        assert evaluated(given.loss.gradient, np.nextafter(at, 9), y) == right
        assert left != right
        assert min(left, right) <= chosen <= max(left, right)
        assert evaluated(given.loss.gradient, at, y) == chosen


@pytest.mark.parametrize("given", KINKED, ids=label)
def test_kinks_of_losses_of_any_targets_are_there_for_a_single_number_as_well(given: Given) -> None:
    if given.loss.target_domain == REALS:
        assert [float(kink.at) for kink in given.loss.kinks(0.0, given.arguments((1, 1)))]


@pytest.mark.parametrize("given", [r for r in ROWS if r.loss.elementwise and not r.arrays], ids=label)
def test_no_kink_is_missing_from_a_loss_of_the_table(given: Given) -> None:
    """Of many predictions, no two neighbours differ much in slope unless a kink lies between them."""
    entry, step = given.loss, 2.0**-14
    low, high = max(entry.prediction_domain.low + 0.125, -5.0), min(entry.prediction_domain.high - 0.125, 5.0)
    A = np.arange(low, high, step)[None]
    for y in inside(np.array([-1.0, 0.25, 2.0]), entry.target_domain):
        Y = np.full(A.shape, y)
        slopes = entry.gradient(A, Y, **given.parameters)
        jump = np.abs(np.diff(slopes)) > 0.01 * (1 + np.abs(slopes[:, 1:]))
        kinks = [kink.at[:, 1:] for kink in entry.kinks(Y, given.arguments(A.shape))]
        near = np.any(
            [np.abs(A[:, 1:] - at) <= 2 * step for at in [*kinks, np.full(jump.shape, np.inf)]], axis=0
        )
        assert not np.any(jump & ~near)
