"""The SMTP listener: what it offers, what it takes, what it answers."""

from __future__ import annotations

import asyncio
import re
import smtplib
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import smtp_in
from gateway.errors import Refusal
from gateway.model import Envelope, Listener, Reply
from gateway.smtp.hooks import EdgeHooks
from gateway.smtp.protocol import EdgeProtocol
from tests.smtp_edge import (
    KEY,
    LOOPS,
    TO_KEY,
    ScriptedTaker,
    captured_log,
    client,
    run,
    smtp_edge,
    write_certificate,
)
from tests.waiting import until

KNOWN_COMMANDS = {
    *("HELO", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"),
    *("RSET", "NOOP", "HELP", "VRFY", "EXPN", "QUIT"),
}

MESSAGE = b"From: anna@example.org\r\nSubject: 30643064\r\n\r\nHej\r\n"


@pytest.fixture
def taker() -> ScriptedTaker:
    return ScriptedTaker()


@pytest.mark.proves("X1")
async def test_offers_what_it_can_do_and_no_auth(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker, smtp={"max_size": 123456}) as edge, client(edge) as wire:
        lines = (await wire.greet()).split("\n")
    assert lines == [
        "250-gw.example.com",
        "250-PIPELINING",
        "250-SIZE 123456",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-ENHANCEDSTATUSCODES",
        "250 HELP",
    ]


@pytest.mark.proves("D8")
@pytest.mark.parametrize("loop", LOOPS)
def test_hands_over_one_mail_as_it_came(taker: ScriptedTaker, loop: str) -> None:
    async def send() -> str:
        async with smtp_edge(taker) as edge, client(edge) as wire:
            await wire.begin(TO_KEY, "30643064@sms.example.com")
            return await wire.ask(MESSAGE + b"..dot\r\n.\r\n")

    reply = run(send(), loop)
    (mail,) = taker.mails
    assert reply == f"250 2.0.0 taken as {mail.id}"
    assert mail.content == MESSAGE + b".dot\r\n"
    assert mail.mail_from == "anna@example.org"
    assert [local.address for local in mail.recipients] == [TO_KEY, "30643064@sms.example.com"]
    assert (mail.peer.ip, mail.peer.helo, mail.peer.listener) == ("127.0.0.1", "client.example.org", Listener.SMTP)
    assert (mail.peer.tls, mail.peer.login) == (False, None)
    assert len(mail.id) == 26


@pytest.mark.proves("X1")
@pytest.mark.parametrize("loop", LOOPS)
def test_answers_pipelined_commands_in_order(taker: ScriptedTaker, loop: str) -> None:
    async def talk() -> list[str]:
        async with smtp_edge(taker) as edge, client(edge) as wire:
            await wire.greet()
            wire.send(
                b"MAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@sms.example.com>\r\n"
                b"RCPT TO:<30643064@sms.example.com>\r\nNOOP\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\n"
            )
            replies = [await wire.reply() for _ in range(6)]
            wire.send(MESSAGE + b".\r\nMAIL FROM:<>\r\nRCPT TO:<1234@sms.example.com>\r\nRSET\r\nQUIT\r\n")
            return replies + [await wire.reply() for _ in range(6)]

    codes = [" ".join(reply.split()[:2]) for reply in run(talk(), loop)]
    assert codes == [
        "250 2.1.0",
        "550 5.1.1",
        "250 2.1.5",
        "250 2.0.0",
        "550 5.7.1",
        "354 go",
        "250 2.0.0",
        "250 2.1.0",
        "550 5.1.3",
        "250 2.0.0",
        "221 2.0.0",
        "",
    ]


@pytest.mark.proves("hang-up after the dot")
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("abrupt", [False, True])
def test_commits_although_the_client_hangs_up_after_the_dot(taker: ScriptedTaker, loop: str, abrupt: bool) -> None:
    async def scenario() -> None:
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def slow_commit(_mail: Envelope) -> None:
            begun.set()
            await may_end.wait()

        taker.on_mail = slow_commit
        async with smtp_edge(taker) as edge:
            async with client(edge) as wire:
                await wire.begin()
                wire.send(MESSAGE + b".\r\n")
                await begun.wait()
                if abrupt:
                    wire.reset()
            if abrupt:
                await until(lambda: edge.connections == 0)
            assert not taker.mails
            may_end.set()
            await until(lambda: bool(taker.mails))

    run(scenario(), loop)
    assert [mail.content for mail in taker.mails] == [MESSAGE]


@pytest.mark.proves("X1")
async def test_obeys_what_came_before_a_half_close(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker) as edge, client(edge) as wire:
        await wire.greet()
        wire.send(f"MAIL FROM:<a@b.example>\r\nRCPT TO:<{TO_KEY}>\r\nDATA\r\n")
        for _ in range(3):
            await wire.reply()
        wire.send(MESSAGE + b".\r\nQUIT\r\n")
        wire.writer.write_eof()
        assert (await wire.reply()).startswith("250 2.0.0 taken as ")
        assert (await wire.reply()).startswith("221 ")
    assert len(taker.mails) == 1


@pytest.mark.proves("hang-up after the dot")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_hangs_up_during_rcpt_leaves_nothing_behind(taker: ScriptedTaker, loop: str) -> None:
    asked, answer, answered = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_address: str) -> None:
        asked.set()
        await answer.wait()
        answered.set()

    async def scenario() -> None:
        taker.on_recipient = slow
        async with smtp_edge(taker) as edge, client(edge) as wire:
            await wire.greet()
            await wire.ask("MAIL FROM:<a@b.example>")
            wire.send(f"RCPT TO:<{TO_KEY}>\r\nDATA\r\n")
            await asked.wait()
            wire.reset()
            await until(lambda: edge.connections == 0)
            assert edge._edge.sessions, "a stop would wait for it"
            answer.set()
            await until(lambda: not edge._edge.sessions)
        assert answered.is_set()

    with captured_log() as log:
        run(scenario(), loop)
    assert "session-fault" not in log.getvalue()


