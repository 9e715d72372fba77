"""Other tools that check gradients, each used as its documentation says, behind one small interface.

Tools that compare take torch's autograd gradient in the same dtype as the expected one. Tools that take
finite differences get the implementation's own loss as the function, and its gradients as that function's
backward pass, by the interface that each library has for foreign code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from refimpl import Backprop, Case, Trace

Answer = Literal["accepts", "rejects", "not judged"]


@dataclass(frozen=True, eq=False)
class Problem:
    """What a tool is shown: a case, and what an implementation answers."""

    case: Case
    trace: Trace
    forward: Backprop = field(default_factory=Backprop)
    """Whose loss finite differences are taken of."""
    memory: dict[bytes, Any] | None = None
    """Losses known already, of problems that have the case and the forward pass in common."""

    @property
    def parameters(self) -> list[Any]:
        """W[1], b[1], W[2], …"""
        return [array for layer in self.case.network.layers for array in (layer.W, layer.b)]

    @property
    def gradients(self) -> list[Any]:
        """What the implementation says the gradients by them are."""
        assert self.trace.dW is not None
        assert self.trace.db is not None
        return [array for pair in zip(self.trace.dW, self.trace.db, strict=True) for array in pair]

    def loss(self, *parameters: Any) -> Any:
        """The implementation's own loss at other parameters, in the case's dtype."""
        if self.memory is None:
            return self._loss(parameters)
        digest = hashlib.blake2b(digest_size=16)
        for array in parameters:
            digest.update(array.tobytes())
        key = digest.digest()
        if key not in self.memory:
            self.memory[key] = self._loss(parameters)
        return self.memory[key]

    def _loss(self, parameters: Sequence[Any]) -> Any:
        network, own = self.case.network, self.forward
        with np.errstate(all="ignore"):
            A = own.input_activation(self.case.X)
            for layer, W, b in zip(network.layers, parameters[::2], parameters[1::2], strict=True):
                A = own.activation(own.pre_activation(W, A, b), layer.activation)
            return own.loss(A, self.case.Y, network.loss)


class Tool(Protocol):
    """Something that accepts or rejects gradients."""

    @property
    def name(self) -> str:
        """What the tables call it."""
        ...

    @property
    def source(self) -> str:
        """The page of its documentation that says how to use it, and what was taken from there."""
        ...

    @property
    def not_for_float32(self) -> str:
        """Why it is not used on float32, by its documentation or its fixed step; empty if it is."""
        ...

    def answers(self, problems: Sequence[Problem]) -> list[Answer]:
        """One answer a problem; all have one dtype."""
        ...


@dataclass(frozen=True)
class Comparison:
    """A tool that compares gradients with torch's."""

    name: str
    source: str
    close: Callable[[Any, Any], bool]
    oracle: Any
    """Gives torch's own traces."""
    not_for_float32: str = ""

    def answers(self, problems: Sequence[Problem]) -> list[Answer]:
        """Accepts what is close to torch's gradients in every array."""
        expected = self.oracle.traces([problem.case for problem in problems])
        found: list[Answer] = []
        for problem, trace in zip(problems, expected, strict=True):
            pairs = zip(problem.gradients, Problem(problem.case, trace).gradients, strict=True)
            found.append("accepts" if all(self.close(*pair) for pair in pairs) else "rejects")
        return found


@dataclass(frozen=True)
class FiniteDifferences:
    """A tool that compares gradients with differences of the loss."""

    name: str
    source: str
    passes: Callable[[Problem], bool]
    not_for_float32: str = ""

    def answers(self, problems: Sequence[Problem]) -> list[Answer]:
        """Accepts what passes."""
        return ["accepts" if self.passes(problem) else "rejects" for problem in problems]


def all_peers(oracle: Any) -> list[Tool]:
    """The peers; `oracle` is the torch oracle."""
    sqrt = "its step is the root of float64's machine epsilon, which vanishes beside a float32 parameter"
    return [
        # Defaults for float32: rtol 1.3e-6, atol 1e-5; for float64: 1e-7, 1e-7.
        Comparison(
            "torch.testing.assert_close",
            "https://docs.pytorch.org/docs/stable/testing.html: against torch's gradient, default tolerances",
            assert_close,
            oracle,
        ),
        # rtol 1e-5, atol 1e-8 in every dtype; the page warns of this atol for numbers much smaller than 1.
        Comparison(
            "numpy.allclose",
            "https://numpy.org/doc/stable/reference/generated/numpy.allclose.html: against torch's gradient, "
            "default tolerances",
            allclose,
            oracle,
        ),
        FiniteDifferences(
            "torch.autograd.gradcheck",
            "https://docs.pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html: "
            "float64, defaults",
            gradcheck,
            GRADCHECK_IS_DOUBLE,
        ),
        FiniteDifferences(
            "torch.autograd.gradcheck, fast mode",
            "https://docs.pytorch.org/docs/stable/notes/gradcheck.html: fast_mode=True, float64, defaults",
            fast_gradcheck,
            GRADCHECK_IS_DOUBLE,
        ),
        FiniteDifferences(
            "jax.test_util.check_grads",
            "https://docs.jax.dev/en/latest/_autosummary/jax.test_util.check_grads.html: order 1, mode rev, "
            "defaults; the loss by jax.pure_callback with jax.custom_vjp, as in "
            "https://docs.jax.dev/en/latest/external-callbacks.html",
            jax_check_grads,
        ),
        FiniteDifferences(
            "autograd.test_util.check_grads",
            "https://github.com/HIPS/autograd/blob/master/docs/tutorial.md: primitive and defvjp; mode rev, "
            "order 1; its tolerances cannot be set",
            autograd_check_grads,
            "its step is 1e-6 whatever the dtype, of which float32 leaves a few bits",
        ),
        FiniteDifferences(
            "scipy.optimize.check_grad < 1.5e-5",
            f"{_CHECK_GRAD}; it returns a norm and names no threshold: this is the one of scikit-learn's "
            "test of t-SNE's gradient (5 decimals)",
            lambda problem: scipy_norm(problem) < 1.5e-5,
            sqrt,
        ),
        FiniteDifferences(
            "scipy.optimize.check_grad < 1.5e-7",
            f"{_CHECK_GRAD}; the threshold is that of SciPy's own tests of it (7 decimals)",
            lambda problem: scipy_norm(problem) < 1.5e-7,
            sqrt,
        ),
    ]


