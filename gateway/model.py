"""Frozen records, enums and protocols that cross rooms. No behaviour beyond what a value knows about itself.

Times are seconds since the epoch, UTC, as float. Phone numbers are E.164 strings with a plus ("+4530643064").
SMS have a vocabulary of their own (`gateway.sms`), and so has money (`gateway.money`).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from gateway.errors import Refusal
from gateway.scopes import Scope

# --- time and identity ---------------------------------------------------------------------------------------------


class Clock(Protocol):
    """The one clock, passed in."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()


_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _CROCKFORD for second in _CROCKFORD]


def new_id(now: float) -> str:
    """Make a 26-character ULID: 48 bits of milliseconds, 80 random bits, sortable by time."""
    value = (int(now * 1000) << 80) | secrets.randbits(80)
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])


_AS_PYTHON = bytes.maketrans(_CROCKFORD.encode(), b"0123456789abcdefghijklmnopqrstuv")


def time_of(ulid: str) -> float:
    """When an id was made, to the millisecond. Raises ValueError for what is no ULID."""
    return int(ulid[:10].encode().translate(_AS_PYTHON), 32) / 1000


def first_id(at: float) -> str:
    """What ids that were made at a moment or later sort behind, and those made before it sort before."""
    milliseconds = max(0, min(int(at * 1000), 2**48 - 1))
    return "".join([_PAIRS[(milliseconds >> shift) & 1023] for shift in range(40, -1, -10)])


# --- people and keys -----------------------------------------------------------------------------------------------


class KeyKind(StrEnum):
    """What an API key opens: the one is an address, the other a bearer token, and neither is ever both."""

    DIALOG = "dialog"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Organisation:
    """A tenant. `region` (ISO 3166) reads national numbers, `language` (ISO 639-1) writes mails to its people."""

    id: str
    name: str
    region: str
    language: str
    created_at: float


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. One key can have two live secrets while it is being rotated."""

    id: str
    org_id: str
    kind: KeyKind
    label: str
    created_at: float
    paused_at: float | None = None
    domains: tuple[str, ...] = ()
    """Mail domains whose proven senders may open accounts from outside; empty until the first account fixes it."""
    scopes: frozenset[Scope] = frozenset()
    """What a program may do with a key of the kind REST."""
    made_by: str = field(default="", compare=False)
    """The id of the person who has made the secret by which the key was found, and so has seen it; empty else."""

    @property
    def paused(self) -> bool:
        """Whether every account under the key rests."""
        return self.paused_at is not None


@dataclass(frozen=True, slots=True)
class Account:
    """One employee address under one key, tied to one phone number of its own (D1)."""

    id: str
    org_id: str
    key_id: str
    email: str
    number: str
    provider: str
    """Name of the provider that owns the number's range."""
    language: str
    region: str
    cut_signature: bool
    opened_at: float
    closed_at: float | None = None
    mailbox_fault: str | None = None
    """Why the mailbox last refused mail for good; None while it takes mail."""


# --- mail in -------------------------------------------------------------------------------------------------------


class Listener(StrEnum):
    """Which door a mail came in by."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    LMTP = "lmtp"


class Origin(StrEnum):
    """Where an SMS was written that no mail stands behind; in its record, it stands where a mail has its listener."""

    PAGE = "page"
    API = "api"
    COMMAND_LINE = "command-line"
    CAMPAIGN = "campaign"
    """One record stands for all SMS of a campaign."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes an SMS without a mail, as it was proven for this one request."""

    origin: Origin
    kind: str
    """What sort of somebody: "person", "key", "employee", "operator"."""
    id: str
    name: str
    """As people know it: a mail address, or a key's label."""
    ip: str = ""
    """The client's address; "" where there is none."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The client at the other end of an SMTP or LMTP connection (after the PROXY header, if any)."""

    ip: str
    port: int
    helo: str
    listener: Listener
    tls: bool = False
    login: str | None = None
    """The account address that AUTH proved, else None."""


