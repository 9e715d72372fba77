"""The commands of who teaches, and of who is taught: grade and check."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .cli_options import INTERRUPTED, Oracles, console, load, oracles_of, whole
from .errors import UsageError

if TYPE_CHECKING:
    from .grading.running import Run


def grade(
    submissions: Annotated[
        str | None,
        typer.Argument(help="Folder of submissions, each a Python file or a folder.", metavar="DIR"),
    ] = None,
    rubric: Annotated[
        str | None, typer.Option(help="What is asked for, and what it is worth.", metavar="RUBRIC.toml")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(help="Folder for the results; one that was begun is gone on with.", metavar="DIR"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that grade; by default as many as cores.", metavar="N", parser=whole),
    ] = None,
    oracles: Oracles = None,
    init: Annotated[
        str | None, typer.Option(help="Write a rubric to start from, and do nothing else.", metavar="FILE")
    ] = None,
    exercise_of: Annotated[
        str | None,
        typer.Option(
            "--exercise-of",
            help="Print what students get of a rubric, which lacks the sealed seed, and do nothing else.",
            metavar="FILE",
        ),
    ] = None,
) -> int:
    """Mark submissions, equation by equation, with errors carried forward.

    The same cases for all. A run that was interrupted goes on with the same command: what is graded and
    unchanged is kept. A submission runs with your rights: docs/grading.md has a recipe for a container.
    """
    from .grading.template import exercise_of as made_of
    from .grading.template import write_template

    if init is not None:
        write_template(init)
        typer.echo(f"wrote {init}; its seed is the marks' own: keep the file to yourself")
        return 0
    if exercise_of is not None:
        typer.echo(made_of(exercise_of), nl=False)
        return 0
    for option, given in (("the folder of submissions", submissions), ("--rubric", rubric), ("--out", out)):
        if not given:
            raise UsageError(
                f"give {option}, as in: backproof grade submissions --rubric rubric.toml --out graded"
            )
    from .grading.rubric import read_rubric
    from .grading.running import Run
    from .grading.submissions import submissions_in

    if workers is not None and workers < 1:
        raise UsageError(f"--workers must be at least 1, not {workers}")
    read = read_rubric(str(rubric), sealed=True)
    found = submissions_in(str(submissions), read.submission.file)
    against = oracles_of(oracles)
    run = Run(read, found, Path(str(out)), against, workers or os.cpu_count() or 1)
    return _graded(run)


def _graded(run: Run) -> int:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from .reporting.safe_text import safe_text

    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    try:
        with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
            task = bar.add_task("loading and compiling, once", total=None)

            def advance(done: int, total: int) -> None:
                bar.update(task, description=f"graded {done} of {total}", completed=done, total=total)

            load(run.oracles)
            results = run.results(advance)
    except KeyboardInterrupt:
        typer.echo("backproof: interrupted; the same command goes on from here", err=True)
        return INTERRUPTED
    longest = max(len(result.name) for result in results)
    for result in results:
        why = f"  {result.status}: {result.reason}" if result.reason else ""
        notes = (
            f"  integrity: {', '.join(note.what for note in result.integrity)}" if result.integrity else ""
        )
        line = f"{result.name:{longest}}  {result.total:6g} of {result.out_of:g}{why}{notes}"
        typer.echo(safe_text(line))
    typer.echo(
        f"\n{len(results)} submissions; in {run.out}: index.html for you, pages/ for students, grades.csv, "
        "gradescope/, results/"
    )
    return 0


def check(
    submission: Annotated[str, typer.Argument(help="Your Python file, or its folder.", metavar="FILE")],
    exercise: Annotated[
        str, typer.Option(help="The exercise, as your teacher gave it.", metavar="EXERCISE.toml")
    ],
    oracles: Oracles = None,
) -> int:
    """Check your own submission to an exercise: the same marking, on open cases.

    Exit status 0 if all that is asked for is right, 1 if not.
    """
    from .grading.grader import Grader
    from .grading.rubric import read_rubric
    from .grading.submissions import one_submission
    from .grading.telling import lines_of

    read = read_rubric(exercise)
    found = one_submission(submission, read.submission.file)
    against = oracles_of(oracles)
    load(against)
    grader = Grader(read, read.marking.open_seed, against)
    try:
        result = grader.grade(found)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        grader.close()
    for line in lines_of(result, read.marking.feedback):
        typer.echo(line)
    return 0 if result.is_right else 1
