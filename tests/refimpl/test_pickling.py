"""A case goes to another process and comes back as it was: the same bits, and read-only."""

import copy
import pickle

import numpy as np
import pytest

from backproof.cases import draw_case
from refimpl import ActivationSpec, Case, Layer, LossSpec, Network


def _weighted() -> Case:
    loss = LossSpec("bce_with_logits", "sum", arrays={"pos_weight": np.array([[1.5], [3.0]])})
    layer = Layer(
        np.array([[1.0, -0.0], [5e-324, 2.0]]), np.ones((2, 1)), ActivationSpec("elu", {"alpha": 0.3})
    )
    return Case(Network((layer,), loss), np.ones((2, 3)), np.ones((2, 3)), 0.1)


@pytest.mark.parametrize("case", [_weighted(), *(draw_case(3, k, "float32").case for k in range(20))])
@pytest.mark.parametrize("through", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])  # noqa: S301
def test_a_case_comes_back_as_it_was(case, through):
    again = through(case)
    assert again == case
    assert again.content_hash == case.content_hash
    assert again.network.loss == case.network.loss
    arrays = [again.X, again.Y, *(a for layer in again.network.layers for a in (layer.W, layer.b))]
    arrays += again.network.loss.arrays.values()
    assert not any(array.flags.writeable for array in arrays)
    assert type(again.network.loss.parameters) is type(case.network.loss.parameters)
