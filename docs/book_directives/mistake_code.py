"""The code of a catalogued mistake as a riddle: without the names, the docstrings and comments that solve it.

Most mistakes are a class that overrides a method of Backprop; those of a single function are a formula that
`backproof.diagnosis.mistakes.model` puts into such a class. Both are taken out of their file, and what they
use of it with them.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backproof.diagnosis.mistakes import Mistake
from refimpl import Backprop

from .extraction import definitions, lambda_source, source_of, with_what_it_uses

_FORMULAS = {
    "value": "",
    "terms": "_terms",
    "gradient": "_gradient",
    "vjp": "_vjp",
    "derivative": "_derivative",
}
"""What the formula of a function is called in the catalogue's helpers → the end of the name it has here."""


@dataclass(frozen=True)
class Riddle:
    """What the reader is shown."""

    code: str
    """The wrong code."""
    extended: str = ""
    """The helper class that it extends, in which nothing is wrong; empty if it extends Backprop."""


def riddle(mistake: Mistake) -> Riddle:
    """The wrong code of a mistake."""
    known = formula_of(mistake.implementation)
    if known is not None:
        return Riddle(_with_what_it_uses(_as_function(known.name, known.code), known.code))
    *bases, last = (kind for kind in reversed(mistake.implementation.__mro__) if kind not in Backprop.__mro__)
    code = re.sub(rf"\b{last.__name__}\b", "Student", bare(source_of(last)))
    extended = "\n\n".join(bare(source_of(kind), docstrings=True) for kind in bases)
    for base in bases:
        code, extended = (
            re.sub(rf"\b{base.__name__}\b", base.__name__.lstrip("_"), text) for text in (code, extended)
        )
    return Riddle(_with_what_it_uses(code, last), extended)


@dataclass(frozen=True)
class Formula:
    """The wrong formula of a single function."""

    name: str
    """Such as "softmax_vjp"."""
    functions: tuple[str, ...]
    """The activation or the losses that it is of."""
    code: Callable[..., Any]


def formula_of(kind: type) -> Formula | None:
    """The formula in a class that a helper of the catalogue made; None for any other class."""
    if "<locals>" not in kind.__qualname__:
        return None
    method = next(each for each in vars(kind).values() if inspect.isfunction(each))
    around = inspect.getclosurevars(method).nonlocals
    role = next(role for role in ("value", "terms", "gradient", "vjp") if role in around)
    formula = around[role]
    inner = inspect.getclosurevars(formula).nonlocals
    if role == "vjp" and "derivative" in inner:
        role, formula = "derivative", inner["derivative"]
    functions = (around["name"],) if "name" in around else tuple(around["losses"])
    return Formula(f"{functions[0]}{_FORMULAS[role]}", functions, formula)


def _as_function(name: str, formula: Callable[..., Any]) -> str:
    if formula.__name__ == "<lambda>":
        node = ast.parse(lambda_source(formula), mode="eval").body
        assert isinstance(node, ast.Lambda)
        body = ast.get_source_segment(lambda_source(formula), node.body) or ""
        for known, value in inspect.getclosurevars(formula).nonlocals.items():  # what a helper was given
            body = re.sub(rf"\b{known}\b", repr(value).replace("'", '"'), body)
        return f"def {name}({ast.unparse(node.args)}):\n    return {body}\n"
    return re.sub(rf"\b{formula.__name__}\b", name, bare(source_of(formula)))


def _with_what_it_uses(code: str, thing: Any) -> str:
    """The code after the private functions and the constants of its own file that it needs."""
    module = inspect.getmodule(thing)
    assert module is not None
    own = {name: bare(text) for name, text in definitions(module) if name != "MISTAKES"}
    return with_what_it_uses(code, own)


def bare(source: str, *, docstrings: bool = False) -> str:
    """Code without comments, annotations and `del`, which only linters ask for; docstrings are optional."""
    tree = ast.parse(source)
    cuts: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            start = (node.lineno, node.col_offset + len(node.arg.encode()))
            cuts.append((start, _end(node.annotation)))
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            cuts.append((_arrow(source, node.returns), _end(node.returns)))
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            cuts.append((_end(node.target), _end(node.annotation)))
        elif isinstance(node, ast.Delete):
            cuts.append(((node.lineno, node.col_offset), _end(node)))
        if not docstrings and isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            first = node.body[0]
            cuts.append(((first.lineno, first.col_offset), _end(first)))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line = token.line.encode()
            begin = len(token.line[: token.start[1]].encode())
            cuts.append(((token.start[0], begin), (token.end[0], len(line.rstrip(b"\r\n")))))
    return _tidied(_without(source, cuts))


def _end(node: ast.expr | ast.stmt) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset


def _arrow(source: str, returns: ast.expr) -> tuple[int, int]:
    """Where the " ->" before what a function returns begins."""
    line = source.splitlines()[returns.lineno - 1].encode()[: returns.col_offset]
    return returns.lineno, len(line[: line.rindex(b"->")].rstrip())


def _without(source: str, cuts: list[tuple[tuple[int, int], tuple[int, int]]]) -> str:
    lines = [line.encode() for line in source.splitlines()]
    for (row, column), (last_row, last_column) in sorted(cuts, reverse=True):
        rest = lines[last_row - 1][last_column:]
        lines[row - 1] = lines[row - 1][:column] + rest
        if not lines[row - 1].strip():  # nothing else stood in this line
            del lines[row - 1 : last_row]
        else:
            del lines[row:last_row]
    return b"\n".join(lines).decode()


def _tidied(code: str) -> str:
    """Signatures that were broken for their annotations in one line again, where they fit."""
    code = "\n".join(line.rstrip() for line in code.splitlines())
    code = re.sub(r"\(\n\s+([^()\n]*?),?\n\s*\):", lambda found: f"({found[1]}):", code)
    code = re.sub(r"^ *def .*$", lambda found: found[0].replace(" = ", "="), code, flags=re.MULTILINE)
    return code.strip("\n") + "\n"