@pytest.mark.proves("hang-up after the dot")
async def test_a_message_cut_short_is_no_message(taker: ScriptedTaker) -> None:
    async with smtp_edge(taker) as edge:
        async with client(edge) as wire:
            await wire.begin()
            wire.send(MESSAGE + b".\r")
        await until(lambda: edge.connections == 0)
    assert taker.mails == []


@pytest.mark.proves("X1")
@pytest.mark.parametrize("listener", ["smtp", "lmtp"])
async def test_a_421_after_the_dot_ends_the_session(taker: ScriptedTaker, listener: str) -> None:
    taker.replies = lambda mail: [_refusal(421, "4.7.0")] * len(mail.recipients)
    async with smtp_edge(taker, listener) as edge, client(edge, listener) as wire:
        await wire.begin(verb="LHLO" if listener == "lmtp" else "EHLO")
        assert await wire.ask(MESSAGE + b".\r\n") == "421 4.7.0 because"
        assert await wire.reply() == ""


WORDS = [*sorted(KNOWN_COMMANDS), "MAIL FROM:<a@b.example>", f"RCPT TO:<{TO_KEY}>", "RCPT TO:<nobody@x.example>"]
WORDS += [
    "AUTH PLAIN",
    "AUTH LOGIN =",
    "*",
    ".",
    "PROXY UNKNOWN",
    "EHLO x.example",
    "LHLO y",
    "BDAT 3",
    "",
    " ",
    "Subject: x",
]
ENDS = ["\r\n", "\r\n", "\r\n", "\n", "\r", "\0", "\r\n.\r\n", ""]
TALK = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from(ENDS)).map(lambda pair: "".join(pair).encode())
    | st.binary(max_size=20),
    max_size=30,
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return write_certificate(tmp_path_factory.mktemp("tls"), trustme.CA())


@pytest.mark.proves("X1")
@given(talk=TALK, listener=st.sampled_from(["smtp", "lmtp", "submission"]))
@settings(max_examples=150, deadline=None)
def test_whatever_is_said_is_answered_in_form_and_the_session_ends(
    certificate: dict[str, Any], talk: list[bytes], listener: str
) -> None:
    async def scenario() -> list[str]:
        async with smtp_edge(ScriptedTaker(), listener, tls=certificate) as edge, client(edge, listener) as wire:
            greeting = await wire.reply()
            wire.send(b"".join(talk))
            wire.writer.write_eof()
            rest = await wire.rest()
            await until(lambda: edge.connections == 0)
            return [greeting, *rest.split("\r\n")[:-1]]

    with captured_log() as log:
        replies = run(scenario())
    for reply in replies:
        assert re.fullmatch(r"(220|250)[ -].+|(214|221|235|252|334|354|4\d\d|5\d\d) .*", reply), reply
        assert reply[:3] in {"220", "250", "334", "354"} or re.match(r"(\d)\d\d \1\.\d\.\d+ ", reply), reply
    assert "fault" not in log.getvalue()


def _refusal(code: int, enhanced: str) -> Reply:
    return Reply(refusal=Refusal(code, enhanced, "because", cause="test"))


