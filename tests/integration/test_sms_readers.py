"""Whom an SMS is for: keywords of an organisation's number, shared numbers, numbers that nobody has."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.accounts import BadAddress, BadValue, NoFreeNumber, NotFound, NumberInUse, PausedKey
from gateway.hand_delivery import HandDelivery
from gateway.inbound_route import inbound_route
from gateway.model import Account
from gateway.registry.listings import NumberState
from gateway.sms import InboundSms
from gateway.store import schema
from gateway.store.inbound_sql import InboundState
from tests.inbound import PHONE, Gateway, gateway, sms
from tests.smarthost import Smarthost

OTHER_PHONE = "+4520123456"
POOL = ({"provider": "simulator", "range": "+45609946000000..+45609946000099"},)
SHARED = ({"provider": "simulator", "numbers": ["+4560994600"], "shared": True},)


def to(number: str, text: str, ref: str = "r1", phone: str = PHONE) -> InboundSms:
    return InboundSms("simulator", ref, phone, number, text, 1_764_000_000.0)


def bodies(host: Smarthost) -> dict[str, list[str]]:
    """What each recipient has read."""
    read: dict[str, list[str]] = {}
    for mail in host.mails:
        read.setdefault(mail.recipient, []).append(mail.message.get_content().replace("\r\n", "\n").strip())
    return read


async def replies(there: Gateway) -> list[Any]:
    found = await there.all(
        schema.messages.c.id,
        schema.messages.c.to_number,
        schema.messages.c.from_number,
        schema.messages.c.text,
        schema.messages.c.org_id,
        account_id="",
    )
    return sorted(found, key=lambda row: row.id)


async def states(there: Gateway) -> list[tuple[str, str | None]]:
    rows = await there.all(schema.inbound.c.id, schema.inbound.c.state, schema.inbound.c.account_id)
    return [(row.state, row.account_id) for row in sorted(rows, key=lambda row: row.id)]


# --- keywords ------------------------------------------------------------------------------------------------------


@pytest.mark.proves("keywords")
async def test_the_first_word_finds_its_reader(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, pool=POOL) as there:
        accounts, [anna] = there.rooms.accounts, there.accounts
        number = (await accounts.give_number(there.organisation, "info@firma.dk")).number
        await accounts.add_keyword(number, "Pizza", anna.email)
        await accounts.add_keyword(number, "Blåbær", "frugt@firma.dk")
        await there.receive(
            to(number, "»PIZZA«, to stk.", "r1"), to(number, "blabaer tak", "r2"), to(number, "Pizzaen er kold", "r3")
        )
        await there.sent(3)
        read = bodies(host)
        assert set(read) == {anna.email, "frugt@firma.dk", "info@firma.dk"}
        assert read[anna.email] == [f"»PIZZA«, to stk.\n\n---\nSendt til +45 {number[3:]} med nøgleordet Pizza."]
        [fruit] = read["frugt@firma.dk"]
        assert "med nøgleordet Blåbær." in fruit
        assert "ingen konto" in fruit
        assert "nøgleordet" not in read["info@firma.dk"][0]
        senders = {mail.recipient: mail.message["From"] for mail in host.mails}
        assert "postmaster@" in senders["frugt@firma.dk"]
        assert "postmaster@" not in senders[anna.email], "whoever has an account just answers"
        assert [account for _, account in await states(there)].count(anna.id) == 1

        await accounts.remove_keyword(number, "PIZZA")
        await there.receive(to(number, "pizza igen", "r4"))
        await there.sent(4)
        assert len(bodies(host)["info@firma.dk"]) == 2


@pytest.mark.proves("keywords")
async def test_a_keyword_is_its_organisations_alone(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, pool=POOL) as there:
        accounts = there.rooms.accounts
        other = await accounts.ensure_organisation("Naboen")
        ours = (await accounts.give_number(there.organisation, "info@firma.dk")).number
        theirs = (await accounts.give_number(other, "info@nabo.dk")).number
        await accounts.add_keyword(ours, "pizza", "pizza@firma.dk")
        # An address that has an account with another organisation is answered nowhere in its name.
        await accounts.add_keyword(theirs, "pizza", there.accounts[0].email)
        await there.receive(to(ours, "pizza", "r1"), to(theirs, "pizza", "r2"))
        await there.sent(2)
        assert set(bodies(host)) == {"pizza@firma.dk", there.accounts[0].email}
        assert all("postmaster@" in mail.message["From"] for mail in host.mails)
        rows = await there.all(schema.inbound.c.to_number, schema.inbound.c.org_id)
        assert {row.to_number: row.org_id for row in rows} == {ours: there.organisation.id, theirs: other.id}


@pytest.mark.proves("keywords", "STOP")
async def test_stop_always_wins(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, pool=POOL) as there:
        accounts = there.rooms.accounts
        number = (await accounts.give_number(there.organisation, "info@firma.dk")).number
        with pytest.raises(BadValue, match="ends or begins"):
            await accounts.add_keyword(number, "Stop", "x@firma.dk")
        await accounts.add_keyword(number, "pizza", "pizza@firma.dk", "Menu: ost")
        await there.receive(to(number, " stop! ", "r1"))
        assert await there.has_stopped(there.accounts[0])
        await there.sent(1)
        assert "START" in bodies(host)["info@firma.dk"][0]
        await there.receive(to(number, "pizza", "r2"))
        assert await replies(there) == [], "who said STOP is not answered"
        await there.receive(to(number, "START", "r3"), to(number, "pizza", "r4", OTHER_PHONE))
        assert [reply.to_number for reply in await replies(there)] == [OTHER_PHONE]


@pytest.mark.proves("keywords", "automatic answers")
async def test_a_keyword_answers_once_an_hour_and_within_what_may_be_spent(database, tmp_path):
    limits = {"organisation_parts": 2}
    async with Smarthost() as host, gateway(database, tmp_path, host.address, pool=POOL, limits=limits) as there:
        accounts = there.rooms.accounts
        number = (await accounts.give_number(there.organisation, "info@firma.dk")).number
        await accounts.add_keyword(number, "menu", "info@firma.dk", "I dag: ost")
        there.clock.to_noon()
        await asyncio.gather(*(there.receive(to(number, "Menu?", f"r{n}")) for n in range(5)))
        await there.receive(to(number, "Menu?", "r0"))
        [reply] = await replies(there)
        assert (reply.to_number, reply.from_number, reply.text) == (PHONE, number, "I dag: ost")
        assert reply.org_id == there.organisation.id
        there.clock.seconds += 3700
        await there.receive(to(number, "menu", "later"))
        assert len(await replies(there)) == 2
        await there.receive(to(number, "menu", "third", OTHER_PHONE))
        assert len(await replies(there)) == 2, "the organisation's cap"
        await there.sent(7)


@pytest.mark.proves("keywords", "D14")
async def test_a_paused_reader_gets_it_when_the_pause_ends(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, pool=POOL) as there:
        accounts, [anna] = there.rooms.accounts, there.accounts
        number = (await accounts.give_number(there.organisation, anna.email)).number
        await accounts.pause_key(there.key)
        await there.receive(to(number, "hej", "r1"))
        assert await states(there) == [(InboundState.HELD, anna.id)]
        await accounts.resume_key(there.key)
        await there.rooms.sms_in.sweep()
        await there.sent(1)
        assert "hej" in bodies(host)[anna.email][0]


@pytest.mark.proves("keywords")
async def test_a_number_has_one_owner(database, tmp_path):
    async with gateway(database, tmp_path, "maildir:" + str(tmp_path / "box"), pool=POOL, sends=False) as there:
        accounts, [anna] = there.rooms.accounts, there.accounts
        given = await accounts.give_number(there.organisation, "info@firma.dk")
        other = await accounts.ensure_organisation("Naboen")
        for taken in (given.number, anna.number, "+4512345678"):
            with pytest.raises(BadValue, match="is not free"):
                await accounts.give_number(other, "info@nabo.dk", taken)
        with pytest.raises(BadAddress):
            await accounts.give_number(other, "123@sms.example.com")
        again = await accounts.give_number(there.organisation, "ny@firma.dk", given.number)
        assert again.email == "ny@firma.dk"
        with pytest.raises(NumberInUse, match="take it back"):
            await accounts.release_number(given.number)
        with pytest.raises(NotFound, match="brevdue number give"):
            await accounts.add_keyword("+4512345678", "pizza", "x@firma.dk")
        listed = {each.number: (each.state, each.email) for each in await accounts.list_numbers()}
        assert listed[given.number] == (NumberState.IN_USE, "ny@firma.dk")
        [usage] = await accounts.pool_usage()
        assert (usage.in_use, usage.quarantined) == (2, 0)
        await accounts.take_number_back(given.number)
        [usage] = await accounts.pool_usage()
        assert (usage.in_use, usage.quarantined) == (1, 1)
        with pytest.raises(NotFound):
            await accounts.take_number_back(given.number)
        assert await accounts.organisation_numbers() == []


# --- shared numbers ------------------------------------------------------------------------------------------------


@pytest.mark.proves("shared numbers", "D1")
async def test_accounts_share_only_when_no_number_is_left(database, tmp_path):
    pool = ({"provider": "simulator", "numbers": ["+45609946000001"]}, *SHARED)
    async with gateway(database, tmp_path, "maildir:" + str(tmp_path / "box"), pool=pool, sends=False) as there:
        [first] = there.accounts
        second, third = await there.open("b@firma.dk"), await there.open("c@firma.dk")
        assert first.number == "+45609946000001"
        assert second.number == third.number == "+4560994600"
        other = await there.rooms.accounts.ensure_organisation("Naboen")
        key, _ = await there.rooms.accounts.create_key(other)
        with pytest.raises(NoFreeNumber):  # another organisation would read its answers
            await there.rooms.accounts.open_account(key.id, "x@nabo.dk")
        await there.rooms.accounts.close_account(second)
        await there.rooms.accounts.close_account(third)
        with pytest.raises(NoFreeNumber):
            await there.rooms.accounts.open_account(key.id, "x@nabo.dk")
        again = await there.open("d@firma.dk")
        assert again.number == "+4560994600", "its own organisation need not wait"
        with pytest.raises(BadValue, match="is not free"):
            await there.rooms.accounts.give_number(there.organisation, "x@firma.dk", "+4560994600")
        usages = await there.rooms.accounts.pool_usage()
        assert [(usage.shared, usage.in_use, usage.free) for usage in usages] == [(False, 1, 0), (True, 1, 0)]


@pytest.mark.proves("shared numbers")
async def test_whoever_alone_has_written_gets_the_answer(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, people=2, pool=SHARED) as there:
        anna, bo = there.accounts
        assert anna.number == bo.number
        await there.write(bo, PHONE, message_id="")  # a mail without a Message-ID counts as well
        await there.receive(sms(anna, "r1", "Hej Bo"))
        await there.sent(1)
        assert bodies(host) == {bo.email: ["Hej Bo"]}
        assert await states(there) == [(InboundState.MAILED, bo.id)]


@pytest.mark.proves("shared numbers")
@pytest.mark.parametrize("both_wrote", [True, False])
async def test_where_it_could_be_either_both_are_asked_and_the_one_that_answers_has_it(database, tmp_path, both_wrote):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, people=2, pool=SHARED) as there:
        anna, bo = there.accounts
        if both_wrote:
            await there.write(anna, PHONE, message_id="<a@firma.dk>")
            await there.write(bo, PHONE, message_id="<b@firma.dk>")
        await there.receive(sms(anna, "r1", "Ja tak"), sms(anna, "r1", "Ja tak"))
        await there.sent(2)
        question = (
            "Ja tak\n\n---\nHvem er den til? Nummeret +45 60994600 er fælles, og flere kan være ment: "
            "u0@firma.dk, u1@firma.dk. Er den til dig, så svar på denne mail: samtalen er din fra da af."
        )
        assert bodies(host) == {anna.email: [question], bo.email: [question]}
        assert await states(there) == [(InboundState.ASKED, None)]

        await there.write(bo, PHONE, "Fint", message_id="<b2@firma.dk>")
        assert await states(there) == [(InboundState.MAILED, bo.id)]
        await there.receive(sms(anna, "r2", "Godt så"))
        await there.sent(3)
        assert bodies(host)[bo.email][1:] == ["Godt så"]

        # Another one writes to the same phone: from now on nobody knows whom it answers.
        await there.write(anna, PHONE, "Og jeg?", message_id="<a3@firma.dk>")
        await there.receive(sms(anna, "r3", "Hvem?"))
        await there.sent(5)
        assert {email: len(read) for email, read in bodies(host).items()} == {anna.email: 2, bo.email: 3}
        assert (await states(there))[-1] == (InboundState.ASKED, None)


@pytest.mark.proves("shared numbers")
async def test_two_who_answer_at_once_leave_it_open(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, people=2, pool=SHARED) as there:
        anna, bo = there.accounts
        await there.receive(sms(anna, "r1", "Ja tak"))
        await asyncio.gather(
            there.write(anna, PHONE, "Fra Anna", message_id="<a@firma.dk>"),
            there.write(bo, PHONE, "Fra Bo", message_id="<b@firma.dk>"),
        )
        [(state, owner)] = await states(there)
        assert state == InboundState.MAILED
        assert owner in {anna.id, bo.id}
        await there.receive(sms(anna, "r2", "Hvem skriver?"))
        assert (await states(there))[-1] == (InboundState.ASKED, None)


@pytest.mark.proves("shared numbers")
async def test_where_more_could_be_meant_than_can_be_asked_the_operator_is(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, people=21, pool=SHARED) as there:
        await there.receive(sms(there.accounts[0], "r1", "Hvem er I?"))
        await there.sent(1)
        assert set(bodies(host)) == {"ops@example.com"}
        assert await states(there) == [(InboundState.UNROUTED, None)]


@pytest.mark.proves("shared numbers", "STOP")
async def test_stop_at_a_shared_number_is_asked_about_with_nobody(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, people=2, pool=SHARED) as there:
        anna, bo = there.accounts
        await there.receive(sms(anna, "r1", "STOP"))
        assert await there.has_stopped(anna)
        await there.sent(2)
        assert all("START" in read and "Hvem" not in read for [read] in bodies(host).values())
        assert await states(there) == [(InboundState.MAILED, None)]
        assert bo.email in bodies(host)


@pytest.mark.proves("shared numbers", "D14")
async def test_a_pause_holds_what_could_be_several_peoples(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, people=2, pool=SHARED) as there:
        await there.rooms.accounts.pause_key(there.key)
        await there.receive(sms(there.accounts[0], "r1", "Hallo"))
        [(state, _)] = await states(there)
        assert state == InboundState.HELD
        await there.rooms.accounts.resume_key(there.key)
        await there.rooms.sms_in.sweep()
        await there.sent(2)
        assert await states(there) == [(InboundState.ASKED, None)]
        assert len(bodies(host)) == 2


# --- numbers that nobody has ---------------------------------------------------------------------------------------


async def freed(there: Gateway) -> str:
    """A number of ours whose account has closed."""
    gone: Account = await there.open("gone@firma.dk")
    await there.rooms.accounts.close_account(gone)
    return gone.number


@pytest.mark.proves("automatic answers")
async def test_a_number_that_nobody_has_answers_a_person_once_a_day(database, tmp_path):
    dialog = {"unknown_number_reply": "Nummeret er ikke i brug."}
    async with Smarthost() as host, gateway(database, tmp_path, host.address, pool=POOL, dialog=dialog) as there:
        number, other = await freed(there), await freed(there)
        await asyncio.gather(*(there.receive(to(number, f"Hej {n}", f"r{n}")) for n in range(4)))
        await there.receive(to(other, "Hallo?", "other"), to(number, "Hej 0", "r0"))
        [reply] = await replies(there)
        assert (reply.to_number, reply.text) == (PHONE, "Nummeret er ikke i brug.")
        there.clock.seconds = 86_300
        await there.receive(to(number, "Hallo?", "soon"))
        assert len(await replies(there)) == 1
        there.clock.seconds = 86_500
        await there.receive(to(number, "Hallo?", "later"))
        assert len(await replies(there)) == 2


@pytest.mark.proves("automatic answers", "machines get nothing")
async def test_machines_short_codes_and_our_own_numbers_get_no_answer(database, tmp_path):
    dialog = {"unknown_number_reply": "Nummeret er ikke i brug."}
    pool = (*POOL, {"provider": "simulator", "numbers": ["+4520555555"]})
    async with Smarthost() as host, gateway(database, tmp_path, host.address, pool=pool, dialog=dialog) as there:
        number = await freed(there)
        await there.receive(
            to(number, "Din kode er 1234", "r1"),
            to(number, "Hej", "r2", "1234"),
            to(number, "Hej", "r3", "BANKEN"),
            to(number, "Hej", "r4", "+4520555555"),
            to(number, "Autosvar: på ferie", "r5"),
            to(number, "STOP", "r6"),
            to(number, " Nummeret er ikke i brug.", "r9", OTHER_PHONE),
            to("+4530999999", "Hej", "r7"),
            to(there.accounts[0].number, "Hej", "r8"),
        )
        assert await replies(there) == []
        await there.sent(9)


@pytest.mark.proves("automatic answers")
async def test_it_is_off_where_nobody_switched_it_on(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, pool=POOL) as there:
        await there.receive(to(await freed(there), "Hej", "r1"))
        await there.sent(1)
        assert await replies(there) == []
        assert "brevdue message deliver " in bodies(host)["ops@example.com"][0]


# --- by hand -------------------------------------------------------------------------------------------------------


@pytest.mark.proves("handed on")
async def test_an_operator_hands_on_what_is_held_asked_about_or_nobodys(database, tmp_path):
    async with Smarthost() as host, gateway(database, tmp_path, host.address, people=2, pool=SHARED) as there:
        rooms, [anna, bo] = there.rooms, there.accounts
        hand = HandDelivery(
            database=database,
            route=inbound_route(rooms.settings, database, rooms.accounts, rooms.letters, there.clock),
            clock=there.clock,
        )

        async def newest() -> str:
            return max(row.id for row in await there.all(schema.inbound.c.id))

        await there.receive(sms(anna, "r1", "Til Bo"))
        await there.sent(2)
        asked = await newest()
        await hand.deliver(asked, bo.email)
        await there.sent(3)
        assert bodies(host)[bo.email][1] == "Til Bo"
        assert (await states(there))[-1] == (InboundState.MAILED, bo.id)
        assert await hand.deliver(asked, anna.email) is None

        await there.receive(to("+4560999999", "Til nogen", "r2"))
        await there.sent(4)
        await hand.deliver(await newest(), "nogen@firma.dk")
        await there.sent(5)
        [text] = bodies(host)["nogen@firma.dk"]
        assert text.startswith("Til nogen\n\n---\nSendt til +45 60999999.\n")

        await rooms.accounts.pause_key(there.key)
        await there.receive(sms(anna, "r3", "Senere"))
        held = await newest()
        with pytest.raises(PausedKey, match="resumed"):
            await hand.deliver(held, bo.email)
        await hand.deliver(held, "vikar@firma.dk")
        await there.sent(6)
        await rooms.accounts.resume_key(there.key)
        await rooms.sms_in.sweep()
        assert "Senere" in bodies(host)["vikar@firma.dk"][0]
        assert len(bodies(host)[anna.email]) == 1, "what was handed on does not come again when the pause ends"
