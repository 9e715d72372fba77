"""What an implementation declares: the layout and the scale it keeps to, and what it supports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from backproof.cases import DrawOptions
from backproof.cases.options import LABELS, drawn_losses
from backproof.errors import UsageError
from refimpl import ACTIVATIONS, DTYPES, LOSSES, Case, Loss, LossSpec, Network
from refimpl.domains import OneHot, OneOf
from refimpl.functions import ALL_REDUCTIONS, REDUCTIONS

from .wording import known, shown

Names = tuple[str, ...]
Span = tuple[int, int]

# What a loss or its gradients are divided by, m samples and n_out outputs → the reduction that is.
DIVISORS: Mapping[str, str] = {"sum": "sum", "/m": "batchmean", "/(m n_out)": "entrymean"}
SCALES = (*DIVISORS, *(f"1/2 {divisor}" for divisor in DIVISORS))


@dataclass(frozen=True)
class Scale:
    """What the documented sum of terms is divided by, and whether there is 1/2 in front of it."""

    divisor: str
    half: bool = False

    @classmethod
    def read(cls, text: Any, key: str) -> Scale:
        """One of SCALES; a sign between m and n_out does not matter. Raises UsageError."""
        plain = text
        if isinstance(text, str):
            for sign in "*·":
                plain = plain.replace(sign, " ")
            plain = " ".join(plain.replace("½", "1/2 ").split())
        if plain not in SCALES:
            raise UsageError(
                f"{key} must be one of {', '.join(repr(each) for each in SCALES)}, not {shown(text)}"
            )
        return cls(plain.removeprefix("1/2 "), half=plain.startswith("1/2 "))

    @property
    def reduction(self) -> str:
        """The reduction that divides by the same."""
        return DIVISORS[self.divisor]

    def __str__(self) -> str:
        return ("1/2 " if self.half else "") + self.divisor


class Judged(NamedTuple):
    """One drawn case as it is judged; `trace_of` has doubled what is declared to have 1/2 in front."""

    loss: Case
    """For the loss."""
    gradients: Case
    """For all gradients and updates; the same object where both are divided by the same."""
    double_loss: bool
    double_gradients: bool


@dataclass(frozen=True)
class Declaration:
    """All that can be declared; each default is what the reference does, or all that there is.

    `Declaration.read` makes one of a plain mapping and checks it.
    """

    samples: str = "columns"
    """"columns", X is (n_0, m), or "rows", (m, n_0); of Y, Z, A, δ and dX likewise."""
    weights: str = "outputs x inputs"
    """W and dW: "outputs x inputs" or "inputs x outputs"."""
    bias: str = "column"
    """b and db: "column", (n, 1), "row", (1, n), or "flat", (n,)."""
    labels: str = "any"
    """"any", "hard", "one-hot", or "indices": Y holds the number of each sample's class, (m,)."""
    loss_scale: Scale | None = None
    """What the loss is divided by, whatever a case says; None where the case's reduction is honoured."""
    gradient_scale: Scale | None = None
    """Likewise for the gradients; as the loss where it is not given."""
    activations: Names | None = None
    hidden: Names | None = None
    output: Names | None = None
    losses: Names | None = None
    pairs: tuple[tuple[str, str], ...] | None = None
    reductions: Names = REDUCTIONS
    dtypes: Names = DTYPES
    depth: Span | None = None
    """The least and the most layers; None as the harness draws."""
    width: Span | None = None
    batch: Span | None = None
    inputs: Span | None = None
    outputs: Span | None = None
    parameters: bool = False
    """Whether activations and losses may have other parameters than their defaults."""
    arrays: bool = False
    """Whether losses may have arrays, such as class weights."""

    def __post_init__(self) -> None:
        if self.gradient_scale is None:
            object.__setattr__(self, "gradient_scale", self.loss_scale)

    @classmethod
    def read(cls, mapping: Any, place: str) -> Declaration:
        """What a mapping declares; None and {} declare nothing.

        Raises UsageError, whose message starts with `place`, for unknown keys and names, values of the
        wrong kind, and what leaves nothing to draw or contradicts itself.
        """
        if mapping is None:
            return cls()
        if not isinstance(mapping, Mapping):
            raise UsageError(f"{place}: a declaration is a mapping of keys to values, not {shown(mapping)}")
        try:
            given = {key: _reader(key)(value, key) for key, value in mapping.items()}
            declaration = cls(**given)
            _check(declaration, given)
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from None
        return declaration

    def draw_options(self) -> DrawOptions:
        """What to draw, so that every case is one that is supported. UsageError as DrawOptions has it."""
        sizes = {}
        for name in ("depth", "width", "batch"):
            span = getattr(self, name)
            if span is not None:
                sizes[f"min_{name}"], sizes[f"max_{name}"] = span
        return DrawOptions(
            activations=self.activations,
            losses=self.losses,
            hidden=self.hidden,
            output=self.output,
            pairs=self.pairs,
            reductions=self.reductions if self.loss_scale is None else (self.loss_scale.reduction,),
            inputs=self.inputs,
            outputs=self.outputs,
            parameters=self.parameters,
            arrays=self.arrays,
            labels=self.labels,
            **sizes,
        )

    def judged_cases(self, case: Case) -> Judged:
        """The case as it is judged: with the reductions that the declared scales are."""
        of_loss = _divided(case, self.loss_scale)
        of_gradients = _divided(of_loss, self.gradient_scale)
        return Judged(of_loss, of_gradients, _is_half(self.loss_scale), _is_half(self.gradient_scale))

    @property
    def is_out_of_step(self) -> bool:
        """Whether the gradients are declared to be other than those of the loss."""
        return self.gradient_scale != self.loss_scale

    def describe(self) -> list[str]:
        """What is declared other than the defaults, a few words each."""
        said = [_IN_WORDS[key].format(getattr(self, key)) for key in ("samples", "weights", "bias", "labels")
                if getattr(self, key) != getattr(Declaration, key)]  # fmt: skip
        if self.loss_scale is not None:
            said.append(f"loss is {_scale_in_words(self.loss_scale)}")
        if self.gradient_scale is not None and self.gradient_scale != self.loss_scale:
            said.append(f"gradients are {_scale_in_words(self.gradient_scale)}")
        for key in ("activations", "hidden", "output", "losses", "reductions", "dtypes"):
            names = getattr(self, key)
            if names != getattr(Declaration, key):
                said.append(f"{_IN_WORDS[key]}: {', '.join(names)}")
        if self.pairs is not None:
            said.append(f"pairs: {', '.join(' with '.join(pair) for pair in self.pairs)}")
        for key in ("depth", "width", "batch", "inputs", "outputs"):
            span = getattr(self, key)
            if span is not None:
                said.append(f"{key} {span[0]}" + (f" to {span[1]}" if span[1] != span[0] else ""))
        said += [f"{key} vary" for key in ("parameters", "arrays") if getattr(self, key)]
        return said


