"""TLS on every listener: STARTTLS, implicit TLS, certificates that change, and handshakes that fail."""

from __future__ import annotations

import asyncio
import itertools
import os
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from gateway.maillog import Event
from gateway.settings import GatewaySettings
from gateway.tls import ServerCertificate, self_signed, server_certificate
from tests.smtp_edge import (
    LOOPS,
    TO_KEY,
    ScriptedTaker,
    Wire,
    captured_log,
    client,
    run,
    settings_for,
    smtp_edge,
    started,
    trusting,
    write_certificate,
)
from tests.waiting import until

MESSAGE = b"From: anna@example.org\r\nSubject: 30643064\r\n\r\nHej\r\n"


@pytest.fixture
def taker() -> ScriptedTaker:
    return ScriptedTaker()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.proves("X1")
@pytest.mark.parametrize("implicit", [False, True])
async def test_smtplib_signs_in_and_sends(
    taker: ScriptedTaker, authority: trustme.CA, tmp_path: Path, implicit: bool
) -> None:
    def send(ports: dict[str, int]) -> None:
        context = trusting(authority)
        if implicit:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL("localhost", ports["submissions"], context=context)
        else:
            smtp = smtplib.SMTP("localhost", ports["submission"])
            smtp.starttls(context=context)
        with smtp:
            smtp.login("anna@example.org", "s3cret")
            smtp.sendmail("anna@example.org", [TO_KEY], MESSAGE * 3000)

    tls = write_certificate(tmp_path, authority, "localhost")
    async with smtp_edge(taker, "submission", "submissions", tls=tls) as edge:
        await asyncio.to_thread(send, edge.ports)
    (mail,) = taker.mails
    assert mail.content == MESSAGE * 3000
    assert (mail.peer.tls, mail.peer.login, mail.peer.listener) == (True, "anna@example.org", "submission")


