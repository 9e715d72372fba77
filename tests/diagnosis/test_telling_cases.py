"""Cases that are asked to tell candidates apart."""

import numpy as np
import pytest
from diagnosed import answer, drawn, network

from backproof.cases import DrawOptions
from backproof.diagnosis.candidates import of_mistakes
from backproof.diagnosis.mistakes import MISTAKES
from backproof.diagnosis.telling_apart import ASKED, telling_cases
from refimpl import Case

CANDIDATES = {candidate.name: candidate for candidate in of_mistakes(MISTAKES.values())}


def chosen(*names: str) -> list[object]:
    return [CANDIDATES[name] for name in names]


def parted(cases: list[Case], one: str, other: str) -> bool:
    """Whether any of the cases tells the two apart."""
    return any(
        not np.allclose(a, b, rtol=1e-3, atol=0)
        for case in cases
        for a, b in zip(
            answer(case, MISTAKES[one].implementation).dW or (),
            answer(case, MISTAKES[other].implementation).dW or (),
            strict=True,
        )
    )


def test_candidates_that_one_case_cannot_tell_apart_are_told_apart() -> None:
    like = network(activation="sigmoid", samples=1)  # the mean over one sample is the sum
    pair = ("batch-mean-twice", "last-sample-only")
    cases = telling_cases(like, chosen(*pair), DrawOptions())  # type: ignore[arg-type]
    assert 0 < len(cases) <= ASKED
    assert parted(cases, *pair)


def test_functions_beyond_those_of_the_case_are_asked_where_they_tell() -> None:
    like = network(activation="relu")
    pair = ("relu-mask-of-output", "derivative-forgotten")  # the same in a network of ReLUs
    cases = telling_cases(like, chosen(*pair), DrawOptions())  # type: ignore[arg-type]
    assert parted(cases, *pair)


def test_most_have_the_functions_the_depth_and_the_dtype_of_the_case() -> None:
    like = network(dtype="float32")
    for case in telling_cases(like, [], DrawOptions()):
        assert [layer.activation.name for layer in case.network.layers] == ["tanh", "tanh", "identity"]
        assert (case.network.loss.name, case.network.depth) == ("half_squared_error", 3)
        assert case.dtype == np.float32


LIMITS = [
    DrawOptions(max_width=3, max_batch=2, reductions=("sum",)),
    DrawOptions(min_width=5, min_batch=6, parameters=False, arrays=False),
    DrawOptions(inputs=(2, 2), outputs=(2, 3), max_depth=3),
    DrawOptions(activations=("tanh", "identity"), losses=("half_squared_error",), max_depth=3, min_depth=3),
    DrawOptions(regimes=("saturated",), labels="hard", max_depth=3),
]


@pytest.mark.parametrize("options", LIMITS)
@pytest.mark.parametrize("names", [(), ("derivative-forgotten", "value-for-derivative")])
def test_what_an_implementation_does_not_support_is_not_asked(
    options: DrawOptions, names: tuple[str, ...]
) -> None:
    like = (
        drawn(31, 2, options=options) if options.activations is None else network(samples=options.min_batch)
    )
    cases = telling_cases(like, chosen(*names), options)  # type: ignore[arg-type]
    assert cases
    for case in cases:
        widths = case.network.widths
        hidden = widths[1:-1]
        assert (
            all(options.min_width <= n <= options.max_width for n in hidden)
            or hidden == like.network.widths[1:-1]
        )
        assert options.min_batch <= case.samples <= options.max_batch
        if options.reductions is not None:
            assert case.network.loss.reduction in options.reductions
        for span, n in ((options.inputs, widths[0]), (options.outputs, widths[-1])):
            assert span is None or span[0] <= n <= span[1]
        if options.activations is not None:
            assert {layer.activation.name for layer in case.network.layers} <= set(options.activations)
            assert case.network.loss.name == "half_squared_error"
        if not options.parameters:
            specs = (layer.activation for layer in case.network.layers)
            assert all(spec == type(spec)(spec.name, spec.entry.complete({}, case.dtype)) for spec in specs)


def test_a_depth_that_is_not_drawn_otherwise_has_been_asked_already() -> None:
    like = network()
    cases = telling_cases(like, [], DrawOptions(max_depth=2))
    assert cases
    assert {case.network.depth for case in cases} == {3}


def test_another_number_gives_other_cases_and_the_same_number_the_same() -> None:
    like = network()
    first, again, second = (telling_cases(like, [], DrawOptions(), number) for number in (0, 0, 1))
    assert first == again
    assert not set(first) & set(second)


def test_only_what_is_offered_can_tell() -> None:
    like = network()
    one = chosen("update-uphill")
    offered = telling_cases(like, one, DrawOptions(), offered=("loss", "dW", "db"))  # type: ignore[arg-type]
    assert len(offered) == ASKED  # as good as any: none can tell
