"""Implementations that take their process with them, or all of its memory."""

import ctypes
import os
import signal
import sys

import numpy as np
from right import always, breaks, right, three

MIB = 2**20
ENOUGH = 3 * 1024 * MIB
"""More than a test's limit, and few enough that a limit that does not hold harms no machine."""
HELD = []


@breaks(on=three)
def segfaults(view):
    return ctypes.string_at(0)


@breaks(on=always)
def always_segfaults(view):
    return ctypes.string_at(0)


@breaks(on=three)
def aborts(view):
    os.abort()


@breaks(on=three)
def kills_itself(view):
    os.kill(os.getpid(), signal.SIGKILL)


@breaks(on=three)
def ends_its_process_with_status_3(view):
    os._exit(3)


@breaks(on=three)
def ends_its_process_with_status_0(view):
    os._exit(0)


@breaks(on=three)
def becomes_another_program(view):
    os.execv(sys.executable, [sys.executable, "-c", ""])  # noqa: S606


@breaks(on=three)
def exhausts_memory_at_once(view):
    return np.ones(ENOUGH, np.uint8)


@breaks(on=three)
def exhausts_memory_bit_by_bit(view):
    pieces = []
    while sum(map(len, pieces)) < ENOUGH:
        pieces.append(bytearray(MIB))
    return right(view)


@breaks(on=three)
def exhausts_memory_and_keeps_quiet(view):
    try:
        for size in (16 * MIB, MIB, MIB // 16):
            while sum(map(len, HELD)) < ENOUGH:
                HELD.append(bytearray(size))
    except MemoryError:
        pass
    return right(view)


@breaks(on=three)
def leaks_memory_with_each_call(view):
    HELD.append(bytearray(256 * MIB))
    return right(view)