_IN_WORDS = {
    "samples": "samples are {}",
    "weights": "weights are {}",
    "bias": "biases are {}",
    "labels": "labels are {}",
    "activations": "activations",
    "hidden": "hidden activations",
    "output": "last activations",
    "losses": "losses",
    "reductions": "reductions",
    "dtypes": "dtypes",
}


def _scale_in_words(scale: Scale) -> str:
    by = {"sum": "a sum", "/m": "divided by m", "/(m n_out)": "divided by m n_out"}[scale.divisor]
    return by + (", with 1/2 in front" if scale.half else "")


def _is_half(scale: Scale | None) -> bool:
    return scale is not None and scale.half


def _divided(case: Case, scale: Scale | None) -> Case:
    """The case with the reduction that divides as the scale says; itself if its own does, whatever the sizes.

    With one sample all divide by the same, but not when it is asked twice.
    """
    loss = case.network.loss
    if scale is None:
        return case
    if loss.entry.divisor(scale.reduction, 2, 3) == loss.entry.divisor(loss.reduction, 2, 3):
        return case
    spec = LossSpec(loss.name, scale.reduction, loss.parameters, loss.arrays)
    return Case(Network(case.network.layers, spec), case.X, case.Y, case.learning_rate)


# ---------------------------------------------------------------- reading values


def _one_of(names: Iterable[str]) -> Callable[[Any, str], str]:
    def read(value: Any, key: str) -> str:
        if not isinstance(value, str) or value not in names:
            raise UsageError(f"unknown {key} {shown(value)}; {known(value, names)}")
        return value

    return read


