"""One message's whole story, told in order: how it came in, who proved it, what was cut, attempts, reports, letters.

For people who look after the gateway; the same steps serve the command line and pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gateway.model import JsonDict
from gateway.store import trace_sql as sql
from gateway.store.database import Database


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened: when, what, and the facts in the order in which they are shown."""

    at: float
    event: str
    facts: JsonDict = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Story:
    """All steps about one id, in order of time."""

    id: str
    direction: str
    """"out" (mail to SMS) or "in" (SMS to mail)."""
    steps: tuple[Step, ...]


async def trace(database: Database, wanted: str) -> Story | None:
    """Tell the story of a mail, a message, an incoming SMS or one of our mails, by its id; None for no such id."""
    return await database.read(_teller(wanted.strip()))


def _teller(wanted: str) -> Callable[[sql.Connection], Story | None]:
    def tell(connection: sql.Connection) -> Story | None:
        mail = sql.find_mail(connection, wanted)
        if mail is not None:
            steps = [*_mail_steps(mail), *_outgoing_steps(connection, mail["id"], wanted)]
            return Story(wanted, "out", _in_order(steps))
        incoming = sql.find_inbound(connection, wanted)
        if incoming is not None:
            return Story(incoming["id"], "in", _in_order([*_incoming_steps(connection, incoming)]))
        return None

    return tell


def _in_order(steps: list[Step]) -> tuple[Step, ...]:
    return tuple(sorted(steps, key=lambda step: step.at))


def _mail_steps(mail: JsonDict) -> Iterator[Step]:
    yield Step(
        mail["received_at"],
        "mail received",
        {
            "listener": mail["listener"],
            "client": f"{mail['helo']} [{mail['peer_ip']}]",
            "tls": mail["tls"],
            "envelope from": mail["mail_from"],
            "from": mail["header_from"],
            "message-id": mail["message_id"],
            "bytes": mail["size"],
        },
    )
    yield Step(mail["received_at"], "sender proven", {"by": mail["proof"], "detail": mail["proof_detail"]})
    facts = {"decision": mail["decision"], "account": mail["account_id"]}
    facts |= {name: mail[name] for name in ("text", "cut", "attachments") if mail[name]}
    yield Step(mail["received_at"], "mail read", facts)


def _outgoing_steps(connection: sql.Connection, mail_id: str, wanted: str) -> Iterator[Step]:
    told = [mail_id]
    for message in sql.messages_of(connection, mail_id):
        if wanted not in {mail_id, message["id"]}:
            continue
        told.append(message["id"])
        yield from _message_steps(connection, message)
    yield from _letter_steps(connection, told)


def _message_steps(connection: sql.Connection, message: JsonDict) -> Iterator[Step]:
    facts = {name: message[f"{name}_number"] for name in ("from", "to")}
    facts |= {name: message[name] for name in ("provider", "encoding", "parts", "text")}
    yield Step(message["created_at"], "SMS stored", {"id": message["id"], **facts})
    for attempt in sql.attempts_of(connection, message["id"]):
        facts = {"id": message["id"], "attempt": attempt["n"], "provider": attempt["provider"]}
        yield Step(attempt["started_at"], "attempt begun", facts)
        if attempt["finished_at"] is not None:
            facts = facts | {"outcome": attempt["outcome"], "cause": attempt["cause"]}
            yield Step(attempt["finished_at"], "attempt ended", facts)
    refs = ", ".join(ref["ref"] for ref in sql.refs_of(connection, message["id"]))
    for report in sql.reports_of(connection, message["id"]):
        facts = {"id": message["id"], "status": report["status"], "ref": report["ref"], "cause": report["cause"]}
        yield Step(report["received_at"], "delivery report", facts)
    facts = {"id": message["id"], "state": message["state"], "provider ids": refs, "cause": message["cause"]}
    yield Step(message["state_at"], "state", facts)
    if message["told_at"] is not None:
        yield Step(message["told_at"], "sender told", {"id": message["id"]})


def _letter_steps(connection: sql.Connection, ids: list[str]) -> Iterator[Step]:
    for letter in sql.letters_about(connection, ids):
        facts = {"id": letter["id"], "kind": letter["kind"], "to": letter["recipient"], "about": letter["about"]}
        yield Step(letter["created_at"], "mail queued", facts)
        if letter["settled_at"] is not None:
            facts = {"id": letter["id"], "attempts": letter["attempts"], "cause": letter["cause"]}
            yield Step(letter["settled_at"], f"mail {letter['state']}", facts)


def _incoming_steps(connection: sql.Connection, incoming: JsonDict) -> Iterator[Step]:
    facts = {"id": incoming["id"], "provider": incoming["provider"], "ref": incoming["ref"]}
    facts |= {"from": incoming["from_number"], "to": incoming["to_number"], "text": incoming["text"]}
    yield Step(incoming["received_at"], "SMS received", facts)
    for part in sql.parts_of(connection, incoming["id"]):
        facts = {"part": f"{part['number']} of {part['total']}", "ref": part["ref"]}
        yield Step(part["received_at"], "part received", facts)
    facts = {"state": incoming["state"], "account": incoming["account_id"], "incomplete": incoming["incomplete"]}
    yield Step(incoming["received_at"], "SMS routed", facts)
    yield from _letter_steps(connection, [incoming["id"]])
