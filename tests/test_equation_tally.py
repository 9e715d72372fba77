"""The rows of the equations: cases are counted once, and the code shown is the method itself."""

from typing import Any

import pytest

from backproof.equation_tally import source_of
from backproof.run import RunOptions, run
from refimpl import Backprop
from refimpl.equations import EQUATIONS


@pytest.fixture(scope="module")
def report():
    options = RunOptions(
        cases=6, seed=2, dtypes=("float64",), activations=("tanh",), losses=("mse",), oracles=("truth",)
    )
    return run(options)


def test_cases_are_counted_once_however_many_layers_and_oracles_there_are(report):
    rows = {row.id: row for row in report.equations}
    assert rows["F5"].cases == rows["F2"].cases == rows["B1"].cases == 6
    assert rows["F2"].checks.judged > 6
    assert 0 < rows["B5"].cases < 6  # networks of one layer have no hidden error
    assert rows["C1"].cases == 0


def test_every_equation_has_the_code_that_is_it(report):
    for row, equation in zip(report.equations, EQUATIONS, strict=True):
        assert row.code == equation.code.__qualname__
        assert row.source[0].startswith(f"def {equation.code.__name__}(")
        assert not any('"""' in line for line in row.source)
    (update,) = (row for row in report.equations if row.id == "U1")
    assert update.source[-1].strip() == "return W - learning_rate * dW"


def test_code_of_which_there_is_no_file_has_no_lines():
    scope: dict[str, Any] = {}
    exec("def made(self):\n    return 1\n", scope)  # noqa: S102 - that is what has no file
    assert source_of(scope["made"]) == ()
    assert source_of(Backprop.hidden_error) != ()
