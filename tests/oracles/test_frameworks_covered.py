"""Every loss of torch and optax is an entry under its own name there, or left out for a stated reason."""

from __future__ import annotations

import inspect
import re

import optax
import torch

from refimpl import LOSSES
from refimpl.more_losses import LEFT_OUT


def torchs() -> dict[str, str]:
    """Class of torch.nn.modules.loss → the function of torch.nn.functional that it calls."""
    functions = {}
    for name in torch.nn.modules.loss.__all__:
        forward = inspect.getsource(getattr(torch.nn.modules.loss, name).forward)
        called = re.search(r"F\.(\w+)\(", forward)
        functions[name] = called[1] if called else ""
    return functions


def optaxs() -> set[str]:
    """The functions of optax.losses."""
    return {
        name
        for name in dir(optax.losses)
        if not name.startswith("_") and callable(getattr(optax.losses, name))
    }


def aliases(library: str) -> set[str]:
    """The names, without module and remarks, that entries have there."""
    named = (entry.aliases.get(library, "") for entry in LOSSES.values())
    return {word.rsplit(".", 1)[-1] for alias in named for word in re.findall(r"[\w.]+", alias)[:1]}


def test_every_loss_of_torch_is_an_entry_or_left_out_for_a_reason() -> None:
    here = {name for name, function in torchs().items() if function in aliases("torch")}
    unaccounted = torchs().keys() - here - LEFT_OUT.keys()
    assert not unaccounted, f"neither an alias of an entry nor in LEFT_OUT: {sorted(unaccounted)}"
    wrongly = (here & LEFT_OUT.keys()) - {"NLLLoss2d"}  # a second class of one function
    assert not wrongly, f"in LEFT_OUT, and an entry: {sorted(wrongly)}"


def test_every_loss_of_optax_is_an_entry_or_left_out_for_a_reason() -> None:
    unaccounted = optaxs() - aliases("optax") - LEFT_OUT.keys()
    assert not unaccounted, f"neither an alias of an entry nor in LEFT_OUT: {sorted(unaccounted)}"
    wrongly = aliases("optax") & LEFT_OUT.keys()
    assert not wrongly, f"in LEFT_OUT, and an entry: {sorted(wrongly)}"


def test_what_is_left_out_exists_and_has_a_reason() -> None:
    assert LEFT_OUT.keys() <= torchs().keys() | optaxs()
    assert all(len(reason) > 10 for reason in LEFT_OUT.values())


def test_the_names_that_entries_have_in_torch_and_optax_exist() -> None:
    for name in aliases("torch") - {""}:
        assert hasattr(torch.nn.functional, name), name
    for name in aliases("optax") - {""}:
        assert hasattr(optax.losses, name), name
