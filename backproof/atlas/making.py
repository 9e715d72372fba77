"""An atlas from its options: each function's sweeps, the exact values once, and everybody's errors."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oracles.ball_oracle import BallOracle
from refimpl import ACTIVATIONS, LOSSES

from .answers import ANSWERERS, Answerer
from .axis import BINS, bin_of
from .errors import THRESHOLD, Class, Errors, errors_of, regions_of
from .exact import exact_answers
from .model import CLASSES, QUANTITIES, AnswerRow, Atlas, FunctionRow, QuantityRow, RegionRow
from .options import Advance, AtlasOptions
from .sweeps import Entry, Sweep, sweeps_of

_NAMES = dict(zip(Class, CLASSES, strict=True))


def make_atlas(
    options: AtlasOptions, advance: Advance, answerers: Mapping[str, Answerer] | None = None
) -> Atlas:
    """The atlas; `answerers`, by name, stand in for those that the options name.

    What `advance` raises ends it.
    """
    truth = BallOracle()
    asked = {name: ANSWERERS[name]() for name in options.asked} if answerers is None else dict(answerers)
    versions = dict(truth.versions())
    for answerer in asked.values():
        versions |= answerer.versions()
    wanted = [(kind, name, dtype) for kind, name in options.functions for dtype in options.dtypes]
    rows = []
    for done, (kind, name, dtype) in enumerate(wanted):
        advance(f"{name}, {dtype}", done, len(wanted))
        entry: Entry = (ACTIVATIONS if kind == "activation" else LOSSES)[name]
        rows.append(function_row(truth, asked, entry, dtype, options.points))
    advance("", len(wanted), len(wanted))
    return Atlas(
        command=options.command,
        versions=versions,
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        threshold=THRESHOLD,
        points=options.points,
        answerers=tuple(asked),
        functions=tuple(rows),
    )


def function_row(
    truth: BallOracle, answerers: Mapping[str, Answerer], entry: Entry, dtype: str, points: int
) -> FunctionRow:
    """The errors of all answerers for one function in one dtype."""
    sweeps = list(sweeps_of(entry, dtype, points))
    exact = [exact_answers(truth, sweep) for sweep in sweeps]
    answers = []
    for name, answerer in answerers.items():
        offer = answerer.offers(entry)
        quantities: list[QuantityRow] = []
        if offer != "does not offer":
            given = list(answerer.answers(sweeps))
            for place, quantity in enumerate(QUANTITIES):
                errors = [
                    errors_of(answer[place], right[place], np.float64(sweep.at), sweep.dtype)
                    for sweep, right, answer in zip(sweeps, exact, given, strict=True)
                ]
                quantities.append(_quantity_row(quantity, sweeps, errors))
        answers.append(AnswerRow(by=name, offer=offer, quantities=tuple(quantities)))
    return FunctionRow(
        kind="activation" if entry.name in ACTIVATIONS else "loss",
        name=entry.name,
        dtype="float32" if dtype == "float32" else "float64",
        sweeps=len(sweeps),
        points=sum(sweep.at.size for sweep in sweeps),
        answers=tuple(answers),
    )


def _quantity_row(quantity: Any, sweeps: Sequence[Sweep], errors: Sequence[Errors]) -> QuantityRow:
    counts = np.zeros(len(Class), int)
    profile = np.full(2 * BINS, -1.0)
    measured: list[Any] = []
    scaled: list[Any] = []
    for sweep, each in zip(sweeps, errors, strict=True):
        counts += np.bincount(each.classes.reshape(-1), minlength=len(Class))
        owned = np.isin(each.classes, (Class.ACCURATE, Class.INACCURATE))
        measured.append(each.ulps[owned])
        scaled.append(each.scaled[owned])
        np.maximum.at(profile, bin_of(sweep.at, sweep.dtype.name), _worst(each.ulps))
    ulps = np.concatenate(measured)
    return QuantityRow(
        quantity=quantity,
        classes={name: int(counts[kind]) for kind, name in _NAMES.items()},
        median_ulps=float(np.median(ulps)) if ulps.size else None,
        worst_ulps=float(np.max(ulps)) if ulps.size else None,
        worst_scaled=float(np.max(np.concatenate(scaled))) if ulps.size else None,
        profile=tuple(None if each < 0 else _short(each) for each in profile),
        regions=tuple(
            row for sweep, each in zip(sweeps, errors, strict=True) for row in _region_rows(sweep, each)
        ),
    )


def _worst(ulps: Any) -> Any:
    """The worst ulps of each column; -1 where nothing was measured."""
    return np.max(np.where(np.isnan(ulps), -1.0, ulps), axis=0)


def _short(number: float) -> float:
    """To three digits: a picture shows no more."""
    return float(f"{number:.3g}")


def _region_rows(sweep: Sweep, errors: Errors) -> list[RegionRow]:
    rows = []
    for region in regions_of(errors, np.float64(sweep.at)):
        entry, place = region.worst
        rows.append(
            RegionRow(
                kind="non-finite" if region.kind is Class.NON_FINITE else "inaccurate",
                parameters=sweep.parameters,
                target=sweep.target,
                design=sweep.design,
                first=float(sweep.at[region.first]),
                last=float(sweep.at[region.last]),
                points=region.points,
                at=float(sweep.at[place]),
                column=tuple(sweep.Z[:, place].astype(float).tolist()),
                entry=entry,
                exact=float(errors.exact[entry, place]),
                answer=float(errors.answer[entry, place]),
                ulps=float(errors.ulps[entry, place]),
                scaled=float(errors.scaled[entry, place]),
            )
        )
    return rows