@pytest.mark.proves("D8")
@pytest.mark.parametrize(
    ("replies", "answer"),
    [
        ([Reply(), _refusal(550, "5.7.1")], "250 2.0.0 taken as"),
        ([_refusal(550, "5.7.1"), Reply()], "250 2.0.0 taken as"),
        ([_refusal(550, "5.7.1"), _refusal(550, "5.1.1")], "550 5.7.1 because"),
        ([_refusal(550, "5.7.1"), _refusal(451, "4.3.1")], "451 4.3.1 because"),
        ([Reply(text="queued\r\n250 twice"), Reply()], "250 2.0.0 queued  250 twice"),
        ([Reply()], "451 4.3.0 "),
    ],
)
async def test_one_reply_stands_for_all_recipients(taker: ScriptedTaker, replies: list[Reply], answer: str) -> None:
    taker.replies = lambda _mail: replies
    async with smtp_edge(taker) as edge, client(edge) as wire:
        await wire.begin("1@sms.example.com".replace("1", "30643064"), TO_KEY)
        assert (await wire.ask(MESSAGE + b".\r\n")).startswith(answer)
        assert (await wire.ask("NOOP")).startswith("250 ")


@pytest.mark.proves("unknown fault is temporary")
async def test_a_fault_is_temporary_and_keeps_its_text(taker: ScriptedTaker) -> None:
    async def fail(*_: object) -> None:
        raise TimeoutError("password of the database is hunter2")

    taker.on_mail = fail
    with captured_log() as log:
        async with smtp_edge(taker) as edge, client(edge) as wire:
            await wire.begin()
            assert await wire.ask(MESSAGE + b".\r\n") == "451 4.3.0 something went wrong here, try again later"
            taker.on_recipient = fail
            await wire.ask("MAIL FROM:<a@b.example>")
            assert await wire.ask(f"RCPT TO:<{TO_KEY}>") == "451 4.3.0 something went wrong here, try again later"
            assert (await wire.ask("NOOP")).startswith("250 ")
    assert log.getvalue().count("hunter2") >= 2
    assert KEY not in log.getvalue()


