"""The results of benchmarks/reference.py as a page and a plot."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.training_steps import BARE, REFERENCE

Times = Sequence[Mapping[str, Mapping[str, float]]]
"""Of each process: network → contender → seconds a step."""

PEERS = ("torch eager", "jax.jit")
HEAD = """# The training step of the reference

`python benchmarks/reference.py --write`, on {date}: {processor}, {cores} cores, load {load} before; Python
{python}, {versions}; NumPy with {blas}.

Forward, loss, backward and update in float32; relu in hidden layers, softmax with cross-entropy, plain
gradient descent. [training_steps.py](../training_steps.py) has each contender's code, and all of them
reach the same loss. Each number is the median over {processes} processes, and in brackets the least and
the largest; a process measures all in turns and takes the fastest of {rounds} rounds, by {clock}.

- **reference** is `refimpl.train(case, steps)`, with Ŷ - Y as the document has B4. **General rule** takes
  ∂L/∂Ŷ and softmax's Jacobian. **Whole traces** is `Backprop().run(case)`, with ∂L/∂X, and a new, checked
  case for each step.
- **torch eager** is zero_grad, F.linear, F.relu and F.cross_entropy without nn.Module, backward, and
  optim.SGD.step. **jax.jit** is one compiled step of value_and_grad and update, its inputs on the device,
  with block_until_ready. **HIPS autograd** is value_and_grad, **MyGrad** its nnet with the update in
  place.
- **Bare matrix products** are the step's W A, δ A^T and W^T δ in NumPy, without anything else.
"""
NOTES = {
    "one": "OMP, OpenBLAS, MKL, torch and XLA have one thread each. XLA's is not Python's, and runs on "
    "another core, where there is one.",
    "two": "OMP, OpenBLAS, MKL and torch have two threads, XLA as many as there are cores.",
    "pinned": "As the first, but all threads of a process share one core. Small steps of jax.jit are "
    "faster so, as nothing is handed to another core.",
}


def spread(values: Sequence[float], form: Callable[[float], str]) -> str:
    """Median, and in brackets the least and the largest; those are left out where they read the same."""
    low, middle, high = (form(pick(values)) for pick in (min, statistics.median, max))
    return middle if low == high else f"{middle} ({low}–{high})"


def time_of(seconds: float) -> str:
    """In µs or ms.

    >>> time_of(4.94e-05), time_of(0.0104)
    ('49 µs', '10.4 ms')
    """
    return f"{seconds * 1e6:.0f} µs" if seconds < 9.995e-4 else f"{seconds * 1e3:.3g} ms"


def ratio_of(ratio: float) -> str:
    """Of two or three digits."""
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.0f}"


def ratios(times: Times, network: str, over: str, under: str) -> list[float]:
    """Of each process: the time of one contender over that of another."""
    return [process[network][over] / process[network][under] for process in times]


def page(data: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """The results as a page."""
    about, all_times = data["machine"], data["times"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    shown = {key: about[key] for key in ("date", "processor", "cores", "python", "blas", "rounds", "clock")}
    processes = len(all_times["one"])
    lines = [HEAD.format(**shown, versions=versions, load=about["load before"], processes=processes)]
    for name, times in all_times.items():
        lines += [f"## {titles[name]}", "", NOTES[name], "", verdict(times), "", *_ratio_table(times), ""]
        if name == "one":
            lines += ["![Time a step, that of the reference being 1](reference.svg)", ""]
        lines += [*_time_table(times), ""]
    return "\n".join(lines).rstrip() + "\n"


def verdict(times: Times) -> str:
    """In one sentence, by the medians, against whom the reference is no slower, and where it is."""
    said = []
    for peer in PEERS:
        medians = {n: statistics.median(ratios(times, n, peer, REFERENCE)) for n in times[0]}
        slower = [f"{network} ({ratio_of(ratio)})" for network, ratio in medians.items() if ratio < 1]
        said.append(f"than {peer} {f'on {len(slower)}: ' + ', '.join(slower) if slower else 'on none'}")
    return f"Of {len(times[0])} networks the reference is slower {' and '.join(said)}."


def _ratio_table(times: Times) -> list[str]:
    networks = list(times[0])
    lines = [
        "| time over that of the reference | " + " | ".join(networks) + " |",
        "|---" * (len(networks) + 1) + "|",
    ]
    for name in times[0][networks[0]]:
        if name not in (REFERENCE, BARE):
            cells = (spread(ratios(times, network, name, REFERENCE), ratio_of) for network in networks)
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    cells = (spread(ratios(times, network, REFERENCE, BARE), ratio_of) for network in networks)
    return [*lines, "| **reference over its bare matrix products** | " + " | ".join(cells) + " |"]


def _time_table(times: Times) -> list[str]:
    networks = list(times[0])
    lines = ["| time a step | " + " | ".join(networks) + " |", "|---" * (len(networks) + 1) + "|"]
    for name in times[0][networks[0]]:
        cells = (spread([process[network][name] for process in times], time_of) for network in networks)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def plot(times: Times, path: Path) -> None:
    """Bars of the time a step by contender, a panel for each network, that of the reference being 1."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "backproof", "svg.fonttype": "none"}  # the same numbers, the same text
    from matplotlib import pyplot as plt

    networks = list(times[0])
    names = list(times[0][networks[0]])[::-1]
    shape = {"figsize": (12, 3.2), "sharey": True, "squeeze": False, "layout": "constrained"}
    figure, panels = plt.subplots(1, len(networks), **shape)
    for panel, network in zip(panels[0], networks, strict=True):
        of_each = [ratios(times, network, name, REFERENCE) for name in names]
        middle = [statistics.median(values) for values in of_each]
        ends = [
            [m - min(values) for m, values in zip(middle, of_each, strict=True)],
            [max(values) - m for m, values in zip(middle, of_each, strict=True)],
        ]
        colours = ["#1f6feb" if name == REFERENCE else "#9aa4b2" for name in names]
        panel.barh(names, middle, xerr=ends, color=colours, error_kw={"lw": 1})
        panel.axvline(1, color="black", lw=0.8)
        panel.set_title(network, fontsize=10)
        panel.set_xscale("log")
        panel.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
        panel.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("time a step over that of the reference, one thread", fontsize=10)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
