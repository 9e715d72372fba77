r"""LaTeX as one line of Unicode, for terminals: \frac{\partial L}{\partial W^{[1]}} as ∂L/∂W[1].

It knows what the catalogues of equations, functions and mistakes use; a test sets all of them.
"""

from __future__ import annotations

import re

_LEXEME = re.compile(r"\\[a-zA-Z]+|\\.|[{}^_&]|[0-9.]+|\s+|.", re.DOTALL)

_WIDE = "\ue000"  # what no formula holds: the space of \\quad, until all others are single
_SYMBOLS = {
    "partial": "∂",
    "sigma": "σ",
    "delta": "δ",
    "Delta": "Δ",
    "ell": "ℓ",
    "eta": "η",
    "beta": "β",
    "alpha": "α",
    "theta": "θ",
    "lambda": "λ",
    "epsilon": "ε",
    "gamma": "γ",
    "pi": "π",
    "Phi": "Φ",
    "sum": "Σ",
    "leftarrow": "←",
    "odot": "⊙",
    "cdot": "·",
    "le": "≤",
    "ge": "≥",
    "ne": "≠",
    "ldots": "…",
    "lVert": "‖",
    "rVert": "‖",
    "|": "‖",
    "quad": _WIDE,
    ",": " ",
    ";": " ",
    " ": " ",
    "left": "",
    "right": "",
    "log": "log",
    "max": "max",
    "min": "min",
    "tanh": "tanh",
    "cosh": "cosh",
    "cos": "cos",
}
_WORDS = {"log", "tanh", "cosh", "cos"}
"""Functions written without brackets: a space parts them from their argument."""
_SPACED = {"=", "←", "⊙", "·", "≤", "≥", "≠", "<", ">", "+"}
_POWERS = {"T": "ᵀ", "2": "²", "3": "³", "p": "ᵖ", "m": "ᵐ"}
_SMALL = dict(zip("0123456789ijklmnpstuv+-,", "₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₗₘₙₚₛₜᵤᵥ₊₋,", strict=True)) | {"=": "₌"}


def plain(latex: str) -> str:
    """`latex` in one line of Unicode."""
    text = _Reader(latex).read()
    for pattern, tidied in _TIDIED:
        text = pattern.sub(tidied, text)
    return text.strip()


_TIDIED = tuple(
    (re.compile(pattern), tidied)
    for pattern, tidied in (
        (r"\s+", " "),
        (rf" ?{_WIDE} ?", "  "),
        (r"∂ (?=\w)", "∂"),
        (r"\[(\w) ([+-]) (\d)\]", r"[\1\2\3]"),
        (r"\(( ?-?∂\w(?:\[[^\]]*\])?[\w₀-₉ᵢⱼₛ]*) ?\)/\((∂\w(?:\[[^\]]*\])?[ᵢⱼₛ]*)\)", r"\1/\2"),
        (r"\((\w(?:\[[^\]]*\])?[₀-₉ₛₘ]*)\)(?=[ᵀ])", r"\1"),
        (r"‖ (.*?) ‖", r"‖\1‖"),
        (r"\( | (?=[),])", lambda found: found.group().strip()),
    )
)


class _Reader:
    """Reads the lexemes of one formula from left to right."""

    def __init__(self, latex: str) -> None:
        self._lexemes = _LEXEME.findall(latex)
        self._at = 0

    def read(self, end: str = "") -> str:
        """All up to the lexeme `end`, which is read too."""
        out = ""
        while self._at < len(self._lexemes):
            lexeme = self._next()
            if lexeme == end:
                return out
            out = self._joined(out, lexeme)
        return out

    def _next(self) -> str:
        lexeme = self._lexemes[self._at]
        self._at += 1
        return lexeme

    def _joined(self, out: str, lexeme: str) -> str:
        if lexeme.isspace():
            return out + " "
        if lexeme in ("^", "_"):
            return _raised(out, self._argument()) if lexeme == "^" else _lowered(out, self._argument())
        part = self._part(lexeme)
        if part.strip() in _SPACED:
            return f"{out.rstrip(' ')} {part} " if out else part
        if lexeme.startswith("\\") and lexeme[1:] in _WORDS:
            return (f"{out} " if out[-1:].isalnum() else out) + part + self._gap()
        return out + part

    def _gap(self) -> str:
        """A space, unless what comes next brings its own bracket or sign."""
        following = self._lexemes[self._at] if self._at < len(self._lexemes) else ""
        return "" if following in ("(", "^", "\\left") or following.isspace() else " "

    def _part(self, lexeme: str) -> str:
        if lexeme == "{":
            return self.read("}")
        if not lexeme.startswith("\\"):
            return {"&": "  "}.get(lexeme, lexeme)
        name = lexeme[1:]
        if name in ("frac", "tfrac"):
            return _fraction(self._argument(), self._argument())
        if name == "sqrt":
            under = self._argument()
            return f"√{under}" if len(under) == 1 else f"√({under})"
        if name == "hat":
            letter = self._argument()
            return {"y": "ŷ", "Y": "Ŷ"}.get(letter, letter + "\u0302")
        if name in ("text", "operatorname", "mathrm"):
            return self._argument()
        if name == "begin":
            return self._cases()
        return _SYMBOLS.get(name, name)

    def _argument(self) -> str:
        lexeme = self._next()
        while lexeme.isspace():
            lexeme = self._next()
        return self._part(lexeme).strip(" ") if lexeme != "{" else self.read("}")

    def _cases(self) -> str:
        r"""\begin{cases} a & b \\ c & d \end{cases} as {a if b; c if d}."""
        self._argument()
        rows, out = [], ""
        while (lexeme := self._next()) != "\\end":
            if lexeme == "&":
                out = f"{out.strip()} if "
            elif lexeme == "\\\\":
                rows.append(out.strip())
                out = ""
            else:
                out = self._joined(out, lexeme)
        self._argument()
        rows.append(out.strip())
        return "{" + "; ".join(re.sub(r" if +else", " else", row) for row in rows) + "}"


def _raised(base: str, exponent: str) -> str:
    base = base.rstrip(" ")
    if exponent.startswith("["):
        return base + exponent
    if exponent in _POWERS:
        return base + _POWERS[exponent]
    return f"{base}^{exponent}" if len(exponent) == 1 else f"{base}^({exponent})"


def _lowered(base: str, index: str) -> str:
    base = base.rstrip(" ")
    tight = index.replace(" ", "")
    if all(letter in _SMALL for letter in tight):
        return base + "".join(_SMALL[letter] for letter in tight)
    return f"{base}_{index}" if len(index) == 1 else f"{base}_({index})"


def _fraction(above: str, below: str) -> str:
    return f"{_bracketed(above, above=True)}/{_bracketed(below)}"


def _bracketed(text: str, *, above: bool = False) -> str:
    """In brackets, unless it is one factor: a number, a symbol with its index, ∂L or ∂W[1]."""
    inside = text.strip(" ")
    one = r"-?[0-9.]+|∂?[^\W\d]?[\ŵᵢⱼₖₗₘₙₛₜ₀-₉ᵀ]*(\[[^\]]*\])?"
    one += r"|√\w|‖\w+‖"
    if above:  # a sign, or a product such as 2 w, does not need them before the stroke
        one += r"|-?[\wŷα-ω](\(.*\))?|e\^\w|e\^\([^()]*\)"
    return inside if re.fullmatch(one, inside) else f"({inside})"
