"""V3, V5, V6, V7: each constant of the rules of losses of columns is needed by some accurate evaluation.

As in `test_constants_matter`, one column at a time: the sum of the terms that the reference has in float32,
or one entry of its gradient or of torch's, of predictions that are off. What is exact comes from balls.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from constants import TINY, Constant, E, Example, F, flushed, require_margin, require_needed, table, without
from exact_values import exact_loss, precise
from measuring import of_loss

from backproof.judging import loss_rules
from backproof.judging.loss_facts import LOSS_FACTS
from backproof.judging.rounding import precision
from refimpl import LossSpec

OWN = precision("float32")


@precise
def _column(
    name: str,
    unit: int | None,
    z: Any,
    y: Any,
    dz: Any = 0.0,
    *,
    source: str = "refimpl",
    answer: float | None = None,
    **arguments: Any,
) -> Example:
    """∂ℓ/∂z of one unit, or the loss, of one column z that is off by dz, as a source has it."""
    z, dz, y = (np.array(np.broadcast_to(each, np.shape(z)), np.float64)[:, None] for each in (z, dz, y))
    z, y = z.astype(F), y.astype(F)
    arrays = {key: np.atleast_2d(F(value)) for key, value in arguments.items() if key == "weight"}
    spec = LossSpec(name, "sum", {k: float(v) for k, v in arguments.items() if k not in arrays}, arrays)
    with np.errstate(all="ignore"):
        terms, slopes = of_loss(source, spec, (z + dz).astype(F), y)
    loss, gradient = exact_loss(spec, z, y)
    inner = spec.entry.divisor("sum", len(z), 1)

    def bound() -> Any:
        given = (z.astype(np.float64), np.abs(dz), y.astype(np.float64), spec.arguments, OWN.u, OWN.tiny)
        with np.errstate(all="ignore"):
            _, E_terms, _, E_slope = LOSS_FACTS[name].rule(*given)
        return np.sum(E_terms) if unit is None else E_slope[unit, 0]

    given = np.sum(flushed(terms).astype(np.float64)) if unit is None else flushed(slopes)[unit, 0]
    truth = loss if unit is None else gradient[unit, 0]
    return Example(given if answer is None else answer, truth * inner, bound)


# ---------------------------------------------------------------- V3: cross-entropy with logits

CROSS = "cross_entropy_with_logits"
LABELS, SOFTMAX = loss_rules._of_labels, loss_rules.softmax_error
LOGITS = [0.3, 1.1, -0.7]
OWN_TERMS = "ACCURACY * u * (size * (1 + n / ACCURACY) + y + E_y)"


def _far_logit() -> Example:
    """torch takes e^(log p), where log p = (z - max) - log Σ is about -70 and rounds."""
    rng = np.random.Generator(np.random.Philox(3))
    top, below, far = rng.uniform(70, 120, 50), rng.uniform(0, 2, 50), rng.uniform(64, 72, 50)
    columns = [F([t, t - b, t - f]) for t, b, f in zip(top, below, far, strict=True)]
    return max((_column(CROSS, 2, z, [1, 0, 0], source="torch") for z in columns), key=Example.ratio)


V3 = (
    Constant(
        "V3 movement of the terms",
        without(LABELS, "moved + ACCURACY * u * scale", "ACCURACY * u * scale"),
        lambda: _column(CROSS, None, [0, 0], [1, 0], [E, -E]),
    ),
    Constant(
        "V3 own error of the terms",
        without(LABELS, "moved + ACCURACY * u * scale", "moved"),
        lambda: _column(CROSS, None, LOGITS, [1, 0, 0]),
    ),
    Constant(
        "V3 η₀ of the terms",
        without(LABELS, "(log_sum - shifted) + tiny", "(log_sum - shifted)"),
        lambda: _column(CROSS, None, [0, 0], [1.2 * TINY, 0]),
    ),
    Constant(
        "V3 own error of the terms at the farthest point",
        without(LABELS, "+ 5 * farthest +", "+"),
        lambda: max(
            (_column(CROSS, None, [0, 0, -k / 16], [1, 0, 0], [-40, 40, 40]) for k in range(1, 30)),
            key=Example.ratio,
        ),
    ),
    Constant(
        "V3 E_p",
        without(LABELS, "E_p * (total + E_total) +", "0 * E_p +"),
        lambda: _column(CROSS, 1, [0, 0], [1, 0], [E, -E]),
    ),
    Constant(
        "V3 own error of the gradient",
        without(LABELS, OWN_TERMS),
        lambda: _column(CROSS, 0, [-8.2, 0, 0.3], [0.25, 0.5, 0.25]),
    ),
    Constant(
        "V3 (n+1) η₀ of the gradient",
        without(LABELS, "(n + 1) * tiny"),
        lambda: _column(CROSS, 0, [0, 0], [1.2 * TINY, 0]),
    ),
    Constant(
        "V3 spread of softmax",
        without(SOFTMAX, "return spread + ACCURACY", "return ACCURACY"),
        lambda: _column(CROSS, 1, [0, 0], [1, 0], [E, -E]),
    ),
    Constant(
        "V3 own error of softmax", without(SOFTMAX, "ACCURACY * u * (p + spread) * relative"), _far_logit
    ),
    Constant(
        "V3 η₀ of softmax",
        without(SOFTMAX, "relative + tiny", "relative"),
        lambda: _column(CROSS, 1, [0, -88], [1, 0], source="jax", weight=[[2.0**10]]),
    ),
)


# ---------------------------------------------------------------- V5: poly loss

POLY, MARGIN, COSINE = loss_rules.poly_loss, loss_rules.multi_margin, loss_rules.cosine_distance
BIG = 2.0**12
"""An ε far above 1: beside what it multiplies, the cross-entropy's own errors are nothing."""

