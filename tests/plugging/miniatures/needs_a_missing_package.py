"""Cannot be imported: what it needs is not installed."""

import a_package_that_nobody_has  # noqa: F401
from right import right as right  # noqa: PLC0414 - what users name
