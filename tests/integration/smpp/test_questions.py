"""Questions to a message centre: is it there, and what became of a message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway.providers.base import Capability, NotAvailable, Unreachable
from gateway.providers.smpp import SmppProvider
from gateway.smpp.pdu import RESPONSE, Command, Pdu, Status, frame
from gateway.sms import ReportStatus
from tests.integration.smpp.our_side import PERHAPS, TAKEN, connected, sms
from tests.smsc import Session, Smsc
from tests.waiting import until

OURS = b"\1\x01456099462196\0"


def answering(states: dict[bytes, bytes]) -> Callable[[Session, Pdu], None]:
    """A message centre that knows some messages: what follows the id in its answer."""

    def answer(session: Session, pdu: Pdu) -> None:
        message_id, _, source = pdu.body.partition(b"\0")
        assert source == OURS
        known = states.get(message_id)
        body = b"" if known is None else message_id + b"\0" + known
        status = Status.ESME_RQUERYFAIL if known is None else Status.ESME_ROK
        session.send(frame(pdu.command | RESPONSE, pdu.sequence, body, status))

    return answer


async def test_what_became_of_messages(smsc: Smsc):
    smsc.on_query = answering({b"a": b"261123100000000+\0\2\0", b"b": b"\0\1\0", b"c": b"\0\5\x2a", b"d": b"\0\7\0"})
    async with connected(smsc, query_sm=True) as provider:
        assert Capability.LOOKUP in provider.capabilities
        told = await provider.look_up(sms(), ["a", "b", "", "c", "d", "e", "x" * 65])
    assert [(report.ref, report.status, report.cause) for report in told] == [
        ("a", ReportStatus.DELIVERED, "asked: DELIVRD"),
        ("b", ReportStatus.ACCEPTED, "asked: ENROUTE"),
        ("c", ReportStatus.FAILED, "asked: UNDELIV, error 42"),
    ]


async def test_an_id_is_asked_for_as_answers_write_it(smsc: Smsc):
    smsc.next_id = lambda: "00aB"
    smsc.on_query = answering({b"AB": b"\0\2\0"})
    async with connected(smsc, query_sm=True, message_id="hex-to-decimal") as provider:
        refs = (await provider.submit(sms())).refs
        assert [report.ref for report in await provider.look_up(sms(), refs)] == list(refs) == ["171"]


async def test_who_may_not_be_asked_is_not(smsc: Smsc):
    smsc.on_query = answering({b"a": b"\0\2\0"})
    async with connected(smsc) as provider:
        assert Capability.LOOKUP not in provider.capabilities
        with pytest.raises(NotAvailable):
            await provider.look_up(sms(), ["a"])
        assert not {Capability.PRICE, Capability.BALANCE} & provider.capabilities, "SMPP has no question for them"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda session, pdu: session.send(frame(Command.GENERIC_NACK, pdu.sequence, status=3)), "ESME_RINVCMDID"),
        (lambda session, pdu: session.send(frame(Command.GENERIC_NACK, pdu.sequence)), "ESME_ROK"),
        (lambda session, pdu: session.send(frame(pdu.command | RESPONSE, pdu.sequence, b"a\0")), "cut off"),
        (lambda _session, _pdu: None, "no answer within 0.4 s"),
        (lambda session, _pdu: session.abort(), "connection"),
    ],
)
async def test_no_answer_that_can_be_used(smsc: Smsc, answer, words):
    smsc.on_query = answer
    async with connected(smsc, query_sm=True, response_timeout=0.4) as provider:
        with pytest.raises(Unreachable, match=words):
            await provider.look_up(sms(), ["a"])
        await until(provider._binds.least_busy, "a bind")
        assert (await provider.submit(sms())).outcome is TAKEN
    assert smsc.connections == (2 if words == "connection" else 1), "a question without answer costs no bind"


async def test_is_it_there(smsc: Smsc):
    async with connected(smsc) as provider:
        assert Capability.PING in provider.capabilities
        await provider.ping()
        assert smsc.session.enquiries == 1
        assert smsc.submits == []
    with pytest.raises(Unreachable, match="not bound: closed by us"):
        await provider.ping()
    with pytest.raises(Unreachable, match="not started"):
        await SmppProvider("smsc", {"host": "127.0.0.1", "system_id": "firma"}).ping()


async def test_a_first_bind_that_takes_its_time_is_waited_for(smsc: Smsc):
    asked: list[Session] = []
    smsc.on_bind = asked.append
    async with connected(smsc) as provider:
        assert provider._binds.least_busy() is None, "a start waits for a second"
        pinging = asyncio.ensure_future(provider.ping())
        await until(lambda: asked, "a bind that was asked for")
        answer = frame(Command.BIND_TRANSCEIVER | RESPONSE, 1, b"smsc\0")
        asyncio.get_running_loop().call_later(0.3, asked[0].send, answer)
        await pinging


async def test_it_is_there_and_lets_nobody_in(smsc: Smsc):
    smsc.on_bind = lambda _session: Status.ESME_RINVPASWD
    async with connected(smsc) as provider:
        with pytest.raises(Unreachable, match="bind refused: ESME_RINVPASWD"):
            await provider.ping()


async def test_a_peer_that_says_nothing_is_not_there(smsc: Smsc):
    async with connected(smsc, response_timeout=0.4) as provider:
        smsc.session.answer_enquiries = False
        smsc.on_submit = lambda _submit: None
        with pytest.raises(Unreachable, match="no answer within"):
            await provider.ping()
        await until(provider._binds.least_busy, "bound again")
        assert (await provider.submit(sms())).outcome is PERHAPS
