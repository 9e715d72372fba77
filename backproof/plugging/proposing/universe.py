"""What is to be searched: everything that can be declared, or what is declared already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from backproof.cases.options import DrawOptions, choices, drawn_losses, fitting_outputs
from backproof.errors import UsageError
from backproof.plugging.declaration import Declaration
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Case, InvalidCaseError, Layer, LossSpec, Network
from refimpl.functions import ALL_REDUCTIONS

from .asking import LAYOUTS, Layout
from .specimens import OTHER_SAMPLES, OTHER_SIZES, SAMPLES, SIZES, Specimen

Pair = tuple[str, str]
Triple = tuple[str, str, str]

# A hidden activation, a last one and a loss, as people write networks: the commonest first.
_LIKELY: tuple[Triple, ...] = (
    ("tanh", "identity", "mse"),
    ("relu", "softmax", "cross_entropy"),
    ("sigmoid", "sigmoid", "bce"),
    ("relu", "identity", "half_squared_error"),
    ("tanh", "identity", "cross_entropy_with_logits"),
    ("sigmoid", "sigmoid", "mse"),
    ("sigmoid", "sigmoid", "half_squared_error"),
    ("tanh", "tanh", "mse"),
    ("identity", "identity", "mse"),
    ("relu", "relu", "half_squared_error"),
    ("relu", "identity", "bce_with_logits"),
    ("relu", "log_softmax", "nll"),
    ("identity", "softmax", "cross_entropy"),
    ("tanh", "tanh", "half_squared_error"),
    ("relu", "identity", "l1"),
    ("relu", "identity", "huber"),
)


@dataclass(frozen=True)
class Universe:
    """What an implementation may turn out to support; without a declaration, all there is."""

    declared: Declaration = field(default_factory=Declaration)
    given: Mapping[str, Any] = field(default_factory=dict)
    """What is declared, as it is written."""

    @property
    def options(self) -> DrawOptions:
        """As a run would draw."""
        return self.declared.draw_options()

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """All layouts; those that contradict the declaration last."""
        return tuple(sorted(LAYOUTS, key=lambda layout: len(self.contradicted(layout))))

    def contradicted(self, layout: Layout) -> list[str]:
        """The declared keys that a layout contradicts."""
        keys = [
            key
            for key in ("samples", "weights", "bias")
            if key in self.given and getattr(self.declared, key) != getattr(layout, key)
        ]
        if "labels" in self.given and (self.declared.labels == "indices") != layout.indices:
            keys.append("labels")
        return keys

    @property
    def hidden(self) -> tuple[str, ...]:
        """The names that hidden layers may have."""
        return tuple(entry.name for entry in choices(self.options).hidden)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The last activations and losses that may come together."""
        return pairs_of(self.options)

    @property
    def reductions(self) -> tuple[str, ...]:
        """What may be asked for, "mean" first."""
        if "reductions" in self.given:
            return self.declared.reductions
        if self.declared.loss_scale is not None:
            first = self.declared.loss_scale.reduction
            return (first, *(name for name in ALL_REDUCTIONS if name != first))
        return ALL_REDUCTIONS

    @property
    def dtypes(self) -> tuple[str, ...]:
        """float64 first."""
        return tuple(sorted(self.declared.dtypes, reverse=True))

    @property
    def depths(self) -> range:
        """The numbers of layers."""
        return range(self.options.min_depth, self.options.max_depth + 1)

    def sized(
        self, depth: int, *, other: bool = False, samples: int | None = None, outputs: int | None = None
    ) -> Specimen:
        """A specimen of so many layers, as far as the declared sizes let it differ from other ones."""
        sizes = OTHER_SIZES if other else SIZES
        m = (OTHER_SAMPLES if other else SAMPLES) if samples is None else samples
        options = self.options
        width = (options.min_width, options.max_width)
        first, *between, last = Specimen(widths=(sizes[0], sizes[1], sizes[2])).of_depth(depth).widths
        last = last if outputs is None else outputs
        if depth == 2:
            between = [sizes[1]]
        widths = (
            _clamped(first, options.inputs or width),
            *(_clamped(each, width) for each in between),
            _clamped(last, options.outputs or width),
        )
        batch = _clamped(m, (options.min_batch, options.max_batch))
        return Specimen(widths=widths, samples=batch, reduction=self.reductions[0], dtype=self.dtypes[0])

    def triples(self) -> list[Triple]:
        """Functions to begin with: likely ones, or else some of what is declared."""
        pairs, hidden = set(self.pairs), self.hidden
        likely = [each for each in _LIKELY if each[0] in hidden and each[1:] in pairs]
        if len(hidden) == len(ACTIVATIONS) and len(likely) > 3:
            return likely
        first = [name for name in ("tanh", "relu", "sigmoid", "identity", *hidden) if name in hidden][:2]
        some = [each[1:] for each in _LIKELY if each[1:] in pairs]
        some += [pair for pair in self.pairs if pair not in some]
        made = [(name, *pair) for pair in some[:8] for name in first]
        return list(dict.fromkeys((*likely, *made)))


def pairs_of(options: DrawOptions) -> tuple[Pair, ...]:
    """The last activations and losses that the options leave, in the order of the tables."""
    return tuple(
        (entry.name, loss.name) for loss in drawn_losses(options) for entry in fitting_outputs(options, loss)
    )


def _clamped(number: int, span: tuple[int, int]) -> int:
    return min(max(number, span[0]), span[1])


def universe_of(declaration: Any, place: str) -> tuple[Universe, list[str]]:
    """What is declared, and what of it cannot be read: such keys are left out, each with the reason."""
    wrong = []
    try:
        return Universe(Declaration.read(declaration, place), dict(declaration or {})), []
    except UsageError as error:
        wrong.append(str(error))
    kept: dict[str, Any] = {}
    if isinstance(declaration, Mapping):
        for key, value in declaration.items():
            try:
                Declaration.read(kept | {key: value}, place)
            except UsageError:
                continue
            kept[key] = value
    return Universe(Declaration.read(kept, place), kept), wrong


def renamed(case: Case, hidden: str | None = None, pair: Pair | None = None) -> Case | None:
    """The same numbers with other functions; None if the targets or predictions are not the loss's."""
    layers = list(case.network.layers)
    for l, layer in enumerate(layers):
        last = l == len(layers) - 1
        name = (pair[0] if pair else None) if last else hidden
        if name is not None:
            layers[l] = Layer(layer.W, layer.b, ActivationSpec(name))
    loss = case.network.loss
    spec = LossSpec(pair[1], loss.reduction) if pair else loss
    try:
        return Case(Network(tuple(layers), spec), case.X, case.Y, case.learning_rate)
    except InvalidCaseError:
        return None


def classes(pairs: tuple[Pair, ...]) -> Iterator[Pair]:
    """Those of the pairs whose loss takes classes."""
    return (pair for pair in pairs if LOSSES[pair[1]].classes)
