"""What computes, and whose implementation it is: versions, and checksums of code.

Of an implementation in Python, its own file counts and whatever it imports from the folder it lies in, or all
of its package; of a command, those of its words that are files. What else it may need is not looked at.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.machinery
import platform
import shlex
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import oracles
import refimpl
from backproof.cases import strata_of
from backproof.errors import CampaignError
from refimpl import ACTIVATIONS, LOSSES

from .options import Asked, CampaignFile, Implementation

if TYPE_CHECKING:
    from backproof.run_options import RunOptions
    from backproof.subject import Subject

PACKAGES = ("backproof", "numpy", "torch", "jax", "jaxlib", "optax", "python-flint")
_DIGITS = 16


def campaign_of(asked: Asked, options: RunOptions, subject: Subject) -> CampaignFile:
    """What a campaign of these options is, here and now; `subject` is what they judge, started.

    Raises UsageError for what the subject does not support, and CampaignError if it cannot be started.
    """
    if subject.most_cases is not None:
        raise CampaignError(
            f"{subject.place or subject.name} cannot be asked at all; see why with 'backproof smoke', and "
            "put it right first"
        )
    draw = subject.draw(options.draw)
    return CampaignFile(
        asked=asked.model_copy(update={"dtypes": subject.dtypes(options.dtypes)}),
        implementation=Implementation(
            name=subject.name,
            place=subject.place,
            declared=subject.declared,
            versions=dict(subject.versions),
            files=files_of(asked),
        ),
        versions=versions(),
        activations=draw.activations or tuple(ACTIVATIONS),
        losses=draw.losses or tuple(LOSSES),
        strata=strata_of(draw).count,
    )


def versions() -> dict[str, str]:
    """Of everything whose version may change a number; what is not installed has none."""
    found = {"Python": platform.python_version(), "machine": f"{sys.platform} {platform.machine()}"}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    roots = [Path(refimpl.__path__[0]), Path(oracles.__path__[0]), Path(__file__).parents[1]]
    found["code of backproof"] = _digest(file for root in roots for file in sorted(root.rglob("*.py")))
    return found


def files_of(asked: Asked) -> dict[str, str]:
    """File of an implementation's source → its checksum; none for the reference."""
    source = asked.source
    if source is None:
        return {}
    if source.command is not None:
        words = [Path(word) for word in shlex.split(source.command)]
        return {str(word): _digest([word]) for word in words if word.is_file()}
    assert source.impl is not None
    place = source.impl.rpartition(":")[0]
    if place.endswith(".py"):
        return {str(file): _digest([file]) for file in _with_neighbours(Path(place))}
    top = place.partition(".")[0]
    found = importlib.machinery.PathFinder.find_spec(top, [str(Path.cwd()), *sys.path])
    if found is None or found.origin is None:  # it is there for another Python only, which tells its version
        return {}
    if found.submodule_search_locations:
        folders = map(Path, found.submodule_search_locations)
        return {top: _digest(file for folder in folders for file in sorted(folder.rglob("*.py")))}
    first = Path(found.origin)
    return {str(file.relative_to(first.parent)): _digest([file]) for file in _with_neighbours(first)}


def _with_neighbours(first: Path) -> list[Path]:
    """A file, and all that it imports, in the end, from its own folder."""
    found, todo = {first}, [first]
    while todo:
        for name in _imported(todo.pop()):
            near = [first.parent / f"{name}.py", *sorted((first.parent / name).glob("**/*.py"))]
            new = [file for file in near if file.is_file() and file not in found]
            found.update(new)
            todo += new
    return sorted(found)


def _imported(file: Path) -> Iterable[str]:
    """The first names of the modules that a file imports; none if it is no Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names - {""}


def _digest(files: Iterable[Path]) -> str:
    """Of the contents of files, one after the other, and of their names."""
    whole = hashlib.sha256()
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CampaignError(
                f"cannot read {file}: {error.strerror}; it is code of what is judged, and must be readable"
            ) from None
        whole.update(f"{file.name} {len(content)}\n".encode() + content)
    return whole.hexdigest()[:_DIGITS]
