"""SMPP 3.4: messages to and from a message centre over binds that are kept up (`gateway.smpp`).

Options, and which command_status means what: docs/providers.md. A message is unknown when its bytes may have left and
no answer came, and when some of its parts were taken and others not; then no part is ever sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway import maillog
from gateway.errors import Outcome
from gateway.maillog import Event
from gateway.providers.base import Capability, EventSink, NotAvailable, Unreachable
from gateway.providers.options import HOUR
from gateway.smpp.addresses import to_address
from gateway.smpp.binds import Binds, Door
from gateway.smpp.incoming import Incoming, Reading
from gateway.smpp.link import Limits, Link, Lost, Part
from gateway.smpp.options import BindKind, read_options, tls_context
from gateway.smpp.pace import Pace
from gateway.smpp.pdu import (
    SUBMIT_SM_RESP,
    Address,
    Bind,
    Command,
    MalformedPduError,
    Pdu,
    ShortMessage,
    Status,
    first_string,
    write_message,
)
from gateway.smpp.query import MAX_ID, NOT_KNOWN, read_query_answer, write_query
from gateway.smpp.receipt import Receipt, answered_id, asked_id
from gateway.smpp.statuses import SLOW_DOWN, Answer, name_of, outcome_of, together
from gateway.smpp.text import encode
from gateway.sms import DeliveryReport, InboundEvent, LateAnswer, OutgoingSms, SubmitResult

_FIRST_LOOK = 1.0
"""Seconds that a start waits for the first bind; the others, and a message centre that is away, are not waited for."""
_LONGEST_ABSENCE = 30.0
"""Seconds after which a message is offered again while no bind stands."""
_COMPLETING = (1.0, 2.0, 4.0)
"""Seconds before each of the tries to complete a message of which some parts were taken."""
_Piece = tuple[Part, bytes]
"""One part, and the body of its submit_sm."""
_CAN = frozenset({Capability.INBOUND, Capability.PING})
_NOT_CONNECTED = Answer(Outcome.TEMPORARY, cause="not connected")
_NOT_NOW = Answer(Outcome.TEMPORARY, cause="the message centre has asked for a rest")


class SmppProvider:
    """One message centre."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self._options = chosen = read_options(options)
        self.capabilities = _CAN | {Capability.LOOKUP} if chosen.query_sm else _CAN
        self._tls = tls_context(chosen)
        self._pace = Pace()
        self.window = chosen.window * chosen.binds
        self.validity = (chosen.validity or 48 * HOUR) if chosen.registered_delivery else math.inf
        self._references = itertools.count(random.randrange(1 << 16))  # noqa: S311  tells texts apart, no secret
        self._validity = _relative_time(chosen.validity)
        self._binds: Binds | None = None
        self._incoming: Incoming | None = None

    async def start(self, sink: EventSink) -> None:
        """Begin to bind. Returns when the first bind stands or has failed, and after a second at the latest."""
        chosen = self._options
        reading = Reading(chosen.gsm_encoding, chosen.message_id, chosen.region)
        self._incoming = incoming = Incoming(self.name, reading, sink)
        limits = Limits(chosen.window, chosen.response_timeout, chosen.enquire_link)
        self._binds = Binds(self.name, self._door(), limits, incoming.hear, incoming.link_ended, self._late)
        self._binds.start()
        tried = asyncio.ensure_future(self._binds.tried.wait())
        await asyncio.wait([tried], timeout=_FIRST_LOOK)
        tried.cancel()

    def _door(self) -> Door:
        chosen = self._options
        separate = (Command.BIND_TRANSMITTER, Command.BIND_RECEIVER)
        commands = separate if chosen.bind is BindKind.SEPARATE else (Command.BIND_TRANSCEIVER,)
        bind = Bind(chosen.system_id, chosen.password.get_secret_value(), chosen.system_type)
        return Door(chosen.host, chosen.port, self._tls, bind, commands * chosen.binds)

    async def stop(self) -> None:
        """Store and answer what has come, wait for outstanding answers, unbind."""
        if self._incoming is not None:
            await self._incoming.finish(self._options.response_timeout)
        if self._binds is not None:
            await self._binds.stop()

    async def submit(self, message: OutgoingSms) -> SubmitResult:
        """Hand all parts of one SMS over."""
        try:
            pieces = self._pieces(message)
        except ValueError as error:
            return SubmitResult(
                Outcome.PERMANENT,
                cause=f"not for SMPP: {error}",
                reason="text",
                public_text="the SMS network does not take this message",
            )
        loop = asyncio.get_running_loop()
        answers = [_NOT_NOW] if self._pace.rests(loop.time()) else await self._send(pieces)
        result = together(answers)
        if result.outcome is Outcome.TEMPORARY:
            return replace(result, retry_after=self._retry_after(len(pieces), loop.time()))
        return result

    def _pieces(self, message: OutgoingSms) -> list[_Piece]:
        """The parts of a message, each with its submit_sm. Raises ValueError for what SMPP has no room for."""
        bodies = list(self._bodies(message))
        total = len(bodies)
        return [(Part(message.id, number, total), body) for number, body in enumerate(bodies, 1)]

    def _bodies(self, message: OutgoingSms) -> Iterator[bytes]:
        chosen = self._options
        source = to_address(message.from_number, chosen.source_ton, chosen.source_npi)
        dest = to_address(message.to_number, chosen.dest_ton, chosen.dest_npi)
        for wire in encode(message.text, chosen.long_text, chosen.gsm_encoding, next(self._references)):
            yield write_message(
                ShortMessage(
                    source=source,
                    dest=dest,
                    text=wire.text,
                    esm_class=wire.esm_class,
                    data_coding=wire.data_coding,
                    service_type=chosen.service_type,
                    validity=self._validity,
                    registered_delivery=chosen.registered_delivery,
                    tlvs=wire.tlvs,
                )
            )

    async def _send(self, pieces: Sequence[_Piece]) -> list[Answer]:
        """Offer every part; then, where some were taken and the others surely not, those others a few times more.

        Such a message cannot go back to the spool, and half of it is worth nothing: nobody but us can complete it.
        """
        answers = await self._offer(pieces)
        for pause in _COMPLETING if len(pieces) > 1 else ():
            if {answer.outcome for answer in answers} != {Outcome.ACCEPTED, Outcome.TEMPORARY}:
                break
            await asyncio.sleep(pause)
            missing = [place for place, answer in enumerate(answers) if answer.outcome is Outcome.TEMPORARY]
            again = await self._offer([pieces[place] for place in missing])
            for place, answer in zip(missing, again, strict=True):
                answers[place] = answer
        return answers

    async def _offer(self, pieces: Sequence[_Piece]) -> list[Answer]:
        """Put parts on one link, each in its turn, and wait for the answers."""
        link = await self._link_with_room()
        if link is None:
            return [_NOT_CONNECTED] * len(pieces)
        sent: list[asyncio.Future[Pdu | Lost]] = []
        for part, body in pieces:
            if sent and link.room <= 0 and not await link.wait_for_room():
                break
            sent.append(link.submit(body, part))
        answers = [self._understand(await answer) for answer in sent]
        return answers + [_NOT_CONNECTED] * (len(pieces) - len(sent))

    async def _link_with_room(self) -> Link | None:
        """A link on which the caller has a turn, or None where none is bound."""
        while self._binds is not None and (link := self._binds.least_busy()) is not None:
            if link.room > 0 or await link.wait_for_room():
                return link
        return None

    def _understand(self, answer: Pdu | Lost) -> Answer:
        if isinstance(answer, Lost):
            return Answer(Outcome.UNKNOWN if answer.sent else Outcome.TEMPORARY, cause=answer.cause)
        now = asyncio.get_running_loop().time()
        status = answer.status
        if status == Status.ESME_ROK and answer.command == SUBMIT_SM_RESP:
            self._pace.went_well(now)
            return Answer(Outcome.ACCEPTED, answered_id(first_string(answer.body), self._options.message_id))
        if status in SLOW_DOWN:
            self._pace.slow_down(now)
        if status == Status.ESME_ROK:  # a generic_nack that names no fault
            return Answer(Outcome.UNKNOWN, cause="generic_nack without a status")
        return Answer(outcome_of(status, self._options.temporary), cause=name_of(status), status=status)

    def _retry_after(self, parts: int, now: float) -> float:
        """When a message that could not go may come back: when the pace allows it, and when a bind may stand again."""
        reconnect = self._binds.next_try - now if self._binds is not None else 0.0
        return max(self._pace.later(parts, now), min(reconnect, _LONGEST_ABSENCE))

    def _late(self, part: Part, pdu: Pdu) -> None:
        """An answer after its time: the message is unknown already, and perhaps no longer."""
        ref = answered_id(first_string(pdu.body), self._options.message_id)
        if pdu.status == Status.ESME_ROK and pdu.command == SUBMIT_SM_RESP and ref and self._incoming is not None:
            answer = LateAnswer(self.name, part.message_id, ref, time.time(), part.number, part.total)
            self._incoming.late(answer)
            return
        told = f"late answer to part {part.number} of {part.total}: {name_of(pdu.status)}"
        maillog.warn(Event.SMS_UNKNOWN, id=part.message_id, provider=self.name, cause=told)

    # --- questions -------------------------------------------------------------------------------------------------

    async def ping(self) -> None:
        """Ask on a bind whether the message centre is there; the first bind is waited for. Raises Unreachable."""
        if self._binds is None:
            raise Unreachable("not started")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._binds.tried.wait(), self._options.response_timeout)
        link = self._binds.least_busy()
        if link is None:
            raise Unreachable(f"not bound: {self._binds.fault}")
        answer = await link.enquire()
        if isinstance(answer, Lost):
            raise Unreachable(answer.cause)
        if answer.status:
            raise Unreachable(f"enquire_link: {name_of(answer.status)}")

    async def look_up(self, message: OutgoingSms, refs: Sequence[str]) -> Sequence[InboundEvent]:
        """Ask by query_sm what became of a message's ids; nothing where it has none.

        Raises NotAvailable where the message centre may not be asked, Unreachable.
        """
        if Capability.LOOKUP not in self.capabilities:
            raise NotAvailable(f"{self.name}: query_sm is off")
        chosen = self._options
        source = to_address(message.from_number, chosen.source_ton, chosen.source_npi)
        told = [await self._ask_about(ref, source) for ref in refs if 0 < len(ref) <= MAX_ID]
        return [
            DeliveryReport(self.name, each.ref, each.status, time.time(), cause=f"asked: {each.cause}")
            for each in told
            if each is not None
        ]

    async def _ask_about(self, ref: str, source: Address) -> Receipt | None:
        """What the message centre says of one id; None where it knows nothing. Raises Unreachable."""
        link = await self._link_with_room()
        if link is None:
            raise Unreachable("not bound")
        answer = await link.query(write_query(asked_id(ref, self._options.message_id), source))
        if isinstance(answer, Lost):
            raise Unreachable(answer.cause)
        if answer.status in NOT_KNOWN:
            return None
        if answer.status or answer.command == Command.GENERIC_NACK:
            raise Unreachable(f"query_sm: {name_of(answer.status)}")
        try:
            return read_query_answer(answer.body, ref)
        except MalformedPduError as error:
            raise Unreachable(str(error)) from error


def _relative_time(seconds: float) -> str:
    """A validity period as SMPP writes spans of time (§7.1.1.2), "" for none."""
    if not seconds:
        return ""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"0000{days:02}{hour:02}{minute:02}{second:02}000R"
