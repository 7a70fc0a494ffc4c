"""What an outcome means for a message: when it is tried again, and whether by another way. Pure.

Which way a message takes at first, and in what order the others come, is the choice's business (`gateway.routing`).
Without rules there is one way, the provider that owns the account's number: only there does the answer come back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from gateway.errors import Outcome
from gateway.routing.choice import Candidate, Choice
from gateway.routing.router import led
from gateway.sms import MessageState, OutgoingSms, SubmitResult

RETRY_SECONDS = (2.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0, 3600.0)
"""Pauses between attempts; the last one repeats."""
GIVE_UP_AFTER = 24 * 3600.0
"""Seconds after which an SMS has outlived its use."""
_OF_THE_ROUTE = frozenset({"no-route", "not-allowed", "limit"})
"""Reasons of a permanent refusal that are not the phone's nor the text's: another provider may well take it."""


class After(NamedTuple):
    """Where an outcome leaves a message."""

    state: MessageState
    due: float
    """When it is due again; the time of the outcome where it is not."""
    onward: OutgoingSms | None = None
    """The message as it goes on by another provider."""


def may_go_on(result: SubmitResult) -> bool:
    """Whether the message is known not to have been sent, and another provider may take it.

    What may have been sent goes nowhere, and neither does what is wrong with the phone or the text.
    """
    refused = result.outcome is Outcome.PERMANENT and result.reason in _OF_THE_ROUTE
    return refused or result.outcome is Outcome.TEMPORARY


def after_attempt(message: OutgoingSms, result: SubmitResult, now: float, choice: Choice | None = None) -> After:
    """Where an outcome leaves a message; `choice` names the ways that are left to it, where there are rules.

    Temporary means known not to have been taken: only then is it queued again. Unknown stays unknown.
    """
    match result.outcome:
        case Outcome.ACCEPTED:
            return After(MessageState.SUBMITTED, now)
        case Outcome.UNKNOWN:
            return After(MessageState.UNKNOWN, now)
    if result.outcome is Outcome.PERMANENT and not may_go_on(result):
        return After(MessageState.FAILED, now)
    refused = result.outcome is Outcome.PERMANENT
    to, at_once = _next(message, choice, refused=refused) if choice else (None, False)
    if to is None and refused:
        return After(MessageState.FAILED, now)
    pause = 0.0 if at_once else result.retry_after or RETRY_SECONDS[min(message.attempts, len(RETRY_SECONDS) - 1)]
    if now + pause > message.created_at + GIVE_UP_AFTER:
        return After(MessageState.FAILED, now)
    return After(MessageState.QUEUED, now + pause, _onward(message, to, refused=refused))


def _next(message: OutgoingSms, choice: Choice, *, refused: bool) -> tuple[Candidate | None, bool]:
    """The way that is left, and whether at once. None where the message stays with its provider.

    At once only to one that comes later in the order: where all have been asked, the round begins anew after a pause.
    """
    names = [each.provider for each in choice.candidates]
    place = names.index(message.provider) if message.provider in names else -1
    able = [
        (at, each)
        for at, each in enumerate(choice.candidates)
        if not each.objection and each.provider != message.provider
    ]
    awake = [(at, each) for at, each in able if not each.rests]
    for at, each in awake:
        if at > place:
            return each, True
    if awake:
        return awake[0][1], False
    return (able[0][1] if able and refused else None), False


def _onward(message: OutgoingSms, to: Candidate | None, *, refused: bool) -> OutgoingSms | None:
    if to is None:
        return None
    onward = led(message, to)
    if refused:
        return replace(onward, refused_by=f"{message.refused_by} {message.provider}".strip())
    return onward
