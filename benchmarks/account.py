"""The judge held to account: a million correct cases, the truth, and injected errors.

    python benchmarks/account.py run --out FOLDER [--workers N] [--cases N]
    python benchmarks/account.py summary --out FOLDER

`run` judges what is still missing in FOLDER, a chunk at a time, and can be stopped and taken up again.
`summary` adds the chunks up and writes benchmarks/results/account.json and account.md. A share of the cases
is asked of the truth: every answer of every side is then held against the exact value, under its own bound.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.account_chunk import Chunk

SIZE = 512
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
RESULTS = Path(__file__).parent / "results"

# Name → (largest depth, width, batch; seeds; cases of each in each dtype; one in so many for the truth).
POPULATIONS: dict[str, tuple[tuple[int, int, int], tuple[int, ...], int, int]] = {
    "full range": ((8, 64, 32), (2001, 2002, 2003, 2004, 2005), 10_240, 64),
    "medium": ((5, 32, 16), (3001, 3002, 3003, 3004, 3005), 20_480, 16),
    "small": ((3, 8, 8), (4001, 4002, 4003, 4004, 4005, 4006, 4007), 51_200, 16),
}


def plan() -> list[Chunk]:
    """All chunks, so mixed that any beginning of them has its share of each population."""
    found = []
    for name, (sizes, seeds, cases, every) in POPULATIONS.items():
        chunks = [
            Chunk(name, seed, dtype, first, SIZE, sizes, every, injects=first // SIZE % 4 == 0)
            for seed in seeds
            for first in range(0, cases, SIZE)
            for dtype in ("float32", "float64")
        ]
        found += [((place + 0.5) / len(chunks), chunk) for place, chunk in enumerate(chunks)]
    return [chunk for _, chunk in sorted(found, key=lambda item: item[0])]


def results(folder: Path) -> Iterator[dict[str, Any]]:
    """The chunks that are done; a line that was cut off is not."""
    path = folder / "chunks.jsonl"
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


def judged(chunk: Chunk) -> dict[str, Any]:
    """What a worker does."""
    from benchmarks.account_chunk import judged as judge

    began = time.perf_counter()
    found = judge(chunk)
    return (
        {"key": chunk.key, "population": chunk.population, "dtype": chunk.dtype}
        | found
        | {
            "cases": chunk.count,
            "seconds": time.perf_counter() - began,
        }
    )


def _prepare() -> None:
    """In a worker: garbage is looked for less often, since little of it is cyclic."""
    gc.set_threshold(50_000, 20, 50)
    from backproof.cli import _keep_compiled_programs

    _keep_compiled_programs()


def run(folder: Path, workers: int, most: int | None) -> None:
    """Judges what is missing; each result is on disk before the next is asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "chunks.jsonl"
    if path.exists():  # a line that was cut off would swallow the next
        text = path.read_text(encoding="utf-8")
        path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")
    done = {result["key"] for result in results(folder)}
    missing = [chunk for chunk in plan() if chunk.key not in done]
    if most is not None:
        missing = missing[: -(-most // SIZE)]
    waiting: set[Future[Any]] = set()
    began, finished, rest = time.monotonic(), 0, iter(missing)
    with (
        patch.dict(os.environ, THREADS),  # for the workers, who read it when they start
        ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_prepare) as pool,
        path.open("a", encoding="utf-8") as out,
    ):
        while True:
            while len(waiting) < 2 * workers and (chunk := next(rest, None)) is not None:
                waiting.add(pool.submit(judged, chunk))
            if not waiting:
                break
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                result = future.result()
                out.write(json.dumps(result) + "\n")
                out.flush()
                finished += 1
                left = (len(missing) - finished) * (time.monotonic() - began) / finished
                if result["findings"] or finished % 20 == 0:
                    print(f"{finished} of {len(missing)} chunks, {left / 60:.0f} min left", flush=True)
                for finding in result["findings"]:
                    print(finding, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "summary"))
    parser.add_argument("--out", type=Path, required=True, help="folder for the chunks")
    parser.add_argument("--workers", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--cases", type=int, help="at most so many cases more")
    options = parser.parse_args()
    if options.what == "run":
        run(options.out, options.workers, options.cases)
    else:
        from benchmarks.account_summary import summarise

        summarise(list(results(options.out)), RESULTS)


if __name__ == "__main__":
    main()