GRADCHECK_IS_DOUBLE = "its documentation: the defaults are for double precision, less will likely fail"
_CHECK_GRAD = "https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.check_grad.html: defaults"


def assert_close(actual: Any, expected: Any) -> bool:
    """Whether torch.testing.assert_close raises nothing."""
    import torch

    try:
        torch.testing.assert_close(torch.tensor(actual), torch.tensor(expected))
    except AssertionError:
        return False
    return True


def allclose(actual: Any, expected: Any) -> bool:
    """numpy.allclose."""
    with np.errstate(all="ignore"):
        return bool(np.allclose(actual, expected))


def gradcheck(problem: Problem, *, fast_mode: bool = False) -> bool:
    """torch.autograd.gradcheck of a torch.autograd.Function that has the gradients as its backward pass."""
    import torch

    class Given(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, *parameters: Any) -> Any:
            return torch.tensor(problem.loss(*(p.detach().numpy() for p in parameters)))

        @staticmethod
        def backward(_: Any, *cotangents: Any) -> Any:
            return tuple(cotangents[0] * torch.tensor(gradient) for gradient in problem.gradients)

    inputs = tuple(torch.tensor(array, requires_grad=True) for array in problem.parameters)
    return bool(torch.autograd.gradcheck(Given.apply, inputs, fast_mode=fast_mode, raise_exception=False))


def fast_gradcheck(problem: Problem) -> bool:
    """The same in one random direction."""
    return gradcheck(problem, fast_mode=True)


def jax_check_grads(problem: Problem) -> bool:
    """jax.test_util.check_grads of a function that has the gradients as its custom_vjp."""
    import jax
    from jax.test_util import check_grads

    callback = _Callback(problem)
    with jax.enable_x64(True):
        shape = jax.ShapeDtypeStruct((), problem.case.dtype)

        @jax.custom_vjp
        def loss(*parameters: Any) -> Any:
            return jax.pure_callback(callback, shape, *parameters)

        loss.defvjp(
            lambda *parameters: (loss(*parameters), None),
            lambda _, cotangent: tuple(cotangent * gradient for gradient in problem.gradients),
        )
        try:
            check_grads(loss, tuple(problem.parameters), order=1, modes=("rev",))
        except AssertionError:
            return False
    return True


class _Callback:
    """A problem's loss for JAX, which compiles anew for each callback that is not equal to a known one."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._key = (problem.case, type(problem.forward))

    def __call__(self, *parameters: Any) -> Any:
        return np.asarray(self._problem.loss(*map(np.asarray, parameters)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Callback) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def autograd_check_grads(problem: Problem) -> bool:
    """HIPS autograd's check_grads of a primitive that has the gradients as its defvjp."""
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    loss = primitive(problem.loss)
    defvjp(loss, *(_constant_vjp(gradient) for gradient in problem.gradients))
    parameters = problem.parameters
    before = np.random.get_state()  # noqa: NPY002 - check_grads draws its direction from the global state
    np.random.seed(0)  # noqa: NPY002
    try:
        with np.errstate(all="ignore"):
            check_grads(loss, tuple(range(len(parameters))), modes=["rev"], order=1)(*parameters)
    except AssertionError:
        return False
    finally:
        np.random.set_state(before)  # noqa: NPY002
    return True


def _constant_vjp(gradient: Any) -> Callable[..., Any]:
    return lambda *_: lambda cotangent: cotangent * gradient


def scipy_norm(problem: Problem) -> float:
    """What scipy.optimize.check_grad returns: the norm of the gradient less that by differences."""
    from scipy.optimize import check_grad

    arrays = problem.parameters
    ends = np.cumsum([array.size for array in arrays])

    def loss(flat: Any) -> Any:
        pieces = zip(np.split(flat, ends[:-1]), arrays, strict=True)
        return problem.loss(*(piece.reshape(array.shape).astype(array.dtype) for piece, array in pieces))

    def gradient(_: Any) -> Any:
        return np.concatenate([array.ravel() for array in problem.gradients])

    with np.errstate(all="ignore"):
        return float(check_grad(loss, gradient, np.concatenate([array.ravel() for array in arrays])))
