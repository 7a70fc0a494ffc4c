"""Makes pages of templates: whole ones, or the one block that htmx asked for.

Convention: a template extends `layout.html`. What is fetched into a place of the page (a table that was filtered, a
dialog) is a block of the same template, so the same address works with scripts and without: the template says
`{% extends layout %}`, and `layout` is a bare one then.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from gateway.numbers import display
from gateway.scopes import Scope
from web.language import NAMES, ago, amount, moment, number, teach, tongue
from web.pages.asked import csrf_token, keep_visit
from web.pages.browsers import browser_words
from web.pages.cookies import Cookies
from web.pages.menu import menu
from web.pages.wording import event_words, state_colour, state_words, way_words
from web.static_files import address

_TEMPLATES = Path(__file__).parent.parent / "templates"


@cache
def templates() -> Environment:
    """The templates, read when a page is first asked for."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    teach(environment)
    environment.filters |= {
        "phone": display,
        "amount": amount,
        "moment": moment,
        "number": number,
        "ago": ago,
        "browser": browser_words,
    }
    environment.globals |= {
        "event_words": event_words,
        "state_words": state_words,
        "state_colour": state_colour,
        "way_words": way_words,
        "asset": address,
        "tongue": tongue,
        "languages": NAMES,
        "Scope": Scope,
    }
    return environment


def fragment_wanted(request: Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return "hx-request" in request.headers and "hx-boosted" not in request.headers


def page(request: Request, template: str, /, *, fragment: str = "", status: int = 200, **values: Any) -> Response:
    """A page; where htmx asks, its block `fragment` alone."""
    if fragment and fragment_wanted(request):
        response = HTMLResponse(part(request, template, fragment, **values), status, {"Vary": "HX-Request"})
        keep_visit(request, response)
        return response
    cookies: Cookies = request.app.state.cookies
    flash = cookies.flash(request)
    rendered = _rendered(request, template, **values, flash=flash, layout="layout.html", fragment=fragment)
    response = HTMLResponse(rendered, status, {"Vary": "HX-Request"})
    keep_visit(request, response)
    if flash is not None:
        cookies.drop_flash(response)
    return response


def part(request: Request, template: str, fragment: str, /, **values: Any) -> str:
    """The block `fragment` of a page."""
    return _rendered(request, template, **values, flash=None, layout="bare.html", fragment=fragment)


def _rendered(request: Request, template: str, /, **values: Any) -> str:
    actor = request.state.actor
    common = {"request": request, "actor": actor, "csrf": csrf_token(request)}
    return (
        templates()
        .get_template(template)
        .render(
            **common,
            parts=templates().get_template("parts.html").make_module(common),
            menu=menu(actor, request.url.path, phones=request.app.state.phones),
            **values,
        )
    )


def done(request: Request, words: str, to: str, *, away: bool = False) -> Response:
    """Something was done: go to a page that says so.

    A dialog closes, and the page below it is read anew; or left for `to`, where it is gone with what was done (`away`).
    """
    if not fragment_wanted(request):
        response: Response = RedirectResponse(to, 303)
    else:
        response = Response(headers={"HX-Redirect": to} if away else {"HX-Refresh": "true"})
    cookies: Cookies = request.app.state.cookies
    cookies.set_flash(response, words)
    return response
