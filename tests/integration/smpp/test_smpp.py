"""The SMPP provider against a message centre that misbehaves on demand, over real sockets."""

from __future__ import annotations

import asyncio
import time

import pytest
import trustme

from gateway.smpp.pdu import RESPONSE, Address, Command, ShortMessage, Status, Tag, frame, write_data, write_message
from gateway.sms import DeliveryReport, InboundPart, InboundSms, ReportStatus, SubmitResult
from tests.integration.smpp.our_side import LONG, NEVER, NOT_NOW, PERHAPS, TAKEN, Sink, connected, sms, until_bound
from tests.smsc import OURS, PHONE, Session, Smsc, Submit, incoming, receipt
from tests.waiting import until

# --- the good way --------------------------------------------------------------------------------------------------


async def test_an_sms_is_accepted(smsc):
    async with connected(smsc, system_type="SMPP", validity=3600) as provider:
        result = await provider.submit(sms())
        assert (result.outcome, result.refs) == (TAKEN, ("id-1",))
    (submit,) = smsc.submits
    assert submit.message == ShortMessage(
        OURS, PHONE, b"Hej \x1d\x0c\x0f", validity="000000010000000R", registered_delivery=1
    )
    bind = submit.session.bind
    assert bind is not None
    assert (bind.system_id, bind.password, bind.system_type, bind.interface_version) == (
        "firma",
        "hemmelig",
        "SMPP",
        0x34,
    )
    assert submit.session.unbound.is_set()


async def test_unicode_goes_as_ucs2(smsc):
    async with connected(smsc) as provider:
        assert (await provider.submit(sms("Привет 🎉"))).outcome is TAKEN
    assert (smsc.submits[0].message.data_coding, smsc.submits[0].message.text) == (8, "Привет 🎉".encode("utf-16-be"))


async def test_several_parts_have_an_id_each(smsc):
    async with connected(smsc) as provider:
        result = await provider.submit(sms(LONG))
    assert (result.outcome, result.refs) == (TAKEN, ("id-1", "id-2", "id-3"))
    assert [submit.message.text[:6][3:] for submit in smsc.submits] == [
        smsc.submits[0].message.text[3:4] + bytes((3, number)) for number in (1, 2, 3)
    ]


async def test_parts_whose_answers_come_out_of_order(smsc):
    async with connected(smsc) as provider:
        smsc.on_submit = lambda _submit: None
        sending = asyncio.ensure_future(provider.submit(sms(LONG)))
        for submit in reversed(await smsc.submitted(3)):
            submit.accept()
        assert (await sending).refs == ("id-1", "id-2", "id-3")


async def test_a_payload_is_one(smsc):
    async with connected(smsc, long_text="payload") as provider:
        assert (await provider.submit(sms(LONG))).refs == ("id-1",)
    assert smsc.submits[0].message.tlvs == {Tag.MESSAGE_PAYLOAD: LONG.encode()}


async def test_the_window_is_kept(smsc):
    smsc.on_submit = lambda _submit: None
    async with connected(smsc, window=4) as provider:
        sending = [asyncio.ensure_future(provider.submit(sms(LONG if n % 3 else "Hej"))) for n in range(12)]
        answered = 0
        while answered < 4 + 8 * 3:
            await smsc.submitted(answered + 1)
            await asyncio.sleep(0.01)
            assert len(smsc.submits) - answered <= 4
            smsc.submits[answered].accept()
            answered += 1
        results = await asyncio.gather(*sending)
    assert {result.outcome for result in results} == {TAKEN}
    assert sorted(ref for result in results for ref in result.refs) == sorted(submit.id for submit in smsc.submits)


async def test_many_at_once_leave_as_few_writes(smsc):
    reads = []
    async with connected(smsc, window=64) as provider:
        session = smsc.session
        take = session.data_received
        session.data_received = lambda data: (reads.append(len(data)), take(data))  # what the socket hands over
        await asyncio.gather(*(provider.submit(sms()) for _ in range(64)))
    assert len(smsc.submits) == 64
    assert len(reads) < 20


async def test_several_binds_share_the_work(smsc):
    async with connected(smsc, binds=3) as provider:
        await until_bound(provider, 3)
        smsc.on_submit = lambda _submit: None
        sending = [asyncio.ensure_future(provider.submit(sms())) for _ in range(9)]
        await smsc.submitted(9)
        assert sorted(sum(s.session is session for s in smsc.submits) for session in smsc.sessions) == [3, 3, 3]
        for submit in smsc.submits:
            submit.accept()
        assert {result.outcome for result in await asyncio.gather(*sending)} == {TAKEN}


