"""Takes its process with it at the first case of three samples, and cannot be imported from then on."""

import os
from pathlib import Path

from right import breaks, three

NOTE = Path(os.environ["BACKPROOF_MINIATURE_NOTES"], "died")
if NOTE.exists():
    raise RuntimeError("the lock is still held")


@breaks(on=three)
def dies_and_leaves_a_lock(view):
    NOTE.touch()
    os._exit(3)
