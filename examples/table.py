"""What the examples are expected to show, and the table of what they do show.

python examples/table.py           # runs each through the command and prints the table
python examples/table.py --write   # and puts it into examples/README.md
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from refimpl import QUANTITIES

HERE = Path(__file__).parent
BEGIN, END = "<!-- examples: begin -->", "<!-- examples: end -->"
GRAVEST = ("fault", "mismatch", "unstable", "convention", "known_deviation", "conforms", "not_judged")
"""The verdicts that a run counts, the gravest first."""
EXPECTED_OF_ALL = ("conforms", "known_deviation", "not_judged")
ADAPTER = "# ---------------------------------------------------------------- the adapter"


class Known(NamedTuple):
    """A finding that is expected: its verdict, a part of its reason, and its heading in docs/findings.md."""

    verdict: str
    reason: str
    heading: str
    dtypes: tuple[str, ...] = ("float32", "float64")
    quantities: tuple[str, ...] = ("trace", *QUANTITIES)
    always: bool = True
    """Whether so few cases as the tests run are sure to show it."""

    @property
    def link(self) -> str:
        """To its heading, without the name of the library."""
        anchor = re.sub(r"[^\w\- ]", "", self.heading.lower()).replace(" ", "-")
        return f"[{self.heading.partition(': ')[2]}](../docs/findings.md#{anchor})"


class Example(NamedTuple):
    """A plug-in of this folder."""

    source: str
    """Its file and what it is called there."""
    package: str = ""
    """What it needs beside the harness."""
    known: tuple[Known, ...] = ()
    dtypes: str = "both"

    @property
    def file(self) -> Path:
        """Where it is."""
        return HERE / self.source.partition(":")[0]

    @property
    def missing(self) -> bool:
        """Whether what it needs is not installed."""
        return bool(self.package) and importlib.util.find_spec(self.package) is None


OUT_OF_STEP = Known("convention", "own loss", "scikit-learn: squared loss and gradient out of step")
CLIPPED = Known(
    "mismatch", "outside the bound", "scikit-learn: log loss of clipped probabilities", quantities=("loss",)
)
CLIPPED_ITS_OWN = Known(
    "mismatch", "own loss", "scikit-learn: log loss of clipped probabilities", always=False
)
EXAMPLES = (
    Example("smallest.py:layer"),
    Example("student.py:Student"),
    Example("hips_autograd.py:network", "autograd"),
    Example(
        "micrograd_mlp.py:network",
        "micrograd",
        (Known("fault", "'Value' object is not iterable", "micrograd: a hidden layer of one neuron"),),
        dtypes="float64",
    ),
    Example(
        "mygrad_mlp.py:network",
        "mygrad",
        (
            Known("unstable", "as inaccurate as the textbook formula", "MyGrad: selu and elu near 0"),
            Known(
                "fault",
                "has dtype float64, but the case is float32",
                "MyGrad: float32 in, float64 out",
                ("float32",),
            ),
            Known("convention", "on a kink", "MyGrad: selu's slope at 0", always=False),
        ),
    ),
    Example("sklearn_regressor.py:network", "sklearn", (OUT_OF_STEP,)),
    Example("sklearn_classifier.py:network", "sklearn", (CLIPPED, CLIPPED_ITS_OWN)),
    Example("reference.py:network"),
)


def adapter_lines(text: str) -> int:
    """The lines of an adapter: without its docstring and empty ones, and what stands above ADAPTER."""
    body = text.partition(ADAPTER)[2] or text
    if body.startswith('"""'):
        body = body[3:].partition('"""')[2]
    return sum(bool(line.strip()) for line in body.splitlines())


def command(example: Example, cases: int, seed: int, out: Path, *more: str) -> list[str]:
    """What runs an example through the harness."""
    source = f"{example.file}:{example.source.partition(':')[2]}"
    words = ["run", "--impl", source, "--cases", str(cases), "--seed", str(seed), "--dtype", example.dtypes]
    return [sys.executable, "-m", "backproof", *words, "--out", str(out), *more]


class Outcome(NamedTuple):
    """What a run of an example came to."""

    status: int
    said: str
    report: Mapping[str, Any]


def run(example: Example, cases: int, seed: int = 1, *more: str) -> Outcome:
    """Runs an example through the real command. Raises RuntimeError if it leaves no report."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report"
        words = command(example, cases, seed, out, *more)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if not (out / "report.json").exists():
            raise RuntimeError(f"{example.source} left no report: {done.stdout}{done.stderr}")
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        return Outcome(done.returncode, done.stdout + done.stderr, report)


def explains(example: Example, finding: Mapping[str, Any]) -> Known | None:
    """The expectation that a finding meets, or None."""
    for known in example.known:
        if (
            finding["verdict"] == known.verdict
            and known.reason in finding["reason"]
            and finding["dtype"] in known.dtypes
            and finding["quantity"] in known.quantities
        ):
            return known
    return None


def row(example: Example, outcome: Outcome) -> tuple[str, ...]:
    """One line of the table."""
    counts = outcome.report["counts"]
    total = sum(counts[verdict] for verdict in GRAVEST)
    verdicts = [f"{counts[verdict]:,} {verdict.replace('_', ' ')}" for verdict in GRAVEST if counts[verdict]]
    explained = [(finding, explains(example, finding)) for finding in outcome.report["findings"]]
    names = dict.fromkeys(known.link if known else finding["reason"] for finding, known in explained)
    return (
        f"[{example.file.name}]({example.file.name})",
        str(adapter_lines(example.file.read_text(encoding="utf-8"))),
        f"{counts['judged']:,} of {total:,}",
        ", ".join(verdicts),
        ", ".join(names) or "none",
    )


def table(rows: Sequence[Sequence[str]], cases: int, versions: Mapping[str, str]) -> str:
    """The table, and how it was made."""
    head = ("Example", "Lines", "Cases judged", "Verdicts", "Findings")
    lines = [head, ("---", "---:", "---:", "---", "---"), *rows]
    drawn = " | ".join
    made = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    note = (
        f"Made by `python examples/table.py --cases {cases} --write`: {cases} random networks in each dtype "
        f"that an example supports, with {made}. A case has the gravest of its verdicts."
    )
    return "\n".join([*(f"| {drawn(line)} |" for line in lines), "", note])


def in_page(page: str, text: str) -> str:
    """The page with the text between the two comments. Raises ValueError if they are not there."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main(words: Sequence[str] | None = None) -> int:
    """Runs every example; 1 if what one needs is not installed, or a run left no report."""
    parser = argparse.ArgumentParser(description="Runs the examples and tabulates their verdicts.")
    parser.add_argument("--cases", type=int, default=500, help="random networks in each dtype")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--oracles", default="torch", help="as of backproof run")
    parser.add_argument("--write", action="store_true", help="put the table into examples/README.md")
    given = parser.parse_args(words)
    missing = [example.package for example in EXAMPLES if example.missing]
    if missing:
        print(f"not installed: {', '.join(missing)}; pip install 'backproof[peers]'", file=sys.stderr)
        return 1
    rows: list[tuple[str, ...]] = []
    versions: dict[str, str] = {}
    for example in EXAMPLES:
        try:
            outcome = run(example, given.cases, given.seed, "--oracles", given.oracles)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
        rows.append(row(example, outcome))
        versions |= outcome.report["environment"]["versions"]
    text = table(rows, given.cases, versions)
    print(text)
    if given.write:
        page = HERE / "README.md"
        page.write_text(in_page(page.read_text(encoding="utf-8"), text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
