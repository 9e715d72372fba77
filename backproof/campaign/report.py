"""The report of what is there of a campaign so far: the same for the same chunks, however often it stopped.

Counts come from the results. What is heavy, such as values side by side and the diagnosis, is computed now:
the chunks in which a cause was first seen are judged again, and come to the same.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

from backproof.cases import DrawOptions, draw_in_stratum
from backproof.chunks import Chunk, ChunkJudge, Surroundings, subject_of, surroundings_of, tally_of
from backproof.errors import CampaignError, UsageError
from backproof.explaining import Explainer
from backproof.findings_tally import Cause
from backproof.oracle_names import ORACLES
from backproof.reporting.model import Report, Times
from backproof.run import explain, report_of
from backproof.run_options import RunOptions, floor_of
from backproof.subject import Subject
from refimpl import QUANTITIES

from . import store
from .counts import ChunkResult, read_result, result_json
from .identity import campaign_of
from .options import CampaignFile, read_options
from .plan import Coverage, coverage, place_of


def report_on(
    folder: Path,
    *,
    diagnose: bool = True,
    cases: bool = True,
    warn: Callable[[str], object] = lambda _: None,
    only: Container[int] | None = None,
) -> tuple[Report, Coverage]:
    """The report, and how evenly strata are covered. It is the same wherever and whenever it is made.

    Where findings cannot be explained, as versions are others now or what is judged is gone, `warn` is told
    why. Without `diagnose` nothing is judged again; without `cases` findings have none, and nothing is
    started. `only` are the numbers of the chunks it is about. Raises CampaignError if there is nothing yet,
    or what is there is damaged.
    """
    campaign = read_options(folder)
    path = folder / store.RESULTS_NAME
    found = store.scan(path, campaign.digest, contents=True)
    if found.damage:
        raise store.damaged(path, found.damage)
    records = {number: place for number, place in found.records.items() if only is None or number in only}
    if not records:
        raise CampaignError(f"{folder} has no results yet; go on with 'backproof campaign resume' first")
    options = campaign.asked.run_options(command=command_of(campaign, records))
    told = _Told(campaign, options)
    for number in sorted(records):
        told.add(_result(path, campaign, records[number]))
    if cases and told.tally.findings.causes_shown:
        _explain(folder, told, options, diagnose=diagnose, warn=warn)
    around = told.surroundings or surroundings_of([ORACLES[name]() for name in options.oracles])
    seconds: dict[int, float] = {}
    for record, _ in records.values():
        seconds[record.session] = max(seconds.get(record.session, 0.0), record.seconds)
    total = sum(record.cases for record, _ in records.values())
    report = report_of(
        options,
        told.subject,
        around,
        told.tally,
        "complete",
        Times(seconds=sum(seconds.values())),
        total,
        floor_of(total),
        DrawOptions(campaign.activations),
    )
    run = report.run.model_copy(update={"losses": campaign.losses})
    asked = campaign.asked
    return report.model_copy(update={"run": run}), coverage(
        records, asked.dtypes, asked.chunk, campaign.strata
    )


def command_of(campaign: CampaignFile, records: Mapping[int, Any]) -> str:
    """One line that repeats the campaign as far as it is."""
    asked = campaign.asked
    source = asked.run_options().source
    given: dict[str, str | None] = {
        "--seed": str(asked.seed),
        "--dtype": asked.dtypes[0] if len(asked.dtypes) == 1 else "both",
        "--activations": ",".join(asked.activations or ()),
        "--losses": ",".join(asked.losses or ()),
        "--oracles": ",".join(asked.oracles),
        "--mistake": asked.mistake,
        "--truth": asked.truth,
        "--chunk": str(asked.chunk),
        "--max-cases": str(sum(record.cases for record, _ in records.values())),
    }
    words = [word for option, value in given.items() if value for word in (option, value)]
    words += source.words if source is not None else []
    return shlex.join(["backproof", "campaign", "start", "NEWDIR", *words])


def _result(path: Path, campaign: CampaignFile, place: tuple[store.Record, int]) -> ChunkResult:
    record, start = place
    wrong = f"byte {start:,}: chunk {record.number}: "
    try:
        result = read_result(store.content_of(path, record, start))
    except ValueError as error:
        if isinstance(error, CampaignError):
            raise
        raise store.damaged(path, (wrong + str(error),)) from None
    asked = campaign.asked
    expected = (record.number, *place_of(record.number, asked.dtypes, asked.chunk), record.cases)
    if (result.chunk, result.dtype, result.first, result.cases) != expected:
        raise store.damaged(path, (f"{wrong}it is of other cases than its header says",))
    return result


class _Recalled(Subject):
    """What is judged, as the campaign's file tells it: nothing is started for a report without findings."""

    def __init__(self, campaign: CampaignFile, options: list[str]) -> None:
        super().__init__(campaign.asked.mistake)
        known = campaign.implementation
        self.name, self.place, self.declared = known.name, known.place, known.declared
        self.versions = known.versions
        if campaign.asked.source is not None:
            self.options = options
        self._offered: Counter[str] = Counter()

    @property
    def offered(self) -> Counter[str]:
        return self._offered

    @property
    def not_offered(self) -> tuple[str, ...]:
        if not self._offered:
            return ()
        return tuple(quantity for quantity in QUANTITIES if not self._offered[quantity])


