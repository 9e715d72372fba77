"""All submissions, in processes: what is graded already and unchanged is not graded again.

Each result is written whole or not at all, as soon as it is there. So a run that is killed goes on where it
was, and the grades are the same: nothing in a result depends on which process made it, when, or after what.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backproof.errors import UsageError

from .grader import VERSION, Grader
from .model import Result
from .outputs import write_outputs
from .rubric import Rubric
from .submissions import Submission

RESULTS = "results"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Run:
    """What is to be graded, and where to."""

    rubric: Rubric
    submissions: Sequence[Submission]
    out: Path
    oracles: tuple[str, ...]
    workers: int = 1

    def results(self, progress: Progress | None = None) -> list[Result]:
        """Grades what is not graded yet; all results in the order of the submissions. Raises UsageError."""
        folder = self.out / RESULTS
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder} cannot be made: {error.strerror}; give another --out") from None
        found = {each.key: self._known(each) for each in self.submissions}
        missing = [each for each in self.submissions if found[each.key] is None]
        done = len(self.submissions) - len(missing)
        if progress is not None:
            progress(done, len(self.submissions))
        for submission, result in self._graded(missing):
            found[submission.key] = result
            done += 1
            if progress is not None:
                progress(done, len(self.submissions))
        results = [result for result in (found[each.key] for each in self.submissions) if result is not None]
        write_outputs(results, self.rubric, self.out)
        return results

    def _known(self, submission: Submission) -> Result | None:
        """The result that is there, if it is of these bytes, this rubric and this version."""
        try:
            text = self._file(submission).read_text(encoding="utf-8")
            result = Result.model_validate_json(text)
        except (OSError, ValueError, ValidationError):
            return None
        same = (
            result.name == submission.name
            and result.source_hash == submission.source_hash
            and result.rubric_hash == self.rubric.digest
            and result.backproof == VERSION
        )
        return result if same else None

    def _file(self, submission: Submission) -> Path:
        return self.out / RESULTS / f"{submission.key}.json"

    def _graded(self, missing: Sequence[Submission]) -> Iterator[tuple[Submission, Result]]:
        if not missing:
            return
        seed = self.rubric.marking.seed
        assert seed is not None
        arguments = (self.rubric, seed, self.oracles)
        if self.workers == 1:
            grader = Grader(*arguments)
            try:
                for submission in missing:
                    result = grader.grade(submission)
                    write_result(result, self._file(submission))
                    yield submission, result
            finally:
                grader.close()
            return
        with _one_thread_each():
            pool = ProcessPoolExecutor(
                min(self.workers, len(missing)),
                multiprocessing.get_context("spawn"),
                _start,
                arguments,
            )
            futures: dict[Future[Result], Submission] = {
                pool.submit(_grade, submission, self._file(submission)): submission for submission in missing
            }
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except BrokenProcessPool:
                raise UsageError(
                    "a process that grades was killed, perhaps for want of memory; give the same command "
                    "again, perhaps with fewer --workers: what is graded is kept"
                ) from None
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def write_result(result: Result, file: Path) -> None:
    """Writes it whole or not at all. Raises UsageError."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=file.parent, prefix=".", suffix=".part", delete=False
        ) as part:
            part.write(result.model_dump_json(indent=1) + "\n")
        Path(part.name).replace(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}; give another --out") from None


# ---------------------------------------------------------------- in a process that grades

_grader: list[Grader] = []


def _start(*arguments: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _grader.append(Grader(*arguments))


def _grade(submission: Submission, file: Path) -> Result:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C ends what is at hand, and cleans up
    try:
        result = _grader[0].grade(submission)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    write_result(result, file)
    return result


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that are started meanwhile compute with one thread: there are as many of them as cores."""
    known = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in known.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
