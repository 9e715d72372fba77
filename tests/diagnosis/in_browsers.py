"""Whether LaTeX is set by a browser as it is meant: the converter to MathML lets much pass."""

from xml.etree import ElementTree as ET

from backproof.reporting.mathml import mathml

CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "mover": 2, "munder": 2, "munderover": 3}


def unreadable(latex: str) -> list[str]:
    """What of it a browser would not set as it is meant."""
    text = str(mathml(latex))
    if not text.startswith("<math"):
        return [text]
    found = []
    for element in ET.fromstring(text).iter():  # noqa: S314 - our own
        name = element.tag.rpartition("}")[2]
        if len(element) != CHILDREN.get(name, len(element)):
            found.append(f"{name} of {len(element)}")
        if "\\" in (element.text or ""):
            found.append(element.text or "")
        if name in ("mo", "mi", "mn", "mtext") and len(element):
            found.append(f"{name} with elements in it")
    return found
