"""The documented equations of backpropagation in NumPy, written to be read, in this order.

The text. Each file needs only those before it, and `backprop` says in its first lines what it needs of the
third to the fifth, for whoever reads it before them:

 1. `chain_rule`   C1 and C2, the two equations that all the others follow from, on functions of one number
 2. `network`      the data: layers, networks, cases, and traces, which are what a run gives
 3. `functions`    what an activation and a loss are to the others; vjp, kink, reduction
 4. `activations`  σ: identity, sigmoid, softmax, tanh, ReLU and two of its kin
 5. `losses`       L: squared error and cross-entropy, of probabilities and of logits
 6. `backprop`     F1 to U2, one method an equation, and the three passes
 7. `equations`    what the document says of each, and how it must be read

The appendix, to be looked things up in:

    `expressions`, `elementary_functions`, `compositions`
        to chain_rule: the trees it differentiates, the functions in them, and both as a file
    `specs`, `domains`, `serialization`
        to network: functions by name, sets of numbers, cases and traces as JSON
    `more_activations`, `piecewise_activations`
        to activations: the other ones that PyTorch and JAX have
    `more_losses`, `regression_losses`, `label_losses`, `margin_losses`, `mixing_losses`
        to losses: the other ones that PyTorch and optax have
    `tables`
        all activations and all losses by name
    `training`
        to backprop: many steps of gradient descent

Every example in a docstring is run by the tests, with doctest's ELLIPSIS and NORMALIZE_WHITESPACE; it needs
the names of its own module, and NumPy as np. They can be followed by hand:

>>> import numpy as np
>>> layer = Layer(np.array([[2.0]]), np.array([[1.0]]), ActivationSpec("identity"))
>>> case = Case(Network((layer,), LossSpec("half_squared_error")), X=np.array([[3.0]]), Y=np.array([[5.0]]))
>>> trace = Backprop().run(case)  # Ŷ = 2 · 3 + 1 = 7, so that δ = Ŷ - Y = 2 and ∂L/∂W = 2 · 3
>>> trace.delta, trace.dW
((array([[2.]]),), (array([[6.]]),))
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
from .training import train as train
