"""A new activation takes one entry, one line in each oracle, one line of facts, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# File → (the text before which to insert, what to insert): z/√(1 + z²), which no table has.
PLACES = {
    "refimpl/more_activations.py": (
        '    Activation(\n        "silu",',
        (
            '    Activation(\n        "isru",\n        r"\\sigma(z) = \\frac{z}{\\sqrt{1 + z^2}}",\n'
            '        r"\\sigma\'(z) = (1 + z^2)^{-3/2}",\n        value=lambda Z: Z / np.hypot(1, Z),\n'
            "        derivative=lambda Z: (1 / np.hypot(1, Z)) ** 3,\n        range=SYMMETRIC_UNIT,\n    ),\n"
        ),
    ),
    "oracles/torch_activations.py": (
        '        "identity":',
        '        "isru": lambda Z: Z * torch.rsqrt(1 + Z * Z),\n',
    ),
    "oracles/jax_activations.py": (
        '    "identity":',
        '    "isru": unmasked(lambda Z: Z * jax.lax.rsqrt(1 + Z * Z)),\n',
    ),
    "oracles/ball_activations.py": ('    "identity":', '    "isru": lambda z: z / (1 + z * z).sqrt(),\n'),
    "backproof/judging/activation_facts.py": (
        '    "identity":',
        '    "isru": ActivationFacts(relative, lambda z, d, p: 1 + 0 * d, lambda p: (0.0,)),\n',
    ),
}


@pytest.mark.long  # it compiles all of JAX's programs anew
def test_a_new_activation_takes_exactly_these_places(tmp_path: Path) -> None:
    for package in ("refimpl", "oracles", "backproof"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (anchor, line) in PLACES.items():
        text = (tmp_path / name).read_text()
        assert text.count(anchor) == 1, name
        (tmp_path / name).write_text(text.replace(anchor, line + anchor))
    words = ["run", "--cases", "30", "--dtype", "float64", "--losses", "mse"]
    words += ["--activations", "isru,identity"]
    result = subprocess.run(
        [sys.executable, "-m", "backproof", *words, "--out", "out"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "The reference conforms: no mismatch and no fault in 30 judged cases." in result.stdout
    assert '"isru"' in (tmp_path / "out" / "report.json").read_text()
