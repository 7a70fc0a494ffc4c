"""A campaign by mail: text to campaign@, the group in the Subject, and OK to what is answered. Real processes."""

from __future__ import annotations

import asyncio
import smtplib
import time
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, update

from campaigns.by_mail.words import Answer, answer_of, groups_in, id_in, marked, similar
from campaigns.model import Draft, Group, Point
from campaigns.store import group_sql
from campaigns.store.campaign_schema import campaign_mails
from campaigns.store.contact_sql import Change, store
from gateway.model import new_id
from gateway.store.database import alone
from gateway.store.key_sql import organisation_named
from gateway.store.opening import open_database
from tests.gateway_process import DOMAIN, Gateway, mail, reply
from web.store.schema import people

CAMPAIGN = f"campaign@{DOMAIN}"
ANNA = "anna@firm.example"


def group(name: str) -> Group:
    return Group(name.casefold(), "o", name, None, 0.0, 0.0)


GROUPS = {each.name.casefold(): each for each in (group("Customers"), group("Parents"), group("Berlin, north"))}


@pytest.mark.proves("campaign: by mail")
@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("OK", Answer.YES),
        ("ok.\n\nHilsen Anna", Answer.YES),
        ("\n  Ok!  \n", Answer.YES),
        ("OK, but wait until Monday", Answer.UNCLEAR),
        ("OK?", Answer.UNCLEAR),
        ("Nej", Answer.NO),
        ("cancel it please", Answer.NO),
        ("Hvad koster det?", Answer.UNCLEAR),
        ("", Answer.UNCLEAR),
        ("not OK", Answer.UNCLEAR),
    ],
)
def test_what_an_answer_means(text: str, means: Answer) -> None:
    assert answer_of(text) is means


@pytest.mark.stopwatch
@pytest.mark.proves("campaign: by mail")
def test_an_answer_that_is_made_to_take_long_does_not() -> None:
    began = time.process_time()
    assert answer_of("." * 200_000 + "x") is Answer.UNCLEAR
    assert similar("x" * 100_000, GROUPS) == []
    assert time.process_time() - began < 0.5


@pytest.mark.proves("campaign: by mail")
def test_groups_in_a_subject() -> None:
    assert [each.name for each in groups_in("Re: customers", GROUPS)[0]] == ["Customers"]
    assert [each.name for each in groups_in("Customers, PARENTS; customers", GROUPS)[0]] == ["Customers", "Parents"]
    assert [each.name for each in groups_in("Berlin, north", GROUPS)[0]] == ["Berlin, north"]
    assert groups_in("Custmers", GROUPS) == ((), ("Custmers",))
    assert similar("Custmers", GROUPS) == ["Customers"]
    assert groups_in("", GROUPS) == ((), ())
    assert id_in(f"SV: {marked('01KB0000000000000000000000')} x") == "01KB0000000000000000000000"
    assert id_in("Customers") is None


async def _write(gateway: Gateway, work: object, *, org: str = "Firma A/S") -> None:
    database = await open_database(f"sqlite:///{gateway.folder / 'brevdue.db'}")
    try:
        owner = await database.read(partial(organisation_named, text=org))
        assert owner is not None
        await work(database, owner.id)  # type: ignore[operator] - a function of this file
    finally:
        await database.close()


async def _customers(database, org_id: str) -> None:
    drafts = [Draft(f"Contact {n}", phones=(Point(f"+45206000{n:02}"),)) for n in range(1, 4)]
    drafts.append(Draft("Nobody", emails=(Point("nobody@other.example"),)))
    change = await database.write(store, Change(org_id, time.time(), drafts))
    now = time.time()
    made = Group(new_id(now), org_id, "Customers", "", now, now)
    await database.write(group_sql.save, made)
    assert change.new


def _person(role: str, email: str = ANNA):
    async def work(database, org_id: str) -> None:
        row = {
            "id": new_id(time.time()),
            "org_id": org_id,
            "email": email,
            "email_folded": email,
            "name": "",
            "role": role,
            "language": "",
            "timezone": "",
            "created_at": 1.0,
        }
        await database.write(alone(lambda connection: connection.execute(insert(people).values(**row))), None)

    return work


async def _yesterday(database, _org_id: str) -> None:
    long_ago = update(campaign_mails).values(asked_at=campaign_mails.c.asked_at - 25 * 3600)
    await database.write(alone(lambda connection: connection.execute(long_ago)), None)


def _all_but_the_hour_before() -> str:
    """Quiet hours that hold now and for some time, on a Danish clock."""
    hour = datetime.now(ZoneInfo("Europe/Copenhagen")).hour
    return f"{hour:02}:00-{(hour - 1) % 24:02}:00"


