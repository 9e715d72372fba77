"""The harness: draws random networks, has implementations run them, judges the answers and reports.

It imports `refimpl` (the documented equations) and `oracles` (what others answer), and is imported by
neither. Importing this package imports nothing else.
"""

__version__ = "0.1.0"
