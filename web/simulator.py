"""The simulator's phones over HTTP: what they received, what they answer, live."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, FastAPI, Form, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from gateway.model import JsonDict
from gateway.numbers import NumberError, display, to_e164
from gateway.providers.simulator import MAGIC, SimulatorProvider
from gateway.sms import InboundPart
from web.mistakes import wrong_input
from web.problems import Faults, refused

if TYPE_CHECKING:
    from jinja2 import Environment

PHONES = 200
"""Phones that the page lists."""
LONGEST = 255 * 153
"""Characters in the longest text that a phone can send: as many parts as 3GPP TS 23.040 §9.2.3.24.1 can count."""
QUIET_SECONDS = 15.0
"""After so long without an event the stream says that it is still there, so that nothing between closes it."""

_SEPARATORS = re.compile(r"[\s().\-/\u00a0\u2010-\u2015\u200b-\u200f\u202a-\u202e\u2060-\u206f]+")

Chosen = Callable[[str | None], SimulatorProvider]
"""The simulator of a name, or the first where none is named. Raises HTTPException 404."""


@cache
def _pages() -> Environment:
    """The templates: read, and their engine imported, when a person first looks."""
    from jinja2 import Environment, FileSystemLoader

    return Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)


def make_phones(simulators: Mapping[str, SimulatorProvider], region: str) -> FastAPI:
    """What answers `/sim`; the first simulator serves where none is named. Phones without a plus are of `region`."""
    app = FastAPI(
        title="Brevdue's phones", docs_url=None, redoc_url=None, openapi_url="/sim/openapi.json", redirect_slashes=False
    )
    app.add_exception_handler(RequestValidationError, wrong_input)
    app.add_exception_handler(StarletteHTTPException, refused)
    app.add_middleware(Faults)
    router = APIRouter(prefix="/sim", tags=["simulator"])
    default = next(iter(simulators.values()))

    def chosen(provider: str | None) -> SimulatorProvider:
        if provider is None:
            return default
        if provider not in simulators:
            raise HTTPException(404, f"no such simulator: there is {', '.join(simulators)}")
        return simulators[provider]

    @router.get("", response_class=HTMLResponse)
    async def page(provider: str | None = None) -> HTMLResponse:
        """Show the phones."""
        shown = chosen(provider).name
        template = _pages().get_template("simulator.html")
        return HTMLResponse(template.render(magic=MAGIC, simulators=list(simulators), shown=shown))

    _add_phone_views(router, chosen, region)
    _add_phone_actions(router, chosen, region)
    app.include_router(router)
    return app


def _add_phone_views(router: APIRouter, chosen: Chosen, region: str) -> None:
    @router.get("/messages")
    async def messages(
        to: str | None = None, provider: str | None = None, limit: Annotated[int | None, Query(ge=1)] = None
    ) -> list[JsonDict]:
        """What phones received, oldest first: all of them, or one (`to`)."""
        phone = None if to is None else _phone(to, region)
        return chosen(provider).journal.received(phone, limit)

    @router.get("/phones")
    async def phones(provider: str | None = None) -> list[JsonDict]:
        """Every phone that has received or sent something, the latest first, with its last message."""
        journal = chosen(provider).journal
        return [
            {"phone": phone, "shown": display(phone), "last": _as_shown(journal.last(phone))}
            for phone in journal.phones()[:PHONES]
        ]

    @router.get("/conversation")
    async def conversation(phone: str, provider: str | None = None) -> list[JsonDict]:
        """What one phone received and sent, oldest first."""
        return [_as_shown(entry) for entry in chosen(provider).journal.conversation(_phone(phone, region))]


def _add_phone_actions(router: APIRouter, chosen: Chosen, region: str) -> None:
    @router.post("/inbound", status_code=202)
    async def inbound(
        sender: Annotated[str, Form(alias="from")],
        to: Annotated[str, Form()],
        text: Annotated[str, Form(max_length=LONGEST)],
        ref: Annotated[str, Form(alias="id")] = "",
        part: Annotated[str, Form()] = "",
        provider: Annotated[str | None, Form()] = None,
    ) -> JsonDict:
        """Send an SMS from a phone.

        `id` is the provider's id (the same twice is one message); `part` is "reference/total/number" for one part of
        a long message. Answered when the message is stored.
        """
        try:
            made = await chosen(provider).inbound(_phone(sender, region), _e164(to), text, ref=ref, part=_part(part))
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return {"id": made}

    @router.get("/events")
    async def events(request: Request, provider: str | None = None) -> StreamingResponse:
        """Stream what phones receive and send, as server-sent events."""
        stream = _stream(chosen(provider), request.state.stopping)
        headers = {"X-Accel-Buffering": "no"}  # nginx passes each event on at once
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _stream(simulator: SimulatorProvider, stopping: asyncio.Event) -> AsyncIterator[str]:
    """Server-sent events (WHATWG HTML §9.2) until the simulator or the server stops."""
    async with simulator.live() as entries:
        stop = asyncio.create_task(stopping.wait())
        stop.add_done_callback(lambda _: None if entries.full() else entries.put_nowait({}))
        try:
            yield "retry: 1000\n: listening\n\n"
            while True:
                try:
                    entry = await asyncio.wait_for(entries.get(), QUIET_SECONDS)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if not entry or stopping.is_set():
                    return
                yield f"data: {json.dumps(_as_shown(entry))}\n\n"
        finally:
            stop.cancel()


def _as_shown(entry: JsonDict) -> JsonDict:
    """An entry with the phone and the number at its other end, as E.164 and as people read them."""
    phone, peer = (entry["to"], entry["from"]) if entry["kind"] == "received" else (entry["from"], entry["to"])
    return {**entry, "phone": phone, "peer": peer, "phone_shown": display(phone), "peer_shown": display(peer)}


def _e164(written: str) -> str:
    """A number without the separators that people write; what is no number stays as it is.

    A plus in a query or form that was not percent-encoded arrives as a space: it is put back.
    """
    digits = _SEPARATORS.sub("", written).removeprefix("+").removeprefix("00")
    return f"+{digits}" if digits.isdecimal() else written


def _phone(written: str, region: str) -> str:
    """A phone in E.164; one without a plus is read as people of the region write it. Raises HTTPException 422."""
    if not _SEPARATORS.sub("", written).isdecimal() or written.startswith((" ", "00")):
        return _e164(written)
    try:
        return to_e164(written, region)
    except NumberError as error:
        detail = f"'{written}' is no phone number in {region} ({error.reason}): write + and the country code before it"
        raise HTTPException(422, detail) from None


def _part(written: str) -> InboundPart | None:
    if not written:
        return None
    reference, *counts = written.split("/")
    if len(counts) != 2 or not reference or not all(re.fullmatch("[0-9]{1,3}", count) for count in counts):
        raise ValueError("part is written reference/total/number, such as 7/3/1")
    part = InboundPart(reference, int(counts[0]), int(counts[1]))
    if not 1 <= part.number <= part.total <= 255:
        raise ValueError("part: the number is from 1 to the total, the total at most 255")
    return part
