"""Two hundred synthetic submissions graded, killed half-way, and graded again: time, and the same grades.

    python benchmarks/grading.py FOLDER [--workers N] [--submissions N]

G1. The submissions: the right one, each catalogued mistake, pairs of mistakes, and what crashes, hangs,
    waits, is empty, has a syntax error or another encoding. They are folders with a copy of the reference and
    the catalogue, since a graded submission can import nothing but what it brings and NumPy.
G2. They are graded from the start to the end, and again into another folder by a run that is killed once half
    of them are there, and then goes on. All results must be the same to the byte.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import refimpl
from backproof.diagnosis import mistakes
from backproof.diagnosis.mistakes import MISTAKES

STUB = """
class AbstractDtype:
    def __class_getitem__(cls, item):
        return object

Float = Int = Bool = Shaped = AbstractDtype
"""
OPTIONS = """
class DrawOptions:
    def __init__(self, *args, **more):
        pass
"""
NETWORK = """
from backproof.diagnosis.mistakes import MISTAKES
from refimpl import QUANTITIES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network

names = {names!r}
wrong = tuple(MISTAKES[name].implementation for name in names)
implementation = type("Submission", wrong or (Backprop,), {{}})()

def network(c):
    layers = tuple(
        Layer(W, b, ActivationSpec(name, more))
        for W, b, name, more in zip(c.W, c.b, c.activations, c.activation_parameters)
    )
    loss = LossSpec(c.loss, c.reduction, c.loss_parameters, c.loss_arrays)
    trace = implementation.run(Case(Network(layers, loss), c.X, c.Y, c.learning_rate))
    return {{name: getattr(trace, name) for name in QUANTITIES}}
"""
ODD = {
    "crash": "import os\ndef network(c):\n    os._exit(3)\n",
    "segfault": "import os\ndef network(c):\n    os.kill(os.getpid(), 11)\n",
    "raise": "def network(c):\n    raise ValueError('not done')\n",
    "hang": "def network(c):\n    while True: pass\n",
    "wait": "import threading\ndef network(c):\n    threading.Event().wait()\n",
    "hang-imported": "while True: pass\n",
    "empty": "",
    "syntax": "def network(c:\n    return {}\n",
    "encoding": "name = 'é'\n".encode("latin-1").decode("latin-1"),
    "nothing": "x = 1\n",
    "memory": "def network(c):\n    return {'loss': float(len(bytearray(2**33)))}\n",
}
RUBRIC = """
[points]
F2 = 2
F3 = 1
F4 = 1
F5 = 2
B4 = 3
B1a = 2
B5 = 3
B1 = 2
B3 = 2
U1 = 1
U2 = 1
[submission]
function = "network"
[networks]
depth = [1, 3]
width = [1, 5]
batch = [1, 6]
parameters = true
arrays = true
dtypes = ["float64"]
[marking]
cases = 40
seed = 7
"""


def make(folder: Path, count: int) -> None:
    """Writes the submissions."""
    shutil.rmtree(folder, ignore_errors=True)
    wanted: list[tuple[str, tuple[str, ...]]] = [(f"right-{n}", ()) for n in range(5)]
    wanted += [(name, (name,)) for name in MISTAKES]
    drawn, names = random.Random(1), list(MISTAKES)  # noqa: S311 - which pairs does not matter
    wanted += [(f"pair-{n}", tuple(drawn.sample(names, 2))) for n in range(count)]
    for name, chosen in wanted[: count - 2 * len(ODD)]:
        place = folder / name
        shutil.copytree(
            Path(refimpl.__file__).parent, place / "refimpl", ignore=shutil.ignore_patterns("__pyc*")
        )
        catalogue = Path(mistakes.__file__).parent
        shutil.copytree(
            catalogue, place / "backproof/diagnosis/mistakes", ignore=shutil.ignore_patterns("__pyc*")
        )
        for empty in ("backproof", "backproof/diagnosis"):
            (place / empty / "__init__.py").write_text("", encoding="utf-8")
        (place / "backproof/cases.py").write_text(OPTIONS, encoding="utf-8")
        (place / "jaxtyping.py").write_text(STUB, encoding="utf-8")
        (place / "network.py").write_text(NETWORK.format(names=chosen), encoding="utf-8")
    for name, text in ODD.items():
        for number in range(2):
            coding = "latin-1" if name == "encoding" else "utf-8"
            (folder / f"{name}-{number}.py").write_text(text, encoding=coding)


def command(submissions: Path, rubric: Path, out: Path, workers: int) -> list[str]:
    words = ["grade", str(submissions), "--rubric", str(rubric), "--out", str(out), "--workers", str(workers)]
    return [sys.executable, "-m", "backproof", *words]


def results(out: Path) -> dict[str, bytes]:
    """Name → bytes of each result."""
    return {file.name: file.read_bytes() for file in sorted((out / "results").glob("*.json"))}


def main() -> int:
    """Exit status 0 if all results were the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--submissions", type=int, default=200)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    handed_in, rubric = given.folder / "submissions", given.folder / "rubric.toml"
    make(handed_in, given.submissions)
    rubric.write_text(RUBRIC, encoding="utf-8")
    whole, cut = given.folder / "whole", given.folder / "cut"
    for out in (whole, cut):
        shutil.rmtree(out, ignore_errors=True)
    started = time.monotonic()
    subprocess.run(command(handed_in, rubric, whole, given.workers), check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds, processor = time.monotonic() - started, used.ru_utime + used.ru_stime
    expected = results(whole)
    for name in ("right-0", "right-4"):
        result = json.loads(expected[f"{name}.json"])
        if result["total"] < result["out_of"]:
            print(f"{name} has {result['total']:g} of {result['out_of']:g} points: {result['reason']}")
            return 1
    print(f"{len(expected)} submissions: {seconds:.0f} s, processor time {processor:.0f} s", flush=True)
    process = subprocess.Popen(command(handed_in, rubric, cut, given.workers), start_new_session=True)
    while process.poll() is None and (not cut.exists() or len(results(cut)) < len(expected) // 2):
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    print(f"killed when {len(results(cut))} were there", flush=True)
    subprocess.run(command(handed_in, rubric, cut, given.workers), check=True, stdout=subprocess.DEVNULL)
    same = (
        results(cut) == expected and (cut / "grades.csv").read_bytes() == (whole / "grades.csv").read_bytes()
    )
    print("the same grades" if same else "OTHER GRADES")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
