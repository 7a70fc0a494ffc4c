"""What is handed to the spool, and committed as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.model import Account, Envelope, OutgoingMail, ParsedMail, Proof
from gateway.pace import Budget
from gateway.sms import MessageState, OutgoingSms, Priority, SubmitResult
from gateway.spending import Charge, OverCap

AT_ONCE = 0.0
"""When a message is due that has not been tried: always, whatever a clock that steps back may say."""


@dataclass(frozen=True, slots=True)
class MailRecord:
    """What is kept of a mail that was taken, for the trace."""

    id: str
    received_at: float
    decision: str
    listener: str
    peer_ip: str
    helo: str
    tls: bool
    mail_from: str
    header_from: str
    message_id: str | None
    proof: str
    proof_detail: str
    size: int
    reason: str = ""
    org_id: str | None = None
    account_id: str | None = None
    subject: str = ""
    text: str = ""
    cut: str = ""
    attachments: str = ""
    receipt_at: float | None = None
    """When to look whether its receipt can be written; None where none is owed."""


def mail_record(
    envelope: Envelope,
    mail: ParsedMail,
    proof: Proof,
    decision: str,
    account: Account | None,
    *,
    subject: str = "",
    text: str = "",
    cut: str = "",
    attachments: str = "",
    receipt_at: float | None = None,
) -> MailRecord:
    """What is kept of a mail beside what it led to; of its content only what is named."""
    return MailRecord(
        id=envelope.id,
        received_at=envelope.received_at,
        decision=decision,
        listener=envelope.peer.listener,
        peer_ip=envelope.peer.ip,
        helo=envelope.peer.helo,
        tls=envelope.peer.tls,
        mail_from=envelope.mail_from,
        header_from=mail.from_address,
        message_id=mail.message_id,
        proof=proof.method,
        proof_detail=proof.detail,
        size=len(envelope.content),
        org_id=account.org_id if account else None,
        account_id=account.id if account else None,
        subject=subject,
        text=text,
        cut=cut,
        attachments=attachments,
        receipt_at=receipt_at,
    )


@dataclass(frozen=True, slots=True)
class Acceptance:
    """All that one mail leads to, committed together or not at all."""

    mail: MailRecord
    messages: tuple[OutgoingSms, ...] = ()
    dedupe: tuple[str, ...] = ()
    """One key per message: a second message with the same key is not stored."""
    mails: tuple[OutgoingMail, ...] = ()
    """Confirmations and reports to send; not sent when every message was a duplicate."""
    revision: int | None = None
    """The directory's revision that this was decided on; None where it does not hang on the directory."""
    charge: Charge | None = None
    """What the messages cost; None where nobody pays."""
    departs: bool = False
    """Whether the first attempt begins with the commit: whoever puts it has room at the provider for all messages."""
    shared: bool = False
    """Whether others have the number that it leaves from as well: then it says whose conversations these are."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an acceptance: stored, save for what was known, or an objection and nothing stored."""

    new: frozenset[str] = frozenset()
    """Ids of the messages that were not stored before."""
    stale: bool = False
    """The directory has changed since the decision: decide anew."""
    opted_out: frozenset[str] = frozenset()
    """Phones among the recipients that have said STOP."""
    over: OverCap | None = None
    """The cap that the messages would pass."""

    @property
    def stored(self) -> bool:
        """Whether the acceptance stands."""
        return not self.stale and not self.opted_out and self.over is None


@dataclass(frozen=True, slots=True)
class Stored:
    """A message that was stored before under an identity."""

    message_id: str
    record_id: str
    """Of the mail, or of what stands in its place."""
    phone: str
    text: str


@dataclass(frozen=True, slots=True)
class Demand:
    """A wish for due messages of one provider, whose first attempt by this process begins with the commit."""

    provider: str
    room: int
    """Messages at most."""
    campaigns: int
    """How many of these may be of campaigns."""
    lease: str
    now: float
    rest_until: float
    """When messages under a paused key are looked at again."""
    made_after: float
    """Messages that were made earlier and cannot go now have outlived their use."""
    budget: Budget | None = None
    """What the pace allows; None where there is none."""


Move = tuple[OutgoingSms, OutgoingSms]
"""A message that waited for one provider and now waits for another: before, and after."""


@dataclass(frozen=True, slots=True)
class Departure:
    """What a demand found: messages whose attempt has begun, and those that could not go."""

    go: tuple[OutgoingSms, ...] = ()
    failed: tuple[tuple[OutgoingSms, str], ...] = ()
    """Given up, with the word of FailureReason that says why."""
    rested: tuple[tuple[OutgoingSms, str], ...] = ()
    """Put off, with the same."""
    later: tuple[tuple[OutgoingSms, float], ...] = ()
    """Put off by the pace of their number, for so many seconds."""
    moved: tuple[Move, ...] = ()
    more: bool = False
    """Whether others may be due as well."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of one attempt and where it leaves the message."""

    message: OutgoingSms
    result: SubmitResult
    state: MessageState
    at: float
    available_at: float
    onward: OutgoingSms | None = None
    """The message as it goes on by another provider; None where it stays with its own."""


Escape = Callable[[OutgoingSms], OutgoingSms | None]
"""The message as it leaves by another provider, or None where it stays. Called within a transaction: pure and quick."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A wish to move messages that wait for a provider to others: a batch of one priority, in order of the queue."""

    provider: str
    priority: Priority
    escape: Escape
    most: int
    after: tuple[float, str] = (-1.0, "")
    """`available_at` and id of the last message that was looked at before."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of a removal."""

    moved: tuple[Move, ...]
    last: tuple[float, str] | None
    """Where to go on; None where no more waits."""
