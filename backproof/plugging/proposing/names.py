"""Which functions are supported: each is asked for, and the answer held against what it is called."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refimpl import ACTIVATIONS, LOSSES, QUANTITIES, Case
from refimpl.backprop import SPECIAL_FORMS
from refimpl.functions import REDUCTIONS

from .anchor import Hit, factor
from .asking import Answer
from .reading import Reading
from .scale import Finding, measured
from .specimens import Specimen
from .state import Asked, State
from .universe import Pair

_OTHERS = ("tanh", "relu", "sigmoid", "identity", "softplus", "elu", "gelu", "silu")
_OTHER_LOSSES = ("mse", "bce_with_logits", "l1", "huber", "log_cosh", "cross_entropy", "nll")
_ALL_PAIRS, _SAMPLE = 160, 100
_PATIENCE = 5.0
"""Seconds for pairs of names of which none has been found to be supported."""


@dataclass(frozen=True)
class Supported:
    """The functions that are answered rightly."""

    hidden: tuple[str, ...]
    pairs: tuple[Pair, ...]


def _fingerprint(answer: Answer) -> bytes:
    parts = []
    for quantity, per_layer in QUANTITIES.items():
        value = getattr(answer.trace, quantity)
        if value is not None:
            parts += [np.asarray(each).tobytes() for each in (value if per_layer else (value,))]
    return b"|".join(parts)


def is_ignored(state: State, names: Iterable[str], put: Callable[[dict[str, Any], str], Any]) -> bool:
    """Whether the same numbers get the same answer under at least two other names, and no other answer."""
    case = state.base.case
    names = [name for name in names if name not in {*state.base.hidden, state.base.output, state.base.loss}]
    (first,) = state.asker.answers([(case, state.layout)])
    others = state.asker.answers(
        [(case, state.layout)] * len(names), lambda number, fields: put(fields, names[number])
    )
    answered = [answer for answer in others if answer is not None and not answer.is_empty]
    return (
        first is not None
        and len(answered) > 1
        and all(_fingerprint(answer) == _fingerprint(first) for answer in answered)
    )


def _defaults(name: str, case: Case) -> dict[str, float]:
    return ACTIVATIONS[name].complete({}, case.dtype)


class Names:
    """Finds the supported functions; may find a better name for what the anchor computes."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.asked: dict[Pair, Asked] = {}
        self.deep = state.base.depth > 1
        case = state.base.case

        def hidden(fields: dict[str, Any], name: str) -> dict[str, Any]:
            last = fields["activations"][-1]
            parameters = [*([_defaults(name, case)] * (case.network.depth - 1)),
                          fields["activation_parameters"][-1]]  # fmt: skip
            names = [*([name] * (case.network.depth - 1)), last]
            return {"activations": names, "activation_parameters": parameters}

        def output(fields: dict[str, Any], name: str) -> dict[str, Any]:
            parameters = [*fields["activation_parameters"][:-1], _defaults(name, case)]
            return {"activations": [*fields["activations"][:-1], name], "activation_parameters": parameters}

        def loss(_: dict[str, Any], name: str) -> dict[str, Any]:
            given = LOSSES[name].complete({}, case.dtype)
            return {"loss": name, "loss_parameters": given}

        self.hidden_ignored = self.deep and is_ignored(state, _OTHERS, hidden)
        self.output_ignored = is_ignored(state, _OTHERS, output)
        self.loss_ignored = is_ignored(state, _OTHER_LOSSES, loss)

    def found(self) -> Supported:
        """Hidden activations, and pairs of a last activation and a loss."""
        hidden = self._hidden() if self.deep else ()
        self.right_hidden = set(hidden)
        pairs = self._confirmed(self._pairs())
        self._tell(hidden, pairs)
        return Supported(tuple(hidden), tuple(pairs))

    # ------------------------------------------------------------ hidden layers

    def _hidden(self) -> list[str]:
        state, names = self.state, self.state.universe.hidden
        specimens = [state.base.but(hidden=(name,)) for name in names]
        asked = dict(zip(names, state.ask(specimens), strict=True))
        last = [
            reading
            for answer, reading in asked.values()
            if reading is not None and answer is not None and _is_last_right(reading)
        ]
        state.trust(last or [state.hit.reading])
        right = [name for name in names if state.is_right(state.base.reduction, *asked[name])]
        self._told(
            "hidden activation",
            [
                name
                for name in names
                if name not in right and asked[name][1] is not None and not self.hidden_ignored
            ],
            asked,
        )
        right = self._near({name: state.base.but(hidden=(name,)) for name in right})
        if not right:
            state.unknown.append("hidden activations: none is answered as its name says")
            return [state.base.hidden[0]]
        if self.hidden_ignored:
            return right[:1]
        return right

    def _told(self, what: str, wrong: Sequence[Any], asked: Any) -> None:
        """A remark about names that are answered, whose forward pass is right and whose gradients are not."""
        state = self.state
        flawed = []
        for name in wrong:
            answer, reading = asked[name]
            if answer is None or reading is None or reading.loss is None:
                continue
            expected = state.scale.loss.expected(answer.case, state.base.reduction)
            if ("loss", "") in state.trusted and expected is not None and reading.loss.meets(expected):
                flawed.append(" with ".join(name) if isinstance(name, tuple) else name)
        if flawed:
            more = f" and {len(flawed) - 6} more" if len(flawed) > 6 else ""
            state.remarks.append(
                f"{what} {', '.join(flawed[:6])}{more}: the loss is right and gradients are not, so not "
                "proposed; if it is meant to be right, declare it, and backproof run tells what is wrong"
            )

    # ------------------------------------------------------------ last activations and losses

    def _pairs(self) -> list[Pair]:
        every = [pair for pair in self.state.universe.pairs if self._can_be_asked(pair)]
        output, loss = self.state.base.output, self.state.base.loss
        if self.loss_ignored:
            self._ask([(output, loss), *(pair for pair in every if pair[0] == output)])
            loss = self._rename([pair for pair in self._right(scaled=False) if pair[0] == output])
        losses = list(dict.fromkeys((loss, *(each for _, each in every))))
        outputs = list(dict.fromkeys((output, *(each for each, _ in every))))
        first = [(output, loss)]
        for each in (loss,) if self.loss_ignored else losses:
            likely = (output, *(form.activation for form in SPECIAL_FORMS if form.loss == each), "identity")
            fitting = [o for o in dict.fromkeys((*likely, *outputs)) if (o, each) in every]
            first += [(o, each) for o in fitting[:3]]
        self._ask(first)
        known = list(dict.fromkeys((loss, *(each for _, each in self._right()), *losses)))
        for each in outputs:
            special = [form.loss for form in SPECIAL_FORMS if form.activation == each]
            fitting = [l for l in dict.fromkeys((known[0], *special, *known)) if (each, l) in every]
            self._ask((each, l) for l in fitting[:3])
        if self.loss_ignored:
            return self._one_loss_each(loss)
        self._rescale()
        right = self._right()
        product = [p for p in every if p[0] in {o for o, _ in right} and p[1] in {l for _, l in right}]
        left = [pair for pair in product if pair not in self.asked]
        if len(product) > _ALL_PAIRS:
            self._ask(random.Random(1).sample(left, min(_SAMPLE, len(left))))  # noqa: S311
            tried = [pair for pair in product if pair in self.asked]
            if set(tried) <= set(self._right()):
                return product  # a sample of it was right throughout
        self._ask(left)
        right = self._right()
        # Where all that is right goes with all else, and is more than a pair, nothing speaks for odd pairs.
        is_product = len(right) > 1 and set(product) <= set(right)
        outputs_right = {output for output, _ in right}
        odd = [o for o in outputs if o not in outputs_right and o in self.right_hidden]
        self._ask_rest([pair for pair in every if not is_product or pair[0] in odd])
        right = self._right()
        return self._one_output([pair for pair in every if pair in right])

    def _confirmed(self, pairs: list[Pair]) -> list[Pair]:
        """Those whose last activations and losses are right in small numbers, too."""
        outputs = {output: (output, loss) for output, loss in reversed(pairs)}
        losses = {loss: (output, loss) for output, loss in reversed(pairs)}
        tried = dict.fromkeys((*outputs.values(), *losses.values()))
        right = set(self._near({pair: self._specimen(pair) for pair in tried}))
        return [
            pair
            for pair in pairs
            if outputs[pair[0]] in right and (losses[pair[1]] in right or len(losses) == 1)
        ]

    def _near(self, specimens: Mapping[Any, Specimen]) -> list[Any]:
        """The names of the specimens that are right where pre-activations are small, too.

        Beyond 1 sparse_plus is relu, and within 1 Huber's loss is half the squared error.
        """
        near = [each.but(near=True) for each in specimens.values()]
        asked = zip(specimens, near, self.state.ask(near), strict=True)
        return [name for name, each, got in asked if self.state.verdict(each.reduction, *got) is not False]

    def _can_be_asked(self, pair: Pair) -> bool:
        return LOSSES[pair[1]].classes or not self.state.layout.indices

    def _ask_rest(self, every: Sequence[Pair]) -> None:
        """Those of the pairs that were not asked yet, while there is patience."""
        if self.output_ignored:
            return
        began = time.monotonic()
        left = [pair for pair in every if pair not in self.asked]
        for start in range(0, len(left), 32):
            if time.monotonic() - began > _PATIENCE:
                self.state.evidence.append(f"{len(left) - start} unlikely pairs were not tried")
                return
            self._ask(left[start : start + 32])

    def _ask(self, pairs: Iterable[Pair]) -> None:
        new = [pair for pair in pairs if pair not in self.asked]
        specimens = [self._specimen(pair) for pair in new]
        self.asked.update(zip(new, self.state.ask(specimens), strict=True))

    def _specimen(self, pair: Pair) -> Specimen:
        return self.state.base.but(output=pair[0], loss=pair[1])

    def _right(self, *, scaled: bool = True) -> list[Pair]:
        """Those that are right; not `scaled`, up to any factor."""
        reduction = self.state.base.reduction
        return [
            pair for pair, each in self.asked.items() if self.state.is_right(reduction, *each, scaled=scaled)
        ]

    def _rescale(self) -> None:
        """Takes a reduction for the scale where it explains more losses than a constant one does.

        Who divides each loss as torch's "mean" does, whatever is asked for, divides by m n_out or by m.
        """
        state, known = self.state, len(self._right())
        proportional = self._right(scaled=False)
        counts = {name: sum(self._has(pair, name) for pair in proportional) for name in REDUCTIONS}
        best = max(counts, key=counts.__getitem__)
        if state.scale.loss.constant is not None and counts[best] > known:
            finding = Finding(honoured=(best,))
            state.scale = replace(state.scale, loss=finding, gradients=finding)
        right = {loss for _, loss in self._right()}
        others = list(dict.fromkeys(loss for _, loss in proportional if loss not in right))
        if others:
            state.remarks.append(
                f"{_some(others)}: right but for a factor that other losses do not have; not proposed"
            )

    def _has(self, pair: Pair, reduction: str) -> bool:
        """Whether loss and gradients are divided as a reduction says."""
        answer, reading = self.asked[pair]
        assert answer is not None
        assert reading is not None
        expected = factor(answer.case, reduction)
        return all(ratio is None or ratio.is_(expected) for ratio in (reading.loss, reading.gradients))

    def _rename(self, pairs: Sequence[Pair]) -> str:
        """The name of a loss that is there whatever is asked: that under which its scale is plainest."""
        state, best = self.state, None
        for pair in pairs:
            answer, reading = self.asked[pair]
            if answer is None or reading is None:
                continue
            hit = Hit(self._specimen(pair), answer, reading)
            scale = measured(state.asker, state.universe, hit)
            halves = sum(f.constant is not None and f.constant.half for f in (scale.loss, scale.gradients))
            unknown = sum(bool(f.unknown) for f in (scale.loss, scale.gradients))
            key = (unknown, halves, not _is_special(pair), state.universe.pairs.index(pair))
            if best is None or key < best:
                best, state.hit, state.scale = key, hit, scale
        return state.base.loss

    def _one_loss_each(self, loss: str) -> list[Pair]:
        """For each last activation the loss that goes with it, where that is not asked for."""
        found: dict[str, Pair] = {}
        order = self.state.universe.pairs
        for pair in sorted(self._right(), key=lambda p: (p[1] != loss, not _is_special(p), order.index(p))):
            found.setdefault(pair[0], pair)
        if self.output_ignored:
            return sorted(found.values(), key=lambda p: (not _is_special(p), order.index(p)))[:1]
        return sorted(found.values(), key=order.index)

    def _one_output(self, pairs: list[Pair]) -> list[Pair]:
        """One last activation, where it is there whatever is asked: that with which most losses are right."""
        if not self.output_ignored or not pairs:
            return pairs
        outputs = dict.fromkeys(output for output, _ in pairs)
        best = max(outputs, key=lambda o: (sum(p[0] == o for p in pairs), -self._rank(o, pairs)))
        return [pair for pair in pairs if pair[0] == best]

    @staticmethod
    def _rank(output: str, pairs: Sequence[Pair]) -> int:
        special = any(_is_special(pair) for pair in pairs if pair[0] == output)
        return list(ACTIVATIONS).index(output) - (100 if special else 0)

    # ------------------------------------------------------------ telling

    def _tell(self, hidden: Sequence[str], pairs: Sequence[Pair]) -> None:
        say, state = self.state.evidence.append, self.state
        if self.deep:
            if self.hidden_ignored:
                say(f"hidden layers: {hidden[0]}, whatever activation is asked for")
            else:
                say(f"hidden layers: {_some(hidden)} of {len(state.universe.hidden)} activations are right")
        outputs, losses = (list(dict.fromkeys(pair[k] for pair in pairs)) for k in (0, 1))
        whatever = [
            what
            for what, is_so in (("activation", self.output_ignored), ("loss", self.loss_ignored))
            if is_so
        ]
        asked = f", whatever {' and '.join(whatever)} {'are' if len(whatever) > 1 else 'is'} asked for"
        which = (
            f"{_some(outputs)} with {_some(losses)}" if pairs else "no pair that is known gives these numbers"
        )
        say(f"last layer and loss: {which}" + (asked if whatever else f"; {len(self.asked)} pairs tried"))
        right = {*pairs, *self._right()}
        answered = [p for p, (_, reading) in self.asked.items() if reading is not None and p not in right]
        if not whatever:
            self._told("pairs", answered, self.asked)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{len(names)}"


def _is_special(pair: Pair) -> bool:
    return any((form.activation, form.loss) == pair for form in SPECIAL_FORMS)


def _is_last_right(reading: Reading) -> bool:
    """Whether the last layer's gradients agree, so that the forward pass was right."""
    return reading.sharp and any(
        kind[1] == "last" for kind in reading.agreeing if kind[0] in {"dW", "W_updated"}
    )
