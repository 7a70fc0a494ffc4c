"""What a call that went wrong is answered: RFC 9457 problem details with a word that programs can rely on.

In: whatever was raised. Out: a `ProblemResponse` with the member `code`. Promises: never HTML, whoever refuses; what
was sent is not repeated but by the name of its field.
"""

from __future__ import annotations

import math

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from campaigns.campaign import NotNow
from campaigns.drafts import BadDraft
from campaigns.filters.errors import BadFilter
from campaigns.text_errors import TextError
from gateway.errors import Outcome, Refusal
from gateway.registry.errors import (
    AccountError,
    AccountExists,
    NoFreeNumber,
    NotFound,
    NumberInUse,
    PausedKey,
    TooManySecrets,
)
from web.identity.actor import NotAllowed
from web.mistakes import mistakes
from web.problems import ProblemResponse

REALM = 'Bearer realm="Brevdue"'


class Mistake(BaseModel):
    """One field that cannot be taken."""

    field: str = Field(examples=["phones"])
    message: str = Field(examples=["'phones' in the form: field required"])


class Problem(BaseModel):
    """What went wrong (RFC 9457), for the program and for the person behind it."""

    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["nothing to send: write a text"])
    code: str = Field(examples=["empty-text"], description="A stable word for programs.")
    at: int | None = Field(None, description="Where in a filter the mistake is, from 0.", examples=[None])
    length: int | None = Field(None, description="How many characters of it are meant.", examples=[None])
    errors: list[Mistake] | None = Field(None, description="Which fields are wrong, where single fields are.")


class CallRefused(Exception):
    """A call that is not answered as asked."""

    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def no_key() -> CallRefused:
    """There is no bearer key, or nothing of the form of one (RFC 6750 §3)."""
    return CallRefused(401, "no-key", "send a key of the kind rest: Authorization: Bearer <key>", _challenge())


def wrong_key() -> CallRefused:
    """No live key is so; which keys there are is not told."""
    headers = _challenge('error="invalid_token"')
    return CallRefused(
        401, "wrong-key", "there is no such key: was it rotated, or is it one of the kind dialog?", headers
    )


def paused_key() -> CallRefused:
    """The key rests."""
    return CallRefused(403, "key-paused", "the key is paused: ask your administrator to switch it on again")


def too_many(seconds: float, of: str) -> CallRefused:
    """More calls than allowed."""
    wait = max(1, math.ceil(seconds))
    return CallRefused(429, "rate-limited", f"too many {of}: try again in {wait} seconds", {"Retry-After": str(wait)})


def too_large(most: int) -> CallRefused:
    """The body is larger than any that is meant."""
    return CallRefused(413, "too-large", f"a body has at most {most} bytes")


def changed_meanwhile() -> CallRefused:
    """`If-Match` names another state than the one that is there (RFC 9110 §13.1.1)."""
    return CallRefused(
        412, "changed-meanwhile", "this was changed meanwhile: get it again, and look before you change it"
    )


def answer_problems(app: FastAPI) -> None:
    """Let an application answer all of them as problems."""
    for kind in (CallRefused, NotAllowed, AccountError, Refusal, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answer)


async def _answer(_request: Request, error: Exception) -> Response:
    return problem_of(error)


def problem_of(error: Exception) -> ProblemResponse:
    """The answer to what was raised."""
    match error:
        case CallRefused():
            answer = ProblemResponse(error.status, error.detail, error.headers, code=error.code)
        case RequestValidationError():
            errors = mistakes(error)
            answer = ProblemResponse(422, "; ".join(each["message"] for each in errors), code="invalid", errors=errors)
        case NotAllowed():
            detail = f"this key may not do that: it needs the scope {error.scope}"
            challenge = _challenge(f'error="insufficient_scope", scope="{error.scope}"')
            answer = ProblemResponse(403, detail, challenge, code="scope-missing")
        case BadDraft() | TextError() | BadFilter():
            answer = _beside_fields(error)
        case Refusal():
            answer = _refusal(error)
        case AccountError():
            status, code = next((_KINDS[kind] for kind in type(error).mro() if kind in _KINDS), (422, "invalid"))
            answer = ProblemResponse(status, str(error), code=code)
        case HTTPException(status_code=400):
            answer = ProblemResponse(422, "the body is no JSON in UTF-8", code="invalid")
        case HTTPException():
            answer = ProblemResponse(error.status_code, str(error.detail), error.headers)
        case _:
            raise error
    return answer


def _beside_fields(error: BadDraft | TextError | BadFilter) -> ProblemResponse:
    """What somebody wrote cannot be meant: each mistake with its field."""
    match error:
        case BadDraft():
            wrong = [{"field": name, "message": str(problem)} for name, problem in error.problems.items()]
            detail = "; ".join(f"{each['field']}: {each['message']}" for each in wrong)
            return ProblemResponse(422, detail, code="invalid", errors=wrong)
        case TextError():
            mistake = {"field": "texts", "message": str(error)}
            return ProblemResponse(422, str(error), code="invalid", errors=[mistake])
        case BadFilter():
            mistake = {"field": "filter", "message": f"at character {error.at + 1}: {error}"}
            return ProblemResponse(
                422, str(error), code="bad-filter", errors=[mistake], at=error.at, length=error.length
            )


_KINDS: dict[type, tuple[int, str]] = {
    NotFound: (404, "not-found"),
    NotNow: (409, "not-now"),
    AccountExists: (409, "account-exists"),
    NoFreeNumber: (409, "no-free-number"),
    NumberInUse: (409, "number-in-use"),
    PausedKey: (409, "key-paused"),
    TooManySecrets: (409, "rotating-already"),
}
_CAUSES = {
    "key paused": (409, "account-paused"),
    "account closed": (409, "account-closed"),
    "opted out": (422, "opted-out"),
    "identity used": (422, "idempotency-key-used"),
    "bad number": (422, "bad-number"),
    "no phone number": (422, "no-phone"),
    "empty text": (422, "empty-text"),
    "too many recipients": (422, "too-many-phones"),
}


def _refusal(refusal: Refusal) -> ProblemResponse:
    """A refusal of the transport: what is temporary may be tried again."""
    detail = refusal.public_text
    if refusal.outcome is Outcome.TEMPORARY:
        return ProblemResponse(429, detail, {"Retry-After": "60"}, code="rate-limited")
    status, code = _CAUSES.get(refusal.cause, (422, _code_of(refusal.cause)))
    return ProblemResponse(status, detail, code=code)


def _code_of(cause: str) -> str:
    if cause.startswith("daily limit"):
        return "daily-limit"
    if cause.startswith("country"):
        return "country-not-allowed"
    return "too-long" if cause.endswith("parts") else "refused"


def _challenge(more: str = "") -> dict[str, str]:
    return {"WWW-Authenticate": f"{REALM}, {more}" if more else REALM}
