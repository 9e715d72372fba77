"""Imports run one way: refimpl ← oracles ← backproof ← tests, and inside the harness likewise."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest
from packaging.utils import canonicalize_name

from .import_graph import Import, circle, imports_of, sources_of
from .requirement_closure import declared

PACKAGES = ("refimpl", "oracles", "backproof")
COMMANDS = "the commands"

# Room → what else of ours it may import. A folder of backproof that is not here has no place yet.
ROOMS: dict[str, set[str]] = {
    "refimpl": set(),
    "oracles": {"refimpl"},
    "backproof.errors": set(),
    "backproof.shadowing": set(),
    # Drawing a composition takes the truth's word on where it is defined.
    "backproof.cases": {"refimpl", "oracles", "backproof.errors"},
    # What an implementation declares is what is drawn; what is wrong with an answer is a check.
    "backproof.plugging": {
        *("refimpl", "oracles"),
        *("backproof.errors", "backproof.cases", "backproof.judging"),
    },
    "backproof.judging": {"refimpl", "oracles", "backproof.errors"},
    "backproof.diagnosis": {"refimpl", "oracles", "backproof.errors", "backproof.cases", "backproof.judging"},
    "backproof.reporting": {"backproof.errors"},
    "backproof.comparing": {"backproof.errors", "backproof.reporting"},
    # Kept cases are read as strictly as reports, and taken out of them.
    "backproof.corpus": {"refimpl", "backproof.errors", "backproof.reporting"},
    # A pass is explained with the mistakes of the catalogue, and where they are wrong is judged; page and
    # terminal look as reports do.
    "backproof.teaching": {
        *("refimpl", "oracles", "backproof.errors"),
        *("backproof.judging", "backproof.diagnosis", "backproof.reporting"),
    },
    # Vectors are the truth's values with the judge's bounds.
    "backproof.vectors": {
        *("refimpl", "oracles", "backproof.errors"),
        *("backproof.cases", "backproof.judging", "backproof.reporting"),
    },
    # Errors are the distances of functions' own answers from the truth; the page looks as reports do.
    "backproof.atlas": {"refimpl", "oracles", "backproof.errors", "backproof.reporting"},
    # Submissions are asked, judged and diagnosed as any implementation is.
    "backproof.grading": {
        *("refimpl", "oracles", "backproof.errors", "backproof.cases", "backproof.judging"),
        *("backproof.plugging", "backproof.diagnosis", "backproof.reporting"),
    },
    # A campaign runs what a run does, chunk by chunk, and keeps what comes of it.
    "backproof.campaign": {
        *("refimpl", "oracles", "backproof.errors", "backproof.cases"),
        *("backproof.plugging", "backproof.reporting"),
    },
}
# Files of the harness, beside its folders, that a room stands on; and the only ones that know the room.
STANDS_ON = {
    "backproof.grading": {
        *("backproof.subject", "backproof.run", "backproof.explaining"),
        *("backproof.cause_rows", "backproof.side_by_side"),
    },
    "backproof.campaign": {
        *("backproof.run_options", "backproof.subject", "backproof.chunks", "backproof.workers"),
        *("backproof.tally", "backproof.distribution_tally", "backproof.findings_tally"),
        *("backproof.run", "backproof.explaining", "backproof.oracle_names", "backproof.one_thread"),
    },
}
KNOWN_BY = {
    "backproof.grading": {"backproof.cli_grading"},
    "backproof.campaign": {
        "backproof.cli_campaign",
        "backproof.cli_campaign_session",
        "backproof.cli_compare",
    },
}
# A report's reader shares the strict JSON reader of cases, and its error.
EXCEPTIONS = {
    ("backproof.reporting.files", "refimpl", "InvalidCaseError"),
    ("backproof.reporting.files", "refimpl.serialization", "parse_json"),
    ("backproof.vectors.making", "backproof", "__version__"),
    ("backproof.grading.grader", "backproof", "__version__"),
}
REFIMPL_NEEDS = {"numpy", "jaxtyping"}
# What an oracle may know of refimpl: data, and the names of functions with their parameters. Never a formula.
SHARED = {
    "refimpl": {
        *("ACTIVATIONS", "LOSSES", "QUANTITIES", "quantity_shape"),
        *("ActivationSpec", "Case", "Layer", "LossSpec", "Network", "Trace"),
    },
    "refimpl.chain_rule": {
        *("Binary", "Constant", "Expression", "Unary", "Variable"),
        *("Composition", "evaluate"),
    },
    "refimpl.elementary_functions": {"Domain"},
    "refimpl.functions": {"Interval", "Kink", "Parameter"},
}


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    found = imports_of(sources_of(*PACKAGES))
    assert len(found) > 300  # what reads nothing finds nothing wrong
    return found


def room_of(module: str) -> str | None:
    """The room that a module of ours is in; None for anything else."""
    for room in ROOMS:
        if module == room or module.startswith(f"{room}."):
            return room
    if module.partition(".")[0] != "backproof":
        return None
    if module.count(".") > 1:
        raise LookupError(f"{module} is in a folder that has no place in the order of imports")
    return COMMANDS


def against_the_order(imports: list[Import]) -> list[str]:
    """The imports from a room that the importer's room must not know."""
    return [str(found) for found in imports if found[:3] not in EXCEPTIONS and not _in_order(found)]


