"""Runs the code of a Markdown page as its reader would: `python -m tests.docs.running docs/explain.md`.

A page is run as a whole, from top to bottom, in one process and one temporary folder: a block needs those
above it, while pytest-xdist spreads tests over processes.

- `pycon`: as doctest runs it, with ELLIPSIS and NORMALIZE_WHITESPACE, in the page's namespace
- `python`: executed whole, in the same namespace
- `console`: each `$ command` by bash, with backproof, python and pytest on the path. What is shown below a
  command is its whole output, in which `...` may stand for anything. It ends with 0, unless
  `  # exit status 1` is said behind it, or `<!-- exit: 1 -->` in front of the block, of its last command
- `text`, or no language: an excerpt of what the commands above have printed
- `toml`, `yaml`, `json`: parsed

Comments in front of a block: `<!-- file: my_net.py -->` writes it to that file, or if it is a `diff`, makes
that change to it; `<!-- append: my_net.py -->` adds it at the end; `<!-- with: examples -->` puts that folder
of the repository where the commands run; `<!-- needs: cc -->` skips the block where there is no such program;
`<!-- long -->` leaves it to --long.
"""

from __future__ import annotations

import argparse
import contextlib
import doctest
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.docs.blocks import ROOT, Block, blocks_of
from tests.docs.registry import registered

NOTES = {"file", "append", "exit", "with", "needs", "long"}
# What the site makes of them is tested with the site.
DIRECTIVES = {"{equation}", "{equations}", "{source}", "{exercise}", "{mistakes}", "{toctree}"}
SECONDS = 600
"""After which a command is held to hang."""
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class PageError(Exception):
    """A block that does not do what the page says; the message names page and line."""


