"""Data protection: how long texts are kept, and one person's data."""

from __future__ import annotations

from campaigns import privacy
from gateway import maillog
from gateway.accounts import Accounts
from gateway.maillog import Event
from gateway.model import Clock, JsonDict, Organisation
from gateway.numbers import NumberError, to_e164
from gateway.privacy import Erased, Person, employee, phone
from gateway.registry.errors import BadValue, NotFound
from gateway.retention import Days, days_of, set_days
from gateway.scopes import Scope
from gateway.settings import RetentionSettings
from gateway.store.database import Database
from gateway.translation import sentence
from web.identity.actor import Actor
from web.identity.audit import Audit


class PrivacyDesk:
    """Sets retention, exports and erases people."""

    def __init__(
        self, database: Database, accounts: Accounts, audit: Audit, clock: Clock, defaults: RetentionSettings
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._audit = audit
        self._clock = clock
        self.defaults = defaults
        """What holds for organisations that say nothing else."""

    async def days(self, actor: Actor, org_id: str) -> Days:
        """For how many days an organisation wants its own kept, as it says itself. Raises NotFound."""
        actor.require(Scope.PRIVACY_WRITE)
        await self._organisation(actor, org_id)
        return await days_of(self._database, org_id)

    async def set_days(self, actor: Actor, org_id: str, texts: int | None, metadata: int | None) -> None:
        """Keep texts and rows for so many days; None for what the gateway says. Raises BadValue, NotFound."""
        actor.require(Scope.PRIVACY_WRITE)
        await self._organisation(actor, org_id)
        await set_days(self._database, org_id, Days(texts, metadata))
        await self._audit.note(actor, "retention.set", org_id, org_id=org_id, texts=texts, metadata=metadata)

    async def export(self, actor: Actor, org_id: str, name: str) -> JsonDict:
        """All that an organisation stores about a phone or an employee's address. Raises BadValue, NotFound."""
        actor.require(Scope.PRIVACY_WRITE)
        person = await self._named(actor, org_id, name)
        stored = await privacy.export(self._database, person, self._clock)
        maillog.note(Event.PERSON_EXPORTED, person=person.phone or person.email, org=org_id, by=actor.id)
        await self._audit.note(actor, "person.export", org_id, org_id=org_id)
        return stored

    async def erase(self, actor: Actor, org_id: str, name: str) -> Erased:
        """Erase them, within one organisation. Raises BadValue, NotFound, StillUnderWay."""
        actor.require(Scope.PRIVACY_WRITE)
        person = await self._named(actor, org_id, name)
        erased = await privacy.erase(self._database, person, self._clock)
        maillog.note(Event.PERSON_ERASED, person=person.phone or person.email, org=org_id, by=actor.id)
        await self._audit.note(actor, "person.erase", erased.pseudonym, org_id=org_id)
        return erased

    async def _named(self, actor: Actor, org_id: str, name: str) -> Person:
        organisation = await self._organisation(actor, org_id)
        if "@" in name:
            return employee(name.strip(), org_id)
        try:
            return phone(to_e164(name, organisation.region), org_id)
        except NumberError as error:
            raise BadValue(
                sentence("'%(name)s' is neither a phone number nor a mail address", name=name[:100])
            ) from error

    async def _organisation(self, actor: Actor, org_id: str) -> Organisation:
        found = await self._accounts.organisation(org_id) if actor.sees(org_id) else None
        if found is None:
            raise NotFound(sentence("there is no such organisation"))
        return found
