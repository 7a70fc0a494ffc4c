"""The cookies of pages: out of scripts' reach, of other sites' forms, and over https of every other host."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from web.pages.cookies import Cookies

pytestmark = pytest.mark.proves("sessions")


def digest(text: str, purpose: str) -> str:
    return f"{purpose}:{text}"


def set_by(response: Response) -> list[tuple[str, set[str]]]:
    cookies = [value.decode() for name, value in response.raw_headers if name == b"set-cookie"]
    return [(each.split("=")[0], {part.strip().lower() for part in each.split(";")[1:]}) for each in cookies]


@pytest.mark.parametrize("secure", [True, False])
def test_every_cookie_is_http_only_lax_and_secure_over_https(secure: bool):
    cookies, response = Cookies(secure=secure, digest=digest), Response()
    cookies.keep_session(response, "t" * 64, 100)
    cookies.keep_visit(response, "v")
    cookies.set_flash(response, "done")
    cookies.keep_attempt(response, "sealed", 100)
    cookies.drop_session(response)
    made = set_by(response)
    assert len(made) == 5
    for name, attributes in made:
        assert {"httponly", "samesite=lax", "path=/"} <= attributes
        assert not any(each.startswith("domain") for each in attributes)
        assert ("secure" in attributes) is name.startswith("__Host-") is secure


def test_over_https_a_cookie_that_a_neighbour_has_set_counts_for_nothing():
    cookies = Cookies(secure=True, digest=digest)
    request = Request({"type": "http", "headers": [(b"cookie", b"brevdue=stolen; __Host-brevdue=own")]})
    assert cookies.session(request) == "own"
