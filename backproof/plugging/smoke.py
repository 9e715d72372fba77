"""The first thing to try with an implementation: whether it can be asked at all, step by step.

Nothing is judged: a smoke test says that a run would get answers, not that they are right.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from backproof.cases import DrawOptions, draw_case
from backproof.errors import UsageError
from refimpl import QUANTITIES, Case, Trace

from .declaration import Declaration
from .layouts import in_layout, trace_of
from .links import Hello, Link, LinkError, Reply, Request

_SEED = 1
_TIMED_CALLS = 10
_GRADIENTS = (("dW", "db"), ("W_updated", "b_updated"))


@dataclass(frozen=True)
class Step:
    """One thing that was tried: what was seen, or what is wrong and what to change."""

    name: str
    ok: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok   ' if self.ok else 'WRONG'}  {self.name}: {self.text}"


def smoke(link: Link, place: str = "the declaration") -> Iterator[Step]:
    """The steps as they are done; after one without which the next have no sense, there are no more.

    `place` says in messages where the declaration stands. The link is started here and closed in any case.
    """
    try:
        hello = link.start()
    except (LinkError, UsageError) as error:
        yield Step("starts", False, str(error))
        link.close()
        return
    try:
        yield Step("starts", True, f"as {hello.name!r}" + _versions(hello))
        try:
            declaration = Declaration.read(hello.declaration, place)
            options = declaration.draw_options()
        except UsageError as error:
            yield Step("declaration", False, str(error))
            return
        said = "; ".join(declaration.describe())
        yield Step("declaration", True, said or "none, so it is asked everything, samples as columns")
        yield from _questions(link, declaration, options)
    finally:
        began = time.monotonic()
        link.close()
        seconds = time.monotonic() - began
    if getattr(link, "ended_when_told", True):
        yield Step("ends", True, f"{seconds:.1f} s after it was told to stop")
    else:
        remedy = "let it end when it is told to stop, or when its standard input ends"
        yield Step("ends", False, f"still ran after it was told to stop, and was killed; {remedy}")


def _versions(hello: Hello) -> str:
    return "".join(f", {name} {version}" for name, version in hello.versions.items())


def _questions(link: Link, declaration: Declaration, options: DrawOptions) -> Iterator[Step]:
    asked = list(_cases(declaration, options))
    supported, wrong = 0, False
    for name, case in asked:
        reply = _answer(link, Request(in_layout(case, declaration)))
        step = _step(name, case, declaration, reply)
        yield step
        supported += step.ok and not reply.unsupported
        wrong |= not step.ok
    if not supported:
        if not wrong:
            remedy = 'declare what is, such as losses: ["mse"]'
            yield Step("support", False, f"none of these cases is supported; {remedy}")
        return
    request = Request(in_layout(asked[0][1], declaration))
    yield _repeated(request, link)
    seconds: list[float] = []
    for _ in range(_TIMED_CALLS):
        began = time.monotonic()
        _answer(link, request)
        seconds.append(time.monotonic() - began)
    each = median(seconds)
    yield Step("time", True, f"{each * 1e3:.2g} ms a small case, {each * 1000:.2g} s for a thousand")


def _cases(declaration: Declaration, options: DrawOptions) -> Iterator[tuple[str, Case]]:
    """Of what is declared: the fewest layers, one more, another number of samples, and the largest case.

    The largest shows buffers that are too short for a long line.
    """
    width = max(options.min_width, min(3, options.max_width))
    batch = min(max(options.min_batch, 2), options.max_batch)
    other = batch + 1 if batch < options.max_batch else max(batch - 1, options.min_batch)
    fewest, more = options.min_depth, min(options.min_depth + 1, options.max_depth)
    largest = (options.max_depth, options.max_width, options.max_batch)
    sizes = [(fewest, width, batch), (more, width, batch), (more, width, other), largest]
    for index, (layers, widest, samples) in enumerate(dict.fromkeys(sizes)):
        narrowed = replace(
            options,
            regimes=("ordinary",),
            min_depth=layers,
            max_depth=layers,
            min_batch=samples,
            max_batch=samples,
            min_width=widest if (layers, widest, samples) == largest else options.min_width,
            max_width=widest,
        )
        case = declaration.judged_cases(draw_case(_SEED, index, declaration.dtypes[0], narrowed).case).loss
        units = f"up to {_counted(max(case.network.widths), 'unit')}"
        yield f"{_counted(layers, 'layer')} of {units}, {_counted(samples, 'sample')}", case


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _answer(link: Link, request: Request) -> Reply:
    return next(iter(link.ask([request])), Reply(None, ("there was no reply",)))


def _step(name: str, case: Case, declaration: Declaration, reply: Reply) -> Step:
    """Whether the answer to one case has what can be judged, in the right shapes, and finite."""
    if reply.faults:
        return Step(name, False, "; ".join(reply.faults))
    if reply.unsupported:
        return Step(name, True, f"not supported: {reply.unsupported}")
    trace, faults = trace_of(case, declaration, reply.values or {})
    if faults:
        return Step(name, False, "; ".join(faults))
    given = [quantity for quantity in QUANTITIES if getattr(trace, quantity) is not None]
    if not given:
        return Step(name, False, f"the answer holds nothing to judge; give some of {', '.join(QUANTITIES)}")
    infinite = _not_finite(trace)
    if infinite:
        return Step(name, False, f"{infinite}, with weights and data of ordinary size")
    text = f"gives {', '.join(given)}"
    if not any(all(part in given for part in pair) for pair in _GRADIENTS):
        lacking = "no gradients to judge; give dW and db, or W_updated and b_updated"
        return Step(name, False, f"{text}, but {lacking}")
    return Step(name, True, text)


def _not_finite(trace: Trace) -> str:
    for quantity, per_layer in QUANTITIES.items():
        value = getattr(trace, quantity)
        if value is None:
            continue
        for l, part in enumerate(value if per_layer else (value,), 1):
            wrong = np.asarray(part)[~np.isfinite(part)]
            if wrong.size:
                return f"{quantity}{f'[{l}]' if per_layer else ''} holds {wrong.flat[0]}"
    return ""


def _repeated(request: Request, link: Link) -> Step:
    name = "same answer twice"
    first, second = _answer(link, request), _answer(link, request)
    if first.values is None or second.values is None:
        return Step(
            name, False, "; ".join((*first.faults, *second.faults)) or "there was no answer this time"
        )
    for quantity in sorted(first.values.keys() | second.values.keys()):
        if not _same(first.values.get(quantity), second.values.get(quantity)):
            remedy = "does it keep gradients, or update its parameters, between calls?"
            return Step(name, False, f"{quantity} differs when the same case is asked again; {remedy}")
    return Step(name, True, "bit for bit")


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(_same, left, right))
    if left is None or right is None:
        return left is right
    left, right = np.asarray(left), np.asarray(right)
    return left.shape == right.shape and left.tobytes() == right.tobytes()
