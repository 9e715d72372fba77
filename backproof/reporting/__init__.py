"""Reports: the model of what can be said about a run, and its forms as JSON, as a page and as text.

Everything here works from the model alone; nothing here knows how cases are drawn or judged.
"""

from .model import SEVERITY as SEVERITY
from .model import VERDICTS as VERDICTS
from .model import CauseRow as CauseRow
from .model import Counts as Counts
from .model import DeviationRow as DeviationRow
from .model import DistributionRow as DistributionRow
from .model import Distributions as Distributions
from .model import EntryRow as EntryRow
from .model import Environment as Environment
from .model import EquationRow as EquationRow
from .model import Finding as Finding
from .model import KinkAnswer as KinkAnswer
from .model import KinkRow as KinkRow
from .model import MatrixCell as MatrixCell
from .model import NotJudgedRow as NotJudgedRow
from .model import PairRow as PairRow
from .model import RegimeRow as RegimeRow
from .model import Report as Report
from .model import RunInfo as RunInfo
from .model import SideBySide as SideBySide
from .model import SideValue as SideValue
from .model import Times as Times
from .model import Truth as Truth
from .model import TruthRow as TruthRow
from .model import Verdict as Verdict
