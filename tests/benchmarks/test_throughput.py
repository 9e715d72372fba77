"""`benchmarks/throughput.py` measures what it says: the same cases, right networks, time counted once."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backproof.cases import DrawOptions, draw_case
from benchmarks import throughput
from benchmarks import throughput_ours as ours
from benchmarks import throughput_peers as peers
from benchmarks.throughput import PEERS, parsed
from benchmarks.throughput_bare import bare
from benchmarks.throughput_networks import TorchNetworks, arrays_of, jax_loss
from benchmarks.throughput_tables import OURS, OURS_BY_TWO, report
from oracles.jax_oracle import JaxOracle
from oracles.torch_oracle import TorchOracle
from refimpl import DTYPES, Backprop, Case

# torch's arrays are those of the case, which are read-only: to copy them is none of what is measured.
NOT_WRITTEN_TO = pytest.mark.filterwarnings("ignore:The given NumPy array is not writable:UserWarning")
TINY = DrawOptions(max_depth=2, max_width=3, max_batch=3)


def spend(seconds: float) -> None:
    """Keeps the processor busy for so long."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def cases(count: int, dtype: str = "float64") -> list[Case]:
    return [draw_case(5, index, dtype, TINY).case for index in range(count)]


# ---------------------------------------------------------------- ours


def test_a_run_has_the_sizes_that_are_asked_for_and_keeps_them_when_it_is_changed() -> None:
    options = ours.options_of(8, 3, TINY)
    assert options.draw == TINY
    assert replace(options, cases=4).draw == TINY  # as run() does
    assert (options.cases, options.seed, options.dtypes, options.truth) == (8, 3, DTYPES, "disputed")


def test_judged_runs_all_cases_and_tells_of_its_progress() -> None:
    called = []
    options = replace(ours.options_of(3, 5, TINY, dtypes=("float64",)), oracles=("torch",))
    found = ours.judged(options, lambda: called.append(1))
    assert found["cases"] == 3
    assert found["marks"][-1][0] == 3
    assert len(called) == len(found["marks"])
    assert 0 < found["seconds"] == found["marks"][-1][1]


def test_a_run_that_did_not_pass_is_no_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ours.options_of(20, 5, TINY, dtypes=("float64",))
    options = replace(right, oracles=("torch",), mistake="bias-forgotten")
    with pytest.raises(RuntimeError, match="the reference did not pass"):
        ours.judged(options)


def test_programs_are_counted_until_the_block_ends() -> None:
    import jax

    with ours.compilations() as found:
        assert jax.jit(lambda x: 2 * x)(3) == 6
        assert len(found) >= 1
        before = len(found)
    assert jax.jit(lambda x: 3 * x)(3) == 9
    assert len(found) == before


def test_the_steady_part_leaves_out_the_first_third() -> None:
    # The first 30 of 90 cases take 10 seconds, the others a second for each 30.
    marks = [(10, 9.0, 0.0), (30, 10.0, 0.0), (60, 11.0, 0.0), (90, 12.0, 0.0)]
    assert ours.steady(marks) == (60, pytest.approx(2.0))
    assert ours.steady(marks, 0.5) == (30, pytest.approx(1.0))


