"""What a message centre sends: receipts and messages from phones, handed on and only then answered.

In: deliver_sm and data_sm as a link read them. Out: events for the sink, and ESME_ROK once they are durable;
ESME_RX_T_APPN where they could not be stored, so that they come again. What came in one read is stored as one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from gateway import maillog
from gateway.maillog import Event
from gateway.model import new_id
from gateway.providers.base import EventSink
from gateway.smpp.addresses import from_address
from gateway.smpp.link import Link
from gateway.smpp.pdu import Command, MalformedPduError, Pdu, ShortMessage, Status, read_data, read_message
from gateway.smpp.receipt import IdForm, Receipt, read_receipt
from gateway.smpp.redelivery import MEMORY_SECONDS, Redeliveries, fingerprint
from gateway.smpp.text import GsmEncoding, decode
from gateway.sms import DeliveryReport, InboundEvent, InboundSms, LateAnswer

MAX_OPEN = 5000
"""Requests that wait for the sink, each counted once and once more per kilobyte; beyond, they have to come again."""
_LEARN_AGAIN = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds before each of the tries to store what is said only once."""
_NO_ID = b"\0"
"""The body of a deliver_sm_resp: message_id is unused (§4.6.2)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How one message centre writes."""

    gsm: GsmEncoding = GsmEncoding.GSM7
    ids: IdForm = IdForm.TEXT
    region: str = ""


@dataclass(frozen=True, slots=True)
class _Arrived:
    pdu: Pdu
    event: InboundEvent
    print: bytes | None
    """What tells a message from others; None for a receipt, which may come as often as it likes."""


class Incoming:
    """The events of one provider, from all of its links."""

    def __init__(self, provider: str, reading: Reading, sink: EventSink) -> None:
        self._provider = provider
        self._where = f"provider-{provider}"
        self._reading = reading
        self._sink = sink
        self._again = Redeliveries(lambda: new_id(time.time()))
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = 0
        self._closing = asyncio.Event()

    def hear(self, link: Link, pdus: Sequence[Pdu]) -> None:
        """Take what came in one read."""
        arrived: list[_Arrived] = []
        for pdu in pdus:
            if self._closing.is_set() or self._open >= MAX_OPEN:
                self._answer(link, pdu, Status.ESME_RX_T_APPN)
                continue
            try:
                read = self._read(pdu)
            except MalformedPduError as error:
                maillog.warn(Event.FAULT, where=self._where, cause=f"unreadable message: {error}")
                self._answer(link, pdu, error.status)
                continue
            if read is None:
                self._answer(link, pdu, Status.ESME_ROK)
            else:
                arrived.append(read)
                self._open += _weight(pdu)
        if arrived:
            task = asyncio.create_task(self._hand_on(link, arrived))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def late(self, answer: LateAnswer) -> None:
        """Hand on that a message was taken after all. Nobody says it again: what is not stored is offered once more."""
        task = asyncio.create_task(self._learn(answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _learn(self, answer: LateAnswer) -> None:
        for pause in (*_LEARN_AGAIN, 0.0):
            try:
                return await self._sink([answer])
            except Exception as error:  # the last time, the log is all that is left of it
                maillog.warn(Event.FAULT, where=self._where, id=answer.message_id, cause=f"not stored: {error!r}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause)
            if self._closing.is_set():
                return None
        return None

    def link_ended(self, link: Link) -> None:
        """A link is gone, and perhaps the last answers with it."""
        self._again.link_ended(link, time.monotonic())

    async def finish(self, seconds: float) -> None:
        """Take nothing more, and wait for what is being stored."""
        self._closing.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    def _read(self, pdu: Pdu) -> _Arrived | None:
        """Understand one request; None for a receipt that names no message. Raises MalformedPduError."""
        message = read_message(pdu.body) if pdu.command == Command.DELIVER_SM else read_data(pdu.body)
        receipt = read_receipt(message, self._reading.ids)
        if receipt is not None:
            return self._report(pdu, receipt)
        print_ = fingerprint(message)
        return _Arrived(pdu, self._sms(message, self._again.ref(print_, time.monotonic())), print_)

    def _report(self, pdu: Pdu, receipt: Receipt) -> _Arrived | None:
        if not receipt.ref:
            maillog.warn(Event.FAULT, where=self._where, cause=f"a receipt without id: {receipt.cause}")
            return None
        # Ids are the message centre's own, one for each message: how it writes the phone's number does not matter.
        report = DeliveryReport(self._provider, receipt.ref, receipt.status, time.time(), cause=receipt.cause)
        return _Arrived(pdu, report, None)

    def _sms(self, message: ShortMessage, ref: str) -> InboundSms:
        text, part = decode(message, self._reading.gsm)
        region = self._reading.region
        sender, receiver = from_address(message.source, region), from_address(message.dest, region)
        return InboundSms(self._provider, ref, sender, receiver, text, time.time(), part)

    async def _hand_on(self, link: Link, arrived: Sequence[_Arrived]) -> None:
        faults = [await self._store(arrived)]
        if faults[0] is None or len(arrived) == 1:
            faults *= len(arrived)
        else:  # one of them may spoil it for the others: each for itself
            faults = await asyncio.gather(*(self._store([each]) for each in arrived))
        for each, fault in zip(arrived, faults, strict=True):
            self._settle(link, each, stored=fault is None)
        self._open -= sum(_weight(each.pdu) for each in arrived)
        if failed := [fault for fault in faults if fault is not None]:
            cause = f"{len(failed)} of {len(arrived)} not stored: {failed[0]!r}"
            maillog.warn(Event.FAULT, where=self._where, cause=cause)

    async def _store(self, arrived: Sequence[_Arrived]) -> Exception | None:
        """Hand events on; the fault that kept them from being stored, if any."""
        try:
            await self._sink([each.event for each in arrived])
        except Exception as error:  # whatever it was, the message centre keeps the message and sends it again
            return error
        return None

    def _settle(self, link: Link, each: _Arrived, *, stored: bool) -> None:
        answered = self._answer(link, each.pdu, Status.ESME_ROK if stored else Status.ESME_RX_T_APPN)
        if each.print is None:
            return
        now = time.monotonic()
        if stored and answered:
            self._again.answered(link, each.print, each.event.ref, now)
        else:
            self._again.expect(each.print, each.event.ref, now + MEMORY_SECONDS)

    def _answer(self, link: Link, pdu: Pdu, status: Status) -> bool:
        return link.answer(pdu, status, _NO_ID)


def _weight(pdu: Pdu) -> int:
    return 1 + (len(pdu.body) >> 10)