V5 = (
    Constant(
        "V5 ε y E_p",
        without(POLY, "epsilon * (y * E_p + 4 * u * y)", "epsilon * 4 * u * y"),
        lambda: _column("poly_loss", None, [0, 0], [1, 0], [E, -E], epsilon=BIG),
    ),
    Constant(
        "V5 ε across",
        without(POLY, "epsilon * (E_across + (n + 2) * tiny)", "epsilon * (n + 2) * tiny"),
        lambda: _column("poly_loss", 0, [0.5, 0], [1, 0], [E, -E], epsilon=BIG),
    ),
    Constant(
        "V5 E_p |y - s|",
        without(POLY, "E_p * (np.abs(y - s) + E_s)", "E_p * E_s"),
        lambda: _column("poly_loss", 0, [-3, 0], [1, 0], [E, 0], epsilon=BIG),
    ),
    Constant(
        "V5 E_p E_s",
        without(POLY, "(np.abs(y - s) + E_s)", "np.abs(y - s)"),
        lambda: _column("poly_loss", 1, [0, 0, 9], [1, 0, 0], [9, 9, -9], epsilon=BIG),
    ),
    Constant(
        "V5 p E_s",
        without(POLY, " + p * E_s", ""),
        lambda: _column("poly_loss", 0, [1, 0], [1, 0], [E, -E], epsilon=BIG),
    ),
    Constant(
        "V5 both 4u of the terms",  # each covers for the other: see below
        without(POLY, "4 * u * y", also=("4 * u * (np.abs(terms) + epsilon * missed + E_terms)",)),
        lambda: _column("poly_loss", None, [-9, 0], [1, 0], epsilon=BIG),
    ),
    Constant(
        "V5 η₀",  # p (y - s) underflows before ε multiplies it
        without(POLY, "(n + 2) * tiny", "0.0"),
        lambda: _column("poly_loss", 0, [0, 0], [1.2 * TINY, 0], epsilon=BIG, answer=0.0),
    ),
)


# ---------------------------------------------------------------- V6: multi-margin

NARROW, BARELY = "3 * u * (margin + np.abs(right) + np.abs(a) + E + E_right)", [1.0, 2.0**-24 * 1.5]

