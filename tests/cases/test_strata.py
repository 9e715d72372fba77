"""Strata: every case is of the stratum that its index has, and all come up evenly."""

from collections import Counter

import pytest

from backproof.cases import DrawOptions, draw_case, draw_in_stratum, strata_of
from backproof.cases.strata import step_of
from refimpl import ACTIVATIONS, LOSSES, case_to_dict

FEW = DrawOptions(("relu", "sigmoid", "softmax"), ("mse", "bce"), regimes=("ordinary", "kinks"), max_depth=3)


def _check(index: int, options: DrawOptions, dtype: str) -> None:
    drawn, stratum = draw_in_stratum(7, index, dtype, options), strata_of(options).at(index)
    network = drawn.case.network
    names = [layer.activation.name for layer in network.layers]
    least, most = stratum.depth
    assert (drawn.regime, network.loss.name) == (stratum.regime, stratum.loss)
    assert least <= len(names) <= most
    assert stratum.activation in (names if len(names) == 1 else names[:-1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_case_is_of_the_stratum_of_its_index(dtype):
    for index in range(400):
        _check(index, DrawOptions(), dtype)
        _check(index, FEW, dtype)


def test_the_strata_are_all_that_can_be():
    # In one layer bce takes sigmoid and softmax, mse all three; in two or three layers anything goes.
    assert strata_of(FEW).count == (2 + 3) * 2 + 3 * 2 * 2
    assert len(set(strata_of(FEW).all)) == strata_of(FEW).count
    assert strata_of(DrawOptions()).count == 17_874


@pytest.mark.parametrize("count", [1, 2, 3, 12, 22, 97, 17_874])
def test_the_walk_visits_each_once_before_it_comes_back(count):
    step = step_of(count)
    assert {index * step % count for index in range(count)} == set(range(count))


@pytest.mark.parametrize("cases", [1024, 5120])
@pytest.mark.parametrize("kind", ["activation", "loss", "regime", "depth"])
def test_wherever_the_walk_stops_each_kind_has_come_up_evenly(kind, cases):
    strata = strata_of(DrawOptions())
    share = Counter(getattr(stratum, kind) for stratum in strata.all)
    seen = Counter(getattr(strata.at(index), kind) for index in range(cases))
    for name, count in share.items():
        assert abs(seen[name] - cases * count / strata.count) < 12, name
    assert seen.keys() == share.keys()


def test_the_seed_changes_the_case_and_not_its_stratum():
    one, other = (draw_in_stratum(seed, 5, "float64", FEW) for seed in (1, 2))
    assert case_to_dict(one.case) != case_to_dict(other.case)
    assert one.regime == other.regime
    assert one.case.network.loss.name == other.case.network.loss.name


def test_it_is_a_function_of_its_arguments_and_the_rest_is_drawn_freely():
    first = [draw_in_stratum(3, index, "float32", DrawOptions()) for index in range(50)]
    draw_case(3, 0, "float32")
    again = [draw_in_stratum(3, index, "float32", DrawOptions()) for index in reversed(range(50))]
    assert [case_to_dict(a.case) for a in first] == [case_to_dict(b.case) for b in reversed(again)]
    kinds = {layer.activation.name for one in first for layer in one.case.network.layers}
    assert len(kinds) > len(ACTIVATIONS) * 2 // 3
    assert len({one.case.network.loss.name for one in first}) > len(LOSSES) // 2


def test_sizes_that_are_narrowed_leave_the_strata_that_fit():
    shallow = strata_of(DrawOptions(("relu",), ("mse",), regimes=("ordinary",), max_depth=1))
    assert [stratum.depth for stratum in shallow.all] == [(1, 1)]
    deep = strata_of(DrawOptions(("relu",), ("mse",), regimes=("ordinary",), min_depth=3, max_depth=5))
    assert [stratum.depth for stratum in deep.all] == [(3, 3), (4, 5)]
