"""The summary of `account.py`: chunks added up, as JSON and as Markdown."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.account_chunk import BINS, INJECTED, Counts, add

QUANTILES = (0.1, 0.5, 0.9, 0.99)
SCOPES = ("local", "end to end")
PACKAGES = ("numpy", "torch", "jax", "jaxlib", "optax", "python-flint")


def summarise(chunks: Sequence[dict[str, Any]], folder: Path) -> None:
    """Writes account.json and account.md, and prints the latter."""
    if not chunks:
        raise SystemExit("no chunk is done yet; 'account.py run' judges them")
    totals: dict[str, Counts] = {}
    for chunk in chunks:
        for name in (f"{chunk['population']}, {chunk['dtype']}", chunk["dtype"], "all"):
            total = totals.setdefault(name, {"cases": 0, "seconds": 0.0})
            total["cases"] += chunk["cases"]
            total["seconds"] += chunk["seconds"]
            add(total, chunk)
    seeds = sorted({chunk["key"].rsplit(" ", 4)[1] for chunk in chunks})
    facts = {
        "made": f"{datetime.now(UTC):%Y-%m-%d}",
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "seeds": seeds,
        "totals": {name: _facts(total) for name, total in sorted(totals.items())},
    }
    folder.mkdir(exist_ok=True)
    (folder / "account.json").write_text(
        json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    text = rendered(facts)
    (folder / "account.md").write_text(text, encoding="utf-8")
    print(text)


def _facts(total: Counts) -> dict[str, Any]:
    counters: Mapping[str, Mapping[str, int]] = total["counters"]
    checks = counters["checks"]
    return {
        "cases": total["cases"],
        "core seconds": round(total["seconds"]),
        "verdicts": dict(sorted(counters["verdicts"].items())),
        "findings": total["findings"],
        "checks": dict(sorted(checks.items())),
        "not judged": dict(sorted(counters.get("not judged", {}).items())),
        "deviations": dict(sorted(_split(counters.get("deviations", {})).items())),
        "regimes": dict(sorted(counters["regimes"].items())),
        "activations": dict(sorted(counters["activations"].items())),
        "losses": dict(sorted(counters["losses"].items())),
        "resolved": _resolved(counters["resolved"]),
        "sizes": {
            name: {str(q): quantile(counters[name], q) for q in (*QUANTILES, 1.0)}
            for name in ("parameters", "depths", "widths", "samples")
        },
        "resolution of dW in u": {
            scope: {
                **{str(q): _from_bins(counters.get(f"resolution, {scope}", {}), q) for q in QUANTILES},
                "entries": sum(counters.get(f"resolution, {scope}", {}).values()),
                "exact zeros, left out": counters.get(f"resolution, {scope}: zeros", {}).get("entries", 0),
            }
            for scope in ("local", "end to end")
        },
        "injected": {
            scope: {
                str(factor): {
                    "errors": counters.get(f"injected, {scope}", {}).get(f"{factor} of", 0),
                    "found": counters.get(f"injected, {scope}", {}).get(f"{factor} found", 0),
                }
                for factor in INJECTED
            }
            for scope in ("local", "end to end")
        },
        "truth": _truth(counters, total["worst"]),
    }


def _truth(counters: Mapping[str, Mapping[str, int]], worst: Mapping[str, float]) -> dict[str, Any]:
    prefix = "truth: ratios, "
    return {
        "asked": sum(counters["truth: why"].values()),
        "why": dict(counters["truth: why"]),
        "regimes": dict(sorted(counters["truth: regimes"].items())),
        "activations": dict(sorted(counters["truth: activations"].items())),
        "losses": dict(sorted(counters["truth: losses"].items())),
        "bits": dict(sorted(counters["truth: bits"].items(), key=lambda item: int(item[0]))),
        "on a kink": counters["truth: on a kink"].get("True", 0),
        "entries": dict(sorted(counters["truth: entries"].items())),
        "undecided": dict(sorted(counters["truth: undecided"].items())),
        "outside": dict(sorted(counters.get("truth: outside", {}).items())),
        "worst error/bound": {name: float(f"{value:.6g}") for name, value in sorted(worst.items())},
        "error/bound of a case, at its worst entry": {
            name.removeprefix(prefix): {str(q): quantile(counter, q) / 100 for q in QUANTILES}
            for name, counter in sorted(counters.items())
            if name.startswith(prefix)
        },
    }


def _split(deviations: Mapping[str, int]) -> dict[str, int]:
    """A check may show several at once."""
    found: dict[str, int] = {}
    for names, number in deviations.items():
        for name in names.split(", "):
            found[name] = found.get(name, 0) + number
    return found


def _resolved(counter: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Regime and scope → cases in which every check was judged, of all."""
    found: dict[str, dict[str, int]] = {}
    for name, number in sorted(counter.items()):
        place, which = name.rsplit(", ", 1)
        row = found.setdefault(place, {"cases": 0, "all": 0})
        row["cases"] += number
        row["all"] += number if which == "all" else 0
    return found