class Page:
    """What the blocks of one page share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "page"
        self.folder.mkdir()
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.printed = ""
        self.environment = _environment(folder)

    def run(self, block: Block) -> None:
        """Raises PageError if the block does not do what it shows."""
        if block.notes.keys() & {"file", "append"}:
            self._write(block)
        else:
            RULES[block.language](self, block)

    def _write(self, block: Block) -> None:
        name = block.notes.get("file") or block.notes["append"]
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") if path.exists() else None
        if block.language == "diff" or "append" in block.notes:
            if before is None:
                raise PageError(f"{block.place}: no block above has written {name}")
            text = changed(before, block) if block.language == "diff" else before + block.text
        else:
            text = block.text
        if path.suffix == ".py":
            _compiled(block, text)
        path.write_text(text, encoding="utf-8")

    def doctests(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(
            block.text, self.names, block.page, block.page, block.line - 1
        )
        if not test.examples:
            raise PageError(f"{block.place}: there is no >>> in it")
        test.globs = self.names  # not a copy: blocks below go on with it
        said = io.StringIO()
        results = doctest.DocTestRunner(optionflags=_FLAGS).run(test, out=said.write, clear_globs=False)
        if results.failed:
            raise PageError(f"{block.place}: it does not give what is shown\n{said.getvalue()}")

    def python(self, block: Block) -> None:
        try:
            exec(_compiled(block, block.text), self.names)  # noqa: S102 - the page's own code
        except Exception as error:
            raise PageError(f"{block.place}: it raises\n{traceback.format_exc()}") from error

    def console(self, block: Block) -> None:
        commands = commands_of(block)
        for folder in block.notes.get("with", "").split():
            if not (self.folder / folder).exists():
                (self.folder / folder).symlink_to(ROOT / folder)
        self.printed = ""
        for line, command, status, shown in commands:
            try:
                done = subprocess.run(
                    ["bash", "-c", command],
                    cwd=self.folder,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise PageError(f"{block.page}:{line}: no end within {SECONDS} s: {command}") from error
            if done.returncode != status:
                said = f"it ends with {done.returncode}, not with {status}: {command}\n{done.stdout}"
                raise PageError(f"{block.page}:{line}: {said}")
            if shown.strip() and not _fits(shown, done.stdout):
                raise PageError(f"{block.page}:{line}: {command}\n{_unlike(shown, done.stdout)}")
            self.printed += done.stdout

    def excerpt(self, block: Block) -> None:
        shown, printed = _trimmed(block.text), _trimmed(self.printed)
        if not doctest.OutputChecker().check_output(f"...\n{shown}\n...", f"\n{printed}\n", doctest.ELLIPSIS):
            raise PageError(
                f"{block.place}: no excerpt of what was printed\n{_unlike(block.text, self.printed)}"
            )

    def data(self, block: Block) -> None:
        parse: Callable[[str], Any] = {"toml": tomllib.loads, "yaml": yaml.safe_load, "json": json.loads}[
            block.language
        ]
        try:
            parse(block.text)
        except (ValueError, yaml.YAMLError) as error:
            raise PageError(f"{block.place}: no {block.language}: {error}") from error


RULES: dict[str, Callable[[Page, Block], None]] = {
    "pycon": Page.doctests,
    "python": Page.python,
    "console": Page.console,
    "text": Page.excerpt,
    "": Page.excerpt,
    "toml": Page.data,
    "yaml": Page.data,
    "json": Page.data,
}


def commands_of(block: Block) -> list[tuple[int, str, int, str]]:
    """Line, command, exit status and what is shown, of each command of a console block."""
    found: list[tuple[int, str, int, str]] = []
    lines = block.text.splitlines()
    while lines:
        number = block.line + len(block.text.splitlines()) - len(lines)
        command = lines.pop(0)
        if not command.startswith("$ "):
            raise PageError(f"{block.page}:{number}: a console block begins with `$ ` and a command")
        while command.endswith("\\"):
            command = command[:-1] + lines.pop(0).strip()
        command, _, status = command[2:].partition("  # exit status ")
        shown: list[str] = []
        while lines and not lines[0].startswith("$ "):
            shown.append(lines.pop(0))
        found.append((number, command, int(status or 0), "\n".join(shown)))
    if "exit" in block.notes:
        found[-1] = (*found[-1][:2], int(block.notes["exit"]), found[-1][3])
    return found


def changed(text: str, block: Block) -> str:
    """The text with the changes of a diff; its parts, between lines of `...`, stand in it once each."""
    for part in re.split(r"^\.\.\.$\n?", block.text, flags=re.MULTILINE):
        lines = part.splitlines()
        if any(line[:1] not in ("", " ", "+", "-") for line in lines):
            raise PageError(f"{block.place}: a line of a diff begins with a space, + or -")
        old = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
        new = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
        if old == new or text.count(old) != 1:
            raise PageError(
                f"{block.place}: what is to be changed stands there {text.count(old)} times\n{old}"
            )
        text = text.replace(old, new)
    return text


def problems_of(page: str, blocks: Sequence[Block]) -> list[str]:
    """Blocks that would not be run: of a language without a rule, unregistered, or with a note unknown."""
    found: list[str] = []
    above = False
    for number, block in enumerate(blocks):
        known = registered(block)
        unknown = block.notes.keys() - NOTES
        above = above or (block.language == "console" and not known)
        if unknown:
            found.append(f"{block.place}: unknown in a comment: {', '.join(sorted(unknown))}")
        elif known or block.language in DIRECTIVES:
            continue
        elif block.notes.keys() & {"file", "append"}:
            name = block.notes.get("file") or block.notes["append"]
            below = "".join(other.text for other in blocks[number + 1 :] if other.language == "console")
            if Path(name).stem not in below:
                found.append(f"{block.place}: no command below uses {name}")
        elif block.language not in RULES:
            found.append(
                f"{block.place}: no rule runs a block of {block.language!r}, and it is not registered"
            )
        elif RULES[block.language] is Page.excerpt and not above:
            found.append(f"{block.place}: no command above can have printed it, and it is not registered")
    return found


def run_page(page: str, *, long: bool = False) -> str:
    """Runs the blocks that are not registered as run elsewhere; says what was left out for lack of a program.

    Raises PageError at the first one that does not do what the page says.
    """
    blocks = blocks_of(page, (ROOT / page).read_text(encoding="utf-8"))
    lacking: set[str] = set()
    left_out = False  # and so is what it has printed
    with tempfile.TemporaryDirectory() as folder:
        state = Page(Path(folder))
        with contextlib.chdir(state.folder):
            for block in blocks:
                if block.language in DIRECTIVES or registered(block):
                    continue
                lacks = {name for name in block.notes.get("needs", "").split() if not shutil.which(name)}
                lacking |= lacks
                if block.language not in ("", "text"):
                    left_out = bool(lacks) or ("long" in block.notes and not long)
                if not left_out:
                    state.run(block)
    return ", ".join(sorted(lacking))


def is_long(page: str) -> bool:
    """Whether the page has a block that is run with --long only."""
    return any("long" in block.notes for block in blocks_of(page, (ROOT / page).read_text(encoding="utf-8")))


def _environment(folder: Path) -> dict[str, str]:
    """What commands find: this tree and this Python first on the path, a cache of their own, no colours."""
    programs = folder / "bin"
    programs.mkdir()
    python = shlex.quote(sys.executable)
    # As the scripts of an installation: the current folder is not on Python's path.
    for name, words in {"python": "", "backproof": "-P -m backproof", "pytest": "-P -m pytest"}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {python} {words} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    left_out = ("NO_COLOR", "FORCE_COLOR", "PYTHONWARNINGS", "COLUMNS")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in left_out and not name.startswith("PYTEST_")
    }
    own = {"PATH": f"{programs}{os.pathsep}{kept.get('PATH', os.defpath)}", "PYTHONPATH": str(ROOT)}
    own |= {"XDG_CACHE_HOME": str(folder / "cache"), "LC_ALL": "C.UTF-8"}
    compiled = {"JAX_COMPILATION_CACHE_DIR": str(ROOT / ".pytest_cache" / "jax")}  # that of the tests
    return compiled | kept | own


def _compiled(block: Block, text: str) -> Any:
    try:
        # Empty lines in front, so that what is raised names the line of the page.
        return compile("\n" * (block.line - 1) + text, block.page, "exec")
    except SyntaxError as error:
        raise PageError(f"{block.page}:{error.lineno}: {error.msg}") from error


def _fits(shown: str, printed: str) -> bool:
    """Whether a command printed what is shown, spaces and empty lines at ends aside."""
    shown, printed = _trimmed(shown), _trimmed(printed)
    return doctest.OutputChecker().check_output(f"{shown}\n", f"{printed}\n", doctest.ELLIPSIS)


def _trimmed(text: str) -> str:
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).rstrip("\n")


def _unlike(shown: str, printed: str) -> str:
    return f"shown:\n{shown}\nprinted:\n{printed}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the code of Markdown pages as their readers would.")
    parser.add_argument("pages", nargs="+", help="paths from the root of the repository")
    parser.add_argument("--long", action="store_true", help="also what is marked long")
    options = parser.parse_args()
    for page in options.pages:
        text = (ROOT / page).read_text(encoding="utf-8")
        if problems := problems_of(page, blocks_of(page, text)):
            print("\n".join(problems), file=sys.stderr)
            return 1
        try:
            lacking = run_page(page, long=options.long)
        except PageError as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{page}: {f'not run for lack of {lacking}' if lacking else 'as shown'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
