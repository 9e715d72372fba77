"""Words for error messages about what somebody else wrote: on one line, whatever it was."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

_LONGEST = 60


def shown(value: Any) -> str:
    """The value as Python writes it, on one line of at most 60 characters."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - a __repr__ of somebody's own may raise anything
        return f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def known(name: Any, names: Iterable[str]) -> str:
    """What there is instead of an unknown name: the nearest and then all, or all."""
    names = sorted(names)  # all of them in lower case
    near = get_close_matches(name.lower(), names, n=1) if isinstance(name, str) else []
    return (f"did you mean {near[0]!r}? " if near else "") + f"known: {', '.join(names)}"
