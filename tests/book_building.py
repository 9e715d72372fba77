"""Books to be tested: of a few pages, and the whole one, with the verdicts of a run that was made up.

docs/ comes onto the path here, so that its extension can be imported.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from backproof.reporting import Counts, Report
from backproof.reporting.files import report_json
from backproof.reporting.tables import EquationRow, KinkAnswer, KinkRow
from refimpl import ACTIVATIONS
from refimpl.equations import EQUATIONS

from .reporting.sample_report import sample_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
if str(DOCS) not in sys.path:
    sys.path.insert(0, str(DOCS))

CONF = f"""
import sys
sys.path.insert(0, {str(DOCS)!r})
extensions = ["myst_parser", "book_directives"]
myst_enable_extensions = ["dollarmath"]
html_math_renderer = "mathml"
html_theme = "basic"
smartquotes = False
book_run = "run"
"""


class Built(NamedTuple):
    """What Sphinx left behind."""

    status: int
    folder: Path
    err: str

    def page(self, name: str) -> str:
        """The HTML of one page."""
        return (self.folder / f"{name}.html").read_text("utf-8")


def made_up_report() -> Report:
    """Every equation but those of the chain rule conforms, in 7 networks and 9 checks of 11."""
    counts = Counts.tally({"conforms": 9, "not judged": 2})
    equations = tuple(
        EquationRow(
            id=each.id,
            title=each.title,
            latex=each.latex,
            verdict="not judged" if each.part == "chain rule" else "conforms",
            cases=0 if each.part == "chain rule" else 7,
            checks=Counts() if each.part == "chain rule" else counts,
            worst_ratio=None if each.part == "chain rule" else 0.25,
        )
        for each in EQUATIONS
    )
    kinks = tuple(
        KinkRow(
            function=name,
            at=kink.at,
            ours=KinkAnswer(value=0.0, derivative=kink.chosen),
            torch=KinkAnswer(value=0.0, derivative=0.125),
            jax=KinkAnswer(value=0.0, derivative=0.375),
        )
        for name, entry in ACTIVATIONS.items()
        for kink in entry.kinks({each.name: each.default for each in entry.parameters})
    )
    return sample_report(equations=equations, kinks=kinks)


def made_up_run(folder: Path) -> Path:
    """A run in `folder`, as `make book` leaves one behind."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(report_json(made_up_report()), "utf-8")
    checks = Counts.tally({"conforms": 5, "not judged": 1}).model_dump(mode="json")
    row = {"cases": 5, "checks": checks, "worst_ratio": 0.5}
    kink = {"function": "hinge", "target": 1.0, "at": 1.0, "left": -1.0, "right": 0.0, "ours": 0.0}
    measured = {
        "chains": {"judged": "3 compositions, made up", "equations": {"C1": row, "C2": row}},
        "loss_kinks": [kink | {"torch": 0.0, "jax": -0.5}],
    }
    (folder / "measured.json").write_text(json.dumps(measured), "utf-8")
    return folder


def build(folder: Path, pages: Mapping[str, str], *, run: bool = True) -> Built:
    """A book of these pages, the first being its front page."""
    source = folder / "source"
    source.mkdir(parents=True)
    if run:
        made_up_run(source / "run")
    front, *others = pages
    listed = "\n".join(others)
    (source / "conf.py").write_text(f'{CONF}root_doc = "{front}"\nexclude_patterns = ["run"]\n', "utf-8")
    for name, text in pages.items():
        toctree = f"\n```{{toctree}}\n{listed}\n```\n" if name == front and others else ""
        (source / f"{name}.md").write_text(f"# Page {name}\n\n{text}\n{toctree}", "utf-8")
    return sphinx(source, folder / "built")


def sphinx(source: Path, to: Path) -> Built:
    """Runs Sphinx as `make book` does."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-E", "-n", "-W", "--keep-going", "-q", "-b", "html"),
            *("-d", str(to.with_name("doctrees")), str(source), str(to)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_COLOR": "1"},
    )
    return Built(done.returncode, to, done.stderr)


# ---------------------------------------------------------------- the whole book


def whole_book(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The book of docs/, built once for all processes of pytest-xdist; it takes a minute."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / "whole book"
    told = folder / "told.json"
    with _alone(base / "whole book.lock"):
        if not told.is_file():
            built = _build_all(folder)
            told.write_text(json.dumps([built.status, built.err]), "utf-8")
    status, err = json.loads(told.read_text("utf-8"))
    return Built(status, folder / "book", err)


def _build_all(folder: Path) -> Built:
    """In a copy, as pages are written into docs/; all else is linked to."""
    root = folder / "project"
    root.mkdir(parents=True)
    for each in ROOT.iterdir():
        if each.name not in {"docs", "build", "reports", ".git"}:
            (root / each.name).symlink_to(each)
    shutil.copytree(DOCS, root / "docs", ignore=shutil.ignore_patterns("functions", "files", "__pycache__"))
    shutil.copytree(ROOT / "reports" / "sample", root / "reports" / "sample")
    shutil.copy(ROOT / "reports" / "README.md", root / "reports")
    made_up_run(root / "reports" / "book")
    return sphinx(root / "docs", folder / "book")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    import fcntl

    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
