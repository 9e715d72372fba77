"""One line for each activation in torch: torch's own function, or plain torch operations where it has none.

Samples are columns here as everywhere. Nothing here imports torch: the oracle hands it in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

Function = Callable[..., Any]


def activation_lines(torch: Any) -> dict[str, Function]:
    """Name → σ(Z, **parameters), each torch's own function."""
    F = torch.nn.functional
    return {
        "identity": torch.clone,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": F.relu,
        "leaky_relu": F.leaky_relu,
        "softplus": F.softplus,
        "softmax": partial(F.softmax, dim=0),
    }