def quantile(counter: Mapping[str, int], q: float) -> int:
    """The smallest value that at least a share q does not exceed."""
    left = q * sum(counter.values())
    ordered = sorted(counter, key=int)
    for value in ordered:
        left -= counter[value]
        if left <= 0:
            return int(value)
    return int(ordered[-1])


def _from_bins(counter: Mapping[str, int], q: float) -> float:
    """The upper end of the bin that holds the quantile."""
    return float(f"{2 ** ((quantile(counter, q) + 1) / BINS):.4g}") if counter else float("nan")


# ---------------------------------------------------------------- Markdown


def rendered(facts: Mapping[str, Any]) -> str:
    """The summary to read."""
    whole = facts["totals"]["all"]
    return "\n".join(
        [
            "# The judge held to account\n",
            _made(facts, whole),
            _in_short(whole),
            *(f"- {finding}\n" for finding in whole["findings"]),
            "## Cases\n",
            *_cases(facts["totals"], whole),
            "\n## Injected errors\n",
            *_injected(facts["totals"]),
            "\n## Resolution\n",
            *_resolution(facts["totals"], whole),
            "\n## Held against the truth\n",
            *_held(whole["truth"]),
            "\n## Declared deviations met\n",
            _list(whole["deviations"]) + " (checks).\n",
        ]
    )


def _made(facts: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"Made by `python benchmarks/account.py` on {facts['made']}: Python {facts['python']}, {versions}; "
        f"{facts['machine']}, {whole['core seconds'] / 3600:.1f} core hours, beside other work. "
        f"Seeds {', '.join(facts['seeds'])}.\n"
    )


def _in_short(whole: Mapping[str, Any]) -> str:
    truth = whole["truth"]
    answers = sum(truth["entries"].values())
    wrong = sum(whole["verdicts"].get(name, 0) for name in ("mismatch", "fault"))
    outside = sum(n for name, n in truth["outside"].items() if name.endswith(("mismatch", "fault")))
    return (
        f"**{whole['cases']:,} correct cases, {wrong:,} mismatches and faults.** The truth was asked about "
        f"{truth['asked']:,} of them: {answers:,} answers of the reference, torch and jax "
        f"were held against the exact value, each under its own bound. {outside:,} checks had an answer "
        "outside it, declared deviations, conventions and overflow aside.\n"
    )


def _cases(totals: Mapping[str, Any], whole: Mapping[str, Any]) -> list[str]:
    verdicts = sorted(whole["verdicts"])
    counted = [
        (name, _n(t["cases"]), *(_n(t["verdicts"].get(v, 0)) for v in verdicts), _n(t["core seconds"]))
        for name, t in totals.items()
    ]
    kinds = ("parameters", "depths", "widths", "samples")
    sized = [
        (name, *(" / ".join(map(_n, t["sizes"][kind].values())) for kind in kinds))
        for name, t in totals.items()
    ]
    return [
        _table(("population", "cases", *verdicts, "seconds"), counted),
        "\nSizes: quantiles 10 / 50 / 90 / 99 / 100 %.\n",
        _table(("population", "parameters", "depth", "largest width", "samples"), sized),
    ]


