"""What imports what, read from source text alone: nothing is imported to find out.

Every import statement counts, also those inside functions and under TYPE_CHECKING: a direction is a matter
of design, not of the moment.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Import(NamedTuple):
    """One imported name: `from target import name`, or `import target` where name is None."""

    importer: str
    target: str
    name: str | None
    line: int

    def __str__(self) -> str:
        what = self.target if self.name is None else f"{self.name} of {self.target}"
        return f"{self.importer}, line {self.line}, imports {what}"


def sources_of(*packages: str) -> dict[str, str]:
    """File, relative to the checkout → its text, for every module of these packages."""
    files = (file for package in packages for file in sorted((ROOT / package).rglob("*.py")))
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files}


def module_of(file: str) -> str:
    """a/b/c.py → a.b.c, and a/b/__init__.py → a.b."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports_of(sources: Mapping[str, str]) -> list[Import]:
    """All imports; a name that is itself one of these modules is the target, and has no name of its own."""
    modules = {module_of(file) for file in sources}
    return [found for file, text in sources.items() for found in _imports(file, text, modules)]


def _imports(file: str, text: str, modules: set[str]) -> Iterator[Import]:
    importer = module_of(file)
    for node in ast.walk(ast.parse(text, file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer, alias.name, None, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(file, node)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                target, name = (inner, None) if inner in modules else (base, alias.name)
                yield Import(importer, target, name, node.lineno)


def _absolute(file: str, node: ast.ImportFrom) -> str:
    """The module that a from-import names, its leading dots resolved."""
    if not node.level:
        return node.module or ""
    folders = file.split("/")[: -node.level]
    return ".".join([*folders, *([node.module] if node.module else [])])


def circle(imports: list[Import]) -> list[str]:
    """The modules of a circle of imports, first and last the same; empty if there is none."""
    targets: dict[str, set[str]] = {}
    for found in imports:
        targets.setdefault(found.importer, set()).add(found.target)
    try:
        TopologicalSorter(targets).prepare()
    except CycleError as error:
        modules: list[str] = error.args[1]
        return modules[::-1]
    return []
