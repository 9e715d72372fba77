"""Every place that an atlas finds in torch, JAX and optax, docs/findings-by-function.md, and why it is there.

    python -m tests.atlas.findings_table

`make findings-table` runs it: an atlas of everything, a minute or two.
`test_findings_table.py` makes one, too, and holds the page to it: what is new, and what a framework has
mended, turns it red.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from backproof.atlas.making import make_atlas
from backproof.atlas.model import QUANTITIES, Atlas
from backproof.atlas.options import AtlasOptions
from backproof.atlas.places import Place, argument, number, places_of, setting
from backproof.environment import environment
from backproof.judging.deviations import DEVIATIONS
from tests.docs.blocks import anchors_of

FILE = Path(__file__).parents[2] / "docs" / "findings-by-function.md"
FINDINGS = FILE.with_name("findings.md")
OURS = "reference"

SATURATED = "where-torch-jax-and-optax-saturate"
CANCELS = "what-nearly-cancels"
SUBNORMAL = "what-is-subnormal-on-the-way"
POWERS = "large-powers"
LABEL_0 = "torch-nan-where-a-label-is-0"
OPTAX_LABEL_0 = "optax-nan-where-a-label-is-0"
OVERFLOW = "torch-overflow-on-the-way"
MARGIN = "torch-the-margin-between-large-scores"
COSINE = "torch-cosine-of-long-vectors"
OPTAX_COSINE = "optax-cosine-of-short-and-long-vectors"
ELU = "jax-no-slope-of-elu-left-of--17"
SQUARES = "jax-squareplus-squares"
KINK = "jax-a-slope-of-0-next-to-a-kink"
JAX_SILU = "jax-silu-and-mish-left-of--877"


class Key(NamedTuple):
    """Somebody's value or derivative of a function, and how it is off."""

    by: str
    function: str
    quantity: str
    kind: str
    """ "inaccurate" or "non-finite"."""


def _of(*quantities: str) -> Callable[..., dict[Key, tuple[str, ...]]]:
    """Makes the keys of these quantities, with one reason."""

    def keys(by: str, function: str, kind: str, *why: str) -> dict[Key, tuple[str, ...]]:
        return {Key(by, function, quantity, kind): why for quantity in quantities}

    return keys


