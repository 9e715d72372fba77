"""A smoke test finds what keeps an implementation from being asked, and says what to change."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from backproof.plugging.links import Hello, LinkError, Reply, Request
from backproof.plugging.smoke import Step, smoke
from refimpl import ActivationSpec, Backprop, Case, Layer, LossSpec, Network


class Right:
    """Answers as the reference does, in the default layout; those below change one thing each."""

    declaration: dict[str, Any] = {"dtypes": ["float64"], "arrays": False}  # noqa: RUF012
    kept = ("loss", "dW", "db")
    ended_when_told = True

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.closed = 0

    def start(self) -> Hello:
        return Hello("a net", self.declaration, {"numpy": "2"})

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        for request in requests:
            self.asked.append(request.fields)
            yield self.reply(self.values(request.fields))

    def values(self, fields: dict[str, Any]) -> dict[str, Any]:
        layers = tuple(map(Layer, fields["W"], fields["b"], map(ActivationSpec, fields["activations"])))
        loss = LossSpec(fields["loss"], fields["reduction"])
        trace = Backprop().run(Case(Network(layers, loss), fields["X"], fields["Y"]))
        return {name: getattr(trace, name) for name in self.kept}

    def reply(self, values: dict[str, Any]) -> Reply:
        return Reply(values)

    def close(self) -> None:
        self.closed += 1


def _steps(link: Any) -> list[Step]:
    steps = list(smoke(link))
    assert link.closed == 1
    return steps


def _wrong(link: Any) -> list[str]:
    return [f"{step.name}: {step.text}" for step in _steps(link) if not step.ok]


def test_an_implementation_that_can_be_asked_passes_all_steps():
    steps = _steps(Right())
    assert all(step.ok for step in steps)
    assert [re.sub(r"of up to \d+ units?", "of", step.name) for step in steps] == [
        "starts",
        "declaration",
        "1 layer of, 2 samples",
        "2 layers of, 2 samples",
        "2 layers of, 3 samples",
        "8 layers of, 32 samples",
        "same answer twice",
        "time",
        "ends",
    ]
    assert steps[0].text == "as 'a net', numpy 2"
    assert steps[1].text == "dtypes: float64"
    assert steps[2].text == "gives loss, dW, db"
    assert str(steps[-1]).startswith("ok     ends: 0.")


class Narrow(Right):
    declaration = Right.declaration | {
        "depth": [2, 3],
        "batch": [4, 4],
        "width": [5, 6],
        "activations": ["tanh"],
    }


def test_cases_lie_within_what_is_declared():
    link = Narrow()
    assert all(step.ok for step in _steps(link))
    assert {fields["depth"] for fields in link.asked} == {2, 3}
    assert {fields["samples"] for fields in link.asked} == {4}
    assert {width for fields in link.asked for width in fields["widths"]} <= {5, 6}
    assert {name for fields in link.asked for name in fields["activations"]} == {"tanh"}


class DoesNotStart(Right):
    def start(self) -> Hello:
        raise LinkError("start", "the program cannot be started: no such file")


class Misdeclared(Right):
    declaration = {"activations": ["sigmoyd"]}  # noqa: RUF012


class Unsupporting(Right):
    def reply(self, _: Any) -> Reply:
        return Reply(None, (), "softmax")


class Crashing(Right):
    def reply(self, _: Any) -> Reply:
        return Reply(None, ("the program was killed by SIGSEGV",))


class Silent(Right):
    def ask(self, _: Sequence[Request]) -> Iterator[Reply]:
        return iter(())


class Transposed(Right):
    def values(self, fields: dict[str, Any]) -> dict[str, Any]:
        values = super().values(fields)
        return values | {"dW": [part.T for part in values["dW"]]}


class OnlyTheLoss(Right):
    kept = ("loss",)


class Empty(Right):
    kept = ()


class NotFinite(Right):
    def values(self, fields: dict[str, Any]) -> dict[str, Any]:
        values = super().values(fields)
        return values | {"db": [np.full_like(part, np.nan) for part in values["db"]]}


class Accumulating(Right):
    calls = 0

    def values(self, fields: dict[str, Any]) -> dict[str, Any]:
        self.calls += 1
        values = super().values(fields)
        return values | {"dW": [part * self.calls for part in values["dW"]]}


class ForgetfulAtTheSecondTime(Right):
    def reply(self, values: dict[str, Any]) -> Reply:
        return Reply(values) if len(self.asked) < 6 else Reply(None, ("the program has ended",))


class Unending(Right):
    ended_when_told = False


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        (DoesNotStart(), "starts: the program cannot be started: no such file"),
        (
            Misdeclared(),
            "declaration: the declaration: unknown activation 'sigmoyd' in activations; did you mean",
        ),
        (Crashing(), "1 layer of up to .*: the program was killed by SIGSEGV"),
        (Silent(), "1 layer of up to .*: there was no reply"),
        (Transposed(), r"layers? of up to .*: dW\[1\] has shape .*weights: \"inputs x outputs\""),
        (OnlyTheLoss(), "gives loss, but no gradients to judge; give dW and db, or W_updated and b_updated"),
        (Empty(), "the answer holds nothing to judge; give some of Z, A, loss"),
        (NotFinite(), r"db\[1\] holds nan, with weights and data of ordinary size"),
        (
            Accumulating(),
            "same answer twice: dW differs when the same case is asked again; does it keep gradients",
        ),
        (ForgetfulAtTheSecondTime(), "same answer twice: the program has ended"),
        (
            Unending(),
            "ends: still ran after it was told to stop, and was killed; let it end when it is told to",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Right) else "",
)
def test_what_is_wrong_is_said_with_the_remedy(link, wrong):
    assert re.search(wrong, _wrong(link)[0])


def test_an_implementation_that_supports_nothing_of_what_it_declares_fails():
    (last,) = _wrong(Unsupporting())
    assert last == 'support: none of these cases is supported; declare what is, such as losses: ["mse"]'


def test_a_smoke_test_that_is_broken_off_closes_the_link():
    link = Right()
    steps = smoke(link)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert link.closed == 1
