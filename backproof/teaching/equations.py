"""The equations of a pass with the number of their layer: what is computed of what.

Each function gives one equation in LaTeX with its terms, taken from a recording of the reference. The form
that holds for the layer's activation is chosen here; the form for a terminal follows from the LaTeX.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from refimpl import ActivationSpec, Case, special_form, special_output_error
from refimpl.equations import equation

from .model import Operand, Sign, Term
from .recording import Recording

EQUALS, TIMES, PLUS, MINUS = (
    *(Sign(" = ", "="), Sign("·", r"\,")),
    *(Sign(" + ", "+"), Sign(" - ", "-")),
)
HADAMARD = Sign(" ⊙ ", r"\odot")
CLOSE = Sign(")", r"\right)")
COMMA = Sign(", ", ",\\;")
ARROW = Sign(" ← ", r"\leftarrow")


def opened(name: str) -> Sign:
    """A function up to its bracket."""
    words = name.replace("_", r"\_").replace("'", "")
    prime = "'" if name.endswith("'") else ""
    return Sign(f"{name}(", rf"\mathrm{{{words}}}{prime} \left(")


@dataclass(frozen=True)
class Form:
    """An equation of one layer."""

    id: str
    result: Operand
    terms: tuple[Term, ...]
    latex: str
    where: tuple[str, ...] = ()
    remark: str = ""
    also: tuple[str, ...] = ()
    title: str = ""
    summands: tuple[Any, int] | None = None
    """Of the loss: its terms, and what their sum is divided by."""


def numbered(latex: str, layer: int, depth: int) -> str:
    """An equation of the catalogue with the numbers of its layers."""
    pairs = {"[l]": layer, "[l-1]": layer - 1, "[l+1]": layer + 1, "[L]": depth}
    for index, number in pairs.items():
        latex = latex.replace(index, f"[{number}]")
    return latex


def by(symbol: str) -> str:
    r"""\partial L by it."""
    return rf"\frac{{\partial L}}{{\partial {symbol}}}"


def operand(quantity: str, layer: int | None, recording: Recording, *, transposed: bool = False) -> Operand:
    """A quantity of the recording as it stands in an equation."""
    values = recording.of(quantity, layer)
    symbol, latex = _SYMBOLS[quantity]
    if layer is not None:
        symbol, latex = symbol.replace("*", f"[{layer}]"), latex.replace("*", f"^{{[{layer}]}}")
    return _turned(Operand(symbol, latex, values, symbol), transposed=transposed)


def parameter(name: str, layer: int, case: Case, *, transposed: bool = False) -> Operand:
    """W[l] or b[l]."""
    values = getattr(case.network.layers[layer - 1], name)
    symbol = f"{name}[{layer}]"
    return _turned(Operand(symbol, f"{name}^{{[{layer}]}}", values, symbol), transposed=transposed)


def _turned(plain: Operand, *, transposed: bool) -> Operand:
    if not transposed:
        return plain
    return Operand(f"{plain.symbol}ᵀ", f"({plain.latex})^T", np.transpose(plain.values), plain.name)


_SYMBOLS = {
    "A_0": ("A[0]", "A^{[0]}"),
    "Z": ("Z*", "Z*"),
    "A": ("A*", "A*"),
    "loss": ("L", "L"),
    "dA": ("∂L/∂A*", by("A*")),
    "delta": ("δ*", r"\delta*"),
    "dW": ("∂L/∂W*", by("W*")),
    "db": ("∂L/∂b*", by("b*")),
    "dX": ("∂L/∂X", by("X")),
    "W_updated": ("new W*", r"W*_{\text{new}}"),
    "b_updated": ("new b*", r"b*_{\text{new}}"),
}


def activation_of(recording: Recording, layer: int, *, transposed: bool = False) -> Operand:
    """A[l], with A[0] the input."""
    if layer == 0:
        return operand("A_0", None, recording, transposed=transposed)
    return operand("A", layer, recording, transposed=transposed)


def target(case: Case) -> Operand:
    """Y."""
    return Operand("Y", "Y", case.Y, "Y")


# ---------------------------------------------------------------- forward


def input_(case: Case, right: Recording) -> Form:
    """F1."""
    terms = (Operand("X", "X", case.X, "X"),)
    return Form("F1", operand("A_0", None, right), terms, equation("F1").implemented_latex)


def pre_activation(case: Case, right: Recording, l: int) -> Form:
    """F2."""
    terms = (
        *(parameter("W", l, case), TIMES, activation_of(right, l - 1)),
        *(PLUS, parameter("b", l, case)),
    )
    remark = "b is added to every column: one column a sample." if case.samples > 1 else ""
    latex = numbered(equation("F2").implemented_latex, l, case.network.depth)
    return Form("F2", operand("Z", l, right), terms, latex, remark=remark)


def activation(case: Case, right: Recording, l: int) -> Form:
    """F3; F4 in the last layer."""
    spec, depth = case.network.layers[l - 1].activation, case.network.depth
    terms = (opened(spec.name), operand("Z", l, right), CLOSE)
    catalogued = equation("F4" if l == depth else "F3")
    latex = numbered(catalogued.implemented_latex, l, depth)
    return Form(catalogued.id, operand("A", l, right), terms, latex, (spec.entry.latex, *parameters(spec)))


_GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "lambda")


def parameters(spec: Any) -> tuple[str, ...]:
    r"""Parameters of a function as LaTeX, such as \beta = 1 or \mathrm{negative\_slope} = 0.01."""
    return tuple(f"{_name(name)} = {value:g}" for name, value in spec.parameters.items())


def _name(parameter: str) -> str:
    return rf"\{parameter}" if parameter in _GREEK else rf"\mathrm{{{parameter}}}".replace("_", r"\_")


def divided(case: Case) -> tuple[str, str]:
    """The divisor d of the loss, as LaTeX and in words."""
    loss = case.network.loss
    outputs, samples = case.Y.shape
    d = loss.entry.divisor(loss.reduction, outputs, samples)
    return f"d = {d}", f"d = {d}: reduction {loss.reduction}, {_count(outputs, 'output')}, " + _count(
        samples, "sample"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def loss(case: Case, right: Recording) -> Form:
    """F5."""
    spec, depth = case.network.loss, case.network.depth
    terms = (opened(spec.name), operand("A", depth, right), COMMA, target(case), CLOSE)
    d, words = divided(case)
    where = (rf"\sum \ell(\hat y, y) = {spec.entry.latex}", d, *parameters(spec))
    A = right.A(depth)
    summands = spec.entry.terms(A, case.Y, **spec.arguments), spec.entry.divisor(spec.reduction, *A.shape)
    latex = equation("F5").implemented_latex
    return Form("F5", operand("loss", None, right), terms, latex, where, words, summands=summands)


# ---------------------------------------------------------------- backward


def loss_gradient(case: Case, right: Recording) -> Form:
    """The first half of B4: ∂L/∂A[L]."""
    spec, depth = case.network.loss, case.network.depth
    terms = (opened(f"{spec.name}'"), operand("A", depth, right), COMMA, target(case), CLOSE)
    d, words = divided(case)
    latex = rf"{by(f'A^{{[{depth}]}}')} = \frac{{1}}{{d}} \ell'(\hat Y, Y)"
    where = (rf"\ell'(\hat y, y) = {spec.entry.derivative_latex}", d, *parameters(spec))
    return Form(
        *("B4", operand("dA", depth, right), terms, latex, where, f"As in the loss, {words}."),
        title="Gradient of the loss by the output",
    )


def output_error(case: Case, right: Recording) -> Form:
    """The second half of B4: δ[L]."""
    depth = case.network.depth
    return _error("B4", case, right, depth, _special(case, right))


def _special(case: Case, right: Recording) -> str:
    """Whether the document's Ŷ - Y is right here, and with which factor."""
    network = case.network
    pair = f"({network.layers[-1].activation.name}, {network.loss.name})"
    form = special_form(network)
    if form is None:
        return f"The document's Ŷ - Y is not δ[{network.depth}] for {pair}: it takes the general rule."
    A = right.A(network.depth)
    values = np.ravel(special_output_error(network, A, case.Y))
    entry = int(np.argmax(np.abs(values)))
    divisor = network.loss.entry.divisor(network.loss.reduction, *A.shape)
    factor = Fraction(form.factor, divisor)
    said, hold = "Ŷ - Y", "holds as it stands"
    if factor != 1:
        said, hold = f"{factor} (Ŷ - Y)", f"needs the factor {factor}"
    elif form.factor != 1:
        hold = f"holds, because the factor {form.factor} and d = {divisor} cancel"
    return (
        f"For {pair} the document's Ŷ - Y {hold}: δ[{network.depth}] = {said}, here {values[entry]:.6g} "
        f"in {'its only entry' if values.size == 1 else 'its largest entry'}."
    )


