"""Right implementations that declare, or are, what cannot be used: each must be told in one line."""

from typing import Any

from right import SUPPORTED, right


def declaring(declaration):
    def implementation(view) -> Any:
        return right(view)

    implementation.backproof = declaration
    return implementation


unknown_activation = declaring(SUPPORTED | {"activations": ["identity", "tahn"]})
unknown_loss = declaring(SUPPORTED | {"losses": ["half_square_error"]})
unknown_key = declaring(SUPPORTED | {"activation": ["tanh"]})
hostile_key = declaring(SUPPORTED | {"\x1b[31msamples\n": "rows"})
key_that_is_no_text = declaring({1: "rows"})
wrong_word_for_samples = declaring(SUPPORTED | {"samples": "row"})
wrong_word_for_weights = declaring(SUPPORTED | {"weights": "inputs times outputs"})
wrong_word_for_bias = declaring(SUPPORTED | {"bias": "vector"})
wrong_word_for_labels = declaring(SUPPORTED | {"labels": "onehot"})
wrong_scale = declaring(SUPPORTED | {"loss_scale": "1/m"})
wrong_gradient_scale = declaring(SUPPORTED | {"gradient_scale": 0.5})
wrong_dtype = declaring(SUPPORTED | {"dtypes": ["float16"]})
wrong_reduction = declaring(SUPPORTED | {"reductions": ["average"]})
text_for_a_list = declaring(SUPPORTED | {"activations": "tanh"})
empty_list = declaring(SUPPORTED | {"activations": []})
depth_upside_down = declaring(SUPPORTED | {"depth": [3, 1]})
depth_zero = declaring(SUPPORTED | {"depth": 0})
batch_in_words = declaring(SUPPORTED | {"batch": "many"})
pair_that_does_not_fit = declaring({"pairs": [["identity", "bce"]]})
pair_of_three = declaring({"pairs": [["identity", "bce", "mean"]]})
words_for_parameters = declaring(SUPPORTED | {"parameters": "yes"})
no_mapping = declaring(["tanh"])
activations_that_fit_no_loss = declaring(SUPPORTED | {"activations": ["identity"], "losses": ["bce"]})


def takes_nothing():
    return {}


def takes_a_network_and_data(network, data):
    return right(data)


def takes_the_parts(W, b, X):
    return {}


A_NUMBER = 3
AN_INSTANCE = object()
