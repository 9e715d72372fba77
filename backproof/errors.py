"""What can go wrong between a command and its report, in the order in which it does.

A user asks for something that does not exist or cannot be done: UsageError, before anything runs. A case
file does not hold a case: refimpl.InvalidCaseError. A framework is not installed:
oracles.oracle.OracleMissingError. A campaign's folder cannot be read, written or gone on with: CampaignError.
A report cannot be written, or what is read is not one: ReportError.
Each has a message of one line that names the remedy; the command line prints it and exits with status 2.
Whatever an implementation under test does wrong is not an error here but a finding in the report.
"""

from __future__ import annotations

from collections.abc import Sequence


class UsageError(ValueError):
    """Something was asked for that does not exist or cannot be done; the message names the remedy."""


class CampaignError(UsageError):
    """The folder of a campaign cannot be read, written or gone on with; the message names the remedy."""


class ReportError(ValueError):
    """A report cannot be written, or a file is not a whole report that this version can read."""


def check_names(what: str, given: Sequence[str] | None, known: Sequence[str]) -> None:
    """Raises UsageError if some name is not known, or none is given; None stands for all."""
    if given is None:
        return
    if not given:
        raise UsageError(f"give at least one {what} of: {', '.join(known)}")
    for name in given:
        if name not in known:
            raise UsageError(f"unknown {what} {name!r:.60}; known: {', '.join(known)}")
