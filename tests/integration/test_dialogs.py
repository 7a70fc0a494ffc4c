"""Plays each wire dialogue in tests/dialogs against a running edge.

`# …` what it shows · `@listener NAME`, `@smtp key=value`, `@trust NETWORK`, `@certificate`, `@implicit-tls` how the edge is set up ·
`C: …` a line of the client (lines in a row leave in one packet) · `B: …` bytes of the client, with escapes · `!` before
either: said at once, without waiting for the greeting · `S: …` how the next reply line begins; a bare `S: 250-` is
a whole reply of several lines · `TLS` the client's handshake · `EOF` the server has closed · `= …` what was taken.
"""

from __future__ import annotations

import codecs
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme

from gateway.model import Envelope
from tests.smtp_edge import LOOPS, ScriptedTaker, Wire, client, run, settings_for, started, trusting, write_certificate

DIALOGS = sorted((Path(__file__).parent.parent / "dialogs").glob("*.smtp"))


@dataclass
class Script:
    """A dialogue, read from its file."""

    listener: str = "smtp"
    certificate: bool = False
    implicit_tls: bool = False
    smtp: dict[str, Any] = field(default_factory=dict)
    trusted: list[str] = field(default_factory=list)
    steps: list[tuple[str, str]] = field(default_factory=list)
    wanted: list[tuple[str, str]] = field(default_factory=list)


def read_script(path: Path) -> Script:
    script = Script()
    for line in path.read_text().splitlines():
        word, _, rest = line.partition(" ")
        match word:
            case "#":
                pass
            case "@listener":
                script.listener = rest
            case "@certificate":
                script.certificate = True
            case "@implicit-tls":
                script.implicit_tls = True
            case "@smtp":
                name, _, value = rest.partition("=")
                script.smtp[name] = [value] if name.endswith("s") and "/" in value else int(value)
            case "@trust":
                script.trusted.append(rest)
            case "=":
                name, _, value = rest.partition(" ")
                script.wanted.append((name, value))
            case "C:" | "!C:" | "B:" | "!B:" | "S:" | "TLS" | "EOF":
                script.steps.append((word.removeprefix("!"), rest))
            case _:
                raise ValueError(f"{path.name}: cannot read {line!r}")
    return script


def raw(text: str) -> bytes:
    text = re.sub(r"\{(.)\*(\d+)\}", lambda match: match[1] * int(match[2]), text)
    return codecs.escape_decode(text.encode())[0]


async def play(steps: list[tuple[str, str]], wire: Wire, tls: ssl.SSLContext) -> None:
    packet = b""
    for kind, text in steps:
        if kind in {"C:", "B:"}:
            packet += text.encode() + b"\r\n" if kind == "C:" else raw(text)
            continue
        wire.send(packet)
        packet = b""
        if kind == "TLS":
            await wire.start_tls(tls)
        elif kind == "EOF":
            assert await wire.rest() == ""
        else:
            await expect(wire, text)
    wire.send(packet)


async def expect(wire: Wire, prefix: str) -> None:
    line = (await wire.line()) or "(closed)"
    assert line.startswith(prefix), f"wanted {prefix!r}, got {line!r}"
    while prefix == "250-" and line[3:4] == "-":
        line = await wire.line()
        assert line.startswith("250")


def check(wanted: list[tuple[str, str]], mails: list[Envelope]) -> None:
    recipients = [local.address for local in mails[0].recipients] if mails else []
    for name, value in wanted:
        match name:
            case "mails":
                assert len(mails) == int(value)
            case "to":
                assert value in recipients
            case "from":
                assert mails[0].mail_from == value
            case "content":
                assert mails[0].content == raw(value)
            case "peer":
                assert f"{mails[0].peer.ip} {mails[0].peer.port}" == value
            case "tls":
                assert mails[0].peer.tls is (value == "yes")
            case "login":
                assert mails[0].peer.login == value
            case _:
                raise ValueError(f"cannot check {name!r}")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.proves("X1")
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("path", DIALOGS, ids=lambda path: path.stem)
def test_dialogue(path: Path, loop: str, authority: trustme.CA, tmp_path: Path) -> None:
    script = read_script(path)
    taker = ScriptedTaker()
    sections = {"tls": write_certificate(tmp_path, authority)} if script.certificate else {}
    settings = settings_for(script.listener, smtp=script.smtp, trust={"networks": script.trusted}, **sections)

    async def scenario() -> None:
        tls = trusting(authority)
        async with (
            started(taker, settings) as edge,
            client(edge, script.listener, tls if script.implicit_tls else None) as wire,
        ):
            await play(script.steps, wire, tls)

    run(scenario(), loop)
    check(script.wanted, taker.mails)


@pytest.mark.proves("STARTTLS injection")
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "said",
    [
        "MAIL FROM:<eve@example.org>\\r\\n",
        "EHLO eve.example\\r\\nMAIL FROM:<eve@example.org>\\r\\nRCPT TO:<30643064@sms.example.com>\\r\\nDATA\\r\\n",
        "MAIL FROM:<eve@exa",
        "NOOP\\r\\n" * 500,
        "\\n",
    ],
)
def test_what_was_said_in_plain_behind_starttls_is_forgotten(
    said: str, loop: str, authority: trustme.CA, tmp_path: Path
) -> None:
    steps = [
        ("S:", "220 "), ("C:", "EHLO client.example.org"), ("S:", "250-"), ("B:", f"STARTTLS\\r\\n{said}"),
        ("S:", "220 2.0.0"), ("TLS", ""), ("C:", "DATA"), ("S:", "503 5.5.1 "), ("C:", "RCPT TO:<30643064@sms.example.com>"),
        ("S:", "503 5.5.1 "), ("C:", "QUIT"), ("S:", "221 "), ("EOF", ""),
    ]  # fmt: skip
    taker = ScriptedTaker()
    settings = settings_for("smtp", tls=write_certificate(tmp_path, authority))

    async def scenario() -> None:
        async with started(taker, settings) as edge, client(edge, "smtp", None) as wire:
            await play(steps, wire, trusting(authority))

    run(scenario(), loop)
    assert not taker.mails


@pytest.mark.proves("X1")
def test_there_are_dialogues_enough() -> None:
    assert len(DIALOGS) >= 40
