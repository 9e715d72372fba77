"""Random cases: `draw_case(seed, index, dtype)` for campaigns, `strategies.cases` for Hypothesis.

Both read the same definition (`drawing.py`) from a source of integers (`source.py`); a regime
(`regimes.py`) says what kind of numbers come out. Reading order: `source`, `numbers`, `targets`,
`regimes`, `options`, `drawing`, `strategies`. Hypothesis is imported by `strategies` only.
"""

from .drawing import DrawnCase as DrawnCase
from .drawing import draw_case as draw_case
from .options import DrawOptions as DrawOptions
from .regimes import REGIMES as REGIMES
from .regimes import Regime as Regime
