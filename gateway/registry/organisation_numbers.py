"""Numbers that belong to an organisation, with keywords: who reads an SMS is told by its first word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.keyring import Keyring
from gateway.keywords import read_keyword
from gateway.model import Clock, Organisation
from gateway.registry.employee_address import valid_address
from gateway.registry.errors import BadValue, NoFreeNumber, NotFound
from gateway.registry.keys import Keys
from gateway.registry.number_use import Keyword, OrganisationNumber
from gateway.registry.pool import NumberPool
from gateway.settings import DialogSettings, PoolSettings
from gateway.settings_forms import sms_answer
from gateway.store import organisation_number_sql as sql
from gateway.store.database import Database
from gateway.translation import sentence

DAY = 86_400.0


class OrganisationNumbers(Keys):
    """Keys, and the changes of organisations' numbers."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        pools: Sequence[PoolSettings],
        dialog: DialogSettings,
        clock: Clock,
        own_domains: Sequence[str] = (),
    ) -> None:
        """`own_domains` are `[mail] domains`: an address there is a phone or one of ours, never an employee's."""
        super().__init__(database, keyring, dialog, clock)
        self._pool = NumberPool(pools)
        self._own_domains = tuple(own_domains)

    def is_ours(self, number: str) -> bool:
        """Whether a provider routes a number to us."""
        return self._pool.provider_of(number) is not None

    def valid_address(self, email: str) -> str:
        """An employee's address as it would be written. Raises BadAddress."""
        return valid_address(email, self._own_domains)

    def is_shared(self, number: str) -> bool:
        """Whether several accounts may have a number."""
        return self._pool.is_shared(number)

    async def give_number(
        self, organisation: Organisation, email: str, number: str | None = None
    ) -> OrganisationNumber:
        """Give a number of the pool to an organisation; `email` reads what no keyword is for.

        A certain number that it has already keeps its keywords and gets the new reader.
        Raises BadAddress, NoFreeNumber, BadValue for a number that cannot be had.
        """
        wanted = None if number is None else compact(number)
        address = valid_address(email, self._own_domains)
        given = await self._change(sql.give, sql.Gift(organisation.id, address, wanted, self._clock.now(), self._pool))
        if given is not None:
            return given
        if wanted is None:
            raise NoFreeNumber(sentence("no free phone number: add a [[pool]], or release numbers from quarantine"))
        raise BadValue(
            sentence("%(number)s is not free: it is in use, in quarantine, shared, or in no [[pool]]", number=wanted)
        )

    async def take_number_back(self, number: str) -> None:
        """Take a number from its organisation, with its keywords; it rests in quarantine. Raises NotFound."""
        free_after = self._clock.now() + self._dialog.quarantine_days * DAY
        if not await self._change(sql.take_back, (compact(number), free_after)):
            raise _not_owned(number)

    async def add_keyword(self, number: str, written: str, email: str, reply: str = "") -> Keyword:
        """Let SMS that begin with a word go to an address; a word that is there already is changed.

        Raises BadValue, BadAddress, NotFound.
        """
        try:
            keyword = Keyword(
                read_keyword(written), written.strip(), valid_address(email, self._own_domains), sms_answer(reply)
            )
        except ValueError as error:
            raise BadValue(*error.args) from error
        if not await self._change(sql.put_keyword, (compact(number), keyword)):
            raise _not_owned(number)
        return keyword

    async def remove_keyword(self, number: str, written: str) -> None:
        """Let a word be a word like any other. Raises BadValue, NotFound."""
        try:
            word = read_keyword(written)
        except ValueError as error:
            raise BadValue(*error.args) from error
        if not await self._change(sql.remove_keyword, (compact(number), word)):
            raise NotFound(
                sentence("%(number)s has no keyword '%(word)s'", number=compact(number), word=written.strip())
            )

    async def organisation_numbers(self, org_id: str | None = None) -> list[OrganisationNumber]:
        """Organisations' numbers with their keywords, ascending."""
        return await self._database.read(lambda connection: sql.list_numbers(connection, org_id))


def compact(number: str) -> str:
    """A number as an administrator writes it, with a plus and without separators."""
    digits = re.sub(r"[\s().-]", "", number)
    return digits if digits.startswith("+") else f"+{digits.removeprefix('00')}"


def _not_owned(number: str) -> NotFound:
    return NotFound(
        sentence(
            "%(number)s belongs to no organisation: brevdue number give --org NAME --to ADDRESS", number=compact(number)
        )
    )
