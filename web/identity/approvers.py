"""People who may start and approve campaigns, as the rooms of campaigns ask for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from campaigns.approval import Approver, Who
from campaigns.campaign import Campaign
from gateway.registry.employee_address import fold_email
from gateway.scopes import Scope
from gateway.store.database import Database
from web.identity.actor import Actor, ActorKind
from web.identity.audit import Audit
from web.identity.model import Person
from web.identity.roles import SCOPES, Role
from web.store import person_sql


def may_run(person: Person) -> bool:
    """Whether a person may start and approve campaigns that they see."""
    return person.disabled_at is None and Scope.CAMPAIGNS_RUN in SCOPES[person.role]


class PeopleWhoApprove:
    """Who may approve (`campaigns.approval.Approvers`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, org_id: str) -> Sequence[Approver]:
        """Those of the organisation; where it has fewer than two, whoever runs the gateway as well."""
        found = await self._people(org_id)
        if len(found) < 2:
            found += await self._people(None)
        return [Approver(each.id, each.email, each.language) for each in found]

    async def _people(self, org_id: str | None) -> list[Person]:
        people = await self._database.read(partial(person_sql.list_people, org_id=org_id))
        return [each for each in people if may_run(each)]


class PeopleWhoStart:
    """Who may start campaigns by mail (`campaigns.by_mail.desk.Starters`)."""

    def __init__(self, database: Database, must_have_second: Collection[Role]) -> None:
        """Whose role must have a second factor cannot do by a mail what they could not do by a password alone."""
        self._database = database
        self._must_have_second = frozenset(must_have_second)

    async def starter(self, org_id: str, email: str) -> Who | None:
        """The person of this mail address, if they may start an organisation's campaigns, and by mail."""
        found = await self._database.read(partial(person_sql.credentials_at, folded=fold_email(email)))
        person = found.person if found is not None else None
        if person is None or not may_run(person) or person.org_id not in {None, org_id}:
            return None
        return None if person.role in self._must_have_second else Who("person", person.id, person.email, person.id)


class NotesByMail:
    """Keeps in the audit log what people have done by mail (`campaigns.by_mail.desk.Notes`)."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def __call__(self, who: Who, deed: str, campaign: Campaign) -> None:
        """Keep it; durable when this returns."""
        actor = Actor(ActorKind.PERSON, who.id, who.name, frozenset(), campaign.org_id)
        await self._audit.note(actor, deed, campaign.id, org_id=campaign.org_id, by="mail", state=campaign.state)