@pytest.fixture
def quiet() -> str:
    """The quiet hours."""
    return ""


@pytest.fixture
def gateway(tmp_path: Path, quiet: str) -> Iterator[Gateway]:
    toml = f'[campaigns]\nquiet_hours = "{quiet}"\nholidays = false\n[dialog]\nlanguage = "en"\n'
    with Gateway(tmp_path, toml) as running:
        running.account(running.key())
        asyncio.run(_write(running, _customers))
        asyncio.run(_write(running, _person("sender")))
        yield running


def asked(gateway: Gateway, subject: str = "Customers", text: str = "Hej {{ name }}") -> EmailMessage:
    before = len(gateway.inbox_mails())
    gateway.send(mail(CAMPAIGN, subject, text))
    return gateway.mails(before + 1)[-1]


def answered(gateway: Gateway, to: EmailMessage, text: str) -> EmailMessage:
    before = len(gateway.inbox_mails())
    gateway.send(reply(to, text))
    return gateway.mails(before + 1)[-1]


def body(answer: EmailMessage) -> str:
    return " ".join(answer.get_content().split())


@pytest.mark.proves("campaign: by mail")
def test_a_mail_is_shown_and_ok_starts_it_once(gateway: Gateway) -> None:
    shown = asked(gateway)
    assert shown["From"].addresses[0].addr_spec == CAMPAIGN
    assert "3 of 4 contacts" in body(shown)
    assert "Contact 1 would read: Hej Contact 1" in body(shown)
    assert "1: has no mobile number" in body(shown)
    assert shown["Auto-Submitted"] == "auto-replied"
    assert gateway.phone("+4520600001") == []
    started = answered(gateway, shown, "OK")
    assert "has started" in body(started)
    for number in range(1, 4):
        assert [each["text"] for each in gateway.sms(f"+4520600{number:03}")] == [f"Hej Contact {number}"]
    again = answered(gateway, shown, "OK")
    assert "answered before" in body(again)
    assert len(gateway.phone("+4520600001")) == 1


@pytest.mark.proves("campaign: by mail", "campaign: send window")
@pytest.mark.parametrize("quiet", [_all_but_the_hour_before()], ids=["night"])
def test_who_asks_at_night_is_told_when_it_leaves(gateway: Gateway) -> None:
    shown = body(asked(gateway))
    assert "3 of them get it later, for these are quiet hours where they are: the first at" in shown


@pytest.mark.proves("campaign: by mail")
def test_nothing_but_ok_starts_it(gateway: Gateway) -> None:
    shown = asked(gateway)
    assert "nothing but OK" in body(answered(gateway, shown, "OK, but tomorrow"))
    assert "dropped" in body(answered(gateway, shown, "Nej"))
    assert "answered before" in body(answered(gateway, shown, "OK"))
    late = asked(gateway)
    asyncio.run(_write(gateway, _yesterday))
    assert "24 hours" in body(answered(gateway, late, "OK"))
    assert gateway.phone("+4520600001") == []


@pytest.mark.proves("campaign: by mail")
def test_mistakes_are_answered_with_what_to_do(gateway: Gateway) -> None:
    said = body(asked(gateway, "Custmers"))
    assert "There is no group Custmers." in said
    assert "Did you mean one of these? Customers" in said
    assert "there is no field called street" in body(asked(gateway, text="Hej {{ street }}"))
    assert "no text" in body(asked(gateway, text=" "))


@pytest.mark.proves("campaign: by mail")
def test_who_may_not_is_refused_and_machines_are_not_answered(gateway: Gateway) -> None:
    key = gateway.key()
    gateway.account(key, "bo@firm.example")
    with pytest.raises(smtplib.SMTPDataError, match="may not start campaigns"):
        gateway.send(mail(CAMPAIGN, "Customers", "Hej", "bo@firm.example"), sender="bo@firm.example")
    asyncio.run(_write(gateway, _person("reader", "bo@firm.example")))
    with pytest.raises(smtplib.SMTPDataError, match="may not start campaigns"):
        gateway.send(mail(CAMPAIGN, "Customers", "Hej", "bo@firm.example"), sender="bo@firm.example")
    shown = asked(gateway)
    count = len(gateway.inbox_mails())
    robot = reply(shown, "OK")
    robot["Auto-Submitted"] = "auto-replied"
    gateway.send(robot)
    assert "has started" in body(answered(gateway, shown, "OK"))
    assert len(gateway.inbox_mails()) == count + 1
