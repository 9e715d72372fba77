"""What an atlas found, told together: the regions of one answerer in one function, of one kind and dtype."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .model import AnswerRow, Atlas, QuantityRow, RegionRow


@dataclass(frozen=True)
class Place:
    """Regions of one kind in one quantity of one function, dtype and answerer, over all its sweeps."""

    by: str
    offer: str
    name: str
    dtype: str
    quantity: str
    kind: str
    regions: tuple[RegionRow, ...]
    large: bool
    """Whether some answer is not finite, or off by more than the threshold in ulps of max(1, |exact|) too."""

    @property
    def worst(self) -> RegionRow:
        """The region whose worst answer is furthest off: by the second measure, then by the first."""
        return max(self.regions, key=lambda row: (row.scaled, row.ulps))

    @property
    def points(self) -> int:
        """In all regions."""
        return sum(row.points for row in self.regions)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest argument of all regions."""
        return min(row.first for row in self.regions), max(row.last for row in self.regions)


def places_of(atlas: Atlas) -> list[Place]:
    """All places: what is large first, of that what is not finite, then in the order of the tables."""
    found: list[Place] = []
    for row in atlas.functions:
        for answer in row.answers:
            for quantity in answer.quantities:
                for kind in ("non-finite", "inaccurate"):
                    regions = tuple(region for region in quantity.regions if region.kind == kind)
                    if regions:
                        large = kind == "non-finite" or any(r.scaled > atlas.threshold for r in regions)
                        place = Place(
                            answer.by,
                            answer.offer,
                            row.name,
                            row.dtype,
                            quantity.quantity,
                            kind,
                            regions,
                            large,
                        )
                        found.append(place)
    return sorted(found, key=lambda place: (not place.large, place.kind == "inaccurate"))


def number(value: float | None) -> str:
    """A number of ulps, short."""
    if value is None:
        return "–"
    if value < 1000:
        return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    return f"{value:.0e}".replace("e+0", "e").replace("e+", "e")


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
