"""Implementations that answer with PyTorch's tensors, where NumPy's arrays or lists are taken."""

import torch
from right import breaks, right, wide


def as_tensors(answer, *, requires_grad):
    return answer | {"dW": [torch.tensor(dW, requires_grad=requires_grad) for dW in answer["dW"]]}


@breaks(on=wide)
def answers_with_tensors(view):
    return as_tensors(right(view), requires_grad=False)


@breaks(on=wide)
def answers_with_tensors_that_require_gradients(view):
    return as_tensors(right(view), requires_grad=True)
