"""What a table entry is: intervals, parameters, the two kinds of activation, reductions, and its formula."""

from __future__ import annotations

import math
import re
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from latex2mathml.converter import convert
from refimpl_points import drawn, ends_of, parameter_sets

from refimpl import ACTIVATIONS, DTYPES, LOSSES, Activation, Loss, UnknownFunctionError
from refimpl.domains import NON_NEGATIVE, POSITIVE, REALS, SYMMETRIC_UNIT, UNIT, Interval
from refimpl.functions import ALL_REDUCTIONS, Parameter, find, no_kinks, rounded

FLOAT32, FLOAT64 = np.dtype("float32"), np.dtype("float64")
ENTRIES = [*ACTIVATIONS.values(), *LOSSES.values()]
EVERY_ENTRY = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)

# ---------------------------------------------------------------- intervals


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        (UNIT, [0.0, -0.0, 1.0, 0.5], [-5e-324, np.nextafter(1.0, 2.0), math.inf]),
        (SYMMETRIC_UNIT, [-1.0, 1.0], [np.nextafter(-1.0, -2.0)]),
        (POSITIVE, [5e-324, 1.7e308], [0.0, -0.0, math.inf]),
        (NON_NEGATIVE, [0.0, -0.0], [-5e-324, math.inf]),
        (REALS, [0.0, -1.7e308], [math.inf, -math.inf]),
    ],
    ids=str,
)
def test_an_interval_contains_its_ends_only_where_it_says_so(
    interval: Interval, inside: list[float], outside: list[float]
) -> None:
    assert all(interval.contains(number) for number in inside)
    assert interval.contains(np.array(inside))
    for number in outside:
        assert not interval.contains(number)
        assert not interval.contains(np.array([inside[0], number]))
        assert interval.outside(np.array([inside, [*inside[1:], number]])) == (1, len(inside) - 1)
    assert interval.outside(np.array([inside, inside])) is None


@pytest.mark.parametrize("interval", [UNIT, POSITIVE, REALS], ids=str)
def test_no_interval_contains_nan(interval: Interval) -> None:
    assert not interval.contains(math.nan)
    assert not interval.contains(np.array([0.5, math.nan]))


ENDS = st.sampled_from([-math.inf, -1.0, 0.0, 1.0, 2.0, math.inf])
INTERVALS = st.builds(Interval, ENDS, ENDS, st.booleans(), st.booleans()).filter(lambda i: i.low < i.high)


@given(INTERVALS, INTERVALS)
def test_an_interval_covers_another_if_every_number_of_that_lies_in_it(
    left: Interval, right: Interval
) -> None:
    numbers = [-math.inf, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, math.inf]
    everything = all(left.contains(number) for number in numbers if right.contains(number))
    assert left.covers(right) == everything


def test_an_interval_reads_as_mathematics_writes_it() -> None:
    assert [str(i) for i in (UNIT, POSITIVE, NON_NEGATIVE)] == ["[0, 1]", "(0, inf)", "[0, inf)"]
    assert str(Interval(-1.0, 0.25, low_inside=False)) == "(-1, 0.25]"


# ---------------------------------------------------------------- parameters

PARAMETERS = [(entry, parameter) for entry in ENTRIES for parameter in entry.parameters]
EVERY_PARAMETER = pytest.mark.parametrize(("entry", "parameter"), PARAMETERS, ids=lambda value: value.name)

LEAKY, SOFTPLUS, HARDTANH = (ACTIVATIONS[name] for name in ("leaky_relu", "softplus", "hardtanh"))


@EVERY_PARAMETER
@pytest.mark.parametrize("dtype", DTYPES)
def test_parameters_left_out_have_their_defaults_rounded_to_the_dtype(
    entry: Activation | Loss, parameter: Parameter, dtype: str
) -> None:
    assert entry.complete({}, np.dtype(dtype))[parameter.name] == float(
        np.dtype(dtype).type(parameter.default)
    )


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
def test_what_lies_beyond_the_largest_number_is_infinite_on_its_side(dtype: np.dtype[Any]) -> None:
    # An int may lie beyond every float, too.
    for beyond in (10**400, 10 * float(np.finfo(dtype).max)):
        assert (rounded(beyond, dtype), rounded(-beyond, dtype)) == (math.inf, -math.inf)


def test_a_parameter_is_rounded_to_the_nearest_number_of_the_dtype() -> None:
    # 0.1 in float32 is 13421773 / 2^27.
    assert LEAKY.complete({"negative_slope": 0.1}, FLOAT32) == {"negative_slope": 13421773 / 2**27}
    assert LEAKY.complete({"negative_slope": 0.1}, FLOAT64) == {"negative_slope": 0.1}
    assert type(LEAKY.complete({"negative_slope": np.float32(0.5)}, FLOAT32)["negative_slope"]) is float
    assert LEAKY.complete({"negative_slope": 1}, FLOAT64) == {"negative_slope": 1.0}


