"""What a campaign is: the file that says so, and how it differs from what would be judged now.

Everything that its results depend on is in it, under a checksum: what was asked for, the versions of all that
computes, the code of backproof, and whose implementation it is. Nothing of it may change while a campaign
goes on. It holds no time and no name of its folder: two campaigns of the same options are the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backproof.errors import CampaignError

from . import store

if TYPE_CHECKING:
    from backproof.run_options import RunOptions

OPTIONS_NAME = "campaign.json"
FORMAT: Literal["backproof-campaign"] = "backproof-campaign"
VERSION: Literal[1] = 1
CHUNK = 512
"""Cases of a chunk, unless asked otherwise: see `chunks.SIZES`."""
MOST_IN_CHUNK = 2**16
NOT_THERE = "not there"
"""What is said of a version or a file that is missing."""
_SHOWN = 5
_LONGEST = 2**20

_Names = Annotated[tuple[str, ...], Field(strict=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ProgramSource(_Part):
    """Somebody's implementation and how it is run, as `plugging.sources.Source` has it."""

    impl: str | None = None
    command: str | None = None
    python: str | None = None
    time_limit: float
    """Seconds a case."""
    memory_limit: int
    """MiB."""


class Asked(_Part):
    """What was asked for; the names are those of the command's options."""

    seed: Annotated[int, Field(ge=0, lt=2**64)]
    dtypes: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    activations: _Names | None = None
    losses: _Names | None = None
    oracles: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    mistake: str | None = None
    truth: str
    source: ProgramSource | None = None
    chunk: Annotated[int, Field(ge=1, le=MOST_IN_CHUNK)] = CHUNK
    """Cases of a chunk."""

    def run_options(self, workers: int = 1, command: str = "") -> RunOptions:
        """The same as the judge takes it. Raises UsageError for anything that cannot be done."""
        from backproof.plugging.sources import Source
        from backproof.run_options import RunOptions

        source = self.source
        return RunOptions(
            cases=self.chunk,
            seed=self.seed,
            dtypes=self.dtypes,
            activations=self.activations,
            losses=self.losses,
            oracles=self.oracles,
            mistake=self.mistake,
            truth=self.truth,
            source=None
            if source is None
            else Source(
                source.impl,
                source.command,
                source.python,
                time_limit=source.time_limit,
                memory_limit=source.memory_limit,
            ),
            command=command,
            workers=workers,
            is_campaign=True,
        )


class Implementation(_Part):
    """Who is judged."""

    name: str
    place: str = ""
    """Where somebody's was found; empty for the reference."""
    declared: _Names = ()
    versions: dict[str, str] = Field(default_factory=dict)
    """What it runs on, where that is a process of its own."""
    files: dict[str, str] = Field(default_factory=dict)
    """File of its source → checksum; empty for the reference, which is code of backproof."""


class CampaignFile(_Part):
    """All that the results of a campaign depend on."""

    format: Literal["backproof-campaign"] = FORMAT
    version: Literal[1] = VERSION
    asked: Asked
    implementation: Implementation
    versions: dict[str, str]
    """Package, Python, machine → version; "code of backproof" → its checksum."""
    activations: _Names
    """Those that are drawn."""
    losses: _Names
    strata: Annotated[int, Field(ge=1)]
    """How many kinds of cases there are, in each dtype."""

    @property
    def digest(self) -> bytes:
        """32 bytes that name all of it."""
        return hashlib.sha256(_canonical(self.model_dump(mode="json"))).digest()

    def changes(self, now: Self) -> list[tuple[str, str, str]]:
        """What is otherwise in `now`: its name, as it is here, as it is there."""
        was, is_ = (dict(_flat(each.model_dump(mode="json"))) for each in (self, now))
        keys = [*was, *(key for key in is_ if key not in was)]
        return [
            (_named(key), _shown(was.get(key)), _shown(is_.get(key)))
            for key in keys
            if was.get(key) != is_.get(key)
        ]

    def differences(self, now: Self) -> list[str]:
        """What is otherwise in `now`, each as "what was A, is B"."""
        return [f"{what} was {was}, is {is_}" for what, was, is_ in self.changes(now)]


def refuse_differences(folder: Path, differences: list[str]) -> None:
    """Raises CampaignError if there are any."""
    if differences:
        more = f"; and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        raise CampaignError(
            f"{folder} cannot be gone on with: {'; '.join(differences[:_SHOWN])}{more}; make it as it was, "
            "or begin anew as things are now with 'backproof campaign resume --fork NEWDIR'"
        )


def write_options(folder: Path, campaign: CampaignFile) -> None:
    """Writes the file, in one step. Raises OSError."""
    told = {**campaign.model_dump(mode="json"), "checksum": campaign.digest.hex()}
    text = json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    store.write_whole(folder / OPTIONS_NAME, text.encode())


def read_options(folder: Path) -> CampaignFile:
    """What the campaign in `folder` is. Raises CampaignError if there is none, or its file is damaged."""
    path = folder / OPTIONS_NAME
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST)
    except (FileNotFoundError, NotADirectoryError):
        raise CampaignError(
            f"{folder} is no campaign: it has no {OPTIONS_NAME}; give another folder, or begin one there "
            "with 'backproof campaign start'"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise CampaignError(f"cannot read {path}: {reason}; make it readable") from None
    remedy = "bring it back from a copy, or begin another campaign"
    try:
        values = json.loads(content)
    except ValueError:
        raise CampaignError(f"{path} is damaged: it is not JSON; {remedy}") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise CampaignError(
            f"{path} is not of a campaign: its 'format' is not {FORMAT!r}; give another folder"
        )
    if values.get("version") != VERSION:
        raise CampaignError(
            f"{path} has version {values.get('version')!r}, and this backproof reads {VERSION}; take the "
            "backproof that wrote it"
        )
    checksum = values.pop("checksum", None)
    try:
        campaign = CampaignFile.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise CampaignError(f"{path} is damaged: {where}: {first['msg']}; {remedy}") from None
    if checksum != campaign.digest.hex():
        raise CampaignError(f"{path} is damaged, or was edited: its checksum is another; {remedy}")
    return campaign


def is_campaign(folder: Path) -> bool:
    """Whether a folder is that of a campaign, sound or not."""
    try:
        return (folder / OPTIONS_NAME).is_file()
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return False


def _canonical(values: Any) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with the path of its keys; lists are values."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{key}/")
        elif value != {}:
            yield above + key, value


_NAMES = {
    "asked/source/impl": "--impl",
    "asked/source/command": "--impl-cmd",
    "asked/source/python": "--python",
    "asked/source/time_limit": "--time-limit",
    "asked/source/memory_limit": "--memory-limit",
    "asked/dtypes": "--dtype",
    "implementation/name": "the implementation",
    "implementation/declared": "what the implementation declares",
}


def _named(key: str) -> str:
    if key in _NAMES:
        return _NAMES[key]
    room, _, rest = key.partition("/")
    if room == "asked":
        return f"--{rest}"
    return rest.removeprefix("files/") or room


def _shown(value: Any) -> str:
    if value is None:
        return NOT_THERE
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
