"""`backproof list` shows the tables themselves, to people and as JSON to programs."""

import json
import re
import subprocess
import sys

import pytest

from backproof.diagnosis.mistakes import MISTAKES
from backproof.run import ORACLES
from refimpl import ACTIVATIONS, LOSSES
from refimpl.equations import EQUATIONS

from .conftest import ROOT

NAMES = {
    "equations": [equation.id for equation in EQUATIONS],
    "activations": list(ACTIVATIONS),
    "losses": list(LOSSES),
    "oracles": list(ORACLES),
    "mistakes": list(MISTAKES),
}


@pytest.mark.parametrize("what", [*NAMES, "left-out"])
def test_a_list_imports_no_framework(what):
    script = f"import sys; from backproof.cli import main; main(['list', {what!r}]); print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True).splitlines()[-1]
    assert "backproof.cli_lists" in modules.split()
    # The names of the oracles are known without them.
    heavy = {"torch", "jax", "optax", "flint", "matplotlib", *(("numpy",) if what == "oracles" else ())}
    assert not heavy & set(modules.split())


@pytest.mark.parametrize("what", NAMES)
def test_a_list_has_one_entry_for_each_name_in_the_order_of_its_table(command, what):
    rows = json.loads(command("list", what, "--json").out)
    assert [next(iter(row.values())) for row in rows] == NAMES[what]
    lines = command("list", what).out.splitlines()
    names = [line[2:].split()[0] for line in lines if re.match("  [^ ]", line)]  # below their equations
    if what != "mistakes":
        names = [line for line in lines if not line.startswith(" ")]
    assert names == NAMES[what]
    assert all(line.isprintable() for line in lines)


def test_mistakes_stand_under_the_equation_that_they_get_wrong(command):
    parts = command("list", "mistakes").out.split("\n\n")
    titles = {equation.id: equation.title for equation in EQUATIONS}
    wrong = list(dict.fromkeys(mistake.equation for mistake in MISTAKES.values()))
    assert [part.splitlines()[0].strip() for part in parts] == [f"{id_}  {titles[id_]}" for id_ in wrong]
    first = next(part for part in parts if part.startswith("F2"))
    assert "\n  bias-forgotten\n      Z = W A without b.\n" in first
    assert "\n  forward-in-single-precision  (rounding)\n" in first


def test_what_is_known_of_an_activation_stands_in_the_list(command):
    text = command("list", "activations").out.partition("\nleaky_relu\n")[2].partition("\nsoftplus\n")[0]
    lines = [line.split(maxsplit=1) for line in text.splitlines()]
    known = dict(lines)
    assert known["elementwise"] == "yes"
    assert known["range"] == "(-inf, inf)"
    assert known["parameters"].startswith("negative_slope (default 0.01, domain [0, inf)")
    assert known["kinks"] == "at 0.0, left 0.01, right 1.0, chosen 0.01"


def test_an_equation_shows_its_computed_form_only_where_it_differs_from_the_stated_one(command):
    rows = {row["id"]: row for row in json.loads(command("list", "equations", "--json").out)}
    text = command("list", "equations").out
    f2 = text.partition("\nF2\n")[2].partition("\nF3\n")[0]
    assert rows["F2"]["implemented_latex"] == rows["F2"]["latex"]
    assert "  latex" in f2
    assert "implemented latex" not in f2
    b1 = text.partition("\nB1\n")[2].partition("\nB1a\n")[0]
    assert f"implemented latex {rows['B1']['implemented_latex']}" in b1


def test_a_framework_that_is_missing_is_listed_as_not_installed(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    rows = json.loads(command("list", "oracles", "--json").out)
    assert {row["name"]: row["installed"] for row in rows} == {"torch": True, "jax": False, "truth": True}
    said = command("list", "oracles").out.split()
    assert said == ["torch", "installed", "yes", "jax", "installed", "no", "truth", "installed", "yes"]
