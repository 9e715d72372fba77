"""What a process printed where nobody asked: its end, in words that are safe to show."""

from __future__ import annotations

_KEPT = 4096


class Tail:
    """The end of what was printed on one pipe, and how much it was in all."""

    def __init__(self) -> None:
        self.total = 0
        self._end = b""

    def add(self, data: bytes) -> None:
        """Keeps the last 4 KiB."""
        self.total += len(data)
        self._end = (self._end + data)[-_KEPT:]

    def text(self) -> str:
        """The end as text; what is not UTF-8 is replaced."""
        return self._end.decode("utf-8", "replace")

    def line(self, most: int = 300) -> str:
        """The end in one printable line of at most `most` characters."""
        return one_line(self.text().strip(), most)


def one_line(text: str, most: int = 300) -> str:
    """The end of `text` in one line: white space collapsed, what is not printable replaced."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
    return text if len(text) <= most else "…" + text[-most:]
