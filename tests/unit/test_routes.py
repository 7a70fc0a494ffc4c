"""Where an outcome leaves a message, and when it is tried again."""

from __future__ import annotations

import pytest

from gateway.errors import Outcome
from gateway.routes import GIVE_UP_AFTER, RETRY_SECONDS, after_attempt
from gateway.sms import Encoding, MessageState, OutgoingSms, SmsText, SubmitResult


def sms(attempts: int = 0) -> OutgoingSms:
    text = SmsText("hej", Encoding.GSM7, 1, 3)
    return OutgoingSms(
        "M.1", "O", "A", "K", "+45609946000001", "+4530643064", text, "p", created_at=0.0, attempts=attempts
    )


@pytest.mark.proves("never sent again blindly")
@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.ACCEPTED, MessageState.SUBMITTED),
        (Outcome.PERMANENT, MessageState.FAILED),
        (Outcome.UNKNOWN, MessageState.UNKNOWN),
        (Outcome.TEMPORARY, MessageState.QUEUED),
    ],
)
def test_only_what_is_known_unsent_is_queued_again(outcome: Outcome, state: MessageState):
    assert after_attempt(sms(), SubmitResult(outcome), 10.0)[0] is state


@pytest.mark.proves("provider throttles")
def test_pauses_grow_and_a_provider_may_name_its_own():
    pauses = [after_attempt(sms(attempts), SubmitResult(Outcome.TEMPORARY), 0.0)[1] for attempts in range(20)]
    assert pauses == sorted(pauses)
    assert pauses[0] == RETRY_SECONDS[0]
    assert after_attempt(sms(), SubmitResult(Outcome.TEMPORARY, retry_after=77.0), 0.0)[1] == 77.0


@pytest.mark.proves("provider throttles")
def test_a_message_that_has_outlived_its_use_fails():
    assert after_attempt(sms(9), SubmitResult(Outcome.TEMPORARY), GIVE_UP_AFTER)[0] is MessageState.FAILED
