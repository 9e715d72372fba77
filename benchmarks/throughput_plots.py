"""The pictures beside the tables of `throughput_tables.py`, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.throughput_tables import OURS, OURS_BY_TWO, SMALL, Spread, milliseconds, number

_OURS, _OTHERS = "#1b6ca8", "#9a9a9a"
# Text as text, and no random ids or dates: the same numbers give the same file.
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "backproof", "font.size": 9, "figure.dpi": 100}


def write_plots(results: Mapping[str, Any], folder: Path) -> None:
    """throughput.svg and throughput-growth.svg."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        for name, draw, size in (
            ("throughput", _rates, (7.2, 2.8)),
            ("throughput-growth", _growth, (7.2, 2.6)),
        ):
            figure = Figure(figsize=size, layout="constrained")
            draw(figure, results)
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def _rates(figure: Any, results: Mapping[str, Any]) -> None:
    """A bar for each checker: judged cases a second, the spread as a line."""
    found = results["rates"][SMALL]
    axes = figure.subplots()
    for place, (name, parts) in enumerate(found.items()):
        rate = Spread.of(1e3 / milliseconds(part) for part in parts)
        axes.barh(place, rate.median, color=_OURS if name in (OURS, OURS_BY_TWO) else _OTHERS)
        axes.plot([rate.least, rate.most], [place, place], color="black", linewidth=1)
        axes.annotate(
            number(rate.median), (rate.most, place), (4, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(range(len(found)), list(found))
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_xlabel("judged cases a second, on a logarithmic scale")
    axes.spines[["top", "right"]].set_visible(False)


def _growth(figure: Any, results: Mapping[str, Any]) -> None:
    """A panel for each axis: ours and the bare gradients."""
    parts = results["growth"]
    panels = figure.subplots(1, len(parts[0]), sharey=True)
    for axes, axis in zip(panels, parts[0], strict=True):
        values = list(map(int, parts[0][axis]))
        for whose, label, colour in (("ours", "backproof", _OURS), ("bare", "bare gradients", _OTHERS)):
            spreads = [Spread.of(part[axis][str(value)][whose] for part in parts) for value in values]
            axes.plot(values, [each.median for each in spreads], "o-", ms=3, color=colour, label=label)
            axes.fill_between(
                values,
                [each.least for each in spreads],
                [each.most for each in spreads],
                color=colour,
                alpha=0.25,
                linewidth=0,
            )
        axes.set_xlabel(axis)
        axes.set_xlim(0)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylim(0)  # of all panels, once all has been drawn
    panels[0].set_ylabel("ms a case")
    panels[0].legend(frameon=False)
