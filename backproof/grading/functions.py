"""Single functions as one implementation: called step by step, each on the student's own numbers.

This file runs beside the code under test: it needs the standard library and NumPy only, and knows no formula.
Where a function is missing or raises, numbers of the right shape and range stand in for what it would have
given, so that the functions behind it can be judged all the same. They come with the case, belong to no
question that is asked, and what they stand for is not judged.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

FUNCTIONS = {
    "forward": ("A_previous", "W", "b", "activation"),
    "loss": ("A", "Y", "loss"),
    "output_error": ("Z", "A", "Y", "activation", "loss"),
    "hidden_error": ("delta_next", "W_next", "Z", "A", "activation"),
    "gradients": ("delta", "A_previous"),
    "update": ("W", "b", "dW", "db", "learning_rate"),
}
"""What may be handed in, and the arguments that each gets, in this order unless the rubric has another."""
MORE_ARGUMENTS = {
    "forward": ("parameters", "layer", "depth"),
    "loss": ("reduction", "loss_parameters", "loss_arrays"),
    "output_error": ("parameters", "reduction", "loss_parameters", "loss_arrays"),
    "hidden_error": ("parameters", "layer"),
    "gradients": ("layer",),
    "update": ("layer",),
}
"""What a rubric may ask for besides."""
GIVES = {
    "forward": ("Z", "A"),
    "loss": ("loss",),
    "output_error": ("delta",),
    "hidden_error": ("delta",),
    "gradients": ("dW", "db"),
    "update": ("W_updated", "b_updated"),
}
STANDS_IN = "stands in for "
"""How a note begins that says what is not the student's: function, quantity, layer."""


class Functions:
    """An implementation made of functions: called with a case, it gives a trace."""

    def __init__(
        self,
        functions: Mapping[str, Callable[..., Any]],
        arguments: Mapping[str, Sequence[str]],
        tell: Callable[[str], None],
    ) -> None:
        """`functions` and `arguments`: kind → function, and names of what it is given, in order.

        `tell` is called with the kind before each call.
        """
        self.functions, self.arguments, self.tell = functions, arguments, tell
        self.skipped: set[str] = set()
        self.notes: list[str] = []
        """About the last case: "forward raised …" and "stands in for …", each once."""

    def __call__(self, case: Any) -> dict[str, Any]:
        """The trace of a case, which has `stand_ins`, and in `skip` what is not called any more."""
        self.notes = []
        self.skipped = set(case.skip)
        L, given = case.depth, case.stand_ins
        per_layer = ("Z", "A", "delta", "dW", "db", "W_updated", "b_updated")
        found: dict[str, Any] = {quantity: [None] * L for quantity in per_layer}
        A = case.X
        for l in range(L):
            known = {
                "A_previous": A,
                "W": case.W[l],
                "b": case.b[l],
                **_of_layer(case, l),
                "depth": L,
            }
            found["Z"][l], found["A"][l] = self._called("forward", l, known, given)
            A = found["A"][l]
        loss = {
            "loss": case.loss,
            "reduction": case.reduction,
            "loss_parameters": case.loss_parameters,
            "loss_arrays": case.loss_arrays,
            "Y": case.Y,
        }
        (value,) = self._called("loss", None, {"A": A, **loss}, given)
        for l in range(L - 1, -1, -1):
            known = {"Z": found["Z"][l], "A": found["A"][l], **_of_layer(case, l)}
            if l == L - 1:
                (found["delta"][l],) = self._called("output_error", l, {**known, **loss}, given)
            else:
                above = {"delta_next": found["delta"][l + 1], "W_next": case.W[l + 1]}
                (found["delta"][l],) = self._called("hidden_error", l, {**known, **above}, given)
        for l in range(L):
            below = case.X if l == 0 else found["A"][l - 1]
            known = {"delta": found["delta"][l], "A_previous": below, **_of_layer(case, l)}
            found["dW"][l], found["db"][l] = self._called("gradients", l, known, given)
        if "update" in self.functions:
            for l in range(L):
                known = {
                    "W": case.W[l],
                    "b": case.b[l],
                    "dW": found["dW"][l],
                    "db": found["db"][l],
                    "learning_rate": case.learning_rate,
                    **_of_layer(case, l),
                }
                found["W_updated"][l], found["b_updated"][l] = self._called("update", l, known, given)
        else:
            del found["W_updated"], found["b_updated"]
        return found if value is None else {"loss": value, **found}

    def _called(self, kind: str, l: int | None, known: Mapping[str, Any], given: Any) -> list[Any]:
        """What the function gives, one value a quantity; stand-ins where it does not."""
        quantities = GIVES[kind]
        stand_ins = [_stand_in(given, quantity, l) for quantity in quantities]
        if kind not in self.functions or kind in self.skipped:
            return self._stood_in(kind, l, quantities, stand_ins)
        arguments = [_copied(known[name]) for name in self.arguments[kind]]
        self.tell(kind)
        try:
            answer = self.functions[kind](*arguments)
        except MemoryError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody's function may raise anything
            self._note(f"{kind} raised {_said(error)}")
            return self._stood_in(kind, l, quantities, stand_ins)
        if len(quantities) == 1:
            answer = (answer,)
        elif not isinstance(answer, (tuple, list)) or len(answer) != len(quantities):
            self._note(f"{kind} returned {_kind(answer)}, expected {' and '.join(quantities)}")
            return self._stood_in(kind, l, quantities, stand_ins)
        values = []
        for quantity, value, stand_in in zip(quantities, answer, stand_ins, strict=True):
            wrong = None if quantity == "loss" else _misfit(value, stand_in)
            if wrong is None:
                values.append(_copied(value))
            else:
                self._note(f"{kind} returned {quantity} {wrong}")
                values += self._stood_in(kind, l, (quantity,), [stand_in])
        return values

    def _stood_in(
        self, kind: str, l: int | None, quantities: Sequence[str], stand_ins: Sequence[Any]
    ) -> list[Any]:
        for quantity in quantities:
            if l is not None:
                self._note(f"{STANDS_IN}{kind} {quantity} {l + 1}")
        return [_copied(stand_in) for stand_in in stand_ins]

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _of_layer(case: Any, l: int) -> dict[str, Any]:
    return {
        "activation": case.activations[l],
        "parameters": case.activation_parameters[l],
        "layer": l + 1,
    }


def _stand_in(given: Mapping[str, Sequence[Any]], quantity: str, l: int | None) -> Any:
    return None if l is None else given[quantity][l]


def _copied(value: Any) -> Any:
    return np.array(value, copy=True) if isinstance(value, np.ndarray) else value


def _misfit(value: Any, like: Any) -> str | None:
    """What is wrong with an answer that has to be an array like this one; None if nothing is."""
    if not isinstance(value, (np.ndarray, np.generic)):
        return f"as {_kind(value)}, expected a NumPy array"
    if value.shape != like.shape:
        return f"of shape {tuple(value.shape)}, expected {tuple(like.shape)}"
    if value.dtype != like.dtype:
        return f"of dtype {value.dtype}, expected {like.dtype}"
    return None


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, (tuple, list)):
        return f"{len(value)} values"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def _said(error: BaseException) -> str:
    text = str(error)[:300]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    own = [f for f in frames if "numpy" not in f.filename and "<" not in f.filename]
    where = f" ({os.path.basename(own[-1].filename)}, line {own[-1].lineno})" if own else ""
    return type(error).__name__ + (f": {text}" if text else "") + where
