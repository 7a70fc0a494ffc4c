"""The simulator's phones over HTTP: what they received, what they answer, live."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query
from fastapi.responses import HTMLResponse, StreamingResponse
from jinja2 import Environment, FileSystemLoader

from gateway.model import InboundPart, JsonDict
from gateway.numbers import display
from gateway.providers.simulator import MAGIC, SimulatorProvider

_PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)


def simulator_routes(simulators: Mapping[str, SimulatorProvider]) -> APIRouter:
    """Routes under `/sim`; the first simulator serves where none is named."""
    router = APIRouter(prefix="/sim", tags=["simulator"])
    default = next(iter(simulators.values()))

    def chosen(provider: str | None) -> SimulatorProvider:
        if provider is None:
            return default
        if provider not in simulators:
            raise HTTPException(404, f"no simulator is called '{provider}'")
        return simulators[provider]

    @router.get("", response_class=HTMLResponse)
    async def page() -> HTMLResponse:
        """Show the phones."""
        return HTMLResponse(_PAGES.get_template("simulator.html").render(magic=MAGIC))

    @router.get("/messages")
    async def messages(
        to: str | None = None, provider: str | None = None, limit: Annotated[int | None, Query(ge=1)] = None
    ) -> list[JsonDict]:
        """What phones received, oldest first: all of them, or one (`to`, in E.164)."""
        phone = None if to is None else _e164(to)
        return chosen(provider).journal.received(phone, limit)

    @router.get("/phones")
    async def phones(provider: str | None = None) -> list[JsonDict]:
        """Every phone that has received or sent something, the latest first, with its last message."""
        journal = chosen(provider).journal
        return [
            {"phone": phone, "shown": display(phone), "last": journal.conversation(phone)[-1]}
            for phone in journal.phones()[:200]
        ]

    @router.get("/conversation")
    async def conversation(phone: str, provider: str | None = None) -> list[JsonDict]:
        """What one phone received and sent, oldest first."""
        return chosen(provider).journal.conversation(_e164(phone))

    _add_phone_actions(router, chosen)
    return router


def _add_phone_actions(router: APIRouter, chosen: Callable[[str | None], SimulatorProvider]) -> None:
    @router.post("/inbound", status_code=202)
    async def inbound(
        sender: Annotated[str, Form(alias="from")],
        to: Annotated[str, Form()],
        text: Annotated[str, Form()],
        ref: Annotated[str, Form(alias="id")] = "",
        part: Annotated[str, Form()] = "",
        provider: Annotated[str | None, Form()] = None,
    ) -> JsonDict:
        """Send an SMS from a phone.

        `id` is the provider's id (the same twice is one message); `part` is "reference/total/number" for one part of
        a long message. Answered when the message is stored.
        """
        try:
            made = await chosen(provider).inbound(_e164(sender), _e164(to), text, ref=ref, part=_part(part))
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return {"id": made}

    @router.get("/events")
    async def events(provider: str | None = None) -> StreamingResponse:
        """Stream what phones receive and send, as server-sent events."""
        return StreamingResponse(_stream(chosen(provider)), media_type="text/event-stream")


async def _stream(simulator: SimulatorProvider) -> AsyncIterator[str]:
    async with simulator.live() as entries:
        yield ": listening\n\n"
        while entry := await entries.get():
            yield f"data: {json.dumps(entry, ensure_ascii=False)}\n\n"


def _e164(number: str) -> str:
    """A plus in a query or form that was not percent-encoded arrives as a space."""
    return "+" + number.strip().lstrip("+") if number else number


def _part(written: str) -> InboundPart | None:
    if not written:
        return None
    fields = written.split("/")
    if len(fields) != 3 or not (fields[1].isdigit() and fields[2].isdigit()):
        raise ValueError("part is written reference/total/number, such as 7/3/1")
    part = InboundPart(fields[0], int(fields[1]), int(fields[2]))
    if not 1 <= part.number <= part.total <= 255:
        raise ValueError("part: the number is from 1 to the total, the total at most 255")
    return part