V6 = (
    Constant(
        "V6 E_i",
        without(MARGIN, "E + E_right + 3", "E_right + 3"),
        lambda: _column("multi_margin", None, [1, 1], [1, 0], [0, E]),
    ),
    Constant(
        "V6 E_k",
        without(MARGIN, "E + E_right + 3", "E + 3"),
        lambda: _column("multi_margin", None, [1, 1], [1, 0], [-E, 0]),
    ),
    Constant("V6 3u", without(MARGIN, NARROW, "0.0"), lambda: _column("multi_margin", None, BARELY, [1, 0])),
    Constant(
        "V6 reach of 0 in terms",
        without(
            MARGIN,
            "np.where((e > 0) | reached, E_e, 0)\n        slope, E_slope = (e > 0)",
            "np.where(e > 0, E_e, 0)\n        slope, E_slope = (e > 0)",
        ),
        lambda: _column("multi_margin", None, [1, -E / 2], [1, 0], [0, E]),
    ),
    Constant(
        "V6 reach of 0 in slopes",
        without(MARGIN, "np.where(reached, 1.0, 0.0)", "0.0 * e"),
        lambda: _column("multi_margin", 1, [1, -E / 2], [1, 0], [0, E]),
    ),
    Constant(
        "V6 reach of 0 in squares",
        without(MARGIN, "E_h = np.where((e > 0) | reached, E_e, 0)", "E_h = np.where(e > 0, E_e, 0)"),
        lambda: _column("multi_margin", None, [1, -E / 2], [1, 0], [0, E], p=2),
    ),
    Constant(
        "V6 E_h of a square",
        without(MARGIN, "E_h * (2 * h + E_h)", "E_h * E_h"),
        lambda: _column("multi_margin", None, [1, 1], [1, 0], [0, E], p=2),
    ),
    Constant(
        "V6 E_h² of a square",
        without(MARGIN, "E_h * (2 * h + E_h)", "E_h * 2 * h"),
        lambda: _column("multi_margin", None, [1, 1], [1, 0], [0, 1], p=2),
    ),
    Constant(
        "V6 2 E_h of a slope",
        without(MARGIN, "2 * h, 2 * E_h", "2 * h, 0 * E_h"),
        lambda: _column("multi_margin", 1, [1, 1], [1, 0], [0, E], p=2),
    ),
    Constant(
        "V6 Σ E of the right slope",
        without(MARGIN, "units_sum(E_slope) + (n + 2)", "(n + 2)"),
        lambda: _column("multi_margin", 0, [1, 1], [1, 0], [0, E], p=2),
    ),
    Constant(
        "V6 (n+2) u and 4u of the gradient",  # each covers for the other: see below
        without(MARGIN, "(n + 2) * u * sums", also=("4 * u * (np.abs(slope) + E_slope + (y == 1) * sums)",)),
        lambda: _column("multi_margin", 0, [0.1, 0.7, 0.3, 0.2], [1, 0, 0, 0], p=1, weight=[[1.1]] * 4),
    ),
    Constant(
        "V6 2 η₀ of the terms",
        without(MARGIN, "+ tiny) + 2 * tiny", "+ tiny)"),
        lambda: _column("multi_margin", None, [0.5, 0.25], [1, 0], p=2, weight=[[1.2 * TINY]] * 2),
    ),
    Constant(
        "V6 η₀ of an excess",
        without(MARGIN, "E + E_right) + tiny", "E + E_right)"),
        lambda: _column(
            "multi_margin", 1, [1.5 * TINY, 2 * TINY], [1, 0], p=2, margin=0.0, weight=[[BIG]] * 2, answer=0.0
        ),
    ),
    Constant(
        "V6 w η₀ of a squared excess",
        without(MARGIN, "(terms + E_terms) + tiny)", "(terms + E_terms))"),
        lambda: _column(
            "multi_margin", None, [0, 0], [1, 0], p=2, margin=2.0**-65, weight=[[BIG]] * 2, answer=0.0
        ),
    ),
    Constant(
        "V6 2(n+1) η₀ of the gradient",
        without(MARGIN, "+ 2 * (n + 1) * tiny", ""),
        lambda: _column("multi_margin", 1, [0.5, -0.5 + 2.0**-20], [1, 0], p=2, weight=[[2.0**-108]] * 2),
    ),
)


# ---------------------------------------------------------------- V7: cosine distance

V7 = (
    Constant(
        "V7 |E| of the cosine",
        without(COSINE, "E_c = moved / rest + rounding", "E_c = 0 * moved + rounding"),
        lambda: _column("cosine_distance", None, [1, 1], [1, -1], [E, -E]),
    ),
    Constant(
        "V7 roundings of the cosine",
        without(COSINE, "rounding = (2 * n + 18) * u", "rounding = 0.0 * u"),
        lambda: _column("cosine_distance", None, [0.3, 1.1], [1.7, -0.2]),
    ),
    Constant(
        "V7 E_c |d|",
        without(COSINE, "E_across = E_c * np.abs(d) +", "E_across ="),
        lambda: _column("cosine_distance", 0, [1, 0], [0, 1], [0, E]),
    ),
    Constant(
        "V7 |c| E_d",
        without(COSINE, "(np.abs(c) + E_c) * E_d", "E_c * E_d"),
        lambda: _column("cosine_distance", 1, [1, 0], [1, 0], [0, E]),
    ),
    Constant(
        "V7 E_c E_d",
        without(COSINE, "(np.abs(c) + E_c) * E_d", "np.abs(c) * E_d"),
        lambda: _column("cosine_distance", 2, [1, 0, 0], [0, 1, 0], [0, E, E]),
    ),
    Constant(
        "V7 length moved",
        without(COSINE, " + np.abs(across) * moved / (rest * length)", ""),
        lambda: _column("cosine_distance", 1, [1, 0], [0, 1], [-E, 0]),
    ),
    Constant(
        "V7 roundings of the gradient",
        without(COSINE, "2 * rounding * (np.abs(d) + E_d + np.abs(t))", "0.0"),
        lambda: _column("cosine_distance", 1, [1.1, 0], [0.7, 1.9]),
    ),
    Constant(
        "V7 4 η₀",
        without(COSINE, "E_gradient + 4 * tiny * (1 + 1 / rest)", "E_gradient"),
        lambda: _column("cosine_distance", 1, [2, 0], [1, 1.2 * TINY]),
    ),
)


