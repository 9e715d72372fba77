"""The other losses that PyTorch and optax have for such networks, by kind, and those that are not here.

Appendix to `losses.py`: `regression_losses.py` has those of numbers, `label_losses.py` those of logarithms of
probabilities, `margin_losses.py` those of scores. Those of a sample's outputs together are in
`mixing_losses.py`. What has no entry, and why, stands in `LEFT_OUT`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from . import label_losses, margin_losses, regression_losses
from .functions import Loss

ENTRIES: tuple[Loss, ...] = (*regression_losses.ENTRIES, *label_losses.ENTRIES, *margin_losses.ENTRIES)

_SEVERAL_INPUTS = "compares several inputs with each other; a network here has one output for each sample"
_SEQUENCES = "is of sequences of different lengths, with all alignments summed over"
_REGIONS = "is a ratio of sums over the pixels of a region, not a sum of terms over outputs and samples"
_CLASS_NUMBERS = "takes the numbers of classes for targets"
_PROJECTION = "is defined by an optimisation (a projection onto the simplex), not by a formula"
_OTHER_NAME = "is another name or form of what is here"

# Name in torch.nn.modules.loss or optax.losses → why it is no entry.
LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "NLLLoss2d": f"{_OTHER_NAME}: nll, of images",
        "MultiLabelMarginLoss": "takes lists of the numbers of classes, ended by -1, for targets",
        "LinearCrossEntropyLoss": "has a layer fused into it; as two steps that is cross_entropy_with_logits",
        "CosineEmbeddingLoss": _SEVERAL_INPUTS,
        "MarginRankingLoss": _SEVERAL_INPUTS,
        "TripletMarginLoss": _SEVERAL_INPUTS,
        "TripletMarginWithDistanceLoss": _SEVERAL_INPUTS,
        "CTCLoss": _SEQUENCES,
        "binary_dice_loss": _REGIONS,
        "dice_loss": _REGIONS,
        "multiclass_generalized_dice_loss": _REGIONS,
        "convex_kl_divergence": "adds terms that are constant where probabilities sum to 1: kl_div is here",
        "generalized_kl_divergence": "adds terms that are constant where probabilities sum to 1, as above",
        "kl_divergence_with_log_targets": f"{_OTHER_NAME}: kl_div, of log y",
        "cosine_similarity": f"{_OTHER_NAME}: 1 - cosine_distance, and no loss: larger is better",
        "ctc_loss": _SEQUENCES,
        "ctc_loss_with_forward_probs": _SEQUENCES,
        "make_fenchel_young_loss": "makes a loss out of any function that it is given",
        "multiclass_hinge_loss": _CLASS_NUMBERS,
        "multiclass_perceptron_loss": _CLASS_NUMBERS,
        "multiclass_sparsemax_loss": _PROJECTION,
        "sparsemax_loss": _PROJECTION,
        "ntxent": _SEVERAL_INPUTS,
        "triplet_margin_loss": _SEVERAL_INPUTS,
        "ranking_softmax_loss": "ranks the items of a list, with masks and weights of its own",
        "safe_softmax_cross_entropy": f"{_OTHER_NAME}: softmax_cross_entropy, where logits may be -inf",
        "smooth_labels": "is no loss: it prepares targets",
        "softmax_cross_entropy_with_integer_labels": f"{_OTHER_NAME}: softmax_cross_entropy, of numbers of "
        "classes",
    }
)
