"""What can go wrong between a command and its report, in the order in which it does.

A user asks for something that does not exist or cannot be done: UsageError, before anything runs. A case
file does not hold a case: refimpl.InvalidCaseError. A framework is not installed:
oracles.oracle.OracleMissingError. A campaign's folder cannot be read, written or gone on with: CampaignError.
A report cannot be written, or what is read is not one: ReportError.
Each has a message of one line that names the remedy; the command line prints it and exits with status 2.
Whatever an implementation under test does wrong is not an error here but a finding in the report.
"""

from __future__ import annotations


class UsageError(ValueError):
    """Something was asked for that does not exist or cannot be done; the message names the remedy."""


class CampaignError(UsageError):
    """The folder of a campaign cannot be read, written or gone on with; the message names the remedy."""


class ReportError(ValueError):
    """A report cannot be written, or a file is not a whole report that this version can read."""
