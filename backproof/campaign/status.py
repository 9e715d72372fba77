"""How far a campaign is, from its folder alone: read while another process writes, without a lock.

Only the options and the headers of the records are read, so it takes no longer for large results, and no
framework is needed. What is damaged is found as far as headers show it; reports and sessions look at all.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import store
from .lock import is_held
from .options import read_options
from .plan import Coverage, coverage, place_of


@dataclass(frozen=True)
class Status:
    """What is there."""

    implementation: str
    is_running: bool
    """Whether a process is writing."""
    cases: int
    wrong: int
    """Cases that are a mismatch or a fault."""
    dtypes: dict[str, int]
    """Dtype → cases."""
    sessions: int
    rate: float | None
    """Cases a second in the last session, from its first chunk to its last; None if it has none or one."""
    coverage: Coverage
    bytes: int
    """Of results on the disk."""
    torn: int
    """Bytes of a last record that is cut short: it is being written, or will be judged again."""
    damage: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs; the keys are the fields."""
        return {**asdict(self), "coverage": self.coverage._asdict(), "damage": list(self.damage)}

    def __str__(self) -> str:
        rate = "" if self.rate is None else f", {self.rate:,.0f} cases a second in the last one"
        running = "running" if self.is_running else "not running"
        lines = [
            f"{self.cases:,} cases of {self.implementation} judged, {self.wrong:,} wrong; {running}",
            *(f"  {dtype}: {cases:,} cases" for dtype, cases in self.dtypes.items()),
            f"  coverage: {self.coverage}",
            f"  sessions: {self.sessions:,}{rate}",
            f"  results: {self.bytes:,} bytes",
        ]
        if self.torn and not self.is_running:
            lines.append(f"  a last record of {self.torn:,} bytes is cut short; it will be judged again")
        lines += [f"  damaged at {where}" for where in self.damage]
        return "\n".join(lines)


def status_of(folder: Path) -> Status:
    """How far the campaign in `folder` is. Raises CampaignError if there is none."""
    campaign = read_options(folder)
    asked = campaign.asked
    found = store.scan(folder / store.RESULTS_NAME, campaign.digest, contents=False)
    records = [record for record, _ in found.records.values()]
    by_dtype = dict.fromkeys(asked.dtypes, 0)
    for record in records:
        by_dtype[place_of(record.number, asked.dtypes, asked.chunk).dtype] += record.cases
    last = max((record.session for record in records), default=0)
    return Status(
        implementation=campaign.implementation.name,
        is_running=is_held(folder),
        cases=sum(record.cases for record in records),
        wrong=sum(record.wrong for record in records),
        dtypes=by_dtype,
        sessions=last,
        rate=_rate([record for record in records if record.session == last]),
        coverage=coverage(found.records, asked.dtypes, asked.chunk, campaign.strata),
        bytes=found.size,
        torn=found.torn,
        damage=found.damage,
    )


def _rate(records: list[store.Record]) -> float | None:
    if len(records) < 2:
        return None
    first, *others = sorted(records, key=lambda record: record.seconds)
    seconds = others[-1].seconds - first.seconds
    return sum(record.cases for record in others) / seconds if seconds > 0 else None
