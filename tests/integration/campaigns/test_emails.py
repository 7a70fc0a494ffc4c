"""Campaigns by e-mail: one mail per address, and the ways out of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from campaigns.campaign import Campaign, Deed, Limits, NotNow, State
from campaigns.emails import html_of, read_token, token_of
from campaigns.model import Channel
from campaigns.store import email_optout_sql, email_sql
from campaigns.store.campaign_schema import campaign_recipients, campaigns
from campaigns.unsubscribing import Unsubscribing, Way
from gateway.bounces import is_complaint
from gateway.keyring import Keyring
from gateway.model import Account, MailKind, OutgoingMail
from gateway.settings import CampaignSettings
from gateway.store import mail_queue_sql as queue
from gateway.store.schema import mail_queue
from tests.integration.campaigns.conftest import ManualClock, Office, member

pytestmark = pytest.mark.proves("campaign: e-mail")


def reader(number: int, **more: object) -> object:
    return member(number, **({"email": f"Reader{number}@Customer.example", "phone": None} | more))


async def by_mail(office: Office, account: Account, **more: object) -> Campaign:
    wanted = {"channel": Channel.EMAIL, "subjects": {"": "Hej {{ first_name }}"}} | more
    return await office.campaign(account, "Hej {{ first_name }} <b>\n\nhttps://firm.example/a?b=1&c=2.", **wanted)


async def queued(office: Office) -> list[dict[str, object]]:
    return [row for row in await office.rows(mail_queue) if row["state"] == "queued"]


async def claim(office: Office, most: int = 100) -> list[queue.ClaimedMail]:
    now = office.clock.now()
    return await office.database.write(queue.claim, queue.Claim(now, "L", now + 60, most, most))


def read(content: object) -> EmailMessage:
    message = message_from_bytes(bytes(content), policy=policy.default)  # type: ignore[call-overload]  # a row's value
    assert isinstance(message, EmailMessage)
    return message


def leaving(office: Office) -> Unsubscribing:
    return Unsubscribing(office.database, office.keyring, office.clock)


async def test_a_mail_for_each_address_and_a_reason_for_all_others(office: Office, account: Account) -> None:
    office.audience.list = [
        reader(1),
        reader(2, email=None),
        reader(3, email="reader1@customer.EXAMPLE"),
        reader(4, fields={"first_name": "Eve\r\nBcc: all@firm.example"}),
        reader(5, email="a@b.example\r\nBcc: all@firm.example"),
    ]
    campaign = await by_mail(office, account)
    after = await office.run(campaign)
    assert await office.reasons() == Counter(["sent", "sent", "no-address", "no-address", "duplicate-address"])
    assert (after.counts.messages, after.counts.skipped) == (2, 3)
    first, second = await queued(office)
    assert {first["about"], second["about"]} == {campaign.id}
    assert {first["account_id"], first["priority"]} == {None, 1}
    mail = read(first["content"])
    assert mail["Subject"] == "Hej Name1"
    assert (mail["From"].addresses[0].display_name, mail["Reply-To"]) == ("Acme", account.email)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].startswith("<https://sms.example.com/u/")
    assert "<mailto:u-" in mail["List-Unsubscribe"]
    plain, rich = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "Hej Name1 <b>" in plain
    assert "https://sms.example.com/u/" in plain
    assert "&lt;b&gt;" in rich
    assert '<a href="https://firm.example/a?b=1&amp;c=2">' in rich
    assert "<img" not in rich
    injected = read(second["content"])
    assert injected["Bcc"] is None
    assert "Bcc: all@firm.example" in injected["Subject"]


async def test_dialogs_leave_before_campaigns(office: Office, account: Account) -> None:
    office.audience.list = [reader(n) for n in range(1, 60)]
    await office.run(await by_mail(office, account))
    letter = OutgoingMail("D1", MailKind.DIALOG, "", "anna@firm.example", b"x", None, office.clock.now())
    await office.database.write(queue.put, queue.NewMails((letter,)))
    claimed = await claim(office, 10)
    assert [each.mail.id for each in claimed][:1] == ["D1"]
    assert len(claimed) == 10


@pytest.mark.proves("campaign: pause")
async def test_a_pause_holds_what_is_queued_and_what_is_in_hand(office: Office, account: Account) -> None:
    office.audience.list = [reader(n) for n in range(1, 31)]
    campaign = await by_mail(office, account)
    await office.run(campaign)
    in_hand = await claim(office, 10)
    await office.do(campaign, Deed.PAUSE)
    for each in in_hand:
        held = each.mail.id
        assert not await office.database.read(lambda connection, held=held: queue.may_leave(connection, held))
    await office.database.write(queue.release, queue.Release("L", office.clock.now()))
    assert await claim(office) == []
    await office.do(campaign, Deed.RESUME)
    await office.run(campaign)
    assert Counter(each.mail.recipient for each in await claim(office)) == Counter(
        {each.email: 1 for each in office.audience.list}
    )
    await office.do(campaign, Deed.CANCEL)
    await office.database.write(queue.release, queue.Release("L", office.clock.now()))
    assert await claim(office) == []
    assert {row["cause"] for row in await office.rows(mail_queue)} == {queue.CANCELLED}


async def test_no_more_than_so_many_wait_and_a_budget_counts_mails(office: Office, account: Account) -> None:
    office.audience.list = [reader(n) for n in range(1, 31)]
    campaign = await by_mail(office, account, limits=Limits(parts=12))
    after = await office.run(campaign)
    assert (after.state, after.cause, after.counts.messages) == (State.PAUSED, "budget", 12)
    mails = [row for row in await office.rows(mail_queue) if row["kind"] == MailKind.CAMPAIGN]
    assert len(mails) == 12


@pytest.mark.proves("campaign: one-click")
async def test_who_unsubscribes_gets_nothing_that_waits_and_nothing_later(office: Office, account: Account) -> None:
    office.audience.list = [reader(1), reader(2)]
    campaign = await by_mail(office, account)
    await office.run(campaign)
    token = token_of(office.keyring, campaign.id, 1)
    whom = await leaving(office).whom(token)
    assert whom is not None
    assert (whom.organisation, whom.address) == ("Acme", "reader1@customer.example")
    assert len(await queued(office)) == 2, "looking changes nothing"
    assert await leaving(office).leave(token, Way.ONE_CLICK) is not None
    assert [each.mail.recipient for each in await claim(office)] == ["Reader2@Customer.example"]
    assert await office.reasons() == Counter(["unsubscribed", "sent"])
    await office.run(await by_mail(office, account))
    assert await office.reasons() == Counter(["unsubscribed", "unsubscribed", "sent", "sent"])
    addresses = ["reader1@customer.example", "reader2@customer.example", "reader3@customer.example"]
    listed = await office.database.read(
        lambda connection: email_optout_sql.of_addresses(connection, account.org_id, addresses)
    )
    assert [(each.address, each.how, each.campaign_id) for each in listed] == [
        ("reader1@customer.example", "one-click", campaign.id)
    ]
    other = await office.account("bo@other.example", "Other")
    await office.run(await by_mail(office, other))
    assert (await office.reasons())["sent"] == 4, "another organisation's campaigns still go"
    again = (account.org_id, "Reader1@customer.example", office.clock.now())
    assert await office.database.write(email_optout_sql.readmit, again)


@pytest.mark.proves("campaign: one-click")
async def test_a_token_is_opaque_and_cannot_be_made(office: Office) -> None:
    campaign_id = "01JDNNNNNNNNNNNNNNNNNNNNNN"
    token = token_of(office.keyring, campaign_id, 4294967297)
    assert read_token(office.keyring, token) == (campaign_id, 4294967297)
    assert len(f"u-{token_of(office.keyring, campaign_id, 1 << 46)}") <= 64
    forged = [token[:-1] + ("a" if token[-1] != "a" else "b"), token_of(Keyring(bytes([1]) * 32), campaign_id, 1)]
    for wrong in [*forged, "", "x", "æ", office.keyring.sign_token(campaign_id + "1"), "a" * 5000]:
        assert read_token(office.keyring, wrong) is None
        assert await leaving(office).leave(wrong, Way.ONE_CLICK) is None


@pytest.mark.proves("campaign: one-click")
async def test_the_way_out_of_what_has_left_outlives_a_cancel(office: Office, account: Account) -> None:
    office.audience.list = [reader(1)]
    campaign = await office.run(await by_mail(office, account))
    await office.do(campaign, Deed.CANCEL)
    assert isinstance(await office.do(campaign, Deed.DELETE), NotNow)
    left = await leaving(office).leave(token_of(office.keyring, campaign.id, 1), Way.ONE_CLICK)
    assert left is not None
    assert left.address == "reader1@customer.example"
    unbegun = await by_mail(office, account)
    await office.do(unbegun, Deed.CANCEL)
    await office.do(unbegun, Deed.DELETE)
    assert [row["id"] for row in await office.rows(campaigns)] == [campaign.id]


@pytest.mark.proves("campaign: bounces")
async def test_an_address_that_bounced_is_skipped_next_time(office: Office, account: Account) -> None:
    office.audience.list = [reader(1), reader(2), reader(3), reader(4)]
    campaign = await by_mail(office, account)
    await office.run(campaign)
    now = office.clock.now()
    ids = {each.mail.recipient[6]: each.mail.id for each in await claim(office)}
    for number, state, mailbox in (("1", queue.SENT, False), ("2", queue.FAILED, True), ("3", queue.SENT, False)):
        done = queue.Settlement(ids[number], "L", state, now, "550 5.1.1 no such user", about_mailbox=mailbox)
        assert await office.database.write(email_sql.settle, done)
    await office.database.write(email_sql.bounce, queue.Bounced(ids["1"], now, "5.1.1 unknown"))
    await office.database.write(email_sql.bounce, queue.Bounced(ids["3"], now, "5.7.1 looks like spam"))
    assert await office.reasons() == Counter({"bounced": 3, "sent": 1})
    states = await office.database.read(lambda connection: email_sql.states(connection, campaign.id))
    assert states == {"queued": 1, "bounced": 3}
    second = await by_mail(office, account)
    await office.run(second)
    rows = [row for row in await office.rows(campaign_recipients) if row["campaign_id"] == second.id]
    assert [row["reason"] for row in rows] == ["bounced", "bounced", "", ""]
    assert await leaving(office).complained(ids["3"])
    assert not await leaving(office).complained("01JDNNNNNNNNNNNNNNNNNNNNNN")


async def test_a_complaint_is_told_from_a_bounce() -> None:
    head = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\n"
    )
    report = b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: %s\r\nUser-Agent: x\r\n\r\n--b--\r\n"
    assert is_complaint(head + report % b"abuse")
    assert not is_complaint(head + report % b"not-spam")
    assert not is_complaint(b"Subject: hello\r\n\r\nhello\r\n")


def test_html_is_the_text_escaped() -> None:
    text = "<script>x</script> & 'https://a.example/?q=\"><img src=x>'\n\nline\nline"
    made = html_of(text)
    assert "<script" not in made
    assert "<img" not in made
    assert made.count("<p>") == 2
    assert "line<br>\nline" in made


async def test_hours_of_who_has_no_phone_are_those_of_the_campaigns_zone(
    office_with: Callable[..., Office], account: Account
) -> None:
    """Quiet hours are on by default, and an address has no country."""
    settings = CampaignSettings(quiet_hours="00:00-23:59", holidays=True)
    quiet = office_with(clock=ManualClock(), campaigns=settings)
    quiet.audience.list = [reader(1)]
    after = await quiet.run(await by_mail(quiet, account))
    assert (after.counts.messages, after.counts.waiting) == (0, 1)
