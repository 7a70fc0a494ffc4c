"""Style sheets, scripts and icons out of the package, compressed once.

A page names a file with a digest of its content (`address`), so a browser may keep what it has for ever; a name without
the right digest, as in an old page, is answered and not kept.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

FOLDER = Path(__file__).parent / "static"
_TEXTS = ("text/", "image/svg+xml", "application/javascript")
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    compressed: bytes | None
    media_type: str
    digest: str


@cache
def _names() -> frozenset[str]:
    return frozenset(str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*") if file.is_file())


@cache
def _file(name: str) -> _File:
    content = (FOLDER / name).read_bytes()
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    compressed = gzip.compress(content, mtime=0) if media_type.startswith(_TEXTS) else None
    return _File(content, compressed, media_type, hashlib.sha256(content).hexdigest()[:12])


@cache
def address(name: str) -> str:
    """Where a page finds a file of the folder. Raises FileNotFoundError."""
    return f"/static/{name}?{_file(name).digest}"


async def static_files(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request below `/static`. Raises HTTPException 404, 405."""
    request = Request(scope)
    if request.method not in {"GET", "HEAD"}:
        raise HTTPException(405)
    name = request.url.path.removeprefix("/static/")
    if name not in _names():
        raise HTTPException(404, "no such file")
    file = await asyncio.to_thread(_file, name)
    etag = f'"{file.digest}"'
    headers = {"ETag": etag, "Vary": "Accept-Encoding"}
    if request.url.query == file.digest:
        headers["Cache-Control"] = _FOR_EVER
    if request.headers.get("if-none-match") == etag:
        await Response(status_code=304, headers=headers)(scope, receive, send)
        return
    content = file.content
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = file.compressed, "gzip"
    await Response(content, headers=headers, media_type=file.media_type)(scope, receive, send)
