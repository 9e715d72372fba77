"""What a submission might try instead of solving the exercise: it earns nothing by it, or it is told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from catalogue_grading import Undiagnosed
from grading_samples import CLASS, FUNCTION, RIGHT, changed, graded, lost, rubric_text, sharing_cases

from backproof.grading.exercise import Exercise
from tests.long_tests import long_but_for

WRONG = changed("back * DERIVATIVES[self.activations[l - 1]](self.Z[l - 1])", "back")


@pytest.fixture(autouse=True)
def no_diagnoses(monkeypatch):
    """What is wrong is not asked here, and takes seconds."""
    monkeypatch.setattr("backproof.grading.grader.Diagnosing", Undiagnosed)


def notes(result) -> set[tuple[str, str]]:
    return {(note.kind, note.what) for note in result.integrity}


def test_patching_numpy_changes_no_verdict(whole, tmp_path):
    patch = (
        "np.allclose = np.array_equal = lambda *a, **k: True\n"
        "np.isfinite = lambda x, *a, **k: True\n"
        "np.testing = None\n"
        "np.ndarray.__eq__ if True else None\n"
        "np.abs_ = np.abs\n"
        "np.may_share_memory = lambda *a: False\n"
    )
    result = graded(whole, tmp_path, WRONG.replace("import numpy as np\n", "import numpy as np\n" + patch))
    assert set(lost(result)) == {"B5"}


def test_reading_files_outside_its_folder_is_told(whole, tmp_path):
    secret = tmp_path / "rubric.toml"
    secret.write_text(rubric_text(), encoding="utf-8")
    reading = (
        f"import os\nopen({str(secret)!r}).read()\nos.listdir({str(tmp_path)!r})\n"
        "import traceback, random, json\n"
    )
    result = graded(whole, tmp_path, reading + RIGHT)
    assert notes(result) == {("file", f"open {secret} to read"), ("file", f"list {tmp_path}")}
    assert result.is_right  # a note changes no mark


def test_files_of_its_own_and_of_python_are_nobody_s_business(whole, tmp_path):
    folder = tmp_path / "ada"
    folder.mkdir()
    own = "import os, json\nopen(os.path.join(os.path.dirname(__file__), 'data.txt')).read()\n"
    (folder / "network.py").write_text(own + RIGHT, encoding="utf-8")
    (folder / "data.txt").write_text("1 2 3", encoding="utf-8")
    from backproof.grading.submissions import one_submission

    assert whole.grade(one_submission(folder, "network.py")).integrity == ()


def test_forking_is_told_and_the_child_answers_nothing(whole, tmp_path):
    forking = changed(
        "        self.A, self.Z = [X], []", "        import os; os.fork()\n        self.A, self.Z = [X], []"
    )
    result = graded(whole, tmp_path, forking)
    assert ("process", "os.fork") in notes(result)
    assert result.is_right


def test_starting_processes_and_opening_sockets_is_told(whole, tmp_path):
    text = "import subprocess, socket\nsubprocess.run(['true'])\nsocket.socket().close()\n" + RIGHT
    assert {kind for kind, _ in notes(graded(whole, tmp_path, text))} == {"process", "network"}


def test_sleeping_is_told(whole, tmp_path):
    result = graded(whole, tmp_path, "import time\ntime.sleep(0.6)\n" + RIGHT)
    assert notes(result) == {("sleep", "sleep for 0.6 s")}


def test_waiting_without_computing_ends_at_ten_times_the_limit(function, tmp_path):
    marking = function.rubric.marking.model_copy(update={"time_limit": 0.05, "cases": 24})
    impatient = sharing_cases(function, FUNCTION)
    impatient.rubric = function.rubric.model_copy(update={"marking": marking})
    result = graded(impatient, tmp_path, "import threading\ndef network(c):\n    threading.Event().wait()\n")
    assert result.faults[0].what == "gave no answer within 0.5 s"
    assert result.total == 0


def test_printing_results_has_no_effect(whole, tmp_path):
    fake = "import json\nprint(json.dumps({'total': 20.0, 'status': 'graded'}), flush=True)\n"
    assert set(lost(graded(whole, tmp_path, fake + WRONG))) == {"B5"}


def test_a_forged_answer_is_just_an_answer_and_judged(function, tmp_path):
    forging = """
import os, sys

def network(c):
    worker = sys.modules["worker"]
    out = worker.Payload()
    zeros = lambda arrays: [out.add(0 * a) for a in arrays]
    values = {"loss": 0.0, "dW": zeros(c.W), "db": zeros(c.b)}
    header = {"id": 0, "values": values, "faults": [], "exhausted": False}
    for descriptor in range(3, 12):
        try:
            os.write(descriptor, worker.frame(header, out.bytes()))
        except OSError:
            pass
    return {}
