"""SMPP 3.4 protocol data units: bytes to values and back (SMPP v3.4, Issue 1.2, §3-5). Pure.

In: what a connection read, in pieces of any size. Out: whole PDUs, and the values in their bodies. Promises: whatever
the bytes are, the only error is `MalformedPduError`; no PDU longer than `MAX_PDU` is ever held.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

HEADER = struct.Struct(">IIII")
"""command_length, command_id, command_status, sequence_number (§3.2)."""
HEADER_SIZE = HEADER.size
MAX_PDU = 70_000
"""Bytes: a message_payload of 65,535 with everything else that a PDU can hold."""
MAX_SEQUENCE = 0x7FFFFFFF
RESPONSE = 0x80000000
"""The bit that tells a response from its request (§5.1.2.1)."""
SUBMIT_SM_RESP = 0x80000004
_TLV = struct.Struct(">HH")
_NO_TLVS: Mapping[int, bytes] = MappingProxyType({})


class Command(IntEnum):
    """command_id of requests, and of the one answer that has no request of its own (§5.1.2.1)."""

    GENERIC_NACK = 0x80000000
    BIND_RECEIVER = 0x00000001
    BIND_TRANSMITTER = 0x00000002
    QUERY_SM = 0x00000003
    SUBMIT_SM = 0x00000004
    DELIVER_SM = 0x00000005
    UNBIND = 0x00000006
    BIND_TRANSCEIVER = 0x00000009
    OUTBIND = 0x0000000B
    ENQUIRE_LINK = 0x00000015
    ALERT_NOTIFICATION = 0x00000102
    DATA_SM = 0x00000103


class Status(IntEnum):
    """command_status (§5.1.3)."""

    ESME_ROK = 0x00
    ESME_RINVMSGLEN = 0x01
    ESME_RINVCMDLEN = 0x02
    ESME_RINVCMDID = 0x03
    ESME_RINVBNDSTS = 0x04
    ESME_RALYBND = 0x05
    ESME_RINVPRTFLG = 0x06
    ESME_RINVREGDLVFLG = 0x07
    ESME_RSYSERR = 0x08
    ESME_RINVSRCADR = 0x0A
    ESME_RINVDSTADR = 0x0B
    ESME_RINVMSGID = 0x0C
    ESME_RBINDFAIL = 0x0D
    ESME_RINVPASWD = 0x0E
    ESME_RINVSYSID = 0x0F
    ESME_RCANCELFAIL = 0x11
    ESME_RREPLACEFAIL = 0x13
    ESME_RMSGQFUL = 0x14
    ESME_RINVSERTYP = 0x15
    ESME_RINVNUMDESTS = 0x33
    ESME_RINVDLNAME = 0x34
    ESME_RINVDESTFLAG = 0x40
    ESME_RINVSUBREP = 0x42
    ESME_RINVESMCLASS = 0x43
    ESME_RCNTSUBDL = 0x44
    ESME_RSUBMITFAIL = 0x45
    ESME_RINVSRCTON = 0x48
    ESME_RINVSRCNPI = 0x49
    ESME_RINVDSTTON = 0x50
    ESME_RINVDSTNPI = 0x51
    ESME_RINVSYSTYP = 0x53
    ESME_RINVREPFLAG = 0x54
    ESME_RINVNUMMSGS = 0x55
    ESME_RTHROTTLED = 0x58
    ESME_RINVSCHED = 0x61
    ESME_RINVEXPIRY = 0x62
    ESME_RINVDFTMSGID = 0x63
    ESME_RX_T_APPN = 0x64
    ESME_RX_P_APPN = 0x65
    ESME_RX_R_APPN = 0x66
    ESME_RQUERYFAIL = 0x67
    ESME_RINVOPTPARSTREAM = 0xC0
    ESME_ROPTPARNOTALLWD = 0xC1
    ESME_RINVPARLEN = 0xC2
    ESME_RMISSINGOPTPARAM = 0xC3
    ESME_RINVOPTPARAMVAL = 0xC4
    ESME_RDELIVERYFAILURE = 0xFE
    ESME_RUNKNOWNERR = 0xFF


class Tag(IntEnum):
    """Optional parameters that are read or written here (§5.3.2)."""

    RECEIPTED_MESSAGE_ID = 0x001E
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


UDH_INDICATOR = 0x40
"""esm_class: the message begins with a user data header (§5.2.12)."""


class MalformedPduError(ValueError):
    """Bytes that are no PDU. `status` is what the peer is answered."""

    def __init__(self, cause: str, status: Status = Status.ESME_RINVCMDLEN) -> None:
        super().__init__(cause)
        self.status = status


class Pdu(NamedTuple):
    """One PDU with its body still closed."""

    command: int
    status: int
    sequence: int
    body: bytes


class Address(NamedTuple):
    """An SME address: type of number, numbering plan, and up to 20 characters (§5.2.5-5.2.8)."""

    ton: int
    npi: int
    digits: str


class ShortMessage(NamedTuple):
    """What submit_sm (§4.4.1), deliver_sm (§4.6.1) and data_sm (§4.7.1) have in common."""

    source: Address
    dest: Address
    text: bytes = b""
    """short_message; of a data_sm empty, for its text is in message_payload."""
    esm_class: int = 0
    data_coding: int = 0
    service_type: str = ""
    protocol_id: int = 0
    priority: int = 0
    schedule: str = ""
    validity: str = ""
    registered_delivery: int = 0
    replace_if_present: int = 0
    default_msg_id: int = 0
    tlvs: Mapping[int, bytes] = _NO_TLVS


@dataclass(frozen=True, slots=True)
class Bind:
    """The body of a bind request (§4.1.1, §4.1.3, §4.1.5)."""

    system_id: str
    password: str = field(repr=False)
    system_type: str = ""
    interface_version: int = 0x34
    ton: int = 0
    npi: int = 0
    address_range: str = ""


class Frames:
    """Cuts what a connection reads into PDUs."""

    def __init__(self, limit: int = MAX_PDU) -> None:
        self._rest = bytearray()
        self._wanted = 0
        self._limit = limit
        self.fault: MalformedPduError | None = None
        """Why nothing that follows can be read, once a PDU gave a length that none can have."""

    def feed(self, data: bytes) -> list[Pdu]:
        """The PDUs that are complete now; none any more once there is a fault."""
        if self.fault is not None:
            return []
        if self._rest:
            self._rest += data
            if len(self._rest) < self._wanted:
                return []
            data = bytes(self._rest)
        size, start = len(data), 0
        pdus: list[Pdu] = []
        self._wanted = 4
        while size - start >= 4:
            length = int.from_bytes(data[start : start + 4], "big")
            if not HEADER_SIZE <= length <= self._limit:
                self.fault = MalformedPduError(f"a PDU of {length} bytes")
                break
            if size - start < length:
                self._wanted = length
                break
            _, command, status, sequence = HEADER.unpack_from(data, start)
            pdus.append(Pdu(command, status, sequence, data[start + HEADER_SIZE : start + length]))
            start += length
        self._rest = bytearray(data[start:])
        return pdus


def frame(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    """One PDU as it goes on the wire."""
    return HEADER.pack(HEADER_SIZE + len(body), command, status, sequence) + body


def write_message(message: ShortMessage) -> bytes:
    """The body of a submit_sm or deliver_sm. Raises ValueError for what does not fit into its field."""
    if len(message.text) > 254:  # §5.2.21: sm_length 255 is reserved
        raise ValueError("short_message holds at most 254 octets")
    return b"".join(
        (
            c_octets(message.service_type, 6),
            _address(message.source),
            _address(message.dest),
            bytes((message.esm_class, message.protocol_id, message.priority)),
            c_octets(message.schedule, 17),
            c_octets(message.validity, 17),
            bytes(
                (
                    message.registered_delivery,
                    message.replace_if_present,
                    message.data_coding,
                    message.default_msg_id,
                    len(message.text),
                )
            ),
            message.text,
            write_tlvs(message.tlvs),
        )
    )


def read_message(body: bytes) -> ShortMessage:
    """Read the body of a deliver_sm or submit_sm. Raises MalformedPduError."""
    try:
        end = body.index(0)
        service_type = body[:end]
        source, at = _read_address(body, end + 1)
        dest, at = _read_address(body, at)
        esm_class, protocol_id, priority = body[at : at + 3]
        end = body.index(0, at + 3)
        schedule = body[at + 3 : end]
        at = body.index(0, end + 1)
        validity = body[end + 1 : at]
        registered, replace, coding, default_id, length = body[at + 1 : at + 6]
    except ValueError as error:  # no NUL where a string ends, or a body that ends too early
        raise MalformedPduError("a message cut off in its mandatory fields") from error
    at += 6
    end = at + length
    if end > len(body):
        raise MalformedPduError("sm_length reaches beyond the PDU", Status.ESME_RINVMSGLEN)
    return ShortMessage(
        source=source,
        dest=dest,
        text=body[at:end],
        esm_class=esm_class,
        data_coding=coding,
        service_type=service_type.decode("latin-1"),
        protocol_id=protocol_id,
        priority=priority,
        schedule=schedule.decode("latin-1"),
        validity=validity.decode("latin-1"),
        registered_delivery=registered,
        replace_if_present=replace,
        default_msg_id=default_id,
        tlvs=read_tlvs(body, end),
    )


def write_data(message: ShortMessage) -> bytes:
    """The body of a data_sm: the text goes into message_payload."""
    tlvs = {**message.tlvs, Tag.MESSAGE_PAYLOAD: message.text} if message.text else message.tlvs
    return b"".join(
        (
            c_octets(message.service_type, 6),
            _address(message.source, 65),
            _address(message.dest, 65),
            bytes((message.esm_class, message.registered_delivery, message.data_coding)),
            write_tlvs(tlvs),
        )
    )


def read_data(body: bytes) -> ShortMessage:
    """Read the body of a data_sm. Raises MalformedPduError."""
    try:
        end = body.index(0)
        source, at = _read_address(body, end + 1)
        dest, at = _read_address(body, at)
        esm_class, registered, coding = body[at : at + 3]
    except ValueError as error:
        raise MalformedPduError("a data_sm cut off in its mandatory fields") from error
    return ShortMessage(
        source=source,
        dest=dest,
        esm_class=esm_class,
        data_coding=coding,
        service_type=body[:end].decode("latin-1"),
        registered_delivery=registered,
        tlvs=read_tlvs(body, at + 3),
    )


def write_bind(bind: Bind) -> bytes:
    """The body of a bind request. Raises ValueError for what does not fit into its field."""
    return b"".join(
        (
            c_octets(bind.system_id, 16),
            c_octets(bind.password, 9),
            c_octets(bind.system_type, 13),
            bytes((bind.interface_version, bind.ton, bind.npi)),
            c_octets(bind.address_range, 41),
        )
    )


def read_bind(body: bytes) -> Bind:
    """Read the body of a bind request. Raises MalformedPduError."""
    try:
        system_id, password, system_type, rest = body.split(b"\0", 3)
        version, ton, npi = rest[:3]
        address_range = rest[3 : rest.index(0, 3)]
    except ValueError as error:
        raise MalformedPduError("a bind cut off in its fields") from error
    return Bind(
        system_id.decode("latin-1"),
        password.decode("latin-1"),
        system_type.decode("latin-1"),
        version,
        ton,
        npi,
        address_range.decode("latin-1"),
    )


def first_string(body: bytes) -> str:
    """The string that a response's body begins with: message_id or system_id; "" where there is none.

    Message centres are seen that leave out the final NUL, or the whole body of an error.
    """
    end = body.find(0)
    return (body if end < 0 else body[:end]).decode("latin-1")


def write_tlvs(tlvs: Mapping[int, bytes]) -> bytes:
    """Optional parameters (§5.3.1). Raises ValueError for a value of more than 65,535 octets."""
    if not tlvs:
        return b""
    try:
        return b"".join(_TLV.pack(tag, len(value)) + value for tag, value in tlvs.items())
    except struct.error as error:
        raise ValueError("an optional parameter holds at most 65535 octets") from error


def read_tlvs(body: bytes, start: int) -> Mapping[int, bytes]:
    """Read what follows the mandatory fields; of a tag that comes twice, the first. Raises MalformedPduError."""
    end = len(body)
    if start == end:
        return _NO_TLVS
    tlvs: dict[int, bytes] = {}
    while start < end:
        if end - start < 4:
            raise MalformedPduError("an optional parameter cut off in its head", Status.ESME_RINVOPTPARSTREAM)
        tag, length = _TLV.unpack_from(body, start)
        start += 4
        if end - start < length:
            raise MalformedPduError("an optional parameter reaches beyond the PDU", Status.ESME_RINVPARLEN)
        tlvs.setdefault(tag, body[start : start + length])
        start += length
    return tlvs


def c_octets(text: str, size: int) -> bytes:
    """A C-octet string of at most `size` octets with its NUL (§3.1). Raises ValueError where it does not fit."""
    if not text:
        return b"\0"
    octets = text.encode("latin-1")
    if len(octets) >= size or 0 in octets:
        raise ValueError(f"holds at most {size - 1} characters")
    return octets + b"\0"


@lru_cache(4096)  # the same few come again and again
def _address(address: Address, size: int = 21) -> bytes:
    return bytes((address.ton, address.npi)) + c_octets(address.digits, size)


def _read_address(body: bytes, at: int) -> tuple[Address, int]:
    """An address, and where the next field begins. Raises ValueError."""
    ton, npi = body[at : at + 2]
    end = body.index(0, at + 2)
    return Address(ton, npi, body[at + 2 : end].decode("latin-1")), end + 1