def hidden_error(case: Case, right: Recording, l: int) -> Form:
    """B5."""
    return _error("B5", case, right, l, "")


def _error(id: str, case: Case, right: Recording, l: int, remark: str) -> Form:  # noqa: A002 - as everywhere
    spec, depth = case.network.layers[l - 1].activation, case.network.depth
    gradient = operand("dA", l, right)
    elementwise = spec.entry.elementwise
    latex = gradient.latex if id == "B4" else numbered(r"(W^{[l+1]})^T \delta^{[l+1]}", l, depth)
    where = () if id == "B4" else (f"{latex} = {gradient.latex}",)
    if elementwise:
        bracketed = latex if id == "B4" else rf"\left( {latex} \right)"
        latex = rf"{bracketed} \odot \sigma'(Z^{{[{l}]}})"
        terms: tuple[Term, ...] = (gradient, HADAMARD, slope(spec, right, l))
    else:
        latex = rf"\left( \frac{{\partial A^{{[{l}]}}}}{{\partial Z^{{[{l}]}}}} \right)^T {latex}"
        terms = _by_jacobian(spec, right, l, gradient)
        mixes = f"{spec.name} mixes the units of a sample: its Jacobian takes the place of ⊙ σ'"
        shown = "; shown is that of sample 1" if case.samples > 1 else ""
        remark = f"{mixes}{shown}. {remark}".strip()
    where = (*where, spec.entry.derivative_latex, *parameters(spec))
    result = operand("delta", l, right)
    return Form(id, result, terms, rf"\delta^{{[{l}]}} = {latex}", where, remark)


