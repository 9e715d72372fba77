"""Where a cluster is, and whether it can be used: looked at before a campaign's folder is made."""

from __future__ import annotations

import re
import socket
from importlib.util import find_spec

from backproof.errors import UsageError

LOCAL = "local"
"""In the place of an address: a cluster on this machine, for as long as the session."""
CONNECT = 10.0
"""Seconds in which a scheduler must answer."""
_ADDRESS = re.compile(r"(?:tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):(\d{1,5})")


def check_address(address: str) -> None:
    """Raises UsageError for what is neither an address nor LOCAL, and where Dask is not installed."""
    _host_and_port(address)
    if find_spec("distributed") is None:
        raise UsageError(
            "--dask needs Dask, which is not installed; install it with: pip install 'backproof[cluster]'"
        )


def check_reachable(address: str) -> None:
    """Raises UsageError if nothing listens at the address of a scheduler; LOCAL always can be reached."""
    place = _host_and_port(address)
    if place is None:
        return
    try:
        socket.create_connection(place, timeout=CONNECT).close()
    except OSError as error:
        raise unreachable(address, error.strerror or str(error)) from None


def unreachable(address: str, reason: str) -> UsageError:
    """The error that says so, with the remedy."""
    return UsageError(
        f"no Dask scheduler answers at {address} ({reason}); start one with 'dask scheduler', and workers "
        f"with 'dask worker {address} --nthreads 1'"
    )


def _host_and_port(address: str) -> tuple[str, int] | None:
    """None for LOCAL. Raises UsageError for anything that is no address."""
    if address == LOCAL:
        return None
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[2]) < 2**16:
        raise UsageError(
            f"--dask must be the address of a scheduler, such as tcp://10.0.0.7:8786, or {LOCAL}, not "
            f"{address!r}"
        )
    return found[1].strip("[]"), int(found[2])
