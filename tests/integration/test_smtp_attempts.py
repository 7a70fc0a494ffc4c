"""What guessers get: limits on failed sign-ins and on recipients that do not exist, and what nobody else feels of them."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from gateway.smtp import hooks as smtp_hooks
from gateway.smtp.conversation import MAX_ERRORS
from gateway.smtp.hooks import MAX_UNKNOWN, MAX_UNKNOWN_WHEN_SPENT, STRANGER_FORGET
from gateway.smtp_in import MailEdge
from tests.smtp_edge import (
    KEY,
    TO_KEY,
    ScriptedTaker,
    Wire,
    captured_log,
    client,
    settings_for,
    smtp_edge,
    trusting,
    write_certificate,
)


@pytest.fixture
def taker() -> ScriptedTaker:
    return ScriptedTaker()


class Clock:
    """A clock that stands still until a test moves it: what is allowed in so many seconds is then exact."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time


@contextlib.asynccontextmanager
async def edge_by(clock: Clock, taker: ScriptedTaker, **options: Any) -> AsyncIterator[MailEdge]:
    """A running edge that counts by this clock."""
    edge = MailEdge(settings_for("smtp", **options), taker, clock)
    await edge.start()
    try:
        yield edge
    finally:
        await edge.stop()


# --- sign-ins -----------------------------------------------------------------------------------------------------


