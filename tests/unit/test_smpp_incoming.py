"""Whatever a message centre sends: an event, or one clear error."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.inbound_form import tidy, tidy_report
from gateway.smpp.incoming import Incoming, Reading
from gateway.smpp.pdu import Address, Command, MalformedPduError, Pdu, ShortMessage, Tag, write_data, write_message
from gateway.smpp.receipt import IdForm
from gateway.smpp.text import GsmEncoding
from gateway.sms import DeliveryReport, InboundEvent, InboundSms

digits = st.text(st.sampled_from("0123456789+ a\x01\xff"), max_size=20)
addresses = st.builds(Address, st.integers(0, 7), st.integers(0, 20), digits)
octets = st.binary(max_size=160) | st.from_regex(rb"id:[0-9a-f]{0,70} (stat:[A-Z]{0,9})?", fullmatch=True)


def message_of(**fields: Any) -> ShortMessage:
    """A message with these fields, and no others that hypothesis would think of."""
    return ShortMessage(**fields)


messages = st.builds(
    message_of,
    source=addresses,
    dest=addresses,
    text=octets,
    esm_class=st.integers(0, 255),
    data_coding=st.integers(0, 255),
    tlvs=st.dictionaries(st.sampled_from(Tag), octets),
)
readings = st.builds(Reading, st.sampled_from(GsmEncoding), st.sampled_from(IdForm), st.sampled_from(["", "DK", "GB"]))


async def nobody(events: object) -> None:
    raise AssertionError(f"nothing is handed on here: {events}")


def tidied(event: InboundEvent) -> InboundEvent:
    return tidy(event) if isinstance(event, InboundSms) else tidy_report(event)


@given(messages, readings, st.booleans())
def test_a_sound_pdu_is_an_event(message, reading, data):
    body, command = (write_data(message), Command.DATA_SM) if data else (write_message(message), Command.DELIVER_SM)
    arrived = Incoming("smsc", reading, nobody)._read(Pdu(command, 0, 1, body))
    if arrived is not None:  # None is a receipt that names no message
        assert isinstance(tidied(arrived.event), InboundSms | DeliveryReport)
        assert (arrived.print is None) is isinstance(arrived.event, DeliveryReport)
        assert arrived.event.ref


@given(st.binary(max_size=300), readings, st.sampled_from([Command.DELIVER_SM, Command.DATA_SM]))
def test_nonsense_is_one_error(body, reading, command):
    with contextlib.suppress(MalformedPduError):
        Incoming("smsc", reading, nobody)._read(Pdu(command, 0, 1, body))
