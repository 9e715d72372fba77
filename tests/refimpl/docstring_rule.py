"""What a docstring of refimpl must have, read from the source of a file; the tests hold every file to it.

Public is what has no leading underscore: modules, classes, functions, and the methods of any class.

1. Everything public has a docstring.
2. A module, unless it holds nothing public but constants, need not have an example; every class, function and
   method has one that doctest finds. A property is the exception: it may have one line and no example, and is
   then used in the example of its class.
3. What takes or returns a matrix of the network says of which shape.
4. What raises says so: "Raises" and the name of each exception that a `raise` of its own has, or one of a
   private function of the same file that it uses. What `__post_init__` raises stands in the class's.
"""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

MATRICES = {"Units", "PerSample", "Weights", "Bias", "Inputs", "Outputs"}
SHAPE = re.compile(r"\(n\w*, ?\w+|\(1, m\)|\bscalar\b|\b(any|one) shape\b")
PROPERTIES = {"property", "cached_property"}

Function = ast.FunctionDef
Documented = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Named:
    """A class or function of a file, where its name says it stands."""

    name: str
    node: Documented
    owner: ast.ClassDef | None = None

    @property
    def doc(self) -> str:
        return ast.get_docstring(self.node) or ""

    @property
    def public(self) -> bool:
        return not self.node.name.startswith("_")

    @property
    def is_property(self) -> bool:
        return isinstance(self.node, Function) and any(
            isinstance(decorator, ast.Name) and decorator.id in PROPERTIES
            for decorator in self.node.decorator_list
        )


def named(tree: ast.Module) -> list[Named]:
    """The classes and functions of a file, and the methods of its classes."""
    found = []
    for node in tree.body:
        if isinstance(node, Documented):
            found.append(Named(node.name, node))
        if isinstance(node, ast.ClassDef):
            found += [Named(f"{node.name}.{f.name}", f, node) for f in node.body if isinstance(f, Function)]
    return found


def offences(source: str) -> list[str]:
    """What the file lacks, one line each; empty if it keeps the rule."""
    tree = ast.parse(source)
    everything = named(tree)
    found = [] if ast.get_docstring(tree) else ["the module has no docstring"]
    for one in everything:
        if one.public:
            found += [f"{one.name} {lack}" for lack in _lacks(one)]
    return [*found, *_unsaid(everything)]


def _lacks(one: Named) -> Iterator[str]:
    if not one.doc:
        yield "has no docstring"
        return
    if not has_example(one.doc) and not (one.is_property and used_in_example(one)):
        yield "is not used in its class's example" if one.is_property else "has no example"
    if isinstance(one.node, Function) and _has_matrices(one.node) and not SHAPE.search(one.doc):
        yield "names no shape"


def has_example(doc: str) -> bool:
    return bool(doctest.DocTestParser().get_examples(doc))


def used_in_example(one: Named) -> bool:
    assert one.owner is not None
    examples = doctest.DocTestParser().get_examples(ast.get_docstring(one.owner) or "")
    return any(re.search(rf"\.{one.node.name}\b", example.source) for example in examples)


def _has_matrices(function: Function) -> bool:
    arguments = function.args
    annotations = [a.annotation for a in chain(arguments.posonlyargs, arguments.args, arguments.kwonlyargs)]
    names = (
        node
        for annotation in (*annotations, function.returns)
        if annotation is not None
        for node in ast.walk(annotation)
    )
    return any(isinstance(node, ast.Name) and node.id in MATRICES for node in names)


# ---------------------------------------------------------------- what is raised


def raised_in(node: ast.AST) -> set[str]:
    """The names of the exceptions of all `raise X` and `raise X(…)` in it."""
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Raise) and inner.exc is not None:
            exception = inner.exc.func if isinstance(inner.exc, ast.Call) else inner.exc
            found.add(ast.unparse(exception))
    return found


def _mentioned(node: ast.AST) -> set[str]:
    names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return names | {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}


def _unsaid(everything: list[Named]) -> Iterator[str]:
    """What is raised and stands in no docstring of a public function or class."""
    functions = [one for one in everything if isinstance(one.node, Function)]
    private = {one.node.name: one for one in functions if one.node.name.startswith("_")}
    classes = {one.name: one for one in everything if isinstance(one.node, ast.ClassDef)}
    reached: set[str] = set()
    for one in functions:
        if one.public:
            says = one
        elif one.node.name == "__post_init__" and one.owner is not None and classes[one.owner.name].public:
            says = classes[one.owner.name]
        else:
            continue
        uses, ahead = {one.name}, [one]
        raised: set[str] = set()
        while ahead:
            current = ahead.pop()
            raised |= raised_in(current.node)
            for name in _mentioned(current.node) & private.keys() - {"__post_init__"}:
                if private[name].name not in uses:
                    uses.add(private[name].name)
                    ahead.append(private[name])
        reached |= uses
        for exception in sorted(raised):
            if not (re.search(r"\bRaises\b", says.doc) and re.search(rf"\b{exception}\b", says.doc)):
                yield f"{says.name} does not say that it raises {exception}"
    for one in functions:
        if one.name not in reached and raised_in(one.node):
            yield f"{one.name} raises, and nothing public of the file uses it"
