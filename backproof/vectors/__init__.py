"""Known-answer vectors: exact values with a bound for each entry, for anyone to check against without us."""

from .files import read_vectors as read_vectors
from .files import write_vectors as write_vectors
from .making import vectors as vectors
from .options import VectorOptions as VectorOptions
