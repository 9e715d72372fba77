"""Where the command has JAX keep its compiled programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ASKED = """
import json, os
from backproof.cli import _keep_compiled_programs
_keep_compiled_programs()
print(json.dumps({name: value for name, value in os.environ.items() if name.startswith("JAX_")}))
"""


def kept(tmp_path: Path, **changes: str) -> dict[str, str]:
    """JAX's variables after the command's start, in a process with these."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    own |= {"XDG_CACHE_HOME": str(tmp_path / "cache")} | changes
    return json.loads(subprocess.check_output([sys.executable, "-c", ASKED], env=own, text=True))


def test_all_programs_are_kept_in_the_users_cache_however_fast_they_compile(tmp_path: Path) -> None:
    assert kept(tmp_path) == {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache" / "backproof" / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }


def test_what_the_user_has_chosen_stays(tmp_path: Path) -> None:
    own = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "own")}
    assert kept(tmp_path, **own) == own
    least = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "3"}
    assert kept(tmp_path, **least).items() >= least.items()


def test_without_a_place_to_write_to_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert kept(tmp_path) == {}
