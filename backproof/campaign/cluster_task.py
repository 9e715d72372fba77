"""What a worker of a cluster does: one chunk, from a text and a number to bytes.

Nothing of ours is pickled but the name of the function. The worker looks by itself whether it is what the
campaign was started with: whatever else it is, it says so and judges nothing. It may come later than others,
so each chunk brings all that it needs. Importing this imports no framework, and not NumPy: before they load,
the worker is put on one core.
"""

from __future__ import annotations

import gc
import json
import os
from typing import TYPE_CHECKING

from pydantic import ValidationError

from backproof.errors import UsageError
from backproof.one_thread import ONE_THREAD

from .options import NOT_THERE, CampaignFile
from .plan import place_of

if TYPE_CHECKING:
    from backproof.chunks import ChunkJudge

RESULT, REFUSAL = b"+", b"-"
"""How an answer begins: what the chunk came to follows, or why this worker cannot judge it; JSON both."""

_known: tuple[str, ChunkJudge] | None = None
"""The campaign that was judged last, and what judges it."""


def judge_chunk(campaign: str, number: int) -> bytes:
    """What chunk `number` comes to, as `counts.result_json` has it, behind RESULT.

    Behind REFUSAL stands why this worker cannot judge: `{"worker": address, "changes": [[name, in the
    campaign, here], ...], "why": text}`. `campaign` is the text of a CampaignFile.
    """
    address, threads = _place()
    if threads != 1:
        why = (
            f"it has {threads} threads, and a chunk takes one; start workers with --nthreads 1, as many as "
            "there are cores"
        )
        return _refusal(address, [], why)
    try:
        judge, changes = _judge_of(campaign)
    except (UsageError, ImportError) as error:  # of ImportError, an oracle that is not installed
        return _refusal(address, [], str(error))
    if judge is None:
        return _refusal(address, changes, "")
    from backproof.chunks import Chunk

    from .counts import result_json

    asked = judge.options
    place = place_of(number, asked.dtypes, asked.cases)
    chunk = Chunk(number, place.dtype, place.first, asked.cases)
    return RESULT + result_json(chunk, judge.judge(chunk, None))


def _place() -> tuple[str, int]:
    """The address of this worker, and how many chunks it would judge at once."""
    from distributed import get_worker

    worker = get_worker()
    return worker.address, worker.state.nthreads


def _refusal(address: str, changes: list[tuple[str, str, str]], why: str) -> bytes:
    return REFUSAL + json.dumps({"worker": address, "changes": changes, "why": why}).encode()


def _judge_of(text: str) -> tuple[ChunkJudge | None, list[tuple[str, str, str]]]:
    """What judges a campaign here, its frameworks loaded; or None, and what is otherwise here.

    Raises UsageError if what is judged cannot be started, and OracleMissingError.
    """
    global _known  # noqa: PLW0603 - a process has one core, and judges one campaign
    if _known is not None:
        known, judge = _known
        if known == text:
            return judge, []
        judge.subject.close()
        _known = None
    os.environ.update(ONE_THREAD)
    # Another version may not know such a file at all: the versions tell why.
    changes = _of_versions(json.loads(text)["versions"])
    if changes:
        return None, changes
    from backproof.chunks import ChunkJudge, subject_of

    from .identity import campaign_of

    try:
        campaign = CampaignFile.model_validate_json(text)
    except ValidationError as error:
        raise UsageError(f"it cannot read the campaign: {error.errors()[0]['msg']}") from None
    options = campaign.asked.run_options()
    subject = subject_of(options)
    try:
        changes = campaign.changes(campaign_of(campaign.asked, options, subject))
        judge = ChunkJudge(options, subject)
        if not changes:
            assert judge.oracles
    except BaseException:
        subject.close()
        raise
    if changes:
        subject.close()
        return None, changes
    # What the frameworks have made lives as long as the process: the collector need not look at it again.
    gc.freeze()
    _known = text, judge
    return judge, []


def _of_versions(campaign: dict[str, str]) -> list[tuple[str, str, str]]:
    from .identity import versions

    here = versions()
    names = [*campaign, *(name for name in here if name not in campaign)]
    return [
        (name, campaign.get(name, NOT_THERE), here.get(name, NOT_THERE))
        for name in names
        if campaign.get(name) != here.get(name)
    ]
