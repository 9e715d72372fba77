"""How cases get into JAX's compiled programs and answers out: stacks of arrays padded to a bucket. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import batched
from typing import Any, NamedTuple
