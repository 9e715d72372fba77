"""How numbers get into torch and functions are found there: what every path of the torch oracle shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from refimpl import ActivationSpec, LossSpec

from .torch_activations import Function, activation_lines
from .torch_losses import LossLine, loss_lines


class Tensors:
    """torch, its line for each function, and tensors of NumPy arrays."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.activations: Mapping[str, Function] = activation_lines(torch)
        self.losses: Mapping[str, LossLine] = loss_lines(torch)

    def activated(self, spec: ActivationSpec, Z: Any) -> Any:
        return self.activations[spec.name](Z, **spec.parameters)

    def arguments(self, spec: LossSpec, dtype: Any) -> dict[str, Any]:
        """Parameters, and arrays as tensors; an array that is not given is the number that stands for it."""
        arrays = {name: self.tensor(array, dtype) for name, array in spec.arrays.items()}
        return {**spec.arguments, **arrays}

    @contextmanager
    def differentiating(self) -> Iterator[None]:
        """Autograd on, even if the caller has it off; one thread, since small arrays gain nothing by more."""
        threads = self.torch.get_num_threads()
        self.torch.set_num_threads(1)
        try:
            with self.torch.inference_mode(False), self.torch.enable_grad():
                yield
        finally:
            self.torch.set_num_threads(threads)

    def tensor(self, array: Any, dtype: Any = "float64") -> Any:
        # A copy: cases are read-only, SGD writes in place, and from_numpy shares memory.
        return self.torch.from_numpy(np.array(array, dtype=dtype, order="C"))

    def shared_leaf(self, array: Any) -> Any:
        """A leaf that shares memory with a float64 array, which nothing writes into."""
        if not array.flags.writeable or not array.flags.c_contiguous:
            array = array.copy(order="C")
        return self.torch.from_numpy(array).requires_grad_()

    def leaf(self, array: Any, dtype: Any = "float64") -> Any:
        return self.tensor(array, dtype).requires_grad_()
