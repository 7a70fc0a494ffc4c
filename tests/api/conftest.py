"""A gateway that runs, with two organisations in it, and a client that speaks to its API."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.scopes import KEY_SCOPES
from tests.gateway_process import Gateway

PREFIX = "/api/v1"


@dataclass(frozen=True)
class Answer:
    """What a call was answered."""

    status: int
    headers: dict[str, str]
    content: bytes = field(repr=False)

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        assert self.headers["content-type"] == "application/problem+json"
        return str(self.body["code"])


@dataclass(frozen=True)
class Client:
    """Calls the API with a key."""

    gateway: Gateway
    secret: str = ""

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """`body` is JSON, or bytes as they are; underscores in names of headers are hyphens."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        if data is not None:
            given["Content-Type"] = "application/json"
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://127.0.0.1:{self.gateway.http_port}{PREFIX}{path}"
        request = urllib.request.Request(url, data, given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Answer(answer.status, _lowered(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _lowered(error.headers), error.read())

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)


def _lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@dataclass(frozen=True)
class Firm:
    """An organisation with one account."""

    name: str
    client: Client
    key_id: str
    """Of the key that its account is under."""
    account_id: str
    email: str
    number: str

    def send(self, *phones: str, text: str = "Hej", **headers: str) -> Answer:
        return self.client.post("/messages", {"account": self.email, "to": list(phones), "text": text}, **headers)


def rest_key(gateway: Gateway, organisation: str, *scopes: str) -> str:
    """A new key of the kind rest, with all scopes that a key can hold where none are named."""
    words = [word for scope in scopes or KEY_SCOPES for word in ("--scope", str(scope))]
    made = gateway.run("key", "create", "--org", organisation, "--kind", "rest", *words, "--json")
    return str(json.loads(made)["key"])


def firm(gateway: Gateway, name: str, email: str) -> Firm:
    """Make an organisation."""
    client = Client(gateway, rest_key(gateway, name))
    dialog = client.post("/keys", {"kind": "dialog", "label": "Sales"}).body
    account = client.post("/accounts", {"key": dialog["key"]["id"], "email": email}).body
    return Firm(name, client, dialog["key"]["id"], account["id"], account["email"], account["number"])


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One for all tests of a file, whose API counts no calls, and for which no name has an address."""
    made = Gateway(tmp_path_factory.mktemp("gateway"), '[dns]\nservers = ["127.0.0.1:1"]\ntimeout = 0.1\n')
    made.config.write_text(made.config.read_text().replace("[http]\n", "[http]\napi_calls_per_minute = 0\n"))
    with made:
        yield made


@pytest.fixture(scope="module")
def acme(gateway: Gateway) -> Firm:
    return firm(gateway, "Acme A/S", "anna@acme.example")


@pytest.fixture(scope="module")
def other(gateway: Gateway) -> Firm:
    return firm(gateway, "Other ApS", "otto@other.example")
