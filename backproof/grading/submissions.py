"""Where submissions are found, and what each is: its files, their hash, and the one to load."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backproof.errors import UsageError

MOST_BYTES, MOST_FILES = 64 * 2**20, 2000
_PASSED_OVER = {"__pycache__", "__MACOSX"}
_LONGEST_KEY = 60


@dataclass(frozen=True)
class Submission:
    """One entry of the folder of submissions."""

    name: str
    key: str
    """The name as the name of a file; no two submissions have the same."""
    path: Path
    wanted: str
    """The file to look for in a folder."""

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Its regular files, in the order of their names, relative to it; links are not followed."""
        if not self.path.is_dir():
            return (Path(self.path.name),)
        return tuple(sorted(_files_below(self.path), key=str))

    @property
    def root(self) -> Path:
        """What `files` are relative to."""
        return self.path if self.path.is_dir() else self.path.parent

    @cached_property
    def main(self) -> Path | None:
        """The file to load, relative to `root`: the one looked for, or the only one in Python."""
        if not self.path.is_dir():
            return self.files[0] if self.path.suffix == ".py" else None
        named = [file for file in self.files if file.name == self.wanted]
        if named:
            return min(named, key=lambda file: (len(file.parts), str(file)))
        in_python = [file for file in self.files if file.suffix == ".py"]
        return in_python[0] if len(in_python) == 1 else None

    @property
    def shown(self) -> str:
        """The file to load as a report names it; empty if there is none."""
        if self.main is None:
            return ""
        return str(Path(self.path.name) / self.main) if self.path.is_dir() else self.path.name

    @cached_property
    def source_hash(self) -> str:
        """SHA-256 of its files' names and bytes."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(str(file).encode("utf-8", "surrogateescape") + b"\0")
            try:
                content = (self.root / file).read_bytes()
            except OSError as error:
                content = f"cannot be read: {error.strerror}".encode()
            digest.update(hashlib.sha256(content).digest())
        return digest.hexdigest()

    def why_not(self) -> tuple[str, str]:
        """("not loadable" or "empty", why), or ("", "") if it can be tried."""
        try:
            size = sum((self.root / file).stat().st_size for file in self.files)
        except OSError as error:
            return "not loadable", f"it cannot be read: {error.strerror}"
        if size > MOST_BYTES or len(self.files) > MOST_FILES:
            return "not loadable", f"it has more than {MOST_BYTES >> 20} MiB or {MOST_FILES:,} files"
        if not size:
            return "empty", "there is nothing in it"
        if self.main is None:
            if not self.path.is_dir():
                return "not loadable", f"{self.path.name} is no Python file; its name must end in .py"
            number = sum(file.suffix == ".py" for file in self.files)
            what = "no Python file" if not number else f"{number} Python files, none of them {self.wanted}"
            return ("not loadable" if number else "empty"), f"there is {what}"
        return ("empty", f"{self.main} has no code") if _is_blank(self.root / self.main) else ("", "")

    def copy_to(self, folder: Path) -> Path:
        """A read-only copy of its files below `folder`; the path of the one to load."""
        assert self.main is not None
        for file in self.files:
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.root / file, target)
            target.chmod(stat.S_IRUSR)
        for place, _, _ in os.walk(folder, topdown=False):
            Path(place).chmod(stat.S_IRUSR | stat.S_IXUSR)
        return folder / self.main


def remove_copy(folder: Path) -> None:
    """Removes a read-only copy."""
    for place, _, _ in os.walk(folder):
        Path(place).chmod(stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)


def submissions_in(folder: str | Path, wanted: str) -> list[Submission]:
    """All in a folder, in the order of their names; what begins with a dot is none. Raises UsageError."""
    place = Path(folder)
    try:
        entries = sorted(place.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise UsageError(
            f"{place} cannot be read: {error.strerror}; give the folder that holds the submissions"
        ) from None
    found, keys = [], set[str]()
    for path in entries:
        if path.name.startswith(".") or path.name in _PASSED_OVER or path.is_symlink():
            continue
        name = path.stem if path.suffix == ".py" and not path.is_dir() else path.name
        found.append(Submission(name, _key(name, path.name, keys), path, wanted))
    if not found:
        raise UsageError(f"there is no submission in {place}; each is a Python file or a folder in it")
    return found


def one_submission(path: str | Path, wanted: str) -> Submission:
    """A file or a folder by itself. Raises UsageError if there is none."""
    place = Path(path)
    if not place.exists():
        raise UsageError(f"there is no {place}; give your Python file, or the folder it is in")
    name = place.stem if place.suffix == ".py" else place.resolve().name
    return Submission(name, _key(name, place.name, set()), place, wanted)


def _key(name: str, whole: str, taken: set[str]) -> str:
    """A name of letters, digits, _ and -, that is no other's whatever the file system takes for equal."""
    plain = re.sub(r"[^0-9A-Za-z_-]+", "_", name)[:_LONGEST_KEY]
    key = plain if plain == name and plain[0].isalnum() else ""
    if not key or key.lower() in taken:
        digest = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        key = f"{plain.lstrip('_-') or 'submission'}-{digest}"
    taken.add(key.lower())
    return key


def _files_below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".") and each not in _PASSED_OVER]
        for name in files:
            path = Path(place) / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path.relative_to(folder)


def _is_blank(file: Path) -> bool:
    """Whether a Python file holds nothing but comments, texts and `pass`."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # loading it will say why
    return all(
        isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in tree.body
    )
