"""A regression corpus: minimal cases of past findings, kept as JSON files for ever and judged first."""

from .files import Kept as Kept
from .files import keep as keep
from .files import read_corpus as read_corpus
from .files import read_entry as read_entry
from .gathering import gathered as gathered
from .model import Entry as Entry
