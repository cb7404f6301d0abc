"""Keeps every test on this machine: only loopback is reached, and no other name is looked up.

An audit hook sees what a patched socket class does not: name look-ups, `connect_ex`, threads, fixtures of any scope.
What was refused also fails the test itself, since code under test may well swallow the error.
"""

import ipaddress
import sys
from collections.abc import Iterator

import pytest

_WATCHED = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
_refused: list[str] = []
_active = False


class LeftTheMachine(RuntimeError):
    """Raised into code that would talk to another machine during a test."""


def _host(event: str, arguments: tuple[object, ...]) -> object:
    if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        return arguments[0]
    address = arguments[1]
    return address[0] if isinstance(address, tuple) else None  # a path is a Unix socket; None is a connected one


def _is_here(host: object) -> bool:
    if host is None:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if not _active or event not in _WATCHED or _is_here(host := _host(event, arguments)):
        return
    _refused.append(f"{event} {host}")
    raise LeftTheMachine(f"a test would leave this machine: {event} {host!r}; use a fake on 127.0.0.1")


sys.addaudithook(_watch)


def pytest_configure() -> None:
    """Close the network before anything is collected."""
    global _active  # noqa: PLW0603 - an audit hook cannot be taken off, only told to look away
    _active = True


def pytest_unconfigure() -> None:
    """Let plug-ins that report elsewhere do so."""
    global _active  # noqa: PLW0603 - as above
    _active = False


@pytest.fixture
def network_refusals() -> list[str]:
    """What the guard refused so far; a test that means to be refused empties it."""
    return _refused


@pytest.fixture(autouse=True)
def stays_on_this_machine(network_refusals: list[str]) -> Iterator[None]:
    """Fail the test that tried to leave."""
    network_refusals.clear()
    yield
    assert network_refusals == [], "the test would have left this machine"
