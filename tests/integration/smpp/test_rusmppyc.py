"""PDUs against rusmppyc, a client that others wrote in Rust: what we write it reads, what it writes we read."""

from __future__ import annotations

import asyncio

from gateway.providers.smpp import SmppProvider
from gateway.smpp.pdu import Command, Status, Tag
from gateway.smpp.text import GsmEncoding, decode
from gateway.sms import InboundPart
from tests.integration.smpp.our_side import LONG, sms
from tests.smpp_peers import Peer
from tests.smsc import PHONE, Smsc, receipt
from tests.waiting import until

TEXTS = {"gsm7": ["Hej Anders! {}[]~^|\\€ ÆØÅ", "Hej € Anders! " * 40], "ucs2": ["Привет ☺", "Привет ☺ " * 40]}


async def test_we_read_its_messages_and_their_parts(smsc: Smsc):
    with Peer("rusmppyc", smsc.port) as peer:
        await until(lambda: peer.events("bound"), "a bind")
        assert peer.events("bound") == [{"event": "bound", "system_id": "smsc"}]
        cases = [(encoding, text) for encoding, texts in TEXTS.items() for text in texts]
        for reference, (encoding, text) in enumerate(cases, 1):
            before = len(smsc.submits)
            peer.tell(text=text, encoding=encoding, reference=reference)
            await until(lambda count=reference: len(peer.events("submitted")) == count, "submitted")
            pieces = smsc.submits[before:]
            assert peer.events("submitted")[-1]["ids"] == [piece.id for piece in pieces]
            read = [decode(piece.message, GsmEncoding.GSM7) for piece in pieces]
            assert "".join(words for words, _ in read) == text
            if len(pieces) > 1:
                assert [part for _, part in read] == [
                    InboundPart(str(reference), len(pieces), number) for number in range(1, len(pieces) + 1)
                ]
            assert {piece.message.dest for piece in pieces} == {PHONE._replace(npi=0)}


async def test_it_reads_our_messages_and_receipts(smsc: Smsc):
    provider = SmppProvider("smsc", {"host": "127.0.0.1", "system_id": "firma"})
    bodies = [*provider._bodies(sms("Hej æøå €")), *provider._bodies(sms("Привет")), *provider._bodies(sms(LONG))]
    state = {Tag.RECEIPTED_MESSAGE_ID: b"id-1\0", Tag.MESSAGE_STATE: b"\2", 0x1400: b"abc"}
    with Peer("rusmppyc", smsc.port) as peer:
        await until(lambda: peer.events("bound"), "a bind")
        # A deliver_sm has the fields of a submit_sm: what a phone would be sent goes to it as if a phone had sent it.
        answers = await asyncio.gather(*(smsc.session.ask(Command.DELIVER_SM, body) for body in bodies))
        assert {answer.status for answer in answers} == {Status.ESME_ROK}
        assert await smsc.session.deliver(receipt("id-1", tlvs=state)) == Status.ESME_ROK
        await until(lambda: len(peer.events("deliver_sm")) == len(bodies) + 1, "all of them told: it answers first")
        got = peer.events("deliver_sm")
    assert {(each["source"], each["dest"]) for each in got[:-1]} == {("456099462196", "4530643064")}
    assert bytes.fromhex(got[0]["text"]) == b"Hej \x1d\x0c\x0f \x1be"
    assert (bytes.fromhex(got[1]["text"]).decode("utf-16-be"), got[1]["data_coding"]) == ("Привет", "Ucs2")
    assert [bytes.fromhex(each["text"])[4:6] for each in got[2:5]] == [bytes((3, number)) for number in (1, 2, 3)]
    assert all("gsm_features: UdhiIndicator" in each["kind"] for each in got[2:5])
    assert "ShortMessageContainsMCDeliveryReceipt" in got[-1]["kind"]
    assert [word in " ".join(got[-1]["tlvs"]) for word in ("ReceiptedMessageId", "Delivered", "Other(5120)")] == [
        True
    ] * 3