class _Told:
    """What the results tell, one after the other."""

    def __init__(self, campaign: CampaignFile, options: RunOptions) -> None:
        self.campaign = campaign
        self.subject = _Recalled(campaign, options.source.words if options.source else [])
        self.tally = tally_of(self.subject, options.oracles, options.truth)
        self.surroundings: Surroundings | None = None
        self.seen_in: dict[Cause, int] = {}
        """Cause of a finding → the chunk in which it was seen first."""

    def add(self, result: ChunkResult) -> None:
        """Counts the result of a chunk; those of all chunks before it are there."""
        for cause in result.add_to(self.tally):
            self.seen_in[cause] = result.chunk
        self.subject.offered.update(result.offered)
        self.surroundings = self.surroundings or result.surroundings


def _explain(
    folder: Path, told: _Told, options: RunOptions, *, diagnose: bool, warn: Callable[[str], object]
) -> None:
    """Has the findings that are shown get their cases, and what can be found out about them."""
    campaign, tally = told.campaign, told.tally
    try:
        subject = subject_of(options)
    except UsageError as error:
        warn(f"findings have no cases and are not explained: {error}")
        return
    try:
        now = campaign_of(campaign.asked, options, subject)
        differences = campaign.differences(now)
        if differences:
            warn(
                f"findings have no cases and are not explained: {'; '.join(differences)}; make it as it was "
                "for that"
            )
            return
        draw = subject.draw(options.draw)
        tally.findings.put_cases(lambda seed, index, dtype: draw_in_stratum(seed, index, dtype, draw).case)
        if not diagnose:
            return
        judge = ChunkJudge(options, subject)
        for number in sorted({told.seen_in[cause] for cause in tally.findings.causes_shown}):
            _judge_again(folder, told, judge, number, warn)
        judge.afresh()
        explain(tally, Explainer(subject, judge.panel(None), judge.draw))
    finally:
        subject.close()


def _judge_again(
    folder: Path, told: _Told, judge: ChunkJudge, number: int, warn: Callable[[str], object]
) -> None:
    """Has one chunk judged once more, for the answers that its findings are about."""
    asked = told.campaign.asked
    place = place_of(number, asked.dtypes, asked.chunk)
    chunk = Chunk(number, place.dtype, place.first, asked.chunk)
    again = judge.judge(chunk, None)
    path = folder / store.RESULTS_NAME
    found = store.scan(path, told.campaign.digest, contents=False).records[number]
    if result_json(chunk, again) != store.content_of(path, *found):
        warn(
            f"chunk {number} comes to something else when it is judged again: what is judged, or this "
            "machine, answers otherwise from time to time"
        )
    new = [cause for cause, first in told.seen_in.items() if first == number]
    told.tally.findings.take_answers(again.tally.findings, new)
