"""What is wrong with the fields of a request, in sentences.

Promises: wrong input is called by its field's name and not repeated (it may hold a key or a text).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from web.problems import ProblemResponse

_PLACES = {
    "body": "the form",
    "query": "the query",
    "path": "the path",
    "header": "the headers",
    "cookie": "the cookies",
}


async def wrong_input(_request: Request, error: Exception) -> ProblemResponse:
    """The answer to wrong fields: 422, with each of them."""
    errors = mistakes(cast("RequestValidationError", error))  # the only kind that it is registered for
    return ProblemResponse(422, "; ".join(found["message"] for found in errors), errors=errors)


def mistakes(error: RequestValidationError) -> list[dict[str, str]]:
    """Each field that cannot be taken, with a sentence."""
    return [_mistake(found) for found in error.errors()]


def _mistake(found: Mapping[str, Any]) -> dict[str, str]:
    """One of pydantic's findings as the field's name and a sentence."""
    place, *path = (str(step) for step in found["loc"])
    where = _PLACES.get(place, place)
    field = ".".join(path)
    if found["type"] == "missing":
        return {"field": field, "message": f"'{field}' is missing or empty in {where}"}
    message = str(found["msg"])
    return {"field": field, "message": f"'{field}' in {where}: {message[:1].lower()}{message[1:]}"}
