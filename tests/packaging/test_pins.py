"""constraints.txt pins what development installs, and pyproject.toml's ranges admit the pins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .import_graph import ROOT
from .requirement_closure import build_requirements, closure, declared, pyproject

MUTANTS = "# What `make mutants` installs besides."
"""The line of constraints.txt after which such pins stand."""


def pins_in(text: str) -> dict[str, str]:
    """Name → version; a line that is anything but `name==version` is an error."""
    pins: dict[str, str] = {}
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        requirement = Requirement(line)
        (specifier,) = requirement.specifier
        if specifier.operator != "==" or specifier.version.endswith("*") or requirement.extras:
            raise ValueError(f"{line} does not pin one version")
        pins[canonicalize_name(requirement.name)] = specifier.version
    return pins


def not_pinned(needed: Mapping[str, bool], pins: Mapping[str, str]) -> list[str]:
    """What is needed but free to change: neither pinned here nor by all that need it."""
    return sorted(name for name, exact in needed.items() if name not in pins and not exact)


def not_admitted(requirements: Iterable[Requirement], pins: Mapping[str, str]) -> list[str]:
    """The ranges that their own pin lies outside of."""
    return [
        f"{requirement} does not admit {pins[canonicalize_name(requirement.name)]}"
        for requirement in requirements
        if pins[canonicalize_name(requirement.name)] not in requirement.specifier
    ]


def part_of_constraints(part: int) -> dict[str, str]:
    before, _, after = (ROOT / "constraints.txt").read_text(encoding="utf-8").partition(f"{MUTANTS}\n")
    return pins_in((before, after)[part])


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    return part_of_constraints(0)


@pytest.fixture(scope="module")
def pins_of_mutants() -> dict[str, str]:
    return part_of_constraints(1)


@pytest.fixture(scope="module")
def asked() -> list[Requirement]:
    """All that a checkout asks for, to run, to test and to build."""
    return [*declared("dev").values(), *build_requirements().values()]


def test_every_package_that_development_installs_is_pinned(
    pins: dict[str, str], asked: list[Requirement]
) -> None:
    assert not_pinned(closure(asked), pins) == []


def test_nothing_is_pinned_that_nothing_needs(pins: dict[str, str], asked: list[Requirement]) -> None:
    assert sorted(set(pins) - set(closure(asked))) == []


def test_the_ranges_admit_the_pins(pins: dict[str, str], asked: list[Requirement]) -> None:
    assert not_admitted(asked, pins) == []


def test_what_only_make_mutants_installs_is_pinned_apart(
    pins_of_mutants: dict[str, str], asked: list[Requirement]
) -> None:
    extra = declared("mutants")
    own = [extra[name] for name in extra.keys() - declared().keys()]
    assert [requirement.name for requirement in own] == ["mutmut"]
    assert not_admitted(own, pins_of_mutants) == []
    assert sorted(set(pins_of_mutants) & set(closure(asked))) == []


@pytest.mark.skipif(find_spec("mutmut") is None, reason="installed by make mutants only")
def test_of_what_make_mutants_installs_all_is_pinned_and_nothing_else(
    pins: dict[str, str], pins_of_mutants: dict[str, str]
) -> None:
    needed = closure(declared("mutants").values())
    assert not_pinned(needed, {**pins, **pins_of_mutants}) == []
    assert sorted(set(pins_of_mutants) - set(needed)) == []


def test_every_range_has_a_lower_bound_and_no_upper_one() -> None:
    # An upper bound of a library keeps its users from fixes; what is tested is in constraints.txt.
    project = pyproject()["project"]
    texts = [
        *project["dependencies"],
        *(t for extra in project["optional-dependencies"].values() for t in extra),
    ]
    operators = {
        text: [s.operator for s in Requirement(text).specifier]
        for text in [*texts, *pyproject()["build-system"]["requires"]]
        if canonicalize_name(Requirement(text).name) != "backproof"
    }
    assert {text: found for text, found in operators.items() if found != [">="]} == {}


# ---------------------------------------------------------------- what must be found


def test_a_package_needed_only_by_another_is_in_the_closure() -> None:
    # rich needs markdown-it-py, which needs mdurl.
    assert {"rich", "markdown-it-py", "mdurl"} <= set(closure([Requirement("rich")]))


def test_an_extra_is_followed_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {
        "a": ["b[x]", "c; extra == 'y'"],
        "b": ["d; extra == 'x'", "e; extra == 'z'"],
        "d": ["a"],
        "c": [],
    }
    monkeypatch.setattr("importlib.metadata.requires", needs.__getitem__)
    assert set(closure([Requirement("a")])) == {"a", "b", "d"}


def test_a_package_that_is_not_pinned_is_found_unless_all_that_need_it_name_its_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needs = {"a": ["b==1.0", "c==2.0", "d==3.*"], "b": ["c>=1"], "c": [], "d": []}
    monkeypatch.setattr("importlib.metadata.requires", needs.__getitem__)
    assert not_pinned(closure([Requirement("a")]), {"a": "1"}) == ["c", "d"]


def test_a_range_that_excludes_its_pin_is_found() -> None:
    found = not_admitted(
        [Requirement("numpy>=2.0"), Requirement("jax>=0.8")], {"numpy": "2.1", "jax": "0.7.2"}
    )
    assert found == ["jax>=0.8 does not admit 0.7.2"]


@pytest.mark.parametrize("line", ["numpy>=2.0", "numpy==2.*", "rich[jupyter]==15.0.0"])
def test_a_line_that_pins_no_one_version_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="does not pin one version"):
        pins_in(f"# comment\ntorch==2.13.0  # why\n{line}\n")
