"""The network guard lets loopback through and nothing else."""

import asyncio
import socket

import pytest

from tests.network import LeftTheMachine


async def test_loopback_is_open() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "doorward.example", "169.254.169.254"])
async def test_other_machines_are_refused_before_they_are_looked_up(host: str, network_refusals: list[str]) -> None:
    with pytest.raises(LeftTheMachine):
        await asyncio.open_connection(host, 443)
    assert network_refusals
    network_refusals.clear()


def test_a_datagram_is_refused_too(network_refusals: list[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, pytest.raises(LeftTheMachine):
        datagrams.sendto(b"", ("192.0.2.1", 53))
    assert network_refusals == ["socket.sendto 192.0.2.1"]
    network_refusals.clear()
