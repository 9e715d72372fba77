"""The standalone script: it runs without backproof, computes what the oracle does, and prints the rest."""

from __future__ import annotations

import ast
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.cases import DrawOptions, draw_case
from backproof.diagnosis.framework_lines import activation_line, loss_line
from backproof.diagnosis.script import script
from backproof.judging.verdicts import Check
from oracles.ball_oracle import BallOracle
from oracles.torch_oracle import TorchOracle
from refimpl import (
    ACTIVATIONS,
    LOSSES,
    QUANTITIES,
    ActivationSpec,
    Case,
    Layer,
    LossSpec,
    Network,
    Trace,
)
from refimpl.functions import ALL_REDUCTIONS

TORCH = TorchOracle()
SMALL: dict[str, Any] = {"max_depth": 2, "max_width": 2, "max_batch": 2}
NONE_OF_OURS = "import sys; sys.modules.update(backproof=None, refimpl=None, oracles=None); "


def _check(quantity: str, layer: int | None, **more: Any) -> Check:
    return Check(quantity, layer, "local", "mine", "torch", more.pop("equation", ""), "mismatch", **more)


def _case(dtype: str = "float32", **options: Any) -> Case:
    return draw_case(6, 1, dtype, DrawOptions(**(SMALL | options))).case


def _computed(text: str) -> Any:
    """What a torch script computes, run here."""
    names: dict[str, Any] = {}
    exec(compile(text, "script", "exec"), names)  # noqa: S102
    return names["computed"].detach().numpy()


def _expected(case: Case, quantity: str, layer: int | None, oracle: Any = TORCH) -> Any:
    value = getattr(oracle.traces([case])[0], quantity)
    return value if layer is None else value[layer - 1]


# ---------------------------------------------------------------- the framework's answer


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_computes_what_the_oracle_does(activation: str, capsys: Any):
    case = _case(hidden=(activation,), losses=("mse",), min_depth=2)
    assert case.network.layers[0].activation.name == activation
    for quantity in ("A", "delta"):
        text = script(case, _check(quantity, 1), Trace())
        np.testing.assert_array_equal(_computed(text), _expected(case, quantity, 1))


