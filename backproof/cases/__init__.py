"""Random cases: `draw_case(seed, index, dtype)` for runs, `strategies.cases` for Hypothesis.

`draw_in_stratum` draws for campaigns that are to cover all kinds of cases evenly (`strata.py`).
Both read the same definition (`drawing.py`) from a source of integers (`source.py`); a regime
(`regimes.py`) says what kind of numbers come out. Reading order: `source`, `numbers`, `targets`,
`regimes`, `options`, `drawing`, `strata`, `strategies`. Hypothesis is imported by `strategies` only.
"""

from .drawing import DrawnCase as DrawnCase
from .drawing import draw_case as draw_case
from .options import DrawOptions as DrawOptions
from .regimes import REGIMES as REGIMES
from .regimes import Regime as Regime
from .strata import draw_in_stratum as draw_in_stratum
from .strata import strata_of as strata_of
