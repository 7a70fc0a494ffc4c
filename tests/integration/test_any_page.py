"""Whatever stands in an address, a form or a cookie, each page answers in words: no 5xx, no fault in the log.

Made of the site's own routes and the parameters of their functions, on both databases: PostgreSQL refuses what SQLite
keeps (NUL, numbers of more than 64 bits).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

import aiohttp
import pytest
from yarl import URL

from gateway.store.database import Database
from tests.places import Place, places
from tests.site import Browser, Site, serving
from web.identity.model import LinkKind
from web.identity.roles import Role

pytestmark = pytest.mark.proves("any page")

NASTY: Mapping[str, bytes] = {
    "empty": b"",
    "NUL": b"a\0b",
    "a surrogate": b"\xed\xa0\x80",
    "no UTF-8": b"\xff\xfe\xc0",
    "a large number": b"9" * 400,
    "a number of 64 bits": b"9223372036854775808",
    "less than nothing": b"-1",
    "no number": b"NaN",
    "markup": b"\"'><svg onload=alert(1)>{{7*7}}%s%(n)s{0.__class__}",
    "a header": b"a\r\nX-Injected: yes\r\n\r\n",
    "a path": b"../../../../etc/passwd",
    "another host": b"//evil.example/\\evil.example",
    "a pattern": b"%_%\\",
    "long": b"x" * 5_000,
    "beyond the plane": "\U0001f926\U0001f3fd\u202e\u2028\ufeff\x7f\x1b[2J".encode(),
    "brackets": b"[" * 2_500,
}
"""What no page expects, as it travels: percent-encoded in an address, as it is in a form."""


BROKEN_OFF = 599


@dataclass(frozen=True)
class House:
    """The site, an owner and an operator, and something of each kind by the names of paths."""

    site: Site
    owner: Browser
    operator: Browser
    samples: Mapping[str, str]


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    async with serving(database, tmp_path) as site:
        org, key = await site.organisation()
        account = await site.accounts.open_account(key.id, "anna@firm.example")
        person = await site.identity.people.create("carl@firm.example", Role.READER, org.id)
        link = await site.identity.links.make(
            LinkKind.INVITATION, org_id=org.id, email="x@firm.example", role=Role.READER
        )
        owner, operator = await site.person(Role.OWNER, org.id), await site.person(Role.OPERATOR, None)
        samples = {"account_id": account.id, "key_id": key.id, "person_id": person.id, "phone": "+4530640000"}
        book = await site.rooms.contacts.book(org.id)
        group = await site.rooms.contact_groups.make(book, "Regulars", "has: phone")
        samples |= {"group_id": group.id}
        samples |= {"token": link, "number": account.number, "name": "simulator", "verdict": "sent"}
        yield House(site, owner, operator, samples)


async def ask(browser: Browser, place: Place, values: Mapping[str, bytes], samples: Mapping[str, str]) -> int:
    """The status that a page is answered with, whose parameters are `values`, and beside them samples."""

    def said(name: str) -> str:
        return quote_from_bytes(values[name] if name in values else samples.get(name, "x").encode(), safe="")

    path = re.sub(r"{(\w+)[^}]*}", lambda found: said(found[1]), place.path)
    query = "&".join(f"{name}={said(name)}" for name in place.in_query if name in values)
    form = "&".join(f"{name}={said(name)}" for name in place.in_form)
    url = URL(f"{browser.http._base_url}".rstrip("/") + path + (f"?{query}" if query else ""), encoded=True)
    headers = {"X-CSRF-Token": await browser.csrf(), "Content-Type": "application/x-www-form-urlencoded"}
    sent = form.encode() if place.method != "GET" else None
    async with (
        aiohttp.ClientSession(cookie_jar=browser.http.cookie_jar) as http,
        http.request(place.method, url, data=sent, headers=headers, allow_redirects=False) as answer,
    ):
        try:
            text = await answer.text(errors="replace")
        except aiohttp.ClientPayloadError:
            return BROKEN_OFF
        assert "<svg onload" not in text, (place, values)
        assert "X-Injected" not in answer.headers
        assert "evil.example" not in answer.headers.get("Location", "").split("?")[0], (place, values)
        return answer.status


ENDING = {"/sign-out", "/mine/close"}
"""What would leave the others to be asked by a stranger; that they answer is proven elsewhere."""


SHARES = 4
"""Tests that the pages are dealt out to, for each to end long before a test may last."""


@pytest.mark.parametrize("share", range(SHARES))
async def test_no_page_stumbles_over_what_is_said_to_it(house: House, share: int):
    stumbled = []
    for place in list(places(house.site.rooms))[share::SHARES]:
        if place.path in ENDING:
            continue
        for what, value in NASTY.items():
            fields = (*place.in_query, *place.in_form)
            tries = [dict.fromkeys(place.in_path, value)] if place.in_path else []
            tries += [dict.fromkeys(fields, value)] if fields else []
            for values in tries:
                status = await ask(house.owner, place, values, house.samples)
                if status == 403:
                    status = await ask(house.operator, place, values, house.samples)
                if status >= 500:
                    stumbled.append((status, place.method, place.path, what, tuple(values)))
    assert not stumbled, "\n".join(map(str, stumbled))


CHARSETS = ["unicode_escape", "raw_unicode_escape", "utf-7", "idna", "punycode", "utf-16", "hex", "x" * 500, "\x00"]
"""What a form may say that it is written in: some of them make halves of characters, some fail in ways of their own."""


@pytest.mark.parametrize("charset", CHARSETS, ids=lambda name: name[:20].strip("\0") or "NUL")
async def test_no_form_stumbles_over_how_it_is_written(house: House, charset: str):
    written = b"a\\ud800\\x00+2AA-\xff\xfexn--\xd8\x00"
    fields = [("email", written), ("csrf", written), ("key", house.samples["key_id"].encode())]
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)
        for name, value in fields
    )
    content_type = f"multipart/form-data; boundary=b; charset={charset}".encode()
    for path in ("/accounts/new", "/sign-in", "/sign-in/passkey"):
        for csrf in ("", await house.owner.csrf()):
            told = {b"Content-Type": content_type, b"Cookie": _cookie(house.owner)} | (
                {b"X-CSRF-Token": csrf.encode()} if csrf else {}
            )
            assert await _raw(house.site, path, body + b"--b--\r\n", told) in {303, 400, 403, 415, 422}, (path, charset)


def _cookie(browser: Browser) -> bytes:
    return "; ".join(f"{each.key}={each.value}" for each in browser.http.cookie_jar).encode()


async def _raw(site: Site, path: str, body: bytes, headers: Mapping[bytes, bytes], method: str = "POST") -> int:
    """The status of a request of these very bytes; 0 where the connection ends without an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.server.port)
    told = b"".join(b"%s: %s\r\n" % each for each in headers.items())
    head = b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n"
    writer.write(head % (method.encode(), path.encode(), len(body)) + told + b"\r\n" + body)
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1]) if answer else 0


