"""Implementations with a state that they should not have, and those that change what is not theirs."""

import os
import random
import sys
import warnings

import numpy as np
from right import always, breaks, right, three, wide

SUMS = {}
CALLS = []
BUFFERS = {}


def scaled(answer, factor):
    """The answer with each dW multiplied."""
    return answer | {"dW": [dW.dtype.type(factor) * dW for dW in answer["dW"]]}


# ---------------------------------------------------------------- another answer each time


@breaks(on=wide)
def adds_random_noise(view):
    return scaled(right(view), np.random.default_rng().uniform(0.5, 1.5))


@breaks(on=always)
def alternates_between_right_and_wrong(view):
    CALLS.append(view.samples)
    return scaled(right(view), 1 if len(CALLS) % 2 else 2)


@breaks(on=always)
def is_wrong_when_called_again(view):
    """Adds the gradients of former calls on the same network and data: zero_grad was forgotten."""
    answer = right(view)
    network = (view.X.tobytes(), *(w.tobytes() for w in view.W))
    for part in ("dW", "db"):
        former = SUMS.get((network, part), [0] * len(answer[part]))
        answer[part] = [array + sum_ for array, sum_ in zip(answer[part], former, strict=True)]
        SUMS[network, part] = answer[part]
    return answer


@breaks(on=always)
def divides_by_the_batch_size_that_a_network_had_first(view):
    first = BUFFERS.setdefault(tuple(w.tobytes() for w in view.W), view.samples)
    return scaled(right(view), view.samples / first)


@breaks(on=always)
def divides_by_the_first_batch_size_of_all(view):
    CALLS.append(view.samples)
    return scaled(right(view), view.samples / CALLS[0])


@breaks(on=always)
def keeps_the_buffer_of_the_first_batch(view):
    """Fits batches of the first one's size only."""
    CALLS.append(view.samples)
    buffer = np.zeros((1, CALLS[0]))
    buffer[:] = np.sum(view.Y, axis=0)
    return right(view)


@breaks(on=always)
def answers_in_the_same_memory_each_time(view):
    """Former answers change under whoever kept them."""
    answer = right(view)
    for l, dW in enumerate(answer["dW"]):
        buffer = BUFFERS.setdefault((l, dW.shape, dW.dtype), np.empty_like(dW))
        buffer[:] = dW
        answer["dW"][l] = buffer
    return answer


# ---------------------------------------------------------------- arguments


@breaks(on=wide)
def centres_X_in_place(view):
    answer = right(view)
    view.X -= 1
    return answer


@breaks(on=wide)
def turns_Y_into_the_error_in_place(view):
    answer = right(view)
    np.negative(view.Y, out=view.Y)
    view.Y += 1
    return answer


@breaks(on=wide)
def updates_W_in_place(view):
    answer = right(view)
    for weights in view.W:
        np.subtract(weights, 1, out=weights)
    return answer


@breaks(on=wide)
def updates_b_in_place(view):
    answer = right(view)
    for bias in view.b:
        np.add(bias, 1, out=bias)
    return answer


@breaks(on=wide)
def empties_the_list_of_weights(view):
    answer = right(view)
    while view.W:
        view.W.pop()
    return answer


@breaks(on=wide)
def changes_the_names_of_activations(view):
    answer = right(view)
    view.activations[0] = "sigmoid"
    return answer


@breaks(on=wide)
def answers_in_the_memory_of_its_arguments(view):
    """W_updated is W itself, which the caller may want to keep: right in value, were η 0."""
    return right(view) | {"W_updated": [weights.view() for weights in view.W]}


@breaks(on=always)
def needs_writable_arguments(view):
    """Writes into X what is there already."""
    view.X[:] = view.X.copy()
    return right(view)


@breaks(on=always)
def reads_X_in_the_order_of_memory(view):
    """Right for C order, wrong for Fortran order."""
    view.X = view.X.ravel(order="K").reshape(view.X.shape)
    return right(view)


@breaks(on=always)
def takes_X_for_contiguous(view):
    """Reads X's memory from its first number on, as a kernel does that is not told of strides."""
    contiguous = np.empty(view.X.shape, view.X.dtype).strides
    view.X = np.lib.stride_tricks.as_strided(view.X, strides=contiguous).copy()
    return right(view)


# ---------------------------------------------------------------- what belongs to the whole process


@breaks(on=wide)
def seeds_numpy(view):
    np.random.seed(0)  # noqa: NPY002
    return right(view)


@breaks(on=wide)
def draws_from_numpys_global_generator(view):
    np.random.rand()  # noqa: NPY002
    return right(view)


@breaks(on=wide)
def seeds_random(view):
    random.seed(0)
    return right(view)


@breaks(on=wide)
def ignores_floating_point_errors(view):
    np.seterr(all="ignore")
    return right(view)


@breaks(on=wide)
def raises_on_floating_point_errors(view):
    np.seterr(over="raise", invalid="raise")
    return right(view)


@breaks(on=wide)
def ignores_warnings(view):
    warnings.simplefilter("ignore")
    return right(view)


@breaks(on=wide)
def changes_the_environment(view):
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["MINIATURE"] = str(len(os.environ))
    return right(view)


@breaks(on=wide)
def changes_the_recursion_limit(view):
    sys.setrecursionlimit(sys.getrecursionlimit() + 1)
    return right(view)


# ---------------------------------------------------------------- allowed


@breaks(on=three)
def has_a_generator_of_its_own(view):
    np.random.default_rng(0).normal()
    random.Random(0).random()  # noqa: S311
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return right(view)


@breaks(on=always)
def sets_an_attribute_of_its_view(view):
    """The view is the caller's own; the arrays in it are not."""
    answer = right(view)
    view.learning_rate, view.cache = 7.0, answer
    return answer