def _listed(value: Any, key: str, what: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        remedy = f"write [{value!r:.60}]" if isinstance(value, str) else "leave it out for all"
        raise UsageError(f"{key} must be a list of at least one {what}, not {shown(value)}; {remedy}")
    return tuple(value)


def _names(kind: str, names: Iterable[str]) -> Callable[[Any, str], Names]:
    def read(value: Any, key: str) -> Names:
        listed = _listed(value, key, "name")
        for name in listed:
            if not isinstance(name, str) or name not in names:
                raise UsageError(f"unknown {kind} {shown(name)} in {key}; {known(name, names)}")
        return listed

    return read


def _pairs(value: Any, key: str) -> tuple[tuple[str, str], ...]:
    listed = _listed(value, key, "pair of a last activation and a loss")
    for pair in listed:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise UsageError(f"each of {key} must be [last activation, loss], not {shown(pair)}")
        _names("activation", ACTIVATIONS)(pair[:1], key)
        _names("loss", LOSSES)(pair[1:], key)
    return tuple((first, second) for first, second in listed)


def _span(value: Any, key: str) -> Span:
    ends = [1, value] if isinstance(value, int) else value
    if (
        not isinstance(ends, (list, tuple))
        or len(ends) != 2
        or any(isinstance(end, bool) or not isinstance(end, int) or end < 1 for end in ends)
    ):
        raise UsageError(
            f"{key} must be [least, most], or a number, the most: integers of at least 1; not {shown(value)}"
        )
    if ends[0] > ends[1]:
        raise UsageError(f"{key} is {shown(list(ends))}, the wrong way round; write [{ends[1]}, {ends[0]}]")
    return (ends[0], ends[1])


def _truth(value: Any, key: str) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{key} must be true or false, not {shown(value)}")
    return value


_READERS: Mapping[str, Callable[[Any, str], Any]] = {
    "samples": _one_of(("columns", "rows")),
    "weights": _one_of(("outputs x inputs", "inputs x outputs")),
    "bias": _one_of(("column", "row", "flat")),
    "labels": _one_of(LABELS),
    "loss_scale": Scale.read,
    "gradient_scale": Scale.read,
    "activations": _names("activation", ACTIVATIONS),
    "hidden": _names("activation", ACTIVATIONS),
    "output": _names("activation", ACTIVATIONS),
    "losses": _names("loss", LOSSES),
    "pairs": _pairs,
    "reductions": _names("reduction", ALL_REDUCTIONS),
    "dtypes": _names("dtype", DTYPES),
    "depth": _span,
    "width": _span,
    "batch": _span,
    "inputs": _span,
    "outputs": _span,
    "parameters": _truth,
    "arrays": _truth,
}


def _reader(key: Any) -> Callable[[Any, str], Any]:
    if key not in _READERS:
        raise UsageError(f"unknown key {shown(key)} in the declaration; {known(key, _READERS)}")
    return _READERS[key]


# ---------------------------------------------------------------- what fits together


def _check(declaration: Declaration, given: Mapping[str, Any]) -> None:
    if "reductions" in given and declaration.loss_scale is not None:
        raise UsageError(
            f"reductions and loss_scale {str(declaration.loss_scale)!r} both say what the loss is divided "
            "by; leave out reductions if the code divides so whatever a case says, else loss_scale"
        )
    for key in ("hidden", "output"):
        _check_among(getattr(declaration, key), key, declaration.activations, "activations")
    pairs = declaration.pairs or ()
    for key in ("activations", "output"):
        _check_among([first for first, _ in pairs], "pairs", getattr(declaration, key), key)
    _check_among([second for _, second in pairs], "pairs", declaration.losses, "losses")
    losses = drawn_losses(declaration.draw_options())
    if not any(_takes(loss, declaration.labels) for loss in losses):
        names = ", ".join(loss.name for loss in losses)
        raise UsageError(
            f"labels {declaration.labels!r} are taken by none of the losses {names}; leave labels out, or "
            "add a loss of classes or labels, such as cross_entropy_with_logits"
        )


def _check_among(names: Iterable[str] | None, key: str, allowed: Names | None, other: str) -> None:
    for name in names or ():
        if allowed is not None and name not in allowed:
            raise UsageError(
                f"{key} has {name!r}, which is not among {other}; add it to {other} or leave it out of {key}"
            )


def _takes(loss: Loss, labels: str) -> bool:
    """Whether some targets of the loss have that form."""
    domain = loss.target_domain
    if labels == "any" or loss.classes or isinstance(domain, OneHot):
        return True
    if isinstance(domain, OneOf):
        return labels == "hard"
    return max(abs(domain.low), abs(domain.high)) < float("inf")
