r"""The catalogue: every equation of the document with its code, its condition, and how it must be read.

The last file of the text, after `backprop.py`: what the document says, beside what is computed. An entry
states the equation as the document has it (`latex`), the form the project computes (`implemented_latex`) and
the callable that is it (`code`). Where the two forms differ, `reading` and `note` say why; nothing is
repaired in silence. W^{[l]} is layer l's W, \eta the learning rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .backprop import Backprop
from .chain_rule import ChainRule

Part = Literal["forward", "chain rule", "backward", "update"]
Reading = Literal["holds", "holds under a condition", "does not hold as written"]


@dataclass(frozen=True)
class Equation:
    """One equation of the document.

    >>> b5 = equation("B5")
    >>> b5.title, b5.code.__name__, b5.quantity
    ('Error of a hidden layer', 'hidden_error', ('delta',))
    >>> b5.reading
    'holds under a condition'
    >>> b5.condition
    'For an elementwise σ, with the dot read as the elementwise product ⊙.'
    """

    id: str
    part: Part
    title: str
    latex: str
    """As the document states it."""
    implemented_latex: str
    """As the project computes it, for m samples as columns."""
    code: Callable[..., Any]
    """The method that is this equation."""
    quantity: tuple[str, ...] | None
    """The trace quantities that it governs; None if a trace holds none."""
    reading: Reading
    """Whether the equation holds as the document writes it."""
    condition: str
    """When it holds as written, in one sentence."""
    note: str
    """How to read it with care."""


class UnknownEquationError(ValueError):
    """No equation of that id.

    >>> equation("B6")
    Traceback (most recent call last):
        ...
    refimpl.equations.UnknownEquationError: unknown equation 'B6';
        known: F1, F2, F3, F4, F5, C1, C2, B1, B1a, B2, B3, B4, B5, U1, U2
    """


EQUATIONS: tuple[Equation, ...] = (
    Equation(
        id="F1",
        part="forward",
        title="Input",
        latex=r"X = [x_1, \ldots, x_n]^T, \quad A^{[0]} = X",
        implemented_latex=r"A^{[0]} = X",
        code=Backprop.input_activation,
        quantity=None,
        reading="holds",
        condition="Always.",
        note="The document's X is one sample, a column of n features; here X has m such columns.",
    ),
    Equation(
        id="F2",
        part="forward",
        title="Pre-activation",
        latex=r"Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]}",
        implemented_latex=r"Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]}",
        code=Backprop.pre_activation,
        quantity=("Z",),
        reading="holds",
        condition="Always; with m samples, b is added to every column.",
        note="Over m samples b is a column that broadcasts, which is why its gradient is a sum (B3).",
    ),
    Equation(
        id="F3",
        part="forward",
        title="Activation",
        latex=r"A^{[l]} = \sigma(Z^{[l]})",
        implemented_latex=r"A^{[l]} = \sigma(Z^{[l]})",
        code=Backprop.activation,
        quantity=("A",),
        reading="holds",
        condition="Always; each layer has its own σ.",
        note="σ' is not defined at a kink, such as ReLU at 0. Which one-sided value or subgradient is taken "
        "there is a convention: each table entry states its own, and it is compared, not hidden.",
    ),
    Equation(
        id="F4",
        part="forward",
        title="Output activation by problem",
        latex=r"\hat Y = A^{[L]} = \begin{cases} Z^{[L]} & \text{regression} \\ "
        r"\operatorname{sigmoid}(Z^{[L]}) & \text{binary} \\ "
        r"\operatorname{softmax}(Z^{[L]}) & \text{multiclass} \end{cases}",
        implemented_latex=r"\hat Y = A^{[L]} = \sigma^{[L]}(Z^{[L]})",
        code=Backprop.activation,
        quantity=("A",),
        reading="holds",
        condition="Always: it is a choice, and any other σ may stand in the last layer.",
        note="Softmax is not elementwise: each output of a sample depends on all of its pre-activations.",
    ),
    Equation(
        id="F5",
        part="forward",
        title="Loss by problem",
        latex=r"L(\hat Y, Y) = \begin{cases} \frac{1}{n} \sum_i (\hat y_i - y_i)^2 & \text{regression} \\ "
        r"-y \log \hat y - (1 - y) \log (1 - \hat y) & \text{binary} \\ "
        r"-\sum_i y_i \log \hat y_i & \text{multiclass} \end{cases}",
        implemented_latex=r"L(\hat Y, Y) = \frac{1}{d} \sum_{i, s} \ell(\hat y_{is}, y_{is})",
        code=Backprop.loss,
        quantity=("loss",),
        reading="holds under a condition",
        condition="When L is read as the loss and not as the last layer, and the divisor d is stated.",
        note="L stands for both the last layer and the loss. The loss is a function of Ŷ and Y, not their "
        "difference; d is 1, m or n·m by the reduction, and every gradient is divided by it too.",
    ),
    Equation(
        id="C1",
        part="chain rule",
        title="Chain rule, one path",
        latex=r"y = f(u),\ u = g(x): \quad \frac{dy}{dx} = \frac{dy}{du} \cdot \frac{du}{dx}",
        implemented_latex=r"\frac{dy}{dx} = f'(g(x)) \, g'(x)",
        code=ChainRule.chain,
        quantity=None,
        reading="holds",
        condition="Where g is differentiable at x and f at g(x).",
        note="dy/du is taken at u = g(x), not at x.",
    ),
    Equation(
        id="C2",
        part="chain rule",
        title="Chain rule, two paths",
        latex=r"y = f(u(x), v(x)): \quad \frac{dy}{dx} = \frac{\partial y}{\partial u} \cdot \frac{du}{dx} "
        r"+ \frac{\partial y}{\partial v} \cdot \frac{dv}{dx}",
        implemented_latex=r"\frac{dy}{dx} = \partial_u f(u, v) \, u'(x) + \partial_v f(u, v) \, v'(x)",
        code=ChainRule.two_variable_chain,
        quantity=None,
        reading="holds",
        condition="Where u and v are differentiable at x and f at (u(x), v(x)).",
        note="What is reached along several paths adds up; backpropagation is this sum over all units.",
    ),
    Equation(
        id="B1",
        part="backward",
        title="Weight gradient",
        latex=r"\frac{\partial L}{\partial W^{[l]}} = \frac{\partial L}{\partial A^{[l]}} \cdot "
        r"\frac{\partial A^{[l]}}{\partial Z^{[l]}} \cdot \frac{\partial Z^{[l]}}{\partial W^{[l]}}",
        implemented_latex=r"\frac{\partial L}{\partial W^{[l]}} = \delta^{[l]} (A^{[l-1]})^T",
        code=Backprop.weight_gradient,
        quantity=("dW",),
        reading="does not hold as written",
        condition="For one unit, one input and one sample, where all three factors are numbers.",
        note="Replacing ∂Z/∂W by A[l-1] gives no matrix product, the shapes do not fit: the chain of "
        "derivatives becomes δ[l] A[l-1]^T, which also sums over the samples.",
    ),
    Equation(
        id="B1a",
        part="backward",
        title="Gradient of a hidden activation",
        latex=r"\frac{\partial L}{\partial A^{[l]}} = (W^{[l+1]})^T \delta^{[l+1]}",
        implemented_latex=r"\frac{\partial L}{\partial A^{[l]}} = (W^{[l+1]})^T \delta^{[l+1]}",
        code=Backprop.activation_gradient,
        quantity=("dX",),
        reading="holds under a condition",
        condition="For l < L, with δ[l+1] = ∂L/∂Z[l+1]; with B4's ∂L/∂A in δ's place it is wrong.",
        note="At the output ∂L/∂A[L] comes from the loss. With l = 0 it is the gradient of the input.",
    ),
    Equation(
        id="B2",
        part="backward",
        title="Bias gradient by the chain rule",
        latex=r"\frac{\partial L}{\partial b^{[l]}} = \frac{\partial L}{\partial Z^{[l]}} \cdot "
        r"\frac{\partial Z^{[l]}}{\partial b^{[l]}}, \quad \frac{\partial Z^{[l]}}{\partial b^{[l]}} = 1",
        implemented_latex=r"\frac{\partial L}{\partial b^{[l]}} = \sum_{s=1}^{m} \delta^{[l]}_s",
        code=Backprop.bias_gradient,
        quantity=("db",),
        reading="holds under a condition",
        condition="For one sample, with 1 read as the identity matrix.",
        note="∂Z/∂b = 1 is the identity of n_l by n_l for one sample. Over m samples b reaches all m columns "
        "of Z, and the contributions add up.",
    ),
    Equation(
        id="B3",
        part="backward",
        title="Bias gradient",
        latex=r"\frac{\partial L}{\partial b^{[l]}} = \delta^{[l]}",
        implemented_latex=r"\frac{\partial L}{\partial b^{[l]}} = \sum_{s=1}^{m} \delta^{[l]}_s",
        code=Backprop.bias_gradient,
        quantity=("db",),
        reading="holds under a condition",
        condition="For one sample, with δ[l] = ∂L/∂Z[l].",
        note="δ changes meaning between B3 (∂L/∂Z) and B4 (called ∂L/∂A); here it is ∂L/∂Z throughout. "
        "Over m samples the bias gradient is the sum of δ's columns.",
    ),
    Equation(
        id="B4",
        part="backward",
        title="Error at the output",
        latex=r"\delta^{[L]} = \frac{\partial L}{\partial A^{[L]}} = \hat Y - Y",
        implemented_latex=r"\delta^{[L]} = \left( \frac{\partial A^{[L]}}{\partial Z^{[L]}} \right)^T "
        r"\frac{\partial L}{\partial A^{[L]}}",
        code=Backprop.output_error,
        quantity=("delta",),
        reading="does not hold as written",
        condition="For the identity with ½ squared error, summed over the outputs of one sample.",
        note="Two claims. ∂L/∂A[L] = Ŷ - Y is true of ½ squared error only. ∂L/∂Z[L] = Ŷ - Y is true of "
        "(identity, ½ squared error), (sigmoid, bce) and (softmax, cross-entropy), summed over one sample's "
        "outputs: mean squared error brings 2/n, a mean over m samples 1/m, labels that do not sum to 1 make "
        "it Ŷ ΣY - Y for softmax, and any other pair needs the general rule.",
    ),
    Equation(
        id="B5",
        part="backward",
        title="Error of a hidden layer",
        latex=r"\delta^{[l]} = \left( (W^{[l+1]})^T \delta^{[l+1]} \right) \cdot \sigma'(Z^{[l]})",
        implemented_latex=r"\delta^{[l]} = \left( \frac{\partial A^{[l]}}{\partial Z^{[l]}} \right)^T "
        r"(W^{[l+1]})^T \delta^{[l+1]}, \quad \text{elementwise } \sigma: \ "
        r"\left( (W^{[l+1]})^T \delta^{[l+1]} \right) \odot \sigma'(Z^{[l]})",
        code=Backprop.hidden_error,
        quantity=("delta",),
        reading="holds under a condition",
        condition="For an elementwise σ, with the dot read as the elementwise product ⊙.",
        note="A σ that mixes the units of a sample, such as softmax, has a full Jacobian: its transpose takes"
        " the place of ⊙ σ'.",
    ),
    Equation(
        id="U1",
        part="update",
        title="Weight update",
        latex=r"W^{[l]} \leftarrow W^{[l]} - \eta \frac{\partial L}{\partial W^{[l]}}",
        implemented_latex=r"W^{[l]} \leftarrow W^{[l]} - \eta \frac{\partial L}{\partial W^{[l]}}",
        code=Backprop.update_weight,
        quantity=("W_updated",),
        reading="holds under a condition",
        condition="Once all gradients of the step are known.",
        note="An updated W must not be used to propagate an error: the old error through new weights gives "
        "the gradient of no network.",
    ),
    Equation(
        id="U2",
        part="update",
        title="Bias update",
        latex=r"b^{[l]} \leftarrow b^{[l]} - \eta \frac{\partial L}{\partial b^{[l]}}",
        implemented_latex=r"b^{[l]} \leftarrow b^{[l]} - \eta \frac{\partial L}{\partial b^{[l]}}",
        code=Backprop.update_bias,
        quantity=("b_updated",),
        reading="holds under a condition",
        condition="Once all gradients of the step are known.",
        note="Like U1: an updated b must not enter a forward pass whose gradients are still being taken.",
    ),
)


def equation(id: str) -> Equation:  # noqa: A002 - the document's equations have ids
    """The equation of that id. Raises UnknownEquationError that lists the ids there are.

    >>> equation("B3").code is equation("B2").code  # one method is both
    True
    """
    for entry in EQUATIONS:
        if entry.id == id:
            return entry
    raise UnknownEquationError(f"unknown equation {id!r}; known: {', '.join(e.id for e in EQUATIONS)}")
