"""Whatever a program in dialogue does is the reason for its case, and the next case is asked anew."""

import os
import re
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.errors import UsageError
from backproof.plugging.dialogue import DialogueLink
from backproof.plugging.links import LinkError, Reply, Request
from backproof.plugging.processes import Child

# Answers loss = X[0][0]; a case with X = [[13]] is the one at which it does what a test puts there.
PROGRAM = """
import json, os, signal, sys, time
def say(answer): print(json.dumps(answer), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if message["do"] == "hello":
        say({{"name": "miniature", "backproof": 1}})
    elif message["do"] == "stop":
        {at_stop}
        break
    elif message["case"]["X"] == [[13.0]]:
        id = message["id"]
        {at_thirteen}
    else:
        say({{"id": message["id"], "loss": message["case"]["X"][0][0]}})
"""
ANSWER = 'say({"id": id, "loss": 13.0})'


def _command(tmp_path: Path, at_thirteen: str = "pass", at_stop: str = "pass") -> str:
    path = tmp_path / "miniature.py"
    path.write_text(PROGRAM.format(at_thirteen=at_thirteen, at_stop=at_stop), encoding="utf-8")
    return shlex.join([sys.executable, str(path)])


def _case(x: Any, dtype: str = "float64") -> Request:
    return Request({"X": np.array([[x]], dtype=dtype), "dtype": dtype})


def _replies(
    tmp_path: Path,
    at_thirteen: str,
    numbers: Sequence[int] = (1, 13, 2),
    *,
    time_limit: float = 60.0,
    memory_limit: int | None = None,
    longest_line: int = 2**20,
) -> list[Reply]:
    command = _command(tmp_path, at_thirteen)
    link = DialogueLink(command, time_limit, memory_limit, longest_line=longest_line)
    try:
        link.start()
        return list(link.ask([_case(float(number)) for number in numbers]))
    finally:
        link.close()


DEEDS = {
    "a garbage line": (
        'print("%&!", flush=True)',
        "wrote the line '%&!', which is no answer: print only answers",
    ),
    "a log line on standard output": (
        f'print("epoch 1, loss 0.5", flush=True); {ANSWER}',
        (
            "wrote the line 'epoch 1, loss 0.5', which is no answer: print only answers on standard output, "
            "and logs on standard error"
        ),
    ),
    "half an object": (
        "print('{\"id\": ', flush=True)",
        "wrote an answer that cannot be read: not valid JSON at",
    ),
    "an array": ("say([id])", r"answered .\[2\]., an array; an answer is one object"),
    "bytes": ("os.write(1, b'\\xff\\xfe\\n')", "wrote a line that is not UTF-8"),
    "NaN bare": ('say({"id": id, "loss": float("nan")})', "NaN is not JSON; write it as a string"),
    "a wrong id": ('say({"id": 77, "loss": 1.0})', "answered with id 77 where case 2 was asked"),
    "the id of the case before": (
        'say({"id": 1, "loss": 1.0})',
        "answered with id 1 where case 2 was asked; each case is answered once, with its own id",
    ),
    "no id": ('say({"loss": 1.0})', 'answered without an "id"; give that of the case, 2'),
    "a key twice": ('print(\'{"id": 2, "id": 2}\', flush=True)', "key 'id' stands twice"),
    "two answers": (
        "print(json.dumps(dict(id=id, loss=1)) + chr(10) + '{}', flush=True)",
        "wrote more after",
    ),
    "status 3": (
        'print("no such layer", file=sys.stderr); sys.exit(3)',
        "ended with exit status 3; the end of its standard error: no such layer",
    ),
    "a segmentation fault": (
        "os.kill(os.getpid(), signal.SIGSEGV)",
        r"was killed by SIGSEGV \(segmentation fault\)",
    ),
    "os._exit": ("os._exit(0)", "ended with exit status 0"),
    "an exception": ("{}[1]", "ended with exit status 1; the end of its standard error: .*KeyError: 1$"),
    "closing standard output": ("os.close(1); time.sleep(60)", "closed standard output and runs on"),
    "a flood on standard output": (
        'while True: sys.stdout.write("x" * 4096)',
        "wrote more than 1048576 bytes in one message",
    ),
}


@pytest.mark.parametrize(("deed", "reason"), DEEDS.values(), ids=DEEDS.keys())
def test_what_a_program_does_is_the_reason_for_its_case_and_the_next_is_asked_anew(tmp_path, deed, reason):
    before, at_fault, after = _replies(tmp_path, deed)
    assert before == Reply({"loss": 1.0})
    assert at_fault.values is None
    assert re.match(f"the program .*{reason}", at_fault.faults[0])
    assert "\n" not in at_fault.faults[0]
    assert after == Reply({"loss": 2.0})


