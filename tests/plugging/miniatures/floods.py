"""Implementations that print: far too much, or what they should not; the answers are right."""

import json
import os
import subprocess
import sys

from right import always, breaks, right, three

MANY = 64 * 2**20
LINES = "epoch 1 loss 0.5\n" * 4096
NOISE = bytes(range(256)) * 4096


@breaks(on=three)
def floods_standard_output(view):
    for _ in range(MANY // len(LINES)):
        print(LINES, end="")  # noqa: T201
    return right(view)


@breaks(on=three)
def floods_standard_error(view):
    for _ in range(MANY // len(LINES)):
        sys.stderr.write(LINES)
    return right(view)


@breaks(on=three)
def floods_without_a_newline(view):
    for _ in range(MANY // 2**20):
        sys.stdout.write("\r" * 2**20)
    return right(view)


@breaks(on=three)
def floods_with_binary_noise(view):
    for _ in range(MANY // len(NOISE)):
        os.write(1, NOISE)
    return right(view)


@breaks(on=three)
def floods_through_a_child(view):
    code = f"import sys\nfor _ in range(64): sys.stdout.write('x' * {MANY // 64})"
    subprocess.run([sys.executable, "-c", code], check=True)
    return right(view)


@breaks(on=three)
def floods_without_end(view):
    while True:
        os.write(2, NOISE)


@breaks(on=always)
def prints_a_line_with_each_call(view):
    answer = right(view)
    print("\x1b[31mloss", float(answer["loss"]))  # noqa: T201
    sys.stderr.write("a warning\n")
    return answer


@breaks(on=always)
def prints_what_looks_like_an_answer(view):
    line = json.dumps({"loss": 0.0, "dW": [], "db": [], "values": {"loss": 0.0}, "faults": []})
    print(line, file=sys.stdout, flush=True)  # noqa: T201
    os.write(1, b"\x00\x00\x00\x02{}\n")
    return right(view)
