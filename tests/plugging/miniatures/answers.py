"""Implementations whose answers have a wrong form: shapes, dtypes, containers, keys. And odd right ones."""

import itertools
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
from right import always, breaks, right, wide


class WithoutAttributes:
    pass


class Unreadable:
    @property
    def dW(self):
        raise RuntimeError("no gradients today")


class Endless(list):
    def __len__(self) -> int:
        return 2**60

    def __iter__(self) -> Iterator[float]:
        return itertools.repeat(0.0)


def changed(view, quantity, change):
    """The right answer with `change` applied to one array of `quantity`: the first layer's."""
    answer = right(view)
    answer[quantity][0] = change(answer[quantity][0])
    return answer


def replaced(view, dW):
    """The right answer with `dW` in the place of the first layer's."""
    answer = right(view)
    return answer | {"dW": [dW, *answer["dW"][1:]]}


# ---------------------------------------------------------------- numbers


@breaks(on=wide)
def has_nan_gradients(view):
    return changed(view, "dW", lambda dW: dW * np.nan)


@breaks(on=wide)
def has_an_infinite_loss(view):
    return right(view) | {"loss": view.X.dtype.type(np.inf)}


@breaks(on=wide)
def has_nan_in_plain_lists(view):
    return changed(view, "db", lambda db: [[float("nan")]] * len(db))


# ---------------------------------------------------------------- shapes


@breaks(on=wide)
def has_a_column_too_many(view):
    return changed(view, "dW", lambda dW: np.hstack([dW, dW[:, :1]]))


@breaks(on=wide)
def flattens_gradients(view):
    return changed(view, "dW", np.ravel)


@breaks(on=lambda view: view.widths[0] != view.widths[1])
def transposes_gradients(view):
    return changed(view, "dW", np.transpose)


@breaks(on=lambda view: view.widths[-1] == view.widths[-2] > 1)
def transposes_square_gradients(view):
    answer = right(view)
    answer["dW"][-1] = answer["dW"][-1].T
    return answer


@breaks(on=wide)
def has_flat_bias_gradients(view):
    return changed(view, "db", np.ravel)


@breaks(on=wide)
def sums_no_samples_for_the_bias(view):
    return changed(view, "db", lambda db: np.repeat(db, 7, axis=1))


@breaks(on=lambda view: view.samples > 1)
def has_a_loss_for_each_sample(view):
    return right(view) | {"loss": np.full(view.samples, right(view)["loss"])}


@breaks(on=wide)
def has_an_enormous_gradient(view):
    return changed(view, "dW", lambda dW: np.zeros((3000, 3000), dW.dtype))


@breaks(on=wide)
def lacks_a_layer(view):
    answer = right(view)
    return answer | {"dW": answer["dW"][1:]}


@breaks(on=wide)
def has_a_layer_too_many(view):
    answer = right(view)
    return answer | {"db": [*answer["db"], answer["db"][-1]]}


# ---------------------------------------------------------------- dtypes


@breaks(on=wide)
def answers_float32_cases_in_float64(view):
    return changed(view, "dW", lambda dW: dW.astype(np.float64))


@breaks(on=wide)
def answers_in_float16(view):
    return changed(view, "dW", lambda dW: dW.astype(np.float16))


@breaks(on=wide)
def answers_in_whole_numbers(view):
    return changed(view, "dW", lambda dW: np.rint(np.clip(dW, -99, 99)).astype(np.int64))


@breaks(on=wide)
def answers_in_complex_numbers(view):
    return changed(view, "dW", lambda dW: dW.astype(complex))


@breaks(on=wide)
def answers_in_booleans(view):
    return changed(view, "dW", lambda dW: dW > 0)


@breaks(on=wide)
def answers_in_objects(view):
    return changed(view, "dW", lambda dW: dW.astype(object))


@breaks(on=wide)
def answers_in_texts(view):
    return changed(view, "dW", lambda dW: dW.astype(str))


