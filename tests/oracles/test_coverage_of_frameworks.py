"""Every activation that torch.nn and jax.nn have is an entry of the table, or left out for a reason given."""

from __future__ import annotations

from collections.abc import Callable

import jax
import pytest
import torch

from refimpl import ACTIVATIONS
from refimpl.more_activations import LEFT_OUT


def _torch_names() -> list[str]:
    return [f"torch.nn.{name}" for name in torch.nn.modules.activation.__all__]


def _jax_names() -> list[str]:
    public = [name for name in dir(jax.nn) if not name.startswith("_")]
    return [f"jax.nn.{name}" for name in public if callable(getattr(jax.nn, name))]


NAMES: dict[str, Callable[[], list[str]]] = {"torch": _torch_names, "jax": _jax_names}


def _plain(name: str) -> str:
    """LogSoftmax and nn.functional.log_softmax are one function."""
    return name.rpartition(".")[2].replace("_", "").lower()


def _known(library: str) -> set[str]:
    names = [entry.aliases[library] for entry in ACTIVATIONS.values() if library in entry.aliases]
    return {_plain(alias) for together in names for alias in together.split(", ")}


@pytest.mark.parametrize("library", NAMES)
def test_every_activation_of_a_framework_is_an_entry_or_left_out_for_a_reason(library: str) -> None:
    names = NAMES[library]()
    assert len(names) > 25  # what lists nothing misses nothing
    missing = [name for name in names if _plain(name) not in _known(library) and name not in LEFT_OUT]
    assert not missing, f"add an entry, an alias or a line of LEFT_OUT for {', '.join(missing)}"


def test_what_is_left_out_exists_and_is_no_entry() -> None:
    for name, reason in LEFT_OUT.items():
        library = name.partition(".")[0]
        assert name in NAMES[library](), f"{library} has no {name} any more"
        assert _plain(name) not in _known(library)
        assert reason


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_alias_is_a_function_of_its_library(name: str) -> None:
    for library, aliases in ACTIVATIONS[name].aliases.items():
        for alias in aliases.split(", "):
            function = {"torch": torch, "jax": jax}[library]
            for part in alias.split("."):
                function = getattr(function, part)
            assert callable(function)
