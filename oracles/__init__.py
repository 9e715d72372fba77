"""What others answer: torch, jax and the truth, behind one interface (`oracle.py`).

Importing this package imports neither framework; each oracle imports its own when it is built.
"""

from .oracle import Oracle as Oracle
from .oracle import OracleMissingError as OracleMissingError
from .pieces import PieceByPiece as PieceByPiece
from .step_batch import StepBatch as StepBatch
from .step_batch import StepBatchValues as StepBatchValues
from .step_batch import StepByStep as StepByStep
from .steps import StepInputs as StepInputs
from .steps import StepValues as StepValues
from .trace_batch import TraceBatch as TraceBatch
from .trace_batch import as_batch as as_batch
