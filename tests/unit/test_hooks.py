"""Webhooks as values: signatures as the standard's own library reads them, times of tries, chosen events, bodies."""

from __future__ import annotations

import base64
import json
import time

import pytest
from standardwebhooks.webhooks import Webhook as Reader
from standardwebhooks.webhooks import WebhookVerificationError

from gateway.hooks.events import CHOICES, EventType, HookEvent, event_id, read_choice
from gateway.hooks.schedule import DELAYS, GIVE_UP_AFTER, answered, next_try
from gateway.hooks.signing import new_secret, signature_headers
from gateway.providers.http_call import Answer

NOW = 1_800_000_000.0


@pytest.mark.proves("webhooks are signed")
def test_the_standards_own_library_reads_the_signature():
    secret, body = new_secret(), '{"text":"blåbærgrød 🫐"}'.encode()
    headers = signature_headers("01M8-1-delivered", time.time(), body, [secret])
    assert Reader(secret).verify(body, headers) == json.loads(body)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    with pytest.raises(WebhookVerificationError):
        Reader(new_secret()).verify(body, headers)


@pytest.mark.proves("webhooks are signed")
def test_both_secrets_of_a_rotation_are_good():
    fresh, old, body = new_secret(), new_secret(), b"{}"
    headers = signature_headers("e", time.time(), body, [fresh, old])
    for secret in (fresh, old):
        Reader(secret).verify(body, headers)


@pytest.mark.proves("webhooks are signed")
@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body"])
def test_what_is_changed_on_the_way_is_noticed(changed: str):
    secret, body = new_secret(), b'{"a":1}'
    headers = signature_headers("event", time.time(), body, [secret])
    if changed == "body":
        body = b'{"a":2}'
    else:
        headers[changed] = headers[changed][:-1] + ("0" if headers[changed][-1] != "0" else "1")
    with pytest.raises(WebhookVerificationError):
        Reader(secret).verify(body, headers)


def tried(status: int, retry_after: str | None = None):
    return answered(Answer(status, "no, thanks", retry_after))


@pytest.mark.proves("webhooks are tried again")
def test_tries_are_ever_further_apart_and_end_after_three_days():
    waits = [next_try(attempts, tried(500), NOW, 0.0) for attempts in range(1, len(DELAYS) + 2)]
    assert waits == [*(NOW + delay for delay in DELAYS), None]
    assert 3 * 86_400 < sum(DELAYS) < GIVE_UP_AFTER
    assert next_try(1, tried(500), NOW, 0.999) < NOW + DELAYS[0] * 1.1


@pytest.mark.proves("webhooks are tried again")
@pytest.mark.parametrize(
    ("says", "wait"), [("60", 60.0), ("1", DELAYS[0]), ("soon", DELAYS[0]), ("999999999", 3600.0), (None, DELAYS[0])]
)
def test_a_receiver_may_ask_for_more_time(says: str | None, wait: float):
    assert next_try(1, tried(503, says), NOW, 0.0) == NOW + wait


@pytest.mark.proves("webhooks are tried again")
def test_what_counts_as_taken():
    assert [status for status in (200, 202, 204, 299, 301, 400, 410, 500) if tried(status).taken] == [
        200,
        202,
        204,
        299,
    ]
    assert [status for status in (404, 410) if tried(status).gone] == [410]
    assert tried(302).cause.startswith("HTTP 302 Found (redirections are not followed)")
    assert tried(500).cause == "HTTP 500 Internal Server Error: no, thanks"
    assert tried(204).cause == "HTTP 204 No Content"


def test_events_are_chosen_by_name_or_by_kind():
    assert read_choice(["message.delivered", "OPTOUT"]) == (
        EventType.MESSAGE_DELIVERED,
        EventType.OPTOUT_CREATED,
        EventType.OPTOUT_ENDED,
    )
    assert read_choice(["message.*", "optout"]) == CHOICES
    for word in ("", "mess", "webhook.ping", "message.read", "."):
        with pytest.raises(ValueError, match="there is no event"):
            read_choice([word])


def test_half_an_emoji_breaks_no_body():
    event = HookEvent("O", event_id("M.1", "received"), EventType.MESSAGE_RECEIVED, NOW, {"text": "hej \ud83d"})
    assert json.loads(event.body().encode()) == {
        "type": "message.received",
        "timestamp": "2027-01-15T08:00:00.000Z",
        "data": {"text": "hej ?"},
    }
    assert event.id == "M-1-received"
    assert "text" not in repr(event)
