"""Ways to ask an implementation, all alike: a request has a case in the layout declared, a reply the answer.

In the program's own process, in a worker process, or in dialogue with a command: whatever the way, nothing
that the implementation does is an exception for who asks. It is in the reply, as a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Arrays = Literal["plain", "read-only", "fortran", "strided"]
LinkErrorKind = Literal["start", "time", "ended", "closed", "flood"]


class LinkError(Exception):
    """Something happened to the process under test; the message is a clause whose subject is the process.

    kind: "start" it cannot be started, "time" its time is up, "ended" it is dead, "closed" it lives but
    closed the pipe of the protocol, "flood" it wrote more than one message may have.
    """

    def __init__(self, kind: LinkErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


@dataclass(frozen=True)
class Hello:
    """What an implementation says of itself when it starts."""

    name: str
    declaration: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    stateful: bool = False
    """Whether it is an object with passes of its own, so that `Request.predict` makes a difference."""


@dataclass(frozen=True)
class Request:
    """One case to run, as `in_layout` gives it, and what to do on the same state before."""

    fields: dict[str, Any]
    before: tuple[dict[str, Any], ...] = ()
    """Cases that are run first; their answers do not matter."""
    predict: tuple[dict[str, Any], ...] = ()
    """Cases of which only the forward pass is run, before this case."""
    arrays: Arrays = "plain"
    """How the arrays lie in memory."""


@dataclass(frozen=True)
class Reply:
    """What came back: values by the names of refimpl.QUANTITIES, or none with the reason."""

    values: dict[str, Any] | None
    faults: tuple[str, ...] = ()
    unsupported: str = ""
    """Why the implementation does not support this case; then there are no values and no fault."""


class Link(Protocol):
    """A way to ask an implementation."""

    lost: tuple[Any, ...]
    """How often it was lost so far, and whether that is too often; set to go on from there."""

    def start(self) -> Hello:
        """Starts the implementation. LinkError if it cannot be started or says no hello."""
        ...

    def ask(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """One reply a request, in order. Whatever happens to the process is a fault in the reply."""
        ...

    def afresh(self) -> bool:
        """Has it start anew at the next question, whatever it remembers; False if that cannot be done."""
        ...

    def close(self) -> None:
        """Ends what was started; may be called twice, and before `start`."""
        ...
