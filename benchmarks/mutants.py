"""What the tests of refimpl miss: mutmut's mutants, run and held against the list of known survivors.

    python -m benchmarks.mutants [--again | --judge] [--write]

Each mutant is refimpl with one small change; a test that fails kills it. docs/mutants.md lists those that no
test can kill, each under its reason. A survivor that is not listed there is a hole in the tests: it is
printed as the page would list it, and the exit code is 1. A listed one that no longer survives is reported.

With --again only the survivors of the last run are run anew, and what has changed in refimpl since. With
--judge nothing is run: the last run is held against the page again. With --write the numbers of the page are
replaced.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "mutants.md"
NUMBERS = ("<!-- numbers: begin -->\n", "<!-- numbers: end -->")
PACKAGE = "refimpl"
KILLED = 1
"""mutmut's exit code."""


class Mutant(NamedTuple):
    """A function, such as `domains.Interval.contains`, and the lines that are other ones, as a diff has them.

    That is stable: a mutant's number changes with every line before it.
    """

    function: str
    diff: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"@@ {self.function}", *self.diff])


class Outcome(NamedTuple):
    """What became of a mutant; `name` is mutmut's."""

    name: str
    mutant: Mutant
    status: str


# ---------------------------------------------------------------- the page


def listed_in(page: str) -> Counter[Mutant]:
    """The mutants in the page's blocks of diffs, as often as each stands there."""
    found: Counter[Mutant] = Counter()
    for block in page.split("```diff\n")[1:]:
        for entry in block.partition("```")[0].split("@@ ")[1:]:
            function, *lines = entry.rstrip().splitlines()
            found[mutant(function, lines)] += 1
    return found


def mutant(function: str, diff: Sequence[str]) -> Mutant:
    """With the indentation left out, which says nothing."""
    return Mutant(
        function.strip(), tuple(f"{line[0]} {line[1:].strip()}" for line in diff if line.strip("+- "))
    )


def with_numbers(page: str, numbers: str) -> str:
    """The page with other numbers between the marks."""
    before, _, rest = page.partition(NUMBERS[0])
    return before + NUMBERS[0] + numbers + NUMBERS[1] + rest.partition(NUMBERS[1])[2]


# ---------------------------------------------------------------- the judgement


@dataclass(frozen=True)
class Comparison:
    """The survivors of a run beside those listed."""

    statuses: Mapping[str, int]
    unlisted: Counter[Mutant]
    stale: Counter[Mutant]

    @property
    def exit_code(self) -> int:
        """1 for a survivor without a reason, and for a run that was not finished."""
        return 1 if self.unlisted or self.statuses.get("not checked") else 0

    def __str__(self) -> str:
        lines = [", ".join(f"{number} {status}" for status, number in self.statuses.items())]
        for heading, mutants in (
            (f"survived, and not listed in {PAGE.relative_to(ROOT)}", self.unlisted),
            ("listed there, and no longer a survivor", self.stale),
        ):
            if mutants:
                lines += ["", f"{mutants.total()} {heading}:", "", *map(str, mutants.elements())]
        return "\n".join(lines)


def compared(outcomes: Sequence[Outcome], listed: Counter[Mutant]) -> Comparison:
    """A mutant that no test reaches has survived, too; one that hangs has not."""
    survivors = Counter(outcome.mutant for outcome in outcomes if outcome.status in ("survived", "no tests"))
    found = Counter(outcome.status for outcome in outcomes)
    statuses = {"mutants": len(outcomes), **dict.fromkeys(("killed", "timeout", "survived"), 0), **found}
    return Comparison(statuses, survivors - listed, listed - survivors)


# ---------------------------------------------------------------- mutmut's results


def outcomes() -> Iterator[Outcome]:
    """Of the last run, from the folder mutants/."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code

    for meta in sorted(Path("mutants", PACKAGE).glob("*.meta")):
        source = Path(PACKAGE, meta.stem)
        for name, code in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            changes = get_diff_for_mutant(name, path=source).splitlines()[2:]
            changed = [line for line in changes if line[:1] in ("+", "-")]
            yield Outcome(name, mutant(readable(name), changed), status_by_exit_code[code])


def forget_survivors() -> None:
    """Leave the mutants that are killed with their results: mutmut runs what has none, or has changed.

    Which tests reach a function is asked anew, since tests may have changed.
    """
    Path("mutants", "mutmut-stats.json").unlink(missing_ok=True)
    for meta in Path("mutants", PACKAGE).glob("*.meta"):
        data = json.loads(meta.read_text(encoding="utf-8"))
        codes = data["exit_code_by_key"]
        data["exit_code_by_key"] = {name: code if code == KILLED else None for name, code in codes.items()}
        meta.write_text(json.dumps(data), encoding="utf-8")


def readable(name: str) -> str:
    """`domains.Interval.contains` for refimpl.domains.xǁIntervalǁcontains__mutmut_1."""
    module, _, function = name.removeprefix(f"{PACKAGE}.").partition("__mutmut_")[0].partition(".x")
    return f"{module}.{function[1:].replace('ǁ', '.')}"


# ---------------------------------------------------------------- the command


def numbers(statuses: Mapping[str, int], minutes: float | None) -> str:
    """What the page says of a run."""
    took = "" if minutes is None else f", in {minutes:.0f} minutes on one core"
    head = f"On {datetime.now(UTC):%Y-%m-%d}{took}:\n\n| what became of it | mutants |\n| --- | ---: |\n"
    return head + "".join(
        f"| {'all' if status == 'mutants' else status} | {number} |\n" for status, number in statuses.items()
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--again", action="store_true", help="run the survivors of the last run only")
    what.add_argument("--judge", action="store_true", help="run nothing")
    parser.add_argument("--write", action="store_true", help="write the numbers into the page")
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    os.environ["OMP_NUM_THREADS"] = "1"  # torch's threads would not survive a fork
    start = time.monotonic()
    if not options.judge:
        from benchmarks.mutants_runner import run_mutmut

        if options.again:
            forget_survivors()
        run_mutmut()
    found = compared(list(outcomes()), listed_in(PAGE.read_text(encoding="utf-8")))
    print(found)
    if options.write:
        minutes = None if options.judge or options.again else (time.monotonic() - start) / 60
        page = with_numbers(PAGE.read_text(encoding="utf-8"), numbers(found.statuses, minutes))
        PAGE.write_text(page, encoding="utf-8")
    return found.exit_code


if __name__ == "__main__":
    sys.exit(main())
