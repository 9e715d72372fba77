"""A page for each activation and each loss, and one for all of a kind, written before Sphinx reads them.

All of a page comes from the tables of refimpl, the measured error facts, the run made for the book, the
declared deviations and the catalogue of mistakes. The folder docs/functions is made anew only if one of them
has changed.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
from sphinx.application import Sphinx

import refimpl
from backproof.diagnosis.mistakes import MISTAKES, Mistake
from backproof.judging.deviations import DEVIATIONS, Deviation
from refimpl import ACTIVATIONS, LOSSES
from refimpl.functions import Activation, Loss

from . import generated
from .extraction import ROOT, definitions, entry_source, with_what_it_uses
from .function_curves import plots_of, symbol
from .function_plots import plot_html, thumbnail
from .function_tables import accuracy, kinks, table
from .mistake_code import formula_of
from .run_of_the_book import MEASURED, Run, folder_of, read_run

FOLDER = "functions"
STAMP = ".made-of"
_KINDS: dict[str, Mapping[str, Activation] | Mapping[str, Loss]] = {
    "activations": ACTIVATIONS,
    "losses": LOSSES,
}
Entry = Activation | Loss


def pages(run: Run) -> dict[str, str]:
    """File → text of the whole folder."""
    found: dict[str, str] = {}
    for kind, entries in _KINDS.items():
        small = []
        for name, entry in entries.items():
            plots = plots_of(name)
            for plot in plots:
                found[f"plots/{plot.name}.html"] = plot_html(plot)
            shown = "\n\n".join(f"{_svg(f'plots/{plot.name}.html')}\n\n{plot.caption}" for plot in plots)
            found[f"{name}.md"] = page(entry, kind, shown, run)
            small.append(f'<a href="{name}.html">{thumbnail(plots[0])}<span>{name}</span></a>')
        found[f"{kind}.md"] = _index(kind, list(entries), "\n".join(small))
    return found


def _svg(file: str) -> str:
    return f"```{{raw}} html\n:file: {file}\n```"


def _index(kind: str, names: list[str], small: str) -> str:
    first = {
        "activations": "Each activation, with its value as a line and its derivative dashed.",
        "losses": "Each loss over the prediction, with its derivative dashed.",
    }[kind]
    listed = "\n".join(names)
    return (
        f"# {kind.capitalize()}\n\n{first} `backproof list {kind}` prints what they are.\n\n"
        f'```{{raw}} html\n<div class="functions">\n{small}\n</div>\n```\n\n'
        f"```{{toctree}}\n:hidden:\n\n{listed}\n```\n"
    )


# ---------------------------------------------------------------- a page


def page(entry: Entry, kind: str, shown: str, run: Run) -> str:
    """The page of one function in Markdown, with `shown` for its plots."""
    parts = [
        f"# {entry.name}",
        _about(entry),
        f"$$\n{entry.latex}\n$$",
        f"Its {'gradient by an entry of the prediction' if kind == 'losses' else 'derivative'}:",
        f"$$\n{entry.derivative_latex}\n$$",
        *_parameters(entry),
        f'## Plot\n\n<div class="plot">\n\n{shown}\n\n</div>',
        *kinks(entry, run),
        *_conventions(entry),
        *accuracy(entry.name),
        *_deviations(entry.name),
        *_mistakes(entry.name),
        _code(entry),
    ]
    return "\n\n".join(parts) + "\n"


def _about(entry: Entry) -> str:
    if isinstance(entry, Activation):
        elementwise = "elementwise" if entry.elementwise else "over all units of a sample"
        return f"An activation, {elementwise}; values in {_math(entry.range)}."
    elementwise = "a sum over outputs" if entry.elementwise else "of all outputs of a sample together"
    over = {
        "entries": "the mean is over outputs and samples",
        "samples": "the mean is over samples",
        "outputs first": "each sample's loss is a mean over its outputs, whatever the reduction",
    }[entry.mean_over]
    return (
        f"A loss, {elementwise}; predictions in {_math(entry.prediction_domain)}, targets in "
        f"{_math(entry.target_domain)}; {over}."
    )


def _math(domain: object) -> str:
    return str(domain).replace("inf", "∞")


def _parameters(entry: Entry) -> Iterator[str]:
    arrays = () if isinstance(entry, Activation) else entry.arrays
    if entry.parameters or arrays:
        yield "## Parameters"
    if entry.parameters:
        heads = ["name", "default", "domain", "random cases draw from", "meaning"]
        yield table(
            heads,
            [
                [f"`{p.name}`{_symbol(p.name)}", f"{p.default:g}", _math(p.domain), _math(p.drawn), p.meaning]
                for p in entry.parameters
            ],
        )
    if arrays:
        yield table(
            ["array", "one number for", "domain", "meaning"],
            [
                [f"`{a.name}`", f"each {'entry' if a.per_sample else 'output'}", _math(a.domain), a.meaning]
                for a in arrays
            ],
        )


def _symbol(name: str) -> str:
    return f" ({symbol(name)})" if symbol(name) != name else ""


def _conventions(entry: Entry) -> Iterator[str]:
    if entry.conventions or entry.aliases:
        yield "## Conventions and names"
    if entry.conventions:
        yield entry.conventions
    if entry.aliases:
        yield table(
            ["library", "its name there"], [[library, f"`{name}`"] for library, name in entry.aliases.items()]
        )


def _deviations(name: str) -> Iterator[str]:
    found = [deviation for deviation in DEVIATIONS if deviation.function == name]
    if found:
        yield "## Declared deviations"
        yield "Where a framework errs more than accuracy allows, that is declared, with evidence."
        yield from map(_deviation, found)


def _deviation(deviation: Deviation) -> str:
    return (
        f"**{deviation.id}** ({deviation.versions}). Where {deviation.region}: {deviation.size}. "
        f"{deviation.evidence}\n\n```python\n{deviation.reproduction}\n```"
    )


def mistakes_of(name: str) -> list[Mistake]:
    """Those of the catalogue that are about this function."""
    return [mistake for mistake in MISTAKES.values() if name in _functions_of(mistake)]


def _functions_of(mistake: Mistake) -> set[str]:
    formula, draw = formula_of(mistake.implementation), mistake.draw
    if formula is not None:
        return set(formula.functions)
    return {*(draw.activations or ()), *(draw.losses or ())} if draw.hidden is None else set()


def _mistakes(name: str) -> Iterator[str]:
    rows = [[f"`{mistake.name}`", mistake.equation, mistake.what] for mistake in mistakes_of(name)]
    if rows:
        yield "## Mistakes of the catalogue"
        yield table(["mistake", "equation", "what is done instead"], rows)


def module_of(entry: Entry) -> ModuleType:
    """The file of refimpl that has the entry in its table, and not one that repeats it."""
    modules = [module for _, module in inspect.getmembers(refimpl, inspect.ismodule)]
    return next(
        module
        for module in modules
        if entry in getattr(module, "ENTRIES", ()) and f'"{entry.name}",' in inspect.getsource(module)
    )


def _code(entry: Entry) -> str:
    module = module_of(entry)
    own = {name: text for name, text in definitions(module) if name != "ENTRIES"}
    code = with_what_it_uses(entry_source(entry.name, module), own)
    return f"## The code\n\nFrom {module.__name__.replace('.', '/')}.py:\n\n```python\n{code}```"


# ---------------------------------------------------------------- when


def _write(app: Sphinx) -> None:
    folder = Path(app.srcdir) / FOLDER
    digest = _digest(app)
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text() == digest:
        return
    generated.write(folder, pages(read_run(folder_of(app))) | {STAMP: digest})


def _digest(app: Sphinx) -> str:
    """Of all that the pages are made of."""
    run = folder_of(app)
    files = [
        *sorted((ROOT / "refimpl").glob("*.py")),
        *sorted((ROOT / "backproof" / "diagnosis" / "mistakes").glob("*.py")),
        *sorted(Path(__file__).parent.glob("*.py")),
        ROOT / "backproof" / "judging" / "deviations.py",
        ROOT / "docs" / "error-facts.md",
        *(run / name for name in ("report.json", MEASURED)),
    ]
    made = hashlib.sha256(mpl.__version__.encode())
    for file in files:
        made.update(file.read_bytes())
    return made.hexdigest() + "\n"


def setup(app: Sphinx) -> None:
    """Tells Sphinx when."""
    app.connect("builder-inited", _write, priority=600)  # with a run, and before links are followed
