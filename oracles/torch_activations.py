"""One line for each activation in torch: torch's own function, or plain torch operations where it has none.

Samples are columns here as everywhere. Nothing here imports torch: the oracle hands it in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

Function = Callable[..., Any]


def _squareplus(torch: Any, Z: Any, b: float) -> Any:
    """torch has none. √(z² + b) overflows in z², and z + √(z² + b) cancels left of 0."""
    root, size = torch.hypot(Z, torch.full_like(Z, b**0.5)), torch.where(Z >= 0, Z, -Z)
    larger = size / 2 + root / 2
    return torch.where(Z >= 0, larger, b / 4 / larger)


def activation_lines(torch: Any) -> dict[str, Function]:
    """Name → σ(Z, **parameters), torch's own function where it has one."""
    F = torch.nn.functional
    return {
        "identity": torch.clone,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": F.relu,
        "leaky_relu": F.leaky_relu,
        "softplus": F.softplus,
        "softmax": partial(F.softmax, dim=0),
        "elu": F.elu,
        "celu": F.celu,
        "selu": F.selu,
        "gelu": F.gelu,
        "gelu_tanh": partial(F.gelu, approximate="tanh"),
        "silu": F.silu,
        "mish": F.mish,
        "softsign": F.softsign,
        "logsigmoid": F.logsigmoid,
        "tanhshrink": F.tanhshrink,
        "squareplus": partial(_squareplus, torch),
        "softmin": partial(F.softmin, dim=0),
        "log_softmax": partial(F.log_softmax, dim=0),
        "relu6": F.relu6,
        "hardtanh": F.hardtanh,
        "hardsigmoid": F.hardsigmoid,
        "hardswish": F.hardswish,
        "softshrink": F.softshrink,
        "hardshrink": F.hardshrink,
        "threshold": F.threshold,
        "sparse_plus": lambda Z: torch.where(Z >= 1, Z, torch.clamp(Z + 1, 0, 2) ** 2 / 4),
        "sparse_sigmoid": lambda Z: F.hardtanh(Z + 1, 0, 2) / 2,
    }
