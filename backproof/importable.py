"""The text by which another process finds something that is loaded here."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

from .errors import UsageError


def source_of(target: Any, *, needed: bool) -> str | None:
    """The text FILE.py:NAME or package.module:NAME; None if there is none, UsageError if it is `needed`."""
    try:
        return _source_of(target)
    except UsageError:
        if needed:
            raise
        return None


def _source_of(target: Any) -> str:
    remedy = 'give it as the text "FILE.py:NAME", or leave out isolated=True'
    module, name = getattr(target, "__module__", None), getattr(target, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        raise UsageError(
            f"another process cannot find an object of {type(target).__name__} by name; {remedy}"
        )
    if "<" in name:
        raise UsageError(f"another process cannot find {name}, which is made inside a function; {remedy}")
    found: Any = sys.modules.get(module)
    place = getattr(found, "__file__", None)
    if place is None or not place.endswith(".py"):
        raise UsageError(f"another process cannot find {module}, which is no Python file; {remedy}")
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not target:
        raise UsageError(f"{module} has something else under the name {name}, or nothing; {remedy}")
    file = Path(place).resolve()
    if "." not in module and file.name != "__init__.py":
        return f"{_shortest(file)}:{name}"
    parts = file.with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    names = module.split(".")
    root = Path(*parts[: len(parts) - len(names)])
    if list(parts[-len(names) :]) != names or not _is_searched(root):
        raise UsageError(f"another process cannot import {module}; start pytest in {root}, or {remedy}")
    return f"{module}:{name}"


def _shortest(file: Path) -> str:
    relative = os.path.relpath(file)
    return str(file) if relative.startswith("..") else relative


def _is_searched(folder: Path) -> bool:
    """Whether a new interpreter that is started here imports from this folder."""
    elsewhere = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    searched = [Path.cwd(), *map(Path, filter(None, elsewhere)), *map(Path, sysconfig.get_paths().values())]
    return folder in [each.resolve() for each in searched]