@EVERY_PARAMETER
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_parameter_outside_its_domain_is_refused_by_name(
    entry: Activation | Loss, parameter: Parameter, dtype: str
) -> None:
    domain = parameter.domain
    beyond = [end for end in ends_of(domain) if not domain.contains(end)]
    number_of = np.dtype(dtype).type
    inside = [end for end in ends_of(domain) if domain.contains(end) and end]
    beyond += [float(np.nextafter(number_of(end), number_of(end * math.inf))) for end in inside]
    for number in (*beyond, math.nan, math.inf, -math.inf):
        message = re.escape(f"{entry.name}: {parameter.name} = {number!r} lies outside {domain}")
        with pytest.raises(ValueError, match=message):
            entry.complete({parameter.name: number}, np.dtype(dtype))


@pytest.mark.parametrize(
    ("entry", "given", "message"),
    [
        (SOFTPLUS, {"beta": 1e-50}, r"softplus: beta = 1e-50 lies outside \(0, inf\)"),  # 0 in float32
        (LEAKY, {"negative_slope": 1e300}, r"negative_slope = 1e\+300 lies outside \[0, inf\)"),
        (LEAKY, {"negative_slope": 10**400}, r"leaky_relu: negative_slope = 10+ lies outside \[0, inf\)"),
        (LEAKY, {"negative_slope": -(10**400)}, r"leaky_relu: negative_slope = -10+ lies outside \[0, inf\)"),
        (HARDTANH, {"min_val": 2.0}, "hardtanh: min_val = 2.0 must be less than max_val = 1.0"),
        (HARDTANH, {"max_val": -1}, "hardtanh: min_val = -1.0 must be less than max_val = -1.0"),
        (LEAKY, {"negative_slope": True}, "leaky_relu: negative_slope must be a number, not True"),
        (LEAKY, {"negative_slope": "1"}, "leaky_relu: negative_slope must be a number, not '1'"),
        (LEAKY, {"negative_slope": None}, "leaky_relu: negative_slope must be a number, not None"),
        (LEAKY, {"negative_slope": 1j}, "leaky_relu: negative_slope must be a number, not 1j"),
        (LEAKY, {"negative_slope": np.ones(1)}, "leaky_relu: negative_slope must be a number, not array"),
    ],
)
def test_what_is_not_a_parameter_in_float32_is_refused(entry: Any, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        entry.complete(given, FLOAT32)


def test_an_unknown_parameter_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownFunctionError, match="softplus has no parameter 'alpha'; it has beta"):
        SOFTPLUS.complete({"alpha": 1.0}, FLOAT64)
    with pytest.raises(UnknownFunctionError, match="parameter 'alpha'; it has max_val, min_val"):
        HARDTANH.complete({"alpha": 1.0}, FLOAT64)
    with pytest.raises(UnknownFunctionError, match="identity has no parameter 'alpha'; it has none"):
        ACTIVATIONS["identity"].complete({"alpha": 1.0}, FLOAT64)


@EVERY_PARAMETER
def test_a_parameter_makes_a_difference_and_is_drawn_from_its_domain(
    entry: Activation | Loss, parameter: Parameter
) -> None:
    if isinstance(parameter.domain, Interval) and isinstance(parameter.drawn, Interval):
        assert parameter.domain.covers(parameter.drawn)
    assert all(parameter.domain.contains(end) for end in ends_of(parameter.drawn))
    assert parameter.domain.contains(parameter.default)
    assert parameter.meaning
    answers = []
    for end in ends_of(parameter.drawn):
        given = entry.complete({parameter.name: end}, FLOAT64)
        if isinstance(entry, Loss):
            A, Y = (drawn(d, (3, 40), seed=9) for d in (entry.prediction_domain, entry.target_domain))
            answers.append(entry.terms(A, Y[::-1].copy(), **given))
        else:
            answers.append(entry.value(drawn(REALS, (3, 40), seed=9), **given))
    assert not np.array_equal(answers[0], answers[-1])


# ---------------------------------------------------------------- entries


@pytest.mark.parametrize("rules", [{}, {"derivative": np.ones_like, "vector_jacobian_product": np.copy}])
def test_an_activation_has_either_a_derivative_or_a_vector_jacobian_product(rules: Any) -> None:
    message = r"activation twice: give either derivative \(elementwise\) or vector_jacobian_product, not both"
    with pytest.raises(ValueError, match=message):
        Activation("twice", "2 z", "2", value=lambda Z: 2 * Z, **rules)


def test_the_vjp_of_an_elementwise_activation_is_its_derivative_times_the_cotangent() -> None:
    cube = Activation("cube", "z^3", "3 z^2", value=lambda Z: Z**3, derivative=lambda Z: 3 * Z**2)
    Z, G = np.array([[2.0, -1.0]]), np.array([[0.5, 4.0]])
    assert cube.elementwise
    assert cube.vjp(Z, Z**3, G).tolist() == [[6.0, 12.0]]  # 12 · 1/2, 3 · 4


def test_the_vjp_of_an_activation_that_mixes_units_is_given_all_that_it_may_need() -> None:
    mixing = Activation(
        "mixing", "", "", value=np.copy, vector_jacobian_product=lambda Z, A, G, scale: Z + 10 * A + scale * G
    )
    assert not mixing.elementwise
    assert mixing.vjp(np.full((1, 1), 1.0), np.full((1, 1), 2.0), np.full((1, 1), 3.0), scale=100.0) == 321


