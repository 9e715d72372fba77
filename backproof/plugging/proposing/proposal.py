"""What a probe comes to: a declaration, with what speaks for it and what does not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_WIDE = 88


@dataclass(frozen=True)
class Proposal:
    """The declaration that explains the answers, or the reason why there is none."""

    name: str
    """What the implementation is called."""
    keys: Mapping[str, Any] | None
    """The declaration, with those keys only that differ from the defaults; None if none could be found."""
    found: tuple[str, ...] = ()
    """The evidence."""
    wrong: tuple[str, ...] = ()
    """What is declared already, and is not so."""
    off: tuple[str, ...] = ()
    """What no declaration explains."""
    unknown: tuple[str, ...] = ()
    """What could not be decided."""
    reason: str = ""
    """Why there is no proposal, and what to look at first."""
    asked: int = 0
    """How many cases were asked."""

    @property
    def is_found(self) -> bool:
        """Whether there is a declaration."""
        return self.keys is not None

    @property
    def python(self) -> str:
        """The declaration as Python to be pasted below the implementation."""
        target = self.name if re.fullmatch(r"[\w.]+", self.name) else "implementation"
        return f"{target}.backproof = {_written(self.keys or {})}"

    @property
    def json(self) -> str:
        """The declaration for the hello of a program in dialogue."""
        return json.dumps({"declaration": dict(self.keys or {})}, ensure_ascii=False)

    def lines(self, command: str) -> Iterator[str]:
        """All of it for a reader; `command` is what to run next."""
        yield f"{self.name}: {self.asked} cases asked"
        for title, texts in (
            ("found", self.found),
            ("declared, but not so", self.wrong),
            ("off, whatever is declared", self.off),
            ("unknown", self.unknown),
        ):
            if texts:
                yield f"\n{title}:"
                yield from (f"  {text}" for text in texts)
        if not self.is_found:
            yield f"\nno declaration fits: {self.reason}"
            return
        yield "\ndeclare, in Python:"
        yield from (f"  {line}" for line in self.python.splitlines())
        yield "\nor, in the hello of a program:"
        yield f"  {self.json}"
        yield f"\nthen: {command}"


def _written(keys: Mapping[str, Any]) -> str:
    """A dict as Python, a key a line where it is long."""
    short = repr(dict(keys)).replace("'", '"')
    if len(short) <= _WIDE:
        return short
    lines = []
    for key, value in keys.items():
        text = f'    "{key}": {_value(value)},'
        lines.append(text if len(text) <= _WIDE + 8 else f'    "{key}": {_wrapped(value)},')
    return "\n".join(("{", *lines, "}"))


def _value(value: Any) -> str:
    return repr(value).replace("'", '"')


def _wrapped(values: Any) -> str:
    lines, line = [], "       "
    for each in values:
        text = f" {_value(each)},"
        if len(line) + len(text) > _WIDE:
            lines.append(line)
            line = "       "
        line += text
    return "\n".join(("[", *lines, line, "    ]"))
