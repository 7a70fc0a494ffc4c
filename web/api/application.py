"""`/api/v1` as an application of its own: its routes, what stands before them, and its own way to say no."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.responses import Response

from gateway.accounts import Accounts
from gateway.model import Clock
from web.api.bearer import Bearers
from web.api.document import document_text
from web.api.gate import DOCUMENT, Gate
from web.api.idempotency import Answers, Idempotency
from web.api.problems import answer_problems
from web.api.routes import api_routes
from web.api.turns import Turns
from web.desk.desk import Desk
from web.problems import Faults


@dataclass(frozen=True, slots=True)
class ApiParts:
    """What the API is made of."""

    desk: Desk
    keys: Accounts
    answers: Answers
    clock: Clock
    calls_per_minute: int
    """With one key; 0 for any number."""


def make_api(parts: ApiParts) -> FastAPI:
    """Put it together; it is mounted at `/api/v1`."""
    api = FastAPI(title="Brevdue", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    answer_problems(api)

    @api.get(DOCUMENT)
    async def document() -> Response:
        text = await asyncio.to_thread(document_text)  # the first time it is made
        return Response(text, media_type="application/json", headers={"Cache-Control": "no-cache"})

    api.include_router(api_routes(parts.desk))
    api.add_middleware(Turns)
    api.add_middleware(Idempotency, answers=parts.answers)
    bearers = Bearers(parts.keys, parts.clock)
    api.add_middleware(Gate, bearers=bearers, clock=parts.clock, per_minute=parts.calls_per_minute)
    api.add_middleware(Faults)  # the last one is the outermost
    return api
