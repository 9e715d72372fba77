"""Requests to a worker and its replies as frames: see `worker`, whose encoding this is, for the format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import worker
from .links import Reply, Request


def request_frame(number: int, request: Request) -> bytes:
    """A request as a frame."""
    header, payload = request_parts(number, request)
    return worker.frame(header, payload)


def request_parts(number: int, request: Request) -> tuple[dict[str, Any], bytes]:
    """A request as a header and a payload."""
    payload = worker.Payload()
    header: dict[str, Any] = {"do": "run", "id": number, "fields": _placed(request.fields, payload)}
    for name in ("before", "predict"):
        if others := getattr(request, name):
            header[name] = [_placed(fields, payload) for fields in others]
    if request.arrays != "plain":
        header["arrays"] = request.arrays
    return header, payload.bytes()


def _placed(value: Any, payload: worker.Payload) -> Any:
    if isinstance(value, np.ndarray):
        return payload.add(value)
    if isinstance(value, Mapping):
        return {key: _placed(each, payload) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_placed(each, payload) for each in value]
    return value


def reply_of(header: Mapping[str, Any], payload: bytes) -> Reply:
    """The reply in a frame's header and payload."""
    values, faults = None, tuple(header["faults"])
    if header["values"] is not None:
        decoded = worker.decoded(header["values"], payload)
        values = {}
        for name, value in decoded.items():
            unusable = _unusable(value)
            if unusable is None:
                values[name] = value
            else:
                faults += (f"{name}{unusable[0]} is {unusable[1]}, not an array of numbers",)
    return Reply(values, faults, header.get("unsupported", ""))


def _unusable(value: Any, layer: int | None = None) -> tuple[str, str] | None:
    """Where and what something is that is neither a number nor an array."""
    if isinstance(value, dict):
        return ("" if layer is None else f"[{layer}]"), value["?"]
    if isinstance(value, list):
        for number, each in enumerate(value, start=1):
            if found := _unusable(each, layer or number):
                return found
    return None
