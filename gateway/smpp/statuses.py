"""What a command_status says about a message (SMPP v3.4 §5.1.3), in our outcomes. Pure.

A status other than 0 says that the message was not taken. Temporary are those that speak of the moment: a queue, a
pace, a connection. All others speak of this message, or of an account that waiting does not change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.errors import Outcome
from gateway.smpp.pdu import Status
from gateway.sms import SubmitResult

TEMPORARY = frozenset(
    {
        Status.ESME_RINVBNDSTS,
        Status.ESME_RALYBND,
        Status.ESME_RSYSERR,
        Status.ESME_RBINDFAIL,
        Status.ESME_RMSGQFUL,
        Status.ESME_RTHROTTLED,
        Status.ESME_RX_T_APPN,
    }
)
SLOW_DOWN = frozenset({Status.ESME_RTHROTTLED, Status.ESME_RMSGQFUL})
"""Statuses that concern every message, and not this one."""
_REASONS: Mapping[int, tuple[str, str]] = {
    Status.ESME_RINVDSTADR: ("bad-number", "the SMS network does not know this number"),
    Status.ESME_RINVDSTTON: ("bad-number", "the SMS network does not know this number"),
    Status.ESME_RINVDSTNPI: ("bad-number", "the SMS network does not know this number"),
    Status.ESME_RINVMSGLEN: ("text", "the SMS network does not take this text"),
    Status.ESME_RINVEXPIRY: ("rejected", "the SMS network does not take this message"),
}
_REJECTED = ("rejected", "the SMS network does not take this message")
_NAMES: Mapping[int, str] = {status.value: status.name for status in Status}


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one part: an outcome, with the message centre's id where it took the part."""

    outcome: Outcome
    ref: str = ""
    cause: str = ""
    status: int = 0


def name_of(status: int) -> str:
    """The name of a status, or its number where a vendor has made it."""
    return _NAMES.get(status) or f"status 0x{status:08X}"


def outcome_of(status: int, also_temporary: frozenset[int] = frozenset()) -> Outcome:
    """Accepted, temporary or permanent; `also_temporary` are a vendor's own statuses."""
    if status == Status.ESME_ROK:
        return Outcome.ACCEPTED
    return Outcome.TEMPORARY if status in TEMPORARY or status in also_temporary else Outcome.PERMANENT


def together(answers: Sequence[Answer], retry_after: float | None = None) -> SubmitResult:
    """One result for all parts of a message.

    Once a part was taken, or may have been, the whole is never sent again: then anything but full success is unknown.
    Then the ids of the parts that were taken stand in their places, for the others may be answered yet.
    """
    if len(answers) == 1 and answers[0].ref:
        return SubmitResult(Outcome.ACCEPTED, (answers[0].ref,))
    refs = tuple(answer.ref for answer in answers if answer.ref)
    first_bad = next((answer for answer in answers if answer.outcome is not Outcome.ACCEPTED), None)
    if first_bad is None:
        return SubmitResult(Outcome.ACCEPTED, refs, cause="" if refs else "taken without an id")
    outcomes = {answer.outcome for answer in answers}
    if Outcome.ACCEPTED in outcomes or Outcome.UNKNOWN in outcomes:
        places = tuple(answer.ref for answer in answers) if refs else ()
        return SubmitResult(Outcome.UNKNOWN, places, cause=_in_doubt(answers, first_bad.cause, refs))
    if Outcome.PERMANENT in outcomes:
        bad = next(answer for answer in answers if answer.outcome is Outcome.PERMANENT)
        reason, words = _REASONS.get(bad.status, _REJECTED)
        return SubmitResult(Outcome.PERMANENT, cause=bad.cause, reason=reason, public_text=words)
    return SubmitResult(Outcome.TEMPORARY, cause=first_bad.cause, retry_after=retry_after)


def _in_doubt(answers: Sequence[Answer], cause: str, refs: Sequence[str]) -> str:
    """Tell a person which parts went and which did not, or perhaps did not."""
    if len(answers) == 1:
        return cause
    taken = sum(answer.outcome is Outcome.ACCEPTED for answer in answers)
    ids = f" (ids {', '.join(refs)})" if refs else ""
    return f"{taken} of {len(answers)} parts taken{ids}; another: {cause}"
