"""What an implementation declares: read, described, turned into draws, and refused in plain words."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from backproof.cases import draw_case
from backproof.errors import UsageError
from backproof.plugging.declaration import SCALES, Declaration, Scale
from refimpl import LOSSES, ActivationSpec, Case, Layer, LossSpec, Network
from refimpl.functions import REDUCTIONS


def _read(**given: Any) -> Declaration:
    return Declaration.read(given, "net.py:Net")


def _refused(message: str, **given: Any) -> None:
    with pytest.raises(UsageError, match=rf"^net\.py:Net: {re.escape(message)}") as refused:
        _read(**given)
    assert "\n" not in str(refused.value)


def _case(loss: str, reduction: str, outputs: int = 2, samples: int = 3) -> Case:
    layer = Layer(np.ones((outputs, 1)), np.zeros((outputs, 1)), ActivationSpec("identity"))
    Y = np.zeros((outputs, samples))
    Y[0] = 1
    return Case(Network((layer,), LossSpec(loss, reduction)), np.ones((1, samples)), Y)


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize("nothing", [None, {}])
def test_who_declares_nothing_has_the_references_layout_and_default_parameters(nothing: Any) -> None:
    declaration = Declaration.read(nothing, "net.py:Net")
    assert declaration == Declaration()
    assert (declaration.samples, declaration.weights, declaration.bias) == (
        "columns", "outputs x inputs", "column",
    )  # fmt: skip
    assert declaration.reductions == REDUCTIONS
    assert declaration.dtypes == ("float32", "float64")
    assert (declaration.parameters, declaration.arrays) == (False, False)
    assert declaration.describe() == []


def test_all_keys_are_read_and_described() -> None:
    declaration = _read(
        samples="rows",
        weights="inputs x outputs",
        bias="flat",
        labels="one-hot",
        loss_scale="1/2 /m",
        gradient_scale="/(m n_out)",
        activations=["relu", "identity", "softmax"],
        hidden=["relu"],
        output=["identity", "softmax"],
        losses=["mse", "cross_entropy"],
        pairs=[["identity", "mse"], ["softmax", "cross_entropy"]],
        dtypes=["float64"],
        depth=3,
        width=[2, 16],
        batch=[4, 4],
        inputs=10,
        outputs=[2, 5],
        parameters=True,
        arrays=True,
    )
    assert declaration.loss_scale == Scale("/m", half=True)
    assert declaration.pairs == (("identity", "mse"), ("softmax", "cross_entropy"))
    assert (declaration.depth, declaration.batch, declaration.inputs) == ((1, 3), (4, 4), (1, 10))
    assert declaration.describe() == [
        "samples are rows",
        "weights are inputs x outputs",
        "biases are flat",
        "labels are one-hot",
        "loss is divided by m, with 1/2 in front",
        "gradients are divided by m n_out",
        "activations: relu, identity, softmax",
        "hidden activations: relu",
        "last activations: identity, softmax",
        "losses: mse, cross_entropy",
        "dtypes: float64",
        "pairs: identity with mse, softmax with cross_entropy",
        "depth 1 to 3",
        "width 2 to 16",
        "batch 4",
        "inputs 1 to 10",
        "outputs 2 to 5",
        "parameters vary",
        "arrays vary",
    ]


def test_what_is_declared_is_what_is_drawn() -> None:
    declaration = _read(
        hidden=["tanh"],
        pairs=[["sigmoid", "bce"], ["identity", "mse"]],
        reductions=["sum", "entrymean"],
        labels="hard",
        depth=[2, 3],
        width=6,
        batch=[2, 5],
        inputs=[4, 4],
        outputs=[1, 3],
    )
    options = declaration.draw_options()
    for index in range(100):
        case = draw_case(1, index, "float64", options).case
        network, widths = case.network, case.network.widths
        assert {layer.activation.name for layer in network.layers[:-1]} == {"tanh"}
        assert (network.layers[-1].activation.name, network.loss.name) in (declaration.pairs or ())
        assert network.loss.reduction in ("sum", "entrymean")
        assert network.loss.name == "mse" or set(case.Y.flat) <= {0.0, 1.0}
        assert 2 <= network.depth <= 3
        assert 2 <= case.samples <= 5
        assert widths[0] == 4
        assert widths[-1] <= 3
        assert max(widths[1:-1]) <= 6
        assert not network.loss.arrays


def test_a_declared_scale_decides_which_reduction_is_drawn() -> None:
    drawn = {scale: _read(loss_scale=scale).draw_options().reductions for scale in SCALES}
    assert drawn == {
        "sum": ("sum",),
        "/m": ("batchmean",),
        "/(m n_out)": ("entrymean",),
        "1/2 sum": ("sum",),
        "1/2 /m": ("batchmean",),
        "1/2 /(m n_out)": ("entrymean",),
    }
    assert _read(gradient_scale="sum").draw_options().reductions == REDUCTIONS


@pytest.mark.parametrize("written", ["1/2 /(m·n_out)", "1/2  /(m * n_out)", "½/(m n_out)"])
def test_a_scale_may_be_written_with_signs(written: str) -> None:
    assert _read(loss_scale=written).loss_scale == Scale("/(m n_out)", half=True)


# ---------------------------------------------------------------- what is judged


def test_a_case_is_judged_as_it_is_where_no_scale_is_declared() -> None:
    case = _case("mse", "mean")
    judged = Declaration().judged_cases(case)
    assert judged.loss is case
    assert judged.gradients is case
    assert (judged.double_loss, judged.double_gradients) == (False, False)


def test_loss_and_gradients_are_judged_with_the_divisors_declared() -> None:
    judged = _read(loss_scale="/(m n_out)", gradient_scale="1/2 /m").judged_cases(_case("mse", "sum"))
    of_loss, of_gradients = (each.network.loss for each in (judged.loss, judged.gradients))
    assert of_loss.entry.divisor(of_loss.reduction, 2, 3) == 6
    assert of_gradients.entry.divisor(of_gradients.reduction, 2, 3) == 3
    assert (judged.double_loss, judged.double_gradients) == (False, True)
    assert np.array_equal(judged.gradients.X, judged.loss.X)
    assert judged.gradients.learning_rate == judged.loss.learning_rate


@pytest.mark.parametrize(
    ("scales", "loss", "reduction", "samples"),
    [
        ({"loss_scale": "/m"}, "cross_entropy_with_logits", "sum", 3),
        ({"loss_scale": "/m", "gradient_scale": "1/2 /m"}, "mse", "sum", 3),
    ],
)
def test_one_case_is_judged_where_the_divisors_agree(
    scales: dict[str, str], loss: str, reduction: str, samples: int
) -> None:
    judged = _read(**scales).judged_cases(_case(loss, reduction, samples=samples))
    assert judged.loss is judged.gradients


def test_with_one_sample_the_scales_stay_apart_so_that_it_can_be_asked_twice() -> None:
    judged = _read(loss_scale="sum", gradient_scale="/m").judged_cases(_case("mse", "sum", samples=1))
    assert judged.loss.network.loss.reduction == "sum"
    assert judged.gradients.network.loss.reduction == "batchmean"


def test_a_case_whose_reduction_divides_as_declared_is_left_alone() -> None:
    case = _case("mse", "mean")
    assert _read(loss_scale="/(m n_out)").judged_cases(case).loss is case
    case = _case("cross_entropy_with_logits", "mean")
    assert _read(loss_scale="/m").judged_cases(case).loss is case


@pytest.mark.parametrize("name", LOSSES)
def test_a_scale_over_outputs_and_samples_divides_every_loss_by_both(name: str) -> None:
    options = _read(loss_scale="/(m n_out)", losses=[name], outputs=[3, 3], batch=[5, 5]).draw_options()
    case = draw_case(0, 0, "float64", options).case
    loss = _read(loss_scale="/(m n_out)").judged_cases(case).loss.network.loss
    assert loss.entry.divisor(loss.reduction, 3, 5) == 15 * loss.entry.divisor("sum", 3, 5)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("mapping", [[], "rows", 3, [("samples", "rows")]])
def test_what_is_no_mapping_is_refused(mapping: Any) -> None:
    with pytest.raises(UsageError, match=r"^x: a declaration is a mapping of keys to values, not "):
        Declaration.read(mapping, "x")


def test_an_unknown_key_is_refused_with_the_one_that_was_meant() -> None:
    _refused(
        "unknown key 'activation' in the declaration; did you mean 'activations'? known: ", activation=[]
    )
    _refused("unknown key 'zzz' in the declaration; known: activations, arrays, batch, ", zzz=1)
    with pytest.raises(UsageError, match=r"^x: unknown key 3 in the declaration; known: "):
        Declaration.read({3: 4}, "x")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("samples", "row", "unknown samples 'row'; did you mean 'rows'? known: columns, rows"),
        ("weights", "inputs", "unknown weights 'inputs'; known: inputs x outputs, outputs x inputs"),
        ("bias", None, "unknown bias None; known: column, flat, row"),
        ("labels", "onehot", "unknown labels 'onehot'; did you mean 'one-hot'? known: any, "),
        ("samples", ["rows"], "unknown samples ['rows']; known: "),
        ("loss_scale", "mean", "loss_scale must be one of 'sum', '/m', '/(m n_out)', '1/2 sum', "),
        ("gradient_scale", 0.5, "gradient_scale must be one of 'sum', "),
        ("activations", ["sofmax"], "unknown activation 'sofmax' in activations; did you mean 'softmax'? "),
        ("hidden", ["Relu"], "unknown activation 'Relu' in hidden; did you mean 'relu'? known: "),
        ("losses", ["nothing"], "unknown loss 'nothing' in losses; "),
        ("losses", [3], "unknown loss 3 in losses; known: "),
        ("reductions", ["average"], "unknown reduction 'average' in reductions; "),
        ("dtypes", ["float16"], "unknown dtype 'float16' in dtypes; did you mean 'float64'? known: "),
        ("dtypes", [np.float32], "unknown dtype <class 'numpy.float32'> in dtypes; known: float32, float64"),
        ("pairs", [["softmax", "mses"]], "unknown loss 'mses' in pairs; did you mean 'mse'? known: "),
        ("pairs", [["sofmax", "mse"]], "unknown activation 'sofmax' in pairs; did you mean 'softmax'? "),
        ("pairs", ["softmax"], "each of pairs must be [last activation, loss], not 'softmax'"),
        ("depth", [3, 1], "depth is [3, 1], the wrong way round; write [1, 3]"),
        ("depth", 0, "depth must be [least, most], or a number, the most: integers of at least 1; not 0"),
        (
            "width",
            True,
            "width must be [least, most], or a number, the most: integers of at least 1; not True",
        ),
        ("batch", [1, 2, 3], "batch must be [least, most], or a number, the most: "),
        ("inputs", [1, None], "inputs must be [least, most], or a number, the most: "),
        ("outputs", 2.0, "outputs must be [least, most], or a number, the most: "),
        ("parameters", 1, "parameters must be true or false, not 1"),
        ("arrays", "no", "arrays must be true or false, not 'no'"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(key: str, value: Any, message: str) -> None:
    _refused(message, **{key: value})


@pytest.mark.parametrize("key", ["activations", "hidden", "output", "losses", "reductions", "dtypes"])
def test_lists_must_be_lists_of_at_least_one_name(key: str) -> None:
    _refused(f"{key} must be a list of at least one name, not []; leave it out for all", **{key: []})
    _refused(f"{key} must be a list of at least one name, not 'relu'; write ['relu']", **{key: "relu"})
    _refused(f"{key} must be a list of at least one name, not None; leave it out for all", **{key: None})


def test_an_empty_list_of_pairs_is_refused() -> None:
    _refused("pairs must be a list of at least one pair of a last activation and a loss, not []", pairs=[])


def test_a_pair_that_cannot_fit_is_refused_with_what_fits() -> None:
    _refused(
        "pair tanh, bce cannot be: bce takes predictions in [0, 1], tanh gives values in [-1, 1]; "
        "it takes sigmoid",
        pairs=[["tanh", "bce"]],
    )


def test_names_that_a_wider_list_leaves_out_are_refused() -> None:
    _refused(
        "hidden has 'gelu', which is not among activations; add it to activations or leave it out of hidden",
        activations=["relu"],
        hidden=["relu", "gelu"],
    )
    _refused(
        "pairs has 'tanh', which is not among output; add it to output",
        output=["identity"],
        pairs=[["tanh", "mse"]],
    )
    _refused(
        "pairs has 'mse', which is not among losses; add it to losses", losses=["l1"], pairs=[["tanh", "mse"]]
    )


def test_a_loss_without_a_last_activation_is_refused() -> None:
    _refused(
        "loss bce takes predictions in [0, 1], which none of the activations relu gives; add one of: sigmoid",
        losses=["bce"],
        activations=["relu"],
    )


def test_reductions_and_a_scale_of_the_loss_contradict_each_other() -> None:
    _refused(
        "reductions and loss_scale '1/2 /m' both say what the loss is divided by; leave out reductions",
        reductions=["sum"],
        loss_scale="1/2 /m",
    )


@pytest.mark.parametrize(
    ("labels", "losses"), [("hard", ["mse"]), ("one-hot", ["l1", "hinge"]), ("one-hot", ["mse", "huber"])]
)
def test_a_form_of_labels_that_no_loss_takes_is_refused(labels: str, losses: list[str]) -> None:
    _refused(f"labels '{labels}' are taken by none of the losses ", labels=labels, losses=losses)


def test_indices_without_losses_of_classes_are_refused() -> None:
    message = "takes no classes, which labels 'indices' means; losses of classes are cross_entropy, "
    _refused(f"loss mse {message}", labels="indices", losses=["mse"])
    _refused("labels 'indices' leave no loss in pairs to draw", labels="indices", pairs=[["tanh", "mse"]])


class _Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError


def test_values_are_shown_on_one_short_line() -> None:
    _refused("unknown samples a _Unprintable; known: ", samples=_Unprintable())
    _refused(f"unknown loss '{'x' * 58}… in losses; known: ", losses=["x" * 10_000])
    _refused("unknown bias array([[1., 1.], [1., 1.]]); known: ", bias=np.ones((2, 2)))
