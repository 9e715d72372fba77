"""Which mistake, convention or relation gives wrong numbers; and when nobody knows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from diagnosed import GRADIENTS, answer, asking, chain, drawn, network, seen

from backproof.cases import DrawOptions
from backproof.diagnosis.diagnose import Diagnostician, diagnose
from backproof.diagnosis.following import in_layers
from backproof.diagnosis.mistakes import MISTAKES, Mistake
from backproof.judging.panel import Panel
from oracles.torch_oracle import TorchOracle
from refimpl import ActivationSpec, Backprop, Case, LossSpec, Trace

CASE = network(activation="sigmoid")
NAMES = (*("derivative-forgotten", "derivative-of-output", "batch-mean-twice", "bias-forgotten"),
         *("bias-from-one-column", "target-minus-prediction", "update-uphill", "sum-for-mean"))  # fmt: skip
SOME = [MISTAKES[name] for name in NAMES]
MODES = [(), GRADIENTS]


@pytest.mark.parametrize("quantities", MODES)
@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("derivative-forgotten", ("B5", (1, 2))),
        ("derivative-of-output", ("B5", (1, 2))),
        ("target-minus-prediction", ("B4", (3,))),
        ("batch-mean-twice", ("B1", (1, 2, 3))),
        ("bias-from-one-column", ("B3", (1, 2, 3))),
        ("bias-forgotten", ("F2", (1, 2, 3))),
        ("sum-for-mean", ("F5", ())),
    ],
)
def test_a_catalogued_mistake_is_named_with_its_equation_and_layers(
    name: str, place: object, quantities: Sequence[str]
) -> None:
    make = MISTAKES[name].implementation
    found = asking(make, quantities, SOME).diagnose([seen(CASE, make, quantities)])
    assert [cause.name for cause in found.causes] == [name]
    (cause,) = found.causes
    assert (cause.equation, cause.layers) == place
    assert (cause.what, cause.remedy) == (MISTAKES[name].what, MISTAKES[name].remedy)
    assert cause.evidence.cases >= 2
    assert name == "sum-for-mean" or cause.evidence.strength == "strong"


@pytest.mark.parametrize("quantities", MODES)
@pytest.mark.parametrize("layer", [1, 2])
def test_a_mistake_in_one_layer_is_named_there(layer: int, quantities: Sequence[str]) -> None:
    make = in_layers(MISTAKES["derivative-forgotten"].implementation, {layer})
    (cause,) = asking(make, quantities, SOME).diagnose([seen(CASE, make, quantities)]).causes
    assert (cause.name, cause.equation, cause.layers) == ("derivative-forgotten", "B5", (layer,))


class _Unheard(Backprop):
    """In no catalogue, and no simple relation of the right one."""

    def hidden_error(self, dA: Any, Z: Any, A: Any, spec: ActivationSpec) -> Any:
        return super().hidden_error(dA, Z, A, spec) * (1 + 0.3 * np.sin(7 * Z))


@pytest.mark.parametrize("quantities", MODES)
def test_a_mistake_outside_the_catalogue_is_unknown_where_it_is(quantities: Sequence[str]) -> None:
    _check_unheard(quantities, SOME)


@pytest.mark.exhaustive
@pytest.mark.parametrize("quantities", MODES)
def test_nor_is_it_called_anything_of_the_whole_catalogue(quantities: Sequence[str]) -> None:
    _check_unheard(quantities, list(MISTAKES.values()))


def _check_unheard(quantities: Sequence[str], catalogue: Sequence[Mistake]) -> None:
    (cause,) = asking(_Unheard, quantities, catalogue).diagnose([seen(CASE, _Unheard, quantities)]).causes
    assert (cause.kind, cause.name, cause.equation) == ("unknown", "", "B5")
    assert cause.layers == ((1, 2) if not quantities else (2,))  # where it begins, with gradients only
    assert "unknown" in str(cause)


@pytest.mark.parametrize("quantities", MODES)
def test_taken_out_of_the_catalogue_it_is_not_called_something_else(quantities: Sequence[str]) -> None:
    for mistake in SOME[:4]:
        without = [other for other in SOME if other is not mistake]
        make = mistake.implementation
        (cause, *_) = asking(make, quantities, without).diagnose([seen(CASE, make, quantities)]).causes
        assert cause.kind in {"unknown", "relation"}, (mistake.name, cause)
        assert cause.equation in mistake.equations


@pytest.mark.parametrize("quantities", MODES)
def test_a_right_implementation_has_no_cause(quantities: Sequence[str]) -> None:
    for dtype in ("float32", "float64"):
        for index in range(2):
            case = drawn(41, index, dtype)
            assert asking(Backprop, quantities).diagnose([seen(case, Backprop, quantities)]).first is None


def test_a_relation_is_told_of_what_has_no_name() -> None:
    class Scaled(Backprop):
        def weight_gradient(self, delta: Any, A_previous: Any) -> Any:
            return 7 * super().weight_gradient(delta, A_previous)

    (cause,) = asking(Scaled, catalogue=SOME).diagnose([seen(CASE, Scaled)]).causes
    assert (cause.kind, cause.equation, cause.name) == ("relation", "B1", "7 times the right one")
    assert cause.what == "dW is 7 times the right one."


def test_two_mistakes_are_two_causes_in_the_order_of_a_pass() -> None:
    class Both(SOME[0].implementation, SOME[4].implementation):  # type: ignore[misc]
        pass

    found = asking(Both, catalogue=SOME).diagnose([seen(CASE, Both)])
    assert [(cause.equation, cause.name) for cause in found.causes] == [
        ("B5", "derivative-forgotten"), ("B3", "bias-from-one-column")]  # fmt: skip


def test_with_gradients_only_two_mistakes_are_a_pair() -> None:
    class Both(SOME[0].implementation, SOME[4].implementation):  # type: ignore[misc]
        pass

    (cause,) = asking(Both, GRADIENTS, SOME).diagnose([seen(CASE, Both, GRADIENTS)]).causes
    assert (cause.kind, cause.equation) == ("pair", "B5")
    assert cause.name == "derivative-forgotten and bias-from-one-column"


def test_a_known_and_an_unknown_cause_stand_side_by_side() -> None:
    class Both(_Unheard, SOME[4].implementation):  # type: ignore[misc]
        pass

    found = asking(Both, catalogue=SOME).diagnose([seen(CASE, Both)])
    assert [(cause.equation, cause.name) for cause in found.causes] == [
        ("B5", ""), ("B3", "bias-from-one-column")]  # fmt: skip


def test_one_number_proves_nothing_but_cases_that_are_asked_do() -> None:
    make = MISTAKES["target-minus-prediction"].implementation
    observed = seen(chain(2.0), make)  # one unit, one sample
    alone = Diagnostician(catalogue=SOME).diagnose([observed]).first
    assert alone is not None
    assert (alone.kind, alone.equation, alone.layers) == ("unknown", "B4", (1,))
    asked = asking(make, (), SOME).diagnose([observed]).first
    assert asked is not None
    assert asked.name == "target-minus-prediction"


def test_what_cannot_be_told_apart_is_a_rival() -> None:
    case, make = network(activation="relu"), MISTAKES["derivative-forgotten"].implementation
    both = [MISTAKES["derivative-forgotten"], MISTAKES["relu-mask-of-output"]]
    cause = Diagnostician(catalogue=both).diagnose([seen(case, make)]).first  # nobody can be asked
    assert cause is not None
    assert {cause.name, *cause.evidence.rivals} == {"derivative-forgotten", "relu-mask-of-output"}
    assert cause.evidence.strength != "strong"
    asked = asking(make, (), both).diagnose([seen(case, make)]).first
    assert asked is not None
    assert (asked.name, asked.evidence.rivals) == ("derivative-forgotten", ())


@pytest.mark.parametrize("quantities", MODES)
def test_an_undeclared_sum_is_a_declaration(quantities: Sequence[str]) -> None:
    class Sums(Backprop):
        def loss(self, A: Any, Y: Any, spec: LossSpec) -> Any:
            return super().loss(A, Y, LossSpec(spec.name, "sum", spec.parameters, spec.arrays))

        def loss_gradient(self, A: Any, Y: Any, spec: LossSpec) -> Any:
            return super().loss_gradient(A, Y, LossSpec(spec.name, "sum", spec.parameters, spec.arrays))

    (cause,) = asking(Sums, quantities).diagnose([seen(CASE, Sums, quantities)]).causes
    assert (cause.kind, dict(cause.declaration)) == ("convention", {"loss_scale": "sum"})


def test_answers_that_are_missing_parts_are_left_out() -> None:
    make = MISTAKES["derivative-forgotten"].implementation

    def ask(cases: Sequence[Case]) -> list[tuple[Case, Trace]]:
        traces = [answer(case, make) for case in cases]
        parts = [Trace(), *(replace(trace, delta=None) for trace in traces[1:])]
        return list(zip(cases, parts, strict=True))

    cause = Diagnostician(ask, DrawOptions(), SOME).diagnose([seen(CASE, make)]).first
    assert cause is not None
    assert cause.name == "derivative-forgotten"
    assert cause.evidence.cases == 1


def test_a_case_that_overflows_is_explained_by_ordinary_ones() -> None:
    case = network(activation="identity", dtype="float32")
    large = Case(case.network, case.X * np.float32(2e19), case.Y, case.learning_rate)
    make = MISTAKES["batch-mean-twice"].implementation
    observed = seen(large, make)
    assert observed.vague & observed.off
    cause = asking(make, (), SOME).diagnose([observed]).first
    assert cause is not None
    assert (cause.name, cause.equation) == ("batch-mean-twice", "B1")


def test_no_observation_is_no_diagnosis() -> None:
    with pytest.raises(ValueError, match="at least one observation"):
        Diagnostician().diagnose([])


def test_judgements_can_be_diagnosed_as_they_are() -> None:
    trace = answer(CASE, MISTAKES["derivative-forgotten"].implementation)
    judgement = Panel(Backprop(), [TorchOracle()]).judge_runs([CASE], [(trace, ())])[0]
    cause = diagnose([(judgement, trace)], catalogue=SOME).first
    assert cause is not None
    assert cause.name == "derivative-forgotten"


@pytest.mark.exhaustive
@pytest.mark.parametrize("quantities", MODES)
@pytest.mark.parametrize("name", [m.name for m in MISTAKES.values() if m.effect == "mismatch"])
def test_every_mistake_is_found_in_its_equation(name: str, quantities: Sequence[str]) -> None:
    mistake, tried = MISTAKES[name], 0
    options = replace(mistake.draw, max_width=8, max_batch=max(4, mistake.draw.min_batch), max_depth=5)
    for index in range(60):
        case = drawn(42, index, options=options)
        observed = seen(case, mistake.implementation, quantities)
        if not any(observed.predict(mistake.implementation)[p].differs_from(observed.right[p])  # type: ignore[index]
                   for p in observed.off):  # fmt: skip
            continue
        tried += 1
        cause = asking(mistake.implementation, quantities).diagnose([observed]).first
        assert cause is not None
        assert name in {cause.name, *cause.evidence.rivals} or cause.equation in mistake.equations
        if tried == 2:
            break
    assert tried or quantities
