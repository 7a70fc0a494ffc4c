"""The fence around the tests themselves: only this machine is reached."""

from __future__ import annotations

import asyncio
import socket

import pytest

pytestmark = pytest.mark.proves("tests stay on this machine")


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_foreign_addresses_are_refused(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        for call in (
            sock.connect,
            sock.connect_ex,
            lambda to: sock.sendto(b"", to),
            lambda to: sock.sendto(b"", 0, to),
        ):
            with pytest.raises(AssertionError, match="only this machine"):
                call((address, 9))


def test_foreign_names_are_refused():
    with pytest.raises(socket.gaierror, match="only this machine"):
        socket.getaddrinfo("mail.example.com", 25)


async def test_asyncio_is_fenced_in():
    with pytest.raises(AssertionError, match="only this machine"):
        await asyncio.open_connection("192.0.2.1", 25)


async def test_loopback_is_open():
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


def test_a_missing_program_fails_in_ci_and_skips_elsewhere(require, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="'no-such-program'"):
        require("no-such-program")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="'no-such-program'"):
        require("no-such-program")


def test_an_installed_program_is_found(require):
    assert require("sh").endswith("/sh")
