"""LaTeX as MathML, which browsers set without a script; only what is surely harmless is let through."""

from __future__ import annotations

import re
from functools import cache
from xml.etree import ElementTree as ET

from latex2mathml.converter import convert
from markupsafe import Markup

_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
_ELEMENT = re.compile(
    "math|mrow|mi|mn|mo|mtext|mspace|msup|msub|msubsup|mover|munder|munderover|mfrac|msqrt|mroot|mstyle|"
    "mpadded|mphantom|mtable|mtr|mtd"
)
_ATTRIBUTE = re.compile(
    "display|displaystyle|scriptlevel|mathvariant|stretchy|fence|form|separator|accent|accentunder|lspace|"
    "rspace|minsize|maxsize|symmetric|linethickness|movablelimits|largeop|columnalign|rowspacing|"
    "columnspacing|width|height|depth|voffset"
)
ET.register_namespace("", _NAMESPACE)


@cache
def mathml(latex: str, *, block: bool = False) -> Markup:
    r"""`latex` as MathML, or the LaTeX itself as code if it cannot be converted or is not only math.

    Inline, or as a `block` with limits above and below a sum.

    The converter copies text through without escaping it and knows \href, and a report read from a file
    may hold any LaTeX. So its output is parsed, and refused unless every element and attribute is known.
    """
    try:
        root = ET.fromstring(convert(latex, display="block" if block else "inline"))  # noqa: S314  (no DTD: the text begins with <math)
    except Exception:  # noqa: BLE001  (whatever the converter makes of it, the LaTeX can still be read)
        return Markup("<code>{}</code>").format(latex)
    for element in root.iter():
        name = str(element.tag).removeprefix(f"{{{_NAMESPACE}}}")
        if not _ELEMENT.fullmatch(name) or not all(map(_ATTRIBUTE.fullmatch, element.keys())):
            return Markup("<code>{}</code>").format(latex)
    root.set("aria-label", latex)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704  (nothing unknown is left)
