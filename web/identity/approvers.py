"""People who may approve campaigns (`campaigns.approval.Approvers`): those of the organisation who may start them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from campaigns.approval import Approver
from gateway.scopes import Scope
from gateway.store.database import Database
from web.identity.model import Person
from web.identity.roles import SCOPES
from web.store import person_sql


def may_run(person: Person) -> bool:
    """Whether a person may start and approve campaigns that they see."""
    return person.disabled_at is None and Scope.CAMPAIGNS_RUN in SCOPES[person.role]


class PeopleWhoApprove:
    """Reads them from the people who can sign in."""

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