@breaks(on=wide)
def answers_in_big_endian_numbers(view):
    return changed(view, "dW", lambda dW: dW.astype(dW.dtype.newbyteorder(">")))


# ---------------------------------------------------------------- containers


@breaks(on=wide)
def has_ragged_lists(view):
    return changed(view, "dW", lambda dW: [[0.0], *dW[1:].tolist(), [0.0, 1.0]])


@breaks(on=wide)
def has_texts_in_lists(view):
    return changed(view, "dW", lambda dW: [[str(entry) for entry in row] for row in dW.tolist()])


@breaks(on=wide)
def has_none_in_lists(view):
    return changed(view, "dW", lambda dW: [[None] * dW.shape[1]] * dW.shape[0])


@breaks(on=wide)
def has_whole_numbers_beyond_every_float(view):
    return changed(view, "dW", lambda dW: [[10**400] * dW.shape[1]] * dW.shape[0])


@breaks(on=wide)
def has_a_list_that_contains_itself(view):
    rows = []
    rows.append(rows)
    return replaced(view, rows)


@breaks(on=wide)
def has_none_for_a_layer(view):
    return replaced(view, None)


@breaks(on=wide)
def has_a_generator_for_a_list(view):
    answer = right(view)
    return answer | {"dW": (dW for dW in answer["dW"])}


@breaks(on=wide)
def has_a_dict_for_a_list(view):
    answer = right(view)
    return answer | {"dW": dict(enumerate(answer["dW"], start=1))}


@breaks(on=wide)
def has_one_array_for_a_list(view):
    return right(view) | {"dW": right(view)["dW"][0]}


@breaks(on=wide)
def has_a_list_without_end(view):
    return replaced(view, Endless())


@breaks(on=wide)
def has_a_text_for_a_loss(view):
    return right(view) | {"loss": "\x1b[2Jlow"}


@breaks(on=wide)
def answers_none(view):
    return None


@breaks(on=wide)
def answers_a_text(view):
    return "all is well"


@breaks(on=wide)
def answers_a_number(view):
    return right(view)["loss"]


@breaks(on=wide)
def answers_a_tuple(view):
    return tuple(right(view).values())


@breaks(on=wide)
def answers_nothing(view):
    return {}


@breaks(on=wide)
def answers_an_object_without_attributes(view):
    return WithoutAttributes()


@breaks(on=wide)
def answers_an_object_that_cannot_be_read(view):
    return Unreadable()


# ---------------------------------------------------------------- keys


@breaks(on=wide)
def has_a_key_in_small_letters(view):
    answer = right(view)
    return {"loss": answer["loss"], "dw": answer["dW"], "db": answer["db"]}


@breaks(on=wide)
def has_an_unknown_key(view):
    return {"grads": right(view)["dW"]}


@breaks(on=wide)
def has_a_hostile_key(view):
    return right(view) | {"\x1b[31mdW\n\u202e": 1.0}


@breaks(on=wide)
def has_a_key_that_is_no_text(view):
    return right(view) | {1: 1.0}


# ---------------------------------------------------------------- right, in another form


@breaks(on=always)
def answers_with_an_object(view):
    return SimpleNamespace(**right(view))


@breaks(on=always)
def answers_with_plain_numbers_and_lists(view):
    answer = right(view)
    return {
        "loss": float(answer["loss"]),
        "dW": [dW.tolist() for dW in answer["dW"]],
        "db": tuple(db.tolist() for db in answer["db"]),
    }


@breaks(on=always)
def answers_with_arrays_of_odd_memory_layout(view):
    answer = right(view)
    return answer | {
        "dW": [np.asfortranarray(dW) for dW in answer["dW"]],
        "db": [np.repeat(db, 3, axis=0)[::3] for db in answer["db"]],
    }


@breaks(on=always)
def leaves_the_loss_out(view):
    answer = right(view)
    return {"dW": answer["dW"], "db": answer["db"]}
