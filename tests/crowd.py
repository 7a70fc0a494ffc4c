"""A gateway that has been busy for a month: organisations, accounts, messages both ways, made by the database itself.

What is made depends on the numbers alone, so that two runs see the same. The first account is the busy one: a tenth of
all messages are its own, with `PHONES_OF_THE_BUSY` phones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from gateway.model import new_id
from gateway.store.dialect import insert
from gateway.store.schema import revisions

DAYS = 30
ORGANISATIONS = 20
PHONES_OF_THE_BUSY = 3_000
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_STAMP = new_id(1_700_000_000.0)[:10]


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many there are, and until when they wrote (seconds since the epoch). A fifth of the messages came in."""

    until: float
    accounts: int = 10_000
    messages: int = 100_000

    @property
    def since(self) -> float:
        """When the first one wrote."""
        return self.until - DAYS * 86_400


def full(until: float) -> Crowd:
    """As many as the pages must bear."""
    return Crowd(until, accounts=100_000, messages=1_000_000)


def organisation(n: int) -> str:
    """Id of an organisation, from 0. Half of the accounts belong to the first."""
    return _id(1, n)


def key(n: int) -> str:
    """Id of an organisation's only key. That of every fifth organisation, the first not among them, is paused."""
    return _id(2, n)


def account(n: int) -> str:
    """Id of an account, from 0. Every tenth but the first is closed, every fiftieth has a mailbox that refuses mail."""
    return _id(3, n)


def number(n: int) -> str:
    """An account's number."""
    return f"+4590{n:08}"


def phone(n: int) -> str:
    """A phone; those of the busy account come first."""
    return f"+45{20_000_000 + n}"


def email(n: int) -> str:
    """An account's address."""
    return f"person{n * 7919 % 1_000_003:07}@firm{0 if n % 2 == 0 else n % ORGANISATIONS}.example"


def _id(kind: int, n: int) -> str:
    return f"{_STAMP}{kind * 10**15 + n:016}"


def fill(connection: Connection, crowd: Crowd) -> None:
    """Put the crowd into a database that has nobody."""
    outgoing = crowd.messages * 4 // 5
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA cache_size = -1000000"))  # lest indices be written many times over
    for table, count, columns in (
        ("organisations", ORGANISATIONS, _ORGANISATIONS),
        ("api_keys", ORGANISATIONS, _KEYS),
        ("accounts", crowd.accounts, _ACCOUNTS),
        ("spend", ORGANISATIONS * DAYS, _SPEND),
        ("mails", outgoing, _MAILS),
        ("messages", outgoing, _MESSAGES),
        ("inbound", crowd.messages - outgoing, _INBOUND),
    ):
        connection.execute(text(_insert(table, columns, count, crowd)))
    connection.execute(insert(connection, revisions).values(name="directory", value=1))
    if connection.dialect.name == "postgresql":  # as it does by itself in time; SQLite never does
        connection.execute(text("ANALYZE"))


def _insert(table: str, columns: Mapping[str, str], count: int, crowd: Crowd) -> str:
    """SQL that inserts so many rows, each made from its number `n`, its time `ms`, its account `a` and its phone `p`."""
    pace = int((crowd.until - crowd.since) * 1000) // count
    return f"""
        INSERT INTO {table} ({", ".join(columns)})
        WITH RECURSIVE counted(n) AS (
            SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < {count}
        ),
        placed AS (
            SELECT n, {int(crowd.since * 1000)} + n * {pace} AS ms, {count} - n AS left_over,
                {int(crowd.since) // 86_400} AS first_day,
                CASE WHEN n % 10 = 0 THEN 0 ELSE (n * 7919) % {crowd.accounts} END AS a,
                CASE WHEN n % 10 = 0 THEN (n / 10 * 31) % {PHONES_OF_THE_BUSY}
                    ELSE {PHONES_OF_THE_BUSY} + (n * 104729) % {crowd.accounts * 3} END AS p
            FROM counted
        )
        SELECT {", ".join(columns.values())} FROM placed
    """


def _padded(value: str, digits: int) -> str:
    """SQL of a number with noughts before it."""
    return f"substr(CAST({10**digits} + {value} AS VARCHAR), 2)"


def _id_of(kind: int, n: str) -> str:
    return f"'{_STAMP}' || {_padded(f'{kind * 10**15} + {n}', 16)}"


def _ulid() -> str:
    """SQL of a ULID of the row's time."""
    places = (f"substr('{_ALPHABET}', CAST((ms >> {shift}) & 31 AS INTEGER) + 1, 1)" for shift in range(45, -5, -5))
    return f"{' || '.join(places)} || {_padded('n', 16)}"


def _org_number(n: str) -> str:
    return f"(CASE WHEN {n} % 2 = 0 THEN 0 ELSE {n} % {ORGANISATIONS} END)"


