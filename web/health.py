"""Liveness and readiness, for whatever starts, watches and feeds the program.

`/livez` answers 200 while the loop turns: no answer means restart. `/readyz` answers 200 while mail can be taken and
kept, else 503: send mail elsewhere. What only needs a person, such as messages that wait, is a warning there and leaves
it 200: taking mail while a provider is away is what a queue is for, and a balancer that turned away from every gateway
at once would turn a delay into refused mail.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

Look = Callable[[], Awaitable[str]]
"""Says in words what is wrong, "" where nothing is. Of an exception its kind is shown, its words are not."""

CHECK_SECONDS = 3.0
"""A check that takes longer has failed: whoever asks does not wait for ever either."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at."""

    name: str
    look: Look
    warns_only: bool = False
    """Whether a problem is shown and leaves the gateway ready."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    name: str
    state: str
    """"fine", "warning" or "failing"."""
    problem: str
    seconds: float
    """What looking took."""


async def look_at(checks: Sequence[Check]) -> list[Finding]:
    """Do all checks at once."""
    return list(await asyncio.gather(*map(_finding, checks)))


def health_routes(checks: Sequence[Check]) -> list[Route]:
    """`/livez` and `/readyz`; the latter's JSON has an entry for each check."""

    async def livez(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> JSONResponse:
        findings = await look_at(checks)
        ready = all(finding.state != "failing" for finding in findings)
        body = {"ready": ready, "checks": [asdict(finding) for finding in findings]}
        return JSONResponse(body, 200 if ready else 503)

    return [Route("/livez", livez), Route("/readyz", readyz)]


async def _finding(check: Check) -> Finding:
    began = time.monotonic()
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            problem = await check.look()
    except TimeoutError:
        problem = f"no answer within {CHECK_SECONDS:g} seconds"
    except Exception as error:  # whatever is wrong, the answer is "not ready"
        problem = f"{type(error).__name__}, see the log"
    state = "fine" if not problem else "warning" if check.warns_only else "failing"
    return Finding(check.name, state, problem, round(time.monotonic() - began, 4))
