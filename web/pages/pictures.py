"""QR codes as answers: a picture for the page, an archive to be kept (D7)."""

from __future__ import annotations

from fastapi.responses import Response


def picture(png: bytes) -> Response:
    """A picture that the page shows."""
    return Response(png, media_type="image/png")


def archive(content: bytes, number: str) -> Response:
    """The package of a number's codes, saved under a name that tells which."""
    name = f"qr-sms-{number.removeprefix('+')}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/zip", headers=headers)