async def test_separate_binds_send_and_hear(smsc):
    sink = Sink()
    async with connected(smsc, sink, bind="separate") as provider:
        await until(lambda: len(smsc.sessions) == 2, "both binds")
        assert {session.command for session in smsc.sessions} == {Command.BIND_TRANSMITTER, Command.BIND_RECEIVER}
        await provider.submit(sms())
        (receiver,) = [session for session in smsc.sessions if session.command == Command.BIND_RECEIVER]
        assert smsc.submits[0].session is not receiver
        assert await receiver.deliver(receipt("id-1")) == Status.ESME_ROK
    assert [event.ref for event in sink.events] == ["id-1"]


async def test_tls(tmp_path):
    import ssl

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with Smsc(context) as smsc:
        async with connected(smsc, tls=True, ca_file=str(tmp_path / "ca.pem")) as provider:
            assert (await provider.submit(sms())).outcome is TAKEN
        async with connected(smsc, tls=True) as stranger:
            result = await stranger.submit(sms())
    assert (result.outcome, result.cause) == (NOT_NOW, "not connected")
    assert len(smsc.submits) == 1


# --- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (Status.ESME_RTHROTTLED, NOT_NOW, ""),
        (Status.ESME_RMSGQFUL, NOT_NOW, ""),
        (Status.ESME_RSYSERR, NOT_NOW, ""),
        (Status.ESME_RINVDSTADR, NEVER, "bad-number"),
        (Status.ESME_RINVMSGLEN, NEVER, "text"),
        (Status.ESME_RSUBMITFAIL, NEVER, "rejected"),
        (0x0401, NEVER, "rejected"),
        (0x0402, NOT_NOW, ""),
    ],
)
async def test_a_refusal(smsc, status, outcome, reason):
    smsc.on_submit = lambda submit: submit.answer(status)
    async with connected(smsc, temporary=[0x0402]) as provider:
        result = await provider.submit(sms())
    assert (result.outcome, result.reason) == (outcome, reason)
    assert result.cause == (status.name if isinstance(status, Status) else f"status 0x{status:08X}")
    assert (result.retry_after is not None) is (outcome is NOT_NOW)


async def test_throttling_slows_the_route_down(smsc):
    smsc.on_submit = lambda submit: submit.answer(Status.ESME_RTHROTTLED)
    async with connected(smsc) as provider:
        first = await provider.submit(sms())
        waiting = [await provider.submit(sms()) for _ in range(5)]
        assert len(smsc.submits) == 1
        assert {result.outcome for result in waiting} == {NOT_NOW}
        assert 0.5 < min(result.retry_after or 0 for result in [first, *waiting]) < 1.5
        smsc.on_submit = Submit.accept
        await asyncio.sleep(1.1)
        assert (await provider.submit(sms())).outcome is TAKEN


async def test_what_smpp_has_no_room_for(smsc):
    async with connected(smsc) as provider:
        result = await provider.submit(sms(to="+" + "4" * 21))
    assert (result.outcome, smsc.submits) == (NEVER, [])


async def test_a_generic_nack_refuses(smsc):
    smsc.on_submit = lambda submit: submit.session.send(
        frame(Command.GENERIC_NACK, submit.pdu.sequence, status=Status.ESME_RINVCMDLEN)
    )
    async with connected(smsc) as provider:
        result = await provider.submit(sms())
    assert (result.outcome, result.cause) == (NEVER, "ESME_RINVCMDLEN")


@pytest.mark.proves("never sent again blindly")
async def test_a_generic_nack_that_names_no_fault_says_nothing(smsc):
    smsc.on_submit = lambda submit: submit.session.send(frame(Command.GENERIC_NACK, submit.pdu.sequence))
    async with connected(smsc) as provider:
        assert (await provider.submit(sms())).outcome is PERHAPS


@pytest.mark.proves("never sent again blindly")
async def test_some_parts_refused_is_unknown(smsc):
    smsc.on_submit = lambda submit: submit.answer(0x45) if submit.id == "id-2" else submit.accept()
    async with connected(smsc) as provider:
        result = await provider.submit(sms(LONG))
    assert (result.outcome, result.refs) == (PERHAPS, ("id-1", "", "id-3"))
    assert result.cause == "2 of 3 parts taken (ids id-1, id-3); another: ESME_RSUBMITFAIL"


