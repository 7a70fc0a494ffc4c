"""A campaign runs: one row per contact, one message for each that gets one, whatever stops it in between."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from campaigns.campaign import Deed, State
from campaigns.store.campaign_schema import campaign_recipients
from gateway.model import Account
from gateway.store.schema import messages
from tests.integration.campaigns.conftest import Office, member
from tests.waiting import until


@pytest.mark.proves("X2", "C12")
async def test_everybody_gets_their_own_text_once_behind_every_dialog(sending: Office, account: Account) -> None:
    sending.audience.list = [member(n) for n in range(1, 1203)]
    campaign = await sending.campaign(account, "Hej {{ first_name }} æøå")
    after = await sending.run(campaign)
    assert (after.counts.recipients, after.counts.messages, after.counts.skipped) == (1202, 1202, 0)
    assert after.counts.parts == 1202
    await sending.until_given(1202)
    assert Counter(each.text.text for each in sending.provider.given) == Counter(
        f"Hej Name{n} æøå" for n in range(1, 1203)
    )
    assert {each.from_number for each in sending.provider.given} == {account.number}
    rows = await sending.rows(messages)
    assert {row["priority"] for row in rows} == {1}
    assert {row["mail_id"] for row in rows} == {campaign.id}
    assert await sending.reasons() == {"sent": 1202}
    await finished(sending, campaign)


async def finished(office: Office, campaign) -> None:
    """Everything has left: the campaign says so."""
    await until(lambda: len(office.provider.given) > 0)
    for _ in range(100):
        if (await office.get(campaign)).state is State.FINISHED:
            return
        await office.do(campaign, Deed.FINISH)
        await asyncio.sleep(0.02)
    raise AssertionError("not finished")


@pytest.mark.proves("C6")
async def test_who_gets_none_has_a_row_with_the_reason(office: Office, account: Account) -> None:
    office.audience.list = [
        member(1),
        member(2, no_sms=True),
        member(3, phone=""),
        member(4),
        member(5, phone=member(1).phone),
        member(6, phone="+8613800138000"),
        member(7, fields={"first_name": ""}),
        member(8, fields={"first_name": "x" * 2000}),
    ]
    await office.says_stop(account, member(4).phone)
    campaign = await office.campaign(account, "{{ first_name }}")
    after = await office.run(campaign)
    assert await office.reasons() == Counter(
        {
            "sent": 1,
            "no-sms": 1,
            "no-phone": 1,
            "opted-out": 1,
            "duplicate": 1,
            "country": 1,
            "no-text": 1,
            "too-long": 1,
        }
    )
    assert (after.counts.messages, after.counts.skipped, after.counts.recipients) == (1, 7, 8)
    assert await office.phones() == {member(1).phone: 1}
    assert {row["contact_id"] for row in await office.rows(campaign_recipients)} == set(range(1, 9))
