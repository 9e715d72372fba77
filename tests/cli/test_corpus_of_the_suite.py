"""The entries in tests/conformance/corpus: minimal, right, and each of use."""

from __future__ import annotations

import pytest

import backproof.run
from backproof.corpus import read_corpus
from backproof.reporting.files import read_report

from .conftest import ROOT

SEEDS = ROOT / "tests" / "conformance" / "corpus"


@pytest.fixture(autouse=True)
def _without_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a mistake is told as is tested elsewhere, and takes seconds."""
    monkeypatch.setattr(backproof.run, "explain", lambda *_, **__: None)


def test_the_suites_own_corpus_has_each_finding_in_both_dtypes_with_its_reason():
    seeds = read_corpus(SEEDS)
    notes = {
        dtype: {each.entry.note for each in seeds if each.case.dtype == dtype}
        for dtype in ("float32", "float64")
    }
    assert notes["float32"] == notes["float64"]
    assert len(notes["float32"]) >= 8
    assert "" not in notes["float32"]
    for each in seeds:  # minimal: to be read by people
        assert each.case.network.depth <= 2
        assert max(*each.case.network.widths, each.case.samples) <= 3


def test_the_reference_conforms_on_every_one_of_them_and_each_is_judged(command):
    assert command("corpus", "run", str(SEEDS), "--oracles", "truth", "--out", "out").status == 0
    counts = read_report("out/report.json").counts
    assert counts.conforms == counts.total == len(read_corpus(SEEDS))


@pytest.mark.parametrize(
    "mistake",
    ["derivative-forgotten", "target-minus-prediction", "softmax-elementwise", "bias-from-one-column"],
)
def test_they_show_what_is_wrong_with_other_equations(command, mistake):
    assert command("corpus", "run", str(SEEDS), "--oracles", "truth", "--mistake", mistake).status == 1


@pytest.mark.parametrize(
    ("example", "package", "verdict", "times"),
    [
        ("sklearn_classifier", "sklearn", "mismatch", 2),  # log loss of clipped probabilities
        ("sklearn_regressor", "sklearn", "convention", 2),  # squared loss and gradient out of step
        ("mygrad_mlp", "mygrad", "unstable", 2),  # selu near 0
        ("micrograd_mlp", "micrograd", "fault", 1),  # a hidden layer of one neuron; float64 alone is declared
    ],
)
def test_they_show_again_what_other_libraries_get_wrong(command, example, package, verdict, times):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install backproof[peers]")
    impl = str(ROOT / "examples" / f"{example}.py:network")
    command(
        "corpus", "run", str(SEEDS), "--oracles", "truth", "--impl", impl, "--no-isolation", "--out", "out"
    )
    counts = read_report("out/report.json").counts
    assert counts.of(verdict) == times
    assert counts.wrong == (times if verdict in {"mismatch", "fault"} else 0)