@pytest.mark.proves("never sent again blindly")
async def test_a_throttled_part_is_completed_and_no_other_sent_again(smsc, monkeypatch):
    monkeypatch.setattr("gateway.providers.smpp._COMPLETING", (0.05, 0.05, 0.05))
    refusals = iter([Status.ESME_RTHROTTLED, Status.ESME_RSYSERR])
    smsc.on_submit = lambda submit: (
        submit.answer(next(refusals, Status.ESME_ROK), submit.id.encode() + b"\0")
        if submit.message.text[5] == 2
        else submit.accept()
    )
    async with connected(smsc) as provider:
        result = await provider.submit(sms(LONG))
    assert (result.outcome, result.refs) == (TAKEN, ("id-1", "id-5", "id-3"))
    assert [submit.message.text[5] for submit in smsc.submits] == [1, 2, 3, 2, 2]
    assert len({submit.message.text[3] for submit in smsc.submits}) == 1


async def test_a_part_that_stays_refused_is_given_up(smsc, monkeypatch):
    monkeypatch.setattr("gateway.providers.smpp._COMPLETING", (0.01, 0.01, 0.01))
    smsc.on_submit = lambda submit: (
        submit.answer(Status.ESME_RTHROTTLED) if submit.message.text[5] == 3 else submit.accept()
    )
    async with connected(smsc) as provider:
        result = await provider.submit(sms(LONG))
    assert (result.outcome, result.refs) == (PERHAPS, ("id-1", "id-2", ""))
    assert [submit.message.text[5] for submit in smsc.submits] == [1, 2, 3, 3, 3, 3]


# --- no connection, no answer --------------------------------------------------------------------------------------


async def test_nobody_there(smsc):
    await smsc.shut()
    async with connected(smsc) as provider:
        result = await provider.submit(sms())
        assert (result.outcome, result.cause) == (NOT_NOW, "not connected")
        assert 0 < (result.retry_after or 0) <= 31
        await smsc.open()
        await asyncio.wait_for(smsc.bound.wait(), 10)
        await until(provider._binds.least_busy, "bound again")
        assert (await provider.submit(sms())).outcome is TAKEN
    assert len(smsc.submits) == 1


@pytest.mark.parametrize("status", [Status.ESME_RINVPASWD, Status.ESME_RBINDFAIL, Status.ESME_RALYBND])
async def test_a_bind_refused(smsc, status, capsys):
    smsc.on_bind = lambda _session: status
    async with connected(smsc) as provider:
        assert (await provider.submit(sms())).outcome is NOT_NOW
        smsc.on_bind = lambda _session: Status.ESME_ROK
        await until(provider._binds.least_busy, "bound")
        assert (await provider.submit(sms())).outcome is TAKEN
    told = capsys.readouterr().out
    assert f"bind refused: {status.name}" in told
    assert "hemmelig" not in told


async def test_a_bind_that_nobody_answers(smsc):
    smsc.on_bind = lambda _session: None
    async with connected(smsc, response_timeout=0.3) as provider:
        assert (await provider.submit(sms())).outcome is NOT_NOW
        smsc.on_bind = lambda _session: Status.ESME_ROK
        await until(provider._binds.least_busy, "bound")


@pytest.mark.proves("never sent again blindly")
async def test_no_answer_is_unknown(smsc):
    smsc.on_submit = lambda _submit: None
    async with connected(smsc, response_timeout=0.4) as provider:
        result = await provider.submit(sms())
        assert (result.outcome, result.cause) == (PERHAPS, "no answer within 0.4 s")
        smsc.on_submit = Submit.accept
        assert (await provider.submit(sms())).outcome is TAKEN
    assert smsc.connections == 1


@pytest.mark.proves("never sent again blindly")
async def test_who_was_held_up_himself_reads_before_he_judges(smsc):
    """A program that stands still for longer than the time-out finds the answers that came meanwhile."""
    async with connected(smsc, response_timeout=0.4) as provider:
        smsc.on_submit = lambda submit: (submit.accept(), time.sleep(1.0))  # answered; then this process stands still
        assert (await provider.submit(sms())).outcome is TAKEN
    assert smsc.connections == 1


@pytest.mark.proves("provider answers late")
async def test_an_answer_after_its_time_tells_what_became_of_the_message(smsc):
    smsc.on_submit = lambda _submit: None
    sink = Sink()
    async with connected(smsc, sink, response_timeout=0.3) as provider:
        assert (await provider.submit(sms())).outcome is PERHAPS
        smsc.submits[0].accept()
        smsc.submits[0].accept()
        smsc.on_submit = Submit.accept
        assert (await provider.submit(sms())).refs == ("id-2",)
    assert [(event.message_id, event.ref, event.part, event.total) for event in sink.events] == [("M1.1", "id-1", 1, 1)]


