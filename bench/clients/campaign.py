"""`python -m bench.clients.campaign URL FOLDER CONTACTS`: contacts into a database, then a campaign to all of them.

What is measured are the rooms of the gateway in this one process, with no provider: messages wait in the spool, however
many. Writes JSON: seconds of the estimate and of the run, CPU seconds of the run, and the most memory ever resident.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import uvloop

from bench.contacts import fill
from brevdue import garbage
from brevdue.roles import Role
from brevdue.rooms import Rooms
from campaigns.audience import ContactReaders
from campaigns.campaign import Content
from campaigns.emails import EmailWriter
from campaigns.letters import CampaignLetters
from campaigns.model import Audience
from campaigns.runner import Runner
from gateway.model import Account
from gateway.settings import CampaignSettings, GatewaySettings, LimitSettings, MailSettings, StoreSettings
from gateway.store.opening import open_database

TEXT = 'Hej {{ first_name | default: "du" }}! Husk vores forårsfest den 3. maj kl. 14, {{ name }}. Hilsen Anna'


async def _estimate(rooms: Rooms, account: Account, campaign_id: str) -> float:
    began = time.perf_counter()
    async for _ in rooms.campaigns.estimate(account.org_id, campaign_id):
        pass
    return time.perf_counter() - began


async def measure(url: str, folder: Path, number: int) -> dict[str, float]:
    """Fill, estimate, run."""
    settings = GatewaySettings(
        mail=MailSettings(domains=("sms.example.com",)),
        store=StoreSettings(url=url, secret_file=folder / "secret"),
        campaigns=CampaignSettings(quiet_hours="03:00-03:01"),
        limits=LimitSettings(account_parts=0, key_parts=0, organisation_parts=0),
    )
    rooms = Rooms(settings, await open_database(url), frozenset({Role.SCHEDULE}), shared=False)
    await rooms.spool.start()
    organisation = await rooms.accounts.ensure_organisation("Firm", "DK", "da")
    key, _ = await rooms.accounts.create_key(organisation)
    account = await rooms.accounts.open_account(key.id, "anna@firm.example")
    await fill(rooms.database, account.org_id, number)
    content = Content("Spring", account.id, {"": TEXT}, Audience(filter=""))
    campaign = await rooms.campaigns.create(account.org_id, content)
    estimated = await _estimate(rooms, account, campaign.id)
    await rooms.campaigns.start(account.org_id, campaign.id)
    runner = _boundless(rooms, number)
    garbage.begin()  # as the program does once it has started
    began, cpu = time.perf_counter(), time.process_time()
    await runner.look()
    await runner.idle()
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    found = await rooms.campaigns.get(account.org_id, campaign.id)
    if found.counts.messages != number:
        raise RuntimeError(f"{found.counts.messages} messages for {number} contacts")
    await rooms.spool.stop()
    await rooms.database.close()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"estimate": estimated, "run": took, "cpu": cpu, "memory": most}


def _boundless(rooms: Rooms, number: int) -> Runner:
    """Like the program's own, but for a spool that takes them all."""
    return Runner(
        database=rooms.database,
        accounts=rooms.accounts,
        readers=ContactReaders(rooms.database, rooms.clock),
        terms=rooms.terms_maker,
        limits=rooms.settings.limits,
        clock=rooms.clock,
        letters=CampaignLetters(rooms.settings.mail, rooms.clock),
        lease=rooms.spool.lease,
        emails=EmailWriter(rooms.settings.mail, rooms.settings.http.public_url, rooms.keyring),
        ahead=2 * number,
    )


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))))
