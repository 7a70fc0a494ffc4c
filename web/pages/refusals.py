"""What a person sees when a page cannot be shown or a deed not be done: a page, or the dialog that asked."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from gateway import maillog
from gateway.maillog import Event
from gateway.registry.errors import AccountError, NotFound
from gateway.store.database import StoreUnavailableError
from web.identity.actor import NotAllowed
from web.language import gettext as _
from web.language import told
from web.pages.asked import ForeignForm, SignInNeeded
from web.pages.render import fragment_wanted, page


def answer_people(app: FastAPI) -> None:
    """Let refusals of pages be pages."""
    for kind, answer in {
        SignInNeeded: _strangers,
        ForeignForm: _foreign,
        NotAllowed: _not_allowed,
        NotFound: _not_found,
        AccountError: _refused,
        HTTPException: _http,
        RequestValidationError: _invalid,
        StoreUnavailableError: _away,
        Exception: _fault,  # which is raised again behind it, and logged
    }.items():
        app.add_exception_handler(kind, answer)


async def _strangers(request: Request, _error: Exception) -> Response:
    target = "/sign-in"
    if request.method == "GET" and not fragment_wanted(request) and request.url.path != "/":
        query = f"?{request.url.query}" if request.url.query else ""
        target = f"/sign-in?{urlencode({'next': request.url.path + query})}"
    return Response(headers={"HX-Redirect": target}) if fragment_wanted(request) else RedirectResponse(target, 303)


async def _foreign(request: Request, _error: Exception) -> Response:
    words = _("This page was open for too long, or another site sent the form. Go back, reload, and send it again.")
    return problem_page(request, 403, _("That did not come from here"), words)


async def _not_allowed(request: Request, _error: Exception) -> Response:
    words = _("Your role does not include this. Ask an administrator of your organisation.")
    return problem_page(request, 403, _("You may not do this"), words)


async def _not_found(request: Request, _error: Exception) -> Response:
    return problem_page(request, 404, _("There is nothing here"), _("It may have been closed, or it never was."))


async def _refused(request: Request, error: Exception) -> Response:
    words = told(error) if isinstance(error, AccountError) else ""
    return problem_page(request, 422, _("That cannot be done"), words)


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException) or error.status_code == 404:
        return await _not_found(request, error)
    return problem_page(request, error.status_code, _("That cannot be done"), str(error.detail))


async def _invalid(request: Request, _error: Exception) -> Response:
    return problem_page(request, 422, _("That cannot be read"), _("Something in the address or the form is wrong."))


async def _away(request: Request, error: Exception) -> Response:
    maillog.warn(Event.FAULT, cause=str(error), where=request.url.path)
    words = _("The database does not answer. Nothing was changed; try again in a moment.")
    return problem_page(request, 503, _("Not right now"), words)


async def _fault(request: Request, _error: Exception) -> Response:
    return problem_page(request, 500, _("Something went wrong here"), _("It has been written to the log. Try again."))


def problem_page(request: Request, status: int, title: str, words: str) -> Response:
    """A page that says what went wrong, or the same in the dialog that asked."""
    return page(request, "problem.html", fragment="dialog", status=status, title=title, words=words)
