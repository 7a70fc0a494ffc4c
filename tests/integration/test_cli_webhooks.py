"""`brevdue webhook`, a gateway that calls, and the receivers that docs/webhooks.md shows."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from gateway.hooks.signing import new_secret, signature_headers
from tests.gateway_process import DOMAIN, Gateway, mail, wait_for
from tests.integration.test_cli import Cli
from tests.receiver import OPEN, Receiver, Says, receiving

GUIDE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()


@pytest.fixture
def brevdue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    commands = Cli(tmp_path, capsys)
    commands.config.write_text(OPEN)
    assert commands.run("org", "create", "Firma").status == 0
    return commands


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.mark.proves("webhooks by hand")
def test_the_life_of_a_webhook(brevdue: Cli, receiver: Receiver):
    url = f"{receiver.url}/hook"
    made = brevdue.json("webhook", "create", url, "--org", "Firma", "--event", "optout")
    assert (made["url"], made["events"]) == (url, ["optout.created", "optout.ended"])
    hook = made["id"]
    assert made["secret"] in brevdue.text("webhook", "show", hook)
    assert made["secret"] not in brevdue.text("webhook", "list")
    assert brevdue.text("webhook", "ping", hook) == "taken: HTTP 204 No Content"
    assert brevdue.text("webhook", "pause", hook) == "paused"
    assert brevdue.json("webhook", "list")[0]["state"] == "paused"
    assert brevdue.text("webhook", "resume", hook.lower()) == "resumed"
    assert brevdue.text("webhook", "edit", hook, "--event", "message", "--description", "the shop") == "changed"
    [shown] = brevdue.json("webhook", "list", "--org", "Firma")
    assert (shown["description"], len(shown["events"])) == ("the shop", 6)
    fresh = brevdue.text("webhook", "rotate", hook, "--hours", "2")
    assert brevdue.json("webhook", "show", hook)["secrets"] == [fresh, made["secret"]]
    [call] = brevdue.json("webhook", "deliveries", hook)
    assert (call["event"], call["state"], call["came_to"]) == ("webhook.ping", "delivered", "HTTP 204 No Content")
    assert brevdue.text("webhook", "redeliver", hook, call["id"]) == "queued"
    assert brevdue.text("webhook", "delete", hook) == "deleted"
    assert brevdue.json("webhook", "list") == []


@pytest.mark.proves("webhooks by hand")
def test_what_cannot_be_done_says_why(brevdue: Cli):
    refusal = partial(brevdue.refusal, "webhook")
    assert refusal("create", "https://10.0.0.1/", "--org", "Firma") == (
        "10.0.0.1 is not an address of the public Internet"
    )
    assert refusal("create", "ftp://x.example/", "--org", "Firma").startswith("the URL must begin with https://")
    assert refusal("create", "https://x.example/", "--org", "Firma", "--event", "sms").startswith(
        "there is no event 'sms': message.received, "
    )
    assert refusal("create", "https://x.example/", "--org", "Nobody").startswith("there is no organisation")
    assert refusal("show", "X") == "there is no webhook 'X': brevdue webhook list"
    hook = brevdue.json("webhook", "create", "https://x.example/", "--org", "Firma")["id"]
    assert refusal("deliveries", hook, "--state", "lost") == "calls are queued, delivered or failed, not 'lost'"
    assert refusal("redeliver", hook, "X") == "there is no such call"
    assert refusal("rotate", hook, "--hours", "-1").startswith("the old secret can go on signing for")


@pytest.mark.proves("webhooks by hand")
def test_a_ping_that_is_not_taken_is_status_1(brevdue: Cli, receiver: Receiver):
    receiver.answer("/hook", Says(403))
    hook = brevdue.json("webhook", "create", f"{receiver.url}/hook", "--org", "Firma")["id"]
    done = brevdue.run("webhook", "ping", hook)
    assert (done.status, done.out) == (1, "not taken: HTTP 403 Forbidden\n")


@pytest.mark.proves("webhooks tell", "webhooks are signed")
@pytest.mark.parametrize("language", ["python", "node"])
def test_the_receivers_of_the_guide_know_our_calls(
    language: str, receiver: Receiver, require: Callable[[str], str], tmp_path: Path
):
    """A mail becomes an SMS in a gateway that runs; what the receiver heard is handed to the code in the guide."""
    with Gateway(tmp_path, OPEN) as gateway:
        key = gateway.key()
        gateway.account(key)
        secret = gateway.run("webhook", "create", f"{receiver.url}/hook", "--org", "Firma A/S")
        time.sleep(1.1)  # for so long a connection may trust what it knows of webhooks
        gateway.send(mail(f"{key}@{DOMAIN}", "30643064", "Hej Anders æøå"))
        wait_for(lambda: any(b"message.delivered" in call.body for call in list(receiver.calls)), "the report", 20)
        line = wait_for(lambda: gateway.events("webhook-delivered"), "its line in the log")[-1]
        assert set(line) >= {"id", "org", "webhook", "attempt", "cause"}
    call = next(call for call in receiver.calls if b"message.delivered" in call.body)
    assert json.loads(call.body)["data"]["text"] == "Hej Anders æøå"
    judge = _python if language == "python" else _node
    heard = dict(call.headers)
    assert judge(require, tmp_path, secret, heard, call.body)
    assert not judge(require, tmp_path, secret, heard, call.body + b" ")
    assert not judge(require, tmp_path, new_secret(), heard, call.body)
    old = signature_headers("x", time.time() - 400, call.body, [secret])
    assert not judge(require, tmp_path, secret, old, call.body)
    both = signature_headers("x", time.time(), call.body, [new_secret(), secret])
    assert judge(require, tmp_path, secret, both, call.body)


def _code(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    return found[1]


def _python(_require: object, _folder: Path, secret: str, headers: dict[str, str], body: bytes) -> bool:
    room: dict = {}
    exec(_code("python"), room)
    return bool(room["is_genuine"](secret, headers, body))


def _node(require: Callable[[str], str], folder: Path, secret: str, headers: dict[str, str], body: bytes) -> bool:
    (folder / "body").write_bytes(body)
    asked = f"isGenuine({json.dumps(secret)}, {json.dumps(headers)}, require('fs').readFileSync('body'))"
    (folder / "judge.js").write_text(f"{_code('js')}\nconsole.log({asked});\n")
    done = subprocess.run([require("node"), "judge.js"], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip() == "true"
