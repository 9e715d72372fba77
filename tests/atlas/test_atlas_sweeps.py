"""Sweeps go through both signs and all sizes, and come close to what is special."""

from __future__ import annotations

import numpy as np
import pytest

from backproof.atlas.sweeps import DESIGNS, UNITS, arguments, sweeps_of, variants
from refimpl import ACTIVATIONS, LOSSES

ENTRIES = [*ACTIVATIONS.values(), *LOSSES.values()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arguments_reach_from_the_smallest_to_the_largest_number_of_both_signs(dtype):
    at, info = arguments(np.dtype(dtype), 500, [3.0]), np.finfo(dtype)
    assert (at.dtype, at[0], at[-1]) == (np.dtype(dtype), -info.max, info.max)
    for special in (info.smallest_subnormal, info.tiny, 0.0, 1.0, 3.0):
        assert special in at
        assert -special in at or special == 3.0
    one = np.dtype(dtype).type
    assert np.nextafter(one(3), one(4)) in at
    assert np.nextafter(one(3), one(2)) in at
    assert np.all(np.diff(at) > 0)
    assert 400 < at.size < 600
    octaves = np.unique(np.floor(np.log2(at[at > 0])))
    assert np.max(np.diff(octaves)) < (info.maxexp - info.minexp) / 50


def test_arguments_stay_in_the_domain_of_a_loss():
    inside = arguments(np.dtype("float32"), 300, [0.25], LOSSES["bce"].prediction_domain)
    assert (inside[0], inside[-1]) == (0, 1)
    assert np.nextafter(np.float32(1), np.float32(0)) in inside
    assert arguments(np.dtype("float32"), 300, [0.0], LOSSES["nll"].prediction_domain).max() == 0


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_sweep_is_one_that_the_function_takes(entry):
    sweeps = list(sweeps_of(entry, "float32", 100))
    assert sweeps
    for sweep in sweeps:
        assert sweep.Z.shape == (1 if entry.elementwise else UNITS, sweep.at.size)
        assert sweep.Z.dtype == sweep.at.dtype == np.float32
        assert np.isfinite(sweep.Z).all()
        assert (sweep.design in DESIGNS) != entry.elementwise
        if sweep.Y is not None:
            assert entry.prediction_domain.contains(sweep.Z)
            assert entry.target_domain.contains(sweep.Y)
            sweep.spec.checked(*sweep.Z.shape, sweep.dtype)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_parameter_and_array_is_swept(entry):
    found = variants(entry, np.dtype("float64"))
    for each in (*entry.parameters, *getattr(entry, "arrays", ())):
        values = {numbers.get(each.name, each.default) for numbers in found}
        assert len(values) > 1, each.name
        assert each.domain.contains(np.array(sorted(values)))


def test_a_kink_and_its_neighbours_are_among_the_points():
    (first, *_) = sweeps_of(ACTIVATIONS["hardshrink"], "float64", 200)
    for kink in (0.5, -0.5):
        assert {kink, np.nextafter(kink, 1), np.nextafter(kink, -1)} <= set(first.at.tolist())