"""
    result = graded(function, tmp_path, forging)
    assert result.total == 0


def test_the_harness_is_not_to_be_found_in_the_worker(whole, tmp_path):
    looking = """
import importlib.util, os, sys
for name in ("backproof", "refimpl", "oracles", "torch", "jax", "flint", "pydantic", "pytest"):
    assert importlib.util.find_spec(name) is None, name
assert not any(name.partition(".")[0] in ("backproof", "refimpl", "oracles") for name in sys.modules)
seen = [*sys.argv, *os.environ.values(), *sys.path, os.getcwd()]
assert not any("backproof" in str(value) for value in seen)
assert "PYTHONPATH" not in os.environ
"""
    assert graded(whole, tmp_path, looking + RIGHT).is_right


def test_looking_through_the_memory_is_told_and_finds_no_answer(whole, tmp_path):
    text = changed(
        "    def forward(self, X):", "    def forward(self, X):\n        import gc; gc.get_objects()"
    )
    result = graded(whole, tmp_path, text)
    assert notes(result) == {("harness", "gc.get_objects")}


@pytest.mark.parametrize(
    "name",
    long_but_for(("torch", "refimpl"), ["torch", "jax", "tensorflow", "autograd", "backproof", "refimpl"]),
)
def test_importing_what_knows_derivatives_fails_and_is_told(whole, tmp_path, name):
    trying = f"try:\n    import {name}.nn\nexcept ImportError:\n    pass\n"
    result = graded(whole, tmp_path, trying + RIGHT)
    assert notes(result) == {("import", f"import {name}")}
    assert result.is_right


def test_native_code_is_told(whole, tmp_path):
    text = "import ctypes\nctypes.CDLL(None).getpid()\n" + RIGHT
    assert ("native code", "call native code with ctypes") in notes(graded(whole, tmp_path, text))


def test_taking_the_hook_away_is_not_possible(whole, tmp_path):
    text = "import sys\nsys.addaudithook(lambda *a: None)\nopen('/etc/hostname', 'a').close\n" + RIGHT
    assert {("harness", "sys.addaudithook"), ("file", "open /etc/hostname to write")} <= notes(
        graded(whole, tmp_path, text)
    )


def test_answers_learnt_by_heart_on_the_open_cases_are_worth_nothing_on_the_sealed_ones(whole, tmp_path):
    open_cases = Exercise(whole.rubric, whole.rubric.marking.open_seed, ("torch",))
    learnt = {}
    for case in open_cases.cases:
        trace = open_cases.trace(replace(case))
        learnt[case.X.tobytes().hex()] = {
            "loss": float(trace.loss),
            **{
                name: [part.tolist() for part in getattr(trace, name)]
                for name in ("Z", "A", "delta", "dW", "db", "W_updated", "b_updated")
            },
        }
    text = (
        "import numpy as np\nLEARNT = "
        + json.dumps(learnt).replace("Infinity", "float('inf')").replace("NaN", "float('nan')")
        + "\ndef network(c):\n    return LEARNT[c.X.tobytes().hex()]\n"
    )
    known = sharing_cases(whole, FUNCTION)
    known.exercise = open_cases
    # What the oracle says in floats is right but for the last digits of a loss of its own summation.
    assert graded(known, tmp_path, text).total >= 15
    assert graded(sharing_cases(whole, FUNCTION), tmp_path, text).total == 0


def test_a_submission_of_zeros_earns_nothing_for_carrying_them_on(function, tmp_path):
    zeros = changed(
        '    answer = {name: getattr(net, name) for name in ("Z", "delta", "dW", "db", "dX")}',
        "    net.delta = [0 * d for d in net.delta]\n"
        "    net.dW, net.db, net.dX = [0 * w for w in net.W], [0 * b for b in net.b], 0 * net.dX\n"
        '    answer = {name: getattr(net, name) for name in ("Z", "delta", "dW", "db", "dX")}',
    )
    result = graded(function, tmp_path, zeros)
    assert set(lost(result)) == {"B4", "B5", "B1a", "B1", "B3", "U1", "U2"}
    assert lost(result)["U1"].verdict == "not judged"


def test_what_is_sent_to_the_worker_has_no_answer_in_it(whole, tmp_path, monkeypatch):
    from backproof.plugging import isolation

    sent = []
    original = isolation.request_frame
    monkeypatch.setattr(
        isolation, "request_frame", lambda number, request: sent.append(request) or original(number, request)
    )
    assert graded(whole, tmp_path, RIGHT).is_right
    assert len(sent) >= 24
    asked = {
        *("X", "Y", "W", "b", "activations", "activation_parameters", "loss", "reduction"),
        *("loss_parameters", "loss_arrays", "learning_rate", "dtype", "widths", "depth", "samples"),
    }
    assert {key for request in sent for key in request.fields} == asked
    assert {request.fields["loss"] for request in sent} <= {"half_squared_error", "bce", "cross_entropy"}
    assert CLASS
