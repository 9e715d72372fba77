"""A script that has done its work, and exits, when it is imported."""

import sys

from right import right as right  # noqa: PLC0414 - what users name

sys.exit(0)
