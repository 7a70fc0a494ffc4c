"""Makes one signed call to a webhook."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.hooks.schedule import Tried, answered
from gateway.hooks.signing import signature_headers
from gateway.keyring import Keyring, KeyringError
from gateway.model import Clock
from gateway.public_http import NoAnswer, PublicHttp, Unsafe


class Caller:
    """Signs a body and posts it; what comes of it is a value, never an exception."""

    def __init__(self, http: PublicHttp, keyring: Keyring, clock: Clock) -> None:
        self._http = http
        self._keyring = keyring
        self._clock = clock

    async def call(self, webhook_id: str, url: str, sealed: Sequence[str], event_id: str, body: str) -> Tried:
        """Post an event to a URL. `sealed` are the webhook's secrets, the newest first."""
        content = body.encode()
        try:
            live = [self._keyring.open(each, webhook_id) for each in sealed]
            signed = signature_headers(event_id, self._clock.now(), content, live)
            answer = await self._http.post(url, content, {"Content-Type": "application/json", **signed})
        except KeyringError:
            return Tried(None, "its secret cannot be read: another secret file is in use")
        except Unsafe as error:
            return Tried(None, f"not called: {error}")
        except NoAnswer as error:
            return Tried(None, str(error))
        return answered(answer)
