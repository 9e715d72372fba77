"""Says in one line when another package called `refimpl` or `oracles` comes first on the path.

backproof is installed beside these two, whose names are short enough to be met elsewhere. Python would
import whichever comes first and fail far away from the cause. Nothing is imported here to find out.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

NEIGHBOURS = ("refimpl", "oracles")


class ShadowedPackageError(ImportError):
    """A package that backproof needs is hidden by another of the same name, or is missing."""


def _found(name: str) -> str | None:
    """The file that `import name` runs, or the folder if it is one without `__init__.py`; None if neither."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        file, folders = getattr(loaded, "__file__", None), getattr(loaded, "__path__", ())
    else:
        spec = find_spec(name)
        if spec is None:
            return None
        file, folders = spec.origin if spec.has_location else None, spec.submodule_search_locations or ()
    return file or next(iter(folders), "a module without a file")


def check_shadowing() -> None:
    """Check that `refimpl` and `oracles` are the ones installed beside backproof.

    Raises ShadowedPackageError whose one line names the file found, the file expected and the remedy. To
    be called before anything that imports them.
    """
    home = Path(__file__).resolve().parent.parent
    for name in NEIGHBOURS:
        expected = home / name / "__init__.py"
        found = _found(name)
        if found is None:
            raise ShadowedPackageError(
                f"backproof needs its own package {name!r} and finds none, expected {expected}; "
                "install backproof again"
            )
        if Path(found).resolve() != expected.resolve():
            raise ShadowedPackageError(
                f"another {name!r} hides backproof's own: found {found}, expected {expected}; "
                "start from another folder, take it off PYTHONPATH or rename it"
            )