@table(*V3, *V5, *V6, *V7)
def test_an_accurate_answer_is_inside_the_bound_and_outside_without_the_constant(
    constant: Constant, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_needed(constant, monkeypatch)


# ---------------------------------------------------------------- what no answer has been found to need

MARGINS = (
    # t is off by 3u, and 8u of t are allowed for the bracket that it multiplies and for p Σt - t.
    Constant(
        "V3 5u of smoothed labels",
        without(loss_rules.cross_entropy_with_logits, "5 * u * t", "0 * u * t"),
        lambda: _column(CROSS, 0, LOGITS, [1, 0, 0], label_smoothing=0.1),
    ),
    # The gradient's own 8u have p + E_p as well.
    Constant(
        "V3 spread in softmax's own error",
        without(SOFTMAX, "(p + spread)", "p"),
        lambda: _column(CROSS, 1, [9, -9], [1, 0], [-9, 9]),
    ),
    # Where the logits have moved apart, p is so small that the 8u of what it was are more.
    Constant(
        "V3 farthest in softmax's own error",
        without(SOFTMAX, " + 4 * farthest", ""),
        lambda: _column(CROSS, 1, [0, 0], [1, 0], [1, -1]),
    ),
    # p's own 8u are more than what ε p (y - s) rounds by; the two 4u of ε y (1 - p) cover for each other.
    Constant(
        "V5 8u across",
        without(POLY, "8 * u * (p + E_p) * across", "0.0"),
        lambda: _column("poly_loss", 0, [0.3, 0.1], [1, 0], epsilon=BIG),
    ),
    Constant(
        "V5 4u of the gradient",
        without(POLY, "4 * u * (np.abs(gradient) + epsilon * across * p + E_gradient)", "0.0"),
        lambda: _column("poly_loss", 0, [0.3, 0.1], [1, 0], epsilon=BIG),
    ),
    Constant(
        "V5 4u of y",
        without(POLY, "epsilon * (y * E_p + 4 * u * y)", "epsilon * y * E_p"),
        lambda: _column("poly_loss", None, [-9, 0], [1, 0], epsilon=BIG),
    ),
    Constant(
        "V5 4u of the terms",
        without(POLY, "4 * u * (np.abs(terms) + epsilon * missed + E_terms)", "0.0"),
        lambda: _column("poly_loss", None, [-9, 0], [1, 0], epsilon=BIG),
    ),
    # e is off by 3u, its square by twice that, and w e² rounds by less; where e is not squared, slopes are
    # whole numbers, and the two terms of the gradient cover for each other.
    Constant(
        "V6 (n+2) u",
        without(MARGIN, "(n + 2) * u * sums", "0.0"),
        lambda: _column(
            "multi_margin", 0, [0.1, 0.7, 0.33, 0.21, 0.57, 0.93, 0.41, 0.83], [1, 0, 0, 0, 0, 0, 0, 0], p=2
        ),
    ),
    Constant(
        "V6 4u of the terms",
        without(MARGIN, "E_terms + 4 * u * (terms + E_terms)", "E_terms"),
        lambda: _column("multi_margin", None, [0.1, 0.7], [1, 0], p=2, weight=[[1.1], [1.1]]),
    ),
    Constant(
        "V6 4u of the gradient",
        without(MARGIN, "4 * u * (np.abs(slope) + E_slope + (y == 1) * sums)", "0.0"),
        lambda: _column("multi_margin", 0, [0.1, 0.7, 0.3, 0.2], [1, 0, 0, 0], p=1, weight=[[1.1]] * 4),
    ),
)


@table(*MARGINS)
def test_a_margin_is_part_of_the_bound(constant: Constant, monkeypatch: pytest.MonkeyPatch) -> None:
    require_margin(constant, monkeypatch)