@pytest.mark.proves("guessing passwords")
async def test_failed_sign_ins_pause_the_address(
    taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(smtp_hooks, "LOGIN_BURST", 4)
    authority = trustme.CA()
    wrong, right = (base64.b64encode(f"\0anna@example.org\0{word}".encode()).decode() for word in ("wrong", "s3cret"))
    tls = write_certificate(tmp_path, authority)
    with captured_log() as log:
        async with (
            smtp_edge(taker, "submissions", tls=tls) as edge,
            client(edge, "submissions", trusting(authority)) as guesser,
            client(edge, "submissions", trusting(authority)) as colleague,
        ):
            await guesser.greet()
            await colleague.greet()
            replies = [await guesser.ask(f"AUTH PLAIN {wrong}") for _ in range(5)]
            assert [reply[:3] for reply in replies] == ["535"] * 4 + ["454"]
            assert len(taker.logins) == 4
            assert (await guesser.ask(f"AUTH PLAIN {right}")).startswith("454 4.7.0 ")
            assert (await colleague.ask(f"AUTH PLAIN {right}")).startswith("454 4.7.0 ")
    assert log.getvalue().count("login-failed") == 4
    assert "wrong" not in log.getvalue()


@pytest.mark.proves("guessing passwords")
async def test_failed_sign_ins_end_the_session(taker: ScriptedTaker, tmp_path: Path) -> None:
    authority = trustme.CA()
    wrong = base64.b64encode(b"\0anna@example.org\0wrong").decode()
    tls = write_certificate(tmp_path, authority)
    async with (
        smtp_edge(taker, "submissions", tls=tls) as edge,
        client(edge, "submissions", trusting(authority)) as wire,
    ):
        await wire.greet()
        assert [(await wire.ask(f"AUTH PLAIN {wrong}"))[:3] for _ in range(5)] == ["535"] * 4 + ["421"]
        assert await wire.reply() == ""


# --- mails --------------------------------------------------------------------------------------------------------


@pytest.mark.proves("mails per minute and address")
async def test_who_sends_too_fast_is_told_how_long_to_wait(taker: ScriptedTaker) -> None:
    with captured_log() as log:
        async with (
            edge_by(Clock(), taker, smtp={"mails_per_minute": 3}) as edge,
            client(edge) as fast,
            client(edge, source="127.0.0.9") as other,
        ):
            await fast.greet()
            for _ in range(3):
                assert (await fast.ask("MAIL FROM:<a@b.example>")).startswith("250 ")
                await fast.ask("RSET")
            for _ in range(3):
                assert await fast.ask("MAIL FROM:<a@b.example>") == (
                    "450 4.7.1 too many mails from your address right now: send again in 20 seconds"
                )
            assert (await fast.ask("NOOP")).startswith("250 ")
            await other.greet()
            assert (await other.ask("MAIL FROM:<a@b.example>")).startswith("250 ")
    assert log.getvalue().count("mail rate of your address") == 1, "one line a second is enough"


@pytest.mark.proves("mails per minute and address")
@pytest.mark.parametrize("how", ["a relay of ours", "LMTP", "signed in", "no limit"])
async def test_who_is_known_is_not_counted_by_address(taker: ScriptedTaker, how: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    listener = {"LMTP": "lmtp", "signed in": "submissions"}.get(how, "smtp")
    sections: dict[str, Any] = {"smtp": {"mails_per_minute": 0 if how == "no limit" else 1}}
    if how == "a relay of ours":
        sections["trust"] = {"networks": ["127.0.0.0/8"]}
    if how == "signed in":
        sections["tls"] = write_certificate(tmp_path, authority)
    context = trusting(authority) if how == "signed in" else None
    async with smtp_edge(taker, listener, **sections) as edge, client(edge, listener, context) as wire:
        await wire.greet("LHLO" if how == "LMTP" else "EHLO")
        if how == "signed in":
            right = base64.b64encode(b"\0anna@example.org\0s3cret").decode()
            assert (await wire.ask(f"AUTH PLAIN {right}")).startswith("235 ")
        for _ in range(5):
            assert (await wire.ask("MAIL FROM:<a@b.example>")).startswith("250 ")
            await wire.ask("RSET")


# --- recipients ----------------------------------------------------------------------------------------------------


UNKNOWN = "nobody@sms.example.com"


async def ask_for(wire: Wire, recipient: str, times: int = 1) -> list[str]:
    """The beginnings of the replies to so many RCPT commands; "" where the server has closed."""
    return [(await wire.ask(f"RCPT TO:<{recipient}>"))[:9] for _ in range(times)]


async def begin(wire: Wire, verb: str = "EHLO") -> None:
    await wire.greet(verb)
    await wire.ask("MAIL FROM:<anna@example.org>")


@pytest.mark.proves("guessing keys")
async def test_a_guesser_is_cut_off_and_a_colleague_behind_the_same_address_is_not(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker) as edge, client(edge) as colleague:
        await begin(colleague)
        for guesses in (MAX_UNKNOWN, MAX_UNKNOWN, None, MAX_UNKNOWN_WHEN_SPENT):
            async with client(edge) as guesser:
                await begin(guesser)
                if guesses is not None:
                    assert set(await ask_for(guesser, UNKNOWN, guesses)) == {"550 5.1.1"}
                while (reply := await guesser.ask(f"RCPT TO:<{UNKNOWN}>")).startswith("550 5.1.1"):
                    assert guesses is None, "the address is spent within this session only"
                assert reply == "421 4.7.0 too many unknown recipients, try again later"
                assert await guesser.reply() == ""
            assert await ask_for(colleague, TO_KEY) == ["250 2.1.5"]
        async with client(edge) as newcomer:
            await begin(newcomer)
            assert await ask_for(newcomer, UNKNOWN) == ["550 5.1.1"], "a slip of the pen is told at once"
            assert await ask_for(newcomer, TO_KEY) == ["250 2.1.5"]
            assert (await newcomer.ask("DATA")).startswith("354 ")
            assert (await newcomer.ask("Hej\r\n.")).startswith("250 2.0.0")


@pytest.mark.proves("guessing keys")
async def test_an_address_recovers(taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_hooks, "STRANGER_BURST", 2)
    monkeypatch.setattr(smtp_hooks, "MAX_UNKNOWN_WHEN_SPENT", 2)
    clock = Clock()
    async with edge_by(clock, taker) as edge:
        for pause, answer in ((0.0, "421 4.7.0"), (STRANGER_FORGET, "550 5.1.1")):
            async with client(edge) as wire:
                await begin(wire)
                assert await ask_for(wire, UNKNOWN, 2) == ["550 5.1.1"] * 2
                clock.time += pause
                assert await ask_for(wire, UNKNOWN) == [answer]


@pytest.mark.proves("guessing keys")
@pytest.mark.parametrize(
    ("listener", "verb", "networks"),
    [("smtp", "EHLO", ["127.0.0.0/8"]), ("smtp", "EHLO", ["::ffff:127.0.0.0/104"]), ("lmtp", "LHLO", [])],
)
async def test_what_strangers_ask_our_relay_for_is_not_held_against_it(
    taker: ScriptedTaker, listener: str, verb: str, networks: list[str]
) -> None:
    async with smtp_edge(taker, listener, trust={"networks": networks}) as edge, client(edge, listener) as wire:
        await begin(wire, verb)
        assert set(await ask_for(wire, UNKNOWN, 400)) == {"550 5.1.1"}
        assert set(await ask_for(wire, "two words@sms.example.com", MAX_ERRORS + 5)) == {"553 5.1.3"}
        async with client(edge, listener) as other:
            await other.begin(TO_KEY, verb=verb)
            assert (await other.ask("Hej\r\n.")).startswith("250 2.0.0")
        assert await ask_for(wire, TO_KEY) == ["250 2.1.5"]


@pytest.mark.proves("guessing keys")
async def test_a_neighbour_of_the_relay_is_no_relay(taker: ScriptedTaker) -> None:
    async with (
        smtp_edge(taker, trust={"networks": ["127.0.0.1/32"]}) as edge,
        client(edge, source="127.0.0.2") as wire,
    ):
        await begin(wire)
        assert (await ask_for(wire, UNKNOWN, MAX_UNKNOWN + 1))[-1] == "421 4.7.0"


@pytest.mark.proves("guessing keys")
async def test_somebody_signed_in_may_mistype(taker: ScriptedTaker, tmp_path: Path) -> None:
    authority = trustme.CA()
    right = base64.b64encode(b"\0anna@example.org\0s3cret").decode()
    tls = write_certificate(tmp_path, authority)
    async with (
        smtp_edge(taker, "submissions", tls=tls) as edge,
        client(edge, "submissions", trusting(authority)) as wire,
    ):
        await wire.greet()
        assert (await wire.ask(f"AUTH PLAIN {right}")).startswith("235 ")
        await wire.ask("MAIL FROM:<anna@example.org>")
        assert set(await ask_for(wire, UNKNOWN, 60)) == {"550 5.1.1"}
        assert await ask_for(wire, TO_KEY) == ["250 2.1.5"]


@pytest.mark.proves("guessing keys")
async def test_other_refusals_are_not_held_against_the_address(
    taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_hooks, "STRANGER_BURST", 3)
    async with smtp_edge(taker) as edge, client(edge) as wire:
        await wire.greet()
        await wire.ask("MAIL FROM:<a@b.example>")
        for _ in range(10):
            assert (await wire.ask("RCPT TO:<12@sms.example.com>")).startswith("550 5.1.3")
        assert (await wire.ask(f"RCPT TO:<{TO_KEY}>")).startswith("250 ")


# --- the log -------------------------------------------------------------------------------------------------------


@pytest.mark.proves("canary key")
@pytest.mark.parametrize(
    "local",
    [
        KEY,
        KEY.upper(),
        f"{KEY}0",
        KEY[:31],
        f"x{KEY}y",
        f"3d{KEY}",
        f"=3C{KEY}",
        f"{KEY[:16]}-{KEY[16:]}",
        f"{KEY[:16]}.{KEY[16:]}",
        f"{KEY[:8]}=20{KEY[8:]}",
        ".".join(KEY),
        f'"{KEY} x"',
        f"{KEY}%x",
    ],
)
async def test_a_key_that_was_not_quite_one_is_not_logged(taker: ScriptedTaker, local: str) -> None:
    with captured_log() as log:
        async with smtp_edge(taker) as edge, client(edge) as wire:
            await begin(wire)
            assert await ask_for(wire, f"nobody+{local}@sms.example.com") in (["550 5.1.1"], ["553 5.1.3"])
            assert await ask_for(wire, f"{local}@elsewhere.example") in (["550 5.7.1"], ["553 5.1.3"])
    hexadecimal = re.sub("[^0-9a-f]", "", log.getvalue().lower())
    assert KEY[16:] not in hexadecimal
    assert KEY[:16] not in hexadecimal


@pytest.mark.proves("canary key")
async def test_the_log_still_says_who_was_asked_for(taker: ScriptedTaker) -> None:
    with captured_log() as log:
        async with smtp_edge(taker) as edge, client(edge) as wire:
            await begin(wire)
            await ask_for(wire, "nobody.feedback+4530643064@sms.example.com")
            await ask_for(wire, f"{KEY}@elsewhere.example")
    first, second = (json.loads(line) for line in log.getvalue().splitlines() if "recipient-refused" in line)
    assert (first["to"], first["cause"]) == ("nobody.feedback+45…64@sms.example.com", "no such recipient")
    assert second["to"] == "[key]@elsewhere.example"


@pytest.mark.proves("canary key")
async def test_a_key_as_user_name_is_not_logged(taker: ScriptedTaker, tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = write_certificate(tmp_path, authority)
    with captured_log() as log:
        async with (
            smtp_edge(taker, "submissions", tls=tls) as edge,
            client(edge, "submissions", trusting(authority)) as wire,
        ):
            await wire.greet()
            for user in (KEY, "x" * 45 + KEY):
                wrong = base64.b64encode(f"\0{user}\0wrong".encode()).decode()
                assert (await wire.ask(f"AUTH PLAIN {wrong}")).startswith("535 ")
    assert log.getvalue().count("login-failed") == 2
    assert KEY[:16] not in log.getvalue()
