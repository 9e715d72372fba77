"""Cannot be imported: an error of its own, with a hostile text."""

from right import right as right  # noqa: PLC0414 - what users name

raise RuntimeError("no \x1b[31mdata\n here")
