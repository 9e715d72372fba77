"""Code as it stands in the project's files, taken out by its dotted name."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]


class NotFoundError(ValueError):
    """Nothing of that name, or nothing that has lines of code."""


def found(name: str) -> Any:
    """What a dotted name such as "refimpl.activations.softmax_vjp" stands for; NotFoundError."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for place, part in enumerate(parts[length:], start=length):
            try:
                thing = inspect.getattr_static(thing, part)
            except AttributeError:
                raise NotFoundError(f"{'.'.join(parts[:place])} has no {part!r}") from None
        return thing
    raise NotFoundError(f"there is no module {parts[0]!r}")


def source_of(thing: Any) -> str:
    """The lines of a function, method or class, moved to the left margin; NotFoundError."""
    try:
        return textwrap.dedent(inspect.getsource(inspect.unwrap(_function(thing)))).rstrip() + "\n"
    except (TypeError, OSError):
        raise NotFoundError("it is no function, method or class of a file") from None


def _function(thing: Any) -> Any:
    if isinstance(thing, property):
        return thing.fget
    return getattr(thing, "__func__", thing)


def file_of(thing: Any) -> str:
    """The file that has it, from the folder in which its package is."""
    file = Path(inspect.getfile(inspect.unwrap(_function(thing))))
    module = inspect.getmodule(inspect.unwrap(_function(thing)))
    assert module is not None
    return file.relative_to(file.parents[module.__name__.count(".")]).as_posix()


def without_docstring(source: str) -> str:
    """The source of one function or class without its docstring."""
    (statement,) = ast.parse(source).body
    assert isinstance(statement, (ast.FunctionDef, ast.ClassDef))
    first = statement.body[0]
    if ast.get_docstring(statement) is None or len(statement.body) == 1:
        return source
    lines = source.splitlines(keepends=True)
    del lines[first.lineno - 1 : first.end_lineno]
    return "".join(lines)


def lambda_source(function: Callable[..., Any]) -> str:
    """The text of a lambda, without what stands around it."""
    lines, start = inspect.findsource(function)
    tree = ast.parse("".join(lines))
    line = function.__code__.co_firstlineno
    assert start < len(lines)
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda) and node.lineno == line]
    same = [node for node in made if [a.arg for a in node.args.args] == list(_arguments(function))]
    if len(same) != 1:
        raise NotFoundError(f"line {line} has {len(same)} lambdas of these arguments")
    text = ast.get_source_segment("".join(lines), same[0])
    assert text is not None
    return " ".join(text.split())


def _arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


def entry_source(name: str, module: ModuleType) -> str:
    """The lines that put the activation or the loss `name` into its table, moved to the left margin."""
    text = inspect.getsource(module)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Name):
            first = node.args[0]
            known = node.func.id in {"Activation", "Loss"}
            if known and isinstance(first, ast.Constant) and first.value == name:
                assert node.end_lineno is not None
                lines = text.splitlines(keepends=True)[node.lineno - 1 : node.end_lineno]
                return textwrap.dedent("".join(lines)).rstrip().rstrip(",") + "\n"
    raise NotFoundError(f"{module.__name__} has no entry {name!r}")


def definitions(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Name → code of the functions and the values that a file defines for itself."""
    text = inspect.getsource(module)
    for statement in ast.parse(text).body:
        source = (ast.get_source_segment(text, statement) or "") + "\n"
        if isinstance(statement, ast.FunctionDef):
            yield statement.name, source
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield statement.targets[0].id, source


def with_what_it_uses(code: str, own: Mapping[str, str]) -> str:
    """The code after those of the definitions `own` that it needs, and that those need."""
    needed: list[str] = []
    waiting = [code]
    while waiting:
        names = [node.id for node in ast.walk(ast.parse(waiting.pop())) if isinstance(node, ast.Name)]
        for name in names:
            if name in own and name not in needed:
                needed.append(name)
                waiting.append(own[name])
    return "\n\n".join([*(own[name] for name in own if name in needed), code])
