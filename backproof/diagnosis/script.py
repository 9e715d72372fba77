"""A case as a standalone script, to be pasted into a bug report: the framework's answer beside the wrong one.

The script needs the framework alone, torch or jax (with optax where jax's line for a loss is optax's). Its
numbers are literals that read back to exactly the case's; its functions are the lines of the oracle's tables
(`framework_lines.py`); its gradient is the framework's own.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from backproof.judging.verdicts import Check
from oracles.ball_oracle import BallOracle
from refimpl import QUANTITIES, Case, Trace, case_to_dict
from refimpl.equations import EQUATIONS

from .framework_lines import WIDTH, Line, activation_line, fitted, loss_line

FRAMEWORKS = ("torch", "jax")
_SYMBOLS = {
    "Z": "Z[{l}]",
    "A": "A[{l}]",
    "loss": "the loss",
    "delta": "∂L/∂Z[{l}]",
    "dW": "∂L/∂W[{l}]",
    "db": "∂L/∂b[{l}]",
    "dX": "∂L/∂X",
    "W_updated": "W[{l}] after one step",
    "b_updated": "b[{l}] after one step",
}
# Quantity → the variable by which the loss is differentiated.
_BY = {"delta": "Z{l}", "dW": "W{l}", "db": "b{l}", "dX": "X", "W_updated": "W{l}", "b_updated": "b{l}"}


def script(
    case: Case,
    check: Check,
    answered: Trace,
    name: str = "the implementation",
    framework: str = "torch",
) -> str:
    """The script that prints what `framework` computes for the check's quantity, and what `name` answered.

    The case is the one that was judged, which may have another reduction than the one drawn, and `answered`
    the trace that was judged. Where the check is about no quantity, such as a crash, it is the loss.
    """
    if framework not in FRAMEWORKS:
        raise ValueError(f"unknown framework {framework!r}; known: {', '.join(FRAMEWORKS)}")
    writer = _Script(case, check, answered, name, framework)
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(writer.lines())) + "\n"


class _Script:
    def __init__(self, case: Case, check: Check, answered: Trace, name: str, framework: str) -> None:
        self.case, self.check, self.name, self.framework = case, check, _one_line(name), framework
        self.answered = answered
        self.quantity = check.quantity if check.quantity in QUANTITIES else "loss"
        self.layer = (check.layer or case.network.depth) if QUANTITIES[self.quantity] else None
        self.activations = [activation_line(framework, x.activation.name) for x in case.network.layers]
        self.loss = loss_line(framework, case.network.loss.name)

    def lines(self) -> list[str]:
        """All lines of the script."""
        used: list[Line] = [*self.activations, self.loss]
        imports = {each for line in used for each in line.imports} | {_IMPORTS[self.framework]}
        definitions = dict.fromkeys(each for line in used for each in line.definitions)
        jax = self.framework == "jax"
        imports |= {"import jax"} if jax else set()
        # As isort has them: Python's own first.
        own = {each for each in imports if each.split()[1] in sys.stdlib_module_names}
        lines = [
            *self._title(),
            *sorted(own, reverse=True),
            *([""] if own else []),
            *sorted(imports - own),
            "",
        ]
        if jax and self.case.dtype == np.float64:
            lines += ['jax.config.update("jax_enable_x64", True)', ""]
        for definition in (*definitions, self._numbers()):
            lines += ["", *definition.split("\n"), ""]
        return [*lines, "", *self._data(), "", *(self._jax() if jax else self._torch()), "", *self._told()]

    # ------------------------------------------------------------ parts

    def _title(self) -> Iterable[str]:
        check, what = self.check, self._symbol()
        equation = next((e for e in EQUATIONS if e.id == check.equation), None)
        known = f", equation {check.equation} ({equation.title})" if equation is not None else ""
        yield f"# {what} of {self.name}: {check.verdict}{known}."
        reason = _one_line(check.reason)
        if reason:
            yield f"# {reason[: WIDTH - 2]}"

    def _symbol(self) -> str:
        return _SYMBOLS[self.quantity].format(l=self.layer)

    def _numbers(self) -> str:
        dtype = self.case.dtype.name
        made = {
            "torch": f"torch.tensor(rows, dtype=torch.{dtype})",
            "jax": f"jnp.array(rows, dtype=jnp.{dtype})",
        }
        return f"def numbers(rows):\n    return {made[self.framework]}"

    def _data(self) -> Iterable[str]:
        given = case_to_dict(self.case)
        yield from _assigned("X", given["X"])
        yield from _assigned("Y", given["Y"])
        for l, layer in enumerate(given["network"]["layers"], start=1):
            yield from _assigned(f"W{l}", layer["W"])
            yield from _assigned(f"b{l}", [[each] for each in layer["b"]])
        for name, array in given["network"]["loss"].get("arrays", {}).items():
            yield from _assigned(name, array)

    def _forward(self) -> list[tuple[str, str]]:
        """(variable, expression) of Z[1], A[1], …, the loss."""
        found, A = [], "X"
        for l, (line, layer) in enumerate(zip(self.activations, self.case.network.layers, strict=True), 1):
            found.append((f"Z{l}", f"W{l} @ {A} + b{l}"))
            A = f"A{l}"
            found.append((A, line.expression([f"Z{l}"], _literals(layer.activation.parameters))))
        return [*found, ("loss", self._loss(A))]

    def _loss(self, A: str) -> str:
        """As the oracle reduces it: by the framework's own reduction, or the sum of terms, divided."""
        loss, (outputs, samples) = self.case.network.loss, self.case.Y.shape
        arguments = _literals(loss.arguments | dict(loss.parameters)) | {name: name for name in loss.arrays}
        if self.loss.summed:
            divisor = loss.entry.divisor(loss.reduction, outputs, samples)
            summed = f"{self.loss.expression([A, 'Y'], arguments)}.sum()"
        else:
            divisor = {"batchmean": samples, "entrymean": outputs * samples}.get(loss.reduction, 1)
            own = loss.reduction if loss.reduction in ("mean", "sum") else "sum"
            summed = self.loss.expression([A, "Y"], arguments | {"reduction": f'"{own}"'})
        return summed if divisor == 1 else f"{summed} / {divisor}"

    def _torch(self) -> Iterable[str]:
        forward = self._forward()
        if self.quantity not in _BY:
            yield from _assignments(forward[: self._place(forward, self._variable()) + 1])
            yield f"computed = {self._variable()}"
            return
        by = self._by()
        yield f"{f'W{self.layer}' if self.quantity == 'delta' else by}.requires_grad_()"
        yield from _assignments(forward)
        if self.quantity.endswith("_updated"):
            yield f"(gradient,) = torch.autograd.grad(loss, {by})"
            yield f"computed = {by}.detach() - {self.case.learning_rate!r} * gradient"
        else:
            yield f"(computed,) = torch.autograd.grad(loss, {by})"

    def _jax(self) -> Iterable[str]:
        forward = self._forward()
        if self.quantity not in _BY:
            yield from _assignments(forward[: self._place(forward, self._variable()) + 1])
            yield f"computed = {self._variable()}"
            return
        by = self._by()
        first = self._place(forward, by) + 1 if self.quantity == "delta" else self._first_use(forward, by)
        yield from _assignments(forward[:first])
        yield from ("", "", f"def loss_of({by}):")
        yield from (f"    {line}" for line in _assignments(forward[first:-1]))
        yield from (f"    return {forward[-1][1]}", "", "")
        step = f"{by} - {self.case.learning_rate!r} * " if self.quantity.endswith("_updated") else ""
        yield f"computed = {step}jax.grad(loss_of)({by})"

    def _variable(self) -> str:
        return "loss" if self.quantity == "loss" else f"{self.quantity}{self.layer}"

    def _by(self) -> str:
        """What the loss is differentiated by."""
        return _BY[self.quantity].format(l=self.layer)

    @staticmethod
    def _place(forward: list[tuple[str, str]], variable: str) -> int:
        return [name for name, _ in forward].index(variable)

    @staticmethod
    def _first_use(forward: list[tuple[str, str]], variable: str) -> int:
        return next(k for k, (_, text) in enumerate(forward) if re.search(rf"\b{variable}\b", text))

    def _told(self) -> Iterable[str]:
        answer = self._of(self.answered)
        exact = self._of(BallOracle().traces([self.case], "float64")[0])
        yield from _assigned("answered", answer, call="")
        yield from _assigned("exact", exact, call="")
        yield f'print("{self._symbol()}")'
        yield f'print("{_quoted(self.name)} answered:", answered)'
        yield f'print("{self.framework} computes:", computed.tolist())'
        yield 'print("exact, as nearest float64:", exact)'
        check = self.check
        if check.bound is not None and check.observed is not None and check.quantity in QUANTITIES:
            place = f" at entry {list(check.entry)}" if check.entry else ""
            scope = " by rounding in this step" if check.scope == "local" else " by rounding"
            yield f'print("allowed{place}{scope}:", {float(check.bound)!r})'

    def _of(self, trace: Trace) -> Any:
        value = getattr(trace, self.quantity)
        if value is not None and self.layer is not None:
            value = value[self.layer - 1] if len(value) >= self.layer else None
        return None if value is None else np.asarray(value).tolist()


