"""An oracle's line for an activation or a loss as source text that runs without the oracle.

The text is taken from the oracle's own file, never retyped: the expression of the table's entry, and the
functions beside it that it calls, without their annotations and docstrings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

WIDTH = 88
"""What ruff and black format to, where nobody says otherwise."""
_REDUCING = "_reducing"
"""Makes a loss of torch's table from a function that gives its terms."""
_WRAPPERS = ("LossLine", "unmasked", _REDUCING)
_MODULES: Mapping[str, str] = {
    "F": "import torch.nn.functional as F",
    "jax": "import jax",
    "jnp": "import jax.numpy as jnp",
    "math": "import math",
    "optax": "import optax",
    "partial": "from functools import partial",
    "torch": "import torch",
}


@dataclass(frozen=True)
class Line:
    """How a function is called, and what has to stand before the call."""

    name: str
    call: ast.expr
    """What is called, or a `partial` of it."""
    masked: bool
    """Whether it takes a mask after its arrays: jax's functions that mix units."""
    summed: bool
    """Whether it gives a loss's terms, to be summed and divided, and takes no reduction."""
    definitions: tuple[str, ...] = ()
    imports: frozenset[str] = field(default_factory=frozenset)

    def expression(self, arrays: Sequence[str], keywords: Mapping[str, str]) -> str:
        """The call with these arrays and keywords."""
        positional, named, function = list[str](), dict[str, str](), self.call
        while isinstance(function, ast.Call) and ast.unparse(function.func) == "partial":
            positional = [*map(_text, function.args[1:]), *positional]
            named = {str(each.arg): _text(each.value) for each in function.keywords} | named
            function = function.args[0]
        called = self.name if isinstance(function, ast.Lambda) else _text(function)
        given = [*positional, *arrays, *(["None"] if self.masked else [])]
        given += [f"{name}={value}" for name, value in (named | dict(keywords)).items()]
        return f"{called}({', '.join(given)})"


def activation_line(framework: str, name: str) -> Line:
    """The line of "torch" or "jax" for an activation."""
    return _line(f"oracles.{framework}_activations", name)


def loss_line(framework: str, name: str) -> Line:
    """Likewise for a loss."""
    return _line(f"oracles.{framework}_losses", name)


@cache
def _line(module: str, name: str) -> Line:
    table, functions = _read(module)
    node, wrappers = table[name], set[str]()
    while isinstance(node, ast.Call) and (wrapper := ast.unparse(node.func)) in _WRAPPERS:
        wrappers.add(wrapper)
        node = node.args[0]
    used = _used(node, functions)
    definitions = [_definition(each) for each in used]
    inner: ast.expr = node
    while isinstance(inner, ast.Call):  # a partial of a lambda
        inner = inner.args[0]
    if isinstance(inner, ast.Lambda):
        definitions.append(_as_function(name, inner))
    written = ast.parse(
        "\n".join([*definitions, Line(name, node, masked=False, summed=False).expression((), {})])
    )
    return Line(
        name,
        node,
        masked="jax" in module and "unmasked" not in wrappers,
        summed="jax" in module or _REDUCING in wrappers,
        definitions=tuple(definitions),
        imports=frozenset(_MODULES[each] for each in _free(written) if each in _MODULES),
    )


@cache
def _read(module: str) -> tuple[dict[str, ast.expr], dict[str, ast.FunctionDef]]:
    """The table of a file, name → the expression that is its line; and the functions beside it."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    tables = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    largest = max(tables, key=lambda node: len(node.keys))
    table = {
        str(ast.literal_eval(key)): value
        for key, value in zip(largest.keys, largest.values, strict=True)
        if key is not None
    }
    return table, {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _used(node: ast.AST, functions: Mapping[str, ast.FunctionDef]) -> list[ast.FunctionDef]:
    """The functions of the file that an expression calls, and those that they call, in the file's order."""
    found, left = set[str](), [node]
    while left:
        for each in ast.walk(left.pop()):
            if isinstance(each, ast.Name) and each.id in functions and each.id not in found:
                found.add(each.id)
                left.append(functions[each.id])
    return [function for name, function in functions.items() if name in found]


