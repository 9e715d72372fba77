"""Loads somebody's implementation, calls it case by case, and tells what it answers and breaks.

This file runs in a process of its own, under any Python from 3.8 on: it needs the standard library only,
and uses NumPy if the interpreter has it. The harness imports it, too, to call an implementation in process;
what is said about one is the same either way. Expected answers never come here.

The conversation, over two pipes: a frame is two little-endian 64-bit lengths, a header in JSON, and a
payload. An array in a header is {"@": [dtype, shape, offset]} with its bytes, row by row, at that offset of
the payload; what is neither number nor array is {"?": what it is}.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.util
import inspect
import json
import os
import random
import struct
import sys
import traceback
import warnings
from array import array as plain_array
from typing import Any, Callable, Iterator

np: Any
try:
    import numpy as np
except ImportError:
    np = None

PROTOCOL = 1
PIPE_LOST = 86
"""The exit status of a worker whose pipes were closed under it."""
QUANTITIES = ("loss", "Z", "A", "delta", "dW", "db", "dX", "W_updated", "b_updated")
_LENGTHS = struct.Struct("<QQ")
_LONGEST_MESSAGE = 400
_DEEPEST = 6


class LoadError(Exception):
    """The implementation cannot be used as it is; the message of one line says what to change."""


class CaseView:
    """One case as an implementation sees it: parameters, data and names, in the layout that it declared.

    X, Y; W and b, lists with layer 1 first; activations (names) and activation_parameters (a dict each);
    loss, reduction, loss_parameters, loss_arrays; learning_rate; dtype ("float32" or "float64"); widths
    n_0 … n_L, depth L, samples m.
    """

    def __init__(self, fields: dict[str, Any]) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        near = difflib.get_close_matches(name, self.__dict__, 1)
        hint = f"did you mean {near[0]!r}?" if near else "it has: " + ", ".join(self.__dict__)
        raise AttributeError(f"a case has no {name!r}; {hint}")

    def __repr__(self) -> str:
        given = self.__dict__
        return "<case {}, {}, {} ({}), {} samples, {}>".format(
            "-".join(map(str, given.get("widths", ()))),
            " → ".join(given.get("activations", ())),
            given.get("loss"),
            given.get("reduction"),
            given.get("samples"),
            given.get("dtype"),
        )


# ---------------------------------------------------------------- frames


def read_frame(read: Callable[[int], bytes]) -> tuple[Any, bytes] | None:
    """The next frame's header and payload; None at the end. `read(n)` gives n bytes, or fewer at the end."""
    lengths = read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header, payload = _LENGTHS.unpack(lengths)
    text = read(header)
    return json.loads(text.decode("utf-8")), read(payload)


def frame(header: Any, payload: bytes = b"") -> bytes:
    """One frame."""
    text = json.dumps(header).encode("utf-8")
    return _LENGTHS.pack(len(text), len(payload)) + text + payload


def decoded(value: Any, payload: bytes, arrays: str = "plain") -> Any:
    """`value` with its arrays in place, each in memory of its own."""
    if isinstance(value, list):
        return [decoded(each, payload, arrays) for each in value]
    if not isinstance(value, dict):
        return value
    if "@" not in value:
        return {key: decoded(each, payload, arrays) for key, each in value.items()}
    dtype, shape, _ = value["@"]
    raw = _bytes_of(value, payload)
    if np is not None:
        return _arranged(np.frombuffer(raw, dtype).reshape(shape).copy(), arrays)
    return _nested(_numbers(dtype, raw), shape)


def _bytes_of(value: dict[str, Any], payload: bytes) -> bytes:
    dtype, shape, offset = value["@"]
    count = 1
    for length in shape:
        count *= length
    return payload[offset : offset + count * int(dtype[2:])]


