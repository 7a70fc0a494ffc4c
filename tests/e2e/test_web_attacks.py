"""The web under attack: a gateway as people run it, and raw requests from whoever reaches its port."""

from __future__ import annotations

import asyncio
import io
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import pytest

from tests.api.conftest import firm
from tests.gateway_process import DOMAIN, Gateway, mail

PASSWORD = "four words that nobody knows"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


class Visitor:
    """A browser without scripts: it keeps cookies, and sends the token of the page that it was on."""

    def __init__(self, gateway: Gateway, prefix: str = "") -> None:
        self.url = f"http://127.0.0.1:{gateway.http_port}"
        self.cookies: dict[str, str] = {}
        self.said: list[str] = []
        """Each Set-Cookie that came."""
        self.prefix = prefix

    async def ask(self, method: str, path: str, **fields: str) -> tuple[int, str, str]:
        """Status, text and Location."""
        told = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
            http.request(method, self.url + path, data=fields or None, headers=told, allow_redirects=False) as answer,
        ):
            self.said += answer.headers.getall("Set-Cookie", [])
            for name, morsel in answer.cookies.items():
                self.cookies[name] = morsel.value
            return answer.status, await answer.text(), answer.headers.get("Location", "")

    async def send(self, path: str, origin: str, **fields: str) -> tuple[int, str, str]:
        """Fill in the form of a page, and send it."""
        _, text, _ = await self.ask("GET", origin)
        found = re.search(r'name="csrf" value="([0-9a-f]+)"|"X-CSRF-Token": "([0-9a-f]+)"', text)
        assert found, text
        return await self.ask("POST", path, csrf=found[1] or found[2], **fields)

    @property
    def token(self) -> str:
        return self.cookies.get(f"{self.prefix}brevdue", "")


def link_of(text: str) -> str:
    found = re.search(r"/link/[0-9a-f]{64}", text)
    assert found, text
    return found[0]


async def first_operator(gateway: Gateway, prefix: str = "") -> Visitor:
    """Follow the link that the terminal gives."""
    path = link_of(gateway.run("admin", "link"))
    visitor = Visitor(gateway, prefix)
    status, text, _ = await visitor.send(
        path, path, email="op@firm.example", name="Op", password=PASSWORD, again=PASSWORD
    )
    assert status == 303, text
    return visitor


# --- cookies over https --------------------------------------------------------------------------------------------


@pytest.mark.proves("cookies")
async def test_over_https_cookies_are_secure_and_of_this_host_alone(tmp_path: Path):
    gateway = Gateway(tmp_path)
    config = gateway.config.read_text().replace("[http]\n", '[http]\npublic_url = "https://sms.firm.example"\n')
    gateway.config.write_text(config)
    with gateway:
        visitor = await first_operator(gateway, "__Host-")
        assert visitor.token
        assert (await visitor.ask("GET", "/me"))[0] == 200
        for said in visitor.said:
            assert said.startswith("__Host-"), said
            for word in ("; HttpOnly", "; Secure", "; Path=/", "; SameSite=lax"):
                assert word in said, said
            assert "domain=" not in said.lower()
        bare = Visitor(gateway)
        bare.cookies = {"brevdue": visitor.token}
        assert (await bare.ask("GET", "/me"))[0] == 303, "a cookie that a neighbour may have set is none of ours"


@pytest.mark.proves("one-time links")
async def test_a_mailed_link_leads_to_public_url_whatever_host_was_asked(gateway: Gateway):
    key = gateway.key()
    gateway.account(key, "vera@firm.example")
    visitor = Visitor(gateway)
    _, text, _ = await visitor.ask("GET", "/sign-in/employee")
    csrf = re.findall(r'name="csrf" value="([0-9a-f]+)"', text)[0]
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    headers["Cookie"] = f"visit={visitor.cookies['visit']}"
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{visitor.url}/sign-in/employee", data={"csrf": csrf, "email": "vera@firm.example"}, headers=headers
        ) as answer,
    ):
        assert answer.status == 200
    (sent,) = await asyncio.to_thread(gateway.mails, 1, to="vera@firm.example", subject="SMS")
    assert "evil.example" not in sent.as_string()
    assert link_of(sent.get_content())


# --- floods --------------------------------------------------------------------------------------------------------


