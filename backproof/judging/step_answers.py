"""An oracle's values of the nonlinear steps on one side's own numbers, for all cases of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from oracles import StepBatchValues, StepValues

from .batch import Batch


class StepAnswers(ABC):
    """As flat data for who compares all cases, and case by case for who looks at one."""

    @abstractmethod
    def flat(self, quantity: str, l: int) -> Any:
        """A or δ of layer l, of the cases that have it."""

    @property
    @abstractmethod
    def loss(self) -> Any:
        """One number a case."""

    @abstractmethod
    def case(self, k: int) -> StepValues:
        """Those of one case."""

    def part(self, places: Sequence[int]) -> GivenSteps:
        """Those of some of the cases."""
        return GivenSteps([self.case(k) for k in places])


class GivenSteps(StepAnswers):
    """Values that are there case by case; the deepest case comes first."""

    def __init__(self, values: Sequence[StepValues]) -> None:
        self.values = list(values)

    def flat(self, quantity: str, l: int) -> Any:
        """A or δ of layer l, of the cases that have it."""
        of_layer = [getattr(each, quantity)[l - 1] for each in self.values if len(each.A) >= l]
        return np.concatenate([matrix.reshape(-1) for matrix in of_layer])

    @property
    def loss(self) -> Any:
        """One number a case."""
        return np.array([each.loss for each in self.values])

    def case(self, k: int) -> StepValues:
        """Those of one case."""
        return self.values[k]


class RowOfSteps(StepAnswers):
    """One side's row of what an oracle answered for several."""

    def __init__(self, batch: Batch, values: StepBatchValues, row: int) -> None:
        self.batch, self.values, self.row = batch, values, row

    def flat(self, quantity: str, l: int) -> Any:
        """A or δ of layer l, of the cases that have it."""
        return getattr(self.values, quantity)[l - 1][self.row]

    @property
    def loss(self) -> Any:
        """One number a case."""
        return self.values.loss[self.row]

    def case(self, k: int) -> StepValues:
        """Those of one case."""
        layers = range(1, self.batch.cases[k].network.depth + 1)
        A, delta = (
            tuple(self.batch.layouts[l].view(self.flat(quantity, l), k) for l in layers)
            for quantity in ("A", "delta")
        )
        dA_last = self.batch.outputs.view(self.values.dA_last[self.row], k)
        return StepValues(A, float(self.loss[k]), dA_last, delta)