def test_an_entry_is_found_by_its_name_or_refused_with_the_names_there_are() -> None:
    assert find(LOSSES, "loss", "mse") is LOSSES["mse"]
    known = ", ".join(sorted(LOSSES))
    with pytest.raises(UnknownFunctionError, match=f"^unknown loss 'l2'; known: {known}$"):
        find(LOSSES, "loss", "l2")


@pytest.mark.parametrize("name", [None, [], {}, 1])
def test_what_is_not_a_name_is_refused_like_an_unknown_one(name: Any) -> None:
    with pytest.raises(UnknownFunctionError, match=r"unknown activation .*; known: .*identity,"):
        find(ACTIVATIONS, "activation", name)


@pytest.mark.parametrize("name", ["x" * 10_000, "a\nb"])
def test_a_refusal_is_one_line_that_can_be_read_whatever_the_name(name: str) -> None:
    for refused in (
        lambda: find(ACTIVATIONS, "activation", name),
        lambda: LEAKY.complete({name: 1.0}, FLOAT64),
    ):
        with pytest.raises(UnknownFunctionError) as error:
            refused()
        assert len(str(error.value).splitlines()) == 1
        assert len(str(error.value)) < 1000


def test_names_are_those_of_the_tables_and_no_name_is_of_both() -> None:
    for table in (ACTIVATIONS, LOSSES):
        assert all(entry.name == name and name.isidentifier() for name, entry in table.items())
    assert not ACTIVATIONS.keys() & LOSSES.keys()


def test_the_document_s_own_functions_are_there() -> None:
    # F4 and F5
    assert {"identity", "sigmoid", "softmax"} <= ACTIVATIONS.keys()
    assert {"mse", "bce", "cross_entropy"} <= LOSSES.keys()


@EVERY_ENTRY
@pytest.mark.parametrize("field", ["latex", "derivative_latex"])
def test_the_formulas_of_an_entry_become_mathml_with_no_command_left_over(
    entry: Activation | Loss, field: str
) -> None:
    formula = getattr(entry, field)
    root = ET.fromstring(convert(formula))  # noqa: S314  our own formula
    assert root.tag.endswith("math")
    assert "\\" not in "".join(root.itertext())


@EVERY_ENTRY
def test_a_smooth_entry_has_no_kinks_and_any_other_declares_them_for_every_parameter(
    entry: Activation | Loss,
) -> None:
    of_targets = (drawn(entry.target_domain, (1, 4), seed=1),) if isinstance(entry, Loss) else ()
    found = [entry.kinks(*of_targets, given) for given in parameter_sets(entry, "float64")]
    assert any(found) == (entry.kinks is not no_kinks)
    for kinks in found:
        assert len({np.asarray(kink.at).tobytes() for kink in kinks}) == len(kinks)


# ---------------------------------------------------------------- reductions


@pytest.mark.parametrize(
    ("name", "reduction", "divisor"),
    [
        ("mse", "sum", 1),
        ("mse", "mean", 12),
        ("mse", "batchmean", 4),
        ("cross_entropy", "sum", 1),
        ("cross_entropy", "mean", 4),
        ("cross_entropy", "batchmean", 4),
        ("multilabel_soft_margin", "sum", 3),  # each sample's loss is a mean over its outputs
        ("multilabel_soft_margin", "mean", 12),
        ("multilabel_soft_margin", "batchmean", 12),
        ("mse", "entrymean", 12),
        ("cross_entropy", "entrymean", 12),
        ("multilabel_soft_margin", "entrymean", 36),
    ],
)
def test_the_divisor_of_a_loss_over_three_outputs_and_four_samples(
    name: str, reduction: str, divisor: int
) -> None:
    assert LOSSES[name].divisor(reduction, outputs=3, samples=4) == divisor


@pytest.mark.parametrize("entry", LOSSES.values(), ids=lambda entry: entry.name)
@pytest.mark.parametrize("reduction", ALL_REDUCTIONS)
def test_the_loss_and_its_gradient_are_divided_by_the_same(entry: Loss, reduction: str) -> None:
    A, Y = (drawn(domain, (3, 4), seed=1) for domain in (entry.prediction_domain, entry.target_domain))
    given = entry.complete({}, FLOAT64)
    divisor = entry.divisor(reduction, 3, 4)
    total = np.sum(entry.terms(A, Y[::-1].copy(), **given))
    assert total != 0
    # A mean over outputs first is in the weight, which is rounded: parts of about 1 are.
    near = 0.0 if entry.mean_over != "outputs first" else 4 * float(np.finfo("float64").eps)
    assert entry.reduced(A, Y[::-1].copy(), reduction, **given) == pytest.approx(
        total / divisor, rel=0, abs=near
    )
    summed = entry.gradient(A, Y[::-1].copy(), **given)
    gradient = entry.reduced_gradient(A, Y[::-1].copy(), reduction, **given)
    assert gradient == pytest.approx(summed / divisor, rel=0, abs=near)
