"""Cases in a declared layout and answers back: by hand, and by a network in row layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backproof.cases import DrawOptions, draw_case
from backproof.errors import UsageError
from backproof.judging.panel import Panel
from backproof.judging.verdicts import FAILING
from backproof.plugging.declaration import SCALES, Declaration
from backproof.plugging.layouts import in_layout, trace_of
from oracles.ball_oracle import BallOracle
from refimpl import DTYPES, Backprop, Case, LossSpec, Trace

from .layout_cases import LAYOUTS, ROWS, answer_in, declared, sized_case

# ---------------------------------------------------------------- cases in a layout


def test_without_a_declaration_a_case_is_given_as_it_is() -> None:
    case = sized_case()
    fields = in_layout(case, Declaration())
    assert fields["X"].tolist() == case.X.tolist()
    assert fields["Y"].tolist() == case.Y.tolist()
    assert [W.tolist() for W in fields["W"]] == [layer.W.tolist() for layer in case.network.layers]
    assert [b.tolist() for b in fields["b"]] == [layer.b.tolist() for layer in case.network.layers]
    others = {key: value for key, value in fields.items() if key not in "XYWb"}
    assert others == {
        "activations": ["tanh", "identity"],
        "activation_parameters": [{}, {}],
        "loss": "cross_entropy_with_logits",
        "reduction": "sum",
        "loss_parameters": {"label_smoothing": 0.0},
        "loss_arrays": {},
        "learning_rate": 0.25,
        "dtype": "float32",
        "widths": [3, 4, 2],
        "depth": 2,
        "samples": 5,
    }


def test_a_row_layout_has_samples_as_rows_and_weights_from_inputs_to_outputs() -> None:
    case = sized_case()
    fields = in_layout(case, declared(**ROWS))
    assert fields["X"].shape == (5, 3)
    assert fields["X"][4, 1] == case.X[1, 4]
    assert fields["Y"].tolist() == [[1, 0], [0, 1], [0, 1], [1, 0], [0, 1]]
    assert [W.shape for W in fields["W"]] == [(3, 4), (4, 2)]
    assert fields["W"][1][3, 0] == case.network.layers[1].W[0, 3]
    assert [b.shape for b in fields["b"]] == [(4,), (2,)]
    assert [b.shape for b in in_layout(case, declared(bias="row"))["b"]] == [(1, 4), (1, 2)]


def test_class_indices_are_integers_one_a_sample() -> None:
    Y = in_layout(sized_case(), declared(labels="indices"))["Y"]
    assert Y.tolist() == [0, 1, 1, 0, 1]
    assert Y.dtype == np.int64


def test_arrays_of_a_loss_turn_with_the_samples() -> None:
    weights = {"weight": np.array([[1.0], [2.0]], "float32")}
    case = sized_case(loss=LossSpec("cross_entropy_with_logits", "sum", {}, weights))
    assert in_layout(case, Declaration())["loss_arrays"]["weight"].tolist() == [[1], [2]]
    assert in_layout(case, declared(samples="rows"))["loss_arrays"]["weight"].tolist() == [[1, 2]]
    each = {"weight": np.arange(1, 11, dtype="float32").reshape(2, 5)}
    case = sized_case(loss=LossSpec("bce_with_logits", "sum", {}, each))
    assert in_layout(case, declared(samples="rows"))["loss_arrays"]["weight"].shape == (5, 2)


@pytest.mark.parametrize("layout", [{}, ROWS], ids=["ours", "rows"])
def test_arrays_are_new_and_may_be_written_to(layout: dict[str, str]) -> None:
    case, declaration = sized_case(), declared(**layout)
    before = case.content_hash
    fields = in_layout(case, declaration)
    for array in (fields["X"], fields["Y"], *fields["W"], *fields["b"]):
        assert array.flags.c_contiguous
        array[...] = 7
    assert in_layout(case, declaration)["X"][0, 0] == case.X[0, 0]
    del case.__dict__["content_hash"]
    assert case.content_hash == before


def test_targets_that_are_no_classes_cannot_be_indices() -> None:
    soft = Case(sized_case().network, sized_case().X, np.full((2, 5), 0.5, "float32"))
    with pytest.raises(UsageError, match=r"labels are declared to be indices, but the targets .* one-hot"):
        in_layout(soft, declared(labels="indices"))
    with pytest.raises(UsageError, match=r"declared to be indices, but loss mse takes no classes"):
        in_layout(sized_case(loss=LossSpec("mse")), declared(labels="indices"))


# ---------------------------------------------------------------- answers back


def _listed(trace: Trace) -> dict[str, Any]:
    return {
        name: [a.tolist() for a in value] if isinstance(value, tuple) else np.asarray(value).tolist()
        for name, value in vars(trace).items()
        if value is not None
    }


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: ", ".join(layout.values()))
def test_an_answer_in_any_layout_comes_back_to_the_last_bit(layout: dict[str, str]) -> None:
    case, declaration = sized_case(), declared(**layout)
    answer = answer_in(case, declaration)
    for given in (answer, {k: _as_lists(v) for k, v in answer.items()}):
        trace, faults = trace_of(case, declaration, given)
        assert faults == []
        assert _listed(trace) == _listed(Backprop().run(case))
        assert all(array.dtype == case.dtype for array in (*trace.dW, *trace.db, trace.dX, trace.loss))


def _as_lists(value: Any) -> Any:
    return [a.tolist() for a in value] if isinstance(value, list) else np.asarray(value).tolist()


def test_what_is_not_offered_is_missing_in_the_trace_and_no_fault() -> None:
    trace, faults = trace_of(sized_case(), Declaration(), {"loss": 1.5, "dW": None})
    assert faults == []
    assert trace.loss == 1.5
    assert trace.dW is None
    assert trace.A is None


@pytest.mark.parametrize(
    "loss",
    [1.5, np.float32(1.5), np.array(1.5, "float32"), np.array([[1.5]], "float32"), [1.5], [[1.5]]],
    ids=repr,
)
def test_a_loss_is_a_number_or_an_array_of_one(loss: Any) -> None:
    trace, faults = trace_of(sized_case(), Declaration(), {"loss": loss})
    assert faults == []
    assert trace.loss == 1.5
    assert type(trace.loss) is np.float32


def test_what_has_a_half_in_front_is_doubled_and_what_has_not_is_not() -> None:
    case = sized_case()
    answer, plain = answer_in(case, Declaration()), Backprop().run(case)
    of_loss, _ = trace_of(case, declared(loss_scale="1/2 sum", gradient_scale="sum"), answer)
    of_gradients, _ = trace_of(case, declared(loss_scale="sum", gradient_scale="1/2 sum"), answer)
    assert (of_loss.loss, of_gradients.loss) == (2 * plain.loss, plain.loss)
    for name in ("delta", "dW", "db"):
        for l in range(2):
            assert np.array_equal(getattr(of_gradients, name)[l], 2 * getattr(plain, name)[l])
            assert np.array_equal(getattr(of_loss, name)[l], getattr(plain, name)[l])
    assert np.array_equal(of_gradients.dX, 2 * plain.dX)
    for name in ("Z", "A", "W_updated", "b_updated"):
        assert np.array_equal(getattr(of_gradients, name)[0], getattr(plain, name)[0])


def test_an_answer_is_copied() -> None:
    dX = np.ones((3, 5), "float32")
    trace, _ = trace_of(sized_case(), Declaration(), {"dX": dX})
    dX[...] = 2
    assert trace.dX[0, 0] == 1


# ---------------------------------------------------------------- a network of somebody's own, in rows


class _Student:
    """Samples as rows, one affine or tanh layer after the other, squared error; ½ and divisors as told."""

    def __init__(
        self, loss_scale: str | None = None, gradient_scale: str | None = None, **layout: str
    ) -> None:
        given = ROWS | layout
        for key, scale in (("loss_scale", loss_scale), ("gradient_scale", gradient_scale)):
            given |= {key: scale} if scale else {}
        self.declaration = declared(**given)

    def answer(self, case: dict[str, Any]) -> dict[str, Any]:
        A, number = [case["X"]], case["X"].dtype.type
        for W, b, name in zip(case["W"], case["b"], case["activations"], strict=True):
            Z = A[-1] @ W + b
            A.append(np.tanh(Z) if name == "tanh" else Z)
        error = A[-1] - case["Y"]
        m, n = error.shape
        over = {"sum": 1, "batchmean": m, "mean": m * n, "entrymean": m * n}
        scales = [
            (over[scale.reduction], 2 if scale.half else 1) if scale else (over[case["reduction"]], 1)
            for scale in (self.declaration.loss_scale, self.declaration.gradient_scale)
        ]
        (d_loss, half_loss), (d_gradient, half_gradient) = scales
        g, dW, db = error * number(2) / number(half_gradient) / number(d_gradient), [], []
        for W, a, previous, name in reversed(
            list(zip(case["W"], A[1:], A, case["activations"], strict=False))
        ):
            delta = g * (1 - a * a) if name == "tanh" else g
            dW.insert(0, previous.T @ delta)
            db.insert(0, delta.sum(axis=0))
            g = delta @ W.T
        rate = number(case["learning_rate"])
        return {
            "loss": np.sum(error * error) / number(half_loss) / number(d_loss),
            "dW": dW,
            "db": db,
            "dX": g,
            "W_updated": [W - rate * d for W, d in zip(case["W"], dW, strict=True)],
            "b_updated": [b - rate * d for b, d in zip(case["b"], db, strict=True)],
        }

    def run(self, case: Case) -> Trace:
        trace, faults = trace_of(case, self.declaration, self.answer(in_layout(case, self.declaration)))
        assert faults == []
        return trace


SMALL = DrawOptions(
    ("tanh", "identity"), ("mse",), ("ordinary",), max_depth=3, max_width=5, max_batch=5, min_batch=2,
    outputs=(2, 5),
)  # fmt: skip


def _verdicts(student: _Student, part: str, dtype: str) -> set[str]:
    drawn = [draw_case(3, index, dtype, SMALL).case for index in range(12)]
    judged = [getattr(student.declaration.judged_cases(case), part) for case in drawn]
    return {judgement.verdict for judgement in Panel(student, [BallOracle()]).judge(judged)}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [None, *SCALES])
def test_somebodys_own_network_conforms_under_every_scale_it_declares(scale: str | None, dtype: str) -> None:
    assert _verdicts(_Student(scale), "loss", dtype) == {"conforms"}


def test_loss_and_gradients_out_of_step_conform_each_on_the_case_of_its_own() -> None:
    student = _Student("1/2 /m", "/(m n_out)")
    for part, left_out in (("loss", {"dW", "db", "dX", "W_updated", "b_updated"}), ("gradients", {"loss"})):
        whole = student.answer
        student.answer = lambda fields, whole=whole, out=left_out: {  # type: ignore[method-assign]
            name: value for name, value in whole(fields).items() if name not in out
        }
        assert _verdicts(student, part, "float32") == {"conforms"}
        student.answer = whole  # type: ignore[method-assign]
    assert FAILING & _verdicts(student, "loss", "float32")  # together on one case they do not


def test_a_scale_that_is_not_the_one_declared_is_a_mismatch() -> None:
    student = _Student("/m")
    student.declaration = declared(**ROWS, loss_scale="1/2 /m")
    honest = declared(**ROWS, loss_scale="/m")
    student.answer = lambda fields: _Student.answer(_with(honest), fields)  # type: ignore[method-assign]
    assert FAILING & _verdicts(student, "loss", "float32")


def _with(declaration: Declaration) -> _Student:
    student = _Student()
    student.declaration = declaration
    return student
