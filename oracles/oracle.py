"""What an oracle is: what the judge asks of torch, of jax and of the truth.

Everything comes back as NumPy arrays. An oracle shares names and data types with `refimpl`, never a
formula: it calls its framework's own functions, and its derivatives are the framework's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from refimpl import ActivationSpec, Case, LossSpec

from .step_batch import StepBatch, StepBatchValues
from .steps import StepInputs, StepValues
from .trace_batch import TraceBatch


class OracleMissingError(ImportError):
    """The framework behind an oracle is not installed; the message names the extra that brings it."""


class Oracle(Protocol):
    """Answers that implementations are held against."""

    name: str

    def versions(self) -> Mapping[str, str]:
        """What answers: package → version, for the report."""
        ...

    def traces(self, cases: Sequence[Case], dtype: str | None = None) -> TraceBatch:
        """The full trace of each case by the framework's autograd, one backward pass over the whole network.

        Computed in `dtype`, or in each case's own dtype if None. With dtype "float64" a float32 case is
        computed on the same numbers in higher precision. The arrays have the dtype computed in.
        """
        ...

    def steps(self, inputs: Sequence[StepInputs]) -> list[StepValues]:
        """Each nonlinear step applied to the given inputs, in float64."""
        ...

    def step_batch(self, batch: StepBatch) -> StepBatchValues:
        """As `steps`, for many cases and several sides at once."""
        ...

    def activation(self, spec: ActivationSpec, points: Any) -> tuple[Any, Any]:
        """(σ, σ') of an elementwise activation at float64 `points` of any shape."""
        ...

    def plain(self) -> Oracle | None:
        """The same framework without this oracle's own machinery, to confirm a finding; or None."""
        ...

    def loss_terms(self, spec: LossSpec, points: Any, targets: Any) -> tuple[Any, Any]:
        """(ℓ, ∂ℓ/∂a) of a loss that is a sum of terms ℓ(a, y), one an entry, without its reduction.

        `points` has any shape, float64; `targets` broadcasts against it.
        """
        ...

    def activation_pieces(
        self, specs: Sequence[ActivationSpec], sizes: Sequence[int], points: Any
    ) -> tuple[Any, Any]:
        """As `activation` for specs of one function: sizes[i] entries of the last axis belong to specs[i].

        `points` (…, Σ sizes), float64; at least one spec. ValueError if names differ or sizes do not add up.
        """
        ...

    def loss_pieces(
        self, specs: Sequence[LossSpec], sizes: Sequence[int], points: Any, targets: Any
    ) -> tuple[Any, Any]:
        """As `loss_terms` for specs of one loss; `points` as above, `targets` (Σ sizes,).

        A spec's arrays hold for its piece: they broadcast to (1, size), or have that many entries.
        """
        ...
