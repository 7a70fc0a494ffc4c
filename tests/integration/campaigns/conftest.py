"""Campaigns on both databases: one process with accounts, a spool, a dispatcher, a runner and a listed audience."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from campaigns.approval import Approver
from campaigns.approval_letters import ApprovalLetters
from campaigns.approvals import Approvals
from campaigns.audience import Wanted
from campaigns.campaign import Campaign, Content, Deed, State
from campaigns.emails import EmailWriter
from campaigns.letters import CampaignLetters
from campaigns.model import Recipient
from campaigns.runner import Runner
from campaigns.short_codes import ShortCodes
from campaigns.short_texts import Shortener
from campaigns.store import campaign_sql
from campaigns.store.campaign_schema import campaign_recipients
from campaigns.terms import TermsMaker
from gateway.accounts import Accounts
from gateway.keyring import Keyring
from gateway.model import Account, Clock, SystemClock, new_id
from gateway.settings import CampaignSettings, DialogSettings, GatewaySettings, MailSettings, PoolSettings
from gateway.sms_out import SmsOut
from gateway.spool import Spool
from gateway.store import optout_sql
from gateway.store.database import Database, alone
from gateway.store.schema import messages
from tests.integration.test_sms_out import Told
from tests.waiting import until

CODES = ShortCodes(bytes(32))
SHORTENER = Shortener("https://s.example/", CODES)
AT_ANY_HOUR = CampaignSettings(quiet_hours="", holidays=False)
"""Tests run at night and on holidays."""
OURS = PoolSettings(provider="a", range="+45609946000000..+45609946000999")
NINE = datetime(2027, 1, 15, 9, 0, tzinfo=UTC).timestamp()


class ManualClock:
    """A clock that a test moves."""

    def __init__(self, at: float = NINE) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


def member(number: int, **more: Any) -> Recipient:
    """Contact `number` of a book, with a phone of its own."""
    fields = {"first_name": f"Name{number}", "number": number, **more.pop("fields", {})}
    known = {
        "name": f"Name{number}",
        "phone": f"+4520{number:06}",
        "email": None,
        "language": "",
        "zone": "",
        "country": "",
        "no_sms": False,
        "opted_out": False,
        "consents": frozenset[str](),
        "fields": fields,
    }
    return Recipient(number, **(known | more))


class Listed:
    """An audience that a test writes down."""

    def __init__(self, members: Sequence[Recipient] = ()) -> None:
        self.list = list(members)

    async def page(self, wanted: Wanted, after: int, size: int) -> Sequence[Recipient]:
        return [each for each in self.list if each.contact_id > after][:size]

    async def some(self, wanted: Wanted, contact_ids: Sequence[int]) -> Sequence[Recipient]:
        return [each for each in self.list if each.contact_id in set(contact_ids)]

    async def includes(self, wanted: Wanted, contact_id: int) -> bool:
        return any(each.contact_id == contact_id for each in self.list)

    async def count(self, wanted: Wanted) -> int:
        return len(self.list)


class Office:
    """Everything that a campaign needs."""

    def __init__(self, database: Database, folder: Path, clock: Clock | None = None, **tables: Any) -> None:
        self.database = database
        self.clock = clock or SystemClock()
        tables = {"campaigns": AT_ANY_HOUR} | tables
        self.settings = GatewaySettings(mail=MailSettings(domains=("sms.example.com",)), **tables)
        self.approvers: list[Approver] = []
        self.keyring = Keyring(bytes(32))
        self.accounts = Accounts(database, self.keyring, (OURS,), DialogSettings(), self.clock)
        self.spool = Spool(database, self.clock, folder)
        self.provider = Told("a")
        self.out = SmsOut(spool=self.spool, database=database, providers={"a": self.provider}, clock=self.clock)
        self.audience = Listed()
        self.runner = self.runner_with()

    def runner_with(self, **more: Any) -> Runner:
        return Runner(
            **{
                "database": self.database,
                "accounts": self.accounts,
                "readers": self.audience,
                "terms": TermsMaker(self.settings, self.accounts, SHORTENER),
                "limits": self.settings.limits,
                "clock": self.clock,
                "letters": CampaignLetters(self.settings.mail, self.clock),
                "lease": self.spool.lease,
                "emails": EmailWriter(self.settings.mail, "https://sms.example.com", self.keyring),
            }
            | more
        )

    def approvals(self) -> Approvals:
        return Approvals(
            database=self.database,
            approvers=self,
            letters=ApprovalLetters(self.settings.mail, "https://sms.example.com", self.clock),
            above=self.settings.campaigns.approval_above,
            clock=self.clock,
        )

    async def of(self, org_id: str) -> Sequence[Approver]:
        return self.approvers

    async def account(self, email: str = "anna@firm.example", org: str = "Acme") -> Account:
        organisation = await self.accounts.ensure_organisation(org, "DK", "da")
        key, _ = await self.accounts.create_key(organisation)
        return await self.accounts.open_account(key.id, email)

    async def campaign(
        self, account: Account, text: str = "Hej {{ first_name }}", *, campaign_id: str = "", **more: Any
    ) -> Campaign:
        now = self.clock.now()
        content = Content("Spring", account.id, {"": text})
        made = Campaign(campaign_id or new_id(now), account.org_id, replace(content, **more), State.DRAFT, now, now)
        await self.database.write(campaign_sql.add, made)
        return made

    async def do(self, campaign: Campaign, deed: Deed, **more: Any) -> Any:
        return await self.database.write(
            campaign_sql.do, campaign_sql.Wish(campaign.id, deed, self.clock.now(), **more)
        )

    async def run(self, campaign: Campaign, runner: Runner | None = None) -> Campaign:
        """Start it where it is a draft, and run it once as far as it goes."""
        if (await self.get(campaign)).state is State.DRAFT:
            await self.do(campaign, Deed.START)
        runner = runner or self.runner
        await runner.look()
        await runner.idle()
        return await self.get(campaign)

    async def get(self, campaign: Campaign) -> Campaign:
        found = await self.database.read(lambda connection: campaign_sql.find(connection, None, campaign.id))
        assert found is not None
        return found

    async def rows(self, table: Any) -> list[dict[str, Any]]:
        rows = await self.database.read(lambda connection: connection.execute(select(table)).mappings().all())
        return [dict(row) for row in rows]

    async def reasons(self) -> Counter[str]:
        """How many recipients there are, by reason; "" for those that got a message."""
        return Counter(row["reason"] or row["state"] for row in await self.rows(campaign_recipients))

    async def phones(self) -> Counter[str]:
        """How many messages each phone has in the spool or left it with."""
        return Counter(row["to_number"] for row in await self.rows(messages))

    async def says_stop(self, account: Account, phone: str) -> None:
        words = {(account.org_id, phone): "stop"}
        await self.database.write(alone(lambda connection: optout_sql.opt_out_all(connection, words, 1.0)), None)

    async def until_given(self, count: int) -> None:
        await until(lambda: len(self.provider.given) >= count, f"{count} messages at the provider", seconds=60)


@pytest.fixture
async def office(database: Database, tmp_path: Path) -> AsyncIterator[Office]:
    made = Office(database, tmp_path)
    await made.spool.start()
    yield made
    await made.spool.stop()


@pytest.fixture
async def sending(office: Office) -> AsyncIterator[Office]:
    """The same with a dispatcher that sends."""
    await office.out.start()
    yield office
    await office.out.stop()


@pytest.fixture
async def account(office: Office) -> Account:
    return await office.account()


@pytest.fixture
def office_with(database: Database, tmp_path: Path) -> Callable[..., Office]:
    """An office of other settings on the same database."""
    return lambda **more: Office(database, tmp_path, **more)
