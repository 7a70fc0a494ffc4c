"""One person's data, of the transport and of the books of contacts alike: everything as JSON, and the end of it.

The transport's share is `gateway.privacy`'s. Contacts and campaigns add theirs here, so that pages and commands have
one way to both. Of a person among contacts the contact goes whole, with everything that belongs to it; what campaigns
count stays, without the address; an opt-out of an address stays, as a STOP does.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from campaigns.model import Contact
from campaigns.store import people_sql
from campaigns.store.people_sql import Ending, Share
from gateway import privacy
from gateway.model import Clock, JsonDict
from gateway.privacy import Erased, StillUnderWay, readable
from gateway.registry.errors import NotFound
from gateway.store.database import Database
from gateway.store.person_sql import Person

__all__ = ["erase", "export"]


async def export(database: Database, person: Person, clock: Clock) -> JsonDict:
    """All that is stored about a person, in the form of docs/privacy.md. Nobody else's request: it names others too."""
    given = await privacy.export(database, person, clock)
    found = await database.read(partial(people_sql.everything, person=person))
    rows = {name: [readable(row) for row in some] for name, some in found.rows.items()}
    return given | {"contacts": [_contact(each) for each in found.contacts]} | rows


def _contact(contact: Contact) -> JsonDict:
    """A contact with its phones, addresses, attributes, tags, consents and linked objects."""
    return {name: _readable(value) for name, value in readable(asdict(contact)).items()}


def _readable(value: Any) -> Any:
    """The same with times as ISO 8601, all the way down."""
    if isinstance(value, Mapping):
        return readable({name: _readable(each) for name, each in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return [_readable(each) for each in value]
    return value


async def erase(database: Database, person: Person, clock: Clock) -> Erased:
    """Erase a person. Raises NotFound where nothing is stored, StillUnderWay while something is not over."""
    share = await database.read(partial(people_sql.find, person=person))
    waiting = await database.read(partial(people_sql.waiting, share=share))
    if waiting:
        raise StillUnderWay(
            f"nothing was erased: {waiting} mails of campaigns still waiting to leave: erase when they have, or cancel"
            " the campaign (brevdue campaign list)"
        )
    try:
        done = await privacy.erase(database, person, clock)
    except NotFound:
        if share == Share(opt_outs=share.opt_outs):
            raise
        done = Erased(f"erased-{secrets.token_hex(8)}", {}, 0, 0)
    counts = await database.write(people_sql.erase, Ending(person, share, done.pseudonym, clock.now()))
    return replace(done, counts={**done.counts, **counts}, opt_outs_kept=done.opt_outs_kept + share.opt_outs)
