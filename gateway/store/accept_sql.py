"""SQL of taking mails: each with all that it leads to, or an objection and nothing.

A decision was made from memory; what it rests on is asked once more here, inside the transaction that makes it stand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, select, update

from gateway.model import ProofMethod
from gateway.sms import MessageState, OutgoingSms, Priority
from gateway.store import claim_sql, directory_sql, mail_queue_sql, optout_sql, thread_sql
from gateway.store.claim_sql import Written
from gateway.store.mail_queue_sql import NewMails
from gateway.store.prepared import Prepared, among, insert_new, values_of
from gateway.store.retention_schema import spent_identities
from gateway.store.schema import accounts, attempts, mails, messages
from gateway.store.spend_sql import Ledger
from gateway.store.spool_items import AT_ONCE, Acceptance, MailRecord, Stored, Verdict

PRIORITIES = {Priority.DIALOG: 0, Priority.CAMPAIGN: 1}
Put = tuple[Acceptance, str]
"""An acceptance, and the lease of the process that it was handed to."""

_MAIL_COLUMNS = tuple(MailRecord.__dataclass_fields__)
_mail_values = attrgetter(*_MAIL_COLUMNS)
_MAIL = insert_new(mails, _MAIL_COLUMNS)
_MESSAGE = insert_new(
    messages,
    (
        "id", "mail_id", "org_id", "account_id", "key_id", "provider", "from_number", "to_number", "text", "encoding",
        "parts", "units", "priority", "dedupe", "state", "state_at", "created_at", "available_at", "lease", "attempts",
        "sender",
    ),
    unless=("dedupe",),
)  # fmt: skip
_ATTEMPT = insert_new(attempts, ("message_id", "n", "provider", "started_at"))
_COUNT_SENT = Prepared(
    lambda _dialect: (
        update(accounts)
        .where(accounts.c.id == bindparam("account"))
        .values(sent_count=accounts.c.sent_count + bindparam("more"), active_at=bindparam("moment"))
    )
)


def _known(dialect: str) -> Executable:
    return select(messages.c.id).where(among(dialect, messages.c.id, "ids"))


def _taken(dialect: str) -> Executable:
    return select(messages.c.dedupe).where(among(dialect, messages.c.dedupe, "identities"))


def _spent(dialect: str) -> Executable:
    return select(spent_identities.c.identity).where(among(dialect, spent_identities.c.identity, "identities"))


_KNOWN = Prepared(_known)
_TAKEN = Prepared(_taken)
_SPENT = Prepared(_spent)
_REPLAYABLE = frozenset({ProofMethod.DKIM, ProofMethod.ARC})
"""Proofs that whoever holds a mail can show again for as long as its signature stands, which may be for ever."""


def accept(connection: Connection, items: Sequence[Put]) -> list[Verdict]:
    """Store mails with their messages, or say what stands against it."""
    ledger, objections = _objections(connection, items, frozenset())
    if any(objection and not objection.stale for objection in objections):
        # Copies of what was taken before cost nothing and reach nobody: nothing stands against them.
        ledger, objections = _objections(connection, items, _taken_before(connection, items))
    clear = [item for item, objection in zip(items, objections, strict=True) if objection is None]
    new = _store_messages(connection, clear)
    _store_mails(connection, [acceptance for acceptance, _ in clear], new)
    _spend(ledger, [acceptance for acceptance, _ in clear], new)
    return [
        objection or Verdict(new.intersection(message.id for message in acceptance.messages))
        for (acceptance, _), objection in zip(items, objections, strict=True)
    ]


def _taken_before(connection: Connection, items: Sequence[Put]) -> frozenset[str]:
    """The identities among these that have a message already, or had one."""
    wanted = sorted({dedupe for acceptance, _ in items for dedupe in acceptance.dedupe})
    taken = _TAKEN.scalars(connection, {"identities": values_of(connection, wanted)})
    return _spent_identities(connection, items).union(taken)


def _spent_identities(connection: Connection, items: Sequence[Put]) -> frozenset[str]:
    """The identities among these whose messages were removed by age: what proves them can be shown for longer."""
    wanted = sorted(
        {dedupe for acceptance, _ in items if acceptance.mail.proof in _REPLAYABLE for dedupe in acceptance.dedupe}
    )
    if not wanted:
        return frozenset()
    return frozenset(_SPENT.scalars(connection, {"identities": values_of(connection, wanted)}))


def stored(connection: Connection, identities: Sequence[str]) -> list[Stored]:
    """The messages that are stored under these keys (`Acceptance.dedupe`)."""
    rows = connection.execute(
        select(messages.c.id, messages.c.mail_id, messages.c.to_number, messages.c.text).where(
            messages.c.dedupe.in_(identities)
        )
    )
    return [Stored(row.id, row.mail_id, row.to_number, row.text) for row in rows]


def _objections(
    connection: Connection, items: Sequence[Put], known: frozenset[str]
) -> tuple[Ledger, list[Verdict | None]]:
    """What stands against each, and the ledger with what was put aside; messages that are `known` count for nothing."""
    revision = directory_sql.revision(connection)
    stopped = optout_sql.stopped(connection, {pair for acceptance, _ in items for pair in _phones(acceptance)})
    ledger = Ledger(connection, [acceptance.charge for acceptance, _ in items if acceptance.charge])
    seen = set(known)
    objections: list[Verdict | None] = []
    for acceptance, _ in items:
        places = [place for place, dedupe in enumerate(acceptance.dedupe) if dedupe not in seen]
        objections.append(_objection(acceptance, revision, stopped, ledger, places))
        if objections[-1] is None:
            seen.update(acceptance.dedupe)
    return ledger, objections


def _phones(acceptance: Acceptance) -> list[tuple[str, str]]:
    return [(message.org_id, message.to_number) for message in acceptance.messages]


def _objection(
    acceptance: Acceptance,
    revision: int,
    stopped: frozenset[tuple[str, str]],
    ledger: Ledger,
    places: Sequence[int],
) -> Verdict | None:
    """What stands against the messages at these places."""
    if acceptance.revision is not None and acceptance.revision != revision:
        return Verdict(stale=True)
    if stopped:
        phones = _phones(acceptance)
        opted_out = stopped.intersection(phones[place] for place in places)
        if opted_out:
            return Verdict(opted_out=frozenset(phone for _, phone in opted_out))
    over = ledger.over(acceptance.charge, places) if acceptance.charge else None
    return Verdict(over=over) if over else None


def _spend(ledger: Ledger, taken: Sequence[Acceptance], new: frozenset[str]) -> None:
    for acceptance in taken:
        if acceptance.charge:
            ledger.spend(
                acceptance.charge, (place for place, message in enumerate(acceptance.messages) if message.id in new)
            )
    ledger.close()


def _store_messages(connection: Connection, items: Sequence[Put]) -> frozenset[str]:
    """Insert the messages that are new; their ids."""
    spent = _spent_identities(connection, items)
    rows = [row for item in items for row in _message_rows(*item) if row["dedupe"] not in spent]
    if not rows:
        return frozenset()
    new = frozenset(row["id"] for row in rows)
    if _MESSAGE.many(connection, rows) != len(rows):
        new = frozenset(_KNOWN.scalars(connection, {"ids": values_of(connection, sorted(new))}))
    _ATTEMPT.many(connection, [_attempt_row(row) for row in rows if row["attempts"] and row["id"] in new])
    return new


def _message_rows(acceptance: Acceptance, lease: str) -> Iterable[dict[str, Any]]:
    departs = acceptance.departs
    for message, dedupe in zip(acceptance.messages, acceptance.dedupe, strict=True):
        yield {
            "id": message.id,
            "mail_id": acceptance.mail.id,
            "org_id": message.org_id,
            "account_id": message.account_id,
            "key_id": message.key_id,
            "provider": message.provider,
            "from_number": message.from_number,
            "to_number": message.to_number,
            "text": message.text.text,
            "encoding": message.text.encoding,
            "parts": message.text.parts,
            "units": message.text.units,
            "priority": PRIORITIES[message.priority],
            "dedupe": dedupe,
            "state": MessageState.SUBMITTING if departs else MessageState.QUEUED,
            "state_at": message.created_at,
            "created_at": message.created_at,
            "available_at": AT_ONCE,
            "lease": lease if departs else None,
            "attempts": 1 if departs else 0,
            "sender": message.sender,
        }


def _attempt_row(row: dict[str, Any]) -> dict[str, Any]:
    return {"message_id": row["id"], "n": 1, "provider": row["provider"], "started_at": row["created_at"]}


def _store_mails(connection: Connection, items: Sequence[Acceptance], new: frozenset[str]) -> None:
    """Keep the mails that led to something, with their letters; those that were known altogether leave no trace."""
    taken = [
        acceptance
        for acceptance in items
        if not acceptance.messages or not new.isdisjoint(message.id for message in acceptance.messages)
    ]
    _MAIL.many(
        connection, [dict(zip(_MAIL_COLUMNS, _mail_values(acceptance.mail), strict=True)) for acceptance in taken]
    )
    letters = [NewMails(acceptance.mails, acceptance.mail.id) for acceptance in taken if acceptance.mails]
    mail_queue_sql.put(connection, letters)
    sent = [(acceptance, message) for acceptance in taken for message in acceptance.messages if message.id in new]
    _count(connection, [message for _, message in sent])
    thread_sql.remember(
        connection,
        [
            {
                "account_id": message.account_id,
                "message_id": acceptance.mail.message_id or f"{acceptance.mail.id}@unnamed.invalid",
                "phone": message.to_number,
                "at": message.created_at,
            }
            for acceptance, message in sent
            # Where a number is shared, that an account has written to a phone counts, whatever its mail was called.
            if acceptance.mail.message_id or acceptance.shared
        ],
    )
    claim_sql.write(
        connection,
        [
            Written(message.account_id, message.from_number, message.to_number, message.created_at)
            for acceptance, message in sent
            if acceptance.shared
        ],
    )


def _count(connection: Connection, sent: Sequence[OutgoingSms]) -> None:
    """Count messages on their accounts."""
    by_account: defaultdict[str, list[float]] = defaultdict(list)
    for message in sent:
        by_account[message.account_id].append(message.created_at)
    _COUNT_SENT.many(
        connection,
        # In one order everywhere, so that two writers on PostgreSQL do not wait for each other.
        [
            {"account": account, "more": len(moments), "moment": max(moments)}
            for account, moments in sorted(by_account.items())
        ],
    )
