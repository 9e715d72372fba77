"""A penalty on the weights that is left on: λ W in dW, and λ/2 ΣW² in the loss. The document has none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .asking import Answer
from .exact import exacts
from .reading import Ratio, Reading, ratio

_SURE = 0.01


class Penalty(NamedTuple):
    """What was found: in words, and the factor of the loss without the penalty."""

    words: str
    loss: Ratio | None


def penalty(answer: Answer, reading: Reading) -> Penalty | None:
    """The penalty that explains why dW is off where db is not; None if none does.

    With the factor ĉ of db, dW - ĉ e must be λ W in every layer; its error is that of ĉ e (`reading`).
    """
    case, trace = answer.case, answer.trace
    off = any(kind[0] == "dW" for kind in reading.off)
    if not off or trace.dW is None or reading.gradients is None:
        return None
    (exact,) = exacts([case])
    c = reading.gradients.value
    found: list[Ratio] = []
    for l, layer in enumerate(case.network.layers):
        e, B = exact.value["dW"][l], exact.bound["dW"][l]
        error = abs(c) * (3 * B + reading.gradients.slack * np.abs(e))
        rest = np.asarray(trace.dW[l], dtype=np.float64) - c * e
        error = error + 2 * np.finfo(case.dtype).eps * np.abs(np.asarray(trace.dW[l], dtype=np.float64))
        one, count = ratio(rest, layer.W, np.zeros_like(e), error)
        if one is None or count < 2 or one.slack > _SURE:
            return None
        found.append(one)
    if not all(each.meets(found[0]) for each in found):
        return None
    strength = min(found, key=lambda each: each.slack).value
    words = f"dW has {strength:.4g} W in it, a penalty on the weights: switch it off"
    if trace.loss is None:
        return Penalty(words, None)
    square = sum(float(np.sum(np.float64(layer.W) ** 2)) for layer in case.network.layers)
    slack = min(each.slack for each in found)
    e, B = float(exact.value["loss"][0]), float(exact.bound["loss"][0])
    if reading.loss is not None and reading.loss.meets(Ratio(c, reading.gradients.slack)):
        return Penalty(words, reading.loss)  # it is in the gradient only
    without = float(trace.loss) - strength / 2 * square
    error = abs(strength) * square * (slack + 8 * np.finfo(case.dtype).eps) + 8 * np.finfo(
        case.dtype
    ).eps * abs(float(trace.loss))
    if not abs(e) > B or not abs(without) > error:
        return Penalty(words, None)
    return Penalty(words, Ratio(without / e, 3 * B / abs(e) + error / abs(without)))