@pytest.mark.parametrize("reduction", ALL_REDUCTIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_and_reduction_computes_what_the_oracle_does(loss: str, reduction: str, capsys: Any):
    arrays = bool(LOSSES[loss].arrays)
    options = DrawOptions(losses=(loss,), reductions=(reduction,), arrays=arrays, **SMALL)
    cases = [draw_case(6, k, "float64", options).case for k in range(12)]
    # One with arrays, if there are any, and one with two outputs and two samples, so that divisors differ.
    chosen = {
        next(c for c in cases if bool(c.network.loss.arrays) == arrays),
        next(c for c in cases if c.Y.shape == (2, 2)),
    }
    for case in chosen:
        for quantity, layer in (("loss", None), ("dW", 1)):
            text = script(case, _check(quantity, layer), Trace())
            np.testing.assert_array_equal(_computed(text), _expected(case, quantity, layer))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_of_every_layer_is_the_one_asked_for(quantity: str, dtype: str, capsys: Any):
    case = draw_case(6, 3, dtype, DrawOptions(min_depth=3, max_depth=3, max_width=3, max_batch=2)).case
    for layer in (1, 2, 3) if QUANTITIES[quantity] else (None,):
        computed = _computed(script(case, _check(quantity, layer), Trace()))
        expected = _expected(case, quantity, layer)
        assert computed.dtype == dtype
        # The step is one product and one difference here, and may be one rounding in torch's own optimizer.
        ulp = np.spacing(np.abs(expected)) if quantity.endswith("_updated") else 0.0
        assert np.all(np.abs(computed - expected) <= ulp)


def test_numbers_are_exactly_those_of_the_case(capsys: Any):
    awkward = np.array([[0.1, 1e-45, -0.0, 3.4028235e38, 1 / 3]], "float32")
    layer = Layer(
        np.array([[0.1]], "float32"), np.array([[2.0**-149]], "float32"), ActivationSpec("identity")
    )
    case = Case(Network((layer,), LossSpec("mse")), awkward, awkward, 0.1)
    names: dict[str, Any] = {}
    exec(script(case, _check("loss", None), Trace()), names)  # noqa: S102
    for name, array in (("X", awkward), ("Y", awkward), ("W1", layer.W), ("b1", layer.b)):
        assert names[name].numpy().tobytes() == array.tobytes()


# ---------------------------------------------------------------- what it says


def test_it_says_what_was_answered_what_is_exact_and_what_is_allowed(capsys: Any):
    layer = Layer(np.array([[2.0]]), np.array([[1.0]]), ActivationSpec("identity"))
    case = Case(
        Network((layer,), LossSpec("half_squared_error", "sum")), np.array([[3.0]]), np.array([[5.0]]), 0.1
    )
    # By hand: Z = 2·3 + 1 = 7, dW = (7 - 5)·3 = 6.
    check = _check(
        "dW",
        1,
        equation="B1",
        reason="outside the bound",
        entry=(0, 0),
        observed=4.0,
        expected=6.0,
        bound=1e-15,
    )
    text = script(case, check, Trace(dW=(np.array([[4.0]]),)), "my_net")
    exec(text, {})  # noqa: S102
    assert capsys.readouterr().out.splitlines() == [
        "∂L/∂W[1]",
        "my_net answered: [[4.0]]",
        "torch computes: [[6.0]]",
        "exact, as nearest float64: [[6.0]]",
        "allowed at entry [0, 0] by rounding in this step: 1e-15",
    ]
    assert text.startswith(
        "# ∂L/∂W[1] of my_net: mismatch, equation B1 (Weight gradient).\n# outside the bound\n"
    )


def test_what_is_not_finite_or_missing_is_told(capsys: Any):
    case = _case("float64", min_depth=2)
    answers = (np.array([[math.nan, math.inf], [-math.inf, 1.0]]),)
    exec(script(case, _check("dW", 1), Trace(dW=answers)), {})  # noqa: S102
    assert "mine answered" not in capsys.readouterr().out
    exec(script(case, _check("dW", 1), Trace(dW=answers), "mine"), {})  # noqa: S102
    assert "mine answered: [[nan, inf], [-inf, 1.0]]" in capsys.readouterr().out
    for trace, layer in ((Trace(), 1), (Trace(dW=answers), 2)):
        exec(script(case, _check("dW", layer), trace, "mine"), {})  # noqa: S102
        assert "mine answered: None" in capsys.readouterr().out


def test_a_crash_shows_the_loss_with_its_reason(capsys: Any):
    check = _check("trace", None, reason="raised IndexError: index 3\nis out of range")
    text = script(_case(), check, Trace(), "mine")
    assert "# raised IndexError: index 3 is out of range\n" in text
    exec(text, {})  # noqa: S102
    assert capsys.readouterr().out.startswith("the loss\nmine answered: None\n")


@pytest.mark.parametrize("name", ['"); print("x', "a\nimport os", "back\\slash", "{braces}", "σ"])
def test_a_name_is_a_text_and_no_code(name: str, capsys: Any):
    exec(script(_case(), _check("loss", None, reason=name), Trace(), name), {})  # noqa: S102
    out = capsys.readouterr().out
    assert f"{name.replace(chr(10), ' ')} answered: None\n" in out


def test_an_unknown_framework_is_refused():
    with pytest.raises(ValueError, match="unknown framework 'mxnet'; known: torch, jax"):
        script(_case(), _check("loss", None), Trace(), framework="mxnet")


# ---------------------------------------------------------------- by itself


def _run(path: Path) -> str:
    """What the script prints in a process that has none of our packages."""
    code = f"{NONE_OF_OURS}import runpy; runpy.run_path({str(path)!r})"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=path.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _printed(out: str) -> Any:
    line = next(line for line in out.splitlines() if " computes: " in line)
    return np.array(json.loads(line.partition(" computes: ")[2]))


@pytest.mark.long
@pytest.mark.parametrize(
    ("hidden", "output", "loss", "dtype"),
    [("tanh", "sigmoid", "bce", "float32"), ("squareplus", "softmax", "cross_entropy", "float64")],
)
def test_it_runs_without_backproof(hidden: str, output: str, loss: str, dtype: str, tmp_path: Path):
    case = _case(dtype, hidden=(hidden,), output=(output,), losses=(loss,), min_depth=2)
    path = tmp_path / "script.py"
    path.write_text(script(case, _check("dW", 1), Trace()), encoding="utf-8")
    expected = _expected(case, "dW", 1)
    np.testing.assert_array_equal(_printed(_run(path)), expected.astype("float64"))


def test_the_process_has_none_of_our_packages(tmp_path: Path):
    path = tmp_path / "script.py"
    path.write_text("import backproof\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="import of backproof halted"):
        _run(path)


def _jax_cases(dtype: str) -> Iterator[tuple[Case, str, int | None]]:
    for activation in ACTIVATIONS:
        yield _case(dtype, hidden=(activation,), losses=("mse",), min_depth=2), "delta", 1
    for loss in LOSSES:
        for reduction in ALL_REDUCTIONS:
            yield _case(dtype, losses=(loss,), reductions=(reduction,), min_depth=1), "dX", None
    for quantity, per_layer in QUANTITIES.items():
        yield _case(dtype, min_depth=2), quantity, 2 if per_layer else None


def _agree_with_the_truth(cases: list[tuple[Case, str, int | None]], dtype: str, folder: Path) -> None:
    """All scripts in one process, since each compiles what it computes; held against exact values."""
    paths = [folder / f"script_{number}.py" for number in range(len(cases))]
    for path, (case, quantity, layer) in zip(paths, cases, strict=True):
        path.write_text(script(case, _check(quantity, layer), Trace(), framework="jax"), encoding="utf-8")
    together = folder / "all.py"
    together.write_text(
        "import runpy\n" + "".join(f"runpy.run_path({str(path)!r})\n" for path in paths), encoding="utf-8"
    )
    lines = [line for line in _run(together).splitlines() if line.startswith("jax computes: ")]
    assert len(lines) == len(cases)
    # Small ordinary networks: a wrong line is off by far more than a thousand roundings of the largest entry.
    allowed = 1000 * np.finfo(dtype).eps
    for line, (case, quantity, layer) in zip(lines, cases, strict=True):
        exact = np.asarray(_expected(case, quantity, layer, BallOracle()), "float64")
        text = line.partition(": ")[2].replace("nan", "NaN").replace("inf", "Infinity")
        computed = np.array(json.loads(text))
        scale = max(1.0, float(np.max(np.abs(exact))))
        assert np.max(np.abs(computed - exact)) <= allowed * scale, (line, exact, case.network)


@pytest.mark.long
def test_a_script_for_jax_runs_without_backproof(tmp_path: Path):
    case = _case(
        "float64", hidden=("softmax",), losses=("half_squared_error",), min_depth=2, regimes=("ordinary",)
    )
    _agree_with_the_truth([(case, "delta", 1)], "float64", tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_function_and_quantity_runs_in_jax(dtype: str, tmp_path: Path):
    _agree_with_the_truth(list(_jax_cases(dtype)), dtype, tmp_path)


# ---------------------------------------------------------------- the text


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.parametrize(
    "loss", ["half_squared_error", "mse", "cross_entropy_with_logits", "bce", "hinge", "huber"]
)
def test_a_minimal_script_is_short_and_formatted(loss: str, framework: str, tmp_path: Path):
    options = DrawOptions(
        losses=(loss,), hidden=("tanh",), arrays=False, min_depth=2, max_depth=2, max_width=1, max_batch=1
    )
    case = draw_case(6, 1, "float32", options).case
    check = _check("delta", 1, equation="B5", bound=1e-7, entry=(0, 0), observed=1.0, expected=2.0)
    text = script(case, check, Trace(delta=(np.array([[1.0]]), np.array([[1.0]]))), "my_net", framework)
    assert text.count("\n") <= 60
    path = tmp_path / "script.py"
    path.write_text(text, encoding="utf-8")
    for command in (["check"], ["format", "--check", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(path)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_large_case_has_no_line_that_is_too_long():
    case = draw_case(6, 2, "float64", DrawOptions(min_width=12, max_width=16, min_batch=9, min_depth=2)).case
    data = [line for line in script(case, _check("loss", None), Trace()).splitlines() if "[" in line]
    assert max(map(len, data)) <= 88


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_every_entry_of_the_oracles_tables_has_a_text(framework: str):
    lines = [activation_line(framework, name) for name in ACTIVATIONS]
    lines += [loss_line(framework, name) for name in LOSSES]
    for line in lines:
        ast.parse("\n\n\n".join([*line.definitions, line.expression(["A", "Y"], {})]))
        assert "Any" not in "".join(line.definitions)
        # As one would write it: a call by a name, of functions of which each is called.
        called = line.expression(["A", "Y"], {})
        assert "lambda" not in called
        for definition in line.definitions:
            name = definition[len("def ") : definition.index("(")]
            rest = [called, *(each for each in line.definitions if each is not definition)]
            assert re.search(rf"\b{name}\b", "\n".join(rest)), f"{name} is defined for nothing"
