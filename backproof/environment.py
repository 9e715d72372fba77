"""Where a run happens: all that can change a last digit, for the report."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np

from oracles import Oracle

from .reporting.model import Environment


def environment(oracles: Sequence[Oracle]) -> Environment:
    """Versions, threads, BLAS, CPU features, flush mode, matmul precision and XLA flags of this process."""
    names = {oracle.name for oracle in oracles}
    versions = {"backproof": metadata.version("backproof"), "numpy": np.__version__}
    for oracle in oracles:
        versions |= oracle.versions()
    flush = {"numpy": bool(np.float32(1e-40) * np.float32(1) == 0)}
    threads, matmul = {}, {}
    if "torch" in names:
        import torch

        threads["torch"] = 1  # the oracle computes on one, whatever the process has set
        matmul["torch"] = torch.get_float32_matmul_precision()
        flush["torch"] = bool((torch.tensor(1e-40) * 1).item() == 0)
    if "jax" in names:
        import jax

        matmul["jax"] = "highest"  # the oracle asks for it, whatever the process has set
        flush["jax"] = bool(jax.jit(lambda x: x * np.float32(1))(np.float32(1e-40)) == 0)
    build: Any = np.show_config(mode="dicts")
    blas = build.get("Build Dependencies", {}).get("blas", {})
    simd = build.get("SIMD Extensions", {})
    return Environment(
        versions=versions,
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        threads={**threads, "cpu": os.cpu_count() or 0},
        blas=f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        cpu_features=tuple(simd.get("found", ())),
        flush_subnormals=flush,
        matmul_precision=matmul,
        xla_flags=os.environ.get("XLA_FLAGS", ""),
    )
