"""One conversation in the inbox per account and phone, held together by Message-IDs (RFC 5322 §3.6.4).

Every mail of a conversation refers to one made-up root, so that clients keep them in one thread even when single mails
are deleted; and every Message-ID that was ever part of it leads back to the phone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gateway.store import inbound_sql
from gateway.store import thread_sql as sql
from gateway.store.database import Database

MAX_REFERENCES = 6
"""Message-IDs in References behind the root."""


@dataclass(frozen=True, slots=True)
class Thread:
    """What the next mail of a conversation refers to."""

    in_reply_to: str
    references: tuple[str, ...]


def root_of(account_id: str, phone: str, hostname: str) -> str:
    """The Message-ID that all mails of a conversation share; no mail has it."""
    digest = hashlib.sha256(f"{account_id}\0{phone}".encode()).hexdigest()[:32]
    return f"thread.{digest}@{hostname}"


class Threads:
    """Looks conversations up."""

    def __init__(self, database: Database, hostname: str) -> None:
        self._database = database
        self._hostname = hostname

    async def continue_with(self, conversations: Collection[tuple[str, str]]) -> dict[tuple[str, str], Thread]:
        """What the next mail from a phone to an account refers to: the root, and the latest mails of both sides.

        For any number of conversations (account id, phone) in one look.
        """
        wanted = set(conversations)
        latest = await self._database.read(lambda connection: inbound_sql.latest(connection, wanted, MAX_REFERENCES))
        return {each: self._thread(*each, latest.get(each, ())) for each in wanted}

    def _thread(self, account_id: str, phone: str, latest: Sequence[str]) -> Thread:
        root = root_of(account_id, phone, self._hostname)
        references = (root, *(known for known in latest if known != root))
        return Thread(references[-1], references)

    async def known(self, account_id: str, phones: Sequence[str]) -> frozenset[str]:
        """Those of the phones that the account has a conversation with."""
        return await self._database.read(lambda connection: sql.known(connection, account_id, phones))

    async def phone_of(self, account_id: str, message_ids: Sequence[str]) -> str | None:
        """The one phone that a mail answering these Message-IDs is for; None when there is none, or more than one.

        The first id that is known decides: In-Reply-To before References, the latest reference before older ones.
        """
        if not message_ids:
            return None
        known = await self._database.read(lambda connection: sql.phones(connection, account_id, message_ids))
        for message_id in message_ids:
            phones = known.get(message_id, ())
            if phones:
                return phones[0] if len(phones) == 1 else None
        return None
