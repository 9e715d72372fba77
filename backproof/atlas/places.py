"""What an atlas found, told together: the regions of one kind of one answerer in one function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .errors import ordinary
from .model import AnswerRow, Atlas, QuantityRow, RegionRow


@dataclass(frozen=True)
class Place:
    """Regions of one kind in one quantity of one function and answerer, over all its sweeps and dtypes."""

    by: str
    offer: str
    name: str
    quantity: str
    kind: str
    found: tuple[tuple[str, RegionRow], ...]
    """Each region with its dtype."""
    large: bool
    """Whether some answer is not finite, or off by more than the threshold in ulps of max(1, |exact|) too."""

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Those in which it is seen."""
        return tuple(dict.fromkeys(dtype for dtype, _ in self.found))

    @property
    def worst(self) -> tuple[str, RegionRow]:
        """The region that tells most: not finite at an ordinary argument, or furthest off."""
        if self.kind == "non-finite":
            return max(self.found, key=lambda each: float(ordinary(each[1].at)))
        return max(self.found, key=lambda each: (each[1].scaled, each[1].ulps))

    @property
    def points(self) -> int:
        """In all regions."""
        return sum(row.points for _, row in self.found)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest argument of all regions in the dtype of the worst."""
        rows = [row for dtype, row in self.found if dtype == self.worst[0]]
        return min(row.first for row in rows), max(row.last for row in rows)


def places_of(atlas: Atlas) -> list[Place]:
    """All places: what is large first, of that functions of one's own, of these what is not finite."""
    found: dict[tuple[str, str, str, str, str], list[tuple[str, RegionRow]]] = {}
    for row in atlas.functions:
        for answer in row.answers:
            for quantity in answer.quantities:
                for region in quantity.regions:
                    key = (answer.by, answer.offer, row.name, quantity.quantity, region.kind)
                    found.setdefault(key, []).append((row.dtype, region))
    places = [
        Place(*key, tuple(regions), key[-1] == "non-finite" or _are_large(atlas, regions))
        for key, regions in found.items()
    ]
    return sorted(
        places, key=lambda place: (not place.large, place.offer != "own", place.kind == "inaccurate")
    )


def _are_large(atlas: Atlas, regions: Iterable[tuple[str, RegionRow]]) -> bool:
    return any(row.scaled > atlas.threshold for _, row in regions)


def number(value: float | None) -> str:
    """A number of ulps, short."""
    if value is None:
        return "–"
    if value < 1000:
        return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    return f"{value:.0e}".replace("e+0", "e").replace("e+", "e")


def argument(value: float, dtype: str) -> str:
    """An argument with the digits that it takes to tell it from its neighbours in its dtype."""
    return str(np.dtype(dtype).type(value))


def worst(answer: AnswerRow) -> str:
    """The worst of value and derivative in ulps, with an exclamation mark where some are not finite."""
    if not answer.quantities:
        return "·"
    return number(_most(row.worst_ulps for row in answer.quantities)) + "!" * any(
        map(broken, answer.quantities)
    )


def broken(row: QuantityRow) -> bool:
    """Whether some answers are not finite where they should be."""
    return row.classes.get("non-finite", 0) > 0


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def setting(row: RegionRow) -> str:
    """The parameters, target and design of a region in words."""
    words = [f"{name} = {value:.6g}" for name, value in row.parameters.items()]
    words += [f"y = {row.target[0]:g}"] if len(row.target) == 1 else []
    words += [f"y = ({', '.join(f'{y:g}' for y in row.target)})"] if len(row.target) > 1 else []
    words += [row.design] if row.design else []
    return ", ".join(words)
