"""One message's whole story, told in order: how it came in, who proved it, what was cut, attempts, reports, letters.

An SMS that was written without a mail begins with its author.
For people who look after the gateway; the same steps serve the command line and pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.model import JsonDict, MailKind, Origin
from gateway.money import Money
from gateway.store import trace_sql as sql
from gateway.store.database import Database

TEXT_REMOVED = "(text removed)"
"""What stands where a text was."""


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
    """"out" (SMS that leave) or "in" (SMS to mail)."""
    steps: tuple[Step, ...]


async def trace(
    database: Database, wanted: str, *, org_id: str | None = None, account_id: str | None = None
) -> Story | None:
    """Tell the story of a mail, a message, an incoming SMS or the mail that it became, by its id; None for no such.

    Another organisation's, or another account's, is none; without either, everybody's are told.
    """
    wanted, whose = wanted.strip(), sql.Whose(org_id, account_id)
    if not wanted or "\0" in wanted:
        return None
    mail, incoming = await database.read(lambda connection: sql.about(connection, wanted, whose))
    if mail is not None:
        return Story(wanted, "out", _in_order([*_mail_steps(mail), *_outgoing_steps(mail, wanted)]))
    if incoming is not None:
        return Story(incoming["id"], "in", _in_order([*_incoming_steps(incoming)]))
    return None


def _in_order(steps: list[Step]) -> tuple[Step, ...]:
    return tuple(sorted(steps, key=lambda step: step.at))


def _mail_steps(mail: JsonDict) -> Iterator[Step]:
    if mail["listener"] == Origin.CAMPAIGN:
        facts = {"id": mail["id"], "name": mail["proof_detail"], "account": mail["account_id"]}
        yield Step(mail["received_at"], "campaign started", facts)
        return
    if mail["listener"] in set(Origin):
        facts = {"on": mail["listener"], "client": mail["peer_ip"], "by": mail["proof"], "name": mail["proof_detail"]}
        yield Step(mail["received_at"], "SMS written", facts | {"account": mail["account_id"]})
        return
    yield Step(
        mail["received_at"],
        "mail received",
        {
            "listener": mail["listener"],
            "client": f"{mail['helo']} [{mail['peer_ip']}]",
            "tls": mail["tls"],
            "envelope from": mail["mail_from"],
            "from": mail["header_from"],
            "subject": mail["subject"] if mail["text_removed_at"] is None else TEXT_REMOVED,
            "message-id": mail["message_id"],
            "bytes": mail["size"],
        },
    )
    yield Step(mail["received_at"], "sender proven", {"by": mail["proof"], "detail": mail["proof_detail"]})
    facts = {"decision": mail["decision"], "account": mail["account_id"]}
    facts |= {name: mail[name] for name in ("text", "cut", "attachments") if mail[name]}
    yield Step(mail["received_at"], "mail read", facts)
    yield from _removal(mail)


def _removal(row: JsonDict) -> Iterator[Step]:
    """That a text was removed, by age or at a person's wish."""
    if row["text_removed_at"] is not None:
        yield Step(row["text_removed_at"], "text removed", {"id": row["id"]})


def _text(row: JsonDict) -> str:
    return TEXT_REMOVED if row["text_removed_at"] is not None else row["text"]


def _outgoing_steps(mail: JsonDict, wanted: str) -> Iterator[Step]:
    shown = [message for message in mail["messages"] if message["id"] == wanted] or mail["messages"]
    written = any(letter["about"] != mail["id"] and letter["kind"] == MailKind.REPORT for letter in mail["letters"])
    for message in shown:
        yield from _message_steps(message)
        if message["told_at"] is not None and mail["listener"] != Origin.CAMPAIGN:
            event = "sender told" if written else "sender wants no report"
            yield Step(message["told_at"], event, {"id": message["id"]})
    about = {mail["id"], *(message["id"] for message in shown)}
    yield from _letter_steps([letter for letter in mail["letters"] if letter["about"] in about])


def _message_steps(message: JsonDict) -> Iterator[Step]:
    identity = {"id": message["id"]}
    facts = {name: message[f"{name}_number"] for name in ("from", "to")}
    facts |= {name: message[name] for name in ("sender", "refused_by") if message[name]}
    facts |= {name: message[name] for name in ("provider", "encoding", "parts")} | {"text": _text(message)}
    yield Step(message["created_at"], "SMS stored", identity | facts)
    yield from _removal(message)
    for attempt in message["history"]:
        facts = identity | {"attempt": attempt["n"], "provider": attempt["provider"]}
        yield Step(attempt["started_at"], "attempt begun", facts)
        if attempt["finished_at"] is not None:
            facts = facts | {"outcome": attempt["outcome"], "cause": attempt["cause"]}
            yield Step(attempt["finished_at"], "attempt ended", facts)
    for report in message["reports"]:
        facts = {name: report[name] for name in ("status", "ref", "cause")}
        yield Step(report["received_at"], "delivery report", identity | facts | _costs(report) | _moment(report))
    facts = {"state": message["state"], "provider ids": "\n".join(map(_part, message["refs"]))}
    facts |= {"parts counted": message["parts"], "parts billed": message["billed_parts"], "cause": message["cause"]}
    yield Step(message["state_at"], "state", identity | facts | _costs(message))


def _part(ref: JsonDict) -> str:
    """One of the provider's ids, with what was reported of it: "a1 (part 1): delivered, 0.0079 USD"."""
    told = [ref["status"] or "no report", *_costs(ref).values()]
    return f"{ref['ref']} (part {ref['part']}): {', '.join(told)}"


def _costs(row: JsonDict) -> JsonDict:
    return {} if row["price"] is None else {"price": str(Money(row["price"], row["currency"]))}


def _moment(report: JsonDict) -> JsonDict:
    """When it happened, by the provider's clock."""
    return {"happened": datetime.fromtimestamp(report["at"], UTC).isoformat(timespec="seconds")}


def _letter_steps(letters: Sequence[JsonDict]) -> Iterator[Step]:
    for letter in letters:
        facts = {"id": letter["id"], "kind": letter["kind"], "to": letter["recipient"], "about": letter["about"]}
        yield Step(letter["created_at"], "mail queued", facts)
        if letter["settled_at"] is not None:
            facts = {"id": letter["id"], "attempts": letter["attempts"], "cause": letter["cause"]}
            yield Step(letter["settled_at"], f"mail {letter['state']}", facts)


def _incoming_steps(incoming: JsonDict) -> Iterator[Step]:
    facts = {"id": incoming["id"], "provider": incoming["provider"], "ref": incoming["ref"]}
    facts |= {"from": incoming["from_number"], "to": incoming["to_number"], "text": _text(incoming)}
    yield Step(incoming["received_at"], "SMS received", facts)
    yield from _removal(incoming)
    for piece in incoming["pieces"]:
        facts = {"part": f"{piece['number']} of {piece['total']}", "ref": piece["ref"]}
        yield Step(piece["received_at"], "part received", facts)
    facts = {name: incoming[name] for name in ("state", "incomplete", "late")} | {"account": incoming["account_id"]}
    yield Step(incoming["received_at"], "SMS routed", facts)
    for answer in incoming["answers"]:
        yield from _message_steps(answer)
    yield from _letter_steps(incoming["letters"])
