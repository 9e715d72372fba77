"""What pyproject.toml asks for, and all that those packages need in turn, as installed here."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .import_graph import ROOT


def pyproject() -> dict[str, Any]:
    """The checkout's pyproject.toml; the metadata of an editable installation may be older."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def declared(*extras: str) -> dict[str, Requirement]:
    """Name → requirement, of the project itself and of these extras, references to itself resolved."""
    project = pyproject()["project"]
    found: dict[str, Requirement] = {}
    texts = [*project["dependencies"], *(t for e in extras for t in project["optional-dependencies"][e])]
    for requirement in map(Requirement, texts):
        name = canonicalize_name(requirement.name)
        found |= declared(*requirement.extras) if name == project["name"] else {name: requirement}
    return found


def build_requirements() -> dict[str, Requirement]:
    """Name → requirement, of what builds the wheel."""
    return {canonicalize_name(r.name): r for r in map(Requirement, pyproject()["build-system"]["requires"])}


def closure(requirements: Iterable[Requirement]) -> dict[str, bool]:
    """The names of all packages needed → whether every package that needs it names its exact version."""
    exact: dict[str, bool] = {}
    waiting = [(requirement, False) for requirement in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, pinned = waiting.pop()
        name = canonicalize_name(requirement.name)
        exact[name] = exact.get(name, True) and pinned
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += _needs(name, extra)
    return exact


def _needs(name: str, extra: str) -> list[tuple[Requirement, bool]]:
    """What this package, or this extra of it, needs here → whether it names the exact version."""
    needs = map(Requirement, metadata.requires(name) or ())
    return [
        (need, any(s.operator == "==" and not s.version.endswith("*") for s in need.specifier))
        for need in needs
        if need.marker is None or need.marker.evaluate({"extra": extra})
    ]