def _in_order(found: Import) -> bool:
    room, target = room_of(found.importer), room_of(found.target)
    if target is None:
        return found.target.partition(".")[0] != "tests"
    if room == COMMANDS:
        return found.importer in KNOWN_BY.get(target, {found.importer})
    if found.target in STANDS_ON.get(room or "", set()):
        return True
    return room == target or target in ROOMS.get(room or "", set())


def formulas_shared(imports: list[Import]) -> list[str]:
    """What oracles import of refimpl besides names and data; a whole module holds formulas."""
    return [
        str(found)
        for found in imports
        if room_of(found.importer) == "oracles"
        and room_of(found.target) == "refimpl"
        and found.name not in SHARED.get(found.target, set())
    ]


def third_parties(imports: list[Import], *rooms: str) -> set[str]:
    """The top-level names that modules in `rooms` import and that are neither ours nor Python's."""
    names = {found.target.split(".")[0] for found in imports if room_of(found.importer) in rooms}
    return names - set(PACKAGES) - sys.stdlib_module_names


# ---------------------------------------------------------------- the rules hold


def test_no_room_imports_one_that_is_above_it(imports: list[Import]) -> None:
    assert against_the_order(imports) == []


def test_no_two_files_import_each_other_even_by_way_of_others(imports: list[Import]) -> None:
    assert circle(imports) == []


def test_refimpl_needs_numpy_and_jaxtyping_only(imports: list[Import]) -> None:
    assert third_parties(imports, "refimpl") == REFIMPL_NEEDS


def test_the_oracles_take_names_and_data_from_refimpl_but_no_formula(imports: list[Import]) -> None:
    assert formulas_shared(imports) == []


def test_all_that_is_imported_is_declared_and_not_only_brought_along_by_others(imports: list[Import]) -> None:
    distributions = metadata.packages_distributions()
    names = third_parties(imports, *ROOMS, COMMANDS)
    found = {canonicalize_name(name) for module in names for name in distributions[module]}
    assert found - set(declared("torch", "jax", "cluster", "test")) == set()


