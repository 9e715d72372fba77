"""What is planted into exact answers is found where it is, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backproof.atlas.errors import THRESHOLD
from backproof.atlas.model import CLASSES
from refimpl import ACTIVATIONS, LOSSES

from .planted import Planted, quantities_of, row_of

NAMES = [*ACTIVATIONS, *LOSSES]


@pytest.mark.parametrize("name", NAMES)
def test_exact_answers_have_no_region(name):
    entry = ACTIVATIONS.get(name) or LOSSES[name]
    for dtype in ("float32", "float64") if entry.elementwise else ("float32",):
        for row in quantities_of(name, Planted(), dtype, 100):
            assert row.regions == ()
            assert row.worst_ulps <= 0.5
            assert {kind for kind, count in row.classes.items() if count} <= {"accurate", "undefined"}


def _off_by_200_ulps(sweep, value, slope) -> None:
    for _ in range(200):
        value[:, _inside(sweep)] = np.nextafter(value[:, _inside(sweep)], sweep.dtype.type(np.inf))


def _inside(sweep) -> Any:
    return (sweep.at > 2) & (sweep.at < 3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_error_of_200_ulps_is_found_in_its_region_and_only_there(dtype):
    value, derivative = quantities_of("tanh", Planted(_off_by_200_ulps), dtype)
    (region,) = value.regions
    assert (region.kind, round(region.ulps)) == ("inaccurate", 200)
    assert 2 < region.first < region.last < 3
    assert region.points == value.classes["inaccurate"] > 1
    assert derivative.regions == ()
    assert derivative.classes["inaccurate"] == 0
    far = [place for place, ulps in enumerate(value.profile) if ulps is not None and ulps > THRESHOLD]
    assert 0 < len(far) < 8
    assert far == list(range(far[0], far[-1] + 1))


def test_a_nan_is_of_a_class_of_its_own():
    def plant(sweep, value, slope) -> None:
        slope[:, _inside(sweep)] = np.nan

    value, derivative = quantities_of("sigmoid", Planted(plant))
    (region,) = derivative.regions
    assert (region.kind, region.points) == ("non-finite", derivative.classes["non-finite"])
    assert np.isnan(region.answer)
    assert derivative.worst_ulps <= 0.5
    assert np.inf in derivative.profile
    assert value.regions == ()


def test_flushed_subnormals_are_no_errors_of_ulps():
    def plant(sweep, value, slope) -> None:
        value[np.abs(value) < np.finfo(sweep.dtype).tiny] = 0

    value, _ = quantities_of("identity", Planted(plant))
    assert value.classes["flushed"] > 10
    assert value.worst_ulps <= 1  # the smallest number of all is one away from 0
    assert value.regions == ()


def test_either_side_is_right_on_a_kink_and_nothing_beyond():
    def plant(slope_there) -> Any:
        def at_0(sweep, value, slope) -> None:
            slope[:, sweep.at == 0] = slope_there

        return quantities_of("relu", Planted(at_0))[1]

    for right in (0.0, 0.5, 1.0):
        assert plant(right).regions == ()
    (region,) = plant(1.5).regions
    assert (region.first, region.last) == (0, 0)


def test_a_wrong_entry_of_a_column_is_found_with_its_column():
    def plant(sweep, value, slope) -> None:
        if sweep.design == "gap":
            value[2, _inside(sweep)] += 0.25

    value, _ = quantities_of("softmax", Planted(plant))
    (region,) = value.regions
    assert (region.entry, region.design) == (2, "gap")
    assert region.column == (region.at, 0, 0, 0)


def test_a_region_tells_the_parameters_and_the_target():
    def plant(sweep, value, slope) -> None:
        if sweep.parameters["delta"] == 4.0 and sweep.target == (1.0,):
            value[:, _inside(sweep)] *= 2

    value, _ = quantities_of("huber", Planted(plant))
    (region,) = value.regions
    assert (region.parameters, region.target) == ({"delta": 4.0}, (1.0,))


def test_who_does_not_offer_a_function_is_not_asked():
    row = row_of("relu", Planted(lambda *_: 1 / 0, offer="does not offer"))
    assert (row.answers[0].offer, row.answers[0].quantities) == ("does not offer", ())


def test_every_answer_is_counted():
    row = row_of("softmax", Planted())
    for quantity in row.answers[0].quantities:
        assert set(quantity.classes) == set(CLASSES)
        assert sum(quantity.classes.values()) == 4 * row.points