def slope(spec: ActivationSpec, right: Recording, l: int) -> Operand:
    """σ'(Z[l]) of an elementwise activation."""
    assert spec.entry.derivative is not None
    values = spec.entry.derivative(right.of("Z", l), **spec.parameters)
    return Operand(f"σ'(Z[{l}])", rf"\sigma'(Z^{{[{l}]}})", values, f"σ'(Z[{l}])")


def _by_jacobian(spec: ActivationSpec, right: Recording, l: int, gradient: Operand) -> tuple[Term, ...]:
    """(∂A/∂Z)^T of the first sample, column by column: what the reference makes of each unit vector."""
    Z, A = right.of("Z", l)[:, :1], right.of("A", l)[:, :1]
    units = np.eye(len(Z), dtype=Z.dtype)
    columns = [spec.entry.vjp(Z, A, units[:, k : k + 1], **spec.parameters) for k in range(len(Z))]
    sample = "" if right.of("Z", l).shape[1] == 1 else ", sample 1"
    jacobian = Operand(
        f"(∂A[{l}]/∂Z[{l}])ᵀ{sample}",
        rf"\left( \frac{{\partial A^{{[{l}]}}}}{{\partial Z^{{[{l}]}}}} \right)^T",
        np.concatenate(columns, axis=1),
        f"∂A[{l}]/∂Z[{l}]",
    )
    return jacobian, TIMES, gradient


def weight_gradient(case: Case, right: Recording, l: int) -> Form:
    """B1."""
    terms = (operand("delta", l, right), TIMES, activation_of(right, l - 1, transposed=True))
    latex = numbered(equation("B1").implemented_latex, l, case.network.depth)
    remark = f"The product sums over the {case.samples} samples." if case.samples > 1 else ""
    return Form("B1", operand("dW", l, right), terms, latex, remark=remark)


def bias_gradient(case: Case, right: Recording, l: int) -> Form:
    """B3, which is B2 worked out."""
    delta, result = operand("delta", l, right), operand("db", l, right)
    if case.samples == 1:
        latex, terms = rf"{result.latex} = \delta^{{[{l}]}}", (delta,)
        return Form("B3", result, terms, latex, (), "One sample: the sum has one column.", ("B2",))
    latex = numbered(equation("B3").implemented_latex, l, case.network.depth)
    summed = (opened("sum of columns"), delta, CLOSE)
    return Form("B3", result, summed, latex, (rf"m = {case.samples}",), "", ("B2",))


def activation_gradient(case: Case, right: Recording, l: int) -> Form:
    """B1a: of a hidden layer, or of the input."""
    terms = (parameter("W", l + 1, case, transposed=True), TIMES, operand("delta", l + 1, right))
    latex = numbered(equation("B1a").implemented_latex, l, case.network.depth)
    if l:
        return Form("B1a", operand("dA", l, right), terms, latex)
    latex = latex.replace("A^{[0]}", "X", 1)
    remark = "No parameter needs it; it says how the loss depends on the input."
    return Form("B1a", operand("dX", None, right), terms, latex, remark=remark, title="Gradient of the input")


# ---------------------------------------------------------------- update


def update(case: Case, right: Recording, l: int, name: str) -> Form:
    """U1 of W or U2 of b."""
    rate = Operand("η", r"\eta", np.asarray(case.learning_rate), "η")
    terms = (parameter(name, l, case), MINUS, rate, TIMES, operand(f"d{name}", l, right))
    id = "U1" if name == "W" else "U2"  # noqa: A001 - as everywhere
    latex = numbered(equation(id).implemented_latex, l, case.network.depth)
    return Form(id, operand(f"{name}_updated", l, right), terms, latex)