def _free(tree: ast.Module) -> set[str]:
    """The names that statements and functions read and do not bind themselves."""
    found = set[str]()
    for statement in tree.body:
        nodes = list(ast.walk(statement))
        read = {each.id for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
        bound = {each.id for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
        found |= read - bound - {each.arg for each in nodes if isinstance(each, ast.arg)}
    return found


# ---------------------------------------------------------------- source text


def _text(node: ast.AST) -> str:
    """One line as formatters write it: double quotes, and no spaces around a power of names and numbers."""
    text = ast.unparse(node)
    text = text.replace("'", '"') if '"' not in text else text
    return re.sub(r"(?<![\w.)\]])([\w.]+) \*\* ([\w.]+)", r"\1**\2", text)


def _open_tuple(node: ast.AST) -> str:
    """A tuple without its brackets, which need not stand on either side of an assignment."""
    text = _text(node)
    return text[1:-1] if isinstance(node, ast.Tuple) and len(node.elts) > 1 else text


def _as_function(name: str, node: ast.Lambda) -> str:
    return f"def {name}({_text(_bare(node.args))}):\n{fitted('    return ', node.body)}"


def _bare(arguments: ast.arguments) -> ast.arguments:
    """The same arguments without annotations."""
    copy: ast.arguments = ast.parse(f"lambda {ast.unparse(_without(arguments))}: 0", mode="eval").body.args  # type: ignore[attr-defined]
    return copy


def _without(arguments: ast.arguments) -> ast.arguments:
    def plain(each: Any) -> Any:
        return ast.arg(each.arg) if each is not None else None

    return ast.arguments(
        posonlyargs=list(map(plain, arguments.posonlyargs)),
        args=list(map(plain, arguments.args)),
        vararg=plain(arguments.vararg),
        kwonlyargs=list(map(plain, arguments.kwonlyargs)),
        kw_defaults=arguments.kw_defaults,
        kwarg=plain(arguments.kwarg),
        defaults=arguments.defaults,
    )


def _definition(node: ast.FunctionDef, indent: str = "") -> str:
    lines = [f"{indent}def {node.name}({_text(_bare(node.args))}):"]
    for statement in node.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # the docstring
        lines += _statement(statement, f"{indent}    ")
    return "\n".join(lines)


def _statement(node: ast.stmt, indent: str) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef):
        yield from (_definition(node, indent), "")
    elif isinstance(node, ast.Return) and node.value is not None:
        yield fitted(f"{indent}return ", node.value)
    elif isinstance(node, ast.Assign):
        start = f"{indent}{' = '.join(map(_open_tuple, node.targets))} = "
        yield (
            start + _open_tuple(node.value)
            if isinstance(node.value, ast.Tuple)
            else fitted(start, node.value)
        )
    elif isinstance(node, ast.If):
        yield f"{indent}if {_text(node.test)}:"
        for each in node.body:
            yield from _statement(each, f"{indent}    ")
    else:
        raise TypeError(f"a function of an oracle has a statement that is not read: {ast.unparse(node)}")


def fitted(start: str, node: ast.expr) -> str:
    """`start` and the expression; what is too long for a line is broken at its last brackets."""
    text = _text(node)
    if len(start + text) <= WIDTH or text[-1] not in ")]}":
        return start + text
    opening = _opening(text)
    indent = start[: len(start) - len(start.lstrip())]
    inner = f"{indent}    {text[opening + 1 : -1]}"
    if len(inner) > WIDTH and isinstance(node, ast.Call):
        arguments = [*map(_text, node.args)]
        arguments += [f"{k.arg}={_text(k.value)}" if k.arg else f"**{_text(k.value)}" for k in node.keywords]
        inner = "\n".join(f"{indent}    {each}," for each in arguments)
    return f"{start}{text[: opening + 1]}\n{inner}\n{indent}{text[-1]}"


def _opening(text: str) -> int:
    """Where the bracket is opened that closes the text; brackets in strings do not occur in oracles."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] in ")]}") - (text[place] in "([{")
        if depth == 0:
            return place
    raise ValueError(f"brackets do not match in {text}")
