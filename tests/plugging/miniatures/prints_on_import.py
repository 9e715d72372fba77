"""A script that prints its training log when imported: a nuisance, no fault."""

import sys

from right import right as right  # noqa: PLC0414 - what users name

for _epoch in range(1000):
    sys.stdout.write("epoch 1 loss 0.5\n" * 10)
    sys.stderr.write("\x1b[31ma warning\n")
