"""The JAX oracle: jax.nn's and optax's functions, jax.grad, optax.sgd; and its plain path, case by case.

The plain path is what one would write by hand: eager JAX, unpadded. A new shape costs it about a second.
So the oracle answers from programs compiled once for all shapes (`jax_compiled.py`), and the plain path
(`JaxOracle.plain`) is what those are tested against and what a finding is confirmed on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import metadata
from typing import Any

import numpy as np

from refimpl import ACTIVATIONS, ActivationSpec, Case, LossSpec, Trace

from . import jax_packing as packing
from . import pieces
from .oracle import OracleMissingError
from .shapes import Shapes
from .step_batch import StepBatch, StepBatchValues, StepByStep, one_by_one
from .steps import StepInputs, StepValues
from .trace_batch import GivenTraces, TraceBatch, joined


class JaxOracle:
    """Traces by `jax.grad` and `optax.sgd`; see `Oracle` for the methods.

    Infinite and NaN results are returned as JAX gives them. Everything runs on the CPU with 64-bit types on
    and full matmul precision, in a scope that leaves jax's configuration as it was. Raises
    OracleMissingError without jax or optax.
    """

    name = "jax"

    def __init__(self) -> None:
        try:
            import jax
            import optax
        except ImportError as error:
            raise OracleMissingError(
                "the jax oracle needs JAX and optax; install them with: pip install 'backproof[jax]'"
            ) from error
        self._jax: Any = jax
        self._optax: Any = optax
        from . import jax_activations, jax_compiled, jax_losses, jax_points, jax_steps

        self._compiled: Any = jax_compiled
        self._points: Any = jax_points
        self._steps: Any = jax_steps
        self.activations: Mapping[str, jax_activations.Function] = jax_activations.ACTIVATION_LINES
        self.losses: Mapping[str, jax_losses.LossLine] = jax_losses.LOSS_LINES

    def versions(self) -> Mapping[str, str]:
        """What answers: package → version."""
        return {name: metadata.version(name) for name in ("jax", "jaxlib", "optax")}

    def traces(self, cases: Sequence[Case], dtype: str | None = None) -> TraceBatch:
        """The full trace of each case, by the compiled path."""
        parts, positions = [], []
        shapes = Shapes(cases)
        with self._scope():
            for computed_in, stacks in packing.stacks(cases, shapes, dtype):
                results = []
                for bucket, chosen in stacks:
                    own = [cases[position] for position in chosen]
                    packed = packing.pack_cases(own, shapes.of(chosen), bucket, computed_in, self._divisor)
                    results.append(self._fetched(self._compiled.trace_stack(packed)))
                positions.append([position for _, chosen in stacks for position in chosen])
                own = [cases[position] for position in positions[-1]]
                parts.append(packing.unpacked(own, shapes.of(positions[-1]), stacks, results))
        return joined(cases, parts, positions)

    def steps(self, inputs: Sequence[StepInputs]) -> list[StepValues]:
        """Each nonlinear step applied to the given inputs, in float64, by the compiled path."""
        return one_by_one(self.step_batch, inputs)

    def step_batch(self, batch: StepBatch) -> StepBatchValues:
        """As `steps`, for many cases and sides at once."""
        with self._scope():
            found: StepBatchValues = self._steps.steps_together(batch)
        return found

    def activation(self, spec: ActivationSpec, points: Any) -> tuple[Any, Any]:
        """(σ, σ') at float64 `points`; ValueError if σ is not elementwise."""
        program = self._activation_program(spec.name)
        rows = [spec.parameters[name] for name in packing.argument_names(spec.entry)]
        return self._at_points(program, np.asarray(points, "float64"), rows)

    def activation_pieces(
        self, specs: Sequence[ActivationSpec], sizes: Sequence[int], points: Any
    ) -> tuple[Any, Any]:
        """As `activation` for specs of one function: sizes[i] entries of the last axis belong to specs[i]."""
        points = np.asarray(points, "float64")
        pieces.checked(specs, sizes, points)
        program = self._activation_program(specs[0].name)
        return self._at_points(program, points, pieces.argument_rows(specs, sizes))

    def loss_terms(self, spec: LossSpec, points: Any, targets: Any) -> tuple[Any, Any]:
        """(ℓ, ∂ℓ/∂a) at float64 `points`; ValueError if the loss has no terms of single entries."""
        program = self._loss_program(spec.name)
        rows = [targets, *(spec.arguments[name] for name in packing.argument_names(spec.entry))]
        return self._at_points(program, np.asarray(points, "float64"), rows)

    def loss_pieces(
        self, specs: Sequence[LossSpec], sizes: Sequence[int], points: Any, targets: Any
    ) -> tuple[Any, Any]:
        """As `loss_terms` for specs of one loss: sizes[i] entries of the last axis belong to specs[i]."""
        points = np.asarray(points, "float64")
        pieces.checked(specs, sizes, points)
        program = self._loss_program(specs[0].name)
        return self._at_points(program, points, [targets, *pieces.argument_rows(specs, sizes)])

    def plain(self) -> PlainJax:
        """The same answers by the plain path, as an oracle of its own: slow, and free of all packing."""
        return PlainJax(self)

    def plain_trace(self, case: Case, dtype: str | None = None) -> Trace:
        """The full trace of one case by plain eager JAX, in `dtype` or the case's own."""
        with self._scope():
            return self._plain_trace(case, np.dtype(dtype or case.dtype))

    def _plain_trace(self, case: Case, dtype: np.dtype[Any]) -> Trace:
        jnp, optax = self._jax.numpy, self._optax
        layers, loss = case.network.layers, case.network.loss
        Y = jnp.asarray(case.Y, dtype)

        def forward(W: list[Any], b: list[Any], X: Any, taps: list[Any]) -> tuple[Any, tuple[Any, Any]]:
            Z: list[Any] = []
            A = [X]
            for l, layer in enumerate(layers):
                # δ is the derivative by a tap: zeros added to Z.
                Z.append(W[l] @ A[-1] + b[l] + taps[l])
                line = self.activations[layer.activation.name]
                A.append(line(Z[-1], None, **layer.activation.parameters))
            terms = self.losses[loss.name].terms(A[-1], Y, None, **loss.arguments)
            return jnp.sum(terms) / self._divisor(case), (Z, A[1:])

        W = [jnp.asarray(layer.W, dtype) for layer in layers]
        b = [jnp.asarray(layer.b, dtype) for layer in layers]
        taps = [jnp.zeros((layer.outputs, case.samples), dtype) for layer in layers]
        differentiate = self._jax.value_and_grad(forward, argnums=(0, 1, 2, 3), has_aux=True)
        (value, (Z, A)), (dW, db, dX, delta) = differentiate(W, b, jnp.asarray(case.X, dtype), taps)

        sgd = optax.sgd(case.learning_rate)
        updates, _ = sgd.update((dW, db), sgd.init((W, b)))
        W_updated, b_updated = optax.apply_updates((W, b), updates)
        return Trace(
            loss=np.asarray(value)[()],
            Z=_arrays(Z),
            A=_arrays(A),
            delta=_arrays(delta),
            dW=_arrays(dW),
            db=_arrays(db),
            dX=np.array(dX),
            W_updated=_arrays(W_updated),
            b_updated=_arrays(b_updated),
        )

    def plain_step(self, step: StepInputs) -> StepValues:
        """Each nonlinear step of one case by plain eager JAX, in float64."""
        jax, loss, layers = self._jax, step.case.network.loss, step.case.network.layers
        with self._scope():
            Y = jax.numpy.asarray(step.case.Y, "float64")

            def reduced(A: Any) -> Any:
                terms = self.losses[loss.name].terms(A, Y, None, **loss.arguments)
                return jax.numpy.sum(terms) / self._divisor(step.case)

            value, dA_last = jax.value_and_grad(reduced)(jax.numpy.asarray(step.A_last, "float64"))
            A, delta = [], []
            for layer, Z, dA in zip(layers, step.Z, (*step.dA, dA_last), strict=True):
                line = partial(self.activations[layer.activation.name], **layer.activation.parameters)
                A_l, pull_back = jax.vjp(lambda Z, line=line: line(Z, None), jax.numpy.asarray(Z, "float64"))
                A.append(A_l)
                delta.append(pull_back(jax.numpy.asarray(dA, "float64"))[0])
            return StepValues(_arrays(A), float(value), np.array(dA_last), _arrays(delta))

    def _divisor(self, case: Case) -> int:
        loss = case.network.loss
        return self.losses[loss.name].divisor(loss.reduction, *case.Y.shape)

    def _activation_program(self, name: str) -> Any:
        if not ACTIVATIONS[name].elementwise:
            raise ValueError(f"{name} is not elementwise: it has no derivative at single points")
        return self._points.activation_program(name)

    def _loss_program(self, name: str) -> Any:
        if not self.losses[name].separable:
            raise ValueError(f"{name} is not a sum of terms of single entries")
        return self._points.loss_program(name)

    def _at_points(self, program: Any, points: Any, rows: Sequence[Any]) -> tuple[Any, Any]:
        with self._scope():
            return self._points.at_points(program, points, rows)

    @staticmethod
    def _fetched(results: Mapping[str, Any]) -> dict[str, Any]:
        return {name: np.asarray(array) for name, array in results.items()}

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """The configuration that the oracle computes under, for this thread and this block only."""
        jax = self._jax
        with ExitStack() as stack:
            stack.enter_context(jax.enable_x64(True))
            stack.enter_context(jax.default_matmul_precision("highest"))
            stack.enter_context(jax.default_device(jax.devices("cpu")[0]))
            yield


class PlainJax(StepByStep):
    """JAX as one would write it by hand, eager and unpadded; see `Oracle` for the methods."""

    name = JaxOracle.name

    def __init__(self, oracle: JaxOracle) -> None:
        self._oracle = oracle
        # Single functions are answered in float64 by the elementwise programs, which pad nothing that counts.
        self.versions, self.activation, self.loss_terms = (
            oracle.versions,
            oracle.activation,
            oracle.loss_terms,
        )
        self.activation_pieces, self.loss_pieces = oracle.activation_pieces, oracle.loss_pieces

    def traces(self, cases: Sequence[Case], dtype: str | None = None) -> TraceBatch:
        """The full trace of each case."""
        return GivenTraces(cases, [self._oracle.plain_trace(case, dtype) for case in cases])

    def plain(self) -> None:
        """None: this is it."""

    def steps(self, inputs: Sequence[StepInputs]) -> list[StepValues]:
        """Each nonlinear step applied to the given inputs, in float64."""
        return [self._oracle.plain_step(step) for step in inputs]


def _arrays(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(np.array(value) for value in values)
