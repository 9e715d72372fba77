"""Implementations that never come back, and two that only seem so. POSIX only where signals are sent."""

import contextlib
import ctypes
import os
import signal
import time

from right import always, breaks, right, three

AN_HOUR = 3600


@breaks(on=three)
def sleeps(view):
    time.sleep(AN_HOUR)


@breaks(on=always)
def always_sleeps(view):
    time.sleep(AN_HOUR)


@breaks(on=three)
def spins(view):
    while True:
        pass


@breaks(on=three)
def ignores_every_signal_that_can_be_ignored(view):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGHUP, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(AN_HOUR)


@breaks(on=three)
def swallows_whatever_is_raised_in_it(view):
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(AN_HOUR)


@breaks(on=three)
def hangs_in_c_and_lets_no_other_thread_run(view):
    ctypes.PyDLL(None).sleep(AN_HOUR)


@breaks(on=three)
def stops_its_own_process(view):
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(AN_HOUR)


@breaks(on=three)
def reads_standard_input(view):
    return input("learning rate? ")


@breaks(on=always)
def is_slow_but_right(view):
    time.sleep(0.2)
    return right(view)