@pytest.mark.proves("provider answers late")
async def test_late_answers_name_their_parts(smsc):
    smsc.on_submit = lambda submit: submit.accept() if submit.id == "id-2" else None
    sink = Sink()
    async with connected(smsc, sink, response_timeout=0.3) as provider:
        result = await provider.submit(sms(LONG))
        assert (result.outcome, result.refs) == (PERHAPS, ("", "id-2", ""))
        for place in (2, 0, 2):
            smsc.submits[place].accept()
        await until(lambda: len(sink.events) == 2, "two late answers")
    assert [(event.ref, event.part, event.total) for event in sink.events] == [("id-3", 3, 3), ("id-1", 1, 3)]


@pytest.mark.proves("provider answers late", "database away")
async def test_a_late_answer_that_could_not_be_stored_is_stored_when_it_can(smsc, monkeypatch):
    monkeypatch.setattr("gateway.smpp.incoming._LEARN_AGAIN", (0.05, 0.05, 600.0))
    smsc.on_submit = lambda _submit: None
    sink = Sink()
    sink.refuse = lambda event: len(sink.calls) < 3 or event.part == 3
    async with asyncio.timeout(20), connected(smsc, sink, response_timeout=0.3) as provider:
        assert (await provider.submit(sms(LONG))).outcome is PERHAPS
        smsc.submits[0].accept()
        await until(lambda: sink.events, "the late answer")
        smsc.submits[2].accept()
        await until(lambda: len(sink.calls) == 6, "three tries more")
    assert [(event.ref, event.part) for event in sink.events] == [("id-1", 1)], "and a stop waits for no further try"


@pytest.mark.proves("provider answers late")
async def test_a_refusal_after_its_time_is_told_and_decides_nothing(smsc, capsys):
    smsc.on_submit = lambda _submit: None
    sink = Sink()
    async with connected(smsc, sink, response_timeout=0.3) as provider:
        assert (await provider.submit(sms())).outcome is PERHAPS
        smsc.submits[0].answer(Status.ESME_RTHROTTLED)
        smsc.on_submit = Submit.accept
        assert (await provider.submit(sms())).outcome is TAKEN
    assert sink.events == []
    assert "late answer to part 1 of 1: ESME_RTHROTTLED" in capsys.readouterr().out


@pytest.mark.proves("never sent again blindly")
async def test_a_connection_lost_in_the_middle_of_a_window(smsc):
    def behave(submit: Submit) -> None:
        if len(smsc.submits) <= 10:
            submit.accept()
        elif len(smsc.submits) == 20:
            submit.session.abort()

    smsc.on_submit = behave
    async with connected(smsc, window=20) as provider:
        results = await asyncio.gather(*(provider.submit(sms(ident=f"M{n}.1")) for n in range(50)))
        outcomes = [result.outcome for result in results]
        took = {result.refs[0] for result in results if result.refs}
        assert outcomes.count(PERHAPS) <= 20
        assert outcomes.count(TAKEN) + outcomes.count(PERHAPS) >= 20
        assert outcomes.count(TAKEN) + outcomes.count(PERHAPS) + outcomes.count(NOT_NOW) == 50
        assert took <= {submit.id for submit in smsc.submits}
        assert len(smsc.submits) <= 50 - outcomes.count(NOT_NOW)
        await until(provider._binds.least_busy, "bound again")
        smsc.on_submit = Submit.accept
        assert (await provider.submit(sms())).outcome is TAKEN


async def test_what_was_not_written_was_not_sent(smsc):
    """The connection ends in the same turn of the loop in which a message was about to leave."""
    async with connected(smsc) as provider:
        link = provider._binds.least_busy()
        sending = asyncio.ensure_future(provider.submit(sms()))
        asyncio.get_running_loop().call_soon(link.abort, "a cable was cut")
        result = await sending
        assert (result.outcome, result.cause) == (NOT_NOW, "a cable was cut")
        await until(provider._binds.least_busy, "bound again")
    assert smsc.submits == []


async def test_an_unbind_in_the_middle_of_a_window(smsc):
    smsc.on_submit = lambda _submit: None
    async with connected(smsc) as provider:
        sending = [asyncio.ensure_future(provider.submit(sms())) for _ in range(5)]
        await smsc.submitted(5)
        session = smsc.session
        assert (await session.ask(Command.UNBIND)).command == Command.UNBIND | RESPONSE
        assert (await provider.submit(sms())).outcome is NOT_NOW
        for submit in smsc.submits:
            submit.accept()
        assert [result.outcome for result in await asyncio.gather(*sending)] == [TAKEN] * 5
        await asyncio.wait_for(session.closed.wait(), 5)
        await until(provider._binds.least_busy, "bound again")
    assert len(smsc.submits) == 5