def _injected(totals: Mapping[str, Any]) -> list[str]:
    columns = [(scope, factor) for scope in SCOPES for factor in INJECTED]
    said = (
        "In every fourth chunk, one entry of one dW of each case off by a multiple of its own bound\n"
        "(rounded to the dtype), and how many of these errors the judge finds: by the bound of the step,\n"
        "and by the one carried through.\n"
    )
    return [
        said,
        _table(
            ("population", *(f"{scope}, {factor:g} ×" for scope, factor in columns)),
            [
                (name, *(_share(t["injected"][scope][str(factor)]) for scope, factor in columns))
                for name, t in totals.items()
            ],
        ),
    ]


def _resolution(totals: Mapping[str, Any], whole: Mapping[str, Any]) -> list[str]:
    in_u = [
        (
            name,
            *(
                " / ".join(f"{t['resolution of dW in u'][scope][str(q)]:.3g}" for q in QUANTILES)
                for scope in SCOPES
            ),
        )
        for name, t in totals.items()
    ]
    columns = [(dtype, scope) for dtype in ("float32", "float64") if dtype in totals for scope in SCOPES]
    nothing = {"all": 0, "cases": 0}
    judged = [
        (regime, *(_part(totals[d]["resolved"].get(f"{regime}, {scope}", nothing)) for d, scope in columns))
        for regime in whole["regimes"]
    ]
    unjudged = "; ".join(f"{name} {number:,}" for name, number in whole["not judged"].items())
    said = (
        "bound / |value| of the entries of the reference's dW in units roundoff: quantiles 10 / 50 / 90 /\n"
        "99 %, all regimes. Entries that are exactly 0 are left out.\n"
    )
    return [
        said,
        _table(("population", *SCOPES), in_u),
        "\nCases of which every check was judged:\n",
        _table(("regime", *(f"{dtype}, {scope}" for dtype, scope in columns)), judged),
        f"\nChecks not judged, of {sum(whole['checks'].values()):,}: {unjudged}.\n",
    ]


def _held(truth: Mapping[str, Any]) -> list[str]:
    spread = truth["error/bound of a case, at its worst entry"]
    rows = [
        (
            name,
            _n(number),
            _n(truth["undecided"].get(name, 0)),
            f"{truth['worst error/bound'].get(name, 0):.6g}",
            " / ".join(f"{value:.2f}" for value in spread[name].values()),
        )
        for name, number in truth["entries"].items()
    ]
    activations, losses = truth["activations"], truth["losses"]
    said = (
        f"Why it was asked: {_list(truth['why'])}. Regimes: {_list(truth['regimes'])}.\n"
        f"Precision that was enough, in bits: {_list(truth['bits'])}.\n"
        f"On a kink: {truth['on a kink']:,} cases. {len(activations)} activations, the rarest in "
        f"{min(activations.values()):,} cases; {len(losses)} pairs of loss and reduction, the rarest in "
        f"{min(losses.values()):,}.\n"
    )
    return [
        said,
        _table(
            ("answers", "entries held", "on a kink", "worst error/bound", "of a case: 10 / 50 / 90 / 99 %"),
            rows,
        ),
        f"\nOutside the bound (checks): {_list(truth['outside']) or 'none'}.\n",
    ]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _n(number: int) -> str:
    return f"{number:,}"


def _share(row: Mapping[str, int]) -> str:
    return _part({"all": row["found"], "cases": row["errors"]})


def _part(row: Mapping[str, int]) -> str:
    if not row["cases"]:
        return "–"
    share = 100 * row["all"] / row["cases"]
    return "100 %" if row["all"] == row["cases"] else f"{min(share, 99.99):.2f} %"


def _list(counter: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counter.items())
