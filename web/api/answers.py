"""Answers: one thing with its `ETag`, a page with the link to the next, and conditions on both (RFC 9110 §13)."""

from __future__ import annotations

import hashlib
from typing import TypeVar
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from gateway.paging import Page
from web.api import problems
from web.api.forms import Listed

T = TypeVar("T", bound=BaseModel)
_JSON = "application/json"


def etag(thing: BaseModel) -> str:
    """A strong validator: the same as long as every byte of the representation is."""
    return _etag(thing.model_dump_json().encode())


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def one(request: Request, thing: BaseModel, status: int = 200, location: str = "") -> Response:
    """A single thing; 304 where the client has it already."""
    body = thing.model_dump_json().encode()
    headers = {"ETag": _etag(body)} | _location(request, location)
    if request.method == "GET" and _names(request.headers.get("if-none-match"), headers["ETag"], weakly=True):
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers, _JSON)


def told(request: Request, thing: BaseModel, status: int = 200, location: str = "") -> Response:
    """What is said once and kept by nobody on the way: a secret, a count, what became of a call."""
    return Response(thing.model_dump_json().encode(), status, _location(request, location), _JSON)


def only_if_unchanged(request: Request, thing: BaseModel) -> None:
    """Obey `If-Match`. Raises CallRefused."""
    wanted = request.headers.get("if-match")
    if wanted is not None and not _names(wanted, etag(thing), weakly=False):
        raise problems.changed_meanwhile()


def _names(header: str | None, tag: str, *, weakly: bool) -> bool:
    """Whether a list of entity tags names one (RFC 9110 §8.8.3.2)."""
    if header is None:
        return False
    if header.strip() == "*":
        return True
    named = (each.strip() for each in header.split(","))
    return tag in {each.removeprefix("W/") if weakly else each for each in named}


def listed(request: Request, page: Page[T]) -> Response:
    """A page, with `Link: rel=next` (RFC 8288)."""
    body = Listed[BaseModel].model_construct(items=list(page.items), next=page.next)
    headers = {}
    if page.next is not None:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        headers["Link"] = f'<{request.url.path}?{urlencode([*query, ("cursor", page.next)])}>; rel="next"'
    content = body.model_dump_json(serialize_as_any=True, warnings=False).encode()
    return Response(content, 200, headers, _JSON)


def _location(request: Request, path: str) -> dict[str, str]:
    return {"Location": f"{request.scope.get('root_path', '')}{path}"} if path else {}


def nothing() -> Response:
    """Done, and nothing to be said."""
    return Response(status_code=204)