@pytest.mark.proves("never sent again blindly")
async def test_an_unbind_that_leaves_answers_owing_ends_in_time(smsc):
    smsc.on_submit = lambda _submit: None
    async with connected(smsc, response_timeout=0.5) as provider:
        sending = asyncio.ensure_future(provider.submit(sms()))
        await smsc.submitted(1)
        session = smsc.session
        await session.ask(Command.UNBIND)
        assert (await sending).outcome is PERHAPS
        await asyncio.wait_for(session.closed.wait(), 5)
        await until(provider._binds.least_busy, "bound again")


async def test_a_peer_that_is_there_no_more_costs_one_window(smsc):
    """It takes everything and says nothing: after half the time it is asked whether it is there, and nothing follows."""

    def hang(session: Session) -> None:
        session.answer_enquiries = False

    smsc.on_submit = lambda submit: hang(submit.session)
    async with connected(smsc, window=3, response_timeout=1.0) as provider:
        first = smsc.session
        results = await asyncio.gather(*(provider.submit(sms()) for _ in range(12)))
        assert [result.outcome for result in results].count(PERHAPS) == 3 == len(smsc.submits)
        assert [result.outcome for result in results].count(NOT_NOW) == 9
        assert first.enquiries == 1
        await asyncio.wait_for(first.closed.wait(), 5)
        smsc.on_submit = Submit.accept
        await until(provider._binds.least_busy, "bound again")
        assert (await provider.submit(sms())).outcome is TAKEN


async def test_a_slow_peer_that_answers_enquiries_is_kept(smsc):
    smsc.on_submit = lambda _submit: None
    async with connected(smsc, response_timeout=1.0) as provider:
        sending = asyncio.ensure_future(provider.submit(sms()))
        await until(lambda: smsc.session.enquiries, "an enquiry")
        smsc.submits[0].accept()
        assert (await sending).outcome is TAKEN
    assert smsc.connections == 1


async def test_a_silent_link_is_asked_and_dropped(smsc):
    async with connected(smsc, enquire_link=0.2, response_timeout=0.3):
        first = smsc.session
        await until(lambda: first.enquiries >= 2, "two enquiries")
        first.answer_enquiries = False
        await asyncio.wait_for(first.closed.wait(), 5)
        await until(lambda: smsc.connections == 2, "a new connection")


async def test_one_bind_thrown_out_holds_up_no_other(smsc):
    async with connected(smsc, binds=2) as provider:
        await until_bound(provider, 2)
        smsc.on_bind = lambda _session: Status.ESME_RALYBND
        smsc.session.abort()
        await until_bound(provider, 1)
        results = await asyncio.gather(*(provider.submit(sms()) for _ in range(50)))
        assert {result.outcome for result in results} <= {TAKEN, PERHAPS}
        assert [result.outcome for result in results].count(TAKEN) >= 25
        assert (await provider.submit(sms())).outcome is TAKEN


async def test_a_stop_waits_for_answers(smsc):
    smsc.on_submit = lambda _submit: None
    async with connected(smsc) as provider:
        sending = asyncio.ensure_future(provider.submit(sms()))
        await smsc.submitted(1)
        asyncio.get_running_loop().call_later(0.2, smsc.submits[0].accept)
    assert (await sending).outcome is TAKEN


async def test_a_stop_stores_what_has_come_and_takes_nothing_more(smsc):
    sink = Sink()
    async with connected(smsc, sink) as provider:
        session = smsc.session
        sink.gate.clear()
        first = asyncio.ensure_future(session.deliver(incoming(b"Ja")))
        await until(lambda: sink.calls, "the sink asked")
        stopping = asyncio.ensure_future(provider.stop())
        await asyncio.sleep(0)
        assert await session.deliver(incoming(b"Nej")) == Status.ESME_RX_T_APPN
        assert not session.unbound.is_set()
        sink.gate.set()
        assert await first == Status.ESME_ROK
        await stopping
        assert session.unbound.is_set()
    assert [event.text for event in sink.events if isinstance(event, InboundSms)] == ["Ja"]


async def test_a_stop_ends_waiting_for_a_bind(smsc):
    smsc.on_bind = lambda _session: None
    async with asyncio.timeout(5):
        async with connected(smsc, response_timeout=60):
            await until(lambda: smsc.connections, "a connection")


async def test_a_stop_ends_a_pause_between_tries(smsc):
    await smsc.shut()
    async with asyncio.timeout(5), connected(smsc):
        pass