@pytest.mark.parametrize("deed", ["time.sleep(60)", "while True: pass", f"time.sleep(4); {ANSWER}"])
def test_a_program_that_hangs_or_answers_late_gave_no_answer_in_time(tmp_path, deed):
    _, late, after = _replies(tmp_path, deed, time_limit=1.0)
    assert late.faults[0].startswith("the program gave no answer within 1 s; if it does answer, let it flush")
    assert after == Reply({"loss": 2.0})


def test_an_answer_without_an_end_of_line_is_said_to_lack_it(tmp_path):
    _, unended, after = _replies(tmp_path, "sys.stdout.write('{}'); sys.stdout.flush()", time_limit=1.0)
    assert unended.faults == (
        "the program wrote no end of line within 1 s, only … '{}'; end each answer with one",
    )
    assert after == Reply({"loss": 2.0})


def test_a_flood_on_standard_error_does_not_stop_the_answer(tmp_path):
    replies = _replies(tmp_path, f'sys.stderr.write("x" * 10**7); {ANSWER}')
    assert replies == [Reply({"loss": 1.0}), Reply({"loss": 13.0}), Reply({"loss": 2.0})]


def test_a_flood_on_standard_error_without_an_answer_ends_with_the_time(tmp_path):
    _, flooded, after = _replies(tmp_path, 'while True: sys.stderr.write("x" * 4096)', time_limit=1.0)
    assert "gave no answer within 1 s" in flooded.faults[0]
    assert after == Reply({"loss": 2.0})


@pytest.mark.skipif(sys.platform != "linux", reason="memory limits are kept on Linux only")
def test_memory_without_end_meets_the_limit_and_the_reason_names_it(tmp_path):
    deed = "while True: sys.hoard = [getattr(sys, 'hoard', None), bytearray(2**20)]"
    _, hungry, after = _replies(tmp_path, deed, memory_limit=256, time_limit=60)
    assert "ended with exit status 1, its memory being limited to 256 MiB; " in hungry.faults[0]
    assert hungry.faults[0].endswith("MemoryError")
    assert after == Reply({"loss": 2.0})


def test_a_program_that_ends_after_its_answer_is_started_again_and_the_next_case_tells(tmp_path):
    link = DialogueLink(_command(tmp_path, f"{ANSWER}; sys.exit(4)"))
    try:
        (first,) = link.ask([_case(13.0)])
        assert link._child is not None
        assert link._child.wait(time.monotonic() + 30)
        (second,) = link.ask([_case(2.0)])
    finally:
        link.close()
    assert first == Reply({"loss": 13.0})
    assert second.values == {"loss": 2.0}
    assert second.faults == ("the program ended with exit status 4 before it was told to stop",)


def test_a_program_that_writes_between_cases_is_told_so(tmp_path):
    later = "import threading; threading.Timer(0.2, print, ('late',), {'flush': True}).start()"
    link = DialogueLink(_command(tmp_path, f"{later}; {ANSWER}"))
    try:
        assert list(link.ask([_case(13.0)])) == [Reply({"loss": 13.0})]
        deadline = time.monotonic() + 30
        while link._child is not None and not link._child.look() and time.monotonic() < deadline:
            time.sleep(0.01)
        second, third = link.ask([_case(2.0), _case(3.0)])
    finally:
        link.close()
    assert second.faults == (
        (
            "the program wrote more before this case was sent: 'late'; "
            "write one line a case, and logs on standard error"
        ),
    )
    assert third == Reply({"loss": 3.0})


def test_a_program_that_ignores_stop_is_killed_after_a_second(tmp_path):
    link = DialogueLink(_command(tmp_path, at_stop="time.sleep(60)"))
    link.start()
    assert list(link.ask([_case(1.0)])) == [Reply({"loss": 1.0})]
    began = time.monotonic()
    link.close()
    assert 0.9 < time.monotonic() - began < 10
    assert not link.ended_when_told


def test_a_program_that_ends_when_told_to_is_not_killed(tmp_path):
    link = DialogueLink(_command(tmp_path))
    link.start()
    link.close()
    link.close()
    assert link.ended_when_told


def test_an_error_that_the_program_reports_is_a_fault_and_it_goes_on(tmp_path):
    replies = _replies(tmp_path, 'say({"id": id, "error": "singular matrix"})')
    assert replies[1] == Reply(None, ("the program reports an error: 'singular matrix'",))
    assert replies[2] == Reply({"loss": 2.0})


