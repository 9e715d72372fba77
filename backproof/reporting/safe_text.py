"""Text that cannot harm: what an implementation under test is called, prints or raises may hold anything."""

from __future__ import annotations

import math
from typing import Any

_LARGEST_DEPTH = 32


def safe_text(text: str) -> str:
    r"""`text` on one line, with each character that is not printable written as its escape.

    Control characters (ANSI sequences begin with one), line breaks, lone surrogates and marks that turn
    the direction of writing come out as `\x1b`, `\n`, `\ud800`, `\u202e`; all else stays as it is.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def safe_json(value: Any, depth: int = 0) -> Any:
    """JSON values with every text in them made safe; ValueError for what JSON cannot hold."""
    if depth > _LARGEST_DEPTH:
        raise ValueError(f"nests deeper than {_LARGEST_DEPTH} levels")
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, dict):
        return {_key(key): safe_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [safe_json(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError('holds a number that is not finite; write it as "nan", "inf" or "-inf"')
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise ValueError(f"holds a {type(value).__name__}, which JSON has no form for")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ValueError(f"has a key that is a {type(key).__name__}, not a text")
    return safe_text(key)