@pytest.mark.proves("slow clients")
async def test_a_peer_that_asks_and_never_reads_is_bounded_and_dropped(smsc, monkeypatch):
    monkeypatch.setattr("gateway.smpp.link._MAX_UNREAD", 20_000)
    async with connected(smsc, response_timeout=0.5, enquire_link=0.5) as provider:
        session = smsc.session
        link = provider._binds.least_busy()
        session.transport.pause_reading()
        held = 0
        question = frame(Command.ENQUIRE_LINK, 1) * 1000
        while not session.transport.is_closing():
            session.send(question)
            await asyncio.sleep(0.005)
            held = max(held, link._transport.get_write_buffer_size())
            if link.ended.done():
                session.transport.resume_reading()  # sees the end
        assert 20_000 <= held < 1_000_000
        await until(provider._binds.least_busy, "bound again")
        assert (await provider.submit(sms())).outcome is TAKEN


async def test_a_link_that_nobody_reads_takes_no_submits(smsc, monkeypatch):
    monkeypatch.setattr("gateway.smpp.link._MAX_UNREAD", 5_000)
    smsc.on_submit = lambda _submit: None
    async with connected(smsc, window=10_000, response_timeout=1.0, long_text="payload") as provider:
        session = smsc.session
        session.transport.pause_reading()
        big = sms("a" * 10_000)
        sending = []
        for _ in range(40):
            sending += [asyncio.ensure_future(provider.submit(big)) for _ in range(50)]
            await asyncio.sleep(0.001)
        results = await asyncio.gather(*sending)
        outcomes = [result.outcome for result in results]
        assert outcomes.count(NOT_NOW) > 500  # never left our hands
        assert outcomes.count(TAKEN) == 0
        session.transport.resume_reading()
        await asyncio.wait_for(session.closed.wait(), 5)
        assert len(smsc.submits) <= outcomes.count(PERHAPS)


# --- nonsense ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [
        b"\0\0\0\x03abcd",
        b"\xff\xff\xff\xff" + b"a" * 100,
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        (80_000).to_bytes(4, "big") + b"\0\0\0\5" + bytes(100),
    ],
)
async def test_what_is_no_pdu_ends_the_connection(smsc, octets):
    async with connected(smsc) as provider:
        session = smsc.session
        session.send(octets)
        await asyncio.wait_for(session.closed.wait(), 5)
        assert any(pdu.command == Command.GENERIC_NACK for pdu in smsc.answered)
        await until(provider._binds.least_busy, "bound again")
        assert (await provider.submit(sms())).outcome is TAKEN


async def test_what_nobody_knows_is_refused_and_the_link_goes_on(smsc):
    sink = Sink()
    async with connected(smsc, sink) as provider:
        session = smsc.session
        session.send(frame(0x00000999, 5, b"abc"))
        session.send(frame(0x80000999, 6, b"abc"))  # an answer to nothing
        session.send(frame(Command.SUBMIT_SM | RESPONSE, 77, b"x\0"))
        session.send(frame(Command.ALERT_NOTIFICATION, 7))
        assert (await session.ask(Command.DELIVER_SM, b"\0\1")).status == Status.ESME_RINVCMDLEN
        assert (await session.ask(Command.ENQUIRE_LINK)).status == Status.ESME_ROK
        assert (await provider.submit(sms())).outcome is TAKEN
    (nack,) = [pdu for pdu in smsc.answered if pdu.command == Command.GENERIC_NACK]
    assert (nack.sequence, nack.status) == (5, Status.ESME_RINVCMDID)
    assert sink.events == []


# --- what comes in -------------------------------------------------------------------------------------------------


async def test_a_receipt(smsc):
    sink = Sink()
    async with connected(smsc, sink):
        assert await smsc.session.deliver(receipt("id-7", "UNDELIV")) == Status.ESME_ROK
    (report,) = sink.events
    assert isinstance(report, DeliveryReport)
    assert (report.provider, report.ref, report.status, report.cause) == (
        "smsc",
        "id-7",
        ReportStatus.FAILED,
        "UNDELIV",
    )


async def test_a_receipt_before_the_answer(smsc):
    sink = Sink()

    def behave(submit: Submit) -> None:
        submit.session.send(frame(Command.DELIVER_SM, 900, write_message(receipt(submit.id))))
        submit.accept()

    smsc.on_submit = behave
    async with connected(smsc, sink) as provider:
        assert (await provider.submit(sms())).refs == ("id-1",)
    assert [event.ref for event in sink.events] == ["id-1"]


@pytest.mark.parametrize(
    ("form", "answered", "receipted"),
    [
        ("hex", "00AB", "ab"),
        ("decimal", "0171", "171"),
        ("hex-to-decimal", "AB", "0000000171"),
        ("decimal-to-hex", "171", "AB"),
    ],
)
async def test_ids_in_two_forms_meet(smsc, form, answered, receipted):
    sink = Sink()
    smsc.next_id = lambda: answered
    async with connected(smsc, sink, message_id=form) as provider:
        (ref,) = (await provider.submit(sms())).refs
        await smsc.session.deliver(receipt(receipted))
    assert [event.ref for event in sink.events] == [ref]


