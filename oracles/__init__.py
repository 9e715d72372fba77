"""What others answer: torch, jax and the truth, behind one interface (`oracle.py`).

Importing this package imports neither framework; each oracle imports its own when it is built.
"""

from .oracle import Oracle as Oracle
from .oracle import OracleMissingError as OracleMissingError
from .oracle import StepInputs as StepInputs
from .oracle import StepValues as StepValues
from .trace_batch import TraceBatch as TraceBatch
from .trace_batch import as_batch as as_batch
