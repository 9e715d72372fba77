"""The worker of a graded submission: `plugging.worker` in an interpreter that has NumPy and nothing else.

It is started as `python -I -S bare_worker.py` from a folder made for the run, which holds copies of this
file, of `worker.py` and of `functions.py`, and links to NumPy. An audit hook, which code cannot take away,
tells at once over the pipe of answers what a solution need not do; nothing is forbidden by it.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

FOREIGN = frozenset(
    {
        *(
            "torch",
            "torchvision",
            "jax",
            "jaxlib",
            "flax",
            "optax",
            "haiku",
            "equinox",
            "tensorflow",
            "keras",
        ),
        *("theano", "mxnet", "paddle", "chainer", "autograd", "mygrad", "micrograd", "tinygrad", "aesara"),
        *("pytensor", "casadi", "sympy", "backproof", "refimpl", "oracles", "flint"),
    }
)
"""Modules whose import is told: they know derivatives, or they are the harness."""
LONG_SLEEP = 0.5
_PROCESS = {
    *("subprocess.Popen", "os.fork", "os.forkpty", "os.system", "os.exec", "os.posix_spawn", "os.spawn"),
    *("pty.spawn", "os.kill", "os.killpg", "os.startfile"),
}
_HARNESS = {
    *("gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys.addaudithook", "sys.settrace"),
    *("sys.setprofile", "sys._current_frames", "resource.setrlimit", "resource.prlimit"),
}
_PATHS = {
    "os.listdir": "list",
    "os.scandir": "list",
    "os.remove": "remove",
    "os.rename": "rename",
    "os.mkdir": "make",
    "os.rmdir": "remove",
    "os.symlink": "link",
    "os.link": "link",
    "os.chmod": "change",
    "os.truncate": "cut",
    "shutil.rmtree": "remove",
}
_HARMLESS = ("/dev/null", "/dev/urandom", "/dev/random")


class Watch:
    """What is told of audit events; each thing once."""

    def __init__(self, tell: Callable[[str, str], None], folder: str, allowed: Iterable[str]) -> None:
        """`folder` is the submission's; files below `allowed` may be read as well."""
        self.tell, self.folder = tell, os.path.realpath(folder)
        self.allowed = [self.folder, *(os.path.realpath(place) for place in allowed)]
        self.told: set[tuple[str, str]] = set()
        self.busy = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The hook. Whatever happens in it, the code goes on."""
        if self.busy:
            return
        self.busy = True
        try:
            found = self.found(event, arguments)
            if found is not None and found not in self.told:
                self.told.add(found)
                self.tell(*found)
        except Exception:  # noqa: BLE001, S110 - a hook that raises would forbid
            pass
        finally:
            self.busy = False

    def found(self, event: str, arguments: tuple[Any, ...]) -> tuple[str, str] | None:
        """Kind and words of what is to be told of an event, if anything is."""
        if event == "import":
            return self._import(str(arguments[0]), arguments[1])
        if event == "open":
            return self._open(*arguments[:3])
        if event in _PATHS:
            place = self._outside(arguments[0])
            return None if place is None else ("file", f"{_PATHS[event]} {place}")
        if event in _PROCESS:
            return ("process", event)
        if event in _HARNESS:
            return ("harness", event)
        if event.startswith("socket."):
            return ("network", "open a socket")
        if event in ("ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function"):
            return ("native code", "call native code with ctypes")
        return None

    def _import(self, name: str, file: Any) -> tuple[str, str] | None:
        top = name.partition(".")[0]
        if top in FOREIGN and not any(
            os.path.exists(os.path.join(self.folder, top + ending)) for ending in ("", ".py")
        ):
            return ("import", f"import {top}")
        if file and os.path.realpath(str(file)).startswith(self.folder + os.sep):
            return ("native code", f"load {os.path.basename(str(file))}")
        return None

    def _open(self, path: Any, mode: Any, flags: Any) -> tuple[str, str] | None:
        place = self._outside(path)
        if place is None or place in _HARMLESS:
            return None
        writes = any(letter in str(mode or "") for letter in "wax+")
        writes = writes or bool(int(flags or 0) & (os.O_WRONLY | os.O_RDWR))
        return ("file", f"open {place} to {'write' if writes else 'read'}")

    def _outside(self, path: Any) -> str | None:
        """The path, if it is one outside of what is allowed."""
        if path is None or isinstance(path, int):
            return None
        text = os.path.realpath(os.fsdecode(path))
        if any(text == place or text.startswith(place + os.sep) for place in self.allowed):
            return None
        return text


def main() -> None:
    """Serves the two descriptors named by the last arguments until the first is closed."""
    here = os.path.dirname(os.path.abspath(__file__))
    packages = os.path.join(os.path.dirname(here), "packages")
    standard = [os.path.dirname(os.__file__), *sys.path]
    sys.path[:] = [place for place in sys.path if place and os.path.abspath(place) != here]
    sys.path.append(packages)
    sys.path.insert(0, here)
    single_functions, worker = map(importlib.import_module, ("functions", "worker"))

    del sys.path[0]
    _die_with_the_harness()
    source, sink = map(int, sys.argv[1:3])
    del sys.argv[1:]
    import _sitebuiltins

    for name in ("exit", "quit"):  # which `site` would have made
        setattr(builtins, name, _sitebuiltins.Quitter(name, ""))

    def tell(**header: Any) -> None:
        data = worker.frame(header)
        while data:
            data = data[os.write(sink, data) :]

    def load(header: dict[str, Any]) -> Any:
        module = worker.module_of(header["source"])
        return chosen(worker, single_functions, module, header, tell)

    class Caller(worker.Caller):  # type: ignore[name-defined,misc]
        def reply(self, header: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
            reply, out = super().reply(header, payload)
            reply["faults"] += getattr(self.implementation.target, "notes", ())
            return reply, out

    _tell_of_sleep(tell)
    linked = [os.path.join(packages, name) for name in os.listdir(packages)]
    allowed = [*standard, packages, here, *linked]
    sys.addaudithook(Watch(lambda kind, what: tell(note=[kind, what[:300]]), os.getcwd(), allowed))
    worker.serve(source, sink, load, Caller)


def _tell_of_sleep(tell: Callable[..., None]) -> None:
    """Of long sleeps, for which not every Python has an audit event; other waiting ends at the time limit."""
    import time

    original, told = time.sleep, set[float]()

    def sleep(seconds: Any) -> None:
        if isinstance(seconds, (int, float)) and seconds >= LONG_SLEEP and seconds not in told:
            told.add(seconds)
            tell(note=["sleep", f"sleep for {seconds:g} s"])
        original(seconds)

    time.sleep = sleep


def _die_with_the_harness() -> None:
    """On Linux, a worker that computes without end does not outlive a harness that was killed."""
    import ctypes
    import signal

    if sys.platform == "linux":
        with contextlib.suppress(Exception):
            ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))  # PR_SET_PDEATHSIG


def chosen(worker: Any, single_functions: Any, module: Any, header: dict[str, Any], tell: Any) -> Any:
    """The first of what is looked for that the module has; LoadError if it has none of it."""
    wanted = header["find"]
    for kind in ("class", "function"):
        name = wanted[kind]
        if name and hasattr(module, name):
            found = worker.Implementation(getattr(module, name), name)
            found.declaration = {"declared": found.declaration, "interface": kind}
            return found
    given = {
        kind: getattr(module, name)
        for kind, name in wanted["functions"].items()
        if callable(getattr(module, name, None))
    }
    if not given:
        looked_for = [f"{kind} {wanted[kind]}" for kind in ("class", "function") if wanted[kind]]
        if wanted["functions"]:
            looked_for.append("function " + ", ".join(wanted["functions"].values()))
        raise worker.LoadError(
            f"{os.path.basename(header['source'])} has none of what is looked for: {', or '.join(looked_for)}"
        )
    target = single_functions.Functions(given, wanted["arguments"], lambda kind: tell(at=kind))
    found = worker.Implementation(target, "functions")
    declared = getattr(module, "backproof", None) or {}
    found.declaration = {"declared": declared, "interface": "functions", "functions": sorted(given)}
    return found


if __name__ == "__main__":
    main()