async def test_receipts_in_one_read_are_stored_as_one(smsc):
    sink = Sink()
    async with connected(smsc, sink):
        smsc.session.send(
            b"".join(frame(Command.DELIVER_SM, n, write_message(receipt(f"id-{n}"))) for n in range(1, 101))
        )
        await until(lambda: len(smsc.answered) == 100, "100 answers")
    assert [pdu.sequence for pdu in smsc.answered if pdu.command != Command.UNBIND | RESPONSE] == list(range(1, 101))
    assert {pdu.status for pdu in smsc.answered} == {Status.ESME_ROK}
    assert len(sink.events) == 100
    assert len(sink.calls) <= 3


async def test_a_receipt_without_id_is_answered_and_told(smsc, capsys):
    sink = Sink()
    async with connected(smsc, sink):
        assert await smsc.session.deliver(ShortMessage(PHONE, OURS, b"stat:DELIVRD", esm_class=4)) == Status.ESME_ROK
    assert sink.events == []
    assert "a receipt without id: DELIVRD" in capsys.readouterr().out


async def test_a_message_from_a_phone(smsc):
    sink = Sink()
    async with connected(smsc, sink):
        assert await smsc.session.deliver(incoming(b"Hej \x1d\x1be")) == Status.ESME_ROK
    (event,) = sink.events
    assert isinstance(event, InboundSms)
    assert (event.provider, event.from_number, event.to_number) == ("smsc", "+4530643064", "+456099462196")
    assert (event.text, event.part) == ("Hej æ€", None)


async def test_a_national_number_of_a_phone(smsc):
    sink = Sink()
    async with connected(smsc, sink, region="DK"):
        await smsc.session.deliver(ShortMessage(Address(2, 1, "30643064"), OURS, b"Hej"))
    assert [event.from_number for event in sink.events if isinstance(event, InboundSms)] == ["+4530643064"]


async def test_a_data_sm_from_a_phone(smsc):
    sink = Sink()
    async with connected(smsc, sink):
        answer = await smsc.session.ask(Command.DATA_SM, write_data(incoming(b"\4\x16", data_coding=8)))
    assert (answer.command, answer.status, answer.body) == (Command.DATA_SM | RESPONSE, 0, b"\0")
    assert [event.text for event in sink.events if isinstance(event, InboundSms)] == ["Ж"]


@pytest.mark.parametrize("kind", ["udh", "sar"])
async def test_parts_from_a_phone(smsc, kind):
    sink = Sink()

    def piece(number: int) -> ShortMessage:
        text = f"del {number}".encode()
        if kind == "udh":
            return incoming(b"\5\0\3\x07\3" + bytes((number,)) + text, esm_class=0x40)
        tlvs = {Tag.SAR_MSG_REF_NUM: b"\0\7", Tag.SAR_TOTAL_SEGMENTS: b"\3", Tag.SAR_SEGMENT_SEQNUM: bytes((number,))}
        return incoming(text, tlvs=tlvs)

    async with connected(smsc, sink):
        for number in (3, 1, 2):
            assert await smsc.session.deliver(piece(number)) == Status.ESME_ROK
    got = [(event.text, event.part) for event in sink.events if isinstance(event, InboundSms)]
    ref = "7" if kind == "udh" else "sar-7"
    assert got == [(f"del {number}", InboundPart(ref, 3, number)) for number in (3, 1, 2)]
    assert len({event.ref for event in sink.events}) == 3


@pytest.mark.proves("D2")
async def test_an_sms_is_acknowledged_only_when_it_is_stored(smsc):
    sink = Sink()
    async with connected(smsc, sink):
        sink.gate.clear()
        answer = asyncio.ensure_future(smsc.session.deliver(incoming(b"Ja")))
        await until(lambda: sink.calls, "the sink asked")
        assert (await smsc.session.ask(Command.ENQUIRE_LINK)).status == Status.ESME_ROK
        assert not answer.done()
        sink.gate.set()
        assert await answer == Status.ESME_ROK


async def test_what_cannot_be_stored_comes_again_under_the_same_id(smsc):
    sink, ids = Sink(), []
    sink.refuse = lambda event: ids.append(event.ref) or len(ids) <= 2
    async with connected(smsc, sink):
        assert await smsc.session.deliver(incoming(b"Ja")) == Status.ESME_RX_T_APPN
        sink.refuse = lambda _event: False
        assert await smsc.session.deliver(incoming(b"Ja")) == Status.ESME_ROK
        assert await smsc.session.deliver(incoming(b"Ja")) == Status.ESME_ROK
    again, new = (event.ref for event in sink.events)
    assert again == ids[0]
    assert new != again


