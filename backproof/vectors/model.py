"""What stands in a file of known-answer vectors: a header, vectors, and a footer, each one line of JSON.

Matrices are flat arrays, row by row, beside their shape. Every number is finite, and is the exact double
that its decimals read as; what would not be finite is left out when vectors are made. A version is a whole
number: a reader takes its own and refuses others, and an unknown key is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, model_validator

from refimpl import QUANTITIES

FORMAT: Literal["backproof-vectors"] = "backproof-vectors"
VERSION: Literal[1] = 1
KINDS = ("activation", "loss", "layer", "network")

Kind = Literal["activation", "loss", "layer", "network"]
DType = Literal["float32", "float64"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
Parameters = dict[Name, FiniteFloat]
Count = Annotated[int, Field(ge=0, le=2**53)]
Size = Annotated[int, Field(ge=1, le=2**31 - 1)]
Numbers = list[FiniteFloat]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Function(_Part):
    """An activation by its name in `backproof list activations`, and all its parameters."""

    name: Name
    parameters: Parameters = Field(description="parameter → value, defaults included")


class LossFunction(Function):
    """A loss by its name in `backproof list losses`; what arrays it has stand among the inputs."""

    reduction: Name = Field(description="how the terms of all entries become one number")
    divisor: Size = Field(description="what the sum of all terms is divided by, here")


class Matrix(_Part):
    """A matrix of numbers, flat, row by row; samples are columns."""

    shape: Annotated[list[Size], Field(min_length=2, max_length=2, description="rows and columns")]
    value: Numbers

    @model_validator(mode="after")
    def _fits(self) -> Matrix:
        if len(self.value) != self.shape[0] * self.shape[1]:
            raise ValueError(f"value has {len(self.value)} entries, but the shape is {self.shape}")
        return self


class Answer(Matrix):
    """Exact values, rounded to double, and how far from each an accurate answer can lie."""

    bound: Annotated[
        list[Annotated[FiniteFloat, Field(ge=0)]],
        Field(description="entry by entry: an answer x is right if |x - value| <= bound"),
    ]

    @model_validator(mode="after")
    def _bounds_fit(self) -> Answer:
        if len(self.bound) != len(self.value):
            raise ValueError(f"bound has {len(self.bound)} entries, but value has {len(self.value)}")
        return self

    def outside(self, answer: Sequence[float]) -> list[int]:
        """Which entries of a flat `answer` do not keep to |x - value| <= bound; one that is NaN does not.

        Raises ValueError unless the answer has as many entries.
        """
        if len(answer) != len(self.value):
            raise ValueError(f"the answer has {len(answer)} entries; it must have {len(self.value)}")
        entries = zip(answer, self.value, self.bound, strict=True)
        return [i for i, (x, value, bound) in enumerate(entries) if not abs(float(x) - value) <= bound]


class _Vector(_Part):
    id: Annotated[str, Field(pattern=r"^[a-z]+(/[A-Za-z0-9_.-]{1,60}){2,5}$")] = Field(
        description="kind/functions/dtype/which: the same numbers for the same seed"
    )
    dtype: DType = Field(description="what the inputs are numbers of, and the bounds are for")
    on_a_kink: bool = Field(
        description="whether some number lies on a kink, where an accurate evaluation may take either side: "
        "there value is the middle of all right answers, and bound reaches to the ends"
    )
    inputs: dict[Name, Matrix]
    answers: dict[Name, Answer]

    @model_validator(mode="after")
    def _complete(self) -> _Vector:
        inputs, answers = self._wanted()
        for what, given, wanted in (("inputs", self.inputs, inputs), ("answers", self.answers, answers)):
            missing = [name for name in wanted if name not in given]
            if missing:
                raise ValueError(f"{what} lack {', '.join(missing)}")
        unknown = [name for name in self.answers if name not in answers]
        if unknown:
            raise ValueError(f"answers have the unknown {', '.join(unknown)}; known: {', '.join(answers)}")
        return self

    def _wanted(self) -> tuple[Sequence[str], Sequence[str]]:
        raise NotImplementedError


class ActivationVector(_Vector):
    """A = σ(Z), and delta = (∂A/∂Z)^T dA for a given dA."""

    kind: Literal["activation"]
    activation: Function

    def _wanted(self) -> tuple[Sequence[str], Sequence[str]]:
        return ("Z", "dA"), ("A", "delta")


class LossVector(_Vector):
    """The loss of predictions A against targets Y, and dA = ∂loss/∂A; arrays of the loss are inputs too."""

    kind: Literal["loss"]
    loss: LossFunction

    def _wanted(self) -> tuple[Sequence[str], Sequence[str]]:
        return ("A", "Y"), ("loss", "dA")


class LayerVector(_Vector):
    """One layer forward from X, and back from dA: Z = W X + b, A = σ(Z), delta, dW, db, dX."""

    kind: Literal["layer"]
    activation: Function

    def _wanted(self) -> tuple[Sequence[str], Sequence[str]]:
        return ("W", "b", "X", "dA"), ("Z", "A", "delta", "dW", "db", "dX")


class NetworkVector(_Vector):
    """A network forward, back, and one step of gradient descent; names of layer l end in l, from 1 on."""

    kind: Literal["network"]
    activations: Annotated[list[Function], Field(min_length=1, max_length=64)]
    loss: LossFunction
    learning_rate: FiniteFloat

    def _wanted(self) -> tuple[Sequence[str], Sequence[str]]:
        layers = range(1, len(self.activations) + 1)
        inputs = ["X", "Y", *(f"{name}{l}" for l in layers for name in ("W", "b"))]
        return inputs, [
            name
            for quantity, per_layer in QUANTITIES.items()
            for name in ([f"{quantity}{l}" for l in layers] if per_layer else [quantity])
        ]


class Header(_Part):
    """The first line: what the file is and how it was made."""

    kind: Literal["header"]
    format: Literal["backproof-vectors"]
    version: Literal[1]
    backproof: Annotated[str, Field(max_length=60)] = Field(description="the version that wrote the file")
    kinds: list[Kind]
    dtypes: list[DType]
    seed: Annotated[int, Field(ge=0, lt=2**64)]
    cases: Count = Field(description="vectors of random numbers asked for, for each function")
    activations: list[Name]
    losses: list[Name]
    fields: dict[Name, str] = Field(description="what each field of a vector means, in one line")


class Footer(_Part):
    """The last line: without it a file has been cut short."""

    kind: Literal["footer"]
    vectors: Count = Field(description="how many vectors stand above")
    counts: dict[Kind, Count] = Field(description="kind → how many of them")
    skipped: dict[Kind, Count] = Field(
        description="kind → how many had a bound that says nothing; left out, or drawn again"
    )
    samples_left_out: Count = Field(description="samples without which the bounds of a vector are finite")

    @model_validator(mode="after")
    def _adds_up(self) -> Footer:
        if sum(self.counts.values()) != self.vectors:
            raise ValueError(f"counts add up to {sum(self.counts.values())}, not to {self.vectors}")
        return self


Vector = Annotated[ActivationVector | LossVector | LayerVector | NetworkVector, Field(discriminator="kind")]
Line = Annotated[
    Header | ActivationVector | LossVector | LayerVector | NetworkVector | Footer,
    Field(discriminator="kind"),
]
LINE: TypeAdapter[Any] = TypeAdapter(Line)
