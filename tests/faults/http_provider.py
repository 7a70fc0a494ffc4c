"""An SMS provider with an HTTP interface, in a process of its own, that misbehaves on demand.

`python -m tests.faults.http_provider JOURNAL` prints its port. `POST /sms` takes {"id", "to", "text"}; what is taken is
written to the journal, a JSON line each with the monotonic seconds, before anything is answered. `PUT /fault/NAME`
begins a fault.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from enum import StrEnum
from pathlib import Path

from aiohttp import web

LATE_SECONDS = 6.0


class Fault(StrEnum):
    """What it can do instead of taking an SMS and saying so."""

    NONE = "none"
    HANG = "hang"
    """Takes it and never answers."""
    MUTE = "mute"
    """Takes nothing and never answers."""
    THROTTLE = "throttle"
    """429, nothing taken."""
    CLOSE = "close"
    """Takes it and closes the connection."""
    DROP = "drop"
    """Takes nothing and closes the connection."""
    CUT = "cut"
    """Takes it and closes in the middle of the answer."""
    LATE = "late"
    """Takes it and answers after the client's patience."""
    LIE = "lie"
    """200 with an error inside, nothing taken."""
    REFUSE = "refuse"
    """200 with an error inside that will not pass, nothing taken."""
    GARBAGE = "garbage"
    """Takes it and answers 200 with what is no answer."""
    BROKEN = "broken"
    """Takes it and answers 500."""


_TAKES_NOTHING = {Fault.MUTE, Fault.THROTTLE, Fault.DROP, Fault.LIE, Fault.REFUSE}


class HttpProvider:
    """The provider."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal.open("a", buffering=1)
        self._fault = Fault.NONE
        self.asked = 0

    async def take(self, request: web.Request) -> web.StreamResponse:
        sms, fault = await request.json(), self._fault
        self._journal.write(json.dumps({"kind": "asked", **sms}) + "\n")
        if fault not in _TAKES_NOTHING:
            self._journal.write(json.dumps({"kind": "received", "at": time.monotonic(), **sms}) + "\n")
        match fault:
            case Fault.HANG | Fault.MUTE:
                await asyncio.Event().wait()
            case Fault.THROTTLE:
                return web.json_response({"error": "slow down"}, status=429)
            case Fault.CLOSE | Fault.DROP:
                return self._hang_up(request)
            case Fault.CUT:
                return await self._half_an_answer(request)
            case Fault.LATE:
                await asyncio.sleep(LATE_SECONDS)
            case Fault.LIE:
                return web.json_response({"error": "try later"})
            case Fault.REFUSE:
                return web.json_response({"error": "no such number"})
            case Fault.GARBAGE:
                return web.Response(text="<html>all is well</html>", content_type="text/html")
            case Fault.BROKEN:
                return web.json_response({"error": "internal"}, status=500)
        return web.json_response({"id": f"ref-{sms['id']}"})

    def _hang_up(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _half_an_answer(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"id": "re')
        return self._hang_up(request)

    async def begin(self, request: web.Request) -> web.Response:
        self._fault = Fault(request.match_info["fault"])
        return web.Response()


async def serve(journal: Path) -> None:
    provider, application = HttpProvider(journal), web.Application()
    application.router.add_post("/sms", provider.take)
    application.router.add_put("/fault/{fault}", provider.begin)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
