"""A message centre at its worst: what it says is cut, glued, doubled, mixed up or late, and what it reads it reads slowly."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from gateway.smpp.pdu import MAX_SEQUENCE, RESPONSE, SUBMIT_SM_RESP, Command, Status, frame, write_message
from tests.integration.smpp.our_side import LONG, NOT_NOW, PERHAPS, TAKEN, Sink, connected, sms, until_bound
from tests.smsc import Session, Smsc, Submit, incoming, receipt
from tests.waiting import until


async def bound_again(provider, smsc: Smsc) -> None:
    await until(lambda: smsc.sessions and provider._binds.least_busy(), "bound again")


# --- connections ---------------------------------------------------------------------------------------------------


@pytest.mark.proves("nothing spins")
async def test_a_message_centre_that_lets_nobody_in_is_asked_less_and_less(smsc: Smsc):
    loop = asyncio.get_running_loop()
    came: list[float] = []
    smsc.on_bind = lambda _session: came.append(loop.time()) or Status.ESME_RBINDFAIL
    async with connected(smsc) as provider:
        await until(lambda: len(came) == 4, "four tries")
        pauses = [later - earlier for earlier, later in pairwise(came)]
        assert [least < pause for least, pause in zip((0.3, 0.7, 1.4), pauses, strict=True)] == [True] * 3
        smsc.on_bind = lambda _session: Status.ESME_ROK
        await bound_again(provider, smsc)
        assert (await provider.submit(sms())).outcome is TAKEN


async def test_a_bind_that_is_not_understood_is_refused(smsc: Smsc, capsys):
    def nack(session: Session) -> None:
        smsc.on_bind = lambda _session: Status.ESME_ROK
        session.send(frame(Command.GENERIC_NACK, 1, status=Status.ESME_RINVCMDID))

    smsc.on_bind = nack
    async with connected(smsc) as provider:
        assert (await provider.submit(sms())).outcome is NOT_NOW
        await bound_again(provider, smsc)
    assert "bind refused: ESME_RINVCMDID" in capsys.readouterr().out


@pytest.mark.proves("provider hangs", "never sent again blindly")
@pytest.mark.parametrize("quiet", [0.0, 0.02, 0.1], ids=["at-once", "asked-before-it-owes", "quiet-for-a-while"])
async def test_a_peer_that_is_gone_and_told_nobody(smsc: Smsc, quiet: float):
    """As after a power cut on its side: the connection stands, nobody reads it, and nothing ever comes."""
    async with connected(smsc, window=4, response_timeout=0.6, enquire_link=0.3) as provider:
        gone = smsc.session
        gone.transport.pause_reading()
        await asyncio.sleep(quiet)
        results = await asyncio.gather(*(provider.submit(sms()) for _ in range(20)))
        outcomes = Counter(result.outcome for result in results)
        assert outcomes[PERHAPS] <= 4, "what may have left is one window"
        assert outcomes[PERHAPS] + outcomes[NOT_NOW] == 20
        await until(lambda: len(smsc.sessions) == 2, "a second connection beside the dead one")
        await until(provider._binds.least_busy, "a bind that stands")
        assert (await provider.submit(sms())).outcome is TAKEN
        gone.transport.resume_reading()
        await asyncio.wait_for(gone.closed.wait(), 5)


@pytest.mark.proves("provider hangs")
async def test_a_peer_that_falls_silent_after_the_bind_is_found_out_before_anything_is_sent(smsc: Smsc):
    async with connected(smsc, response_timeout=0.4, enquire_link=0.2) as provider:
        first = smsc.session
        first.transport.pause_reading()
        await until(lambda: smsc.connections == 2, "a new connection")
        await until(provider._binds.least_busy, "a bind that stands")
        assert (await provider.submit(sms())).outcome is TAKEN
        assert smsc.submits[0].session is not first
        first.transport.resume_reading()


async def test_an_unbind_between_the_parts_of_a_message(smsc: Smsc, monkeypatch):
    """The parts that had not left go by the other bind; none goes twice."""
    monkeypatch.setattr("gateway.providers.smpp._COMPLETING", (0.05, 0.05, 0.05))

    def behave(submit: Submit) -> None:
        submit.accept()
        if len(smsc.submits) == 1:
            submit.session.send(frame(Command.UNBIND, 900))

    smsc.on_submit = behave
    async with connected(smsc, binds=2, window=1) as provider:
        await until_bound(provider, 2)
        result = await provider.submit(sms(LONG))
    assert (result.outcome, result.refs) == (TAKEN, ("id-1", "id-2", "id-3"))
    assert [submit.message.text[5] for submit in smsc.submits] == [1, 2, 3]
    assert smsc.submits[0].session is not smsc.submits[1].session is smsc.submits[2].session


# --- octets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 17, 64])
async def test_what_comes_in_pieces_of_any_size_is_the_same(smsc: Smsc, size: int):
    sink = Sink()

    async def trickle(session: Session, octets: bytes) -> None:
        for at in range(0, len(octets), size):
            session.send(octets[at : at + size])
            await asyncio.sleep(0)

    async with connected(smsc, sink) as provider:
        smsc.on_submit = lambda _submit: None
        sending = asyncio.ensure_future(provider.submit(sms()))
        (submit,) = await smsc.submitted(1)
        stream = (
            frame(Command.ENQUIRE_LINK, 50)
            + frame(Command.DELIVER_SM, 51, write_message(receipt("id-1")))
            + frame(SUBMIT_SM_RESP, submit.pdu.sequence, b"id-1\0")
            + frame(Command.DELIVER_SM, 52, write_message(incoming(b"Hej")))
        )
        await trickle(submit.session, stream)
        assert (await sending).refs == ("id-1",)
        await until(lambda: len(smsc.answered) == 3, "three answers")
    assert {(pdu.sequence, pdu.status) for pdu in smsc.answered[:3]} == {(50, 0), (51, 0), (52, 0)}
    assert [event.ref for event in sink.reports] == ["id-1"]
    assert [event.text for event in sink.messages] == ["Hej"]


@pytest.mark.proves("endless input")
@pytest.mark.parametrize("length", [0, 3, 15, 70_001, 0x7FFFFFFF, 0xFFFFFFFF])
async def test_a_length_that_is_a_lie(smsc: Smsc, length: int):
    """What came before it counts; it is answered with a nack; the connection ends, for nothing after it can be found."""
    sink = Sink()
    async with connected(smsc, sink) as provider:
        session = smsc.session
        sound = frame(Command.DELIVER_SM, 7, write_message(incoming(b"Hej")))
        session.send(sound + length.to_bytes(4, "big") + sound[4:] * 20)
        await asyncio.wait_for(session.closed.wait(), 5)
        nacks = [pdu for pdu in smsc.answered if pdu.command == Command.GENERIC_NACK]
        assert [(nack.status, nack.sequence) for nack in nacks] == [(Status.ESME_RINVCMDLEN, 0)]
        await bound_again(provider, smsc)
        await smsc.session.deliver(incoming(b"Hej"))
        assert (await provider.submit(sms())).outcome is TAKEN
    assert {event.text for event in sink.messages} == {"Hej"}
    assert len({event.ref for event in sink.messages}) == 1, "its answer did not arrive: the copy is the same message"


# --- sequence numbers ----------------------------------------------------------------------------------------------


async def test_sequence_numbers_begin_again_and_spare_those_that_are_still_open(smsc: Smsc):
    late = []
    smsc.on_submit = lambda submit: late.append(submit) if len(smsc.submits) == 1 else submit.accept()
    sink = Sink()
    async with connected(smsc, sink, response_timeout=0.4) as provider:
        assert (await provider.submit(sms(ident="LATE"))).outcome is PERHAPS
        link = provider._binds.least_busy()
        link._sequence = MAX_SEQUENCE - 2
        results = await asyncio.gather(*(provider.submit(sms()) for _ in range(8)))
        assert {result.outcome for result in results} == {TAKEN}
        late[0].accept()
        await until(lambda: sink.events, "the late answer")
    numbers = [submit.pdu.sequence for submit in smsc.submits]
    assert numbers[1:3] == [MAX_SEQUENCE - 1, MAX_SEQUENCE]
    assert len(set(numbers)) == len(numbers), "none is used again while an answer to it may come"
    assert [(event.message_id, event.ref) for event in sink.events] == [("LATE", "id-1")]


async def test_a_message_centre_may_number_as_it_likes(smsc: Smsc):
    sink = Sink()
    numbers = [5, 5, 5, 0, 0xFFFFFFFF, 0]
    async with connected(smsc, sink):
        for place, number in enumerate(numbers):
            smsc.session.send(frame(Command.DELIVER_SM, number, write_message(incoming(f"{place}".encode()))))
        await until(lambda: len(smsc.answered) == len(numbers), "an answer to each")
    assert sorted(pdu.sequence for pdu in smsc.answered[: len(numbers)]) == sorted(numbers)
    assert sorted(event.text for event in sink.messages) == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.proves("never sent again blindly")
async def test_answers_to_nobody_and_answers_of_the_wrong_kind_settle_nothing(smsc: Smsc):
    smsc.on_submit = lambda _submit: None
    sink = Sink()
    async with connected(smsc, sink) as provider:
        sending = [asyncio.ensure_future(provider.submit(sms(ident=f"M{n}.1"))) for n in (1, 2)]
        first, second = await smsc.submitted(2)
        for octets in (
            frame(SUBMIT_SM_RESP, 4711, b"stranger\0"),
            frame(SUBMIT_SM_RESP, 0, b"stranger\0"),
            frame(SUBMIT_SM_RESP, 0xFFFFFFFF, b"stranger\0"),
            frame(Command.ENQUIRE_LINK | RESPONSE, first.pdu.sequence),
            frame(Command.BIND_TRANSCEIVER | RESPONSE, first.pdu.sequence, b"smsc\0"),
            frame(Command.UNBIND | RESPONSE, first.pdu.sequence),
        ):
            first.session.send(octets)
        second.accept()
        second.answer(Status.ESME_RSYSERR)
        assert (await sending[1]).refs == ("id-2",)
        assert not sending[0].done()
        first.accept()
        first.answer(body=b"another\0")
        assert (await sending[0]).refs == ("id-1",)
    assert (sink.events, smsc.connections) == ([], 1)


# --- too much and too slow -----------------------------------------------------------------------------------------


@pytest.mark.proves("slow clients")
async def test_a_storm_of_questions_is_answered_and_messages_pass_through_it(smsc: Smsc):
    async with connected(smsc) as provider:
        session = smsc.session
        storm = b"".join(frame(Command.ENQUIRE_LINK, number) for number in range(1, 2001))
        for _ in range(10):
            session.send(storm)
        assert (await provider.submit(sms())).outcome is TAKEN
        await until(lambda: len(smsc.answered) == 20_000, "every answer")
        assert [pdu.sequence for pdu in smsc.answered] == [*range(1, 2001)] * 10
    assert smsc.connections == 1


@pytest.mark.proves("slow clients", "never sent again blindly")
async def test_a_message_centre_that_reads_slowly_gets_everything_once(smsc: Smsc, monkeypatch):
    monkeypatch.setattr("gateway.smpp.link._MAX_UNREAD", 2_000)
    async with connected(smsc, window=50, long_text="payload", response_timeout=20) as provider:
        session = smsc.session

        async def read_now_and_then() -> None:
            while True:
                session.transport.pause_reading()
                await asyncio.sleep(0.02)
                session.transport.resume_reading()
                await asyncio.sleep(0.001)

        slow = asyncio.create_task(read_now_and_then())
        results = await asyncio.gather(*(provider.submit(sms("a" * 8000, ident=f"M{n}.1")) for n in range(300)))
        slow.cancel()
        session.transport.resume_reading()
    assert {result.outcome for result in results} == {TAKEN}
    assert len({result.refs for result in results}) == len(smsc.submits) == 300


@pytest.mark.proves("provider throttles")
async def test_a_message_centre_that_throttles_and_drops_answers_gets_every_part_once(smsc: Smsc, monkeypatch):
    monkeypatch.setattr("gateway.providers.smpp._COMPLETING", (0.02, 0.02, 0.02))
    fates = ["take", "throttle", "take", "drop", "full"] * 100
    taken: Counter[tuple[str, int]] = Counter()

    def behave(submit: Submit) -> None:
        fate = fates.pop(0)
        if fate in {"throttle", "full"}:
            submit.answer(Status.ESME_RTHROTTLED if fate == "throttle" else Status.ESME_RMSGQFUL)
            return
        part = submit.message.text[5] if submit.message.esm_class & 0x40 else 1
        taken[submit.message.dest.digits, part] += 1
        if fate == "take":
            submit.accept()

    smsc.on_submit = behave
    async with connected(smsc, response_timeout=0.3) as provider:
        outcomes = []
        for number in range(12):
            text = LONG if number % 2 else "Hej"
            outcomes.append((await provider.submit(sms(text, to=f"+4530{number:06}"))).outcome)
            provider._pace._rest_until = 0.0  # as if the rest were over
    assert set(taken.values()) == {1}
    assert Counter(outcomes).keys() == {TAKEN, NOT_NOW, PERHAPS}
    for number, outcome in enumerate(outcomes):
        parts = sum(phone == f"4530{number:06}" for phone, _ in taken)
        assert outcome is not TAKEN or parts == (3 if number % 2 else 1)
        assert outcome is not NOT_NOW or parts == 0


# --- what comes in, by several binds -------------------------------------------------------------------------------


@pytest.mark.proves("duplicates count once")
async def test_a_message_that_was_refused_on_one_bind_comes_again_on_another(smsc: Smsc):
    sink = Sink()
    seen: list[str] = []
    sink.refuse = lambda event: seen.append(event.ref) or len(seen) <= 2
    async with connected(smsc, sink, binds=2):
        await until(lambda: len(smsc.sessions) == 2, "two binds")
        one, other = smsc.sessions
        assert await one.deliver(incoming(b"Ja")) == Status.ESME_RX_T_APPN
        sink.refuse = lambda _event: False
        assert await other.deliver(incoming(b"Ja")) == Status.ESME_ROK
    assert [event.ref for event in sink.messages] == seen[:1]


async def test_receipts_come_on_any_bind_and_parts_on_several(smsc: Smsc):
    sink = Sink()
    async with connected(smsc, sink, binds=3) as provider:
        await until(lambda: len(smsc.sessions) == 3, "three binds")
        refs = [(await provider.submit(sms())).refs[0] for _ in range(6)]
        others = [next(s for s in smsc.sessions if s is not submit.session) for submit in smsc.submits]
        pairs = zip(others, refs, strict=True)
        statuses = await asyncio.gather(*(session.deliver(receipt(ref)) for session, ref in pairs))
        for number, session in zip((3, 1, 2), smsc.sessions, strict=True):
            piece = bytes((5, 0, 3, 7, 3, number)) + f"del {number}".encode()
            statuses.append(await session.deliver(incoming(piece, esm_class=0x40)))
    assert set(statuses) == {Status.ESME_ROK}
    assert sorted(report.ref for report in sink.reports) == sorted(refs)
    assert [(event.text, event.part and event.part.number) for event in sink.messages] == [
        (f"del {number}", number) for number in (3, 1, 2)
    ]