class AddressKind(StrEnum):
    """What a recipient address means."""

    KEY = "key"
    NUMBER = "number"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    CAMPAIGN = "campaign"
    OPERATOR = "operator"
    RETURN_PATH = "return-path"
    LEAVE = "leave"
    """Who writes there wants no more mail of campaigns."""


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """A recipient address of ours, understood.

    `value` is the key in lower case, the number's local part as written, the role's name, or the return-path token.
    """

    kind: AddressKind
    value: str
    address: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail as it arrived: what the edge knows before anybody has read the content."""

    id: str
    peer: Peer
    mail_from: str
    """The reverse path without brackets; "" for the null sender."""
    recipients: tuple[LocalAddress, ...]
    content: bytes = field(repr=False)
    """The message as received: CRLF line ends, dots unstuffed, without our Received header."""
    received_at: float
    refused: tuple[str, ...] = ()
    """Recipients that the client was told no about, as it wrote them: it tells the sender."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the edge answers for one recipient: 250 when `refusal` is None."""

    text: str = ""
    refusal: Refusal | None = None


class MailTaker(Protocol):
    """What the SMTP edge asks of the rest."""

    async def recipient(self, peer: Peer, mail_from: str, address: str, so_far: Sequence[LocalAddress]) -> LocalAddress:
        """Understand one RCPT address, or raise the Refusal that explains why not."""
        ...

    async def mail(self, envelope: Envelope) -> list[Reply]:
        """Take one mail: one Reply per recipient, in order. A Reply without refusal means durably committed."""
        ...

    async def login(self, peer: Peer, user: str, password: str) -> str | None:
        """Check AUTH credentials; the proven account address, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, picture or film that a person attached to a mail."""

    name: str
    """The file's name, else its media type."""
    mark: str
    """The same for the same content."""


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """What a mail says, once MIME, character sets, HTML and quoted history are read."""

    message_id: str | None
    """Without angle brackets; None where the header is missing or malformed."""
    from_address: str
    from_name: str
    recipients: tuple[str, ...]
    """Addresses in To and Cc, as written, lower-cased domain."""
    subject: str
    """Decoded, unfolded, no control characters."""
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    automatic: str | None
    """Why this mail was written by a machine, or None when a person wrote it."""
    text: str
    """The part the person wrote, lines separated by \\n, without quoted history, with signature lines."""
    cut: str
    """What was cut as quoted history."""
    attachments: tuple[str, ...]
    """File names (or media types) of parts that an SMS cannot carry."""
    content_hash: str
    """SHA-256 (hex) over sender, date, answered id, subject and body: the identity of a mail without Message-ID."""
    attached: tuple[Attachment, ...] = ()
    """Those that the person meant to send, as far as that can be told from decoration and signatures."""


class ProofMethod(StrEnum):
    """How it is known who sent a mail."""

    LOGIN = "login"
    TRUSTED = "trusted"
    SPF = "spf"
    DKIM = "dkim"
    ARC = "arc"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Proof:
    """Who vouches for the From address, for the log and the trace."""

    method: ProofMethod
    domain: str
    detail: str


# --- mail out ------------------------------------------------------------------------------------------------------


class MailKind(StrEnum):
    """Why we write a mail."""

    DIALOG = "dialog"
    WELCOME = "welcome"
    CLOSED = "closed"
    REPORT = "report"
    """RFC 3464: something the sender asked for cannot be delivered."""
    OPERATOR = "operator"
    ACCESS = "access"
    """A link that lets somebody in to the web pages."""
    CAMPAIGN = "campaign"
    """One of many alike, to a contact; it leaves behind all others."""


@dataclass(frozen=True, slots=True)
class Hours:
    """When something may leave: from one moment on, and before another (seconds since the epoch)."""

    begin: float
    end: float
    place: str
    """By whose clock, for whoever works out the next ones: a time zone and a country, "Europe/Copenhagen DK"."""


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A mail ready to leave: headers and body complete, not yet signed."""

    id: str
    kind: MailKind
    return_path: str
    """"" for the null sender."""
    recipient: str
    content: bytes = field(repr=False)
    account_id: str | None = None
    created_at: float = 0.0
    attempts: int = 0
    hours: Hours | None = None
    """When it may leave; None for always."""


class Service(Protocol):
    """Something that the program starts in order and stops in reverse."""

    name: str

    async def start(self) -> None:
        """Begin; returns when ready to serve."""
        ...

    async def stop(self) -> None:
        """Finish what is in hand and end, within 30 seconds."""
        ...


JsonDict = dict[str, Any]
