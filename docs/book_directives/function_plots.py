"""Plots as SVG that is part of its page: its colours follow the page's, light or dark.

matplotlib draws in colours that stand for the page's, which are put in their place. Without dates
and with fixed ids the same numbers give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from .function_curves import Mark, Plot

_COLOURS = {
    "#010101": "var(--ink)",
    "#020202": "var(--soft)",
    "#030303": "var(--line)",
    "#040404": "var(--card)",
    "#0a0a0a": "var(--plot-0)",
    "#0b0b0b": "var(--plot-1)",
    "#0c0c0c": "var(--plot-2)",
}
_INK, _SOFT, _LINE, _CARD, *_LINES = _COLOURS
_STYLES = ("-", (0, (6, 2)), (0, (1.5, 1.5)))
_DASHES = ("none", "8 4", "2 2")
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.8,
    "text.color": _INK,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


def plot_html(plot: Plot) -> str:
    """Both panels side by side, or one below the other where there is no room, and the names of the lines."""
    panels = "\n".join(
        _panel_svg(plot, title, lines, slopes=slopes)
        for title, lines, slopes in (
            (plot.values, [curve.value for curve in plot.curves], False),
            (plot.slopes, [curve.slope for curve in plot.curves], True),
        )
    )
    return f'<div class="panels">\n{panels}\n</div>\n{_legend(plot)}'


def _panel_svg(plot: Plot, title: str, lines: Sequence[Any], *, slopes: bool) -> str:
    with mpl.rc_context(_SETTINGS | {"svg.hashsalt": f"{plot.name} {title}"}):
        figure = Figure(figsize=(3.5, 2.45))
        axes = figure.add_axes((0.11, 0.18, 0.87, 0.7))
        _panel(axes, plot, title, lines)
        for mark in plot.marks:
            if slopes:
                _slopes_at(axes, mark)
            else:
                axes.plot(mark.at, mark.value, "o", ms=4.5, color=_LINES[0], zorder=5)
        return _written(figure, f"{plot.name}: {title} over {plot.across}")


def _legend(plot: Plot) -> str:
    if len(plot.curves) == 1:
        return ""
    items = "".join(
        '<li><svg viewBox="0 0 32 6" width="32" height="6" aria-hidden="true"><path d="M0 3H32" '
        f'style="stroke: {_COLOURS[_LINES[place]]}; stroke-width: 2; stroke-dasharray: {_DASHES[place]}"/>'
        f"</svg> {curve.label}</li>"
        for place, curve in enumerate(plot.curves)
    )
    return f'<ul class="legend">{items}</ul>\n'


def thumbnail(plot: Plot) -> str:
    """The values of the first curve and its slopes, small and without words."""
    with mpl.rc_context(_SETTINGS | {"svg.hashsalt": f"small {plot.name}"}):
        figure = Figure(figsize=(1.7, 1.1))
        axes = figure.add_axes((0.02, 0.04, 0.96, 0.92))
        axes.set_axis_off()
        axes.axhline(0, color=_LINE, lw=0.8)
        axes.axvline(0, color=_LINE, lw=0.8)
        first = plot.curves[-1 if plot.across == "ŷ" else 0]
        axes.plot(first.x, first.slope, color=_LINES[1], lw=1.1, ls=_STYLES[1])
        axes.plot(first.x, first.value, color=_LINES[0], lw=1.6)
        axes.set_ylim(_limits([first.value, first.slope]))
        return _written(figure, "")


def _panel(axes: Any, plot: Plot, title: str, lines: Sequence[Any]) -> None:
    axes.grid(visible=True)
    axes.set_axisbelow(True)
    axes.axhline(0, color=_SOFT, lw=0.8)
    for place, (curve, y) in enumerate(zip(plot.curves, lines, strict=True)):
        axes.plot(curve.x, y, color=_LINES[place], ls=_STYLES[place], lw=1.8)
    axes.set_title(title, fontsize=10.5, loc="left", color=_INK)
    axes.set_xlabel(plot.across, loc="right")
    axes.set_ylim(_limits(lines))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _slopes_at(axes: Any, mark: Mark) -> None:
    for slope in (mark.left, mark.right):
        axes.plot(mark.at, slope, "o", ms=5.5, mfc=_CARD, mec=_LINES[0], mew=1.2, zorder=5)
    axes.plot(mark.at, mark.chosen, "o", ms=4.5, color=_LINES[0], zorder=6)


def _limits(lines: Sequence[Any]) -> tuple[float, float]:
    """All of the lines, unless a few of their points are far beyond all others."""
    numbers = np.concatenate(lines)
    numbers = numbers[np.isfinite(numbers)]
    low, high = numbers.min(), numbers.max()
    near_low, near_high = np.percentile(numbers, (4, 96))
    spread = max(near_high - near_low, 1e-3)
    low, high = max(low, near_low - spread), min(high, near_high + spread)
    pad = 0.06 * (high - low) if high - low > 1e-6 else 0.5
    return low - pad, high + pad


def _written(figure: Figure, says: str) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(
        r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL
    )  # a style would be all the page's
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # they would occur once a plot
    for colour, variable in _COLOURS.items():
        text = text.replace(colour, variable)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    label = f'role="img" aria-label="{says}"' if says else 'aria-hidden="true"'
    text = re.sub(r"<svg ", f"<svg {label} ", text, count=1)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
