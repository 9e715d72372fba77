"""Trains for a second when imported: a nuisance, no fault."""

import time

from right import right as trained

time.sleep(1)
right = trained
