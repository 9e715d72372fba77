"""Files of vectors for the tests: made once, small, and changed line by line."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from backproof.vectors import VectorOptions, vectors
from backproof.vectors.files import line_of

FEW = VectorOptions(
    cases=1,
    activations=("identity", "sigmoid", "tanh", "relu", "softplus", "softmax"),
    losses=("half_squared_error", "bce", "hinge"),
)


@cache
def few_lines() -> tuple[str, ...]:
    return tuple(map(line_of, vectors(FEW)))


def few_values() -> list[Any]:
    return [json.loads(line) for line in few_lines()]


def written(folder: Path, lines: list[str] | tuple[str, ...]) -> Path:
    path = folder / "vectors.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def edited(number: int, change: Callable[[Any], Any]) -> list[str]:
    """The lines, of which one has been changed."""
    lines = list(few_lines())
    values = json.loads(lines[number])
    change(values)
    lines[number] = line_of(values)
    return lines