def _numbers(dtype: str, raw: bytes) -> list[Any]:
    numbers = plain_array({"<f4": "f", "<f8": "d", "<i8": "q"}[dtype], raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return list(numbers)


def is_as_given(now: Any, value: Any, payload: bytes) -> bool:
    """Whether what was decoded from `value` is still the same, to the bit."""
    if isinstance(value, list):
        same_length = isinstance(now, (list, tuple)) and len(now) == len(value)
        return same_length and all(is_as_given(n, v, payload) for n, v in zip(now, value))
    if not isinstance(value, dict):
        return bool(now == value)
    if "@" not in value:
        same_keys = isinstance(now, dict) and now.keys() == value.keys()
        return same_keys and all(is_as_given(now[key], value[key], payload) for key in value)
    dtype, shape, _ = value["@"]
    raw = _bytes_of(value, payload)
    if np is not None:
        is_array = (
            isinstance(now, np.ndarray) and list(now.shape) == list(shape) and now.dtype == np.dtype(dtype)
        )
        return is_array and now.astype(dtype).tobytes() == raw
    return repr(now) == repr(_nested(_numbers(dtype, raw), shape))


def _arranged(values: Any, arrays: str) -> Any:
    """The same numbers, otherwise in memory; between those of "strided" there is NaN."""
    if arrays == "fortran":
        return np.asfortranarray(values)
    if arrays == "read-only":
        values.setflags(write=False)
    if arrays == "strided" and values.dtype.kind == "f":
        wide = np.full([2 * length for length in values.shape], np.nan, values.dtype)
        every_other = wide[tuple(slice(None, None, 2) for _ in values.shape)]
        every_other[...] = values
        return every_other
    return values


def _nested(numbers: list[Any], shape: list[int]) -> Any:
    if len(shape) < 2:
        return numbers
    step = len(numbers) // shape[0] if shape[0] else 0
    return [_nested(numbers[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


class Payload:
    """Bytes of arrays, gathered behind a header."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, values: Any) -> dict[str, Any]:
        """Adds a NumPy array; gives what stands for it in the header."""
        little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        raw = little.tobytes()
        placed = {"@": [little.dtype.str, list(np.shape(values)), self.size]}
        self.parts.append(raw)
        self.size += len(raw)
        return placed

    def encoded(self, value: Any, depth: int = 0) -> Any:
        """Any value as JSON, with arrays in the payload; what is no number is named by its kind."""
        if isinstance(value, (bool, int, float)) and not (np is not None and isinstance(value, np.generic)):
            return float(value) if isinstance(value, float) or abs(value) < 2**53 else {"?": "a huge integer"}
        if isinstance(value, (list, tuple)):
            if depth == _DEEPEST:
                return {"?": "nested too deep"}
            return [self.encoded(each, depth + 1) for each in value]
        if np is None or value is None or isinstance(value, (str, bytes, dict)) or inspect.isgenerator(value):
            return {"?": _kind(value)}
        if not isinstance(value, (np.ndarray, np.generic)):
            if not hasattr(value, "__array__"):
                return {"?": _kind(value)}
            try:
                value = np.asarray(value)
            except Exception as error:  # noqa: BLE001 - somebody's __array__ may raise anything
                return {"?": f"{_kind(value)} that is no array: {said(error)}"}
        if value.dtype.kind not in "fiub" or value.dtype.str not in _NUMERIC:
            return {"?": f"an array of dtype {value.dtype}"}
        return self.add(np.asarray(value))

    def bytes(self) -> bytes:
        """All of it."""
        return b"".join(self.parts)


_KINDS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")
_NUMERIC = {f"{order}{kind}" for order in "<>|" for kind in _KINDS}


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def said(error: BaseException) -> str:
    """An exception in words; whoever prints it makes control characters and line breaks visible."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - its own __str__ may fail
        text = "(it cannot be printed)"
    text = text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + " …"
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def _where(error: BaseException) -> str:
    """The line of somebody's own code that raised, e.g. " (net.py, line 12)"."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename != __file__]
    own = [each for each in frames if "site-packages" not in each.filename and "<" not in each.filename]
    if not own:
        return ""
    return f" ({os.path.basename(own[-1].filename)}, line {own[-1].lineno})"


# ---------------------------------------------------------------- loading


def loaded(source: str) -> Any:
    """What "path/to/file.py:name" or "package.module:name" names; LoadError says what is wrong with it."""
    place, colon, name = source.rpartition(":")
    if not colon or not place or not name:
        raise LoadError(f"{source!r} names no implementation; give FILE.py:NAME or package.module:NAME")
    module = module_of(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, [n for n in dir(found) if not n.startswith("_")], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise LoadError(f"{place} has no {part!r}{hint}")
        found = getattr(found, part)
    return found


def module_of(place: str) -> Any:
    """The module that a file or a dotted name is; LoadError says why it cannot be imported."""
    is_file = place.endswith(".py") or os.sep in place
    if not is_file and not all(part.isidentifier() for part in place.split(".")):
        raise LoadError(f"{place!r} is neither a file nor a module; give FILE.py:NAME or package.module:NAME")
    if is_file and not os.path.isfile(place):
        raise LoadError(f"there is no file {place}")
    folder = os.path.dirname(os.path.abspath(place)) if is_file else os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        if not is_file:
            return importlib.import_module(place)
        stem = os.path.splitext(os.path.basename(place))[0].replace(".", "_")
        if stem in sys.modules or not _is_at(stem, place):
            stem = "implementation_" + stem  # it must not stand in the place of another module
        spec = importlib.util.spec_from_file_location(stem, os.path.abspath(place))
        if spec is None or spec.loader is None:
            raise LoadError(f"{place} is no Python file; its name must end in .py")  # noqa: TRY301
        module = importlib.util.module_from_spec(spec)
        sys.modules[stem] = module
        spec.loader.exec_module(module)
    except LoadError:
        raise
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise LoadError(
            f"{os.path.basename(error.filename or place)}{line}: {error.msg}; Python "
            f"{sys.version_info[0]}.{sys.version_info[1]} cannot read it"
        ) from None
    except ModuleNotFoundError as error:
        if not is_file and error.name and (place + ".").startswith(error.name + "."):
            raise LoadError(
                f"there is no module {place} for {sys.executable}; start in its folder, or give FILE.py:NAME"
            ) from None
        raise LoadError(
            f"importing {place} raised {said(error)}{_where(error)}; install it for {sys.executable}"
        ) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody's module may do anything
        raise LoadError(f"importing {place} raised {said(error)}{_where(error)}") from None
    return module


def _is_at(name: str, place: str) -> bool:
    """Whether `import name` would run this file."""
    spec = importlib.util.find_spec(name)
    return spec is not None and os.path.abspath(spec.origin or "") == os.path.abspath(place)


class Implementation:
    """Something loaded, brought into one form: call it with a view, get raw answers."""

    def __init__(self, target: Any, name: str) -> None:
        """Raises LoadError if it is none of the three forms."""
        self.target, self.name = target, name
        self.declaration = getattr(target, "backproof", None)
        if self.declaration is None:
            self.declaration = {}
        self.is_object = hasattr(target, "forward") or hasattr(target, "set_parameters")
        if self.is_object:
            missing = [m for m in ("set_parameters", "forward", "backward") if not hasattr(target, m)]
            if missing:
                raise LoadError(
                    f"{name} lacks {' and '.join(missing)}; a class needs set_parameters(W, b), forward(X) "
                    "and backward(Y)"
                )
            if isinstance(target, type):
                self.takes_case = _takes(target, 1)
                if not self.takes_case and not _takes(target, 0):
                    raise LoadError(f"{name}() takes other arguments; it must take the case, or nothing")
        elif isinstance(target, type):
            raise LoadError(
                f"{name} is a class without forward; give it set_parameters(W, b), forward(X) and "
                "backward(Y), or a function of the case"
            )
        elif not callable(target):
            raise LoadError(f"{name} is {_kind(target)}, not a function of one argument, the case")
        elif not _takes(target, 1):
            raise LoadError(
                f"{name}{inspect.signature(target)} must take exactly one argument, the case; wrap it in a "
                "function that does"
            )

    def run(self, case: CaseView, before: list[CaseView], predict: list[CaseView]) -> Any:
        """The answer to `case`, after those to `before`, and after predictions for `predict`."""
        if not self.is_object:
            for each in before:
                self.target(each)
            return self.target(case)
        network = self.target
        if isinstance(network, type):
            network = network(case) if self.takes_case else network()
        for each in before:
            _steps(network, each)
        for each in predict:
            network.set_parameters(each.W, each.b)
            network.forward(each.X)
        return _steps(network, case)


def _takes(target: Any, count: int) -> bool:
    try:
        inspect.signature(target).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # no signature, as some compiled functions
        return True
    return True


def _steps(network: Any, case: CaseView) -> dict[str, Any]:
    """Parameters, forward, backward; then what the object has is read."""
    network.set_parameters(case.W, case.b)
    network.forward(case.X)
    given = network.backward(case.Y)
    answer = {"loss": given} if given is not None else {}
    for quantity in ("loss", "Z", "A", "delta", "dW", "db", "dX"):
        if quantity not in answer and getattr(network, quantity, None) is not None:
            value = getattr(network, quantity)
            value = value() if callable(value) else value
            if quantity == "A" and isinstance(value, (list, tuple)) and len(value) == case.depth + 1:
                value = value[1:]  # many keep A[0] = X there
            answer[quantity] = value
    if hasattr(network, "update"):
        answer = {quantity: _copied(value) for quantity, value in answer.items()}
        network.update(case.learning_rate)
        for quantity in ("W", "b"):
            if getattr(network, quantity, None) is not None:
                answer[quantity + "_updated"] = getattr(network, quantity)
    elif "dW" not in answer and "db" not in answer:
        raise AttributeError(
            f"{type(network).__name__} has no dW and no db after backward; set them, layer 1 first"
        )
    return answer


def _copied(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_copied(each) for each in value]
    return value.copy() if np is not None and isinstance(value, np.ndarray) else value


# ---------------------------------------------------------------- watching


class Surroundings:
    """What belongs to the whole process and is none of an implementation's business."""

    def __init__(self) -> None:
        self.known = self._now()
        self.quietly = (os.getcwd(), sys.stdout, sys.stderr)

    def changed(self) -> Iterator[str]:
        """What is not as it was, in words; it is put back, as are folder and streams, which harm nobody."""
        now = self._now()
        for what, (mark, old, restore) in self.known.items():
            if what in now and now[what][0] != mark:
                yield what
                with contextlib.suppress(Exception):
                    restore(old)
        folder, sys.stdout, sys.stderr = self.quietly
        with contextlib.suppress(OSError):
            os.chdir(folder)

    @staticmethod
    def _now() -> dict[str, tuple[Any, Any, Callable[[Any], Any]]]:
        """What → a mark that is compared, the state itself, and how to bring it back."""
        python, filters = random.getstate(), list(warnings.filters)
        here: dict[str, tuple[Any, Any, Callable[[Any], Any]]] = {
            "the state of random": (python, python, random.setstate),
            "the warning filters": (filters, filters, _set_filters),
        }
        if np is not None:
            state: Any = np.random.get_state()
            here["the state of numpy.random"] = (
                (state[1].tobytes(), *state[2:]),
                state,
                np.random.set_state,
            )
        torch: Any = sys.modules.get("torch")
        if torch is not None and hasattr(torch, "get_rng_state"):
            state, dtype = torch.get_rng_state(), torch.get_default_dtype()
            here["the state of torch's generator"] = (state.numpy().tobytes(), state, torch.set_rng_state)
            here["torch's default dtype"] = (dtype, dtype, torch.set_default_dtype)
        return here


def _quiet() -> Any:
    """No warnings of overflow and the like; unlike "ignore", "call" is no state that a user sets."""
    return contextlib.nullcontext() if np is None else np.errstate(all="call", call=lambda *_: None)


def _set_filters(filters: list[Any]) -> None:
    known: Any = warnings.filters
    known[:] = filters


def _arrays_in(value: Any, depth: int = 0) -> Iterator[Any]:
    if np is not None and isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (list, tuple)) and depth < _DEEPEST:
        for each in value:
            yield from _arrays_in(each, depth + 1)


class Caller:
    """Calls an implementation for the harness: request in, reply out."""

    def __init__(self, implementation: Implementation, *, interruptible: bool = False) -> None:
        """`interruptible`: Ctrl-C is the user's and goes through; else only the code under test raises."""
        self.implementation = implementation
        self.caught = (Exception, SystemExit) if interruptible else (BaseException,)
        self.former: list[Any] = []

    def reply(self, header: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        """Header and payload of the answer: "values", "faults", and "unsupported" if it is not supported."""
        arrays = header.get("arrays", "plain")
        case, *others = (
            CaseView(decoded(fields, payload, arrays))
            for fields in (header["fields"], *header.get("before", ()), *header.get("predict", ()))
        )
        split = len(header.get("before", ()))
        before, predict = others[:split], others[split:]
        originals = dict(case.__dict__)  # what it rebinds is its own
        given = [each for view in (case, *others) for each in _arrays_in(list(view.__dict__.values()))]
        faults: list[str] = []
        out, values = Payload(), None
        surroundings = Surroundings()
        try:
            with _quiet():
                known = np.geterr() if np is not None else None
                answer = self.implementation.run(case, before, predict)
                if np is not None and np.geterr() != known:
                    faults.append("changed numpy.seterr")
            values = self._values(answer, out, faults, given)
        except NotImplementedError as error:
            return {"unsupported": said(error) or "not implemented", "faults": [], "values": None}, b""
        except self.caught as error:
            faults.append(f"raised {said(error)}{_where(error)}")
            exhausted = isinstance(error, MemoryError)
        else:
            exhausted = False
        faults += [f"changed {what}" for what in surroundings.changed()]
        for key, value in header["fields"].items():
            if not is_as_given(originals[key], value, payload):
                faults.append(f"changed its argument {key}")
        return {"values": values, "faults": faults, "exhausted": exhausted}, out.bytes()

    def _values(
        self, answer: Any, out: Payload, faults: list[str], given: list[Any]
    ) -> dict[str, Any] | None:
        """The quantities of an answer, encoded; what is wrong with it goes to `faults`."""
        if hasattr(answer, "keys") and hasattr(answer, "__getitem__"):
            offered = {key: answer[key] for key in answer.keys()}  # noqa: SIM118 - any mapping will do
        else:
            offered = {q: getattr(answer, q) for q in QUANTITIES if getattr(answer, q, None) is not None}
            if not offered:
                faults.append(f"returned {_kind(answer)}, which has none of {', '.join(QUANTITIES)}")
                return None
        known = {key: value for key, value in offered.items() if isinstance(key, str) and key in QUANTITIES}
        for key in offered:
            if key not in known:
                near = [q for q in QUANTITIES if q.lower() == str(key).lower()]
                near = near or difflib.get_close_matches(str(key), QUANTITIES, 1, 0.4)
                hint = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(QUANTITIES)
                faults.append(f"returned the unknown key {key!r:.40}; {hint}")
        if not offered:
            faults.append(f"returned none of {', '.join(QUANTITIES)}")
        faults += self._aliases(known, given)
        return {key: out.encoded(value) for key, value in known.items()}

    def _aliases(self, offered: dict[str, Any], given: list[Any]) -> list[str]:
        found, mine = [], [(key, each) for key, value in offered.items() for each in _arrays_in(value)]
        for key, each in mine:
            if any(np.may_share_memory(each, other) for other in given):
                found.append(f"{key} shares memory with its argument; return a copy")
                break
        if not self.implementation.is_object:
            for key, each in mine:
                if any(np.may_share_memory(each, old) for old in self.former):
                    found.append(f"{key} is the array of a former answer, overwritten; return a new one")
                    break
            self.former = [each for _, each in mine]
        return found


# ---------------------------------------------------------------- the process


def versions() -> dict[str, str]:
    """What answers: Python, and the numerical packages that the implementation has imported."""
    found = {"python": sys.version.split()[0]}
    for name in ("numpy", "scipy", "torch", "jax", "tensorflow", "autograd", "mygrad", "sklearn"):
        module = sys.modules.get(name)
        if module is not None and isinstance(getattr(module, "__version__", None), str):
            found[name] = str(module.__version__)
    return found


def _load(header: dict[str, Any]) -> Implementation:
    return Implementation(loaded(header["source"]), header["source"].rpartition(":")[2])


def serve(
    source: int,
    sink: int,
    load: Callable[[dict[str, Any]], Implementation] = _load,
    calling: Callable[[Implementation], Caller] = Caller,
) -> None:
    """Answers what comes on the descriptor `source` on `sink`, until that is closed.

    `load` makes an implementation of a header, or raises LoadError; `calling` makes what asks it.
    """
    process = os.getpid()
    incoming, outgoing = os.fdopen(source, "rb"), os.fdopen(sink, "wb")
    caller: Caller | None = None

    def answer(header: dict[str, Any], payload: bytes = b"") -> None:
        if os.getpid() != process:  # a child that the implementation forked and let go on
            os._exit(0)
        try:
            outgoing.write(frame(header, payload))
            outgoing.flush()
        except (OSError, ValueError):
            os._exit(PIPE_LOST)

    answer({"worker": PROTOCOL})
    while True:
        try:
            received = read_frame(incoming.read)
        except (OSError, ValueError):
            os._exit(PIPE_LOST)
        if received is None:
            return
        header, payload = received
        if header["do"] == "load":
            try:
                implementation = load(header)
                told = {"declaration": implementation.declaration}
                json.dumps(told)
            except LoadError as error:
                answer({"error": str(error)})
                continue
            except (TypeError, ValueError) as error:
                answer({"error": f"the declaration `backproof` holds what JSON has not: {said(error)}"})
                continue
            caller = calling(implementation)
            told.update(name=implementation.name, versions=versions(), stateful=implementation.is_object)
            answer(told)
        elif caller is not None:
            reply, out = caller.reply(header, payload)
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()
            answer({"id": header["id"], **reply}, out)


def main() -> None:
    """Serves the two descriptors named by the arguments until the first is closed."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [place for place in sys.path if place and os.path.abspath(place) != here]
    source, sink = map(int, sys.argv[1:3])
    del sys.argv[1:]
    serve(source, sink)


if __name__ == "__main__":
    main()
