"""Implementations that meddle with their process: descriptors, streams, folder, children, threads, end."""

import atexit
import contextlib
import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from right import breaks, right, three

AN_HOUR = 3600
NOTES = "BACKPROOF_MINIATURE_NOTES"
"""The environment variable that names a folder in which a test wants to find the process ids of children."""


@breaks(on=three)
def closes_every_descriptor(view):
    os.closerange(3, 256)
    return right(view)


@breaks(on=three)
def closes_the_standard_streams(view):
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            os.close(descriptor)
    return right(view)


@breaks(on=three)
def writes_noise_into_every_descriptor(view):
    for descriptor in range(3, 64):
        try:
            os.set_blocking(descriptor, False)
            os.write(descriptor, b'\xff\x00{"noise": ' * 99)
        except OSError:
            pass
    return right(view)


@breaks(on=three)
def replaces_the_standard_streams(view):
    sys.stdout, sys.stderr = io.StringIO(), None
    sys.stdout.close()
    return right(view)


@breaks(on=three)
def changes_the_folder(view):
    os.chdir("/")
    return right(view)


@breaks(on=three)
def forks_and_lets_the_child_answer_too(view):
    os.fork()
    return right(view)


@breaks(on=three)
def leaves_a_child_running(view):
    child = subprocess.Popen(["sleep", str(AN_HOUR)])
    Path(os.environ[NOTES], str(child.pid)).touch()
    return right(view)


@breaks(on=three)
def leaves_a_thread_running(view):
    threading.Thread(target=time.sleep, args=(AN_HOUR,), daemon=False).start()
    return right(view)


@breaks(on=three)
def hangs_when_its_process_ends(view):
    atexit.register(time.sleep, AN_HOUR)
    return right(view)