async def test_one_that_cannot_be_stored_keeps_no_other_out(smsc):
    sink = Sink()
    sink.refuse = lambda event: event.ref == "id-2"
    async with connected(smsc, sink):
        smsc.session.send(b"".join(frame(Command.DELIVER_SM, n, write_message(receipt(f"id-{n}"))) for n in (1, 2, 3)))
        await until(lambda: len(smsc.answered) == 3, "three answers")
    statuses = {pdu.sequence: pdu.status for pdu in smsc.answered}
    assert statuses == {1: Status.ESME_ROK, 2: Status.ESME_RX_T_APPN, 3: Status.ESME_ROK}
    assert {event.ref for event in sink.events} == {"id-1", "id-3"}


async def test_a_message_whose_answer_was_lost_comes_again_under_the_same_id(smsc):
    sink = Sink()
    async with connected(smsc, sink) as provider:
        sink.gate.clear()
        session = smsc.session
        session.send(frame(Command.DELIVER_SM, 1, write_message(incoming(b"Ja"))))
        await until(lambda: sink.calls, "the sink asked")
        session.abort()
        await until(lambda: not provider._binds.least_busy(), "gone")
        sink.gate.set()
        await until(lambda: smsc.sessions and provider._binds.least_busy(), "bound again")
        assert await smsc.session.deliver(incoming(b"Ja")) == Status.ESME_ROK
    assert len({event.ref for event in sink.events}) == 1
    assert len(sink.events) == 2


async def test_an_answer_that_its_connection_may_have_swallowed(smsc):
    sink = Sink()
    async with connected(smsc, sink) as provider:
        session = smsc.session
        assert await session.deliver(incoming(b"Ja")) == Status.ESME_ROK
        session.abort()
        await until(lambda: not provider._binds.least_busy(), "gone")
        await until(lambda: smsc.sessions and provider._binds.least_busy(), "bound again")
        assert await smsc.session.deliver(incoming(b"Ja")) == Status.ESME_ROK
        assert await smsc.session.deliver(incoming(b"Ja")) == Status.ESME_ROK
    first, again, another = (event.ref for event in sink.events)
    assert first == again != another


async def test_more_than_can_be_held_is_sent_back(smsc, monkeypatch):
    monkeypatch.setattr("gateway.smpp.incoming.MAX_OPEN", 10)
    sink = Sink()
    async with connected(smsc, sink):
        sink.gate.clear()
        smsc.session.send(
            b"".join(frame(Command.DELIVER_SM, n, write_message(receipt(f"id-{n}"))) for n in range(1, 16))
        )
        await until(lambda: len(smsc.answered) == 5, "five sent back")
        assert {pdu.status for pdu in smsc.answered} == {Status.ESME_RX_T_APPN}
        sink.gate.set()
        await until(lambda: len(smsc.answered) == 15, "ten stored")
    assert len(sink.events) == 10


@pytest.mark.proves("endless input")
async def test_of_the_longest_messages_less_is_held(smsc):
    sink = Sink()
    async with connected(smsc, sink):
        sink.gate.clear()
        long = write_message(incoming(b"", tlvs={Tag.MESSAGE_PAYLOAD: b"a" * 60_000}))
        smsc.session.send(b"".join(frame(Command.DELIVER_SM, n, long) for n in range(1, 201)))
        await until(lambda: len(smsc.answered) > 100, "what is too much sent back")
        assert {pdu.status for pdu in smsc.answered} == {Status.ESME_RX_T_APPN}
        sink.gate.set()
        await until(lambda: len(smsc.answered) == 200, "the others stored")
        assert 0 < sum(len(event.text) for event in sink.messages) < 6_000_000
        assert await smsc.session.deliver(incoming(b"Hej")) == Status.ESME_ROK, "there is room again"


async def test_a_phone_cannot_write_a_receipt(smsc):
    sink = Sink()
    async with connected(smsc, sink):
        await smsc.session.deliver(incoming(b"id:id-1 stat:DELIVRD err:000"))
    assert [type(event) for event in sink.events] == [InboundSms]


async def test_results_are_plain_values(smsc):
    async with connected(smsc) as provider:
        assert await provider.submit(sms()) == SubmitResult(TAKEN, ("id-1",))


async def test_many_more_than_the_window_all_get_their_turn(smsc):
    async with connected(smsc, window=8, binds=2) as provider:
        results = await asyncio.gather(*(provider.submit(sms(LONG if n % 5 == 0 else "Hej")) for n in range(500)))
    assert {result.outcome for result in results} == {TAKEN}
    assert len(smsc.submits) == 100 * 3 + 400