@pytest.mark.stopwatch
@pytest.mark.proves("guessing passwords")
async def test_two_hundred_who_sign_in_at_once_stop_no_mail(gateway: Gateway):
    """Each costs 46 MiB and a processor's time: two at once, some wait, the others are told to come again."""
    assert gateway.process is not None
    key = gateway.key()
    gateway.account(key, "mia@firm.example")
    visitor = Visitor(gateway)
    _, text, _ = await visitor.ask("GET", "/sign-in")
    csrf = re.findall(r'name="csrf" value="([0-9a-f]+)"', text)[0]
    before = _memory(gateway.process.pid)
    waits: list[float] = []
    over = threading.Event()

    def write_mails() -> None:
        while not over.is_set() or not waits:
            begun = time.monotonic()
            gateway.send(
                mail(f"{key}@{DOMAIN}", "30645001", f"Hej {begun}", "mia@firm.example"), sender="mia@firm.example"
            )
            waits.append(time.monotonic() - begun)

    writer = threading.Thread(target=write_mails)
    writer.start()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(visitor.url, connector=connector) as http:

        async def one(number: int) -> int:
            # each from an address of its own, as a flood comes: the proxy says so
            headers = {
                "X-Forwarded-For": f"198.51.{number // 250}.{number % 250}",
                "Cookie": f"visit={visitor.cookies['visit']}",
            }
            fields = {"csrf": csrf, "email": f"u{number}@firm.example", "password": "wrong " * 5}
            async with http.post("/sign-in", data=fields, headers=headers) as answer:
                await answer.read()
                return answer.status

        statuses = await asyncio.gather(*(one(number) for number in range(200)))
    over.set()
    await asyncio.to_thread(writer.join)
    assert set(statuses) <= {422, 429, 503}
    assert statuses.count(503) > 50
    assert max(waits) < 5.0, waits
    assert _memory(gateway.process.pid) - before < 400, "MB"


def _memory(pid: int) -> int:
    """The most that a process has held, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) // 1024


@pytest.mark.proves("Idempotency-Key", "sent once")
def test_twenty_of_the_same_call_at_once_are_one_sms(gateway: Gateway):
    acme = firm(gateway, "Racing A/S", "race@racing.example")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: acme.send("30645002", Idempotency_Key="race"), range(20)))
    assert {answer.status for answer in answers} <= {201, 409}
    done = [answer for answer in answers if answer.status == 201]
    assert len({answer.content for answer in done}) == 1
    acme.send("30645002", text="bagefter")
    assert [sms["text"] for sms in gateway.sms("+4530645002", 2)] == ["Hej", "bagefter"]
    assert len(acme.client.get("/messages?phone=%2B4530645002").body["items"]) == 2


@pytest.mark.proves("ETag")
def test_of_twenty_who_change_the_same_thing_at_once_one_does(gateway: Gateway):
    acme = firm(gateway, "Etag A/S", "etag@etag.example")
    path = f"/accounts/{acme.account_id}"
    tag = acme.client.get(path).headers["etag"]
    addresses = [f"e{number}@etag.example" for number in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda email: acme.client.call("PATCH", path, {"email": email}, If_Match=tag), addresses)
        )
    assert sorted({answer.status for answer in answers}) in ([200, 412], [200])
    assert [answer.status for answer in answers].count(200) == 1


# --- bodies that do harm -------------------------------------------------------------------------------------------


BOUNDARY = "multipart/form-data; boundary=b"
BOMBS = {
    "a million fields": ("application/x-www-form-urlencoded", b"a&" * 1_500_000),
    "a million parts": (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 60_000),
    "a header without end": (BOUNDARY, b"--b\r\nX: " + b"x" * 3_000_000),
    "boundaries alone": (BOUNDARY, b"--b\r\n" * 700_000),
    "a field of megabytes": ("application/x-www-form-urlencoded", b"email=" + b"%41" * 1_200_000),
    "many files": (
        BOUNDARY,
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\r\n' * 50_000,
    ),
    "a charset that is slow": (
        BOUNDARY + "; charset=punycode",
        b'--b\r\nContent-Disposition: form-data; name="email"\r\n\r\n' + b"a" * 900_000 + b"\r\n--b--\r\n",
    ),
}


@pytest.mark.stopwatch
@pytest.mark.proves("any page")
@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_strangers_form_takes_no_time(gateway: Gateway, bomb: str):
    """Four megabytes are let in: they are refused in little more time than they take to read."""
    assert gateway.process is not None
    kind, body = BOMBS[bomb]
    before = _seconds(gateway.process.pid)
    visitor = Visitor(gateway)
    async with aiohttp.ClientSession(visitor.url) as http:
        for path in ("/sign-in", "/accounts/bulk"):
            try:
                async with http.post(
                    path, data=io.BytesIO(body), headers={"Content-Type": kind}, allow_redirects=False
                ) as answer:
                    assert answer.status in {303, 400, 403, 413, 415, 422}
            except aiohttp.ClientOSError:
                pass  # answered before all of it was sent
    assert _seconds(gateway.process.pid) - before < 3.0


def _seconds(pid: int) -> float:
    """The processor's time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.proves("any page", "always problems")
@pytest.mark.parametrize("value", ["a\0b", "\ud800", "9" * 5000, "'\"><svg onload=alert(1)>", "x" * 100_000])
def test_no_call_stumbles_over_what_it_holds(gateway: Gateway, value: str):
    acme = firm(gateway, "Nasty A/S", "nasty@nasty.example")
    calls = [
        ("/messages", {"account": value, "to": ["30645003"], "text": "Hej"}),
        ("/messages", {"account": acme.email, "to": [value], "text": value}),
        ("/messages/count", {"text": value}),
        ("/keys", {"kind": "dialog", "label": value}),
        ("/keys", {"kind": "rest", "scopes": [value]}),
        ("/accounts", {"key": acme.key_id, "email": value}),
        ("/webhooks", {"url": value}),
    ]
    for path, body in calls:
        answer = acme.client.post(path, json.dumps(body).encode())
        assert answer.status in {200, 201, 404, 413, 422}, (path, answer.status)
