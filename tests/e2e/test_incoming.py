"""SMS come in by a provider's calls to a running gateway: in time, from its networks, in parts, for whom they are."""

from __future__ import annotations

import fcntl
import json
import random
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.acme import Acme
from tests.gateway_process import DOMAIN, Gateway, mail, reply, wait_for

PHONE = "+4530643064"
SECRET = "0123456789abcdef"
POOL = '[[pool]]\nprovider = "acme"\nrange = "+45609946000000..+45609946000099"\n'
PROVIDER = """
[[provider]]
name = "acme"
kind = "http"
url = "{url}"
json = {{ from = "{{from}}", to = "{{to}}", text = "{{text}}" }}
[provider.answer]
id = "/messages/*/id"
[provider.webhook]
secret = "{secret}"
networks = ["198.51.100.0/24"]
[provider.webhook.message]
from = "from"
to = "to"
text = "text"
id = "id"
at = "at"
part_ref = "long"
part_total = "total"
part_number = "part"
"""


@pytest.fixture
def acme() -> Iterator[Acme]:
    server = Acme()
    yield server
    server.close()


def configured(acme: Acme, more: str) -> str:
    return PROVIDER.format(url=acme.url, secret=SECRET) + more


def call(gateway: Gateway, number: str, text: str, ref: str, *, forwarded: str = "198.51.100.7", **more: str) -> int:
    """What the provider's call is answered; it comes through a proxy on this machine."""
    event = {"from": PHONE, "to": number, "text": text, "id": ref, "at": "1764000000", **more}
    headers = {"Content-Type": "application/json"} | ({"X-Forwarded-For": forwarded} if forwarded else {})
    address = f"http://127.0.0.1:{gateway.http_port}/in/acme/{SECRET}"
    request = urllib.request.Request(address, json.dumps(event).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def part(number: int, total: int = 3, ref: str = "42") -> dict[str, str]:
    return {"long": ref, "total": str(total), "part": str(number)}


@pytest.mark.proves("forged webhook", "replayed webhook")
def test_the_providers_networks_are_seen_through_the_proxy(tmp_path: Path, acme: Acme):
    with Gateway(tmp_path, configured(acme, POOL)) as gateway:
        number = gateway.account(gateway.key())
        assert call(gateway, number, "Hej", "1", forwarded="") == 403
        assert call(gateway, number, "Hej", "1", forwarded="203.0.113.9") == 403
        # Who is not behind the proxy can write what he likes into the header: the proxy adds where he really is.
        assert call(gateway, number, "Hej", "1", forwarded="198.51.100.7, 203.0.113.9") == 403
        assert [call(gateway, number, "Hej", "1") for _ in range(3)] == [200] * 3
        assert len(gateway.mails(1)) == 1
        assert len(gateway.events("sms-received")) == 1
        gateway.stop()
        gateway.config.write_text(gateway.config.read_text().replace("[http]\n", "[http]\nproxy_networks = []\n"))
        gateway.start()
        assert call(gateway, number, "Hej", "2") == 403, "nobody's word is taken for where a call comes from"


@pytest.mark.proves("parts", "kill -9", "restart")
def test_parts_survive_a_kill_between_them(tmp_path: Path, acme: Acme):
    with Gateway(tmp_path, configured(acme, POOL)) as gateway:
        number = gateway.account(gateway.key())
        for place, text in ((3, "tre"), (1, "en "), (2, "to ")):
            assert call(gateway, number, text, f"p{place}", **part(place)) == 200
            gateway.stop(signal.SIGKILL)
            gateway.start()
        assert call(gateway, number, "tre", "p3", **part(3)) == 200
        (whole,) = gateway.mails(1)
        assert whole.get_content().strip() == "en to tre"
        assert len(gateway.inbox_mails()) == 1


@pytest.mark.proves("parts", "workers")
def test_parts_that_come_to_several_workers_become_one_mail_each(tmp_path: Path, acme: Acme):
    gateway = Gateway(tmp_path, configured(acme, POOL))
    gateway.serve_options = ["--workers", "2"]
    with gateway:
        number = gateway.account(gateway.key())
        messages = {str(m): [f"{m}-{n} " for n in range(1, 5)] for m in range(10)}
        calls = [
            (text, f"{m}.{n}.{again}", part(n, 4, m))
            for m, texts in messages.items()
            for n, text in enumerate(texts, 1)
            for again in (1, 2)
        ]
        random.Random(4).shuffle(calls)
        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda each: call(gateway, number, each[0], each[1], **each[2]), calls)
            assert set(answers) == {200}
        read = [found.get_content().strip() for found in gateway.mails(len(messages))]
        assert sorted(read) == sorted("".join(texts).strip() for texts in messages.values())