_IMPORTS: Mapping[str, str] = {"torch": "import torch", "jax": "import jax.numpy as jnp"}


# ---------------------------------------------------------------- text


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _literal(value: Any) -> str:
    """A number, or a list of lists, as Python reads it back."""
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, str):  # "nan", "inf" and "-inf", as case_to_dict has them
        return f'float("{value}")'
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _literals(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: repr(value) for name, value in values.items() if not isinstance(value, np.ndarray)}


def _assigned(name: str, value: Any, call: str = "numbers") -> list[str]:
    """The assignment, broken where it is too long for a line, as formatters break it."""
    literal = _literal(value)
    start, opened, closed = (f"{name} = {call}(", "(", ")") if call else (f"{name} = ", "", "")
    if len(start + literal + closed) <= WIDTH or not isinstance(value, list):
        return [start + literal + closed]
    indent = "    " if opened else ""
    if opened and len(indent + literal) <= WIDTH:
        return [start, indent + literal, closed]
    rows = [row for each in value for row in _row(each, indent + "    ")]
    if opened:
        return [start, f"{indent}[", *rows, f"{indent}]", closed]
    return [f"{start}[", *rows, "]"]


def _row(value: Any, indent: str) -> list[str]:
    literal = f"{indent}{_literal(value)},"
    if len(literal) <= WIDTH or not isinstance(value, list):
        return [literal]
    return [f"{indent}[", *(f"{indent}    {_literal(each)}," for each in value), f"{indent}],"]


def _assignments(forward: Iterable[tuple[str, str]]) -> list[str]:
    lines = (fitted(f"{name} = ", ast.parse(text, mode="eval").body) for name, text in forward)
    return [line for each in lines for line in each.split("\n")]