# ---------------------------------------------------------------- each rule can be broken


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("refimpl/losses.py", "from oracles import Oracle"),
        ("refimpl/losses.py", "import backproof.errors"),
        ("oracles/oracle.py", "from backproof.errors import UsageError"),
        ("backproof/errors.py", "import refimpl"),
        ("backproof/shadowing.py", "def f():\n    import oracles"),
        ("backproof/cases/regimes.py", "from ..judging import bounds"),
        ("backproof/cases/regimes.py", "from ..diagnosis.mistakes import MISTAKES"),
        ("backproof/cases/regimes.py", "from ..reporting.model import Report"),
        ("backproof/judging/judge.py", "from ..diagnosis.mistakes import MISTAKES"),
        ("backproof/judging/judge.py", "from backproof.tally import Tally"),
        ("backproof/judging/judge.py", "from ..cases import draw_case"),
        ("backproof/diagnosis/mistakes.py", "from .. import run"),
        ("backproof/diagnosis/mistakes.py", "from ..reporting import model"),
        ("backproof/reporting/model.py", "from ..judging.verdicts import Verdict"),
        ("backproof/reporting/model.py", "from ..cases import REGIMES"),
        ("backproof/reporting/model.py", "from oracles import Oracle"),
        ("backproof/reporting/model.py", "from refimpl import InvalidCaseError"),
        ("backproof/reporting/files.py", "from refimpl import Case"),
        ("backproof/reporting/model.py", "from .. import wording_of_commands"),
        ("backproof/corpus/files.py", "from ..judging.panel import Panel"),
        ("backproof/diagnosis/mistakes.py", "from ..corpus import read_corpus"),
        ("backproof/run.py", "from tests.oracles import oracle_cases"),
        ("backproof/run.py", "from .grading.model import Result"),
        ("backproof/run.py", "from .campaign.options import CampaignFile"),
        ("backproof/campaign/plan.py", "from ..cli_run import run"),
        ("backproof/grading/model.py", "from ..tally import Tally"),
    ],
)
def test_an_import_against_the_order_is_found(file: str, statement: str) -> None:
    files = sources_of(*PACKAGES)
    known = dict.fromkeys([*files, "backproof/wording_of_commands.py"], "")
    (wrong,) = against_the_order(imports_of(known | {file: statement}))
    assert f"line {statement.count(chr(10)) + 1}, imports" in wrong


def test_imports_along_the_order_are_not_reported() -> None:
    sources = {
        "refimpl/network.py": "import json\nfrom .losses import LOSSES",
        "refimpl/losses.py": "import numpy",
        "oracles/oracle.py": "from refimpl import Case",
        "backproof/judging/judge.py": "from . import bounds\nfrom oracles import Oracle",
        "backproof/judging/bounds.py": "",
        "backproof/diagnosis/mistakes.py": "from ..judging.judge import f",
        "backproof/reporting/files.py": "from refimpl import InvalidCaseError\nfrom .model import R",
        "backproof/reporting/model.py": "",
        "backproof/run.py": "from .reporting import model\nfrom .diagnosis.mistakes import M\nimport refimpl",
        "backproof/pytest_plugin.py": "from . import run",
    }
    assert against_the_order(imports_of(sources)) == []
    assert circle(imports_of(sources)) == []


def test_a_folder_without_a_place_in_the_order_is_an_error() -> None:
    sources = {"backproof/newroom/thing.py": "import refimpl"}
    with pytest.raises(LookupError, match=r"backproof\.newroom\.thing is in a folder that has no place"):
        against_the_order(imports_of(sources))


def test_a_circle_is_found_also_through_functions_and_relative_imports() -> None:
    sources = {
        "p/__init__.py": "",
        "p/a.py": "from .b import f",
        "p/b.py": "import q.c",
        "q/__init__.py": "",
        "q/c.py": "def f():\n    from p import a",
    }
    found = circle(imports_of(sources))
    assert found[0] == found[-1]
    assert " ".join(found) in "p.a p.b q.c p.a p.b q.c p.a"
    assert circle(imports_of(sources | {"q/c.py": "from p import d"})) == []


@pytest.mark.parametrize(
    "statement",
    [
        "from refimpl import Backprop",
        "from refimpl.losses import _mse",
        "import refimpl.activations",
        "import refimpl",
    ],
)
def test_an_oracle_that_imports_a_formula_is_found(statement: str) -> None:
    sources = {
        "oracles/torch_oracle.py": f"from refimpl import Case\n{statement}",
        "refimpl/activations.py": "",
    }
    (wrong,) = formulas_shared(imports_of(sources))
    assert wrong.startswith("oracles.torch_oracle, line 2, imports")


def test_a_further_need_of_refimpl_is_found() -> None:
    sources = {"refimpl/losses.py": "import math, numpy\ndef f():\n    from scipy import special"}
    assert third_parties(imports_of(sources), "refimpl") == {"numpy", "scipy"}
