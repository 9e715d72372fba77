"""Small cases, and entries that keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from backproof.corpus import Entry, Kept
from backproof.corpus.files import entry_json
from backproof.corpus.model import FORMAT, VERSION
from refimpl import ActivationSpec, Case, Layer, LossSpec, Network, case_to_dict


def case(dtype: str = "float64", activation: str = "tanh", x: float = 0.5, loss: str = "mse") -> Case:
    """One layer 1-2, two samples."""
    W, b, X = (np.array(values, dtype=dtype) for values in ([[0.5], [-0.25]], [[1.0], [0.1]], [[x, -1.5]]))
    network = Network((Layer(W, b, ActivationSpec(activation)),), LossSpec(loss))
    return Case(network, X, np.full((2, 2), 0.25, dtype), 0.5)


def kept(of: Case | None = None, **changes: Any) -> Kept:
    """An entry that keeps this case."""
    of = of or case()
    values = {"format": FORMAT, "version": VERSION, "note": "a sample", "case": case_to_dict(of), **changes}
    return Kept(Entry.model_validate(values), of)


def saved(folder: Path, *several: Kept) -> list[Path]:
    """The entries' files, written without what is tested."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / each.file_name for each in several]
    for each, path in zip(several, paths, strict=True):
        path.write_text(entry_json(each.entry), encoding="utf-8")
    return paths
