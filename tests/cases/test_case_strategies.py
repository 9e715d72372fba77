"""The same definition under Hypothesis: valid cases that shrink to small networks of simple numbers."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from backproof.cases import REGIMES, DrawOptions
from backproof.cases.strategies import HypothesisSource, cases
from refimpl import DTYPES, Backprop, Case, case_from_json, case_to_json

# Without the explain phase: it varies what was found, and `find` returns what it saw last.
QUIET = settings(
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=300,
    phases=[Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
)
SLOW_DRAWS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@pytest.mark.long
@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_regime_gives_valid_cases_of_up_to_the_largest_size(dtype: str, regime: str) -> None:
    drawn: list[Case] = []

    @settings(QUIET, max_examples=25, suppress_health_check=SLOW_DRAWS, phases=[Phase.generate])
    @given(cases(dtype, DrawOptions(regimes=(regime,))))
    def draw(case: Case) -> None:
        assert case.dtype == dtype
        assert case_from_json(case_to_json(case)) == case
        drawn.append(case)

    draw()
    assert len({case.content_hash for case in drawn}) > 10


def test_a_case_shrinks_to_one_unit_one_sample_and_zeros() -> None:
    smallest = find(cases("float32"), lambda _: True, settings=QUIET)
    network = smallest.network
    assert (network.depth, network.widths, smallest.samples) == (1, (1, 1), 1)
    assert (network.layers[0].activation.name, network.loss.name) == ("identity", "mse")
    for zeros in (network.layers[0].W, network.layers[0].b, smallest.X, smallest.Y):
        assert not np.any(zeros)
    assert smallest.learning_rate == 0.5


@pytest.mark.long
def test_a_failing_case_shrinks_to_the_least_network_that_fails() -> None:
    def has_a_large_hidden_layer(case: Case) -> bool:
        return case.network.depth >= 2 and case.network.widths[1] >= 3 and bool(np.any(case.X > 1))

    def smallest(seed: int) -> Case:
        options = settings(QUIET, max_examples=1000)
        return find(cases("float64"), has_a_large_hidden_layer, settings=options, random=Random(seed))  # noqa: S311

    def is_least(case: Case) -> bool:
        zeros = not any(np.any(layer.W) for layer in case.network.layers)
        return case.network.widths == (1, 3, 1) and case.samples == 1 and zeros

    # From a very large start Hypothesis may give up: it ends after 200 tries without progress. Where it
    # starts depends on the constants of all modules that are loaded, and so on the tests that ran before.
    assert any(is_least(smallest(seed)) for seed in range(3))


class _OneColumn(Backprop):
    """Wrong for two samples and more: ∂L/∂b of the first one only."""

    def bias_gradient(self, delta: Any) -> Any:
        return delta[:, :1]


class _NoDerivative(Backprop):
    """Wrong for hidden layers that are not linear: B5 without σ'."""

    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: Any) -> Any:
        del Z, A, spec
        return dA


class _Diagonal(Backprop):
    """Wrong for a softmax, of two units and more: the diagonal of its Jacobian only."""

    def output_error(self, dA: Any, Z: Any, A: Any, spec: Any) -> Any:
        return super().output_error(dA, Z, A, spec) if spec.entry.elementwise else A * (1 - A) * dA