_value, _slope, _both = _of("value"), _of("derivative"), _of(*QUANTITIES)
OFF, BROKEN = "inaccurate", "non-finite"
WHY: dict[Key, tuple[str, ...]] = {
    **_slope("torch", "sigmoid", OFF, SATURATED),
    **_slope("torch", "tanh", OFF, SATURATED),
    **_slope("torch", "softsign", OFF, SATURATED),
    **_both("torch", "tanhshrink", OFF, CANCELS),
    **_both("torch", "gelu", OFF, "torch-gelu-left-of--5"),
    **_value("torch", "gelu", BROKEN, OVERFLOW),
    **_both("torch", "gelu_tanh", OFF, "torch-gelu-left-of--5"),
    **_slope("torch", "gelu_tanh", BROKEN, "torch-nan-as-slope-of-gelu-by-tanh"),
    **_both("torch", "silu", OFF, "torch-silu-left-of--887"),
    **_slope("torch", "mish", OFF, "torch-silu-left-of--887"),
    **_both("torch", "softplus", OFF, "torch-softplus-threshold"),
    **_slope("torch", "hardsigmoid", OFF, "torch-hardsigmoid-sixth"),
    **_value("torch", "hardswish", BROKEN, OVERFLOW),
    **_slope("torch", "softmax", OFF, SATURATED),
    **_slope("torch", "softmin", OFF, SATURATED),
    **_value("torch", "log_softmax", OFF, SATURATED),
    **_both("torch", "bce", OFF, "torch-bce-clamp"),
    **_both("torch", "bce_with_logits", OFF, "torch-a-small-pos_weight-is-lost", SATURATED, CANCELS),
    **_value("torch", "bce_with_logits", BROKEN, OVERFLOW),
    **_both("torch", "cosine_distance", OFF, COSINE),
    **_value("torch", "cross_entropy_with_logits", OFF, SATURATED),
    **_slope("torch", "cross_entropy_with_logits", OFF, SATURATED, CANCELS),
    **_value("torch", "cross_entropy_with_logits", BROKEN, LABEL_0),
    **_both("torch", "gaussian_nll", OFF, "torch-gaussian-nll-clamp"),
    **_both("torch", "gaussian_nll", BROKEN, OVERFLOW),
    **_both("torch", "multi_margin", OFF, MARGIN),
    **_both("torch", "multi_margin", BROKEN, OVERFLOW),
    **_slope("torch", "poisson_nll", OFF, CANCELS),
    **_value("torch", "poisson_nll", BROKEN, "torch-nan-for-an-infinite-poisson-loss"),
    **_value("torch", "smooth_l1", OFF, SUBNORMAL),
    **_both("torch", "soft_margin", BROKEN, "torch-soft-margin-overflow"),
    **_slope("jax", "sigmoid", OFF, SATURATED),
    **_slope("jax", "tanh", OFF, SATURATED, "jax-slope-of-mish-at-195"),
    **_slope("jax", "softsign", OFF, SATURATED),
    **_value("jax", "leaky_relu", OFF, SUBNORMAL),
    **_slope("jax", "elu", OFF, ELU),
    **_slope("jax", "selu", OFF, ELU),
    **_value("jax", "celu", OFF, SUBNORMAL),
    **_slope("jax", "celu", OFF, ELU),
    **_both("jax", "gelu_tanh", OFF, "jax-gelu-left-of--3"),
    **_slope("jax", "gelu_tanh", BROKEN, "jax-nan-as-slope-of-gelu-and-sparse_plus"),
    **_both("jax", "silu", OFF, JAX_SILU),
    **_value("jax", "mish", OFF, JAX_SILU),
    **_slope("jax", "mish", OFF, "jax-slope-of-mish-at-195", JAX_SILU),
    **_slope("jax", "softplus", OFF, SUBNORMAL),
    **_both("jax", "squareplus", OFF, SQUARES),
    **_both("jax", "squareplus", BROKEN, SQUARES),
    **_slope("jax", "hardsigmoid", OFF, KINK),
    **_slope("jax", "hardswish", OFF, KINK),
    **_slope("jax", "sparse_sigmoid", OFF, KINK),
    **_slope("jax", "sparse_plus", BROKEN, "jax-nan-as-slope-of-gelu-and-sparse_plus"),
    **_slope("jax", "softmax", OFF, SATURATED),
    **_value("jax", "log_softmax", OFF, SATURATED),
    **_both("optax", "bce_with_logits", OFF, SUBNORMAL),
    **_both("optax", "cosine_distance", OFF, OPTAX_COSINE),
    **_both("optax", "cosine_distance", BROKEN, OPTAX_COSINE),
    **_value("optax", "cross_entropy_with_logits", OFF, SATURATED),
    **_slope("optax", "cross_entropy_with_logits", OFF, SATURATED, CANCELS),
    **_value("optax", "cross_entropy_with_logits", BROKEN, OPTAX_LABEL_0),
    **_slope("optax", "huber", OFF, "optax-hubers-slope-in-steps"),
    **_both("optax", "log_cosh", OFF, "optax-log-cosh-near-0"),
    **_value("optax", "poly_loss", OFF, SATURATED),
    **_slope("optax", "poly_loss", OFF, SATURATED, CANCELS),
    **_value("optax", "poly_loss", BROKEN, OPTAX_LABEL_0),
    **_both("optax", "sigmoid_focal", OFF, POWERS, SUBNORMAL),
    **_slope("optax", "sigmoid_focal", BROKEN, "optax-nan-as-slope-of-focal-loss"),
}
"""→ the headings of docs/findings.md that tell of it, or the ids of declared deviations."""

OF_THE_COMPOSITION: dict[Key, str] = {
    Key("jax", "softplus", "value", BROKEN): "the oracle's own line: β z; `jax.nn.softplus` has no β",
}
"""What an answerer's own function is not to blame for."""

OURS_OFF = {
    Key(OURS, "cross_entropy_with_logits", "derivative", OFF),
    Key(OURS, "poly_loss", "derivative", OFF),
    Key(OURS, "cosine_distance", "derivative", OFF),
    Key(OURS, "bce_with_logits", "derivative", OFF),
    Key(OURS, "sigmoid_focal", "value", OFF),
    Key(OURS, "sigmoid_focal", "derivative", OFF),
}
"""Of the reference: docs/atlas.md says why."""


def whole_atlas() -> Atlas:
    """Everything that `backproof atlas` makes unless told otherwise."""
    return make_atlas(AtlasOptions(), lambda *_: None)


def found_in(atlas: Atlas) -> dict[Key, Place]:
    """What is off in functions of the answerers' own."""
    return {
        Key(place.by, place.name, place.quantity, place.kind): place
        for place in places_of(atlas)
        if place.offer == "own"
    }


# ---------------------------------------------------------------- written

