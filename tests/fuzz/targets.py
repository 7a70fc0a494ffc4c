"""What is fuzzed, and what must hold whatever the bytes are.

Each target takes bytes and returns nothing. An exception that the room does not declare, or a broken promise (an
AssertionError), is a find. Declared refusals are swallowed here, and nowhere else.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import gateway.smpp.text as smpp_text
from gateway.address import read_recipient
from gateway.bounces import read_bounce
from gateway.dns import MailExchanger, NoSuchRecordError
from gateway.errors import Refusal
from gateway.mail_parse import parse
from gateway.model import AddressKind
from gateway.numbers import NumberError, from_local_part
from gateway.proof.arc import read_chain, vouched
from gateway.proof.dkim import BadSignatureError, body_hash, read_key, read_signature, read_tags
from gateway.proof.signed_headers import AmbiguousHeaderError, mailboxes, read_header
from gateway.proof.spf import SpfResult, check_spf
from gateway.quotes import Cut, cut_html, cut_text
from gateway.reading.html_fence import MAX_TAGS, fence_html
from gateway.reading.html_text import html_to_text
from gateway.reading.mailboxes import MAX_ADDRESSES, addresses, one_mailbox
from gateway.smpp import pdu, receipt
from gateway.smpp.options import GsmEncoding, IdForm
from gateway.sms_text import UCS2_PART, prepare, split
from gateway.subject import read_subject

DOMAINS = ("sms.example.com", "blåbær.example")
REGIONS = ("DK", "US", "DE", "RU")
E164 = re.compile(r"\+[1-9][0-9]{4,17}", re.ASCII)
CONTROL = re.compile("[\x00-\x1f\x7f]")
NOW = 1_790_000_000.0


def text_of(data: bytes) -> str:
    """The bytes as text that holds whatever text can hold: broken UTF-8 stands as surrogate escapes."""
    return data.decode("utf-8", "surrogateescape")


# --- addresses and subjects ----------------------------------------------------------------------------------------


def address(data: bytes) -> None:
    text = text_of(data)
    with suppress(Refusal):
        recipient = read_recipient(text, DOMAINS)
        assert recipient.address == text
        assert not CONTROL.search(recipient.value)
        if recipient.kind is AddressKind.KEY:
            assert re.fullmatch("[0-9a-f]{32}", recipient.value)
        if recipient.kind is AddressKind.NUMBER:
            with suppress(NumberError):
                assert E164.fullmatch(from_local_part(recipient.value, "DK"))
    with suppress(Refusal):
        mailbox, name = one_mailbox([text])
        assert not CONTROL.search(mailbox + name)
        assert mailbox.count("@") == 1
        assert mailbox.partition("@")[2].isascii()
        assert len(mailbox) <= 254
    found = addresses([text])
    assert len(found) <= MAX_ADDRESSES
    assert len(set(found)) == len(found)
    assert not any(map(CONTROL.search, found))


def subject(data: bytes) -> None:
    text = text_of(data)
    for region in REGIONS:
        reading = read_subject(text, region, "SMS")
        assert all(map(E164.fullmatch, reading.numbers))
        assert len(set(reading.numbers)) == len(reading.numbers)
        assert reading.answer not in reading.numbers
        assert reading.answer is None or E164.fullmatch(reading.answer)
        assert len(reading.numbers) + len(reading.rejected) <= len(unicodedata.normalize("NFKC", text)) + 1
        assert all(error.reason for error in reading.rejected)


# --- mails ---------------------------------------------------------------------------------------------------------


def mime(data: bytes) -> None:
    with suppress(Refusal):
        mail = parse(data)
        for value in (mail.from_address, mail.from_name, mail.subject, *mail.recipients, *mail.attachments):
            assert not CONTROL.search(value), value
        for message_id in (*mail.in_reply_to, *mail.references):
            assert not CONTROL.search(message_id)
        assert not CONTROL.search(mail.automatic or "")
        assert not CONTROL.search(mail.text.replace("\n", ""))
        # UTF-7, entities and enriched text aside, words are not made out of nothing.
        assert len(mail.text) + len(mail.cut) <= 40 * len(data) + 100
        sms = prepare(mail.text, smart=True)
        assert "".join(split(sms)) == sms.text
        assert sms.parts <= len(sms.text) * 2 // (UCS2_PART - 1) + 1
        assert parse(data) == mail


def quotes(data: bytes) -> None:
    text = text_of(data)
    cut = cut_text(text)
    before = Counter(line.strip() for line in re.split("\r\n|\r|\n", text))
    after = Counter(line.strip() for line in f"{cut.kept}\n{cut.cut}".split("\n"))
    del before[""], after[""]
    assert before == after
    _is_trimmed(cut)
    assert cut_text(cut.kept).cut == "", "cutting twice cuts more"


def html(data: bytes) -> None:
    text = text_of(data)
    fenced, _ = fence_html(text)
    assert len(fenced) <= 5 * len(text) + 100
    assert fenced.count("<") <= MAX_TAGS + text.count("<")
    assert "\x00" not in html_to_text(text)
    _is_trimmed(cut_html(text))


def _is_trimmed(cut: Cut) -> None:
    for text in (cut.kept, cut.cut):
        assert not text or (text.split("\n")[0].strip() and text.split("\n")[-1].strip())


def bounce(data: bytes) -> None:
    found = read_bounce(data)
    if found is not None:
        assert len(found.diagnostic) <= 300
        assert not CONTROL.search(found.diagnostic)
        assert re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", found.status)


# --- proofs --------------------------------------------------------------------------------------------------------


def dkim(data: bytes) -> None:
    with suppress(BadSignatureError):
        read_tags(data)
    with suppress(BadSignatureError):
        signature = read_signature((b"DKIM-Signature", data), NOW)
        assert signature.domain.isascii()
        assert b"l" not in signature.tags
        with suppress(BadSignatureError):
            read_key([data, b"v=DKIM1; p=AAAA"], signature)
    for relaxed in (True, False):
        assert len(body_hash(data, 0, relaxed=relaxed)) == 32


def arc(data: bytes) -> None:
    with suppress(AmbiguousHeaderError):
        header = read_header(data)
        assert 0 < header.body_start <= len(data)
        assert b"".join(name + b":" + value for name, value in header.fields) + b"\r\n" == data[: header.body_start]
        assert not any(address.count("\n") for address in mailboxes(header))
        with suppress(BadSignatureError):
            chain = read_chain(header, {"forwarder.example", "a.example"}, NOW)
            for method, domain, _ in vouched(chain) if chain else ():
                assert method in {"dmarc", "dkim", "spf"}
                assert domain.isascii()


class _Zone:
    """A zone whose every name has the same records: the bytes under test."""

    def __init__(self, record: bytes) -> None:
        self._record = record
        self.asked = 0

    async def txt(self, _name: str) -> tuple[bytes, ...]:
        self.asked += 1
        return (self._record,)

    async def a(self, _name: str) -> tuple[str, ...]:
        self.asked += 1
        return ("192.0.2.1",)

    async def aaaa(self, _name: str) -> tuple[str, ...]:
        self.asked += 1
        raise NoSuchRecordError("no such record")

    async def mx(self, _name: str) -> tuple[MailExchanger, ...]:
        self.asked += 1
        return (MailExchanger(10, "mail.example"),)

    async def ptr(self, _name: str) -> tuple[str, ...]:
        self.asked += 1
        return ("client.example",)


def spf(data: bytes) -> None:
    zone = _Zone(b"v=spf1 " + data)
    with asyncio.Runner() as runner:
        verdict = runner.run(check_spf(zone, "192.0.2.7", "anna@firm.example", "client.example"))
    assert verdict.result in SpfResult
    assert zone.asked <= 1 + 10 * 12, "more look-ups than RFC 7208 §4.6.4 allows"


# --- SMPP ----------------------------------------------------------------------------------------------------------


def smpp(data: bytes) -> None:
    frames, slowly = pdu.Frames(), pdu.Frames()
    units = frames.feed(data)
    assert units == [unit for at in range(len(data)) for unit in slowly.feed(data[at : at + 1])]
    assert sum(len(unit.body) + pdu.HEADER_SIZE for unit in units) <= len(data)
    for body in (data, *(unit.body for unit in units[:5])):
        for read, write in ((pdu.read_message, pdu.write_message), (pdu.read_data, pdu.write_data)):
            with suppress(pdu.MalformedPduError):
                _understood(read(body), read, write)
        with suppress(pdu.MalformedPduError):
            pdu.read_bind(body)
        pdu.first_string(body)


def _understood(
    message: pdu.ShortMessage,
    read: Callable[[bytes], pdu.ShortMessage],
    write: Callable[[pdu.ShortMessage], bytes],
) -> None:
    with suppress(ValueError):  # what we read tolerantly need not fit into what we write
        assert read(write(message)).source == message.source
    for gsm in GsmEncoding:
        smpp_text.decode(message, gsm)
    for form in IdForm:
        receipt.read_receipt(message, form)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (address, subject, mime, quotes, html, bounce, dkim, arc, spf, smpp)
}
