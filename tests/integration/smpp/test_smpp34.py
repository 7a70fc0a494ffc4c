"""The SMPP provider and its PDUs against smpp34: a message centre and a codec that others wrote in Rust."""

from __future__ import annotations

import smpp34
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.pdu import Address, Command, Frames, ShortMessage, frame, read_message, write_message
from gateway.smpp.text import GsmEncoding, decode
from gateway.sms import InboundPart, ReportStatus
from gateway.sms_text import measure
from tests.integration.smpp.our_side import LONG, NEVER, TAKEN, Sink, connected, sms
from tests.ports import free_port
from tests.smpp_peers import Peer
from tests.waiting import until

TEXTS = ["Hej Anders!\nÆØÅ @£$ {}[]~^|\\€", "Привет, это Anna", LONG, "ж€" * 200]

words = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=5)
digits = st.text(st.sampled_from("0123456789"), max_size=20)
octet = st.integers(0, 255)
messages = st.builds(
    lambda **fields: ShortMessage(**fields, schedule="", validity="000001000000000R"),
    source=st.builds(Address, st.integers(0, 6), st.integers(0, 18), digits),
    dest=st.builds(Address, st.integers(0, 6), st.integers(0, 18), digits),
    text=st.binary(max_size=254),
    esm_class=octet,
    data_coding=octet,
    service_type=words,
    protocol_id=octet,
    priority=octet,
    registered_delivery=octet,
    replace_if_present=st.integers(0, 1),
    default_msg_id=octet,
    tlvs=st.dictionaries(st.integers(0x1400, 0x3FFF), st.binary(max_size=300), max_size=4),
)
"""Also tags that no specification has."""


def theirs(message: ShortMessage) -> dict[str, object]:
    """Our message in the words of smpp34."""
    return {
        "source_addr": message.source.digits,
        "source_addr_ton": message.source.ton,
        "source_addr_npi": message.source.npi,
        "destination_addr": message.dest.digits,
        "dest_addr_ton": message.dest.ton,
        "dest_addr_npi": message.dest.npi,
        "short_message": message.text,
        "service_type": message.service_type,
        "esm_class": message.esm_class,
        "protocol_id": message.protocol_id,
        "priority_flag": message.priority,
        "schedule_delivery_time": message.schedule,
        "validity_period": message.validity,
        "registered_delivery": message.registered_delivery,
        "replace_if_present_flag": message.replace_if_present,
        "data_coding": message.data_coding,
        "sm_default_msg_id": message.default_msg_id,
    }


@given(messages, st.sampled_from([(Command.SUBMIT_SM, smpp34.SubmitSm), (Command.DELIVER_SM, smpp34.DeliverSm)]))
def test_both_write_and_read_the_same_octets(message, kind):
    command, factory = kind
    ours = frame(command, 7, write_message(message))
    read = smpp34.decode(ours)
    assert isinstance(read, factory)
    assert {name: getattr(read, name) for name in theirs(message)} == theirs(message)
    assert {tlv.tag: tlv.value for tlv in read.tlvs} == message.tlvs
    tlvs = [smpp34.Tlv(tag, value) for tag, value in message.tlvs.items()]
    written = factory(**theirs(message), tlvs=tlvs, sequence_number=7).encode()
    (pdu,) = Frames().feed(written)
    assert (pdu.command, pdu.sequence, read_message(pdu.body)) == (command, 7, message)


async def test_messages_and_their_receipts_on_another_bind():
    sink = Sink()
    with Peer("smpp34", free_port()) as peer:
        await until(lambda: peer.events("ready"), "a message centre")
        async with connected(peer, sink, binds=2, message_id="hex") as provider:
            await until(lambda: len(peer.events("bound")) == 2, "two binds")
            told = []
            for text in TEXTS:
                result = await provider.submit(sms(text))
                assert result.outcome is TAKEN
                assert len(result.refs) == measure(text).parts
                told += result.refs
            refused = await provider.submit(sms(to="+4530643000"))
            assert (refused.outcome, refused.reason) == (NEVER, "bad-number")
            await until(lambda: len(peer.events("receipt")) == len(told), "all receipts")
        await until(lambda: len(peer.events("unbound")) == 2, "both unbound")
        got, receipts = peer.events("submit_sm"), peer.events("receipt")
    assert {report.status for report in sink.reports} == {ReportStatus.DELIVERED}
    assert sorted(report.ref for report in sink.reports) == sorted(told)
    assert {(each["status"], each["same"]) for each in receipts} == {(0, False)}
    assert {(piece["source"], piece["dest"]) for piece in got} == {("456099462196", "4530643064")}
    pieces = {
        str(int(piece["id"], 16)): decode(
            ShortMessage(
                Address(1, 1, ""),
                Address(1, 1, ""),
                bytes.fromhex(piece["text"]),
                esm_class=piece["esm_class"],
                data_coding=piece["data_coding"],
            ),
            GsmEncoding.GSM7,
        )[0]
        for piece in got
    }
    assert "".join(pieces[ref] for ref in told) == "".join(measure(text).text for text in TEXTS)


async def test_a_phone_writes_with_parameters_that_nobody_knows():
    sink = Sink()
    phone = {"source_addr": "4530643064", "destination_addr": "456099462196"}
    ton = {"source_addr_ton": 1, "source_addr_npi": 1, "dest_addr_ton": 1, "dest_addr_npi": 1}
    with Peer("smpp34", free_port()) as peer:
        await until(lambda: peer.events("ready"), "a message centre")
        async with connected(peer, sink):
            await until(lambda: peer.events("bound"), "a bind")
            for number in (3, 1, 2):
                text = bytes((5, 0, 3, 9, 3, number)) + f"del {number}".encode()
                peer.tell(text=text.hex(), esm_class=0x40, tlvs=[(0x1403, "abcd"), (0x3FFF, "")], **phone, **ton)
            await until(lambda: len(peer.events("deliver_sm_resp")) == 3, "three answers")
        assert {event["status"] for event in peer.events("deliver_sm_resp")} == {0}
    assert [(event.from_number, event.text, event.part) for event in sink.messages] == [
        ("+4530643064", f"del {number}", InboundPart("9", 3, number)) for number in (3, 1, 2)
    ]
