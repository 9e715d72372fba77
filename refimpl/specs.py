"""The functions of a network by name: an activation or a loss of the tables with its parameters.

Appendix to `network.py`: what stands in a layer and a network in place of the function itself, so that a case
is data, which can be compared and written to a file. An activation's parameters are numbers. A loss may have
arrays besides, such as class weights: they are part of what it computes, and have the shape of what they
weigh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from .functions import ALL_REDUCTIONS, Activation, Loss, find, rounded
from .tables import ACTIVATIONS, LOSSES

DTYPES = ("float32", "float64")
_DOUBLE = np.dtype("float64")
_CHARACTERS = {np.dtype(name).char for name in DTYPES}


class InvalidCaseError(ValueError):
    """A network or case that does not fit together; the message names the value, the place, the remedy.

    >>> LossSpec("mse", reduction="average")
    Traceback (most recent call last):
        ...
    refimpl.specs.InvalidCaseError: unknown reduction 'average' of loss mse;
        known: mean, sum, batchmean, entrymean
    """


def frozen_matrix(array: Any, place: str) -> Any:
    """A read-only copy of a non-empty matrix of finite numbers, float32 or float64.

    Raises InvalidCaseError for anything else; `place` is what the message calls it.

    >>> frozen_matrix([[1.0, 2.0]], "W").flags.writeable
    False
    >>> frozen_matrix(np.array([[1, 2]]), "W")
    Traceback (most recent call last):
        ...
    refimpl.specs.InvalidCaseError: W has dtype int64; use float32 or float64, e.g. x.astype('float64')
    """
    try:
        copy = np.array(array, order="C")
    except (TypeError, ValueError, OverflowError):
        raise InvalidCaseError(f"{place} is not a matrix of numbers") from None
    if copy.dtype.char not in _CHARACTERS:
        raise InvalidCaseError(
            f"{place} has dtype {copy.dtype}; use {' or '.join(DTYPES)}, e.g. x.astype('float64')"
        )
    if copy.ndim != 2 or copy.size == 0:
        raise InvalidCaseError(
            f"{place} has shape {copy.shape}; it must be a matrix with at least one row and column"
        )
    finite = np.isfinite(copy)
    first = finite.argmin()  # of what is not finite, if anything is not
    if not finite.item(first):
        row, column = divmod(int(first), copy.shape[1])
        raise InvalidCaseError(
            f"{place}[{row}, {column}] is {copy[row, column]}; every entry must be finite in {copy.dtype}"
        )
    if not copy.dtype.isnative:
        copy = copy.astype(copy.dtype.newbyteorder("="), copy=False)  # arrays from files may be big-endian
    copy.setflags(write=False)
    return copy


@dataclass(frozen=True)
class ActivationSpec:
    """The name of an activation and its parameters: those that are not given have their defaults.

    Raises UnknownFunctionError for a name that is not there, ValueError for a parameter outside its domain
    and InvalidCaseError where `parameters` is no mapping.

    >>> spec = ActivationSpec("leaky_relu")
    >>> dict(spec.parameters)
    {'negative_slope': 0.01}
    >>> spec.entry.value(np.array([[-100.0, 3.0]]), **spec.parameters)
    array([[-1.,  3.]])
    """

    name: str
    parameters: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_parameters(self)

    @property
    def entry(self) -> Activation:
        """The table entry; raises UnknownFunctionError."""
        return find(ACTIVATIONS, "activation", self.name)

    def __hash__(self) -> int:
        return hash((self.name, tuple(sorted(self.parameters.items()))))

    def __reduce__(self) -> tuple[Any, ...]:
        return ActivationSpec, (self.name, dict(self.parameters))  # a read-only mapping is not pickled


@dataclass(frozen=True, eq=False)
class LossSpec:
    """The name of a loss, its reduction, its parameters.

    Reductions are "mean", "sum", "batchmean", as torch has them, or "entrymean": over outputs and samples.
    `arrays` are those that the entry has, each optional, (n outputs, 1) or (n, m samples) as the entry says:
    numbers of the case's dtype, in their domain. Specs are compared and hashed by content.
    Raises UnknownFunctionError for a name that is not there, ValueError for a parameter outside its domain
    and InvalidCaseError for another reduction or an array that the loss does not take.

    >>> weight = np.array([[1.0], [3.0]])  # one for each output
    >>> spec = LossSpec("bce_with_logits", "sum", arrays={"pos_weight": weight})
    >>> spec == LossSpec("bce_with_logits", "sum", arrays={"pos_weight": weight.copy()})
    True
    >>> spec.entry.name, sorted(spec.arguments)
    ('bce_with_logits', ['pos_weight', 'weight'])
    >>> spec.arguments["weight"]  # not given
    1.0
    """

    name: str
    reduction: str = "mean"
    parameters: Mapping[str, float] = field(default_factory=dict)
    arrays: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_parameters(self)
        if self.reduction not in ALL_REDUCTIONS:
            raise InvalidCaseError(
                f"unknown reduction {self.reduction!r:.60} of loss {self.name}; "
                f"known: {', '.join(ALL_REDUCTIONS)}"
            )
        if not isinstance(self.arrays, Mapping):
            raise InvalidCaseError(f"arrays of {self.name} must be a mapping, not {self.arrays!r:.60}")
        arrays = MappingProxyType({name: self._array(name) for name in self.arrays})
        object.__setattr__(self, "arrays", arrays)

    def _array(self, name: str) -> Any:
        known = {array.name: array for array in self.entry.arrays}
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise InvalidCaseError(f"loss {self.name} has no array {name!r:.60}; {has}")
        place = f"{name} of loss {self.name}"
        array = frozen_matrix(self.arrays[name], place)
        wrong = known[name].domain.outside(array)
        if wrong is not None:
            raise InvalidCaseError(
                f"{place}[{wrong[0]}, {wrong[1]}] is {array[wrong]}; it must lie in {known[name].domain}"
            )
        return array

    @property
    def entry(self) -> Loss:
        """The table entry; raises UnknownFunctionError."""
        return find(LOSSES, "loss", self.name)

    @property
    def arguments(self) -> dict[str, Any]:
        """What the entry's functions take as keywords: parameters and arrays, an array not given as 1.0."""
        given = {array.name: self.arrays.get(array.name, array.default) for array in self.entry.arrays}
        return {**self.parameters, **given}

    def checked(self, outputs: int, samples: int | None, dtype: np.dtype[Any]) -> None:
        """Nothing, if the arrays fit a network of `outputs` units and data of so many samples.

        Without data, `samples` is None. Raises InvalidCaseError for another shape or dtype.

        >>> spec = LossSpec("bce", arrays={"weight": np.ones((2, 3))})  # (n, m)
        >>> spec.checked(outputs=2, samples=3, dtype=np.dtype("float64"))
        >>> spec.checked(outputs=2, samples=5, dtype=np.dtype("float64"))
        Traceback (most recent call last):
            ...
        refimpl.specs.InvalidCaseError: weight of loss bce has shape (2, 3); it must have one number for
            each entry of Y: (2, 5)
        """
        if not self.arrays:
            return
        for array in self.entry.arrays:
            given = self.arrays.get(array.name)
            if given is None:
                continue
            if given.dtype != dtype:
                raise InvalidCaseError(
                    f"{array.name} of loss {self.name} is {given.dtype} but the network is {dtype}; "
                    f"use {array.name}.astype('{dtype}')"
                )
            shape = array.shape(outputs, given.shape[1] if samples is None else samples)
            if given.shape != shape:
                raise InvalidCaseError(
                    f"{array.name} of loss {self.name} has shape {given.shape}; it must have one number for "
                    f"each {'entry of Y' if array.per_sample else 'output'}: {shape}"
                )

    def _content(self) -> tuple[Any, ...]:
        arrays = ((name, a.dtype.str, a.shape, a.tobytes()) for name, a in sorted(self.arrays.items()))
        return (self.name, self.reduction, tuple(sorted(self.parameters.items())), tuple(arrays))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LossSpec) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def __reduce__(self) -> tuple[Any, ...]:
        return LossSpec, (self.name, self.reduction, dict(self.parameters), dict(self.arrays))


def _check_parameters(spec: ActivationSpec | LossSpec) -> None:
    if not isinstance(spec.parameters, Mapping):
        raise InvalidCaseError(f"parameters of {spec.name} must be a mapping, not {spec.parameters!r}")
    parameters = spec.entry.complete(spec.parameters, np.dtype("float64"))
    object.__setattr__(spec, "parameters", MappingProxyType(parameters))


def rounded_spec(spec: Any, dtype: np.dtype[Any]) -> Any:
    """The same spec with its parameters rounded to numbers of `dtype`.

    Raises ValueError where a parameter rounds to a number outside its domain.

    >>> spec = rounded_spec(ActivationSpec("leaky_relu", {"negative_slope": 0.1}), np.dtype("float32"))
    >>> spec.parameters["negative_slope"]
    0.10000000149011612
    """
    if dtype == _DOUBLE or all(rounded(value, dtype) == value for value in spec.parameters.values()):
        return spec
    parameters = spec.entry.complete(spec.parameters, dtype)
    if isinstance(spec, LossSpec):
        return LossSpec(spec.name, spec.reduction, parameters, spec.arrays)
    return ActivationSpec(spec.name, parameters)