@pytest.mark.proves("X1")
@pytest.mark.parametrize(("listener", "scheme"), [("submission", "smtp"), ("submissions", "smtps")])
@pytest.mark.parametrize("mechanism", ["plain", "login"])
async def test_s_nail_signs_in_and_sends(
    taker: ScriptedTaker,
    authority: trustme.CA,
    tmp_path: Path,
    require: Callable[[str], str],
    listener: str,
    scheme: str,
    mechanism: str,
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    def s_nail(port: int) -> None:
        command = [
            require("s-nail"),
            "-n",
            "-Sv15-compat",
            f"-Smta={scheme}://anna%40example.org:s3cret@localhost:{port}",
        ]
        command += ["-Ssmtp-use-starttls"] if scheme == "smtp" else []
        command += [f"-Ssmtp-auth={mechanism}", f"-Stls-ca-file={tmp_path / 'ca.pem'}", "-Stls-verify=strict"]
        command += ["-Shostname=client.example.org", "-r", "anna@example.org", "-s", "30643064", TO_KEY]
        subprocess.run(command, input="Hej\n", text=True, capture_output=True, check=True, timeout=20)

    async with smtp_edge(taker, listener, tls=write_certificate(tmp_path, authority, "localhost")) as edge:
        await asyncio.to_thread(s_nail, edge.ports[listener])
    assert taker.mails[0].peer.login == "anna@example.org"
    assert taker.mails[0].peer.tls


@pytest.mark.proves("X1")
async def test_old_versions_of_tls_are_refused(taker: ScriptedTaker, authority: trustme.CA, tmp_path: Path) -> None:
    old = trusting(authority)
    with pytest.warns(DeprecationWarning, match="TLSVersion"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    async with smtp_edge(taker, "submissions", tls=write_certificate(tmp_path, authority)) as edge:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with client(edge, "submissions", old):
                pass
        async with client(edge, "submissions", trusting(authority)) as wire:
            assert (await wire.greet()).startswith("250")


@pytest.mark.proves("X1")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_failed_handshake_leaves_nothing_behind(
    taker: ScriptedTaker, authority: trustme.CA, tmp_path: Path, loop: str
) -> None:
    settings = settings_for("smtp", "submissions", tls=write_certificate(tmp_path, authority))

    async def scenario() -> None:
        async with started(taker, settings) as edge:
            async with client(edge, "submissions") as garbage:
                garbage.send(b"EHLO this.is.not.tls\r\n" * 10)
                await garbage.rest()
            async with client(edge) as garbage:
                await garbage.greet()
                assert (await garbage.ask("STARTTLS")).startswith("220 ")
                garbage.send(b"\0" * 100)
                await garbage.rest()
            async with client(edge) as silent:
                await silent.greet()
                assert (await silent.ask("STARTTLS")).startswith("220 ")
            async with client(edge, "submissions") as silent:
                await asyncio.sleep(0.05)
                silent.reset()
            await until(lambda: edge.connections == 0)
            async with client(edge, "submissions", trusting(authority)) as wire:
                assert "AUTH PLAIN LOGIN" in await wire.greet()

    with captured_log() as log:
        run(scenario(), loop)
    assert "session-fault" not in log.getvalue()


@pytest.mark.proves("X1")
@pytest.mark.parametrize("loop", LOOPS)
def test_stop_does_not_wait_for_a_handshake(
    taker: ScriptedTaker, authority: trustme.CA, tmp_path: Path, loop: str
) -> None:
    settings = settings_for("submissions", tls=write_certificate(tmp_path, authority))

    async def scenario() -> None:
        async with started(taker, settings) as edge, client(edge, "submissions"):
            await until(lambda: edge.connections == 1)
            await asyncio.sleep(0.05)
            await asyncio.wait_for(edge.stop(), 3)

    run(scenario(), loop)


@pytest.mark.proves("X1")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_handshake_in_the_packet_of_the_proxy_header(
    taker: ScriptedTaker, authority: trustme.CA, tmp_path: Path, loop: str
) -> None:
    tls = write_certificate(tmp_path, authority)
    settings = settings_for("submissions", smtp={"proxy_networks": ["127.0.0.0/8"]}, tls=tls)

    def talk(port: int) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        side = trusting(authority).wrap_bio(incoming, outgoing, server_hostname="gw.example.com")
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            packet = b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 465\r\n"
            while True:
                try:
                    side.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    connection.sendall(packet + outgoing.read())
                    packet = b""
                    incoming.write(connection.recv(65536))
            connection.sendall(outgoing.read())
            while True:
                try:
                    return side.read()
                except ssl.SSLWantReadError:
                    incoming.write(connection.recv(65536))

    async def scenario() -> bytes:
        async with started(taker, settings) as edge:
            return await asyncio.to_thread(talk, edge.ports["submissions"])

    assert run(scenario(), loop).startswith(b"220 gw.example.com ESMTP")


_minutes = itertools.count(1)


def _later(*paths: Path) -> None:
    """Give files that were written anew a time of their own: a file system's clock may move in ticks of 4 ms."""
    for path in paths:
        moved_on = path.stat().st_mtime_ns + next(_minutes) * 60_000_000_000
        os.utime(path, ns=(moved_on, moved_on))


def _serial(wire: Wire) -> int:
    der = wire.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(der).serial_number


@pytest.mark.proves("X1")
async def test_a_new_certificate_is_used_without_a_restart(
    taker: ScriptedTaker, authority: trustme.CA, tmp_path: Path
) -> None:
    paths = write_certificate(tmp_path, authority)
    certificate = ServerCertificate(paths["certificate"], paths["key"], look_every=0)
    trust = trusting(authority)
    with captured_log() as log:
        async with (
            started(taker, settings_for("submissions"), certificate) as edge,
            client(edge, "submissions", trust) as old,
        ):
            await old.greet()
            _later(*write_certificate(tmp_path, authority).values())
            async with client(edge, "submissions", trust) as new:
                await new.greet()
                assert _serial(old) != _serial(new)
            assert (await old.ask("NOOP")).startswith("250 ")
    assert log.getvalue().count(f'"event":"{Event.CERTIFICATE_RELOADED}"') == 1


@pytest.mark.proves("X1")
def test_half_of_a_renewal_keeps_the_old_certificate(authority: trustme.CA, tmp_path: Path) -> None:
    paths = write_certificate(tmp_path, authority)
    certificate = ServerCertificate(paths["certificate"], paths["key"], look_every=0)
    first = certificate.context()
    renewed = authority.issue_cert("gw.example.com")
    with captured_log() as log:
        paths["certificate"].write_bytes(renewed.cert_chain_pems[0].bytes())
        _later(paths["certificate"])
        assert certificate.context() is first
        paths["key"].unlink()
        assert certificate.context() is first
        paths["key"].write_bytes(renewed.private_key_pem.bytes())
        _later(paths["key"])
        assert certificate.context() is not first
    assert log.getvalue().count('"kept_old":true') == 2


@pytest.mark.proves("X1")
def test_files_that_are_no_certificate_stop_the_start(authority: trustme.CA, tmp_path: Path) -> None:
    paths = write_certificate(tmp_path, authority)
    paths["key"].write_bytes(authority.issue_cert("other.example").private_key_pem.bytes())
    with pytest.raises(ssl.SSLError):
        server_certificate(settings_for(tls=paths))
    paths["key"].unlink()
    with pytest.raises(FileNotFoundError):
        server_certificate(settings_for(tls=paths))


def _without_certificate(tmp_path: Path, *listeners: str, hostname: str = "gw.example.com") -> GatewaySettings:
    return settings_for(
        *listeners,
        mail={"hostname": hostname, "domains": ["sms.example.com"]},
        store={"secret_file": tmp_path / "brevdue.secret"},
    )


@pytest.mark.proves("X1")
async def test_submission_without_a_certificate_makes_its_own_and_says_so(taker: ScriptedTaker, tmp_path: Path) -> None:
    with captured_log() as log:
        async with (
            started(taker, _without_certificate(tmp_path, "submission")) as edge,
            client(edge, "submission") as wire,
        ):
            await wire.greet()
            assert (await wire.ask("STARTTLS")).startswith("220 ")
            context = ssl.create_default_context(cafile=str(tmp_path / "brevdue-self-signed.pem"))
            await wire.start_tls(context)
            assert "AUTH PLAIN LOGIN" in await wire.ask("EHLO client.example.org")
    assert '"level":"warning"' in log.getvalue()
    assert "certificate-self-signed" in log.getvalue()


@pytest.mark.proves("X1")
def test_the_certificate_of_its_own_is_kept_and_private(tmp_path: Path) -> None:
    pem = tmp_path / "brevdue-self-signed.pem"
    server_certificate(_without_certificate(tmp_path, "submission"))
    first = pem.read_bytes()
    assert pem.stat().st_mode & 0o777 == 0o600
    server_certificate(_without_certificate(tmp_path, "submission"))
    assert pem.read_bytes() == first
    server_certificate(_without_certificate(tmp_path, "submission", hostname="mail.example.net"))
    renamed = pem.read_bytes()
    assert renamed != first
    pem.write_bytes(self_signed("mail.example.net", datetime.now(UTC) - timedelta(days=800)))
    server_certificate(_without_certificate(tmp_path, "submission", hostname="mail.example.net"))
    left = x509.load_pem_x509_certificate(pem.read_bytes()).not_valid_after_utc - datetime.now(UTC)
    assert left > timedelta(days=365)


@pytest.mark.proves("X1")
def test_nothing_is_made_where_nobody_signs_in(tmp_path: Path) -> None:
    assert server_certificate(_without_certificate(tmp_path, "smtp", "lmtp")) is None
    assert list(tmp_path.iterdir()) == []
