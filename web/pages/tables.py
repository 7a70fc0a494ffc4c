"""Tables as files that a spreadsheet opens."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi.responses import Response, StreamingResponse


def table(name: str, content: bytes | AsyncIterator[bytes]) -> Response:
    """A CSV file of this name, whole or in pieces."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    kind = "text/csv; charset=utf-8"
    if isinstance(content, bytes):
        return Response(content, media_type=kind, headers=headers)
    return StreamingResponse(content, media_type=kind, headers=headers)
