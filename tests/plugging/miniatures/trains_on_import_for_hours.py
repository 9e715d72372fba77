"""Trains when imported, for longer than anyone waits."""

import time

from right import right as trained

for _epoch in range(10_000):
    time.sleep(1)
right = trained