INTRODUCTION = """\
# Findings by function

Every value and derivative of torch, JAX and optax that [an atlas](atlas.md) finds off by more than 100 ulps
of the exact result, NaN, or infinite where it should not be, with the arguments between which that is and
the numbers of the worst place. The last column says where it is told: in [findings](findings.md), or as a
deviation declared in [deviations.py](../backproof/judging/deviations.py). What the oracles compose of plain
operations is left out, as its errors are not a framework's own.

Written by `make findings-table`. A test makes an atlas anew, on the like of the processor below, and fails
where it finds what is not on this page, and where it does not find any more what is.
"""
HEADS = ("function", "what", "dtypes", "between", "worst at", "answer", "exact", "ulps", "told in")
_NO_ULPS = "–"


def processor() -> str:
    """What last digits depend on besides versions: vector units choose how NumPy, torch and XLA compute."""
    return " ".join(environment([]).cpu_features)


def written(atlas: Atlas) -> str:
    """The text of docs/findings-by-function.md."""
    found, titles = found_in(atlas), anchors_of(FINDINGS.read_text(encoding="utf-8"))
    asked = ", ".join(f"{name} {version}" for name, version in atlas.versions.items())
    lines = [INTRODUCTION, f"Versions: {asked}.", f"Processor: {processor()}."]
    for by in atlas.answerers:
        rows = [(key, place) for key, place in found.items() if key.by == by != OURS]
        rows.sort(key=lambda row: (row[0].function, row[0].quantity != "value", row[0].kind))
        if rows:
            lines += ["", f"## {by}", "", f"| {' | '.join(HEADS)} |", "|" + "---|" * len(HEADS)]
            lines += [f"| {' | '.join((*_cells(*row), _told(row[0], titles)))} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cells(key: Key, place: Place) -> tuple[str, ...]:
    (dtype, row), (low, high) = place.worst, place.bounds
    where = setting(row)
    return (
        key.function,
        key.quantity,
        ", ".join(place.dtypes),
        f"{low:.4g}, {high:.4g}",
        f"{argument(row.at, dtype)}, {dtype}" + f"; {where}" * bool(where),
        *_apart(row.answer, row.exact),
        _NO_ULPS if key.kind == BROKEN else number(row.ulps),
    )


def _told(key: Key, titles: Mapping[str, str]) -> str:
    if key in OF_THE_COMPOSITION:
        return OF_THE_COMPOSITION[key]
    links = {why: f"[{titles[why]}](findings.md#{why})" for why in WHY[key] if why in titles}
    return "; ".join(links.get(why, f"`{why}`") for why in WHY[key])


def _apart(answer: float, exact: float) -> tuple[str, str]:
    """Two numbers with so many digits that they are seen to differ."""
    for digits in range(6, 18):
        told = f"{answer:.{digits}g}", f"{exact:.{digits}g}"
        if told[0] != told[1]:
            break
    return told


# ---------------------------------------------------------------- read


def read(page: str) -> dict[Key, tuple[str, ...]]:
    """What each line of the page is about → its dtypes."""
    by, found = "", {}
    for line in page.splitlines():
        if line.startswith("## "):
            by = line[3:]
        elif line.startswith("| ") and not line.startswith(f"| {HEADS[0]} "):
            cells = [part.strip() for part in line.strip("| ").split(" | ")]
            if len(cells) != len(HEADS):
                raise ValueError(f"a line has {len(cells)} cells, not {len(HEADS)}: {line}")
            kind = BROKEN if cells[7] == _NO_ULPS else OFF
            found[Key(by, cells[0], cells[1], kind)] = tuple(cells[2].split(", "))
    return found


def differences(page: str, atlas: Atlas) -> list[str]:
    """What an atlas finds and the page has not, and the other way round."""
    said = {(key, dtype) for key, dtypes in read(page).items() for dtype in dtypes}
    found = {
        (key, dtype) for key, place in found_in(atlas).items() if key.by != OURS for dtype in place.dtypes
    }
    return [
        *(f"new: {' '.join(key)} in {dtype}" for key, dtype in sorted(found - said)),
        *(f"no longer: {' '.join(key)} in {dtype}" for key, dtype in sorted(said - found)),
    ]


def unknown(reasons: Iterable[str], page: str) -> list[str]:
    """Reasons that are neither a heading of the page of findings nor a declared deviation."""
    known = {*anchors_of(page), *(deviation.id for deviation in DEVIATIONS)}
    return [why for why in reasons if why not in known]


if __name__ == "__main__":
    FILE.write_text(written(whole_atlas()), encoding="utf-8")
