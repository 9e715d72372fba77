"""How long an implementation may take and how much memory it may use, unless the user says otherwise."""

TIME_LIMIT = 10.0
"""Seconds for one case."""
MEMORY_LIMIT = 4096
"""MiB for the process."""
START_FACTOR = 6
"""Starting, and the first case, may take so many times the limit for one case: many libraries compile."""