@pytest.mark.proves("answered in time", "stored before answered")
def test_a_slow_store_is_answered_503_in_time_and_nothing_comes_twice(tmp_path: Path, acme: Acme):
    with Gateway(tmp_path, configured(acme, POOL)) as gateway:
        number = gateway.account(gateway.key())
        with (tmp_path / "brevdue.db.pen").open() as pen:
            fcntl.flock(pen, fcntl.LOCK_EX)  # whoever writes to the database now has to wait
            began = time.monotonic()
            assert call(gateway, number, "Hej", "1") == 503
            assert 7 < time.monotonic() - began < 12
        (arrived,) = gateway.mails(1)
        assert arrived.get_content().strip() == "Hej"
        assert call(gateway, number, "Hej", "1") == 200
        assert call(gateway, number, "Bagefter", "2") == 200
        assert len(gateway.mails(2)) == 2
        assert len(gateway.events("sms-received")) == 2


@pytest.mark.proves("keywords", "automatic answers", "handed on")
def test_keywords_answers_and_what_an_operator_does(tmp_path: Path, acme: Acme):
    reply_text = 'unknown_number_reply = "Nummeret er ikke i brug."'
    with Gateway(tmp_path, configured(acme, f"{POOL}[dialog]\n{reply_text}\n")) as gateway:
        key = gateway.key()
        gateway.account(key)
        number = gateway.run("number", "give", "--org", "Firma A/S", "--to", "info@firm.example")
        assert gateway.run("keyword", "add", number, "Menü", "--to", "anna@firm.example", "--reply", "Ost") == "menu"
        assert [call(gateway, number, "MENU, tak", "1"), call(gateway, number, "Hej", "2")] == [200, 200]
        (mine,) = gateway.mails(1, to="anna@firm.example")
        assert "Menü" in mine.get_content()
        gateway.mails(1, to="info@firm.example")
        sent = wait_for(lambda: acme.requests and acme.requests[0], "the automatic answer")
        assert (sent["from"], sent["to"], sent["text"]) == (number, PHONE, "Ost")
        rows = json.loads(gateway.run("keyword", "list", "--json"))
        assert [(row["word"], row["to"]) for row in rows] == [
            (None, "info@firm.example"),
            ("Menü", "anna@firm.example"),
        ]
        story = gateway.run("message", "trace", "1")
        assert "Ost" in story
        wait_for(lambda: "submitted" in gateway.run("message", "trace", "1"), "the answer's end in the trace")

        # The employee's answer is an ordinary one, from the number that is the employee's own.
        gateway.send(reply(mine, "Velbekomme"))
        assert wait_for(lambda: acme.requests[1:], "the answer")[0]["text"] == "Velbekomme"

        assert gateway.run("number", "take", number) == "taken back"
        assert call(gateway, number, "Menu", "3") == 200
        assert wait_for(lambda: acme.requests[2:], "the gateway's own answer")[0]["text"] == "Nummeret er ikke i brug."
        (row,) = json.loads(gateway.run("message", "unrouted", "--json"))
        command = f"brevdue message deliver {row['id']} --to ADDRESS"
        assert command in row["cause"]
        (told,) = gateway.mails(1, to="operator@firm.example")
        assert command.replace("ADDRESS", "ADRESSE") in told.get_content()
        said = gateway.run("message", "deliver", row["id"], "--to", "anna@firm.example")
        assert said == "on its way to anna@firm.example"
        handed = gateway.mails(2, to="anna@firm.example")[1]
        assert handed.get_content().startswith("Menu\n")
        gateway.send(reply(handed, "Tak"))
        assert wait_for(lambda: acme.requests[3:], "the answer to it")[0]["text"] == "Tak"
        again = gateway.run("message", "deliver", row["id"], "--to", "anna@firm.example", status=1)
        assert "has reached nobody" in again


@pytest.mark.proves("shared numbers")
def test_a_shared_number_asks_both_and_the_answer_claims(tmp_path: Path, acme: Acme):
    pool = '[[pool]]\nprovider = "acme"\nnumbers = ["+4560994600"]\nshared = true\n'
    people = ("anna@firm.example", "bo@firm.example")
    with Gateway(tmp_path, configured(acme, pool)) as gateway:
        key = gateway.key()
        numbers = {gateway.account(key, email) for email in people}
        assert numbers == {"+4560994600"}
        for email in people:
            gateway.send(mail(f"{key}@{DOMAIN}", PHONE, f"Hej fra {email}", sender=email), sender=email)
        wait_for(lambda: acme.requests[1:], "both SMS")
        assert call(gateway, "+4560994600", "Ja tak", "1") == 200
        questions = {email: gateway.mails(1, to=email)[0] for email in people}
        assert all(email in question.get_content() for question in questions.values() for email in people)
        assert [row["text"] for row in json.loads(gateway.run("message", "asked", "--json"))] == ["Ja tak"]
        bo = people[1]
        answer = reply(questions[bo], "Det var til mig")
        del answer["From"]
        answer["From"] = bo
        gateway.send(answer, sender=bo)
        wait_for(lambda: acme.requests[2:], "the answer")
        assert json.loads(gateway.run("message", "asked", "--json")) == []
        assert call(gateway, "+4560994600", "Godt", "2") == 200
        assert len(gateway.mails(2, to=bo)) == 2
        assert len(gateway.mails(1, to=people[0])) == 1
