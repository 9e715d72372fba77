"""A report that has every kind of row, for the tests of what is made of a report."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.reporting import (
    CauseRow,
    Counts,
    DeviationRow,
    DistributionRow,
    Distributions,
    EntryRow,
    Environment,
    EquationRow,
    Finding,
    KinkAnswer,
    KinkRow,
    MatrixCell,
    NotJudgedRow,
    PairRow,
    RegimeRow,
    Report,
    RunInfo,
    SideBySide,
    SideValue,
    Times,
    Truth,
    TruthRow,
)
from refimpl import ACTIVATIONS, LOSSES, ActivationSpec, Case, Layer, LossSpec, Network, case_to_dict

CASE = Case(
    Network(
        (Layer(np.array([[0.5, -1.25], [2.0, 0.1]]), np.array([[0.0], [1.0]]), ActivationSpec("tanh")),),
        LossSpec("mse"),
    ),
    np.array([[1.0, 0.3], [-2.0, 0.7]]),
    np.array([[0.0, 1.0], [1.0, 0.0]]),
    0.1,
)


def side_by_side(**changes: Any) -> SideBySide:
    """Two of nine entries of dW[1], one of them wrong; `changes` are other fields."""
    fields: dict[str, Any] = {
        "quantity": "dW",
        "layer": 1,
        "scope": "local",
        "right": "torch",
        "shape": (3, 3),
        "wrong": 2,
        "entries": (
            EntryRow(
                entry=(0, 1),
                observed=0.5,
                expected=(SideValue(side="torch", value=0.75), SideValue(side="truth", value=0.7500000001)),
                whole=(SideValue(side="jax", value=0.125),),
                bound=1e-7,
                excess=2.5e6,
            ),
            EntryRow(entry=(1, 0), observed=2.0, expected=(), whole=(), bound=1e-7, excess=0.25),
        ),
        "ratios": ((0.05, 2.5e6, 0.0), (0.25, 0.5, 5.0), (0.9, float("inf"), 0.0)),
    }
    return SideBySide(**(fields | changes))


def cause(**changes: Any) -> CauseRow:
    """What the first finding comes from; `changes` are other fields."""
    fields: dict[str, Any] = {
        "number": 1,
        "equation": "B1",
        "layers": (1,),
        "kind": "mistake",
        "name": "untransposed_input",
        "what": "The input of the layer is not transposed.",
        "implemented": r"\frac{\partial L}{\partial W^{[l]}} = \delta^{[l]} A^{[l-1]}",
        "remedy": "Transpose A[l-1].",
        "evidence": "strong: 40 wrong entries in 3 cases are exactly what it gives",
        "declaration": {"weights": "(inputs, outputs)"},
        "cases": 40,
        "findings": (1,),
        "smallest": "2-2, tanh, loss mse (mean), 2 samples",
        "smallest_id": "smallest",
        "smallest_case": case_to_dict(CASE),
        "smallest_values": side_by_side(),
        "replay": "backproof replay cases/smallest.json --oracles torch",
        "script": ("import torch", "", 'print("<dW>")'),
    }
    return CauseRow(**(fields | changes))


def finding(**changes: Any) -> Finding:
    """A mismatch in dW; `changes` are other fields."""
    fields: dict[str, Any] = {
        "number": 1,
        "verdict": "mismatch",
        "reason": "outside the bound",
        "cause": "B1: the input of the layer is not transposed",
        "scope": "local",
        "left": "reference",
        "right": "torch",
        "quantity": "dW",
        "layer": 1,
        "equation": "B1",
        "entry": (1, 0),
        "observed": 0.10000000149011612,
        "expected": -0.25,
        "bound": 1.5e-7,
        "excess": 2.333e6,
        "message": "dW of layer 1 lies 2.33e+06 times its bound from torch's",
        "case_id": CASE.content_hash[:16],
        "seed": 7,
        "index": 123,
        "dtype": "float32",
        "regime": "ordinary",
        "occurrences": 41,
        "replay": f"backproof replay cases/{CASE.content_hash[:16]}.json",
        "side_by_side": side_by_side(),
        "case": case_to_dict(CASE),
    }
    return Finding(**(fields | changes))


def sample_report(**changes: Any) -> Report:
    """A complete run with a mismatch, an unstable answer and a convention; `changes` are other fields."""
    good = Counts.tally({"conforms": 900, "not judged": 12, "known deviation": 3})
    bad = Counts.tally({"conforms": 900, "mismatch": 41, "not judged": 12})
    findings = (
        finding(),
        finding(
            number=2,
            verdict="unstable",
            cause=None,
            reason="overflow",
            quantity="loss",
            layer=None,
            entry=(),
            equation="F5",
            scope="end to end",
            observed=float("inf"),
            expected=88.7,
            excess=float("inf"),
            message="the loss overflows where the exact one does not",
        ),
        finding(
            number=3,
            verdict="convention",
            cause=None,
            reason="kink at 0",
            quantity="delta",
            equation="B5",
            observed=1.0,
            expected=0.01,
            bound=0.0,
            excess=None,
            ulps=None,
            message="the derivative at the kink is the other side's",
        ),
    )
    fields: dict[str, Any] = {
        "status": "complete",
        "times": Times(started="2026-01-02T03:04:05+00:00", seconds=12.5),
        "run": RunInfo(
            command="backproof run --cases 1000 --seed 7 --dtype both --oracles torch,jax",
            implementation="reference",
            mistake="untransposed_input",
            seed=7,
            cases_requested=1000,
            dtypes=("float32", "float64"),
            activations=tuple(ACTIVATIONS),
            losses=tuple(LOSSES),
            oracles=("torch", "jax"),
        ),
        "environment": Environment(
            versions={"numpy": "2.4.0", "torch": "2.13.0", "jax": "0.10.2"},
            python="3.11.7",
            platform="Linux-6.1-x86_64",
            threads={"torch": 2, "openblas": 2},
            blas="openblas 0.3.30",
            cpu_features=("AVX2", "FMA3"),
            flush_subnormals={"torch": False, "jax": True},
            matmul_precision={"torch": "highest", "jax": "default"},
        ),
        "counts": Counts.tally(
            {
                "conforms": 920,
                "convention": 11,
                "unstable": 2,
                "mismatch": 41,
                "known deviation": 6,
                "not judged": 20,
            }
        ),
        "check_counts": Counts.tally({"conforms": 52000, "mismatch": 41, "unstable": 4, "not judged": 311}),
        "worst_ratio": 2.333e6,
        "floor": 950,
        "equations": (
            EquationRow(
                id="F2",
                title="pre-activation",
                latex=r"Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]}",
                verdict="known deviation",
                checks=good,
                worst_ratio=0.283,
            ),
            EquationRow(
                id="B1",
                title="gradient of the weights",
                latex=r"\frac{\partial L}{\partial W^{[l]}} = \delta^{[l]} {A^{[l-1]}}^\top",
                condition="as written it is not a matrix product",
                code="Backprop.weight_gradient",
                source=("def weight_gradient(self, delta, A_prev):", "    return delta @ A_prev.T  # <T>"),
                verdict="mismatch",
                cases=940,
                checks=bad,
                worst_ratio=2.333e6,
            ),
        ),
        "pairs": tuple(
            PairRow(left=left, right=right, dtype=dtype, checks=good, worst_ratio=0.31)
            for left, right in (("reference", "torch"), ("reference", "jax"), ("torch", "jax"))
            for dtype in ("float32", "float64")
        ),
        "matrix": tuple(
            MatrixCell(
                activation=activation,
                loss=loss,
                dtype=dtype,
                counts=bad if (i, j) == (2, 1) else good,
                worst_ratio=2.333e6 if (i, j) == (2, 1) else (0.04 + 0.13 * ((3 * i + j) % 8)),
            )
            for dtype in ("float32", "float64")
            for i, activation in enumerate(ACTIVATIONS)
            for j, loss in enumerate(LOSSES)
            if (i, j) != (0, 2)
        ),
        "regimes": (
            RegimeRow(
                name="ordinary",
                dtype="float32",
                description="He, Xavier and unit normal weights",
                cases=400,
                judged=400,
                fully_resolved=398,
                not_judged={"unresolved": 9},
            ),
            RegimeRow(name="saturated", dtype="float32", cases=100, judged=80, fully_resolved=60),
        ),
        "not_judged": (
            NotJudgedRow(
                reason="unresolved",
                explanation="the bound exceeds 1 % of the largest entry",
                dtype="float32",
                quantity="W_updated",
                checks=300,
                entries=1234,
                cases=18,
            ),
            NotJudgedRow(
                reason="ill-posed", dtype="float32", quantity="loss", checks=11, entries=11, cases=2
            ),
        ),
        "deviations": (
            DeviationRow(
                id="torch-gelu-float32",
                oracle="torch",
                function="softplus",
                dtype="float32",
                region="βz > 20",
                size="2.1e-9 absolute",
                evidence="measured on 10,000 points against the truth",
                reproduction="torch.nn.functional.softplus(torch.tensor(20.5))",
                versions="torch 2.4 to 2.13",
                seen=6,
            ),
        ),
        "kinks": (
            KinkRow(
                function="leaky_relu",
                parameters={"negative_slope": 0.01},
                at=0.0,
                ours=KinkAnswer(value=0.0, derivative=0.01),
                torch=KinkAnswer(value=0.0, derivative=0.01),
                jax=KinkAnswer(value=0.0, derivative=1.0),
            ),
            KinkRow(function="relu", at=0.0, ours=KinkAnswer(value=0.0, derivative=0.0)),
        ),
        "distributions": Distributions(
            edges=(0.1, 1.0, 10.0),
            rows=(
                DistributionRow(
                    left="reference", right="torch", quantity="dW", scope="local", checks=(90, 9, 0, 41)
                ),
                DistributionRow(
                    left="reference", right="torch", quantity="dW", scope="end to end", checks=(5, 0, 0, 0)
                ),
                DistributionRow(
                    left="torch", right="jax", quantity="Z", scope="end to end", checks=(7, 1, 0, 0)
                ),
            ),
        ),
        "truth": Truth(
            mode="disputed",
            asked={"disputed": 41, "remarkable": 3},
            on_a_kink=2,
            rows=(
                TruthRow(
                    side="reference",
                    dtype="float32",
                    scope="local",
                    cases=44,
                    entries=12345,
                    undecided=6,
                    outside=Counts.tally({"mismatch": 41}),
                    worst_ratio=0.75,
                ),
            ),
        ),
        "causes": (cause(),),
        "findings": findings,
        "findings_total": 54,
    }
    return Report(**(fields | changes))
