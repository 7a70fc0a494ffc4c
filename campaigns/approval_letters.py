"""What is told by mail about approval: to those who may approve, that one waits; to who asked, what was answered."""

from __future__ import annotations

from campaigns.approval import Approver, Who
from campaigns.campaign import Campaign
from gateway.model import Clock, MailKind, OutgoingMail, new_id
from gateway.settings import MailSettings
from gateway.translation import translations
from gateway.writing.frame import FROM_NOBODY, Frame, for_people
from gateway.writing.mime import message, text_part


class ApprovalLetters:
    """Writes them."""

    def __init__(self, mail: MailSettings, public_url: str, clock: Clock) -> None:
        self._mail = mail
        self._public_url = public_url.rstrip("/")
        self._clock = clock

    def asked(self, campaign: Campaign, who: Who, recipients: int, to: Approver) -> OutgoingMail:
        """To somebody who may approve."""
        words = translations(to.language, "campaigns")
        name, by = for_people(campaign.content.name), for_people(who.name)
        lead = words.gettext(
            "%(by)s wants to start the campaign %(name)s. It has %(recipients)s recipients, so a second person has to "
            "approve it.",
            by=by,
            name=name,
            recipients=recipients,
        )
        how = words.gettext("Read it here, then approve it or send it back with a word:")
        after = words.gettext("Nothing is sent until somebody has approved it.")
        subject = words.gettext("The campaign %(name)s waits for your approval", name=name)
        return self._mail_to(to.email, subject, (lead, how, self._url(campaign), after))

    def grown(self, campaign: Campaign, to: Approver) -> OutgoingMail:
        """To somebody who may let one go on that has paused since its audience has grown."""
        words = translations(to.language, "campaigns")
        name, by = for_people(campaign.content.name), for_people(campaign.approval.asked_by)
        lead = words.gettext(
            "%(by)s has started the campaign %(name)s. Its audience has grown since, so it has paused, and a second "
            "person has to let it go on.",
            by=by or "?",
            name=name,
        )
        how = words.gettext("Read it here, then let it go on or cancel it:")
        subject = words.gettext("The campaign %(name)s waits for your approval", name=name)
        return self._mail_to(to.email, subject, (lead, how, self._url(campaign)))

    def answered(self, campaign: Campaign, by: Who, *, approved: bool, word: str, language: str) -> OutgoingMail:
        """To who asked, at their mail address."""
        words = translations(language, "campaigns")
        name, who = for_people(campaign.content.name), for_people(by.name)
        lead: tuple[str, ...]
        if approved:
            subject = words.gettext("The campaign %(name)s is approved", name=name)
            lead = (words.gettext("%(by)s has approved the campaign %(name)s.", by=who, name=name),)
        else:
            subject = words.gettext("The campaign %(name)s was sent back", name=name)
            back = words.gettext(
                "%(by)s has sent the campaign %(name)s back. Change it and start it again.", by=who, name=name
            )
            lead = (back, word) if word else (back,)
        return self._mail_to(campaign.approval.asked_by, subject, (*lead, self._url(campaign)))

    def _url(self, campaign: Campaign) -> str:
        return f"{self._public_url}/campaigns/{campaign.id}"

    def _mail_to(self, email: str, subject: str, paragraphs: tuple[str, ...]) -> OutgoingMail:
        now = self._clock.now()
        mail_id, domain = new_id(now), self._mail.domains[0]
        frame = Frame(
            domain, f"postmaster@{domain}", email, f"{mail_id}@{self._mail.hostname}", now, suppress=FROM_NOBODY
        )
        content = message(frame.lines(subject), text_part("\n\n".join(paragraphs)))
        return OutgoingMail(mail_id, MailKind.REPORT, "", email, content, None, now)
