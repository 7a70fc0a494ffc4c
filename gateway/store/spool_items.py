"""What is handed to the spool, and committed as one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.model import (
    Account,
    Envelope,
    MessageState,
    OutgoingMail,
    OutgoingSms,
    ParsedMail,
    Proof,
    SubmitResult,
)


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


def mail_record(
    envelope: Envelope, mail: ParsedMail, proof: Proof, decision: str, account: Account | None
) -> MailRecord:
    """What is kept of a mail beside what it led to."""
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


class Permit(StrEnum):
    """Whether an attempt may begin."""

    GO = "go"
    """It has: that is committed."""
    GONE = "gone"
    """This process does not hold the message any more."""
    OPTED_OUT = "opted-out"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of one attempt and where it leaves the message."""

    message: OutgoingSms
    result: SubmitResult
    state: MessageState
    at: float
    available_at: float