def test_a_case_that_is_not_supported_is_no_fault(tmp_path):
    assert _replies(tmp_path, 'say({"id": id, "unsupported": "one unit"})')[1] == Reply(None, (), "one unit")


def test_cases_that_are_run_before_are_asked_and_their_answers_do_not_matter(tmp_path):
    link = DialogueLink(_command(tmp_path, 'say({"id": id, "error": "13"})'))
    try:
        reply, crash = link.ask(
            [
                Request(_case(1.0).fields, before=(_case(13.0).fields,)),
                Request(_case(2.0).fields, before=(_case(5.0).fields,), predict=(_case(13.0).fields,)),
            ]
        )
    finally:
        link.close()
    assert (reply, crash) == (Reply({"loss": 1.0}), Reply({"loss": 2.0}))


def test_a_crash_in_a_case_that_is_run_before_says_where_it_was(tmp_path):
    link = DialogueLink(_command(tmp_path, "sys.exit(5)"))
    try:
        (reply,) = link.ask([Request(_case(1.0).fields, before=(_case(13.0).fields,))])
    finally:
        link.close()
    assert reply.faults == ("in a case run before this one: the program ended with exit status 5",)


def test_numbers_of_float32_are_read_as_doubles_and_rounded(tmp_path):
    link = DialogueLink(_command(tmp_path))
    try:
        (reply,) = link.ask([_case(np.float32(0.1), "float32")])
    finally:
        link.close()
    assert reply.values["loss"] == np.float32(0.1)
    assert reply.values["loss"].dtype == np.float32


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "./no_such_program",
            "cannot be started: No such file or directory: './no_such_program'; give a program",
        ),
        (
            "cat",
            "the program said hello with the unknown key 'do'; known: name, backproof, declaration, versions",
        ),
        (
            "echo hi",
            "the program wrote the line 'hi', which is no answer: print only answers on standard output",
        ),
        ("true", "the program said no hello: it ended with exit status 0"),
        (
            "sleep 60",
            "the program said no hello: it gave no answer within 0.5 s; if it does answer, let it flush",
        ),
        (
            """echo '{"name": "old", "backproof": 2}'""",
            'hello with version 2 of the protocol; say "backproof": 1',
        ),
        ("""echo '{"name": "old"}'""", 'said hello with no version of the protocol; say "backproof": 1'),
        ("""echo '{"backproof": 1}'""", 'said hello without a name; add "name": "…"'),
        (
            """echo '{"name": "a", "backproof": 1, "declaration": 2}'""",
            "a declaration that is no object but 2",
        ),
        ("""echo '{"name": "a", "backproof": 1, "declared": {}}'""", "did you mean 'declaration'"),
    ],
)
def test_a_command_that_says_no_hello_cannot_be_started_and_the_message_says_why(command, message):
    link = DialogueLink(command, 0.5, start_limit=0.5 if command == "sleep 60" else 30)
    with pytest.raises(LinkError, match=re.escape(message)) as raised:
        link.start()
    assert raised.value.kind == "start"


@pytest.mark.parametrize(("command", "message"), [("", "the command is empty"), ("a 'b", "close the quotes")])
def test_a_command_that_is_no_command_is_a_usage_error(command, message):
    with pytest.raises(UsageError, match=message):
        DialogueLink(command)


def test_a_program_that_cannot_be_started_is_not_started_for_each_case_anew(tmp_path):
    link = DialogueLink(str(tmp_path / "none"))
    reasons = [reply.faults[0] for reply in link.ask([_case(1.0)] * 5)]
    assert [reason.startswith("the program cannot be started") for reason in reasons] == [True] * 3 + [
        False
    ] * 2
    assert reasons[-1] == "the program was not started again after 3 failures"


def _interrupted(*_: Any) -> bytes:
    raise KeyboardInterrupt


def test_a_question_that_is_broken_off_does_not_put_answers_out_of_step(tmp_path, monkeypatch):
    link = DialogueLink(_command(tmp_path))
    link.start()
    with monkeypatch.context() as patched:
        patched.setattr(Child, "read_line", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(link.ask([_case(1.0)]))
    assert list(link.ask([_case(2.0)])) == [Reply({"loss": 2.0})]
    link.close()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files where Linux lists them")  # noqa: PTH112
def test_no_file_stays_open_after_many_restarts(tmp_path):
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    _replies(tmp_path, "os._exit(1)", numbers=[13] * 10)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
