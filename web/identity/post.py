"""The mails that let somebody in: invitations, links for a new password, links to an employee's own account.

They go out by the gateway's mail queue, in their reader's language, from postmaster@: nobody can answer a link.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.model import Clock, MailKind, OutgoingMail, new_id
from gateway.settings import MailSettings
from gateway.store import mail_queue_sql
from gateway.store.database import Database
from gateway.store.mail_queue_sql import NewMails
from gateway.translation import Translations
from gateway.writing.frame import FROM_NOBODY, Frame, for_people
from gateway.writing.mime import message, text_part
from web.language import page_words


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be said: a subject, paragraphs before the link, and some after it."""

    subject: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class Post:
    """Writes them and puts them into the queue."""

    def __init__(self, database: Database, mail: MailSettings, clock: Clock, queued: Callable[[], None]) -> None:
        """`queued` tells whoever sends mail in this process that there is some."""
        self._database = database
        self._mail = mail
        self._clock = clock
        self._queued = queued

    async def invite(self, email: str, url: str, *, by: str, organisation: str, language: str) -> None:
        """Somebody is asked to join an organisation; "" is the gateway itself."""
        await self._send(email, url, invitation(page_words(language), for_people(by), for_people(organisation)))

    async def reset(self, email: str, url: str, language: str) -> None:
        """Somebody has forgotten their password, or somebody else says so."""
        await self._send(email, url, forgotten(page_words(language)))

    async def sign_in(self, email: str, url: str, number: str, language: str) -> None:
        """An employee wants to see their own account."""
        await self._send(email, url, own_account(page_words(language), number))

    async def _send(self, email: str, url: str, letter: Letter) -> None:
        now = self._clock.now()
        mail_id, domain = new_id(now), self._mail.domains[0]
        frame = Frame(
            domain, f"postmaster@{domain}", email, f"{mail_id}@{self._mail.hostname}", now, suppress=FROM_NOBODY
        )
        text = "\n\n".join([*letter.before, url, *letter.after])
        content = message(frame.lines(letter.subject), text_part(text))
        mail = OutgoingMail(mail_id, MailKind.ACCESS, "", email, content, None, now)
        await self._database.write(mail_queue_sql.put, NewMails((mail,)))
        self._queued()


def invitation(words: Translations, by: str, organisation: str) -> Letter:
    """What an invitation says."""
    lead = (
        words.gettext("%(by)s invites you to manage the SMS of %(organisation)s.", by=by, organisation=organisation)
        if organisation
        else words.gettext("%(by)s invites you to run the SMS gateway.", by=by)
    )
    return Letter(
        subject=words.gettext("Invitation to Brevdue"),
        before=(lead, words.gettext("Open this link within seven days and choose a password. It works once:")),
        after=(words.gettext("If you do not know what this is about, do nothing."),),
    )


def forgotten(words: Translations) -> Letter:
    """What a link for a new password says."""
    return Letter(
        subject=words.gettext("A new password"),
        before=(words.gettext("Open this link within two hours and choose a new password. It works once:"),),
        after=(words.gettext("If you did not ask for this, do nothing: your password stays as it is."),),
    )


def own_account(words: Translations, number: str) -> Letter:
    """What a link to an employee's own account says."""
    return Letter(
        subject=words.gettext("Your SMS account"),
        before=(
            words.gettext("This link shows your account with the number %(number)s.", number=number),
            words.gettext("Open it within an hour. It works once:"),
        ),
        after=(words.gettext("If you did not ask for this, do nothing."),),
    )