def test_results_that_come_in_pairs_are_no_faster_than_they_are() -> None:
    # Two chunks of ten each second, told at once: from the first mark to the last 70 cases, in 3 s.
    marks = [(10 * k, float((k - 1) // 2), 0.0) for k in range(1, 9)]
    assert ours.steady(marks, 0) == (70, pytest.approx(3.5))


def test_progress_is_parted_into_that_of_each_dtype() -> None:
    marks = [(2, 1.0, 0.5), (6, 2.0, 0.6), (8, 3.0, 0.7), (12, 5.0, 0.8)]
    assert ours.by_dtype(marks, 6) == [
        [(2, 1.0, 0.5), (6, 2.0, 0.6)],
        [(2, 3.0, 0.7), (6, 5.0, 0.8)],
    ]


def test_sizes_that_are_fixed_are_those_of_every_case() -> None:
    for index in range(20):
        case = draw_case(5, index, "float32", ours.fixed(depth=3, width=4, batch=2)).case
        assert case.network.widths == (4, 4, 4, 4)
        assert case.samples == 2


# ---------------------------------------------------------------- clocks


def test_time_counts_for_the_function_that_is_called_and_not_for_its_caller() -> None:
    clock = ours.Clock()
    inner = clock.timed(lambda: spend(0.05), "inner")

    def outer() -> str:
        spend(0.02)
        inner()
        inner()
        return "what it returns"

    assert clock.timed(outer, "outer")() == "what it returns"
    assert clock.seconds["inner"] == pytest.approx(0.1, abs=0.01)
    assert clock.seconds["outer"] == pytest.approx(0.02, abs=0.01)


def test_time_until_an_exception_counts() -> None:
    clock = ours.Clock()

    def fails() -> None:
        spend(0.02)
        raise KeyError

    with pytest.raises(KeyError):
        clock.timed(fails, "fails")()
    assert clock.seconds["fails"] >= 0.02


def test_what_is_watched_is_put_back() -> None:
    class Owner:
        def work(self) -> int:
            return 7

    before, clock = Owner.work, ours.Clock()
    with clock.watching({"work": ((Owner, "work"), (Owner, "not there"))}):
        assert Owner.work is not before
        assert Owner().work() == 7
    assert Owner.work is before
    assert set(clock.seconds) == {"work"}


def test_a_function_is_watched_wherever_it_was_imported() -> None:
    original, here = ours.backproof.cases.draw_case, sys.modules[__name__]
    clock = ours.Clock()
    with clock.watching({"drawing": ((ours.backproof.cases, "draw_case"),)}):
        for module in (ours.backproof.cases, here):
            assert module.draw_case is not original
        draw_case(5, 0, "float32", TINY)
    assert set(clock.seconds) == {"drawing"}
    for module in (ours.backproof.cases, here):
        assert module.draw_case is original


def test_a_part_of_which_nothing_exists_is_an_error_and_not_nothing() -> None:
    with (
        pytest.raises(LookupError, match="'drawing' exists"),
        ours.Clock().watching({"drawing": ((SimpleNamespace(), "draw"),)}),
    ):
        pass


@pytest.mark.long
def test_all_parts_that_are_counted_exist_and_are_called() -> None:
    clock = ours.Clock()
    with clock.watching(ours.WATCHED):
        ours.judged(ours.options_of(12, 5, TINY, dtypes=("float32",)))
    # Whether the truth is asked depends on the cases.
    assert set(ours.WATCHED) - set(clock.seconds) <= {"truth"}


# ---------------------------------------------------------------- networks


@NOT_WRITTEN_TO
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_networks_in_torch_have_the_gradients_of_the_oracle(dtype: str) -> None:
    some, networks = cases(60, dtype), TorchNetworks()
    for case, trace in zip(some, TorchOracle().traces(some), strict=True):
        for found, expected in zip(networks.gradients(case), [*trace.dW, *trace.db], strict=True):  # type: ignore[misc]
            assert found.numpy().dtype == case.dtype
            np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5 if dtype == "float32" else 1e-12)


def test_the_networks_in_jax_have_the_loss_and_the_gradients_of_the_oracle() -> None:
    import jax

    oracle = JaxOracle()
    for case in cases(2):
        with jax.enable_x64(True):
            found = jax.value_and_grad(jax_loss(oracle, case), argnums=(0, 1))(*arrays_of(case))
        loss, gradients = found[0], [*found[1][0], *found[1][1]]
        trace = oracle.plain_trace(case)
        np.testing.assert_allclose(loss, trace.loss, rtol=1e-12)
        for own, expected in zip(gradients, [*trace.dW, *trace.db], strict=True):  # type: ignore[misc]
            np.testing.assert_allclose(own, expected, rtol=1e-12)


# ---------------------------------------------------------------- others


@pytest.mark.parametrize("count", [1, 10, 40])
def test_hypothesis_gives_each_case_once(count: int) -> None:
    given: list[int] = []
    peers.by_hypothesis(given.append, 100, count)
    assert sorted(given) == list(range(100, 100 + count))


@NOT_WRITTEN_TO
@pytest.mark.parametrize("tool", ["obvious test, eager jax.grad", "gradcheck", "check_grads"])
def test_a_tool_is_right_about_the_reference_and_about_a_mistake(
    tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Halved(Backprop):
        def bias_gradient(self, delta: Any) -> Any:
            return super().bias_gradient(delta) / 2

    smooth = DrawOptions(
        activations=("tanh", "identity"), losses=("mse",), regimes=("ordinary",), max_width=3, max_depth=2
    )
    case = draw_case(5, 0, "float64", smooth).case
    test = peers.TOOLS[tool][0]()
    assert test(case)
    monkeypatch.setattr(peers, "Backprop", Halved)
    assert not test(case)


def test_a_tool_gets_its_cases_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []

    def judges(case: Case) -> bool:
        spend(0.02)
        seen.append((case.dtype.name, len(seen)))
        return len(seen) % 2 == 0

    monkeypatch.setitem(peers.TOOLS, "slow", (lambda: judges, DTYPES))
    found = peers.measured("slow", "small", first=10, cases=4, budget=60, seed=1)
    assert (found["cases"], found["called wrong"]) == (4, 2)
    assert found["processor"] >= 0.08
    # One of each dtype before, which does not count.
    assert [dtype for dtype, _ in seen] == [*DTYPES, *DTYPES, *DTYPES]
    assert peers.measured("slow", "small", first=10, cases=100, budget=0.05, seed=1)["cases"] < 10


def test_the_cases_of_a_tool_are_those_that_ours_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Case] = []
    monkeypatch.setitem(peers.TOOLS, "all", (lambda: lambda case: bool(seen.append(case)) or True, DTYPES))
    peers.measured("all", "small", first=2, cases=4, budget=60, seed=1)
    expected = [draw_case(1, index, dtype, ours.SIZES["small"]).case for index in (1, 2) for dtype in DTYPES]
    assert seen[2:] == expected


def test_every_tool_that_is_asked_for_is_there_and_all_cases_are_among_ours() -> None:
    options = parsed([])
    for tools in PEERS.values():
        assert set(tools) <= set(peers.TOOLS)
        for name, (most, _) in tools.items():
            dtypes = len(peers.TOOLS[name][1])
            assert options.processes * most <= options.cases * dtypes, name


def test_nothing_is_written_that_few_processes_measured(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(["--write", "--processes", "4"])
    assert "at least 5 processes" in capsys.readouterr().err
    assert parsed(["--processes", "4"]).processes == 4
    assert parsed(["--write"]).processes == 5


# ---------------------------------------------------------------- bare gradients


@NOT_WRITTEN_TO
@pytest.mark.long
def test_the_bare_gradients_cost_something_and_no_more_than_a_judged_case() -> None:
    found = bare(16, 5, TINY)
    assert set(found) == {"reference", "torch", "jax"}
    whole = ours.judged(ours.options_of(16, 5, TINY))
    assert 0 < sum(each["processor ms"] for each in found.values()) < 1e3 * whole["processor"] / 32


# ---------------------------------------------------------------- the whole


class Told:
    """In the place of processes: what each part would give, and what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], int]] = []
        self.seconds = 60.0

    def run(self, part: str, arguments: dict[str, Any], cores: int = 1) -> Any:
        self.asked.append((part, arguments, cores))
        cases = {"cases": 10, "seconds": 0.5, "processor": 0.4}
        bare = {name: {"ms": 1.0, "processor ms": 1.0} for name in ("reference", "torch", "jax")}
        return {
            "growth": {"depth": {"1": {"ours": 1.0, "bare": 1.0}}},
            "start": {"imported": 1.0, "first": 2.0, "cases": 256},
            "rates": cases
            | {"shorter": [], "bare": bare, "end": 0.1, "programs": 0}
            | {"imported": 1.0, "first": 2.0, "parts": {"float32": {"drawing": 0.1}}},
            "several_workers": {"cases": 10, "seconds": 0.3},
            "measured": cases,
            "memory": cases | {"peak": 900.0},
        }[part]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    found = Told()
    monkeypatch.setattr(throughput, "Processes", lambda _: found)
    return found


def test_each_part_is_measured_in_every_round_at_another_place(told: Told) -> None:
    results = throughput.run(parsed(["--processes", "5"]))
    asked = [part for part, *_ in told.asked]
    assert asked.count("start") == 1  # from nothing
    assert asked.count("growth") == len(results["growth"]) == 3  # it takes long
    others = [each for each in told.asked[1:] if each[0] != "growth"]
    parts = len(others) // 5
    rounds = [others[k * parts : (k + 1) * parts] for k in range(5)]
    assert len({one[0][0] + str(one[0][1]) for one in rounds}) == 5
    names = [sorted(part for part, *_ in one) for one in rounds]
    assert all(one == names[0] for one in names)
    for sizes, found in results["rates"].items():
        assert list(found) == [OURS, OURS_BY_TWO, *PEERS[sizes]]
        assert {len(own) for own in found.values()} == {5}
    assert "# Judged cases a second" in report(results)


def test_the_cases_of_a_tool_are_others_in_each_round(told: Told) -> None:
    throughput.run(parsed([]))
    for sizes, tools in PEERS.items():
        for tool, (most, _) in tools.items():
            firsts = [
                arguments["first"]
                for part, arguments, _ in told.asked
                if part == "measured" and (arguments["sizes"], arguments["tool"]) == (sizes, tool)
            ]
            assert sorted(firsts) == [k * most for k in range(5)]


def test_only_two_workers_have_two_cores_and_are_left_out_where_one_is_the_most(told: Told) -> None:
    throughput.run(parsed([]))
    assert {(part, cores) for part, _, cores in told.asked if cores == 2} == {("several_workers", 2)}
    told.asked.clear()
    results = throughput.run(parsed(["--workers", "1"]))
    assert {cores for *_, cores in told.asked} == {1}
    assert OURS_BY_TWO not in results["rates"]["small"]


def test_memory_is_measured_after_all_programs_were_compiled_once(told: Told) -> None:
    results = throughput.run_memory(parsed(["--memory", "--memory-cases", "10", "2000"]))
    assert [arguments["cases"] for _, arguments, _ in told.asked] == [1024, 10, 2000]
    assert len(results["runs"]) == 2
