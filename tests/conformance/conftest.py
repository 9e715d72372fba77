"""Cases for the conformance suite: drawn and judged once for each function and dtype, shared by its tests.

With --impl, somebody's implementation is judged in the reference's place: within what it declares. A test of
what it does not declare, or does not offer, is skipped with that reason.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from backproof.cases import DrawOptions, draw_case
from backproof.findings_tally import Origin
from backproof.judging.verdicts import Check, Judgement
from refimpl import ACTIVATIONS, DTYPES, LOSSES, Case

from .narrowing import NotDeclaredError, resized, with_activation, with_loss

SEED = 20_261_124
SIZES: dict[str, Any] = {"max_depth": 4, "max_width": 16, "max_batch": 8}
CASES = 48
"""Cases for each activation, and for each loss, in each dtype."""

Judged = Callable[[str, str, str], list[Judgement]]


def options_within(backproof: Any, dtype: str, options: DrawOptions) -> DrawOptions:
    """What to draw; of somebody's implementation, what it declares of the regimes and sizes of `options`."""
    subject = backproof.plugged
    if subject is None:
        return options
    require_dtype(backproof, dtype)
    sizes = {name: getattr(options, name) for name in SIZES}
    return replace(resized(subject.draw(DrawOptions()), sizes), regimes=options.regimes)


def require_dtype(backproof: Any, dtype: str) -> None:
    """Skips a test of a dtype that somebody's implementation does not declare."""
    subject = backproof.plugged
    if subject is not None and dtype not in subject.plugged.declaration.dtypes:
        pytest.skip(f"the implementation does not declare {dtype}")


def _with(backproof: Any, kind: str, name: str, dtype: str) -> DrawOptions:
    others = ("identity", "sigmoid")  # together with these, every loss has an output activation that fits
    if backproof.plugged is None:
        named = {"losses": (name,)} if kind == "loss" else {"activations": tuple({name, *others})}
        return DrawOptions(**named, **SIZES)
    own = options_within(backproof, dtype, DrawOptions(**SIZES))
    try:
        return with_loss(own, name) if kind == "loss" else with_activation(own, name, others)
    except NotDeclaredError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def judged(backproof: Any) -> Judged:
    """(kind, name, dtype) → judgements of cases drawn for that activation or loss."""
    cache: dict[tuple[str, str, str], list[Judgement]] = {}

    def judged_cases(kind: str, name: str, dtype: str) -> list[Judgement]:
        if (kind, name, dtype) not in cache:
            options = _with(backproof, kind, name, dtype)
            drawn = [draw_case(SEED, index, dtype, options) for index in range(CASES)]
            origins = [Origin(one.regime, one.seed, one.index) for one in drawn]
            cache[kind, name, dtype] = backproof.judge([one.case for one in drawn], origins)
        return cache[kind, name, dtype]

    return judged_cases


def require_offered(backproof: Any, judgements: list[Judgement], checks: list[tuple[Case, Check]]) -> None:
    """Skips where somebody's implementation offers nothing to check; fails where it was to, but broke."""
    if checks or backproof.plugged is None:
        return
    own = [(j.case, check) for j in judgements for check in j.checks if check.left == backproof.name]
    whole = [(case, check) for case, check in own if check.quantity == "trace"]
    backproof.require(whole)
    reasons = Counter(check.reason for _, check in whole)
    answered = any(check.quantity != "trace" for _, check in own)
    for reason in reasons:
        if reason.startswith("not asked"):
            pytest.fail(f"{backproof.name} was {reason}", pytrace=False)
    pytest.skip("not offered" if answered or not reasons else reasons.most_common(1)[0][0])


def table(*columns: Any) -> list[Any]:
    """All combinations as pytest parameters whose names read as rows of a table."""
    rows: list[tuple[str, ...]] = [()]
    for column in columns:
        rows = [(*row, value) for row in rows for value in column]
    return [pytest.param(*row, id="-".join(row)) for row in rows]


def by_verdict(judgements: list[Judgement], scope: str, equation: str) -> dict[str, int]:
    """How many local or end-to-end checks of an equation there were, by verdict."""
    counts: dict[str, int] = defaultdict(int)
    for judgement in judgements:
        for check in judgement.checks:
            if check.scope == scope and check.equation == equation:
                counts[check.verdict] += 1
    return counts


ACTIVATION_NAMES, LOSS_NAMES, DTYPE_NAMES = tuple(ACTIVATIONS), tuple(LOSSES), DTYPES