@pytest.mark.proves("unknown fault is temporary")
async def test_a_fault_of_a_command_is_temporary(taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(EdgeProtocol, "smtp_NOOP", fail)
    async with smtp_edge(taker) as edge, client(edge) as wire:
        await wire.greet()
        assert await wire.ask("NOOP") == "451 4.3.0 something went wrong here, try again later"
        assert (await wire.ask("RSET")).startswith("250 ")


@pytest.mark.proves("set of hooks")
def test_the_hooks_are_exactly_the_known_ones(taker: ScriptedTaker) -> None:
    hooks = {name for name in dir(EdgeHooks) if name.startswith("handle_")}
    assert hooks == {"handle_AUTH", "handle_RCPT", "handle_DATA"}
    commands = {name.removeprefix("smtp_") for name in dir(EdgeProtocol) if name.startswith("smtp_")}
    assert commands == KNOWN_COMMANDS
    ours = {name.removeprefix("smtp_") for name in vars(EdgeProtocol) if name.startswith("smtp_")}
    assert commands == ours == EdgeProtocol.COMMANDS


@pytest.mark.proves("X1")
async def test_smtplib_sends_to_it(taker: ScriptedTaker) -> None:
    def send(port: int) -> dict[str, Any]:
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            return smtp.sendmail(
                "anna@example.org", [TO_KEY, "nobody@sms.example.com"], MESSAGE.replace(b"Hej", b".Hej")
            )

    async with smtp_edge(taker) as edge:
        refused = await asyncio.to_thread(send, edge.ports["smtp"])
    assert refused["nobody@sms.example.com"][0] == 550
    assert taker.mails[0].content == MESSAGE.replace(b"Hej", b".Hej")


@pytest.mark.proves("X1")
async def test_swaks_and_s_nail_send_to_it(taker: ScriptedTaker, require: Callable[[str], str]) -> None:
    def swaks(port: int) -> str:
        command = [require("swaks"), "--server", f"127.0.0.1:{port}", "--from", "anna@example.org", "--to", TO_KEY]
        command += ["--pipeline", "--body", "Hej fra swaks", "--h-Subject", "30643064"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout

    def s_nail(port: int) -> None:
        command = [require("s-nail"), "-n", "-Sv15-compat", f"-Smta=smtp://127.0.0.1:{port}", "-Ssmtp-config=-all,ehlo"]
        command += [
            "-Ssmtp-auth=none",
            "-Shostname=client.example.org",
            "-r",
            "anna@example.org",
            "-s",
            "30643064",
            TO_KEY,
        ]
        subprocess.run(command, input="Hej fra s-nail\n.stop\n", text=True, capture_output=True, check=True, timeout=20)

    async with smtp_edge(taker) as edge:
        transcript = await asyncio.to_thread(swaks, edge.ports["smtp"])
        await asyncio.to_thread(s_nail, edge.ports["smtp"])
    assert "<-  250 2.0.0 taken as" in transcript
    first, second = taker.mails
    assert b"\r\n\r\nHej fra swaks\r\n" in first.content
    assert b"\r\n\r\nHej fra s-nail\r\n.stop\r\n" in second.content
    assert second.mail_from == "anna@example.org"


@pytest.mark.proves("X1")
async def test_takes_addresses_as_mail_programs_write_them(taker: ScriptedTaker) -> None:
    wanted = {
        f"RCPT TO: <{TO_KEY}>": TO_KEY,
        f"rcpt to:<{TO_KEY}>": TO_KEY,
        f"RCPT TO:{TO_KEY}": TO_KEY,
        f"RCPT TO:<@relay.example,@two.example:{TO_KEY}>": TO_KEY,
        "RCPT TO:<+4530643064@sms.example.com>": "+4530643064@sms.example.com",
        'RCPT TO:<"30 64 30 64"@sms.example.com>': '"30 64 30 64"@sms.example.com',
        "RCPT TO:<Postmaster>": "Postmaster@sms.example.com",
    }
    async with smtp_edge(taker) as edge, client(edge) as wire:
        await wire.greet()
        await wire.ask("MAIL FROM:<>")
        for command in wanted:
            assert (await wire.ask(command)).startswith("250 2.1.5"), command
        await wire.ask("DATA")
        await wire.ask(MESSAGE + b".\r\n")
    assert [local.address for local in taker.mails[0].recipients] == list(wanted.values())
    assert taker.mails[0].mail_from == ""


@pytest.mark.proves("X1")
@pytest.mark.parametrize("loop", LOOPS)
def test_stop_lets_a_message_end_and_tells_the_idle(taker: ScriptedTaker, loop: str) -> None:
    async def scenario() -> None:
        async with smtp_edge(taker) as edge, client(edge) as busy, client(edge) as idle:
            await busy.begin()
            await idle.greet()
            stopping = asyncio.create_task(edge.stop())
            assert (await idle.reply()).startswith("421 4.3.2 ")
            assert await idle.reply() == ""
            assert not stopping.done()
            assert (await busy.ask(MESSAGE + b".\r\n")).startswith("250 2.0.0 taken as")
            assert (await busy.reply()).startswith("421 4.3.2 ")
            await asyncio.wait_for(stopping, 5)
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.1", edge.ports["smtp"])

    run(scenario(), loop)
    assert len(taker.mails) == 1


@pytest.mark.proves("X1")
async def test_stop_waits_for_a_commit_whose_client_is_gone(taker: ScriptedTaker) -> None:
    begun = asyncio.Event()

    async def slow_commit(_mail: Envelope) -> None:
        begun.set()
        await asyncio.sleep(0.3)

    taker.on_mail = slow_commit
    async with smtp_edge(taker) as edge:
        async with client(edge) as wire:
            await wire.begin()
            wire.send(MESSAGE + b".\r\n")
            await begun.wait()
            wire.reset()
        await edge.stop()
        assert len(taker.mails) == 1


@pytest.mark.proves("X1")
async def test_stop_has_an_end(taker: ScriptedTaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_in, "STOP_TIME", 0.2)
    may_end = asyncio.Event()

    async def hang(_mail: Envelope) -> None:
        await may_end.wait()

    taker.on_mail = hang
    with captured_log() as log:
        async with smtp_edge(taker) as edge, client(edge) as in_data, client(edge) as in_commit:
            await in_data.begin()
            await in_commit.begin()
            in_commit.send(MESSAGE + b".\r\n")
            await until(lambda: bool(edge._edge.hooks.commits))
            await edge.stop()
            await until(lambda: edge.connections == 0)
            assert '"commits_left":1' in log.getvalue()
            may_end.set()
            await until(lambda: bool(taker.mails))


@pytest.mark.proves("D8")
async def test_a_refusal_of_the_whole_mail_is_everyones(taker: ScriptedTaker) -> None:
    async def refuse(_mail: Envelope) -> None:
        raise Refusal(554, "5.6.0", "this mail cannot be read", cause="unreadable")

    taker.on_mail = refuse
    async with smtp_edge(taker) as edge, client(edge) as wire:
        await wire.begin(TO_KEY, "30643064@sms.example.com")
        assert await wire.ask(MESSAGE + b".\r\n") == "554 5.6.0 this mail cannot be read"
