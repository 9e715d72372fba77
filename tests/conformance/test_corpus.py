"""Kept cases of past findings: each conforms, and they are judged before anything else.

They are those in corpus/ beside this file, or in the folder that --backproof-corpus names.
"""

from typing import Any


def test_a_kept_case_conforms(backproof: Any, backproof_entry: Any):
    backproof.require_kept(backproof_entry)
