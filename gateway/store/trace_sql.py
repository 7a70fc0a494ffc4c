"""SQL for people who look into one message: all that is stored about it.

Whose it is may be asked: then another organisation's, or another account's, is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, select

from gateway.model import JsonDict, MailKind, Origin
from gateway.store.schema import attempts, inbound, inbound_parts, mail_queue, mails, messages, provider_refs, reports


def _rows(connection: Connection, query: Select[Any]) -> list[JsonDict]:
    return [dict(row) for row in connection.execute(query).mappings()]


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose messages may be seen: an organisation's, one account's; None for anybody's."""

    org_id: str | None = None
    account_id: str | None = None

    def among(self, table: Table) -> list[ColumnElement[bool]]:
        """What holds of the rows that may be seen."""
        named = ((table.c.org_id, self.org_id), (table.c.account_id, self.account_id))
        return [column == value for column, value in named if value is not None]


ANYBODYS = Whose()


def about(connection: Connection, wanted: str, whose: Whose) -> tuple[JsonDict | None, JsonDict | None]:
    """A mail, or an incoming SMS, that is called so: by our own ids first, which are found at once."""
    for find_mail, find_inbound in ((about_mail, about_inbound), (about_mail_named, about_inbound_named)):
        mail = find_mail(connection, wanted, whose)
        incoming = None if mail else find_inbound(connection, wanted, whose)
        if mail or incoming:
            return mail, incoming
    return None, None


def about_mail(connection: Connection, wanted: str, whose: Whose = ANYBODYS) -> JsonDict | None:
    """A mail by its id, or that of a message that it became; its row, with `messages` and `letters`.

    A campaign is no mail: of one, nothing but a single message is told.
    """
    found = _mail(connection, mails.c.id.in_([wanted, wanted.partition(".")[0]]), whose)
    if found is not None or "." not in wanted:
        return found
    of_message = select(messages.c.mail_id).where(messages.c.id == wanted).scalar_subquery()
    return _mail(connection, mails.c.id == of_message, whose, messages.c.id == wanted)


def about_mail_named(connection: Connection, wanted: str, whose: Whose = ANYBODYS) -> JsonDict | None:
    """The same by what others call it: the provider's id of a message, or the mail's Message-ID.

    No index knows Message-IDs: it takes a second with a million mails.
    """
    for provider in _providers(connection, provider_refs):
        ref = and_(provider_refs.c.provider == provider, provider_refs.c.ref == wanted)
        became = select(messages.c.mail_id).join(provider_refs, provider_refs.c.message_id == messages.c.id).where(ref)
        if found := _mail(connection, mails.c.id.in_(became), whose):
            return found
        named = connection.execute(select(provider_refs.c.message_id).where(ref)).scalars().first()
        if named is not None:
            return about_mail(connection, named, whose)
    return _mail(connection, mails.c.message_id == wanted.strip("<>"), whose) if "@" in wanted else None


def _mail(
    connection: Connection, named: ColumnElement[bool], whose: Whose, *only: ColumnElement[bool]
) -> JsonDict | None:
    mail = _first(connection, select(mails).where(named, *whose.among(mails)).order_by(mails.c.received_at))
    if mail is None or (mail["listener"] == Origin.CAMPAIGN and not only):
        return None
    mine = only or (messages.c.mail_id == mail["id"],)
    became = _rows(connection, select(messages).where(*mine).order_by(messages.c.id))
    for message in became:
        _add_history(connection, message)
    ids = [mail["id"], *(message["id"] for message in became)]
    return {**mail, "messages": became, "letters": _letters_about(connection, ids)}


def about_inbound(connection: Connection, wanted: str, whose: Whose = ANYBODYS) -> JsonDict | None:
    """An incoming SMS by its id, or those of the mails that it became and of the SMS that answered it.

    Its row, with `pieces`, `letters` and `answers`.
    """
    ids = [wanted.partition(".")[0]]
    about = select(mail_queue.c.about).where(mail_queue.c.id == wanted, mail_queue.c.kind == MailKind.DIALOG)
    ids += [each for each in connection.execute(about).scalars() if each is not None]
    return _inbound(connection, inbound.c.id.in_(ids), whose)


def about_inbound_named(connection: Connection, wanted: str, whose: Whose = ANYBODYS) -> JsonDict | None:
    """The same by the provider's id."""
    for provider in _providers(connection, inbound):
        if found := _inbound(connection, and_(inbound.c.provider == provider, inbound.c.ref == wanted), whose):
            return found
    return None


def _inbound(connection: Connection, named: ColumnElement[bool], whose: Whose) -> JsonDict | None:
    found = _first(connection, select(inbound).where(named, *whose.among(inbound)))
    if found is None:
        return None
    pieces = select(inbound_parts).where(inbound_parts.c.inbound_id == found["id"]).order_by(inbound_parts.c.number)
    answers = _rows(connection, select(messages).where(messages.c.id == f"{found['id']}.1"))
    for answer in answers:
        _add_history(connection, answer)
    letters = _letters_about(connection, [found["id"]])
    return {**found, "pieces": _rows(connection, pieces), "letters": letters, "answers": answers}


def _providers(connection: Connection, table: Table) -> Iterator[str]:
    """The providers that a table has rows of: one look into its index for each."""
    lowest = select(func.min(table.c.provider))
    provider = connection.execute(lowest).scalar()
    while provider is not None:
        yield provider
        provider = connection.execute(lowest.where(table.c.provider > provider)).scalar()


def _first(connection: Connection, query: Select[Any]) -> JsonDict | None:
    return next(iter(_rows(connection, query.limit(1))), None)


def _add_history(connection: Connection, message: JsonDict) -> None:
    """Add a message's attempts, provider ids (one per part where it gives one per part) and reports, in order."""
    for name, table, order in (
        ("history", attempts, attempts.c.n),
        ("refs", provider_refs, provider_refs.c.part),
    ):
        query = select(table).where(table.c.message_id == message["id"]).order_by(order)
        message[name] = _rows(connection, query)
    same_ref = and_(provider_refs.c.provider == reports.c.provider, provider_refs.c.ref == reports.c.ref)
    about = (
        select(reports)
        .join(provider_refs, same_ref)
        .where(provider_refs.c.message_id == message["id"], reports.c.message_id == message["id"])
        .order_by(reports.c.received_at)
    )
    message["reports"] = _rows(connection, about)


def _letters_about(connection: Connection, ids: Sequence[str]) -> list[JsonDict]:
    columns = [column for column in mail_queue.c if column.name != "content"]
    query = select(*columns).where(mail_queue.c.about.in_(ids)).order_by(mail_queue.c.created_at)
    return _rows(connection, query)