COOKIES = [
    "flash=5",
    "flash=%5B%5D",
    "flash=%5B1%2C2%5D",
    "flash=%5B%22x%22%2C%22%00%22%5D",
    "flash=" + "%5B" * 9_000,
    "flash=%ff%fe",
    "timezone=..%2F..%2Fetc%2Fpasswd",
    "timezone=%00",
    "language=%00; timezone=" + "x" * 9_000,
    "visit=" + "x" * 9_000,
    "brevdue=%00; brevdue=\xff",
    "attempt=x.y.z",
    "=; ;;; =x; a",
]


@pytest.mark.parametrize("cookie", COOKIES, ids=lambda cookie: cookie[:25])
async def test_no_cookie_stumbles(house: House, cookie: str):
    for path in ("/", "/sign-in", "/accounts", "/sign-in/sso/back?state=x&code=y", "/sign-in/code"):
        own = b"" if cookie.startswith("brevdue") else _cookie(house.owner) + b"; "
        status = await _raw(house.site, path, b"", {b"Cookie": own + cookie.encode("latin-1")}, "GET")
        assert 200 <= status < 500, path


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/static/../app.py", 404),
        ("/static/%2e%2e/app.py", 404),
        ("/static/..%2fapp.py", 404),
        ("/static//etc/passwd", 404),
        ("/static/%00", 404),
        ("//evil.example/accounts", 404),
        ("/accounts/", 404),
        ("/%2e%2e/accounts", 404),
        ("/accounts?q=a&q=b&sort=x&sort=y", 200),
        ("/accounts/new?key=%00", 422),
    ],
)
async def test_paths_lead_nowhere_else(house: House, path: str, status: int):
    assert await _raw(house.site, path, b"", {b"Cookie": _cookie(house.owner)}, "GET") == status


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "PROPFIND"])
async def test_other_methods_do_nothing(house: House, method: str):
    path = f"/accounts/{house.samples['account_id']}/close"
    headers = {b"Cookie": _cookie(house.owner), b"X-CSRF-Token": (await house.owner.csrf()).encode()}
    assert await _raw(house.site, path, b"", headers, method) in {400, 405}
    account = await house.site.accounts.account(house.samples["account_id"])
    assert account is not None
    assert account.closed_at is None
