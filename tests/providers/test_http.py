"""What only the generic HTTP provider has: ways to sign in, bodies, a fair pool of connections, proofs of webhooks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from brevdue.providers import make_providers
from gateway.errors import Outcome
from gateway.providers.base import Forged, Unreadable, WebhookRequest
from gateway.providers.http import HttpProvider
from gateway.settings import ProviderSettings
from gateway.sms import InboundPart, InboundSms
from tests.ports import free_port
from tests.providers.contract import NUMBER, PHONE, form_of, query_of, sms
from tests.providers.door import Sink, door
from tests.providers.peer import Answer, Fault, Peer

SECRET = "0123456789abcdef"
FORM: dict[str, Any] = {"form": {"to": "{to}", "from": "{from}", "text": "{text}"}}


@asynccontextmanager
async def provider(url: str, sink: Sink | None = None, **options: Any) -> AsyncIterator[HttpProvider]:
    body = {} if {"query", "json", "xml"} & set(options) else FORM
    made = HttpProvider("acme", {"url": url, "timeout": 5, "connect_timeout": 5} | body | options)
    await made.start(sink or Sink())
    try:
        yield made
    finally:
        await made.stop()


# --- requests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ({}, None),
        ({"token": "t0ken"}, "Bearer t0ken"),
        ({"user": "bø", "password": "a:b"}, "Basic " + base64.b64encode("bø:a:b".encode()).decode()),
        ({"headers": {"Authorization": "App k3y"}}, "App k3y"),
    ],
)
async def test_ways_to_sign_in(peer: Peer, options: dict[str, Any], written: str | None):
    async with provider(peer.url, **options) as acme:
        assert (await acme.submit(sms())).outcome is Outcome.ACCEPTED
    assert peer.requests[0].headers.get("authorization") == written


async def test_bodies(peer: Peer):
    async with provider(peer.url) as acme:
        await acme.submit(sms("Hej & farvel"))
    async with provider(peer.url, xml="<sms to='{to}'>{text}</sms>") as acme:
        await acme.submit(sms("Hej & <farvel> €"))
    query = {"to": "{to}", "text": "{text}"}
    async with provider(f"{peer.url}/a?b=1", method="PUT", query=query, headers={"X-Id": "{id}"}) as acme:
        await acme.submit(sms("Hej"))
    form, xml, put = peer.requests
    assert form_of(form) == {"to": PHONE, "from": NUMBER, "text": "Hej & farvel"}
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    assert xml.body.decode() == f"<sms to='{PHONE}'>Hej &amp; &lt;farvel&gt; €</sms>"
    assert (put.method, put.body, query_of(put)) == ("PUT", b"", {"b": "1", "to": PHONE, "text": "Hej"})
    assert put.headers["x-id"] == sms().id


async def test_ids_and_words_in_plain_text(peer: Peer):
    peer.script = [
        Answer(200, "ID: a1\nID: a2\n"),
        Answer(400, "ERR 114, no such number\n"),
        Answer(200, "ERR 7, busy"),
    ]
    answer = {
        "id_pattern": r"(?m)^ID: (\S+)$",
        "error_pattern": r"ERR \d+, (.*)",
        "rule": [{"matches": "^ERR 7,", "outcome": "temporary", "retry_after": 3}],
    }
    async with provider(peer.url, answer=answer) as acme:
        taken, refused, busy = [await acme.submit(sms()) for _ in range(3)]
    assert (taken.outcome, taken.refs) == (Outcome.ACCEPTED, ("a1", "a2"))
    assert (refused.outcome, refused.cause) == (Outcome.PERMANENT, "HTTP 400 Bad Request: no such number")
    assert (busy.outcome, busy.cause, busy.retry_after) == (Outcome.TEMPORARY, "HTTP 200 OK: busy", 3)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("7", 7.0),
        ("0", None),
        ("-5", None),
        ("99999999999999999999", 3600.0),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 3600.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("soon", None),
    ],
)
async def test_retry_after(peer: Peer, written: str, seconds: float | None):
    peer.script = [Answer(429, "", {"Retry-After": written})]
    async with provider(peer.url) as acme:
        result = await acme.submit(sms())
    assert (result.outcome, result.retry_after) == (Outcome.TEMPORARY, seconds)


async def test_a_certificate_of_ones_own(tmp_path: Path):
    async def take(_request: web.Request) -> web.Response:
        return web.Response()

    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    application = web.Application()
    application.router.add_post("/", take)
    server = TestServer(application, scheme="https")
    await server.start_server(ssl=context)
    try:
        async with provider(f"https://127.0.0.1:{server.port}/", ca_file=str(tmp_path / "ca.pem")) as acme:
            assert (await acme.submit(sms())).outcome is Outcome.ACCEPTED
        async with provider(f"https://127.0.0.1:{server.port}/") as acme:
            stranger = await acme.submit(sms())
    finally:
        await server.close()
    assert stranger.outcome is Outcome.TEMPORARY
    assert "Certificate" in stranger.cause


async def test_whoever_sends_knows_where_the_provider_shall_call(peer: Peer):
    """Also a process that only sends, and opens no door itself."""
    hook = {"secret": SECRET, "message": MESSAGE}
    options = {"url": peer.url, "form": FORM["form"] | {"callback": "{webhook}"}, "webhook": hook}
    table = ProviderSettings.model_validate({"name": "acme", "kind": "http"} | options)
    acme = make_providers([table], "https://sms.example.com")["acme"]
    await acme.start(Sink())
    await acme.submit(sms())
    await acme.stop()
    assert form_of(peer.requests[0])["callback"] == f"https://sms.example.com/in/acme/{SECRET}"


async def test_before_the_start_and_after_the_stop_nothing_is_sent(peer: Peer):
    acme = HttpProvider("acme", {"url": peer.url} | FORM)
    assert (await acme.submit(sms())).outcome is Outcome.TEMPORARY
    assert not peer.requests


# --- connections ---------------------------------------------------------------------------------------------------


async def test_everybody_gets_a_turn_on_few_connections(peer: Peer):
    async with provider(peer.url, connections=2) as acme:
        results = await asyncio.gather(*(acme.submit(sms()) for _ in range(200)))
    assert Counter(result.outcome for result in results) == {Outcome.ACCEPTED: 200}
    assert peer.connections == 2


async def test_whoever_waits_behind_a_silent_server_was_surely_not_sent(peer: Peer):
    peer.script = [Fault.SILENCE]
    async with provider(peer.url, connections=1, timeout=0.3, connect_timeout=0.3) as acme:
        results = await asyncio.gather(*(acme.submit(sms()) for _ in range(4)))
    outcomes = Counter(result.outcome for result in results)
    assert outcomes[Outcome.UNKNOWN] == len(peer.requests)
    assert outcomes[Outcome.TEMPORARY] == 4 - len(peer.requests) > 0


@pytest.mark.proves("never sent again blindly")
async def test_a_get_on_a_lost_connection_is_sent_once(peer: Peer):
    """HTTP clients repeat a GET by themselves, for it should have no effect; this one has."""
    peer.script = [Answer(), Fault.CLOSE, Answer()]
    async with provider(peer.url, method="GET", query={"to": "{to}", "text": "{text}"}) as acme:
        outcomes = [(await acme.submit(sms())).outcome for _ in range(2)]
    assert outcomes == [Outcome.ACCEPTED, Outcome.UNKNOWN]
    assert len(peer.requests) == 2


@pytest.mark.proves("never sent again blindly")
async def test_nginx_that_closes_connections_costs_no_message(tmp_path: Path, require: Callable[[str], str]):
    port = free_port()
    scratch = "".join(
        f"{kind}_temp_path {tmp_path}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}\n"
        f"http {{ access_log {tmp_path}/access; {scratch} keepalive_requests 25;\n"
        f"  server {{ listen 127.0.0.1:{port}; default_type application/json;\n"
        f'    location / {{ return 200 \'{{"id":"$request_id"}}\'; }} }} }}\n'
    )
    process = subprocess.Popen([require("nginx"), "-e", tmp_path / "log", "-c", tmp_path / "nginx.conf"])
    try:
        # A thousand at once wait for their turn: on a busy machine longer than they would wait otherwise.
        patient: dict[str, Any] = {"answer": {"id": "/id"}, "connections": 8, "timeout": 60}
        async with provider(f"http://127.0.0.1:{port}/", **patient) as acme:
            while (await acme.submit(sms())).outcome is Outcome.TEMPORARY:
                await asyncio.sleep(0.02)
            results = await asyncio.gather(*(acme.submit(sms()) for _ in range(1000)))
    finally:
        process.terminate()
        process.wait(10)
    assert Counter(result.outcome for result in results) == {Outcome.ACCEPTED: 1000}
    assert len({result.refs for result in results}) == 1000
    assert len((tmp_path / "access").read_text().splitlines()) == 1001


# --- proofs of webhooks --------------------------------------------------------------------------------------------

MESSAGE = {"from": "from", "to": "to", "text": "text", "id": "id"}
FIELDS = {"from": PHONE, "to": NUMBER, "text": "Hej", "id": "mo-1"}


async def hear(webhook: Mapping[str, Any], request: WebhookRequest) -> list[Any]:
    """The events of a request."""
    sink = Sink()
    async with provider(
        "http://127.0.0.1:1", sink, webhook={"secret": SECRET, "message": MESSAGE} | dict(webhook)
    ) as acme:
        acme.admit(request.path, request.client)
        await acme.hear(request)
    return sink.events


def post(body: bytes | Mapping[str, Any], **headers: str) -> WebhookRequest:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest("POST", SECRET, "", {"content-type": "application/json"} | given, content, "192.0.2.7")


@pytest.mark.parametrize(
    ("networks", "client", "admitted"),
    [
        (["192.0.2.0/24"], "192.0.2.7", True),
        (["192.0.2.0/24"], "::ffff:192.0.2.7", True),
        (["192.0.2.0/24", "2001:db8::/32"], "2001:db8::1", True),
        (["192.0.2.0/24"], "192.0.3.7", False),
        (["192.0.2.0/24"], "2001:db8::1", False),
        (["192.0.2.0/24"], "nobody", False),
        ([], "nobody", True),
    ],
)
@pytest.mark.proves("forged webhook")
async def test_networks(networks: list[str], client: str, admitted: bool):
    async with provider(
        "http://127.0.0.1:1", webhook={"secret": SECRET, "message": MESSAGE, "networks": networks}
    ) as acme:
        if admitted:
            acme.admit(SECRET, client)
        else:
            with pytest.raises(Forged):
                acme.admit(SECRET, client)


@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.proves("forged webhook", "one flipped bit")
async def test_signatures_of_every_kind(algorithm: str, encoding: str):
    body = json.dumps(FIELDS).encode()
    digest = hmac.digest(b"k3y", body, algorithm)
    written = digest.hex().upper() if encoding == "hex" else base64.b64encode(digest).decode()
    options = {"signature": {"header": "X-Sign", "key": "k3y", "algorithm": algorithm, "encoding": encoding}}
    assert len(await hear(options, post(body, x_sign=written))) == 1
    for bit in range(0, len(digest) * 8, 7):
        flipped = bytearray(digest)
        flipped[bit // 8] ^= 1 << bit % 8
        wrong = flipped.hex() if encoding == "hex" else base64.b64encode(flipped).decode()
        with pytest.raises(Forged):
            await hear(options, post(body, x_sign=wrong))


@pytest.mark.proves("forged webhook")
async def test_what_is_not_signed_is_not_read():
    options = {"signature": {"header": "X-Sign", "key": "k3y"}}
    body = json.dumps({"from": PHONE, "to": NUMBER, "id": "mo-1"}).encode()
    signed = post(body, x_sign=hmac.new(b"k3y", body, hashlib.sha256).hexdigest())
    with pytest.raises(Unreadable):
        await hear(options, WebhookRequest("POST", SECRET, "text=Hej", signed.headers, body, ""))


@pytest.mark.proves("forged webhook")
async def test_a_secret_field():
    options = {"field": {"at": "key", "value": "k3y-of-acme"}}
    assert len(await hear(options, post(FIELDS | {"key": "k3y-of-acme"}))) == 1
    for wrong in ("k3y-of-acm", "", "K3Y-OF-ACME"):
        with pytest.raises(Forged):
            await hear(options, post(FIELDS | {"key": wrong}))
    with pytest.raises(Forged):
        await hear(options, post(FIELDS))


async def test_lists_parts_conditions_and_times():
    options = {
        "list": "/results/*",
        "message": MESSAGE
        | {
            "at": "when", "part_ref": "ref", "part_total": "total", "part_number": "part",
            "when": {"at": "kind", "is": ["MO"]},
        },
        "report": {"id": "id", "status": "text", "statuses": {"failed": ["x"]}, "when": {"at": "kind", "is": "DLR"}},
    }  # fmt: skip
    moment = "2025-11-24T17:00:00+01:00"
    piece = FIELDS | {"kind": "mo", "when": moment, "ref": 7, "total": 2, "part": 1}
    whole = FIELDS | {"kind": "mo", "when": "1764000000123", "total": "many"}
    first, second = await hear(options, post({"results": [piece, whole]}))
    assert first == InboundSms("acme", "mo-1", PHONE, NUMBER, "Hej", 1764000000.0, InboundPart("7", 2, 1))
    assert (second.part, second.at) == (None, 1764000000.123)
    (report,) = await hear(options, post({"results": [FIELDS | {"kind": "dlr", "text": "x"}]}))
    assert (report.ref, report.status) == ("mo-1", "failed")
    with pytest.raises(Unreadable):
        await hear(options, post({"results": [FIELDS | {"kind": "other"}]}))


async def test_without_an_id_time_and_words_tell_a_message():
    options = {"message": {"from": "from", "to": "to", "text": "text", "at": "at"}}
    refs = [
        (await hear(options, post(FIELDS | {"at": at, "text": text})))[0].ref
        for at, text in [("1", "a"), ("1", "a"), ("2", "a"), ("1", "b")]
    ]
    assert refs[0] == refs[1]
    assert len(set(refs)) == 3
    with pytest.raises(Unreadable):
        await hear(options, post(FIELDS))


@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", b"null", b"7", b'"x"', b"[[]]", b"[" * 100_000, b'{"from": {}}'])
async def test_hostile_bodies_are_unreadable(body: bytes):
    for media_type in ("application/json", "application/x-www-form-urlencoded", "", "multipart/form-data"):
        with pytest.raises(Unreadable):
            await hear({}, post(body, content_type=media_type))


# --- the door ------------------------------------------------------------------------------------------------------


@pytest.mark.proves("forged webhook", "canary key")
async def test_the_door_refuses_all_strangers_alike(capfd: pytest.CaptureFixture[str]):
    hook = {"secret": SECRET, "message": MESSAGE}
    async with provider("http://127.0.0.1:1", webhook=hook) as acme, door(acme) as http:
        said = set()
        for target in ("/in/acme/", "/in/acme", "/in/acme/0123456789abcdeF", "/in/other/" + SECRET, "/in/", "/in//"):
            async with http.post(target, data=FIELDS) as answer:
                said.add((answer.status, await answer.text()))
        assert said == {(403, "forbidden\n")}
        async with http.put(f"/in/acme/{SECRET}", data=FIELDS) as answer:
            assert answer.status == 405
    assert SECRET not in "".join(capfd.readouterr())


@pytest.mark.proves("body limit")
async def test_the_door_limits_what_it_reads(monkeypatch: pytest.MonkeyPatch):
    hook = {"secret": SECRET, "message": MESSAGE}
    async with provider("http://127.0.0.1:1", webhook=hook) as acme, door(acme) as http:
        async with http.post(f"/in/acme/{SECRET}", data=b"x" * 1_000_001) as answer:
            assert answer.status == 413
        monkeypatch.setattr("web.webhooks.BODY_SECONDS", 0.3)

        async def slow() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.sleep(1)
            yield b"}"

        async with http.post(f"/in/acme/{SECRET}", data=slow()) as answer:
            assert answer.status == 408


async def test_the_answer_that_the_provider_wants():
    hook = {
        "secret": SECRET,
        "message": MESSAGE,
        "answer": {"status": 202, "text": "<Response/>", "media_type": "text/xml"},
    }
    sink = Sink()
    async with provider("http://127.0.0.1:1", sink, webhook=hook) as acme, door(acme) as http:
        async with http.post(f"/in/acme/{SECRET}", data=FIELDS) as answer:
            assert (answer.status, answer.content_type, await answer.text()) == (202, "text/xml", "<Response/>")
        async with http.get(f"/in/acme/{SECRET}", params=FIELDS) as answer:
            assert answer.status == 202
    assert len(sink.events) == 2


async def test_a_provider_without_webhook_hears_nothing():
    async with (
        provider("http://127.0.0.1:1") as acme,
        door(acme) as http,
        http.post(f"/in/acme/{SECRET}", data=FIELDS) as answer,
    ):
        assert answer.status == 403


async def test_a_provider_that_goes_away_in_the_middle_is_no_fault(capfd: pytest.CaptureFixture[str]):
    hook = {"secret": SECRET, "message": MESSAGE}
    async with provider("http://127.0.0.1:1", webhook=hook) as acme, door(acme) as http:
        assert isinstance(http, aiohttp.ClientSession)
        base = http._base_url
        assert base is not None
        _reader, writer = await asyncio.open_connection(base.host, base.port)
        writer.write(f"POST /in/acme/{SECRET} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nfrom=".encode())
        await writer.drain()
        writer.close()
        async with http.post(f"/in/acme/{SECRET}", data=FIELDS) as answer:
            assert answer.status == 200
    assert "fault" not in "".join(capfd.readouterr())