@pytest.mark.long
@pytest.mark.parametrize(
    ("mistake", "widths", "samples", "nonzeros"),
    [
        # A target or a bias that is not 0, so that there is an error at all; for B5 a weight that carries it.
        pytest.param(_OneColumn(), (1, 1), 2, 1, id="bias gradient"),
        pytest.param(_NoDerivative(), (1, 1, 1), 1, 2, id="hidden error"),
        pytest.param(_Diagonal(), (1, 2), 1, 1, id="softmax"),
    ],
)
def test_a_wrong_equation_is_shown_on_the_least_network_that_shows_it(
    mistake: Backprop, widths: tuple[int, ...], samples: int, nonzeros: int
) -> None:
    def differs(case: Case) -> bool:
        right, wrong = Backprop().run(case), mistake.run(case)
        pairs = zip((*(right.db or ()), right.dX), (*(wrong.db or ()), wrong.dX), strict=True)
        return any(not np.allclose(one, other, rtol=1e-3, atol=0) for one, other in pairs)

    # Few functions, so that the search spends its time on the network.
    functions = ("identity", "softmax") if len(widths) == 2 and widths[1] > 1 else ("identity", "tanh")
    options = DrawOptions(functions, ("mse",), ("ordinary",))
    # Three times: Hypothesis begins with constants of whatever is imported, and may stop a step too early.
    searching, seeds = settings(QUIET, derandomize=False), map(Random, range(3))
    found = [find(cases("float32", options), differs, settings=searching, random=seed) for seed in seeds]
    assert {(case.network.widths, case.samples) for case in found} == {(widths, samples)}
    assert min(map(_nonzeros, found)) <= nonzeros


def _nonzeros(case: Case) -> int:
    arrays = [array for layer in case.network.layers for array in (layer.W, layer.b)]
    return sum(np.count_nonzero(array) for array in (*arrays, case.X, case.Y))


def test_options_hold_under_hypothesis_too() -> None:
    options = DrawOptions(activations=("relu", "identity"), losses=("mse",), max_depth=2, max_width=3)

    @settings(QUIET, max_examples=50)
    @given(cases("float32", options))
    def draw(case: Case) -> None:
        assert case.network.depth <= 2
        assert max(case.network.widths) <= 3
        assert {layer.activation.name for layer in case.network.layers} <= {"relu", "identity"}

    draw()


class _Script:
    """Stands for Hypothesis's draw: gives a seed, then bytes, and notes how many bytes it was asked for."""

    def __init__(self, seed: int, data: bytes) -> None:
        self.answers = [seed, data, data]
        self.asked: list[str] = []

    def __call__(self, strategy: Any) -> Any:
        self.asked.append(repr(strategy))
        return self.answers.pop(0)


def _words(seed: int, data: bytes, count: int) -> list[int]:
    return HypothesisSource(_Script(seed, data)).words(count).tolist()  # type: ignore[arg-type]


def test_the_bytes_lead_the_words_the_last_byte_the_first_word() -> None:
    assert _words(0, b"\x01\x02\x03", 3) == [3 << 56, 2 << 56, 1 << 56]
    seeded = _words(7, b"\x01\x02\x03", 3)
    assert [word >> 56 for word in seeded] == [3, 2, 1]
    assert all(word % 2**56 for word in seeded)


def test_bytes_that_are_missing_or_0_give_zeros_whatever_the_seed_is() -> None:
    assert _words(0, b"\x05", 4) == [5 << 56, 0, 0, 0]
    assert _words(0, b"", 2) == [0, 0]
    assert _words(7, b"\x05\x00", 2)[0] == 0
    # Beyond the bytes the seed fills what the bytes, repeated, do not leave out.
    many = _words(7, b"\x05\x00" * 64, 5000)
    assert not any(many[0::2])
    assert len(set(many[1::2])) == 2500


def test_bytes_that_are_left_over_change_nothing() -> None:
    # The first words are those that stay when sizes shrink.
    assert _words(7, b"\x01\x02\x03\x04", 2) == _words(7, b"\x03\x04", 2)


def test_two_draws_of_a_seed_have_nothing_in_common() -> None:
    source = HypothesisSource(_Script(7, b"\x01" * 128))  # type: ignore[arg-type]
    assert not {*source.words(1000).tolist()} & {*source.words(1000).tolist()}


def test_how_many_bytes_are_allowed_does_not_depend_on_how_many_words_are_drawn() -> None:
    asked = []
    for count in (1, 5000):
        script = _Script(0, b"")
        HypothesisSource(script).words(count)  # type: ignore[arg-type]
        asked.append(script.asked[1])
    assert asked == ["binary(max_size=128)"] * 2
