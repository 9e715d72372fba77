"""What a run judges: the reference, a catalogued mistake in its place, or somebody's implementation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from oracles import Oracle
from refimpl import QUANTITIES, ActivationSpec, Backprop, Case, Layer, LossSpec, Network

from .cases import DrawOptions
from .diagnosis.mistakes import MISTAKES
from .errors import UsageError
from .judging.adjudication import Truth
from .judging.panel import Panel
from .plugging.coverage import outside
from .plugging.declaration import Declaration
from .plugging.isolation import InProcess
from .plugging.links import Hello, Link, LinkError, Reply, Request
from .plugging.plugged import Plugged, PluggedPanel
from .plugging.sources import Source

REFERENCE = "reference"
_TAKEN = (REFERENCE, "torch", "jax", "truth", "arithmetic", "itself")


class Subject:
    """The reference, or a mistake."""

    name = REFERENCE
    place = ""
    declared: tuple[str, ...] = ()
    versions: Mapping[str, str] = {}
    most_cases: int | None = None
    """How many cases are worth asking, in each dtype; None for all."""

    def __init__(self, mistake: str | None = None) -> None:
        self.mistake = mistake
        self.options: list[str] = ["--mistake", mistake] if mistake else []
        """What `backproof replay` needs to find it again."""

    @property
    def implementation(self) -> Backprop:
        """What is judged, as a class of equations."""
        return MISTAKES[self.mistake].implementation() if self.mistake else Backprop()

    def panel(self, oracles: Sequence[Oracle], truth: Truth | None) -> Panel:
        """It and these oracles around one table; what remembers is asked again, as somebody's code is."""
        if self.mistake and MISTAKES[self.mistake].effect == "state":
            return PluggedPanel(_asked_again(self.implementation, self.name), oracles, truth)
        return Panel(self.implementation, oracles, self.name, truth)

    def dtypes(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the dtypes asked for that it supports."""
        return asked

    def draw(self, asked: DrawOptions) -> DrawOptions:
        """What to draw: what was asked for, as far as it is supported."""
        return asked

    def outside(self, case: Case) -> str:
        """What of a given case it does not declare to support; empty if it supports the case."""
        del case
        return ""

    def divides(self, case: Case) -> bool:
        """Whether it divides the loss as the case says, and has no other divisor of its own."""
        del case
        return True

    @property
    def not_offered(self) -> tuple[str, ...]:
        """Quantities of a trace that it never gave, once it was asked."""
        return ()

    @property
    def offered(self) -> Counter[str]:
        """Quantity → how often somebody's implementation offered it; to be changed in place."""
        return Counter()

    def afresh(self) -> bool:
        """Has it start anew, whatever it remembers; False if that cannot be done, or has no effect."""
        return False

    def close(self) -> None:
        """Ends what was started for it."""


def _asked_again(implementation: Backprop, name: str) -> Plugged:
    """A class of equations in the place of somebody's code: one object for all calls."""

    def answer(view: Any) -> dict[str, Any]:
        trace = implementation.run(_case_of(view))
        return {quantity: getattr(trace, quantity) for quantity in QUANTITIES}

    link = InProcess(answer, name)
    link.start()
    return Plugged(link, Declaration(parameters=True, arrays=True), name)


def _case_of(view: Any) -> Case:
    """The case that somebody's code sees as this view, in the layout of the reference."""
    layers = tuple(
        Layer(W, b, ActivationSpec(name, parameters))
        for W, b, name, parameters in zip(
            view.W, view.b, view.activations, view.activation_parameters, strict=True
        )
    )
    loss = LossSpec(view.loss, view.reduction, view.loss_parameters, view.loss_arrays)
    return Case(Network(layers, loss), view.X, view.Y, view.learning_rate)


class PluggedSubject(Subject):
    """Somebody's implementation."""

    def __init__(
        self, link: Link, place: str, options: Sequence[str] = (), *, name: str | None = None
    ) -> None:
        """Starts it; UsageError says what is to be changed for it to be usable."""
        super().__init__()
        self.options = list(options)
        self.place = place
        try:
            hello = link.start()
        except LinkError as error:
            link.close()
            if error.kind == "start":
                raise UsageError(f"{place}: {error}") from None
            self.most_cases = 1  # it will not say anything else
            link, hello = _Dead(str(error)), Hello(place.rpartition(":")[2] or place, {}, {}, False)
        self.name = name or hello.name
        if self.name in _TAKEN:
            self.name += " (under test)"
        self.versions = hello.versions
        try:
            declaration = Declaration.read(hello.declaration, f"the declaration of {self.name}")
        except UsageError:
            link.close()
            raise
        self.declared = tuple(declaration.describe())
        self.plugged = Plugged(link, declaration, self.name, stateful=hello.stateful)

    @classmethod
    def of(cls, source: Source) -> PluggedSubject:
        """As the options of a command say."""
        return cls(source.link(), source.place, source.words)

    def panel(self, oracles: Sequence[Oracle], truth: Truth | None) -> Panel:
        return PluggedPanel(self.plugged, oracles, truth)

    def dtypes(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        supported = self.plugged.declaration.dtypes
        found = tuple(dtype for dtype in asked if dtype in supported)
        if not found:
            raise UsageError(
                f"{self.name} declares {' and '.join(supported)} only; give --dtype {supported[0]}"
            )
        return found

    def draw(self, asked: DrawOptions) -> DrawOptions:
        own = self.plugged.declaration.draw_options()
        narrowed: dict[str, Any] = {}
        for kind in ("activations", "losses"):
            names, supported = getattr(asked, kind), getattr(own, kind)
            if names is None:
                continue
            missing = [name for name in names if supported is not None and name not in supported]
            if missing:
                raise UsageError(
                    f"{self.name} does not declare {', '.join(missing)} among its {kind}; it has: "
                    f"{', '.join(supported)}"
                )
            narrowed[kind] = names
        return replace(own, **narrowed)

    def outside(self, case: Case) -> str:
        return outside(self.plugged.declaration, case)

    def divides(self, case: Case) -> bool:
        scale = self.plugged.declaration.loss_scale
        return scale is None or scale.reduction == case.network.loss.reduction

    @property
    def not_offered(self) -> tuple[str, ...]:
        if not self.plugged.offered:  # it gave no answer at all, and the faults say why
            return ()
        return tuple(quantity for quantity in QUANTITIES if not self.plugged.offered[quantity])

    @property
    def offered(self) -> Counter[str]:
        return self.plugged.offered

    def afresh(self) -> bool:
        return self.plugged.link.afresh()

    def close(self) -> None:
        self.plugged.link.close()


@dataclass
class _Dead:
    """In the place of an implementation that could not be loaded: every case is a fault, with the reason."""

    reason: str
    lost: tuple[Any, ...] = ()

    def start(self) -> Hello:
        raise LinkError("ended", self.reason)

    def afresh(self) -> bool:
        return False

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        for _ in requests:
            yield Reply(None, (self.reason,))

    def close(self) -> None:
        pass
