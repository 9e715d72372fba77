"""Where a framework errs more than accuracy allows: declared, with evidence, as extra local error terms.

D1. A deviation adds its size to that oracle's own error of the function, inside its region, and is carried
    through the bounds like any other error. An answer is a "known deviation" only if it lies outside the
    bound without this term and inside with it, so a mistake in the same case is still caught.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


def nothing(*_: Any) -> float:
    """No extra error."""
    return 0.0


@dataclass(frozen=True)
class Deviation:
    """An extra error of one oracle's function. `value` and `derivative` give its size at each argument.

    For an activation both are called with (z, parameters), for a loss with (a, y, parameters).
    """

    id: str
    oracle: str
    function: str
    region: str
    size: str
    value: Callable[..., Any]
    derivative: Callable[..., Any]
    evidence: str
    reproduction: str
    versions: str


def _softplus_cut(z: Any, p: Any) -> Any:
    x = p["beta"] * z
    # The exact remainder log(1 + e^-x) is below e^-x; the region's edge is rounded like x itself.
    return np.where(x > 20 * (1 - 2.0**-20), np.exp(-np.abs(x)), 0.0)


def _bce_log_cut(a: Any, y: Any, _p: Any) -> Any:
    with np.errstate(divide="ignore"):
        low = np.where(y > 0, y * np.maximum(-np.log(a) - 100, 0), 0.0)
        high = np.where(y < 1, (1 - y) * np.maximum(-np.log1p(-a) - 100, 0), 0.0)
    return low + high


def _bce_denominator_cut(a: Any, y: Any, _p: Any) -> Any:
    product = a * (1 - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.abs(a - y) * (1 / product - 1e12)
    return np.where(product < 1e-12, np.nan_to_num(size, nan=np.inf, posinf=np.inf), 0.0)


DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        "torch-softplus-threshold",
        "torch",
        "softplus",
        "βz > 20",
        "value e^(-βz)/β, derivative e^(-βz): up to 2.1e-9",
        lambda z, p: _softplus_cut(z, p) / p["beta"],
        _softplus_cut,
        "torch.nn.functional.softplus returns z itself where βz exceeds its argument threshold, 20.",
        "torch.nn.functional.softplus(torch.tensor(20.5, dtype=torch.float64)) - 20.5  # 0; exact 1.25e-9",
        "torch 2.4 to 2.13",
    ),
    Deviation(
        "torch-bce-clamp",
        "torch",
        "bce",
        "ŷ or 1 - ŷ below e^-100 (value), ŷ(1 - ŷ) < 1e-12 (derivative)",
        "value y(-log ŷ - 100), derivative |ŷ - y|(1/(ŷ(1 - ŷ)) - 1e12)",
        _bce_log_cut,
        _bce_denominator_cut,
        "torch.nn.functional.binary_cross_entropy cuts its logarithms off at -100 and the denominator of "
        "its gradient at 1e-12, as its documentation and source say.",
        "p = torch.tensor(1e-14, dtype=torch.float64, requires_grad=True); "
        "torch.nn.functional.binary_cross_entropy(p, p.detach() * 0 + 1).backward(); p.grad  "
        "# -1e12; exact -1e14",
        "torch 2.4 to 2.13",
    ),
)


def deviations_of(*oracles: str) -> tuple[Deviation, ...]:
    """The declared deviations of these oracles."""
    return tuple(d for d in DEVIATIONS if d.oracle in oracles)
