"""What the tests of forms share."""

from __future__ import annotations

import pytest

from .planted import sample_atlas


@pytest.fixture(scope="package")
def atlas():
    """The sample."""
    return sample_atlas()
