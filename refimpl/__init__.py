"""The documented equations of backpropagation in NumPy, written to be read.

Reading order: `functions` (what a table entry is), `activations`, `losses`, `specs` and `network` (the
data), `backprop` (one method an equation), `chain_rule` (C1 and C2), `equations` (the catalogue).
"""

from .backprop import Backprop as Backprop
from .backprop import SpecialFormBackprop as SpecialFormBackprop
from .backprop import special_form as special_form
from .backprop import special_output_error as special_output_error
from .functions import Activation as Activation
from .functions import Loss as Loss
from .functions import UnknownFunctionError as UnknownFunctionError
from .network import QUANTITIES as QUANTITIES
from .network import Case as Case
from .network import Layer as Layer
from .network import Network as Network
from .network import Trace as Trace
from .network import quantity_shape as quantity_shape
from .serialization import case_from_dict as case_from_dict
from .serialization import case_from_json as case_from_json
from .serialization import case_to_dict as case_to_dict
from .serialization import case_to_json as case_to_json
from .serialization import trace_to_dict as trace_to_dict
from .specs import DTYPES as DTYPES
from .specs import ActivationSpec as ActivationSpec
from .specs import InvalidCaseError as InvalidCaseError
from .specs import LossSpec as LossSpec
from .tables import ACTIVATIONS as ACTIVATIONS
from .tables import LOSSES as LOSSES
