"""The rubric: what is asked for, what it is worth, and how it is marked. A TOML file, read strictly.

`docs/grading.md` lists the keys; `template` is a file to start from. Every error is one line that names the
key, its value and what to write instead.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from backproof.cases import DrawOptions
from backproof.cases.regimes import REGIMES
from backproof.errors import UsageError
from backproof.plugging.declaration import Declaration
from backproof.plugging.wording import known, shown
from refimpl.equations import EQUATIONS

from .functions import FUNCTIONS, GIVES, MORE_ARGUMENTS

GRADED = ("F2", "F3", "F4", "F5", "B4", "B1a", "B5", "B1", "B3", "U1", "U2")
"""The equations that can have points, in the order of a pass. B2 is B3 for one sample."""
TITLES = {equation.id: equation.title for equation in EQUATIONS}
LATEX = {equation.id: equation.implemented_latex for equation in EQUATIONS}
LAYOUT = ("samples", "weights", "bias", "labels", "loss_scale", "gradient_scale")
"""What a submission's own declaration may say, if the rubric lets it."""
FEEDBACK = ("verdict", "diagnosis", "solution")
SEED = Annotated[int, Field(ge=0, lt=2**64)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Submission(_Table):
    """How a submission looks: what is looked for in it, in this order."""

    file: str = "network.py"
    """The file in a folder; a submission that is one file may have any name."""
    class_: str = Field(default="", alias="class")
    function: str = ""
    functions: dict[str, str] = Field(default_factory=dict)
    """Kind of FUNCTIONS → its name in the submission."""
    arguments: dict[str, list[str]] = Field(default_factory=dict)
    """Kind → what it is given, in order, where that is not the usual."""
    own_layout: bool = False
    """Whether a declaration `backproof = {…}` of its own may say how its arrays lie."""

    @field_validator("file")
    @classmethod
    def _is_a_python_file(cls, value: str) -> str:
        if not value.endswith(".py") or "/" in value or "\\" in value:
            raise ValueError('must be the name of a Python file in the folder; write "network.py"')
        return value

    @field_validator("class_", "function")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if value and not value.isidentifier():
            raise ValueError('must be a name in Python, or "" for none')
        return value

    @field_validator("functions")
    @classmethod
    def _are_functions(cls, value: dict[str, str]) -> dict[str, str]:
        for kind, name in value.items():
            if kind not in FUNCTIONS:
                raise ValueError(f"has the unknown function {shown(kind)}; {known(kind, FUNCTIONS)}")
            if not name.isidentifier():
                raise ValueError(f"has {kind} = {shown(name)}, which is no name in Python")
        return value

    @field_validator("arguments")
    @classmethod
    def _are_arguments(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for kind, names in value.items():
            if kind not in FUNCTIONS:
                raise ValueError(f"has the unknown function {shown(kind)}; {known(kind, FUNCTIONS)}")
            possible = (*FUNCTIONS[kind], *MORE_ARGUMENTS[kind])
            for name in names:
                if name not in possible:
                    raise ValueError(f"of {kind} has the unknown {shown(name)}; known: {', '.join(possible)}")
            if len(set(names)) < len(names) or not names:
                raise ValueError(f"of {kind} must name each argument once, and at least one")
        return value

    def arguments_of(self, kind: str) -> tuple[str, ...]:
        """What a function is given, in order."""
        return tuple(self.arguments.get(kind, FUNCTIONS[kind]))


class Marking(_Table):
    """How it is marked."""

    cases: Annotated[int, Field(ge=1, le=10_000)] = 40
    """Random networks, in each dtype."""
    seed: SEED | None = None
    """The sealed one, which draws the cases of `grade`; an exercise that students get has none."""
    open_seed: SEED = 1
    """Draws the cases of `check`."""
    floor: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The share of the cases in which an equation must have been judged to earn its points."""
    unstable: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The share of its points that an equation loses if it is unstable somewhere."""
    time_limit: Annotated[float, Field(gt=0, le=3600)] = 2.0
    """Seconds of processor time for one case."""
    memory_limit: Annotated[int, Field(ge=64, lt=2**30)] = 2048
    """MiB."""
    feedback: Literal["verdict", "diagnosis", "solution"] = "diagnosis"
    """What a student is told of a wrong equation: that it is, what is wrong, or what is right, too."""


class Rubric(_Table):
    """All of it, checked."""

    title: str = "Backpropagation"
    points: dict[str, Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False, strict=False)]]
    submission: Submission
    networks: dict[str, Any] = Field(default_factory=dict)
    """The keys of a declaration, and `regimes`."""
    marking: Marking = Marking()

    @field_validator("points")
    @classmethod
    def _of_equations(cls, value: dict[str, float]) -> dict[str, float]:
        for name in value:
            if name == "B2":
                raise ValueError("has B2, which is B3 for one sample; give its points to B3")
            if name not in GRADED:
                raise ValueError(f"has the unknown equation {shown(name)}; known: {', '.join(GRADED)}")
        if not any(value.values()):
            raise ValueError("gives no equation any points, so that there is nothing to mark; write F2 = 2")
        return value

    @property
    def asked(self) -> dict[str, float]:
        """Equation → points, those with points only, in the order of a pass."""
        return {name: self.points[name] for name in GRADED if self.points.get(name)}

    @property
    def out_of(self) -> float:
        """All points."""
        return sum(self.asked.values())

    @property
    def declaration(self) -> Declaration:
        """What a submission supports, and in which layout."""
        return Declaration.read(self.declared, "[networks]")

    @property
    def declared(self) -> dict[str, Any]:
        """The same as a plain mapping."""
        return {key: value for key, value in self.networks.items() if key != "regimes"}

    def draw(self) -> DrawOptions:
        """What the cases are drawn from."""
        from dataclasses import replace

        regimes = self.networks.get("regimes")
        options = self.declaration.draw_options()
        return options if regimes is None else replace(options, regimes=tuple(regimes))

    @property
    def digest(self) -> str:
        """SHA-256 of all that a mark may depend on: what it says, however that is written."""
        text = json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_rubric(path: str | Path, *, sealed: bool = False) -> Rubric:
    """The rubric of a file; with `sealed`, it must have the seed of the marks. Raises UsageError."""
    place = Path(path)
    try:
        text = place.read_bytes().decode("utf-8")
    except OSError as error:
        raise UsageError(
            f"{place} cannot be read: {error.strerror}; 'backproof grade --init rubric.toml' writes a rubric"
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{place} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    rubric = parse_rubric(text, place.name)
    if sealed and rubric.marking.seed is None:
        raise UsageError(
            f"{place.name}: marking.seed is missing; this looks like the exercise that students get. Give "
            "the rubric it was made from, or add a seed that nobody knows"
        )
    return rubric


def parse_rubric(text: str, place: str) -> Rubric:
    """The rubric of a TOML text. UsageError starts with `place`, and names key, value and remedy."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{place} is no TOML: {error}") from None
    try:
        rubric = Rubric.model_validate(tables)
        _check(rubric)
    except ValidationError as error:
        raise UsageError(f"{place}: {_in_one_line(error)}") from None
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None
    return rubric


def _check(rubric: Rubric) -> None:
    """What fits together. UsageError."""
    declaration = rubric.declaration
    regimes = rubric.networks.get("regimes")
    if regimes is not None:
        if not isinstance(regimes, list) or not regimes:
            raise UsageError(
                f"networks.regimes must be a list of at least one name, not {shown(regimes)}; leave it out "
                "for all"
            )
        for name in regimes:
            if name not in REGIMES:
                raise UsageError(f"unknown regime {shown(name)} in networks.regimes; {known(name, REGIMES)}")
    try:
        rubric.draw()
    except ValueError as error:
        raise UsageError(f"networks: {error}") from None
    hidden = [name for name in ("F3", "B5") if rubric.points.get(name)]
    if hidden and declaration.depth is not None and declaration.depth[1] < 2:
        raise UsageError(
            f"points.{hidden[0]} is {rubric.points[hidden[0]]:g}, but networks.depth is "
            f"{list(declaration.depth)}: without hidden layers it is never asked for; write depth = [1, 3], "
            f"or {hidden[0]} = 0"
        )
    _check_submission(rubric)
    marking = rubric.marking
    if marking.seed is not None and marking.seed == marking.open_seed:
        raise UsageError(
            f"marking.seed and marking.open_seed are both {marking.seed}, so that students know the cases of "
            "the marks; write another seed"
        )


_OF_FUNCTION = {"Z": ("F2",), "A": ("F3", "F4"), "loss": ("F5",), "dW": ("B1",), "db": ("B3",),
                "W_updated": ("U1",), "b_updated": ("U2",)}  # fmt: skip


def equations_of_function(kind: str) -> tuple[str, ...]:
    """The equations that a single function is."""
    if kind == "output_error":
        return ("B4",)
    if kind == "hidden_error":
        return ("B1a", "B5")
    return tuple(equation for quantity in GIVES[kind] for equation in _OF_FUNCTION[quantity])


def _check_submission(rubric: Rubric) -> None:
    submission = rubric.submission
    if not (submission.class_ or submission.function or submission.functions):
        raise UsageError(
            'submission names nothing to look for; write class = "Network", function = "network", or a table '
            "[submission.functions]"
        )
    for kind in submission.arguments:
        if kind not in submission.functions:
            raise UsageError(
                f"submission.arguments has {kind}, which is not among submission.functions; add it there, or "
                "leave it out"
            )
    if submission.class_ or submission.function:
        return
    given = {equation for kind in submission.functions for equation in equations_of_function(kind)}
    for equation, points in rubric.asked.items():
        if equation not in given:
            kind = next(kind for kind in FUNCTIONS if equation in equations_of_function(kind))
            raise UsageError(
                f"points.{equation} is {points:g}, but submission.functions has no {kind}, which it would be "
                f"judged by; add {kind}, or write {equation} = 0"
            )


# ---------------------------------------------------------------- errors in one line

_TABLES: Mapping[str, Any] = {"": Rubric, "submission": Submission, "marking": Marking}
_WHAT = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be a text in quotes",
    "bool_type": "must be true or false",
    "list_type": 'must be a list, such as ["W", "b"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "finite_number": "must be a finite number",
}


def _in_one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    key, kind, context = ".".join(path), first["type"], first.get("ctx", {})
    value = shown(first["input"])
    if kind == "extra_forbidden":
        table = _TABLES.get(".".join(path[:-1]), Rubric)
        names = [field.alias or name for name, field in table.model_fields.items()]
        return f"unknown key {key} = {value}; {known(path[-1], names)}"
    if kind == "missing":
        table_or_key = f"[{key}]" if key in ("points", "submission") else key
        return f"{table_or_key} is missing; 'backproof grade --init rubric.toml' writes one to start from"
    if kind == "value_error":
        return f"{key} {context['error']}"
    if kind == "literal_error":
        return f"{key} is {value}; it must be one of: {', '.join(FEEDBACK)}"
    limits = {"greater_than_equal": ("ge", "at least"), "greater_than": ("gt", "more than"),
              "less_than_equal": ("le", "at most"), "less_than": ("lt", "less than")}  # fmt: skip
    if kind in limits:
        name, words = limits[kind]
        return f"{key} is {value}; it must be {words} {context[name]:g}"
    return f"{key} {_WHAT.get(kind, first['msg'])}, not {value}"