_SECONDS = "ms / 1000.0"
_EMAIL = f"'person' || {_padded('(n * 7919) % 1000003', 7)} || '@firm' || {_org_number('n')} || '.example'"
_PHONE = "'+45' || (20000000 + p)"
_TEXT = "'The meeting ' || n || ' has moved to two o''clock, see you at the gate; bring the drawings, please'"
_STATE = """CASE WHEN left_over <= 50 THEN 'queued' WHEN n % 5003 = 1 THEN 'unknown' WHEN n % 29 = 0 THEN 'failed'
    WHEN n % 97 = 0 THEN 'expired' WHEN n % 37 = 0 THEN 'submitted' ELSE 'delivered' END"""
_PROVIDER = "CASE WHEN n % 3 = 0 THEN 'centre' ELSE 'vendor' END"

_ORGANISATIONS = {
    "id": _id_of(1, "n"),
    "name": "'Firm ' || n",
    "region": "'DK'",
    "language": "'en'",
    "created_at": _SECONDS,
}
_KEYS = {
    "id": _id_of(2, "n"),
    "org_id": _id_of(1, "n"),
    "kind": "'dialog'",
    "label": "'Key ' || n",
    "created_at": _SECONDS,
    "paused_at": f"CASE WHEN n % 5 = 3 THEN {_SECONDS} END",
}
_ACCOUNTS = {
    "id": _id_of(3, "n"),
    "org_id": _id_of(1, _org_number("n")),
    "key_id": _id_of(2, _org_number("n")),
    "email": _EMAIL,
    "email_folded": _EMAIL,
    "number": f"'+4590' || {_padded('n', 8)}",
    "provider": "'centre'",
    "language": "'en'",
    "region": "'DK'",
    "opened_at": _SECONDS,
    "closed_at": f"CASE WHEN n % 10 = 9 THEN {_SECONDS} + 3600 END",
    "mailbox_fault": "CASE WHEN n % 50 = 7 THEN '550 no such user' END",
    "sent_count": "(n * 37) % 1000",
    "received_count": "(n * 53) % 500",
    "active_at": f"CASE WHEN n % 4 <> 0 THEN {_SECONDS} + (n * 31) % 100000 END",
}
_SPEND = {
    "purse": f"'organisation:' || {_id_of(1, f'n / {DAYS}')}",
    "day": f"first_day + n % {DAYS}",
    "parts": "100 + n % 17",
    "cost": "500 + n % 19",
}
_MAILS = {
    "id": _ulid(),
    "received_at": _SECONDS,
    "decision": "'sms'",
    "org_id": _id_of(1, _org_number("a")),
    "account_id": _id_of(3, "a"),
    "listener": "'smtp'",
    "peer_ip": "'127.0.0.1'",
    "helo": "'client.example'",
    "tls": "false",
    "mail_from": "'someone@firm.example'",
    "header_from": "'someone@firm.example'",
    "message_id": "'m' || n || '@client.example'",
    "proof": "'trusted'",
    "size": "700",
    "subject": _PHONE,
}
_MESSAGES = {
    "id": f"{_ulid()} || '.1'",
    "mail_id": _ulid(),
    "org_id": _id_of(1, _org_number("a")),
    "account_id": _id_of(3, "a"),
    "key_id": _id_of(2, _org_number("a")),
    "provider": _PROVIDER,
    "from_number": f"'+4590' || {_padded('a', 8)}",
    "to_number": _PHONE,
    "text": _TEXT,
    "encoding": "'gsm7'",
    "parts": "1 + n % 2",
    "units": "90",
    "priority": "0",
    "dedupe": "'dedupe ' || (n * 7368787 % 100000007)",
    "state": _STATE,
    "state_at": f"{_SECONDS} + 0.4 + (n % 40) * (n % 40) * 0.1",
    "created_at": _SECONDS,
    "available_at": "0.0",
    "attempts": "1",
    "reason": f"CASE {_STATE} WHEN 'failed' THEN 'refused' WHEN 'expired' THEN 'expired' ELSE '' END",
    "cause": f"CASE {_STATE} WHEN 'failed' THEN 'the provider said no' ELSE '' END",
    "told_at": f"CASE WHEN {_STATE} IN ('failed', 'expired', 'unknown') THEN {_SECONDS} + 700 END",
    "price": "7000",
    "currency": "'EUR'",
}
_INBOUND = {
    "id": _ulid(),
    "provider": _PROVIDER,
    "ref": "'in' || n",
    "from_number": _PHONE,
    "to_number": f"'+4590' || {_padded('a', 8)}",
    "text": "'Yes, I am coming ' || n",
    "at": _SECONDS,
    "received_at": _SECONDS,
    "state": """CASE WHEN n % 1009 = 5 THEN 'held' WHEN n % 2003 = 6 THEN 'asked' WHEN n % 997 = 7 THEN 'unrouted'
        ELSE 'mailed' END""",
    "org_id": _id_of(1, _org_number("a")),
    "account_id": f"CASE WHEN n % 2003 <> 6 AND n % 997 <> 7 THEN {_id_of(3, 'a')} END",
}
